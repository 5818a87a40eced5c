/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the media thread makes of a kernel backend: keys, index spaces, flows,
 * moves, adoption, reports and orders.
 */
#include "media_peer.h"
#include "played_kernel.h"
#include "store/store.h"

/* ---- a gateway and a call ----------------------------------------------- */

static struct bench bench;
static struct store *store;
static struct media_local local;
static struct media_config config;
static struct browser web;
static int phone;
static uint16_t rtp_port_min = 22000;
static char username[64];

/* The same addresses and files each time. */
static int start(void)
{
	struct media_settings s = {
		.rtp_port_min = rtp_port_min,
		.rtp_port_max = (uint16_t)(rtp_port_min + 999),
		.srtp_profiles = { SLUICE_SRTP_AEAD_AES_128_GCM },
		.web_timeout_ms = 30000, .certificate = bench.cert,
		.private_key = bench.key, .store = store,
		.web = bench.web, .web_public = bench.web,
	};

	addr_parse_ip("127.0.0.1", &s.sip);
	s.datapath.want = DATAPATH_WANT_AUTO;
	s.datapath.web = s.web;
	s.datapath.sip = s.sip;
	return media_start(&s, bench.events, &bench.media);
}

static void set_up(void)
{
	int fd = peer_socket("127.0.0.1");

	bench.web = peer_name(fd);
	close(fd);
	strcpy(bench.dir, "/tmp/sluice-kernel-XXXXXX");
	if (!mkdtemp(bench.dir) || queue_create(4096, &bench.events) ||
	    store_open(bench.dir, &store))
		exit(1);
	snprintf(bench.cert, sizeof(bench.cert), "%s/cert.pem", bench.dir);
	snprintf(bench.key, sizeof(bench.key), "%s/key.pem", bench.dir);
	kernel.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (start())
		exit(1);
}

static void clear_folder(void)
{
	static const char *const names[] = { "sluice.db", "sluice.db-wal",
					     "sluice.db-shm" };
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", bench.dir, names[i]);
		unlink(path);
	}
}

static void configure(void)
{
	struct media_stream_config *st = &config.stream[0];

	memset(&config, 0, sizeof(config));
	config.has_web = true;
	strcpy(config.remote_ufrag, "peer");
	browser_fingerprint(&web, &config);
	config.stream_count = 1;
	st->enabled = st->web_to_sip = st->sip_to_web = true;
	strcpy(st->kind, "audio");
	st->sip_remote = peer_name(phone);
	st->payload_count = 2;
	st->payload[0] = (struct media_payload){ .clock_hz = 8000,
						 .name = "PCMU" };
	st->payload[1] = (struct media_payload){
		.web_rx = 126, .sip_tx = 101, .sip_rx = 101, .web_tx = 126,
		.clock_hz = 8000, .name = "telephone-event" };
	media_configure(bench.media, local.id, &config);
}

/* A nomination, of whichever socket sends it. */
static size_t nomination(uint8_t *buf)
{
	struct check c = { .username = username, .password = local.password,
			   .use_candidate = true };

	return check_build(&c, buf);
}

static int connect_browser(void)
{
	struct check c = { .username = username, .password = local.password,
			   .use_candidate = true };
	struct sluice_stun m;
	uint8_t buf[2048];

	return browser_check(&web, &c, &m, buf) ==
	       SLUICE_STUN_BINDING_SUCCESS && browser_handshake(&web, true) &&
	       bench_has_event(&bench, MEDIA_DTLS_DONE, local.id, NULL);
}

static void call(void)
{
	struct media_open open = { .call = "kernel", .stream_count = 1 };

	if (media_open(bench.media, &open, &local))
		exit(1);
	snprintf(username, sizeof(username), "%s:peer", local.ufrag);
	browser_open(&web, &local.web, "SRTP_AEAD_AES_128_GCM");
	phone = peer_socket("127.0.0.1");
	configure();
	CHECK(connect_browser(), "call_connects");
}

