/* SPDX-License-Identifier: Apache-2.0 */
#include "media/dtls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "uapi/sluice.h"

struct dtls_context {
	SSL_CTX *ssl_ctx;
	BIO_METHOD *method;
};

struct dtls {
	SSL *ssl;
	struct dtls_io io;
	enum dtls_state state;
	bool is_client;
	char error[96];
	/* The datagram being read; the caller's memory. */
	const uint8_t *in;
	size_t in_len;
};

static const struct {
	uint16_t id;
	const char *openssl;
} profile_names[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "SRTP_AES128_CM_SHA1_80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, "SRTP_AES128_CM_SHA1_32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "SRTP_AEAD_AES_128_GCM" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "SRTP_AEAD_AES_256_GCM" },
};

/* ---- a BIO that keeps datagram borders -------------------------------- */

static int bio_read(BIO *bio, char *out, int size)
{
	struct dtls *d = BIO_get_data(bio);
	size_t n;

	BIO_clear_retry_flags(bio);
	if (!d->in) {
		BIO_set_retry_read(bio);
		return -1;
	}
	/* What does not fit is cut off, as a socket would. */
	n = d->in_len < (size_t)size ? d->in_len : (size_t)size;
	memcpy(out, d->in, n);
	d->in = NULL;
	return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	struct dtls *d = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	d->io.send(d->io.arg, data, (size_t)len);
	return len;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct dtls *d = BIO_get_data(bio);

	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_PENDING:
		return d->in ? (long)d->in_len : 0;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return LIMIT_DTLS_MTU;
	default:
		return 0;
	}
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

/* ---- context ---------------------------------------------------------- */

/* Chains mean nothing here: the SDP's fingerprint is compared afterwards. */
static int accept_any(int ok, X509_STORE_CTX *store)
{
	return 1;
}

static int set_profiles(SSL_CTX *ctx, const uint16_t *profiles)
{
	char list[160] = "";

	for (; *profiles; profiles++) {
		const char *name = NULL;

		for (size_t i = 0; i < sizeof(profile_names) /
				   sizeof(profile_names[0]); i++)
			if (profile_names[i].id == *profiles)
				name = profile_names[i].openssl;
		if (!name || strlen(list) + strlen(name) + 2 > sizeof(list))
			return -EINVAL;
		if (list[0])
			strcat(list, ":");
		strcat(list, name);
	}
	/* The odd one out: 0 is success. */
	return SSL_CTX_set_tlsext_use_srtp(ctx, list) ? -EINVAL : 0;
}

static int ssl_ctx_setup(SSL_CTX *ctx, const struct identity *id,
			 const uint16_t *profiles)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET |
				 SSL_OP_NO_RENEGOTIATION |
				 SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
				SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
	if (!SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:"
				     "ECDHE+AES:!aNULL:!PSK") ||
	    SSL_CTX_use_certificate(ctx, id->certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, id->key) != 1)
		return -EINVAL;
	return set_profiles(ctx, profiles);
}

int dtls_context_create(const struct identity *id, const uint16_t *profiles,
			struct dtls_context **ret)
{
	struct dtls_context *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return -ENOMEM;
	c->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				 "sluice datagrams");
	c->ssl_ctx = SSL_CTX_new(DTLS_method());
	if (!c->method || !c->ssl_ctx)
		goto err;
	BIO_meth_set_read(c->method, bio_read);
	BIO_meth_set_write(c->method, bio_write);
	BIO_meth_set_ctrl(c->method, bio_ctrl);
	BIO_meth_set_create(c->method, bio_create);
	err = ssl_ctx_setup(c->ssl_ctx, id, profiles);
	if (err)
		goto err;
	*ret = c;
	return 0;
err:
	ERR_clear_error();
	dtls_context_free(c);
	return err;
}

void dtls_context_free(struct dtls_context *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ssl_ctx);
	BIO_meth_free(c->method);
	free(c);
}

/* ---- one association --------------------------------------------------- */

/*
 * A browser begins with 50 ms, and OpenSSL answers none of its repetitions but
 * by this timer: the second of RFC 6347 4.2.4.1 would be a second of silence
 * after the answer, for one datagram lost. us: 0 for a flight's first time.
 */
static unsigned int retransmission_us(SSL *ssl, unsigned int us)
{
	if (!us)
		return LIMIT_DTLS_RESEND_MS * 1000U;
	return us < LIMIT_DTLS_RESEND_MAX_MS * 500U ?
	       us * 2 : LIMIT_DTLS_RESEND_MAX_MS * 1000U;
}

