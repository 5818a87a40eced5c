// SPDX-License-Identifier: Apache-2.0
/*
 * rtpengine in userspace, from its Debian package, with one thread. Each call
 * is an offer with SDES and an answer without, by its ng protocol.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/srtp_oracle.h"
#include "relay.h"

#define NG_PORT		2223
#define PATIENCE_MS	10000
#define NG_MAX		4096

struct rtpengine {
	pid_t pid;
	int ng;
	uint32_t cookie;
};

/* ---- ng: a cookie, a space, bencode ------------------------------------ */

struct text {
	char b[NG_MAX];
	size_t len;
};

static void add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->b + t->len, sizeof(t->b) - t->len, fmt, args);
	va_end(args);
	t->len += n > 0 ? (size_t)n : 0;
	if (t->len >= sizeof(t->b))
		t->len = sizeof(t->b) - 1;
}

static void add_string(struct text *t, const char *s)
{
	add(t, "%zu:%s", strlen(s), s);
}

static void add_pair(struct text *t, const char *key, const char *value)
{
	add_string(t, key);
	add_string(t, value);
}

/* The reply's text; 0 or -ETIMEDOUT. */
static int ask(struct rtpengine *e, struct text *body, char *reply,
	       size_t size)
{
	struct pollfd p = { .fd = e->ng, .events = POLLIN };
	struct text t = { .len = 0 };
	char cookie[16];
	ssize_t n;

	snprintf(cookie, sizeof(cookie), "%u ", ++e->cookie);
	add(&t, "%s%s", cookie, body->b);
	for (int try = 0; try < 10; try++) {
		send(e->ng, t.b, t.len, 0);
		while (poll(&p, 1, PATIENCE_MS / 10) == 1) {
			n = recv(e->ng, reply, size - 1, 0);
			if (n < 0) {
				/* Nobody listens there yet. */
				poll(NULL, 0, PATIENCE_MS / 10);
				break;
			}
			reply[n] = 0;
			if (!strncmp(reply, cookie, strlen(cookie)))
				return 0;
		}
	}
	return -ETIMEDOUT;
}

static void begin(struct text *t, const char *command, uint32_t i)
{
	char id[32];

	t->len = 0;
	add(t, "d");
	snprintf(id, sizeof(id), "bench-%u", i);
	add_pair(t, "call-id", id);
	add_pair(t, "command", command);
	add_pair(t, "from-tag", "a");
}

static void describe(char *sdp, size_t size, const char *ip, uint32_t port,
		     const char *proto, const char *crypto)
{
	snprintf(sdp, size, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\n"
		 "t=0 0\r\nm=audio %u %s 0\r\na=rtpmap:0 PCMU/8000\r\n%s", ip,
		 ip, port, proto, crypto);
}

static int port_of(const char *reply, uint16_t *ret)
{
	const char *m = strstr(reply, "m=audio ");

	if (!m) {
		fprintf(stderr, "rtpengine: %s\n", reply);
		return -EPROTO;
	}
	*ret = (uint16_t)atoi(m + 8);
	return 0;
}

static int set_up(struct rtpengine *e, struct relay *r, uint32_t i)
{
	char key[64], crypto[128], sdp[1024], reply[NG_MAX];
	struct text t;
	int err;

	EVP_EncodeBlock((unsigned char *)key, r->rx[i].b, 30);
	snprintf(crypto, sizeof(crypto),
		 "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%s\r\n", key);
	describe(sdp, sizeof(sdp), "192.0.2.99", RELAY_TESTER_WEB(i),
		 "RTP/SAVP", crypto);
	begin(&t, "offer", i);
	add(&t, "9:directionl3:web3:sipe");
	add(&t, "7:replacel6:origine");
	add_pair(&t, "sdp", sdp);
	add_pair(&t, "transport-protocol", "RTP/AVP");
	add(&t, "e");
	err = ask(e, &t, reply, sizeof(reply));
	if (!err)
		err = port_of(reply, &r->port[LANE_SIP][i]);
	if (err)
		return err;
	describe(sdp, sizeof(sdp), "198.51.100.10", RELAY_TESTER_SIP(i),
		 "RTP/AVP", "");
	begin(&t, "answer", i);
	add_pair(&t, "sdp", sdp);
	add_pair(&t, "to-tag", "b");
	add(&t, "e");
	err = ask(e, &t, reply, sizeof(reply));
	return err ? err : port_of(reply, &r->port[LANE_WEB][i]);
}

/* ---- life -------------------------------------------------------------- */

static double cpu_seconds(struct relay *r)
{
	return lane_process_seconds(((struct rtpengine *)r->state)->pid);
}

static void close_rtpengine(struct relay *r)
{
	struct rtpengine *e = r->state;

	if (e->pid > 0) {
		kill(e->pid, SIGKILL);
		waitpid(e->pid, NULL, 0);
	}
	close(e->ng);
	free(e);
	r->state = NULL;
}

static void start(struct rtpengine *e)
{
	e->pid = fork();
	if (e->pid)
		return;
	lane_bind(LANE_RELAY_CPU);
	execlp("rtpengine", "rtpengine", "--table=-1", "--foreground",
	       "--log-stderr", "--log-level=2", "--config-file=none", "--num-threads=1",
	       "--interface=web/192.0.2.1",
	       "--interface=sip/198.51.100.1",
	       "--listen-ng=127.0.0.1:2223", "--port-min=16384",
	       "--port-max=49151", NULL);
	_exit(127);
}

static int serves(struct rtpengine *e)
{
	struct text t = { .len = 0 };
	char reply[NG_MAX];

	add(&t, "d");
	add_pair(&t, "command", "ping");
	add(&t, "e");
	if (waitpid(e->pid, NULL, WNOHANG) == e->pid) {
		e->pid = 0;
		return -ENOENT;
	}
	return ask(e, &t, reply, sizeof(reply));
}

static int reopen(struct lane *l, struct relay *r)
{
	close_rtpengine(r);
	return relay_rtpengine_open(l, r);
}

int relay_rtpengine_open(struct lane *l, struct relay *r)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(NG_PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct rtpengine *e = calloc(1, sizeof(*e));
	int err;

	e->ng = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r->state = e;
	r->reset = reopen;
	/* Sockets whose queue overran five times are not read any more. */
	r->is_fragile = true;
	r->cpu_seconds = cpu_seconds;
	r->close = close_rtpengine;
	err = connect(e->ng, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	start(e);
	if (!err)
		err = serves(e);
	for (uint32_t i = 0; i < r->streams && !err; i++)
		err = set_up(e, r, i);
	if (err)
		close_rtpengine(r);
	return err;
}
