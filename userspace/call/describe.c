/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From descriptions to media: what each leg's SDP says of the gateway, and
 * what an exchange of four descriptions means for the media session.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/log.h"

#define LOG_BURST	50	/* bad descriptions that are logged */

enum sdp_profile call_leg_profile(const struct call_leg *leg)
{
	return leg->is_web ? SDP_PROFILE_WEB : SDP_PROFILE_PLAIN;
}

static void parse_fingerprint(const char *text, struct sdp_fingerprint *ret)
{
	const char *p = strchr(text, ' ');
	struct sdp_fingerprint f = { .len = 0 };
	unsigned int byte;

	if (!p)
		return;
	snprintf(f.hash, sizeof(f.hash), "%.*s", (int)(p - text), text);
	while (f.len < sizeof(f.digest) && sscanf(p + 1, "%2x", &byte) == 1) {
		f.digest[f.len++] = (uint8_t)byte;
		p += 3;
		if (*p != ':')
			break;
	}
	*ret = f;
}

/* What the browser last sent, whoever offered; NULL: nothing yet. */
static const struct sdp *web_description(const struct call *c)
{
	const struct call_leg *offerer = c->offerer_is_a ? &c->a : &c->b;

	return offerer->is_web ? c->a_offer : c->b_answer;
}

const struct sdp *call_local_sdp(const struct call_leg *leg)
{
	const struct call *c = leg->call;

	return leg->is_a == c->offerer_is_a ? c->a_answer : c->b_offer;
}

const struct sdp *call_remote_sdp(const struct call_leg *leg)
{
	const struct call *c = leg->call;

	return leg->is_a == c->offerer_is_a ? c->a_offer : c->b_answer;
}

void call_set_leg_sdp(struct call_leg *leg, struct sdp *said,
		      struct sdp *told)
{
	struct call *c = leg->call;
	bool is_offerer = leg->is_a == c->offerer_is_a;
	struct sdp **s = is_offerer ? &c->a_offer : &c->b_answer;
	struct sdp **t = is_offerer ? &c->a_answer : &c->b_offer;

	sdp_free(*s);
	sdp_free(*t);
	*s = said;
	*t = told;
}

/* Address and keys are never used: the leg's own description comes later. */
static const char plain_default[] =
	"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
	"t=0 0\r\nm=audio 9 RTP/AVP 96 0 8 101 97\r\n";
/* Of every suite, whichever of them the configuration has. */
static const char secured_default[] =
	"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
	"t=0 0\r\nm=audio 9 RTP/SAVP 96 0 8 101 97\r\n"
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
	"inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
	"a=crypto:2 AES_CM_128_HMAC_SHA1_32 "
	"inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
	"a=crypto:3 AEAD_AES_128_GCM "
	"inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\r\n"
	"a=crypto:4 AEAD_AES_256_GCM inline:"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n";
static const char web_default[] =
	"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
	"t=0 0\r\na=group:BUNDLE 0\r\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8 101 97\r\na=mid:0\r\n"
	"a=rtcp-mux\r\na=setup:actpass\r\na=ice-ufrag:none\r\n"
	"a=ice-pwd:nonenonenonenonenonenone\r\n"
	"a=fingerprint:sha-256 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
	"00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00\r\n";
static const char default_codecs[] =
	"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
	"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
	"a=rtpmap:97 telephone-event/48000\r\na=fmtp:97 0-16\r\n";

int call_default_sdp(const struct calls *cs, enum sdp_profile profile,
		     struct sdp **ret)
{
	const char *head = profile == SDP_PROFILE_WEB ? web_default :
			   cs->settings.sip_srtp == SDP_SRTP_SDES ?
			   secured_default : plain_default;
	char text[sizeof(secured_default) + sizeof(default_codecs)];
	int len = snprintf(text, sizeof(text), "%s%s", head, default_codecs);

	_Static_assert(sizeof(secured_default) >= sizeof(web_default) &&
		       sizeof(secured_default) >= sizeof(plain_default),
		       "the longest head");
	return sdp_parse(text, (size_t)len, ret, NULL);
}

static const struct sdp_media *with_ice(const struct sdp *s)
{
	for (uint32_t i = 0; i < s->media_count; i++)
		if (s->media[i].ice_ufrag[0])
			return &s->media[i];
	return NULL;
}

