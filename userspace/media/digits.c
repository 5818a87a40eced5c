/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 4733 by the daemon: digits that came as INFO are sent between the audio,
 * digits that a payload type reports are told. To send one, a session is on
 * the user path, for the time of the digit: there the daemon owns the index
 * space of the stream.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "lib/convert.h"
#include "lib/port.h"
#include "media/session.h"

#define STEP_MS		20	/* between the packets of an event */
#define ENDS		3	/* packets that say the end, 2.5.1.4 */
#define PAUSE_MS	60	/* between two digits */
#define VOLUME		10	/* -10 dBm0 */
#define SHORTEST_MS	40
#define LONGEST_MS	6000

struct digit {
	uint8_t event;
	enum media_side to;
	uint32_t duration_ms;
};

struct digits {
	struct session *session;
	struct digits *next;		/* worker's list */
	struct digit queue[LIMIT_DIGITS];
	uint32_t count;			/* [0] is being sent */
	uint64_t due_ms;
	uint32_t elapsed_ms;
	uint32_t ends;			/* packets of the end that are sent */
	uint32_t stream;		/* id in the datapath */
	uint32_t clock_hz;
	bool is_begun;
	bool is_moved;			/* from the kernel */
	struct datapath_own packet;
};

/* ---- sending ------------------------------------------------------------ */

static uint32_t clock_of(const struct media_payload *p, enum media_side to)
{
	if (to == MEDIA_SIDE_WEB || !p->ratio)
		return p->clock_hz;
	return p->to_sip == SLUICE_CONVERT_EVENT_UP ?
		       p->clock_hz * p->ratio : p->clock_hz / p->ratio;
}

/* An event's payload type of that side; false: it takes none. */
static bool choose(struct digits *d, enum media_side to)
{
	struct session *s = d->session;
	int direction = to == MEDIA_SIDE_SIP ? TO_SIP : TO_WEB;

	for (uint32_t i = 0; i < s->config.stream_count; i++) {
		const struct media_stream_config *c = &s->config.stream[i];

		for (uint32_t n = 0; c->enabled && n < c->payload_count; n++) {
			const struct media_payload *p = &c->payload[n];
			uint8_t pt = to == MEDIA_SIDE_SIP ? p->sip_tx :
							    p->web_tx;

			if (strcasecmp(p->name, "telephone-event") ||
			    pt == MEDIA_NO_PAYLOAD)
				continue;
			d->clock_hz = clock_of(p, to);
			if (d->clock_hz < 1000)
				continue;
			d->packet.pt = pt;
			d->packet.ratio = (uint8_t)
				(c->payload[0].clock_hz / d->clock_hz);
			d->stream = s->stream[i].stream[direction];
			return true;
		}
	}
	return false;
}

static int begin(struct digits *d)
{
	struct session *s = d->session;
	uint32_t most_ms;
	int err;

	if (!choose(d, d->queue[0].to))
		return -ENOTSUP;
	if (s->backend != DATAPATH_USER) {
		err = relay_move(s, DATAPATH_USER, "a digit is sent");
		if (err)
			return err;
		d->is_moved = true;
	}
	d->is_begun = true;
	d->elapsed_ms = d->ends = 0;
	/* The duration has 16 bits (RFC 4733 2.3.5): 1.3 s at 48 kHz. */
	most_ms = UINT16_MAX / (d->clock_hz / 1000);
	if (d->queue[0].duration_ms > most_ms)
		d->queue[0].duration_ms = most_ms;
	return 0;
}

static void next_digit(struct digits *d, uint64_t now_ms)
{
	d->is_begun = false;
	d->due_ms = now_ms + PAUSE_MS;
	d->count--;
	memmove(d->queue, d->queue + 1, d->count * sizeof(d->queue[0]));
}

static void send_step(struct digits *d, uint64_t now_ms)
{
	const struct digit *digit = &d->queue[0];
	bool is_end;
	int err = 0;

	d->packet.is_first = !d->is_begun;
	if (!d->is_begun)
		err = begin(d);
	if (err) {
		log_call_warn(d->session->call, "media: digit not sent: %s",
			      strerror(-err));
		next_digit(d, now_ms);
		return;
	}
	d->elapsed_ms += STEP_MS;
	is_end = d->elapsed_ms >= digit->duration_ms;
	d->packet.payload[0] = digit->event;
	d->packet.payload[1] = (uint8_t)(is_end << 7 | VOLUME);
	sluice_put16(d->packet.payload + 2, (uint16_t)
		     ((is_end ? digit->duration_ms : d->elapsed_ms) *
		      (d->clock_hz / 1000)));
	d->packet.len = SLUICE_EVENT_LEN;
	err = datapath_user_send(d->session->w->dp, d->stream, &d->packet);
	if (err == -EAGAIN && d->packet.is_first) {
		log_call_warn(d->session->call, "media: digit not sent: that "
			      "direction is on hold or has no keys");
		next_digit(d, now_ms);
		return;
	}
	d->due_ms += STEP_MS;
	if (is_end && ++d->ends == ENDS)
		next_digit(d, now_ms);
}

