#!/bin/bash
# Signature formats against foreign verifiers: what we sign they accept, what was changed afterwards
# they and we refuse. Real PE images (GRUB, Mono), software keys made for this run.
set -u
tool=$BUILD/tests/interop/format_tool
tmp=$(mktemp -d "${TMPDIR:-/tmp}/gs-formats.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
export HOME=$tmp/home XDG_CONFIG_HOME=$tmp/home/.config GNUPGHOME=$tmp/gnupg
mkdir -p "$HOME" && mkdir -m 700 "$GNUPGHOME" || exit 1

fail() { echo "FAILED: $*"; [ -f "$tmp/log" ] && tail -n 20 "$tmp/log"; exit 1; }
good() { local what=$1; shift; "$@" >"$tmp/log" 2>&1 || fail "$what: $*"; echo "ok: $what"; }
bad() { local what=$1; shift; "$@" >"$tmp/log" 2>&1 && fail "$what was accepted: $*"; echo "ok: $what refused"; }
for program in osslsigncode sbverify chktrust certmgr openssl certtool; do
	command -v "$program" >/dev/null || fail "needs $program (tools/packages)"
done
# osslsigncode exits 0 in some failures: its words count.
ossl() { osslsigncode verify -in "$1" -CAfile "$2" | tee "$tmp/o" && grep -qx 'Signature verification: ok' "$tmp/o"; }
# So do chktrust's.
mono_trust() { chktrust "$1" | tee "$tmp/o" && grep -q '^SUCCESS' "$tmp/o"; }
# Changes the byte at an offset.
flip() {
	local old
	cp "$1" "$2"
	old=$(od -An -tu1 -j "$3" -N 1 "$1")
	printf "\\x$(printf %02x $((old ^ 1)))" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}

algs="rsa-3072 ecdsa-p256 ecdsa-p384 ed25519"
for alg in $algs; do
	mkdir "$tmp/$alg"
	good "authorities for $alg" "$tool" ca "$tmp/$alg" "$alg"
done
good "mono trusts the root" certmgr -add -c Trust "$tmp/rsa-3072/root.cer"

# --- PE -------------------------------------------------------------------------------------------
images="/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi /usr/lib/mono/4.5/al.exe /usr/lib/mono/4.5/System.Core.dll"
count=0
for image in $images; do
	[ -f "$image" ] || fail "no $image (tools/packages)"
	# sizes that are no multiple of 8: an overlay of 5 bytes
	count=$((count + 1))
	cp "$image" "$tmp/in$count.exe"
done
(cat "$tmp/in2.exe"; printf 'tail!') >"$tmp/in4.exe"
for alg in rsa-3072 ecdsa-p256 ecdsa-p384; do
	for hash in sha256 sha384; do
		for n in 1 2 3 4; do
			in=$tmp/in$n.exe out=$tmp/out$n.exe dir=$tmp/$alg
			good "pe $alg $hash image $n: sign and restore" "$tool" sign pe "$dir" $hash "$in" "$out"
			good "  own verify" "$tool" verify pe "$dir" "$out"
			good "  osslsigncode" ossl "$out" "$dir/root.pem"
			# sbverify reads SHA-256 alone
			[ $hash = sha256 ] && good "  sbverify" sbverify --cert "$dir/root.pem" "$out"
			[ $alg = rsa-3072 ] && [ "$n" != 1 ] && good "  chktrust" mono_trust "$out"
		done
	done
done
good "pe: a signed image, for tampering" "$tool" sign pe "$tmp/rsa-3072" sha256 "$tmp/in2.exe" "$tmp/out2.exe"
bad "pe: signing a signed image" "$tool" sign pe "$tmp/rsa-3072" sha256 "$tmp/out2.exe" "$tmp/twice.exe"
size=$(stat -c %s "$tmp/in2.exe")
for at in 2 600 $((size / 2)) $((size - 1)) $((size + 200)) $((size + 1500)) $(($(stat -c %s "$tmp/out2.exe") - 40)); do
	flip "$tmp/out2.exe" "$tmp/changed.exe" "$at"
	bad "pe: byte $at changed, own verify" "$tool" verify pe "$tmp/rsa-3072" "$tmp/changed.exe"
	bad "  osslsigncode" ossl "$tmp/changed.exe" "$tmp/rsa-3072/root.pem"
	bad "  sbverify" sbverify --cert "$tmp/rsa-3072/root.pem" "$tmp/changed.exe"
	bad "  chktrust" mono_trust "$tmp/changed.exe"
done
bad "pe: other authority, own verify" "$tool" verify pe "$tmp/ecdsa-p256" "$tmp/out2.exe"
bad "  osslsigncode" ossl "$tmp/out2.exe" "$tmp/ecdsa-p256/root.pem"

# --- CMS ------------------------------------------------------------------------------------------
head -c 300001 /usr/lib/mono/4.5/al.exe >"$tmp/file"
flip "$tmp/file" "$tmp/file.changed" 77
cms_openssl() { openssl cms -verify -binary -inform DER -in "$1" -content "$2" -CAfile "$3/root.pem" -purpose any -out /dev/null; }
cms_certtool() { certtool --p7-verify --inder --infile "$1" --load-data "$2" --load-ca-certificate "$3/root.pem"; }
for alg in $algs; do
	dir=$tmp/$alg
	for hash in sha256 sha384 sha512; do
		if [ $alg = ed25519 ] && [ $hash != sha512 ]; then
			bad "cms $alg $hash (RFC 8419)" "$tool" sign cms "$dir" $hash "$tmp/file" "$tmp/sig"
			continue
		fi
		good "cms $alg $hash: sign" "$tool" sign cms "$dir" $hash "$tmp/file" "$tmp/sig"
		good "  own verify" "$tool" verify cms "$dir" "$tmp/file" "$tmp/sig"
		bad "  changed file, own verify" "$tool" verify cms "$dir" "$tmp/file.changed" "$tmp/sig"
		[ $alg = ed25519 ] && continue # neither OpenSSL 3.0 nor GnuTLS 3.7 reads it
		good "  openssl cms" cms_openssl "$tmp/sig" "$tmp/file" "$dir"
		good "  certtool" cms_certtool "$tmp/sig" "$tmp/file" "$dir"
		bad "  changed file, openssl" cms_openssl "$tmp/sig" "$tmp/file.changed" "$dir"
		bad "  changed file, certtool" cms_certtool "$tmp/sig" "$tmp/file.changed" "$dir"
	done
done
# The other way round: what openssl signs, our verifier reads.
openssl pkey -inform DER -in "$tmp/rsa-3072/leaf.key" -out "$tmp/leaf.key.pem" 2>"$tmp/log" || fail "pkey"
for options in "" "-cades"; do
	good "cms: openssl signs $options" openssl cms -sign -binary -outform DER -md sha256 $options -in "$tmp/file" \
		-signer "$tmp/rsa-3072/leaf.pem" -inkey "$tmp/leaf.key.pem" -certfile "$tmp/rsa-3072/middle.pem" -out "$tmp/foreign"
	good "  own verify" "$tool" verify cms "$tmp/rsa-3072" "$tmp/file" "$tmp/foreign"
	bad "  changed file" "$tool" verify cms "$tmp/rsa-3072" "$tmp/file.changed" "$tmp/foreign"
done
good "pe: osslsigncode signs" osslsigncode sign -certs "$tmp/rsa-3072/leaf.pem" -key "$tmp/leaf.key.pem" \
	-ac "$tmp/rsa-3072/middle.pem" -h sha256 -n Other -in "$tmp/in2.exe" -out "$tmp/foreign.exe"
good "  own verify" "$tool" verify pe "$tmp/rsa-3072" "$tmp/foreign.exe"
flip "$tmp/foreign.exe" "$tmp/changed.exe" 600
bad "  changed" "$tool" verify pe "$tmp/rsa-3072" "$tmp/changed.exe"
echo "formats: all good"
