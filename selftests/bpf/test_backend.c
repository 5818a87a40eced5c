// SPDX-License-Identifier: Apache-2.0
/* The kernel backend on veth: relaying, neighbours, hops, foreign programs. */
#define PINS	"/sys/fs/bpf/sluice-test-backend"

#include <xdp/libxdp.h>

#include "backend_rig.h"
#include "datapath/xdp.h"
#include "frame.h"
#include "lib/flow.h"

/* Out of the kernel, through the user backend, and back: the same bytes. */
static int is_same_elsewhere(void *x, uint32_t id,
			     const struct datapath_stream_state *state)
{
	const struct datapath_ops *user = &datapath_user_ops;
	static struct datapath_stream_state there, back;
	struct datapath_config config = { 0 };
	void *u;
	int ok;

	if (datapath_user_open(&config, &u))
		return 0;
	ok = !stream_in(user, u, id, state) &&
	     !user->stream_freeze(u, id, &there) && !stream(x, id, &there) &&
	     !datapath_xdp_ops.stream_freeze(x, id, &back);
	user->close(u);
	return ok && !memcmp(state, &there, sizeof(there)) &&
	       !memcmp(state, &back, sizeof(back));
}

static void test_relay(const char *mode, void *x)
{
	struct datapath_stream_stats stats = { 0 };
	struct datapath_stream_state state;
	struct datapath_totals totals = { 0 };
	uint8_t out[512] = { 0 };
	uint16_t before;
	char name[64];
	int i, bad = 0;

	snprintf(name, sizeof(name), "backend_%s_call_set", mode);
	CHECK_INT(call(x), 0, name);
	for (i = 0; i < 20; i++) {
		bad += relay(0, (uint16_t)(100 + i), out) != 172;
		bad += relay(1, (uint16_t)(500 + i), out) != 172;
	}
	snprintf(name, sizeof(name), "backend_%s_both_ways_relayed", mode);
	CHECK_INT(bad, 0, name);
	datapath_xdp_ops.stream_stats(x, 1, &stats);
	snprintf(name, sizeof(name), "backend_%s_stream_counted", mode);
	CHECK(stats.packets == 20 && stats.bytes == 3200 &&
	      stats.received == 20 && !stats.lost && stats.in_ssrc == 77 &&
	      stats.last_seen_ns, name);

	relay(0, 130, out);
	before = sluice_get16(out + 2);
	datapath_xdp_ops.stream_stats(x, 1, &stats);
	snprintf(name, sizeof(name), "backend_%s_loss_counted", mode);
	CHECK_INT(stats.lost, 10, name);
	snprintf(name, sizeof(name), "backend_%s_frozen_with_state", mode);
	CHECK(!datapath_xdp_ops.stream_freeze(x, 1, &state) &&
	      state.media.out.sources == 1 && state.media.out.packets == 21 &&
	      state.media.source[0].packets == 21, name);
	state.rtcp.next_index = 7;
	snprintf(name, sizeof(name), "backend_%s_state_same_elsewhere", mode);
	CHECK(is_same_elsewhere(x, 1, &state), name);
	snprintf(name, sizeof(name), "backend_%s_thawed_goes_on", mode);
	CHECK(!stream(x, 1, &state) && relay(0, 131, out) == 172 &&
	      sluice_get16(out + 2) == before + 1, name);
	snprintf(name, sizeof(name), "backend_%s_stopped_and_set_goes_on", mode);
	CHECK(!datapath_xdp_ops.stream_stop(x, 1) && !stream(x, 1, NULL) &&
	      relay(0, 132, out) == 172 &&
	      sluice_get16(out + 2) == before + 2, name);
	snprintf(name, sizeof(name), "backend_%s_totals_counted", mode);
	datapath_xdp_ops.totals(x, &totals);
	CHECK(totals.counters[SLUICE_COUNT_RELAYED_WEB] == 23 &&
	      totals.counters[SLUICE_COUNT_RELAYED_SIP] == 20 &&
	      !totals.drops[SLUICE_DROP_REDIRECT], name);
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
}

