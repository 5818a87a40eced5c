/* SPDX-License-Identifier: Apache-2.0 */
#include "media/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "lib/srtp.h"
#include "media/session.h"

#define TICK_MS		1000
#define EVENTS		64
#define BATCH		32	/* datagrams a recvmmsg */
#define ROUNDS		4	/* batches before others get their turn */
#define WEB_BUFFER	(4 << 20)

struct receiver {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t data[BATCH][SLUICE_SCRATCH];
};

/* ---- sockets ----------------------------------------------------------- */

int worker_watch(struct worker *w, struct endpoint *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, e->fd, &ev) ? -errno : 0;
}

void worker_unwatch(struct worker *w, struct endpoint *e)
{
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, e->fd, NULL);
}

static int send_from(struct worker *w, const struct addr *local,
		     const struct addr *remote, const void *data, size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = addr_to_sockaddr(remote, &sa);
	int fd = addr_equal(local, &w->settings.web) ? w->web_end.fd :
		 w->port_fd[local->port];

	if (fd < 0)
		return -EADDRNOTAVAIL;
	if (sendto(fd, data, len, MSG_NOSIGNAL, (struct sockaddr *)&sa,
		   sa_len) < 0)
		return -errno;
	return 0;
}

/* Who relays counts what becomes of it. */
static int datapath_send(void *arg, const struct addr *local,
			 const struct addr *remote, const void *data,
			 size_t len)
{
	return send_from(arg, local, remote, data, len);
}

void worker_drop(struct worker *w, int reason)
{
	datapath_count_drop(w->dp, (enum sluice_drop)reason);
}

int worker_send(struct worker *w, const struct addr *local,
		const struct addr *remote, const void *data, size_t len)
{
	int err = send_from(w, local, remote, data, len);

	if (err)
		worker_drop(w, SLUICE_DROP_SEND);
	return err;
}

static void datagram(struct worker *w, const struct endpoint *e,
		     struct mmsghdr *m, uint8_t *data)
{
	struct addr remote;

	if (addr_from_sockaddr(m->msg_hdr.msg_name, &remote))
		return;
	if (m->msg_hdr.msg_flags & MSG_TRUNC)
		worker_drop(w, SLUICE_DROP_TOO_BIG);
	else if (e->kind == ENDPOINT_WEB)
		packets_web(w, &remote, data, m->msg_len, SLUICE_SCRATCH);
	else
		packets_sip(e->session, e->stream, e->kind == ENDPOINT_RTCP,
			    &remote, data, m->msg_len, SLUICE_SCRATCH);
}

void worker_receive(struct worker *w, struct endpoint *e)
{
	struct receiver *r = w->receiver;

	for (int round = 0; round < ROUNDS; round++) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			r->iov[i] = (struct iovec){ r->data[i],
						    SLUICE_SCRATCH };
			r->msg[i].msg_hdr = (struct msghdr){
				.msg_name = &r->from[i],
				.msg_namelen = sizeof(r->from[i]),
				.msg_iov = &r->iov[i],
				.msg_iovlen = 1,
			};
		}
		/* ICMP errors of connectionless sends show up here: no news. */
		n = recvmmsg(e->fd, r->msg, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			datagram(w, e, &r->msg[i], r->data[i]);
		if (n < BATCH)
			return;
	}
}

/* ---- orders ------------------------------------------------------------ */

static struct session *find(struct worker *w, uint32_t id)
{
	struct session *s = w->session[ticket_slot(id)];

	return s && s->id == id ? s : NULL;
}

static void closed_unopened(struct worker *w, uint32_t id)
{
	struct message *m;
	struct media_figures *f;

	m = message_new(MEDIA_CLOSED, sizeof(*f));
	if (m) {
		f = (struct media_figures *)m->data;
		f->id = id;
		queue_push_always(w->events, m);
	}
	tickets_release(w->tickets, id);
}

static void ports_return(struct worker *w, struct worker_open *open)
{
	for (uint32_t i = open->first_stream; i < open->stream_count; i++)
		ports_give(w->ports, &open->ports[i]);
}

