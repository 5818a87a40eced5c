// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "load.h"

#define DOMAIN	"example.com"

static void tell(struct phone *p, enum phone_event e)
{
	p->told(p, e);
}

static void failed(struct phone *p, const char *why)
{
	fprintf(stderr, "client %u: %.60s\n", p->index, why);
	phone_close(p);
	tell(p, PHONE_FAILED);
}

/* ---- frames (RFC 6455 5.2) --------------------------------------------- */

static void put_frame(struct phone *p, uint8_t opcode, const char *data,
		      size_t len)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t out[LOAD_MESSAGE_MAX + 16];
	size_t n = 2;

	out[0] = 0x80 | opcode;
	if (len < 126) {
		out[1] = (uint8_t)(0x80 | len);
	} else {
		out[1] = 0x80 | 126;
		out[2] = (uint8_t)(len >> 8);
		out[3] = (uint8_t)len;
		n = 4;
	}
	memcpy(out + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < len; i++)
		out[n + i] = (uint8_t)data[i] ^ mask[i & 3];
	/* Small next to a socket's buffer, which is empty by then. */
	if (SSL_write(p->ssl, out, (int)(n + len)) <= 0)
		failed(p, "cannot write");
}

/* ---- SIP --------------------------------------------------------------- */

static void put(struct phone *p, const char *method, const char *uri,
		const char *call_id, const char *to_tag, const char *extra,
		const char *body)
{
	char m[LOAD_MESSAGE_MAX];
	bool is_register = !strcmp(method, "REGISTER");
	int n = snprintf(m, sizeof(m),
		"%s %s SIP/2.0\r\n"
		"Via: SIP/2.0/WSS c%u.invalid;branch=z9hG4bK%u-%u\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:u%u@" DOMAIN ">;tag=f%u\r\n"
		"To: <sip:%s@" DOMAIN ">%s%s\r\n"
		"Call-ID: %s\r\n"
		"CSeq: %u %s\r\n"
		"%sContent-Length: %zu\r\n\r\n%s",
		method, uri, p->index, p->index, p->cseq, p->index, p->index,
		is_register ? "self" : "1000", *to_tag ? ";tag=" : "", to_tag,
		call_id, p->cseq, method, extra, strlen(body), body);

	put_frame(p, 1, m, (size_t)n);
}

static void ask_registrar(struct phone *p, int expires_s)
{
	char m[LOAD_MESSAGE_MAX];
	int n;

	p->cseq++;
	p->asked_ns = clock_ns();
	n = snprintf(m, sizeof(m),
		"REGISTER sip:" DOMAIN " SIP/2.0\r\n"
		"Via: SIP/2.0/WSS c%u.invalid;branch=z9hG4bK%u-%u\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:u%u@" DOMAIN ">;tag=r%u\r\n"
		"To: <sip:u%u@" DOMAIN ">\r\n"
		"Call-ID: reg-%u\r\n"
		"CSeq: %u REGISTER\r\n"
		"Contact: <sip:u%u@c%u.invalid;transport=ws>;expires=%d;"
		"reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-"
		"%012u>\"\r\n"
		"Supported: path, outbound, gruu\r\n"
		"Allow: INVITE, ACK, CANCEL, BYE, UPDATE, MESSAGE, OPTIONS\r\n"
		"User-Agent: load\r\n"
		"Content-Length: 0\r\n\r\n",
		p->index, p->index, p->cseq, p->index, p->index, p->index,
		p->index, p->cseq, p->index, p->index, expires_s, p->index);
	put_frame(p, 1, m, (size_t)n);
}

void phone_register(struct phone *p)
{
	ask_registrar(p, 600);
}

void phone_unregister(struct phone *p)
{
	ask_registrar(p, 0);
}

#define FINGERPRINT_NONE \
	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:" \
	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

static char fingerprint[] = FINGERPRINT_NONE;

void phone_set_fingerprint(const char *theirs)
{
	snprintf(fingerprint, sizeof(fingerprint), "%s", theirs);
}

/* With the fingerprint. */
static const char offer[] =
	"v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	"a=group:BUNDLE 0\r\na=msid-semantic: WMS s\r\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126\r\nc=IN IP4 0.0.0.0\r\n"
	"a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n"
	"a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\n"
	"a=fingerprint:sha-256 %s\r\n"
	"a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=msid:s a\r\n"
	"a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
	"a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n"
	"a=ssrc:1001 cname:load\r\n";

static void call_id_of(const struct phone *p, char *ret, size_t size)
{
	snprintf(ret, size, "c%u-%u", p->index, p->call);
}

void phone_invite(struct phone *p)
{
	char call_id[64], extra[256], body[LOAD_MESSAGE_MAX / 2];

	p->call++;
	p->is_busy = true;
	p->cseq++;
	p->to_tag[0] = 0;
	p->asked_ns = clock_ns();
	call_id_of(p, call_id, sizeof(call_id));
	snprintf(extra, sizeof(extra),
		 "Contact: <sip:u%u@c%u.invalid;transport=ws>\r\n"
		 "Allow: INVITE, ACK, CANCEL, BYE, UPDATE\r\n"
		 "Content-Type: application/sdp\r\n", p->index, p->index);
	snprintf(body, sizeof(body), offer, fingerprint);
	put(p, "INVITE", "sip:1000@" DOMAIN, call_id, "", extra, body);
}

void phone_bye(struct phone *p)
{
	char call_id[64];

	p->cseq++;
	p->asked_ns = clock_ns();
	call_id_of(p, call_id, sizeof(call_id));
	put(p, "BYE", p->target, call_id, p->to_tag, "", "");
}

