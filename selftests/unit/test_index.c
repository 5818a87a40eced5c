// SPDX-License-Identifier: Apache-2.0
/* bpf/lib/index.h: arriving indices, replay window, outgoing index space. */
#include "lib/index.h"
#include "tap.h"

#define CLOCK_HZ	8000
#define MS		1000000ULL

static struct sluice_rtp rtp = { .payload_len = 160 };

static int accept_index(struct sluice_ssrc *s, __u64 index)
{
	int err = sluice_index_check(s, index);

	if (!err)
		sluice_index_commit(s, index, &rtp, CLOCK_HZ, 1000 * MS);
	return err;
}

static int accept_srtp(struct sluice_ssrc *s, __u16 seq, __u64 *ret)
{
	int err = sluice_index_estimate(s, seq, !s->packets, ret);

	return err ? err : accept_index(s, *ret);
}

static int accept_plain(struct sluice_ssrc *s, __u16 seq, __u64 *ret)
{
	int err = sluice_index_plain(s, seq, ret);

	return err ? err : accept_index(s, *ret);
}

static void test_estimate(void)
{
	struct sluice_ssrc s = { 0 };
	__u64 index = 0;
	int i, wrong = 0;

	for (i = 0; i < 200000; i++) {
		if (accept_srtp(&s, (__u16)(65000 + i), &index) ||
		    index != 65000ULL + i)
			wrong++;
	}
	CHECK_INT(wrong, 0, "estimate_three_wraps_counted");
	CHECK_INT(s.packets, 200000, "commit_packets_counted");
	CHECK_INT(s.highest - s.first_index + 1, 200000,
		  "commit_no_loss_expected_equals_received");

	s = (struct sluice_ssrc){ 0 };
	accept_srtp(&s, 65534, &index);
	accept_srtp(&s, 1, &index);
	CHECK_INT(index, 65537, "estimate_gap_over_wrap_next_roc");
	accept_srtp(&s, 65535, &index);
	CHECK_INT(index, 65535, "estimate_late_over_wrap_previous_roc");
	CHECK_INT(s.late, 1, "commit_late_packet_counted");
	CHECK_INT(s.highest, 65537, "commit_late_packet_keeps_highest");

	s = (struct sluice_ssrc){ 0 };
	accept_srtp(&s, 2, &index);
	CHECK_INT(sluice_index_estimate(&s, 65535, false, &index), 0,
		  "estimate_roc_zero_accepted");
	CHECK_INT(index, 65535, "estimate_roc_zero_never_negative");

	s.highest = (1ULL << 48) - 2;
	CHECK_INT(sluice_index_estimate(&s, 3, false, &index),
		  -SLUICE_DROP_KEY_LIMIT, "estimate_last_roc_refused");
}

static void test_replay(void)
{
	struct sluice_ssrc s = { 0 };

	accept_index(&s, 1000);
	CHECK_INT(accept_index(&s, 1000), -SLUICE_DROP_REPLAY,
		  "replay_same_index_refused");
	accept_index(&s, 1200);
	CHECK_INT(accept_index(&s, 1200 - 127), 0,
		  "replay_oldest_in_window_accepted");
	CHECK_INT(accept_index(&s, 1200 - 127), -SLUICE_DROP_REPLAY,
		  "replay_oldest_in_window_refused_twice");
	CHECK_INT(accept_index(&s, 1200 - 128), -SLUICE_DROP_REPLAY,
		  "replay_below_window_refused");
	CHECK_INT(accept_index(&s, 1200 - 63), 0, "replay_bit_63_accepted");
	CHECK_INT(accept_index(&s, 1200 - 64), 0, "replay_bit_64_accepted");
	accept_index(&s, 1201);
	CHECK_INT(accept_index(&s, 1200 - 63), -SLUICE_DROP_REPLAY,
		  "replay_shift_by_one_carries");
	accept_index(&s, 1264);
	CHECK_INT(accept_index(&s, 1200), -SLUICE_DROP_REPLAY,
		  "replay_shift_by_63_carries");
	accept_index(&s, 1264 + 64);
	CHECK_INT(accept_index(&s, 1264), -SLUICE_DROP_REPLAY,
		  "replay_shift_by_64_carries");
	accept_index(&s, 1328 + 127);
	CHECK_INT(accept_index(&s, 1328), -SLUICE_DROP_REPLAY,
		  "replay_shift_by_127_carries");
}

