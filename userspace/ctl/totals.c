/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/totals.h"

json_t *totals_json(const char *backend, const struct datapath_totals *t)
{
	json_int_t drops = 0;

	for (int i = SLUICE_DROP_NONE + 1; i < SLUICE_DROP_MAX; i++)
		drops += (json_int_t)t->drops[i];
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"backend", backend, "web_to_sip_packets",
		(json_int_t)t->counters[SLUICE_COUNT_RELAYED_WEB],
		"sip_to_web_packets",
		(json_int_t)t->counters[SLUICE_COUNT_RELAYED_SIP],
		"web_to_sip_rtcp_packets",
		(json_int_t)t->counters[SLUICE_COUNT_RTCP_WEB],
		"sip_to_web_rtcp_packets",
		(json_int_t)t->counters[SLUICE_COUNT_RTCP_SIP],
		"rtcp_left_out_packets",
		(json_int_t)t->counters[SLUICE_COUNT_RTCP_LEFT_OUT],
		"answered_stun_packets",
		(json_int_t)t->counters[SLUICE_COUNT_ANSWERED_STUN],
		"passed_stun_packets",
		(json_int_t)t->counters[SLUICE_COUNT_PASSED_STUN],
		"passed_dtls_packets",
		(json_int_t)t->counters[SLUICE_COUNT_PASSED_DTLS],
		"passed_rtcp_packets",
		(json_int_t)t->counters[SLUICE_COUNT_PASSED_RTCP],
		"passed_rtp_packets",
		(json_int_t)t->counters[SLUICE_COUNT_PASSED_RTP],
		"dropped_packets", drops);
}