static void answered(struct phone *p, const char *m)
{
	char call_id[64];
	const char *v = NULL, *tag;
	size_t n = load_header(m, "To", &v), i = 0;

	tag = n ? memmem(v, n, "tag=", 4) : NULL;
	for (; tag && i < sizeof(p->to_tag) - 1 && tag + 4 + i < v + n &&
	       tag[4 + i] != ';'; i++)
		p->to_tag[i] = tag[4 + i];
	p->to_tag[i] = 0;
	load_uri(m, "Contact", p->target, sizeof(p->target));
	snprintf(p->answer, sizeof(p->answer), "%s",
		 strstr(m, "\r\n\r\n") ? strstr(m, "\r\n\r\n") : "");
	call_id_of(p, call_id, sizeof(call_id));
	put(p, "ACK", p->target, call_id, p->to_tag, "", "");
	tell(p, PHONE_ANSWERED);
}

static void message(struct phone *p, const char *m)
{
	int status = load_status(m);
	const char *cseq = NULL;
	size_t n = load_header(m, "CSeq", &cseq);

	if (!status || !n)
		return;
	if (status == 180)
		tell(p, PHONE_RINGING);
	if (status < 200)
		return;
	if (status != 200)
		failed(p, m);
	else if (memmem(cseq, n, "REGISTER", 8))
		tell(p, PHONE_REGISTERED);
	else if (memmem(cseq, n, "INVITE", 6))
		answered(p, m);
	else if (memmem(cseq, n, "BYE", 3))
		tell(p, PHONE_ENDED);
}

/* ---- the connection ---------------------------------------------------- */

static void upgrade(struct phone *p, const char *gateway_ip)
{
	char m[512];
	int n = snprintf(m, sizeof(m),
		"GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Key: "
		"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Protocol: sip\r\n\r\n", gateway_ip);

	SSL_write(p->ssl, m, n);
	p->state = PHONE_UPGRADE;
}

int phone_connect(struct phone *p, SSL_CTX *ctx, const char *local_ip,
		  const char *gateway_ip)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int one = 1;

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	inet_pton(AF_INET, local_ip, &sa.sin_addr);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(p->fd, (struct sockaddr *)&sa, sizeof(sa)))
		return -errno;
	inet_pton(AF_INET, gateway_ip, &sa.sin_addr);
	sa.sin_port = htons(443);
	if (connect(p->fd, (struct sockaddr *)&sa, sizeof(sa)) &&
	    errno != EINPROGRESS)
		return -errno;
	p->ssl = SSL_new(ctx);
	SSL_set_fd(p->ssl, p->fd);
	SSL_set_connect_state(p->ssl);
	SSL_set_app_data(p->ssl, (char *)gateway_ip);
	p->state = PHONE_TLS;
	p->in_len = 0;
	return 0;
}

void phone_close(struct phone *p)
{
	if (p->state == PHONE_CLOSED)
		return;
	SSL_free(p->ssl);
	close(p->fd);
	p->ssl = NULL;
	p->state = PHONE_CLOSED;
}

void phone_leave(struct phone *p)
{
	static const char normal[] = { 0x03, (char)0xe8 };	/* 1000 */

	put_frame(p, 8, normal, sizeof(normal));
	phone_close(p);
}

/* Bytes of one frame taken from the front; 0: more is needed. */
static size_t take_frame(struct phone *p)
{
	const uint8_t *b = (const uint8_t *)p->in;
	size_t head = 2, len;
	char *text, saved;

	if (p->in_len < 2)
		return 0;
	len = b[1] & 0x7f;
	if (len == 126) {
		if (p->in_len < 4)
			return 0;
		len = (size_t)b[2] << 8 | b[3];
		head = 4;
	}
	if (p->in_len < head + len)
		return 0;
	text = p->in + head;
	if ((b[0] & 0x0f) == 9) {
		put_frame(p, 10, text, len);
	} else if ((b[0] & 0x0f) == 1) {
		saved = text[len];
		text[len] = 0;
		message(p, text);
		text[len] = saved;
	}
	return head + len;
}

static void take(struct phone *p)
{
	size_t n;

	if (p->state == PHONE_UPGRADE) {
		char *end;

		p->in[p->in_len] = 0;
		end = strstr(p->in, "\r\n\r\n");
		if (!end)
			return;
		if (strncmp(p->in, "HTTP/1.1 101", 12)) {
			failed(p, p->in);
			return;
		}
		n = (size_t)(end + 4 - p->in);
		p->in_len -= n;
		memmove(p->in, p->in + n, p->in_len);
		p->state = PHONE_OPEN;
		tell(p, PHONE_READY);
	}
	while (p->state == PHONE_OPEN && (n = take_frame(p)) > 0) {
		if (p->state != PHONE_OPEN)
			return;
		p->in_len -= n;
		memmove(p->in, p->in + n, p->in_len);
	}
}

void phone_serve(struct phone *p)
{
	int n;

	if (p->state == PHONE_TLS) {
		n = SSL_do_handshake(p->ssl);
		if (n != 1) {
			n = SSL_get_error(p->ssl, n);
			if (n != SSL_ERROR_WANT_READ &&
			    n != SSL_ERROR_WANT_WRITE)
				failed(p, "TLS");
			return;
		}
		upgrade(p, SSL_get_app_data(p->ssl));
	}
	while (p->state >= PHONE_UPGRADE) {
		n = SSL_read(p->ssl, p->in + p->in_len,
			     (int)(sizeof(p->in) - 1 - p->in_len));
		if (n <= 0) {
			n = SSL_get_error(p->ssl, n);
			if (n != SSL_ERROR_WANT_READ)
				failed(p, "closed");
			return;
		}
		p->in_len += (size_t)n;
		take(p);
	}
}
