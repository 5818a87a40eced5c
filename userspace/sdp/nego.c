/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers and answers across the gateway (RFC 3264, 8829). M-lines keep their
 * place, so index i is the same m-line in all four descriptions of a call.
 */
#include "sdp/nego.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sdp/internal.h"

static enum sdp_profile other_profile(enum sdp_profile p)
{
	return p == SDP_PROFILE_WEB ? SDP_PROFILE_PLAIN : SDP_PROFILE_WEB;
}

enum sdp_direction sdp_flip(enum sdp_direction d)
{
	return (d & SDP_SENDONLY ? SDP_RECVONLY : 0) |
	       (d & SDP_RECVONLY ? SDP_SENDONLY : 0);
}

/* ---- what a peer's m-line allows ------------------------------------- */

static bool is_savp(const char *proto)
{
	return !strcasecmp(proto, "RTP/SAVP") ||
	       !strcasecmp(proto, "RTP/SAVPF");
}

static bool has_feedback_profile(const char *proto)
{
	return !strcasecmp(proto, "RTP/AVPF") ||
	       !strcasecmp(proto, "RTP/SAVPF");
}

/* The first of the peer's keys that has a suite of ours; NULL: none. */
static const struct sdp_crypto *usable_crypto(const struct sdp_media *m,
					      const struct sdp_local *local,
					      uint32_t index,
					      const struct sdp_crypto **ret_own)
{
	for (uint32_t i = 0; i < m->crypto_count; i++)
		for (uint32_t k = 0; k < local->sip_crypto_count; k++)
			if (!strcmp(m->crypto[i].suite,
				    local->sip_crypto[index][k].suite)) {
				*ret_own = &local->sip_crypto[index][k];
				return &m->crypto[i];
			}
	return NULL;
}

static bool plain_fits(const struct sdp_media *m,
		       const struct sdp_local *local, uint32_t index)
{
	const struct sdp_crypto *own;
	bool is_avp = !strcasecmp(m->proto, "RTP/AVP") ||
		      !strcasecmp(m->proto, "RTP/AVPF");

	if ((!is_avp && !is_savp(m->proto)) || m->connection_host[0])
		return false;
	if (is_avp && local->sip_srtp != SDP_SRTP_SDES)
		return true;
	return local->sip_srtp != SDP_SRTP_NONE &&
	       usable_crypto(m, local, index, &own);
}

/* What a leg of this profile says can be carried at all, BUNDLE aside. */
static bool transport_fits(const struct sdp *s, uint32_t index,
			   enum sdp_profile profile,
			   const struct sdp_local *local)
{
	const struct sdp_media *m = &s->media[index];

	if (!sdp_media_is_live(m))
		return false;
	if (profile == SDP_PROFILE_PLAIN)
		return plain_fits(m, local, index);
	/* Several names of one thing: RFC 8829 5.1.2. */
	return strncasecmp(m->proto, "RTP/AVP", 7) && m->rtcp_mux &&
	       m->ice_ufrag[0] && m->ice_pwd[0] && m->fingerprint.len;
}

/*
 * A browser's m-lines must share one transport: the gateway has one port and
 * one set of ICE credentials for them.
 */
static bool is_usable(const struct sdp *s, uint32_t index,
		      enum sdp_profile profile, const struct sdp_local *local)
{
	const struct sdp_media *m = &s->media[index];

	if (!transport_fits(s, index, profile, local))
		return false;
	if (profile == SDP_PROFILE_PLAIN)
		return true;
	for (uint32_t i = 0; i < index; i++)
		if (transport_fits(s, i, profile, local))
			return sdp_in_bundle(s, &s->media[i]) &&
			       sdp_in_bundle(s, m);
	return true;
}

static bool clock_is_used(const struct sdp_media *m, uint32_t clock_hz)
{
	for (uint32_t i = 0; i < m->codec_count; i++) {
		const struct sdp_codec *c = &m->codec[i];

		if (c->name[0] && c->clock_hz == clock_hz &&
		    !sdp_codec_is_helper(c) && !sdp_codec_is_repair(c))
			return true;
	}
	return false;
}

