/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/credentials.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/random.h"
#include "sip/msg.h"

#define VALUE_SIZE	256

struct challenge {
	char realm[VALUE_SIZE], nonce[VALUE_SIZE], opaque[VALUE_SIZE];
	char algorithm[32];
	bool has_qop, has_auth, is_stale;
};

/* Text inside quotes is taken as it is, escapes and all: it is said back. */
static int take_value(const char **p, char *ret, size_t size)
{
	const char *from = *p;
	size_t len;

	if (*from == '"') {
		for (len = 1; from[len] && from[len] != '"'; len++)
			if (from[len] == '\\' && from[len + 1])
				len++;
		if (!from[len])
			return -EINVAL;
		*p = from + len + 1;
		from++;
		len--;
	} else {
		len = strcspn(from, " \t,");
		*p = from + len;
	}
	if (len >= size)
		return -E2BIG;
	memcpy(ret, from, len);
	ret[len] = '\0';
	return 0;
}

static bool has_token(const char *list, const char *token)
{
	size_t len;

	for (; *list; list += len) {
		list += strspn(list, " \t,");
		len = strcspn(list, " \t,");
		if (len == strlen(token) && !strncasecmp(list, token, len))
			return true;
	}
	return false;
}

static int parse(const char *text, struct challenge *ret)
{
	char name[32], value[VALUE_SIZE];
	size_t len;

	memset(ret, 0, sizeof(*ret));
	if (strncasecmp(text, "Digest", 6) || !strchr(" \t", text[6]))
		return -EINVAL;
	for (text += 6; *text;) {
		text += strspn(text, " \t,");
		len = strcspn(text, " \t,=");
		if (!*text)
			break;
		if (!len || len >= sizeof(name))
			return -EINVAL;
		memcpy(name, text, len);
		name[len] = '\0';
		text += len;
		text += strspn(text, " \t");
		if (*text++ != '=')
			return -EINVAL;
		text += strspn(text, " \t");
		if (take_value(&text, value, sizeof(value)))
			return -EINVAL;
		if (!strcasecmp(name, "realm"))
			strcpy(ret->realm, value);
		else if (!strcasecmp(name, "nonce"))
			strcpy(ret->nonce, value);
		else if (!strcasecmp(name, "opaque"))
			strcpy(ret->opaque, value);
		else if (!strcasecmp(name, "algorithm"))
			snprintf(ret->algorithm, sizeof(ret->algorithm),
				 "%.31s", value);
		else if (!strcasecmp(name, "stale"))
			ret->is_stale = !strcasecmp(value, "true");
		else if (!strcasecmp(name, "qop")) {
			ret->has_qop = true;
			ret->has_auth = has_token(value, "auth");
		}
	}
	return *ret->realm && *ret->nonce ? 0 : -EINVAL;
}

static const EVP_MD *digest_of(const char *algorithm)
{
	if (!*algorithm || !strcasecmp(algorithm, "MD5"))
		return EVP_md5();
	return !strcasecmp(algorithm, "SHA-256") ? EVP_sha256() : NULL;
}

/* H(part:part:...) as hexadecimal; the parts end with NULL. */
static int hash(const EVP_MD *md, const char *const *parts, char *ret)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned int len = 0;
	int ok;

	ok = ctx && EVP_DigestInit_ex(ctx, md, NULL);
	for (size_t i = 0; ok && parts[i]; i++) {
		if (i)
			ok = EVP_DigestUpdate(ctx, ":", 1);
		if (ok)
			ok = EVP_DigestUpdate(ctx, parts[i], strlen(parts[i]));
	}
	ok = ok && EVP_DigestFinal_ex(ctx, out, &len);
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return -EIO;
	for (unsigned int i = 0; i < len; i++)
		sprintf(ret + 2 * (size_t)i, "%02x", out[i]);
	return 0;
}

int credentials_response(const struct credentials *c,
			 const struct credentials_input *in,
			 char ret[CREDENTIALS_HEX])
{
	const EVP_MD *md = digest_of(in->algorithm);
	const char *const user[] = { c->user, in->realm, c->password, NULL };
	const char *const what[] = { in->method, in->uri, NULL };
	char a1[CREDENTIALS_HEX], a2[CREDENTIALS_HEX];
	const char *const with_qop[] = { a1, in->nonce, in->nc, in->cnonce,
					 "auth", a2, NULL };
	const char *const without[] = { a1, in->nonce, a2, NULL };
	int err;

	if (!md)
		return -ENOTSUP;
	err = hash(md, user, a1);
	if (!err)
		err = hash(md, what, a2);
	if (!err)
		err = hash(md, in->nc ? with_qop : without, ret);
	explicit_bzero(a1, sizeof(a1));
	return err;
}

static int answer(struct credentials *c, const struct challenge *ch,
		  const struct sip_msg *request, const char *header, char **ret)
{
	char nc[9], cnonce[17], qop[64] = "", response[CREDENTIALS_HEX];
	const struct credentials_input in = {
		.algorithm = ch->algorithm, .realm = ch->realm,
		.nonce = ch->nonce, .nc = ch->has_auth ? nc : NULL,
		.cnonce = cnonce, .method = sip_msg_method_name(request),
		.uri = sip_msg_ruri(request),
	};
	int err;

	c->count = strcmp(c->nonce, ch->nonce) ? 1 : c->count + 1;
	strcpy(c->nonce, ch->nonce);
	snprintf(nc, sizeof(nc), "%08x", c->count);
	random_token(cnonce, sizeof(cnonce) - 1);
	err = credentials_response(c, &in, response);
	if (err)
		return err;
	if (ch->has_auth)
		snprintf(qop, sizeof(qop), ", qop=auth, nc=%s, cnonce=\"%s\"",
			 nc, cnonce);
	return asprintf(ret, "%s: Digest username=\"%s\", realm=\"%s\", "
			"nonce=\"%s\", uri=\"%s\", response=\"%s\", "
			"algorithm=%s%s%s%s%s", header, c->user, ch->realm,
			ch->nonce, in.uri, response,
			*ch->algorithm ? ch->algorithm : "MD5", qop,
			*ch->opaque ? ", opaque=\"" : "", ch->opaque,
			*ch->opaque ? "\"" : "") < 0 ? -ENOMEM : 0;
}

int credentials_answer(struct credentials *c, const struct sip_msg *challenge,
		       const struct sip_msg *request, char **ret,
		       bool *ret_is_stale)
{
	bool is_proxy = sip_msg_status(challenge) == 407;
	const char *name, *value;
	msg_header_t *pos = NULL;
	struct challenge ch;

	while (sip_msg_next_header(challenge, &pos, &name, &value)) {
		if (strcasecmp(name, is_proxy ? "Proxy-Authenticate" :
						"WWW-Authenticate") ||
		    parse(value, &ch) || !digest_of(ch.algorithm) ||
		    (ch.has_qop && !ch.has_auth) ||
		    (c->realm && strcmp(c->realm, ch.realm)))
			continue;
		*ret_is_stale = ch.is_stale;
		return answer(c, &ch, request, is_proxy ?
			      "Proxy-Authorization" : "Authorization", ret);
	}
	return -ENOTSUP;
}
