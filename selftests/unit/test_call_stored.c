/* SPDX-License-Identifier: Apache-2.0 */
/* A call as a record, and what the next run makes of it. */
#include <stdlib.h>
#include <unistd.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/loop.h"
#include "sip_fixture.h"
#include "store/store.h"
#include "tap.h"

static struct loop *loop;
static struct store *store;
static struct calls *calls;
static struct call *back;

static const char web_sdp[] =
	"v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	"a=group:BUNDLE 0\r\nm=audio 10000 UDP/TLS/RTP/SAVPF 111 0 126\r\n"
	"c=IN IP4 203.0.113.1\r\na=mid:0\r\na=ice-ufrag:abcd\r\n"
	"a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
	"a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
	"10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=setup:passive\r\n"
	"a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
	"a=fmtp:111 useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:126 telephone-event/8000\r\na=ssrc:77 cname:lab\r\n";
static const char plain_sdp[] =
	"v=0\r\no=- 8 4 IN IP4 198.51.100.10\r\ns=-\r\n"
	"c=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 30000 RTP/SAVP 0 101\r\n"
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
	"inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk\r\n"
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
	"a=sendonly\r\n";

static struct sdp *sdp_of(const char *text)
{
	struct sdp *s = NULL;

	sdp_parse(text, strlen(text), &s, NULL);
	return s;
}

/* A call from the PBX to a browser, answered. */
static struct call *answered_call(void)
{
	struct call *c = call_create(calls);
	struct sip_msg *invite = fixture_parse(fixture_request("INVITE",
			"z9hG4bKa", "call-a", NULL, 3,
			"Record-Route: <sip:198.51.100.31;lr>\r\n"
			"Authorization: Digest username=\"secret-user\"\r\n"));
	const struct sip_target trunk = {
		.uri = "sip:198.51.100.10:5060;transport=udp",
	};
	const struct sip_target flow = { .is_ws = true, .conn = 12 };
	struct sip_msg *out = fixture_make("INVITE", "sip:alice@x.invalid",
					   "call-b", 1, "<sip:gw@203.0.113.1>",
					   NULL);
	struct sip_dialog *a, *b;
	struct sdp *told;

	sip_dialog_uas(invite, &trunk, "<sip:gw@198.51.100.1>", &a);
	sip_dialog_uac(out, &flow, "<sip:gw@203.0.113.1>", &b);
	call_leg_attach(&c->a, a);
	call_leg_attach(&c->b, b);
	c->b.is_web = true;
	snprintf(c->b.alias, sizeof(c->b.alias), "alias1");
	snprintf(c->a.uri, sizeof(c->a.uri), "sip:pbx@198.51.100.10");
	snprintf(c->b_branch, sizeof(c->b_branch), "z9hG4bKown");
	c->media_id = 77;
	HASH_ADD(by_media, calls->by_media, media_id, sizeof(c->media_id), c);
	c->a.session = (struct call_session){ .interval_s = 1800,
		.we_refresh = true, .peer_has_update = true,
		.expires_ms = clock_ms() + 900000 };
	c->state = CALL_ANSWERED;
	c->answered_ms = clock_ms();
	told = sdp_of(web_sdp);
	sdp_own_parsed(told);
	call_set_exchange(c, true, sdp_of(plain_sdp), told, sdp_of(web_sdp),
			  sdp_of(plain_sdp));
	c->a_invite = call_invite_text(invite);
	sip_msg_unref(out);
	sip_msg_unref(invite);
	return c;
}

static bool contains(const void *data, size_t len, const char *what)
{
	return memmem(data, len, what, strlen(what));
}

static char *raw;
static size_t raw_len;

static void unpack(void *arg, const char *id, const struct record *r)
{
	back = call_create(calls);
	if (call_unpack(back, id, r)) {
		call_free(back);
		back = NULL;
	}
}

/* The file as it lies there, all that is in it. */
static void read_file(const char *dir, const char *name)
{
	char path[96], part[4096];
	size_t n;
	FILE *f, *out = open_memstream(&raw, &raw_len);

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	while (f && (n = fread(part, 1, sizeof(part), f)) > 0)
		fwrite(part, 1, n, out);
	if (f)
		fclose(f);
	fclose(out);
}

static void same_sdp(const struct sdp *was, const struct sdp *is,
		     const char *name)
{
	struct sdp *copy = sdp_copy(was);
	char *want, *got = is ? sdp_print(is) : NULL;

	for (uint32_t i = 0; i < copy->media_count; i++)
		copy->media[i].crypto_count = 0;
	want = sdp_print(copy);
	CHECK_STR(got, want, name);
	sdp_free(copy);
	free(want);
	free(got);
}

