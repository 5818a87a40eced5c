/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call/call.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/queue.h"
#include "core/trim.h"
#include "ctl/ctl.h"
#include "ctl/metrics.h"
#include "ctl/show.h"
#include "media/media.h"
#include "registrar/registrar.h"
#include "sip/transaction.h"
#include "store/store.h"
#include "wss/wss.h"

#define NO_ANSWER_MS	180000	/* INVITE without a final response */
#define LEAVE_MS	3000	/* for BYEs and their answers at the end */
#define TRIM_MS		5000	/* between looks at what is live */
#define EVENTS_AT_ONCE	256	/* then the SIP side and timers are served */

struct daemon {
	struct conf *conf;
	struct daemon_options options;
	struct loop *loop;
	struct queue *events;		/* from web workers and media */
	struct message *taken;		/* of events, still to be handled */
	struct loop_fd *events_watch;
	struct loop_fd *signal_watch;
	int signal_fd;
	struct loop_timer *leave;
	struct loop_timer *trim_timer;
	struct trim trim;
	bool is_leaving;
	bool is_keeping;		/* media and calls go on without us */
	struct media *media;
	struct wss *wss;
	struct sip_stack *stack;
	struct registrar *registrar;
	struct calls *calls;
	struct store *store;
	struct ctl *ctl;
	struct ctl_context context;
	/* files */
	char object[PATH_MAX];		/* sluice_xdp.bpf.o */
	char phone_dir[PATH_MAX];
	char certificate[PATH_MAX];	/* the state folder's own */
	char private_key[PATH_MAX];
};

/* ---- files ----------------------------------------------------------- */

static bool files_are_in(struct daemon *d, const char *root, const char *lib,
			 const char *share)
{
	snprintf(d->object, sizeof(d->object), "%.*s%s/sluice_xdp.bpf.o",
		 PATH_MAX - 64, root, lib);
	snprintf(d->phone_dir, sizeof(d->phone_dir), "%.*s%s/phone",
		 PATH_MAX - 64, root, share);
	return !access(d->object, R_OK);
}

/*
 * Beside the binary in a build tree, under the binary's own prefix, else
 * under the one of the build.
 */
static void find_files(struct daemon *d)
{
	char exe[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *dir = n > 0 ? dirname(exe) : "";

	if (files_are_in(d, dir, "", "") ||
	    files_are_in(d, dir, "/../lib/sluice", "/../share/sluice"))
		return;
	files_are_in(d, SLUICE_PREFIX, "/lib/sluice", "/share/sluice");
}

static int make_state(struct daemon *d)
{
	const char *state = d->conf->state;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", state);
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			break;
		*p = '/';
	}
	if (mkdir(state, 0700) && errno != EEXIST) {
		log_err("state folder %s: %s; make it, or set gateway.state",
			state, strerror(errno));
		return -errno;
	}
	snprintf(d->certificate, sizeof(d->certificate), "%.*s/gateway.crt",
		 PATH_MAX - 64, state);
	snprintf(d->private_key, sizeof(d->private_key), "%.*s/gateway.key",
		 PATH_MAX - 64, state);
	return 0;
}

/* ---- between the threads and the signalling modules ------------------ */

static void web_event(struct daemon *d, const struct message *m)
{
	const struct wss_event *e = (const void *)m->data;

	switch (m->type) {
	case WSS_OPENED:
		registrar_conn_opened(d->registrar, e->conn, &e->peer,
				      e->data);
		break;
	case WSS_RECEIVED:
		sip_stack_ws_received(d->stack, e->conn, &e->peer, e->data,
				      e->len_bytes);
		break;
	case WSS_CLOSED:
		/* Bindings first: calls ask where the browser is now. */
		registrar_conn_closed(d->registrar, e->conn);
		calls_conn_closed(d->calls, e->conn);
		sip_stack_ws_closed(d->stack, e->conn);
		break;
	}
}

static void events_ready(void *arg)
{
	struct daemon *d = arg;
	struct message *m;

	if (!d->taken)
		d->taken = queue_take(d->events);
	for (int n = 0; (m = d->taken) && n < EVENTS_AT_ONCE; n++) {
		d->taken = m->next;
		if (m->type >= WSS_OPENED) {
			web_event(d, m);
			show_wss_event(&d->context, m);
		} else {
			show_media_event(&d->context, m);
			calls_media_message(d->calls, m);
		}
		message_free(m);
	}
	if (d->taken)
		queue_again(d->events);
}

