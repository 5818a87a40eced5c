/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user backend between a browser (libsrtp2) and plain RTP:
 *
 *   192.0.2.5:40000 -- 203.0.113.1:10000 [gateway] 198.51.100.1:16384 --
 *   198.51.100.10:20000
 */
#include <arpa/inet.h>
#include <errno.h>

#include "core/log.h"
#include "datapath/datapath.h"
#include "lib/convert.h"
#include "srtp_oracle.h"
#include "tap.h"

#define WEB_PT	111
#define SIP_PT	96
#define KEY_RX	1	/* browser to gateway */
#define KEY_TX	2
#define WEB_T	1	/* transports */
#define SIP_T	2
#define UP	1	/* streams: browser to SIP, and back */
#define DOWN	2
#define UP_SSRC		0x51515151
#define DOWN_SSRC	0x52525252

/* What was sent last. */
static struct {
	struct addr local, remote;
	uint8_t data[2048];
	size_t len;
	unsigned int count;
	int error;
} sent;

static struct {
	struct datapath *dp;
	struct addr web, browser, sip, phone;
	srtp_t tx, rx;			/* of the browser */
} f;

static const struct {
	uint32_t profile;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, "cm32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm128" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
};

static int fake_send(void *arg, const struct addr *local,
		     const struct addr *remote, const void *data, size_t len)
{
	if (sent.error)
		return sent.error;
	sent.local = *local;
	sent.remote = *remote;
	sent.len = len;
	memcpy(sent.data, data, len);
	sent.count++;
	return 0;
}

static struct sluice_event reported;

static void fake_event(void *arg, const struct sluice_event *event)
{
	reported = *event;
}

static struct sluice_stream stream_of(uint32_t id, uint32_t flags)
{
	struct sluice_stream s = { .flags = flags, .clock_hz = 8000 };

	s.from = id == UP ? WEB_T : SIP_T;
	s.to = id == UP ? SIP_T : WEB_T;
	s.out_ssrc = id == UP ? UP_SSRC : DOWN_SSRC;
	return s;
}

static void set_stream(uint32_t id, uint32_t flags)
{
	struct sluice_stream s = stream_of(id, flags);

	datapath_stream_set(f.dp, DATAPATH_USER, id, &s, NULL);
}

static void set_flow(const struct addr *local, const struct addr *remote,
		     uint32_t transport, uint32_t flags)
{
	struct sluice_flow_key key = datapath_flow_key(local, remote);
	struct sluice_flow flow = { .transport = transport, .flags = flags };

	datapath_flow_set(f.dp, DATAPATH_USER, &key, transport ? &flow : NULL);
}

static struct sluice_transport transport_of(uint32_t id)
{
	struct sluice_transport t = { .flags = SLUICE_TRANSPORT_READY };
	const struct addr *local = id == WEB_T ? &f.web : &f.sip;
	const struct addr *remote = id == WEB_T ? &f.browser : &f.phone;

	if (id == WEB_T) {
		t.flags |= SLUICE_TRANSPORT_WEB;
		t.rx_key = KEY_RX;
		t.tx_key = KEY_TX;
	}
	t.local = datapath_addr(local);
	t.remote = datapath_addr(remote);
	t.local_port = htons(local->port);
	t.remote_port = htons(remote->port);
	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.streams[0] = id == WEB_T ? UP : DOWN;
	t.payload[id == WEB_T ? WEB_PT : SIP_PT] = (struct sluice_payload){
		.stream = 0, .out_pt = id == WEB_T ? SIP_PT : WEB_PT };
	return t;
}

static void set_transport(uint32_t id)
{
	struct sluice_transport t = transport_of(id);

	datapath_transport_set(f.dp, DATAPATH_USER, id, &t);
}

