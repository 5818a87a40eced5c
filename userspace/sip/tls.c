/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/log.h"
#include "sip/nta_front.h"
#include "sip/stream.h"
#include "sip/trunk.h"

#define HANDSHAKE_MS		10000	/* TCP and TLS together */
#define USER_TIMEOUT_MS		15000	/* unacknowledged bytes: dead */
#define KEEPALIVE_S		60	/* of silence, then the kernel asks, */
#define KEEPALIVE_AGAIN_S	5	/* until USER_TIMEOUT_MS */
#define EVENTS			16

enum flow_state { FLOW_CONNECTING, FLOW_HANDSHAKE, FLOW_UP, FLOW_CLOSED };

struct flow {
	LIST_ENTRY(flow) list;
	struct tls *t;
	uint64_t id;
	enum flow_state state;
	int fd;
	SSL *ssl;
	bool is_ours;			/* we have opened it */
	struct addr peer;
	char name[256];			/* that its certificate must have */
	char wrong[160];		/* what verification found */
	struct stream in;
	char *out;			/* not yet taken by SSL */
	size_t out_len;
	struct loop_timer *timer;
};

struct tls {
	struct sip_stack *s;
	SSL_CTX *client, *server;
	char host[ADDR_STRLEN];
	int epoll_fd, listen_fd;
	struct loop_fd *watch;
	LIST_HEAD(, flow) flows, closed;
	struct loop_timer *reap;
	unsigned int count;
	uint64_t next_id;
};

static int flow_index = -1;		/* of SSL's ex_data */

/* ---- words ------------------------------------------------------------ */

static const char *last_error(char *buf, size_t size)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	/* OpenSSL has no text for the system's own errors (a file, a reset). */
	if (ERR_SYSTEM_ERROR(code))
		reason = strerror(ERR_GET_REASON(code));
	snprintf(buf, size, "%s", reason ? reason : "unknown error");
	ERR_clear_error();
	return buf;
}

static void name_of(const X509_NAME *name, char *buf, size_t size)
{
	if (!name || X509_NAME_get_text_by_NID((X509_NAME *)name,
					       NID_commonName, buf,
					       (int)size) < 0)
		snprintf(buf, size, "?");
	for (; *buf; buf++)
		if ((unsigned char)*buf < ' ' || *buf == 0x7f)
			*buf = '?';
}

/* Keeps why a certificate is refused, for the log and show trunks. */
static int verified(int is_good, X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct flow *f = ssl ? SSL_get_ex_data(ssl, flow_index) : NULL;
	X509 *cert = X509_STORE_CTX_get_current_cert(x);
	char subject[48] = "?", issuer[48] = "?";

	if (is_good || !f || f->wrong[0])
		return is_good;
	if (cert) {
		name_of(X509_get_subject_name(cert), subject, sizeof(subject));
		name_of(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	}
	snprintf(f->wrong, sizeof(f->wrong),
		 "certificate \"%s\" of issuer \"%s\": %s", subject, issuer,
		 X509_verify_cert_error_string(X509_STORE_CTX_get_error(x)));
	return is_good;
}

/* ---- flows ------------------------------------------------------------ */

static void reap(void *arg)
{
	struct tls *t = arg;
	struct flow *f;

	t->reap = NULL;
	while ((f = LIST_FIRST(&t->closed))) {
		LIST_REMOVE(f, list);
		free(f);
	}
}

static void flow_close(struct flow *f, const char *why)
{
	struct tls *t = f->t;
	enum flow_state was = f->state;
	char peer[ADDR_STRLEN];

	if (was == FLOW_CLOSED)
		return;
	f->state = FLOW_CLOSED;
	addr_format(&f->peer, peer);
	if (was == FLOW_UP)
		log_info("sip: TLS with %s ended: %s", peer, why);
	else if (!f->is_ours)
		log_warn("sip: TLS from %s: %s, ignoring", peer, why);
	loop_timer_cancel(f->timer);
	f->timer = NULL;
	if (was == FLOW_UP)
		SSL_shutdown(f->ssl);
	SSL_free(f->ssl);
	f->ssl = NULL;
	close(f->fd);
	stream_free(&f->in);
	free(f->out);
	f->out = NULL;
	ERR_clear_error();
	LIST_REMOVE(f, list);
	t->count--;
	/* Callers up the stack may still look at its state. */
	LIST_INSERT_HEAD(&t->closed, f, list);
	if (!t->reap)
		loop_timer_add(t->s->loop, 0, reap, t, &t->reap);
	flow_closed(t->s, false, f->id);
	if (f->is_ours)
		trunk_flow_lost(t->s, &f->peer, was == FLOW_UP, why);
}

static void flow_late(void *arg)
{
	struct flow *f = arg;

	f->timer = NULL;
	flow_close(f, f->state == FLOW_CONNECTING ? "no answer" :
		   "no end of the handshake");
}

static void flow_watch(struct flow *f)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = f };

	if (f->state == FLOW_CLOSED)
		return;
	/* A read since has made SSL forget that a write waits. */
	if (f->state == FLOW_CONNECTING || SSL_want_write(f->ssl) ||
	    (f->state == FLOW_UP && f->out_len))
		e.events |= EPOLLOUT;
	epoll_ctl(f->t->epoll_fd, EPOLL_CTL_MOD, f->fd, &e);
}