static void hang_up(void)
{
	media_close(bench.media, local.id);
	CHECK(bench_has_event(&bench, MEDIA_CLOSED, local.id, NULL),
	      "call_ends");
	browser_close(&web);
	close(phone);
}

/* Waits for figures that say so: everything before them is done. */
static bool is_on(enum datapath_backend b)
{
	uint64_t end = clock_ms() + PATIENCE_MS;
	bool is_there = false;

	while (!is_there && clock_ms() < end) {
		struct message *m = bench_event(&bench, MEDIA_STATS, local.id);

		if (!m)
			return false;
		is_there = ((struct media_figures *)m->data)->backend == b;
		message_free(m);
	}
	return is_there;
}

static uint32_t flow_count(uint32_t flags)
{
	uint32_t n = 0;

	begin();
	for (int i = 0; i < FLOWS; i++)
		n += kernel.flows[i].is_there &&
		     (kernel.flows[i].flow.flags & flags) == flags;
	done(0);
	return n;
}

static bool waits_for(bool (*is_so)(void))
{
	uint64_t end = clock_ms() + PATIENCE_MS;

	while (!is_so() && clock_ms() < end)
		poll(NULL, 0, 10);
	return is_so();
}

/* ---- flows that there is no memory for ------------------------------------ */

static bool is_lacking(void)
{
	struct media_usage u;

	media_usage(bench.media, &u);
	return u.lacking_flows == 1;
}

static bool is_complete(void)
{
	/* the pair, the phone's RTP, and its address while it is learned */
	return flow_count(0) == 3 && !is_lacking();
}

/* In the daemon's own table. */
static bool are_three(void)
{
	struct media_usage u;

	media_usage(bench.media, &u);
	return u.datapath.flows == 3;
}

/* What the log says meanwhile, in a file. */
static FILE *log_begin(int *ret_stderr)
{
	FILE *f = tmpfile();

	fflush(stderr);
	*ret_stderr = dup(STDERR_FILENO);
	dup2(fileno(f), STDERR_FILENO);
	return f;
}

static int log_end(FILE *f, int was, const char *what)
{
	char line[1024];
	int n = 0;

	fflush(stderr);
	dup2(was, STDERR_FILENO);
	close(was);
	rewind(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, what) != NULL;
	fclose(f);
	return n;
}

static void test_no_memory(void)
{
	int was;
	FILE *f = log_begin(&was);

	kernel.flow_error = -ENOMEM;
	call();
	CHECK(waits_for(is_lacking), "flow_without_memory_call_is_counted");
	CHECK_INT(flow_count(0), 0, "flow_without_memory_is_not_there");
	kernel.flow_error = 0;
	CHECK(waits_for(is_complete), "flow_without_memory_is_tried_again");
	CHECK_INT(log_end(f, was, "no flow for the packets of 127.0.0.1:"), 1,
		  "flow_without_memory_is_told_once_a_call");
	hang_up();
	CHECK_INT(flow_count(0), 0, "flows_go_with_their_call");

	/* never: what the daemon itself has of them goes all the same */
	kernel.flow_error = -E2BIG;
	call();
	hang_up();
	kernel.flow_error = 0;
	call();
	CHECK(waits_for(is_complete), "call_after_has_its_flows");
	CHECK(waits_for(are_three), "flows_refused_leave_nothing");
	hang_up();
}

/* ---- keys and index spaces ------------------------------------------------- */

static void test_rekey(void)
{
	struct browser first;
	uint32_t before, waits;

	call();
	first = web;
	before = kernel.freezes;
	waits = kernel.waits;
	browser_open(&web, &local.web, "SRTP_AEAD_AES_128_GCM");
	configure();
	CHECK(connect_browser(), "rekey_connects");
	CHECK(!kernel.is_reused, "rekey_index_space_never_meets_the_old_key");
	CHECK(kernel.freezes - before == 2 && kernel.waits > waits,
	      "rekey_waits_for_packets");
	browser_close(&first);
	hang_up();
}

