/* SPDX-License-Identifier: Apache-2.0 */
/* The front: opens the backends, hands out ids, passes calls on. */
#include "datapath/datapath.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "datapath/backends.h"

_Static_assert(sizeof((struct addr){ 0 }.ip) == sizeof(struct sluice_addr),
	       "struct addr and struct sluice_addr differ");

/*
 * Free ids wait in a ring, so that an id rests as long as possible before it
 * means something else. One that is claimed stays in there and is passed over.
 */
struct id_pool {
	uint8_t *used;
	uint32_t *ring;		/* twice the size: claimed ids come in again */
	uint32_t size;
	uint32_t head, count;
	uint32_t used_count;
};

struct datapath {
	const struct datapath_ops *ops[DATAPATH_BACKENDS];
	void *backend[DATAPATH_BACKENDS];	/* NULL: not open */
	enum datapath_backend preferred;
	char reason[512];
	struct datapath_config config;	/* strings are its own */
	struct datapath_adoption adoption;
	uint32_t size;
	struct id_pool keys;
	struct id_pool transports;
	struct id_pool streams;
};

static int id_pool_init(struct id_pool *p, uint32_t size)
{
	uint32_t id;

	p->used = calloc(size, 1);
	p->ring = calloc(size, 2 * sizeof(*p->ring));
	if (!p->used || !p->ring)
		return -ENOMEM;
	p->size = size;
	for (id = 1; id < size; id++)
		p->ring[p->count++] = id;
	return 0;
}

static void id_pool_free(struct id_pool *p)
{
	free(p->used);
	free(p->ring);
}

static uint32_t id_alloc(struct id_pool *p)
{
	uint32_t id;

	while (p->count) {
		id = p->ring[p->head];
		p->head = (p->head + 1) % (2 * p->size);
		p->count--;
		if (!p->used[id]) {
			p->used[id] = 1;
			p->used_count++;
			return id;
		}
	}
	return 0;
}

static void id_claim(struct id_pool *p, uint32_t id)
{
	p->used_count += !p->used[id];
	p->used[id] = 1;
}

static void id_release(struct id_pool *p, uint32_t id)
{
	if (!id || id >= p->size || !p->used[id])
		return;
	p->used[id] = 0;
	p->used_count--;
	p->ring[(p->head + p->count) % (2 * p->size)] = id;
	p->count++;
}

bool datapath_has_media(const char *pin_dir)
{
	return datapath_xdp_has_media(pin_dir);
}

/* What the kernel still has of an earlier run would go on without anybody. */
static int open_without_xdp(struct datapath *dp,
			    const struct datapath_config *config)
{
	int err = config->discard_media ?
		  datapath_xdp_discard(config->pin_dir) : 0;

	if (err) {
		log_err("datapath: --discard-media: %s: in use by another sluiced",
			config->pin_dir);
		return err;
	}
	if (!config->discard_media &&
	    datapath_xdp_has_media(config->pin_dir)) {
		log_err("datapath: %s holds media of an earlier run, which only "
			"the kernel path can adopt: use it, or start with "
			"--discard-media", config->pin_dir);
		return -EEXIST;
	}
	snprintf(dp->reason, sizeof(dp->reason), "user: as configured");
	return 0;
}

