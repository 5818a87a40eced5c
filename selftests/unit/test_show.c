/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' JSON, over modules that this test plays itself. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/loop.h"
#include "ctl/metrics.h"
#include "ctl/show.h"
#include "tap.h"

/* ---- the modules, as the handlers see them --------------------------- */

static struct call_info calls[3];
static char terminated[64];
static bool trunk_up, is_gone;
static json_t *published;

static unsigned int walks;		/* over all calls */

const char *calls_id_by_call_id(const struct calls *c, const char *call_id)
{
	for (int i = 0; i < 3; i++)
		if (!strcmp(calls[i].a.call_id, call_id) ||
		    !strcmp(calls[i].b.call_id, call_id))
			return calls[i].id;
	return NULL;
}

const char *calls_id_by_media(const struct calls *c, uint32_t media_id)
{
	for (int i = 0; i < 3; i++)
		if (calls[i].media.id == media_id)
			return calls[i].id;
	return NULL;
}

void calls_each(struct calls *c,
		bool (*each)(void *arg, const struct call_info *info), void *arg)
{
	walks++;
	for (int i = 0; i < 3; i++)
		if (!each(arg, &calls[i]))
			return;
}

int calls_terminate(struct calls *c, const char *id, const char *cause)
{
	snprintf(terminated, sizeof(terminated), "%s", id);
	return 0;
}

int calls_move(struct calls *c, const char *id, enum datapath_backend to)
{
	if (to == DATAPATH_XDP)
		return -EOPNOTSUPP;
	snprintf(terminated, sizeof(terminated), "%s moved", id);
	return 0;
}

void calls_stats(const struct calls *c, struct calls_stats *ret)
{
	*ret = (struct calls_stats){ .live = 3, .up = 2, .attempts = 10 };
}

void registrar_each(struct registrar *r,
		    bool (*each)(void *arg,
				 const struct registration_info *info),
		    void *arg)
{
	struct registration_info info = {
		.aor = "sip:alice@example.org", .user_agent = "\xff\x1b",
		.online = true, .age_ms = 1500, .expires_in_s = 60 };

	each(arg, &info);
}

uint32_t registrar_count(const struct registrar *r)
{
	return 1;
}

void media_totals(struct media *m, struct datapath_totals ret[DATAPATH_BACKENDS])
{
	memset(ret, 0, DATAPATH_BACKENDS * sizeof(*ret));
	ret[DATAPATH_XDP].drops[SLUICE_DROP_REPLAY] = 3;
	ret[DATAPATH_USER].drops[SLUICE_DROP_REPLAY] = 4;
	ret[DATAPATH_XDP].counters[SLUICE_COUNT_RELAYED_WEB] = 77;
}

void media_adoption(const struct media *m, struct media_adoption *ret)
{
	*ret = (struct media_adoption){ .is_adopted = true, .sessions = 3,
					.lost = 1, .absent_ms = 1200 };
}

static int kernel_err;
static bool kernel_moves;

int media_detach(struct media *m, bool moves, struct media_kernel *ret)
{
	kernel_moves = moves;
	*ret = (struct media_kernel){ .is_changed = !kernel_err,
				      .moved = moves ? 3 : 0,
				      .stay = kernel_err ? 3 : 0 };
	return kernel_err;
}

int media_attach(struct media *m, bool moves, struct media_kernel *ret)
{
	*ret = (struct media_kernel){ .reason = "eth0 has XDP program 7" };
	return kernel_err;
}

const struct datapath *media_datapath(const struct media *m)
{
	return NULL;
}

enum datapath_backend datapath_preferred(const struct datapath *dp)
{
	return DATAPATH_XDP;
}

const char *datapath_reason(const struct datapath *dp)
{
	return "native on eth0";
}

int datapath_interfaces(const struct datapath *dp,
			struct datapath_interface *ret, size_t max)
{
	ret[0] = (struct datapath_interface){ .name = "eth0", .mode = "native",
					      .attach = "link",
					      .is_there = !is_gone,
					      .program_id = 17,
					      .program_tag = "a8f2" };
	return 1;
}

uint32_t datapath_size(const struct datapath *dp)
{
	return 8192;
}

uint32_t datapath_key_size(const struct datapath *dp)
{
	return 8448;
}

