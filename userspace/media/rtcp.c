/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtcp.h"

#include <errno.h>
#include <string.h>

#include "lib/port.h"

#define RTCP_SR		200
#define RTCP_RR		201
#define RTCP_SDES	202
#define RTCP_BYE	203
#define RTCP_PSFB	206

#define PSFB_PLI	1	/* RFC 4585 6.3.1 */
#define PSFB_FIR	4	/* RFC 5104 4.3.1 */

#define BLOCK_LEN	24
#define SENDER_INFO_LEN	20

static struct rtcp_sender *sender_get(struct rtcp_compound *c, uint32_t ssrc)
{
	for (uint32_t i = 0; i < c->sender_count; i++)
		if (c->sender[i].ssrc == ssrc)
			return &c->sender[i];
	if (c->sender_count == RTCP_SENDERS_MAX)
		return NULL;
	c->sender[c->sender_count].ssrc = ssrc;
	return &c->sender[c->sender_count++];
}

static int parse_report(const uint8_t *p, size_t len, unsigned int count,
			bool is_sr, struct rtcp_compound *c)
{
	size_t off = 8 + (is_sr ? SENDER_INFO_LEN : 0);
	struct rtcp_sender *s;

	if (len < off + count * BLOCK_LEN)
		return -EINVAL;
	s = sender_get(c, sluice_get32(p + 4));
	if (s && is_sr) {
		s->has_info = true;
		s->ntp = sluice_get64(p + 8);
		s->timestamp = sluice_get32(p + 16);
		s->packets = sluice_get32(p + 20);
		s->bytes = sluice_get32(p + 24);
	}
	for (; count; count--, off += BLOCK_LEN) {
		struct rtcp_block *b = &c->block[c->block_count];

		if (c->block_count == RTCP_BLOCKS_MAX)
			break;
		b->ssrc = sluice_get32(p + off);
		b->loss = sluice_get32(p + off + 4);
		b->highest_seq = sluice_get32(p + off + 8);
		b->jitter = sluice_get32(p + off + 12);
		b->lsr = sluice_get32(p + off + 16);
		b->dlsr = sluice_get32(p + off + 20);
		c->block_count++;
	}
	return 0;
}

static int parse_bye(const uint8_t *p, size_t len, unsigned int count,
		     struct rtcp_compound *c)
{
	if (len < 4 + 4 * (size_t)count)
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++) {
		struct rtcp_sender *s;

		s = sender_get(c, sluice_get32(p + 4 + 4 * i));
		if (s)
			s->has_left = true;
	}
	return 0;
}

static void feedback_add(struct rtcp_compound *c, uint32_t ssrc, bool is_fir,
			 uint8_t seq)
{
	struct rtcp_feedback *f = &c->feedback[c->feedback_count];

	if (c->feedback_count == RTCP_FEEDBACK_MAX)
		return;
	f->ssrc = ssrc;
	f->is_fir = is_fir;
	f->fir_seq = seq;
	c->feedback_count++;
}

static int parse_psfb(const uint8_t *p, size_t len, unsigned int format,
		      struct rtcp_compound *c)
{
	if (len < 12)
		return -EINVAL;
	if (format == PSFB_PLI)
		feedback_add(c, sluice_get32(p + 8), false, 0);
	/* A FIR names its targets in its entries only. */
	for (size_t off = 12; format == PSFB_FIR && off + 8 <= len; off += 8)
		feedback_add(c, sluice_get32(p + off), true, p[off + 4]);
	return 0;
}

static int parse_packet(const uint8_t *p, size_t len, struct rtcp_compound *c)
{
	unsigned int count = p[0] & 0x1f;

	switch (p[1]) {
	case RTCP_SR:
	case RTCP_RR:
		return parse_report(p, len, count, p[1] == RTCP_SR, c);
	case RTCP_BYE:
		return parse_bye(p, len, count, c);
	case RTCP_PSFB:
		return parse_psfb(p, len, count, c);
	default:
		/* SDES is ours to write; the rest is not negotiated. */
		return 0;
	}
}

int rtcp_parse(const uint8_t *data, size_t len, struct rtcp_compound *ret)
{
	struct rtcp_compound c = { 0 };
	size_t off = 0, packet_len;
	int err;

	if (len < 8 || len % 4)
		return -EINVAL;
	/* RFC 3550 6.1: a report first; RFC 5506 lets feedback go alone. */
	if (data[1] != RTCP_SR && data[1] != RTCP_RR && data[1] != RTCP_PSFB)
		return -EINVAL;
	while (off < len) {
		const uint8_t *p = data + off;
		size_t body;

		if (len - off < 4 || p[0] >> 6 != 2)
			return -EINVAL;
		packet_len = 4 + 4 * (size_t)sluice_get16(p + 2);
		if (packet_len > len - off)
			return -EINVAL;
		body = packet_len;
		if (p[0] & 0x20) {
			/* Padding: in the last packet only, A.2. */
			if (off + packet_len != len ||
			    !p[packet_len - 1] || p[packet_len - 1] % 4 ||
			    p[packet_len - 1] > packet_len - 4)
				return -EINVAL;
			body -= p[packet_len - 1];
		}
		err = parse_packet(p, body, &c);
		if (err)
			return err;
		off += packet_len;
	}
	*ret = c;
	return 0;
}

