#!/usr/bin/env bash
# Independent builders, a scanner and a build service vouch for files; one tampered build is seen, shown and
# never signed.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/between.sh"
world_keys alice carol dave build-07 ba bb bc
# The world's documents, and more: three builders, and rules that ask them.
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS --arg a "$(public ba)" --arg b "$(public bb)" --arg c "$(public bc)" \
		'.builders = [{name: "builder-a", keys: [$a]}, {name: "builder-b", keys: [$b]}, {name: "builder-c", keys: [$c]}]' \
		roster.json | tr -d '\n' >roster2.json
	mv roster2.json roster.json
	jq -cS '.rules[0].artifact = {rebuild: {agree: 2, of: ["builder-a", "builder-b", "builder-c"]},
		scan: {by: ["build-07"], max_age: 86400},
		provenance: {by: ["build-07"], builder: ["https://ci.example/*"], source: ["git+https://git.example/acme"]}}' \
		policy.json | tr -d '\n' >policy2.json
	jq -cS '.rules += [{name: "nightly", keys: ["nightly"], formats: ["cms"], request: ["group:engineers"], from: ["group:farm"],
		approve: ["1 of release", "1 of security"], preapproved: {max_age: 3600}, max_uses: 9}]' policy2.json | tr -d '\n' >policy.json
}
world_start
world_key ecdsa-p256

mkdir good bad
make_build() { # DIR TEXT
	printf '%s\n' "$2" >app.conf
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$1/acme-2.4.0.tar" app.conf
}
make_build good 'server=update.example'
make_build bad 'server=evil.example'
source=git+https://git.example/acme
rebuild() { # BUILDER KEY FILE
	as carol attest rebuild --builder "$1" --builder-key "$work/$2" --source $source --version 2.4.0 --upload "$3"
}
scan() { as carol attest scan --verdict "$1" --scanner 'clamav 1.0.7' "$2"; }
provenance() { as carol attest provenance --builder-id "$1" --source "$2" --output "$work/p.jsonl" "$3"; }

# What came out of a build service that somebody is in, and what two builders make of the same source.
tampered=$(submit "the release" bad/acme-2.4.0.tar)
rebuild builder-c bc bad/acme-2.4.0.tar | grep -q 'log holds it' || die "a rebuild is not kept"
rebuild builder-a ba good/acme-2.4.0.tar >/dev/null
rebuild builder-b bb good/acme-2.4.0.tar >/dev/null
for file in good bad; do
	scan clean $file/acme-2.4.0.tar >/dev/null
	provenance https://ci.example/acme $source $file/acme-2.4.0.tar 2>/dev/null >/dev/null
done
ok "three builders, a scanner and a build service have spoken"

as alice show "$tampered" >shown.txt
grep -q DISAGREEMENT shown.txt || die "no disagreement in: $(cat shown.txt)"
grep -q "builder-a.*got" shown.txt && grep -q "builder-b.*got" shown.txt || die "who disagrees? $(cat shown.txt)"
ok "show says which builders got another file"
as alice diff "$tampered" --rebuild builder-a >diff.txt
grep -q '^~ app.conf' diff.txt || die "the difference is not shown: $(cat diff.txt)"
ok "diff --rebuild shows what differs"
for who in alice dave; do as "$who" approve "$tampered" --yes --quiet >/dev/null || (($? == 3)); done
as carol explain "$tampered" --json | jq -e '.status.state == "open" and .status.reason == "evidence.rebuild"' >/dev/null ||
	as carol show "$tampered" --json | jq -e '.status.state == "open" and .status.reason == "evidence.rebuild"' >/dev/null ||
	die "the tampered build does not wait for builders"
ok "with every approval the tampered build is not signed: evidence.rebuild"

honest=$(submit "the release" good/acme-2.4.0.tar)
for who in alice dave; do as "$who" approve "$honest" --yes --quiet >/dev/null || (($? == 3)); done
as carol show "$honest" --json | jq -e '.status.state == "done"' >/dev/null || die "the honest build is not signed"
as carol fetch "$honest" -o signed --quiet >/dev/null
as carol verify good/acme-2.4.0.tar --bundle signed/acme-2.4.0.tar.greatseal --signature signed/acme-2.4.0.tar.p7s >/dev/null ||
	die "the honest build does not verify"