/* mki_len: of both keys */
static void set_up_mki(uint32_t profile, uint32_t mki_len)
{
	struct datapath_config config = { .want = DATAPATH_WANT_USER,
					  .sockets = { fake_send, NULL,
						       fake_event } };
	struct oracle_master up = oracle_master(profile, 1);
	struct oracle_master down = oracle_master(profile, 99);
	struct sluice_key key;
	struct sluice_port_key door;
	struct sluice_port port = { SLUICE_PORT_WEB, 0 };

	oracle_set_mki(&up, mki_len);
	oracle_set_mki(&down, mki_len);
	memset(&sent, 0, sizeof(sent));
	addr_parse("203.0.113.1:10000", &f.web);
	addr_parse("192.0.2.5:40000", &f.browser);
	addr_parse("198.51.100.1:16384", &f.sip);
	addr_parse("198.51.100.10:20000", &f.phone);
	if (datapath_open(&config, &f.dp))
		abort();
	key = oracle_expand(&up);
	datapath_key_set(f.dp, DATAPATH_USER, KEY_RX, &key);
	key = oracle_expand(&down);
	datapath_key_set(f.dp, DATAPATH_USER, KEY_TX, &key);
	f.tx = oracle_open(&up, 1);
	f.rx = oracle_open(&down, 0);

	door = (struct sluice_port_key){ .local = datapath_addr(&f.web),
					 .port = htons(f.web.port) };
	datapath_port_set(f.dp, &door, &port);
	door = (struct sluice_port_key){ .local = datapath_addr(&f.sip),
					 .port = htons(f.sip.port) };
	port.kind = SLUICE_PORT_SIP;
	datapath_port_set(f.dp, &door, &port);

	set_transport(WEB_T);
	set_transport(SIP_T);
	set_stream(UP, SLUICE_STREAM_ACTIVE);
	set_stream(DOWN, SLUICE_STREAM_ACTIVE);
	set_flow(&f.web, &f.browser, WEB_T,
		 SLUICE_FLOW_VERIFIED | SLUICE_FLOW_SELECTED);
	set_flow(&f.sip, &f.phone, SIP_T, 0);
}

static void set_up(uint32_t profile)
{
	set_up_mki(profile, 0);
}

static void tear_down(void)
{
	datapath_close(f.dp);
	srtp_dealloc(f.tx);
	srtp_dealloc(f.rx);
}

static struct oracle_rtp shape(uint8_t pt, uint32_t ssrc, uint16_t seq)
{
	return (struct oracle_rtp){ .pt = pt, .ssrc = ssrc, .seq = seq,
				    .timestamp = seq * 160U,
				    .extension_words = -1, .payload_len = 160 };
}

/* In datagrams as the two sides make them; the reason comes back. */
static int from_phone(const struct oracle_rtp *r)
{
	uint8_t b[2048];
	uint32_t len = oracle_packet(r, b);

	return datapath_user_input(f.dp, &f.sip, &f.phone, b, len, sizeof(b));
}

static int browser_packet(const struct oracle_rtp *r, uint8_t *b)
{
	return oracle_protect(f.tx, b, (int)oracle_packet(r, b));
}

static int from_browser(const struct oracle_rtp *r)
{
	uint8_t b[2048];
	int len = browser_packet(r, b);

	return datapath_user_input(f.dp, &f.web, &f.browser, b, (size_t)len,
				   sizeof(b));
}

/* Sequence number, once the browser has taken what was sent; else -1. */
static int browser_takes(struct sluice_rtp *ret)
{
	struct sluice_rtp rtp;
	int len = oracle_unprotect(f.rx, sent.data, (int)sent.len);

	if (len < 0 || sluice_rtp_parse(sent.data, (uint32_t)len, &rtp))
		return -1;
	if (ret)
		*ret = rtp;
	return rtp.seq;
}

static void check(int ok, const char *what, const char *profile)
{
	char name[96];

	snprintf(name, sizeof(name), "user_%s_%s", profile, what);
	CHECK(ok, name);
}

static uint32_t payload_differs(const struct oracle_rtp *r,
				const struct sluice_rtp *got)
{
	uint8_t b[2048];
	uint32_t len = oracle_packet(r, b);

	return got->payload_len != r->payload_len ||
	       memcmp(sent.data + got->payload_off, b + len - r->payload_len,
		      r->payload_len);
}

