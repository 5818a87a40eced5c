/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to dialogs: a call has two of them, each side knows its own. So
 * Replaces (RFC 3891), Join (RFC 3911), Target-Dialog (RFC 4538) and a Refer-To
 * with Replaces are told to the other side in that side's terms.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"

#define REFERENCE_BYTES	1024

struct reference {
	char call_id[256];
	char x[128], y[128];	/* tags */
};

struct names {
	const char *header, *x, *y;
};

static const struct names names[] = {
	{ "Replaces", "to-tag", "from-tag" },
	{ "Join", "to-tag", "from-tag" },
	{ "Target-Dialog", "local-tag", "remote-tag" },
};

static struct call_leg *leg_by(struct calls *cs, const char *call_id,
			       const char *tag)
{
	struct call_leg *leg = NULL;
	char *key;

	if (asprintf(&key, "%s %s", call_id, tag) < 0)
		return NULL;
	HASH_FIND(hh, cs->legs, key, strlen(key), leg);
	free(key);
	return leg && leg->dialog && leg->dialog->remote_tag ? leg : NULL;
}

/*
 * Which of the two tags is ours tells whether the reference is as the leg's
 * peer would write it to us, or as it is to be read by that peer; the other
 * leg's is of the same kind.
 */
static struct call_leg *refer_other(struct calls *cs,
				    const struct reference *in,
				    struct reference *ret)
{
	struct call_leg *leg = leg_by(cs, in->call_id, in->x), *to;
	bool x_is_ours = leg && !strcmp(leg->dialog->remote_tag, in->y);
	const struct sip_dialog *d;

	if (!x_is_ours) {
		leg = leg_by(cs, in->call_id, in->y);
		if (!leg || strcmp(leg->dialog->remote_tag, in->x))
			return NULL;
	}
	to = call_other(leg);
	d = to->dialog;
	if (!d || !d->remote_tag)
		return NULL;
	snprintf(ret->call_id, sizeof(ret->call_id), "%s", d->call_id);
	snprintf(ret->x, sizeof(ret->x), "%s",
		 x_is_ours ? d->remote_tag : d->local_tag);
	snprintf(ret->y, sizeof(ret->y), "%s",
		 x_is_ours ? d->local_tag : d->remote_tag);
	return to;
}

static void copy_token(char *ret, size_t size, const char *from, size_t len)
{
	while (len && strchr(" \t", *from)) {
		from++;
		len--;
	}
	while (len && strchr(" \t", from[len - 1]))
		len--;
	snprintf(ret, size, "%.*s", (int)len, from);
}

/*
 * "call-id;to-tag=a;from-tag=b;early-only" in the other side's terms. The leg
 * that it now speaks of, or NULL: no dialog of a call of ours.
 */
static struct call_leg *translate_value(struct calls *cs, const char *value,
					const struct names *n, char *ret,
					size_t size)
{
	struct reference in = { .call_id = "" }, out;
	size_t len = strcspn(value, ";"), xl = strlen(n->x), yl = strlen(n->y);
	char rest[256] = "";
	struct call_leg *to;

	copy_token(in.call_id, sizeof(in.call_id), value, len);
	for (value += len; *value; value += len) {
		value++;
		value += strspn(value, " \t");
		len = strcspn(value, ";");
		if (!strncasecmp(value, n->x, xl) && value[xl] == '=')
			copy_token(in.x, sizeof(in.x), value + xl + 1,
				   len - xl - 1);
		else if (!strncasecmp(value, n->y, yl) && value[yl] == '=')
			copy_token(in.y, sizeof(in.y), value + yl + 1,
				   len - yl - 1);
		else if (len && strlen(rest) + len + 2 < sizeof(rest))
			snprintf(rest + strlen(rest), len + 2, ";%s", value);
	}
	to = refer_other(cs, &in, &out);
	if (!to || snprintf(ret, size, "%s;%s=%s;%s=%s%s", out.call_id, n->x,
			    out.x, n->y, out.y, rest) >= (int)size)
		return NULL;
	return to;
}

