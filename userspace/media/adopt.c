// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions of an earlier run. The store knows who they are, the kernel what
 * they do: where the two differ, the kernel is right, since a record may be
 * older than the last thing its daemon did. What does not come together is
 * lost, and so is what had no keys yet or was relayed by the daemon itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "media/saved.h"
#include "media/sdes.h"
#include "media/srtcp.h"
#include "store/store.h"

/* Whose transport it is; made for the walk over the flows. */
struct owner {
	struct session *session;
	uint32_t stream;	/* MEDIA_STREAMS: the browser's side */
	struct addr remote;	/* where its packets go; may be unset */
	bool is_torn;		/* its flows say otherwise */
};

struct adoption {
	struct worker *w;
	struct owner *owners;	/* by transport id */
	int err;
};

static struct addr addr_of(const struct sluice_addr *ip, __be16 port)
{
	struct addr a = { .port = ntohs(port) };

	memcpy(a.ip, ip->b, sizeof(a.ip));
	return a;
}

/* ---- one session ----------------------------------------------------------- */

static const char *claim_keys(struct session *s,
			      const struct sluice_transport *web)
{
	s->rx_key = web->rx_key;
	s->tx_key = web->tx_key;
	if (datapath_key_claim(s->w->dp, s->rx_key, &s->rx_keys) ||
	    datapath_key_claim(s->w->dp, s->tx_key, &s->tx_keys))
		return "its keys are not in the kernel";
	s->are_keys_installed = s->has_keys = true;
	/* The handshake's state is gone: only a new association is heard. */
	s->is_dtls_dead = true;
	if (srtcp_create(&s->rx_keys, &s->tx_keys, s->srtcp_ceiling,
			 &s->srtcp))
		return "out of memory";
	return NULL;
}

static const char *claim_web(struct session *s, uint32_t id,
			     struct addr *ret_remote)
{
	struct sluice_transport t;
	struct addr local;

	if (datapath_transport_claim(s->w->dp, id, &t))
		return "it is not in the kernel";
	s->web_transport = id;
	s->is_web_installed = true;
	s->generation = t.generation;
	*ret_remote = addr_of(&t.remote, t.remote_port);
	worker_own(s->w, id, s);
	local = addr_of(&t.local, t.local_port);
	if (!addr_equal(&local, &s->w->settings.web))
		return "the web address has changed";
	return claim_keys(s, &t);
}

static const char *claim_ports(struct session *s, uint32_t i, bool rtcp_ports)
{
	struct session_stream *st = &s->stream[i];
	struct worker *w = s->w;
	int err;

	if (!addr_same_ip(&st->local, &w->settings.sip))
		return "the SIP address has changed";
	err = ports_claim(w->ports, st->local.port, rtcp_ports, &st->ports);
	if (err)
		return err == -EINVAL ? "sip.rtp_ports has changed" :
					"its RTP ports are not free";
	st->rtp = (struct endpoint){ .kind = ENDPOINT_RTP,
				     .fd = st->ports.rtp_fd,
				     .session = s, .stream = i };
	st->rtcp = (struct endpoint){ .kind = ENDPOINT_RTCP,
				      .fd = st->ports.rtcp_fd,
				      .session = s, .stream = i };
	w->port_fd[st->local.port] = st->rtp.fd;
	w->port_fd[st->local.port + 1] = st->rtcp.fd;
	if (worker_watch(w, &st->rtp) ||
	    (st->rtcp.fd >= 0 && worker_watch(w, &st->rtcp)))
		return "its RTP ports cannot be watched";
	return NULL;
}

static const char *claim_stream(struct session *s, uint32_t i,
				const struct saved_ids *ids)
{
	struct session_stream *st = &s->stream[i];
	struct sluice_transport t;
	struct sluice_stream value;
	const char *lost = claim_ports(s, i, ids->rtcp_ports);

	if (lost)
		return lost;
	if (datapath_transport_claim(s->w->dp, ids->transport[i], &t))
		return "an m-line is not in the kernel";
	st->transport = ids->transport[i];
	st->is_transport_installed = true;
	worker_own(s->w, st->transport, s);
	if (sdes_claim(s, i, t.rx_key, t.tx_key))
		return "the keys of its SIP side are not in the kernel";
	if (t.remote_port)
		st->remote = addr_of(&t.remote, t.remote_port);
	for (int d = 0; d < DIRECTIONS; d++) {
		if (!ids->stream[i][d])
			continue;
		if (datapath_stream_claim(s->w->dp, ids->stream[i][d],
					  &value))
			return "a stream is not in the kernel";
		st->stream[d] = ids->stream[i][d];
		st->is_installed[d] = true;
	}
	return NULL;
}

