/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/metrics_text.h"

#include <inttypes.h>

static int bucket_count(const struct metrics_histogram *h)
{
	int n = 0;

	while (n < METRICS_BUCKETS && h->bounds[n] > 0)
		n++;
	return n;
}

void metrics_observe(struct metrics_histogram *h, double value)
{
	int n = bucket_count(h), i = 0;

	while (i < n && value > h->bounds[i])
		i++;
	h->counts[i]++;
	h->sum += value;
}

void metrics_family(FILE *f, const char *name, const char *type,
		    const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_value(FILE *f, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", f);
			continue;
		}
		if (*value == '\\' || *value == '"')
			fputc('\\', f);
		fputc(*value, f);
	}
}

static void put_name(FILE *f, const char *name, const char *const *labels)
{
	char before = '{';

	fputs(name, f);
	for (; labels && *labels; labels += 2) {
		fprintf(f, "%c%s=\"", before, labels[0]);
		put_value(f, labels[1]);
		fputc('"', f);
		before = ',';
	}
	if (before == ',')
		fputc('}', f);
}

void metrics_sample(FILE *f, const char *name, double value,
		    const char *const *labels)
{
	put_name(f, name, labels);
	fprintf(f, " %.15g\n", value);
}

void metrics_count(FILE *f, const char *name, uint64_t value,
		   const char *const *labels)
{
	put_name(f, name, labels);
	fprintf(f, " %" PRIu64 "\n", value);
}

void metrics_histogram(FILE *f, const char *name, const char *help,
		       const struct metrics_histogram *h)
{
	int n = bucket_count(h);
	uint64_t total = 0;

	metrics_family(f, name, "histogram", help);
	for (int i = 0; i < n; i++) {
		total += h->counts[i];
		fprintf(f, "%s_bucket{le=\"%.15g\"} %" PRIu64 "\n", name,
			h->bounds[i], total);
	}
	total += h->counts[n];
	fprintf(f, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, total);
	fprintf(f, "%s_sum %.15g\n%s_count %" PRIu64 "\n", name, h->sum, name,
		total);
}
