/* SPDX-License-Identifier: Apache-2.0 */
/* The web workers: files, messages both ways, TLS, limits and timeouts. */
#include "wss_fixture.h"

#include <dirent.h>

#include "wss/peers.h"

#define LAST	HOST "Connection: close\r\n\r\n"
#define M	"\0\0\0\0"	/* a mask that changes nothing */

static void test_files(void)
{
	static const char two[] = "HEAD / HTTP/1.1\r\n" HOST "\r\n"
				  "GET /config.json HTTP/1.1\r\n" LAST;
	static const char script[] = "GET /app.js?v=1 HTTP/1.1\r\n" LAST;
	char buf[4096];
	SSL *ssl = tls_connect();

	/* Two requests in one write. */
	send_bytes(ssl, two, strlen(two));
	read_head(ssl, buf, sizeof(buf));
	CHECK(!strncmp(buf, "HTTP/1.1 200 ", 13) &&
	      strstr(buf, "Content-Type: text/html; charset=utf-8\r\n") &&
	      strstr(buf, "Content-Length: 35\r\n"), "file_head_has_length");
	CHECK(strstr(buf, "Content-Security-Policy: default-src 'self';") &&
	      strstr(buf, "connect-src 'self' wss:") &&
	      strstr(buf, "X-Content-Type-Options: nosniff\r\n") &&
	      strstr(buf, "Referrer-Policy: no-referrer\r\n"),
	      "file_security_headers_present");
	read_all(ssl, buf, sizeof(buf));
	CHECK(!strncmp(buf, "HTTP/1.1 200 ", 13) &&
	      strstr(buf, "application/json") &&
	      strstr(buf, "\r\n\r\n{\"ws\":\"/ws\"}"),
	      "config_after_head_served");
	hang_up(ssl);

	ssl = tls_connect();
	send_bytes(ssl, script, strlen(script));
	read_all(ssl, buf, sizeof(buf));
	CHECK(strstr(buf, "Content-Type: text/javascript") &&
	      strstr(buf, "\r\n\r\nlet a = 1;"), "file_script_served");
	hang_up(ssl);
}

