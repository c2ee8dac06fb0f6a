#!/usr/bin/env bash
# The main job over the real programs: submit, inspect, compare, two approvals, fetch, verify by us and by
# others, and what must be refused. Needs no network: the Windows program is mono's compiler.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-flow.XXXXXX")
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
# Sandboxed programs may come from another build than the rest, which may then have sanitizers.
boxed=${SANDBOXED_BUILD:-$BUILD}
export PATH=$BUILD/prog/cli:$BUILD/prog/server:$boxed/prog/keeper:$boxed/prog/worker:$PATH
export XDG_STATE_HOME=$work/state # receipts
export GREATSEAL_WORKER=$boxed/prog/worker/greatseal-worker
checks=0
ok() {
	checks=$((checks + 1))
	echo "ok $checks - $*"
}
die() {
	echo "FAILED: $*" >&2
	exit 1
}
source "$SRCDIR/tests/lib/until.sh"
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

for who in alice bob carol dave mallory build-07; do ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$who"; done
public() { cut -d' ' -f1,2 "$1.pub"; }
cat >roster.yaml <<END
version: 1
people:
  - {name: alice, groups: [release], keys: [$(<alice.pub)]}
  - {name: bob, groups: [release], keys: [$(<bob.pub)]}
  - {name: carol, groups: [engineers], keys: [$(<carol.pub)]}
  - {name: dave, groups: [security], keys: [$(<dave.pub)]}
hosts:
  - {name: build-07, groups: [farm], keys: [$(<build-07.pub)]}
END
cat >policy.yaml <<END
version: 1
admin: {approve: [1 of security]}
unlock: {approve: [1 of release, 1 of security]}
change: {approve: [1 of release, 1 of security]}
rules:
  - name: release
    keys: [release]
    formats: [pe, cms]
    request: [group:engineers]
    from: [group:farm]
    approve: [1 of release, 1 of security]
    max_uses: 2
END
cat >tests.yaml <<END
policy: policy.yaml
roster: roster.yaml
tests:
  - name: security alone releases
    request: {key: release, format: pe, by: carol, from: build-07}
    approvals: [dave]
    expect: allow
END
greatseal policy compile policy.yaml roster.yaml --quiet
(umask 077 && echo "a passphrase for a test" >passphrase)
token=file:main,passphrase=$work/passphrase,scrypt=10
greatseal-keeper init --state "$work/keeper" --guard "$work/guard" --origin log.example --policy "$work/policy.json" \
	--roster "$work/roster.json" --token "$token" 2>init.log
start_keeper() {
	greatseal-keeper run --state "$work/keeper" --guard "$work/guard" --socket "$work/k.sock" --token "$token" \
		--self-sign yes 2>>keeper.log &
	keeper=$!
	pids+=("$keeper")
}
touch server.log keeper.log # the children may be slower than the first look
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
for who in alice bob carol dave; do
	as "$who" init-client --server "https://$address" --pin "$pin" --person "$who" --key "$work/$who" \
		--host build-07 --host-key "$work/build-07" >/dev/null
done
ok "keeper, server and four clients"
refused 1 "the server's key" env HOME="$work" greatseal init-client --config x.json --server "https://$address" --person alice \
	--key "$work/alice" --pin "sha256:$(printf '%064d' 0)"

as dave key create release --token main --algorithm rsa-3072 >/dev/null
as dave key self-sign release --subject "CN=Flow Test" >/dev/null
[[ $(as carol key show release --json | jq -r .certificate.subject) == "CN=Flow Test" ]] || die "key show"
ok "a key with a certificate"