static bool passes(const struct sdp_media *m, const struct sdp_codec *c,
		   enum sdp_profile to, const struct sdp_local *local)
{
	if (!c->name[0] || sdp_codec_is_repair(c))
		return false;
	if (to == SDP_PROFILE_PLAIN && local->sip_has_no_events &&
	    sdp_codec_is_event(c))
		return false;
	if (to == SDP_PROFILE_WEB || !sdp_codec_is_helper(c))
		return true;
	if (sdp_codec_is_comfort_noise(c) && c->clock_hz > 8000)
		return false;
	return clock_is_used(m, c->clock_hz);
}

static bool has_real_codec(const struct sdp_media *m)
{
	for (uint32_t i = 0; i < m->codec_count; i++)
		if (!sdp_codec_is_helper(&m->codec[i]))
			return true;
	return false;
}

/* ---- the gateway's own lines ----------------------------------------- */

static struct sdp *describe(enum sdp_profile profile,
			    const struct sdp_local *local)
{
	struct sdp *s = sdp_new();

	if (!s)
		return NULL;
	s->session_id = local->session_id;
	s->session_version = local->session_version;
	s->origin_addr = profile == SDP_PROFILE_WEB ? local->web :
						      local->sip[0];
	s->ice_lite = profile == SDP_PROFILE_WEB;
	return s;
}

static void put_proto(struct sdp_media *m, const char *proto)
{
	snprintf(m->proto, sizeof(m->proto), "%s", proto);
	m->is_rtp = true;
}

/* What printing knows and parsing does not. */
static void put_unparsed(struct sdp_media *m, uint32_t index)
{
	m->candidate[0] = m->addr;
	m->candidate_count = 1;
	/* RFC 8830: one stream with a track an m-line, so that they sync. */
	if (m->direction & SDP_SENDONLY)
		snprintf(m->msid, sizeof(m->msid), "sluice %s%u", m->kind,
			 index);
}

/*
 * RFC 9143 7.2.1 has an initial offer use bundle-only for all but one m-line.
 * The same address on each is what browsers send themselves, and is read
 * rightly by those that know nothing of bundle-only.
 */
static void put_web(struct sdp_media *m, const struct sdp_local *local,
		    uint32_t index)
{
	m->addr = local->web;
	m->port = local->web.port;
	m->rtcp_mux = true;
	snprintf(m->ice_ufrag, sizeof(m->ice_ufrag), "%s", local->ufrag);
	snprintf(m->ice_pwd, sizeof(m->ice_pwd), "%s", local->password);
	m->fingerprint = local->fingerprint;
	if (m->direction & SDP_SENDONLY) {
		m->ssrc = local->web_ssrc[index];
		snprintf(m->cname, sizeof(m->cname), "%s", local->cname);
	}
	put_unparsed(m, index);
}

void sdp_own_parsed(struct sdp *s)
{
	for (uint32_t i = 0; i < s->media_count; i++)
		if (s->media[i].port && s->media[i].ice_ufrag[0])
			put_unparsed(&s->media[i], i);
}

static void put_plain(struct sdp_media *m, const struct sdp_local *local,
		      uint32_t index)
{
	m->addr = local->sip[index];
	m->port = local->sip[index].port;
}

/* Secured as the policy says, and as the leg is already. */
static void put_plain_offer(struct sdp_media *m, const struct sdp_local *local,
			    uint32_t index)
{
	const char *before = local->sip_proto[index];
	bool savp = local->sip_srtp == SDP_SRTP_SDES ||
		    (local->sip_srtp == SDP_SRTP_OPTIONAL && is_savp(before));
	bool avpf = before[0] ? has_feedback_profile(before) : local->sip_avpf;

	put_plain(m, local, index);
	put_proto(m, savp ? (avpf ? "RTP/SAVPF" : "RTP/SAVP") :
			    (avpf ? "RTP/AVPF" : "RTP/AVP"));
	if (local->sip_srtp == SDP_SRTP_NONE)
		return;
	m->crypto_count = local->sip_crypto_count;
	memcpy(m->crypto, local->sip_crypto[index],
	       m->crypto_count * sizeof(m->crypto[0]));
}

