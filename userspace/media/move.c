/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A live session from one backend to the other. Its streams' states, index
 * spaces and replay windows go along (stream_freeze), so that no index is
 * used twice and the receivers see one continuous sequence.
 *
 * Nothing is lost on the way to the user backend: the flows are turned to the
 * sockets first, where packets wait until this thread is done here. On the
 * way to the kernel the sockets are emptied first; what comes to them in the
 * microseconds before the flows are turned is dropped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "media/sdes.h"
#include "media/session.h"

static const char *name_of(enum datapath_backend b)
{
	return b == DATAPATH_XDP ? "kernel" : "user";
}

static void empty_sockets(struct session *s)
{
	worker_receive(s->w, &s->w->web_end);
	for (uint32_t i = 0; i < s->stream_count; i++)
		worker_receive(s->w, &s->stream[i].rtp);
}

/* Transports first: what they point to must stay while they are there. */
static void leave(struct session *s, enum datapath_backend b)
{
	datapath_transport_set(s->w->dp, b, s->web_transport, NULL);
	for (uint32_t i = 0; i < s->stream_count; i++)
		datapath_transport_set(s->w->dp, b, s->stream[i].transport,
				       NULL);
	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct sip_crypt *c = s->stream[i].crypt;

		if (!c)
			continue;
		datapath_key_set(s->w->dp, b, c->rx_key, NULL);
		datapath_key_set(s->w->dp, b, c->tx_key, NULL);
	}
	if (!s->rx_key)
		return;
	datapath_key_set(s->w->dp, b, s->rx_key, NULL);
	datapath_key_set(s->w->dp, b, s->tx_key, NULL);
}

static void keys_are_installed(struct session *s, bool installed)
{
	s->are_keys_installed = installed;
	for (uint32_t i = 0; i < s->stream_count; i++)
		if (s->stream[i].crypt)
			s->stream[i].crypt->are_installed = installed;
}

/* What packets need besides streams; nothing leads to it yet. */
static int prepare(struct session *s, enum datapath_backend to)
{
	enum datapath_backend from = s->backend;
	bool had_keys = s->are_keys_installed;
	int err;

	s->backend = to;
	keys_are_installed(s, false);
	err = relay_install_keys(s);
	if (!err)
		err = relay_install_transports(s);
	if (!err)
		return 0;
	leave(s, to);
	s->backend = from;
	keys_are_installed(s, true);
	s->are_keys_installed = had_keys;
	return err;
}

/*
 * What waits at the sockets goes the old way. It may change the session: select
 * another pair, bring keys, teach a source. So the session is where it was
 * meanwhile, and what was prepared is made anew then: a stream in the new place
 * before its state is there would begin an index space of its own.
 */
static int let_through(struct session *s, enum datapath_backend from)
{
	enum datapath_backend to = s->backend;
	uint32_t generation = s->generation;

	s->backend = from;
	empty_sockets(s);
	if (s->generation != generation)
		return prepare(s, to);
	s->backend = to;
	return 0;
}

/* What counts the SRTCP of a direction while the user path has it, or NULL. */
static struct srtcp *srtcp_of(struct session *s, uint32_t i, int direction)
{
	struct sip_crypt *c = s->stream[i].crypt;

	if (direction == TO_WEB)
		return s->srtcp;
	return c ? c->srtcp : NULL;
}

/*
 * SRTCP indices (RFC 3711 3.4): the user path has one space for all that goes
 * to one side, the kernel one for each stream; who takes over goes on above.
 */
static void raise_rtcp(struct session *s, struct srtcp *srtcp,
		       struct datapath_stream_state *state)
{
	if (!srtcp)
		return;
	if (s->backend == DATAPATH_USER)
		srtcp_raise(srtcp, state->rtcp.next_index);
	else if (state->rtcp.next_index < srtcp_next_index(srtcp))
		state->rtcp.next_index = srtcp_next_index(srtcp);
}

static void hand_over_peer(struct session *s, enum datapath_backend from,
			   uint32_t transport, struct srtcp *srtcp)
{
	struct sluice_peer peer;

	if (datapath_peer_get(s->w->dp, from, transport, &peer))
		return;
	if (srtcp && s->backend == DATAPATH_USER)
		srtcp_set_senders(srtcp, &peer);
	else if (srtcp)
		srtcp_get_senders(srtcp, &peer);
	datapath_peer_set(s->w->dp, s->backend, transport, &peer);
}