static void test_neighbours(void *x)
{
	struct sluice_next_hop hop = { 0 };
	struct sluice_transport t = { 0 };
	struct addr nowhere = parse("203.0.113.5:9");
	uint32_t id = 2;
	int fd;

	fd = bpf_obj_get(PINS "/" SLUICE_MAP_TRANSPORTS);
	bpf_map_lookup_elem(fd, &id, &t);
	close(fd);
	fd = bpf_obj_get(PINS "/" SLUICE_MAP_NEXT_HOPS);
	run("ip neigh replace 198.51.100.10 lladdr 02:00:00:00:00:77 dev sip0");
	datapath_xdp_ops.tick(x);
	bpf_map_lookup_elem(fd, &t.next_hop, &hop);
	CHECK(hop.flags == (SLUICE_HOP_VALID | SLUICE_HOP_REDIRECT) &&
	      hop.dst_mac[5] == 0x77 &&
	      hop.mtu == 1500, "neighbour_changed_hop_follows");
	run("ip neigh del 198.51.100.10 dev sip0");
	datapath_xdp_ops.tick(x);
	bpf_map_lookup_elem(fd, &t.next_hop, &hop);
	CHECK(hop.flags & SLUICE_HOP_VALID, "neighbour_lost_last_value_kept");

	CHECK_INT(transport(x, 5, &sip_local, &web_local, false), -EOPNOTSUPP,
		  "transport_to_this_host_not_supported");
	CHECK_INT(transport(x, 6, &sip_local, &nowhere, false), 0,
		  "transport_without_route_set");
	run("ip route add 203.0.113.0/24 via 198.51.100.10");
	datapath_xdp_ops.tick(x);
	id = 6;
	close(fd);
	fd = bpf_obj_get(PINS "/" SLUICE_MAP_TRANSPORTS);
	bpf_map_lookup_elem(fd, &id, &t);
	CHECK(t.next_hop, "transport_route_appears_hop_set");
	id = t.next_hop;
	close(fd);
	run("ip route del 203.0.113.0/24");
}

/* As the program finds it. */
static struct sluice_next_hop hop_of(uint32_t id)
{
	struct sluice_next_hop hop = { 0 };
	struct sluice_transport t = { 0 };
	int fd;

	fd = bpf_obj_get(PINS "/" SLUICE_MAP_TRANSPORTS);
	bpf_map_lookup_elem(fd, &id, &t);
	close(fd);
	fd = bpf_obj_get(PINS "/" SLUICE_MAP_NEXT_HOPS);
	bpf_map_lookup_elem(fd, &t.next_hop, &hop);
	close(fd);
	return hop;
}

/* The hop of transport 7 towards remote, its neighbour being set by hand. */
static struct sluice_next_hop hop_towards(void *x, const char *local,
					  const char *remote)
{
	struct addr from = parse(local), to = parse(remote);
	static const struct sluice_next_hop none;
	uint32_t id = 7;

	return transport(x, id, &from, &to, false) ? none : hop_of(id);
}

