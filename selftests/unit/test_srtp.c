/* SPDX-License-Identifier: Apache-2.0 */
/* bpf/lib's cipher code: vectors of the standards, then libsrtp2. */
#include "srtp_oracle.h"
#include "tap.h"

static _Alignas(8) uint8_t scratch[SLUICE_SCRATCH];

static void hex(const char *text, uint8_t *ret)
{
	unsigned int v;

	for (; text[0]; text += 2) {
		while (*text == ' ')
			text++;
		sscanf(text, "%2x", &v);
		*ret++ = (uint8_t)v;
	}
}

static void check_hex(const uint8_t *got, const char *want, size_t len,
		      const char *name)
{
	uint8_t bytes[256];

	hex(want, bytes);
	CHECK_MEM(got, bytes, len, name);
}

static void test_aes(void)
{
	uint8_t key[32], in[16], out[16];
	struct sluice_aes_key k;

	/* FIPS 197 C.1 and C.3 */
	hex("000102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f", key);
	hex("00112233445566778899aabbccddeeff", in);
	sluice_aes_expand(key, 16, &k);
	sluice_aes_encrypt_bytes(&k, in, out);
	check_hex(out, "69c4e0d86a7b0430d8cdb78070b4c55a", 16,
		  "aes128_fips197_c1_matches");
	sluice_aes_expand(key, 32, &k);
	sluice_aes_encrypt_bytes(&k, in, out);
	check_hex(out, "8ea2b7ca516745bfeafc49904b496089", 16,
		  "aes256_fips197_c3_matches");
}

static void test_sha1(void)
{
	struct sluice_sha1 s;
	uint8_t key[80], out[20];
	int i;

	sluice_sha1_start(&s);
	sluice_sha1_add(&s, "abc", 3);
	sluice_sha1_finish(&s, out);
	check_hex(out, "a9993e364706816aba3e25717850c26c9cd0d89d", 20,
		  "sha1_fips180_abc_matches");

	sluice_sha1_start(&s);
	for (i = 0; i < 1000000; i++)
		sluice_sha1_add(&s, "a", 1);
	sluice_sha1_finish(&s, out);
	check_hex(out, "34aa973cd4c4daa4f61eeb2bdbad27316534016f", 20,
		  "sha1_fips180_million_a_matches");

	memset(key, 0x0b, 20);
	sluice_hmac_sha1(key, 20, "Hi There", 8, out);
	check_hex(out, "b617318655057264e28bc0b6fb378c8ef146be00", 20,
		  "hmac_rfc2202_case1_matches");
	sluice_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, out);
	check_hex(out, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", 20,
		  "hmac_rfc2202_case2_matches");
	memset(key, 0xaa, 80);
	sluice_hmac_sha1(key, 80, "Test Using Larger Than Block-Size Key - "
			 "Hash Key First", 54, out);
	check_hex(out, "aa4ae5e15272d00e95705637ce8a3b55ed402112", 20,
		  "hmac_rfc2202_case6_matches");
}

/* RFC 3711 B.2: the keystream shows when the payload is zero. */
static void test_counter_mode(void)
{
	struct sluice_key key = { .profile = SLUICE_SRTP_AES128_CM_SHA1_80 };
	uint8_t session[16];
	int len;

	hex("2b7e151628aed2a6abf7158809cf4f3c", session);
	sluice_aes_expand(session, 16, &key.rtp.aes);
	hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd", key.rtp.salt);
	memset(scratch, 0, sizeof(scratch));
	scratch[0] = 0x80;
	len = sluice_srtp_protect(&key, 0, 0, scratch, 12, 12 + 48);
	CHECK_INT(len, 12 + 48 + 10, "srtp_cm_protect_adds_80_bit_tag");
	check_hex(scratch + 12, "e03ead0935c95e80e166b16dd92b4eb4"
		  "d23513162b02d0f72a43a2fe4a5f97ab"
		  "41e95b3bb0a2e8dd477901e4fca894c0", 48,
		  "srtp_cm_rfc3711_b2_matches");
}

