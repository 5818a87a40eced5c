// SPDX-License-Identifier: Apache-2.0
/* Media of contract 2 taken over by the present program, or refused. */
#define PINS	"/sys/fs/bpf/sluice-test-contract2"

#include "contract2_rig.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "datapath/pinned.h"

#define STORM_GAP_US	500

/* ---- taking over ----------------------------------------------------------- */

static int open_new(void **ret, char *reason)
{
	*reason = 0;
	*ret = NULL;
	return backend_open(&web_local, ret, reason);
}

static void end(void *x)
{
	if (x) {
		datapath_xdp_keep(x, false);
		datapath_xdp_ops.close(x);
	}
	forget_peer();
}

/* One packet of a source that goes on: number i, and what it became. */
static bool goes_on(int from, int i)
{
	uint64_t highest = from ? SIP_HIGHEST : WEB_HIGHEST;
	uint16_t seq = (uint16_t)(highest + 1 + i);
	uint16_t out_seq = (uint16_t)((from ? SIP_OUT : WEB_OUT) + i);
	uint32_t time = seq * 160U + (from ? SIP_TIME : WEB_TIME);
	uint8_t out[512];

	if (relay(from, seq, out) != 172)
		return false;
	return sluice_get16(out + 2) == out_seq &&
	       sluice_get32(out + 4) == time;
}

static uint64_t drops(void *x, enum sluice_drop reason)
{
	struct datapath_totals totals = { 0 };

	datapath_xdp_ops.totals(x, &totals);
	return totals.drops[reason];
}

/* What the browser sent before arrives once more. */
static int replay_all(void)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&web_local, &sa);
	int i, n = 0;

	for (i = 0; i < WEB_BEFORE; i++)
		n += sendto(peer_sockets[0], before[i], (size_t)before_len[i],
			    0, (struct sockaddr *)&sa, len) == before_len[i];
	return n;
}

static bool has_pin(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), PINS "/%s", name);
	return !access(path, F_OK);
}

static uint32_t value_size(const char *name)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PINS "/%s", name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	return info.value_size;
}

static bool has_leftovers(void)
{
	return has_pin(CONTRACT2_MAP_OUT) || has_pin(CONTRACT2_MAP_SSRCS) ||
	       has_pin(CONTRACT2_MAP_SOURCES) || has_pin("sl_carried") ||
	       has_pin("sl_jump") || has_pin("sl_new_sl_keys");
}

static void test_taken_over(void)
{
	struct datapath_stream_stats web = { 0 }, sip = { 0 };
	struct sluice_rtcp_out rtcp = { 0 };
	uint64_t absent_ms = 0, replays;
	uint32_t one = 1;
	char reason[256];
	int i, good = 0, fd;
	uint8_t out[512];
	void *x;

	leave_old(CONTRACT2_VERSION, 1, 1);
	CHECK(!open_new(&x, reason) && datapath_xdp_adopted(x, &absent_ms),
	      "contract2_opened_as_adopted");
	if (!x) {
		printf("# %s\n", reason);
		forget_peer();
		return;
	}
	CHECK_INT(datapath_xdp_size(x), SIZE, "contract2_size_kept");
	CHECK(!has_leftovers() && value_size(SLUICE_MAP_KEYS) ==
	      sizeof(struct sluice_key) && value_size(SLUICE_MAP_FLOWS) ==
	      sizeof(struct sluice_flow) && has_pin(SLUICE_MAP_STATES) &&
	      has_pin(SLUICE_MAP_RELAYS), "contract2_pins_are_the_new_ones");
	for (i = 0; i < 20; i++)
		good += goes_on(0, i) + goes_on(1, i);
	CHECK_INT(good, 40, "contract2_index_and_time_go_on_both_ways");
	replays = drops(x, SLUICE_DROP_REPLAY);
	CHECK_INT(replay_all(), WEB_BEFORE, "contract2_old_packets_sent_again");
	CHECK(goes_on(0, 20) && recv(peer_sockets[1], out, 512,
				     MSG_DONTWAIT) < 0 &&
	      drops(x, SLUICE_DROP_REPLAY) == replays + WEB_BEFORE,
	      "contract2_old_packets_are_replays");
	CHECK_INT(claim_call(x), 0, "contract2_call_claimed");
	set_web_port(x);
	CHECK_INT(datapath_xdp_ops.settle(x), 0, "contract2_no_orphans");
	CHECK(goes_on(0, 21) && goes_on(1, 20), "contract2_claimed_relays");
	datapath_xdp_ops.stream_stats(x, 1, &web);
	datapath_xdp_ops.stream_stats(x, 2, &sip);
	CHECK(web.packets == 60 + 22 && web.received == 60 + 22 &&
	      web.bytes == 9600 + 22 * 160 && web.lost == 3 && web.late == 2,
	      "contract2_web_figures_go_on");
	CHECK(sip.packets == 60 + 21 && sip.received == 60 + 21 &&
	      sip.lost == 3 && sip.in_ssrc == SSRC,
	      "contract2_sip_figures_go_on");
	fd = bpf_obj_get(PINS "/" SLUICE_MAP_RTCP);
	bpf_map_lookup_elem(fd, &one, &rtcp);
	close(fd);
	CHECK_INT(rtcp.next_index, SRTCP_NEXT, "contract2_srtcp_index_kept");
	datapath_xdp_ops.close(x);
	CHECK(goes_on(0, 22) && !open_new(&x, reason) && goes_on(1, 21),
	      "contract2_adopted_again_as_contract3");
	end(x);
	CHECK(access(PINS, F_OK), "contract2_pins_gone_in_the_end");
}