static void test_messages(void)
{
	static const char *const answer = "SIP/2.0 200 OK\r\n\r\n";
	char head[1024], buf[4096];
	struct message *m;
	uint64_t conn;
	size_t len = 0;
	SSL *ssl;

	drop_events();
	ssl = tls_connect();
	send_bytes(ssl, GOOD, strlen(GOOD));
	CHECK(ssl && !read_head(ssl, head, sizeof(head)) &&
	      strstr(head, "Sec-WebSocket-Accept: " ACCEPT "\r\n") &&
	      strstr(head, "Sec-WebSocket-Protocol: sip\r\n") &&
	      !strstr(head, "Extensions"), "upgrade_good_accepted");
	m = next_event(WSS_OPENED);
	CHECK(m && !strcmp(event_of(m)->data, "https://gw.example.com") &&
	      addr_is_v4(&event_of(m)->peer), "opened_carries_origin");
	conn = m ? event_of(m)->conn : 0;
	message_free(m);
	CHECK_INT(wss_clients(wss), 1, "clients_open_counted");

	send_text(ssl, OPTIONS);
	m = next_event(WSS_RECEIVED);
	CHECK(m && event_of(m)->conn == conn &&
	      event_of(m)->len_bytes == strlen(OPTIONS) &&
	      !strcmp(event_of(m)->data, OPTIONS), "message_text_delivered");
	message_free(m);
	send_frame(ssl, 0x82, OPTIONS, strlen(OPTIONS));
	m = next_event(WSS_RECEIVED);
	CHECK(m && !strcmp(event_of(m)->data, OPTIONS),
	      "message_binary_delivered");
	message_free(m);

	send_frame(ssl, 0x01, OPTIONS, 10);
	send_frame(ssl, 0x89, "hi", 2);
	send_frame(ssl, 0x00, OPTIONS + 10, 20);
	send_frame(ssl, 0x80, OPTIONS + 30, strlen(OPTIONS) - 30);
	m = next_event(WSS_RECEIVED);
	CHECK(m && !strcmp(event_of(m)->data, OPTIONS),
	      "message_fragments_joined");
	message_free(m);
	CHECK(read_frame(ssl, buf, sizeof(buf), &len) == FRAME_OP_PONG &&
	      !strcmp(buf, "hi"), "ping_inside_message_answered");

	send_text(ssl, "\r\n\r\n");
	CHECK(read_frame(ssl, buf, sizeof(buf), &len) == FRAME_OP_TEXT &&
	      !strcmp(buf, "\r\n"), "keepalive_ping_answered");
	before[WSS_DROPPED_FILTER] = counter(WSS_DROPPED_FILTER);
	send_text(ssl, "HELLO\r\n\r\n");
	CHECK(counted(WSS_DROPPED_FILTER), "message_not_sip_dropped");

	wss_send(wss, conn, answer, strlen(answer));
	CHECK(read_frame(ssl, buf, sizeof(buf), &len) == FRAME_OP_TEXT &&
	      !strcmp(buf, answer), "answer_sent_as_text");
	wss_send(wss, conn, "\r\n\r\n\xff\x00", 6);
	CHECK(read_frame(ssl, buf, sizeof(buf), &len) == FRAME_OP_BINARY &&
	      len == 6, "answer_not_utf8_sent_as_binary");
	wss_send(wss, conn + 1000, answer, strlen(answer));
	CHECK_INT(wss_send(wss, UINT64_MAX, answer, 1), 0,
		  "send_unknown_connection_ignored");
	CHECK_INT(wss_send(wss, conn, buf, LIMIT_WSS_MESSAGE_BYTES + 1),
		  -EMSGSIZE, "send_too_large_refused");

	wss_close(wss, conn, 1001);
	CHECK_INT(read_close(ssl), 1001, "close_by_gateway_sent");
	m = next_event(WSS_CLOSED);
	CHECK(m && event_of(m)->conn == conn, "closed_by_gateway_told");
	message_free(m);
	hang_up(ssl);
	CHECK_INT(wss_clients(wss), 0, "clients_closed_not_counted");
}

static void test_tls(void)
{
	const unsigned char *alpn = NULL;
	unsigned int len = 0;
	char buf[64];
	int fd = tcp_connect();
	SSL *ssl;

	before[WSS_TLS_FAILED] = counter(WSS_TLS_FAILED);
	if (write(fd, "GET / HTTP/1.1\r\n\r\n", 18) != 18)
		exit(1);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	CHECK(counted(WSS_TLS_FAILED), "tls_plain_http_refused");

	SSL_CTX_set_max_proto_version(client_tls, TLS1_1_VERSION);
	SSL_CTX_set_cipher_list(client_tls, "ALL:@SECLEVEL=0");
	ssl = tls_connect();
	CHECK(!ssl && counted(WSS_TLS_FAILED), "tls_1_1_refused");
	hang_up(ssl);
	SSL_CTX_set_max_proto_version(client_tls, TLS1_2_VERSION);
	ssl = tls_connect();
	CHECK(ssl, "tls_1_2_accepted");
	hang_up(ssl);
	SSL_CTX_set_max_proto_version(client_tls, 0);

	ssl = SSL_new(client_tls);
	SSL_set_alpn_protos(ssl, (const unsigned char *)"\x02h2\x08http/1.1",
			    12);
	fd = tcp_connect();
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) == 1)
		SSL_get0_alpn_selected(ssl, &alpn, &len);
	CHECK(len == 8 && !memcmp(alpn, "http/1.1", 8),
	      "tls_alpn_http_1_1_chosen");
	hang_up(ssl);
	CHECK(good_client_works(), "client_after_bad_tls_works");
}

static int server_name_is(const char *name)
{
	SSL *ssl = tls_connect();
	char got[64] = "";
	X509 *x = ssl ? SSL_get1_peer_certificate(ssl) : NULL;

	if (x)
		X509_NAME_get_text_by_NID(X509_get_subject_name(x),
					  NID_commonName, got, sizeof(got));
	X509_free(x);
	hang_up(ssl);
	return !strcmp(got, name);
}

