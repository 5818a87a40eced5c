/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/reader.h"

#define INCLUDE_DEPTH	10	/* libconfig's */

static void free_strings(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	free(c->file);
	free(c->certificate);
	free(c->private_key);
	free_strings(c->origins);
	free(c->allow);
	free(c->pbx);
	free_strings(c->pbx_backup);
	free(c->account_user);
	free(c->account_auth_user);
	if (c->account_password)
		explicit_bzero(c->account_password,
			       strlen(c->account_password));
	free(c->account_password);
	free(c->account_password_file);
	free(c->account_realm);
	free(c->account_domain);
	free(c->account_calls_to);
	free(c->sip_resolv_conf);
	free(c->sip_tls_certificate);
	free(c->sip_tls_private_key);
	free(c->sip_tls_ca);
	free(c->control);
	free(c->state);
	free(c->pins);
	free_strings(c->ice_servers);
	free_strings(c->srtp_profiles);
	free(c->log_level);
	free(c->call_refer);
	free(c->account_ring);
	free(c->register_mode);
	free(c->sip_srtp);
	free(c->sip_extensions);
	free(c->sip_dtmf);
	free(c->web_dtmf);
	free(c->sip_keyframes);
	free(c->datapath_attach);
	free(c);
}

static int set_defaults(struct conf *c, const char *file)
{
	c->file = strdup(file);
	c->web.port = 443;
	c->media_port = 10000;
	c->sip.port = 5060;
	c->rtp_port_min = 16384;
	c->rtp_port_max = 32767;
	c->datapath = CONF_DATAPATH_AUTO;
	c->datapath_streams = 8192;
	c->phone = true;
	c->control = strdup("/run/sluice/control.sock");
	c->state = strdup("/var/lib/sluice");
	c->pins = strdup("/sys/fs/bpf/sluice");
	c->web_timeout_s = 30;
	c->sip_timeout_s = 60;
	c->check_from = true;
	c->sip_tls_port = 5061;
	c->sip_tls_verify = true;
	c->account_expires_s = 3600;
	c->register_min_s = 60;
	c->register_max_s = 600;
	c->call_reconnect_s = 300;
	c->call_session_expires_s = 1800;
	c->call_session_min_s = 90;
	c->log_level = strdup("info");
	c->call_refer = strdup("pass");
	c->account_ring = strdup("all");
	c->register_mode = strdup("contact");
	c->sip_srtp = strdup("none");
	c->sip_extensions = strdup("auto");
	c->sip_dtmf = strdup("pass");
	c->web_dtmf = strdup("pass");
	c->sip_keyframes = strdup("auto");
	c->datapath_attach = strdup("auto");
	c->srtp_profiles = calloc(3, sizeof(*c->srtp_profiles));
	if (!c->file || !c->control || !c->state || !c->pins || !c->log_level ||
	    !c->call_refer || !c->account_ring || !c->register_mode ||
	    !c->sip_srtp || !c->sip_extensions || !c->sip_dtmf ||
	    !c->web_dtmf || !c->sip_keyframes || !c->datapath_attach ||
	    !c->srtp_profiles)
		return -ENOMEM;
	c->srtp_profiles[0] = strdup("AEAD_AES_128_GCM");
	c->srtp_profiles[1] = strdup("AES_CM_128_HMAC_SHA1_80");
	return c->srtp_profiles[0] && c->srtp_profiles[1] ? 0 : -ENOMEM;
}

static void read_tree(struct conf_reader *r, const config_t *config)
{
	const config_setting_t *root = config_root_setting(config);
	const config_setting_t *gateway = NULL;
	int count = config_setting_length(root);

	for (int i = 0; i < count; i++) {
		const config_setting_t *s =
			config_setting_get_elem(root, (unsigned int)i);
		const char *name = config_setting_name(s);

		if (!strcmp(name, "gateway"))
			gateway = s;
		else
			conf_fault(r, conf_place_of(s), "%s is unknown here; "
				   "everything stands in gateway = { ... };",
				   name);
	}
	if (!gateway || !config_setting_is_group(gateway)) {
		conf_fault(r, gateway ? conf_place_of(gateway) : r->top,
			   "there is no group gateway; write "
			   "gateway = { web = ...; sip = ...; pbx = ...; };");
		return;
	}
	r->top = conf_place_of(gateway);
	conf_read_group(r, gateway, "");
	conf_check(r);
}

