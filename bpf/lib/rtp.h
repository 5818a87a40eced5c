/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The RTP header (RFC 3550 5.1). */
#ifndef SLUICE_LIB_RTP_H
#define SLUICE_LIB_RTP_H

#include "lib/port.h"
#include "uapi/sluice.h"

#define SLUICE_RTP_HEADER_LEN	12
#define SLUICE_RTP_EXTENSION	0xbede	/* elements with headers of one byte */
/* Fixed part, all CSRCs and the first word of an extension. */
#define SLUICE_RTP_READ_MAX	(SLUICE_RTP_HEADER_LEN + 4 * SLUICE_CSRC_MAX + 4)

struct sluice_rtp {
	__u8 pt;
	__u8 marker;
	__u8 padding;		/* the P bit; its count may be encrypted */
	__u8 csrc_count;
	__u8 extension;		/* there is one, of RFC 8285 4.2 */
	__u8 is_foreign_clock;	/* not the stream's; set by the caller */
	__u8 pad[2];
	__u16 seq;
	__u16 payload_off;	/* after CSRC list and extension; 4n */
	__u32 timestamp;
	__u32 ssrc;
	__u32 payload_len;	/* with RTP padding and, in SRTP, the tag */
};

/*
 * Reads the header of a datagram of len bytes. For the verifier's sake data
 * must point to SLUICE_RTP_READ_MAX bytes of memory in BPF, whatever len is;
 * nothing at or beyond len has a meaning.
 *
 * Returns 0, -SLUICE_DROP_SHORT or -SLUICE_DROP_NOT_RTP.
 */
static __always_inline int sluice_rtp_parse(const __u8 *data, __u32 len,
					    struct sluice_rtp *ret)
{
	__u32 off, cc, profile = 0;

	if (len < SLUICE_RTP_HEADER_LEN)
		return -SLUICE_DROP_SHORT;
	if (data[0] >> 6 != 2)
		return -SLUICE_DROP_NOT_RTP;
	if (len > 0xffff)
		return -SLUICE_DROP_TOO_BIG;

	cc = data[0] & 0x0f;
	off = SLUICE_RTP_HEADER_LEN + 4 * cc;
	if (len < off)
		return -SLUICE_DROP_SHORT;
	if (data[0] & 0x10) {
		/* RFC 3550 5.3.1: 16 bits of profile, length in words. */
		if (len < off + 4)
			return -SLUICE_DROP_SHORT;
		profile = sluice_get16(data + off);
		off += 4 + 4 * (__u32)sluice_get16(data + off + 2);
		if (len < off)
			return -SLUICE_DROP_SHORT;
	}

	ret->pt = data[1] & 0x7f;
	ret->marker = data[1] >> 7;
	ret->padding = data[0] >> 5 & 1;
	ret->csrc_count = (__u8)cc;
	ret->extension = profile == SLUICE_RTP_EXTENSION;
	ret->is_foreign_clock = 0;
	ret->pad[0] = ret->pad[1] = 0;
	ret->seq = sluice_get16(data + 2);
	ret->payload_off = (__u16)off;
	ret->timestamp = sluice_get32(data + 4);
	ret->ssrc = sluice_get32(data + 8);
	ret->payload_len = len - off;
	return 0;
}

#endif
