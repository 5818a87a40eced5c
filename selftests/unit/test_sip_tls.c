/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trunk's TLS connections, with a PBX of plain OpenSSL.
 *
 *   gw 127.0.0.6 ---- pbx 127.0.0.7
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "core/loop.h"
#include "media/identity.h"
#include "sip/stack.h"
#include "sip_fixture.h"
#include "tap.h"
#include "wait_for.h"

#define GW		"127.0.0.6"
#define PBX		"127.0.0.7"

/* The PBX's end of a connection. */
struct end {
	int fd;
	SSL *ssl;
	bool is_open;
	char *in;
	size_t len;
};

static struct sip_stack *gw;
static struct sip_server *server;
static int requests;
static SSL_CTX *ctx;
static int listener;
static uint16_t port;
static struct end trunk;		/* that the gateway has opened */
static char certificate[64], private_key[64];

static void got_request(void *arg, struct sip_server *st)
{
	(void)arg;
	requests++;
	server = st;
}

static void got_response(void *arg, struct sip_client *ct,
			 const struct sip_msg *m)
{
	(void)arg;
	(void)ct;
	(void)m;
}

/* ---- the PBX's ends --------------------------------------------------- */

static bool end_open(struct end *e)
{
	if (!e->is_open)
		e->is_open = SSL_do_handshake(e->ssl) == 1;
	return e->is_open;
}

static void end_start(struct end *e, int fd, bool is_server)
{
	memset(e, 0, sizeof(*e));
	e->fd = fd;
	e->in = calloc(1, 2000000);
	e->ssl = SSL_new(ctx);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_fd(e->ssl, fd);
	if (is_server)
		SSL_set_accept_state(e->ssl);
	else
		SSL_set_connect_state(e->ssl);
}

static void end_close(struct end *e)
{
	SSL_shutdown(e->ssl);
	SSL_free(e->ssl);
	close(e->fd);
	free(e->in);
}

/* How often it has said that by now. */
static int end_heard(struct end *e, const char *text)
{
	int n, count = 0;

	while ((n = SSL_read(e->ssl, e->in + e->len, 16384)) > 0)
		e->len += (size_t)n;
	for (const char *p = e->in; (p = strstr(p, text)); p++)
		count++;
	return count;
}

static void end_say(struct end *e, const char *text)
{
	SSL_write(e->ssl, text, (int)strlen(text));
}

static bool end_accept(struct end *e)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return false;
	end_start(e, fd, true);
	return true;
}

static int bound_socket(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, PBX, &sin.sin_addr);
	bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	return fd;
}

/* It takes little at a time: what the gateway sends does not fit at once. */
static void pbx_listen(void)
{
	static const int mss = 536, bytes = 4096;
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	listener = bound_socket();
	setsockopt(listener, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss));
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	listen(listener, 4);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	getsockname(listener, (struct sockaddr *)&sin, &len);
	port = ntohs(sin.sin_port);
}

/* A connection of the PBX's own. */
static void pbx_connect(struct end *e)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(5061) };
	int fd = bound_socket();

	inet_pton(AF_INET, GW, &sin.sin_addr);
	CHECK(!connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	      "pbx_connects");
	end_start(e, fd, false);
	CHECK(WAIT_FOR(end_open(e)), "pbx_has_tls");
}

/* ---- the gateway ------------------------------------------------------ */

static void begin(void)
{
	static const struct sip_user user = { .request = got_request };
	struct sip_settings settings = {
		.user_agent = "test",
		.tls = {
			.is_wanted = true, .no_verify = true,
			.certificate = certificate,
			.private_key = private_key,
		},
	};
	char uri[64];

	pbx_listen();
	snprintf(uri, sizeof(uri), "sip:%s:%u;transport=tls", PBX, port);
	settings.pbx = uri;
	addr_parse_ip(GW, &settings.listen);
	requests = 0;
	server = NULL;
	if (sip_stack_create(loop, &settings, &user, &gw) < 0)
		exit(tap_check(0, __FILE__, __LINE__, "stack_created"));
	CHECK(WAIT_FOR(end_accept(&trunk)), "gateway_connects");
	CHECK(WAIT_FOR(end_open(&trunk)), "gateway_has_tls");
}

static void finish(void)
{
	sip_stack_free(gw);
	end_close(&trunk);
	close(listener);
}

/* The gateway's socket of the trunk, found by its peer. */
static int trunk_socket(void)
{
	struct sockaddr_in sin;
	socklen_t len;

	for (int fd = 3; fd < 256; fd++) {
		len = sizeof(sin);
		if (!getpeername(fd, (struct sockaddr *)&sin, &len) &&
		    sin.sin_family == AF_INET && ntohs(sin.sin_port) == port &&
		    sin.sin_addr.s_addr == inet_addr(PBX))
			return fd;
	}
	return -1;
}

static void test_keepalive(void)
{
	socklen_t len = sizeof(int);
	int is_on = 0;

	begin();
	CHECK(!getsockopt(trunk_socket(), SOL_SOCKET, SO_KEEPALIVE, &is_on,
			  &len), "trunk_socket_found");
	CHECK(is_on, "tls_connection_is_kept_alive");
	finish();
}

