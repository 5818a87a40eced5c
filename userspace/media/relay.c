/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session as keys, transports, streams and flows of the datapath. The
 * preferred backend is tried first; what it does not support moves the whole
 * session, with its stream states, to the user backend (move.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "lib/index.h"
#include "lib/stun.h"
#include "media/sdes.h"
#include "media/session.h"

#define DSCP_EF		46
#define TTL		64

static void no_payloads(struct sluice_transport *t)
{
	for (int i = 0; i < 128; i++)
		t->payload[i].stream = SLUICE_NO_STREAM;
}

static const struct media_stream_config *config_of(const struct session *s,
						   uint32_t i)
{
	static const struct media_stream_config none;

	return s->is_configured && i < s->config.stream_count ?
	       &s->config.stream[i] : &none;
}

static void egress(struct session *s, struct sluice_transport *t,
		   const struct addr *local, const struct addr *remote)
{
	t->generation = s->generation;
	t->local = datapath_addr(local);
	t->local_port = htons(local->port);
	t->dscp = DSCP_EF;
	t->ttl = TTL;
	if (!remote || !addr_is_set(remote) || !remote->port)
		return;
	t->remote = datapath_addr(remote);
	t->remote_port = htons(remote->port);
	t->flags |= SLUICE_TRANSPORT_READY;
}

static void build_web(struct session *s, struct sluice_transport *t)
{
	memset(t, 0, sizeof(*t));
	t->flags = SLUICE_TRANSPORT_WEB | SLUICE_TRANSPORT_RTCP_MUX;
	egress(s, t, &s->w->settings.web,
	       s->rx_key && s->selected ? &s->selected->remote : NULL);
	t->rx_key = s->rx_key;
	t->tx_key = s->tx_key;
	no_payloads(t);
	for (uint32_t i = 0; i < s->stream_count; i++) {
		const struct media_stream_config *c = config_of(s, i);

		t->streams[i] = s->stream[i].stream[TO_SIP];
		for (uint32_t n = 0; c->enabled && n < c->payload_count; n++) {
			const struct media_payload *p = &c->payload[n];

			if (p->web_rx != MEDIA_NO_PAYLOAD)
				t->payload[p->web_rx & 0x7f] =
					(struct sluice_payload){
						.stream = (uint8_t)i,
						.out_pt = p->sip_tx,
						.convert = p->to_sip,
						.ratio = p->ratio };
		}
	}
}

/* The RTCP port of a pair, if it is where RTP is. */
static void rtcp_egress(const struct session_stream *st,
			struct sluice_transport *t)
{
	if (t->flags & SLUICE_TRANSPORT_RTCP_MUX || st->rtcp.fd < 0)
		return;
	t->rtcp_local_port = htons(st->local.port + 1);
	if (addr_same_ip(&st->rtcp_remote, &st->remote))
		t->rtcp_remote_port = htons(st->rtcp_remote.port);
}

static void build_sip(struct session *s, uint32_t i,
		      struct sluice_transport *t)
{
	const struct media_stream_config *c = config_of(s, i);
	const struct session_stream *st = &s->stream[i];

	memset(t, 0, sizeof(*t));
	if (c->sip_rtcp_mux)
		t->flags |= SLUICE_TRANSPORT_RTCP_MUX;
	egress(s, t, &st->local, c->enabled ? &st->remote : NULL);
	rtcp_egress(st, t);
	if (st->crypt) {
		t->rx_key = st->crypt->rx_key;
		t->tx_key = st->crypt->tx_key;
	}
	no_payloads(t);
	t->streams[0] = st->stream[TO_WEB];
	for (uint32_t n = 0; c->enabled && n < c->payload_count; n++) {
		const struct media_payload *p = &c->payload[n];

		if (p->sip_rx != MEDIA_NO_PAYLOAD)
			t->payload[p->sip_rx & 0x7f] = (struct sluice_payload){
				.out_pt = p->web_tx, .convert = p->to_web,
				.ratio = p->ratio };
	}
}

static void build_stream(struct session *s, uint32_t i, int direction,
			 struct sluice_stream *st)
{
	const struct media_stream_config *c = config_of(s, i);
	uint32_t sip = s->stream[i].transport;

	memset(st, 0, sizeof(*st));
	if (c->enabled && (direction == TO_SIP ? c->web_to_sip :
						 c->sip_to_web))
		st->flags |= SLUICE_STREAM_ACTIVE;
	if (direction == TO_SIP ? c->extensions_to_sip : c->extensions_to_web)
		st->flags |= SLUICE_STREAM_EXTENSIONS;
	st->from = direction == TO_SIP ? s->web_transport : sip;
	st->to = direction == TO_SIP ? sip : s->web_transport;
	st->out_ssrc = direction == TO_SIP ? s->local.sip_ssrc[i] :
					     s->local.web_ssrc[i];
	st->clock_hz = c->payload_count ? c->payload[0].clock_hz : 8000;
	st->generation = s->generation;
	st->reverse = s->stream[i].stream[!direction];
	st->feedback = direction == TO_SIP ? c->sip_feedback : c->web_feedback;
	memcpy(st->cname, s->local.cname, sizeof(st->cname));
}

const char *relay_strerror(int err)
{
	return err == -ENOSPC || err == -E2BIG ?
		       "no room left, raise datapath_streams" : strerror(-err);
}

/* ---- keys -------------------------------------------------------------- */

static int key_set(struct session *s, uint32_t slot, struct sluice_key *key)
{
	key->generation = s->generation;
	return datapath_key_set(s->w->dp, s->backend, slot, key);
}

void relay_drop_key(struct session *s, uint32_t slot)
{
	if (!slot)
		return;
	/* where it was before the session moved as well */
	for (int b = 0; b < DATAPATH_BACKENDS; b++)
		datapath_key_set(s->w->dp, (enum datapath_backend)b, slot, NULL);
	datapath_key_release(s->w->dp, slot);
}

/* ---- the whole state --------------------------------------------------- */

int relay_install_stream(struct session *s, uint32_t i, int direction,
			 const struct datapath_stream_state *state)
{
	struct session_stream *st = &s->stream[i];
	struct sluice_stream value;
	int err;

	if (!st->stream[direction])
		return 0;
	build_stream(s, i, direction, &value);
	err = datapath_stream_set(s->w->dp, s->backend, st->stream[direction],
				  &value, state);
	if (!err)
		st->is_installed[direction] = true;
	return err;
}

/* A slot in use is never written again. */
static int install_sip_keys(struct session *s)
{
	int err = 0;

	for (uint32_t i = 0; i < s->stream_count && !err; i++) {
		struct sip_crypt *c = s->stream[i].crypt;

		if (!c || c->are_installed)
			continue;
		err = key_set(s, c->rx_key, &c->rx_keys);
		if (!err)
			err = key_set(s, c->tx_key, &c->tx_keys);
		c->are_installed = !err;
	}
	return err;
}

int relay_install_keys(struct session *s)
{
	int err = install_sip_keys(s);

	if (err || !s->rx_key || s->are_keys_installed)
		return err;
	err = key_set(s, s->rx_key, &s->rx_keys);
	if (!err)
		err = key_set(s, s->tx_key, &s->tx_keys);
	s->are_keys_installed = !err;
	return err;
}

int relay_install_transports(struct session *s)
{
	struct sluice_transport t;
	int err;

	build_web(s, &t);
	err = datapath_transport_set(s->w->dp, s->backend, s->web_transport,
				     &t);
	if (err)
		return err;
	s->is_web_installed = true;
	for (uint32_t i = 0; i < s->stream_count; i++) {
		build_sip(s, i, &t);
		err = datapath_transport_set(s->w->dp, s->backend,
					     s->stream[i].transport, &t);
		if (err)
			return err;
		s->stream[i].is_transport_installed = true;
	}
	return 0;
}

/* Streams before transports: a packet never meets a stream not there. */
static int apply(struct session *s)
{
	int err;

	s->generation++;
	err = relay_install_keys(s);
	for (uint32_t i = 0; !err && i < s->stream_count; i++)
		for (int d = 0; !err && d < DIRECTIONS; d++)
			err = relay_install_stream(s, i, d, NULL);
	return err ? err : relay_install_transports(s);
}

static void transports_remove(struct session *s)
{
	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct session_stream *st = &s->stream[i];

		if (st->is_transport_installed)
			datapath_transport_set(s->w->dp, s->backend,
					       st->transport, NULL);
		st->is_transport_installed = false;
	}
	if (s->is_web_installed)
		datapath_transport_set(s->w->dp, s->backend, s->web_transport,
				       NULL);
	s->is_web_installed = false;
}

