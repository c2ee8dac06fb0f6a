#!/bin/bash
# Our log directories against the checksum database code of Go's x/mod: sizes around every edge, growing
# logs, proof files, and damage that it must refuse too (else it would prove nothing).
set -eu
tool=$BUILD/tests/interop/tlog_tool
check=$SRCDIR/tests/interop/tlogcheck/run
tmp=$(mktemp -d "${TMPDIR:-/tmp}/gs-tlog.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
vkey=$("$tool" vkey)

must_fail() {
	local what=$1
	shift
	if "$@" >"$tmp/out" 2>&1; then
		echo "FAIL: $what was accepted"
		exit 1
	fi
	echo "refused, as it must: $what: $(head -c 150 "$tmp/out" | tr '\n' ' ')"
}

for n in 0 1 2 3 255 256 257 511 512 1000 65535 65536 65537 70000; do
	mkdir "$tmp/log"
	"$tool" grow "$tmp/log" "$n"
	"$tool" fsck "$tmp/log" >/dev/null
	echo "size $n: $("$check" "$tmp/log" "$vkey")"
	rm -rf "$tmp/log"
done

mkdir "$tmp/log"
"$tool" grow "$tmp/log" 0
for n in 1 2 5 200 256 300 511 513 700; do
	cp "$tmp/log/checkpoint" "$tmp/older"
	"$tool" grow "$tmp/log" "$n"
	echo "grown to $n: $("$check" -older "$tmp/older" "$tmp/log" "$vkey")"
done
find "$tmp/log" -name '*.tmp' | grep . && { echo "FAIL: temp files are left"; exit 1; }

for i in 0 255 256 511 512 699; do
	"$tool" proof "$tmp/log" "$i" >"$tmp/proof"
	printf 'entry %s' "$i" >"$tmp/entry"
	"$check" -proof "$tmp/proof" -entry "$tmp/entry" "$tmp/log" "$vkey" >/dev/null
	printf 'entry %s!' "$i" >"$tmp/entry"
	must_fail "another entry at $i" "$check" -proof "$tmp/proof" -entry "$tmp/entry" "$tmp/log" "$vkey"
done

for f in checkpoint tile/0/000 tile/0/002.p/188 tile/1/000.p/2 tile/entries/001; do
	cp "$tmp/log/$f" "$tmp/saved"
	printf 'x' | dd of="$tmp/log/$f" bs=1 seek=40 conv=notrunc status=none
	must_fail "a byte of $f" "$check" "$tmp/log" "$vkey"
	must_fail "a byte of $f (fsck)" "$tool" fsck "$tmp/log"
	cp "$tmp/saved" "$tmp/log/$f"
done
mkdir "$tmp/small"
"$tool" grow "$tmp/small" 100
must_fail "a log that has shrunk" "$check" -older "$tmp/log/checkpoint" "$tmp/small" "$vkey"
must_fail "another key" "$check" "$tmp/small" \
	PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW
"$check" "$tmp/log" "$vkey"
