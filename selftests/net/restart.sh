#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Media outlives the daemon: killed, stopped, replaced, upgraded and cut off
# under calls of numbered packets, and what came of the calls afterwards.
#
#	ns web                        ns gw                       ns sip
#	restart.js, calls.js -- 203.0.113.1 sluiced 198.51.100.1 -- .10 pbx.js
#	  203.0.113.77

export DATAPATH=xdp
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

gateway_start
tap_include in_ns web node restart.js
gateway_stopped
check "pins_gone_in_the_end" test ! -e "/sys/fs/bpf/sluice-$LAB_ID"
tap_done
