// SPDX-License-Identifier: Apache-2.0
/*
 * Consent (RFC 7675) on the selected pair: answered by the program, whether
 * the daemon lives or not; forgeries meet silence, and what is the daemon's
 * to decide goes up.
 */
#include "relay_rig.h"
#include "stun_build.h"
#include "stun_captured.h"

static struct rig rig;

static const struct stun_spec good = { .username = RIG_UFRAG ":WxYz",
				       .password = RIG_PASSWORD };

static int send_raw(const uint8_t *m, uint32_t len)
{
	struct frame_spec s = { .src = rig.web_remote, .dst = rig.web_local };

	return rig_send(&rig, &s, m, len);
}

static int send_check(const struct stun_spec *s)
{
	uint8_t m[STUN_MAX];

	return send_raw(m, stun_build(s, m));
}

/* Did the frame that left answer m from the pair's own addresses? */
static bool is_answer_to(const uint8_t *m, const char *password)
{
	uint32_t skip = addr_is_v4(&rig.web_remote) ? 12 : 0;
	struct frame_udp u;

	return frame_read(rig.out, rig.out_len, &u) && u.is_sum_right &&
	       addr_equal(&u.src, &rig.web_local) &&
	       addr_equal(&u.dst, &rig.web_remote) && u.tos == 46 << 2 &&
	       u.ttl == 64 && stun_is_success(u.payload, u.len, m, password,
					      rig.web_remote.ip + skip,
					      16 - skip, rig.web_remote.port);
}

static bool is_answered(const struct stun_spec *s)
{
	uint8_t m[STUN_MAX];
	uint32_t len = stun_build(s, m);

	return send_raw(m, len) == XDP_TX && is_answer_to(m, s->password);
}

static uint64_t passed(void)
{
	return rig_sum(&rig, SLUICE_MAP_COUNTERS, SLUICE_COUNT_PASSED_STUN);
}

static struct sluice_peer peer(void)
{
	struct sluice_peer ret;
	uint32_t id = RIG_WEB;

	bpf_map_lookup_elem_flags(rig_map(&rig, SLUICE_MAP_PEERS), &id, &ret,
				  BPF_F_LOCK);
	return ret;
}

static void test_answered(void)
{
	struct stun_spec s = good;
	uint64_t answered = rig_sum(&rig, SLUICE_MAP_COUNTERS,
				    SLUICE_COUNT_ANSWERED_STUN);
	uint64_t checks = peer().checks, before = clock_ns();

	CHECK(is_answered(&s), "check_on_selected_pair_is_answered");
	CHECK_INT(peer().checks, checks + 1, "check_answered_is_counted");
	CHECK(peer().last_check_ns >= before &&
	      peer().last_check_ns <= clock_ns(), "check_answered_has_its_time");
	CHECK_INT(rig_sum(&rig, SLUICE_MAP_COUNTERS,
			  SLUICE_COUNT_ANSWERED_STUN), answered + 1,
		  "check_answered_is_in_the_totals");
	s.use_candidate = true;
	CHECK(is_answered(&s), "check_with_use_candidate_is_answered");
	s.more = 0x8123;
	s.more_len = 7;
	CHECK(is_answered(&s), "check_with_unknown_optional_is_answered");
	/* the longest that browsers could make of ufrags of 256 characters */
	s.more_len = 900;
	CHECK(is_answered(&s), "check_long_is_answered");
	rig_heartbeat(&rig, 1);
	CHECK(is_answered(&s), "check_without_daemon_is_answered");
	rig_heartbeat(&rig, RIG_ALIVE);
}

static void test_generations(void)
{
	struct stun_spec s = { .username = "ijklmnop:WxYz",
			       .password = "the-next-password-of-24c" };

	CHECK_INT(send_check(&s), XDP_DROP, "check_next_ufrag_is_unknown_yet");
	rig_ufrag(&rig, "ijklmnop", s.password, RIG_WEB);
	CHECK(is_answered(&s), "check_of_the_next_generation_is_answered");
	CHECK(is_answered(&good), "check_of_the_old_generation_is_answered");
	s.password = RIG_PASSWORD;
	CHECK_INT(send_check(&s), XDP_DROP,
		  "check_with_passwords_mixed_is_silent");
}

