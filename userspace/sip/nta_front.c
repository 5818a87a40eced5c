/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/nta_front.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/log.h"
#include "sip/msg.h"
#include "sip/trunk.h"

#define NET_INSNS	13	/* of one IPv6 network in the filter */

struct nta_front {
	struct sip_stack *s;
	msg_mclass_t *class;
	struct msg_hclass_s request;	/* sip_request_class but for parse */
	int udp, tcp;			/* nta's sockets, not ours to close */
};

/* ---- the first line --------------------------------------------------- */

/* As hc_parse of sofia's request line; home is the message. */
static issize_t parse_request(su_home_t *home, msg_header_t *h, char *s,
			      isize_t slen)
{
	struct msg_hclass_s *class = (struct msg_hclass_s *)h->sh_class;
	struct nta_front *f = (struct nta_front *)
		((char *)class - offsetof(struct nta_front, request));
	const su_addrinfo_t *ai = msg_addrinfo((msg_t *)home);
	struct addr from;

	/* Elsewhere the class is compared by its address. */
	h->sh_class = sip_request_class;
	if (!ai || !ai->ai_addr ||
	    addr_from_sockaddr((const struct sockaddr *)ai->ai_addr,
			       &from) < 0)
		return -1;
	if (!sip_trunk_is_allowed(f->s, &from)) {
		trunk_stranger(f->s, &from, "request");
		return -1;
	}
	return sip_request_class->hc_parse(home, h, s, slen);
}

/* ---- socket filters --------------------------------------------------- */

struct program {
	struct sock_filter *insns;
	size_t count;
};

static void emit(struct program *p, uint16_t code, uint8_t jt, uint8_t jf,
		 uint32_t k)
{
	p->insns[p->count++] = (struct sock_filter){ code, jt, jf, k };
}

static uint32_t mask_word(unsigned int prefix_bits)
{
	if (!prefix_bits)
		return 0;
	return prefix_bits >= 32 ? 0xffffffff : ~(0xffffffffU >> prefix_bits);
}

static uint32_t word_of(const uint8_t *ip)
{
	return (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 |
		(uint32_t)ip[2] << 8 | ip[3];
}

/* "Accept if the source is in net", else on to the next. */
static void emit_net(struct program *p, const struct addr_net *net, bool is_v4)
{
	unsigned int bits = net->prefix_bits, words = is_v4 ? 1 : 4;
	const uint8_t *ip = net->base.ip + (is_v4 ? 12 : 0);
	size_t checks[4];

	if (is_v4 != addr_is_v4(&net->base))
		return;
	if (is_v4)
		bits = bits > 96 ? bits - 96 : 0;
	for (unsigned int i = 0; i < words; i++) {
		unsigned int in_word = bits > 32 * i ? bits - 32 * i : 0;
		uint32_t mask = mask_word(in_word > 32 ? 32 : in_word);

		emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0,
		     (uint32_t)SKF_NET_OFF + (is_v4 ? 12 : 8) + 4 * i);
		emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
		checks[i] = p->count;
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0,
		     word_of(ip + 4 * i) & mask);
	}
	emit(p, BPF_RET | BPF_K, 0, 0, 0xffffffff);
	for (unsigned int i = 0; i < words; i++)
		p->insns[checks[i]].jf = (uint8_t)(p->count - checks[i] - 1);
}

static int attach(int fd, const struct program *p)
{
	struct sock_fprog prog = {
		.len = (unsigned short)p->count, .filter = p->insns,
	};

	if (p->count > BPF_MAXINSNS)
		return -E2BIG;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
		       sizeof(prog)) < 0)
		return -errno;
	return 0;
}

int nta_front_filter_tcp(struct sip_stack *s, int fd)
{
	size_t nets = s->pbx_count + s->settings.allow_count;
	bool is_v4 = addr_is_v4(&s->settings.listen);
	struct program p = { 0 };
	int err;

	p.insns = calloc(nets * NET_INSNS + 1, sizeof(*p.insns));
	if (!p.insns)
		return -ENOMEM;
	for (size_t i = 0; i < s->pbx_count; i++) {
		const struct addr_net host = { s->pbx_addrs[i], 128 };

		emit_net(&p, &host, is_v4);
	}
	for (size_t i = 0; i < s->settings.allow_count; i++)
		emit_net(&p, &s->settings.allow[i], is_v4);
	emit(&p, BPF_RET | BPF_K, 0, 0, 0);
	err = attach(fd, &p);
	free(p.insns);
	return err;
}

/* Every SIP start line begins with a letter; the UDP header comes first. */
static int filter_udp(struct nta_front *f)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 0x20),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 'a', 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 'z', 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct program p = { insns, sizeof(insns) / sizeof(insns[0]) };

	return attach(f->udp, &p);
}

/* nta does not tell its descriptors: those bound to our address are its. */
static void find_sockets(struct nta_front *f)
{
	struct sockaddr_storage ss;
	struct addr want, have;
	struct dirent *entry;
	socklen_t len;
	DIR *dir;
	int fd, type;

	if (addr_parse(f->s->host, &want) < 0)
		return;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		len = sizeof(ss);
		if (entry->d_name[0] == '.' ||
		    getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
		    addr_from_sockaddr((struct sockaddr *)&ss, &have) < 0 ||
		    !addr_equal(&want, &have))
			continue;
		len = sizeof(type);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
			continue;
		if (type == SOCK_DGRAM)
			f->udp = fd;
		else if (type == SOCK_STREAM)
			f->tcp = fd;
	}
	closedir(dir);
}

/*
 * The kernel's default holds a hundred messages, which is a tenth of a second
 * of many calls. Beyond its limit with CAP_NET_ADMIN only.
 */
static void widen(int fd)
{
	int size = LIMIT_SIP_SOCKET_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

void nta_front_bound(struct nta_front *f)
{
	int err = 0;

	find_sockets(f);
	if (f->udp >= 0) {
		widen(f->udp);
		err = filter_udp(f);
	}
	if (!err && f->tcp >= 0)
		err = nta_front_filter_tcp(f->s, f->tcp);
	/* The first-line parser still holds. */
	if (err < 0)
		log_warn("sip: no socket filter (%s), ignoring",
			 strerror(-err));
}

void nta_front_sources_changed(struct nta_front *f)
{
	if (f->tcp >= 0 && nta_front_filter_tcp(f->s, f->tcp) < 0)
		log_warn("sip: socket filter not renewed, ignoring");
}

static uint32_t socket_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

void nta_front_stats(const struct nta_front *f, struct sip_stack_stats *ret)
{
	ret->dropped_source += socket_drops(f->tcp);
	ret->dropped_parse[STATS_SIP] += socket_drops(f->udp);
}

/* ---- life ------------------------------------------------------------- */

int nta_front_create(struct sip_stack *s, struct nta_front **ret)
{
	struct nta_front *f;

	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->s = s;
	f->udp = -1;
	f->tcp = -1;
	f->class = msg_mclass_clone(sip_default_mclass(), 0, 0);
	if (!f->class) {
		free(f);
		return -ENOMEM;
	}
	memcpy(&f->request, sip_request_class, sizeof(f->request));
	f->request.hc_parse = parse_request;
	f->class->mc_request[0].hr_class = &f->request;
	*ret = f;
	return 0;
}

void nta_front_free(struct nta_front *f)
{
	if (!f)
		return;
	free(f->class);
	free(f);
}

const msg_mclass_t *nta_front_class(const struct nta_front *f)
{
	return f->class;
}
