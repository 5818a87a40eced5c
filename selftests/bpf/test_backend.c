// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel backend on veth, in network namespaces of its own:
 *
 *   [browser] web1 ---- web0 [gateway] sip0 ---- sip1 [PBX]
 *   192.0.2.99          192.0.2.1  198.51.100.1       198.51.100.10
 *
 * Forwarding is off in all of them.
 */
#include <bpf/bpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "datapath/backends.h"
#include "../unit/srtp_oracle.h"
#include "../unit/tap.h"

#define PINS	"/sys/fs/bpf/sluice-test-backend"

static pid_t peers[2];			/* browser, PBX: hold a namespace */
static int peer_sockets[2];
static struct addr web_local, web_remote, sip_local, sip_remote;
static char object[4096];
static srtp_t browser_tx, browser_rx;

static int run(const char *fmt, ...)
{
	char command[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(command, sizeof(command) - 16, fmt, args);
	va_end(args);
	strcpy(command + n, " >/dev/null 2>&1");
	return system(command);
}

static void must(int err, const char *what)
{
	if (!err)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

/* A child that lives in a network namespace of its own. */
static pid_t hold_namespace(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	must(pipe(ready), "pipe");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	must(pid < 0 || read(ready[0], &byte, 1) != 1, "namespace");
	close(ready[0]);
	return pid;
}

static void wire(int i, const char *ours, const char *theirs,
		 const char *our_net, const char *their_net)
{
	int pid = peers[i];

	must(run("ip link add %s type veth peer name %s netns %d", ours, theirs,
		 pid), "veth");
	must(run("ip addr add %s dev %s && ip link set %s up", our_net, ours,
		 ours), "our side");
	must(run("nsenter --net=/proc/%d/ns/net sh -c 'ip addr add %s dev %s "
		 "&& ip link set %s up'", pid, their_net, theirs, theirs),
	     "their side");
}

static int socket_of(int i, const struct addr *bind_to)
{
	struct timeval wait = { .tv_sec = 2 };
	struct sockaddr_storage sa;
	char path[64];
	int home = open("/proc/self/ns/net", O_RDONLY), there, fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", peers[i]);
	there = open(path, O_RDONLY);
	must(setns(there, CLONE_NEWNET), "setns");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(bind(fd, (struct sockaddr *)&sa, addr_to_sockaddr(bind_to, &sa)),
	     "bind");
	must(setns(home, CLONE_NEWNET), "setns");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	close(home);
	close(there);
	return fd;
}

static struct addr parse(const char *text)
{
	struct addr a = { 0 };

	must(addr_parse(text, &a), text);
	return a;
}

static void lay_out(void)
{
	char *slash;
	ssize_t n = readlink("/proc/self/exe", object, sizeof(object) - 32);
	int i;

	must(n < 0, "readlink");
	object[n] = 0;
	for (i = 0; i < 2; i++) {
		slash = strrchr(object, '/');
		if (slash)
			*slash = 0;
	}
	strcat(object, "/sluice_xdp.bpf.o");
	must(unshare(CLONE_NEWNET), "unshare");
	peers[0] = hold_namespace();
	peers[1] = hold_namespace();
	run("ip link set lo up");
	wire(0, "web0", "web1", "192.0.2.1/24", "192.0.2.99/24");
	wire(1, "sip0", "sip1", "198.51.100.1/24", "198.51.100.10/24");
	web_local = parse("192.0.2.1:10000");
	web_remote = parse("192.0.2.99:5000");
	sip_local = parse("198.51.100.1:16384");
	sip_remote = parse("198.51.100.10:4000");
	peer_sockets[0] = socket_of(0, &web_remote);
	peer_sockets[1] = socket_of(1, &sip_remote);
}

static int backend_open(const struct addr *web, void **ret, char *reason)
{
	struct datapath_config config = { .web = *web, .sip = sip_local,
					  .pin_dir = PINS, .object = object };

	return datapath_xdp_open(&config, ret, reason, 256);
}

static const char *mode_of(void *x)
{
	static struct datapath_interface i[4];

	memset(i, 0, sizeof(i));
	if (datapath_xdp_interfaces(x, i, 4) != 2 ||
	    strcmp(i[0].mode, i[1].mode) || !i[0].program_id)
		return "inconsistent";
	return i[0].mode;
}

static struct sluice_addr contract(const struct addr *a)
{
	struct sluice_addr ret;

	memcpy(ret.b, a->ip, sizeof(ret.b));
	return ret;
}

static int transport(void *x, uint32_t id, const struct addr *local,
		     const struct addr *remote, bool is_web)
{
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY |
			 (is_web ? SLUICE_TRANSPORT_WEB : 0),
		.local = contract(local), .remote = contract(remote),
		.local_port = htons(local->port),
		.remote_port = htons(remote->port),
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
	struct sluice_flow flow = { .transport = id,
				    .flags = SLUICE_FLOW_VERIFIED };

	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.payload[0] = (struct sluice_payload){ 0, 0 };
	return datapath_xdp_ops.port_set(x, &door, &port) ||
	       datapath_xdp_ops.flow_set(x, &key, &flow) ?
	       -1 : datapath_xdp_ops.transport_set(x, id, &t);
}

static int stream_in(const struct datapath_ops *ops, void *backend,
		     uint32_t id, const struct datapath_stream_state *st)
{
	struct sluice_stream s = { .flags = SLUICE_STREAM_ACTIVE, .from = id,
				   .to = 3 - id, .out_ssrc = 0x0a0a0a0a + id,
				   .clock_hz = 8000 };

	return ops->stream_set(backend, id, &s, st);
}

static int stream(void *x, uint32_t id, const struct datapath_stream_state *st)
{
	return stream_in(&datapath_xdp_ops, x, id, st);
}

/* A browser on transport 1, a PBX on transport 2. */
static int call(void *x)
{
	struct oracle_master rx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						3);
	struct oracle_master tx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						4);
	struct sluice_key rx_key = oracle_expand(&rx);
	struct sluice_key tx_key = oracle_expand(&tx);

	browser_tx = oracle_open(&rx, 1);
	browser_rx = oracle_open(&tx, 0);
	return datapath_xdp_ops.key_set(x, 1, &rx_key) ||
	       datapath_xdp_ops.key_set(x, 2, &tx_key) ||
	       transport(x, 1, &web_local, &web_remote, true) ||
	       transport(x, 2, &sip_local, &sip_remote, false) ||
	       stream(x, 1, NULL) || stream(x, 2, NULL) ? -1 : 0;
}

