/* SPDX-License-Identifier: Apache-2.0 */
/* Header extensions (RFC 8285) and transport-cc, from leg to leg. */
#include "sdp/internal.h"
#include "sdp_exchange.h"

#define LEVEL "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
#define TIME "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define CC "http://www.ietf.org/id/" \
	   "draft-holmer-rmcat-transport-wide-cc-extensions-01"
#define AUDIO(proto, lines) PLAIN "m=audio 4 " proto " 0\r\n" lines
#define WEB_AUDIO(lines) WEB "m=audio 9" SAVPF "0\r\n" KEYS lines
#define MAP(id, uri) "a=extmap:" id " " uri "\r\n"

static bool has_any(const struct sdp *s)
{
	return has_line(s, "a=extmap");
}

static void test_towards_plain(void)
{
	struct exchange x;

	exchange_offer(&x, corpus("chrome-offer-audio-video.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK(x.b_offer && !has_any(x.b_offer),
	      "extensions_not_offered_with_avp");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 111\r\n"
				   "a=rtpmap:111 opus/48000/2\r\n"
				   MAP("1", LEVEL) "m=video 0 RTP/AVP 96\r\n"),
			SDP_PROFILE_WEB);
	CHECK(!x.answer_err && !has_any(x.a_answer),
	      "extensions_not_offered_are_not_answered");
	exchange_free(&x);
	local.sip_avpf = true;
	exchange_offer(&x, corpus("chrome-offer-audio-video.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, MAP("1", LEVEL)) &&
	      has_line(x.b_offer, MAP("2", TIME)) &&
	      has_line(x.b_offer, MAP("13", "urn:3gpp:video-orientation")),
	      "extensions_offered_with_avpf_by_their_ids");
	CHECK(!has_line(x.b_offer, "sdes:mid") &&
	      !has_line(x.b_offer, "stream-id") &&
	      !has_line(x.b_offer, "video-content-type"),
	      "extensions_of_one_leg_stay_there");
	local.sip_extensions = SDP_EXTENSIONS_OFF;
	exchange_free(&x);
	exchange_offer(&x, corpus("chrome-offer-audio-video.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK(x.b_offer && !has_any(x.b_offer), "extensions_off_not_offered");
	exchange_free(&x);
	local.sip_avpf = false;
	local.sip_extensions = SDP_EXTENSIONS_ON;
	exchange_offer(&x, corpus("chrome-offer-audio.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "RTP/AVP ") && has_any(x.b_offer) &&
	      !has_line(x.b_offer, CC), "extensions_on_offered_with_avp");
	local.sip_extensions = SDP_EXTENSIONS_AUTO;
	exchange_free(&x);
}

static void test_towards_web(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	struct exchange x;
	uint32_t count;

	exchange_offer(&x, parsed(AUDIO("RTP/AVP", MAP("1", LEVEL " vad=on")
			MAP("2/sendonly", TIME) MAP("3", "urn:x:other")
			MAP("4/both", TIME) MAP("15", TIME) MAP("0", TIME)
			MAP("5", LEVEL))), SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "a=extmap:1 " LEVEL " vad=on\r\n"
		       "a=extmap:2/sendonly " TIME "\r\na=sendrecv"),
	      "extensions_of_plain_offered_to_web");
	exchange_answer(&x, parsed(WEB_AUDIO(MAP("1", LEVEL)
			MAP("2/recvonly", TIME))), SDP_PROFILE_PLAIN);
	CHECK(has_line(x.a_answer, "a=extmap:1 " LEVEL "\r\n"
		       "a=extmap:2/recvonly " TIME "\r\n"),
	      "extensions_answered_as_the_web_does");
	CHECK(!sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer,
			       map, &count) && map[0].extensions_a_to_b &&
	      map[0].extensions_b_to_a && !map[0].cc_a_to_b,
	      "extensions_of_both_legs_pass");
	exchange_answer(&x, parsed(WEB_AUDIO(MAP("2/recvonly", TIME))),
			SDP_PROFILE_PLAIN);
	CHECK(!sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer,
			       map, &count) && map[0].extensions_a_to_b &&
	      !map[0].extensions_b_to_a && !has_line(x.a_answer, LEVEL),
	      "extension_of_one_direction_passes_in_it");
	exchange_answer(&x, parsed(WEB_AUDIO(MAP("2", LEVEL) MAP("1", CC))),
			SDP_PROFILE_PLAIN);
	CHECK(!x.answer_err && !has_any(x.a_answer),
	      "extension_answered_by_another_id_is_none");
	exchange_free(&x);
}

/* What was agreed with A before B changed its mind, as after a fork. */
static void test_disagreement(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	struct exchange x;
	uint32_t count;

	exchange_offer(&x, parsed(AUDIO("RTP/AVP", MAP("1", LEVEL)
					MAP("2", TIME))), SDP_PROFILE_WEB);
	exchange_answer(&x, parsed(WEB_AUDIO(MAP("1", LEVEL) MAP("2", TIME))),
			SDP_PROFILE_PLAIN);
	sdp_free(x.b_answer);
	x.b_answer = parsed(WEB_AUDIO(MAP("1", LEVEL)));
	sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer, map,
			&count);
	CHECK(!map[0].extensions_a_to_b && map[0].extensions_b_to_a,
	      "extensions_one_leg_does_not_take_are_taken_out");
	exchange_free(&x);
}

