/* SPDX-License-Identifier: Apache-2.0 */
/* The a= lines that mean something to the gateway, one function each. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sdp/internal.h"

/* The m-line at hand, or what is inherited by all that follow. */
static struct sdp_media *target(struct sdp_parser *p)
{
	return p->media ? p->media : &p->session;
}

/* The codec whose payload type begins the value; NULL if not in m=. */
static struct sdp_codec *listed_codec(struct sdp_parser *p, char **rest)
{
	const char *word = sdp_next_word(rest);
	uint32_t pt;

	if (!word || sdp_parse_number(word, SDP_PAYLOAD_TYPES - 1, &pt))
		return NULL;
	for (uint32_t i = 0; i < p->codec_count; i++)
		if (p->codec[i].pt == pt)
			return &p->codec[i];
	return NULL;
}

static int parse_rtpmap(struct sdp_parser *p, char *value)
{
	struct sdp_codec *c = listed_codec(p, &value);
	char *name, *clock, *channels;
	uint32_t clock_hz, count = 1;

	if (!c)
		return 0;
	name = sdp_next_word(&value);
	clock = name ? strchr(name, '/') : NULL;
	if (!clock)
		return sdp_parse_fail(p, -EINVAL, "malformed rtpmap");
	*clock++ = '\0';
	channels = strchr(clock, '/');
	if (channels) {
		*channels++ = '\0';
		if (sdp_parse_number(channels, UINT8_MAX, &count) || !count)
			return sdp_parse_fail(p, -EINVAL, "rtpmap's channels");
	}
	if (sdp_parse_number(clock, UINT32_MAX, &clock_hz) || !clock_hz)
		return sdp_parse_fail(p, -EINVAL, "rtpmap's clock");
	if (!sdp_is_token(name))
		return sdp_parse_fail(p, -EINVAL, "rtpmap's encoding name");
	/* No codec of ours is named at such length: it stays nameless. */
	if (strlen(name) >= sizeof(c->name))
		return 0;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->clock_hz = clock_hz;
	c->channels = (uint8_t)count;
	return 0;
}

static int parse_fmtp(struct sdp_parser *p, char *value)
{
	struct sdp_codec *c = listed_codec(p, &value);
	size_t used, len;

	if (!c)
		return 0;
	value += strspn(value, " \t");
	len = strlen(value);
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = '\0';
	if (!len)
		return 0;
	used = strlen(c->fmtp);
	if (used + len + 2 > sizeof(c->fmtp))
		return sdp_parse_fail(p, -E2BIG, "fmtp too long");
	snprintf(c->fmtp + used, sizeof(c->fmtp) - used, "%s%s",
		 used ? ";" : "", value);
	return 0;
}

static uint32_t feedback_bit(const char *kind, const char *detail)
{
	if (!strcasecmp(kind, "nack"))
		return !detail ? SDP_FB_NACK :
		       !strcasecmp(detail, "pli") ? SDP_FB_PLI : 0;
	if (!strcasecmp(kind, "ccm"))
		return detail && !strcasecmp(detail, "fir") ? SDP_FB_FIR : 0;
	if (!strcasecmp(kind, "goog-remb"))
		return SDP_FB_REMB;
	if (!strcasecmp(kind, "transport-cc"))
		return SDP_FB_TRANSPORT_CC;
	return 0;
}

static int parse_rtcp_fb(struct sdp_parser *p, char *value)
{
	bool all = value[0] == '*';
	struct sdp_codec *c = listed_codec(p, &value);
	const char *kind = sdp_next_word(&value);
	uint32_t bit;

	if (!kind)
		return 0;
	bit = feedback_bit(kind, sdp_next_word(&value));
	if (all)
		p->feedback_all |= bit;
	else if (c)
		c->feedback |= bit;
	return 0;
}

static int parse_direction(struct sdp_parser *p, enum sdp_direction direction)
{
	target(p)->direction = direction;
	return 0;
}

static int parse_sendrecv(struct sdp_parser *p, char *value)
{
	return parse_direction(p, SDP_SENDRECV);
}

static int parse_sendonly(struct sdp_parser *p, char *value)
{
	return parse_direction(p, SDP_SENDONLY);
}

static int parse_recvonly(struct sdp_parser *p, char *value)
{
	return parse_direction(p, SDP_RECVONLY);
}

static int parse_inactive(struct sdp_parser *p, char *value)
{
	return parse_direction(p, SDP_INACTIVE);
}

