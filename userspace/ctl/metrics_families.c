/* SPDX-License-Identifier: Apache-2.0 */
/* Each family of metrics, from the modules and the tally. */
#include <string.h>

#include "ctl/metrics_parts.h"
#include "ctl/resources.h"
#include "ctl/show_parts.h"

#define REASONS_MAX	8	/* told apart by sluice_streams; then "other" */

static const char *const sides[] = { "sip", "web" };

struct live {
	uint64_t states[4];
	struct {
		uint32_t backend;
		char reason[64];
		uint64_t streams;
	} paths[REASONS_MAX];
	int path_count;
	uint64_t other;
};

static const char *const states[] = { "setup", "ringing", "up", "ending" };

static void add_streams(struct live *l, const struct media_figures *f)
{
	int i;

	for (i = 0; i < l->path_count; i++)
		if (l->paths[i].backend == f->backend &&
		    !strcmp(l->paths[i].reason, f->backend_reason))
			break;
	if (i == REASONS_MAX) {
		l->other += f->stream_count;
		return;
	}
	if (i == l->path_count) {
		l->path_count++;
		l->paths[i].backend = f->backend;
		memcpy(l->paths[i].reason, f->backend_reason,
		       sizeof(l->paths[i].reason));
	}
	l->paths[i].streams += f->stream_count;
}

static bool add_call(void *arg, const struct call_info *info)
{
	struct live *l = arg;

	for (int i = 0; i < 4; i++)
		l->states[i] += !strcmp(states[i], info->state);
	if (info->has_media)
		add_streams(l, &info->media);
	return true;
}

static void print_build(FILE *f, const struct ctl_context *x)
{
	char contract[16];

	snprintf(contract, sizeof(contract), "%d", SLUICE_CONTRACT_VERSION);
	metrics_family(f, "sluice_build_info", "gauge",
		       "Version of the daemon and of its contract with the "
		       "kernel; always 1.");
	metrics_count(f, "sluice_build_info", 1,
		      METRICS_LABELS("version", x->version,
				     "contract", contract));
	metrics_family(f, "sluice_start_time_seconds", "gauge",
		       "When the daemon started, seconds since 1970.");
	metrics_sample(f, "sluice_start_time_seconds",
		       (double)x->started_wall_ms / 1000, NULL);
}

/* What was counted and measured of calls. */
static void print_figures(FILE *f, const struct metrics_tally *t)
{
	static const char *const directions[] = { "web-to-sip", "sip-to-web" };
	static const char *const results[] = METRICS_RESULTS;

	metrics_family(f, "sluice_calls_total", "counter",
		       "Calls that have ended; failed: by the gateway.");
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < METRICS_RESULT_COUNT; j++)
			metrics_count(f, "sluice_calls_total", t->calls[i][j],
				      METRICS_LABELS(
					      "direction", directions[i],
					      "result", results[j]));
	metrics_family(f, "sluice_one_way_calls_total", "counter",
		       "Times that a side of a call fell silent while the "
		       "other was heard.");
	for (int i = QUALITY_SILENT_WEB; i <= QUALITY_SILENT_SIP; i++)
		metrics_count(f, "sluice_one_way_calls_total", t->one_way[i],
			      METRICS_LABELS("cause", quality_silent_name(i)));
	metrics_histogram(f, "sluice_setup_seconds",
			  "INVITE to answer.", &t->setup_s);
	metrics_histogram(f, "sluice_answer_to_audio_seconds",
			  "Answer to the first packet of the later side.",
			  &t->audio_s);
	metrics_histogram(f, "sluice_rtp_jitter_seconds",
			  "Jitter of each audio direction at its call's end.",
			  &t->jitter_s);
	metrics_histogram(f, "sluice_rtp_mos",
			  "MOS by the E-model of each audio direction at its "
			  "call's end.", &t->mos);
}

