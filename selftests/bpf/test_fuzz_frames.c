// SPDX-License-Identifier: Apache-2.0
/*
 * Mutated frames into the real program: whatever comes, the verdict is one of
 * PASS, DROP and TX, a drop counts exactly one reason, what passes is as it
 * came, what is sent is whole, and the call goes on afterwards.
 *
 * SEED=, FRAMES= in the environment; both are printed.
 */
#include "relay_rig.h"
#include "stun_build.h"

#define FRAMES		20000
#define PAYLOAD_MAX	1500
#define STRANGER	"203.0.113.66:4444"

static struct rig rig;
static srtp_t browser_tx;
static uint16_t web_seq = 100, sip_seq = 100;

/* ---- numbers ----------------------------------------------------------- */

static uint64_t random_state;

/* xorshift64*: the same everywhere. */
static uint32_t roll(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static uint32_t from_environment(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);

	return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

/* ---- valid payloads ---------------------------------------------------- */

static uint32_t make_stun(uint8_t *out)
{
	static const char *const users[] = { RIG_UFRAG ":WxYz",
					     "abcdefgx:WxYz", "abcdefghi:WxYz",
					     ":" };
	const char *user = users[roll(2) ? 0 : roll(4)];
	uint32_t len = 20, n = (uint32_t)strlen(user), i;

	memset(out, 0, 8);
	out[0] = roll(8) ? 0 : 1;
	out[1] = 1;
	sluice_put32(out + 4, 0x2112a442);
	for (i = 8; i < 20; i++)
		out[i] = (uint8_t)roll(256);
	for (i = roll(4); i; i--) {
		sluice_put16(out + len, (uint16_t)(0x8022 + roll(9)));
		sluice_put16(out + len + 2, (uint16_t)roll(9));
		memset(out + len + 4, 0x20, 8);
		len += 4 + ((sluice_get16(out + len + 2) + 3) & ~3U);
	}
	sluice_put16(out + len, 0x0006);
	sluice_put16(out + len + 2, (uint16_t)n);
	memset(out + len + 4, 0, 16);
	memcpy(out + len + 4, user, n);
	len += 4 + ((n + 3) & ~3U);
	if (roll(4) == 0)
		stun_attr(out, &len, (uint16_t)(roll(64)), (uint16_t)roll(20));
	stun_sign(out, &len, roll(4) ? RIG_PASSWORD : NULL, !roll(8));
	return len;
}

static uint32_t make_dtls(uint8_t *out)
{
	uint32_t len = 13 + roll(1200);

	memset(out, 0, len);
	out[0] = (uint8_t)(20 + roll(44));
	sluice_put16(out + 1, 0xfefd);
	sluice_put16(out + 11, (uint16_t)(len - 13));
	return len;
}

static struct oracle_rtp make_rtp(uint8_t pt, uint32_t ssrc, uint16_t seq)
{
	return (struct oracle_rtp){ .pt = pt, .ssrc = ssrc, .seq = seq,
		.timestamp = seq * 960U, .marker = (uint8_t)roll(2),
		.csrc_count = (uint8_t)(roll(4) ? 0 : roll(16)),
		.extension_words = roll(3) ? -1 : (int)roll(8),
		.payload_len = roll(10) ? roll(200) : roll(1350) };
}

static uint32_t make_srtp(uint8_t *out)
{
	struct oracle_rtp r = make_rtp(RIG_WEB_PT, RIG_WEB_SSRC, ++web_seq);
	int len = oracle_protect(browser_tx, out, (int)oracle_packet(&r, out));

	return len < 0 ? 12 : (uint32_t)len;
}

static uint32_t make_plain(uint8_t *out)
{
	struct oracle_rtp r = make_rtp(RIG_SIP_PT, RIG_SIP_SSRC, ++sip_seq);

	return oracle_packet(&r, out);
}

/* One packet of a compound, its SSRCs often ones that are known. */
static uint32_t make_rtcp_packet(uint8_t *out, bool is_first, bool from_sip)
{
	static const uint8_t types[] = { 200, 201, 206, 205, 202, 203, 204 };
	const uint32_t known[] = {
		from_sip ? RIG_SIP_SSRC : RIG_WEB_SSRC,
		from_sip ? RIG_TO_SIP_SSRC : RIG_TO_WEB_SSRC,
	};
	uint8_t type = types[roll(is_first ? 4 : 7)];
	uint32_t count = roll(4), words = 2 + roll(12), i;

	if (type == 200 || type == 201) {
		count = roll(3);
		words = (type == 200 ? 6 : 1) + 6 * count + (roll(6) == 0);
	}
	for (i = 0; i <= words; i++)
		sluice_put32(out + 4 * i, roll(3) ? known[roll(2)] :
						    roll(1U << 31));
	out[0] = (uint8_t)(0x80 | count);
	out[1] = type;
	sluice_put16(out + 2, (uint16_t)words);
	if (type != 206 && type != 205)
		sluice_put32(out + 4, known[0]);
	return 4 * (words + 1);
}

static uint32_t make_compound(uint8_t *out, bool from_sip)
{
	uint32_t len = make_rtcp_packet(out, true, from_sip), n;

	for (n = roll(4); n; n--)
		len += make_rtcp_packet(out + len, false, from_sip);
	return len;
}

static uint32_t make_rtcp(uint8_t *out)
{
	return make_compound(out, true);
}

static uint32_t make_srtcp(uint8_t *out)
{
	int len = (int)make_compound(out, false);

	sluice_put32(out + 4, RIG_WEB_SSRC);
	return srtp_protect_rtcp(browser_tx, out, &len) ? 12 : (uint32_t)len;
}

static uint32_t make_junk(uint8_t *out)
{
	uint32_t len = roll(PAYLOAD_MAX), i;

	for (i = 0; i < len; i++)
		out[i] = (uint8_t)roll(256);
	return len;
}

/* ---- frames ------------------------------------------------------------ */

static uint32_t make_frame(uint8_t *out)
{
	static uint32_t (*const make[])(uint8_t *) = { make_srtp, make_plain,
		make_stun, make_dtls, make_srtcp, make_rtcp, make_junk };
	uint32_t kind = roll(sizeof(make) / sizeof(make[0])), len;
	bool from_sip = kind == 1 || kind == 5 || (kind > 5 && roll(2));
	struct frame_spec s = {
		.src = from_sip ? rig.sip_remote : rig.web_remote,
		.dst = from_sip ? rig.sip_local : rig.web_local,
		.vlan_id = roll(8) ? 0 : 7,
		.fragment = roll(32) ? 0 : 0x2000,
	};
	uint8_t payload[FRAME_MAX];

	if (roll(4) == 0)
		s.src = rig_parse(STRANGER);
	if (roll(16) == 0) {
		s.src = rig_parse("[2001:db8::66]:7");
		s.dst = rig_parse("[2001:db8::1]:9");
		s.fragment_v6 = !roll(4);
	}
	len = make[kind](payload);
	return frame_build(&s, payload, len, out);
}

/* One of: bits, a byte of interest, a length's two bytes, cut, grown. */
static uint32_t mutate_once(uint8_t *f, uint32_t len)
{
	static const uint8_t bytes[] = { 0, 1, 0x7f, 0x80, 0xff, 0x45, 0x4f,
					 0x60, 17, 44 };
	/* the headers are where decisions are made */
	uint32_t head = len < 90 ? len : 90, at = roll(roll(4) ? head : len);

	switch (roll(6)) {
	case 0:
		f[at] ^= (uint8_t)(1 << roll(8));
		return len;
	case 1:
		f[at] = bytes[roll(sizeof(bytes))];
		return len;
	case 2:
		f[at] = (uint8_t)roll(256);
		return len;
	case 3:
		if (at + 2 <= len)
			sluice_put16(f + at, (uint16_t)(len - at + roll(9) - 4));
		return len;
	case 4:
		/* a test run needs an Ethernet header */
		return 14 + roll(len - 13);
	default:
		at = roll(64);
		if (len + at > 1600)
			return len;
		memset(f + len, 0xa5, at);
		return len + at;
	}
}

/* ---- judgement --------------------------------------------------------- */

struct tally {
	uint32_t pass, drop, tx, other;
	uint32_t uncounted, changed, broken;
};

static uint64_t all_drops(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SLUICE_DROP_MAX; i++)
		sum += rig_drops(&rig, (enum sluice_drop)i);
	return sum;
}

