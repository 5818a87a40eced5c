/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web workers on loopback, against a client that writes raw bytes into
 * TLS: what a browser would never send must be refused and counted, and the
 * next good client must find the door open.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/queue.h"
#include "wss/frame.h"
#include "wss/wss.h"

#define WAIT_MS		20000

#define KEY		"dGhlIHNhbXBsZSBub25jZQ=="	/* RFC 6455 1.3 */
#define ACCEPT		"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define HOST		"Host: gw.example.com\r\n"
#define UP		"Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define V13		"Sec-WebSocket-Version: 13\r\n"
#define SIP		"Sec-WebSocket-Protocol: sip\r\n"
#define ORIGIN		"Origin: https://gw.example.com\r\n"
#define GOOD_KEY	"Sec-WebSocket-Key: " KEY "\r\n"
#define GOOD		"GET /ws HTTP/1.1\r\n" HOST UP V13 SIP ORIGIN GOOD_KEY "\r\n"

#define OPTIONS \
	"OPTIONS sip:b@example.com SIP/2.0\r\n" \
	"Via: SIP/2.0/WSS h.invalid;branch=z9hG4bK776asdhds\r\n" \
	"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n" \
	"Call-ID: x1\r\nCSeq: 1 OPTIONS\r\n\r\n"

static char dir[] = "/tmp/test_wss.XXXXXX";
static char certificate[64], key_file[64], phone[64];
static struct queue *events;
static struct wss *wss;
static SSL_CTX *client_tls;
static uint64_t before[WSS_COUNTER_MAX];

/* ---- fixture --------------------------------------------------------- */

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		exit(1);
}

static void make_certificate(const char *name)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	FILE *f;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, subject);
	X509_set_pubkey(x, pkey);
	X509_sign(x, pkey, EVP_sha256());
	f = fopen(certificate, "w");
	if (!f || !PEM_write_X509(f, x) || fclose(f))
		exit(1);
	f = fopen(key_file, "w");
	if (!f || !PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL) ||
	    fclose(f))
		exit(1);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

static void set_up_files(void)
{
	char path[128];

	if (!mkdtemp(dir))
		exit(1);
	snprintf(certificate, sizeof(certificate), "%s/cert.pem", dir);
	snprintf(key_file, sizeof(key_file), "%s/key.pem", dir);
	snprintf(phone, sizeof(phone), "%s/phone", dir);
	mkdir(phone, 0700);
	make_certificate("one");
	snprintf(path, sizeof(path), "%s/index.html", phone);
	put_file(path, "<!doctype html><title>phone</title>");
	snprintf(path, sizeof(path), "%s/app.js", phone);
	put_file(path, "let a = 1;");
	snprintf(path, sizeof(path), "%s/.hidden", phone);
	put_file(path, "no");
	snprintf(path, sizeof(path), "%s/link.txt", phone);
	if (symlink("../key.pem", path))
		exit(1);
}

static void remove_files(void)
{
	static const char *const names[] = { "phone/index.html",
		"phone/app.js", "phone/.hidden", "phone/link.txt", "cert.pem",
		"key.pem" };
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(phone);
	rmdir(dir);
}

static int start(const struct wss_limits *limits, const char *const *origins,
		 unsigned int workers, struct queue *to)
{
	struct wss_settings s = {
		.certificate = certificate,
		.private_key = key_file,
		.workers = workers,
		.phone_dir = phone,
		.phone_config = "{\"ws\":\"/ws\"}",
		.origins = origins,
		.limits = limits,
	};

	addr_parse_ip("127.0.0.1", &s.listen);
	memset(before, 0, sizeof(before));
	return wss_start(&s, to, &wss);
}

static void stop(void)
{
	wss_stop(wss);
	wss = NULL;
}

static uint64_t counter(enum wss_counter c)
{
	uint64_t now[WSS_COUNTER_MAX];

	wss_counters(wss, now);
	return now[c];
}

/* True once the counter has grown by one since the last call for it. */
static int counted(enum wss_counter c)
{
	uint64_t until = clock_ms() + WAIT_MS;

	while (counter(c) == before[c] && clock_ms() < until)
		poll(NULL, 0, 2);
	before[c]++;
	return counter(c) == before[c];
}

/* The next event of a type; others are dropped. NULL after WAIT_MS. */
static struct message *next_event(uint32_t type)
{
	static struct message *list;
	uint64_t until = clock_ms() + WAIT_MS;
	struct pollfd p = { .fd = queue_fd(events), .events = POLLIN };
	struct message *m;

	while (clock_ms() < until) {
		while ((m = list)) {
			list = m->next;
			if (m->type == type)
				return m;
			message_free(m);
		}
		if (!type)
			return NULL;
		poll(&p, 1, 50);
		list = queue_take(events);
	}
	return NULL;
}

static void drop_events(void)
{
	struct message *m, *next;

	next_event(0);
	for (m = queue_take(events); m; m = next) {
		next = m->next;
		message_free(m);
	}
}

