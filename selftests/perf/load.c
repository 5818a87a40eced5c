// SPDX-License-Identifier: Apache-2.0
/*
 * load PID[,PID...] WEB_NAMESPACE SIP_NAMESPACE GATEWAY_IP PBX_IP WEB_IP...
 *
 * SIP load on a gateway (or whatever stands in its place) from clients over
 * secure WebSocket towards a PBX of this process's own. Prints a line
 * `FIGURE name value unit` for each thing measured; CPU and memory are those of
 * the processes PID.
 *
 * CLIENTS= (2000) at most 900 for each WEB_IP, CALLS= (20000) of the leak test,
 * SECONDS_EACH= (4) of refreshes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "load.h"

#define ASKING		128	/* refreshes at a time */
#define CALLING		48	/* calls at a time */
#define HELD		500	/* calls up at once */
#define SAMPLES		200	/* of set-up time, one call at a time */
#define SHORT_TIMERS_MS	6000	/* RFC 3261 17.1.2.2: T4 and a bit */
#define LONG_TIMERS_MS	42000	/* 64 * T1, and then freed memory goes back */

static const char *pids;
static double *samples;
static uint32_t sample_count;

/* ---- the processes under load ------------------------------------------ */

static double each_pid(double (*read_one)(const char *pid))
{
	char *copy = strdup(pids), *save = NULL, *pid;
	double sum = 0;

	for (pid = strtok_r(copy, ",", &save); pid;
	     pid = strtok_r(NULL, ",", &save))
		sum += read_one(pid);
	free(copy);
	return sum;
}

/* Proportional, so that forked processes' shared pages count once. */
static double memory_of(const char *pid)
{
	char path[64], line[256];
	double kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %lf", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static double cpu_of(const char *pid)
{
	unsigned long user = 0, system = 0;
	char path[64], line[1024], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "r");
	p = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	if (p)
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu "
		       "%lu", &user, &system);
	if (f)
		fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double memory_kb(void)
{
	return each_pid(memory_of);
}

static double cpu_s(void)
{
	return each_pid(cpu_of);
}

