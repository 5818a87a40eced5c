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
. ../peers/certificates.sh

SIP_PBX2=198.51.100.11 SIP_DNS=198.51.100.53
NAME=pbx.example.com

# stage WHAT CASE: of trunk.js
stage()
{
	WHAT=$1 CASES=$2 tap_include in_ns web node trunk.js
}

# ---- certificates -----------------------------------------------------------

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

# ---- DNS --------------------------------------------------------------------

# zone LINE...: dnsmasq serves these in the place of what it served; it
# answers nothing else and keeps nothing.
zone()
{
	stop dns KILL
	printf '%s\n' "no-resolv" "no-hosts" "port=53" "bind-interfaces" \
		"listen-address=$SIP_DNS" "except-interface=lo" "user=root" \
		"auth-ttl=5" "local-ttl=5" "$@" >"$LAB/dnsmasq.conf"
	start dns sip dnsmasq -k -C "$LAB/dnsmasq.conf" --pid-file \
		--log-facility=-
	busywait 10 is_listening sip udp 53 || die "dnsmasq did not start"
}

# dns_gateway URI [LINE...]
dns_gateway()
{
	local uri=$1
	shift
	SIP_CONFIG="resolv_conf = \"$LAB/resolv.conf\";" PBX_URI=$uri \
		gateway_start "check_from = false;" "$@"
}

# second_pbx: beside the first, at .11
second_pbx()
{
	PBX_NAME=pbx2 SIP_PBX=$SIP_PBX2 pbx_start
}

first_pbx()
{
	pbx_start
}

both_pbx()
{
	stop pbx KILL
	stop pbx2 KILL
	first_pbx
	second_pbx
}

srv_priority()
{
	both_pbx
	zone "host-record=a.example.com,$SIP_PBX" \
		"host-record=b.example.com,$SIP_PBX2" \
		"srv-host=_sip._udp.$NAME,a.example.com,5060,10,1" \
		"srv-host=_sip._udp.$NAME,b.example.com,5060,20,1"
	dns_gateway "sip:$NAME;transport=udp"
	trunk_shows srv_first_target_is_up "$SIP_PBX:5060.*\\bup\\b"
	trunk_shows srv_second_target_is_up "$SIP_PBX2:5060.*\\bup\\b"
	stage srv up
	check srv_lower_priority_gets_calls log_has pbx "REGISTER alice"
	check srv_higher_priority_gets_none log_lacks pbx2 "REGISTER alice"
	# A PBX that hangs: nobody knows, the request finds out.
	kill -STOP -- "-$(pid_of pbx)"
	stage srv_failover up
	check srv_failover_is_by_the_second log_has pbx2 "REGISTER alice"
	trunk_shows srv_dead_target_is_shown "$SIP_PBX:5060.*down.*timeout"
	kill -CONT -- "-$(pid_of pbx)"
	trunk_shows srv_target_comes_back "$SIP_PBX:5060.*\\bup\\b"

	# The name moves while the gateway runs: who may send requests, too.
	zone "host-record=b.example.com,$SIP_PBX2" \
		"srv-host=_sip._udp.$NAME,b.example.com,5060,20,1"
	check dns_change_is_seen busywait 20 trunk_says_not "$SIP_PBX:5060"
	stage dns_change up
	stop dns KILL
	trunk_shows dns_death_keeps_the_addresses "$SIP_PBX2:5060.*\\bup\\b"
	gateway_stopped dns_gateway_stop_is_clean
}

trunk_says_not()
{
	local shown
	shown=$(sluicectl show trunks) && ! grep -qE -- "$1" <<<"$shown"
}

naptr_to_tcp()
{
	both_pbx
	zone "host-record=a.example.com,$SIP_PBX" \
		"naptr-record=$NAME,10,50,s,SIP+D2T,,_sip._tcp.$NAME" \
		"naptr-record=$NAME,20,50,s,SIP+D2U,,_sip._udp.$NAME" \
		"srv-host=_sip._tcp.$NAME,a.example.com,5060,10,1" \
		"srv-host=_sip._udp.$NAME,a.example.com,5060,10,1"
	dns_gateway "sip:$NAME"
	trunk_shows naptr_leads_to_tcp "$SIP_PBX:5060;transport=tcp.*\\bup\\b"
	trunk_shows naptr_leads_to_udp "$SIP_PBX:5060;transport=udp.*\\bup\\b"
	gateway_stopped naptr_gateway_stop_is_clean
}

no_name()
{
	zone "host-record=a.example.com,$SIP_PBX"
	dns_gateway "sip:nowhere.example.com"
	trunk_shows no_name_is_told "down.*nowhere.example.com: not found"
	stage no_name known_down
	zone "host-record=nowhere.example.com,$SIP_PBX"
	trunk_shows late_name_is_found "nowhere.example.com.*\\bup\\b" 30
	stage late_name up
	gateway_stopped no_name_gateway_stop_is_clean
}

backup()
{
	stop pbx KILL
	dns_gateway "sip:$SIP_PBX" "pbx_backup = ( \"sip:$SIP_PBX2\" );"
	trunk_shows backup_is_up "$SIP_PBX2.*\\bup\\b"
	stage backup up
	first_pbx
	trunk_shows first_is_back "$SIP_PBX\\b.*\\bup\\b"
	gateway_stopped backup_gateway_stop_is_clean
}

# The certificate must have the name that was asked for, not the address.
tls_by_name()
{
	stop pbx2 KILL
	tls_pbx pbx
	zone "host-record=$NAME,$SIP_PBX" "host-record=fake.example.com,$SIP_PBX" \
		"srv-host=_sips._tcp.$NAME,$NAME,5061,10,1"
	tls_gateway "sips:$NAME" ours
	trunk_shows tls_name_is_verified "$NAME.*\\bup\\b"
	stage tls_name up
	gateway_stopped tls_name_gateway_stop_is_clean
	tls_gateway "sip:fake.example.com;transport=tls" ours
	trunk_shows tls_fake_name_is_told "down.*certificate.*mismatch"
	gateway_stopped tls_fake_name_gateway_stop_is_clean
}

# ---- a provider that wants to know who calls -------------------------------

provider_gateway()
{
	echo "$1" >"$LAB/secret"
	chmod 600 "$LAB/secret"
	gateway_start "pbx_register = { user = \"trunk\";
		password_file = \"$LAB/secret\"; };"
}

# provider ALGORITHM
provider()
{
	local what=provider_${1,,}
	what=${what//-/}
	stop pbx KILL
	pbx_start -A "PROVIDER=\"$1\""
	provider_gateway t0p.Secret
	trunk_shows "${what}_account_is_registered" \
		"sip:trunk@$SIP_PBX.*\\bregistered"
	stage "$what" up
	check "${what}_knows_the_account" log_has pbx \
		"REGISTER trunk contact=<sip:trunk@$SIP_GW:5060>"
	gateway_stopped "${what}_gateway_stop_is_clean"
}

providers()
{
	stop pbx2 KILL
	provider MD5
	provider SHA-256
	provider_gateway wrong
	trunk_shows provider_refusal_is_told "unregistered.*401 Unauthorized"
	gateway_stopped provider_refusal_gateway_stop_is_clean
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

for part in ${PARTS:-tls_trunk srv_priority naptr_to_tcp no_name backup tls_by_name \
	providers}; do
	$part
done
tap_done
