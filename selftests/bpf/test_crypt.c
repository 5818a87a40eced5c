/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SRTP in BPF (crypt.bpf.o, through BPF_PROG_TEST_RUN) against libsrtp2: the
 * same packets, bit by bit, both ways. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "datapath/xdp.h"
#include "../unit/srtp_oracle.h"
#include "../unit/tap.h"
#include "crypt.h"

static struct {
	struct bpf_object *object;
	int key_fd, protect_fd, unprotect_fd;
	int protect_rtcp_fd, open_rtcp_fd;
} b;

static const struct {
	uint32_t profile;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, "cm32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm128" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

static int program_fd(const char *name)
{
	struct bpf_program *p;

	p = bpf_object__find_program_by_name(b.object, name);
	return p ? bpf_program__fd(p) : -1;
}

/* The object lies in the folder above this program's. */
static int load(bool wants_arena)
{
	char exe[PATH_MAX] = "", path[PATH_MAX + 32];

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/../%s", dirname(exe),
		 wants_arena ? "crypt_arena.bpf.o" : "crypt.bpf.o");
	libbpf_set_print(quiet);
	b.object = bpf_object__open_file(path, NULL);
	if (!b.object || xdp_object_load(b.object))
		return -1;
	b.key_fd = bpf_object__find_map_fd_by_name(b.object, "t_key");
	b.protect_fd = program_fd("t_protect");
	b.unprotect_fd = program_fd("t_unprotect");
	b.protect_rtcp_fd = program_fd("t_protect_rtcp");
	b.open_rtcp_fd = program_fd("t_open_rtcp");
	return b.key_fd < 0 || b.protect_fd < 0 || b.unprotect_fd < 0 ||
	       b.protect_rtcp_fd < 0 || b.open_rtcp_fd < 0 ? -1 : 0;
}

static int set_key(const struct sluice_key *key)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(b.key_fd, &zero, key, BPF_ANY);
}

/*
 * In place; the new length or -SLUICE_DROP_x. INT_MIN: the run failed.
 * Of SRTCP the index is also a result.
 */
static int run_index(int fd, uint64_t *index, uint8_t *packet, uint32_t len)
{
	uint8_t in[SLUICE_SCRATCH], out[SLUICE_SCRATCH];
	struct crypt_call call = { .index = *index, .result = INT_MIN };
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = in,
		.data_size_in = (uint32_t)sizeof(call) + len,
		.data_out = out,
		.data_size_out = sizeof(out),
		.repeat = 1,
	);

	memcpy(in, &call, sizeof(call));
	memcpy(in + sizeof(call), packet, len);
	if (bpf_prog_test_run_opts(fd, &opts) || opts.retval != 2)
		return INT_MIN;
	memcpy(&call, out, sizeof(call));
	if (call.result >= 0) {
		if (opts.data_size_out != sizeof(call) + call.result)
			return INT_MIN;
		memcpy(packet, out + sizeof(call), (size_t)call.result);
	}
	*index = call.index;
	return call.result;
}

static int run(int fd, uint64_t index, uint8_t *packet, uint32_t len)
{
	return run_index(fd, &index, packet, len);
}

static int agrees(srtp_t tx, srtp_t rx, const struct oracle_rtp *shape,
		  uint64_t index)
{
	uint8_t plain[SLUICE_SCRATCH], want[SLUICE_SCRATCH];
	uint8_t got[SLUICE_SCRATCH];
	uint32_t len = oracle_packet(shape, plain);
	int n;

	memcpy(want, plain, len);
	n = oracle_protect(tx, want, (int)len);
	memcpy(got, plain, len);
	if (n < 0 || run(b.protect_fd, index, got, len) != n ||
	    memcmp(got, want, (size_t)n))
		return 0;
	if (run(b.unprotect_fd, index, got, (uint32_t)n) != (int)len ||
	    memcmp(got, plain, len))
		return 0;
	return oracle_unprotect(rx, want, n) == (int)len;
}

static void test_lengths(unsigned int p)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 77);
	struct sluice_key key = oracle_expand(&m);
	srtp_t tx = oracle_open(&m, 1), rx = oracle_open(&m, 0);
	struct oracle_rtp r = { .pt = 96, .ssrc = 0xdecafbad };
	uint64_t index = 65000;
	char name[96];
	int ok = !set_key(&key);

	for (; index < 65000 + 1401 && ok; index++) {
		r.seq = (uint16_t)index;
		r.timestamp = (uint32_t)index * 160;
		r.payload_len = (uint32_t)(index - 65000);
		r.marker = index & 1;
		r.csrc_count = index % 5 == 0 ? index % 16 : 0;
		r.extension_words = index % 3 == 0 ? (int)(index % 7) : -1;
		ok = agrees(tx, rx, &r, index);
	}
	snprintf(name, sizeof(name), "bpf_%s_lengths_0_to_1400_match_libsrtp",
		 profiles[p].name);
	if (!CHECK(ok, name))
		printf("# at length %u\n", r.payload_len);
	srtp_dealloc(tx);
	srtp_dealloc(rx);
}

