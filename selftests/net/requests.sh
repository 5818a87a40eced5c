#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is no call, through the gateway both ways: MESSAGE, OPTIONS, PUBLISH,
# SUBSCRIBE and NOTIFY, methods nobody knows; headers and what they tell.
#
#	ns web                      ns gw                     ns sip
#	wsclient.js -- 203.0.113.1 sluiced 198.51.100.1 -- .10 pbx.js

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/gateway.sh

need_command node
lab_up
topology
SIP_NS=$(ns_name sip)
export SIP_NS
gateway_start
tap_include in_ns web node requests.js
tap_include in_ns web node privacy.js
gateway_stopped
tap_done