static void test_hops(void *x)
{
	struct sluice_next_hop hop;
	uint32_t sip0 = if_nametoindex("sip0");

	run("ip addr add 2001:db8:1::1/64 dev sip0 nodad");
	run("ip neigh replace 2001:db8:1::10 lladdr 02:00:00:00:00:06 "
	    "dev sip0");
	hop = hop_towards(x, "[2001:db8:1::1]:16384", "[2001:db8:1::10]:4000");
	CHECK(hop.flags == (SLUICE_HOP_VALID | SLUICE_HOP_REDIRECT) &&
	      hop.ifindex == sip0 &&
	      hop.dst_mac[5] == 6, "hop_ipv6_resolved");

	run("ip route add 192.0.2.128/25 via 198.51.100.30");
	run("ip neigh replace 198.51.100.30 lladdr 02:00:00:00:00:08 dev sip0");
	hop = hop_towards(x, "198.51.100.1:16384", "192.0.2.200:4000");
	CHECK(hop.flags & SLUICE_HOP_VALID && hop.dst_mac[5] == 8,
	      "hop_behind_gateway_is_the_gateway");

	if (run("ip link add link sip0 name sip0.7 type vlan id 7")) {
		tap_skip("hop_vlan_device_tagged_on_its_parent",
			 "this kernel has no VLAN devices");
		return;
	}
	run("ip addr add 203.0.113.1/24 dev sip0.7 && "
	    "ip link set sip0.7 mtu 1400 up");
	run("ip neigh replace 203.0.113.2 lladdr 02:00:00:00:00:07 dev sip0.7");
	hop = hop_towards(x, "203.0.113.1:16384", "203.0.113.2:4000");
	CHECK(hop.flags == (SLUICE_HOP_VALID | SLUICE_HOP_VLAN |
			    SLUICE_HOP_REDIRECT) &&
	      hop.ifindex == sip0 && hop.vlan_id == 7 && hop.mtu == 1400 &&
	      hop.dst_mac[5] == 7, "hop_vlan_device_tagged_on_its_parent");
	run("ip link del sip0.7");
}

static void test_foreign(void)
{
	struct bpf_insn insns[] = { { .code = 0xb7, .imm = 2 },
				    { .code = 0x95 } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	char reason[256] = "";
	void *x = NULL;
	int prog, link;

	prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", insns, 2,
			     &opts);
	link = bpf_link_create(prog, (int)if_nametoindex("sip0"), BPF_XDP,
			       NULL);
	CHECK(link >= 0, "foreign_program_attached");
	CHECK_INT(backend_open(&web_local, &x, reason), -EBUSY,
		  "foreign_program_refused");
	CHECK(strstr(reason, "sip0") && strstr(reason, "foreign"),
	      "foreign_program_named");
	close(link);
	close(prog);
}

/* A program of pass.bpf.o onto a device by libxdp; NULL if that refuses. */
static struct xdp_program *dispatch(const char *name, const char *device)
{
	char path[sizeof(object)];
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .open_filename = path,
			    .prog_name = name);
	struct xdp_program *p;

	strcpy(path, object);
	strcpy(strrchr(path, '/'), "/pass.bpf.o");
	p = xdp_program__create(&opts);
	must(!!libxdp_get_error(p), path);
	if (!xdp_program__attach(p, (int)if_nametoindex(device),
				 XDP_MODE_NATIVE, 0))
		return p;
	xdp_program__close(p);
	return NULL;
}

static int undispatch(struct xdp_program *p, const char *device)
{
	int err = xdp_program__detach(p, (int)if_nametoindex(device),
				      XDP_MODE_NATIVE, 0);

	xdp_program__close(p);
	return err;
}

/* Why no dispatcher can be joined here; NULL if one can. */
static const char *why_not_joined(void)
{
	struct xdp_multiprog *mp =
		xdp_multiprog__get_from_ifindex((int)if_nametoindex("web0"));
	const char *why = NULL;

	must(!!libxdp_get_error(mp), "libxdp");
	if (xdp_multiprog__is_legacy(mp))
		why = "this kernel has no trampolines for libxdp";
	xdp_multiprog__close(mp);
	return why;
}

/* With NAPI, which veth has by GRO, a peer takes what XDP sends. */
static void set_napi(int peer, const char *device, bool is_on)
{
	run("nsenter --net=/proc/%d/ns/net ethtool -K %s gro %s", peers[peer],
	    device, is_on ? "on" : "off");
}

/* Its members have its mode: no generic one to fall back to. */
static void test_dispatcher_dead_canary(void)
{
	char reason[256] = "";
	void *x = NULL;

	set_napi(1, "sip1", false);
	CHECK(backend_open(&web_local, &x, reason) &&
	      strstr(reason, "sip0 does not send redirected frames"),
	      "dispatcher_native_with_dead_canary_is_refused");
	if (x)
		datapath_xdp_ops.close(x);
	set_napi(1, "sip1", true);
}

