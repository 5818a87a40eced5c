#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Signalling: clients over WSS that register, refresh and call, in the
# topology of the net tests; load.c plays both sides. CLIENTS=, CALLS=,
# SECONDS_EACH= as there.
TEST_NAME=bench_calls
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$SELFTESTS/peers/gateway.sh"

declare -A figure=() unit=() peer_figure=()
names=()

# measure ARRAY PIDS: the load's figures into that array.
measure()
{
	local -n into=$1
	local word name value u
	local ips=()

	read -ra ips <<<"$WEB_IPS"
	while read -r word name value u; do
		[ "$word" = FIGURE ] || continue
		into[$name]=$value unit[$name]=$u
		[[ " ${names[*]} " == *" $name "* ]] || names+=("$name")
	done < <("$O/perf/load" "$2" "$(ns_name web)" "$(ns_name sip)" \
		"$WEB_GW" "$SIP_PBX" "${ips[@]}")
	[ ${#into[@]} -gt 0 ] || die "no figures of the load"
}

# At most 1000 clients may come from one address.
more_addresses()
{
	local i
	WEB_IPS=$WEB_PEER
	for i in 78 79 80 81 82 83 84 85; do
		in_ns web ip addr add "203.0.113.$i/24" dev eth0
		WEB_IPS+=" 203.0.113.$i"
	done
}

print_figures()
{
	local name ratio base
	for name in "${names[@]}"; do
		ratio=null base=null
		if [ -n "${peer_figure[$name]:-}" ]; then
			base="\"${name}_$PEER\""
			ratio=$(jq -n "if ${peer_figure[$name]} == 0 then null \
				else ${figure[$name]} / ${peer_figure[$name]} end")
			echo "BENCH {\"name\":\"${name}_$PEER\",\"value\":${peer_figure[$name]},\"unit\":\"${unit[$name]}\",\"baseline\":null,\"ratio\":null}"
		fi
		echo "BENCH {\"name\":\"$name\",\"value\":${figure[$name]},\"unit\":\"${unit[$name]}\",\"baseline\":$base,\"ratio\":$ratio}"
	done
}

need_command jq
lab_up
topology
more_addresses
gateway_start
measure figure "$(pid_of gateway)"
print_figures
