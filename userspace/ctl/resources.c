/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/resources.h"

#include <dirent.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/loop.h"

struct list {
	struct resource *all;
	size_t count;
};

static void add(struct list *l, const char *name, uint64_t used,
		uint64_t limit)
{
	if (l->count < RESOURCES_MAX)
		l->all[l->count++] = (struct resource){ name, used, limit };
}

static uint32_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint32_t n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 3;		/* ".", ".." and the folder itself */
}

static void add_calls(struct list *l, const struct ctl_context *x)
{
	struct calls_stats s;

	calls_stats(x->calls, &s);
	add(l, "calls", s.live, LIMIT_CALLS);
	add(l, "dialogs", s.dialogs, 0);
	add(l, "subscriptions", s.subscriptions, LIMIT_SUBSCRIPTIONS);
	add(l, "requests", s.requests, LIMIT_FORWARDS);
	add(l, "farewells", s.farewells, LIMIT_FAREWELLS);
}

static void add_sip(struct list *l, const struct ctl_context *x)
{
	struct sip_stack_stats s;

	sip_stack_stats(x->stack, &s);
	add(l, "server_transactions", s.server_live, LIMIT_SIP_TRANSACTIONS);
	add(l, "client_transactions", s.client_live, LIMIT_SIP_TRANSACTIONS);
	add(l, "trunk_server_transactions", s.nta_servers, 0);
	add(l, "trunk_client_transactions", s.nta_clients, 0);
}

static void add_media(struct list *l, const struct ctl_context *x)
{
	const struct datapath *dp = media_datapath(x->media);
	uint32_t ids = datapath_size(dp) - 1;	/* 0 is none */
	struct media_usage u;

	media_usage(x->media, &u);
	add(l, "media_sessions", u.sessions, LIMIT_MEDIA_SESSIONS);
	add(l, "rtp_ports", u.rtp_ports, u.rtp_port_limit);
	add(l, "datapath_keys", u.datapath.keys, datapath_key_size(dp) - 1);
	add(l, "datapath_transports", u.datapath.transports, ids);
	add(l, "datapath_streams", u.datapath.streams, ids);
	add(l, "datapath_flows", u.datapath.flows,
	    DATAPATH_FLOWS_A_STREAM * (ids + 1));
	add(l, "datapath_ports", u.datapath.ports, SLUICE_MAX_PORTS);
	add(l, "sessions_without_flow", u.lacking_flows, 0);
}

static void add_records(struct list *l, const struct ctl_context *x)
{
	add(l, "stored_calls", store_count(x->store, STORE_CALL), 0);
	add(l, "stored_media", store_count(x->store, STORE_MEDIA), 0);
	add(l, "stored_bindings", store_count(x->store, STORE_BINDING), 0);
	add(l, "stored_subscriptions", store_count(x->store, STORE_SUB), 0);
}

size_t resources_read(const struct ctl_context *x, struct resource *ret)
{
	struct list l = { .all = ret };
	struct rlimit files = { 0 };

	add_calls(&l, x);
	add_sip(&l, x);
	add(&l, "web_clients", wss_clients(x->wss), LIMIT_WSS_CLIENTS);
	add(&l, "registrations", registrar_count(x->registrar),
	    LIMIT_REGISTRATIONS);
	add_media(&l, x);
	add_records(&l, x);
	add(&l, "timers", loop_timer_count(x->loop), 0);
	getrlimit(RLIMIT_NOFILE, &files);
	add(&l, "files", open_files(), files.rlim_cur);
	return l.count;
}

void resources_memory(struct resource_memory *ret)
{
	struct mallinfo2 heap = mallinfo2();
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		if (fscanf(f, "%*u %lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	*ret = (struct resource_memory){
		.resident = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE),
		.heap_used = heap.uordblks + heap.hblkhd,
		.heap_free = heap.fordblks,
	};
}
