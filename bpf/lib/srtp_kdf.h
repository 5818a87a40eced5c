/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* SRTP session keys from master keys (RFC 3711 4.3). Userspace. */
#ifndef SLUICE_LIB_SRTP_KDF_H
#define SLUICE_LIB_SRTP_KDF_H

#include "lib/srtp.h"

/* RFC 3711 4.3.1 and 4.3.2, kdr 0: AES-CM keyed by the master key. */
static inline void sluice_srtp_derive(const struct sluice_aes_key *master,
				      const __u8 salt[14], __u8 label,
				      __u8 *ret, __u32 ret_len)
{
	__u8 counter[SLUICE_AES_BLOCK] = { 0 }, stream[SLUICE_AES_BLOCK];
	__u32 off, n;

	memcpy(counter, salt, 14);
	counter[7] ^= label;
	for (off = 0; off < ret_len; off += n) {
		n = ret_len - off;
		if (n > SLUICE_AES_BLOCK)
			n = SLUICE_AES_BLOCK;
		sluice_aes_encrypt_bytes(master, counter, stream);
		memcpy(ret + off, stream, n);
		counter[15]++;
	}
	explicit_bzero(stream, sizeof(stream));
}

/* label: 0 for RTP, 3 for RTCP; encryption, authentication, salt follow. */
static inline void sluice_srtp_expand_one(const struct sluice_aes_key *master,
					  __u32 key_len, const __u8 salt[14],
					  __u32 salt_len, __u8 label,
					  struct sluice_cipher_key *ret)
{
	static const __u8 zero[SLUICE_AES_BLOCK];
	__u8 key[32], auth[SLUICE_SHA1_LEN], h[SLUICE_AES_BLOCK];

	sluice_srtp_derive(master, salt, label, key, key_len);
	sluice_srtp_derive(master, salt, label + 1, auth, sizeof(auth));
	sluice_srtp_derive(master, salt, label + 2, ret->salt, salt_len);
	sluice_aes_expand(key, key_len, &ret->aes);
	sluice_hmac_sha1_expand(auth, sizeof(auth), ret->hmac_inner,
				ret->hmac_outer);
	sluice_aes_encrypt_bytes(&ret->aes, zero, h);
	ret->ghash_h[0] = sluice_get64(h);
	ret->ghash_h[1] = sluice_get64(h + 8);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(auth, sizeof(auth));
	explicit_bzero(h, sizeof(h));
}

/*
 * Session keys for RTP and RTCP at key derivation rate 0. key_len: 16 or 32,
 * salt_len: 14 (CM) or 12 (GCM), as the profile says. ret->generation is left
 * 0 for the caller.
 */
static inline void sluice_srtp_expand(__u32 profile, const __u8 *master_key,
				      __u32 key_len, const __u8 *master_salt,
				      __u32 salt_len, struct sluice_key *ret)
{
	__u8 salt[14] = { 0 };	/* RFC 7714 11: 96 bits, then 16 zeros */
	struct sluice_aes_key master;

	memset(ret, 0, sizeof(*ret));
	ret->profile = profile;
	memcpy(salt, master_salt, salt_len);
	sluice_aes_expand(master_key, key_len, &master);
	sluice_srtp_expand_one(&master, key_len, salt, salt_len, 0, &ret->rtp);
	sluice_srtp_expand_one(&master, key_len, salt, salt_len, 3, &ret->rtcp);
	sluice_ghash_expand(ret->rtp.ghash_h, ret->ghash_table);
	explicit_bzero(&master, sizeof(master));
	explicit_bzero(salt, sizeof(salt));
}

#endif
