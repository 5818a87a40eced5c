/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"

#define TICK_MS		250
#define ACCEPTS_MAX	64	/* at once, so that others get their turn */
#define ACCEPT_PAUSE_MS	100

static void stop_if_empty(struct web_worker *w);

/* From our own callbacks only: inside one of lws the return value closes. */
static void kill_client(struct client *c)
{
	if (c->wsi)
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK,
				LWS_TO_KILL_SYNC);
}

/* ---- libwebsockets --------------------------------------------------- */

static int raw_callback(struct lws *wsi, enum lws_callback_reasons reason,
			void *user, void *in, size_t len)
{
	struct client *c = lws_get_opaque_user_data(wsi);
	struct web_worker *w;

	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		w = lws_context_user(lws_get_context(wsi));
		w->tls = user;
		return 0;
	case LWS_CALLBACK_WSI_CREATE:
		w = lws_context_user(lws_get_context(wsi));
		w->is_created = true;
		return 0;
	case LWS_CALLBACK_RAW_RX:
		return c && client_received(c, in, len) ? -1 : 0;
	case LWS_CALLBACK_RAW_WRITEABLE:
		return c && client_writable(c) ? -1 : 0;
	case LWS_CALLBACK_RAW_CLOSE:
		if (c)
			client_gone(c);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		if (c) {
			w = c->worker;
			lws_set_opaque_user_data(wsi, NULL);
			client_free(c);
			stop_if_empty(w);
		}
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ .name = "web", .callback = raw_callback, .tx_packet_size = 16384 },
	{ 0 }
};

/* The peer can provoke these lines. */
static void lws_says(int level, const char *line)
{
	static __thread struct log_limit limit;
	size_t len = strcspn(line, "\n");
	uint32_t more;

	if (log_limit_pass(&limit, 5, &more))
		log_warn("web: libwebsockets: %.*s", (int)len, line);
}

static int create_lws(struct web_worker *w)
{
	struct lws_context_creation_info info = { 0 };
	void *loops[1] = { &w->loop };

	lws_set_log_level(LLL_ERR | LLL_WARN, lws_says);
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.foreign_loops = loops;
	info.user = w;
	info.pcontext = &w->lws;
	info.pt_serv_buf_size = 16384;
	info.alpn = "http/1.1";
	info.vhost_name = "web";
	/* Behind our own deadline, which counts. */
	info.timeout_secs = w->wss->limits.handshake_ms / 1000 + 10;
	/* Also keeps lws from making a client's SSL_CTX, which it leaks. */
	info.listen_accept_role = "raw-skt";
	info.listen_accept_protocol = protocols[0].name;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		       LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG |
		       LWS_SERVER_OPTION_LIBUV |
		       LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
		       LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	w->lws = lws_create_context(&info);
	if (!w->lws) {
		log_err("web: no libwebsockets context; its libuv plugin is "
			"libwebsockets-evlib-uv");
		return -ENOTSUP;
	}
	w->vhost = lws_create_vhost(w->lws, &info);
	if (!w->vhost || !w->tls) {
		log_err("web: libwebsockets takes no TLS server");
		return -ENOTSUP;
	}
	return 0;
}

/* ---- accept ---------------------------------------------------------- */

