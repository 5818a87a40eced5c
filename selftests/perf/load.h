/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many SIP clients over secure WebSocket and the PBX behind the gateway, in one
 * process and one thread, as cheap as they can be: they read of a message what
 * they need and trust the rest. Media is described; soak.c sets it up, too.
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

/* What the loop asks when a descriptor is ready. */
struct load_source {
	void (*ready)(void *arg);
	void *arg;
};

enum phone_state {
	PHONE_CLOSED, PHONE_CONNECTING, PHONE_TLS, PHONE_UPGRADE, PHONE_OPEN,
};

enum phone_event {
	PHONE_READY,		/* WebSocket open */
	PHONE_REGISTERED,	/* 200 to REGISTER, of either kind */
	PHONE_RINGING,		/* 180 */
	PHONE_ANSWERED,		/* 200, ACK is out */
	PHONE_ENDED,		/* 200 to BYE */
	PHONE_FAILED,		/* any other final response, or the connection */
};

struct phone {
	uint32_t index;
	struct load_source source;
	int fd;
	SSL *ssl;
	enum phone_state state;
	uint32_t cseq;
	uint32_t call;		/* number of the newest call */
	bool is_busy;		/* in it */
	bool is_gone;		/* unregistered, on the way back */
	uint64_t asked_ns;	/* the newest request left */
	char to_tag[128];
	char target[256];	/* remote target of the call */
	char answer[2048];	/* its description */
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
void phone_unregister(struct phone *p);
/* WebSocket close and at once the end of the connection. */
void phone_leave(struct phone *p);
/* "11:22:...": of whom the offers speak; before the first INVITE. */
void phone_set_fingerprint(const char *fingerprint);
void phone_invite(struct phone *p);
void phone_bye(struct phone *p);
void phone_close(struct phone *p);

/* ---- media (load_media.c) ---------------------------------------------- */

void load_media_init(void);	/* after load_begin() */
/*
 * Of a call that is answered: done() once DTLS is through and the first packets
 * are out. Exits if the gateway refuses.
 */
void load_media_begin(struct phone *p, const char *local_ip,
		      const char *gateway_ip, void (*done)(struct phone *p));
void load_media_end(struct phone *p);
void load_media_repeat(void);

/* ---- the loop (load_run.c) --------------------------------------------- */

extern struct load_run {
	struct phone *phones;
	uint32_t count;
	uint32_t done, errors;	/* things since the last look; in all */
	void (*on_event)(struct phone *p, enum phone_event e);
	void (*repeat)(void);	/* now and then; or NULL */
} load;

struct load_places {
	const char *web_ns, *sip_ns;	/* names of namespaces */
	const char *gateway_ip, *pbx_ip;
	const char **web_ips;
	uint32_t web_ip_count;
};

/* The PBX is there; the process is in the browsers' namespace. CLIENTS=. */
void load_begin(const struct load_places *places);
void load_watch(int fd, uint32_t events, struct load_source *source);
void load_turn(void);
/* Until `want` things are done; false: nothing happens any more. */
bool load_until(uint32_t want);
void load_for(uint64_t ms);
/* A client by its index; load.on_event hears of it. */
void load_connect(struct phone *p);
/* The first so many are connected and registered; exits if one is not. */
void load_arrive(uint32_t clients);
/* Round the clients: the gateway limits what one may send. */
struct phone *load_next_idle(void);
/* From the environment. */
uint32_t load_number(const char *name, uint32_t otherwise);

#endif
