// SPDX-License-Identifier: Apache-2.0
/*
 * Random streams over a bad network through bpf/lib, as the user backend runs
 * it, against libsrtp2: no difference in a verdict or a byte. bpf/test_stream
 * does the same with the program.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "datapath/user.h"
#include "lib/index.h"
#include "oracle_stream.h"
#include "tap.h"

#define PACKETS		200000	/* of each profile */

static const struct {
	uint32_t profile;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, "cm32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm128" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
};

/* The receiver under test, one source after the other. */
struct receiver {
	struct sluice_key key;
	struct user_crypt *user;	/* OpenSSL's ciphers */
	struct sluice_ssrc sources[STREAM_SOURCES];
};

struct tally {
	uint32_t accepted, replayed, forged;
};

static _Alignas(8) uint8_t scratch[SLUICE_SCRATCH];

/* In scratch; the new length or -SLUICE_DROP_x, as user_relay.c does it. */
static int receive(struct receiver *r, struct sluice_ssrc *source,
		   uint32_t len, bool by_openssl)
{
	struct sluice_rtp rtp;
	__u64 index;
	int err;

	err = sluice_rtp_parse(scratch, len, &rtp);
	if (!err)
		err = sluice_index_estimate(source, rtp.seq, !source->packets,
					    &index);
	if (!err)
		err = sluice_index_check(source, index);
	if (err)
		return err;
	if (by_openssl)
		err = user_crypt_unprotect(r->user, index, rtp.ssrc, scratch,
					   rtp.payload_off, len);
	else
		err = sluice_srtp_unprotect(&r->key, index, rtp.ssrc, scratch,
					    rtp.payload_off, len);
	if (err < 0)
		return err;
	sluice_index_commit(source, index, &rtp, 48000, 1);
	return err;
}

static bool sends_the_same(struct receiver *r, const struct stream_packet *p,
			   bool by_openssl)
{
	struct sluice_rtp rtp;
	int n;

	memcpy(scratch, p->plain, p->plain_len);
	if (sluice_rtp_parse(scratch, p->plain_len, &rtp))
		return false;
	if (by_openssl)
		n = user_crypt_protect(r->user, p->index, rtp.ssrc, scratch,
				       rtp.payload_off, p->plain_len);
	else
		n = sluice_srtp_protect(&r->key, p->index, rtp.ssrc, scratch,
					rtp.payload_off, p->plain_len);
	return n == (int)p->len && !memcmp(scratch, p->wire, p->len);
}

static bool is_equal(int verdict, srtp_err_status_t status,
		     const struct stream_delivery *d)
{
	if (verdict >= 0 || status == srtp_err_status_ok)
		return verdict >= 0 && status == srtp_err_status_ok;
	/* both refuse; a reason counts where both could read the header */
	if (d->is_header_forged)
		return true;
	if (status == srtp_err_status_auth_fail)
		return verdict == -SLUICE_DROP_AUTH;
	return (status == srtp_err_status_replay_fail ||
		status == srtp_err_status_replay_old) &&
	       verdict == -SLUICE_DROP_REPLAY;
}

static bool agrees(struct receiver *r, srtp_t rx, struct stream *s,
		   struct tally *t)
{
	static struct stream_delivery d;
	uint8_t want[STREAM_ROOM];
	bool by_openssl = stream_random(s, 4) == 0;
	srtp_err_status_t status;
	uint32_t ssrc;
	struct sluice_ssrc unknown = { 0 }, *source = &unknown;
	int len, got;

	stream_next(s, &d);
	if (d.is_new && !sends_the_same(r, d.sent, by_openssl))
		return false;
	/* a forged SSRC is another source, unless it is one of ours */
	ssrc = sluice_get32(d.wire + 8);
	for (uint32_t i = 0; i < STREAM_SOURCES; i++)
		if (s->sources[i].ssrc == ssrc)
			source = &r->sources[i];
	memcpy(want, d.wire, d.len);
	len = (int)d.len;
	status = srtp_unprotect(rx, want, &len);
	memcpy(scratch, d.wire, d.len);
	got = receive(r, source, d.len, by_openssl);
	t->accepted += got >= 0;
	t->replayed += got == -SLUICE_DROP_REPLAY;
	t->forged += got == -SLUICE_DROP_AUTH;
	if (!is_equal(got, status, &d)) {
		printf("# verdict %d, libsrtp2 %d\n", got, (int)status);
		return false;
	}
	return got < 0 || (got == len && !memcmp(scratch, want, (size_t)len));
}

static void test_profile(unsigned int p, uint64_t seed)
{
	struct oracle_master m = oracle_master(profiles[p].profile,
					       (uint8_t)seed);
	static struct receiver r;
	static struct stream s;
	struct tally t = { 0 };
	srtp_t rx = oracle_open(&m, 0);
	uint32_t i;
	char name[96];

	memset(&r, 0, sizeof(r));
	r.key = oracle_expand(&m);
	if (user_crypt_create(&r.key, &r.user))
		abort();
	stream_open(&s, &m, seed);
	for (i = 0; i < PACKETS && agrees(&r, rx, &s, &t); i++)
		;
	snprintf(name, sizeof(name), "stream_%s_of_%u_packets_is_libsrtps",
		 profiles[p].name, PACKETS);
	CHECK_INT(i, PACKETS, name);
	snprintf(name, sizeof(name), "stream_%s_had_wraps_replays_forgeries",
		 profiles[p].name);
	CHECK(s.wraps >= 4 * STREAM_SOURCES && t.replayed > PACKETS / 50 &&
	      t.forged > PACKETS / 50 && t.accepted > PACKETS / 2, name);
	printf("# %u accepted, %u replayed, %u forged, %llu wraps\n",
	       t.accepted, t.replayed, t.forged, (unsigned long long)s.wraps);
	stream_close(&s);
	srtp_dealloc(rx);
	user_crypt_free(r.user);
}

int main(void)
{
	uint64_t seed = stream_seed();
	unsigned int p;

	for (p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++)
		test_profile(p, seed + p);
	return tap_done();
}