/* ---- more sources than there are places ------------------------------------ */

static struct sluice_state state_of(uint32_t id)
{
	int fd = bpf_obj_get(PINS "/" SLUICE_MAP_STATES);
	struct sluice_state state = { 0 };

	bpf_map_lookup_elem_flags(fd, &id, &state, BPF_F_LOCK);
	close(fd);
	return state;
}

/* The eight that were heard last, the newest of them the current one. */
static bool has_last(const struct sluice_state *s)
{
	uint32_t i, seen = 0;

	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++)
		if (s->source[i].ssrc > SSRC - SLUICE_SSRCS_PER_STREAM &&
		    s->source[i].ssrc <= SSRC)
			seen |= 1U << (SSRC - s->source[i].ssrc);
	return s->out.sources == SLUICE_SSRCS_PER_STREAM && seen == 0xff &&
	       s->source[s->out.newest].ssrc == SSRC;
}

static void test_sources(void)
{
	struct datapath_stream_stats stats = { 0 };
	struct sluice_state state;
	char reason[256];
	void *x;

	leave_old(CONTRACT2_VERSION, 10, 16);
	CHECK_INT(open_new(&x, reason), 0, "sources_opened");
	if (!x) {
		printf("# %s\n", reason);
		forget_peer();
		return;
	}
	state = state_of(1);
	CHECK(has_last(&state), "sources_secured_heard_last_kept");
	state = state_of(2);
	CHECK(has_last(&state), "sources_plain_heard_last_kept");
	CHECK(state.gone_packets == 8 * 60 && state.gone_lost == 8 * 3 &&
	      state.gone_late == 8 * 2, "sources_left_out_are_counted");
	CHECK(goes_on(0, 0) && goes_on(1, 0), "sources_current_goes_on");
	CHECK_INT(claim_call(x), 0, "sources_call_claimed");
	datapath_xdp_ops.stream_stats(x, 2, &stats);
	CHECK_INT(stats.received, 16 * 60 + 1, "sources_figures_complete");
	end(x);
}

/* ---- numbered packets meanwhile -------------------------------------------- */

struct storm {
	volatile bool is_over;
	volatile uint32_t sent;
};

static pid_t storm_begin(struct storm *storm)
{
	struct oracle_rtp r = { .extension_words = -1, .ssrc = SSRC,
				.payload_len = 160 };
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&sip_local, &sa);
	uint8_t packet[512];
	pid_t pid = fork();
	size_t n;

	if (pid)
		return pid;
	while (!storm->is_over) {
		r.seq = (uint16_t)(SIP_HIGHEST + 1 + storm->sent);
		r.timestamp = r.seq * 160U;
		n = oracle_packet(&r, packet);
		if (sendto(peer_sockets[1], packet, n, 0,
			   (struct sockaddr *)&sa, len) == (ssize_t)n)
			storm->sent++;
		usleep(STORM_GAP_US);
	}
	_exit(0);
}

static struct storm *storm_new(void)
{
	int buffer = 64 << 20;

