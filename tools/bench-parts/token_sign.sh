#!/usr/bin/env bash
# token_sign.sh - signatures a second through the file token and SoftHSM, one thread, against
# `openssl speed` before and after in the same run; both by CPU time, so other load disturbs little. usage: BUILD=build tools/bench-parts/token_sign.sh [SECONDS]
set -euo pipefail
seconds=${1:-2}
bin=${BUILD:-build}/tools/bench-parts/token_sign
dir=$(mktemp -d "${TMPDIR:-/tmp}/token_sign.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/tokens"
umask 077
echo 1234 >"$dir/pin"
export SOFTHSM2_CONF=$dir/softhsm2.conf
printf 'directories.tokendir = %s/tokens\nlog.level = ERROR\n' "$dir" >"$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label bench --so-pin 12345678 --pin 1234 >/dev/null
algs=(rsa-3072 ecdsa-p256 ecdsa-p384 ed25519)

speed() { # name for openssl speed; prints sign/s of one core
	openssl speed -seconds "$seconds" -mr "$1" 2>/dev/null |
		awk -F: '/^\+F[24]:/ { printf "%.0f\n", $4 } /^\+F6:/ { printf "%.0f\n", $5 }'
}
declare -A name=([rsa-3072]=rsa3072 [ecdsa-p256]=ecdsap256 [ecdsa-p384]=ecdsap384 [ed25519]=ed25519)

printf '%-12s %10s %10s %7s %10s %7s %10s %7s\n' algorithm openssl file ratio file+check ratio softhsm ratio
for alg in "${algs[@]}"; do
	one=$(speed "${name[$alg]}")
	file=$("$bin" "file:b,passphrase=$dir/pin,scrypt=10" "$dir" "$seconds" "$alg")
	check=$("$bin" "file:b,passphrase=$dir/pin,scrypt=10,verify=all" "$dir" "$seconds" "$alg")
	hsm=$("$bin" "pkcs11:h,module=/usr/lib/softhsm/libsofthsm2.so,label=bench,pin=$dir/pin,verify=rsa" "$dir" "$seconds" "$alg")
	two=$(speed "${name[$alg]}")
	awk -v a="$alg" -v o1="$one" -v o2="$two" -v f="${file#* }" -v c="${check#* }" -v h="${hsm#* }" 'BEGIN {
		o = (o1 + o2) / 2
		printf "%-12s %10d %10d %7.2f %10d %7.2f %10d %7.2f\n", a, o, f, f / o, c, c / o, h, h / o }'
done
