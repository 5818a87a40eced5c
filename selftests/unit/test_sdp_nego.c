/* SPDX-License-Identifier: Apache-2.0 */
/* Offers and answers across the gateway, and the payload type maps. */
#include "sdp_exchange.h"

#define LOCAL_KEYS "a=ice-ufrag:sluiceXX\r\na=ice-pwd:gatewaygatewaygateway1" \
	"\r\na=fingerprint:sha-256 00:00:00:00:00:00:00:00:00:00:00:00:00:00:" \
	"00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00\r\n"
#define LOCAL_CANDIDATE "a=candidate:1 1 udp 2130706431 203.0.113.1 10000 " \
	"typ host\r\na=end-of-candidates\r\n"

static void test_chrome_to_asterisk(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	uint32_t count = 0;
	struct exchange x;

	exchange_offer(&x, corpus("chrome-offer-audio-video-data.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK_INT(x.offer_err, 0, "offer_of_chrome_towards_plain_made");
	CHECK_INT(x.b_offer ? x.b_offer->media_count : 0, 2,
		  "offer_with_trailing_datachannel_leaves_it_out");
	CHECK(has_line(x.b_offer, "v=0\r\no=- 42 3 IN IP4 198.51.100.1\r\n"
		       "s=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
		       "m=audio 16384 RTP/AVP 111 9 0 8 13 110 126\r\n"
		       "a=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n"
		       "a=fmtp:111 minptime=10;useinbandfec=1\r\n"
		       "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n"
		       "a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n"
		       "a=rtpmap:110 telephone-event/48000\r\n"
		       "a=rtpmap:126 telephone-event/8000\r\n"
		       "m=video 16386 RTP/AVP 96 102 104 "),
	      "offer_towards_plain_is_exactly_this");
	CHECK(!has_line(x.b_offer, "rtx") && !has_line(x.b_offer, "fec/") &&
	      !has_line(x.b_offer, "a=rtcp-fb") && !has_line(x.b_offer, "red/"),
	      "offer_towards_plain_has_no_repair_nor_feedback");

	exchange_answer(&x, corpus("asterisk-answer-video-refused.sdp"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, 0, "answer_of_asterisk_towards_web_made");
	check_text(x.a_answer, "v=0\r\no=- 42 3 IN IP4 203.0.113.1\r\ns=-\r\n"
		   "c=IN IP4 203.0.113.1\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
		   "a=ice-lite\r\n"
		   "m=audio 10000 UDP/TLS/RTP/SAVPF 0 126\r\na=mid:0\r\n"
		   LOCAL_KEYS "a=setup:passive\r\n" LOCAL_CANDIDATE
		   "a=sendrecv\r\na=msid:sluice audio0\r\na=rtcp-mux\r\n"
		   "a=rtpmap:0 PCMU/8000\r\n"
		   "a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\n"
		   "a=ptime:20\r\na=maxptime:150\r\na=ssrc:1000 cname:cname1\r\n"
		   "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
		   "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
		   "a=mid:2\r\n", "answer_towards_web_is_exactly_this");
	if (!x.a_answer)
		goto out;
	CHECK_INT(sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer,
				  map, &count), 0, "map_of_call_made");
	CHECK_INT(count, 2, "map_counts_m_lines_of_all");
	CHECK(map[0].enabled && map[0].a_to_b && map[0].b_to_a,
	      "map_accepted_audio_enabled");
	CHECK(!map[1].enabled, "map_refused_video_disabled");
	CHECK_INT(map[0].payload_count, 2, "map_has_codecs_of_all_four");
	CHECK_STR(map[0].payload[0].name, "PCMU", "map_names_the_codec");
out:
	exchange_free(&x);
}

static void test_plain_to_web(void)
{
	struct exchange x;

	exchange_offer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 8 101\r\n"
				  "a=rtpmap:101 telephone-event/8000\r\n"
				  "a=fmtp:101 0-15\r\na=ptime:20\r\n"
				  "m=application 5 UDP/BFCP *\r\n"
				  "m=video 4002 RTP/AVP 97\r\n"
				  "b=TIAS:500000\r\na=recvonly\r\n"
				  "a=rtpmap:97 VP8/90000\r\n"),
		       SDP_PROFILE_WEB);
	CHECK_INT(x.offer_err, 0, "offer_of_plain_towards_web_made");
	check_text(x.b_offer, "v=0\r\no=- 42 3 IN IP4 203.0.113.1\r\ns=-\r\n"
		   "c=IN IP4 203.0.113.1\r\nt=0 0\r\na=group:BUNDLE 0 2\r\n"
		   "a=ice-lite\r\n"
		   "m=audio 10000 UDP/TLS/RTP/SAVPF 8 101 0\r\na=mid:0\r\n"
		   LOCAL_KEYS "a=setup:actpass\r\n" LOCAL_CANDIDATE
		   "a=sendrecv\r\na=msid:sluice audio0\r\na=rtcp-mux\r\n"
		   "a=rtpmap:8 PCMA/8000\r\n"
		   "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
		   "a=rtpmap:0 PCMU/8000\r\n"
		   "a=ptime:20\r\na=ssrc:1000 cname:cname1\r\n"
		   "m=application 0 UDP/BFCP *\r\na=mid:1\r\n"
		   "m=video 10000 UDP/TLS/RTP/SAVPF 97\r\nb=TIAS:500000\r\n"
		   "a=mid:2\r\n" LOCAL_KEYS "a=setup:actpass\r\n"
		   LOCAL_CANDIDATE "a=recvonly\r\na=rtcp-mux\r\n"
		   "a=rtpmap:97 VP8/90000\r\na=rtcp-fb:97 ccm fir\r\n"
		   "a=rtcp-fb:97 nack\r\na=rtcp-fb:97 nack pli\r\n",
		   "offer_towards_web_is_exactly_this");

	exchange_answer(&x, parsed(WEB "a=group:BUNDLE 0 2\r\n"
				   "m=audio 9" SAVPF "8 101\r\n" KEYS
				   "a=mid:0\r\na=setup:active\r\n"
				   "a=rtpmap:8 PCMA/8000\r\n"
				   "a=rtpmap:101 telephone-event/8000\r\n"
				   "m=application 0 UDP/BFCP 0\r\na=mid:1\r\n"
				   "m=video 9" SAVPF "97\r\n"
				   "c=IN IP4 192.0.2.2\r\na=mid:2\r\n"
				   "a=sendonly\r\na=rtpmap:97 VP8/90000\r\n"),
			SDP_PROFILE_PLAIN);
	CHECK_INT(x.answer_err, 0, "answer_of_web_towards_plain_made");
	check_text(x.a_answer, "v=0\r\no=- 42 3 IN IP4 198.51.100.1\r\ns=-\r\n"
		   "c=IN IP4 198.51.100.1\r\nt=0 0\r\n"
		   "m=audio 16384 RTP/AVP 8 101\r\na=sendrecv\r\n"
		   "a=rtpmap:8 PCMA/8000\r\n"
		   "a=rtpmap:101 telephone-event/8000\r\n"
		   "m=application 0 UDP/BFCP *\r\n"
		   "m=video 16388 RTP/AVP 97\r\na=sendonly\r\n"
		   "a=rtpmap:97 VP8/90000\r\n",
		   "answer_towards_plain_is_exactly_this");
	exchange_free(&x);
}

