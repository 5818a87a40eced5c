// SPDX-License-Identifier: Apache-2.0
/*
 * Every pair of legs: plain on both sides, SRTP on both (SDES, or browser to
 * browser), a bundle that is split and joined; and what arrives oddly: sums
 * that a local sender left unfinished, IP options, extension headers.
 */
#include "relay_rig.h"

#define VIDEO		3	/* transport and stream of a second m-line */
#define VIDEO_BACK	4
#define VIDEO_PT	96
#define VIDEO_SSRC	0x33333333

static struct rig rig;
static struct frame_udp left;

/* The sessions of both far ends; NULL: plain. */
static srtp_t web_tx, web_rx, sip_tx, sip_rx;

static void close_session(srtp_t *s)
{
	if (*s)
		srtp_dealloc(*s);
	*s = NULL;
}

/* Keys in slots `slot` (from the far end) and slot + 1 (to it); 0: none. */
static void open_leg(uint32_t slot, uint32_t profile, srtp_t *tx, srtp_t *rx)
{
	struct oracle_master from = oracle_master(profile, (uint8_t)slot);
	struct oracle_master to = oracle_master(profile, (uint8_t)(slot + 50));
	struct sluice_key from_key = oracle_expand(&from);
	struct sluice_key to_key = oracle_expand(&to);

	close_session(tx);
	close_session(rx);
	if (!slot)
		return;
	rig_put_at(&rig, SLUICE_MAP_KEYS, slot, &from_key);
	rig_put_at(&rig, SLUICE_MAP_KEYS, slot + 1, &to_key);
	*tx = oracle_open(&from, 1);
	*rx = oracle_open(&to, 0);
}

static void legs(uint32_t web_slot, uint32_t web_flags, uint32_t sip_slot,
		 uint32_t sip_flags)
{
	struct sluice_transport t;
	uint32_t id;

	open_leg(web_slot, SLUICE_SRTP_AEAD_AES_128_GCM, &web_tx, &web_rx);
	open_leg(sip_slot, SLUICE_SRTP_AES128_CM_SHA1_80, &sip_tx, &sip_rx);
	rig_call(&rig, web_slot);
	rig_transport(&rig, RIG_SIP, sip_slot, 0);
	for (id = RIG_WEB; id <= RIG_SIP; id++) {
		bpf_map_lookup_elem(rig_map(&rig, SLUICE_MAP_TRANSPORTS), &id,
				    &t);
		t.flags = SLUICE_TRANSPORT_READY |
			  (id == RIG_WEB ? web_flags : sip_flags);
		rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, id, &t);
	}
}

static struct oracle_rtp rtp_of(bool from_web, uint16_t seq)
{
	return (struct oracle_rtp){
		.pt = from_web ? RIG_WEB_PT : RIG_SIP_PT,
		.ssrc = from_web ? RIG_WEB_SSRC : RIG_SIP_SSRC, .seq = seq,
		.timestamp = seq * 960U, .extension_words = -1,
		.payload_len = 160 };
}

/* Sent by one end and read by the other: the payload arrives as it was. */
static bool passes(const struct oracle_rtp *r, const struct addr *src,
		   const struct addr *dst, srtp_t tx, srtp_t rx)
{
	struct frame_spec s = { .src = *src, .dst = *dst };
	uint8_t packet[FRAME_MAX], plain[FRAME_MAX];
	int len = (int)oracle_packet(r, packet), got;

	memcpy(plain, packet, (size_t)len);
	if (tx)
		len = oracle_protect(tx, packet, len);
	if (rig_send(&rig, &s, packet, (uint32_t)len) != XDP_TX ||
	    !frame_read(rig.out, rig.out_len, &left) || !left.is_sum_right)
		return false;
	got = (int)left.len;
	if (rx)
		got = oracle_unprotect(rx, rig.out + (left.payload - rig.out),
				       got);
	return got == (int)(12 + r->payload_len) &&
	       !memcmp(left.payload + 12, plain + 12, r->payload_len);
}

static bool passes_both_ways(void)
{
	bool ok = true;

	for (uint16_t seq = 100; seq < 110; seq++) {
		struct oracle_rtp w = rtp_of(true, seq), s = rtp_of(false, seq);

		ok = ok && passes(&w, &rig.web_remote, &rig.web_local, web_tx,
				  sip_rx);
		ok = ok && passes(&s, &rig.sip_remote, &rig.sip_local, sip_tx,
				  web_rx);
	}
	return ok;
}

