/* SPDX-License-Identifier: Apache-2.0 */
/* Parser and printer of sdp/, and the corpus of real descriptions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdp/sdp.h"
#include "tap.h"
#include "sdp_corpus.h"

#define HEAD "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n" \
	     "c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define ICE "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"

static char reason[128];

static int parse_text(const char *text, struct sdp **ret)
{
	*ret = NULL;
	reason[0] = '\0';
	return sdp_parse(text, strlen(text), ret, reason);
}

static void expect_error(const char *text, int err, const char *name)
{
	struct sdp *s;

	CHECK_INT(parse_text(text, &s), err, name);
	sdp_free(s);
}

static void test_session(void)
{
	struct sdp *s;
	char buf[ADDR_STRLEN];

	CHECK_INT(parse_text("v=0\no=joe 7 8 IN IP6 2001:db8::1\ns= \nt=0 0\n"
			     "a=group:BUNDLE a b\na=ice-lite\n"
			     "m=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.7/127\n"
			     "a=mid:a\n", &s), 0,
		  "line_ends_lf_parse");
	if (!s)
		return;
	CHECK_STR(s->origin_user, "joe", "origin_user_given_kept");
	CHECK_INT(s->session_version, 8, "origin_version_given_kept");
	CHECK_STR(addr_format_ip(&s->origin_addr, buf), "2001:db8::1",
		  "origin_address_ipv6_kept");
	CHECK(s->ice_lite && s->media[0].ice_lite, "ice_lite_session_inherited");
	CHECK_STR(s->bundle_mids, "a b", "bundle_group_given_kept");
	CHECK_STR(addr_format(&s->media[0].addr, buf), "192.0.2.7:9",
		  "connection_with_ttl_parses");
	sdp_free(s);
}

/* What is kept of a name prints and parses as itself; found by fuzzing. */
static void expect_name(const char *name, const char *kept, const char *what)
{
	char text[400], *first, *second;
	struct sdp *s, *again = NULL;

	snprintf(text, sizeof(text), "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=%s\n"
		 "t=0 0\n", name);
	CHECK_INT(parse_text(text, &s), 0, "session_name_any_parses");
	if (!s)
		return;
	CHECK_STR(s->session_name, kept, what);
	first = sdp_print(s);
	CHECK_INT(first ? parse_text(first, &again) : -1, 0,
		  "session_name_printed_parses");
	second = again ? sdp_print(again) : NULL;
	CHECK_STR(second, first, "session_name_printed_twice_same");
	sdp_free(again);
	sdp_free(s);
	free(first);
	free(second);
}

static void test_session_name(void)
{
#define NAME_60 "123456789012345678901234567890123456789012345678901234567890"
	expect_name("A call ", "A call", "session_name_short_kept");
	expect_name(NAME_60 "12 45", NAME_60 "12",
		    "session_name_cut_at_a_blank_ends_before_it");
	expect_name(NAME_60 "12\xc3\xa4", NAME_60 "12",
		    "session_name_cut_within_a_character_ends_before_it");
	expect_name(NAME_60 "1\xc3\xa4", NAME_60 "1\xc3\xa4",
		    "session_name_that_fits_kept");
#undef NAME_60
}

