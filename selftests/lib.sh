# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Common ground of the net and browser tests: TAP, processes, namespaces.
# Sourced, never run. Everything it makes is removed when the script ends.
#
#	ns web                    ns gw                    ns sip
#	+---------+      +--------------------+      +-------------------+
#	| browser |      |      sluiced       |      | Kamailio   phones |
#	|   eth0  |------| web0          sip0 |------|  eth0             |
#	+---------+      +--------------------+      +-------------------+
#	203.0.113.77   203.0.113.1   198.51.100.1   .10 PBX  .20 phones
#
# Namespaces are entered by nsenter: `ip netns exec` remounts /sys and hides
# the bpffs. Their names carry the pid, so runs may go side by side.

set -u
LC_ALL=C
SELFTESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$SELFTESTS")
# A test run by hand takes the tree's default output folder.
O=${O:-build}
[ "${O#/}" != "$O" ] || O=$TOP/$O
TEST_NAME=${TEST_NAME:-$(basename "$0" .sh)}
DATAPATH=${DATAPATH:-auto}

WEB_GW=203.0.113.1 WEB_PEER=203.0.113.77
SIP_GW=198.51.100.1 SIP_PBX=198.51.100.10 SIP_PHONE=198.51.100.20

# ---- TAP ------------------------------------------------------------------

tap_count=0 tap_failed=0

ok()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

# not_ok NAME [LINE...]: each further argument becomes a diagnostic.
not_ok()
{
	local name=$1
	shift
	tap_count=$((tap_count + 1)) tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $name"
	[ $# -eq 0 ] || printf '# %s\n' "$@"
}

skip()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# check NAME COMMAND...: one test point by the command's exit code.
check()
{
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "$* failed" "$(tail -n 5 <<<"$out" |
			sed '2,$s/^/# /')"
	fi
}

# tap_include COMMAND...: the points of a helper that speaks TAP itself.
tap_include()
{
	local line rc failed_before=$tap_failed seen=$tap_count
	while IFS= read -r line; do
		case $line in
		"ok "*" # SKIP "*)
			line=${line#ok * - }
			skip "${line% # SKIP *}" "${line#* # SKIP }" ;;
		"ok "*) ok "${line#ok * - }" ;;
		"not ok "*) not_ok "${line#not ok * - }" ;;
		"rc "*) rc=${line#rc } ;;
		1..*) ;;
		*) echo "$line" ;;
		esac
	done < <("$@"; echo "rc $?")
	if [ "$rc" != 0 ] && [ "$tap_failed" = "$failed_before" ]; then
		not_ok "$(basename "${2:-$1}" .js)_runs_to_its_end" \
			"exit code $rc"
	elif [ "$tap_count" = "$seen" ]; then
		not_ok "$(basename "${2:-$1}" .js)_checks_something"
	fi
}

# Ends the script: the plan, then 0 or 1.
tap_done()
{
	echo "1..$tap_count"
	[ "$tap_failed" = 0 ]
	exit
}

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 4
}

die()
{
	echo "Bail out! $*"
	exit 99
}

need_root()
{
	[ "$(id -u)" = 0 ] || skip_all "needs root"
}

need_command()
{
	local c
	for c; do
		command -v "$c" >/dev/null || skip_all "$c is not installed"
	done
}

# busywait SECONDS COMMAND...: polls until the command succeeds.
busywait()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# log_has NAME PATTERN; a helper's log may not be there yet.
log_has()
{
	grep -qE -- "$2" "$LAB/$1.log" 2>/dev/null
}

log_lacks()
{
	! log_has "$@"
}

# ---- processes -------------------------------------------------------------

declare -A lab_pids=()
lab_netns=()
# Removed at the end.
lab_paths=()

# start NAME NS COMMAND...: in the background; log in $LAB/NAME.log. Started
# with job control's process group of its own, so that its children go too.
start()
{
	local name=$1 ns=$2
	shift 2
	setsid nsenter --net="/run/netns/$(ns_name "$ns")" -- "$@" \
		>>"$LAB/$name.log" 2>&1 </dev/null &
	lab_pids[$name]=$!
}

pid_of()
{
	echo "${lab_pids[$1]}"
}

is_running()
{
	kill -0 "${lab_pids[$1]:-0}" 2>/dev/null
}

# stop NAME [SIGNAL]: waits for it; KILL after five seconds.
stop()
{
	local pid=${lab_pids[$1]:-} rc=0
	[ -n "$pid" ] || return 0
	unset "lab_pids[$1]"
	kill "-${2:-TERM}" -- "-$pid" 2>/dev/null ||
		kill "-${2:-TERM}" "$pid" 2>/dev/null
	busywait 5 process_gone "$pid" || kill -KILL -- "-$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || rc=$?
	return $rc
}

process_gone()
{
	local state
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
	[ "${state%% *}" = Z ]
}

