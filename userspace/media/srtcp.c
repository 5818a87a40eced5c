/* SPDX-License-Identifier: Apache-2.0 */
#include "media/srtcp.h"

#include <errno.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "lib/port.h"

struct srtcp {
	srtp_t rx;
	srtp_t tx;
	/* libsrtp2 keeps a context for each sender; this bounds them. */
	uint32_t source_count;
	uint32_t sources[LIMIT_RTCP_SOURCES];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
	srtp_init();
}

static int open_direction(uint16_t profile, const uint8_t *key, size_t key_len,
			  const uint8_t *salt, size_t salt_len, bool is_tx,
			  srtp_t *ret)
{
	unsigned char master[SRTP_MAX_KEY_LEN];
	srtp_policy_t policy = { 0 };
	srtp_err_status_t status;

	/* enum sluice_srtp_profile has libsrtp2's and IANA's numbers. */
	if (srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp,
							profile) ||
	    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp,
							 profile))
		return -EINVAL;
	memcpy(master, key, key_len);
	memcpy(master + key_len, salt, salt_len);
	policy.key = master;
	policy.ssrc.type = is_tx ? ssrc_any_outbound : ssrc_any_inbound;
	policy.window_size = SLUICE_WINDOW_BITS;
	status = srtp_create(ret, &policy);
	explicit_bzero(master, sizeof(master));
	return status ? -EIO : 0;
}

int srtcp_create(const struct srtp_master *m, struct srtcp **ret)
{
	struct srtcp *s;
	int err;

	pthread_once(&once, library_init);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = open_direction(m->profile, m->rx_key, m->key_len, m->rx_salt,
			     m->salt_len, false, &s->rx);
	if (!err)
		err = open_direction(m->profile, m->tx_key, m->key_len,
				     m->tx_salt, m->salt_len, true, &s->tx);
	if (err) {
		srtcp_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void srtcp_free(struct srtcp *s)
{
	if (!s)
		return;
	if (s->rx)
		srtp_dealloc(s->rx);
	if (s->tx)
		srtp_dealloc(s->tx);
	free(s);
}

int srtcp_protect(struct srtcp *s, uint8_t *packet, size_t *len,
		  size_t capacity)
{
	int n = (int)*len;

	if (*len + SRTCP_TRAILER_MAX > capacity)
		return -ENOBUFS;
	if (srtp_protect_rtcp(s->tx, packet, &n))
		return -EIO;
	*len = (size_t)n;
	return 0;
}

static bool is_known(const struct srtcp *s, uint32_t ssrc)
{
	for (uint32_t i = 0; i < s->source_count; i++)
		if (s->sources[i] == ssrc)
			return true;
	return false;
}

int srtcp_unprotect(struct srtcp *s, uint8_t *packet, size_t *len)
{
	int n = (int)*len;
	uint32_t ssrc;
	bool known;

	if (*len < 8)
		return SLUICE_DROP_SHORT;
	ssrc = sluice_get32(packet + 4);
	known = is_known(s, ssrc);
	if (!known && s->source_count == LIMIT_RTCP_SOURCES)
		return SLUICE_DROP_SSRC_LIMIT;
	switch (srtp_unprotect_rtcp(s->rx, packet, &n)) {
	case srtp_err_status_ok:
		break;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
		return SLUICE_DROP_REPLAY;
	case srtp_err_status_bad_param:
		return SLUICE_DROP_SHORT;
	default:
		return SLUICE_DROP_AUTH;
	}
	if (!known)
		s->sources[s->source_count++] = ssrc;
	*len = (size_t)n;
	return 0;
}
