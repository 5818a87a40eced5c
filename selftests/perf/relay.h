/* SPDX-License-Identifier: Apache-2.0 */
/* What bench_relay.c puts between the two ends of a lane. */
#ifndef SELFTESTS_RELAY_H
#define SELFTESTS_RELAY_H

#include "lane.h"

#define RELAY_STREAMS		4096	/* calls, if nothing else is said */
#define RELAY_WEB_PORT		10000	/* all browsers' */
#define RELAY_PAYLOAD		160	/* bytes of RTP payload */
#define RELAY_TESTER_WEB(i)	(20000 + (i))
#define RELAY_TESTER_SIP(i)	(30000 + (i))
#define RELAY_SIP_PORT(i)	(16384 + 2 * (i))

/*
 * A relay of `streams` calls, SRTP on the web side (profile; 0: RTP), RTP on
 * the other. Its thread, if it has one, runs on LANE_RELAY_CPU.
 */
struct relay {
	const char *name;
	uint32_t streams;
	uint32_t profile;	/* enum sluice_srtp_profile */
	/* its UDP ports by call; RELAY_x_PORT unless it wants others */
	uint16_t *port[LANE_SIDES];
	/* SRTP master keys by call: of what arrives, of what leaves */
	struct oracle_master *rx, *tx;
	/* Forgets what it received: sequence numbers begin again. */
	int (*reset)(struct lane *l, struct relay *r);
	bool is_fragile;	/* after overload it is of no use until reset */
	double (*cpu_seconds)(struct relay *r);	/* NULL: no thread */
	void (*close)(struct relay *r);
	void *state;
};

/* Each fills in a relay; 0, or -errno with a line on stderr. */
int relay_xdp_open(struct lane *l, struct relay *r);
int relay_user_open(struct lane *l, struct relay *r);
int relay_plain_open(struct lane *l, struct relay *r);
int relay_rtpengine_open(struct lane *l, struct relay *r);

#endif
