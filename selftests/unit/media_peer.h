/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the media thread's tests need: the thread itself on 127.0.0.1 with the
 * user backend, and a browser made of a socket, OpenSSL and libsrtp2, that
 * shares no code with the gateway but the STUN reader.
 */
#ifndef SELFTESTS_MEDIA_PEER_H
#define SELFTESTS_MEDIA_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/random.h"
#include "lib/stun.h"
#include "media/media.h"
#include "tap.h"

#define PATIENCE_MS	10000	/* a limit for failures, never waited out */

struct bench {
	struct media *media;
	struct queue *events;
	struct message *pending;	/* taken, not yet looked at */
	struct addr web;
	char dir[32], cert[64], key[64];
};

/* ---- sockets ----------------------------------------------------------- */

static inline struct sockaddr_in peer_addr(const char *ip, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &sa.sin_addr);
	return sa;
}

static inline int peer_socket(const char *ip)
{
	struct sockaddr_in sa = peer_addr(ip, 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
		exit(1);
	return fd;
}

static inline uint16_t peer_port(int fd)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	getsockname(fd, (struct sockaddr *)&sa, &len);
	return ntohs(sa.sin_port);
}

static inline struct addr peer_name(int fd)
{
	struct addr a;

	addr_parse_ip("127.0.0.1", &a);
	a.port = peer_port(fd);
	return a;
}

static inline void peer_send(int fd, const struct addr *to, const void *data,
			     size_t len)
{
	struct sockaddr_storage sa;
	socklen_t n = addr_to_sockaddr(to, &sa);

	sendto(fd, data, len, 0, (struct sockaddr *)&sa, n);
}

/* 0: nothing came. */
static inline size_t peer_recv(int fd, void *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		return 0;
	n = recv(fd, buf, size, 0);
	return n > 0 ? (size_t)n : 0;
}