void media_usage(struct media *m, struct media_usage *ret)
{
	*ret = (struct media_usage){ .sessions = 2, .rtp_ports = 2,
				     .rtp_port_limit = 8192 };
}

uint32_t store_count(struct store *s, enum store_kind kind)
{
	return kind == STORE_CALL ? 3 : 0;
}

void wss_counters(const struct wss *w, uint64_t ret[WSS_COUNTER_MAX])
{
	memset(ret, 0, WSS_COUNTER_MAX * sizeof(*ret));
	ret[WSS_ACCEPTED] = 100;
	ret[WSS_REFUSED_ORIGIN] = 5;
}

static char certificate[64];	/* the last that was loaded */
static int certificate_err;

int wss_reload_certificate(struct wss *w, const char *file,
			   const char *private_key)
{
	snprintf(certificate, sizeof(certificate), "%s", file);
	return certificate_err;
}

uint32_t wss_clients(const struct wss *w)
{
	return 12;
}

static struct store_status kept = { .backend = "sqlite" };

void store_status(struct store *s, struct store_status *ret)
{
	*ret = kept;
}

void sip_trunk_status(const struct sip_stack *s, struct sip_trunk_status *ret)
{
	*ret = (struct sip_trunk_status){ .known = true, .up = trunk_up,
					  .rtt_ms = 4, .reason = "timeout" };
}

bool sip_trunk_target(const struct sip_stack *s, size_t index,
		      struct sip_trunk_target *ret)
{
	*ret = (struct sip_trunk_target){
		.uri = "sip:198.51.100.10:5060;transport=udp",
		.host = "pbx.example.com",
	};
	sip_trunk_status(s, &ret->status);
	return !index;
}

static struct sip_account_status own_account;

void sip_account_status(const struct sip_stack *s,
			struct sip_account_status *ret)
{
	*ret = own_account;
}

void sip_stack_stats(const struct sip_stack *s, struct sip_stack_stats *ret)
{
	*ret = (struct sip_stack_stats){ .dropped_source = 9 };
}

static unsigned int metrics_told;

void metrics_call(struct metrics *m, enum calls_notice what,
		  const struct call_info *info)
{
	metrics_told++;
}

void metrics_media_event(struct metrics *m, const struct message *event)
{
	metrics_told++;
}

void metrics_sip_message(struct metrics *m, bool is_web, const char *text,
			 size_t len)
{
	metrics_told++;
}

/* ---- the control socket ---------------------------------------------- */

static struct {
	char name[32];
	ctl_handler *handler;
	void *arg;
} commands[32];
static int command_count;
static bool is_listening;

int ctl_command(struct ctl *c, const char *name, ctl_handler *handler,
		void *arg)
{
	snprintf(commands[command_count].name, 32, "%s", name);
	commands[command_count].handler = handler;
	commands[command_count++].arg = arg;
	return 0;
}

int ctl_stream(struct ctl *c, const char *name)
{
	return 0;
}

bool ctl_has_listeners(const struct ctl *c, const char *name)
{
	return is_listening;
}

void ctl_publish(struct ctl *c, const char *name, json_t *object)
{
	json_decref(published);
	published = object;
}

static struct ctl_reply ask_with(const char *name, json_t *args)
{
	struct ctl_reply reply = { 0 };

	for (int i = 0; i < command_count; i++)
		if (!strcmp(commands[i].name, name))
			commands[i].handler(commands[i].arg, args, &reply);
	json_decref(args);
	return reply;
}

static struct ctl_reply ask(const char *name, const char *id)
{
	return ask_with(name, id ? json_pack("{s:s}", "id", id) : NULL);
}

static struct ctl_reply ask_move(const char *id, const char *path)
{
	return ask_with("move call", json_pack("{s:s, s:s}", "id", id, "path",
					       path));
}

/* ---- the tests ------------------------------------------------------- */

