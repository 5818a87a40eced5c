// SPDX-License-Identifier: Apache-2.0
#include "lane.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

#define BATCH		16	/* live frames sent at once */
#define SETTLE_MS	30	/* nothing arrives for so long: it is over */

static const char *const gateway_device[] = { "web0", "sip0" };
static const char *const tester_device[] = { "web1", "sip1" };
static const char *const gateway_ip[] = { "192.0.2.1", "198.51.100.1" };
static const char *const tester_ip[] = { "192.0.2.99", "198.51.100.10" };

static void skip(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(4);
}

static void must(int err, const char *what)
{
	if (!err)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

static int run(const char *fmt, ...)
{
	char command[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(command, sizeof(command) - 16, fmt, args);
	va_end(args);
	strcpy(command + n, " >/dev/null 2>&1");
	return system(command);
}

/* ---- layout ------------------------------------------------------------ */

static pid_t hold_namespace(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	must(pipe(ready), "pipe");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	must(pid < 0 || read(ready[0], &byte, 1) != 1, "namespace");
	close(ready[0]);
	return pid;
}

static void hardware_address(const char *device, uint8_t mac[6])
{
	struct ifreq r = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(r.ifr_name, device);
	must(ioctl(fd, SIOCGIFHWADDR, &r), device);
	memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	close(fd);
}

/* Into the tester's namespace and back; the old one's descriptor. */
static int enter(pid_t pid)
{
	char path[64];
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	there = open(path, O_RDONLY | O_CLOEXEC);
	must(home < 0 || there < 0 || setns(there, CLONE_NEWNET), "setns");
	close(there);
	return home;
}

static void leave(int home)
{
	must(setns(home, CLONE_NEWNET), "setns");
	close(home);
}

static void threaded_napi(const char *device, bool is_threaded)
{
	must(run("unshare -m sh -c 'mount -t sysfs s /sys && "
		 "echo %d >/sys/class/net/%s/threaded'", is_threaded, device),
	     "threaded NAPI");
}

static void wire(struct lane *l, int i)
{
	struct lane_tester *t = &l->tester[i];
	int home;

	must(run("ip link add %s type veth peer name %s netns %d",
		 gateway_device[i], tester_device[i], t->pid), "veth");
	must(run("ip addr add %s/24 dev %s && ip link set %s up", gateway_ip[i],
		 gateway_device[i], gateway_device[i]), "gateway side");
	must(run("ethtool -K %s gro on", gateway_device[i]), "GRO");
	threaded_napi(gateway_device[i], true);
	home = enter(t->pid);
	must(run("ip addr add %s/24 dev %s && ip link set %s up", tester_ip[i],
		 tester_device[i], tester_device[i]), "tester side");
	hardware_address(tester_device[i], t->mac);
	t->ifindex = (int)if_nametoindex(tester_device[i]);
	leave(home);
	hardware_address(gateway_device[i], t->gateway_mac);
	must(run("ip neigh replace %s lladdr %02x:%02x:%02x:%02x:%02x:%02x dev %s "
		 "nud permanent", tester_ip[i], t->mac[0], t->mac[1],
		 t->mac[2], t->mac[3], t->mac[4], t->mac[5],
		 gateway_device[i]), "neighbour");
}

static int program(struct bpf_object *obj, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(obj, name));
}

static void load(struct lane *l, int i)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	struct lane_tester *t = &l->tester[i];
	struct bpf_map *frames;
	char path[4200];
	int home;

	snprintf(path, sizeof(path), "%s/traffic.bpf.o", l->folder);
	t->obj = bpf_object__open_file(path, NULL);
	must(!t->obj, path);
	frames = bpf_object__find_map_by_name(t->obj, "tr_frames");
	bpf_map__set_max_entries(frames, LANE_FRAMES);
	must(bpf_object__load(t->obj), "traffic program");
	t->frames = mmap(NULL, sizeof(struct traffic_frame) * LANE_FRAMES,
			 PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(frames), 0);
	must(t->frames == MAP_FAILED, "frame memory");
	t->source = program(t->obj, "traffic_source");
	t->sink = program(t->obj, "traffic_sink");
	home = enter(t->pid);
	t->sink_link = bpf_link_create(t->sink, t->ifindex, BPF_XDP, &opts);
	leave(home);
	must(t->sink_link < 0, "sink");
}

static void find_folder(struct lane *l)
{
	ssize_t n = readlink("/proc/self/exe", l->folder,
			     sizeof(l->folder) - 1);
	char *slash;

	l->folder[n < 0 ? 0 : n] = 0;
	for (int i = 0; i < 2; i++) {
		slash = strrchr(l->folder, '/');
		if (slash)
			*slash = 0;
	}
}

void lane_open(struct lane *l)
{
	struct rlimit open_files = { 65536, 65536 };

	memset(l, 0, sizeof(*l));
	if (geteuid())
		skip("needs root");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip("needs two CPUs");
	setrlimit(RLIMIT_NOFILE, &open_files);
	find_folder(l);
	if (unshare(CLONE_NEWNET))
		skip("cannot make a network namespace");
	run("ip link set lo up");
	for (int i = 0; i < LANE_SIDES; i++) {
		l->tester[i].pid = hold_namespace();
		wire(l, i);
		load(l, i);
	}
	lane_bind(LANE_RELAY_CPU);
}

