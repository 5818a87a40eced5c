/* SPDX-License-Identifier: Apache-2.0 */
/* Inside sip/: answers to digest challenges (RFC 7616, RFC 8760). */
#ifndef SIP_CREDENTIALS_H
#define SIP_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

struct sip_msg;

struct credentials {
	const char *user;
	const char *password;
	const char *realm;	/* answer only this one; NULL: any */
	char nonce[256];	/* the last one answered, and how often */
	uint32_t count;
};

/* What a response is made of besides. */
struct credentials_input {
	const char *algorithm;	/* "" is MD5 */
	const char *realm, *nonce;
	const char *nc, *cnonce;	/* nc NULL: no qop, else "auth" */
	const char *method, *uri;
};

#define CREDENTIALS_HEX	129

/* RFC 7616 3.4.1, in hexadecimal. -ENOTSUP: the algorithm. */
int credentials_response(const struct credentials *c,
			 const struct credentials_input *in,
			 char ret[CREDENTIALS_HEX]);
/*
 * The challenge of a 401 or 407 to this request: the first one in the message
 * with an algorithm that is known (MD5, SHA-256), the realm, and qop "auth" or
 * none (RFC 8760 2.4). *ret is "Authorization: ..." or "Proxy-Authorization:
 * ...", to be freed; *ret_is_stale: the credentials were right, the nonce too
 * old. -ENOTSUP: there is no such challenge.
 */
int credentials_answer(struct credentials *c, const struct sip_msg *challenge,
		       const struct sip_msg *request, char **ret,
		       bool *ret_is_stale);

#endif
