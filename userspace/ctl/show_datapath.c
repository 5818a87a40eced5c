/* SPDX-License-Identifier: Apache-2.0 */
/* What the datapath and the entrances count. */
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "ctl/show_parts.h"
#include "ctl/totals.h"

#define INTERFACES_MAX	16

const char *show_backend_name(uint32_t backend)
{
	return backend == DATAPATH_XDP ? "kernel" : "user";
}

json_t *show_interface_list(const struct ctl_context *x)
{
	struct datapath_interface all[INTERFACES_MAX];
	int n = datapath_interfaces(media_datapath(x->media), all,
				    INTERFACES_MAX);
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_pack(
			"{s:o, s:o, s:o, s:b, s:I, s:o}",
			"name", ctl_text(all[i].name),
			"mode", ctl_text(all[i].mode), "attach",
			ctl_text(all[i].attach), "is_attached",
			all[i].is_there, "program_id",
			(json_int_t)all[i].program_id, "program_tag",
			ctl_text(all[i].program_tag)));
	return list;
}

bool show_warn_interfaces(const struct ctl_context *x, json_t *warnings)
{
	struct datapath_interface all[INTERFACES_MAX];
	int n = datapath_interfaces(media_datapath(x->media), all,
				    INTERFACES_MAX);
	bool any = false;
	char text[128];

	for (int i = 0; i < n; i++) {
		if (all[i].is_there)
			continue;
		snprintf(text, sizeof(text), "%.15s has lost the XDP program: "
			 "sluicectl adopt datapath", all[i].name);
		json_array_append_new(warnings, ctl_text(text));
		any = true;
	}
	return any;
}

void show_interfaces(void *arg, const json_t *args, struct ctl_reply *ret)
{
	ret->body = json_pack("{s:o}", "interfaces", show_interface_list(arg));
}

static void add_drop(json_t *list, const char *side, const char *reason,
		     uint64_t kernel, uint64_t user)
{
	if (!kernel && !user)
		return;
	json_array_append_new(list, json_pack(
		"{s:s, s:s, s:I, s:I, s:I}", "side", side, "reason", reason,
		"kernel", (json_int_t)kernel, "user", (json_int_t)user,
		"total", (json_int_t)(kernel + user)));
}

/* Only what was seen: a reason that is not listed counted nothing. */
void show_drops(void *arg, const json_t *args, struct ctl_reply *ret)
{
	static const char *const media[] = SLUICE_DROP_NAMES;
	static const char *const web[] = WSS_COUNTER_NAMES;
	const struct ctl_context *x = arg;
	struct datapath_totals totals[DATAPATH_BACKENDS];
	uint64_t counters[WSS_COUNTER_MAX];
	struct sip_stack_stats sip;
	json_t *list = json_array();

	media_totals(x->media, totals);
	for (int i = SLUICE_DROP_NONE + 1; i < SLUICE_DROP_MAX; i++)
		add_drop(list, "media", media[i], totals[DATAPATH_XDP].drops[i],
			 totals[DATAPATH_USER].drops[i]);
	wss_counters(x->wss, counters);
	for (int i = WSS_REFUSED_SUBPROTOCOL; i < WSS_COUNTER_MAX; i++)
		add_drop(list, "web", web[i], 0, counters[i]);
	sip_stack_stats(x->stack, &sip);
	add_drop(list, "sip", "source", 0, sip.dropped_source);
	add_drop(list, "sip", "parse", 0, sip.dropped_parse[0]);
	add_drop(list, "web", "parse", 0, sip.dropped_parse[1]);
	ret->body = json_pack("{s:o}", "drops", list);
}

/* null: this run began with an empty datapath. */
static json_t *adoption(const struct media_adoption *a)
{
	if (!a->is_adopted && !a->sessions && !a->lost)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I}",
			 "sessions", (json_int_t)a->sessions,
			 "lost", (json_int_t)a->lost,
			 "orphans", (json_int_t)a->orphans,
			 "absent_ms", (json_int_t)a->absent_ms,
			 "age_ms", (json_int_t)(clock_ms() - a->at_ms));
}

void show_datapath(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	const struct datapath *dp = media_datapath(x->media);
	struct media_adoption a;
	struct datapath_totals totals[DATAPATH_BACKENDS];

	media_totals(x->media, totals);
	media_adoption(x->media, &a);
	ret->body = json_pack(
		"{s:s, s:o, s:i, s:o, s:o, s:[o, o]}",
		"preferred", show_backend_name(datapath_preferred(dp)),
		"reason", ctl_text(datapath_reason(dp)),
		"contract", SLUICE_CONTRACT_VERSION,
		"adoption", adoption(&a),
		"interfaces", show_interface_list(x),
		"backends",
		totals_json(show_backend_name(DATAPATH_XDP),
			    &totals[DATAPATH_XDP]),
		totals_json(show_backend_name(DATAPATH_USER),
			    &totals[DATAPATH_USER]));
}

/* ---- orders ------------------------------------------------------------ */

/* calls=move; false: refused. */
static bool moves_calls(const json_t *args, bool *ret_moves,
			struct ctl_reply *ret)
{
	const char *calls = json_string_value(json_object_get(args, "calls"));

	*ret_moves = calls != NULL;
	if (!calls || !strcmp(calls, "move"))
		return true;
	show_refuse(ret, "usage", "calls is move, or is left out");
	return false;
}

static json_t *kernel(const struct ctl_context *x, const struct media_kernel *k)
{
	const struct datapath *dp = media_datapath(x->media);

	return json_pack("{s:b, s:I, s:I, s:s, s:o, s:o}",
			 "is_changed", k->is_changed,
			 "moved_sessions", (json_int_t)k->moved,
			 "other_sessions", (json_int_t)k->stay,
			 "preferred",
			 show_backend_name(datapath_preferred(dp)),
			 "reason", ctl_text(datapath_reason(dp)),
			 "interfaces", show_interface_list(x));
}

void show_detach(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	struct media_kernel k = { 0 };
	bool moves;
	int err;

	if (!moves_calls(args, &moves, ret))
		return;
	err = media_detach(x->media, moves, &k);
	if (err == -EBUSY && !moves)
		show_refuse(ret, "refused", "the kernel carries %u sessions: "
			    "calls=move takes them to the user path, without a "
			    "gap", k.stay);
	else if (err)
		show_refuse(ret, "refused", "the program stays attached: %s",
			    k.reason[0] ? k.reason : strerror(-err));
	else
		ret->body = kernel(x, &k);
}

void show_adopt(void *arg, const json_t *args, struct ctl_reply *ret)
{
	const struct ctl_context *x = arg;
	struct media_kernel k = { 0 };
	bool moves;
	int err;

	if (!moves_calls(args, &moves, ret))
		return;
	if (x->conf->datapath == CONF_DATAPATH_USER) {
		show_refuse(ret, "refused", "%s says datapath = \"user\"",
			    x->conf->file);
		return;
	}
	err = media_attach(x->media, moves, &k);
	if (err)
		show_refuse(ret, "refused", "not attached: %s",
			    k.reason[0] ? k.reason : strerror(-err));
	else
		ret->body = kernel(x, &k);
}
