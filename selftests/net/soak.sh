#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Nothing leaks: calls with and without media, registrations and connections
# come and go, and whatever can be counted is back where it was. `make soak` is
# the long form; CLIENTS=, CALLS= of a round, ROUNDS=, DATAPATH=.
#
#	ns web              ns gw                    ns sip
#	soak ---------- 203.0.113.1 sluiced 198.51.100.1 -- .10 soak
#	  203.0.113.77

# Memory is judged as well, so it is the daemon without sanitizers.
export SAN=0
cd "$(dirname "$0")" || exit 99
# shellcheck source=selftests/lib.sh
. ../lib.sh
. ../peers/gateway.sh

export CLIENTS=${CLIENTS:-100}
CALLS=${CALLS:-300} ROUNDS=${ROUNDS:-1}
# Of allocated memory that may be in other places than before: what threads
# keep for themselves, tables that grew with a fuller moment.
HEAP_SLACK=$((128 * 1024))
# A transaction on UDP lives for 32 s after its call.
GONE_S=90
# Of the kernel, whose arrays are always full.
HASHES="flows ports ufrags ice_keys ssrcs"

# Entries of the kernel's hashes and streams.
kernel_entries()
{
	local map

	[ "$DATAPATH" != user ] || return 0
	for map in $HASHES; do
		echo "kernel_$map $(bpftool -j map dump pinned \
			"/sys/fs/bpf/sluice-$LAB_ID/sl_$map" | jq length)"
	done
}

daemon_entries()
{
	sluicectl -j show resources | jq -r '.resources[] |
		"\(.resource) \(.used)"'
}

resources()
{
	daemon_entries
	kernel_entries
}

heap()
{
	sluicectl -j show resources | jq .memory.heap_used_bytes
}

resident_kib()
{
	sluicectl -j show resources | jq '.memory.resident_bytes / 1024 | floor'
}

is_at_base()
{
	# The daemon's first: the kernel's hashes take longer to ask.
	[ "$(daemon_entries)" = "$(grep -v '^kernel_' <<<"$base")" ] &&
		[ "$(resources)" = "$base" ]
}

# Between two keep-alives of the trunk, nothing is under way.
is_quiet()
{
	local now

	now=$(daemon_entries)
	grep -qx 'server_transactions 0' <<<"$now" &&
		grep -qx 'client_transactions 0' <<<"$now" &&
		grep -qx 'trunk_server_transactions 0' <<<"$now" &&
		grep -qx 'trunk_client_transactions 0' <<<"$now" &&
		grep -qx 'media_sessions 0' <<<"$now" &&
		grep -qx 'datapath_streams 0' <<<"$now"
}

pbx_is_up()
{
	[ "$(sluicectl -j status | jq -r .trunk.state)" = up ]
}

# order WHAT COUNT: the clients do it; fails if one of them failed.
order()
{
	local what count errors

	echo "$1 $2" >&"$orders"
	read -r _ what count errors <&"$answers" &&
		[ "$what $count $errors" = "$1 $2 0" ]
}

# everything N: of each kind so many.
everything()
{
	order calls "$1" && order media "$1" && order registrations "$1" &&
		order connections "$1"
}

is_back()
{
	if busywait $GONE_S is_at_base; then
		ok "$1"
		return
	fi
	not_ok "$1" "base, now:" "$(diff <(echo "$base") <(resources) |
		sed '2,$s/^/# /')"
}

has_heap()
{
	[ "$(($(heap) - heap_base))" -le "$HEAP_SLACK" ]
}

heap_is_back()
{
	if busywait 10 has_heap; then
		ok "$1"
		return
	fi
	not_ok "$1" "$(($(heap) - heap_base)) bytes more are allocated"
}

# What was freed is not kept, but for some room.
is_lean()
{
	[ "$(resident_kib)" -le "$(($(heap) / 1024 + 32 * 1024))" ]
}

# round WHAT: so many of that kind, and back.
round()
{
	check "$1_all_succeed" order "$1" "$CALLS"
	is_back "$1_leave_nothing_behind"
	heap_is_back "$1_leave_no_memory_behind"
	check "$1_give_memory_back_to_the_host" busywait 20 is_lean
	echo "# after $CALLS $1: $(($(heap) - heap_base)) bytes more allocated," \
		"resident $(resident_kib) KiB"
}

is_relayed()
{
	[ "$(sluicectl -j show datapath |
		jq '[.backends[].web_to_sip_packets] | add')" -ge "$CALLS" ]
}

need_command jq bpftool
[ -x "$O/perf/soak" ] || skip_all "$O/perf/soak is not built"
lab_up
topology
WEB_IPS=$WEB_PEER
for i in 78 79 80 81; do
	in_ns web ip addr add "203.0.113.$i/24" dev eth0
	WEB_IPS+=" 203.0.113.$i"
done
gateway_start
# shellcheck disable=SC2086
coproc soak { exec "$O/perf/soak" "$(ns_name web)" "$(ns_name sip)" \
	$WEB_GW $SIP_PBX $WEB_IPS 2>>"$LAB/soak.log"; }
# A subshell has no coprocess.
exec {orders}>&"${soak[1]}" {answers}<&"${soak[0]}"
check pbx_answers busywait 30 pbx_is_up
check clients_register order clients "$CLIENTS"

# What grows with the fullest moment has grown, then.
everything "$CALLS" || die "the clients do not get through"
busywait $GONE_S is_quiet || die "the gateway does not come to rest"
base=$(resources)
heap_base=$(heap)
busywait 20 is_lean || echo "# freed memory is still kept"
echo "# base: $heap_base bytes allocated, resident $(resident_kib) KiB"

if [ "$ROUNDS" = 1 ]; then
	check clients_do_everything everything "$CALLS"
	is_back clients_leave_nothing_behind
	heap_is_back clients_leave_no_memory_behind
else
	for ((i = 0; i < ROUNDS; i++)); do
		round calls
		round media
	done
	round registrations
	round connections
fi
# Or nothing of media was there to be left behind.
check media_was_relayed is_relayed
gateway_stopped
tap_done
