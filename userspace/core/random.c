/* SPDX-License-Identifier: Apache-2.0 */
#include "core/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *buf, size_t len)
{
	unsigned char *p = buf;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

uint32_t random_u32(void)
{
	uint32_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

void random_ice_chars(char *buf, size_t len)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";

	random_bytes(buf, len);
	for (size_t i = 0; i < len; i++)
		buf[i] = set[(unsigned char)buf[i] & 63];
	buf[len] = '\0';
}

void random_token(char *buf, size_t len)
{
	/* 32 letters: five bits each, no bias. */
	static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789";

	random_bytes(buf, len);
	for (size_t i = 0; i < len; i++)
		buf[i] = set[(unsigned char)buf[i] & 31];
	buf[len] = '\0';
}