int call_follow_ice_restart(struct call *c, const struct sdp *offer)
{
	const struct sdp *before = web_description(c);
	const struct sdp_media *old = before ? with_ice(before) : NULL;
	const struct sdp_media *new = with_ice(offer);

	if (!old || !new || (!strcmp(old->ice_ufrag, new->ice_ufrag) &&
			     !strcmp(old->ice_pwd, new->ice_pwd)))
		return 0;
	log_call_info(c->id, "ICE restart by the browser");
	return media_restart_ice(c->calls->settings.media, c->media_id,
				 &c->local);
}

void call_sdp_local(const struct call *c, struct call_leg *leg,
		    struct sdp_local *ret)
{
	const struct sdp *web = web_description(c);
	const struct media_local *m = &c->local;

	memset(ret, 0, sizeof(*ret));
	ret->web = m->web;
	snprintf(ret->ufrag, sizeof(ret->ufrag), "%s", m->ufrag);
	snprintf(ret->password, sizeof(ret->password), "%s", m->password);
	parse_fingerprint(m->fingerprint, &ret->fingerprint);
	snprintf(ret->cname, sizeof(ret->cname), "%s", m->cname);
	for (unsigned int i = 0; i < MEDIA_STREAMS; i++) {
		ret->web_ssrc[i] = m->web_ssrc[i];
		ret->sip[i] = m->sip[i];
	}
	ret->said = call_remote_sdp(leg);
	for (unsigned int i = 0; web && i < web->media_count; i++) {
		snprintf(ret->web_mid[i], sizeof(ret->web_mid[i]), "%s",
			 web->media[i].mid);
		for (unsigned int id = 1; id < SDP_EXTENSION_IDS; id++)
			if (web->media[i].extension[id].kind)
				ret->web_extension[id] =
					web->media[i].extension[id].kind;
	}
	ret->sip_extensions = c->calls->settings.sip_extensions;
	ret->events_end_here = c->calls->settings.sip_dtmf == CALLS_DTMF_INFO ||
			       c->calls->settings.sip_dtmf == CALLS_DTMF_AUTO;
	ret->sip_has_no_events =
		c->calls->settings.sip_dtmf == CALLS_DTMF_INFO;
	call_sdes_local(c, call_remote_sdp(c->a.is_web ? &c->b : &c->a), ret);
	ret->session_id = leg->sdp_session_id;
	ret->session_version = ++leg->sdp_version;
}

/* Nothing else says why such an m-line is refused. */
static void tell_names(const struct call *c, const struct sdp *s)
{
	static struct log_limit limit;

	for (unsigned int i = 0; i < s->media_count; i++)
		if (s->media[i].port && s->media[i].connection_host[0] &&
		    !s->media[i].ice_ufrag[0] &&
		    log_limit_pass(&limit, 5, NULL))
			log_call_warn(c ? c->id : NULL, "SDP: m-line %u has "
				      "the name %s for its address, which is "
				      "not looked up; let the SIP side write "
				      "an address in c=", i + 1,
				      s->media[i].connection_host);
}

int call_parse_sdp(const struct call *c, const struct sip_msg *m,
		   struct sdp **ret)
{
	const char *encoding = sip_msg_header(m, "Content-Encoding");
	const char *type = sip_msg_content_type(m);
	static struct log_limit limit;
	char reason[128] = "";
	const char *body;
	uint32_t more;
	size_t len;
	int err = 0;

	body = sip_msg_body(m, &len);
	if (!body || !len || !type)
		return -ENODATA;
	if (encoding && strcasecmp(encoding, "identity"))
		return -ENOTSUP;
	if (!strncasecmp(type, "multipart/", 10))
		err = call_sdp_part(type, body, len, &body, &len);
	else if (strncasecmp(type, "application/sdp", 15))
		err = -ENOTSUP;
	if (err)
		return err;
	err = sdp_parse(body, len, ret, reason);
	if (!err)
		tell_names(c, *ret);
	else if (log_limit_pass(&limit, LOG_BURST, &more))
		log_call_info(c ? c->id : NULL, "SDP of %s refused: %s, "
			      "%u more not logged", sip_msg_from_uri(m), reason,
			      more);
	return err;
}

