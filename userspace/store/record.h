/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is stored of a thing: named fields of text, numbers and bytes in one
 * flat, self-describing encoding. Who reads takes the fields it knows; others
 * are passed over, so that an older and a newer daemon read each other.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_NAME_LEN		32	/* with the NUL */
#define RECORD_BYTES_MAX	(4u << 20)

struct record;

struct record *record_new(void);	/* NULL: out of memory */
void record_free(struct record *r);	/* accepts NULL */

/*
 * Fields; a name is written once. What fails (memory, size, a long name) makes
 * the whole record unusable: record_encode() and store_put() then say so.
 * A NULL text is left out.
 */
void record_put_text(struct record *r, const char *name, const char *text);
void record_put_number(struct record *r, const char *name, uint64_t number);
void record_put_bytes(struct record *r, const char *name, const void *data,
		      size_t len);

/* What is not there, or of another type, is NULL or the fallback. */
const char *record_text(const struct record *r, const char *name);
uint64_t record_number(const struct record *r, const char *name,
		       uint64_t fallback);
const void *record_bytes(const struct record *r, const char *name,
			 size_t *ret_len);
/* As text into buf of that size: 0, -ENODATA, or -E2BIG (buf untouched). */
int record_copy_text(const struct record *r, const char *name, char *buf,
		     size_t size);

/* The encoding, owned by r until the next put. 0, -ENOMEM or -E2BIG. */
int record_encode(struct record *r, const void **ret_data, size_t *ret_len);
/* -EBADMSG: cut, changed or none of ours; -EPROTONOSUPPORT: its version. */
int record_decode(const void *data, size_t len, struct record **ret);

#endif
