/* SPDX-License-Identifier: Apache-2.0 */
/* The signalling thread's view: ids, ports and credentials; orders by queue. */
#include "media/media.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/random.h"
#include "media/session.h"

#define PASSWORD_LEN	32	/* RFC 8839 5.4: at least 22; 192 bits */
#define CNAME_LEN	16	/* RFC 7022 4.2 */

struct media {
	struct media_settings settings;	/* strings are not valid here */
	struct identity identity;
	struct dtls_context *dtls;
	struct ports *ports;
	struct tickets *tickets;
	struct worker *worker;
	bool *is_claimed;	/* by index of worker->adopted */
};

static void media_free(struct media *m, bool keep)
{
	worker_free(m->worker, keep);
	free(m->is_claimed);
	tickets_free(m->tickets);
	ports_free(m->ports);
	dtls_context_free(m->dtls);
	identity_clear(&m->identity);
	free(m);
}

static int setup(struct media *m, const struct media_settings *s,
		 struct queue *events)
{
	int err;

	err = identity_load(s->certificate, s->private_key, &s->web_public,
			    &m->identity);
	if (err)
		return err;
	err = dtls_context_create(&m->identity, s->srtp_profiles, &m->dtls);
	if (err) {
		log_err("%s: cannot be used for DTLS: %s", s->certificate,
			strerror(-err));
		return err;
	}
	err = ports_create(&s->sip, s->rtp_port_min, s->rtp_port_max,
			   &m->ports);
	if (err) {
		log_err("RTP ports %u-%u: %s", s->rtp_port_min,
			s->rtp_port_max, strerror(-err));
		return err;
	}
	err = tickets_create(&m->tickets);
	if (err)
		return err;
	err = worker_create(s, m->ports, m->tickets, m->dtls, events,
			    &m->worker);
	if (err)
		return err;
	m->is_claimed = calloc(m->worker->adopted_count + 1, sizeof(bool));
	return m->is_claimed ? worker_start(m->worker) : -ENOMEM;
}

int media_start(const struct media_settings *settings, struct queue *events,
		struct media **ret)
{
	struct media *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->settings = *settings;
	err = setup(m, settings, events);
	if (err) {
		media_free(m, true);
		return err;
	}
	*ret = m;
	return 0;
}

void media_stop(struct media *m, bool keep)
{
	if (m)
		media_free(m, keep);
}

/* ---- what an earlier run left ------------------------------------------- */

void media_adoption(const struct media *m, struct media_adoption *ret)
{
	struct datapath_adoption a;

	datapath_adoption(m->worker->dp, &a);
	*ret = (struct media_adoption){ .is_adopted = a.is_adopted,
					.orphans = a.orphans,
					.absent_ms = a.absent_ms,
					.at_ms = m->worker->adopted_ms };
	for (uint32_t i = 0; i < m->worker->adopted_count; i++)
		if (m->worker->adopted[i].lost[0])
			ret->lost++;
		else
			ret->sessions++;
}

int media_adopt(struct media *m, uint32_t id, struct media_local *ret,
		const char **ret_lost)
{
	const struct worker *w = m->worker;
	struct ticket ticket;
	int err;

	for (uint32_t i = 0; i < w->adopted_count; i++) {
		if (w->adopted[i].id != id)
			continue;
		if (w->adopted[i].lost[0]) {
			*ret_lost = w->adopted[i].lost;
			return -ESTALE;
		}
		err = tickets_get(m->tickets, id, &ticket);
		if (err)
			return -ENOENT;
		m->is_claimed[i] = true;
		*ret = ticket.local;
		explicit_bzero(&ticket, sizeof(ticket));
		return 0;
	}
	return -ENOENT;
}

void media_adopt_done(struct media *m)
{
	const struct worker *w = m->worker;
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->adopted_count; i++) {
		if (m->is_claimed[i] || w->adopted[i].lost[0])
			continue;
		media_close(m, w->adopted[i].id);
		m->is_claimed[i] = true;
		n++;
	}
	if (n)
		log_warn("media: %u sessions belong to no call, closed", n);
}

/* ---- orders ------------------------------------------------------------ */

static int post(struct media *m, uint32_t type, const void *data, size_t len)
{
	struct message *msg = message_new(type, len);
	int err;

	if (!msg)
		return -ENOMEM;
	memcpy(msg->data, data, len);
	err = queue_push(m->worker->commands, msg);
	if (err)
		message_free(msg);
	return err;
}

/* Never 0, and different from the others of this session (RFC 3550 8.1). */
static uint32_t fresh_ssrc(const struct media_local *l, uint32_t count)
{
	for (;;) {
		uint32_t ssrc = random_u32();
		bool is_used = !ssrc;

		for (uint32_t i = 0; i <= count && i < MEDIA_STREAMS; i++)
			if (l->web_ssrc[i] == ssrc || l->sip_ssrc[i] == ssrc)
				is_used = true;
		if (!is_used)
			return ssrc;
	}
}