/* Streams of m-lines that are in use for the first time. */
static int make_streams(struct session *s)
{
	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct session_stream *st = &s->stream[i];

		if (!config_of(s, i)->enabled)
			continue;
		for (int d = 0; d < DIRECTIONS; d++) {
			if (st->stream[d])
				continue;
			st->stream[d] = datapath_stream_alloc(s->w->dp);
			if (!st->stream[d])
				return -ENOSPC;
		}
	}
	return 0;
}

int relay_fall_back(struct session *s, int err)
{
	if (err != -EOPNOTSUPP || s->backend == DATAPATH_USER)
		return err;
	return relay_move(s, DATAPATH_USER, "not supported by the kernel path");
}

int relay_apply(struct session *s)
{
	int err = make_streams(s);

	if (!err)
		err = apply(s);
	if (err) {
		err = relay_fall_back(s, err);
		if (!err)
			err = apply(s);
	}
	return err;
}

static void streams_remove(struct session *s)
{
	for (uint32_t i = 0; i < s->stream_count; i++) {
		for (int d = 0; d < DIRECTIONS; d++) {
			struct session_stream *st = &s->stream[i];

			if (st->is_installed[d])
				datapath_stream_set(s->w->dp, s->backend,
						    st->stream[d], NULL, NULL);
			st->is_installed[d] = false;
		}
	}
}