static void test_derivation(void)
{
	struct sluice_key key;
	uint8_t master[32], salt[14], auth[20], got[32];
	uint32_t inner[5], outer[5];

	/* RFC 3711 B.3 */
	hex("e1f97a0d3e018be0d64fa32c06de4139", master);
	hex("0ec675ad498afeebb6960b3aabe6", salt);
	sluice_srtp_expand(SLUICE_SRTP_AES128_CM_SHA1_80, master, 16, salt, 14,
			   &key);
	sluice_aes_raw(&key.rtp.aes, 16, got);
	check_hex(got, "c61e7a93744f39ee10734afe3ff7a087", 16,
		  "kdf_rfc3711_b3_cipher_key_matches");
	check_hex(key.rtp.salt, "30cbbc08863d8c85d49db34a9ae1", 14,
		  "kdf_rfc3711_b3_salt_matches");
	hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4", auth);
	sluice_hmac_sha1_expand(auth, 20, inner, outer);
	CHECK(!memcmp(inner, key.rtp.hmac_inner, 20) &&
	      !memcmp(outer, key.rtp.hmac_outer, 20),
	      "kdf_rfc3711_b3_auth_key_matches");

	/* RFC 6188 7.2, the key derivation of AEAD_AES_256_GCM (RFC 7714 11) */
	hex("f0f04914b513f2763a1b1fa130f10e29"
	    "98f6f6e43e4309d1e622a0e332b9f1b6", master);
	hex("3b04803de51ee7c96423ab5b78d2", salt);
	sluice_srtp_expand(SLUICE_SRTP_AEAD_AES_256_GCM, master, 32, salt, 14,
			   &key);
	sluice_aes_raw(&key.rtp.aes, 32, got);
	check_hex(got, "5ba1064e30ec51613cad926c5a28ef73"
		  "1ec7fb397f70a960653caf06554cd8c4", 32,
		  "kdf_rfc6188_cipher_key_matches");
	check_hex(key.rtp.salt, "fa31791685ca444a9e07c6c64e93", 14,
		  "kdf_rfc6188_salt_matches");
	hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05", auth);
	sluice_hmac_sha1_expand(auth, 20, inner, outer);
	CHECK(!memcmp(inner, key.rtp.hmac_inner, 20),
	      "kdf_rfc6188_auth_key_matches");
}

/* RFC 7714 16.1 and 16.2; key and salt are the session's. */
static void test_gcm(uint32_t profile, const char *protected, const char *name)
{
	static const char packet[] =
		"8040f17b8041f8d35501a0b2"
		"47616c6c696120657374206f6d6e69732064697669736120696e207061"
		"7274657320747265 73";
	struct sluice_key key = { .profile = profile };
	uint8_t session[32], zero[16] = { 0 }, h[16], plain[50];
	char text[96];
	int len;

	hex("000102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f", session);
	hex("517569642070726f2071756f", key.rtp.salt);
	sluice_aes_expand(session, profile == SLUICE_SRTP_AEAD_AES_128_GCM ?
			  16 : 32, &key.rtp.aes);
	sluice_aes_encrypt_bytes(&key.rtp.aes, zero, h);
	key.rtp.ghash_h[0] = sluice_get64(h);
	key.rtp.ghash_h[1] = sluice_get64(h + 8);
	sluice_ghash_expand(key.rtp.ghash_h, key.ghash_table);

	hex(packet, plain);
	memcpy(scratch, plain, sizeof(plain));
	len = sluice_srtp_protect(&key, 0xf17b, 0x5501a0b2, scratch, 12, 50);
	snprintf(text, sizeof(text), "srtp_%s_protect_adds_16_bytes", name);
	CHECK_INT(len, 66, text);
	snprintf(text, sizeof(text), "srtp_%s_rfc7714_encryption_matches", name);
	check_hex(scratch, protected, 66, text);
	len = sluice_srtp_unprotect(&key, 0xf17b, 0x5501a0b2, scratch, 12, 66);
	snprintf(text, sizeof(text), "srtp_%s_rfc7714_decryption_matches", name);
	CHECK(len == 50 && !memcmp(scratch, plain, 50), text);
}

static const struct {
	uint32_t profile;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, "cm32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm128" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
};

