/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trunk's TLS connections (RFC 3261 26.2, RFC 5922), on the signalling
 * thread, never blocking. sofia's own TLS offers no server name, no chain of
 * certificates and no reason for a refusal, so it is not used.
 *
 * A connection is a flow as a browser's WebSocket is: ws_engine.c has the
 * transactions. One to an address is opened when a request needs it and kept;
 * those that the PBX opens come in at sip.tls.port.
 */
#ifndef SIP_TLS_H
#define SIP_TLS_H

#include "sip/stack.h"

#define TLS_PORT	5061	/* RFC 3261 19.1.2 */

struct tls;

/* Reads the certificates and listens; nothing if the settings ask for none. */
int tls_start(struct sip_stack *s);
void tls_stop(struct sip_stack *s);
/* "198.51.100.1:5061" */
const char *tls_host(const struct sip_stack *s);
/* By sips: or transport=tls in its URI. */
bool tls_is_target(const struct sip_target *t);
/*
 * On the flow to->conn if it lives, else on one to the URI's address, which
 * is opened if there is none; it is written to to->conn. What cannot be sent
 * later is told by flow_closed(). -ENOTCONN, -EHOSTUNREACH, -ENOBUFS, -ENOMEM.
 */
int tls_send(struct sip_stack *s, struct sip_target *to, const void *data,
	     size_t len);
/* Closes our flow to that address: its peer answers no more. */
void tls_drop(struct sip_stack *s, const struct addr *peer);
/* Loads the trunk's addresses into the listener's filter anew. */
void tls_sources_changed(struct sip_stack *s);

#endif
