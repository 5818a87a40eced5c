// SPDX-License-Identifier: Apache-2.0
/*
 * RTCP through the program, with libsrtp2 as the browser: translated, muxed
 * or between the ports of a pair, replays and forgeries refused, no SRTCP
 * index twice. What a reading makes of a compound is test_rtcp's in unit/.
 */
#include "relay_rig.h"

#define PLI_WORDS	3

static struct rig rig;
static srtp_t browser_tx, browser_rx;
static uint32_t profile, mki_len;

/* ---- packets ------------------------------------------------------------- */

static uint32_t put_words(uint8_t *p, const uint32_t *words, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sluice_put32(p + 4 * i, words[i]);
	return 4 * n;
}

/* SR with one report block about ssrc, and a CNAME. */
static uint32_t make_sr(uint32_t sender, uint32_t ssrc, uint32_t highest,
			uint8_t *out)
{
	const uint32_t words[] = {
		0x81c8000c, sender, 0xe0010203, 0x04050607, 160000, 50, 8000,
		ssrc, 0x03000009, highest, 7, 0x02030405, 0x10000,
		0x81ca0003, sender, 0x01047465, 0x73740000,
	};

	return put_words(out, words, sizeof(words) / 4);
}

static uint32_t make_pli(uint32_t sender, uint32_t ssrc, uint8_t *out)
{
	const uint32_t words[] = { 0x81ce0002, sender, ssrc };

	return put_words(out, words, PLI_WORDS);
}

static uint32_t protect(uint8_t *packet, uint32_t len)
{
	int n = (int)len;

	n = oracle_protect_rtcp(browser_tx, packet, n);
	return n < 0 ? 0 : (uint32_t)n;
}

/* ---- sending ------------------------------------------------------------- */

static struct frame_udp left;

static int send_from(const struct addr *src, const struct addr *dst,
		     const uint8_t *packet, uint32_t len)
{
	struct frame_spec s = { .src = *src, .dst = *dst };
	int verdict = rig_send(&rig, &s, packet, len);

	if (verdict == XDP_TX && (!frame_read(rig.out, rig.out_len, &left) ||
				  !left.is_sum_right))
		return -1;
	return verdict;
}

static int web_sends(const uint8_t *packet, uint32_t len)
{
	return send_from(&rig.web_remote, &rig.web_local, packet, len);
}

static int sip_sends(const uint8_t *packet, uint32_t len)
{
	return send_from(&rig.sip_remote, &rig.sip_local, packet, len);
}

static int reason(const struct addr *src, const struct addr *dst,
		  const uint8_t *packet, uint32_t len)
{
	struct frame_spec s = { .src = *src, .dst = *dst };

	return rig_reason(&rig, &s, packet, len);
}

static int web_reason(const uint8_t *packet, uint32_t len)
{
	return reason(&rig.web_remote, &rig.web_local, packet, len);
}

static uint32_t word(const uint8_t *p, uint32_t i)
{
	return sluice_get32(p + 4 * i);
}

/* Both sources send a packet, so that there is something to translate. */
static void media(uint16_t web_seq, uint16_t sip_seq)
{
	struct oracle_rtp w = { .pt = RIG_WEB_PT, .extension_words = -1,
				.ssrc = RIG_WEB_SSRC, .seq = web_seq,
				.timestamp = 160000, .payload_len = 20 };
	struct oracle_rtp s = { .pt = RIG_SIP_PT, .extension_words = -1,
				.ssrc = RIG_SIP_SSRC, .seq = sip_seq,
				.timestamp = 7000, .payload_len = 20 };
	uint8_t p[512];

	web_sends(p, (uint32_t)oracle_protect(browser_tx, p,
					      (int)oracle_packet(&w, p)));
	sip_sends(p, oracle_packet(&s, p));
}

/* ---- tests --------------------------------------------------------------- */

static void check_name(const char *what, bool is_true)
{
	static const char *const names[] = {
		[SLUICE_SRTP_AES128_CM_SHA1_80] = "cm80",
		[SLUICE_SRTP_AES128_CM_SHA1_32] = "cm32",
		[SLUICE_SRTP_AEAD_AES_128_GCM] = "gcm128",
		[SLUICE_SRTP_AEAD_AES_256_GCM] = "gcm256",
	};
	char name[96];

	snprintf(name, sizeof(name), "rtcp_%s%s_%s", names[profile],
		 mki_len ? "_mki" : "", what);
	CHECK(is_true, name);
}

