/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on sdp/: whatever is parsed prints as what parses the same, passes
 * on in both directions, and fits as an answer to itself.
 *
 * clang -fsanitize=fuzzer,address,undefined -Iuserspace -D_GNU_SOURCE \
 *	selftests/fuzz/fuzz_sdp.c userspace/sdp/(all).c userspace/core/addr.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdp/nego.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void make_local(struct sdp_local *local)
{
	memset(local, 0, sizeof(*local));
	addr_parse("203.0.113.1:10000", &local->web);
	snprintf(local->ufrag, sizeof(local->ufrag), "abcdefgh");
	snprintf(local->password, sizeof(local->password),
		 "abcdefghijklmnopqrstuvwx");
	snprintf(local->fingerprint.hash, sizeof(local->fingerprint.hash),
		 "sha-256");
	local->fingerprint.len = 32;
	snprintf(local->cname, sizeof(local->cname), "cname");
	for (unsigned int i = 0; i < LIMIT_SDP_MEDIA; i++) {
		addr_parse("198.51.100.1:16384", &local->sip[i]);
		local->web_ssrc[i] = i + 1;
	}
}

/* What is ours must parse, and print as itself. */
static struct sdp *reparse(const struct sdp *s)
{
	struct sdp *again = NULL;
	char *text = sdp_print(s), *second, reason[128];

	if (!text || sdp_parse(text, strlen(text), &again, reason)) {
		fprintf(stderr, "%s\n%s", text ? reason : "none", text);
		abort();
	}
	second = sdp_print(again);
	/* msid and candidates are printed, never read. */
	if (!second || (!strstr(text, "a=candidate") && strcmp(text, second))) {
		fprintf(stderr, "%s\n-----\n%s", text, second);
		abort();
	}
	free(text);
	free(second);
	return again;
}

static void pass_on(const struct sdp *offer, const struct sdp *other,
		    enum sdp_profile to)
{
	enum sdp_profile from = to == SDP_PROFILE_WEB ? SDP_PROFILE_PLAIN :
							SDP_PROFILE_WEB;
	struct sdp_stream_map map[LIMIT_SDP_MEDIA];
	struct sdp *sent = NULL, *answer = NULL, *back, *told = NULL;
	struct sdp_local local;
	char reason[128];
	uint32_t count;

	make_local(&local);
	if (sdp_make_offer(offer, to, &local, &sent))
		return;
	back = reparse(sent);
	/* Our offer as its own answer must be taken. */
	if (sdp_make_answer(offer, sent, back, from, &local, &answer, reason))
		abort();
	told = reparse(answer);
	sdp_map_streams(offer, answer, sent, back, map, &count);
	sdp_free(answer);
	answer = NULL;
	/* And a stranger's answer is judged. */
	if (!sdp_make_answer(offer, sent, other, from, &local, &answer, NULL)) {
		sdp_free(reparse(answer));
		sdp_map_streams(offer, answer, sent, other, map, &count);
	}
	sdp_free(answer);
	sdp_free(told);
	sdp_free(back);
	sdp_free(sent);
}

/* An input is a description, or two with "\n--\n" in between. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *cut = memmem(data, len, "\n--\n", 4);
	size_t first = cut ? (size_t)(cut - data) + 1 : len;
	struct sdp *s = NULL, *other = NULL, *copy;
	char reason[128];

	if (sdp_parse((const char *)data, first, &s, reason))
		return 0;
	if (!cut || sdp_parse((const char *)cut + 4, len - first - 3, &other,
			      reason))
		other = sdp_copy(s);
	copy = reparse(s);
	pass_on(s, other, SDP_PROFILE_WEB);
	pass_on(s, other, SDP_PROFILE_PLAIN);
	sdp_free(copy);
	sdp_free(other);
	sdp_free(s);
	return 0;
}
