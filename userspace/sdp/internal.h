/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sdp/ share. */
#ifndef SDP_INTERNAL_H
#define SDP_INTERNAL_H

#include <stdio.h>

#include "sdp/sdp.h"

#define SDP_PAYLOAD_TYPES	128	/* RFC 3550 5.1: 7 bits */

/* ---- parser ---------------------------------------------------------- */

struct sdp_parser {
	struct sdp *sdp;
	struct sdp_media session;	/* what every m-line starts with */
	struct sdp_media *media;	/* the m-line at hand, NULL: session */
	bool own_fingerprint;		/* the m-line's, not the session's */
	bool has_version, has_origin;
	/* formats of the m-line at hand, more than the tree will hold */
	struct sdp_codec codec[SDP_PAYLOAD_TYPES];
	uint32_t codec_count;
	uint32_t feedback_all;		/* a=rtcp-fb:* */
	unsigned int line;
	char *reason;
};

/* Writes the reason with its line; returns err. */
int sdp_parse_fail(const struct sdp_parser *p, int err, const char *what);
/* One a= line without "a=". Cuts the text up. */
int sdp_parse_attribute(struct sdp_parser *p, char *text);
/* "IN IP4 host", as in o=, c= and a=rtcp. ret_host: what is no literal. */
int sdp_parse_address(char **rest, struct addr *ret, const char **ret_host);
/* Moves *rest behind the next word; NULL if there is none. */
char *sdp_next_word(char **rest);
/* Digits only, the whole text. */
int sdp_parse_number(const char *text, uint32_t max, uint32_t *ret);
/* An a=crypto line's value; -EINVAL. */
int sdp_parse_crypto(struct sdp_media *m, char *value);
/* The key as base64, with its MKI. */
void sdp_print_key(FILE *f, const struct sdp_crypto *c);
/* token of RFC 8866 9 */
bool sdp_is_token(const char *text);

/* An a=extmap line's value; what the gateway cannot use is passed over. */
void sdp_parse_extension(struct sdp_media *m, char *value);
void sdp_print_extensions(FILE *f, const struct sdp_media *m);

/* ---- the tree -------------------------------------------------------- */

struct sdp *sdp_new(void);
/* A zeroed m-line at the end; NULL if memory is out. Moves the others. */
struct sdp_media *sdp_add_media(struct sdp *s);
int sdp_add_codec(struct sdp_media *m, const struct sdp_codec *codec);
bool sdp_in_bundle(const struct sdp *s, const struct sdp_media *m);
/* Neither rejected nor switched off; RFC 9143 6: bundle-only has port 0. */
bool sdp_media_is_live(const struct sdp_media *m);

/* ---- places of m-lines ------------------------------------------------ */

struct sdp_local;

/* Port 0, with the kind and the format of `of`. */
void sdp_refuse_media(struct sdp_media *m, const struct sdp_media *of);
/* The browser's for that place, or one that it has not used. */
void sdp_put_mid(struct sdp *s, uint32_t index, const struct sdp_local *local);
/* Refused as what the browser has there, if `of` is of another kind. */
bool sdp_keeps_kind(struct sdp_media *m, const struct sdp_local *local,
		    uint32_t index, const struct sdp_media *of);
/* Those that the leg has and s has not, refused. -ENOMEM. */
int sdp_offer_missing(struct sdp *s, const struct sdp_local *local, bool web);

/* As the other end says it. */
enum sdp_direction sdp_flip(enum sdp_direction d);

/* ---- header extensions ----------------------------------------------- */

/*
 * Transport-wide sequence numbers count all m-lines that have them, and the
 * plain side's are separate transports: one m-line has them, the first video
 * if it may. LIMIT_SDP_MEDIA: none.
 */
uint32_t sdp_transport_cc_line(const struct sdp *s);
/* The extension without its feedback is of no use, nor the other way round. */
void sdp_settle_transport_cc(struct sdp_media *m);
/*
 * Into m, what is offered in `of`. meaning: of the ids used so far, kinds of
 * enum sdp_extension_kind: within a BUNDLE an id has one.
 */
void sdp_offer_extensions(struct sdp_media *m, const struct sdp_media *of,
			  bool has_cc, uint8_t meaning[SDP_EXTENSION_IDS]);
/* Into m, the answer to `from`: what was offered as `to` and is answered. */
void sdp_answer_extensions(struct sdp_media *m, const struct sdp_media *from,
			   const struct sdp_media *to,
			   const struct sdp_media *answer);
/*
 * One leg may send extensions (said by it, told to it), and the other takes
 * each of them. ret_has_cc is set if they pass: transport-wide numbers do.
 */
bool sdp_extensions_pass(const struct sdp_media *said,
			 const struct sdp_media *told,
			 const struct sdp_media *to_told,
			 const struct sdp_media *to_said, bool *ret_has_cc);

/* ---- codecs ---------------------------------------------------------- */

/* RFC 3551 6; leaves an unknown payload type alone. */
void sdp_codec_fill_static(struct sdp_codec *c);
/* RTX, RED, ULPFEC, FlexFEC: useless without its codec. */
bool sdp_codec_is_repair(const struct sdp_codec *c);
/* telephone-event and CN: no m-line lives on them. */
bool sdp_codec_is_helper(const struct sdp_codec *c);
bool sdp_codec_is_comfort_noise(const struct sdp_codec *c);
bool sdp_codec_is_event(const struct sdp_codec *c);
/*
 * One becomes the other in the datapath, without a codec: PCMU and PCMA, the
 * same events by clocks of which one is a multiple of the other.
 */
bool sdp_codec_converts(const struct sdp_codec *a, const struct sdp_codec *b);
/* In m, the first that c converts to; NULL if none. */
const struct sdp_codec *sdp_find_converted(const struct sdp_media *m,
					   const struct sdp_codec *c);
/* In m, the codec that is the same as c: by payload type too if there are
 * several. NULL if none.
 */
const struct sdp_codec *sdp_find_codec(const struct sdp_media *m,
				       const struct sdp_codec *c);
/*
 * As above, in the description that answers the one c is from: a payload type
 * without an encoding name is taken to mean what was offered by it.
 */
const struct sdp_codec *sdp_find_answered(const struct sdp_media *m,
					  const struct sdp_codec *c);

#endif
