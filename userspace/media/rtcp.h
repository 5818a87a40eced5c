/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTCP between the legs (RFC 3550 6, RFC 4585, RFC 5104): a compound packet is
 * read into struct rtcp_compound and written anew for each m-line, with the
 * SSRCs of the other side. Nothing is forwarded as raw bytes.
 */
#ifndef MEDIA_RTCP_H
#define MEDIA_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTCP_SENDERS_MAX	16	/* of one compound; later are left out */
#define RTCP_BLOCKS_MAX		31
#define RTCP_FEEDBACK_MAX	16

struct rtcp_sender {
	uint32_t ssrc;
	bool has_info;		/* it sent an SR */
	bool has_left;		/* BYE */
	uint64_t ntp;
	uint32_t timestamp;
	uint32_t packets;
	uint32_t bytes;
};

struct rtcp_block {
	uint32_t ssrc;
	uint32_t loss;		/* fraction and cumulative number, as sent */
	uint32_t highest_seq;	/* extended */
	uint32_t jitter;
	uint32_t lsr;
	uint32_t dlsr;
};

struct rtcp_feedback {
	uint32_t ssrc;		/* media source asked for a picture */
	bool is_fir;		/* else PLI */
	uint8_t fir_seq;
};

struct rtcp_compound {
	uint32_t sender_count;
	uint32_t block_count;
	uint32_t feedback_count;
	struct rtcp_sender sender[RTCP_SENDERS_MAX];
	struct rtcp_block block[RTCP_BLOCKS_MAX];
	struct rtcp_feedback feedback[RTCP_FEEDBACK_MAX];
};

/* How one m-line is called on the two sides. */
struct rtcp_map {
	uint32_t in_ssrc;	/* of the reporter's own media; 0: none yet */
	uint32_t out_ssrc;	/* the same, as the other side knows it */
	uint32_t seen_ssrc;	/* ours, that the reporter receives */
	uint32_t source_ssrc;	/* its origin on the other side; 0: none */
	/* what the datapath adds: to in_ssrc's timestamps, to the extended
	 * sequence numbers of source_ssrc
	 */
	uint32_t timestamp_delta;
	uint32_t seq_delta;
	const char *cname;
};

/* -EINVAL: malformed; nothing of it counts. */
int rtcp_parse(const uint8_t *data, size_t len, struct rtcp_compound *ret);
/* The compound of one m-line; 0: nothing in it concerns that one. */
size_t rtcp_build(const struct rtcp_compound *c, const struct rtcp_map *map,
		  uint8_t *buf, size_t capacity);

#endif