static void test_dispatcher(void)
{
	struct xdp_program *web = dispatch("test_pass", "web0");
	struct xdp_program *sip = dispatch("test_pass", "sip0");
	const char *why = web && sip ? why_not_joined() : "libxdp refuses";
	char reason[256] = "";
	void *x = NULL;
	int err;

	if (!why)
		test_dispatcher_dead_canary();
	err = backend_open(&web_local, &x, reason);
	printf("# %s\n", reason);
	if (why) {
		CHECK(err && strstr(reason, "web0"),
		      "dispatcher_not_joined_reason_named");
		tap_skip("dispatcher_joined", why);
	} else {
		CHECK_INT(err, 0, "dispatcher_joined");
	}
	if (x) {
		CHECK(strstr(reason, "web0 native by dispatcher") &&
		      strstr(reason, "sip0 native by dispatcher"),
		      "dispatcher_native_on_both_devices");
		test_relay("dispatched", x);
		datapath_xdp_ops.close(x);
	}
	CHECK(web && sip && !undispatch(web, "web0") &&
	      !undispatch(sip, "sip0"), "dispatcher_others_left_in_place");
}

#define COLLIDING	3	/* flows: one more than there are places */

/* How many of the keys have a place, and all of them are in the hash. */
static int near_places(const struct sluice_flow_key *keys, int n, bool *is_far)
{
	int near = bpf_obj_get(PINS "/" SLUICE_MAP_NEAR);
	int far = bpf_obj_get(PINS "/" SLUICE_MAP_FLOWS), i, places = 0;
	uint32_t at = sluice_flow_hash(keys) & (SLUICE_MAX_STREAMS - 1), k;
	struct sluice_flow flow;
	struct sluice_near e;

	*is_far = true;
	if (bpf_map_lookup_elem(near, &at, &e))
		return -1;
	for (i = 0; i < n; i++) {
		for (k = 0; k < SLUICE_FLOW_WAYS; k++)
			places += sluice_flow_is(&e.way[k], &keys[i]);
		*is_far &= !bpf_map_lookup_elem(far, &keys[i], &flow);
	}
	close(near);
	close(far);
	return places;
}

/* Flows of one hash: what finds no place in the near table is in the hash. */
static void test_near(void *x)
{
	struct sluice_flow_key keys[COLLIDING] = { 0 }, k = { 0 };
	struct sluice_flow flow = { .transport = 7 };
	bool is_far;
	int n = 0;

	for (k.reserved = 0; n < COLLIDING; k.local_port++)
		for (k.remote_port = 1; n < COLLIDING && k.remote_port;
		     k.remote_port++)
			if (!n || ((sluice_flow_hash(&k) ^
				    sluice_flow_hash(keys)) &
				   (SLUICE_MAX_STREAMS - 1)) == 0)
				keys[n++] = k;
	for (n = 0; n < COLLIDING; n++)
		datapath_xdp_ops.flow_set(x, &keys[n], &flow);
	CHECK(near_places(keys, COLLIDING, &is_far) == SLUICE_FLOW_WAYS &&
	      is_far, "near_holds_as_many_as_fit");
	flow.flags = SLUICE_FLOW_USER;
	datapath_xdp_ops.flow_set(x, &keys[0], &flow);
	CHECK(near_places(keys, 1, &is_far) == 0 && is_far,
	      "near_leaves_the_daemons_flows_out");
	flow.flags = 0;
	datapath_xdp_ops.flow_set(x, &keys[2], &flow);
	CHECK_INT(near_places(keys, COLLIDING, &is_far), SLUICE_FLOW_WAYS,
		  "near_place_is_given_again");
	for (n = 0; n < COLLIDING; n++)
		datapath_xdp_ops.flow_set(x, &keys[n], NULL);
	CHECK(near_places(keys, COLLIDING, &is_far) == 0 && !is_far,
	      "near_empty_after_removal");
}