/* XDP, unless it is not wanted. With "auto" a failure is survived. */
static int open_xdp(struct datapath *dp, const struct datapath_config *config)
{
	char reason[400] = "";
	int err;

	if (config->want == DATAPATH_WANT_USER)
		return open_without_xdp(dp, config);
	err = datapath_xdp_open(config, &dp->backend[DATAPATH_XDP], reason,
				sizeof(reason));
	if (!err) {
		dp->preferred = DATAPATH_XDP;
		dp->adoption.is_adopted = datapath_xdp_adopted(
			dp->backend[DATAPATH_XDP], &dp->adoption.absent_ms);
		snprintf(dp->reason, sizeof(dp->reason), "xdp: %s", reason);
		return 0;
	}
	dp->backend[DATAPATH_XDP] = NULL;
	if (!reason[0])
		snprintf(reason, sizeof(reason), "%s", strerror(-err));
	if (err == -EEXIST) {
		log_err("datapath: media of an earlier run: %s", reason);
		return err;
	}
	if (config->want == DATAPATH_WANT_XDP) {
		log_err("datapath: xdp is wanted but fails: %s", reason);
		return err;
	}
	snprintf(dp->reason, sizeof(dp->reason), "user: no xdp: %s", reason);
	log_warn("datapath: no xdp: %s, ignoring", reason);
	return 0;
}

static int keep_config(struct datapath *dp, const struct datapath_config *c)
{
	dp->config = *c;
	dp->config.pin_dir = c->pin_dir ? strdup(c->pin_dir) : NULL;
	dp->config.object = c->object ? strdup(c->object) : NULL;
	return (c->pin_dir && !dp->config.pin_dir) ||
	       (c->object && !dp->config.object) ? -ENOMEM : 0;
}

int datapath_open(const struct datapath_config *config, struct datapath **ret)
{
	struct datapath *dp = calloc(1, sizeof(*dp));
	int err;

	if (!dp)
		return -ENOMEM;
	dp->ops[DATAPATH_USER] = &datapath_user_ops;
	dp->ops[DATAPATH_XDP] = &datapath_xdp_ops;
	dp->preferred = DATAPATH_USER;

	dp->size = config->streams ? config->streams : SLUICE_MAX_STREAMS;
	err = keep_config(dp, config);
	if (!err)
		err = open_xdp(dp, config);
	if (!err && dp->backend[DATAPATH_XDP])
		dp->size = datapath_xdp_size(dp->backend[DATAPATH_XDP]);
	if (!err)
		err = id_pool_init(&dp->keys, dp->size + DATAPATH_KEYS_SPARE);
	if (!err)
		err = id_pool_init(&dp->transports, dp->size);
	if (!err)
		err = id_pool_init(&dp->streams, dp->size);
	if (!err) {
		struct datapath_config user = *config;

		user.streams = dp->size;
		err = datapath_user_open(&user, &dp->backend[DATAPATH_USER]);
	}
	if (err) {
		datapath_close(dp);
		return err;
	}
	log_info("datapath: %s", dp->reason);
	*ret = dp;
	return 0;
}

void datapath_close(struct datapath *dp)
{
	int b;

	if (!dp)
		return;
	for (b = 0; b < DATAPATH_BACKENDS; b++)
		if (dp->backend[b])
			dp->ops[b]->close(dp->backend[b]);
	id_pool_free(&dp->keys);
	id_pool_free(&dp->transports);
	id_pool_free(&dp->streams);
	free((char *)dp->config.pin_dir);
	free((char *)dp->config.object);
	free(dp);
}

uint32_t datapath_size(const struct datapath *dp)
{
	return dp->size;
}

/* ---- adoption ---------------------------------------------------------- */

void datapath_adoption(const struct datapath *dp,
		       struct datapath_adoption *ret)
{
	*ret = dp->adoption;
}

/* The one backend whose entries outlive a process, if it runs. */
static void *lasting(struct datapath *dp)
{
	return dp->adoption.is_adopted ? dp->backend[DATAPATH_XDP] : NULL;
}

int datapath_key_claim(struct datapath *dp, uint32_t slot,
		       struct sluice_key *ret)
{
	int err = lasting(dp) ? datapath_xdp_ops.key_claim(lasting(dp), slot,
							   ret) : -ENOENT;

	if (!err)
		id_claim(&dp->keys, slot);
	return err;
}

int datapath_transport_claim(struct datapath *dp, uint32_t id,
			     struct sluice_transport *ret)
{
	int err = lasting(dp) ? datapath_xdp_ops.transport_claim(lasting(dp),
								 id, ret) :
				-ENOENT;

