/* SPDX-License-Identifier: Apache-2.0 */
/* The user backend: tables, state hand-over, statistics. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/user.h"
#include "lib/index.h"

static void free_zeroed(void *p, size_t size)
{
	if (!p)
		return;
	explicit_bzero(p, size);
	free(p);
}

struct user_flow *user_flow_find(struct user *u,
				 const struct sluice_flow_key *key)
{
	struct user_flow *f;

	HASH_FIND(hh, u->flows, key, sizeof(*key), f);
	return f;
}

struct user_port *user_port_find(struct user *u,
				 const struct sluice_port_key *key)
{
	struct user_port *p;

	HASH_FIND(hh, u->ports, key, sizeof(*key), p);
	return p;
}

struct sluice_ssrc *user_source_find(struct user_stream *s, uint32_t ssrc)
{
	uint32_t i;

	for (i = 0; i < s->state.out.sources; i++)
		if (s->state.source[i].ssrc == ssrc)
			return &s->state.source[i];
	return NULL;
}

static int user_port_set(void *backend, const struct sluice_port_key *key,
			 const struct sluice_port *port)
{
	struct user *u = backend;
	struct user_port *p = user_port_find(u, key);

	if (!port) {
		if (p) {
			HASH_DEL(u->ports, p);
			free(p);
		}
		return 0;
	}
	if (!p) {
		if (HASH_COUNT(u->ports) >= SLUICE_MAX_PORTS)
			return -ENOSPC;
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->key = *key;
		HASH_ADD(hh, u->ports, key, sizeof(p->key), p);
	}
	p->port = *port;
	return 0;
}

/* Checks from unknown tuples are the media thread's own business. */
static int user_ufrag_set(void *backend, const struct sluice_ufrag_key *key,
			  const struct sluice_ufrag *ufrag,
			  const struct sluice_ice_key *password)
{
	return 0;
}

static int user_flow_set(void *backend, const struct sluice_flow_key *key,
			 const struct sluice_flow *flow)
{
	struct user *u = backend;
	struct user_flow *f = user_flow_find(u, key);

	if (!flow) {
		if (f) {
			HASH_DEL(u->flows, f);
			free(f);
		}
		return 0;
	}
	if (!f) {
		if (HASH_COUNT(u->flows) >= DATAPATH_FLOWS_A_STREAM * u->size)
			return -ENOSPC;
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->key = *key;
		HASH_ADD(hh, u->flows, key, sizeof(f->key), f);
	}
	f->flow = *flow;
	return 0;
}

static int user_key_set(void *backend, uint32_t slot,
			const struct sluice_key *key)
{
	struct user *u = backend;
	struct user_crypt *c = NULL;
	int err;

	if (slot == 0 || slot >= u->key_size)
		return -EINVAL;
	if (key) {
		err = user_crypt_create(key, &c);
		if (err)
			return err == -EINVAL ? -EOPNOTSUPP : err;
	}
	user_crypt_free(u->keys[slot]);
	u->keys[slot] = c;
	return 0;
}

static int user_transport_set(void *backend, uint32_t id,
			      const struct sluice_transport *transport)
{
	struct user *u = backend;

	if (id == 0 || id >= u->size)
		return -EINVAL;
	if (!transport) {
		free(u->transports[id]);
		u->transports[id] = NULL;
		return 0;
	}
	if (!u->transports[id])
		u->transports[id] = malloc(sizeof(*transport));
	if (!u->transports[id])
		return -ENOMEM;
	*u->transports[id] = *transport;
	return 0;
}

static int user_peer_get(void *backend, uint32_t transport,
			 struct sluice_peer *ret)
{
	struct user *u = backend;

	if (transport == 0 || transport >= u->size)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	if (u->peers[transport])
		*ret = *u->peers[transport];
	return 0;
}

static int user_peer_set(void *backend, uint32_t transport,
			 const struct sluice_peer *peer)
{
	struct user *u = backend;

	if (transport == 0 || transport >= u->size)
		return -EINVAL;
	if (!peer) {
		free(u->peers[transport]);
		u->peers[transport] = NULL;
		return 0;
	}
	if (!u->peers[transport])
		u->peers[transport] = malloc(sizeof(*peer));
	if (!u->peers[transport])
		return -ENOMEM;
	*u->peers[transport] = *peer;
	u->peers[transport]->lock = 0;
	return 0;
}

static void stream_remove(struct user *u, uint32_t id)
{
	free_zeroed(u->streams[id], sizeof(*u->streams[id]));
	u->streams[id] = NULL;
}