/* RFC 4568 5.1.2: the line that was chosen, with our key. */
static void put_plain_answer(struct sdp_media *m, const struct sdp_media *from,
			     const struct sdp_local *local, uint32_t index)
{
	const struct sdp_crypto *own, *of;

	put_plain(m, local, index);
	m->rtcp_mux = from->rtcp_mux;
	if (local->sip_srtp == SDP_SRTP_NONE)
		return;
	of = usable_crypto(from, local, index, &own);
	if (!of)
		return;
	m->crypto[0] = *own;
	m->crypto[0].tag = of->tag;
	/* whoever tells its keys apart so looks for it in ours */
	m->crypto[0].mki_len = of->mki_len;
	memcpy(m->crypto[0].mki, of->mki, sizeof(of->mki));
	m->crypto_count = 1;
}

static bool has_local(enum sdp_profile profile, const struct sdp_local *local,
		      uint32_t index)
{
	return profile == SDP_PROFILE_WEB ? local->web.port != 0 :
					    local->sip[index].port != 0;
}

static void put_pacing(struct sdp_media *m, const struct sdp_media *from)
{
	m->ptime_ms = from->ptime_ms;
	m->maxptime_ms = from->maxptime_ms;
	m->bandwidth_as_kbps = from->bandwidth_as_kbps;
	m->bandwidth_tias_bps = from->bandwidth_tias_bps;
}

/* What is offered and answered from end to end. */
#define FEEDBACK_THROUGH	(SDP_FB_REMB | SDP_FB_TRANSPORT_CC)

/* What the gateway itself answers or relays, for a browser's video. */
static uint32_t web_feedback(const struct sdp_media *m,
			     const struct sdp_codec *c)
{
	if (strcasecmp(m->kind, "video") || sdp_codec_is_helper(c))
		return 0;
	return SDP_FB_PLI | SDP_FB_FIR | SDP_FB_NACK;
}

/* RFC 4585 4.2: with AVPF only. */
static void put_feedback(struct sdp_media *m, bool web)
{
	bool is_avpf = web || has_feedback_profile(m->proto);

	for (uint32_t i = 0; i < m->codec_count; i++) {
		struct sdp_codec *c = &m->codec[i];

		c->feedback = is_avpf ? (c->feedback & FEEDBACK_THROUGH) |
					web_feedback(m, c) : 0;
	}
}

static bool may_have_extensions(const struct sdp_media *m, bool web,
				const struct sdp_local *local)
{
	if (local->sip_extensions == SDP_EXTENSIONS_OFF)
		return false;
	return web || local->sip_extensions == SDP_EXTENSIONS_ON ||
	       strcasecmp(m->proto, "RTP/AVP");
}

static void bundle_add(struct sdp *s, const struct sdp_media *m)
{
	size_t len = strlen(s->bundle_mids);

	if (len + strlen(m->mid) + 2 > sizeof(s->bundle_mids))
		return;
	sprintf(s->bundle_mids + len, "%s%s", len ? " " : "", m->mid);
	s->has_bundle = true;
}

/* ---- offers ---------------------------------------------------------- */

/* Payload types of a web transport, whose m-lines they tell apart. */
struct payload_types {
	bool used[SDP_PAYLOAD_TYPES];	/* by any m-line of the offer */
	bool taken[SDP_PAYLOAD_TYPES];	/* by the m-lines done so far */
	uint8_t extension[SDP_EXTENSION_IDS];	/* meant by an id so far */
	uint32_t cc_line;		/* the one with transport-cc */
};

/*
 * RFC 5761 4: with mux, 64 to 95 read as RTCP. RFC 3551 6: 1, 2 and 19 are
 * reserved (19 was CN once); Firefox refuses the whole offer for them.
 */
