// SPDX-License-Identifier: Apache-2.0
#include "offline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/addr.h"
#include "core/clock.h"
#include "ctl/direction.h"
#include "ctl/text.h"
#include "ctl/totals.h"
#include "datapath/pinned.h"
#include "options.h"

#define INTERFACES_MAX	16

static json_t *address(const struct addr *a)
{
	char text[ADDR_STRLEN];

	return addr_is_set(a) ? json_string(addr_format(a, text)) :
				json_null();
}

/* ---- streams --------------------------------------------------------------- */

/* The row of an m-line: both its streams touch one transport of the SIP side. */
static json_t *row_of(json_t *list, uint32_t transport)
{
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (json_integer_value(json_object_get(row, "index")) ==
		    (json_int_t)transport)
			return row;
	row = json_pack("{s:n, s:I, s:s}", "call", "index",
			(json_int_t)transport, "path", "kernel");
	json_array_append_new(list, row);
	return row;
}

static void add_stream(void *arg, const struct pinned_stream *s)
{
	json_t *row = row_of(arg, s->sip_transport);

	json_object_set_new(row, "web_remote",
			    address(s->is_to_web ? &s->to : &s->from));
	json_object_set_new(row, "sip_remote",
			    address(s->is_to_web ? &s->from : &s->to));
	json_object_set_new(row, s->is_to_web ? "sip_to_web" : "web_to_sip",
			    direction_json(&s->stats));
}

static json_t *streams(struct pinned *p)
{
	json_t *list = json_array();

	pinned_streams(p, add_stream, list);
	return json_pack("{s:o}", "streams", list);
}

/* ---- counters -------------------------------------------------------------- */

static json_t *drops(struct pinned *p)
{
	static const char *const names[] = SLUICE_DROP_NAMES;
	struct datapath_totals t = { 0 };
	json_t *list = json_array();

	pinned_totals(p, &t);
	for (int i = SLUICE_DROP_NONE + 1; i < SLUICE_DROP_MAX; i++)
		if (t.drops[i])
			json_array_append_new(list, json_pack(
				"{s:s, s:s, s:I, s:I, s:I}", "side", "media",
				"reason", names[i],
				"kernel", (json_int_t)t.drops[i], "user",
				(json_int_t)0, "total",
				(json_int_t)t.drops[i]));
	return json_pack("{s:o}", "drops", list);
}

static json_t *interfaces(const char *dir)
{
	struct datapath_interface all[INTERFACES_MAX];
	size_t n = pinned_interfaces(dir, all, INTERFACES_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:b, s:I, s:s}", "name", all[i].name,
			"mode", all[i].mode, "attach", all[i].attach,
			"is_attached", all[i].is_there, "program_id",
			(json_int_t)all[i].program_id, "program_tag",
			all[i].program_tag));
	return list;
}

static json_t *backends(struct pinned *p)
{
	struct datapath_totals t = { 0 };

	pinned_totals(p, &t);
	return json_pack("[o]", totals_json("kernel", &t));
}

static json_t *datapath(struct pinned *p, const char *dir,
			const struct pinned_status *status)
{
	char reason[96];

	snprintf(reason, sizeof(reason), "no daemon for %llu s, %u streams go "
		 "on", (unsigned long long)status->heartbeat_age_ms / 1000,
		 status->streams);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}",
			 "preferred", "kernel", "reason", reason, "contract",
			 (json_int_t)status->contract, "heartbeat_age_ms",
			 (json_int_t)status->heartbeat_age_ms, "streams",
			 (json_int_t)status->streams, "interfaces",
			 interfaces(dir), "backends", backends(p));
}

static void other_contract(const char *dir, const struct pinned_status *s)
{
	fprintf(stderr, "sluicectl: %s has contract %u and %u flows, without a "
		"daemon for %llu s; this program reads contract %d. ", dir,
		s->contract, s->flows,
		(unsigned long long)s->heartbeat_age_ms / 1000,
		SLUICE_CONTRACT_VERSION);
	fprintf(stderr, "%s\n", pinned_is_taken_over(s->contract) ?
		"A start of this version's sluiced takes the calls over." :
		"Drain the calls with the version that set them up, or start "
		"sluiced with --discard-media, which ends them.");
}

json_t *offline_show(const char *object, const struct options *o)
{
	struct pinned_status status = { 0 };
	struct pinned *p = NULL;
	json_t *answer;
	int err = pinned_open(o->pins, &p, &status);

	if (err == -EPROTONOSUPPORT) {
		if (status.is_unfinished)
			fprintf(stderr, "sluicectl: %s is on its way to "
				"contract %u, with %u flows: start sluiced, "
				"which goes on\n", o->pins, status.contract,
				status.flows);
		else
			other_contract(o->pins, &status);
		return NULL;
	}
	if (err) {
		fprintf(stderr, "sluicectl: nor are pinned maps in %s: %s\n",
			o->pins, strerror(-err));
		return NULL;
	}
	fprintf(stderr, "sluicectl: read from the pinned maps in %s\n",
		o->pins);
	if (!strcmp(object, "streams"))
		answer = streams(p);
	else if (!strcmp(object, "drops"))
		answer = drops(p);
	else
		answer = datapath(p, o->pins, &status);
	/* As the daemon would say it: part of the truth. */
	json_object_set_new(answer, "schema", json_integer(1));
	json_object_set_new(answer, "ok", json_true());
	json_object_set_new(answer, "code", json_string("degraded"));
	json_object_set_new(answer, "time", ctl_time(clock_wall_ms()));
	pinned_close(p);
	return answer;
}

int offline_detach(const struct options *o)
{
	int err = pinned_detach(o->pins);

	if (!err) {
		printf("detached, the pins in %s are gone\n", o->pins);
		return EXIT_OK;
	}
	if (err == -ENOENT) {
		fprintf(stderr, "sluicectl: nothing is pinned in %s\n",
			o->pins);
		return EXIT_NOT_FOUND;
	}
	if (err == -EBUSY)
		fprintf(stderr, "sluicectl: a sluiced that does not answer is "
			"at work with %s: name its socket with -s, or stop "
			"it\n", o->pins);
	else
		fprintf(stderr, "sluicectl: %s: %s\n", o->pins,
			strerror(-err));
	return EXIT_REFUSED;
}
