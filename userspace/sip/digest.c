/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/digest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPACE	" \t"

/* End of the element that starts at p: its comma or the end of the text. */
static const char *element_end(const char *p)
{
	bool is_quoted = false;

	for (; *p; p++) {
		if (*p == '\\' && is_quoted && p[1])
			p++;
		else if (*p == '"')
			is_quoted = !is_quoted;
		else if (*p == ',' && !is_quoted)
			break;
	}
	return p;
}

/* Points behind "qop=" inside the element, which may begin with a scheme. */
static const char *qop_value(const char *p, const char *end)
{
	const char *word;

	p += strspn(p, SPACE ",");
	word = p;
	p += strcspn(p, SPACE "=,");
	/* "Digest qop=..." */
	if (p < end && *p != '=' && p[strspn(p, SPACE)] != '=') {
		p += strspn(p, SPACE);
		word = p;
		p += strcspn(p, SPACE "=,");
	}
	if (p - word != 3 || strncasecmp(word, "qop", 3))
		return NULL;
	p += strspn(p, SPACE);
	if (p >= end || *p != '=')
		return NULL;
	p++;
	return p + strspn(p, SPACE);
}

/* Copies the list without auth-int; returns the number of tokens left. */
static int copy_tokens(char **out, const char *p, const char *end)
{
	int count = 0;

	while (p < end) {
		size_t len;

		p += strspn(p, SPACE ",\"");
		if (p >= end)
			break;
		len = strcspn(p, SPACE ",\"");
		if (len != 8 || strncasecmp(p, "auth-int", 8)) {
			if (count++)
				*(*out)++ = ',';
			memcpy(*out, p, len);
			*out += len;
		}
		p += len;
	}
	return count;
}

char *digest_without_auth_int(const char *challenge)
{
	const char *p = challenge, *end, *qop;
	char *result, *out, *start;

	/* Quotes may be added around a single token. */
	result = out = malloc(strlen(challenge) * 2 + 8);
	if (!result)
		return NULL;
	while (*p) {
		end = element_end(p);
		qop = qop_value(p, end);
		if (!qop) {
			memcpy(out, p, (size_t)(end - p));
			out += end - p;
		} else {
			const char *word = qop;

			start = out;
			memcpy(out, p, (size_t)(qop - p));
			out += qop - p;
			*out++ = '"';
			if (copy_tokens(&out, qop, end)) {
				*out++ = '"';
			} else {
				/* Back to in front of "qop". */
				while (strncasecmp(word, "qop", 3))
					word--;
				out = start + (word - p);
				while (out > result &&
				       strchr(SPACE, out[-1]))
					out--;
				if (out > result && out[-1] == ',') {
					out--;
				} else if (*end == ',') {
					/* First one behind its scheme. */
					*out++ = ' ';
					end++;
					end += strspn(end, SPACE);
				}
			}
		}
		p = end;
		if (*p == ',')
			*out++ = *p++;
	}
	*out = '\0';
	return result;
}