void lane_close(struct lane *l)
{
	for (int i = 0; i < LANE_SIDES; i++) {
		struct lane_tester *t = &l->tester[i];

		munmap(t->frames, sizeof(struct traffic_frame) * LANE_FRAMES);
		close(t->sink_link);
		bpf_object__close(t->obj);
		kill(t->pid, SIGKILL);
	}
}

/* ---- threads ----------------------------------------------------------- */

static void bind_pid(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(pid, sizeof(set), &set), "CPU affinity");
	must(setpriority(PRIO_PROCESS, (id_t)pid, -20), "priority");
}

void lane_bind(int cpu)
{
	bind_pid(0, cpu);
}

/* Calls back for each NAPI thread of the device; how many there are. */
static int each_napi(const char *device,
		     void (*each)(pid_t pid, void *arg), void *arg)
{
	DIR *d = opendir("/proc");
	char path[300], comm[64], want[32];
	struct dirent *e;
	int n = 0, fd;
	ssize_t len;

	snprintf(want, sizeof(want), "napi/%s-", device);
	while ((e = readdir(d))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = read(fd, comm, sizeof(comm) - 1);
		close(fd);
		comm[len < 0 ? 0 : len] = 0;
		if (strncmp(comm, want, strlen(want)))
			continue;
		each(atoi(e->d_name), arg);
		n++;
	}
	closedir(d);
	return n;
}

/* Before any process, as softirqs are. */
static void bind_each(pid_t pid, void *arg)
{
	struct sched_param first = { .sched_priority = 1 };

	bind_pid(pid, *(int *)arg);
	must(sched_setscheduler(pid, SCHED_FIFO, &first), "priority");
}

static double seconds_of(const char *path)
{
	unsigned long long ns = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	if (fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	fclose(f);
	return (double)ns / 1e9;
}

static void add_time(pid_t pid, void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	*(double *)arg += seconds_of(path);
}

double lane_process_seconds(pid_t pid)
{
	char path[300];
	struct dirent *e;
	double sum = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid,
			 e->d_name);
		sum += seconds_of(path);
	}
	if (d)
		closedir(d);
	return sum;
}

static double napi_seconds(void)
{
	double s = 0;

	for (int i = 0; i < LANE_SIDES; i++)
		each_napi(gateway_device[i], add_time, &s);
	return s;
}

void lane_bind_gateway(struct lane *l, int web_cpu, int sip_cpu)
{
	must(!each_napi(gateway_device[LANE_WEB], bind_each, &web_cpu) ||
	     !each_napi(gateway_device[LANE_SIP], bind_each, &sip_cpu),
	     "no NAPI thread");
}

/* ---- traffic ----------------------------------------------------------- */

static uint16_t header_sum(const uint8_t *p)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void lane_frame(struct lane *l, enum lane_side side, uint32_t index,
		uint16_t from_port, uint16_t to_port, const void *payload,
		uint32_t len)
{
	struct lane_tester *t = &l->tester[side];
	struct traffic_frame *f = &t->frames[index];
	uint8_t *ip = f->data + ETH_HLEN, *udp = ip + 20;

	memcpy(f->data, t->gateway_mac, 6);
	memcpy(f->data + 6, t->mac, 6);
	put16(f->data + 12, ETH_P_IP);
	memset(ip, 0, 28);
	ip[0] = 0x45;
	put16(ip + 2, 28 + len);
	ip[8] = 64;
	ip[9] = 17;
	inet_pton(AF_INET, tester_ip[side], ip + 12);
	inet_pton(AF_INET, gateway_ip[side], ip + 16);
	put16(ip + 10, header_sum(ip));
	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, 8 + len);	/* RFC 768: checksum 0 is none */
	memcpy(udp + 8, payload, len);
	f->len = ETH_HLEN + 28 + len;
}

static struct traffic_arrived arrived(const struct lane_tester *t)
{
	struct traffic_arrived values[256] = { 0 }, all = { 0 };
	uint32_t zero = 0;
	int n = libbpf_num_possible_cpus();

	must(n > 256 || bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(
			t->obj, "tr_arrived"), &zero, values), "tr_arrived");
	for (int i = 0; i < n; i++) {
		all.count += values[i].count;
		if (values[i].last_ns > all.last_ns)
			all.last_ns = values[i].last_ns;
	}
	return all;
}