static void print_calls(FILE *f, const struct ctl_context *x)
{
	struct live l = { 0 };
	struct calls_stats stats;

	calls_each(x->calls, add_call, &l);
	calls_stats(x->calls, &stats);
	metrics_family(f, "sluice_calls", "gauge", "Calls now.");
	for (int i = 0; i < 4; i++)
		metrics_count(f, "sluice_calls", l.states[i],
			      METRICS_LABELS("state", states[i]));
	metrics_family(f, "sluice_call_attempts_total", "counter",
		       "INVITEs of new calls that the gateway took on.");
	metrics_count(f, "sluice_call_attempts_total", stats.attempts, NULL);
	metrics_family(f, "sluice_streams", "gauge",
		       "Media streams by the path that carries them, and why "
		       "not the preferred one.");
	for (int i = 0; i < l.path_count; i++)
		metrics_count(f, "sluice_streams", l.paths[i].streams,
			      METRICS_LABELS(
				      "path",
				      show_backend_name(l.paths[i].backend),
				      "reason", l.paths[i].reason));
	if (l.other)
		metrics_count(f, "sluice_streams", l.other,
			      METRICS_LABELS("path", "any", "reason", "other"));
	metrics_family(f, "sluice_rtp_lost_packets_total", "counter",
		       "RTP packets missing on the way from that side to the "
		       "gateway.");
	metrics_count(f, "sluice_rtp_lost_packets_total",
		      stats.lost[MEDIA_SIDE_WEB],
		      METRICS_LABELS("side", "web"));
	metrics_count(f, "sluice_rtp_lost_packets_total",
		      stats.lost[MEDIA_SIDE_SIP],
		      METRICS_LABELS("side", "sip"));
}

/* Two names may lead to one address; a series comes once. */
static bool is_seen(const struct ctl_context *x, size_t before,
		    const char *uri)
{
	struct sip_trunk_target target;

	for (size_t i = 0; i < before; i++)
		if (sip_trunk_target(x->stack, i, &target) &&
		    !strcmp(target.uri, uri))
			return true;
	return false;
}

static void print_sip(FILE *f, const struct ctl_context *x,
		      const struct metrics_tally *t)
{
	static const char *const methods[] = METRICS_METHODS;
	static const char *const classes[] = { "1xx", "2xx", "3xx", "4xx",
					       "5xx", "6xx" };
	struct sip_trunk_target target;

	metrics_family(f, "sluice_sip_responses_total", "counter",
		       "SIP responses sent or received on that side.");
	for (int s = 0; s < 2; s++)
		for (int m = 0; m < METRICS_METHOD_COUNT; m++)
			for (int c = 0; c < 6; c++)
				if (t->responses[s][m][c])
					metrics_count(f,
						"sluice_sip_responses_total",
						t->responses[s][m][c],
						METRICS_LABELS(
							"side", sides[s],
							"method", methods[m],
							"class", classes[c]));
	metrics_family(f, "sluice_trunk_up", "gauge",
		       "1: the PBX at this address answers OPTIONS.");
	for (size_t i = 0; sip_trunk_target(x->stack, i, &target); i++)
		if (!is_seen(x, i, target.uri))
			metrics_count(f, "sluice_trunk_up", target.status.up,
				      METRICS_LABELS("trunk", target.uri));
	metrics_family(f, "sluice_registrations", "gauge",
		       "Browsers that are registered.");
	metrics_count(f, "sluice_registrations", registrar_count(x->registrar),
		      METRICS_LABELS("realm", "web"));
}

static void print_media(FILE *f, const struct ctl_context *x,
			const struct metrics_tally *t)
{
	static const char *const names[] = SLUICE_DROP_NAMES;
	struct datapath_totals all[DATAPATH_BACKENDS];
	uint64_t n;

	media_totals(x->media, all);
	metrics_family(f, "sluice_rtp_packets_total", "counter",
		       "RTP packets forwarded, by the side they came from.");
	for (int b = 0; b < DATAPATH_BACKENDS; b++) {
		metrics_count(f, "sluice_rtp_packets_total",
			      all[b].counters[SLUICE_COUNT_RELAYED_WEB],
			      METRICS_LABELS("side", "web", "path",
					     show_backend_name(b)));
		metrics_count(f, "sluice_rtp_packets_total",
			      all[b].counters[SLUICE_COUNT_RELAYED_SIP],
			      METRICS_LABELS("side", "sip", "path",
					     show_backend_name(b)));
	}
	metrics_family(f, "sluice_drops_total", "counter",
		       "Media packets dropped, by reason.");
	for (int i = SLUICE_DROP_NONE + 1; i < SLUICE_DROP_MAX; i++) {
		n = 0;
		for (int b = 0; b < DATAPATH_BACKENDS; b++)
			n += all[b].drops[i];
		metrics_count(f, "sluice_drops_total", n,
			      METRICS_LABELS("reason", names[i]));
	}
	metrics_family(f, "sluice_dtls_handshakes_total", "counter",
		       "DTLS handshakes with browsers.");
	metrics_count(f, "sluice_dtls_handshakes_total", t->dtls_done,
		      METRICS_LABELS("result", "done"));
	metrics_count(f, "sluice_dtls_handshakes_total", t->dtls_failed,
		      METRICS_LABELS("result", "failed"));
}

