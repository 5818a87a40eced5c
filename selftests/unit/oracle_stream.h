/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A browser's packets as a bad network delivers them: several sources, random
 * headers, sizes and padding, loss, reordering, replays and forgeries over
 * many wraps of the sequence numbers. libsrtp2 makes each packet; the test
 * gives it to libsrtp2 and to the code under test and compares.
 */
#ifndef SELFTESTS_ORACLE_STREAM_H
#define SELFTESTS_ORACLE_STREAM_H

#include <stdio.h>

#include "srtp_oracle.h"

#define STREAM_SOURCES	4
#define STREAM_PT	96	/* of the first source; the others' follow */
#define STREAM_HISTORY	256	/* twice the replay window */
#define STREAM_ROOM	(SLUICE_PACKET_MAX + ORACLE_ROOM)

struct stream_packet {
	uint64_t index;			/* ROC || SEQ */
	uint32_t plain_len, len;	/* 0: none yet */
	uint8_t plain[STREAM_ROOM];
	uint8_t wire[STREAM_ROOM];
};

struct stream_source {
	uint32_t ssrc;
	uint64_t index;			/* of the newest packet */
	uint32_t count;
	struct stream_packet history[STREAM_HISTORY];
};

struct stream {
	uint64_t random;
	srtp_t tx;
	uint32_t payload_max;
	bool has_extension;		/* may have one */
	uint64_t wraps;
	struct stream_source sources[STREAM_SOURCES];
};

/* What the network delivers. */
struct stream_delivery {
	uint32_t source;
	const struct stream_packet *sent;
	bool is_new, is_forged;
	bool is_header_forged;		/* the bits that decide the parsing */
	uint32_t len;
	uint8_t wire[STREAM_ROOM];
};

/* splitmix64; below n. */
static inline uint32_t stream_random(struct stream *s, uint32_t n)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return (uint32_t)((z >> 32) * n >> 32);
}

static inline void stream_open(struct stream *s, const struct oracle_master *m,
			       uint64_t seed)
{
	uint32_t i;

	memset(s, 0, sizeof(*s));
	s->random = seed;
	s->tx = oracle_open(m, 1);
	s->payload_max = 300;
	s->has_extension = true;
	for (i = 0; i < STREAM_SOURCES; i++) {
		s->sources[i].ssrc = 0x5000 + 0x10001 * i;
		s->sources[i].index = 0xff00 + stream_random(s, 0x80);
	}
}

static inline void stream_close(struct stream *s)
{
	srtp_dealloc(s->tx);
}

/* Mostly speech, sometimes up to the MTU, sometimes nothing at all. */
static inline uint32_t stream_payload_len(struct stream *s)
{
	switch (stream_random(s, 32)) {
	case 0:
		return stream_random(s, 1300);
	case 1:
		return 0;
	default:
		return 1 + stream_random(s, s->payload_max);
	}
}

/* The next packet of a source, some of whose forerunners are lost. */
static inline const struct stream_packet *
stream_send(struct stream *s, struct stream_source *source)
{
	/* RFC 3711 3.3.1: ROC is 0 with the first one, for the sender, too */
	bool is_first = !source->count;
	struct stream_packet *p =
		&source->history[source->count++ % STREAM_HISTORY];
	uint32_t loss = stream_random(s, 1000), padding;
	struct oracle_rtp r = { .extension_words = -1 };
	uint64_t before = source->index;

	source->index++;
	if (!is_first && loss < 50)
		source->index += stream_random(s, 20);
	else if (!is_first && loss < 56)
		source->index += stream_random(s, 2500);
	s->wraps += before >> 16 != source->index >> 16;

	p->index = source->index;
	r.pt = (uint8_t)(STREAM_PT + (source - s->sources));
	r.seq = (uint16_t)p->index;
	r.ssrc = source->ssrc;
	r.timestamp = (uint32_t)p->index * 960;
	r.marker = stream_random(s, 8) == 0;
	r.payload_len = stream_payload_len(s);
	if (stream_random(s, 4) == 0)
		r.csrc_count = (uint8_t)stream_random(s, 16);
	if (s->has_extension && stream_random(s, 3) == 0)
		r.extension_words = (int)stream_random(s, 9);
	p->plain_len = oracle_packet(&r, p->plain);
	if (r.payload_len && stream_random(s, 8) == 0) {
		padding = 1 + stream_random(s, r.payload_len < 255 ?
					    r.payload_len : 255);
		p->plain[0] |= 0x20;
		p->plain[p->plain_len - 1] = (uint8_t)padding;
	}
	memcpy(p->wire, p->plain, p->plain_len);
	p->len = (uint32_t)oracle_protect(s->tx, p->wire, (int)p->plain_len);
	return p;
}

/*
 * Of eight deliveries five are a new packet, one is a new packet whose
 * forerunner was held back (to come late, if at all), one is one of the last
 * STREAM_HISTORY (again), and of one only a forgery arrives.
 */
static inline void stream_next(struct stream *s, struct stream_delivery *ret)
{
	uint32_t what = stream_random(s, 8), at;
	struct stream_source *source;

	ret->source = stream_random(s, STREAM_SOURCES);
	source = &s->sources[ret->source];
	ret->is_new = what >= 1 || !source->count;
	if (what == 2)
		stream_send(s, source);
	if (ret->is_new) {
		ret->sent = stream_send(s, source);
	} else {
		at = stream_random(s, source->count < STREAM_HISTORY ?
				   source->count : STREAM_HISTORY);
		ret->sent = &source->history[at];
	}
	ret->len = ret->sent->len;
	memcpy(ret->wire, ret->sent->wire, ret->len);
	ret->is_forged = what == 1;
	ret->is_header_forged = false;
	if (!ret->is_forged)
		return;
	at = stream_random(s, ret->len);
	ret->wire[at] ^= (uint8_t)(1 << stream_random(s, 8));
	ret->is_header_forged = at == 0 || (ret->wire[0] & 0x10 &&
		at >= 12 + 4U * (ret->wire[0] & 15) &&
		at < 16 + 4U * (ret->wire[0] & 15));
}

/* SEED= of the environment, else the same in each run; it is printed. */
static inline uint64_t stream_seed(void)
{
	const char *text = getenv("SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 20261126;

	printf("# SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

#endif
