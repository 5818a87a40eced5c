/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where media flows. One front, two backends behind one table of operations:
 * "xdp" (the kernel) and "user" (sockets of the media thread). Both work on
 * the contract's structures (bpf/uapi/sluice.h) under the same ids, so that a
 * stream can move between them (freeze here, add there).
 *
 * The user backend is always open: what the kernel passes up (STUN, DTLS,
 * RTCP, flows marked SLUICE_FLOW_USER) ends there. Door entries (ports,
 * ufrags) and flows go to every open backend; keys, transports, streams and
 * their state only to the backend that owns the session.
 *
 * Called on the media thread only, except datapath_open(), _close() and the
 * readers marked "any thread".
 */
#ifndef DATAPATH_DATAPATH_H
#define DATAPATH_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "uapi/sluice.h"

struct datapath;

#define DATAPATH_KEYS_SPARE	64
/*
 * On average: of an m-line RTP, RTCP, and for as long as their source ports are
 * not learned (which RTCP's is not while there is none) both once more; and the
 * pairs of its browser, most have two or three.
 */
#define DATAPATH_FLOWS_A_STREAM	4

enum datapath_backend { DATAPATH_USER = 0, DATAPATH_XDP = 1,
			DATAPATH_BACKENDS = 2 };

/* One row of `show drops|datapath`. */
struct datapath_totals {
	uint64_t drops[SLUICE_DROP_MAX];
	uint64_t counters[SLUICE_COUNT_MAX];
};

/* One arriving SSRC of a stream, as RFC 3550 counts it. */
struct datapath_source {
	uint32_t ssrc;		/* host order */
	uint32_t jitter_us;
	uint64_t received;	/* accepted packets */
	uint64_t lost;
	uint64_t late;
	uint64_t last_seen_ns;	/* CLOCK_MONOTONIC */
};

struct datapath_stream_stats {
	uint64_t packets;	/* sent out of this stream */
	uint64_t bytes;		/* RTP payload bytes sent */
	uint64_t received;	/* accepted packets, all sources */
	uint64_t lost;		/* expected - received, all sources */
	uint64_t late;		/* reordered inside the window */
	uint64_t last_seen_ns;	/* CLOCK_MONOTONIC, 0: never */
	uint32_t jitter_us;	/* of the current source */
	uint32_t in_ssrc;	/* current source, host order; 0: none */
	uint32_t out_ssrc;
	/* of the current source: what is sent is what arrived plus this */
	uint32_t seq_delta;	/* extended sequence number, mod 2^32 */
	uint32_t timestamp_delta;
	uint32_t source_count;	/* remembered: others may have made room */
	struct datapath_source source[SLUICE_SSRCS_PER_STREAM];
};

/* State moved by freeze: the out index and the sources of one stream. */
struct datapath_stream_state {
	struct sluice_state media;
	struct sluice_rtcp_out rtcp;
};

/* What the kernel saw; struct sluice_event of the contract. */
typedef void datapath_event_cb(void *arg, const struct sluice_event *event);
typedef void datapath_flow_cb(void *arg, const struct sluice_flow_key *key,
			      const struct sluice_flow *flow);

/*
 * The table a backend implements. Ids come from the caller and lie in the
 * contract's ranges. All return 0 or -errno; -EOPNOTSUPP means "not this
 * backend", and nothing was changed. A NULL value removes (and zeroises).
 */
struct datapath_ops {
	const char *name;
	void (*close)(void *backend);
	int (*port_set)(void *backend, const struct sluice_port_key *key,
			const struct sluice_port *port);
	int (*ufrag_set)(void *backend, const struct sluice_ufrag_key *key,
			 const struct sluice_ufrag *ufrag,
			 const struct sluice_ice_key *password);
	int (*flow_set)(void *backend, const struct sluice_flow_key *key,
			const struct sluice_flow *flow);
	int (*key_set)(void *backend, uint32_t slot,
		       const struct sluice_key *key);
	/* Resolves the next hop of (local, remote); keeps following it. */
	int (*transport_set)(void *backend, uint32_t id,
			     const struct sluice_transport *transport);
	/* state: NULL for a new stream; on update (same id) must be NULL. */
	int (*stream_set)(void *backend, uint32_t id,
			  const struct sluice_stream *stream,
			  const struct datapath_stream_state *state);
	/*
	 * Stops forwarding; set again it goes on. NULL: there is nothing to
	 * gain. Streams that are stopped together are waited for together.
	 */
	int (*stream_stop)(void *backend, uint32_t id);
	/* Stops forwarding, then hands the state over and forgets it. */
	int (*stream_freeze)(void *backend, uint32_t id,
			     struct datapath_stream_state *ret);
	int (*stream_stats)(void *backend, uint32_t id,
			    struct datapath_stream_stats *ret);
	/*
	 * What was heard of a transport's far end; zeroes if nothing. NULL
	 * forgets it: new keys, or the id means something else.
	 */
	int (*peer_get)(void *backend, uint32_t transport,
			struct sluice_peer *ret);
	int (*peer_set)(void *backend, uint32_t transport,
			const struct sluice_peer *peer);
	int (*totals)(void *backend, struct datapath_totals *ret);
	/* About once a second: heartbeat, neighbours, expiry. */
	void (*tick)(void *backend);
	/* NULL, both: this backend reports nothing by itself. */
	int (*event_fd)(void *backend);
	void (*events)(void *backend, datapath_event_cb *each, void *arg);
	/*
	 * Adoption of an earlier run's entries, see datapath_key_claim() and
	 * what follows it. NULL, all of them: nothing outlives this backend.
	 */
	int (*key_claim)(void *backend, uint32_t slot, struct sluice_key *ret);
	int (*transport_claim)(void *backend, uint32_t id,
			       struct sluice_transport *ret);
	int (*stream_claim)(void *backend, uint32_t id,
			    struct sluice_stream *ret);
	void (*flows)(void *backend, datapath_flow_cb *each, void *arg);
	uint32_t (*settle)(void *backend);
};

