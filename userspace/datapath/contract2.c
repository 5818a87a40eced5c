// SPDX-License-Identifier: Apache-2.0
#include "datapath/contract2.h"

#include <string.h>

void contract2_convert_flow(const struct contract2_flow *flow,
			    struct sluice_flow *ret)
{
	*ret = (struct sluice_flow){
		.transport = flow->transport, .flags = flow->flags,
		.credential_generation = flow->credential_generation };
}

/* There was no MKI. */
void contract2_convert_key(const struct contract2_key *key,
			   struct sluice_key *ret)
{
	_Static_assert(sizeof(key->ghash_table) == sizeof(ret->ghash_table),
		       "ghash_table");
	memset(ret, 0, sizeof(*ret));
	ret->profile = key->profile;
	ret->generation = key->generation;
	ret->rtp = key->rtp;
	memcpy(ret->ghash_table, key->ghash_table, sizeof(ret->ghash_table));
	ret->rtcp = key->rtcp;
}
