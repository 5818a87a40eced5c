/* SPDX-License-Identifier: Apache-2.0 */
/* What one setting alone cannot tell: clashes, files, the host. */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/reader.h"
#include "core/limits.h"

/* A whole chain of certificates; what comes later is not looked at. */
#define PEM_LOOK_BYTES	65536

static bool given(const struct conf_reader *r, enum conf_key_id id)
{
	return r->place[id].line != 0;
}

static void check_required(struct conf_reader *r)
{
	static const enum conf_key_id keys[] = { CONF_KEY_WEB_ADDRESS,
		CONF_KEY_SIP_ADDRESS, CONF_KEY_PBX };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!given(r, keys[i]))
			conf_fault(r, conf_place_near(r, keys[i]),
				   "%s is missing; write %s = %s",
				   conf_keys[keys[i]].name,
				   conf_keys[keys[i]].name,
				   conf_keys[keys[i]].example);
}

/* "RTP: 10000 of web.media_port is in sip.rtp_ports" and its kin. */
static void check_clashes(struct conf_reader *r)
{
	const struct conf *c = r->conf;
	bool same = addr_is_set(&c->web) && addr_same_ip(&c->web, &c->sip);

	if (same && c->web.port == c->sip.port)
		conf_fault(r, conf_place_near(r, CONF_KEY_SIP_PORT),
			   "sip.port: %u/tcp of this address is taken by "
			   "web.wss_port; change one", c->sip.port);
	if (same && c->media_port == c->sip.port)
		conf_fault(r, conf_place_near(r, CONF_KEY_WEB_MEDIA_PORT),
			   "web.media_port: %u/udp of this address is taken by "
			   "sip.port; change one", c->media_port);
	if (same && c->media_port >= c->rtp_port_min &&
	    c->media_port <= c->rtp_port_max)
		conf_fault(r, conf_place_near(r, CONF_KEY_WEB_MEDIA_PORT),
			   "web.media_port: %u lies in sip.rtp_ports %u-%u of "
			   "the same address; change one", c->media_port,
			   c->rtp_port_min, c->rtp_port_max);
	if (c->sip.port >= c->rtp_port_min && c->sip.port <= c->rtp_port_max)
		conf_fault(r, conf_place_near(r, CONF_KEY_SIP_PORT),
			   "sip.port: %u lies in sip.rtp_ports %u-%u; change "
			   "one", c->sip.port, c->rtp_port_min,
			   c->rtp_port_max);
	if (c->sip_tls_port == c->sip.port)
		conf_fault(r, conf_place_near(r, CONF_KEY_SIP_TLS_PORT),
			   "sip.tls.port: %u/tcp is taken by sip.port; change "
			   "one", c->sip_tls_port);
	if (same && c->sip_tls_port == c->web.port)
		conf_fault(r, conf_place_near(r, CONF_KEY_SIP_TLS_PORT),
			   "sip.tls.port: %u/tcp is taken by web.wss_port; "
			   "change one", c->sip_tls_port);
	if (!addr_is_set(&c->metrics))
		return;
	if (addr_equal(&c->metrics, &c->web))
		conf_fault(r, r->place[CONF_KEY_METRICS], "metrics: %u/tcp of "
			   "this address is taken by web.wss_port; change one",
			   c->metrics.port);
	if (addr_equal(&c->metrics, &c->sip))
		conf_fault(r, r->place[CONF_KEY_METRICS], "metrics: %u/tcp of "
			   "this address is taken by sip.port; change one",
			   c->metrics.port);
}

static void check_public(struct conf_reader *r)
{
	const struct conf *c = r->conf;

	if (given(r, CONF_KEY_WEB_PUBLIC_ADDRESS) &&
	    addr_is_set(&c->web_public) && addr_is_set(&c->web) &&
	    addr_is_v4(&c->web) != addr_is_v4(&c->web_public))
		conf_fault(r, r->place[CONF_KEY_WEB_PUBLIC_ADDRESS],
			   "web.public_address: one is IPv4, web.address is "
			   "not, or the reverse; a 1:1 NAT keeps the family");
}

