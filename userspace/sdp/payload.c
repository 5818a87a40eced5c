/* SPDX-License-Identifier: Apache-2.0 */
/* From four descriptions to payload types and directions. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sdp/internal.h"
#include "sdp/nego.h"

struct media_exchange {
	const struct sdp_media *from_a, *to_a, *to_b, *from_b;
};

/* In what was told, a codec that c converts to, and the answer's for it. */
static const struct sdp_codec *converted(const struct sdp_media *told,
					 const struct sdp_media *said,
					 const struct sdp_codec *c,
					 const struct sdp_codec **ret_said)
{
	for (uint32_t i = 0; i < told->codec_count; i++) {
		if (!sdp_codec_converts(&told->codec[i], c))
			continue;
		*ret_said = sdp_find_answered(said, &told->codec[i]);
		if (*ret_said)
			return &told->codec[i];
	}
	return NULL;
}

static void put_names(struct sdp_payload_map *p, const struct sdp_codec *a,
		      const struct sdp_codec *b)
{
	p->clock_hz = a->clock_hz;
	p->b_clock_hz = b->clock_hz;
	snprintf(p->name, sizeof(p->name), "%s", a->name);
	snprintf(p->b_name, sizeof(p->b_name), "%s", b->name);
}

/* RFC 3264 6.1: packets carry the number that their receiver has said. */
static bool map_codec(const struct media_exchange *x, const struct sdp_codec *c,
		      struct sdp_payload_map *ret)
{
	const struct sdp_codec *from_a = sdp_find_answered(x->from_a, c);
	const struct sdp_codec *to_b = sdp_find_codec(x->to_b, c);
	const struct sdp_codec *from_b;

	from_b = to_b ? sdp_find_answered(x->from_b, to_b) : NULL;
	if (!from_b)
		to_b = converted(x->to_b, x->from_b, c, &from_b);
	if (!from_a || !to_b)
		return false;
	ret->a_rx = c->pt;
	ret->a_tx = from_a->pt;
	ret->b_rx = to_b->pt;
	ret->b_tx = from_b->pt;
	put_names(ret, c, to_b);
	return true;
}

static bool is_converted(const struct sdp_payload_map *p)
{
	return p->clock_hz != p->b_clock_hz || strcasecmp(p->name, p->b_name);
}

/* Two of A's become one of B's: what comes from B is for the nearer one. */
static void settle(struct sdp_stream_map *map)
{
	for (uint32_t i = 0; i < map->payload_count; i++) {
		struct sdp_payload_map *p = &map->payload[i];

		for (uint32_t k = 0; k < map->payload_count; k++) {
			const struct sdp_payload_map *other = &map->payload[k];

			if (k != i && other->b_rx == p->b_rx &&
			    is_converted(p) && (!is_converted(other) || k < i))
				p->b_rx = SDP_NO_PAYLOAD;
		}
	}
}

/* What B may send though A sends nothing that becomes it. */
static void map_rest_of_b(const struct media_exchange *x,
			  struct sdp_stream_map *map)
{
	for (uint32_t i = 0; i < x->to_b->codec_count; i++) {
		const struct sdp_codec *d = &x->to_b->codec[i], *a, *said;
		struct sdp_payload_map *p = &map->payload[map->payload_count];
		bool is_mapped = false;

		for (uint32_t k = 0; k < map->payload_count; k++)
			is_mapped |= map->payload[k].b_rx == d->pt;
		if (is_mapped || map->payload_count == LIMIT_SDP_CODECS ||
		    !sdp_find_answered(x->from_b, d))
			continue;
		a = converted(x->to_a, x->from_a, d, &said);
		if (!a)
			continue;
		p->a_rx = p->b_tx = SDP_NO_PAYLOAD;
		p->b_rx = d->pt;
		p->a_tx = said->pt;
		put_names(p, a, d);
		map->payload_count++;
	}
}

static bool is_mapped(const struct sdp_stream_map *map, uint8_t a_rx)
{
	for (uint32_t i = 0; i < map->payload_count; i++)
		if (map->payload[i].a_rx == a_rx)
			return true;
	return false;
}

static void map_stream(const struct media_exchange *x,
		       struct sdp_stream_map *ret)
{
	if (!sdp_media_is_live(x->from_a) || !sdp_media_is_live(x->to_a) ||
	    !sdp_media_is_live(x->to_b) || !sdp_media_is_live(x->from_b))
		return;
	ret->a_to_b = (x->from_a->direction & SDP_SENDONLY) &&
		      (x->to_a->direction & SDP_RECVONLY) &&
		      (x->to_b->direction & SDP_SENDONLY) &&
		      (x->from_b->direction & SDP_RECVONLY);
	ret->b_to_a = (x->from_b->direction & SDP_SENDONLY) &&
		      (x->to_b->direction & SDP_RECVONLY) &&
		      (x->to_a->direction & SDP_SENDONLY) &&
		      (x->from_a->direction & SDP_RECVONLY);
	ret->extensions_a_to_b = sdp_extensions_pass(
		x->from_a, x->to_a, x->to_b, x->from_b, &ret->cc_a_to_b);
	ret->extensions_b_to_a = sdp_extensions_pass(
		x->from_b, x->to_b, x->to_a, x->from_a, &ret->cc_b_to_a);
	for (uint32_t i = 0; i < x->to_a->codec_count; i++) {
		const struct sdp_codec *c = &x->to_a->codec[i];

		if (c->name[0] && !is_mapped(ret, c->pt) &&
		    map_codec(x, c, &ret->payload[ret->payload_count]))
			ret->payload_count++;
	}
	settle(ret);
	map_rest_of_b(x, ret);
	ret->enabled = ret->payload_count > 0;
}

int sdp_map_streams(const struct sdp *a_offer, const struct sdp *a_answer,
		    const struct sdp *b_offer, const struct sdp *b_answer,
		    struct sdp_stream_map ret[LIMIT_SDP_MEDIA],
		    uint32_t *ret_count)
{
	const struct sdp *all[] = { a_offer, a_answer, b_offer, b_answer };
	uint32_t count = LIMIT_SDP_MEDIA;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->media_count < count)
			count = all[i]->media_count;
	memset(ret, 0, LIMIT_SDP_MEDIA * sizeof(*ret));
	for (uint32_t i = 0; i < count; i++) {
		const struct media_exchange x = {
			&a_offer->media[i], &a_answer->media[i],
			&b_offer->media[i], &b_answer->media[i],
		};

		map_stream(&x, &ret[i]);
	}
	*ret_count = count;
	return 0;
}
