/* SPDX-License-Identifier: Apache-2.0 */
/* From libconfig's tree into struct conf, one setting at a time. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf/reader.h"

static void report(struct conf_reader *r, struct conf_place at,
		   const char *label, const char *fmt, va_list ap)
{
	fprintf(r->errors, "%s:%u: %s", at.file ? at.file : r->conf->file,
		at.line ? at.line : 1, label);
	vfprintf(r->errors, fmt, ap);
	fputc('\n', r->errors);
}

void conf_fault(struct conf_reader *r, struct conf_place at, const char *fmt,
		...)
{
	va_list ap;

	r->faults++;
	va_start(ap, fmt);
	report(r, at, "", fmt, ap);
	va_end(ap);
}

void conf_warn(struct conf_reader *r, struct conf_place at, const char *fmt,
	       ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(r, at, "warning: ", fmt, ap);
	va_end(ap);
}

struct conf_place conf_place_of(const config_setting_t *setting)
{
	return (struct conf_place){
		.file = config_setting_source_file(setting),
		.line = config_setting_source_line(setting),
	};
}

struct conf_place conf_place_near(const struct conf_reader *r,
				  enum conf_key_id id)
{
	const char *name = conf_keys[id].name;
	const char *dot = strchr(name, '.');

	if (r->place[id].line)
		return r->place[id];
	for (size_t i = 0; dot && i < CONF_KEY_COUNT; i++)
		if (strlen(conf_keys[i].name) == (size_t)(dot - name) &&
		    !strncmp(conf_keys[i].name, name, (size_t)(dot - name)) &&
		    r->place[i].line)
			return r->place[i];
	return r->top;
}

static const char *type_name(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "a boolean";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	case CONFIG_TYPE_GROUP:
		return "a group";
	}
	return "something else";
}

static bool has_type(const struct conf_key *key, const config_setting_t *s,
		     const char **ret_wanted)
{
	int type = config_setting_type(s);

	switch (key->kind) {
	case CONF_KIND_GROUP:
		*ret_wanted = "a group";
		return type == CONFIG_TYPE_GROUP;
	case CONF_KIND_PORT:
	case CONF_KIND_NUMBER:
		*ret_wanted = "a number";
		return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	case CONF_KIND_BOOL:
		*ret_wanted = "true or false";
		return type == CONFIG_TYPE_BOOL;
	case CONF_KIND_STRINGS:
	case CONF_KIND_NETS:
		*ret_wanted = "a list";
		return type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY;
	default:
		*ret_wanted = "a string";
		return type == CONFIG_TYPE_STRING;
	}
}

static char *copy(const char *text)
{
	char *s = strdup(text);

	if (!s)
		abort();
	return s;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* "16384-32767" */
static bool parse_range(const char *text, unsigned long *ret_min,
			unsigned long *ret_max)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*ret_min = strtoul(text, &end, 10);
	while (*end == ' ')
		end++;
	if (*end++ != '-')
		return false;
	while (*end == ' ')
		end++;
	if (*end < '0' || *end > '9')
		return false;
	*ret_max = strtoul(end, &end, 10);
	return !*end;
}

static void read_range(struct conf_reader *r, struct conf_place at,
		       const char *name, const char *text)
{
	unsigned long min, max;

	if (!parse_range(text, &min, &max))
		conf_fault(r, at, "%s: \"%s\" is no range; write "
			   "\"16384-32767\"", name, text);
	else if (min < 1024 || max > 65535)
		conf_fault(r, at, "%s: %s leaves 1024 to 65535; write "
			   "\"16384-32767\"", name, text);
	else if (min % 2)
		conf_fault(r, at, "%s: %lu is odd, RTP takes the even port of "
			   "a pair (RFC 3550 11); begin at %lu", name, min,
			   min + 1);
	else if (max < min + 1)
		conf_fault(r, at, "%s: %s holds no pair of ports; write the "
			   "smaller first", name, text);
	else {
		if (max > 32767)
			conf_warn(r, at, "%s: above 32767 other programs of "
				  "this host take ports "
				  "(net.ipv4.ip_local_port_range)", name);
		r->conf->rtp_port_min = (uint16_t)min;
		r->conf->rtp_port_max = (uint16_t)max;
	}
}