/* ---- other keys -------------------------------------------------------- */

void relay_restart_out(struct datapath_stream_state *state)
{
	struct sluice_out_state *out = &state->media.out;

	out->next_index &= 0x7fff;
	memset(out->window, 0, sizeof(out->window));
	for (uint32_t k = 0; k < out->sources; k++)
		state->media.source[k].index_delta = SLUICE_DELTA_RESYNC;
}

void relay_restart_in(struct datapath_stream_state *state)
{
	struct sluice_state *media = &state->media;

	for (uint32_t k = 0; k < media->out.sources; k++)
		sluice_source_gone(media, &media->source[k]);
	media->out.sources = 0;
}

struct frozen {
	bool is_there;
	struct datapath_stream_state state;
};

/*
 * Of a stream the browser's key owns one half: the sources that arrive from
 * there, or the index space towards it. The other half belongs to the SIP
 * side, whose keys stay: an index that came back there would be used twice
 * with one key. When this returns, no packet is on its way that has the
 * browser's old key and could meet the new space.
 */
static int freeze(struct session *s, struct frozen all[][DIRECTIONS])
{
	for (uint32_t i = 0; i < s->stream_count; i++) {
		for (int d = 0; d < DIRECTIONS; d++) {
			struct session_stream *st = &s->stream[i];
			struct frozen *f = &all[i][d];
			int err;

			if (!st->is_installed[d])
				continue;
			err = datapath_stream_freeze(s->w->dp, s->backend,
						     st->stream[d], &f->state);
			if (err)
				return err;
			st->is_installed[d] = false;
			f->is_there = true;
			if (d == TO_WEB)
				relay_restart_out(&f->state);
			else
				relay_restart_in(&f->state);
		}
	}
	return 0;
}

static int thaw(struct session *s, struct frozen all[][DIRECTIONS])
{
	int err = 0;

	relay_stop_streams(s, s->backend);
	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct sip_crypt *c = s->stream[i].crypt;
		struct frozen *f = &all[i][TO_SIP];

		/* if it went to the user path meanwhile: the move did not see it */
		if (f->is_there && c && s->backend == DATAPATH_USER)
			srtcp_raise(c->srtcp, f->state.rtcp.next_index);
		for (int d = 0; d < DIRECTIONS && !err; d++)
			if (all[i][d].is_there)
				err = relay_install_stream(s, i, d,
							   &all[i][d].state);
	}
	return err;
}

int relay_rekey(struct session *s)
{
	struct frozen all[MEDIA_STREAMS][DIRECTIONS] = { 0 };
	uint32_t old_rx = s->rx_key, old_tx = s->tx_key;
	uint32_t rx = datapath_key_alloc(s->w->dp);
	uint32_t tx = datapath_key_alloc(s->w->dp);
	int err;

	if (!rx || !tx) {
		if (rx)
			datapath_key_release(s->w->dp, rx);
		return -ENOSPC;
	}
	err = old_rx ? freeze(s, all) : 0;
	datapath_peer_set(s->w->dp, s->backend, s->web_transport, NULL);
	s->rx_key = rx;
	s->tx_key = tx;
	s->are_keys_installed = false;
	/*
	 * The transports before the streams: an index space that begins anew
	 * must not meet the old key (RFC 3711 9.1).
	 */
	if (!err)
		err = relay_install_keys(s);
	if (!err)
		err = relay_install_transports(s);
	if (err)
		err = relay_fall_back(s, err);
	if (!err)
		err = thaw(s, all);
	if (!err)
		err = relay_apply(s);
	relay_drop_key(s, old_rx);
	relay_drop_key(s, old_tx);
	return err;
}

/* ---- flows ------------------------------------------------------------- */

