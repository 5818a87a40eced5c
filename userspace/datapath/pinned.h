/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel path without its daemon: what the pinned maps say, and an end to
 * it. For sluicectl; nothing here disturbs a daemon that runs, but for
 * pinned_detach().
 */
#ifndef DATAPATH_PINNED_H
#define DATAPATH_PINNED_H

#include "datapath/datapath.h"

struct pinned;

struct pinned_status {
	uint32_t contract;
	bool is_unfinished;		/* contract: what it is to become */
	uint64_t heartbeat_age_ms;
	uint32_t flows;
	uint32_t streams;
};

struct pinned_stream {
	uint32_t id;
	uint32_t sip_transport;		/* of its m-line: both ways the same */
	bool is_to_web;			/* it leaves towards the browser */
	struct datapath_stream_stats stats;
	struct addr from;		/* where its packets come from */
	struct addr to;
};

/*
 * -ENOENT: no daemon left anything in dir; -EPROTONOSUPPORT: of another
 * contract, or between two, whose number is in the status all the same.
 */
int pinned_open(const char *dir, struct pinned **ret,
		struct pinned_status *ret_status);
/* Whether a daemon of this version goes on with that contract. */
bool pinned_is_taken_over(uint32_t contract);
void pinned_close(struct pinned *p);	/* accepts NULL */
int pinned_totals(struct pinned *p, struct datapath_totals *ret);
void pinned_streams(struct pinned *p,
		    void (*each)(void *arg, const struct pinned_stream *s),
		    void *arg);
/* Number of interfaces filled in. */
size_t pinned_interfaces(const char *dir, struct datapath_interface *ret,
			 size_t max);
/*
 * Detaches the program everywhere and removes the pins: media stops at once.
 * -ENOENT: there was nothing; -EBUSY: a daemon is at work there.
 */
int pinned_detach(const char *dir);

#endif
