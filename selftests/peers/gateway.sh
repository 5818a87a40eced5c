# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The gateway under test, in namespace gw. Sourced after lib.sh. SAN=1 takes the
# build with the sanitizers; gateway_stopped then also looks at their reports.

GATEWAY_BIN=$O/sluiced
[ "${SAN:-0}" != 1 ] || GATEWAY_BIN=$O/san/sluiced

# gateway_config [LINE...]: the ten lines, plus settings of the test. PBX_URI
# names another way to the PBX, WEB_CONFIG and SIP_CONFIG add to their groups.
gateway_config()
{
	cat >"$LAB/sluice.conf" <<-EOF
		gateway = {
		  web = { address = "$WEB_GW"; ${WEB_CONFIG:-} };
		  sip = { address = "$SIP_GW"; ${SIP_CONFIG:-} };
		  pbx = "${PBX_URI:-sip:$SIP_PBX:5060;transport=udp}";
		  datapath = "$DATAPATH";
		  control = "$LAB/control.sock";
		  state = "$LAB/state";
		  pins = "/sys/fs/bpf/sluice-$LAB_ID";
		$(printf '  %s\n' "$@")
		};
	EOF
}

# gateway_start [LINE...]
gateway_start()
{
	[ -x "$GATEWAY_BIN" ] || skip_all "$GATEWAY_BIN is not built"
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf ||
		skip_all "no bpffs"
	lab_paths+=("/sys/fs/bpf/sluice-$LAB_ID")
	gateway_config "$@"
	start gateway gw env \
		ASAN_OPTIONS="log_path=$LAB/san:detect_leaks=1" \
		UBSAN_OPTIONS="log_path=$LAB/san:print_stacktrace=1" \
		LSAN_OPTIONS="suppressions=$SELFTESTS/peers/lsan.supp:print_suppressions=0" \
		"$GATEWAY_BIN" --config "$LAB/sluice.conf" --foreground
	# Degraded (5) serves as well.
	busywait 20 gateway_serves || {
		sed 's/^/# /' "$LAB/gateway.log"
		die "sluiced did not start"
	}
}

gateway_serves()
{
	local rc=0
	sluicectl status || rc=$?
	[ $rc = 0 ] || [ $rc = 5 ]
}

# The check that each test ends its gateway with: it goes by itself within ten
# seconds, exits 0, and no sanitizer has anything to say.
gateway_stopped()
{
	local name=${1:-gateway_stop_is_clean} pid rc=0

	pid=$(pid_of gateway)
	kill -TERM "$pid"
	busywait 10 process_gone "$pid" || {
		not_ok "$name" "still runs after 10 s"
		stop gateway
		return
	}
	unset "lab_pids[gateway]"
	wait "$pid" || rc=$?
	if [ $rc = 0 ] && ! compgen -G "$LAB/san.*" >/dev/null; then
		ok "$name"
		return
	fi
	not_ok "$name" "exit code $rc"
	cat "$LAB"/san.* 2>/dev/null | head -n 60 | sed 's/^/# /'
}

sluicectl()
{
	"$O/sluicectl" -s "$LAB/control.sock" "$@"
}

# Without the daemon: what is pinned.
sluicectl_pinned()
{
	sluicectl -p "/sys/fs/bpf/sluice-$LAB_ID" "$@"
}

# drops SIDE REASON: how often so far, both backends together.
drops()
{
	sluicectl -j show drops | jq --arg s "$1" --arg r "$2" '[.drops[] |
		select(.side == $s and .reason == $r).total] | add // 0'
}

# Nothing of the gateway, nor of anybody, is on its interfaces.
xdp_is_off()
{
	! in_ns gw ip -d link show | grep -q 'prog/xdp'
}

pins_are_gone()
{
	[ ! -e "/sys/fs/bpf/sluice-$LAB_ID" ]
}
