// SPDX-License-Identifier: Apache-2.0
/*
 * soak WEB_NAMESPACE SIP_NAMESPACE GATEWAY_IP PBX_IP WEB_IP...
 *
 * Clients that come and go as they are told on stdin, a line `WHAT COUNT` each,
 * answered by `done WHAT COUNT ERRORS` once so many are over:
 *
 *	clients		connect and register, and stay
 *	calls		INVITE to BYE, without media
 *	media		INVITE, ICE, DTLS, a few SRTP packets, BYE
 *	registrations	unregister and register again
 *	connections	leave, connect and register again
 *
 * CLIENTS= as load.c. Ends with its stdin.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

#define AT_A_TIME	48

static const struct load_places *places;
static uint32_t wanted, begun;
static void (*begin)(struct phone *p);

/* The next one in the place of one that is over. */
static void over(struct phone *p)
{
	p->is_busy = false;
	load.done++;
	if (begun >= wanted)
		return;
	begun++;
	begin(load_next_idle());
}

static bool go_round(uint32_t n, void (*what)(struct phone *p),
		     void (*on_event)(struct phone *p, enum phone_event e))
{
	load.on_event = on_event;
	load.done = 0;
	begin = what;
	wanted = n;
	begun = n < AT_A_TIME ? n : AT_A_TIME;
	if (begun > load.count)
		begun = load.count;
	for (uint32_t i = 0, first = begun; i < first; i++)
		what(load_next_idle());
	return load_until(n);
}

/* ---- calls ------------------------------------------------------------- */

static void calling(struct phone *p, enum phone_event e)
{
	if (e == PHONE_ANSWERED)
		phone_bye(p);
	else if (e == PHONE_ENDED || e == PHONE_FAILED)
		over(p);
}

static void talking(struct phone *p, enum phone_event e)
{
	if (e == PHONE_ANSWERED) {
		load_media_begin(p, places->web_ips[p->index %
						    places->web_ip_count],
				 places->gateway_ip, phone_bye);
	} else if (e == PHONE_ENDED || e == PHONE_FAILED) {
		load_media_end(p);
		over(p);
	}
}

/* ---- registrations ----------------------------------------------------- */

static void renew(struct phone *p)
{
	p->is_busy = true;
	p->is_gone = false;
	phone_unregister(p);
}

static void renewing(struct phone *p, enum phone_event e)
{
	if (e == PHONE_REGISTERED && !p->is_gone) {
		p->is_gone = true;
		phone_register(p);
	} else if (e == PHONE_REGISTERED || e == PHONE_FAILED) {
		over(p);
	}
}

static void refresh(struct phone *p)
{
	p->is_busy = true;
	phone_register(p);
}

static void refreshing(struct phone *p, enum phone_event e)
{
	if (e == PHONE_REGISTERED || e == PHONE_FAILED)
		over(p);
}

/* ---- connections ------------------------------------------------------- */

/* Every other one without a word. */
static void reconnect(struct phone *p)
{
	p->is_busy = true;
	if (begun % 2)
		phone_leave(p);
	else
		phone_close(p);
	load_connect(p);
}

static void reconnecting(struct phone *p, enum phone_event e)
{
	if (e == PHONE_READY)
		phone_register(p);
	else if (e == PHONE_REGISTERED || e == PHONE_FAILED)
		over(p);
}

/* ---- orders ------------------------------------------------------------ */

static bool run(const char *what, uint32_t n)
{
	if (!strcmp(what, "clients")) {
		load_arrive(n);
		return true;
	}
	/* Nobody's registration runs out meanwhile. */
	if (!go_round(load.count, refresh, refreshing))
		return false;
	if (!strcmp(what, "calls"))
		return go_round(n, phone_invite, calling);
	if (!strcmp(what, "media"))
		return go_round(n, phone_invite, talking);
	if (!strcmp(what, "registrations"))
		return go_round(n, renew, renewing);
	if (!strcmp(what, "connections"))
		return go_round(n, reconnect, reconnecting);
	fprintf(stderr, "soak: what is \"%s\"?\n", what);
	return false;
}

static void ordered(void *arg)
{
	static char line[256];
	static size_t len;
	ssize_t got = read(STDIN_FILENO, line + len, sizeof(line) - 1 - len);
	char what[32], *end;
	uint32_t n;

	if (got <= 0)
		exit(0);
	len += (size_t)got;
	line[len] = '\0';
	end = strchr(line, '\n');
	if (!end)
		return;
	if (sscanf(line, "%31s %u", what, &n) != 2 || !run(what, n))
		exit(1);
	printf("done %s %u %u\n", what, n, load.errors);
	fflush(stdout);
	len = 0;		/* an order comes after the last one's answer */
}

int main(int argc, char **argv)
{
	static struct load_source orders = { ordered, NULL };
	struct load_places all;

	if (argc < 6) {
		fprintf(stderr, "usage: soak WEB_NS SIP_NS GATEWAY_IP PBX_IP "
				"WEB_IP...\n");
		return 2;
	}
	all = (struct load_places){
		.web_ns = argv[1], .sip_ns = argv[2], .gateway_ip = argv[3],
		.pbx_ip = argv[4], .web_ips = (const char **)argv + 5,
		.web_ip_count = (uint32_t)argc - 5 };
	places = &all;
	load_begin(&all);
	load_media_init();
	load.repeat = load_media_repeat;
	load_watch(STDIN_FILENO, EPOLLIN, &orders);
	for (;;)
		load_turn();
}