/* What the user backend needs of the media thread's sockets. */
struct datapath_socket_ops {
	/*
	 * Send from one of our ports (local.port) to remote; -errno on failure.
	 */
	int (*send)(void *arg, const struct addr *local,
		    const struct addr *remote, const void *data, size_t len);
	void *arg;
	/* What this backend saw, in the midst of a packet. May be NULL. */
	void (*event)(void *arg, const struct sluice_event *event);
};

struct datapath_config {
	/* "auto": kernel if it works; "xdp": fail if it does not; "user". */
	enum { DATAPATH_WANT_AUTO, DATAPATH_WANT_XDP,
	       DATAPATH_WANT_USER } want;
	struct addr web;	/* addresses whose interfaces are attached */
	struct addr sip;
	const char *pin_dir;	/* bpffs folder, made if missing */
	const char *object;	/* path of sluice_xdp.bpf.o */
	bool discard_media;	/* what an earlier run left is removed */
	bool by_netlink;	/* not by a bpf_link */
	uint32_t streams;	/* ids; 0: SLUICE_MAX_STREAMS */
	struct datapath_socket_ops sockets;
};

/*
 * Opens the backends; logs which one serves and why. With "auto" a failure of
 * XDP is a warning and the user backend serves; with "xdp" it is the error.
 * Media of an earlier run that cannot be adopted is always an error, -EEXIST,
 * and stays as it is. Needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON for XDP.
 */
int datapath_open(const struct datapath_config *config, struct datapath **ret);
/* Whether an earlier run left media in the kernel. */
bool datapath_has_media(const char *pin_dir);
/*
 * Ids of streams and of transports are below this: what the configuration
 * says, or the pinned maps of an earlier run. Keys have DATAPATH_KEYS_SPARE
 * more, for those that change theirs.
 */
uint32_t datapath_size(const struct datapath *dp);
void datapath_close(struct datapath *dp);	/* accepts NULL */

/*
 * Adoption (Documentation/restart.rst). If an earlier run left its media in
 * the kernel, those who remember a part of it claim that part by its ids,
 * before any other call that hands out ids; then datapath_settle() removes
 * what nobody claimed.
 */
struct datapath_adoption {
	bool is_adopted;
	uint64_t absent_ms;	/* from the last heartbeat until the start */
	uint32_t orphans;	/* entries that nobody claimed */
};
void datapath_adoption(const struct datapath *dp,
		       struct datapath_adoption *ret);
/* -ENOENT: the kernel has no such entry. */
int datapath_key_claim(struct datapath *dp, uint32_t slot,
		       struct sluice_key *ret);
int datapath_transport_claim(struct datapath *dp, uint32_t id,
			     struct sluice_transport *ret);
int datapath_stream_claim(struct datapath *dp, uint32_t id,
			  struct sluice_stream *ret);
/* Every flow of the earlier run. */
void datapath_flows(struct datapath *dp, datapath_flow_cb *each, void *arg);
/* A flow that the kernel has: the other backend is told of it. */
int datapath_flow_claim(struct datapath *dp, const struct sluice_flow_key *key,
			const struct sluice_flow *flow);
void datapath_settle(struct datapath *dp);
/*
 * Whether closing leaves pins, program and entries in place: at first, if they
 * were adopted.
 */
void datapath_keep(struct datapath *dp, bool is_kept);

/*
 * The operator's order to a process that runs, on the media thread while the
 * signalling thread, which reads what changes here, waits for it.
 *
 * Takes the kernel backend away with its pins; nothing may be in it any more.
 */
void datapath_detach(struct datapath *dp);
/*
 * A kernel backend for a datapath that has none, attached and empty; takes its
 * time, and may be called on any thread. reason: one line, as at the start.
 */
int datapath_prepare(const struct datapath *dp, void **ret_backend,
		     char *reason, size_t reason_size);
/* Takes what datapath_prepare() made; the doors are the caller's to set. */
void datapath_install(struct datapath *dp, void *backend, const char *reason);
/* Puts the program back where others took it away: how many, or -errno. */
int datapath_attach_missing(struct datapath *dp, char *reason,
			    size_t reason_size);

