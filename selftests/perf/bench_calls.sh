#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Signalling: clients over WSS that register, refresh and call, in the
# topology of the net tests; load.c plays both sides. CLIENTS=, CALLS=,
# SECONDS_EACH= as there.
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
	[ -n "${into[calls_per_s]:-}" ] || die "the load failed"
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
			base="\"${name}_kamailio\""
			ratio=$(jq -n --argjson a "${figure[$name]}" \
				--argjson b "${peer_figure[$name]}" \
				'if $b == 0 then null else $a / $b end')
			echo "BENCH {\"name\":\"${name}_kamailio\",\"value\":${peer_figure[$name]},\"unit\":\"${unit[$name]}\",\"baseline\":null,\"ratio\":null}"
		fi
		echo "BENCH {\"name\":\"$name\",\"value\":${figure[$name]},\"unit\":\"${unit[$name]}\",\"baseline\":$base,\"ratio\":$ratio}"
	done
}

# Kamailio and rtpengine in the gateway's place. One worker each way, as one
# signalling thread.
measure_kamailio()
{
	need_command kamailio rtpengine openssl
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$LAB/web.key" -out "$LAB/web.pem" -days 2 \
		-subj /CN=gateway 2>/dev/null
	start rtpengine gw rtpengine --config-file=none --table=-1 \
		--foreground --log-stderr --log-level=2 --pidfile= \
		--interface="web/$WEB_GW" --interface="sip/$SIP_GW" \
		--listen-ng=127.0.0.1:2223 --port-min=16384 --port-max=49151
	start kamailio gw kamailio -DD -E -m 512 -M 16 \
		-f "$SELFTESTS/peers/kamailio-web.cfg" -Y "$LAB" \
		-A "WEB_IP=$WEB_GW" -A "SIP_IP=$SIP_GW" \
		-A "PBX_HOST=$SIP_PBX" -A "TLS_CERT=\"$LAB/web.pem\"" \
		-A "TLS_KEY=\"$LAB/web.key\""
	busywait 10 is_listening gw tcp 443 || die "Kamailio did not start"
	# main, UDP, timers and TCP: they are forked one after the other.
	busywait 10 has_processes kamailio 6 || die "Kamailio did not fork"
	measure peer_figure "$(pids_of kamailio rtpengine)"
	stop kamailio
	stop rtpengine
}

has_processes()
{
	[ "$(pgrep -c -g "$(pid_of "$1")")" -ge "$2" ]
}

# pids_of NAME...: of whole process groups, with commas.
pids_of()
{
	local name
	for name; do
		pgrep -g "$(pid_of "$name")"
	done | paste -sd,
}

need_command jq
lab_up
topology
more_addresses
[[ " ${PEER:-} " != *" kamailio "* ]] || measure_kamailio
gateway_start
measure figure "$(pid_of gateway)"
print_figures
