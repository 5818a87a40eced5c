/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The contract between the daemon, the XDP program and the kernel module.
 *
 * Every structure here is shared memory: fixed width, explicit padding, no
 * pointers, no bitfields. A change of any layout or meaning raises
 * SLUICE_CONTRACT_VERSION. Lists of numbers are append-only.
 *
 * Packet path: exact 5-tuple (sluice_flow) -> transport (sluice_transport)
 * -> payload type -> stream (sluice_stream) -> SSRC (sluice_ssrc). The program
 * goes by way of sluice_relay, which holds what all of these say of a stream.
 *
 * A transport is one secured or plain RTP association: the bundled
 * DTLS-SRTP association of a browser, or one m-line's port on the SIP side.
 * A stream is one direction of one m-line; it ties an arriving transport to a
 * leaving one.
 */
#ifndef SLUICE_UAPI_H
#define SLUICE_UAPI_H

#include <linux/types.h>

#define SLUICE_CONTRACT_VERSION	3

/* ---- limits ---------------------------------------------------------- */

/*
 * Sizes of the maps in the object; the daemon sets others before it loads it
 * (datapath_streams). What tells a map's real size is the map.
 */
#define SLUICE_MAX_KEYS		8192	/* slots; slot 0 means "plain" */
#define SLUICE_MAX_TRANSPORTS	8192	/* ids; id 0 is never used */
#define SLUICE_MAX_STREAMS	8192	/* ids; id 0 is never used */
#define SLUICE_MAX_FLOWS	16384
#define SLUICE_MAX_NEAR		16384	/* a power of 2 */
#define SLUICE_MAX_PORTS	65536
#define SLUICE_MAX_UFRAGS	8192
#define SLUICE_MAX_NEXT_HOPS	1024	/* ids; id 0 means "not resolved" */

#define SLUICE_STREAMS_PER_TRANSPORT	8
#define SLUICE_SSRCS_PER_STREAM	8	/* live sources one stream may learn */
#define SLUICE_UFRAG_LEN	8	/* ours: exactly 8 ice-chars */
#define SLUICE_PACKET_MAX	1600	/* largest UDP payload relayed, bytes */
#define SLUICE_CSRC_MAX		15	/* RFC 3550 5.1: CC is 4 bits */
/* RFC 3711 3.1 has up to 128 bytes; devices that use one say 1 or 4. */
#define SLUICE_MKI_MAX		4
#define SLUICE_CNAME_LEN	16	/* ours: exactly 16 characters */
#define SLUICE_RTCP_SENDERS	16	/* SRTCP senders of one transport */
#define SLUICE_WINDOW_BITS	128	/* replay window, packets (>= 64, RFC 3711 3.3.2) */
#define SLUICE_AUTH_BURST	50	/* forgeries a second worth an event */
#define SLUICE_HEARTBEAT_MAX_NS	3000000000ULL

/* ---- addresses and flows --------------------------------------------- */

/* IPv6 in network order; IPv4 as ::ffff:a.b.c.d. */
struct sluice_addr {
	__u8 b[16];
};

/*
 * Seen from the gateway. A remote_port of 0 is the learning entry of a SIP
 * side transport: it matches any source port of that address.
 */
struct sluice_flow_key {
	struct sluice_addr local;
	struct sluice_addr remote;
	__be16 local_port;
	__be16 remote_port;
	__u32 reserved;
};

#define SLUICE_FLOW_VERIFIED	(1U << 0) /* sent a verified STUN check */
#define SLUICE_FLOW_SELECTED	(1U << 1) /* the nominated pair */
#define SLUICE_FLOW_LEARN	(1U << 2) /* source port not learned yet */
#define SLUICE_FLOW_USER	(1U << 3) /* everything goes to the daemon */
#define SLUICE_FLOW_RTCP	(1U << 4) /* the RTCP port of a pair */


struct sluice_flow {
	__u32 transport;
	__u32 flags;
	__u32 credential_generation;	/* of the ICE credentials, 1.. */
	__u32 reserved;
};

