/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that the preferred backend does not support. This program brings
 * its own "xdp" backend, which takes everything until a transport is ready.
 */
#include "datapath/backends.h"
#include "media_peer.h"

#define NEXT_INDEX	5000	/* what the first backend says it used up */

static struct bench bench;

/* ---- a backend that gives up ------------------------------------------- */

#define IDS	16	/* one session uses the first few */

/* What was set and not removed again. */
static bool keys[IDS], transports[IDS], streams[IDS];

static int left(void)
{
	int n = 0;

	for (int i = 0; i < IDS; i++)
		n += keys[i] + transports[i] + streams[i];
	return n;
}

static int note(bool *set, uint32_t id, const void *value)
{
	if (id >= IDS)
		return -EINVAL;
	set[id] = value;
	return 0;
}

static int play_port(void *b, const struct sluice_port_key *key,
		     const struct sluice_port *port)
{
	return 0;
}

static int play_ufrag(void *b, const struct sluice_ufrag_key *key,
		      const struct sluice_ufrag *ufrag,
		      const struct sluice_ice_key *password)
{
	return 0;
}

static int play_flow(void *b, const struct sluice_flow_key *key,
		     const struct sluice_flow *flow)
{
	return 0;
}

static int play_key(void *b, uint32_t slot, const struct sluice_key *key)
{
	return note(keys, slot, key);
}

static int play_transport(void *b, uint32_t id,
			  const struct sluice_transport *t)
{
	if (t && (t->flags & SLUICE_TRANSPORT_READY))
		return -EOPNOTSUPP;
	return note(transports, id, t);
}

static int play_stream(void *b, uint32_t id, const struct sluice_stream *s,
		       const struct datapath_stream_state *state)
{
	return note(streams, id, s);
}

static int play_freeze(void *b, uint32_t id, struct datapath_stream_state *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->media.out.next_index = NEXT_INDEX;
	return note(streams, id, NULL);
}

static int play_stats(void *b, uint32_t id, struct datapath_stream_stats *ret)
{
	return -ENOENT;
}

static int play_peer_get(void *b, uint32_t id, struct sluice_peer *ret)
{
	memset(ret, 0, sizeof(*ret));
	return 0;
}

static int play_peer_set(void *b, uint32_t id, const struct sluice_peer *p)
{
	return 0;
}

static int play_totals(void *b, struct datapath_totals *ret)
{
	return 0;
}

static void play_close(void *b)
{
}

static void play_tick(void *b)
{
}

const struct datapath_ops datapath_xdp_ops = {
	.name = "xdp", .close = play_close, .port_set = play_port,
	.ufrag_set = play_ufrag, .flow_set = play_flow, .key_set = play_key,
	.transport_set = play_transport, .stream_set = play_stream,
	.stream_freeze = play_freeze, .stream_stats = play_stats,
	.peer_get = play_peer_get, .peer_set = play_peer_set,
	.totals = play_totals, .tick = play_tick,
};

int datapath_xdp_open(const struct datapath_config *config, void **ret,
		      char *reason, size_t reason_size)
{
	snprintf(reason, reason_size, "played");
	*ret = keys;
	return 0;
}

bool datapath_xdp_adopted(void *backend, uint64_t *ret_absent_ms)
{
	return false;
}

uint32_t datapath_xdp_size(void *backend)
{
	return SLUICE_MAX_STREAMS;
}

void datapath_xdp_keep(void *backend, bool is_kept)
{
}

bool datapath_xdp_has_media(const char *pin_dir)
{
	return false;
}

int datapath_xdp_discard(const char *pin_dir)
{
	return 0;
}

int datapath_xdp_attach_missing(void *backend, char *reason, size_t size)
{
	return 0;
}

int datapath_xdp_interfaces(void *backend, struct datapath_interface *ret,
			    size_t max)
{
	return 0;
}

/* ---- the test ---------------------------------------------------------- */

static void configure(struct media_config *c, const struct browser *w,
		      int phone)
{
	struct media_stream_config *st = &c->stream[0];

	memset(c, 0, sizeof(*c));
	c->has_web = true;
	strcpy(c->remote_ufrag, "peer");
	browser_fingerprint(w, c);
	c->stream_count = 1;
	st->enabled = st->web_to_sip = st->sip_to_web = true;
	st->sip_remote = peer_name(phone);
	st->payload_count = 1;
	st->payload[0] = (struct media_payload){ .clock_hz = 8000,
						 .name = "PCMU" };
}

static void check_figures(uint32_t id)
{
	struct media_figures *f;
	struct message *m;

	media_close(bench.media, id);
	m = bench_event(&bench, MEDIA_CLOSED, id);
	CHECK(m, "session_closes");
	if (!m)
		return;
	f = (struct media_figures *)m->data;
	CHECK_INT(f->backend, DATAPATH_USER, "session_ends_on_user_backend");
	CHECK(f->backend_reason[0], "session_says_why");
	message_free(m);
	CHECK_INT(left(), 0, "first_backend_keeps_nothing");
}

int main(void)
{
	struct media_open open = { .call = "back", .stream_count = 1 };
	struct media_config config;
	struct media_local local;
	struct browser w;
	struct sluice_stun m;
	struct check check = { .password = local.password,
			       .use_candidate = true };
	uint8_t buf[2048];
	char username[64];
	int phone = peer_socket("127.0.0.1"), len;
	size_t n;

	if (bench_start_want(&bench, 30000, 0, DATAPATH_WANT_AUTO) ||
	    media_open(bench.media, &open, &local))
		return 1;
	snprintf(username, sizeof(username), "%s:peer", local.ufrag);
	check.username = username;
	browser_open(&w, &local.web, "SRTP_AES128_CM_SHA1_80");
	CHECK_INT(browser_check(&w, &check, &m, buf),
		  SLUICE_STUN_BINDING_SUCCESS, "check_is_answered");
	configure(&config, &w, phone);
	media_configure(bench.media, local.id, &config);
	CHECK(browser_handshake(&w, true) &&
	      bench_has_event(&bench, MEDIA_DTLS_DONE, local.id, NULL),
	      "session_refused_by_first_backend_gets_keys");

	len = (int)rtp_build(buf, 0, 7, 160, 0xabcd, "hello");
	srtp_protect(w.tx, buf, &len);
	send(w.fd, buf, (size_t)len, 0);
	n = peer_recv(phone, buf, sizeof(buf));
	CHECK_INT(n, 12 + 5, "rtp_flows_on_second_backend");
	CHECK_INT(sluice_get16(buf + 2), NEXT_INDEX,
		  "index_goes_on_where_the_first_stopped");
	check_figures(local.id);
	browser_close(&w);
	close(phone);
	bench_stop(&bench);
	return tap_done();
}