static void test_plain(void)
{
	struct sluice_ssrc s = { 0 };
	__u64 index = 0, before;

	accept_plain(&s, 65530, &index);
	accept_plain(&s, 4, &index);
	CHECK_INT(index, 65540, "plain_wrap_counted");
	accept_plain(&s, 65531, &index);
	CHECK_INT(index, 65531, "plain_reordered_over_wrap_accepted");
	CHECK_INT(accept_plain(&s, 65531, &index), -SLUICE_DROP_REPLAY,
		  "plain_duplicate_refused");

	before = s.highest - s.first_index;
	CHECK_INT(accept_plain(&s, 30000, &index), -SLUICE_DROP_SEQ_JUMP,
		  "plain_jump_first_packet_dropped");
	CHECK_INT(accept_plain(&s, 20000, &index), -SLUICE_DROP_SEQ_JUMP,
		  "plain_jump_elsewhere_dropped");
	CHECK_INT(accept_plain(&s, 20001, &index), 0,
		  "plain_jump_second_packet_restarts");
	CHECK(index > 65540 && (index & 0xffff) == 20001,
	      "plain_restart_index_moves_on");
	CHECK_INT(s.index_delta, SLUICE_DELTA_RESYNC,
		  "plain_restart_mapping_made_anew");
	CHECK_INT(s.highest - s.first_index, before + 1,
		  "plain_restart_counts_no_loss");

	s = (struct sluice_ssrc){ 0 };
	accept_plain(&s, 10, &index);
	CHECK_INT(accept_plain(&s, 10 + 2999, &index), 0,
		  "plain_dropout_2999_accepted");
	CHECK_INT(accept_plain(&s, 10 + 2999 + 3000, &index),
		  -SLUICE_DROP_SEQ_JUMP, "plain_dropout_3000_dropped");
	s = (struct sluice_ssrc){ 0 };
	accept_plain(&s, 1, &index);
	CHECK_INT(accept_plain(&s, 65535, &index), -SLUICE_DROP_REPLAY,
		  "plain_before_first_index_refused");
}

static int assign(struct sluice_out_state *o, struct sluice_ssrc *s,
		  __u64 in, __u32 ts, __u32 ssrc, __u64 now,
		  __u64 *ret, __u32 *ret_ts)
{
	return sluice_out_assign(o, s, in, ts, ssrc, CLOCK_HZ, now, ret,
				 ret_ts);
}

