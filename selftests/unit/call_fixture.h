/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the real call/, sip/ and registrar/ without media:
 *
 *   browsers (conn 1, 2) ---- gateway 127.0.0.8 ---- PBX 127.0.0.9
 */
#ifndef SELFTESTS_CALL_FIXTURE_H
#define SELFTESTS_CALL_FIXTURE_H

#include <stdlib.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/loop.h"
#include "core/random.h"
#include "registrar/internal.h"
#include "sip/msg.h"
#include "sip/stack.h"
#include "tap.h"

static inline void media_turn(void);
#define WAIT_FOR_TURN()	media_turn()
#include "wait_for.h"

#define METHODS		(SIP_PUBLISH + 1)

static struct sip_stack *gw;
static struct registrar *registrar;
static struct calls *calls;

#include "call_media.h"

/* What a browser got. */
struct web_got {
	uint64_t conn;
	struct sip_msg *m;
	bool is_taken;
};

static struct web_got web_got[256];
static unsigned int web_count;

/* One call of a browser. */
struct web {
	uint64_t conn;
	char call_id[32], local[300], remote[300], target[300];
	char branch[SIP_BRANCH_SIZE];	/* of its INVITE */
	unsigned int cseq;
};

static struct {
	struct sip_stack *stack;
	char host[64];
	struct sip_server *server[METHODS];	/* the newest of each */
	struct sip_msg *request[METHODS];
	unsigned int requests[METHODS], cancels, acks;
	struct sip_client *client;		/* its INVITE */
	struct sip_msg *response[METHODS];	/* the newest of each, no 100 */
	bool keeps_cancel;			/* does not answer it by 487 */
	bool is_silent;				/* but for INVITE, OPTIONS */
	int bye_status;				/* 0: 200 */
} pbx;

/* Media is gone a while after it was told to go. */
static inline void media_turn(void)
{
	while (media_closing_count && !media_is_slow)
		media_closed(media_closing[--media_closing_count]);
}

/* ---- descriptions -------------------------------------------------------- */

static inline const char *web_sdp(unsigned int version, const char *direction,
				  const char *setup)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "v=0\r\no=- 7 %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
		 "a=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\n"
		 "c=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\n"
		 "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
		 "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:"
		 "0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
		 "\r\na=setup:%s\r\na=%s\r\na=rtcp-mux\r\n"
		 "a=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\n"
		 "a=ssrc:77 cname:lab\r\n",
		 version, setup, direction);
	return text;
}

#define WEB_OFFER	web_sdp(1, "sendrecv", "actpass")
#define WEB_ANSWER	web_sdp(1, "sendrecv", "active")

static const char plain_sdp[] =
	"v=0\r\no=- 8 4 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\n"
	"t=0 0\r\nm=audio 30000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/* ---- browsers ------------------------------------------------------------ */

static inline int ws_send(void *arg, uint64_t conn, const void *data,
			  size_t len)
{
	struct web_got *g = &web_got[web_count];

	(void)arg;
	if (web_count == sizeof(web_got) / sizeof(web_got[0]) ||
	    sip_msg_parse(data, len, &g->m, NULL))
		return -1;
	g->conn = conn;
	web_count++;
	return 0;
}

/* The oldest that was not taken; NULL: none yet. */
static inline struct sip_msg *web_take(uint64_t conn, enum sip_method method,
				       int status)
{
	for (unsigned int i = 0; i < web_count; i++) {
		struct web_got *g = &web_got[i];

		if (g->is_taken || g->conn != conn ||
		    sip_msg_method(g->m) != method ||
		    sip_msg_status(g->m) != status)
			continue;
		g->is_taken = true;
		return g->m;
	}
	return NULL;
}

/* 0: a request. */
#define WEB_GETS(conn, method, status) ({ \
	struct sip_msg *got_ = NULL; \
	WAIT_FOR((got_ = web_take(conn, method, status))); \
	got_; })

static inline void web_says(uint64_t conn, const struct sip_msg *m)
{
	struct addr peer;
	size_t len;
	char *text = sip_msg_print(m, &len);

	addr_parse("203.0.113.77:40000", &peer);
	sip_stack_ws_received(gw, conn, &peer, text, len);
	free(text);
}

