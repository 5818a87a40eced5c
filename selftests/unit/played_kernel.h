/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel backend for tests of the media thread, in the place of the real one:
 * it keeps what it is told, counts, refuses when it is to, and outlives the
 * media thread as the pinned maps do.
 */
#ifndef SELFTESTS_PLAYED_KERNEL_H
#define SELFTESTS_PLAYED_KERNEL_H

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "datapath/backends.h"
#include "media/media.h"

#define IDS	32
#define SLOTS	(IDS + DATAPATH_KEYS_SPARE)
#define FLOWS	64
#define USED	70000	/* what every index space that ends has come to */

struct played_flow {
	struct sluice_flow_key key;
	struct sluice_flow flow;
	bool is_there;
};

/* Written by the media thread, under the lock. */
static struct {
	pthread_mutex_t lock;
	bool is_open, is_left;
	struct sluice_key keys[SLOTS];
	struct sluice_transport transports[IDS];
	struct sluice_stream streams[IDS];
	struct played_flow flows[FLOWS];
	/* index spaces begun by a stream, and the one that a key was used in */
	uint32_t space[IDS], space_of[IDS][SLOTS];
	bool is_reused;		/* two spaces with one key */
	uint32_t freezes;
	bool is_stopped[IDS];
	uint32_t waits;		/* a freeze of what was stopped since the last one */
	bool must_wait;
	int flow_error, port_error, ufrag_error;
	uint16_t refused_port;	/* transports to there are not supported */
	/* at the next transport that is set a datagram leaves */
	int armed_fd;
	uint8_t armed[512];
	size_t armed_len;
	int event_fd;
	struct sluice_event event;
	uint32_t event_count;	/* so often, with timestamps of their own */
} kernel = { .lock = PTHREAD_MUTEX_INITIALIZER, .armed_fd = -1 };

/* Packets may pass now: which key would be used with which index space? */
static void look(void)
{
	for (uint32_t id = 1; id < IDS; id++) {
		const struct sluice_stream *s = &kernel.streams[id];
		const struct sluice_transport *to = &kernel.transports[s->to];
		uint32_t *of;

		if (!s->out_ssrc || !(to->flags & SLUICE_TRANSPORT_READY) ||
		    !to->tx_key)
			continue;
		of = &kernel.space_of[id][to->tx_key];
		if (*of && *of != kernel.space[id])
			kernel.is_reused = true;
		*of = kernel.space[id];
	}
}

static void begin(void)
{
	pthread_mutex_lock(&kernel.lock);
}

static int done(int err)
{
	look();
	pthread_mutex_unlock(&kernel.lock);
	return err;
}

static struct played_flow *flow_at(const struct sluice_flow_key *key)
{
	struct played_flow *f, *free_one = NULL;

	for (f = kernel.flows; f < kernel.flows + FLOWS; f++) {
		if (f->is_there && !memcmp(&f->key, key, sizeof(*key)))
			return f;
		if (!f->is_there && !free_one)
			free_one = f;
	}
	return free_one;
}

static int play_port(void *b, const struct sluice_port_key *key,
		     const struct sluice_port *port)
{
	return port ? kernel.port_error : 0;
}

static int play_ufrag(void *b, const struct sluice_ufrag_key *key,
		      const struct sluice_ufrag *ufrag,
		      const struct sluice_ice_key *password)
{
	return ufrag ? kernel.ufrag_error : 0;
}

static int play_flow(void *b, const struct sluice_flow_key *key,
		     const struct sluice_flow *flow)
{
	struct played_flow *f;
	int err = 0;

	begin();
	f = flow_at(key);
	if (flow && kernel.flow_error)
		err = kernel.flow_error;
	else if (flow)
		*f = (struct played_flow){ *key, *flow, true };
	else
		f->is_there = false;
	return done(err);
}

static int play_key(void *b, uint32_t slot, const struct sluice_key *key)
{
	static const struct sluice_key none;

	begin();
	kernel.keys[slot] = key ? *key : none;
	return done(0);
}

static int play_transport(void *b, uint32_t id,
			  const struct sluice_transport *t)
{
	static const struct sluice_transport none;

	begin();
	if (t && t->remote_port && ntohs(t->remote_port) == kernel.refused_port)
		return done(-EOPNOTSUPP);
	kernel.transports[id] = t ? *t : none;
	if (kernel.armed_fd >= 0)
		send(kernel.armed_fd, kernel.armed, kernel.armed_len, 0);
	kernel.armed_fd = -1;
	return done(0);
}

static int play_stream(void *b, uint32_t id, const struct sluice_stream *s,
		       const struct datapath_stream_state *state)
{
	static const struct sluice_stream none;
	static uint32_t spaces;
	bool is_new;

	begin();
	is_new = !kernel.streams[id].out_ssrc;
	if (!is_new && state)
		return done(-EINVAL);
	kernel.streams[id] = s ? *s : none;
	kernel.is_stopped[id] = false;
	if (s && is_new && (!state || state->media.out.next_index < USED))
		kernel.space[id] = ++spaces;
	return done(0);
}

