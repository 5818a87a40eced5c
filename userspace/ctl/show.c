/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/show.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "ctl/show_parts.h"

void show_refuse(struct ctl_reply *ret, const char *code, const char *fmt, ...)
{
	va_list ap;

	ret->code = code;
	va_start(ap, fmt);
	vsnprintf(ret->error, sizeof(ret->error), fmt, ap);
	va_end(ap);
}

const char *show_id(const json_t *args, struct ctl_reply *ret)
{
	const char *id = json_string_value(json_object_get(args, "id"));

	if (id && *id)
		return id;
	show_refuse(ret, "usage", "an id is needed: {\"args\":{\"id\":...}}");
	return NULL;
}

json_t *show_addr(const struct addr *a)
{
	char text[ADDR_STRLEN];

	return addr_is_set(a) ? json_string(addr_format(a, text)) : json_null();
}

json_t *show_percent(uint64_t part, uint64_t whole)
{
	return json_real(whole ? (double)(part * 10000 / whole) / 100 : 0);
}

double show_round(double value)
{
	return (double)(long long)(value * 100 + 0.5) / 100;
}

static json_t *trunk_status(const char *uri, const char *host,
			    const struct sip_trunk_status *st)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o}", "uri", ctl_text(uri),
			 "host", ctl_text(host), "state",
			 !st->known ? "unknown" : st->up ? "up" : "down",
			 "rtt_ms", st->up ? json_integer(st->rtt_ms) :
					    json_null(),
			 "reason", ctl_text(st->reason));
}

static json_t *trunk(const struct ctl_context *x,
		     struct sip_trunk_status *status)
{
	sip_trunk_status(x->stack, status);
	return trunk_status(x->conf->pbx, "", status);
}

/* The gateway's own registration, as one more row. */
static json_t *account(const struct sip_account_status *st)
{
	return json_pack("{s:o, s:s, s:s, s:n, s:o, s:o}", "uri",
			 ctl_text(st->aor), "host", "", "state",
			 st->is_registered ? "registered" : "unregistered",
			 "rtt_ms", "reason", ctl_text(st->reason),
			 "expires_in_s", st->is_registered ?
			 json_integer(st->expires_in_s) : json_null());
}

static json_t *sip_numbers(const struct ctl_context *x)
{
	static const char *const sides[] = { "sip", "web" };
	struct sip_stack_stats s;
	json_t *o, *side;

	sip_stack_stats(x->stack, &s);
	o = json_pack("{s:I, s:I, s:I, s:I}", "dropped_source",
		      (json_int_t)s.dropped_source, "timeouts",
		      (json_int_t)s.timeouts, "server_transactions",
		      (json_int_t)s.server_live, "client_transactions",
		      (json_int_t)s.client_live);
	for (int i = 0; i < 2; i++) {
		side = json_pack("{s:I, s:I, s:I, s:I, s:I}", "requests_in",
				 (json_int_t)s.requests_in[i], "requests_out",
				 (json_int_t)s.requests_out[i], "responses_in",
				 (json_int_t)s.responses_in[i],
				 "responses_out",
				 (json_int_t)s.responses_out[i],
				 "dropped_parse",
				 (json_int_t)s.dropped_parse[i]);
		json_object_set_new(o, sides[i], side);
	}
	return o;
}

static json_t *call_numbers(const struct ctl_context *x)
{
	struct calls_stats s;

	calls_stats(x->calls, &s);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "live",
			 (json_int_t)s.live, "up", (json_int_t)s.up,
			 "attempts_total", (json_int_t)s.attempts,
			 "answered_total", (json_int_t)s.answered,
			 "failed_by_us_total", (json_int_t)s.failed_by_us);
}

static bool warn_one_way(void *arg, const struct call_info *info)
{
	json_t *warnings = arg;
	char text[96];

	if (show_is_one_way(info)) {
		snprintf(text, sizeof(text), "one-way audio: call %.16s",
			 info->id);
		json_array_append_new(warnings, ctl_text(text));
	}
	return json_array_size(warnings) < 10;
}