/* RFC 3261 8.2.2.3 */
static bool refuse_options(struct sip_server *st)
{
	char *tags = sip_msg_unsupported(sip_server_request(st));
	char header[512];
	struct sip_reply r = { .status = 420, .extra_headers = header };

	if (!tags)
		return false;
	snprintf(header, sizeof(header), "Unsupported: %.490s\r\n", tags);
	free(tags);
	sip_server_reply(st, &r, NULL);
	return true;
}

static void on_request(void *arg, struct sip_server *st)
{
	struct daemon *d = arg;

	if (refuse_options(st))
		return;
	if (sip_msg_method(sip_server_request(st)) == SIP_REGISTER &&
	    sip_server_source(st)->is_ws &&
	    sip_msg_max_forwards(sip_server_request(st)) > 0)
		registrar_request(d->registrar, st);
	else
		calls_request(d->calls, st);
}

static void on_renumbered(void *arg, const struct sip_msg *request,
			  const char *branch)
{
	calls_renumbered(((struct daemon *)arg)->calls, request, branch);
}

static void on_cancelled(void *arg, struct sip_server *st)
{
	calls_cancelled(((struct daemon *)arg)->calls, st);
}

static void on_ack(void *arg, const struct sip_msg *ack,
		   const struct sip_target *from)
{
	calls_ack(((struct daemon *)arg)->calls, ack, from);
}

static void on_ack_missing(void *arg, struct sip_server *st)
{
	calls_ack_missing(((struct daemon *)arg)->calls, st);
}

static void on_stray_2xx(void *arg, const struct sip_msg *response,
			 const struct sip_target *from)
{
	calls_stray_2xx(((struct daemon *)arg)->calls, response, from);
}

static int ws_send(void *arg, uint64_t conn, const void *data, size_t len)
{
	return wss_send(((struct daemon *)arg)->wss, conn, data, len);
}

/* ---- signals, and leaving ---------------------------------------------- */

static void leave_now(void *arg)
{
	struct daemon *d = arg;

	d->leave = NULL;
	loop_stop(d->loop);
}

/* Calls are gone; their last BYEs may still wait for an answer. */
static void drained(void *arg)
{
	struct daemon *d = arg;
	struct sip_stack_stats stats;

	sip_stack_stats(d->stack, &stats);
	loop_timer_cancel(d->leave);
	d->leave = NULL;
	if (loop_timer_add(d->loop, stats.client_live ? 500 : 1, leave_now, d,
			   &d->leave))
		loop_stop(d->loop);
}

static void signal_ready(void *arg)
{
	struct daemon *d = arg;
	struct signalfd_siginfo info;

	if (read(d->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		show_hangup(&d->context);
		return;
	}
	if (d->is_leaving) {
		loop_stop(d->loop);
		return;
	}
	d->is_leaving = true;
	if (d->options.keep_media) {
		log_info("stopping: calls in the kernel go on");
		d->is_keeping = true;
		loop_stop(d->loop);
		return;
	}
	log_info("stopping: every call gets BYE");
	if (loop_timer_add(d->loop, LEAVE_MS, leave_now, d, &d->leave))
		loop_stop(d->loop);
	calls_terminate_all(d->calls, "the gateway stops");
	calls_drain(d->calls, drained, d);
}

/* ---- memory ---------------------------------------------------------- */

static void look_at_memory(void *arg)
{
	struct daemon *d = arg;
	struct sip_stack_stats sip;
	struct calls_stats calls;

	sip_stack_stats(d->stack, &sip);
	calls_stats(d->calls, &calls);
	if (trim_is_due(&d->trim, sip.server_live + sip.client_live +
			sip.nta_servers + sip.nta_clients + calls.live +
			wss_clients(d->wss)))
		trim_now();
	if (loop_timer_add(d->loop, TRIM_MS, look_at_memory, d,
			   &d->trim_timer)) {
		d->trim_timer = NULL;
		log_warn("no timer: freed memory stays with the daemon, "
			 "ignoring");
	}
}

/* Before any thread starts, so that all of them inherit the mask. */
static int block_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* By default it ends the process, and whoever sends it means a reload. */
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -errno;
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd < 0 ? -errno : 0;
}