static void test_relay(unsigned int p)
{
	struct oracle_rtp r = shape(WEB_PT, 0xabcd, 500);
	struct sluice_rtp got = { 0 };
	uint32_t len;
	int bad = 0;

	set_up(profiles[p].profile);
	r.marker = 1;
	r.csrc_count = 2;
	r.extension_words = 1;
	check(!from_browser(&r) && addr_equal(&sent.local, &f.sip) &&
	      addr_equal(&sent.remote, &f.phone), "srtp_leaves_to_the_phone",
	      profiles[p].name);
	check(!sluice_rtp_parse(sent.data, (uint32_t)sent.len, &got) &&
	      got.pt == SIP_PT && got.marker && got.ssrc == UP_SSRC &&
	      got.seq == 500 && got.timestamp == r.timestamp,
	      "srtp_becomes_rtp_with_mapped_header", profiles[p].name);
	check(!got.extension && got.csrc_count == 2 &&
	      sluice_get32(sent.data + 12) == 0xc0ffee00 &&
	      !payload_differs(&r, &got),
	      "srtp_extension_goes_csrc_and_payload_stay", profiles[p].name);

	r.pt = SIP_PT;
	check(!from_phone(&r) && addr_equal(&sent.local, &f.web) &&
	      addr_equal(&sent.remote, &f.browser),
	      "rtp_leaves_to_the_browser", profiles[p].name);
	check(browser_takes(&got) == 500 && got.pt == WEB_PT && got.marker &&
	      got.ssrc == DOWN_SSRC && !got.extension && got.csrc_count == 2 &&
	      !payload_differs(&r, &got), "rtp_becomes_srtp_for_libsrtp",
	      profiles[p].name);

	/* Lengths 0 to 1400, both ways. */
	for (len = 0; len <= 1400; len += 7) {
		r = shape(WEB_PT, 0xabcd, (uint16_t)(501 + len / 7));
		r.payload_len = len;
		bad += from_browser(&r) ||
		       sluice_rtp_parse(sent.data, (uint32_t)sent.len, &got) ||
		       payload_differs(&r, &got);
		r.pt = SIP_PT;
		bad += from_phone(&r) || browser_takes(&got) < 0 ||
		       payload_differs(&r, &got);
	}
	check(!bad, "lengths_0_to_1400_are_relayed", profiles[p].name);
	tear_down();
}

static void test_mki(unsigned int p)
{
	struct oracle_rtp r;
	struct sluice_rtp got = { 0 };
	uint32_t mki_len, seq = 0, tag_len;
	uint8_t b[2048];
	int bad = 0, len;

	for (mki_len = 1; mki_len <= SLUICE_MKI_MAX; mki_len++) {
		set_up_mki(profiles[p].profile, mki_len);
		for (seq = 1; seq < 20; seq++) {
			r = shape(WEB_PT, 0xabcd, (uint16_t)seq);
			r.payload_len = seq * 8 - 7;
			bad += from_browser(&r) ||
			       sluice_rtp_parse(sent.data, (uint32_t)sent.len,
						&got) ||
			       payload_differs(&r, &got);
			r.pt = SIP_PT;
			bad += from_phone(&r) || browser_takes(&got) < 0 ||
			       payload_differs(&r, &got);
		}
		if (mki_len < SLUICE_MKI_MAX)
			tear_down();
	}
	check(!bad, "packets_with_mki_are_relayed", profiles[p].name);
	r = shape(WEB_PT, 0xabcd, (uint16_t)seq);
	len = browser_packet(&r, b);
	tag_len = sluice_srtp_tag_len(profiles[p].profile);
	/* the MKI's last byte */
	b[len - 1 - (tag_len < 16 ? (int)tag_len : 0)] ^= 1;
	check(datapath_user_input(f.dp, &f.web, &f.browser, b, (size_t)len,
				  2048) == SLUICE_DROP_AUTH,
	      "packet_with_another_mki_is_refused", profiles[p].name);
	oracle_has_mki = 0;
	check(datapath_user_input(f.dp, &f.web, &f.browser, b,
				  (size_t)browser_packet(&r, b), 2048) ==
	      SLUICE_DROP_AUTH, "packet_without_mki_is_refused",
	      profiles[p].name);
	r = shape(SIP_PT, 0xabcd, (uint16_t)seq);
	r.payload_len = SLUICE_PACKET_MAX - 12 - tag_len - SLUICE_MKI_MAX + 1;
	check(from_phone(&r) == SLUICE_DROP_TOO_BIG,
	      "packet_too_big_with_its_mki_is_refused", profiles[p].name);
	tear_down();
}

