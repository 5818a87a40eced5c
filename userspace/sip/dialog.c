/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/dialog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/random.h"

#define TAG_LEN		16
#define CSEQ_MAX	0x80000000u	/* RFC 3261 8.1.1.5: below 2^31 */

static int replace(char **field, const char *value)
{
	char *copy = NULL;

	if (value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

static bool is_same(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static void free_routes(struct sip_dialog *d)
{
	for (size_t i = 0; i < LIMIT_SIP_ROUTES; i++) {
		free(d->routes[i]);
		d->routes[i] = NULL;
	}
}

/* In message order for a UAS, reversed for a UAC: RFC 3261 12.1 */
static int take_routes(struct sip_dialog *d, const struct sip_msg *m,
		       bool reversed)
{
	unsigned int count = 0;

	while (sip_msg_record_route(m, count))
		if (++count > LIMIT_SIP_ROUTES)
			return -E2BIG;
	free_routes(d);
	for (unsigned int i = 0; i < count; i++) {
		d->routes[i] = strdup(sip_msg_record_route(
			m, reversed ? count - 1 - i : i));
		if (!d->routes[i])
			return -ENOMEM;
	}
	return 0;
}

/* "<sip:a;lr>;x" to "sip:a;lr". */
static int route_uri(const char *route, char *ret, size_t size)
{
	const char *p = strchr(route, '<');
	size_t len;

	p = p ? p + 1 : route;
	len = strcspn(p, ">");
	if (len >= size)
		return -E2BIG;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return 0;
}

/*
 * Where requests go: a browser's flow stays; on the SIP side the topmost
 * route, else the remote target (RFC 3261 12.2.1.1, 8.1.2).
 */
static void choose_next_hop(struct sip_dialog *d)
{
	char uri[sizeof(d->peer.uri)];
	const char *target = d->remote_target;
	struct sip_uri parts;

	if (d->peer.is_ws)
		return;
	if (d->routes[0]) {
		if (route_uri(d->routes[0], uri, sizeof(uri)) < 0)
			return;
		target = uri;
	}
	if (!target || strlen(target) >= sizeof(d->peer.uri) ||
	    sip_uri_parse(target, &parts) < 0 || !parts.host[0])
		return;
	memmove(d->peer.uri, target, strlen(target) + 1);
}

static int set_target(struct sip_dialog *d, const struct sip_msg *m)
{
	const char *contact = sip_msg_contact(m, 0);

	if (!contact || !strcmp(contact, "*"))
		return 0;
	return replace(&d->remote_target, contact);
}

int sip_dialog_uas(const struct sip_msg *request,
		   const struct sip_target *source, const char *contact,
		   struct sip_dialog **ret)
{
	struct sip_dialog *d;
	char tag[TAG_LEN + 1];
	int err = -ENOMEM;

	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	random_token(tag, TAG_LEN);
	d->peer = *source;
	d->local_cseq = random_u32() % (CSEQ_MAX / 2);
	d->remote_cseq = sip_msg_cseq(request);
	d->invite_cseq = d->remote_cseq;
	if (replace(&d->call_id, sip_msg_call_id(request)) < 0 ||
	    replace(&d->local_tag, tag) < 0 ||
	    replace(&d->remote_tag, sip_msg_from_tag(request)) < 0 ||
	    replace(&d->local_value, sip_msg_to_value(request)) < 0 ||
	    replace(&d->remote_value, sip_msg_from_value(request)) < 0 ||
	    replace(&d->contact, contact) < 0 ||
	    set_target(d, request) < 0)
		goto err;
	err = take_routes(d, request, false);
	if (err < 0)
		goto err;
	choose_next_hop(d);
	*ret = d;
	return 0;
err:
	sip_dialog_free(d);
	return err;
}

int sip_dialog_uac(const struct sip_msg *request, const struct sip_target *to,
		   const char *contact, struct sip_dialog **ret)
{
	struct sip_dialog *d;

	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->is_uac = true;
	d->peer = *to;
	d->invite_cseq = sip_msg_cseq(request);
	if (replace(&d->call_id, sip_msg_call_id(request)) < 0 ||
	    replace(&d->local_tag, sip_msg_from_tag(request)) < 0 ||
	    replace(&d->local_value, sip_msg_from_value(request)) < 0 ||
	    replace(&d->remote_value, sip_msg_to_value(request)) < 0 ||
	    replace(&d->contact, contact) < 0 ||
	    /* Until a response brings its Contact. */
	    replace(&d->remote_target, sip_msg_ruri(request)) < 0 ||
	    sip_dialog_repeated(d, request) < 0) {
		sip_dialog_free(d);
		return -ENOMEM;
	}
	*ret = d;
	return 0;
}

/* RFC 3261 22.1: an ACK has the credentials of its INVITE. */
static int take_credentials(struct sip_dialog *d, const struct sip_msg *invite)
{
	static const char *const names[] = { "Authorization",
					     "Proxy-Authorization" };
	const char *value;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < 2; i++) {
		value = sip_msg_header(invite, names[i]);
		if (value)
			fprintf(f, "%s: %s\r\n", names[i], value);
	}
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	free(d->invite_credentials);
	d->invite_credentials = len ? text : NULL;
	if (!len)
		free(text);
	return 0;
}

int sip_dialog_repeated(struct sip_dialog *d, const struct sip_msg *request)
{
	d->local_cseq = sip_msg_cseq(request);
	if (sip_msg_method(request) != SIP_INVITE)
		return 0;
	d->invite_cseq = d->local_cseq;
	return take_credentials(d, request);
}

int sip_dialog_response(struct sip_dialog *d, const struct sip_msg *response)
{
	int status = sip_msg_status(response), err;

	if (status < 101 || status >= 300 || !sip_msg_to_tag(response))
		return 0;
	if (d->confirmed)
		return set_target(d, response);
	/* Each branch of a fork counts for itself. */
	if (!is_same(d->remote_tag, sip_msg_to_tag(response)))
		d->remote_cseq = 0;
	if (replace(&d->remote_tag, sip_msg_to_tag(response)) < 0 ||
	    set_target(d, response) < 0)
		return -ENOMEM;
	err = take_routes(d, response, true);
	if (err < 0)
		return err;
	choose_next_hop(d);
	d->confirmed = status >= 200;
	return 0;
}

int sip_dialog_branch(struct sip_dialog *d, const struct sip_msg *request)
{
	/* Each branch counts for itself. */
	d->remote_cseq = 0;
	if (replace(&d->remote_tag, sip_msg_from_tag(request)) < 0)
		return -ENOMEM;
	return set_target(d, request);
}

int sip_dialog_adopt(struct sip_dialog *d, const struct sip_msg *notify)
{
	int err;

	if (replace(&d->remote_tag, sip_msg_from_tag(notify)) < 0 ||
	    set_target(d, notify) < 0)
		return -ENOMEM;
	err = take_routes(d, notify, false);
	if (err < 0)
		return err;
	choose_next_hop(d);
	d->confirmed = true;
	return 0;
}

int sip_dialog_refresh(struct sip_dialog *d, const struct sip_msg *m)
{
	int err;

	err = set_target(d, m);
	if (err < 0)
		return err;
	choose_next_hop(d);
	return 0;
}

void sip_dialog_free(struct sip_dialog *d)
{
	if (!d)
		return;
	free(d->call_id);
	free(d->local_tag);
	free(d->remote_tag);
	free(d->local_value);
	free(d->remote_value);
	free(d->remote_target);
	free(d->contact);
	free(d->invite_credentials);
	free_routes(d);
	free(d);
}

void sip_dialog_referred(struct sip_dialog *d, uint32_t ours, uint32_t theirs)
{
	memmove(d->refers, d->refers + 1,
		sizeof(d->refers) - sizeof(d->refers[0]));
	d->refers[LIMIT_DIALOG_REFERS - 1].ours = ours;
	d->refers[LIMIT_DIALOG_REFERS - 1].theirs = theirs;
}

uint32_t sip_dialog_refer_of(const struct sip_dialog *d, uint32_t ours)
{
	for (size_t i = 0; ours && i < LIMIT_DIALOG_REFERS; i++)
		if (d->refers[i].ours == ours)
			return d->refers[i].theirs;
	return 0;
}

bool sip_dialog_matches(const struct sip_dialog *d, const struct sip_msg *m)
{
	return is_same(d->call_id, sip_msg_call_id(m)) &&
		is_same(d->local_tag, sip_msg_to_tag(m)) &&
		is_same(d->remote_tag, sip_msg_from_tag(m));
}

int sip_dialog_check_cseq(struct sip_dialog *d, const struct sip_msg *request)
{
	uint32_t cseq = sip_msg_cseq(request);
	enum sip_method method = sip_msg_method(request);

	/* Both carry the number of another request. */
	if (method == SIP_ACK || method == SIP_CANCEL)
		return 0;
	if (d->remote_cseq && cseq <= d->remote_cseq)
		return -EINVAL;
	d->remote_cseq = cseq;
	return 0;
}

/*
 * Route set and Request-URI of RFC 3261 12.2.1.1. A strict router (no lr)
 * takes the place of the target, which goes to the end.
 */
static int route_request(const struct sip_dialog *d, char *ruri, size_t size,
			 char *last, size_t last_size, const char **routes)
{
	struct sip_uri u;
	char none[8];
	size_t n = 0;
	bool is_strict = false;

	if (d->routes[0]) {
		if (route_uri(d->routes[0], ruri, size) < 0)
			return -E2BIG;
		is_strict = sip_uri_parse(ruri, &u) == 0 &&
			!sip_uri_param(&u, "lr", none, sizeof(none));
	}
	for (size_t i = is_strict; d->routes[i]; i++)
		routes[n++] = d->routes[i];
	if (is_strict) {
		if (snprintf(last, last_size, "<%s>", d->remote_target) >=
		    (int)last_size)
			return -E2BIG;
		routes[n++] = last;
	} else {
		if (strlen(d->remote_target) >= size)
			return -E2BIG;
		strcpy(ruri, d->remote_target);
	}
	routes[n] = NULL;
	return 0;
}

int sip_dialog_request(struct sip_dialog *d, const struct sip_request *r,
		       const struct sip_msg *src, struct sip_msg **ret)
{
	const char *routes[LIMIT_SIP_ROUTES + 2];
	char ruri[1024], last[1024];
	struct sip_request q = {
		.method = r->method, .ruri = ruri,
		.from = d->local_value, .from_tag = d->local_tag,
		.to = d->remote_value, .to_tag = d->remote_tag,
		.call_id = d->call_id, .contact = d->contact,
		.routes = routes,
		.max_forwards = r->max_forwards > 0 ? r->max_forwards : 70,
		.content_type = r->content_type, .body = r->body,
		.body_len = r->body_len, .extra_headers = r->extra_headers,
		.end_to_end_digest = r->end_to_end_digest,
	};
	bool is_ack = !strcasecmp(r->method, "ACK");
	int err;

	if (!d->remote_target)
		return -ENOTCONN;
	err = route_request(d, ruri, sizeof(ruri), last, sizeof(last), routes);
	if (err < 0)
		return err;
	if (is_ack) {
		q.cseq = d->invite_cseq;
		q.contact = NULL;
		if (!q.extra_headers)
			q.extra_headers = d->invite_credentials;
	} else {
		q.cseq = d->local_cseq + 1;
		if (!strcasecmp(r->method, "BYE"))
			q.contact = NULL;
	}
	err = sip_msg_make_request(&q, src, ret);
	if (err < 0)
		return err;
	if (is_ack)
		return 0;
	/* A re-INVITE is ACKed by its own number. */
	return sip_dialog_repeated(d, *ret);
}