static int send_frames(const struct lane_tester *t, uint32_t n)
{
	static const uint8_t template[TRAFFIC_TEMPLATE_LEN];
	struct xdp_md ctx = { .data_end = sizeof(template) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = template,
		    .data_size_in = sizeof(template), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = (int)n,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	return bpf_prog_test_run_opts(t->source, &opts);
}

static struct traffic_arrived wait_for_rest(const struct lane_tester *t)
{
	struct traffic_arrived last = arrived(t), now;
	uint64_t since = clock_ms();

	do {
		usleep(2000);
		now = arrived(t);
		if (now.count != last.count) {
			last = now;
			since = clock_ms();
		}
	} while (clock_ms() - since < SETTLE_MS);
	return last;
}

int lane_run(struct lane *l, enum lane_side from, uint32_t first,
	     uint32_t count, double pps, struct lane_result *ret)
{
	struct lane_tester *source = &l->tester[from];
	struct lane_tester *sink = &l->tester[!from];
	struct traffic_state state = {
		.ifindex = (uint32_t)source->ifindex,
		.first = first, .next = first,
		.interval_ps = pps > 0 ? (uint64_t)(1e12 / pps) : 0,
	};
	int fd = bpf_object__find_map_fd_by_name(source->obj, "tr_state");
	uint64_t before = arrived(sink).count;
	struct traffic_arrived after;
	double cpu = napi_seconds();
	uint32_t zero = 0;
	cpu_set_t old;
	int home, err;

	if (bpf_map_update_elem(fd, &zero, &state, BPF_ANY))
		return -errno;
	sched_getaffinity(0, sizeof(old), &old);
	lane_bind(LANE_TESTER_CPU);
	home = enter(source->pid);
	err = send_frames(source, count);
	leave(home);
	after = wait_for_rest(sink);
	ret->arrived = after.count - before;
	sched_setaffinity(0, sizeof(old), &old);
	ret->relay_cpu_s = napi_seconds() - cpu;
	if (err || bpf_map_lookup_elem(fd, &zero, &state))
		return err ? err : -errno;
	ret->sent = state.next - first;
	ret->seconds = (double)(state.end_ns - state.start_ns) / 1e9;
	ret->drain_s = after.last_ns > state.end_ns ?
		(double)(after.last_ns - state.end_ns) / 1e9 : 0;
	return 0;
}

/* ---- two cores --------------------------------------------------------- */

struct sender {
	struct lane *lane;
	enum lane_side side;
	uint32_t count;
	pthread_barrier_t *start;
	double pps;		/* 0: refused */
};

static void *send_on_own_core(void *arg)
{
	struct sender *s = arg;
	struct lane_tester *t = &s->lane->tester[s->side];
	struct traffic_state state = { .ifindex = (uint32_t)t->ifindex };
	int fd = bpf_object__find_map_fd_by_name(t->obj, "tr_state");
	uint32_t zero = 0;

	lane_bind(s->side == LANE_WEB ? LANE_RELAY_CPU : LANE_TESTER_CPU);
	enter(t->pid);
	s->pps = 0;
	bpf_map_update_elem(fd, &zero, &state, BPF_ANY);
	pthread_barrier_wait(s->start);
	if (!send_frames(t, s->count) &&
	    !bpf_map_lookup_elem(fd, &zero, &state) &&
	    state.end_ns > state.start_ns)
		s->pps = 1e9 * s->count / (double)(state.end_ns -
						   state.start_ns);
	return NULL;
}

/* Sides first..last at once. */
static int send_sides(struct lane *l, uint32_t count, int first, int last,
		      double pps[LANE_SIDES])
{
	struct sender s[LANE_SIDES];
	pthread_t thread[LANE_SIDES];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, (unsigned int)(last - first + 1));
	for (int i = first; i <= last; i++) {
		s[i] = (struct sender){ l, i, count, &start, 0 };
		must(pthread_create(&thread[i], NULL, send_on_own_core, &s[i]),
		     "thread");
	}
	for (int i = first; i <= last; i++) {
		pthread_join(thread[i], NULL);
		pps[i] = s[i].pps;
	}
	pthread_barrier_destroy(&start);
	for (int i = first; i <= last; i++)
		wait_for_rest(&l->tester[!i]);
	return pps[first] > 0 && pps[last] > 0 ? 0 : -EIO;
}

int lane_run_cores(struct lane *l, uint32_t count,
		   int (*refill)(void *arg), void *arg,
		   struct lane_cores *ret)
{
	int err = 0;

	for (int i = 0; i < LANE_SIDES; i++)
		threaded_napi(gateway_device[i], false);
	for (int i = 0; i < LANE_SIDES && !err; i++)
		err = send_sides(l, count, i, i, ret->alone);
	if (!err)
		err = refill(arg);
	if (!err)
		err = send_sides(l, count, LANE_WEB, LANE_SIP, ret->together);
	for (int i = 0; i < LANE_SIDES; i++)
		threaded_napi(gateway_device[i], true);
	return err;
}

/* ---- numbers ----------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double lane_median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void bench_print(const char *name, double value, const char *unit,
		 const char *baseline, double ratio)
{
	printf("BENCH {\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"", name,
	       value, unit);
	if (baseline)
		printf(",\"baseline\":\"%s\",\"ratio\":%.3f}\n", baseline,
		       ratio);
	else
		printf(",\"baseline\":null,\"ratio\":null}\n");
	fflush(stdout);
}
