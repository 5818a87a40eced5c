/* SPDX-License-Identifier: Apache-2.0 */
#include "media/session.h"

#include "media/sdes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"

#define PICTURE_MS	500	/* between two wishes that are told */

/* ---- messages ---------------------------------------------------------- */

static void vevent(struct session *s, enum media_message type,
		   enum media_side side, const struct addr *peer,
		   const char *fmt, va_list args)
{
	struct message *m = message_new(type, sizeof(struct media_event));
	struct media_event *e;

	if (!m)
		return;
	e = (struct media_event *)m->data;
	e->id = s->id;
	e->side = side;
	if (peer)
		e->peer = *peer;
	e->time_ms = clock_ms();
	vsnprintf(e->detail, sizeof(e->detail), fmt, args);
	queue_push_always(s->w->events, m);
}

void session_event(struct session *s, enum media_message type,
		   enum media_side side, const struct addr *peer,
		   const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vevent(s, type, side, peer, fmt, args);
	va_end(args);
}

void session_failed(struct session *s, const char *fmt, ...)
{
	va_list args;

	if (s->is_failed)
		return;
	s->is_failed = true;
	va_start(args, fmt);
	vevent(s, MEDIA_FAILED, MEDIA_SIDE_WEB, NULL, fmt, args);
	va_end(args);
}

static void first_packet(struct session *s, enum media_side side,
			 const struct addr *peer, uint64_t time_ms)
{
	if (s->first_ms[side])
		return;
	s->first_ms[side] = time_ms;
	session_event(s, MEDIA_FIRST_PACKET, side, peer, "%s", "");
}

void session_first_packet(struct session *s, enum media_side side,
			  const struct addr *peer)
{
	first_packet(s, side, peer, clock_ms());
}

static void kernel_event(struct session *s, enum media_side side,
			 const struct addr *peer, const struct sluice_event *e)
{
	if (e->type == SLUICE_EVENT_FIRST_PACKET)
		first_packet(s, side, peer, e->time_ns / 1000000);
	else if (e->type == SLUICE_EVENT_AUTH_BURST)
		session_event(s, MEDIA_FORGED, side, peer,
			      "%u packets a second and more do not "
			      "authenticate", e->value);
}

void session_kernel_event(struct session *s, const struct sluice_event *e)
{
	if (e->transport == s->web_transport) {
		kernel_event(s, MEDIA_SIDE_WEB,
			     s->selected ? &s->selected->remote : NULL, e);
		return;
	}
	for (uint32_t i = 0; i < s->stream_count; i++)
		if (e->transport == s->stream[i].transport)
			kernel_event(s, MEDIA_SIDE_SIP, &s->stream[i].remote, e);
}

static void lost(struct session *s, enum media_side side)
{
	const struct addr *peer = NULL;

	if (s->is_lost[side])
		return;
	s->is_lost[side] = true;
	if (side == MEDIA_SIDE_SIP)
		peer = &s->stream[0].remote;
	else if (s->selected)
		peer = &s->selected->remote;
	session_event(s, MEDIA_LOST, side, peer, "no packet for %u s",
		      (side == MEDIA_SIDE_SIP ? s->w->settings.sip_timeout_ms :
		       s->w->settings.web_timeout_ms) / 1000);
}

/* MEDIA_STATS or MEDIA_CLOSED; NULL if memory is out. */
static struct message *figures(struct session *s, enum media_message type)
{
	struct message *m = message_new(type, sizeof(struct media_figures));
	struct media_figures *f;

	if (!m)
		return NULL;
	f = (struct media_figures *)m->data;
	f->id = s->id;
	f->backend = s->backend;
	memcpy(f->backend_reason, s->backend_reason, sizeof(f->backend_reason));
	if (s->dtls_done_ms)
		snprintf(f->profile, sizeof(f->profile), "%s",
			 keys_profile_name((uint16_t)s->rx_keys.profile));
	if (s->selected)
		f->web_remote = s->selected->remote;
	f->ice_selected_ms = s->ice_selected_ms;
	f->dtls_done_ms = s->dtls_done_ms;
	f->first_web_ms = s->first_ms[MEDIA_SIDE_WEB];
	f->first_sip_ms = s->first_ms[MEDIA_SIDE_SIP];
	f->consent_checks = s->web_checks;
	f->web_alive_ms = s->web_alive_ms;
	f->stream_count = s->stream_count;
	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct media_stream_figures *sf = &f->stream[i];
		const struct media_stream_config *c = &s->config.stream[i];