/* 0: wait for the socket. -1: the flow is closed. */
static int flow_ssl_failed(struct flow *f, int result)
{
	char text[200], reason[96];

	switch (SSL_get_error(f->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		flow_close(f, "closed by the peer");
		return -1;
	}
	if (f->wrong[0])
		snprintf(text, sizeof(text), "%s", f->wrong);
	else if (ERR_peek_last_error())
		snprintf(text, sizeof(text), "TLS: %s",
			 last_error(reason, sizeof(reason)));
	else
		snprintf(text, sizeof(text), "%s", errno ? strerror(errno) :
			 "closed by the peer");
	flow_close(f, text);
	return -1;
}

static void flow_flush(struct flow *f)
{
	int n;

	while (f->state == FLOW_UP && f->out_len) {
		ERR_clear_error();
		errno = 0;
		n = SSL_write(f->ssl, f->out, (int)f->out_len);
		if (n <= 0) {
			flow_ssl_failed(f, n);
			return;
		}
		f->out_len -= (size_t)n;
		memmove(f->out, f->out + n, f->out_len);
	}
}

static int flow_queue(struct flow *f, const void *data, size_t len)
{
	char *out;

	if (f->out_len + len > LIMIT_TLS_OUTPUT_BYTES)
		return -ENOBUFS;
	out = realloc(f->out, f->out_len + len);
	if (!out)
		return -ENOMEM;
	f->out = out;
	memcpy(out + f->out_len, data, len);
	f->out_len += len;
	flow_flush(f);
	if (f->state == FLOW_CLOSED)
		return -ENOTCONN;
	flow_watch(f);
	return 0;
}

/* ---- input ------------------------------------------------------------ */

static void flow_message(void *arg, const char *data, size_t len)
{
	struct flow *f = arg;
	struct sip_target source = { .conn = f->id, .peer = f->peer };
	char peer[ADDR_STRLEN];

	if (f->state != FLOW_UP)
		return;
	snprintf(source.uri, sizeof(source.uri), "sip:%s;transport=tls",
		 addr_format(&f->peer, peer));
	flow_received(f->t->s, &source, data, len);
}

static void flow_refused(void *arg, const char *why)
{
	static struct log_limit limit;
	const struct flow *f = arg;
	char peer[ADDR_STRLEN];
	uint32_t skipped;

	f->t->s->stats.dropped_parse[STATS_SIP]++;
	if (log_limit_pass(&limit, 5, &skipped))
		log_warn("sip: message by TLS from %s refused: %s, ignoring",
			 addr_format(&f->peer, peer), why);
}

static void flow_ping(void *arg)
{
	/* RFC 5626 4.4.1 */
	flow_queue(arg, "\r\n", 2);
}

static void flow_read(struct flow *f)
{
	static const struct stream_user user = {
		.message = flow_message, .refused = flow_refused,
		.ping = flow_ping,
	};
	char buf[16384];
	int n;

	while (f->state == FLOW_UP) {
		ERR_clear_error();
		errno = 0;
		n = SSL_read(f->ssl, buf, sizeof(buf));
		if (n <= 0) {
			flow_ssl_failed(f, n);
			return;
		}
		if (stream_received(&f->in, buf, (size_t)n, &user, f) < 0 &&
		    f->state == FLOW_UP) {
			f->t->s->stats.dropped_parse[STATS_SIP]++;
			flow_close(f, "sends no SIP");
		}
	}
}

static void flow_shake(struct flow *f)
{
	char peer[ADDR_STRLEN];
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_do_handshake(f->ssl);
	if (n != 1) {
		flow_ssl_failed(f, n);
		return;
	}
	f->state = FLOW_UP;
	loop_timer_cancel(f->timer);
	f->timer = NULL;
	log_info("sip: %s with %s%s, %s", SSL_get_version(f->ssl),
		 addr_format(&f->peer, peer), f->is_ours ? "" : " (its own)",
		 SSL_get_cipher_name(f->ssl));
	flow_flush(f);
}

static void flow_connected(struct flow *f)
{
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		flow_close(f, strerror(err));
		return;
	}
	f->state = FLOW_HANDSHAKE;
}

