/* SPDX-License-Identifier: Apache-2.0 */
#include "media/saved.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "lib/port.h"
#include "media/srtcp.h"
#include "store/store.h"

/*
 * Whoever adds a field decides here whether it has to outlive the daemon. Keys
 * of the SIP side do so in the kernel only.
 */
_Static_assert(sizeof(struct media_payload) == 32, "struct media_payload");
_Static_assert(sizeof(struct media_stream_config) == 1200,
	       "struct media_stream_config");
_Static_assert(sizeof(struct media_config) == 10212, "struct media_config");
_Static_assert(sizeof(struct media_local) == 420, "struct media_local");

#define PAYLOAD_LEN	32	/* a struct media_payload in the record */
#define PAYLOAD_NAME	12	/* offset of its name */

#define SRTCP_RESERVE	1024	/* indices; about an hour of RTCP */

enum { IS_ENABLED = 1, IS_TO_SIP = 2, IS_TO_WEB = 4, IS_MUX = 8,
       IS_LEARNING = 16, IS_RTCP_LEARNING = 32, IS_ACTIVE = 64,
       IS_EXTENDED_TO_SIP = 128, IS_EXTENDED_TO_WEB = 256 };

/* ---- fields --------------------------------------------------------------- */

struct name {
	char text[RECORD_NAME_LEN];
};

static struct name numbered(const char *stem, uint32_t i)
{
	struct name n;

	snprintf(n.text, sizeof(n.text), "%s-%" PRIu32, stem, i);
	return n;
}

static void put_addr(struct record *r, const char *name, const struct addr *a)
{
	char text[ADDR_STRLEN];

	if (addr_is_set(a))
		record_put_text(r, name, addr_format(a, text));
}

/* What is not there stays unset. */
static void get_addr(const struct record *r, const char *name, struct addr *ret)
{
	const char *text = record_text(r, name);

	if (text)
		addr_parse(text, ret);
}

static uint32_t get32(const struct record *r, const char *name)
{
	return (uint32_t)record_number(r, name, 0);
}

/* ---- one m-line ------------------------------------------------------------ */

static void pack_payloads(const struct media_stream_config *c, uint32_t i,
			  struct record *r)
{
	uint8_t all[MEDIA_PAYLOADS * PAYLOAD_LEN] = { 0 };

	for (uint32_t n = 0; n < c->payload_count; n++) {
		const struct media_payload *p = &c->payload[n];
		uint8_t *to = all + n * PAYLOAD_LEN;

		to[0] = p->web_rx;
		to[1] = p->sip_tx;
		to[2] = p->sip_rx;
		to[3] = p->web_tx;
		sluice_put32(to + 4, p->clock_hz);
		to[8] = p->to_sip;
		to[9] = p->to_web;
		to[10] = p->ratio;
		memcpy(to + PAYLOAD_NAME, p->name, sizeof(p->name));
	}
	record_put_bytes(r, numbered("payloads", i).text, all,
			 c->payload_count * PAYLOAD_LEN);
}

static int unpack_payloads(const struct record *r, uint32_t i,
			   struct media_stream_config *c)
{
	size_t len = 0;
	const uint8_t *from = record_bytes(r, numbered("payloads", i).text,
					   &len);

	if (len % PAYLOAD_LEN || len > MEDIA_PAYLOADS * PAYLOAD_LEN)
		return -EBADMSG;
	c->payload_count = (uint32_t)(len / PAYLOAD_LEN);
	for (uint32_t n = 0; n < c->payload_count; n++) {
		struct media_payload *p = &c->payload[n];

		p->web_rx = from[0];
		p->sip_tx = from[1];
		p->sip_rx = from[2];
		p->web_tx = from[3];
		p->clock_hz = sluice_get32(from + 4);
		p->to_sip = from[8];
		p->to_web = from[9];
		p->ratio = from[10];
		memcpy(p->name, from + PAYLOAD_NAME, sizeof(p->name));
		p->name[sizeof(p->name) - 1] = '\0';
		from += PAYLOAD_LEN;
	}
	return 0;
}

