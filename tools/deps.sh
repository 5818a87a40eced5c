#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# deps.sh build|test|peer...: installs the Debian packages of the named groups that
# are missing. Says nothing and touches nothing if none is. Debian 12 and 13.
set -eu

build="gcc libc6-dev make pkg-config clang-19 linux-libc-dev libbpf-dev
	libxdp-dev libelf-dev zlib1g-dev libssl-dev libsrtp2-dev
	libsofia-sip-ua-dev libwebsockets-dev libwebsockets-evlib-uv
	libuv1-dev libmnl-dev libconfig-dev libjansson-dev uthash-dev
	libsqlite3-dev
	iproute2 openssl ca-certificates"
test="bpftool ethtool nftables tcpdump procps util-linux jq curl
	kamailio kamailio-tls-modules dnsmasq-base baresip-core sip-tester chromium firefox-esr
	fonts-dejavu-core
	libclang-rt-19-dev dash xz-utils"
peer="rtpengine-daemon kamailio-websocket-modules"

has_package()
{
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
		grep -qx installed
}

want=
for group; do
	case $group in
	build) want="$want $build" ;;
	test) want="$want $test" ;;
	# Only `make bench PEER=` wants these.
	peer) want="$want $peer" ;;
	*) echo "deps.sh: no group '$group'" >&2; exit 2 ;;
	esac
done
missing=
for p in $want; do
	has_package "$p" || missing="$missing $p"
done
# Any node from 18 will do, whoever packaged it.
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
# For the virtual machines; Debian 12's own QEMU is too old for them.
case $group in
test)
	command -v busybox >/dev/null || missing="$missing busybox-static"
	. /etc/os-release
	[ "${VERSION_ID:-12}" = 12 ] || has_package qemu-system-x86 ||
		missing="$missing qemu-system-x86" ;;
esac
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "deps.sh: no apt-get here; install by hand:$missing" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=$(command -v sudo) || {
		echo "deps.sh: not root; install by hand:$missing" >&2
		exit 1
	}
fi
# A PBX is installed for the tests, not to answer on this host: apt is told
# not to start services, and one that came new is not started at boot either.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$sudo rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod 755 $policy
fi
apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq
	-o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0"
echo "  DEPS   $missing"
log=$(mktemp)
# shellcheck disable=SC2086
if ! $apt install -y --no-install-recommends $missing >"$log" 2>&1; then
	# Lists of old, or none yet.
	if ! { $apt update && $apt install -y --no-install-recommends \
			$missing; } >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		exit 1
	fi
fi
rm -f "$log"
case $missing in
*kamailio*)
	! command -v systemctl >/dev/null ||
		$sudo systemctl -q disable kamailio 2>/dev/null || true ;;
esac
