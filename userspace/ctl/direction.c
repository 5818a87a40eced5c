// SPDX-License-Identifier: Apache-2.0
#include "ctl/direction.h"

#include "core/clock.h"

static json_t *age_ms(uint64_t then_ns)
{
	uint64_t now = clock_ns();

	if (!then_ns)
		return json_null();
	return json_integer(now > then_ns ?
			    (json_int_t)((now - then_ns) / 1000000) : 0);
}

static json_t *sources(const struct datapath_stream_stats *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->source_count; i++) {
		const struct datapath_source *f = &s->source[i];

		json_array_append_new(list, json_pack(
			"{s:I, s:I, s:I, s:I, s:f, s:o}",
			"ssrc", (json_int_t)f->ssrc,
			"received_packets", (json_int_t)f->received,
			"lost_packets", (json_int_t)f->lost,
			"late_packets", (json_int_t)f->late,
			"jitter_ms", (double)f->jitter_us / 1000,
			"last_seen_age_ms", age_ms(f->last_seen_ns)));
	}
	return list;
}

json_t *direction_json(const struct datapath_stream_stats *s)
{
	uint64_t expected = s->received + s->lost;
	uint64_t basis = expected ? s->lost * 10000 / expected : 0;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:I, s:I, "
			 "s:o}",
			 "packets", (json_int_t)s->packets,
			 "payload_bytes", (json_int_t)s->bytes,
			 "received_packets", (json_int_t)s->received,
			 "lost_packets", (json_int_t)s->lost,
			 "late_packets", (json_int_t)s->late,
			 "loss_percent", (double)basis / 100,
			 "jitter_ms", (double)s->jitter_us / 1000,
			 "last_seen_age_ms", age_ms(s->last_seen_ns),
			 "in_ssrc", (json_int_t)s->in_ssrc,
			 "out_ssrc", (json_int_t)s->out_ssrc,
			 "sources", sources(s));
}
