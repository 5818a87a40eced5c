#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# IPv6 on either side, or on both: the PBX by a literal address and by name,
# over UDP, TCP and TLS, and media between the families.
#
#	ns web                   ns gw                        ns sip
#	ipv6.js --- 2001:db8:1::1 sluiced 2001:db8:2::1 --- ::10 Kamailio
#	 ::77                  and the addresses of IPv4    ::20 sipmedia.js
#	                                                    ::53 dnsmasq

DATAPATH=${DATAPATH:-xdp}
cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh
. ../peers/certificates.sh

WEB_GW6=2001:db8:1::1 WEB_PEER6=2001:db8:1::77
SIP_GW6=2001:db8:2::1 SIP_PBX6=2001:db8:2::10 SIP_PHONE6=2001:db8:2::20
SIP_DNS6=2001:db8:2::53
PBX_ARGS=()
NAME=pbx.example.com

# Beside those of IPv4. Addresses are in use at once: nodad.
addresses()
{
	local ns
	for ns in web gw sip; do
		in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0 ||
			skip_all "no IPv6"
	done
	in_ns gw ip addr add $WEB_GW6/64 dev web0 nodad &&
	in_ns gw ip addr add $SIP_GW6/64 dev sip0 nodad &&
	in_ns web ip addr add $WEB_PEER6/64 dev eth0 nodad &&
	in_ns sip ip addr add $SIP_PHONE6/64 dev eth0 nodad &&
	in_ns sip ip addr add $SIP_PBX6/64 dev eth0 nodad &&
	in_ns sip ip addr add $SIP_DNS6/64 dev eth0 nodad ||
		skip_all "no IPv6"
	in_ns web ip route add default via $WEB_GW6
	in_ns sip ip route add default via $SIP_GW6
}

# Both ends show a certificate that names their IPv6 address (RFC 5922 7.2).
tls_certificates()
{
	KEYS=$LAB/keys
	mkdir -p "$KEYS"
	ca ours &&
	certificate pbx ours "DNS:$NAME,IP:$SIP_PBX6" -days 2 &&
	certificate gw ours "IP:$SIP_GW6" -days 2 &&
	certificate other ours "IP:2001:db8:2::99" -days 2 ||
		die "openssl made no certificates"
}

# tls_pbx CERTIFICATE
tls_pbx()
{
	PBX_ARGS=(-A "TLS_CERT=\"$KEYS/$1.crt\"" -A "TLS_KEY=\"$KEYS/$1.key\""
		-A "TLS_CA=\"$KEYS/ours.crt\"")
}

# What passes on the SIP side cannot be read, and is neither UDP nor 5060.
only_tls()
{
	capture_has tls . "tcp port 5061 and host $SIP_GW6" &&
		! capture_has tls "SIP/2.0" "host $SIP_GW6" &&
		! capture_has tls . "host $SIP_GW6 and port 5060"
}

other_name_is_told()
{
	sluicectl show trunks | grep -qE "down.*certificate.*(IP|mismatch)"
}

tls_calls()
{
	tls_certificates
	SIP_CONFIG="resolv_conf = \"$LAB/resolv.conf\"; tls = {
		certificate = \"$KEYS/gw.crt\"; private_key = \"$KEYS/gw.key\";
		ca = \"$KEYS/ours.crt\"; mutual = true; }"
	tls_pbx pbx
	capture tls sip eth0
	calls web6_sip6_tls "sip:[$SIP_PBX6]:5061;transport=tls"
	check web6_sip6_tls_nothing_in_the_clear only_tls
	stop tls
	calls web6_sip6_tls_name "sip:$NAME:5061;transport=tls"

	stop pbx KILL
	tls_pbx other
	pbx_start "${PBX_ARGS[@]}"
	PBX_URI="sip:[$SIP_PBX6]:5061;transport=tls" gateway_start
	check web6_sip6_tls_of_another_address_is_told \
		busywait 15 other_name_is_told
	gateway_stopped web6_sip6_tls_of_another_gateway_stop_is_clean
	PBX_ARGS=()
	# shellcheck disable=SC2034 # gateway_start's
	SIP_CONFIG=
}

# calls WHAT URI [LINE...]: of this WEB_GW, SIP_GW, SIP_PBX, SIP_PHONE
calls()
{
	local what=$1 uri=$2
	shift 2
	stop pbx KILL
	pbx_start "${PBX_ARGS[@]}"
	LAB_SHELL=$(peer_shell)
	PBX_URI=$uri gateway_start "$@"
	WHAT=$what GATEWAY=$WEB_GW DOMAIN=$(bracketed "$SIP_PBX") \
		tap_include in_ns web node ipv6.js
	gateway_stopped "${what}_gateway_stop_is_clean"
}

need_command node openssl dnsmasq
lab_up
topology
addresses
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock
export LAB_SHELL SLUICECTL CONTROL WEB_GW WEB_PEER SIP_GW SIP_PBX SIP_PHONE

# The PBX by name: AAAA is what an IPv6 side asks for.
SIP_GW=$SIP_GW6 SIP_PBX=$SIP_PBX6 SIP_PHONE=$SIP_PHONE6
echo "nameserver $SIP_DNS6" >"$LAB/resolv.conf"
start dns sip dnsmasq -k -C /dev/null --no-resolv --no-hosts --port=53 \
	--bind-interfaces --listen-address=$SIP_DNS6 --except-interface=lo \
	--user=root --pid-file --log-facility=- \
	--host-record=$NAME,198.51.100.99,$SIP_PBX6
busywait 10 is_listening sip udp 53 || die "dnsmasq did not start"
SIP_CONFIG="resolv_conf = \"$LAB/resolv.conf\";" \
	calls web4_sip6 "sip:$NAME;transport=udp"

WEB_GW=$WEB_GW6 WEB_PEER=$WEB_PEER6
calls web6_sip6 "sip:[$SIP_PBX6]:5060;transport=udp"
calls web6_sip6_tcp "sip:[$SIP_PBX6]:5060;transport=tcp"
tls_calls

SIP_GW=198.51.100.1 SIP_PBX=198.51.100.10 SIP_PHONE=198.51.100.20
calls web6_sip4 "sip:$SIP_PBX:5060;transport=udp"
tap_done
