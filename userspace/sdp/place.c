/* SPDX-License-Identifier: Apache-2.0 */
/* An m-line's place: refused with port 0, and kept (RFC 3264 8, RFC 8829). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sdp/internal.h"
#include "sdp/nego.h"

/* RFC 3264 5.1 and 6. */
void sdp_refuse_media(struct sdp_media *m, const struct sdp_media *of)
{
	m->codec_count = 0;
	memcpy(m->kind, of->kind, sizeof(m->kind));
	memcpy(m->proto, of->proto, sizeof(m->proto));
	m->is_rtp = of->is_rtp;
	m->port = 0;
	if (of->codec_count)
		snprintf(m->raw_formats, sizeof(m->raw_formats), "%u",
			 of->codec[0].pt);
	else
		memcpy(m->raw_formats, of->raw_formats,
		       sizeof(m->raw_formats));
}

static bool is_mid_taken(const struct sdp *s, uint32_t index,
			 const struct sdp_local *local, const char *mid)
{
	for (uint32_t i = 0; i < LIMIT_SDP_MEDIA; i++)
		if (!strcmp(local->web_mid[i], mid))
			return true;
	for (uint32_t i = 0; i < index; i++)
		if (!strcmp(s->media[i].mid, mid))
			return true;
	return false;
}

/* A browser that has used a place again has given it a later number. */
void sdp_put_mid(struct sdp *s, uint32_t index, const struct sdp_local *local)
{
	char *mid = s->media[index].mid;
	uint32_t number = index;

	if (local->web_mid[index][0]) {
		memcpy(mid, local->web_mid[index], sizeof(s->media[0].mid));
		return;
	}
	do {
		snprintf(mid, sizeof(s->media[0].mid), "%u", number++);
	} while (is_mid_taken(s, index, local, mid));
}

bool sdp_keeps_kind(struct sdp_media *m, const struct sdp_local *local,
		    uint32_t index, const struct sdp_media *of)
{
	const struct sdp *said = local->said;
	const struct sdp_media *there;

	if (!said || index >= said->media_count)
		return false;
	there = &said->media[index];
	if (!strcasecmp(there->kind, of->kind) &&
	    (there->is_rtp ? of->is_rtp : !strcasecmp(there->proto, of->proto)))
		return false;
	sdp_refuse_media(m, there);
	return true;
}

int sdp_offer_missing(struct sdp *s, const struct sdp_local *local, bool web)
{
	const struct sdp *said = local->said;

	while (said && s->media_count < said->media_count) {
		uint32_t index = s->media_count;
		struct sdp_media *m = sdp_add_media(s);

		if (!m)
			return -ENOMEM;
		if (web)
			sdp_put_mid(s, index, local);
		sdp_refuse_media(m, &said->media[index]);
	}
	return 0;
}
