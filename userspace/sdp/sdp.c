/* SPDX-License-Identifier: Apache-2.0 */
/* The tree: made, copied, freed. */
#include "sdp/sdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sdp/internal.h"

struct sdp *sdp_new(void)
{
	return calloc(1, sizeof(struct sdp));
}

void sdp_free(struct sdp *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->media_count; i++) {
		free(s->media[i].codec);
		explicit_bzero(s->media[i].crypto, sizeof(s->media[i].crypto));
	}
	free(s->media);
	free(s);
}

/* Not by realloc(), which leaves keys behind. */
struct sdp_media *sdp_add_media(struct sdp *s)
{
	struct sdp_media *media = calloc(s->media_count + 1, sizeof(*media));

	if (!media)
		return NULL;
	for (uint32_t i = 0; i < s->media_count; i++) {
		media[i] = s->media[i];
		explicit_bzero(s->media[i].crypto, sizeof(s->media[i].crypto));
	}
	free(s->media);
	s->media = media;
	return media + s->media_count++;
}

int sdp_add_codec(struct sdp_media *m, const struct sdp_codec *codec)
{
	struct sdp_codec *codecs;

	if (m->codec_count >= LIMIT_SDP_CODECS)
		return -E2BIG;
	codecs = reallocarray(m->codec, m->codec_count + 1, sizeof(*codecs));
	if (!codecs)
		return -ENOMEM;
	m->codec = codecs;
	codecs[m->codec_count++] = *codec;
	return 0;
}

struct sdp *sdp_copy(const struct sdp *s)
{
	struct sdp *copy = sdp_new();

	if (!copy)
		return NULL;
	*copy = *s;
	copy->media = NULL;
	copy->media_count = 0;
	for (uint32_t i = 0; i < s->media_count; i++) {
		const struct sdp_media *from = &s->media[i];
		struct sdp_media *m = sdp_add_media(copy);

		if (!m)
			goto err;
		*m = *from;
		m->codec = NULL;
		m->codec_count = 0;
		for (uint32_t k = 0; k < from->codec_count; k++)
			if (sdp_add_codec(m, &from->codec[k]))
				goto err;
	}
	return copy;
err:
	sdp_free(copy);
	return NULL;
}

bool sdp_in_bundle(const struct sdp *s, const struct sdp_media *m)
{
	size_t len = strlen(m->mid);
	const char *p = s->bundle_mids;

	if (!s->has_bundle || !len)
		return false;
	while (*p) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, m->mid, n))
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

bool sdp_media_is_live(const struct sdp_media *m)
{
	return m->is_rtp && (m->port || m->bundle_only);
}