/* RFC 9143 9.1 and RFC 5761 4 */
static void test_payload_types(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	uint32_t count;
	struct exchange x;

	exchange_offer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 96 0 72\r\n"
				  "a=rtpmap:96 opus/48000/2\r\n"
				  "a=rtpmap:72 speex/8000\r\n"
				  "m=video 4002 RTP/AVP 96 97\r\n"
				  "a=rtpmap:96 VP8/90000\r\n"
				  "a=rtpmap:97 H264/90000\r\n"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "SAVPF 96 0 98 8\r\n"),
	      "payload_type_in_rtcp_range_renumbered");
	CHECK(has_line(x.b_offer, "SAVPF 99 97\r\n"),
	      "payload_type_of_two_m_lines_renumbered");
	exchange_answer(&x, parsed(WEB "a=group:BUNDLE 0 1\r\n"
				   "m=audio 9" SAVPF "111\r\n" KEYS
				   "a=mid:0\r\na=rtpmap:111 opus/48000/2\r\n"
				   "m=video 9" SAVPF "99\r\n"
				   "c=IN IP4 192.0.2.2\r\na=mid:1\r\n"
				   "a=rtpmap:99 VP8/90000\r\n"),
			SDP_PROFILE_PLAIN);
	CHECK(has_line(x.a_answer, "m=audio 16384 RTP/AVP 96\r\n") &&
	      has_line(x.a_answer, "m=video 16386 RTP/AVP 96\r\n"),
	      "answer_to_renumbered_has_the_offerers_types");
	if (!x.a_answer)
		goto out;
	sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer, map,
			&count);
	CHECK_INT(map[0].payload[0].a_rx, 96, "map_a_rx_is_what_a_was_told");
	CHECK_INT(map[0].payload[0].a_tx, 96, "map_a_tx_is_what_a_said");
	CHECK_INT(map[0].payload[0].b_rx, 96, "map_b_rx_is_what_b_was_told");
	CHECK_INT(map[0].payload[0].b_tx, 111, "map_b_tx_is_what_b_said");
	CHECK_INT(map[0].payload[0].clock_hz, 48000, "map_clock_given");
	CHECK_INT(map[1].payload[0].b_rx, 99, "map_b_rx_of_renumbered_is_new");
	CHECK_INT(map[1].payload[0].a_rx, 96, "map_a_rx_of_renumbered_is_old");
	x.b_answer->media[0].direction = SDP_INACTIVE;
	sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer, map,
			&count);
	CHECK(map[0].enabled && !map[0].a_to_b && !map[0].b_to_a,
	      "map_of_inactive_answer_carries_nothing");
