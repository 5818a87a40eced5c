// SPDX-License-Identifier: Apache-2.0
/*
 * Nanoseconds of an SRTP transform at 100, 160 and 1200 bytes of payload: in
 * the kernel, in the user path, in libsrtp2 and in OpenSSL's EVP alone, one
 * after the other in each round, medians over the rounds. Each has 4,096
 * streams in random order, but for libsrtp2, which has one: Debian's is built
 * on NSS, whose cost grows with the number of sessions.
 *
 * ROUNDS= measurements of each (5).
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../unit/srtp_oracle.h"
#include "datapath/user.h"
#include "drive.h"

#define STREAMS		DRIVE_KEYS
#define PACKETS		4096	/* of a round in userspace */
#define ROUNDS_MAX	31
#define SSRC		0x1234

enum subject { XDP, USER, LIBSRTP, EVP, SUBJECTS };

static const char *const subjects[SUBJECTS] = {
	"xdp", "user", "libsrtp2", "evp" };
static const struct {
	uint32_t profile;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
};
static const uint32_t payloads[] = { 100, 160, 1200 };

static struct drive drive;
static struct {
	struct user_crypt *user[STREAMS];
	srtp_t tx, rx, maker;	/* maker: of the packets that rx gets */
	uint16_t srtp_seq;
	EVP_CIPHER_CTX *evp[2][STREAMS];
	EVP_MAC_CTX *mac[STREAMS];
	uint16_t seq[STREAMS];
} s;
static uint32_t order[PACKETS];
static struct sluice_key key;
static uint32_t profile;

static const EVP_CIPHER *cipher(void)
{
	if (profile == SLUICE_SRTP_AEAD_AES_128_GCM)
		return EVP_aes_128_gcm();
	if (profile == SLUICE_SRTP_AEAD_AES_256_GCM)
		return EVP_aes_256_gcm();
	return EVP_aes_128_ctr();
}

static void set_up(void)
{
	struct oracle_master m = oracle_master(profile, 9);
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OSSL_PARAM sha1[] = {
		OSSL_PARAM_utf8_string("digest", (char *)"SHA1", 0),
		OSSL_PARAM_END };
	uint8_t raw[32];
	uint32_t i;
	int way;

	key = oracle_expand(&m);
	drive_keys(&drive, &key);
	sluice_aes_raw(&key.rtp.aes, sizeof(raw), raw);
	s.tx = oracle_open(&m, 1);
	s.rx = oracle_open(&m, 0);
	s.maker = oracle_open(&m, 1);
	s.srtp_seq = 0;
	for (i = 0; i < STREAMS; i++) {
		if (user_crypt_create(&key, &s.user[i]))
			abort();
		for (way = 0; way < 2; way++) {
			s.evp[way][i] = EVP_CIPHER_CTX_new();
			EVP_CipherInit_ex(s.evp[way][i], cipher(), NULL, raw,
					  NULL, way);
		}
		s.mac[i] = EVP_MAC_CTX_new(hmac);
		EVP_MAC_init(s.mac[i], raw, 20, sha1);
		s.seq[i] = 0;
	}
	EVP_MAC_free(hmac);
}

static void tear_down(void)
{
	srtp_dealloc(s.tx);
	srtp_dealloc(s.rx);
	srtp_dealloc(s.maker);
	for (uint32_t i = 0; i < STREAMS; i++) {
		user_crypt_free(s.user[i]);
		EVP_CIPHER_CTX_free(s.evp[0][i]);
		EVP_CIPHER_CTX_free(s.evp[1][i]);
		EVP_MAC_CTX_free(s.mac[i]);
	}
}

/* What SRTP needs of EVP at least: IV, header, payload, tag. */
static void by_evp(uint32_t i, bool protect, uint8_t *packet, uint32_t len)
{
	EVP_CIPHER_CTX *ctx = s.evp[protect][i];
	uint8_t iv[16] = { 0 }, tag[20];
	size_t tag_len;
	int n;

	sluice_put16(iv + 10, sluice_get16(packet + 2));
	EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1);
	if (profile == SLUICE_SRTP_AES128_CM_SHA1_80) {
		EVP_CipherUpdate(ctx, packet + 12, &n, packet + 12,
				 (int)len - 12);
		EVP_MAC_init(s.mac[i], NULL, 0, NULL);
		EVP_MAC_update(s.mac[i], packet, len);
		EVP_MAC_final(s.mac[i], tag, &tag_len, sizeof(tag));
		return;
	}
	if (!protect)
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16,
				    packet + len);
	EVP_CipherUpdate(ctx, NULL, &n, packet, 12);
	EVP_CipherUpdate(ctx, packet + 12, &n, packet + 12, (int)len - 12);
	EVP_CipherFinal_ex(ctx, packet + len, &n);
	if (protect)
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag);
}

