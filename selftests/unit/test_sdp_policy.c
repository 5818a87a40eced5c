/* SPDX-License-Identifier: Apache-2.0 */
/* What is converted between the legs, and keys and feedback of plain ones. */
#include "sdp_exchange.h"

/* The entry whose packets from A have this payload type; NULL: none. */
static const struct sdp_payload_map *entry(const struct sdp_stream_map *map,
					   uint8_t a_rx)
{
	for (uint32_t i = 0; i < map->payload_count; i++)
		if (map->payload[i].a_rx == a_rx)
			return &map->payload[i];
	return NULL;
}

static void map_of(const struct exchange *x, struct sdp_stream_map *map)
{
	uint32_t count;

	memset(map, 0, LIMIT_SDP_MEDIA * sizeof(*map));
	if (x->a_answer)
		sdp_map_streams(x->a_offer, x->a_answer, x->b_offer,
				x->b_answer, map, &count);
}

/* One side knows one law of G.711 only, the other the other. */
static void test_g711(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	struct exchange x;

	exchange_offer(&x, parsed(WEB "m=audio 9" SAVPF "8\r\n" KEYS),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "RTP/AVP 8 0\r\n"),
	      "g711_other_law_offered_last");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "SAVPF 8\r\n"),
	      "g711_answered_with_the_offerers_law");
	map_of(&x, map);
	CHECK(map[0].payload_count == 1 && map[0].payload[0].a_rx == 8 &&
	      map[0].payload[0].a_tx == 8 && map[0].payload[0].b_rx == 0 &&
	      map[0].payload[0].b_tx == 0 &&
	      !strcmp(map[0].payload[0].name, "PCMA") &&
	      !strcmp(map[0].payload[0].b_name, "PCMU"),
	      "g711_mapped_from_one_law_to_the_other");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0 8\r\n"),
			SDP_PROFILE_WEB);
	map_of(&x, map);
	CHECK(map[0].payload_count == 2 && entry(map, 8) &&
	      entry(map, 8)->b_tx == 8 && entry(map, SDP_NO_PAYLOAD) &&
	      entry(map, SDP_NO_PAYLOAD)->b_rx == 0 &&
	      entry(map, SDP_NO_PAYLOAD)->a_tx == 8,
	      "g711_not_converted_if_both_know_the_law");
	exchange_free(&x);

	exchange_offer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"),
		       SDP_PROFILE_WEB);
	exchange_answer(&x, parsed(WEB "m=audio 9" SAVPF "8\r\n" KEYS),
			SDP_PROFILE_PLAIN);
	CHECK(has_line(x.a_answer, "RTP/AVP 0\r\n"),
	      "g711_of_browser_answered_with_the_phones_law");
	exchange_free(&x);
}

/* Events of 48 kHz, as browsers time them by, and of 8 kHz in telephony. */
static void test_event_clocks(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	const struct sdp_payload_map *p;
	struct exchange x;

	exchange_offer(&x, parsed(WEB "m=audio 9" SAVPF "111 110\r\n" KEYS
				  "a=rtpmap:111 opus/48000/2\r\n"
				  "a=rtpmap:110 telephone-event/48000\r\n"
				  "a=fmtp:110 0-16\r\n"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "RTP/AVP 111 110 96\r\n") &&
	      has_line(x.b_offer, "a=rtpmap:96 telephone-event/8000\r\n"
		       "a=fmtp:96 0-16\r\n"),
	      "event_of_8khz_offered_towards_plain");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 111 96\r\n"
				   "a=rtpmap:111 opus/48000/2\r\n"
				   "a=rtpmap:96 telephone-event/8000\r\n"),
			SDP_PROFILE_WEB);
	CHECK(has_line(x.a_answer, "SAVPF 111 110\r\n"),
	      "event_answered_with_the_browsers_clock");
	map_of(&x, map);
	p = entry(map, 110);
	CHECK(p && p->b_tx == 96 && p->b_rx == 96 && p->a_tx == 110 &&
	      p->clock_hz == 48000 && p->b_clock_hz == 8000,
	      "event_mapped_from_clock_to_clock");
	exchange_free(&x);

	exchange_offer(&x, corpus("chrome-offer-audio.sdp"), SDP_PROFILE_PLAIN);
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 111 101\r\n"
				   "a=rtpmap:111 opus/48000/2\r\n"
				   "a=rtpmap:101 telephone-event/8000\r\n"),
			SDP_PROFILE_WEB);
	map_of(&x, map);
	p = entry(map, 110);
	CHECK(p && p->b_tx == 101 && p->b_rx == SDP_NO_PAYLOAD,
	      "event_of_both_clocks_comes_back_as_the_nearer");
	p = entry(map, 126);
	CHECK(p && p->b_tx == 101 && p->b_rx == 126 && p->a_tx == 126,
	      "event_of_the_same_clock_is_not_converted");
	exchange_free(&x);

	exchange_offer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 111 101\r\n"
				  "a=rtpmap:111 opus/48000/2\r\n"
				  "a=rtpmap:101 telephone-event/8000\r\n"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "a=rtpmap:96 telephone-event/48000\r\n"),
	      "event_of_48khz_offered_towards_web");
	exchange_answer(&x, parsed(WEB "m=audio 9" SAVPF "111 96\r\n" KEYS
				   "a=rtpmap:111 opus/48000/2\r\n"
				   "a=rtpmap:96 telephone-event/48000\r\n"),
			SDP_PROFILE_PLAIN);
	CHECK(has_line(x.a_answer, "RTP/AVP 111 101\r\n"),
	      "event_of_browser_answered_with_the_phones_clock");
	exchange_free(&x);
}