/* Workers take it one after the other. */
static int server_becomes(const char *name)
{
	uint64_t until = clock_ms() + WAIT_MS;

	while (!server_name_is(name) && clock_ms() < until)
		;
	return server_name_is(name);
}

static void test_reload(void)
{
	SSL *old = open_websocket();
	char buf[64];

	before[WSS_UPGRADED]++;
	CHECK(server_name_is("one"), "certificate_first_served");
	make_certificate("two");
	CHECK_INT(wss_reload_certificate(wss, certificate, certificate),
		  -EINVAL, "certificate_without_key_refused");
	CHECK_INT(wss_reload_certificate(wss, certificate, key_file), 0,
		  "certificate_reload_accepted");
	CHECK(server_becomes("two"), "certificate_reloaded_served");
	/* A client would take the old one first, for its kind of key. */
	make_certificate_of("three", EVP_RSA_gen(2048));
	wss_reload_certificate(wss, certificate, key_file);
	CHECK(server_becomes("three"), "certificate_of_other_key_served");
	send_text(old, "\r\n\r\n");
	CHECK(read_frame(old, buf, sizeof(buf), NULL) == FRAME_OP_TEXT,
	      "client_over_reload_stays");
	hang_up(old);
}

static void test_full_queue(void)
{
	unsigned int closed = 0, n = 0;
	struct message *m, *next;
	struct queue *small;
	SSL *ssl;

	queue_create(2, &small);
	start(NULL, NULL, 1, small);
	ssl = open_websocket();
	send_text(ssl, OPTIONS);	/* OPENED and this one: full */
	send_text(ssl, OPTIONS);
	CHECK(counted(WSS_DROPPED_QUEUE), "message_queue_full_dropped");
	hang_up(ssl);
	stop();
	for (m = queue_take(small); m; m = next, n++) {
		next = m->next;
		closed += m->type == WSS_CLOSED;
		message_free(m);
	}
	CHECK(n == 3 && closed == 1, "closed_queue_full_still_told");
	queue_free(small);
}

/* The largest messages there are: memory ends before their number does. */
static void test_queue_bytes(void)
{
	const int most = LIMIT_QUEUE_BYTES / LIMIT_WSS_MESSAGE_BYTES;
	struct pollfd p = { .events = POLLIN };
	struct message *m = NULL;
	struct queue *q;
	int n = 0;

	queue_create(LIMIT_QUEUE_TO_SIGNALLING, &q);
	p.fd = queue_fd(q);
	while (n <= most &&
	       (m = message_new(1, LIMIT_WSS_MESSAGE_BYTES)) &&
	       !queue_push(q, m))
		n++;
	CHECK_INT(n, most, "queue_bounded_by_bytes");
	if (n <= most)
		message_free(m);
	while ((m = queue_take(q)))
		for (struct message *next; m; m = next) {
			next = m->next;
			message_free(m);
		}
	CHECK_INT(poll(&p, 1, 0), 0, "queue_taken_is_quiet");
	queue_again(q);
	CHECK_INT(poll(&p, 1, 0), 1, "queue_not_finished_wakes_its_reader");
	queue_free(q);
}

/* A place is free once the worker has seen the hang-up. */
static SSL *open_when_free(void)
{
	uint64_t until = clock_ms() + WAIT_MS;
	SSL *ssl;

	while (!(ssl = open_websocket()) && clock_ms() < until)
		poll(NULL, 0, 2);
	return ssl;
}

static int enter(struct peers *p, const char *ip, int wanted)
{
	struct addr a;

	addr_parse_ip(ip, &a);
	return peers_enter(p, &a) == wanted;
}

