/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REGISTERs of browsers and the answers of a PBX that the test writes.
 *
 *   gw 127.0.0.10 ---- pbx 127.0.0.11
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/loop.h"
#include "registrar/registrar.h"
#include "sip/stack.h"
#include "sip_fixture.h"
#include "tap.h"
#include "wait_for.h"

#define SEEN		64
#define AOR		"sip:alice@example.com"
#define CONTACT		"<sip:x@abc.invalid;transport=ws>"

static struct sip_stack *gw;
static struct registrar *registrar;
static int pbx;				/* its socket */
static bool is_deaf;			/* to OPTIONS */
static char seen[SEEN][64];		/* branches of REGISTERs */
static size_t seen_count;
static int status;			/* of the last response to a browser */
static uint64_t answered;		/* and its connection */
static int answers;

static int ws_send(void *arg, uint64_t conn, const void *data, size_t len)
{
	struct sip_msg *m;

	(void)arg;
	if (sip_msg_parse(data, len, &m, NULL) < 0)
		return 0;
	status = sip_msg_status(m);
	answered = conn;
	answers++;
	sip_msg_unref(m);
	return 0;
}

static void got_request(void *arg, struct sip_server *st)
{
	(void)arg;
	registrar_request(registrar, st);
}

/* ---- the PBX ---------------------------------------------------------- */

static void pbx_answer(const struct sip_msg *m, int code, const char *extra)
{
	struct sip_msg *r = fixture_reply(m, code, "pbx", extra);
	struct sockaddr_storage ss;
	struct addr a;
	size_t len;
	char *text = sip_msg_print(r, &len);

	addr_parse(sip_stack_host(gw), &a);
	sendto(pbx, text, len, 0, (struct sockaddr *)&ss,
	       addr_to_sockaddr(&a, &ss));
	free(text);
	sip_msg_unref(r);
}

/* With what it was asked for. */
static void pbx_accept(struct sip_msg *m)
{
	char extra[512];

	snprintf(extra, sizeof(extra), "Contact: %s\r\n",
		 sip_msg_header(m, "Contact"));
	pbx_answer(m, 200, extra);
	sip_msg_unref(m);
}

static void pbx_hears(struct sip_msg *m)
{
	if (sip_msg_method(m) == SIP_OPTIONS && !is_deaf)
		pbx_answer(m, 200, NULL);
	sip_msg_unref(m);
}

/* Said before, and repeated as no answer came? */
static bool is_repeated(const struct sip_msg *m)
{
	const char *branch = sip_msg_branch(m);

	for (size_t i = 0; i < seen_count; i++)
		if (!strcmp(seen[i], branch))
			return true;
	if (seen_count < SEEN)
		snprintf(seen[seen_count++], sizeof(seen[0]), "%s", branch);
	return false;
}

/* The next REGISTER; keep-alives are answered. */
static struct sip_msg *pbx_register(void)
{
	static char text[65536];
	struct sip_msg *m;
	ssize_t n = -1;

	while (WAIT_FOR((n = recv(pbx, text, sizeof(text),
				  MSG_DONTWAIT)) > 0)) {
		if (sip_msg_parse(text, (size_t)n, &m, NULL) < 0)
			continue;
		if (sip_msg_method(m) == SIP_REGISTER && !is_repeated(m))
			return m;
		pbx_hears(m);
	}
	exit(tap_check(0, __FILE__, __LINE__, "register_reaches_the_pbx"));
}

/* What has come by now is no REGISTER; is the PBX up? */
static bool is_up(void)
{
	static char text[65536];
	struct sip_trunk_status st;
	struct sip_msg *m;
	ssize_t n;

	while ((n = recv(pbx, text, sizeof(text), MSG_DONTWAIT)) > 0) {
		if (sip_msg_parse(text, (size_t)n, &m, NULL) < 0)
			continue;
		if (sip_msg_method(m) == SIP_REGISTER)
			CHECK(0, "register_stays_off_the_pbx");
		pbx_hears(m);
	}
	sip_trunk_status(gw, &st);
	return st.known && st.up;
}

