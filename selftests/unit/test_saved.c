// SPDX-License-Identifier: Apache-2.0
/* A session's record: what went in comes out, and what is not whole does not. */
#include <errno.h>
#include <string.h>

#include "media/saved.h"
#include "tap.h"

static struct addr parse(const char *text)
{
	struct addr a = { 0 };

	addr_parse(text, &a);
	return a;
}

static void fill_stream(struct session *s, uint32_t i)
{
	struct media_stream_config *c = &s->config.stream[i];
	struct session_stream *st = &s->stream[i];

	c->enabled = c->web_to_sip = true;
	c->sip_to_web = i == 0;
	c->sip_rtcp_mux = i == 1;
	strcpy(c->kind, i ? "video" : "audio");
	c->sip_remote = st->sdp_remote = parse("198.51.100.10:4000");
	c->sip_remote_rtcp = parse("198.51.100.10:4001");
	c->payload_count = 2;
	c->payload[0] = (struct media_payload){ .web_rx = 111, .sip_tx = 96,
						.sip_rx = 97, .web_tx = 110,
						.clock_hz = 48000,
						.to_sip = 1, .to_web = 2,
						.ratio = 6,
						.name = "opus" };
	c->payload[1] = (struct media_payload){ .web_rx = 0, .clock_hz = 8000,
						.name = "PCMU" };
	st->local = s->local.sip[i] = parse("198.51.100.1:16400");
	st->transport = 10 + i;
	st->stream[TO_SIP] = 20 + i;
	st->stream[TO_WEB] = 30 + i;
	st->rtcp_remote = parse("198.51.100.10:4003");
	st->is_learning = i == 0;
	st->is_rtcp_learning = i == 1;
	st->learn_base = 77;
	s->local.web_ssrc[i] = 0xfffffff0 + i;
	s->local.sip_ssrc[i] = 5 + i;
}

static void fill(struct session *s)
{
	s->id = s->local.id = 4711;
	strcpy(s->call, "9c41");
	s->stream_count = s->config.stream_count = 2;
	s->is_configured = s->config.has_web = true;
	s->backend = DATAPATH_XDP;
	s->web_transport = 9;
	s->local.web = parse("203.0.113.1:10000");
	strcpy(s->local.ufrag, "newufrag");
	strcpy(s->local.password, "12345678901234567890123456789012");
	strcpy(s->local.fingerprint, "sha-256 AA:BB");
	strcpy(s->local.cname, "cname");
	s->newest = 1;
	s->ours[0].generation = 3;
	memcpy(s->ours[0].entry.ufrag, "oldufrag", 8);
	strcpy(s->ours[0].password, "old password");
	s->ours[1].generation = 4;
	memcpy(s->ours[1].entry.ufrag, s->local.ufrag, 8);
	strcpy(s->ours[1].password, s->local.password);
	strcpy(s->previous_ufrag, "before");
	s->config.role = MEDIA_DTLS_CLIENT;
	strcpy(s->config.remote_ufrag, "peer");
	strcpy(s->config.fingerprint_hash, "sha-256");
	memset(s->config.fingerprint, 0x5a, 32);
	s->config.fingerprint_len = 32;
	strcpy(s->checked_hash, "sha-256");
	memset(s->checked_fingerprint, 0x5a, 32);
	s->checked_len = 32;
	s->srtcp_ceiling = 1024;
	s->ice_selected_ms = 100;
	s->dtls_done_ms = 200;
	s->first_ms[MEDIA_SIDE_WEB] = 300;
	s->first_ms[MEDIA_SIDE_SIP] = 400;
	fill_stream(s, 0);
	fill_stream(s, 1);
}

static struct record *coded(const struct session *s)
{
	struct record *r = record_new(), *ret = NULL;
	const void *data;
	size_t len;

	saved_pack(s, r);
	if (!record_encode(r, &data, &len))
		record_decode(data, len, &ret);
	record_free(r);
	return ret;
}

static void test_whole(void)
{
	static struct session s, got;
	struct saved_ids ids = { 0 };
	struct record *r;

	fill(&s);
	r = coded(&s);
	CHECK(r, "saved_record_is_coded");
	CHECK_INT(saved_unpack(r, 4711, &got, &ids), 0, "saved_record_is_read");
	CHECK(!memcmp(&got.local, &s.local, sizeof(s.local)),
	      "saved_announced_values_are_the_same");
	CHECK(!memcmp(&got.config, &s.config, sizeof(s.config)),
	      "saved_configuration_is_the_same");
	CHECK(ids.backend == DATAPATH_XDP && ids.web_transport == 9 &&
	      ids.transport[1] == 11 && ids.stream[0][TO_SIP] == 20 &&
	      ids.stream[1][TO_WEB] == 31 && ids.rtcp_ports,
	      "saved_ids_are_the_same");
	CHECK(got.newest == 1 && got.ours[0].generation == 3 &&
	      !memcmp(got.ours[0].entry.ufrag, "oldufrag", 8) &&
	      !strcmp(got.ours[0].password, "old password") &&
	      !strcmp(got.previous_ufrag, "before"),
	      "saved_both_generations_of_credentials");
	CHECK(got.srtcp_ceiling == 1024 && got.dtls_done_ms == 200 &&
	      got.ice_selected_ms == 100 && got.checked_len == 32 &&
	      got.first_ms[MEDIA_SIDE_SIP] == 400, "saved_history_is_the_same");
	CHECK(got.stream[0].is_learning && !got.stream[1].is_learning &&
	      got.stream[1].is_rtcp_learning &&
	      got.stream[0].learn_base == 77 &&
	      addr_equal(&got.stream[1].rtcp_remote, &s.stream[1].rtcp_remote),
	      "saved_learning_is_the_same");
	record_free(r);
}

static int unpack_without(const char *what)
{
	static struct session s, got;
	struct saved_ids ids;
	struct record *r;
	int err;

	memset(&s, 0, sizeof(s));
	memset(&got, 0, sizeof(got));
	fill(&s);
	if (!strcmp(what, "streams"))
		s.stream_count = 0;
	else if (!strcmp(what, "fingerprint"))
		s.config.fingerprint_len = 0;
	else if (!strcmp(what, "credentials"))
		s.ours[1].generation = 0;
	else if (!strcmp(what, "transport"))
		s.stream[1].transport = 0;
	r = coded(&s);
	err = saved_unpack(r, 4711, &got, &ids);
	record_free(r);
	return err;
}

int main(void)
{
	test_whole();
	CHECK_INT(unpack_without("nothing"), 0, "saved_whole_record_is_taken");
	CHECK_INT(unpack_without("streams"), -EBADMSG,
		  "saved_without_streams_is_refused");
	CHECK_INT(unpack_without("fingerprint"), -EBADMSG,
		  "saved_without_fingerprint_is_refused");
	CHECK_INT(unpack_without("credentials"), -EBADMSG,
		  "saved_without_credentials_is_refused");
	CHECK_INT(unpack_without("transport"), -EBADMSG,
		  "saved_without_transport_is_refused");
	return tap_done();
}