static void figure(const char *name, double value, const char *unit)
{
	printf("FIGURE %s %.6g %s\n", name, value, unit);
	fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double percentile(double p)
{
	if (!sample_count)
		return 0;
	qsort(samples, sample_count, sizeof(*samples), by_value);
	return samples[(uint32_t)(p * (sample_count - 1))];
}

static void sample(const struct phone *p)
{
	if (sample_count < 1000000)
		samples[sample_count++] =
			(double)(clock_ns() - p->asked_ns) / 1e6;
}

/*
 * In two halves: the first one's transactions leave memory that the second
 * one's use again, so that what the second half adds is what clients take.
 */
static void measure_arrival(void)
{
	double before, cpu = cpu_s();
	uint32_t half = load.count / 2;
	uint64_t start = clock_ns();

	load_arrive(half);
	figure("wss_clients_per_s",
	       1e9 * half / (double)(clock_ns() - start), "clients/s");
	figure("wss_client_cpu_ms", 1e3 * (cpu_s() - cpu) / half, "ms");
	load_for(SHORT_TIMERS_MS);
	before = memory_kb();
	load_arrive(load.count);
	load_for(SHORT_TIMERS_MS);
	figure("wss_client_kb", (memory_kb() - before) / (load.count - half),
	       "KiB");
}

/* ---- refreshes --------------------------------------------------------- */

static bool is_over;

static void refreshing(struct phone *p, enum phone_event e)
{
	static uint32_t next;

	if (e != PHONE_REGISTERED)
		return;
	load.done++;
	if (is_over)
		return;
	/* Round the clients, so that each refreshes now and then. */
	next = (next + 1) % load.count;
	if (load.phones[next].state == PHONE_OPEN)
		phone_register(&load.phones[next]);
}

static void measure_refreshes(uint64_t ms)
{
	uint64_t start = clock_ns();
	double cpu = cpu_s();
	uint32_t n;

	load.on_event = refreshing;
	is_over = false;
	load.done = 0;
	for (uint32_t i = 0; i < ASKING && i < load.count; i++)
		phone_register(&load.phones[i * (load.count / ASKING)]);
	load_for(ms);
	n = load.done;
	figure("register_per_s", 1e9 * n / (double)(clock_ns() - start),
	       "requests/s");
	figure("register_cpu_ms", 1e3 * (cpu_s() - cpu) / n, "ms");
	is_over = true;
	load_until(n + ASKING);
}

/* ---- calls ------------------------------------------------------------- */

static uint32_t calls_wanted;	/* to begin, in all */
static uint32_t calls_begun;

static void calling(struct phone *p, enum phone_event e)
{
	switch (e) {
	case PHONE_RINGING:
		sample(p);
		break;
	case PHONE_ANSWERED:
		phone_bye(p);
		break;
	case PHONE_ENDED:
	case PHONE_FAILED:
		load.done++;
		if (calls_begun < calls_wanted) {
			calls_begun++;
			phone_invite(load_next_idle());
		}
		break;
	default:
		break;
	}
}

/* So many calls, so many at a time, round the clients. */
static bool make_calls(uint32_t n, uint32_t at_a_time)
{
	load.on_event = calling;
	load.done = 0;
	sample_count = 0;
	calls_wanted = n;
	calls_begun = at_a_time < n ? at_a_time : n;
	for (uint32_t i = 0, first = calls_begun; i < first; i++)
		phone_invite(load_next_idle());
	return load_until(n);
}

static uint32_t held_wanted;
static void (*hold_next)(struct phone *p);

/* One after the other, as callers come: done is who is next, too. */
static void holding(struct phone *p, enum phone_event e)
{
	if (e != PHONE_ANSWERED && e != PHONE_ENDED && e != PHONE_FAILED)
		return;
	load.done++;
	if (calls_begun < held_wanted)
		hold_next(&load.phones[calls_begun++]);
}

static bool each_held(uint32_t n, void (*what)(struct phone *p))
{
	load.on_event = holding;
	hold_next = what;
	held_wanted = n;
	calls_begun = CALLING < n ? CALLING : n;
	load.done = 0;
	for (uint32_t i = 0, first = calls_begun; i < first; i++)
		what(&load.phones[i]);
	return load_until(n);
}

static void measure_held(void)
{
	uint32_t n = HELD < load.count ? HELD : load.count;
	double before = memory_kb();

	if (!each_held(n, phone_invite))
		exit(1);
	figure("call_kb", (memory_kb() - before) / n, "KiB");
	if (!each_held(n, phone_bye))
		exit(1);
}

/*
 * In two halves, each until its transactions are gone: what the second one adds
 * to memory is lost.
 */
static void measure_calls(uint32_t calls)
{
	uint32_t half = calls / 2;
	double cpu, memory[2];
	uint64_t start;

	make_calls(SAMPLES, 1);
	figure("invite_to_ringing_ms", percentile(0.5), "ms");
	for (int i = 0; i < 2; i++) {
		cpu = cpu_s();
		start = clock_ns();
		if (!make_calls(half, CALLING))
			exit(1);
		if (i) {
			figure("calls_per_s", 1e9 * half /
			       (double)(clock_ns() - start), "calls/s");
			figure("call_cpu_ms", 1e3 * (cpu_s() - cpu) / half,
			       "ms");
			figure("invite_to_ringing_loaded_ms", percentile(0.5),
			       "ms");
		}
		load_for(LONG_TIMERS_MS);
		memory[i] = memory_kb();
	}
	figure("growth_per_1000_calls_kb",
	       1000 * (memory[1] - memory[0]) / half, "KiB");
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "usage: load PID[,PID] WEB_NS SIP_NS GATEWAY_IP "
				"PBX_IP WEB_IP...\n");
		return 2;
	}
	pids = argv[1];
	samples = calloc(1000000, sizeof(*samples));
	load_begin(&(struct load_places){
		.web_ns = argv[2], .sip_ns = argv[3], .gateway_ip = argv[4],
		.pbx_ip = argv[5], .web_ips = (const char **)argv + 6,
		.web_ip_count = (uint32_t)argc - 6 });
	/* The PBX answers the gateway's OPTIONS before anybody calls. */
	load_for(6000);
	measure_arrival();
	measure_held();
	measure_refreshes(1000 * load_number("SECONDS_EACH", 4));
	measure_calls(load_number("CALLS", 20000));
	figure("load_errors", load.errors, "errors");
	return 0;
}