/* ---- browsers --------------------------------------------------------- */

static void send_register(uint64_t conn, const char *call_id,
			  const char *contact)
{
	static unsigned int cseq;
	struct addr browser;
	char text[4096];

	addr_parse("203.0.113.9:4711", &browser);
	cseq++;
	snprintf(text, sizeof(text),
		 "REGISTER sip:example.com SIP/2.0\r\n"
		 "Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bK%u\r\n"
		 "From: <" AOR ">;tag=f%u\r\nTo: <" AOR ">\r\n"
		 "Call-ID: %s\r\nCSeq: %u REGISTER\r\nMax-Forwards: 70\r\n"
		 "Contact: %s\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
		 cseq, cseq, call_id, cseq, contact);
	sip_stack_ws_received(gw, conn, &browser, text, strlen(text));
}

static void begin(uint32_t expires_max_s)
{
	const struct sip_user user = { .request = got_request };
	struct sip_settings settings = { .ws_send = ws_send };
	struct registrar_settings rs = {
		.loop = loop, .expires_min_s = 10,
		.expires_max_s = expires_max_s,
	};
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	static char uri[64];
	struct addr browser;

	pbx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.11", &sin.sin_addr);
	bind(pbx, (struct sockaddr *)&sin, sizeof(sin));
	getsockname(pbx, (struct sockaddr *)&sin, &len);
	snprintf(uri, sizeof(uri), "sip:127.0.0.11:%u;transport=udp",
		 ntohs(sin.sin_port));
	settings.pbx = rs.pbx = uri;
	addr_parse_ip("127.0.0.10", &settings.listen);
	if (registrar_create(&rs, &registrar) < 0 ||
	    sip_stack_create(loop, &settings, &user, &gw) < 0)
		exit(tap_check(0, __FILE__, __LINE__, "stack_created"));
	sip_stack_set_t1(gw, 50);
	registrar_set_stack(registrar, gw);
	addr_parse("203.0.113.9:4711", &browser);
	registrar_conn_opened(registrar, 1, &browser, NULL);
	registrar_conn_opened(registrar, 2, &browser, NULL);
	answers = status = 0;
	is_deaf = false;
	seen_count = 0;
}

static void finish(void)
{
	registrar_free(registrar);
	sip_stack_free(gw);
	close(pbx);
}

static bool is_on(uint64_t conn)
{
	return registrar_is_registered(registrar, conn, AOR);
}

/*
 * A browser comes back on a new connection while a REGISTER of the old one is
 * under way, whose answer is the later.
 */
static void test_late_answer(bool is_first, bool is_closed)
{
	struct sip_msg *old, *new;

	begin(0);
	if (!is_first) {
		send_register(1, "one", CONTACT);
		pbx_accept(pbx_register());
		CHECK(WAIT_FOR(answers == 1) && is_on(1), "browser_is_on_1");
	}
	send_register(1, "one", CONTACT);
	old = pbx_register();
	if (is_closed)
		registrar_conn_closed(registrar, 1);
	send_register(2, "two", CONTACT);
	new = pbx_register();
	answers = 0;
	pbx_accept(new);
	CHECK(WAIT_FOR(answers == 1) && status == 200 && is_on(2),
	      "browser_is_on_2");
	pbx_accept(old);
	CHECK(WAIT_FOR(answers == 2) && answered == 1,
	      "late_answer_is_passed_on");
	CHECK(is_on(2), "late_answer_moves_nothing");
	CHECK(!is_on(1), "late_answer_brings_nothing_back");
	CHECK_INT(registrar_count(registrar), 1, "late_answer_adds_nothing");
	finish();
}

