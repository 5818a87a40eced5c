// SPDX-License-Identifier: Apache-2.0
/* A browser's media as far as it takes something of the gateway. */
#include "../unit/media_peer.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include "load.h"

#define PACKETS		3	/* of SRTP */
#define CHECK_MS	500	/* before one is repeated */
#define PROFILES	"SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

enum media_state { MEDIA_NONE, MEDIA_CHECKING, MEDIA_HANDSHAKE };

struct load_media {
	struct load_source source;
	struct phone *phone;
	enum media_state state;
	int fd;
	SSL *ssl;
	uint64_t asked_ms;
	char username[64], password[64];
	uint8_t payload_type;
	void (*done)(struct phone *p);
};

static struct load_media *medias;
static SSL_CTX *context;

/* The value behind that in the answer, up to a blank or the end of the line. */
static bool attribute(const struct phone *p, const char *name, char *ret,
		      size_t size)
{
	const char *v = strstr(p->answer, name);
	size_t n;

	if (!v)
		return false;
	v += strlen(name);
	n = strcspn(v, " \r\n");
	snprintf(ret, size, "%.*s", (int)n, v);
	return n && n < size;
}

static void check(struct load_media *m)
{
	struct check c = { .username = m->username, .password = m->password,
			   .use_candidate = true };
	uint8_t request[512];

	m->asked_ms = clock_ms();
	send(m->fd, request, check_build(&c, request), 0);
}

static void end(struct load_media *m)
{
	if (m->state == MEDIA_NONE)
		return;
	m->state = MEDIA_NONE;
	SSL_free(m->ssl);
	m->ssl = NULL;
	close(m->fd);
}

void load_media_end(struct phone *p)
{
	end(&medias[p->index]);
}

static void send_packets(struct load_media *m)
{
	uint16_t profile = (uint16_t)SSL_get_selected_srtp_profile(m->ssl)->id;
	size_t salt_len = profile >= 7 ? 12 : 14;
	uint8_t keys[60], packet[256];
	srtp_t tx;
	int len;

	SSL_export_keying_material(m->ssl, keys, 32 + 2 * salt_len,
				   "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0);
	tx = browser_srtp(profile, keys, keys + 32, true);
	for (uint16_t i = 0; i < PACKETS; i++) {
		len = (int)rtp_build(packet, m->payload_type, i, 960U * i, 1001,
				     "a packet of the load");
		if (!srtp_protect(tx, packet, &len))
			send(m->fd, packet, (size_t)len, 0);
	}
	srtp_dealloc(tx);
}

static void handshake(struct load_media *m)
{
	int n = SSL_connect(m->ssl);

	if (n == 1) {
		send_packets(m);
		m->done(m->phone);
		return;
	}
	n = SSL_get_error(m->ssl, n);
	if (n == SSL_ERROR_WANT_READ || n == SSL_ERROR_WANT_WRITE)
		return;
	fprintf(stderr, "client %u: DTLS failed\n", m->phone->index);
	exit(1);
}

static void checked(struct load_media *m)
{
	struct sluice_stun answer;
	uint8_t in[2048];
	ssize_t n = recv(m->fd, in, sizeof(in), 0);

	if (n <= 0 || sluice_stun_parse(in, (uint32_t)n, &answer) ||
	    answer.type != SLUICE_STUN_BINDING_SUCCESS)
		return;
	m->state = MEDIA_HANDSHAKE;
	handshake(m);
}

static void ready(void *arg)
{
	struct load_media *m = arg;

	if (m->state == MEDIA_CHECKING)
		checked(m);
	else if (m->state == MEDIA_HANDSHAKE && !SSL_is_init_finished(m->ssl))
		handshake(m);
	else if (m->state == MEDIA_HANDSHAKE)
		while (recv(m->fd, (char[2048]){ 0 }, 2048, 0) > 0)
			;
}

static void watch(struct load_media *m, const char *local_ip,
		  const struct sockaddr_in *gateway)
{
	BIO *bio;

	m->fd = peer_socket(local_ip);
	if (connect(m->fd, (const struct sockaddr *)gateway, sizeof(*gateway)))
		exit(1);
	fcntl(m->fd, F_SETFL, O_NONBLOCK);
	m->ssl = SSL_new(context);
	bio = BIO_new_dgram(m->fd, BIO_NOCLOSE);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, (void *)gateway);
	SSL_set_bio(m->ssl, bio, bio);
	m->source = (struct load_source){ ready, m };
	load_watch(m->fd, EPOLLIN, &m->source);
}

void load_media_begin(struct phone *p, const char *local_ip,
		      const char *gateway_ip, void (*done)(struct phone *p))
{
	struct load_media *m = &medias[p->index];
	char ufrag[32], port[8], types[8];
	const char *line = strstr(p->answer, "m=audio ");
	struct sockaddr_in gateway;

	if (!attribute(p, "m=audio ", port, sizeof(port)) ||
	    !attribute(p, " UDP/TLS/RTP/SAVPF ", types, sizeof(types)) ||
	    !attribute(p, "a=ice-ufrag:", ufrag, sizeof(ufrag)) ||
	    !attribute(p, "a=ice-pwd:", m->password, sizeof(m->password))) {
		fprintf(stderr, "client %u: answer without media: %s\n",
			p->index, line ? line : "");
		exit(1);
	}
	end(m);
	snprintf(m->username, sizeof(m->username), "%s:abcd", ufrag);
	m->payload_type = (uint8_t)atoi(types);
	m->phone = p;
	m->done = done;
	m->state = MEDIA_CHECKING;
	gateway = peer_addr(gateway_ip, (uint16_t)atoi(port));
	watch(m, local_ip, &gateway);
	check(m);
}

void load_media_repeat(void)
{
	uint64_t now = clock_ms();

	for (uint32_t i = 0; i < load.count; i++) {
		struct load_media *m = &medias[i];

		if (m->state == MEDIA_CHECKING && now - m->asked_ms > CHECK_MS)
			check(m);
		else if (m->state == MEDIA_HANDSHAKE &&
			 !SSL_is_init_finished(m->ssl))
			DTLSv1_handle_timeout(m->ssl);
	}
}

/* One certificate for all: it is the gateway that is under load. */
void load_media_init(void)
{
	char text[3 * EVP_MAX_MD_SIZE] = "";
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	unsigned int len = 0;

	srtp_init();
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 24 * 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	X509_digest(cert, EVP_sha256(), digest, &len);
	for (unsigned int i = 0; i < len; i++)
		snprintf(text + 3 * i, 4, "%02X%s", digest[i],
			 i + 1 < len ? ":" : "");
	phone_set_fingerprint(text);
	context = SSL_CTX_new(DTLS_method());
	SSL_CTX_use_certificate(context, cert);
	SSL_CTX_use_PrivateKey(context, key);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, browser_any);
	SSL_CTX_set_tlsext_use_srtp(context, PROFILES);
	X509_free(cert);
	EVP_PKEY_free(key);
	medias = calloc(load.count, sizeof(*medias));
}
