#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the gateway for a test that kills it: its pid is in $LAB/pid while it
# lives; killed by SIGKILL, or ended while there is $LAB/again, it is started
# anew when $LAB/go is there, with what $LAB/options says; from another binary,
# if $LAB/binary names one.

trap 'kill -TERM $child' TERM
while :; do
	options=()
	[ ! -s "$LAB/options" ] || options=("$(cat "$LAB/options")")
	binary=$GATEWAY_REAL
	[ ! -s "$LAB/binary" ] || binary=$(cat "$LAB/binary")
	"$binary" "$@" "${options[@]}" &
	child=$!
	echo $child >"$LAB/pid"
	rc=143
	# A signal of ours interrupts wait, too.
	while [ $rc = 143 ]; do
		wait $child
		rc=$?
	done
	[ $rc = 137 ] || [ -e "$LAB/again" ] || exit $rc
	rm -f "$LAB/pid" "$LAB/again"
	until [ -e "$LAB/go" ]; do
		sleep 0.02
	done
	rm "$LAB/go"
done
