#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Header extensions and transport-cc between two Chromiums with the shipped
# phone, by two calls through the gateway and the PBX: agreed with RTP/AVPF in
# the middle, not with RTP/AVP. Between the two legs media is in the clear, on
# the gateway's lo.
#
#	ns web              ns gw                   ns sip
#	Chromium ---- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	440, 880 Hz           |__ lo __|

DATAPATH=${DATAPATH:-xdp}
cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node
[ -d "$O/npm/browser/node_modules/playwright-core" ] ||
	skip_all "no npm packages: make deps"

lab_up
topology
pbx_start
NODE_PATH=$O/npm/browser/node_modules
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock
export NODE_PATH SLUICECTL CONTROL

# run_with on|off [SIP_CONFIG]
run_with()
{
	capture "$1" gw lo
	SIP_CONFIG=${2:-} gateway_start
	LAB_SHELL=$(peer_shell)
	export LAB_SHELL
	EXTENSIONS=$1 CAPTURE=$1 tap_include in_ns web node extensions.js
	gateway_stopped "gateway_with_extensions_$1_stop_is_clean"
	stop "$1"
}

run_with on 'avpf = true;'
run_with off
tap_done
