/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SIP side over loopback: two stacks and plain sockets.
 *
 *   gw 127.0.0.2 ---- pbx 127.0.0.3      stranger 127.0.0.9
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/loop.h"
#include "sip/stack.h"
#include "sip_fixture.h"
#include "tap.h"
#include "wait_for.h"

struct peer {
	struct sip_stack *stack;
	struct sip_server *server;
	struct sip_msg *request;	/* the last one */
	struct sip_target source;
	int requests, cancels, acks, acks_missing, strays;
	int answer;			/* to requests; 0: none */
};

static struct peer gw, pbx;
static struct sip_client *client;
static struct sip_msg *response;
static int responses, finals, status;
static bool is_local;
static const char *backups[2];		/* of the PBX, for start() */
static const struct sip_account_settings *account;

static void got_request(void *arg, struct sip_server *st)
{
	struct peer *p = arg;
	const struct sip_reply r = { .status = p->answer };

	/* The keep-alive is not what the tests count. */
	if (sip_msg_method(sip_server_request(st)) == SIP_OPTIONS &&
	    !sip_msg_body(sip_server_request(st), &(size_t){ 0 })) {
		const struct sip_reply ok = { .status = 200 };

		sip_server_reply(st, &ok, NULL);
		loop_stop(loop);
		return;
	}
	p->requests++;
	p->server = st;
	sip_msg_unref(p->request);
	p->request = sip_msg_ref((struct sip_msg *)sip_server_request(st));
	p->source = *sip_server_source(st);
	if (r.status)
		sip_server_reply(st, &r, NULL);
	loop_stop(loop);
}

static void got_cancel(void *arg, struct sip_server *st)
{
	const struct sip_reply r = { .status = 487 };
	struct peer *p = arg;

	p->cancels++;
	sip_server_reply(st, &r, NULL);
	loop_stop(loop);
}

static void got_ack(void *arg, const struct sip_msg *ack,
		    const struct sip_target *from)
{
	struct peer *p = arg;

	(void)ack;
	(void)from;
	p->acks++;
	loop_stop(loop);
}

static void got_no_ack(void *arg, struct sip_server *st)
{
	struct peer *p = arg;

	(void)st;
	p->acks_missing++;
	loop_stop(loop);
}

static void got_stray(void *arg, const struct sip_msg *m,
		      const struct sip_target *from)
{
	struct peer *p = arg;

	(void)m;
	(void)from;
	p->strays++;
	loop_stop(loop);
}

static void got_response(void *arg, struct sip_client *ct,
			 const struct sip_msg *m)
{
	(void)arg;
	if (sip_msg_status(m) == 100)
		return;
	sip_msg_unref(response);
	response = sip_msg_ref((struct sip_msg *)m);
	status = sip_msg_status(m);
	is_local = sip_client_is_local(ct);
	responses++;
	finals += status >= 200;
	loop_stop(loop);
}

static void start(struct peer *p, const char *ip, const char *allow,
		  const char *pbx_uri, uint32_t t1_ms)
{
	const struct sip_user user = {
		.arg = p, .request = got_request, .cancelled = got_cancel,
		.ack = got_ack, .ack_missing = got_no_ack,
		.stray_2xx = got_stray,
	};
	struct addr_net net;
	struct sip_settings settings = {
		.pbx = pbx_uri, .pbx_backup = backups, .allow = &net,
		.allow_count = !!allow, .user_agent = "test",
	};

	memset(p, 0, sizeof(*p));
	if (account)
		settings.account = *account;
	addr_parse_ip(ip, &settings.listen);
	if (allow)
		addr_net_parse(allow, &net);
	if (sip_stack_create(loop, &settings, &user, &p->stack) < 0)
		exit(tap_check(0, __FILE__, __LINE__, "stack_created"));
	sip_stack_set_t1(p->stack, t1_ms);
}

static void begin(uint32_t t1_ms)
{
	char uri[128];

	start(&pbx, "127.0.0.3", "127.0.0.2/32", NULL, t1_ms);
	snprintf(uri, sizeof(uri), "sip:%s;transport=udp",
		 sip_stack_host(pbx.stack));
	start(&gw, "127.0.0.2", NULL, uri, t1_ms);
	client = NULL;
	responses = finals = status = 0;
}

