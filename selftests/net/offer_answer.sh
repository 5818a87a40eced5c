#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Offers and answers of every kind, and what comes before the answer: two
# scripted parties, what each of them is told, and media after it.
#
#	ns web              ns gw                    ns sip
#	offer_answer.js 203.0.113.1 sluiced 198.51.100.1 -- .10 Kamailio
#	  203.0.113.77                                      .20 party.js

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node openssl
lab_up
topology
in_ns sip ip addr add 198.51.100.21/24 dev eth0
pbx_start
LAB_SHELL=$(peer_shell)
export LAB_SHELL

ONLY=${CASES:-}
for DATAPATH in ${DATAPATHS:-user xdp}; do
	# Signalling is the same over both.
	[ -n "$ONLY" ] || [ "$DATAPATH" = user ] || CASES=media
	export CASES DATAPATH
	gateway_start
	tap_include in_ns web node offer_answer.js
	gateway_stopped "gateway_stop_is_clean_$DATAPATH"
done
tap_done