/* ---- Refer-To --------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void unescape(const char *in, size_t len, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		if (in[i] == '%' && i + 2 < len && hex(in[i + 1]) >= 0 &&
		    hex(in[i + 2]) >= 0) {
			ret[n++] = (char)(hex(in[i + 1]) * 16 +
					  hex(in[i + 2]));
			i += 2;
		} else {
			ret[n++] = in[i];
		}
	}
	ret[n] = '\0';
}

/* RFC 3261 19.1.1: of hvalue, what needs no escape everywhere. */
static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
			fputc(c, f);
		else if ((c >= '0' && c <= '9') || strchr("-_.!~*'()", c))
			fputc(c, f);
		else
			fprintf(f, "%%%02X", c);
	}
}

/* The gateway's own Contact on a browser's leg names the call. */
static struct call_leg *leg_of_web_contact(struct calls *cs,
					   const struct sip_uri *u)
{
	char ip[ADDR_STRLEN];

	addr_format_ip(&cs->settings.web, ip);
	if (strcmp(u->host, ip))
		return NULL;
	for (struct call *c = cs->list; c; c = c->next)
		if (!strcmp(c->id, u->user))
			return c->a.is_web ? &c->a : &c->b;
	return NULL;
}

/* Towards the PBX the far end's Contact, towards a browser the user's name. */
static void put_target(struct calls *cs, FILE *f, const char *uri,
		       struct call_leg *leg)
{
	struct registrar_flow flow;
	struct call_leg *web;
	struct sip_uri u;

	if (sip_uri_parse(uri, &u)) {
		fputs(uri, f);
		return;
	}
	web = leg_of_web_contact(cs, &u);
	if (web && (!leg || leg->is_web))
		leg = call_other(web);
	if (web && leg->dialog && leg->dialog->remote_target)
		fprintf(f, "%.*s",
			(int)strcspn(leg->dialog->remote_target, "?"),
			leg->dialog->remote_target);
	else if (*u.user && !registrar_find_alias(cs->settings.registrar,
						  u.user, &flow))
		fputs(flow.aor, f);
	else
		fputs(uri, f);
}

/* base[?headers] of the URI inside a Refer-To. */
static void put_refer_uri(struct calls *cs, FILE *f, const char *uri,
			  size_t len)
{
	size_t base_len = 0, n;
	char base[512], value[REFERENCE_BYTES], out[REFERENCE_BYTES];
	struct call_leg *leg = NULL;
	const char *p, *end = uri + len;
	char *headers = NULL;
	size_t headers_len;
	FILE *h = open_memstream(&headers, &headers_len);

	if (!h)
		return;
	while (base_len < len && uri[base_len] != '?')
		base_len++;
	snprintf(base, sizeof(base), "%.*s", (int)base_len, uri);
	for (p = uri + base_len; p < end; p += n) {
		fputc(*p++, h);
		for (n = 0; p + n < end && p[n] != '&'; n++)
			;
		if (n > 9 && !strncasecmp(p, "Replaces=", 9)) {
			unescape(p + 9, n - 9, value, sizeof(value));
			leg = translate_value(cs, value, &names[0], out,
					      sizeof(out));
			if (leg) {
				fputs("Replaces=", h);
				put_escaped(h, out);
				continue;
			}
		}
		fwrite(p, 1, n, h);
	}
	fclose(h);
	put_target(cs, f, base, leg);
	fputs(headers, f);
	free(headers);
}

static void put_refer_to(struct calls *cs, FILE *f, const char *value)
{
	const char *open = strchr(value, '<');
	const char *close = open ? strchr(open, '>') : NULL;
	size_t bare;

	fputs("Refer-To: ", f);
	if (close) {
		fwrite(value, 1, (size_t)(open + 1 - value), f);
		put_refer_uri(cs, f, open + 1, (size_t)(close - open - 1));
		fputs(close, f);
	} else {
		/* Without brackets parameters are the header's. */
		bare = strcspn(value, "; \t");
		fputc('<', f);
		put_refer_uri(cs, f, value, bare);
		fprintf(f, ">%s", value + bare);
	}
	fputs("\r\n", f);
}