/* Silence while nobody listened is nobody's fault. */
static void begin_anew(struct session *s)
{
	uint64_t now = clock_ms();

	s->web_alive_ms = now;
	s->dtls_started_ms = now;
	s->dtls_due_ms = UINT64_MAX;
	for (uint32_t i = 0; i < s->stream_count; i++) {
		s->stream[i].last_sip_ms = now;
		if (s->stream[i].active_since_ms)
			s->stream[i].active_since_ms = now;
	}
}

static const char *claim_all(struct session *s, const struct saved_ids *ids,
			     struct addr *ret_remote)
{
	struct ticket ticket = { .local = s->local,
				 .stream_count = s->stream_count,
				 .rtcp_ports = ids->rtcp_ports };
	const char *lost = NULL;

	if (ids->backend != DATAPATH_XDP)
		return "the daemon itself relayed it";
	if (datapath_preferred(s->w->dp) != DATAPATH_XDP)
		return "there is no kernel path any more";
	s->backend = DATAPATH_XDP;
	for (uint32_t i = 0; i < s->stream_count && !lost; i++)
		lost = claim_stream(s, i, ids);
	if (!lost)
		lost = claim_web(s, ids->web_transport, ret_remote);
	for (uint32_t i = 0; i < s->stream_count && !lost; i++)
		ticket.is_secured |= s->stream[i].crypt != NULL;
	if (!lost && ice_adopt_credentials(s))
		lost = "its ICE credentials cannot be set";
	if (!lost && tickets_claim(s->w->tickets, &ticket))
		lost = "its id is taken";
	explicit_bzero(&ticket, sizeof(ticket));
	return lost;
}

/*
 * NULL and the session, or why it is lost. ret_remote: where the web transport
 * sends to.
 */
static const char *adopt(struct worker *w, uint32_t id, const struct record *r,
			 struct session **ret, struct addr *ret_remote)
{
	struct session *s = calloc(1, sizeof(*s));
	struct saved_ids ids;
	const char *lost;

	if (!s)
		return "out of memory";
	s->w = w;
	for (uint32_t i = 0; i < MEDIA_STREAMS; i++)
		s->stream[i].ports = (struct port_pair){ .rtp_fd = -1,
							 .rtcp_fd = -1 };
	if (saved_unpack(r, id, s, &ids)) {
		free(s);
		return "its record is damaged";
	}
	lost = claim_all(s, &ids, ret_remote);
	if (lost) {
		*ret = s;
		return lost;
	}
	s->is_saved = true;
	begin_anew(s);
	w->session[ticket_slot(id)] = s;
	*ret = s;
	return NULL;
}

/* Half claimed: what it has goes the way of every session. */
static void drop(struct session *s)
{
	struct worker *w = s->w;

	association_leave(s);
	ice_close(s);
	for (uint32_t i = 0; i < s->stream_count; i++)
		if (s->stream[i].ports.rtp_fd < 0)
			s->stream_count = i;
	relay_close(s);
	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct session_stream *st = &s->stream[i];

		w->port_fd[st->local.port] = -1;
		w->port_fd[st->local.port + 1] = -1;
		ports_give(w->ports, &st->ports);
	}
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static void stored(void *arg, const char *name, const struct record *r)
{
	struct adoption *a = arg;
	struct worker *w = a->w;
	uint32_t id = (uint32_t)strtoul(name, NULL, 10);
	struct session *s = NULL;
	struct addr remote = { 0 };
	struct adopted *all;
	const char *lost;

	all = realloc(w->adopted, (w->adopted_count + 1) * sizeof(*all));
	if (!all || !id) {
		a->err = all ? a->err : -ENOMEM;
		w->adopted = all ? all : w->adopted;
		return;
	}
	w->adopted = all;
	all = &all[w->adopted_count++];
	*all = (struct adopted){ .id = id };
	lost = adopt(w, id, r, &s, &remote);
	if (!lost) {
		for (uint32_t i = 0; i < s->stream_count; i++)
			a->owners[s->stream[i].transport] = (struct owner){
				s, i, s->stream[i].remote, false };
		a->owners[s->web_transport] = (struct owner){
			s, MEDIA_STREAMS, remote, false };
		return;
	}
	snprintf(all->lost, sizeof(all->lost), "%s", lost);
	log_call_warn(s ? s->call : "", "media: session %u is lost: %s", id,
		      lost);
	store_delete(w->settings.store, STORE_MEDIA, name);
	if (s)
		drop(s);
}

