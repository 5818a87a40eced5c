/* SPDX-License-Identifier: Apache-2.0 */
/* RTP ports of the SIP side: bound from allocation to release. Any thread. */
#ifndef MEDIA_PORTS_H
#define MEDIA_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

struct ports;

struct port_pair {
	uint16_t rtp;		/* even; RTCP is rtp + 1 */
	int rtp_fd;		/* non-blocking UDP sockets; -1: none */
	int rtcp_fd;
};

/* min even; -EINVAL if no pair fits between min and max. */
int ports_create(const struct addr *local, uint16_t min, uint16_t max,
		 struct ports **ret);
void ports_free(struct ports *p);		/* accepts NULL */

/*
 * -EMFILE: none left; -ENFILE: no file descriptor. The RTCP port stays unbound
 * unless with_rtcp.
 */
int ports_take(struct ports *p, bool with_rtcp, struct port_pair *ret);
/* A pair of an earlier run. -EINVAL: not in the range; -EADDRINUSE. */
int ports_claim(struct ports *p, uint16_t rtp, bool with_rtcp,
		struct port_pair *ret);
/* Closes the sockets; the number rests before it is taken again. */
void ports_give(struct ports *p, struct port_pair *pair);

/* Pairs taken; there are so many. */
uint32_t ports_taken(struct ports *p, uint32_t *ret_limit);

/* A bound, non-blocking UDP socket, marked EF; -errno, never -EMFILE. */
int udp_socket(const struct addr *local, int *ret_fd);

#endif