	if (!err)
		id_claim(&dp->transports, id);
	return err;
}

int datapath_stream_claim(struct datapath *dp, uint32_t id,
			  struct sluice_stream *ret)
{
	int err = lasting(dp) ? datapath_xdp_ops.stream_claim(lasting(dp), id,
							      ret) : -ENOENT;

	if (!err)
		id_claim(&dp->streams, id);
	return err;
}

void datapath_flows(struct datapath *dp, datapath_flow_cb *each, void *arg)
{
	if (lasting(dp))
		datapath_xdp_ops.flows(lasting(dp), each, arg);
}

int datapath_flow_claim(struct datapath *dp, const struct sluice_flow_key *key,
			const struct sluice_flow *flow)
{
	struct sluice_flow other = *flow;

	other.flags |= SLUICE_FLOW_USER;
	return dp->ops[DATAPATH_USER]->flow_set(dp->backend[DATAPATH_USER],
						key, &other);
}

void datapath_settle(struct datapath *dp)
{
	if (lasting(dp))
		dp->adoption.orphans = datapath_xdp_ops.settle(lasting(dp));
}

void datapath_keep(struct datapath *dp, bool is_kept)
{
	if (dp->backend[DATAPATH_XDP])
		datapath_xdp_keep(dp->backend[DATAPATH_XDP], is_kept);
}

/* ---- the operator's orders ---------------------------------------------- */

void datapath_detach(struct datapath *dp)
{
	void *backend = dp->backend[DATAPATH_XDP];

	dp->backend[DATAPATH_XDP] = NULL;
	dp->preferred = DATAPATH_USER;
	snprintf(dp->reason, sizeof(dp->reason),
		 "user: detached by the operator");
	datapath_xdp_keep(backend, false);
	datapath_xdp_ops.close(backend);
	log_info("datapath: %s", dp->reason);
}

int datapath_prepare(const struct datapath *dp, void **ret_backend,
		     char *reason, size_t reason_size)
{
	struct datapath_config config = dp->config;

	if (datapath_xdp_has_media(config.pin_dir)) {
		snprintf(reason, reason_size, "%s holds media of another run: "
			 "a start adopts it", config.pin_dir);
		return -EEXIST;
	}
	/* ids are as large as they are */
	config.streams = dp->size;
	config.discard_media = true;
	return datapath_xdp_open(&config, ret_backend, reason, reason_size);
}

void datapath_install(struct datapath *dp, void *backend, const char *reason)
{
	dp->backend[DATAPATH_XDP] = backend;
	dp->preferred = DATAPATH_XDP;
	snprintf(dp->reason, sizeof(dp->reason), "xdp: %s", reason);
	log_info("datapath: %s", dp->reason);
}

int datapath_attach_missing(struct datapath *dp, char *reason,
			    size_t reason_size)
{
	return datapath_xdp_attach_missing(dp->backend[DATAPATH_XDP], reason,
					   reason_size);
}

/* ---- reading ----------------------------------------------------------- */

enum datapath_backend datapath_preferred(const struct datapath *dp)
{
	return dp->preferred;
}

const char *datapath_reason(const struct datapath *dp)
{
	return dp->reason;
}

int datapath_interfaces(const struct datapath *dp,
			struct datapath_interface *ret, size_t max)
{
	if (!dp->backend[DATAPATH_XDP])
		return 0;
	return datapath_xdp_interfaces(dp->backend[DATAPATH_XDP], ret, max);
}

/* ---- ids --------------------------------------------------------------- */

uint32_t datapath_key_alloc(struct datapath *dp)
{
	return id_alloc(&dp->keys);
}

uint32_t datapath_transport_alloc(struct datapath *dp)
{
	return id_alloc(&dp->transports);
}

uint32_t datapath_stream_alloc(struct datapath *dp)
{
	return id_alloc(&dp->streams);
}

