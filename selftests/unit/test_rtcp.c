/* SPDX-License-Identifier: Apache-2.0 */
/* RTCP between the legs (RFC 3550 6, RFC 4585, RFC 5104). */
#include <stdint.h>
#include <stdlib.h>

#include "lib/rtcp.h"
#include "tap.h"

#define PHONE	0x11111111
#define TO_WEB	0x22222222	/* the phone's media as the browser knows it */
#define BROWSER	0x33333333
#define TO_SIP	0x44444444

/* What the browser says is read with this. */
static const struct sluice_rtcp_line map = {
	.in_ssrc = BROWSER, .out_ssrc = TO_SIP,
	.seen_ssrc = TO_WEB, .source_ssrc = PHONE,
	.cname = "abcdefghijklmnop",
	.feedback = SLUICE_FEEDBACK_NACK | SLUICE_FEEDBACK_PLI |
		    SLUICE_FEEDBACK_FIR | SLUICE_FEEDBACK_REMB,
};

static const uint8_t sr[] = {
	0x81, 200, 0, 12, 0x33, 0x33, 0x33, 0x33,
	0xe0, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,	/* NTP */
	0, 0, 0x10, 0, 0, 0, 0, 50, 0, 0, 0x1f, 0x40,
	0x22, 0x22, 0x22, 0x22, 3, 0, 0, 9, 0, 1, 0x12, 0x34,
	0, 0, 0, 7, 0x02, 0x03, 0x04, 0x05, 0, 1, 0, 0,
};
static const uint8_t sdes[] = {
	0x81, 202, 0, 4, 0x33, 0x33, 0x33, 0x33,
	1, 6, 's', 'e', 'c', 'r', 'e', 't', 0, 0, 0, 0,
};
static const uint8_t bye[] = { 0x81, 203, 0, 1, 0x33, 0x33, 0x33, 0x33 };
static const uint8_t pli[] = { 0x81, 206, 0, 2, 0x33, 0x33, 0x33, 0x33,
			       0x22, 0x22, 0x22, 0x22 };
static const uint8_t fir[] = { 0x84, 206, 0, 4, 0x33, 0x33, 0x33, 0x33,
			       0, 0, 0, 0, 0x22, 0x22, 0x22, 0x22, 5, 0, 0, 0 };
static const uint8_t remb[] = {
	0x8f, 206, 0, 6, 0x33, 0x33, 0x33, 0x33, 0, 0, 0, 0,
	'R', 'E', 'M', 'B', 2, 0x12, 0x34, 0x56,
	0x55, 0x55, 0x55, 0x55, 0x22, 0x22, 0x22, 0x22,
};
static const uint8_t nack[] = {
	0x81, 205, 0, 4, 0x33, 0x33, 0x33, 0x33, 0x22, 0x22, 0x22, 0x22,
	0x00, 0x10, 0x80, 0x01, 0xff, 0xff, 0, 0,
};
static const uint8_t twcc[] = {
	0x8f, 205, 0, 4, 0x33, 0x33, 0x33, 0x33, 0x22, 0x22, 0x22, 0x22,
	0, 1, 0, 1, 0, 0, 0, 0,
};
/* As Chromium sends it: two packets, each filled up by bytes of padding. */
static const uint8_t twcc_filled[] = {
	0xaf, 205, 0, 5, 0x33, 0x33, 0x33, 0x33, 0x22, 0x22, 0x22, 0x22,
	0, 1, 0, 1, 0, 0, 7, 0, 0x20, 1, 4, 1,
	0xaf, 205, 0, 6, 0x33, 0x33, 0x33, 0x33, 0x22, 0x22, 0x22, 0x22,
	0, 2, 0, 3, 0, 0, 7, 1, 0x20, 3, 4, 5, 6, 0, 0, 3,
};
static const uint8_t app[] = { 0x80, 204, 0, 2, 0x33, 0x33, 0x33, 0x33,
			       't', 'e', 's', 't' };

static uint8_t in[512], out[SLUICE_RTCP_OUT_MAX];
static size_t in_len;
static struct sluice_rtcp r;

static void add(const void *p, size_t len)
{
	memcpy(in + in_len, p, len);
	in_len += len;
}

/* Of a buffer of exactly its size, for the sanitizers. */
static int scan(const struct sluice_rtcp_line *lines, uint32_t count,
		size_t len, uint32_t *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, in, len);
	memset(&r, 0, sizeof(r));
	memcpy(r.line, lines, count * sizeof(*lines));
	r.line_count = count;
	err = sluice_rtcp_scan(&r, copy, (uint32_t)len, ret);
	free(copy);
	return err;
}

static int last_error;