int dtls_create(struct dtls_context *c, bool is_client,
		const struct dtls_io *io, struct dtls **ret)
{
	struct dtls *d = calloc(1, sizeof(*d));
	BIO *bio;

	if (!d)
		return -ENOMEM;
	d->io = *io;
	d->is_client = is_client;
	d->ssl = SSL_new(c->ssl_ctx);
	bio = BIO_new(c->method);
	if (!d->ssl || !bio) {
		BIO_free(bio);
		dtls_free(d);
		return -ENOMEM;
	}
	BIO_set_data(bio, d);
	SSL_set_bio(d->ssl, bio, bio);
	SSL_set_mtu(d->ssl, LIMIT_DTLS_MTU);
	DTLS_set_timer_cb(d->ssl, retransmission_us);
	if (is_client)
		SSL_set_connect_state(d->ssl);
	else
		SSL_set_accept_state(d->ssl);
	*ret = d;
	return 0;
}

void dtls_free(struct dtls *d)
{
	if (!d)
		return;
	SSL_free(d->ssl);
	free(d);
}

static void fail(struct dtls *d)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	d->state = DTLS_FAILED;
	snprintf(d->error, sizeof(d->error), "%s",
		 reason ? reason : "handshake failed");
}

static void advance(struct dtls *d)
{
	char ignored[64];
	int n;

	ERR_clear_error();
	if (d->state == DTLS_HANDSHAKE) {
		n = SSL_do_handshake(d->ssl);
		if (n == 1) {
			if (SSL_get_selected_srtp_profile(d->ssl)) {
				d->state = DTLS_DONE;
			} else {
				fail(d);
				snprintf(d->error, sizeof(d->error),
					 "no common SRTP profile");
			}
		} else if (SSL_get_error(d->ssl, n) != SSL_ERROR_WANT_READ) {
			fail(d);
		}
	}
	/* Retransmitted flights, alerts; application data goes nowhere. */
	while (d->state == DTLS_DONE) {
		n = SSL_read(d->ssl, ignored, sizeof(ignored));
		if (n > 0)
			continue;
		n = SSL_get_error(d->ssl, n);
		if (n == SSL_ERROR_ZERO_RETURN)
			d->state = DTLS_CLOSED;
		break;
	}
	ERR_clear_error();
}

void dtls_start(struct dtls *d)
{
	if (d->state == DTLS_HANDSHAKE)
		advance(d);
}

void dtls_input(struct dtls *d, const uint8_t *data, size_t len)
{
	if (d->state != DTLS_HANDSHAKE && d->state != DTLS_DONE)
		return;
	d->in = data;
	d->in_len = len;
	advance(d);
	d->in = NULL;
}

int dtls_timeout_ms(struct dtls *d)
{
	struct timeval tv;
	int64_t ms;

	if (d->state != DTLS_HANDSHAKE || !DTLSv1_get_timeout(d->ssl, &tv))
		return -1;
	/* Rounded up: OpenSSL ignores an early call. */
	ms = (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
	return ms > 60000 ? 60000 : (int)ms;
}

void dtls_expired(struct dtls *d)
{
	if (d->state != DTLS_HANDSHAKE)
		return;
	ERR_clear_error();
	if (DTLSv1_handle_timeout(d->ssl) < 0)
		fail(d);
	ERR_clear_error();
}

void dtls_shutdown(struct dtls *d)
{
	if (d->state != DTLS_DONE)
		return;
	SSL_shutdown(d->ssl);
	ERR_clear_error();
	d->state = DTLS_CLOSED;
}

enum dtls_state dtls_state(const struct dtls *d)
{
	return d->state;
}

bool dtls_is_client(const struct dtls *d)
{
	return d->is_client;
}

const char *dtls_error(const struct dtls *d)
{
	return d->error;
}

uint16_t dtls_profile(const struct dtls *d)
{
	SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(d->ssl);

	return p ? (uint16_t)p->id : SLUICE_SRTP_NONE;
}

int dtls_export(const struct dtls *d, uint8_t *ret_material, size_t len)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";

	if (SSL_export_keying_material(d->ssl, ret_material, len, label,
				       sizeof(label) - 1, NULL, 0, 0) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	return 0;
}

int dtls_check_fingerprint(const struct dtls *d, const char *hash,
			   const uint8_t *fingerprint, size_t len)
{
	static const struct {
		const char *name;
		const EVP_MD *(*md)(void);
	} hashes[] = {
		{ "sha-256", EVP_sha256 },
		{ "sha-384", EVP_sha384 },
		{ "sha-512", EVP_sha512 },
	};
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int md_len = 0;
	const EVP_MD *type = NULL;
	X509 *peer;
	int ok;

	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (!strcasecmp(hash, hashes[i].name))
			type = hashes[i].md();
	if (!type)
		return -EINVAL;
	peer = SSL_get1_peer_certificate(d->ssl);
	if (!peer)
		return -EKEYREJECTED;
	ok = X509_digest(peer, type, md, &md_len);
	X509_free(peer);
	if (!ok || md_len != len || CRYPTO_memcmp(md, fingerprint, len))
		return -EKEYREJECTED;
	return 0;
}
