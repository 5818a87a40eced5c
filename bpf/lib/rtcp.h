/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * RTCP between two sides of one m-line (RFC 3550 6, RFC 4585, RFC 5104). A
 * compound packet is read twice, word by word: once to see which m-lines it
 * concerns, once to write it anew for one of them, with the SSRCs, sequence
 * numbers and timestamps of the other side. What is written is a full
 * compound again, report and CNAME first, also where a reduced one came
 * (RFC 5506). Nothing is forwarded as raw bytes.
 *
 * All that goes on from word to word lies in struct sluice_rtcp, in memory:
 * the verifier then forgets how it came about.
 */
#ifndef SLUICE_LIB_RTCP_H
#define SLUICE_LIB_RTCP_H

#include <stdbool.h>

#include "lib/port.h"
#include "uapi/sluice.h"

#define SLUICE_RTCP_HEADER_LEN	8	/* with the sender's SSRC */
#define SLUICE_RTCP_WORDS_MAX	(SLUICE_PACKET_MAX / 4)
/* A report and a CNAME at most more than what came. */
#define SLUICE_RTCP_OUT_MAX	(SLUICE_PACKET_MAX + 48)
/* For sluice_bound(): in BPF, buffers have as much behind them. */
#define SLUICE_RTCP_BOUND	2047

_Static_assert(SLUICE_RTCP_OUT_MAX <= SLUICE_RTCP_BOUND,
	       "a compound may be longer than its bound");

enum sluice_rtcp_type {
	SLUICE_RTCP_SR = 200,
	SLUICE_RTCP_RR = 201,
	SLUICE_RTCP_SDES = 202,
	SLUICE_RTCP_BYE = 203,
	SLUICE_RTCP_RTPFB = 205,	/* RFC 4585 6.1 */
	SLUICE_RTCP_PSFB = 206,
};

#define SLUICE_RTPFB_NACK	1
/* draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1 */
#define SLUICE_RTPFB_TRANSPORT_CC	15
#define SLUICE_TRANSPORT_CC_LEAST	4	/* words: SSRCs, base, time */
#define SLUICE_PSFB_PLI		1
#define SLUICE_PSFB_FIR		4	/* RFC 5104 4.3.1 */
#define SLUICE_PSFB_AFB		15	/* REMB, draft-alvestrand-rmcat-remb */
#define SLUICE_REMB		0x52454d42

/* How one m-line is called on the two sides; 0: nothing there yet. */
struct sluice_rtcp_line {
	__u32 in_ssrc;		/* of the reporter's own media */
	__u32 out_ssrc;		/* the same, as the other side knows it */
	__u32 seen_ssrc;	/* ours, that the reporter receives */
	__u32 source_ssrc;	/* its origin on the other side */
	/*
	 * What the datapath adds: to in_ssrc's timestamps, to the extended
	 * sequence numbers of source_ssrc.
	 */
	__u32 timestamp_delta;
	__u32 seq_delta;
	__u32 feedback;		/* SLUICE_FEEDBACK_x the other side takes */
	__u32 reserved;
	__u8 cname[SLUICE_CNAME_LEN];
};

struct sluice_rtcp {
	/* reading */
	__u32 len;		/* bytes, without padding */
	__u32 is_padded;
	__u32 is_bad;
	__u32 padding;		/* the P bit, if padding is part of the words */
	__u32 type;		/* of the packet at hand */
	__u32 count;		/* its count or format */
	__u32 left;		/* words of it to come */
	__u32 pos;		/* the word at hand, 1.. behind the header */
	__u32 block;		/* position of the next report block */
	__u32 blocks;		/* report blocks to come, or REMB's SSRCs */
	/* what the first reading found: m-lines by number */
	__u32 strong;		/* by SR, report block, feedback or BYE */
	__u32 weak;		/* by nothing but the sender of an RR */
	__u32 line_count;
	/* writing */
	__u32 out_len;
	__u32 header;		/* offset of the packet being written */
	__u32 items;		/* blocks or entries in it */
	__u32 is_kept;		/* the block or entry at hand */
	__u32 is_sender;	/* the SR at hand is of in_ssrc */
	__u32 has_report;
	__u32 has_cname;
	__u32 forwarded;	/* parts that say something */
	__u32 left_out;		/* parts the other side does not take */
	__u32 is_wanted;
	__u32 is_whole;		/* well formed, said the first reading */
	struct sluice_rtcp_line map;	/* of the m-line being written */
	struct sluice_rtcp_line line[SLUICE_STREAMS_PER_TRANSPORT];
};

