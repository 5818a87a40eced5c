/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a browser may send, behind the front filter: parsed, read, answered,
 * carried over to the other leg and printed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip/dialog.h"
#include "sip/message.h"
#include "wss/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct sip_msg *m)
{
	struct sip_uri u;
	char aor[256];
	size_t len;

	sip_msg_method(m);
	sip_msg_method_name(m);
	sip_msg_phrase(m);
	sip_msg_branch(m);
	sip_msg_from_tag(m);
	sip_msg_to_tag(m);
	sip_msg_max_forwards(m);
	sip_msg_from_value(m);
	sip_msg_to_value(m);
	sip_msg_content_type(m);
	sip_msg_body(m, &len);
	sip_msg_header(m, "Replaces");
	sip_msg_header(m, "X-Other");
	for (unsigned int i = 0; i < 4; i++) {
		sip_msg_contact(m, i);
		sip_msg_contact_param(m, i, "expires");
		sip_msg_contact_param(m, i, "+sip.instance");
		sip_msg_record_route(m, i);
	}
	if (sip_msg_ruri(m) && sip_uri_parse(sip_msg_ruri(m), &u) == 0)
		sip_uri_param(&u, "transport", aor, sizeof(aor));
	if (sip_msg_from_uri(m))
		sip_uri_aor(sip_msg_from_uri(m), aor, sizeof(aor));
	if (sip_msg_to_uri(m))
		sip_uri_aor(sip_msg_to_uri(m), aor, sizeof(aor));
}

/* It must be readable again: nothing else may leave the gateway. */
static void check_printed(struct sip_msg *m)
{
	struct sip_msg *again;
	size_t len;
	char *text = sip_msg_print(m, &len);

	if (text && sip_msg_parse(text, len, &again, NULL) == 0)
		sip_msg_unref(again);
	free(text);
	sip_msg_unref(m);
}

static void answer(const struct sip_msg *m)
{
	const struct sip_target source = { .is_ws = true };
	const struct sip_request in_dialog = { .method = "BYE" };
	const struct sip_reply r = { .status = 200, .to_tag = "t" };
	struct sip_dialog *d;
	struct sip_msg *out;

	if (sip_msg_make_reply(m, &r, NULL, &out) == 0)
		check_printed(out);
	if (sip_dialog_uas(m, &source, "<sip:gw@192.0.2.1>", &d) < 0)
		return;
	sip_dialog_matches(d, m);
	if (sip_dialog_request(d, &in_dialog, NULL, &out) == 0)
		check_printed(out);
	sip_dialog_free(d);
}

static void carry(const struct sip_msg *m)
{
	const struct sip_request r = {
		.method = "INVITE", .ruri = "sip:b@198.51.100.10",
		.from = sip_msg_from_value(m), .from_tag = "f",
		.to = sip_msg_to_value(m), .call_id = "c", .cseq = 1,
		.max_forwards = 69, .content_type = "text/plain",
		.body = "x", .body_len = 1, .end_to_end_digest = true,
	};
	struct sip_msg *out;

	if (sip_msg_make_request(&r, m, &out) == 0)
		check_printed(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[128];
	struct sip_msg *m;

	if (sip_filter((const char *)data, size) != SIP_FILTER_OK)
		return 0;
	if (sip_msg_parse((const char *)data, size, &m, reason) < 0)
		return 0;
	read_all(m);
	if (sip_msg_is_request(m))
		answer(m);
	carry(m);
	check_printed(m);
	return 0;
}