static void pack_stream(const struct session *s, uint32_t i, struct record *r)
{
	const struct media_stream_config *c = &s->config.stream[i];
	const struct session_stream *st = &s->stream[i];
	uint64_t flags = (c->enabled ? IS_ENABLED : 0) |
			 (c->web_to_sip ? IS_TO_SIP : 0) |
			 (c->sip_to_web ? IS_TO_WEB : 0) |
			 (c->sip_rtcp_mux ? IS_MUX : 0) |
			 (c->extensions_to_sip ? IS_EXTENDED_TO_SIP : 0) |
			 (c->extensions_to_web ? IS_EXTENDED_TO_WEB : 0) |
			 (st->is_learning ? IS_LEARNING : 0) |
			 (st->is_rtcp_learning ? IS_RTCP_LEARNING : 0) |
			 (st->active_since_ms ? IS_ACTIVE : 0);

	record_put_number(r, numbered("flags", i).text, flags);
	record_put_text(r, numbered("kind", i).text, c->kind);
	put_addr(r, numbered("sdp", i).text, &c->sip_remote);
	put_addr(r, numbered("sdp-rtcp", i).text, &c->sip_remote_rtcp);
	put_addr(r, numbered("rtcp", i).text, &st->rtcp_remote);
	pack_payloads(c, i, r);
	put_addr(r, numbered("local", i).text, &st->local);
	record_put_number(r, numbered("web-ssrc", i).text,
			  s->local.web_ssrc[i]);
	record_put_number(r, numbered("sip-ssrc", i).text,
			  s->local.sip_ssrc[i]);
	record_put_number(r, numbered("transport", i).text, st->transport);
	record_put_number(r, numbered("to-sip", i).text, st->stream[TO_SIP]);
	record_put_number(r, numbered("to-web", i).text, st->stream[TO_WEB]);
	record_put_number(r, numbered("learned", i).text, st->learn_base);
	record_put_number(r, numbered("web-feedback", i).text,
			  c->web_feedback);
	record_put_number(r, numbered("sip-feedback", i).text,
			  c->sip_feedback);
}

static int unpack_stream(const struct record *r, uint32_t i, struct session *s,
			 struct saved_ids *ids)
{
	struct media_stream_config *c = &s->config.stream[i];
	struct session_stream *st = &s->stream[i];
	uint32_t flags = get32(r, numbered("flags", i).text);

	c->enabled = flags & IS_ENABLED;
	c->web_to_sip = flags & IS_TO_SIP;
	c->sip_to_web = flags & IS_TO_WEB;
	c->sip_rtcp_mux = flags & IS_MUX;
	c->extensions_to_sip = flags & IS_EXTENDED_TO_SIP;
	c->extensions_to_web = flags & IS_EXTENDED_TO_WEB;
	st->is_learning = flags & IS_LEARNING;
	st->is_rtcp_learning = flags & IS_RTCP_LEARNING;
	st->active_since_ms = flags & IS_ACTIVE ? 1 : 0;
	record_copy_text(r, numbered("kind", i).text, c->kind, sizeof(c->kind));
	get_addr(r, numbered("sdp", i).text, &c->sip_remote);
	get_addr(r, numbered("sdp-rtcp", i).text, &c->sip_remote_rtcp);
	get_addr(r, numbered("rtcp", i).text, &st->rtcp_remote);
	get_addr(r, numbered("local", i).text, &st->local);
	st->sdp_remote = c->sip_remote;
	st->sdp_rtcp = session_rtcp_of(c);
	s->local.sip[i] = st->local;
	s->local.web_ssrc[i] = get32(r, numbered("web-ssrc", i).text);
	s->local.sip_ssrc[i] = get32(r, numbered("sip-ssrc", i).text);
	ids->transport[i] = get32(r, numbered("transport", i).text);
	ids->stream[i][TO_SIP] = get32(r, numbered("to-sip", i).text);
	ids->stream[i][TO_WEB] = get32(r, numbered("to-web", i).text);
	c->web_feedback = get32(r, numbered("web-feedback", i).text);
	c->sip_feedback = get32(r, numbered("sip-feedback", i).text);
	st->learn_base = record_number(r, numbered("learned", i).text, 0);
	if (!st->local.port || !ids->transport[i])
		return -EBADMSG;
	return unpack_payloads(r, i, c);
}

