/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one leg's description to the other's. An offer from leg A becomes the
 * offer towards leg B in B's profile; B's answer becomes the answer towards A,
 * fitting A's offer m-line by m-line (RFC 3264). Pure: no sockets, no state
 * but what is passed in.
 */
#ifndef SDP_NEGO_H
#define SDP_NEGO_H

#include "sdp/sdp.h"

enum sdp_profile {
	SDP_PROFILE_WEB,	/* UDP/TLS/RTP/SAVPF, ICE, DTLS, mux, BUNDLE */
	SDP_PROFILE_PLAIN,	/* RTP/AVP, or RTP/SAVP by enum sdp_srtp */
};

/* SRTP of a plain leg, its keys in the description (RFC 4568). */
enum sdp_srtp {
	SDP_SRTP_NONE,
	SDP_SRTP_OPTIONAL,	/* offered beside RTP/AVP (RFC 8643) */
	SDP_SRTP_SDES,		/* or no media */
};

/* Header extensions with the plain leg (RFC 8285). */
enum sdp_extensions {
	SDP_EXTENSIONS_AUTO,	/* not offered with RTP/AVP */
	SDP_EXTENSIONS_ON,
	SDP_EXTENSIONS_OFF,
};

#define SDP_SUITES	4

/* The gateway's own side, from media_open(). */
struct sdp_local {
	struct addr web;		/* one port for all, RFC 9143 */
	char ufrag[32], password[64];
	struct sdp_fingerprint fingerprint;
	char cname[64];
	uint32_t web_ssrc[LIMIT_SDP_MEDIA];
	/*
	 * The web leg's mids so far, for a new offer: they never change (RFC
	 * 9143 7.5). "" is "0", "1", ... by position.
	 */
	char web_mid[LIMIT_SDP_MEDIA][32];
	/*
	 * What the leg last said, for a new offer to it; NULL: nothing. An
	 * offer has no fewer m-lines (RFC 3264 8): what the other side leaves
	 * out has port 0. A browser takes no other kind in a place, either.
	 */
	const struct sdp *said;
	struct addr sip[LIMIT_SDP_MEDIA];	/* RTP; RTCP is port + 1 */
	/*
	 * telephone-event is offered to and taken from the browser, whether
	 * the plain leg has it or not; and the plain leg has none.
	 */
	bool events_end_here, sip_has_no_events;
	enum sdp_srtp sip_srtp;
	bool sip_avpf;			/* offer RTP/AVPF, not RTP/AVP */
	enum sdp_extensions sip_extensions;
	/* what the browser's description means by an id; see sdp.h */
	uint8_t web_extension[SDP_EXTENSION_IDS];
	/* ours, by m-line, in order of preference, with tags from 1 */
	uint32_t sip_crypto_count;
	struct sdp_crypto sip_crypto[LIMIT_SDP_MEDIA][SDP_SUITES];
	/* what the plain leg last said, for a new offer; "": nothing yet */
	char sip_proto[LIMIT_SDP_MEDIA][32];
	uint64_t session_id, session_version;	/* o= of the leg printed for */
};

/*
 * What `from` offers, said to a leg of profile `to`; `from` came from a leg of
 * the other profile. M-lines keep their place; what cannot be carried has port
 * 0, or is left out if nothing follows and it is no RTP. Payload types are
 * kept unless two m-lines of a web offer would share one. RTX, RED and FEC
 * never pass. Towards web: static payload types get their rtpmap, mids are
 * made, setup is actpass, video has nack, nack pli and ccm fir, which the
 * gateway passes on as RTCP or INFO. Towards plain: no ICE, DTLS, mux, mid,
 * group, msid, ssrc; rtcp-fb with RTP/AVPF only; telephone-event and CN
 * only with the clock of a codec that stays, CN above 8 kHz not at all. What
 * converts is offered after the rest: the other law of G.711, telephone-event
 * with the audio's clocks towards web and with 8 kHz towards plain. REMB,
 * transport-cc and the extmaps of sdp.h pass as the other side offers and
 * answers them.
 * An address of the plain leg that is a name is not looked up: such an m-line
 * cannot be carried.
 * -ENOTSUP: nothing in it that the gateway can carry (488).
 */
int sdp_make_offer(const struct sdp *from, enum sdp_profile to,
		   const struct sdp_local *local, struct sdp **ret);

/*
 * from_offer: A's offer; to_offer: what was sent to B; to_answer: B's answer.
 * The result has A's m-lines in A's order and A's payload types; m-lines that
 * B refused, or left out at the end, have port 0. Towards web: setup passive if
 * A said actpass or active, active if A said passive. -EINVAL: the answer does
 * not fit the offer (reason of 128 bytes, may be NULL, says why); -ENOTSUP: no
 * m-line is left.
 */
int sdp_make_answer(const struct sdp *from_offer, const struct sdp *to_offer,
		    const struct sdp *to_answer, enum sdp_profile from_profile,
		    const struct sdp_local *local, struct sdp **ret,
		    char *reason);

#define SDP_NO_PAYLOAD	0xff	/* not from this side */

/*
 * What was made here for a browser, printed and parsed again: with what
 * parsing leaves out.
 */
void sdp_own_parsed(struct sdp *s);

/* One codec's payload types; see struct media_payload. */
struct sdp_payload_map {
	uint8_t a_rx;	/* arriving from A, or SDP_NO_PAYLOAD */
	uint8_t b_tx;	/* sent to B */
	uint8_t b_rx;	/* arriving from B, or SDP_NO_PAYLOAD */
	uint8_t a_tx;	/* sent to A */
	uint32_t clock_hz, b_clock_hz;	/* they differ if it is converted */
	char name[20], b_name[20];
};

struct sdp_stream_map {
	bool enabled;
	bool a_to_b, b_to_a;	/* both descriptions allow it */
	/* header extensions are kept; transport-wide numbers among them */
	bool extensions_a_to_b, extensions_b_to_a;
	bool cc_a_to_b, cc_b_to_a;
	uint32_t payload_count;
	struct sdp_payload_map payload[LIMIT_SDP_CODECS];
};

/*
 * After a complete exchange: how packets of each m-line are to be carried.
 * The names hold whoever offered, and whichever leg is the browser: a_offer is
 * what A sent, a_answer what was sent to A, b_offer what was sent to B,
 * b_answer what B sent. ret_count is that of the shortest.
 */
int sdp_map_streams(const struct sdp *a_offer, const struct sdp *a_answer,
		    const struct sdp *b_offer, const struct sdp *b_answer,
		    struct sdp_stream_map ret[LIMIT_SDP_MEDIA],
		    uint32_t *ret_count);

#endif
