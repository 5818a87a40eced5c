/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Location cache. A REGISTER of a browser goes to the PBX with the gateway's
 * Contact, an alias; the PBX's 2xx makes or moves the binding alias -> flow.
 * Nothing changes before that 2xx.
 */
#ifndef REGISTRAR_REGISTRAR_H
#define REGISTRAR_REGISTRAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"
#include "sip/transaction.h"

struct registrar;
struct store;

struct registrar_settings {
	struct loop *loop;
	struct store *store;	/* NULL: bindings end with the process */
	const char *pbx;
	uint32_t expires_min_s, expires_max_s;	/* towards the browser */
	const char *account_user;	/* of the gateway at the PBX, or NULL */
	const char *account_to;	/* AOR that its calls are for, or NULL */
	bool account_newest;	/* they ring the newest browser, else all */
	bool use_path;		/* Path, else the gateway's own Contact */
};

int registrar_create(const struct registrar_settings *s,
		     struct registrar **ret);
void registrar_set_stack(struct registrar *r, struct sip_stack *stack);
void registrar_free(struct registrar *r);
/* The bindings of an earlier run, offline; before the first connection. */
void registrar_restore(struct registrar *r);

void registrar_request(struct registrar *r, struct sip_server *st);
void registrar_conn_opened(struct registrar *r, uint64_t conn,
			   const struct addr *peer, const char *origin);
void registrar_conn_closed(struct registrar *r, uint64_t conn);

/* The flow an alias leads to. */
struct registrar_flow {
	uint64_t conn;		/* 0: offline, lost_ms ago */
	uint64_t lost_ms;
	bool is_expired;	/* registered no more, though connected */
	char contact[256];	/* the browser's own Contact URI */
	char aor[256];
};

/* user: the alias, user part of the R-URI. -ENOENT. */
int registrar_find_alias(struct registrar *r, const char *user,
			 struct registrar_flow *ret);
/* "<sip:USER@HOST:PORT>" with the transport of the way to the PBX: our Contact
 * on that side, where user is an alias or a call.
 */
void registrar_format_contact(const struct registrar *r, const char *user,
			      char *ret, size_t size);
/* Our Contact for an AOR registered on this connection. */
int registrar_contact(struct registrar *r, uint64_t conn, const char *aor,
		      char *ret, size_t size);
bool registrar_is_registered(struct registrar *r, uint64_t conn,
			     const char *aor);
/*
 * The alias that a request of the SIP side is for: its Request-URI's user, or
 * that of the topmost Route, which is our Path; for the gateway's own account
 * that of the browser of account_to which registered last, if none is connected
 * of the one that was lost last. -ENOENT.
 */
int registrar_alias_of(struct registrar *r, const struct sip_msg *m, char *ret,
		       size_t size);
typedef char registrar_alias[64];
/* ... of an INVITE, which all browsers of account_to may get; how many. */
unsigned int registrar_aliases_of(struct registrar *r, const struct sip_msg *m,
				  registrar_alias *ret, unsigned int max);
/* Is it for the account, and do its calls ring anybody? */
bool registrar_is_account(const struct registrar *r, const struct sip_msg *m);
/* Route for requests of this AOR (RFC 3608), or NULL; until it registers. */
const char *registrar_service_route(struct registrar *r, uint64_t conn,
				    const char *aor);
/* cb when the alias comes back online or after wait_ms (found: false). */
int registrar_wait(struct registrar *r, const char *alias, uint32_t wait_ms,
		   void (*cb)(void *arg, bool found), void *arg);
/* Forgets every wait with this arg. */
void registrar_wait_cancel(struct registrar *r, void *arg);

/* ---- for ctl/ -------------------------------------------------------- */

struct registration_info {
	char aor[256];
	char alias[64];
	char contact[256];
	char instance[128];
	char user_agent[128];
	char peer[64];
	bool online;
	uint64_t age_ms;
	uint64_t expires_in_s;
};

void registrar_each(struct registrar *r, bool (*each)(void *arg,
		    const struct registration_info *info), void *arg);
uint32_t registrar_count(const struct registrar *r);

#endif