		memcpy(sf->kind, c->kind, sizeof(sf->kind));
		memcpy(sf->codec, c->payload[0].name, sizeof(sf->codec));
		relay_stats(s, i, TO_SIP, &sf->web_to_sip);
		relay_stats(s, i, TO_WEB, &sf->sip_to_web);
		sf->may_web_to_sip = c->enabled && c->web_to_sip;
		sf->may_sip_to_web = c->enabled && c->sip_to_web;
		sf->sip_local = s->stream[i].local;
		sf->sip_remote = s->stream[i].remote;
	}
	return m;
}

void session_picture_wanted(struct session *s)
{
	uint64_t now = clock_ms();

	/* Browsers ask again and again until the picture comes. */
	if (s->picture_told_ms && now - s->picture_told_ms < PICTURE_MS)
		return;
	s->picture_told_ms = now;
	session_event(s, MEDIA_PICTURE, MEDIA_SIDE_WEB, NULL, "%s", "");
}

/* A reader that is late gets the next ones in a second. */
static void tell_figures(struct session *s)
{
	struct message *m = figures(s, MEDIA_STATS);

	if (m && queue_push(s->w->events, m))
		message_free(m);
}

/* ---- life -------------------------------------------------------------- */

static int add_stream(struct session *s, const struct worker_open *open,
		      uint32_t i)
{
	struct session_stream *st = &s->stream[i];
	int err;

	st->ports = open->ports[i];
	st->local = open->local.sip[i];
	st->rtp = (struct endpoint){ .kind = ENDPOINT_RTP,
				     .fd = st->ports.rtp_fd,
				     .session = s, .stream = i };
	st->rtcp = (struct endpoint){ .kind = ENDPOINT_RTCP,
				      .fd = st->ports.rtcp_fd,
				      .session = s, .stream = i };
	s->stream_count = i + 1;
	s->w->port_fd[st->local.port] = st->rtp.fd;
	s->w->port_fd[st->local.port + 1] = st->rtcp.fd;
	err = relay_open_stream(s, i);
	if (!err)
		err = worker_watch(s->w, &st->rtp);
	if (!err && st->rtcp.fd >= 0)
		err = worker_watch(s->w, &st->rtcp);
	return err;
}

int session_extend(struct session *s, const struct worker_open *open)
{
	int err = 0;

	s->local = open->local;
	/* All of them, so that every port is known and given back. */
	for (uint32_t i = open->first_stream; i < open->stream_count; i++) {
		int e = add_stream(s, open, i);

		if (e && !err)
			err = e;
	}
	if (err)
		session_failed(s, "datapath: %s", relay_strerror(err));
	session_save(s);
	return err;
}

int session_open(struct worker *w, const struct worker_open *open)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->w = w;
	s->id = open->local.id;
	memcpy(s->call, open->call, sizeof(s->call));
	s->call[sizeof(s->call) - 1] = '\0';
	s->local = open->local;
	s->dtls_due_ms = UINT64_MAX;
	w->session[ticket_slot(s->id)] = s;
	err = relay_open(s);
	if (!err)
		err = ice_restart(s, s->local.ufrag, s->local.password);
	if (err)
		session_failed(s, "datapath: %s", relay_strerror(err));
	session_extend(s, open);
	return 0;
}