static inline void web_request_as(struct web *w, const char *method,
				  const char *branch, unsigned int cseq,
				  const char *extra, const char *body)
{
	const struct sip_request r = {
		.method = method,
		.ruri = w->target,
		.from = w->local,
		.to = w->remote,
		.call_id = w->call_id,
		.cseq = cseq,
		.contact = "<sip:alice@abc.invalid;transport=ws>",
		.max_forwards = 70,
		.extra_headers = extra,
		.body = body,
		.content_type = body ? "application/sdp" : NULL,
		.body_len = body ? strlen(body) : 0,
	};
	char via[96];
	struct sip_msg *m;

	snprintf(via, sizeof(via), "SIP/2.0/WSS abc.invalid;branch=%s", branch);
	if (sip_msg_make_request(&r, NULL, &m) || sip_msg_push_via(m, via))
		exit(!tap_check(0, __FILE__, __LINE__,
				"browser_request_is_made"));
	web_says(w->conn, m);
	sip_msg_unref(m);
}

static inline void web_request(struct web *w, const char *method,
			       const char *extra, const char *body)
{
	char branch[SIP_BRANCH_SIZE];

	sip_make_branch(branch);
	if (!strcmp(method, "INVITE"))
		strcpy(w->branch, branch);
	web_request_as(w, method, branch, ++w->cseq, extra, body);
}

static inline void web_reply(uint64_t conn, const struct sip_msg *request,
			     int status, const char *extra, const char *body)
{
	const struct sip_reply r = {
		.status = status,
		.to_tag = "webtag",
		.extra_headers = extra,
		.contact = status < 300 ? "<sip:alice@abc.invalid;transport=ws>"
					: NULL,
		.content_type = body ? "application/sdp" : NULL,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};
	struct sip_msg *m;

	if (sip_msg_make_reply(request, &r, NULL, &m))
		return;
	web_says(conn, m);
	sip_msg_unref(m);
}

static inline void web_dial(struct web *w, uint64_t conn, const char *extra)
{
	memset(w, 0, sizeof(*w));
	w->conn = conn;
	random_token(w->call_id, 16);
	strcpy(w->local, "<sip:alice@example.com>;tag=webtag");
	strcpy(w->remote, "<sip:bob@example.com>");
	strcpy(w->target, "sip:bob@example.com");
	web_request(w, "INVITE", extra, WEB_OFFER);
}

/* The dialog is there: its ACK, and what follows. */
static inline void web_ack(struct web *w, const struct sip_msg *m,
			   const char *body)
{
	char branch[SIP_BRANCH_SIZE];

	sip_make_branch(branch);
	snprintf(w->remote, sizeof(w->remote), "%s;tag=%s", sip_msg_to_value(m),
		 sip_msg_to_tag(m));
	snprintf(w->target, sizeof(w->target), "%s", sip_msg_contact(m, 0));
	web_request_as(w, "ACK", branch, sip_msg_cseq(m), NULL, body);
}

/* An INVITE for a browser as its side of the dialog. */
static inline void web_called(struct web *w, uint64_t conn,
			      const struct sip_msg *m)
{
	memset(w, 0, sizeof(*w));
	w->conn = conn;
	snprintf(w->call_id, sizeof(w->call_id), "%s", sip_msg_call_id(m));
	snprintf(w->local, sizeof(w->local), "%s;tag=webtag",
		 sip_msg_to_value(m));
	snprintf(w->remote, sizeof(w->remote), "%s;tag=%s",
		 sip_msg_from_value(m), sip_msg_from_tag(m));
	snprintf(w->target, sizeof(w->target), "%s", sip_msg_contact(m, 0));
}

/* ---- the PBX ------------------------------------------------------------- */

static inline void pbx_request(void *arg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	enum sip_method method = sip_msg_method(m);
	const struct sip_reply ok = {
		.status = method == SIP_BYE && pbx.bye_status ?
			pbx.bye_status : 200,
	};

	(void)arg;
	pbx.requests[method]++;
	pbx.server[method] = st;
	sip_msg_unref(pbx.request[method]);
	pbx.request[method] = sip_msg_ref((struct sip_msg *)m);
	if (method == SIP_OPTIONS || (method != SIP_INVITE && !pbx.is_silent))
		sip_server_reply(st, &ok, NULL);
}

static inline void pbx_cancelled(void *arg, struct sip_server *st)
{
	const struct sip_reply r = { .status = 487 };

	(void)arg;
	pbx.cancels++;
	if (!pbx.keeps_cancel)
		sip_server_reply(st, &r, NULL);
}

static inline void pbx_acked(void *arg, const struct sip_msg *ack,
			     const struct sip_target *from)
{
	(void)arg;
	(void)from;
	pbx.acks++;
	sip_msg_unref(pbx.request[SIP_ACK]);
	pbx.request[SIP_ACK] = sip_msg_ref((struct sip_msg *)ack);
}

