// SPDX-License-Identifier: Apache-2.0
/* Who gets past the ports of the gateway, and for what reason not. */
#include "relay_rig.h"
#include "stun_build.h"

static struct rig rig;

#define STRANGER	"203.0.113.66:4444"

static struct frame_spec spec(const char *src, const char *dst)
{
	return (struct frame_spec){ .src = rig_parse(src),
				    .dst = rig_parse(dst) };
}

static int to_web(const uint8_t *data, uint32_t len)
{
	struct frame_spec s = spec(STRANGER, "192.0.2.1:10000");

	return rig_reason(&rig, &s, data, len);
}

static struct stun_spec good = { .username = RIG_UFRAG ":WxYz",
				 .password = RIG_PASSWORD };

static uint32_t stun(const char *username, uint8_t *out)
{
	struct stun_spec s = good;

	s.username = username;
	return stun_build(&s, out);
}

static int stun_result(const struct stun_spec *s)
{
	uint8_t m[STUN_MAX];

	return to_web(m, stun_build(s, m));
}

static void test_stun(void)
{
	struct stun_spec s = good;
	uint8_t m[STUN_MAX];
	uint64_t before;
	uint32_t len;

	rig_ufrag(&rig, RIG_UFRAG, RIG_PASSWORD, RIG_WEB);
	before = rig_sum(&rig, SLUICE_MAP_COUNTERS, SLUICE_COUNT_PASSED_STUN);
	CHECK_INT(stun_result(&s), SLUICE_DROP_NONE,
		  "stun_verified_stranger_passed");
	CHECK_INT(rig_sum(&rig, SLUICE_MAP_COUNTERS, SLUICE_COUNT_PASSED_STUN),
		  before + 1, "stun_verified_stranger_counted");
	s.password = "another-password";
	CHECK_INT(stun_result(&s), SLUICE_DROP_STUN_INTEGRITY,
		  "stun_wrong_password_dropped");
	s.password = NULL;
	CHECK_INT(stun_result(&s), SLUICE_DROP_STUN_INTEGRITY,
		  "stun_without_integrity_dropped");
	s = good;
	s.no_fingerprint = true;
	CHECK_INT(stun_result(&s), SLUICE_DROP_STUN_INTEGRITY,
		  "stun_without_fingerprint_dropped");

	len = stun("abcdefgx:WxYz", m);
	CHECK_INT(to_web(m, len), SLUICE_DROP_STUN_UFRAG,
		  "stun_unknown_ufrag_dropped");
	len = stun("abcdefghi:WxYz", m);
	CHECK_INT(to_web(m, len), SLUICE_DROP_STUN_UFRAG,
		  "stun_longer_ufrag_dropped");
	len = stun("abcdefgh", m);
	CHECK_INT(to_web(m, len), SLUICE_DROP_STUN_BAD,
		  "stun_username_without_colon_dropped");

	len = stun("abcdefgh:WxYz", m);
	m[5] ^= 1;
	CHECK_INT(to_web(m, len), SLUICE_DROP_STUN_BAD,
		  "stun_wrong_cookie_dropped");
	len = stun("abcdefgh:WxYz", m);
	CHECK_INT(to_web(m, len - 4), SLUICE_DROP_STUN_BAD,
		  "stun_wrong_length_dropped");
	sluice_put16(m + 22, 4000);
	CHECK_INT(to_web(m, len), SLUICE_DROP_STUN_BAD,
		  "stun_attribute_beyond_end_dropped");
	len = stun("abcdefgh:WxYz", m);
	m[0] = 1;
	CHECK_INT(to_web(m, len), SLUICE_DROP_STUN_BAD,
		  "stun_response_of_stranger_dropped");
	CHECK_INT(to_web(m, 19), SLUICE_DROP_STUN_BAD,
		  "stun_truncated_header_dropped");
}

/* Who knows no password takes nothing out of a bucket. */
static void test_flood(void)
{
	struct stun_spec forged = good;
	uint32_t i, passed = 0, silent = 0;

	forged.password = "guessed";
	for (i = 0; i < 500; i++)
		silent += stun_result(&forged) == SLUICE_DROP_STUN_INTEGRITY;
	CHECK_INT(silent, 500, "stun_forged_flood_silent");
	CHECK_INT(stun_result(&good), SLUICE_DROP_NONE,
		  "stun_forged_flood_leaves_the_bucket");
	for (i = 0; i < 500; i++)
		passed += stun_result(&good) == SLUICE_DROP_NONE;
	/* the burst is 50; what the clock adds meanwhile is allowed for */
	CHECK(passed >= 40 && passed < 400, "stun_flood_limited");
	CHECK(rig_drops(&rig, SLUICE_DROP_STUN_RATE) > 0,
	      "stun_flood_reason_counted");
}