/* On the stack of the reader. */
struct sluice_rtcp_pass {
	struct sluice_rtcp *r;
	const __u8 *in;
	__u8 *out;
};

/* ---- both readings ----------------------------------------------------- */

/* The words that a packet of that type and count has at least. */
static __always_inline __u32 sluice_rtcp_least(__u32 type, __u32 count)
{
	switch (type) {
	case SLUICE_RTCP_SR:
		return 6 + 6 * count;
	case SLUICE_RTCP_RR:
		return 1 + 6 * count;
	case SLUICE_RTCP_BYE:
		return count;
	case SLUICE_RTCP_RTPFB:
	case SLUICE_RTCP_PSFB:
		return 2;
	default:
		return 0;
	}
}

/*
 * Transport-wide feedback fills its last word up with 1 to 3 bytes of padding,
 * wherever in the compound it stands: they stay where they are.
 */
static __always_inline bool sluice_rtcp_fills_up(const struct sluice_rtcp *r,
						 const __u8 *in, __u32 off,
						 __u32 words)
{
	__u32 last = off + 4 * words + 3;
	__u8 pad;

	if (r->type != SLUICE_RTCP_RTPFB ||
	    r->count != SLUICE_RTPFB_TRANSPORT_CC || last >= r->len ||
	    last > SLUICE_PACKET_MAX)
		return false;
	pad = in[sluice_bound(last, SLUICE_RTCP_BOUND)];
	return pad && pad < 4;
}

/*
 * A packet's header. Padding is in the last packet only (RFC 3550 A.2); it is
 * cut off once, at the first reading.
 */
static __always_inline void sluice_rtcp_begin(struct sluice_rtcp *r,
					      const __u8 *in, __u32 off,
					      __u32 word)
{
	__u32 words = word & 0xffff, room = (r->len - off) / 4 - 1, last, pad;

	r->type = word >> 16 & 0xff;
	r->count = word >> 24 & 0x1f;
	r->pos = 0;
	r->padding = 0;
	if (word & 1U << 29 && sluice_rtcp_fills_up(r, in, off, words)) {
		r->padding = 1U << 29;
	} else if (word & 1U << 29 && r->is_padded) {
		words = room;
	} else if (word & 1U << 29) {
		last = r->len - 1;
		if (words != room || last > SLUICE_PACKET_MAX)
			return;
		pad = in[sluice_bound(last, SLUICE_RTCP_BOUND)];
		if (!pad || pad % 4 || pad > words * 4)
			return;
		r->is_padded = 1;
		r->len -= pad;
		words -= pad / 4;
		room = words;
	}
	if (word >> 30 != 2 || words > room ||
	    words < sluice_rtcp_least(r->type, r->count))
		return;
	/* RFC 5104 4.3.1.1: entries of two words */
	if (r->type == SLUICE_RTCP_PSFB && r->count == SLUICE_PSFB_FIR &&
	    words % 2)
		return;
	if (r->type == SLUICE_RTCP_RTPFB &&
	    r->count == SLUICE_RTPFB_TRANSPORT_CC &&
	    words < SLUICE_TRANSPORT_CC_LEAST)
		return;
	r->left = words;
	r->block = r->type == SLUICE_RTCP_SR ? 7 : 2;
	r->blocks = r->count;
	r->is_bad = 0;
}

static __always_inline bool sluice_rtcp_is_report(__u32 type)
{
	return type == SLUICE_RTCP_SR || type == SLUICE_RTCP_RR;
}

/* True at the SSRC of a report block; the next one is then looked for. */
static __always_inline bool sluice_rtcp_at_block(struct sluice_rtcp *r)
{
	if (r->pos != r->block || !r->blocks)
		return false;
	r->block += 6;
	r->blocks--;
	return true;
}

/* ---- first reading ----------------------------------------------------- */