static void test_to_sip(void)
{
	uint8_t p[512], again[512];
	uint32_t len = make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 0x1005, p);
	const uint8_t *o;

	len = protect(p, len);
	memcpy(again, p, len);
	check_name("from_browser_relayed", web_sends(p, len) == XDP_TX &&
		   addr_equal(&left.src, &rig.sip_local) &&
		   addr_equal(&left.dst, &rig.sip_remote) && left.len == 80);
	o = left.payload;
	check_name("from_browser_in_our_name", word(o, 1) == RIG_TO_SIP_SSRC &&
		   word(o, 7) == RIG_SIP_SSRC && word(o, 13) >> 16 == 0x81ca &&
		   word(o, 14) == RIG_TO_SIP_SSRC &&
		   memmem(o, left.len, RIG_CNAME, 16) &&
		   !memmem(o, left.len, "test", 4));
	check_name("from_browser_figures_kept", word(o, 2) == 0xe0010203 &&
		   word(o, 5) == 50 && word(o, 8) == 0x03000009);
	check_name("replay_refused",
		   web_reason(again, len) == SLUICE_DROP_REPLAY);
}

static void test_to_web(void)
{
	uint8_t p[512];
	uint32_t len = make_sr(RIG_SIP_SSRC, RIG_TO_SIP_SSRC, 100, p), i;
	uint32_t indices[3], same = 0;
	int n = 0;

	for (i = 0; i < 3; i++) {
		if (sip_sends(p, len) != XDP_TX)
			break;
		memcpy(p + 256, left.payload, left.len);
		n = (int)left.len;
		indices[i] = word(p + 256, (left.len - mki_len - 4 -
			(profile >= 7 ? 0 : 10)) / 4) & 0x7fffffff;
		n = oracle_unprotect_rtcp(browser_rx, p + 256, n);
		if (n < 0)
			break;
	}
	check_name("to_browser_relayed", i == 3 && n == 80 &&
		   addr_equal(&left.dst, &rig.web_remote));
	check_name("to_browser_in_our_name",
		   word(p + 256, 1) == RIG_TO_WEB_SSRC &&
		   word(p + 256, 7) == RIG_WEB_SSRC);
	for (i = 0; profile >= 7 && i < 2; i++)
		same += indices[i + 1] != indices[i] + 1;
	check_name("to_browser_no_index_twice", !same);
}

/* What the datapath added to the packets is taken off the reports. */
static void test_deltas(void)
{
	uint32_t len, to_web = 1, i;
	struct sluice_ssrc source;
	uint8_t p[512];

	/* a second source: its numbers are mapped onto the first one's */
	for (i = 0; i < 2; i++) {
		struct oracle_rtp s = { .pt = RIG_SIP_PT, .extension_words = -1,
					.ssrc = RIG_SIP_SSRC + 1,
					.seq = (uint16_t)(40000 + i),
					.timestamp = 99, .payload_len = 20 };

		to_web = sip_sends(p, oracle_packet(&s, p)) == XDP_TX;
	}
	source = rig_state(&rig, RIG_SIP).source[1];
	len = protect(p, make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC,
				 40001 + (uint32_t)source.index_delta, p));
	check_name("highest_sequence_is_the_sources", to_web &&
		   web_sends(p, len) == XDP_TX &&
		   word(left.payload, 7) == RIG_SIP_SSRC + 1 &&
		   word(left.payload, 9) == 40001);
	len = make_sr(RIG_SIP_SSRC + 1, RIG_TO_SIP_SSRC, 1, p);
	check_name("timestamp_is_the_streams", sip_sends(p, len) == XDP_TX &&
		   source.timestamp_delta);
	memcpy(p + 256, left.payload, left.len);
	check_name("timestamp_is_moved_like_the_packets",
		   oracle_unprotect_rtcp(browser_rx, p + 256,
					 (int)left.len) > 0 &&
		   word(p + 256, 4) == 160000 + source.timestamp_delta);
	media(201, 201);	/* back to the first source */
	media(202, 202);
}