static void flow_event(struct flow *f)
{
	if (f->state == FLOW_CONNECTING)
		flow_connected(f);
	if (f->state == FLOW_HANDSHAKE)
		flow_shake(f);
	if (f->state == FLOW_UP)
		flow_flush(f);
	if (f->state == FLOW_UP)
		flow_read(f);
	flow_watch(f);
}

/* ---- new flows -------------------------------------------------------- */

/* Takes fd, on failure too. */
static int flow_create(struct tls *t, int fd, SSL_CTX *ctx,
		       const struct addr *peer, bool is_ours,
		       struct flow **ret)
{
	static const int one = 1, timeout_ms = USER_TIMEOUT_MS,
			 idle_s = KEEPALIVE_S, again_s = KEEPALIVE_AGAIN_S;
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT };
	struct flow *f = calloc(1, sizeof(*f));

	if (f)
		f->ssl = SSL_new(ctx);
	if (!f || !f->ssl || SSL_set_fd(f->ssl, fd) != 1 ||
	    SSL_set_ex_data(f->ssl, flow_index, f) != 1)
		goto err;
	e.data.ptr = f;
	if (epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
		goto err;
	if (loop_timer_add(t->s->loop, HANDSHAKE_MS, flow_late, f,
			   &f->timer) < 0)
		goto err;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
		   sizeof(timeout_ms));
	/* On the PBX's own nothing is sent that would find it dead. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &again_s, sizeof(again_s));
	f->t = t;
	f->fd = fd;
	f->id = ++t->next_id;
	f->peer = *peer;
	f->is_ours = is_ours;
	f->state = is_ours ? FLOW_CONNECTING : FLOW_HANDSHAKE;
	LIST_INSERT_HEAD(&t->flows, f, list);
	t->count++;
	*ret = f;
	return 0;
err:
	if (f)
		SSL_free(f->ssl);
	free(f);
	close(fd);
	return -ENOMEM;
}

/* RFC 5922 7.2: the name that was asked for, not what DNS made of it. */
static int expect_name(struct flow *f)
{
	struct addr literal;

	if (addr_parse_ip(f->name, &literal) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(f->ssl),
						     f->name);
	SSL_set_hostflags(f->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(f->ssl, f->name) == 1 &&
	       SSL_set1_host(f->ssl, f->name) == 1;
}

static int flow_open(struct tls *t, const struct addr *to, const char *name,
		     struct flow **ret)
{
	struct addr from = t->s->settings.listen;
	struct sockaddr_storage ss, own;
	socklen_t len = addr_to_sockaddr(to, &ss), own_len;
	struct flow *f;
	int fd, err;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return -errno;
	err = flow_create(t, fd, t->client, to, true, &f);
	if (err < 0)
		return err;
	snprintf(f->name, sizeof(f->name), "%s", name);
	SSL_set_connect_state(f->ssl);
	if (!t->s->settings.tls.no_verify && !expect_name(f)) {
		flow_close(f, "its name cannot be verified");
		return -EINVAL;
	}
	/* The address that the PBX knows us by. */
	from.port = 0;
	own_len = addr_to_sockaddr(&from, &own);
	if (bind(fd, (struct sockaddr *)&own, own_len) < 0 ||
	    (connect(fd, (struct sockaddr *)&ss, len) < 0 &&
	     errno != EINPROGRESS)) {
		err = -errno;
		flow_close(f, strerror(-err));
		return err;
	}
	*ret = f;
	return 0;
}

static void log_full(const struct tls *t, const struct addr *peer)
{
	static struct log_limit limit;
	char text[ADDR_STRLEN];
	uint32_t skipped;

	if (t->count >= LIMIT_TLS_FLOWS && log_limit_pass(&limit, 1, &skipped))
		log_warn("sip: TLS from %s: %d connections are open, that is "
			 "the limit, ignoring", addr_format(peer, text),
			 LIMIT_TLS_FLOWS);
}

static void accept_all(struct tls *t)
{
	struct sockaddr_storage ss;
	struct addr peer;
	struct flow *f;
	socklen_t len;
	int fd;

	while (len = sizeof(ss),
	       (fd = accept4(t->listen_fd, (struct sockaddr *)&ss, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (addr_from_sockaddr((struct sockaddr *)&ss, &peer) < 0 ||
		    !sip_trunk_is_allowed(t->s, &peer) ||
		    t->count >= LIMIT_TLS_FLOWS) {
			t->s->stats.dropped_source++;
			log_full(t, &peer);
			close(fd);
			continue;
		}
		if (flow_create(t, fd, t->server, &peer, false, &f) < 0)
			continue;
		SSL_set_accept_state(f->ssl);
	}
}

static void on_events(void *arg)
{
	struct epoll_event events[EVENTS];
	struct tls *t = arg;
	int n = epoll_wait(t->epoll_fd, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			flow_event(events[i].data.ptr);
		else
			accept_all(t);
	}
}

/* ---- tls.h ------------------------------------------------------------ */

bool tls_is_target(const struct sip_target *t)
{
	char transport[16];
	struct sip_uri u;

	if (t->is_ws || sip_uri_parse(t->uri, &u) < 0)
		return false;
	return !strcmp(u.scheme, "sips") ||
	       (sip_uri_param(&u, "transport", transport, sizeof(transport)) &&
		!strcasecmp(transport, "tls"));
}

static struct flow *find_flow(struct tls *t, uint64_t id)
{
	struct flow *f;

	LIST_FOREACH(f, &t->flows, list)
		if (f->id == id)
			return f;
	return NULL;
}

/* An address of the URI; a name other than the trunk's has none here. */
static int address_of(struct sip_stack *s, const char *uri, struct addr *ret)
{
	struct sip_uri u;

	if (sip_uri_parse(uri, &u) < 0 || addr_parse_ip(u.host, ret) < 0)
		return trunk_tls_address(s, ret);
	ret->port = u.port ? u.port : TLS_PORT;
	return 0;
}

int tls_send(struct sip_stack *s, struct sip_target *to, const void *data,
	     size_t len)
{
	struct tls *t = s->tls;
	struct flow *f;
	struct addr a;
	char name[256];
	int err;

	if (!t)
		return -ENOTCONN;
	f = to->conn ? find_flow(t, to->conn) : NULL;
	if (!f) {
		err = address_of(s, to->uri, &a);
		if (err < 0)
			return err;
		LIST_FOREACH(f, &t->flows, list)
			if (f->is_ours && addr_equal(&f->peer, &a))
				break;
		if (!f) {
			trunk_tls_name(s, &a, name, sizeof(name));
			err = flow_open(t, &a, name, &f);
			if (err < 0)
				return err;
		}
	}
	to->conn = f->id;
	return flow_queue(f, data, len);
}

void tls_drop(struct sip_stack *s, const struct addr *peer)
{
	struct flow *f, *next;

	if (!s->tls)
		return;
	for (f = LIST_FIRST(&s->tls->flows); f; f = next) {
		next = LIST_NEXT(f, list);
		if (f->is_ours && addr_equal(&f->peer, peer))
			flow_close(f, "no answer");
	}
}

const char *tls_host(const struct sip_stack *s)
{
	return s->tls ? s->tls->host : s->host;
}

void tls_sources_changed(struct sip_stack *s)
{
	if (s->tls && s->tls->listen_fd >= 0)
		nta_front_filter_tcp(s, s->tls->listen_fd);
}

/* ---- life ------------------------------------------------------------- */

static int no_password(char *buf, int size, int is_writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)is_writing;
	(void)arg;
	return 0;
}

static int load_failed(const char *file)
{
	char text[96];

	log_err("sip: %s: %s", file, last_error(text, sizeof(text)));
	return -EINVAL;
}

static int load(SSL_CTX *ctx, const struct sip_tls_settings *c)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
				 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	if (c->certificate &&
	    SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1)
		return load_failed(c->certificate);
	if (c->private_key &&
	    (SSL_CTX_use_PrivateKey_file(ctx, c->private_key,
					 SSL_FILETYPE_PEM) != 1 ||
	     SSL_CTX_check_private_key(ctx) != 1))
		return load_failed(c->private_key);
	if (c->ca ? SSL_CTX_load_verify_file(ctx, c->ca) != 1 :
		    SSL_CTX_set_default_verify_paths(ctx) != 1)
		return load_failed(c->ca ? c->ca : "system CA certificates");
	return 0;
}

static int listen_on(struct tls *t, const struct addr *a)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss);
	static const int one = 1;

	t->listen_fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
			      SOCK_CLOEXEC, 0);
	if (t->listen_fd < 0)
		return -errno;
	setsockopt(t->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(t->listen_fd, (struct sockaddr *)&ss, len) < 0 ||
	    listen(t->listen_fd, 64) < 0 ||
	    epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, t->listen_fd, &e) < 0) {
		log_err("sip: cannot listen on %s for TLS: %s", t->host,
			strerror(errno));
		return -EADDRNOTAVAIL;
	}
	tls_sources_changed(t->s);
	return 0;
}