static size_t translate(const struct sluice_rtcp_line *m)
{
	uint32_t lines = 0;

	last_error = scan(m, 1, in_len, &lines);
	if (last_error || lines != 1)
		return 0;
	r.map = r.line[0];
	last_error = sluice_rtcp_write(&r, in, out);
	return last_error ? 0 : r.out_len;
}

static void test_report(void)
{
	size_t n;

	in_len = 0;
	add(sr, sizeof(sr));
	add(sdes, sizeof(sdes));
	n = translate(&map);
	CHECK_INT(n, 52 + 28, "sr_is_translated_with_cname");
	CHECK_INT(sluice_get32(out + 4), TO_SIP, "sr_sender_is_ours");
	CHECK_MEM(out + 8, sr + 8, 20, "sr_sender_info_is_kept");
	CHECK_INT(sluice_get32(out + 28), PHONE, "block_names_the_source");
	CHECK_MEM(out + 32, sr + 32, 20, "block_figures_are_kept");
	CHECK(!memmem(out, n, "secret", 6), "cname_of_peer_is_not_shown");
	CHECK(memmem(out, n, "\001\020abcdefghijklmnop\0", 19),
	      "cname_is_ours");
	CHECK_INT(out[52 + 1], 202, "sdes_follows_the_report");
}

static void test_deltas(void)
{
	struct sluice_rtcp_line moved = map;

	in_len = 0;
	add(sr, sizeof(sr));
	moved.timestamp_delta = 5;
	moved.seq_delta = 0x34;
	CHECK(translate(&moved) && sluice_get32(out + 16) == 0x1005,
	      "sr_timestamp_is_moved_like_the_packets");
	CHECK_INT(sluice_get32(out + 36), 0x11200,
		  "block_sequence_is_moved_back_to_the_source");
}

static void test_other_stream(void)
{
	struct sluice_rtcp_line other = map;

	in_len = 0;
	add(sr, sizeof(sr));
	other.in_ssrc = 1;
	other.seen_ssrc = 2;
	CHECK_INT(translate(&other), 0, "sr_of_another_stream_is_left_out");
	other.seen_ssrc = TO_WEB;
	CHECK(translate(&other) && out[1] == 201 &&
	      sluice_get32(out + 4) == TO_SIP,
	      "block_without_its_sender_goes_as_rr");
	other.source_ssrc = 0;
	CHECK_INT(translate(&other), 0, "block_without_source_is_left_out");
}

static void test_feedback(void)
{
	size_t n;

	in_len = 0;
	add(pli, sizeof(pli));
	n = translate(&map);
	CHECK(n && out[1] == 201, "pli_alone_gets_a_report");
	CHECK(n && sluice_get32(out + n - 4) == PHONE &&
	      sluice_get32(out + n - 8) == TO_SIP, "pli_is_translated");
	in_len = 0;
	add(sr, sizeof(sr));
	add(fir, sizeof(fir));
	n = translate(&map);
	CHECK(n && sluice_get32(out + n - 8) == PHONE && out[n - 4] == 5,
	      "fir_is_translated");
	in_len = 0;
	add(remb, sizeof(remb));
	n = translate(&map);
	CHECK(n && sluice_get32(out + n - 4) == PHONE &&
	      sluice_get32(out + n - 8) == 0x01123456, "remb_is_translated");
	in_len = 0;
	add(twcc, sizeof(twcc));
	CHECK_INT(translate(&map), 0, "transport_cc_not_taken_is_dropped");
	CHECK_INT(last_error, -SLUICE_DROP_RTCP_FEEDBACK,
		  "transport_cc_not_taken_has_its_reason");
	in_len = 0;
	add(sr, sizeof(sr));
	add(bye, sizeof(bye));
	n = translate(&map);
	CHECK(n && out[n - 7] == 203 && sluice_get32(out + n - 4) == TO_SIP,
	      "bye_is_translated");
	in_len = 0;
	add(bye, sizeof(bye));
	n = translate(&map);
	CHECK(n == 8 + 28 + 8 && out[1] == 201 && out[n - 7] == 203,
	      "bye_alone_gets_a_report");
}

