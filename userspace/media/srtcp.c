/* SPDX-License-Identifier: Apache-2.0 */
#include "media/srtcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/index.h"
#include "lib/mki.h"
#include "lib/srtcp.h"

struct srtcp {
	struct sluice_key rx;
	struct sluice_key tx;
	uint32_t next_index;
	struct sluice_peer peer;	/* its senders (RFC 3711 3.3.2) */
	uint8_t scratch[SLUICE_SCRATCH] __attribute__((aligned(8)));
};

int srtcp_create(const struct sluice_key *rx, const struct sluice_key *tx,
		 uint32_t first_index, struct srtcp **ret)
{
	struct srtcp *s;

	if (!sluice_srtcp_tag_len(rx->profile) ||
	    !sluice_srtcp_tag_len(tx->profile))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->rx = *rx;
	s->tx = *tx;
	s->next_index = first_index;
	*ret = s;
	return 0;
}

void srtcp_free(struct srtcp *s)
{
	if (!s)
		return;
	explicit_bzero(s, sizeof(*s));
	free(s);
}

uint32_t srtcp_next_index(const struct srtcp *s)
{
	return s->next_index;
}

void srtcp_raise(struct srtcp *s, uint64_t next_index)
{
	if (next_index > SLUICE_SRTCP_INDEX_MAX)
		next_index = SLUICE_SRTCP_INDEX_MAX + 1U;
	if (next_index > s->next_index)
		s->next_index = (uint32_t)next_index;
}

void srtcp_get_senders(const struct srtcp *s, struct sluice_peer *ret)
{
	ret->senders = s->peer.senders;
	memcpy(ret->sender, s->peer.sender, sizeof(ret->sender));
}

void srtcp_set_senders(struct srtcp *s, const struct sluice_peer *peer)
{
	s->peer.senders = peer->senders;
	memcpy(s->peer.sender, peer->sender, sizeof(peer->sender));
}

int srtcp_protect(struct srtcp *s, uint8_t *packet, size_t *len,
		  size_t capacity)
{
	int n;

	if (*len + SRTCP_TRAILER_MAX > capacity ||
	    *len > SLUICE_PACKET_MAX - SRTCP_TRAILER_MAX)
		return -ENOBUFS;
	if (*len < SLUICE_SRTCP_CLEAR_LEN)
		return -EIO;
	memcpy(s->scratch, packet, *len);
	n = sluice_srtcp_protect(&s->tx, s->next_index,
				 sluice_get32(packet + 4), s->scratch,
				 (uint32_t)*len);
	if (n > 0)
		n = sluice_mki_put(&s->tx, s->scratch, (uint32_t)n,
				   sluice_srtcp_tag_len(s->tx.profile));
	if (n < 0)
		return -EIO;
	s->next_index++;
	memcpy(packet, s->scratch, (size_t)n);
	*len = (size_t)n;
	return 0;
}

int srtcp_unprotect(struct srtcp *s, uint8_t *packet, size_t *len,
		    bool is_accepted)
{
	uint32_t ssrc, index = 0;
	int n, err = 0;

	if (*len < SLUICE_SRTCP_CLEAR_LEN)
		return SLUICE_DROP_SHORT;
	if (*len > SLUICE_PACKET_MAX)
		return SLUICE_DROP_TOO_BIG;
	ssrc = sluice_get32(packet + 4);
	memcpy(s->scratch, packet, *len);
	n = sluice_mki_take(&s->rx, s->scratch, (uint32_t)*len,
			    sluice_srtcp_tag_len(s->rx.profile));
	if (n < 0)
		return -n;
	n = sluice_srtcp_unprotect(&s->rx, ssrc, s->scratch, (uint32_t)n,
				   &index);
	if (n < 0)
		return -n;
	if (!is_accepted)
		err = sluice_peer_accept(&s->peer, ssrc, index);
	if (err)
		return -err;
	memcpy(packet, s->scratch, (size_t)n);
	*len = (size_t)n;
	return 0;
}
