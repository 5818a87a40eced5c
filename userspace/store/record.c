/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoding, numbers little-endian:
 *   "SLR" version(1)  length(4, all of it)  sum(4, FNV-1a of the fields)
 *   each field: type(1) name length(1) value length(4) name value
 * Text ends in a NUL that its length counts, so that it is used in place.
 */
#include "store/record.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_VERSION	1
#define HEAD_BYTES	12
#define FIELD_BYTES	6

enum field_type { FIELD_TEXT = 1, FIELD_NUMBER = 2, FIELD_BLOB = 3 };

struct record {
	unsigned char *data;
	size_t len, size;
	int err;		/* of the first put that failed */
};

struct field {
	uint8_t type;
	const char *name;
	size_t name_len;
	const unsigned char *value;
	size_t len;
};

static void put_u32(unsigned char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t get_u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint32_t sum_of(const unsigned char *p, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static bool grow(struct record *r, size_t more)
{
	size_t size = r->size ? r->size : 1024;
	unsigned char *data;

	if (r->err)
		return false;
	if (more > RECORD_BYTES_MAX || r->len + more > RECORD_BYTES_MAX) {
		r->err = -E2BIG;
		return false;
	}
	while (size < r->len + more)
		size *= 2;
	if (size == r->size)
		return true;
	data = realloc(r->data, size);
	if (!data) {
		r->err = -ENOMEM;
		return false;
	}
	r->data = data;
	r->size = size;
	return true;
}

struct record *record_new(void)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r || !grow(r, HEAD_BYTES)) {
		record_free(r);
		return NULL;
	}
	memset(r->data, 0, HEAD_BYTES);
	r->len = HEAD_BYTES;
	return r;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	free(r->data);
	free(r);
}

static void put(struct record *r, uint8_t type, const char *name,
		const void *value, size_t len)
{
	size_t name_len = strlen(name);
	unsigned char *p;

	if (!name_len || name_len >= RECORD_NAME_LEN) {
		r->err = -E2BIG;
		return;
	}
	if (len > RECORD_BYTES_MAX ||
	    !grow(r, FIELD_BYTES + name_len + len)) {
		r->err = r->err ? r->err : -E2BIG;
		return;
	}
	p = r->data + r->len;
	p[0] = type;
	p[1] = (unsigned char)name_len;
	put_u32(p + 2, (uint32_t)len);
	memcpy(p + FIELD_BYTES, name, name_len);
	if (len)
		memcpy(p + FIELD_BYTES + name_len, value, len);
	r->len += FIELD_BYTES + name_len + len;
}

void record_put_text(struct record *r, const char *name, const char *text)
{
	if (text)
		put(r, FIELD_TEXT, name, text, strlen(text) + 1);
}

void record_put_number(struct record *r, const char *name, uint64_t number)
{
	number = htole64(number);
	put(r, FIELD_NUMBER, name, &number, sizeof(number));
}

void record_put_bytes(struct record *r, const char *name, const void *data,
		      size_t len)
{
	put(r, FIELD_BLOB, name, data, len);
}

/* The field at *at, which moves on; false: the end, or what is no field. */
static bool next_field(const struct record *r, size_t *at, struct field *ret)
{
	const unsigned char *p = r->data + *at;
	size_t left = r->len - *at;

	if (left < FIELD_BYTES)
		return false;
	ret->type = p[0];
	ret->name_len = p[1];
	ret->len = get_u32(p + 2);
	left -= FIELD_BYTES;
	if (!ret->name_len || ret->name_len > left ||
	    ret->len > left - ret->name_len)
		return false;
	ret->name = (const char *)p + FIELD_BYTES;
	ret->value = p + FIELD_BYTES + ret->name_len;
	*at += FIELD_BYTES + ret->name_len + ret->len;
	return true;
}

static bool find(const struct record *r, const char *name, uint8_t type,
		 struct field *ret)
{
	size_t len = strlen(name);

	for (size_t at = HEAD_BYTES; next_field(r, &at, ret);)
		if (ret->name_len == len && !memcmp(ret->name, name, len))
			return ret->type == type;
	return false;
}

const char *record_text(const struct record *r, const char *name)
{
	struct field f;

	return find(r, name, FIELD_TEXT, &f) ? (const char *)f.value : NULL;
}

uint64_t record_number(const struct record *r, const char *name,
		       uint64_t fallback)
{
	uint64_t number;
	struct field f;

	if (!find(r, name, FIELD_NUMBER, &f))
		return fallback;
	memcpy(&number, f.value, sizeof(number));
	return le64toh(number);
}

const void *record_bytes(const struct record *r, const char *name,
			 size_t *ret_len)
{
	struct field f;

	if (!find(r, name, FIELD_BLOB, &f))
		return NULL;
	*ret_len = f.len;
	return f.value;
}

int record_copy_text(const struct record *r, const char *name, char *buf,
		     size_t size)
{
	const char *text = record_text(r, name);

	if (!text)
		return -ENODATA;
	if (strlen(text) >= size)
		return -E2BIG;
	strcpy(buf, text);
	return 0;
}

int record_encode(struct record *r, const void **ret_data, size_t *ret_len)
{
	if (r->err)
		return r->err;
	memcpy(r->data, "SLR", 3);
	r->data[3] = RECORD_VERSION;
	put_u32(r->data + 4, (uint32_t)r->len);
	put_u32(r->data + 8, sum_of(r->data + HEAD_BYTES,
				    r->len - HEAD_BYTES));
	*ret_data = r->data;
	*ret_len = r->len;
	return 0;
}

/* The types that are known are of a shape that the readers rely on. */
static bool is_sound(const struct record *r)
{
	size_t at = HEAD_BYTES;
	struct field f;

	while (next_field(r, &at, &f)) {
		if (f.type == FIELD_NUMBER && f.len != sizeof(uint64_t))
			return false;
		if (f.type == FIELD_TEXT &&
		    (!f.len || memchr(f.value, '\0', f.len) !=
		     f.value + f.len - 1))
			return false;
	}
	return at == r->len;
}

int record_decode(const void *data, size_t len, struct record **ret)
{
	const unsigned char *p = data;
	struct record *r;

	if (len < HEAD_BYTES || len > RECORD_BYTES_MAX || memcmp(p, "SLR", 3))
		return -EBADMSG;
	if (p[3] != RECORD_VERSION)
		return -EPROTONOSUPPORT;
	if (get_u32(p + 4) != len ||
	    get_u32(p + 8) != sum_of(p + HEAD_BYTES, len - HEAD_BYTES))
		return -EBADMSG;
	r = calloc(1, sizeof(*r));
	if (!r || !grow(r, len)) {
		record_free(r);
		return -ENOMEM;
	}
	memcpy(r->data, data, len);
	r->len = len;
	if (!is_sound(r)) {
		record_free(r);
		return -EBADMSG;
	}
	*ret = r;
	return 0;
}
