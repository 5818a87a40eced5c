/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUUs (RFC 5627): names that lead to one browser of a user from anywhere.
 * They are the registrar's to make and to route; the browser gets them in the
 * place of its own Contact in the 200, as it would without a gateway.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registrar/internal.h"

/* Only what has an instance can have one (RFC 5627 4.1). */
bool gruu_is_wanted(const struct sip_msg *req)
{
	return sip_msg_contact_param(req, 0, "+sip.instance") &&
	       (sip_msg_has_option(req, "Supported", "gruu") ||
		sip_msg_has_option(req, "Require", "gruu"));
}

const char *gruu_headers(const struct sip_msg *req)
{
	if (!gruu_is_wanted(req))
		return "";
	return sip_msg_has_option(req, "Require", "gruu") ?
		"Supported: gruu\r\nRequire: gruu\r\n" :
		"Supported: gruu\r\n";
}

/* A URI that can stand between quotes. */
static int take(char **field, const char *uri)
{
	char *copy = strdup(uri && !strpbrk(uri, "\"\\ \t\r\n") ? uri : "");

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int gruu_take(struct binding *b, const struct sip_msg *response,
	      unsigned int n)
{
	return take(&b->pub_gruu,
		    sip_msg_contact_param(response, n, "pub-gruu")) ||
	       take(&b->temp_gruu,
		    sip_msg_contact_param(response, n, "temp-gruu")) ?
		-ENOMEM : 0;
}

void gruu_params(const struct binding *b, char *ret, size_t size)
{
	snprintf(ret, size, "%s%s%s%s%s%s",
		 *b->pub_gruu ? ";pub-gruu=\"" : "", b->pub_gruu,
		 *b->pub_gruu ? "\"" : "",
		 *b->temp_gruu ? ";temp-gruu=\"" : "", b->temp_gruu,
		 *b->temp_gruu ? "\"" : "");
}