/* A client is a descriptor, a call two or more: take what the host gives. */
static void raise_file_limit(void)
{
	struct rlimit limit;
	rlim_t was;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	was = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_warn("open files: limit stays at %lu: %s, ignoring",
			 (unsigned long)was, strerror(errno));
}

/* ---- start ----------------------------------------------------------- */

/*
 * Whose the kernel's media is only the store knows: without it all of that
 * would be removed as nobody's.
 */
static int check_memory(struct daemon *d)
{
	struct store_status status;

	store_status(d->store, &status);
	if (status.path[0] || d->options.discard_media ||
	    !datapath_has_media(d->conf->pins))
		return 0;
	log_err("%s holds media of an earlier run, whose calls only the store "
		"knows, and %s/sluice.db is not open: see to it that it can "
		"be, or start with --discard-media, which ends them",
		d->conf->pins, d->conf->state);
	return -EEXIST;
}

static int start_media(struct daemon *d)
{
	const struct conf *c = d->conf;
	struct media_settings s = {
		.web = c->web,
		.web_public = c->web_public,
		.sip = c->sip,
		.rtp_port_min = c->rtp_port_min,
		.rtp_port_max = c->rtp_port_max,
		.datapath = {
			.web = c->web,
			.sip = c->sip,
			.pin_dir = c->pins,
			.object = d->object,
			.discard_media = d->options.discard_media,
			.by_netlink = !strcmp(c->datapath_attach, "netlink"),
			.streams = c->datapath_streams,
		},
		.store = d->store,
		.certificate = d->certificate,
		.private_key = d->private_key,
		.web_timeout_ms = c->web_timeout_s * 1000,
		.sip_timeout_ms = c->sip_timeout_s * 1000,
	};

	switch (c->datapath) {
	case CONF_DATAPATH_AUTO:
		s.datapath.want = DATAPATH_WANT_AUTO;
		break;
	case CONF_DATAPATH_XDP:
		s.datapath.want = DATAPATH_WANT_XDP;
		break;
	case CONF_DATAPATH_USER:
		s.datapath.want = DATAPATH_WANT_USER;
		break;
	}
	s.web.port = c->media_port;
	s.web_public.port = c->media_port;
	s.datapath.web.port = c->media_port;
	s.datapath.sip.port = 0;
	for (unsigned int i = 0; i < 4 && c->srtp_profiles[i]; i++)
		s.srtp_profiles[i] =
			(uint16_t)media_profile_by_name(c->srtp_profiles[i]);
	return media_start(&s, d->events, &d->media);
}

/*
 * {"domain":..., "ice_servers":[...]} for the phone; conf has checked both, and
 * has said that TURN servers are left out.
 */
static char *phone_config(const struct conf *c)
{
	struct sip_uri pbx = { 0 };
	const char *separator = "";
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	sip_uri_parse(c->pbx, &pbx);
	fprintf(f, strchr(pbx.host, ':') ? "{\"domain\":\"[%s]\"" :
					   "{\"domain\":\"%s\"", pbx.host);
	fputs(",\"ice_servers\":[", f);
	for (char **s = c->ice_servers; s && *s; s++) {
		if (!strncmp(*s, "turn", 4))
			continue;
		fprintf(f, "%s{\"urls\":\"%s\"}", separator, *s);
		separator = ",";
	}
	fputs("]}\n", f);
	fclose(f);
	return text;
}

static int start_wss(struct daemon *d)
{
	const struct conf *c = d->conf;
	char *config = phone_config(c);
	struct wss_settings s = {
		.listen = c->web,
		.certificate = c->certificate ? c->certificate :
						d->certificate,
		.private_key = c->private_key ? c->private_key :
						d->private_key,
		.workers = c->workers,
		.phone_dir = c->phone ? d->phone_dir : NULL,
		.phone_config = c->phone ? config : NULL,
		.origins = (const char *const *)c->origins,
	};
	int err = wss_start(&s, d->events, &d->wss);

	free(config);
	return err;
}

static bool asks_for_tls(const char *uri)
{
	return uri && (!strncasecmp(uri, "sips:", 5) ||
		       strcasestr(uri, ";transport=tls"));
}

/* A trunk over TLS, or one that may become it by NAPTR. */
static struct sip_tls_settings tls_settings(const struct daemon *d)
{
	const struct conf *c = d->conf;
	struct sip_tls_settings t = {
		.is_wanted = asks_for_tls(c->pbx) || c->sip_tls_certificate ||
			     c->sip_tls_ca,
		.port = c->sip_tls_port,
		.certificate = c->certificate ? c->certificate :
						d->certificate,
		.private_key = c->private_key ? c->private_key :
						d->private_key,
		.ca = c->sip_tls_ca,
		.no_verify = !c->sip_tls_verify,
		.is_mutual = c->sip_tls_mutual,
	};