static void fill_calls(void)
{
	static const char *const ids[] = { "9c41", "9c77", "b207" };
	struct call_info *c = calls;
	struct media_stream_figures *s;

	for (int i = 0; i < 3; i++, c++) {
		snprintf(c->id, sizeof(c->id), "%s", ids[i]);
		c->state = "up";
		c->direction = "web-to-sip";
		c->a.is_web = true;
		c->a.state = c->b.state = "up";
		snprintf(c->a.uri, sizeof(c->a.uri), "sip:user%d@example.org",
			 i);
		snprintf(c->b.uri, sizeof(c->b.uri), "sip:1004@198.51.100.1");
		snprintf(c->a.call_id, sizeof(c->a.call_id), "a-%d@x", i);
		snprintf(c->b.call_id, sizeof(c->b.call_id), "b-%d@x", i);
		c->has_media = i != 1;
		c->media.id = 100 + (uint32_t)i;
		c->media.backend = DATAPATH_XDP;
		c->media.stream_count = 1;
		c->silent = i ? QUALITY_HEARD : QUALITY_SILENT_SIP;
		s = &c->media.stream[0];
		strcpy(s->kind, "audio");
		strcpy(s->codec, "opus");
		s->web_to_sip.packets = 1000;
		s->web_to_sip.received = 990;
		s->web_to_sip.lost = 10;
		s->web_to_sip.jitter_us = 3100;
		s->web_to_sip.in_ssrc = 4000 + (uint32_t)i;
		s->sip_to_web.packets = i ? 1000 : 0;
		s->sip_to_web.received = s->sip_to_web.packets;
		addr_parse("198.51.100.10:16402", &s->sip_remote);
	}
}

static json_t *at(const json_t *list, size_t i, const char *name)
{
	return json_object_get(json_array_get(list, i), name);
}

static void test_calls(void)
{
	struct ctl_reply r = ask("show calls", NULL);
	json_t *list = json_object_get(r.body, "calls");

	CHECK_INT(json_array_size(list), 3, "calls_are_all_listed");
	CHECK_STR(json_string_value(at(list, 0, "id")), "9c41",
		  "call_has_its_id");
	CHECK(json_is_true(at(list, 0, "one_way")) &&
	      json_is_false(at(list, 2, "one_way")),
	      "call_with_packets_one_way_is_one_way");
	CHECK(!strcmp(json_string_value(at(list, 0, "silent_side")), "sip") &&
	      json_is_null(at(list, 2, "silent_side")),
	      "call_one_way_names_the_silent_side");
	CHECK(json_real_value(at(list, 2, "mos")) > 4 &&
	      json_real_value(at(list, 2, "mos")) < 4.4 &&
	      json_is_null(at(list, 1, "mos")),
	      "call_has_mos_if_it_has_media");
	CHECK(json_real_value(at(list, 0, "loss_percent")) == 1.0 &&
	      json_real_value(at(list, 0, "jitter_ms")) == 3.1,
	      "call_sums_loss_and_jitter");
	CHECK_STR(json_string_value(at(list, 1, "path")), "none",
		  "call_without_media_has_no_path");
	CHECK(json_is_null(at(list, 0, "setup_ms")),
	      "call_not_answered_has_null_setup");
	json_decref(r.body);
	r = ask("show streams", NULL);
	list = json_object_get(r.body, "streams");
	CHECK(json_array_size(list) == 2 &&
	      !strcmp(json_string_value(at(list, 0, "sip_remote")),
		      "198.51.100.10:16402") &&
	      json_is_null(at(list, 0, "web_remote")) &&
	      !strcmp(json_string_value(at(list, 1, "path")), "kernel"),
	      "streams_of_calls_with_media_are_listed");
	json_decref(r.body);
}

