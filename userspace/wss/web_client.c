/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "wss/filter.h"
#include "wss/http.h"

static void deliver(struct client *c, enum wss_message type, const void *data,
		    size_t len)
{
	struct wss *wss = c->worker->wss;
	struct message *m;
	struct wss_event *e;

	m = message_new(type, sizeof(*e) + len + 1);
	if (!m) {
		wss_count(wss, WSS_DROPPED_QUEUE);
		return;
	}
	e = (struct wss_event *)m->data;
	e->conn = c->id;
	e->peer = c->peer;
	e->len_bytes = (uint32_t)len;
	memcpy(e->data, data, len);
	if (type != WSS_RECEIVED) {
		queue_push_always(wss->events, m);
	} else if (queue_push(wss->events, m)) {
		message_free(m);
		wss_count(wss, WSS_DROPPED_QUEUE);
	}
}

/* ---- life ------------------------------------------------------------ */

static struct client **bucket(struct web_worker *w, uint64_t id)
{
	return &w->buckets[id % CLIENT_BUCKETS];
}

struct client *client_new(struct web_worker *w, const struct addr *peer)
{
	struct client *c = calloc(1, sizeof(*c));
	uint64_t now = clock_ms();

	if (!c)
		return NULL;
	c->worker = w;
	c->peer = *peer;
	c->id = (uint64_t)w->index << 56 | ++w->last_id;
	c->deadline_ms = now + w->wss->limits.handshake_ms;
	c->received_ms = now;
	c->output_tail = &c->output;
	c->next = w->clients;
	c->at = &w->clients;
	if (c->next)
		c->next->at = &c->next;
	w->clients = c;
	c->bucket_next = *bucket(w, c->id);
	*bucket(w, c->id) = c;
	return c;
}

struct client *client_find(struct web_worker *w, uint64_t id)
{
	struct client *c = *bucket(w, id);

	while (c && c->id != id)
		c = c->bucket_next;
	return c;
}

/* The signalling thread hears of the end once, and of nothing after it. */
static void ended(struct client *c, const char *why)
{
	if (!c->why)
		c->why = why;
	if (!c->is_announced)
		return;
	c->is_announced = false;
	__atomic_fetch_sub(&c->worker->wss->clients, 1, __ATOMIC_RELAXED);
	deliver(c, WSS_CLOSED, c->why, strlen(c->why));
}

void client_gone(struct client *c)
{
	SSL *ssl = c->wsi ? lws_get_ssl(c->wsi) : NULL;

	if (c->state == CLIENT_TLS && !c->why &&
	    (!ssl || !SSL_is_init_finished(ssl)))
		wss_count(c->worker->wss, WSS_TLS_FAILED);
	ended(c, "connection lost");
	c->state = CLIENT_GONE;
	c->wsi = NULL;
}

void client_free(struct client *c)
{
	struct client **at;

	if (!c)
		return;
	ended(c, "connection lost");
	for (at = bucket(c->worker, c->id); *at != c;)
		at = &(*at)->bucket_next;
	*at = c->bucket_next;
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	peers_leave(c->worker->wss->peers, &c->peer);
	output_clear(c);
	frame_reader_clear(&c->reader);
	free(c->head);
	free(c);
}

/* What is queued still goes out; nothing more is read. */
static int finish(struct client *c, const char *why)
{
	ended(c, why);
	c->state = CLIENT_FLUSH;
	c->deadline_ms = clock_ms() +
			 (c->worker->is_stopping ? STOP_MS : FLUSH_MS);
	free(c->head);
	c->head = NULL;
	frame_reader_clear(&c->reader);
	return 0;
}

/*
 * Sends a Close frame and then shuts our side: the server closes first
 * (RFC 6455 7.1.1), the peer's own Close is read and thrown away.
 */
int client_close(struct client *c, uint16_t status, const char *why)
{
	uint8_t code[2] = { (uint8_t)(status >> 8), (uint8_t)status };

	if (c->state != CLIENT_OPEN)
		return 0;
	finish(c, why);
	return output_frame(c, FRAME_OP_CLOSE, code, status ? 2 : 0);
}

/* ---- output ---------------------------------------------------------- */

/* Full: the peer does not read, no Close frame would reach it. */
static int sent(struct client *c, int err)
{
	if (err == -ENOBUFS) {
		wss_count(c->worker->wss, WSS_CLOSED_OUTPUT);
		ended(c, "does not read");
	}
	return err;
}

