/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS 1.2 for DTLS-SRTP (RFC 5764), over datagrams that somebody else
 * receives and sends. Media thread only.
 */
#ifndef MEDIA_DTLS_H
#define MEDIA_DTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/identity.h"

struct dtls_context;
struct dtls;

enum dtls_state {
	DTLS_HANDSHAKE,
	DTLS_DONE,
	DTLS_CLOSED,		/* the peer sent close_notify */
	DTLS_FAILED,
};

struct dtls_io {
	void (*send)(void *arg, const void *datagram, size_t len);
	void *arg;
};

/* profiles: enum sluice_srtp_profile, preferred first, 0-terminated. */
int dtls_context_create(const struct identity *id, const uint16_t *profiles,
			struct dtls_context **ret);
void dtls_context_free(struct dtls_context *c);	/* accepts NULL */

/* A client sends its ClientHello with dtls_start(). */
int dtls_create(struct dtls_context *c, bool is_client,
		const struct dtls_io *io, struct dtls **ret);
void dtls_free(struct dtls *d);			/* accepts NULL */
void dtls_start(struct dtls *d);
/* Exactly one datagram. The state may change. */
void dtls_input(struct dtls *d, const uint8_t *data, size_t len);
/* Retransmission: -1 none pending, 0 due, else milliseconds. */
int dtls_timeout_ms(struct dtls *d);
void dtls_expired(struct dtls *d);
/* close_notify, once the handshake is done. */
void dtls_shutdown(struct dtls *d);

enum dtls_state dtls_state(const struct dtls *d);
bool dtls_is_client(const struct dtls *d);
/* Why it failed; never NULL. */
const char *dtls_error(const struct dtls *d);

/* The following need DTLS_DONE. */
uint16_t dtls_profile(const struct dtls *d);	/* enum sluice_srtp_profile */
/* RFC 5764 4.2: len bytes of "EXTRACTOR-dtls_srtp". */
int dtls_export(const struct dtls *d, uint8_t *ret_material, size_t len);
/*
 * Compares the peer's certificate with the SDP's fingerprint (RFC 8122), in
 * constant time. -EKEYREJECTED: another certificate; -EINVAL: unknown hash.
 */
int dtls_check_fingerprint(const struct dtls *d, const char *hash,
			   const uint8_t *fingerprint, size_t len);

#endif
