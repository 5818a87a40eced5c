/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "options.h"

void text_init(void)
{
	setlocale(LC_CTYPE, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
}

char *text_format(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		fputs("sluicectl: out of memory\n", stderr);
		exit(EXIT_REFUSED);
	}
	va_end(ap);
	return text;
}

/* Bytes of the character at text; 1 and '?' for what is none. */
static size_t next_char(const char *text, wchar_t *ret)
{
	mbstate_t state = { 0 };
	size_t n = mbrtowc(ret, text, strlen(text), &state);

	if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
		*ret = L'\0';
		return 1;
	}
	return n;
}

char *text_clean(const char *text, bool keep_lines)
{
	char *clean = text_format("%s", text), *out = clean;
	wchar_t wide;
	size_t n;

	for (; *text; text += n) {
		n = next_char(text, &wide);
		if (iswprint((wint_t)wide) || (keep_lines && wide == L'\n')) {
			memcpy(out, text, n);
			out += n;
		} else if (!keep_lines || wide != L'\r') {
			*out++ = '?';
		}
	}
	*out = '\0';
	return clean;
}

unsigned int text_width(const char *text)
{
	unsigned int width = 0;
	wchar_t wide;

	while (*text) {
		text += next_char(text, &wide);
		width += wcwidth(wide) > 0 ? (unsigned int)wcwidth(wide) : 0;
	}
	return width;
}

void text_put(FILE *f, const char *text, unsigned int width)
{
	unsigned int used = 0, w;
	wchar_t wide;
	size_t n;

	if (text_width(text) <= width) {
		fputs(text, f);
		return;
	}
	for (; *text; text += n) {
		n = next_char(text, &wide);
		w = wcwidth(wide) > 0 ? (unsigned int)wcwidth(wide) : 0;
		if (used + w > width - 1)
			break;
		fwrite(text, 1, n, f);
		used += w;
	}
	fputc('~', f);
	for (used++; used < width; used++)
		fputc(' ', f);
}
