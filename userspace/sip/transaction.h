/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions (RFC 3261 17) behind one interface with two engines: sofia's
 * nta for trunks (UDP, TCP), our own for WebSocket flows (reliable: no
 * retransmission timers). Everything runs on the signalling thread.
 */
#ifndef SIP_TRANSACTION_H
#define SIP_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/loop.h"
#include "sip/message.h"

struct sip_stack;
struct sip_server;	/* a request that we answer */
struct sip_client;	/* a request that we sent */

/* Where a request came from or goes to. */
struct sip_target {
	bool is_ws;
	uint64_t conn;		/* is_ws: wss connection; else a TLS flow or 0 */
	char uri[256];		/* else: next hop, "sip:198.51.100.10:5060;transport=udp" */
	struct addr peer;	/* of a received request */
};

/* Implemented by the layer above (main.c dispatches to call/, registrar/). */
struct sip_user {
	void *arg;
	/*
	 * Every request but ACK and CANCEL. The server is answered by
	 * sip_server_reply() with a final response, now or later; it is freed by
	 * the stack some time after that.
	 */
	void (*request)(void *arg, struct sip_server *st);
	/* A CANCEL matched this INVITE (200 to the CANCEL is already sent). */
	void (*cancelled)(void *arg, struct sip_server *st);
	/* ACK of a 2xx. */
	void (*ack)(void *arg, const struct sip_msg *ack,
		    const struct sip_target *from);
	/* No ACK for a 2xx that was sent (64*T1). */
	void (*ack_missing)(void *arg, struct sip_server *st);
	/* A 2xx to INVITE that matches no live client (a fork's second, or a
	 * retransmission after sip_client_free()): ACK it again, or ACK and BYE.
	 */
	void (*stray_2xx)(void *arg, const struct sip_msg *response,
			  const struct sip_target *from);
	/*
	 * A challenge was answered by the stack (account): this request is on
	 * about to leave again, with a CSeq of its own and this branch.
	 */
	void (*renumbered)(void *arg, const struct sip_msg *request,
			   const char *branch);
	/* SIP-side request from an address that is neither the PBX's nor
	 * allowed was dropped; already counted and logged.
	 */
};

struct sip_tls_settings {
	bool is_wanted;			/* else nothing below is looked at */
	uint16_t port;			/* 0: 5061 */
	const char *certificate;	/* PEM chain; NULL: no listener */
	const char *private_key;
	const char *ca;			/* PEM; NULL: the system's */
	bool no_verify;			/* take any certificate of the PBX */
	bool is_mutual;			/* ask its connections for one */
};

/* The gateway as a user of the PBX (account.c). */
struct sip_account_settings {
	const char *user;		/* NULL: it is none */
	const char *auth_user;		/* NULL: user */
	const char *password;
	const char *realm;		/* only this one is answered; NULL: any */
	const char *domain;		/* NULL: the host of pbx */
	uint32_t expires_s;		/* asked for; 0: 3600 */
};

struct sip_settings {
	struct addr listen;		/* SIP side, UDP and TCP */
	const char *pbx;		/* URI of the PBX */
	const char *const *pbx_backup;	/* others, if it is down; or NULL */
	const char *resolv_conf;	/* NULL: the system's */
	struct sip_tls_settings tls;
	struct sip_account_settings account;
	const struct addr_net *allow;	/* besides what pbx resolves to */
	size_t allow_count;
	struct addr web;		/* as browsers know us; unset: listen */
	const char *user_agent;		/* "sluice/..." */
	/* Sends text on a WebSocket flow (wss_send). */
	int (*ws_send)(void *arg, uint64_t conn, const void *data, size_t len);
	void *ws_arg;
	/* Every message in and out, for trace; may be NULL. */
	void (*trace)(void *arg, bool sent, const struct sip_target *peer,
		      const char *text, size_t len);
	void *trace_arg;
};

int sip_stack_create(struct loop *loop, const struct sip_settings *settings,
		     const struct sip_user *user, struct sip_stack **ret);
/* Pending transactions are dropped silently. Accepts NULL. */
void sip_stack_free(struct sip_stack *s);

/* A filtered message of a WebSocket flow. Parses, matches, calls the user. */
void sip_stack_ws_received(struct sip_stack *s, uint64_t conn,
			   const struct addr *peer, const char *data,
			   size_t len);
/*
 * The flow is gone: its client transactions fail with 503, refused INVITEs wait
 * for no ACK.
 */
void sip_stack_ws_closed(struct sip_stack *s, uint64_t conn);

/* ---- server side ----------------------------------------------------- */

const struct sip_msg *sip_server_request(const struct sip_server *st);
const struct sip_target *sip_server_source(const struct sip_server *st);
void sip_server_set_data(struct sip_server *st, void *data);
void *sip_server_data(const struct sip_server *st);
/*
 * Provisional or final; src as in sip_msg_make_reply(). A second final one is
 * -EALREADY. 2xx to INVITE is repeated on UDP until sip_user.ack. A final one
 * that cannot be written leaves bare, a 2xx as a 500: -EBADMSG.
 */
int sip_server_reply(struct sip_server *st, const struct sip_reply *reply,
		     const struct sip_msg *src);
