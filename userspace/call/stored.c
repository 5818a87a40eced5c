/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call as a record: what the next run needs to go on with it, or to end it
 * on each side. Written before its INVITE leaves, before its 2xx leaves, and
 * at each change after that.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/log.h"
#include "store/store.h"

/* Without keys (RFC 4568): those in force are in the kernel. */
static void put_sdp(struct record *r, const char *name, const struct sdp *s)
{
	struct sdp *copy = s ? sdp_copy(s) : NULL;
	char *text;

	if (!copy)
		return;
	for (uint32_t i = 0; i < copy->media_count; i++) {
		struct sdp_media *m = &copy->media[i];

		explicit_bzero(m->crypto, sizeof(m->crypto));
		m->crypto_count = 0;
	}
	text = sdp_print(copy);
	record_put_text(r, name, text);
	free(text);
	sdp_free(copy);
}

static void put_leg(struct record *r, const char *prefix,
		    const struct call_leg *leg)
{
	const struct call_session *s = &leg->session;
	char name[RECORD_NAME_LEN];

#define NAMED(field) (snprintf(name, sizeof(name), "%s" field, prefix), name)
	record_put_number(r, NAMED("is-web"), leg->is_web);
	record_put_text(r, NAMED("alias"), leg->alias);
	record_put_text(r, NAMED("uri"), leg->uri);
	record_put_number(r, NAMED("sdp-session"), leg->sdp_session_id);
	record_put_number(r, NAMED("sdp-version"), leg->sdp_version);
	record_put_number(r, NAMED("bye-done"), leg->bye_done);
	record_put_number(r, NAMED("session-interval"), s->interval_s);
	record_put_number(r, NAMED("session-min-se"), s->min_se_s);
	record_put_number(r, NAMED("session-ours"), s->we_refresh);
	record_put_number(r, NAMED("session-update"), s->peer_has_update);
	if (s->interval_s)
		record_put_number(r, NAMED("session-expires"),
				  clock_to_wall(s->expires_ms));
#undef NAMED
	if (leg->dialog)
		sip_dialog_store(leg->dialog, prefix, r);
}

/* What an answer to it is made of: neither its body nor credentials. */
static bool is_for_answers(const char *line)
{
	static const char *const names[] = {
		"INVITE ", "Via:", "Record-Route:", "From:", "To:", "Call-ID:",
		"CSeq:", "Contact:", "Max-Forwards:", "Supported:", "Require:",
		"Allow:", "Session-Expires:", "Min-SE:",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncasecmp(line, names[i], strlen(names[i])))
			return true;
	return false;
}

char *call_invite_text(const struct sip_msg *m)
{
	char *text = sip_msg_print(m, NULL), *out = NULL, *line, *end;
	bool is_kept = false;
	size_t len;
	FILE *f = text ? open_memstream(&out, &len) : NULL;

	for (line = text; f && line && *line && *line != '\r'; line = end) {
		end = strstr(line, "\r\n");
		end = end ? end + 2 : line + strlen(line);
		if (*line != ' ' && *line != '\t')
			is_kept = is_for_answers(line);
		if (is_kept)
			fwrite(line, 1, (size_t)(end - line), f);
	}
	if (f) {
		fputs("Content-Length: 0\r\n\r\n", f);
		fclose(f);
	}
	free(text);
	return out;
}

/* The caller's INVITE, while an answer to it may have to be made. */
static void put_invite(struct record *r, struct call *c)
{
	if (c->a.is_web || c->state == CALL_UP)
		return;
	/* Of several that ring for it, one answers. */
	if (c->state < CALL_ANSWERED && !call_fork_is_first(c))
		return;
	if (c->invite && !c->a_invite) {
		c->a_invite = call_invite_text(sip_server_request(c->invite));
		snprintf(c->a_source, sizeof(c->a_source), "%s",
			 sip_server_source(c->invite)->uri);
	}
	record_put_text(r, "a.invite", c->a_invite);
	record_put_text(r, "a.source", c->a_source);
}

static void put_call(struct call *c)
{
	struct store *store = c->calls->settings.store;
	struct record *r = record_new();

	if (!r) {
		log_call_err(c->id, "not stored: out of memory");
		return;
	}
	record_put_text(r, "state", call_state_name(c->state));
	put_leg(r, "a.", &c->a);
	put_leg(r, "b.", &c->b);
	put_invite(r, c);
	record_put_text(r, "b.ruri", c->b_ruri);
	record_put_text(r, "b.branch", c->b_branch);
	record_put_number(r, "media", c->media_id);
	record_put_number(r, "is-direct", c->is_direct);
	record_put_number(r, "is-secured", c->is_secured);
	record_put_number(r, "started", c->started_wall_ms);
	if (c->answered_ms)
		record_put_number(r, "answered",
				  clock_to_wall(c->answered_ms));
	record_put_number(r, "refers", c->refers);
	call_transfer_store(c, r);
	record_put_number(r, "offerer-is-a", c->offerer_is_a);
	record_put_number(r, "is-late", c->is_late);
	record_put_number(r, "is-late-done", c->is_late_done);
	/* Before the answer there is no exchange in force. */
	if (c->state == CALL_ANSWERED || c->state == CALL_UP) {
		put_sdp(r, "a.offer", c->a_offer);
		put_sdp(r, "a.answer", c->a_answer);
		put_sdp(r, "b.offer", c->b_offer);
		put_sdp(r, "b.answer", c->b_answer);
	}
	if (c->state == CALL_ENDED) {
		record_put_text(r, "cause", c->cause);
		record_put_number(r, "ended", clock_to_wall(c->ended_ms));
	}
	store_put(store, STORE_CALL, c->id, r);
	c->is_stored = true;
	record_free(r);
}