static void test_ids(void)
{
	static const struct {
		const char *id, *code, *found, *name;
	} all[] = {
		{ "9c41", NULL, "9c41", "id_whole_is_found" },
		{ "b", NULL, "b207", "id_prefix_is_found" },
		{ "9c", "refused", NULL, "id_ambiguous_is_refused" },
		{ "zz", "not-found", NULL, "id_unknown_is_not_found" },
		{ "b-1@x", NULL, "9c77", "id_as_call_id_is_found" },
		{ "user2", NULL, "b207", "id_as_user_is_found" },
		{ "user", "not-found", NULL, "id_as_half_a_user_is_not_found" },
		{ "4002", NULL, "b207", "id_as_ssrc_is_found" },
		{ "", "usage", NULL, "id_empty_is_usage" },
	};
	struct ctl_reply r;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *id, *code = all[i].code ? all[i].code : "";

		r = ask("show call", all[i].id);
		id = json_string_value(json_object_get(
			json_object_get(r.body, "call"), "id"));
		CHECK(!strcmp(r.code ? r.code : "", code) &&
		      (all[i].found ? id && !strcmp(id, all[i].found) : !id),
		      all[i].name);
		if (r.code && !strcmp(r.code, "refused"))
			CHECK_STR(r.error, "9c is ambiguous: 9c41 9c77",
				  "id_ambiguous_lists_candidates");
		json_decref(r.body);
	}
	r = ask("terminate call", "9c");
	CHECK(r.code && !terminated[0], "terminate_ambiguous_ends_nothing");
	json_decref(r.body);
	r = ask("terminate call", "user2");
	CHECK(!r.code && !strcmp(terminated, "b207"),
	      "terminate_by_user_ends_the_call");
	json_decref(r.body);
	r = ask_move("user2", "user");
	CHECK(!r.code && !strcmp(terminated, "b207 moved"),
	      "move_by_user_moves_the_call");
	json_decref(r.body);
	r = ask_move("b207", "kernel");
	CHECK(r.code && !strcmp(r.code, "refused"),
	      "move_to_closed_path_is_refused");
	r = ask_move("b207", "elsewhere");
	CHECK(r.code && !strcmp(r.code, "usage"), "move_to_nowhere_is_usage");
}

static void test_status(void)
{
	struct ctl_reply r;
	json_t *list;

	trunk_up = true;
	kept.is_degraded = true;
	snprintf(kept.error, sizeof(kept.error), "database or disk is full");
	r = ask("status", NULL);
	list = json_object_get(r.body, "warnings");
	CHECK(r.code && !strcmp(r.code, "degraded"),
	      "status_with_full_disk_is_degraded");
	CHECK_STR(json_string_value(json_array_get(list, 0)),
		  "store: database or disk is full; what is not stored ends "
		  "with the daemon", "status_with_full_disk_warns");
	json_decref(r.body);
	kept.is_degraded = false;
	r = ask("status", NULL);
	CHECK(!r.code && r.body, "status_with_pbx_up_is_ok");
	list = json_object_get(r.body, "warnings");
	CHECK_STR(json_string_value(json_array_get(list, 0)),
		  "one-way audio: call 9c41", "status_warns_of_one_way_audio");
	list = json_object_get(r.body, "quality");
	CHECK(json_real_value(json_object_get(list, "loss_percent")) == 0.66 &&
	      json_real_value(json_object_get(list, "jitter_ms")) == 3.1 &&
	      json_real_value(json_object_get(list, "mos")) > 4 &&
	      !strncmp(json_string_value(json_object_get(list, "worst_call")),
		       "9c41", 4),
	      "status_sums_quality_of_calls_up");
	json_decref(r.body);
	trunk_up = false;
	r = ask("status", NULL);
	CHECK(r.code && !strcmp(r.code, "degraded"),
	      "status_with_pbx_down_is_degraded");
	list = json_object_get(json_object_get(r.body, "web"), "clients");
	CHECK_INT(json_integer_value(list), 12, "status_counts_web_clients");
	json_decref(r.body);
	r = ask("show trunks", NULL);
	list = json_object_get(r.body, "trunks");
	CHECK(!strcmp(json_string_value(at(list, 0, "state")), "down") &&
	      json_is_null(at(list, 0, "rtt_ms")), "trunk_down_has_no_rtt");
	CHECK(json_array_size(list) == 1, "account_none_is_not_shown");
	json_decref(r.body);
}

/* Started, it seems, in a minute. */
static void test_clock_set_back(struct ctl_context *x)
{
	struct ctl_reply r;

	x->started_wall_ms += 60000;
	r = ask("status", NULL);
	CHECK_INT(json_integer_value(json_object_get(r.body, "uptime_s")), 0,
		  "uptime_with_clock_set_back_is_0");
	json_decref(r.body);
	x->started_wall_ms -= 60000;
}

