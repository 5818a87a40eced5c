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

/*
 * Not here, as they end at the gateway: 100rel, timer, path, outbound, gruu,
 * ice, sdp-anat, sec-agree, eventlist and what is not known.
 */
static const char *const options[] = {
	"replaces", "tdialog", "norefersub", "histinfo", "privacy",
	"from-change", "resource-priority", "answermode", "multiple-refer",
	"uui",
};

static bool is_listed(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(name, list[i]))
			return true;
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
	if (p->from_web && !strcasecmp(name, "P-Asserted-Identity"))
		return POLICY_DROP;
	return POLICY_PASS;
}

bool policy_option_passes(const char *tag, unsigned int len)
{
	for (size_t i = 0; i < COUNT(options); i++)
		if (strlen(options[i]) == len &&
		    !strncasecmp(tag, options[i], len))
			return true;
	return false;
}
