/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sofia's parser takes a message apart with little care for its length: it
 * crashes on an empty one and reads past a short branch. What passes here is
 * a message in the grammar of RFC 3261 25, as far as the parser relies on it.
 */
#include "wss/filter.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"

#define BRANCH_COOKIE	"z9hG4bK"	/* RFC 3261 8.1.1.7 */
#define METHOD_CHARS	32

struct span {
	const char *p;
	const char *end;
};

struct seen {
	unsigned int via, from, to, call_id, cseq, length;
	struct span top_via, cseq_value, length_value;
};

static bool is_blank(char c)
{
	/* CR and LF stand inside a value only where a line is folded. */
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token_char(char c)
{
	return is_alpha(c) || is_digit(c) || (c && strchr("-.!%*_+`'~", c));
}

static size_t span_len(struct span s)
{
	return (size_t)(s.end - s.p);
}

static struct span span_trim(struct span s)
{
	while (s.p < s.end && is_blank(*s.p))
		s.p++;
	while (s.p < s.end && is_blank(s.end[-1]))
		s.end--;
	return s;
}

static bool span_is(struct span s, const char *text)
{
	size_t n = strlen(text);

	return span_len(s) == n && !strncasecmp(s.p, text, n);
}

static bool span_is_token(struct span s)
{
	if (s.p == s.end)
		return false;
	for (; s.p < s.end; s.p++)
		if (!is_token_char(*s.p))
			return false;
	return true;
}

/* Takes what stands before `c`, outside quotes. */
static struct span span_until(struct span *s, char c)
{
	struct span part = { s->p, s->end };
	bool is_quoted = false;
	const char *p;

	for (p = s->p; p < s->end; p++) {
		if (is_quoted && *p == '\\' && p + 1 < s->end)
			p++;
		else if (*p == '"')
			is_quoted = !is_quoted;
		else if (*p == c && !is_quoted)
			break;
	}
	part.end = p;
	s->p = p < s->end ? p + 1 : s->end;
	return part;
}

/* RFC 3261 7.1, 7.2. The method stays empty for a response. */
static bool is_start_line(struct span line, struct span *ret_method)
{
	struct span method, uri;
	const char *p;

	if (span_len(line) >= 12 && !memcmp(line.p, "SIP/2.0 ", 8)) {
		p = line.p + 8;
		ret_method->p = ret_method->end = line.p;
		return p[0] >= '1' && p[0] <= '6' && is_digit(p[1]) &&
		       is_digit(p[2]) && p[3] == ' ';
	}
	p = memchr(line.p, ' ', span_len(line));
	if (!p)
		return false;
	method = (struct span){ line.p, p };
	uri.p = p + 1;
	uri.end = memchr(uri.p, ' ', (size_t)(line.end - uri.p));
	if (!uri.end || line.end - uri.end != 8 ||
	    memcmp(uri.end, " SIP/2.0", 8))
		return false;
	if (!span_is_token(method) || span_len(method) > METHOD_CHARS)
		return false;
	p = memchr(uri.p, ':', span_len(uri));
	if (!p || p == uri.p || p + 1 == uri.end || !is_alpha(*uri.p))
		return false;
	if (memchr(uri.p, '\t', span_len(uri)))
		return false;
	*ret_method = method;
	return true;
}

static void note_header(struct seen *seen, struct span name,
			struct span value)
{
	if (span_is(name, "via") || span_is(name, "v")) {
		if (!seen->via++)
			seen->top_via = value;
	} else if (span_is(name, "from") || span_is(name, "f")) {
		seen->from++;
	} else if (span_is(name, "to") || span_is(name, "t")) {
		seen->to++;
	} else if (span_is(name, "call-id") || span_is(name, "i")) {
		seen->call_id++;
	} else if (span_is(name, "cseq")) {
		seen->cseq++;
		seen->cseq_value = value;
	} else if (span_is(name, "content-length") || span_is(name, "l")) {
		seen->length++;
		seen->length_value = value;
	}
}

/* The mandatory headers carry nothing optional: empty means missing. */
static bool may_be_empty(struct span name)
{
	static const char *const never[] = { "via", "v", "from", "f", "to",
					     "t", "call-id", "i", "cseq",
					     "content-length", "l" };
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (span_is(name, never[i]))
			return false;
	return true;
}

/* The end of a header: the next line that does not begin with a blank. */
static const char *header_end(const char *p, const char *end)
{
	const char *line;

	for (;;) {
		line = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (!line)
			return end;
		p = line + 2;
		if (p >= end || (*p != ' ' && *p != '\t'))
			return line;
	}
}

static enum sip_filter_result read_headers(struct span head, struct seen *seen)
{
	unsigned int count = 0;
	struct span name, value;
	const char *end;

	while (head.p < head.end) {
		end = header_end(head.p, head.end);
		name.p = head.p;
		name.end = memchr(head.p, ':', (size_t)(end - head.p));
		if (!name.end || ++count > LIMIT_SIP_HEADERS)
			return SIP_FILTER_HEADER;
		value = span_trim((struct span){ name.end + 1, end });
		while (name.end > name.p &&
		       (name.end[-1] == ' ' || name.end[-1] == '\t'))
			name.end--;
		if (!span_is_token(name))
			return SIP_FILTER_HEADER;
		if (value.p == value.end && !may_be_empty(name))
			return SIP_FILTER_MISSING;
		note_header(seen, name, value);
		head.p = end == head.end ? end : end + 2;
	}
	return SIP_FILTER_OK;
}

/* RFC 3261 20.42: SIP/2.0/WS host;params. Only the topmost value counts. */
static enum sip_filter_result check_via(struct span via)
{
	struct span top = span_until(&via, ',');
	struct span sent = span_trim(span_until(&top, ';'));
	struct span param, name;
	unsigned int branches = 0;

	if (span_len(sent) < 11 || strncasecmp(sent.p, "SIP/2.0/", 8))
		return SIP_FILTER_HEADER;
	for (sent.p += 8; sent.p < sent.end && is_token_char(*sent.p);)
		sent.p++;
	if (sent.p == sent.end || !is_blank(*sent.p) ||
	    sent.p[-1] == '/')
		return SIP_FILTER_HEADER;

	while (top.p < top.end) {
		param = span_until(&top, ';');
		name = span_trim(span_until(&param, '='));
		if (!span_is(name, "branch"))
			continue;
		param = span_trim(param);
		if (branches++ || !span_is_token(param) ||
		    span_len(param) <= strlen(BRANCH_COOKIE) ||
		    memcmp(param.p, BRANCH_COOKIE, strlen(BRANCH_COOKIE)))
			return SIP_FILTER_BRANCH;
	}
	return branches ? SIP_FILTER_OK : SIP_FILTER_BRANCH;
}

/* RFC 3261 8.1.1.5: below 2**31, and the method of the start line. */
static bool is_cseq(struct span value, struct span method)
{
	uint64_t n = 0;
	const char *p = value.p;

	while (value.p < value.end && is_digit(*value.p) && n <= INT32_MAX)
		n = n * 10 + (uint64_t)(*value.p++ - '0');
	if (value.p == p || n > INT32_MAX || value.p == value.end ||
	    !is_blank(*value.p))
		return false;
	value = span_trim(value);
	if (!span_is_token(value))
		return false;
	return method.p == method.end ||
	       (span_len(method) == span_len(value) &&
		!memcmp(method.p, value.p, span_len(method)));
}

static bool is_length(struct span value, size_t body_len)
{
	size_t n = 0;

	if (value.p == value.end || span_len(value) > 10)
		return false;
	for (; value.p < value.end; value.p++) {
		if (!is_digit(*value.p))
			return false;
		n = n * 10 + (size_t)(*value.p - '0');
	}
	return n == body_len;
}

static bool has_control(const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\r' && i + 1 < len && data[i + 1] == '\n')
			i++;
		else if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

enum sip_filter_result sip_filter(const char *data, size_t len)
{
	struct seen seen = { 0 };
	struct span head, line, method = { data, data };
	enum sip_filter_result r;
	const char *end;
	size_t body_len;

	if (!len)
		return SIP_FILTER_EMPTY;
	if ((len == 2 && !memcmp(data, "\r\n", 2)) ||
	    (len == 4 && !memcmp(data, "\r\n\r\n", 4)))
		return SIP_FILTER_KEEPALIVE;
	if (len > LIMIT_SIP_MESSAGE_BYTES)
		return SIP_FILTER_TOO_BIG;
	end = memmem(data, len, "\r\n\r\n", 4);
	if (!end)
		return SIP_FILTER_NO_END;
	body_len = len - (size_t)(end + 4 - data);
	if (end + 4 - data > LIMIT_SIP_HEADER_BYTES ||
	    body_len > LIMIT_SIP_BODY_BYTES)
		return SIP_FILTER_TOO_BIG;
	if (end == data)
		return SIP_FILTER_START_LINE;
	if (has_control(data, (size_t)(end + 2 - data)))
		return SIP_FILTER_CONTROL;

	head = (struct span){ data, end };
	line = head;
	line.end = memmem(head.p, span_len(head), "\r\n", 2);
	if (!line.end)
		line.end = end;
	if (!is_start_line(line, &method))
		return SIP_FILTER_START_LINE;
	head.p = line.end == end ? end : line.end + 2;
	if (head.p < head.end && is_blank(*head.p))
		return SIP_FILTER_HEADER;

	r = read_headers(head, &seen);
	if (r != SIP_FILTER_OK)
		return r;
	if (!seen.via || seen.from != 1 || seen.to != 1 ||
	    seen.call_id != 1 || seen.cseq != 1)
		return SIP_FILTER_MISSING;
	if (!is_cseq(seen.cseq_value, method))
		return SIP_FILTER_HEADER;
	if (seen.length > 1 ||
	    (seen.length && !is_length(seen.length_value, body_len)))
		return SIP_FILTER_LENGTH;
	return check_via(seen.top_via);
}

const char *sip_filter_name(enum sip_filter_result r)
{
	switch (r) {
	case SIP_FILTER_OK:
		return "ok";
	case SIP_FILTER_KEEPALIVE:
		return "keepalive";
	case SIP_FILTER_EMPTY:
		return "empty";
	case SIP_FILTER_TOO_BIG:
		return "too-big";
	case SIP_FILTER_NO_END:
		return "no-end";
	case SIP_FILTER_CONTROL:
		return "control";
	case SIP_FILTER_START_LINE:
		return "start-line";
	case SIP_FILTER_HEADER:
		return "header";
	case SIP_FILTER_MISSING:
		return "missing";
	case SIP_FILTER_BRANCH:
		return "branch";
	case SIP_FILTER_LENGTH:
		return "length";
	}
	return "unknown";
}
