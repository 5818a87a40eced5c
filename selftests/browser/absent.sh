#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon is killed under a call of Chromium with the shipped phone and
# stays away for two minutes, ABSENT= seconds: longer than any browser waits for
# consent. The audio goes on, the next daemon adopts the call, it ends by BYE. A
# client with JsSIP's own session timer does not wait that long.
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
NODE_PATH=$O/npm/browser/node_modules:$O/npm/phone/node_modules
export NODE_PATH
JSSIP=$(browser_client jssip) || die "esbuild failed"
LAB_SHELL=$(peer_shell)
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock
[ -x "$GATEWAY_BIN" ] || skip_all "$GATEWAY_BIN is not built"
GATEWAY_REAL=$GATEWAY_BIN
GATEWAY_BIN=$SELFTESTS/tools/keeper.sh
export JSSIP LAB LAB_SHELL SLUICECTL CONTROL GATEWAY_REAL

export WEB_CONFIG="timeout = 5;"
gateway_start
phone_start phone 1004 5060 600 auto
phone_start impatient 1005 5062 800 auto
tap_include in_ns web node absent.js
stop phone
gateway_stopped
tap_done