static __always_inline void sluice_rtcp_note(struct sluice_rtcp *r,
					     __u32 ssrc, bool is_weak)
{
	__u32 i;

#pragma GCC unroll 8
	for (i = 0; i < SLUICE_STREAMS_PER_TRANSPORT; i++) {
		if (!ssrc || r->line[i].in_ssrc != ssrc)
			continue;
		if (is_weak)
			r->weak |= 1U << i;
		else
			r->strong |= 1U << i;
	}
}

static __always_inline void sluice_rtcp_note_seen(struct sluice_rtcp *r,
						  __u32 ssrc)
{
	__u32 i;

#pragma GCC unroll 8
	for (i = 0; i < SLUICE_STREAMS_PER_TRANSPORT; i++)
		if (ssrc && r->line[i].seen_ssrc == ssrc &&
		    r->line[i].source_ssrc)
			r->strong |= 1U << i;
}

static __always_inline void sluice_rtcp_note_feedback(struct sluice_rtcp *r,
						      __u32 word)
{
	__u32 format = r->count, pos = r->pos;

	if (r->type == SLUICE_RTCP_RTPFB) {
		if (pos == 2 && (format == SLUICE_RTPFB_NACK ||
				 format == SLUICE_RTPFB_TRANSPORT_CC))
			sluice_rtcp_note_seen(r, word);
	} else if (format == SLUICE_PSFB_PLI) {
		if (pos == 2)
			sluice_rtcp_note_seen(r, word);
	} else if (format == SLUICE_PSFB_FIR) {
		if (pos > 2 && pos % 2)
			sluice_rtcp_note_seen(r, word);
	} else if (format == SLUICE_PSFB_AFB) {
		/* no SSRC is named before REMB's own list is */
		if (pos == 1)
			r->blocks = 0;
		else if (pos == 3)
			r->items = word == SLUICE_REMB;
		else if (pos == 4 && r->items)
			r->blocks = word >> 24;
		else if (pos > 4 && r->blocks) {
			r->blocks--;
			sluice_rtcp_note_seen(r, word);
		}
	}
}

static __attribute__((unused)) long sluice_rtcp_scan_step(sluice_loop_index i,
							  void *context)
{
	struct sluice_rtcp_pass *p = context;
	struct sluice_rtcp *r = p->r;
	__u32 off = i * 4, word;

	if (off >= r->len)
		return 1;
	if (off > SLUICE_PACKET_MAX - 4)
		return 1;
	word = sluice_get32(p->in + sluice_bound(off, SLUICE_RTCP_BOUND));
	if (!r->left) {
		r->is_bad = 1;
		sluice_rtcp_begin(r, p->in, off, word);
		return r->is_bad ? 1 : 0;
	}
	r->left--;
	r->pos++;
	switch (r->type) {
	case SLUICE_RTCP_SR:
		if (r->pos == 1)
			sluice_rtcp_note(r, word, false);
		else if (sluice_rtcp_at_block(r))
			sluice_rtcp_note_seen(r, word);
		break;
	case SLUICE_RTCP_RR:
		if (r->pos == 1)
			sluice_rtcp_note(r, word, true);
		else if (sluice_rtcp_at_block(r))
			sluice_rtcp_note_seen(r, word);
		break;
	case SLUICE_RTCP_BYE:
		if (r->pos <= r->count)
			sluice_rtcp_note(r, word, false);
		break;
	case SLUICE_RTCP_RTPFB:
	case SLUICE_RTCP_PSFB:
		if (r->pos == 1)
			r->left_out++;
		sluice_rtcp_note_feedback(r, word);
		break;
	}
	return 0;
}

/**
 * sluice_rtcp_scan - reads a compound and finds the m-lines it concerns
 * @r: r->line[0..line_count) tells their names; the others are zero
 * @in: in BPF memory of twice SLUICE_RTCP_BOUND bytes
 * @ret_lines: bit i: line i; never 0
 *
 * Return: 0, -SLUICE_DROP_SHORT, -SLUICE_DROP_RTCP (malformed, or it concerns
 * no line) or -SLUICE_DROP_RTCP_FEEDBACK (it concerns none, but asks for
 * something).
 */
