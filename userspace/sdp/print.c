/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions as text, the lines in the order of RFC 8866 5. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdp/internal.h"

static bool has_connection(const struct sdp_media *m)
{
	return m->connection_host[0] || addr_is_set(&m->addr);
}

/* "IN IP4 192.0.2.1"; an unset address is 0.0.0.0, which nobody sends to. */
static void print_address(FILE *f, const struct addr *a, const char *host)
{
	char ip[ADDR_STRLEN];

	if (host[0])
		fprintf(f, "IN IP4 %s", host);
	else if (!addr_is_set(a))
		fputs("IN IP4 0.0.0.0", f);
	else
		fprintf(f, "IN %s %s", addr_is_v4(a) ? "IP4" : "IP6",
			addr_format_ip(a, ip));
}

/* The m-line whose address is said once for all; NULL if none has any. */
static const struct sdp_media *common_connection(const struct sdp *s)
{
	for (uint32_t i = 0; i < s->media_count; i++)
		if (has_connection(&s->media[i]))
			return &s->media[i];
	return NULL;
}

static void print_formats(FILE *f, const struct sdp_media *m)
{
	const char *proto = m->proto[0] ? m->proto : "RTP/AVP";

	fprintf(f, "m=%s %u %s", m->kind, m->port, proto);
	for (uint32_t i = 0; i < m->codec_count; i++)
		fprintf(f, " %u", m->codec[i].pt);
	/* RFC 3264 6: a rejected m-line still lists a format. */
	if (!m->codec_count)
		fprintf(f, " %s", m->raw_formats[0] ? m->raw_formats : "0");
	fputs("\r\n", f);
}