static inline void pbx_responded(void *arg, struct sip_client *ct,
				 const struct sip_msg *m)
{
	enum sip_method method = sip_msg_method(m);

	(void)arg;
	if (sip_msg_status(m) == 100)
		return;
	sip_msg_unref(pbx.response[method]);
	pbx.response[method] = sip_msg_ref((struct sip_msg *)m);
	if (sip_msg_status(m) >= 200 && ct != pbx.client)
		sip_client_free(ct);
}

/* Status of the newest response to the PBX; 0: none. */
static inline int pbx_heard(enum sip_method method)
{
	return pbx.response[method] ? sip_msg_status(pbx.response[method]) : 0;
}

static inline void pbx_forget(enum sip_method method)
{
	sip_msg_unref(pbx.response[method]);
	pbx.response[method] = NULL;
	sip_msg_unref(pbx.request[method]);
	pbx.request[method] = NULL;
	pbx.server[method] = NULL;
}

static inline const char *pbx_contact(void)
{
	static char text[96];

	snprintf(text, sizeof(text), "<sip:2001@%s>", pbx.host);
	return text;
}

static inline void pbx_reply(int status, const char *tag, const char *extra,
			     const char *body)
{
	const struct sip_reply r = {
		.status = status,
		.to_tag = tag,
		.extra_headers = extra,
		.contact = status < 300 ? pbx_contact() : NULL,
		.content_type = body ? "application/sdp" : NULL,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};

	sip_server_reply(pbx.server[SIP_INVITE], &r, NULL);
	pbx.server[SIP_INVITE] = NULL;
}

/* The INVITE that is there, as the PBX's side of the dialog, answered. */
static inline struct sip_dialog *pbx_accept(const char *extra)
{
	struct sip_dialog *d = NULL;

	if (!WAIT_FOR(pbx.server[SIP_INVITE]) ||
	    sip_dialog_uas(pbx.request[SIP_INVITE],
			   sip_server_source(pbx.server[SIP_INVITE]),
			   pbx_contact(), &d))
		return NULL;
	pbx_reply(200, d->local_tag, extra, plain_sdp);
	return d;
}

static inline void pbx_send(struct sip_dialog *d, const char *method,
			    const char *extra, const char *body)
{
	const struct sip_request q = {
		.method = method,
		.max_forwards = 70,
		.extra_headers = extra,
		.content_type = body ? "application/sdp" : NULL,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};
	struct sip_client *ct;
	struct sip_msg *m;

	if (sip_dialog_request(d, &q, NULL, &m))
		exit(!tap_check(0, __FILE__, __LINE__, "pbx_request_is_made"));
	if (!strcmp(method, "ACK"))
		sip_ack(pbx.stack, &d->peer, m);
	else
		sip_client_send(pbx.stack, &d->peer, m, pbx_responded, NULL,
				&ct);
	sip_msg_unref(m);
}

/* Its INVITE to that user of the gateway; the dialog it makes. */
static inline struct sip_dialog *pbx_dial(const char *user, const char *extra,
					  const char *body)
{
	char ruri[128], call_id[17];
	const struct sip_request q = {
		.method = "INVITE",
		.ruri = ruri,
		.from = "<sip:2001@pbx>",
		.from_tag = "pbxtag",
		.to = "<sip:alice@example.com>",
		.call_id = call_id,
		.cseq = 1,
		.contact = pbx_contact(),
		.max_forwards = 70,
		.extra_headers = extra,
		.content_type = body ? "application/sdp" : NULL,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};
	struct sip_target to = { 0 };
	struct sip_dialog *d = NULL;
	struct sip_msg *m;

	random_token(call_id, 16);
	snprintf(ruri, sizeof(ruri), "sip:%s@%s", user, sip_stack_host(gw));
	snprintf(to.uri, sizeof(to.uri), "sip:%s;transport=udp",
		 sip_stack_host(gw));
	pbx_forget(SIP_INVITE);
	if (sip_msg_make_request(&q, NULL, &m))
		return NULL;
	sip_dialog_uac(m, &to, pbx_contact(), &d);
	sip_client_send(pbx.stack, &to, m, pbx_responded, NULL, &pbx.client);
	sip_msg_unref(m);
	return d;
}

/* ---- the gateway --------------------------------------------------------- */

static inline void gw_request(void *arg, struct sip_server *st)
{
	(void)arg;
	calls_request(calls, st);
}

static inline void gw_cancelled(void *arg, struct sip_server *st)
{
	(void)arg;
	calls_cancelled(calls, st);
}

static inline void gw_ack(void *arg, const struct sip_msg *ack,
			  const struct sip_target *from)
{
	(void)arg;
	calls_ack(calls, ack, from);
}

static inline void gw_ack_missing(void *arg, struct sip_server *st)
{
	(void)arg;
	calls_ack_missing(calls, st);
}

