/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option tags (RFC 3261 19.2): which of those that a request demands are
 * neither the gateway's to do nor pass to who does them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sip/msg.h"
#include "sip/policy.h"

#define BLANKS	" \t,"

bool sip_msg_has_option(const struct sip_msg *m, const char *header,
			const char *tag)
{
	const char *name, *value;
	msg_header_t *pos = NULL;
	size_t len;

	while (sip_msg_next_header(m, &pos, &name, &value)) {
		if (strcasecmp(name, header))
			continue;
		for (; *value; value += len) {
			value += strspn(value, BLANKS);
			len = strcspn(value, BLANKS);
			if (len == strlen(tag) &&
			    !strncasecmp(value, tag, len))
				return true;
		}
	}
	return false;
}

char *sip_msg_unsupported(const struct sip_msg *m)
{
	bool is_register = sip_msg_method(m) == SIP_REGISTER;
	const char *name, *value;
	msg_header_t *pos = NULL;
	char *text = NULL;
	size_t len, n;
	FILE *f = NULL;

	while (sip_msg_next_header(m, &pos, &name, &value)) {
		if (strcasecmp(name, "Require") &&
		    strcasecmp(name, "Proxy-Require"))
			continue;
		for (; *value; value += n) {
			value += strspn(value, BLANKS);
			n = strcspn(value, BLANKS);
			if (!n || policy_option_passes(value, (unsigned int)n) ||
			    policy_option_is_done(value, (unsigned int)n,
						  is_register))
				continue;
			if (!f)
				f = open_memstream(&text, &len);
			if (f)
				fprintf(f, "%s%.*s", ftell(f) ? ", " : "",
					(int)n, value);
		}
	}
	if (f)
		fclose(f);
	return text;
}
