/* SPDX-License-Identifier: Apache-2.0 */
/* A call through the media thread, from its first check to its last figures. */
#include "media/ports.h"
#include "media_call.h"

/* ---- a call ------------------------------------------------------------ */

static void test_door(struct call *c)
{
	static const uint8_t hello[] = { 22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0,
					 0, 0 };
	static const uint8_t rtp[12] = { 0x80, 111 };
	int fd = peer_socket("127.0.0.1");
	uint8_t buf[64];

	peer_send(fd, &c->local.web, hello, sizeof(hello));
	peer_send(fd, &c->local.web, rtp, sizeof(rtp));
	peer_send(fd, &c->local.web, "\x01", 1);
	peer_send(fd, &c->local.web, "\x50\x50\x50", 3);
	CHECK(bench_dropped(&bench, SLUICE_DROP_DTLS_UNVERIFIED, 1),
	      "dtls_of_stranger_is_dropped");
	/* By the same reasons as in the kernel: junk and RTP alike. */
	CHECK(bench_dropped(&bench, SLUICE_DROP_NO_FLOW, 2),
	      "rtp_and_junk_of_stranger_are_dropped");
	CHECK(bench_dropped(&bench, SLUICE_DROP_SHORT, 1),
	      "datagram_short_is_dropped");
	CHECK(!peer_recv_now(fd, buf, sizeof(buf)),
	      "stranger_gets_no_answer");
	close(fd);
}

static void test_setup(struct call *c)
{
	struct media_event e = { 0 };

	CHECK(call_check(c), "check_before_sdp_is_answered");
	CHECK(bench_has_event(&bench, MEDIA_ICE_SELECTED, c->local.id, &e) &&
	      e.peer.port == peer_port(c->web.fd), "pair_is_selected");
	/* The browser is faster than its SDP: the keys wait for it. */
	CHECK(browser_handshake(&c->web, true), "handshake_succeeds");
	call_configure(c);
	CHECK(bench_has_event(&bench, MEDIA_DTLS_DONE, c->local.id, &e),
	      "keys_are_installed");
	CHECK_STR(e.detail, "AEAD_AES_128_GCM", "profile_is_told");
}

static void test_rtp(struct call *c)
{
	struct media_event e = { 0 };
	char text[32];
	int heard = 0;

	web_send(c, 111, "from the browser");
	CHECK(phone_hears(c, c->rtp_fd, "from the browser"),
	      "rtp_from_browser_reaches_phone");
	CHECK(bench_has_event(&bench, MEDIA_FIRST_PACKET, c->local.id, &e) &&
	      e.side == MEDIA_SIDE_WEB, "first_packet_of_browser_is_told");
	sip_send(c, c->rtp_fd, 97, "from the phone");
	CHECK(web_hears(c, "from the phone"),
	      "rtp_from_phone_reaches_browser");
	CHECK(bench_has_event(&bench, MEDIA_FIRST_PACKET, c->local.id, &e) &&
	      e.side == MEDIA_SIDE_SIP, "first_packet_of_phone_is_told");
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "packet %d", i);
		web_send(c, 111, text);
		heard += phone_hears(c, c->rtp_fd, text);
		sip_send(c, c->rtp_fd, 97, text);
		heard += web_hears(c, text);
	}
	CHECK_INT(heard, 40, "rtp_both_ways_over_wrap_is_complete");
	web_send(c, 112, "not negotiated");
	CHECK(bench_dropped(&bench, SLUICE_DROP_PAYLOAD_TYPE, 1),
	      "rtp_of_other_payload_type_is_dropped");
}