static int parse_mid(struct sdp_parser *p, char *value)
{
	if (!p->media)
		return 0;
	if (!sdp_is_token(value) || strlen(value) >= sizeof(p->media->mid))
		return sdp_parse_fail(p, -EINVAL, "malformed mid");
	snprintf(p->media->mid, sizeof(p->media->mid), "%s", value);
	return 0;
}

/* Of several groups the first counts: one transport is all the gateway has. */
static int parse_group(struct sdp_parser *p, char *value)
{
	struct sdp *s = p->sdp;
	const char *word = sdp_next_word(&value);
	size_t len = 0;

	if (p->media || !word || strcmp(word, "BUNDLE") || s->has_bundle)
		return 0;
	while ((word = sdp_next_word(&value))) {
		if (!sdp_is_token(word))
			return sdp_parse_fail(p, -EINVAL, "malformed group");
		if (len + strlen(word) + 2 > sizeof(s->bundle_mids))
			return sdp_parse_fail(p, -E2BIG, "group too long");
		len += (size_t)sprintf(s->bundle_mids + len, "%s%s",
				       len ? " " : "", word);
	}
	s->has_bundle = len > 0;
	return 0;
}

/* RFC 8839 5.4: ice-char, at most 256 of them. */
static bool is_ice_chars(const char *text, size_t min)
{
	size_t len = strlen(text);

	if (len < min || len > 256)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && *text != '+' &&
		    *text != '/')
			return false;
	return true;
}

static int parse_ice_ufrag(struct sdp_parser *p, char *value)
{
	struct sdp_media *m = target(p);

	if (!is_ice_chars(value, 4))
		return sdp_parse_fail(p, -EINVAL, "malformed ice-ufrag");
	snprintf(m->ice_ufrag, sizeof(m->ice_ufrag), "%s", value);
	return 0;
}

static int parse_ice_pwd(struct sdp_parser *p, char *value)
{
	struct sdp_media *m = target(p);

	if (!is_ice_chars(value, 22))
		return sdp_parse_fail(p, -EINVAL, "malformed ice-pwd");
	snprintf(m->ice_pwd, sizeof(m->ice_pwd), "%s", value);
	return 0;
}

static int parse_ice_lite(struct sdp_parser *p, char *value)
{
	target(p)->ice_lite = true;
	if (!p->media)
		p->sdp->ice_lite = true;
	return 0;
}