/* A browser takes another pair while its session goes to the kernel. */
static void test_move(void)
{
	uint32_t id, web_id = 0, space[IDS];
	int other = peer_socket("127.0.0.1");
	struct sockaddr_storage sa;

	call();
	connect(other, (struct sockaddr *)&sa, addr_to_sockaddr(&bench.web, &sa));
	CHECK(!media_move(bench.media, local.id, DATAPATH_USER) &&
	      is_on(DATAPATH_USER), "move_to_user");
	begin();
	memcpy(space, kernel.space, sizeof(space));
	kernel.armed_len = nomination(kernel.armed);
	kernel.armed_fd = other;
	done(0);
	CHECK(!media_move(bench.media, local.id, DATAPATH_XDP) &&
	      is_on(DATAPATH_XDP), "move_to_kernel_with_a_nomination_on_the_way");
	begin();
	CHECK(!memcmp(space, kernel.space, sizeof(space)),
	      "move_begins_no_index_space");
	for (id = 1; id < IDS; id++)
		if (kernel.transports[id].flags & SLUICE_TRANSPORT_WEB)
			web_id = id;
	CHECK_INT(ntohs(kernel.transports[web_id].remote_port),
		  peer_port(other), "move_takes_the_new_pair_along");
	done(0);
	close(other);
	hang_up();
}

/* New keys of the SIP side, and an address that the kernel cannot reach. */
static void test_sdes(void)
{
	struct media_sdes *sdes = &config.stream[0].sdes;
	int other = peer_socket("127.0.0.1");

	call();
	sdes->profile = SLUICE_SRTP_AES128_CM_SHA1_80;
	memset(sdes->rx, 1, sizeof(sdes->rx));
	memset(sdes->tx, 2, sizeof(sdes->tx));
	media_configure(bench.media, local.id, &config);
	CHECK(is_on(DATAPATH_XDP), "sdes_goes_by_the_kernel");
	kernel.refused_port = peer_port(other);
	config.stream[0].sip_remote = peer_name(other);
	memset(sdes->rx, 3, sizeof(sdes->rx));
	memset(sdes->tx, 4, sizeof(sdes->tx));
	media_configure(bench.media, local.id, &config);
	CHECK(is_on(DATAPATH_USER), "sdes_keys_and_address_go_to_the_user_path");
	CHECK(!kernel.is_reused, "sdes_index_space_never_meets_the_old_key");
	kernel.refused_port = 0;
	close(other);
	hang_up();
}

/* ---- what is stored ---------------------------------------------------------- */

static void read_backend(void *arg, const char *id, const struct record *r)
{
	*(int *)arg = (int)record_number(r, "backend", 99);
}

static bool is_stored_as(enum datapath_backend b)
{
	int backend = -1;

	store_each(store, STORE_MEDIA, read_backend, &backend);
	return backend == (int)b;
}

static bool is_stored_as_user(void)
{
	return is_stored_as(DATAPATH_USER);
}

static bool is_back(void)
{
	return flow_count(0) == 3 && !flow_count(SLUICE_FLOW_USER);
}

/* A digit takes the call to the user path for as long as it lasts. */
static void test_digit(void)
{
	uint8_t buf[512];

	call();
	CHECK(is_stored_as(DATAPATH_XDP), "call_in_the_kernel_is_stored_so");
	media_digit(bench.media, local.id, MEDIA_SIDE_SIP, 5, 400);
	CHECK(peer_recv(phone, buf, sizeof(buf)), "digit_is_sent");
	media_configure(bench.media, local.id, &config);
	CHECK(waits_for(is_stored_as_user), "digit_is_sent_by_the_user_path");
	CHECK(waits_for(is_back) && is_on(DATAPATH_XDP),
	      "digit_over_call_is_in_the_kernel");
	CHECK(is_stored_as(DATAPATH_XDP), "digit_over_call_is_stored_so");
	hang_up();
}

