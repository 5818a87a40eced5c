/* SPDX-License-Identifier: Apache-2.0 */
/* How large the maps are: by the setting, or as an earlier run made them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "datapath/xdp.h"

static int resize(struct xdp *x, enum xdp_map i, uint32_t entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(x->object,
							   xdp_map_names[i]);

	return map ? bpf_map__set_max_entries(map, entries) : -EINVAL;
}

/* At most one flow relayed for each stream: two places for each. */
static uint32_t near_entries(uint32_t streams)
{
	uint32_t n = 1;

	while (n < streams)
		n *= 2;
	return n;
}

int xdp_size_set(struct xdp *x, uint32_t streams)
{
	static const enum xdp_map by_id[] = {
		XDP_TRANSPORTS, XDP_PEERS, XDP_STREAMS, XDP_RELAYS,
		XDP_STATES, XDP_RTCP, XDP_UFRAGS, XDP_ICE_KEYS };
	int err = resize(x, XDP_KEYS, streams + DATAPATH_KEYS_SPARE);
	size_t i;

	for (i = 0; i < sizeof(by_id) / sizeof(by_id[0]) && !err; i++)
		err = resize(x, by_id[i], streams);
	/* a pair of ports an m-line, which has two streams */
	if (!err && 2 * streams > SLUICE_MAX_PORTS)
		err = resize(x, XDP_PORTS, 2 * streams);
	if (!err)
		err = resize(x, XDP_FLOWS, DATAPATH_FLOWS_A_STREAM * streams);
	return err ? err : resize(x, XDP_NEAR, near_entries(streams));
}

static uint32_t entries(const struct xdp *x, enum xdp_map i)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(x->maps[i], &info, &size) ?
	       0 : info.max_entries;
}

int xdp_size_read(struct xdp *x)
{
	uint32_t transports = entries(x, XDP_TRANSPORTS);

	x->size = entries(x, XDP_STREAMS);
	x->key_size = entries(x, XDP_KEYS);
	x->near_mask = entries(x, XDP_NEAR) - 1;
	if (x->size > transports)
		x->size = transports;
	if (!x->size || x->key_size < x->size)
		return -EINVAL;
	x->stream_is_used = calloc(x->size, 1);
	x->transport_is_used = calloc(x->size, 1);
	x->key_is_used = calloc(x->key_size, 1);
	x->ends = calloc(x->size, sizeof(*x->ends));
	x->firsts = calloc(x->size, sizeof(*x->firsts));
	return x->stream_is_used && x->transport_is_used && x->key_is_used &&
	       x->ends && x->firsts ? 0 : -ENOMEM;
}

void xdp_size_free(struct xdp *x)
{
	free(x->stream_is_used);
	free(x->transport_is_used);
	free(x->key_is_used);
	free(x->ends);
	free(x->firsts);
}
