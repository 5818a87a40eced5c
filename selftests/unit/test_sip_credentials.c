/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to digest challenges, by the vectors of RFC 7616 3.9.1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/credentials.h"
#include "sip/msg.h"
#include "tap.h"

static struct credentials mufasa(void)
{
	return (struct credentials){ .user = "Mufasa",
				     .password = "Circle of Life" };
}

static void test_vectors(void)
{
	struct credentials c = mufasa(), old = {
		.user = "Mufasa", .password = "CircleOfLife" };
	struct credentials_input in = {
		.algorithm = "MD5", .realm = "http-auth@example.org",
		.nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
		.nc = "00000001",
		.cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
		.method = "GET", .uri = "/dir/index.html",
	};
	char hex[CREDENTIALS_HEX];

	CHECK(credentials_response(&c, &in, hex) == 0, "response_md5_is_made");
	CHECK_STR(hex, "8ca523f5e9506fed4657c9700eebdbec",
		  "response_md5_as_in_rfc7616_3_9_1");
	in.algorithm = "SHA-256";
	CHECK(credentials_response(&c, &in, hex) == 0,
	      "response_sha256_is_made");
	CHECK_STR(hex, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf"
		  "8db5856cb6c1", "response_sha256_as_in_rfc7616_3_9_1");
	in.algorithm = "SHA-512-256";
	CHECK_INT(credentials_response(&c, &in, hex), -ENOTSUP,
		  "response_other_algorithm_is_refused");
	/* Without qop, of RFC 2069 2.4 with its erratum. */
	in = (struct credentials_input){
		.algorithm = "", .realm = "testrealm@host.com",
		.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093",
		.method = "GET", .uri = "/dir/index.html",
	};
	CHECK(credentials_response(&old, &in, hex) == 0,
	      "response_without_qop_is_made");
	CHECK_STR(hex, "1949323746fe6a43ef61f9606e7febea",
		  "response_without_qop_as_in_rfc2069_2_4");
}

static struct sip_msg *parse(const char *start, const char *headers)
{
	struct sip_msg *m = NULL;
	char text[2048];

	snprintf(text, sizeof(text), "%s\r\n"
		 "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
		 "From: <sip:a@example.com>;tag=1\r\n"
		 "To: <sip:b@example.com>\r\nCall-ID: 1\r\n"
		 "CSeq: 7 REGISTER\r\n%s\r\n", start, headers);
	if (sip_msg_parse(text, strlen(text), &m, NULL) < 0)
		return NULL;
	return m;
}

/* The answer to challenges in a 401 or 407; NULL: none. To be freed. */
static char *answer_to(struct credentials *c, const char *start,
		       const char *headers, bool *ret_is_stale)
{
	struct sip_msg *request = parse("REGISTER sip:example.com SIP/2.0", "");
	struct sip_msg *m = parse(start, headers);
	char *ret = NULL;

	if (!m || !request || credentials_answer(c, m, request, &ret,
						 ret_is_stale))
		ret = NULL;
	sip_msg_unref(request);
	sip_msg_unref(m);
	return ret;
}

#define S401	"SIP/2.0 401 Unauthorized"
#define S407	"SIP/2.0 407 Proxy Authentication Required"
#define WWW	"WWW-Authenticate: Digest "

static void has(struct credentials *c, const char *start, const char *headers,
		const char *part, const char *name)
{
	bool is_stale;
	char *text = answer_to(c, start, headers, &is_stale);

	CHECK(part ? text && strstr(text, part) : !text, name);
	if (part && text && !strstr(text, part))
		printf("# %s\n", text);
	free(text);
}

