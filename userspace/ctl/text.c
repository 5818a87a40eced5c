/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Length of the well-formed character at p (RFC 3629 4), or 0. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t len;

	if (*p < 0x80)
		return *p ? 1 : 0;
	if (*p >= 0xc2 && *p <= 0xdf)
		len = 2;
	else if (*p >= 0xe0 && *p <= 0xef)
		len = 3;
	else if (*p >= 0xf0 && *p <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, above U+10FFFF. */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

json_t *ctl_text_len(const char *text, size_t len)
{
	json_t *s = json_stringn(text, len);
	char *clean;
	size_t n;

	if (s && !memchr(text, '\0', len))
		return s;
	json_decref(s);
	clean = malloc(len + 1);
	if (!clean)
		return NULL;
	memcpy(clean, text, len);
	for (size_t i = 0; i < len; i += n) {
		n = utf8_len((const unsigned char *)clean + i, len - i);
		if (!n) {
			clean[i] = '?';
			n = 1;
		}
	}
	s = json_stringn(clean, len);
	free(clean);
	return s;
}

json_t *ctl_text(const char *text)
{
	return text ? ctl_text_len(text, strlen(text)) : json_null();
}

json_t *ctl_time(uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char date[32], text[48];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03uZ", date,
		 (unsigned int)(wall_ms % 1000));
	return json_string(text);
}
