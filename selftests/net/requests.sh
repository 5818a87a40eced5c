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
. ../peers/peers.sh
. ../peers/gateway.sh

# Neither in the log nor in what sluicectl says.
password_is_untold()
{
	local what
	! grep -F "t0p.Secret" "$LAB/gateway.log" || return 1
	for what in status "show trunks" reload "check $LAB/sluice.conf"; do
		# shellcheck disable=SC2086
		! sluicectl -j $what | grep -F "t0p.Secret" || return 1
	done
}

need_command node
lab_up
topology
SIP_NS=$(ns_name sip)
export SIP_NS
gateway_start
tap_include in_ns web node requests.js
tap_include in_ns web node privacy.js
gateway_stopped

# The gateway with an account of its own.
echo "t0p.Secret" >"$LAB/secret"
chmod 600 "$LAB/secret"
LAB_SHELL=$(peer_shell)
export LAB_SHELL
account_gateway()
{
	gateway_start "pbx_register = { user = \"trunk\"; realm = \"lab\";
	password_file = \"$LAB/secret\"; expires = 60; ring = \"$1\";
	calls_to = \"sip:alice@$SIP_PBX\"; };
	call = { refer = \"execute\"; };"
}

export PASSWORD=t0p.Secret
account_gateway all
CASES=register,calls,transfer,not_ours,called,called_all \
	tap_include in_ns web node account.js
check account_password_is_nowhere_told password_is_untold
gateway_stopped account_gateway_stop_is_clean
account_gateway newest
CASES=newest tap_include in_ns web node account.js
gateway_stopped account_of_newest_gateway_stop_is_clean
tap_done
