/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRAR_INTERNAL_H
#define REGISTRAR_INTERNAL_H

#include "registrar/location.h"
#include "registrar/registrar.h"

/* A browser's series of REGISTERs (one Call-ID), and ours towards the PBX. */
struct reg_session {
	struct reg_session *next;
	char *client_call_id;
	char call_id[48];
	char from_tag[17];
	uint32_t cseq;
};

struct reg_conn {
	uint64_t id;
	struct addr peer;
	struct reg_session *sessions;
	unsigned int session_count;
	UT_hash_handle hh;
};

/* A REGISTER that is with the PBX. */
struct reg_pending {
	struct reg_pending *next;
	struct registrar *registrar;
	struct sip_server *server;
	struct sip_client *client;
	uint64_t id;			/* in the order they came */
	uint64_t conn;			/* 0: closed meanwhile */
	struct addr peer;
	char alias[LOCATION_ALIAS_LEN + 1];
	char *aor, *key, *contact, *instance;
	bool wildcard;			/* Contact: * */
	bool query;			/* no Contact at all */
	uint32_t asked_s;		/* by the browser; 0: leaves */
};

struct reg_waiter {
	struct reg_waiter *next;
	struct registrar *registrar;
	struct loop_timer *timer;
	char alias[LOCATION_ALIAS_LEN + 1];
	void (*cb)(void *arg, bool found);
	void *arg;
};

struct registrar {
	struct registrar_settings settings;
	struct sip_stack *stack;
	struct location location;
	struct reg_conn *conns;
	struct reg_pending *pending;
	uint64_t last_id;		/* of a pending one */
	struct reg_waiter *waiters;
	struct loop_timer *sweep;
};

struct reg_conn *registrar_conn(struct registrar *r, uint64_t id);
void registrar_conn_free(struct registrar *r, struct reg_conn *c);
struct binding *registrar_find_on_conn(struct registrar *r, uint64_t conn,
				       const char *aor);
void registrar_waiter_free(struct registrar *r, struct reg_waiter *w);
void registrar_wake(struct registrar *r, const char *alias);
/* stored.c: the binding as it is now; out of the cache and the store */
void registrar_store(struct registrar *r, const struct binding *b);
void registrar_forget(struct registrar *r, struct binding *b);

/* ---- path.c ----------------------------------------------------------- */

/* The browser's own Contact as the PBX is to know it; to be freed. */
int path_contact(const struct sip_msg *req, uint32_t expires_s, char **ret);
/* Path and what it needs, as lines. */
void path_headers(const struct registrar *r, const char *alias, char *ret,
		  size_t size);
/* The same user at the same place? */
bool path_is_contact(const char *ours, const char *theirs);
/* Warns if the registrar did not take the Path. */
void path_check(const struct sip_msg *response, const char *aor);
/* "" if there is none; to be freed. */
char *path_service_route(const struct sip_msg *response);

/* ---- gruu.c ----------------------------------------------------------- */

bool gruu_is_wanted(const struct sip_msg *req);
/* Lines that ask the registrar for one; "" if the browser does not. */
const char *gruu_headers(const struct sip_msg *req);
/* Those of the n-th Contact, or none; -ENOMEM. */
int gruu_take(struct binding *b, const struct sip_msg *response,
	      unsigned int n);
/* As parameters of the browser's Contact. */
void gruu_params(const struct binding *b, char *ret, size_t size);

void register_pending_free(struct registrar *r, struct reg_pending *p);

#endif