void digits_close(struct session *s)
{
	struct digits **at = &s->w->digits;

	if (!s->digits)
		return;
	while (*at != s->digits)
		at = &(*at)->next;
	*at = s->digits->next;
	free(s->digits);
	s->digits = NULL;
}

void digits_end(struct session *s)
{
	struct digits *d = s->digits;

	if (d && d->is_moved && s->backend == DATAPATH_USER) {
		if (relay_move(s, DATAPATH_XDP, ""))
			log_call_warn(s->call, "media: stays on the user path");
		/* a record of meanwhile says that the daemon relays it */
		session_save(s);
	}
	digits_close(s);
}

void digits_queue(struct session *s, enum media_side to, uint8_t event,
		  uint32_t duration_ms)
{
	struct digits *d = s->digits;

	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return;
		d->session = s;
		d->due_ms = clock_ms();
		d->next = s->w->digits;
		s->w->digits = s->digits = d;
	}
	if (d->count == LIMIT_DIGITS) {
		log_call_warn(s->call, "media: too many digits, ignoring one");
		return;
	}
	if (duration_ms < SHORTEST_MS)
		duration_ms = SHORTEST_MS;
	if (duration_ms > LONGEST_MS)
		duration_ms = LONGEST_MS;
	d->queue[d->count++] = (struct digit){ event, to, duration_ms };
}

void digits_timers(struct worker *w, uint64_t now_ms)
{
	struct digits *d, *next;

	for (d = w->digits; d; d = next) {
		next = d->next;
		if (d->due_ms > now_ms)
			continue;
		if (d->count)
			send_step(d, now_ms);
		else
			digits_end(d->session);
	}
}

int digits_wait_ms(struct worker *w, uint64_t now_ms)
{
	uint64_t due = UINT64_MAX;

	for (const struct digits *d = w->digits; d; d = d->next)
		if (d->due_ms < due)
			due = d->due_ms;
	if (due == UINT64_MAX)
		return -1;
	return due > now_ms ? (int)(due - now_ms) : 0;
}

/* ---- hearing ------------------------------------------------------------ */

/* Of the events that this m-line reports: the audio's clock, if it has it. */
static uint32_t reported_clock(const struct media_stream_config *c, int to)
{
	uint32_t clock_hz = 0;

	for (uint32_t n = 0; n < c->payload_count; n++) {
		const struct media_payload *p = &c->payload[n];
		uint32_t own = clock_of(p, to == TO_SIP ? MEDIA_SIDE_WEB :
							  MEDIA_SIDE_SIP);

		if ((to == TO_SIP ? p->to_sip : p->to_web) ==
		    SLUICE_CONVERT_REPORT &&
		    (!clock_hz || own == c->payload[0].clock_hz))
			clock_hz = own;
	}
	return clock_hz ? clock_hz : 8000;
}

/*
 * Each is a request to the other side: no more than fingers can, on average
 * (SHORTEST_MS each); a burst may have been held up on its way.
 */
static bool may_tell(struct session *s, struct heard_digit *h)
{
	static struct log_limit limit;	/* media thread only */
	uint64_t now = clock_ms();
	uint64_t free_ms = h->free_ms > now ? h->free_ms : now;

	if (free_ms >= now + LIMIT_DIGITS * SHORTEST_MS) {
		if (log_limit_pass(&limit, 1, NULL))
			log_call_warn(s->call, "media: more than %u digits at "
				      "once, ignoring", LIMIT_DIGITS);
		return false;
	}
	h->free_ms = free_ms + SHORTEST_MS;
	return true;
}

static void tell(struct session *s, uint32_t i, int direction)
{
	uint32_t value = s->heard[direction].value;
	uint32_t clock_hz = reported_clock(&s->config.stream[i], direction);
	struct media_digit *d;
	struct message *m;

	s->heard[direction].is_open = false;
	if (!may_tell(s, &s->heard[direction]))
		return;
	m = message_new(MEDIA_DIGIT, sizeof(struct media_digit));
	if (!m)
		return;
	d = (struct media_digit *)m->data;
	d->id = s->id;
	d->side = direction == TO_SIP ? MEDIA_SIDE_WEB : MEDIA_SIDE_SIP;
	d->event = (uint8_t)(value >> 24);
	d->duration_ms = (value & 0xffff) * 1000 / clock_hz;
	queue_push_always(s->w->events, m);
}

/*
 * Told once, with the first packet that says the end; or when the next event
 * begins, if all of them were lost.
 */
static void heard(struct session *s, uint32_t i, int direction,
		  const struct sluice_event *e)
{
	struct heard_digit *h = &s->heard[direction];

	if (h->timestamp != e->timestamp || !(h->value | h->timestamp)) {
		if (h->is_open)
			tell(s, i, direction);
		h->is_open = true;
	}
	h->timestamp = e->timestamp;
	h->value = e->value;
	if (h->is_open && (e->value & 0x800000))
		tell(s, i, direction);
}

void digits_heard(struct session *s, const struct sluice_event *e)
{
	for (uint32_t i = 0; i < s->stream_count; i++)
		for (int d = 0; d < DIRECTIONS; d++)
			if (s->stream[i].stream[d] == e->stream)
				heard(s, i, d, e);
}