out:
	exchange_free(&x);

	exchange_offer(&x, parsed(WEB "a=group:BUNDLE 0 1\r\n"
				  "m=video 9" SAVPF "96\r\n" KEYS "a=mid:0\r\n"
				  "a=rtpmap:96 VP8/90000\r\n"
				  "m=video 9" SAVPF "96\r\n" KEYS "a=mid:1\r\n"
				  "a=rtpmap:96 VP8/90000\r\n"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "m=video 0 RTP/AVP 96\r\n"),
	      "m_line_with_shared_payload_types_refused");
	exchange_free(&x);
}

static void test_answerer_habits(void)
{
	struct exchange x;

	exchange_offer(&x, corpus("chrome-offer-audio.sdp"), SDP_PROFILE_PLAIN);
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 8 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "SAVPF 8 0\r\n"),
	      "answer_without_rtpmap_read_as_static");
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 111\r\n"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "a=rtpmap:111 opus/48000/2\r\n"),
	      "answer_without_rtpmap_read_as_offered");
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 96 101\r\n"
				   "a=rtpmap:96 OPUS/48000/2\r\n"
				   "a=rtpmap:101 telephone-event/8000\r\n"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "SAVPF 111 126 110\r\n"),
	      "answer_with_other_types_gets_the_offerers");
	exchange_answer(&x, corpus("freeswitch-answer-hold.sdp"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "SAVPF 111 110\r\n"),
	      "answer_with_fewer_codecs_keeps_their_order");
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 18\r\n"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, -ENOTSUP, "answer_with_unoffered_codec_enotsup");
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 126\r\n"
				   "a=rtpmap:126 telephone-event/8000\r\n"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, -ENOTSUP, "answer_with_events_alone_enotsup");
	exchange_answer(&x, parsed(PLAIN "m=audio 0 RTP/AVP 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, -ENOTSUP, "answer_refusing_all_enotsup");
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 0\r\n"
				   "m=video 0 RTP/AVP 96\r\n"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, -EINVAL, "answer_with_more_m_lines_einval");
	CHECK_STR(reason, "1 m-lines offered, 2 answered",
		  "answer_with_more_m_lines_says_so");
	exchange_answer(&x, parsed(PLAIN "m=video 4000 RTP/AVP 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK_STR(reason, "m-line 1: answered with another kind",
		  "answer_with_other_kind_einval");
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/SAVP 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, -EINVAL, "answer_with_sdes_einval");
	exchange_free(&x);
}

