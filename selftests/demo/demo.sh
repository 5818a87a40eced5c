#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `make demo`: one real call from the shipped phone in headless Chromium to a
# SIP phone behind a PBX, in namespaces that are gone afterwards, and a short
# report of it.
#
#	ns web                 ns gw               ns sip
#	Chromium ---- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	  440 Hz                                            .20 baresip 600 Hz

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

skip_all()
{
	echo "demo: $*" >&2
	exit 1
}

lab_up
topology
echo "Namespaces:   browser 203.0.113.77, gateway, PBX 198.51.100.10"
pbx_start
gateway_start
phone_start phone 1004 5060 600 auto
echo "Started:      Kamailio, baresip as 1004, sluiced"

NODE_PATH=$O/npm/browser/node_modules
LAB_SHELL=$(peer_shell)
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock
export NODE_PATH LAB_SHELL SLUICECTL CONTROL
in_ns web node demo.js
