/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call through the whole media thread with the user backend, between a
 * browser and a phone on 127.0.0.1:
 *
 *	browser (STUN, DTLS, SRTP) --- media port | RTP port --- phone (RTP)
 */
#ifndef SELFTESTS_MEDIA_CALL_H
#define SELFTESTS_MEDIA_CALL_H

#include "media_peer.h"

#define WEB_SSRC	0xb0b0b0b0
#define SIP_SSRC	0x51515151
#define GCM_FIRST	"SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

static struct bench bench;

struct call {
	struct media_local local;
	struct media_config config;
	struct browser web;
	int rtp_fd, rtcp_fd;		/* the phone's */
	char username[64];
	uint16_t web_seq, sip_seq;
};

static inline void call_open(struct call *c, const char *profiles)
{
	struct media_open open = { .call = "test", .stream_count = 1,
				   .rtcp_ports = true };
	struct media_stream_config *st = &c->config.stream[0];

	memset(c, 0, sizeof(*c));
	CHECK_INT(media_open(bench.media, &open, &c->local), 0,
		  "session_opens");
	browser_open(&c->web, &c->local.web, profiles);
	c->rtp_fd = peer_socket("127.0.0.1");
	c->rtcp_fd = peer_socket("127.0.0.1");
	snprintf(c->username, sizeof(c->username), "%s:peer",
		 c->local.ufrag);
	c->web_seq = 65530;	/* the sequence wraps on the way */
	c->sip_seq = 100;

	c->config.has_web = true;
	c->config.role = MEDIA_DTLS_SERVER;
	strcpy(c->config.remote_ufrag, "peer");
	strcpy(c->config.remote_password, "peer-password-peer-password");
	browser_fingerprint(&c->web, &c->config);
	c->config.stream_count = 1;
	st->enabled = st->web_to_sip = st->sip_to_web = true;
	strcpy(st->kind, "audio");
	st->sip_remote = peer_name(c->rtp_fd);
	st->sip_remote_rtcp = peer_name(c->rtcp_fd);
	st->payload_count = 1;
	st->payload[0] = (struct media_payload){
		.web_rx = 111, .sip_tx = 96, .sip_rx = 97, .web_tx = 109,
		.clock_hz = 48000, .name = "opus" };
}

static inline void call_configure(struct call *c)
{
	CHECK_INT(media_configure(bench.media, c->local.id, &c->config), 0,
		  "session_takes_configuration");
}

static inline int call_check(struct call *c)
{
	struct check check = { .username = c->username,
			       .password = c->local.password,
			       .use_candidate = true };
	struct sluice_stun m;
	uint8_t buf[2048];

	return browser_check(&c->web, &check, &m, buf) ==
	       SLUICE_STUN_BINDING_SUCCESS;
}

static inline int call_connect(struct call *c)
{
	return call_check(c) && browser_handshake(&c->web, true) &&
	       bench_has_event(&bench, MEDIA_DTLS_DONE, c->local.id, NULL);
}

/* ret: the last figures, or NULL. */
static inline void call_end(struct call *c, struct media_figures *ret)
{
	struct message *m;

	media_close(bench.media, c->local.id);
	m = bench_event(&bench, MEDIA_CLOSED, c->local.id);
	CHECK(m, "session_close_is_answered");
	if (m && ret)
		memcpy(ret, m->data, sizeof(*ret));
	message_free(m);
	browser_close(&c->web);
	close(c->rtp_fd);
	close(c->rtcp_fd);
}

static inline void call_free(struct call *c)
{
	call_end(c, NULL);
}

/* ---- packets ----------------------------------------------------------- */

static inline void web_send(struct call *c, uint8_t pt, const char *text)
{
	uint8_t buf[512];
	int len = (int)rtp_build(buf, pt, c->web_seq, c->web_seq * 960U,
				 WEB_SSRC, text);

	c->web_seq++;
	srtp_protect(c->web.tx, buf, &len);
	send(c->web.fd, buf, (size_t)len, 0);
}

static inline void sip_send(struct call *c, int fd, uint8_t pt,
			    const char *text)
{
	uint8_t buf[512];
	size_t len = rtp_build(buf, pt, c->sip_seq, c->sip_seq * 960U,
			       SIP_SSRC, text);

	c->sip_seq++;
	peer_send(fd, &c->local.sip[0], buf, len);
}

static inline int is_packet(const uint8_t *buf, size_t len, uint8_t pt,
			    uint32_t ssrc, const char *text)
{
	return len == 12 + strlen(text) && (buf[1] & 0x7f) == pt &&
	       sluice_get32(buf + 8) == ssrc &&
	       !memcmp(buf + 12, text, strlen(text));
}

/* The next packet at the browser, in the clear. */
static inline size_t web_recv(struct call *c, uint8_t *buf, size_t size)
{
	int len = (int)peer_recv(c->web.fd, buf, size);

	if (len && srtp_unprotect(c->web.rx, buf, &len))
		return 0;
	return (size_t)len;
}

static inline int web_hears(struct call *c, const char *text)
{
	uint8_t buf[2048];
	size_t len = web_recv(c, buf, sizeof(buf));

	return is_packet(buf, len, 109, c->local.web_ssrc[0], text);
}

static inline int phone_hears(struct call *c, int fd, const char *text)
{
	uint8_t buf[2048];
	size_t len = peer_recv(fd, buf, sizeof(buf));

	return is_packet(buf, len, 96, c->local.sip_ssrc[0], text);
}

#endif
