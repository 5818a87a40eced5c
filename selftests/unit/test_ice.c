/* SPDX-License-Identifier: Apache-2.0 */
/* ICE-lite on the browser port (RFC 8445, RFC 8489). */
#include "core/limits.h"
#include "media_peer.h"

static struct bench bench;
static struct media_local local;
static char username[64];

static struct check good(void)
{
	return (struct check){ .username = username,
			       .password = local.password };
}

/*
 * A refused check, then a good one: the first answer must be the good one's,
 * since one thread reads one socket in order.
 */
static void refused(struct browser *w, const struct check *bad,
		    const char *name)
{
	struct check c = good();
	struct sluice_stun m;
	uint8_t buf[2048];
	size_t len = check_build(bad, buf);

	send(w->fd, buf, len, 0);
	CHECK_INT(browser_check(w, &c, &m, buf), SLUICE_STUN_BINDING_SUCCESS,
		  name);
}

static void test_success(struct browser *w)
{
	struct check c = good();
	struct sluice_stun m;
	uint8_t buf[2048], *p;
	uint16_t port;

	CHECK_INT(browser_check(w, &c, &m, buf), SLUICE_STUN_BINDING_SUCCESS,
		  "check_valid_is_answered");
	CHECK(sluice_stun_has_fingerprint(buf, &m),
	      "response_has_fingerprint");
	CHECK(sluice_stun_is_authentic(buf, &m, local.password,
				       strlen(local.password)),
	      "response_has_integrity");
	CHECK_INT(m.mapped_len, 8, "response_has_mapped_address");
	p = buf + m.mapped_off;
	port = sluice_get16(p + 2) ^ 0x2112;
	CHECK_INT(port, peer_port(w->fd), "mapped_port_is_ours");
	CHECK_INT(sluice_get32(p + 4) ^ SLUICE_STUN_COOKIE, 0x7f000001,
		  "mapped_address_is_ours");
}

static void test_refused(struct browser *w)
{
	struct check c = good();
	char other[64];

	c.password = "wrong-password-wrong-password";
	refused(w, &c, "check_with_wrong_password_is_not_answered");
	c = good();
	c.password = NULL;
	refused(w, &c, "check_without_integrity_is_not_answered");
	c = good();
	c.no_fingerprint = true;
	refused(w, &c, "check_without_fingerprint_is_not_answered");
	c = good();
	c.username = "ABCDEFGH:abcd";
	refused(w, &c, "check_with_unknown_ufrag_is_not_answered");
	c.username = "ABC";
	refused(w, &c, "check_with_short_username_is_not_answered");
	snprintf(other, sizeof(other), "%s:", local.ufrag);
	c.username = other;
	refused(w, &c, "check_without_remote_ufrag_is_not_answered");
	/* An unknown attribute does not turn a forgery into an answer. */
	c = good();
	c.password = "wrong-password-wrong-password";
	c.unknown = 0x7fff;
	refused(w, &c, "check_forged_with_unknown_attribute_is_not_answered");
	CHECK(bench_dropped(&bench, SLUICE_DROP_STUN_INTEGRITY, 4),
	      "check_refused_is_counted_as_integrity");
	CHECK(bench_dropped(&bench, SLUICE_DROP_STUN_UFRAG, 3),
	      "check_unknown_is_counted_as_ufrag");
}

static void test_errors(struct browser *w)
{
	struct check c = good();
	struct sluice_stun m;
	uint8_t buf[2048];

	c.is_controlled = true;
	CHECK_INT(browser_check(w, &c, &m, buf), SLUICE_STUN_BINDING_ERROR,
		  "check_controlled_gets_an_error");
	CHECK_INT(m.error_code, 487, "check_controlled_gets_role_conflict");
	c = good();
	c.unknown = 0x7ffe;
	CHECK_INT(browser_check(w, &c, &m, buf), SLUICE_STUN_BINDING_ERROR,
		  "check_unknown_mandatory_gets_an_error");
	CHECK_INT(m.error_code, 420, "check_unknown_mandatory_gets_420");
	CHECK(memmem(buf, m.len, "\x00\x0a\x00\x02\x7f\xfe", 6),
	      "error_420_names_the_attribute");
	CHECK(sluice_stun_is_authentic(buf, &m, local.password,
				       strlen(local.password)),
	      "error_has_integrity");
	c.unknown = 0xc057;
	CHECK_INT(browser_check(w, &c, &m, buf), SLUICE_STUN_BINDING_SUCCESS,
		  "check_unknown_optional_is_answered");
}

