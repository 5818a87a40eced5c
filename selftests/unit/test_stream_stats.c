// SPDX-License-Identifier: Apache-2.0
/* A stream's figures from its state: by source, in sum, of those that went. */
#include "datapath/backends.h"
#include "lib/index.h"
#include "tap.h"

#define SECOND_NS	1000000000ULL

static struct sluice_state two_sources(void)
{
	return (struct sluice_state){
		.out = { .sources = 2, .next_index = 20, .current_ssrc = 7,
			 .packets = 12, .bytes = 1920 },
		.gone_packets = 100, .gone_lost = 3, .gone_late = 2,
		.source = {
			/* 10 to 19, one of them late, two never */
			{ .ssrc = 7, .first_index = 10, .highest = 19,
			  .packets = 8, .late = 1, .jitter_q4 = 16 * 80,
			  .index_delta = 5, .timestamp_delta = 6,
			  .last_seen_ns = 4 * SECOND_NS },
			{ .ssrc = 8, .first_index = 1, .highest = 4,
			  .packets = 4, .index_delta = SLUICE_DELTA_RESYNC,
			  .last_seen_ns = 5 * SECOND_NS },
		},
	};
}

int main(void)
{
	const struct sluice_stream stream = { .out_ssrc = 9, .clock_hz = 8000 };
	struct sluice_state state = two_sources();
	struct datapath_stream_stats st;

	datapath_state_stats(&stream, &state, &st);
	CHECK(st.packets == 12 && st.bytes == 1920 && st.out_ssrc == 9,
	      "sent_is_the_streams");
	CHECK(st.source_count == 2 && st.source[0].ssrc == 7 &&
	      st.source[0].received == 8 && st.source[0].lost == 2 &&
	      st.source[0].late == 1 && st.source[0].jitter_us == 10000 &&
	      st.source[0].last_seen_ns == 4 * SECOND_NS,
	      "first_source_by_itself");
	CHECK(st.source[1].ssrc == 8 && st.source[1].received == 4 &&
	      !st.source[1].lost && !st.source[1].late,
	      "second_source_by_itself");
	CHECK(st.received == 112 && st.lost == 5 && st.late == 3 &&
	      st.last_seen_ns == 5 * SECOND_NS,
	      "sums_have_those_that_made_room");
	CHECK(st.in_ssrc == 7 && st.jitter_us == 10000 && st.seq_delta == 5 &&
	      st.timestamp_delta == 6, "current_is_what_was_sent_last");

	state.out.next_index = 0;
	datapath_state_stats(&stream, &state, &st);
	CHECK(st.in_ssrc == 8 && !st.seq_delta,
	      "current_is_what_was_heard_last_before_that");

	state.out.sources = 0;
	datapath_state_stats(&stream, &state, &st);
	CHECK(!st.in_ssrc && !st.source_count && st.received == 100,
	      "none_is_current_of_none");
	return tap_done();
}