/* One shape through both; true when the bytes agree both ways. */
static int agrees(const struct sluice_key *key, srtp_t tx, srtp_t rx,
		  const struct oracle_rtp *shape, uint64_t index)
{
	uint8_t plain[SLUICE_SCRATCH], want[SLUICE_SCRATCH];
	uint32_t len = oracle_packet(shape, plain);
	struct sluice_rtp rtp;
	int got, n;

	if (sluice_rtp_parse(plain, len, &rtp))
		return 0;
	memcpy(want, plain, len);
	n = oracle_protect(tx, want, (int)len);
	if (n < 0)
		return 0;
	memcpy(scratch, plain, len);
	got = sluice_srtp_protect(key, index, rtp.ssrc, scratch,
				  rtp.payload_off, len);
	if (got != n || memcmp(scratch, want, (size_t)n))
		return 0;
	got = sluice_srtp_unprotect(key, index, rtp.ssrc, scratch,
				    rtp.payload_off, (uint32_t)n);
	if (got != (int)len || memcmp(scratch, plain, len))
		return 0;
	/* And what we made is what libsrtp2 takes. */
	got = oracle_unprotect(rx, want, n);
	return got == (int)len && !memcmp(want, plain, len);
}

static void test_oracle(unsigned int p)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 11);
	struct sluice_key key = oracle_expand(&m);
	srtp_t tx = oracle_open(&m, 1), rx = oracle_open(&m, 0);
	struct oracle_rtp r = { .pt = 96, .ssrc = 0xdecafbad };
	uint64_t index = 65000;
	char name[80];
	int ok = 1;

	for (; index < 65000 + 1401 && ok; index++) {
		r.seq = (uint16_t)index;
		r.timestamp = (uint32_t)index * 160;
		r.payload_len = (uint32_t)(index - 65000);
		r.marker = index & 1;
		r.csrc_count = index % 5 == 0 ? index % 16 : 0;
		r.extension_words = index % 3 == 0 ? (int)(index % 7) : -1;
		ok = agrees(&key, tx, rx, &r, index);
	}
	snprintf(name, sizeof(name), "srtp_%s_lengths_0_to_1400_match_libsrtp",
		 profiles[p].name);
	if (!CHECK(ok, name))
		printf("# at length %u\n", r.payload_len);
	srtp_dealloc(tx);
	srtp_dealloc(rx);
}

/* Every byte of a packet is authenticated, and the roll-over counter. */
static void test_forged(unsigned int p)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 3);
	struct sluice_key key = oracle_expand(&m);
	struct oracle_rtp r = { .pt = 0, .ssrc = 7, .payload_len = 30,
				.csrc_count = 2, .extension_words = 1 };
	uint8_t good[SLUICE_SCRATCH];
	uint32_t len = oracle_packet(&r, scratch), n, i, taken = 0;
	char name[80];
	int ret;

	ret = sluice_srtp_protect(&key, 0x10000, 7, scratch, 28, len);
	snprintf(name, sizeof(name), "srtp_%s_packet_is_protected",
		 profiles[p].name);
	if (!CHECK(ret > 0, name))
		return;
	n = (uint32_t)ret;
	memcpy(good, scratch, sizeof(good));
	for (i = 0; i < n; i++) {
		memcpy(scratch, good, n);
		scratch[i] ^= 1 << i % 8;
		ret = sluice_srtp_unprotect(&key, 0x10000, 7, scratch, 28, n);
		taken += ret != -SLUICE_DROP_AUTH;
	}
	snprintf(name, sizeof(name), "srtp_%s_any_byte_changed_is_refused",
		 profiles[p].name);
	CHECK_INT(taken, 0, name);

	memcpy(scratch, good, n);
	ret = sluice_srtp_unprotect(&key, 0x20000, 7, scratch, 28, n);
	snprintf(name, sizeof(name), "srtp_%s_other_roc_is_refused",
		 profiles[p].name);
	CHECK_INT(ret, -SLUICE_DROP_AUTH, name);
	memcpy(scratch, good, n);
	ret = sluice_srtp_unprotect(&key, 0x10000, 7, scratch, 28,
				    28 + sluice_srtp_tag_len(m.profile) - 1);
	snprintf(name, sizeof(name), "srtp_%s_no_room_for_tag_is_short",
		 profiles[p].name);
	CHECK_INT(ret, -SLUICE_DROP_SHORT, name);
}

