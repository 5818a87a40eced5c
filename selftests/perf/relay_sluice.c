// SPDX-License-Identifier: Apache-2.0
/* Sluice's two backends, filled with calls through the datapath's front. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../unit/srtp_oracle.h"
#include "datapath/datapath.h"
#include "relay.h"

#define PINS	"/sys/fs/bpf/sluice-bench"
#define BATCH	32
#define EVENTS	64
#define ROUNDS	4

struct call {
	uint32_t web, sip;		/* transports */
	uint32_t to_sip, to_web;	/* streams */
	uint32_t rx, tx;		/* key slots */
	int fd;				/* user: RTP port */
};

struct sluice {
	struct datapath *dp;
	enum datapath_backend backend;
	struct call *calls;
	uint32_t count;
	struct addr web, sip, web_peer, sip_peer;
	/* user */
	pthread_t thread;
	bool is_running;
	volatile bool is_stopping;
	volatile double cpu_s;
	int web_fd, epoll_fd;
	int fd_of_port[65536];
};

static struct addr at(const char *ip, uint16_t port)
{
	struct addr a;

	addr_parse_ip(ip, &a);
	a.port = port;
	return a;
}

/* ---- the calls --------------------------------------------------------- */

static int set_transport(struct sluice *s, uint32_t id, bool is_web,
			 const struct addr *local, const struct addr *remote,
			 uint32_t stream, uint32_t rx, uint32_t tx)
{
	struct sluice_port_key door = { .local = datapath_addr(local),
					.port = htons(local->port) };
	struct sluice_port port = { is_web && rx ? SLUICE_PORT_WEB :
				    SLUICE_PORT_SIP, id };
	struct sluice_flow_key key = datapath_flow_key(local, remote);
	struct sluice_flow flow = { .transport = id,
				    .flags = is_web ? SLUICE_FLOW_VERIFIED |
					     SLUICE_FLOW_SELECTED : 0 };
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY |
			 (is_web && rx ? SLUICE_TRANSPORT_WEB : 0),
		.local = datapath_addr(local),
		.remote = datapath_addr(remote),
		.local_port = htons(local->port),
		.remote_port = htons(remote->port),
		.rx_key = rx, .tx_key = tx, .streams = { stream },
	};
	int err;

	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.payload[0] = (struct sluice_payload){ .stream = 0, .out_pt = 0 };
	err = datapath_port_set(s->dp, &door, &port);
	if (!err)
		err = datapath_flow_set(s->dp, s->backend, &key, &flow);
	return err ? err : datapath_transport_set(s->dp, s->backend, id, &t);
}

static int set_stream(struct sluice *s, uint32_t id, uint32_t from, uint32_t to)
{
	struct sluice_stream stream = { .flags = SLUICE_STREAM_ACTIVE,
					.from = from, .to = to,
					.out_ssrc = 0x40000000 + id,
					.clock_hz = 8000 };

	return datapath_stream_set(s->dp, s->backend, id, &stream, NULL);
}

static int set_keys(struct sluice *s, struct relay *r, uint32_t i)
{
	struct call *c = &s->calls[i];
	struct sluice_key key;
	int err;

	if (!r->profile)
		return 0;
	c->rx = datapath_key_alloc(s->dp);
	c->tx = datapath_key_alloc(s->dp);
	if (!c->rx || !c->tx)
		return -ENOSPC;
	key = oracle_expand(&r->rx[i]);
	err = datapath_key_set(s->dp, s->backend, c->rx, &key);
	if (err)
		return err;
	key = oracle_expand(&r->tx[i]);
	return datapath_key_set(s->dp, s->backend, c->tx, &key);
}

static int add_call(struct sluice *s, struct relay *r, uint32_t i)
{
	struct call *c = &s->calls[i];
	struct addr sip = s->sip, web_peer = s->web_peer;
	struct addr sip_peer = s->sip_peer;
	int err;

	sip.port = r->port[LANE_SIP][i];
	web_peer.port = RELAY_TESTER_WEB(i);
	sip_peer.port = RELAY_TESTER_SIP(i);
	c->web = datapath_transport_alloc(s->dp);
	c->sip = datapath_transport_alloc(s->dp);
	c->to_sip = datapath_stream_alloc(s->dp);
	c->to_web = datapath_stream_alloc(s->dp);
	if (!c->web || !c->sip || !c->to_sip || !c->to_web)
		return -ENOSPC;
	err = set_keys(s, r, i);
	if (!err)
		err = set_transport(s, c->web, true, &s->web, &web_peer,
				    c->to_sip, c->rx, c->tx);
	if (!err)
		err = set_transport(s, c->sip, false, &sip, &sip_peer,
				    c->to_web, 0, 0);
	if (!err)
		err = set_stream(s, c->to_sip, c->web, c->sip);
	if (!err)
		err = set_stream(s, c->to_web, c->sip, c->web);
	return err;
}

static int reset(struct lane *l, struct relay *r)
{
	static struct datapath_stream_state state;
	struct sluice *s = r->state;
	int err = 0;

	for (uint32_t i = 0; i < s->count && !err; i++) {
		struct call *c = &s->calls[i];

		datapath_stream_freeze(s->dp, s->backend, c->to_sip, &state);
		datapath_stream_freeze(s->dp, s->backend, c->to_web, &state);
		err = set_stream(s, c->to_sip, c->web, c->sip);
		if (!err)
			err = set_stream(s, c->to_web, c->sip, c->web);
	}
	datapath_tick(s->dp);
	return err;
}

