/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding names, static payload types, and when two codecs are one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sdp/internal.h"

static const struct static_codec {
	uint8_t pt;
	uint8_t channels;
	uint32_t clock_hz;
	const char *name;
} static_codecs[] = {
	/* RFC 3551, tables 4 and 5 */
	{ 0, 1, 8000, "PCMU" },
	{ 3, 1, 8000, "GSM" },
	{ 4, 1, 8000, "G723" },
	{ 5, 1, 8000, "DVI4" },
	{ 6, 1, 16000, "DVI4" },
	{ 7, 1, 8000, "LPC" },
	{ 8, 1, 8000, "PCMA" },
	{ 9, 1, 8000, "G722" }, /* sampled at 16 kHz, RFC 3551 4.5.2 */
	{ 10, 2, 44100, "L16" },
	{ 11, 1, 44100, "L16" },
	{ 12, 1, 8000, "QCELP" },
	{ 13, 1, 8000, "CN" },
	{ 14, 1, 90000, "MPA" },
	{ 15, 1, 8000, "G728" },
	{ 16, 1, 11025, "DVI4" },
	{ 17, 1, 22050, "DVI4" },
	{ 18, 1, 8000, "G729" },
	{ 25, 1, 90000, "CelB" },
	{ 26, 1, 90000, "JPEG" },
	{ 28, 1, 90000, "nv" },
	{ 31, 1, 90000, "H261" },
	{ 32, 1, 90000, "MPV" },
	{ 33, 1, 90000, "MP2T" },
	{ 34, 1, 90000, "H263" },
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

void sdp_codec_fill_static(struct sdp_codec *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(static_codecs); i++) {
		const struct static_codec *s = &static_codecs[i];

		if (s->pt != c->pt)
			continue;
		snprintf(c->name, sizeof(c->name), "%s", s->name);
		c->clock_hz = s->clock_hz;
		c->channels = s->channels;
		return;
	}
}

bool sdp_codec_is_repair(const struct sdp_codec *c)
{
	static const char *const names[] = { "rtx", "red", "ulpfec", "flexfec",
					     "flexfec-03", "parityfec" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(c->name, names[i]))
			return true;
	return false;
}

bool sdp_codec_is_comfort_noise(const struct sdp_codec *c)
{
	return !strcasecmp(c->name, "CN");
}

bool sdp_codec_is_event(const struct sdp_codec *c)
{
	return !strcasecmp(c->name, "telephone-event");
}

bool sdp_codec_is_helper(const struct sdp_codec *c)
{
	return sdp_codec_is_comfort_noise(c) || sdp_codec_is_event(c);
}

bool sdp_codec_converts(const struct sdp_codec *a, const struct sdp_codec *b)
{
	uint32_t low = a->clock_hz < b->clock_hz ? a->clock_hz : b->clock_hz;
	uint32_t high = a->clock_hz ^ b->clock_hz ^ low;

	if (sdp_codec_is_event(a) && sdp_codec_is_event(b))
		return low && low != high && high % low == 0 &&
		       high / low <= UINT8_MAX;
	if (low != 8000 || high != 8000 || a->channels != 1 || b->channels != 1)
		return false;
	return (!strcasecmp(a->name, "PCMU") && !strcasecmp(b->name, "PCMA")) ||
	       (!strcasecmp(a->name, "PCMA") && !strcasecmp(b->name, "PCMU"));
}

bool sdp_has_events(const struct sdp *s)
{
	for (uint32_t i = 0; i < s->media_count; i++)
		for (uint32_t k = 0; k < s->media[i].codec_count; k++)
			if (sdp_media_is_live(&s->media[i]) &&
			    sdp_codec_is_event(&s->media[i].codec[k]))
				return true;
	return false;
}

const struct sdp_codec *sdp_codec_by_pt(const struct sdp_media *m, uint8_t pt)
{
	for (uint32_t i = 0; i < m->codec_count; i++)
		if (m->codec[i].pt == pt)
			return &m->codec[i];
	return NULL;
}

/* Value of a parameter of fmtp into buf; false if it is not there. */
static bool fmtp_get(const char *fmtp, const char *name, char *buf, size_t len)
{
	size_t name_len = strlen(name);

	while (*fmtp) {
		size_t n;

		fmtp += strspn(fmtp, "; \t");
		n = strcspn(fmtp, ";");
		if (n > name_len && fmtp[name_len] == '=' &&
		    !strncasecmp(fmtp, name, name_len)) {
			size_t value = n - name_len - 1;

			while (value && fmtp[name_len + value] == ' ')
				value--;
			if (value >= len)
				return false;
			memcpy(buf, fmtp + name_len + 1, value);
			buf[value] = '\0';
			return true;
		}
		fmtp += n;
	}
	return false;
}

