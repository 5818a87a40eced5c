/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to the tree, a line at a time on a copy that is cut up in place.
 * Strict where a value is used, deaf to all else (RFC 8866 5: unknown
 * attributes are ignored).
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sdp/internal.h"

int sdp_parse_fail(const struct sdp_parser *p, int err, const char *what)
{
	if (p->reason)
		snprintf(p->reason, 128, "line %u: %s", p->line, what);
	return err;
}

char *sdp_next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");
	size_t len = strcspn(word, " \t");

	if (!len)
		return NULL;
	*rest = word + len;
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

int sdp_parse_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return -EINVAL;
	}
	*ret = (uint32_t)value;
	return 0;
}

bool sdp_is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("\"(),/:;<=>?@[\\]",
							  *text))
			return false;
	return true;
}

static bool is_host_name(const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= sizeof(((struct sdp_media *)0)->connection_host))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && *text != '-' &&
		    *text != '.')
			return false;
	return true;
}

/* RFC 6157 3: what 0.0.0.0 is to IPv4. */
static bool is_invalid_name(const char *host)
{
	size_t len = strlen(host), n = strlen(".invalid");

	return len > n && !strcasecmp(host + len - n, ".invalid");
}

int sdp_parse_address(char **rest, struct addr *ret, const char **ret_host)
{
	static const struct addr any4 = { .ip = { [10] = 0xff, [11] = 0xff } };
	const char *net = sdp_next_word(rest), *type = sdp_next_word(rest);
	char *host = sdp_next_word(rest);
	struct addr a;

	if (!net || !type || !host || strcasecmp(net, "IN") ||
	    (strcasecmp(type, "IP4") && strcasecmp(type, "IP6")))
		return -EINVAL;
	host[strcspn(host, "/")] = '\0';	/* TTL and number of addresses */
	if (addr_parse_ip(host, &a) && is_invalid_name(host)) {
		a = any4;
	} else if (addr_parse_ip(host, &a)) {
		if (!is_host_name(host))
			return -EINVAL;
		*ret = (struct addr){ 0 };
		*ret_host = host;
		return 0;
	}
	if (!addr_is_set(&a))		/* "::" */
		a = any4;
	*ret = a;
	*ret_host = "";
	return 0;
}

/* 0.0.0.0 and ::, which sdp_parse_address() makes one. */
static bool is_any(const struct addr *a)
{
	static const uint8_t zero[4];

	return addr_is_v4(a) && !memcmp(a->ip + 12, zero, 4);
}

/* Nobody is to aim our packets at many receivers. */
static bool is_multicast(const struct addr *a)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (!addr_is_v4(a))
		return a->ip[0] == 0xff;
	return (a->ip[12] & 0xf0) == 0xe0 || !memcmp(a->ip + 12, broadcast, 4);
}

static int parse_connection(struct sdp_parser *p, char *text)
{
	struct sdp_media *m = p->media ? p->media : &p->session;
	const char *host;
	struct addr a;

	if (sdp_parse_address(&text, &a, &host))
		return sdp_parse_fail(p, -EINVAL, "malformed c=");
	if (is_multicast(&a))
		return sdp_parse_fail(p, -EINVAL, "multicast in c=");
	memcpy(m->addr.ip, a.ip, sizeof(a.ip));
	snprintf(m->connection_host, sizeof(m->connection_host), "%s", host);
	return 0;
}

/*
 * Numeric by RFC 8866 5.2, but not everywhere in the wild: what does not fit
 * is 0, as nothing but "changed or not" is read from it.
 */
static uint64_t parse_origin_number(const char *text)
{
	uint64_t value = 0;

	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > UINT64_MAX / 10 - 1)
			return 0;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	return value;
}

static int parse_origin(struct sdp_parser *p, char *text)
{
	struct sdp *s = p->sdp;
	const char *user = sdp_next_word(&text), *id = sdp_next_word(&text);
	const char *version = sdp_next_word(&text), *host;
	struct addr a;

	if (p->media || p->has_origin)
		return sdp_parse_fail(p, -EINVAL, "o= out of place");
	if (!version || sdp_parse_address(&text, &a, &host))
		return sdp_parse_fail(p, -EINVAL, "malformed o=");
	snprintf(s->origin_user, sizeof(s->origin_user), "%s", user);
	s->session_id = parse_origin_number(id);
	s->session_version = parse_origin_number(version);
	s->origin_addr = a;
	p->has_origin = true;
	return 0;
}

/*
 * As much as there is room for: whole UTF-8 characters (RFC 8866 5.3), and no
 * blank at the end, where a line has none.
 */