/* ---- adoption of a change that was cut short ---------------------------------- */

static uint16_t remote_port(bool is_web)
{
	uint16_t port = 0;

	for (uint32_t id = 1; id < IDS; id++)
		if (kernel.transports[id].local_port &&
		    !(kernel.transports[id].flags & SLUICE_TRANSPORT_WEB) !=
		    is_web)
			port = ntohs(kernel.transports[id].remote_port);
	return port;
}

static bool restarts(void)
{
	struct media_adoption a;

	if (start())
		return false;
	media_adoption(bench.media, &a);
	return a.sessions == 1 && !a.lost;
}

static void test_torn(void)
{
	call();
	media_stop(bench.media, true);
	/* the pair and the source changed, the transports not yet */
	for (uint32_t id = 1; id < IDS; id++)
		if (kernel.transports[id].remote_port)
			kernel.transports[id].remote_port = htons(9);
	CHECK(restarts(), "torn_call_is_adopted");
	CHECK_INT(remote_port(true), peer_port(web.fd),
		  "torn_pair_transport_follows_its_flow");
	CHECK_INT(remote_port(false), peer_port(phone),
		  "torn_source_transport_follows_its_flow");
	media_stop(bench.media, true);
	/* the flows were turned to the user path, nothing else */
	for (int i = 0; i < FLOWS; i++)
		kernel.flows[i].flow.flags |= SLUICE_FLOW_USER;
	CHECK(restarts(), "torn_move_call_is_adopted");
	CHECK(waits_for(is_back), "torn_move_flows_are_turned_back");
	hang_up();
}

/* The next run has other RTP ports: lost, and the reason is the setting. */
static void test_other_ports(void)
{
	const char *lost = "";

	call();
	media_stop(bench.media, true);
	rtp_port_min = 23000;
	CHECK(!start() && media_adopt(bench.media, local.id, &local, &lost) ==
	      -ESTALE, "ports_changed_call_is_lost");
	CHECK(strstr(lost, "rtp_ports"), "ports_changed_setting_is_named");
	media_stop(bench.media, false);
	rtp_port_min = 22000;
	CHECK(!start(), "ports_changed_back_media_starts");
	browser_close(&web);
	close(phone);
}

/* ---- no room ---------------------------------------------------------------- */

static void test_no_room(void)
{
	struct media_event e;

	call();
	kernel.ufrag_error = -E2BIG;
	media_restart_ice(bench.media, local.id, &local);
	CHECK(bench_has_event(&bench, MEDIA_FAILED, local.id, &e) &&
	      strstr(e.detail, "datapath_streams"),
	      "restart_without_room_names_the_setting");
	kernel.ufrag_error = 0;
	hang_up();
}

/* ---- reports and orders -------------------------------------------------------- */

static void test_event(void)
{
	struct media_event e;

	call();
	kernel.event_count = 1;
	kernel.event = (struct sluice_event){
		.type = SLUICE_EVENT_AUTH_BURST, .value = 50 };
	for (uint32_t id = 1; id < IDS; id++)
		if (kernel.transports[id].flags & SLUICE_TRANSPORT_WEB)
			kernel.event.transport = id;
	eventfd_write(kernel.event_fd, 1);
	CHECK(bench_has_event(&bench, MEDIA_FORGED, local.id, &e) &&
	      e.side == MEDIA_SIDE_WEB, "event_reaches_its_session");
	hang_up();
	/* of nobody: the thread goes on */
	kernel.event.transport = IDS + 7;
	eventfd_write(kernel.event_fd, 1);
	call();
	hang_up();
}