static void round_trip(struct call *c)
{
	struct sip_msg *m;
	uint64_t left_ms;

	store_each(store, STORE_CALL, unpack, NULL);
	if (!CHECK(back, "call_stored_comes_back"))
		return;
	CHECK_STR(back->id, c->id, "call_id_comes_back");
	CHECK(!back->a.is_web && back->b.is_web &&
	      !strcmp(back->b.alias, "alias1") &&
	      !strcmp(back->a.uri, "sip:pbx@198.51.100.10"),
	      "call_parties_come_back");
	CHECK_STR(back->a.dialog->call_id, "call-a", "call_dialog_a");
	CHECK_STR(back->b.dialog->call_id, "call-b", "call_dialog_b");
	CHECK(back->b.dialog->peer.is_ws && !back->b.dialog->peer.conn,
	      "call_flow_is_gone");
	CHECK_STR(back->b_branch, "z9hG4bKown", "call_branch_comes_back");
	CHECK_INT(back->local.id, 77, "call_media_id_comes_back");
	CHECK(back->a.session.interval_s == 1800 &&
	      back->a.session.we_refresh && back->a.session.peer_has_update,
	      "call_session_timer_comes_back");
	left_ms = back->a.session.expires_ms - clock_ms();
	CHECK(left_ms > 800000 && left_ms <= 900000 + 1000,
	      "call_session_deadline_comes_back");
	CHECK(back->a.sdp_session_id == c->a.sdp_session_id &&
	      back->a.sdp_version > c->a.sdp_version,
	      "call_sdp_version_goes_on");
	CHECK(back->offerer_is_a && back->answered_ms, "call_times_come_back");
	same_sdp(c->a_offer, back->a_offer, "call_a_offer_comes_back");
	same_sdp(c->a_answer, back->a_answer, "call_a_answer_comes_back");
	same_sdp(c->b_offer, back->b_offer, "call_b_offer_comes_back");
	same_sdp(c->b_answer, back->b_answer, "call_b_answer_comes_back");
	m = fixture_parse(back->a_invite);
	CHECK(m && !strcmp(sip_msg_branch(m), "z9hG4bKa") &&
	      sip_msg_record_route(m, 0), "call_invite_can_be_answered");
	sip_msg_unref(m);
	CHECK(call_sdes_unknown(back) && !call_sdes_unknown(c),
	      "call_keys_do_not_come_back");
	call_free(back);
	back = NULL;
}

/* Set back since, the wall clock would have it answered in the future. */
static void clock_set_back(struct call *c)
{
	const uint64_t ahead_ms = 3600000;

	c->answered_ms += ahead_ms;
	c->started_wall_ms += ahead_ms;
	call_store(c);
	store_each(store, STORE_CALL, unpack, NULL);
	CHECK(back && back->answered_ms && back->answered_ms <= clock_ms() &&
	      back->started_ms <= clock_ms(), "call_times_are_none_to_come");
	call_free(back);
	back = NULL;
	c->answered_ms -= ahead_ms;
	c->started_wall_ms -= ahead_ms;
}

int main(void)
{
	char dir[] = "/tmp/sluice-call-XXXXXX", command[64];
	struct registrar_settings reg = { .pbx = "sip:198.51.100.10" };
	struct calls_settings s = { .pbx = "sip:198.51.100.10" };
	struct registrar *registrar;
	struct call *c;

	if (!mkdtemp(dir) || loop_create(&loop) || store_open(dir, &store))
		return 1;
	reg.loop = s.loop = loop;
	s.store = store;
	if (registrar_create(&reg, &registrar))
		return 1;
	s.registrar = registrar;
	if (calls_create(&s, &calls))
		return 1;
	c = answered_call();
	call_store(c);
	round_trip(c);
	read_file(dir, "sluice.db-wal");
	CHECK(contains(raw, raw_len, "z9hG4bKown"), "call_is_in_the_file");
	CHECK(!contains(raw, raw_len, "inline:") &&
	      !contains(raw, raw_len, "QUJDREVG"), "call_keys_are_not_stored");
	CHECK(!contains(raw, raw_len, "secret-user"),
	      "call_credentials_are_not_stored");
	free(raw);
	clock_set_back(c);
	call_unstore(c);
	store_each(store, STORE_CALL, unpack, NULL);
	CHECK(!back, "call_ended_is_not_stored");
	call_free(c);
	calls_free(calls);
	registrar_free(registrar);
	store_close(store);
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) ? 1 : tap_done();
}