static void parse_session_name(struct sdp *s, const char *text)
{
	size_t len = strlen(text);

	if (len >= sizeof(s->session_name)) {
		len = sizeof(s->session_name) - 1;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	while (len && strchr(" \t", text[len - 1]))
		len--;
	memcpy(s->session_name, text, len);
	s->session_name[len] = '\0';
}

static int parse_bandwidth(struct sdp_parser *p, char *text)
{
	char *colon = strchr(text, ':');
	uint32_t value;

	/* A session's sum says nothing of its m-lines. */
	if (!p->media || !colon)
		return 0;
	*colon = '\0';
	if (sdp_parse_number(colon + 1, UINT32_MAX, &value))
		return 0;
	if (!strcmp(text, "AS"))
		p->media->bandwidth_as_kbps = value;
	else if (!strcmp(text, "TIAS"))
		p->media->bandwidth_tias_bps = value;
	return 0;
}

/* ---- m-lines --------------------------------------------------------- */

static bool is_rtp_proto(const char *proto)
{
	static const char *const protos[] = {
		"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF",
		"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF",
	};

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (!strcasecmp(proto, protos[i]))
			return true;
	return false;
}

static bool is_proto(const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= sizeof(((struct sdp_media *)0)->proto))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("/-_.", *text))
			return false;
	return true;
}

/* As written, as many as there is room for: they are only said back. */
static void keep_formats(struct sdp_media *m, char *rest)
{
	const char *word;
	size_t len = 0;

	while ((word = sdp_next_word(&rest))) {
		if (!sdp_is_token(word) && strcmp(word, "*"))
			continue;
		if (len + strlen(word) + 2 > sizeof(m->raw_formats))
			break;
		len += (size_t)sprintf(m->raw_formats + len, "%s%s",
				       len ? " " : "", word);
	}
}

static int parse_formats(struct sdp_parser *p, char *rest)
{
	struct sdp_media *m = p->media;
	bool seen[SDP_PAYLOAD_TYPES] = { false };
	const char *word;
	uint32_t pt;

	while ((word = sdp_next_word(&rest))) {
		if (sdp_parse_number(word, SDP_PAYLOAD_TYPES - 1, &pt)) {
			if (!m->port)	/* RFC 3264 6: not looked at */
				continue;
			return sdp_parse_fail(p, -EINVAL,
					      "format is no payload type");
		}
		if (seen[pt])
			continue;
		seen[pt] = true;
		p->codec[p->codec_count++] =
			(struct sdp_codec){ .pt = (uint8_t)pt };
	}
	if (!p->codec_count && m->port)
		return sdp_parse_fail(p, -EINVAL, "m= without a format");
	return 0;
}

static int finish_media(struct sdp_parser *p)
{
	struct sdp_media *m = p->media;
	bool crowded = p->codec_count > LIMIT_SDP_CODECS;
	int err;

	if (!m)
		return 0;
	/* Port 0 and no payload type offers nothing (RFC 3264 6). */
	if (!p->codec_count)
		m->bundle_only = false;
	if (!m->connection_host[0] && !addr_is_set(&m->addr) && m->port)
		return sdp_parse_fail(p, -EINVAL, "m= without c=");
	if (is_any(&m->addr)) {
		memset(m->addr.ip, 0, sizeof(m->addr.ip));
		/*
		 * With ICE it only says that there is no candidate yet, with
		 * bundle-only (port 0) nothing: another m-line has the address.
		 */
		if (m->port && !m->ice_ufrag[0])
			m->direction &= SDP_SENDONLY;
	}
	m->addr.port = m->port;
	if (m->rtcp.port && !addr_is_set(&m->rtcp))
		memcpy(m->rtcp.ip, m->addr.ip, sizeof(m->rtcp.ip));
	if (is_any(&m->rtcp))
		memset(m->rtcp.ip, 0, sizeof(m->rtcp.ip));
	for (uint32_t i = 0; i < p->codec_count; i++) {
		struct sdp_codec *c = &p->codec[i];

		if (!c->name[0])
			sdp_codec_fill_static(c);
		c->feedback |= p->feedback_all;
		if (crowded && sdp_codec_is_repair(c))
			continue;
		err = sdp_add_codec(m, c);
		if (err)
			return sdp_parse_fail(p, err, "too many codecs");
	}
	return 0;
}

static int parse_media(struct sdp_parser *p, char *text)
{
	const char *kind = sdp_next_word(&text), *port = sdp_next_word(&text);
	const char *proto = sdp_next_word(&text);
	struct sdp_media *m;
	char *slash;
	uint32_t number;
	int err;

	err = finish_media(p);
	if (err)
		return err;
	if (!proto || !is_proto(proto) || !sdp_is_token(kind) ||
	    strlen(kind) >= sizeof(m->kind))
		return sdp_parse_fail(p, -EINVAL, "malformed m=");
	slash = strchr(port, '/');	/* number of ports, RFC 8866 5.14 */
	if (slash)
		*slash = '\0';
	if (sdp_parse_number(port, UINT16_MAX, &number))
		return sdp_parse_fail(p, -EINVAL, "malformed port in m=");
	if (p->sdp->media_count >= LIMIT_SDP_MEDIA)
		return sdp_parse_fail(p, -E2BIG, "too many m-lines");
	m = sdp_add_media(p->sdp);
	if (!m)
		return sdp_parse_fail(p, -ENOMEM, "out of memory");
	*m = p->session;
	snprintf(m->kind, sizeof(m->kind), "%s", kind);
	snprintf(m->proto, sizeof(m->proto), "%s", proto);
	m->port = (uint16_t)number;
	m->is_rtp = is_rtp_proto(proto);
	p->media = m;
	p->codec_count = 0;
	p->feedback_all = 0;
	p->own_fingerprint = false;
	if (m->is_rtp)
		return parse_formats(p, text);
	keep_formats(m, text);
	return 0;
}