static void test_web(void)
{
	static const uint8_t dtls[40] = { 22, 0xfe, 0xfd };
	static const uint8_t rtp[40] = { 0x80, RIG_WEB_PT };
	static const uint8_t junk[40] = { 0x47 };
	struct frame_spec s = spec(STRANGER, "192.0.2.1:10000");
	struct frame_spec known = { .src = rig.web_remote,
				    .dst = rig.web_local };
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	CHECK_INT(to_web(dtls, sizeof(dtls)), SLUICE_DROP_DTLS_UNVERIFIED,
		  "dtls_unknown_tuple_dropped");
	CHECK_INT(to_web(rtp, sizeof(rtp)), SLUICE_DROP_NO_FLOW,
		  "rtp_unknown_tuple_dropped");
	CHECK_INT(to_web(junk, sizeof(junk)), SLUICE_DROP_NO_FLOW,
		  "junk_unknown_tuple_dropped");
	CHECK_INT(to_web(rtp, 1), SLUICE_DROP_SHORT, "byte_alone_dropped");
	CHECK_INT(rig_reason(&rig, &known, dtls, sizeof(dtls)),
		  SLUICE_DROP_NONE, "dtls_verified_tuple_passed");
	CHECK_INT(rig_reason(&rig, &known, junk, sizeof(junk)),
		  SLUICE_DROP_NOT_RTP, "junk_known_tuple_dropped");
	rig_flow(&rig, &rig.web_local, &rig.web_remote, RIG_WEB, 0);
	CHECK_INT(rig_reason(&rig, &known, dtls, sizeof(dtls)),
		  SLUICE_DROP_DTLS_UNVERIFIED, "dtls_unverified_flow_dropped");
	rig_flow(&rig, &rig.web_local, &rig.web_remote, RIG_WEB,
		 SLUICE_FLOW_VERIFIED | SLUICE_FLOW_USER);
	CHECK_INT(rig_reason(&rig, &known, rtp, sizeof(rtp)),
		  SLUICE_DROP_NONE, "rtp_user_flow_passed");

	s.fragment = 0x2000;
	CHECK_INT(rig_reason(&rig, &s, rtp, sizeof(rtp)),
		  SLUICE_DROP_FRAGMENT, "fragment_first_dropped");
	s = spec(STRANGER, "192.0.2.1:10000");
	len = frame_build(&s, rtp, sizeof(rtp), frame);
	/* UDP claims more than the IP packet has */
	sluice_put16(frame + 38, 8 + sizeof(rtp) + 1);
	CHECK_INT(rig_run(&rig, frame, len), XDP_DROP,
		  "udp_length_beyond_packet_dropped");
}

static void test_sip(void)
{
	static const uint8_t rtp[40] = { 0x80, RIG_SIP_PT };
	static const uint8_t rtcp[40] = { 0x80, 200 };
	static const uint8_t junk[40] = { 0x47 };
	struct frame_spec s = spec(STRANGER, "198.51.100.1:16384");
	struct frame_spec pbx = spec("198.51.100.10:4999",
				     "198.51.100.1:16384");
	struct addr any_port = rig_parse("198.51.100.10:1");

	any_port.port = 0;
	CHECK_INT(rig_reason(&rig, &s, rtp, sizeof(rtp)),
		  SLUICE_DROP_WRONG_SOURCE, "sip_other_address_dropped");
	CHECK_INT(rig_reason(&rig, &pbx, rtp, sizeof(rtp)),
		  SLUICE_DROP_WRONG_SOURCE, "sip_other_port_dropped");
	rig_flow(&rig, &rig.sip_local, &any_port, RIG_SIP, SLUICE_FLOW_LEARN);
	CHECK_INT(rig_reason(&rig, &pbx, rtp, sizeof(rtp)), SLUICE_DROP_NONE,
		  "sip_learning_rtp_passed");
	CHECK_INT(rig_reason(&rig, &pbx, rtcp, sizeof(rtcp)),
		  SLUICE_DROP_NONE, "sip_learning_rtcp_passed");
	CHECK_INT(rig_reason(&rig, &pbx, junk, sizeof(junk)),
		  SLUICE_DROP_WRONG_SOURCE, "sip_learning_junk_dropped");
	CHECK_INT(rig_reason(&rig, &s, rtp, sizeof(rtp)),
		  SLUICE_DROP_WRONG_SOURCE,
		  "sip_learning_other_address_dropped");
	/* the learning entry's own key */
	pbx.src.port = 0;
	CHECK_INT(rig_reason(&rig, &pbx, rtp, sizeof(rtp)),
		  SLUICE_DROP_WRONG_SOURCE, "sip_learning_port_0_dropped");
}

