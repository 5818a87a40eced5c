// SPDX-License-Identifier: Apache-2.0
/* Streams and their state in the maps. */
#include "datapath/xdp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "datapath/backends.h"

static const struct sluice_stream no_stream;
static const struct sluice_relay no_relay;
static const struct sluice_state no_state;
static const struct sluice_rtcp_out no_rtcp;
static const struct sluice_peer no_peer;

static int put(struct xdp *x, enum xdp_map map, const void *key,
	       const void *value)
{
	return bpf_map_update_elem(x->maps[map], key, value, BPF_ANY);
}

/* With the kernel's lock, so that no half-written value is seen. */
static int get_locked(struct xdp *x, enum xdp_map map, const void *key,
		      void *ret)
{
	return bpf_map_lookup_elem_flags(x->maps[map], key, ret, BPF_F_LOCK);
}

/*
 * This command is a synchronize_rcu(). Without it (nohz_full) the few
 * microseconds of a program's run have passed anyway.
 */
void xdp_wait_for_programs(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static int install_state(struct xdp *x, uint32_t id,
			 const struct datapath_stream_state *state)
{
	struct sluice_state media = state ? state->media : no_state;
	int err;

	if (media.out.sources > SLUICE_SSRCS_PER_STREAM)
		return -EINVAL;
	media.out.lock = 0;
	err = put(x, XDP_STATES, &id, &media);
	return err ? err : put(x, XDP_RTCP, &id, state ? &state->rtcp :
							 &no_rtcp);
}

/* No packet begins on it any more. */
static int stream_unlink(struct xdp *x, uint32_t id)
{
	int err = put(x, XDP_RELAYS, &id, &no_relay);

	return err ? err : put(x, XDP_STREAMS, &id, &no_stream);
}

static void stream_remove(struct xdp *x, uint32_t id)
{
	stream_unlink(x, id);
	xdp_relay_link(x, id, NULL);
	put(x, XDP_STATES, &id, &no_state);
	put(x, XDP_RTCP, &id, &no_rtcp);
	x->stream_is_used[id] = 0;
}

int xdp_stream_set(void *backend, uint32_t id,
		   const struct sluice_stream *stream,
		   const struct datapath_stream_state *state)
{
	struct xdp *x = backend;
	bool is_new;
	int err;

	if (!id || id >= x->size)
		return -EINVAL;
	is_new = !x->stream_is_used[id];
	if (!stream) {
		if (!is_new)
			stream_remove(x, id);
		return 0;
	}
	if (!is_new && state)
		return -EINVAL;
	err = is_new ? install_state(x, id, state) : 0;
	if (!err)
		err = put(x, XDP_STREAMS, &id, stream);
	if (!err)
		err = xdp_relay_write(x, id);
	if (err && is_new) {
		stream_remove(x, id);
		return err;
	}
	x->stream_is_used[id] = 1;
	xdp_relay_link(x, id, stream);
	return err;
}

int xdp_stream_stop(void *backend, uint32_t id)
{
	struct xdp *x = backend;
	int err;

	if (!id || id >= x->size || !x->stream_is_used[id])
		return -ENOENT;
	if (x->stream_is_used[id] == XDP_STREAM_STOPPED)
		return 0;
	err = stream_unlink(x, id);
	if (err)
		return err;
	x->stream_is_used[id] = XDP_STREAM_STOPPED;
	x->must_wait = true;
	return 0;
}

int xdp_stream_freeze(void *backend, uint32_t id,
		      struct datapath_stream_state *ret)
{
	struct xdp *x = backend;
	struct datapath_stream_state state = { 0 };
	int err = xdp_stream_stop(x, id);

	if (err)
		return err;
	/* milliseconds: once for all that were stopped until now */
	if (x->must_wait)
		xdp_wait_for_programs();
	x->must_wait = false;
	err = get_locked(x, XDP_STATES, &id, &state.media);
	if (!err)
		err = bpf_map_lookup_elem(x->maps[XDP_RTCP], &id, &state.rtcp);
	if (err)
		return err;
	state.media.out.lock = 0;
	stream_remove(x, id);
	*ret = state;
	return 0;
}

int xdp_peer_get(void *backend, uint32_t transport, struct sluice_peer *ret)
{
	struct xdp *x = backend;
	struct sluice_peer peer;
	int err;

	if (!transport || transport >= x->size)
		return -EINVAL;
	err = get_locked(x, XDP_PEERS, &transport, &peer);
	if (err)
		return err;
	peer.lock = 0;
	*ret = peer;
	return 0;
}

int xdp_peer_set(void *backend, uint32_t transport,
		 const struct sluice_peer *peer)
{
	struct sluice_peer value = peer ? *peer : no_peer;
	struct xdp *x = backend;

	if (!transport || transport >= x->size)
		return -EINVAL;
	value.lock = 0;
	return put(x, XDP_PEERS, &transport, &value);
}

int xdp_stream_stats(void *backend, uint32_t id,
		     struct datapath_stream_stats *ret)
{
	struct xdp *x = backend;
	struct sluice_stream stream;
	struct sluice_state state;
	int err;

	if (!id || id >= x->size || !x->stream_is_used[id])
		return -ENOENT;
	err = bpf_map_lookup_elem(x->maps[XDP_STREAMS], &id, &stream);
	if (!err)
		err = get_locked(x, XDP_STATES, &id, &state);
	if (err)
		return err;
	datapath_state_stats(&stream, &state, ret);
	return 0;
}
