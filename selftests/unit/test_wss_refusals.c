/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a browser would never send must be refused and counted, and the next
 * good client must find the door open.
 */
#include "wss_fixture.h"

struct request_case {
	const char *name;
	const char *text;
	size_t len;		/* 0: of a string */
	const char *status;
	int counter;		/* -1: none */
};

#define REQUEST(name, text, status, counter) \
	{ name, text, sizeof(text) - 1, status, counter }

static const struct request_case requests[] = {
	REQUEST("upgrade_without_subprotocol_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 ORIGIN GOOD_KEY "\r\n",
		"400", WSS_REFUSED_SUBPROTOCOL),
	REQUEST("upgrade_other_subprotocol_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 ORIGIN GOOD_KEY
		"Sec-WebSocket-Protocol: mqtt, sips\r\n\r\n",
		"400", WSS_REFUSED_SUBPROTOCOL),
	REQUEST("upgrade_wrong_origin_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 SIP GOOD_KEY
		"Origin: https://evil.example.net\r\n\r\n",
		"403", WSS_REFUSED_ORIGIN),
	REQUEST("upgrade_no_origin_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 SIP GOOD_KEY "\r\n",
		"403", WSS_REFUSED_ORIGIN),
	REQUEST("upgrade_two_origins_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 SIP GOOD_KEY ORIGIN ORIGIN
		"\r\n", "400", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_version_8_refused",
		"GET / HTTP/1.1\r\n" HOST UP SIP ORIGIN GOOD_KEY
		"Sec-WebSocket-Version: 8\r\n\r\n",
		"426", WSS_REFUSED_VERSION),
	REQUEST("upgrade_without_version_refused",
		"GET / HTTP/1.1\r\n" HOST UP SIP ORIGIN GOOD_KEY "\r\n",
		"426", WSS_REFUSED_VERSION),
	REQUEST("upgrade_two_versions_refused",
		"GET / HTTP/1.1\r\n" HOST UP SIP ORIGIN GOOD_KEY V13 V13
		"\r\n", "426", WSS_REFUSED_VERSION),
	REQUEST("upgrade_short_key_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN
		"Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n",
		"400", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_key_not_base64_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN
		"Sec-WebSocket-Key: dGhlIHNhbXBs*SBub25jZQ==\r\n\r\n",
		"400", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_without_key_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN "\r\n",
		"400", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_two_keys_refused",
		"GET / HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN GOOD_KEY GOOD_KEY
		"\r\n", "400", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_without_connection_refused",
		"GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" V13 SIP
		ORIGIN GOOD_KEY "\r\n", "400", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_other_path_refused",
		"GET /app.js HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN GOOD_KEY
		"\r\n", "404", WSS_REFUSED_PATH),
	REQUEST("upgrade_post_refused",
		"POST / HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN GOOD_KEY "\r\n",
		"405", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_head_refused",
		"HEAD / HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN GOOD_KEY "\r\n",
		"400", WSS_REFUSED_REQUEST),
	REQUEST("upgrade_early_frame_refused", GOOD "\x81\x80zzzz",
		"400", WSS_REFUSED_REQUEST),

	REQUEST("request_post_refused",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx",
		"405", WSS_REFUSED_REQUEST),
	REQUEST("request_http_1_0_refused",
		"GET / HTTP/1.0\r\n" HOST "\r\n", "505", WSS_REFUSED_REQUEST),
	REQUEST("request_http_2_refused",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505",
		WSS_REFUSED_REQUEST),
	REQUEST("request_two_hosts_refused",
		"GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_without_host_refused",
		"GET / HTTP/1.1\r\n\r\n", "400", WSS_REFUSED_REQUEST),
	REQUEST("request_bad_host_refused",
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_length_and_chunked_refused",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_chunked_refused",
		"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
		"400", WSS_REFUSED_REQUEST),
	REQUEST("request_two_lengths_refused",
		"GET / HTTP/1.1\r\n" HOST
		"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
		"400", WSS_REFUSED_REQUEST),
	REQUEST("request_with_body_refused",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
		"413", WSS_REFUSED_REQUEST),
	REQUEST("request_blank_before_colon_refused",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_folded_header_refused",
		"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_bare_lf_refused",
		"GET / HTTP/1.1\nHost: a\n\n", "400", WSS_REFUSED_REQUEST),
	REQUEST("request_bare_cr_refused",
		"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_nul_in_header_refused",
		"GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_nul_in_path_refused",
		"GET /index.html\0.js HTTP/1.1\r\n" HOST "\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_absolute_form_refused",
		"GET http://a/ HTTP/1.1\r\n" HOST "\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_two_spaces_refused",
		"GET  / HTTP/1.1\r\n" HOST "\r\n", "400",
		WSS_REFUSED_REQUEST),
	REQUEST("request_not_http_refused",
		"\x01\x02\x03\x04", "400", WSS_REFUSED_REQUEST),
	REQUEST("path_coded_nul_refused",
		"GET /index.html%00.js HTTP/1.1\r\n" HOST "\r\n", "404",
		WSS_REFUSED_PATH),
	REQUEST("path_climbing_refused",
		"GET /../key.pem HTTP/1.1\r\n" HOST "\r\n", "404",
		WSS_REFUSED_PATH),
	REQUEST("path_coded_climbing_refused",
		"GET /%2e%2e/key.pem HTTP/1.1\r\n" HOST "\r\n", "404",
		WSS_REFUSED_PATH),
	REQUEST("path_coded_slash_refused",
		"GET /x%2fapp.js HTTP/1.1\r\n" HOST "\r\n", "404",
		WSS_REFUSED_PATH),
	REQUEST("path_backslash_refused",
		"GET /..\\key.pem HTTP/1.1\r\n" HOST "\r\n", "404",
		WSS_REFUSED_PATH),
	REQUEST("path_bad_percent_refused",
		"GET /%zz HTTP/1.1\r\n" HOST "\r\n", "400",
		WSS_REFUSED_REQUEST),

#define LAST	HOST "Connection: close\r\n\r\n"
	REQUEST("file_unknown_not_found", "GET /nope HTTP/1.1\r\n" LAST,
		"404", -1),
	REQUEST("file_hidden_not_found", "GET /.hidden HTTP/1.1\r\n" LAST,
		"404", -1),
	REQUEST("file_link_not_followed", "GET /link.txt HTTP/1.1\r\n" LAST,
		"404", -1),
	REQUEST("health_served", "GET /healthz HTTP/1.1\r\n" LAST, "200", -1),
};