ok "the honest build is signed, and verified offline"
proof=signed/acme-2.4.0.tar.greatseal
check() { as carol verify good/acme-2.4.0.tar --bundle "$1" --signature signed/acme-2.4.0.tar.p7s; }
check $proof 2>&1 | grep -q 'what machines said of the files is what the rule demands' || die "what does verify say? $(check $proof 2>&1)"
jq -e '.evidence | length == 4' $proof >/dev/null || die "the proof has not the four statements that counted"
# The machines' own words, with a tool of others.
rebuilt=$(jq '[.evidence[] | .statement | @base64d | contains("rebuild:v1")] | index(true)' $proof)
jq -r ".evidence[$rebuilt].statement" $proof | base64 -d >rebuilt.json
jq -r ".evidence[$rebuilt].signature" $proof | base64 -d >rebuilt.blob
{ echo '-----BEGIN SSH SIGNATURE-----'; base64 -w 70 rebuilt.blob; echo '-----END SSH SIGNATURE-----'; } >rebuilt.sig
{ echo "builder $(public ba)"; echo "builder $(public bb)"; } >builders
ssh-keygen -Y verify -f builders -I builder -n rebuild.v1@greatseal -s rebuilt.sig <rebuilt.json >/dev/null || die "ssh-keygen refuses a rebuild"
ok "the proof carries what machines said: ssh-keygen verifies it"
tampered_proof() { # JQ-EXPRESSION
	jq "$1" $proof >forged.greatseal
	if check forged.greatseal >forged.txt 2>&1; then die "verified with $1"; fi
	grep -q approvals forged.txt || die "refused for something else: $(cat forged.txt)"
}
tampered_proof '.evidence |= .[1:]'
tampered_proof '.evidence += [.evidence[0]]'
tampered_proof '.evidence[0] = .evidence[1]'
tampered_proof "(.evidence[$rebuilt].signature) = (.host_signature)"
tampered_proof '.evidence += [{statement: .request, signature: .requester_signature}]'
jq 'del(.evidence)' $proof >bare.greatseal
check bare.greatseal 2>&1 | grep -q "keeper's word" || die "without evidence it must say whose word it is"
ok "one statement less, more, twice or forged is refused; without any, verify says whose word it is"
as carol evidence list good/acme-2.4.0.tar --json | jq -e '[.[0].evidence[].kind] | sort == ["provenance", "rebuild", "rebuild", "scan"]' \
	>/dev/null || die "evidence list: $(as carol evidence list good/acme-2.4.0.tar --json)"
ok "evidence list names all four"
as carol explain "$honest" --json | jq -e '.authorized.evidence | map(.kind) | sort == ["provenance", "rebuild", "rebuild", "scan"]' >/dev/null &&
	as carol explain "$honest" --json | jq -e '[.authorized.evidence[].by // empty] | length == 3' >/dev/null || die "$(as carol explain "$honest")"
as carol show "$honest" | grep -q '^  evidence that counted: rebuild by builder-a, statement' || die "$(as carol show "$honest")"
ok "explain and show name the evidence that counted"
cat >lies.py <<'END'
import json
from between import real, serve
def lies(mode, method, path, headers, body):
    if mode != "honest" and path.startswith("/v1/counted/"):
        return 200, json.dumps({"counted": [None if mode == "none" else mode], "more": True}).encode()
    return real(method, path, headers, body)
serve(lies)
END
echo honest >mode
between_start
cp dave.json dave.saved
between_for dave
as dave explain "$honest" --json | jq -e '.authorized.evidence | length == 4' >/dev/null || die "$(as dave explain "$honest")"
for mode in none "$(sha256sum rebuilt.json | cut -d" " -f1)"; do
	echo "$mode" >mode
	as dave explain "$honest" --json | jq -e '.authorized.evidence == [] and .authorized.evidence_more == 1' >/dev/null || die "$mode: $(as dave explain "$honest" 2>&1)"
done
as dave explain "$honest" | grep -q "evidence that counted: 1 statement or more, which the log alone does not name" || die "$(as dave explain "$honest")"
mv dave.saved dave.json
ok "of a list of evidence that is said to go on nothing is believed"