/* RFC 3264 6.1: what each side says it may do */
static void test_directions(void)
{
	static const char *const names[] = { "inactive", "sendonly",
					     "recvonly", "sendrecv" };
	bool answers = true, maps = true;

	for (int d = 0; d < 16; d++) {
		struct sdp_stream_map map[LIMIT_SDP_MEDIA];
		int offered = d & 3, answered = d >> 2, want;
		bool a_sends = (offered & 1) && (answered & 2);
		bool b_sends = (offered & 2) && (answered & 1);
		char text[512];
		struct exchange x;
		uint32_t count;

		snprintf(text, sizeof(text), WEB "m=audio 9" SAVPF "0\r\n" KEYS
			 "a=%s\r\n", names[offered]);
		exchange_offer(&x, parsed(text), SDP_PROFILE_PLAIN);
		snprintf(text, sizeof(text), PLAIN "m=audio 4000 RTP/AVP 0\r\n"
			 "a=%s\r\n", names[answered]);
		exchange_answer(&x, parsed(text), SDP_PROFILE_WEB);
		want = (b_sends ? SDP_SENDONLY : 0) |
		       (a_sends ? SDP_RECVONLY : 0);
		if (!x.a_answer ||
		    x.b_offer->media[0].direction != (unsigned int)offered ||
		    x.a_answer->media[0].direction != (unsigned int)want ||
		    (x.a_answer->media[0].ssrc != 0) != b_sends) {
			printf("# %s, %s\n", names[offered], names[answered]);
			answers = false;
		} else {
			sdp_map_streams(x.a_offer, x.a_answer, x.b_offer,
					x.b_answer, map, &count);
			maps &= map[0].enabled && map[0].a_to_b == a_sends &&
				map[0].b_to_a == b_sends;
		}
		exchange_free(&x);
	}
	CHECK(answers, "direction_all_sixteen_combined");
	CHECK(maps, "direction_all_sixteen_mapped");
}

static void test_setup(void)
{
	static const struct {
		const char *offered;
		enum sdp_setup want;
		const char *name;
	} cases[] = {
		{ "actpass", SDP_SETUP_PASSIVE, "setup_actpass_passive" },
		{ "active", SDP_SETUP_PASSIVE, "setup_active_passive" },
		{ "passive", SDP_SETUP_ACTIVE, "setup_passive_active" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		struct exchange x;

		snprintf(text, sizeof(text), WEB "m=audio 9" SAVPF "0\r\n" KEYS
			 "a=setup:%s\r\n", cases[i].offered);
		exchange_offer(&x, parsed(text), SDP_PROFILE_PLAIN);
		exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"),
				SDP_PROFILE_WEB);
		CHECK_INT(x.a_answer ? (int)x.a_answer->media[0].setup : -1,
			  cases[i].want, cases[i].name);
		CHECK(x.a_answer && !x.a_answer->has_bundle,
		      "answer_to_offer_without_bundle_has_none");
		exchange_free(&x);
	}
}

static void test_hold(void)
{
	struct exchange x;

	exchange_offer(&x, corpus("cisco-offer-hold-rfc2543.sdp"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "a=sendonly\r\n"),
	      "hold_rfc2543_offered_as_sendonly");
	CHECK(has_line(x.b_offer, "SAVPF 18 0 101 96 8\r\n") &&
	      has_line(x.b_offer, "a=rtpmap:96 CN/8000\r\n"),
	      "payload_type_reserved_renumbered");
	exchange_free(&x);

	exchange_offer(&x, corpus("chrome-offer-audio.sdp"), SDP_PROFILE_PLAIN);
	exchange_answer(&x, corpus("freeswitch-answer-hold.sdp"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "a=sendonly\r\n"),
	      "hold_in_answer_passed_on");
	exchange_free(&x);
}

