#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The program on its interfaces, by each way to attach it that this host has:
# the daemon killed and upgraded under calls of numbered packets, the program
# taken off and put back while it runs. A dispatcher takes trampolines:
# bpf/test_adopt has it, and vm/kernels.sh runs that.
#
#	ns web                        ns gw                       ns sip
#	attach.js ----------- 203.0.113.1 sluiced 198.51.100.1 -- .10 pbx.js
#	  203.0.113.77

export DATAPATH=xdp
cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node openssl
lab_up
topology
SIP_NS=$(ns_name sip)
LAB_SHELL=$(peer_shell)
[ -x "$GATEWAY_BIN" ] || skip_all "$GATEWAY_BIN is not built"
GATEWAY_REAL=$GATEWAY_BIN
GATEWAY_BIN=$SELFTESTS/tools/keeper.sh
NEXT=$LAB/next/sluiced
SLUICECTL=$O/sluicectl PINS=/sys/fs/bpf/sluice-$LAB_ID
export SIP_NS LAB LAB_SHELL GATEWAY_REAL NEXT SLUICECTL PINS

# The next build: the same daemon, another object beside it.
mkdir "$LAB/next"
cp "$GATEWAY_REAL" "$NEXT"
cp "$(dirname "$GATEWAY_REAL")/sluice_next.bpf.o" \
	"$LAB/next/sluice_xdp.bpf.o"
cp -r "$O/phone" "$LAB/next/"

for WAY in ${WAYS:-link netlink}; do
	export WAY
	rm -f "$LAB/options" "$LAB/binary"
	setting=auto
	[ $WAY = link ] || setting=$WAY
	gateway_start "datapath_attach = \"$setting\";"
	tap_include in_ns web node attach.js
	gateway_stopped "${WAY}_gateway_stop_is_clean"
	check "${WAY}_pins_gone_in_the_end" pins_are_gone
	check "${WAY}_interfaces_bare_in_the_end" xdp_is_off
done
tap_done
