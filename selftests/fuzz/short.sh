#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# short.sh [TARGET...]: runs fuzz targets (all by default) for SECONDS_EACH
# seconds each, TAP. The corpus grows in $O/fuzz/corpus from run to run; an
# input that fails is kept in $O/fuzz/found-TARGET-*.
#
# The corpus comes first, then mutations from SEED: the same ones in each `make
# check`, so that it tells of the change at hand; `make fuzz` takes new ones.

cd "$(dirname "$0")" || exit 99
# shellcheck source=../lib.sh
. ../lib.sh
. ./seeds.sh

SECONDS_EACH=${SECONDS_EACH:-5}
SEED=${SEED:-1}
dir=$O/fuzz

fuzz_one()
{
	local target=$1 corpus=$dir/corpus/$1 log=$dir/$1.log out
	mkdir -p "$corpus"
	seeds "$target" "$corpus"
	# rss: below what a runner has; -timeout: seconds for one input.
	if (cd "$TOP" && "$dir/fuzz_$target" -seed="$SEED" \
		-max_total_time="$SECONDS_EACH" -timeout=10 \
		-rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 \
		-artifact_prefix="$dir/found-$target-" "$corpus") \
		>"$log" 2>&1; then
		ok "fuzz_${target}_mutations_hold"
		out=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "# $target: ${out:-?} inputs, seed $SEED"
	else
		not_ok "fuzz_${target}_mutations_hold" "seed $SEED" \
			"$(grep -E 'ERROR|SUMMARY|runtime error|written to' \
				"$log" | head -n 5)"
	fi
}

[ $# -gt 0 ] || {
	for f in fuzz_*.c; do
		f=${f#fuzz_}
		set -- "$@" "${f%.c}"
	done
}
for target; do
	[ -x "$dir/fuzz_$target" ] ||
		skip_all "$dir/fuzz_$target is not built: needs clang with libFuzzer"
done
for target; do
	fuzz_one "$target"
done
tap_done
