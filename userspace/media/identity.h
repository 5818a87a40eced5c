/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's certificate and key: one pair for DTLS and for HTTPS. */
#ifndef MEDIA_IDENTITY_H
#define MEDIA_IDENTITY_H

#include <openssl/ssl.h>

#include "core/addr.h"

#define IDENTITY_FINGERPRINT_LEN	128	/* "sha-256 AA:BB:..." and NUL */

struct identity {
	X509 *certificate;
	EVP_PKEY *key;
	char fingerprint[IDENTITY_FINGERPRINT_LEN];
};

/*
 * Loads both PEM files; if neither is there, makes a self-signed ECDSA P-256
 * certificate for `address` first and stores the pair with mode 0600.
 * -ENOENT: one of the two is missing. Errors are logged with the file.
 */
int identity_load(const char *certificate, const char *private_key,
		  const struct addr *address, struct identity *ret);
void identity_clear(struct identity *id);

#endif