lab_down()
{
	local rc=$? name ns
	trap - EXIT
	for name in "${!lab_pids[@]}"; do
		stop "$name" || true
	done
	for ns in "${lab_netns[@]}"; do
		umount "/run/netns/$ns" 2>/dev/null
		rm -f "/run/netns/$ns"
	done
	[ ${#lab_paths[@]} = 0 ] || rm -rf "${lab_paths[@]}"
	if [ -n "${LAB:-}" ]; then
		if [ "$rc" != 0 ] && [ "$rc" != 4 ]; then
			lab_keep
		fi
		rm -rf "$LAB"
	fi
	exit "$rc"
}

# The logs of a failed run outlive it, beside the test's own log.
lab_keep()
{
	local to=$O/check/$TEST_NAME.files
	rm -rf "$to"
	mkdir -p "$to"
	find "$LAB" -maxdepth 1 -type f -size -20M ! -name '*.key' \
		-exec cp -t "$to" {} +
	echo "# logs: ${to#"$TOP"/}"
}

lab_up()
{
	LAB=$(mktemp -d "${TMPDIR:-/tmp}/sluice-$TEST_NAME.XXXXXX")
	chmod 755 "$LAB"
	trap lab_down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# ---- namespaces --------------------------------------------------------------

# A helper script that joins this run finds LAB and LAB_ID in its environment.
LAB_ID=${LAB_ID:-$$}

ns_name()
{
	echo "sluice-$LAB_ID-$1"
}

# in_ns NS COMMAND...
in_ns()
{
	local ns=$1
	shift
	nsenter --net="/run/netns/$(ns_name "$ns")" -- "$@"
}

# Not `ip netns add`: it wants / to be a mount point, which a chroot's is not.
ns_add()
{
	local name
	name=$(ns_name "$1")
	mkdir -p /run/netns
	: >"/run/netns/$name"
	lab_netns+=("$name")
	unshare --net="/run/netns/$name" true ||
		skip_all "cannot make a network namespace"
	in_ns "$1" ip link set lo up
}

# topology: the drawing above. TX_CSUM=off gives finished checksums, as a
# network card's; the default leaves them partial, as a container's.
topology()
{
	local ns

	need_root
	need_command ip nsenter unshare ethtool
	for ns in web gw sip; do
		ns_add "$ns"
	done
	ip link add web0 netns "$(ns_name gw)" type veth \
		peer name eth0 netns "$(ns_name web)" &&
	ip link add sip0 netns "$(ns_name gw)" type veth \
		peer name eth0 netns "$(ns_name sip)" ||
		die "cannot make veth pairs"

	in_ns gw sysctl -qw net.ipv4.ip_forward=0
	for ns in web sip; do
		# XDP_TX towards a veth peer needs the peer's GRO (NAPI).
		in_ns $ns ethtool -K eth0 gro on >/dev/null
		[ "${TX_CSUM:-on}" = on ] ||
			in_ns $ns ethtool -K eth0 tx off >/dev/null
	done
	in_ns gw ip addr add $WEB_GW/24 dev web0
	in_ns gw ip addr add $SIP_GW/24 dev sip0
	in_ns web ip addr add $WEB_PEER/24 dev eth0
	# The first is what phones send media from; the PBX binds its own.
	in_ns sip ip addr add $SIP_PHONE/24 dev eth0
	in_ns sip ip addr add $SIP_PBX/24 dev eth0
	for ns in "gw web0" "gw sip0" "web eth0" "sip eth0"; do
		# shellcheck disable=SC2086
		in_ns ${ns% *} ip link set ${ns#* } up
	done
	# Browsers gather no candidates without a default route.
	in_ns web ip route add default via $WEB_GW
	in_ns sip ip route add default via $SIP_GW
}

# As an address stands in URIs and before a port.
bracketed()
{
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

# is_listening NS tcp|udp PORT
is_listening()
{
	in_ns "$1" ss -Hln "--$2" "sport = :$3" | grep -q .
}

# capture NAME NS DEVICE: everything that passes, in $LAB/NAME.pcap. In the
# peers' namespaces: what XDP redirects is not seen on the gateway's own side.
capture()
{
	need_command tcpdump
	start "$1" "$2" tcpdump -U --immediate-mode -n -i "$3" -w "$LAB/$1.pcap"
	busywait 10 log_has "$1" "listening on" || die "tcpdump did not start"
}

# capture_has NAME PATTERN [FILTER]: in the packets' text.
capture_has()
{
	tcpdump -nAr "$LAB/$1.pcap" "${3:-ip}" 2>/dev/null | grep -qiE -- "$2"
}

# A capture of nothing proves nothing: it must hold ten packets of some kind.
capture_lacks()
{
	[ "$(tcpdump -nr "$LAB/$1.pcap" 2>/dev/null | head -n 10 |
		wc -l)" = 10 ] && ! capture_has "$@"
}