/* Both have the same value, or the default where it is not written. */
static bool fmtp_equal(const struct sdp_codec *a, const struct sdp_codec *b,
		       const char *name, const char *fallback)
{
	char va[32], vb[32];

	if (!fmtp_get(a->fmtp, name, va, sizeof(va)))
		snprintf(va, sizeof(va), "%s", fallback);
	if (!fmtp_get(b->fmtp, name, vb, sizeof(vb)))
		snprintf(vb, sizeof(vb), "%s", fallback);
	return !strcasecmp(va, vb);
}

/*
 * RFC 6184 8.1, table 5: the same profile is written in several ways. The
 * value names it; any other is its profile_idc and profile-iop.
 */
enum { H264_CONSTRAINED_BASELINE = 0x10000, H264_BASELINE, H264_MAIN };

static int h264_profile(const struct sdp_codec *c)
{
	unsigned int value, idc, iop;
	char text[8], *end;

	if (!fmtp_get(c->fmtp, "profile-level-id", text, sizeof(text)))
		return -1;
	value = (unsigned int)strtoul(text, &end, 16);
	if (strlen(text) != 6 || *end)
		return -1;
	idc = value >> 16;
	iop = value >> 8 & 0xff;
	if ((idc == 0x42 && (iop & 0x4f) == 0x40) ||
	    (idc == 0x4d && (iop & 0x8f) == 0x80) ||
	    (idc == 0x58 && (iop & 0xcf) == 0xc0))
		return H264_CONSTRAINED_BASELINE;
	if ((idc == 0x42 && (iop & 0x4f) == 0) ||
	    (idc == 0x58 && (iop & 0xcf) == 0x80))
		return H264_BASELINE;
	if (idc == 0x4d && (iop & 0xaf) == 0)
		return H264_MAIN;
	return (int)(value >> 8);
}

/*
 * Level and the rest are each side's own to state (RFC 6184 8.2.2). Telephony
 * video often leaves the profile out: then there is nothing to differ in.
 */
static bool h264_same(const struct sdp_codec *a, const struct sdp_codec *b)
{
	int pa = h264_profile(a), pb = h264_profile(b);

	if (!a->fmtp[0] || !b->fmtp[0])
		return true;
	if (!fmtp_equal(a, b, "packetization-mode", "0"))
		return false;
	return pa < 0 || pb < 0 || pa == pb;
}

bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b)
{
	if (!a->name[0] || strcasecmp(a->name, b->name) ||
	    a->clock_hz != b->clock_hz)
		return false;
	/* RFC 7587 7: always /2; those that leave it out mean the same. */
	if (!strcasecmp(a->name, "opus"))
		return true;
	if (a->channels != b->channels)
		return false;
	if (!strcasecmp(a->name, "H264"))
		return h264_same(a, b);
	if (!strcasecmp(a->name, "VP9"))	/* RFC 9628 6 */
		return fmtp_equal(a, b, "profile-id", "0");
	if (!strcasecmp(a->name, "AV1"))
		return fmtp_equal(a, b, "profile", "0");
	if (!strcasecmp(a->name, "H265"))	/* RFC 7798 7.1 */
		return fmtp_equal(a, b, "profile-id", "1") &&
		       fmtp_equal(a, b, "tx-mode", "SRST");
	if (!strcasecmp(a->name, "AMR") || !strcasecmp(a->name, "AMR-WB"))
		return fmtp_equal(a, b, "octet-align", "0"); /* RFC 4867 8.1 */
	if (!strcasecmp(a->name, "G7221"))	/* RFC 5577 3.1 */
		return fmtp_equal(a, b, "bitrate", "");
	return true;
}

const struct sdp_codec *sdp_find_codec(const struct sdp_media *m,
				       const struct sdp_codec *c)
{
	const struct sdp_codec *first = NULL;

	for (uint32_t i = 0; i < m->codec_count; i++) {
		if (!sdp_codec_same(&m->codec[i], c))
			continue;
		if (m->codec[i].pt == c->pt)
			return &m->codec[i];
		if (!first)
			first = &m->codec[i];
	}
	return first;
}

const struct sdp_codec *sdp_find_converted(const struct sdp_media *m,
					   const struct sdp_codec *c)
{
	for (uint32_t i = 0; i < m->codec_count; i++)
		if (sdp_codec_converts(&m->codec[i], c))
			return &m->codec[i];
	return NULL;
}

const struct sdp_codec *sdp_find_answered(const struct sdp_media *m,
					  const struct sdp_codec *c)
{
	const struct sdp_codec *found = sdp_find_codec(m, c);

	if (found)
		return found;
	found = sdp_codec_by_pt(m, c->pt);
	return found && !found->name[0] ? found : NULL;
}
