/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/internal.h"

#include <errno.h>
#include <string.h>

#include "core/log.h"

void tls_configure(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
				 SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* An idle client holds no record buffers: 34 KB each. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
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

int tls_load(SSL_CTX *ctx, const char *certificate, const char *key)
{
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return fail(certificate);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return fail(key);
	return 0;
}

int tls_check(const char *certificate, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int err;

	if (!ctx)
		return -ENOMEM;
	err = tls_load(ctx, certificate, key);
	SSL_CTX_free(ctx);
	return err;
}