	setsockopt(peer_sockets[0], SOL_SOCKET, SO_RCVBUFFORCE, &buffer,
		   sizeof(buffer));
	return mmap(NULL, sizeof(struct storm), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/*
 * How many came through, each index once and in order up to the last; -1 if
 * not. What is missing at the start the old program swallowed, which counted
 * and numbered it.
 */
static int storm_heard(uint32_t sent)
{
	struct timeval wait = { .tv_usec = 300000 };
	uint16_t last = (uint16_t)(SIP_OUT + sent - 1), seq = 0;
	uint8_t packet[512];
	int n = 0, len;

	setsockopt(peer_sockets[0], SOL_SOCKET, SO_RCVTIMEO, &wait,
		   sizeof(wait));
	while ((len = (int)recv(peer_sockets[0], packet, 512, 0)) > 0) {
		if (oracle_unprotect(browser_rx, packet, len) < 12)
			return -1;
		if (n && sluice_get16(packet + 2) != (uint16_t)(seq + 1))
			return -1;
		seq = sluice_get16(packet + 2);
		n++;
	}
	wait.tv_sec = 2;
	wait.tv_usec = 0;
	setsockopt(peer_sockets[0], SOL_SOCKET, SO_RCVTIMEO, &wait,
		   sizeof(wait));
	return seq == last ? n : -1;
}

static void test_storm(void)
{
	struct storm *storm = storm_new();
	struct datapath_stream_stats stats = { 0 };
	char reason[256];
	int heard;
	void *x;
	pid_t pid;

	leave_old(CONTRACT2_VERSION, 1, 1);
	pid = storm_begin(storm);
	while (!storm->sent)
		usleep(STORM_GAP_US);
	CHECK_INT(open_new(&x, reason), 0, "storm_opened");
	storm->is_over = true;
	waitpid(pid, NULL, 0);
	heard = storm_heard(storm->sent);
	CHECK(heard > 0 && (uint32_t)heard < storm->sent,
	      "storm_every_index_once_from_the_old_program_on");
	if (x && !claim_call(x))
		datapath_xdp_ops.stream_stats(x, 2, &stats);
	CHECK(stats.received == 60 + storm->sent &&
	      stats.packets == stats.received && stats.lost == 3,
	      "storm_none_uncounted");
	printf("# %u packets, the last %d by the new program\n", storm->sent,
	       heard);
	end(x);
	munmap(storm, sizeof(*storm));
}

/* ---- killed in the midst --------------------------------------------------- */

/* A call that changes what the next start finds. */
static bool is_step(const struct __ptrace_syscall_info *i)
{
	if (i->op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	if (i->entry.nr == SYS_bpf)
		return i->entry.args[0] == BPF_OBJ_PIN ||
		       i->entry.args[0] == BPF_LINK_UPDATE ||
		       i->entry.args[0] == BPF_PROG_TEST_RUN;
	return i->entry.nr == SYS_unlink || i->entry.nr == SYS_unlinkat ||
	       i->entry.nr == SYS_rename || i->entry.nr == SYS_renameat ||
	       i->entry.nr == SYS_membarrier;
}

/* Opens in a process that is killed before step n; false: it came through. */
static bool killed_at(int n)
{
	struct __ptrace_syscall_info info;
	char reason[256];
	int status, at = 0;
	void *x;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(open_new(&x, reason) ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		if (waitpid(pid, &status, 0) != pid || WIFEXITED(status) ||
		    WIFSIGNALED(status))
			return false;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) !=
		    (SIGTRAP | 0x80) ||
		    ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info),
			   &info) <= 0 || !is_step(&info) || at++ < n)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return true;
	}
}

/* Packets all the while: through the attempt, absence and the next start. */
static bool survives(int step, bool *ret_is_last)
{
	struct storm *storm = storm_new();
	struct datapath_stream_stats stats = { 0 };
	uint32_t sent_before;
	char reason[256];
	int heard, err;
	bool good;
	void *x;
	pid_t pid;

	leave_old(CONTRACT2_VERSION, 1, 1);
	pid = storm_begin(storm);
	*ret_is_last = !killed_at(step);
	sent_before = storm->sent;
	while (storm->sent < sent_before + 20)
		usleep(STORM_GAP_US);
	err = open_new(&x, reason);
	storm->is_over = true;
	waitpid(pid, NULL, 0);
	heard = storm_heard(storm->sent);
	if (x && !claim_call(x))
		datapath_xdp_ops.stream_stats(x, 2, &stats);
	good = !err && heard > 0 && stats.received == 60 + storm->sent &&
	       stats.packets == stats.received && !has_leftovers();
	if (!good)
		printf("# step %d: %d %s, %u sent, %d heard, %llu counted\n",
		       step, err, reason, storm->sent, heard,
		       (unsigned long long)stats.received - 60);
	end(x);
	munmap(storm, sizeof(*storm));
	return good;
}

static void test_killed(void)
{
	bool is_last = false;
	int step, bad = 0;

	for (step = 0; !is_last; step++)
		bad += !survives(step, &is_last);
	CHECK_INT(bad, 0, "killed_anywhere_next_start_goes_on");
	CHECK(step > 20, "killed_at_every_step");
	printf("# killed before each of %d steps\n", step - 1);
}

/* ---- refused ---------------------------------------------------------------- */

static uint32_t attached_id(const char *device)
{
	uint32_t id = 0;

	bpf_xdp_query_id((int)if_nametoindex(device), 0, &id);
	return id;
}

