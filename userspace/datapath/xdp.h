/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the XDP backend. */
#ifndef DATAPATH_XDP_H
#define DATAPATH_XDP_H

#include "datapath/attach.h"
#include "datapath/datapath.h"
#include "datapath/neighbours.h"

#define XDP_INTERFACES_MAX	2	/* of web and of sip */

struct bpf_link;
struct ring_buffer;

enum xdp_map {
	XDP_CONTROL, XDP_FLOWS, XDP_PORTS, XDP_UFRAGS, XDP_KEYS,
	XDP_TRANSPORTS, XDP_STREAMS, XDP_OUT, XDP_SSRCS, XDP_SOURCES,
	XDP_NEXT_HOPS, XDP_DEVICES, XDP_DROPS, XDP_COUNTERS, XDP_EVENTS,
	XDP_MAPS
};

struct xdp {
	struct bpf_object *object;
	char object_path[512];
	char pin_dir[256];
	int maps[XDP_MAPS];
	int cpus;
	struct attach attached[XDP_INTERFACES_MAX];
	size_t attached_count;
	struct bpf_link *watch[2];
	struct neighbours *neighbours;
	struct ring_buffer *events;
	datapath_event_cb *each;	/* while events are consumed */
	void *each_arg;
	uint64_t boot_id[2];
	uint32_t sweep;			/* next stream to look at */
	uint8_t stream_is_used[SLUICE_MAX_STREAMS];
	uint8_t key_is_used[SLUICE_MAX_KEYS];
};

/* xdp_stream.c */
int xdp_stream_set(void *backend, uint32_t id,
		   const struct sluice_stream *stream,
		   const struct datapath_stream_state *state);
int xdp_stream_freeze(void *backend, uint32_t id,
		      struct datapath_stream_state *ret);
int xdp_stream_stats(void *backend, uint32_t id,
		     struct datapath_stream_stats *ret);
/* Part of tick: plain sources that fell silent make room for new ones. */
void xdp_stream_sweep(struct xdp *x);

/* xdp_attach.c: interfaces, native or generic, canary. */
int xdp_attach_all(struct xdp *x, const struct datapath_config *config,
		   char *reason, size_t reason_size);
void xdp_detach_all(struct xdp *x);

#endif
