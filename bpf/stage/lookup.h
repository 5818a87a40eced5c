/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the 5-tuple to a decision: not ours, refused, the daemon's, or a flow
 * that is relayed here.
 */
#ifndef SLUICE_STAGE_LOOKUP_H
#define SLUICE_STAGE_LOOKUP_H

#include "lib/classify.h"
#include "maps.h"
#include "stage/parse.h"

/* The SIP side: the port may be new to us, the address may not. */
static __always_inline int sluice_lookup_learn(struct sluice_packet *p,
					       __u32 class)
{
	struct sluice_flow *flow;
	__be16 port = p->key.remote_port;

	p->key.remote_port = 0;
	flow = bpf_map_lookup_elem(&sl_flows, &p->key);
	p->key.remote_port = port;
	if (!flow || !(flow->flags & SLUICE_FLOW_LEARN))
		return -SLUICE_DROP_WRONG_SOURCE;
	if (class == SLUICE_CLASS_RTP)
		return sluice_to_daemon(SLUICE_COUNT_PASSED_RTP);
	if (class == SLUICE_CLASS_RTCP)
		return sluice_to_daemon(SLUICE_COUNT_PASSED_RTCP);
	return -SLUICE_DROP_WRONG_SOURCE;
}

static __always_inline int sluice_lookup_stranger(struct sluice_packet *p,
						  __u32 kind, __u32 class)
{
	if (kind == SLUICE_PORT_SIP || kind == SLUICE_PORT_SIP_RTCP)
		return sluice_lookup_learn(p, class);
	if (kind != SLUICE_PORT_WEB)
		return -SLUICE_DROP_NO_FLOW;
	if (class == SLUICE_CLASS_DTLS)
		return -SLUICE_DROP_DTLS_UNVERIFIED;
	return class == SLUICE_CLASS_STUN ? SLUICE_GO_STUN :
					    -SLUICE_DROP_NO_FLOW;
}

/* ret_flow: NULL for a stranger's. */
static __always_inline int sluice_lookup(struct sluice_packet *p,
					 struct sluice_flow **ret_flow)
{
	struct sluice_port_key door = { .local = p->key.local,
					.port = p->key.local_port };
	struct sluice_port *port;
	struct sluice_flow *flow;
	__u32 class;

	class = sluice_classify(p->byte0, p->byte1);
	port = bpf_map_lookup_elem(&sl_ports, &door);
	if (!port)
		return XDP_PASS;
	if (p->fault)
		return -(int)p->fault;
	/* nobody can be answered there, and in sl_flows it means any port */
	if (!p->key.remote_port)
		return port->kind == SLUICE_PORT_WEB ?
			       -SLUICE_DROP_NO_FLOW : -SLUICE_DROP_WRONG_SOURCE;
	flow = bpf_map_lookup_elem(&sl_flows, &p->key);
	*ret_flow = flow;
	if (!flow)
		return sluice_lookup_stranger(p, port->kind, class);

	switch (class) {
	case SLUICE_CLASS_STUN:
		return port->kind == SLUICE_PORT_WEB ? SLUICE_GO_STUN :
						       -SLUICE_DROP_NOT_RTP;
	case SLUICE_CLASS_DTLS:
		if (!(flow->flags & SLUICE_FLOW_VERIFIED))
			return -SLUICE_DROP_DTLS_UNVERIFIED;
		return sluice_to_daemon(SLUICE_COUNT_PASSED_DTLS);
	case SLUICE_CLASS_RTCP:
		if (flow->flags & SLUICE_FLOW_USER)
			return sluice_to_daemon(SLUICE_COUNT_PASSED_RTCP);
		return SLUICE_GO_RTCP;
	case SLUICE_CLASS_RTP:
		if (flow->flags & SLUICE_FLOW_RTCP)
			return -SLUICE_DROP_RTCP;
		if (flow->flags & SLUICE_FLOW_USER)
			return sluice_to_daemon(SLUICE_COUNT_PASSED_RTP);
		return SLUICE_GO_RTP;
	default:
		return -SLUICE_DROP_NOT_RTP;
	}
}

#endif
