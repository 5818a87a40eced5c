/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real program with one call in its maps:
 *
 *   browser 192.0.2.99:5000       PBX 198.51.100.10:4000
 *        |  SRTP                      |  RTP
 *   192.0.2.1:10000  [sluice]  198.51.100.1:16384
 *   transport 1                 transport 2
 *
 * Stream 1 runs from the browser, stream 2 to it. Both next hops are the
 * device that test runs come from, so that a relayed frame is XDP_TX.
 */
#ifndef SELFTESTS_RELAY_RIG_H
#define SELFTESTS_RELAY_RIG_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "datapath/xdp.h"
#include "frame.h"
#include "lib/egress.h"
#include "lib/flow.h"
#include "lib/stun.h"
#include "../unit/srtp_oracle.h"
#include "../unit/tap.h"

#define RIG_WEB		1
#define RIG_SIP		2
#define RIG_WEB_SSRC	0x11111111	/* the browser's */
#define RIG_SIP_SSRC	0x22222222	/* the PBX's */
#define RIG_TO_SIP_SSRC	0x0a0a0a0a	/* ours */
#define RIG_TO_WEB_SSRC	0x0b0b0b0b
#define RIG_WEB_PT	111
#define RIG_SIP_PT	96
#define RIG_CNAME	"0123456789abcdef"
#define RIG_LO		1		/* test runs come from lo */
#define RIG_ALIVE	UINT64_MAX	/* a heartbeat that no slow machine outlives */

struct rig {
	struct bpf_object *obj;
	int prog;
	struct addr web_local, web_remote, sip_local, sip_remote;
	uint8_t out[FRAME_MAX];
	uint32_t out_len;
};

static inline int rig_map(struct rig *r, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(r->obj, name);

	if (fd < 0) {
		printf("Bail out! no map %s\n", name);
		exit(1);
	}
	return fd;
}

static inline void rig_put(struct rig *r, const char *map, const void *key,
			   const void *value)
{
	if (bpf_map_update_elem(rig_map(r, map), key, value, BPF_ANY)) {
		printf("Bail out! update of %s\n", map);
		exit(1);
	}
}

#define RIG_IDS	16	/* of streams and transports */

/* The short ways, as the daemon makes them of what the maps say. */
static inline void rig_relays(struct rig *r)
{
	static const struct sluice_transport none;
	struct sluice_transport t[RIG_IDS];
	struct sluice_relay relay;
	struct sluice_stream s;
	uint32_t id;

	for (id = 0; id < RIG_IDS; id++)
		bpf_map_lookup_elem(rig_map(r, SLUICE_MAP_TRANSPORTS), &id,
				    &t[id]);
	for (id = 1; id < RIG_IDS; id++) {
		bpf_map_lookup_elem(rig_map(r, SLUICE_MAP_STREAMS), &id, &s);
		xdp_relay_make(id, &s, s.from < RIG_IDS ? &t[s.from] : &none,
			       s.to < RIG_IDS ? &t[s.to] : &none, &relay);
		rig_put(r, SLUICE_MAP_RELAYS, &id, &relay);
	}
}

static inline void rig_put_at(struct rig *r, const char *map, uint32_t index,
			      const void *value)
{
	struct sluice_transport t;

	if (!strcmp(map, SLUICE_MAP_TRANSPORTS)) {
		t = *(const struct sluice_transport *)value;
		sluice_egress_make(&t, &t.egress);
		rig_put(r, map, &index, &t);
	} else {
		rig_put(r, map, &index, value);
	}
	if (!strcmp(map, SLUICE_MAP_TRANSPORTS) ||
	    !strcmp(map, SLUICE_MAP_STREAMS))
		rig_relays(r);
}

static inline struct sluice_addr rig_addr(const struct addr *a)
{
	struct sluice_addr ret;

	memcpy(ret.b, a->ip, 16);
	return ret;
}

static inline void rig_heartbeat(struct rig *r, uint64_t ns)
{
	struct sluice_control c = { .contract = SLUICE_CONTRACT_VERSION,
				    .near_mask = SLUICE_MAX_NEAR - 1,
				    .heartbeat_ns = ns };

	rig_put_at(r, SLUICE_MAP_CONTROL, 0, &c);
}

static inline void rig_port(struct rig *r, const struct addr *local,
			    uint32_t kind, uint32_t transport)
{
	struct sluice_port_key key = { .local = rig_addr(local),
				       .port = htons(local->port) };
	struct sluice_port port = { kind, transport };

	rig_put(r, SLUICE_MAP_PORTS, &key, &port);
}

