// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between a program of contract 2 and the present one. The bridge stands in
 * front of the present program for the moment in which streams change over: a
 * packet's streams are carried into sl_states before it goes on, so that not
 * one index is guessed and none is used twice. The daemon has what no packet
 * comes for carried, then puts the present program in the bridge's place.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "lib/contract2.h"
#include "maps.h"
#include "stage/parse.h"

/* The old maps' values, with the lock where the kernel's BTF has to see it. */
struct contract2_out_value {
	struct bpf_spin_lock lock;
	__u32 sources;
	__u64 rest[7];
};

struct contract2_ssrc_value {
	struct bpf_spin_lock lock;
	__u32 stream;
	__u64 rest[15];
};

_Static_assert(sizeof(struct contract2_out_value) ==
	       sizeof(struct contract2_out), "contract2_out_value");
_Static_assert(sizeof(struct contract2_ssrc_value) ==
	       sizeof(struct contract2_ssrc), "contract2_ssrc_value");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_STREAMS);
	__type(key, __u32);
	__type(value, struct contract2_out_value);
} sl_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * SLUICE_MAX_STREAMS);
	__type(key, struct contract2_ssrc_key);
	__type(value, struct contract2_ssrc_value);
} sl_ssrcs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_STREAMS);
	__type(key, __u32);
	__type(value, struct contract2_sources);
} sl_sources SEC(".maps");

/* 1: the stream's state is in sl_states, and belongs to the present program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_STREAMS);
	__type(key, __u32);
	__type(value, __u32);
} sl_carried SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sl_jump SEC(".maps");

/* By who runs: a packet may come in between of the daemon's own runs. */
enum { CARRY_PACKET, CARRY_DAEMON, CARRY_WORKS };

struct carry_work {
	struct sluice_state state;
	struct contract2_ssrc source;
	struct sluice_ssrc scratch;
	__u32 transport;
	__u32 stream;
	__u32 first;
	__u32 is_final;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CARRY_WORKS);
	__type(key, __u32);
	__type(value, struct carry_work);
} sl_carry_work SEC(".maps");

static __always_inline struct carry_work *carry_work(__u32 who)
{
	return bpf_map_lookup_elem(&sl_carry_work, &who);
}

/* All of a value but its first word, which has the lock. */
static __always_inline void copy_rest(void *to, const void *from, __u32 words)
{
	volatile __u64 *t = to;
	const __u64 *f = from;
	__u32 i;

	for (i = 1; i < words; i++)
		t[i] = f[i];
}

static __always_inline void clear(void *p, __u32 words)
{
	volatile __u64 *t = p;
	__u32 i;

	for (i = 0; i < words; i++)
		t[i] = 0;
}

static long carry_source(__u32 i, void *who)
{
	struct carry_work *w = carry_work(*(__u32 *)who);
	struct contract2_sources *list;
	struct contract2_ssrc_value *s;
	struct contract2_ssrc_key key;
	__u32 id;

	if (!w || i >= CONTRACT2_SOURCES)
		return 1;
	id = w->stream;
	list = bpf_map_lookup_elem(&sl_sources, &id);
	if (!list)
		return 1;
	i = sluice_bound(i, CONTRACT2_SOURCES - 1);
	key.transport = (__u32)list->keys[i];
	key.ssrc = (__u32)(list->keys[i] >> 32);
	if (!key.transport)
		return 0;
	s = bpf_map_lookup_elem(&sl_ssrcs, &key);
	if (!s || s->stream != id)
		return 0;
	bpf_spin_lock(&s->lock);
	copy_rest(&w->source, s, sizeof(w->source) / 8);
	bpf_spin_unlock(&s->lock);
	contract2_add_source(&w->state, &w->source, key.ssrc, &w->scratch);
	return 0;
}

/* Whoever comes second finds it done. */
static __always_inline void carry_state(struct carry_work *w, __u32 *carried)
{
	struct sluice_state_value *v;
	__u32 id = w->stream, is_final = w->is_final;
	__u16 sources, newest;

	v = bpf_map_lookup_elem(&sl_states, &id);
	if (!v)
		return;
	sources = w->state.out.sources;
	newest = w->state.out.newest;
	bpf_spin_lock(&v->lock);
	if (!*carried) {
		v->sources = sources;
		v->newest = newest;
		copy_rest(v, &w->state, sizeof(w->state) / 8);
		*carried = is_final;
	}
	bpf_spin_unlock(&v->lock);
}

/* Not final: what can be known while the old program still moves it. */
static __noinline int carry(__u32 id, __u32 is_final, __u32 who)
{
	struct carry_work *w = carry_work(who);
	struct contract2_out_value *out;
	__u32 *carried;

	carried = bpf_map_lookup_elem(&sl_carried, &id);
	out = bpf_map_lookup_elem(&sl_out, &id);
	if (!w || !carried || !out || *carried)
		return 0;
	clear(&w->state, sizeof(w->state) / 8);
	w->stream = id;
	w->is_final = is_final;
	bpf_spin_lock(&out->lock);
	copy_rest(&w->state.out, out, sizeof(w->state.out) / 8);
	bpf_spin_unlock(&out->lock);
	bpf_loop(CONTRACT2_SOURCES, carry_source, &who, 0);
	carry_state(w, carried);
	return 0;
}

static long carry_one(__u32 i, void *context)
{
	struct carry_work *w = carry_work(CARRY_DAEMON);

	if (!w)
		return 1;
	carry(w->first + i, w->is_final, CARRY_DAEMON);
	return 0;
}

static long carry_arriving(__u32 i, void *context)
{
	struct carry_work *w = carry_work(CARRY_PACKET);
	struct sluice_transport *t;
	__u32 id, *carried;

	if (!w)
		return 1;
	id = w->transport;
	t = bpf_map_lookup_elem(&sl_transports, &id);
	if (!t)
		return 1;
	id = t->streams[sluice_bound(i, SLUICE_STREAMS_PER_TRANSPORT - 1)];
	carried = bpf_map_lookup_elem(&sl_carried, &id);
	if (id && carried && !*carried)
		carry(id, true, CARRY_PACKET);
	return 0;
}

SEC("xdp")
int contract2_xdp(struct xdp_md *ctx)
{
	struct carry_work *w = carry_work(CARRY_PACKET);
	struct sluice_packet p = {};
	struct sluice_flow *flow;

	if (w && !sluice_parse(ctx, &p) && !p.fault) {
		flow = bpf_map_lookup_elem(&sl_flows, &p.key);
		if (flow) {
			w->transport = flow->transport;
			bpf_loop(SLUICE_STREAMS_PER_TRANSPORT, carry_arriving,
				 NULL, 0);
		}
	}
	bpf_tail_call(ctx, &sl_jump, 0);
	return XDP_DROP;
}

/* By test run: the frame is a struct contract2_carry. */
SEC("xdp")
int contract2_carry(struct xdp_md *ctx)
{
	struct contract2_carry *run = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct carry_work *w = carry_work(CARRY_DAEMON);
	__u32 count;

	if (!w || (void *)(run + 1) > end)
		return XDP_ABORTED;
	w->first = run->first;
	w->is_final = run->is_final;
	count = run->count;
	if (count > CONTRACT2_CARRY_MAX)
		return XDP_ABORTED;
	bpf_loop(count, carry_one, NULL, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
