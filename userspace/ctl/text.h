/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the control protocol. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A string of any bytes: what is no UTF-8 becomes '?', because jansson refuses
 * it and strangers write it into SIP. NULL becomes null.
 */
json_t *ctl_text(const char *text);
json_t *ctl_text_len(const char *text, size_t len);
/* Milliseconds since 1970 as "2026-11-22T10:01:56.411Z". */
json_t *ctl_time(uint64_t wall_ms);

#endif