static void test_source(struct call *c)
{
	int other_port = peer_socket("127.0.0.1");
	int other_ip = peer_socket("127.0.0.2");

	sip_send(c, other_port, 97, "stranger");
	sip_send(c, other_ip, 97, "stranger");
	c->sip_seq -= 2;
	CHECK(bench_dropped(&bench, SLUICE_DROP_WRONG_SOURCE, 2),
	      "rtp_of_stranger_after_first_packet_is_dropped");
	sip_send(c, c->rtp_fd, 97, "still me");
	CHECK(web_hears(c, "still me"), "phone_is_still_heard");

	/* A new SDP opens the port again; the address must be the SDP's. */
	call_configure(c);
	sip_send(c, other_ip, 97, "stranger");
	sip_send(c, other_port, 50, "wrong type");
	c->sip_seq -= 2;
	CHECK(bench_dropped(&bench, SLUICE_DROP_WRONG_SOURCE, 3),
	      "rtp_of_other_address_is_never_learned");
	CHECK(bench_dropped(&bench, SLUICE_DROP_PAYLOAD_TYPE, 2),
	      "rtp_of_other_payload_type_is_not_learned");
	sip_send(c, other_port, 97, "moved");
	CHECK(web_hears(c, "moved"), "source_port_is_learned");
	web_send(c, 111, "follow");
	CHECK(phone_hears(c, other_port, "follow"),
	      "rtp_follows_to_learned_port");
	sip_send(c, c->rtp_fd, 97, "late");
	c->sip_seq--;
	CHECK(bench_dropped(&bench, SLUICE_DROP_WRONG_SOURCE, 4),
	      "source_port_is_learned_once");

	/* And a new address in the SDP ends what was learned. */
	close(other_port);
	close(other_ip);
	close(c->rtp_fd);
	c->rtp_fd = peer_socket("127.0.0.1");
	c->config.stream[0].sip_remote = peer_name(c->rtp_fd);
	call_configure(c);
	sip_send(c, c->rtp_fd, 97, "new sdp");
	CHECK(web_hears(c, "new sdp"), "source_of_new_sdp_is_heard");
	web_send(c, 111, "new sdp");
	CHECK(phone_hears(c, c->rtp_fd, "new sdp"),
	      "rtp_goes_to_new_sdp");
}

static size_t report(uint8_t *buf, uint32_t sender, uint32_t about)
{
	memset(buf, 0, 52);
	buf[0] = 0x81;
	buf[1] = 200;
	sluice_put16(buf + 2, 12);
	sluice_put32(buf + 4, sender);
	sluice_put32(buf + 8, 0xe0000001);
	sluice_put32(buf + 16, 960);
	sluice_put32(buf + 20, 50);
	sluice_put32(buf + 28, about);
	return 52;
}

static void test_rtcp(struct call *c)
{
	struct addr rtcp = c->local.sip[0];
	uint8_t buf[2048];
	size_t n;
	int len;

	rtcp.port++;
	len = (int)report(buf, WEB_SSRC, c->local.web_ssrc[0]);
	srtp_protect_rtcp(c->web.tx, buf, &len);
	send(c->web.fd, buf, (size_t)len, 0);
	n = peer_recv(c->rtcp_fd, buf, sizeof(buf));
	CHECK(n >= 52 && buf[1] == 200, "sr_from_browser_reaches_phone");
	CHECK_INT(sluice_get32(buf + 4), c->local.sip_ssrc[0],
		  "sr_from_browser_has_our_ssrc");
	CHECK_INT(sluice_get32(buf + 28), SIP_SSRC,
		  "block_from_browser_names_the_phone");
	CHECK_INT(sluice_get32(buf + 20), 50, "sr_packet_count_is_kept");

	n = report(buf, SIP_SSRC, c->local.sip_ssrc[0]);
	peer_send(c->rtcp_fd, &rtcp, buf, n);
	len = (int)peer_recv(c->web.fd, buf, sizeof(buf));
	CHECK(len && !srtp_unprotect_rtcp(c->web.rx, buf, &len),
	      "sr_from_phone_reaches_browser_as_srtcp");
	CHECK_INT(sluice_get32(buf + 4), c->local.web_ssrc[0],
		  "sr_from_phone_has_our_ssrc");
	CHECK_INT(sluice_get32(buf + 28), WEB_SSRC,
		  "block_from_phone_names_the_browser");

	n = report(buf, SIP_SSRC, c->local.sip_ssrc[0]);
	peer_send(c->rtcp_fd, &rtcp, buf, n - 4);
	CHECK(bench_dropped(&bench, SLUICE_DROP_RTCP, 1),
	      "rtcp_malformed_is_dropped");
	n = report(buf, SIP_SSRC, c->local.sip_ssrc[0]);
	peer_send(c->rtp_fd, &c->local.sip[0], buf, n);
	CHECK(bench_dropped(&bench, SLUICE_DROP_RTCP, 2),
	      "rtcp_on_rtp_port_without_mux_is_dropped");
	peer_send(c->rtp_fd, &rtcp, buf, n);
	CHECK(bench_dropped(&bench, SLUICE_DROP_WRONG_SOURCE, 5),
	      "rtcp_of_stranger_is_dropped");

	c->config.stream[0].sip_rtcp_mux = true;
	call_configure(c);
	peer_send(c->rtp_fd, &c->local.sip[0], buf, n);
	len = (int)peer_recv(c->web.fd, buf, sizeof(buf));
	CHECK(len && !srtp_unprotect_rtcp(c->web.rx, buf, &len),
	      "rtcp_muxed_reaches_browser");
	len = (int)report(buf, WEB_SSRC, c->local.web_ssrc[0]);
	srtp_protect_rtcp(c->web.tx, buf, &len);
	send(c->web.fd, buf, (size_t)len, 0);
	n = peer_recv(c->rtp_fd, buf, sizeof(buf));
	CHECK(n >= 52 && buf[1] == 200, "rtcp_goes_muxed_to_phone");
}