static inline void gw_stray(void *arg, const struct sip_msg *m,
			    const struct sip_target *from)
{
	(void)arg;
	calls_stray_2xx(calls, m, from);
}

static inline void bind_browser(const char *alias, uint64_t conn)
{
	struct binding *b = location_add(&registrar->location, alias, alias,
					 "sip:alice@example.com");

	free(b->contact);
	b->contact = strdup("sip:alice@abc.invalid;transport=ws");
	location_set_conn(&registrar->location, b, conn);
	b->created_ms = clock_ms();
	b->expires_ms = b->trunk_expires_ms = clock_ms() + 3600000;
}

static inline int stack_start(const char *ip, const char *allow,
			      const char *uri, const struct sip_user *user,
			      struct sip_stack **ret)
{
	struct addr_net net;
	struct sip_settings settings = {
		.pbx = uri,
		.allow = &net,
		.allow_count = !!allow,
		.user_agent = "test",
		.ws_send = ws_send,
	};

	addr_parse_ip(ip, &settings.listen);
	addr_parse("203.0.113.1:443", &settings.web);
	if (allow)
		addr_net_parse(allow, &net);
	return sip_stack_create(loop, &settings, user, ret);
}

static inline int fixture_start(void)
{
	const struct sip_user pbx_user = {
		.request = pbx_request,
		.cancelled = pbx_cancelled,
		.ack = pbx_acked,
	};
	const struct sip_user gw_user = {
		.request = gw_request,
		.cancelled = gw_cancelled,
		.ack = gw_ack,
		.ack_missing = gw_ack_missing,
		.stray_2xx = gw_stray,
	};
	static char uri[96];
	struct registrar_settings reg = { .pbx = uri,
					  .account_user = "trunk",
					  .account_to =
						  "sip:alice@example.com" };
	struct calls_settings s = { .pbx = uri,
				    .no_answer_ms = 180000,
				    .reconnect_ms = 300000 };

	if (loop_create(&loop) || stack_start("127.0.0.9", "127.0.0.8/32", NULL,
					      &pbx_user, &pbx.stack))
		return -1;
	snprintf(pbx.host, sizeof(pbx.host), "%s", sip_stack_host(pbx.stack));
	snprintf(uri, sizeof(uri), "sip:%s;transport=udp", pbx.host);
	addr_parse("203.0.113.1:443", &s.web);
	reg.loop = s.loop = loop;
	if (registrar_create(&reg, &registrar))
		return -1;
	s.registrar = registrar;
	if (calls_create(&s, &calls) ||
	    stack_start("127.0.0.8", NULL, uri, &gw_user, &gw))
		return -1;
	calls_set_stack(calls, gw);
	registrar_set_stack(registrar, gw);
	bind_browser("alias1", 1);
	bind_browser("alias2", 2);
	return 0;
}

/* A call from a browser to the PBX, up; the PBX's dialog. */
static inline struct call *call_out(struct web *w, struct sip_dialog **ret)
{
	struct sip_msg *m;

	web_dial(w, 1, NULL);
	*ret = pbx_accept(NULL);
	m = WEB_GETS(1, SIP_INVITE, 200);
	if (!CHECK(*ret && m, "call_out_is_answered"))
		exit(tap_done());
	web_ack(w, m, NULL);
	WAIT_FOR(pbx.acks && calls->list->state == CALL_UP);
	pbx_forget(SIP_INVITE);
	return calls->list;
}

static inline bool gw_waits_for_pbx(void)
{
	struct sip_client *ct;

	LIST_FOREACH(ct, &gw->clients, list)
		if (!ct->to.is_ws)
			return true;
	return false;
}

/* Nothing of a case is left for the next one. */
static inline void fixture_clear(const char *name)
{
	calls_terminate_all(calls, "test");
	if (!CHECK(WAIT_FOR(!calls->list && !gw_waits_for_pbx()), name))
		printf("# a call is left\n");
	sip_client_free(pbx.client);
	pbx.client = NULL;
	pbx.keeps_cancel = false;
	media_is_slow = false;
	for (int i = 0; i < METHODS; i++) {
		pbx_forget((enum sip_method)i);
		pbx.requests[i] = 0;
	}
	pbx.acks = pbx.cancels = 0;
	for (unsigned int i = 0; i < web_count; i++)
		sip_msg_unref(web_got[i].m);
	memset(web_got, 0, sizeof(web_got));
	web_count = 0;
}

static inline void fixture_stop(void)
{
	calls_free(calls);
	registrar_free(registrar);
	sip_stack_free(gw);
	sip_stack_free(pbx.stack);
	loop_free(loop);
}

#endif
