// SPDX-License-Identifier: Apache-2.0
/*
 * Media outlives the process that set it up: the kernel backend is opened, its
 * process killed, opened again, while numbered packets pass.
 */
#define PINS	"/sys/fs/bpf/sluice-test-adopt"

#include "backend_rig.h"

#include <linux/if_link.h>
#include <sys/mman.h>
#include <xdp/libxdp.h>

#define STORM_GAP_US	500

/* An entry of each kind that nobody will claim. */
#define ORPHAN		9

/* What the next to open is told. */
static bool by_netlink;
static const char *program = "sluice_xdp";

static int open_with(bool discard, void **ret, char *reason)
{
	struct datapath_config config = { .web = web_local, .sip = sip_local,
					  .pin_dir = PINS,
					  .discard_media = discard,
					  .by_netlink = by_netlink };
	char path[4096];

	snprintf(path, sizeof(path), "%.*s/%s.bpf.o",
		 (int)(strrchr(object, '/') - object), object, program);
	config.object = path;
	return datapath_xdp_open(&config, ret, reason, 256);
}

static int set_orphans(void *x)
{
	struct addr local = sip_local, remote = sip_remote;
	struct sluice_ufrag_key name = { "orphaned" };
	struct sluice_ufrag ufrag = { .transport = ORPHAN };
	struct sluice_ice_key password = { .inner = { 1 } };
	struct sluice_key key = { .profile = SLUICE_SRTP_AEAD_AES_128_GCM };

	local.port += 2;
	remote.port += 2;
	return transport(x, ORPHAN, &local, &remote, false) ||
	       stream(x, ORPHAN, NULL) ||
	       datapath_xdp_ops.ufrag_set(x, &name, &ufrag, &password) ||
	       datapath_xdp_ops.key_set(x, ORPHAN, &key);
}

/* Sets the call up in a process of its own and kills it. */
static int live_and_die(void)
{
	char reason[256] = "";
	void *x = NULL;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (open_with(true, &x, reason) || call(x) || set_orphans(x)) {
			fprintf(stderr, "%s\n", reason);
			_exit(1);
		}
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 0 : -1;
}

/* The oracle's own ends of the call that the dead process keyed. */
static void peer_keys(void)
{
	struct oracle_master rx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						3);
	struct oracle_master tx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						4);

	browser_tx = oracle_open(&rx, 1);
	browser_rx = oracle_open(&tx, 0);
}

static int relayed(uint16_t first, int count)
{
	uint8_t out[512];
	int i, good = 0;

	for (i = 0; i < count; i++) {
		good += relay(0, (uint16_t)(first + i), out) == 172;
		good += relay(1, (uint16_t)(first + i), out) == 172;
	}
	return good;
}

static bool has_orphans(void *x)
{
	const struct datapath_ops *ops = &datapath_xdp_ops;
	struct sluice_transport t;
	struct sluice_stream s;
	struct sluice_key key;
	struct sluice_flow_key flow;
	struct sluice_ufrag_key name;
	int flows = bpf_obj_get(PINS "/" SLUICE_MAP_FLOWS);
	int ufrags = bpf_obj_get(PINS "/" SLUICE_MAP_UFRAGS);
	int passwords = bpf_obj_get(PINS "/" SLUICE_MAP_ICE_KEYS);
	bool any;

	any = ops->transport_claim(x, ORPHAN, &t) != -ENOENT ||
	      ops->stream_claim(x, ORPHAN, &s) != -ENOENT ||
	      ops->key_claim(x, ORPHAN, &key) != -ENOENT ||
	      !bpf_map_get_next_key(ufrags, NULL, &name) ||
	      !bpf_map_get_next_key(passwords, NULL, &name);
	/* two flows are left, those of the call */
	any = any || bpf_map_get_next_key(flows, NULL, &flow) ||
	      bpf_map_get_next_key(flows, &flow, &flow) ||
	      !bpf_map_get_next_key(flows, &flow, &flow);
	close(flows);
	close(ufrags);
	close(passwords);
	return any;
}

static uint32_t program_of(void *x)
{
	struct datapath_interface i[2] = { 0 };

	datapath_xdp_interfaces(x, i, 2);
	return i[0].program_id;
}