#define PRESSED	400	/* packets of digits, in turn of each m-line */
#define PRESSING	20	/* id of the first one's stream */

/* From the PBX, each of which is told; 0 if the program took them all. */
static int press(void *x)
{
	struct frame_spec f = { .src = sip_remote, .dst = sip_local };
	struct oracle_rtp r = { .extension_words = -1, .payload_len = 4 };
	struct datapath_interface i[2] = { 0 };
	uint8_t packet[64], frame[FRAME_MAX];
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
			    .repeat = 1);
	int fd, n, err = 0;

	datapath_xdp_interfaces(x, i, 2);
	fd = bpf_prog_get_fd_by_id(i[0].program_id);
	for (n = 0; n < PRESSED && !err; n++) {
		r.pt = (uint8_t)(n % SLUICE_STREAMS_PER_TRANSPORT);
		r.ssrc = 99U + r.pt;
		r.seq = (uint16_t)(n / SLUICE_STREAMS_PER_TRANSPORT);
		opts.data_size_in = frame_build(&f, packet,
						oracle_packet(&r, packet),
						frame);
		err = bpf_prog_test_run_opts(fd, &opts) ||
		      opts.retval != XDP_DROP;
	}
	close(fd);
	return err;
}

static void count_event(void *arg, const struct sluice_event *e)
{
	++*(uint32_t *)arg;
}

/* Who is as fast as they are read keeps the reader from nothing else. */
static void test_events(void *x)
{
	const struct datapath_ops *ops = &datapath_xdp_ops;
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY,
		.local = contract(&sip_local), .remote = contract(&sip_remote),
		.local_port = htons(sip_local.port),
		.remote_port = htons(sip_remote.port),
	};
	struct sluice_stream s = { .flags = SLUICE_STREAM_ACTIVE, .from = 2,
				   .to = 1, .clock_hz = 8000 };
	uint32_t n, all = 0;
	int err = 0;

	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	for (n = 0; n < SLUICE_STREAMS_PER_TRANSPORT; n++) {
		t.streams[n] = PRESSING + n;
		t.payload[n] = (struct sluice_payload){
			.stream = (uint8_t)n, .convert = SLUICE_CONVERT_REPORT };
		s.out_ssrc = 0x0c0c0c00 + n;
		err |= ops->stream_set(x, PRESSING + n, &s, NULL);
	}
	err |= ops->transport_set(x, 2, &t);
	do {
		n = 0;
		ops->events(x, count_event, &n);
	} while (n);
	CHECK(!err && !press(x), "events_many_are_made");
	ops->events(x, count_event, &n);
	CHECK_INT(n, XDP_EVENTS_MAX, "events_read_at_a_time_are_limited");
	for (; n; ops->events(x, count_event, &n)) {
		all += n;
		n = 0;
	}
	/* and the first packet of each */
	CHECK_INT(all, PRESSED + SLUICE_STREAMS_PER_TRANSPORT,
		  "events_beyond_are_read_later");
}

static int open_sized(uint32_t streams, void **ret)
{
	struct datapath_config config = { .web = web_local, .sip = sip_local,
					  .pin_dir = PINS, .object = object,
					  .streams = streams };
	char reason[256];

	return datapath_xdp_open(&config, ret, reason, sizeof(reason));
}