/* From a socket on 127.0.0.1 there is no way there. */
static void test_unsent(struct call *c)
{
	struct media_stream_config *st = &c->config.stream[0];
	uint8_t buf[2048];
	int len;

	st->sip_rtcp_mux = false;
	addr_parse("203.0.113.1:9", &st->sip_remote_rtcp);
	call_configure(c);
	len = (int)report(buf, WEB_SSRC, c->local.web_ssrc[0]);
	srtp_protect_rtcp(c->web.tx, buf, &len);
	send(c->web.fd, buf, (size_t)len, 0);
	CHECK(bench_dropped(&bench, SLUICE_DROP_SEND, 1),
	      "rtcp_that_cannot_be_sent_is_counted");
	st->sip_remote_rtcp = peer_name(c->rtcp_fd);
	call_configure(c);
}

static void test_hold(struct call *c)
{
	c->config.stream[0].sip_to_web = false;
	call_configure(c);
	sip_send(c, c->rtp_fd, 97, "held");
	CHECK(bench_dropped(&bench, SLUICE_DROP_HELD, 1),
	      "rtp_while_held_is_dropped");
	web_send(c, 111, "one way");
	CHECK(phone_hears(c, c->rtp_fd, "one way"),
	      "rtp_of_other_direction_flows_while_held");
	c->config.stream[0].sip_to_web = true;
	call_configure(c);
	sip_send(c, c->rtp_fd, 97, "back");
	CHECK(web_hears(c, "back"), "rtp_after_hold_flows");
}

static void test_figures(struct call *c)
{
	struct media_figures *f;
	struct message *m;

	m = bench_event(&bench, MEDIA_STATS, c->local.id);
	CHECK(m, "figures_come_by_themselves");
	message_free(m);
	media_close(bench.media, c->local.id);
	CHECK_INT(media_configure(bench.media, c->local.id, &c->config),
		  -EINVAL, "configure_after_close_is_refused");
	m = bench_event(&bench, MEDIA_CLOSED, c->local.id);
	CHECK(m, "close_is_answered");
	if (!m)
		return;
	f = (struct media_figures *)m->data;
	CHECK_INT(f->stream[0].web_to_sip.packets, 24,
		  "figures_count_packets_to_phone");
	CHECK_INT(f->stream[0].sip_to_web.packets, 25,
		  "figures_count_packets_to_browser");
	CHECK_INT(f->stream[0].web_to_sip.in_ssrc, WEB_SSRC,
		  "figures_name_the_source");
	CHECK_INT(f->stream[0].sip_remote.port, peer_port(c->rtp_fd),
		  "figures_name_the_phone");
	CHECK_INT(f->web_remote.port, peer_port(c->web.fd),
		  "figures_name_the_browser");
	CHECK_STR(f->profile, "AEAD_AES_128_GCM", "figures_name_the_profile");
	CHECK_STR(f->stream[0].codec, "opus", "figures_name_the_codec");
	CHECK(f->ice_selected_ms && f->dtls_done_ms && f->first_web_ms &&
	      f->first_sip_ms, "figures_have_times");
	message_free(m);
}