/* The backend new sessions are tried on first. Any thread. */
enum datapath_backend datapath_preferred(const struct datapath *dp);
/* One line: why this backend, which interfaces, native or generic. Any thread. */
const char *datapath_reason(const struct datapath *dp);

/* Any thread. Row names: SLUICE_DROP_NAMES. */
struct datapath_interface {
	char name[16];
	char mode[16];		/* "native", "generic" */
	char attach[16];	/* "link", "netlink", "dispatcher" */
	bool is_there;		/* nobody else took it away */
	uint32_t program_id;
	char program_tag[17];	/* as bpftool prints it; "": unknown */
};
int datapath_interfaces(const struct datapath *dp,
			struct datapath_interface *ret, size_t max);

/* Id allocation, common to the backends; 0 when exhausted. */
uint32_t datapath_key_alloc(struct datapath *dp);
uint32_t datapath_transport_alloc(struct datapath *dp);
uint32_t datapath_stream_alloc(struct datapath *dp);
void datapath_key_release(struct datapath *dp, uint32_t slot);
void datapath_transport_release(struct datapath *dp, uint32_t id);
void datapath_stream_release(struct datapath *dp, uint32_t id);

/* To every open backend. */
int datapath_port_set(struct datapath *dp, const struct sluice_port_key *key,
		      const struct sluice_port *port);
int datapath_ufrag_set(struct datapath *dp, const struct sluice_ufrag_key *key,
		       const struct sluice_ufrag *ufrag,
		       const struct sluice_ice_key *password);
/* owner's flow; the others get it marked SLUICE_FLOW_USER. */
int datapath_flow_set(struct datapath *dp, enum datapath_backend owner,
		      const struct sluice_flow_key *key,
		      const struct sluice_flow *flow);

/* To one backend. -EOPNOTSUPP: try the other. */
int datapath_key_set(struct datapath *dp, enum datapath_backend b,
		     uint32_t slot, const struct sluice_key *key);
int datapath_transport_set(struct datapath *dp, enum datapath_backend b,
			   uint32_t id, const struct sluice_transport *t);
int datapath_stream_set(struct datapath *dp, enum datapath_backend b,
			uint32_t id, const struct sluice_stream *stream,
			const struct datapath_stream_state *state);
int datapath_stream_stop(struct datapath *dp, enum datapath_backend b,
			 uint32_t id);
int datapath_stream_freeze(struct datapath *dp, enum datapath_backend b,
			   uint32_t id, struct datapath_stream_state *ret);
int datapath_stream_stats(struct datapath *dp, enum datapath_backend b,
			  uint32_t id, struct datapath_stream_stats *ret);
int datapath_peer_get(struct datapath *dp, enum datapath_backend b,
		      uint32_t transport, struct sluice_peer *ret);
int datapath_peer_set(struct datapath *dp, enum datapath_backend b,
		      uint32_t transport, const struct sluice_peer *peer);

/*
 * A datagram that a media socket received, RTP or SRTP by its first byte
 * (RFC 7983). The user backend relays it or counts a drop; the buffer is
 * overwritten. Returns 0 or the enum sluice_drop.
 */
int datapath_user_input(struct datapath *dp, const struct addr *local,
			const struct addr *remote, uint8_t *data, size_t len,
			size_t capacity);
#define DATAPATH_OWN_MAX	16	/* bytes of such a payload */

/* A packet of the gateway's own: RFC 4733. */
struct datapath_own {
	uint8_t pt;
	uint8_t ratio;		/* stream's clock by the packet's; 0: the same */
	bool is_first;		/* marker, and a new timestamp */
	uint32_t timestamp;	/* in the stream's clock; of the first, set */
	uint8_t payload[DATAPATH_OWN_MAX];
	uint32_t len;
};

/*
 * Into a stream of the user backend. -EINVAL: no such stream; -EAGAIN: it is
 * held, or has nowhere to go.
 */
int datapath_user_send(struct datapath *dp, uint32_t stream,
		       struct datapath_own *p);
/* Counts a drop the media thread decided (STUN, DTLS, sources). */
void datapath_count_drop(struct datapath *dp, enum sluice_drop reason);
void datapath_count(struct datapath *dp, enum sluice_counter counter);

/* By backend; zero where one is not open. */
int datapath_totals(struct datapath *dp,
		    struct datapath_totals ret[DATAPATH_BACKENDS]);

/* What is in use now, both backends together. */
struct datapath_usage {
	uint32_t keys, transports, streams;	/* ids */
	uint32_t flows;
	uint32_t ports;		/* local, the browsers' included */
};
void datapath_usage(const struct datapath *dp, struct datapath_usage *ret);
/* How many ids there are for it; keys are more than the others. */
uint32_t datapath_key_size(const struct datapath *dp);
void datapath_tick(struct datapath *dp);
/* Readable while events wait; -1 if no backend reports any. */
int datapath_event_fd(const struct datapath *dp);
void datapath_events(struct datapath *dp, datapath_event_cb *each, void *arg);

/* struct addr <-> contract. */
struct sluice_addr datapath_addr(const struct addr *a);
struct sluice_flow_key datapath_flow_key(const struct addr *local,
					 const struct addr *remote);

#endif
