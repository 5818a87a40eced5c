// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "load.h"

#define CONNECTING	64	/* handshakes at a time */
#define STUCK_MS	15000

struct load_run load;

static int epoll_fd, pbx_fd;
static const char *gateway_ip, **web_ips;
static uint32_t web_ip_count;
static SSL_CTX *client_context;

/* ---- the loop ---------------------------------------------------------- */

static void told(struct phone *p, enum phone_event e)
{
	if (e == PHONE_ENDED || e == PHONE_FAILED)
		p->is_busy = false;
	if (e == PHONE_FAILED)
		load.errors++;
	load.on_event(p, e);
}

static void pbx_ready(void *arg)
{
	pbx_serve(pbx_fd);
}

void load_watch(int fd, uint32_t events, struct load_source *source)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		perror("load: epoll");
		exit(1);
	}
}

void load_turn(void)
{
	struct load_source *source;
	static uint64_t repeated_ms;
	struct epoll_event ev[256];
	int n = epoll_wait(epoll_fd, ev, 256, 100);

	if (clock_ms() - repeated_ms > 100) {
		repeated_ms = clock_ms();
		pbx_repeat(pbx_fd);
		if (load.repeat)
			load.repeat();
	}

	for (int i = 0; i < n; i++) {
		source = ev[i].data.ptr;
		source->ready(source->arg);
	}
}

bool load_until(uint32_t want)
{
	uint64_t since = clock_ms();
	uint32_t last = load.done;

	while (load.done < want) {
		load_turn();
		if (load.done != last) {
			last = load.done;
			since = clock_ms();
		} else if (clock_ms() - since > STUCK_MS) {
			fprintf(stderr, "load: stuck at %u of %u\n", load.done,
				want);
			for (uint32_t i = 0; i < load.count; i++)
				if (load.phones[i].is_busy)
					fprintf(stderr, "load: client %u waits "
						"in call %u (%s)\n", i,
						load.phones[i].call,
						load.phones[i].to_tag[0] ?
						"answered" : "not answered");
			return false;
		}
	}
	return true;
}

void load_for(uint64_t ms)
{
	uint64_t end = clock_ms() + ms;

	while (clock_ms() < end)
		load_turn();
}

/* ---- clients come ------------------------------------------------------ */

static uint32_t next_client, clients_wanted;

static void phone_ready(void *arg)
{
	phone_serve(arg);
}

void load_connect(struct phone *p)
{
	int err = phone_connect(p, client_context,
				web_ips[p->index % web_ip_count], gateway_ip);

	if (err) {
		fprintf(stderr, "load: connect: %s\n", strerror(-err));
		exit(1);
	}
	p->source = (struct load_source){ phone_ready, p };
	load_watch(p->fd, EPOLLIN | EPOLLOUT | EPOLLET, &p->source);
}

static void connect_next(void)
{
	struct phone *p;

	if (next_client >= clients_wanted)
		return;
	p = &load.phones[next_client];
	p->index = next_client++;
	p->told = told;
	load_connect(p);
}

static void arriving(struct phone *p, enum phone_event e)
{
	if (e == PHONE_READY) {
		phone_register(p);
	} else if (e == PHONE_REGISTERED || e == PHONE_FAILED) {
		load.done++;
		connect_next();
	}
}

void load_arrive(uint32_t clients)
{
	load.on_event = arriving;
	load.done = next_client;
	clients_wanted = clients;
	for (int i = 0; i < CONNECTING; i++)
		connect_next();
	if (!load_until(clients) || load.errors)
		exit(1);
}

struct phone *load_next_idle(void)
{
	static uint32_t next;

	do
		next = (next + 1) % load.count;
	while (load.phones[next].is_busy);
	return &load.phones[next];
}

/* ---- begin ------------------------------------------------------------- */

static void enter(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		perror(path);
		exit(1);
	}
	close(fd);
}

uint32_t load_number(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);
	long n = text ? strtol(text, NULL, 10) : 0;

	return n < 1 || n > 1000000 ? otherwise : (uint32_t)n;
}

void load_begin(const struct load_places *places)
{
	static struct load_source pbx = { pbx_ready, NULL };
	struct rlimit open_files = { 65536, 65536 };

	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &open_files);
	gateway_ip = places->gateway_ip;
	web_ips = places->web_ips;
	web_ip_count = places->web_ip_count;
	load.count = load_number("CLIENTS", 2000);
	load.phones = calloc(load.count, sizeof(*load.phones));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	client_context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(client_context, SSL_MODE_AUTO_RETRY);
	enter(places->sip_ns);
	pbx_fd = pbx_open(places->pbx_ip);
	load_watch(pbx_fd, EPOLLIN, &pbx);
	enter(places->web_ns);
}