static void check_pem(struct conf_reader *r, enum conf_key_id id,
		      const char *path, const char *wanted)
{
	static char text[PEM_LOOK_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0) {
		conf_fault(r, r->place[id], "%s: \"%s\": %s; name a file that "
			   "this user can read", conf_keys[id].name, path,
			   strerror(errno));
		return;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, PEM_LOOK_BYTES);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n < 0 || !strstr(text, wanted))
		conf_fault(r, r->place[id], "%s: \"%s\" holds no PEM \"%s\"; "
			   "name the right file", conf_keys[id].name, path,
			   wanted);
	else if ((id == CONF_KEY_WEB_PRIVATE_KEY ||
		  id == CONF_KEY_SIP_TLS_PRIVATE_KEY) && (st.st_mode & 007))
		conf_warn(r, r->place[id], "%s: everybody may read \"%s\"; "
			  "chmod o= it", conf_keys[id].name, path);
	explicit_bzero(text, sizeof(text));
}

/* A key under a password must not make anybody ask a terminal. */
static int no_password(char *buf, int size, int is_writing, void *arg)
{
	return 0;
}

/* Both are PEM by now; what else is wrong with one is told by who loads it. */
static void check_match(struct conf_reader *r, enum conf_key_id certificate,
			const char *certificate_file, enum conf_key_id key,
			const char *key_file)
{
	FILE *c = fopen(certificate_file, "re"), *k = fopen(key_file, "re");
	X509 *x = c ? PEM_read_X509(c, NULL, no_password, NULL) : NULL;
	EVP_PKEY *pkey = k ? PEM_read_PrivateKey(k, NULL, no_password, NULL) :
			     NULL;

	if (x && pkey && X509_check_private_key(x, pkey) != 1)
		conf_fault(r, r->place[key], "%s: \"%s\" is not the key of "
			   "%s \"%s\"; name the one that was made with it",
			   conf_keys[key].name, key_file,
			   conf_keys[certificate].name, certificate_file);
	if (x && X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		conf_warn(r, r->place[certificate], "%s: \"%s\" has expired",
			  conf_keys[certificate].name, certificate_file);
	ERR_clear_error();
	X509_free(x);
	EVP_PKEY_free(pkey);
	if (c)
		fclose(c);
	if (k)
		fclose(k);
}

/* A certificate without its key, or the reverse. */
static void check_pair(struct conf_reader *r, enum conf_key_id certificate,
		       enum conf_key_id key, const char *none)
{
	if (given(r, certificate) == given(r, key))
		return;
	if (given(r, key)) {
		enum conf_key_id other = key;

		key = certificate;
		certificate = other;
	}
	conf_fault(r, r->place[certificate], "%s: needs %s; name both or none "
		   "%s", conf_keys[certificate].name, conf_keys[key].name,
		   none);
}

static void check_files(struct conf_reader *r)
{
	const struct conf *c = r->conf;
	unsigned int before = r->faults;

	if (c->certificate)
		check_pem(r, CONF_KEY_WEB_CERTIFICATE, c->certificate,
			  "CERTIFICATE-----");
	if (c->private_key)
		check_pem(r, CONF_KEY_WEB_PRIVATE_KEY, c->private_key,
			  "PRIVATE KEY-----");
	if (c->sip_tls_certificate)
		check_pem(r, CONF_KEY_SIP_TLS_CERTIFICATE,
			  c->sip_tls_certificate, "CERTIFICATE-----");
	if (c->sip_tls_private_key)
		check_pem(r, CONF_KEY_SIP_TLS_PRIVATE_KEY,
			  c->sip_tls_private_key, "PRIVATE KEY-----");
	if (c->sip_tls_ca)
		check_pem(r, CONF_KEY_SIP_TLS_CA, c->sip_tls_ca,
			  "CERTIFICATE-----");
	/* Without it sofia asks 127.0.0.1 and says nothing. */
	if (c->sip_resolv_conf && access(c->sip_resolv_conf, R_OK))
		conf_fault(r, r->place[CONF_KEY_SIP_RESOLV_CONF],
			   "sip.resolv_conf: \"%s\": %s; name a file that "
			   "this user can read", c->sip_resolv_conf,
			   strerror(errno));
	if (r->faults == before && c->certificate && c->private_key)
		check_match(r, CONF_KEY_WEB_CERTIFICATE, c->certificate,
			    CONF_KEY_WEB_PRIVATE_KEY, c->private_key);
	if (r->faults == before && c->sip_tls_certificate &&
	    c->sip_tls_private_key)
		check_match(r, CONF_KEY_SIP_TLS_CERTIFICATE,
			    c->sip_tls_certificate,
			    CONF_KEY_SIP_TLS_PRIVATE_KEY,
			    c->sip_tls_private_key);
	check_pair(r, CONF_KEY_WEB_CERTIFICATE, CONF_KEY_WEB_PRIVATE_KEY,
		   "(then one is made)");
	check_pair(r, CONF_KEY_SIP_TLS_CERTIFICATE,
		   CONF_KEY_SIP_TLS_PRIVATE_KEY, "(then the web's are taken)");
}

static void check_folder(struct conf_reader *r, enum conf_key_id id,
			 const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		conf_fault(r, conf_place_near(r, id), "%s: \"%s\" is no "
			   "folder; name one, it is made when missing",
			   conf_keys[id].name, path);
}

static void check_paths(struct conf_reader *r)
{
	const struct conf *c = r->conf;
	struct sockaddr_un sun;
	struct stat st;

	if (strlen(c->control) >= sizeof(sun.sun_path))
		conf_fault(r, conf_place_near(r, CONF_KEY_CONTROL),
			   "control: a socket's path has at most %zu "
			   "characters; shorten it", sizeof(sun.sun_path) - 1);
	else if (stat(c->control, &st) == 0 && !S_ISSOCK(st.st_mode))
		conf_fault(r, conf_place_near(r, CONF_KEY_CONTROL),
			   "control: \"%s\" is there and no socket; name "
			   "another path", c->control);
	check_folder(r, CONF_KEY_STATE, c->state);
	check_folder(r, CONF_KEY_PINS, c->pins);
}

static bool is_loopback(const struct addr *a)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return addr_is_v4(a) ? a->ip[12] == 127 : !memcmp(a->ip, v6, 16);
}