static void test_pairs(void)
{
	legs(1, SLUICE_TRANSPORT_WEB, 0, 0);
	CHECK(passes_both_ways(), "legs_browser_and_plain_sip");
	legs(0, 0, 0, 0);
	CHECK(passes_both_ways(), "legs_plain_sip_and_plain_sip");
	legs(1, SLUICE_TRANSPORT_WEB, 3, 0);
	CHECK(passes_both_ways(), "legs_browser_and_sip_with_sdes");
	legs(0, 0, 3, 0);
	CHECK(passes_both_ways(), "legs_plain_sip_and_sip_with_sdes");
	legs(1, SLUICE_TRANSPORT_WEB, 3, SLUICE_TRANSPORT_WEB);
	CHECK(passes_both_ways(), "legs_browser_and_browser");
	legs(1, SLUICE_TRANSPORT_WEB, 0, SLUICE_TRANSPORT_WEB);
	CHECK(!passes_both_ways(), "legs_browser_without_keys_gets_nothing");
}

/* ---- a bundle -------------------------------------------------------------- */

static struct addr video_local, video_remote;

static void open_bundle(void)
{
	struct sluice_stream to = { .flags = SLUICE_STREAM_ACTIVE,
				    .from = RIG_WEB, .to = VIDEO,
				    .out_ssrc = 0x0c0c0c0c, .clock_hz = 90000,
				    .reverse = VIDEO_BACK };
	struct sluice_stream back = { .flags = SLUICE_STREAM_ACTIVE,
				      .from = VIDEO, .to = RIG_WEB,
				      .out_ssrc = 0x0d0d0d0d,
				      .clock_hz = 90000, .reverse = VIDEO };
	uint32_t id = RIG_WEB;
	struct sluice_transport t;

	legs(1, SLUICE_TRANSPORT_WEB, 0, 0);
	video_local = rig.sip_local;
	video_remote = rig.sip_remote;
	video_local.port += 2;
	video_remote.port += 2;
	bpf_map_lookup_elem(rig_map(&rig, SLUICE_MAP_TRANSPORTS), &id, &t);
	t.streams[1] = VIDEO;
	t.payload[VIDEO_PT] = (struct sluice_payload){ .stream = 1,
						       .out_pt = 34 };
	rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, RIG_WEB, &t);
	id = RIG_SIP;
	bpf_map_lookup_elem(rig_map(&rig, SLUICE_MAP_TRANSPORTS), &id, &t);
	t.local_port = htons(video_local.port);
	t.remote_port = htons(video_remote.port);
	t.streams[0] = VIDEO_BACK;
	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.payload[34] = (struct sluice_payload){ .out_pt = VIDEO_PT };
	rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, VIDEO, &t);
	rig_put_at(&rig, SLUICE_MAP_STREAMS, VIDEO, &to);
	rig_put_at(&rig, SLUICE_MAP_STREAMS, VIDEO_BACK, &back);
	rig_port(&rig, &video_local, SLUICE_PORT_SIP, VIDEO);
	rig_flow(&rig, &video_local, &video_remote, VIDEO, 0);
}

static int refused(const struct oracle_rtp *r)
{
	struct frame_spec s = { .src = rig.web_remote, .dst = rig.web_local };
	uint8_t packet[FRAME_MAX];
	int len = oracle_protect(web_tx, packet,
				 (int)oracle_packet(r, packet));

	return rig_reason(&rig, &s, packet, (uint32_t)len);
}

