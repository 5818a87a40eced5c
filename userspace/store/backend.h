/* SPDX-License-Identifier: Apache-2.0 */
/* Between store.c and its backends. */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include <stddef.h>
#include <stdint.h>

/*
 * kind is a short word. Calls come one at a time. Errors are negative errno
 * values; error() tells more about the last one.
 */
struct store_backend {
	const char *name;
	int (*put)(void *b, const char *kind, const char *id,
		   const void *data, size_t len);
	int (*del)(void *b, const char *kind, const char *id);
	int (*each)(void *b, const char *kind,
		    int (*cb)(void *arg, const char *id, const void *data,
			      size_t len), void *arg);
	int (*count)(void *b, const char *kind, uint32_t *ret);
	/* A value of the store as a whole; "" if there is none. */
	int (*get_meta)(void *b, const char *name, char *buf, size_t size);
	int (*set_meta)(void *b, const char *name, const char *value);
	/* Reads it through: -EUCLEAN if something is broken. */
	int (*check)(void *b);
	const char *(*error)(void *b);
	void (*close)(void *b);
};

extern const struct store_backend store_sqlite;
/* path NULL: in memory. */
int store_sqlite_open(const char *path, void **ret);

#endif