static void test_media(void)
{
	struct sdp *s;
	const struct sdp_media *m;

	CHECK_INT(parse_text(HEAD "a=sendonly\r\n"
			     "m=audio 4000/2 RTP/AVP 0 96 97 0\r\n"
			     "b=AS:64\r\nb=TIAS:50000\r\n"
			     "a=rtpmap:96 opus/48000/2\r\n"
			     "a=fmtp:96 a=1\r\na=fmtp:96 b=2 \r\n"
			     "a=rtpmap:50 x/8000\r\na=x-unknown:1\r\n"
			     "a=ptime:20.0\r\na=maxptime:60\r\n"
			     "a=rtcp:4009 IN IP4 192.0.2.3\r\n"
			     "a=ssrc:77 cname:me\r\na=crypto:1 x y\r\n"
			     "m=video 4002 RTP/AVPF 98\r\na=recvonly\r\n"
			     "a=rtpmap:98 VP8/90000\r\n"
			     "a=rtcp-fb:* nack\r\na=rtcp-fb:98 nack pli\r\n"
			     "a=rtcp-fb:98 ccm fir\r\na=rtcp-fb:98 goog-remb\r\n",
			     &s), 0, "media_two_lines_parse");
	if (!s)
		return;
	m = &s->media[0];
	CHECK_INT(m->codec_count, 3, "format_repeated_counted_once");
	CHECK_STR(m->codec[0].name, "PCMU", "payload_type_static_named");
	CHECK_INT(m->codec[0].clock_hz, 8000, "payload_type_static_has_clock");
	CHECK_INT(m->codec[1].channels, 2, "rtpmap_channels_kept");
	CHECK_STR(m->codec[1].fmtp, "a=1;b=2", "fmtp_twice_joined");
	CHECK_STR(m->codec[2].name, "", "payload_type_unmapped_nameless");
	CHECK_INT(m->direction, SDP_SENDONLY, "direction_session_inherited");
	CHECK_INT(m->bandwidth_as_kbps, 64, "bandwidth_as_kept");
	CHECK_INT(m->bandwidth_tias_bps, 50000, "bandwidth_tias_kept");
	CHECK_INT(m->ptime_ms, 20, "ptime_fraction_cut");
	CHECK_INT(m->maxptime_ms, 60, "maxptime_kept");
	CHECK_INT(m->rtcp.port, 4009, "rtcp_port_kept");
	CHECK_INT(m->ssrc, 77, "ssrc_kept");
	CHECK_STR(m->cname, "me", "cname_kept");
	CHECK(m->has_sdes, "crypto_present_noted");
	m = &s->media[1];
	CHECK_INT(m->direction, SDP_RECVONLY, "direction_media_wins");
	CHECK_INT(m->codec[0].feedback, SDP_FB_NACK | SDP_FB_PLI | SDP_FB_FIR |
		  SDP_FB_REMB, "feedback_wildcard_and_own_joined");
	CHECK(sdp_codec_by_pt(m, 98) == &m->codec[0], "codec_by_pt_found");
	CHECK(!sdp_codec_by_pt(m, 99), "codec_by_pt_missing_null");
	sdp_free(s);
}

static void test_secure(void)
{
	static const char fp256[] = "a=fingerprint:SHA-256 "
		"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
		"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff\r\n";
	char text[2048];
	struct sdp *s;
	const struct sdp_media *m;

	snprintf(text, sizeof(text), HEAD "a=group:BUNDLE 0 1\r\n%s"
		 "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" ICE
		 "a=fingerprint:sha-1 00:11\r\na=setup:actpass\r\na=mid:0\r\n"
		 "a=rtcp-mux\r\n"
		 "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
		 "a=bundle-only\r\n", fp256);
	CHECK_INT(parse_text(text, &s), 0, "secure_media_parses");
	if (!s)
		return;
	m = &s->media[0];
	CHECK_STR(m->fingerprint.hash, "sha-256",
		  "fingerprint_session_inherited_lower_case");
	CHECK_INT(m->fingerprint.len, 32, "fingerprint_sha1_ignored");
	CHECK_INT(m->fingerprint.digest[31], 0xff, "fingerprint_digest_read");
	m = &s->media[1];
	CHECK(m->bundle_only, "bundle_only_port_zero_noted");
	CHECK_STR(m->ice_ufrag, "abcd", "bundled_media_inherits_ice");
	CHECK(m->rtcp_mux, "bundled_media_inherits_mux");
	CHECK_INT(m->setup, SDP_SETUP_ACTPASS, "bundled_media_inherits_setup");
	sdp_free(s);
}

#define ZERO8 "00:00:00:00:00:00:00:00:"

/* RFC 8122 5.1: the m-line's own counts, however short. */
static void test_fingerprint_level(void)
{
	struct sdp *s;

	CHECK_INT(parse_text(HEAD "a=fingerprint:sha-384 " ZERO8 ZERO8 ZERO8
			     ZERO8 ZERO8 "00:00:00:00:00:00:00:00\r\n"
			     "m=audio 9 RTP/SAVPF 0\r\n"
			     "a=fingerprint:sha-256 " ZERO8 ZERO8 ZERO8
			     "00:00:00:00:00:00:00:01\r\n", &s), 0,
		  "fingerprint_on_both_levels_parses");
	if (!s)
		return;
	CHECK_STR(s->media[0].fingerprint.hash, "sha-256",
		  "fingerprint_of_m_line_wins");
	sdp_free(s);
}