/* ---- flows ----------------------------------------------------------------- */

static void sip_flow(struct owner *o, const struct sluice_flow_key *key,
		     const struct sluice_flow *flow)
{
	struct session_stream *st = &o->session->stream[o->stream];
	struct addr remote = addr_of(&key->remote, key->remote_port);
	bool is_rtcp = flow->flags & SLUICE_FLOW_RTCP;
	bool is_any = flow->flags & SLUICE_FLOW_LEARN;
	struct sip_flow *f = &st->flow[is_rtcp ?
		(is_any ? FLOW_RTCP_ANY : FLOW_RTCP) :
		(is_any ? FLOW_RTP_ANY : FLOW_RTP)];

	f->is_set = true;
	f->key = *key;
	if (is_any)
		return;
	if (is_rtcp) {
		st->rtcp_remote = remote;
		return;
	}
	o->is_torn |= !addr_equal(&remote, &o->remote);
	st->remote = remote;
	if (!addr_equal(&remote, &st->sdp_remote))
		st->is_learning = false;
}

static void web_flow(struct owner *o, const struct sluice_flow_key *key,
		     const struct sluice_flow *flow)
{
	struct addr remote = addr_of(&key->remote, key->remote_port);
	bool is_selected = flow->flags & SLUICE_FLOW_SELECTED;

	ice_adopt(o->session, &remote, is_selected);
	if (is_selected)
		o->is_torn |= !addr_equal(&remote, &o->remote);
}

static void flow_found(void *arg, const struct sluice_flow_key *key,
		       const struct sluice_flow *flow)
{
	struct adoption *a = arg;
	struct owner *o;

	if (flow->transport >= datapath_size(a->w->dp))
		return;
	o = &a->owners[flow->transport];
	if (!o->session)
		return;
	datapath_flow_claim(a->w->dp, key, flow);
	if (o->stream < MEDIA_STREAMS)
		sip_flow(o, key, flow);
	else
		web_flow(o, key, flow);
	/* on its way to or from the user path, with all it needs still here */
	o->is_torn |= !!(flow->flags & SLUICE_FLOW_USER);
}

/*
 * A daemon that died between two writes: flows are what it changed first, so
 * that the transports are to follow them.
 */
static void mend(struct session *s)
{
	int err = relay_apply(s);

	relay_flows(s);
	if (err)
		session_failed(s, "datapath: %s", relay_strerror(err));
	session_save(s);
	log_call_info(s->call, "media: a change that was cut short is brought to "
		      "its end");
}

static void mend_torn(struct adoption *a)
{
	for (uint32_t id = 1; id < datapath_size(a->w->dp); id++)
		if (a->owners[id].is_torn)
			mend(a->owners[id].session);
}

/* ---- all ------------------------------------------------------------------- */

static void report(const struct worker *w)
{
	struct datapath_adoption a;
	uint32_t lost = 0;

	for (uint32_t i = 0; i < w->adopted_count; i++)
		lost += w->adopted[i].lost[0] != '\0';
	datapath_adoption(w->dp, &a);
	if (!a.is_adopted && !w->adopted_count)
		return;
	log_info("media: adopted %u sessions after %llu ms, %u lost, %u "
		 "entries of nobody removed", w->adopted_count - lost,
		 (unsigned long long)a.absent_ms, lost, a.orphans);
}

int adopt_sessions(struct worker *w)
{
	struct adoption a = { .w = w };

	a.owners = calloc(datapath_size(w->dp), sizeof(*a.owners));
	if (!a.owners)
		return -ENOMEM;
	store_each(w->settings.store, STORE_MEDIA, stored, &a);
	datapath_flows(w->dp, flow_found, &a);
	if (!a.err)
		mend_torn(&a);
	free(a.owners);
	if (a.err)
		return a.err;
	datapath_settle(w->dp);
	w->adopted_ms = clock_ms();
	report(w);
	return 0;
}