static void test_challenges(void)
{
	struct credentials c = mufasa();
	bool is_stale = false;
	char *text;

	has(&c, S401, WWW "realm=\"r\", nonce=\"n\"\r\n",
	    "Authorization: Digest username=\"Mufasa\", realm=\"r\", "
	    "nonce=\"n\", uri=\"sip:example.com\", response=\"",
	    "challenge_without_qop_is_answered");
	has(&c, S407, "Proxy-Authenticate: Digest realm=\"r\",nonce=\"o\","
	    "qop=\"auth-int,auth\",opaque=\"x\"\r\n",
	    "algorithm=MD5, qop=auth, nc=00000001, cnonce=",
	    "challenge_with_qop_is_answered");
	has(&c, S407, "Proxy-Authenticate: Digest realm=\"r\",nonce=\"o\","
	    "qop=\"auth\",opaque=\"x\"\r\n", "nc=00000002",
	    "challenge_with_same_nonce_is_counted");
	has(&c, S407, "Proxy-Authenticate: Digest realm=\"r\",nonce=\"p\","
	    "qop=\"auth\",opaque=\"x, y\"\r\n", ", opaque=\"x, y\"",
	    "challenge_opaque_comes_back");
	has(&c, S407, "Proxy-Authenticate: Digest realm=\"r\",nonce=\"q\","
	    "qop=\"auth\"\r\n", "nc=00000001",
	    "challenge_with_new_nonce_counts_anew");
	has(&c, S401, WWW "realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n",
	    NULL, "challenge_auth_int_only_is_not_answered");
	has(&c, S401, WWW "algorithm=SHA-512-256, realm=\"r\", nonce=\"n\"\r\n"
	    WWW "algorithm=SHA-256, realm=\"r\", nonce=\"n\"\r\n"
	    WWW "algorithm=MD5, realm=\"r\", nonce=\"n\"\r\n",
	    "algorithm=SHA-256", "challenge_first_known_algorithm_is_taken");
	has(&c, S401, "WWW-Authenticate: Basic realm=\"r\"\r\n", NULL,
	    "challenge_basic_is_not_answered");
	has(&c, S401, WWW "realm=\"r\r\n", NULL,
	    "challenge_with_open_quote_is_not_answered");
	has(&c, S407, WWW "realm=\"r\", nonce=\"n\"\r\n", NULL,
	    "challenge_of_the_other_kind_is_not_answered");
	c.realm = "theirs";
	has(&c, S401, WWW "realm=\"ours\", nonce=\"n\"\r\n", NULL,
	    "challenge_of_another_realm_is_not_answered");
	has(&c, S401, WWW "realm=\"ours\", nonce=\"n\"\r\n"
	    WWW "realm=\"theirs\", nonce=\"n\"\r\n", "realm=\"theirs\"",
	    "challenge_of_the_realm_is_answered");
	text = answer_to(&c, S401, WWW "realm=\"theirs\",stale=TRUE,"
			 "nonce=\"n\"\r\n", &is_stale);
	CHECK(text && is_stale, "challenge_stale_is_told");
	CHECK(text && !strstr(text, "Circle"), "answer_has_no_password");
	free(text);
}

static void test_authorize(void)
{
	struct sip_msg *m = parse("REGISTER sip:example.com SIP/2.0",
				  "Authorization: Digest username=\"old\", "
				  "realm=\"r\", nonce=\"n\", uri=\"sip:x\", "
				  "response=\"0\"\r\n"), *next;
	char *text;

	CHECK(m && !sip_msg_authorize(m, "Authorization: Digest "
				      "username=\"new\", realm=\"r\", "
				      "nonce=\"m\", uri=\"sip:x\", "
				      "response=\"1\", algorithm=MD5, qop=auth, "
				      "nc=00000001, "
				      "cnonce=\"0123456789abcdef\"", &next),
	      "request_takes_credentials");
	CHECK_STR(sip_msg_header(next, "Authorization"), "Digest "
		  "username=\"new\", realm=\"r\", nonce=\"m\", uri=\"sip:x\", "
		  "response=\"1\", algorithm=MD5, qop=auth, nc=00000001, "
		  "cnonce=\"0123456789abcdef\"", "request_has_them_whole");
	text = sip_msg_print(next, NULL);
	CHECK(strstr(text, "CSeq: 8 REGISTER\r\n") &&
	      strstr(text, "username=\"new\"") && !strstr(text, "\"old\""),
	      "request_with_credentials_has_next_cseq");
	free(text);
	text = sip_msg_print(m, NULL);
	CHECK(strstr(text, "CSeq: 7 REGISTER\r\n") && strstr(text, "\"old\""),
	      "request_before_is_unchanged");
	free(text);
	sip_msg_unref(next);
	sip_msg_unref(m);
}

int main(void)
{
	test_vectors();
	test_challenges();
	test_authorize();
	return tap_done();
}
