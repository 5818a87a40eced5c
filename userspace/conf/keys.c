/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/reader.h"
#include "core/limits.h"

#define AT(member) offsetof(struct conf, member)

const struct conf_key conf_keys[CONF_KEY_COUNT] = {
	[CONF_KEY_WEB] = {
		.name = "web", .kind = CONF_KIND_GROUP,
		.example = "{ address = \"203.0.113.1\"; }" },
	[CONF_KEY_WEB_ADDRESS] = {
		.name = "web.address", .kind = CONF_KIND_IP, .offset = AT(web),
		.example = "\"203.0.113.1\"" },
	[CONF_KEY_WEB_WSS_PORT] = {
		.name = "web.wss_port", .kind = CONF_KIND_PORT,
		.offset = AT(web.port), .example = "443" },
	[CONF_KEY_WEB_MEDIA_PORT] = {
		.name = "web.media_port", .kind = CONF_KIND_PORT,
		.offset = AT(media_port), .example = "10000" },
	[CONF_KEY_WEB_CERTIFICATE] = {
		.name = "web.certificate", .kind = CONF_KIND_FILE,
		.offset = AT(certificate),
		.example = "\"/etc/sluice/fullchain.pem\"" },
	[CONF_KEY_WEB_PRIVATE_KEY] = {
		.name = "web.private_key", .kind = CONF_KIND_FILE,
		.offset = AT(private_key),
		.example = "\"/etc/sluice/privkey.pem\"" },
	[CONF_KEY_WEB_PUBLIC_ADDRESS] = {
		.name = "web.public_address", .kind = CONF_KIND_IP,
		.offset = AT(web_public), .example = "\"203.0.113.1\"" },
	[CONF_KEY_WEB_ORIGINS] = {
		.name = "web.origins", .kind = CONF_KIND_STRINGS,
		.offset = AT(origins), .judge = conf_judge_origin,
		.example = "( \"https://phone.example.org\" )" },
	[CONF_KEY_WEB_WORKERS] = {
		.name = "web.workers", .kind = CONF_KIND_NUMBER,
		.offset = AT(workers), .max = 64, .example = "2" },
	[CONF_KEY_WEB_TIMEOUT] = {
		.name = "web.timeout", .kind = CONF_KIND_NUMBER,
		.offset = AT(web_timeout_s), .min = 5, .max = 3600,
		.example = "30" },
	[CONF_KEY_SIP] = {
		.name = "sip", .kind = CONF_KIND_GROUP,
		.example = "{ address = \"198.51.100.1\"; }" },
	[CONF_KEY_SIP_ADDRESS] = {
		.name = "sip.address", .kind = CONF_KIND_IP, .offset = AT(sip),
		.example = "\"198.51.100.1\"" },
	[CONF_KEY_SIP_PORT] = {
		.name = "sip.port", .kind = CONF_KIND_PORT,
		.offset = AT(sip.port), .example = "5060" },
	[CONF_KEY_SIP_RTP_PORTS] = {
		.name = "sip.rtp_ports", .kind = CONF_KIND_RANGE,
		.offset = AT(rtp_port_min), .example = "\"16384-32767\"" },
	[CONF_KEY_SIP_ALLOW] = {
		.name = "sip.allow", .kind = CONF_KIND_NETS,
		.offset = AT(allow), .example = "( \"198.51.100.0/24\" )" },
	[CONF_KEY_SIP_TIMEOUT] = {
		.name = "sip.timeout", .kind = CONF_KIND_NUMBER,
		.offset = AT(sip_timeout_s), .max = 86400, .example = "60" },
	[CONF_KEY_SIP_RESOLV_CONF] = {
		.name = "sip.resolv_conf", .kind = CONF_KIND_FILE,
		.offset = AT(sip_resolv_conf),
		.example = "\"/etc/resolv.conf\"" },
	[CONF_KEY_SIP_SRTP] = {
		.name = "sip.srtp", .kind = CONF_KIND_STRING,
		.offset = AT(sip_srtp), .judge = conf_judge_sip_srtp,
		.example = "\"optional\"" },
	[CONF_KEY_SIP_AVPF] = {
		.name = "sip.avpf", .kind = CONF_KIND_BOOL,
		.offset = AT(sip_avpf), .example = "true" },
	[CONF_KEY_SIP_EXTENSIONS] = {
		.name = "sip.extensions", .kind = CONF_KIND_STRING,
		.offset = AT(sip_extensions), .judge = conf_judge_extensions,
		.example = "\"auto\"" },
	[CONF_KEY_SIP_DTMF] = {
		.name = "sip.dtmf", .kind = CONF_KIND_STRING,
		.offset = AT(sip_dtmf), .judge = conf_judge_sip_dtmf,
		.example = "\"auto\"" },
	[CONF_KEY_SIP_KEYFRAMES] = {
		.name = "sip.keyframes", .kind = CONF_KIND_STRING,
		.offset = AT(sip_keyframes), .judge = conf_judge_keyframes,
		.example = "\"auto\"" },
	[CONF_KEY_WEB_DTMF] = {
		.name = "web.dtmf", .kind = CONF_KIND_STRING,
		.offset = AT(web_dtmf), .judge = conf_judge_web_dtmf,
		.example = "\"pass\"" },
	[CONF_KEY_SIP_TLS] = {
		.name = "sip.tls", .kind = CONF_KIND_GROUP,
		.example = "{ ca = \"/etc/sluice/ca.pem\"; }" },
	[CONF_KEY_SIP_TLS_PORT] = {
		.name = "sip.tls.port", .kind = CONF_KIND_PORT,
		.offset = AT(sip_tls_port), .example = "5061" },
	[CONF_KEY_SIP_TLS_CERTIFICATE] = {
		.name = "sip.tls.certificate", .kind = CONF_KIND_FILE,
		.offset = AT(sip_tls_certificate),
		.example = "\"/etc/sluice/sip-fullchain.pem\"" },
	[CONF_KEY_SIP_TLS_PRIVATE_KEY] = {
		.name = "sip.tls.private_key", .kind = CONF_KIND_FILE,
		.offset = AT(sip_tls_private_key),
		.example = "\"/etc/sluice/sip-privkey.pem\"" },
	[CONF_KEY_SIP_TLS_CA] = {
		.name = "sip.tls.ca", .kind = CONF_KIND_FILE,
		.offset = AT(sip_tls_ca),
		.example = "\"/etc/sluice/ca.pem\"" },
	[CONF_KEY_SIP_TLS_VERIFY] = {
		.name = "sip.tls.verify", .kind = CONF_KIND_BOOL,
		.offset = AT(sip_tls_verify), .example = "true" },
	[CONF_KEY_SIP_TLS_MUTUAL] = {
		.name = "sip.tls.mutual", .kind = CONF_KIND_BOOL,
		.offset = AT(sip_tls_mutual), .example = "false" },
	[CONF_KEY_PBX_BACKUP] = {
		.name = "pbx_backup", .kind = CONF_KIND_STRINGS,
		.offset = AT(pbx_backup), .judge = conf_judge_pbx,
		.example = "( \"sip:198.51.100.11\" )" },
	[CONF_KEY_PBX] = {
		.name = "pbx", .kind = CONF_KIND_STRING, .offset = AT(pbx),
		.judge = conf_judge_pbx,
		.example = "\"sip:198.51.100.10:5060;transport=udp\"" },
	[CONF_KEY_PBX_REGISTER] = {
		.name = "pbx_register", .kind = CONF_KIND_GROUP,
		.example = "{ user = \"4930123\"; password_file = "
			   "\"/etc/sluice/trunk.secret\"; }" },
	[CONF_KEY_PBX_REGISTER_USER] = {
		.name = "pbx_register.user", .kind = CONF_KIND_STRING,
		.offset = AT(account_user), .judge = conf_judge_user,
		.example = "\"4930123\"" },
	[CONF_KEY_PBX_REGISTER_AUTH_USER] = {
		.name = "pbx_register.auth_user", .kind = CONF_KIND_STRING,
		.offset = AT(account_auth_user), .judge = conf_judge_quotable,
		.example = "\"4930123\"" },
	[CONF_KEY_PBX_REGISTER_PASSWORD] = {
		.name = "pbx_register.password", .kind = CONF_KIND_STRING,
		.offset = AT(account_password), .example = "\"...\"" },
	[CONF_KEY_PBX_REGISTER_PASSWORD_FILE] = {
		.name = "pbx_register.password_file", .kind = CONF_KIND_FILE,
		.offset = AT(account_password_file),
		.example = "\"/etc/sluice/trunk.secret\"" },
	[CONF_KEY_PBX_REGISTER_REALM] = {
		.name = "pbx_register.realm", .kind = CONF_KIND_STRING,
		.offset = AT(account_realm), .judge = conf_judge_quotable,
		.example = "\"provider.example\"" },
	[CONF_KEY_PBX_REGISTER_DOMAIN] = {
		.name = "pbx_register.domain", .kind = CONF_KIND_STRING,
		.offset = AT(account_domain), .judge = conf_judge_domain,
		.example = "\"provider.example\"" },
	[CONF_KEY_PBX_REGISTER_EXPIRES] = {
		.name = "pbx_register.expires", .kind = CONF_KIND_NUMBER,
		.offset = AT(account_expires_s), .min = 60, .max = 86400,
		.example = "3600" },
	[CONF_KEY_PBX_REGISTER_CALLS_TO] = {
		.name = "pbx_register.calls_to", .kind = CONF_KIND_STRING,
		.offset = AT(account_calls_to), .judge = conf_judge_aor,
		.example = "\"sip:alice@example.com\"" },
	[CONF_KEY_PBX_REGISTER_RING] = {
		.name = "pbx_register.ring", .kind = CONF_KIND_STRING,
		.offset = AT(account_ring), .judge = conf_judge_ring,
		.example = "\"all\"" },
	[CONF_KEY_DATAPATH] = {
		.name = "datapath", .kind = CONF_KIND_CHOICE,
		.offset = AT(datapath), .example = "\"auto\"" },
	[CONF_KEY_DATAPATH_ATTACH] = {
		.name = "datapath_attach", .kind = CONF_KIND_STRING,
		.offset = AT(datapath_attach), .judge = conf_judge_attach,
		.example = "\"auto\"" },
	[CONF_KEY_DATAPATH_STREAMS] = {
		.name = "datapath_streams", .kind = CONF_KIND_NUMBER,
		.offset = AT(datapath_streams), .min = 4,
		.max = LIMIT_DATAPATH_STREAMS, .example = "8192" },
	[CONF_KEY_PHONE] = {
		.name = "phone", .kind = CONF_KIND_BOOL, .offset = AT(phone),
		.example = "true" },
	[CONF_KEY_CONTROL] = {
		.name = "control", .kind = CONF_KIND_PATH,
		.offset = AT(control),
		.example = "\"/run/sluice/control.sock\"" },
	[CONF_KEY_STATE] = {
		.name = "state", .kind = CONF_KIND_PATH, .offset = AT(state),
		.example = "\"/var/lib/sluice\"" },
	[CONF_KEY_PINS] = {
		.name = "pins", .kind = CONF_KIND_PATH, .offset = AT(pins),
		.example = "\"/sys/fs/bpf/sluice\"" },
	[CONF_KEY_METRICS] = {
		.name = "metrics", .kind = CONF_KIND_ENDPOINT,
		.offset = AT(metrics), .example = "\"127.0.0.1:9090\"" },
	[CONF_KEY_ICE_SERVERS] = {
		.name = "ice_servers", .kind = CONF_KIND_STRINGS,
		.offset = AT(ice_servers), .judge = conf_judge_ice_server,
		.example = "( \"stun:stun.example.org:3478\" )" },
	[CONF_KEY_SRTP_PROFILES] = {
		.name = "srtp_profiles", .kind = CONF_KIND_STRINGS,
		.offset = AT(srtp_profiles), .judge = conf_judge_srtp_profile,
		.example = "( \"AEAD_AES_128_GCM\" )" },
	[CONF_KEY_CHECK_FROM] = {
		.name = "check_from", .kind = CONF_KIND_BOOL,
		.offset = AT(check_from), .example = "true" },
	[CONF_KEY_REGISTER] = {
		.name = "register", .kind = CONF_KIND_GROUP,
		.example = "{ min = 60; max = 600; }" },
	[CONF_KEY_REGISTER_MIN] = {
		.name = "register.min", .kind = CONF_KIND_NUMBER,
		.offset = AT(register_min_s), .min = 10, .max = 86400,
		.example = "60" },
	[CONF_KEY_REGISTER_MAX] = {
		.name = "register.max", .kind = CONF_KIND_NUMBER,
		.offset = AT(register_max_s), .min = 10, .max = 86400,
		.example = "600" },
	[CONF_KEY_REGISTER_MODE] = {
		.name = "register.mode", .kind = CONF_KIND_STRING,
		.offset = AT(register_mode), .judge = conf_judge_register_mode,
		.example = "\"contact\"" },
	[CONF_KEY_CALL] = {
		.name = "call", .kind = CONF_KIND_GROUP,
		.example = "{ max_duration = 14400; }" },
	[CONF_KEY_CALL_RECONNECT] = {
		.name = "call.reconnect", .kind = CONF_KIND_NUMBER,
		.offset = AT(call_reconnect_s), .min = 1,
		.max = LIMIT_RECONNECT_S, .example = "300" },
	[CONF_KEY_CALL_MAX_DURATION] = {
		.name = "call.max_duration", .kind = CONF_KIND_NUMBER,
		.offset = AT(call_max_duration_s), .max = 604800,
		.example = "14400" },
	[CONF_KEY_CALL_SESSION_EXPIRES] = {
		.name = "call.session_expires", .kind = CONF_KIND_NUMBER,
		.offset = AT(call_session_expires_s),
		.max = LIMIT_SESSION_EXPIRES_S, .example = "1800" },
	[CONF_KEY_CALL_SESSION_MIN] = {
		.name = "call.session_min", .kind = CONF_KIND_NUMBER,
		.offset = AT(call_session_min_s), .min = 1,
		.max = 7200, .example = "90" },
	[CONF_KEY_CALL_REFER] = {
		.name = "call.refer", .kind = CONF_KIND_STRING,
		.offset = AT(call_refer), .judge = conf_judge_refer,
		.example = "\"pass\"" },
	[CONF_KEY_LOG] = {
		.name = "log", .kind = CONF_KIND_STRING,
		.offset = AT(log_level), .judge = conf_judge_log,
		.is_live = true, .example = "\"info\"" },
};

