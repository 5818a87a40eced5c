/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SRTP on the SIP side with keys from its SDP (RFC 4568). A key that changes
 * begins with roll-over counter 0 on its direction alone: the other direction
 * and the browser's side go on as they are.
 */
#include "media/sdes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "lib/mki.h"
#include "lib/srtp.h"

/* Roll-over counters that a packet is tried with when its port is learned. */
#define LEARN_ROC_MAX	8

static bool same_key(const struct sluice_key *a, const struct sluice_key *b)
{
	return a->profile == b->profile &&
	       !memcmp(&a->rtp.aes, &b->rtp.aes, sizeof(a->rtp.aes)) &&
	       !memcmp(a->rtp.salt, b->rtp.salt, sizeof(a->rtp.salt));
}

static bool same_mki(const struct sluice_key *a, const struct sluice_key *b)
{
	return a->mki_len == b->mki_len &&
	       !memcmp(a->mki, b->mki, sizeof(a->mki));
}

static void crypt_free(struct session *s, struct sip_crypt *c)
{
	if (!c)
		return;
	relay_drop_key(s, c->rx_key);
	relay_drop_key(s, c->tx_key);
	srtcp_free(c->srtcp);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

static int take_slots(struct session *s, struct sip_crypt *c,
		      const struct sip_crypt *old)
{
	uint32_t first = 0;

	/* Of SRTCP, too, no index is used twice with a key. */
	if (old && same_key(&old->tx_keys, &c->tx_keys))
		first = srtcp_next_index(old->srtcp);
	c->rx_key = datapath_key_alloc(s->w->dp);
	c->tx_key = datapath_key_alloc(s->w->dp);
	if (!c->rx_key || !c->tx_key)
		return -ENOSPC;
	return srtcp_create(&c->rx_keys, &c->tx_keys, first, &c->srtcp);
}

static int expand(const struct media_sdes *sdes, struct sip_crypt **ret)
{
	struct sip_crypt *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	err = keys_from_sdes(sdes->profile, sdes->rx, sdes->rx_mki,
			     sdes->rx_mki_len, &c->rx_keys);
	if (!err)
		err = keys_from_sdes(sdes->profile, sdes->tx, sdes->tx_mki,
				     sdes->tx_mki_len, &c->tx_keys);
	if (err) {
		free(c);
		return err;
	}
	*ret = c;
	return 0;
}

/* Nothing passes from here until both are there again. */
static int switch_keys(struct session *s, uint32_t i,
		       const bool is_new[DIRECTIONS])
{
	struct session_stream *st = &s->stream[i];
	struct datapath_stream_state state[DIRECTIONS];
	bool is_frozen[DIRECTIONS] = { false };
	int err;

	err = relay_install_keys(s);
	if (err)
		err = relay_fall_back(s, err);
	for (int d = 0; d < DIRECTIONS && !err; d++)
		if (is_new[d] && st->is_installed[d])
			datapath_stream_stop(s->w->dp, s->backend,
					     st->stream[d]);
	for (int d = 0; d < DIRECTIONS && !err; d++) {
		if (!is_new[d] || !st->is_installed[d])
			continue;
		err = datapath_stream_freeze(s->w->dp, s->backend,
					     st->stream[d], &state[d]);
		is_frozen[d] = !err;
		st->is_installed[d] = !is_frozen[d];
	}
	if (is_frozen[TO_SIP])
		relay_restart_out(&state[TO_SIP]);
	if (is_frozen[TO_WEB])
		relay_restart_in(&state[TO_WEB]);
	if (is_new[TO_WEB]) {
		datapath_peer_set(s->w->dp, s->backend, st->transport, NULL);
		st->rtcp_learn_base = 0;
	}
	if (!err)
		err = relay_install_transports(s);
	if (err == -EOPNOTSUPP && s->backend != DATAPATH_USER) {
		err = relay_fall_back(s, err);
		/* the move did not see it; its key towards the browser stays */
		if (is_frozen[TO_WEB] && s->srtcp)
			srtcp_raise(s->srtcp, state[TO_WEB].rtcp.next_index);
	}
	/* with the old keys still there the index space must not begin anew */
	for (int d = 0; d < DIRECTIONS && !err; d++)
		if (is_frozen[d])
			err = relay_install_stream(s, i, d, &state[d]);
	return err;
}

int sdes_configure(struct session *s, uint32_t i)
{
	const struct media_sdes *want = &s->config.stream[i].sdes;
	struct session_stream *st = &s->stream[i];
	struct sip_crypt *old = st->crypt, *c = NULL;
	bool is_new[DIRECTIONS];
	int err;

	if (!want->profile && !old)
		return 0;
	if (want->profile) {
		err = expand(want, &c);
		if (err)
			return err;
	}
	is_new[TO_SIP] = !c || !old || !same_key(&old->tx_keys, &c->tx_keys);
	is_new[TO_WEB] = !c || !old || !same_key(&old->rx_keys, &c->rx_keys);
	/* A key that is only called otherwise goes on with its indices. */
	if (!is_new[TO_SIP] && !is_new[TO_WEB] &&
	    same_mki(&old->tx_keys, &c->tx_keys) &&
	    same_mki(&old->rx_keys, &c->rx_keys)) {
		crypt_free(s, c);
		return 0;
	}
	err = c ? take_slots(s, c, old) : 0;
	if (err) {
		crypt_free(s, c);
		return err;
	}
	st->crypt = c;
	err = switch_keys(s, i, is_new);
	log_call_info(s->call, "media: SIP side of %s: %s%s",
		      s->config.stream[i].kind,
		      c ? keys_profile_name(want->profile) : "plain RTP",
		      c && want->rx_mki_len ? " with MKI" : "");
	if (c && want->more_keys)
		log_call_info(s->call, "media: of %u master keys of the SIP "
			      "side the first is used, packets with another's "
			      "MKI are dropped (auth)", want->more_keys + 1U);
	crypt_free(s, old);
	return err;
}

int sdes_claim(struct session *s, uint32_t i, uint32_t rx_key, uint32_t tx_key)
{
	struct sip_crypt *c;
	int err;

	if (!rx_key && !tx_key)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	err = datapath_key_claim(s->w->dp, rx_key, &c->rx_keys);
	if (!err) {
		c->rx_key = rx_key;
		err = datapath_key_claim(s->w->dp, tx_key, &c->tx_keys);
	}
	if (!err) {
		c->tx_key = tx_key;
		err = srtcp_create(&c->rx_keys, &c->tx_keys, s->srtcp_ceiling,
				   &c->srtcp);
	}
	if (err) {
		crypt_free(s, c);
		return err;
	}
	c->are_installed = true;
	s->stream[i].crypt = c;
	return 0;
}

void sdes_close(struct session *s, uint32_t i)
{
	crypt_free(s, s->stream[i].crypt);
	s->stream[i].crypt = NULL;
}

void sdes_leave(struct session *s)
{
	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct sip_crypt *c = s->stream[i].crypt;

		if (!c)
			continue;
		srtcp_free(c->srtcp);
		explicit_bzero(c, sizeof(*c));
		free(c);
		s->stream[i].crypt = NULL;
	}
}

bool sdes_is_authentic(const struct sip_crypt *c, const uint8_t *data,
		       size_t len, const struct sluice_rtp *rtp)
{
	uint8_t scratch[SLUICE_SCRATCH] __attribute__((aligned(8)));
	bool found = false;
	int n = 0;

	for (uint64_t roc = 0; roc < LEARN_ROC_MAX && n >= 0 && !found; roc++) {
		memcpy(scratch, data, len);
		n = sluice_mki_take(&c->rx_keys, scratch, (uint32_t)len,
				    sluice_srtp_tag_len(c->rx_keys.profile));
		found = n >= 0 &&
			sluice_srtp_unprotect(&c->rx_keys, roc << 16 | rtp->seq,
					      rtp->ssrc, scratch,
					      rtp->payload_off,
					      (uint32_t)n) >= 0;
	}
	explicit_bzero(scratch, sizeof(scratch));
	return found;
}