/* As the daemon does, at the first place. */
static inline void rig_near(struct rig *r, const struct sluice_flow_key *key,
			    const struct sluice_flow *flow)
{
	uint32_t at = sluice_flow_hash(key) & (SLUICE_MAX_NEAR - 1);
	struct sluice_near near = { 0 };

	if (!(flow->flags & SLUICE_FLOW_FAR))
		near.way[0] = (struct sluice_near_flow){
			.key = *key, .transport = flow->transport };
	rig_put(r, SLUICE_MAP_NEAR, &at, &near);
}

static inline void rig_flow(struct rig *r, const struct addr *local,
			    const struct addr *remote, uint32_t transport,
			    uint32_t flags)
{
	struct sluice_flow_key key = { .local = rig_addr(local),
				       .remote = rig_addr(remote),
				       .local_port = htons(local->port),
				       .remote_port = htons(remote->port) };
	struct sluice_flow flow = { .transport = transport, .flags = flags,
				    .credential_generation = 1 };

	rig_put(r, SLUICE_MAP_FLOWS, &key, &flow);
	rig_near(r, &key, &flow);
}

static inline void rig_hop(struct rig *r, uint32_t id, uint16_t vlan_id,
			   uint32_t ifindex, uint16_t mtu)
{
	struct sluice_next_hop hop = {
		.flags = SLUICE_HOP_VALID | (vlan_id ? SLUICE_HOP_VLAN : 0),
		.ifindex = ifindex,
		.dst_mac = { 2, 0, 0, 0, 1, (uint8_t)id },
		.src_mac = { 2, 0, 0, 0, 2, (uint8_t)id },
		.vlan_id = vlan_id, .mtu = mtu,
	};

	rig_put_at(r, SLUICE_MAP_NEXT_HOPS, id, &hop);
}

static inline void rig_transport(struct rig *r, uint32_t id, uint32_t keys,
				 uint32_t extra_flags)
{
	bool web = id == RIG_WEB;
	struct addr *local = web ? &r->web_local : &r->sip_local;
	struct addr *remote = web ? &r->web_remote : &r->sip_remote;
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY | extra_flags |
			 (web ? SLUICE_TRANSPORT_WEB : 0),
		.local = rig_addr(local), .remote = rig_addr(remote),
		.local_port = htons(local->port),
		.remote_port = htons(remote->port),
		.next_hop = id, .dscp = 46,
		.rx_key = keys ? keys : 0, .tx_key = keys ? keys + 1 : 0,
		.streams = { id },	/* stream ids equal those of arrival */
	};

	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.payload[web ? RIG_WEB_PT : RIG_SIP_PT] =
		(struct sluice_payload){
			.out_pt = web ? RIG_SIP_PT : RIG_WEB_PT };
	rig_put_at(r, SLUICE_MAP_TRANSPORTS, id, &t);
}

static inline void rig_stream(struct rig *r, uint32_t id, uint32_t flags)
{
	struct sluice_stream s = {
		.flags = flags, .from = id, .to = 3 - id,
		.out_ssrc = id == RIG_WEB ? RIG_TO_SIP_SSRC : RIG_TO_WEB_SSRC,
		.clock_hz = 48000, .generation = 1, .reverse = 3 - id,
		.feedback = SLUICE_FEEDBACK_PLI, .cname = RIG_CNAME,
	};

	rig_put_at(r, SLUICE_MAP_STREAMS, id, &s);
}

static inline struct sluice_state rig_state(struct rig *r, uint32_t stream)
{
	struct sluice_state state = { 0 };

	bpf_map_lookup_elem_flags(rig_map(r, SLUICE_MAP_STATES), &stream,
				  &state, BPF_F_LOCK);
	return state;
}

/* No source has sent yet, nothing was sent. */
static inline void rig_forget(struct rig *r)
{
	static const struct sluice_state none;
	uint32_t id;

	for (id = 1; id < RIG_IDS; id++)
		rig_put_at(r, SLUICE_MAP_STATES, id, &none);
}

static inline uint64_t rig_sum(struct rig *r, const char *map, uint32_t index)
{
	static uint64_t values[1024];
	int fd = rig_map(r, map), i, n = libbpf_num_possible_cpus();
	uint64_t sum = 0;

	if (n > 1024 || bpf_map_lookup_elem(fd, &index, values))
		return UINT64_MAX;
	for (i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

static inline uint64_t rig_drops(struct rig *r, enum sluice_drop reason)
{
	return rig_sum(r, SLUICE_MAP_DROPS, reason);
}

/* Runs a frame; the verdict, and the frame that left in r->out. */
static inline int rig_run(struct rig *r, const uint8_t *frame, uint32_t len)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
			    .data_size_in = len, .data_out = r->out,
			    .data_size_out = sizeof(r->out), .repeat = 1);
	int err = bpf_prog_test_run_opts(r->prog, &opts);

	if (err)
		return err;
	r->out_len = opts.data_size_out;
	return (int)opts.retval;
}