/* Each is verified and then somebody else's to judge: up, unchanged. */
static void test_for_daemon(void)
{
	struct stun_spec s = good;
	uint64_t before = passed();
	struct addr other = rig_parse("192.0.2.99:5001");
	struct frame_spec f = { .src = other, .dst = rig.web_local };
	uint8_t m[STUN_MAX];

	s.is_controlled = true;
	CHECK_INT(send_check(&s), XDP_PASS, "check_controlled_goes_up");
	s = good;
	s.more = 0x7f01;
	s.more_len = 4;
	CHECK_INT(send_check(&s), XDP_PASS, "check_unknown_mandatory_goes_up");
	CHECK_INT(rig_send(&rig, &f, m, stun_build(&good, m)), XDP_PASS,
		  "check_on_another_pair_goes_up");
	rig_flow(&rig, &rig.web_local, &other, RIG_WEB, SLUICE_FLOW_VERIFIED);
	CHECK_INT(rig_send(&rig, &f, m, stun_build(&good, m)), XDP_PASS,
		  "check_on_a_verified_pair_goes_up");
	s = good;
	s.type = 0x0011;
	CHECK_INT(send_check(&s), XDP_PASS, "indication_on_known_pair_goes_up");
	s.type = 0x0101;
	CHECK_INT(send_check(&s), XDP_DROP, "response_is_silent");
	rig_flow(&rig, &rig.web_local, &rig.web_remote, RIG_WEB,
		 SLUICE_FLOW_VERIFIED | SLUICE_FLOW_SELECTED |
		 SLUICE_FLOW_USER);
	CHECK_INT(send_check(&good), XDP_PASS, "check_on_user_flow_goes_up");
	rig_flow(&rig, &rig.web_local, &rig.web_remote, RIG_WEB,
		 SLUICE_FLOW_VERIFIED | SLUICE_FLOW_SELECTED);
	rig_ufrag(&rig, "qrstuvwx", "somebody-elses-password!", 7);
	s = (struct stun_spec){ .username = "qrstuvwx:WxYz",
				.password = "somebody-elses-password!" };
	CHECK_INT(send_check(&s), XDP_PASS,
		  "check_of_another_session_goes_up");
	CHECK_INT(passed(), before + 7, "checks_gone_up_are_counted");
	rig_heartbeat(&rig, 1);
	s = good;
	s.is_controlled = true;
	CHECK_INT(send_check(&s), XDP_DROP,
		  "check_for_daemon_without_daemon_is_silent");
	rig_heartbeat(&rig, RIG_ALIVE);
}

/* Before keys or a route the daemon's socket does as well. */
static void test_not_ready(void)
{
	rig_hop(&rig, RIG_WEB, 0, RIG_LO, 1500);
	rig_transport(&rig, RIG_WEB, 0, 0);
	CHECK_INT(send_check(&good), XDP_PASS, "check_before_keys_goes_up");
	rig_transport(&rig, RIG_WEB, 1, 0);
	rig_put_at(&rig, SLUICE_MAP_NEXT_HOPS, RIG_WEB,
		   &(struct sluice_next_hop){ 0 });
	CHECK_INT(send_check(&good), XDP_PASS, "check_without_route_goes_up");
	rig_hop(&rig, RIG_WEB, 7, RIG_LO, 1500);
	CHECK(is_answered(&good) && rig.out[12] == 0x81 && rig.out[15] == 7,
	      "check_is_answered_into_its_vlan");
	rig_hop(&rig, RIG_WEB, 0, RIG_LO, 1500);
}

