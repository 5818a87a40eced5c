/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus. */
#include <stdlib.h>

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

int main(void)
{
	test_samples();
	test_histogram();
	test_full();
	return tap_done();
}
