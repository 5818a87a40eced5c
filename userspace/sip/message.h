/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SIP message, parsed and printed by sofia-sip; nobody else includes sofia.
 * Reference counted, used on the signalling thread only. Strings returned live
 * as long as the message.
 */
#ifndef SIP_MESSAGE_H
#define SIP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sip_msg;

enum sip_method {
	SIP_OTHER = 0, SIP_INVITE, SIP_ACK, SIP_CANCEL, SIP_BYE, SIP_OPTIONS,
	SIP_REGISTER, SIP_INFO, SIP_PRACK, SIP_UPDATE, SIP_MESSAGE,
	SIP_SUBSCRIBE, SIP_NOTIFY, SIP_REFER, SIP_PUBLISH,
};

/*
 * data must have passed sip_filter(). -EINVAL if sofia finds an error in a
 * header the gateway depends on; reason (128 bytes, may be NULL) names it.
 */
int sip_msg_parse(const char *data, size_t len, struct sip_msg **ret,
		  char *reason);
struct sip_msg *sip_msg_ref(struct sip_msg *m);
void sip_msg_unref(struct sip_msg *m);		/* accepts NULL */
/* Wire text with Content-Length set; to be freed. */
char *sip_msg_print(const struct sip_msg *m, size_t *ret_len);

bool sip_msg_is_request(const struct sip_msg *m);
enum sip_method sip_msg_method(const struct sip_msg *m); /* of the CSeq */
const char *sip_msg_method_name(const struct sip_msg *m);
int sip_msg_status(const struct sip_msg *m);		/* 0: a request */
const char *sip_msg_phrase(const struct sip_msg *m);
const char *sip_msg_call_id(const struct sip_msg *m);
uint32_t sip_msg_cseq(const struct sip_msg *m);
const char *sip_msg_branch(const struct sip_msg *m);	/* topmost Via */
const char *sip_msg_from_tag(const struct sip_msg *m);	/* NULL: none */
const char *sip_msg_to_tag(const struct sip_msg *m);
int sip_msg_max_forwards(const struct sip_msg *m);	/* 70 if absent */

/* URIs and header values as text, e.g. "sip:alice@example.com;x=y". */
const char *sip_msg_ruri(const struct sip_msg *m);	/* NULL: a response */
const char *sip_msg_from_uri(const struct sip_msg *m);
const char *sip_msg_to_uri(const struct sip_msg *m);
/* Whole value without its tag: "\"Alice\" <sip:alice@example.com>". */
const char *sip_msg_from_value(const struct sip_msg *m);
const char *sip_msg_to_value(const struct sip_msg *m);
/* n-th Contact's URI, NULL past the end; "*" for the wildcard. */
const char *sip_msg_contact(const struct sip_msg *m, unsigned int n);
/* A parameter of the n-th Contact ("expires", "+sip.instance"), or NULL. */
const char *sip_msg_contact_param(const struct sip_msg *m, unsigned int n,
				  const char *name);
/* First header of that name (any case, compact too), its value; or NULL. */
const char *sip_msg_header(const struct sip_msg *m, const char *name);
/* Does a list of option tags have it: "Supported", "Require"? */
bool sip_msg_has_option(const struct sip_msg *m, const char *header,
			const char *tag);
/*
 * What its Require and Proxy-Require demand that the gateway neither does nor
 * passes, as the value of Unsupported, to be freed; NULL: nothing.
 */
char *sip_msg_unsupported(const struct sip_msg *m);
/* Record-Route values in message order; NULL past the end. */
const char *sip_msg_record_route(const struct sip_msg *m, unsigned int n);
/* URI of the topmost Route, or NULL. */
const char *sip_msg_route(const struct sip_msg *m);
/* All headers of that name as one list, "" if there is none; to be freed. */
char *sip_msg_headers(const struct sip_msg *m, const char *name);
const char *sip_msg_content_type(const struct sip_msg *m); /* NULL: no body */
const void *sip_msg_body(const struct sip_msg *m, size_t *ret_len);

/* ---- URIs ------------------------------------------------------------ */

struct sip_uri {		/* taken apart, percent-escapes kept */
	char scheme[8];		/* "sip", "sips", "tel" */
	char user[128];
	char host[256];		/* no brackets for IPv6 */
	uint16_t port;		/* 0: not given */
	char params[256];	/* "transport=udp;lr", no leading ';' */
};

/* -EINVAL; -E2BIG if a part is longer than its field. */
int sip_uri_parse(const char *text, struct sip_uri *ret);
/* "sip:user@host", lower-cased host, no port, no parameters: RFC 3261 10.3. */
int sip_uri_aor(const char *text, char *ret, size_t size);
/* Value of a URI parameter into ret; false if absent. */
bool sip_uri_param(const struct sip_uri *u, const char *name, char *ret,
		   size_t size);

/* ---- building -------------------------------------------------------- */

/*
 * A request of our own. Headers of `src` (a request of the other leg, may be
 * NULL) that the pass list lets through are copied (policy.h); what is named
 * here is never copied. No Via: the engine adds it.
 */
struct sip_request {
	const char *method;
	const char *ruri;
	const char *from;		/* value without tag */
	const char *from_tag;
	const char *to;
	const char *to_tag;		/* NULL: none */
	const char *call_id;
	uint32_t cseq;
	const char *contact;		/* value "<sip:...>", NULL: none */
	const char *const *routes;	/* Route values, NULL-terminated, or NULL */
	int max_forwards;
	const char *content_type;	/* NULL: no body */
	const void *body;
	size_t body_len;
	const char *extra_headers;	/* "Name: value\r\n"..., or NULL */
	bool end_to_end_digest;		/* copy (Proxy-)Authorization too */
};

int sip_msg_make_request(const struct sip_request *r, const struct sip_msg *src,
			 struct sip_msg **ret);

/*
 * A response to req; Via, From, Call-ID, CSeq and Record-Route are taken from
 * it. Headers of `src` (a response of the other leg, may be NULL) pass by the
 * same list; challenges pass with auth-int removed.
 */
struct sip_reply {
	int status;
	const char *phrase;		/* NULL: the standard one */
	const char *to_tag;		/* NULL: none */
	const char *contact;
	const char *content_type;
	const void *body;
	size_t body_len;
	const char *extra_headers;
};

int sip_msg_make_reply(const struct sip_msg *req, const struct sip_reply *r,
		       const struct sip_msg *src, struct sip_msg **ret);

#endif
