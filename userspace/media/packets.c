/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTP and RTCP on the daemon's sockets. RTP goes to the user backend, after
 * the SIP side's source was judged; RTCP is translated here as the XDP program
 * does it.
 */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "lib/classify.h"
#include "lib/rtcp.h"
#include "lib/rtp.h"
#include "media/sdes.h"
#include "media/session.h"

/* ---- RTCP -------------------------------------------------------------- */

/* The m-line as a reporter on the side that `direction` leaves names it. */
static void line_of(struct session *s, uint32_t i, int direction,
		    struct sluice_rtcp_line *ret)
{
	const struct media_stream_config *c = &s->config.stream[i];
	struct datapath_stream_stats own, seen;
	bool to_sip = direction == TO_SIP;

	relay_stats(s, i, direction, &own);
	relay_stats(s, i, !direction, &seen);
	*ret = (struct sluice_rtcp_line){
		.in_ssrc = own.in_ssrc,
		.out_ssrc = to_sip ? s->local.sip_ssrc[i] :
				     s->local.web_ssrc[i],
		.seen_ssrc = to_sip ? s->local.web_ssrc[i] :
				      s->local.sip_ssrc[i],
		.source_ssrc = seen.in_ssrc,
		.timestamp_delta = own.timestamp_delta,
		.seq_delta = seen.seq_delta,
		.feedback = to_sip ? c->sip_feedback : c->web_feedback,
	};
	memcpy(ret->cname, s->local.cname, sizeof(ret->cname));
}

/*
 * The compound for one of the lines it concerns; 0, or -SLUICE_DROP_x. An
 * out_len of 0: all of it was told elsewhere.
 */
static int rtcp_for(struct session *s, struct sluice_rtcp *r, uint32_t i,
		    const uint8_t *data, uint8_t *out)
{
	int err;

	r->map = r->line[i];
	err = sluice_rtcp_write(r, data, out);
	if (r->is_wanted)
		session_picture_wanted(s);
	if (err && r->is_wanted) {
		datapath_count(s->w->dp, SLUICE_COUNT_REPORTED);
		r->out_len = 0;
		return 0;
	}
	if (!err && r->left_out)
		datapath_count(s->w->dp, SLUICE_COUNT_RTCP_LEFT_OUT);
	return err;
}