/* Both ways, one length after the other, and with an index of our choice. */
static void test_rtcp_oracle(unsigned int p, int is_open)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 23);
	struct sluice_key key = oracle_expand(&m);
	srtp_t tx = oracle_open_rtcp(&m, 1, is_open);
	srtp_t rx = oracle_open_rtcp(&m, 0, 0);
	uint8_t plain[SLUICE_SCRATCH], wire[SLUICE_SCRATCH];
	uint32_t len, count = 0, index = 0, word = 0, ssrc = 0x5eed0001;
	char name[96];
	int ok = 1, n;

	for (len = 8; len <= 1400 && ok; len += 4) {
		oracle_rtcp_packet(ssrc, len, plain);
		memcpy(wire, plain, len);
		n = oracle_protect_rtcp(tx, wire, (int)len);
		count++;
		memcpy(scratch, wire, sizeof(scratch));
		ok = n > 0 &&
		     !sluice_srtcp_peek(&key, scratch, (uint32_t)n, &word) &&
		     word == (count | (is_open ? 0 : SLUICE_SRTCP_E)) &&
		     sluice_srtcp_unprotect(&key, ssrc, scratch, (uint32_t)n,
					    &index) == (int)len &&
		     index == count && !memcmp(scratch, plain, len);
		if (ok && !is_open) {
			ok = sluice_srtcp_protect(&key, count, ssrc, scratch,
						  len) == n &&
			     !memcmp(scratch, wire, (size_t)n);
		}
		/* any index that is ahead is taken by libsrtp2 */
		index = len < 1400 ? len * 0x100003 : SLUICE_SRTCP_INDEX_MAX;
		memcpy(scratch, plain, len);
		n = sluice_srtcp_protect(&key, index, ssrc, scratch, len);
		ok = ok && n > 0 &&
		     oracle_unprotect_rtcp(rx, scratch, n) == (int)len &&
		     !memcmp(scratch, plain, len);
	}
	snprintf(name, sizeof(name), "srtcp_%s_%s_lengths_match_libsrtp",
		 profiles[p].name, is_open ? "open" : "encrypted");
	if (!CHECK(ok, name))
		printf("# at length %u\n", len - 4);
	srtp_dealloc(tx);
	srtp_dealloc(rx);
}

static void test_rtcp_forged(unsigned int p, int is_open)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 4);
	struct sluice_key key = oracle_expand(&m);
	srtp_t tx = oracle_open_rtcp(&m, 1, is_open);
	uint8_t good[SLUICE_SCRATCH];
	uint32_t i, n, index = 0, taken = 0;
	char name[96];

	oracle_rtcp_packet(9, 52, good);
	n = (uint32_t)oracle_protect_rtcp(tx, good, 52);
	for (i = 0; i < n; i++) {
		memcpy(scratch, good, n);
		scratch[i] ^= 1 << i % 8;
		taken += sluice_srtcp_unprotect(&key, sluice_get32(scratch + 4),
						scratch, n, &index) !=
			 -SLUICE_DROP_AUTH;
	}
	/* and the E bit itself */
	memcpy(scratch, good, n);
	scratch[sluice_srtcp_is_gcm(m.profile) ? n - 4 : n - 14] ^= 0x80;
	taken += sluice_srtcp_unprotect(&key, 9, scratch, n, &index) !=
		 -SLUICE_DROP_AUTH;
	snprintf(name, sizeof(name), "srtcp_%s_%s_any_byte_changed_is_refused",
		 profiles[p].name, is_open ? "open" : "encrypted");
	CHECK_INT(taken, 0, name);
	srtp_dealloc(tx);
}

