/* SPDX-License-Identifier: Apache-2.0 */
/* A call through the real program, with libsrtp2 as the browser. */
#ifndef SELFTESTS_RELAY_CALL_H
#define SELFTESTS_RELAY_CALL_H

#include "relay_rig.h"

static struct rig rig;
static srtp_t browser_tx, browser_rx;

static inline const struct frame_spec *from_web(void)
{
	static struct frame_spec s;

	s = (struct frame_spec){ .src = rig.web_remote, .dst = rig.web_local };
	return &s;
}

static inline const struct frame_spec *from_sip(void)
{
	static struct frame_spec s;

	s = (struct frame_spec){ .src = rig.sip_remote, .dst = rig.sip_local };
	return &s;
}

/* A call with this profile, fresh on both sides. mki_len: of both keys. */
static inline void new_call_mki(uint32_t profile, uint32_t mki_len)
{
	struct oracle_master rx = oracle_master(profile, 11);
	struct oracle_master tx = oracle_master(profile, 99);
	struct sluice_key rx_key, tx_key;

	oracle_set_mki(&rx, mki_len);
	oracle_set_mki(&tx, mki_len);
	rx_key = oracle_expand(&rx);
	tx_key = oracle_expand(&tx);
	if (browser_tx)
		srtp_dealloc(browser_tx);
	if (browser_rx)
		srtp_dealloc(browser_rx);
	browser_tx = oracle_open(&rx, 1);
	browser_rx = oracle_open(&tx, 0);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 1, &rx_key);
	rig_put_at(&rig, SLUICE_MAP_KEYS, 2, &tx_key);
	rig_call(&rig, 1);
}

static inline void new_call(uint32_t profile)
{
	new_call_mki(profile, 0);
}

static bool keeps_extensions;

static inline struct oracle_rtp web_rtp(uint16_t seq)
{
	return (struct oracle_rtp){ .pt = RIG_WEB_PT, .extension_words = -1,
		.seq = seq, .timestamp = seq * 960U, .ssrc = RIG_WEB_SSRC,
		.payload_len = 160 };
}

static inline struct oracle_rtp sip_rtp(uint16_t seq)
{
	struct oracle_rtp r = web_rtp(seq);

	r.pt = RIG_SIP_PT;
	r.ssrc = RIG_SIP_SSRC;
	return r;
}

/* The packet as it must leave: header rebuilt, payload as it was. */
static inline uint32_t expected(const struct oracle_rtp *in, uint8_t pt, uint32_t ssrc,
			 const uint8_t *got, uint8_t *out)
{
	uint8_t arrived[FRAME_MAX];
	struct oracle_rtp r = *in;
	uint32_t in_len = oracle_packet(in, arrived), header;

	r.pt = pt;
	r.ssrc = ssrc;
	if (!keeps_extensions)
		r.extension_words = -1;
	r.payload_len = 0;
	header = oracle_packet(&r, out);
	/* sequence and timestamp are the gateway's; checked on their own */
	memcpy(out + 2, got + 2, 6);
	memcpy(out + header, arrived + in_len - in->payload_len,
	       in->payload_len);
	return header + in->payload_len;
}

/* Browser to PBX: 0 if what left is what should. */
static inline int relay_web(const struct oracle_rtp *in, struct frame_udp *ret)
{
	uint8_t packet[FRAME_MAX], want[FRAME_MAX];
	int len = oracle_protect(browser_tx, packet,
				 (int)oracle_packet(in, packet));
	uint32_t want_len;

	if (len < 0 || rig_send(&rig, from_web(), packet, len) != XDP_TX)
		return -1;
	if (!frame_read(rig.out, rig.out_len, ret) || !ret->is_sum_right ||
	    !ret->has_udp_sum)
		return -2;
	want_len = expected(in, RIG_SIP_PT, RIG_TO_SIP_SSRC, ret->payload,
			    want);
	return ret->len != want_len || memcmp(ret->payload, want, want_len) ?
	       -3 : 0;
}

/* PBX to browser; ret->payload is unprotected in place. */
static inline int relay_sip(const struct oracle_rtp *in, struct frame_udp *ret)
{
	uint8_t packet[FRAME_MAX], want[FRAME_MAX];
	uint32_t len = oracle_packet(in, packet), want_len;
	int plain;

	if (rig_send(&rig, from_sip(), packet, len) != XDP_TX)
		return -1;
	if (!frame_read(rig.out, rig.out_len, ret) || !ret->is_sum_right)
		return -2;
	plain = oracle_unprotect(browser_rx, rig.out +
				 (ret->payload - rig.out), (int)ret->len);
	if (plain < 0)
		return -4;
	want_len = expected(in, RIG_WEB_PT, RIG_TO_WEB_SSRC, ret->payload,
			    want);
	return plain != (int)want_len || memcmp(ret->payload, want, want_len) ?
	       -3 : 0;
}

/* The payload type of one side's packets, with what becomes of them. */
static inline void set_payload(uint32_t id, struct sluice_payload payload)
{
	int fd = rig_map(&rig, SLUICE_MAP_TRANSPORTS);
	struct sluice_transport t;

	bpf_map_lookup_elem(fd, &id, &t);
	t.payload[id == RIG_WEB ? RIG_WEB_PT : RIG_SIP_PT] = payload;
	rig_put_at(&rig, SLUICE_MAP_TRANSPORTS, id, &t);
}

/* From the browser, with what left; 0 or the verdict that was not XDP_TX. */
static inline int send_web(const struct oracle_rtp *in, struct frame_udp *ret)
{
	uint8_t packet[FRAME_MAX];
	int len = oracle_protect(browser_tx, packet,
				 (int)oracle_packet(in, packet));
	int verdict = rig_send(&rig, from_web(), packet, len);

	if (verdict != XDP_TX)
		return verdict;
	return !frame_read(rig.out, rig.out_len, ret) || !ret->is_sum_right;
}

#endif
