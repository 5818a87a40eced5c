/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/policy.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static const char *const hop_headers[] = {
	"Via", "Route", "Record-Route", "Path", "Service-Route", "Flow-Timer",
	"Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact",
	"Timestamp", "RSeq", "RAck", "Session-Expires", "Min-SE",
	"Content-Length", "Content-Type", "Security-Client",
	"Security-Server", "Security-Verify",
};

static const char *const body_headers[] = {
	"Content-Disposition", "Content-Encoding", "Content-Language",
	"Content-ID", "MIME-Version",
};

static const char *const option_headers[] = {
	"Require", "Proxy-Require", "Supported",
};

static const char *const challenge_headers[] = {
	"WWW-Authenticate", "Proxy-Authenticate",
};

static const char *const credential_headers[] = {
	"Authorization", "Proxy-Authorization",
};

static const char *const asserted_headers[] = {
	"P-Asserted-Identity", "P-Asserted-Service", "Remote-Party-ID",
};

static const char *const domain_headers[] = {
	"P-Charging-Vector", "P-Charging-Function-Addresses",
	"P-Visited-Network-ID", "P-User-Database", "P-Served-User",
	"P-Private-Network-Indication",
};

static const struct {
	const char *name;
	unsigned int hidden_by;
} private_headers[] = {
	{ "P-Asserted-Identity", PRIVACY_ID },
	{ "Remote-Party-ID", PRIVACY_ID },
	{ "History-Info", PRIVACY_HISTORY | PRIVACY_HEADER | PRIVACY_SESSION },
	{ "Diversion", PRIVACY_HISTORY | PRIVACY_HEADER | PRIVACY_SESSION },
	{ "Subject", PRIVACY_USER },
	{ "Call-Info", PRIVACY_USER },
	{ "Organization", PRIVACY_USER },
	{ "User-Agent", PRIVACY_USER },
	{ "Server", PRIVACY_USER },
	{ "Reply-To", PRIVACY_USER },
	{ "In-Reply-To", PRIVACY_USER },
};

static const struct {
	const char *value;
	unsigned int bit;
} privacy_values[] = {
	{ "id", PRIVACY_ID },
	{ "header", PRIVACY_HEADER },
	{ "session", PRIVACY_SESSION },
	{ "user", PRIVACY_USER },
	{ "history", PRIVACY_HISTORY },
};

/* What both ends do and the gateway leaves alone. */
static const char *const options[] = {
	"replaces", "tdialog", "norefersub", "histinfo", "privacy",
	"from-change", "resource-priority", "answermode", "multiple-refer",
	"uui", "eventlist",
};

/* What the gateway does on each leg. */
static const char *const own_options[] = { "100rel", "timer" };
/* ... and in a browser's REGISTER; gruu is the registrar's. */
static const char *const register_options[] = { "path", "outbound", "gruu" };

static bool is_listed(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(name, list[i]))
			return true;
	return false;
}

static bool is_private(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < COUNT(private_headers); i++)
		if (!strcasecmp(name, private_headers[i].name))
			return p->privacy & private_headers[i].hidden_by;
	return false;
}

enum policy_verdict policy_header(const struct policy *p, const char *name)
{
	if (is_listed(name, hop_headers, COUNT(hop_headers)))
		return POLICY_DROP;
	if (is_listed(name, body_headers, COUNT(body_headers)))
		return p->has_body ? POLICY_PASS : POLICY_DROP;
	if (is_listed(name, option_headers, COUNT(option_headers)))
		return POLICY_OPTIONS;
	if (is_listed(name, challenge_headers, COUNT(challenge_headers)))
		return POLICY_CHALLENGE;
	if (is_listed(name, credential_headers, COUNT(credential_headers)))
		return p->end_to_end_digest ? POLICY_PASS : POLICY_DROP;
	if (is_listed(name, domain_headers, COUNT(domain_headers)))
		return POLICY_DROP;
	if (p->from_web)
		return is_listed(name, asserted_headers,
				 COUNT(asserted_headers)) ?
			POLICY_DROP : POLICY_PASS;
	if (!strcasecmp(name, "Warning"))
		return POLICY_WARNING;
	if (!strcasecmp(name, "P-Access-Network-Info") || is_private(p, name))
		return POLICY_DROP;
	return POLICY_PASS;
}

unsigned int policy_privacy(const char *value)
{
	unsigned int bits = 0;
	size_t len;

	for (; value && *value; value += len) {
		value += strspn(value, " \t;,");
		len = strcspn(value, " \t;,");
		for (size_t i = 0; i < COUNT(privacy_values); i++)
			if (strlen(privacy_values[i].value) == len &&
			    !strncasecmp(value, privacy_values[i].value, len))
				bits |= privacy_values[i].bit;
	}
	return bits;
}

static bool is_option(const char *tag, unsigned int len,
		      const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == len && !strncasecmp(tag, list[i], len))
			return true;
	return false;
}

bool policy_option_passes(const char *tag, unsigned int len)
{
	return is_option(tag, len, options, COUNT(options));
}

bool policy_option_is_done(const char *tag, unsigned int len, bool is_register)
{
	return is_option(tag, len, own_options, COUNT(own_options)) ||
	       (is_register && is_option(tag, len, register_options,
					 COUNT(register_options)));
}
