/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsrtp2 as the other end: sessions of one direction each, made from the
 * same master keys as struct sluice_key.
 */
#ifndef SELFTESTS_SRTP_ORACLE_H
#define SELFTESTS_SRTP_ORACLE_H

#include <srtp2/srtp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/srtcp.h"
#include "lib/srtp.h"

#define ORACLE_ROOM	SRTP_MAX_TRAILER_LEN

/* Master key and salt of a test, as one block as libsrtp wants it. */
struct oracle_master {
	uint32_t profile;
	uint32_t key_len;
	uint32_t salt_len;
	uint8_t b[46];
	uint32_t mki_len;	/* 0: none */
	uint8_t mki[SLUICE_MKI_MAX];
};

/* Whether packets of the sessions at hand have their MKI. */
static unsigned int oracle_has_mki;

static inline struct oracle_master oracle_master(uint32_t profile, uint8_t seed)
{
	struct oracle_master m = { .profile = profile, .key_len = 16,
				   .salt_len = 12 };
	uint32_t i;

	if (profile == SLUICE_SRTP_AEAD_AES_256_GCM)
		m.key_len = 32;
	if (profile == SLUICE_SRTP_AES128_CM_SHA1_80 ||
	    profile == SLUICE_SRTP_AES128_CM_SHA1_32)
		m.salt_len = 14;
	for (i = 0; i < sizeof(m.b); i++)
		m.b[i] = (uint8_t)(seed + 37 * i + (i * i >> 1));
	return m;
}

static inline void oracle_set_mki(struct oracle_master *m, uint32_t len)
{
	static const uint8_t mki[SLUICE_MKI_MAX] = { 0xa1, 0, 0xc3, 0xd4 };

	m->mki_len = len;
	memcpy(m->mki, mki, len);
	oracle_has_mki = len != 0;
}

static inline struct sluice_key oracle_expand(const struct oracle_master *m)
{
	struct sluice_key key;

	sluice_srtp_expand(m->profile, m->b, m->key_len, m->b + m->key_len,
			   m->salt_len, &key);
	key.generation = 1;
	key.mki_len = m->mki_len;
	memcpy(key.mki, m->mki, sizeof(key.mki));
	return key;
}

/* is_open: RTCP is authenticated, not encrypted (E = 0). */
static inline srtp_t oracle_open_rtcp(const struct oracle_master *m, int sender,
				      int is_open)
{
	static int ready;
	struct oracle_master copy = *m;
	srtp_master_key_t master = { copy.b, copy.mki, copy.mki_len };
	srtp_master_key_t *masters = &master;
	srtp_policy_t policy = { 0 };
	srtp_t session = NULL;

	if (!ready && srtp_init())
		abort();
	ready = 1;
	switch (m->profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
		break;
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
		break;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
		break;
	default:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
	}
	if (copy.mki_len) {
		policy.keys = &masters;
		policy.num_master_keys = 1;
	} else {
		policy.key = copy.b;
	}
	policy.ssrc.type = sender ? ssrc_any_outbound : ssrc_any_inbound;
	policy.window_size = 128;
	policy.allow_repeat_tx = 1;
	if (is_open)
		policy.rtcp.sec_serv = sec_serv_auth;
	if (srtp_create(&session, &policy))
		abort();
	return session;
}

static inline srtp_t oracle_open(const struct oracle_master *m, int sender)
{
	return oracle_open_rtcp(m, sender, 0);
}

/* Both: the new length or -1. Room for ORACLE_ROOM more bytes is needed. */
static inline int oracle_protect(srtp_t s, uint8_t *packet, int len)
{
	return srtp_protect_mki(s, packet, &len, oracle_has_mki, 0) ? -1 : len;
}

static inline int oracle_unprotect(srtp_t s, uint8_t *packet, int len)
{
	return srtp_unprotect_mki(s, packet, &len, oracle_has_mki) ? -1 : len;
}

static inline int oracle_protect_rtcp(srtp_t s, uint8_t *packet, int len)
{
	return srtp_protect_rtcp_mki(s, packet, &len, oracle_has_mki, 0) ? -1 :
									   len;
}

static inline int oracle_unprotect_rtcp(srtp_t s, uint8_t *packet, int len)
{
	return srtp_unprotect_rtcp_mki(s, packet, &len, oracle_has_mki) ? -1 :
									  len;
}

/* A sender report's header and len - 8 more bytes; len is 8 or more. */
static inline void oracle_rtcp_packet(uint32_t ssrc, uint32_t len, uint8_t *out)
{
	uint32_t i;

	out[0] = 0x80;
	out[1] = 200;
	sluice_put16(out + 2, (uint16_t)(len / 4 - 1));
	sluice_put32(out + 4, ssrc);
	for (i = 8; i < len; i++)
		out[i] = (uint8_t)(ssrc + 11 * i + (i >> 2) + len);
}

/* Shape of a test packet. */
struct oracle_rtp {
	uint8_t pt, marker, csrc_count;
	int extension_words;	/* -1: none */
	uint16_t seq;
	uint32_t timestamp, ssrc;
	uint32_t payload_len;
};

/* Writes the packet; returns its length. Payload bytes follow seq. */
static inline uint32_t oracle_packet(const struct oracle_rtp *r, uint8_t *out)
{
	uint32_t off = 12, i, n;

	out[0] = (uint8_t)(0x80 | r->csrc_count |
			   (r->extension_words >= 0 ? 0x10 : 0));
	out[1] = (uint8_t)(r->marker << 7 | r->pt);
	sluice_put16(out + 2, r->seq);
	sluice_put32(out + 4, r->timestamp);
	sluice_put32(out + 8, r->ssrc);
	for (i = 0; i < r->csrc_count; i++, off += 4)
		sluice_put32(out + off, 0xc0ffee00 + i);
	if (r->extension_words >= 0) {
		n = (uint32_t)r->extension_words;
		sluice_put16(out + off, 0xbede);
		sluice_put16(out + off + 2, (uint16_t)n);
		off += 4;
		for (i = 0; i < n; i++, off += 4)
			sluice_put32(out + off, 0x10203040 + i);
	}
	for (i = 0; i < r->payload_len; i++)
		out[off + i] = (uint8_t)(r->seq + 7 * i + (i >> 3));
	return off + r->payload_len;
}

#endif
