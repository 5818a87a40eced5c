/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many SIP clients over secure WebSocket and the PBX behind the gateway, in one
 * process and one thread, as cheap as they can be: they read of a message what
 * they need and trust the rest. Media is described, never sent.
 */
#ifndef SELFTESTS_LOAD_H
#define SELFTESTS_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MESSAGE_MAX	8192

/* ---- SIP text ---------------------------------------------------------- */

/* The value of the first such header line; its length, 0: there is none. */
size_t load_header(const char *m, const char *name, const char **ret);
/* 0: a request. */
int load_status(const char *m);
/* The value between < and > in that header, or "". */
void load_uri(const char *m, const char *name, char *ret, size_t size);

/* ---- the PBX ----------------------------------------------------------- */

/*
 * A UDP socket at ip:5060 that accepts every REGISTER and answers every INVITE
 * by 180 and 200. Returns it; exits on failure.
 */
int pbx_open(const char *ip);
/* Whatever waits there. */
void pbx_serve(int fd);
/* 200s that were not acknowledged in time; now and then. */
void pbx_repeat(int fd);

/* ---- clients ----------------------------------------------------------- */

enum phone_state {
	PHONE_CLOSED, PHONE_CONNECTING, PHONE_TLS, PHONE_UPGRADE, PHONE_OPEN,
};

enum phone_event {
	PHONE_READY,		/* WebSocket open */
	PHONE_REGISTERED,	/* 200 to REGISTER */
	PHONE_RINGING,		/* 180 */
	PHONE_ANSWERED,		/* 200, ACK is out */
	PHONE_ENDED,		/* 200 to BYE */
	PHONE_FAILED,		/* any other final response, or the connection */
};

struct phone {
	uint32_t index;
	int fd;
	SSL *ssl;
	enum phone_state state;
	uint32_t cseq;
	uint32_t call;		/* number of the newest call */
	bool is_busy;		/* in it */
	uint64_t asked_ns;	/* the newest request left */
	char to_tag[128];
	char target[256];	/* remote target of the call */
	char in[LOAD_MESSAGE_MAX * 2];
	size_t in_len;
	void (*told)(struct phone *p, enum phone_event e);
};

/* Connects from local_ip; events come to told(). */
int phone_connect(struct phone *p, SSL_CTX *ctx, const char *local_ip,
		  const char *gateway_ip);
/* Its socket is readable or writable. */
void phone_serve(struct phone *p);
void phone_register(struct phone *p);
void phone_invite(struct phone *p);
void phone_bye(struct phone *p);
void phone_close(struct phone *p);

#endif