int tls_start(struct sip_stack *s)
{
	const struct sip_tls_settings *c = &s->settings.tls;
	struct addr a = s->settings.listen;
	struct tls *t;
	int err;

	if (!c->is_wanted)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	s->tls = t;
	t->s = s;
	t->listen_fd = -1;
	LIST_INIT(&t->flows);
	LIST_INIT(&t->closed);
	a.port = c->port ? c->port : TLS_PORT;
	addr_format(&a, t->host);
	if (flow_index < 0)
		flow_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t->client = SSL_CTX_new(TLS_client_method());
	t->server = SSL_CTX_new(TLS_server_method());
	if (t->epoll_fd < 0 || !t->client || !t->server)
		return -ENOMEM;
	err = load(t->client, c);
	if (!err)
		err = load(t->server, c);
	if (err < 0)
		return err;
	SSL_CTX_set_verify(t->client, c->no_verify ? SSL_VERIFY_NONE :
			   SSL_VERIFY_PEER, verified);
	/* A caller without one is known by its address alone. */
	SSL_CTX_set_verify(t->server, !c->is_mutual ? SSL_VERIFY_NONE :
			   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   verified);
	SSL_CTX_set_session_cache_mode(t->server, SSL_SESS_CACHE_OFF);
	if (c->no_verify)
		log_warn("sip: sip.tls.verify is off: anybody on the way to "
			 "the PBX can be the PBX");
	err = c->certificate ? listen_on(t, &a) : 0;
	if (err < 0)
		return err;
	return loop_fd_add(s->loop, t->epoll_fd, on_events, t, &t->watch);
}

void tls_stop(struct sip_stack *s)
{
	struct tls *t = s->tls;
	struct flow *f;

	if (!t)
		return;
	while ((f = LIST_FIRST(&t->flows)))
		flow_close(f, "the gateway stops");
	s->tls = NULL;
	loop_timer_cancel(t->reap);
	reap(t);
	loop_fd_remove(t->watch);
	if (t->listen_fd >= 0)
		close(t->listen_fd);
	if (t->epoll_fd >= 0)
		close(t->epoll_fd);
	SSL_CTX_free(t->client);
	SSL_CTX_free(t->server);
	free(t);
}