void datapath_key_release(struct datapath *dp, uint32_t slot)
{
	id_release(&dp->keys, slot);
}

void datapath_transport_release(struct datapath *dp, uint32_t id)
{
	id_release(&dp->transports, id);
}

void datapath_stream_release(struct datapath *dp, uint32_t id)
{
	id_release(&dp->streams, id);
}

/* ---- entries ----------------------------------------------------------- */

int datapath_port_set(struct datapath *dp, const struct sluice_port_key *key,
		      const struct sluice_port *port)
{
	int b, err, ret = 0;

	for (b = 0; b < DATAPATH_BACKENDS; b++) {
		if (!dp->backend[b])
			continue;
		err = dp->ops[b]->port_set(dp->backend[b], key, port);
		ret = ret ? ret : err;
	}
	return ret;
}

int datapath_ufrag_set(struct datapath *dp, const struct sluice_ufrag_key *key,
		       const struct sluice_ufrag *ufrag,
		       const struct sluice_ice_key *password)
{
	int b, err, ret = 0;

	for (b = 0; b < DATAPATH_BACKENDS; b++) {
		if (!dp->backend[b])
			continue;
		err = dp->ops[b]->ufrag_set(dp->backend[b], key, ufrag,
					    password);
		ret = ret ? ret : err;
	}
	return ret;
}

int datapath_flow_set(struct datapath *dp, enum datapath_backend owner,
		      const struct sluice_flow_key *key,
		      const struct sluice_flow *flow)
{
	struct sluice_flow other;
	const struct sluice_flow *value;
	int b, err, ret = 0;

	if (flow) {
		other = *flow;
		other.flags |= SLUICE_FLOW_USER;
	}
	for (b = 0; b < DATAPATH_BACKENDS; b++) {
		if (!dp->backend[b])
			continue;
		value = !flow || b == (int)owner ? flow : &other;
		err = dp->ops[b]->flow_set(dp->backend[b], key, value);
		ret = ret ? ret : err;
	}
	return ret;
}

static void *backend_of(struct datapath *dp, enum datapath_backend b)
{
	return (unsigned int)b < DATAPATH_BACKENDS ? dp->backend[b] : NULL;
}

int datapath_key_set(struct datapath *dp, enum datapath_backend b,
		     uint32_t slot, const struct sluice_key *key)
{
	void *backend = backend_of(dp, b);

	return backend ? dp->ops[b]->key_set(backend, slot, key) : -EOPNOTSUPP;
}

int datapath_transport_set(struct datapath *dp, enum datapath_backend b,
			   uint32_t id, const struct sluice_transport *t)
{
	void *backend = backend_of(dp, b);

	return backend ? dp->ops[b]->transport_set(backend, id, t) :
			 -EOPNOTSUPP;
}

int datapath_stream_set(struct datapath *dp, enum datapath_backend b,
			uint32_t id, const struct sluice_stream *stream,
			const struct datapath_stream_state *state)
{
	void *backend = backend_of(dp, b);

	return backend ? dp->ops[b]->stream_set(backend, id, stream, state) :
			 -EOPNOTSUPP;
}

int datapath_stream_stop(struct datapath *dp, enum datapath_backend b,
			 uint32_t id)
{
	void *backend = backend_of(dp, b);

	if (!backend)
		return -EOPNOTSUPP;
	return dp->ops[b]->stream_stop ? dp->ops[b]->stream_stop(backend, id) :
					 0;
}

int datapath_stream_freeze(struct datapath *dp, enum datapath_backend b,
			   uint32_t id, struct datapath_stream_state *ret)
{
	void *backend = backend_of(dp, b);

	return backend ? dp->ops[b]->stream_freeze(backend, id, ret) :
			 -EOPNOTSUPP;
}