static uint32_t contract_pinned(void)
{
	int fd = bpf_obj_get(PINS "/" SLUICE_MAP_CONTROL);
	struct sluice_control c = { 0 };
	uint32_t zero = 0;

	bpf_map_lookup_elem(fd, &zero, &c);
	close(fd);
	return c.contract;
}

/* The old program as it was, its maps where they were. */
static bool is_untouched(uint32_t id, uint32_t contract)
{
	return attached_id("web0") == id && attached_id("sip0") == id &&
	       contract_pinned() == contract && !has_pin(SLUICE_MAP_STATES) &&
	       !has_pin("sl_carried") && !has_pin("sl_new_sl_keys") &&
	       value_size(SLUICE_MAP_KEYS) == sizeof(struct contract2_key) &&
	       has_pin(CONTRACT2_MAP_OUT);
}

static void test_older(uint32_t contract)
{
	char reason[256], name[64], theirs[16], ours[16];
	uint32_t id;
	void *x;

	leave_old(contract, 1, 1);
	id = attached_id("web0");
	snprintf(name, sizeof(name), "contract%u_refused", contract);
	CHECK_INT(open_new(&x, reason), -EEXIST, name);
	printf("# %s\n", reason);
	snprintf(theirs, sizeof(theirs), "contract %u", contract);
	snprintf(ours, sizeof(ours), "contract %u", SLUICE_CONTRACT_VERSION);
	snprintf(name, sizeof(name), "contract%u_both_named_with_ways_out",
		 contract);
	CHECK(strstr(reason, theirs) && strstr(reason, ours) &&
	      strstr(reason, "drain") && strstr(reason, "--discard-media"),
	      name);
	snprintf(name, sizeof(name), "contract%u_nothing_changed", contract);
	CHECK(is_untouched(id, contract), name);
	end(x);
}

/* A sluice_xdp.bpf.o without what belongs beside it. */
static void test_no_bridge(void)
{
	char reason[256], whole[sizeof(object)];
	char dir[] = "/tmp/sluice-contract2-XXXXXX";
	uint32_t id;
	void *x;

	leave_old(CONTRACT2_VERSION, 1, 1);
	id = attached_id("web0");
	must(!mkdtemp(dir), dir);
	run("cp %s %s", object, dir);
	strcpy(whole, object);
	snprintf(object, sizeof(object), "%s/sluice_xdp.bpf.o", dir);
	CHECK(open_new(&x, reason) == -EEXIST &&
	      strstr(reason, "contract2.bpf.o"), "failure_before_refused_named");
	printf("# %s\n", reason);
	strcpy(object, whole);
	run("rm -r %s", dir);
	CHECK(is_untouched(id, CONTRACT2_VERSION),
	      "failure_before_nothing_changed");
	CHECK(!open_new(&x, reason) && goes_on(0, 0) && goes_on(1, 0),
	      "failure_before_next_start_takes_over");
	end(x);
}

static void test_misfit(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "misfit", 4, 8, 16, NULL);
	char reason[256];
	uint32_t id;
	void *x;

	leave_old(CONTRACT2_VERSION, 1, 1);
	id = attached_id("web0");
	unlink(PINS "/" CONTRACT2_MAP_OUT);
	bpf_obj_pin(fd, PINS "/" CONTRACT2_MAP_OUT);
	close(fd);
	CHECK(open_new(&x, reason) == -EEXIST &&
	      strstr(reason, CONTRACT2_MAP_OUT) && strstr(reason, "contract 2"),
	      "misfit_refused_and_named");
	printf("# %s\n", reason);
	CHECK(is_untouched(id, CONTRACT2_VERSION), "misfit_nothing_changed");
	end(x);
}

/* ---- looked at without a daemon -------------------------------------------- */

static void test_offline(void)
{
	struct pinned_status status = { 0 };
	struct pinned *p = NULL;

	leave_old(CONTRACT2_VERSION, 1, 1);
	CHECK(pinned_open(PINS, &p, &status) == -EPROTONOSUPPORT &&
	      status.contract == CONTRACT2_VERSION && status.flows == 2,
	      "offline_contract_and_flows_told");
	forget_peer();
}

int main(void)
{
	if (geteuid()) {
		tap_skip("contract2", "needs root");
		tap_done();
		return 4;
	}
	lay_out();
	run("nsenter --net=/proc/%d/ns/net ethtool -K web1 gro on", peers[0]);
	run("nsenter --net=/proc/%d/ns/net ethtool -K sip1 gro on", peers[1]);
	test_taken_over();
	test_sources();
	test_older(1);
	test_older(99);
	test_no_bridge();
	test_misfit();
	test_offline();
	/* an emulated processor verifies for seconds */
	if (!getenv("SHORT")) {
		test_storm();
		test_killed();
	}
	kill(peers[0], SIGKILL);
	kill(peers[1], SIGKILL);
	return tap_done();
}