static void test_unfit(void)
{
	static const struct {
		const char *text;
		enum sdp_profile to;
		const char *name;
	} cases[] = {
		{ WEB "m=audio 9" SAVPF "0\r\nc=IN IP4 192.0.2.2\r\n"
		  "a=rtcp-mux\r\n",
		  SDP_PROFILE_PLAIN, "offer_of_web_without_keys_enotsup" },
		{ PLAIN "m=audio 9 RTP/AVP 0\r\n", SDP_PROFILE_PLAIN,
		  "offer_of_web_without_dtls_enotsup" },
		{ PLAIN "m=audio 9 RTP/AVP 101\r\n"
		  "a=rtpmap:101 telephone-event/8000\r\n", SDP_PROFILE_WEB,
		  "offer_of_events_alone_enotsup" },
		{ PLAIN "m=audio 0 RTP/AVP 0\r\n", SDP_PROFILE_WEB,
		  "offer_with_port_zero_enotsup" },
		{ PLAIN, SDP_PROFILE_WEB, "offer_without_m_line_enotsup" },
	};
	struct exchange x;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		exchange_offer(&x, parsed(cases[i].text), cases[i].to);
		CHECK_INT(x.offer_err, -ENOTSUP, cases[i].name);
		exchange_free(&x);
	}
	exchange_offer(&x, parsed(WEB "m=audio 9" SAVPF "0\r\n" KEYS
				  "m=video 9" SAVPF "96\r\n" KEYS
				  "a=rtpmap:96 VP8/90000\r\n"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "m=video 0 RTP/AVP 96\r\n"),
	      "m_line_outside_of_bundle_refused");
	exchange_free(&x);
}

/* RFC 4733 2.1: an event stream keeps the clock of the audio it is in. */
static void test_helpers(void)
{
	struct exchange x;

	exchange_offer(&x, parsed(WEB "m=audio 9" SAVPF "0 13 106 110 126\r\n"
				  KEYS "a=rtpmap:106 CN/32000\r\n"
				  "a=rtpmap:110 telephone-event/48000\r\n"
				  "a=rtpmap:126 telephone-event/8000\r\n"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "RTP/AVP 0 13 126 8\r\n"),
	      "events_of_absent_clock_left_out");
	exchange_free(&x);
}

/* RFC 5761 5.1.1: only who offers multiplexing gets it. */
static void test_plain_mux(void)
{
	struct exchange x;

	exchange_offer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\na=rtcp-mux\r\n"
				  "m=audio 6 RTP/AVP 8\r\n"),
		       SDP_PROFILE_WEB);
	exchange_answer(&x, parsed(WEB "a=group:BUNDLE 0 1\r\n"
				   "m=audio 9" SAVPF "0\r\n" KEYS "a=mid:0\r\n"
				   "m=audio 9" SAVPF "8\r\n" KEYS "a=mid:1\r\n"),
			SDP_PROFILE_PLAIN);
	CHECK(x.a_answer && x.a_answer->media[0].rtcp_mux,
	      "mux_offered_by_plain_answered");
	CHECK(x.a_answer && !x.a_answer->media[1].rtcp_mux,
	      "mux_not_offered_by_plain_left_out");
	exchange_answer(&x, parsed(WEB "m=audio 9" SAVPF "0\r\n"
				   "c=IN IP4 192.0.2.2\r\n"
				   "m=audio 0" SAVPF "8\r\n"),
			SDP_PROFILE_PLAIN);
	CHECK_INT(x.answer_err, -EINVAL, "answer_of_web_without_keys_einval");
	exchange_free(&x);
}

static void test_same_codec_twice(void)
{
	struct exchange x;

	exchange_offer(&x, parsed(WEB "m=video 9" SAVPF "96 97\r\n" KEYS
				  "a=rtpmap:96 H264/90000\r\n"
				  "a=rtpmap:97 H264/90000\r\n"
				  "a=fmtp:97 packetization-mode=1\r\n"),
		       SDP_PROFILE_PLAIN);
	exchange_answer(&x, parsed(PLAIN "m=video 4 RTP/AVP 97\r\n"
				   "a=rtpmap:97 H264/90000\r\n"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "SAVPF 97\r\n"),
	      "codec_offered_twice_told_by_payload_type");
	exchange_free(&x);
}

