// SPDX-License-Identifier: Apache-2.0
/*
 * The short way (struct sluice_relay): made of a stream and its two transports
 * whenever one of them changes.
 */
#include <bpf/bpf.h>
#include <string.h>

#include "datapath/xdp.h"
#include "lib/egress.h"

enum { ARRIVES, LEAVES };	/* ends of a stream */

static bool is_ready(const struct sluice_transport *t)
{
	if (!(t->flags & SLUICE_TRANSPORT_READY))
		return false;
	/* a browser never gets or sends plain RTP */
	return !(t->flags & SLUICE_TRANSPORT_WEB) || (t->rx_key && t->tx_key);
}

/* The first payload types of `from` that lead to the stream. */
static void make_payloads(uint32_t id, const struct sluice_transport *from,
			  struct sluice_relay *r)
{
	const struct sluice_payload *p;
	uint32_t pt, n = 0;

	for (pt = 0; pt < SLUICE_RELAY_PAYLOADS; pt++)
		r->payload[pt].pt = SLUICE_RELAY_NO_PT;
	for (pt = 0; pt < 128 && n < SLUICE_RELAY_PAYLOADS; pt++) {
		p = &from->payload[pt];
		if (p->stream >= SLUICE_STREAMS_PER_TRANSPORT ||
		    from->streams[p->stream] != id)
			continue;
		r->payload[n++] = (struct sluice_relay_payload){
			.pt = (uint8_t)pt, .out_pt = p->out_pt,
			.convert = p->convert, .ratio = p->ratio };
	}
}

void xdp_relay_make(uint32_t id, const struct sluice_stream *stream,
		    const struct sluice_transport *from,
		    const struct sluice_transport *to,
		    struct sluice_relay *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (is_ready(from))
		ret->flags |= SLUICE_RELAY_FROM_READY;
	if (is_ready(to))
		ret->flags |= SLUICE_RELAY_TO_READY;
	if (from->flags & SLUICE_TRANSPORT_WEB)
		ret->flags |= SLUICE_RELAY_FROM_WEB;
	if (stream->flags & SLUICE_STREAM_ACTIVE)
		ret->flags |= SLUICE_RELAY_ACTIVE;
	if (stream->flags & SLUICE_STREAM_EXTENSIONS)
		ret->flags |= SLUICE_RELAY_EXTENSIONS;
	ret->from = stream->from;
	ret->rx_key = from->rx_key;
	ret->tx_key = to->tx_key;
	ret->out_ssrc = stream->out_ssrc;
	ret->clock_hz = stream->clock_hz;
	ret->next_hop = to->next_hop;
	make_payloads(id, from, ret);
	ret->egress = to->egress;
}

/* One that is not there is not ready. */
static void read_transport(struct xdp *x, uint32_t id,
			   struct sluice_transport *ret)
{
	if (bpf_map_lookup_elem(x->maps[XDP_TRANSPORTS], &id, ret))
		memset(ret, 0, sizeof(*ret));
}

int xdp_relay_write(struct xdp *x, uint32_t id)
{
	struct sluice_transport from, to;
	struct sluice_relay relay;
	struct sluice_stream s;
	int err;

	err = bpf_map_lookup_elem(x->maps[XDP_STREAMS], &id, &s);
	if (err)
		return err;
	read_transport(x, s.from, &from);
	read_transport(x, s.to, &to);
	xdp_relay_make(id, &s, &from, &to, &relay);
	return bpf_map_update_elem(x->maps[XDP_RELAYS], &id, &relay, BPF_ANY);
}

static void unlink_end(struct xdp *x, uint32_t id, int end)
{
	struct xdp_ends *e = &x->ends[id];
	uint32_t next = e->next[end], prev = e->prev[end];

	if (!e->transport[end])
		return;
	if (next)
		x->ends[next].prev[end] = prev;
	if (prev)
		x->ends[prev].next[end] = next;
	else
		x->firsts[e->transport[end]].stream[end] = next;
	e->transport[end] = e->next[end] = e->prev[end] = 0;
}

static void link_end(struct xdp *x, uint32_t id, int end, uint32_t transport)
{
	struct xdp_ends *e = &x->ends[id];
	uint32_t *first;

	if (!transport || transport >= x->size)
		return;
	first = &x->firsts[transport].stream[end];
	e->transport[end] = transport;
	e->next[end] = *first;
	if (*first)
		x->ends[*first].prev[end] = id;
	*first = id;
}

void xdp_relay_link(struct xdp *x, uint32_t id,
		    const struct sluice_stream *stream)
{
	unlink_end(x, id, ARRIVES);
	unlink_end(x, id, LEAVES);
	if (!stream)
		return;
	link_end(x, id, ARRIVES, stream->from);
	link_end(x, id, LEAVES, stream->to);
}

int xdp_relay_transport(struct xdp *x, uint32_t transport)
{
	uint32_t id;
	int end, err, ret = 0;

	for (end = ARRIVES; end <= LEAVES; end++)
		for (id = x->firsts[transport].stream[end]; id;
		     id = x->ends[id].next[end]) {
			err = xdp_relay_write(x, id);
			if (err)
				ret = err;
		}
	return ret;
}