static void finish(void)
{
	sip_client_free(client);
	sip_msg_unref(response);
	response = NULL;
	sip_msg_unref(gw.request);
	sip_msg_unref(pbx.request);
	sip_stack_free(gw.stack);
	sip_stack_free(pbx.stack);
}

static void send_to(const char *method, const char *uri, const char *body)
{
	static uint32_t cseq;
	struct sip_target to = { 0 };
	struct sip_msg *m = fixture_make(method, "sip:b@127.0.0.3", "call",
					 ++cseq, "<sip:gw@127.0.0.2>", body);

	snprintf(to.uri, sizeof(to.uri), "%s", uri);
	if (sip_client_send(gw.stack, &to, m, got_response, NULL, &client) < 0)
		CHECK(0, "request_sent");
	sip_msg_unref(m);
}

static void send_to_pbx(const char *method, const char *params,
			const char *body)
{
	char uri[128];

	snprintf(uri, sizeof(uri), "sip:%s%s", sip_stack_host(pbx.stack),
		 params);
	send_to(method, uri, body);
}

static int pbx_reply(int code, const char *contact)
{
	const struct sip_reply r = { .status = code, .contact = contact };

	return sip_server_reply(pbx.server, &r, NULL);
}

/* ACK of the last response received. */
static void send_ack(void)
{
	const struct sip_request r = {
		.method = "ACK", .ruri = sip_msg_contact(response, 0),
		.from = sip_msg_from_value(response),
		.from_tag = sip_msg_from_tag(response),
		.to = sip_msg_to_value(response),
		.to_tag = sip_msg_to_tag(response),
		.call_id = sip_msg_call_id(response),
		.cseq = sip_msg_cseq(response), .max_forwards = 70,
	};
	struct sip_target to = { 0 };
	struct sip_msg *m = NULL;

	snprintf(to.uri, sizeof(to.uri), "%s", sip_msg_contact(response, 0));
	sip_msg_make_request(&r, NULL, &m);
	CHECK_INT(sip_ack(gw.stack, &to, m), 0, "ack_of_2xx_sent");
	sip_msg_unref(m);
}

static struct sip_stack_stats stats_of(const struct peer *p)
{
	struct sip_stack_stats st;

	sip_stack_stats(p->stack, &st);
	return st;
}

/* ---- calls ------------------------------------------------------------ */

static void test_call(const char *transport)
{
	char contact[128], name[96], params[32];

	begin(SIP_T1_MS);
	snprintf(params, sizeof(params), ";transport=%s", transport);
	snprintf(contact, sizeof(contact), "<sip:%s%s>",
		 sip_stack_host(pbx.stack), params);
	send_to_pbx("INVITE", params, "hello");
	snprintf(name, sizeof(name), "invite_over_%s_delivered", transport);
	CHECK(WAIT_FOR(pbx.requests == 1), name);
	snprintf(name, sizeof(name), "invite_over_%s_says_transport",
		 transport);
	CHECK(strstr(pbx.source.uri, params), name);
	CHECK(!strncmp(pbx.source.uri, "sip:127.0.0.2:", 14),
	      "invite_source_is_sender");
	CHECK(strstr(sip_msg_header(pbx.request, "Via"), "127.0.0.2:"),
	      "invite_via_is_gateway");
	CHECK(!strstr(sip_msg_header(pbx.request, "Via"), "WSS"),
	      "invite_via_without_websocket");
	pbx_reply(180, contact);
	CHECK(WAIT_FOR(responses == 1) && status == 180,
	      "invite_180_received");
	pbx_reply(200, contact);
	CHECK(WAIT_FOR(finals == 1) && status == 200, "invite_200_received");
	CHECK(!is_local, "invite_200_not_local");
	send_ack();
	CHECK(WAIT_FOR(pbx.acks == 1), "ack_of_2xx_delivered");
	CHECK(WAIT_FOR(!stats_of(&pbx).server_live),
	      "invite_server_acked_freed");
	sip_client_free(client);
	client = NULL;
	pbx.answer = 200;
	finals = 0;
	send_to_pbx("BYE", params, NULL);
	CHECK(WAIT_FOR(finals == 1) && status == 200, "bye_answered");
	CHECK_INT(pbx.requests, 2, "bye_delivered_once");
	finish();
}

