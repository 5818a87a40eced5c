/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SRTP on OpenSSL's ciphers, keyed by the contract's session keys. The layout
 * and the counters are bpf/lib's; only the primitives differ.
 *
 * struct sluice_key holds HMAC's states, not its key. Of OpenSSL only the low
 * level SHA1_ functions can begin from a state, hence the deprecated API.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/user.h"
#include "lib/srtp.h"

#define GCM_IV_LEN	12
#define GCM_TAG_LEN	16

enum { DIRECTION_OPEN = 0, DIRECTION_SEAL = 1 };

struct user_crypt {
	struct sluice_key key;
	const EVP_CIPHER *cipher;
	bool is_gcm;
	/* By direction, keyed; made at first use. */
	EVP_CIPHER_CTX *ctx[2];
};

int user_crypt_create(const struct sluice_key *key, struct user_crypt **ret)
{
	struct user_crypt *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->key = *key;
	if (key->mki_len > SLUICE_MKI_MAX) {
		user_crypt_free(c);
		return -EINVAL;
	}
	switch (key->profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		c->cipher = EVP_aes_128_ctr();
		break;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
		c->cipher = EVP_aes_128_gcm();
		c->is_gcm = true;
		break;
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		c->cipher = EVP_aes_256_gcm();
		c->is_gcm = true;
		break;
	default:
		user_crypt_free(c);
		return -EINVAL;
	}
	*ret = c;
	return 0;
}

void user_crypt_free(struct user_crypt *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->ctx[DIRECTION_OPEN]);
	EVP_CIPHER_CTX_free(c->ctx[DIRECTION_SEAL]);
	OPENSSL_cleanse(&c->key, sizeof(c->key));
	free(c);
}

uint32_t user_crypt_trailer_len(const struct user_crypt *c)
{
	return sluice_srtp_tag_len(c->key.profile) + c->key.mki_len;
}

/* The context of a direction; NULL when memory is out. */
static EVP_CIPHER_CTX *context(struct user_crypt *c, int direction)
{
	EVP_CIPHER_CTX *ctx = c->ctx[direction];
	uint8_t raw[32];
	int ok;

	if (ctx)
		return ctx;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return NULL;
	sluice_aes_raw(&c->key.rtp.aes, sizeof(raw), raw);
	ok = EVP_CipherInit_ex(ctx, c->cipher, NULL, raw, NULL, direction);
	OPENSSL_cleanse(raw, sizeof(raw));
	if (!ok) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	c->ctx[direction] = ctx;
	return ctx;
}

/* RFC 3711 4.2: HMAC over packet || ROC. */
static void cm_tag(const struct user_crypt *c, uint64_t index,
		   const uint8_t *packet, uint32_t len,
		   uint8_t ret[SLUICE_SHA1_LEN])
{
	const uint32_t *states[2] = { c->key.rtp.hmac_inner,
				      c->key.rtp.hmac_outer };
	const uint8_t *data = packet;
	uint8_t roc[4];
	SHA_CTX sha;
	int i;

	sluice_put32(roc, (uint32_t)(index >> 16));
	for (i = 0; i < 2; i++) {
		SHA1_Init(&sha);
		sha.h0 = states[i][0];
		sha.h1 = states[i][1];
		sha.h2 = states[i][2];
		sha.h3 = states[i][3];
		sha.h4 = states[i][4];
		sha.Nl = SLUICE_SHA1_BLOCK * 8;
		SHA1_Update(&sha, data, len);
		if (i == 0)
			SHA1_Update(&sha, roc, sizeof(roc));
		SHA1_Final(ret, &sha);
		data = ret;
		len = SLUICE_SHA1_LEN;
	}
}

static int cm_crypt(struct user_crypt *c, uint64_t index, uint32_t ssrc,
		    uint8_t *data, uint32_t len)
{
	EVP_CIPHER_CTX *ctx = context(c, DIRECTION_SEAL);
	uint32_t counter[4];
	uint8_t iv[SLUICE_AES_BLOCK];
	int n, i;

	sluice_cm_counter(c->key.rtp.salt, index, ssrc, counter);
	for (i = 0; i < 4; i++)
		sluice_put32(iv + 4 * i, counter[i]);
	if (!ctx || !EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) ||
	    !EVP_CipherUpdate(ctx, data, &n, data, (int)len))
		return -SLUICE_DROP_INTERNAL;
	return 0;
}