static void test_nomination(struct browser *w)
{
	struct check c = good();
	struct media_event e = { 0 };
	struct browser second;
	struct sluice_stun m;
	uint8_t buf[2048];

	c.use_candidate = true;
	browser_check(w, &c, &m, buf);
	CHECK(bench_has_event(&bench, MEDIA_ICE_SELECTED, local.id, &e),
	      "pair_nominated_is_told");
	CHECK_INT(e.peer.port, peer_port(w->fd), "pair_nominated_has_port");
	browser_open(&second, &local.web, "SRTP_AES128_CM_SHA1_80");
	browser_check(&second, &c, &m, buf);
	CHECK(bench_has_event(&bench, MEDIA_ICE_SELECTED, local.id, &e) &&
	      e.peer.port == peer_port(second.fd),
	      "nomination_newest_wins");
	browser_close(&second);
}

static void test_peer_ufrag(struct browser *w)
{
	struct media_config config = { .has_web = true };
	struct check c = good();
	char other[64];

	strcpy(config.remote_ufrag, "abcd");
	CHECK_INT(media_configure(bench.media, local.id, &config), 0,
		  "configure_known_session_is_taken");
	/* Orders and datagrams race: the figures come after the order. */
	CHECK(bench_has_event(&bench, MEDIA_STATS, local.id, NULL) &&
	      bench_has_event(&bench, MEDIA_STATS, local.id, NULL),
	      "figures_come");
	snprintf(other, sizeof(other), "%s:efgh", local.ufrag);
	c.username = other;
	refused(w, &c, "check_with_other_remote_ufrag_is_not_answered");
}

/* Its own selection, by the figures; 0: none came. */
static uint16_t selected_port(uint32_t id)
{
	struct message *m = bench_event(&bench, MEDIA_STATS, id);
	uint16_t port = m ? ((struct media_figures *)m->data)->web_remote.port :
			    0;

	message_free(m);
	return port;
}

/* A check of before the restart that comes late takes the pair not back. */
static void test_restart(struct browser *w)
{
	struct check old = good(), c;
	struct media_local restarted;
	struct browser second;
	struct sluice_stun m;
	char renamed[64];
	uint8_t buf[2048];

	old.use_candidate = true;
	CHECK_INT(browser_check(w, &old, &m, buf), SLUICE_STUN_BINDING_SUCCESS,
		  "check_before_restart_is_answered");
	CHECK_INT(media_restart_ice(bench.media, local.id, &restarted), 0,
		  "credentials_are_renewed");
	snprintf(renamed, sizeof(renamed), "%s:abcd", restarted.ufrag);
	c = (struct check){ .username = renamed, .use_candidate = true,
			    .password = restarted.password };
	/* The order and this check race. */
	CHECK(bench_has_event(&bench, MEDIA_STATS, local.id, NULL) &&
	      bench_has_event(&bench, MEDIA_STATS, local.id, NULL),
	      "figures_come");
	browser_open(&second, &local.web, "SRTP_AES128_CM_SHA1_80");
	CHECK_INT(browser_check(&second, &c, &m, buf),
		  SLUICE_STUN_BINDING_SUCCESS, "check_after_restart_is_answered");
	CHECK_INT(browser_check(w, &old, &m, buf), SLUICE_STUN_BINDING_SUCCESS,
		  "check_of_before_the_restart_is_still_answered");
	selected_port(local.id);
	CHECK_INT(selected_port(local.id), peer_port(second.fd),
		  "check_of_before_the_restart_selects_no_pair");
	browser_close(&second);
}

