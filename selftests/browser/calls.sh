#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Real calls: Chromium with the shipped phone, and SIP.js, over the gateway to
# a PBX with three phones and a trunk. The media path is DATAPATH's.
#
#	ns web                 ns gw               ns sip
#	Chromium ---- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	  440 Hz                                            .20 baresip, SIPp
#	                                                    600, 700, 800 Hz

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
capture inside sip eth0
capture outside web eth0
pbx_start
gateway_start
phone_start phone 1004 5060 600 auto
phone_start manual 1005 5062 700 manual
phone_start pcmu 1006 5064 800 auto PCMU/8000/1

NODE_PATH=$O/npm/browser/node_modules:$O/npm/phone/node_modules
export NODE_PATH DATAPATH
SIPJS=$(browser_client sipjs) || die "esbuild failed"
JSSIP=$(browser_client jssip) || die "esbuild failed"
export SIPJS JSSIP
LAB_SHELL=$(peer_shell)
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock
export LAB_SHELL SLUICECTL CONTROL
in_ns web node calls.js