static void test_rtcp_limits(unsigned int p)
{
	struct oracle_master m = oracle_master(profiles[p].profile, 4);
	struct sluice_key key = oracle_expand(&m);
	uint32_t trailer = sluice_srtcp_trailer_len(m.profile);
	uint32_t word = 0, index = 0;
	char name[96];
	int ok;

	ok = sluice_srtcp_protect(&key, 1, 1, scratch, 7) ==
		     -SLUICE_DROP_SHORT &&
	     sluice_srtcp_peek(&key, scratch, 7 + trailer, &word) ==
		     -SLUICE_DROP_SHORT &&
	     sluice_srtcp_unprotect(&key, 1, scratch, 7 + trailer, &index) ==
		     -SLUICE_DROP_SHORT;
	snprintf(name, sizeof(name), "srtcp_%s_below_header_is_short",
		 profiles[p].name);
	CHECK(ok, name);
	ok = sluice_srtcp_protect(&key, 1, 1, scratch,
				  SLUICE_PACKET_MAX - trailer + 1) ==
		     -SLUICE_DROP_TOO_BIG &&
	     sluice_srtcp_unprotect(&key, 1, scratch, SLUICE_PACKET_MAX + 1,
				    &index) == -SLUICE_DROP_TOO_BIG &&
	     sluice_srtcp_protect(&key, 1, 1, scratch,
				  SLUICE_PACKET_MAX - trailer) ==
		     SLUICE_PACKET_MAX &&
	     sluice_srtcp_unprotect(&key, 1, scratch, SLUICE_PACKET_MAX,
				    &index) == SLUICE_PACKET_MAX - (int)trailer;
	snprintf(name, sizeof(name), "srtcp_%s_at_max_is_last_taken",
		 profiles[p].name);
	CHECK(ok, name);
	snprintf(name, sizeof(name), "srtcp_%s_index_is_exhausted_at_2_31",
		 profiles[p].name);
	CHECK_INT(sluice_srtcp_protect(&key, SLUICE_SRTCP_INDEX_MAX + 1, 1,
				       scratch, 100),
		  -SLUICE_DROP_KEY_LIMIT, name);
}

static void test_limits(void)
{
	struct oracle_master m =
		oracle_master(SLUICE_SRTP_AES128_CM_SHA1_80, 1);
	struct sluice_key key = oracle_expand(&m);

	CHECK_INT(sluice_srtp_protect(&key, 1, 1, scratch, 12,
				      SLUICE_PACKET_MAX - 9),
		  -SLUICE_DROP_TOO_BIG, "srtp_packet_above_max_is_too_big");
	CHECK_INT(sluice_srtp_protect(&key, 1, 1, scratch, 12,
				      SLUICE_PACKET_MAX - 10),
		  SLUICE_PACKET_MAX, "srtp_packet_at_max_is_protected");
	CHECK_INT(sluice_srtp_unprotect(&key, 1, 1, scratch, 12,
					SLUICE_PACKET_MAX),
		  SLUICE_PACKET_MAX - 10, "srtp_packet_at_max_is_unprotected");
	key.profile = SLUICE_SRTP_NONE;
	CHECK_INT(sluice_srtp_protect(&key, 1, 1, scratch, 12, 100),
		  -SLUICE_DROP_INTERNAL, "srtp_no_profile_protects_nothing");
}

static void test_rtp(void)
{
	struct oracle_rtp shape = { .pt = 111, .marker = 1, .csrc_count = 3,
				    .extension_words = 2, .seq = 9,
				    .timestamp = 5, .ssrc = 6,
				    .payload_len = 4 };
	uint8_t b[128];
	uint32_t len = oracle_packet(&shape, b), i;
	struct sluice_rtp r;
	int bad = 0;

	CHECK(!sluice_rtp_parse(b, len, &r) && r.pt == 111 && r.marker &&
	      r.csrc_count == 3 && r.extension && r.seq == 9 &&
	      r.timestamp == 5 && r.ssrc == 6 && r.payload_off == 36 &&
	      r.payload_len == 4, "rtp_full_header_is_read");
	for (i = 0; i < 36; i++)
		bad += sluice_rtp_parse(b, i, &r) != -SLUICE_DROP_SHORT;
	CHECK_INT(bad, 0, "rtp_truncated_header_is_short");
	b[0] = 0x40;
	CHECK_INT(sluice_rtp_parse(b, len, &r), -SLUICE_DROP_NOT_RTP,
		  "rtp_other_version_is_not_rtp");
}

int main(void)
{
	unsigned int p;

	test_aes();
	test_sha1();
	test_counter_mode();
	test_derivation();
	test_gcm(SLUICE_SRTP_AEAD_AES_128_GCM,
		 "8040f17b8041f8d35501a0b2"
		 "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7"
		 "d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce", "gcm128");
	test_gcm(SLUICE_SRTP_AEAD_AES_256_GCM,
		 "8040f17b8041f8d35501a0b2"
		 "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ff"
		 "ae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13", "gcm256");
	for (p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++) {
		test_oracle(p);
		test_forged(p);
		test_rtcp_oracle(p, 0);
		test_rtcp_oracle(p, 1);
		test_rtcp_forged(p, 0);
		test_rtcp_forged(p, 1);
		test_rtcp_limits(p);
	}
	test_limits();
	test_rtp();
	return tap_done();
}
