/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges of descriptions as call/ runs them. */
#ifndef SELFTESTS_SDP_EXCHANGE_H
#define SELFTESTS_SDP_EXCHANGE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdp/nego.h"
#include "sdp_corpus.h"
#include "tap.h"

#define PLAIN "v=0\r\no=- 1 2 IN IP4 203.0.113.9\r\ns=-\r\n" \
	      "c=IN IP4 203.0.113.9\r\nt=0 0\r\n"
#define KEYS "c=IN IP4 192.0.2.2\r\na=ice-ufrag:abcd\r\n" \
	     "a=ice-pwd:abcdefghijklmnopqrstuv\r\na=rtcp-mux\r\n" \
	     "a=fingerprint:sha-256 " \
	     "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:" \
	     "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
#define WEB "v=0\r\no=- 1 2 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\n"
#define SAVPF " UDP/TLS/RTP/SAVPF "

static struct sdp_local local;
static char reason[128];

static inline void make_local(void)
{
	addr_parse("203.0.113.1:10000", &local.web);
	snprintf(local.ufrag, sizeof(local.ufrag), "sluiceXX");
	snprintf(local.password, sizeof(local.password),
		 "gatewaygatewaygateway1");
	snprintf(local.fingerprint.hash, sizeof(local.fingerprint.hash),
		 "sha-256");
	local.fingerprint.len = 32;
	snprintf(local.cname, sizeof(local.cname), "cname1");
	for (unsigned int i = 0; i < LIMIT_SDP_MEDIA; i++) {
		addr_parse("198.51.100.1:16384", &local.sip[i]);
		local.sip[i].port = (uint16_t)(16384 + 2 * i);
		local.web_ssrc[i] = 1000 + i;
	}
	local.session_id = 42;
	local.session_version = 3;
}

static inline struct sdp *parsed(const char *text)
{
	struct sdp *s = NULL;

	if (sdp_parse(text, strlen(text), &s, reason))
		printf("# %s\n", reason);
	return s;
}

static inline struct sdp *corpus(const char *file)
{
	char path[512], *text;
	struct sdp *s;

	snprintf(path, sizeof(path), "%s/%s", corpus_dir(), file);
	text = corpus_read(path);
	s = text ? parsed(text) : NULL;
	free(text);
	return s;
}

/* An exchange as call/ runs it: A offers, B answers with given text. */
struct exchange {
	struct sdp *a_offer, *b_offer, *b_answer, *a_answer;
	int offer_err, answer_err;
};

static inline void exchange_offer(struct exchange *x, struct sdp *offer,
			   enum sdp_profile to)
{
	memset(x, 0, sizeof(*x));
	x->a_offer = offer;
	x->offer_err = -ENOENT;
	if (offer)
		x->offer_err = sdp_make_offer(offer, to, &local, &x->b_offer);
}

static inline void exchange_answer(struct exchange *x, struct sdp *answer,
			    enum sdp_profile from)
{
	sdp_free(x->b_answer);
	sdp_free(x->a_answer);
	x->b_answer = answer;
	x->a_answer = NULL;
	x->answer_err = -ENOENT;
	reason[0] = '\0';
	if (answer && x->b_offer)
		x->answer_err = sdp_make_answer(x->a_offer, x->b_offer, answer,
						from, &local, &x->a_answer,
						reason);
}

static inline void exchange_free(struct exchange *x)
{
	sdp_free(x->a_offer);
	sdp_free(x->b_offer);
	sdp_free(x->b_answer);
	sdp_free(x->a_answer);
}

static inline void check_text(const struct sdp *s, const char *want, const char *name)
{
	char *text = s ? sdp_print(s) : NULL;

	CHECK_STR(text, want, name);
	free(text);
}

static inline bool has_line(const struct sdp *s, const char *line)
{
	char *text = s ? sdp_print(s) : NULL;
	bool found = text && strstr(text, line);

	free(text);
	return found;
}

#endif