static void command_open(struct worker *w, struct worker_open *open)
{
	if (session_open(w, open)) {
		log_call_err(open->call, "media: out of memory");
		ports_return(w, open);
	}
}

static void kernel_order(struct worker *w, uint32_t type,
			 const struct worker_kernel *order)
{
	struct media_kernel ret = { 0 };
	int err = type == WORKER_DETACH ? kernel_detach(w, order, &ret) :
					  kernel_attach(w, order, &ret);

	pthread_mutex_lock(&w->order_lock);
	w->order_err = err;
	w->order_ret = ret;
	w->is_ordered = false;
	pthread_cond_signal(&w->order_done);
	pthread_mutex_unlock(&w->order_lock);
}

static void command(struct worker *w, struct message *m)
{
	struct session *s;

	switch (m->type) {
	case WORKER_OPEN:
		command_open(w, (struct worker_open *)m->data);
		break;
	case WORKER_EXTEND: {
		struct worker_open *open = (struct worker_open *)m->data;

		s = find(w, open->local.id);
		if (s)
			session_extend(s, open);
		else
			ports_return(w, open);
		break;
	}
	case WORKER_CONFIGURE: {
		struct worker_configure *c = (struct worker_configure *)m->data;

		s = find(w, c->id);
		if (s)
			session_configure(s, &c->config);
		break;
	}
	case WORKER_CLOSE: {
		struct worker_close *c = (struct worker_close *)m->data;

		s = find(w, c->id);
		if (s)
			session_close(s);
		else
			closed_unopened(w, c->id);
		break;
	}
	case WORKER_MOVE: {
		struct worker_move *move = (struct worker_move *)m->data;

		s = find(w, move->id);
		if (s)
			session_move(s, move->to);
		break;
	}
	case WORKER_CREDENTIALS: {
		struct worker_credentials *c =
			(struct worker_credentials *)m->data;

		s = find(w, c->id);
		if (s)
			session_restart_ice(s, c->ufrag, c->password);
		break;
	}
	case WORKER_DIGIT: {
		const struct worker_digit *d = (const void *)m->data;

		s = find(w, d->id);
		if (s)
			digits_queue(s, d->to, d->event, d->duration_ms);
		break;
	}
	case WORKER_PICTURE: {
		const struct worker_close *p = (const void *)m->data;

		s = find(w, p->id);
		if (s)
			packets_ask_picture(s);
		break;
	}
	case WORKER_DETACH:
	case WORKER_ATTACH:
		kernel_order(w, m->type, (const void *)m->data);
		break;
	case WORKER_STOP:
		w->is_stopping = true;
		w->is_keeping = ((struct worker_stop *)m->data)->keep;
		break;
	}
}

static void commands(struct worker *w)
{
	struct message *m = queue_take(w->commands), *next;

	for (; m; m = next) {
		next = m->next;
		command(w, m);
		message_free(m);
	}
}

/* ---- the loop ---------------------------------------------------------- */

static void totals_update(struct worker *w, uint32_t lacking_flows)
{
	struct datapath_totals totals[DATAPATH_BACKENDS] = { 0 };
	struct datapath_usage usage;

	if (datapath_totals(w->dp, totals))
		return;
	datapath_usage(w->dp, &usage);
	pthread_mutex_lock(&w->totals_lock);
	memcpy(w->totals, totals, sizeof(totals));
	w->usage = usage;
	w->lacking_flows = lacking_flows;
	pthread_mutex_unlock(&w->totals_lock);
}

static void tick(struct worker *w, uint64_t now_ms)
{
	struct session *s;
	uint32_t lacking = 0;
	bool is_taken = true;

	datapath_tick(w->dp);
	for (uint32_t i = 0; i < LIMIT_MEDIA_SESSIONS; i++) {
		s = w->session[i];
		if (!s)
			continue;
		session_tick(s, now_ms);
		/* what one does not get the next need not ask for */
		if (s->lacks_flows && is_taken) {
			relay_retry_flows(s);
			is_taken = !s->lacks_flows;
		}
		lacking += s->lacks_flows;
	}
	totals_update(w, lacking);
}

void worker_own(struct worker *w, uint32_t transport, struct session *s)
{
	w->owner[transport] = s;
}

