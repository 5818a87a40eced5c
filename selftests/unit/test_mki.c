/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with an MKI (RFC 3711 3.1, RFC 7714 8.2 and 9.2): libsrtp2's. */
#include "lib/mki.h"
#include "srtp_oracle.h"
#include "tap.h"

static _Alignas(8) uint8_t scratch[SLUICE_SCRATCH];

static const struct {
	uint32_t profile;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, "cm32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm128" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
};

static struct {
	struct oracle_master master;
	struct sluice_key key;
	srtp_t tx, rx;
	uint32_t rtp_tag, rtcp_tag;
} f;

static void set_up(unsigned int p, uint32_t mki_len)
{
	f.master = oracle_master(profiles[p].profile, 17);
	oracle_set_mki(&f.master, mki_len);
	f.key = oracle_expand(&f.master);
	f.tx = oracle_open(&f.master, 1);
	f.rx = oracle_open(&f.master, 0);
	f.rtp_tag = sluice_srtp_tag_len(profiles[p].profile);
	f.rtcp_tag = sluice_srtcp_tag_len(profiles[p].profile);
}

static void tear_down(void)
{
	srtp_dealloc(f.tx);
	srtp_dealloc(f.rx);
}

static void check(int ok, const char *what, unsigned int p, uint32_t mki_len)
{
	char name[96];

	snprintf(name, sizeof(name), "mki_of_%u_%s_%s", mki_len,
		 profiles[p].name, what);
	CHECK(ok, name);
}

static int protect(const struct oracle_rtp *r, uint32_t len)
{
	int n = sluice_srtp_protect(&f.key, r->seq, r->ssrc, scratch, 12, len);

	return n < 0 ? n : sluice_mki_put(&f.key, scratch, (uint32_t)n,
					  f.rtp_tag);
}

static int unprotect(const struct oracle_rtp *r, uint32_t len)
{
	int n = sluice_mki_take(&f.key, scratch, len, f.rtp_tag);

	return n < 0 ? n : sluice_srtp_unprotect(&f.key, r->seq, r->ssrc,
						 scratch, 12, (uint32_t)n);
}

static int rtp_agrees(const struct oracle_rtp *r)
{
	uint8_t plain[SLUICE_SCRATCH], wire[SLUICE_SCRATCH];
	uint32_t len = oracle_packet(r, plain);
	int n;

	memcpy(wire, plain, len);
	n = oracle_protect(f.tx, wire, (int)len);
	memcpy(scratch, plain, len);
	if (n < 0 || protect(r, len) != n || memcmp(scratch, wire, (size_t)n))
		return 0;
	if (oracle_unprotect(f.rx, wire, n) != (int)len)
		return 0;
	return unprotect(r, (uint32_t)n) == (int)len &&
	       !memcmp(scratch, plain, len);
}

static int rtcp_agrees(uint32_t index, uint32_t len)
{
	uint8_t plain[SLUICE_SCRATCH], wire[SLUICE_SCRATCH];
	uint32_t got = 0;
	int n, own;

	oracle_rtcp_packet(9, len, plain);
	memcpy(wire, plain, len);
	n = oracle_protect_rtcp(f.tx, wire, (int)len);
	memcpy(scratch, plain, len);
	own = sluice_srtcp_protect(&f.key, index, 9, scratch, len);
	own = sluice_mki_put(&f.key, scratch, (uint32_t)own, f.rtcp_tag);
	if (n < 0 || own != n || memcmp(scratch, wire, (size_t)n))
		return 0;
	own = sluice_mki_take(&f.key, scratch, (uint32_t)n, f.rtcp_tag);
	own = sluice_srtcp_unprotect(&f.key, 9, scratch, (uint32_t)own, &got);
	return own == (int)len && got == index && !memcmp(scratch, plain, len);
}

static void test_agrees(unsigned int p, uint32_t mki_len)
{
	struct oracle_rtp r = { .pt = 96, .ssrc = 5, .extension_words = -1 };
	uint32_t i, bad = 0;

	set_up(p, mki_len);
	for (i = 0; i <= 1400; i += 7) {
		r.seq = (uint16_t)(i + 1);
		r.payload_len = i;
		bad += !rtp_agrees(&r);
	}
	check(!bad, "srtp_matches_libsrtp", p, mki_len);
	for (i = 1, bad = 0; i < 100; i++)
		bad += !rtcp_agrees(i, 8 + 12 * i);
	check(!bad, "srtcp_matches_libsrtp", p, mki_len);
	tear_down();
}

static void test_refused(unsigned int p)
{
	struct oracle_rtp r = { .pt = 96, .ssrc = 5, .seq = 1,
				.extension_words = -1, .payload_len = 40 };
	uint8_t wire[SLUICE_SCRATCH];
	uint32_t len, i, taken = 0;
	int n;

	set_up(p, 4);
	len = oracle_packet(&r, wire);
	n = oracle_protect(f.tx, wire, (int)len);
	for (i = 0; i < (uint32_t)n; i++) {
		memcpy(scratch, wire, (size_t)n);
		scratch[i] ^= 1;
		taken += unprotect(&r, (uint32_t)n) != -SLUICE_DROP_AUTH;
	}
	check(!taken, "any_byte_changed_is_refused", p, 4);
	memcpy(scratch, wire, (size_t)n);
	check(sluice_mki_take(&f.key, scratch, 8 + 3 + f.rtp_tag, f.rtp_tag) ==
	      -SLUICE_DROP_SHORT, "packet_too_short_is_refused", p, 4);
	check(sluice_mki_put(&f.key, scratch, SLUICE_PACKET_MAX - 3,
			     f.rtp_tag) == -SLUICE_DROP_TOO_BIG,
	      "packet_too_big_is_refused", p, 4);
	tear_down();
}

int main(void)
{
	for (unsigned int p = 0; p < sizeof(profiles) / sizeof(profiles[0]);
	     p++) {
		for (uint32_t len = 0; len <= SLUICE_MKI_MAX; len++)
			test_agrees(p, len);
		test_refused(p);
	}
	return tap_done();
}
