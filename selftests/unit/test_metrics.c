/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus, and who asks for it. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"
#include "ctl/metrics_http.h"
#include "ctl/metrics_text.h"
#include "tap.h"

static char *text;

/* Between these two what is printed goes to `text`. */
static FILE *begin(void)
{
	static size_t len;

	free(text);
	text = NULL;
	return open_memstream(&text, &len);
}

static void test_samples(void)
{
	FILE *f = begin();

	metrics_family(f, "a_total", "counter", "What a counts.");
	metrics_count(f, "a_total", UINT64_MAX, NULL);
	metrics_count(f, "a_total", 1, METRICS_LABELS("x", "1", "y", "2"));
	fclose(f);
	CHECK_STR(text, "# HELP a_total What a counts.\n"
		  "# TYPE a_total counter\n"
		  "a_total 18446744073709551615\n"
		  "a_total{x=\"1\",y=\"2\"} 1\n", "sample_with_labels_printed");
	f = begin();
	metrics_count(f, "a", 1, METRICS_LABELS("x", "b\\c\"d\ne"));
	fclose(f);
	CHECK_STR(text, "a{x=\"b\\\\c\\\"d\\ne\"} 1\n", "label_is_escaped");
	f = begin();
	metrics_sample(f, "a", 0.25, NULL);
	metrics_sample(f, "a", 1795653878.967, NULL);
	fclose(f);
	CHECK_STR(text, "a 0.25\na 1795653878.967\n",
		  "sample_keeps_its_digits");
}

static void test_histogram(void)
{
	struct metrics_histogram h = { .bounds = { 1, 2, 5 } };
	FILE *f;

	metrics_observe(&h, 1);
	metrics_observe(&h, 1.5);
	metrics_observe(&h, 100);
	f = begin();
	metrics_histogram(f, "h", "What.", &h);
	fclose(f);
	CHECK_STR(text, "# HELP h What.\n# TYPE h histogram\n"
		  "h_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 2\n"
		  "h_bucket{le=\"5\"} 2\nh_bucket{le=\"+Inf\"} 3\n"
		  "h_sum 102.5\nh_count 3\n", "histogram_is_cumulative");
}

static void test_full(void)
{
	struct metrics_histogram h = { 0 };
	FILE *f;

	for (int i = 0; i < METRICS_BUCKETS; i++)
		h.bounds[i] = i + 1;
	metrics_observe(&h, METRICS_BUCKETS);
	metrics_observe(&h, METRICS_BUCKETS + 1);
	f = begin();
	metrics_histogram(f, "h", "What.", &h);
	fclose(f);
	CHECK(strstr(text, "h_bucket{le=\"11\"} 0\nh_bucket{le=\"12\"} 1\n"
			   "h_bucket{le=\"+Inf\"} 2\n"),
	      "histogram_with_all_buckets_has_them");
	free(text);
}

/* ---- the listener ------------------------------------------------------ */

#define FULL_MS		500
#define CPU_MS		25	/* of these, at most: a busy host gives few */

static struct loop *loop;

static const char *a_text(void *arg, size_t *ret_len)
{
	*ret_len = 2;
	return "a\n";
}

static void stop(void *arg)
{
	loop_stop(loop);
}

static void run_for(uint32_t ms)
{
	struct loop_timer *timer;

	if (!loop_timer_add(loop, ms, stop, NULL, &timer))
		loop_run(loop);
}

/* One that nobody listens on. */
static struct addr free_address(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	struct addr a = { 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (void *)&in, len) || getsockname(fd, (void *)&in, &len) ||
	    addr_from_sockaddr((void *)&in, &a))
		exit(1);
	close(fd);
	return a;
}

static void test_no_descriptor(void)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
	struct addr address = free_address();
	struct metrics_http *h = NULL;
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&address, &sa);
	struct rlimit was, now;
	char answer[512] = "";
	uint64_t until_ms;
	clock_t cpu;
	int fd, last;

	if (loop_create(&loop) ||
	    metrics_http_create(loop, &address, a_text, NULL, &h))
		exit(1);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	last = open("/dev/null", O_RDONLY);
	getrlimit(RLIMIT_NOFILE, &was);
	now = was;
	now.rlim_cur = (rlim_t)last + 1;
	setrlimit(RLIMIT_NOFILE, &now);
	if (connect(fd, (void *)&sa, len) ||
	    send(fd, request, strlen(request), 0) < 0)
		exit(1);
	cpu = clock();
	run_for(FULL_MS);
	CHECK(clock() - cpu < CPU_MS * (CLOCKS_PER_SEC / 1000),
	      "listener_without_descriptors_does_not_spin");
	setrlimit(RLIMIT_NOFILE, &was);
	for (until_ms = clock_ms() + 10000;
	     !*answer && clock_ms() < until_ms; run_for(50))
		if (recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) < 0)
			continue;
	CHECK(!strncmp(answer, "HTTP/1.1 200 ", 13),
	      "listener_with_descriptors_again_serves");
	close(fd);
	close(last);
	metrics_http_free(h);
	loop_free(loop);
}

int main(void)
{
	test_no_descriptor();
	test_samples();
	test_histogram();
	test_full();
	return tap_done();
}
