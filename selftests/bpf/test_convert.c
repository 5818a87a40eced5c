// SPDX-License-Identifier: Apache-2.0
/* What the program converts on the way, and what it reports to the daemon. */
#include "core/clock.h"
#include "lib/convert.h"
#include "relay_call.h"

static void test_g711(void)
{
	static const uint32_t lengths[] = { 0, 1, 7, 8, 9, 160, 240, 1200 };
	struct oracle_rtp r = web_rtp(1);
	uint8_t sent[FRAME_MAX];
	struct frame_udp udp;
	int wrong = 0;

	new_call(SLUICE_SRTP_AES128_CM_SHA1_80);
	set_payload(RIG_WEB, (struct sluice_payload){ .out_pt = 8,
			.convert = SLUICE_CONVERT_PCMU_PCMA });
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t len, off;

		r.seq++;
		r.payload_len = lengths[i];
		r.csrc_count = i & 3;
		r.extension_words = (int)i - 1;
		len = oracle_packet(&r, sent);
		wrong += !!send_web(&r, &udp);
		off = 12 + 4 * r.csrc_count;
		wrong += udp.len != off + r.payload_len;
		wrong += (udp.payload[1] & 0x7f) != 8;
		for (uint32_t k = 0; k < r.payload_len; k++)
			wrong += udp.payload[off + k] !=
				 sluice_pcmu_to_pcma[sent[len - r.payload_len +
							  k]];
	}
	CHECK_INT(wrong, 0, "g711_from_browser_by_table");
	set_payload(RIG_SIP, (struct sluice_payload){ .out_pt = 0,
			.convert = SLUICE_CONVERT_PCMA_PCMU });
	r = sip_rtp(1);
	oracle_packet(&r, sent);
	/* what relay_sip() expects is the payload unchanged */
	CHECK_INT(relay_sip(&r, &udp), -3, "g711_to_browser_changed");
	wrong = 0;
	for (uint32_t k = 0; k < r.payload_len; k++)
		wrong += udp.payload[12 + k] !=
			 sluice_pcma_to_pcmu[sent[12 + k]];
	CHECK_INT(wrong, 0, "g711_to_browser_by_table");
}

/* Stream clock 48 kHz; the PBX's events count at 8 kHz. */
static void test_event_clocks(void)
{
	struct frame_udp udp;
	struct oracle_rtp r = web_rtp(1);
	uint8_t sent[FRAME_MAX];
	uint32_t base, audio;

	new_call(SLUICE_SRTP_AES128_CM_SHA1_80);
	CHECK_INT(relay_web(&r, &udp), 0, "event_audio_before_relayed");
	audio = sluice_get32(udp.payload + 4);
	set_payload(RIG_WEB, (struct sluice_payload){ .out_pt = 101,
			.convert = SLUICE_CONVERT_EVENT_DOWN, .ratio = 6 });
	r = web_rtp(2);
	r.payload_len = 4;
	oracle_packet(&r, sent);
	CHECK_INT(send_web(&r, &udp), 0, "event_to_sip_relayed");
	CHECK_INT(sluice_get32(udp.payload + 4), (audio + 960) / 6,
		  "event_to_sip_timestamp_of_8khz");
	CHECK_INT(sluice_get16(udp.payload + 14),
		  sluice_get16(sent + 14) / 6, "event_to_sip_duration_of_8khz");
	rig_transport(&rig, RIG_WEB, 1, 0);
	r = web_rtp(3);
	CHECK_INT(relay_web(&r, &udp), 0, "event_audio_after_relayed");
	CHECK_INT(sluice_get32(udp.payload + 4) - audio, 2 * 960,
		  "event_leaves_the_timestamps_of_audio_alone");

	set_payload(RIG_SIP, (struct sluice_payload){ .out_pt = 110,
			.convert = SLUICE_CONVERT_EVENT_UP, .ratio = 6 });
	r = sip_rtp(1);
	r.payload_len = 4;
	r.timestamp = 8000;
	relay_sip(&r, &udp);
	base = sluice_get32(udp.payload + 4);
	r.seq++;
	r.timestamp += 8000;
	relay_sip(&r, &udp);
	CHECK_INT(sluice_get32(udp.payload + 4) - base, 48000,
		  "event_to_browser_timestamp_of_48khz");
}

static struct sluice_event heard;
static uint32_t heard_count;

static int hear(void *arg, void *data, size_t size)
{
	const struct sluice_event *e = data;

	heard_count++;
	if (size >= sizeof(*e) && e->type == SLUICE_EVENT_DIGIT)
		heard = *e;
	return 0;
}

/* As many sources as packets, which all make an event. */
static void test_event_flood(struct ring_buffer *ring)
{
	struct oracle_rtp r = sip_rtp(1);
	uint64_t since_ms = clock_ms();
	struct frame_udp udp;
	int bad = 0, i;

	ring_buffer__consume(ring);
	heard_count = 0;
	for (i = 0; i < 2000; i++) {
		r.ssrc = 0x7000 + (uint32_t)i;
		bad += !!relay_sip(&r, &udp);
	}
	ring_buffer__consume(ring);
	CHECK_INT(bad, 0, "event_flood_is_relayed");
	/* a burst of 64, less what was told before, and 100 a second */
	CHECK(heard_count && heard_count <= 65 + (clock_ms() - since_ms) / 10,
	      "event_flood_is_told_of_in_part");
}

static void test_event_reported(void)
{
	struct ring_buffer *ring;
	struct frame_udp udp;
	struct oracle_rtp r = web_rtp(1);
	uint8_t sent[FRAME_MAX];
	uint64_t before;
	uint16_t last;

	new_call(SLUICE_SRTP_AES128_CM_SHA1_80);
	ring = ring_buffer__new(rig_map(&rig, SLUICE_MAP_EVENTS), hear, NULL,
				NULL);
	relay_web(&r, &udp);
	last = sluice_get16(udp.payload + 2);
	before = rig_sum(&rig, SLUICE_MAP_COUNTERS, SLUICE_COUNT_REPORTED);
	set_payload(RIG_WEB, (struct sluice_payload){
			.convert = SLUICE_CONVERT_REPORT });
	r = web_rtp(2);
	r.payload_len = 4;
	oracle_packet(&r, sent);
	CHECK_INT(send_web(&r, &udp), XDP_DROP, "event_reported_not_sent");
	ring_buffer__consume(ring);
	CHECK(heard.stream == RIG_WEB && heard.value == sluice_get32(sent + 12)
	      && heard.timestamp == r.timestamp, "event_reported_as_it_came");
	CHECK_INT(rig_sum(&rig, SLUICE_MAP_COUNTERS, SLUICE_COUNT_REPORTED) -
		  before, 1, "event_reported_counted");
	rig_transport(&rig, RIG_WEB, 1, 0);
	r = web_rtp(3);
	relay_web(&r, &udp);
	CHECK_INT(sluice_get16(udp.payload + 2), (uint16_t)(last + 1),
		  "event_reported_leaves_no_gap");
	test_event_flood(ring);
	ring_buffer__free(ring);
}

int main(void)
{
	rig_open(&rig);
	test_g711();
	test_event_clocks();
	test_event_reported();
	bpf_object__close(rig.obj);
	return tap_done();
}
