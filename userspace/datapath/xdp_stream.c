// SPDX-License-Identifier: Apache-2.0
/* Streams and their state in the maps. */
#include "datapath/xdp.h"
#include "lib/index.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"

/* A plain source this long silent may be forgotten: nothing secures it. */
#define SOURCE_IDLE_NS		30000000000ULL
#define SOURCES_CROWDED		(SLUICE_SSRCS_PER_STREAM / 2)
#define SWEEP_TICKS		16	/* to look at every stream once */

static const struct sluice_stream no_stream;
static const struct sluice_out_state no_out;
static const struct sluice_sources no_sources;
static const struct sluice_rtcp_out no_rtcp;
static const struct sluice_peer no_peer;

static uint64_t source_word(const struct sluice_ssrc_key *key)
{
	return (uint64_t)key->ssrc << 32 | key->transport;
}

static struct sluice_ssrc_key source_key(uint64_t word)
{
	return (struct sluice_ssrc_key){ .transport = (uint32_t)word,
					 .ssrc = (uint32_t)(word >> 32) };
}

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
 * Waits for programs that still work on what was just taken out of the maps:
 * this command is a synchronize_rcu(). Without it (nohz_full) the few
 * microseconds of a program's run have passed anyway.
 */
static void wait_for_programs(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static void forget_sources(struct xdp *x, uint32_t id)
{
	struct sluice_sources list;
	struct sluice_ssrc_key key;
	uint32_t i;

	if (bpf_map_lookup_elem(x->maps[XDP_SOURCES], &id, &list))
		return;
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++) {
		if (!list.keys[i])
			continue;
		key = source_key(list.keys[i]);
		bpf_map_delete_elem(x->maps[XDP_SSRCS], &key);
	}
	put(x, XDP_SOURCES, &id, &no_sources);
}

static int install_state(struct xdp *x, uint32_t id,
			 const struct datapath_stream_state *state)
{
	struct sluice_out_state out = state ? state->out : no_out;
	struct sluice_sources list = no_sources;
	struct sluice_ssrc source;
	uint32_t i, n = state ? state->source_count : 0;
	int err;

	if (n > SLUICE_SSRCS_PER_STREAM)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		source = state->sources[i];
		source.lock = 0;
		source.stream = id;
		err = put(x, XDP_SSRCS, &state->source_keys[i], &source);
		if (err)
			return err;
		list.keys[i] = source_word(&state->source_keys[i]);
	}
	out.lock = 0;
	out.sources = n;
	err = put(x, XDP_OUT, &id, &out);
	if (!err)
		err = put(x, XDP_RTCP, &id, state ? &state->rtcp : &no_rtcp);
	return err ? err : put(x, XDP_SOURCES, &id, &list);
}

static void stream_remove(struct xdp *x, uint32_t id)
{
	put(x, XDP_STREAMS, &id, &no_stream);
	forget_sources(x, id);
	put(x, XDP_OUT, &id, &no_out);
	put(x, XDP_RTCP, &id, &no_rtcp);
	x->stream_is_used[id] = 0;
}

int xdp_stream_set(void *backend, uint32_t id,
		   const struct sluice_stream *stream,
		   const struct datapath_stream_state *state)
{
	struct xdp *x = backend;
	int err;

	if (!id || id >= x->size)
		return -EINVAL;
	if (!stream) {
		if (x->stream_is_used[id])
			stream_remove(x, id);
		return 0;
	}
	if (x->stream_is_used[id])
		return state ? -EINVAL : put(x, XDP_STREAMS, &id, stream);
	forget_sources(x, id);
	err = install_state(x, id, state);
	if (!err)
		err = put(x, XDP_STREAMS, &id, stream);
	if (err) {
		stream_remove(x, id);
		return err;
	}
	x->stream_is_used[id] = 1;
	return 0;
}

/* The sources of a stream; returns how many. */
static uint32_t read_sources(struct xdp *x, uint32_t id,
			     struct sluice_ssrc_key *keys,
			     struct sluice_ssrc *sources)
{
	struct sluice_sources list;
	uint32_t i, n = 0;

	if (bpf_map_lookup_elem(x->maps[XDP_SOURCES], &id, &list))
		return 0;
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++) {
		if (!list.keys[i])
			continue;
		keys[n] = source_key(list.keys[i]);
		if (!get_locked(x, XDP_SSRCS, &keys[n], &sources[n])) {
			sources[n].lock = 0;
			n++;
		}
	}
	return n;
}

