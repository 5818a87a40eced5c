#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who is not the PBX is not answered: neither SIP nor junk on the media port.
# hostile.sh has the rest, and the ports of a live call.
#
#	ns web                 ns gw               ns sip
#	stranger ---- 203.0.113.1 sluiced 198.51.100.1 ---- .10 Kamailio
#	  203.0.113.77                                      .20 stranger

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

# udp NS ADDRESS PORT TEXT
udp()
{
	# shellcheck disable=SC2016
	in_ns "$1" bash -c 'printf "%s" "$3" >"/dev/udp/$1/$2"' - "$2" "$3" "$4"
}

# options N: a request as a scanner sends it.
options()
{
	printf '%s\r\n' "OPTIONS sip:100@$SIP_GW SIP/2.0" \
		"Via: SIP/2.0/UDP $SIP_PHONE:5091;branch=z9hG4bKscan$1" \
		"From: <sip:100@$SIP_PHONE>;tag=scan$1" \
		"To: <sip:100@$SIP_GW>" "Call-ID: scan$1@$SIP_PHONE" \
		"CSeq: 1 OPTIONS" "Max-Forwards: 70" "Content-Length: 0" ""
}

lab_up
topology
pbx_start
gateway_start

# What has no address of its own comes from the phone's, not the PBX's.
in_ns sip ip route replace "$SIP_GW/32" dev eth0 src "$SIP_PHONE"
capture sip_side sip eth0
capture web_side web eth0
check stranger_invite_gets_silence \
	sipp_run uac-stranger 5090 "$SIP_GW:5060" -s alice
for n in 1 2 3 4 5 6 7 8 9 10; do
	udp web $WEB_GW 10000 "junk of a stranger"
	udp sip $SIP_GW 5060 "junk of a stranger"
	udp sip $SIP_GW 5060 "$(options $n)"
done
drops_counted()
{
	[ "$(drops sip source)" -ge 10 ]
}
check stranger_sip_is_counted busywait 5 drops_counted
check stranger_web_junk_gets_no_answer \
	capture_lacks web_side . "src host $WEB_GW and (udp or icmp)"
check stranger_sip_junk_gets_no_answer capture_lacks sip_side . \
	"src host $SIP_GW and dst host $SIP_PHONE and (udp or icmp)"
check gateway_after_strangers_serves sluicectl status
gateway_stopped
tap_done
