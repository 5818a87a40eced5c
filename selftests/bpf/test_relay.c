// SPDX-License-Identifier: Apache-2.0
/* RTP through the real program, with libsrtp2 as the browser. */
#include "relay_call.h"

static void test_lengths(const char *name)
{
	static const uint32_t lengths[] = { 0, 1, 2, 3, 4, 15, 16, 17, 33, 63,
		64, 65, 100, 160, 161, 500, 511, 512, 513, 1023, 1200, 1400 };
	struct frame_udp udp;
	struct oracle_rtp r;
	int bad_web = 0, bad_sip = 0, ext;
	uint16_t seq = 100;
	char text[128];
	size_t i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (ext = -1; ext < 3; ext++) {
			r = web_rtp(seq);
			r.payload_len = lengths[i];
			r.extension_words = ext;
			r.csrc_count = (uint8_t)(i % 4);
			r.marker = (uint8_t)(i & 1);
			bad_web += !!relay_web(&r, &udp);
			r.pt = RIG_SIP_PT;
			r.ssrc = RIG_SIP_SSRC;
			bad_sip += !!relay_sip(&r, &udp);
			seq++;
		}
	}
	snprintf(text, sizeof(text), "relay_%s_lengths_from_browser_exact",
		 name);
	CHECK_INT(bad_web, 0, text);
	snprintf(text, sizeof(text), "relay_%s_lengths_to_browser_exact", name);
	CHECK_INT(bad_sip, 0, text);
}

/* RFC 3711 3.1 */
static void test_mki(const char *name, uint32_t profile)
{
	int tail = profile == SLUICE_SRTP_AEAD_AES_128_GCM ? 0 :
		   (int)sluice_srtp_tag_len(profile);
	struct oracle_rtp r = web_rtp(7000);
	uint8_t packet[FRAME_MAX];
	char text[128];
	int len;

	for (uint32_t i = 1; i <= SLUICE_MKI_MAX; i++) {
		new_call_mki(profile, i);
		snprintf(text, sizeof(text), "mki_of_%u_%s", i, name);
		test_lengths(text);
	}
	len = oracle_protect(browser_tx, packet,
			     (int)oracle_packet(&r, packet));
	packet[len - tail - 1] ^= 1;
	snprintf(text, sizeof(text), "mki_%s_of_another_key_refused", name);
	CHECK_INT(rig_reason(&rig, from_web(), packet, (uint32_t)len),
		  SLUICE_DROP_AUTH, text);
	oracle_has_mki = 0;
	len = oracle_protect(browser_tx, packet,
			     (int)oracle_packet(&r, packet));
	snprintf(text, sizeof(text), "mki_%s_missing_refused", name);
	CHECK_INT(rig_reason(&rig, from_web(), packet, (uint32_t)len),
		  SLUICE_DROP_AUTH, text);
}

/* RFC 8285: kept where the stream says so. */
static void test_extensions(const char *name, uint32_t profile)
{
	struct oracle_rtp r = sip_rtp(200);
	uint8_t packet[FRAME_MAX];
	struct frame_udp udp;
	struct sluice_rtp got = { 0 };
	char text[128];
	uint32_t len;
	int plain;

	new_call(profile);
	rig_stream(&rig, RIG_WEB, SLUICE_STREAM_ACTIVE |
				  SLUICE_STREAM_EXTENSIONS);
	rig_stream(&rig, RIG_SIP, SLUICE_STREAM_ACTIVE |
				  SLUICE_STREAM_EXTENSIONS);
	keeps_extensions = true;
	snprintf(text, sizeof(text), "extensions_kept_%s", name);
	test_lengths(text);
	keeps_extensions = false;
	r.extension_words = 2;
	len = oracle_packet(&r, packet);
	sluice_put16(packet + 12, 0x1000);	/* RFC 8285 4.3 */
	snprintf(text, sizeof(text), "extensions_%s_of_another_form_taken_out",
		 name);
	if (!CHECK(rig_send(&rig, from_sip(), packet, len) == XDP_TX &&
		   frame_read(rig.out, rig.out_len, &udp), text))
		return;
	plain = oracle_unprotect(browser_rx, rig.out +
				 (udp.payload - rig.out), (int)udp.len);
	snprintf(text, sizeof(text), "extensions_%s_then_payload_is_whole",
		 name);
	CHECK(plain > 0 &&
	      !sluice_rtp_parse(udp.payload, (uint32_t)plain, &got) &&
	      !(udp.payload[0] & 0x10) && got.payload_len == r.payload_len &&
	      !memcmp(udp.payload + got.payload_off,
		      packet + len - r.payload_len, r.payload_len), text);
}

