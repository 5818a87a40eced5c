/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a datagram on a media port is, by its first two bytes. */
#ifndef SLUICE_LIB_CLASSIFY_H
#define SLUICE_LIB_CLASSIFY_H

#include "lib/port.h"

enum sluice_class {
	SLUICE_CLASS_OTHER = 0,	/* ZRTP, TURN channels, nothing known */
	SLUICE_CLASS_STUN,
	SLUICE_CLASS_DTLS,
	SLUICE_CLASS_RTP,	/* or SRTP */
	SLUICE_CLASS_RTCP,	/* or SRTCP */
};

/*
 * RFC 7983 7 by the first byte; RTP against RTCP by the second one, whose
 * lower 7 bits are 64..95 for RTCP (RFC 5761 4).
 */
static __always_inline enum sluice_class sluice_classify(__u8 byte0, __u8 byte1)
{
	__u8 type = byte1 & 0x7f;

	if (byte0 <= 3)
		return SLUICE_CLASS_STUN;
	if (byte0 >= 20 && byte0 <= 63)
		return SLUICE_CLASS_DTLS;
	if (byte0 >= 128 && byte0 <= 191)
		return type >= 64 && type <= 95 ? SLUICE_CLASS_RTCP :
						  SLUICE_CLASS_RTP;
	return SLUICE_CLASS_OTHER;
}

#endif
