/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INVITE transactions of a stack that is gone, taken up by the next one: a
 * gateway on 127.0.0.4 dies and comes back, the PBX on 127.0.0.5 stays.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/loop.h"
#include "sip/msg.h"
#include "sip/stack.h"
#include "sip_fixture.h"
#include "tap.h"
#include "wait_for.h"

struct peer {
	struct sip_stack *stack;
	struct sip_server *server;
	int requests, cancels, acks, strays;
	char branch[64], cancel_branch[64];
};

static struct peer gw, pbx;
static struct sip_client *client;
static int status;
static bool is_local;
static uint16_t gw_port;

static void got_request(void *arg, struct sip_server *st)
{
	struct peer *p = arg;
	const struct sip_reply ok = { .status = 200 };

	if (sip_msg_method(sip_server_request(st)) != SIP_INVITE) {
		sip_server_reply(st, &ok, NULL);
		return;
	}
	p->requests++;
	p->server = st;
	snprintf(p->branch, sizeof(p->branch), "%s",
		 sip_msg_branch(sip_server_request(st)));
}

static void got_cancel(void *arg, struct sip_server *st)
{
	const struct sip_reply r = { .status = 487 };

	((struct peer *)arg)->cancels++;
	sip_server_reply(st, &r, NULL);
}

static void got_ack(void *arg, const struct sip_msg *ack,
		    const struct sip_target *from)
{
	((struct peer *)arg)->acks++;
}

static void got_stray(void *arg, const struct sip_msg *m,
		      const struct sip_target *from)
{
	((struct peer *)arg)->strays++;
}

static void got_response(void *arg, struct sip_client *ct,
			 const struct sip_msg *m)
{
	status = sip_msg_status(m);
	is_local = sip_client_is_local(ct);
}

static void start(struct peer *p, const char *ip, const char *allow,
		  uint16_t port)
{
	const struct sip_user user = {
		.arg = p, .request = got_request, .cancelled = got_cancel,
		.ack = got_ack, .stray_2xx = got_stray,
	};
	struct addr_net net;
	struct sip_settings settings = {
		.allow = &net, .allow_count = 1, .user_agent = "test",
	};

	memset(p, 0, sizeof(*p));
	addr_parse_ip(ip, &settings.listen);
	settings.listen.port = port;
	addr_net_parse(allow, &net);
	if (sip_stack_create(loop, &settings, &user, &p->stack) < 0)
		exit(tap_check(0, __FILE__, __LINE__, "stack_created"));
}

static void start_gateway(void)
{
	start(&gw, "127.0.0.4", "127.0.0.5/32", gw_port);
	gw_port = (uint16_t)atoi(strrchr(sip_stack_host(gw.stack), ':') + 1);
}

static void begin(void)
{
	gw_port = 0;
	start(&pbx, "127.0.0.5", "127.0.0.4/32", 0);
	start_gateway();
	status = 0;
}

static void finish(void)
{
	sip_client_free(client);
	client = NULL;
	sip_stack_free(gw.stack);
	sip_stack_free(pbx.stack);
}

static void die_and_return(void)
{
	sip_client_free(client);
	client = NULL;
	sip_stack_free(gw.stack);
	start_gateway();
	status = 0;
}

static struct sip_target target_of(const struct peer *p, const char *transport)
{
	struct sip_target to = { 0 };

	snprintf(to.uri, sizeof(to.uri), "sip:%s;transport=%s",
		 sip_stack_host(p->stack), transport);
	return to;
}

static void invite(const char *transport, const char *branch, bool is_again)
{
	struct sip_target to = target_of(&pbx, transport);
	struct sip_msg *m = fixture_make("INVITE", "sip:b@127.0.0.5", "call",
					 1, "<sip:gw@127.0.0.4>", NULL);

	if (is_again)
		sip_client_resume(gw.stack, &to, m, branch, got_response, NULL,
				  &client);
	else
		sip_client_send_as(gw.stack, &to, m, branch, got_response,
				   NULL, &client);
	sip_msg_unref(m);
}

static uint32_t servers(const struct peer *p)
{
	struct sip_stack_stats st;

	sip_stack_stats(p->stack, &st);
	return st.server_live;
}

static const char *over(const char *name, const char *transport)
{
	static char text[96];

	snprintf(text, sizeof(text), "%s_%s", name, transport);
	return text;
}

static void test_cancel(const char *transport)
{
	const struct sip_reply ringing = { .status = 180 };
	char branch[SIP_BRANCH_SIZE];

	begin();
	sip_make_branch(branch);
	invite(transport, branch, false);
	WAIT_FOR(pbx.requests == 1);
	CHECK_STR(pbx.branch, branch, over("invite_has_its_branch", transport));
	sip_server_reply(pbx.server, &ringing, NULL);
	WAIT_FOR(status == 180);
	die_and_return();
	invite(transport, branch, true);
	sip_client_cancel(client, NULL);
	sip_client_free(client);
	client = NULL;
	CHECK(WAIT_FOR(pbx.cancels == 1),
	      over("invite_of_earlier_run_cancelled", transport));
	CHECK_INT(pbx.requests, 1, over("invite_not_sent_again", transport));
	finish();
}