static const char *way_out(int err)
{
	if (err == -ENOMEM)
		return "the host, or MemoryMax= of the unit, has too little memory";
	return err == -E2BIG || err == -ENOSPC ?
		       "all flows are in use, raise datapath_streams" : "";
}

/* Told once a call; the worker tries again every second. */
static void flow_failed(struct session *s, const struct addr *remote, int err)
{
	static struct log_limit limit;	/* media thread only */
	char text[ADDR_STRLEN];
	uint32_t more = 0;

	s->lacks_flows = true;
	if (s->is_lack_told)
		return;
	s->is_lack_told = true;
	if (!log_limit_pass(&limit, 5, &more))
		return;
	s->is_lack_logged = true;
	log_call_warn(s->call, "media: no flow for the packets of %s: %s: they "
		      "are dropped (no-flow, wrong-source) until there is one: %s",
		      addr_format(remote, text), strerror(-err), way_out(err));
	if (more)
		log_warn("media: and no flow for %u calls more", more);
}

void relay_web_flow(struct session *s, const struct addr *remote, bool is_there)
{
	struct sluice_flow_key key = datapath_flow_key(&s->w->settings.web,
						       remote);
	struct sluice_flow flow = {
		.transport = s->web_transport,
		.flags = SLUICE_FLOW_VERIFIED,
		.credential_generation = s->ours[s->newest].generation,
	};
	int err;

	if (s->selected && addr_equal(&s->selected->remote, remote))
		flow.flags |= SLUICE_FLOW_SELECTED;
	err = datapath_flow_set(s->w->dp, s->backend, &key,
				is_there ? &flow : NULL);
	if (err && is_there)
		flow_failed(s, remote, err);
}

static void sip_flow(struct session *s, struct session_stream *st, int which,
		     bool is_wanted, const struct addr *local,
		     struct addr remote, uint32_t flags)
{
	struct sip_flow *f = &st->flow[which];
	struct sluice_flow flow = { .transport = st->transport,
				    .flags = flags };
	struct sluice_flow_key key;
	int err;

	if (flags & SLUICE_FLOW_LEARN)
		remote.port = 0;
	else if (!remote.port)
		is_wanted = false;
	if (!addr_is_set(&remote))
		is_wanted = false;
	key = datapath_flow_key(local, &remote);
	if (f->is_set && (!is_wanted || memcmp(&f->key, &key, sizeof(key)))) {
		datapath_flow_set(s->w->dp, s->backend, &f->key, NULL);
		f->is_set = false;
	}
	if (!is_wanted)
		return;
	/* one backend may have it and the other not: it is to be removed */
	f->is_set = true;
	f->key = key;
	err = datapath_flow_set(s->w->dp, s->backend, &key, &flow);
	if (err)
		flow_failed(s, &remote, err);
}

void relay_sip_flows(struct session *s, uint32_t i)
{
	struct session_stream *st = &s->stream[i];
	bool is_on = config_of(s, i)->enabled;
	bool is_rtcp_on = is_on && st->rtcp.fd >= 0 &&
			  !config_of(s, i)->sip_rtcp_mux;
	struct addr rtcp = st->local;

	rtcp.port++;
	sip_flow(s, st, FLOW_RTP, is_on, &st->local, st->remote, 0);
	sip_flow(s, st, FLOW_RTP_ANY, is_on && st->is_learning, &st->local,
		 st->sdp_remote, SLUICE_FLOW_LEARN);
	sip_flow(s, st, FLOW_RTCP, is_rtcp_on, &rtcp, st->rtcp_remote,
		 SLUICE_FLOW_RTCP);
	sip_flow(s, st, FLOW_RTCP_ANY, is_rtcp_on && st->is_rtcp_learning,
		 &rtcp, st->rtcp_remote, SLUICE_FLOW_RTCP | SLUICE_FLOW_LEARN);
}

void relay_flows(struct session *s)
{
	s->lacks_flows = false;
	for (uint32_t i = 0; i < s->tuple_count; i++)
		relay_web_flow(s, &s->tuple[i]->remote, true);
	for (uint32_t i = 0; i < s->stream_count; i++)
		relay_sip_flows(s, i);
}

void relay_retry_flows(struct session *s)
{
	relay_flows(s);
	if (s->lacks_flows || !s->is_lack_logged)
		return;
	s->is_lack_logged = false;
	log_call_info(s->call, "media: it has all its flows now");
}

/* ---- life -------------------------------------------------------------- */

