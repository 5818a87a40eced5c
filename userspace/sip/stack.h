/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the transaction layer: what both engines share. */
#ifndef SIP_STACK_H
#define SIP_STACK_H

#include <sys/queue.h>

#include "core/limits.h"
#include "sip/resolve.h"
#include "sip/table.h"
#include "sip/transaction.h"

#define SIP_T1_MS	500	/* RFC 3261 17.1.1.1 */
#define SIP_T2_MS	4000

struct nta;			/* nta_engine.c */
struct trunk;			/* trunk.c */
struct tls;			/* tls.c */
struct account;			/* account.c */

struct sip_server {
	LIST_ENTRY(sip_server) list;
	struct sip_stack *s;
	struct sip_msg *request;
	struct sip_target source;
	void *data;
	void *irq;		/* nta's, until the final response */
	int status;		/* last one sent */
	bool is_invite;
	bool is_cancelled;
	char *cancel_reason;
	char tag[17];		/* To tag of our responses */
	struct table_node merge; /* s->merges: RFC 3261 8.2.2.2 */
	struct table_node ws;	/* s->ws_servers */
	struct table_node ack;	/* s->acks: a 2xx awaits its ACK */
	struct flow_use *flow;	/* the browser's that it counts for */
	LIST_ENTRY(sip_server) of_flow;
	bool is_resumed;	/* no engine has its transaction */
	struct loop_timer *end;
	struct loop_timer *repeat; /* of a 2xx to INVITE */
	uint32_t repeat_ms;
	struct sip_msg *final;
};

struct sip_client {
	LIST_ENTRY(sip_client) list;
	struct sip_stack *s;
	struct sip_target to;
	struct sip_msg *request;
	char branch[SIP_BRANCH_SIZE]; /* "": none chosen yet */
	bool is_resumed;	/* sent by an earlier run */
	bool is_trunk;		/* to the PBX: may take another address */
	uint32_t tried;		/* its addresses, bits of trunk_pick() */
	struct sip_msg *unsent;	/* to send again: the request without our Via */
	unsigned int challenges; /* answered for it by account.c */
	struct loop_timer *doubt; /* is_trunk: nothing heard for 4*T1 */
	sip_response_cb *cb;	/* NULL once the caller has let go */
	void *arg;
	int status;		/* last one seen, 0: none */
	bool is_invite;
	bool is_local;
	bool is_in_cb;
	bool is_freed;
	bool is_cancelled;	/* by the caller */
	bool is_cancel_sent;
	char *reason;		/* for the CANCEL */
	void *orq;		/* nta's */
	struct table_node ws;	/* s->ws_clients */
	struct loop_timer *timer; /* B, F, a failed send or CANCEL's end */
};

struct sip_stack {
	struct loop *loop;
	struct sip_user user;
	struct sip_settings settings;	/* strings and allow are copies */
	char host[ADDR_STRLEN];
	char web_host[ADDR_STRLEN];	/* towards browsers */
	uint32_t t1_ms;
	struct nta *nta;
	struct trunk *trunk;
	struct tls *tls;
	struct account *account;
	char contact_host[ADDR_STRLEN + 16];
	struct addr pbx_addrs[LIMIT_TRUNK_TARGETS];
	size_t pbx_count;
	LIST_HEAD(, sip_server) servers;
	LIST_HEAD(, sip_client) clients;
	struct table merges, acks, ws_servers, ws_clients, flows;
	struct sip_stack_stats stats;
};

enum { STATS_SIP = 0, STATS_WEB = 1 };

void stack_trace(struct sip_stack *s, bool sent, const struct sip_target *peer,
		 const struct sip_msg *m);
/* By which transport the PBX shall reach us: the one that leads to it. */
void stack_set_contact(struct sip_stack *s, enum sip_transport by);
/* For tests: T1, and all timers derived from it, before anything is sent. */
void sip_stack_set_t1(struct sip_stack *s, uint32_t t1_ms);

/* ---- server.c --------------------------------------------------------- */