static struct wss_event *event_of(struct message *m)
{
	return (struct wss_event *)m->data;
}

/* ---- client ---------------------------------------------------------- */

static int tcp_connect(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(wss_port(wss)),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval tv = { .tv_sec = WAIT_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin))) {
		close(fd);
		return -1;
	}
	return fd;
}

static SSL *tls_connect(void)
{
	int fd = tcp_connect();
	SSL *ssl;

	if (fd < 0)
		return NULL;
	ssl = SSL_new(client_tls);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static void hang_up(SSL *ssl)
{
	int fd;

	if (!ssl)
		return;
	fd = SSL_get_fd(ssl);
	SSL_free(ssl);
	close(fd);
}

static int send_bytes(SSL *ssl, const void *data, size_t len)
{
	return ssl && SSL_write(ssl, data, (int)len) == (int)len ? 0 : -1;
}

/* All up to the end, the server's close or a timeout. */
static size_t read_all(SSL *ssl, char *buf, size_t size)
{
	size_t len = 0;
	int n;

	while (ssl && len < size - 1 &&
	       (n = SSL_read(ssl, buf + len, (int)(size - 1 - len))) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return len;
}

static int read_exactly(SSL *ssl, void *buf, size_t len)
{
	size_t have = 0;
	int n;

	while (have < len) {
		n = SSL_read(ssl, (char *)buf + have, (int)(len - have));
		if (n <= 0)
			return -1;
		have += (size_t)n;
	}
	return 0;
}

/* A response's head, byte by byte: frames may follow it. */
static int read_head(SSL *ssl, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size - 1 && SSL_read(ssl, buf + len, 1) == 1) {
		buf[++len] = '\0';
		if (len >= 4 && !strcmp(buf + len - 4, "\r\n\r\n"))
			return 0;
	}
	return -1;
}

static SSL *open_websocket(void)
{
	char head[1024];
	SSL *ssl = tls_connect();

	if (!ssl || send_bytes(ssl, GOOD, strlen(GOOD)) ||
	    read_head(ssl, head, sizeof(head)) ||
	    strncmp(head, "HTTP/1.1 101 ", 13)) {
		hang_up(ssl);
		return NULL;
	}
	return ssl;
}

/* flags: first byte of the frame; announced: the length in the header. */
static size_t make_frame(uint8_t *out, uint8_t flags, const void *payload,
			 size_t len)
{
	static const uint8_t mask[4] = { 0x11, 0x22, 0x33, 0x44 };
	uint8_t header[FRAME_HEADER_BYTES];
	size_t n = frame_header(FRAME_OP_TEXT, len, header), i;

	memcpy(out, header, n);
	out[0] = flags;
	out[1] |= 0x80;
	memcpy(out + n, mask, 4);
	for (i = 0; i < len; i++)
		out[n + 4 + i] = ((const uint8_t *)payload)[i] ^ mask[i & 3];
	return n + 4 + len;
}

static int send_frame(SSL *ssl, uint8_t flags, const void *payload, size_t len)
{
	uint8_t *out = malloc(len + 14);
	int err = send_bytes(ssl, out, make_frame(out, flags, payload, len));

	free(out);
	return err;
}

static int send_text(SSL *ssl, const char *text)
{
	return send_frame(ssl, 0x81, text, strlen(text));
}

/* Payload of the server's next frame into buf, NUL-terminated; opcode. */
static int read_frame(SSL *ssl, char *buf, size_t size, size_t *ret_len)
{
	uint8_t h[8];
	size_t len, n, i;

	if (read_exactly(ssl, h, 2) || !(h[0] & 0x80) || h[1] & 0x80)
		return -1;
	len = h[1];
	if (len >= 126) {
		n = len == 126 ? 2 : 8;
		if (read_exactly(ssl, h + 0, 0))
			return -1;
		uint8_t ext[8];

		if (read_exactly(ssl, ext, n))
			return -1;
		for (len = 0, i = 0; i < n; i++)
			len = len << 8 | ext[i];
	}
	if (len >= size || read_exactly(ssl, buf, len))
		return -1;
	buf[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return h[0] & 0x0f;
}

/* The status of the server's Close, then the end of the stream; or 0. */
static int read_close(SSL *ssl)
{
	char buf[70000];
	size_t len;
	int opcode, status;

	do {
		opcode = read_frame(ssl, buf, sizeof(buf), &len);
	} while (opcode >= 0 && opcode != FRAME_OP_CLOSE);
	if (opcode < 0 || len < 2)
		return 0;
	status = (uint8_t)buf[0] << 8 | (uint8_t)buf[1];
	return SSL_read(ssl, buf, 1) <= 0 ? status : 0;
}

/* ---- checks ---------------------------------------------------------- */

/* The door is still open, and a message goes through. */
static int good_client_works(void)
{
	SSL *ssl = open_websocket();
	struct message *m;
	int ok;

	before[WSS_UPGRADED]++;
	if (!ssl)
		return 0;
	drop_events();
	ok = !send_text(ssl, OPTIONS) && (m = next_event(WSS_RECEIVED)) != NULL;
	if (ok) {
		ok = event_of(m)->len_bytes == strlen(OPTIONS);
		message_free(m);
	}
	before[WSS_MESSAGES_IN]++;
	hang_up(ssl);
	message_free(next_event(WSS_CLOSED));
	return ok;
}

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
		"GET /..%2fkey.pem HTTP/1.1\r\n" HOST "\r\n", "404",
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
	CHECK(!strncmp(buf, "HTTP/1.1 431 ", 13) &&
	      counted(WSS_REFUSED_REQUEST), "request_too_large_refused");
	hang_up(ssl);
}

static void test_files(void)
{
	char buf[4096];
	SSL *ssl = tls_connect();

	/* Two on one connection, in one write, then the last. */
	send_bytes(ssl, "HEAD / HTTP/1.1\r\n" HOST "\r\n"
			"GET /config.json HTTP/1.1\r\n" LAST, 0 +
		   strlen("HEAD / HTTP/1.1\r\n" HOST "\r\n"
			  "GET /config.json HTTP/1.1\r\n" LAST));
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
	send_bytes(ssl, "GET /app.js?v=1 HTTP/1.1\r\n" LAST,
		   strlen("GET /app.js?v=1 HTTP/1.1\r\n" LAST));
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
	uint8_t out[LIMIT_WSS_FRAGMENTS * 8 + 8];
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
	uint8_t both[1024];

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

static void test_tls(void)
{
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
	const unsigned char *alpn = NULL;
	unsigned int len = 0;

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

static void test_reload(void)
{
	uint64_t until = clock_ms() + WAIT_MS;
	SSL *old = open_websocket();
	char buf[64];

	before[WSS_UPGRADED]++;
	CHECK(server_name_is("one"), "certificate_first_served");
	make_certificate("two");
	CHECK_INT(wss_reload_certificate(wss, certificate, certificate),
		  -EINVAL, "certificate_without_key_refused");
	CHECK_INT(wss_reload_certificate(wss, certificate, key_file), 0,
		  "certificate_reload_accepted");
	while (!server_name_is("two") && clock_ms() < until)
		;
	CHECK(server_name_is("two"), "certificate_reloaded_served");
	send_text(old, "\r\n\r\n");
	CHECK(read_frame(old, buf, sizeof(buf), NULL) == FRAME_OP_TEXT,
	      "client_over_reload_stays");
	hang_up(old);
}

static void test_full_queue(void)
{
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
	struct message *m = queue_take(small), *next;
	unsigned int closed = 0, n = 0;

	for (; m; m = next, n++) {
		next = m->next;
		closed += m->type == WSS_CLOSED;
		message_free(m);
	}
	CHECK(n == 3 && closed == 1, "closed_queue_full_still_told");
	queue_free(small);
}

static void test_limits(void)
{
	struct wss_limits limits = { .clients_per_ip = 2,
				     .messages_per_s = 5,
				     .output_bytes = 100000 };
	char big[60000], buf[256];
	struct message *m;
	SSL *a, *b, *c;
	unsigned int i;
	uint64_t conn;

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
	/* The place is free once the socket is; poll for it. */
	uint64_t until = clock_ms() + WAIT_MS;

	while (!(a = open_websocket()) && clock_ms() < until)
		;
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
	until = clock_ms() + WAIT_MS;
	while (!(a = open_websocket()) && clock_ms() < until)
		;
	send_text(a, "\r\n\r\n");
	CHECK(a && read_frame(a, buf, sizeof(buf), NULL) == FRAME_OP_TEXT,
	      "client_after_limits_works");
	stop();
	/* Stopped under an open client: it was told. */
	CHECK_INT(a ? read_close(a) : 0, 1001, "stop_client_told");
	hang_up(a);
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

	limits = (struct wss_limits){ .ping_ms = 50, .idle_ms = 400 };
	start(&limits, NULL, 1, events);
	drop_events();
	ssl = open_websocket();
	CHECK(ssl && read_frame(ssl, buf, sizeof(buf), NULL) == FRAME_OP_PING,
	      "client_silent_pinged");
	CHECK(read_close(ssl) == 1001 && counted(WSS_TIMEOUT_IDLE),
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
	static const char *const origins[] = { "https://gw.example.com",
					       NULL };

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_ERR);
	set_up_files();
	client_tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(client_tls, TLS1_VERSION);
	queue_create(LIMIT_QUEUE_TO_SIGNALLING, &events);

	CHECK_INT(start(NULL, origins, 2, events), 0, "workers_start");
	test_requests();
	test_large_request();
	test_files();
	test_messages();
	test_frames();
	test_tls();
	test_reload();
	stop();
	test_full_queue();
	test_limits();
	test_timeouts();
	test_start_errors();

	drop_events();
	queue_free(events);
	SSL_CTX_free(client_tls);
	remove_files();
	return tap_done();
}