static void adopt(struct web_worker *w, int fd, const struct addr *peer)
{
	lws_adopt_desc_t desc = { 0 };
	struct client *c = client_new(w, peer);
	struct lws *wsi;
	int one = 1;

	if (!c) {
		peers_leave(w->wss->peers, peer);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	desc.vh = w->vhost;
	desc.type = LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL;
	desc.fd.sockfd = fd;
	desc.vh_prot_name = protocols[0].name;
	desc.opaque = c;
	w->is_created = false;
	wsi = lws_adopt_descriptor_vhost_via_info(&desc);
	if (wsi)
		c->wsi = wsi;
	else if (!w->is_created)
		client_free(c);
	/* else it failed later and its DESTROY comes from the loop */
}

static void refuse(struct web_worker *w, const struct addr *peer, int err)
{
	const struct wss_limits *l = &w->wss->limits;
	static __thread struct log_limit limit;
	char ip[ADDR_STRLEN];
	uint32_t more;

	wss_count(w->wss, WSS_REFUSED_LIMIT);
	if (!log_limit_pass(&limit, 5, &more))
		return;
	addr_format_ip(peer, ip);
	if (err == -EUSERS)
		log_warn("web: %s: connection refused, its address has %u "
			 "already (%u more)", ip, l->clients_per_ip, more);
	else if (err == -EDQUOT)
		log_warn("web: %s: connection refused, its /48 has %u already "
			 "(%u more)", ip, l->clients_per_net, more);
	else if (err == -EMFILE)
		log_warn("web: %s: connection refused, all %u places are "
			 "taken (%u more)", ip, l->clients, more);
	else
		log_warn("web: %s: connection refused: %s (%u more)", ip,
			 strerror(-err), more);
}

/* The socket stays readable: it is looked at again a little later. */
static void cannot_accept(struct web_worker *w, int err)
{
	static __thread struct log_limit limit;
	uint32_t more;

	uv_poll_stop(&w->accept_poll);
	w->accept_ms = clock_ms() + ACCEPT_PAUSE_MS;
	wss_count(w->wss, WSS_REFUSED_LIMIT);
	if (log_limit_pass(&limit, 1, &more))
		log_err("web: no connection can be accepted: %s; each browser "
			"is a descriptor, raise LimitNOFILE (%u more)",
			strerror(err), more);
}

static void accept_ready(uv_poll_t *poll, int status, int events)
{
	struct web_worker *w = poll->data;
	struct sockaddr_storage ss;
	struct addr peer;
	socklen_t len;
	int i, fd, err;

	for (i = 0; i < ACCEPTS_MAX; i++) {
		len = sizeof(ss);
		fd = accept4(w->listen_fd, (struct sockaddr *)&ss, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM)
				cannot_accept(w, errno);
			return;
		}
		wss_count(w->wss, WSS_ACCEPTED);
		err = addr_from_sockaddr((struct sockaddr *)&ss, &peer);
		if (err) {
			close(fd);
			continue;
		}
		err = peers_enter(w->wss->peers, &peer);
		if (err) {
			refuse(w, &peer, err);
			close(fd);
		} else {
			adopt(w, fd, &peer);
		}
	}
}

/* ---- time, commands, the end ----------------------------------------- */

/* lws itself is taken down by web_worker_free(), outside its callbacks. */
static void stop_if_empty(struct web_worker *w)
{
	if (w->is_stopping && !w->clients)
		uv_stop(&w->loop);
}

static void ticked(uv_timer_t *timer)
{
	struct web_worker *w = timer->data;
	uint64_t now = clock_ms();
	struct client *c, *next;

	for (c = w->clients; c; c = next) {
		next = c->next;
		if (client_tick(c, now) ||
		    (w->is_stopping && now >= w->stop_ms))
			kill_client(c);
	}
	if (w->accept_ms && now >= w->accept_ms && !w->is_stopping) {
		w->accept_ms = 0;
		uv_poll_start(&w->accept_poll, UV_READABLE, accept_ready);
	}
}

static void begin_stop(struct web_worker *w)
{
	struct client *c, *next;

	w->is_stopping = true;
	w->stop_ms = clock_ms() + STOP_MS;
	uv_poll_stop(&w->accept_poll);
	for (c = w->clients; c; c = next) {
		next = c->next;
		if (c->state == CLIENT_OPEN &&
		    !client_close(c, FRAME_STATUS_GOING_AWAY,
				  "gateway stops"))
			continue;
		kill_client(c);
	}
	stop_if_empty(w);
}

/* On failure what was there goes on. */
static int load_certificate(struct web_worker *w, const char *certificate,
			    const char *key)
{
	SSL_CTX *next;
	int err = tls_load(certificate, key, &next);

	if (err)
		return err;
	SSL_CTX_free(w->identity);
	w->identity = next;
	return 0;
}

static void obey(struct web_worker *w, struct message *m)
{
	struct web_command *cmd = (struct web_command *)m->data;
	struct client *c = NULL;
	int err = 0;

	if (m->type == WORKER_SEND || m->type == WORKER_CLOSE)
		c = client_find(w, cmd->conn);
	switch ((enum web_worker_message)m->type) {
	case WORKER_SEND:
		if (c)
			err = client_send(c, (uint8_t *)cmd->data,
					  cmd->len_bytes);
		break;
	case WORKER_CLOSE:
		if (c)
			err = client_close(c, cmd->status,
					   "closed by the gateway");
		break;
	case WORKER_CERTIFICATE:
		load_certificate(w, cmd->data,
				 cmd->data + strlen(cmd->data) + 1);
		break;
	case WORKER_STOP:
		begin_stop(w);
		break;
	}
	if (err)
		kill_client(c);
}