static void test_wrap(const char *name, uint32_t profile)
{
	int i, bad_web = 0, bad_sip = 0, jumps = 0;
	uint16_t seq, last_web = 0, last_sip = 0;
	struct frame_udp udp;
	struct oracle_rtp r;
	char text[128];

	new_call(profile);
	for (i = 0; i < 70000; i++) {
		seq = (uint16_t)(65000 + i);
		/* every 64th is enough: a gap, not a jump */
		if (i % 64)
			continue;
		r = web_rtp(seq);
		r.payload_len = 20;
		bad_web += !!relay_web(&r, &udp);
		jumps += i && (uint16_t)(sluice_get16(udp.payload + 2) -
					 last_web) != 64;
		last_web = sluice_get16(udp.payload + 2);
		r.pt = RIG_SIP_PT;
		r.ssrc = RIG_SIP_SSRC;
		bad_sip += !!relay_sip(&r, &udp);
		jumps += i && (uint16_t)(sluice_get16(udp.payload + 2) -
					 last_sip) != 64;
		last_sip = sluice_get16(udp.payload + 2);
	}
	snprintf(text, sizeof(text), "wrap_%s_from_browser_roc_kept", name);
	CHECK_INT(bad_web, 0, text);
	snprintf(text, sizeof(text), "wrap_%s_to_browser_roc_kept", name);
	CHECK_INT(bad_sip, 0, text);
	snprintf(text, sizeof(text), "wrap_%s_sequence_continuous", name);
	CHECK_INT(jumps, 0, text);
}

static void test_forgery(const char *name, uint32_t profile)
{
	uint8_t packet[FRAME_MAX], copy[FRAME_MAX];
	struct oracle_rtp r = web_rtp(7);
	char text[128];
	int len, i, passed = 0;

	new_call(profile);
	len = oracle_protect(browser_tx, packet, oracle_packet(&r, packet));
	for (i = 12; i < len; i += 7) {
		memcpy(copy, packet, len);
		copy[i] ^= 1 << (i & 7);
		passed += rig_reason(&rig, from_web(), copy, len) !=
			  SLUICE_DROP_AUTH;
	}
	snprintf(text, sizeof(text), "forgery_%s_any_bit_dropped_auth", name);
	CHECK_INT(passed, 0, text);
	snprintf(text, sizeof(text), "forgery_%s_makes_no_source", name);
	CHECK_INT(rig_state(&rig, RIG_WEB).out.sources, 0, text);
	CHECK_INT(rig_send(&rig, from_web(), packet, len), XDP_TX,
		  "forgery_then_genuine_relayed");
	CHECK_INT(rig_reason(&rig, from_web(), packet, len),
		  SLUICE_DROP_REPLAY, "replay_same_packet_dropped");
	CHECK_INT(rig_reason(&rig, from_web(), packet, 20),
		  SLUICE_DROP_REPLAY, "replay_truncated_copy_dropped");
	sluice_put16(packet + 2, 9);
	snprintf(text, sizeof(text), "forgery_%s_short_packet_dropped", name);
	CHECK_INT(rig_reason(&rig, from_web(), packet, 15),
		  SLUICE_DROP_SHORT, text);
}

/* Beyond the limit a plain source takes the place of the one silent longest. */
static void test_room(void)
{
	struct sluice_state before = rig_state(&rig, RIG_SIP), after;
	struct oracle_rtp r = sip_rtp(1);
	struct frame_udp udp;

	r.ssrc = 0x9999;
	CHECK_INT(relay_sip(&r, &udp), 0, "sources_above_limit_make_room");
	after = rig_state(&rig, RIG_SIP);
	CHECK(after.out.sources == SLUICE_SSRCS_PER_STREAM &&
	      before.source[0].ssrc == RIG_SIP_SSRC &&
	      after.source[0].ssrc == 0x9999,
	      "source_silent_longest_gives_way");
	CHECK(after.gone_packets == before.source[0].packets &&
	      after.out.packets == before.out.packets + 1,
	      "source_gone_is_counted");
}

/* A secured one stays: its packets could be replayed. */
static void test_no_room(void)
{
	uint8_t packet[FRAME_MAX];
	struct frame_udp udp;
	struct oracle_rtp r;
	uint32_t i;
	int bad = 0;

	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++) {
		r = web_rtp(1);
		r.ssrc = 0x2000 + i;
		bad += !!relay_web(&r, &udp);
	}
	CHECK_INT(bad, 0, "secured_sources_up_to_limit_relayed");
	r.ssrc = 0x9999;
	i = (uint32_t)oracle_protect(browser_tx, packet,
				     oracle_packet(&r, packet));
	CHECK_INT(rig_reason(&rig, from_web(), packet, i),
		  SLUICE_DROP_SSRC_LIMIT, "secured_source_above_limit_dropped");
}

