// SPDX-License-Identifier: Apache-2.0
/* A whole array of the contract, by few calls: one entry each takes ids x 1 us. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/xdp.h"

#define WALK_ENTRIES	256	/* a call: of keys, half a megabyte */

int xdp_walk(struct xdp *x, enum xdp_map map, size_t value_size,
	     xdp_walk_cb *each, void *arg)
{
	uint32_t keys[WALK_ENTRIES], count, i, at = 0;
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	bool is_first = true;
	uint8_t *values;
	int err;

	err = bpf_obj_get_info_by_fd(x->maps[map], &info, &size);
	if (!err && info.value_size != value_size)
		err = -EPROTONOSUPPORT;
	if (err)
		return err;
	values = calloc(WALK_ENTRIES, value_size);
	if (!values)
		return -ENOMEM;
	while (!err) {
		count = WALK_ENTRIES;
		err = bpf_map_lookup_batch(x->maps[map], is_first ? NULL : &at,
					   &at, keys, values, &count, NULL);
		if (err && err != -ENOENT)
			break;
		for (i = 0; i < count; i++)
			each(arg, x, keys[i], values + i * value_size);
		is_first = false;
	}
	/* there may be keys among them */
	explicit_bzero(values, WALK_ENTRIES * value_size);
	free(values);
	return err == -ENOENT ? 0 : err;
}
