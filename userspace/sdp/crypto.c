/* SPDX-License-Identifier: Apache-2.0 */
/* a=crypto (RFC 4568): suites, keys as base64, which line two sides share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sdp/internal.h"

static const struct suite {
	const char *name;
	uint8_t key_len;	/* with the salt */
} suites[] = {
	{ "AES_CM_128_HMAC_SHA1_80", 30 },	/* RFC 4568 6.2 */
	{ "AES_CM_128_HMAC_SHA1_32", 30 },
	{ "AEAD_AES_128_GCM", 28 },		/* RFC 7714 14.2 */
	{ "AEAD_AES_256_GCM", 44 },
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

uint32_t sdp_suite_key_len(const char *name)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (!strcmp(suites[i].name, name))
			return suites[i].key_len;
	return 0;
}

/* Exactly len bytes; padding may be left out, as some do. */
static bool decode(const char *text, size_t text_len, uint8_t *ret, size_t len)
{
	uint32_t word = 0;
	size_t n = 0, used = 0;

	while (text_len && text[text_len - 1] == '=')
		text_len--;
	if (text_len != (len * 8 + 5) / 6)
		return false;
	for (; used < text_len; used++) {
		const char *digit = strchr(digits, text[used]);

		if (!digit)
			return false;
		word = word << 6 | (uint32_t)(digit - digits);
		if (used % 4 && n < len)
			ret[n++] = (uint8_t)(word >> (6 - 2 * (used % 4)));
	}
	return true;
}

/*
 * With a lifetime, which some that know an MKI want to see before it: what
 * SRTCP's index lasts for (RFC 3711 9.2).
 */
static void print_mki(FILE *f, const struct sdp_crypto *c)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < c->mki_len; i++)
		value = value << 8 | c->mki[i];
	fprintf(f, "|2^31|%u:%u", value, c->mki_len);
}

void sdp_print_key(FILE *f, const struct sdp_crypto *c)
{
	for (size_t i = 0; i < c->key_len; i += 3) {
		size_t left = c->key_len - i;
		uint32_t word = (uint32_t)c->key[i] << 16;

		if (left > 1)
			word |= (uint32_t)c->key[i + 1] << 8;
		if (left > 2)
			word |= c->key[i + 2];
		fputc(digits[word >> 18], f);
		fputc(digits[word >> 12 & 63], f);
		fputc(left > 1 ? digits[word >> 6 & 63] : '=', f);
		fputc(left > 2 ? digits[word & 63] : '=', f);
	}
	if (c->mki_len)
		print_mki(f, c);
}

/* value ":" length, the value in so many bytes (RFC 4568 6.1). */
static bool parse_mki(char *text, struct sdp_crypto *c)
{
	char *colon = strchr(text, ':');
	uint32_t value, len;

	if (!colon)
		return false;
	*colon = '\0';
	if (sdp_parse_number(text, UINT32_MAX, &value) ||
	    sdp_parse_number(colon + 1, LIMIT_SDP_MKI, &len) || !len ||
	    (len < 4 && value >> 8 * len))
		return false;
	c->mki_len = (uint8_t)len;
	for (uint32_t i = 0; i < len; i++)
		c->mki[i] = (uint8_t)(value >> 8 * (len - 1 - i));
	return true;
}

/*
 * "inline:" key ["|" lifetime] ["|" MKI]. The lifetime is more than a call can
 * use.
 */
static bool parse_key(char *text, struct sdp_crypto *c)
{
	char *key, *field;

	if (strncasecmp(text, "inline:", 7))
		return false;
	text += 7;
	key = strsep(&text, "|");
	if (!decode(key, strlen(key), c->key, c->key_len))
		return false;
	field = strsep(&text, "|");
	if (field && !strchr(field, ':'))
		field = strsep(&text, "|");
	return !text && (!field || parse_mki(field, c));
}

/*
 * Several keys are told apart by their MKIs, of one length, for those that
 * change them without a new description: the first one is used.
 */
static bool parse_keys(char *text, struct sdp_crypto *c)
{
	struct sdp_crypto more = { .key_len = c->key_len };
	bool is_good = parse_key(strsep(&text, ";"), c);

	while (is_good && text) {
		is_good = parse_key(strsep(&text, ";"), &more) &&
			  more.mki_len && more.mki_len == c->mki_len &&
			  memcmp(more.mki, c->mki, sizeof(c->mki));
		c->more_keys++;
	}
	explicit_bzero(&more, sizeof(more));
	return is_good;
}

/*
 * A line is left out as if it were not there, if it asks for what the gateway
 * does not do: RFC 4568 6.3 has no parameter that may be passed over, but for
 * the window's size and what begins with "-".
 */
int sdp_parse_crypto(struct sdp_media *m, char *value)
{
	const char *tag = sdp_next_word(&value), *suite = sdp_next_word(&value);
	char *key = sdp_next_word(&value);
	struct sdp_crypto c = { .tag = 0 };
	const char *word;

	m->has_sdes = true;
	if (!key || sdp_parse_number(tag, 999999999, &c.tag))
		return -EINVAL;
	c.key_len = (uint8_t)sdp_suite_key_len(suite);
	if (!c.key_len || m->crypto_count == LIMIT_SDP_CRYPTO)
		return 0;
	snprintf(c.suite, sizeof(c.suite), "%s", suite);
	for (uint32_t i = 0; i < m->crypto_count; i++)
		if (m->crypto[i].tag == c.tag)
			return 0;
	while ((word = sdp_next_word(&value)))
		if (strncasecmp(word, "WSH=", 4) && word[0] != '-')
			return 0;
	if (parse_keys(key, &c))
		m->crypto[m->crypto_count++] = c;
	explicit_bzero(&c, sizeof(c));
	return 0;
}

bool sdp_shared_crypto(const struct sdp_media *told,
		       const struct sdp_media *said,
		       const struct sdp_crypto **ret_told,
		       const struct sdp_crypto **ret_said)
{
	for (uint32_t i = 0; i < said->crypto_count; i++) {
		for (uint32_t k = 0; k < told->crypto_count; k++) {
			if (said->crypto[i].tag != told->crypto[k].tag ||
			    strcmp(said->crypto[i].suite,
				   told->crypto[k].suite))
				continue;
			*ret_told = &told->crypto[k];
			*ret_said = &said->crypto[i];
			return true;
		}
	}
	return false;
}
