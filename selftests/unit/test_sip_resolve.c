/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trunk's addresses by DNS, with a server that the test writes.
 *
 *	pbx.test	SRV over UDP to a and b
 *	naptr.test	NAPTR to TCP, SRV to a
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/loop.h"
#include "sip/stack.h"
#include "tap.h"
#include "wait_for.h"

#define TYPE_A		1
#define TYPE_SRV	33
#define TYPE_NAPTR	35

static struct sip_stack *gw;
static int dns;			/* the server's socket */
static char resolv_conf[64];
static const char *broken;	/* name of a server error, or NULL */
static unsigned int errors;

/* The name server answers meanwhile. */
#define SERVE_FOR(cond)	WAIT_FOR((dns_serve(), (cond)))

/* ---- the server ------------------------------------------------------- */

struct packet {
	unsigned char data[512];
	size_t len;
};

static void put(struct packet *p, const void *data, size_t len)
{
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

static void put16(struct packet *p, unsigned int n)
{
	const unsigned char two[2] = { (unsigned char)(n >> 8),
				       (unsigned char)n };

	put(p, two, 2);
}

static void put_text(struct packet *p, const char *text)
{
	const unsigned char len = (unsigned char)strlen(text);

	put(p, &len, 1);
	put(p, text, len);
}

static void put_name(struct packet *p, const char *name)
{
	char label[64];
	size_t len;

	for (; *name; name += len + (name[len] == '.')) {
		len = strcspn(name, ".");
		snprintf(label, sizeof(label), "%.*s", (int)len, name);
		put_text(p, label);
	}
	put(p, "", 1);
}

/* "pbx.test" of the question's labels. */
static void get_name(const unsigned char *p, char *ret)
{
	const char *dot = "";

	for (; *p; p += *p + 1, dot = ".")
		ret += sprintf(ret, "%s%.*s", dot, *p, (const char *)p + 1);
}

/* An answer about the question's name that lives for a second. */
static size_t begin_record(struct packet *p, unsigned int type)
{
	put16(p, 0xc00c);
	put16(p, type);
	put16(p, 1);
	put16(p, 0);
	put16(p, 1);
	put16(p, 0);
	p->data[7]++;
	return p->len;
}

static void end_record(struct packet *p, size_t from)
{
	p->data[from - 1] = (unsigned char)(p->len - from);
}

static void put_srv(struct packet *p, const char *target, unsigned int port)
{
	size_t from = begin_record(p, TYPE_SRV);

	put16(p, 10);
	put16(p, 0);
	put16(p, port);
	put_name(p, target);
	end_record(p, from);
}

static void put_naptr(struct packet *p, const char *replacement)
{
	size_t from = begin_record(p, TYPE_NAPTR);

	put16(p, 10);
	put16(p, 50);
	put_text(p, "s");
	put_text(p, "SIP+D2T");
	put_text(p, "");
	put_name(p, replacement);
	end_record(p, from);
}

static void put_a(struct packet *p, const char *ip)
{
	size_t from = begin_record(p, TYPE_A);
	struct in_addr a;

	inet_pton(AF_INET, ip, &a);
	put(p, &a, 4);
	end_record(p, from);
}

static void answer(struct packet *p, const char *name, unsigned int type)
{
	if (broken && !strcmp(name, broken)) {
		p->data[3] |= 2;	/* SERVFAIL */
		errors++;
	} else if (type == TYPE_SRV && !strcmp(name, "_sip._udp.pbx.test")) {
		put_srv(p, "a.test", 5070);
		put_srv(p, "b.test", 5070);
	} else if (type == TYPE_NAPTR && !strcmp(name, "naptr.test")) {
		put_naptr(p, "_sip._tcp.naptr.test");
	} else if (type == TYPE_SRV && !strcmp(name, "_sip._tcp.naptr.test")) {
		put_srv(p, "a.test", 5070);
	} else if (type == TYPE_A && !strcmp(name, "a.test")) {
		put_a(p, "127.0.0.13");
	} else if (type == TYPE_A && !strcmp(name, "b.test")) {
		put_a(p, "127.0.0.14");
	} else {
		p->data[3] |= 3;	/* NXDOMAIN */
	}
}

static void dns_serve(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct packet p = { .len = 0 };
	char name[256] = "?";
	unsigned int type;
	size_t end = 12;
	ssize_t n;

	while ((n = recvfrom(dns, p.data, sizeof(p.data), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len)) > 17) {
		get_name(p.data + 12, name);
		while (p.data[end])
			end += p.data[end] + 1U;
		type = (unsigned int)p.data[end + 1] << 8 | p.data[end + 2];
		p.len = end + 5;
		memcpy(p.data + 2, "\x84\x80\0\1\0\0\0\0\0\0", 10);
		answer(&p, name, type);
		sendto(dns, p.data, p.len, 0, (struct sockaddr *)&from, len);
		len = sizeof(from);
		end = 12;
	}
}

static void dns_start(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd;
	FILE *f;

	dns = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.13", &sin.sin_addr);
	bind(dns, (struct sockaddr *)&sin, sizeof(sin));
	getsockname(dns, (struct sockaddr *)&sin, &len);
	snprintf(resolv_conf, sizeof(resolv_conf), "/tmp/sluice-dns-XXXXXX");
	fd = mkstemp(resolv_conf);
	f = fdopen(fd, "w");
	fprintf(f, "nameserver 127.0.0.13\nport %u\n", ntohs(sin.sin_port));
	fclose(f);
}

/* What is due now has run. */
static void turn(void)
{
	struct loop_timer *t;

	dns_serve();
	loop_timer_add(loop, 1, ticked, &t, &t);
	loop_run(loop);
}

/* ---- tests ------------------------------------------------------------ */

static void begin(const char *pbx)
{
	static const struct sip_user user;
	struct sip_settings settings = {
		.pbx = pbx, .resolv_conf = resolv_conf,
	};

	broken = NULL;
	errors = 0;
	addr_parse_ip("127.0.0.12", &settings.listen);
	if (sip_stack_create(loop, &settings, &user, &gw) < 0)
		exit(tap_check(0, __FILE__, __LINE__, "stack_created"));
}

static bool is_known(const char *ip)
{
	struct addr a;

	addr_parse_ip(ip, &a);
	return sip_trunk_is_allowed(gw, &a);
}

/* One of two names cannot be looked up for a while. */
static void test_partial(void)
{
	begin("sip:pbx.test;transport=udp");
	CHECK(SERVE_FOR(is_known("127.0.0.13") && is_known("127.0.0.14")),
	      "both_targets_are_found");
	broken = "b.test";
	CHECK(SERVE_FOR(errors > 0), "one_target_is_asked_for_again");
	for (int i = 0; i < 20; i++)
		turn();
	CHECK(is_known("127.0.0.14"), "target_without_an_answer_stays");
	sip_stack_free(gw);
}

/* The URI says no transport, NAPTR says TCP: Contact, too. */
static void test_naptr(void)
{
	begin("sip:naptr.test");
	CHECK(SERVE_FOR(is_known("127.0.0.13")), "naptr_target_is_found");
	CHECK(strstr(sip_stack_host(gw), ";transport=tcp"),
	      "contact_has_the_transport_of_naptr");
	sip_stack_free(gw);
}

int main(void)
{
	if (loop_create(&loop) < 0)
		return 1;
	dns_start();
	test_partial();
	test_naptr();
	unlink(resolv_conf);
	close(dns);
	loop_free(loop);
	return tap_done();
}