/* The PBX reads nothing for a while, then everything, and says nothing. */
static void test_slow_reader(void)
{
	enum { MESSAGES = 30, BODY = 30000 };
	static char body[BODY + 1];
	struct sip_client *clients[MESSAGES] = { NULL };
	struct sip_target to = { 0 };
	struct sip_msg *m;
	int sent = 0;

	begin();
	memset(body, 'x', BODY);
	/* Not by the trunk's name, else it would be asked by OPTIONS. */
	snprintf(to.uri, sizeof(to.uri), "sip:%s:%u;transport=tls;lr", PBX,
		 port);
	for (int i = 0; i < MESSAGES; i++) {
		m = fixture_make("MESSAGE", "sip:b@example.com", "slow",
				 (uint32_t)i + 1, NULL, body);
		sent += !sip_client_send(gw, &to, m, got_response, NULL,
					 &clients[i]);
		sip_msg_unref(m);
	}
	CHECK_INT(sent, MESSAGES, "messages_to_slow_reader_taken");
	CHECK(WAIT_FOR(end_heard(&trunk, "MESSAGE sip:") == MESSAGES),
	      "messages_to_slow_reader_arrive");
	for (int i = 0; i < MESSAGES; i++)
		sip_client_free(clients[i]);
	finish();
}

static const char *invite_text(void)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "INVITE sip:b@" GW " SIP/2.0\r\n"
		 "Via: SIP/2.0/TLS " PBX ":%u;branch=z9hG4bKpbx;rport\r\n"
		 "From: <sip:a@example.com>;tag=1\r\n"
		 "To: <sip:b@example.com>\r\nCall-ID: lost\r\n"
		 "CSeq: 1 INVITE\r\nContact: <sip:a@" PBX ":%u;transport=tls>"
		 "\r\nContent-Length: 0\r\n\r\n", port, port);
	return text;
}

/* The PBX's connection ends before its INVITE is answered. */
static void test_connection_lost(void)
{
	const struct sip_reply r = { .status = 200,
				     .contact = "<sip:gw@" GW ">" };
	struct end own;

	begin();
	pbx_connect(&own);
	end_say(&own, invite_text());
	CHECK(WAIT_FOR(requests == 1), "invite_by_tls_delivered");
	end_close(&own);
	sip_server_reply(server, &r, NULL);
	CHECK(WAIT_FOR(end_heard(&trunk, "SIP/2.0 200") > 0),
	      "answer_takes_another_connection");
	finish();
}

/* An INVITE that an earlier run had by TLS. */
static void test_resumed(void)
{
	const struct sip_reply r = { .status = 503, .to_tag = "stored" };
	struct sip_target source = { 0 };
	struct sip_server *st = NULL;
	struct sip_msg *m;

	begin();
	snprintf(source.uri, sizeof(source.uri), "sip:%s:%u;transport=tls",
		 PBX, port);
	m = fixture_parse(invite_text());
	CHECK_INT(sip_server_resume(gw, m, &source, &st), 0,
		  "server_by_tls_resumed");
	sip_msg_unref(m);
	sip_server_reply(st, &r, NULL);
	CHECK(WAIT_FOR(end_heard(&trunk, "SIP/2.0 503") == 1),
	      "answer_of_next_run_by_tls_arrives");
	finish();
}

/* What a caller behind the PBX wrote, in the way of everybody else. */
static void test_malformed(void)
{
	char text[2048];
	struct sip_stack_stats st;
	struct end own;

	begin();
	pbx_connect(&own);
	snprintf(text, sizeof(text), "%s", fixture_request(
		"MESSAGE", "z9hG4bKm1", "m1", NULL, 1, "Subject: \x01\r\n"));
	end_say(&own, text);
	end_say(&own, invite_text());
	CHECK(WAIT_FOR(requests == 1), "invite_behind_malformed_delivered");
	sip_stack_stats(gw, &st);
	CHECK_INT(st.dropped_parse[STATS_SIP], 1, "malformed_by_tls_counted");
	end_close(&own);
	finish();
}

int main(void)
{
	char dir[] = "/tmp/sluice-tls-XXXXXX";
	struct identity id;
	struct addr a;

	addr_parse_ip(GW, &a);
	if (!mkdtemp(dir) || loop_create(&loop) < 0)
		return 1;
	snprintf(certificate, sizeof(certificate), "%s/crt", dir);
	snprintf(private_key, sizeof(private_key), "%s/key", dir);
	ctx = SSL_CTX_new(TLS_method());
	if (identity_load(certificate, private_key, &a, &id) < 0 ||
	    SSL_CTX_use_certificate(ctx, id.certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, id.key) != 1)
		return 1;
	test_keepalive();
	test_slow_reader();
	test_connection_lost();
	test_resumed();
	test_malformed();
	identity_clear(&id);
	SSL_CTX_free(ctx);
	loop_free(loop);
	unlink(certificate);
	unlink(private_key);
	rmdir(dir);
	return tap_done();
}