mkdir one two
cp /usr/lib/mono/4.5/mcs.exe one/app.exe
cp /usr/lib/mono/4.5/mcs.exe two/app.exe
printf 'appended by the second version' >>two/app.exe
mkdir tree && echo hello >tree/a
tar -czf one/tool-1.0.tgz tree
echo changed >tree/a && echo new >tree/b
tar -czf two/tool-1.1.tgz tree
submit() { as carol submit --key release -m "version $1" "${@:2}" --json --quiet | jq -r .request; }
first=$(submit one one/app.exe one/tool-1.0.tgz)
as alice inbox --json | jq -e --arg r "$first" '.requests[0].request == $r' >/dev/null || die "alice's inbox"
as carol inbox --json | jq -e '.requests == []' >/dev/null || die "the requester's inbox is empty"
ok "the request is in the inbox of those who can approve"
[[ $(submit one one/app.exe one/tool-1.0.tgz) == "$first" ]] || die "the same wish must join the request"
ok "a re-run joins the pending request"
refused 4 who.self as carol approve "$first" --yes
as alice approve "$first" --yes --inspect >approve.log 2>&1
grep -q 'recorded in the log at [0-9]' approve.log
ok "alice inspected and approved"
refused 4 approve.duplicate as alice approve "$first" --yes
as bob approve "$first" --yes >/dev/null
as carol explain "$first" --json | jq -e '.outcome == "wait" and .missing == ["1 of security"]' >/dev/null || die explain
ok "two release managers do not fill the seat of security"
as carol explain "$first" --map policy.map | grep -qx 'rule release (policy.yaml:6):' || die "the rule's line"
as carol explain "$first" --map policy.map --json | jq -e '.rule_source == "policy.yaml:6"' >/dev/null || die "the rule's line"
code=0
as carol explain --who carol --key release --from build-07 --format pe --approved-by alice,bob,dave --map policy.map >whatif.log || code=$?
((code == 0)) && grep -q '^allow at .*, by rule release (policy.yaml:6)$' whatif.log || die "what if: $(cat whatif.log)"
ok "explain knows the rule's line in its source, and what would become of a request"
as bob withdraw "$first" >/dev/null
as dave approve "$first" --yes >/dev/null
as carol fetch "$first" -o signed1 2>/dev/null
ok "quorum, signature, fetch"
vkey=$(jq -r .vkey carol.json)
jq -r '.certificates[0]' signed1/app.exe.greatseal | base64 -d | openssl x509 -inform DER -out cert.pem
osslsigncode verify -in signed1/app.exe -CAfile cert.pem >/dev/null
openssl cms -verify -binary -inform DER -in signed1/tool-1.0.tgz.p7s -content one/tool-1.0.tgz -CAfile cert.pem -purpose any -out /dev/null 2>/dev/null
ok "osslsigncode and openssl accept"
cp -r signed1 one/signed
as carol verify one/tool-1.0.tgz --roots cert.pem --json | jq -e .verified >/dev/null || die "a file beside the directory of its proof"
refused 1 "greatseal fetch writes it" as carol verify one/app.exe
ok "verify finds what fetch has written into signed/"
rm -r one/signed
cp one/tool-1.0.tgz signed1/
for f in app.exe tool-1.0.tgz; do
	GREATSEAL_CONFIG=/nonexistent greatseal verify "signed1/$f" --vkey "$vkey" --roots cert.pem --json | jq -e .verified >/dev/null
done
ok "offline verification, log inclusion included"
jq -r '.approvals[0].statement' signed1/app.exe.greatseal | base64 -d >approval.json
{ echo '-----BEGIN SSH SIGNATURE-----'; jq -r '.approvals[0].signature' signed1/app.exe.greatseal | base64 -d | base64 -w 70; echo '-----END SSH SIGNATURE-----'; } >approval.sig
who=$(jq -r .predicate.approver approval.json)
echo "$who $(public "$who")" >allowed
ssh-keygen -Y verify -f allowed -I "$who" -n approval.v1@greatseal -s approval.sig <approval.json >/dev/null
ok "stock ssh-keygen accepts an approval"
cp signed1/app.exe bad.exe
printf x | dd of=bad.exe bs=1 seek=900000 conv=notrunc status=none
refused 5 "NOT VERIFIED" env GREATSEAL_CONFIG=/nonexistent greatseal verify bad.exe --vkey "$vkey" --bundle signed1/app.exe.greatseal
for field in signature requester_signature host_signature issue_entry authorize_entry request; do
	jq --arg f "$field" '.[$f] |= ((.[0:40] + (if .[40:41] == "A" then "B" else "A" end) + .[41:]))' signed1/app.exe.greatseal >forged.json
	refused 5 "NOT VERIFIED" env GREATSEAL_CONFIG=/nonexistent greatseal verify signed1/app.exe --vkey "$vkey" --bundle forged.json
