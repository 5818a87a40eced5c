// SPDX-License-Identifier: Apache-2.0
#include "drive.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bpf/frame.h"
#include "../bpf/stun_build.h"
#include "../unit/srtp_oracle.h"
#include "core/clock.h"
#include "datapath/xdp.h"
#include "lib/egress.h"
#include "lib/flow.h"
#include "lib/stun.h"

#define PAYLOAD		160
#define ROUND		20000	/* frames at least */
#define LO		1	/* where test runs come from */
#define PT		96
#define PASSWORD	"0123456789abcdefghijklmn"

static void die(const char *what)
{
	perror(what);
	exit(1);
}

double median(double *v, int n)
{
	int i, k;
	double t;

	for (i = 1; i < n; i++)
		for (k = i; k > 0 && v[k] < v[k - 1]; k--) {
			t = v[k];
			v[k] = v[k - 1];
			v[k - 1] = t;
		}
	return n & 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void figure(const char *name, double value, const char *unit,
	    const char *baseline, double ratio)
{
	printf("BENCH {\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\"", name,
	       value, unit);
	if (baseline)
		printf(",\"baseline\":\"%s\",\"ratio\":%.3g", baseline, ratio);
	printf("}\n");
	fflush(stdout);
}

static int map_fd(struct bpf_object *o, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(o, name);

	if (fd < 0)
		die(name);
	return fd;
}

static int program_fd(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);

	if (!p)
		die(name);
	return bpf_program__fd(p);
}

static void put(struct bpf_object *o, const char *map, const void *key,
		const void *value)
{
	if (bpf_map_update_elem(map_fd(o, map), key, value, BPF_ANY))
		die(map);
}

static void put_at(struct bpf_object *o, const char *map, uint32_t index,
		   const void *value)
{
	put(o, map, &index, value);
}

/* The objects lie in the folder above this program's. */
static struct bpf_object *open_object(const char *name)
{
	char path[4096], *slash;
	struct bpf_object *o;
	ssize_t n;
	int i;

	n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	path[n < 0 ? 0 : n] = 0;
	for (i = 0; i < 2; i++) {
		slash = strrchr(path, '/');
		if (slash)
			*slash = 0;
	}
	strcat(path, "/");
	strcat(path, name);
	o = bpf_object__open_file(path, NULL);
	if (!o)
		die(path);
	return o;
}

void drive_open(struct drive *d)
{
	memset(d, 0, sizeof(*d));
	d->object = open_object("drive.bpf.o");
	if (bpf_object__load(d->object))
		die("drive.bpf.o");
}

void drive_close(struct drive *d)
{
	bpf_object__close(d->object);
	if (d->sluice)
		bpf_object__close(d->sluice);
}

static void resize(struct bpf_object *o, const char *name, uint32_t entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(o, name);

	if (!map || bpf_map__set_max_entries(map, entries))
		die(name);
}

static struct sluice_addr addr4(uint32_t ip)
{
	struct sluice_addr a = { .b = { [10] = 0xff, 0xff } };

	sluice_put32(a.b + 12, ip);
	return a;
}

/* 192.0.2.1:10000 for browsers in 10/8, 198.51.100.1 for the PBX's .10. */
static struct sluice_flow_key flow_key(enum drive_side side, uint32_t call)
{
	struct sluice_flow_key k = { 0 };

	if (side == DRIVE_TO_SIP) {
		k.local = addr4(0xc0000201);
		k.local_port = htons(10000);
		k.remote = addr4(0x0a000000 + call);
		k.remote_port = htons(5000);
	} else {
		k.local = addr4(0xc6336401);
		k.local_port = htons((uint16_t)(16384 + 2 * call));
		k.remote = addr4(0xc633640a);
		k.remote_port = htons(4000);
	}
	return k;
}

static uint32_t transport_id(enum drive_side side, uint32_t call)
{
	return 2 * call + 1 + (side == DRIVE_TO_WEB);
}

/* As the daemon's. */
static void add_relays(struct drive *d, uint32_t call)
{
	struct sluice_transport t[2];
	struct sluice_relay relay;
	struct sluice_stream s;
	uint32_t id;
	int side;

	for (side = 0; side < 2; side++) {
		id = transport_id(side, call);
		if (bpf_map_lookup_elem(map_fd(d->sluice,
					SLUICE_MAP_TRANSPORTS), &id, &t[side]))
			die(SLUICE_MAP_TRANSPORTS);
	}
	for (side = 0; side < 2; side++) {
		id = transport_id(side, call);
		if (bpf_map_lookup_elem(map_fd(d->sluice, SLUICE_MAP_STREAMS),
					&id, &s))
			die(SLUICE_MAP_STREAMS);
		xdp_relay_make(id, &s, &t[side], &t[!side], &relay);
		put_at(d->sluice, SLUICE_MAP_RELAYS, id, &relay);
	}
}