static void test_hold(void)
{
	struct sdp *s;

	CHECK_INT(parse_text("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
			     "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"
			     "m=audio 4002 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"
			     "a=recvonly\r\n"
			     "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
			     "c=IN IP4 0.0.0.0\r\n" ICE
			     "m=audio 4006 RTP/AVP 0\r\nc=IN IP6 ::\r\n", &s),
		  0, "connection_any_parses");
	if (!s)
		return;
	CHECK_INT(s->media[0].direction, SDP_SENDONLY,
		  "hold_rfc2543_becomes_sendonly");
	CHECK(!addr_is_set(&s->media[0].addr), "hold_rfc2543_address_unset");
	CHECK_INT(s->media[1].direction, SDP_INACTIVE,
		  "hold_rfc2543_recvonly_becomes_inactive");
	CHECK_INT(s->media[2].direction, SDP_SENDRECV,
		  "connection_any_with_ice_is_no_hold");
	CHECK_INT(s->media[3].direction, SDP_SENDONLY, "hold_ipv6_any_same");
	sdp_free(s);
}

/* Port 0, yet offered (RFC 9143 6); found by fuzzing. */
static void test_bundle_only(void)
{
	struct sdp *s;

	CHECK_INT(parse_text("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
			     "c=IN IP4 0.0.0.0\r\n"
			     "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"
			     "a=bundle-only\r\n"
			     "m=audio 0 UDP/TLS/RTP/SAVPF *\r\n"
			     "a=bundle-only\r\n", &s), 0,
		  "bundle_only_without_address_parses");
	if (!s)
		return;
	CHECK(s->media[0].bundle_only && s->media[0].codec_count == 1,
	      "bundle_only_is_offered");
	CHECK_INT(s->media[0].direction, SDP_SENDRECV,
		  "bundle_only_without_address_is_no_hold");
	CHECK(!s->media[1].bundle_only,
	      "bundle_only_without_payload_type_is_refused");
	sdp_free(s);
}

static void test_other_protocols(void)
{
	struct sdp *s;

	CHECK_INT(parse_text(HEAD
			     "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
			     "\r\nm=image 0 udptl t38\r\n"
			     "m=audio 0 RTP/AVP *\r\n", &s), 0,
		  "protocol_foreign_parses");
	if (!s)
		return;
	CHECK(!s->media[0].is_rtp, "protocol_sctp_is_no_rtp");
	CHECK_STR(s->media[0].raw_formats, "webrtc-datachannel",
		  "formats_foreign_kept");
	CHECK_INT(s->media[2].codec_count, 0, "formats_rejected_not_read");
	sdp_free(s);
}

