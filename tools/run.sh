#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `make run PBX=sip:10.0.0.5 [WEB=address] [SIP=address] [DATAPATH=user]`:
# writes a configuration into the output folder and runs the gateway with it.
# Addresses not given: the one this host would use towards the PBX for SIP,
# and the one of its default route for browsers.
set -eu
O=${O:-build}
case ${PBX:-} in
sip:* | sips:*) ;;
*)
	echo "usage: make run PBX=sip:10.0.0.5 [WEB=address] [SIP=address]" >&2
	exit 2 ;;
esac

# source_towards HOST
source_towards()
{
	local ip
	ip=$(getent ahostsv4 "$1" | awk '{ print $1; exit }')
	ip -4 -o route get "${ip:-$1}" 2>/dev/null |
		sed -n 's/.* src \([0-9.]*\).*/\1/p'
}

host=${PBX#*:} host=${host##*@} host=${host%%[;?]*} host=${host%%:*}
SIP=${SIP:-$(source_towards "$host")}
WEB=${WEB:-$(source_towards 192.0.2.1)}
WEB=${WEB:-$SIP}
if [ -z "$SIP" ] || [ -z "$WEB" ]; then
	echo "run.sh: no route to $host; give WEB= and SIP=" >&2
	exit 1
fi

conf=$O/run/sluice.conf
mkdir -p "$O/run"
cat >"$conf" <<EOF
gateway = {
  web = { address = "$WEB"; };
  sip = { address = "$SIP"; };
  pbx = "$PBX";
  datapath = "${DATAPATH:-auto}";
  control = "$O/run/control.sock";
  state = "$O/run/state";
};
EOF
echo "configuration: $conf"
echo "phone:         https://$WEB/"
echo "look inside:   $O/sluicectl -s $O/run/control.sock status"
exec "$O/sluiced" --config "$conf" --foreground
