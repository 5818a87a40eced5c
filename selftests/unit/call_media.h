/* SPDX-License-Identifier: Apache-2.0 */
/* For call_fixture.h: no media, but they say what a test has them say. */
#ifndef SELFTESTS_CALL_MEDIA_H
#define SELFTESTS_CALL_MEDIA_H

static uint32_t media_last, media_closing[64];
static unsigned int media_closing_count;
static bool media_is_slow; /* to tell that it has closed */

int media_open(struct media *m, const struct media_open *open,
	       struct media_local *ret)
{
	(void)m;
	memset(ret, 0, sizeof(*ret));
	ret->id = ++media_last;
	addr_parse("203.0.113.1:10000", &ret->web);
	strcpy(ret->ufrag, "sluiceX");
	strcpy(ret->password, "gatewaygatewaygateway1");
	strcpy(ret->fingerprint,
	       "sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:"
	       "0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F");
	strcpy(ret->cname, "cname");
	for (uint32_t i = 0; i < open->stream_count; i++) {
		addr_parse("198.51.100.1:16384", &ret->sip[i]);
		ret->sip[i].port = (uint16_t)(16384 + 2 * i);
		ret->web_ssrc[i] = 1000 + i;
	}
	return 0;
}

int media_extend(struct media *m, uint32_t id, uint32_t stream_count,
		 struct media_local *ret)
{
	struct media_open open = { .stream_count = stream_count };

	media_open(m, &open, ret);
	ret->id = id;
	return 0;
}

int media_configure(struct media *m, uint32_t id,
		    const struct media_config *config)
{
	(void)m;
	(void)id;
	(void)config;
	return 0;
}

int media_restart_ice(struct media *m, uint32_t id, struct media_local *ret)
{
	(void)m;
	(void)id;
	(void)ret;
	return 0;
}

int media_move(struct media *m, uint32_t id, enum datapath_backend to)
{
	(void)m;
	(void)id;
	(void)to;
	return 0;
}

int media_digit(struct media *m, uint32_t id, enum media_side to, uint8_t event,
		uint32_t duration_ms)
{
	(void)m;
	(void)id;
	(void)to;
	(void)event;
	(void)duration_ms;
	return 0;
}

int media_picture(struct media *m, uint32_t id)
{
	(void)m;
	(void)id;
	return 0;
}

int media_adopt(struct media *m, uint32_t id, struct media_local *ret,
		const char **ret_lost)
{
	(void)m;
	(void)id;
	(void)ret;
	*ret_lost = "none is kept";
	return -1;
}

void media_adopt_done(struct media *m)
{
	(void)m;
}

static inline void media_closed(uint32_t id)
{
	struct message *m =
		message_new(MEDIA_CLOSED, sizeof(struct media_figures));

	((struct media_figures *)m->data)->id = id;
	calls_media_message(calls, m);
	message_free(m);
}

void media_close(struct media *m, uint32_t id)
{
	(void)m;
	media_closing[media_closing_count++] = id;
}

static inline void media_says(uint32_t type, uint32_t id, enum media_side side)
{
	struct message *m = message_new(type, sizeof(struct media_event));
	struct media_event *e = (struct media_event *)m->data;

	e->id = id;
	e->side = side;
	calls_media_message(calls, m);
	message_free(m);
}

#endif