int datapath_stream_stats(struct datapath *dp, enum datapath_backend b,
			  uint32_t id, struct datapath_stream_stats *ret)
{
	void *backend = backend_of(dp, b);

	return backend ? dp->ops[b]->stream_stats(backend, id, ret) :
			 -EOPNOTSUPP;
}

int datapath_peer_get(struct datapath *dp, enum datapath_backend b,
		      uint32_t transport, struct sluice_peer *ret)
{
	void *backend = backend_of(dp, b);

	return backend ? dp->ops[b]->peer_get(backend, transport, ret) :
			 -EOPNOTSUPP;
}

int datapath_peer_set(struct datapath *dp, enum datapath_backend b,
		      uint32_t transport, const struct sluice_peer *peer)
{
	void *backend = backend_of(dp, b);

	return backend ? dp->ops[b]->peer_set(backend, transport, peer) :
			 -EOPNOTSUPP;
}

int datapath_user_input(struct datapath *dp, const struct addr *local,
			const struct addr *remote, uint8_t *data, size_t len,
			size_t capacity)
{
	return datapath_user_relay(dp->backend[DATAPATH_USER], local, remote,
				   data, len, capacity);
}

int datapath_user_send(struct datapath *dp, uint32_t stream,
		       struct datapath_own *p)
{
	return datapath_user_own(dp->backend[DATAPATH_USER], stream, p);
}

void datapath_count_drop(struct datapath *dp, enum sluice_drop reason)
{
	datapath_user_count_drop(dp->backend[DATAPATH_USER], reason);
}

void datapath_count(struct datapath *dp, enum sluice_counter counter)
{
	datapath_user_count(dp->backend[DATAPATH_USER], counter);
}

int datapath_totals(struct datapath *dp,
		    struct datapath_totals ret[DATAPATH_BACKENDS])
{
	struct datapath_totals all[DATAPATH_BACKENDS] = { 0 };
	int b, err;

	for (b = 0; b < DATAPATH_BACKENDS; b++) {
		if (!dp->backend[b])
			continue;
		err = dp->ops[b]->totals(dp->backend[b], &all[b]);
		if (err)
			return err;
	}
	memcpy(ret, all, sizeof(all));
	return 0;
}

void datapath_usage(const struct datapath *dp, struct datapath_usage *ret)
{
	*ret = (struct datapath_usage){
		.keys = dp->keys.used_count,
		.transports = dp->transports.used_count,
		.streams = dp->streams.used_count,
	};
	/* It is told of every flow and port, the kernel's too. */
	datapath_user_usage(dp->backend[DATAPATH_USER], ret);
}

uint32_t datapath_key_size(const struct datapath *dp)
{
	return dp->keys.size;
}

int datapath_event_fd(const struct datapath *dp)
{
	for (int b = 0; b < DATAPATH_BACKENDS; b++)
		if (dp->backend[b] && dp->ops[b]->event_fd)
			return dp->ops[b]->event_fd(dp->backend[b]);
	return -1;
}

void datapath_events(struct datapath *dp, datapath_event_cb *each, void *arg)
{
	for (int b = 0; b < DATAPATH_BACKENDS; b++)
		if (dp->backend[b] && dp->ops[b]->events)
			dp->ops[b]->events(dp->backend[b], each, arg);
}

void datapath_tick(struct datapath *dp)
{
	int b;

	for (b = 0; b < DATAPATH_BACKENDS; b++)
		if (dp->backend[b] && dp->ops[b]->tick)
			dp->ops[b]->tick(dp->backend[b]);
}

struct sluice_addr datapath_addr(const struct addr *a)
{
	struct sluice_addr ret;

	memcpy(ret.b, a->ip, sizeof(ret.b));
	return ret;
}

struct sluice_flow_key datapath_flow_key(const struct addr *local,
					 const struct addr *remote)
{
	struct sluice_flow_key key = {
		.local = datapath_addr(local),
		.remote = datapath_addr(remote),
		.local_port = htons(local->port),
		.remote_port = htons(remote->port),
	};

	return key;
}
