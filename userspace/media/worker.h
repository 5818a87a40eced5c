/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The media thread: it owns the browser media socket, all RTP sockets, the
 * sessions and the datapath. Orders come by a queue.
 */
#ifndef MEDIA_WORKER_H
#define MEDIA_WORKER_H

#include "core/limits.h"
#include "media/dtls.h"
#include "media/media.h"
#include "media/ports.h"
#include "media/tickets.h"
#include "media/tuples.h"

struct digits;
struct session;

enum worker_command {
	WORKER_OPEN = 1,	/* struct worker_open */
	WORKER_EXTEND,		/* struct worker_open, the new m-lines */
	WORKER_CONFIGURE,	/* struct worker_configure */
	WORKER_CLOSE,		/* struct worker_close */
	WORKER_MOVE,		/* struct worker_move */
	WORKER_CREDENTIALS,	/* struct worker_credentials */
	WORKER_DIGIT,		/* struct worker_digit */
	WORKER_PICTURE,		/* struct worker_close: the id */
	WORKER_DETACH,		/* struct worker_kernel */
	WORKER_ATTACH,		/* struct worker_kernel */
	WORKER_STOP,		/* struct worker_stop */
};

/* The sockets change owner with the message. */
struct worker_open {
	char call[MEDIA_CALL_ID_LEN];
	struct media_local local;
	uint32_t first_stream;
	uint32_t stream_count;
	struct port_pair ports[MEDIA_STREAMS];
};

struct worker_configure {
	uint32_t id;
	struct media_config config;
};

struct worker_close {
	uint32_t id;
};

struct worker_digit {
	uint32_t id;
	enum media_side to;
	uint8_t event;
	uint32_t duration_ms;
};

struct worker_move {
	uint32_t id;
	enum datapath_backend to;
};

struct worker_credentials {
	uint32_t id;
	char ufrag[SLUICE_UFRAG_LEN + 1];
	char password[33];
};

/* The one order that is waited for: worker_order(). */
struct worker_kernel {
	bool moves;
	void *backend;		/* WORKER_ATTACH: datapath_prepare(), or NULL */
	char reason[256];	/* what that said */
};

struct worker_stop {
	bool keep;		/* the kernel's media goes on without us */
};

/* A session that an earlier run had stored. */
struct adopted {
	uint32_t id;
	char lost[64];		/* why it is no more; "": it lives */
};

enum endpoint_kind { ENDPOINT_QUEUE, ENDPOINT_DATAPATH, ENDPOINT_WEB,
		     ENDPOINT_RTP, ENDPOINT_RTCP };

/* What epoll hands back. */
struct endpoint {
	enum endpoint_kind kind;
	int fd;
	struct session *session;
	uint32_t stream;
};

struct worker {
	pthread_t thread;
	struct media_settings settings;	/* strings are not valid here */
	struct ports *ports;
	struct tickets *tickets;
	struct dtls_context *dtls;
	struct datapath *dp;
	struct queue *commands;
	struct queue *events;
	int epoll_fd;
	struct endpoint queue_end;
	struct endpoint datapath_end;
	struct endpoint web_end;
	/* Everything below: media thread only, but for the totals. */
	bool is_stopping;
	bool is_keeping;		/* with is_stopping */
	bool is_running;
	uint64_t next_tick_ms;
	struct session *session[LIMIT_MEDIA_SESSIONS];
	struct session **owner;		/* by transport id; NULL: nobody */
	struct session *handshakes;	/* list by dtls_next */
	struct digits *digits;		/* being sent, list by next */
	struct tuples *tuples;
	int port_fd[65536];		/* SIP side sockets by port; -1 */
	struct receiver *receiver;
	pthread_mutex_t totals_lock;
	struct datapath_totals totals[DATAPATH_BACKENDS];
	struct datapath_usage usage;
	uint32_t lacking_flows;		/* sessions */
	pthread_mutex_t order_lock;
	pthread_cond_t order_done;
	bool is_ordered;		/* somebody waits */
	int order_err;
	struct media_kernel order_ret;
	/* Made before the thread starts, read by anybody. */
	struct adopted *adopted;
	uint32_t adopted_count;
	uint64_t adopted_ms;		/* CLOCK_MONOTONIC */
};

/* Binds the browser port and opens the datapath; does not start the thread. */
int worker_create(const struct media_settings *settings,
		  struct ports *ports, struct tickets *tickets,
		  struct dtls_context *dtls, struct queue *events,
		  struct worker **ret);
int worker_start(struct worker *w);
/*
 * Ends the thread and every session; keep: the sessions in the kernel go on.
 * Accepts NULL.
 */
void worker_free(struct worker *w, bool keep);

/*
 * WORKER_DETACH, WORKER_ATTACH: returns when it is done. On the thread that
 * reads the datapath besides the media thread.
 */
int worker_order(struct worker *w, enum worker_command command,
		 const struct worker_kernel *order, struct media_kernel *ret);

/* kernel.c: the kernel path taken away and put back under live sessions. */
int kernel_detach(struct worker *w, const struct worker_kernel *order,
		  struct media_kernel *ret);
int kernel_attach(struct worker *w, const struct worker_kernel *order,
		  struct media_kernel *ret);

/* adopt.c: the stored sessions whose media is still in the kernel. */
int adopt_sessions(struct worker *w);

/* ---- for the rest of the media thread ---------------------------------- */

int worker_watch(struct worker *w, struct endpoint *e);
/* The datapath's reports, if it has any. */
int worker_watch_datapath(struct worker *w);
/* The door that all browsers use. */
int worker_web_port(struct worker *w);
void worker_unwatch(struct worker *w, struct endpoint *e);
/* What waits at a socket, up to a bound. Not while a datagram is dealt with. */
void worker_receive(struct worker *w, struct endpoint *e);
/* From one of our ports; -errno, counted as send. */
int worker_send(struct worker *w, const struct addr *local,
		const struct addr *remote, const void *data, size_t len);
void worker_drop(struct worker *w, int reason);	/* enum sluice_drop */
/* Whose the datapath's reports on a transport are; NULL: nobody's. */
void worker_own(struct worker *w, uint32_t transport, struct session *s);

#endif