/* What is there already; 0: nothing. */
static inline size_t peer_recv_now(int fd, void *buf, size_t size)
{
	ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

/* ---- the thread -------------------------------------------------------- */

static inline int bench_start_want(struct bench *b, uint32_t web_timeout_ms,
				   uint32_t sip_timeout_ms, int want)
{
	struct media_settings s = {
		.rtp_port_min = 21000, .rtp_port_max = 21999,
		.srtp_profiles = { SLUICE_SRTP_AEAD_AES_128_GCM,
				   SLUICE_SRTP_AES128_CM_SHA1_80 },
		.web_timeout_ms = web_timeout_ms,
		.sip_timeout_ms = sip_timeout_ms,
	};
	int fd = peer_socket("127.0.0.1");

	memset(b, 0, sizeof(*b));
	strcpy(b->dir, "/tmp/sluice-media-XXXXXX");
	if (!mkdtemp(b->dir) || queue_create(4096, &b->events))
		return -1;
	snprintf(b->cert, sizeof(b->cert), "%s/cert.pem", b->dir);
	snprintf(b->key, sizeof(b->key), "%s/key.pem", b->dir);
	s.certificate = b->cert;
	s.private_key = b->key;
	s.web = s.web_public = peer_name(fd);
	close(fd);
	b->web = s.web;
	addr_parse_ip("127.0.0.1", &s.sip);
	s.datapath.want = want;
	s.datapath.web = s.web;
	s.datapath.sip = s.sip;
	return media_start(&s, b->events, &b->media);
}

static inline int bench_start(struct bench *b, uint32_t web_timeout_ms,
			      uint32_t sip_timeout_ms)
{
	return bench_start_want(b, web_timeout_ms, sip_timeout_ms,
				DATAPATH_WANT_USER);
}

static inline void bench_stop(struct bench *b)
{
	struct message *next;

	media_stop(b->media, false);
	for (; b->pending; b->pending = next) {
		next = b->pending->next;
		message_free(b->pending);
	}
	queue_free(b->events);
	unlink(b->cert);
	unlink(b->key);
	rmdir(b->dir);
}

/* The next message of that type and session; the caller frees it. NULL: none. */
static inline struct message *bench_event(struct bench *b, uint32_t type,
					  uint32_t id)
{
	uint64_t end = clock_ms() + PATIENCE_MS;

	do {
		struct pollfd p = { .fd = queue_fd(b->events),
				    .events = POLLIN };

		while (b->pending) {
			struct message *m = b->pending;

			b->pending = m->next;
			/* Each begins with its session's id. */
			if (m->type == type && *(uint32_t *)m->data == id)
				return m;
			message_free(m);
		}
		poll(&p, 1, 100);
		b->pending = queue_take(b->events);
	} while (clock_ms() < end);
	return NULL;
}

static inline int bench_has_event(struct bench *b, uint32_t type, uint32_t id,
				  struct media_event *ret)
{
	struct message *m = bench_event(b, type, id);

	if (!m)
		return 0;
	if (ret)
		memcpy(ret, m->data, sizeof(*ret));
	message_free(m);
	return 1;
}

/* Waits until so many drops of one reason were counted. */
static inline int bench_dropped(struct bench *b, enum sluice_drop reason,
				uint64_t count)
{
	struct datapath_totals t[DATAPATH_BACKENDS];
	uint64_t end = clock_ms() + PATIENCE_MS;

	do {
		media_totals(b->media, t);
		if (t[DATAPATH_USER].drops[reason] >= count)
			return t[DATAPATH_USER].drops[reason] == count;
		poll(NULL, 0, 20);
	} while (clock_ms() < end);
	return 0;
}

/* ---- STUN -------------------------------------------------------------- */

struct check {
	const char *username;
	const char *password;	/* NULL: no MESSAGE-INTEGRITY */
	bool use_candidate;
	bool is_controlled;
	bool no_fingerprint;
	uint16_t unknown;	/* an attribute more; 0: none */
};

static inline uint8_t *check_attr(uint8_t *buf, size_t *len, uint16_t type,
				  const void *value, uint16_t n)
{
	uint8_t *p = buf + *len;

	memset(p, 0, 4 + ((n + 3) & ~3));
	sluice_put16(p, type);
	sluice_put16(p + 2, n);
	if (value)
		memcpy(p + 4, value, n);
	*len += 4 + ((n + 3) & ~3U);
	sluice_put16(buf + 2, (uint16_t)(*len - 20));
	return p + 4;
}

static inline size_t check_build(const struct check *c, uint8_t *buf)
{
	static const uint8_t tie[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint8_t priority[4] = { 0x6e, 0, 1, 0xff };
	size_t len = 20, off;
	uint8_t *p;
	unsigned int n;

	memset(buf, 0, 20);
	sluice_put16(buf, SLUICE_STUN_BINDING_REQUEST);
	sluice_put32(buf + 4, SLUICE_STUN_COOKIE);
	random_bytes(buf + 8, 12);
	check_attr(buf, &len, SLUICE_STUN_USERNAME, c->username,
		   (uint16_t)strlen(c->username));
	check_attr(buf, &len, c->is_controlled ? SLUICE_STUN_ICE_CONTROLLED :
		   SLUICE_STUN_ICE_CONTROLLING, tie, 8);
	check_attr(buf, &len, SLUICE_STUN_PRIORITY, priority, 4);
	if (c->use_candidate)
		check_attr(buf, &len, SLUICE_STUN_USE_CANDIDATE, NULL, 0);
	if (c->unknown)
		check_attr(buf, &len, c->unknown, tie, 8);
	if (c->password) {
		off = len;
		p = check_attr(buf, &len, SLUICE_STUN_MESSAGE_INTEGRITY, NULL,
			       20);
		HMAC(EVP_sha1(), c->password, (int)strlen(c->password), buf,
		     off, p, &n);
	}
	if (!c->no_fingerprint) {
		off = len;
		p = check_attr(buf, &len, SLUICE_STUN_FINGERPRINT, NULL, 4);
		sluice_put32(p, sluice_stun_fingerprint(buf, (uint32_t)off));
	}
	return len;
}

/* ---- a browser --------------------------------------------------------- */

struct browser {
	int fd;
	EVP_PKEY *key;
	X509 *cert;
	SSL_CTX *ctx;
	SSL *ssl;
	srtp_t rx, tx;
	uint16_t profile;
};

static inline int browser_any(int ok, X509_STORE_CTX *store)
{
	return 1;
}

static inline void browser_open(struct browser *w, const struct addr *gateway,
				const char *profiles)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(gateway, &sa);
	struct timeval tv = { .tv_sec = 1 };
	X509_NAME *name;
	BIO *bio;

	memset(w, 0, sizeof(*w));
	srtp_init();
	w->fd = peer_socket("127.0.0.1");
	if (connect(w->fd, (struct sockaddr *)&sa, len))
		exit(1);
	w->key = EVP_EC_gen("P-256");
	w->cert = X509_new();
	name = X509_get_subject_name(w->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"WebRTC", -1, -1, 0);
	X509_set_issuer_name(w->cert, name);
	ASN1_INTEGER_set(X509_get_serialNumber(w->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(w->cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(w->cert), 3600);
	X509_set_pubkey(w->cert, w->key);
	X509_sign(w->cert, w->key, EVP_sha256());
	w->ctx = SSL_CTX_new(DTLS_method());
	SSL_CTX_use_certificate(w->ctx, w->cert);
	SSL_CTX_use_PrivateKey(w->ctx, w->key);
	SSL_CTX_set_verify(w->ctx, SSL_VERIFY_PEER, browser_any);
	SSL_CTX_set_tlsext_use_srtp(w->ctx, profiles);
	w->ssl = SSL_new(w->ctx);
	bio = BIO_new_dgram(w->fd, BIO_NOCLOSE);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &sa);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_RECV_TIMEOUT, 0, &tv);
	SSL_set_bio(w->ssl, bio, bio);
}

static inline void browser_close(struct browser *w)
{
	if (w->rx)
		srtp_dealloc(w->rx);
	if (w->tx)
		srtp_dealloc(w->tx);
	SSL_free(w->ssl);
	SSL_CTX_free(w->ctx);
	X509_free(w->cert);
	EVP_PKEY_free(w->key);
	close(w->fd);
}

static inline int browser_fingerprint(const struct browser *w,
				      struct media_config *c)
{
	strcpy(c->fingerprint_hash, "sha-256");
	return X509_digest(w->cert, EVP_sha256(), c->fingerprint,
			   &c->fingerprint_len);
}

/* Sends a check and reads the answer: its type, 0 if none. */
static inline int browser_check(struct browser *w, const struct check *c,
				struct sluice_stun *ret, uint8_t *buf)
{
	uint8_t request[512];
	size_t len = check_build(c, request);

	send(w->fd, request, len, 0);
	len = peer_recv(w->fd, buf, 2048);
	if (!len || sluice_stun_parse(buf, len, ret) ||
	    memcmp(ret->transaction_id, request + 8, 12))
		return 0;
	return ret->type;
}

static inline srtp_t browser_srtp(uint16_t profile, const uint8_t *key,
				  const uint8_t *salt, bool is_tx)
{
	size_t salt_len = profile >= 7 ? 12 : 14;
	srtp_policy_t p = { 0 };
	uint8_t master[64];
	srtp_t s;

	srtp_crypto_policy_set_from_profile_for_rtp(&p.rtp, profile);
	srtp_crypto_policy_set_from_profile_for_rtcp(&p.rtcp, profile);
	memcpy(master, key, 16);
	memcpy(master + 16, salt, salt_len);
	p.key = master;
	p.ssrc.type = is_tx ? ssrc_any_outbound : ssrc_any_inbound;
	p.window_size = 128;
	return srtp_create(&s, &p) ? NULL : s;
}

/* Blocking; true once both directions have keys. */
static inline int browser_handshake(struct browser *w, bool is_client)
{
	uint64_t end = clock_ms() + PATIENCE_MS;
	size_t salt_len;
	uint8_t m[60];
	int n;

	do {
		n = is_client ? SSL_connect(w->ssl) : SSL_accept(w->ssl);
		if (n <= 0 && SSL_get_error(w->ssl, n) != SSL_ERROR_WANT_READ)
			return 0;
	} while (n <= 0 && clock_ms() < end);
	if (n <= 0 || !SSL_get_selected_srtp_profile(w->ssl))
		return 0;
	w->profile = (uint16_t)SSL_get_selected_srtp_profile(w->ssl)->id;
	salt_len = w->profile >= 7 ? 12 : 14;
	SSL_export_keying_material(w->ssl, m, 32 + 2 * salt_len,
				   "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0);
	w->tx = browser_srtp(w->profile, m + (is_client ? 0 : 16),
			     m + 32 + (is_client ? 0 : salt_len), true);
	w->rx = browser_srtp(w->profile, m + (is_client ? 16 : 0),
			     m + 32 + (is_client ? salt_len : 0), false);
	return w->tx && w->rx;
}

/* ---- RTP --------------------------------------------------------------- */

static inline size_t rtp_build(uint8_t *buf, uint8_t pt, uint16_t seq,
			       uint32_t timestamp, uint32_t ssrc,
			       const char *payload)
{
	size_t n = strlen(payload);

	buf[0] = 0x80;
	buf[1] = pt;
	sluice_put16(buf + 2, seq);
	sluice_put32(buf + 4, timestamp);
	sluice_put32(buf + 8, ssrc);
	memcpy(buf + 12, payload, n);
	return 12 + n;
}

#endif
