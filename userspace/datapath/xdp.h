/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the XDP backend. */
#ifndef DATAPATH_XDP_H
#define DATAPATH_XDP_H

#include "datapath/attach.h"
#include "datapath/datapath.h"
#include "datapath/neighbours.h"

#define XDP_INTERFACES_MAX	2	/* of web and of sip */
#define XDP_WATCHES		3	/* programs of bpf/stage/watch.h */
/*
 * Read at a time. A far end that brings an event with each of its packets
 * makes them as fast as they are read.
 */
#define XDP_EVENTS_MAX		256

#define XDP_STREAM_STOPPED	2

#define XDP_WAYS_OUT "drain the calls with the version that set them up, or " \
		     "start with --discard-media, which ends them"

struct bpf_link;
struct bpf_object;
struct netlink_link;
struct ring_buffer;

enum xdp_map {
	XDP_CONTROL, XDP_FLOWS, XDP_NEAR, XDP_PORTS, XDP_UFRAGS, XDP_ICE_KEYS, XDP_KEYS,
	XDP_TRANSPORTS, XDP_STREAMS, XDP_RELAYS, XDP_STATES, XDP_RTCP,
	XDP_PEERS, XDP_NEXT_HOPS, XDP_DEVICES, XDP_DROPS, XDP_COUNTERS,
	XDP_EVENTS,
	XDP_MAPS
};

/* A stream in the lists of its transports: where it arrives, where it leaves. */
struct xdp_ends {
	uint32_t transport[2];
	uint32_t next[2];
	uint32_t prev[2];
};

struct xdp_firsts {
	uint32_t stream[2];
};

extern const char *const xdp_map_names[XDP_MAPS];

struct xdp {
	struct bpf_object *object;
	char object_path[512];		/* of the object that is loaded */
	bool has_arena;			/* it is the one with an arena */
	char pin_dir[256];
	int lock_fd;
	bool by_netlink;		/* the setting */
	int maps[XDP_MAPS];
	int cpus;
	/* adoption: of what an earlier run left in pin_dir */
	bool is_adopted;
	bool is_reused[XDP_MAPS];
	bool is_kept;			/* closing leaves everything in place */
	uint64_t left_ns;		/* the earlier run's last heartbeat */
	/* and if that run had the contract before this one */
	uint32_t from_contract;		/* 0: it had not, or all is done */
	bool is_committed;		/* there is no way back */
	struct bpf_object *bridge;
	int old_keys_fd;
	struct attach attached[XDP_INTERFACES_MAX];
	size_t attached_count;
	struct bpf_link *watch[XDP_WATCHES];
	struct neighbours *neighbours;
	struct ring_buffer *events;
	datapath_event_cb *each;	/* while events are consumed */
	void *each_arg;
	uint32_t each_count;
	uint64_t boot_id[2];
	uint32_t size;			/* of the maps by stream, by transport */
	uint32_t key_size;		/* of the map of keys */
	uint32_t near_mask;		/* of the near flows' map */
	uint8_t *stream_is_used;	/* or XDP_STREAM_STOPPED */
	bool must_wait;			/* programs may work on stopped ones */
	uint8_t *key_is_used;
	uint8_t *transport_is_used;
	struct xdp_ends *ends;		/* by stream */
	struct xdp_firsts *firsts;	/* by transport */
	struct sluice_port_key web_port; /* set by this run */
};

/* xdp_size.c */
/* Before the object is loaded: room for so many streams. */
int xdp_size_set(struct xdp *x, uint32_t streams);
/* The sizes that the maps have; makes what is counted by id. */
int xdp_size_read(struct xdp *x);
void xdp_size_free(struct xdp *x);

/* xdp_arena.c: the object whose AES tables lie in a BPF arena. */
bool xdp_has_arenas(void);
/* Where it lies beside the plain one; -errno if it does not. */
int xdp_arena_path(const char *plain, char *ret, size_t size);
/* Loads either object; an arena gets its tables. 0 or -errno. */
int xdp_object_load(struct bpf_object *object);

/* xdp_flow.c. flow: NULL removes. */
int xdp_flow_set(void *backend, const struct sluice_flow_key *key,
		 const struct sluice_flow *flow);

