/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SRTCP of one DTLS-SRTP association, both directions (RFC 3711 3.4), by the
 * session keys that the datapath works with: the masters are not kept, so
 * that a restarted daemon goes on with what lies in the kernel.
 */
#ifndef MEDIA_SRTCP_H
#define MEDIA_SRTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uapi/sluice.h"

/* What protection adds at most: E and index, a tag of 16, the MKI. */
#define SRTCP_TRAILER_MAX	(20 + SLUICE_MKI_MAX)

struct srtcp;

/* first_index: of the first packet to be sent (one index space for all SSRCs). */
int srtcp_create(const struct sluice_key *rx, const struct sluice_key *tx,
		 uint32_t first_index, struct srtcp **ret);
void srtcp_free(struct srtcp *s);		/* accepts NULL */

/* Index of the packet that srtcp_protect() makes next. */
uint32_t srtcp_next_index(const struct srtcp *s);
/* Whatever was used elsewhere lies below. */
void srtcp_raise(struct srtcp *s, uint64_t next_index);
/* The replay windows, to and from the datapath's form. */
void srtcp_get_senders(const struct srtcp *s, struct sluice_peer *ret);
void srtcp_set_senders(struct srtcp *s, const struct sluice_peer *peer);
/* In place; -ENOBUFS unless SRTCP_TRAILER_MAX bytes are left, -EIO. */
int srtcp_protect(struct srtcp *s, uint8_t *packet, size_t *len,
		  size_t capacity);
/*
 * In place; enum sluice_drop as a positive number when refused: AUTH, REPLAY,
 * SHORT, TOO_BIG, SSRC_LIMIT. is_accepted: the kernel has looked at the index
 * already.
 */
int srtcp_unprotect(struct srtcp *s, uint8_t *packet, size_t *len,
		    bool is_accepted);

#endif
