#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Whatever arrives: malformed TLS, HTTP, WebSocket, SIP, SDP, STUN, DTLS, RTP
# and RTCP, from users, from the PBX and from strangers, also into a live call.
# The gateway lives on, counts each by its reason, serves the next good one,
# and lets no packet go to a stranger. SAN=1 takes the sanitizers' build.
#
#	ns web                  ns gw               ns sip
#	.77 user  ---- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	.66 stranger                                         .20 SIPp, echo
#	                                                     .66 stranger

DATAPATH=${DATAPATH:-xdp}
cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node openssl sipp jq

silent_towards()
{
	# A capture that did not see the stranger would prove nothing.
	[ "$(tcpdump -nr "$LAB/$1.pcap" "src host $3" 2>/dev/null |
		head -n 10 | wc -l)" = 10 ] &&
		[ -z "$(tcpdump -nr "$LAB/$1.pcap" \
			"src host $2 and dst host $3" 2>/dev/null | head -n 3)" ]
}

log_is_short()
{
	[ "$(wc -l <"$LAB/gateway.log")" -lt 600 ]
}

lab_up
topology
in_ns web ip addr add 203.0.113.66/24 dev eth0
in_ns sip ip addr add 198.51.100.66/24 dev eth0
capture web_side web eth0
capture sip_side sip eth0
pbx_start
start trunk sip env TERM=dumb sipp -sf "$SELFTESTS/peers/uas-echo.xml" \
	-i "$SIP_PHONE" -p 5070 -mi "$SIP_PHONE" -mp 31000 -rtp_echo -nostdin
gateway_start
# shellcheck disable=SC2154
GATEWAY_PID=${lab_pids[gateway]} SLUICECTL=$O/sluicectl
CONTROL=$LAB/control.sock
export LAB LAB_ID GATEWAY_PID SLUICECTL CONTROL

tap_include in_ns web node hostile_web.js
tap_include in_ns sip node hostile_sip.js
tap_include in_ns web node hostile_media.js
check web_stranger_gets_no_packet \
	silent_towards web_side $WEB_GW 203.0.113.66
check sip_stranger_gets_no_packet \
	silent_towards sip_side $SIP_GW 198.51.100.66
check gateway_under_junk_still_runs is_running gateway
check gateway_under_junk_logs_little log_is_short
gateway_stopped
tap_done