static __always_inline int sluice_rtcp_scan(struct sluice_rtcp *r,
					    const __u8 *in, __u32 len,
					    __u32 *ret_lines)
{
	struct sluice_rtcp_pass pass = { .r = r, .in = in };
	__u8 type;

	r->is_whole = 0;
	if (len < SLUICE_RTCP_HEADER_LEN)
		return -SLUICE_DROP_SHORT;
	type = in[1];
	/*
	 * RFC 3550 6.1: a report first; RFC 5506 lets others go alone, and
	 * phones say BYE alone without having asked.
	 */
	if (len % 4 || len > SLUICE_PACKET_MAX ||
	    (!sluice_rtcp_is_report(type) && type != SLUICE_RTCP_RTPFB &&
	     type != SLUICE_RTCP_PSFB && type != SLUICE_RTCP_BYE))
		return -SLUICE_DROP_RTCP;
	r->len = len;
	r->is_padded = 0;
	r->left = 0;
	r->items = 0;
	r->strong = 0;
	r->weak = 0;
	r->left_out = 0;
	r->is_bad = 0;
	sluice_loop(SLUICE_RTCP_WORDS_MAX + 1, sluice_rtcp_scan_step, &pass);
	if (r->is_bad || r->left)
		return -SLUICE_DROP_RTCP;
	r->is_whole = 1;
	if (!r->strong && !r->weak)
		return r->left_out ? -SLUICE_DROP_RTCP_FEEDBACK :
				     -SLUICE_DROP_RTCP;
	*ret_lines = r->strong ? r->strong : r->weak;
	return 0;
}

/* ---- second reading ---------------------------------------------------- */

static __always_inline void sluice_rtcp_put(struct sluice_rtcp_pass *p,
					    __u32 word)
{
	__u32 off = p->r->out_len;

	if (off > SLUICE_RTCP_OUT_MAX - 4)
		return;
	sluice_put32(p->out + sluice_bound(off, SLUICE_RTCP_BOUND), word);
	p->r->out_len = off + 4;
}

static __always_inline void sluice_rtcp_put_header(struct sluice_rtcp_pass *p,
						   __u32 count, __u32 type,
						   __u32 words)
{
	sluice_rtcp_put(p, 2U << 30 | count << 24 | type << 16 | words);
}

/* SDES with one CNAME (RFC 3550 6.5), which is ours: theirs tells too much. */
SLUICE_SUBPROG int sluice_rtcp_put_cname(struct sluice_rtcp_pass *p)
{
	const __u8 *cname = p->r->map.cname;

	sluice_rtcp_put_header(p, 1, SLUICE_RTCP_SDES, 6);
	sluice_rtcp_put(p, p->r->map.out_ssrc);
	sluice_rtcp_put(p, 1U << 24 | SLUICE_CNAME_LEN << 16 |
			   sluice_get16(cname));
	sluice_rtcp_put(p, sluice_get32(cname + 2));
	sluice_rtcp_put(p, sluice_get32(cname + 6));
	sluice_rtcp_put(p, sluice_get32(cname + 10));
	sluice_rtcp_put(p, (__u32)sluice_get16(cname + 14) << 16);
	p->r->has_cname = 1;
	return 0;
}

/* Ahead of feedback: what a receiver may insist on. */
SLUICE_SUBPROG int sluice_rtcp_put_report(struct sluice_rtcp_pass *p)
{
	sluice_rtcp_put_header(p, 0, SLUICE_RTCP_RR, 1);
	sluice_rtcp_put(p, p->r->map.out_ssrc);
	p->r->has_report = 1;
	return sluice_rtcp_put_cname(p);
}

/* Overwrites a word that was written. */
static __always_inline void sluice_rtcp_patch(struct sluice_rtcp_pass *p,
					      __u32 off, __u32 word)
{
	if (off <= SLUICE_RTCP_OUT_MAX - 4)
		sluice_put32(p->out + sluice_bound(off, SLUICE_RTCP_BOUND),
			     word);
}

/* The packet begun at r->header is whole: its count and length are known. */
static __always_inline void sluice_rtcp_close(struct sluice_rtcp_pass *p,
					      __u32 count, __u32 type)
{
	struct sluice_rtcp *r = p->r;

	sluice_rtcp_patch(p, r->header, 2U << 30 | r->padding | count << 24 |
			  type << 16 | ((r->out_len - r->header) / 4 - 1));
}