static void test_forged(unsigned int p)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 5);
	struct sluice_key key = oracle_expand(&m);
	struct oracle_rtp r = { .pt = 0, .ssrc = 7, .payload_len = 40,
				.csrc_count = 1, .extension_words = 1 };
	uint8_t good[SLUICE_SCRATCH], bad[SLUICE_SCRATCH];
	uint32_t len = oracle_packet(&r, good);
	char name[96];
	int n, i, refused = 0, want = 0;

	set_key(&key);
	n = run(b.protect_fd, 0x1ffff0000, good, len);
	/* From the payload on: what comes before also decides the parsing. */
	for (i = 24; i < n; i++, want++) {
		memcpy(bad, good, (size_t)n);
		bad[i] ^= 0x80 >> i % 8;
		refused += run(b.unprotect_fd, 0x1ffff0000, bad,
			       (uint32_t)n) == -SLUICE_DROP_AUTH;
	}
	snprintf(name, sizeof(name), "bpf_%s_any_byte_changed_is_refused",
		 profiles[p].name);
	CHECK(n > 0 && refused == want, name);

	memcpy(bad, good, (size_t)n);
	snprintf(name, sizeof(name), "bpf_%s_other_roc_is_refused",
		 profiles[p].name);
	CHECK_INT(run(b.unprotect_fd, 0x1fffe0000, bad, (uint32_t)n),
		  -SLUICE_DROP_AUTH, name);
	snprintf(name, sizeof(name), "bpf_%s_no_room_for_tag_is_short",
		 profiles[p].name);
	CHECK_INT(run(b.unprotect_fd, 0, good, 24 +
		      sluice_srtp_tag_len(m.profile) - 1),
		  -SLUICE_DROP_SHORT, name);
}

static void test_rtcp(unsigned int p, int is_open)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 31);
	struct sluice_key key = oracle_expand(&m);
	srtp_t tx = oracle_open_rtcp(&m, 1, is_open);
	uint8_t plain[SLUICE_SCRATCH], wire[SLUICE_SCRATCH];
	uint8_t got[SLUICE_SCRATCH];
	uint32_t len, count = 0;
	uint64_t index;
	char name[96];
	int ok = !set_key(&key), n = 0, i, taken = 0;

	for (len = 8; len <= 1400 && ok; len += 4) {
		oracle_rtcp_packet(0x5eed0001, len, plain);
		memcpy(wire, plain, len);
		n = oracle_protect_rtcp(tx, wire, (int)len);
		memcpy(got, wire, sizeof(got));
		index = 0;
		count++;
		ok = n > 0 && run_index(b.open_rtcp_fd, &index, got,
					(uint32_t)n) == (int)len &&
		     index == count && !memcmp(got, plain, len);
		if (ok && !is_open)
			ok = run(b.protect_rtcp_fd, count, got, len) == n &&
			     !memcmp(got, wire, (size_t)n);
	}
	snprintf(name, sizeof(name), "bpf_%s_%s_rtcp_matches_libsrtp",
		 profiles[p].name, is_open ? "open" : "encrypted");
	if (!CHECK(ok, name))
		printf("# at length %u\n", len - 4);

	oracle_rtcp_packet(0x5eed0001, 28, wire);
	n = oracle_protect_rtcp(tx, wire, 28);
	for (i = 0; i < n; i++) {
		memcpy(got, wire, (size_t)n);
		got[i] ^= 0x80 >> i % 8;
		taken += run(b.open_rtcp_fd, 0, got, (uint32_t)n) !=
			 -SLUICE_DROP_AUTH;
	}
	snprintf(name, sizeof(name), "bpf_%s_%s_rtcp_any_byte_changed_is_refused",
		 profiles[p].name, is_open ? "open" : "encrypted");
	CHECK(n > 0 && !taken, name);
	srtp_dealloc(tx);
}

static void test_limits(void)
{
	struct oracle_master m =
		oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM, 1);
	struct sluice_key key = { .profile = SLUICE_SRTP_NONE };
	struct oracle_rtp r = { .payload_len = 100, .extension_words = -1 };
	uint8_t packet[SLUICE_SCRATCH];

	set_key(&key);
	oracle_packet(&r, packet);
	CHECK_INT(run(b.protect_fd, 0, packet, 112), -SLUICE_DROP_INTERNAL,
		  "bpf_no_profile_protects_nothing");
	key = oracle_expand(&m);
	set_key(&key);
	CHECK_INT(run(b.protect_fd, 0, packet, SLUICE_PACKET_MAX - 15),
		  -SLUICE_DROP_TOO_BIG, "bpf_packet_above_max_is_too_big");
	CHECK_INT(run(b.protect_fd, 0, packet, SLUICE_PACKET_MAX - 16),
		  SLUICE_PACKET_MAX, "bpf_packet_at_max_is_protected");
	CHECK_INT(run(b.unprotect_fd, 0, packet, SLUICE_PACKET_MAX),
		  SLUICE_PACKET_MAX - 16, "bpf_packet_at_max_is_unprotected");
}

int main(void)
{
	bool wants_arena = strstr(program_invocation_short_name, "_arena");
	unsigned int p;

	if (geteuid()) {
		printf("1..0 # SKIP loading BPF programs needs root\n");
		return 4;
	}
	if (wants_arena && !xdp_has_arenas()) {
		tap_skip("crypt_arena", "this kernel has no BPF arenas");
		return tap_done();
	}
	if (!CHECK(!load(wants_arena), "bpf_crypt_is_verified"))
		return tap_done();
	for (p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++) {
		test_lengths(p);
		test_forged(p);
		test_rtcp(p, 0);
		test_rtcp(p, 1);
	}
	test_limits();
	bpf_object__close(b.object);
	return tap_done();
}