/* ---- the whole ------------------------------------------------------- */

/*
 * RFC 9143 7.1.3: transport attributes may stand in one m-line alone (the
 * tagged one) and are meant for all m-lines of the group.
 */
static void inherit_bundle(struct sdp *s)
{
	const struct sdp_media *tag = NULL;

	for (uint32_t i = 0; i < s->media_count && !tag; i++)
		if (sdp_in_bundle(s, &s->media[i]) &&
		    s->media[i].ice_ufrag[0] && s->media[i].port)
			tag = &s->media[i];
	if (!tag)
		return;
	for (uint32_t i = 0; i < s->media_count; i++) {
		struct sdp_media *m = &s->media[i];

		if (m->ice_ufrag[0] || !sdp_in_bundle(s, m))
			continue;
		memcpy(m->ice_ufrag, tag->ice_ufrag, sizeof(m->ice_ufrag));
		memcpy(m->ice_pwd, tag->ice_pwd, sizeof(m->ice_pwd));
		m->rtcp_mux |= tag->rtcp_mux;
		if (!m->fingerprint.len)
			m->fingerprint = tag->fingerprint;
		if (m->setup == SDP_SETUP_NONE)
			m->setup = tag->setup;
	}
}

static int parse_line(struct sdp_parser *p, char *line)
{
	char *value = line + 2;

	if (!p->has_version) {
		if (strcmp(line, "v=0"))
			return sdp_parse_fail(p, -EINVAL, "no v=0");
		p->has_version = true;
		return 0;
	}
	if (line[0] < 'a' || line[0] > 'z' || line[1] != '=')
		return sdp_parse_fail(p, -EINVAL, "not a type and =");
	switch (line[0]) {
	case 'o':
		return parse_origin(p, value);
	case 's':
		parse_session_name(p->sdp, value);
		return 0;
	case 'c':
		return parse_connection(p, value);
	case 'b':
		return parse_bandwidth(p, value);
	case 'm':
		return parse_media(p, value);
	case 'a':
		return sdp_parse_attribute(p, value);
	case 'v':
		return sdp_parse_fail(p, -EINVAL, "second v=");
	default:
		return 0;
	}
}

static int parse_lines(struct sdp_parser *p, char *text)
{
	int err;

	while (*text) {
		char *next = text + strcspn(text, "\n");
		size_t len = (size_t)(next - text);

		if (*next)
			*next++ = '\0';
		while (len && strchr("\r \t", text[len - 1]))
			text[--len] = '\0';
		if (++p->line > LIMIT_SDP_LINES)
			return sdp_parse_fail(p, -E2BIG, "too many lines");
		for (const char *c = text; *c; c++)
			if (iscntrl((unsigned char)*c) && *c != '\t')
				return sdp_parse_fail(p, -EINVAL,
						      "control character");
		if (len) {
			err = parse_line(p, text);
			if (err)
				return err;
		}
		text = next;
	}
	if (!p->has_version || !p->has_origin)
		return sdp_parse_fail(p, -EINVAL, "no v= or o=");
	return finish_media(p);
}

int sdp_parse(const char *text, size_t len, struct sdp **ret, char *reason)
{
	struct sdp_parser *p = calloc(1, sizeof(*p));
	char *copy = NULL;
	int err = -ENOMEM;

	if (!p)
		return err;
	p->reason = reason;
	if (len > LIMIT_SDP_BYTES) {
		err = sdp_parse_fail(p, -E2BIG, "too long");
		goto out;
	}
	if (memchr(text, '\0', len)) {
		err = sdp_parse_fail(p, -EINVAL, "NUL");
		goto out;
	}
	p->session.direction = SDP_SENDRECV;
	p->sdp = sdp_new();
	copy = malloc(len + 1);
	if (!p->sdp || !copy) {
		sdp_parse_fail(p, err, "out of memory");
		goto out;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	err = parse_lines(p, copy);
	if (err)
		goto out;
	inherit_bundle(p->sdp);
	*ret = p->sdp;
	p->sdp = NULL;
out:
	free(copy);
	sdp_free(p->sdp);
	free(p);
	return err;
}
