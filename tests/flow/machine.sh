#!/usr/bin/env bash
# A Debian machine of its own, booted by systemd, on which the README is followed: keeper, server and agent as units, a token
# in an HSM's module, a list of the machine approved, the guard over all of its file systems, lists, records and alarms by way of the
# agent; and the same machine after a restart, at level strict.
# It is a tmpfs in a mount namespace, started by systemd-nspawn; before its guard starts it lets go of what it has of the host.
# Skipped (77) without root, systemd-nspawn or mmdebstrap's packages.
set -euo pipefail
skip() {
	echo "1 test program skipped: $*"
	exit 77
}
[[ $(id -u) == 0 ]] || skip "not root"
for program in systemd-nspawn mmdebstrap; do command -v "$program" >/dev/null || skip "no $program"; done
if [[ ${1:-} != apart ]]; then exec unshare --mount --propagation private "$0" apart; fi
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-machine.XXXXXX")
clean() {
	local code=$?
	((code == 0)) || tail -n 100 "$work"/*.log "$work"/tree/root/*.log 2>/dev/null || true
	umount -l "$work"
	rmdir "$work"
	exit "$code"
}
mount -t tmpfs -o size=2G,mode=700 greatseal-machine "$work"
trap clean EXIT
mkdir -p /run/systemd/nspawn # nspawn leaves directories there
mount -t tmpfs tmpfs /run/systemd/nspawn

packages=dbus,jq,libarchive13,libbpf1,libcurl4,libexpat1,libjansson4,libmicrohttpd12,libseccomp2,libsqlite3-0,libssl3,libyaml-0-2,openssh-client,openssl,softhsm2,systemd,systemd-sysv
packages+=,libtss2-esys-3.0.2-0,libtss2-tctildr0,libtss2-mu0
base=$BUILD/machine.tar
if [[ ! -e $base ]]; then
	mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" bookworm "$base.$$" >"$work/base.log" 2>&1 ||
		{ rm -f "$base.$$"; skip "mmdebstrap: $(tail -n 1 "$work/base.log")"; }
	mv "$base.$$" "$base"
fi
mkdir "$work/tree"
tar -C "$work/tree" -xf "$base"
DESTDIR=$work/tree meson install -C "$BUILD" --no-rebuild --quiet >"$work/install.log" 2>&1
tree=$work/tree
install -m 755 "$here/machine_inside.sh" "$BUILD/tests/thief" "$tree/root/"
host=$(mountpoint -d /)
cat >"$tree/etc/systemd/system/apart.service" <<END
# Nothing of the machine that runs the test is to be guarded.
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'while umount -l /run/host/os-release || umount -l /run/host/incoming; do :; done; ! grep " $host " /proc/self/mountinfo'
END
mkdir -p "$tree/etc/systemd/system/greatseal-guard.service.d" "$tree/etc/systemd/system/multi-user.target.wants"
printf '[Unit]\nRequires=apart.service\nAfter=apart.service\n' >"$tree/etc/systemd/system/greatseal-guard.service.d/apart.conf"
cat >"$tree/etc/systemd/system/steps.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/bin/bash /root/machine_inside.sh
StandardOutput=append:/root/steps.log
StandardError=append:/root/steps.log
ExecStopPost=/bin/systemctl poweroff --no-block
END
ln -s ../steps.service "$tree/etc/systemd/system/multi-user.target.wants/"

for boot in 1 2; do
	echo "$boot" >"$tree/root/boot"
	systemd-nspawn --quiet --register=no --keep-unit --private-network --capability=all \
		--system-call-filter="fanotify_init fanotify_mark" -D "$tree" --boot </dev/null >"$work/boot$boot.log" 2>&1 || true
	[[ -e $tree/root/passed.$boot ]] || { echo "FAILED in boot $boot" >&2; exit 1; }
	grep '^ok ' "$tree/root/steps.log" | sed "s/^ok/ok $boot/"
	: >"$tree/root/steps.log"
done
