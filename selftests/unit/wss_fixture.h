/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the web workers: workers on loopback with a throw-away
 * certificate, and a client that writes raw bytes into TLS.
 */
#ifndef SELFTESTS_WSS_FIXTURE_H
#define SELFTESTS_WSS_FIXTURE_H

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
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
#define HANG_S		180

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

static inline void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		exit(1);
}

/* Takes the key over. */
static inline void make_certificate_of(const char *name, EVP_PKEY *pkey)
{
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

static inline void make_certificate(const char *name)
{
	make_certificate_of(name, EVP_EC_gen("P-256"));
}

static inline void set_up_files(void)
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

static inline void remove_files(void)
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

static inline int start(const struct wss_limits *limits, const char *const *origins,
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

static inline void stop(void)
{
	wss_stop(wss);
	wss = NULL;
}

static inline uint64_t counter(enum wss_counter c)
{
	uint64_t now[WSS_COUNTER_MAX];

	wss_counters(wss, now);
	return now[c];
}

/* True once the counter has grown by one since the last call for it. */
static inline int counted(enum wss_counter c)
{
	uint64_t until = clock_ms() + WAIT_MS;

	while (counter(c) == before[c] && clock_ms() < until)
		poll(NULL, 0, 2);
	before[c]++;
	return counter(c) == before[c];
}

/* The next event of a type; others are dropped. NULL after WAIT_MS. */
static inline struct message *next_event(uint32_t type)
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

static inline void drop_events(void)
{
	struct message *m, *next;

	next_event(0);
	for (m = queue_take(events); m; m = next) {
		next = m->next;
		message_free(m);
	}
}

static inline struct wss_event *event_of(struct message *m)
{
	return (struct wss_event *)m->data;
}

/* ---- client ---------------------------------------------------------- */

/* segment: bytes of a TCP segment, which buffers grow with; 0: as usual. */
static inline int tcp_connect_by(int segment)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(wss_port(wss)),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;

	if (segment) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment,
			   sizeof(segment));
	}
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin))) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int tcp_connect(void)
{
	return tcp_connect_by(0);
}

/* Takes fd over. */
static inline SSL *tls_over(int fd)
{
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

static inline SSL *tls_connect(void)
{
	return tls_over(tcp_connect());
}

static inline void hang_up(SSL *ssl)
{
	int fd;

	if (!ssl)
		return;
	fd = SSL_get_fd(ssl);
	SSL_free(ssl);
	close(fd);
}

static inline int send_bytes(SSL *ssl, const void *data, size_t len)
{
	return ssl && SSL_write(ssl, data, (int)len) == (int)len ? 0 : -1;
}

/* All up to the end, the server's close or a timeout. */
static inline size_t read_all(SSL *ssl, char *buf, size_t size)
{
	size_t len = 0;
	int n;

	while (ssl && len < size - 1 &&
	       (n = SSL_read(ssl, buf + len, (int)(size - 1 - len))) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return len;
}

static inline int read_exactly(SSL *ssl, void *buf, size_t len)
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
static inline int read_head(SSL *ssl, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size - 1 && SSL_read(ssl, buf + len, 1) == 1) {
		buf[++len] = '\0';
		if (len >= 4 && !strcmp(buf + len - 4, "\r\n\r\n"))
			return 0;
	}
	return -1;
}

static inline SSL *open_websocket_over(int fd)
{
	char head[1024];
	SSL *ssl = tls_over(fd);

	if (!ssl || send_bytes(ssl, GOOD, strlen(GOOD)) ||
	    read_head(ssl, head, sizeof(head)) ||
	    strncmp(head, "HTTP/1.1 101 ", 13)) {
		hang_up(ssl);
		return NULL;
	}
	return ssl;
}

static inline SSL *open_websocket(void)
{
	return open_websocket_over(tcp_connect());
}

/* flags: first byte of the frame; announced: the length in the header. */
static inline size_t make_frame(uint8_t *out, uint8_t flags, const void *payload,
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

static inline int send_frame(SSL *ssl, uint8_t flags, const void *payload, size_t len)
{
	uint8_t *out = malloc(len + 14);
	int err = send_bytes(ssl, out, make_frame(out, flags, payload, len));

	free(out);
	return err;
}

static inline int send_text(SSL *ssl, const char *text)
{
	return send_frame(ssl, 0x81, text, strlen(text));
}

/* Payload of the server's next frame into buf, NUL-terminated; opcode. */
static inline int read_frame(SSL *ssl, char *buf, size_t size, size_t *ret_len)
{
	uint8_t h[8];
	size_t len, n, i;
	int opcode;

	if (read_exactly(ssl, h, 2) || !(h[0] & 0x80) || h[1] & 0x80)
		return -1;
	opcode = h[0] & 0x0f;
	len = h[1];
	if (len >= 126) {
		n = len == 126 ? 2 : 8;
		if (read_exactly(ssl, h, n))
			return -1;
		for (len = 0, i = 0; i < n; i++)
			len = len << 8 | h[i];
	}
	if (len >= size || read_exactly(ssl, buf, len))
		return -1;
	buf[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return opcode;
}

/* The status of the server's Close, then the end of the stream; or 0. */
static inline int read_close(SSL *ssl)
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
static inline int good_client_works(void)
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

static inline void set_up(void)
{
	signal(SIGPIPE, SIG_IGN);
	/*
	 * For an answer that never comes. Not SO_RCVTIMEO: with it, libuv's
	 * io_uring work ends a read by EINTR instead of restarting it.
	 */
	alarm(HANG_S);
	log_set_level(LOG_LEVEL_ERR);
	set_up_files();
	client_tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(client_tls, TLS1_VERSION);
	queue_create(LIMIT_QUEUE_TO_SIGNALLING, &events);
}

static inline void tear_down(void)
{
	drop_events();
	queue_free(events);
	SSL_CTX_free(client_tls);
	remove_files();
}

#endif
