// SPDX-License-Identifier: Apache-2.0
/*
 * Packets a second that one core relays between SRTP and RTP with less than
 * 0.1% lost and no queue growing, and what a packet costs it: the XDP program,
 * the daemon's own path, and a relay as simple as possible, on the same lane in
 * one run. With PEER=rtpengine also rtpengine (in userspace) from its Debian
 * package.
 *
 * STREAMS= calls (4096), ROUNDS= measurements of each (3), ONLY= some figures.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/srtp_oracle.h"
#include "relay.h"

#define LOSS_MAX	0.001
#define DRAIN_MAX_S	0.01
#define FRAGILE_LOSS	0.01
#define TRIAL_S		0.25	/* of traffic, if the frames last so long */
#define START_PPS	40000
#define PPS_MIN		1000
#define UP		1.5	/* from one rate to the next */
#define DOWN		0.96
#define TRIALS_MAX	60
#define TRIES		3	/* of a rate that loses less than this: */
#define HICCUP_LOSS	0.05
#define SEQ_MAX		60000

static struct lane lane;
static uint32_t streams, rounds;
static bool is_verbose;

/* Packets a second, and CPU seconds of one, by direction. */
struct outcome {
	double pps[LANE_SIDES];
	double cpu_s[LANE_SIDES];
	double both_pps;	/* as much one way as the other */
};

/* ---- frames ------------------------------------------------------------ */

static void shuffle(uint32_t *v, uint32_t n)
{
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t k = (uint32_t)random() % (i + 1), t = v[i];

		v[i] = v[k];
		v[k] = t;
	}
}

/* What one side sends, in order; filled anew when it is used up. */
struct supply {
	enum lane_side side;
	srtp_t *srtp;		/* by stream; NULL: RTP */
	uint32_t *order;
	uint16_t seq;		/* of the newest packet of each stream */
	uint32_t next, filled;	/* frames */
};

static void supply_begin(struct supply *s, const struct relay *r)
{
	for (uint32_t i = 0; s->srtp && i < r->streams; i++) {
		if (s->srtp[i])
			srtp_dealloc(s->srtp[i]);
		s->srtp[i] = oracle_open(&r->rx[i], 1);
	}
	s->seq = 0;
	s->next = 0;
	s->filled = 0;
}

static void supply_open(struct supply *s, const struct relay *r,
			enum lane_side side)
{
	memset(s, 0, sizeof(*s));
	s->side = side;
	s->order = calloc(r->streams, sizeof(*s->order));
	for (uint32_t i = 0; i < r->streams; i++)
		s->order[i] = i;
	if (side == LANE_WEB && r->profile)
		s->srtp = calloc(r->streams, sizeof(*s->srtp));
	supply_begin(s, r);
}

static void supply_close(struct supply *s, const struct relay *r)
{
	for (uint32_t i = 0; s->srtp && i < r->streams; i++)
		srtp_dealloc(s->srtp[i]);
	free(s->srtp);
	free(s->order);
}

static void supply_packet(struct supply *s, const struct relay *r, uint32_t i)
{
	struct oracle_rtp rtp = {
		.extension_words = -1, .seq = s->seq,
		.timestamp = s->seq * 160U, .ssrc = 0x1000 + i,
		.payload_len = RELAY_PAYLOAD,
	};
	uint8_t packet[512];
	int len = (int)oracle_packet(&rtp, packet);

	if (s->srtp)
		len = oracle_protect(s->srtp[i], packet, len);
	lane_frame(&lane, s->side, s->filled++,
		   s->side == LANE_WEB ? RELAY_TESTER_WEB(i) :
					 RELAY_TESTER_SIP(i),
		   r->port[s->side][i], packet, (uint32_t)len);
}

/* Streams in a new random order each time, so that no cache helps. */
static void supply_fill(struct supply *s, const struct relay *r)
{
	s->next = 0;
	s->filled = 0;
	while (s->filled + r->streams <= LANE_FRAMES && s->seq < SEQ_MAX) {
		s->seq++;
		shuffle(s->order, r->streams);
		for (uint32_t k = 0; k < r->streams; k++)
			supply_packet(s, r, s->order[k]);
	}
}

/* ---- trials ------------------------------------------------------------ */

static int begin_again(struct relay *r, struct supply *s)
{
	int err = r->reset(&lane, r);

	if (!err)
		supply_begin(s, r);
	return err;
}

static int trial(struct relay *r, struct supply *s, double pps,
		 struct lane_result *ret)
{
	double own = 0, want = pps * TRIAL_S;
	uint32_t count = want < LANE_FRAMES / 2 ? (uint32_t)want :
						  LANE_FRAMES / 2;
	int err;

	if (s->filled - s->next < count) {
		if (s->seq + LANE_FRAMES / r->streams > SEQ_MAX) {
			err = begin_again(r, s);
			if (err)
				return err;
		}
		supply_fill(s, r);
	}
	if (r->cpu_seconds)
		own = r->cpu_seconds(r);
	err = lane_run(&lane, s->side, s->next, count, pps, ret);
	s->next += count;
	if (!err && r->cpu_seconds)
		ret->relay_cpu_s += r->cpu_seconds(r) - own;
	return err;
}