/* Its warning, if what happens now would not outlive the daemon. */
static json_t *store(const struct ctl_context *x, json_t *warnings,
		     struct ctl_reply *ret)
{
	struct store_status st;
	char text[192];

	store_status(x->store, &st);
	if (st.is_degraded) {
		ret->code = "degraded";
		snprintf(text, sizeof(text), "store: %s; what is not stored "
			 "ends with the daemon", st.error);
		json_array_append_new(warnings, ctl_text(text));
	}
	return json_pack("{s:s, s:o, s:b, s:I, s:I}", "backend", st.backend,
			 "path", ctl_text(st.path),
			 "is_degraded", st.is_degraded, "writes_total",
			 (json_int_t)(st.puts + st.deletes), "failures_total",
			 (json_int_t)st.failures);
}

/* The wall clock may be set back. */
static json_int_t uptime_s(const struct ctl_context *x)
{
	uint64_t now_ms = clock_wall_ms();

	return now_ms > x->started_wall_ms ?
	       (json_int_t)((now_ms - x->started_wall_ms) / 1000) : 0;
}

void show_status(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	const struct datapath *dp = media_datapath(x->media);
	struct sip_account_status own;
	struct sip_trunk_status pbx;
	struct addr media = x->conf->web;
	json_t *warnings = json_array(), *one = trunk(x, &pbx), *kept;
	char text[256];

	media.port = x->conf->media_port;
	if (pbx.known && !pbx.up) {
		ret->code = "degraded";
		snprintf(text, sizeof(text), "pbx is down: %s", pbx.reason);
		json_array_append_new(warnings, ctl_text(text));
	}
	sip_account_status(x->stack, &own);
	if (own.is_wanted && !own.is_registered) {
		snprintf(text, sizeof(text), "%.100s is not registered at the "
			 "pbx: %s", own.aor, own.reason);
		json_array_append_new(warnings, ctl_text(text));
	}
	if (show_warn_interfaces(x, warnings))
		ret->code = "degraded";
	kept = store(x, warnings, ret);
	calls_each(x->calls, warn_one_way, warnings);
	ret->body = json_pack(
		"{s:s, s:o, s:I, s:o, s:{s:s, s:o, s:o}, s:{s:o, s:o, s:I}, "
		"s:{s:o, s:o}, s:o, s:o, s:o, s:I, s:o, s:o}",
		"version", x->version,
		"started", ctl_time(x->started_wall_ms),
		"uptime_s", uptime_s(x),
		"config", ctl_text(x->conf->file),
		"datapath",
			"preferred", show_backend_name(datapath_preferred(dp)),
			"reason", ctl_text(datapath_reason(dp)),
			"interfaces", show_interface_list(x),
		"web",
			"wss", show_addr(&x->conf->web),
			"media", show_addr(&media),
			"clients", (json_int_t)wss_clients(x->wss),
		"sip",
			"address", show_addr(&x->conf->sip),
			"messages", sip_numbers(x),
		"trunk", one,
		"calls", call_numbers(x),
		"quality", show_quality(x),
		"registrations", (json_int_t)registrar_count(x->registrar),
		"store", kept,
		"warnings", warnings);
}

/* Each address; the PBX as it is configured, if it has none. */
void show_trunks(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	struct sip_trunk_status status;
	struct sip_trunk_target target;
	struct sip_account_status own;
	json_t *list = json_array();

	for (size_t i = 0; sip_trunk_target(x->stack, i, &target); i++)
		json_array_append_new(list, trunk_status(target.uri,
							 target.host,
							 &target.status));
	if (!json_array_size(list))
		json_array_append_new(list, trunk(x, &status));
	sip_account_status(x->stack, &own);
	if (own.is_wanted)
		json_array_append_new(list, account(&own));
	ret->body = json_pack("{s:o}", "trunks", list);
}

static bool add_registration(void *arg, const struct registration_info *info)
{
	json_t *o = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:I}",
		"aor", ctl_text(info->aor), "alias", ctl_text(info->alias),
		"contact", ctl_text(info->contact),
		"instance", ctl_text(info->instance),
		"user_agent", ctl_text(info->user_agent),
		"peer", ctl_text(info->peer), "online", info->online,
		"age_ms", (json_int_t)info->age_ms,
		"expires_in_s", (json_int_t)info->expires_in_s);

	json_array_append_new(arg, o);
	return true;
}