static void test_account(void)
{
	struct ctl_reply r;
	json_t *list;

	own_account = (struct sip_account_status){
		.is_wanted = true, .aor = "sip:trunk@example.com",
		.reason = "403 Forbidden" };
	r = ask("status", NULL);
	list = json_object_get(r.body, "warnings");
	/* Behind that of the PBX. */
	CHECK_STR(json_string_value(json_array_get(list, 1)),
		  "sip:trunk@example.com is not registered at the pbx: "
		  "403 Forbidden", "account_unregistered_is_a_warning");
	json_decref(r.body);
	r = ask("show trunks", NULL);
	list = json_object_get(r.body, "trunks");
	CHECK(json_array_size(list) == 2 &&
	      !strcmp(json_string_value(at(list, 1, "state")),
		      "unregistered") &&
	      json_is_null(at(list, 1, "expires_in_s")),
	      "account_unregistered_is_shown");
	json_decref(r.body);
	own_account.is_registered = true;
	own_account.expires_in_s = 120;
	r = ask("show trunks", NULL);
	list = json_object_get(r.body, "trunks");
	CHECK(!strcmp(json_string_value(at(list, 1, "state")), "registered") &&
	      json_integer_value(at(list, 1, "expires_in_s")) == 120,
	      "account_registered_is_shown");
	json_decref(r.body);
	own_account.is_wanted = false;
}

static void test_others(void)
{
	struct ctl_reply r = ask("show drops", NULL);
	json_t *list = json_object_get(r.body, "drops");

	CHECK(json_array_size(list) == 3 &&
	      !strcmp(json_string_value(at(list, 0, "reason")), "replay") &&
	      json_integer_value(at(list, 0, "total")) == 7 &&
	      !strcmp(json_string_value(at(list, 1, "reason")),
		      "refused-origin") &&
	      json_integer_value(at(list, 2, "user")) == 9,
	      "drops_name_side_reason_and_sum");
	json_decref(r.body);
	r = ask("show datapath", NULL);
	list = json_object_get(r.body, "backends");
	CHECK(json_integer_value(at(list, 0, "web_to_sip_packets")) == 77 &&
	      json_integer_value(at(list, 1, "dropped_packets")) == 4,
	      "datapath_counts_by_backend");
	list = json_object_get(r.body, "adoption");
	CHECK(json_integer_value(json_object_get(list, "sessions")) == 3 &&
	      json_integer_value(json_object_get(list, "absent_ms")) == 1200,
	      "datapath_tells_what_was_adopted");
	json_decref(r.body);
	r = ask("show interfaces", NULL);
	list = json_object_get(r.body, "interfaces");
	CHECK_INT(json_integer_value(at(list, 0, "program_id")), 17,
		  "interfaces_have_program");
	json_decref(r.body);
	r = ask("show resources", NULL);
	list = json_object_get(r.body, "resources");
	CHECK(!strcmp(json_string_value(at(list, 0, "resource")), "calls") &&
	      json_integer_value(at(list, 0, "used")) == 3 &&
	      json_integer_value(at(list, 0, "limit")) == LIMIT_CALLS,
	      "resource_has_its_limit");
	CHECK(!strcmp(json_string_value(at(list, 1, "resource")), "dialogs") &&
	      json_is_null(at(list, 1, "limit")),
	      "resource_without_limit_has_null");
	CHECK(json_integer_value(json_object_get(
		      json_object_get(r.body, "memory"),
		      "resident_bytes")) > 0, "resources_tell_memory");
	json_decref(r.body);
	r = ask("show registrations", NULL);
	list = json_object_get(r.body, "registrations");
	CHECK(json_is_true(at(list, 0, "online")) &&
	      json_integer_value(at(list, 0, "age_ms")) == 1500 &&
	      json_string_value(at(list, 0, "user_agent"))[0] == '?',
	      "registration_with_bad_bytes_is_listed");
	json_decref(r.body);
}

static json_t *kernel_args(const char *word)
{
	return json_pack("{s:s}", "calls", word);
}

