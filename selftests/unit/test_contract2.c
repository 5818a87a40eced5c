// SPDX-License-Identifier: Apache-2.0
/* Entries of contract 2 as entries of the present one. */
#include "datapath/contract2.h"
#include "lib/contract2.h"
#include "srtp_oracle.h"
#include "tap.h"

static struct contract2_key older(const struct sluice_key *k)
{
	struct contract2_key key = { .profile = k->profile,
				     .generation = k->generation,
				     .rtp = k->rtp, .rtcp = k->rtcp };

	memcpy(key.ghash_table, k->ghash_table, sizeof(key.ghash_table));
	return key;
}

static void test_key(void)
{
	static const uint32_t profiles[] = { SLUICE_SRTP_AES128_CM_SHA1_80,
					     SLUICE_SRTP_AES128_CM_SHA1_32,
					     SLUICE_SRTP_AEAD_AES_128_GCM,
					     SLUICE_SRTP_AEAD_AES_256_GCM };
	struct oracle_master m;
	struct contract2_key old;
	struct sluice_key want, got;
	char name[64];
	size_t i;

	for (i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		m = oracle_master(profiles[i], (uint8_t)(5 + i));
		want = oracle_expand(&m);
		old = older(&want);
		memset(&got, 0xff, sizeof(got));
		contract2_convert_key(&old, &got);
		snprintf(name, sizeof(name), "key_of_profile_%u_is_the_same",
			 profiles[i]);
		CHECK_MEM(&got, &want, sizeof(want), name);
	}
}

static void test_flow(void)
{
	struct contract2_flow old = { .transport = 7,
				      .flags = SLUICE_FLOW_VERIFIED |
					       SLUICE_FLOW_SELECTED,
				      .credential_generation = 3,
				      .hint = { 1, 2, 3, 4 } };
	struct sluice_flow got;

	contract2_convert_flow(&old, &got);
	CHECK(got.transport == 7 && got.credential_generation == 3 &&
	      got.flags == (SLUICE_FLOW_VERIFIED | SLUICE_FLOW_SELECTED),
	      "flow_is_the_same");
}

/* Heard in that second; 100 packets of 103, two of them late. */
static struct contract2_ssrc source(uint64_t seconds)
{
	return (struct contract2_ssrc){
		.stream = 1, .highest = 70102, .first_index = 70000,
		.window = { ~0ULL, 5 }, .index_delta = -300,
		.timestamp_delta = 44, .bad_seq = SLUICE_BAD_SEQ_NONE,
		.packets = 100, .bytes = 16000, .late = 2,
		.last_seen_ns = seconds * 1000000000, .last_transit = 8,
		.jitter_q4 = 16 };
}

static struct sluice_state converted(const uint32_t *heard, uint32_t n,
				     uint32_t current)
{
	struct contract2_out out = { .next_index = 69803, .window = { 1, 2 },
				     .current_ssrc = current,
				     .last_timestamp = 9, .last_sent_ns = 10,
				     .packets = 11, .bytes = 12, .sources = n };
	struct sluice_state state = { 0 };
	struct sluice_ssrc scratch;
	struct contract2_ssrc s;
	uint32_t i;

	contract2_convert_out(&out, &state.out);
	for (i = 0; i < n; i++) {
		s = source(heard[i]);
		contract2_add_source(&state, &s, heard[i], &scratch);
	}
	return state;
}

static bool has(const struct sluice_state *state, uint32_t ssrc)
{
	uint32_t i;

	for (i = 0; i < state->out.sources; i++)
		if (state->source[i].ssrc == ssrc)
			return true;
	return false;
}

static void test_state(void)
{
	static const uint32_t heard[] = { 12, 3, 16, 7, 1, 9, 14, 5, 2, 11, 4,
					  15, 6, 13, 8, 10 };
	struct sluice_state one = converted(heard, 1, 12);
	struct sluice_state all = converted(heard, 16, 16);
	const struct sluice_ssrc *s = &one.source[0];
	uint32_t ssrc, n = 0;

	CHECK(one.out.next_index == 69803 && one.out.window[0] == 1 &&
	      one.out.window[1] == 2 && one.out.current_ssrc == 12 &&
	      one.out.last_timestamp == 9 && one.out.last_sent_ns == 10 &&
	      one.out.packets == 11 && one.out.bytes == 12 &&
	      one.out.sources == 1 && !one.out.newest, "out_is_the_same");
	CHECK(s->ssrc == 12 && s->highest == 70102 && s->window[0] == ~0ULL &&
	      s->window[1] == 5 && s->index_delta == -300 &&
	      s->timestamp_delta == 44 && s->bad_seq == SLUICE_BAD_SEQ_NONE &&
	      s->packets == 100 && s->bytes == 16000 && s->late == 2 &&
	      s->first_index == 70000 && s->last_transit == 8 &&
	      s->jitter_q4 == 16 && s->last_seen_ns == 12000000000ULL,
	      "source_is_the_same");
	for (ssrc = 9; ssrc <= 16; ssrc++)
		n += has(&all, ssrc);
	CHECK(n == 8 && all.out.sources == 8, "sources_heard_last_stay");
	CHECK_INT(all.source[all.out.newest].ssrc, 16,
		  "sources_current_is_found");
	CHECK(all.gone_packets == 800 && all.gone_lost == 24 &&
	      all.gone_late == 16, "sources_gone_stay_counted");
}

int main(void)
{
	test_key();
	test_flow();
	test_state();
	return tap_done();
}