static void give_ports(struct media *m, struct worker_open *o, uint32_t end)
{
	for (uint32_t i = o->first_stream; i < end; i++)
		ports_give(m->ports, &o->ports[i]);
}

/* Ports and SSRCs of the m-lines first_stream..stream_count-1. */
static int take_streams(struct media *m, struct worker_open *o,
			bool rtcp_ports)
{
	for (uint32_t i = o->first_stream; i < o->stream_count; i++) {
		int err = ports_take(m->ports, rtcp_ports, &o->ports[i]);

		if (err) {
			give_ports(m, o, i);
			return err;
		}
		o->local.sip[i] = m->settings.sip;
		o->local.sip[i].port = o->ports[i].rtp;
		o->local.web_ssrc[i] = fresh_ssrc(&o->local, i);
		o->local.sip_ssrc[i] = fresh_ssrc(&o->local, i);
	}
	return 0;
}

static void fresh_credentials(struct media_local *l)
{
	random_ice_chars(l->ufrag, SLUICE_UFRAG_LEN);
	random_ice_chars(l->password, PASSWORD_LEN);
}

static void local_fill(struct media *m, struct media_local *l)
{
	l->web = m->settings.web_public;
	if (!addr_is_set(&l->web))
		l->web = m->settings.web;
	fresh_credentials(l);
	random_token(l->cname, CNAME_LEN);
	memcpy(l->fingerprint, m->identity.fingerprint,
	       sizeof(l->fingerprint));
}

int media_open(struct media *m, const struct media_open *open,
	       struct media_local *ret)
{
	struct worker_open o = { .stream_count = open->stream_count };
	struct ticket ticket = { .rtcp_ports = open->rtcp_ports,
				 .is_secured = open->is_secured,
				 .stream_count = open->stream_count };
	int err;

	if (!open->stream_count || open->stream_count > MEDIA_STREAMS)
		return -EINVAL;
	memcpy(o.call, open->call, sizeof(o.call));
	local_fill(m, &o.local);
	err = take_streams(m, &o, open->rtcp_ports);
	if (err)
		return err;
	ticket.local = o.local;
	err = tickets_take(m->tickets, &ticket);
	if (!err) {
		o.local.id = ticket.local.id;
		err = post(m, WORKER_OPEN, &o, sizeof(o));
		if (err)
			tickets_release(m->tickets, o.local.id);
	}
	if (err)
		give_ports(m, &o, o.stream_count);
	else
		*ret = o.local;
	explicit_bzero(&o, sizeof(o));
	explicit_bzero(&ticket, sizeof(ticket));
	return err;
}

int media_extend(struct media *m, uint32_t id, uint32_t stream_count,
		 struct media_local *ret)
{
	struct worker_open o = { .stream_count = stream_count };
	struct ticket ticket, old;
	int err;

	if (!stream_count || stream_count > MEDIA_STREAMS)
		return -EINVAL;
	err = tickets_get(m->tickets, id, &ticket);
	if (err)
		return err;
	old = ticket;
	o.local = ticket.local;
	o.first_stream = ticket.stream_count;
	if (stream_count > ticket.stream_count) {
		err = take_streams(m, &o, ticket.rtcp_ports);
		if (err)
			return err;
		ticket.local = o.local;
		ticket.stream_count = stream_count;
		err = tickets_update(m->tickets, &ticket);
		if (!err) {
			err = post(m, WORKER_EXTEND, &o, sizeof(o));
			if (err)
				tickets_update(m->tickets, &old);
		}
		if (err)
			give_ports(m, &o, stream_count);
	}
	if (!err)
		*ret = o.local;
	explicit_bzero(&o, sizeof(o));
	explicit_bzero(&ticket, sizeof(ticket));
	explicit_bzero(&old, sizeof(old));
	return err;
}

int media_restart_ice(struct media *m, uint32_t id, struct media_local *ret)
{
	struct worker_credentials c = { .id = id };
	struct ticket ticket;
	int err = tickets_get(m->tickets, id, &ticket);

	if (err)
		return err;
	fresh_credentials(&ticket.local);
	memcpy(c.ufrag, ticket.local.ufrag, sizeof(c.ufrag));
	memcpy(c.password, ticket.local.password, sizeof(c.password));
	err = post(m, WORKER_CREDENTIALS, &c, sizeof(c));
	if (!err) {
		tickets_update(m->tickets, &ticket);
		*ret = ticket.local;
	}
	explicit_bzero(&c, sizeof(c));
	explicit_bzero(&ticket, sizeof(ticket));
	return err;
}

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool is_sane(const struct media_config *c)
{
	if (c->stream_count > MEDIA_STREAMS ||
	    c->fingerprint_len > sizeof(c->fingerprint) ||
	    !is_terminated(c->remote_ufrag, sizeof(c->remote_ufrag)) ||
	    !is_terminated(c->fingerprint_hash, sizeof(c->fingerprint_hash)))
		return false;
	for (uint32_t i = 0; i < c->stream_count; i++)
		if (c->stream[i].payload_count > MEDIA_PAYLOADS)
			return false;
	return true;
}

