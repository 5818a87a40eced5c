#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A call's life besides its media: forks, races, timers, lost connections,
# transfers. Scripted browsers, a proxy that forks, and a scripted phone.
#
#	ns web                   ns gw                    ns sip
#	life.js, transfer.js 203.0.113.1 sluiced 198.51.100.1 -- .10 Kamailio
#	executed.js                                           .10 pbx.js
#	  203.0.113.77                                        .20 party.js

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node openssl
export DATAPATH=user
lab_up
topology
pbx_start
LAB_SHELL=$(peer_shell)
export LAB_SHELL

gateway_start "call = { session_min = 2; };"
tap_include in_ns web node transfer.js
tap_include in_ns web node life.js
gateway_stopped

# Room for a single call.
gateway_start "datapath_streams = 4;"
tap_include in_ns web node room.js
gateway_stopped gateway_that_is_full_stop_is_clean

# Over TCP, what depends on the way to the PBX.
pbx_restart()
{
	stop pbx KILL
	pbx_start
}

no_udp()
{
	capture_has inside "INVITE sip:" "tcp port 5060 and host $SIP_GW" &&
		capture_lacks inside . "udp port 5060 and host $SIP_GW"
}

pbx_restart
capture inside sip eth0
PBX_URI="sip:$SIP_PBX:5060;transport=tcp" \
	gateway_start "call = { session_min = 2; };"
tap_include in_ns web node transfer.js
CASES=fork,200,cancel,bye,off,websocket tap_include in_ns web node life.js
check calls_over_tcp_need_no_udp no_udp
gateway_stopped gateway_over_tcp_stop_is_clean

# The gateway transfers by itself; a PBX that trusts it.
stop pbx KILL
SIP_NS=$(ns_name sip)
export SIP_NS
gateway_start 'call = { refer = "execute"; max_duration = 4; };'
tap_include in_ns web node executed.js
gateway_stopped gateway_that_transfers_stop_is_clean
tap_done
