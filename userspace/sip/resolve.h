/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a SIP URI to addresses (RFC 3263 4): NAPTR, SRV, A or AAAA, without
 * blocking, by sofia's resolver. A literal address asks nobody; a name in
 * /etc/hosts asks nobody either.
 */
#ifndef SIP_RESOLVE_H
#define SIP_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/limits.h"
#include "core/loop.h"

enum sip_transport { SIP_UDP, SIP_TCP, SIP_TLS };

struct resolved {
	struct addr addr;
	enum sip_transport transport;
	uint64_t rank;		/* the smallest first: NAPTR, then SRV */
	uint16_t weight;	/* among those of one rank, RFC 2782 */
	char host[256];		/* of the URI, "" for a literal address */
};

struct resolver;
struct resolve;			/* one question under way */

/* resolv_conf: NULL for the system's. */
int resolver_create(struct loop *loop, const char *resolv_conf,
		    struct resolver **ret);
void resolver_free(struct resolver *r);	/* accepts NULL */

struct resolve_options {
	bool is_v4;		/* the family of the SIP side */
	bool has_tls;		/* else SIPS services are passed over */
};

/*
 * Nothing found: count is 0 and reason says why; with a count and a reason
 * there may be more, of which DNS did not tell. ttl_s is how long the answer
 * holds (0 for a literal: for ever). The question is gone after it.
 */
typedef void resolve_cb(void *arg, const struct resolved *list, size_t count,
			uint32_t ttl_s, const char *reason);

/* May call back before it returns; *ret is then NULL. */
int resolve_start(struct resolver *r, const char *uri,
		  const struct resolve_options *o, resolve_cb *cb, void *arg,
		  struct resolve **ret);
void resolve_cancel(struct resolve *q);	/* accepts NULL */

#endif
