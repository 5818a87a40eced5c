/* SPDX-License-Identifier: Apache-2.0 */
/* IP address with port; value type, compared and copied as a whole. */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv4 is kept as ::ffff:a.b.c.d, the form of struct sluice_addr. */
struct addr {
	uint8_t ip[16];		/* network order; all zero: unset */
	uint16_t port;		/* host order */
};

#define ADDR_STRLEN	56	/* "[" INET6 "]:65535" and NUL */

bool addr_is_set(const struct addr *a);
bool addr_is_v4(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b); /* ip and port */
bool addr_same_ip(const struct addr *a, const struct addr *b);

/* Literal address, no brackets, no names. -EINVAL if it is none. */
int addr_parse_ip(const char *text, struct addr *ret);
/* "192.0.2.1:5060", "[2001:db8::1]:5060"; the port is required. */
int addr_parse(const char *text, struct addr *ret);

/* Into buf of ADDR_STRLEN; returns buf. */
const char *addr_format(const struct addr *a, char *buf);	/* ip:port */
const char *addr_format_ip(const struct addr *a, char *buf);	/* no brackets */

/* -EAFNOSUPPORT for anything but IPv4 and IPv6. */
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret);
/* An IPv4 address becomes AF_INET. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ret);

/* "198.51.100.0/24", "2001:db8::/32" or a single address. */
struct addr_net {
	struct addr base;
	unsigned int prefix_bits;	/* of 128: an IPv4 /24 is 120 */
};

int addr_net_parse(const char *text, struct addr_net *ret);
bool addr_net_contains(const struct addr_net *net, const struct addr *a);

#endif