# A verdict that comes after the approvals; then one that lifts it, and the request that waits is signed by itself.
make_build good 'server=update.example and more'
late=$(submit "the next" good/acme-2.4.0.tar)
rebuild builder-a ba good/acme-2.4.0.tar >/dev/null
rebuild builder-b bb good/acme-2.4.0.tar >/dev/null
scan infected good/acme-2.4.0.tar >/dev/null
for who in alice dave; do as "$who" approve "$late" --yes --quiet >/dev/null || (($? == 3 || $? == 4)); done
as carol show "$late" --json | jq -e '.status.state == "open" and .status.outcome == "deny"' >/dev/null || die "infected, and not stopped"
ok "an infected file is stopped after every approval"
provenance https://evil.example/acme $source good/acme-2.4.0.tar >/dev/null 2>&1
rescan() {
	scan clean good/acme-2.4.0.tar >/dev/null
	as carol show "$late" --json | jq -e '.status.reason == "evidence.provenance"' >/dev/null
}
until_true rescan
ok "a provenance of another builder is not enough: evidence.provenance"
provenance https://ci.example/acme git+https://evil.example/acme good/acme-2.4.0.tar >/dev/null 2>&1
as carol show "$late" --json | jq -e '.status.reason == "evidence.provenance"' >/dev/null || die "another source was enough"
ok "nor one of another source"
retry() {
	provenance https://ci.example/acme $source good/acme-2.4.0.tar >/dev/null 2>&1
	as carol show "$late" --json | jq -e '.status.state == "done"' >/dev/null
}
until_true retry
ok "the right one lets it through, without anybody asking again"

# The envelope is one that any library verifies: openssl over the PAE.
jq -rj .payload p.jsonl | base64 -d >payload
jq -rj '.signatures[0].sig' p.jsonl | base64 -d >sig
{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(stat -c %s payload)"; cat payload; } >pae
ssh-keygen -e -m PKCS8 -f build-07.pub >pub.pem 2>/dev/null || {
	{ printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'; cut -d' ' -f2 build-07.pub | base64 -d | tail -c 32; } |
		openssl pkey -pubin -inform DER -out pub.pem
}
openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in pae -sigfile sig | grep -q Success || die "openssl does not verify the envelope"
ok "openssl verifies the envelope"

# Approved before it is asked for: signed at once, as often as was said.
as dave key create nightly --token main --algorithm ecdsa-p256 >/dev/null
as dave key self-sign nightly --subject "CN=Nightly" >/dev/null
echo nightly >nightly.bin
for who in alice dave; do as "$who" preapprove --key nightly --uses 2 --yes nightly.bin >/dev/null || die "preapprove of $who"; done
nightly() { as carol submit --key nightly -m "$1" --new nightly.bin --json --quiet; }
for n in 1 2; do
	id=$(nightly "night $n" | jq -r .request) || true
	as carol show "$id" --json | jq -e '.status.state == "done"' >/dev/null || die "use $n waits: $(as carol explain "$id")"
done
as carol fetch "$id" -o night --quiet >/dev/null
as carol verify nightly.bin --bundle night/nightly.bin.greatseal --signature night/nightly.bin.p7s >/dev/null || die "a preapproved file does not verify"
echo morning >morning.bin
for who in alice dave; do as "$who" preapprove --key nightly --yes morning.bin >/dev/null || die "preapprove of $who"; done
as carol sign --key nightly --no-wait morning.bin -o night --quiet >/dev/null || die "sign --no-wait of a preapproved file: $?"
[[ -s night/morning.bin.p7s ]] || die "no signature of a preapproved file"
as carol explain "$id" --json | jq -e '.authorized | ([.approvals[] | select(.early) | .person] | sort) == ["alice", "dave"] and .today.differs == false' \
	>/dev/null || die "$(as carol explain "$id")"
ok "sign --no-wait fetches what is signed at once"
id=$(nightly "night 3" | jq -r .request) || true
as carol show "$id" --json | jq -e '.status.state == "open"' >/dev/null || die "a third use"
ok "what was approved beforehand is signed at once, twice and no more, and verifies offline"
refused 4 denied as carol preapprove --key nightly --yes nightly.bin

refused 4 evidence.signer as carol attest rebuild --builder builder-a --builder-key "$work/bb" --source $source --version 2.4.0 good/acme-2.4.0.tar
refused 4 evidence.signer as carol attest rebuild --builder build-07 --builder-key "$work/build-07" --source $source --version 2.4.0 good/acme-2.4.0.tar
refused 2 verdict as carol attest scan --verdict fine --scanner x good/acme-2.4.0.tar
contract_kept alice
echo "1..$checks"
