/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS of userspace/media against itself, over datagrams in memory. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "lib/port.h"
#include "media/dtls.h"
#include "media/keys.h"
#include "tap.h"

#define QUEUE	64

struct datagram {
	size_t len;
	uint8_t data[2048];
};

/* Datagrams on the way to a peer. */
struct wire {
	struct datagram d[QUEUE];
	size_t head, count;
	size_t largest;
	unsigned int lose;	/* so many are lost first */
};

static struct identity id;
static struct dtls_context *context;
static char dir[] = "/tmp/sluice-dtls-XXXXXX";

static void wire_send(void *arg, const void *data, size_t len)
{
	struct wire *w = arg;
	struct datagram *d;

	if (len > w->largest)
		w->largest = len;
	if (w->lose) {
		w->lose--;
		return;
	}
	if (w->count == QUEUE || len > sizeof(d->data))
		return;
	d = &w->d[(w->head + w->count++) % QUEUE];
	memcpy(d->data, data, len);
	d->len = len;
}

static int wire_deliver(struct wire *w, struct dtls *to)
{
	struct datagram d;

	if (!w->count)
		return 0;
	d = w->d[w->head];
	w->head = (w->head + 1) % QUEUE;
	w->count--;
	dtls_input(to, d.data, d.len);
	return 1;
}

struct pair {
	struct wire to_server, to_client;
	struct dtls *client, *server;
};

static void pair_open(struct pair *p, struct dtls_context *client_context)
{
	struct dtls_io client = { wire_send, &p->to_server };
	struct dtls_io server = { wire_send, &p->to_client };

	memset(p, 0, sizeof(*p));
	dtls_create(client_context, true, &client, &p->client);
	dtls_create(context, false, &server, &p->server);
}

static void pair_close(struct pair *p)
{
	dtls_free(p->client);
	dtls_free(p->server);
}

static void pair_run(struct pair *p)
{
	for (int i = 0; i < 200; i++)
		if (!wire_deliver(&p->to_server, p->server) &&
		    !wire_deliver(&p->to_client, p->client))
			break;
}

static int both_done(const struct pair *p)
{
	return dtls_state(p->client) == DTLS_DONE &&
	       dtls_state(p->server) == DTLS_DONE;
}

static void test_identity(void)
{
	char cert[64], key[64], old[IDENTITY_FINGERPRINT_LEN];
	struct identity again;
	struct addr a;
	struct stat st;

	addr_parse_ip("192.0.2.1", &a);
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	CHECK_INT(identity_load(cert, key, &a, &id), 0,
		  "identity_missing_is_made");
	CHECK(!stat(key, &st) && (st.st_mode & 0777) == 0600,
	      "identity_key_is_private");
	CHECK(!strncmp(id.fingerprint, "sha-256 ", 8) &&
	      strlen(id.fingerprint) == 8 + 32 * 3 - 1,
	      "identity_fingerprint_has_sdp_form");
	snprintf(old, sizeof(old), "%s", id.fingerprint);
	CHECK_INT(identity_load(cert, key, &a, &again), 0,
		  "identity_present_is_loaded");
	CHECK_STR(again.fingerprint, old, "identity_loaded_is_the_same");
	identity_clear(&again);
	unlink(key);
	CHECK_INT(identity_load(cert, key, &a, &again), -ENOENT,
		  "identity_half_is_refused");
	unlink(cert);
}

static void test_keys_agree(const struct pair *p)
{
	uint8_t a[KEYS_MATERIAL_MAX], b[KEYS_MATERIAL_MAX];
	uint16_t profile = dtls_profile(p->client);
	size_t len = keys_material_len(profile);
	struct srtp_master c, s;

	CHECK_INT(profile, SLUICE_SRTP_AEAD_AES_128_GCM,
		  "handshake_profile_is_our_first");
	CHECK_INT(dtls_export(p->client, a, len), 0, "exporter_client_works");
	CHECK_INT(dtls_export(p->server, b, len), 0, "exporter_server_works");
	keys_split(profile, true, a, &c);
	keys_split(profile, false, b, &s);
	CHECK(!memcmp(c.tx_key, s.rx_key, 16) &&
	      !memcmp(c.rx_key, s.tx_key, 16) &&
	      !memcmp(c.tx_salt, s.rx_salt, 12) &&
	      !memcmp(c.rx_salt, s.tx_salt, 12),
	      "keys_of_both_ends_agree");
	CHECK(memcmp(c.tx_key, c.rx_key, 16), "keys_of_directions_differ");
}

static void test_handshake(void)
{
	unsigned char md[64];
	unsigned int len;
	struct pair p;

	pair_open(&p, context);
	dtls_start(p.client);
	pair_run(&p);
	CHECK(both_done(&p), "handshake_plain_succeeds");
	CHECK(p.to_client.largest <= LIMIT_DTLS_MTU &&
	      p.to_server.largest <= LIMIT_DTLS_MTU,
	      "handshake_datagrams_keep_the_mtu");
	test_keys_agree(&p);

	X509_digest(id.certificate, EVP_sha256(), md, &len);
	CHECK_INT(dtls_check_fingerprint(p.server, "SHA-256", md, len), 0,
		  "fingerprint_right_is_accepted");
	CHECK_INT(dtls_check_fingerprint(p.server, "sha-1", md, 20), -EINVAL,
		  "fingerprint_sha1_is_refused");
	CHECK_INT(dtls_check_fingerprint(p.server, "sha-256", md, len - 1),
		  -EKEYREJECTED, "fingerprint_truncated_is_refused");
	md[31] ^= 1;
	CHECK_INT(dtls_check_fingerprint(p.server, "sha-256", md, len),
		  -EKEYREJECTED, "fingerprint_other_is_refused");

	dtls_input(p.server, (const uint8_t *)"\x16garbage", 8);
	CHECK_INT(dtls_state(p.server), DTLS_DONE,
		  "garbage_after_handshake_is_ignored");
	dtls_shutdown(p.client);
	pair_run(&p);
	CHECK_INT(dtls_state(p.server), DTLS_CLOSED,
		  "close_notify_closes");
	pair_close(&p);
}

