// SPDX-License-Identifier: Apache-2.0
/*
 * The baseline: a relay as simple as it can be. recvmmsg, a table lookup by
 * port, AEAD_AES_128_GCM by OpenSSL with one prepared context a call (or no
 * crypto at all), sendmmsg. No replay window, no statistics, no RTCP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../unit/srtp_oracle.h"
#include "relay.h"

#define BATCH	32
#define EVENTS	64
#define HEADER	12
#define TAG	16

struct plain {
	uint32_t count;
	int web_fd, *sip_fd, epoll_fd;
	EVP_CIPHER_CTX **rx, **tx;
	uint8_t (*rx_salt)[14], (*tx_salt)[14];
	struct sockaddr_in *web_peer, *sip_peer;
	pthread_t thread;
	bool is_running;
	volatile bool is_stopping;
	volatile double cpu_s;
};

static int udp(const char *ip, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int size = 4 << 20;

	inet_pton(AF_INET, ip, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* RFC 7714 8.1, ROC 0: no call here lives for 65536 packets. */
static void iv_of(const uint8_t *salt, const uint8_t *rtp, uint8_t iv[12])
{
	memset(iv, 0, 12);
	memcpy(iv + 2, rtp + 8, 4);
	memcpy(iv + 10, rtp + 2, 2);
	for (int i = 0; i < 12; i++)
		iv[i] ^= salt[i];
}

static int open_packet(struct plain *p, uint32_t i, uint8_t *d, int len)
{
	EVP_CIPHER_CTX *c = p->rx[i];
	uint8_t iv[12];
	int n, body = len - HEADER - TAG;

	if (body < 0)
		return -1;
	iv_of(p->rx_salt[i], d, iv);
	if (EVP_DecryptInit_ex(c, NULL, NULL, NULL, iv) != 1 ||
	    EVP_DecryptUpdate(c, NULL, &n, d, HEADER) != 1 ||
	    EVP_DecryptUpdate(c, d + HEADER, &n, d + HEADER, body) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG,
				d + HEADER + body) != 1 ||
	    EVP_DecryptFinal_ex(c, d + HEADER + body, &n) != 1)
		return -1;
	return len - TAG;
}

static int close_packet(struct plain *p, uint32_t i, uint8_t *d, int len)
{
	EVP_CIPHER_CTX *c = p->tx[i];
	uint8_t iv[12];
	int n;

	iv_of(p->tx_salt[i], d, iv);
	if (EVP_EncryptInit_ex(c, NULL, NULL, NULL, iv) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &n, d, HEADER) != 1 ||
	    EVP_EncryptUpdate(c, d + HEADER, &n, d + HEADER,
			      len - HEADER) != 1 ||
	    EVP_EncryptFinal_ex(c, d + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, d + len) != 1)
		return -1;
	return len + TAG;
}

/* To the SIP side each call has a socket of its own, so one send a packet. */
static void from_web(struct plain *p, struct mmsghdr *m, uint8_t *d,
		     const struct sockaddr_in *from)
{
	uint32_t i = ntohs(from->sin_port) - RELAY_TESTER_WEB(0U);
	int len = (int)m->msg_len;

	if (i >= p->count)
		return;
	if (p->rx)
		len = open_packet(p, i, d, len);
	if (len > 0)
		sendto(p->sip_fd[i], d, (size_t)len, 0,
		       (struct sockaddr *)&p->sip_peer[i],
		       sizeof(p->sip_peer[i]));
}

static void from_sip(struct plain *p, uint32_t i, struct mmsghdr *msg,
		     struct iovec *iov, int n)
{
	struct mmsghdr out[BATCH];
	int ready = 0;

	memset(out, 0, sizeof(out));
	for (int k = 0; k < n; k++) {
		int len = (int)msg[k].msg_len;

		if (p->tx)
			len = close_packet(p, i, iov[k].iov_base, len);
		if (len < 0)
			continue;
		iov[k].iov_len = (size_t)len;
		out[ready].msg_hdr.msg_iov = &iov[k];
		out[ready].msg_hdr.msg_iovlen = 1;
		out[ready].msg_hdr.msg_name = &p->web_peer[i];
		out[ready].msg_hdr.msg_namelen = sizeof(p->web_peer[i]);
		ready++;
	}
	if (ready)
		sendmmsg(p->web_fd, out, (unsigned int)ready, 0);
}

static void receive(struct plain *p, uint32_t who)
{
	static uint8_t data[BATCH][2048];
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in from[BATCH];
	bool is_web = who == UINT32_MAX;
	int n;

	memset(msg, 0, sizeof(msg));
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) - TAG };
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
		msg[i].msg_hdr.msg_name = &from[i];
		msg[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	n = recvmmsg(is_web ? p->web_fd : p->sip_fd[who], msg, BATCH,
		     MSG_DONTWAIT, NULL);
	if (n <= 0)
		return;
	if (!is_web) {
		from_sip(p, who, msg, iov, n);
		return;
	}
	for (int i = 0; i < n; i++)
		from_web(p, &msg[i], data[i], &from[i]);
}

