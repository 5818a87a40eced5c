/* SPDX-License-Identifier: Apache-2.0 */
/* The E-model (ITU-T G.107, G.113) and who has fallen silent. */
#include <errno.h>
#include <math.h>

#include "media/quality.h"
#include "tap.h"

#define NOW_MS	100000

static int near(double got, double want, double by)
{
	if (fabs(got - want) <= by)
		return 1;
	printf("# got %f, want %f\n", got, want);
	return 0;
}

static void test_model(void)
{
	/* G.107 annex B: what R means */
	static const struct { double r, mos; } table[] = {
		{ 93.2, 4.41 }, { 90, 4.34 }, { 80, 4.02 }, { 70, 3.60 },
		{ 60, 3.10 }, { 50, 2.58 }, { 0, 1 }, { -10, 1 },
		{ 100, 4.5 }, { 120, 4.5 },
	};
	double mos, last = 0;
	int bad = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		bad += !near(quality_mos_of_rating(table[i].r), table[i].mos,
			     0.006);
	CHECK_INT(bad, 0, "mos_of_rating_as_in_annex_b");
	bad = 0;
	for (double r = 0; r <= 100; r += 0.5) {
		mos = quality_mos_of_rating(r);
		bad += mos < last || mos < 1 || mos > 4.5;
		last = mos;
	}
	CHECK_INT(bad, 0, "mos_of_rating_never_falls");

	CHECK(near(quality_rating(0, 25.1, 0, 0), 93.2, 1e-9),
	      "rating_perfect_is_the_default");
	/* 95 * 5 / (5 + 25.1) */
	CHECK(near(quality_rating(0, 25.1, 5, 0), 93.2 - 15.78, 0.01),
	      "rating_g711_with_5_percent_lost");
	/* 11 + 84 * 2 / (2 + 19): G.729A of table I.3 */
	CHECK(near(quality_rating(11, 19, 2, 0), 93.2 - 19, 0.01),
	      "rating_g729a_with_2_percent_lost");
	CHECK(near(quality_rating(0, 25.1, 0, 100), 93.2 - 2.4, 0.01) &&
	      near(quality_rating(0, 25.1, 0, 277.3),
		   93.2 - 6.6552 - 11, 0.01),
	      "rating_delay_counts_more_above_177_ms");
	CHECK(quality_rating(0, 4.3, 100, 2000) == 0,
	      "rating_is_never_negative");
}

static void test_streams(void)
{
	struct datapath_stream_stats s = { .received = 1000 };
	double clean = 0, worse = 0, jittery = 0, opus = 0, none = 7;

	CHECK(!quality_mos("PCMU", &s, &clean) && near(clean, 4.39, 0.01),
	      "mos_g711_without_loss");
	s.lost = 50;
	CHECK(!quality_mos("pcmu", &s, &worse) && worse < clean - 0.3,
	      "mos_loss_lowers_it");
	CHECK(!quality_mos("opus", &s, &opus) && opus < worse && opus > 3,
	      "mos_opus_is_known");
	s.lost = 0;
	s.jitter_us = 60000;
	CHECK(!quality_mos("PCMA", &s, &jittery) && jittery < clean,
	      "mos_jitter_lowers_it");
	CHECK_INT(quality_mos("G7221", &s, &none), -ENOENT,
		  "mos_unknown_codec_has_none");
	s.received = QUALITY_MIN_PACKETS - 1;
	CHECK_INT(quality_mos("opus", &s, &none), -ENODATA,
		  "mos_of_few_packets_has_none");
	CHECK(none == 7, "mos_failed_output_untouched");
	s = (struct datapath_stream_stats){ .received = 50, .lost = 1000000 };
	CHECK(!quality_mos("PCMU", &s, &none) && none >= 1 && none < 1.3,
	      "mos_nearly_all_lost_is_one");
}

static struct media_figures call(uint64_t web_seen_ms, uint64_t sip_seen_ms)
{
	struct media_figures f = { .stream_count = 1 };
	struct media_stream_figures *s = f.stream;

	strcpy(s->kind, "audio");
	strcpy(s->codec, "PCMU");
	s->may_web_to_sip = s->may_sip_to_web = true;
	s->web_to_sip.received = web_seen_ms ? 1000 : 0;
	s->sip_to_web.received = sip_seen_ms ? 1000 : 0;
	s->web_to_sip.last_seen_ns = web_seen_ms * 1000000;
	s->sip_to_web.last_seen_ns = sip_seen_ms * 1000000;
	return f;
}

static void test_silence(void)
{
	struct media_figures f = call(NOW_MS - 900, NOW_MS - 900);

	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_HEARD,
		  "silent_both_heard_is_nobody");
	f = call(NOW_MS - 900, 0);
	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_SILENT_SIP,
		  "silent_sip_never_heard_is_sip");
	f = call(NOW_MS - 3000, NOW_MS - 20);
	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_SILENT_WEB,
		  "silent_browser_for_3_s_is_web");
	f = call(NOW_MS - 2990, NOW_MS - 20);
	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_HEARD,
		  "silent_for_less_is_nobody");
	f = call(NOW_MS - 9000, NOW_MS - 9000);
	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_HEARD,
		  "silent_both_is_not_one_way");
	f = call(0, NOW_MS - 20);
	f.stream[0].sip_to_web.received = 100;
	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_HEARD,
		  "silent_beside_a_young_stream_is_nobody");
	f = call(0, NOW_MS - 20);
	f.stream[0].may_web_to_sip = false;
	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_HEARD,
		  "silent_on_hold_is_nobody");
	f = call(0, NOW_MS - 20);
	strcpy(f.stream[0].kind, "video");
	CHECK_INT(quality_silent(&f, NOW_MS), QUALITY_HEARD,
		  "silent_video_is_nobody");
	CHECK_STR(quality_silent_name(QUALITY_SILENT_SIP), "sip-silent",
		  "silent_has_a_name");
	CHECK(!quality_silent_name(QUALITY_HEARD), "silent_nobody_has_none");
}

static void test_call(void)
{
	struct media_figures f = call(NOW_MS, NOW_MS);
	struct quality q;
	double worse;

	f.stream[0].sip_to_web.lost = 100;
	f.stream[0].web_to_sip.jitter_us = 1500;
	quality_mos("PCMU", &f.stream[0].sip_to_web, &worse);
	quality_of(&f, &q);
	CHECK(q.received == 2000 && q.lost == 100 && q.jitter_us == 1500,
	      "call_sums_its_directions");
	CHECK(near(q.mos, worse, 1e-9), "call_is_as_good_as_its_worse_ear");
	f = (struct media_figures){ 0 };
	quality_of(&f, &q);
	CHECK(q.mos == 0 && !q.received, "call_without_streams_is_unrated");
}

int main(void)
{
	test_model();
	test_streams();
	test_silence();
	test_call();
	return tap_done();
}