static void test_adopt(const char *mode)
{
	struct datapath_stream_stats stats = { 0 };
	uint64_t absent_ms = 0;
	char reason[256] = "", name[64];
	uint32_t first, second;
	void *x = NULL, *other = NULL;

	snprintf(name, sizeof(name), "adopt_%s_process_killed", mode);
	CHECK_INT(live_and_die(), 0, name);
	peer_keys();
	snprintf(name, sizeof(name), "adopt_%s_absent_relays", mode);
	CHECK_INT(relayed(100, 20), 40, name);

	snprintf(name, sizeof(name), "adopt_%s_opened", mode);
	CHECK(!open_with(false, &x, reason) &&
	      datapath_xdp_adopted(x, &absent_ms), name);
	if (!x) {
		printf("# %s\n", reason);
		return;
	}
	snprintf(name, sizeof(name), "adopt_%s_mode_kept", mode);
	CHECK_STR(mode_of(x), mode, name);
	snprintf(name, sizeof(name), "adopt_%s_others_kept_out", mode);
	CHECK(open_with(true, &other, reason) == -EEXIST &&
	      strstr(reason, "in use"), name);
	snprintf(name, sizeof(name), "adopt_%s_call_claimed", mode);
	CHECK_INT(claim_call(x), 0, name);
	set_web_port(x);
	/* the port, flow, ufrag, transport, stream and key */
	snprintf(name, sizeof(name), "adopt_%s_orphans_counted", mode);
	CHECK_INT(datapath_xdp_ops.settle(x), 6, name);
	snprintf(name, sizeof(name), "adopt_%s_orphans_removed", mode);
	CHECK(!has_orphans(x), name);
	datapath_xdp_ops.stream_stats(x, 1, &stats);
	snprintf(name, sizeof(name), "adopt_%s_state_unchanged", mode);
	CHECK(stats.packets == 20 && !stats.lost, name);
	snprintf(name, sizeof(name), "adopt_%s_relays_on", mode);
	CHECK_INT(relayed(120, 20), 40, name);

	first = program_of(x);
	datapath_xdp_ops.close(x);
	snprintf(name, sizeof(name), "adopt_%s_kept_at_close", mode);
	CHECK_INT(relayed(140, 5), 10, name);
	x = NULL;
	snprintf(name, sizeof(name), "adopt_%s_opened_again", mode);
	CHECK(!open_with(false, &x, reason), name);
	second = x ? program_of(x) : 0;
	snprintf(name, sizeof(name), "adopt_%s_program_replaced", mode);
	CHECK(first && second && first != second, name);
	datapath_xdp_keep(x, false);
	datapath_xdp_ops.close(x);
	snprintf(name, sizeof(name), "adopt_%s_pins_gone_in_the_end", mode);
	CHECK(access(PINS, F_OK), name);
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
}

/* ---- numbered packets while the program is replaced ---------------------- */

struct storm {
	volatile bool is_over;
	volatile uint32_t sent;
};

/* The PBX talks, from a process of its own. */
static pid_t storm_begin(struct storm *storm)
{
	struct oracle_rtp r = { .extension_words = -1, .ssrc = 78,
				.payload_len = 160 };
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&sip_local, &sa);
	uint8_t packet[512];
	pid_t pid = fork();
	size_t n;

	if (pid)
		return pid;
	while (!storm->is_over) {
		r.seq = (uint16_t)(1000 + storm->sent);
		r.timestamp = r.seq * 160U;
		n = oracle_packet(&r, packet);
		if (sendto(peer_sockets[1], packet, n, 0,
			   (struct sockaddr *)&sa, len) == (ssize_t)n)
			storm->sent++;
		usleep(STORM_GAP_US);
	}
	_exit(0);
}

struct heard {
	uint32_t count, lost;
	uint16_t next;		/* sequence number */
	bool is_bad;		/* forged, twice or out of order */
};

/* What reached the browser: the next packet; false: none in a while. */
static bool storm_hear_one(struct heard *h, int flags)
{
	uint8_t packet[512];
	uint16_t seq;
	int len;

	len = (int)recv(peer_sockets[0], packet, sizeof(packet), flags);
	if (len <= 0)
		return false;
	if (oracle_unprotect(browser_rx, packet, len) < 12) {
		h->is_bad = true;
		return true;
	}
	seq = (uint16_t)(packet[2] << 8 | packet[3]);
	if (h->count && (uint16_t)(seq - h->next) > 0x7fff)
		h->is_bad = true;
	else if (h->count)
		h->lost += (uint16_t)(seq - h->next);
	h->next = (uint16_t)(seq + 1);
	h->count++;
	return true;
}

