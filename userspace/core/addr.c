/* SPDX-License-Identifier: Apache-2.0 */
#include "core/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				       0xff, 0xff };

bool addr_is_set(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, 16) != 0;
}

bool addr_is_v4(const struct addr *a)
{
	return memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return memcmp(a->ip, b->ip, 16) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_same_ip(a, b) && a->port == b->port;
}

int addr_parse_ip(const char *text, struct addr *ret)
{
	struct addr a = { 0 };

	if (inet_pton(AF_INET, text, a.ip + 12) == 1)
		memcpy(a.ip, v4_prefix, sizeof(v4_prefix));
	else if (inet_pton(AF_INET6, text, a.ip) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

static int parse_port(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end || port == 0 || port > 65535)
		return -EINVAL;
	*ret = (uint16_t)port;
	return 0;
}

int addr_parse(const char *text, struct addr *ret)
{
	char ip[INET6_ADDRSTRLEN];
	const char *host = text, *end, *colon;
	struct addr a;
	uint16_t port;
	int err;

	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (!end || end[1] != ':')
			return -EINVAL;
		colon = end + 1;
	} else {
		end = colon = strchr(text, ':');
		if (!colon)
			return -EINVAL;
	}
	if ((size_t)(end - host) >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, host, (size_t)(end - host));
	ip[end - host] = '\0';
	err = addr_parse_ip(ip, &a);
	if (err)
		return err;
	if (*text != '[' && !addr_is_v4(&a))
		return -EINVAL;
	err = parse_port(colon + 1, &port);
	if (err)
		return err;
	a.port = port;
	*ret = a;
	return 0;
}

const char *addr_format_ip(const struct addr *a, char *buf)
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, a->ip + 12, buf, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a->ip, buf, ADDR_STRLEN);
	return buf;
}

const char *addr_format(const struct addr *a, char *buf)
{
	char ip[ADDR_STRLEN];

	addr_format_ip(a, ip);
	snprintf(buf, ADDR_STRLEN, addr_is_v4(a) ? "%.45s:%u" : "[%.45s]:%u",
		 ip, a->port);
	return buf;
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret)
{
	struct addr a = { 0 };

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		memcpy(a.ip, v4_prefix, sizeof(v4_prefix));
		memcpy(a.ip + 12, &in->sin_addr, 4);
		a.port = ntohs(in->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		memcpy(a.ip, &in6->sin6_addr, 16);
		a.port = ntohs(in6->sin6_port);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = a;
	return 0;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (addr_is_v4(a)) {
		struct sockaddr_in *in = (void *)ret;

		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, a->ip + 12, 4);
		in->sin_port = htons(a->port);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (void *)ret;

	in6->sin6_family = AF_INET6;
	memcpy(&in6->sin6_addr, a->ip, 16);
	in6->sin6_port = htons(a->port);
	return sizeof(*in6);
}

int addr_net_parse(const char *text, struct addr_net *ret)
{
	char ip[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct addr_net net;
	unsigned long bits, max;
	char *end;
	int err;

	if (len >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, text, len);
	ip[len] = '\0';
	err = addr_parse_ip(ip, &net.base);
	if (err)
		return err;
	max = addr_is_v4(&net.base) ? 32 : 128;
	bits = max;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > max)
			return -EINVAL;
	}
	net.prefix_bits = (unsigned int)(128 - max + bits);
	*ret = net;
	return 0;
}

bool addr_net_contains(const struct addr_net *net, const struct addr *a)
{
	unsigned int bytes = net->prefix_bits / 8, rest = net->prefix_bits % 8;

	if (memcmp(net->base.ip, a->ip, bytes))
		return false;
	if (!rest)
		return true;
	return !((net->base.ip[bytes] ^ a->ip[bytes]) >> (8 - rest));
}
