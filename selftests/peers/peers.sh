# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The SIP side of the topology: PBX and phones. Sourced after lib.sh.

# pbx_start [ARGUMENT...]: more for Kamailio's command line. PBX_NAME tells
# several apart; each has an address of its own in SIP_PBX.
pbx_start()
{
	local name=${PBX_NAME:-pbx} dir
	need_command kamailio
	dir=$LAB/kamailio-$name
	mkdir -p "$dir"
	start "$name" sip kamailio -DD -E -f "$SELFTESTS/peers/kamailio.cfg" \
		-A "PBX_IP=$(bracketed "$SIP_PBX")" \
		-A "TRUNK_URI=\"sip:$(bracketed "$SIP_PHONE"):5070\"" \
		-m 64 -M 8 -Y "$dir" -P "$dir/pid" "$@"
	busywait 20 pbx_listens || die "Kamailio did not start"
}

# The one of this SIP_PBX: there may be others.
pbx_listens()
{
	in_ns sip ss -Hlnt "src $(bracketed "$SIP_PBX") sport = :5060" | grep -q .
}

baresip_modules()
{
	local dir
	for dir in /usr/lib/baresip/modules /usr/lib/*/baresip/modules; do
		[ ! -e "$dir/account.so" ] || { echo "$dir"; return; }
	done
}

# phone_start NAME USER PORT HZ auto|manual [CODECS]: a baresip that registers
# USER at the PBX, sends a sine of HZ and records what it hears, one WAV file
# a call, in $LAB/NAME/. Its control port is PORT + 10000.
phone_start()
{
	local name=$1 user=$2 port=$3 hz=$4 mode=$5 codecs=${6:-} dir modules m
	dir=$LAB/$name
	need_command baresip
	modules=$(baresip_modules)
	[ -n "$modules" ] || skip_all "baresip has no modules"
	mkdir -p "$dir"
	{
		echo "sip_listen $SIP_PHONE:$port"
		echo "audio_source ausine,$hz"
		echo "audio_player aubridge,sink-$name"
		echo "audio_alert aubridge,alert-$name"
		# ausine speaks only 48 kHz stereo; baresip resamples.
		echo "ausrc_srate 48000"
		echo "ausrc_channels 2"
		echo "rtp_ports 30000-30999"
		echo "jitter_buffer_delay 1-5"
		echo "module_path $modules"
		for m in stdio opus g711 ausine aubridge auconv auresamp \
			fakevideo vp8; do
			[ ! -e "$modules/$m.so" ] || echo "module $m.so"
		done
		echo "module sndfile.so"
		echo "snd_path $dir"
		echo "video_source fakevideo,nil"
		echo "video_display fakevideo,nil"
		echo "video_size 320x240"
		echo "video_fps 10"
		echo "module_tmp account.so"
		for m in menu ctrl_tcp; do
			echo "module_app $m.so"
		done
		echo "ctrl_tcp_listen $SIP_PHONE:$((port + 10000))"
		echo "audio_txmode poll"
	} >"$dir/config"
	echo "<sip:$user@$SIP_PBX>;auth_user=$user;auth_pass=secret;" \
		"answermode=$mode;regint=600${codecs:+;audio_codecs=$codecs}" |
		tr -d ' ' >"$dir/accounts"
	: >"$dir/contacts"
	start "$name" sip baresip -f "$dir"
	busywait 20 log_has "$name" "200 OK" || die "$name did not register"
}

# phone_command NAME PORT COMMAND [PARAMETER]: baresip's ctrl_tcp, netstrings
# of JSON; prints the answer. Events that come in between are passed over.
phone_command()
{
	# shellcheck disable=SC2016
	in_ns sip bash -c '
		json="{\"command\":\"$3\",\"params\":\"$4\",\"token\":\"t\"}"
		exec 3<>"/dev/tcp/$1/$2" || exit 1
		printf "%d:%s," "${#json}" "$json" >&3
		while read -r -t 5 -d : -u 3 len; do
			read -r -t 5 -N "$((len + 1))" -u 3 body || exit 1
			case $body in
			*\"response\":true*) echo "${body%,}"; exit 0 ;;
			esac
		done
		exit 1' - "$SIP_PHONE" "$(($2 + 10000))" "$3" "${4:-}"
}

# phone_recording NAME: what it hears in the call of this moment.
phone_recording()
{
	find "$LAB/$1" -name '*dec*.wav' -newermt '3 seconds ago' -printf '%T@ %p\n' | sort -n |
		tail -n 1 | cut -d' ' -f2-
}

# heard NAME HZ: the recording goes on, and its last second is a tone of HZ.
heard()
{
	local file
	file=$(phone_recording "$1")
	[ -n "$file" ] && node "$SELFTESTS/tools/tone.js" "$file" "$2"
}

not_heard()
{
	! heard "$@"
}

# wire_carries CAPTURE SOURCE HZ: PCMU of that tone passes at this moment. For
# what baresip does not record: its recorder stops at the first re-INVITE.
wire_carries()
{
	node "$SELFTESTS/tools/tone.js" "$LAB/$1.pcap" "$3" "$2"
}

# sipp_run SCENARIO PORT [ARGUMENT...]: one SIPp call on the trunk's address,
# in the foreground; the exit code is SIPp's. Its messages: SCENARIO.messages.
sipp_run()
{
	local scenario=$1 port=$2
	shift 2
	in_ns sip env TERM=dumb sipp -sf "$SELFTESTS/peers/$scenario.xml" \
		-i "$SIP_PHONE" -p "$port" -mi "$SIP_PHONE" -nostdin -m 1 \
		-timeout 60 -timeout_error \
		-trace_msg -message_file "$LAB/sipp-$scenario.messages" \
		-trace_err -error_file "$LAB/sipp-$scenario.errors" "$@"
}

# peer_shell: prints the path of a script that runs a function of these
# libraries in this run's topology; for drivers not written in shell.
peer_shell()
{
	cat >"$LAB/peer" <<-EOF
		#!/bin/bash
		export LAB=$LAB LAB_ID=$LAB_ID O=$O
		. "$SELFTESTS/lib.sh"
		WEB_GW=$WEB_GW WEB_PEER=$WEB_PEER
		SIP_GW=$SIP_GW SIP_PBX=$SIP_PBX SIP_PHONE=$SIP_PHONE
		. "$SELFTESTS/peers/peers.sh"
		. "$SELFTESTS/peers/gateway.sh"
		"\$@"
	EOF
	chmod +x "$LAB/peer"
	echo "$LAB/peer"
}

# browser_client NAME: selftests/browser/NAME.js with the library that it is
# around, as one script for a page; prints its path. Needs NODE_PATH.
browser_client()
{
	"$O/npm/browser/node_modules/.bin/esbuild" --bundle \
		--log-level=warning --target=es2020 --define:global=window \
		--outfile="$LAB/$1.js" "$SELFTESTS/browser/$1.js" >&2 &&
		echo "$LAB/$1.js"
}