static void test_2xx_repeated(void)
{
	char contact[128];

	begin(20);
	snprintf(contact, sizeof(contact), "<sip:%s;transport=udp>",
		 sip_stack_host(pbx.stack));
	send_to_pbx("INVITE", ";transport=udp", NULL);
	WAIT_FOR(pbx.requests == 1);
	pbx_reply(200, contact);
	CHECK(WAIT_FOR(finals >= 3), "2xx_unacked_repeated");
	CHECK_INT(pbx.requests, 1, "2xx_repeated_one_request");
	send_ack();
	CHECK(WAIT_FOR(!stats_of(&pbx).server_live), "2xx_acked_ends");
	sip_client_free(client);
	client = NULL;

	send_to_pbx("INVITE", ";transport=udp", NULL);
	WAIT_FOR(pbx.requests == 2);
	pbx_reply(200, contact);
	WAIT_FOR(finals >= 4);
	sip_client_free(client);
	client = NULL;
	CHECK(WAIT_FOR(gw.strays >= 1), "2xx_without_client_stray");
	CHECK(WAIT_FOR(pbx.acks_missing == 1), "2xx_never_acked_told");
	finish();
}

static void test_cancel(void)
{
	begin(SIP_T1_MS);
	send_to_pbx("INVITE", ";transport=udp", NULL);
	WAIT_FOR(pbx.requests == 1);
	sip_client_cancel(client, "SIP;cause=200;text=\"Call completed "
			  "elsewhere\"");
	pbx_reply(180, NULL);
	CHECK(WAIT_FOR(pbx.cancels == 1), "cancel_sent_after_provisional");
	CHECK(WAIT_FOR(status == 487), "cancelled_invite_487");
	CHECK(!is_local, "cancelled_invite_487_from_peer");
	sip_client_free(client);
	client = NULL;
	pbx.answer = 486;
	send_to_pbx("INVITE", ";transport=tcp", NULL);
	CHECK(WAIT_FOR(status == 486), "refused_invite_486");
	finish();
}

/* A large INVITE: RFC 3261 18.1.1, unless the URI asks for UDP. */
static void test_large(void)
{
	char *body = calloc(1, 4001);

	memset(body, 'x', 4000);
	begin(SIP_T1_MS);
	pbx.answer = 200;
	send_to_pbx("MESSAGE", ";transport=udp", body);
	CHECK(WAIT_FOR(status == 200), "large_request_over_udp_answered");
	CHECK(strstr(pbx.source.uri, "transport=udp"),
	      "large_request_asked_udp_goes_udp");
	sip_client_free(client);
	client = NULL;
	status = 0;
	send_to_pbx("MESSAGE", "", body);
	CHECK(WAIT_FOR(status == 200), "large_request_answered");
	CHECK(strstr(pbx.source.uri, "transport=tcp"),
	      "large_request_unspecified_goes_tcp");
	finish();
	free(body);
}

/* A port that nobody listens on: bound once, then closed. */
static unsigned int dead_port(int type)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "127.0.0.3", &sin.sin_addr);
	bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	getsockname(fd, (struct sockaddr *)&sin, &len);
	close(fd);
	return ntohs(sin.sin_port);
}

static void test_dead_port(void)
{
	char uri[128];

	begin(SIP_T1_MS);
	snprintf(uri, sizeof(uri), "sip:127.0.0.3:%u;transport=udp",
		 dead_port(SOCK_DGRAM));
	send_to("INVITE", uri, NULL);
	CHECK_INT(responses, 0, "dead_udp_port_told_from_loop");
	CHECK(WAIT_FOR(finals == 1) && status == 503 && is_local,
	      "dead_udp_port_local_503");
	sip_client_free(client);
	client = NULL;
	snprintf(uri, sizeof(uri), "sip:127.0.0.3:%u;transport=tcp",
		 dead_port(SOCK_STREAM));
	send_to("INVITE", uri, NULL);
	CHECK(WAIT_FOR(finals == 2) && status == 503 && is_local,
	      "dead_tcp_port_local_503");
	finish();
}

/* ---- plain sockets ---------------------------------------------------- */

static int udp_socket(const char *ip, char *uri, size_t size)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, ip, &sin.sin_addr);
	bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	getsockname(fd, (struct sockaddr *)&sin, &len);
	if (uri)
		snprintf(uri, size, "sip:%s:%u;transport=udp", ip,
			 ntohs(sin.sin_port));
	return fd;
}

static struct sip_msg *udp_receive(int fd)
{
	static char text[65536];
	struct sip_msg *m = NULL;
	ssize_t n = -1;