/*
 * A new request's transaction. Takes a reference of the request. -EEXIST:
 * merged (482), -ENOBUFS: too many, -EDQUOT: of this browser (503).
 */
int server_create(struct sip_stack *s, struct sip_msg *request,
		  const struct sip_target *source, struct sip_server **ret);
void server_free(struct sip_server *st);	/* accepts NULL */
/* A browser's connection is gone. */
void server_flow_closed(struct sip_stack *s, uint64_t conn);
/* reason: value of the CANCEL's Reason header, or NULL. */
void server_cancelled(struct sip_server *st, const char *reason);
/* ACK that no transaction of an engine took. */
void server_ack(struct sip_stack *s, const struct sip_msg *ack,
		const struct sip_target *from);

/* ---- client.c --------------------------------------------------------- */

int client_create(struct sip_stack *s, const struct sip_target *to,
		  struct sip_msg *request, sip_response_cb *cb, void *arg,
		  struct sip_client **ret);
void client_destroy(struct sip_client *ct);
/* Calls the caller back; afterwards ct may be gone. */
void client_response(struct sip_client *ct, const struct sip_msg *response,
		     bool is_local);
/* A made-up response: now, or from the event loop. */
void client_fail(struct sip_client *ct, int status);
void client_fail_later(struct sip_client *ct, int status);
void client_stray_2xx(struct sip_stack *s, const struct sip_msg *response,
		      const struct sip_target *from);

/*
 * To exactly that next hop: sip_client_send_as() without the trunk's choice.
 * branch "": any.
 */
int client_send_to(struct sip_stack *s, const struct sip_target *to,
		   struct sip_msg *request, const char *branch,
		   sip_response_cb *cb, void *arg, struct sip_client **ret);
/* Requests to the PBX that heard nothing of this next hop take another. */
void client_failover_all(struct sip_stack *s, const char *uri);

/* Over a connection of ours: a WebSocket or TLS. */
bool client_is_flow(const struct sip_client *ct);
/* CANCEL in a transaction of its own, as a resumed client needs it. */
void client_send_cancel(struct sip_client *ct, struct sip_msg *cancel);

/* ---- engines ---------------------------------------------------------- */

int ws_reply(struct sip_server *st, struct sip_msg *response);
int ws_client_start(struct sip_client *ct);
/* Its responses are looked up by the branch. */
int ws_client_expect(struct sip_client *ct);
/* A response that no transaction of nta took, or of a flow. */
void ws_response(struct sip_stack *s, const struct sip_msg *m,
		 const struct sip_target *source);
/* Of either engine: CANCEL, now or after the first provisional response ... */
void client_cancel(struct sip_client *ct);
/* ... which is told of here. */
void client_provisional(struct sip_client *ct, int status);
int ws_ack(struct sip_stack *s, const struct sip_target *to,
	   struct sip_msg *ack);

/* What a flow carried; from->conn names it. */
void flow_received(struct sip_stack *s, const struct sip_target *from,
		   const char *data, size_t len);
/* From the loop, its client transactions fail with 503. */
void flow_closed(struct sip_stack *s, bool is_ws, uint64_t conn);

int nta_start(struct sip_stack *s);
/* pbx_addrs has changed. */
void nta_sources_changed(struct sip_stack *s);
void nta_stop(struct sip_stack *s);
int nta_set_t1(struct sip_stack *s);
void nta_stats(const struct sip_stack *s, struct sip_stack_stats *ret);
/* Consumes nothing; detaches st->irq after a final response. */
int nta_reply(struct sip_server *st, struct sip_msg *response);
int nta_repeat(struct sip_server *st);	/* st->final once more */
void nta_server_detach(struct sip_server *st);
int nta_client_start(struct sip_client *ct);
void nta_client_detach(struct sip_client *ct);
/* branch NULL: a new one */
int nta_ack(struct sip_stack *s, const struct sip_target *to,
	    struct sip_msg *ack, const char *branch);

#endif