/* The Reason header's value of its CANCEL, or NULL. */
const char *sip_server_cancel_reason(const struct sip_server *st);
/* Is the final response still to come? */
bool sip_server_pending(const struct sip_server *st);

/* ---- client side ----------------------------------------------------- */

/*
 * Every response: provisional ones, then one final; a timeout is a made-up
 * 408, a transport failure a made-up 503 (sip_client_is_local()). For INVITE
 * each further 2xx comes again. ACK to non-2xx is the stack's, ACK to 2xx the
 * caller's (sip_ack()).
 */
typedef void sip_response_cb(void *arg, struct sip_client *ct,
			     const struct sip_msg *response);

/* Adds Via (and Contact stays as given). The request is not kept by caller. */
int sip_client_send(struct sip_stack *s, const struct sip_target *to,
		    struct sip_msg *request, sip_response_cb *cb, void *arg,
		    struct sip_client **ret);
/*
 * The same with a branch that is known before anything leaves; a change of the
 * address (RFC 3263 4.3) takes another one.
 */
#define SIP_BRANCH_SIZE	32
void sip_make_branch(char ret[SIP_BRANCH_SIZE]);
int sip_client_send_as(struct sip_stack *s, const struct sip_target *to,
		       struct sip_msg *request, const char *branch,
		       sip_response_cb *cb, void *arg, struct sip_client **ret);
/* CANCEL of a pending INVITE; waits for the first provisional by itself.
 * reason: value of a Reason header or NULL.
 */
void sip_client_cancel(struct sip_client *ct, const char *reason);
/* No more callbacks; the transaction ends quietly. Accepts NULL. */
void sip_client_free(struct sip_client *ct);
const struct sip_msg *sip_client_request(const struct sip_client *ct);
const struct sip_target *sip_client_target(const struct sip_client *ct);
/* Was this response made by the stack itself (timeout, transport)? */
bool sip_client_is_local(const struct sip_client *ct);

/* Statelessly: ACK for a 2xx. Adds Via. */
int sip_ack(struct sip_stack *s, const struct sip_target *to,
	    struct sip_msg *ack);

/* ---- what an earlier run left ---------------------------------------- */

/*
 * An INVITE that it sent with this branch (the request without Via, a body is
 * not needed): its responses arrive here, so that it can be cancelled. A TCP or
 * TLS connection is opened anew.
 */
int sip_client_resume(struct sip_stack *s, const struct sip_target *to,
		      struct sip_msg *request, const char *branch,
		      sip_response_cb *cb, void *arg, struct sip_client **ret);
/* An INVITE of the SIP side that it had not answered, or not heard an ACK of. */
int sip_server_resume(struct sip_stack *s, struct sip_msg *request,
		      const struct sip_target *source, struct sip_server **ret);

/* ---- trunk ----------------------------------------------------------- */

struct sip_trunk_status {
	bool known;		/* an OPTIONS was answered or timed out */
	bool up;
	uint32_t rtt_ms;
	char reason[200];	/* why down: "timeout", "refused", TLS's, DNS's */
};

struct sip_trunk_target {	/* one address of the PBX */
	char uri[96];
	char host[256];		/* its name, "" for a literal address */
	struct sip_trunk_status status;
};

/*
 * OPTIONS keep-alive towards each address of the PBX: each 30 s when up, 5 s
 * when down. The status is that of the address that the next request takes.
 */
void sip_trunk_status(const struct sip_stack *s, struct sip_trunk_status *ret);
/*
 * When an address of the PBX last came up or went down (clock_ms(), 0: never):
 * what it knew before, it or the one in its place may not know.
 */
uint64_t sip_trunk_changed_ms(const struct sip_stack *s);
/* The address of the PBX that this call's next request takes. -EHOSTUNREACH. */
int sip_trunk_choose(struct sip_stack *s, const char *call_id,
		     struct sip_target *to);
bool sip_trunk_target(const struct sip_stack *s, size_t index,
		      struct sip_trunk_target *ret);
struct sip_account_status {
	bool is_wanted;		/* there is an account */
	bool is_registered;
	uint32_t expires_in_s;
	char aor[280];
	char reason[96];	/* why not registered, or not refreshed */
};

void sip_account_status(const struct sip_stack *s,
			struct sip_account_status *ret);
/*
 * Host part of the gateway's SIP-side URI, with the trunk's transport:
 * "198.51.100.1:5060", "198.51.100.1:5061;transport=tls".
 */
const char *sip_stack_host(const struct sip_stack *s);
/* May this address send us SIP-side requests? */
bool sip_trunk_is_allowed(const struct sip_stack *s, const struct addr *a);

struct sip_stack_stats {
	uint64_t requests_in[2], requests_out[2];	/* [0] SIP, [1] web */
	uint64_t responses_in[2], responses_out[2];
	uint64_t dropped_source;	/* SIP side: unknown address */
	uint64_t dropped_parse[2];
	uint64_t timeouts;
	uint32_t server_live, client_live;
	/* The trunk's below them, with those that wait for repetitions. */
	uint32_t nta_servers, nta_clients;
};

void sip_stack_stats(const struct sip_stack *s, struct sip_stack_stats *ret);

#endif