static void test_out(void)
{
	struct sluice_out_state o = { 0 };
	struct sluice_ssrc a = { .index_delta = SLUICE_DELTA_RESYNC };
	struct sluice_ssrc b = a;
	__u64 out = 0, first;
	__u32 ts = 0;

	CHECK_INT(assign(&o, &a, 60000, 1000, 7, 0, &out, &ts), 0,
		  "out_first_assigned");
	CHECK(out < 0x8000, "out_first_below_half_of_seq_space");
	CHECK_INT(ts, 1000, "out_first_timestamp_kept");
	first = out;
	assign(&o, &a, 60003, 1480, 7, 60 * MS, &out, &ts);
	CHECK_INT(out, first + 3, "out_gap_kept");
	assign(&o, &a, 60001, 1160, 7, 61 * MS, &out, &ts);
	CHECK_INT(out, first + 1, "out_reordered_keeps_its_place");
	CHECK_INT(assign(&o, &a, 60001, 1160, 7, 61 * MS, &out, &ts),
		  -SLUICE_DROP_OUT_DUPLICATE, "out_index_twice_refused");
	CHECK_INT(o.last_timestamp, 1480, "out_late_packet_keeps_timestamp");

	assign(&o, &b, 5, 900000, 8, 80 * MS, &out, &ts);
	CHECK_INT(out, first + 4, "out_new_ssrc_moves_forward_by_one");
	CHECK_INT(ts, 1480 + 160, "out_new_ssrc_timestamp_by_elapsed_time");
	assign(&o, &b, 6, 900160, 8, 100 * MS, &out, &ts);
	CHECK_INT(out, first + 5, "out_new_ssrc_goes_on");
	CHECK_INT(ts, 1480 + 320, "out_new_ssrc_timestamp_goes_on");
	assign(&o, &a, 60004, 1640, 7, 120 * MS, &out, &ts);
	CHECK_INT(out, first + 6, "out_back_to_old_ssrc_moves_forward");

	a.index_delta = SLUICE_DELTA_RESYNC;
	assign(&o, &a, 131072, 5, 7, 140 * MS, &out, &ts);
	CHECK_INT(out, first + 7, "out_restart_moves_forward_by_one");
	assign(&o, &a, 131072 + 40000, 45, 7, 140 * MS, &out, &ts);
	CHECK_INT(out, first + 8, "out_long_gap_closed_for_receivers_roc");
	assign(&o, &a, 131072 + 40001, 205, 7, 160 * MS, &out, &ts);
	CHECK_INT(out, first + 9, "out_after_gap_goes_on");
	CHECK_INT(assign(&o, &a, 131072, 5, 7, 160 * MS, &out, &ts),
		  -SLUICE_DROP_OUT_DUPLICATE, "out_below_window_refused");

	o.next_index = SLUICE_INDEX_LIMIT;
	CHECK_INT(assign(&o, &b, 7, 0, 8, 180 * MS, &out, &ts),
		  -SLUICE_DROP_KEY_LIMIT, "out_index_space_end_refused");
}

/* Of packets on two CPUs the one that came first may be sent last. */
static void test_out_two_cpus(void)
{
	struct sluice_out_state o = { 0 };
	struct sluice_ssrc a = { .index_delta = SLUICE_DELTA_RESYNC };
	struct sluice_ssrc b = a;
	__u64 out = 0;
	__u32 ts = 0;

	assign(&o, &a, 100, 1000, 7, 20 * MS + 1000, &out, &ts);
	assign(&o, &b, 5, 900000, 8, 20 * MS, &out, &ts);
	CHECK_INT(out, 101, "out_overtaken_source_moves_forward_by_one");
	CHECK_INT(ts, 1001, "out_overtaken_source_timestamp_goes_on");
}

/* Two sources, reordering, restarts: no index may come twice. */
static void test_out_unique(void)
{
	static __u8 used[1 << 20];
	struct sluice_out_state o = { 0 };
	struct sluice_ssrc s[2] = { 0 };
	__u64 in = 0, out = 0, x = 88172645463325252ULL;
	__u32 ts = 0, i, who, twice = 0, sent = 0;

	for (i = 0; i < 200000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		who = x % 50 == 0 ? 1 : 0;
		if (x % 1000 == 7)
			s[who].index_delta = SLUICE_DELTA_RESYNC;
		in = i + 200 - (x >> 20) % 200;
		if (assign(&o, &s[who], in, i * 160, who, i * MS, &out, &ts))
			continue;
		sent++;
		if (out >= sizeof(used) || used[out]++)
			twice++;
	}
	CHECK_INT(twice, 0, "out_random_order_never_twice");
	CHECK(sent > 50000, "out_random_order_mostly_sent");
}

static void test_jitter(void)
{
	struct sluice_ssrc s = { 0 };
	__u32 i;

	for (i = 0; i < 500; i++) {
		rtp.timestamp = i * 160;
		sluice_index_commit(&s, i, &rtp, CLOCK_HZ,
				    (20ULL * i + (i & 1) * 2) * MS);
	}
	/* 2 ms early or late each time: D is 16 units, J converges to it */
	CHECK(s.jitter_q4 / 16 >= 15 && s.jitter_q4 / 16 <= 16,
	      "jitter_alternating_2ms_is_16_units");
	rtp.timestamp = 0;
}

int main(void)
{
	test_estimate();
	test_replay();
	test_plain();
	test_out();
	test_out_two_cpus();
	test_out_unique();
	test_jitter();
	return tap_done();
}
