/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of contract 2 as entries of the present one. */
#ifndef DATAPATH_CONTRACT2_H
#define DATAPATH_CONTRACT2_H

#include "uapi/contract2.h"

void contract2_convert_flow(const struct contract2_flow *flow,
			    struct sluice_flow *ret);
void contract2_convert_key(const struct contract2_key *key,
			   struct sluice_key *ret);

#endif