static void test_refused(void)
{
	expect_error("", -EINVAL, "text_empty_refused");
	expect_error("v=1\r\n", -EINVAL, "version_other_refused");
	expect_error("v=0\r\ns=-\r\n", -EINVAL, "origin_missing_refused");
	expect_error("v=0\r\no=- 1 IN IP4 192.0.2.1\r\n", -EINVAL,
		     "origin_short_refused");
	expect_error(HEAD "garbage\r\n", -EINVAL, "line_without_type_refused");
	expect_error(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 (\r\n", -EINVAL,
		     "format_parenthesis_refused");
	CHECK_STR(reason, "line 6: format is no payload type",
		  "reason_names_the_line");
	expect_error(HEAD "m=audio 9 RTP/AVP 128\r\n", -EINVAL,
		     "payload_type_above_127_refused");
	expect_error(HEAD "m=audio 65536 RTP/AVP 0\r\n", -EINVAL,
		     "port_above_65535_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP\r\n", -EINVAL,
		     "formats_missing_refused");
	expect_error(HEAD "m=audio\r\n", -EINVAL, "media_short_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP 96\r\na=rtpmap:96 opus\r\n",
		     -EINVAL, "rtpmap_without_clock_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP 96\r\na=rtpmap:96 a/0\r\n",
		     -EINVAL, "rtpmap_clock_zero_refused");
	expect_error("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
		     "m=audio 9 RTP/AVP 0\r\n", -EINVAL,
		     "connection_missing_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP 0\r\nc=IN IP4 239.1.1.1/9\r\n",
		     -EINVAL, "connection_multicast_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP 0\r\na=ice-ufrag:a b\r\n",
		     -EINVAL, "ice_ufrag_with_space_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP 0\r\na=ice-pwd:short\r\n",
		     -EINVAL, "ice_pwd_short_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP 0\r\na=fingerprint:sha-256 00:1\r\n",
		     -EINVAL, "fingerprint_short_refused");
	expect_error(HEAD "m=audio 9 RTP/AVP 0\r\na=mid:\r\n", -EINVAL,
		     "mid_empty_refused");
	expect_error(HEAD "s=a\x01" "b\r\n", -EINVAL,
		     "control_character_refused");
}

/* Text with `count` copies of `line`, which may take the number. */
static int parse_repeated(const char *head, const char *line, int count,
			  const char *tail)
{
	size_t size = strlen(head) + strlen(tail) +
		      (size_t)count * (strlen(line) + 8) + 1;
	char *text = malloc(size), *p = text;
	struct sdp *s;
	int err;

	p += sprintf(p, "%s", head);
	for (int i = 0; i < count; i++) {
		const char *at = strchr(line, '#');

		if (at)
			p += sprintf(p, "%.*s%d%s", (int)(at - line), line, i,
				     at + 1);
		else
			p += sprintf(p, "%s", line);
	}
	sprintf(p, "%s", tail);
	err = parse_text(text, &s);
	sdp_free(s);
	free(text);
	return err;
}

static void test_limits(void)
{
	const char *media = "m=audio 9 RTP/AVP 0\r\n";
	struct sdp *s = NULL;

	CHECK_INT(parse_repeated(HEAD, media, LIMIT_SDP_MEDIA, ""), 0,
		  "media_at_limit_parses");
	CHECK_INT(parse_repeated(HEAD, media, LIMIT_SDP_MEDIA + 1, ""), -E2BIG,
		  "media_above_limit_refused");
	CHECK_INT(parse_repeated(HEAD, "a=x\r\n", LIMIT_SDP_LINES - 5, ""), 0,
		  "lines_at_limit_parse");
	CHECK_INT(parse_repeated(HEAD, "a=x\r\n", LIMIT_SDP_LINES - 4, ""),
		  -E2BIG, "lines_above_limit_refused");
	CHECK_INT(parse_repeated(HEAD "a=", "x", LIMIT_SDP_BYTES, ""), -E2BIG,
		  "bytes_above_limit_refused");
	CHECK_INT(parse_repeated(HEAD "m=audio 9 RTP/AVP", " #",
				 LIMIT_SDP_CODECS + 1, "\r\n"), -E2BIG,
		  "codecs_above_limit_refused");
	CHECK_INT(parse_repeated(HEAD "m=audio 9 RTP/AVP 127", " #",
				 LIMIT_SDP_CODECS - 1, "\r\n"), 0,
		  "codecs_at_limit_parse");
	CHECK_INT(parse_repeated(HEAD "m=audio 9 RTP/AVP 0\r\na=fmtp:0 ", "x",
				 600, "\r\n"), -E2BIG,
		  "fmtp_above_limit_refused");
	CHECK_INT(parse_repeated(HEAD "a=group:BUNDLE", " mid-#", 64, "\r\n"),
		  -E2BIG, "bundle_above_limit_refused");
	CHECK_INT(sdp_parse("v=0\0\n", 5, &s, reason), -EINVAL,
		  "text_with_nul_refused");
	CHECK(!s, "result_on_error_untouched");
}

static void test_print(void)
{
	static const char want[] = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n"
		"c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP 0 96\r\n"
		"a=sendrecv\r\na=rtpmap:0 PCMU/8000\r\n"
		"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 x=1\r\na=ptime:20\r\n"
		"m=audio 4002 RTP/AVP 8\r\nc=IN IP6 2001:db8::1\r\n"
		"a=inactive\r\na=rtpmap:8 PCMA/8000\r\n"
		"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n";
	struct sdp *s, *copy;
	char *text;

	CHECK_INT(parse_text(want, &s), 0, "printed_text_parses");
	copy = s ? sdp_copy(s) : NULL;
	sdp_free(s);
	text = copy ? sdp_print(copy) : NULL;
	CHECK_STR(text, want, "copy_printed_is_what_was_parsed");
	free(text);
	sdp_free(copy);
	sdp_free(NULL);
}

static void test_compare(void)
{
	static const char one[] = HEAD "m=audio 4000 RTP/AVP 0\r\n",
		      held[] = HEAD "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";
	struct sdp *a, *b, *c;

	parse_text(one, &a);
	parse_text(one, &b);
	parse_text(held, &c);
	CHECK(a && b && sdp_same(a, b), "descriptions_alike_are_the_same");
	CHECK(a && c && !sdp_same(a, c),
	      "description_with_the_same_origin_differs");
	sdp_free(a);
	sdp_free(b);
	sdp_free(c);
}

static void check_same(const char *a, const char *b, bool same,
		       const char *name)
{
	static const char fmt[] = HEAD "m=video 9 RTP/AVP 96 97\r\n"
		"a=rtpmap:96 %s\r\na=rtpmap:97 %s\r\n"
		"a=fmtp:96 %s\r\na=fmtp:97 %s\r\n";
	char text[1024], ma[64], mb[64];
	size_t la = strcspn(a, " "), lb = strcspn(b, " ");
	struct sdp *s;

	snprintf(ma, sizeof(ma), "%.*s", (int)la, a);
	snprintf(mb, sizeof(mb), "%.*s", (int)lb, b);
	snprintf(text, sizeof(text), fmt, ma, mb, a + la, b + lb);
	if (parse_text(text, &s)) {
		CHECK(false, name);
		return;
	}
	CHECK(sdp_codec_same(&s->media[0].codec[0], &s->media[0].codec[1]) ==
	      same && sdp_codec_same(&s->media[0].codec[1],
				     &s->media[0].codec[0]) == same, name);
	sdp_free(s);
}

#define H264 "H264/90000 packetization-mode=1;profile-level-id="

static void test_same(void)
{
	check_same("PCMU/8000", "pcmu/8000/1", true, "codec_case_differs_same");
	check_same("speex/8000", "speex/16000", false,
		   "codec_clock_differs_other");
	check_same("L16/8000/2", "L16/8000", false,
		   "codec_channels_differ_other");
	check_same("opus/48000", "opus/48000/2 stereo=1", true,
		   "codec_opus_channels_differ_same");
	check_same(H264 "42e01f", H264 "42e00d", true,
		   "codec_h264_level_differs_same");
	check_same(H264 "42e01f", H264 "4d801f", true,
		   "codec_h264_profile_written_otherwise_same");
	check_same(H264 "42e01f", H264 "64001f", false,
		   "codec_h264_profile_differs_other");
	check_same(H264 "42e01f", "H264/90000 profile-level-id=42e01f", false,
		   "codec_h264_mode_differs_other");
	check_same(H264 "42e01f", "H264/90000", true,
		   "codec_h264_without_fmtp_same");
	check_same("VP9/90000 profile-id=2", "VP9/90000", false,
		   "codec_vp9_profile_differs_other");
	check_same("AV1/90000 profile=0; tier=0", "AV1/90000", true,
		   "codec_av1_profile_default_same");
	check_same("AMR/8000 octet-align=1", "AMR/8000", false,
		   "codec_amr_alignment_differs_other");
}

static void corpus_file(const char *path, const char *file)
{
	char name[256], *text = corpus_read(path), *first, *second;
	struct sdp *s, *again;

	snprintf(name, sizeof(name), "corpus_%s_parses", file);
	CHECK(text && !parse_text(text, &s), name);
	if (reason[0])
		printf("# %s\n", reason);
	free(text);
	if (!text || reason[0])
		return;
	first = sdp_print(s);
	snprintf(name, sizeof(name), "corpus_%s_printed_parses", file);
	CHECK(first && !parse_text(first, &again), name);
	second = first && again ? sdp_print(again) : NULL;
	snprintf(name, sizeof(name), "corpus_%s_printed_twice_same", file);
	CHECK_STR(second, first, name);
	sdp_free(again);
	sdp_free(s);
	free(first);
	free(second);
}

int main(void)
{
	test_session();
	test_session_name();
	test_media();
	test_secure();
	test_fingerprint_level();
	test_hold();
	test_bundle_only();
	test_other_protocols();
	test_refused();
	test_limits();
	test_print();
	test_compare();
	test_same();
	CHECK(corpus_each(corpus_file) > 20, "corpus_is_there");
	return tap_done();
}