static void test_restart(void)
{
	uint8_t packet[FRAME_MAX];
	struct frame_udp udp;
	struct oracle_rtp r;
	uint16_t last;
	uint32_t len, i;
	int bad = 0;

	new_call(SLUICE_SRTP_AEAD_AES_128_GCM);
	r = sip_rtp(1000);
	CHECK_INT(relay_sip(&r, &udp), 0, "restart_first_source_relayed");
	last = sluice_get16(udp.payload + 2);
	r = sip_rtp(40000);
	len = oracle_packet(&r, packet);
	CHECK_INT(rig_reason(&rig, from_sip(), packet, len),
		  SLUICE_DROP_SEQ_JUMP, "restart_first_packet_dropped");
	r = sip_rtp(40001);
	CHECK_INT(relay_sip(&r, &udp), 0, "restart_second_packet_relayed");
	CHECK_INT(sluice_get16(udp.payload + 2), (uint16_t)(last + 1),
		  "restart_sequence_goes_on");
	r.ssrc = 0x33333333;
	r.seq = 5;
	CHECK_INT(relay_sip(&r, &udp), 0, "source_changed_relayed");
	CHECK_INT(sluice_get16(udp.payload + 2), (uint16_t)(last + 2),
		  "source_changed_sequence_goes_on");
	r.pt = 0;
	len = oracle_packet(&r, packet);
	CHECK_INT(rig_reason(&rig, from_sip(), packet, len),
		  SLUICE_DROP_PAYLOAD_TYPE, "payload_unknown_dropped");
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM - 2; i++) {
		r = sip_rtp(1);
		r.ssrc = 0x1000 + i;
		bad += !!relay_sip(&r, &udp);
	}
	CHECK_INT(bad, 0, "sources_up_to_limit_relayed");
	test_room();
	test_no_room();
}

static void test_hold(void)
{
	uint8_t packet[FRAME_MAX];
	struct frame_udp udp;
	struct oracle_rtp r;
	uint16_t last, seq = 60000;
	int i, len, bad = 0;

	new_call(SLUICE_SRTP_AES128_CM_SHA1_80);
	r = web_rtp(seq);
	relay_web(&r, &udp);
	last = sluice_get16(udp.payload + 2);
	rig_stream(&rig, RIG_WEB, 0);
	for (i = 0; i < 30; i++) {
		seq += 2500;
		r = web_rtp(seq);
		len = oracle_protect(browser_tx, packet,
				     (int)oracle_packet(&r, packet));
		bad += rig_reason(&rig, from_web(), packet, len) !=
		       SLUICE_DROP_HELD;
	}
	CHECK_INT(bad, 0, "hold_packets_dropped_held");
	rig_stream(&rig, RIG_WEB, SLUICE_STREAM_ACTIVE);
	r = web_rtp(seq + 1);
	CHECK_INT(relay_web(&r, &udp), 0, "hold_over_roc_kept");
	CHECK_INT(sluice_get16(udp.payload + 2), (uint16_t)(last + 1),
		  "hold_over_sequence_goes_on");
}

static void test_egress(void)
{
	uint8_t packet[FRAME_MAX];
	struct frame_udp udp = { 0 };
	struct oracle_rtp r = sip_rtp(1);
	uint32_t len = oracle_packet(&r, packet);

	new_call(SLUICE_SRTP_AES128_CM_SHA1_80);
	CHECK_INT(relay_sip(&r, &udp), 0, "egress_plain_relayed");
	CHECK(addr_equal(&udp.src, &rig.web_local) &&
	      addr_equal(&udp.dst, &rig.web_remote),
	      "egress_addresses_of_leaving_transport");
	CHECK(udp.dst_mac[5] == RIG_WEB && udp.src_mac[4] == 2,
	      "egress_macs_of_next_hop");
	CHECK_INT(udp.tos, 46 << 2, "egress_dscp_set");
	CHECK_INT(udp.ttl, 64, "egress_ttl_default");

	r.payload_len = 1500 - 28 - 12 - 10;
	r.seq++;
	CHECK_INT(relay_sip(&r, &udp), 0, "egress_exact_mtu_relayed");
	r.payload_len++;
	r.seq++;
	len = oracle_packet(&r, packet);
	CHECK_INT(rig_reason(&rig, from_sip(), packet, len),
		  SLUICE_DROP_TOO_BIG, "egress_above_mtu_dropped");

	rig_hop(&rig, RIG_WEB, 0, 9999, 1500);
	r = sip_rtp(10);
	len = oracle_packet(&r, packet);
	CHECK_INT(rig_reason(&rig, from_sip(), packet, len),
		  SLUICE_DROP_REDIRECT, "egress_unknown_device_dropped");
	rig_put_at(&rig, SLUICE_MAP_NEXT_HOPS, RIG_WEB,
		   &(struct sluice_next_hop){ 0 });
	r.seq++;
	len = oracle_packet(&r, packet);
	CHECK_INT(rig_reason(&rig, from_sip(), packet, len),
		  SLUICE_DROP_NEXT_HOP, "egress_no_next_hop_dropped");
	rig_hop(&rig, RIG_WEB, 0, RIG_LO, 1500);
	rig_transport(&rig, RIG_WEB, 0, 0);
	r.seq++;
	len = oracle_packet(&r, packet);
	CHECK_INT(rig_reason(&rig, from_sip(), packet, len),
		  SLUICE_DROP_NOT_READY, "egress_browser_never_plain");
}