static void rtcp_to_sip(struct session *s, uint32_t i, uint8_t *data,
			size_t len, size_t capacity)
{
	struct session_stream *st = &s->stream[i];
	struct addr local = st->local;

	/* only one counts SRTCP's indices: the path's owner */
	if (st->crypt && s->backend != DATAPATH_USER) {
		worker_drop(s->w, SLUICE_DROP_NOT_READY);
		return;
	}
	if (st->crypt)
		session_reserve_srtcp(s, st->crypt->srtcp);
	if (st->crypt &&
	    srtcp_protect(st->crypt->srtcp, data, &len, capacity)) {
		worker_drop(s->w, SLUICE_DROP_INTERNAL);
		return;
	}
	datapath_count(s->w->dp, SLUICE_COUNT_RTCP_WEB);
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

/*
 * In the kernel's path only what concerns several m-lines comes here, and it
 * is accepted already; in the user path everything.
 */
static void web_rtcp(struct session *s, uint8_t *data, size_t len)
{
	struct sluice_rtcp r = { .line_count = s->config.stream_count };
	uint8_t out[SLUICE_RTCP_OUT_MAX + SRTCP_TRAILER_MAX];
	bool is_user = s->backend == DATAPATH_USER;
	uint32_t lines = 0;
	int err;

	datapath_count(s->w->dp, SLUICE_COUNT_PASSED_RTCP);
	if (!s->has_keys) {
		worker_drop(s->w, SLUICE_DROP_NOT_READY);
		return;
	}
	err = srtcp_unprotect(s->srtcp, data, &len, !is_user);
	if (err) {
		worker_drop(s->w, err);
		return;
	}
	s->web_alive_ms = clock_ms();
	for (uint32_t i = 0; i < s->config.stream_count; i++)
		if (s->config.stream[i].enabled)
			line_of(s, i, TO_SIP, &r.line[i]);
	err = sluice_rtcp_scan(&r, data, (uint32_t)len, &lines);
	for (uint32_t i = 0; !err && lines >> i; i++) {
		if (!(lines >> i & 1))
			continue;
		err = rtcp_for(s, &r, i, data, out);
		if (!err && r.out_len)
			rtcp_to_sip(s, i, out, r.out_len, sizeof(out));
	}
	if (err)
		worker_drop(s->w, -err);
}

/*
 * Decrypts it in place and reads it, as the one line that is there; false:
 * dropped. Whomever it concerns, it is well formed.
 */
static bool sip_rtcp_open(struct session *s, uint32_t i, uint8_t *data,
			  size_t *len, struct sluice_rtcp *ret)
{
	struct sip_crypt *crypt = s->stream[i].crypt;
	uint32_t lines = 0;
	int drop = 0;

	datapath_count(s->w->dp, SLUICE_COUNT_PASSED_RTCP);
	if (crypt)
		drop = srtcp_unprotect(crypt->srtcp, data, len, false);
	memset(ret, 0, sizeof(*ret));
	ret->line_count = 1;
	line_of(s, i, TO_WEB, &ret->line[0]);
	if (!drop)
		drop = -sluice_rtcp_scan(ret, data, (uint32_t)*len, &lines);
	if (ret->is_whole)
		return true;
	worker_drop(s->w, drop);
	return false;
}

static void rtcp_to_web(struct session *s, uint8_t *data, size_t len,
			size_t capacity)
{
	if (!s->has_keys || !s->selected) {
		worker_drop(s->w, SLUICE_DROP_NOT_READY);
		return;
	}
	session_reserve_srtcp(s, s->srtcp);
	if (srtcp_protect(s->srtcp, data, &len, capacity)) {
		worker_drop(s->w, SLUICE_DROP_INTERNAL);
		return;
	}
	datapath_count(s->w->dp, SLUICE_COUNT_RTCP_SIP);
	worker_send(s->w, &s->w->settings.web, &s->selected->remote, data, len);
}

/* What sip_rtcp_open() read. */
static void sip_rtcp(struct session *s, uint32_t i, struct sluice_rtcp *r,
		     const uint8_t *data)
{
	uint8_t out[SLUICE_RTCP_OUT_MAX + SRTCP_TRAILER_MAX];
	int err;

	s->stream[i].last_sip_ms = clock_ms();
	err = rtcp_for(s, r, 0, data, out);
	if (err) {
		worker_drop(s->w, -err);
		return;
	}
	/* only one counts an SSRC's SRTCP indices: the path's owner */
	if (s->backend != DATAPATH_USER)
		worker_drop(s->w, SLUICE_DROP_NOT_READY);
	else
		rtcp_to_web(s, out, r->out_len, sizeof(out));
}

/* What the daemon itself says has an SSRC, and so indices, of its own. */
static uint32_t own_ssrc(const struct session *s)
{
	uint32_t ssrc = s->local.web_ssrc[0];

	for (uint32_t i = 0; i < s->stream_count; i++)
		if (ssrc <= s->local.web_ssrc[i])
			ssrc = s->local.web_ssrc[i] + 1;
	return ssrc ? ssrc : 1;
}

/* A PLI (RFC 4585 6.3.1) that nobody on the SIP side sent. */
static void ask_picture(struct session *s, uint32_t i)
{
	uint8_t out[SLUICE_RTCP_OUT_MAX + SRTCP_TRAILER_MAX];
	uint8_t pli[12] = { 0x80 | SLUICE_PSFB_PLI, SLUICE_RTCP_PSFB, 0, 2 };
	struct sluice_rtcp r = { .line_count = 1 };
	uint32_t lines = 0;

	line_of(s, i, TO_WEB, &r.line[0]);
	r.line[0].out_ssrc = own_ssrc(s);
	r.line[0].feedback = SLUICE_FEEDBACK_PLI;
	sluice_put32(pli + 8, r.line[0].seen_ssrc);
	if (!sluice_rtcp_scan(&r, pli, sizeof(pli), &lines) &&
	    !rtcp_for(s, &r, 0, pli, out))
		rtcp_to_web(s, out, r.out_len, sizeof(out));
}

void packets_ask_picture(struct session *s)
{
	for (uint32_t i = 0; i < s->config.stream_count; i++)
		if (s->config.stream[i].enabled &&
		    !strcmp(s->config.stream[i].kind, "video"))
			ask_picture(s, i);
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
	int err;

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
	err = relay_apply(s);
	if (err) {
		session_failed(s, "datapath: %s", relay_strerror(err));
		return SLUICE_DROP_INTERNAL;
	}
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
	struct sluice_rtcp r;

	if (!addr_equal(remote, &st->rtcp_remote) && !st->is_rtcp_learning) {
		worker_drop(s->w, SLUICE_DROP_WRONG_SOURCE);
		return;
	}
	if (!sip_rtcp_open(s, i, data, &len, &r))
		return;
	if (st->is_rtcp_learning) {
		st->is_rtcp_learning = false;
		st->rtcp_remote = *remote;
		relay_sip_flows(s, i);
		relay_apply(s);
		session_save(s);
	}
	sip_rtcp(s, i, &r, data);
}

void packets_sip(struct session *s, uint32_t i, bool is_rtcp_port,
		 const struct addr *remote, uint8_t *data, size_t len,
		 size_t capacity)
{
	const struct media_stream_config *c = &s->config.stream[i];
	struct session_stream *st = &s->stream[i];
	const struct addr *source = is_rtcp_port ? &st->rtcp_remote :
						   &st->sdp_remote;
	struct sluice_rtcp r;
	enum sluice_class class;

	if (len < 2) {
		worker_drop(s->w, SLUICE_DROP_SHORT);
		return;
	}
	class = sluice_classify(data[0], data[1]);
	if (!s->is_configured || i >= s->config.stream_count || !c->enabled) {
		worker_drop(s->w, SLUICE_DROP_NO_FLOW);
	} else if (!addr_is_set(source) || !addr_same_ip(remote, source) ||
		   !remote->port) {
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
	} else if (sip_rtcp_open(s, i, data, &len, &r)) {
		sip_rtcp(s, i, &r, data);
	}
}