/* Only a warning: the file may be checked on another host, or before a
 * floating address moves here. bind() is the judge.
 */
static void check_assigned(struct conf_reader *r, enum conf_key_id id,
			   const struct addr *a, const struct ifaddrs *list)
{
	char ip[ADDR_STRLEN];
	struct addr found;

	if (!addr_is_set(a) || is_loopback(a))
		return;
	for (; list; list = list->ifa_next)
		if (list->ifa_addr &&
		    addr_from_sockaddr(list->ifa_addr, &found) == 0 &&
		    addr_same_ip(&found, a))
			return;
	conf_warn(r, conf_place_near(r, id), "%s: %s is not an address of this "
		  "host", conf_keys[id].name, addr_format_ip(a, ip));
}

static void check_host(struct conf_reader *r)
{
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return;
	check_assigned(r, CONF_KEY_WEB_ADDRESS, &r->conf->web, list);
	check_assigned(r, CONF_KEY_SIP_ADDRESS, &r->conf->sip, list);
	check_assigned(r, CONF_KEY_METRICS, &r->conf->metrics, list);
	freeifaddrs(list);
}

/* sip.address with one of its ports, as the URI says or by default. */
static bool is_own(const struct conf *c, const char *uri)
{
	bool is_tls = !strncasecmp(uri, "sips:", 5) ||
		      strcasestr(uri, ";transport=tls");
	const char *host = strchr(uri, ':') + 1;
	size_t len = strcspn(host, ";");
	char text[ADDR_STRLEN], *ip = text;
	struct addr a;

	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (addr_parse(text, &a)) {
		if (*ip == '[')
			ip++;
		ip[strcspn(ip, "]")] = '\0';
		if (addr_parse_ip(ip, &a))
			return false;
		a.port = is_tls ? 5061 : 5060;
	}
	return addr_same_ip(&a, &c->sip) &&
	       a.port == (is_tls ? c->sip_tls_port : c->sip.port);
}

/* A PBX that is the gateway would loop every call. */
static void check_pbx(struct conf_reader *r)
{
	const struct conf *c = r->conf;
	unsigned int count = 1;

	if (c->pbx && is_own(c, c->pbx))
		conf_fault(r, r->place[CONF_KEY_PBX], "pbx: is the gateway's "
			   "own sip.address and sip.port; name the PBX");
	for (char **p = c->pbx_backup; p && *p; p++, count++)
		if (is_own(c, *p))
			conf_fault(r, r->place[CONF_KEY_PBX_BACKUP],
				   "pbx_backup: \"%s\" is the gateway's own "
				   "sip.address and sip.port; name another PBX",
				   *p);
	if (count > LIMIT_TRUNK_URIS)
		conf_fault(r, r->place[CONF_KEY_PBX_BACKUP], "pbx_backup: %u "
			   "are too many; name %u at most", count - 1,
			   LIMIT_TRUNK_URIS - 1);
}

