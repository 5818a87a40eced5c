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
/* Labels follow as pairs of name and value, then NULL. Values are escaped. */
void metrics_sample(FILE *f, const char *name, double value, ...)
	__attribute__((sentinel));
void metrics_count(FILE *f, const char *name, uint64_t value, ...)
	__attribute__((sentinel));
/* Family and samples. */
void metrics_histogram(FILE *f, const char *name, const char *help,
		       const struct metrics_histogram *h);

#endif
