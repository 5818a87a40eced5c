/* SPDX-License-Identifier: Apache-2.0 */
/* RTCP between the legs (RFC 3550 6, RFC 4585, RFC 5104). */
#include <errno.h>

#include "lib/port.h"
#include "media/rtcp.h"
#include "tap.h"

#define PHONE	0x11111111
#define TO_WEB	0x22222222	/* the phone's media as the browser knows it */
#define BROWSER	0x33333333
#define TO_SIP	0x44444444

/* What the browser says is read with this. */
static const struct rtcp_map map = {
	.in_ssrc = BROWSER, .out_ssrc = TO_SIP,
	.seen_ssrc = TO_WEB, .source_ssrc = PHONE,
	.cname = "abcdefgh",
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
static const uint8_t remb[] = { 0x8f, 206, 0, 2, 0x33, 0x33, 0x33, 0x33,
				0, 0, 0, 0 };

static uint8_t in[512], out[512];
static size_t in_len;

static void add(const void *p, size_t len)
{
	memcpy(in + in_len, p, len);
	in_len += len;
}

static size_t translate(const struct rtcp_map *m)
{
	struct rtcp_compound c;

	if (rtcp_parse(in, in_len, &c))
		return 0;
	return rtcp_build(&c, m, out, sizeof(out));
}

static void test_report(void)
{
	size_t n;

	in_len = 0;
	add(sr, sizeof(sr));
	add(sdes, sizeof(sdes));
	n = translate(&map);
	CHECK_INT(n, 52 + 8 + 12, "sr_is_translated_with_cname");
	CHECK_INT(sluice_get32(out + 4), TO_SIP, "sr_sender_is_ours");
	CHECK_MEM(out + 8, sr + 8, 20, "sr_sender_info_is_kept");
	CHECK_INT(sluice_get32(out + 28), PHONE, "block_names_the_source");
	CHECK_MEM(out + 32, sr + 32, 20, "block_figures_are_kept");
	CHECK(!memmem(out, n, "secret", 6), "cname_of_peer_is_not_shown");
	CHECK(memmem(out, n, "abcdefgh", 8), "cname_is_ours");
	CHECK_INT(out[52 + 1], 202, "sdes_follows_the_report");
}

static void test_deltas(void)
{
	struct rtcp_map moved = map;

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
	struct rtcp_map other = map;

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
	CHECK_INT(translate(&map), 0, "feedback_unknown_is_dropped");
	in_len = 0;
	add(sr, sizeof(sr));
	add(bye, sizeof(bye));
	n = translate(&map);
	CHECK(n && out[n - 7] == 203 && sluice_get32(out + n - 4) == TO_SIP,
	      "bye_is_translated");
}

static int parse(size_t len)
{
	struct rtcp_compound c;

	return rtcp_parse(in, len, &c);
}

static void test_malformed(void)
{
	in_len = 0;
	add(sr, sizeof(sr));
	add(sdes, sizeof(sdes));
	CHECK_INT(parse(in_len), 0, "compound_whole_is_read");
	CHECK_INT(parse(in_len - 4), -EINVAL, "compound_cut_is_refused");
	CHECK_INT(parse(4), -EINVAL, "header_alone_is_refused");
	in[0] = 0x82;
	CHECK_INT(parse(in_len), -EINVAL, "block_count_too_high_is_refused");
	in[0] = 0x41;
	CHECK_INT(parse(in_len), -EINVAL, "version_1_is_refused");
	in[0] = 0xa1;
	CHECK_INT(parse(in_len), -EINVAL, "padding_in_front_is_refused");
	in_len = 0;
	add(sdes, sizeof(sdes));
	CHECK_INT(parse(in_len), -EINVAL, "sdes_first_is_refused");
	in_len = 0;
	add(sr, sizeof(sr));
	add(bye, sizeof(bye));
	in[sizeof(sr)] = 0x82;
	CHECK_INT(parse(in_len), -EINVAL, "bye_count_too_high_is_refused");
	in[sizeof(sr)] = 0xa1;
	in[in_len - 1] = 200;
	CHECK_INT(parse(in_len), -EINVAL, "padding_too_long_is_refused");
}

int main(void)
{
	test_report();
	test_deltas();
	test_other_stream();
	test_feedback();
	test_malformed();
	return tap_done();
}