static void test_bundle(void)
{
	struct oracle_rtp audio = rtp_of(true, 1), video = rtp_of(true, 7);

	open_bundle();
	video.pt = VIDEO_PT;
	video.ssrc = VIDEO_SSRC;
	video.payload_len = 1500 - 28 - 12 - 16;
	CHECK(passes(&audio, &rig.web_remote, &rig.web_local, web_tx, NULL) &&
	      addr_equal(&left.dst, &rig.sip_remote), "bundle_audio_split");
	CHECK(passes(&video, &rig.web_remote, &rig.web_local, web_tx, NULL) &&
	      addr_equal(&left.dst, &video_remote) &&
	      addr_equal(&left.src, &video_local) && left.payload[1] == 34,
	      "bundle_video_of_full_size_split");
	audio = rtp_of(false, 1);
	video.pt = 34;
	CHECK(passes(&audio, &rig.sip_remote, &rig.sip_local, NULL, web_rx) &&
	      addr_equal(&left.dst, &rig.web_remote), "bundle_audio_joined");
	CHECK(passes(&video, &video_remote, &video_local, NULL, web_rx) &&
	      addr_equal(&left.dst, &rig.web_remote) &&
	      left.payload[1] == VIDEO_PT &&
	      sluice_get32(left.payload + 8) == 0x0d0d0d0d,
	      "bundle_video_of_full_size_joined");
	/* RTX, and audio's source with video's payload type */
	video.pt = 97;
	video.ssrc = 0x44444444;
	CHECK_INT(refused(&video), SLUICE_DROP_PAYLOAD_TYPE,
		  "bundle_rtx_refused");
	video.pt = VIDEO_PT;
	video.ssrc = RIG_WEB_SSRC;
	video.seq = 2;
	CHECK_INT(refused(&video), SLUICE_DROP_PAYLOAD_TYPE,
		  "bundle_source_of_other_line_refused");
}

/* ---- odd arrivals ----------------------------------------------------------- */

static void test_sums(void)
{
	struct frame_spec s = { .src = rig.sip_remote, .dst = rig.sip_local };
	struct oracle_rtp r = rtp_of(false, 900);
	uint8_t packet[FRAME_MAX], frame[FRAME_MAX];
	uint32_t len;

	legs(1, SLUICE_TRANSPORT_WEB, 0, 0);
	len = frame_build(&s, packet, oracle_packet(&r, packet), frame);
	/* the pseudo header's sum alone, as an offloading sender leaves it */
	sluice_put16(frame + 40, 0x1234);
	CHECK(rig_run(&rig, frame, len) == XDP_TX &&
	      frame_read(rig.out, rig.out_len, &left) && left.is_sum_right,
	      "sum_left_partial_is_made_whole");
}

/* Room of n bytes behind the IP header; the reason it is dropped for. */
static int with_gap(const char *src, const char *dst, uint32_t at, uint32_t n,
		    uint8_t next)
{
	struct frame_spec s = { .src = rig_parse(src), .dst = rig_parse(dst) };
	static const uint8_t data[40] = { 0x80 };
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(&s, data, sizeof(data), frame);
	uint64_t before = rig_drops(&rig, SLUICE_DROP_IP_OPTIONS);

	memmove(frame + at + n, frame + at, len - at);
	memset(frame + at, 0, n);
	if (at == 34) {
		frame[14] += n / 4;
		sluice_put16(frame + 16, (uint16_t)(len - 14 + n));
	} else {
		frame[20] = next;
		frame[at] = 17;
		frame[at + 1] = (uint8_t)(n / 8 - 1);
		sluice_put16(frame + 18, (uint16_t)(len - 54 + n));
	}
	if (rig_run(&rig, frame, len + n) != XDP_DROP)
		return -1;
	return (int)(rig_drops(&rig, SLUICE_DROP_IP_OPTIONS) - before);
}

static void test_options(void)
{
	struct addr v6 = rig_parse("[2001:db8::1]:10000");

	rig_port(&rig, &v6, SLUICE_PORT_WEB, 0);
	CHECK_INT(with_gap("192.0.2.99:5000", "192.0.2.1:10000", 34, 8, 0), 1,
		  "options_ipv4_dropped");
	CHECK_INT(with_gap("192.0.2.99:5000", "192.0.2.1:10001", 34, 8, 0), -1,
		  "options_ipv4_not_ours_passed");
	CHECK_INT(with_gap("[2001:db8::9]:7", "[2001:db8::1]:10000", 54, 8, 60),
		  1, "extension_destination_dropped");
	CHECK_INT(with_gap("[2001:db8::9]:7", "[2001:db8::1]:10000", 54, 24, 0),
		  1, "extension_hop_by_hop_dropped");
	CHECK_INT(with_gap("[2001:db8::9]:7", "[2001:db8::1]:10001", 54, 8, 43),
		  -1, "extension_not_ours_passed");
}

int main(void)
{
	rig_open(&rig);
	test_pairs();
	test_bundle();
	test_sums();
	test_options();
	close_session(&web_tx);
	close_session(&web_rx);
	close_session(&sip_tx);
	close_session(&sip_rx);
	bpf_object__close(rig.obj);
	return tap_done();
}
