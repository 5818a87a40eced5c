#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# promtool.sh: prints the path of a promtool. If the host has none, it is taken
# out of Debian's package into a cache; nothing is installed, no service
# starts. Says why and exits 4 if there is none to be had.
set -eu

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice/prometheus

if command -v promtool; then
	exit 0
fi
if [ ! -x "$cache/usr/bin/promtool" ]; then
	command -v apt-get >/dev/null || {
		echo "no promtool, and no apt-get to get it with"
		exit 4
	}
	rm -rf "$cache.new"
	mkdir -p "$cache.new/deb"
	(cd "$cache.new/deb" && apt-get -qq download prometheus) >/dev/null \
			2>&1 || {
		echo "no promtool, and no package to be had"
		exit 4
	}
	dpkg -x "$cache.new"/deb/*.deb "$cache.new"
	rm -rf "$cache.new/deb" "$cache"
	mv "$cache.new" "$cache"
fi
echo "$cache/usr/bin/promtool"