/* From the last replacement's gap, if there is one, until nothing comes. */
static struct heard storm_end(struct storm *storm, pid_t pid)
{
	struct timeval wait = { .tv_usec = 300000 };
	struct heard h = { 0 };

	while (storm_hear_one(&h, MSG_DONTWAIT))
		;
	storm_hear_one(&h, 0);
	storm->is_over = true;
	waitpid(pid, NULL, 0);
	setsockopt(peer_sockets[0], SOL_SOCKET, SO_RCVTIMEO, &wait,
		   sizeof(wait));
	while (storm_hear_one(&h, 0))
		;
	return h;
}

static void tag_of(void *x, char ret[17])
{
	struct datapath_interface i[2] = { 0 };

	if (x)
		datapath_xdp_interfaces(x, i, 2);
	memcpy(ret, i[1].program_tag, 17);
}

/*
 * One process after the other, each with the other build of the program, while
 * packets pass. Without a gap: what a link promises; what else is lost on the
 * way is told.
 */
static void storm(const char *how, bool without_gap)
{
	struct storm *storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* an emulated processor takes its time */
	int rounds = getenv("SHORT") ? 2 : 4;
	int buffer = 64 << 20, opened = 0, i;
	char reason[256] = "", name[64], tags[2][17];
	struct heard heard;
	bool is_other = true;
	void *x;
	pid_t pid;

	setsockopt(peer_sockets[0], SOL_SOCKET, SO_RCVBUFFORCE, &buffer,
		   sizeof(buffer));
	pid = storm_begin(storm);
	for (i = 0; i < rounds; i++) {
		x = NULL;
		program = i % 2 ? "sluice_xdp" : "sluice_next";
		opened += !open_with(false, &x, reason);
		tag_of(x, tags[i % 2]);
		is_other = is_other && tags[i % 2][0] &&
			   (!i || strcmp(tags[0], tags[1]));
		datapath_xdp_ops.close(x);
	}
	heard = storm_end(storm, pid);
	snprintf(name, sizeof(name), "%s_program_replaced", how);
	CHECK_INT(opened, rounds, name);
	snprintf(name, sizeof(name), "%s_other_build_by_its_tag", how);
	CHECK(is_other, name);
	snprintf(name, sizeof(name), "%s_packets_sent_meanwhile", how);
	CHECK(storm->sent > 100, name);
	snprintf(name, sizeof(name), "%s_none_twice_none_forged", how);
	CHECK(!heard.is_bad, name);
	snprintf(name, sizeof(name), without_gap ? "%s_none_lost" :
		 "%s_all_accounted_for", how);
	CHECK_INT(heard.count + (without_gap ? 0 : heard.lost), storm->sent,
		  name);
	printf("# %s: %u packets, %u lost over %d replacements\n", how,
	       storm->sent, heard.lost, rounds);
	munmap(storm, sizeof(*storm));
}

/* Somebody else's, onto a device without a program. */
static int foreigner(const char *device)
{
	struct bpf_insn insns[] = { { .code = 0xb7, .imm = 2 },
				    { .code = 0x95 } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreigner", "GPL", insns, 2,
			       &opts);
	int err = bpf_xdp_attach((int)if_nametoindex(device), fd,
				 XDP_FLAGS_DRV_MODE, NULL);

	close(fd);
	return err;
}

static uint32_t id_on(const char *device)
{
	uint32_t id = 0;

	bpf_xdp_query_id((int)if_nametoindex(device), 0, &id);
	return id;
}

static const char *attach_of(void *x)
{
	static struct datapath_interface i[2];

	return datapath_xdp_interfaces(x, i, 2) == 2 &&
	       !strcmp(i[0].attach, i[1].attach) ? i[1].attach : "";
}

/* Killed, replaced, taken up, gone. */
static void test_storm(const char *how, bool without_gap)
{
	char reason[256] = "", name[64];
	void *x = NULL;

	snprintf(name, sizeof(name), "%s_process_killed", how);
	CHECK_INT(live_and_die(), 0, name);
	peer_keys();
	snprintf(name, sizeof(name), "%s_absent_relays", how);
	CHECK_INT(relayed(100, 20), 40, name);
	storm(how, without_gap);
	/* what is attached stays as it is, whatever the setting is by now */
	by_netlink = !by_netlink;
	snprintf(name, sizeof(name), "%s_attached_as_it_was", how);
	CHECK(!open_with(false, &x, reason) && !strcmp(attach_of(x), how),
	      name);
	by_netlink = false;
	printf("# %s\n", reason);
	if (x) {
		datapath_xdp_keep(x, false);
		datapath_xdp_ops.close(x);
	}
	snprintf(name, sizeof(name), "%s_pins_gone_in_the_end", how);
	CHECK(access(PINS, F_OK), name);
	snprintf(name, sizeof(name), "%s_interfaces_clear_in_the_end", how);
	CHECK(!strcmp(how, "dispatcher") || (!id_on("sip0") && !id_on("web0")),
	      name);
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
}