static void test_mids(void)
{
	struct exchange x;

	snprintf(local.web_mid[0], sizeof(local.web_mid[0]), "audio");
	exchange_offer(&x, corpus("freeswitch-offer-audio-video.sdp"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "a=group:BUNDLE audio 1\r\n"),
	      "mid_known_before_kept");
	local.web_mid[0][0] = '\0';
	exchange_free(&x);
}

#define WEB_AUDIO "m=audio 9" SAVPF "0\r\n" KEYS "a=mid:0\r\n"
#define WEB_DATA(port) "m=application " port " UDP/DTLS/SCTP " \
	"webrtc-datachannel\r\nc=IN IP4 192.0.2.2\r\na=mid:5\r\n"
#define GONE "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n" \
	"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:5\r\n"

/*
 * RFC 8829 5.2.2: a browser takes no offer with fewer m-lines than it has, or
 * with another kind in a place.
 */
static void test_places(void)
{
	struct sdp *said = parsed(WEB "a=group:BUNDLE 0 1 5\r\n" WEB_AUDIO
				  "m=video 9" SAVPF "96\r\n" KEYS
				  "a=mid:1\r\na=rtpmap:96 VP8/90000\r\n"
				  WEB_DATA("9"));
	struct exchange x;

	local.said = said;
	for (uint32_t i = 0; said && i < said->media_count; i++)
		memcpy(local.web_mid[i], said->media[i].mid,
		       sizeof(local.web_mid[i]));
	exchange_offer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, GONE), "m_lines_left_out_offered_as_refused");
	exchange_answer(&x, parsed(WEB "a=group:BUNDLE 0\r\n" WEB_AUDIO
				   "m=video 0" SAVPF "96\r\na=mid:1\r\n"
				   WEB_DATA("0")), SDP_PROFILE_PLAIN);
	CHECK(!x.answer_err && x.a_answer->media_count == 1 &&
	      has_line(x.a_answer, "m=audio 16384 RTP/AVP 0\r\n"),
	      "m_lines_left_out_are_not_answered");
	exchange_free(&x);
	exchange_offer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"
				  "m=audio 6 RTP/AVP 8\r\n"
				  "m=application 8 UDP/BFCP *\r\n"
				  "m=audio 10 RTP/AVP 8\r\n"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, GONE "m=audio 10000 "),
	      "m_line_of_another_kind_refused_as_what_was_there");
	exchange_free(&x);
	sdp_free(said);

	/* Telephony has no fewer, either, but may change the kind. */
	local.said = said = parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"
				   "m=video 6 RTP/AVP 96\r\n"
				   "a=rtpmap:96 VP8/90000\r\n"
				   "m=application 8 UDP/BFCP *\r\n");
	exchange_offer(&x, parsed(WEB "a=group:BUNDLE 0 1\r\n" WEB_AUDIO
				  "m=audio 9" SAVPF "9\r\n" KEYS
				  "a=mid:1\r\n"), SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "m=audio 16386 RTP/AVP 9\r\n") &&
	      has_line(x.b_offer, "m=application 0 UDP/BFCP *\r\n"),
	      "m_line_of_telephony_left_out_offered_as_refused");
	local.said = NULL;
	exchange_free(&x);
	sdp_free(said);

	/* The second place was used again, by "2". */
	snprintf(local.web_mid[1], sizeof(local.web_mid[1]), "2");
	local.web_mid[2][0] = '\0';
	exchange_offer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"
				  "m=audio 6 RTP/AVP 3\r\n"
				  "m=audio 8 RTP/AVP 9\r\n"
				  "m=audio 10 RTP/AVP 18\r\n"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "a=group:BUNDLE 0 2 3 4\r\n"),
	      "mid_of_a_new_place_is_not_in_use");
	memset(local.web_mid, 0, sizeof(local.web_mid));
	exchange_free(&x);
}