int xdp_stream_freeze(void *backend, uint32_t id,
		      struct datapath_stream_state *ret)
{
	struct xdp *x = backend;
	struct datapath_stream_state state = { 0 };
	int err;

	if (!id || id >= x->size || !x->stream_is_used[id])
		return -ENOENT;
	err = put(x, XDP_STREAMS, &id, &no_stream);
	if (err)
		return err;
	wait_for_programs();
	err = get_locked(x, XDP_OUT, &id, &state.out);
	if (!err)
		err = bpf_map_lookup_elem(x->maps[XDP_RTCP], &id, &state.rtcp);
	if (err)
		return err;
	state.out.lock = 0;
	state.source_count = read_sources(x, id, state.source_keys,
					  state.sources);
	state.out.sources = state.source_count;
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

static void add_source(struct datapath_stream_stats *stats,
		       const struct sluice_ssrc *s)
{
	uint64_t expected = s->packets ? s->highest - s->first_index + 1 : 0;

	stats->received += s->packets;
	stats->late += s->late;
	if (expected > s->packets)
		stats->lost += expected - s->packets;
	if (s->last_seen_ns > stats->last_seen_ns)
		stats->last_seen_ns = s->last_seen_ns;
}

int xdp_stream_stats(void *backend, uint32_t id,
		     struct datapath_stream_stats *ret)
{
	struct xdp *x = backend;
	struct datapath_stream_stats stats = { 0 };
	struct sluice_ssrc_key keys[SLUICE_SSRCS_PER_STREAM];
	struct sluice_ssrc sources[SLUICE_SSRCS_PER_STREAM];
	struct sluice_stream stream;
	struct sluice_out_state out;
	uint32_t i, n;
	int err;

	if (!id || id >= x->size || !x->stream_is_used[id])
		return -ENOENT;
	err = bpf_map_lookup_elem(x->maps[XDP_STREAMS], &id, &stream);
	if (!err)
		err = get_locked(x, XDP_OUT, &id, &out);
	if (err)
		return err;
	stats.packets = out.packets;
	stats.bytes = out.bytes;
	stats.out_ssrc = stream.out_ssrc;
	if (out.packets)
		stats.in_ssrc = out.current_ssrc;
	n = read_sources(x, id, keys, sources);
	for (i = 0; i < n; i++) {
		add_source(&stats, &sources[i]);
		if (!out.packets || keys[i].ssrc != out.current_ssrc)
			continue;
		if (stream.clock_hz)
			stats.jitter_us = (uint32_t)(
				(uint64_t)sources[i].jitter_q4 * 1000000 /
				16 / stream.clock_hz);
		if (sources[i].index_delta == SLUICE_DELTA_RESYNC)
			continue;
		stats.seq_delta = (uint32_t)sources[i].index_delta;
		stats.timestamp_delta = sources[i].timestamp_delta;
	}
	*ret = stats;
	return 0;
}

/*
 * A packet that makes a new source between the read and the write of the list
 * loses its slot: it is relayed, but not counted. Only crowded plain streams
 * come here.
 */
static void sweep_stream(struct xdp *x, uint32_t id, uint64_t now_ns)
{
	struct sluice_ssrc_key keys[SLUICE_SSRCS_PER_STREAM];
	struct sluice_ssrc sources[SLUICE_SSRCS_PER_STREAM];
	struct sluice_sources list = no_sources;
	struct sluice_transport from;
	struct sluice_stream stream;
	uint32_t i, kept = 0, n = read_sources(x, id, keys, sources);

	if (n <= SOURCES_CROWDED ||
	    bpf_map_lookup_elem(x->maps[XDP_STREAMS], &id, &stream) ||
	    bpf_map_lookup_elem(x->maps[XDP_TRANSPORTS], &stream.from, &from) ||
	    from.rx_key)
		return;
	for (i = 0; i < n; i++) {
		if (now_ns - sources[i].last_seen_ns < SOURCE_IDLE_NS)
			list.keys[kept++] = source_word(&keys[i]);
		else
			bpf_map_delete_elem(x->maps[XDP_SSRCS], &keys[i]);
	}
	if (kept < n)
		put(x, XDP_SOURCES, &id, &list);
}

void xdp_stream_sweep(struct xdp *x)
{
	uint64_t now_ns = clock_ns();
	uint32_t i;

	for (i = 0; i < x->size / SWEEP_TICKS + 1; i++) {
		x->sweep = (x->sweep + 1) % x->size;
		if (x->stream_is_used[x->sweep])
			sweep_stream(x, x->sweep, now_ns);
	}
}