/* RFC 3389: where one side has no CN, none arrives. */
static void test_comfort_noise(void)
{
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	struct exchange x;

	exchange_offer(&x, parsed(WEB "m=audio 9" SAVPF "0 13\r\n" KEYS),
		       SDP_PROFILE_PLAIN);
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"),
			SDP_PROFILE_WEB);
	map_of(&x, map);
	CHECK(entry(map, 0) && !entry(map, 13),
	      "comfort_noise_not_answered_not_mapped");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0 13\r\n"),
			SDP_PROFILE_WEB);
	map_of(&x, map);
	CHECK(entry(map, 13) && entry(map, 13)->b_tx == 13,
	      "comfort_noise_of_both_mapped");
	exchange_free(&x);
}

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"	/* 00 01 ... */
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9"	/* 20 21 ... */
#define CM80 "AES_CM_128_HMAC_SHA1_80"

/* Our keys: 0x10, 0x11, ... by m-line and suite. */
static void set_sdes(enum sdp_srtp policy)
{
	static const char *const suites[] = { "AEAD_AES_128_GCM", CM80 };

	local.sip_srtp = policy;
	local.sip_crypto_count = policy == SDP_SRTP_NONE ? 0 : 2;
	for (uint32_t i = 0; i < LIMIT_SDP_MEDIA; i++) {
		for (uint32_t k = 0; k < 2; k++) {
			struct sdp_crypto *c = &local.sip_crypto[i][k];

			c->tag = k + 1;
			snprintf(c->suite, sizeof(c->suite), "%s", suites[k]);
			c->key_len = (uint8_t)sdp_suite_key_len(suites[k]);
			memset(c->key, (int)(0x10 + 2 * i + k),
			       sizeof(c->key));
		}
	}
}