/*
 * An IPv6 packet whose addresses are the PBX's and ours, mapped (RFC 4291
 * 2.5.5.2), is not from the PBX; the host's stack refuses it.
 */
static void test_mapped(void)
{
	static const uint8_t rtp[40] = { 0x80, RIG_SIP_PT };
	struct frame_spec s = spec("[2001:db8::66]:4000",
				   "[2001:db8::1]:16384");
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(&s, rtp, sizeof(rtp), frame);

	memcpy(frame + 22, rig.sip_remote.ip, 16);
	memcpy(frame + 38, rig.sip_local.ip, 16);
	CHECK_INT(rig_run(&rig, frame, len), XDP_PASS, "mapped_source_passed");
	CHECK(rig.out_len == len && !memcmp(rig.out, frame, len),
	      "mapped_source_untouched");
}

static void test_daemon_gone(void)
{
	static const uint8_t dtls[40] = { 22, 0xfe, 0xfd };
	struct frame_spec known = { .src = rig.web_remote,
				    .dst = rig.web_local };
	struct frame_spec pbx = { .src = rig.sip_remote,
				  .dst = rig.sip_local };
	struct oracle_master m = oracle_master(SLUICE_SRTP_AES128_CM_SHA1_80,
					       1);
	struct sluice_key key = oracle_expand(&m);
	struct oracle_rtp r = { .pt = RIG_SIP_PT, .extension_words = -1,
				.ssrc = RIG_SIP_SSRC, .payload_len = 20 };
	uint8_t packet[256];

	rig_put_at(&rig, SLUICE_MAP_KEYS, 1, &key);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 2, &key);
	rig_call(&rig, 1);
	rig_heartbeat(&rig, 1);
	CHECK_INT(rig_reason(&rig, &known, dtls, sizeof(dtls)),
		  SLUICE_DROP_DAEMON_GONE, "daemon_gone_dtls_dropped");
	CHECK_INT(rig_send(&rig, &pbx, packet, oracle_packet(&r, packet)),
		  XDP_TX, "daemon_gone_media_still_relayed");
	rig_heartbeat(&rig, RIG_ALIVE);
}

static void test_not_ours(void)
{
	static const uint8_t data[40] = { 0x80 };
	struct frame_spec s = spec(STRANGER, "192.0.2.1:10001");
	struct frame_spec v6 = spec("[2001:db8::66]:7", "[2001:db8::1]:9");
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	CHECK_INT(rig_send(&rig, &s, data, sizeof(data)), XDP_PASS,
		  "port_not_ours_passed");
	CHECK(rig.out_len == 82, "port_not_ours_untouched");
	CHECK_INT(rig_send(&rig, &v6, data, sizeof(data)), XDP_PASS,
		  "port_not_ours_v6_passed");
	s.fragment = 0x2000;
	CHECK_INT(rig_send(&rig, &s, data, sizeof(data)), XDP_PASS,
		  "fragment_not_ours_passed");
	s = spec(STRANGER, "192.0.2.1:10000");
	len = frame_build(&s, data, sizeof(data), frame);
	frame[23] = 6;
	CHECK_INT(rig_run(&rig, frame, len), XDP_PASS, "tcp_passed");
	memset(frame, 0xff, 60);
	CHECK_INT(rig_run(&rig, frame, 60), XDP_PASS, "other_frame_passed");
	rig_port(&rig, &v6.dst, SLUICE_PORT_WEB, 0);
	v6.fragment_v6 = true;
	CHECK_INT(rig_reason(&rig, &v6, data, sizeof(data)),
		  SLUICE_DROP_FRAGMENT, "fragment_v6_dropped");
}

int main(void)
{
	rig_open(&rig);
	rig_call(&rig, 0);
	test_stun();
	test_flood();
	/* an emulated machine took longer for that than a daemon lives */
	rig_heartbeat(&rig, clock_ns());
	test_web();
	rig_heartbeat(&rig, clock_ns());
	test_sip();
	test_daemon_gone();
	test_mapped();
	test_not_ours();
	bpf_object__close(rig.obj);
	return tap_done();
}
