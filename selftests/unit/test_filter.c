/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "wss/filter.h"

#define VIA	"Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK776asdhds\r\n"
#define REST	"From: <sip:a@example.com>;tag=1\r\n" \
		"To: <sip:b@example.com>\r\nCall-ID: x1\r\n"
#define CSEQ	"CSeq: 1 OPTIONS\r\n"
#define LINE	"OPTIONS sip:b@example.com SIP/2.0\r\n"
#define ALL	LINE VIA REST CSEQ

struct filter_case {
	const char *name;
	const char *text;
	enum sip_filter_result want;
};

static const struct filter_case cases[] = {
	{ "request_minimal_passes", ALL "\r\n", SIP_FILTER_OK },
	{ "response_minimal_passes",
	  "SIP/2.0 200 OK\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n",
	  SIP_FILTER_OK },
	{ "response_empty_reason_passes",
	  "SIP/2.0 200 \r\n" VIA REST CSEQ "\r\n", SIP_FILTER_OK },
	{ "headers_compact_pass",
	  LINE "v: SIP/2.0/WSS h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\n"
	  "t: <sip:b@b>\r\ni: 1\r\ncseq: 1 OPTIONS\r\nl: 0\r\n\r\n",
	  SIP_FILTER_OK },
	{ "header_folded_passes",
	  LINE VIA REST CSEQ "Subject: one\r\n two\r\n\tthree\r\n\r\n",
	  SIP_FILTER_OK },
	{ "via_folded_passes",
	  LINE "Via: SIP/2.0/WSS h\r\n ;branch=z9hG4bK1\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_OK },
	{ "header_blank_before_colon_passes",
	  LINE VIA REST "CSeq : 1 OPTIONS\r\n\r\n", SIP_FILTER_OK },
	{ "body_right_length_passes", ALL "Content-Length: 3\r\n\r\nabc",
	  SIP_FILTER_OK },
	{ "body_without_length_passes", ALL "\r\nabc", SIP_FILTER_OK },
	{ "body_control_bytes_pass", ALL "\r\n\001\002\n", SIP_FILTER_OK },
	{ "header_utf8_passes", ALL "Subject: gr\xc3\xbc\xc3\x9f\r\n\r\n",
	  SIP_FILTER_OK },
	{ "via_second_short_branch_passes",
	  LINE VIA "Via: SIP/2.0/UDP h;branch=1\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_OK },
	{ "via_list_judged_by_first",
	  LINE "Via: SIP/2.0/WSS h;branch=z9hG4bK1, SIP/2.0/UDP h\r\n"
	  REST CSEQ "\r\n", SIP_FILTER_OK },
	{ "via_quoted_comma_passes",
	  LINE "Via: SIP/2.0/WSS h;x=\"a,b;c\\\"\";branch=z9hG4bK1\r\n" REST
	  CSEQ "\r\n", SIP_FILTER_OK },
	{ "via_ipv6_passes",
	  LINE "Via: SIP/2.0/WSS [2001:db8::1]:5060;branch=z9hG4bK1\r\n" REST
	  CSEQ "\r\n", SIP_FILTER_OK },

	{ "keepalive_ping_known", "\r\n\r\n", SIP_FILTER_KEEPALIVE },
	{ "keepalive_pong_known", "\r\n", SIP_FILTER_KEEPALIVE },
	{ "message_empty_refused", "", SIP_FILTER_EMPTY },
	{ "message_crlf_six_refused", "\r\n\r\n\r\n", SIP_FILTER_START_LINE },
	{ "message_cut_refused", ALL, SIP_FILTER_NO_END },
	{ "message_bare_lf_refused", "OPTIONS sip:b SIP/2.0\n\n",
	  SIP_FILTER_NO_END },
	{ "header_bare_lf_refused", LINE VIA REST "X: a\nb\r\n" CSEQ "\r\n",
	  SIP_FILTER_CONTROL },
	{ "header_bare_cr_refused", LINE VIA REST "X: a\rb\r\n" CSEQ "\r\n",
	  SIP_FILTER_CONTROL },
	{ "header_escape_refused", ALL "X: \033[2J\r\n\r\n",
	  SIP_FILTER_CONTROL },
	{ "header_del_refused", ALL "X: \177\r\n\r\n", SIP_FILTER_CONTROL },

	{ "line_version_one_refused",
	  "OPTIONS sip:b@c SIP/1.0\r\n" VIA REST CSEQ "\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_lower_version_refused",
	  "OPTIONS sip:b@c sip/2.0\r\n" VIA REST CSEQ "\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_http_refused", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_no_scheme_refused",
	  "OPTIONS b@c SIP/2.0\r\n" VIA REST CSEQ "\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_empty_uri_refused",
	  "OPTIONS  SIP/2.0\r\n" VIA REST CSEQ "\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_space_in_uri_refused",
	  "OPTIONS sip:b @c SIP/2.0\r\n" VIA REST CSEQ "\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_tab_refused",
	  "OPTIONS\tsip:b@c SIP/2.0\r\n" VIA REST CSEQ "\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_method_not_token_refused",
	  "OPT<IONS sip:b@c SIP/2.0\r\n" VIA REST CSEQ "\r\n",
	  SIP_FILTER_START_LINE },
	{ "line_status_700_refused",
	  "SIP/2.0 700 OK\r\n" VIA REST CSEQ "\r\n", SIP_FILTER_START_LINE },
	{ "line_status_short_refused",
	  "SIP/2.0 20 OK\r\n" VIA REST CSEQ "\r\n", SIP_FILTER_START_LINE },
	{ "line_leading_crlf_refused", "\r\n" ALL "\r\n",
	  SIP_FILTER_START_LINE },

	{ "header_without_colon_refused", ALL "Nonsense\r\n\r\n",
	  SIP_FILTER_HEADER },
	{ "header_name_empty_refused", ALL ": x\r\n\r\n", SIP_FILTER_HEADER },
	{ "header_name_not_token_refused", ALL "X Y: x\r\n\r\n",
	  SIP_FILTER_HEADER },
	{ "header_first_folded_refused", LINE " " VIA REST CSEQ "\r\n",
	  SIP_FILTER_HEADER },

	{ "via_missing_refused", LINE REST CSEQ "\r\n", SIP_FILTER_MISSING },
	{ "from_twice_refused", LINE VIA REST CSEQ "f: <sip:a@b>\r\n\r\n",
	  SIP_FILTER_MISSING },
	{ "call_id_empty_refused",
	  LINE VIA "From: a\r\nTo: b\r\nCall-ID: \r\n" CSEQ "\r\n",
	  SIP_FILTER_MISSING },
	{ "cseq_missing_refused", LINE VIA REST "\r\n", SIP_FILTER_MISSING },
	{ "cseq_twice_refused", ALL CSEQ "\r\n", SIP_FILTER_MISSING },
	{ "headers_none_refused", LINE "\r\n", SIP_FILTER_MISSING },
	{ "cseq_other_method_refused",
	  LINE VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_FILTER_HEADER },
	{ "cseq_too_large_refused",
	  LINE VIA REST "CSeq: 2147483648 OPTIONS\r\n\r\n",
	  SIP_FILTER_HEADER },
	{ "cseq_without_number_refused",
	  LINE VIA REST "CSeq: OPTIONS\r\n\r\n", SIP_FILTER_HEADER },
	{ "cseq_without_method_refused",
	  LINE VIA REST "CSeq: 1\r\n\r\n", SIP_FILTER_HEADER },

	{ "branch_missing_refused", LINE "Via: SIP/2.0/WSS h\r\n" REST CSEQ
	  "\r\n", SIP_FILTER_BRANCH },
	{ "branch_cookie_alone_refused",
	  LINE "Via: SIP/2.0/WSS h;branch=z9hG4bK\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_BRANCH },
	{ "branch_short_refused",
	  LINE "Via: SIP/2.0/WSS h;branch=z9h\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_BRANCH },
	{ "branch_empty_refused",
	  LINE "Via: SIP/2.0/WSS h;branch=\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_BRANCH },
	{ "branch_other_cookie_refused",
	  LINE "Via: SIP/2.0/WSS h;branch=1234567890\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_BRANCH },
	{ "branch_twice_refused",
	  LINE "Via: SIP/2.0/WSS h;branch=z9hG4bK1;branch=z\r\n" REST CSEQ
	  "\r\n", SIP_FILTER_BRANCH },
	{ "branch_inside_quotes_refused",
	  LINE "Via: SIP/2.0/WSS h;x=\";branch=z9hG4bK1\"\r\n" REST CSEQ
	  "\r\n", SIP_FILTER_BRANCH },
	{ "branch_of_second_value_refused",
	  LINE "Via: SIP/2.0/WSS h, SIP/2.0/UDP h;branch=z9hG4bK1\r\n" REST
	  CSEQ "\r\n", SIP_FILTER_BRANCH },
	{ "via_other_protocol_refused",
	  LINE "Via: HTTP/1.1/TCP h;branch=z9hG4bK1\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_HEADER },
	{ "via_without_host_refused",
	  LINE "Via: SIP/2.0/WSS ;branch=z9hG4bK1\r\n" REST CSEQ "\r\n",
	  SIP_FILTER_HEADER },

	{ "length_too_large_refused", ALL "Content-Length: 4\r\n\r\nabc",
	  SIP_FILTER_LENGTH },
	{ "length_too_small_refused", ALL "Content-Length: 2\r\n\r\nabc",
	  SIP_FILTER_LENGTH },
	{ "length_twice_refused",
	  ALL "Content-Length: 3\r\nl: 3\r\n\r\nabc", SIP_FILTER_LENGTH },
	{ "length_negative_refused", ALL "Content-Length: -1\r\n\r\n",
	  SIP_FILTER_LENGTH },
	{ "length_overflow_refused",
	  ALL "Content-Length: 18446744073709551619\r\n\r\nabc",
	  SIP_FILTER_LENGTH },
};

/* From a block of exactly that size: ASan sees a read past the end. */
static enum sip_filter_result run(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	enum sip_filter_result r;

	memcpy(copy, text, len);
	r = sip_filter(copy, len);
	free(copy);
	return r;
}

static void repeat(char *at, const char *what, unsigned int n)
{
	while (n--)
		at = stpcpy(at, what);
}

static void test_sizes(void)
{
	static char text[LIMIT_SIP_MESSAGE_BYTES + 4096];
	size_t n = strlen(ALL), len;

	strcpy(text, ALL);
	repeat(text + n, "X: 1\r\n", LIMIT_SIP_HEADERS - 5);
	strcat(text, "\r\n");
	CHECK_INT(run(text, strlen(text)), SIP_FILTER_OK,
		  "headers_at_limit_pass");
	strcpy(text + strlen(text) - 2, "X: 1\r\n\r\n");
	CHECK_INT(run(text, strlen(text)), SIP_FILTER_HEADER,
		  "headers_above_limit_refused");

	strcpy(text, ALL "\r\n");
	n = strlen(text);
	memset(text + n, 'b', LIMIT_SIP_BODY_BYTES + 1);
	CHECK_INT(run(text, n + LIMIT_SIP_BODY_BYTES), SIP_FILTER_OK,
		  "body_at_limit_passes");
	CHECK_INT(run(text, n + LIMIT_SIP_BODY_BYTES + 1), SIP_FILTER_TOO_BIG,
		  "body_above_limit_refused");

	strcpy(text, ALL "X: ");
	n = strlen(text);
	len = LIMIT_SIP_HEADER_BYTES - n - 4;
	memset(text + n, 'x', len + 1);
	memcpy(text + n + len, "\r\n\r\n", 4);
	CHECK_INT(run(text, n + len + 4), SIP_FILTER_OK,
		  "header_bytes_at_limit_pass");
	memcpy(text + n + len, "x\r\n\r\n", 5);
	CHECK_INT(run(text, n + len + 5), SIP_FILTER_TOO_BIG,
		  "header_bytes_above_limit_refused");
	memset(text, 'x', sizeof(text));
	CHECK_INT(run(text, LIMIT_SIP_MESSAGE_BYTES + 1), SIP_FILTER_TOO_BIG,
		  "message_above_limit_refused");
}

/* Every prefix, and a NUL at every place of the head. */
static void test_every_place(void)
{
	static const char text[] = ALL "Content-Length: 3\r\n\r\nabc";
	size_t len = sizeof(text) - 1, i;
	unsigned int passed = 0, passed_nul = 0;
	char copy[sizeof(text)];

	for (i = 0; i < len; i++) {
		if (run(text, i) == SIP_FILTER_OK)
			passed++;
		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		if (i < len - 3 && run(copy, len) == SIP_FILTER_OK)
			passed_nul++;
	}
	CHECK_INT(passed, 0, "message_every_prefix_refused");
	CHECK_INT(passed_nul, 0, "head_nul_at_every_place_refused");
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum sip_filter_result r = run(cases[i].text,
					       strlen(cases[i].text));

		CHECK_STR(sip_filter_name(r),
			  sip_filter_name(cases[i].want), cases[i].name);
	}
	test_sizes();
	test_every_place();
	return tap_done();
}
