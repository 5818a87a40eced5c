/* SPDX-License-Identifier: Apache-2.0 */
/* Dialogs: both roles, routes, targets, CSeq. */
#include <errno.h>
#include <string.h>

#include "sip/dialog.h"
#include "store/record.h"
#include "sip_fixture.h"
#include "tap.h"

static const struct sip_target trunk = {
	.uri = "sip:198.51.100.10:5060;transport=udp",
};
static const struct sip_target flow = { .is_ws = true, .conn = 7 };

static struct sip_msg *in_dialog(struct sip_dialog *d, const char *method)
{
	const struct sip_request r = { .method = method };
	struct sip_msg *m = NULL;

	sip_dialog_request(d, &r, NULL, &m);
	return m;
}

/* RFC 3261 12.1.1 */
static void test_uas(void)
{
	struct sip_msg *invite = fixture_parse(fixture_request(
		"INVITE", "z9hG4bKa", "c1", NULL, 5,
		"Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n"));
	struct sip_dialog *d = NULL;
	struct sip_msg *m;

	CHECK_INT(sip_dialog_uas(invite, &flow, "<sip:gw@192.0.2.1>", &d), 0,
		  "dialog_uas_made");
	CHECK(d->local_tag && strlen(d->local_tag) >= 8,
	      "dialog_uas_local_tag_made");
	CHECK_STR(d->remote_tag, "ft", "dialog_uas_remote_tag_from");
	CHECK_STR(d->routes[0], "<sip:p1;lr>", "dialog_uas_routes_in_order");
	CHECK_STR(d->remote_target, "sip:alice@abc.invalid;transport=ws",
		  "dialog_uas_target_contact");
	CHECK(d->peer.is_ws && d->peer.conn == 7, "dialog_uas_peer_source");

	m = in_dialog(d, "BYE");
	CHECK_STR(sip_msg_ruri(m), "sip:alice@abc.invalid;transport=ws",
		  "dialog_uas_request_to_target");
	CHECK_STR(sip_msg_from_tag(m), d->local_tag,
		  "dialog_uas_request_from_tag_local");
	CHECK_STR(sip_msg_to_tag(m), "ft", "dialog_uas_request_to_tag_remote");
	CHECK_STR(sip_msg_from_value(m), "<sip:bob@example.com>",
		  "dialog_uas_request_from_is_to");
	CHECK_STR(sip_msg_header(m, "Route"), "<sip:p1;lr>",
		  "dialog_uas_request_routed");
	CHECK_INT(sip_msg_cseq(m), d->local_cseq, "dialog_cseq_remembered");
	CHECK(d->local_cseq > 0, "dialog_uas_first_cseq_chosen");
	sip_msg_unref(m);

	m = fixture_parse(fixture_request("INFO", "z9hG4bKb", "c1",
					  d->local_tag, 6, NULL));
	CHECK(sip_dialog_matches(d, m), "dialog_own_request_matches");
	CHECK_INT(sip_dialog_check_cseq(d, m), 0, "dialog_cseq_next_accepted");
	CHECK_INT(sip_dialog_check_cseq(d, m), -EINVAL,
		  "dialog_cseq_repeated_refused");
	sip_msg_unref(m);
	m = fixture_parse(fixture_request("INFO", "z9hG4bKc", "c1",
					  d->local_tag, 4, NULL));
	CHECK_INT(sip_dialog_check_cseq(d, m), -EINVAL,
		  "dialog_cseq_older_refused");
	sip_msg_unref(m);
	m = fixture_parse(fixture_request("ACK", "z9hG4bKd", "c1",
					  d->local_tag, 5, NULL));
	CHECK_INT(sip_dialog_check_cseq(d, m), 0, "dialog_cseq_ack_accepted");
	sip_msg_unref(m);
	m = fixture_parse(fixture_request("INFO", "z9hG4bKe", "c1", "other", 9,
					  NULL));
	CHECK(!sip_dialog_matches(d, m), "dialog_other_tag_no_match");
	sip_msg_unref(m);
	sip_dialog_free(d);
	sip_msg_unref(invite);
}

