/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What changes a payload on its way and needs no codec: G.711 by table, the
 * clock of RFC 4733 events (enum sluice_convert).
 */
#ifndef SLUICE_LIB_CONVERT_H
#define SLUICE_LIB_CONVERT_H

#include <stdbool.h>

#include "lib/g711.h"
#include "lib/port.h"
#include "lib/rtp.h"
#include "uapi/sluice.h"

#define SLUICE_EVENT_LEN	4	/* RFC 4733 2.3 */

/*
 * An event's timestamp in the stream's clock, by which it is mapped like any
 * other. One instant has two timestamps in two clocks, so that an event keeps
 * its place among the audio if its sender counts like RFC 4733 2.1 says.
 */
static __always_inline __u32
sluice_convert_arriving(const struct sluice_payload *p, __u32 timestamp)
{
	return p->convert == SLUICE_CONVERT_EVENT_UP ? timestamp * p->ratio :
						       timestamp;
}

/* A mapped timestamp in the clock that the packet leaves with. */
static __always_inline __u32
sluice_convert_leaving(const struct sluice_payload *p, __u32 timestamp)
{
	return p->convert == SLUICE_CONVERT_EVENT_DOWN && p->ratio ?
		       timestamp / p->ratio : timestamp;
}

/* 0 means "not begun" to receivers, and 16 bits is all there is (2.3.5). */
static __always_inline __u16 sluice_convert_duration(__u8 convert, __u8 ratio,
						     __u16 duration)
{
	__u32 d = duration;

	if (convert == SLUICE_CONVERT_EVENT_UP) {
		d *= ratio;
		return d > 0xffff ? 0xffff : (__u16)d;
	}
	if (!ratio || !d)
		return duration;
	return d < ratio ? 1 : (__u16)(d / ratio);
}

struct sluice_convert_pass {
	__u8 *packet;
	__u32 start;		/* of the payload */
	__u32 end;
	__u32 to_pcma;
};

#define SLUICE_CONVERT_STEP	8	/* bytes */

static __attribute__((unused)) long sluice_convert_step(sluice_loop_index i,
							void *context)
{
	struct sluice_convert_pass *pass = context;
	__u32 off = pass->start + i * SLUICE_CONVERT_STEP;
	const __u8 *table = pass->to_pcma ? sluice_pcmu_to_pcma :
					    sluice_pcma_to_pcmu;
	__u32 left = pass->end - off;
	__u8 *p;
	int k;

	sluice_opaque(off);
	if (off > SLUICE_PACKET_MAX)
		return 1;
	p = pass->packet + off;
#pragma GCC unroll 8
	for (k = 0; k < SLUICE_CONVERT_STEP; k++)
		if ((__u32)k < left)
			p[k] = table[p[k]];
	return 0;
}

/* Where the payload ends and padding begins (RFC 3550 5.1). */
static __always_inline __u32 sluice_convert_end(const __u8 *packet,
						__u32 off, __u32 len)
{
	__u32 last = len - 1, pad;

	sluice_opaque(last);
	if (last > SLUICE_PACKET_MAX)
		return len;
	pad = packet[last];
	return pad > len - off ? off : len - pad;
}

/**
 * sluice_convert_payload - changes a packet's payload in place
 * @packet: in BPF SLUICE_PACKET_MAX + SLUICE_CONVERT_STEP bytes of memory
 * @off: where the payload begins
 * @len: of the packet, at most SLUICE_PACKET_MAX
 * @padding: the P bit
 *
 * The length stays as it is.
 */
static __always_inline void
sluice_convert_payload(const struct sluice_payload *payload, __u8 *packet,
		       __u32 off, __u32 len, bool padding)
{
	struct sluice_convert_pass pass = { .packet = packet, .start = off,
					    .end = len };
	__u8 convert = payload->convert;
	__u8 *p;

	if (len <= off)
		return;
	switch (convert) {
	case SLUICE_CONVERT_PCMU_PCMA:
	case SLUICE_CONVERT_PCMA_PCMU:
		pass.to_pcma = convert == SLUICE_CONVERT_PCMU_PCMA;
		if (padding)
			pass.end = sluice_convert_end(packet, off, len);
		sluice_loop((pass.end - off + SLUICE_CONVERT_STEP - 1) /
			    SLUICE_CONVERT_STEP, sluice_convert_step, &pass);
		break;
	case SLUICE_CONVERT_EVENT_UP:
	case SLUICE_CONVERT_EVENT_DOWN:
		if (len - off < SLUICE_EVENT_LEN)
			break;
		sluice_opaque(off);
		if (off > SLUICE_RTP_READ_MAX)
			break;
		p = packet + off + 2;
		sluice_put16(p, sluice_convert_duration(convert,
							payload->ratio,
							sluice_get16(p)));
		break;
	default:
		break;
	}
}

#endif
