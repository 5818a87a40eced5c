# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What each fuzz target begins with. Sourced by short.sh.

# hex BYTES...: blanks are for the eye.
hex()
{
	local h="$*"
	h=${h//[[:space:]]/}
	# shellcheck disable=SC2059
	printf "$(sed 's/../\\x&/g' <<<"$h")"
}

# sip_request METHOD [LINE...]: a browser's; the body is a file's or none.
sip_request()
{
	local method=$1 line
	shift
	printf '%s\r\n' "$method sip:bob@example.com SIP/2.0" \
		"Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bKseed;rport" \
		"From: \"A\" <sip:alice@example.com>;tag=ft" \
		"To: <sip:bob@example.com>" "Call-ID: seed@abc" \
		"CSeq: 1 $method" "Max-Forwards: 70" \
		"Contact: <sip:alice@abc.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\""
	for line; do
		printf '%s\r\n' "$line"
	done
}

sip_seeds()
{
	local sdp=$SELFTESTS/unit/sdp/chrome-offer-audio.sdp
	{
		sip_request REGISTER "Expires: 600" "Supported: path, outbound" \
			"Content-Length: 0" ""
	} >"$1/register"
	{
		sip_request INVITE "Content-Type: application/sdp" \
			"Allow: INVITE,ACK,CANCEL,BYE" "X-Other: 1" \
			"Record-Route: <sip:p1.example.com;lr>" \
			"Content-Length: $(wc -c <"$sdp")" ""
		cat "$sdp"
	} >"$1/invite"
	{
		sip_request REFER "Refer-To: <sip:c@example.com?Replaces=1%3Bto-tag%3Da>" \
			"Replaces: 1;to-tag=a;from-tag=b" \
			"Authorization: Digest username=\"a\", realm=\"b\", nonce=\"c\"" \
			"Content-Length: 0" ""
	} >"$1/refer"
	printf '%s\r\n' "SIP/2.0 180 Ringing" \
		"Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bKseed" \
		"From: <sip:a@example.com>;tag=f" "To: <sip:b@example.com>;tag=t" \
		"Call-ID: seed@abc" "CSeq: 1 INVITE" "Require: 100rel" \
		"RSeq: 7" "Contact: <sip:b@192.0.2.1>" "Content-Length: 0" "" \
		>"$1/ringing"
}

# The first byte chooses the reader: see fuzz_filter.c.
filter_seeds()
{
	{ hex 00; sip_request OPTIONS "Content-Length: 0" ""; } >"$1/sip"
	{
		hex 01
		printf '%s\r\n' "GET /ws HTTP/1.1" "Host: gw.example.com" \
			"Upgrade: websocket" "Connection: Upgrade" \
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" \
			"Sec-WebSocket-Version: 13" \
			"Sec-WebSocket-Protocol: sip" \
			"Origin: https://gw.example.com" ""
	} >"$1/http"
	# masked: text in two fragments with a ping between, then a close
	hex 02 0183 00000000 616263 8980 01020304 8083 00000000 646566 \
		8882 00000000 03e8 >"$1/frames"
}

stun_seeds()
{
	# a check of Chrome's shape, unsigned; the target signs it itself
	hex 0001 0028 2112a442 000102030405060708090a0b \
		0006 000d 61626364656667683a5778597a 000000 \
		802a 0008 0001020304050607 0025 0000 \
		0024 0004 6e7f00ff >"$1/check"
	hex 0101 000c 2112a442 000102030405060708090a0b \
		0020 0008 0001 1388 e1baa543 >"$1/success"
	hex 0111 0010 2112a442 000102030405060708090a0b \
		0009 0005 00000457 78000000 8022 0001 61000000 >"$1/error"
}

rtp_seeds()
{
	local profile seq
	for profile in 00 01 02; do
		{
			hex $profile
			for seq in fffe ffff 0000 0001 0001 7000 7001; do
				hex 00 0010 806f $seq 00000000 11111111 61626364
				hex 81 0018 9060 $seq 00000000 22222222 \
					bede0001 10ff0000 61626364
			done
		} >"$1/stream-$profile"
	done
}

rtcp_seeds()
{
	local block="00000003 00000001 00010002 00000003 00000004 00000005"
	hex 81c8000c 00000001 0102030405060708 00000009 0000000a 0000000b \
		"$block" 81ca0003 00000001 01024142 00000000 >"$1/sr"
	hex 81c90007 00000001 "$block" 81ce0002 00000001 00000003 \
		84ce0004 00000001 00000000 00000003 07000000 \
		81cb0001 00000001 >"$1/rr-feedback-bye"
	# transport-wide feedback with padding, in the midst and at the end
	hex 81c90007 00000001 "$block" afcd0005 00000001 00000003 \
		00010001 00000700 20010401 afcd0006 00000001 00000003 \
		00020003 00000701 20030405 06000003 >"$1/transport-cc"
}

sdp_seeds()
{
	local f
	for f in "$SELFTESTS"/unit/sdp/*.sdp; do
		cp "$f" "$1/$(basename "$f")"
	done
	# an offer and its answer in one input
	{
		cat "$SELFTESTS/unit/sdp/chrome-offer-audio-video.sdp"
		printf '\n--\n'
		cat "$SELFTESTS/unit/sdp/firefox-answer-audio-video.sdp"
	} >"$1/pair"
	# keys with MKIs, extensions with directions
	printf '%s\n' v=0 'o=- 1 2 IN IP4 203.0.113.9' s=- \
		'c=IN IP4 203.0.113.9' 't=0 0' 'm=audio 4 RTP/SAVPF 0' \
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:$(printf 'A%.0s' \
			{1..40})|2^31|1:4;inline:$(printf 'B%.0s' \
			{1..40})|2^31|2:4 WSH=64" 'a=rtcp-fb:* transport-cc' \
		'a=extmap:1/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on' \
		'a=extmap:14 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01' \
		>"$1/keys-extensions"
}

# seeds TARGET FOLDER; a target without a set of its own begins with nothing.
seeds()
{
	if declare -F "$1_seeds" >/dev/null; then
		"$1_seeds" "$2"
	fi
}
