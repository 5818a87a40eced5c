/* SPDX-License-Identifier: Apache-2.0 */
/* The DTLS association of a session, from first datagram to keys. */
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "media/session.h"
#include "media/srtcp.h"

static void handshake_send(void *arg, const void *datagram, size_t len)
{
	struct session *s = arg;
	const struct addr *to = NULL;

	/* Where the peer speaks from; before that, where it can be reached. */
	if (addr_is_set(&s->dtls_peer))
		to = &s->dtls_peer;
	else if (s->selected)
		to = &s->selected->remote;
	else if (s->tuple_count)
		to = &s->tuple[s->tuple_count - 1]->remote;
	if (to)
		worker_send(s->w, &s->w->settings.web, to, datagram, len);
}

static void list_remove(struct session *s)
{
	struct session **p = &s->w->handshakes;

	if (!s->is_handshaking)
		return;
	while (*p != s)
		p = &(*p)->dtls_next;
	*p = s->dtls_next;
	s->is_handshaking = false;
}

static void list_add(struct session *s)
{
	if (s->is_handshaking)
		return;
	s->dtls_next = s->w->handshakes;
	s->w->handshakes = s;
	s->is_handshaking = true;
}

static void discard(struct session *s)
{
	list_remove(s);
	dtls_free(s->dtls);
	s->dtls = NULL;
}

static void timer_update(struct session *s)
{
	int ms = s->dtls ? dtls_timeout_ms(s->dtls) : -1;

	s->dtls_due_ms = ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)ms;
}

static int begin(struct session *s, bool is_client)
{
	struct dtls_io io = { .send = handshake_send, .arg = s };
	int err = dtls_create(s->w->dtls, is_client, &io, &s->dtls);

	if (err)
		return err;
	list_add(s);
	if (!s->dtls_started_ms)
		s->dtls_started_ms = clock_ms();
	if (is_client)
		dtls_start(s->dtls);
	timer_update(s);
	return 0;
}

static void dead(struct session *s)
{
	discard(s);
	s->is_dtls_dead = true;
}

static int keys_install(struct session *s)
{
	uint8_t material[KEYS_MATERIAL_MAX];
	uint16_t profile = dtls_profile(s->dtls);
	size_t len = keys_material_len(profile);
	struct srtp_master master;
	struct srtcp *srtcp;
	int err;

	if (!len)
		return -EPROTONOSUPPORT;
	err = dtls_export(s->dtls, material, len);
	if (!err)
		err = keys_split(profile, dtls_is_client(s->dtls), material,
				 &master);
	explicit_bzero(material, sizeof(material));
	if (err)
		return err;
	keys_expand(&master, false, &s->rx_keys);
	keys_expand(&master, true, &s->tx_keys);
	explicit_bzero(&master, sizeof(master));
	s->srtcp_ceiling = 0;
	err = srtcp_create(&s->rx_keys, &s->tx_keys, 0, &srtcp);
	if (err)
		return err;
	srtcp_free(s->srtcp);
	s->srtcp = srtcp;
	return relay_rekey(s);
}

/* The handshake is over and the peer's SDP is known. */
static void compare(struct session *s)
{
	const struct media_config *c = &s->config;
	int err;

	if (dtls_check_fingerprint(s->dtls, c->fingerprint_hash,
				   c->fingerprint, c->fingerprint_len)) {
		dead(s);
		session_failed(s, "dtls: fingerprint mismatch");
		return;
	}
	memcpy(s->checked_hash, c->fingerprint_hash, sizeof(s->checked_hash));
	memcpy(s->checked_fingerprint, c->fingerprint, sizeof(c->fingerprint));
	s->checked_len = c->fingerprint_len;
	err = keys_install(s);
	if (err) {
		dead(s);
		session_failed(s, "dtls: keys: %s", relay_strerror(err));
		return;
	}
	s->has_keys = true;
	s->dtls_done_ms = s->web_alive_ms = clock_ms();
	session_save(s);
	session_event(s, MEDIA_DTLS_DONE, MEDIA_SIDE_WEB, &s->dtls_peer, "%s",
		      keys_profile_name((uint16_t)s->rx_keys.profile));
}

