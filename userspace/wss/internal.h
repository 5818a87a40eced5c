/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libwebsockets carries the sockets, TLS and the loop; connections are bound
 * to its raw role, which hands over what TLS decrypts. HTTP and frames are
 * read here: its own readers hide what must be refused (the mask bit,
 * spellings of the request) and take much that RFC 6455 forbids.
 */
#ifndef WSS_INTERNAL_H
#define WSS_INTERNAL_H

#include <libwebsockets.h>
#include <pthread.h>
#include <uv.h>

#include "core/clock.h"
#include "core/limits.h"
#include "wss/frame.h"
#include "wss/peers.h"
#include "wss/phone.h"
#include "wss/wss.h"

#define WORKERS_MAX	64
#define WORKERS_AUTO_MAX	4
#define CLIENT_BUCKETS	4096
#define FLUSH_MS	5000	/* for a peer to take the last bytes */
#define LINGER_MS	2000	/* for a peer to close its side */
#define STOP_MS		500	/* for both when the daemon stops */

struct wss {
	struct wss_limits limits;
	struct queue *events;
	struct peers *peers;
	struct phone *phone;
	char **origins;		/* NULL: any */
	struct web_worker *workers[WORKERS_MAX];
	unsigned int worker_count;
	uint16_t port;
	uint64_t counters[WSS_COUNTER_MAX];	/* atomic */
	uint32_t clients;			/* atomic */
};

static inline void wss_count(struct wss *w, enum wss_counter c)
{
	__atomic_fetch_add(&w->counters[c], 1, __ATOMIC_RELAXED);
}

/* ---- a web worker: its thread owns everything below ------------------- */

enum web_worker_message {
	WORKER_SEND,
	WORKER_CLOSE,
	WORKER_CERTIFICATE,	/* data: two strings, certificate and key */
	WORKER_STOP,
};

struct web_command {
	uint64_t conn;
	uint32_t len_bytes;
	uint16_t status;
	char data[];
};

struct web_worker {
	struct wss *wss;
	unsigned int index;
	pthread_t thread;
	bool is_running;
	bool is_stopping;
	bool is_created;	/* of lws, while a socket is adopted */
	uint64_t stop_ms;	/* when patience ends */
	uint64_t accept_ms;	/* accept again then, after EMFILE; 0: now */
	uint64_t last_id;
	int listen_fd;
	struct queue *commands;
	uv_loop_t loop;
	bool has_loop;
	uv_poll_t accept_poll;
	uv_poll_t command_poll;
	uv_timer_t tick;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	SSL_CTX *tls;		/* the vhost's */
	SSL_CTX *identity;	/* holds certificate, chain and key */
	struct client *clients;
	struct client *buckets[CLIENT_BUCKETS];
};

/* fd is taken over, also on failure. */
int web_worker_create(struct wss *wss, unsigned int index, int listen_fd,
		      const char *certificate, const char *key,
		      struct web_worker **ret);
int web_worker_run(struct web_worker *w);
void web_worker_ask(struct web_worker *w, struct message *m);
void web_worker_free(struct web_worker *w);	/* stops it first */

/* ---- TLS ------------------------------------------------------------- */

/* Each connection gets what *identity holds when it begins. */
void tls_configure(SSL_CTX *ctx, SSL_CTX **identity);
/* To be freed by SSL_CTX_free(). -EINVAL, logged with the file's name. */
int tls_load(const char *certificate, const char *key, SSL_CTX **ret);
int tls_check(const char *certificate, const char *key);

/* ---- a connection ---------------------------------------------------- */

enum client_state {
	CLIENT_TLS,	/* nothing decrypted yet */
	CLIENT_HTTP,
	CLIENT_OPEN,	/* upgraded */
	CLIENT_FLUSH,	/* the last bytes are on their way; input is ignored */
	CLIENT_LINGER,	/* our side is shut, waiting for the peer's */
	CLIENT_GONE,	/* closed; lws frees it once the loop lets go */
};

struct chunk {
	struct chunk *next;
	const uint8_t *data;	/* own bytes, or a file of the phone */
	size_t len_bytes;
	size_t sent;
	size_t charged;		/* counted in output_bytes */
	uint8_t bytes[];
};

struct client {
	struct client *next, **at;	/* of the worker's list */
	struct client *bucket_next;
	struct web_worker *worker;
	struct lws *wsi;		/* NULL once closed */
	uint64_t id;
	struct addr peer;
	enum client_state state;
	bool is_announced;		/* WSS_OPENED without WSS_CLOSED */
	const char *why;		/* it ends; the first reason stays */

	uint64_t deadline_ms;		/* 0: none */
	uint64_t received_ms;
	uint64_t pinged_ms;
	uint64_t open_message_ms;	/* an unfinished message began; or 0 */
	uint64_t rate_ms;
	uint64_t rate_tokens;		/* thousandths of a message */

	char *head;			/* a request's head; NULL if upgraded */
	size_t head_len;
	unsigned int requests;
	bool is_replying;
	struct frame_reader reader;

	struct chunk *output, **output_tail;
	size_t output_bytes;
};

/* Takes the place in peers over, not the socket. */
struct client *client_new(struct web_worker *w, const struct addr *peer);
struct client *client_find(struct web_worker *w, uint64_t id);
void client_free(struct client *c);

/* Negative: the connection must be closed at once by the caller. */
int client_received(struct client *c, const uint8_t *data, size_t len);
int client_writable(struct client *c);
int client_tick(struct client *c, uint64_t now_ms);
int client_send(struct client *c, const uint8_t *data, size_t len);
int client_close(struct client *c, uint16_t status, const char *why);
void client_gone(struct client *c);	/* the socket is */

/* ---- output ---------------------------------------------------------- */

/* -ENOBUFS beyond the limit, -ENOMEM. */
int output_add(struct client *c, const void *head, size_t head_len,
	       const void *body, size_t len);
/* data must outlive the connection; not charged. */
int output_add_static(struct client *c, const uint8_t *data, size_t len);
int output_frame(struct client *c, enum frame_opcode opcode,
		 const void *data, size_t len);
/* One piece; lws keeps what the socket does not take. -EIO. */
int output_write(struct client *c);
void output_clear(struct client *c);

/* ---- HTTP answers ---------------------------------------------------- */

struct http_request;
int reply_error(struct client *c, unsigned int status);
int reply_file(struct client *c, const struct http_request *r,
	       bool is_last);
int reply_upgrade(struct client *c, const struct http_request *r);

#endif
