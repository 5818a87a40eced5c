/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside conf/: one table of settings drives reading, the suggestions for
 * misspelt names and the comparison of two configurations.
 */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "conf/conf.h"

/* In the order of conf_keys[]. */
enum conf_key_id {
	CONF_KEY_WEB, CONF_KEY_WEB_ADDRESS, CONF_KEY_WEB_WSS_PORT,
	CONF_KEY_WEB_MEDIA_PORT, CONF_KEY_WEB_CERTIFICATE,
	CONF_KEY_WEB_PRIVATE_KEY, CONF_KEY_WEB_PUBLIC_ADDRESS,
	CONF_KEY_WEB_ORIGINS, CONF_KEY_WEB_WORKERS, CONF_KEY_WEB_TIMEOUT,
	CONF_KEY_SIP, CONF_KEY_SIP_ADDRESS, CONF_KEY_SIP_PORT,
	CONF_KEY_SIP_RTP_PORTS, CONF_KEY_SIP_ALLOW, CONF_KEY_SIP_TIMEOUT,
	CONF_KEY_SIP_RESOLV_CONF, CONF_KEY_SIP_TLS, CONF_KEY_SIP_TLS_PORT,
	CONF_KEY_SIP_TLS_CERTIFICATE, CONF_KEY_SIP_TLS_PRIVATE_KEY,
	CONF_KEY_SIP_TLS_CA, CONF_KEY_SIP_TLS_VERIFY, CONF_KEY_SIP_TLS_MUTUAL,
	CONF_KEY_SIP_SRTP, CONF_KEY_SIP_AVPF,
	CONF_KEY_SIP_EXTENSIONS, CONF_KEY_SIP_DTMF, CONF_KEY_SIP_KEYFRAMES,
	CONF_KEY_WEB_DTMF,
	CONF_KEY_PBX, CONF_KEY_PBX_BACKUP,
	CONF_KEY_PBX_REGISTER, CONF_KEY_PBX_REGISTER_USER,
	CONF_KEY_PBX_REGISTER_AUTH_USER, CONF_KEY_PBX_REGISTER_PASSWORD,
	CONF_KEY_PBX_REGISTER_PASSWORD_FILE, CONF_KEY_PBX_REGISTER_REALM,
	CONF_KEY_PBX_REGISTER_DOMAIN, CONF_KEY_PBX_REGISTER_EXPIRES,
	CONF_KEY_PBX_REGISTER_CALLS_TO, CONF_KEY_PBX_REGISTER_RING,
	CONF_KEY_DATAPATH, CONF_KEY_DATAPATH_ATTACH, CONF_KEY_DATAPATH_STREAMS,
	CONF_KEY_PHONE, CONF_KEY_CONTROL,
	CONF_KEY_STATE, CONF_KEY_PINS, CONF_KEY_METRICS, CONF_KEY_ICE_SERVERS,
	CONF_KEY_SRTP_PROFILES, CONF_KEY_CHECK_FROM, CONF_KEY_REGISTER,
	CONF_KEY_REGISTER_MIN, CONF_KEY_REGISTER_MAX,
	CONF_KEY_REGISTER_MODE, CONF_KEY_CALL,
	CONF_KEY_CALL_RECONNECT, CONF_KEY_CALL_MAX_DURATION,
	CONF_KEY_CALL_SESSION_EXPIRES, CONF_KEY_CALL_SESSION_MIN,
	CONF_KEY_CALL_REFER, CONF_KEY_LOG,
	CONF_KEY_COUNT
};

enum conf_kind {
	CONF_KIND_GROUP,
	CONF_KIND_IP,		/* struct addr, only .ip is written */
	CONF_KIND_PORT,		/* uint16_t */
	CONF_KIND_NUMBER,	/* uint32_t */
	CONF_KIND_BOOL,
	CONF_KIND_STRING,	/* char * */
	CONF_KIND_PATH,		/* char *, absolute */
	CONF_KIND_FILE,		/* char *, a file that we can read */
	CONF_KIND_STRINGS,	/* char **, NULL-terminated */
	CONF_KIND_NETS,		/* sip.allow */
	CONF_KIND_RANGE,	/* sip.rtp_ports */
	CONF_KIND_CHOICE,	/* datapath */
	CONF_KIND_ENDPOINT,	/* struct addr with its port */
};

struct conf_key {
	const char *name;	/* "web.wss_port" */
	const char *example;	/* a right value, as it stands in the file */
	size_t offset;		/* in struct conf */
	enum conf_kind kind;
	unsigned int min, max;	/* of a number */
	bool is_live;		/* a reload applies it */
	/* Judges one string: NULL or what is wrong with it. */
	const char *(*judge)(const char *text);
};

extern const struct conf_key conf_keys[CONF_KEY_COUNT];

struct conf_place {
	const char *file;	/* libconfig's */
	unsigned int line;	/* 0: the setting is not in the file */
};

struct conf_reader {
	struct conf *conf;
	FILE *errors;
	unsigned int faults;
	struct conf_place top;	/* of `gateway` */
	struct conf_place place[CONF_KEY_COUNT];
};

/* One line each; only faults are counted. */
void conf_fault(struct conf_reader *r, struct conf_place at, const char *fmt,
		...) __attribute__((format(printf, 3, 4)));
void conf_warn(struct conf_reader *r, struct conf_place at, const char *fmt,
	       ...) __attribute__((format(printf, 3, 4)));

struct conf_place conf_place_of(const config_setting_t *setting);
/* Of the key, else of its group, else of `gateway`. */
struct conf_place conf_place_near(const struct conf_reader *r,
				  enum conf_key_id id);

/* All members of `gateway` into r->conf. */
void conf_read_group(struct conf_reader *r, const config_setting_t *group,
		     const char *prefix);
void conf_read_value(struct conf_reader *r, const config_setting_t *setting,
		     enum conf_key_id id);
/* What needs more than one setting, the host or the file system. */
void conf_check(struct conf_reader *r);

/* Nearest name below `prefix` ("", "web."), or anywhere; NULL: none is near. */
const char *conf_suggest(const char *prefix, const char *name);

const char *conf_judge_pbx(const char *text);
const char *conf_judge_origin(const char *text);
const char *conf_judge_ice_server(const char *text);
const char *conf_judge_srtp_profile(const char *text);
const char *conf_judge_user(const char *text);
const char *conf_judge_quotable(const char *text);
const char *conf_judge_domain(const char *text);
const char *conf_judge_aor(const char *text);
const char *conf_judge_ring(const char *text);
const char *conf_judge_register_mode(const char *text);
const char *conf_judge_log(const char *text);
const char *conf_judge_refer(const char *text);
const char *conf_judge_sip_srtp(const char *text);
const char *conf_judge_extensions(const char *text);
const char *conf_judge_sip_dtmf(const char *text);
const char *conf_judge_web_dtmf(const char *text);
const char *conf_judge_keyframes(const char *text);
const char *conf_judge_attach(const char *text);
/* Why no socket can carry this address in SDP; NULL: it can. */
const char *conf_judge_ip(const struct addr *a);

#endif
