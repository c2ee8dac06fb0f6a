#!/bin/bash
# Windows programs from a real compiler, made here: 32 and 64 bit, programs and libraries, with resources, debug
# information, a certificate table that is aligned or not, an overlay. Signed by us, verified by us,
# osslsigncode and Mono's chktrust; changed afterwards, refused by all of them.
set -u
tool=$BUILD/tests/interop/format_tool
tmp=$(mktemp -d "${TMPDIR:-/tmp}/gs-mingw.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
export HOME=$tmp/home XDG_CONFIG_HOME=$tmp/home/.config
mkdir -p "$HOME" || exit 1

fail() { echo "FAILED: $*"; [ -f "$tmp/log" ] && tail -n 20 "$tmp/log"; exit 1; }
good() { local what=$1; shift; "$@" >"$tmp/log" 2>&1 || fail "$what: $*"; echo "ok: $what"; }
bad() { local what=$1; shift; "$@" >"$tmp/log" 2>&1 && fail "$what was accepted: $*"; echo "ok: $what refused"; }
for program in x86_64-w64-mingw32-gcc-win32 i686-w64-mingw32-gcc-win32 osslsigncode chktrust certmgr; do
	command -v "$program" >/dev/null || fail "needs $program (tools/packages)"
done
# osslsigncode exits 0 in some failures: its words count. So do chktrust's.
ossl() { osslsigncode verify -in "$1" -CAfile "$2" | tee "$tmp/o" && grep -qx 'Signature verification: ok' "$tmp/o"; }
mono_trust() { chktrust "$1" | tee "$tmp/o" && grep -q '^SUCCESS' "$tmp/o"; }
flip() {
	local old
	cp "$1" "$2"
	old=$(od -An -tu1 -j "$3" -N 1 "$1")
	printf "\\x$(printf %02x $((old ^ 1)))" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}
# Where a byte string is in a file.
offset() { grep -abo -m1 "$2" "$1" | head -n 1 | cut -d: -f1; }

for alg in rsa-3072 ecdsa-p256; do
	mkdir "$tmp/$alg"
	good "authorities for $alg" "$tool" ca "$tmp/$alg" "$alg"
done
good "mono trusts the root" certmgr -add -c Trust "$tmp/rsa-3072/root.cer"

cat >"$tmp/program.c" <<'END'
#include <stdio.h>
static const char mark[] = "mark in the read-only data";
int main(void)
{
	return puts(mark) < 0;
}
END
cat >"$tmp/library.c" <<'END'
__declspec(dllexport) const char *mark(void)
{
	return "mark in the read-only data";
}
END
cat >"$tmp/version.rc" <<'EOT'
1 VERSIONINFO
FILEVERSION 1,2,3,4
BEGIN
	BLOCK "StringFileInfo"
	BEGIN
		BLOCK "040904B0"
		BEGIN
			VALUE "ProductName", "A program of the tests"
			VALUE "FileVersion", "1.2.3.4"
		END
	END
END
2 RCDATA { "mark in the resources" }
EOT

# check NAME IMAGE: with both keys, by everybody.
check() {
	local name=$1 image=$2 alg out=$tmp/signed
	for alg in rsa-3072 ecdsa-p256; do
		good "$name, $alg: sign and restore" "$tool" sign pe "$tmp/$alg" sha256 "$image" "$out"
		good "  own verify" "$tool" verify pe "$tmp/$alg" "$out"
		good "  osslsigncode" ossl "$out" "$tmp/$alg/root.pem"
		[ $alg = rsa-3072 ] || continue
		good "  chktrust" mono_trust "$out"
		for at in "${@:3}"; do
			flip "$out" "$tmp/changed" "$at"
			bad "  byte $at changed, own verify" "$tool" verify pe "$tmp/$alg" "$tmp/changed"
			bad "    osslsigncode" ossl "$tmp/changed" "$tmp/$alg/root.pem"
			bad "    chktrust" mono_trust "$tmp/changed"
		done
	done
}

for cpu in x86_64 i686; do
	cc=$cpu-w64-mingw32-gcc-win32
	good "$cpu: resources" $cpu-w64-mingw32-windres "$tmp/version.rc" "$tmp/$cpu.res.o"
	good "$cpu: program" $cc -O2 -s -o "$tmp/program.exe" "$tmp/program.c"
	good "$cpu: program with resources" $cc -O2 -s -o "$tmp/resources.exe" "$tmp/program.c" "$tmp/$cpu.res.o"
	good "$cpu: program with debug information" $cc -O0 -g -o "$tmp/debug.exe" "$tmp/program.c"
	good "$cpu: library" $cc -O2 -s -shared -o "$tmp/library.dll" "$tmp/library.c" "$tmp/$cpu.res.o"
	good "$cpu: program with small sections" $cc -O2 -s -Wl,--file-alignment=16,--section-alignment=4096 \
		-o "$tmp/small.exe" "$tmp/program.c"
	file=$tmp/program.exe
	[ "$(od -An -tx1 -j $(($(od -An -tu4 -j 60 -N 4 "$file") + 24)) -N 2 "$file")" = \
		"$([ $cpu = i686 ] && echo " 0b 01" || echo " 0b 02")" ] || fail "$cpu: another kind of image"
	check "$cpu program" "$file" "$(offset "$file" "mark in the read")"
	file=$tmp/resources.exe
	at=$(offset "$file" "mark in the resources")
	[ -n "$at" ] || fail "$cpu: no resources in the program"
	check "$cpu resources" "$file" "$at"
	check "$cpu debug information" "$tmp/debug.exe" $(($(stat -c %s "$tmp/debug.exe") - 9))
	check "$cpu library" "$tmp/library.dll" "$(offset "$tmp/library.dll" "mark in the read")"
	check "$cpu small sections" "$tmp/small.exe" 600
	# Overlays, as installers have them: all remainders of 8.
	for n in 1 2 3 4 5 6 7 8; do
		(cat "$tmp/program.exe"; head -c "$n" /dev/zero; printf 'overlay') >"$tmp/overlay.exe"
		check "$cpu overlay of $((n + 7))" "$tmp/overlay.exe" $(($(stat -c %s "$tmp/overlay.exe") - 3))
	done
	(cat "$tmp/program.exe"; head -c 200000 /dev/urandom) >"$tmp/overlay.exe"
	check "$cpu large overlay" "$tmp/overlay.exe" $(($(stat -c %s "$tmp/overlay.exe") - 100000))
done

# The other way round: osslsigncode signs, our verifier reads.
openssl pkey -inform DER -in "$tmp/rsa-3072/leaf.key" -out "$tmp/leaf.key.pem" 2>"$tmp/log" || fail "pkey"
for file in program.exe library.dll overlay.exe; do
	rm -f "$tmp/foreign"
	good "osslsigncode signs $file" osslsigncode sign -certs "$tmp/rsa-3072/leaf.pem" -key "$tmp/leaf.key.pem" \
		-ac "$tmp/rsa-3072/middle.pem" -h sha256 -in "$tmp/$file" -out "$tmp/foreign"
	good "  own verify" "$tool" verify pe "$tmp/rsa-3072" "$tmp/foreign"
	flip "$tmp/foreign" "$tmp/changed" 700
	bad "  changed" "$tool" verify pe "$tmp/rsa-3072" "$tmp/changed"
done
echo "mingw: all good"