#define SLUICE_FLOW_HINTS	2	/* by the payload type's last bit */
#define SLUICE_FLOW_WAYS	2

/*
 * Which stream a flow's packets were of, and a key of it: the kernel notes
 * them to find the next one's memory at once. Never believed; 0: not known.
 */
struct sluice_hint {
	__u32 stream;
	__u32 key;
};

/* A flow whose media the kernel relays, as one line. */
struct sluice_near_flow {
	struct sluice_flow_key key;
	__u32 transport;	/* 0: free */
	__u32 reserved;
	struct sluice_hint hint[SLUICE_FLOW_HINTS];	/* the daemon: zeros */
};

/*
 * By hash (lib/flow.h): a flow that finds a place here is found at the first
 * reach into memory, any other one in sl_flows, which has them all.
 */
struct sluice_near {
	struct sluice_near_flow way[SLUICE_FLOW_WAYS];
};

/* ---- the door: ports the gateway owns -------------------------------- */

enum sluice_port_kind {
	SLUICE_PORT_NONE = 0,
	SLUICE_PORT_WEB = 1,	/* all browser media: ICE, DTLS, SRTP */
	SLUICE_PORT_SIP = 2,	/* RTP (and muxed RTCP) of one stream */
	SLUICE_PORT_SIP_RTCP = 3,
};

struct sluice_port_key {
	struct sluice_addr local;
	__be16 port;
	__u16 reserved;
};

struct sluice_port {
	__u32 kind;		/* enum sluice_port_kind */
	__u32 transport;	/* SIP kinds: owner */
};

struct sluice_ufrag_key {
	char ufrag[SLUICE_UFRAG_LEN];
};

/* A token bucket of checks that may reach the daemon from unknown tuples. */
struct sluice_ufrag {
	__u32 transport;
	__u32 credential_generation;
	__u64 bucket_ns;	/* written by the kernel: time credit */
};

/*
 * A ufrag's password, as HMAC-SHA1's states after its two pads: with it the
 * kernel verifies checks and answers them on the selected pair. A key, and
 * so in a map of its own.
 */
struct sluice_ice_key {
	__u32 inner[5];
	__u32 outer[5];
	__u8 reserved[24];
};

/* ---- keys ------------------------------------------------------------ */

enum sluice_srtp_profile {
	SLUICE_SRTP_NONE = 0,
	SLUICE_SRTP_AES128_CM_SHA1_80 = 1,	/* RFC 5764 0x0001 */
	SLUICE_SRTP_AES128_CM_SHA1_32 = 2,	/* RFC 5764 0x0002 */
	SLUICE_SRTP_AEAD_AES_128_GCM = 7,	/* RFC 7714 0x0007 */
	SLUICE_SRTP_AEAD_AES_256_GCM = 8,	/* RFC 7714 0x0008 */
};

/*
 * An expanded AES key. Of the round keys before the last each byte of a word
 * lies times 8 in 16 bits of its own, the word's first byte in the topmost
 * (lib/aes.h says why); the last round key is four big-endian words.
 */
struct sluice_aes_key {
	__u32 last_key[4];
	__u32 rounds;		/* 10 or 14 */
	__u32 reserved;
	__u64 round_keys[56];	/* AES-128 uses 40 */
};

/*
 * Session keys of one direction (RFC 3711 4.3), ready for use: the salt
 * left-aligned in 16 bytes, HMAC-SHA1 states after the inner and the outer pad
 * block, the GHASH key as two host-order halves of H.
 */
struct sluice_cipher_key {
	__u8 salt[16];		/* 14 bytes (CM) or 12 bytes (GCM), then 0 */
	__u32 hmac_inner[5];
	__u32 hmac_outer[5];
	__u64 ghash_h[2];	/* [0]: first 8 bytes of H, big-endian value */
	struct sluice_aes_key aes;
};