static void test_nets(void)
{
	struct wss_limits limits = { .clients = 7, .clients_per_ip = 2,
				     .clients_per_net = 3 };
	struct peers *p = NULL;
	struct addr a;

	peers_create(&limits, &p);
	CHECK(enter(p, "2001:db8:1::1", 0) && enter(p, "2001:db8:1::2", 0) &&
	      enter(p, "2001:db8:1::3", -EUSERS),
	      "clients_of_a_64_above_limit_refused");
	CHECK(enter(p, "2001:db8:1:1::1", 0) &&
	      enter(p, "2001:db8:1:2::1", -EDQUOT) &&
	      enter(p, "2001:db8:2::1", 0),
	      "clients_of_a_48_above_limit_refused");
	addr_parse_ip("2001:db8:1::2", &a);
	peers_leave(p, &a);
	CHECK(enter(p, "2001:db8:1:2::1", 0), "client_of_a_48_gone_not_counted");
	CHECK(enter(p, "192.0.2.1", 0) && enter(p, "192.0.2.2", 0) &&
	      enter(p, "192.0.2.3", 0) && enter(p, "192.0.2.4", -EMFILE),
	      "clients_of_ipv4_have_no_48");
	peers_free(p);
}

static void test_limits(void)
{
	struct wss_limits limits = { .clients_per_ip = 2,
				     .messages_per_s = 5,
				     .output_bytes = 100000 };
	char big[60000], buf[256];
	struct message *m;
	SSL *a, *b, *c;
	uint64_t conn, until;
	unsigned int i;

	start(&limits, NULL, 2, events);
	drop_events();
	a = open_websocket();
	b = open_websocket();
	c = tls_connect();
	CHECK(a && b && !c && counted(WSS_REFUSED_LIMIT),
	      "client_above_address_limit_refused");
	hang_up(a);
	m = next_event(WSS_CLOSED);
	message_free(m);
	a = open_when_free();
	CHECK(a, "client_after_hang_up_accepted");

	for (i = 0; i < 6; i++)
		send_text(a, "\r\n\r\n");
	CHECK(read_close(a) == 1008 && counted(WSS_CLOSED_RATE),
	      "client_too_fast_closed");
	hang_up(a);

	/* b reads nothing. */
	drop_events();
	send_text(b, OPTIONS);
	m = next_event(WSS_RECEIVED);
	conn = m ? event_of(m)->conn : 0;
	message_free(m);
	memset(big, 'x', sizeof(big));
	until = clock_ms() + WAIT_MS;
	while (!counter(WSS_CLOSED_OUTPUT) && clock_ms() < until) {
		wss_send(wss, conn, big, sizeof(big));
		poll(NULL, 0, 1);
	}
	CHECK(counted(WSS_CLOSED_OUTPUT), "client_not_reading_closed");
	m = next_event(WSS_CLOSED);
	CHECK(m && event_of(m)->conn == conn &&
	      !strcmp(event_of(m)->data, "does not read"),
	      "closed_not_reading_told");
	message_free(m);
	while (SSL_read(b, big, sizeof(big)) > 0)
		;
	hang_up(b);
	a = open_when_free();
	send_text(a, "\r\n\r\n");
	CHECK(a && read_frame(a, buf, sizeof(buf), NULL) == FRAME_OP_TEXT,
	      "client_after_limits_works");
	stop();
	/* Stopped under an open client: it was told. */
	CHECK_INT(a ? read_close(a) : 0, 1001, "stop_client_told");
	hang_up(a);
}

/* Each client is within its own rate. */
static void test_address_rate(void)
{
	struct wss_limits limits = { .messages_per_s_ip = 5 };
	SSL *clients[3];
	unsigned int i, n;

	start(&limits, NULL, 2, events);
	for (i = 0; i < 3; i++)
		clients[i] = open_websocket();
	for (n = 0; n < 4; n++)
		for (i = 0; i < 3; i++)
			send_text(clients[i], OPTIONS);
	/* One of them or more. */
	counted(WSS_CLOSED_RATE);
	CHECK(counter(WSS_CLOSED_RATE), "clients_of_an_address_too_fast_closed");
	for (i = 0; i < 3; i++)
		hang_up(clients[i]);
	stop();
}

/*
 * Pings of a client that reads no pongs: each is 2 bytes that cost a whole
 * chunk. Without that the limit is reached after 50000 of them.
 */
