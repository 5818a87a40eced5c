#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fetch.sh FOLDER SERIES...: Debian's newest cloud kernel of each series, and
# a QEMU that boots them, unpacked below FOLDER; nothing is installed and the
# host's package sources are left alone. Asks the archive once a day.
#
#	FOLDER/linux-SERIES/	link to the folder of the newest ABI
#	FOLDER/qemu/		only if the host's own is too old
#
# What is there already serves when the archive cannot be reached. Says why
# and exits 4 if something is missing then.
set -eu

FOLDER=$1
shift
APT=$FOLDER/apt
MIRROR=${MIRROR:-http://deb.debian.org}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# 7.2 dies now and then while it boots Linux 6.12.
QEMU_OLDEST=8

missing()
{
	echo "$*"
	exit 4
}

# A package database of its own; proxies and the like as the host has them.
prepare_apt()
{
	local suite

	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	: >>"$APT/status"
	for suite in "debian bookworm" "debian bookworm-backports" \
			"debian-security bookworm-security"; do
		echo "deb [signed-by=$KEYRING] $MIRROR/$suite main"
	done >"$APT/sources.list"
	{
		apt-config dump | grep '^Acquire::' || true
		cat <<-EOF
		Dir::Etc::parts "/dev/null";
		Dir::Etc::sourcelist "$APT/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State::lists "$APT/lists";
		Dir::State::status "$APT/status";
		Dir::Cache "$APT/cache";
		APT::Architecture "amd64";
		APT::Sandbox::User "";
		Acquire::Retries "1";
		Acquire::http::Timeout "20";
		Debug::NoLocking "1";
		EOF
	} >"$APT/apt.conf"
	export APT_CONFIG=$APT/apt.conf
}

update_lists()
{
	[ -z "$(find "$APT/updated" -mtime -1 2>/dev/null)" ] || return 0
	apt-get -qq update || true
	# An archive that cannot be reached is asked again at once only if
	# there is nothing to go on with.
	! ls "$APT"/lists/*_Packages* >/dev/null 2>&1 || touch "$APT/updated"
}

# unpack FOLDER PACKAGES...: whole or not at all.
unpack()
{
	local to=$1 deb
	shift
	rm -rf "$to.new"
	mkdir "$to.new"
	for deb; do
		dpkg -x "$deb" "$to.new"
	done
	mv "$to.new" "$to"
}

# The package of the newest ABI, as NAME=VERSION.
newest_kernel()
{
	apt-cache show linux-image-cloud-amd64 |
		sed -n 's/^Depends: \(linux-image-[^ ]*\) (= \(.*\))$/\1=\2/p' |
		grep -F "linux-image-$1." | sort -V | tail -n 1
}

fetch_kernel()
{
	local series=$1 package folder

	package=$(newest_kernel "$series")
	[ -n "$package" ] || return 1
	folder=$FOLDER/${package/=/_}
	if [ ! -d "$folder" ]; then
		rm -rf "$APT/download"
		mkdir "$APT/download"
		(cd "$APT/download" && apt-get -qq download "$package") ||
			return 1
		unpack "$folder" "$APT"/download/*.deb
		rm -rf "$APT/download"
		find "$FOLDER" -maxdepth 1 -name "linux-image-$series.*" \
			! -name "$(basename "$folder")" -exec rm -rf {} +
	fi
	ln -sfn "$(basename "$folder")" "$FOLDER/linux-$series"
}

host_qemu_serves()
{
	local version

	version=$(qemu-system-x86_64 --version 2>/dev/null |
		sed -n 's/.* version \([0-9]*\)\..*/\1/p')
	[ "${version:-0}" -ge $QEMU_OLDEST ]
}

# With the libraries that this host lacks.
fetch_qemu()
{
	local archives=$APT/qemu

	rm -rf "$archives"
	mkdir -p "$archives/partial"
	apt-get -qq install -y --download-only --no-install-recommends \
		-o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::Cache::archives="$archives/" \
		-t bookworm-backports qemu-system-x86 || return 1
	unpack "$FOLDER/qemu" "$archives"/*.deb
	rm -rf "$archives"
}

command -v apt-get >/dev/null ||
	missing "no apt-get here to get Debian's kernels with"
[ "$(dpkg --print-architecture)" = amd64 ] ||
	missing "the kernels are for amd64, this host is not"
[ -e $KEYRING ] || missing "no debian-archive-keyring"
mkdir -p "$FOLDER"
FOLDER=$(cd "$FOLDER" && pwd)
APT=$FOLDER/apt
prepare_apt
update_lists
if host_qemu_serves; then
	rm -rf "$FOLDER/qemu"
elif [ ! -d "$FOLDER/qemu" ]; then
	fetch_qemu || command -v qemu-system-x86_64 >/dev/null ||
		missing "no QEMU, and none to be had from $MIRROR"
fi
for series; do
	fetch_kernel "$series" || [ -d "$FOLDER/linux-$series" ] ||
		missing "no Linux $series to be had from $MIRROR"
done