int media_configure(struct media *m, uint32_t id,
		    const struct media_config *config)
{
	struct worker_configure c = { .id = id, .config = *config };
	struct ticket ticket;
	int err = tickets_get(m->tickets, id, &ticket);

	explicit_bzero(&ticket, sizeof(ticket));
	if (!err)
		err = is_sane(config) ? 0 : -EINVAL;
	if (!err)
		err = post(m, WORKER_CONFIGURE, &c, sizeof(c));
	explicit_bzero(&c, sizeof(c));
	return err;
}

int media_move(struct media *m, uint32_t id, enum datapath_backend to)
{
	struct worker_move move = { .id = id, .to = to };
	struct ticket ticket;
	int err = tickets_get(m->tickets, id, &ticket);

	explicit_bzero(&ticket, sizeof(ticket));
	if (err)
		return err;
	/* The kernel path is preferred wherever it is open. */
	if (to == DATAPATH_XDP &&
	    datapath_preferred(m->worker->dp) != DATAPATH_XDP)
		return -EOPNOTSUPP;
	return post(m, WORKER_MOVE, &move, sizeof(move));
}

int media_detach(struct media *m, bool moves, struct media_kernel *ret)
{
	struct worker_kernel order = { .moves = moves };

	return worker_order(m->worker, WORKER_DETACH, &order, ret);
}

/* Loading takes its time, in which media must go on: not over there. */
int media_attach(struct media *m, bool moves, struct media_kernel *ret)
{
	struct worker_kernel order = { .moves = moves };
	struct datapath *dp = m->worker->dp;
	int err;

	memset(ret, 0, sizeof(*ret));
	if (datapath_preferred(dp) != DATAPATH_XDP) {
		err = datapath_prepare(dp, &order.backend, order.reason,
				       sizeof(order.reason));
		if (err) {
			memcpy(ret->reason, order.reason, sizeof(ret->reason));
			return err;
		}
	}
	return worker_order(m->worker, WORKER_ATTACH, &order, ret);
}

static bool is_open(struct media *m, uint32_t id)
{
	struct ticket ticket;
	int err = tickets_get(m->tickets, id, &ticket);

	explicit_bzero(&ticket, sizeof(ticket));
	return !err;
}

int media_digit(struct media *m, uint32_t id, enum media_side to,
		uint8_t event, uint32_t duration_ms)
{
	struct worker_digit d = { id, to, event, duration_ms };

	return is_open(m, id) ? post(m, WORKER_DIGIT, &d, sizeof(d)) : -EINVAL;
}

int media_picture(struct media *m, uint32_t id)
{
	struct worker_close p = { .id = id };

	return is_open(m, id) ? post(m, WORKER_PICTURE, &p, sizeof(p)) :
				-EINVAL;
}

void media_close(struct media *m, uint32_t id)
{
	struct worker_close c = { .id = id };
	struct message *msg;

	if (tickets_close(m->tickets, id))
		return;
	msg = message_new(WORKER_CLOSE, sizeof(c));
	if (!msg) {
		log_err("media: out of memory, session %u stays open", id);
		return;
	}
	memcpy(msg->data, &c, sizeof(c));
	queue_push_always(m->worker->commands, msg);
}

/* ---- readers ----------------------------------------------------------- */

void media_totals(struct media *m, struct datapath_totals ret[DATAPATH_BACKENDS])
{
	pthread_mutex_lock(&m->worker->totals_lock);
	memcpy(ret, m->worker->totals, sizeof(m->worker->totals));
	pthread_mutex_unlock(&m->worker->totals_lock);
}

void media_usage(struct media *m, struct media_usage *ret)
{
	pthread_mutex_lock(&m->worker->totals_lock);
	ret->datapath = m->worker->usage;
	ret->lacking_flows = m->worker->lacking_flows;
	pthread_mutex_unlock(&m->worker->totals_lock);
	ret->sessions = tickets_used(m->tickets);
	ret->rtp_ports = ports_taken(m->ports, &ret->rtp_port_limit);
}

const struct datapath *media_datapath(const struct media *m)
{
	return m->worker->dp;
}