static void print_certificate(FILE *f, const char *name, const char *file)
{
	int64_t at;

	if (file && !media_certificate_expiry(file, &at))
		metrics_sample(f, "sluice_certificate_expiry_timestamp_seconds",
			       (double)at, METRICS_LABELS("name", name));
}

static void print_web(FILE *f, const struct ctl_context *x)
{
	static const char *const names[] = WSS_COUNTER_NAMES;
	uint64_t counters[WSS_COUNTER_MAX];
	const struct conf *c = x->conf;

	wss_counters(x->wss, counters);
	metrics_family(f, "sluice_ws_clients", "gauge",
		       "WebSocket connections now.");
	metrics_count(f, "sluice_ws_clients", wss_clients(x->wss), NULL);
	metrics_family(f, "sluice_web_drops_total", "counter",
		       "Connections and messages of the web side that were "
		       "refused or dropped, by reason.");
	for (int i = WSS_REFUSED_SUBPROTOCOL; i < WSS_COUNTER_MAX; i++)
		metrics_count(f, "sluice_web_drops_total", counters[i],
			      METRICS_LABELS("reason", names[i]));
	metrics_family(f, "sluice_certificate_expiry_timestamp_seconds",
		       "gauge", "End of a certificate's validity, seconds "
		       "since 1970.");
	print_certificate(f, "dtls", x->certificate);
	print_certificate(f, "web", c->certificate ? c->certificate :
						     x->certificate);
	print_certificate(f, "sip", c->sip_tls_certificate);
}

/* As `show drops` has them. */
static void print_sip_drops(FILE *f, const struct ctl_context *x)
{
	static const char name[] = "sluice_sip_drops_total";
	struct sip_stack_stats s;

	sip_stack_stats(x->stack, &s);
	metrics_family(f, name, "counter",
		       "SIP messages dropped, by side and reason.");
	metrics_count(f, name, s.dropped_source,
		      METRICS_LABELS("side", "sip", "reason", "source"));
	for (int i = 0; i < 2; i++)
		metrics_count(f, name, s.dropped_parse[i],
			      METRICS_LABELS("side", sides[i],
					     "reason", "parse"));
}

static void print_store(FILE *f, const struct ctl_context *x)
{
	struct store_status s;

	store_status(x->store, &s);
	metrics_family(f, "sluice_store_degraded", "gauge",
		       "1: what happens now would not outlive the daemon.");
	metrics_count(f, "sluice_store_degraded", s.is_degraded, NULL);
	metrics_family(f, "sluice_store_failures_total", "counter",
		       "Writes that the store did not take.");
	metrics_count(f, "sluice_store_failures_total", s.failures, NULL);
}

static void print_resources(FILE *f, const struct ctl_context *x)
{
	struct resource all[RESOURCES_MAX];
	size_t count = resources_read(x, all);
	struct resource_memory m;

	resources_memory(&m);
	metrics_family(f, "sluice_resources", "gauge",
		       "What is in use now, by kind.");
	for (size_t i = 0; i < count; i++)
		metrics_count(f, "sluice_resources", all[i].used,
			      METRICS_LABELS("resource", all[i].name));
	metrics_family(f, "sluice_resource_limits", "gauge",
		       "How much of it there can be.");
	for (size_t i = 0; i < count; i++)
		if (all[i].limit)
			metrics_count(f, "sluice_resource_limits",
				      all[i].limit,
				      METRICS_LABELS("resource", all[i].name));
	metrics_family(f, "sluice_memory_bytes", "gauge",
		       "Memory of the daemon: resident, allocated, kept by "
		       "the allocator.");
	metrics_count(f, "sluice_memory_bytes", m.resident,
		      METRICS_LABELS("kind", "resident"));
	metrics_count(f, "sluice_memory_bytes", m.heap_used,
		      METRICS_LABELS("kind", "heap-used"));
	metrics_count(f, "sluice_memory_bytes", m.heap_free,
		      METRICS_LABELS("kind", "heap-free"));
}

void metrics_print(FILE *f, const struct ctl_context *x,
		   const struct metrics_tally *t)
{
	print_build(f, x);
	print_calls(f, x);
	print_figures(f, t);
	print_sip(f, x, t);
	print_media(f, x, t);
	print_web(f, x);
	print_sip_drops(f, x);
	print_store(f, x);
	print_resources(f, x);
}