static void test_extension(unsigned int p)
{
	struct oracle_rtp r = shape(WEB_PT, 0xabcd, 1);
	struct sluice_rtp got = { 0 };
	uint8_t b[2048];
	uint32_t len;

	set_up(profiles[p].profile);
	set_stream(UP, SLUICE_STREAM_ACTIVE | SLUICE_STREAM_EXTENSIONS);
	r.csrc_count = 2;
	r.extension_words = 2;
	check(!from_browser(&r) &&
	      !sluice_rtp_parse(sent.data, (uint32_t)sent.len, &got) &&
	      got.extension && got.csrc_count == 2 &&
	      sluice_get32(sent.data + 20) == 0xbede0002 &&
	      sluice_get32(sent.data + 24) == 0x10203040 &&
	      !payload_differs(&r, &got), "extension_agreed_on_is_kept",
	      profiles[p].name);
	r.pt = SIP_PT;
	check(!from_phone(&r) && browser_takes(&got) == 1 && !got.extension &&
	      !payload_differs(&r, &got),
	      "extension_of_the_other_direction_is_taken_out",
	      profiles[p].name);
	set_stream(DOWN, SLUICE_STREAM_ACTIVE | SLUICE_STREAM_EXTENSIONS);
	r.seq++;
	check(!from_phone(&r) && browser_takes(&got) == 2 && got.extension &&
	      sluice_get32(sent.data + 28) == 0x10203041 &&
	      !payload_differs(&r, &got), "extension_reaches_the_browser",
	      profiles[p].name);
	r.seq++;
	len = oracle_packet(&r, b);
	sluice_put16(b + 20, 0x1000);
	check(!datapath_user_input(f.dp, &f.sip, &f.phone, b, len, 2048) &&
	      browser_takes(&got) == 3 && !got.extension &&
	      !(sent.data[0] & 0x10) && !payload_differs(&r, &got),
	      "extension_of_another_form_is_taken_out", profiles[p].name);
	tear_down();
}

static void test_wrap(unsigned int p)
{
	struct oracle_rtp r;
	unsigned int i;
	int bad = 0, seq, last = -1;

	set_up(profiles[p].profile);
	for (i = 0; i < 70000; i += 7) {
		r = shape(WEB_PT, 7, (uint16_t)(60000 + i));
		r.payload_len = 4;
		bad += from_browser(&r) != 0;
	}
	check(!bad, "srtp_sequence_wraps_twice_and_goes_on", profiles[p].name);
	for (i = 0; i < 70000; i += 7) {
		r = shape(SIP_PT, 7, (uint16_t)(60000 + i));
		r.payload_len = 4;
		bad += from_phone(&r) != 0;
		seq = browser_takes(NULL);
		bad += seq < 0 || (last >= 0 && (uint16_t)(seq - last) != 7);
		last = seq;
	}
	check(!bad, "rtp_sequence_wraps_and_libsrtp_follows",
	      profiles[p].name);
	tear_down();
}

static void test_forged(unsigned int p)
{
	struct oracle_rtp r = shape(WEB_PT, 7, 1);
	struct datapath_stream_stats st;
	uint8_t good[2048], b[2048];
	size_t len;

	set_up(profiles[p].profile);
	len = (size_t)browser_packet(&r, good);
	memcpy(b, good, len);
	b[len - 1] ^= 1;
	check(datapath_user_input(f.dp, &f.web, &f.browser, b, len, 2048) ==
	      SLUICE_DROP_AUTH, "forged_packet_is_refused", profiles[p].name);
	datapath_stream_stats(f.dp, DATAPATH_USER, UP, &st);
	check(!st.received && !st.in_ssrc && !st.last_seen_ns && !sent.count,
	      "forged_packet_leaves_no_state", profiles[p].name);

	memcpy(b, good, len);
	check(!datapath_user_input(f.dp, &f.web, &f.browser, b, len, 2048),
	      "genuine_packet_passes_after_forged", profiles[p].name);
	memcpy(b, good, len);
	check(datapath_user_input(f.dp, &f.web, &f.browser, b, len, 2048) ==
	      SLUICE_DROP_REPLAY && sent.count == 1, "replay_is_refused",
	      profiles[p].name);
	tear_down();
}

static int send_plain(uint32_t ssrc, uint16_t seq, int *ret_seq)
{
	struct oracle_rtp r = shape(SIP_PT, ssrc, seq);
	int reason = from_phone(&r);

	*ret_seq = reason ? -1 : browser_takes(NULL);
	return reason;
}