/* ---- the whole ------------------------------------------------------------- */

static void pack_credentials(const struct session *s, struct record *r)
{
	for (uint32_t i = 0; i < 2; i++) {
		const struct credentials *c = &s->ours[i];

		if (!c->generation)
			continue;
		record_put_number(r, numbered("generation", i).text,
				  c->generation);
		record_put_bytes(r, numbered("ufrag", i).text, c->entry.ufrag,
				 SLUICE_UFRAG_LEN);
		record_put_text(r, numbered("password", i).text, c->password);
	}
	record_put_number(r, "newest", s->newest);
}

static int unpack_credentials(const struct record *r, struct session *s)
{
	s->newest = get32(r, "newest") & 1;
	for (uint32_t i = 0; i < 2; i++) {
		struct credentials *c = &s->ours[i];
		size_t len = 0;
		const void *ufrag = record_bytes(r, numbered("ufrag", i).text,
						 &len);

		if (!ufrag)
			continue;
		if (len != SLUICE_UFRAG_LEN ||
		    record_copy_text(r, numbered("password", i).text,
				     c->password, sizeof(c->password)))
			return -EBADMSG;
		memcpy(c->entry.ufrag, ufrag, SLUICE_UFRAG_LEN);
		c->generation = get32(r, numbered("generation", i).text);
	}
	if (!s->ours[s->newest].generation)
		return -EBADMSG;
	memcpy(s->local.ufrag, s->ours[s->newest].entry.ufrag,
	       SLUICE_UFRAG_LEN);
	memcpy(s->local.password, s->ours[s->newest].password,
	       sizeof(s->local.password));
	return 0;
}

static void pack_peer(const struct session *s, struct record *r)
{
	const struct media_config *c = &s->config;

	record_put_number(r, "role", c->role);
	record_put_text(r, "remote-ufrag", c->remote_ufrag);
	record_put_text(r, "previous-ufrag", s->previous_ufrag);
	record_put_text(r, "peer-hash", c->fingerprint_hash);
	record_put_bytes(r, "peer-fingerprint", c->fingerprint,
			 c->fingerprint_len);
	record_put_text(r, "checked-hash", s->checked_hash);
	record_put_bytes(r, "checked", s->checked_fingerprint,
			 s->checked_len);
}

static int get_fingerprint(const struct record *r, const char *name,
			   uint8_t fingerprint[64], uint32_t *ret_len)
{
	size_t len = 0;
	const void *data = record_bytes(r, name, &len);

	if (!data || !len || len > 64)
		return -EBADMSG;
	memcpy(fingerprint, data, len);
	*ret_len = (uint32_t)len;
	return 0;
}

static int unpack_peer(const struct record *r, struct session *s)
{
	struct media_config *c = &s->config;
	int err;

	c->has_web = true;
	c->role = get32(r, "role") ? MEDIA_DTLS_CLIENT : MEDIA_DTLS_SERVER;
	record_copy_text(r, "previous-ufrag", s->previous_ufrag,
			 sizeof(s->previous_ufrag));
	err = record_copy_text(r, "remote-ufrag", c->remote_ufrag,
			       sizeof(c->remote_ufrag));
	if (!err)
		err = record_copy_text(r, "peer-hash", c->fingerprint_hash,
				       sizeof(c->fingerprint_hash));
	if (!err)
		err = record_copy_text(r, "checked-hash", s->checked_hash,
				       sizeof(s->checked_hash));
	if (!err)
		err = get_fingerprint(r, "peer-fingerprint", c->fingerprint,
				      &c->fingerprint_len);
	if (!err)
		err = get_fingerprint(r, "checked", s->checked_fingerprint,
				      &s->checked_len);
	return err ? -EBADMSG : 0;
}

