/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the user backend. Media thread only. */
#ifndef DATAPATH_USER_H
#define DATAPATH_USER_H

#include <uthash.h>

#include "datapath/backends.h"

struct user_crypt;	/* a key slot's ciphers */

struct user_flow {
	struct sluice_flow_key key;
	struct sluice_flow flow;
	UT_hash_handle hh;
};

struct user_port {
	struct sluice_port_key key;
	struct sluice_port port;
	UT_hash_handle hh;
};

struct user_stream {
	struct sluice_stream stream;
	struct sluice_rtcp_out rtcp;	/* the kernel's, kept for it */
	struct sluice_state state;
};

/* Everything pointed to is owned; NULL: the id is free. */
struct user {
	struct datapath_socket_ops sockets;
	struct user_flow *flows;
	struct user_port *ports;
	uint32_t size;		/* entries of the arrays by id, */
	uint32_t key_size;	/* and of keys */
	struct user_crypt **keys;
	struct sluice_transport **transports;
	struct sluice_peer **peers;
	struct user_stream **streams;
	struct datapath_totals totals;
};

struct user_flow *user_flow_find(struct user *u,
				 const struct sluice_flow_key *key);
struct user_port *user_port_find(struct user *u,
				 const struct sluice_port_key *key);
struct sluice_ssrc *user_source_find(struct user_stream *s, uint32_t ssrc);

/* user_crypt.c. -EINVAL: unknown profile; -ENOMEM. */
int user_crypt_create(const struct sluice_key *key, struct user_crypt **ret);
void user_crypt_free(struct user_crypt *c);	/* zeroises; accepts NULL */
/* Bytes that protection adds: the tag and, if the key has one, its MKI. */
uint32_t user_crypt_trailer_len(const struct user_crypt *c);

/*
 * As sluice_srtp_protect() and sluice_srtp_unprotect(), over a buffer with
 * room for the trailer behind len: the new length or -SLUICE_DROP_x.
 */
int user_crypt_protect(struct user_crypt *c, uint64_t index, uint32_t ssrc,
		       uint8_t *packet, uint32_t header_len, uint32_t len);
int user_crypt_unprotect(struct user_crypt *c, uint64_t index, uint32_t ssrc,
			 uint8_t *packet, uint32_t header_len, uint32_t len);

#endif