static bool is_web_payload_type(uint8_t pt)
{
	return (pt < 64 || pt > 95) && pt != 1 && pt != 2 && pt != 19;
}

static int free_payload_type(const struct payload_types *t)
{
	for (int pt = 96; pt < SDP_PAYLOAD_TYPES; pt++)
		if (!t->used[pt])
			return pt;
	for (int pt = 35; pt < 64; pt++)
		if (!t->used[pt])
			return pt;
	return -1;
}

/*
 * RFC 9143 9.1 lets m-lines share a payload type for the same codec; here it
 * has to tell the m-line. Towards a browser another one is taken; where a
 * browser shares one itself, the first m-line has it.
 */
static int own_payload_type(struct payload_types *t, enum sdp_profile to,
			    uint8_t pt)
{
	int own = pt;

	if (to == SDP_PROFILE_PLAIN)
		own = t->taken[pt] ? -1 : pt;
	else if (t->taken[pt] || !is_web_payload_type(pt))
		own = free_payload_type(t);
	if (own >= 0)
		t->taken[own] = t->used[own] = true;
	return own;
}

static bool has_codec(const struct sdp_media *m, const struct sdp_codec *c)
{
	for (uint32_t i = 0; i < m->codec_count; i++)
		if (sdp_codec_same(&m->codec[i], c))
			return true;
	return false;
}

static int offer_one(struct sdp_media *m, struct sdp_codec c,
		     enum sdp_profile to, struct payload_types *types)
{
	int pt = own_payload_type(types, to, c.pt);

	if (pt < 0)
		return 0;
	c.pt = (uint8_t)pt;
	return sdp_add_codec(m, &c);
}

/* A browser's events, that go on as something else or nowhere. */
static int offer_own_event(struct sdp_media *m, struct sdp_codec c,
			   struct payload_types *types)
{
	int pt = free_payload_type(types);

	if (strcasecmp(m->kind, "audio") || has_codec(m, &c) || pt < 0 ||
	    m->codec_count >= LIMIT_SDP_CODECS)
		return 0;
	c.pt = (uint8_t)pt;
	snprintf(c.fmtp, sizeof(c.fmtp), "0-16");
	return offer_one(m, c, SDP_PROFILE_WEB, types);
}

/* An event of this clock, if one of another is offered that converts. */
static int offer_event(struct sdp_media *m, const struct sdp_media *from,
		       uint32_t clock_hz, enum sdp_profile to,
		       const struct sdp_local *local,
		       struct payload_types *types)
{
	struct sdp_codec c = { .name = "telephone-event", .channels = 1,
			       .clock_hz = clock_hz };
	const struct sdp_codec *of = sdp_find_converted(from, &c);
	int pt = free_payload_type(types);

	if (to == SDP_PROFILE_WEB && local->events_end_here && !of)
		return offer_own_event(m, c, types);
	if (!of || !clock_is_used(from, of->clock_hz > clock_hz ?
				  of->clock_hz : clock_hz) ||
	    has_codec(m, &c) || pt < 0 || m->codec_count >= LIMIT_SDP_CODECS)
		return 0;
	c.pt = (uint8_t)pt;
	memcpy(c.fmtp, of->fmtp, sizeof(c.fmtp));
	return offer_one(m, c, to, types);
}

/*
 * A browser takes events with the clock of its audio, telephony often knows
 * those of 8 kHz only; and each law of G.711 has its continents.
 */
static int offer_converted(struct sdp_media *m, const struct sdp_media *from,
			   enum sdp_profile to, const struct sdp_local *local,
			   struct payload_types *types)
{
	static const struct sdp_codec laws[] = {
		{ .pt = 0, .name = "PCMU", .clock_hz = 8000, .channels = 1 },
		{ .pt = 8, .name = "PCMA", .clock_hz = 8000, .channels = 1 },
	};
	uint32_t count = m->codec_count;
	int err = 0;