/* The path between the quotes of an @include; NULL if the line is none. */
static const char *included(char *line)
{
	static const char word[] = "@include";
	char *p = line + strspn(line, " \t");

	if (strncmp(p, word, sizeof(word) - 1))
		return NULL;
	p += sizeof(word) - 1;
	p += strspn(p, " \t");
	if (*p++ != '"')
		return NULL;
	p[strcspn(p, "\"\r\n")] = '\0';
	return p;
}

/*
 * libconfig's scanner calls exit() when read() fails, as on a folder: at a
 * reload it would be the daemon that ends.
 */
static void check_includes(struct conf_reader *r, const char *folder,
			   const char *file, unsigned int depth)
{
	struct conf_place at = { .file = file };
	char line[1024], path[PATH_MAX];
	const char *name;
	FILE *f = fopen(file, "re");
	struct stat st;

	while (f && fgets(line, sizeof(line), f)) {
		at.line++;
		name = included(line);
		if (!name)
			continue;
		snprintf(path, sizeof(path), "%s%s%s",
			 *name == '/' ? "" : folder, *name == '/' ? "" : "/",
			 name);
		if (stat(path, &st))
			continue;	/* libconfig says so itself */
		if (!S_ISREG(st.st_mode))
			conf_fault(r, at, "@include: \"%s\" is no regular "
				   "file; name one, or each file of a folder",
				   path);
		else if (depth)
			check_includes(r, folder, path, depth - 1);
	}
	if (f)
		fclose(f);
}

static void read_file(struct conf_reader *r, config_t *config,
		      const char *folder)
{
	const char *file = r->conf->file;
	struct stat st;
	const char *in;

	if (stat(file, &st)) {
		conf_fault(r, r->top, "%s; name an existing file",
			   strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		conf_fault(r, r->top, "is no regular file; name one");
		return;
	}
	check_includes(r, folder, file, INCLUDE_DEPTH);
	if (r->faults)
		return;
	if (config_read_file(config, file)) {
		read_tree(r, config);
		return;
	}
	if (config_error_type(config) == CONFIG_ERR_FILE_IO) {
		conf_fault(r, r->top, "cannot be read; give this user the "
			   "right to");
		return;
	}
	in = config_error_file(config);
	conf_fault(r, (struct conf_place){
			      .file = in,
			      .line = (unsigned int)config_error_line(config) },
		   "%s; look for a missing ; or } here or on the line above",
		   config_error_text(config));
}

int conf_load(const char *file, FILE *errors, struct conf **ret)
{
	struct conf_reader r = { .errors = errors };
	char *copy = strdup(file);
	const char *folder;
	config_t config;

	r.conf = calloc(1, sizeof(*r.conf));
	if (!copy || !r.conf || set_defaults(r.conf, file)) {
		fprintf(errors, "%s:1: out of memory\n", file);
		free(copy);
		conf_free(r.conf);
		return -EINVAL;
	}
	config_init(&config);
	/* @include is relative to the file that includes. */
	folder = dirname(copy);
	config_set_include_dir(&config, folder);
	read_file(&r, &config, folder);
	config_destroy(&config);
	free(copy);
	if (r.faults) {
		conf_free(r.conf);
		return -EINVAL;
	}
	if (!addr_is_set(&r.conf->web_public))
		r.conf->web_public = r.conf->web;
	r.conf->web_public.port = r.conf->web.port;
	*ret = r.conf;
	return 0;
}
