// SPDX-License-Identifier: Apache-2.0
/*
 * Random streams over a bad network through the real program against
 * libsrtp2: from the browser each verdict and each byte that leaves as RTP,
 * towards the browser each packet. unit/test_srtp_stream does the same with
 * bpf/lib in userspace.
 */
#include "relay_rig.h"
#include "../unit/oracle_stream.h"

#define PACKETS		50000	/* of each profile */
#define PACKETS_SHORT	1500	/* SHORT= in the environment: emulated hosts */

static const struct {
	uint32_t profile;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, "cm32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm128" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
};

/* Streams of the sources; ids 1 and 2 are the rig's own. */
static const uint32_t ids[STREAM_SOURCES] = { RIG_WEB, 3, 4, 5 };

static struct rig rig;
static srtp_t rx, browser;

struct tally {
	uint32_t accepted, replayed, forged, sent;
};

/* A source of its own m-line each; four payload types tell them apart. */
static void set_up(uint32_t profile, const struct oracle_master *in,
		   const struct oracle_master *out)
{
	struct sluice_key rx_key = oracle_expand(in);
	struct sluice_key tx_key = oracle_expand(out);
	struct sluice_transport t;
	uint32_t id = RIG_WEB, i;

	rig_put_at(&rig, SLUICE_MAP_KEYS, 1, &rx_key);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 2, &tx_key);
	rig_call(&rig, 1);
	if (bpf_map_lookup_elem(rig_map(&rig, SLUICE_MAP_TRANSPORTS), &id, &t))
		abort();
	for (i = 0; i < STREAM_SOURCES; i++) {
		struct sluice_stream s = {
			.flags = SLUICE_STREAM_ACTIVE, .from = RIG_WEB,
			.to = RIG_SIP, .out_ssrc = 0x0a0a0000 + i,
			.clock_hz = 48000, .generation = 1,
		};

		t.streams[i] = ids[i];
		t.payload[STREAM_PT + i] = (struct sluice_payload){
			.stream = (uint8_t)i, .out_pt = RIG_SIP_PT };
		rig_put_at(&rig, SLUICE_MAP_STREAMS, ids[i], &s);
	}
	rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, RIG_WEB, &t);
}

/* The CSRC list and the payload, which a header extension may precede. */
static bool has_same_content(const uint8_t *rtp, uint32_t len,
			     const uint8_t *want, uint32_t want_len)
{
	struct sluice_rtp a, b;

	return !sluice_rtp_parse(rtp, len, &a) &&
	       !sluice_rtp_parse(want, want_len, &b) && !a.extension &&
	       a.marker == b.marker && a.padding == b.padding &&
	       a.csrc_count == b.csrc_count &&
	       !memcmp(rtp + 12, want + 12, 4U * a.csrc_count) &&
	       a.payload_len == b.payload_len &&
	       !memcmp(rtp + a.payload_off, want + b.payload_off,
		       a.payload_len);
}

static bool left_as(struct frame_udp *u, uint32_t ssrc, uint8_t pt)
{
	return frame_read(rig.out, rig.out_len, u) && u->is_sum_right &&
	       u->len >= 12 && sluice_get32(u->payload + 8) == ssrc &&
	       (u->payload[1] & 0x7f) == pt;
}

/* How often a reason was counted since the last call. */
static uint64_t counted(enum sluice_drop reason)
{
	static uint64_t seen[SLUICE_DROP_MAX];
	uint64_t now = rig_drops(&rig, reason), ret = now - seen[reason];

	seen[reason] = now;
	return ret;
}

/* Bits that the program reads, and refuses, ahead of the tag. */
static bool is_read_first(const struct stream_delivery *d)
{
	return d->is_header_forged ||
	       (d->is_forged && (d->wire[1] != d->sent->wire[1] ||
				 memcmp(d->wire + 8, d->sent->wire + 8, 4)));
}