static void show(const char *what, const uint8_t *f, uint32_t len)
{
	printf("# %s:", what);
	for (uint32_t i = 0; i < len; i++)
		printf(" %02x", f[i]);
	printf("\n");
}

static void judge(const uint8_t *f, uint32_t len, struct tally *t)
{
	uint64_t before = all_drops(), dropped;
	int verdict = rig_run(&rig, f, len);
	struct frame_udp udp;

	dropped = all_drops() - before;
	if (dropped != (verdict == XDP_DROP)) {
		if (!t->uncounted++)
			show("drop not counted once", f, len);
	}
	switch (verdict) {
	case XDP_PASS:
		t->pass++;
		if ((rig.out_len != len || memcmp(rig.out, f, len)) &&
		    !t->changed++)
			show("changed though passed", f, len);
		break;
	case XDP_DROP:
		t->drop++;
		break;
	case XDP_TX:
		t->tx++;
		if ((!frame_read(rig.out, rig.out_len, &udp) ||
		     !udp.is_sum_right || udp.len < 8) &&
		    !t->broken++)
			show("sent a broken frame for", f, len);
		break;
	default:
		printf("# verdict %d\n", verdict);
		if (!t->other++)
			show("verdict out of range", f, len);
	}
}

/* ---- the test ---------------------------------------------------------- */