static __always_inline void sluice_rtcp_end_report(struct sluice_rtcp_pass *p)
{
	struct sluice_rtcp *r = p->r;

	if (r->items || r->is_sender)
		r->forwarded++;
	if (r->items || r->is_sender || !r->has_report)
		sluice_rtcp_close(p, r->items, r->is_sender ? SLUICE_RTCP_SR :
							      SLUICE_RTCP_RR);
	else
		r->out_len = r->header;
	r->has_report = 1;
	if (!r->has_cname)
		sluice_rtcp_put_cname(p);
}

static __always_inline bool sluice_rtcp_is_seen(const struct sluice_rtcp *r,
						__u32 ssrc)
{
	return ssrc && ssrc == r->map.seen_ssrc && r->map.source_ssrc;
}

/* Does the other side take it? Asked once a packet or entry of ours. */
static __always_inline bool sluice_rtcp_takes(struct sluice_rtcp *r,
					      __u32 feedback)
{
	if (r->map.feedback & feedback)
		return true;
	if ((r->map.feedback & SLUICE_FEEDBACK_REPORT) &&
	    (feedback & (SLUICE_FEEDBACK_PLI | SLUICE_FEEDBACK_FIR |
			 SLUICE_FEEDBACK_NACK)))
		r->is_wanted = 1;
	r->left_out++;
	return false;
}

/* Sender, sender info and blocks of SR and RR. */
static __always_inline void sluice_rtcp_report(struct sluice_rtcp_pass *p,
					       __u32 word)
{
	struct sluice_rtcp *r = p->r;
	__u32 pos = r->pos, at;

	if (pos == 1) {
		r->is_sender = r->type == SLUICE_RTCP_SR && word &&
			       word == r->map.in_ssrc;
		/* even an empty RR says that somebody is there */
		if (r->type == SLUICE_RTCP_RR && word &&
		    word == r->map.in_ssrc)
			r->forwarded++;
		sluice_rtcp_put(p, r->map.out_ssrc);
	} else if (r->type == SLUICE_RTCP_SR && pos <= 6) {
		if (r->is_sender)
			sluice_rtcp_put(p, pos == 4 ? word +
					r->map.timestamp_delta : word);
	} else if (sluice_rtcp_at_block(r)) {
		r->is_kept = sluice_rtcp_is_seen(r, word);
		if (r->is_kept) {
			r->items++;
			sluice_rtcp_put(p, r->map.source_ssrc);
		}
	} else if (r->is_kept && pos < r->block) {
		at = r->block - pos;	/* 5: loss, 4: highest sequence ... */
		sluice_rtcp_put(p, at == 4 ? word - r->map.seq_delta : word);
	}
	if (!r->left)
		sluice_rtcp_end_report(p);
}

static __always_inline void sluice_rtcp_bye(struct sluice_rtcp_pass *p,
					    __u32 word)
{
	struct sluice_rtcp *r = p->r;

	/* Named again it is as gone as before, and the output stays small. */
	if (r->pos > r->count || !word || word != r->map.in_ssrc || r->is_kept)
		return;
	r->is_kept = 1;
	r->forwarded++;
	sluice_rtcp_put_header(p, 1, SLUICE_RTCP_BYE, 1);
	sluice_rtcp_put(p, r->map.out_ssrc);
}

static __always_inline void sluice_rtcp_nack(struct sluice_rtcp_pass *p,
					     __u32 word)
{
	struct sluice_rtcp *r = p->r;

	if (r->pos == 2) {
		r->is_kept = sluice_rtcp_is_seen(r, word) &&
			     sluice_rtcp_takes(r, SLUICE_FEEDBACK_NACK);
		if (r->is_kept) {
			sluice_rtcp_put(p, 0);
			sluice_rtcp_put(p, r->map.out_ssrc);
			sluice_rtcp_put(p, r->map.source_ssrc);
		}
	} else if (r->pos > 2 && r->is_kept) {
		/* RFC 4585 6.2.1: PID, and a mask of those after it */
		r->items++;
		sluice_rtcp_put(p, ((word >> 16) - r->map.seq_delta) << 16 |
				   (word & 0xffff));
	}
	if (r->left || !r->is_kept)
		return;
	if (!r->items) {
		r->out_len = r->header;
		return;
	}
	r->forwarded++;
	sluice_rtcp_close(p, SLUICE_RTPFB_NACK, SLUICE_RTCP_RTPFB);
}