	if (!WAIT_FOR((n = recv(fd, text, sizeof(text), 0)) > 0))
		return NULL;
	sip_msg_parse(text, (size_t)n, &m, NULL);
	return m;
}

static void udp_send(int fd, const char *host, const void *data, size_t len)
{
	struct sockaddr_storage ss;
	struct addr a;
	socklen_t ss_len;

	addr_parse(host, &a);
	ss_len = addr_to_sockaddr(&a, &ss);
	sendto(fd, data, len, 0, (struct sockaddr *)&ss, ss_len);
}

static void test_retransmission(void)
{
	char uri[128], branch[128];
	struct sip_msg *m, *ok;
	size_t len;
	char *text;
	int fd;

	begin(20);
	fd = udp_socket("127.0.0.3", uri, sizeof(uri));
	send_to("INFO", uri, NULL);
	m = udp_receive(fd);
	snprintf(branch, sizeof(branch), "%s", m ? sip_msg_branch(m) : "");
	sip_msg_unref(m);
	m = udp_receive(fd);
	CHECK_STR(m ? sip_msg_branch(m) : NULL, branch,
		  "request_unanswered_retransmitted");
	if (m) {
		ok = fixture_reply(m, 200, "x", NULL);
		text = sip_msg_print(ok, &len);
		udp_send(fd, sip_stack_host(gw.stack), text, len);
		free(text);
		sip_msg_unref(ok);
	}
	CHECK(WAIT_FOR(finals == 1) && status == 200,
	      "request_retransmitted_answered");
	sip_client_free(client);
	client = NULL;
	sip_msg_unref(m);

	finals = 0;
	send_to("INFO", uri, NULL);
	CHECK(WAIT_FOR(finals == 1) && status == 408 && is_local,
	      "request_never_answered_local_408");
	close(fd);
	finish();
}

static void test_stranger(void)
{
	static const unsigned char stun[20] = {
		0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42,
	};
	const char *broken = "OPTIONS sip:x SIP/2.0\r\nVia: broken";
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_storage ss;
	struct addr a;
	char buf[64];
	const char *text;
	int fd, tcp;

	begin(SIP_T1_MS);
	fd = udp_socket("127.0.0.9", NULL, 0);
	text = fixture_request("INVITE", "z9hG4bKx", "x", NULL, 1, NULL);
	udp_send(fd, sip_stack_host(gw.stack), text, strlen(text));
	CHECK(WAIT_FOR(stats_of(&gw).dropped_source == 1),
	      "stranger_udp_request_counted");
	udp_send(fd, sip_stack_host(gw.stack), broken, strlen(broken));
	CHECK(WAIT_FOR(stats_of(&gw).dropped_source == 2),
	      "stranger_malformed_request_counted");
	udp_send(fd, sip_stack_host(gw.stack), stun, sizeof(stun));
	CHECK(WAIT_FOR(stats_of(&gw).dropped_parse[STATS_SIP] == 1),
	      "stranger_stun_counted");
	CHECK(recv(fd, buf, sizeof(buf), 0) < 0 && errno == EAGAIN,
	      "stranger_not_answered");
	CHECK_INT(gw.requests, 0, "stranger_request_not_delivered");
	close(fd);

	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	inet_pton(AF_INET, "127.0.0.9", &sin.sin_addr);
	bind(tcp, (struct sockaddr *)&sin, sizeof(sin));
	addr_parse(sip_stack_host(gw.stack), &a);
	CHECK(connect(tcp, (struct sockaddr *)&ss,
		      addr_to_sockaddr(&a, &ss)) < 0 && errno == EINPROGRESS,
	      "stranger_tcp_unanswered");
	CHECK(WAIT_FOR(stats_of(&gw).dropped_source == 3),
	      "stranger_tcp_counted");
	close(tcp);

	fd = udp_socket("127.0.0.3", NULL, 0);
	udp_send(fd, sip_stack_host(gw.stack), text, strlen(text));
	/* Its Via says WSS, so nta refuses it; the source was right. */
	snprintf(buf, sizeof(buf), "127.0.0.3:5060");
	addr_parse(buf, &a);
	CHECK(sip_trunk_is_allowed(gw.stack, &a), "pbx_address_allowed");
	snprintf(buf, sizeof(buf), "127.0.0.4:5060");
	addr_parse(buf, &a);
	CHECK(!sip_trunk_is_allowed(gw.stack, &a), "other_address_refused");
	close(fd);
	finish();
}

