/* SPDX-License-Identifier: Apache-2.0 */
/* Inside sip/: which address of the PBX a request goes to. */
#ifndef SIP_TRUNK_H
#define SIP_TRUNK_H

#include "sip/stack.h"

int trunk_start(struct sip_stack *s);
void trunk_stop(struct sip_stack *s);

/* Counts and logs what ("request") of an address that is not allowed. */
void trunk_stranger(struct sip_stack *s, const struct addr *a,
		    const char *what);
/* Is this next hop the PBX by its configured URI or name? */
bool trunk_is_target(const struct sip_stack *s, const struct sip_target *to);
/*
 * Its best address that is not in *tried (a bit an address; added to it):
 * lowest rank, by weight among equals, those known to be down last. The
 * call's id chooses, so that a client and its challenge meet again.
 * -EHOSTUNREACH: none is left.
 */
int trunk_pick(struct sip_stack *s, const char *call_id,
	       struct sip_target *to, uint32_t *tried);
/* This next hop refused a request: not used until it answers again. */
void trunk_failed(struct sip_stack *s, const char *uri, const char *reason);
/* A request to it waits in vain: it is asked at once. */
void trunk_doubt(struct sip_stack *s, const char *uri);
/* A request in a dialog failed: each address is asked at once. */
void trunk_suspect(struct sip_stack *s);
/* Our TLS flow to that address ended. */
void trunk_flow_lost(struct sip_stack *s, const struct addr *peer, bool was_up,
		     const char *reason);
/* Where the trunk's TLS goes by default. -EHOSTUNREACH. */
int trunk_tls_address(struct sip_stack *s, struct addr *ret);
/* What the certificate of that address must name. */
void trunk_tls_name(struct sip_stack *s, const struct addr *a, char *ret,
		    size_t size);

#endif