int client_send(struct client *c, const uint8_t *data, size_t len)
{
	enum frame_opcode opcode;
	int err;

	if (c->state != CLIENT_OPEN)
		return 0;
	/* A body may be anything; a text frame must be UTF-8 (RFC 7118 4.2). */
	opcode = frame_is_utf8(data, len) ? FRAME_OP_TEXT : FRAME_OP_BINARY;
	err = output_frame(c, opcode, data, len);
	if (!err)
		wss_count(c->worker->wss, WSS_MESSAGES_OUT);
	return sent(c, err);
}

static int http_read(struct client *c);

static int shut(struct client *c)
{
	SSL *ssl = lws_get_ssl(c->wsi);

	/* close_notify, then FIN. A plain close() with unread input would
	 * become a RST and could take the last answer with it. */
	if (ssl) {
		SSL_shutdown(ssl);
		ERR_clear_error();
	}
	shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
	c->state = CLIENT_LINGER;
	c->deadline_ms = clock_ms() +
			 (c->worker->is_stopping ? STOP_MS : LINGER_MS);
	return 0;
}

int client_writable(struct client *c)
{
	int err = output_write(c);

	if (err)
		return err;
	if (c->output || lws_partial_buffered(c->wsi)) {
		lws_callback_on_writable(c->wsi);
		return 0;
	}
	if (c->state == CLIENT_FLUSH)
		return shut(c);
	if (c->state == CLIENT_HTTP && c->is_replying) {
		c->is_replying = false;
		c->deadline_ms = clock_ms() +
				 c->worker->wss->limits.handshake_ms;
		return http_read(c);
	}
	return 0;
}

/* ---- HTTP ------------------------------------------------------------ */

static int refuse(struct client *c, enum wss_counter counter,
		  unsigned int status)
{
	static __thread struct log_limit limit;
	char text[ADDR_STRLEN];
	uint32_t more;

	wss_count(c->worker->wss, counter);
	if (log_limit_pass(&limit, 5, &more))
		log_info("web: %s: request refused with %u (%u more)",
			 addr_format(&c->peer, text), status, more);
	finish(c, "refused");
	return reply_error(c, status);
}

static int refuse_result(struct client *c, enum http_result r)
{
	switch (r) {
	case HTTP_BAD_METHOD:
		return refuse(c, WSS_REFUSED_REQUEST, 405);
	case HTTP_BAD_VERSION:
		return refuse(c, WSS_REFUSED_REQUEST, 505);
	case HTTP_BAD_PATH:
		return refuse(c, WSS_REFUSED_PATH, 404);
	case HTTP_TOO_LARGE:
		return refuse(c, WSS_REFUSED_REQUEST, 431);
	case HTTP_HAS_BODY:
		return refuse(c, WSS_REFUSED_REQUEST, 413);
	case HTTP_UPGRADE_VERSION:
		return refuse(c, WSS_REFUSED_VERSION, 426);
	case HTTP_UPGRADE_SUBPROTOCOL:
		return refuse(c, WSS_REFUSED_SUBPROTOCOL, 400);
	default:
		return refuse(c, WSS_REFUSED_REQUEST, 400);
	}
}

static bool is_allowed_origin(const struct wss *wss, const char *origin)
{
	unsigned int i;

	if (!wss->origins)
		return true;
	for (i = 0; wss->origins[i]; i++)
		if (!strcasecmp(wss->origins[i], origin))
			return true;
	return false;
}

static int upgrade(struct client *c, const struct http_request *r)
{
	struct wss *wss = c->worker->wss;
	int err;

	if (strcmp(r->path, "/") && strcmp(r->path, "/ws"))
		return refuse(c, WSS_REFUSED_PATH, 404);
	if (!is_allowed_origin(wss, r->origin))
		return refuse(c, WSS_REFUSED_ORIGIN, 403);
	/* RFC 6455 4.1: no frame before the answer. */
	if (c->head_len > r->head_bytes)
		return refuse(c, WSS_REFUSED_REQUEST, 400);
	err = reply_upgrade(c, r);
	if (err)
		return err;
	free(c->head);
	c->head = NULL;
	c->head_len = 0;
	c->state = CLIENT_OPEN;
	c->deadline_ms = 0;
	c->rate_ms = clock_ms();
	c->rate_tokens = wss->limits.messages_per_s * 1000ULL;
	c->is_announced = true;
	wss_count(wss, WSS_UPGRADED);
	__atomic_fetch_add(&wss->clients, 1, __ATOMIC_RELAXED);
	deliver(c, WSS_OPENED, r->origin, strlen(r->origin));
	return 0;
}