/* ---- by netlink: whose program is it ---------------------------------------- */

static int pins_rename(const char *from, const char *to)
{
	char a[128], b[128];

	snprintf(a, sizeof(a), PINS "/%s", from);
	snprintf(b, sizeof(b), PINS "/%s", to);
	return rename(a, b);
}

static void test_netlink_pins(void)
{
	char reason[256] = "";
	void *x = NULL;
	uint32_t id;

	by_netlink = true;
	CHECK_INT(live_and_die(), 0, "netlink_pin_process_killed");
	peer_keys();
	/* as if it died when the program was exchanged and the pin not yet */
	CHECK(!pins_rename("prog_sip0", "next_sip0") &&
	      !open_with(false, &x, reason),
	      "netlink_pin_half_exchanged_is_understood");
	datapath_xdp_ops.close(x);
	CHECK_INT(relayed(100, 5), 10, "netlink_pin_half_exchanged_relays_on");
	must(run("ip link set dev sip0 xdp off") || foreigner("sip0"),
	     "foreigner");
	id = id_on("sip0");
	CHECK(open_with(false, &x, reason) == -EEXIST &&
	      strstr(reason, "sip0 has XDP program") &&
	      strstr(reason, "foreigner"),
	      "netlink_program_of_others_refused_and_named");
	printf("# %s\n", reason);
	CHECK(id && id_on("sip0") == id, "netlink_program_of_others_left_alone");
	must(run("ip link set dev sip0 xdp off"), "foreigner");
	CHECK(!open_with(false, &x, reason) && !strcmp(attach_of(x), "netlink"),
	      "netlink_program_taken_away_is_attached_again");
	CHECK_INT(relayed(110, 5), 10, "netlink_attached_again_relays_on");
	CHECK_INT(run("ip link set dev sip0 xdp off"), 0,
		  "netlink_program_can_be_taken_away");
	CHECK(datapath_xdp_attach_missing(x, reason, sizeof(reason)) == 1,
	      "netlink_program_put_back_by_the_same_process");
	CHECK_INT(datapath_xdp_attach_missing(x, reason, sizeof(reason)), 0,
		  "netlink_program_that_is_there_stays");
	CHECK_INT(relayed(120, 5), 10, "netlink_put_back_relays_on");
	datapath_xdp_keep(x, false);
	datapath_xdp_ops.close(x);
	by_netlink = false;
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
}

/* ---- in a dispatcher ------------------------------------------------------- */

/* Somebody else's program, by libxdp; NULL where that makes no dispatcher. */
static struct xdp_program *dispatch(const char *device)
{
	int ifindex = (int)if_nametoindex(device);
	struct xdp_multiprog *mp;
	struct xdp_program *p;
	char path[4096];
	bool is_member;

	snprintf(path, sizeof(path), "%.*s/pass.bpf.o",
		 (int)(strrchr(object, '/') - object), object);
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .open_filename = path,
			    .prog_name = "test_pass");
	p = xdp_program__create(&opts);
	if (libxdp_get_error(p))
		return NULL;
	if (xdp_program__attach(p, ifindex, XDP_MODE_NATIVE, 0)) {
		xdp_program__close(p);
		return NULL;
	}
	mp = xdp_multiprog__get_from_ifindex(ifindex);
	is_member = !libxdp_get_error(mp) && !xdp_multiprog__is_legacy(mp);
	xdp_multiprog__close(mp);
	if (is_member)
		return p;
	xdp_program__detach(p, ifindex, XDP_MODE_NATIVE, 0);
	xdp_program__close(p);
	return NULL;
}

static void leave(struct xdp_program *p, const char *device)
{
	if (!p)
		return;
	xdp_program__detach(p, (int)if_nametoindex(device), XDP_MODE_NATIVE,
			    0);
	xdp_program__close(p);
}

