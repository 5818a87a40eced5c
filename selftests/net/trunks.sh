#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Trunks beyond one address over UDP and TCP: TLS with its certificates, names
# in DNS with several targets, a backup.
#
#	ns web                 ns gw                    ns sip
#	wsclient.js -- 203.0.113.1 sluiced 198.51.100.1 ---- .10 .11 Kamailio
#	                                                     .53 dnsmasq

cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

SIP_PBX2=198.51.100.11 SIP_DNS=198.51.100.53
NAME=pbx.example.com
KEYS=

# stage WHAT CASE: of trunk.js
stage()
{
	WHAT=$1 CASES=$2 tap_include in_ns web node trunk.js
}

# ---- certificates -----------------------------------------------------------

ca()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj "/CN=$1" -days 2 -keyout "$KEYS/$1.key" \
		-out "$KEYS/$1.crt" 2>/dev/null
}

# certificate NAME CA SAN [ARGUMENT...]
certificate()
{
	local name=$1 ca=$2 san=$3
	shift 3
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj "/CN=$name" -keyout "$KEYS/$name.key" \
		-out "$KEYS/$name.csr" 2>/dev/null &&
	openssl x509 -req -in "$KEYS/$name.csr" -CA "$KEYS/$ca.crt" \
		-CAkey "$KEYS/$ca.key" -CAcreateserial "$@" \
		-extfile <(echo "subjectAltName=$san") \
		-out "$KEYS/$name.crt" 2>/dev/null
}

certificates()
{
	KEYS=$LAB/keys
	mkdir -p "$KEYS"
	ca ours && ca strange &&
	certificate pbx ours "DNS:$NAME,IP:$SIP_PBX,IP:$SIP_PBX2" -days 2 &&
	certificate gw ours "IP:$SIP_GW" -days 2 &&
	certificate other ours "DNS:other.example.com,IP:192.0.2.7" -days 2 &&
	certificate late ours "IP:$SIP_PBX" -days -1 ||
		die "openssl made no certificates"
}

# tls_pbx CERTIFICATE: in the place of the one that runs.
tls_pbx()
{
	stop pbx KILL
	pbx_start -A "TLS_CERT=\"$KEYS/$1.crt\"" -A "TLS_KEY=\"$KEYS/$1.key\"" \
		-A "TLS_CA=\"$KEYS/ours.crt\""
	busywait 20 is_listening sip tcp 5061 || die "Kamailio has no TLS"
}

# tls_gateway URI CA
tls_gateway()
{
	SIP_CONFIG="resolv_conf = \"$LAB/resolv.conf\"; tls = {
		certificate = \"$KEYS/gw.crt\"; private_key = \"$KEYS/gw.key\";
		ca = \"$KEYS/$2.crt\"; mutual = true; };" \
		PBX_URI=$1 gateway_start "check_from = false;"
}

# trunk_says PATTERN: in a line of show trunks.
trunk_says()
{
	sluicectl show trunks | grep -qE -- "$1"
}

trunk_shows()
{
	busywait "${3:-15}" trunk_says "$2" && { ok "$1"; return; }
	not_ok "$1" "$(sluicectl show trunks | sed '2,$s/^/# /')"
}

# refused WHAT CERTIFICATE CA PATTERN
refused()
{
	tls_pbx "$2"
	tls_gateway "sip:$SIP_PBX;transport=tls" "$3"
	trunk_shows "$1_is_told" "down.*$4"
	stage "$1" known_down
	gateway_stopped "$1_gateway_stop_is_clean"
}

# What passes on the SIP side cannot be read, and is neither UDP nor 5060.
only_tls()
{
	capture_has tls . "tcp port 5061" &&
		! capture_has tls "SIP/2.0" "host $SIP_GW" &&
		! capture_has tls . "host $SIP_GW and port 5060"
}

tls_trunk()
{
	tls_pbx pbx
	tls_gateway "sip:$SIP_PBX;transport=tls" ours
	capture tls sip eth0
	stage tls_pbx up
	check tls_pbx_hears_nothing_in_the_clear only_tls
	stop tls
	stop pbx KILL
	stage tls_pbx_dead known_down
	tls_pbx pbx
	stage tls_pbx_restarted up
	gateway_stopped tls_gateway_stop_is_clean

	refused tls_of_strange_issuer pbx strange "certificate.*issuer"
	refused tls_with_other_name other ours "certificate.*(IP|mismatch)"
	refused tls_expired late ours "certificate.*expired"
}

need_command node openssl dnsmasq
lab_up
topology
in_ns sip ip addr add $SIP_PBX2/24 dev eth0
in_ns sip ip addr add $SIP_DNS/24 dev eth0
echo "nameserver $SIP_DNS" >"$LAB/resolv.conf"
LAB_SHELL=$(peer_shell)
export LAB_SHELL
certificates

tls_trunk
tap_done