/* Messages of a type until the call is over. */
static uint32_t count_until_closed(uint32_t type)
{
	struct message *m = bench.pending, *next;
	uint64_t end = clock_ms() + PATIENCE_MS;
	bool is_over = false;
	uint32_t n = 0;

	bench.pending = NULL;
	while (!is_over && clock_ms() < end) {
		for (; m; m = next) {
			next = m->next;
			n += m->type == type;
			is_over |= m->type == MEDIA_CLOSED;
			message_free(m);
		}
		poll(NULL, 0, 10);
		m = queue_take(bench.events);
	}
	for (; m; m = next) {
		next = m->next;
		message_free(m);
	}
	return n;
}

/* Each would become an INFO to the other side. */
static void test_digits_heard(void)
{
	uint32_t n;

	call();
	kernel.event = (struct sluice_event){
		.type = SLUICE_EVENT_DIGIT, .value = 5 << 24 | 0x800000 | 400 };
	for (uint32_t id = 1; id < IDS; id++) {
		uint32_t from = kernel.streams[id].from;

		if (kernel.streams[id].out_ssrc &&
		    kernel.transports[from].flags & SLUICE_TRANSPORT_WEB) {
			kernel.event.stream = id;
			kernel.event.transport = from;
		}
	}
	kernel.event_count = 200;
	eventfd_write(kernel.event_fd, 1);
	CHECK(bench_has_event(&bench, MEDIA_DIGIT, local.id, NULL),
	      "digit_heard_is_told");
	media_close(bench.media, local.id);
	n = 1 + count_until_closed(MEDIA_DIGIT);
	printf("# %u of 200 told\n", n);
	CHECK(n >= 32 && n < 40, "digits_beyond_measure_are_not_told");
	browser_close(&web);
	close(phone);
}

/* A wait for the kernel takes milliseconds, and there may be thousands of calls. */
static void test_detach_many(void)
{
	struct media_open open = { .call = "second", .stream_count = 1 };
	struct media_local second;
	struct media_kernel k;
	uint32_t freezes, waits;

	call();
	CHECK(!media_open(bench.media, &open, &second) &&
	      !media_configure(bench.media, second.id, &config) &&
	      is_on(DATAPATH_XDP), "second_call_is_set_up");
	freezes = kernel.freezes;
	waits = kernel.waits;
	CHECK(!media_detach(bench.media, true, &k) && k.moved == 2,
	      "detach_moves_all_calls");
	CHECK_INT(kernel.freezes - freezes, 4, "detach_takes_every_stream");
	CHECK_INT(kernel.waits - waits, 1, "detach_waits_once_for_all_of_them");
	CHECK(!media_attach(bench.media, true, &k) && k.moved == 2,
	      "attach_takes_all_calls_back");
	media_close(bench.media, second.id);
	hang_up();
}

static void test_attach_fails(void)
{
	struct media_kernel k;

	call();
	CHECK(!media_detach(bench.media, true, &k) && k.moved == 1,
	      "detach_moves_the_call");
	kernel.port_error = -ENOMEM;
	CHECK_INT(media_attach(bench.media, false, &k), -ENOMEM,
		  "attach_without_doors_fails");
	CHECK(!kernel.is_open && datapath_preferred(media_datapath(
		bench.media)) == DATAPATH_USER,
	      "attach_failed_leaves_nothing_attached");
	kernel.port_error = 0;
	CHECK(!media_attach(bench.media, true, &k) && k.moved == 1 &&
	      is_on(DATAPATH_XDP), "attach_again_takes_the_call");
	hang_up();
}

int main(void)
{
	set_up();
	test_no_memory();
	test_rekey();
	test_move();
	test_sdes();
	test_digit();
	test_torn();
	test_other_ports();
	test_no_room();
	test_event();
	test_digits_heard();
	test_detach_many();
	test_attach_fails();
	media_stop(bench.media, false);
	store_close(store);
	bench.media = NULL;
	clear_folder();
	bench_stop(&bench);
	return tap_done();
}