/*
 * The kernel's report, which a tick would see up to a second later. A peer
 * decides how many there are: no search through the sessions.
 */
static void datapath_event(void *arg, const struct sluice_event *e)
{
	struct worker *w = arg;
	struct session *s = e->transport < datapath_size(w->dp) ?
				    w->owner[e->transport] : NULL;

	if (!s)
		return;
	if (e->type == SLUICE_EVENT_DIGIT)
		digits_heard(s, e);
	else if (e->type != SLUICE_EVENT_PICTURE)
		session_kernel_event(s, e);
	else if (e->transport == s->web_transport)
		session_picture_wanted(s);
}

static int wait_ms(struct worker *w)
{
	uint64_t now = clock_ms();
	int wait = w->next_tick_ms > now ? (int)(w->next_tick_ms - now) : 0;
	int dtls = association_wait_ms(w, now), digits = digits_wait_ms(w, now);

	if (digits >= 0 && digits < wait)
		wait = digits;
	return dtls >= 0 && dtls < wait ? dtls : wait;
}

static bool has_orders(const struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++)
		if (((struct endpoint *)ev[i].data.ptr)->kind ==
		    ENDPOINT_QUEUE)
			return true;
	return false;
}

static void turn(struct worker *w)
{
	struct epoll_event ev[EVENTS];
	uint64_t now;
	int n;

	n = epoll_wait(w->epoll_fd, ev, EVENTS, wait_ms(w));
	/*
	 * Orders before datagrams, which may be about them; and then ask
	 * again, because they may have ended sessions that ev[] points into.
	 */
	if (has_orders(ev, n)) {
		commands(w);
		n = epoll_wait(w->epoll_fd, ev, EVENTS, 0);
	}
	for (int i = 0; i < n; i++) {
		struct endpoint *e = ev[i].data.ptr;

		if (e->kind == ENDPOINT_DATAPATH)
			datapath_events(w->dp, datapath_event, w);
		else if (e->kind != ENDPOINT_QUEUE)
			worker_receive(w, e);
	}
	now = clock_ms();
	association_timers(w, now);
	digits_timers(w, now);
	if (now >= w->next_tick_ms) {
		tick(w, now);
		w->next_tick_ms = now + TICK_MS;
	}
}

static void end(struct session *s, bool keep)
{
	if (keep)
		session_leave(s);
	else
		session_close(s);
}

static void *run(void *arg)
{
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), "media");
	w->next_tick_ms = clock_ms();
	while (!w->is_stopping)
		turn(w);
	for (uint32_t i = 0; i < LIMIT_MEDIA_SESSIONS; i++)
		if (w->session[i])
			end(w->session[i], w->is_keeping);
	totals_update(w, 0);
	return NULL;
}

/* ---- life -------------------------------------------------------------- */

int worker_web_port(struct worker *w)
{
	const struct addr *web = &w->settings.web;
	struct sluice_port_key key = { .local = datapath_addr(web),
				       .port = htons(web->port) };
	struct sluice_port port = { .kind = SLUICE_PORT_WEB };

	return datapath_port_set(w->dp, &key, &port);
}

int worker_watch_datapath(struct worker *w)
{
	w->datapath_end.fd = datapath_event_fd(w->dp);
	return w->datapath_end.fd < 0 ? 0 : worker_watch(w, &w->datapath_end);
}

static int web_open(struct worker *w)
{
	const struct addr *web = &w->settings.web;
	char text[ADDR_STRLEN];
	int size = WEB_BUFFER, err;

	err = udp_socket(web, &w->web_end.fd);
	if (err) {
		log_err("%s/udp: cannot bind: %s", addr_format(web, text),
			strerror(-err));
		return err;
	}
	/*
	 * All browsers share this socket. Beyond the host's limit with
	 * CAP_NET_ADMIN only.
	 */
	if (setsockopt(w->web_end.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)))
		setsockopt(w->web_end.fd, SOL_SOCKET, SO_RCVBUF, &size,
			   sizeof(size));
	if (setsockopt(w->web_end.fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
		       sizeof(size)))
		setsockopt(w->web_end.fd, SOL_SOCKET, SO_SNDBUF, &size,
			   sizeof(size));
	err = worker_watch(w, &w->web_end);
	return err ? err : worker_web_port(w);
}