/* ---- writing ----------------------------------------------------------- */

struct writer {
	uint8_t *buf;
	size_t len;
	size_t capacity;
	bool is_full;
};

static void put32(struct writer *w, uint32_t v)
{
	if (w->capacity - w->len < 4) {
		w->is_full = true;
		return;
	}
	sluice_put32(w->buf + w->len, v);
	w->len += 4;
}

/* Words after the first one are known when the packet is complete. */
static void put_header(struct writer *w, unsigned int count, unsigned int type,
		       size_t words)
{
	put32(w, 2U << 30 | count << 24 | type << 16 | (uint32_t)words);
}

static void put_report(struct writer *w, const struct rtcp_compound *c,
		       const struct rtcp_sender *s, const struct rtcp_map *map)
{
	unsigned int blocks = 0;

	for (uint32_t i = 0; i < c->block_count; i++)
		if (map->source_ssrc && c->block[i].ssrc == map->seen_ssrc)
			blocks++;
	if (s && s->has_info) {
		put_header(w, blocks, RTCP_SR, 6 + 6 * blocks);
		put32(w, map->out_ssrc);
		put32(w, (uint32_t)(s->ntp >> 32));
		put32(w, (uint32_t)s->ntp);
		put32(w, s->timestamp + map->timestamp_delta);
		put32(w, s->packets);
		put32(w, s->bytes);
	} else {
		put_header(w, blocks, RTCP_RR, 1 + 6 * blocks);
		put32(w, map->out_ssrc);
	}
	for (uint32_t i = 0; i < c->block_count; i++) {
		const struct rtcp_block *b = &c->block[i];

		if (!map->source_ssrc || b->ssrc != map->seen_ssrc)
			continue;
		put32(w, map->source_ssrc);
		put32(w, b->loss);
		put32(w, b->highest_seq - map->seq_delta);
		put32(w, b->jitter);
		put32(w, b->lsr);
		put32(w, b->dlsr);
	}
}

/* SDES with one CNAME, RFC 3550 6.5: text, then 1 to 4 zero bytes. */
static void put_cname(struct writer *w, const struct rtcp_map *map)
{
	size_t n = strlen(map->cname), item = (2 + n + 4) & ~(size_t)3;

	put_header(w, 1, RTCP_SDES, 1 + item / 4);
	put32(w, map->out_ssrc);
	if (w->capacity - w->len < item) {
		w->is_full = true;
		return;
	}
	memset(w->buf + w->len, 0, item);
	w->buf[w->len] = 1;
	w->buf[w->len + 1] = (uint8_t)n;
	memcpy(w->buf + w->len + 2, map->cname, n);
	w->len += item;
}

static void put_feedback(struct writer *w, const struct rtcp_feedback *f,
			 const struct rtcp_map *map)
{
	if (!f->is_fir) {
		put_header(w, PSFB_PLI, RTCP_PSFB, 2);
		put32(w, map->out_ssrc);
		put32(w, map->source_ssrc);
		return;
	}
	put_header(w, PSFB_FIR, RTCP_PSFB, 4);
	put32(w, map->out_ssrc);
	put32(w, 0);
	put32(w, map->source_ssrc);
	put32(w, (uint32_t)f->fir_seq << 24);
}

static bool concerns(const struct rtcp_compound *c, const struct rtcp_map *map)
{
	for (uint32_t i = 0; i < c->sender_count; i++)
		if (map->in_ssrc && c->sender[i].ssrc == map->in_ssrc)
			return true;
	for (uint32_t i = 0; i < c->block_count; i++)
		if (map->source_ssrc && c->block[i].ssrc == map->seen_ssrc)
			return true;
	for (uint32_t i = 0; i < c->feedback_count; i++)
		if (map->source_ssrc && c->feedback[i].ssrc == map->seen_ssrc)
			return true;
	return false;
}

size_t rtcp_build(const struct rtcp_compound *c, const struct rtcp_map *map,
		  uint8_t *buf, size_t capacity)
{
	struct writer w = { .buf = buf, .capacity = capacity };
	const struct rtcp_sender *s = NULL;

	if (!concerns(c, map))
		return 0;
	for (uint32_t i = 0; i < c->sender_count; i++)
		if (map->in_ssrc && c->sender[i].ssrc == map->in_ssrc)
			s = &c->sender[i];
	put_report(&w, c, s, map);
	put_cname(&w, map);
	for (uint32_t i = 0; i < c->feedback_count; i++)
		if (map->source_ssrc && c->feedback[i].ssrc == map->seen_ssrc)
			put_feedback(&w, &c->feedback[i], map);
	if (s && s->has_left) {
		put_header(&w, 1, RTCP_BYE, 1);
		put32(&w, map->out_ssrc);
	}
	return w.is_full ? 0 : w.len;
}
