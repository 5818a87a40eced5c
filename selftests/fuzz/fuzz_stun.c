/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STUN from strangers: whatever is read lies inside the message, and what
 * parses stays good when integrity and fingerprint are put behind it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stun.h"

#define PASSWORD	"abcdefghijklmnopqrstuvwx"
#define TRAILER		(4 + SLUICE_SHA1_LEN + 8)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_true)
{
	if (!is_true)
		abort();
}

static int is_authentic(const uint8_t *data, const struct sluice_stun *m)
{
	return sluice_stun_is_authentic(data, m, PASSWORD,
					sizeof(PASSWORD) - 1);
}

static void check_bounds(const struct sluice_stun *m, size_t size)
{
	need(m->len == size);
	need((size_t)m->username_off + m->username_len <= size);
	need((size_t)m->mapped_off + m->mapped_len <= size);
	need(!m->integrity_off ||
	     m->integrity_off + 4U + SLUICE_SHA1_LEN <= size);
	need(!m->fingerprint_off || m->fingerprint_off + 8U == size);
}

/* The same message, signed as RFC 8489 14.5 and 14.7 say. */
static void sign(const uint8_t *data, size_t size)
{
	uint8_t *signed_one = malloc(size + TRAILER), *p = signed_one;
	uint16_t off = (uint16_t)size;
	struct sluice_stun m;

	if (!p)
		return;
	memcpy(p, data, size);
	sluice_put16(p + off, SLUICE_STUN_MESSAGE_INTEGRITY);
	sluice_put16(p + off + 2, SLUICE_SHA1_LEN);
	sluice_stun_integrity(p, off, PASSWORD, sizeof(PASSWORD) - 1,
			      p + off + 4);
	off += 4 + SLUICE_SHA1_LEN;
	sluice_put16(p + 2, (uint16_t)(size + TRAILER -
				       SLUICE_STUN_HEADER_LEN));
	sluice_put16(p + off, SLUICE_STUN_FINGERPRINT);
	sluice_put16(p + off + 2, 4);
	sluice_put32(p + off + 4, sluice_stun_fingerprint(p, off));

	need(sluice_stun_parse(p, size + TRAILER, &m) == 0);
	check_bounds(&m, size + TRAILER);
	need(is_authentic(p, &m));
	need(sluice_stun_has_fingerprint(p, &m));
	/* One bit of what is signed, and it is not. */
	p[8 + p[8] % SLUICE_STUN_ID_LEN] ^= 1;
	need(sluice_stun_parse(p, size + TRAILER, &m) == 0);
	need(!is_authentic(p, &m));
	need(!sluice_stun_has_fingerprint(p, &m));
	free(signed_one);
}

static unsigned int attributes(const uint8_t *data, size_t size)
{
	unsigned int count = 0;
	size_t off = SLUICE_STUN_HEADER_LEN;

	for (; off < size; count++)
		off += 4 + ((sluice_get16(data + off + 2) + 3) & ~3U);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct sluice_stun m;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	/* A right length by itself, so that the fuzzer gets at attributes. */
	if (size >= SLUICE_STUN_HEADER_LEN && copy[19] & 1)
		sluice_put16(copy + 2, (uint16_t)(size -
						  SLUICE_STUN_HEADER_LEN));
	if (sluice_stun_parse(copy, size, &m) == 0) {
		check_bounds(&m, size);
		is_authentic(copy, &m);
		sluice_stun_has_fingerprint(copy, &m);
		if (!m.integrity_off && !m.fingerprint_off &&
		    size + TRAILER <= SLUICE_PACKET_MAX &&
		    attributes(copy, size) + 2 <= SLUICE_STUN_ATTRS_MAX)
			sign(copy, size);
	}
	free(copy);
	return 0;
}
