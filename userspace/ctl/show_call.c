/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and their streams. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "ctl/direction.h"
#include "ctl/show_parts.h"

#define CANDIDATES	8	/* named when an id is ambiguous */

bool show_is_one_way(const struct call_info *info)
{
	return info->silent != QUALITY_HEARD;
}

static json_t *silent_side(const struct call_info *info)
{
	if (info->silent == QUALITY_HEARD)
		return json_null();
	return json_string(info->silent == QUALITY_SILENT_WEB ? "web" : "sip");
}

static json_t *mos(const char *codec, const struct datapath_stream_stats *s)
{
	double ret;

	return quality_mos(codec, s, &ret) ? json_null() :
					     json_real(show_round(ret));
}

/* Age of a CLOCK_MONOTONIC time in ms; null: it was not yet. */
static json_t *age(uint64_t then_ms)
{
	uint64_t now = clock_ms();

	if (!then_ms)
		return json_null();
	return json_integer(now > then_ms ? (json_int_t)(now - then_ms) : 0);
}

static json_t *or_null(uint64_t ms)
{
	return ms ? json_integer((json_int_t)ms) : json_null();
}

static json_t *direction(const char *codec,
			 const struct datapath_stream_stats *s)
{
	json_t *o = direction_json(s);

	json_object_set_new(o, "mos", mos(codec, s));
	return o;
}

static json_t *stream(const struct call_info *info, uint32_t i)
{
	const struct media_stream_figures *s = &info->media.stream[i];

	return json_pack("{s:o, s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o}",
			 "call", ctl_text(info->id), "index", (json_int_t)i,
			 "kind", ctl_text(s->kind), "codec", ctl_text(s->codec),
			 "path", show_backend_name(info->media.backend),
			 "path_reason", ctl_text(info->media.backend_reason),
			 "srtp_profile", ctl_text(info->media.profile),
			 "web_remote", show_addr(&info->media.web_remote),
			 "sip_local", show_addr(&s->sip_local),
			 "sip_remote", show_addr(&s->sip_remote),
			 "web_to_sip", direction(s->codec, &s->web_to_sip),
			 "sip_to_web", direction(s->codec, &s->sip_to_web));
}

static json_t *leg(const struct call_leg_info *l)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}",
			 "side", l->is_web ? "web" : "sip",
			 "uri", ctl_text(l->uri), "call_id",
			 ctl_text(l->call_id), "peer", ctl_text(l->peer),
			 "state", ctl_text(l->state));
}

/* Sums over the streams: what a table's row shows. */
static void add_sums(json_t *o, const struct call_info *info)
{
	uint64_t packets[2] = { 0 }, lost = 0, received = 0;
	struct quality q = { 0 };
	uint32_t jitter_us = 0;
	const char *codec = "";

	for (uint32_t i = 0; info->has_media && i < info->media.stream_count;
	     i++) {
		const struct media_stream_figures *s = &info->media.stream[i];
		const struct datapath_stream_stats *d[] = { &s->web_to_sip,
							    &s->sip_to_web };

		if (!*codec)
			codec = s->codec;
		for (int j = 0; j < 2; j++) {
			packets[j] += d[j]->packets;
			lost += d[j]->lost;
			received += d[j]->received;
			if (d[j]->jitter_us > jitter_us)
				jitter_us = d[j]->jitter_us;
		}
	}
	json_object_set_new(o, "codec", ctl_text(codec));
	json_object_set_new(o, "web_to_sip_packets",
			    json_integer((json_int_t)packets[0]));
	json_object_set_new(o, "sip_to_web_packets",
			    json_integer((json_int_t)packets[1]));
	json_object_set_new(o, "loss_percent",
			    show_percent(lost, received + lost));
	json_object_set_new(o, "jitter_ms",
			    json_real((double)jitter_us / 1000));
	if (info->has_media)
		quality_of(&info->media, &q);
	json_object_set_new(o, "mos", q.mos > 0 ?
			    json_real(show_round(q.mos)) : json_null());
}

static json_t *call(const struct call_info *info)
{
	json_t *o = json_pack(
		"{s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:[o, o]}",
		"id", ctl_text(info->id), "state", ctl_text(info->state),
		"direction", ctl_text(info->direction),
		"one_way", show_is_one_way(info),
		"silent_side", silent_side(info),
		"started", ctl_time(info->started_wall_ms),
		"age_ms", (json_int_t)info->age_ms,
		"setup_ms", or_null(info->setup_ms),
		"answer_to_audio_ms", or_null(info->answer_to_audio_ms),
		"from", ctl_text(info->a.uri), "to", ctl_text(info->b.uri),
		"legs", leg(&info->a), leg(&info->b));

	json_object_set_new(o, "path",
			    json_string(info->has_media ?
				show_backend_name(info->media.backend) :
				"none"));
	json_object_set_new(o, "path_reason",
			    ctl_text(info->has_media ?
					     info->media.backend_reason : ""));
	add_sums(o, info);
	return o;
}

static json_t *call_in_full(const struct call_info *info)
{
	const struct media_figures *m = &info->media;
	json_t *o = call(info), *streams = json_array();

	for (uint32_t i = 0; info->has_media && i < m->stream_count; i++)
		json_array_append_new(streams, stream(info, i));
	json_object_set_new(o, "streams", streams);
	if (info->has_media)
		json_object_set_new(o, "media", json_pack(
			"{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
			"session", (json_int_t)m->id,
			"srtp_profile", ctl_text(m->profile),
			"web_remote", show_addr(&m->web_remote),
			"ice_selected_age_ms", age(m->ice_selected_ms),
			"dtls_done_age_ms", age(m->dtls_done_ms),
			"first_web_packet_age_ms", age(m->first_web_ms),
			"first_sip_packet_age_ms", age(m->first_sip_ms),
			"web_alive_age_ms", age(m->web_alive_ms),
			"consent_checks", (json_int_t)m->consent_checks));
	return o;
}

