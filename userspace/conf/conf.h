/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file (libconfig): read, checked whole, then handed out as
 * one immutable structure. All errors are reported, each with file:line.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/addr.h"

enum conf_datapath { CONF_DATAPATH_AUTO, CONF_DATAPATH_XDP, CONF_DATAPATH_USER };

struct conf {
	char *file;
	/* web */
	struct addr web;		/* address; port = wss_port (443) */
	uint16_t media_port;		/* 10000 */
	struct addr web_public;		/* public_address; = web if not given */
	char *certificate;		/* NULL: self-signed in the state folder */
	char *private_key;
	char **origins;			/* NULL-terminated, NULL: any */
	/* sip */
	struct addr sip;		/* address; port = port (5060) */
	uint16_t rtp_port_min, rtp_port_max;	/* "16384-32767" */
	struct addr_net *allow;
	size_t allow_count;
	/* the rest */
	char *pbx;			/* URI */
	char **pbx_backup;		/* URIs, NULL-terminated, or NULL */
	char *account_user;		/* pbx_register; NULL: none */
	char *account_auth_user;	/* NULL: account_user */
	char *account_password;		/* also read from the file */
	char *account_password_file;
	char *account_realm;		/* NULL: any */
	char *account_domain;		/* NULL: the host of pbx */
	uint32_t account_expires_s;	/* 3600 */
	char *account_calls_to;		/* AOR, or NULL: 404 */
	char *account_ring;		/* "all", "newest" */
	char *sip_resolv_conf;		/* NULL: /etc/resolv.conf */
	uint16_t sip_tls_port;		/* 5061 */
	char *sip_tls_certificate;	/* NULL: web.certificate */
	char *sip_tls_private_key;
	char *sip_tls_ca;		/* NULL: the system's */
	bool sip_tls_verify;		/* true */
	bool sip_tls_mutual;
	char *sip_srtp;			/* "none" */
	bool sip_avpf;
	char *sip_extensions;		/* "auto" */
	char *sip_dtmf;			/* "pass" */
	char *web_dtmf;			/* "pass" */
	char *sip_keyframes;		/* "auto" */
	enum conf_datapath datapath;
	char *datapath_attach;		/* "auto" */
	uint32_t datapath_streams;	/* 8192 */
	bool phone;			/* true */
	char *control;			/* /run/sluice/control.sock */
	char *state;			/* /var/lib/sluice */
	char *pins;			/* /sys/fs/bpf/sluice */
	struct addr metrics;		/* unset: off */
	char **ice_servers;		/* "stun:..." for the phone, or NULL */
	char **srtp_profiles;		/* names, NULL-terminated, never NULL */
	unsigned int workers;		/* 0: automatic */
	uint32_t web_timeout_s;		/* 30 */
	uint32_t sip_timeout_s;		/* 60; 0: off */
	bool check_from;		/* From must be a registered AOR (true) */
	uint32_t register_min_s, register_max_s; /* towards the browser */
	char *register_mode;		/* "contact", or "path" (RFC 3327) */
	uint32_t call_reconnect_s;	/* 300 */
	uint32_t call_max_duration_s;	/* 0: any */
	uint32_t call_session_expires_s; /* 1800; 0: none asked for */
	uint32_t call_session_min_s;	/* 90 */
	char *call_refer;		/* "pass" or "execute" */
	char *log_level;		/* "info" */
};

/*
 * Reads and checks `file`. Every fault is written to `errors` as
 * "file:line: what is wrong; what to do". Returns 0, or -EINVAL with at least
 * one line written. Files named by it must be readable.
 */
int conf_load(const char *file, FILE *errors, struct conf **ret);
void conf_free(struct conf *c);		/* accepts NULL */
/* Names of settings that differ and need a restart; -ENOMEM. Freed by caller. */
int conf_diff(const struct conf *now, const struct conf *next, char **ret_names);

#endif