/*
 * Its sequence numbers are those of a header extension, which passes as it is:
 * so does what is said of them.
 */
static __always_inline void sluice_rtcp_transport_cc(struct sluice_rtcp_pass *p,
						     __u32 word)
{
	struct sluice_rtcp *r = p->r;

	if (r->pos == 2) {
		r->is_kept = sluice_rtcp_is_seen(r, word) &&
			     sluice_rtcp_takes(r, SLUICE_FEEDBACK_TRANSPORT_CC);
		if (r->is_kept) {
			sluice_rtcp_put(p, 0);
			sluice_rtcp_put(p, r->map.out_ssrc);
			sluice_rtcp_put(p, r->map.source_ssrc);
		}
	} else if (r->pos > 2 && r->is_kept) {
		sluice_rtcp_put(p, word);
	}
	if (r->left || !r->is_kept)
		return;
	r->forwarded++;
	sluice_rtcp_close(p, SLUICE_RTPFB_TRANSPORT_CC, SLUICE_RTCP_RTPFB);
}

static __always_inline void sluice_rtcp_pli(struct sluice_rtcp_pass *p,
					    __u32 word)
{
	struct sluice_rtcp *r = p->r;

	if (r->pos != 2 || !sluice_rtcp_is_seen(r, word) ||
	    !sluice_rtcp_takes(r, SLUICE_FEEDBACK_PLI))
		return;
	r->forwarded++;
	sluice_rtcp_put_header(p, SLUICE_PSFB_PLI, SLUICE_RTCP_PSFB, 2);
	sluice_rtcp_put(p, r->map.out_ssrc);
	sluice_rtcp_put(p, r->map.source_ssrc);
}

/* A FIR names its targets in its entries only; one packet for each of ours. */
static __always_inline void sluice_rtcp_fir(struct sluice_rtcp_pass *p,
					    __u32 word)
{
	struct sluice_rtcp *r = p->r;

	if (r->pos < 3)
		return;
	if (r->pos % 2) {
		/* two of one target would not fit: the first one counts */
		r->is_kept = !r->items && sluice_rtcp_is_seen(r, word) &&
			     sluice_rtcp_takes(r, SLUICE_FEEDBACK_FIR);
		return;
	}
	if (!r->is_kept)
		return;
	r->items++;
	r->forwarded++;
	sluice_rtcp_put_header(p, SLUICE_PSFB_FIR, SLUICE_RTCP_PSFB, 4);
	sluice_rtcp_put(p, r->map.out_ssrc);
	sluice_rtcp_put(p, 0);
	sluice_rtcp_put(p, r->map.source_ssrc);
	sluice_rtcp_put(p, word & 0xff000000);
}

/* REMB: the bitrate, for the one SSRC of its list that is ours. */
static __always_inline void sluice_rtcp_remb(struct sluice_rtcp_pass *p,
					     __u32 word)
{
	struct sluice_rtcp *r = p->r;

	if (r->pos == 1)
		r->blocks = 0;
	else if (r->pos == 3)
		r->is_kept = word == SLUICE_REMB;
	else if (r->pos == 4 && r->is_kept) {
		r->blocks = word >> 24;
		r->header = word & 0xffffff;	/* the bitrate, until then */
	} else if (r->pos > 4 && r->blocks) {
		r->blocks--;
		if (!sluice_rtcp_is_seen(r, word) || r->items ||
		    !sluice_rtcp_takes(r, SLUICE_FEEDBACK_REMB))
			return;
		r->items++;
		r->forwarded++;
		sluice_rtcp_put_header(p, SLUICE_PSFB_AFB, SLUICE_RTCP_PSFB,
				       5);
		sluice_rtcp_put(p, r->map.out_ssrc);
		sluice_rtcp_put(p, 0);
		sluice_rtcp_put(p, SLUICE_REMB);
		sluice_rtcp_put(p, 1U << 24 | r->header);
		sluice_rtcp_put(p, r->map.source_ssrc);
	}
}

