/* SPDX-License-Identifier: Apache-2.0 */
/* What is in use now. */
#include "ctl/resources.h"
#include "ctl/show_parts.h"

void show_resources(void *arg, const json_t *args, struct ctl_reply *ret)
{
	struct resource all[RESOURCES_MAX];
	size_t count = resources_read(arg, all);
	struct resource_memory m;
	json_t *list = json_array();

	resources_memory(&m);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack(
			"{s:s, s:I, s:o}", "resource", all[i].name,
			"used", (json_int_t)all[i].used, "limit",
			all[i].limit ? json_integer((json_int_t)all[i].limit) :
				       json_null()));
	ret->body = json_pack("{s:o, s:{s:I, s:I, s:I}}", "resources", list,
			      "memory",
			      "resident_bytes", (json_int_t)m.resident,
			      "heap_used_bytes", (json_int_t)m.heap_used,
			      "heap_free_bytes", (json_int_t)m.heap_free);
}
