#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The BPF tests on the oldest kernels that serve, each in a virtual machine:
# Debian's cloud kernels of KERNELS, emulated by QEMU, with nothing but the
# tests in an initramfs. Kernels and QEMU come from Debian's archive into
# VM_CACHE; what cannot be had there is a skip.
# shellcheck disable=SC2154  # of lib.sh
. "$(dirname "$0")/../lib.sh"

KERNELS=${KERNELS:-6.1 6.12}
VM_CACHE=${VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice/vm}
VM=$SELFTESTS/vm
WORK=$O/vm

# section LOG NAME: the guest's output of one test, without CRs
section()
{
	tr -d '\r' <"$1" | sed -n "/^=== begin $2\$/,/^=== end /p"
}

# guest_test SERIES LOG NAME: the points of a test in the guest, as ours
guest_test()
{
	local series=$1 log=$2 name=$3 seen=$tap_count failed=$tap_failed
	local prefix=linux_$1_$3 line rc="" plan=none

	while IFS= read -r line; do
		case $line in
		"ok "*" # SKIP "*)
			line=${line#ok * - }
			skip "linux_${series}_${line% # SKIP *}" \
				"${line#* # SKIP }" ;;
		"ok "*) ok "linux_${series}_${line#ok * - }" ;;
		"not ok "*) not_ok "linux_${series}_${line#not ok * - }" ;;
		1..*) plan=${line#1..} ;;
		"=== end "*) rc=${line#=== end } ;;
		"=== "*) ;;
		*) echo "# ${line}" ;;
		esac
	done < <(section "$log" "$name")
	rc=${rc%% *}
	if [ "$plan" != $((tap_count - seen)) ]; then
		not_ok "${prefix}_runs_to_its_end" "planned $plan checks, ran \
$((tap_count - seen)), exit code ${rc:-none}"
	elif [ "$rc" != 0 ] && [ "$tap_failed" = "$failed" ]; then
		not_ok "${prefix}_ends_well" "exit code $rc"
	fi
}

# log_is_clean LOG: what the kernel said, at any time
log_is_clean()
{
	! grep -aE '(BUG|WARNING|Oops|Kernel panic)[ :-]' "$1"
}

judge()
{
	local series=$1 log=$WORK/$1.log name

	check "linux_${series}_boots" grep -aq "^=== linux $series\\." "$log"
	for name in "$O"/bpf/test_*; do
		guest_test "$series" "$log" "$(basename "$name")"
	done
	check "linux_${series}_goes_off_in_order" grep -aq '^=== done' "$log"
	check "linux_${series}_kernel_log_is_clean" log_is_clean "$log"
}

command -v busybox >/dev/null || skip_all "busybox is not installed"
[ -x "$O/bpf/test_relay" ] || skip_all "the BPF tests are not built"
mkdir -p "$VM_CACHE" "$WORK"
# One at a time in the cache; several trees may share it.
exec {lock}>"$VM_CACHE/lock"
flock "$lock"
booted=() pids=()
for series in $KERNELS; do
	if ! why=$("$VM/fetch.sh" "$VM_CACHE" "$series" 2>&1); then
		skip "linux_$series" "$(tail -n 1 <<<"$why")"
		continue
	fi
	rm -f "$WORK/$series.log"
	"$VM/initramfs.sh" "$O" "$VM_CACHE/linux-$series" \
		"$WORK/$series.cpio" || die "no initramfs"
	"$VM/boot.sh" "$VM_CACHE" "$series" "$WORK/$series.cpio" \
		"$WORK/$series.log" &
	pids+=($!)
	booted+=("$series")
done
flock -u "$lock"
[ ${#pids[@]} = 0 ] || wait "${pids[@]}"
for series in "${booted[@]}"; do
	judge "$series"
	rm -f "$WORK/$series.cpio"
done
tap_done
