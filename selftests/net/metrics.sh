#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a call's packets say of its quality, by the CLI, the metrics, the events
# and the log; and the metrics listener against strangers.
#
#	ns web              ns gw                    ns sip
#	metrics.js ---- 203.0.113.1 sluiced 198.51.100.1 -- .10 Kamailio
#	  203.0.113.77      :9090 metrics                   .20 sipmedia.js

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node openssl curl jq
lab_up
topology
pbx_start
LAB_SHELL=$(peer_shell)
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock EVENTS=$LAB/events.log
METRICS=$WEB_GW:9090
export LAB_SHELL SLUICECTL CONTROL EVENTS METRICS

gateway_start "metrics = \"$METRICS\";" \
	'ice_servers = ( "turn:turn.example.org", "stun:stun.example.org" );'
start events gw "$SLUICECTL" -s "$CONTROL" -j events
tap_include in_ns web node metrics.js

promtool_agrees()
{
	in_ns web curl -sf "http://$METRICS/metrics" >"$LAB/metrics.txt" &&
		"$promtool" check metrics <"$LAB/metrics.txt"
}

# A TURN server without credentials, and a browser makes no connection at all.
phone_has_stun_alone()
{
	in_ns web curl -sk "https://$WEB_GW/config.json" |
		jq -e '.ice_servers == [{ urls: "stun:stun.example.org" }]'
}
check phone_is_told_of_stun_alone phone_has_stun_alone

if promtool=$(../tools/promtool.sh); then
	check metrics_text_is_clean_to_promtool promtool_agrees
else
	skip metrics_text_is_clean_to_promtool "$promtool"
fi
gateway_stopped
tap_done