/* One request at a time; the next waits in c->head. */
static int http_read(struct client *c)
{
	struct http_request r;
	enum http_result result;
	bool is_last;
	int err;

	if (!c->head_len || c->is_replying)
		return 0;
	result = http_parse(c->head, c->head_len, &r);
	if (result == HTTP_INCOMPLETE)
		return 0;
	if (result != HTTP_OK)
		return refuse_result(c, result);
	if (r.is_upgrade)
		return upgrade(c, &r);
	is_last = r.wants_close || ++c->requests >= LIMIT_HTTP_REQUESTS;
	err = reply_file(c, &r, is_last);
	if (err)
		return err;
	c->head_len -= r.head_bytes;
	memmove(c->head, c->head + r.head_bytes, c->head_len);
	if (is_last) {
		finish(c, "served");
	} else {
		c->is_replying = true;
	}
	/* A whole file may take longer than a handshake. */
	c->deadline_ms = clock_ms() + c->worker->wss->limits.idle_ms;
	return 0;
}

static int http_received(struct client *c, const uint8_t *data, size_t len)
{
	size_t room = LIMIT_HTTP_HEADER_BYTES + 1 - c->head_len;

	if (!c->head) {
		c->head = malloc(LIMIT_HTTP_HEADER_BYTES + 1);
		if (!c->head)
			return -ENOMEM;
	}
	/* One byte above the limit is enough for the parser to refuse. */
	if (len > room) {
		if (c->is_replying) {
			wss_count(c->worker->wss, WSS_REFUSED_REQUEST);
			return -EMSGSIZE;
		}
		len = room;
	}
	memcpy(c->head + c->head_len, data, len);
	c->head_len += len;
	return http_read(c);
}

/* ---- frames ---------------------------------------------------------- */

/* A bucket of one second's worth. Control frames cost as messages do. */
static bool rate_passes(struct client *c)
{
	uint64_t rate = c->worker->wss->limits.messages_per_s;
	uint64_t now = clock_ms();

	c->rate_tokens += (now - c->rate_ms) * rate;
	if (c->rate_tokens > rate * 1000)
		c->rate_tokens = rate * 1000;
	c->rate_ms = now;
	if (c->rate_tokens < 1000)
		return false;
	c->rate_tokens -= 1000;
	return true;
}

/*
 * What one address may ask of the signalling thread, by however many clients:
 * all others wait behind it.
 */
static int address_too_fast(struct client *c)
{
	static __thread struct log_limit limit;
	struct wss *wss = c->worker->wss;
	char ip[ADDR_STRLEN];
	uint32_t more;

	wss_count(wss, WSS_CLOSED_RATE);
	if (log_limit_pass(&limit, 5, &more))
		log_warn("web: %s: closed, its address sends more than %u "
			 "messages a second (%u more)",
			 addr_format_ip(&c->peer, ip),
			 wss->limits.messages_per_s_ip, more);
	return client_close(c, FRAME_STATUS_POLICY,
			    "too many messages from its address");
}

static int message_received(struct client *c, const uint8_t *data, size_t len)
{
	static __thread struct log_limit limit;
	struct wss *wss = c->worker->wss;
	enum sip_filter_result r = sip_filter((const char *)data, len);
	char text[ADDR_STRLEN];
	uint32_t more;

	wss_count(wss, WSS_MESSAGES_IN);
	switch (r) {
	case SIP_FILTER_OK:
		if (!peers_spend(wss->peers, &c->peer, clock_ms()))
			return address_too_fast(c);
		deliver(c, WSS_RECEIVED, data, len);
		return 0;
	case SIP_FILTER_KEEPALIVE:
		/* RFC 5626 3.5.1: a ping is answered, a pong is not. */
		if (len != 4)
			return 0;
		return sent(c, output_frame(c, FRAME_OP_TEXT, "\r\n", 2));
	default:
		wss_count(wss, WSS_DROPPED_FILTER);
		if (log_limit_pass(&limit, 5, &more))
			log_info("web: %s: message dropped by the filter: %s (%u more)",
				 addr_format(&c->peer, text),
				 sip_filter_name(r), more);
		return 0;
	}
}