	for (int i = 0; i < 2 && !err; i++)
		if (sdp_find_converted(m, &laws[i]) &&
		    !has_codec(m, &laws[i]) &&
		    m->codec_count < LIMIT_SDP_CODECS)
			err = offer_one(m, laws[i], to, types);
	if (to == SDP_PROFILE_PLAIN)
		return err || local->sip_has_no_events ? err :
			offer_event(m, from, 8000, to, local, types);
	for (uint32_t i = 0; i < count && !err; i++)
		if (!sdp_codec_is_helper(&m->codec[i]))
			err = offer_event(m, from, m->codec[i].clock_hz, to,
					  local, types);
	return err;
}

/* -ENOTSUP: none that the gateway can carry. */
static int offer_codecs(struct sdp_media *m, const struct sdp_media *from,
			enum sdp_profile to, const struct sdp_local *local,
			struct payload_types *types)
{
	for (uint32_t i = 0; i < from->codec_count; i++) {
		int err;

		if (!passes(from, &from->codec[i], to, local))
			continue;
		err = offer_one(m, from->codec[i], to, types);
		if (err)
			return err;
	}
	return has_real_codec(m) ?
		       offer_converted(m, from, to, local, types) : -ENOTSUP;
}

static int offer_media(struct sdp *s, const struct sdp *from, uint32_t index,
		       enum sdp_profile to, const struct sdp_local *local,
		       struct payload_types *types)
{
	const struct sdp_media *of = &from->media[index];
	struct sdp_media *m = sdp_add_media(s);
	bool web = to == SDP_PROFILE_WEB;
	int err = -ENOTSUP;

	if (!m)
		return -ENOMEM;
	if (web)
		sdp_put_mid(s, index, local);
	if (web && sdp_keeps_kind(m, local, index, of))
		return 0;
	memcpy(m->kind, of->kind, sizeof(m->kind));
	if (is_usable(from, index, other_profile(to), local) &&
	    has_local(to, local, index))
		err = offer_codecs(m, of, to, local, types);
	if (err && err != -ENOTSUP)
		return err;
	if (err)
		sdp_refuse_media(m, of);
	if (of->is_rtp)
		put_proto(m, web ? "UDP/TLS/RTP/SAVPF" : "RTP/AVP");
	if (err)
		return 0;
	m->direction = of->direction;
	put_pacing(m, of);
	if (web) {
		put_web(m, local, index);
		m->setup = SDP_SETUP_ACTPASS;
		bundle_add(s, m);
	} else {
		put_plain_offer(m, local, index);
	}
	put_feedback(m, web);
	if (may_have_extensions(m, web, local))
		sdp_offer_extensions(m, of, index == types->cc_line,
				     types->extension);
	sdp_settle_transport_cc(m);
	return 0;
}

/* What was never RTP need not be said, unless something comes after it. */
static uint32_t offered_count(const struct sdp *from)
{
	uint32_t count = from->media_count;

	while (count && !from->media[count - 1].is_rtp)
		count--;
	return count;
}

static bool is_empty(const struct sdp *s)
{
	for (uint32_t i = 0; i < s->media_count; i++)
		if (sdp_media_is_live(&s->media[i]))
			return false;
	return true;
}