void show_registrations(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	json_t *list = json_array();

	registrar_each(x->registrar, add_registration, list);
	ret->body = json_pack("{s:o}", "registrations", list);
}

/* Words of a string as an array. */
static json_t *words(char *text)
{
	json_t *list = json_array();
	char *rest = text, *word;

	while ((word = strsep(&rest, " ")))
		if (*word)
			json_array_append_new(list, ctl_text(word));
	return list;
}

static bool is_same_file(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* A certificate is renewed under its name; another name needs a restart. */
static int reload_certificate(const struct ctl_context *x,
			      const struct conf *next)
{
	const struct conf *now = x->conf;

	if (!is_same_file(now->certificate, next->certificate) ||
	    !is_same_file(now->private_key, next->private_key))
		return 0;
	return wss_reload_certificate(x->wss, next->certificate,
				      next->private_key);
}

/*
 * The browsers' certificate and the log level are applied; all else is only
 * compared, because sockets and calls stand on it.
 */
void show_reload(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	struct conf *next = NULL;
	char *lines = NULL, *names = NULL;
	size_t size;
	FILE *errors = open_memstream(&lines, &size);
	json_t *list = json_array();
	char *rest, *line;
	int err;

	if (!errors) {
		json_decref(list);
		show_refuse(ret, "refused", "out of memory");
		return;
	}
	err = conf_load(x->conf->file, errors, &next);
	fclose(errors);
	rest = lines;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			json_array_append_new(list, ctl_text(line));
	free(lines);
	ret->body = json_pack("{s:o, s:o}", "file", ctl_text(x->conf->file),
			      "messages", list);
	if (!err)
		err = conf_diff(x->conf, next, &names);
	if (err) {
		conf_free(next);
		show_refuse(ret, "refused", "the configuration is not "
			    "reloaded, the old one stays");
		return;
	}
	if (reload_certificate(x, next)) {
		show_refuse(ret, "refused", "web.certificate %s and "
			    "web.private_key %s do not serve, the log says "
			    "why; the old ones stay", next->certificate,
			    next->private_key);
		free(names);
		conf_free(next);
		return;
	}
	log_set_level(log_level_of(next->log_level));
	log_info("configuration %s read again, log level %s%s%s", next->file,
		 next->log_level, *names ? ", restart needed for: " : "",
		 names);
	json_object_set_new(ret->body, "restart_needed", words(names));
	free(names);
	conf_free(next);
}

void show_hangup(struct ctl_context *context)
{
	struct ctl_reply r = { 0 };
	const json_t *line;
	size_t i;

	show_reload(context, NULL, &r);
	json_array_foreach(json_object_get(r.body, "messages"), i, line)
		log_warn("%s", json_string_value(line));
	if (r.code)
		log_err("%s", r.error);
	json_decref(r.body);
}

int show_register(struct ctl *c, struct ctl_context *context)
{
	static const struct {
		const char *name;
		ctl_handler *handler;
	} all[] = {
		{ "status", show_status },
		{ "show calls", show_calls },
		{ "show call", show_call },
		{ "show streams", show_streams },
		{ "show registrations", show_registrations },
		{ "show trunks", show_trunks },
		{ "show drops", show_drops },
		{ "show datapath", show_datapath },
		{ "show interfaces", show_interfaces },
		{ "show resources", show_resources },
		{ "terminate call", show_terminate },
		{ "move call", show_move },
		{ "detach datapath", show_detach },
		{ "adopt datapath", show_adopt },
		{ "reload", show_reload },
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(all) / sizeof(*all); i++)
		err = ctl_command(c, all[i].name, all[i].handler, context);
	if (!err)
		err = ctl_stream(c, "trace");
	if (!err)
		err = ctl_stream(c, "events");
	if (!err)
		context->ctl = c;
	return err;
}