/* Levenshtein; both are short, longer ones are never near. */
static unsigned int distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned int row[32], diagonal, above, best;

	if (la >= 32 || lb >= 32)
		return 32;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			above = row[j];
			best = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[lb];
}

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

const char *conf_suggest(const char *prefix, const char *name)
{
	unsigned int limit = strlen(name) > 4 ? 3 : 2, best = limit, d;
	size_t plen = strlen(prefix);
	const char *found = NULL;

	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const char *key = conf_keys[i].name;

		if (strncmp(key, prefix, plen) || strchr(key + plen, '.'))
			continue;
		d = distance(name, key + plen);
		if (d < best) {
			best = d;
			found = key;
		}
	}
	if (found)
		return found;
	/* The right name in the wrong group. */
	for (size_t i = 0; i < CONF_KEY_COUNT; i++)
		if (!strcmp(last_part(conf_keys[i].name), name))
			return conf_keys[i].name;
	return NULL;
}

static bool same_nets(const struct conf *x, const struct conf *y)
{
	if (x->allow_count != y->allow_count)
		return false;
	for (size_t i = 0; i < x->allow_count; i++)
		if (x->allow[i].prefix_bits != y->allow[i].prefix_bits ||
		    !addr_same_ip(&x->allow[i].base, &y->allow[i].base))
			return false;
	return true;
}