static void test_requests(void)
{
	char buf[4096];
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct request_case *r = &requests[i];
		SSL *ssl = tls_connect();

		send_bytes(ssl, r->text, r->len);
		read_all(ssl, buf, sizeof(buf));
		CHECK(!strncmp(buf, "HTTP/1.1 ", 9) &&
		      !strncmp(buf + 9, r->status, 3) &&
		      (r->counter < 0 || counted(r->counter)), r->name);
		hang_up(ssl);
	}
	CHECK_INT(counter(WSS_UPGRADED), before[WSS_UPGRADED],
		  "requests_bad_never_upgraded");
	CHECK(good_client_works(), "client_after_bad_requests_works");
}

static void test_large_request(void)
{
	char text[LIMIT_HTTP_HEADER_BYTES + 100], buf[2048];
	SSL *ssl = tls_connect();
	size_t n;

	memset(text, 'x', sizeof(text));
	n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST "X: ");
	text[n] = 'x';
	send_bytes(ssl, text, sizeof(text));
	read_all(ssl, buf, sizeof(buf));
	CHECK(strstr(buf, "HTTP/1.1 431 ") == buf &&
	      counted(WSS_REFUSED_REQUEST), "request_too_large_refused");
	hang_up(ssl);
}

struct frame_case {
	const char *name;
	const char *bytes;
	size_t len;
	int status;
	int counter;
};

#define FRAME(name, bytes, status, counter) \
	{ name, bytes, sizeof(bytes) - 1, status, counter }
#define M	"\0\0\0\0"	/* a mask that changes nothing */