/* Who may use a session may not take another one's live pair away. */
static void test_pair_of_another(void)
{
	struct media_open open = { .call = "other", .stream_count = 1 };
	struct media_local victim, thief;
	char victim_name[64], thief_name[64];
	struct check mine, theirs;
	struct sluice_stun m;
	struct browser w;
	uint8_t buf[2048];
	size_t len;

	CHECK(!media_open(bench.media, &open, &victim) &&
	      !media_open(bench.media, &open, &thief), "sessions_open");
	snprintf(victim_name, sizeof(victim_name), "%s:abcd", victim.ufrag);
	snprintf(thief_name, sizeof(thief_name), "%s:abcd", thief.ufrag);
	mine = (struct check){ .username = victim_name, .use_candidate = true,
			       .password = victim.password };
	theirs = (struct check){ .username = thief_name, .use_candidate = true,
				 .password = thief.password };
	browser_open(&w, &local.web, "SRTP_AES128_CM_SHA1_80");
	CHECK_INT(browser_check(&w, &mine, &m, buf),
		  SLUICE_STUN_BINDING_SUCCESS, "pair_of_a_session_is_verified");
	/* From the same address, as if it were made up. */
	len = check_build(&theirs, buf);
	send(w.fd, buf, len, 0);
	CHECK(bench_dropped(&bench, SLUICE_DROP_WRONG_SOURCE, 1),
	      "check_of_another_session_on_a_live_pair_is_dropped");
	CHECK(!peer_recv_now(w.fd, buf, sizeof(buf)),
	      "check_of_another_session_on_a_live_pair_is_not_answered");
	selected_port(victim.id);
	CHECK_INT(selected_port(victim.id), peer_port(w.fd),
		  "pair_of_a_session_stays_its_own");
	/* It ends: a NAT may give the port to the next one. */
	media_close(bench.media, victim.id);
	CHECK(bench_has_event(&bench, MEDIA_CLOSED, victim.id, NULL),
	      "session_of_the_pair_closes");
	CHECK_INT(browser_check(&w, &theirs, &m, buf),
		  SLUICE_STUN_BINDING_SUCCESS,
		  "pair_of_a_session_that_ended_is_free");
	browser_close(&w);
}

/* More sources than a session may have; the selected one stays. */
static void test_tuple_limit(void)
{
	struct browser w[LIMIT_ICE_REMOTE_TUPLES + 4];
	struct check c = good();
	struct sluice_stun m;
	uint8_t buf[2048];
	int answers = 0;

	for (int i = 0; i < LIMIT_ICE_REMOTE_TUPLES + 4; i++) {
		browser_open(&w[i], &local.web, "SRTP_AES128_CM_SHA1_80");
		answers += browser_check(&w[i], &c, &m, buf) ==
			   SLUICE_STUN_BINDING_SUCCESS;
	}
	CHECK_INT(answers, LIMIT_ICE_REMOTE_TUPLES + 4,
		  "tuples_above_limit_replace_the_oldest");
	for (int i = 0; i < LIMIT_ICE_REMOTE_TUPLES + 4; i++)
		browser_close(&w[i]);
}

int main(void)
{
	struct media_open open = { .call = "ice", .stream_count = 1 };
	struct browser w;

	if (bench_start(&bench, 30000, 0))
		return 1;
	CHECK_INT(media_open(bench.media, &open, &local), 0,
		  "session_opens");
	snprintf(username, sizeof(username), "%s:abcd", local.ufrag);
	browser_open(&w, &local.web, "SRTP_AES128_CM_SHA1_80");
	test_success(&w);
	test_refused(&w);
	test_errors(&w);
	test_nomination(&w);
	test_peer_ufrag(&w);
	test_restart(&w);
	test_pair_of_another();
	test_tuple_limit();
	browser_close(&w);
	bench_stop(&bench);
	return tap_done();
}
