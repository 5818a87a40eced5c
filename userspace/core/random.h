/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* From the kernel; never fails once the system has booted (else aborts). */
void random_bytes(void *buf, size_t len);
uint32_t random_u32(void);
/* len characters of [A-Za-z0-9+/] (ice-char, RFC 8839 5.4) and a NUL. */
void random_ice_chars(char *buf, size_t len);
/* len characters of [a-z0-9] and a NUL: tags, branches, aliases. */
void random_token(char *buf, size_t len);

#endif