static void test_late_answer(const char *transport)
{
	const struct sip_reply ok = { .status = 200,
				      .contact = "<sip:pbx@127.0.0.5>" };
	char branch[SIP_BRANCH_SIZE];

	begin();
	sip_make_branch(branch);
	invite(transport, branch, false);
	WAIT_FOR(pbx.requests == 1);
	die_and_return();
	invite(transport, branch, true);
	sip_server_reply(pbx.server, &ok, NULL);
	CHECK(WAIT_FOR(status == 200) && !is_local,
	      over("late_2xx_is_delivered", transport));
	sip_client_free(client);
	client = NULL;
	finish();
}

/*
 * A gateway that dies: a socket that takes one INVITE, answers 100 and is gone.
 * A stack that is freed would answer 500 itself.
 */
static struct sip_msg *take_invite(const char *transport)
{
	const struct sip_reply trying = { .status = 100 };
	bool is_tcp = !strcmp(transport, "tcp");
	struct sockaddr_in a = { .sin_family = AF_INET }, from;
	socklen_t size = sizeof(a);
	int on = 1, fd = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	struct sip_msg *invite = NULL, *reply;
	struct sip_target to = { 0 };
	struct addr peer;
	char text[4096], *out;
	ssize_t n;
	size_t len;

	a.sin_addr.s_addr = inet_addr("127.0.0.4");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, size) ||
	    (is_tcp && listen(fd, 1)))
		return NULL;
	getsockname(fd, (struct sockaddr *)&a, &size);
	gw_port = ntohs(a.sin_port);
	snprintf(to.uri, sizeof(to.uri), "sip:127.0.0.4:%u;transport=%s",
		 gw_port, transport);
	invite = fixture_make("INVITE", "sip:a@127.0.0.4", "in", 1,
			      "<sip:pbx@127.0.0.5>", NULL);
	sip_client_send(pbx.stack, &to, invite, got_response, NULL, &client);
	sip_msg_unref(invite);
	size = sizeof(from);
	if (is_tcp) {
		int listener = fd;

		fcntl(listener, F_SETFL, O_NONBLOCK);
		WAIT_FOR((fd = accept(listener, (struct sockaddr *)&from,
				      &size)) >= 0);
		close(listener);
	}
	WAIT_FOR((n = recvfrom(fd, text, sizeof(text), MSG_DONTWAIT,
			       is_tcp ? NULL : (struct sockaddr *)&from,
			       is_tcp ? NULL : &size)) > 0);
	sip_msg_parse(text, (size_t)n, &invite, NULL);
	addr_from_sockaddr((const struct sockaddr *)&from, &peer);
	sip_msg_set_received(invite, &peer);
	sip_msg_make_reply(invite, &trying, NULL, &reply);
	out = sip_msg_print(reply, &len);
	n = sendto(fd, out, len, 0, is_tcp ? NULL : (struct sockaddr *)&from,
		   is_tcp ? 0 : size);
	WAIT_FOR(status == 100);
	free(out);
	sip_msg_unref(reply);
	close(fd);
	return invite;
}

/* The PBX's own INVITE: answered by the next run, whatever it was told. */
static void test_server(const char *transport, int answer)
{
	struct sip_reply r = { .status = answer, .to_tag = "stored",
			       .contact = "<sip:gw@127.0.0.4>" };
	struct sip_target source = { 0 }, to;
	struct sip_server *st = NULL;
	struct sip_request ack = {
		.method = "ACK", .ruri = "sip:gw@127.0.0.4", .call_id = "in",
		.from = "<sip:a@example.com>", .from_tag = "ours",
		.to = "<sip:b@example.com>", .to_tag = "stored", .cseq = 1,
		.max_forwards = 70,
	};
	struct sip_msg *m;

	start(&pbx, "127.0.0.5", "127.0.0.4/32", 0);
	m = take_invite(transport);
	start_gateway();
	source = target_of(&pbx, transport);
	CHECK(!sip_server_resume(gw.stack, m, &source, &st),
	      over("server_resumed", transport));
	sip_msg_unref(m);
	sip_server_reply(st, &r, NULL);
	CHECK(WAIT_FOR(status == answer) && !is_local,
	      over("answer_of_next_run_arrives", transport));
	if (answer < 300) {
		/* Repeated until the ACK. */
		status = 0;
		CHECK(WAIT_FOR(status == answer || pbx.strays),
		      over("answer_of_next_run_is_repeated", transport));
		to = target_of(&gw, transport);
		sip_msg_make_request(&ack, NULL, &m);
		sip_ack(pbx.stack, &to, m);
		sip_msg_unref(m);
	}
	CHECK(WAIT_FOR(!servers(&gw)),
	      over("answer_of_next_run_is_acked", transport));
	finish();
}

int main(void)
{
	static const char *const transports[] = { "udp", "tcp" };

	if (loop_create(&loop) < 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		test_cancel(transports[i]);
		test_late_answer(transports[i]);
		test_server(transports[i], 503);
		test_server(transports[i], 200);
	}
	loop_free(loop);
	return tap_done();
}
