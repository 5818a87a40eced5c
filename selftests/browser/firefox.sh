#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Firefox with the shipped phone: registers, calls and is called, holds.
#
#	ns web                 ns gw               ns sip
#	Firefox ----- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	                                                    .20 baresip

DATAPATH=${DATAPATH:-xdp}
cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node firefox-esr
lab_up
topology
pbx_start
gateway_start
phone_start phone 1004 5060 600 auto
LAB_SHELL=$(peer_shell)
export LAB_SHELL
tap_include in_ns web node firefox.js
gateway_stopped
tap_done