static void commanded(uv_poll_t *poll, int status, int events)
{
	struct web_worker *w = poll->data;
	struct message *m, *next;

	for (m = queue_take(w->commands); m; m = next) {
		next = m->next;
		obey(w, m);
		message_free(m);
	}
}

static void *run(void *arg)
{
	struct web_worker *w = arg;

	uv_run(&w->loop, UV_RUN_DEFAULT);
	return NULL;
}

/* ---- create and free ------------------------------------------------- */

static uint64_t tick_ms(const struct wss_limits *l)
{
	uint64_t ms = TICK_MS;

	if (l->handshake_ms / 4 < ms)
		ms = l->handshake_ms / 4;
	if (l->ping_ms / 4 < ms)
		ms = l->ping_ms / 4;
	if (l->idle_ms / 4 < ms)
		ms = l->idle_ms / 4;
	return ms < 5 ? 5 : ms;
}

static int create_loop(struct web_worker *w)
{
	int err = uv_loop_init(&w->loop);

	if (err)
		return err;
	w->has_loop = true;
	uv_poll_init(&w->loop, &w->accept_poll, w->listen_fd);
	uv_poll_init(&w->loop, &w->command_poll, queue_fd(w->commands));
	uv_timer_init(&w->loop, &w->tick);
	w->accept_poll.data = w->command_poll.data = w->tick.data = w;
	return 0;
}

int web_worker_create(struct wss *wss, unsigned int index, int listen_fd,
		      const char *certificate, const char *key,
		      struct web_worker **ret)
{
	struct web_worker *w = calloc(1, sizeof(*w));
	int err;

	if (!w) {
		close(listen_fd);
		return -ENOMEM;
	}
	w->wss = wss;
	w->index = index;
	w->listen_fd = listen_fd;
	err = queue_create(LIMIT_QUEUE_TO_WORKER, &w->commands);
	if (!err)
		err = create_loop(w);
	if (!err)
		err = create_lws(w);
	if (!err) {
		tls_configure(w->tls, &w->identity);
		err = load_certificate(w, certificate, key);
	}
	if (err) {
		web_worker_free(w);
		return err;
	}
	*ret = w;
	return 0;
}

int web_worker_run(struct web_worker *w)
{
	sigset_t all, old;
	int err;

	uv_poll_start(&w->accept_poll, UV_READABLE, accept_ready);
	uv_poll_start(&w->command_poll, UV_READABLE, commanded);
	uv_timer_start(&w->tick, ticked, 0, tick_ms(&w->wss->limits));
	/* Signals are the main thread's, SIGPIPE is nobody's; a fault must
	 * reach its handler. */
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->is_running = !err;
	return -err;
}

void web_worker_ask(struct web_worker *w, struct message *m)
{
	queue_push_always(w->commands, m);
}

static void close_handles(struct web_worker *w)
{
	uv_handle_t *handles[] = { (uv_handle_t *)&w->accept_poll,
				   (uv_handle_t *)&w->command_poll,
				   (uv_handle_t *)&w->tick };
	size_t i;

	for (i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		uv_close(handles[i], NULL);
}

void web_worker_free(struct web_worker *w)
{
	struct message *m;

	if (!w)
		return;
	if (w->is_running) {
		m = message_new(WORKER_STOP, sizeof(struct web_command));
		if (!m)
			abort();
		web_worker_ask(w, m);
		pthread_join(w->thread, NULL);
	}
	if (w->lws)
		lws_context_destroy(w->lws);
	if (w->has_loop) {
		close_handles(w);
		uv_run(&w->loop, UV_RUN_DEFAULT);
		/* On a foreign loop lws ends in two steps. */
		if (w->lws)
			lws_context_destroy(w->lws);
		uv_run(&w->loop, UV_RUN_DEFAULT);
		if (uv_loop_close(&w->loop))
			log_warn("web: worker %u: loop still busy, ignoring",
				 w->index);
	}
	SSL_CTX_free(w->identity);
	queue_free(w->commands);
	close(w->listen_fd);
	free(w);
}