static void open_call(void)
{
	struct oracle_master rx = oracle_master(SLUICE_SRTP_AES128_CM_SHA1_80,
						11);
	struct oracle_master tx = oracle_master(SLUICE_SRTP_AES128_CM_SHA1_80,
						99);
	struct sluice_key rx_key = oracle_expand(&rx);
	struct sluice_key tx_key = oracle_expand(&tx);
	struct addr v6 = rig_parse("[2001:db8::1]:9");

	browser_tx = oracle_open(&rx, 1);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 1, &rx_key);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 2, &tx_key);
	rig_call(&rig, 1);
	rig_transport(&rig, RIG_WEB, 1, SLUICE_TRANSPORT_RTCP_MUX);
	rig_transport(&rig, RIG_SIP, 0, SLUICE_TRANSPORT_RTCP_MUX);
	rig_port(&rig, &v6, SLUICE_PORT_WEB, 0);
	rig_ufrag(&rig, RIG_UFRAG, RIG_PASSWORD, RIG_WEB);
}

/* After all that: the browser's next packet, and two of the PBX (a mutated
 * sequence number may have left a plain source on probation, RFC 3550 A.1).
 */
static void check_call(void)
{
	struct frame_spec web = { .src = rig.web_remote, .dst = rig.web_local };
	struct frame_spec sip = { .src = rig.sip_remote, .dst = rig.sip_local };
	uint8_t packet[FRAME_MAX];
	int verdict = XDP_DROP;

	CHECK_INT(rig_send(&rig, &web, packet, make_srtp(packet)), XDP_TX,
		  "frames_after_fuzzing_browser_relayed");
	for (int i = 0; i < 2; i++)
		verdict = rig_send(&rig, &sip, packet, make_plain(packet));
	CHECK_INT(verdict, XDP_TX, "frames_after_fuzzing_pbx_relayed");
}

int main(void)
{
	uint32_t seed = from_environment("SEED", 20261122);
	uint32_t count = from_environment("FRAMES", FRAMES), i, n, len;
	uint8_t frame[FRAME_MAX];
	struct tally t = { 0 };

	rig_open(&rig);
	open_call();
	printf("# seed %u, %u frames\n", seed, count);
	random_state = 0x9e3779b97f4a7c15ULL ^ seed;
	for (i = 0; i < count; i++) {
		/* the daemon lives, but for some while in between */
		if (i % 256 == 0)
			rig_heartbeat(&rig, i % 2048 ? RIG_ALIVE : 1);
		len = make_frame(frame);
		for (n = roll(5); n; n--)
			len = mutate_once(frame, len);
		judge(frame, len, &t);
	}
	rig_heartbeat(&rig, RIG_ALIVE);
	printf("# %u passed, %u dropped, %u sent\n", t.pass, t.drop, t.tx);
	CHECK_INT(t.other, 0, "frames_mutated_verdicts_in_range");
	CHECK_INT(t.uncounted, 0, "frames_mutated_drops_counted_once");
	CHECK_INT(t.changed, 0, "frames_mutated_passed_untouched");
	CHECK_INT(t.broken, 0, "frames_mutated_sent_whole");
	CHECK(t.pass > count / 20 && t.drop > count / 20 && t.tx > count / 20,
	      "frames_mutated_every_verdict_reached");
	check_call();
	srtp_dealloc(browser_tx);
	bpf_object__close(rig.obj);
	return tap_done();
}