static void *serve(void *arg)
{
	struct plain *p = arg;
	struct epoll_event ev[EVENTS];
	struct timespec t;

	lane_bind(LANE_RELAY_CPU);
	while (!p->is_stopping) {
		int n = epoll_wait(p->epoll_fd, ev, EVENTS, 10);

		for (int i = 0; i < n; i++)
			receive(p, ev[i].data.u32);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
		p->cpu_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	}
	return NULL;
}

/* Session key and salt: RFC 3711 4.3.1, labels 0 and 2. */
static EVP_CIPHER_CTX *cipher(const struct oracle_master *m, uint8_t salt[14],
			      bool is_encrypting)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	struct sluice_aes_key master;
	uint8_t master_salt[14] = { 0 }, session[16];

	memcpy(master_salt, m->b + m->key_len, m->salt_len);
	sluice_aes_expand(m->b, m->key_len, &master);
	sluice_srtp_derive(&master, master_salt, 0, session, sizeof(session));
	sluice_srtp_derive(&master, master_salt, 2, salt, 12);
	EVP_CipherInit_ex(c, EVP_aes_128_gcm(), NULL, session, NULL,
			  is_encrypting);
	return c;
}

static int reset(struct lane *l, struct relay *r)
{
	return 0;
}

static double cpu_seconds(struct relay *r)
{
	return ((struct plain *)r->state)->cpu_s;
}

static void close_plain(struct relay *r)
{
	struct plain *p = r->state;

	p->is_stopping = true;
	if (p->is_running)
		pthread_join(p->thread, NULL);
	for (uint32_t i = 0; i < p->count; i++) {
		close(p->sip_fd[i]);
		if (p->rx) {
			EVP_CIPHER_CTX_free(p->rx[i]);
			EVP_CIPHER_CTX_free(p->tx[i]);
		}
	}
	close(p->web_fd);
	close(p->epoll_fd);
	free(p->sip_fd);
	free(p->rx);
	free(p->tx);
	free(p->rx_salt);
	free(p->tx_salt);
	free(p->web_peer);
	free(p->sip_peer);
	free(p);
	r->state = NULL;
}

static int watch(struct plain *p, int fd, uint32_t who)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = who };

	return fd < 0 || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ?
		-EADDRINUSE : 0;
}

static int add_call(struct plain *p, struct relay *r, uint32_t i)
{
	struct sockaddr_in *web = &p->web_peer[i], *sip = &p->sip_peer[i];

	web->sin_family = sip->sin_family = AF_INET;
	web->sin_port = htons(RELAY_TESTER_WEB(i));
	sip->sin_port = htons(RELAY_TESTER_SIP(i));
	inet_pton(AF_INET, "192.0.2.99", &web->sin_addr);
	inet_pton(AF_INET, "198.51.100.10", &sip->sin_addr);
	if (r->profile) {
		p->rx[i] = cipher(&r->rx[i], p->rx_salt[i], false);
		p->tx[i] = cipher(&r->tx[i], p->tx_salt[i], true);
	}
	p->sip_fd[i] = udp("198.51.100.1", r->port[LANE_SIP][i]);
	return watch(p, p->sip_fd[i], i);
}

int relay_plain_open(struct lane *l, struct relay *r)
{
	struct plain *p = calloc(1, sizeof(*p));
	uint32_t n = r->streams;
	int err;

	if (r->profile && r->profile != SLUICE_SRTP_AEAD_AES_128_GCM) {
		free(p);
		return -EOPNOTSUPP;
	}
	p->count = n;
	p->sip_fd = calloc(n, sizeof(*p->sip_fd));
	p->web_peer = calloc(n, sizeof(*p->web_peer));
	p->sip_peer = calloc(n, sizeof(*p->sip_peer));
	if (r->profile) {
		p->rx = calloc(n, sizeof(EVP_CIPHER_CTX *));
		p->tx = calloc(n, sizeof(EVP_CIPHER_CTX *));
		p->rx_salt = calloc(n, sizeof(*p->rx_salt));
		p->tx_salt = calloc(n, sizeof(*p->tx_salt));
	}
	r->state = p;
	r->reset = reset;
	r->cpu_seconds = cpu_seconds;
	r->close = close_plain;
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->web_fd = udp("192.0.2.1", RELAY_WEB_PORT);
	err = watch(p, p->web_fd, UINT32_MAX);
	for (uint32_t i = 0; i < n && !err; i++)
		err = add_call(p, r, i);
	if (!err)
		err = -pthread_create(&p->thread, NULL, serve, p);
	p->is_running = !err;
	if (err) {
		fprintf(stderr, "%s: %s\n", r->name, strerror(-err));
		close_plain(r);
	}
	return err;
}