/* RTCPeerConnection takes none without: each call would fail. */
static void check_ice_servers(struct conf_reader *r)
{
	for (char **s = r->conf->ice_servers; s && *s; s++)
		if (!strncmp(*s, "turn", 4))
			conf_warn(r, r->place[CONF_KEY_ICE_SERVERS],
				  "ice_servers: \"%s\": browsers take a TURN "
				  "server with a user and a password only, "
				  "which have no place here; the phone is not "
				  "told of it", *s);
}

/* The first line of the file is the password. */
static void read_password(struct conf_reader *r)
{
	enum conf_key_id id = CONF_KEY_PBX_REGISTER_PASSWORD_FILE;
	const char *path = r->conf->account_password_file;
	char line[258] = "";
	struct stat st;
	FILE *f = fopen(path, "re");
	int err = errno;

	if (f && !fstat(fileno(f), &st) && S_ISREG(st.st_mode) &&
	    fgets(line, sizeof(line), f))
		line[strcspn(line, "\r\n")] = '\0';
	if (!*line) {
		conf_fault(r, r->place[id], "%s: \"%s\": %s; name a file "
			   "whose first line is the password",
			   conf_keys[id].name, path,
			   f ? "empty or no file" : strerror(err));
	} else {
		r->conf->account_password = strdup(line);
		if (st.st_mode & 007)
			conf_warn(r, r->place[id], "%s: everybody may read "
				  "\"%s\"; chmod o= it", conf_keys[id].name,
				  path);
	}
	explicit_bzero(line, sizeof(line));
	if (f)
		fclose(f);
}

static void check_account(struct conf_reader *r)
{
	const struct conf *c = r->conf;
	bool has_password = given(r, CONF_KEY_PBX_REGISTER_PASSWORD);
	struct stat st;

	if (!given(r, CONF_KEY_PBX_REGISTER))
		return;
	if (!given(r, CONF_KEY_PBX_REGISTER_USER))
		conf_fault(r, r->place[CONF_KEY_PBX_REGISTER],
			   "pbx_register.user: is missing; write who "
			   "registers, as in user = %s;",
			   conf_keys[CONF_KEY_PBX_REGISTER_USER].example);
	if (has_password == given(r, CONF_KEY_PBX_REGISTER_PASSWORD_FILE))
		conf_fault(r, r->place[CONF_KEY_PBX_REGISTER],
			   "pbx_register: write one of password and "
			   "password_file");
	else if (!has_password)
		read_password(r);
	else if (stat(c->file, &st) == 0 && (st.st_mode & 007))
		conf_warn(r, r->place[CONF_KEY_PBX_REGISTER_PASSWORD],
			  "pbx_register.password: everybody may read this "
			  "file; chmod o= it, or use password_file");
	if (!c->check_from)
		conf_warn(r, r->place[CONF_KEY_PBX_REGISTER],
			  "pbx_register: with check_from = false everybody "
			  "who reaches web.address calls on this account");
}

void conf_check(struct conf_reader *r)
{
	const struct conf *c = r->conf;

	check_required(r);
	check_clashes(r);
	check_public(r);
	check_files(r);
	check_paths(r);
	check_pbx(r);
	check_ice_servers(r);
	check_account(r);
	if (c->register_min_s > c->register_max_s)
		conf_fault(r, conf_place_near(r, CONF_KEY_REGISTER_MAX),
			   "register.max: %u is less than register.min %u; "
			   "write the larger one here", c->register_max_s,
			   c->register_min_s);
	if (c->call_session_expires_s &&
	    c->call_session_expires_s < c->call_session_min_s)
		conf_fault(r, conf_place_near(r, CONF_KEY_CALL_SESSION_EXPIRES),
			   "call.session_expires: %u is less than "
			   "call.session_min %u; write the larger one here",
			   c->call_session_expires_s, c->call_session_min_s);
	if (given(r, CONF_KEY_CALL_SESSION_MIN) && c->call_session_min_s < 90)
		conf_warn(r, r->place[CONF_KEY_CALL_SESSION_MIN],
			  "call.session_min: RFC 4028 allows no less than 90");
	check_host(r);
}