void call_translate(struct calls *cs, const struct sip_msg *m, char *ret,
		    size_t size)
{
	char out[REFERENCE_BYTES];
	const char *value;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	*ret = '\0';
	if (!f)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = sip_msg_header(m, names[i].header);
		if (value && translate_value(cs, value, &names[i], out,
					     sizeof(out)))
			fprintf(f, "%s: %s\r\n", names[i].header, out);
	}
	value = sip_msg_header(m, "Refer-To");
	if (value)
		put_refer_to(cs, f, value);
	fclose(f);
	if (len < size)
		memcpy(ret, text, len + 1);
	free(text);
}

/* ---- in dialogs ---------------------------------------------------------- */

/* RFC 3515 2.4.6: "refer;id=N" means the REFER with that CSeq, of this leg. */
static void put_event(const struct sip_dialog *from, const struct sip_msg *m,
		      char *ret, size_t size)
{
	const char *event = sip_msg_header(m, "Event");
	const char *id = event ? strcasestr(event, ";id=") : NULL;
	uint32_t theirs;

	if (sip_msg_method(m) != SIP_NOTIFY || !id ||
	    strncasecmp(event, "refer", 5))
		return;
	theirs = sip_dialog_refer_of(from,
				     (uint32_t)strtoul(id + 4, NULL, 10));
	if (theirs)
		snprintf(ret, size, "Event: refer;id=%u\r\n", theirs);
}

void call_translate_indialog(struct calls *cs, const struct sip_dialog *from,
			     const struct sip_msg *m, char *ret, size_t size)
{
	size_t len;

	call_translate(cs, m, ret, size);
	len = strlen(ret);
	put_event(from, m, ret + len, size - len);
}

/* ---- Refer-To, taken apart ---------------------------------------------- */

/* The Refer-To as it is to be understood on the trunk. */
static void refer_to(struct call_leg *leg, const struct sip_msg *m, char *ret,
		     size_t size)
{
	char lines[REFERENCE_BYTES * 4];
	const char *value = sip_msg_header(m, "Refer-To");
	const char *line;

	snprintf(ret, size, "%s", value ? value : "");
	if (!leg->is_web)
		return;
	call_translate(leg->call->calls, m, lines, sizeof(lines));
	line = strstr(lines, "Refer-To: ");
	if (line)
		snprintf(ret, size, "%.*s", (int)strcspn(line + 10, "\r"),
			 line + 10);
}

int call_refer_target(struct call_leg *leg, const struct sip_msg *m, char *ret,
		      size_t size, char *ret_replaces, size_t replaces_size)
{
	char value[REFERENCE_BYTES * 2], method[16];
	struct sip_uri u;
	char *uri, *header;
	int n;

	refer_to(leg, m, value, sizeof(value));
	uri = strchr(value, '<');
	if (uri)
		*(uri + strcspn(uri, ">")) = '\0';
	else
		value[strcspn(value, "; \t")] = '\0';
	uri = uri ? uri + 1 : value;
	header = strchr(uri, '?');
	if (header)
		*header++ = '\0';
	if (sip_uri_parse(uri, &u) || !strcasecmp(u.scheme, "tel") ||
	    (sip_uri_param(&u, "method", method, sizeof(method)) &&
	     strcasecmp(method, "INVITE")))
		return -EINVAL;
	/* RFC 3261 19.1.5: no other header is taken from a stranger's URI. */
	*ret_replaces = '\0';
	while (header && strncasecmp(header, "Replaces=", 9)) {
		header = strchr(header, '&');
		header = header ? header + 1 : NULL;
	}
	if (header)
		unescape(header + 9, strcspn(header + 9, "&"), ret_replaces,
			 replaces_size);
	n = snprintf(ret, size, "%s", uri);
	return n < 0 || (size_t)n >= size ||
	       ret_replaces[strcspn(ret_replaces, "\r\n")] ? -EINVAL : 0;
}