static void advance(struct session *s)
{
	switch (dtls_state(s->dtls)) {
	case DTLS_HANDSHAKE:
		timer_update(s);
		break;
	case DTLS_DONE:
		list_remove(s);
		s->dtls_due_ms = UINT64_MAX;
		/* Else the keys wait for the SDP. */
		if (s->config.has_web && !s->has_keys)
			compare(s);
		break;
	case DTLS_CLOSED:
		dead(s);
		if (!s->is_lost[MEDIA_SIDE_WEB]) {
			s->is_lost[MEDIA_SIDE_WEB] = true;
			session_event(s, MEDIA_LOST, MEDIA_SIDE_WEB,
				      &s->dtls_peer, "dtls close_notify");
		}
		break;
	case DTLS_FAILED: {
		char error[96];

		memcpy(error, dtls_error(s->dtls), sizeof(error));
		error[sizeof(error) - 1] = '\0';
		dead(s);
		session_failed(s, "dtls: %s", error);
		break;
	}
	}
}

void association_input(struct tuple *t, const uint8_t *data, size_t len)
{
	struct session *s = t->session;

	if (s->is_dtls_dead)
		return;
	s->dtls_peer = t->remote;
	if (!s->dtls && begin(s, s->config.has_web &&
			      s->config.role == MEDIA_DTLS_CLIENT))
		return;
	dtls_input(s->dtls, data, len);
	advance(s);
}

void association_pair_verified(struct session *s)
{
	if (!s->dtls_started_ms && s->config.has_web)
		s->dtls_started_ms = clock_ms();
	if (s->dtls || s->is_dtls_dead || !s->config.has_web ||
	    s->config.role != MEDIA_DTLS_CLIENT || !s->tuple_count)
		return;
	begin(s, true);
}

static bool is_other_certificate(const struct session *s)
{
	const struct media_config *c = &s->config;

	return strncasecmp(c->fingerprint_hash, s->checked_hash,
			   sizeof(s->checked_hash)) ||
	       c->fingerprint_len != s->checked_len ||
	       memcmp(c->fingerprint, s->checked_fingerprint, s->checked_len);
}

void association_configured(struct session *s)
{
	bool is_client = s->config.role == MEDIA_DTLS_CLIENT;

	if (!s->config.has_web)
		return;
	/* RFC 8842 5.1: another fingerprint asks for a new association. */
	if (s->has_keys && is_other_certificate(s)) {
		discard(s);
		s->has_keys = s->is_dtls_dead = false;
		s->dtls_started_ms = 0;
		memset(&s->dtls_peer, 0, sizeof(s->dtls_peer));
	}
	if (s->dtls && dtls_state(s->dtls) == DTLS_HANDSHAKE &&
	    dtls_is_client(s->dtls) != is_client)
		discard(s);
	if (s->dtls)
		advance(s);
	if (s->tuple_count)
		association_pair_verified(s);
}

void association_timers(struct worker *w, uint64_t now_ms)
{
	struct session *s = w->handshakes, *next;

	for (; s; s = next) {
		next = s->dtls_next;
		if (s->dtls_due_ms > now_ms)
			continue;
		dtls_expired(s->dtls);
		advance(s);
	}
}

int association_wait_ms(struct worker *w, uint64_t now_ms)
{
	uint64_t due = UINT64_MAX;

	for (struct session *s = w->handshakes; s; s = s->dtls_next)
		if (s->dtls_due_ms < due)
			due = s->dtls_due_ms;
	if (due == UINT64_MAX)
		return -1;
	return due > now_ms ? (int)(due - now_ms) : 0;
}

void association_tick(struct session *s, uint64_t now_ms)
{
	if (s->has_keys || s->is_dtls_dead || !s->dtls_started_ms ||
	    (s->dtls && dtls_state(s->dtls) != DTLS_HANDSHAKE) ||
	    now_ms - s->dtls_started_ms < LIMIT_DTLS_HANDSHAKE_MS)
		return;
	dead(s);
	session_failed(s, "dtls: no handshake for %u s",
		       LIMIT_DTLS_HANDSHAKE_MS / 1000);
}

void association_close(struct session *s)
{
	if (s->dtls)
		dtls_shutdown(s->dtls);
	association_leave(s);
}

void association_leave(struct session *s)
{
	discard(s);
	srtcp_free(s->srtcp);
	s->srtcp = NULL;
	explicit_bzero(&s->rx_keys, sizeof(s->rx_keys));
	explicit_bzero(&s->tx_keys, sizeof(s->tx_keys));
}