/* RFC 8122 5: what is weaker than SHA-256 proves nothing any more. */
static uint32_t digest_len(const char *hash)
{
	return !strcasecmp(hash, "sha-256") ? 32 :
	       !strcasecmp(hash, "sha-384") ? 48 :
	       !strcasecmp(hash, "sha-512") ? 64 : 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of several fingerprints the longest is kept; the m-line's own go first. */
static int parse_fingerprint(struct sdp_parser *p, char *value)
{
	struct sdp_fingerprint *kept = &target(p)->fingerprint, f = { .len = 0 };
	const char *hash = sdp_next_word(&value), *hex = sdp_next_word(&value);
	uint32_t len;

	if (!hex)
		return sdp_parse_fail(p, -EINVAL, "malformed fingerprint");
	len = digest_len(hash);
	if (!len)
		return 0;
	for (uint32_t i = 0; i < len; i++, hex += 3) {
		int high = hex_value(hex[0]);
		int low = high < 0 ? -1 : hex_value(hex[1]);

		if (low < 0 || hex[2] != (i + 1 < len ? ':' : '\0'))
			return sdp_parse_fail(p, -EINVAL,
					      "malformed fingerprint");
		f.digest[i] = (uint8_t)(high << 4 | low);
	}
	f.len = len;
	for (size_t i = 0; hash[i]; i++)
		f.hash[i] = (char)tolower((unsigned char)hash[i]);
	if ((p->media && !p->own_fingerprint) || f.len > kept->len)
		*kept = f;
	p->own_fingerprint = p->media != NULL;
	return 0;
}

static int parse_setup(struct sdp_parser *p, char *value)
{
	enum sdp_setup setup;

	if (!strcmp(value, "actpass"))
		setup = SDP_SETUP_ACTPASS;
	else if (!strcmp(value, "active"))
		setup = SDP_SETUP_ACTIVE;
	else if (!strcmp(value, "passive"))
		setup = SDP_SETUP_PASSIVE;
	else if (!strcmp(value, "holdconn"))
		setup = SDP_SETUP_HOLDCONN;
	else
		return sdp_parse_fail(p, -EINVAL, "unknown setup");
	target(p)->setup = setup;
	return 0;
}

static int parse_rtcp(struct sdp_parser *p, char *value)
{
	const char *word = sdp_next_word(&value), *host;
	struct addr a = { 0 };
	uint32_t port;

	if (!p->media)
		return 0;
	if (!word || sdp_parse_number(word, UINT16_MAX, &port))
		return sdp_parse_fail(p, -EINVAL, "malformed rtcp");
	if (value[strspn(value, " \t")] &&
	    sdp_parse_address(&value, &a, &host))
		return sdp_parse_fail(p, -EINVAL, "malformed rtcp");
	a.port = (uint16_t)port;
	p->media->rtcp = a;
	return 0;
}

static int parse_rtcp_mux(struct sdp_parser *p, char *value)
{
	target(p)->rtcp_mux = true;
	return 0;
}

static int parse_rtcp_rsize(struct sdp_parser *p, char *value)
{
	target(p)->rtcp_rsize = true;
	return 0;
}

static int parse_bundle_only(struct sdp_parser *p, char *value)
{
	/* RFC 9143 6: has no meaning with any other port. */
	if (p->media && !p->media->port)
		p->media->bundle_only = true;
	return 0;
}

/* Fractions ("2.5") are cut off; what is no number is not there. */
static uint32_t parse_ms(const char *value)
{
	uint32_t ms = 0;

	for (; *value >= '0' && *value <= '9' && ms < 10000; value++)
		ms = ms * 10 + (uint32_t)(*value - '0');
	return ms < 10000 ? ms : 0;
}

static int parse_ptime(struct sdp_parser *p, char *value)
{
	if (p->media)
		p->media->ptime_ms = parse_ms(value);
	return 0;
}

static int parse_maxptime(struct sdp_parser *p, char *value)
{
	if (p->media)
		p->media->maxptime_ms = parse_ms(value);
	return 0;
}

static int parse_ssrc(struct sdp_parser *p, char *value)
{
	struct sdp_media *m = p->media;
	const char *word = sdp_next_word(&value);
	uint32_t ssrc;

	if (!m || !word || sdp_parse_number(word, UINT32_MAX, &ssrc))
		return 0;
	if (!m->ssrc)
		m->ssrc = ssrc;
	value += strspn(value, " \t");
	if (ssrc == m->ssrc && !strncmp(value, "cname:", 6) &&
	    strlen(value + 6) < sizeof(m->cname))
		snprintf(m->cname, sizeof(m->cname), "%s", value + 6);
	return 0;
}

static int parse_crypto(struct sdp_parser *p, char *value)
{
	/* RFC 4568 5: of one m-line, never of the session. */
	if (!p->media)
		return 0;
	if (sdp_parse_crypto(p->media, value))
		return sdp_parse_fail(p, -EINVAL, "malformed crypto");
	return 0;
}

static int parse_extmap(struct sdp_parser *p, char *value)
{
	sdp_parse_extension(target(p), value);
	return 0;
}

int sdp_parse_attribute(struct sdp_parser *p, char *text)
{
	static const struct {
		const char *name;
		int (*parse)(struct sdp_parser *p, char *value);
	} attributes[] = {
		{ "rtpmap", parse_rtpmap },
		{ "fmtp", parse_fmtp },
		{ "rtcp-fb", parse_rtcp_fb },
		{ "sendrecv", parse_sendrecv },
		{ "sendonly", parse_sendonly },
		{ "recvonly", parse_recvonly },
		{ "inactive", parse_inactive },
		{ "mid", parse_mid },
		{ "group", parse_group },
		{ "ice-ufrag", parse_ice_ufrag },
		{ "ice-pwd", parse_ice_pwd },
		{ "ice-lite", parse_ice_lite },
		{ "fingerprint", parse_fingerprint },
		{ "setup", parse_setup },
		{ "rtcp", parse_rtcp },
		{ "rtcp-mux", parse_rtcp_mux },
		{ "rtcp-rsize", parse_rtcp_rsize },
		{ "bundle-only", parse_bundle_only },
		{ "ptime", parse_ptime },
		{ "maxptime", parse_maxptime },
		{ "ssrc", parse_ssrc },
		{ "crypto", parse_crypto },
		{ "extmap", parse_extmap },
	};
	char *value = text + strcspn(text, ":");

	if (*value)
		*value++ = '\0';
	text[strcspn(text, " \t")] = '\0';
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (!strcmp(text, attributes[i].name))
			return attributes[i].parse(p, value);
	return 0;
}
