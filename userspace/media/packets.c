/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTP and RTCP on the daemon's sockets. RTP goes to the user backend, after
 * the SIP side's source was judged; RTCP is always translated here.
 */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "lib/classify.h"
#include "lib/rtp.h"
#include "media/rtcp.h"
#include "media/sdes.h"
#include "media/session.h"

/* ---- RTCP -------------------------------------------------------------- */

/* The m-line as a reporter on the side that `direction` leaves names it. */
static struct rtcp_map map_of(struct session *s, uint32_t i, int direction)
{
	struct datapath_stream_stats own, seen;
	bool to_sip = direction == TO_SIP;

	relay_stats(s, i, direction, &own);
	relay_stats(s, i, !direction, &seen);
	return (struct rtcp_map){
		.in_ssrc = own.in_ssrc,
		.out_ssrc = to_sip ? s->local.sip_ssrc[i] :
				     s->local.web_ssrc[i],
		.seen_ssrc = to_sip ? s->local.web_ssrc[i] :
				      s->local.sip_ssrc[i],
		.source_ssrc = seen.in_ssrc,
		.timestamp_delta = own.timestamp_delta,
		.seq_delta = seen.seq_delta,
		.cname = s->local.cname,
	};
}

static void rtcp_to_sip(struct session *s, uint32_t i, uint8_t *data,
			size_t len, size_t capacity)
{
	struct session_stream *st = &s->stream[i];
	struct addr local = st->local;

	if (st->crypt)
		session_reserve_srtcp(s, st->crypt->srtcp);
	if (st->crypt &&
	    srtcp_protect(st->crypt->srtcp, data, &len, capacity)) {
		worker_drop(s->w, SLUICE_DROP_INTERNAL);
		return;
	}
	if (s->config.stream[i].sip_rtcp_mux) {
		if (addr_is_set(&st->remote) && st->remote.port)
			worker_send(s->w, &local, &st->remote, data, len);
		return;
	}
	local.port++;
	if (st->rtcp.fd >= 0 && addr_is_set(&st->rtcp_remote) &&
	    st->rtcp_remote.port)
		worker_send(s->w, &local, &st->rtcp_remote, data, len);
}

static void web_rtcp(struct session *s, uint8_t *data, size_t len)
{
	struct rtcp_compound c;
	bool is_used = false;
	int drop;

	datapath_count(s->w->dp, SLUICE_COUNT_PASSED_RTCP);
	if (!s->has_keys) {
		worker_drop(s->w, SLUICE_DROP_NOT_READY);
		return;
	}
	drop = srtcp_unprotect(s->srtcp, data, &len);
	if (drop) {
		worker_drop(s->w, drop);
		return;
	}
	s->web_alive_ms = clock_ms();
	if (rtcp_parse(data, len, &c)) {
		worker_drop(s->w, SLUICE_DROP_RTCP);
		return;
	}
	for (uint32_t i = 0; i < s->config.stream_count; i++) {
		struct rtcp_map map = map_of(s, i, TO_SIP);
		uint8_t out[SLUICE_PACKET_MAX];
		size_t n;

		if (!s->config.stream[i].enabled)
			continue;
		n = rtcp_build(&c, &map, out,
			       sizeof(out) - SRTCP_TRAILER_MAX);
		if (!n)
			continue;
		is_used = true;
		rtcp_to_sip(s, i, out, n, sizeof(out));
	}
	if (!is_used)
		worker_drop(s->w, SLUICE_DROP_RTCP);
}

/* Decrypts it in place; false: dropped. */
static bool sip_rtcp_open(struct session *s, uint32_t i, uint8_t *data,
			  size_t *len, struct rtcp_compound *ret)
{
	struct sip_crypt *crypt = s->stream[i].crypt;
	int drop = 0;

	datapath_count(s->w->dp, SLUICE_COUNT_PASSED_RTCP);
	if (crypt)
		drop = srtcp_unprotect(crypt->srtcp, data, len);
	if (!drop && rtcp_parse(data, *len, ret))
		drop = SLUICE_DROP_RTCP;
	if (drop)
		worker_drop(s->w, drop);
	return !drop;
}

