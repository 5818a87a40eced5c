/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon of contract 2 leaves behind when it is killed: the maps and
 * the program of contract2_old.bpf.c, pinned and attached, with backend_rig.h's
 * call in mid-course, past the first roll-over of its sequence numbers.
 */
#ifndef CONTRACT2_RIG_H
#define CONTRACT2_RIG_H

#include "backend_rig.h"

#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <sys/ioctl.h>

#include "datapath/pins.h"
#include "uapi/contract2.h"

#define SIZE		64	/* streams, as contract2_old.bpf.c has it */
#define SSRC		77	/* of both sources, as relay() sends */
#define WEB_BEFORE	60	/* packets that the browser sent before */
#define WEB_HIGHEST	(65500ULL + WEB_BEFORE - 1)
#define WEB_OUT		5000ULL	/* next index towards the PBX */
#define SIP_HIGHEST	999ULL
#define SIP_BEFORE	60	/* packets that the browser got before */
#define SIP_OUT		(65500ULL + SIP_BEFORE)
#define WEB_TIME	12345U
#define SIP_TIME	777U
#define SRTCP_NEXT	4711
#define SEEN_NS		1000000000ULL

static struct bpf_object *old;
static uint8_t before[WEB_BEFORE][512];	/* what the browser sent */
static int before_len[WEB_BEFORE];

RIG int map(const char *name)
{
	return bpf_object__find_map_fd_by_name(old, name);
}

RIG void put(const char *name, const void *key, const void *value)
{
	must(bpf_map_update_elem(map(name), key, value, BPF_ANY), name);
}

RIG void set_control(uint32_t contract)
{
	struct { uint32_t contract, reserved; uint64_t heartbeat, boot[2]; } c = {
		.contract = contract, .heartbeat = clock_ns() };
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
	char text[64] = "", hex[33] = "";
	uint32_t zero = 0;
	size_t n = 0;

	must(!f || !fgets(text, sizeof(text), f), "boot_id");
	fclose(f);
	for (char *p = text; *p && n < 32; p++)
		if (*p != '-')
			hex[n++] = *p;
	c.boot[1] = strtoull(hex + 16, NULL, 16);
	hex[16] = 0;
	c.boot[0] = strtoull(hex, NULL, 16);
	put(SLUICE_MAP_CONTROL, &zero, &c);
}

RIG void set_key(uint32_t slot, const struct oracle_master *master)
{
	struct sluice_key k = oracle_expand(master);
	struct contract2_key key = { .profile = k.profile, .generation = 1,
				     .rtp = k.rtp, .rtcp = k.rtcp };

	memcpy(key.ghash_table, k.ghash_table, sizeof(key.ghash_table));
	put(SLUICE_MAP_KEYS, &slot, &key);
}

RIG void mac_of(int fd, const char *name, uint8_t ret[6])
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	must(ioctl(fd, SIOCGIFHWADDR, &r), name);
	memcpy(ret, r.ifr_hwaddr.sa_data, 6);
}

RIG void set_hop(uint32_t id, const char *ours, const char *theirs)
{
	struct sluice_next_hop hop = { .flags = SLUICE_HOP_VALID, .mtu = 1500,
				       .ifindex = if_nametoindex(ours) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	mac_of(fd, ours, hop.src_mac);
	mac_of(peer_sockets[id - 1], theirs, hop.dst_mac);
	close(fd);
	put(SLUICE_MAP_NEXT_HOPS, &id, &hop);
}

RIG void set_transport(uint32_t id)
{
	bool is_web = id == 1;
	const struct addr *local = is_web ? &web_local : &sip_local;
	const struct addr *remote = is_web ? &web_remote : &sip_remote;
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY |
			 (is_web ? SLUICE_TRANSPORT_WEB : 0),
		.generation = 1,
		.local = contract(local), .remote = contract(remote),
		.local_port = htons(local->port),
		.remote_port = htons(remote->port), .next_hop = id,
		.rx_key = is_web ? 1 : 0, .tx_key = is_web ? 2 : 0,
		.streams = { id },
	};
	struct sluice_port_key door = { contract(local), htons(local->port),
					0 };
	struct sluice_port port = { is_web ? SLUICE_PORT_WEB : SLUICE_PORT_SIP,
				    id };
	struct sluice_flow_key key = { contract(local), contract(remote),
				       htons(local->port),
				       htons(remote->port), 0 };
	struct contract2_flow flow = { .transport = id,
				       .flags = SLUICE_FLOW_VERIFIED,
				       .credential_generation = 1,
				       .hint = { id, 3 - id, 1, 2 } };

	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.payload[0] = (struct sluice_payload){ .out_pt = 0 };
	put(SLUICE_MAP_TRANSPORTS, &id, &t);
	put(SLUICE_MAP_PORTS, &door, &port);
	put(SLUICE_MAP_FLOWS, &key, &flow);
}

