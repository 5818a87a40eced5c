/* SPDX-License-Identifier: Apache-2.0 */
/* Judges single values: NULL, or what is wrong and what to write. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/reader.h"

const char *conf_judge_ip(const struct addr *a)
{
	static const uint8_t zero[16], broadcast[4] = { 255, 255, 255, 255 };

	if (addr_is_v4(a)) {
		if (!memcmp(a->ip + 12, zero, 4))
			return "0.0.0.0 cannot be offered in SDP; name one "
			       "address";
		if (!memcmp(a->ip + 12, broadcast, 4))
			return "is the broadcast address; name a unicast one";
		if ((a->ip[12] & 0xf0) == 0xe0)
			return "is a multicast address; name a unicast one";
		return NULL;
	}
	if (!memcmp(a->ip, zero, 16))
		return ":: cannot be offered in SDP; name one address";
	if (a->ip[0] == 0xff)
		return "is a multicast address; name a unicast one";
	/* RFC 4007: without a zone it names no interface. */
	if (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80)
		return "is link-local; name a global or a unique local address";
	return NULL;
}

/* host[:port] at *text; advances it. NULL or what is wrong. */
static const char *judge_hostport(const char **text)
{
	const char *p = *text;
	char ip[64];
	struct addr a;
	size_t len;
	unsigned long port;
	char *end;

	if (*p == '[') {
		end = strchr(p, ']');
		len = end ? (size_t)(end - p - 1) : sizeof(ip);
		if (len >= sizeof(ip))
			return "has no IPv6 address between [ and ]";
		memcpy(ip, p + 1, len);
		ip[len] = '\0';
		if (addr_parse_ip(ip, &a) || addr_is_v4(&a))
			return "has no IPv6 address between [ and ]";
		p = end + 1;
	} else {
		len = strspn(p, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
		if (!len || len > 253 || *p == '-' || *p == '.')
			return "has no host";
		/* Digits and dots only: an address, or a slip. */
		if (len < sizeof(ip) && strspn(p, "0123456789.") >= len) {
			memcpy(ip, p, len);
			ip[len] = '\0';
			if (addr_parse_ip(ip, &a))
				return "has a malformed address";
		} else {
			a = (struct addr){ .ip = { 0x20 } };
		}
		p += len;
	}
	if (conf_judge_ip(&a))
		return "has an address that nobody can answer from";
	if (*p == ':') {
		port = isdigit((unsigned char)p[1]) ? strtoul(p + 1, &end, 10) :
						      0;
		if (!port || port > 65535)
			return "has a port outside 1 to 65535";
		p = end;
	}
	*text = p;
	return NULL;
}

const char *conf_judge_pbx(const char *text)
{
	const char *p = text, *wrong;
	bool is_sips = !strncasecmp(p, "sips:", 5);

	if (!is_sips && strncasecmp(p, "sip:", 4))
		return "is no SIP URI; write sip:host[:port][;transport=udp]";
	p += is_sips ? 5 : 4;
	if (strchr(p, '@'))
		return "has a user part; write sip:host[:port]";
	wrong = judge_hostport(&p);
	if (wrong)
		return wrong;
	if (!*p || !strcasecmp(p, ";transport=tls"))
		return NULL;
	if (is_sips)
		return "is sips: over something else than TLS; write "
		       "sips:host[:port]";
	if (!strcasecmp(p, ";transport=udp") || !strcasecmp(p, ";transport=tcp"))
		return NULL;
	if (!strncasecmp(p, ";transport=", 11))
		return "has an unknown transport; write transport=udp, tcp or "
		       "tls";
	return "has something after the host that is not understood; write "
	       "sip:host[:port][;transport=udp]";
}

const char *conf_judge_origin(const char *text)
{
	const char *p = text, *wrong, *colon;

	if (!strncmp(p, "https://", 8))
		p += 8;
	else if (!strncmp(p, "http://", 7))
		p += 7;
	else
		return "is no origin; write https://host[:port]";
	wrong = judge_hostport(&p);
	if (wrong)
		return wrong;
	/* Browsers send neither (RFC 6454 6.1): it would never match. */
	if (*p)
		return "has something after the host; an origin has no path";
	colon = strrchr(text + 6, ':');
	return colon && !strcmp(colon, text[4] == 's' ? ":443" : ":80") ?
		"has the port of its scheme, which browsers leave out" : NULL;
}

const char *conf_judge_ice_server(const char *text)
{
	static const char *const schemes[] = { "stun:", "stuns:", "turn:",
					       "turns:" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t len = strlen(schemes[i]);
		const char *p = text + len;

		if (strncmp(text, schemes[i], len))
			continue;
		if (judge_hostport(&p))
			return "has no host (RFC 7064, RFC 7065)";
		if (*p && (*text == 's' || (strcmp(p, "?transport=udp") &&
					    strcmp(p, "?transport=tcp"))))
			return "has something after the host that is not "
			       "understood (RFC 7064, RFC 7065)";
		return NULL;
	}
	return "is no ICE server; write stun:host[:port] or turn:host[:port]";
}

const char *conf_judge_srtp_profile(const char *text)
{
	static const char *const names[] = {
		"AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80",
		"AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(text, names[i]))
			return NULL;
	return "is no SRTP profile; there are AEAD_AES_128_GCM, "
	       "AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32 and "
	       "AEAD_AES_256_GCM";
}

/* RFC 3261 25.1, without escapes and what needs them. */
const char *conf_judge_user(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.!~*'()&=+$,/";

	return !*text || text[strspn(text, allowed)] || strlen(text) > 100 ?
		"is no user part of a SIP URI; write it without sip: and @, "
		"at most 100 characters" : NULL;
}

const char *conf_judge_quotable(const char *text)
{
	return !*text || strpbrk(text, "\"\\") || strlen(text) > 100 ?
		"goes between quotes; write 1 to 100 characters without \" "
		"and \\" : NULL;
}

const char *conf_judge_domain(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-.:[]";

	return !*text || text[strspn(text, allowed)] || strlen(text) > 253 ?
		"is no name or address" : NULL;
}

const char *conf_judge_aor(const char *text)
{
	const char *at = strchr(text, '@');

	return strncmp(text, "sip:", 4) || !at || at == text + 4 || !at[1] ||
	       text[strcspn(text, ";? <>\"")] || strlen(text) > 250 ?
		"is no address of record; write sip:user@domain" : NULL;
}

const char *conf_judge_register_mode(const char *text)
{
	return strcmp(text, "contact") && strcmp(text, "path") ?
		"is no such mode; write contact or path" : NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

const char *conf_judge_log(const char *text)
{
	static const char *const words[] = { "error", "warning", "info",
					     "debug", NULL };

	return is_one_of(text, words) ? NULL : "is no log level; write error, "
		"warning, info or debug";
}

const char *conf_judge_sip_srtp(const char *text)
{
	static const char *const words[] = { "none", "optional", "sdes", NULL };

	return is_one_of(text, words) ? NULL : "is no way to secure RTP; "
		"write none, optional or sdes";
}

const char *conf_judge_extensions(const char *text)
{
	static const char *const words[] = { "auto", "on", "off", NULL };

	return is_one_of(text, words) ? NULL : "is no way to treat header "
		"extensions; write auto, on or off";
}

const char *conf_judge_sip_dtmf(const char *text)
{
	static const char *const words[] = { "pass", "rtp", "info", "auto",
					     NULL };

	return is_one_of(text, words) ? NULL : "is no way to send digits; "
		"write pass, rtp, info or auto";
}

const char *conf_judge_web_dtmf(const char *text)
{
	static const char *const words[] = { "pass", "info", NULL };

	return is_one_of(text, words) ? NULL : "is no way to send digits to a "
		"browser; write pass or info";
}

const char *conf_judge_keyframes(const char *text)
{
	static const char *const words[] = { "auto", "rtcp", "info", NULL };

	return is_one_of(text, words) ? NULL : "is no way to ask for a "
		"picture; write auto, rtcp or info";
}

const char *conf_judge_attach(const char *text)
{
	static const char *const words[] = { "auto", "netlink", NULL };

	return is_one_of(text, words) ? NULL : "is no way to attach a "
		"program; write auto or netlink";
}

const char *conf_judge_ring(const char *text)
{
	if (!strcmp(text, "all") || !strcmp(text, "newest"))
		return NULL;
	return "is neither all nor newest";
}

const char *conf_judge_refer(const char *text)
{
	if (!strcmp(text, "pass") || !strcmp(text, "execute"))
		return NULL;
	return "is neither pass nor execute";
}