/* Room for sixteen streams: what is more is refused, nothing else happens. */
static void test_size(void)
{
	struct sluice_stream stream = { .from = 1, .to = 2, .out_ssrc = 3 };
	struct sluice_transport nobody = { 0 };
	struct sluice_flow flow = { .transport = 1 };
	struct sluice_flow_key key = { 0 };
	void *x = NULL;
	int i, err = 0;

	CHECK(!open_sized(16, &x) && datapath_xdp_size(x) == 16,
	      "backend_sized_is_that_large");
	if (!x)
		return;
	CHECK(!datapath_xdp_ops.stream_set(x, 15, &stream, NULL) &&
	      !datapath_xdp_ops.transport_set(x, 15, &nobody),
	      "backend_sized_takes_the_last_id");
	CHECK(datapath_xdp_ops.stream_set(x, 16, &stream, NULL) == -EINVAL &&
	      datapath_xdp_ops.transport_set(x, 16, &nobody) == -EINVAL,
	      "backend_sized_refuses_the_next");
	for (i = 0; i < 65 && !err; i++) {
		key.remote_port = (uint16_t)(i + 1);
		err = datapath_xdp_ops.flow_set(x, &key, &flow);
	}
	/* eight calls, each with RTP, RTCP, both learned, and four pairs */
	CHECK(i == 65 && err == -E2BIG, "backend_flow_beyond_room_is_refused");
	key.remote_port = 1;
	CHECK(!datapath_xdp_ops.flow_set(x, &key, NULL),
	      "backend_full_removes_a_flow");
	key.remote_port = 99;
	CHECK_INT(datapath_xdp_ops.flow_set(x, &key, &flow), 0,
		  "backend_flow_removed_makes_room");
	datapath_xdp_keep(x, true);
	datapath_xdp_ops.close(x);
	x = NULL;
	CHECK(!open_sized(64, &x) && datapath_xdp_size(x) == 16,
	      "backend_adopting_keeps_the_size");
	if (x) {
		datapath_xdp_keep(x, false);
		datapath_xdp_ops.close(x);
	}
	x = NULL;
	CHECK(!open_sized(2 * SLUICE_MAX_STREAMS, &x) &&
	      !datapath_xdp_ops.stream_set(x, 2 * SLUICE_MAX_STREAMS - 1,
					   &stream, NULL) &&
	      !datapath_xdp_ops.transport_set(x, 2 * SLUICE_MAX_STREAMS - 1,
					      &nobody) &&
	      !datapath_xdp_ops.peer_set(x, 2 * SLUICE_MAX_STREAMS - 1, NULL),
	      "backend_larger_takes_the_last_id");
	if (x)
		datapath_xdp_ops.close(x);
}

/* A second daemon that relays by itself, told to discard what there is. */
static void test_discard(void)
{
	struct datapath_config config = {
		.want = DATAPATH_WANT_USER, .web = web_local, .sip = sip_local,
		.pin_dir = PINS, .object = object, .discard_media = true };
	struct datapath *dp = NULL;

	CHECK_INT(datapath_open(&config, &dp), -EBUSY,
		  "discard_beside_a_daemon_is_refused");
	CHECK(!access(PINS "/" SLUICE_MAP_FLOWS, F_OK),
	      "discard_beside_a_daemon_leaves_its_pins");
	datapath_close(dp);
}

/* Neighbours of a network of ours, all known: one hop each. */
static void know_neighbours(uint32_t count)
{
	char path[] = "/tmp/sluice_test_XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	uint32_t i;

	must(!f, "mkstemp");
	for (i = 1; i <= count; i++)
		fprintf(f, "neigh replace 2001:db8:1::1:%x lladdr "
			"02:00:00:00:%02x:%02x dev sip0\n", i, i >> 8, i & 0xff);
	fclose(f);
	must(run("ip -batch %s", path), "neighbours");
	unlink(path);
}

static int towards(void *x, uint32_t i)
{
	struct addr local = parse("[2001:db8:1::1]:16384"), remote;
	char text[64];

	snprintf(text, sizeof(text), "[2001:db8:1::1:%x]:4000", i);
	remote = parse(text);
	return transport(x, 10 + i, &local, &remote, false);
}

/* One too many is what this backend does not do, not an end of the call. */
static void test_hops_used_up(void *x)
{
	uint32_t i, n;
	int err = 0;

	know_neighbours(SLUICE_MAX_NEXT_HOPS);
	for (n = 1; n < SLUICE_MAX_NEXT_HOPS && !err; n++)
		err = towards(x, n);
	printf("# %u hops more\n", n);
	CHECK(n > SLUICE_MAX_NEXT_HOPS / 2 && err == -EOPNOTSUPP,
	      "hops_used_up_not_supported");
	for (i = 1; i < n; i++)
		datapath_xdp_ops.transport_set(x, 10 + i, NULL);
	CHECK_INT(towards(x, SLUICE_MAX_NEXT_HOPS), 0,
		  "hops_free_again_are_given");
}

