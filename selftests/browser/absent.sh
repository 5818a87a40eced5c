#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon is killed under a call of Chromium with the shipped phone and
# stays away: the audio goes on, the next daemon adopts the call, it ends by
# BYE. ABSENT=120 keeps it away for longer than any browser waits for consent.
#
#	ns web                 ns gw               ns sip
#	Chromium ---- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	  440 Hz                                            .20 baresip, 600 Hz

export DATAPATH=xdp
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
LAB_SHELL=$(peer_shell)
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock
[ -x "$GATEWAY_BIN" ] || skip_all "$GATEWAY_BIN is not built"
GATEWAY_REAL=$GATEWAY_BIN
GATEWAY_BIN=$SELFTESTS/tools/keeper.sh
export NODE_PATH LAB LAB_SHELL SLUICECTL CONTROL GATEWAY_REAL

gateway_start
phone_start phone 1004 5060 600 auto
tap_include in_ns web node absent.js
stop phone
gateway_stopped
tap_done