static void test_source_changes(unsigned int p)
{
	const char *name = profiles[p].name;
	int a, b, reason;

	set_up(profiles[p].profile);
	send_plain(7, 1000, &a);
	send_plain(7, 1001, &a);
	reason = send_plain(7, 40000, &b);
	check(reason == SLUICE_DROP_SEQ_JUMP, "rtp_jump_once_is_dropped", name);
	reason = send_plain(7, 40001, &b);
	check(!reason && b == a + 1, "rtp_restarted_source_goes_on_at_next",
	      name);
	reason = send_plain(7, 40001, &a);
	check(reason == SLUICE_DROP_REPLAY, "rtp_duplicate_is_dropped", name);
	reason = send_plain(8, 5, &a);
	check(!reason && a == b + 1, "rtp_new_ssrc_goes_on_at_next", name);
	reason = send_plain(7, 40002, &b);
	check(!reason && b == a + 1, "rtp_old_ssrc_back_goes_on_at_next", name);
	tear_down();
}

static void test_hand_over(unsigned int p)
{
	const char *name = profiles[p].name;
	struct datapath_stream_state state;
	struct sluice_stream up = stream_of(UP, SLUICE_STREAM_ACTIVE);
	struct sluice_stream down = stream_of(DOWN, SLUICE_STREAM_ACTIVE);
	struct oracle_rtp r;
	uint8_t old[2048];
	int a = 0, b, len = 0, i;

	set_up(profiles[p].profile);
	/* past a wrap, so that the roll-over counters matter */
	for (i = 0; i < 10; i++) {
		r = shape(WEB_PT, 7, (uint16_t)(65530 + i));
		len = browser_packet(&r, old);
		datapath_user_input(f.dp, &f.web, &f.browser,
				    memcpy(sent.data, old, (size_t)len),
				    (size_t)len, sizeof(sent.data));
		send_plain(7, (uint16_t)(65530 + i), &a);
	}
	check(!datapath_stream_freeze(f.dp, DATAPATH_USER, UP, &state) &&
	      state.media.out.sources == 1 && state.media.out.next_index,
	      "freeze_hands_over_the_state", name);
	r = shape(WEB_PT, 7, 4);
	check(from_browser(&r) == SLUICE_DROP_PAYLOAD_TYPE,
	      "frozen_stream_forwards_nothing", name);
	check(datapath_stream_freeze(f.dp, DATAPATH_USER, UP, &state) ==
	      -ENOENT, "freeze_twice_finds_nothing", name);
	datapath_stream_set(f.dp, DATAPATH_USER, UP, &up, &state);
	check(datapath_stream_set(f.dp, DATAPATH_USER, UP, &up, &state) ==
	      -EINVAL, "state_over_a_live_stream_is_refused", name);
	r = shape(WEB_PT, 7, 5);
	check(!from_browser(&r), "added_again_roll_over_goes_on", name);
	check(datapath_user_input(f.dp, &f.web, &f.browser, old, (size_t)len,
				  sizeof(old)) == SLUICE_DROP_REPLAY,
	      "added_again_old_packet_is_replay", name);

	datapath_stream_freeze(f.dp, DATAPATH_USER, DOWN, &state);
	datapath_stream_set(f.dp, DATAPATH_USER, DOWN, &down, &state);
	check(!send_plain(7, 4, &b) && b == ((a + 1) & 0xffff),
	      "added_again_index_moves_forward", name);
	tear_down();
}

static void test_hold(unsigned int p)
{
	const char *name = profiles[p].name;
	struct oracle_rtp r = shape(WEB_PT, 7, 65500);
	struct sluice_rtp got = { 0 };
	unsigned int i;
	int held = 0;

	set_up(profiles[p].profile);
	from_browser(&r);
	set_stream(UP, 0);
	for (i = 1; i <= 100; i++) {
		r = shape(WEB_PT, 7, (uint16_t)(65500 + i));
		held += from_browser(&r) == SLUICE_DROP_HELD;
	}
	check(held == 100 && sent.count == 1, "held_stream_forwards_nothing",
	      name);
	set_stream(UP, SLUICE_STREAM_ACTIVE);
	r = shape(WEB_PT, 7, (uint16_t)(65500 + 101));
	check(!from_browser(&r) &&
	      !sluice_rtp_parse(sent.data, (uint32_t)sent.len, &got) &&
	      got.seq == ((65500 & 0x7fff) + 1),
	      "resumed_stream_goes_on_after_wrap", name);
	tear_down();
}