static void stream_restore(struct user_stream *s,
			   const struct datapath_stream_state *state)
{
	s->state = state->media;
	s->rtcp = state->rtcp;
	s->state.out.lock = 0;
	if (s->state.out.sources > SLUICE_SSRCS_PER_STREAM)
		s->state.out.sources = SLUICE_SSRCS_PER_STREAM;
}

static int user_stream_set(void *backend, uint32_t id,
			   const struct sluice_stream *stream,
			   const struct datapath_stream_state *state)
{
	struct user *u = backend;

	if (id == 0 || id >= u->size)
		return -EINVAL;
	if (!stream) {
		stream_remove(u, id);
		return 0;
	}
	/* An index space is taken over once, never overwritten. */
	if (!stream->out_ssrc || (u->streams[id] && state))
		return -EINVAL;
	if (!u->streams[id]) {
		u->streams[id] = calloc(1, sizeof(*u->streams[id]));
		if (!u->streams[id])
			return -ENOMEM;
		if (state)
			stream_restore(u->streams[id], state);
	}
	u->streams[id]->stream = *stream;
	return 0;
}

static int user_stream_freeze(void *backend, uint32_t id,
			      struct datapath_stream_state *ret)
{
	struct user *u = backend;
	struct user_stream *s;

	s = id < u->size ? u->streams[id] : NULL;
	if (!s)
		return -ENOENT;
	ret->media = s->state;
	ret->rtcp = s->rtcp;
	stream_remove(u, id);
	return 0;
}

static int user_stream_stats(void *backend, uint32_t id,
			     struct datapath_stream_stats *ret)
{
	struct user *u = backend;
	struct user_stream *s;

	s = id < u->size ? u->streams[id] : NULL;
	if (!s)
		return -ENOENT;
	datapath_state_stats(&s->stream, &s->state, ret);
	return 0;
}

static int user_totals(void *backend, struct datapath_totals *ret)
{
	struct user *u = backend;

	*ret = u->totals;
	return 0;
}

static void user_close(void *backend)
{
	struct user *u = backend;
	struct user_flow *f, *next_flow;
	struct user_port *p, *next_port;
	uint32_t i;

	if (!u)
		return;
	HASH_ITER(hh, u->flows, f, next_flow) {
		HASH_DEL(u->flows, f);
		free(f);
	}
	HASH_ITER(hh, u->ports, p, next_port) {
		HASH_DEL(u->ports, p);
		free(p);
	}
	for (i = 0; u->keys && i < u->key_size; i++)
		user_crypt_free(u->keys[i]);
	for (i = 0; u->transports && i < u->size; i++)
		free(u->transports[i]);
	for (i = 0; u->peers && i < u->size; i++)
		free(u->peers[i]);
	for (i = 0; u->streams && i < u->size; i++)
		stream_remove(u, i);
	free(u->keys);
	free(u->transports);
	free(u->peers);
	free(u->streams);
	free(u);
}

int datapath_user_open(const struct datapath_config *config, void **ret)
{
	struct user *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->sockets = config->sockets;
	u->size = config->streams ? config->streams : SLUICE_MAX_STREAMS;
	u->key_size = u->size + DATAPATH_KEYS_SPARE;
	u->keys = calloc(u->key_size, sizeof(*u->keys));
	u->transports = calloc(u->size, sizeof(*u->transports));
	u->peers = calloc(u->size, sizeof(*u->peers));
	u->streams = calloc(u->size, sizeof(*u->streams));
	if (!u->keys || !u->transports || !u->peers || !u->streams) {
		user_close(u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

void datapath_user_count_drop(void *backend, enum sluice_drop reason)
{
	struct user *u = backend;

	if (reason > SLUICE_DROP_NONE && reason < SLUICE_DROP_MAX)
		u->totals.drops[reason]++;
}

void datapath_user_count(void *backend, enum sluice_counter counter)
{
	struct user *u = backend;

	if (counter < SLUICE_COUNT_MAX)
		u->totals.counters[counter]++;
}

void datapath_user_usage(const void *backend, struct datapath_usage *ret)
{
	const struct user *u = backend;

	ret->flows = HASH_COUNT(u->flows);
	ret->ports = HASH_COUNT(u->ports);
}

const struct datapath_ops datapath_user_ops = {
	.name = "user",
	.close = user_close,
	.port_set = user_port_set,
	.ufrag_set = user_ufrag_set,
	.flow_set = user_flow_set,
	.key_set = user_key_set,
	.transport_set = user_transport_set,
	.stream_set = user_stream_set,
	.stream_freeze = user_stream_freeze,
	.stream_stats = user_stream_stats,
	.peer_get = user_peer_get,
	.peer_set = user_peer_set,
	.totals = user_totals,
};