/* ---- the user backend's sockets ---------------------------------------- */

static int udp(const struct addr *a)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(a, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int size = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&sa, len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int send_datagram(void *arg, const struct addr *local,
			 const struct addr *remote, const void *data,
			 size_t len)
{
	struct sluice *s = arg;
	struct sockaddr_storage sa;
	socklen_t sa_len = addr_to_sockaddr(remote, &sa);
	int fd = s->fd_of_port[local->port];

	return sendto(fd, data, len, MSG_NOSIGNAL, (struct sockaddr *)&sa,
		      sa_len) < 0 ? -errno : 0;
}

/* As the media thread reads its sockets. */
static void receive(struct sluice *s, int fd, const struct addr *local)
{
	static struct mmsghdr msg[BATCH];
	static struct iovec iov[BATCH];
	static struct sockaddr_storage from[BATCH];
	static uint8_t data[BATCH][SLUICE_SCRATCH];
	struct addr remote;
	int n = BATCH;

	for (int round = 0; round < ROUNDS && n == BATCH; round++) {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ data[i], SLUICE_SCRATCH };
			msg[i].msg_hdr = (struct msghdr){
				.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &iov[i], .msg_iovlen = 1,
			};
		}
		n = recvmmsg(fd, msg, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			if (!addr_from_sockaddr((struct sockaddr *)&from[i],
						&remote))
				datapath_user_input(s->dp, local, &remote,
						    data[i], msg[i].msg_len,
						    SLUICE_SCRATCH);
	}
}

static double thread_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *serve(void *arg)
{
	struct sluice *s = arg;
	struct epoll_event ev[EVENTS];

	lane_bind(LANE_RELAY_CPU);
	while (!s->is_stopping) {
		int n = epoll_wait(s->epoll_fd, ev, EVENTS, 10);

		for (int i = 0; i < n; i++) {
			uint32_t port = ev[i].data.u32;
			struct addr local = port == RELAY_WEB_PORT ? s->web :
								     s->sip;

			local.port = (uint16_t)port;
			receive(s, s->fd_of_port[port], &local);
		}
		s->cpu_s = thread_seconds();
	}
	return NULL;
}

static int watch(struct sluice *s, const struct addr *local)
{
	struct epoll_event ev = { .events = EPOLLIN,
				  .data.u32 = local->port };
	int fd = udp(local);

	if (fd < 0)
		return -EADDRINUSE;
	s->fd_of_port[local->port] = fd;
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_sockets(struct sluice *s, struct relay *r)
{
	int err = watch(s, &s->web);

	for (uint32_t i = 0; i < s->count && !err; i++) {
		struct addr sip = s->sip;

		sip.port = r->port[LANE_SIP][i];
		err = watch(s, &sip);
	}
	if (!err)
		err = -pthread_create(&s->thread, NULL, serve, s);
	s->is_running = !err;
	return err;
}

static double cpu_seconds(struct relay *r)
{
	return ((struct sluice *)r->state)->cpu_s;
}

/* ---- life -------------------------------------------------------------- */

static void close_sluice(struct relay *r)
{
	struct sluice *s = r->state;

	if (!s)
		return;
	s->is_stopping = true;
	if (s->is_running)
		pthread_join(s->thread, NULL);
	for (int i = 0; i < 65536; i++)
		if (s->fd_of_port[i] > 0)
			close(s->fd_of_port[i]);
	if (s->epoll_fd > 0)
		close(s->epoll_fd);
	datapath_close(s->dp);
	free(s->calls);
	free(s);
	r->state = NULL;
}

static int open_sluice(struct lane *l, struct relay *r,
		       enum datapath_backend backend)
{
	struct sluice *s = calloc(1, sizeof(*s));
	char object[4200];
	struct datapath_config config = {
		.want = backend == DATAPATH_XDP ? DATAPATH_WANT_XDP :
						  DATAPATH_WANT_USER,
		.pin_dir = PINS, .object = object,
		.streams = 2 * r->streams + 1,
		.discard_media = true,	/* of a bench that was killed */
		.sockets = { send_datagram, s },
	};
	int err;

	snprintf(object, sizeof(object), "%s/sluice_xdp.bpf.o", l->folder);
	s->web = at("192.0.2.1", RELAY_WEB_PORT);
	s->sip = at("198.51.100.1", 0);
	s->web_peer = at("192.0.2.99", 0);
	s->sip_peer = at("198.51.100.10", 0);
	s->backend = backend;
	s->count = r->streams;
	s->calls = calloc(r->streams, sizeof(*s->calls));
	config.web = s->web;
	config.sip = s->sip;
	r->state = s;
	r->reset = reset;
	r->close = close_sluice;
	err = datapath_open(&config, &s->dp);
	for (uint32_t i = 0; i < s->count && !err; i++)
		err = add_call(s, r, i);
	if (!err && backend == DATAPATH_USER) {
		r->cpu_seconds = cpu_seconds;
		s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		err = open_sockets(s, r);
	}
	if (err) {
		fprintf(stderr, "%s: %s\n", r->name, strerror(-err));
		close_sluice(r);
	}
	return err;
}

int relay_xdp_open(struct lane *l, struct relay *r)
{
	return open_sluice(l, r, DATAPATH_XDP);
}

int relay_user_open(struct lane *l, struct relay *r)
{
	return open_sluice(l, r, DATAPATH_USER);
}