static void test_sdes_offered(void)
{
	const struct sdp_crypto *tx = NULL, *rx = NULL;
	struct exchange x;

	set_sdes(SDP_SRTP_SDES);
	exchange_offer(&x, corpus("chrome-offer-audio.sdp"), SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "m=audio 16384 RTP/SAVP 111 ") &&
	      has_line(x.b_offer, "a=crypto:1 AEAD_AES_128_GCM inline:"
		       "EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEA==\r\n"
		       "a=crypto:2 " CM80 " inline:"
		       "ERERERERERERERERERERERERERERERERERERERER\r\n"),
	      "sdes_offered_with_a_key_for_each_suite");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/SAVP 0\r\n"
				   "a=crypto:2 " CM80 " inline:" KEY_A
				   "|2^20\r\n"), SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, 0, "sdes_answer_taken");
	CHECK(!has_line(x.a_answer, "crypto"), "sdes_not_told_to_a_browser");
	CHECK(x.b_answer && sdp_shared_crypto(&x.b_offer->media[0],
					      &x.b_answer->media[0], &tx, &rx)
	      && tx->key[0] == 0x11 && rx->key[0] == 0 && rx->key[29] == 29,
	      "sdes_keys_of_both_sides_found");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/SAVP 0\r\n"
				   "a=crypto:2 " CM80 " inline:" KEY_A
				   "|2^20|66051:4\r\n"), SDP_PROFILE_WEB);
	CHECK(!x.answer_err && sdp_shared_crypto(&x.b_offer->media[0],
						 &x.b_answer->media[0], &tx,
						 &rx) && !tx->mki_len &&
	      rx->mki_len == 4 && !memcmp(rx->mki, "\0\1\2\3", 4),
	      "sdes_answer_with_mki_is_for_that_direction");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/SAVP 0\r\n"
				   "a=crypto:1 " CM80 " inline:" KEY_A "\r\n"),
			SDP_PROFILE_WEB);
	CHECK_STR(reason, "m-line 1: answered without a key",
		  "sdes_answer_with_another_tag_refused");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK_INT(x.answer_err, -EINVAL, "sdes_answer_in_the_clear_refused");
	exchange_free(&x);

	set_sdes(SDP_SRTP_OPTIONAL);
	exchange_offer(&x, corpus("chrome-offer-audio.sdp"), SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "m=audio 16384 RTP/AVP 111 ") &&
	      has_line(x.b_offer, "a=crypto:2 " CM80 " inline:"),
	      "sdes_optional_offered_beside_avp");
	exchange_answer(&x, parsed(PLAIN "m=audio 4 RTP/AVP 0\r\n"),
			SDP_PROFILE_WEB);
	CHECK(!x.answer_err && !sdp_shared_crypto(&x.b_offer->media[0],
						  &x.b_answer->media[0], &tx,
						  &rx),
	      "sdes_optional_declined_is_rtp");
	exchange_free(&x);
	snprintf(local.sip_proto[0], sizeof(local.sip_proto[0]), "RTP/SAVPF");
	exchange_offer(&x, corpus("chrome-offer-audio.sdp"), SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "m=audio 16384 RTP/SAVPF 111 "),
	      "sdes_offered_anew_as_the_leg_is");
	local.sip_proto[0][0] = '\0';
	exchange_free(&x);
	set_sdes(SDP_SRTP_NONE);
}

static void sdes_case(const char *lines, const char *want, const char *name)
{
	struct exchange x;

	exchange_offer(&x, parsed(lines), SDP_PROFILE_WEB);
	if (!want) {
		CHECK_INT(x.offer_err, -ENOTSUP, name);
	} else {
		exchange_answer(&x, parsed(WEB "m=audio 9" SAVPF "0\r\n" KEYS),
				SDP_PROFILE_PLAIN);
		CHECK(has_line(x.a_answer, want) &&
		      !has_line(x.b_offer, "crypto"), name);
	}
	exchange_free(&x);
}

