#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# boot.sh FOLDER SERIES INITRAMFS LOG: boots FOLDER/linux-SERIES (fetch.sh) in
# QEMU, by software, with the serial console in LOG, until the guest is off.
set -eu

folder=$1 series=$2 initramfs=$3 log=$4
qemu="qemu-system-x86_64"
data=()
if [ -d "$folder/qemu" ]; then
	root=$folder/qemu
	qemu=$root/usr/bin/$qemu
	libs=usr/lib/x86_64-linux-gnu
	export LD_LIBRARY_PATH=$root/$libs:$root/${libs#usr/}
	export QEMU_MODULE_DIR=$root/$libs/qemu
	data=(-L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
fi
exec timeout -k 5 "${BOOT_SECONDS:-500}" "$qemu" "${data[@]}" \
	-M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
	-nodefaults -display none -no-reboot -serial "file:$log" \
	-kernel "$(echo "$folder/linux-$series"/boot/vmlinuz-*)" \
	-initrd "$initramfs" \
	-append "console=ttyS0 quiet panic=-1 oops=panic net.ifnames=0"