static void test_refused(void)
{
	uint8_t p[512], copy[512];
	uint32_t len = protect(p, make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 1,
					  p)), i, heard = 0;

	for (i = 4; i < len; i++) {
		memcpy(copy, p, len);
		copy[i] ^= 1 << i % 8;
		heard += web_sends(copy, len) != XDP_DROP;
	}
	check_name("forged_refused", !heard);
	check_name("cut_refused", web_reason(p, 11) == SLUICE_DROP_SHORT);
	check_name("genuine_after_forgeries_relayed",
		   web_sends(p, len) == XDP_TX);
}

static void test_feedback(void)
{
	uint8_t p[512];
	uint32_t len = protect(p, make_pli(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, p));
	uint32_t nack[] = { 0x81cd0003, RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 9 << 16 };

	check_name("pli_alone_gets_report_and_name",
		   web_sends(p, len) == XDP_TX && left.len == 8 + 28 + 12 &&
		   word(left.payload, 0) == 0x80c90001 &&
		   word(left.payload, 11) == RIG_SIP_SSRC);
	len = protect(p, put_words(p, nack, 4));
	check_name("nack_not_offered_refused",
		   web_reason(p, len) == SLUICE_DROP_RTCP_FEEDBACK);
	len = make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 1, p);
	len = protect(p, len + put_words(p + len, nack, 4));
	check_name("nack_not_offered_is_left_out",
		   web_sends(p, len) == XDP_TX && left.len == 80 &&
		   rig_sum(&rig, SLUICE_MAP_COUNTERS,
			   SLUICE_COUNT_RTCP_LEFT_OUT) > 0);
	len = make_sr(RIG_SIP_SSRC, RIG_TO_SIP_SSRC, 1, p);
	sluice_put16(p + 2, 99);
	check_name("malformed_refused", reason(&rig.sip_remote, &rig.sip_local,
					       p, len) == SLUICE_DROP_RTCP);
}

static struct sluice_peer peer_of(uint32_t id)
{
	struct sluice_peer peer = { 0 };

	bpf_map_lookup_elem_flags(rig_map(&rig, SLUICE_MAP_PEERS), &id, &peer,
				  BPF_F_LOCK);
	return peer;
}

/* Who listens and has sent nothing yet: its reports are a sign of life. */
static void test_listener(void)
{
	const uint32_t empty[] = { 0x80c90001, 0x77777777 };
	uint64_t web = peer_of(RIG_WEB).rtcp_packets;
	uint64_t sip = peer_of(RIG_SIP).rtcp_packets, before = clock_ns();
	uint8_t p[512];
	uint32_t len = protect(p, make_sr(0x99999999, 0x98989898, 1, p));

	check_name("of_nobody_refused", web_reason(p, len) == SLUICE_DROP_RTCP);
	check_name("of_nobody_is_a_sign_of_life",
		   peer_of(RIG_WEB).rtcp_packets == web + 1);
	len = put_words(p, empty, 2);
	check_name("empty_report_refused",
		   reason(&rig.sip_remote, &rig.sip_local, p, len) ==
		   SLUICE_DROP_RTCP);
	check_name("empty_report_is_a_sign_of_life",
		   peer_of(RIG_SIP).rtcp_packets == sip + 1 &&
		   peer_of(RIG_SIP).last_rtcp_ns >= before);
	sluice_put16(p + 2, 9);
	reason(&rig.sip_remote, &rig.sip_local, p, len);
	check_name("malformed_is_none",
		   peer_of(RIG_SIP).rtcp_packets == sip + 1);
}

static uint32_t bursts;

static int hear(void *arg, void *data, size_t size)
{
	const struct sluice_event *e = data;

	bursts += e->type == SLUICE_EVENT_AUTH_BURST &&
		  e->transport == RIG_WEB && e->value == SLUICE_AUTH_BURST;
	return 0;
}

/* One event for a second's forgeries, if there are enough. */
static void test_burst(void)
{
	struct ring_buffer *ring = ring_buffer__new(
		rig_map(&rig, SLUICE_MAP_EVENTS), hear, NULL, NULL);
	static const struct sluice_peer nobody;
	uint32_t i, len;
	uint8_t p[512], copy[512];

	rig_put_at(&rig, SLUICE_MAP_PEERS, RIG_WEB, &nobody);
	len = protect(p, make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 1, p));
	p[20] ^= 1;
	ring_buffer__consume(ring);
	bursts = 0;
	for (i = 0; i < 10 * SLUICE_AUTH_BURST; i++) {
		memcpy(copy, p, len);
		web_sends(copy, len);
		if (i == SLUICE_AUTH_BURST - 2) {
			ring_buffer__consume(ring);
			check_name("few_forgeries_are_not_told", !bursts);
		}
	}
	ring_buffer__consume(ring);
	/* as many as there were seconds */
	check_name("forgeries_are_told_once_a_second", bursts >= 1 &&
		   bursts <= 1 + 10 / 2);
	check_name("forgeries_are_counted",
		   peer_of(RIG_WEB).forged == 10 * SLUICE_AUTH_BURST);
	ring_buffer__free(ring);
}