static bool same_value(const struct conf_key *key, const struct conf *x,
		       const struct conf *y)
{
	const char *a = (const char *)x + key->offset;
	const char *b = (const char *)y + key->offset;
	char *const *la, *const *lb;

	switch (key->kind) {
	case CONF_KIND_GROUP:
		return true;
	case CONF_KIND_IP:
		return addr_same_ip((const void *)a, (const void *)b);
	case CONF_KIND_ENDPOINT:
		return addr_equal((const void *)a, (const void *)b);
	case CONF_KIND_PORT:
		return *(const uint16_t *)a == *(const uint16_t *)b;
	case CONF_KIND_NUMBER:
		return *(const uint32_t *)a == *(const uint32_t *)b;
	case CONF_KIND_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case CONF_KIND_CHOICE:
		return x->datapath == y->datapath;
	case CONF_KIND_RANGE:
		return x->rtp_port_min == y->rtp_port_min &&
		       x->rtp_port_max == y->rtp_port_max;
	case CONF_KIND_NETS:
		return same_nets(x, y);
	case CONF_KIND_STRING:
	case CONF_KIND_PATH:
	case CONF_KIND_FILE:
		a = *(char *const *)a;
		b = *(char *const *)b;
		return a && b ? !strcmp(a, b) : a == b;
	case CONF_KIND_STRINGS:
		la = *(char **const *)a;
		lb = *(char **const *)b;
		if (!la || !lb)
			return la == lb;
		while (*la && *lb && !strcmp(*la, *lb)) {
			la++;
			lb++;
		}
		return !*la && !*lb;
	}
	return true;
}

int conf_diff(const struct conf *now, const struct conf *next, char **ret_names)
{
	size_t size;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);
	const char *separator = "";

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->is_live || same_value(key, now, next))
			continue;
		fprintf(f, "%s%s", separator, key->name);
		separator = " ";
	}
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret_names = text;
	return 0;
}
