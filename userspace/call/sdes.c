/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the SIP leg that are said in SDP (RFC 4568). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/log.h"
#include "core/random.h"

/*
 * One for each suite: a key never serves two of them. They last as long as the
 * peer keeps its own.
 */
struct call_sdes {
	uint8_t key[MEDIA_STREAMS][SDP_SUITES]
		   [sizeof(((struct sdp_crypto *)0)->key)];
};

int call_sdes_init(struct call *c)
{
	if (c->calls->settings.sip_srtp == SDP_SRTP_NONE)
		return 0;
	c->sdes = malloc(sizeof(*c->sdes));
	if (!c->sdes)
		return -ENOMEM;
	random_bytes(c->sdes, sizeof(*c->sdes));
	return 0;
}

void call_sdes_free(struct call *c)
{
	if (!c->sdes)
		return;
	explicit_bzero(c->sdes, sizeof(*c->sdes));
	free(c->sdes);
	c->sdes = NULL;
}

/* As long as a key lasts it is called as it was told. */
static void keep_mki(const struct sdp *told, uint32_t index,
		     struct sdp_crypto *own)
{
	for (uint32_t i = 0; told && index < told->media_count &&
	     i < told->media[index].crypto_count; i++) {
		const struct sdp_crypto *c = &told->media[index].crypto[i];

		if (strcmp(c->suite, own->suite) ||
		    memcmp(c->key, own->key, own->key_len))
			continue;
		own->mki_len = c->mki_len;
		memcpy(own->mki, c->mki, sizeof(own->mki));
	}
}

void call_sdes_local(const struct call *c, const struct sdp *said,
		     struct sdp_local *ret)
{
	const struct sdp *told = call_local_sdp(c->a.is_web ? &c->b : &c->a);
	const struct calls_settings *s = &c->calls->settings;

	ret->sip_srtp = s->sip_srtp;
	ret->sip_avpf = s->sip_avpf;
	for (uint32_t i = 0; said && i < said->media_count; i++)
		if (said->media[i].codec_count)
			snprintf(ret->sip_proto[i], sizeof(ret->sip_proto[i]),
				 "%s", said->media[i].proto);
	if (!c->sdes)
		return;
	for (uint32_t k = 0; k < SDP_SUITES && s->srtp_suite[k][0]; k++) {
		ret->sip_crypto_count = k + 1;
		for (uint32_t i = 0; i < MEDIA_STREAMS; i++) {
			struct sdp_crypto *own = &ret->sip_crypto[i][k];

			own->tag = k + 1;
			memcpy(own->suite, s->srtp_suite[k],
			       sizeof(own->suite));
			own->key_len =
				(uint8_t)sdp_suite_key_len(s->srtp_suite[k]);
			memcpy(own->key, c->sdes->key[i][k], own->key_len);
			keep_mki(told, i, own);
		}
	}
}

bool call_sdes_unknown(const struct call *c)
{
	const struct sdp *told = call_local_sdp(c->a.is_web ? &c->b : &c->a);

	for (uint32_t i = 0; told && i < told->media_count; i++)
		if (told->media[i].port && !told->media[i].crypto_count &&
		    !strncasecmp(told->media[i].proto, "RTP/SAVP", 8))
			return true;
	return false;
}

static bool has_key(const struct sdp_media *m, const struct sdp_crypto *key)
{
	for (uint32_t i = 0; i < m->crypto_count; i++)
		if (m->crypto[i].key_len == key->key_len &&
		    !memcmp(m->crypto[i].key, key->key, key->key_len))
			return true;
	return false;
}

/*
 * A phone with new keys may be another phone, which knows nothing of our
 * roll-over counter (RFC 4568 6.4): it gets new ones, counted from 0.
 */
void call_sdes_follow(struct call *c, const struct sdp *offer)
{
	const struct call_leg *sip = c->a.is_web ? &c->b : &c->a;
	const struct sdp *before = call_remote_sdp(sip);
	bool is_same;

	for (uint32_t i = 0; c->sdes && before && i < offer->media_count &&
	     i < before->media_count && i < MEDIA_STREAMS; i++) {
		is_same = !before->media[i].crypto_count;
		for (uint32_t k = 0; k < before->media[i].crypto_count; k++)
			is_same |= has_key(&offer->media[i],
					   &before->media[i].crypto[k]);
		if (is_same)
			continue;
		random_bytes(c->sdes->key[i], sizeof(c->sdes->key[i]));
		log_call_info(c->id, "new SRTP keys with the SIP side");
	}
}

_Static_assert(LIMIT_SDP_MKI == SLUICE_MKI_MAX, "an MKI is as long in SDP");

void call_sdes_config(const struct sdp_media *told, const struct sdp_media *said,
		      struct media_sdes *ret)
{
	const struct sdp_crypto *tx, *rx;

	memset(ret, 0, sizeof(*ret));
	if (!sdp_shared_crypto(told, said, &tx, &rx))
		return;
	ret->profile = media_profile_by_name(tx->suite);
	memcpy(ret->tx, tx->key, tx->key_len);
	memcpy(ret->rx, rx->key, rx->key_len);
	ret->tx_mki_len = tx->mki_len;
	memcpy(ret->tx_mki, tx->mki, sizeof(tx->mki));
	ret->rx_mki_len = rx->mki_len;
	memcpy(ret->rx_mki, rx->mki, sizeof(rx->mki));
	ret->more_keys = rx->more_keys;
}