/* Its sockets, and itself. */
static void session_free(struct session *s)
{
	struct worker *w = s->w;

	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct session_stream *st = &s->stream[i];

		worker_unwatch(w, &st->rtp);
		if (st->rtcp.fd >= 0)
			worker_unwatch(w, &st->rtcp);
		w->port_fd[st->local.port] = -1;
		w->port_fd[st->local.port + 1] = -1;
		ports_give(w->ports, &st->ports);
	}
	sdes_leave(s);
	digits_close(s);
	w->session[ticket_slot(s->id)] = NULL;
	explicit_bzero(s, sizeof(*s));
	free(s);
}

void session_leave(struct session *s)
{
	digits_end(s);
	association_leave(s);
	ice_leave(s);
	session_free(s);
}

void session_close(struct session *s)
{
	struct worker *w = s->w;
	struct message *last = figures(s, MEDIA_CLOSED);
	uint32_t id = s->id;

	session_unsave(s);
	association_close(s);
	ice_forget(s);
	ice_close(s);
	relay_close(s);
	session_free(s);
	tickets_release(w->tickets, id);
	/* Its ports and its id are free when this is read. */
	if (last)
		queue_push_always(w->events, last);
}

/* ---- configuration ----------------------------------------------------- */

struct addr session_rtcp_of(const struct media_stream_config *c)
{
	struct addr rtcp = c->sip_remote;

	if (addr_is_set(&c->sip_remote_rtcp))
		return c->sip_remote_rtcp;
	rtcp.port += rtcp.port != 0;
	return rtcp;
}

static void configure_stream(struct session *s, uint32_t i)
{
	const struct media_stream_config *c = &s->config.stream[i];
	struct session_stream *st = &s->stream[i];
	struct datapath_stream_stats stats;
	struct sluice_peer peer;
	bool is_active = c->enabled && c->sip_to_web;
	struct addr rtcp;

	/* A held address (0.0.0.0) or port 0 is nowhere to send to. */
	if (!addr_equal(&st->sdp_remote, &c->sip_remote))
		st->remote = c->sip_remote;
	st->sdp_remote = c->sip_remote;
	st->is_learning = c->enabled && addr_is_set(&c->sip_remote);
	relay_stats(s, i, TO_WEB, &stats);
	st->learn_base = stats.received;

	rtcp = session_rtcp_of(c);
	if (!addr_equal(&st->sdp_rtcp, &rtcp))
		st->rtcp_remote = rtcp;
	st->sdp_rtcp = rtcp;
	st->is_rtcp_learning = st->is_learning;
	relay_peer(s, st->transport, &peer);
	st->rtcp_learn_base = peer.rtcp_packets;

	if (!is_active)
		st->active_since_ms = 0;
	else if (!st->active_since_ms)
		st->active_since_ms = clock_ms();
}

void session_configure(struct session *s, const struct media_config *config)
{
	int err = 0;

	if (s->config.has_web &&
	    strcmp(s->config.remote_ufrag, config->remote_ufrag))
		memcpy(s->previous_ufrag, s->config.remote_ufrag,
		       sizeof(s->previous_ufrag));
	s->config = *config;
	if (s->config.stream_count > s->stream_count)
		s->config.stream_count = s->stream_count;
	s->is_configured = true;
	for (uint32_t i = 0; i < s->config.stream_count; i++)
		configure_stream(s, i);
	for (uint32_t i = 0; i < s->config.stream_count && !err; i++)
		err = sdes_configure(s, i);
	if (!err)
		err = relay_apply(s);
	if (err) {
		session_failed(s, "datapath: %s", relay_strerror(err));
		return;
	}
	for (uint32_t i = 0; i < s->stream_count; i++)
		relay_sip_flows(s, i);
	association_configured(s);
	session_save(s);
	/* Else a call is shown without its codec for up to a second. */
	tell_figures(s);
}

void session_restart_ice(struct session *s, const char *ufrag,
			 const char *password)
{
	int err = ice_restart(s, ufrag, password);

	if (err)
		session_failed(s, "datapath: %s", relay_strerror(err));
	session_save(s);
}