static void test_dispatcher(void)
{
	struct xdp_program *web = dispatch("web0"), *sip = dispatch("sip0");
	char reason[256] = "";
	void *x = NULL;

	if (!web || !sip) {
		tap_skip("dispatcher", "libxdp makes no dispatcher here");
	} else if (open_with(true, &x, reason)) {
		CHECK(false, "dispatcher_joined");
		printf("# %s\n", reason);
	} else {
		datapath_xdp_ops.close(x);
		test_storm("dispatcher", false);
	}
	leave(web, "web0");
	leave(sip, "sip0");
}

/* ---- contracts ------------------------------------------------------------ */

static void set_contract(uint32_t version)
{
	int fd = bpf_obj_get(PINS "/" SLUICE_MAP_CONTROL);
	struct sluice_control c;
	uint32_t zero = 0;

	bpf_map_lookup_elem(fd, &zero, &c);
	c.contract = version;
	bpf_map_update_elem(fd, &zero, &c, BPF_ANY);
	close(fd);
}

static void clear_flows(void)
{
	int fd = bpf_obj_get(PINS "/" SLUICE_MAP_FLOWS);
	struct sluice_flow_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
	close(fd);
}

static void test_contract(void)
{
	char reason[256] = "", version[16];
	uint64_t absent_ms;
	void *x = NULL;

	CHECK_INT(live_and_die(), 0, "contract_process_killed");
	peer_keys();
	set_contract(77);
	CHECK_INT(open_with(false, &x, reason), -EEXIST,
		  "contract_other_refused");
	printf("# %s\n", reason);
	snprintf(version, sizeof(version), "contract %u",
		 SLUICE_CONTRACT_VERSION);
	CHECK(strstr(reason, "contract 77") && strstr(reason, version) &&
	      strstr(reason, "--discard-media"),
	      "contract_other_both_named_with_ways_out");
	CHECK_INT(relayed(100, 5), 10, "contract_other_nothing_changed");
	clear_flows();
	CHECK(!open_with(false, &x, reason) &&
	      !datapath_xdp_adopted(x, &absent_ms),
	      "contract_other_without_media_replaced");
	datapath_xdp_ops.close(x);
	CHECK_INT(live_and_die(), 0, "contract_process_killed_again");
	set_contract(77);
	x = NULL;
	CHECK(!open_with(true, &x, reason) &&
	      !datapath_xdp_adopted(x, &absent_ms),
	      "contract_other_discarded_when_told");
	datapath_xdp_ops.close(x);
	CHECK(access(PINS, F_OK), "contract_pins_gone_in_the_end");
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
}

/* As a program of the same contract that has another idea of streams. */
static void misfit(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "misfit", 4, 8, 16, NULL);

	unlink(PINS "/" SLUICE_MAP_STREAMS);
	bpf_obj_pin(fd, PINS "/" SLUICE_MAP_STREAMS);
	close(fd);
}

static void test_misfit(void)
{
	char reason[256] = "";
	uint64_t absent_ms;
	void *x = NULL;

	CHECK_INT(live_and_die(), 0, "misfit_process_killed");
	peer_keys();
	misfit();
	CHECK(open_with(false, &x, reason) == -EEXIST &&
	      strstr(reason, SLUICE_MAP_STREAMS " does not fit"),
	      "misfit_map_refused_and_named");
	CHECK_INT(relayed(100, 5), 10, "misfit_nothing_changed");
	clear_flows();
	CHECK(!open_with(false, &x, reason) &&
	      !datapath_xdp_adopted(x, &absent_ms),
	      "misfit_without_media_replaced");
	datapath_xdp_ops.close(x);
	CHECK(access(PINS, F_OK), "misfit_pins_gone_in_the_end");
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
}

int main(void)
{
	/* an emulated processor verifies for seconds: what needs trampolines,
	 * and one plain round
	 */
	bool is_short = getenv("SHORT") != NULL;

	if (geteuid()) {
		tap_skip("adopt", "needs root");
		tap_done();
		return 4;
	}
	lay_out();
	if (!is_short)
		test_adopt("generic");
	run("nsenter --net=/proc/%d/ns/net ethtool -K web1 gro on", peers[0]);
	run("nsenter --net=/proc/%d/ns/net ethtool -K sip1 gro on", peers[1]);
	test_adopt("native");
	if (!is_short) {
		test_storm("link", true);
		by_netlink = true;
		test_storm("netlink", false);
		test_netlink_pins();
		test_contract();
		test_misfit();
	}
	test_dispatcher();
	kill(peers[0], SIGKILL);
	kill(peers[1], SIGKILL);
	return tap_done();
}