static void sip_mux(bool is_mux, bool with_remote)
{
	struct addr local = rig.sip_local, remote = rig.sip_remote;
	struct sluice_transport t;
	uint32_t id = RIG_SIP;

	local.port++;
	remote.port += 7;
	bpf_map_lookup_elem(rig_map(&rig, SLUICE_MAP_TRANSPORTS), &id, &t);
	t.flags &= ~SLUICE_TRANSPORT_RTCP_MUX;
	t.rtcp_local_port = t.rtcp_remote_port = 0;
	if (is_mux) {
		t.flags |= SLUICE_TRANSPORT_RTCP_MUX;
	} else {
		t.rtcp_local_port = htons(local.port);
		t.rtcp_remote_port = with_remote ? htons(remote.port) : 0;
		rig_port(&rig, &local, SLUICE_PORT_SIP_RTCP, RIG_SIP);
		rig_flow(&rig, &local, &remote, RIG_SIP, SLUICE_FLOW_RTCP);
	}
	rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, RIG_SIP, &t);
}

static void test_ports(void)
{
	struct addr local = rig.sip_local, remote = rig.sip_remote, stranger;
	uint8_t p[512], plain[512];
	uint32_t len, n = make_sr(RIG_SIP_SSRC, RIG_TO_SIP_SSRC, 1, plain);

	local.port++;
	remote.port += 7;
	stranger = remote;
	stranger.port++;
	sip_mux(false, true);
	len = protect(p, make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 1, p));
	check_name("leaves_from_port_to_port", web_sends(p, len) == XDP_TX &&
		   addr_equal(&left.src, &local) &&
		   addr_equal(&left.dst, &remote));
	check_name("arrives_at_port", send_from(&remote, &local, plain, n) ==
		   XDP_TX && addr_equal(&left.dst, &rig.web_remote));
	check_name("at_rtp_port_refused",
		   reason(&rig.sip_remote, &rig.sip_local, plain, n) ==
		   SLUICE_DROP_RTCP);
	check_name("from_other_port_refused",
		   reason(&stranger, &local, plain, n) ==
		   SLUICE_DROP_WRONG_SOURCE);
	sip_mux(false, false);
	len = protect(p, make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 1, p));
	check_name("to_another_address_goes_up", web_sends(p, len) == XDP_PASS);
	sip_mux(true, false);
}

/* A second m-line in the bundle, stream 3 to the SIP side. */
static void test_bundle(void)
{
	const struct sluice_stream back = { .from = RIG_SIP, .to = RIG_WEB,
					    .out_ssrc = 0x0d0d0d0d };
	struct sluice_stream to = { .flags = SLUICE_STREAM_ACTIVE,
				    .from = RIG_WEB, .to = RIG_SIP,
				    .out_ssrc = 0x0c0c0c0c, .reverse = 4,
				    .clock_hz = 90000,
				    .feedback = SLUICE_FEEDBACK_PLI };
	struct sluice_state sent = { .out = { .next_index = 5,
					      .current_ssrc = 0x44444444 } };
	uint32_t id = RIG_WEB, len;
	struct sluice_transport t;
	uint8_t p[512], again[512];

	bpf_map_lookup_elem(rig_map(&rig, SLUICE_MAP_TRANSPORTS), &id, &t);
	t.streams[1] = 3;
	rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, RIG_WEB, &t);
	rig_put_at(&rig, SLUICE_MAP_STREAMS, 3, &to);
	rig_put_at(&rig, SLUICE_MAP_STREAMS, 4, &back);
	rig_put_at(&rig, SLUICE_MAP_STATES, 4, &sent);
	len = protect(p, make_pli(RIG_WEB_SSRC, back.out_ssrc, p));
	check_name("of_second_line_relayed", web_sends(p, len) == XDP_TX &&
		   word(left.payload, 1) == to.out_ssrc &&
		   word(left.payload, 11) == sent.out.current_ssrc);
	len = make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 1, p);
	len = protect(p, len + make_pli(RIG_WEB_SSRC, back.out_ssrc, p + len));
	memcpy(again, p, len);
	check_name("of_two_lines_goes_up", web_sends(p, len) == XDP_PASS);
	check_name("of_two_lines_twice_refused",
		   web_reason(again, len) == SLUICE_DROP_REPLAY);
	t.streams[1] = 0;
	rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, RIG_WEB, &t);
}