/* Eight characters, as ours are. */
static void ufrag_of(uint32_t call, char *ret)
{
	snprintf(ret, SLUICE_UFRAG_LEN + 1, "%08x", call);
}

static void add_credentials(struct drive *d, uint32_t call, uint32_t id)
{
	struct sluice_ufrag ufrag = { .transport = id,
				      .credential_generation = 1 };
	struct sluice_ice_key secret = { 0 };
	char name[SLUICE_UFRAG_LEN + 1];
	struct sluice_ufrag_key k;

	ufrag_of(call, name);
	memcpy(k.ufrag, name, sizeof(k.ufrag));
	sluice_ice_key_expand(PASSWORD, strlen(PASSWORD), &secret);
	put(d->sluice, SLUICE_MAP_UFRAGS, &k, &ufrag);
	put(d->sluice, SLUICE_MAP_ICE_KEYS, &k, &secret);
}

static uint32_t near_entries(uint32_t ids)
{
	uint32_t n = 1;

	while (n < ids)
		n *= 2;
	return n;
}

/* If there is a place, as the daemon does. */
static void add_near(struct drive *d, const struct sluice_flow_key *k,
		     uint32_t transport)
{
	uint32_t mask = near_entries(2 * d->streams + 2) - 1, i;
	uint32_t at = sluice_flow_hash(k) & mask;
	int fd = map_fd(d->sluice, SLUICE_MAP_NEAR);
	struct sluice_near near;

	if (bpf_map_lookup_elem(fd, &at, &near))
		die(SLUICE_MAP_NEAR);
	for (i = 0; i < SLUICE_FLOW_WAYS && near.way[i].transport; i++)
		;
	if (i == SLUICE_FLOW_WAYS)
		return;
	near.way[i].key = *k;
	near.way[i].transport = transport;
	put_at(d->sluice, SLUICE_MAP_NEAR, at, &near);
}

/* The side that packets arrive from. */
static void add_side(struct drive *d, enum drive_side side, uint32_t call)
{
	struct sluice_flow_key k = flow_key(side, call);
	uint32_t id = transport_id(side, call);
	bool web = side == DRIVE_TO_SIP, secured = web && d->profile;
	struct sluice_port_key door = { .local = k.local, .port = k.local_port };
	struct sluice_port port = {
		.kind = web ? SLUICE_PORT_WEB : SLUICE_PORT_SIP,
		.transport = web ? 0 : id };
	struct sluice_flow flow = { .transport = id,
		.flags = SLUICE_FLOW_VERIFIED | SLUICE_FLOW_SELECTED,
		.credential_generation = 1 };
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY |
			 (secured ? SLUICE_TRANSPORT_WEB : 0),
		.local = k.local, .remote = k.remote,
		.local_port = k.local_port, .remote_port = k.remote_port,
		.next_hop = 1, .streams = { id },
		.rx_key = secured ? 2 * call + 1 : 0,
		.tx_key = secured ? 2 * call + 2 : 0,
	};
	struct sluice_stream s = {
		.flags = SLUICE_STREAM_ACTIVE, .from = id,
		.to = web ? id + 1 : id - 1, .out_ssrc = 0x10000000 + id,
		.clock_hz = 48000,
	};

	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.payload[PT] = (struct sluice_payload){ .out_pt = PT };
	put(d->sluice, SLUICE_MAP_PORTS, &door, &port);
	put(d->sluice, SLUICE_MAP_FLOWS, &k, &flow);
	add_near(d, &k, id);
	sluice_egress_make(&t, &t.egress);
	put_at(d->sluice, SLUICE_MAP_TRANSPORTS, id, &t);
	put_at(d->sluice, SLUICE_MAP_STREAMS, id, &s);
	if (secured) {
		add_credentials(d, call, id);
		put_at(d->sluice, SLUICE_MAP_KEYS, t.rx_key, &d->key);
		put_at(d->sluice, SLUICE_MAP_KEYS, t.tx_key, &d->key);
	}
}

