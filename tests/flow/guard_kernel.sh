#!/usr/bin/env bash
# Level kernel of the guard, in a virtual machine of its own: Debian's kernel (tools/fetch-kernel), a
# memory file system with a shell, Python, Perl, the guard and the program of the hostile cases.
# Emulated, so that it needs neither /dev/kvm nor a kernel of this machine that lets such programs in.
# Usage: guard_kernel.sh PROGRAM...; they run in there, one after the other, and their output is ours.
set -euo pipefail
vmlinuz=${GREATSEAL_VMLINUZ:-$SRCDIR/build-vm/vmlinuz}
for need in "$vmlinuz" /bin/busybox; do
	[[ -r $need ]] || {
		echo "1 test program skipped: $need is not there (tools/setup)"
		exit 77
	}
done
if ! command -v qemu-system-x86_64 >/dev/null || [[ $(uname -m) != x86_64 ]]; then
	echo "1 test program skipped: there is no qemu-system-x86_64 (tools/setup)"
	exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

# put FILE [AS]: with the libraries and the loader that it needs, each where it lies here.
put() {
	local from to lib
	from=$(realpath "$1")
	to=$root${2:-$1}
	mkdir -p "$(dirname "$to")"
	[[ -e $to ]] || cp "$from" "$to"
	for lib in $(ldd "$from" 2>/dev/null | grep -o '/[^ ]*'); do
		[[ -e $root$lib ]] && continue
		mkdir -p "$root$(dirname "$lib")"
		cp "$(realpath "$lib")" "$root$lib"
	done
}

mkdir -p "$root"/{bin,usr/bin,lib,lib64,etc,proc,sys,dev,tmp,mnt,run,build/tests,build/prog/guard}
for tool in true cat rm make mawk cp ln chmod; do put "/bin/$tool"; done
ln -s mawk "$root/bin/awk"
put /bin/dash /bin/sh
put /bin/busybox
# Python as scripts name it, with as much of its library as it starts with.
python=$(realpath /usr/bin/python3)
put "$python" /usr/bin/python3
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
mkdir -p "$root/usr/lib/python$version"
cp -r "/usr/lib/python$version"/{encodings,collections,importlib,re} "$root/usr/lib/python$version"
cp "/usr/lib/python$version"/{codecs,io,abc,os,stat,posixpath,genericpath,_collections_abc,site,_sitebuiltins,linecache,tokenize,types,functools,operator,keyword,reprlib,enum,heapq,token,warnings,contextlib,copyreg}.py "$root/usr/lib/python$version"
cp -r "/usr/lib/python$version/ctypes" "/usr/lib/python$version/struct.py" "$root/usr/lib/python$version"
for module in _ctypes mmap; do
	for file in "/usr/lib/python$version/lib-dynload/$module".*.so; do put "$file"; done
done
find "$root" -name __pycache__ -prune -exec rm -rf {} +
put /usr/bin/perl
# Where the loader of an audited program looks for itself.
ln -s /lib64/ld-linux-x86-64.so.2 "$root/lib/x86_64-linux-gnu/"
put "$BUILD/prog/guard/greatseal-guard" /build/prog/guard/greatseal-guard
put "$BUILD/tests/guard-prog" /build/tests/guard-prog
put "$BUILD/tests/guard-dynamic" /build/tests/guard-dynamic
put "$BUILD/tests/libguard-lib.so" /build/tests/libguard-lib.so
put "$BUILD/tests/guard-origin" /build/tests/guard-origin
for file in guard-32 guard-32-dynamic guard-32-launched libguard-32.so; do
	[[ ! -e $BUILD/tests/$file ]] || cp "$BUILD/tests/$file" "$root/build/tests/"
done
[[ ! -e /lib/ld-linux.so.2 ]] || put /lib/ld-linux.so.2
for module in crc7 fuse; do
	[[ -r ${vmlinuz%/*}/$module.ko ]] || continue
	mkdir -p "$root/usr/lib/modules"
	cp "${vmlinuz%/*}/$module.ko" "$root/usr/lib/modules/"
done
for program; do put "$program" "/build/run/$(basename "$program")"; done
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"

cat >"$root/init" <<-'INIT'
	#!/bin/busybox sh
	# What comes first lies in a file system that nobody can guard: all moves to another.
	bb=/bin/busybox
	$bb mkdir /new
	$bb mount -t tmpfs -o mode=755 tmpfs /new
	for d in bin usr lib lib64 etc build proc sys dev tmp mnt run inside; do $bb cp -a /$d /new/; done
	exec $bb switch_root /new /inside
INIT
cat >"$root/inside" <<-'INSIDE'
	#!/bin/busybox sh
	bb=/bin/busybox
	$bb mount -t proc proc /proc
	$bb mount -t sysfs sysfs /sys
	$bb mount -t securityfs securityfs /sys/kernel/security
	$bb mount -t bpf bpf /sys/fs/bpf
	$bb mount -t devtmpfs -o mode=755 devtmpfs /dev
	$bb mount -t tmpfs -o mode=1777 tmpfs /tmp
	$bb ip link set lo up
	export PATH=/bin:/usr/bin BUILD=/build HOME=/ PYTHONDONTWRITEBYTECODE=1 GUARD_MACHINE=virtual
	code=0
	for program in /build/run/*; do
		$program </dev/null || code=1
	done
	echo "programs ended with $code"
	# By the kernel itself: nothing need be executed for it, which may be refused by now.
	echo o >/proc/sysrq-trigger
	while :; do :; done
INSIDE
chmod +x "$root/init" "$root/inside"
(cd "$root" && find . | /bin/busybox cpio -o -H newc -R 0:0 >"$work/initrd" 2>/dev/null)

# The host's own watchdog: generous, since everything is emulated on a machine that others use, too.
code=0
timeout --kill-after=5 "${GUARD_VM_SECONDS:-500}" nice qemu-system-x86_64 -M q35 -cpu max -accel tcg -smp 1 -m 768 -nic none -nographic -monitor none \
	-serial "file:$work/console" -no-reboot -kernel "$vmlinuz" -initrd "$work/initrd" \
	-append 'console=ttyS0 quiet panic=-1 lsm=landlock,lockdown,yama,bpf' </dev/null >"$work/qemu" 2>&1 || code=$?
tr -d '\r' <"$work/console"
((code == 0)) || {
	echo "FAILED: the machine did not end by itself ($code)"
	cat "$work/qemu"
	exit 1
}
grep -q '^programs ended with 0' "$work/console" || exit 1
