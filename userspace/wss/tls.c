/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/internal.h"

#include <errno.h>
#include <string.h>

#include "core/log.h"

/*
 * Not by the certificates of the connection's own SSL_CTX: it has one for each
 * kind of key, so that an RSA one stays beside its successor with ECDSA.
 */
static int present(SSL *ssl, void *arg)
{
	SSL_CTX *identity = *(SSL_CTX **)arg;
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(identity, &chain);
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(identity),
				    SSL_CTX_get0_privatekey(identity), chain,
				    1) == 1;
}

void tls_configure(SSL_CTX *ctx, SSL_CTX **identity)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
				 SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* An idle client holds no record buffers: 34 KB each. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_cert_cb(ctx, present, identity);
}

static int fail(const char *file)
{
	char text[120];

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	ERR_clear_error();
	log_err("web: %s: %s", file, text);
	return -EINVAL;
}

/* A key under a password must not make the daemon ask a terminal. */
static int no_password(char *buf, int size, int is_writing, void *arg)
{
	return 0;
}

int tls_load(const char *certificate, const char *key, SSL_CTX **ret)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int err = 0;

	if (!ctx)
		return -ENOMEM;
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		err = fail(certificate);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(ctx) != 1)
		err = fail(key);
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	*ret = ctx;
	return 0;
}

int tls_check(const char *certificate, const char *key)
{
	SSL_CTX *ctx;
	int err = tls_load(certificate, key, &ctx);

	if (!err)
		SSL_CTX_free(ctx);
	return err;
}