void call_set_exchange(struct call *c, bool offerer_is_a, struct sdp *a_offer,
		       struct sdp *b_offer, struct sdp *b_answer,
		       struct sdp *a_answer)
{
	sdp_free(c->a_offer);
	sdp_free(c->a_answer);
	sdp_free(c->b_offer);
	sdp_free(c->b_answer);
	c->offerer_is_a = offerer_is_a;
	c->a_offer = a_offer;
	c->b_offer = b_offer;
	c->b_answer = b_answer;
	c->a_answer = a_answer;
}

static void web_side(const struct sdp *s, struct media_config *cfg)
{
	const struct sdp_media *m = NULL;

	for (unsigned int i = 0; i < s->media_count && !m; i++)
		if (s->media[i].ice_ufrag[0])
			m = &s->media[i];
	if (!m)
		return;
	cfg->has_web = true;
	cfg->role = m->setup == SDP_SETUP_PASSIVE ? MEDIA_DTLS_CLIENT :
						    MEDIA_DTLS_SERVER;
	snprintf(cfg->remote_ufrag, sizeof(cfg->remote_ufrag), "%s",
		 m->ice_ufrag);
	snprintf(cfg->remote_password, sizeof(cfg->remote_password), "%s",
		 m->ice_pwd);
	snprintf(cfg->fingerprint_hash, sizeof(cfg->fingerprint_hash), "%s",
		 m->fingerprint.hash);
	memcpy(cfg->fingerprint, m->fingerprint.digest, m->fingerprint.len);
	cfg->fingerprint_len = m->fingerprint.len;
}

/* What that end of an m-line takes: any of its codecs will do. */
static uint32_t feedback_of(const struct sdp *s, uint32_t i)
{
	uint32_t bits = 0, ret = 0;

	for (uint32_t n = 0; i < s->media_count && n < s->media[i].codec_count;
	     n++)
		bits |= s->media[i].codec[n].feedback;
	ret |= bits & SDP_FB_NACK ? SLUICE_FEEDBACK_NACK : 0;
	ret |= bits & SDP_FB_PLI ? SLUICE_FEEDBACK_PLI : 0;
	ret |= bits & SDP_FB_FIR ? SLUICE_FEEDBACK_FIR : 0;
	ret |= bits & SDP_FB_REMB ? SLUICE_FEEDBACK_REMB : 0;
	return ret;
}

/* What becomes of it on its way from one codec to the other. */
static uint8_t conversion(const char *from, uint32_t from_hz, const char *to,
			  uint32_t to_hz)
{
	if (from_hz != to_hz)
		return from_hz < to_hz ? SLUICE_CONVERT_EVENT_UP :
					 SLUICE_CONVERT_EVENT_DOWN;
	if (!strcasecmp(from, "PCMU") && !strcasecmp(to, "PCMA"))
		return SLUICE_CONVERT_PCMU_PCMA;
	if (!strcasecmp(from, "PCMA") && !strcasecmp(to, "PCMU"))
		return SLUICE_CONVERT_PCMA_PCMU;
	return SLUICE_CONVERT_NONE;
}

/* Feedback about transport-wide numbers goes to where they come from. */
static void extension_sides(const struct sdp_stream_map *map, bool web_is_a,
			    struct media_stream_config *ret)
{
	ret->extensions_to_sip = web_is_a ? map->extensions_a_to_b :
					    map->extensions_b_to_a;
	ret->extensions_to_web = web_is_a ? map->extensions_b_to_a :
					    map->extensions_a_to_b;
	if (web_is_a ? map->cc_a_to_b : map->cc_b_to_a)
		ret->web_feedback |= SLUICE_FEEDBACK_TRANSPORT_CC;
	if (web_is_a ? map->cc_b_to_a : map->cc_a_to_b)
		ret->sip_feedback |= SLUICE_FEEDBACK_TRANSPORT_CC;
}

static void payload_side(const struct sdp_payload_map *p, bool web_is_a,
			 struct media_payload *ret)
{
	uint8_t to_b = conversion(p->name, p->clock_hz, p->b_name,
				  p->b_clock_hz);
	uint8_t to_a = conversion(p->b_name, p->b_clock_hz, p->name,
				  p->clock_hz);