/*
 * A 2xx that nothing was asked for: ACK and a BYE that is repeated would go
 * where its Contact says.
 */
static void test_stranger_2xx(void)
{
	const char *text =
		"SIP/2.0 200 OK\r\n"
		"Via: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKguess\r\n"
		"From: <sip:a@example.com>;tag=1\r\n"
		"To: <sip:b@example.com>;tag=2\r\nCall-ID: guess\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:victim@127.0.0.8>\r\n"
		"Content-Length: 0\r\n\r\n";
	int fd;

	begin(SIP_T1_MS);
	fd = udp_socket("127.0.0.9", NULL, 0);
	udp_send(fd, sip_stack_host(gw.stack), text, strlen(text));
	CHECK(WAIT_FOR(stats_of(&gw).dropped_source == 1 || gw.strays),
	      "stranger_2xx_seen");
	CHECK_INT(gw.strays, 0, "stranger_2xx_not_delivered");
	CHECK_INT(stats_of(&gw).dropped_source, 1, "stranger_2xx_counted");
	close(fd);
	fd = udp_socket("127.0.0.3", NULL, 0);
	udp_send(fd, sip_stack_host(gw.stack), text, strlen(text));
	CHECK(WAIT_FOR(gw.strays == 1), "pbx_stray_2xx_delivered");
	close(fd);
	finish();
}

/* A proxy that forks to two of our aliases. */
static void test_merge(void)
{
	const char *form =
		"MESSAGE sip:%s@127.0.0.2 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.0.3:%s;branch=z9hG4bK%s;rport\r\n"
		"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"
		"Call-ID: fork\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
	char uri[128], text[1024];
	struct sip_msg *m;
	const char *port;
	int fd;

	begin(SIP_T1_MS);
	fd = udp_socket("127.0.0.3", uri, sizeof(uri));
	port = strrchr(uri, ':') + 1;
	*strchr(port, ';') = '\0';
	snprintf(text, sizeof(text), form, "one", port, "f1");
	udp_send(fd, sip_stack_host(gw.stack), text, strlen(text));
	CHECK(WAIT_FOR(gw.requests == 1), "forked_request_first_delivered");
	snprintf(text, sizeof(text), form, "two", port, "f2");
	udp_send(fd, sip_stack_host(gw.stack), text, strlen(text));
	CHECK(WAIT_FOR(gw.requests == 2), "forked_request_other_uri_delivered");
	snprintf(text, sizeof(text), form, "one", port, "f3");
	udp_send(fd, sip_stack_host(gw.stack), text, strlen(text));
	m = udp_receive(fd);
	CHECK_INT(m ? sip_msg_status(m) : 0, 482, "merged_request_482");
	CHECK_INT(gw.requests, 2, "merged_request_not_delivered");
	sip_msg_unref(m);
	close(fd);
	finish();
}

/* ---- trunk ------------------------------------------------------------ */

static struct sip_trunk_status trunk(void)
{
	struct sip_trunk_status st;

	sip_trunk_status(gw.stack, &st);
	return st;
}

static void test_trunk(void)
{
	char uri[128];

	begin(SIP_T1_MS);
	CHECK(!trunk().known, "trunk_at_start_unknown");
	CHECK(WAIT_FOR(trunk().known) && trunk().up, "trunk_answering_up");
	finish();

	snprintf(uri, sizeof(uri), "sip:127.0.0.3:%u", dead_port(SOCK_DGRAM));
	start(&gw, "127.0.0.2", NULL, uri, SIP_T1_MS);
	CHECK(WAIT_FOR(trunk().known) && !trunk().up, "trunk_dead_port_down");
	CHECK_STR(trunk().reason, "refused", "trunk_dead_port_refused");
	sip_stack_free(gw.stack);

	int fd = udp_socket("127.0.0.3", uri, sizeof(uri));

	start(&gw, "127.0.0.2", NULL, uri, 10);
	CHECK(WAIT_FOR(trunk().known) && !trunk().up, "trunk_silent_down");
	CHECK_STR(trunk().reason, "timeout", "trunk_silent_timeout");
	sip_stack_free(gw.stack);
	close(fd);
}

/* ---- a PBX of a socket ------------------------------------------------ */