/*
 * The multiples of H that GHASH of RTP looks up: entry [j][n] is H times the
 * polynomial whose coefficients 4 j to 4 j + 3 are the bits of n, the topmost
 * first; halves as in ghash_h.
 */
struct sluice_key {
	__u32 profile;		/* enum sluice_srtp_profile */
	__u32 generation;
	__u32 mki_len;		/* bytes, RFC 3711 3.1; 0: packets have none */
	__u8 mki[SLUICE_MKI_MAX];	/* then 0 */
	__u8 reserved[8];
	struct sluice_cipher_key rtp;
	__u8 reserved2[8];
	__u64 ghash_table[4][16][2];	/* from the start of a line */
	struct sluice_cipher_key rtcp;
	__u8 reserved3[96];
};

/* ---- next hops ------------------------------------------------------- */

#define SLUICE_HOP_VALID	(1U << 0)
#define SLUICE_HOP_VLAN		(1U << 1)
/* Even out of the device of arrival: XDP_TX does not wake a veth's far end. */
#define SLUICE_HOP_REDIRECT	(1U << 2)

struct sluice_next_hop {
	__u32 flags;
	__u32 ifindex;
	__u8 dst_mac[6];
	__u8 src_mac[6];
	__u16 vlan_id;
	__u16 mtu;
	__u32 generation;
};

/* ---- transports ------------------------------------------------------ */

#define SLUICE_EGRESS_HEAD	48	/* IPv6 and UDP */

/*
 * The headers that a transport's packets leave with, IPv4's or IPv6's and
 * UDP's from the first byte: all lengths and sums are 0, and what is known of
 * the sums stands beside, not folded (lib/egress.h).
 */
struct sluice_egress {
	__u8 head[SLUICE_EGRESS_HEAD];
	__u32 ip_sum;		/* of an IPv4 header */
	__u32 udp_sum;		/* of pseudo header and ports */
};

#define SLUICE_TRANSPORT_WEB		(1U << 0) /* else: SIP side */
#define SLUICE_TRANSPORT_READY		(1U << 1) /* keys and egress known */
#define SLUICE_TRANSPORT_RTCP_MUX	(1U << 2)

#define SLUICE_NO_STREAM		0xff

/*
 * What becomes of a payload on its way. Events are RFC 4733's: their timestamps
 * and durations go from one clock to another, a whole multiple of it; the
 * stream's clock_hz is the higher of the two.
 */
enum sluice_convert {
	SLUICE_CONVERT_NONE = 0,
	SLUICE_CONVERT_PCMU_PCMA = 1,	/* G.711, byte by byte */
	SLUICE_CONVERT_PCMA_PCMU = 2,
	SLUICE_CONVERT_EVENT_UP = 3,	/* times `ratio` */
	SLUICE_CONVERT_EVENT_DOWN = 4,	/* divided by `ratio` */
	SLUICE_CONVERT_REPORT = 5,	/* SLUICE_EVENT_DIGIT, not sent on */
};

/* What a payload type of an arriving packet means. */
struct sluice_payload {
	__u8 stream;	/* index into streams[], or SLUICE_NO_STREAM */
	__u8 out_pt;	/* payload type on the leaving side */
	__u8 convert;	/* enum sluice_convert */
	__u8 ratio;	/* of the clocks of an event, else 0 */
};

/* Written by the daemon only; replaced as a whole. */
struct sluice_transport {
	__u32 flags;
	__u32 generation;
	/* where its packets leave: our address first */
	struct sluice_addr local;
	struct sluice_addr remote;
	__be16 local_port;
	__be16 remote_port;
	__u32 next_hop;
	__u32 rx_key;
	__u32 tx_key;
	__u8 dscp;
	__u8 ttl;
	/* without RTCP_MUX: our RTCP port, 0 if there is none */
	__be16 rtcp_local_port;
	__u32 streams[SLUICE_STREAMS_PER_TRANSPORT]; /* that arrive here */
	struct sluice_payload payload[128];
	/* at remote; 0: not known, or at another address (the daemon's) */
	__be16 rtcp_remote_port;
	__u8 reserved[6];
	struct sluice_egress egress;	/* of the fields above */
};