/* Others run on the same core. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void shuffle(void)
{
	for (uint32_t i = 0; i < PACKETS; i++)
		order[i] = (uint32_t)random() % STREAMS;
}

/*
 * A round in userspace: the packets are made first, so that unprotecting
 * finds them authentic; libsrtp2 also wants them new.
 */
static double round_user(enum subject what, bool protect, uint32_t payload)
{
	static uint8_t packets[PACKETS][SLUICE_SCRATCH];
	uint32_t len = 12 + payload, tag = sluice_srtp_tag_len(profile), i, k;
	struct oracle_rtp r = { .pt = 96, .ssrc = SSRC, .payload_len = payload,
				.extension_words = -1 };
	uint64_t start;
	int n, failed = 0;

	shuffle();
	for (i = 0; i < PACKETS; i++) {
		k = order[i];
		r.seq = what == LIBSRTP ? ++s.srtp_seq : ++s.seq[k];
		oracle_packet(&r, packets[i]);
		if (!protect && what == LIBSRTP)
			oracle_protect(s.maker, packets[i], (int)len);
		if (!protect && what == USER)
			user_crypt_protect(s.user[k], r.seq, SSRC, packets[i],
					   12, len);
	}
	start = cpu_ns();
	for (i = 0; i < PACKETS; i++) {
		k = order[i];
		n = (int)(protect ? len : len + tag);
		switch (what) {
		case USER:
			n = protect ?
				user_crypt_protect(s.user[k],
					sluice_get16(packets[i] + 2), SSRC,
					packets[i], 12, len) :
				user_crypt_unprotect(s.user[k],
					sluice_get16(packets[i] + 2), SSRC,
					packets[i], 12, len + tag);
			failed += n < 0;
			break;
		case LIBSRTP:
			failed += protect ?
				srtp_protect(s.tx, packets[i], &n) :
				srtp_unprotect(s.rx, packets[i], &n);
			break;
		default:
			by_evp(k, protect, packets[i], len);
		}
	}
	if (failed) {
		fprintf(stderr, "%s: %d of %u failed\n", subjects[what], failed,
			PACKETS);
		exit(1);
	}
	return (double)(cpu_ns() - start) / PACKETS;
}

/* The copy into scratch is not the transform's. */
static double round_xdp(bool protect, uint32_t payload)
{
	static _Alignas(8) uint8_t packet[SLUICE_SCRATCH];
	struct oracle_rtp r = { .pt = 96, .seq = 77, .ssrc = SSRC,
				.payload_len = payload, .extension_words = -1 };
	uint32_t len = oracle_packet(&r, packet);
	uint32_t tag = sluice_srtp_tag_len(profile);
	double copy;

	if (!protect)
		len = (uint32_t)sluice_srtp_protect(&key, 77, SSRC, packet, 12,
						    len);
	copy = drive_transform(&drive, "d_copy", packet, len, 0);
	if (protect)
		return drive_transform(&drive, "d_protect", packet, len,
				       (int)(len + tag)) - copy;
	return drive_transform(&drive, "d_unprotect", packet, len,
			       (int)(len - tag)) - copy;
}

static void measure(const char *name, bool protect, uint32_t payload,
		    int rounds)
{
	double v[SUBJECTS][ROUNDS_MAX], ns[SUBJECTS];
	char text[96], baseline[96];
	int i, k;

	for (i = 0; i < rounds; i++)
		for (k = 0; k < SUBJECTS; k++)
			v[k][i] = k == XDP ? round_xdp(protect, payload) :
					     round_user(k, protect, payload);
	for (k = 0; k < SUBJECTS; k++)
		ns[k] = median(v[k], rounds);
	snprintf(baseline, sizeof(baseline), "libsrtp2_%s_%s_%u_ns", name,
		 protect ? "protect" : "unprotect", payload);
	for (k = 0; k < SUBJECTS; k++) {
		snprintf(text, sizeof(text), "%s_%s_%s_%u_ns", subjects[k],
			 name, protect ? "protect" : "unprotect", payload);
		figure(text, ns[k], "ns", k == LIBSRTP ? NULL : baseline,
		       ns[k] / ns[LIBSRTP]);
	}
}

int main(void)
{
	const char *text = getenv("ROUNDS");
	int rounds = text ? atoi(text) : 5;
	uint32_t p, i;

	if (geteuid()) {
		printf("# needs root\n");
		return 4;
	}
	if (rounds < 1 || rounds > ROUNDS_MAX)
		rounds = 5;
	drive_open(&drive);
	for (p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++) {
		profile = profiles[p].profile;
		set_up();
		for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
			measure(profiles[p].name, true, payloads[i], rounds);
			measure(profiles[p].name, false, payloads[i], rounds);
		}
		tear_down();
	}
	drive_close(&drive);
	return 0;
}
