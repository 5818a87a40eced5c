// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "load.h"

#define BATCH		32
#define UNACKED_MAX	65536
#define T1_MS		500
#define T2_MS		4000

static char pbx_ip[64];

size_t load_header(const char *m, const char *name, const char **ret)
{
	size_t n = strlen(name);
	const char *line = m, *end;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (*line == '\r')
			return 0;
		if (strncasecmp(line, name, n) || line[n] != ':')
			continue;
		*ret = line + n + 1;
		while (**ret == ' ')
			(*ret)++;
		end = strstr(*ret, "\r\n");
		return end ? (size_t)(end - *ret) : 0;
	}
	return 0;
}

int load_status(const char *m)
{
	return strncmp(m, "SIP/2.0 ", 8) ? 0 : atoi(m + 8);
}

void load_uri(const char *m, const char *name, char *ret, size_t size)
{
	const char *v = NULL, *open, *close;
	size_t n = load_header(m, name, &v);

	ret[0] = 0;
	open = n ? memchr(v, '<', n) : NULL;
	close = open ? memchr(open, '>', n - (size_t)(open - v)) : NULL;
	if (close && (size_t)(close - open) < size)
		snprintf(ret, size, "%.*s", (int)(close - open - 1), open + 1);
}

/* ---- responses --------------------------------------------------------- */

static size_t copy_headers(const char *m, const char *name, char *out,
			   size_t size)
{
	const char *at = m, *v, *end;
	size_t n = strlen(name), len = 0;

	while ((at = strstr(at, "\r\n")) && at[2] != '\r') {
		at += 2;
		if (strncasecmp(at, name, n) || at[n] != ':')
			continue;
		v = at;
		end = strstr(v, "\r\n");
		len += (size_t)snprintf(out + len, size - len, "%.*s\r\n",
					(int)(end - v), v);
	}
	return len;
}

static const char *description(void)
{
	static char sdp[512];

	snprintf(sdp, sizeof(sdp), "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\n"
		 "c=IN IP4 %s\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8\r\n"
		 "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n", pbx_ip,
		 pbx_ip);
	return sdp;
}

/* A 200 to INVITE that no ACK has come for, as UDP may lose either. */
static struct unacked {
	uint32_t tag;
	uint64_t due_ms;
	uint64_t wait_ms;
	struct sockaddr_in to;
	char *text;		/* NULL: free */
	size_t len;
} unacked[UNACKED_MAX];

static void keep(uint32_t tag, const struct sockaddr_in *to, const char *text,
		 size_t len)
{
	struct unacked *u = &unacked[tag % UNACKED_MAX];

	free(u->text);
	*u = (struct unacked){ tag, clock_ms() + T1_MS, T1_MS, *to,
			       malloc(len), len };
	if (u->text)
		memcpy(u->text, text, len);
}

static void acked(uint32_t tag)
{
	struct unacked *u = &unacked[tag % UNACKED_MAX];

	if (u->tag != tag)
		return;
	free(u->text);
	u->text = NULL;
}

/* RFC 3261 13.3.1.4 */
void pbx_repeat(int fd)
{
	uint64_t now = clock_ms();

	for (size_t i = 0; i < UNACKED_MAX; i++) {
		struct unacked *u = &unacked[i];

		if (!u->text || now < u->due_ms)
			continue;
		sendto(fd, u->text, u->len, 0, (struct sockaddr *)&u->to,
		       sizeof(u->to));
		u->wait_ms = u->wait_ms * 2 > T2_MS ? T2_MS : u->wait_ms * 2;
		u->due_ms = now + u->wait_ms;
	}
}

static void answer(int fd, const struct sockaddr_in *to, const char *m,
		   const char *line, uint32_t tag, const char *body)
{
	char out[LOAD_MESSAGE_MAX];
	const char *v, *contact;
	size_t n, len;

	len = (size_t)snprintf(out, sizeof(out), "SIP/2.0 %s\r\n", line);
	len += copy_headers(m, "Via", out + len, sizeof(out) - len);
	len += copy_headers(m, "Record-Route", out + len, sizeof(out) - len);
	len += copy_headers(m, "From", out + len, sizeof(out) - len);
	n = load_header(m, "To", &v);
	len += (size_t)snprintf(out + len, sizeof(out) - len, "To: %.*s", (int)n,
				v);
	if (!memmem(v, n, "tag=", 4))
		len += (size_t)snprintf(out + len, sizeof(out) - len,
					";tag=p%u", tag);
	len += (size_t)snprintf(out + len, sizeof(out) - len, "\r\n");
	len += copy_headers(m, "Call-ID", out + len, sizeof(out) - len);
	len += copy_headers(m, "CSeq", out + len, sizeof(out) - len);
	if (!strncmp(m, "REGISTER ", 9)) {
		n = load_header(m, "Contact", &contact);
		len += (size_t)snprintf(out + len, sizeof(out) - len,
					"Contact: %.*s%s\r\n", (int)n, contact,
					memmem(contact, n, "expires=", 8) ? "" :
					";expires=3600");
	} else {
		len += (size_t)snprintf(out + len, sizeof(out) - len,
					"Contact: <sip:pbx@%s>\r\n", pbx_ip);
	}
	len += (size_t)snprintf(out + len, sizeof(out) - len,
				"%sContent-Length: %zu\r\n\r\n%s",
				*body ? "Content-Type: application/sdp\r\n" : "",
				strlen(body), body);
	sendto(fd, out, len, 0, (const struct sockaddr *)to, sizeof(*to));
	if (*body)
		keep(tag, to, out, len);
}

static void request(int fd, const struct sockaddr_in *from, const char *m)
{
	uint32_t tag = 5381;
	const char *v = NULL;
	size_t n;

	if (load_status(m))
		return;
	/* The same for a repeated request. */
	n = load_header(m, "Call-ID", &v);
	for (size_t i = 0; i < n; i++)
		tag = tag * 33 + (uint8_t)v[i];
	if (!strncmp(m, "ACK ", 4)) {
		acked(tag);
	} else if (!strncmp(m, "INVITE ", 7)) {
		answer(fd, from, m, "180 Ringing", tag, "");
		answer(fd, from, m, "200 OK", tag, description());
	} else {
		answer(fd, from, m, "200 OK", tag, "");
	}
}

/* ---- the socket -------------------------------------------------------- */

int pbx_open(const char *ip)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(5060) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int size = 4 << 20;

	snprintf(pbx_ip, sizeof(pbx_ip), "%s", ip);
	inet_pton(AF_INET, ip, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		perror("PBX");
		exit(1);
	}
	return fd;
}

void pbx_serve(int fd)
{
	char m[LOAD_MESSAGE_MAX];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n;

	for (int i = 0; i < BATCH; i++) {
		n = recvfrom(fd, m, sizeof(m) - 1, 0, (struct sockaddr *)&from,
			     &len);
		if (n < 0)
			return;
		m[n] = 0;
		request(fd, &from, m);
	}
}