/* ---- streams and sources --------------------------------------------- */

#define SLUICE_STREAM_ACTIVE	(1U << 0) /* else: dropped, counted as held */
/* RFC 8285: the extension block goes along as it is, else it is taken out */
#define SLUICE_STREAM_EXTENSIONS	(1U << 1)

/* What the far end of departure takes (a=rtcp-fb, RFC 4585 4.2). */
#define SLUICE_FEEDBACK_NACK	(1U << 0)
#define SLUICE_FEEDBACK_PLI	(1U << 1)
#define SLUICE_FEEDBACK_FIR	(1U << 2)
#define SLUICE_FEEDBACK_REMB	(1U << 3)
/* PLI, FIR and NACK that it does not take: SLUICE_EVENT_PICTURE */
#define SLUICE_FEEDBACK_REPORT	(1U << 4)
#define SLUICE_FEEDBACK_TRANSPORT_CC	(1U << 5)

/* Written by the daemon only. */
struct sluice_stream {
	__u32 flags;
	__u32 from;		/* transport of arrival */
	__u32 to;		/* transport of departure */
	__u32 out_ssrc;		/* host order; the gateway's own, never 0 */
	__u32 clock_hz;
	__u32 generation;
	__u32 reverse;		/* stream of the same m-line, the other way */
	__u32 feedback;		/* SLUICE_FEEDBACK_x */
	__u8 cname[SLUICE_CNAME_LEN];	/* in RTCP with out_ssrc */
	__u8 reserved[16];
};

/*
 * Outgoing index space of a stream, owned by exactly one backend at a time.
 * All sources of a stream share it; no index is used twice (RFC 3711 9.1).
 */
struct sluice_out_state {
	__u32 lock;		/* struct bpf_spin_lock in the kernel */
	__u16 sources;		/* entries of source[] in use, from the first */
	__u16 newest;		/* entry of current_ssrc */
	__u64 next_index;	/* highest used + 1; 0: nothing sent yet */
	__u64 window[SLUICE_WINDOW_BITS / 64]; /* bit 0 of [0]: next_index-1 */
	__u32 current_ssrc;	/* arriving SSRC of the newest packet */
	__u32 last_timestamp;	/* of the newest packet, as sent */
	__u64 last_sent_ns;
	__u64 packets;		/* sent */
	__u64 bytes;		/* RTP payload bytes sent */
};

/* One arriving source. Index and window move only after authentication. */
struct sluice_ssrc {
	__u32 ssrc;		/* host order */
	__u32 bad_seq;		/* RFC 3550 A.1; > 0xffff: none */
	__u64 highest;		/* 48-bit index ROC || SEQ of RFC 3711 3.3.1 */
	__u64 window[SLUICE_WINDOW_BITS / 64]; /* bit 0 of [0]: highest */
	__s64 index_delta;	/* out index = in index + index_delta */
	__u32 timestamp_delta;	/* out timestamp = in + delta (mod 2^32) */
	__u32 last_transit;	/* RFC 3550 A.8, clock units */
	__u64 packets;		/* authenticated and accepted */
	__u64 last_seen_ns;
	__u64 bytes;		/* RTP payload bytes */
	__u64 first_index;
	__u64 late;		/* reordered but inside the window */
	__u32 jitter_q4;	/* jitter in clock units times 16 */
	__u32 reserved;
	__u64 reserved2[4];
};

/*
 * What packets of a stream move, in one entry under one lock: the outgoing
 * index space and its arriving sources.
 */
struct sluice_state {
	struct sluice_out_state out;
	/* of sources that made room for others */
	__u64 gone_packets;
	__u64 gone_lost;
	__u64 gone_late;
	__u64 reserved[5];
	struct sluice_ssrc source[SLUICE_SSRCS_PER_STREAM];
};

