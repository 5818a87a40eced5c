/* SPDX-License-Identifier: Apache-2.0 */
/*
 * a=extmap (RFC 8285): which header extensions both legs agree on. What means
 * something between two neighbours alone (MID, RID) is none of them; ids are
 * those of whoever offered, for packets are not searched for extensions.
 */
#include <stdio.h>
#include <string.h>

#include "sdp/internal.h"

/* All that passes; Documentation/sip-behaviour.rst lists them. */
static const char *const uris[SDP_EXTENSION_KINDS] = {
	[SDP_EXTENSION_AUDIO_LEVEL] =
		"urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	[SDP_EXTENSION_TOFFSET] = "urn:ietf:params:rtp-hdrext:toffset",
	[SDP_EXTENSION_ORIENTATION] = "urn:3gpp:video-orientation",
	[SDP_EXTENSION_SEND_TIME] = "http://www.webrtc.org/experiments/"
		"rtp-hdrext/abs-send-time",
	[SDP_EXTENSION_TRANSPORT_CC] = "http://www.ietf.org/id/"
		"draft-holmer-rmcat-transport-wide-cc-extensions-01",
	[SDP_EXTENSION_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/"
		"rtp-hdrext/playout-delay",
	[SDP_EXTENSION_COLOR_SPACE] = "http://www.webrtc.org/experiments/"
		"rtp-hdrext/color-space",
};

static const char *const directions[] = { "inactive", "sendonly", "recvonly",
					  "sendrecv" };
static const char *const vads[] = { "", " vad=off", " vad=on" };

static bool is_kind(const struct sdp_media *m, uint8_t kind)
{
	for (uint32_t id = 1; id < SDP_EXTENSION_IDS; id++)
		if (m->extension[id].kind == kind)
			return true;
	return false;
}

static uint8_t kind_of(const struct sdp_media *m, const char *uri)
{
	for (uint8_t k = SDP_EXTENSION_OTHER + 1; k < SDP_EXTENSION_KINDS; k++)
		if (!strcmp(uri, uris[k]) && !is_kind(m, k))
			return k;
	return SDP_EXTENSION_OTHER;
}

/*
 * An id above 14 needs the longer form of RFC 8285 4.3, a direction of another
 * name is no direction: such a line is passed over.
 */
void sdp_parse_extension(struct sdp_media *m, char *value)
{
	char *word = sdp_next_word(&value), *uri = sdp_next_word(&value);
	struct sdp_extension e = { .direction = SDP_SENDRECV };
	char *direction = word ? strchr(word, '/') : NULL;
	uint32_t id, i = 0;

	if (!uri)
		return;
	if (direction) {
		*direction++ = '\0';
		while (i < 4 && strcmp(direction, directions[i]))
			i++;
		if (i == 4)
			return;
		e.direction = (uint8_t)i;
	}
	if (sdp_parse_number(word, SDP_EXTENSION_IDS - 1, &id) || !id ||
	    m->extension[id].kind)
		return;
	e.kind = kind_of(m, uri);
	if (e.kind == SDP_EXTENSION_AUDIO_LEVEL &&
	    (word = sdp_next_word(&value)))
		for (i = 1; i < 3; i++)
			if (!strcmp(word, vads[i] + 1))
				e.vad = (uint8_t)i;
	m->extension[id] = e;
}

void sdp_print_extensions(FILE *f, const struct sdp_media *m)
{
	for (uint32_t id = 1; id < SDP_EXTENSION_IDS; id++) {
		const struct sdp_extension *e = &m->extension[id];

		if (e->kind <= SDP_EXTENSION_OTHER)
			continue;
		fprintf(f, "a=extmap:%u", id);
		if (e->direction != SDP_SENDRECV)
			fprintf(f, "/%s", directions[e->direction & 3]);
		fprintf(f, " %s%s\r\n", uris[e->kind], vads[e->vad]);
	}
}

/* ---- transport-wide congestion control --------------------------------- */

static bool has_transport_cc(const struct sdp_media *m)
{
	for (uint32_t i = 0; i < m->codec_count; i++)
		if (m->codec[i].feedback & SDP_FB_TRANSPORT_CC)
			return true;
	return false;
}

uint32_t sdp_transport_cc_line(const struct sdp *s)
{
	uint32_t found = LIMIT_SDP_MEDIA;

	for (uint32_t i = 0; i < s->media_count; i++) {
		const struct sdp_media *m = &s->media[i];

		if (!sdp_media_is_live(m) || !has_transport_cc(m) ||
		    !is_kind(m, SDP_EXTENSION_TRANSPORT_CC))
			continue;
		if (!strcmp(m->kind, "video"))
			return i;
		if (found == LIMIT_SDP_MEDIA)
			found = i;
	}
	return found;
}

void sdp_settle_transport_cc(struct sdp_media *m)
{
	bool is_said = has_transport_cc(m);

	for (uint32_t id = 1; id < SDP_EXTENSION_IDS; id++)
		if (m->extension[id].kind == SDP_EXTENSION_TRANSPORT_CC &&
		    !is_said)
			m->extension[id] = (struct sdp_extension){ 0 };
	for (uint32_t i = 0; i < m->codec_count; i++)
		if (!is_kind(m, SDP_EXTENSION_TRANSPORT_CC))
			m->codec[i].feedback &= ~(uint32_t)SDP_FB_TRANSPORT_CC;
}

/* ---- offers and answers ------------------------------------------------- */

void sdp_offer_extensions(struct sdp_media *m, const struct sdp_media *of,
			  bool has_cc, uint8_t meaning[SDP_EXTENSION_IDS])
{
	for (uint32_t id = 1; id < SDP_EXTENSION_IDS; id++) {
		const struct sdp_extension *e = &of->extension[id];

		if (e->kind <= SDP_EXTENSION_OTHER ||
		    (e->kind == SDP_EXTENSION_TRANSPORT_CC && !has_cc) ||
		    (meaning[id] && meaning[id] != e->kind))
			continue;
		meaning[id] = e->kind;
		m->extension[id] = *e;
	}
}

void sdp_answer_extensions(struct sdp_media *m, const struct sdp_media *from,
			   const struct sdp_media *to,
			   const struct sdp_media *answer)
{
	for (uint32_t id = 1; id < SDP_EXTENSION_IDS; id++) {
		struct sdp_extension e = answer->extension[id];
		uint8_t kind = e.kind;

		if (kind <= SDP_EXTENSION_OTHER ||
		    from->extension[id].kind != kind ||
		    to->extension[id].kind != kind)
			continue;
		e.direction &= sdp_flip(from->extension[id].direction) &
			       sdp_flip(to->extension[id].direction);
		if (e.direction)
			m->extension[id] = e;
	}
}

bool sdp_extensions_pass(const struct sdp_media *said,
			 const struct sdp_media *told,
			 const struct sdp_media *to_told,
			 const struct sdp_media *to_said, bool *ret_has_cc)
{
	bool pass = false, has_cc = false;

	for (uint32_t id = 1; id < SDP_EXTENSION_IDS; id++) {
		uint8_t kind = told->extension[id].kind;

		if (kind <= SDP_EXTENSION_OTHER ||
		    said->extension[id].kind != kind ||
		    !(said->extension[id].direction & SDP_SENDONLY) ||
		    !(told->extension[id].direction & SDP_RECVONLY))
			continue;
		if (to_told->extension[id].kind != kind ||
		    to_said->extension[id].kind != kind ||
		    !(to_told->extension[id].direction & SDP_SENDONLY) ||
		    !(to_said->extension[id].direction & SDP_RECVONLY))
			return false;
		pass = true;
		has_cc |= kind == SDP_EXTENSION_TRANSPORT_CC;
	}
	*ret_has_cc = pass && has_cc;
	return pass;
}
