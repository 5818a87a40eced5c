/* SPDX-License-Identifier: Apache-2.0 */
/* What a session lives through: other browsers, digits, limits. */
#include <sys/resource.h>

#include "media_call.h"

/* ---- packets ----------------------------------------------------------- */

/* The sequence number of the next packet at the phone; -1: another one. */
static int phone_seq(struct call *c, const char *text)
{
	uint8_t buf[2048];
	size_t len = peer_recv(c->rtp_fd, buf, sizeof(buf));

	return is_packet(buf, len, 96, c->local.sip_ssrc[0], text) ?
	       sluice_get16(buf + 2) : -1;
}

/* ---- other browsers ---------------------------------------------------- */

/* Another browser, with a sequence of its own. */
static void replace_browser(struct call *c)
{
	browser_close(&c->web);
	browser_open(&c->web, &c->local.web, GCM_FIRST);
	browser_fingerprint(&c->web, &c->config);
	strcpy(c->config.remote_ufrag, "next");
	snprintf(c->username, sizeof(c->username), "%s:next", c->local.ufrag);
	c->web_seq = 20000;
	call_configure(c);
	CHECK(call_connect(c), "certificate_new_makes_new_keys");
}

/* RFC 8842 5.1: the same session, another browser behind it. */
static void test_new_certificate(void)
{
	struct media_figures f = { 0 };
	struct call c;
	int seq;

	call_open(&c, GCM_FIRST);
	call_configure(&c);
	CHECK(call_connect(&c), "call_connects");
	web_send(&c, 111, "first");
	seq = phone_seq(&c, "first");
	CHECK(seq >= 0, "first_browser_is_heard");
	replace_browser(&c);
	web_send(&c, 111, "second");
	CHECK_INT(phone_seq(&c, "second"), seq + 1,
		  "second_browser_goes_on_in_the_numbers_of_the_first");
	sip_send(&c, c.rtp_fd, 97, "second");
	CHECK(web_hears(&c, "second"), "second_browser_hears");
	call_end(&c, &f);
	CHECK_INT(f.stream[0].web_to_sip.received, 2,
		  "figures_are_those_of_both_browsers");
}

/* The phone's keys stay: whatever had an index before cannot have it again. */
static void test_new_certificate_sdes(void)
{
	struct media_sdes *sdes;
	uint8_t buf[2048];
	srtp_t phone;
	struct call c;
	int len;

	call_open(&c, GCM_FIRST);
	sdes = &c.config.stream[0].sdes;
	sdes->profile = SLUICE_SRTP_AEAD_AES_128_GCM;
	memset(sdes->rx, 0x11, 28);
	memset(sdes->tx, 0x22, 28);
	phone = browser_srtp(sdes->profile, sdes->tx, sdes->tx + 16, false);
	call_configure(&c);
	CHECK(call_connect(&c), "call_with_sdes_connects");
	web_send(&c, 111, "first");
	len = (int)peer_recv(c.rtp_fd, buf, sizeof(buf));
	CHECK(!srtp_unprotect(phone, buf, &len) && len == 12 + 5,
	      "phone_with_sdes_hears_the_first_browser");
	replace_browser(&c);
	web_send(&c, 111, "second");
	len = (int)peer_recv(c.rtp_fd, buf, sizeof(buf));
	CHECK(!srtp_unprotect(phone, buf, &len) && len == 12 + 6,
	      "phone_with_sdes_hears_the_second_browser");
	srtp_dealloc(phone);
	call_free(&c);
}

/* ---- digits ------------------------------------------------------------ */

/* RFC 4733 2.3.5: 16 bits, which at 48 kHz are 1.3 s. */
static void test_digit_long(void)
{
	uint32_t duration = 0, last = 0;
	bool is_rising = true, is_end = false;
	struct call c;

	call_open(&c, GCM_FIRST);
	c.config.stream[0].payload_count = 2;
	c.config.stream[0].payload[1] = (struct media_payload){
		.web_rx = 101, .web_tx = 101, .sip_rx = 101, .sip_tx = 101,
		.clock_hz = 48000, .name = "telephone-event" };
	call_configure(&c);
	CHECK(call_connect(&c), "call_connects");
	CHECK_INT(media_digit(bench.media, c.local.id, MEDIA_SIDE_WEB, 5, 2000),
		  0, "digit_long_is_taken");
	while (!is_end) {
		uint8_t buf[2048];

		if (web_recv(&c, buf, sizeof(buf)) != 16)
			break;
		duration = sluice_get16(buf + 14);
		is_rising = is_rising && duration > last;
		is_end = buf[13] & 0x80;
		last = duration;
	}
	CHECK(is_end, "digit_long_ends");
	CHECK(is_rising, "digit_long_has_a_duration_that_rises");
	call_free(&c);
}

/* ---- limits ------------------------------------------------------------ */

/* Not the ports' range is at its end. */
static void test_no_descriptor(void)
{
	struct media_open open = { .call = "files", .stream_count = 1 };
	struct rlimit before, none;
	struct media_local local;

	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	CHECK_INT(media_open(bench.media, &open, &local), -ENFILE,
		  "session_without_a_descriptor_is_refused_as_such");
	setrlimit(RLIMIT_NOFILE, &before);
}

int main(void)
{
	if (bench_start(&bench, 30000, 0))
		return 1;
	test_new_certificate();
	test_new_certificate_sdes();
	test_digit_long();
	test_no_descriptor();
	bench_stop(&bench);
	return tap_done();
}