/*
 * RTCP that leaves with a stream's out_ssrc, and its SRTCP indices (RFC 3711
 * 3.4): owned like the index space above.
 */
struct sluice_rtcp_out {
	__u64 next_index;	/* highest used + 1 */
	__u64 packets;		/* sent */
	__u64 left_out;		/* parts the far end does not take */
	__u64 last_ns;
	__u64 reserved[4];
};

/* ---- the short way --------------------------------------------------- */

#define SLUICE_RELAY_FROM_READY	(1U << 0) /* the transport, and its keys */
#define SLUICE_RELAY_TO_READY	(1U << 1)
#define SLUICE_RELAY_FROM_WEB	(1U << 2)
#define SLUICE_RELAY_ACTIVE	(1U << 3) /* SLUICE_STREAM_ACTIVE */
#define SLUICE_RELAY_EXTENSIONS	(1U << 4) /* SLUICE_STREAM_EXTENSIONS */

#define SLUICE_RELAY_PAYLOADS	8
#define SLUICE_RELAY_NO_PT	0xff

struct sluice_relay_payload {
	__u8 pt;		/* as it arrives, or SLUICE_RELAY_NO_PT */
	__u8 out_pt;
	__u8 convert;		/* enum sluice_convert */
	__u8 ratio;
};

/*
 * By stream id: all that a packet of the stream needs of the stream and its
 * two transports, in two lines of the cache. Written by the daemon whenever
 * one of the three changes. A payload type beyond the eighth takes the long
 * way, over the transport.
 */
struct sluice_relay {
	__u32 flags;
	__u32 from;
	__u32 rx_key;
	__u32 tx_key;
	__u32 out_ssrc;
	__u32 clock_hz;
	__u32 next_hop;
	__u32 reserved;
	struct sluice_relay_payload payload[SLUICE_RELAY_PAYLOADS];
	struct sluice_egress egress;
	__u64 reserved2;
};

/* ---- the far end of a transport -------------------------------------- */

/* One SRTCP sender. Index and window move only after authentication. */
struct sluice_rtcp_sender {
	__u32 ssrc;
	__u32 highest;		/* 31-bit index of RFC 3711 3.4 */
	__u64 window[SLUICE_WINDOW_BITS / 64]; /* 0: free; bit 0: highest */
};

/* What a transport's far end lets us hear besides media; by transport id. */
struct sluice_peer {
	__u32 lock;		/* struct bpf_spin_lock in the kernel */
	__u32 senders;		/* used entries of sender[], from the first */
	__u64 checks;		/* answered in the kernel */
	__u64 last_check_ns;
	__u64 rtcp_packets;	/* authentic (or plain) and well formed */
	__u64 last_rtcp_ns;
	__u64 forged;		/* SRTP and SRTCP that did not authenticate */
	__u64 burst_since_ns;	/* the second in which burst counts them */
	__u32 burst;
	__u32 reserved;
	struct sluice_rtcp_sender sender[SLUICE_RTCP_SENDERS];
};

/* ---- drop reasons ---------------------------------------------------- */