/* Cuts the ClientHello of a datagram into two fragments (RFC 6347 4.2.3). */
static void split_hello(const struct datagram *d, struct datagram out[2])
{
	const size_t head = 13 + 12;
	size_t body = d->len - head, cut = body / 2;

	for (int i = 0; i < 2; i++) {
		size_t off = i ? cut : 0, n = i ? body - cut : cut;
		uint8_t *p = out[i].data;

		memcpy(p, d->data, head);
		memcpy(p + head, d->data + head + off, n);
		/*
		 * Record sequence number: the client will use 1 and the next
		 * ones itself, so the second record is ahead of them, inside
		 * the replay window.
		 */
		p[10] = (uint8_t)(i * 40);
		sluice_put16(p + 11, (uint16_t)(12 + n));
		p[13 + 6] = 0;
		sluice_put16(p + 13 + 7, (uint16_t)off);
		p[13 + 9] = 0;
		sluice_put16(p + 13 + 10, (uint16_t)n);
		out[i].len = head + n;
	}
}

static void test_fragments(void)
{
	struct datagram part[2];

	for (int is_reordered = 0; is_reordered < 2; is_reordered++) {
		struct pair p;

		pair_open(&p, context);
		dtls_start(p.client);
		split_hello(&p.to_server.d[0], part);
		p.to_server.count = 0;
		dtls_input(p.server, part[is_reordered].data,
			   part[is_reordered].len);
		CHECK(!p.to_client.count, "hello_half_is_not_answered");
		dtls_input(p.server, part[!is_reordered].data,
			   part[!is_reordered].len);
		CHECK(p.to_client.count, is_reordered ?
		      "hello_reordered_fragments_are_answered" :
		      "hello_fragments_are_answered");
		pair_run(&p);
		CHECK_INT(dtls_state(p.server), DTLS_DONE, is_reordered ?
			  "hello_reordered_fragments_lead_to_keys" :
			  "hello_fragments_lead_to_keys");
		pair_close(&p);
	}
}

static void test_reordered_flight(void)
{
	struct datagram first;
	struct pair p;

	pair_open(&p, context);
	dtls_start(p.client);
	wire_deliver(&p.to_server, p.server);
	/* The server's flight, its first datagram last. */
	if (p.to_client.count > 1) {
		first = p.to_client.d[p.to_client.head];
		p.to_client.head = (p.to_client.head + 1) % QUEUE;
		p.to_client.count--;
		wire_send(&p.to_client, first.data, first.len);
	}
	pair_run(&p);
	CHECK(both_done(&p), "flight_reordered_succeeds");
	pair_close(&p);
}

/* Waits out the retransmission timer by its own word. */
static int retransmit(struct dtls *d)
{
	int ms = dtls_timeout_ms(d);

	if (ms < 0)
		return 0;
	usleep((unsigned int)ms * 1000 + 1000);
	dtls_expired(d);
	return 1;
}

static void test_loss(void)
{
	struct pair p;

	pair_open(&p, context);
	p.to_server.lose = 1;
	dtls_start(p.client);
	CHECK(dtls_timeout_ms(p.client) > 0, "timer_runs_in_handshake");
	CHECK(dtls_timeout_ms(p.client) <= LIMIT_DTLS_RESEND_MS,
	      "timer_costs_no_second_of_silence");
	CHECK(retransmit(p.client) && p.to_server.count,
	      "hello_lost_is_sent_again");
	p.to_client.lose = 1;
	pair_run(&p);
	CHECK(!both_done(&p), "flight_lost_stops_the_handshake");
	for (int i = 0; i < 4 && !both_done(&p); i++) {
		retransmit(dtls_timeout_ms(p.server) >= 0 ? p.server :
							    p.client);
		pair_run(&p);
	}
	CHECK(both_done(&p), "flight_lost_is_sent_again");
	CHECK_INT(dtls_timeout_ms(p.server), -1, "timer_stops_when_done");
	pair_close(&p);
}

static void test_no_profile(void)
{
	static const uint16_t only_cm32[] = { SLUICE_SRTP_AES128_CM_SHA1_32,
					      0 };
	struct dtls_context *other;
	struct pair p;

	dtls_context_create(&id, only_cm32, &other);
	pair_open(&p, other);
	dtls_start(p.client);
	pair_run(&p);
	CHECK_INT(dtls_state(p.server), DTLS_FAILED,
		  "handshake_without_common_profile_fails");
	pair_close(&p);
	dtls_context_free(other);
}

int main(void)
{
	static const uint16_t profiles[] = { SLUICE_SRTP_AEAD_AES_128_GCM,
					     SLUICE_SRTP_AES128_CM_SHA1_80, 0 };
	static const uint16_t unknown[] = { 99, 0 };
	struct dtls_context *none;

	if (!mkdtemp(dir))
		return 1;
	test_identity();
	CHECK_INT(dtls_context_create(&id, unknown, &none), -EINVAL,
		  "profile_unknown_is_refused");
	if (dtls_context_create(&id, profiles, &context))
		return 1;
	test_handshake();
	test_fragments();
	test_reordered_flight();
	test_loss();
	test_no_profile();
	dtls_context_free(context);
	identity_clear(&id);
	rmdir(dir);
	return tap_done();
}
