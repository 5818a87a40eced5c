/* SPDX-License-Identifier: Apache-2.0 */
/* The columns. Members are those of Documentation/sluicectl-json.rst. */
#include "list.h"

const struct list list_calls = { "calls", (const struct list_column[]){
	{ "call", "id", .kind = LIST_TEXT, .is_key = true },
	{ "state", "state", .kind = LIST_STATE },
	{ "age", "age_ms", .kind = LIST_AGE },
	{ "from", "from", .kind = LIST_USER },
	{ "to", "to", .kind = LIST_USER },
	{ "codec", "codec", .kind = LIST_TEXT },
	{ "web->sip", "web_to_sip_packets", .kind = LIST_COUNTER },
	{ "sip->web", "sip_to_web_packets", .kind = LIST_COUNTER },
	{ "loss", "loss_percent", .kind = LIST_PERCENT },
	{ "mos", "mos", .kind = LIST_MOS },
	{ "path", "path", .kind = LIST_PATH },
	{ "jitter", "jitter_ms", .kind = LIST_MS, .is_extra = true },
	{ "direction", "direction", .kind = LIST_TEXT, .is_extra = true },
	{ "started", "started", .kind = LIST_TIME, .is_extra = true },
	{ "setup", "setup_ms", .kind = LIST_MS, .is_extra = true },
	{ "audio", "answer_to_audio_ms", .kind = LIST_MS, .is_extra = true },
	{ .name = NULL },
} };

const struct list list_streams = { "streams", (const struct list_column[]){
	{ "call", "call", .kind = LIST_TEXT, .is_key = true },
	{ "stream", "index", .kind = LIST_NUMBER, .is_key = true },
	{ "kind", "kind", .kind = LIST_TEXT },
	{ "codec", "codec", .kind = LIST_TEXT },
	{ "srtp", "srtp_profile", .kind = LIST_TEXT, .is_extra = true },
	{ "web", "web_remote", .kind = LIST_TEXT },
	{ "local", "sip_local", .kind = LIST_TEXT, .is_extra = true },
	{ "sip", "sip_remote", .kind = LIST_TEXT },
	{ "web->sip", "web_to_sip.packets", .kind = LIST_COUNTER },
	{ "loss", "web_to_sip.loss_percent", .kind = LIST_PERCENT },
	{ "jitter", "web_to_sip.jitter_ms", .kind = LIST_MS },
	{ "mos", "web_to_sip.mos", .kind = LIST_MOS },
	{ "sip->web", "sip_to_web.packets", .kind = LIST_COUNTER },
	{ "sip-loss", "sip_to_web.loss_percent", .kind = LIST_PERCENT },
	{ "sip-jitter", "sip_to_web.jitter_ms", .kind = LIST_MS },
	{ "sip-mos", "sip_to_web.mos", .kind = LIST_MOS },
	{ "late", "web_to_sip.late_packets", .kind = LIST_COUNTER,
	  .is_extra = true },
	{ "sip-late", "sip_to_web.late_packets", .kind = LIST_COUNTER,
	  .is_extra = true },
	{ "bytes", "web_to_sip.payload_bytes", .kind = LIST_COUNTER,
	  .is_extra = true },
	{ "sip-bytes", "sip_to_web.payload_bytes", .kind = LIST_COUNTER,
	  .is_extra = true },
	{ "seen", "web_to_sip.last_seen_age_ms", .kind = LIST_MS,
	  .is_extra = true },
	{ "sip-seen", "sip_to_web.last_seen_age_ms", .kind = LIST_MS,
	  .is_extra = true },
	{ "web-ssrc", "web_to_sip.in_ssrc", .kind = LIST_SSRC, .is_extra = true },
	{ "sip-ssrc", "sip_to_web.in_ssrc", .kind = LIST_SSRC, .is_extra = true },
	{ "path", "path", .kind = LIST_PATH },
	{ .name = NULL },
} };

const struct list list_registrations = {
	"registrations", (const struct list_column[]){
	{ "aor", "aor", .kind = LIST_TEXT },
	{ "online", "online", .kind = LIST_BOOL },
	{ "age", "age_ms", .kind = LIST_AGE },
	{ "expires", "expires_in_s", .kind = LIST_SECONDS },
	{ "peer", "peer", .kind = LIST_TEXT },
	{ "alias", "alias", .kind = LIST_TEXT, .is_key = true },
	{ "user-agent", "user_agent", .kind = LIST_TEXT },
	{ "contact", "contact", .kind = LIST_TEXT, .is_extra = true },
	{ "instance", "instance", .kind = LIST_TEXT, .is_extra = true },
	{ .name = NULL },
} };

const struct list list_trunks = { "trunks", (const struct list_column[]){
	{ "trunk", "uri", .kind = LIST_TEXT, .is_key = true },
	{ "host", "host", .kind = LIST_TEXT },
	{ "state", "state", .kind = LIST_STATE },
	{ "rtt", "rtt_ms", .kind = LIST_MS },
	{ "reason", "reason", .kind = LIST_TEXT },
	{ .name = NULL },
} };

const struct list list_drops = { "drops", (const struct list_column[]){
	{ "side", "side", .kind = LIST_TEXT, .is_key = true },
	{ "reason", "reason", .kind = LIST_TEXT, .is_key = true },
	{ "total", "total", .kind = LIST_COUNTER },
	{ "kernel", "kernel", .kind = LIST_COUNTER },
	{ "user", "user", .kind = LIST_COUNTER },
	{ .name = NULL },
} };

const struct list list_backends = { "backends", (const struct list_column[]){
	{ "backend", "backend", .kind = LIST_TEXT, .is_key = true },
	{ "web->sip", "web_to_sip_packets", .kind = LIST_COUNTER },
	{ "sip->web", "sip_to_web_packets", .kind = LIST_COUNTER },
	{ "dropped", "dropped_packets", .kind = LIST_COUNTER },
	{ "web->sip rtcp", "web_to_sip_rtcp_packets", .kind = LIST_COUNTER },
	{ "sip->web rtcp", "sip_to_web_rtcp_packets", .kind = LIST_COUNTER },
	{ "answered", "answered_stun_packets", .kind = LIST_COUNTER },
	{ "stun", "passed_stun_packets", .kind = LIST_COUNTER },
	{ "dtls", "passed_dtls_packets", .kind = LIST_COUNTER },
	{ "rtcp", "passed_rtcp_packets", .kind = LIST_COUNTER },
	{ "rtp", "passed_rtp_packets", .kind = LIST_COUNTER },
	{ .name = NULL },
} };

const struct list list_interfaces = {
	"interfaces", (const struct list_column[]){
	{ "interface", "name", .kind = LIST_TEXT, .is_key = true },
	{ "mode", "mode", .kind = LIST_TEXT },
	{ "attach", "attach", .kind = LIST_TEXT },
	{ "program", "program_id", .kind = LIST_NUMBER },
	{ "tag", "program_tag", .kind = LIST_TEXT },
	{ "attached", "is_attached", .kind = LIST_BOOL },
	{ .name = NULL },
} };

const struct list list_resources = {
	"resources", (const struct list_column[]){
	{ "resource", "resource", .kind = LIST_TEXT, .is_key = true },
	{ "used", "used", .kind = LIST_NUMBER },
	{ "limit", "limit", .kind = LIST_NUMBER },
	{ .name = NULL },
} };