/* The tracepoint, with a device that reads as number 0. */
static void refuse(uint64_t verdict)
{
	uint64_t args[3] = { 0, 0, verdict };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args,
			    .ctx_size_in = sizeof(args));
	struct bpf_program *p;

	p = bpf_object__find_program_by_name(rig.obj, "sl_exception");
	if (!p || bpf_prog_test_run_opts(bpf_program__fd(p), &opts))
		printf("# sl_exception: %s\n", p ? strerror(errno) : "absent");
}

static void test_refused(void)
{
	uint64_t before = rig_drops(&rig, SLUICE_DROP_REDIRECT);
	uint32_t none = 0, lo = RIG_LO;

	refuse(XDP_TX);
	CHECK_INT(rig_drops(&rig, SLUICE_DROP_REDIRECT), before,
		  "driver_of_others_refusing_is_not_counted");
	rig_put(&rig, SLUICE_MAP_DEVICES, &none, &lo);
	refuse(XDP_TX);
	CHECK_INT(rig_drops(&rig, SLUICE_DROP_REDIRECT), before + 1,
		  "driver_refusing_what_goes_back_is_counted");
	refuse(XDP_REDIRECT);
	CHECK_INT(rig_drops(&rig, SLUICE_DROP_REDIRECT), before + 1,
		  "driver_refusing_a_redirection_is_counted_elsewhere");
	bpf_map_delete_elem(rig_map(&rig, SLUICE_MAP_DEVICES), &none);
}

/* Tags and families in every combination of sides. */
static void test_families(void)
{
	static const char *const web[2][2] = {
		{ "192.0.2.1:10000", "192.0.2.99:5000" },
		{ "[2001:db8::1]:10000", "[2001:db8::99]:5000" } };
	static const char *const sip[2][2] = {
		{ "198.51.100.1:16384", "198.51.100.10:4000" },
		{ "[2001:db8:1::1]:16384", "[2001:db8:1::10]:4000" } };
	struct frame_spec s;
	struct frame_udp udp = { 0 };
	uint8_t packet[FRAME_MAX];
	struct oracle_rtp r;
	int i, len, bad = 0, bad_vlan = 0;

	for (i = 0; i < 16; i++) {
		rig.web_local = rig_parse(web[i & 1][0]);
		rig.web_remote = rig_parse(web[i & 1][1]);
		rig.sip_local = rig_parse(sip[i >> 1 & 1][0]);
		rig.sip_remote = rig_parse(sip[i >> 1 & 1][1]);
		new_call(SLUICE_SRTP_AES128_CM_SHA1_80);
		rig_hop(&rig, RIG_WEB, i & 4 ? 7 : 0, RIG_LO, 1500);
		rig_hop(&rig, RIG_SIP, i & 8 ? 8 : 0, RIG_LO, 1500);

		r = web_rtp(1);
		s = *from_web();
		s.vlan_id = i & 4 ? 7 : 0;
		len = oracle_protect(browser_tx, packet,
				     (int)oracle_packet(&r, packet));
		if (rig_send(&rig, &s, packet, len) != XDP_TX ||
		    !frame_read(rig.out, rig.out_len, &udp) ||
		    !udp.is_sum_right || udp.len != 172 ||
		    !addr_equal(&udp.dst, &rig.sip_remote))
			bad++;
		bad_vlan += udp.vlan_id != (i & 8 ? 8 : 0);
		r = sip_rtp(1);
		bad += relay_sip(&r, &udp) ||
		       !addr_equal(&udp.dst, &rig.web_remote);
		bad_vlan += udp.vlan_id != (i & 4 ? 7 : 0);
	}
	CHECK_INT(bad, 0, "families_v4_v6_both_ways_relayed");
	CHECK_INT(bad_vlan, 0, "families_vlan_tags_of_next_hop");
	rig.web_local = rig_parse(web[0][0]);
	rig.web_remote = rig_parse(web[0][1]);
	rig.sip_local = rig_parse(sip[0][0]);
	rig.sip_remote = rig_parse(sip[0][1]);
}

