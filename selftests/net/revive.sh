#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon is killed in each state of a call and started again: what the
# browser and the PBX then see on the wire.
#
#	ns web                      ns gw                     ns sip
#	wsclient.js -- 203.0.113.1 sluiced 198.51.100.1 -- .10 pbx.js

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node openssl
lab_up
topology
SIP_NS=$(ns_name sip)
LAB_SHELL=$(peer_shell)
[ -x "$GATEWAY_BIN" ] || skip_all "$GATEWAY_BIN is not built"
GATEWAY_REAL=$GATEWAY_BIN
GATEWAY_BIN=$SELFTESTS/tools/keeper.sh
export SIP_NS LAB LAB_SHELL GATEWAY_REAL

for SIP_TRANSPORT in ${TRANSPORTS:-udp tcp}; do
	for DATAPATH in ${DATAPATHS:-user xdp}; do
		PBX_URI="sip:$SIP_PBX:5060;transport=$SIP_TRANSPORT"
		export DATAPATH SIP_TRANSPORT PBX_URI
		gateway_start "call = { session_min = 2; };"
		tap_include in_ns web node revive.js
		gateway_stopped "gateway_stop_is_clean_${DATAPATH}_$SIP_TRANSPORT"
	done
done

# The gateway transfers by itself, and has an account.
export DATAPATH=xdp SIP_TRANSPORT=udp PBX_URI="sip:$SIP_PBX:5060;transport=udp"
gateway_start 'call = { refer = "execute"; };' "pbx_register = {
	user = \"trunk\"; password = \"x\"; calls_to = \"sip:alice@$SIP_PBX\"; };"
EXECUTES=1 CASES=transfer,account tap_include in_ns web node revive.js
gateway_stopped gateway_that_transfers_stop_is_clean
tap_done
