/* SPDX-License-Identifier: Apache-2.0 */
#include "media/keys.h"

#include <errno.h>
#include <string.h>

#include "lib/srtp.h"
#include "media/media.h"

static const struct profile {
	uint16_t id;
	uint8_t key_len;
	uint8_t salt_len;
	const char *name;
} profiles[] = {
	{ SLUICE_SRTP_AES128_CM_SHA1_80, 16, 14, "AES_CM_128_HMAC_SHA1_80" },
	{ SLUICE_SRTP_AES128_CM_SHA1_32, 16, 14, "AES_CM_128_HMAC_SHA1_32" },
	{ SLUICE_SRTP_AEAD_AES_128_GCM, 16, 12, "AEAD_AES_128_GCM" },
	{ SLUICE_SRTP_AEAD_AES_256_GCM, 32, 12, "AEAD_AES_256_GCM" },
};

static const struct profile *find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (profiles[i].id == id)
			return &profiles[i];
	return NULL;
}

size_t keys_material_len(uint16_t profile)
{
	const struct profile *p = find(profile);

	return p ? 2U * (p->key_len + p->salt_len) : 0;
}

const char *keys_profile_name(uint16_t profile)
{
	const struct profile *p = find(profile);

	return p ? p->name : "";
}

uint16_t media_profile_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (!strcmp(profiles[i].name, name))
			return profiles[i].id;
	return SLUICE_SRTP_NONE;
}

int keys_split(uint16_t profile, bool is_client, const uint8_t *material,
	       struct srtp_master *ret)
{
	const struct profile *p = find(profile);
	struct srtp_master m = { .profile = profile };
	const uint8_t *client_key, *server_key, *client_salt, *server_salt;

	if (!p)
		return -EINVAL;
	m.key_len = p->key_len;
	m.salt_len = p->salt_len;
	/* The order of RFC 5764 4.2. */
	client_key = material;
	server_key = client_key + p->key_len;
	client_salt = server_key + p->key_len;
	server_salt = client_salt + p->salt_len;
	memcpy(m.tx_key, is_client ? client_key : server_key, p->key_len);
	memcpy(m.rx_key, is_client ? server_key : client_key, p->key_len);
	memcpy(m.tx_salt, is_client ? client_salt : server_salt, p->salt_len);
	memcpy(m.rx_salt, is_client ? server_salt : client_salt, p->salt_len);
	*ret = m;
	explicit_bzero(&m, sizeof(m));
	return 0;
}

int keys_from_sdes(uint16_t profile, const uint8_t *master,
		   const uint8_t *mki, uint8_t mki_len, struct sluice_key *ret)
{
	const struct profile *p = find(profile);

	if (!p || mki_len > SLUICE_MKI_MAX)
		return -EINVAL;
	sluice_srtp_expand(profile, master, p->key_len, master + p->key_len,
			   p->salt_len, ret);
	ret->mki_len = mki_len;
	memcpy(ret->mki, mki, mki_len);
	return 0;
}

void keys_expand(const struct srtp_master *m, bool is_tx,
		 struct sluice_key *ret)
{
	sluice_srtp_expand(m->profile, is_tx ? m->tx_key : m->rx_key,
			   m->key_len, is_tx ? m->tx_salt : m->rx_salt,
			   m->salt_len, ret);
}