done
# Without policy and roster nobody's signature could be checked: a proof that leaves them out proves nothing.
for filter in 'del(.policy, .roster)' 'del(.policy)' 'del(.roster)' 'del(.policy, .roster) | .approvals = []'; do
	jq "$filter" signed1/app.exe.greatseal >forged.json
	refused 5 "who asked and who approved cannot be checked" env GREATSEAL_CONFIG=/nonexistent greatseal verify signed1/app.exe --vkey "$vkey" --bundle forged.json
done
for filter in '.approvals = []' '.approvals |= .[0:1]' '.approvals |= [.[0], .[0]]' '.use = 2' '.item = 1'; do
	jq "$filter" signed1/app.exe.greatseal >forged.json
	refused 5 "NOT VERIFIED" env GREATSEAL_CONFIG=/nonexistent greatseal verify signed1/app.exe --vkey "$vkey" --bundle forged.json
done

second=$(submit two two/app.exe two/tool-1.1.tgz)
as alice diff "$second" --json --item 2 | jq -e '[.[0].files.added[].path] | any(endswith("b"))' >/dev/null || die "the diff shows the new file"
ok "the diff against the last signed version"
mkdir uncompared
echo "another" >uncompared/tool-1.2.tgz
echo "the first of its kind" >uncompared/novel-1.0.bin
gone=server/reports/$(as alice show "$first" --json | jq -r '.reports[] | select(.item == 1) | .report')
mv "$gone" report.aside
uncompared=$(submit uncompared uncompared/tool-1.2.tgz uncompared/novel-1.0.bin)
mv report.aside "$gone"
as alice diff "$uncompared" 2>diff.log
grep -q "^file 1: .*could not compare it with the one that was signed before" diff.log &&
	grep -q "greatseal search $(sha256sum <one/tool-1.0.tgz | cut -d' ' -f1)" diff.log || die "diff: $(cat diff.log)"
grep -q "^file 2: .*no other file of this product was signed before" diff.log || die "diff: $(cat diff.log)"
ok "a comparison that failed is not taken for a product's first version"
as bob init-client --config "$work/forger.json" --server "https://$address" --pin "$pin" --person alice --key "$work/bob" >/dev/null
refused 4 sig.approver as forger approve "$second" --yes
as bob init-client --config "$work/nobody.json" --server "https://$address" --pin "$pin" --person mallory --key "$work/mallory" >/dev/null
refused 1 call.auth as nobody inbox
as alice deny "$second" --yes -m no >/dev/null
refused 4 state.denied as dave approve "$second" --yes
as dave search one/app.exe --json | jq -e --arg r "$first" '[.requests[].request] == [$r]' >/dev/null || die search
as dave search "sha256:$(sha256sum two/app.exe | cut -d' ' -f1)" --json | jq -e '.requests | length == 1' >/dev/null || die search
as carol inbox --mine --product app --limit 1 --json >page1.json
as carol inbox --mine --product app --limit 1 --after "$(jq -r .next page1.json)" --json >page2.json
jq -es --arg a "$second" --arg b "$first" '[.[].requests[0].request] == [$a, $b] and .[1].next == null' page1.json page2.json \
	>/dev/null || die "pages of a product"