/* A page that makes a new Call-ID each time. */
static void test_many_attempts(void)
{
	int refused = 0, tries = 3 * LIMIT_AORS_PER_CLIENT;
	struct sip_msg *m;
	char id[16];

	begin(0);
	for (int i = 0; i < tries; i++) {
		snprintf(id, sizeof(id), "try%d", i);
		send_register(1, id, CONTACT);
		if (status == 503)
			break;
		m = pbx_register();
		pbx_answer(m, 403, NULL);
		sip_msg_unref(m);
		WAIT_FOR(answers == i + 1);
		refused += status == 403;
	}
	CHECK_INT(refused, tries, "attempts_all_reach_the_pbx");
	finish();
}

static void test_sizes(void)
{
	const int fixed = (int)strlen("sip:@abc.invalid");
	char contact[512];

	begin(0);
	snprintf(contact, sizeof(contact), "<sip:%0*d@abc.invalid>",
		 LIMIT_CONTACT_BYTES + 1 - fixed, 0);
	send_register(1, "size", contact);
	CHECK_INT(status, 400, "contact_too_long_is_refused");
	status = 0;
	snprintf(contact, sizeof(contact),
		 CONTACT ";+sip.instance=\"<urn:%0*d>\"",
		 LIMIT_INSTANCE_BYTES, 0);
	send_register(1, "size", contact);
	CHECK_INT(status, 400, "instance_too_long_is_refused");
	status = 0;
	snprintf(contact, sizeof(contact), "<sip:%0*d@abc.invalid>",
		 100, 0);
	send_register(1, "size", contact);
	CHECK_INT(status, 0, "long_contact_is_taken");
	pbx_accept(pbx_register());
	CHECK(WAIT_FOR(status == 200), "long_contact_is_registered");
	finish();
}

static void ignore(void *arg, struct sip_client *ct, const struct sip_msg *m)
{
	(void)arg;
	(void)ct;
	(void)m;
}

/* The PBX is away for a while: it may have forgotten its bindings. */
static void test_pbx_was_away(void)
{
	struct sip_client *ct = NULL;
	struct sip_target to = { 0 };
	struct sip_trunk_target t;
	struct sip_msg *m;

	begin(600);
	CHECK(WAIT_FOR(is_up()), "pbx_is_up");
	send_register(1, "one", CONTACT);
	pbx_accept(pbx_register());
	CHECK(WAIT_FOR(answers == 1) && is_on(1), "browser_is_registered");
	send_register(1, "one", CONTACT);
	CHECK(answers == 2 && status == 200, "refresh_is_answered_at_once");
	is_deaf = true;
	/* A request without an answer makes the gateway ask. */
	sip_trunk_target(gw, 0, &t);
	snprintf(to.uri, sizeof(to.uri), "%s", t.uri);
	m = fixture_make("MESSAGE", "sip:b@127.0.0.11", "away", 1, NULL, "x");
	sip_client_send(gw, &to, m, ignore, NULL, &ct);
	sip_msg_unref(m);
	CHECK(WAIT_FOR(!is_up()), "pbx_is_down");
	sip_client_free(ct);
	send_register(1, "one", CONTACT);
	CHECK(answers == 3 && status == 200,
	      "refresh_while_pbx_is_away_is_answered");
	is_deaf = false;
	CHECK(WAIT_FOR(is_up()), "pbx_is_back");
	answers = 0;
	send_register(1, "one", CONTACT);
	pbx_accept(pbx_register());
	CHECK(WAIT_FOR(answers == 1) && status == 200,
	      "refresh_goes_to_the_pbx_that_is_back");
	send_register(1, "one", CONTACT);
	CHECK(answers == 2, "refresh_is_answered_at_once_again");
	finish();
}

int main(void)
{
	if (loop_create(&loop) < 0)
		return 1;
	test_late_answer(true, false);
	test_late_answer(false, false);
	test_late_answer(false, true);
	test_many_attempts();
	test_sizes();
	test_pbx_was_away();
	loop_free(loop);
	return tap_done();
}