static const struct frame_case frames[] = {
	FRAME("frame_unmasked_closed", "\x81\x02hi", 1002, WSS_CLOSED_FRAME),
	FRAME("frame_reserved_bit_closed", "\xc1\x82" M "hi", 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_reserved_bit_3_closed", "\x91\x82" M "hi", 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_reserved_opcode_closed", "\x83\x82" M "hi", 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_reserved_control_closed", "\x8b\x80" M, 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_long_ping_closed", "\x89\xfe\x00\x80" M, 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_fragmented_ping_closed", "\x09\x80" M, 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_lone_continuation_closed", "\x80\x82" M "hi", 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_message_in_message_closed",
	      "\x01\x82" M "hi\x81\x82" M "hi", 1002, WSS_CLOSED_FRAME),
	FRAME("frame_1_tib_closed", "\x82\xff\0\0\x01\0\0\0\0\0" M, 1009,
	      WSS_CLOSED_TOO_BIG),
	FRAME("frame_64_kib_and_1_closed", "\x82\xff\0\0\0\0\0\x01\0\x01" M,
	      1009, WSS_CLOSED_TOO_BIG),
	FRAME("frame_sum_too_big_closed",
	      "\x02\x82" M "hi\x80\xfe\xff\xff" M, 1009, WSS_CLOSED_TOO_BIG),
	FRAME("frame_negative_length_closed",
	      "\x82\xff\x80\0\0\0\0\0\0\x01" M, 1002, WSS_CLOSED_FRAME),
	FRAME("frame_long_form_16_closed", "\x82\xfe\0\x02" M "hi", 1002,
	      WSS_CLOSED_FRAME),
	FRAME("frame_long_form_64_closed", "\x82\xff\0\0\0\0\0\0\0\x02" M
	      "hi", 1002, WSS_CLOSED_FRAME),
	FRAME("frame_text_not_utf8_closed", "\x81\x82" M "\xc0\xaf", 1007,
	      WSS_CLOSED_FRAME),
	FRAME("frame_text_surrogate_closed", "\x81\x83" M "\xed\xa0\x80",
	      1007, WSS_CLOSED_FRAME),
	FRAME("close_status_1005_closed", "\x88\x82" M "\x03\xed", 1002,
	      WSS_CLOSED_FRAME),
	FRAME("close_one_byte_closed", "\x88\x81" M "\x03", 1002,
	      WSS_CLOSED_FRAME),
	FRAME("close_reason_not_utf8_closed", "\x88\x83" M "\x03\xe8\xff",
	      1007, WSS_CLOSED_FRAME),
	FRAME("close_normal_echoed", "\x88\x82" M "\x03\xe8", 1000, -1),
};

static void test_frames(void)
{
	uint8_t out[LIMIT_WSS_FRAGMENTS * 8 + 8], both[1024];
	struct message *m;
	size_t i, n = 0;
	SSL *ssl;

	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		const struct frame_case *f = &frames[i];

		ssl = open_websocket();
		before[WSS_UPGRADED]++;
		send_bytes(ssl, f->bytes, f->len);
		CHECK(ssl && read_close(ssl) == f->status &&
		      (f->counter < 0 || counted(f->counter)), f->name);
		hang_up(ssl);
	}

	ssl = open_websocket();
	before[WSS_UPGRADED]++;
	n = make_frame(out, 0x01, "a", 1);
	for (i = 0; i < LIMIT_WSS_FRAGMENTS; i++)
		n += make_frame(out + n, 0x00, "a", 1);
	send_bytes(ssl, out, n);
	CHECK(read_close(ssl) == 1009 && counted(WSS_CLOSED_TOO_BIG),
	      "message_too_many_fragments_closed");
	hang_up(ssl);

	/* One write: Close, then a message that must not arrive. */
	drop_events();
	ssl = open_websocket();
	before[WSS_UPGRADED]++;
	n = make_frame(both, 0x88, "\x03\xe8", 2);
	n += make_frame(both + n, 0x81, OPTIONS, strlen(OPTIONS));
	before[WSS_MESSAGES_IN] = counter(WSS_MESSAGES_IN);
	send_bytes(ssl, both, n);
	CHECK_INT(read_close(ssl), 1000, "close_before_message_echoed");
	send_text(ssl, OPTIONS);
	hang_up(ssl);
	m = next_event(WSS_CLOSED);
	CHECK(m && counter(WSS_MESSAGES_IN) == before[WSS_MESSAGES_IN],
	      "message_after_close_ignored");
	message_free(m);
	CHECK(good_client_works(), "client_after_bad_frames_works");
}

int main(void)
{
	static const char *const origins[] = { "https://gw.example.com",
					       NULL };

	set_up();
	CHECK_INT(start(NULL, origins, 2, events), 0, "workers_start");
	test_requests();
	test_large_request();
	test_frames();
	stop();
	tear_down();
	return tap_done();
}
