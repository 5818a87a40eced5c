#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# initramfs.sh BUILD KERNEL OUT: the BPF tests and objects of BUILD with all
# that they call, and the modules of the unpacked KERNEL, as a cpio archive.
set -eu

build=$1 kernel=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
root=$out.root
# In the order of their dependencies.
modules="veth llc stp garp mrp 8021q"
# busybox is a shell and its tools; these it does not replace.
programs="ip ethtool nsenter"

PATH=$PATH:/usr/sbin:/sbin

# copy FILE...: to where it is here, with the libraries it is linked to.
copy()
{
	local file lib

	for file; do
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
		# what it found, not what it has to say about that
		ldd "$file" 2>/dev/null |
		sed -n 's/^\t\([^ ]* => \)\{0,1\}\(\/[^ ]*\) (0x.*/\2/p' |
		while read -r lib; do
			[ ! -e "$root$lib" ] || continue
			mkdir -p "$root$(dirname "$lib")"
			cp -L "$lib" "$root$lib"
		done
	done
}

add_modules()
{
	local m file

	# nothing to load is no error
	mkdir "$root/modules"
	for m in $modules; do
		file=$(find "$kernel/lib/modules" "$kernel/usr/lib/modules" \
			-name "$m.ko*" 2>/dev/null | head -n 1)
		case $file in
		*.xz) busybox unxz -c "$file" >"$root/modules/$m.ko" ;;
		*.ko) cp "$file" "$root/modules/$m.ko" ;;
		*) continue ;;
		esac
		echo "$m"
	done >"$root/modules/order"
}

rm -rf "$root"
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,tmp,run,build/bpf}
copy "$(command -v busybox)"
cp -L "$(command -v busybox)" "$root/bin/busybox"
for p in $programs; do
	copy "$(command -v "$p")"
done
# A shell of its own: busybox's takes its own applets for these programs.
copy "$(readlink -f "$(command -v dash)")"
ln -s "$(readlink -f "$(command -v dash)")" "$root/bin/sh"
busybox --list | while read -r applet; do
	[ -e "$root/bin/$applet" ] || [ -e "$root/usr/bin/$applet" ] ||
		[ -e "$root/sbin/$applet" ] ||
		[ -e "$root/usr/sbin/$applet" ] ||
		ln -s busybox "$root/bin/$applet"
done
for f in "$build"/bpf/test_*; do
	copy "$f"
	mv "$root$f" "$root/build/bpf/"
done
cp "$build"/*.bpf.o "$build/xdp-dispatcher.o" "$root/build/"
# NSS, which libsrtp2 may be built upon, opens these by itself
for f in /usr/lib/*-linux-*/nss/*.so /usr/lib/*-linux-*/libsoftokn3.so /usr/lib/*-linux-*/libfreebl*.so; do
	[ ! -e "$f" ] || copy "$f"
done
# libxdp's dispatcher, at the path that libxdp was built with
for f in /usr/lib/*/bpf/xdp-dispatcher.o /usr/lib/bpf/xdp-dispatcher.o; do
	[ ! -e "$f" ] || copy "$f"
done
add_modules
cp "$here/init" "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$out.new"
mv "$out.new" "$out"
rm -rf "$root"