void saved_pack(const struct session *s, struct record *r)
{
	record_put_text(r, "call", s->call);
	record_put_number(r, "backend", s->backend);
	record_put_number(r, "transport", s->web_transport);
	record_put_number(r, "rtcp-ports", s->stream[0].rtcp.fd >= 0);
	record_put_text(r, "cname", s->local.cname);
	record_put_text(r, "fingerprint", s->local.fingerprint);
	put_addr(r, "web", &s->local.web);
	record_put_number(r, "srtcp", s->srtcp_ceiling);
	/* CLOCK_MONOTONIC: a record of another boot is not adopted */
	record_put_number(r, "ice-ms", s->ice_selected_ms);
	record_put_number(r, "dtls-ms", s->dtls_done_ms);
	record_put_number(r, "first-web-ms", s->first_ms[MEDIA_SIDE_WEB]);
	record_put_number(r, "first-sip-ms", s->first_ms[MEDIA_SIDE_SIP]);
	pack_credentials(s, r);
	pack_peer(s, r);
	record_put_number(r, "streams", s->stream_count);
	record_put_number(r, "configured", s->config.stream_count);
	for (uint32_t i = 0; i < s->stream_count; i++)
		pack_stream(s, i, r);
}

int saved_unpack(const struct record *r, uint32_t id, struct session *s,
		 struct saved_ids *ret_ids)
{
	struct saved_ids ids = {
		.backend = get32(r, "backend"),
		.rtcp_ports = get32(r, "rtcp-ports"),
		.web_transport = get32(r, "transport"),
	};
	int err;

	s->id = s->local.id = id;
	record_copy_text(r, "call", s->call, sizeof(s->call));
	record_copy_text(r, "cname", s->local.cname, sizeof(s->local.cname));
	record_copy_text(r, "fingerprint", s->local.fingerprint,
			 sizeof(s->local.fingerprint));
	get_addr(r, "web", &s->local.web);
	s->srtcp_ceiling = get32(r, "srtcp");
	s->ice_selected_ms = record_number(r, "ice-ms", 0);
	s->dtls_done_ms = record_number(r, "dtls-ms", 0);
	s->first_ms[MEDIA_SIDE_WEB] = record_number(r, "first-web-ms", 0);
	s->first_ms[MEDIA_SIDE_SIP] = record_number(r, "first-sip-ms", 0);
	s->stream_count = get32(r, "streams");
	s->config.stream_count = get32(r, "configured");
	s->is_configured = true;
	if (!s->stream_count || s->stream_count > MEDIA_STREAMS ||
	    s->config.stream_count > s->stream_count)
		return -EBADMSG;
	err = unpack_credentials(r, s);
	if (!err)
		err = unpack_peer(r, s);
	for (uint32_t i = 0; i < s->stream_count && !err; i++)
		err = unpack_stream(r, i, s, &ids);
	if (!err)
		*ret_ids = ids;
	return err;
}

/* ---- the store -------------------------------------------------------------- */

static struct name id_of(const struct session *s)
{
	struct name n;

	snprintf(n.text, sizeof(n.text), "%" PRIu32, s->id);
	return n;
}

void session_save(struct session *s)
{
	struct record *r;

	if (!s->w->settings.store || !s->has_keys)
		return;
	r = record_new();
	if (!r) {
		log_call_err(s->call, "media: not stored: out of memory");
		return;
	}
	saved_pack(s, r);
	store_put(s->w->settings.store, STORE_MEDIA, id_of(s).text, r);
	record_free(r);
	s->is_saved = true;
}

void session_unsave(struct session *s)
{
	if (s->is_saved)
		store_delete(s->w->settings.store, STORE_MEDIA, id_of(s).text);
}

void session_reserve_srtcp(struct session *s, const struct srtcp *srtcp)
{
	uint32_t next = srtcp_next_index(srtcp);

	if (next < s->srtcp_ceiling)
		return;
	s->srtcp_ceiling = next + SRTCP_RESERVE;
	session_save(s);
}
