#!/usr/bin/env bash
# Who approved and when is proven to whoever asks, or said not to be: by the statement that the log counts, the
# signature, the roster of then and the log's entry of it. The server between tells other names, times and statements.
# And nobody puts their name under a change that could be kept for years.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/between.sh"
world_keys alice carol dave build-07
world_start
world_key ecdsa-p256
echo "a release" >release.txt
id=$(submit "the release" release.txt)
as alice approve "$id" --yes >/dev/null
as dave approve "$id" --yes >/dev/null

cat >lies.py <<'PY'
import base64, hashlib, json
from between import real, serve
def lies(mode, method, path, headers, body):
    status, answer = real(method, path, headers, body)
    said = open("statements").read().split()
    if method != "GET":
        return status, answer
    if mode == "honest" and path.startswith("/v1/statements/"):
        open("answer-" + path.split("/")[3], "wb").write(answer)
    if path.startswith("/v1/requests/") and path.count("/") == 3 and mode in ("names", "times"):
        value = json.loads(answer)
        for row in value["status"]["approvals"]:
            row.update({"person": "carol"} if mode == "names" else {"given": "2020-01-01T00:00:00Z"})
        return status, json.dumps(value).encode()
    if path == "/v1/statements/" + said[0] and mode in ("another", "signature", "entry", "no-entry"):
        value = json.loads(answer)
        other = json.load(open("answer-" + said[1])) # calls are signed for their path: it is one of before
        if mode == "another":
            value = other
        if mode == "signature":
            value["signatures"] = other["signatures"]
        if mode == "entry":
            value["leaf"] = other["leaf"]
        if mode == "no-entry":
            del value["leaf"]
        return status, json.dumps(value).encode()
    if path.startswith("/v1/roster?digest=") and mode == "no-roster":
        return 404, b'{"error":{"code":"call.not-found","remedy":"","text":"it is gone"}}'
    if path.startswith("/v1/changes/") and mode == "for-years":
        statement = open("for-years.json", "rb").read()
        return 200, json.dumps({"id": hashlib.sha256(statement).hexdigest(), "kind": "keyadmin", "state": "pending", "missing": [],
            "statement": base64.b64encode(statement).decode()}).encode()
    return status, answer
serve(lies)
PY
as carol show "$id" --json | jq -r '.authorized.approvals[].statement' >statements
[[ $(wc -l <statements) == 2 ]] || die "$(as carol show "$id" --json)"
echo honest >mode
between_start
between_for carol alice

# ---- show, explain
counted() { jq -c '[(.authorized.approvals)[] | {person, given, proven}] | sort_by(.person)' "$1"; }
as carol show "$id" --json >honest.json
counted honest.json | jq -e '(map(.person) == ["alice", "dave"]) and all(.[]; .proven and (.given | startswith("20")))' >/dev/null || die "$(<honest.json)"
grep -qE 'approvals that counted: (alice|dave) at 20[0-9T:Z-]+, (alice|dave) at 20' <(as carol show "$id") || die "$(as carol show "$id")"
for mode in names times; do
	echo $mode >mode
	for verb in show explain; do
		as carol $verb "$id" --json >lied.json
		[[ $(counted lied.json) == "$(counted honest.json)" ]] || die "$mode: $(<lied.json)"
	done
done
ok "names and times are not the server's word"
for mode in another signature entry no-entry; do
	echo $mode >mode
	case $mode in
	another) want="is not what the log names" code=1 ;;
	signature) want="not proven" code=5 ;;
	entry) want="does not record this approval" code=5 ;;
	*) want="names no entry" code=1 ;;
	esac
	code=0
	as carol show "$id" >lied.txt 2>&1 || code=$?
	((code != 0)) && grep -q "$want" lied.txt || die "$mode: exit $code: $(<lied.txt)"
	! grep -q "approvals that counted" lied.txt || die "$mode: $(<lied.txt)"
done
ok "another statement, signature or entry is noticed"
echo no-roster >mode
as carol show "$id" --json >lied.json
jq -e '[.authorized.approvals[] | select(.proven == false and .given == null)] | length == 2' lied.json >/dev/null || die "$(<lied.json)"
as carol show "$id" | grep -q 'approvals that counted: .* (not proven)' || die "$(as carol show "$id")"
echo honest >mode
ok "without the roster of then nothing is called proven"

# ---- verify, with nothing but the proof
as carol fetch "$id" -o signed >/dev/null 2>fetch.log || die "$(<fetch.log)"
cp release.txt signed/
verify() { GREATSEAL_CONFIG=/nonexistent greatseal verify signed/release.txt --vkey "$(jq -r .vkey carol.json)" "$@"; }
verify --json >verified.json || die "$(<verified.json)"
[[ $(jq -c '[.approvals[] | {person, given}] | sort_by(.person)' verified.json) == "$(counted honest.json | jq -c 'map(del(.proven))')" ]] ||
	die "$(<verified.json)"
verify >verified.txt
[[ $(grep -c '^  approved by [a-z]* at 20' verified.txt) == 2 ]] || die "$(<verified.txt)"
proof=signed/release.txt.greatseal
bad() { # jq filter, words
	jq -c "$1" $proof >bad.greatseal
	code=0
	verify --bundle bad.greatseal >bad.txt 2>&1 || code=$?
	((code != 0)) && grep -q "$2" bad.txt && ! grep -q "approved by" bad.txt || die "$1: exit $code: $(<bad.txt)"
}
bad '.approvals[0].entry = .approvals[1].entry' "FAILED"
bad '.approvals[0] += (.approvals[1] | {entry, proof})' "does not record this approval"
bad '.approvals[0] += {entry: .authorize_entry, proof: .authorize_proof}' "does not record this approval"
bad 'del(.approvals[0].proof)' "entry with proof or neither"
bad '.approvals[0].more = "AAAA"' "entry with proof or neither"
jq -c 'del(.approvals[0].entry, .approvals[0].proof)' $proof >old.greatseal
verify --bundle old.greatseal >old.txt || die "$(<old.txt)"
grep -q "^  approved by [a-z]*; when is the keeper's word$" old.txt || die "$(<old.txt)"
ok "a proof says offline who approved and when, and what it does not prove"

# ---- for years
python3 - "$(jq -r .origin carol.json)" <<'PY'
import hashlib, json, sys
params = {"comment": "later"}
dump = lambda v: json.dumps(v, sort_keys=True, separators=(",", ":"))
p = {"action": "unlock", "expires": "2036-01-01T00:00:00Z", "key": "release", "nonce": "ab" * 16, "origin": sys.argv[1], "params": params}
open("for-years.json", "w").write(dump({"_type": "https://in-toto.io/Statement/v1", "predicate": p, "predicateType": "urn:greatseal:keyadmin:v1",
    "subject": [{"digest": {"sha256": hashlib.sha256(dump(params).encode()).hexdigest()}, "name": "params"}]}))
PY
echo for-years >mode
long=$(sha256sum for-years.json | cut -d' ' -f1)
refused 4 "good for longer than 7 days" as alice key sign "$long" --yes
echo "approved: $checks checks"