static bool add_call(void *arg, const struct call_info *info)
{
	json_array_append_new(arg, call(info));
	return true;
}

void show_calls(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	json_t *list = json_array();

	calls_each(x->calls, add_call, list);
	ret->body = json_pack("{s:o}", "calls", list);
}

static bool add_streams(void *arg, const struct call_info *info)
{
	for (uint32_t i = 0; info->has_media && i < info->media.stream_count;
	     i++)
		json_array_append_new(arg, stream(info, i));
	return true;
}

void show_streams(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	json_t *list = json_array();

	calls_each(x->calls, add_streams, list);
	ret->body = json_pack("{s:o}", "streams", list);
}

/* ---- one call -------------------------------------------------------- */

struct search {
	const char *id;
	unsigned int found;
	bool is_exact;
	json_t *match;		/* the newest found, in full */
	char names[CANDIDATES * (MEDIA_CALL_ID_LEN + 2)];
};

/* "alice" of "sip:alice@example.org". */
static bool is_user(const char *uri, const char *user)
{
	const char *start = strchr(uri, ':');
	size_t len = strlen(user);

	start = start ? start + 1 : uri;
	return !strncmp(start, user, len) && start[len] == '@';
}

static bool is_of(const struct datapath_stream_stats *s, unsigned long ssrc)
{
	if (s->out_ssrc == ssrc || s->in_ssrc == ssrc)
		return true;
	for (uint32_t i = 0; i < s->source_count; i++)
		if (s->source[i].ssrc == ssrc)
			return true;
	return false;
}

static bool has_ssrc(const struct call_info *info, const char *text)
{
	char *end;
	unsigned long ssrc = strtoul(text, &end, 0);

	if (*end || !ssrc || !info->has_media)
		return false;
	for (uint32_t i = 0; i < info->media.stream_count; i++) {
		const struct media_stream_figures *s = &info->media.stream[i];

		if (is_of(&s->web_to_sip, ssrc) || is_of(&s->sip_to_web, ssrc))
			return true;
	}
	return false;
}

static bool look(void *arg, const struct call_info *info)
{
	struct search *s = arg;
	size_t used = strlen(s->names);

	s->is_exact = !strcmp(info->id, s->id);
	if (!s->is_exact && strncmp(info->id, s->id, strlen(s->id)) &&
	    strcmp(info->a.call_id, s->id) && strcmp(info->b.call_id, s->id) &&
	    !is_user(info->a.uri, s->id) && !is_user(info->b.uri, s->id) &&
	    !has_ssrc(info, s->id))
		return true;
	s->found = s->is_exact ? 1 : s->found + 1;
	if (s->found <= CANDIDATES)
		snprintf(s->names + used, sizeof(s->names) - used, " %.16s",
			 info->id);
	json_decref(s->match);
	s->match = call_in_full(info);
	return !s->is_exact;
}

static void refuse_search(struct ctl_reply *ret, const struct search *s)
{
	if (!s->found)
		show_refuse(ret, "not-found", "no call %.64s", s->id);
	else
		show_refuse(ret, "refused", "%.64s is ambiguous:%s%s", s->id,
			    s->names, s->found > CANDIDATES ? " ..." : "");
}

void show_call(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	struct search s = { .id = show_id(args, ret) };

	if (!s.id)
		return;
	calls_each(x->calls, look, &s);
	if (s.found == 1) {
		ret->body = json_pack("{s:o}", "call", s.match);
		return;
	}
	refuse_search(ret, &s);
	json_decref(s.match);
}

/* The whole id of the one call that is meant, the caller's; or refuses. */
static char *one_call(const struct ctl_context *x, const json_t *args,
		      struct ctl_reply *ret)
{
	struct search s = { .id = show_id(args, ret) };
	char *id = NULL;

	if (!s.id)
		return NULL;
	calls_each(x->calls, look, &s);
	if (s.found == 1)
		id = strdup(json_string_value(json_object_get(s.match, "id")));
	else
		refuse_search(ret, &s);
	json_decref(s.match);
	return id;
}

static void refuse_order(struct ctl_reply *ret, const char *id, int err)
{
	show_refuse(ret, err == -ENOENT ? "not-found" : "refused",
		    "call %.16s: %s", id, strerror(-err));
}

void show_terminate(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	char *id = one_call(x, args, ret);
	int err;

	if (!id)
		return;
	err = calls_terminate(x->calls, id, "terminated by the operator");
	if (err)
		refuse_order(ret, id, err);
	else
		ret->body = json_pack("{s:s}", "terminated", id);
	free(id);
}

void show_move(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const char *path = json_string_value(json_object_get(args, "path"));
	const struct ctl_context *x = arg;
	enum datapath_backend to;
	char *id;
	int err;

	if (path && (!strcmp(path, "kernel") || !strcmp(path, "xdp"))) {
		to = DATAPATH_XDP;
	} else if (path && !strcmp(path, "user")) {
		to = DATAPATH_USER;
	} else {
		show_refuse(ret, "usage", "path is kernel or user");
		return;
	}
	id = one_call(x, args, ret);
	if (!id)
		return;
	err = calls_move(x->calls, id, to);
	if (err == -EOPNOTSUPP)
		show_refuse(ret, "refused", "the kernel path is not open: %s",
			    datapath_reason(media_datapath(x->media)));
	else if (err)
		refuse_order(ret, id, err);
	else
		ret->body = json_pack("{s:s, s:s}", "moved", id, "path",
				      show_backend_name(to));
	free(id);
}