static bool arrives(const struct stream_delivery *d, struct tally *t)
{
	struct frame_spec f = { .src = rig.web_remote, .dst = rig.web_local };
	srtp_err_status_t status;
	uint8_t want[STREAM_ROOM];
	struct frame_udp u;
	uint64_t auth, replay;
	int len = (int)d->len;
	bool passed;

	memcpy(want, d->wire, d->len);
	status = srtp_unprotect(rx, want, &len);
	passed = rig_send(&rig, &f, d->wire, d->len) == XDP_TX;
	if (passed || status == srtp_err_status_ok) {
		t->accepted++;
		return passed && status == srtp_err_status_ok &&
		       left_as(&u, 0x0a0a0000 + d->source, RIG_SIP_PT) &&
		       has_same_content(u.payload, u.len, want, (uint32_t)len);
	}
	auth = counted(SLUICE_DROP_AUTH);
	replay = counted(SLUICE_DROP_REPLAY);
	t->forged += auth;
	t->replayed += replay;
	if (is_read_first(d))
		return true;
	if (status == srtp_err_status_auth_fail)
		return auth == 1 && !replay;
	return !auth && replay == 1;
}

static bool departs(const struct stream_packet *p, struct tally *t)
{
	struct frame_spec f = { .src = rig.sip_remote, .dst = rig.sip_local };
	uint8_t got[STREAM_ROOM];
	struct frame_udp u;
	int len;

	if (rig_send(&rig, &f, p->plain, p->plain_len) != XDP_TX ||
	    !left_as(&u, RIG_TO_WEB_SSRC, RIG_WEB_PT))
		return false;
	t->sent++;
	memcpy(got, u.payload, u.len);
	len = (int)u.len;
	return !srtp_unprotect(browser, got, &len) &&
	       has_same_content(got, (uint32_t)len, p->plain, p->plain_len);
}

static void test_profile(unsigned int p, uint64_t seed, uint32_t packets)
{
	struct oracle_master in = oracle_master(profiles[p].profile, 7);
	struct oracle_master out = oracle_master(profiles[p].profile, 70);
	static struct stream s;
	static struct stream_delivery d;
	struct tally t = { 0 };
	char name[96];
	uint32_t i;
	bool ok = true;

	set_up(profiles[p].profile, &in, &out);
	rx = oracle_open(&in, 0);
	browser = oracle_open(&out, 0);
	stream_open(&s, &in, seed);
	counted(SLUICE_DROP_AUTH);
	counted(SLUICE_DROP_REPLAY);
	for (i = 0; i < packets && ok; i++) {
		stream_next(&s, &d);
		ok = arrives(&d, &t);
		if (ok && d.is_new && d.source == 0)
			ok = departs(d.sent, &t);
	}
	snprintf(name, sizeof(name), "stream_%s_through_xdp_is_libsrtps",
		 profiles[p].name);
	if (!CHECK(ok, name))
		printf("# packet %u, source %u, index %llu, %s%s\n", i,
		       d.source, (unsigned long long)d.sent->index,
		       d.is_new ? "new" : "old", d.is_forged ? ", forged" : "");
	snprintf(name, sizeof(name), "stream_%s_had_wraps_replays_forgeries",
		 profiles[p].name);
	CHECK(s.wraps >= STREAM_SOURCES && t.replayed > packets / 50 &&
	      t.forged > packets / 50 && t.accepted > packets / 2, name);
	printf("# %u accepted, %u replayed, %u forged, %u sent, %llu wraps\n",
	       t.accepted, t.replayed, t.forged, t.sent,
	       (unsigned long long)s.wraps);
	stream_close(&s);
	srtp_dealloc(rx);
	srtp_dealloc(browser);
}

int main(void)
{
	uint64_t seed = stream_seed();
	uint32_t packets = getenv("SHORT") ? PACKETS_SHORT : PACKETS;
	unsigned int p;

	rig_open(&rig);
	for (p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++)
		test_profile(p, seed + p, packets);
	bpf_object__close(rig.obj);
	return tap_done();
}
