/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phone's files, read once at start: requests look names up in memory
 * and never reach the file system. Constant afterwards, shared by workers.
 */
#ifndef WSS_PHONE_H
#define WSS_PHONE_H

#include <stddef.h>
#include <stdint.h>

struct phone;

struct phone_file {
	char *path;		/* as requested: "/app.js" */
	const char *type;	/* Content-Type */
	uint8_t *data;
	size_t len_bytes;
	const char *cache;	/* Cache-Control */
};

/* dir and config may be NULL. */
int phone_load(const char *dir, const char *config, struct phone **ret);
void phone_free(struct phone *p);
/* NULL: 404. */
const struct phone_file *phone_find(const struct phone *p, const char *path);

#endif
