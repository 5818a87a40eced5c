/* SPDX-License-Identifier: Apache-2.0 */
/* From the DTLS exporter to the datapath's key slots (RFC 5764 4.2). */
#ifndef MEDIA_KEYS_H
#define MEDIA_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uapi/sluice.h"

#define KEYS_MATERIAL_MAX	(2 * (32 + 14))

struct srtp_master {
	uint16_t profile;	/* enum sluice_srtp_profile */
	uint8_t key_len;
	uint8_t salt_len;
	uint8_t rx_key[32];	/* what the peer writes with */
	uint8_t rx_salt[14];
	uint8_t tx_key[32];
	uint8_t tx_salt[14];
};

/* Bytes to ask of the exporter; 0: unknown profile. */
size_t keys_material_len(uint16_t profile);
/* material: keys_material_len() bytes. -EINVAL: unknown profile. */
int keys_split(uint16_t profile, bool is_client, const uint8_t *material,
	       struct srtp_master *ret);
/* From one master key and salt, as SDP has them, and its MKI; -EINVAL. */
int keys_from_sdes(uint16_t profile, const uint8_t *master,
		   const uint8_t *mki, uint8_t mki_len, struct sluice_key *ret);
/* Session keys of one direction (RFC 3711 4.3). */
void keys_expand(const struct srtp_master *m, bool is_tx,
		 struct sluice_key *ret);
/* The IANA name, as RFC 5764 4.1.2 has it; "" if unknown. */
const char *keys_profile_name(uint16_t profile);

#endif