static void sip_rtcp(struct session *s, uint32_t i,
		     const struct rtcp_compound *c)
{
	uint8_t out[SLUICE_PACKET_MAX];
	struct rtcp_map map = map_of(s, i, TO_WEB);
	size_t n;

	s->stream[i].last_sip_ms = clock_ms();
	n = rtcp_build(c, &map, out, sizeof(out) - SRTCP_TRAILER_MAX);
	if (!n) {
		worker_drop(s->w, SLUICE_DROP_RTCP);
		return;
	}
	if (!s->has_keys || !s->selected) {
		worker_drop(s->w, SLUICE_DROP_NOT_READY);
		return;
	}
	session_reserve_srtcp(s, s->srtcp);
	if (srtcp_protect(s->srtcp, out, &n, sizeof(out))) {
		worker_drop(s->w, SLUICE_DROP_INTERNAL);
		return;
	}
	worker_send(s->w, &s->w->settings.web, &s->selected->remote, out, n);
}

void packets_ask_picture(struct session *s)
{
	for (uint32_t i = 0; i < s->config.stream_count; i++) {
		const struct rtcp_compound pli = {
			.feedback_count = 1,
			.feedback = { { .ssrc = s->local.sip_ssrc[i] } },
		};

		if (s->config.stream[i].enabled &&
		    !strcmp(s->config.stream[i].kind, "video"))
			sip_rtcp(s, i, &pli);
	}
}

/* ---- browser ----------------------------------------------------------- */

static void web_media(struct tuple *t, uint8_t *data, size_t len,
		      size_t capacity, enum sluice_class class)
{
	struct session *s = t->session;

	if (class == SLUICE_CLASS_RTCP) {
		web_rtcp(s, data, len);
		return;
	}
	if (datapath_user_input(s->w->dp, &s->w->settings.web, &t->remote,
				data, len, capacity))
		return;
	s->web_alive_ms = clock_ms();
	session_first_packet(s, MEDIA_SIDE_WEB, &t->remote);
}

void packets_web(struct worker *w, const struct addr *remote, uint8_t *data,
		 size_t len, size_t capacity)
{
	enum sluice_class class;
	struct tuple *t;

	if (len < 2) {
		worker_drop(w, SLUICE_DROP_SHORT);
		return;
	}
	class = sluice_classify(data[0], data[1]);
	if (class == SLUICE_CLASS_STUN) {
		ice_input(w, remote, data, len);
		return;
	}
	t = tuples_find(w->tuples, remote);
	switch (class) {
	case SLUICE_CLASS_DTLS:
		datapath_count(w->dp, SLUICE_COUNT_PASSED_DTLS);
		if (t)
			association_input(t, data, len);
		else
			worker_drop(w, SLUICE_DROP_DTLS_UNVERIFIED);
		break;
	case SLUICE_CLASS_RTP:
	case SLUICE_CLASS_RTCP:
		if (t)
			web_media(t, data, len, capacity, class);
		else
			worker_drop(w, SLUICE_DROP_NO_FLOW);
		break;
	default:
		worker_drop(w, t ? SLUICE_DROP_NOT_RTP : SLUICE_DROP_NO_FLOW);
	}
}

/* ---- SIP side ---------------------------------------------------------- */

static bool is_negotiated(const struct media_stream_config *c, uint8_t pt)
{
	for (uint32_t n = 0; n < c->payload_count; n++)
		if (c->payload[n].sip_rx == pt)
			return true;
	return false;
}

/*
 * A packet of the SDP's address from a port the SDP did not name. The first
 * valid one before any other was accepted moves the stream there; after that,
 * until the next SDP, nothing does. Returns 0 or the enum sluice_drop.
 */