/* Append-only; names are in SLUICE_DROP_NAMES in the same order. */
enum sluice_drop {
	SLUICE_DROP_NONE = 0,		/* not a drop */
	SLUICE_DROP_SHORT,		/* truncated header */
	SLUICE_DROP_FRAGMENT,		/* IP fragment to a media port */
	SLUICE_DROP_NO_FLOW,		/* unknown tuple on a media port */
	SLUICE_DROP_STUN_BAD,		/* malformed STUN */
	SLUICE_DROP_STUN_UFRAG,		/* unknown ufrag */
	SLUICE_DROP_STUN_INTEGRITY,	/* MESSAGE-INTEGRITY or FINGERPRINT */
	SLUICE_DROP_STUN_RATE,		/* bucket of this ufrag is empty */
	SLUICE_DROP_DTLS_UNVERIFIED,	/* DTLS from a tuple without a check */
	SLUICE_DROP_NOT_RTP,		/* no class of RFC 7983 */
	SLUICE_DROP_WRONG_SOURCE,	/* SIP side: not the SDP's address */
	SLUICE_DROP_PAYLOAD_TYPE,	/* not negotiated */
	SLUICE_DROP_NOT_READY,		/* keys or egress not there yet */
	SLUICE_DROP_HELD,		/* direction is inactive */
	SLUICE_DROP_AUTH,		/* SRTP authentication failed */
	SLUICE_DROP_REPLAY,		/* replayed or older than the window */
	SLUICE_DROP_SEQ_JUMP,		/* plain RTP: first packet after a jump */
	SLUICE_DROP_OUT_DUPLICATE,	/* outgoing index already used */
	SLUICE_DROP_SSRC_LIMIT,		/* too many sources in a stream */
	SLUICE_DROP_TOO_BIG,		/* above SLUICE_PACKET_MAX or the MTU */
	SLUICE_DROP_NEXT_HOP,		/* egress neighbour unknown */
	SLUICE_DROP_DAEMON_GONE,	/* needs the daemon; heartbeat is old */
	SLUICE_DROP_RTCP,		/* malformed or not negotiated RTCP */
	SLUICE_DROP_REDIRECT,		/* the egress driver refused */
	SLUICE_DROP_INTERNAL,		/* a helper failed */
	SLUICE_DROP_SEND,		/* user backend: sendto failed */
	SLUICE_DROP_KEY_LIMIT,		/* index space of a key exhausted */
	SLUICE_DROP_IP_OPTIONS,		/* IPv4 options, IPv6 extensions */
	SLUICE_DROP_RTCP_FEEDBACK,	/* not taken by the other side */
	SLUICE_DROP_MAX
};

#define SLUICE_DROP_NAMES { \
	"none", "short", "fragment", "no-flow", "stun-bad", "stun-ufrag", \
	"stun-integrity", "stun-rate", "dtls-unverified", "not-rtp", \
	"wrong-source", "payload-type", "not-ready", "held", "auth", \
	"replay", "seq-jump", "out-duplicate", "ssrc-limit", "too-big", \
	"next-hop", "daemon-gone", "rtcp", "redirect", "internal", "send", \
	"key-limit", "ip-options", "rtcp-feedback" }

/* ---- counters of the datapath as a whole (per CPU in the kernel) ----- */

enum sluice_counter {
	SLUICE_COUNT_PASSED_STUN = 0,	/* handed to the daemon */
	SLUICE_COUNT_PASSED_DTLS,
	SLUICE_COUNT_PASSED_RTCP,
	SLUICE_COUNT_PASSED_RTP,	/* user flows and learning */
	SLUICE_COUNT_RELAYED_WEB,	/* browser to SIP */
	SLUICE_COUNT_RELAYED_SIP,	/* SIP to browser */
	SLUICE_COUNT_ANSWERED_STUN,	/* checks answered by the datapath */
	SLUICE_COUNT_REPORTED,		/* events told to the daemon instead */
	SLUICE_COUNT_RTCP_WEB,		/* RTCP relayed, browser to SIP */
	SLUICE_COUNT_RTCP_SIP,
	SLUICE_COUNT_RTCP_LEFT_OUT,	/* parts of what was relayed */
	SLUICE_COUNT_MAX
};

/* ---- control entry --------------------------------------------------- */

/* One entry, index 0 of sl_control. */
struct sluice_control {
	__u32 contract;		/* SLUICE_CONTRACT_VERSION of the writer */
	__u32 near_mask;	/* entries of sl_near, a power of 2, less 1 */
	__u64 heartbeat_ns;	/* CLOCK_MONOTONIC of the daemon */
	__u64 boot_id[2];
};

/* ---- events (ring buffer sl_events) ---------------------------------- */

