/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description inside a multipart body (RFC 5621 3, RFC 2046 5.1): trunks
 * send it beside ISUP, a location or recording metadata, which end here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"

#define BOUNDARY_MAX	70	/* RFC 2046 5.1.1 */

static int read_delimiter(const char *type, char *ret, size_t size)
{
	const char *p = strcasestr(type, "boundary=");
	size_t len;
	int n;

	if (!p)
		return -EINVAL;
	p += strlen("boundary=");
	if (*p == '"')
		len = strcspn(++p, "\"");
	else
		len = strcspn(p, "; \t");
	if (!len || len > BOUNDARY_MAX)
		return -EINVAL;
	n = snprintf(ret, size, "\r\n--%.*s", (int)len, p);
	return n < 0 || (size_t)n >= size ? -EINVAL : 0;
}

/* The value of a header among these lines, up to its end; or NULL. */
static const char *header_in(const char *lines, const char *end,
			     const char *name)
{
	size_t len = strlen(name);
	const char *next;

	for (; lines < end; lines = next + 2) {
		next = memmem(lines, (size_t)(end - lines), "\r\n", 2);
		if (!next)
			next = end;
		if ((size_t)(next - lines) > len && lines[len] == ':' &&
		    !strncasecmp(lines, name, len)) {
			lines += len + 1;
			while (lines < next && (*lines == ' ' || *lines == '\t'))
				lines++;
			return lines;
		}
		if (next == end)
			break;
	}
	return NULL;
}

static bool is_required(const char *value, const char *end)
{
	static const char text[] = "handling=required";

	for (; value && value + sizeof(text) - 1 <= end && *value != '\r';
	     value++)
		if (!strncasecmp(value, text, sizeof(text) - 1))
			return true;
	return false;
}

int call_sdp_part(const char *type, const char *body, size_t len,
		  const char **ret, size_t *ret_len)
{
	static const char wanted[] = "application/sdp";
	const char *end = body + len, *part, *stop, *head_end, *value;
	char delimiter[BOUNDARY_MAX + 8];
	size_t size;

	*ret = NULL;
	if (read_delimiter(type, delimiter, sizeof(delimiter)))
		return -ENOTSUP;
	size = strlen(delimiter);
	/* The first one has no line before it. */
	if (len > size && !memcmp(body, delimiter + 2, size - 2))
		part = body + size - 2;
	else if ((part = memmem(body, len, delimiter, size)))
		part += size;
	for (; part; part = stop ? stop + size : NULL) {
		stop = memmem(part, (size_t)(end - part), delimiter, size);
		/* Without a delimiter after it, it is the epilogue. */
		if (!stop)
			break;
		head_end = memmem(part, (size_t)(stop - part), "\r\n\r\n", 4);
		if (!head_end)
			continue;
		value = header_in(part + 2, head_end, "Content-Type");
		if (!*ret && value && head_end - value >= 15 &&
		    !strncasecmp(value, wanted, sizeof(wanted) - 1)) {
			*ret = head_end + 4;
			*ret_len = (size_t)(stop - *ret);
		} else if (is_required(header_in(part + 2, head_end,
						 "Content-Disposition"),
				       head_end)) {
			return -ENOTSUP;
		}
	}
	return *ret ? 0 : -ENOTSUP;
}
