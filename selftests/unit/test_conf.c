/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what is taken, and every fault with its line. */
#include <errno.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/reader.h"
#include "tap.h"

static char dir[] = "/tmp/test_conf.XXXXXX";
static char file[64];

static void write_at(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static int load(const char *text, struct conf **ret, char **ret_errors)
{
	size_t size;
	FILE *errors = open_memstream(ret_errors, &size);
	int err;

	if (text)
		write_at(file, text);
	err = conf_load(file, errors, ret);
	fclose(errors);
	return err;
}

/* Faults, without the warnings about this host. */
static unsigned int count_faults(const char *errors)
{
	unsigned int n = 0;

	while (*errors) {
		const char *end = strchr(errors, '\n');
		const char *warning = strstr(errors, ": warning: ");

		if (!warning || warning > end)
			n++;
		errors = end + 1;
	}
	return n;
}

#define WEB "web = { address = \"203.0.113.1\"; };"
#define SIP "sip = { address = \"198.51.100.1\"; };"
#define PBX "pbx = \"sip:198.51.100.10:5060;transport=udp\";"
#define GOOD WEB SIP PBX

/* `faults` lines in all; each of `expect` is "line: beginning". */
static const struct bad {
	const char *name, *text;
	unsigned int faults;
	const char *expect[6];
} bad_files[] = {
	{ "file_empty_is_fault", "", 1, { ":1: there is no group gateway" } },
	{ "gateway_empty_names_all_missing", "\ngateway = { };", 3,
	  { ":2: web.address is missing", ":2: sip.address is missing",
	    ":2: pbx is missing" } },
	{ "syntax_error_has_line", "gateway = {\n  web = {\n  sip = ;\n};", 1,
	  { ":3: syntax error" } },
	{ "setting_twice_has_line", "gateway = { " GOOD "\nphone = true;\n"
	  "phone = false; };", 1, { ":3: duplicate setting name" } },
	{ "outside_gateway_is_fault", "gateway = { " GOOD " };\npbx = \"x\";",
	  1, { ":2: pbx is unknown here" } },
	{ "unknown_key_suggests_nearest",
	  "gateway = { " GOOD "\ndatapth = \"xdp\"; };", 1,
	  { ":2: datapth is unknown; did you mean datapath?" } },
	{ "unknown_key_of_group_suggests_nearest",
	  "gateway = { web = { address = \"203.0.113.1\";\nwss_prt = 1; };"
	  SIP PBX "};", 1,
	  { ":2: web.wss_prt is unknown; did you mean web.wss_port?" } },
	{ "key_in_wrong_group_suggests_right_one",
	  "gateway = { " GOOD "\nrtp_ports = \"16384-32767\"; };", 1,
	  { ":2: rtp_ports is unknown; did you mean sip.rtp_ports?" } },
	{ "unknown_key_far_from_all_is_fault",
	  "gateway = { " GOOD "\nfrobnicate = 1; };", 1,
	  { ":2: frobnicate is unknown; remove it" } },
	{ "types_wrong_are_all_reported",
	  "gateway = { web = \"203.0.113.1\";\n" SIP PBX "\nphone = \"yes\";\n"
	  "datapath = 1;\nice_servers = \"stun:a\";\n};", 5,
	  { ":1: web: a group is wanted, this is a string",
	    ":1: web.address is missing",
	    ":3: phone: true or false is wanted, this is a string",
	    ":4: datapath: a string is wanted, this is a number",
	    ":5: ice_servers: a list is wanted, this is a string" } },
	{ "port_as_string_is_fault",
	  "gateway = { web = { address = \"203.0.113.1\";\n"
	  "wss_port = \"443\"; };" SIP PBX "};", 1,
	  { ":2: web.wss_port: a number is wanted, this is a string; write "
	    "web.wss_port = 443" } },
	{ "port_outside_is_fault",
	  "gateway = { web = { address = \"203.0.113.1\";\nwss_port = 65536;\n"
	  "media_port = 0; };" SIP PBX "};", 2,
	  { ":2: web.wss_port: 65536 is outside 1 to 65535",
	    ":3: web.media_port: 0 is outside" } },
	{ "address_unspecified_is_fault",
	  "gateway = { web = { address = \"0.0.0.0\"; };\n"
	  "sip = { address = \"::\"; }; " PBX "};", 2,
	  { ":1: web.address: \"0.0.0.0\": 0.0.0.0 cannot be offered",
	    ":2: sip.address: \"::\": :: cannot be offered" } },
	{ "address_no_unicast_is_fault",
	  "gateway = { web = { address = \"233.252.0.1\"; };\n"
	  "sip = { address = \"fe80::1\"; }; " PBX "};", 2,
	  { ":1: web.address: \"233.252.0.1\": is a multicast",
	    ":2: sip.address: \"fe80::1\": is link-local" } },
	{ "address_as_name_is_fault",
	  "gateway = { web = { address = \"sip.example.org\"; };" SIP PBX "};",
	  1, { ":1: web.address: \"sip.example.org\" is no IP address" } },
	{ "public_address_other_family_is_fault",
	  "gateway = { web = { address = \"203.0.113.1\";\n"
	  "public_address = \"2001:db8::1\"; };" SIP PBX "};", 1,
	  { ":2: web.public_address:" } },
	{ "range_odd_start_is_fault", "gateway = {" WEB PBX "\nsip = { address "
	  "= \"198.51.100.1\";\nrtp_ports = \"16385-32767\"; }; };", 1,
	  { ":3: sip.rtp_ports: 16385 is odd" } },
	{ "range_reversed_is_fault", "gateway = {" WEB PBX "\nsip = { address "
	  "= \"198.51.100.1\";\nrtp_ports = \"30000-20000\"; }; };", 1,
	  { ":3: sip.rtp_ports: 30000-20000 holds no pair" } },
	{ "range_malformed_is_fault", "gateway = {" WEB PBX "\nsip = { address "
	  "= \"198.51.100.1\";\nrtp_ports = \"16384:32767\"; }; };", 1,
	  { ":3: sip.rtp_ports: \"16384:32767\" is no range" } },
	{ "range_privileged_is_fault", "gateway = {" WEB PBX "\nsip = { address "
	  "= \"198.51.100.1\";\nrtp_ports = \"500-900\"; }; };", 1,
	  { ":3: sip.rtp_ports: 500-900 leaves" } },
	{ "media_port_in_range_of_same_address_is_fault",
	  "gateway = { web = { address = \"203.0.113.1\";\n"
	  "media_port = 20000; };\nsip = { address = \"203.0.113.1\"; };" PBX
	  "};", 1, { ":2: web.media_port: 20000 lies in sip.rtp_ports" } },
	{ "ports_of_same_address_clash",
	  "gateway = { web = { address = \"203.0.113.1\";\nwss_port = 5060; };"
	  "\nsip = { address = \"203.0.113.1\";\nport = 5060; };" PBX "\n"
	  "metrics = \"203.0.113.1:5060\"; };", 3,
	  { ":4: sip.port: 5060/tcp", ":5: metrics: 5060/tcp" } },
	{ "sip_port_in_range_is_fault", "gateway = {" WEB PBX "\nsip = { "
	  "address = \"198.51.100.1\";\nport = 16400; }; };", 1,
	  { ":3: sip.port: 16400 lies in sip.rtp_ports" } },
	{ "metrics_without_port_is_fault", "gateway = {" GOOD "\n"
	  "metrics = \"127.0.0.1\"; };", 1,
	  { ":2: metrics: \"127.0.0.1\" is no address:port" } },
	{ "pbx_not_uri_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"198.51.100.10\"; };", 1,
	  { ":2: pbx: \"198.51.100.10\" is no SIP URI" } },
	{ "pbx_sips_over_udp_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sips:pbx.example.org;transport=udp\"; };", 1,
	  { ":2: pbx: \"sips:pbx.example.org;transport=udp\" is sips: over "
	    "something else than TLS" } },
	{ "tls_certificate_without_key_is_fault", "gateway = {" WEB PBX "\n"
	  "sip = { address = \"198.51.100.1\";\n"
	  "tls = { certificate = \"/etc/hostname\"; }; }; };", 2,
	  { ":3: sip.tls.certificate: \"/etc/hostname\" holds no PEM",
	    ":3: sip.tls.certificate: needs sip.tls.private_key" } },
	{ "tls_port_of_sip_is_fault", "gateway = {" WEB PBX "\n"
	  "sip = { address = \"198.51.100.1\";\n"
	  "tls = { port = 5060; }; }; };", 1,
	  { ":3: sip.tls.port: 5060/tcp is taken by sip.port" } },
	{ "pbx_with_bad_transport_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sip:pbx.example.org;transport=ws\"; };", 1,
	  { ":2: pbx: \"sip:pbx.example.org;transport=ws\" has an unknown" } },
	{ "pbx_with_bad_port_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sip:pbx.example.org:70000\"; };", 1,
	  { ":2: pbx: \"sip:pbx.example.org:70000\" has a port" } },
	{ "pbx_with_bad_address_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sip:198.51.100.300\"; };", 1,
	  { ":2: pbx: \"sip:198.51.100.300\" has a malformed address" } },
	{ "pbx_with_user_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sip:a@198.51.100.10\"; };", 1,
	  { ":2: pbx: \"sip:a@198.51.100.10\" has a user part" } },
	{ "pbx_is_ourselves_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sip:198.51.100.1\"; };", 1,
	  { ":2: pbx: is the gateway's own" } },
	{ "pbx_is_ourselves_by_tls_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sips:198.51.100.1\"; };", 1,
	  { ":2: pbx: is the gateway's own" } },
	{ "pbx_backup_is_ourselves_is_fault", "gateway = {" GOOD "\n"
	  "pbx_backup = ( \"sip:198.51.100.11\",\n"
	  "\"sip:198.51.100.1:5060\" ); };", 1,
	  { ":2: pbx_backup: \"sip:198.51.100.1:5060\" is the gateway's" } },
	{ "pbx_backup_too_many_is_fault", "gateway = {" GOOD "\n"
	  "pbx_backup = ( \"sip:a\", \"sip:b\", \"sip:c\", \"sip:d\", "
	  "\"sip:e\", \"sip:f\", \"sip:g\", \"sip:h\" ); };", 1,
	  { ":2: pbx_backup: 8 are too many; name 7 at most" } },
	{ "origin_with_port_of_scheme_is_fault",
	  "gateway = { web = { address = \"203.0.113.1\"; origins = (\n"
	  "\"https://a.example:8443\",\n\"https://a.example:443\"); };" SIP
	  PBX "};", 1, { ":3: web.origins: \"https://a.example:443\" has the "
	    "port of its scheme" } },
	{ "resolv_conf_missing_is_fault", "gateway = {" WEB PBX "\n"
	  "sip = { address = \"198.51.100.1\";\n"
	  "resolv_conf = \"/nonexistent/a\"; }; };", 1,
	  { ":3: sip.resolv_conf: \"/nonexistent/a\": No such file" } },
	{ "include_of_folder_is_fault", "\n@include \".\"\n"
	  "gateway = {" GOOD "};", 1, { ":2: @include: \"" } },
	{ "certificate_missing_file_is_fault",
	  "gateway = { web = { address = \"203.0.113.1\";\n"
	  "certificate = \"/nonexistent/a.pem\";\n"
	  "private_key = \"/nonexistent/b.pem\"; };" SIP PBX "};", 2,
	  { ":2: web.certificate: \"/nonexistent/a.pem\": No such file",
	    ":3: web.private_key: \"/nonexistent/b.pem\": No such file" } },
	{ "certificate_folder_is_fault",
	  "gateway = { web = { address = \"203.0.113.1\";\n"
	  "certificate = \"/tmp\"; };" SIP PBX "};", 2,
	  { ":2: web.certificate: \"/tmp\" holds no PEM",
	    ":2: web.certificate: needs web.private_key" } },
	{ "lists_with_bad_members_name_their_lines",
	  "gateway = { web = { address = \"203.0.113.1\"; origins = (\n"
	  "\"https://phone.example.org\",\n\"https://phone.example.org/\",\n"
	  "\"phone.example.org\"); };\nsip = { address = \"198.51.100.1\";\n"
	  "allow = (\"198.51.100.0/33\", 7); };" PBX "\n"
	  "ice_servers = (\"http://x\");\nsrtp_profiles = (\"AES\"); };", 6,
	  { ":3: web.origins:", ":4: web.origins:", ":6: sip.allow: \"198",
	    ":6: sip.allow: \"a number\"", ":7: ice_servers:",
	    ":8: srtp_profiles: \"AES\" is no SRTP profile" } },
	{ "ice_server_stun_with_transport_is_fault", "gateway = {" GOOD "\n"
	  "ice_servers = (\"stun:a.example\",\n"
	  "\"stun:a.example?transport=udp\"); };", 1,
	  { ":3: ice_servers: \"stun:a.example?transport=udp\" has something "
	    "after the host" } },
	{ "choices_unknown_are_faults", "gateway = {" GOOD "\n"
	  "datapath = \"dpdk\";\nlog = \"loud\"; };", 2,
	  { ":2: datapath: \"dpdk\" is unknown",
	    ":3: log: \"loud\" is no log level" } },
	{ "paths_relative_or_long_are_faults", "gateway = {" GOOD "\n"
	  "state = \"var\";\ncontrol = \"/run/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaa\"; };", 2,
	  { ":2: state: \"var\" is no absolute path",
	    ":3: control: a socket's path has at most 107" } },
	{ "register_min_above_max_is_fault", "gateway = {" GOOD "\n"
	  "register = { min = 600;\nmax = 60; }; };", 1,
	  { ":3: register.max: 60 is less than register.min 600" } },
	{ "account_without_user_is_fault", "gateway = {" GOOD "\n"
	  "pbx_register = { password = \"x\"; }; };", 1,
	  { ":2: pbx_register.user: is missing; write who registers" } },
	{ "account_without_password_is_fault", "gateway = {" GOOD "\n"
	  "pbx_register = { user = \"trunk\"; }; };", 1,
	  { ":2: pbx_register: write one of password and password_file" } },
	{ "account_password_file_missing_is_fault", "gateway = {" GOOD "\n"
	  "pbx_register = { user = \"trunk\";\n"
	  "password_file = \"/nowhere/secret\"; }; };", 1,
	  { ":3: pbx_register.password_file: \"/nowhere/secret\": " } },
	{ "account_user_with_domain_is_fault", "gateway = {" GOOD "\n"
	  "pbx_register = { user = \"sip:trunk@example.com\";\n"
	  "password = \"x\"; realm = \"a\\\"b\";\n"
	  "calls_to = \"alice\"; }; };", 3,
	  { ":2: pbx_register.user: \"sip:trunk@example.com\" is no user",
	    ":3: pbx_register.realm: \"a\"b\" goes between quotes",
	    ":4: pbx_register.calls_to: \"alice\" is no address of" } },
	{ "unknown_register_mode_is_fault", "gateway = {" GOOD "\n"
	  "register = { mode = \"gruu\"; }; };", 1,
	  { ":2: register.mode: \"gruu\" is no such mode; write contact" } },
	{ "string_with_newline_is_fault", "gateway = {" WEB SIP "\n"
	  "pbx = \"sip:a\\nb\"; };", 1, { ":2: pbx: has control" } },
};

static void test_bad(void)
{
	char name[128], line[256];
	struct conf *conf;
	char *errors;
	int err;

	for (size_t i = 0; i < sizeof(bad_files) / sizeof(*bad_files); i++) {
		const struct bad *b = &bad_files[i];
		bool all = true;

		conf = NULL;
		err = load(b->text, &conf, &errors);
		for (size_t j = 0; j < 6 && b->expect[j]; j++) {
			snprintf(line, sizeof(line), "%s%s", file,
				 b->expect[j]);
			if (!strstr(errors, line)) {
				all = false;
				printf("# not said: %s\n", line);
			}
		}
		snprintf(name, sizeof(name), "conf_%s", b->name);
		if (!CHECK(err == -EINVAL && !conf && all &&
			   count_faults(errors) == b->faults, name))
			printf("# err %d, %u faults, wanted %u\n# %s\n", err,
			       count_faults(errors), b->faults, errors);
		free(errors);
		conf_free(conf);
	}
}

static void test_ten_lines(void)
{
	struct conf *c = NULL;
	char *errors, buf[ADDR_STRLEN];
	int err;

	err = load("gateway = {\n"
		   "  web = { address = \"203.0.113.1\"; };\n"
		   "  sip = { address = \"198.51.100.1\"; };\n"
		   "  pbx = \"sip:198.51.100.10:5060;transport=udp\";\n"
		   "};\n", &c, &errors);
	if (!CHECK(err == 0, "conf_ten_lines_load")) {
		printf("# %s\n", errors);
		return;
	}
	CHECK(strstr(errors, ":2: warning: web.address: 203.0.113.1 is not an"),
	      "conf_address_of_other_host_warns");
	CHECK_STR(addr_format(&c->web, buf), "203.0.113.1:443",
		  "conf_ten_lines_web_default");
	CHECK_STR(addr_format(&c->sip, buf), "198.51.100.1:5060",
		  "conf_ten_lines_sip_default");
	CHECK(addr_equal(&c->web, &c->web_public),
	      "conf_public_address_not_given_is_web");
	CHECK(c->media_port == 10000 && c->rtp_port_min == 16384 &&
	      c->rtp_port_max == 32767 && c->phone && c->check_from &&
	      c->datapath == CONF_DATAPATH_AUTO && !c->origins &&
	      !c->certificate && !addr_is_set(&c->metrics) && !c->ice_servers,
	      "conf_ten_lines_other_defaults");
	CHECK_STR(c->srtp_profiles[0], "AEAD_AES_128_GCM",
		  "conf_srtp_profiles_default_gcm_first");
	free(errors);
	conf_free(c);
}

static const char all_settings[] =
	"gateway = {\n"
	"  web = { address = \"2001:db8::1\"; wss_port = 8443;\n"
	"    media_port = 10002; public_address = \"2001:db8::2\";\n"
	"    certificate = \"%s/cert.pem\"; private_key = \"%s/key.pem\";\n"
	"    origins = ( \"https://a.example\", \"https://b.example:8443\" );\n"
	"    workers = 3; timeout = 45; };\n"
	"  sip = { address = \"198.51.100.1\"; port = 5070;\n"
	"    rtp_ports = \"20000-40001\"; timeout = 0;\n"
	"    allow = ( \"198.51.100.0/24\", \"2001:db8::7\" ); };\n"
	"  pbx = \"sip:[2001:db8::9]:5062;transport=tcp\";\n"
	"  datapath = \"user\"; phone = false; control = \"/tmp/c.sock\";\n"
	"  state = \"/tmp/s\"; pins = \"/sys/fs/bpf/x\";\n"
	"  metrics = \"127.0.0.1:9090\";\n"
	"  ice_servers = ( \"stun:stun.example.org\",\n"
	"    \"turn:turn.example.org:3478?transport=tcp\" );\n"
	"  srtp_profiles = ( \"AES_CM_128_HMAC_SHA1_80\" );\n"
	"  check_from = false; register = { min = 30; max = 90;\n"
	"  mode = \"path\"; };\n"
	"  call = { reconnect = 60; max_duration = 7200;\n"
	"  session_expires = 600; session_min = 120; };\n"
	"  log = \"debug\";\n"
	"};\n";

static void test_all_settings(void)
{
	char text[4096], path[96], buf[ADDR_STRLEN];
	struct conf *c = NULL, *d = NULL;
	char *errors, *names = NULL;
	struct addr peer;

	snprintf(path, sizeof(path), "%s/cert.pem", dir);
	write_at(path, "-----BEGIN CERTIFICATE-----\n");
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	write_at(path, "-----BEGIN PRIVATE KEY-----\n");
	chmod(path, 0644);
	snprintf(text, sizeof(text), all_settings, dir, dir);
	if (!CHECK(load(text, &c, &errors) == 0, "conf_all_settings_load")) {
		printf("# %s\n", errors);
		return;
	}
	CHECK_STR(addr_format(&c->web, buf), "[2001:db8::1]:8443",
		  "conf_ipv6_web_is_taken");
	CHECK_STR(addr_format_ip(&c->web_public, buf), "2001:db8::2",
		  "conf_public_address_is_taken");
	CHECK(c->media_port == 10002 && c->workers == 3 && !c->phone &&
	      c->web_timeout_s == 45 && c->sip_timeout_s == 0 &&
	      c->sip.port == 5070 && c->rtp_port_min == 20000 &&
	      c->rtp_port_max == 40001 && !c->check_from &&
	      c->register_min_s == 30 && c->register_max_s == 90 &&
	      !strcmp(c->register_mode, "path") &&
	      c->call_reconnect_s == 60 && c->call_max_duration_s == 7200 &&
	      c->call_session_expires_s == 600 &&
	      c->call_session_min_s == 120 &&
	      c->datapath == CONF_DATAPATH_USER && c->metrics.port == 9090,
	      "conf_numbers_are_taken");
	CHECK(!strcmp(c->origins[1], "https://b.example:8443") &&
	      !c->origins[2] && !strncmp(c->ice_servers[1], "turn:", 5) &&
	      !c->ice_servers[2] && !c->srtp_profiles[1],
	      "conf_lists_are_taken");
	addr_parse_ip("198.51.100.77", &peer);
	CHECK(c->allow_count == 2 && addr_net_contains(&c->allow[0], &peer) &&
	      !addr_net_contains(&c->allow[1], &peer),
	      "conf_allow_networks_are_taken");
	CHECK(strstr(errors, "warning: sip.rtp_ports: above 32767"),
	      "conf_rtp_ports_above_32767_warn");
	CHECK(strstr(errors, "warning: web.private_key: everybody may read"),
	      "conf_private_key_open_to_all_warns");
	CHECK(strstr(errors, "warning: ice_servers: \"turn:turn.example.org"),
	      "conf_turn_without_credentials_warns");
	free(errors);

	if (load("gateway = {" GOOD "};", &d, &errors) == 0) {
		CHECK_INT(conf_diff(c, c, &names), 0, "conf_diff_same_works");
		CHECK_STR(names, "", "conf_diff_same_is_empty");
		free(names);
		conf_diff(c, d, &names);
		CHECK(strstr(names, "web.wss_port") && strstr(names, "pbx") &&
		      strstr(names, "sip.allow") && strstr(names, "register.max"),
		      "conf_diff_other_names_settings");
		CHECK(!strstr(names, "log"), "conf_diff_log_needs_no_restart");
		free(names);
	}
	free(errors);
	conf_free(c);
	conf_free(d);
}

static void write_pair(const char *certificate, const char *key, long until_s)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	char path[96];
	FILE *f;

	X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x), until_s);
	X509_set_pubkey(x, pkey);
	X509_sign(x, pkey, EVP_sha256());
	snprintf(path, sizeof(path), "%s/%s", dir, certificate);
	f = fopen(path, "w");
	PEM_write_X509(f, x);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s", dir, key);
	f = fopen(path, "w");
	PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

