/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user backend's packet path; the same steps as the XDP program, on the
 * same structures, so that a stream behaves alike wherever it runs.
 */
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "datapath/user.h"
#include "lib/convert.h"
#include "lib/index.h"
#include "lib/rtp.h"
#include "lib/srtp.h"

/* One packet on its way. */
struct relay {
	struct user *u;
	uint8_t *data;
	uint32_t len;
	uint32_t capacity;
	uint64_t now_ns;
	struct sluice_rtp rtp;
	struct sluice_transport *from;
	struct sluice_transport *to;
	struct user_stream *stream;
	struct user_crypt *rx;		/* NULL: plain */
	struct user_crypt *tx;
	uint32_t transport_id;		/* of from */
	__u64 index;
	struct sluice_payload payload;
};

static struct sluice_transport *transport_of(struct user *u, uint32_t id)
{
	return id < u->size ? u->transports[id] : NULL;
}

static struct user_stream *stream_of(struct user *u, uint32_t id)
{
	return id < u->size ? u->streams[id] : NULL;
}

/* slot 0: plain, which a browser's side never is. */
static int key_of(struct user *u, const struct sluice_transport *t,
		  uint32_t slot, struct user_crypt **ret)
{
	if (!(t->flags & SLUICE_TRANSPORT_READY))
		return -SLUICE_DROP_NOT_READY;
	*ret = NULL;
	if (!slot)
		return t->flags & SLUICE_TRANSPORT_WEB ?
			-SLUICE_DROP_NOT_READY : 0;
	if (slot >= u->key_size || !u->keys[slot])
		return -SLUICE_DROP_NOT_READY;
	*ret = u->keys[slot];
	return 0;
}

/*
 * The SIP side's source port is learned by the media thread, which sets the
 * exact flow before it comes here: what meets only the learning entry, or
 * nothing, on such a port is a stranger.
 */
static int relay_lookup(struct relay *r, const struct addr *local,
			const struct addr *remote)
{
	struct sluice_flow_key key = datapath_flow_key(local, remote);
	struct sluice_port_key door = { .local = key.local,
					.port = key.local_port };
	struct user_flow *f = user_flow_find(r->u, &key);
	struct user_port *p;

	if (!f) {
		p = user_port_find(r->u, &door);
		if (p && p->port.kind != SLUICE_PORT_WEB)
			return -SLUICE_DROP_WRONG_SOURCE;
		key.remote_port = 0;
		return user_flow_find(r->u, &key) ? -SLUICE_DROP_WRONG_SOURCE :
						    -SLUICE_DROP_NO_FLOW;
	}
	if (f->flow.flags & SLUICE_FLOW_RTCP)
		return -SLUICE_DROP_RTCP;
	r->transport_id = f->flow.transport;
	r->from = transport_of(r->u, r->transport_id);
	if (!r->from)
		return -SLUICE_DROP_NOT_READY;
	return key_of(r->u, r->from, r->from->rx_key, &r->rx);
}