static int port_set(struct session *s, const struct addr *local,
		    uint16_t port, uint32_t kind, uint32_t transport)
{
	struct sluice_port_key key = { .local = datapath_addr(local),
				       .port = htons(port) };
	struct sluice_port value = { .kind = kind, .transport = transport };

	return datapath_port_set(s->w->dp, &key,
				 kind == SLUICE_PORT_NONE ? NULL : &value);
}

int relay_open(struct session *s)
{
	s->backend = datapath_preferred(s->w->dp);
	s->web_transport = datapath_transport_alloc(s->w->dp);
	if (!s->web_transport)
		return -ENOSPC;
	worker_own(s->w, s->web_transport, s);
	return datapath_peer_set(s->w->dp, s->backend, s->web_transport, NULL);
}

int relay_ufrag(struct session *s, const struct credentials *c, bool is_there)
{
	struct sluice_ufrag value = {
		.transport = s->web_transport,
		.credential_generation = c->generation,
	};
	struct sluice_ice_key password = { 0 };
	struct sluice_ufrag_key key;
	int err;

	memcpy(key.ufrag, c->entry.ufrag, SLUICE_UFRAG_LEN);
	if (!is_there)
		return datapath_ufrag_set(s->w->dp, &key, NULL, NULL);
	sluice_ice_key_expand(c->password, strlen(c->password), &password);
	err = datapath_ufrag_set(s->w->dp, &key, &value, &password);
	explicit_bzero(&password, sizeof(password));
	return err;
}

static int open_ports(struct session *s, const struct session_stream *st)
{
	int err = port_set(s, &st->local, st->local.port, SLUICE_PORT_SIP,
			   st->transport);

	if (!err && st->rtcp.fd >= 0)
		err = port_set(s, &st->local, st->local.port + 1,
			       SLUICE_PORT_SIP_RTCP, st->transport);
	return err;
}

int relay_open_stream(struct session *s, uint32_t i)
{
	struct session_stream *st = &s->stream[i];

	st->transport = datapath_transport_alloc(s->w->dp);
	if (!st->transport)
		return -ENOSPC;
	worker_own(s->w, st->transport, s);
	datapath_peer_set(s->w->dp, s->backend, st->transport, NULL);
	return open_ports(s, st);
}

int relay_announce(struct session *s)
{
	int err = 0;

	for (uint32_t i = 0; i < 2 && !err; i++)
		if (s->ours[i].generation)
			err = relay_ufrag(s, &s->ours[i], true);
	for (uint32_t i = 0; i < s->stream_count && !err; i++)
		err = open_ports(s, &s->stream[i]);
	relay_flows(s);
	return err;
}

void relay_peer(struct session *s, uint32_t transport, struct sluice_peer *ret)
{
	memset(ret, 0, sizeof(*ret));
	datapath_peer_get(s->w->dp, s->backend, transport, ret);
}

void relay_stats(struct session *s, uint32_t i, int direction,
		 struct datapath_stream_stats *ret)
{
	struct session_stream *st = &s->stream[i];

	memset(ret, 0, sizeof(*ret));
	if (st->is_installed[direction])
		datapath_stream_stats(s->w->dp, s->backend,
				      st->stream[direction], ret);
}

static void close_stream(struct session *s, struct session_stream *st)
{
	for (int f = 0; f < SIP_FLOWS; f++) {
		if (st->flow[f].is_set)
			datapath_flow_set(s->w->dp, s->backend,
					  &st->flow[f].key, NULL);
		st->flow[f].is_set = false;
	}
	port_set(s, &st->local, st->local.port, SLUICE_PORT_NONE, 0);
	if (st->rtcp.fd >= 0)
		port_set(s, &st->local, st->local.port + 1, SLUICE_PORT_NONE,
			 0);
	for (int d = 0; d < DIRECTIONS; d++)
		if (st->stream[d])
			datapath_stream_release(s->w->dp, st->stream[d]);
	if (!st->transport)
		return;
	datapath_peer_set(s->w->dp, s->backend, st->transport, NULL);
	worker_own(s->w, st->transport, NULL);
	datapath_transport_release(s->w->dp, st->transport);
}

/* Unlinked first (flows, transports), then streams, then keys. */
void relay_close(struct session *s)
{
	transports_remove(s);
	streams_remove(s);
	for (uint32_t i = 0; i < s->stream_count; i++) {
		sdes_close(s, i);
		close_stream(s, &s->stream[i]);
	}
	relay_drop_key(s, s->rx_key);
	relay_drop_key(s, s->tx_key);
	if (!s->web_transport)
		return;
	datapath_peer_set(s->w->dp, s->backend, s->web_transport, NULL);
	worker_own(s->w, s->web_transport, NULL);
	datapath_transport_release(s->w->dp, s->web_transport);
}