	for (char **p = c->pbx_backup; p && *p; p++)
		t.is_wanted = t.is_wanted || asks_for_tls(*p);
	if (c->sip_tls_certificate) {
		t.certificate = c->sip_tls_certificate;
		t.private_key = c->sip_tls_private_key;
	}
	return t;
}

/* What the configuration says of the SIP side's media; conf has judged it. */
static void media_policy(const struct conf *c, struct calls_settings *s)
{
	static const char *const dtmf[] = { "pass", "rtp", "info", "auto" };
	static const char *const keyframes[] = { "auto", "rtcp", "info" };
	unsigned int i;

	if (!strcmp(c->sip_srtp, "sdes"))
		s->sip_srtp = SDP_SRTP_SDES;
	else if (!strcmp(c->sip_srtp, "optional"))
		s->sip_srtp = SDP_SRTP_OPTIONAL;
	s->sip_avpf = c->sip_avpf;
	s->sip_extensions = !strcmp(c->sip_extensions, "on") ?
		SDP_EXTENSIONS_ON : !strcmp(c->sip_extensions, "off") ?
		SDP_EXTENSIONS_OFF : SDP_EXTENSIONS_AUTO;
	for (i = 0; i < SDP_SUITES && c->srtp_profiles[i]; i++)
		snprintf(s->srtp_suite[i], sizeof(s->srtp_suite[i]), "%s",
			 c->srtp_profiles[i]);
	for (i = 0; i < sizeof(dtmf) / sizeof(dtmf[0]); i++)
		if (!strcmp(c->sip_dtmf, dtmf[i]))
			s->sip_dtmf = (enum calls_dtmf)i;
	s->web_dtmf_info = !strcmp(c->web_dtmf, "info");
	for (i = 0; i < sizeof(keyframes) / sizeof(keyframes[0]); i++)
		if (!strcmp(c->sip_keyframes, keyframes[i]))
			s->keyframes = (enum calls_keyframes)i;
}

static int start_sip(struct daemon *d)
{
	const struct conf *c = d->conf;
	struct sip_settings sip = {
		.listen = c->sip,
		.web = c->web_public,
		.pbx = c->pbx,
		.pbx_backup = (const char *const *)c->pbx_backup,
		.resolv_conf = c->sip_resolv_conf,
		.tls = tls_settings(d),
		.account = {
			.user = c->account_user,
			.auth_user = c->account_auth_user,
			.password = c->account_password,
			.realm = c->account_realm,
			.domain = c->account_domain,
			.expires_s = c->account_expires_s,
		},
		.allow = c->allow,
		.allow_count = c->allow_count,
		.user_agent = "sluice/" SLUICE_VERSION,
		.ws_send = ws_send,
		.ws_arg = d,
		.trace = show_trace,
		.trace_arg = &d->context,
	};
	struct sip_user user = {
		.arg = d,
		.request = on_request,
		.cancelled = on_cancelled,
		.ack = on_ack,
		.ack_missing = on_ack_missing,
		.renumbered = on_renumbered,
		.stray_2xx = on_stray_2xx,
	};
	struct registrar_settings reg = {
		.loop = d->loop,
		.store = d->store,
		.pbx = c->pbx,
		.expires_min_s = c->register_min_s,
		.expires_max_s = c->register_max_s,
		.account_user = c->account_user,
		.account_to = c->account_calls_to,
		.account_newest = !strcmp(c->account_ring, "newest"),
		.use_path = !strcmp(c->register_mode, "path"),
	};
	struct calls_settings calls = {
		.loop = d->loop,
		.media = d->media,
		.store = d->store,
		.pbx = c->pbx,
		.web = c->web_public,
		.check_from = c->check_from,
		.no_answer_ms = NO_ANSWER_MS,
		.reconnect_ms = c->call_reconnect_s * 1000,
		.max_duration_ms = c->call_max_duration_s * 1000,
		.session_expires_s = c->call_session_expires_s,
		.session_min_s = c->call_session_min_s,
		.executes_refer = !strcmp(c->call_refer, "execute"),
		.notify = show_call_event,
		.notify_arg = &d->context,
	};
	int err;

	media_policy(c, &calls);
	err = registrar_create(&reg, &d->registrar);
	if (err)
		return err;
	calls.registrar = d->registrar;
	err = calls_create(&calls, &d->calls);
	if (err)
		return err;
	err = sip_stack_create(d->loop, &sip, &user, &d->stack);
	if (err)
		return err;
	registrar_set_stack(d->registrar, d->stack);
	calls_set_stack(d->calls, d->stack);
	return 0;
}

