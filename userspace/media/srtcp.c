/* SPDX-License-Identifier: Apache-2.0 */
#include "media/srtcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "lib/index.h"
#include "lib/srtcp.h"

/* One sender of the peer (RFC 3711 3.3.2). */
struct sender {
	uint32_t ssrc;
	uint32_t highest;
	__u64 window[SLUICE_WINDOW_BITS / 64];
};

struct srtcp {
	struct sluice_key rx;
	struct sluice_key tx;
	uint32_t next_index;
	uint32_t sender_count;
	struct sender senders[LIMIT_RTCP_SOURCES];
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
	if (n < 0)
		return -EIO;
	s->next_index++;
	memcpy(packet, s->scratch, (size_t)n);
	*len = (size_t)n;
	return 0;
}

static struct sender *find(struct srtcp *s, uint32_t ssrc)
{
	for (uint32_t i = 0; i < s->sender_count; i++)
		if (s->senders[i].ssrc == ssrc)
			return &s->senders[i];
	return NULL;
}

static bool is_fresh(const struct sender *from, uint32_t index)
{
	return !from || index > from->highest ||
	       sluice_window_fresh(from->window, from->highest - index);
}

static void commit(struct srtcp *s, struct sender *from, uint32_t ssrc,
		   uint32_t index)
{
	if (!from) {
		from = &s->senders[s->sender_count++];
		from->ssrc = ssrc;
		from->highest = index;
	}
	if (index > from->highest) {
		sluice_window_shift(from->window, index - from->highest);
		from->highest = index;
	}
	sluice_window_mark(from->window, from->highest - index);
}

int srtcp_unprotect(struct srtcp *s, uint8_t *packet, size_t *len)
{
	uint32_t ssrc, index = 0;
	struct sender *from;
	int n;

	if (*len < SLUICE_SRTCP_CLEAR_LEN)
		return SLUICE_DROP_SHORT;
	if (*len > SLUICE_PACKET_MAX)
		return SLUICE_DROP_TOO_BIG;
	ssrc = sluice_get32(packet + 4);
	from = find(s, ssrc);
	if (!from && s->sender_count == LIMIT_RTCP_SOURCES)
		return SLUICE_DROP_SSRC_LIMIT;
	memcpy(s->scratch, packet, *len);
	n = sluice_srtcp_unprotect(&s->rx, ssrc, s->scratch, (uint32_t)*len,
				   &index);
	if (n < 0)
		return -n;
	if (!is_fresh(from, index))
		return SLUICE_DROP_REPLAY;
	commit(s, from, ssrc, index);
	memcpy(packet, s->scratch, (size_t)n);
	*len = (size_t)n;
	return 0;
}