static void test_pair(void)
{
	char text[512], wanted[160];
	struct conf *c = NULL;
	char *errors;

	snprintf(text, sizeof(text), "gateway = { web = { address = "
		 "\"203.0.113.1\";\ncertificate = \"%s/cert.pem\";\n"
		 "private_key = \"%s/key.pem\"; };" SIP PBX "};", dir, dir);
	write_pair("cert.pem", "key.pem", 3600);
	CHECK_INT(load(text, &c, &errors), 0, "conf_certificate_with_its_key");
	CHECK(!strstr(errors, "expired"), "conf_certificate_valid_warns_not");
	free(errors);
	conf_free(c);
	write_pair("cert.pem", "other.pem", -3600);
	c = NULL;
	CHECK_INT(load(text, &c, &errors), -EINVAL,
		  "conf_certificate_with_another_key_is_fault");
	snprintf(wanted, sizeof(wanted), ":3: web.private_key: \"%s/key.pem\" "
		 "is not the key of web.certificate", dir);
	CHECK(strstr(errors, wanted), "conf_key_of_another_has_line");
	CHECK(strstr(errors, ":2: warning: web.certificate: ") &&
	      strstr(errors, "has expired"), "conf_certificate_expired_warns");
	free(errors);
	conf_free(c);
}