static void print_feedback(FILE *f, const struct sdp_codec *c)
{
	static const struct {
		uint32_t bit;
		const char *text;
	} kinds[] = {
		{ SDP_FB_REMB, "goog-remb" },
		{ SDP_FB_TRANSPORT_CC, "transport-cc" },
		{ SDP_FB_FIR, "ccm fir" },
		{ SDP_FB_NACK, "nack" },
		{ SDP_FB_PLI, "nack pli" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (c->feedback & kinds[i].bit)
			fprintf(f, "a=rtcp-fb:%u %s\r\n", c->pt, kinds[i].text);
}

static void print_codec(FILE *f, const struct sdp_codec *c)
{
	if (c->name[0]) {
		fprintf(f, "a=rtpmap:%u %s/%u", c->pt, c->name, c->clock_hz);
		if (c->channels > 1)
			fprintf(f, "/%u", c->channels);
		fputs("\r\n", f);
	}
	print_feedback(f, c);
	if (c->fmtp[0])
		fprintf(f, "a=fmtp:%u %s\r\n", c->pt, c->fmtp);
}

static void print_fingerprint(FILE *f, const struct sdp_fingerprint *fp)
{
	fprintf(f, "a=fingerprint:%s ", fp->hash);
	for (uint32_t i = 0; i < fp->len; i++)
		fprintf(f, "%s%02X", i ? ":" : "", fp->digest[i]);
	fputs("\r\n", f);
}

static void print_secure(FILE *f, const struct sdp_media *m)
{
	static const char *const setups[] = {
		[SDP_SETUP_ACTPASS] = "actpass",
		[SDP_SETUP_ACTIVE] = "active",
		[SDP_SETUP_PASSIVE] = "passive",
		[SDP_SETUP_HOLDCONN] = "holdconn",
	};

	if (m->ice_ufrag[0])
		fprintf(f, "a=ice-ufrag:%s\r\n", m->ice_ufrag);
	if (m->ice_pwd[0])
		fprintf(f, "a=ice-pwd:%s\r\n", m->ice_pwd);
	if (m->fingerprint.len)
		print_fingerprint(f, &m->fingerprint);
	if (m->setup != SDP_SETUP_NONE)
		fprintf(f, "a=setup:%s\r\n", setups[m->setup]);
	for (uint32_t i = 0; i < m->candidate_count; i++) {
		const struct addr *a = &m->candidate[i];
		char ip[ADDR_STRLEN];

		/* RFC 8445 5.1.2.2: what a host with one address uses. */
		fprintf(f, "a=candidate:%u 1 udp %u %s %u typ host\r\n", i + 1,
			2130706431U - (i << 8), addr_format_ip(a, ip), a->port);
	}
	if (m->candidate_count)
		fputs("a=end-of-candidates\r\n", f);
}

static void print_attributes(FILE *f, const struct sdp_media *m)
{
	static const char *const directions[] = { "inactive", "sendonly",
						  "recvonly", "sendrecv" };

	if (m->mid[0])
		fprintf(f, "a=mid:%s\r\n", m->mid);
	if (!m->is_rtp || (!m->port && !m->bundle_only))
		return;
	if (m->bundle_only)
		fputs("a=bundle-only\r\n", f);
	print_secure(f, m);
	for (uint32_t i = 0; i < m->crypto_count; i++) {
		fprintf(f, "a=crypto:%u %s inline:", m->crypto[i].tag,
			m->crypto[i].suite);
		sdp_print_key(f, &m->crypto[i]);
		fputs("\r\n", f);
	}
	sdp_print_extensions(f, m);
	fprintf(f, "a=%s\r\n", directions[m->direction & 3]);
	if (m->msid[0])
		fprintf(f, "a=msid:%s\r\n", m->msid);
	if (m->rtcp.port) {
		fprintf(f, "a=rtcp:%u ", m->rtcp.port);
		print_address(f, &m->rtcp, "");
		fputs("\r\n", f);
	}
	if (m->rtcp_mux)
		fputs("a=rtcp-mux\r\n", f);
	if (m->rtcp_rsize)
		fputs("a=rtcp-rsize\r\n", f);
	for (uint32_t i = 0; i < m->codec_count; i++)
		print_codec(f, &m->codec[i]);
	if (m->ptime_ms)
		fprintf(f, "a=ptime:%u\r\n", m->ptime_ms);
	if (m->maxptime_ms)
		fprintf(f, "a=maxptime:%u\r\n", m->maxptime_ms);
	if (m->ssrc && m->cname[0])
		fprintf(f, "a=ssrc:%u cname:%s\r\n", m->ssrc, m->cname);
}

static void print_media(FILE *f, const struct sdp_media *m,
			const struct sdp_media *common)
{
	bool differs = common && (!addr_same_ip(&m->addr, &common->addr) ||
				  strcmp(m->connection_host,
					 common->connection_host));

	print_formats(f, m);
	if (differs && sdp_media_is_live(m)) {
		fputs("c=", f);
		print_address(f, &m->addr, m->connection_host);
		fputs("\r\n", f);
	}
	if (m->bandwidth_as_kbps)
		fprintf(f, "b=AS:%u\r\n", m->bandwidth_as_kbps);
	if (m->bandwidth_tias_bps)
		fprintf(f, "b=TIAS:%u\r\n", m->bandwidth_tias_bps);
	print_attributes(f, m);
}

static void print_session(FILE *f, const struct sdp *s,
			  const struct sdp_media *common)
{
	fprintf(f, "v=0\r\no=%s %" PRIu64 " %" PRIu64 " ",
		s->origin_user[0] ? s->origin_user : "-", s->session_id,
		s->session_version);
	print_address(f, &s->origin_addr, "");
	fprintf(f, "\r\ns=%s\r\nc=",
		s->session_name[0] ? s->session_name : "-");
	if (common)
		print_address(f, &common->addr, common->connection_host);
	else
		print_address(f, &(struct addr){ 0 }, "");
	fputs("\r\nt=0 0\r\n", f);
	if (s->has_bundle)
		fprintf(f, "a=group:BUNDLE %s\r\n", s->bundle_mids);
	if (s->ice_lite)
		fputs("a=ice-lite\r\n", f);
}

bool sdp_same(const struct sdp *a, const struct sdp *b)
{
	char *x = sdp_print(a), *y = sdp_print(b);
	bool is_same = x && y && !strcmp(x, y);

	free(x);
	free(y);
	return is_same;
}

char *sdp_print(const struct sdp *s)
{
	const struct sdp_media *common = common_connection(s);
	char *text = NULL;
	size_t len;
	bool failed;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	print_session(f, s, common);
	for (uint32_t i = 0; i < s->media_count; i++)
		print_media(f, &s->media[i], common);
	failed = ferror(f);
	if (fclose(f) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