static __always_inline void sluice_rtcp_feedback(struct sluice_rtcp_pass *p,
						 __u32 word)
{
	struct sluice_rtcp *r = p->r;

	if (r->type == SLUICE_RTCP_RTPFB && r->count == SLUICE_RTPFB_NACK)
		sluice_rtcp_nack(p, word);
	else if (r->type == SLUICE_RTCP_RTPFB &&
		 r->count == SLUICE_RTPFB_TRANSPORT_CC)
		sluice_rtcp_transport_cc(p, word);
	else if (r->type == SLUICE_RTCP_PSFB && r->count == SLUICE_PSFB_PLI)
		sluice_rtcp_pli(p, word);
	else if (r->type == SLUICE_RTCP_PSFB && r->count == SLUICE_PSFB_FIR)
		sluice_rtcp_fir(p, word);
	else if (r->type == SLUICE_RTCP_PSFB && r->count == SLUICE_PSFB_AFB)
		sluice_rtcp_remb(p, word);
	else if (r->pos == 1)
		/* whatever was never negotiated */
		r->left_out++;
}

static __attribute__((unused)) long
sluice_rtcp_write_step(sluice_loop_index i, void *context)
{
	struct sluice_rtcp_pass *p = context;
	struct sluice_rtcp *r = p->r;
	__u32 off = i * 4, word;

	if (off >= r->len)
		return 1;
	if (off > SLUICE_PACKET_MAX - 4)
		return 1;
	word = sluice_get32(p->in + sluice_bound(off, SLUICE_RTCP_BOUND));
	if (!r->left) {
		r->is_bad = 1;
		sluice_rtcp_begin(r, p->in, off, word);
		r->items = 0;
		r->is_kept = 0;
		r->is_sender = 0;
		if (sluice_rtcp_is_report(r->type)) {
			r->header = r->out_len;
			sluice_rtcp_put(p, 0);
			return r->is_bad ? 1 : 0;
		}
		if (!r->has_report)
			sluice_rtcp_put_report(p);
		r->header = r->out_len;
		/* APP, XR and the like are nobody's but the sender's peer's */
		if (r->type != SLUICE_RTCP_SDES &&
		    r->type != SLUICE_RTCP_BYE &&
		    r->type != SLUICE_RTCP_RTPFB &&
		    r->type != SLUICE_RTCP_PSFB)
			r->left_out++;
		return r->is_bad ? 1 : 0;
	}
	r->left--;
	r->pos++;
	if (sluice_rtcp_is_report(r->type))
		sluice_rtcp_report(p, word);
	else if (r->type == SLUICE_RTCP_BYE)
		sluice_rtcp_bye(p, word);
	else if (r->type == SLUICE_RTCP_RTPFB || r->type == SLUICE_RTCP_PSFB)
		sluice_rtcp_feedback(p, word);
	return 0;
}

/**
 * sluice_rtcp_write - the compound that sluice_rtcp_scan() read, for one line
 * @r: as the scan left it, with r->map filled in from the line
 * @in: as read
 * @out: SLUICE_RTCP_OUT_MAX bytes, in BPF as @in; r->out_len tells how many
 *	are used
 *
 * r->left_out counts the parts that were not taken over; r->is_wanted: among
 * them a picture that is to be told of (SLUICE_FEEDBACK_REPORT).
 *
 * Return: 0, -SLUICE_DROP_RTCP (nothing in it for the other side) or
 * -SLUICE_DROP_RTCP_FEEDBACK (nothing but what that side does not take).
 */
static __always_inline int sluice_rtcp_write(struct sluice_rtcp *r,
					     const __u8 *in, __u8 *out)
{
	struct sluice_rtcp_pass pass = { .r = r, .in = in, .out = out };

	r->left = 0;
	r->out_len = 0;
	r->has_report = 0;
	r->has_cname = 0;
	r->forwarded = 0;
	r->left_out = 0;
	r->is_wanted = 0;
	sluice_loop(SLUICE_RTCP_WORDS_MAX + 1, sluice_rtcp_write_step, &pass);
	if (r->forwarded)
		return 0;
	return r->left_out ? -SLUICE_DROP_RTCP_FEEDBACK : -SLUICE_DROP_RTCP;
}

#endif
