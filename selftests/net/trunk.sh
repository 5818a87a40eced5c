#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The way to the PBX: it hangs, dies and comes back, over UDP and over TCP.
#
#	ns web                 ns gw                    ns sip
#	wsclient.js -- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node
lab_up
topology
LAB_SHELL=$(peer_shell)
export LAB_SHELL

# stage WHAT CASE
stage()
{
	WHAT=$1 CASES=$2 tap_include in_ns web node trunk.js
}

tcp_only()
{
	capture_has inside "INVITE sip:" "tcp port 5060" &&
		! capture_has inside . "udp port 5060"
}

pbx_start
kill -STOP -- "-$(pid_of pbx)"
gateway_start "check_from = false;"
stage pbx_hanging known_down
kill -CONT -- "-$(pid_of pbx)"
stage pbx_awake up
stop pbx KILL
stage pbx_dead just_died
stage pbx_dead known_down
pbx_start
stage pbx_restarted up
gateway_stopped

# A new one: this one still knows contacts at UDP.
stop pbx KILL
pbx_start
PBX_URI="sip:$SIP_PBX:5060;transport=tcp" gateway_start "check_from = false;"
capture inside sip eth0
stage tcp_pbx up
check tcp_pbx_gets_no_udp tcp_only
stop pbx KILL
stage tcp_pbx_dead just_died
stage tcp_pbx_dead known_down
pbx_start
stage tcp_pbx_restarted up
gateway_stopped tcp_gateway_stop_is_clean
tap_done
