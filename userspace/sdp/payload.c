/* SPDX-License-Identifier: Apache-2.0 */
/* From four descriptions to payload types and directions. */
#include <stdio.h>
#include <string.h>

#include "sdp/internal.h"
#include "sdp/nego.h"

struct media_exchange {
	const struct sdp_media *from_a, *to_a, *to_b, *from_b;
};

/* RFC 3264 6.1: packets carry the number that their receiver has said. */
static bool map_codec(const struct media_exchange *x, const struct sdp_codec *c,
		      struct sdp_payload_map *ret)
{
	const struct sdp_codec *from_a = sdp_find_answered(x->from_a, c);
	const struct sdp_codec *to_b = sdp_find_codec(x->to_b, c);
	const struct sdp_codec *from_b;

	from_b = to_b ? sdp_find_answered(x->from_b, to_b) : NULL;
	if (!from_a || !from_b)
		return false;
	ret->a_rx = c->pt;
	ret->a_tx = from_a->pt;
	ret->b_rx = to_b->pt;
	ret->b_tx = from_b->pt;
	ret->clock_hz = c->clock_hz;
	snprintf(ret->name, sizeof(ret->name), "%s", c->name);
	return true;
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
	for (uint32_t i = 0; i < x->to_a->codec_count; i++) {
		const struct sdp_codec *c = &x->to_a->codec[i];

		if (c->name[0] && !is_mapped(ret, c->pt) &&
		    map_codec(x, c, &ret->payload[ret->payload_count]))
			ret->payload_count++;
	}
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