/* After the streams' way there, and before the flows' way to the kernel. */
static void hand_over_peers(struct session *s, enum datapath_backend from)
{
	hand_over_peer(s, from, s->web_transport, s->srtcp);
	for (uint32_t i = 0; i < s->stream_count; i++)
		hand_over_peer(s, from, s->stream[i].transport,
			       srtcp_of(s, i, TO_SIP));
}

/*
 * One stream at a time leaves `from` and enters s->backend; one that is not
 * taken goes back, and so the session is in two places until the caller has
 * brought it together again.
 */
static int hand_over(struct session *s, enum datapath_backend from,
		     bool is_there[MEDIA_STREAMS][DIRECTIONS])
{
	enum datapath_backend to = s->backend;
	struct datapath_stream_state state;
	int err = 0;

	for (uint32_t i = 0; !err && i < s->stream_count; i++) {
		for (int d = 0; !err && d < DIRECTIONS; d++) {
			struct session_stream *st = &s->stream[i];

			if (!st->is_installed[d] || is_there[i][d])
				continue;
			err = datapath_stream_freeze(s->w->dp, from,
						     st->stream[d], &state);
			if (err)
				break;
			raise_rtcp(s, srtcp_of(s, i, d), &state);
			err = relay_install_stream(s, i, d, &state);
			is_there[i][d] = !err;
			if (!err)
				continue;
			s->backend = from;
			if (relay_install_stream(s, i, d, &state))
				st->is_installed[d] = false;
			s->backend = to;
		}
	}
	return err;
}

static int hand_back(struct session *s, enum datapath_backend from,
		     bool is_there[MEDIA_STREAMS][DIRECTIONS])
{
	for (uint32_t i = 0; i < MEDIA_STREAMS; i++)
		for (int d = 0; d < DIRECTIONS; d++)
			is_there[i][d] = !is_there[i][d];
	return hand_over(s, from, is_there);
}

/* Waiting for the kernel's programs takes milliseconds: once for all of them. */
void relay_stop_streams(struct session *s, enum datapath_backend from)
{
	for (uint32_t i = 0; i < s->stream_count; i++)
		for (int d = 0; d < DIRECTIONS; d++)
			if (s->stream[i].is_installed[d])
				datapath_stream_stop(s->w->dp, from,
						     s->stream[i].stream[d]);
}

/* The first half: all but the streams is in the new place. */
static int depart(struct session *s, enum datapath_backend to)
{
	enum datapath_backend from = s->backend;
	int err;

	s->generation++;
	err = prepare(s, to);
	if (err)
		return err;
	if (to != DATAPATH_USER)
		return let_through(s, from);
	relay_flows(s);
	relay_stop_streams(s, from);
	return 0;
}

/* What did not go stays, and is set going again. */
static void return_to(struct session *s, enum datapath_backend from,
		      bool is_there[MEDIA_STREAMS][DIRECTIONS])
{
	enum datapath_backend to = s->backend;

	s->backend = from;
	if (hand_back(s, to, is_there))
		session_failed(s, "datapath: streams are lost between the "
			       "backends");
	for (uint32_t i = 0; i < s->stream_count; i++)
		for (int d = 0; d < DIRECTIONS; d++)
			if (s->stream[i].is_installed[d])
				relay_install_stream(s, i, d, NULL);
	relay_flows(s);
	leave(s, to);
}

/* The second half. */
static int arrive(struct session *s, enum datapath_backend from,
		  const char *reason)
{
	bool is_there[MEDIA_STREAMS][DIRECTIONS] = { 0 };
	int err = hand_over(s, from, is_there);

	if (err) {
		return_to(s, from, is_there);
		return err;
	}
	hand_over_peers(s, from);
	if (s->backend != DATAPATH_USER)
		relay_flows(s);
	leave(s, from);
	snprintf(s->backend_reason, sizeof(s->backend_reason), "%s", reason);
	log_call_info(s->call, "media: moved from the %s to the %s path%s%s",
		      name_of(from), name_of(s->backend), *reason ? ": " : "",
		      reason);
	return 0;
}

void relay_move_together(struct session **all, uint32_t count,
			 enum datapath_backend to, const char *reason,
			 int *ret_err)
{
	enum datapath_backend from[RELAY_TOGETHER];

	for (uint32_t i = 0; i < count; i++) {
		from[i] = all[i]->backend;
		ret_err[i] = from[i] == to ? 0 : depart(all[i], to);
	}
	for (uint32_t i = 0; i < count; i++)
		if (!ret_err[i] && from[i] != to)
			ret_err[i] = arrive(all[i], from[i], reason);
}

int relay_move(struct session *s, enum datapath_backend to, const char *reason)
{
	int err;

	relay_move_together(&s, 1, to, reason, &err);
	return err;
}