static inline int rig_send(struct rig *r, const struct frame_spec *s,
			   const uint8_t *payload, uint32_t len)
{
	uint8_t frame[FRAME_MAX];

	return rig_run(r, frame, frame_build(s, payload, len, frame));
}

/*
 * The reason that one frame was dropped for; SLUICE_DROP_NONE if it was not,
 * -1 if the verdict was XDP_DROP and not exactly one reason was counted.
 */
static inline int rig_reason(struct rig *r, const struct frame_spec *s,
			     const uint8_t *payload, uint32_t len)
{
	uint64_t before[SLUICE_DROP_MAX], n, total = 0;
	int i, reason = -1;

	for (i = 0; i < SLUICE_DROP_MAX; i++)
		before[i] = rig_drops(r, i);
	if (rig_send(r, s, payload, len) != XDP_DROP)
		return SLUICE_DROP_NONE;
	for (i = 0; i < SLUICE_DROP_MAX; i++) {
		n = rig_drops(r, i) - before[i];
		total += n;
		if (n)
			reason = i;
	}
	return total == 1 ? reason : -1;
}

#define RIG_UFRAG	"abcdefgh"
#define RIG_PASSWORD	"0123456789abcdefghijklmn"

/* A name and its password, as the daemon writes them. */
static inline void rig_ufrag(struct rig *r, const char *name,
			     const char *password, uint32_t transport)
{
	struct sluice_ufrag ufrag = { .transport = transport,
				      .credential_generation = 1 };
	struct sluice_ice_key secret = { 0 };
	struct sluice_ufrag_key key;

	memcpy(key.ufrag, name, sizeof(key.ufrag));
	sluice_ice_key_expand(password, strlen(password), &secret);
	rig_put(r, SLUICE_MAP_ICE_KEYS, &key, &secret);
	rig_put(r, SLUICE_MAP_UFRAGS, &key, &ufrag);
}

static inline struct addr rig_parse(const char *text)
{
	struct addr a;

	if (addr_parse(text, &a)) {
		printf("Bail out! %s\n", text);
		exit(1);
	}
	return a;
}

/* Door, flows, transports, streams for the rig's addresses. */
static inline void rig_call(struct rig *r, uint32_t web_keys)
{
	rig_port(r, &r->web_local, SLUICE_PORT_WEB, 0);
	rig_port(r, &r->sip_local, SLUICE_PORT_SIP, RIG_SIP);
	rig_flow(r, &r->web_local, &r->web_remote, RIG_WEB,
		 SLUICE_FLOW_VERIFIED | SLUICE_FLOW_SELECTED);
	rig_flow(r, &r->sip_local, &r->sip_remote, RIG_SIP, 0);
	rig_hop(r, RIG_WEB, 0, RIG_LO, 1500);
	rig_hop(r, RIG_SIP, 0, RIG_LO, 1500);
	rig_transport(r, RIG_WEB, web_keys, 0);
	rig_transport(r, RIG_SIP, 0, 0);
	rig_stream(r, RIG_WEB, SLUICE_STREAM_ACTIVE);
	rig_stream(r, RIG_SIP, SLUICE_STREAM_ACTIVE);
	rig_forget(r);
}

/* test_x_arena is test_x under another name, for the object with an arena. */
static inline bool rig_wants_arena(void)
{
	const char *name = program_invocation_short_name, *end = "_arena";
	size_t len = strlen(name), n = strlen(end);

	return len > n && !strcmp(name + len - n, end);
}

/* Loads the object beside the test's folder; exits 4 without the rights. */
static inline void rig_open(struct rig *r)
{
	bool wants_arena = rig_wants_arena();
	char path[4096], *slash;
	ssize_t n;
	int i;

	if (geteuid()) {
		tap_skip("relay_program", "needs root");
		tap_done();
		exit(4);
	}
	if (wants_arena && !xdp_has_arenas()) {
		tap_skip("arena_program", "this kernel has no BPF arenas");
		exit(tap_done());
	}
	n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	path[n < 0 ? 0 : n] = 0;
	for (i = 0; i < 2; i++) {
		slash = strrchr(path, '/');
		if (slash)
			*slash = 0;
	}
	strcat(path, wants_arena ? "/sluice_xdp_arena.bpf.o" :
				   "/sluice_xdp.bpf.o");
	r->obj = bpf_object__open_file(path, NULL);
	if (!r->obj || xdp_object_load(r->obj)) {
		printf("Bail out! cannot load %s\n", path);
		exit(1);
	}
	r->prog = bpf_program__fd(bpf_object__find_program_by_name(
					  r->obj, "sluice_xdp"));
	r->web_local = rig_parse("192.0.2.1:10000");
	r->web_remote = rig_parse("192.0.2.99:5000");
	r->sip_local = rig_parse("198.51.100.1:16384");
	r->sip_remote = rig_parse("198.51.100.10:4000");
	rig_heartbeat(r, RIG_ALIVE);
}

#endif