/* A device that went and came again, and the program put back by order. */
static void test_device_again(void *x)
{
	char reason[256] = "";

	must(run("ip link del sip0"), "ip link del");
	wire(1, "sip0", "sip1", "198.51.100.1/24", "198.51.100.10/24");
	set_napi(1, "sip1", true);
	datapath_xdp_ops.tick(x);
	CHECK_INT(datapath_xdp_attach_missing(x, reason, sizeof(reason)), 1,
		  "device_again_program_attached");
	datapath_xdp_ops.tick(x);
	CHECK_INT(hop_of(2).ifindex, if_nametoindex("sip0"),
		  "device_again_calls_of_before_leave_by_it");
}

/* An object with an arena that does not load: as if it were not there. */
static void test_fallback(void)
{
	char folder[] = "/tmp/sluice_test_XXXXXX", plain[sizeof(object)];
	char reason[256] = "";
	void *x = NULL;

	must(!mkdtemp(folder), "mkdtemp");
	strcpy(plain, object);
	run("cp %s %s/sluice_xdp.bpf.o", plain, folder);
	run("cp %s %s/sluice_xdp_arena.bpf.o", plain, folder);
	run("truncate -s 100 %s/sluice_xdp_arena.bpf.o", folder);
	snprintf(object, sizeof(object), "%s/sluice_xdp.bpf.o", folder);
	CHECK_INT(backend_open(&web_local, &x, reason), 0,
		  "backend_arena_object_broken_opened");
	CHECK(strstr(reason, "AES tables in the program"),
	      "backend_arena_object_broken_plain_one_serves");
	if (x) {
		test_relay("fallback", x);
		datapath_xdp_ops.close(x);
	}
	run("rm -r %s", folder);
	strcpy(object, plain);
}

int main(void)
{
	struct addr loopback = parse("127.0.0.1:10000");
	char reason[256] = "";
	void *x = NULL;

	if (geteuid()) {
		tap_skip("backend", "needs root");
		tap_done();
		return 4;
	}
	lay_out();
	CHECK_INT(backend_open(&loopback, &x, reason), -EOPNOTSUPP,
		  "backend_on_loopback_not_supported");
	CHECK(strstr(reason, "loopback"), "backend_on_loopback_reason_named");

	/* without NAPI at the peers the canary dies, generic XDP serves */
	CHECK_INT(backend_open(&web_local, &x, reason), 0,
		  "backend_peer_without_napi_opened");
	printf("# %s\n", reason);
	if (x) {
		CHECK_STR(mode_of(x), "generic",
			  "canary_peer_without_napi_falls_back");
		test_relay("generic", x);
		datapath_xdp_ops.close(x);
	}
	set_napi(0, "web1", true);
	set_napi(1, "sip1", true);
	x = NULL;
	CHECK_INT(backend_open(&web_local, &x, reason), 0,
		  "backend_peer_with_napi_opened");
	printf("# %s\n", reason);
	if (x) {
		CHECK_STR(mode_of(x), "native", "canary_sings_native_kept");
		CHECK(strstr(reason, xdp_has_arenas() ?
				     "AES tables in an arena" :
				     "AES tables in the program"),
		      "backend_arena_serves_where_there_are_arenas");
		test_relay("native", x);
		test_neighbours(x);
		test_hops(x);
		test_near(x);
		test_events(x);
		test_discard();
		test_hops_used_up(x);
		test_device_again(x);
		datapath_xdp_ops.close(x);
	}
	CHECK(access(PINS, F_OK), "backend_closed_pins_gone");
	test_fallback();
	test_size();
	test_foreign();
	test_dispatcher();
	kill(peers[0], SIGKILL);
	kill(peers[1], SIGKILL);
	return tap_done();
}