int sdp_make_offer(const struct sdp *from, enum sdp_profile to,
		   const struct sdp_local *local, struct sdp **ret)
{
	struct payload_types types = { .cc_line = sdp_transport_cc_line(from) };
	uint32_t count = offered_count(from);
	struct sdp *s = describe(to, local);
	int err = 0;

	if (!s)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < from->media[i].codec_count; k++)
			types.used[from->media[i].codec[k].pt] = true;
	if (to == SDP_PROFILE_WEB)
		memcpy(types.extension, local->web_extension,
		       sizeof(types.extension));
	for (uint32_t i = 0; i < count && !err; i++)
		err = offer_media(s, from, i, to, local, &types);
	if (!err)
		err = sdp_offer_missing(s, local, to == SDP_PROFILE_WEB);
	if (!err && is_empty(s))
		err = -ENOTSUP;
	if (err) {
		sdp_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

/* ---- answers --------------------------------------------------------- */

static int misfit(char *reason, uint32_t index, const char *what)
{
	if (reason)
		snprintf(reason, 128, "m-line %u: %s", index + 1, what);
	return -EINVAL;
}

/*
 * B's codec in A's words: A's payload type and name, B's fmtp, as they say
 * what B receives. NULL: not offered.
 */
static const struct sdp_codec *offered_by(const struct sdp_media *from_offer,
					  const struct sdp_media *to_offer,
					  const struct sdp_codec *answered)
{
	const struct sdp_codec *sent;

	const struct sdp_codec *of = NULL;

	sent = answered->name[0] ? sdp_find_codec(to_offer, answered) :
				   sdp_codec_by_pt(to_offer, answered->pt);
	if (sent)
		of = sdp_find_codec(from_offer, sent);
	return of || !sent ? of : sdp_find_converted(from_offer, sent);
}

/*
 * B takes events of one clock; A may send them with the clock of its audio,
 * too: browsers time them by it.
 */
static int answer_events(struct sdp_media *m, const struct sdp_media *from,
			 bool ends_here)
{
	struct sdp_codec has = { .name = "" };
	int err = 0;

	for (uint32_t i = 0; i < m->codec_count; i++)
		if (sdp_codec_is_event(&m->codec[i]))
			has = m->codec[i];
	for (uint32_t i = 0; i < from->codec_count && !err; i++) {
		struct sdp_codec c = from->codec[i];

		if (!sdp_codec_converts(&has, &c) &&
		    !(ends_here && sdp_codec_is_event(&c)))
			continue;
		if (has_codec(m, &c) || !clock_is_used(m, c.clock_hz))
			continue;
		if (has.name[0])
			memcpy(c.fmtp, has.fmtp, sizeof(c.fmtp));
		c.feedback = 0;
		err = sdp_add_codec(m, &c);
	}
	return err;
}

static int answer_codecs(struct sdp_media *m, const struct sdp_media *from,
			 const struct sdp_media *to,
			 const struct sdp_media *answer, bool web,
			 const struct sdp_local *local)
{
	uint32_t through = 0;

	for (uint32_t i = 0; i < to->codec_count; i++)
		through |= to->codec[i].feedback & FEEDBACK_THROUGH;
	for (uint32_t i = 0; i < answer->codec_count; i++) {
		const struct sdp_codec *b = &answer->codec[i];
		const struct sdp_codec *a = offered_by(from, to, b);
		struct sdp_codec c;
		int err;

		if (!a || sdp_codec_by_pt(m, a->pt) ||
		    (!web && local->sip_has_no_events && sdp_codec_is_event(a)))
			continue;
		c = *a;
		memcpy(c.fmtp, b->fmtp, sizeof(c.fmtp));
		c.feedback = web || has_feedback_profile(from->proto) ?
			a->feedback & (web_feedback(from, a) |
				       (b->feedback & through)) : 0;
		err = sdp_add_codec(m, &c);
		if (err)
			return err;
	}
	if (!has_real_codec(m))
		return -ENOTSUP;
	if (!web && local->sip_has_no_events)
		return 0;
	return answer_events(m, from, web && local->events_end_here);
}

static enum sdp_setup answer_setup(enum sdp_setup offered)
{
	/* RFC 5763 5, RFC 8842 5.3: passive whenever it is ours to choose */
	return offered == SDP_SETUP_PASSIVE ? SDP_SETUP_ACTIVE :
					      SDP_SETUP_PASSIVE;
}

struct exchange {
	const struct sdp *from_offer, *to_offer, *to_answer;
	enum sdp_profile from_profile;
	const struct sdp_local *local;
	char *reason;
};

/* B's side of the m-line; NULL in *ret: B refused, or was not asked. */
static int accepted_media(const struct exchange *x, uint32_t index,
			  const struct sdp_media **ret)
{
	const struct sdp_media *offer, *answer;
	const struct sdp_crypto *key;

	*ret = NULL;
	if (index >= x->to_offer->media_count ||
	    index >= x->to_answer->media_count)
		return 0;
	offer = &x->to_offer->media[index];
	answer = &x->to_answer->media[index];
	if (!offer->port || (!answer->port && !answer->bundle_only))
		return 0;
	if (strcasecmp(offer->kind, answer->kind))
		return misfit(x->reason, index, "answered with another kind");
	if (x->from_profile == SDP_PROFILE_WEB && answer->connection_host[0])
		return misfit(x->reason, index,
			      "answered with a name, not an address");
	if (!transport_fits(x->to_answer, index,
			    other_profile(x->from_profile), x->local))
		return misfit(x->reason, index,
			      "answered with another transport");
	if (x->from_profile == SDP_PROFILE_WEB &&
	    (answer->has_sdes || is_savp(offer->proto)) &&
	    !sdp_shared_crypto(offer, answer, &key, &key))
		return misfit(x->reason, index, "answered without a key");
	if (!is_usable(x->to_answer, index, other_profile(x->from_profile),
		       x->local))
		return 0;
	*ret = answer;
	return 0;
}

static int answer_media(struct sdp *s, const struct exchange *x, uint32_t index)
{
	const struct sdp_media *from = &x->from_offer->media[index], *to;
	struct sdp_media *m = sdp_add_media(s);
	bool web = x->from_profile == SDP_PROFILE_WEB;
	const struct sdp_media *answer;
	int err;

	if (!m)
		return -ENOMEM;
	if (web)
		memcpy(m->mid, from->mid, sizeof(m->mid));
	err = accepted_media(x, index, &answer);
	if (err)
		return err;
	if (!answer ||
	    !is_usable(x->from_offer, index, x->from_profile, x->local) ||
	    !has_local(x->from_profile, x->local, index)) {
		sdp_refuse_media(m, from);
		return 0;
	}
	to = &x->to_offer->media[index];
	err = answer_codecs(m, from, to, answer, web, x->local);
	if (err == -ENOTSUP) {
		sdp_refuse_media(m, from);
		return 0;
	}
	if (err)
		return err;
	memcpy(m->kind, from->kind, sizeof(m->kind));
	put_proto(m, from->proto);
	m->direction = answer->direction & sdp_flip(to->direction) &
		       sdp_flip(from->direction);
	put_pacing(m, answer);
	if (web) {
		put_web(m, x->local, index);
		m->setup = answer_setup(from->setup);
		if (sdp_in_bundle(x->from_offer, from))
			bundle_add(s, m);
	} else {
		put_plain_answer(m, from, x->local, index);
	}
	sdp_answer_extensions(m, from, to, answer);
	sdp_settle_transport_cc(m);
	return 0;
}

int sdp_make_answer(const struct sdp *from_offer, const struct sdp *to_offer,
		    const struct sdp *to_answer, enum sdp_profile from_profile,
		    const struct sdp_local *local, struct sdp **ret,
		    char *reason)
{
	const struct exchange x = { from_offer, to_offer, to_answer,
				    from_profile, local, reason };
	struct sdp *s;
	int err = 0;

	/* Fewer: an m-line that is left out is refused, if not by the RFC. */
	if (to_answer->media_count > to_offer->media_count) {
		if (reason)
			snprintf(reason, 128, "%u m-lines offered, %u answered",
				 to_offer->media_count, to_answer->media_count);
		return -EINVAL;
	}
	s = describe(from_profile, local);
	if (!s)
		return -ENOMEM;
	for (uint32_t i = 0; i < from_offer->media_count && !err; i++)
		err = answer_media(s, &x, i);
	if (!err && is_empty(s)) {
		err = -ENOTSUP;
		if (reason)
			snprintf(reason, 128, "no m-line is left");
	}
	if (err) {
		sdp_free(s);
		return err;
	}
	*ret = s;
	return 0;
}