static int play_stop(void *b, uint32_t id)
{
	begin();
	kernel.must_wait |= !kernel.is_stopped[id];
	kernel.is_stopped[id] = true;
	return done(0);
}

static int play_freeze(void *b, uint32_t id, struct datapath_stream_state *ret)
{
	play_stop(b, id);
	begin();
	if (!kernel.streams[id].out_ssrc)
		return done(-ENOENT);
	kernel.freezes++;
	kernel.waits += kernel.must_wait;
	kernel.must_wait = false;
	kernel.streams[id].out_ssrc = 0;
	memset(ret, 0, sizeof(*ret));
	ret->media.out.next_index = USED;
	return done(0);
}

static int play_stats(void *b, uint32_t id, struct datapath_stream_stats *ret)
{
	return -ENOENT;
}

static int play_peer_get(void *b, uint32_t id, struct sluice_peer *ret)
{
	memset(ret, 0, sizeof(*ret));
	return 0;
}

static int play_peer_set(void *b, uint32_t id, const struct sluice_peer *p)
{
	return 0;
}

static int play_totals(void *b, struct datapath_totals *ret)
{
	return 0;
}

/* The maps go with the last pin. */
static void play_close(void *b)
{
	begin();
	kernel.is_open = false;
	if (!kernel.is_left) {
		memset(kernel.keys, 0, sizeof(kernel.keys));
		memset(kernel.transports, 0, sizeof(kernel.transports));
		memset(kernel.streams, 0, sizeof(kernel.streams));
		memset(kernel.flows, 0, sizeof(kernel.flows));
	}
	done(0);
}

static void play_tick(void *b)
{
}

static int play_event_fd(void *b)
{
	return kernel.event_fd;
}

static void play_events(void *b, datapath_event_cb *each, void *arg)
{
	eventfd_t n;

	if (eventfd_read(kernel.event_fd, &n))
		return;
	for (uint32_t i = 0; i < kernel.event_count; i++) {
		kernel.event.timestamp++;
		each(arg, &kernel.event);
	}
}

static int play_key_claim(void *b, uint32_t slot, struct sluice_key *ret)
{
	*ret = kernel.keys[slot];
	return ret->profile ? 0 : -ENOENT;
}

static int play_transport_claim(void *b, uint32_t id,
				struct sluice_transport *ret)
{
	*ret = kernel.transports[id];
	return ret->local_port ? 0 : -ENOENT;
}

static int play_stream_claim(void *b, uint32_t id, struct sluice_stream *ret)
{
	*ret = kernel.streams[id];
	return ret->out_ssrc ? 0 : -ENOENT;
}

static void play_flows(void *b, datapath_flow_cb *each, void *arg)
{
	struct played_flow *f;

	for (f = kernel.flows; f < kernel.flows + FLOWS; f++)
		if (f->is_there)
			each(arg, &f->key, &f->flow);
}

static uint32_t play_settle(void *b)
{
	return 0;
}

const struct datapath_ops datapath_xdp_ops = {
	.name = "xdp", .close = play_close, .port_set = play_port,
	.ufrag_set = play_ufrag, .flow_set = play_flow, .key_set = play_key,
	.transport_set = play_transport, .stream_set = play_stream,
	.stream_stop = play_stop, .stream_freeze = play_freeze,
	.stream_stats = play_stats,
	.peer_get = play_peer_get, .peer_set = play_peer_set,
	.totals = play_totals, .tick = play_tick, .event_fd = play_event_fd,
	.events = play_events, .key_claim = play_key_claim,
	.transport_claim = play_transport_claim,
	.stream_claim = play_stream_claim, .flows = play_flows,
	.settle = play_settle,
};

int datapath_xdp_open(const struct datapath_config *config, void **ret,
		      char *reason, size_t reason_size)
{
	snprintf(reason, reason_size, "played");
	kernel.is_open = true;
	*ret = &kernel;
	return 0;
}

bool datapath_xdp_adopted(void *backend, uint64_t *ret_absent_ms)
{
	return kernel.is_left;
}

uint32_t datapath_xdp_size(void *backend)
{
	return IDS;
}

void datapath_xdp_keep(void *backend, bool is_kept)
{
	kernel.is_left = is_kept;
}

bool datapath_xdp_has_media(const char *pin_dir)
{
	return false;
}

int datapath_xdp_discard(const char *pin_dir)
{
	return 0;
}

int datapath_xdp_attach_missing(void *backend, char *reason, size_t size)
{
	return 0;
}

int datapath_xdp_interfaces(void *backend, struct datapath_interface *ret,
			    size_t max)
{
	return 0;
}

#endif