/* Not by RFC 3264 6, but by some. */
static void test_short_answer(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	struct exchange x;
	uint32_t count = 0;

	exchange_offer(&x, corpus("chrome-offer-audio-video.sdp"),
		       SDP_PROFILE_PLAIN);
	exchange_answer(&x, parsed(PLAIN "m=audio 4000 RTP/AVP 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, 0, "answer_with_fewer_m_lines_taken");
	CHECK(has_line(x.a_answer, "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"),
	      "m_line_left_out_of_the_answer_is_refused");
	if (x.a_answer)
		sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer,
				map, &count);
	CHECK(count == 1 && map[0].enabled, "map_of_a_short_answer_made");
	exchange_free(&x);
}

#define AT(name) "v=0\r\no=- 1 2 IN IP4 203.0.113.9\r\ns=-\r\n" \
	"c=IN IP4 " name "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

static void test_names(void)
{
	struct exchange x;

	exchange_offer(&x, parsed(AT("media.example.com")), SDP_PROFILE_WEB);
	CHECK_INT(x.offer_err, -ENOTSUP, "offer_with_a_name_in_c_enotsup");
	exchange_free(&x);
	exchange_offer(&x, corpus("chrome-offer-audio.sdp"), SDP_PROFILE_PLAIN);
	exchange_answer(&x, parsed(AT("media.example.com")), SDP_PROFILE_WEB);
	CHECK_STR(reason, "m-line 1: answered with a name, not an address",
		  "answer_with_a_name_in_c_einval");
	exchange_answer(&x, parsed(AT("hold.invalid")), SDP_PROFILE_WEB);
	CHECK(!x.answer_err && has_line(x.a_answer, "a=sendonly\r\n"),
	      "hold_by_an_invalid_name_passed_on");
	exchange_free(&x);
}

static void test_connection_differs(void)
{
	struct addr saved = local.sip[1];
	struct exchange x;

	addr_parse("[2001:db8::1]:16386", &local.sip[1]);
	exchange_offer(&x, corpus("chrome-offer-audio-video.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "\r\nc=IN IP6 2001:db8::1\r\n"),
	      "connection_of_m_line_that_differs_printed");
	exchange_free(&x);
	local.sip[1] = saved;
}

/* Every offer passes on, is answered with itself, and maps. */
static void corpus_file(const char *path, const char *file)
{
	bool web = strstr(file, "chrome") || strstr(file, "firefox") ||
		   strstr(file, "safari");
	bool none = strstr(file, "none");
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	char name[256], *text;
	struct exchange x;
	uint32_t count = 0;

	if (!strstr(file, "-offer-"))
		return;
	exchange_offer(&x, corpus(file),
		       web ? SDP_PROFILE_PLAIN : SDP_PROFILE_WEB);
	snprintf(name, sizeof(name), "corpus_%s_%s", file,
		 none ? "not_carried" : "offered");
	CHECK_INT(x.offer_err, none ? -ENOTSUP : 0, name);
	text = x.b_offer ? sdp_print(x.b_offer) : NULL;
	if (text) {
		exchange_answer(&x, parsed(text),
				web ? SDP_PROFILE_WEB : SDP_PROFILE_PLAIN);
		snprintf(name, sizeof(name), "corpus_%s_answered", file);
		CHECK_INT(x.answer_err, 0, name);
	}
	if (x.a_answer) {
		sdp_map_streams(x.a_offer, x.a_answer, x.b_offer, x.b_answer,
				map, &count);
		snprintf(name, sizeof(name), "corpus_%s_mapped", file);
		CHECK(count && map[0].enabled, name);
	}
	free(text);
	exchange_free(&x);
}

int main(void)
{
	make_local();
	test_chrome_to_asterisk();
	test_plain_to_web();
	test_payload_types();
	test_answerer_habits();
	test_directions();
	test_setup();
	test_hold();
	test_unfit();
	test_helpers();
	test_plain_mux();
	test_same_codec_twice();
	test_mids();
	test_places();
	test_short_answer();
	test_names();
	test_connection_differs();
	CHECK(corpus_each(corpus_file) > 20, "corpus_is_there");
	return tap_done();
}