static void test_refusals(void)
{
	struct oracle_rtp r = shape(SIP_PT, 7, 1);
	struct addr stranger, phone = f.phone;
	struct sluice_transport t;
	uint8_t b[2048];
	uint32_t i;
	int seq;

	set_up(SLUICE_SRTP_AES128_CM_SHA1_80);
	addr_parse("192.0.2.66:20000", &stranger);
	phone = f.phone;
	f.phone = stranger;
	CHECK_INT(from_phone(&r), SLUICE_DROP_WRONG_SOURCE,
		  "user_phone_at_other_address_is_refused");
	f.phone = phone;
	f.phone.port = 20002;
	CHECK_INT(from_phone(&r), SLUICE_DROP_WRONG_SOURCE,
		  "user_phone_at_other_port_is_refused");
	phone = f.phone;
	phone.port = 0;
	set_flow(&f.sip, &phone, SIP_T, SLUICE_FLOW_LEARN);
	CHECK_INT(from_phone(&r), SLUICE_DROP_WRONG_SOURCE,
		  "user_source_not_learned_is_refused");
	set_flow(&f.sip, &f.phone, SIP_T, 0);
	CHECK_INT(from_phone(&r), 0, "user_source_once_learned_is_relayed");
	set_flow(&f.sip, &f.phone, 0, 0);
	CHECK_INT(from_phone(&r), SLUICE_DROP_WRONG_SOURCE,
		  "user_removed_flow_is_refused");
	set_flow(&f.sip, &f.phone, SIP_T, SLUICE_FLOW_RTCP);
	CHECK_INT(from_phone(&r), SLUICE_DROP_RTCP,
		  "user_rtp_on_rtcp_port_is_refused");
	set_flow(&f.sip, &f.phone, SIP_T, 0);

	stranger.port = 1;
	oracle_packet(&r, b);
	CHECK_INT(datapath_user_input(f.dp, &f.web, &stranger, b, 172, 2048),
		  SLUICE_DROP_NO_FLOW, "user_browser_unknown_is_no_flow");
	CHECK_INT(datapath_user_input(f.dp, &f.sip, &f.phone, b, 11, 2048),
		  SLUICE_DROP_SHORT, "user_truncated_packet_is_short");
	CHECK_INT(datapath_user_input(f.dp, &f.sip, &f.phone, b, 9000, 2048),
		  SLUICE_DROP_TOO_BIG, "user_huge_packet_is_too_big");
	r.pt = 13;
	CHECK_INT(from_phone(&r), SLUICE_DROP_PAYLOAD_TYPE,
		  "user_payload_type_not_negotiated_is_refused");

	r = shape(SIP_PT, 7, 2);
	oracle_packet(&r, b);
	CHECK_INT(datapath_user_input(f.dp, &f.sip, &f.phone, b, 172, 172),
		  SLUICE_DROP_TOO_BIG, "user_no_room_for_tag_is_too_big");
	sent.error = -ENOBUFS;
	r.seq = 3;
	CHECK_INT(from_phone(&r), SLUICE_DROP_SEND,
		  "user_failed_send_is_counted");
	sent.error = 0;

	datapath_key_set(f.dp, DATAPATH_USER, KEY_TX, NULL);
	r.seq = 4;
	CHECK_INT(from_phone(&r), SLUICE_DROP_NOT_READY,
		  "user_removed_key_is_not_ready");
	t = transport_of(WEB_T);
	t.tx_key = t.rx_key = 0;
	datapath_transport_set(f.dp, DATAPATH_USER, WEB_T, &t);
	r.seq = 5;
	CHECK_INT(from_phone(&r), SLUICE_DROP_NOT_READY,
		  "user_browser_never_gets_plain_rtp");
	r = shape(WEB_PT, 7, 1);
	CHECK_INT(from_browser(&r), SLUICE_DROP_NOT_READY,
		  "user_browser_never_sends_plain_rtp");
	tear_down();

	set_up(SLUICE_SRTP_AEAD_AES_128_GCM);
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++)
		send_plain(100 + i, 1, &seq);
	CHECK(seq >= 0, "user_last_ssrc_within_limit_is_relayed");
	CHECK_INT(send_plain(200, 1, &seq), 0,
		  "user_plain_ssrc_above_limit_takes_the_oldest_place");
	CHECK_INT(send_plain(101, 2, &seq), 0,
		  "user_known_ssrc_goes_on_at_limit");
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++) {
		r = shape(WEB_PT, 300U + (uint32_t)i, 1);
		from_browser(&r);
	}
	r = shape(WEB_PT, 400, 1);
	CHECK_INT(from_browser(&r), SLUICE_DROP_SSRC_LIMIT,
		  "user_secured_ssrc_above_limit_is_refused");
	tear_down();
}