static void test_counters(void)
{
	struct sluice_state state;
	uint64_t web = rig_sum(&rig, SLUICE_MAP_COUNTERS,
			       SLUICE_COUNT_RELAYED_WEB);
	struct frame_udp udp;
	struct oracle_rtp r = web_rtp(3);

	new_call(SLUICE_SRTP_AES128_CM_SHA1_80);
	relay_web(&r, &udp);
	r = web_rtp(4);
	relay_web(&r, &udp);
	CHECK_INT(rig_sum(&rig, SLUICE_MAP_COUNTERS,
			  SLUICE_COUNT_RELAYED_WEB) - web, 2,
		  "counters_relayed_from_browser");
	state = rig_state(&rig, RIG_WEB);
	CHECK(state.out.packets == 2 && state.out.bytes == 320 &&
	      state.out.sources == 1, "counters_of_stream");
}

/* A flow without a place in the near table, several of a hash, none of it. */
static void test_near(void)
{
	struct sluice_near none = { 0 }, near;
	struct sluice_flow_key key = {
		.local = rig_addr(&rig.web_local),
		.remote = rig_addr(&rig.web_remote),
		.local_port = htons(rig.web_local.port),
		.remote_port = htons(rig.web_remote.port) };
	uint32_t at = sluice_flow_hash(&key) & (SLUICE_MAX_NEAR - 1);
	int fd = rig_map(&rig, SLUICE_MAP_NEAR);
	struct frame_udp udp;
	struct oracle_rtp r;

	new_call(SLUICE_SRTP_AEAD_AES_128_GCM);
	bpf_map_lookup_elem(fd, &at, &near);
	rig_put(&rig, SLUICE_MAP_NEAR, &at, &none);
	r = web_rtp(1);
	CHECK_INT(relay_web(&r, &udp), 0, "near_absent_relayed");

	none.way[1] = near.way[0];
	none.way[0] = near.way[0];
	none.way[0].key.remote_port ^= 1;
	none.way[0].transport = RIG_SIP;
	rig_put(&rig, SLUICE_MAP_NEAR, &at, &none);
	r = web_rtp(2);
	CHECK_INT(relay_web(&r, &udp), 0, "near_second_place_relayed");
	bpf_map_lookup_elem(fd, &at, &near);
	CHECK(near.way[1].hint[RIG_WEB_PT & 1].stream == RIG_WEB &&
	      near.way[1].hint[RIG_WEB_PT & 1].key == 1,
	      "near_notes_stream_and_key");

	/* a note of another stream is not believed */
	near.way[1].hint[RIG_WEB_PT & 1].stream = RIG_SIP;
	near.way[1].hint[RIG_WEB_PT & 1].key = SLUICE_MAX_KEYS;
	rig_put(&rig, SLUICE_MAP_NEAR, &at, &near);
	r = web_rtp(3);
	CHECK_INT(relay_web(&r, &udp), 0, "near_wrong_note_relayed");
	bpf_map_lookup_elem(fd, &at, &near);
	CHECK_INT(near.way[1].hint[RIG_WEB_PT & 1].stream, RIG_WEB,
		  "near_wrong_note_corrected");
	rig_heartbeat(&rig, RIG_ALIVE);
}

int main(void)
{
	static const struct { const char *name; uint32_t profile; } p[] = {
		{ "cm80", SLUICE_SRTP_AES128_CM_SHA1_80 },
		{ "gcm128", SLUICE_SRTP_AEAD_AES_128_GCM },
		{ "cm32", SLUICE_SRTP_AES128_CM_SHA1_32 },
	};
	size_t i;

	rig_open(&rig);
	for (i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
		new_call(p[i].profile);
		test_lengths(p[i].name);
		test_mki(p[i].name, p[i].profile);
		test_extensions(p[i].name, p[i].profile);
		test_wrap(p[i].name, p[i].profile);
		test_forgery(p[i].name, p[i].profile);
	}
	test_restart();
	test_hold();
	test_egress();
	test_refused();
	test_families();
	test_counters();
	test_near();
	bpf_object__close(rig.obj);
	return tap_done();
}
