/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The browsers' entrance: HTTPS and secure WebSocket (RFC 6455, RFC 7118) on
 * one port, served by web workers, threads with an own libuv loop each. They
 * never touch SIP state: whole, filtered messages go to the signalling thread
 * as struct wss_event; answers come back by wss_send().
 */
#ifndef WSS_WSS_H
#define WSS_WSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/queue.h"

struct wss;

/* What LIMIT_WSS_* of core/limits.h set; a field of 0 takes that value. */
struct wss_limits {
	uint32_t clients;
	uint32_t clients_per_ip;
	uint32_t clients_per_net;
	uint32_t output_bytes;
	uint32_t handshake_ms;
	uint32_t ping_ms;
	uint32_t idle_ms;
	uint32_t messages_per_s;
	uint32_t messages_per_s_ip;
};

struct wss_settings {
	struct addr listen;
	const char *certificate;	/* PEM files */
	const char *private_key;
	unsigned int workers;		/* at most 64; 0: one a core, up to 4 */
	const char *phone_dir;		/* static files; NULL: no phone */
	/* Body of GET /config.json for the phone; NULL: 404. Copied. */
	const char *phone_config;
	const char *const *origins;	/* allowed Origin values, NULL-terminated;
					 * NULL: any (also none) */
	const struct wss_limits *limits;	/* NULL: the defaults */
};

/* ---- messages to the signalling thread ------------------------------- */

enum wss_message {
	WSS_OPENED = 100,	/* upgrade done; data is the Origin, may be "" */
	WSS_RECEIVED,		/* data is one filtered SIP message */
	WSS_CLOSED,		/* last of its connection; data says why */
};

struct wss_event {
	uint64_t conn;		/* never reused while the daemon lives */
	struct addr peer;
	uint32_t len_bytes;
	char data[];		/* a NUL follows, not counted */
};

/* Binds, loads the certificate, starts the workers. Errors are logged. */
int wss_start(const struct wss_settings *settings, struct queue *events,
	      struct wss **ret);
/* Events may still come until it returns; events must outlive it. */
void wss_stop(struct wss *w);
/* The port bound, for a listen port of 0. */
uint16_t wss_port(const struct wss *w);

/*
 * For connections to come, without a restart. -EINVAL, and nothing changes,
 * unless both files are good and fit together; logged.
 */
int wss_reload_certificate(struct wss *w, const char *certificate,
			   const char *private_key);

/*
 * Any thread. Queued to the connection's worker; dropped silently if the
 * connection is gone. A client that does not read is closed at
 * LIMIT_WSS_OUTPUT_BYTES.
 */
int wss_send(struct wss *w, uint64_t conn, const void *data, size_t len);
/* WebSocket close with a status code of RFC 6455 7.4. */
void wss_close(struct wss *w, uint64_t conn, uint16_t code);

/* Counters, append-only; names in WSS_COUNTER_NAMES. Any thread. */
enum wss_counter {
	WSS_ACCEPTED,		/* TCP connections */
	WSS_UPGRADED,		/* WebSocket connections */
	WSS_MESSAGES_IN,
	WSS_MESSAGES_OUT,
	WSS_REFUSED_SUBPROTOCOL, /* upgrade without "sip" */
	WSS_REFUSED_ORIGIN,
	WSS_REFUSED_VERSION,
	WSS_REFUSED_REQUEST,	/* malformed or smuggled HTTP */
	WSS_REFUSED_PATH,
	WSS_REFUSED_LIMIT,	/* clients, clients per address */
	WSS_TLS_FAILED,
	WSS_TIMEOUT_HANDSHAKE,
	WSS_TIMEOUT_IDLE,
	WSS_CLOSED_FRAME,	/* protocol violation in a frame */
	WSS_CLOSED_TOO_BIG,
	WSS_CLOSED_RATE,
	WSS_CLOSED_OUTPUT,	/* does not read */
	WSS_DROPPED_FILTER,	/* not a SIP message by the front filter */
	WSS_DROPPED_QUEUE,	/* signalling thread is behind */
	WSS_COUNTER_MAX
};

#define WSS_COUNTER_NAMES { \
	"accepted", "upgraded", "messages-in", "messages-out", \
	"refused-subprotocol", "refused-origin", "refused-version", \
	"refused-request", "refused-path", "refused-limit", "tls-failed", \
	"timeout-handshake", "timeout-idle", "closed-frame", \
	"closed-too-big", "closed-rate", "closed-output", "dropped-filter", \
	"dropped-queue" }

void wss_counters(const struct wss *w, uint64_t ret[WSS_COUNTER_MAX]);
/* Live WebSocket connections. Any thread. */
uint32_t wss_clients(const struct wss *w);

#endif
