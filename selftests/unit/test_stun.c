/* SPDX-License-Identifier: Apache-2.0 */
/* STUN messages: the vectors of RFC 5769, then what a stranger may send. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/stun.h"
#include "tap.h"

/* RFC 5769 2.1, request; 2.2, IPv4 response; 2.3, IPv6 response. */
static const uint8_t request[] = {
	0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01,
	0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10,
	0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
	0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
	0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36,
	0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
	0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
	0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
	0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
};
static const uint8_t response4[] = {
	0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01,
	0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b,
	0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,
	0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
	0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3,
	0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7,
	0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
};
static const uint8_t response6[] = {
	0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01,
	0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b,
	0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,
	0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa,
	0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
	0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1,
	0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41,
	0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
};

static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";
#define PASSWORD password, sizeof(password) - 1

static void test_vectors(void)
{
	struct sluice_stun m;

	CHECK(!sluice_stun_parse(request, sizeof(request), &m) &&
	      m.type == SLUICE_STUN_BINDING_REQUEST,
	      "stun_rfc5769_2_1_is_parsed");
	CHECK(m.username_len == 9 &&
	      !memcmp(request + m.username_off, "evtj:h6vY", 9),
	      "stun_rfc5769_2_1_username_is_found");
	CHECK(m.has_priority && m.priority == 0x6e0001ff && m.ice_controlled &&
	      !m.ice_controlling && m.tie_breaker == 0x932ff9b151263b36,
	      "stun_rfc5769_2_1_ice_attributes_are_read");
	CHECK(!m.use_candidate && !m.unknown_count,
	      "stun_rfc5769_2_1_has_nothing_else");
	CHECK(!memcmp(m.transaction_id, request + 8, 12),
	      "stun_rfc5769_2_1_transaction_id_is_copied");
	CHECK(sluice_stun_has_fingerprint(request, &m),
	      "stun_rfc5769_2_1_fingerprint_is_right");
	CHECK(sluice_stun_is_authentic(request, &m, PASSWORD),
	      "stun_rfc5769_2_1_integrity_is_right");
	CHECK(!sluice_stun_is_authentic(request, &m, "wrong", 5),
	      "stun_other_password_is_refused");

	CHECK(!sluice_stun_parse(response4, sizeof(response4), &m) &&
	      m.mapped_len == 8 && sluice_stun_has_fingerprint(response4, &m) &&
	      sluice_stun_is_authentic(response4, &m, PASSWORD),
	      "stun_rfc5769_2_2_is_verified");
	CHECK(!sluice_stun_parse(response6, sizeof(response6), &m) &&
	      m.mapped_len == 20 &&
	      sluice_stun_has_fingerprint(response6, &m) &&
	      sluice_stun_is_authentic(response6, &m, PASSWORD),
	      "stun_rfc5769_2_3_is_verified");
}

static void test_forged(void)
{
	uint8_t b[sizeof(request)];
	struct sluice_stun m;
	size_t i;
	int taken = 0, whole = 0;

	/* Up to the integrity value; behind it only the fingerprint covers. */
	for (i = 0; i < sizeof(b); i++) {
		memcpy(b, request, sizeof(b));
		b[i] ^= 1;
		if (sluice_stun_parse(b, sizeof(b), &m))
			continue;
		whole += sluice_stun_has_fingerprint(b, &m);
		if (i < sizeof(b) - 8)
			taken += sluice_stun_is_authentic(b, &m, PASSWORD);
	}
	CHECK_INT(taken, 0, "stun_any_byte_changed_is_not_authentic");
	CHECK_INT(whole, 0, "stun_any_byte_changed_breaks_fingerprint");
	for (i = 0, taken = 0; i < sizeof(request); i++)
		taken += !sluice_stun_parse(request, i, &m);
	CHECK_INT(taken, 0, "stun_truncated_is_refused");
}

/* header + attributes; returns the length */
static size_t build(uint8_t *b, const uint8_t *attrs, size_t len)
{
	memcpy(b, request, 20);
	sluice_put16(b + 2, (uint16_t)len);
	memcpy(b + 20, attrs, len);
	return 20 + len;
}

