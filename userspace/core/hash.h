/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3 of text that a peer chose, under a seed it does not know. */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stdint.h>

uint64_t hash_text(const uint64_t seed[2], const char *text);

#endif