/* What was configured is shown at once, not with the next second. */
static void test_figures_at_once(void)
{
	struct message *m, *next = NULL;
	int told = 0, named = 0;
	bool is_closed = false;
	struct call c;

	call_open(&c, GCM_FIRST);
	for (int i = 0; i < 4; i++)
		call_configure(&c);
	media_close(bench.media, c.local.id);
	while (!is_closed) {
		struct pollfd p = { .fd = queue_fd(bench.events),
				    .events = POLLIN };

		if (poll(&p, 1, PATIENCE_MS) < 1)
			break;
		for (m = queue_take(bench.events); m; m = next) {
			next = m->next;
			is_closed |= m->type == MEDIA_CLOSED;
			told += m->type == MEDIA_STATS;
			named += m->type == MEDIA_STATS && !strcmp("opus",
				((struct media_figures *)m->data)->
				stream[0].codec);
			message_free(m);
		}
	}
	CHECK(is_closed, "session_configured_closes");
	CHECK(told >= 4, "figures_come_with_each_configuration");
	CHECK(named >= 4, "figures_of_a_configuration_name_its_codec");
	browser_close(&c.web);
	close(c.rtp_fd);
	close(c.rtcp_fd);
}

static void test_call(void)
{
	struct call c;
	int fd = -1;

	call_open(&c, GCM_FIRST);
	CHECK(!(c.local.sip[0].port & 1), "rtp_port_is_even");
	CHECK(c.local.id && strlen(c.local.ufrag) == SLUICE_UFRAG_LEN &&
	      strlen(c.local.password) >= 24, "session_has_credentials");
	test_door(&c);
	test_setup(&c);
	test_rtp(&c);
	test_source(&c);
	test_rtcp(&c);
	test_unsent(&c);
	test_hold(&c);
	test_figures(&c);
	/* After MEDIA_CLOSED the port is nobody's. */
	CHECK_INT(udp_socket(&c.local.sip[0], &fd), 0,
		  "rtp_port_after_close_is_free");
	close(fd);
	browser_close(&c.web);
	close(c.rtp_fd);
	close(c.rtcp_fd);
}

/* ---- other ways of a session ------------------------------------------- */

static void test_gateway_is_client(void)
{
	struct call c;

	call_open(&c, "SRTP_AES128_CM_SHA1_80");
	c.config.role = MEDIA_DTLS_CLIENT;
	call_configure(&c);
	CHECK(call_check(&c), "check_is_answered");
	CHECK(browser_handshake(&c.web, false),
	      "handshake_as_client_succeeds");
	CHECK(bench_has_event(&bench, MEDIA_DTLS_DONE, c.local.id, NULL),
	      "keys_as_client_are_installed");
	web_send(&c, 111, "hello");
	CHECK(phone_hears(&c, c.rtp_fd, "hello"),
	      "rtp_of_cm_profile_reaches_phone");
	sip_send(&c, c.rtp_fd, 97, "hello");
	CHECK(web_hears(&c, "hello"), "rtp_of_cm_profile_reaches_browser");
	call_free(&c);
}