static void test_small_output(void)
{
	struct wss_limits limits = { .messages_per_s = 1000000,
				     .output_bytes = 100000 };
	uint8_t pings[200 * 6];
	size_t n = 0, sent;
	SSL *ssl;

	while (n < sizeof(pings))
		n += make_frame(pings + n, 0x89, "", 0);
	start(&limits, NULL, 1, events);
	ssl = open_websocket_over(tcp_connect_by(536));
	for (sent = 0; ssl && sent < 40000; sent += 200)
		if (counter(WSS_CLOSED_OUTPUT) ||
		    send_bytes(ssl, pings, sizeof(pings)))
			break;
	CHECK(ssl && counted(WSS_CLOSED_OUTPUT),
	      "output_of_many_small_frames_bounded");
	hang_up(ssl);
	stop();
}

static unsigned int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned int n = 0;
	struct dirent *e;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void test_workers(void)
{
	unsigned int now = threads();

	CHECK(!start(NULL, NULL, 6, events) && threads() == now + 6,
	      "workers_as_many_as_asked_for");
	stop();
}

static void test_timeouts(void)
{
	struct wss_limits limits = { .handshake_ms = 200 };
	char buf[256];
	struct message *m;
	SSL *ssl;
	int fd;

	start(&limits, NULL, 1, events);
	fd = tcp_connect();
	CHECK(read(fd, buf, sizeof(buf)) <= 0 && counted(WSS_TIMEOUT_HANDSHAKE),
	      "tls_silent_timed_out");
	close(fd);
	fd = tcp_connect();
	if (write(fd, "\x16\x03\x01\x02\x00\x01", 6) != 6)
		exit(1);
	CHECK(read(fd, buf, sizeof(buf)) <= 0 && counted(WSS_TIMEOUT_HANDSHAKE),
	      "tls_half_hello_timed_out");
	close(fd);
	ssl = tls_connect();
	CHECK(ssl && read_all(ssl, buf, sizeof(buf)) == 0 &&
	      counted(WSS_TIMEOUT_HANDSHAKE), "http_silent_timed_out");
	hang_up(ssl);
	ssl = tls_connect();
	send_bytes(ssl, "GET / HT", 8);
	CHECK(ssl && read_all(ssl, buf, sizeof(buf)) == 0 &&
	      counted(WSS_TIMEOUT_HANDSHAKE), "http_half_head_timed_out");
	hang_up(ssl);
	ssl = open_websocket();
	send_bytes(ssl, "\x82\xfe\xff\x00" M "abc", 11);
	CHECK(ssl && read_close(ssl) == 1008 && counted(WSS_CLOSED_FRAME),
	      "message_held_open_closed");
	hang_up(ssl);
	CHECK_INT(counter(WSS_TLS_FAILED), 0, "timeout_not_a_tls_failure");
	stop();

	limits = (struct wss_limits){ .ping_ms = 20 };
	start(&limits, NULL, 1, events);
	ssl = open_websocket();
	CHECK(ssl && read_frame(ssl, buf, sizeof(buf), NULL) == FRAME_OP_PING,
	      "client_silent_pinged");
	hang_up(ssl);
	stop();

	limits = (struct wss_limits){ .idle_ms = 200 };
	start(&limits, NULL, 1, events);
	drop_events();
	ssl = open_websocket();
	CHECK(ssl && read_close(ssl) == 1001 && counted(WSS_TIMEOUT_IDLE),
	      "client_idle_closed");
	m = next_event(WSS_CLOSED);
	CHECK(m && !strcmp(event_of(m)->data, "idle"), "closed_idle_told");
	message_free(m);
	hang_up(ssl);
	stop();
}

static void test_start_errors(void)
{
	char good[sizeof(key_file)];

	memcpy(good, key_file, sizeof(good));
	memcpy(key_file, "/nonexistent", 13);
	CHECK_INT(start(NULL, NULL, 1, events), -EINVAL,
		  "start_without_key_refused");
	memcpy(key_file, good, sizeof(good));
}

int main(void)
{
	set_up();
	CHECK_INT(start(NULL, NULL, 2, events), 0, "workers_start");
	test_files();
	test_messages();
	test_tls();
	test_reload();
	stop();
	test_full_queue();
	test_queue_bytes();
	test_nets();
	test_limits();
	test_address_rate();
	test_small_output();
	test_workers();
	test_timeouts();
	test_start_errors();
	tear_down();
	return tap_done();
}