static int datapath_start(struct worker *w,
			  const struct media_settings *settings)
{
	struct datapath_config config = settings->datapath;
	int err;

	config.sockets.send = datapath_send;
	config.sockets.arg = w;
	config.sockets.event = datapath_event;
	err = datapath_open(&config, &w->dp);
	if (err)
		return err;
	w->owner = calloc(datapath_size(w->dp), sizeof(*w->owner));
	return w->owner ? 0 : -ENOMEM;
}

int worker_create(const struct media_settings *settings, struct ports *ports,
		  struct tickets *tickets, struct dtls_context *dtls,
		  struct queue *events, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->settings = *settings;
	w->ports = ports;
	w->tickets = tickets;
	w->dtls = dtls;
	w->events = events;
	w->queue_end = (struct endpoint){ .kind = ENDPOINT_QUEUE, .fd = -1 };
	w->datapath_end = (struct endpoint){ .kind = ENDPOINT_DATAPATH,
					     .fd = -1 };
	w->web_end = (struct endpoint){ .kind = ENDPOINT_WEB, .fd = -1 };
	for (int i = 0; i < 65536; i++)
		w->port_fd[i] = -1;
	pthread_mutex_init(&w->totals_lock, NULL);
	pthread_mutex_init(&w->order_lock, NULL);
	pthread_cond_init(&w->order_done, NULL);
	w->receiver = calloc(1, sizeof(*w->receiver));
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = w->receiver ? (w->epoll_fd < 0 ? -errno : 0) : -ENOMEM;
	if (!err)
		err = tuples_create(&w->tuples);
	if (!err)
		err = queue_create(LIMIT_QUEUE_TO_MEDIA, &w->commands);
	if (!err) {
		w->queue_end.fd = queue_fd(w->commands);
		err = worker_watch(w, &w->queue_end);
	}
	if (!err)
		err = datapath_start(w, settings);
	if (!err) {
		/* id 0 is none */
		tickets_set_room(tickets, datapath_size(w->dp) - 1);
		err = worker_watch_datapath(w);
	}
	if (!err)
		err = web_open(w);
	if (!err)
		err = adopt_sessions(w);
	if (err) {
		worker_free(w, true);
		return err;
	}
	*ret = w;
	return 0;
}

/* Signals belong to the main thread. */
int worker_start(struct worker *w)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->is_running = !err;
	return err;
}

int worker_order(struct worker *w, enum worker_command command,
		 const struct worker_kernel *order, struct media_kernel *ret)
{
	struct message *m = message_new(command, sizeof(*order));
	int err;

	if (!m)
		return -ENOMEM;
	memcpy(m->data, order, sizeof(*order));
	w->is_ordered = true;
	queue_push_always(w->commands, m);
	pthread_mutex_lock(&w->order_lock);
	while (w->is_ordered)
		pthread_cond_wait(&w->order_done, &w->order_lock);
	err = w->order_err;
	*ret = w->order_ret;
	pthread_mutex_unlock(&w->order_lock);
	return err;
}

static void stop(struct worker *w, bool keep)
{
	struct message *m = message_new(WORKER_STOP,
					sizeof(struct worker_stop));

	if (!m)
		abort();	/* nothing else ends the thread in order */
	((struct worker_stop *)m->data)->keep = keep;
	queue_push_always(w->commands, m);
	pthread_join(w->thread, NULL);
}

void worker_free(struct worker *w, bool keep)
{
	if (!w)
		return;
	if (w->is_running)
		stop(w, keep);
	/* not yet running: what was there before stays as it was */
	if (w->dp && w->is_running)
		datapath_keep(w->dp, keep);
	datapath_close(w->dp);
	if (w->web_end.fd >= 0)
		close(w->web_end.fd);
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	queue_free(w->commands);
	tuples_free(w->tuples);
	pthread_mutex_destroy(&w->totals_lock);
	pthread_mutex_destroy(&w->order_lock);
	pthread_cond_destroy(&w->order_done);
	free(w->receiver);
	free(w->owner);
	free(w->adopted);
	free(w);
}