	ret->to_sip = web_is_a ? to_b : to_a;
	ret->to_web = web_is_a ? to_a : to_b;
	if (to_b == SLUICE_CONVERT_EVENT_UP)
		ret->ratio = (uint8_t)(p->b_clock_hz / p->clock_hz);
	else if (to_b == SLUICE_CONVERT_EVENT_DOWN)
		ret->ratio = (uint8_t)(p->clock_hz / p->b_clock_hz);
	ret->web_rx = web_is_a ? p->a_rx : p->b_rx;
	ret->web_tx = web_is_a ? p->a_tx : p->b_tx;
	ret->sip_rx = web_is_a ? p->b_rx : p->a_rx;
	ret->sip_tx = web_is_a ? p->b_tx : p->a_tx;
	ret->clock_hz = web_is_a ? p->clock_hz : p->b_clock_hz;
	snprintf(ret->name, sizeof(ret->name), "%s", p->name);
}

/*
 * A browser sends the first codec that it was told and knows. If the other
 * side takes only another one by now, it has to be told.
 */
static bool sends_in_vain(const struct call *c, uint32_t index, bool web_is_a,
			  const struct sdp_stream_map *map)
{
	const struct call_leg *web = c->a.is_web ? &c->a : &c->b;
	const struct sdp *told = call_local_sdp(web);
	const struct sdp *said = call_remote_sdp(web);
	const struct sdp_codec *first = NULL;

	for (uint32_t i = 0; i < told->media[index].codec_count; i++) {
		const struct sdp_codec *t = &told->media[index].codec[i];

		for (uint32_t k = 0; k < said->media[index].codec_count; k++)
			if (!first && strcasecmp(t->name, "telephone-event") &&
			    strcasecmp(t->name, "CN") &&
			    sdp_codec_same(t, &said->media[index].codec[k]))
				first = t;
	}
	for (uint32_t p = 0; first && p < map->payload_count; p++)
		if (first->pt == (web_is_a ? map->payload[p].a_rx :
					     map->payload[p].b_rx))
			return false;
	return first && (web_is_a ? map->a_to_b : map->b_to_a);
}

int call_configure_media(struct call *c)
{
	bool web_is_a = (c->offerer_is_a ? &c->a : &c->b)->is_web;
	const struct sdp *web = web_description(c);
	const struct sdp *sip = web_is_a ? c->b_answer : c->a_offer;
	const struct sdp *sip_told = web_is_a ? c->b_offer : c->a_answer;
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	struct media_config *cfg;
	uint32_t count;
	int err;

	if (!c->a_offer || !c->a_answer || !c->b_offer || !c->b_answer)
		return -EINVAL;
	err = sdp_map_streams(c->a_offer, c->a_answer, c->b_offer, c->b_answer,
			      map, &count);
	if (err)
		return err;
	cfg = calloc(1, sizeof(*cfg));
	if (!cfg)
		return -ENOMEM;
	web_side(web, cfg);
	c->needs_resync = false;
	cfg->stream_count = count > MEDIA_STREAMS ? MEDIA_STREAMS : count;
	for (unsigned int i = 0; i < cfg->stream_count; i++) {
		struct media_stream_config *s = &cfg->stream[i];

		s->enabled = map[i].enabled;
		snprintf(s->kind, sizeof(s->kind), "%.11s", web->media[i].kind);
		if (i < sip->media_count &&
		    sends_in_vain(c, i, web_is_a, &map[i]))
			c->needs_resync = true;
		if (!s->enabled || i >= sip->media_count)
			continue;
		s->web_to_sip = web_is_a ? map[i].a_to_b : map[i].b_to_a;
		s->sip_to_web = web_is_a ? map[i].b_to_a : map[i].a_to_b;
		s->sip_rtcp_mux = sip->media[i].rtcp_mux;
		s->sip_remote = sip->media[i].addr;
		s->sip_remote_rtcp = sip->media[i].rtcp;
		call_sdes_config(&sip_told->media[i], &sip->media[i], &s->sdes);
		s->web_feedback = feedback_of(web, i);
		s->sip_feedback = call_picture_config(c, s->kind,
						      feedback_of(sip, i));
		extension_sides(&map[i], web_is_a, s);
		for (unsigned int p = 0; p < map[i].payload_count &&
		     s->payload_count < MEDIA_PAYLOADS; p++)
			payload_side(&map[i].payload[p], web_is_a,
				     &s->payload[s->payload_count++]);
		call_digits_config(c, i, s);
	}
	err = media_configure(c->calls->settings.media, c->media_id, cfg);
	explicit_bzero(cfg, sizeof(*cfg));
	free(cfg);
	return err;
}
