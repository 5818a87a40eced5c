#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who vanishes in mid-call without a word, a killed browser, a lost network, a
# killed phone, is missed: the other side gets BYE. On both media paths.
#
#	ns web                 ns gw               ns sip
#	Chromium ---- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	  440 Hz                                            .20 baresip, 600 Hz

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
WEB_CONFIG="timeout = 5;" SIP_CONFIG="timeout = 5;"
export NODE_PATH LAB_SHELL SLUICECTL CONTROL WEB_CONFIG SIP_CONFIG
for DATAPATH in xdp user; do
	export DATAPATH
	gateway_start
	: >"$LAB/phone.log"
	phone_start phone 1004 5060 600 auto
	PHONE_PID=$(pid_of phone) tap_include in_ns web node vanish.js
	stop phone
	gateway_stopped "${DATAPATH}_gateway_stop_is_clean"
done
tap_done