/* RFC 3261 12.1.2, 13.2.2.4 */
static void test_uac(void)
{
	struct sip_msg *invite = fixture_make("INVITE",
					      "sip:b@198.51.100.10", "c2", 20,
					      "<sip:gw@198.51.100.1>", NULL);
	struct sip_dialog *d = NULL;
	struct sip_msg *m, *reply;

	CHECK_INT(sip_dialog_uac(invite, &trunk, "<sip:gw@198.51.100.1>", &d),
		  0, "dialog_uac_made");
	CHECK(!d->remote_tag && !d->confirmed, "dialog_uac_starts_early");

	/* make_reply() wants a Via. */
	m = fixture_parse(fixture_request("INVITE", "z9hG4bKz", "c2", NULL, 20,
					  NULL));
	reply = fixture_reply(m, 180, "early",
			      "Contact: <sip:b@198.51.100.20:5070>\r\n");
	sip_dialog_response(d, reply);
	sip_msg_unref(reply);
	CHECK_STR(d->remote_tag, "early", "dialog_uac_1xx_tag_taken");
	CHECK(!d->confirmed, "dialog_uac_1xx_stays_early");
	CHECK_STR(d->peer.uri, "sip:b@198.51.100.20:5070",
		  "dialog_uac_next_hop_target");

	reply = fixture_reply(m, 200, "final",
			      "Contact: <sip:b@198.51.100.20:5080>\r\n"
			      "Record-Route: <sip:198.51.100.31;lr>, "
			      "<sip:198.51.100.30;lr>\r\n");
	sip_dialog_response(d, reply);
	sip_msg_unref(reply);
	sip_msg_unref(m);
	CHECK(d->confirmed, "dialog_uac_2xx_confirms");
	CHECK_STR(d->remote_tag, "final", "dialog_uac_2xx_tag_taken");
	CHECK_STR(d->routes[0], "<sip:198.51.100.30;lr>",
		  "dialog_uac_routes_reversed");
	CHECK_STR(d->peer.uri, "sip:198.51.100.30;lr",
		  "dialog_uac_next_hop_route");

	m = in_dialog(d, "ACK");
	CHECK_INT(sip_msg_cseq(m), 20, "dialog_ack_has_cseq_of_invite");
	CHECK_STR(sip_msg_ruri(m), "sip:b@198.51.100.20:5080",
		  "dialog_ack_to_target");
	sip_msg_unref(m);
	m = in_dialog(d, "INFO");
	CHECK_INT(sip_msg_cseq(m), 21, "dialog_next_request_counts");
	CHECK_STR(sip_msg_contact(m, 0), "sip:gw@198.51.100.1",
		  "dialog_request_has_own_contact");
	sip_msg_unref(m);
	m = in_dialog(d, "INVITE");
	sip_msg_unref(m);
	m = in_dialog(d, "ACK");
	CHECK_INT(sip_msg_cseq(m), 22, "dialog_ack_follows_reinvite");
	sip_msg_unref(m);

	m = fixture_parse(fixture_request("UPDATE", "z9hG4bKu", "c2", NULL, 1,
					  NULL));
	sip_dialog_refresh(d, m);
	sip_msg_unref(m);
	CHECK_STR(d->remote_target, "sip:alice@abc.invalid;transport=ws",
		  "dialog_refresh_moves_target");
	CHECK_STR(d->peer.uri, "sip:198.51.100.30;lr",
		  "dialog_refresh_keeps_route");
	sip_dialog_free(d);
	sip_msg_unref(invite);
}

/* RFC 3261 12.2.1.1, last case */
static void test_strict_route(void)
{
	struct sip_msg *invite = fixture_parse(fixture_request(
		"INVITE", "z9hG4bKs", "c3", NULL, 5,
		"Record-Route: <sip:strict.example.com>\r\n"));
	struct sip_dialog *d = NULL;
	struct sip_msg *m;

	sip_dialog_uas(invite, &trunk, "<sip:gw@192.0.2.1>", &d);
	m = in_dialog(d, "BYE");
	CHECK_STR(sip_msg_ruri(m), "sip:strict.example.com",
		  "dialog_strict_router_in_ruri");
	CHECK_STR(sip_msg_header(m, "Route"),
		  "<sip:alice@abc.invalid;transport=ws>",
		  "dialog_strict_router_target_last");
	sip_msg_unref(m);
	sip_dialog_free(d);
	sip_msg_unref(invite);
}

/* What the next run sends is what this one would have sent. */
static void test_stored(void)
{
	struct sip_msg *invite = fixture_parse(fixture_request(
		"INVITE", "z9hG4bKt", "c4", NULL, 20, NULL));
	struct sip_dialog *d = NULL, *back = NULL;
	struct record *r = record_new(), *copy = NULL;
	struct sip_msg *reply, *m, *n;
	const void *data;
	size_t len;

	sip_dialog_uac(invite, &trunk, "<sip:gw@198.51.100.1>", &d);
	reply = fixture_reply(invite, 200, "there",
			      "Contact: <sip:b@198.51.100.20:5080>\r\n"
			      "Record-Route: <sip:198.51.100.31;lr>, "
			      "<sip:198.51.100.30;lr>\r\n");
	sip_dialog_response(d, reply);
	d->remote_cseq = 7;
	sip_dialog_store(d, "b.", r);
	record_encode(r, &data, &len);
	CHECK(!record_decode(data, len, &copy) &&
	      !sip_dialog_restore(copy, "b.", &back), "dialog_stored_comes_back");
	CHECK_INT(sip_dialog_restore(copy, "a.", &back), -ENODATA,
		  "dialog_not_stored_is_absent");
	m = in_dialog(d, "BYE");
	n = in_dialog(back, "BYE");
	CHECK_STR(sip_msg_ruri(n), sip_msg_ruri(m), "dialog_stored_ruri");
	CHECK_STR(sip_msg_header(n, "From"), sip_msg_header(m, "From"),
		  "dialog_stored_from");
	CHECK_STR(sip_msg_header(n, "To"), sip_msg_header(m, "To"),
		  "dialog_stored_to");
	CHECK_STR(sip_msg_call_id(n), "c4", "dialog_stored_call_id");
	CHECK_STR(sip_msg_header(n, "Route"), sip_msg_header(m, "Route"),
		  "dialog_stored_routes");
	CHECK_STR(back->peer.uri, d->peer.uri, "dialog_stored_next_hop");
	CHECK(sip_msg_cseq(n) > sip_msg_cseq(m) + 1000,
	      "dialog_stored_cseq_goes_on_after_a_gap");
	CHECK(back->confirmed && back->is_uac && back->remote_cseq == 7,
	      "dialog_stored_state");
	sip_msg_unref(m);
	sip_msg_unref(n);
	m = in_dialog(back, "ACK");
	CHECK_INT(sip_msg_cseq(m), 20, "dialog_stored_ack_has_cseq_of_invite");
	sip_msg_unref(m);
	sip_msg_unref(reply);
	sip_msg_unref(invite);
	sip_dialog_free(back);
	sip_dialog_free(d);
	record_free(copy);
	record_free(r);
}

int main(void)
{
	test_stored();
	test_uas();
	test_uac();
	test_strict_route();
	return tap_done();
}