enum sluice_event_type {
	SLUICE_EVENT_FIRST_PACKET = 1,
	SLUICE_EVENT_AUTH_BURST = 2,	/* value: forgeries within a second */
	SLUICE_EVENT_DIGIT = 3,		/* an RFC 4733 packet */
	SLUICE_EVENT_PICTURE = 4,	/* SLUICE_FEEDBACK_REPORT */
};

struct sluice_event {
	__u32 type;
	__u32 transport;
	__u32 stream;
	__u32 ssrc;
	__u64 time_ns;
	/* of SLUICE_EVENT_DIGIT, as it arrived; else 0 */
	__u32 timestamp;
	__u32 value;		/* a digit's payload, RFC 4733 2.3 */
};

/* ---- map names (15 characters at most) ------------------------------- */

#define SLUICE_MAP_CONTROL	"sl_control"	/* array[1] */
#define SLUICE_MAP_FLOWS	"sl_flows"	/* hash */
#define SLUICE_MAP_NEAR		"sl_near"	/* array, by hash */
#define SLUICE_MAP_PORTS	"sl_ports"	/* hash */
#define SLUICE_MAP_UFRAGS	"sl_ufrags"	/* hash */
#define SLUICE_MAP_ICE_KEYS	"sl_ice_keys"	/* hash, by ufrag */
#define SLUICE_MAP_KEYS		"sl_keys"	/* array */
#define SLUICE_MAP_TRANSPORTS	"sl_transports"	/* array */
#define SLUICE_MAP_STREAMS	"sl_streams"	/* array */
#define SLUICE_MAP_RELAYS	"sl_relays"	/* array, by stream id */
#define SLUICE_MAP_STATES	"sl_states"	/* array, by stream id */
#define SLUICE_MAP_RTCP		"sl_rtcp"	/* array, by stream id */
#define SLUICE_MAP_PEERS	"sl_peers"	/* array, by transport id */
#define SLUICE_MAP_NEXT_HOPS	"sl_next_hops"	/* array */
#define SLUICE_MAP_DEVICES	"sl_devices"	/* devmap hash, by ifindex */
#define SLUICE_MAP_DROPS	"sl_drops"	/* per-CPU array, by reason */
#define SLUICE_MAP_COUNTERS	"sl_counters"	/* per-CPU array */
#define SLUICE_MAP_EVENTS	"sl_events"	/* ring buffer */

_Static_assert(sizeof(struct sluice_addr) == 16, "sluice_addr");
_Static_assert(sizeof(struct sluice_flow_key) == 40, "sluice_flow_key");
_Static_assert(sizeof(struct sluice_flow) == 16, "sluice_flow");
_Static_assert(sizeof(struct sluice_near) == 128, "sluice_near");
_Static_assert(sizeof(struct sluice_aes_key) == 472, "sluice_aes_key");
_Static_assert(sizeof(struct sluice_cipher_key) == 544, "sluice_cipher_key");
_Static_assert(sizeof(struct sluice_key) == 2240, "sluice_key");
_Static_assert(sizeof(struct sluice_next_hop) == 28, "sluice_next_hop");
_Static_assert(sizeof(struct sluice_transport) == 668, "sluice_transport");
_Static_assert(sizeof(struct sluice_event) == 32, "sluice_event");
_Static_assert(sizeof(struct sluice_stream) == 64, "sluice_stream");
_Static_assert(sizeof(struct sluice_out_state) == 64, "sluice_out_state");
_Static_assert(sizeof(struct sluice_ssrc) == 128, "sluice_ssrc");
_Static_assert(sizeof(struct sluice_state) == 1152, "sluice_state");
_Static_assert(sizeof(struct sluice_egress) == 56, "sluice_egress");
_Static_assert(sizeof(struct sluice_relay) == 128, "sluice_relay");
_Static_assert(sizeof(struct sluice_rtcp_out) == 64, "sluice_rtcp_out");
_Static_assert(sizeof(struct sluice_ice_key) == 64, "sluice_ice_key");
_Static_assert(sizeof(struct sluice_peer) == 448, "sluice_peer");

#endif
