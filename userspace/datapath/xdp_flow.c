// SPDX-License-Identifier: Apache-2.0
/*
 * Flows: all of them in a hash; those whose media the kernel relays also in the
 * near table, as far as there is a place.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>

#include "datapath/xdp.h"
#include "lib/flow.h"

#define MEMORY_TRIES	100

/*
 * Entries are made on demand, from a reserve of the CPU that is filled up from
 * the next interrupt on: more of them at once than it holds is no lack of
 * memory.
 */
static int far_set(struct xdp *x, const struct sluice_flow_key *key,
		   const struct sluice_flow *flow)
{
	int err, i;

	for (i = 0;; i++) {
		err = bpf_map_update_elem(x->maps[XDP_FLOWS], key, flow,
					  BPF_ANY);
		if (err != -ENOMEM || i == MEMORY_TRIES)
			return err;
		sched_yield();
	}
}

/* What was there goes first: a place is never changed from one to another. */
static void near_set(struct xdp *x, const struct sluice_flow_key *key,
		     const struct sluice_flow *flow)
{
	static const struct sluice_near_flow none;
	uint32_t at = sluice_flow_hash(key) & x->near_mask, i, place;
	struct sluice_near near;

	if (bpf_map_lookup_elem(x->maps[XDP_NEAR], &at, &near))
		return;
	place = SLUICE_FLOW_WAYS;
	for (i = 0; i < SLUICE_FLOW_WAYS; i++) {
		if (sluice_flow_is(&near.way[i], key)) {
			near.way[i] = none;
			bpf_map_update_elem(x->maps[XDP_NEAR], &at, &near,
					    BPF_ANY);
		}
		if (!near.way[i].transport && place == SLUICE_FLOW_WAYS)
			place = i;
	}
	if (!flow || !flow->transport || flow->flags & SLUICE_FLOW_FAR ||
	    place == SLUICE_FLOW_WAYS)
		return;
	near.way[place] = (struct sluice_near_flow){
		.key = *key, .transport = flow->transport };
	bpf_map_update_elem(x->maps[XDP_NEAR], &at, &near, BPF_ANY);
}

int xdp_flow_set(void *backend, const struct sluice_flow_key *key,
		 const struct sluice_flow *flow)
{
	struct xdp *x = backend;
	int err;

	if (!flow) {
		near_set(x, key, NULL);
		err = bpf_map_delete_elem(x->maps[XDP_FLOWS], key);
		return err == -ENOENT ? 0 : err;
	}
	err = far_set(x, key, flow);
	if (!err)
		near_set(x, key, flow);
	return err;
}