/* Two m-lines of one transport: an SSRC belongs to one of them. */
static void test_bundle(void)
{
	struct sluice_stream second = stream_of(UP, SLUICE_STREAM_ACTIVE);
	struct oracle_rtp r = shape(WEB_PT, 7, 1);
	struct sluice_transport t;

	set_up(SLUICE_SRTP_AEAD_AES_128_GCM);
	t = transport_of(WEB_T);
	t.streams[1] = 3;
	t.payload[8] = (struct sluice_payload){ .stream = 1, .out_pt = 8 };
	datapath_transport_set(f.dp, DATAPATH_USER, WEB_T, &t);
	second.out_ssrc = 0x53535353;
	datapath_stream_set(f.dp, DATAPATH_USER, 3, &second, NULL);
	CHECK_INT(from_browser(&r), 0, "user_first_m_line_is_relayed");
	r = shape(8, 7, 2);
	CHECK_INT(from_browser(&r), SLUICE_DROP_PAYLOAD_TYPE,
		  "user_ssrc_of_other_m_line_is_refused");
	r = shape(8, 9, 2);
	CHECK(!from_browser(&r) && sluice_get32(sent.data + 8) == 0x53535353,
	      "user_second_m_line_is_relayed");
	tear_down();
}

static void set_payload(struct sluice_payload payload)
{
	struct sluice_transport t = transport_of(WEB_T);

	t.payload[WEB_PT] = payload;
	datapath_transport_set(f.dp, DATAPATH_USER, WEB_T, &t);
}

static void test_convert(void)
{
	struct oracle_rtp r = shape(WEB_PT, 7, 1);
	uint8_t as_sent[2048];
	uint32_t wrong = 0;
	uint16_t last;

	set_up(SLUICE_SRTP_AEAD_AES_128_GCM);
	set_payload((struct sluice_payload){ .out_pt = 8,
			.convert = SLUICE_CONVERT_PCMU_PCMA });
	r.extension_words = 1;
	oracle_packet(&r, as_sent);
	CHECK_INT(from_browser(&r), 0, "user_g711_is_relayed");
	for (uint32_t i = 0; i < r.payload_len; i++)
		wrong += sent.data[12 + i] !=
			 sluice_pcmu_to_pcma[as_sent[20 + i]];
	CHECK_INT(wrong, 0, "user_g711_is_changed_by_table");

	set_payload((struct sluice_payload){ .out_pt = 101,
			.convert = SLUICE_CONVERT_EVENT_DOWN, .ratio = 6 });
	r = shape(WEB_PT, 7, 2);
	r.payload_len = 4;
	oracle_packet(&r, as_sent);
	CHECK(!from_browser(&r) && sluice_get16(sent.data + 14) ==
	      sluice_get16(as_sent + 14) / 6 &&
	      sluice_get32(sent.data + 4) == r.timestamp / 6,
	      "user_event_has_the_other_clock");

	set_payload((struct sluice_payload){
			.convert = SLUICE_CONVERT_REPORT });
	last = sluice_get16(sent.data + 2);
	sent.count = 0;
	r = shape(WEB_PT, 7, 3);
	r.payload_len = 4;
	oracle_packet(&r, as_sent);
	CHECK(!from_browser(&r) && !sent.count && reported.stream == UP &&
	      reported.value == sluice_get32(as_sent + 12) &&
	      reported.timestamp == r.timestamp,
	      "user_event_is_reported_not_sent");
	set_payload((struct sluice_payload){ .out_pt = SIP_PT });
	r = shape(WEB_PT, 7, 4);
	CHECK(!from_browser(&r) && sluice_get16(sent.data + 2) == last + 1,
	      "user_event_reported_leaves_no_gap");
	tear_down();
}