static double lost(const struct lane_result *t)
{
	return 1 - (double)t->arrived / (double)t->sent;
}

/* Neither is lost, nor kept in a queue that the next second would overflow. */
static bool is_carried(const struct lane_result *t)
{
	return lost(t) < LOSS_MAX && t->drain_s < DRAIN_MAX_S;
}

static void tell(const struct relay *r, enum lane_side from,
		 const struct lane_result *t)
{
	if (is_verbose)
		fprintf(stderr, "%s %s %.0f pps: %.4f lost, %.0f ms late\n",
			r->name, from == LANE_WEB ? "to sip" : "to web",
			(double)t->sent / t->seconds, lost(t),
			t->drain_s * 1e3);
}

/* Upwards until something is lost, then downwards until nothing is. */
static int measure(struct relay *r, struct supply *s, double *ret_pps,
		   double *ret_cpu_s)
{
	bool has_lost = false;
	struct lane_result t;
	double pps = START_PPS;
	int err, misses = 0;

	for (int i = 0; i < TRIALS_MAX && pps > PPS_MIN; i++) {
		err = trial(r, s, pps, &t);
		if (err)
			return err;
		tell(r, s->side, &t);
		if (is_carried(&t)) {
			*ret_pps = (double)t.sent / t.seconds;
			*ret_cpu_s = t.relay_cpu_s / (double)t.arrived;
			if (has_lost)
				return 0;
			misses = 0;
			pps *= UP;
			continue;
		}
		/* A host that paused for a millisecond is not the relay's fault. */
		if (lost(&t) < HICCUP_LOSS && ++misses < TRIES)
			continue;
		misses = 0;
		has_lost = true;
		/* Far above what it can do: nearer at once. */
		pps *= lost(&t) > 0.3 ? 1 - lost(&t) / 2 : DOWN;
		if (r->is_fragile && lost(&t) > FRAGILE_LOSS) {
			err = begin_again(r, s);
			if (err)
				return err;
		}
	}
	fprintf(stderr, "%s: loses packets at any rate\n", r->name);
	return -EIO;
}

static int measure_rounds(struct relay *r, void *arg)
{
	struct outcome *ret = arg;
	double pps[16], cpu[16];
	int err = 0;

	for (int side = 0; side < LANE_SIDES && !err; side++) {
		struct supply s;

		supply_open(&s, r, side);
		for (uint32_t i = 0; i < rounds && !err; i++)
			err = measure(r, &s, &pps[i], &cpu[i]);
		supply_close(&s, r);
		if (err)
			break;
		ret->pps[side] = lane_median(pps, (int)rounds);
		ret->cpu_s[side] = lane_median(cpu, (int)rounds);
	}
	if (!err)
		ret->both_pps = 2 / (1 / ret->pps[LANE_WEB] +
				     1 / ret->pps[LANE_SIP]);
	return err;
}

/* ---- two cores --------------------------------------------------------- */

struct cores {
	struct relay *r;
	struct supply supply[LANE_SIDES];
};

static int refill_both(void *arg)
{
	struct cores *c = arg;
	int err = 0;

	for (int i = 0; i < LANE_SIDES && !err; i++) {
		if (c->supply[i].seq + LANE_FRAMES / c->r->streams > SEQ_MAX)
			err = begin_again(c->r, &c->supply[i]);
		supply_fill(&c->supply[i], c->r);
	}
	return err;
}

/* Two cores over one, with the cost of making the frames on both sides. */
static int measure_cores(struct relay *r, void *ret)
{
	struct cores c = { .r = r };
	struct lane_cores l;
	double ratio[16];
	int err = 0;

	for (int i = 0; i < LANE_SIDES; i++)
		supply_open(&c.supply[i], r, i);
	for (uint32_t i = 0; i < rounds && !err; i++) {
		err = refill_both(&c);
		if (!err)
			err = lane_run_cores(&lane, c.supply[0].filled / 4,
					     refill_both, &c, &l);
		ratio[i] = 2 * (l.together[0] + l.together[1]) /
			   (l.alone[0] + l.alone[1]);
	}
	for (int i = 0; i < LANE_SIDES; i++)
		supply_close(&c.supply[i], r);
	if (!err)
		*(double *)ret = lane_median(ratio, (int)rounds);
	return err;
}

/* ---- subjects ---------------------------------------------------------- */

static void make_calls(struct relay *r)
{
	for (uint32_t i = 0; i < r->streams; i++) {
		r->port[LANE_WEB][i] = RELAY_WEB_PORT;
		r->port[LANE_SIP][i] = (uint16_t)RELAY_SIP_PORT(i);
		if (!r->profile)
			continue;
		r->rx[i] = oracle_master(r->profile, 1);
		r->tx[i] = oracle_master(r->profile, 101);
		memcpy(r->rx[i].b + 4, &i, sizeof(i));
		memcpy(r->tx[i].b + 4, &i, sizeof(i));
	}
}

