/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus, version 0.0.4. Inside ctl/. */
#ifndef CTL_METRICS_TEXT_H
#define CTL_METRICS_TEXT_H

#include <stdint.h>
#include <stdio.h>

#define METRICS_BUCKETS	12

/* bounds: rising, ended by 0 or the array's end; +Inf is implied. */
struct metrics_histogram {
	double bounds[METRICS_BUCKETS];
	uint64_t counts[METRICS_BUCKETS + 1];	/* the last one: above all */
	double sum;
};

void metrics_observe(struct metrics_histogram *h, double value);

/* type: "gauge", "counter", "histogram". */
void metrics_family(FILE *f, const char *name, const char *type,
		    const char *help);
/* Pairs of name and value. */
#define METRICS_LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })
/* labels: as above, or NULL. Values are escaped. */
void metrics_sample(FILE *f, const char *name, double value,
		    const char *const *labels);
void metrics_count(FILE *f, const char *name, uint64_t value,
		   const char *const *labels);
/* Family and samples. */
void metrics_histogram(FILE *f, const char *name, const char *help,
		       const struct metrics_histogram *h);

#endif