static void read_choice(struct conf_reader *r, struct conf_place at,
			const char *name, const char *text)
{
	static const char *const names[] = { "auto", "xdp", "user" };

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			r->conf->datapath = (enum conf_datapath)i;
			return;
		}
	conf_fault(r, at, "%s: \"%s\" is unknown; write \"auto\", \"xdp\" or "
		   "\"user\"", name, text);
}

static void read_address(struct conf_reader *r, struct conf_place at,
			 const struct conf_key *key, const char *text,
			 struct addr *ret)
{
	bool has_port = key->kind == CONF_KIND_ENDPOINT;
	struct addr a;
	const char *wrong;

	if (has_port ? addr_parse(text, &a) : addr_parse_ip(text, &a)) {
		conf_fault(r, at, "%s: \"%s\" is no %s; write %s", key->name,
			   text, has_port ? "address:port" : "IP address",
			   key->example);
		return;
	}
	wrong = conf_judge_ip(&a);
	if (wrong) {
		conf_fault(r, at, "%s: \"%s\": %s", key->name, text, wrong);
		return;
	}
	memcpy(ret->ip, a.ip, sizeof(ret->ip));
	if (has_port)
		ret->port = a.port;
}

static void read_string(struct conf_reader *r, struct conf_place at,
			const struct conf_key *key, const char *text)
{
	void *field = (char *)r->conf + key->offset;
	const char *wrong = key->judge ? key->judge(text) : NULL;

	if (!*text || !is_printable(text)) {
		conf_fault(r, at, "%s: %s; write %s", key->name,
			   *text ? "has control characters" : "is empty",
			   key->example);
		return;
	}
	if (wrong) {
		conf_fault(r, at, "%s: \"%s\" %s", key->name, text, wrong);
		return;
	}
	if (key->kind == CONF_KIND_RANGE) {
		read_range(r, at, key->name, text);
	} else if (key->kind == CONF_KIND_CHOICE) {
		read_choice(r, at, key->name, text);
	} else if (key->kind == CONF_KIND_IP ||
		   key->kind == CONF_KIND_ENDPOINT) {
		read_address(r, at, key, text, field);
	} else if (key->kind == CONF_KIND_PATH && *text != '/') {
		conf_fault(r, at, "%s: \"%s\" is no absolute path; write %s",
			   key->name, text, key->example);
	} else {
		char **s = field;

		free(*s);
		*s = copy(text);
	}
}

static void read_number(struct conf_reader *r, struct conf_place at,
			const struct conf_key *key, long long value)
{
	void *field = (char *)r->conf + key->offset;
	bool is_port = key->kind == CONF_KIND_PORT;
	long long min = is_port ? 1 : key->min, max = is_port ? 65535 : key->max;

	if (value < min || value > max)
		conf_fault(r, at, "%s: %lld is outside %lld to %lld; write "
			   "%s = %s", key->name, value, min, max, key->name,
			   key->example);
	else if (is_port)
		*(uint16_t *)field = (uint16_t)value;
	else
		*(uint32_t *)field = (uint32_t)value;
}

