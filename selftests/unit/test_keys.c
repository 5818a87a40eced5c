/* SPDX-License-Identifier: Apache-2.0 */
/* From the exporter to session keys (RFC 5764 4.2, RFC 3711 4.3). */
#include <errno.h>

#include "lib/aes.h"
#include "media/keys.h"
#include "media/srtcp.h"
#include "tap.h"

static void test_split(void)
{
	uint8_t m[KEYS_MATERIAL_MAX];
	struct srtp_master c, s;

	for (size_t i = 0; i < sizeof(m); i++)
		m[i] = (uint8_t)i;
	CHECK_INT(keys_material_len(SLUICE_SRTP_AES128_CM_SHA1_80), 60,
		  "material_cm_is_60_bytes");
	CHECK_INT(keys_material_len(SLUICE_SRTP_AEAD_AES_128_GCM), 56,
		  "material_gcm_is_56_bytes");
	CHECK_INT(keys_material_len(SLUICE_SRTP_AEAD_AES_256_GCM), 88,
		  "material_gcm256_is_88_bytes");
	CHECK_INT(keys_material_len(3), 0, "material_unknown_is_none");
	CHECK_INT(keys_split(3, true, m, &c), -EINVAL,
		  "split_unknown_profile_is_refused");

	keys_split(SLUICE_SRTP_AES128_CM_SHA1_80, true, m, &c);
	keys_split(SLUICE_SRTP_AES128_CM_SHA1_80, false, m, &s);
	CHECK_MEM(c.tx_key, m, 16, "split_client_writes_with_first_key");
	CHECK_MEM(c.rx_key, m + 16, 16, "split_client_reads_with_second_key");
	CHECK_MEM(c.tx_salt, m + 32, 14, "split_client_salt_comes_third");
	CHECK_MEM(c.rx_salt, m + 46, 14, "split_server_salt_comes_last");
	CHECK(!memcmp(s.tx_key, c.rx_key, 16) &&
	      !memcmp(s.rx_key, c.tx_key, 16) &&
	      !memcmp(s.tx_salt, c.rx_salt, 14) &&
	      !memcmp(s.rx_salt, c.tx_salt, 14),
	      "split_server_mirrors_client");
	keys_split(SLUICE_SRTP_AEAD_AES_128_GCM, true, m, &c);
	CHECK(c.salt_len == 12 && !memcmp(c.rx_salt, m + 44, 12),
	      "split_gcm_salts_are_12_bytes");
}

/* RFC 3711 B.3 */
static void test_expand(void)
{
	static const uint8_t key[16] = {
		0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0,
		0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39 };
	static const uint8_t salt[14] = {
		0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe,
		0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6 };
	static const uint8_t cipher[16] = {
		0xc6, 0x1e, 0x7a, 0x93, 0x74, 0x4f, 0x39, 0xee,
		0x10, 0x73, 0x4a, 0xfe, 0x3f, 0xf7, 0xa0, 0x87 };
	static const uint8_t session_salt[14] = {
		0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c,
		0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1 };
	struct srtp_master m = { .profile = SLUICE_SRTP_AES128_CM_SHA1_80,
				 .key_len = 16, .salt_len = 14 };
	struct sluice_key k;
	uint8_t got[16];

	memcpy(m.tx_key, key, 16);
	memcpy(m.tx_salt, salt, 14);
	keys_expand(&m, true, &k);
	sluice_aes_raw(&k.rtp.aes, 16, got);
	CHECK_MEM(got, cipher, 16,
		  "expand_cipher_key_matches_rfc3711_b3");
	CHECK_MEM(k.rtp.salt, session_salt, 14,
		  "expand_salt_matches_rfc3711_b3");
	sluice_aes_raw(&k.rtcp.aes, 16, got);
	CHECK(memcmp(got, cipher, 16),
	      "expand_rtcp_key_differs");
	keys_expand(&m, false, &k);
	sluice_aes_raw(&k.rtp.aes, 16, got);
	CHECK(memcmp(got, cipher, 16),
	      "expand_directions_differ");
}

/* Another one with the windows of `from`, which has seen the packet. */
static void check_handed_over(const struct sluice_key *rx,
			      const struct sluice_key *tx,
			      const struct srtcp *from, const uint8_t *packet,
			      size_t len)
{
	struct sluice_peer peer = { 0 };
	uint8_t copy[64];
	struct srtcp *s;
	size_t n = len;

	if (srtcp_create(rx, tx, 0, &s)) {
		CHECK(0, "srtcp_opens_again");
		return;
	}
	srtcp_get_senders(from, &peer);
	srtcp_set_senders(s, &peer);
	memcpy(copy, packet, len);
	CHECK_INT(srtcp_unprotect(s, copy, &n, false), SLUICE_DROP_REPLAY,
		  "srtcp_window_is_handed_over");
	CHECK_INT(srtcp_unprotect(s, copy, &n, true), 0,
		  "srtcp_accepted_elsewhere_is_opened");
	srtcp_free(s);
}

static void test_srtcp(uint16_t profile)
{
	static const uint8_t rr[8] = { 0x80, 201, 0, 1, 0, 0, 0, 42 };
	uint8_t m[KEYS_MATERIAL_MAX], first[64], copy[64];
	struct sluice_key tx, rx;
	struct srtcp *client, *server;
	size_t len = sizeof(rr), n;
	struct srtp_master c;

	for (size_t i = 0; i < sizeof(m); i++)
		m[i] = (uint8_t)(i * 7);
	keys_split(profile, true, m, &c);
	keys_expand(&c, true, &tx);
	keys_expand(&c, false, &rx);
	if (srtcp_create(&rx, &tx, 7, &client) ||
	    srtcp_create(&tx, &rx, 0, &server)) {
		CHECK(0, "srtcp_known_profile_opens");
		return;
	}
	memcpy(first, rr, sizeof(rr));
	CHECK_INT(srtcp_protect(client, first, &len, 20), -ENOBUFS,
		  "srtcp_without_room_is_refused");
	CHECK_INT(srtcp_protect(client, first, &len, sizeof(first)), 0,
		  "srtcp_protects");
	CHECK_INT(srtcp_next_index(client), 8, "srtcp_index_counts_from_first");
	memcpy(copy, first, len);
	copy[len - 1] ^= 1;
	n = len;
	CHECK_INT(srtcp_unprotect(server, copy, &n, false), SLUICE_DROP_AUTH,
		  "srtcp_forged_is_refused");
	memcpy(copy, first, len);
	n = len;
	CHECK_INT(srtcp_unprotect(server, copy, &n, false), 0, "srtcp_unprotects");
	CHECK(n == sizeof(rr) && !memcmp(copy, rr, n),
	      "srtcp_content_is_back");
	n = len;
	CHECK_INT(srtcp_unprotect(server, first, &n, false), SLUICE_DROP_REPLAY,
		  "srtcp_replayed_is_refused");
	check_handed_over(&tx, &rx, server, first, len);
	srtcp_raise(client, 100);
	srtcp_raise(client, 50);
	CHECK_INT(srtcp_next_index(client), 100, "srtcp_index_is_only_raised");
	n = 4;
	CHECK_INT(srtcp_unprotect(server, first, &n, false), SLUICE_DROP_SHORT,
		  "srtcp_short_is_refused");
	srtcp_free(client);
	srtcp_free(server);
}

int main(void)
{
	test_split();
	test_expand();
	test_srtcp(SLUICE_SRTP_AES128_CM_SHA1_80);
	test_srtcp(SLUICE_SRTP_AEAD_AES_128_GCM);
	return tap_done();
}
