/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "ctl/metrics_http.h"
#include "ctl/metrics_parts.h"

/* The walk over all calls is made so often and no more, whoever asks. */
#define TEXT_AGE_MS	1000

struct metrics {
	const struct ctl_context *x;
	struct metrics_http *http;
	struct metrics_tally tally;
	char *text;
	size_t len;
	uint64_t made_ms;
};

static const struct metrics_tally nothing = {
	.jitter_s.bounds = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2 },
	.mos.bounds = { 1.5, 2, 2.5, 3, 3.5, 3.8, 4, 4.2, 4.3, 4.5 },
	.setup_s.bounds = { 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60 },
	.audio_s.bounds = { 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5 },
};

static const char *text(void *arg, size_t *ret_len)
{
	struct metrics *m = arg;
	char *fresh = NULL;
	size_t len = 0;
	FILE *f;

	if (!m->text || clock_ms() - m->made_ms >= TEXT_AGE_MS) {
		f = open_memstream(&fresh, &len);
		if (!f)
			return NULL;
		metrics_print(f, m->x, &m->tally);
		if (fclose(f)) {
			free(fresh);
			return NULL;
		}
		free(m->text);
		m->text = fresh;
		m->len = len;
		m->made_ms = clock_ms();
	}
	*ret_len = m->len;
	return m->text;
}

int metrics_create(struct loop *loop, const struct ctl_context *context,
		   struct metrics **ret)
{
	struct metrics *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->x = context;
	m->tally = nothing;
	err = metrics_http_create(loop, &context->conf->metrics, text, m,
				  &m->http);
	if (err) {
		free(m);
		return err;
	}
	*ret = m;
	return 0;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	metrics_http_free(m->http);
	free(m->text);
	free(m);
}

static void judge(struct metrics_tally *t, const char *codec,
		  const struct datapath_stream_stats *s)
{
	double mos;

	if (s->received < QUALITY_MIN_PACKETS)
		return;
	metrics_observe(&t->jitter_s, (double)s->jitter_us / 1000000);
	if (!quality_mos(codec, s, &mos))
		metrics_observe(&t->mos, mos);
}

static void ended(struct metrics_tally *t, const struct call_info *info)
{
	static const char *const results[] = METRICS_RESULTS;
	const struct media_stream_figures *s;

	for (int i = 0; i < METRICS_RESULT_COUNT; i++)
		if (!strcmp(results[i], info->result))
			t->calls[info->a.is_web ? 0 : 1][i]++;
	if (info->answer_to_audio_ms)
		metrics_observe(&t->audio_s,
				(double)info->answer_to_audio_ms / 1000);
	for (uint32_t i = 0; info->has_media && i < info->media.stream_count;
	     i++) {
		s = &info->media.stream[i];
		if (strcmp(s->kind, "audio"))
			continue;
		judge(t, s->codec, &s->web_to_sip);
		judge(t, s->codec, &s->sip_to_web);
	}
}

void metrics_call(struct metrics *m, enum calls_notice what,
		  const struct call_info *info)
{
	if (!m)
		return;
	switch (what) {
	case CALLS_ANSWERED:
		metrics_observe(&m->tally.setup_s,
				(double)info->setup_ms / 1000);
		break;
	case CALLS_ONE_WAY:
		m->tally.one_way[info->silent]++;
		break;
	case CALLS_ENDED:
		ended(&m->tally, info);
		break;
	default:
		break;
	}
}

void metrics_media_event(struct metrics *m, const struct message *event)
{
	const struct media_event *e = (const void *)event->data;

	if (!m)
		return;
	if (event->type == MEDIA_DTLS_DONE)
		m->tally.dtls_done++;
	else if (event->type == MEDIA_FAILED &&
		 !strncasecmp(e->detail, "dtls", 4))
		m->tally.dtls_failed++;
}

/* The method of a response: the CSeq's second word. */
static int method_of(const char *text, size_t len)
{
	static const char *const methods[] = METRICS_METHODS;
	const char *p = memmem(text, len, "\nCSeq:", 6), *end = text + len;
	size_t n = 0;

	if (!p)
		return METRICS_METHOD_COUNT - 1;
	for (p += 6; p < end && (*p == ' ' || (*p >= '0' && *p <= '9')); p++)
		;
	while (p + n < end && p[n] >= 'A' && p[n] <= 'Z')
		n++;
	for (int i = 0; i < METRICS_METHOD_COUNT - 1; i++)
		if (strlen(methods[i]) == n && !memcmp(methods[i], p, n))
			return i;
	return METRICS_METHOD_COUNT - 1;
}

void metrics_sip_message(struct metrics *m, bool is_web, const char *text,
			 size_t len)
{
	static const char version[] = "SIP/2.0 ";
	size_t at = sizeof(version) - 1;

	if (!m || len <= at || strncasecmp(text, version, at) ||
	    text[at] < '1' || text[at] > '6')
		return;
	m->tally.responses[is_web][method_of(text, len)][text[at] - '1']++;
}
