/* SPDX-License-Identifier: Apache-2.0 */
/* SRTCP of one DTLS-SRTP association, both directions (RFC 3711 3.4). */
#ifndef MEDIA_SRTCP_H
#define MEDIA_SRTCP_H

#include <stddef.h>
#include <stdint.h>

#include "media/keys.h"

/* What protection adds at most: E and index, MKI-less tag of 16. */
#define SRTCP_TRAILER_MAX	20

struct srtcp;

int srtcp_create(const struct srtp_master *m, struct srtcp **ret);
void srtcp_free(struct srtcp *s);		/* accepts NULL */

/* In place; -ENOBUFS unless SRTCP_TRAILER_MAX bytes are left, -EIO. */
int srtcp_protect(struct srtcp *s, uint8_t *packet, size_t *len,
		  size_t capacity);
/*
 * In place; enum sluice_drop as a positive number when refused: AUTH, REPLAY,
 * SHORT, SSRC_LIMIT.
 */
int srtcp_unprotect(struct srtcp *s, uint8_t *packet, size_t *len);

#endif
