#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sluicectl as an operator uses it: exit codes, forms, terminate, reload, check,
# trace, events.
#
#	ns web                 ns gw                    ns sip
#	wsclient.js -- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node
lab_up
topology
pbx_start
gateway_start
LAB_SHELL=$(peer_shell)
export LAB_SHELL
reloads()
{
	grep -c 'read again' "$LAB/gateway.log"
}

# Every other signal ends it.
hangup_reloads()
{
	[ "$(reloads)" -gt "$1" ]
}

stream_ended()
{
	process_gone "$(pid_of trace)"
}

ctl=("$O/sluicectl" -s "$LAB/control.sock")
start trace gw "${ctl[@]}" -j trace
start trace_text gw "${ctl[@]}" trace
start events gw "${ctl[@]}" -j events

tap_include in_ns web node cli.js
before=$(reloads)
kill -HUP "$(pid_of gateway)"
check hangup_reads_the_configuration_again busywait 5 hangup_reloads "$before"
gateway_stopped
check stream_ends_with_the_gateway busywait 5 stream_ended
tap_done
