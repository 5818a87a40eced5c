/* SPDX-License-Identifier: Apache-2.0 */
/* Binding requests as browsers send them, signed by OpenSSL. */
#ifndef SELFTESTS_STUN_BUILD_H
#define SELFTESTS_STUN_BUILD_H

#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/port.h"

#define STUN_MAX	1200

struct stun_spec {
	const char *username;
	const char *password;	/* NULL: no MESSAGE-INTEGRITY */
	uint16_t type;		/* 0: a binding request */
	bool use_candidate;
	bool is_controlled;
	bool no_fingerprint;
	uint16_t more;		/* an attribute of more_len bytes; 0: none */
	uint16_t more_len;
};

static inline uint8_t *stun_attr(uint8_t *m, uint32_t *len, uint16_t type,
				 uint16_t n)
{
	uint8_t *p = m + *len;

	memset(p, 0, 4U + ((n + 3) & ~3U));
	sluice_put16(p, type);
	sluice_put16(p + 2, n);
	*len += 4U + ((n + 3) & ~3U);
	sluice_put16(m + 2, (uint16_t)(*len - 20));
	return p + 4;
}

/* RFC 8489 14.7, bit by bit. */
static inline uint32_t stun_crc(const uint8_t *p, uint32_t len)
{
	uint32_t crc = ~0U;

	for (; len; len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
	}
	return ~crc ^ 0x5354554e;
}

/* MESSAGE-INTEGRITY and FINGERPRINT behind what is there. */
static inline void stun_sign(uint8_t *m, uint32_t *len, const char *password,
			     bool no_fingerprint)
{
	uint32_t off = *len;
	unsigned int n = 20;
	uint8_t *p;

	if (password) {
		p = stun_attr(m, len, 0x0008, 20);
		HMAC(EVP_sha1(), password, (int)strlen(password), m, off, p,
		     &n);
	}
	if (no_fingerprint)
		return;
	off = *len;
	p = stun_attr(m, len, 0x8028, 4);
	sluice_put32(p, stun_crc(m, off));
}

/* Into m of STUN_MAX bytes; its length. */
static inline uint32_t stun_build(const struct stun_spec *s, uint8_t *m)
{
	uint32_t len = 20;
	size_t n = s->username ? strlen(s->username) : 0;

	memset(m, 0, 20);
	sluice_put16(m, s->type ? s->type : 1);
	sluice_put32(m + 4, 0x2112a442);
	for (int i = 8; i < 20; i++)
		m[i] = (uint8_t)(0x31 * i);
	if (s->username)
		memcpy(stun_attr(m, &len, 0x0006, (uint16_t)n), s->username, n);
	/* Chrome's goog-network-info, unknown and optional */
	sluice_put32(stun_attr(m, &len, 0xc057, 4), 0x00010032);
	memset(stun_attr(m, &len, s->is_controlled ? 0x8029 : 0x802a, 8), 7, 8);
	if (s->use_candidate)
		stun_attr(m, &len, 0x0025, 0);
	sluice_put32(stun_attr(m, &len, 0x0024, 4), 0x6e7f1eff);
	if (s->more)
		memset(stun_attr(m, &len, s->more, s->more_len), 0x5a,
		       s->more_len);
	stun_sign(m, &len, s->password, s->no_fingerprint);
	return len;
}

/*
 * Is it the success to that request, mapped to ip (4 or 16 bytes) and port?
 */
static inline bool stun_is_success(const uint8_t *m, uint32_t len,
				   const uint8_t *request, const char *password,
				   const uint8_t *ip, uint32_t ip_len,
				   uint16_t port)
{
	uint8_t want[STUN_MAX];
	uint32_t at = 20, i;
	uint8_t *p;

	memset(want, 0, 20);
	sluice_put16(want, 0x0101);
	memcpy(want + 4, request + 4, 16);
	p = stun_attr(want, &at, 0x0020, (uint16_t)(4 + ip_len));
	p[1] = ip_len == 4 ? 1 : 2;
	sluice_put16(p + 2, port ^ 0x2112);
	for (i = 0; i < ip_len; i++)
		p[4 + i] = ip[i] ^ want[4 + i];
	stun_sign(want, &at, password, false);
	return len == at && !memcmp(m, want, len);
}

#endif