/* Up to the tag; the caller gets or has set it. */
static int gcm_crypt(struct user_crypt *c, int direction, uint64_t index,
		     uint32_t ssrc, uint8_t *packet, uint32_t header_len,
		     uint32_t len, uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = context(c, direction);
	uint32_t counter[4];
	uint8_t iv[SLUICE_AES_BLOCK];
	int n, i;

	sluice_gcm_counter(c->key.rtp.salt, index, ssrc, counter);
	for (i = 0; i < 4; i++)
		sluice_put32(iv + 4 * i, counter[i]);
	/* OpenSSL takes the first GCM_IV_LEN bytes: its default length. */
	if (!ctx || !EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1))
		return -SLUICE_DROP_INTERNAL;
	if (direction == DIRECTION_OPEN &&
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, tag))
		return -SLUICE_DROP_INTERNAL;
	if (!EVP_CipherUpdate(ctx, NULL, &n, packet, (int)header_len) ||
	    !EVP_CipherUpdate(ctx, packet + header_len, &n,
			      packet + header_len, (int)(len - header_len)))
		return -SLUICE_DROP_INTERNAL;
	if (!EVP_CipherFinal_ex(ctx, packet + len, &n))
		return -SLUICE_DROP_AUTH;
	if (direction == DIRECTION_SEAL &&
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, tag))
		return -SLUICE_DROP_INTERNAL;
	return 0;
}

int user_crypt_protect(struct user_crypt *c, uint64_t index, uint32_t ssrc,
		       uint8_t *packet, uint32_t header_len, uint32_t len)
{
	uint32_t tag_len = sluice_srtp_tag_len(c->key.profile);
	uint32_t mki_len = c->key.mki_len;
	uint8_t tag[SLUICE_SHA1_LEN], *end = packet + len;
	int err;

	if (len < header_len)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX - tag_len - mki_len)
		return -SLUICE_DROP_TOO_BIG;
	if (c->is_gcm) {
		err = gcm_crypt(c, DIRECTION_SEAL, index, ssrc, packet,
				header_len, len, tag);
	} else {
		err = cm_crypt(c, index, ssrc, packet + header_len,
			       len - header_len);
		cm_tag(c, index, packet, len, tag);
	}
	if (err)
		return err;
	/* RFC 7714 8.2: a tag that is part of the ciphertext comes first. */
	memcpy(end + (c->is_gcm ? tag_len : 0), c->key.mki, mki_len);
	memcpy(end + (c->is_gcm ? 0 : mki_len), tag, tag_len);
	return (int)(len + tag_len + mki_len);
}

int user_crypt_unprotect(struct user_crypt *c, uint64_t index, uint32_t ssrc,
			 uint8_t *packet, uint32_t header_len, uint32_t len)
{
	uint32_t tag_len = sluice_srtp_tag_len(c->key.profile);
	uint32_t mki_len = c->key.mki_len;
	uint8_t tag[SLUICE_SHA1_LEN], *got, *mki;
	int err;

	if (len < header_len + tag_len + mki_len)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_TOO_BIG;
	len -= tag_len + mki_len;
	got = packet + len + (c->is_gcm ? 0 : mki_len);
	mki = packet + len + (c->is_gcm ? tag_len : 0);
	if (memcmp(mki, c->key.mki, mki_len))
		return -SLUICE_DROP_AUTH;
	if (c->is_gcm) {
		memcpy(tag, got, tag_len);
		err = gcm_crypt(c, DIRECTION_OPEN, index, ssrc, packet,
				header_len, len, tag);
	} else {
		cm_tag(c, index, packet, len, tag);
		if (CRYPTO_memcmp(tag, got, tag_len))
			return -SLUICE_DROP_AUTH;
		err = cm_crypt(c, index, ssrc, packet + header_len,
			       len - header_len);
	}
	return err ? err : (int)len;
}
