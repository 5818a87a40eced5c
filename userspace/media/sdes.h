/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEDIA_SDES_H
#define MEDIA_SDES_H

#include "lib/rtp.h"
#include "media/session.h"
#include "media/srtcp.h"

/* SRTP of one m-line's SIP side. */
struct sip_crypt {
	struct sluice_key rx_keys;	/* what the slots hold */
	struct sluice_key tx_keys;
	uint32_t rx_key, tx_key;	/* slots */
	bool are_installed;
	struct srtcp *srtcp;
};

/* Brings the m-line to the keys of s->config; -errno. */
int sdes_configure(struct session *s, uint32_t i);
/* The slots of an earlier run's transport, whose keys are in the kernel. */
int sdes_claim(struct session *s, uint32_t i, uint32_t rx_key, uint32_t tx_key);
void sdes_close(struct session *s, uint32_t i);
/* Of this process only. */
void sdes_leave(struct session *s);
/* A packet of a port that is still to be learned; changes no state. */
bool sdes_is_authentic(const struct sip_crypt *c, const uint8_t *data,
		       size_t len, const struct sluice_rtp *rtp);

#endif