static void udp_answer(int fd, const struct sip_msg *request, int code,
		       const char *extra)
{
	struct sip_msg *m = fixture_reply(request, code, "pbx", extra);
	size_t len;
	char *text = sip_msg_print(m, &len);

	udp_send(fd, sip_stack_host(gw.stack), text, len);
	free(text);
	sip_msg_unref(m);
}

/* The next request of that method; some others are left unanswered. */
static struct sip_msg *udp_request(int fd, enum sip_method method)
{
	struct sip_msg *m;

	for (int i = 0; i < 40 && (m = udp_receive(fd)); i++) {
		if (sip_msg_is_request(m) && sip_msg_method(m) == method)
			return m;
		sip_msg_unref(m);
	}
	return NULL;
}

static bool is_first_down(void)
{
	struct sip_trunk_target t;

	return sip_trunk_target(gw.stack, 0, &t) && t.status.known &&
	       !t.status.up;
}

/* The address that rings stops to answer OPTIONS, and there is another. */
static void test_cancel_goes_after_invite(void)
{
	char uri[128], backup[128];
	struct sip_msg *m;
	int fd;

	start(&pbx, "127.0.0.3", "127.0.0.2/32", NULL, SIP_T1_MS);
	snprintf(backup, sizeof(backup), "sip:%s;transport=udp",
		 sip_stack_host(pbx.stack));
	fd = udp_socket("127.0.0.3", uri, sizeof(uri));
	backups[0] = backup;
	start(&gw, "127.0.0.2", NULL, uri, 20);
	backups[0] = NULL;
	responses = finals = status = 0;
	send_to("INVITE", uri, NULL);
	m = udp_request(fd, SIP_INVITE);
	if (m)
		udp_answer(fd, m, 180, NULL);
	sip_msg_unref(m);
	CHECK(WAIT_FOR(status == 180), "invite_to_first_address_rings");
	CHECK(WAIT_FOR(is_first_down()), "first_address_is_down");
	sip_client_cancel(client, NULL);
	m = udp_request(fd, SIP_CANCEL);
	CHECK(m, "cancel_goes_to_the_address_of_the_invite");
	sip_msg_unref(m);
	CHECK_INT(pbx.requests, 0, "backup_hears_nothing_of_the_invite");
	close(fd);
	finish();
}

/* A request that the PBX drops, while it answers OPTIONS: it is not down. */
static void test_silence_to_one_request(void)
{
	begin(20);
	CHECK(WAIT_FOR(trunk().known && trunk().up), "pbx_is_up");
	send_to_pbx("MESSAGE", ";transport=udp", NULL);
	CHECK(WAIT_FOR(finals == 1) && status == 408 && is_local,
	      "dropped_request_local_408");
	CHECK(trunk().up, "pbx_that_dropped_a_request_is_up");
	finish();
}

/* A desk telephone registers as the same user, and is listed first. */
static void test_account_shared(void)
{
	static const struct sip_account_settings gateway = {
		.user = "gateway", .password = "secret", .expires_s = 600,
	};
	char uri[128], contacts[256];
	struct sip_account_status st;
	struct sip_msg *m;
	int fd;

	fd = udp_socket("127.0.0.3", uri, sizeof(uri));
	account = &gateway;
	start(&gw, "127.0.0.2", NULL, uri, SIP_T1_MS);
	account = NULL;
	m = udp_request(fd, SIP_REGISTER);
	snprintf(contacts, sizeof(contacts),
		 "Contact: <sip:gateway@127.0.0.8:5060>;expires=3000, "
		 "<sip:gateway@%s>;expires=60\r\n", sip_stack_host(gw.stack));
	if (m)
		udp_answer(fd, m, 200, contacts);
	sip_msg_unref(m);
	CHECK(WAIT_FOR((sip_account_status(gw.stack, &st), st.is_registered)),
	      "account_is_registered");
	CHECK(st.expires_in_s <= 60, "account_expiry_is_of_our_contact");
	close(fd);
	sip_stack_free(gw.stack);
}

int main(void)
{
	if (loop_create(&loop) < 0)
		return 1;
	test_call("udp");
	test_call("tcp");
	test_2xx_repeated();
	test_cancel();
	test_large();
	test_dead_port();
	test_retransmission();
	test_stranger();
	test_stranger_2xx();
	test_merge();
	test_trunk();
	test_cancel_goes_after_invite();
	test_silence_to_one_request();
	test_account_shared();
	loop_free(loop);
	return tap_done();
}