/* xdp_walk.c */
typedef void xdp_walk_cb(void *arg, struct xdp *x, uint32_t id,
			 const void *value);
/* Every entry of an array, also those that are in no use; -errno. */
int xdp_walk(struct xdp *x, enum xdp_map map, size_t value_size,
	     xdp_walk_cb *each, void *arg);

/* xdp_stream.c */
/*
 * Waits for programs that still work on what was just taken out of the maps, or
 * that were just replaced.
 */
void xdp_wait_for_programs(void);
int xdp_stream_set(void *backend, uint32_t id,
		   const struct sluice_stream *stream,
		   const struct datapath_stream_state *state);
int xdp_stream_stop(void *backend, uint32_t id);
int xdp_stream_freeze(void *backend, uint32_t id,
		      struct datapath_stream_state *ret);
int xdp_stream_stats(void *backend, uint32_t id,
		     struct datapath_stream_stats *ret);
int xdp_peer_get(void *backend, uint32_t transport, struct sluice_peer *ret);
int xdp_peer_set(void *backend, uint32_t transport,
		 const struct sluice_peer *peer);

/* xdp_relay.c */
void xdp_relay_make(uint32_t id, const struct sluice_stream *stream,
		    const struct sluice_transport *from,
		    const struct sluice_transport *to,
		    struct sluice_relay *ret);
/* Of what the maps say. */
int xdp_relay_write(struct xdp *x, uint32_t id);
/* All of the streams that arrive or leave there. */
int xdp_relay_transport(struct xdp *x, uint32_t transport);
/* Into the lists of its transports; NULL: out of them. */
void xdp_relay_link(struct xdp *x, uint32_t id,
		    const struct sluice_stream *stream);

/* xdp_attach.c: interfaces, native or generic, canary. */
int xdp_attach_all(struct xdp *x, const struct datapath_config *config,
		   char *reason, size_t reason_size);
void xdp_detach_all(struct xdp *x);
void xdp_interface(const struct attach *a, struct datapath_interface *ret);

/* xdp_adopt.c */
/*
 * 1: the pins of an earlier run can be taken over; 0: there are none, or none
 * that carry media, and the folder is clear; -EEXIST: they stay, and reason
 * tells why.
 */
int xdp_adopt_check(struct xdp *x, char *reason, size_t size);
/* Before the object is loaded: it is to work on the pinned maps. */
int xdp_adopt_maps(struct xdp *x, char *reason, size_t size);
/* After the neighbours are open: no next hop in use is handed out anew. */
void xdp_adopt_hops(struct xdp *x);
int xdp_key_claim(void *backend, uint32_t slot, struct sluice_key *ret);
int xdp_transport_claim(void *backend, uint32_t id,
			struct sluice_transport *ret);
int xdp_stream_claim(void *backend, uint32_t id, struct sluice_stream *ret);
void xdp_flows(void *backend, datapath_flow_cb *each, void *arg);
uint32_t xdp_settle(void *backend);
/* How many flows the pinned maps in dir hold; 0 also if there are none. */
uint32_t xdp_pinned_flows(const char *dir);

/* xdp_migrate.c: from the contract before this one, in the order of calls. */
bool xdp_migrate_is_known(uint32_t contract);
/* Of pins whose contract is this one: they are to be worked on further. */
bool xdp_migrate_is_unfinished(const char *dir);
/* Of this contract or a known one: clears up after an attempt cut short. */
int xdp_migrate_check(struct xdp *x, uint32_t contract);
/* A map that is made anew, not taken over. */
bool xdp_migrate_is_new(enum xdp_map i);
/* Before the object is loaded; -EEXIST: the pinned maps are not as they were. */
int xdp_migrate_maps(struct xdp *x, char *reason, size_t size);
/*
 * The interfaces are to be those that get attached next. -errno: all is as it
 * was, or (is_committed) the next start goes on; calls go on either way.
 */
int xdp_migrate(struct xdp *x, const struct netlink_link *links, size_t count,
		char *reason, size_t size);
/* After the present program is attached, then after sl_control says so. */
int xdp_migrate_end(struct xdp *x);
void xdp_migrate_clean(struct xdp *x);
void xdp_migrate_free(struct xdp *x);

#endif