static void test_password_file(void)
{
	char text[512], path[96];
	struct conf *c = NULL;
	char *errors;

	snprintf(path, sizeof(path), "%s/secret", dir);
	write_at(path, "\nword\n");
	snprintf(text, sizeof(text), "gateway = {" GOOD "\n"
		 "pbx_register = { user = \"trunk\";\n"
		 "password_file = \"%s\"; }; };", path);
	CHECK_INT(load(text, &c, &errors), -EINVAL,
		  "conf_password_of_nothing_is_fault");
	CHECK(strstr(errors, ":3: pbx_register.password_file: "),
	      "conf_password_of_nothing_has_line");
	free(errors);
	write_at(path, "word\r\n");
	CHECK(!load(text, &c, &errors) && !strcmp(c->account_password, "word"),
	      "conf_password_is_the_first_line");
	free(errors);
	conf_free(c);
	unlink(path);
}

static void test_unreadable(void)
{
	char good[sizeof(file)];
	struct conf *c = NULL;
	char *errors;

	memcpy(good, file, sizeof(file));
	snprintf(file, sizeof(file), "%s/none", dir);
	CHECK_INT(load(NULL, &c, &errors), -EINVAL, "conf_file_missing_is_fault");
	CHECK(strstr(errors, "/none:1: No such file"),
	      "conf_file_missing_says_so");
	free(errors);
	snprintf(file, sizeof(file), "%s", dir);
	CHECK_INT(load(NULL, &c, &errors), -EINVAL, "conf_file_folder_is_fault");
	free(errors);
	memcpy(file, good, sizeof(file));
}

/* Every setting of the table stands in the page and in the man page. */
static void test_documentation(void)
{
	static const char *const pages[] = {
		"Documentation/configuration.rst",
		"Documentation/man/sluice.conf.5" };
	static char text[65536];
	bool all = true;
	FILE *f;

	for (int i = 0; i < 2; i++) {
		f = fopen(pages[i], "r");
		if (!f) {
			tap_skip("documentation_names_every_setting",
				 "not run in the source folder");
			return;
		}
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
		for (int k = 0; k < CONF_KEY_COUNT; k++) {
			if (conf_keys[k].kind == CONF_KIND_GROUP ||
			    strstr(text, conf_keys[k].name))
				continue;
			all = false;
			printf("# %s: no %s\n", pages[i], conf_keys[k].name);
		}
	}
	CHECK(all, "documentation_names_every_setting");
}

int main(void)
{
	static const char *const files[] = { "conf", "cert.pem", "key.pem",
					     "other.pem" };
	char path[96];

	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(file, sizeof(file), "%s/conf", dir);
	test_ten_lines();
	test_all_settings();
	test_bad();
	test_pair();
	test_password_file();
	test_unreadable();
	test_documentation();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	return tap_done();
}