/* One relay with its calls; what: measures it. */
static int with_relay(const char *name, uint32_t profile,
		      int (*open)(struct lane *l, struct relay *r),
		      int (*what)(struct relay *r, void *ret), void *ret)
{
	struct relay r = {
		.name = name, .profile = profile, .streams = streams,
		.port = { calloc(streams, sizeof(uint16_t)),
			  calloc(streams, sizeof(uint16_t)) },
		.rx = calloc(streams, sizeof(struct oracle_master)),
		.tx = calloc(streams, sizeof(struct oracle_master)),
	};
	int err;

	make_calls(&r);
	err = open(&lane, &r);
	if (!err) {
		lane_bind_gateway(&lane, LANE_RELAY_CPU, LANE_RELAY_CPU);
		err = what(&r, ret);
		r.close(&r);
	}
	if (err)
		printf("# %s: not measured (%s)\n", name, strerror(-err));
	free(r.port[LANE_WEB]);
	free(r.port[LANE_SIP]);
	free(r.rx);
	free(r.tx);
	return err;
}

static int bench_cores(void)
{
	double ratio;
	int err = with_relay("cores_2_ratio", SLUICE_SRTP_AEAD_AES_128_GCM,
			     relay_xdp_open, measure_cores, &ratio);

	if (!err)
		bench_print("cores_2_ratio", ratio, "ratio", "one core", ratio);
	return err;
}

static void print_relay(const char *name, const struct outcome *o,
			const char *baseline, const struct outcome *base)
{
	char text[64];

	bench_print(name, o->both_pps, "packets/s", base ? baseline : NULL,
		    base ? o->both_pps / base->both_pps : 0);
	for (int side = 0; side < LANE_SIDES; side++) {
		const char *way = side == LANE_WEB ? "to_sip" : "to_web";

		snprintf(text, sizeof(text), "%s_%s", name, way);
		bench_print(text, o->pps[side], "packets/s", NULL, 0);
		snprintf(text, sizeof(text), "%s_%s_cpu", name, way);
		bench_print(text, o->cpu_s[side] * 1e9, "ns/packet", NULL, 0);
	}
}

static uint32_t number(const char *name, uint32_t otherwise, uint32_t max)
{
	const char *text = getenv(name);
	long n = text ? strtol(text, NULL, 10) : 0;

	return n < 1 || n > (long)max ? otherwise : (uint32_t)n;
}

/* In the order of measurement; a baseline comes first. */
static const struct subject {
	const char *name;
	uint32_t profile;
	int (*open)(struct lane *l, struct relay *r);
	const char *baseline;
	const char *peer;	/* only with PEER= */
} subjects[] = {
	{ "relay_plain_pps", SLUICE_SRTP_AEAD_AES_128_GCM, relay_plain_open,
	  NULL, NULL },
	{ "relay_gcm_160_pps", SLUICE_SRTP_AEAD_AES_128_GCM, relay_xdp_open,
	  "relay_plain_pps", NULL },
	{ "relay_cm_160_pps", SLUICE_SRTP_AES128_CM_SHA1_80, relay_xdp_open,
	  "relay_plain_pps", NULL },
	{ "relay_user_gcm_160_pps", SLUICE_SRTP_AEAD_AES_128_GCM,
	  relay_user_open, "relay_plain_pps", NULL },
	{ "relay_rtpengine_pps", SLUICE_SRTP_AES128_CM_SHA1_80,
	  relay_rtpengine_open, "relay_cm_160_pps", "rtpengine" },
	{ "forward_plain_pps", SLUICE_SRTP_NONE, relay_plain_open, NULL,
	  NULL },
	{ "forward_pps", SLUICE_SRTP_NONE, relay_xdp_open, "forward_plain_pps",
	  NULL },
};

#define SUBJECTS	(sizeof(subjects) / sizeof(subjects[0]))

static struct outcome outcomes[SUBJECTS];

/* NULL: not measured in this run. */
static const struct outcome *outcome_of(const char *name)
{
	for (size_t i = 0; name && i < SUBJECTS; i++)
		if (!strcmp(subjects[i].name, name) &&
		    outcomes[i].both_pps > 0)
			return &outcomes[i];
	return NULL;
}

static bool is_wanted(const char *name)
{
	const char *only = getenv("ONLY");

	return !only || strstr(only, name);
}

static bool has_peer(const struct subject *s)
{
	const char *peer = getenv("PEER");

	return !s->peer || (peer && strstr(peer, s->peer));
}

int main(void)
{
	int failed = 0;

	streams = number("STREAMS", RELAY_STREAMS, RELAY_STREAMS);
	rounds = number("ROUNDS", 3, 16);
	is_verbose = number("V", 0, 1);
	lane_open(&lane);
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct subject *s = &subjects[i];

		if (!is_wanted(s->name) || !has_peer(s))
			continue;
		if (with_relay(s->name, s->profile, s->open, measure_rounds,
			       &outcomes[i]))
			failed = 1;
		else
			print_relay(s->name, &outcomes[i], s->baseline,
				    outcome_of(s->baseline));
	}
	if (is_wanted("cores_2_ratio") && bench_cores())
		failed = 1;
	lane_close(&lane);
	return failed;
}
