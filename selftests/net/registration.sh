#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who is registered, and whom that entitles to what: digest, expiry, throttling,
# takeover attempts, lost connections, requests that must be refused.
#
#	ns web                 ns gw                    ns sip
#	wsclient.js -- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	                                                     .20 stranger

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node
lab_up
topology
capture inside sip eth0
pbx_start
LAB_SHELL=$(peer_shell)
export LAB_SHELL

gateway_start "register = { min = 10; max = 20; };"
tap_include in_ns web node registration.js
gateway_stopped

gateway_start "check_from = false;"
FREE_FROM=1 CASES=free_from tap_include in_ns web node registration.js
gateway_stopped gateway_with_any_from_stop_is_clean

# The browser's own Contact, by way of the gateway. A new PBX: this one still
# knows aliases.
stop pbx KILL
pbx_start -A SERVICE_ROUTE=1
gateway_start "register = { mode = \"path\"; };"
WITH_PATH=1 CASES=path,gruu tap_include in_ns web node registration.js
gateway_stopped gateway_with_path_stop_is_clean
tap_done