/* One of them; the newer, the higher its SSRC. */
RIG void set_source(uint32_t id, uint32_t slot, uint32_t ssrc,
		       uint64_t highest, uint64_t next_index, uint32_t time)
{
	struct contract2_sources list = { 0 };
	struct contract2_ssrc_key key = { id, ssrc };
	struct contract2_ssrc s = {
		.stream = id, .highest = highest,
		.window = { ~0ULL, ~0ULL },
		.index_delta = (int64_t)(next_index - highest - 1),
		.timestamp_delta = time, .bad_seq = 0x10000,
		.packets = 60, .bytes = 9600, .first_index = highest - 62,
		.last_seen_ns = SEEN_NS + ssrc, .late = 2 };

	put(CONTRACT2_MAP_SSRCS, &key, &s);
	bpf_map_lookup_elem(map(CONTRACT2_MAP_SOURCES), &id, &list);
	list.keys[slot] = (uint64_t)ssrc << 32 | id;
	put(CONTRACT2_MAP_SOURCES, &id, &list);
}

RIG void set_stream(uint32_t id, uint64_t highest, uint64_t next_index,
		       uint32_t time, uint32_t sources)
{
	struct sluice_stream s = { .flags = SLUICE_STREAM_ACTIVE, .from = id,
				   .to = 3 - id, .out_ssrc = 0x0a0a0a0a + id,
				   .clock_hz = 8000, .reverse = 3 - id };
	struct contract2_out out = {
		.sources = sources, .next_index = next_index,
		.window = { ~0ULL, ~0ULL }, .current_ssrc = SSRC,
		.last_timestamp = (uint32_t)highest * 160 + time,
		.last_sent_ns = clock_ns(), .packets = 60, .bytes = 9600 };
	struct sluice_rtcp_out rtcp = { .next_index = SRTCP_NEXT };
	uint32_t i;

	put(SLUICE_MAP_STREAMS, &id, &s);
	put(CONTRACT2_MAP_OUT, &id, &out);
	put(SLUICE_MAP_RTCP, &id, &rtcp);
	/* the live one is the last in the list and was heard last */
	for (i = 0; i < sources; i++)
		set_source(id, i, SSRC + 1 + i - sources, highest, next_index,
			   time);
}

RIG void attach(const char *device)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	struct bpf_program *p = bpf_object__find_program_by_name(old,
								 "sluice_xdp");
	char path[128];
	int fd = bpf_link_create(bpf_program__fd(p),
				 (int)if_nametoindex(device), BPF_XDP, &opts);

	must(fd < 0, "link");
	snprintf(path, sizeof(path), PINS "/link_%s", device);
	must(bpf_obj_pin(fd, path), path);
	close(fd);
}

/* The browser's ends, and what they sent and heard until now. */
RIG void make_peer(const struct oracle_master *rx,
		      const struct oracle_master *tx)
{
	struct oracle_rtp r = { .extension_words = 2, .ssrc = SSRC,
				.payload_len = 160 };
	srtp_t gateway = oracle_open(tx, 1);
	uint8_t packet[512];
	int i, len;

	browser_tx = oracle_open(rx, 1);
	browser_rx = oracle_open(tx, 0);
	for (i = 0; i < WEB_BEFORE; i++) {
		r.seq = (uint16_t)(65500 + i);
		r.timestamp = r.seq * 160U;
		len = (int)oracle_packet(&r, before[i]);
		before_len[i] = oracle_protect(browser_tx, before[i], len);
	}
	r.extension_words = -1;
	r.ssrc = 0x0a0a0a0a + 2;
	for (i = 0; i < SIP_BEFORE; i++) {
		r.seq = (uint16_t)(65500 + i);
		len = (int)oracle_packet(&r, packet);
		len = oracle_protect(gateway, packet, len);
		must(oracle_unprotect(browser_rx, packet, len) < 12, "before");
	}
	srtp_dealloc(gateway);
}

RIG void leave_old(uint32_t contract, uint32_t web_sources,
		      uint32_t sip_sources)
{
	struct oracle_master rx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						3);
	struct oracle_master tx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						4);
	char path[4096];
	struct bpf_map *m;

	snprintf(path, sizeof(path), "%.*s/contract2_old.bpf.o",
		 (int)(strrchr(object, '/') - object), object);
	old = bpf_object__open_file(path, NULL);
	must(!old || bpf_object__load(old), path);
	pins_remove(PINS);
	must(pins_prepare(PINS), PINS);
	bpf_object__for_each_map(m, old) {
		snprintf(path, sizeof(path), PINS "/%s", bpf_map__name(m));
		must(bpf_obj_pin(bpf_map__fd(m), path), path);
	}
	set_control(contract);
	set_key(1, &rx);
	set_key(2, &tx);
	set_hop(1, "web0", "web1");
	set_hop(2, "sip0", "sip1");
	set_transport(1);
	set_transport(2);
	set_stream(1, WEB_HIGHEST, WEB_OUT, WEB_TIME, web_sources);
	set_stream(2, SIP_HIGHEST, SIP_OUT, SIP_TIME, sip_sources);
	make_peer(&rx, &tx);
	attach("web0");
	attach("sip0");
	/* the pins alone keep it */
	bpf_object__close(old);
	old = NULL;
}

RIG void forget_peer(void)
{
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
	pins_remove(PINS);
}

#endif