static int learn(struct session *s, uint32_t i, const struct addr *remote,
		 const uint8_t *data, size_t len)
{
	struct session_stream *st = &s->stream[i];
	struct datapath_stream_stats stats;
	char text[ADDR_STRLEN];
	struct sluice_rtp rtp;

	if (!st->is_learning)
		return SLUICE_DROP_WRONG_SOURCE;
	relay_stats(s, i, TO_WEB, &stats);
	if (stats.received > st->learn_base)
		return SLUICE_DROP_WRONG_SOURCE;
	if (len > SLUICE_PACKET_MAX)
		return SLUICE_DROP_TOO_BIG;
	if (sluice_rtp_parse(data, (uint32_t)len, &rtp))
		return SLUICE_DROP_NOT_RTP;
	if (!is_negotiated(&s->config.stream[i], rtp.pt))
		return SLUICE_DROP_PAYLOAD_TYPE;
	if (st->crypt && !sdes_is_authentic(st->crypt, data, len, &rtp))
		return SLUICE_DROP_AUTH;
	st->is_learning = false;
	st->remote = *remote;
	log_call_debug(s->call, "media: SIP side sends from %s",
		       addr_format(remote, text));
	relay_sip_flows(s, i);
	if (relay_apply(s))
		return SLUICE_DROP_INTERNAL;
	session_save(s);
	return 0;
}

static void sip_rtp(struct session *s, uint32_t i, const struct addr *remote,
		    uint8_t *data, size_t len, size_t capacity)
{
	struct session_stream *st = &s->stream[i];
	int drop;

	if (!addr_equal(remote, &st->remote)) {
		drop = learn(s, i, remote, data, len);
		if (drop) {
			worker_drop(s->w, drop);
			return;
		}
	}
	if (datapath_user_input(s->w->dp, &st->local, remote, data, len,
				capacity))
		return;
	st->last_sip_ms = clock_ms();
	session_first_packet(s, MEDIA_SIDE_SIP, remote);
}

/* RTCP on its own port: the source port is learned like RTP's. */
static void sip_rtcp_port(struct session *s, uint32_t i,
			  const struct addr *remote, uint8_t *data, size_t len)
{
	struct session_stream *st = &s->stream[i];
	struct rtcp_compound c;

	if (!addr_equal(remote, &st->rtcp_remote) && !st->is_rtcp_learning) {
		worker_drop(s->w, SLUICE_DROP_WRONG_SOURCE);
		return;
	}
	if (!sip_rtcp_open(s, i, data, &len, &c))
		return;
	if (st->is_rtcp_learning) {
		st->is_rtcp_learning = false;
		st->rtcp_remote = *remote;
		relay_sip_flows(s, i);
		session_save(s);
	}
	sip_rtcp(s, i, &c);
}

void packets_sip(struct session *s, uint32_t i, bool is_rtcp_port,
		 const struct addr *remote, uint8_t *data, size_t len,
		 size_t capacity)
{
	const struct media_stream_config *c = &s->config.stream[i];
	struct session_stream *st = &s->stream[i];
	const struct addr *source = is_rtcp_port ? &st->rtcp_remote :
						   &st->sdp_remote;
	struct rtcp_compound compound;
	enum sluice_class class;

	if (len < 2) {
		worker_drop(s->w, SLUICE_DROP_SHORT);
		return;
	}
	class = sluice_classify(data[0], data[1]);
	if (!s->is_configured || i >= s->config.stream_count || !c->enabled) {
		worker_drop(s->w, SLUICE_DROP_NO_FLOW);
	} else if (!addr_is_set(source) || !addr_same_ip(remote, source)) {
		/* The kernel's order: whoever it is not, says nothing. */
		worker_drop(s->w, SLUICE_DROP_WRONG_SOURCE);
	} else if (class != SLUICE_CLASS_RTP && class != SLUICE_CLASS_RTCP) {
		worker_drop(s->w, SLUICE_DROP_NOT_RTP);
	} else if (is_rtcp_port) {
		if (class == SLUICE_CLASS_RTCP && !c->sip_rtcp_mux)
			sip_rtcp_port(s, i, remote, data, len);
		else
			worker_drop(s->w, SLUICE_DROP_RTCP);
	} else if (class == SLUICE_CLASS_RTP) {
		sip_rtp(s, i, remote, data, len, capacity);
	} else if (!c->sip_rtcp_mux) {
		worker_drop(s->w, SLUICE_DROP_RTCP);
	} else if (!addr_equal(remote, &st->remote)) {
		worker_drop(s->w, SLUICE_DROP_WRONG_SOURCE);
	} else if (sip_rtcp_open(s, i, data, &len, &compound)) {
		sip_rtcp(s, i, &compound);
	}
}