static int start_ctl(struct daemon *d)
{
	int err = ctl_create(d->loop, d->conf->control, &d->ctl);

	if (err)
		return err;
	d->context = (struct ctl_context){
		.loop = d->loop,
		.calls = d->calls,
		.registrar = d->registrar,
		.media = d->media,
		.wss = d->wss,
		.stack = d->stack,
		.store = d->store,
		.conf = d->conf,
		.certificate = d->certificate,
		.started_wall_ms = clock_wall_ms(),
		.version = SLUICE_VERSION,
	};
	if (addr_is_set(&d->conf->metrics))
		err = metrics_create(d->loop, &d->context,
				     &d->context.metrics);
	return err ? err : show_register(d->ctl, &d->context);
}

/* The order matters: each part is ready before one that feeds it starts. */
static int start_all(struct daemon *d)
{
	int err;

	find_files(d);
	raise_file_limit();
	err = block_signals(d);
	if (err)
		return err;
	err = make_state(d);
	if (err)
		return err;
	err = store_open(d->conf->state, &d->store);
	if (err)
		return err;
	err = loop_create(&d->loop);
	if (err)
		return err;
	err = queue_create(LIMIT_QUEUE_TO_SIGNALLING, &d->events);
	if (err)
		return err;
	err = check_memory(d);
	if (err)
		return err;
	err = start_media(d);
	if (err)
		return err;
	err = start_sip(d);
	if (err)
		return err;
	err = start_wss(d);
	if (err)
		return err;
	err = start_ctl(d);
	if (err)
		return err;
	err = loop_fd_add(d->loop, queue_fd(d->events), events_ready, d,
			  &d->events_watch);
	if (err)
		return err;
	err = loop_fd_add(d->loop, d->signal_fd, signal_ready, d,
			  &d->signal_watch);
	if (err)
		return err;
	/* Nothing can fail any more: what was is taken up, or ended. */
	registrar_restore(d->registrar);
	calls_restore(d->calls);
	look_at_memory(d);
	return 0;
}

int daemon_start(struct conf *conf, const struct daemon_options *options,
		 struct daemon **ret)
{
	struct daemon *d = calloc(1, sizeof(*d));
	char web[ADDR_STRLEN], sip[ADDR_STRLEN];
	struct media_adoption left;
	int err;

	if (!d) {
		conf_free(conf);
		return -ENOMEM;
	}
	d->conf = conf;
	d->options = *options;
	d->signal_fd = -1;
	log_set_level(log_level_of(conf->log_level));
	err = start_all(d);
	if (err) {
		log_err("not started: %s", strerror(-err));
		/* a start that fails costs no call of the earlier run */
		if (d->media) {
			media_adoption(d->media, &left);
			d->is_keeping = left.sessions;
		}
		daemon_free(d);
		return err;
	}
	log_info("sluiced " SLUICE_VERSION " serves wss %s, sip %s, pbx %s",
		 addr_format(&conf->web, web), addr_format(&conf->sip, sip),
		 conf->pbx);
	*ret = d;
	return 0;
}

void daemon_run(struct daemon *d)
{
	loop_run(d->loop);
}

void daemon_free(struct daemon *d)
{
	struct message *m;

	if (!d)
		return;
	ctl_free(d->ctl);
	metrics_free(d->context.metrics);
	wss_stop(d->wss);
	loop_timer_cancel(d->leave);
	loop_timer_cancel(d->trim_timer);
	loop_fd_remove(d->events_watch);
	loop_fd_remove(d->signal_watch);
	calls_free(d->calls);
	registrar_free(d->registrar);
	sip_stack_free(d->stack);
	media_stop(d->media, d->is_keeping);
	for (m = d->taken; m; m = d->taken) {
		d->taken = m->next;
		message_free(m);
	}
	queue_free(d->events);
	loop_free(d->loop);
	store_close(d->store);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	conf_free(d->conf);
	free(d);
}
