#!/usr/bin/env bash
# Keys in an HSM beside keys in a file: one keeper with both tokens, certificates from a CA, certificates
# that must be refused, and an HSM that goes away and comes back while requests wait for it.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-hsm.XXXXXX")
pids=()
clean() {
	local code=$?
	((code == 0)) || { tail -n 20 "$work"/*.log || true; }
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$work"
	exit "$code"
}
trap clean EXIT
cd "$work"
export PATH=$BUILD/prog/cli:$BUILD/prog/server:$BUILD/prog/keeper:$BUILD/prog/worker:$PATH
export XDG_STATE_HOME=$work/state # receipts
export GREATSEAL_WORKER=$BUILD/prog/worker/greatseal-worker
export SOFTHSM2_CONF=$work/softhsm2.conf
module=/usr/lib/softhsm/libsofthsm2.so
checks=0
ok() {
	checks=$((checks + 1))
	echo "ok $checks - $*"
}
die() {
	echo "FAILED: $*" >&2
	exit 1
}
as() {
	local who=$1
	shift
	GREATSEAL_CONFIG=$work/$who.json greatseal "$@"
}
# refused CODE REASON command...: exit code and reason id are both checked.
refused() {
	local want=$1 reason=$2 code=0
	shift 2
	"$@" >refused.log 2>&1 || code=$?
	((code == want)) || die "exit $code instead of $want: $*: $(cat refused.log)"
	grep -qF "$reason" refused.log || die "no '$reason' in: $(cat refused.log)"
	ok "refused with $reason: ${*:2}"
}
source "$SRCDIR/tests/lib/until.sh"

# ---- The HSM ---------------------------------------------------------------------------------------

mkdir -p hsm/tokens
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n' \
	"$work/hsm/tokens" >"$SOFTHSM2_CONF"
(umask 077 && echo "a passphrase for a test" >passphrase && echo a-pin-for-the-tests-271828 >pin)
softhsm2-util --init-token --free --label signing --so-pin 314159 --pin "$(cat pin)" >softhsm.log
slot=$(sed -n 's/.*reassigned to slot //p' softhsm.log)
# A label that begins with ours: it must not be taken for ours (pkcs11-tool --token-label would).
softhsm2-util --init-token --free --label "signing two" --so-pin 314159 --pin 111111 >>softhsm.log

vanish() { mv hsm/tokens hsm/away && mkdir hsm/tokens; }
appear() { rmdir hsm/tokens && mv hsm/away hsm/tokens; }

# ---- Keeper, server, clients -----------------------------------------------------------------------

for who in carol dave build-07; do ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$who"; done
public() { cut -d' ' -f1,2 "$1.pub"; }
jq -ncS --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" '{version: 1,
	hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}], people: [{name: "carol", groups: ["engineers"], keys: [$c]},
	{name: "dave", groups: ["security"], keys: [$d]}]}' | tr -d '\n' >roster.json
jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]}, change: {approve: ["1 of security"]},
	rules: [{name: "release", keys: ["disk", "hsm-ec", "hsm-rsa"], formats: ["cms"], request: ["group:engineers"],
	from: ["group:farm"], approve: ["1 of security"]}]}' | tr -d '\n' >policy.json
tokens=(--token "file:main,passphrase=$work/passphrase,scrypt=10" --token "pkcs11:hsm,module=$module,label=signing,pin=$work/pin")
greatseal-keeper init --state "$work/keeper" --guard "$work/guard" --origin log.example --policy "$work/policy.json" \
	--roster "$work/roster.json" "${tokens[@]}" 2>init.log
touch server.log keeper.log # the children may be slower than the first look
start_keeper() {
	greatseal-keeper run --state "$work/keeper" --guard "$work/guard" --socket "$work/k.sock" "${tokens[@]}" \
		--read-path "$SOFTHSM2_CONF" --write-path "$work/hsm" 2>>keeper.log &
	keeper=$!
	pids+=("$keeper")
}
start_keeper
pin=$(greatseald init --data "$work/server")
greatseald run --data "$work/server" --keeper-socket "$work/k.sock" --public-log "$work/keeper/public" \
	--worker "$GREATSEAL_WORKER" --listen 127.0.0.1:0 2>server.log &
pids+=($!)
is_ready() {
	address=$(sed -n 's/.*listening on \([^,]*\),.*/\1/p' server.log)
	[[ -n $address ]] && curl -skf "https://$address/readyz" >/dev/null
}
until_true is_ready
for who in carol dave; do
	as "$who" init-client --server "https://$address" --pin "$pin" --person "$who" --key "$work/$who" \
		--host build-07 --host-key "$work/build-07" >/dev/null
done
ok "a keeper with a file token and an HSM"

# ---- Keys and certificates -------------------------------------------------------------------------

as dave key create disk --token main --algorithm ecdsa-p256 >/dev/null
as dave key create hsm-rsa --token hsm --algorithm rsa-3072 >/dev/null
as dave key create hsm-ec --token hsm --algorithm ecdsa-p256 >/dev/null
as carol key list --json | jq -e '[.keys[]? // .[] | "\(.name) \(.token) \(.token_state)"] | sort ==
	["disk main ready", "hsm-ec hsm ready", "hsm-rsa hsm ready"]' >/dev/null || die "key list: $(as carol key list --json)"
ok "keys in both tokens"
p11() { pkcs11-tool --module "$module" --slot "$slot" --login --pin "$(cat pin)" "$@" 2>p11.log; }
p11 --list-objects --type privkey >objects
(($(grep -c '^Private Key Object' objects) == 2)) || die "two private keys: $(cat objects)"
(($(grep -c 'Access:.*sensitive, always sensitive, never extract' objects) == 2)) || die "unsafe: $(cat objects)"
ok "pkcs11-tool: sensitive, never extractable"

key() { openssl "$@" 2>openssl.log || die "openssl $1: $(cat openssl.log)"; }
key req -x509 -newkey rsa:3072 -nodes -keyout ca.key -out ca.pem -subj "/CN=Test CA" -days 30 \
	-addext "keyUsage=critical,keyCertSign" -addext "basicConstraints=critical,CA:TRUE"
printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n' >code.ext
printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n' >no-eku.ext
# issue NAME EXTENSIONS OUT: a certificate for NAME.csr, leaf first, then the CA.
issue() {
	key x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -extfile "$2.ext" -out leaf.pem -sha256 -days 10
	cat leaf.pem ca.pem >"$3"
}
for name in disk hsm-rsa hsm-ec; do
	as dave key csr "$name" --subject "CN=$name,O=Great Seal Test" >"$name.csr"
	openssl req -verify -noout -in "$name.csr" >csr.log 2>&1 || die "csr: $(cat csr.log)"
	grep -q 'verify OK' csr.log || die "csr: $(cat csr.log)"
	issue "$name" code "$name.pem"
done
as carol key show hsm-rsa --json | jq -e '.certificate == null' >/dev/null || die "no certificate yet"
ok "openssl verifies the certificate requests of all three keys"

refused 4 key.no-certificate as carol submit --key hsm-rsa -m early passphrase
refused 4 key.certificate as dave key import-cert hsm-rsa hsm-ec.pem
issue hsm-rsa no-eku no-eku.pem
refused 4 key.certificate as dave key import-cert hsm-rsa no-eku.pem
printf '[ca]\ndefault_ca=it\n[it]\ndatabase=ca.index\nrand_serial=yes\nnew_certs_dir=.\npolicy=any\n[any]\nCN=supplied\nO=optional\n' >ca.cnf
: >ca.index
key ca -batch -notext -config ca.cnf -in hsm-rsa.csr -cert ca.pem -keyfile ca.key -md sha256 -extfile code.ext -out leaf.pem \
	-startdate 20200101000000Z -enddate 20210101000000Z
cat leaf.pem ca.pem >expired.pem
refused 4 key.certificate-time as dave key import-cert hsm-rsa expired.pem
as carol key show hsm-rsa --json | jq -e '.certificate == null' >/dev/null || die "a refused certificate is not kept"
for name in disk hsm-rsa hsm-ec; do as dave key import-cert "$name" "$name.pem" >/dev/null; done
as carol key show hsm-rsa --json | jq -e '.certificate.issuer == "CN=Test CA"' >/dev/null || die "imported"
ok "the CA's certificates are imported"

# ---- Signing ---------------------------------------------------------------------------------------

for n in 1 2 3 4 5; do echo "file number $n" >"file$n"; done
submit() { as carol submit --key "$1" -m "$2" "$2" --json --quiet | jq -r .request; }
signed() { # REQUEST FILE
	as carol fetch "$1" -o out 2>/dev/null
	openssl cms -verify -binary -inform DER -in "out/$2.p7s" -content "$2" -CAfile ca.pem -purpose any -out /dev/null 2>cms.log ||
		die "cms: $(cat cms.log)"
}
for name in disk hsm-rsa hsm-ec; do
	request=$(submit "$name" file1)
	as dave approve "$request" --yes >/dev/null
	signed "$request" file1
	rm -r out
	ok "signed with $name, up to the CA"
done

# ---- The HSM goes away -----------------------------------------------------------------------------

state() { as carol show "$1" --json | jq -r "$2"; }
first=$(submit hsm-rsa file2)
vanish
# Nobody has noticed yet: this use is committed, fails, and is kept.
refused 1 key.token as dave approve "$first" --yes
until_true eval '[[ $(as carol key show hsm-rsa --json | jq -r .token_state) == absent ]]'
[[ $(state "$first" .status.state) == committed ]] || die "$(as carol show "$first" --json)"
ok "the HSM vanished: a committed use waits"
second=$(submit hsm-ec file3)
as dave approve "$second" --yes >away.log 2>&1 || true
[[ $(state "$second" '.status.state + " " + .status.outcome + " " + .status.reason') == "open wait key.token" ]] ||
	die "$(as carol show "$second" --json)"
ok "an approved request waits with key.token"
refused 1 key.token as dave key csr hsm-rsa --subject CN=away
refused 1 key.token as dave key create another --token hsm
third=$(submit disk file4)
as dave approve "$third" --yes >/dev/null
signed "$third" file4
ok "the other token signs meanwhile"
appear
until_true eval '[[ $(as carol key show hsm-rsa --json | jq -r .token_state) == ready ]]'
is_done() { [[ $(state "$1" .status.state) == done ]]; }
until_true is_done "$first"
until_true is_done "$second"
signed "$first" file2
signed "$second" file3
ok "it came back: both are signed, nobody did anything"
as dave key create another --token hsm >/dev/null
ok "keys can be made again"

# ---- A start without the HSM -----------------------------------------------------------------------

kill -TERM "$keeper" && wait "$keeper" || die "the keeper's end"
vanish
start_keeper
until_true is_ready
fourth=$(submit hsm-rsa file5)
as dave approve "$fourth" --yes >away.log 2>&1 || true
[[ $(state "$fourth" '.status.state + " " + .status.reason') == "open key.token" ]] || die "$(as carol show "$fourth" --json)"
appear
until_true is_done "$fourth"
signed "$fourth" file5
ok "a keeper starts without its HSM, which comes later"
# The PIN opens the HSM and is nowhere but in its file, and in the keeper's memory to log in again. The keys are in
# the module's: SoftHSM keeps them in this very process, an HSM would not.
for place in "/proc/$keeper/cmdline" "/proc/$keeper/environ" keeper server ./*.log guard; do
	grep -rqaF "$(cat pin)" "$place" 2>/dev/null && die "the PIN is in $place"
done
grep -rqaF "$(cat pin)" pin || die "the search finds nothing"
ok "the PIN is in no log, state, environment or command line"
as carol log fsck >/dev/null
kill -TERM "$keeper" && wait "$keeper" || die "the keeper's end"
greatseal-keeper fsck --state "$work/keeper" --guard "$work/guard" "${tokens[@]}" >fsck.log 2>&1 || die "fsck: $(cat fsck.log)"
ok "the log and the journal are whole"
echo "$checks checks passed"