static void test_ids(void)
{
	struct exchange x;

	exchange_offer(&x, parsed(AUDIO("RTP/AVP", MAP("1", LEVEL)
			"m=video 6 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n"
			MAP("1", TIME) MAP("2", TIME))), SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, MAP("1", LEVEL)) &&
	      !has_line(x.b_offer, "a=extmap:1 " TIME),
	      "extension_id_has_one_meaning_in_a_bundle");
	exchange_free(&x);
	local.web_extension[1] = SDP_EXTENSION_OTHER;
	local.web_extension[2] = SDP_EXTENSION_SEND_TIME;
	exchange_offer(&x, parsed(AUDIO("RTP/AVP", MAP("1", LEVEL)
					MAP("2", TIME))), SDP_PROFILE_WEB);
	CHECK(!has_line(x.b_offer, LEVEL) && has_line(x.b_offer, TIME),
	      "extension_id_of_the_browser_keeps_its_meaning");
	memset(local.web_extension, 0, sizeof(local.web_extension));
	exchange_free(&x);
}

#define VIDEO_LINES(port) "m=video " port " RTP/AVPF 96\r\n" \
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\n" \
	"a=rtcp-fb:96 transport-cc\r\n"
#define OPUS "m=audio 4 RTP/AVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"

static void test_transport_cc(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	const struct sdp_media *m;
	struct exchange x;
	uint32_t count;

	local.sip_avpf = true;
	exchange_offer(&x, corpus("chrome-offer-audio.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, CC) &&
	      has_line(x.b_offer, "a=rtcp-fb:111 transport-cc\r\n"),
	      "transport_cc_of_audio_alone_offered");
	exchange_free(&x);
	exchange_offer(&x, corpus("chrome-offer-audio-video.sdp"),
		       SDP_PROFILE_PLAIN);
	m = x.b_offer ? x.b_offer->media : NULL;
	CHECK(m && !(m[0].codec[0].feedback & SDP_FB_TRANSPORT_CC) &&
	      (m[1].codec[0].feedback & SDP_FB_TRANSPORT_CC) &&
	      m[0].extension[3].kind == SDP_EXTENSION_NONE &&
	      m[1].extension[3].kind == SDP_EXTENSION_TRANSPORT_CC,
	      "transport_cc_offered_for_one_m_line_the_video");
	exchange_answer(&x, parsed(PLAIN OPUS VIDEO_LINES("6")
				   MAP("3", CC)), SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "a=rtcp-fb:96 goog-remb\r\n"
		       "a=rtcp-fb:96 transport-cc\r\n") &&
	      has_line(x.a_answer, MAP("3", CC)),
	      "transport_cc_of_both_answered");
	sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer, map,
			&count);
	CHECK(map[1].cc_a_to_b && map[1].cc_b_to_a && !map[0].cc_a_to_b,
	      "transport_cc_numbers_pass");
	exchange_answer(&x, parsed(PLAIN OPUS VIDEO_LINES("6")),
			SDP_PROFILE_WEB);
	CHECK(!x.answer_err && !has_line(x.a_answer, "transport-cc") &&
	      has_line(x.a_answer, "goog-remb"),
	      "transport_cc_without_its_extension_is_not_answered");
	exchange_answer(&x, parsed(PLAIN OPUS "m=video 6 RTP/AVPF 96\r\n"
				   "a=rtpmap:96 VP8/90000\r\n" MAP("3", CC)),
			SDP_PROFILE_WEB);
	CHECK(!x.answer_err && !has_line(x.a_answer, CC) &&
	      !has_line(x.a_answer, "goog-remb"),
	      "transport_cc_without_its_feedback_is_not_answered");
	exchange_free(&x);
	local.sip_avpf = false;
	exchange_offer(&x, parsed(PLAIN VIDEO_LINES("6") MAP("3", CC)),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "a=rtcp-fb:96 transport-cc\r\n") &&
	      has_line(x.b_offer, MAP("3", CC)),
	      "transport_cc_of_plain_offered_to_web");
	exchange_free(&x);
	exchange_offer(&x, parsed(PLAIN VIDEO_LINES("6")), SDP_PROFILE_WEB);
	CHECK(x.b_offer && !has_line(x.b_offer, "transport-cc"),
	      "transport_cc_without_its_extension_is_not_offered");
	exchange_free(&x);
}

/* A call's descriptions are stored as text. */
static void test_kept(void)
{
	struct sdp *s = corpus("chrome-offer-audio-video.sdp"), *again = NULL;
	char *text = s ? sdp_print(s) : NULL;
	bool is_same = true;

	again = text ? parsed(text) : NULL;
	for (uint32_t i = 0; again && i < s->media_count; i++)
		for (uint32_t id = 0; id < SDP_EXTENSION_IDS; id++) {
			const struct sdp_extension *a =
				&s->media[i].extension[id];
			const struct sdp_extension *b =
				&again->media[i].extension[id];

			if (a->kind > SDP_EXTENSION_OTHER)
				is_same &= !memcmp(a, b, sizeof(*a));
		}
	CHECK(again && is_same, "extensions_printed_are_read_again");
	free(text);
	sdp_free(s);
	sdp_free(again);
}

int main(void)
{
	make_local();
	test_towards_plain();
	test_towards_web();
	test_disagreement();
	test_ids();
	test_transport_cc();
	test_kept();
	return tap_done();
}
