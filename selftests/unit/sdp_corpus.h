/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptions in selftests/unit/sdp; $SDP_CORPUS if they are elsewhere. */
#ifndef SELFTESTS_SDP_CORPUS_H
#define SELFTESTS_SDP_CORPUS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *corpus_dir(void)
{
	const char *dir = getenv("SDP_CORPUS");

	return dir ? dir : "selftests/unit/sdp";
}

/* The whole file with a NUL; to be freed. */
static char *corpus_read(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = f ? calloc(1, 65536) : NULL;

	if (text && !fread(text, 1, 65535, f)) {
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

static int corpus_filter(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 4 && !strcmp(d->d_name + len - 4, ".sdp");
}

/* Each file in the order of names; returns how many. */
static inline int corpus_each(void (*each)(const char *path, const char *file))
{
	struct dirent **names;
	int count = scandir(corpus_dir(), &names, corpus_filter, alphasort);

	for (int i = 0; i < count; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", corpus_dir(),
			 names[i]->d_name);
		each(path, names[i]->d_name);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return count;
}

#endif