static int relay_read(struct relay *r)
{
	const struct sluice_payload *payload;
	int err;

	if (r->len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_TOO_BIG;
	err = sluice_rtp_parse(r->data, r->len, &r->rtp);
	if (err)
		return err;
	payload = &r->from->payload[r->rtp.pt];
	if (payload->stream >= SLUICE_STREAMS_PER_TRANSPORT)
		return -SLUICE_DROP_PAYLOAD_TYPE;
	r->payload = *payload;
	r->rtp.timestamp = sluice_convert_arriving(payload, r->rtp.timestamp);
	r->rtp.is_foreign_clock = payload->convert == SLUICE_CONVERT_EVENT_UP;
	r->stream = stream_of(r->u, r->from->streams[payload->stream]);
	if (!r->stream || r->stream->stream.from != r->transport_id)
		return -SLUICE_DROP_PAYLOAD_TYPE;
	return 0;
}

/* One SSRC belongs to one m-line (RFC 3550 8.1). */
static bool is_elsewhere(const struct relay *r)
{
	struct user_stream *s;
	int i;

	for (i = 0; i < SLUICE_STREAMS_PER_TRANSPORT; i++) {
		s = stream_of(r->u, r->from->streams[i]);
		if (s && s != r->stream && user_source_find(s, r->rtp.ssrc))
			return true;
	}
	return false;
}

static int relay_open(struct relay *r, const struct sluice_ssrc *source)
{
	bool fresh = !source->packets;
	int err, len;

	err = sluice_index_estimate(source, r->rtp.seq, fresh,
				    &r->index);
	if (!err)
		err = sluice_index_check(source, r->index);
	if (err)
		return err;
	len = user_crypt_unprotect(r->rx, r->index, r->rtp.ssrc, r->data,
				   r->rtp.payload_off, r->len);
	if (len < 0)
		return len;
	r->len = (uint32_t)len;
	r->rtp.payload_len = r->len - r->rtp.payload_off;
	return 0;
}

/*
 * Room for a new source. A plain one that is silent longest gives way: its
 * index is worth nothing. A secured one stays, or its packets could be
 * replayed.
 */
static bool make_room(struct relay *r)
{
	struct user_stream *s = r->stream;
	struct sluice_ssrc *oldest = &s->state.source[0];
	uint32_t i;

	if (s->state.out.sources < SLUICE_SSRCS_PER_STREAM)
		return true;
	if (r->rx)
		return false;
	for (i = 1; i < s->state.out.sources; i++)
		if (s->state.source[i].last_seen_ns <
		    oldest->last_seen_ns)
			oldest = &s->state.source[i];
	sluice_source_gone(&s->state, oldest);
	*oldest = s->state.source[--s->state.out.sources];
	return true;
}

/*
 * Authenticates, then commits. A new source is kept only once its packet is
 * authentic. While a stream is held index and window go on all the same, or
 * ROC would be lost.
 */
static int relay_accept(struct relay *r, struct sluice_ssrc **ret)
{
	struct user_stream *s = r->stream;
	struct sluice_ssrc *source = user_source_find(s, r->rtp.ssrc);
	struct sluice_ssrc fresh = { .ssrc = r->rtp.ssrc };
	bool is_held = !(s->stream.flags & SLUICE_STREAM_ACTIVE);
	int err;

	if (!source) {
		if (!make_room(r))
			return -SLUICE_DROP_SSRC_LIMIT;
		if (is_elsewhere(r))
			return -SLUICE_DROP_PAYLOAD_TYPE;
		fresh.bad_seq = SLUICE_BAD_SEQ_NONE;
		fresh.index_delta = SLUICE_DELTA_RESYNC;
		source = &fresh;
	}
	if (r->rx) {
		err = relay_open(r, source);
	} else {
		err = sluice_index_plain(source, r->rtp.seq,
					 &r->index);
		if (!err)
			err = sluice_index_check(source, r->index);
	}
	if (err)
		return err;
	if (source == &fresh) {
		s->state.source[s->state.out.sources] = fresh;
		source = &s->state.source[s->state.out.sources++];
	}
	sluice_index_commit(source, r->index, &r->rtp,
			    s->stream.clock_hz, r->now_ns);
	if (is_held) {
		source->index_delta = SLUICE_DELTA_RESYNC;
		return -SLUICE_DROP_HELD;
	}
	*ret = source;
	return 0;
}

/* An RFC 4733 packet that is told of, not sent. */
static void relay_report(struct relay *r, struct sluice_ssrc *source)
{
	struct datapath_socket_ops *sockets = &r->u->sockets;
	struct sluice_event e = {
		.type = SLUICE_EVENT_DIGIT,
		.transport = r->transport_id,
		.stream = r->from->streams[r->payload.stream],
		.ssrc = r->rtp.ssrc,
		.time_ns = r->now_ns,
		.timestamp = r->rtp.timestamp,
	};

	sluice_index_swallow(source, r->index);
	if (r->rtp.payload_len < SLUICE_EVENT_LEN || !sockets->event)
		return;
	e.value = sluice_get32(r->data + r->rtp.payload_off);
	sockets->event(sockets->arg, &e);
}

/* CSRCs stay where they are, and the extension behind them if it passes. */
static bool keeps_extension(const struct relay *r)
{
	return r->rtp.extension &&
	       (r->stream->stream.flags & SLUICE_STREAM_EXTENSIONS);
}

static int relay_map(struct relay *r, struct sluice_ssrc *source,
		     __u64 *ret_index)
{
	struct user_stream *s = r->stream;
	bool is_kept = keeps_extension(r);
	uint32_t header = is_kept ? r->rtp.payload_off :
			  SLUICE_RTP_HEADER_LEN + 4U * r->rtp.csrc_count;
	uint32_t tag_len, timestamp, len = header + r->rtp.payload_len;
	__u64 index;
	int err;

	r->to = transport_of(r->u, s->stream.to);
	if (!r->to || !r->to->remote_port)
		return -SLUICE_DROP_NOT_READY;
	err = key_of(r->u, r->to, r->to->tx_key, &r->tx);
	if (err)
		return err;
	tag_len = r->tx ? user_crypt_trailer_len(r->tx) : 0;
	if (len + tag_len > SLUICE_PACKET_MAX || len + tag_len > r->capacity)
		return -SLUICE_DROP_TOO_BIG;

	err = sluice_out_assign(&s->state.out, source, r->index,
				r->rtp.timestamp, r->rtp.ssrc,
				s->stream.clock_hz, r->now_ns, &index,
				&timestamp);
	if (err)
		return err;
	s->state.out.packets++;
	s->state.out.bytes += r->rtp.payload_len;

	memmove(r->data + header, r->data + r->rtp.payload_off,
		r->rtp.payload_len);
	sluice_convert_payload(&r->payload, r->data, header, len,
			       r->rtp.padding);
	r->data[0] = (uint8_t)(0x80 | r->rtp.padding << 5 | is_kept << 4 |
			       r->rtp.csrc_count);
	r->data[1] = (uint8_t)(r->rtp.marker << 7 |
			       (r->payload.out_pt & 0x7f));
	sluice_put16(r->data + 2, (uint16_t)index);
	sluice_put32(r->data + 4,
		     sluice_convert_leaving(&r->payload, timestamp));
	sluice_put32(r->data + 8, s->stream.out_ssrc);
	r->rtp.payload_off = (uint16_t)header;
	r->len = len;
	*ret_index = index;
	return 0;
}

static int relay_send(struct relay *r, uint64_t index)
{
	struct datapath_socket_ops *sockets = &r->u->sockets;
	struct addr local, remote;
	int len;

	if (r->tx) {
		len = user_crypt_protect(r->tx, index,
					 r->stream->stream.out_ssrc, r->data,
					 r->rtp.payload_off, r->len);
		if (len < 0)
			return len;
		r->len = (uint32_t)len;
	}
	memcpy(local.ip, r->to->local.b, sizeof(local.ip));
	memcpy(remote.ip, r->to->remote.b, sizeof(remote.ip));
	local.port = ntohs(r->to->local_port);
	remote.port = ntohs(r->to->remote_port);
	if (sockets->send(sockets->arg, &local, &remote, r->data, r->len))
		return -SLUICE_DROP_SEND;
	return 0;
}

static int relay(struct relay *r, const struct addr *local,
		 const struct addr *remote, enum sluice_counter *ret_counter)
{
	struct sluice_ssrc *source;
	__u64 index;
	int err;

	err = relay_lookup(r, local, remote);
	if (err)
		return err;
	err = relay_read(r);
	if (err)
		return err;
	err = relay_accept(r, &source);
	if (err)
		return err;
	*ret_counter = r->from->flags & SLUICE_TRANSPORT_WEB ?
			       SLUICE_COUNT_RELAYED_WEB :
			       SLUICE_COUNT_RELAYED_SIP;
	if (r->payload.convert == SLUICE_CONVERT_REPORT) {
		relay_report(r, source);
		*ret_counter = SLUICE_COUNT_REPORTED;
		return 0;
	}
	err = relay_map(r, source, &index);
	if (err)
		return err;
	return relay_send(r, index);
}

int datapath_user_relay(void *backend, const struct addr *local,
			const struct addr *remote, uint8_t *data, size_t len,
			size_t capacity)
{
	struct user *u = backend;
	struct relay r = { .u = u, .data = data, .now_ns = clock_ns() };
	enum sluice_counter counter = SLUICE_COUNT_MAX;
	int reason;

	/* Beyond the contract's limit only the fact matters. */
	r.len = len > SLUICE_PACKET_MAX ? SLUICE_PACKET_MAX + 1 : (uint32_t)len;
	r.capacity = capacity > SLUICE_PACKET_MAX ? SLUICE_PACKET_MAX :
						    (uint32_t)capacity;
	reason = -relay(&r, local, remote, &counter);
	if (reason)
		u->totals.drops[reason]++;
	else
		u->totals.counters[counter]++;
	return reason;
}

/* A whole packet of the gateway's own, between those of the stream's sources. */
static uint32_t own_packet(struct user_stream *s, const struct datapath_own *p,
			   uint64_t index, uint8_t *packet)
{
	const struct sluice_payload clock = {
		.convert = p->ratio ? SLUICE_CONVERT_EVENT_DOWN : 0,
		.ratio = p->ratio };

	packet[0] = 0x80;
	packet[1] = (uint8_t)(p->is_first << 7 | (p->pt & 0x7f));
	sluice_put16(packet + 2, (uint16_t)index);
	sluice_put32(packet + 4, sluice_convert_leaving(&clock, p->timestamp));
	sluice_put32(packet + 8, s->stream.out_ssrc);
	memcpy(packet + SLUICE_RTP_HEADER_LEN, p->payload, p->len);
	return SLUICE_RTP_HEADER_LEN + p->len;
}

/* Its index is the next one; the current source's packets come after it. */
static uint64_t own_index(struct user_stream *s)
{
	struct sluice_out_state *o = &s->state.out;
	struct sluice_ssrc *current;
	uint64_t index = o->next_index;

	sluice_window_shift(o->window, 1);
	o->window[0] |= 1;
	o->next_index++;
	o->packets++;
	current = user_source_find(s, o->current_ssrc);
	if (current && current->index_delta != SLUICE_DELTA_RESYNC)
		current->index_delta++;
	return index;
}

int datapath_user_own(void *backend, uint32_t id, struct datapath_own *p)
{
	struct user *u = backend;
	struct user_stream *s = stream_of(u, id);
	struct sluice_transport *to = s ? transport_of(u, s->stream.to) : NULL;
	uint8_t packet[SLUICE_RTP_HEADER_LEN + DATAPATH_OWN_MAX +
		       SLUICE_SHA1_LEN + SLUICE_MKI_MAX];
	struct relay r = { .u = u, .data = packet, .to = to, .stream = s };
	uint64_t index, now = clock_ns();

	if (!to || p->len > DATAPATH_OWN_MAX)
		return -EINVAL;
	if (!(s->stream.flags & SLUICE_STREAM_ACTIVE) || !to->remote_port ||
	    key_of(u, to, to->tx_key, &r.tx))
		return -EAGAIN;
	if (p->is_first)
		p->timestamp = s->state.out.last_timestamp + (s->state.out.last_sent_ns ?
			sluice_clock_units(now - s->state.out.last_sent_ns,
					   s->stream.clock_hz) : 0);
	index = own_index(s);
	r.len = own_packet(s, p, index, packet);
	r.rtp.payload_off = SLUICE_RTP_HEADER_LEN;
	return relay_send(&r, index) ? -EIO : 0;
}