static void read_strings(struct conf_reader *r, const config_setting_t *s,
			 const struct conf_key *key)
{
	char ***field = (void *)((char *)r->conf + key->offset);
	int count = config_setting_length(s), kept = 0;
	char **list = calloc((size_t)count + 1, sizeof(*list));

	if (!list)
		abort();
	for (int i = 0; i < count; i++) {
		const config_setting_t *e =
			config_setting_get_elem(s, (unsigned int)i);
		const char *text = config_setting_get_string(e);
		const char *wrong = text ? key->judge(text) : NULL;

		if (!text)
			conf_fault(r, conf_place_of(e), "%s: holds %s; write "
				   "strings: %s", key->name, type_name(e),
				   key->example);
		else if (wrong || !is_printable(text))
			conf_fault(r, conf_place_of(e), "%s: \"%s\" %s",
				   key->name, is_printable(text) ? text : "",
				   wrong ? wrong : "has control characters");
		else
			list[kept++] = copy(text);
	}
	if (!count)
		conf_fault(r, conf_place_of(s), "%s: is empty; leave it out, "
			   "or write %s", key->name, key->example);
	for (char **p = *field; p && *p; p++)
		free(*p);
	free(*field);
	*field = list;
}

static void read_nets(struct conf_reader *r, const config_setting_t *s,
		      const struct conf_key *key)
{
	int count = config_setting_length(s);
	struct addr_net net;

	free(r->conf->allow);
	r->conf->allow_count = 0;
	r->conf->allow = calloc((size_t)count + 1, sizeof(*r->conf->allow));
	if (!r->conf->allow)
		abort();
	for (int i = 0; i < count; i++) {
		const config_setting_t *e =
			config_setting_get_elem(s, (unsigned int)i);
		const char *text = config_setting_get_string(e);

		if (!text || addr_net_parse(text, &net)) {
			conf_fault(r, conf_place_of(e), "%s: \"%s\" is no "
				   "network; write %s", key->name,
				   text ? text : type_name(e), key->example);
			continue;
		}
		if (strstr(text, "/0"))
			conf_warn(r, conf_place_of(e), "%s: \"%s\" lets "
				  "anybody who reaches the SIP side in",
				  key->name, text);
		r->conf->allow[r->conf->allow_count++] = net;
	}
}

void conf_read_value(struct conf_reader *r, const config_setting_t *s,
		     enum conf_key_id id)
{
	const struct conf_key *key = &conf_keys[id];
	struct conf_place at = conf_place_of(s);
	const char *wanted;
	char prefix[32];

	r->place[id] = at;
	if (!has_type(key, s, &wanted)) {
		conf_fault(r, at, "%s: %s is wanted, this is %s; write %s = %s",
			   key->name, wanted, type_name(s), key->name,
			   key->example);
		return;
	}
	switch (key->kind) {
	case CONF_KIND_GROUP:
		snprintf(prefix, sizeof(prefix), "%s.", key->name);
		conf_read_group(r, s, prefix);
		break;
	case CONF_KIND_PORT:
	case CONF_KIND_NUMBER:
		read_number(r, at, key, config_setting_get_int64(s));
		break;
	case CONF_KIND_BOOL:
		*(bool *)((char *)r->conf + key->offset) =
			config_setting_get_bool(s);
		break;
	case CONF_KIND_STRINGS:
		read_strings(r, s, key);
		break;
	case CONF_KIND_NETS:
		read_nets(r, s, key);
		break;
	default:
		read_string(r, at, key, config_setting_get_string(s));
	}
}

void conf_read_group(struct conf_reader *r, const config_setting_t *group,
		     const char *prefix)
{
	int count = config_setting_length(group);
	size_t plen = strlen(prefix), id;

	for (int i = 0; i < count; i++) {
		const config_setting_t *s =
			config_setting_get_elem(group, (unsigned int)i);
		const char *name = config_setting_name(s), *near;

		for (id = 0; id < CONF_KEY_COUNT; id++)
			if (!strncmp(conf_keys[id].name, prefix, plen) &&
			    !strcmp(conf_keys[id].name + plen, name))
				break;
		if (id < CONF_KEY_COUNT) {
			conf_read_value(r, s, (enum conf_key_id)id);
			continue;
		}
		near = conf_suggest(prefix, name);
		if (near)
			conf_fault(r, conf_place_of(s), "%s%s is unknown; did "
				   "you mean %s?", prefix, name, near);
		else
			conf_fault(r, conf_place_of(s), "%s%s is unknown; "
				   "remove it", prefix, name);
	}
}
