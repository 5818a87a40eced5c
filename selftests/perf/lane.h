/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's two networks with a tester on each, for throughput:
 *
 *   [web tester] web1 ---- web0 [gateway] sip0 ---- sip1 [SIP tester]
 *   192.0.2.99             192.0.2.1  198.51.100.1       198.51.100.10
 *
 * The gateway's devices are served on CPU 0 by NAPI threads, which can be bound
 * and whose time can be read, and whatever relays runs there, too. Frames are
 * made on CPU 1, in the kernel. They are counted where they arrive: in the
 * softirq of the CPU that sent them, a few ten ns each that are the relay's
 * cost as a network card's would be.
 */
#ifndef SELFTESTS_LANE_H
#define SELFTESTS_LANE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/addr.h"
#include "traffic.h"

#define LANE_RELAY_CPU		0
#define LANE_TESTER_CPU		1
#define LANE_FRAMES		(1U << 19)

enum lane_side { LANE_WEB = 0, LANE_SIP = 1, LANE_SIDES = 2 };

struct lane_tester {
	pid_t pid;		/* holds the namespace */
	struct bpf_object *obj;
	int source, sink;	/* programs */
	int sink_link;
	int ifindex;		/* in the tester's namespace */
	struct traffic_frame *frames;	/* LANE_FRAMES, shared memory */
	uint8_t mac[6], gateway_mac[6];
};

struct lane {
	struct lane_tester tester[LANE_SIDES];
	char folder[4096];	/* of the build */
};

/* One burst of traffic at a rate, or as fast as it goes. */
struct lane_result {
	uint64_t sent;
	uint64_t arrived;
	double seconds;		/* of sending */
	double drain_s;		/* from the last sent to the last arrived */
	double relay_cpu_s;	/* of NAPI on the gateway's devices */
};

/*
 * Leaves the process in the gateway's namespace, bound to CPU 0. Exits 4 with
 * a TAP skip if the host cannot.
 */
void lane_open(struct lane *l);
void lane_close(struct lane *l);
/* Frame `index` of that side's supply: UDP from the tester to the gateway. */
void lane_frame(struct lane *l, enum lane_side side, uint32_t index,
		uint16_t from_port, uint16_t to_port, const void *payload,
		uint32_t len);
/*
 * Sends `count` frames of `from`, the first of them `first`, and counts what
 * comes out on the other side. pps 0: no pause. Returns when nothing more
 * arrives.
 */
int lane_run(struct lane *l, enum lane_side from, uint32_t first,
	     uint32_t count, double pps, struct lane_result *ret);
/*
 * Both sides send at once, each frame relayed by the CPU that made it: no NAPI
 * threads. Frames a second of each side alone, and of both together, on one
 * CPU each.
 */
struct lane_cores {
	double alone[LANE_SIDES];
	double together[LANE_SIDES];
};
int lane_run_cores(struct lane *l, uint32_t count,
		   int (*refill)(void *arg), void *arg,
		   struct lane_cores *ret);
/* Binds this thread. */
void lane_bind(int cpu);
/* CPU time of all its threads. */
double lane_process_seconds(pid_t pid);
/* Binds the gateway's NAPI threads, one CPU a side. */
void lane_bind_gateway(struct lane *l, int web_cpu, int sip_cpu);

/* ---- numbers ----------------------------------------------------------- */

double lane_median(double *v, int n);
/* One line of `make bench`; baseline NULL: there is none. */
void bench_print(const char *name, double value, const char *unit,
		 const char *baseline, double ratio);

#endif