void call_store(struct call *c)
{
	if (c->calls->settings.store && c->state != CALL_ENDED)
		put_call(c);
}

void call_store_ended(struct call *c)
{
	if (c->is_stored && call_farewells_own(c))
		put_call(c);
	else
		call_unstore(c);
}

void call_unstore(struct call *c)
{
	if (c->is_stored)
		store_delete(c->calls->settings.store, STORE_CALL, c->id);
	c->is_stored = false;
}

/* ---- subscriptions ----------------------------------------------------- */

void call_sub_store(struct call_sub *s)
{
	struct store *store = s->calls->settings.store;
	struct record *r;

	if (!store || !s->a.key || !s->b.dialog || !s->b.dialog->remote_tag)
		return;
	r = record_new();
	if (!r)
		return;
	sip_dialog_store(s->a.dialog, "a.", r);
	sip_dialog_store(s->b.dialog, "b.", r);
	record_put_text(r, "a.alias", s->a.alias);
	record_put_text(r, "b.alias", s->b.alias);
	record_put_number(r, "uses", s->uses);
	record_put_number(r, "expires", clock_to_wall(s->expires_ms));
	store_put(store, STORE_SUB, s->a.key, r);
	s->is_stored = true;
	record_free(r);
}

void call_sub_unstore(struct call_sub *s)
{
	if (s->is_stored)
		store_delete(s->calls->settings.store, STORE_SUB, s->a.key);
	s->is_stored = false;
}

/* ---- in another run --------------------------------------------------- */

static struct sdp *get_sdp(const struct record *r, const char *name)
{
	const char *text = record_text(r, name);
	struct sdp *s;

	if (!text || sdp_parse(text, strlen(text), &s, NULL))
		return NULL;
	return s;
}

static int get_leg(const struct record *r, const char *prefix,
		   struct call_leg *leg)
{
	struct call_session *s = &leg->session;
	char name[RECORD_NAME_LEN];
	struct sip_dialog *d;
	int err = sip_dialog_restore(r, prefix, &d);

	if (!err)
		err = call_leg_attach(leg, d);
	if (err)
		return err;
#define NUMBER(field) (snprintf(name, sizeof(name), "%s" field, prefix), \
		       record_number(r, name, 0))
	leg->is_web = NUMBER("is-web");
	leg->sdp_session_id = NUMBER("sdp-session");
	leg->sdp_version = NUMBER("sdp-version") + CALL_SDP_JUMP;
	leg->bye_done = NUMBER("bye-done");
	s->interval_s = (uint32_t)NUMBER("session-interval");
	s->min_se_s = (uint32_t)NUMBER("session-min-se");
	s->we_refresh = NUMBER("session-ours");
	s->peer_has_update = NUMBER("session-update");
	s->expires_ms = clock_from_wall(NUMBER("session-expires"));
#undef NUMBER
	snprintf(name, sizeof(name), "%salias", prefix);
	record_copy_text(r, name, leg->alias, sizeof(leg->alias));
	snprintf(name, sizeof(name), "%suri", prefix);
	record_copy_text(r, name, leg->uri, sizeof(leg->uri));
	return 0;
}

/* The wall clock may have been set back since. */
static uint64_t past_from_wall(uint64_t wall_ms)
{
	uint64_t at_ms = clock_from_wall(wall_ms), now_ms = clock_ms();

	return at_ms < now_ms ? at_ms : now_ms;
}

static void get_times(struct call *c, const struct record *r)
{
	uint64_t answered = record_number(r, "answered", 0);

	c->started_wall_ms = record_number(r, "started", c->started_wall_ms);
	c->started_ms = past_from_wall(c->started_wall_ms);
	if (answered)
		c->answered_ms = past_from_wall(answered);
	c->ended_ms = past_from_wall(record_number(r, "ended", 0));
}

int call_unpack(struct call *c, const char *id, const struct record *r)
{
	const char *invite = record_text(r, "a.invite");
	int err;

	snprintf(c->id, sizeof(c->id), "%s", id);
	c->is_stored = true;
	err = get_leg(r, "a.", &c->a);
	if (err)
		return err;
	/* There is none yet while the browser is waited for. */
	err = get_leg(r, "b.", &c->b);
	if (err && err != -ENODATA)
		return err;
	get_times(c, r);
	record_copy_text(r, "b.ruri", c->b_ruri, sizeof(c->b_ruri));
	record_copy_text(r, "b.branch", c->b_branch, sizeof(c->b_branch));
	record_copy_text(r, "a.source", c->a_source, sizeof(c->a_source));
	if (invite)
		c->a_invite = strdup(invite);
	record_copy_text(r, "cause", c->cause, sizeof(c->cause));
	c->local.id = (uint32_t)record_number(r, "media", 0);
	c->is_direct = record_number(r, "is-direct", 0);
	c->is_secured = record_number(r, "is-secured", 0);
	c->refers = (unsigned int)record_number(r, "refers", 0);
	c->is_late = record_number(r, "is-late", 0);
	c->is_late_done = record_number(r, "is-late-done", 0);
	call_set_exchange(c, record_number(r, "offerer-is-a", 1),
			  get_sdp(r, "a.offer"), get_sdp(r, "b.offer"),
			  get_sdp(r, "b.answer"), get_sdp(r, "a.answer"));
	call_transfer_restore(c, r);
	/* What only printing knows of a description of ours. */
	if (c->a.is_web && c->offerer_is_a && c->a_answer)
		sdp_own_parsed(c->a_answer);
	if ((c->a.is_web != c->offerer_is_a) && c->b_offer)
		sdp_own_parsed(c->b_offer);
	return 0;
}