void drive_calls(struct drive *d, uint32_t profile, uint32_t streams)
{
	struct oracle_master m = oracle_master(profile, 42);
	struct sluice_control c = { .contract = SLUICE_CONTRACT_VERSION,
				    .near_mask = near_entries(2 * streams + 2) - 1,
				    .heartbeat_ns = clock_ns() };
	struct sluice_next_hop hop = { .flags = SLUICE_HOP_VALID,
				       .ifindex = LO, .mtu = 1500 };
	uint32_t ids = 2 * streams + 2, call;
	const char *name = d->wants_plain || !xdp_has_arenas() ?
		"sluice_xdp.bpf.o" : "sluice_xdp_arena.bpf.o";

	d->profile = profile;
	d->streams = streams;
	d->index[0] = d->index[1] = 1;
	if (profile)
		d->key = oracle_expand(&m);
	if (d->sluice)
		bpf_object__close(d->sluice);
	d->sluice = open_object(name);
	resize(d->sluice, SLUICE_MAP_KEYS, ids);
	resize(d->sluice, SLUICE_MAP_TRANSPORTS, ids);
	resize(d->sluice, SLUICE_MAP_STREAMS, ids);
	resize(d->sluice, SLUICE_MAP_RELAYS, ids);
	resize(d->sluice, SLUICE_MAP_STATES, ids);
	resize(d->sluice, SLUICE_MAP_PEERS, ids);
	resize(d->sluice, SLUICE_MAP_RTCP, ids);
	resize(d->sluice, SLUICE_MAP_UFRAGS, ids);
	resize(d->sluice, SLUICE_MAP_ICE_KEYS, ids);
	resize(d->sluice, SLUICE_MAP_FLOWS, 2 * ids);
	resize(d->sluice, SLUICE_MAP_NEAR, near_entries(ids));
	if (xdp_object_load(d->sluice))
		die(name);
	put_at(d->sluice, SLUICE_MAP_CONTROL, 0, &c);
	put_at(d->sluice, SLUICE_MAP_NEXT_HOPS, 1, &hop);
	for (call = 0; call < streams; call++) {
		add_side(d, DRIVE_TO_SIP, call);
		add_side(d, DRIVE_TO_WEB, call);
		add_relays(d, call);
	}
}

/* Of one call; index: ROC || SEQ. */
static void make_frame(struct drive *d, enum drive_side side, uint32_t call,
		       uint64_t index, struct drive_frame *ret)
{
	static _Alignas(8) uint8_t packet[SLUICE_SCRATCH];
	static uint8_t frame[FRAME_MAX];
	struct sluice_flow_key k = flow_key(side, call);
	struct oracle_rtp r = { .pt = PT, .seq = (uint16_t)index,
				.ssrc = 77 + call,
				.timestamp = (uint32_t)index * 960,
				.payload_len = PAYLOAD,
				.extension_words = -1 };
	uint32_t len = oracle_packet(&r, packet);
	struct frame_spec f = { .src.port = ntohs(k.remote_port),
				.dst.port = ntohs(k.local_port) };
	int n;

	memcpy(f.src.ip, k.remote.b, 16);
	memcpy(f.dst.ip, k.local.b, 16);
	if (side == DRIVE_TO_SIP && d->profile) {
		n = sluice_srtp_protect(&d->key, index, r.ssrc, packet, 12, len);
		len = (uint32_t)n;
	}
	ret->len = frame_build(&f, packet, len, frame);
	memcpy(ret->b, frame, DRIVE_FRAME_MAX);
}

/* Whole rounds over all streams, each in an order of its own; their number. */
static uint32_t make_frames(struct drive *d, enum drive_side side)
{
	uint32_t *order = calloc(d->streams, sizeof(*order)), at = 0, i, k, t;
	struct drive_frame f = { 0 };
	int fd = map_fd(d->object, "d_frames");

	if (!order)
		die("calloc");
	for (i = 0; i < d->streams; i++)
		order[i] = i;
	for (; at < ROUND; d->index[side]++)
		for (i = 0; i < d->streams; i++, at++) {
			k = i + (uint32_t)random() % (d->streams - i);
			t = order[i];
			order[i] = order[k];
			order[k] = t;
			make_frame(d, side, order[i], d->index[side], &f);
			if (bpf_map_update_elem(fd, &at, &f, BPF_ANY))
				die("d_frames");
		}
	free(order);
	return at;
}