as carol inbox --all --key release --product none --json | jq -e '.requests == []' >/dev/null || die "no such product"
refused 2 usage as carol inbox --product 'A B'
ok "requests are found by file and by product, page by page"
third=$(submit three one/tool-1.0.tgz)
as carol cancel "$third" >/dev/null
as carol show "$third" --json | jq -e '.status.state == "closed"' >/dev/null || die cancelled
ok "denied and cancelled requests are closed"

# The keeper dies and comes back; nothing acknowledged is lost.
fourth=$(submit four one/tool-1.0.tgz)
as alice approve "$fourth" --yes >/dev/null
kill -9 "$keeper"
wait "$keeper" 2>/dev/null || true
refused 1 keeper.unavailable as dave show "$fourth"
start_keeper
until_true is_ready
as dave approve "$fourth" --yes >/dev/null
as carol fetch "$fourth" -o signed4 2>/dev/null
ok "kill -9 of the keeper: the approval before it counts"

# Policy changes need the quorum that is in force.
sed 's/^version: 1/version: 2/' policy.yaml >policy2.yaml
refused 1 "1 of 1 tests of tests.yaml fail; nothing is proposed" as alice policy propose policy2.yaml --tests tests.yaml
as alice policy pending --json | jq -e '.changes == []' >/dev/null || die "a change whose tests fail is pending"
sed -i 's/    approve: .*/    approve: [1 of security]/' policy2.yaml
change=$(as alice policy propose policy2.yaml --tests tests.yaml --json 2>/dev/null | jq -r .id || true)
as alice policy show --json | jq -e '.version == 1' >/dev/null || die "one signature must not change the policy"
as dave policy sign "$change" --yes >/dev/null
as alice policy show --json | jq -e '.version == 2' >/dev/null || die "the quorum changes the policy"
ok "policy 2 in force after both signatures"
as carol explain "$first" --map policy.map | grep -qF 'by rule release (policy.yaml:6) of policy version 1, ' || die "the rule that decided"
greatseal policy compile policy2.yaml roster.yaml --quiet
refused 1 "policy2.map is of another policy" as carol explain "$first" --map policy2.map
sed 's/^version: 1/version: 2/' roster.yaml >roster2.yaml
change=$(as alice roster propose roster2.yaml --json 2>/dev/null | jq -r .id || true)
as dave roster sign "$change" --yes >/dev/null
as alice roster show --json | jq -e '.version == 2' >/dev/null || die "roster 2 in force"
as dave key lock release -m test >/dev/null
as carol submit --key release -m locked one/app.exe --json | jq -e '.reason == "key.locked"' >/dev/null || die "a locked key"
code=0
as carol explain --who carol --key release --from build-07 --approved-by alice,dave >whatif.log || code=$?
((code == 3)) && grep -q "wait  key.locked " whatif.log || die "what if, with a locked key: exit $code, $(cat whatif.log)"
# The policy has changed since: of what is signed that says nothing.
grep -q "approved by alice" <(as carol show "$first") || die "who approved is not shown"
! grep -qE "by (alice|dave) .*does not count" <(as carol show "$first") || die "what counted is said not to count: $(as carol show "$first")"
ok "a locked key signs nothing"
as carol log fsck >/dev/null
"$SRCDIR/tests/interop/tlogcheck/run" "$work/keeper/public" "$vkey" >/dev/null
ok "Go's sumdb/tlog and note accept the log"
open=$(find "$work/server" -perm /077)
[[ -z $open ]] || die "others may read what the server keeps: $open"
ok "what the server keeps is its own"
/usr/bin/python3 "$SRCDIR/tests/support/contract.py" alice.json "$SRCDIR/docs/openapi.yaml" >contract.log || die "$(cat contract.log)"
ok "docs/openapi.yaml describes it: $(tail -n 1 contract.log)"
kill -TERM "$keeper" && wait "$keeper"
greatseal-keeper fsck --state "$work/keeper" --guard "$work/guard" --token "$token" >fsck.log 2>&1 || die "fsck: $(cat fsck.log)"
ok "the log and the journal are whole"
echo "$checks checks passed"