static void test_transport_cc(void)
{
	struct sluice_rtcp_line takes = map;
	size_t n;

	takes.feedback = SLUICE_FEEDBACK_TRANSPORT_CC;
	takes.seq_delta = 0x11;
	in_len = 0;
	add(twcc, sizeof(twcc));
	n = translate(&takes);
	CHECK(n == 8 + 28 + 20 && sluice_get32(out + n - 16) == TO_SIP &&
	      sluice_get32(out + n - 12) == PHONE &&
	      !memcmp(out + n - 20, twcc, 4) &&
	      !memcmp(out + n - 8, twcc + 12, 8), "transport_cc_is_translated");
	in_len = 0;
	add(twcc_filled, sizeof(twcc_filled));
	n = translate(&takes);
	CHECK(n == 8 + 28 + sizeof(twcc_filled) &&
	      !memcmp(out + 36, twcc_filled, 4) &&
	      !memcmp(out + 48, twcc_filled + 12, 12) &&
	      !memcmp(out + 60, twcc_filled + 24, 4) &&
	      !memcmp(out + 72, twcc_filled + 36, 16),
	      "transport_cc_keeps_what_fills_its_words_up");
	in_len = 0;
	add(sr, sizeof(sr));
	add(twcc_filled, 24);
	add(bye, sizeof(bye));
	n = translate(&takes);
	CHECK(n == 52 + 28 + 24 + 8 && out[80] == 0xaf && out[104] == 0x81,
	      "transport_cc_filled_up_between_others_is_read");
	/* padding by words is cut off, as of any packet */
	in_len = 0;
	add(twcc, sizeof(twcc));
	add("\0\0\0\4", 4);
	in[0] |= 0x20;
	in[3]++;
	n = translate(&takes);
	CHECK(n == 8 + 28 + 20 && out[36] == 0x8f && out[39] == 4,
	      "transport_cc_padded_by_words_is_cut");
	in_len = 0;
	add(twcc, 16);
	in[3] = 3;
	CHECK(!translate(&takes) && last_error == -SLUICE_DROP_RTCP,
	      "transport_cc_too_short_is_refused");
	in_len = 0;
	add(twcc, sizeof(twcc));
	takes.seen_ssrc = 0x77777777;
	CHECK(!translate(&takes) && last_error == -SLUICE_DROP_RTCP_FEEDBACK,
	      "transport_cc_about_another_source_is_dropped");
}

static void test_nack(void)
{
	struct sluice_rtcp_line moved = map;
	size_t n;

	moved.seq_delta = 0x11;
	in_len = 0;
	add(nack, sizeof(nack));
	n = translate(&moved);
	CHECK(n && out[n - 20] == 0x81 && out[n - 19] == 205 &&
	      sluice_get32(out + n - 12) == PHONE, "nack_is_translated");
	CHECK(n && sluice_get32(out + n - 8) == 0xffff8001 &&
	      sluice_get32(out + n - 4) == 0xffee0000,
	      "nack_packet_ids_are_moved_back");
	moved.feedback = 0;
	CHECK_INT(translate(&moved), 0, "nack_not_offered_is_dropped");
	CHECK_INT(last_error, -SLUICE_DROP_RTCP_FEEDBACK,
		  "nack_not_offered_has_its_reason");
	in_len = 0;
	add(sr, sizeof(sr));
	add(nack, sizeof(nack));
	add(app, sizeof(app));
	CHECK(translate(&moved) == 52 + 28 && r.left_out == 2,
	      "parts_not_taken_are_left_out_and_counted");
	/* an empty one asks for nothing */
	in_len = 0;
	add(nack, 12);
	in[3] = 2;
	CHECK_INT(translate(&map), 0, "nack_without_entries_is_dropped");
}

static void test_picture_reported(void)
{
	struct sluice_rtcp_line moved = map;

	moved.feedback = SLUICE_FEEDBACK_REPORT;
	in_len = 0;
	add(pli, sizeof(pli));
	CHECK(translate(&moved) == 0 && r.is_wanted &&
	      last_error == -SLUICE_DROP_RTCP_FEEDBACK,
	      "pli_not_taken_is_reported");
	in_len = 0;
	add(sr, sizeof(sr));
	CHECK(translate(&moved) && !r.is_wanted,
	      "report_alone_is_no_wish_for_a_picture");
	moved.feedback = SLUICE_FEEDBACK_REPORT | SLUICE_FEEDBACK_PLI;
	in_len = 0;
	add(pli, sizeof(pli));
	CHECK(translate(&moved) && !r.is_wanted, "pli_taken_is_not_reported");
}