static int parse(const uint8_t *attrs, size_t len, struct sluice_stun *ret)
{
	static uint8_t b[SLUICE_PACKET_MAX + 64];

	return sluice_stun_parse(b, build(b, attrs, len), ret);
}

static void test_attributes(void)
{
	static const uint8_t use[] = { 0, 0x25, 0, 0, 0x80, 0x2a, 0, 8,
				       1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint8_t unknown[] = { 0x7f, 1, 0, 1, 9, 0, 0, 0,
					   0x80, 0x77, 0, 0, 0xc0, 0x57, 0, 0 };
	static const uint8_t error[] = { 0, 9, 0, 4, 0, 0, 4, 87 };
	static const uint8_t priority[] = { 0, 0x24, 0, 3, 1, 2, 3, 0 };
	static const uint8_t beyond[] = { 0x80, 0x77, 0, 5, 1, 2, 3, 4 };
	static const uint8_t late[] = { 0x80, 0x28, 0, 4, 1, 2, 3, 4,
					0, 0x25, 0, 0 };
	uint8_t many[65 * 4] = { 0 };
	uint8_t hidden[24 + 4] = { 0, 8, 0, 20 };
	struct sluice_stun m;
	size_t i;

	CHECK(!parse(use, sizeof(use), &m) && m.use_candidate &&
	      m.ice_controlling && m.tie_breaker == 0x0102030405060708,
	      "stun_use_candidate_is_read");
	CHECK(!parse(unknown, sizeof(unknown), &m) && m.unknown_count == 1 &&
	      m.unknown[0] == 0x7f01, "stun_unknown_mandatory_is_listed");
	CHECK(!parse(error, sizeof(error), &m) && m.error_code == 487,
	      "stun_error_code_is_read");
	CHECK(parse(priority, sizeof(priority), &m),
	      "stun_priority_of_wrong_length_is_refused");
	CHECK(parse(beyond, sizeof(beyond), &m),
	      "stun_attribute_beyond_end_is_refused");
	CHECK(parse(late, sizeof(late), &m),
	      "stun_attribute_after_fingerprint_is_refused");

	/* USE-CANDIDATE behind MESSAGE-INTEGRITY is not authentic. */
	hidden[25] = 0x25;
	CHECK(!parse(hidden, sizeof(hidden), &m) && m.integrity_off == 20 &&
	      !m.use_candidate, "stun_attribute_after_integrity_is_ignored");

	for (i = 0; i < sizeof(many); i += 4)
		many[i] = 0x7f;
	CHECK(!parse(many, 20 * 4, &m) && m.unknown_count == 20,
	      "stun_many_unknown_are_counted");
	CHECK(parse(many, sizeof(many), &m),
	      "stun_too_many_attributes_are_refused");
}

/* Mutations in buffers of exactly their size, for the sanitizers. */
static void test_mutations(void)
{
	uint32_t seed = 1, i, n, len;
	struct sluice_stun m;
	int taken = 0;
	uint8_t *b;

	for (i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		len = seed >> 8 & 1 ? sizeof(request) :
		      20 + (seed >> 9) % (sizeof(request) - 20) / 4 * 4;
		b = malloc(len);
		memcpy(b, request, len);
		sluice_put16(b + 2, (uint16_t)(len - 20));
		for (n = seed >> 28; n; n--) {
			seed = seed * 1664525 + 1013904223;
			b[20 + (seed >> 8) % (len - 19) - 1] ^= seed >> 24;
		}
		if (!sluice_stun_parse(b, len, &m)) {
			sluice_stun_has_fingerprint(b, &m);
			taken += sluice_stun_is_authentic(b, &m, PASSWORD) &&
				 memcmp(b + 4, request + 4,
					sizeof(request) - 12);
			taken += m.username_off + m.username_len > len;
		}
		free(b);
	}
	CHECK_INT(taken, 0, "stun_mutations_are_never_authentic");
}

int main(void)
{
	test_vectors();
	test_forged();
	test_attributes();
	test_mutations();
	return tap_done();
}
