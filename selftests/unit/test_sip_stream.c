/* SPDX-License-Identifier: Apache-2.0 */
/* SIP messages out of a byte stream. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "sip/stream.h"
#include "sip_fixture.h"
#include "tap.h"

static int messages, pings, refusals;
static char last[256], why[32];

static void got_message(void *arg, const char *data, size_t len)
{
	(void)arg;
	messages++;
	snprintf(last, sizeof(last), "%.*s", (int)len, data);
}

static void got_refused(void *arg, const char *name)
{
	(void)arg;
	refusals++;
	snprintf(why, sizeof(why), "%s", name);
}

static void got_ping(void *arg)
{
	(void)arg;
	pings++;
}

static const struct stream_user user = {
	.message = got_message, .refused = got_refused, .ping = got_ping,
};

static struct stream stream;

static void begin(void)
{
	stream_free(&stream);
	messages = pings = refusals = 0;
	last[0] = why[0] = '\0';
}

static int receive(const char *text)
{
	return stream_received(&stream, text, strlen(text), &user, NULL);
}

static const char *options(const char *more)
{
	return fixture_request("OPTIONS", "z9hG4bKs", "s", NULL, 1, more);
}

static void test_whole(void)
{
	char text[4096], byte[2] = "";
	size_t len;

	begin();
	CHECK_INT(receive("\r\n\r\n"), 0, "stream_ping_taken");
	CHECK_INT(pings, 1, "stream_ping_told");
	snprintf(text, sizeof(text), "%s", options(NULL));
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		byte[0] = text[i];
		receive(byte);
		if (messages && i + 1 < len)
			break;
	}
	CHECK_INT(messages, 1, "stream_message_by_bytes_whole");
	CHECK(!strncmp(last, "OPTIONS sip:bob", 15), "stream_message_is_it");
	snprintf(text + len, sizeof(text) - len, "%s", options(NULL));
	receive(text);
	CHECK_INT(messages, 3, "stream_two_messages_at_once");
}

/* Who passed it on is the PBX of all calls: the connection must stay. */
static void test_refused(const char *name, const char *more)
{
	char text[4096];
	char what[96];

	begin();
	snprintf(text, sizeof(text), "%s", options(more));
	strncat(text, options(NULL), sizeof(text) - strlen(text) - 1);
	snprintf(what, sizeof(what), "stream_goes_on_after_%s", name);
	CHECK_INT(receive(text), 0, what);
	snprintf(what, sizeof(what), "stream_%s_refused", name);
	CHECK(refusals == 1 && !strcmp(why, name), what);
	snprintf(what, sizeof(what), "stream_message_behind_%s_delivered", name);
	CHECK_INT(messages, 1, what);
}

static void test_too_big(void)
{
	char *text = malloc(LIMIT_SIP_MESSAGE_BYTES * 2), *p;
	const char *request = options(NULL), *end = strstr(request, "\r\n\r\n");

	begin();
	p = text + sprintf(text, "%.*s\r\n", (int)(end - request), request);
	for (int i = 0; p - text < LIMIT_SIP_HEADER_BYTES + 1000; i++)
		p += sprintf(p, "X-Long: %0900d\r\n", i);
	sprintf(p, "\r\n%s", request);
	CHECK_INT(receive(text), 0, "stream_goes_on_after_too-big");
	CHECK(refusals == 1 && !strcmp(why, "too-big"),
	      "stream_too-big_refused");
	CHECK_INT(messages, 1, "stream_message_behind_too-big_delivered");
	begin();
	memset(text, 'a', LIMIT_SIP_MESSAGE_BYTES + 1);
	text[LIMIT_SIP_MESSAGE_BYTES + 1] = '\0';
	CHECK_INT(receive(text), -E2BIG, "stream_without_end_is_over");
	free(text);
}

static void test_lost(void)
{
	begin();
	CHECK_INT(receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), -EPROTO,
		  "stream_of_http_is_over");
	begin();
	CHECK_INT(receive("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
		  -EPROTO, "stream_of_http_with_length_is_over");
	begin();
	CHECK_INT(receive(options("l: 3\r\n")), -EPROTO,
		  "stream_with_two_lengths_is_over");
	CHECK_INT(messages + refusals, 0, "stream_with_two_lengths_says_nothing");
}

int main(void)
{
	test_whole();
	test_refused("control", "X-Name: a\x7f\r\n");
	test_refused("header", "X Name: a\r\n");
	test_refused("missing", "Call-ID: again\r\n");
	test_too_big();
	test_lost();
	stream_free(&stream);
	return tap_done();
}