static void test_limits(void)
{
	struct sluice_rtcp_out out = { .next_index = 0x7fffffff };
	uint8_t p[512];
	uint32_t len = make_sr(RIG_SIP_SSRC, RIG_TO_SIP_SSRC, 1, p), i;
	int last = 0;

	rig_put_at(&rig, SLUICE_MAP_RTCP, RIG_SIP, &out);
	check_name("last_index_used", sip_sends(p, len) == XDP_TX);
	check_name("beyond_last_index_refused",
		   reason(&rig.sip_remote, &rig.sip_local, p, len) ==
		   SLUICE_DROP_KEY_LIMIT);
	/* senders beyond what is kept of them, each authentic */
	for (i = 0; i < SLUICE_RTCP_SENDERS + 1; i++) {
		len = protect(p, make_sr(0x5000 + i, RIG_TO_WEB_SSRC, 1, p));
		last = web_reason(p, len);
	}
	check_name("senders_are_limited", last == SLUICE_DROP_SSRC_LIMIT);
	rig_heartbeat(&rig, 1);
	len = protect(p, make_sr(RIG_WEB_SSRC, RIG_TO_WEB_SSRC, 1, p));
	check_name("without_daemon_relayed", web_sends(p, len) == XDP_TX);
	rig_heartbeat(&rig, RIG_ALIVE);
}

static void test_user_flow(void)
{
	uint8_t p[512];
	uint32_t len = make_sr(RIG_SIP_SSRC, RIG_TO_SIP_SSRC, 1, p);

	rig_flow(&rig, &rig.sip_local, &rig.sip_remote, RIG_SIP,
		 SLUICE_FLOW_USER);
	check_name("of_user_flow_goes_up", sip_sends(p, len) == XDP_PASS);
}

static void run(uint32_t which, uint32_t len)
{
	static const struct sluice_peer nobody;
	static const struct sluice_rtcp_out unsent;
	struct oracle_master rx = oracle_master(which, 5);
	struct oracle_master tx = oracle_master(which, 77);
	struct sluice_key rx_key, tx_key;

	profile = which;
	mki_len = len;
	oracle_set_mki(&rx, len);
	oracle_set_mki(&tx, len);
	rx_key = oracle_expand(&rx);
	tx_key = oracle_expand(&tx);
	browser_tx = oracle_open(&rx, 1);
	browser_rx = oracle_open(&tx, 0);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 1, &rx_key);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 2, &tx_key);
	rig_put_at(&rig, SLUICE_MAP_PEERS, RIG_WEB, &nobody);
	rig_put_at(&rig, SLUICE_MAP_RTCP, RIG_SIP, &unsent);
	rig_call(&rig, 1);
	rig_transport(&rig, RIG_WEB, 1, SLUICE_TRANSPORT_RTCP_MUX);
	sip_mux(true, false);
	media(100, 100);
	media(101, 101);
	test_to_sip();
	test_to_web();
	test_deltas();
	test_refused();
	test_feedback();
	test_listener();
	test_burst();
	test_ports();
	test_bundle();
	test_limits();
	test_user_flow();
	srtp_dealloc(browser_tx);
	srtp_dealloc(browser_rx);
}

int main(void)
{
	rig_open(&rig);
	run(SLUICE_SRTP_AES128_CM_SHA1_80, 0);
	run(SLUICE_SRTP_AES128_CM_SHA1_32, 0);
	run(SLUICE_SRTP_AEAD_AES_128_GCM, 0);
	run(SLUICE_SRTP_AEAD_AES_256_GCM, 0);
	run(SLUICE_SRTP_AES128_CM_SHA1_80, 1);
	run(SLUICE_SRTP_AEAD_AES_128_GCM, SLUICE_MKI_MAX);
	bpf_object__close(rig.obj);
	return tap_done();
}