/* The operator's order; what came of it is told at once. */
void session_move(struct session *s, enum datapath_backend to)
{
	const char *reason = to == datapath_preferred(s->w->dp) ? "" :
			     "moved by the operator";
	int err = relay_move(s, to, reason);

	if (err)
		log_call_warn(s->call, "media: cannot be moved: %s",
			      strerror(-err));
	session_moved(s);
}

void session_moved(struct session *s)
{
	session_save(s);
	tell_figures(s);
}

/* ---- once a second ----------------------------------------------------- */

/* RTCP that the kernel carried; its source port is learned with the first. */
static void sip_rtcp_heard(struct session *s, struct session_stream *st)
{
	struct sluice_peer peer;

	relay_peer(s, st->transport, &peer);
	if (peer.last_rtcp_ns / 1000000 > st->last_sip_ms)
		st->last_sip_ms = peer.last_rtcp_ns / 1000000;
	if (!st->is_rtcp_learning || peer.rtcp_packets <= st->rtcp_learn_base)
		return;
	st->is_rtcp_learning = false;
	relay_sip_flows(s, (uint32_t)(st - s->stream));
	session_save(s);
}

static void sip_tick(struct session *s, uint64_t now_ms)
{
	uint64_t newest = 0;
	bool is_active = false;

	for (uint32_t i = 0; i < s->config.stream_count; i++) {
		struct session_stream *st = &s->stream[i];
		struct datapath_stream_stats stats;
		uint64_t seen;

		sip_rtcp_heard(s, st);
		relay_stats(s, i, TO_WEB, &stats);
		if (stats.received > st->learn_base && st->is_learning) {
			st->is_learning = false;
			relay_sip_flows(s, i);
			session_save(s);
		}
		/* The kernel's first packet is heard of here only. */
		if (stats.received)
			session_first_packet(s, MEDIA_SIDE_SIP, &st->remote);
		seen = stats.last_seen_ns / 1000000;
		if (st->last_sip_ms > seen)
			seen = st->last_sip_ms;
		if (st->active_since_ms > seen)
			seen = st->active_since_ms;
		if (st->active_since_ms) {
			is_active = true;
			if (seen > newest)
				newest = seen;
		}
	}
	if (!is_active || !s->has_keys || !s->w->settings.sip_timeout_ms)
		return;
	if (now_ms > newest &&
	    now_ms - newest >= s->w->settings.sip_timeout_ms)
		lost(s, MEDIA_SIDE_SIP);
	else
		/* While it rang, its silence ended nothing. */
		s->is_lost[MEDIA_SIDE_SIP] = false;
}

static void web_tick(struct session *s, uint64_t now_ms)
{
	struct sluice_peer peer;

	/* Consent (RFC 7675) and RTCP, where the kernel answers and carries. */
	relay_peer(s, s->web_transport, &peer);
	if (peer.last_check_ns / 1000000 > s->web_alive_ms)
		s->web_alive_ms = peer.last_check_ns / 1000000;
	if (peer.last_rtcp_ns / 1000000 > s->web_alive_ms)
		s->web_alive_ms = peer.last_rtcp_ns / 1000000;
	s->web_checks = peer.checks;
	for (uint32_t i = 0; i < s->config.stream_count; i++) {
		struct datapath_stream_stats stats;
		uint64_t seen;

		relay_stats(s, i, TO_SIP, &stats);
		seen = stats.last_seen_ns / 1000000;
		if (seen > s->web_alive_ms)
			s->web_alive_ms = seen;
		if (stats.received)
			session_first_packet(s, MEDIA_SIDE_WEB, s->selected ?
					     &s->selected->remote : NULL);
	}
	/* Before the first check the other side may still be ringing. */
	if (s->config.has_web && s->web_alive_ms &&
	    now_ms > s->web_alive_ms &&
	    now_ms - s->web_alive_ms >= s->w->settings.web_timeout_ms)
		lost(s, MEDIA_SIDE_WEB);
}

void session_tick(struct session *s, uint64_t now_ms)
{
	association_tick(s, now_ms);
	if (s->is_configured) {
		sip_tick(s, now_ms);
		web_tick(s, now_ms);
	}
	tell_figures(s);
}
