/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that are up, as one line: loss, jitter, MOS, the worst. */
#include <string.h>

#include "ctl/show_parts.h"

struct sums {
	uint64_t received, lost, jitter_us;
	unsigned int calls, rated;
	double mos, worst;
	char worst_call[MEDIA_CALL_ID_LEN + 1];
};

static bool add(void *arg, const struct call_info *info)
{
	struct sums *s = arg;
	struct quality q;

	if (!info->has_media || strcmp(info->state, "up"))
		return true;
	quality_of(&info->media, &q);
	s->received += q.received;
	s->lost += q.lost;
	s->jitter_us += q.jitter_us;
	s->calls++;
	if (!(q.mos > 0))
		return true;
	s->mos += q.mos;
	if (!s->rated++ || q.mos < s->worst) {
		s->worst = q.mos;
		snprintf(s->worst_call, sizeof(s->worst_call), "%s", info->id);
	}
	return true;
}

json_t *show_quality(const struct ctl_context *x)
{
	struct sums s = { 0 };

	calls_each(x->calls, add, &s);
	return json_pack("{s:o, s:f, s:o, s:o, s:o}",
			 "loss_percent", show_percent(s.lost,
						      s.received + s.lost),
			 "jitter_ms", s.calls ? show_round(
				(double)s.jitter_us / s.calls / 1000) : 0.0,
			 "mos", s.rated ? json_real(show_round(
				s.mos / s.rated)) : json_null(),
			 "worst_mos", s.rated ? json_real(show_round(s.worst)) :
						json_null(),
			 "worst_call", s.rated ? ctl_text(s.worst_call) :
						 json_null());
}
