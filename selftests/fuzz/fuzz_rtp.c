/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of RTP packets through bpf/lib: read, opened, indexed, mapped and
 * protected. Whatever comes, what was protected opens to the same, nothing
 * forged opens, and no outgoing index is used twice (RFC 3711 9.1).
 *
 * An input is a byte for the profile, then packets, each behind a byte for
 * its source and 16 bits of length.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/index.h"
#include "lib/srtp.h"

#define PACKETS_MAX	256
#define SOURCES		4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct sluice_key key;
	struct sluice_ssrc source[SOURCES];
	struct sluice_out_state out;
	uint64_t used[PACKETS_MAX];
	uint32_t used_count;
	uint64_t now_ns;
	_Alignas(8) uint8_t packet[SLUICE_SCRATCH];
};

static void need(int is_true)
{
	if (!is_true)
		abort();
}

static void make_key(uint32_t profile, struct sluice_key *ret)
{
	static const uint32_t profiles[] = {
		SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_32,
		SLUICE_SRTP_AEAD_AES_128_GCM };
	uint32_t p = profiles[profile % 3];
	uint8_t master[16], salt[14];

	for (unsigned int i = 0; i < sizeof(master); i++)
		master[i] = (uint8_t)(37 * i + 1);
	memset(salt, 0x5a, sizeof(salt));
	sluice_srtp_expand(p, master, sizeof(master), salt,
			   p == SLUICE_SRTP_AEAD_AES_128_GCM ? 12 : 14, ret);
}

/* There and back; a bit turned over on the way is noticed. */
static void crypt(struct run *r, const uint8_t *data, uint32_t len,
		  const struct sluice_rtp *rtp, uint64_t index)
{
	uint32_t off = rtp->payload_off;
	int n;

	memcpy(r->packet, data, len);
	n = sluice_srtp_protect(&r->key, index, rtp->ssrc, r->packet, off, len);
	if (n < 0) {
		need(n == -SLUICE_DROP_TOO_BIG);
		return;
	}
	need((uint32_t)n == len + sluice_srtp_tag_len(r->key.profile));
	need(sluice_srtp_unprotect(&r->key, index, rtp->ssrc, r->packet, off,
				   (uint32_t)n) == (int)len);
	need(!memcmp(r->packet, data, len));
	n = sluice_srtp_protect(&r->key, index, rtp->ssrc, r->packet, off, len);
	r->packet[data[len - 1] % (uint32_t)n] ^= 1;
	need(sluice_srtp_unprotect(&r->key, index, rtp->ssrc, r->packet, off,
				   (uint32_t)n) == -SLUICE_DROP_AUTH);
}

static void map(struct run *r, struct sluice_ssrc *s, uint64_t index,
		const struct sluice_rtp *rtp, uint32_t ssrc)
{
	__u64 newest = r->out.next_index, out = 0;
	__u32 timestamp;

	if (sluice_out_assign(&r->out, s, index, rtp->timestamp, ssrc, 48000,
			      r->now_ns, &out, &timestamp))
		return;
	for (uint32_t i = 0; i < r->used_count; i++)
		need(r->used[i] != out);
	/* A receiver's ROC estimate holds (RFC 3711 3.3.1). */
	need(!newest || out < newest + SLUICE_MAX_DROPOUT);
	need(out < r->out.next_index);
	r->used[r->used_count++] = out;
}

static void arrive(struct run *r, uint8_t which, const uint8_t *data,
		   uint32_t len)
{
	struct sluice_ssrc *s = &r->source[which % SOURCES];
	struct sluice_rtp rtp;
	__u64 index = 0;
	int err;

	r->now_ns += 1000000ULL * which;
	if (sluice_rtp_parse(data, len, &rtp))
		return;
	need(rtp.payload_off >= SLUICE_RTP_HEADER_LEN &&
	     rtp.payload_off + rtp.payload_len == len);
	if (which & 0x80)
		err = sluice_index_plain(s, rtp.seq, &index);
	else
		err = sluice_index_estimate(s, rtp.seq, !s->packets, &index);
	if (err || sluice_index_check(s, index))
		return;
	need((uint16_t)index == rtp.seq);
	if (len <= SLUICE_PACKET_MAX) {
		memcpy(r->packet, data, len);
		need(sluice_srtp_unprotect(&r->key, index, rtp.ssrc, r->packet,
					   rtp.payload_off, len) < 0);
		crypt(r, data, len, &rtp, index);
	}
	sluice_index_commit(s, index, &rtp, 48000, r->now_ns);
	need(sluice_index_check(s, index) == -SLUICE_DROP_REPLAY);
	map(r, s, index, &rtp, which % SOURCES + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r = size ? calloc(1, sizeof(*r)) : NULL;
	uint32_t count = 0, len;
	uint8_t *packet;

	if (!r)
		return 0;
	make_key(*data++, &r->key);
	r->now_ns = 1000000000;
	for (int i = 0; i < SOURCES; i++)
		r->source[i].bad_seq = SLUICE_BAD_SEQ_NONE;
	for (size--; size > 3 && count < PACKETS_MAX; count++) {
		len = sluice_get16(data + 1);
		if (len > size - 3)
			len = (uint32_t)size - 3;
		/* A block of its size: reading beyond it is seen. */
		packet = malloc(len ? len : 1);
		if (!packet)
			break;
		memcpy(packet, data + 3, len);
		arrive(r, *data, packet, len);
		free(packet);
		data += 3 + len;
		size -= 3 + len;
	}
	free(r);
	return 0;
}
