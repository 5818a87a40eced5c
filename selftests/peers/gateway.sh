# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The gateway under test, in namespace gw. Sourced after lib.sh.

# gateway_config [LINE...]: the ten lines, plus settings of the test.
gateway_config()
{
	cat >"$LAB/sluice.conf" <<-EOF
		gateway = {
		  web = { address = "$WEB_GW"; };
		  sip = { address = "$SIP_GW"; };
		  pbx = "sip:$SIP_PBX:5060;transport=udp";
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
	[ -x "$O/sluiced" ] || skip_all "$O/sluiced is not built"
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf ||
		skip_all "no bpffs"
	lab_paths+=("/sys/fs/bpf/sluice-$LAB_ID")
	gateway_config "$@"
	start gateway gw "$O/sluiced" --config "$LAB/sluice.conf" --foreground
	busywait 20 sluicectl status || {
		sed 's/^/# /' "$LAB/gateway.log"
		die "sluiced did not start"
	}
}

sluicectl()
{
	"$O/sluicectl" -s "$LAB/control.sock" "$@"
}

# drops SIDE REASON: how often so far, both backends together.
drops()
{
	sluicectl -j show drops | jq --arg s "$1" --arg r "$2" '[.drops[] |
		select(.side == $s and .reason == $r).total] | add // 0'
}
