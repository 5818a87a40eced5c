/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel backend on veth, in network namespaces of its own:
 *
 *   [browser] web1 ---- web0 [gateway] sip0 ---- sip1 [PBX]
 *   192.0.2.99          192.0.2.1  198.51.100.1       198.51.100.10
 *
 * Forwarding is off in all of them. One call: stream 1 from the browser
 * (transport 1, AES-GCM) to the PBX (transport 2), stream 2 back.
 */
#ifndef BACKEND_RIG_H
#define BACKEND_RIG_H

#include <bpf/bpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "datapath/backends.h"
#include "../unit/srtp_oracle.h"
#include "../unit/tap.h"

/* The pin folder of the test that includes this. */
#ifndef PINS
#error "PINS"
#endif

#define RIG	static __attribute__((unused))

static pid_t peers[2];			/* browser, PBX: hold a namespace */
static int peer_sockets[2];
static struct addr web_local, web_remote, sip_local, sip_remote;
static char object[4096];
static srtp_t browser_tx, browser_rx;

RIG int run(const char *fmt, ...)
{
	char command[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(command, sizeof(command) - 16, fmt, args);
	va_end(args);
	strcpy(command + n, " >/dev/null 2>&1");
	return system(command);
}

RIG void must(int err, const char *what)
{
	if (!err)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

/* A child that lives in a network namespace of its own. */
RIG pid_t hold_namespace(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	must(pipe(ready), "pipe");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	must(pid < 0 || read(ready[0], &byte, 1) != 1, "namespace");
	close(ready[0]);
	return pid;
}

RIG void wire(int i, const char *ours, const char *theirs,
		 const char *our_net, const char *their_net)
{
	int pid = peers[i];

	must(run("ip link add %s type veth peer name %s netns %d", ours, theirs,
		 pid), "veth");
	must(run("ip addr add %s dev %s && ip link set %s up", our_net, ours,
		 ours), "our side");
	must(run("nsenter --net=/proc/%d/ns/net sh -c 'ip addr add %s dev %s "
		 "&& ip link set %s up'", pid, their_net, theirs, theirs),
	     "their side");
}

RIG int socket_of(int i, const struct addr *bind_to)
{
	struct timeval wait = { .tv_sec = 2 };
	struct sockaddr_storage sa;
	char path[64];
	int home = open("/proc/self/ns/net", O_RDONLY), there, fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", peers[i]);
	there = open(path, O_RDONLY);
	must(setns(there, CLONE_NEWNET), "setns");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(bind(fd, (struct sockaddr *)&sa, addr_to_sockaddr(bind_to, &sa)),
	     "bind");
	must(setns(home, CLONE_NEWNET), "setns");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	close(home);
	close(there);
	return fd;
}

RIG struct addr parse(const char *text)
{
	struct addr a = { 0 };

	must(addr_parse(text, &a), text);
	return a;
}

RIG void lay_out(void)
{
	char *slash;
	ssize_t n = readlink("/proc/self/exe", object, sizeof(object) - 32);
	int i;

	must(n < 0, "readlink");
	object[n] = 0;
	for (i = 0; i < 2; i++) {
		slash = strrchr(object, '/');
		if (slash)
			*slash = 0;
	}
	strcat(object, "/sluice_xdp.bpf.o");
	must(unshare(CLONE_NEWNET), "unshare");
	peers[0] = hold_namespace();
	peers[1] = hold_namespace();
	run("ip link set lo up");
	wire(0, "web0", "web1", "192.0.2.1/24", "192.0.2.99/24");
	wire(1, "sip0", "sip1", "198.51.100.1/24", "198.51.100.10/24");
	web_local = parse("192.0.2.1:10000");
	web_remote = parse("192.0.2.99:5000");
	sip_local = parse("198.51.100.1:16384");
	sip_remote = parse("198.51.100.10:4000");
	peer_sockets[0] = socket_of(0, &web_remote);
	peer_sockets[1] = socket_of(1, &sip_remote);
}

RIG int backend_open(const struct addr *web, void **ret, char *reason)
{
	struct datapath_config config = { .web = *web, .sip = sip_local,
					  .pin_dir = PINS, .object = object };

	return datapath_xdp_open(&config, ret, reason, 256);
}

RIG const char *mode_of(void *x)
{
	static struct datapath_interface i[4];

	memset(i, 0, sizeof(i));
	if (datapath_xdp_interfaces(x, i, 4) != 2 ||
	    strcmp(i[0].mode, i[1].mode) || !i[0].program_id)
		return "inconsistent";
	return i[0].mode;
}

RIG struct sluice_addr contract(const struct addr *a)
{
	struct sluice_addr ret;

	memcpy(ret.b, a->ip, sizeof(ret.b));
	return ret;
}

RIG int transport(void *x, uint32_t id, const struct addr *local,
		     const struct addr *remote, bool is_web)
{
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY |
			 (is_web ? SLUICE_TRANSPORT_WEB : 0),
		.local = contract(local), .remote = contract(remote),
		.local_port = htons(local->port),
		.remote_port = htons(remote->port),
		.rx_key = is_web ? 1 : 0, .tx_key = is_web ? 2 : 0,
		.streams = { id },
	};
	struct sluice_port_key door = { contract(local), htons(local->port),
					0 };
	struct sluice_port port = { is_web ? SLUICE_PORT_WEB : SLUICE_PORT_SIP,
				    id };
	struct sluice_flow_key key = { contract(local), contract(remote),
				       htons(local->port),
				       htons(remote->port), 0 };
	struct sluice_flow flow = { .transport = id,
				    .flags = SLUICE_FLOW_VERIFIED };

	memset(t.payload, SLUICE_NO_STREAM, sizeof(t.payload));
	t.payload[0] = (struct sluice_payload){ .out_pt = 0 };
	return datapath_xdp_ops.port_set(x, &door, &port) ||
	       datapath_xdp_ops.flow_set(x, &key, &flow) ?
	       -1 : datapath_xdp_ops.transport_set(x, id, &t);
}

RIG int stream_in(const struct datapath_ops *ops, void *backend,
		     uint32_t id, const struct datapath_stream_state *st)
{
	struct sluice_stream s = { .flags = SLUICE_STREAM_ACTIVE, .from = id,
				   .to = 3 - id, .out_ssrc = 0x0a0a0a0a + id,
				   .clock_hz = 8000 };

	return ops->stream_set(backend, id, &s, st);
}

RIG int stream(void *x, uint32_t id, const struct datapath_stream_state *st)
{
	return stream_in(&datapath_xdp_ops, x, id, st);
}

/* A browser on transport 1, a PBX on transport 2. */
RIG int call(void *x)
{
	struct oracle_master rx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						3);
	struct oracle_master tx = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM,
						4);
	struct sluice_key rx_key = oracle_expand(&rx);
	struct sluice_key tx_key = oracle_expand(&tx);

	browser_tx = oracle_open(&rx, 1);
	browser_rx = oracle_open(&tx, 0);
	return datapath_xdp_ops.key_set(x, 1, &rx_key) ||
	       datapath_xdp_ops.key_set(x, 2, &tx_key) ||
	       transport(x, 1, &web_local, &web_remote, true) ||
	       transport(x, 2, &sip_local, &sip_remote, false) ||
	       stream(x, 1, NULL) || stream(x, 2, NULL) ? -1 : 0;
}