/* Any bit, one after the other, and no frame leaves. */
static void test_bits(const uint8_t *m, uint32_t len, const char *name)
{
	uint8_t copy[STUN_MAX];
	uint32_t i, heard = 0;

	for (i = 0; i < len * 8; i++) {
		memcpy(copy, m, len);
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		/* other classes of RFC 7983, and the indication, are others' */
		if (copy[0] > 3 || (!copy[0] && copy[1] == 0x11))
			continue;
		if (send_raw(copy, len) != XDP_DROP && !heard++)
			printf("# bit %u of byte %u\n", i % 8, i / 8);
	}
	CHECK_INT(heard, 0, name);
}

static void test_forged(void)
{
	struct stun_spec s = good;
	uint8_t m[STUN_MAX];
	uint32_t len, i, heard = 0;

	s.use_candidate = true;
	len = stun_build(&s, m);
	for (i = 0; i < len; i += 4)
		heard += send_raw(m, i) != XDP_DROP;
	CHECK_INT(heard, 0, "check_truncated_is_silent");
	/* a fingerprint made anew does not help */
	for (i = 8, heard = 0; i < len - 8; i++) {
		uint8_t copy[STUN_MAX];

		memcpy(copy, m, len);
		copy[i] ^= 0x40;
		sluice_put32(copy + len - 4, stun_crc(copy, len - 8));
		heard += send_raw(copy, len) == XDP_TX;
	}
	CHECK_INT(heard, 0, "check_forged_with_right_crc_is_silent");
	test_bits(m, len, "check_with_any_bit_changed_is_silent");
	s.username = RIG_UFRAG;
	CHECK_INT(send_check(&s), XDP_DROP, "check_without_colon_is_silent");
	s = good;
	s.password = NULL;
	CHECK_INT(send_check(&s), XDP_DROP, "check_unsigned_is_silent");
}

static bool is_captured_answered(const uint8_t *m, uint32_t len)
{
	return send_raw(m, len) == XDP_TX && is_answer_to(m, RIG_PASSWORD);
}

#define CAPTURED(m) m, sizeof(m)

static void test_captured(void)
{
	CHECK(is_captured_answered(CAPTURED(chromium_check)),
	      "check_of_chromium_is_answered");
	CHECK(is_captured_answered(CAPTURED(chromium_nomination)),
	      "nomination_of_chromium_is_answered");
	CHECK(is_captured_answered(CAPTURED(firefox_check)),
	      "check_of_firefox_is_answered");
	CHECK(is_captured_answered(CAPTURED(firefox_nomination)),
	      "nomination_of_firefox_is_answered");
	test_bits(CAPTURED(chromium_nomination),
		  "check_of_chromium_with_any_bit_changed_is_silent");
	test_bits(CAPTURED(firefox_check),
		  "check_of_firefox_with_any_bit_changed_is_silent");
}

static void test_v6(void)
{
	struct addr local = rig.web_local, remote = rig.web_remote;

	rig.web_local = rig_parse("[2001:db8::1]:10000");
	rig.web_remote = rig_parse("[2001:db8:9::99]:5000");
	rig_call(&rig, 1);
	CHECK(is_answered(&good), "check_over_ipv6_is_answered");
	rig.web_local = local;
	rig.web_remote = remote;
	rig_call(&rig, 1);
}

static void open_call(void)
{
	struct oracle_master m = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM, 1);
	struct sluice_key key = oracle_expand(&m);

	rig_put_at(&rig, SLUICE_MAP_KEYS, 1, &key);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 2, &key);
	rig_call(&rig, 1);
	rig_ufrag(&rig, RIG_UFRAG, RIG_PASSWORD, RIG_WEB);
}

int main(void)
{
	rig_open(&rig);
	open_call();
	test_answered();
	test_generations();
	test_for_daemon();
	test_not_ready();
	test_forged();
	test_captured();
	test_v6();
	bpf_object__close(rig.obj);
	return tap_done();
}