static double run(struct drive *d, int target, uint32_t count)
{
	struct drive_state s = { 0 };
	uint8_t first[DRIVE_FRAME_MAX] = { 0 };
	uint32_t zero = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = first, .data_size_in = sizeof(first) - 24,
		.repeat = (int)count,
	);

	put_at(d->object, "d_state", 0, &s);
	put(d->object, "d_program", &zero, &target);
	if (bpf_prog_test_run_opts(program_fd(d->object, "d_drive"), &opts))
		die("test run");
	if (opts.retval != XDP_TX) {
		fprintf(stderr, "the last verdict is %u\n", opts.retval);
		exit(1);
	}
	return opts.duration;
}

static uint64_t counted(struct drive *d, uint32_t counter)
{
	static uint64_t values[1024];
	int n = libbpf_num_possible_cpus(), i;
	uint64_t sum = 0;

	if (n > 1024 || bpf_map_lookup_elem(map_fd(d->sluice,
				SLUICE_MAP_COUNTERS), &counter, values))
		die("counters");
	for (i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

static uint64_t relayed(struct drive *d)
{
	return counted(d, SLUICE_COUNT_RELAYED_WEB) +
	       counted(d, SLUICE_COUNT_RELAYED_SIP);
}

double drive_relay(struct drive *d, enum drive_side side)
{
	uint32_t count = make_frames(d, side);
	uint64_t before = relayed(d), got;
	double ns;

	ns = run(d, program_fd(d->sluice, "sluice_xdp"), count);
	got = relayed(d) - before;
	if (got != count) {
		fprintf(stderr, "%u frames, %llu relayed\n", count,
			(unsigned long long)got);
		exit(1);
	}
	return ns;
}

double drive_empty(struct drive *d, enum drive_side side)
{
	uint64_t index = d->index[side];
	uint32_t count = make_frames(d, side);

	/* nobody saw them */
	d->index[side] = index;
	return run(d, program_fd(d->object, "d_nothing"), count);
}

/* A request of each call in turn, of any that there are. */
static uint32_t make_checks(struct drive *d)
{
	int fd = map_fd(d->object, "d_frames");
	struct drive_frame f = { 0 };
	uint8_t message[STUN_MAX], frame[FRAME_MAX];
	char username[32];
	uint32_t at, call, len;

	for (at = 0; at < ROUND; at++) {
		struct stun_spec spec = { .username = username,
					  .password = PASSWORD };
		struct sluice_flow_key k;
		struct frame_spec to = { 0 };

		call = (uint32_t)random() % d->streams;
		ufrag_of(call, username);
		strcat(username, ":WxYz");
		len = stun_build(&spec, message);
		k = flow_key(DRIVE_TO_SIP, call);
		memcpy(to.src.ip, k.remote.b, 16);
		memcpy(to.dst.ip, k.local.b, 16);
		to.src.port = ntohs(k.remote_port);
		to.dst.port = ntohs(k.local_port);
		f.len = frame_build(&to, message, len, frame);
		memcpy(f.b, frame, DRIVE_FRAME_MAX);
		if (bpf_map_update_elem(fd, &at, &f, BPF_ANY))
			die("d_frames");
	}
	return at;
}

double drive_consent(struct drive *d)
{
	uint32_t count = make_checks(d);
	uint64_t before = counted(d, SLUICE_COUNT_ANSWERED_STUN), got;
	double ns, empty;

	empty = run(d, program_fd(d->object, "d_nothing"), count);
	ns = run(d, program_fd(d->sluice, "sluice_xdp"), count);
	got = counted(d, SLUICE_COUNT_ANSWERED_STUN) - before;
	if (got != count) {
		fprintf(stderr, "%u checks, %llu answered\n", count,
			(unsigned long long)got);
		exit(1);
	}
	return ns - empty;
}

void drive_keys(struct drive *d, const struct sluice_key *key)
{
	uint32_t i;

	for (i = 0; i < DRIVE_KEYS; i++)
		put_at(d->object, "d_keys", i, key);
}

double drive_transform(struct drive *d, const char *program,
		       const uint8_t *packet, uint32_t len, int want)
{
	struct drive_state s = { 0 };
	uint32_t zero = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = packet, .data_size_in = len, .repeat = ROUND,
	);

	put_at(d->object, "d_state", 0, &s);
	if (bpf_prog_test_run_opts(program_fd(d->object, program), &opts))
		die(program);
	if (bpf_map_lookup_elem(map_fd(d->object, "d_state"), &zero, &s) ||
	    s.result != want) {
		fprintf(stderr, "%s answers %d, not %d\n", program, s.result,
			want);
		exit(1);
	}
	return opts.duration;
}