static void test_sdes_answered(void)
{
#define SAVP PLAIN "m=audio 4 RTP/SAVP 0\r\na=crypto:7 "
	set_sdes(SDP_SRTP_OPTIONAL);
	sdes_case(SAVP CM80 " inline:" KEY_A "\r\n",
		  "m=audio 16384 RTP/SAVP 0\r\na=crypto:7 " CM80 " inline:"
		  "ERERERERERERERERERERERERERERERERERERERER\r\n",
		  "sdes_offer_answered_with_its_tag");
	sdes_case(PLAIN "m=audio 4 RTP/AVP 0\r\na=crypto:7 " CM80 " inline:"
		  KEY_A "\r\n", "RTP/AVP 0\r\na=crypto:7 ",
		  "sdes_beside_avp_answered");
	sdes_case(SAVP "F8_128_HMAC_SHA1_80 inline:" KEY_A "\r\na=crypto:8 "
		  CM80 " inline:" KEY_A "|2^31 WSH=64\r\n",
		  "a=crypto:8 ", "sdes_unknown_suite_passed_over");
	sdes_case(SAVP CM80 " inline:" KEY_A "|2^20|1:4\r\n",
		  "a=crypto:7 " CM80 " inline:"
		  "ERERERERERERERERERERERERERERERERERERERER|2^31|1:4\r\n",
		  "sdes_with_mki_answered_with_it");
	sdes_case(SAVP CM80 " inline:" KEY_A "|258:2\r\n", "|2^31|258:2\r\n",
		  "sdes_with_mki_without_lifetime_answered");
	sdes_case(SAVP CM80 " inline:" KEY_A "|2^20|5:1;inline:" KEY_B
		  "|2^20|6:1\r\n", "|2^31|5:1\r\n",
		  "sdes_with_two_keys_answered_for_the_first");
	sdes_case(SAVP CM80 " inline:" KEY_A ";inline:" KEY_B "\r\n", NULL,
		  "sdes_with_two_keys_without_mki_refused");
	sdes_case(SAVP CM80 " inline:" KEY_A "|1:1;inline:" KEY_B "|1:1\r\n",
		  NULL, "sdes_with_two_keys_of_one_mki_refused");
	sdes_case(SAVP CM80 " inline:" KEY_A "|1:1;inline:" KEY_B "|2:2\r\n",
		  NULL, "sdes_with_mkis_of_two_lengths_refused");
	sdes_case(SAVP CM80 " inline:" KEY_A "|1:5\r\n", NULL,
		  "sdes_with_mki_above_the_limit_refused");
	sdes_case(SAVP CM80 " inline:" KEY_A "|256:1\r\n", NULL,
		  "sdes_with_mki_longer_than_it_says_refused");
	sdes_case(SAVP CM80 " inline:" KEY_A "|1:0\r\n", NULL,
		  "sdes_with_mki_of_no_bytes_refused");
	sdes_case(SAVP CM80 " inline:" KEY_A "|2^20|1:1|1:1\r\n", NULL,
		  "sdes_with_a_fourth_field_refused");
	sdes_case(SAVP CM80 " inline:" KEY_A " UNENCRYPTED_SRTP\r\n", NULL,
		  "sdes_unencrypted_refused");
	sdes_case(SAVP CM80 " inline:AAAA\r\n", NULL,
		  "sdes_with_short_key_refused");
	sdes_case(PLAIN "m=audio 4 RTP/SAVP 0\r\n", NULL,
		  "sdes_without_key_refused");
	set_sdes(SDP_SRTP_SDES);
	sdes_case(PLAIN "m=audio 4 RTP/AVP 0\r\n", NULL,
		  "sdes_required_rtp_refused");
	set_sdes(SDP_SRTP_NONE);
	sdes_case(SAVP CM80 " inline:" KEY_A "\r\n", NULL,
		  "sdes_off_savp_refused");
#undef SAVP
}

/* RFC 4585: feedback is a matter of AVPF. */
static void test_feedback(void)
{
	struct exchange x;

	exchange_offer(&x, parsed(PLAIN "m=video 4 RTP/AVPF 97\r\n"
				  "a=rtpmap:97 VP8/90000\r\n"
				  "a=rtcp-fb:97 nack pli\r\n"
				  "a=rtcp-fb:97 goog-remb\r\n"),
		       SDP_PROFILE_WEB);
	CHECK(has_line(x.b_offer, "a=rtcp-fb:97 goog-remb\r\n") &&
	      has_line(x.b_offer, "a=rtcp-fb:97 nack pli\r\n"),
	      "feedback_of_plain_offered_to_web");
	exchange_answer(&x, parsed(WEB "m=video 9" SAVPF "97\r\n" KEYS
				   "a=rtpmap:97 VP8/90000\r\n"
				   "a=rtcp-fb:97 nack pli\r\n"),
			SDP_PROFILE_PLAIN);
	CHECK(has_line(x.a_answer, "RTP/AVPF 97\r\n") &&
	      has_line(x.a_answer, "a=rtcp-fb:97 nack pli\r\n") &&
	      !has_line(x.a_answer, "fir") &&
	      !has_line(x.a_answer, "goog-remb"), "feedback_of_avpf_answered");
	exchange_free(&x);
	local.sip_avpf = true;
	exchange_offer(&x, corpus("chrome-offer-audio-video.sdp"),
		       SDP_PROFILE_PLAIN);
	CHECK(has_line(x.b_offer, "m=video 16386 RTP/AVPF ") &&
	      has_line(x.b_offer, "a=rtcp-fb:96 ccm fir\r\n"
		       "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"),
	      "feedback_offered_towards_plain_if_set");
	local.sip_avpf = false;
	exchange_free(&x);
}

int main(void)
{
	make_local();
	test_g711();
	test_event_clocks();
	test_comfort_noise();
	test_sdes_offered();
	test_sdes_answered();
	test_feedback();
	return tap_done();
}