static void test_blocks(void)
{
	static const uint8_t other[24] = { 0x77, 0x77, 0x77, 0x77 };
	static const uint8_t profile[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	size_t n;

	/* ours between two others, then a profile's own words */
	in_len = 0;
	add(sr, 28);
	add(other, sizeof(other));
	add(sr + 28, 24);
	add(other, sizeof(other));
	add(profile, sizeof(profile));
	in[0] = 0x83;
	in[3] = 26;
	n = translate(&map);
	CHECK(n == 52 + 28 && out[0] == 0x81 && out[3] == 12 &&
	      sluice_get32(out + 28) == PHONE && !memcmp(out + 32, sr + 32, 20),
	      "blocks_of_others_are_left_out");
	/* a second report: only what is in it for us */
	in_len = 0;
	add(sr, sizeof(sr));
	add("\x80\xc9\0\1\x99\x99\x99\x99", 8);
	CHECK_INT(translate(&map), 52 + 28, "report_empty_is_left_out");
}

static void test_lines(void)
{
	struct sluice_rtcp_line two[2] = { map, map };
	uint32_t lines = 0;

	two[1].in_ssrc = 0x66666666;
	two[1].seen_ssrc = 0x77777777;
	in_len = 0;
	add(sr, sizeof(sr));
	CHECK(!scan(two, 2, in_len, &lines) && lines == 1,
	      "report_concerns_its_line");
	add(pli, sizeof(pli));
	memset(in + in_len - 4, 0x77, 4);
	CHECK(!scan(two, 2, in_len, &lines) && lines == 3,
	      "feedback_concerns_its_line_too");
	/* an empty report says nothing about its sender's line then */
	in_len = 0;
	add("\x80\xc9\0\1\x33\x33\x33\x33", 8);
	CHECK(!scan(two, 2, in_len, &lines) && lines == 1,
	      "report_empty_concerns_its_sender");
	add(pli, sizeof(pli));
	memset(in + in_len - 4, 0x77, 4);
	CHECK(!scan(two, 2, in_len, &lines) && lines == 2,
	      "report_empty_with_feedback_concerns_the_feedback");
	CHECK_INT(translate(&map), 8 + 28,
		  "feedback_of_another_line_is_left_out");
}

static int parse(size_t len)
{
	uint32_t lines;

	scan(&map, 1, len, &lines);
	return r.is_whole ? 0 : -1;
}

/* Whatever comes: no more than a report longer, words, and readable again. */
static void test_mutations(void)
{
	uint32_t seed = 7, i, n, bad = 0, written = 0, lines;
	struct sluice_rtcp_line all = map;

	all.feedback |= SLUICE_FEEDBACK_TRANSPORT_CC;

	for (i = 0; i < 20000; i++) {
		in_len = 0;
		add(sr, sizeof(sr));
		add(sdes, sizeof(sdes));
		add(nack, sizeof(nack));
		add(fir, sizeof(fir));
		add(remb, sizeof(remb));
		add(twcc_filled, sizeof(twcc_filled));
		add(bye, sizeof(bye));
		for (n = 1 + i % 4; n; n--) {
			seed = seed * 1664525 + 1013904223;
			in[(seed >> 8) % in_len] ^= (uint8_t)(seed >> 24);
		}
		n = (uint32_t)translate(&all);
		if (!n)
			continue;
		written++;
		bad += n > in_len + 36 || n % 4;
		memset(&r, 0, sizeof(r));
		sluice_rtcp_scan(&r, out, n, &lines);
		bad += !r.is_whole;
	}
	CHECK_INT(bad, 0, "mutations_make_whole_compounds");
	CHECK(written > 1000, "mutations_are_written");
}

static void test_malformed(void)
{
	in_len = 0;
	add(sr, sizeof(sr));
	add(sdes, sizeof(sdes));
	CHECK_INT(parse(in_len), 0, "compound_whole_is_read");
	CHECK_INT(parse(in_len - 4), -1, "compound_cut_is_refused");
	CHECK_INT(parse(4), -1, "header_alone_is_refused");
	in[0] = 0x82;
	CHECK_INT(parse(in_len), -1, "block_count_too_high_is_refused");
	in[0] = 0x41;
	CHECK_INT(parse(in_len), -1, "version_1_is_refused");
	in[0] = 0xa1;
	CHECK_INT(parse(in_len), -1, "padding_in_front_is_refused");
	in_len = 0;
	add(sdes, sizeof(sdes));
	CHECK_INT(parse(in_len), -1, "sdes_first_is_refused");
	in_len = 0;
	add(sr, sizeof(sr));
	add(bye, sizeof(bye));
	in[sizeof(sr)] = 0x82;
	CHECK_INT(parse(in_len), -1, "bye_count_too_high_is_refused");
	in[sizeof(sr)] = 0xa1;
	in[in_len - 1] = 200;
	CHECK_INT(parse(in_len), -1, "padding_too_long_is_refused");
}

/* Found by fuzz_rtcp: each naming made a BYE of its own, twice as long. */
static void test_bye_repeated(void)
{
	static const uint8_t thrice[] = {
		0x83, 203, 0, 3, 0x33, 0x33, 0x33, 0x33,
		0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33,
	};

	in_len = 0;
	add(thrice, sizeof(thrice));
	CHECK_INT(translate(&map), 8 + 28 + 8,
		  "bye_that_names_a_source_again_is_one_bye");
}

int main(void)
{
	test_report();
	test_bye_repeated();
	test_deltas();
	test_other_stream();
	test_feedback();
	test_transport_cc();
	test_nack();
	test_picture_reported();
	test_blocks();
	test_lines();
	test_malformed();
	test_mutations();
	return tap_done();
}
