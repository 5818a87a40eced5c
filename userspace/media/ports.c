/* SPDX-License-Identifier: Apache-2.0 */
#include "media/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/random.h"

/* Late packets of the old call must not meet the next one. */
#define PORT_REST_MS	10000

#define DSCP_EF_TOS	(46 << 2)	/* RFC 8837 5: interactive audio */

struct ports {
	pthread_mutex_t lock;
	struct addr local;
	uint16_t min;
	uint32_t count;		/* pairs */
	uint32_t cursor;
	uint32_t taken;
	struct {
		bool is_taken;
		uint64_t free_at_ms;
	} slot[];
};

int udp_socket(const struct addr *local, int *ret_fd)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(local, &sa);
	int tos = DSCP_EF_TOS, on = 1, fd, err;

	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)	/* -EMFILE is ports_take()'s word for ports */
		return errno == EMFILE ? -ENFILE : -errno;
	/* Marking is a courtesy: a refusal is no failure. */
	if (sa.ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	}
	if (bind(fd, (struct sockaddr *)&sa, len)) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int ports_create(const struct addr *local, uint16_t min, uint16_t max,
		 struct ports **ret)
{
	struct ports *p;
	uint32_t count;

	if (!min || min % 2 || max <= min)
		return -EINVAL;
	count = (uint32_t)(max - min + 1) / 2;
	p = calloc(1, sizeof(*p) + count * sizeof(p->slot[0]));
	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	p->local = *local;
	p->min = min;
	p->count = count;
	p->cursor = random_u32() % count;
	*ret = p;
	return 0;
}

void ports_free(struct ports *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static int bind_pair(const struct ports *p, uint32_t i, bool with_rtcp,
		     struct port_pair *ret)
{
	struct port_pair pair = { .rtp_fd = -1, .rtcp_fd = -1 };
	struct addr local = p->local;
	int err;

	local.port = pair.rtp = (uint16_t)(p->min + 2 * i);
	err = udp_socket(&local, &pair.rtp_fd);
	if (err)
		return err;
	if (with_rtcp) {
		local.port++;
		err = udp_socket(&local, &pair.rtcp_fd);
		if (err) {
			close(pair.rtp_fd);
			return err;
		}
	}
	*ret = pair;
	return 0;
}

/* One round; a port in use by another program is passed over. */
static int take_round(struct ports *p, bool with_rtcp, bool is_rested,
		      struct port_pair *ret)
{
	uint64_t now = clock_ms();

	for (uint32_t n = 0; n < p->count; n++) {
		uint32_t i = p->cursor;
		int err;

		p->cursor = (i + 1) % p->count;
		if (p->slot[i].is_taken)
			continue;
		if (is_rested && p->slot[i].free_at_ms > now)
			continue;
		err = bind_pair(p, i, with_rtcp, ret);
		if (!err) {
			p->slot[i].is_taken = true;
			p->taken++;
			return 0;
		}
		if (err != -EADDRINUSE && err != -EACCES)
			return err;
	}
	return -EMFILE;
}

int ports_take(struct ports *p, bool with_rtcp, struct port_pair *ret)
{
	int err;

	pthread_mutex_lock(&p->lock);
	err = take_round(p, with_rtcp, true, ret);
	/* A tired port is better than a refused call. */
	if (err == -EMFILE)
		err = take_round(p, with_rtcp, false, ret);
	pthread_mutex_unlock(&p->lock);
	return err;
}

int ports_claim(struct ports *p, uint16_t rtp, bool with_rtcp,
		struct port_pair *ret)
{
	uint32_t i = (uint32_t)(rtp - p->min) / 2;
	int err;

	if (rtp < p->min || rtp % 2 || i >= p->count)
		return -EINVAL;
	pthread_mutex_lock(&p->lock);
	err = p->slot[i].is_taken ? -EADDRINUSE :
				    bind_pair(p, i, with_rtcp, ret);
	if (!err) {
		p->slot[i].is_taken = true;
		p->taken++;
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

void ports_give(struct ports *p, struct port_pair *pair)
{
	uint32_t i = (uint32_t)(pair->rtp - p->min) / 2;

	if (pair->rtp_fd >= 0)
		close(pair->rtp_fd);
	if (pair->rtcp_fd >= 0)
		close(pair->rtcp_fd);
	pair->rtp_fd = pair->rtcp_fd = -1;
	pthread_mutex_lock(&p->lock);
	p->taken -= p->slot[i].is_taken;
	p->slot[i].is_taken = false;
	p->slot[i].free_at_ms = clock_ms() + PORT_REST_MS;
	pthread_mutex_unlock(&p->lock);
}

uint32_t ports_taken(struct ports *p, uint32_t *ret_limit)
{
	uint32_t taken;

	pthread_mutex_lock(&p->lock);
	taken = p->taken;
	pthread_mutex_unlock(&p->lock);
	*ret_limit = p->count;
	return taken;
}