/* The operator's orders to the kernel path. */
static void test_kernel(struct conf *conf)
{
	struct ctl_reply r = ask_with("detach datapath", kernel_args("move"));
	char *text;

	CHECK(!r.code && kernel_moves && json_integer_value(json_object_get(
			r.body, "moved_sessions")) == 3,
	      "detach_moves_when_told");
	json_decref(r.body);
	r = ask_with("detach datapath", kernel_args("end"));
	CHECK_STR(r.code, "usage", "detach_wrong_word_is_usage");
	json_decref(r.body);
	kernel_err = -EBUSY;
	r = ask_with("detach datapath", NULL);
	CHECK(!kernel_moves && !strcmp(r.code, "refused") &&
	      strstr(r.error, "carries 3 sessions: calls=move"),
	      "detach_refused_with_a_way_out");
	json_decref(r.body);
	r = ask_with("adopt datapath", NULL);
	CHECK(!strcmp(r.code, "refused") &&
	      strstr(r.error, "eth0 has XDP program 7"),
	      "adopt_refused_says_why");
	json_decref(r.body);
	kernel_err = 0;
	r = ask_with("adopt datapath", NULL);
	CHECK(!r.code && json_is_false(json_object_get(r.body, "is_changed")),
	      "adopt_of_what_is_attached_is_no_change");
	json_decref(r.body);
	conf->datapath = CONF_DATAPATH_USER;
	r = ask_with("adopt datapath", NULL);
	CHECK(!strcmp(r.code, "refused") &&
	      strstr(r.error, "says datapath = \"user\""),
	      "adopt_against_the_configuration_refused");
	json_decref(r.body);
	conf->datapath = CONF_DATAPATH_AUTO;
	is_gone = true;
	r = ask("status", NULL);
	text = json_dumps(json_object_get(r.body, "warnings"), 0);
	CHECK(r.code && !strcmp(r.code, "degraded") &&
	      strstr(text, "eth0 has lost the XDP program"),
	      "status_program_gone_is_degraded");
	free(text);
	json_decref(r.body);
	is_gone = false;
}

static void test_streams_of_lines(const struct ctl_context *x)
{
	static const char message[] =
		"BYE sip:x SIP/2.0\r\nVia: y\r\nI: b-2@x\r\n\r\n";
	struct sip_target web = { .is_ws = true, .conn = 42 };
	struct message *m = message_new(MEDIA_DTLS_DONE,
					sizeof(struct media_event));
	struct media_event *e = (void *)m->data;

	show_trace((void *)x, true, &web, message, strlen(message));
	CHECK(!published, "trace_without_listener_is_silent");
	is_listening = true;
	walks = 0;
	show_trace((void *)x, true, &web, message, strlen(message));
	CHECK_STR(json_string_value(json_object_get(published, "call")), "b207",
		  "trace_finds_call_by_compact_call_id");
	CHECK_STR(json_string_value(json_object_get(published, "peer")),
		  "wss:42", "trace_names_connection");
	show_trace((void *)x, false, &web, "\r\n\r\n", 4);
	CHECK(json_is_null(json_object_get(published, "call")),
	      "trace_of_ping_has_no_call");
	show_trace((void *)x, false, &web, "a\0b\xff", 4);
	CHECK_STR(json_string_value(json_object_get(published, "text")),
		  "a?b?", "trace_of_bad_bytes_is_mended");
	e->id = 102;
	strcpy(e->detail, "AEAD_AES_128_GCM");
	show_media_event(x, m);
	CHECK_STR(json_string_value(json_object_get(published, "event")),
		  "dtls-done", "media_event_has_its_name");
	CHECK_STR(json_string_value(json_object_get(published, "call")), "b207",
		  "media_event_finds_call_by_session");
	CHECK_INT(walks, 0, "streams_of_lines_walk_no_calls");
	message_free(m);
	calls[0].result = "answered";
	calls[0].ended_by = "web";
	calls[0].cause = "BYE";
	show_call_event((void *)x, CALLS_ONE_WAY, &calls[0]);
	CHECK(!strcmp(json_string_value(json_object_get(published, "event")),
		      "call-one-way") &&
	      !strcmp(json_string_value(json_object_get(published, "side")),
		      "sip") &&
	      json_is_null(json_object_get(published, "peer")),
	      "call_event_names_who_is_not_heard");
	show_call_event((void *)x, CALLS_ENDED, &calls[0]);
	CHECK_STR(json_string_value(json_object_get(published, "detail")),
		  "answered by web: BYE", "call_event_of_end_says_why");
	CHECK_INT(metrics_told, 7, "metrics_are_told_of_all");
	json_decref(published);
	published = NULL;
}