static int frame_received(struct client *c, enum frame_event e)
{
	struct frame_reader *r = &c->reader;
	struct wss *wss = c->worker->wss;

	if (e == FRAME_ERROR) {
		wss_count(wss, r->status == FRAME_STATUS_TOO_BIG ?
			       WSS_CLOSED_TOO_BIG : WSS_CLOSED_FRAME);
		return client_close(c, r->status, r->why);
	}
	if (e == FRAME_CLOSE)
		return client_close(c, r->status, "closed by the client");
	if (!rate_passes(c)) {
		wss_count(wss, WSS_CLOSED_RATE);
		return client_close(c, FRAME_STATUS_POLICY,
				    "too many messages");
	}
	if (e == FRAME_MESSAGE)
		return message_received(c, r->data, r->len_bytes);
	if (e == FRAME_PING)
		return sent(c, output_frame(c, FRAME_OP_PONG, r->data,
					    r->len_bytes));
	return 0;
}

static int frames_received(struct client *c, const uint8_t *data, size_t len)
{
	enum frame_event e;
	size_t used;
	int err;

	/* Nothing is read after a Close frame, in either direction. */
	while (len && c->state == CLIENT_OPEN) {
		e = frame_read(&c->reader, data, len, &used);
		data += used;
		len -= used;
		if (e == FRAME_MORE)
			break;
		/* A control frame inside a message does not renew its time. */
		if (!frame_is_open(&c->reader))
			c->open_message_ms = 0;
		err = frame_received(c, e);
		if (err)
			return err;
	}
	if (c->state == CLIENT_OPEN && frame_is_open(&c->reader) &&
	    !c->open_message_ms)
		c->open_message_ms = c->received_ms;
	return 0;
}

int client_received(struct client *c, const uint8_t *data, size_t len)
{
	c->received_ms = clock_ms();
	switch (c->state) {
	case CLIENT_TLS:
		/* From here on only our own deadlines count. */
		lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
		c->state = CLIENT_HTTP;
		return http_received(c, data, len);
	case CLIENT_HTTP:
		return http_received(c, data, len);
	case CLIENT_OPEN:
		return frames_received(c, data, len);
	case CLIENT_FLUSH:
	case CLIENT_LINGER:
	case CLIENT_GONE:
		break;
	}
	return 0;
}

/* ---- time ------------------------------------------------------------ */

static int deadline_passed(struct client *c)
{
	bool is_idle_http = c->state == CLIENT_HTTP && c->requests &&
			    (c->is_replying || !c->head_len);

	if ((c->state == CLIENT_TLS || c->state == CLIENT_HTTP) &&
	    !is_idle_http) {
		wss_count(c->worker->wss, WSS_TIMEOUT_HANDSHAKE);
		ended(c, "handshake timeout");
	}
	return -ETIMEDOUT;
}

int client_tick(struct client *c, uint64_t now_ms)
{
	const struct wss_limits *limits = &c->worker->wss->limits;
	uint64_t silence;

	if (c->state == CLIENT_GONE)
		return 0;
	if (c->deadline_ms && now_ms >= c->deadline_ms)
		return deadline_passed(c);
	if (c->state != CLIENT_OPEN)
		return 0;
	/* Bytes that trickle in do not keep a message open for ever. */
	if (c->open_message_ms &&
	    now_ms - c->open_message_ms >= limits->handshake_ms) {
		wss_count(c->worker->wss, WSS_CLOSED_FRAME);
		return client_close(c, FRAME_STATUS_POLICY,
				    "unfinished message");
	}
	silence = now_ms > c->received_ms ? now_ms - c->received_ms : 0;
	if (silence >= limits->idle_ms) {
		wss_count(c->worker->wss, WSS_TIMEOUT_IDLE);
		return client_close(c, FRAME_STATUS_GOING_AWAY, "idle");
	}
	if (silence >= limits->ping_ms &&
	    now_ms - c->pinged_ms >= limits->ping_ms) {
		c->pinged_ms = now_ms;
		return sent(c, output_frame(c, FRAME_OP_PING, NULL, 0));
	}
	return 0;
}