/* One packet from peer `from`; what the other one got, or -1. */
static int relay(int from, uint16_t seq, uint8_t *out)
{
	const struct addr *to = from ? &sip_local : &web_local;
	struct oracle_rtp r = { .extension_words = from ? -1 : 2, .seq = seq,
				.timestamp = seq * 160U, .ssrc = 77,
				.payload_len = 160 };
	struct sockaddr_storage sa;
	socklen_t sa_len = addr_to_sockaddr(to, &sa);
	uint8_t packet[512];
	int len = (int)oracle_packet(&r, packet);

	if (!from)
		len = oracle_protect(browser_tx, packet, len);
	if (sendto(peer_sockets[from], packet, (size_t)len, 0,
		   (struct sockaddr *)&sa, sa_len) != len)
		return -1;
	len = (int)recv(peer_sockets[1 - from], out, 512, 0);
	if (from && len > 0)
		len = oracle_unprotect(browser_rx, out, len);
	if (len < 12)
		return -1;
	r.extension_words = -1;
	oracle_packet(&r, packet);
	return memcmp(out + 12, packet + 12, 160) ? -1 : len;
}

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
	      state.source_count == 1 && state.out.packets == 21 &&
	      state.sources[0].packets == 21, name);
	snprintf(name, sizeof(name), "backend_%s_state_same_elsewhere", mode);
	CHECK(is_same_elsewhere(x, 1, &state), name);
	snprintf(name, sizeof(name), "backend_%s_thawed_goes_on", mode);
	CHECK(!stream(x, 1, &state) && relay(0, 131, out) == 172 &&
	      sluice_get16(out + 2) == before + 1, name);
	snprintf(name, sizeof(name), "backend_%s_totals_counted", mode);
	datapath_xdp_ops.totals(x, &totals);
	CHECK(totals.counters[SLUICE_COUNT_RELAYED_WEB] == 22 &&
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
	CHECK(hop.flags == SLUICE_HOP_VALID && hop.dst_mac[5] == 0x77 &&
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

/* The hop of transport 7 towards remote, its neighbour being set by hand. */
static struct sluice_next_hop hop_towards(void *x, const char *local,
					  const char *remote)
{
	struct addr from = parse(local), to = parse(remote);
	struct sluice_next_hop hop = { 0 };
	struct sluice_transport t = { 0 };
	uint32_t id = 7;
	int fd;

	if (transport(x, id, &from, &to, false))
		return hop;
	fd = bpf_obj_get(PINS "/" SLUICE_MAP_TRANSPORTS);
	bpf_map_lookup_elem(fd, &id, &t);
	close(fd);
	fd = bpf_obj_get(PINS "/" SLUICE_MAP_NEXT_HOPS);
	bpf_map_lookup_elem(fd, &t.next_hop, &hop);
	close(fd);
	return hop;
}

static void test_hops(void *x)
{
	struct sluice_next_hop hop;
	uint32_t sip0 = if_nametoindex("sip0");

	run("ip addr add 2001:db8:1::1/64 dev sip0 nodad");
	run("ip neigh replace 2001:db8:1::10 lladdr 02:00:00:00:00:06 "
	    "dev sip0");
	hop = hop_towards(x, "[2001:db8:1::1]:16384", "[2001:db8:1::10]:4000");
	CHECK(hop.flags == SLUICE_HOP_VALID && hop.ifindex == sip0 &&
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
	CHECK(hop.flags == (SLUICE_HOP_VALID | SLUICE_HOP_VLAN) &&
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

/* A daemon that dies leaves its pins; the next one starts all the same. */
static void test_stale(void)
{
	char reason[256] = "";
	void *x = NULL;
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (backend_open(&web_local, &x, reason))
			_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status) &&
	      !access(PINS "/link_sip0", F_OK), "stale_pins_left_behind");
	CHECK_INT(backend_open(&web_local, &x, reason), 0,
		  "stale_pins_replaced");
	if (x)
		datapath_xdp_ops.close(x);
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
	run("nsenter --net=/proc/%d/ns/net ethtool -K web1 gro on", peers[0]);
	run("nsenter --net=/proc/%d/ns/net ethtool -K sip1 gro on", peers[1]);
	x = NULL;
	CHECK_INT(backend_open(&web_local, &x, reason), 0,
		  "backend_peer_with_napi_opened");
	printf("# %s\n", reason);
	if (x) {
		CHECK_STR(mode_of(x), "native", "canary_sings_native_kept");
		test_relay("native", x);
		test_neighbours(x);
		test_hops(x);
		datapath_xdp_ops.close(x);
	}
	CHECK(access(PINS, F_OK), "backend_closed_pins_gone");
	test_foreign();
	test_stale();
	kill(peers[0], SIGKILL);
	kill(peers[1], SIGKILL);
	return tap_done();
}