static void test_reload(struct ctl_context *x)
{
	static const char *const texts[] = {
		"gateway = { web = { address = \"127.0.0.1\"; };\n"
		"sip = { address = \"127.0.0.2\"; }; pbx = \"sip:127.0.0.3\";\n"
		"%s };",
		"gateway = { web = 1; };",
	};
	char path[] = "/tmp/test_show.XXXXXX";
	int fd = mkstemp(path);
	struct conf *conf = NULL;
	struct ctl_reply r;
	json_t *list;

	dprintf(fd, texts[0], "");
	if (!CHECK(conf_load(path, stdout, &conf) == 0, "reload_base_loads"))
		return;
	x->conf = conf;
	if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
		return;
	dprintf(fd, texts[0], "phone = false; log = \"warning\";");
	r = ask("reload", NULL);
	list = json_object_get(r.body, "restart_needed");
	CHECK(!r.code && json_array_size(list) == 1 &&
	      !strcmp(json_string_value(json_array_get(list, 0)), "phone"),
	      "reload_names_what_needs_restart");
	CHECK_INT(log_get_level(), LOG_LEVEL_WARN, "reload_applies_log_level");
	json_decref(r.body);
	if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
		return;
	dprintf(fd, "%s", texts[1]);
	r = ask("reload", NULL);
	CHECK(r.code && !strcmp(r.code, "refused") &&
	      json_array_size(json_object_get(r.body, "messages")) == 4,
	      "reload_of_bad_file_is_refused_with_faults");
	json_decref(r.body);
	show_hangup(x);
	CHECK_INT(log_get_level(), LOG_LEVEL_WARN,
		  "hangup_with_bad_file_changes_nothing");
	if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
		return;
	dprintf(fd, texts[0], "log = \"error\";");
	show_hangup(x);
	CHECK_INT(log_get_level(), LOG_LEVEL_ERR, "hangup_applies_log_level");
	close(fd);
	unlink(path);
	conf_free(conf);
}

/* PEM by its looks. */
static void test_reload_certificate(struct ctl_context *x)
{
	char path[] = "/tmp/test_show.XXXXXX";
	int fd = mkstemp(path);
	struct conf *conf = NULL;
	struct ctl_reply r;

	dprintf(fd, "# -----BEGIN CERTIFICATE----- -----BEGIN PRIVATE KEY-----"
		"\ngateway = { web = { address = \"127.0.0.1\";\n"
		"certificate = \"%s\"; private_key = \"%s\"; };\n"
		"sip = { address = \"127.0.0.2\"; }; pbx = \"sip:127.0.0.3\"; "
		"};", path, path);
	if (!CHECK(conf_load(path, stdout, &conf) == 0,
		   "reload_with_certificate_base_loads"))
		return;
	x->conf = conf;
	r = ask("reload", NULL);
	CHECK(!r.code && !strcmp(certificate, path),
	      "reload_reads_the_certificate_anew");
	json_decref(r.body);
	certificate_err = -EINVAL;
	r = ask("reload", NULL);
	CHECK(r.code && !strcmp(r.code, "refused") && strstr(r.error, path),
	      "reload_of_bad_certificate_is_refused_by_its_name");
	json_decref(r.body);
	close(fd);
	unlink(path);
	conf_free(conf);
}

int main(void)
{
	struct conf conf = { .file = (char *)"/etc/sluice/sluice.conf",
			     .pbx = (char *)"sip:198.51.100.10" };
	struct ctl_context x = { .conf = &conf, .version = "9.9",
				 .started_wall_ms = clock_wall_ms() };

	struct loop *loop;

	if (loop_create(&loop))
		return 1;
	x.loop = loop;
	fill_calls();
	CHECK_INT(show_register(NULL, &x), 0, "commands_are_registered");
	x.ctl = (void *)&x;	/* a listener only has to be set */
	test_calls();
	test_ids();
	test_status();
	test_clock_set_back(&x);
	test_account();
	test_others();
	test_kernel(&conf);
	test_streams_of_lines(&x);
	test_reload(&x);
	test_reload_certificate(&x);
	loop_free(loop);
	return tap_done();
}