/* As a later daemon does: -1 if a part of the call is not there. */
RIG int claim_call(void *x)
{
	const struct datapath_ops *ops = &datapath_xdp_ops;
	struct sluice_transport t;
	struct sluice_stream s;
	struct sluice_key key;

	return ops->key_claim(x, 1, &key) || ops->key_claim(x, 2, &key) ||
	       ops->transport_claim(x, 1, &t) ||
	       ops->transport_claim(x, 2, &t) || !t.next_hop ||
	       ops->stream_claim(x, 1, &s) || ops->stream_claim(x, 2, &s) ?
	       -1 : 0;
}

/* The web port belongs to all sessions: whoever starts sets it again. */
RIG void set_web_port(void *x)
{
	struct sluice_port_key key = { contract(&web_local),
				       htons(web_local.port), 0 };
	struct sluice_port port = { SLUICE_PORT_WEB, 1 };

	datapath_xdp_ops.port_set(x, &key, &port);
}

/* One packet from peer `from`; what the other one got, or -1. */
RIG int relay(int from, uint16_t seq, uint8_t *out)
{
	const struct addr *to = from ? &sip_local : &web_local;
	struct oracle_rtp r = { .extension_words = from ? -1 : 2, .seq = seq,
				.timestamp = seq * 160U, .ssrc = 77,
				.payload_len = 160 };
	struct sockaddr_storage sa;
	socklen_t sa_len = addr_to_sockaddr(to, &sa);
	uint8_t packet[512];
	int len = (int)oracle_packet(&r, packet);

	if (!from)
		len = oracle_protect(browser_tx, packet, len);
	if (sendto(peer_sockets[from], packet, (size_t)len, 0,
		   (struct sockaddr *)&sa, sa_len) != len)
		return -1;
	len = (int)recv(peer_sockets[1 - from], out, 512, 0);
	if (from && len > 0)
		len = oracle_unprotect(browser_rx, out, len);
	if (len < 12)
		return -1;
	r.extension_words = -1;
	oracle_packet(&r, packet);
	return memcmp(out + 12, packet + 12, 160) ? -1 : len;
}

#endif
