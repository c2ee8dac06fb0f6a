#!/usr/bin/env bash
# sshsig - our SSH signatures against ssh-keygen, in both directions and for every type of key: what
# ssh-keygen signs we verify, what we sign ssh-keygen verifies; what must be refused is refused.
set -euo pipefail

tool=$BUILD/tests/interop/sshsig_tool
provider=$BUILD/tests/sk-provider/sk_provider.so
dir=$(mktemp -d "${TMPDIR:-/tmp}/sshsig.XXXXXX")
agent=
cleanup() {
	[[ -z $agent ]] || kill "$agent" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
cd "$dir"
export SSH_SK_PROVIDER=$provider
unset SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS DISPLAY
ns=test@v1
printf '{"a":"statement"}\n' >message
printf '{"a":"tatement"}\n' >other
count=0

ok() {
	count=$((count + 1))
	echo "ok $count - $1"
}
fail() {
	echo "FAIL - $1" >&2
	exit 1
}
# what, wanted words in the output, command
expect() {
	local what=$1 words=$2 out
	shift 2
	out=$("$@" 2>&1) || fail "$what: $out"
	[[ $out == *"$words"* ]] || fail "$what: $out"
	ok "$what"
}
# what, reason code, command
refuse() {
	local what=$1 code=$2 out
	shift 2
	! out=$("$@" 2>&1) || fail "$what was accepted: $out"
	[[ $out == "refused: $code: "* ]] || fail "$what: $out"
	ok "$what is refused ($code)"
}
keygen_signs() { # key [message [namespace]]
	ssh-keygen -q -Y sign -n "${3:-$ns}" -f "$1" <"${2:-message}" 2>err || fail "ssh-keygen: $(cat err)"
}
keygen_verifies() { # public key, signature
	printf 'alice@example namespaces="%s" %s\n' "$ns" "$(cut -d' ' -f1,2 "$1")" >allowed
	ssh-keygen -Y verify -f allowed -I alice@example -n "$ns" -s "$2" <message >out 2>&1 ||
		fail "ssh-keygen refuses $2: $(cat out)"
	! ssh-keygen -Y verify -f allowed -I alice@example -n "$ns" -s "$2" <other >out 2>&1 ||
		fail "ssh-keygen accepts $2 for another message"
}
make() { # name, arguments of ssh-keygen
	local name=$1
	shift
	ssh-keygen -q -C "test $name" -f "$name" "$@" </dev/null 2>err >/dev/null || fail "make $name: $(cat err)"
}

make ed25519 -t ed25519 -N ''
make ecdsa -t ecdsa -b 256 -N ''
make rsa -t rsa -b 3072 -N ''
make rsa4096 -t rsa -b 4096 -N ''
make sk-ed25519 -t ed25519-sk -w "$provider" -N ''
make sk-ecdsa -t ecdsa-sk -w "$provider" -N ''
make locked -t ed25519 -N 'correct horse'

# ---- ssh-keygen signs, we verify ----
for key in ed25519 ecdsa rsa rsa4096 sk-ed25519 sk-ecdsa; do
	expect "$key: fingerprint" "cli $(ssh-keygen -lf $key.pub | cut -d' ' -f2)" "$tool" key $key.pub
	keygen_signs $key >$key.sig
	expect "$key: ssh-keygen signs, we verify" "good cli sha512" "$tool" verify $key.pub $ns message $key.sig
	refuse "$key: another message" bad-signature "$tool" verify $key.pub $ns other $key.sig
	refuse "$key: another namespace" mismatch "$tool" verify $key.pub test@v2 message $key.sig
	ssh-keygen -q -Y sign -O hashalg=sha256 -n $ns -f $key <message >$key.256.sig 2>err
	expect "$key: SHA-256" "good cli sha256" "$tool" verify $key.pub $ns message $key.256.sig
done
refuse "ed25519: another key" mismatch "$tool" verify locked.pub $ns message ed25519.sig

# ---- we sign, ssh-keygen verifies ----
for key in ed25519 ecdsa; do
	for i in 1 2 3 4 5; do # r and s of different lengths
		"$tool" sign file $ns message $key >ours.sig || fail "$key: sign"
		keygen_verifies $key.pub ours.sig
	done
	ok "$key: we sign in-process, ssh-keygen verifies"
	expect "$key: named by its public file" "BEGIN SSH SIGNATURE" "$tool" sign file $ns message $key.pub
done
for key in rsa rsa4096 sk-ed25519 sk-ecdsa; do
	"$tool" sign keygen $ns message $key >ours.sig 2>err || fail "$key: sign: $(cat err)"
	keygen_verifies $key.pub ours.sig
	ok "$key: signed through ssh-keygen, verified by both"
done
cat >askpass <<'S'
#!/bin/sh
echo "correct horse"
S
chmod +x askpass
SSH_ASKPASS=$dir/askpass SSH_ASKPASS_REQUIRE=force "$tool" sign keygen $ns message locked >ours.sig 2>err ||
	fail "locked: $(cat err)"
keygen_verifies locked.pub ours.sig
ok "passphrase: signed through ssh-keygen and SSH_ASKPASS"
printf '#!/bin/sh\necho wrong\n' >askpass
SSH_ASKPASS=$dir/askpass SSH_ASKPASS_REQUIRE=force \
	refuse "passphrase: a wrong one" denied bash -c "'$tool' sign keygen $ns message locked 2>&1 | grep refused && exit 1"

# ---- through an agent ----
ssh-agent -D -a "$dir/agent" >/dev/null 2>&1 &
agent=$!
until SSH_AUTH_SOCK=$dir/agent ssh-add -l >/dev/null 2>&1 || [[ $? -eq 1 ]]; do
	kill -0 "$agent" || fail "ssh-agent did not start"
done
refuse "agent: empty" not-found "$tool" sign agent $ns message - "$dir/agent"
refuse "agent: absent" not-found "$tool" sign agent $ns message - "$dir/no-agent"
for key in ed25519 ecdsa rsa rsa4096; do
	mkdir -p away
	SSH_AUTH_SOCK=$dir/agent ssh-add -q $key 2>err || fail "ssh-add: $(cat err)"
	cp $key.pub away/
	"$tool" sign agent $ns message away/$key.pub "$dir/agent" >ours.sig || fail "agent: $key"
	keygen_verifies $key.pub ours.sig
	expect "agent: $key, verified by both" "good cli sha256" "$tool" verify $key.pub $ns message ours.sig
	"$tool" sign agent $ns message - "$dir/agent" >ours.sig || fail "agent: only key"
	keygen_verifies $key.pub ours.sig
	SSH_AUTH_SOCK=$dir/agent ssh-add -q -d $key.pub
done
refuse "agent: key is not there" not-found "$tool" sign agent $ns message away/rsa.pub "$dir/agent"
SSH_AUTH_SOCK=$dir/agent ssh-add -q ed25519 ecdsa
refuse "agent: two keys, none named" state "$tool" sign agent $ns message - "$dir/agent"

# ---- what ssh-keygen accepts and we do not ----
for flags in 0 1 4 13 29; do
	SK_TEST_FLAGS=$flags keygen_signs sk-ecdsa >flags.$flags.sig
done
refuse "sk: nobody touched it" denied "$tool" verify sk-ecdsa.pub $ns message flags.0.sig touch synced
refuse "sk: PIN without touch" denied "$tool" verify sk-ecdsa.pub $ns message flags.4.sig touch synced
refuse "sk: touch without PIN" denied "$tool" verify sk-ecdsa.pub $ns message flags.1.sig
keygen_verifies sk-ecdsa.pub flags.1.sig
expect "sk: touch without PIN, where permitted" "uv=0 flags=1" "$tool" verify sk-ecdsa.pub $ns message flags.1.sig touch
refuse "sk: may be synced" denied "$tool" verify sk-ecdsa.pub $ns message flags.13.sig
keygen_verifies sk-ecdsa.pub flags.29.sig
expect "sk: synced, where permitted" "uv=1 flags=29" "$tool" verify sk-ecdsa.pub $ns message flags.29.sig synced
SK_TEST_COUNTER=4294967295 keygen_signs sk-ed25519 >counter.sig
expect "sk: counter" "counter=4294967295" "$tool" verify sk-ed25519.pub $ns message counter.sig

make rsa2048 -t rsa -b 2048 -N ''
make p384 -t ecdsa -b 384 -N ''
make p521 -t ecdsa -b 521 -N ''
for key in rsa2048 p384 p521; do
	keygen_signs $key >$key.sig
	refuse "$key" unsupported "$tool" verify $key.pub $ns message $key.sig
	refuse "$key: signing" unsupported "$tool" sign keygen $ns message $key
done
ssh-keygen -q -s ecdsa -I test -n alice ed25519.pub
refuse "a certificate" unsupported "$tool" key ed25519-cert.pub

# ---- armor ----
sed 's/$/\r/' ed25519.sig >bad.sig
refuse "armor: CRLF" mismatch "$tool" verify ed25519.pub $ns message bad.sig
{ echo; cat ed25519.sig; } >bad.sig
refuse "armor: text before" mismatch "$tool" verify ed25519.pub $ns message bad.sig
{ cat ed25519.sig; echo; } >bad.sig
refuse "armor: text after" trailing "$tool" verify ed25519.pub $ns message bad.sig
sed 's/SSH SIGNATURE/SSH SIGNATURES/' ed25519.sig >bad.sig
refuse "armor: another label" mismatch "$tool" verify ed25519.pub $ns message bad.sig
{ sed -n 1p ed25519.sig; sed '1d;$d' ed25519.sig | tr -d '\n' | fold -w 64; echo; sed -n '$p' ed25519.sig; } >bad.sig
refuse "armor: 64 columns" non-canonical "$tool" verify ed25519.pub $ns message bad.sig

# ---- a passkey's signature from Chromium ----
vectors=$SRCDIR/tests/vectors/sshsig
cut -d' ' -f3- "$vectors/webauthn.allowed_signers" >passkey.pub
passkey() { # message, rules
	"$tool" verify passkey.pub signing-approval@v1 "$vectors/$1" "$vectors/webauthn.json.sig" "${@:2}"
}
ssh-keygen -Y verify -f "$vectors/webauthn.allowed_signers" -I alice@example -n signing-approval@v1 \
	-s "$vectors/webauthn.json.sig" <"$vectors/webauthn.json" >out 2>&1 || fail "ssh-keygen: $(cat out)"
expect "passkey: ssh-keygen and we verify" "good browser sha512 uv=1" passkey webauthn.json origin=http://localhost:36691
refuse "passkey: another origin" denied passkey webauthn.json origin=https://localhost:36691
refuse "passkey: no origin permitted" denied passkey webauthn.json
refuse "passkey: tampered statement" mismatch passkey webauthn-tampered.json origin=http://localhost:36691
echo "$count checks"