static void test_figures(void)
{
	struct datapath_stream_stats st;
	struct datapath_totals all[DATAPATH_BACKENDS];
	const struct datapath_totals *totals = &all[DATAPATH_USER];
	struct oracle_rtp r;
	int seq;

	set_up(SLUICE_SRTP_AES128_CM_SHA1_80);
	send_plain(7, 10, &seq);
	send_plain(7, 14, &seq);
	send_plain(7, 12, &seq);
	r = shape(WEB_PT, 9, 1);
	from_browser(&r);
	CHECK(!datapath_stream_stats(f.dp, DATAPATH_USER, DOWN, &st) &&
	      st.packets == 3 && st.bytes == 480 && st.received == 3 &&
	      st.lost == 2 && st.late == 1 && st.in_ssrc == 7 &&
	      st.out_ssrc == DOWN_SSRC && st.last_seen_ns,
	      "user_stream_figures_are_right");
	datapath_count_drop(f.dp, SLUICE_DROP_STUN_BAD);
	datapath_count(f.dp, SLUICE_COUNT_PASSED_STUN);
	CHECK(!datapath_totals(f.dp, all) &&
	      totals->counters[SLUICE_COUNT_RELAYED_SIP] == 3 &&
	      totals->counters[SLUICE_COUNT_RELAYED_WEB] == 1 &&
	      totals->counters[SLUICE_COUNT_PASSED_STUN] == 1 &&
	      totals->drops[SLUICE_DROP_STUN_BAD] == 1,
	      "datapath_totals_are_right");
	CHECK_INT(datapath_stream_stats(f.dp, DATAPATH_USER, 77, &st), -ENOENT,
		  "user_unknown_stream_has_no_figures");
	CHECK_INT(datapath_stream_set(f.dp, DATAPATH_XDP, 1, NULL, NULL),
		  -EOPNOTSUPP, "datapath_closed_backend_is_not_supported");
	CHECK_STR(datapath_reason(f.dp), "user: as configured",
		  "datapath_reason_is_told");
	tear_down();
}

static void test_size(void)
{
	struct datapath_config config = { .want = DATAPATH_WANT_USER,
					  .streams = 4 };
	struct sluice_stream stream = { .out_ssrc = 1 };
	struct datapath *dp;
	uint32_t i, n = 0;

	if (!CHECK(!datapath_open(&config, &dp) && datapath_size(dp) == 4,
		   "datapath_sized_is_that_large"))
		return;
	for (i = 0; i < 8; i++)
		n += !!datapath_stream_alloc(dp);
	CHECK_INT(n, 3, "datapath_sized_has_so_many_ids");
	CHECK(!datapath_stream_set(dp, DATAPATH_USER, 3, &stream, NULL) &&
	      datapath_stream_set(dp, DATAPATH_USER, 4, &stream, NULL) ==
		      -EINVAL, "user_sized_refuses_ids_beyond");
	datapath_close(dp);
}

static void test_ids(void)
{
	uint32_t i, id, zero = 0;

	set_up(SLUICE_SRTP_AES128_CM_SHA1_80);
	for (i = 1; i < SLUICE_MAX_STREAMS; i++)
		zero += !datapath_stream_alloc(f.dp);
	CHECK_INT(zero, 0, "datapath_ids_are_never_0");
	CHECK_INT(datapath_stream_alloc(f.dp), 0,
		  "datapath_ids_exhausted_are_0");
	datapath_stream_release(f.dp, 12);
	CHECK_INT(datapath_stream_alloc(f.dp), 12,
		  "datapath_id_released_is_given_again");
	id = datapath_key_alloc(f.dp);
	datapath_key_release(f.dp, id);
	CHECK(id && datapath_key_alloc(f.dp) != id,
	      "datapath_id_released_rests_first");
	CHECK(datapath_transport_alloc(f.dp), "datapath_transport_has_an_id");
	tear_down();
}

int main(void)
{
	unsigned int p;

	log_set_level(LOG_LEVEL_WARN);
	for (p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++) {
		test_relay(p);
		test_mki(p);
		test_extension(p);
		test_wrap(p);
		test_forged(p);
		test_source_changes(p);
		test_hand_over(p);
		test_hold(p);
	}
	test_refusals();
	test_bundle();
	test_convert();
	test_figures();
	test_size();
	test_ids();
	return tap_done();
}