static void test_fingerprint(void)
{
	struct media_event e = { 0 };
	struct call c;

	call_open(&c, GCM_FIRST);
	c.config.fingerprint[0] ^= 1;
	call_configure(&c);
	call_check(&c);
	browser_handshake(&c.web, true);
	CHECK(bench_has_event(&bench, MEDIA_FAILED, c.local.id, &e),
	      "certificate_of_another_fails_the_session");
	CHECK_STR(e.detail, "dtls: fingerprint mismatch",
		  "certificate_of_another_is_named");
	web_send(&c, 111, "nothing");
	CHECK(bench_dropped(&bench, SLUICE_DROP_NOT_READY, 1),
	      "rtp_without_keys_is_dropped");
	call_free(&c);
}

static void test_close_notify(void)
{
	struct media_event e = { 0 };
	struct call c;

	call_open(&c, GCM_FIRST);
	call_configure(&c);
	CHECK(call_connect(&c), "call_connects");
	SSL_shutdown(c.web.ssl);
	CHECK(bench_has_event(&bench, MEDIA_LOST, c.local.id, &e) &&
	      e.side == MEDIA_SIDE_WEB, "close_notify_ends_the_browser");
	CHECK_STR(e.detail, "dtls close_notify", "close_notify_is_named");
	call_free(&c);
}

static void test_extend(void)
{
	struct media_local more;
	struct call c;

	call_open(&c, GCM_FIRST);
	CHECK_INT(media_extend(bench.media, c.local.id, 2, &more), 0,
		  "session_extends");
	CHECK(more.sip[0].port == c.local.sip[0].port &&
	      more.web_ssrc[0] == c.local.web_ssrc[0],
	      "extension_keeps_what_was");
	CHECK(more.sip[1].port && more.sip[1].port != more.sip[0].port &&
	      more.web_ssrc[1], "extension_has_a_port");
	c.config.stream_count = 2;
	c.config.stream[1] = c.config.stream[0];
	strcpy(c.config.stream[1].kind, "video");
	c.config.stream[1].payload[0] = (struct media_payload){
		.web_rx = 120, .sip_tx = 34, .sip_rx = 35, .web_tx = 121,
		.clock_hz = 90000, .name = "H264" };
	call_configure(&c);
	CHECK(call_connect(&c), "call_of_two_streams_connects");
	c.local = more;
	web_send(&c, 120, "picture");
	{
		uint8_t buf[2048];
		size_t n = peer_recv(c.rtp_fd, buf, sizeof(buf));

		CHECK(is_packet(buf, n, 34, more.sip_ssrc[1], "picture"),
		      "rtp_of_second_stream_reaches_phone");
	}
	CHECK_INT(media_extend(bench.media, c.local.id, MEDIA_STREAMS + 1,
			       &more), -EINVAL, "extension_too_far_is_refused");
	call_free(&c);
}

/* Ends of calls that nobody hung up; a bench of its own, for its limits. */
static void test_silence(void)
{
	struct media_event e = { 0 };
	struct call c;

	if (bench_start(&bench, 6000, 1500)) {
		CHECK(0, "media_starts_again");
		return;
	}
	call_open(&c, GCM_FIRST);
	call_configure(&c);
	CHECK(call_connect(&c), "call_connects");
	CHECK(bench_has_event(&bench, MEDIA_LOST, c.local.id, &e) &&
	      e.side == MEDIA_SIDE_SIP, "phone_silent_is_told");
	sip_send(&c, c.rtp_fd, 97, "heard");
	CHECK(bench_has_event(&bench, MEDIA_LOST, c.local.id, &e) &&
	      e.side == MEDIA_SIDE_SIP, "phone_silent_again_is_told");
	CHECK(bench_has_event(&bench, MEDIA_LOST, c.local.id, &e) &&
	      e.side == MEDIA_SIDE_WEB, "browser_silent_is_told");
	browser_close(&c.web);
	close(c.rtp_fd);
	close(c.rtcp_fd);
	/* With the session still open: stopping ends it. */
	bench_stop(&bench);
}

int main(void)
{
	if (bench_start(&bench, 30000, 0))
		return 1;
	test_call();
	test_figures_at_once();
	test_gateway_is_client();
	test_fingerprint();
	test_close_notify();
	test_extend();
	bench_stop(&bench);
	test_silence();
	return tap_done();
}
