/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/wss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "wss/internal.h"

static void set_limits(struct wss *w, const struct wss_limits *l)
{
	static const struct wss_limits unset;

	if (!l)
		l = &unset;
#define SET(field, value) \
	(w->limits.field = l->field ? l->field : (value))
	SET(clients, LIMIT_WSS_CLIENTS);
	SET(clients_per_ip, LIMIT_WSS_CLIENTS_PER_IP);
	SET(clients_per_net, LIMIT_WSS_CLIENTS_PER_NET);
	SET(output_bytes, LIMIT_WSS_OUTPUT_BYTES);
	SET(handshake_ms, LIMIT_WSS_HANDSHAKE_MS);
	SET(ping_ms, LIMIT_WSS_PING_MS);
	SET(idle_ms, LIMIT_WSS_IDLE_MS);
	SET(messages_per_s, LIMIT_WSS_MESSAGES_PER_S);
	SET(messages_per_s_ip, LIMIT_WSS_MESSAGES_PER_S_IP);
#undef SET
}

static int copy_origins(struct wss *w, const char *const *origins)
{
	size_t n = 0, i;

	if (!origins)
		return 0;
	while (origins[n])
		n++;
	w->origins = calloc(n + 1, sizeof(*w->origins));
	if (!w->origins)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		w->origins[i] = strdup(origins[i]);
		if (!w->origins[i])
			return -ENOMEM;
	}
	return 0;
}

/* Each worker has a listener of its own; the kernel spreads connections. */
static int open_listener(const struct addr *at, int *ret_fd)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(at, &ss);
	int one = 1, zero = 0, err, fd;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero,
			   sizeof(zero));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&ss, len) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int bound_port(int fd, uint16_t *ret_port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr a;
	int err;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	err = addr_from_sockaddr((struct sockaddr *)&ss, &a);
	if (!err)
		*ret_port = a.port;
	return err;
}

static int add_worker(struct wss *w, const struct wss_settings *s)
{
	struct addr at = s->listen;
	char text[ADDR_STRLEN];
	int fd = -1, err;

	if (w->port)
		at.port = w->port;
	err = open_listener(&at, &fd);
	if (err) {
		log_err("web: cannot listen at %s: %s", addr_format(&at, text),
			strerror(-err));
		return err;
	}
	err = bound_port(fd, &w->port);
	if (err) {
		close(fd);
		return err;
	}
	err = web_worker_create(w, w->worker_count, fd, s->certificate,
				s->private_key,
				&w->workers[w->worker_count]);
	if (!err)
		w->worker_count++;
	return err;
}

static unsigned int count_workers(const struct wss_settings *s)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (s->workers)
		return s->workers < WORKERS_MAX ? s->workers : WORKERS_MAX;
	return n < 1 ? 1 : n > WORKERS_AUTO_MAX ? WORKERS_AUTO_MAX :
						  (unsigned int)n;
}

int wss_start(const struct wss_settings *settings, struct queue *events,
	      struct wss **ret)
{
	unsigned int i, workers = count_workers(settings);
	struct wss *w;
	int err;

	err = tls_check(settings->certificate, settings->private_key);
	if (err)
		return err;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->events = events;
	set_limits(w, settings->limits);
	err = copy_origins(w, settings->origins);
	if (!err)
		err = peers_create(&w->limits, &w->peers);
	if (!err)
		err = phone_load(settings->phone_dir, settings->phone_config,
				 &w->phone);
	for (i = 0; !err && i < workers; i++)
		err = add_worker(w, settings);
	for (i = 0; !err && i < w->worker_count; i++)
		err = web_worker_run(w->workers[i]);
	if (err) {
		wss_stop(w);
		return err;
	}
	*ret = w;
	return 0;
}

void wss_stop(struct wss *w)
{
	unsigned int i;

	if (!w)
		return;
	for (i = 0; i < w->worker_count; i++)
		web_worker_free(w->workers[i]);
	phone_free(w->phone);
	peers_free(w->peers);
	for (i = 0; w->origins && w->origins[i]; i++)
		free(w->origins[i]);
	free(w->origins);
	free(w);
}

uint16_t wss_port(const struct wss *w)
{
	return w->port;
}

static struct web_worker *worker_of(struct wss *w, uint64_t conn)
{
	return conn >> 56 < w->worker_count ? w->workers[conn >> 56] : NULL;
}

int wss_send(struct wss *w, uint64_t conn, const void *data, size_t len)
{
	struct web_worker *worker = worker_of(w, conn);
	struct web_command *cmd;
	struct message *m;
	int err;

	if (len > LIMIT_WSS_MESSAGE_BYTES)
		return -EMSGSIZE;
	if (!worker)
		return 0;
	m = message_new(WORKER_SEND, sizeof(*cmd) + len);
	if (!m)
		return -ENOMEM;
	cmd = (struct web_command *)m->data;
	cmd->conn = conn;
	cmd->len_bytes = (uint32_t)len;
	memcpy(cmd->data, data, len);
	err = queue_push(worker->commands, m);
	if (err) {
		message_free(m);
		wss_count(w, WSS_DROPPED_QUEUE);
	}
	return err;
}

void wss_close(struct wss *w, uint64_t conn, uint16_t code)
{
	struct web_worker *worker = worker_of(w, conn);
	struct web_command *cmd;
	struct message *m;

	m = worker ? message_new(WORKER_CLOSE, sizeof(*cmd)) : NULL;
	if (!m)
		return;
	cmd = (struct web_command *)m->data;
	cmd->conn = conn;
	cmd->status = code;
	web_worker_ask(worker, m);
}

int wss_reload_certificate(struct wss *w, const char *certificate,
			   const char *private_key)
{
	size_t n = strlen(certificate) + 1, k = strlen(private_key) + 1;
	struct web_command *cmd;
	struct message *m;
	unsigned int i;
	int err;

	err = tls_check(certificate, private_key);
	for (i = 0; !err && i < w->worker_count; i++) {
		m = message_new(WORKER_CERTIFICATE, sizeof(*cmd) + n + k);
		if (!m)
			return -ENOMEM;
		cmd = (struct web_command *)m->data;
		memcpy(cmd->data, certificate, n);
		memcpy(cmd->data + n, private_key, k);
		web_worker_ask(w->workers[i], m);
	}
	return err;
}

void wss_counters(const struct wss *w, uint64_t ret[WSS_COUNTER_MAX])
{
	int i;

	for (i = 0; i < WSS_COUNTER_MAX; i++)
		ret[i] = __atomic_load_n(&w->counters[i], __ATOMIC_RELAXED);
}

uint32_t wss_clients(const struct wss *w)
{
	return __atomic_load_n(&w->clients, __ATOMIC_RELAXED);
}
