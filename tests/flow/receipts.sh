#!/usr/bin/env bash
# What people say of requests, and what they change, is answered with the log's receipt. A server in the wrong hands
# stands between them and the real one, with its very TLS key: it hides denials, answers with proofs of something else,
# loses acts and changes later.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/between.sh"
world_keys alice carol dave build-07
world_start
world_key

cat >lies.py <<'PY'
import json, re
from between import real, serve
def lies(mode, method, path, headers, body):
    act = method == "POST" and path.endswith("/acts")
    change = method == "POST" and path.startswith("/v1/changes")
    request = method == "GET" and path.startswith("/v1/requests/") and path.count("/") == 3
    if mode == "swallow" and act: # the act goes nowhere
        return 200, json.dumps({"status": {"state": "closed", "reason": "state.denied"}}).encode()
    if mode == "unknown" and request:
        return 404, b'{"error":{"code":"state.unknown","remedy":"","text":"no such request"}}'
    if mode == "no-history" and path.startswith("/v1/history"):
        return 404, b'{"error":{"code":"call.unknown","remedy":"","text":"there is no such thing"}}'
    if mode == "small" and path == "/v1/log/checkpoint":
        return 200, open("old-checkpoint", "rb").read()
    status, answer = real(method, path, headers, body)
    if mode == "long-history" and path.startswith("/v1/history"): # more than a change is compared with
        cursor = int(re.search("after=([0-9]+)", path).group(1)) or 10001
        row, rows = json.loads(answer)["requests"][0], min(cursor, 500)
        left = {"next": str(cursor - rows)} if cursor > rows else {}
        return status, json.dumps({"requests": [row] * rows, **left}).encode()
    if change and mode == "change-stripped":
        value = json.loads(answer)
        del value["receipt"]
        return status, json.dumps(value).encode()
    if change and mode == "change-another":
        return status, json.dumps({**json.loads(answer), **json.load(open("old-receipt"))}).encode()
    if change and mode == "change-pending":
        return status, json.dumps({**{k: v for k, v in json.loads(answer).items() if k != "receipt"}, "state": "pending"}).encode()
    if (act or change) and mode == "cut": # it is recorded, and nobody is told
        return 503, b'{"error":{"code":"keeper.absent","remedy":"","text":"try again"}}'
    if act and status == 200 and mode in ("strip", "another", "first"):
        value = json.loads(answer)
        if mode == "strip":
            del value["receipt"]
        if mode == "another": # of an act before
            value["receipt"] = json.load(open("old-receipt"))
        if mode == "first":   # a proof of the right log and of no act
            value["receipt"]["proof"] = real("GET", "/v1/log/proof?index=0", {}, None)[1].decode()
        answer = json.dumps(value).encode()
    if request and mode == "open":
        value = json.loads(answer)
        value["status"].update(state="open", reason="approve.quorum", approvals=[])
        answer = json.dumps(value).encode()
    if mode == "gone" and method == "GET" and path.startswith("/v1/changes/"):
        return 404, b'{"error":{"code":"call.not-found","remedy":"","text":"no such change"}}'
    if mode == "unsigned" and method == "GET" and path.startswith("/v1/changes/"):
        return status, re.sub(b'"state":"[a-z]+"', b'"state":"pending"', answer)
    if mode == "other-bytes" and method == "GET" and path.startswith("/v1/changes/"):
        return status, open("other-change", "rb").read()
    if mode == "first-policy" and method == "GET" and path == "/v1/policy":
        return status, open("first-policy", "rb").read()
    if mode == "not-waiting" and method == "GET" and path == "/v1/changes":
        return status, json.dumps({**json.loads(answer), "waiting": []}).encode()
    if mode == "still-waiting" and method == "GET" and path == "/v1/changes":
        return status, open("waiting", "rb").read()
    if mode == "no-objection" and "/tile/entries/" in path:
        return status, answer.replace(b'"policy.objection"', b'"policy.something"')
    if mode == "change-rewritten" and "/tile/entries/" in path:
        return status, answer.replace(b'"action":"key.lock"', b'"action":"key.unlo"')
    if mode == "rewritten" and "/tile/entries/" in path: # an entry is another
        answer = answer.replace(b'"kind":"denial"', b'"kind":"cancel"')
    return status, answer
serve(lies)
PY
echo honest >mode
between_start
between_for alice dave
receipts=$XDG_STATE_HOME/greatseal/receipts
# fresh: one more request.
fresh() { echo "$*" >some.txt && submit "$*" --new some.txt; }
# tells WORD COUNT: `receipts --check` calls so many of alice's acts that. Changes are counted for themselves.
tells() {
	as alice receipts --check --json >check.json 2>check.err || true
	jq -e --arg s "$1" --argjson n "$2" '[.receipts[] | select(.state == $s and .change == null)] | length == $n' check.json >/dev/null ||
		die "not $2 $1: $(cat check.json check.err)"
}

# Honest: four kinds of acts, each with a receipt that is kept.
first=$(fresh one)
as alice approve "$first" --yes --json --quiet >approved.json || (($? == 3))
as alice withdraw "$first" >withdrawn.txt
grep -qE '^withdrawn; recorded in the log at [0-9]+$' withdrawn.txt || die "$(<withdrawn.txt)"
as alice deny "$first" --yes >denied.txt 2>&1 || (($? == 4))
grep -qE '^denied; recorded in the log at [0-9]+$' denied.txt || die "$(<denied.txt)"
second=$(fresh two)
as carol cancel "$second" >/dev/null
[[ $(grep -lE '"kind": "(approval|withdrawal|denial|cancellation)"' "$receipts"/*.json | wc -l) == 4 && $(stat -c %a "$receipts") == 700 ]] || die "$(ls -l "$receipts")"
[[ -z $(find "$receipts" -not -perm 600 -type f) ]] || die "others may read receipts"
as alice receipts >list.txt
[[ $(grep -cE '^recorded +(approval|withdrawal|denial|cancellation) .* entry [0-9]+$' list.txt) == 4 ]] || die "$(<list.txt)"
as alice receipts --check >list.txt
[[ $(grep -cE '^kept +(approval|withdrawal|denial|cancellation) ' list.txt) == 4 ]] || die "$(<list.txt)"
ok "approval, withdrawal, denial and cancellation have receipts, and the server keeps to them"
jq -c .receipt approved.json >old-receipt
curl -skf "https://$address/v1/log/checkpoint" >old-checkpoint

# One that does not answer with a receipt, or with another's.
for lie in swallow strip another first; do
	request=$(fresh "$lie")
	echo "$lie" >mode
	refused 5 "may not have been recorded" as alice deny "$request" --yes
	[[ $lie != another ]] || grep -q 'is of another kind than the act' refused.log || die "$(<refused.log)"
	[[ $lie != first ]] || grep -q 'is of another kind than the act' refused.log || die "$(<refused.log)"
	echo honest >mode
done
tells sent 0 # each was sent again, which was the first time for the one that was swallowed
tells kept 8
jq -e '[.receipts[] | select(.kind == "denial")] | length == 5' check.json >/dev/null || die "$(<check.json)"
ok "what got no good receipt is sent again, and gets one"
# The same kind, another request.
jq -c .receipt <(request=$(fresh again) && as alice deny "$request" --yes --json --quiet || true) >old-receipt
request=$(fresh "another denial")
echo another >mode
refused 5 "is about another request" as alice deny "$request" --yes
refused 5 "another kind" as alice approve "$(fresh approve)" --yes
echo honest >mode
tells kept 11

# It acts, and says nothing.
request=$(fresh cut)
echo cut >mode
refused 1 keeper.absent as alice deny "$request" --yes
as alice receipts >list.txt
grep -qE '^sent +denial .*without an answer$' list.txt || die "$(<list.txt)"
echo honest >mode
tells kept 12
ok "an act without an answer is known, and is found recorded"
# The keeper refuses: there is nothing to keep.
refused 4 state.denied as alice deny "$request" --yes
tells kept 12

# Later: a status without the act, a request that is gone, a shorter log, another entry in its place.
echo open >mode
tells hidden 12
as alice receipts --check >list.txt 2>&1 && die "hidden, and no alarm"
(($? == 5)) || die "hidden: exit $?"
grep -q 'hides or has lost 12 of your acts' list.txt || die "$(<list.txt)"
echo unknown >mode
tells hidden 12
echo small >mode
tells lost 12
rm alice.json.checkpoint # the client forgot what it had seen; the receipts did not
tells lost 8
echo rewritten >mode
tells lost 8
ok "a server that hides or loses acts later is noticed"
echo honest >mode
tells kept 12
# Files that are no receipts are told apart.
one=$(grep -l '"kind": "denial"' "$receipts"/*.json | sort | head -n 1)
cp "$one" "$one.kept"
jq '.proof |= sub("index [0-9]+"; "index 1")' "$one.kept" >"$one"
tells unreadable 1
jq '.more = 1' "$one.kept" >"$one"
tells unreadable 1
head -c 100 "$one.kept" >"$one"
tells unreadable 1
mv "$one.kept" "$one"
tells kept 12
# A "no" does not wait for a place to keep its receipt.
request=$(fresh "no room")
XDG_STATE_HOME=/proc/nowhere as alice deny "$request" --yes >denied.txt 2>&1 || (($? == 4))
grep -q 'the receipt is not kept' denied.txt && grep -q 'recorded in the log at' denied.txt || die "$(<denied.txt)"
ok "without a place for receipts the act is recorded all the same"

# ---- Changes ----
# says WORD KIND WORDS..: dave's check calls the change $change of this kind that; it exits with 5 if it is an alarm.
says() {
	local code=0
	as dave receipts --check >list.txt 2>check.err || code=$?
	grep -qE "^$1 +$2 +${change:0:16} .*${*:3}" list.txt || die "no $1 $2 ${change:0:16} ${*:3}: $(cat list.txt check.err)"
	if [[ $1 == hidden || $1 == lost ]]; then
		((code == 5)) || die "$1, and exit $code"
		grep -q 'hides or has lost [0-9]* of your acts and changes' check.err || die "$(<check.err)"
	else
		((code == 0)) || die "$1, and exit $code: $(cat list.txt check.err)"
	fi
}
# offer command...: sets $change.
offer() { change=$(as dave "$@" --json --quiet | jq -er .id); }
offer key lock release -m gone
says kept keyadmin
as dave receipts >list.txt
grep -qE "^recorded +keyadmin +${change:0:16} .* entry [0-9]+$" list.txt || die "$(<list.txt)"
cp "$receipts/$change.json" lock.json
jq -c '{state: "done", statement}' "$(grep -l '"kind": "keyadmin"' "$receipts"/*.json | grep -v "$change" | head -n 1)" >other-change
for lie in "gone does not know the change" "other-bytes another change under its id" "unsigned as if signatures were missing"; do
	echo "${lie%% *}" >mode
	says hidden keyadmin "${lie#* }"
done
echo change-rewritten >mode
says lost keyadmin
echo small >mode
says lost keyadmin
echo honest >mode
says kept keyadmin
ok "a change that is recorded is hidden or lost later by nobody unnoticed"

# No receipt, or that of another change, or no answer: known, and asked for again.
jq '{receipt: {leaf: 1, proof: .proof}}' lock.json >old-receipt
locked=$change
for lie in change-stripped change-another change-pending cut; do
	echo "$lie" >mode
	case $lie in
	change-stripped) refused 5 "the server gave no receipt: the change may not have been recorded" as dave key unlock release -m again ;;
	change-another) refused 5 "receipt is wrong, the change may not have been recorded: the log entry is about another statement" \
		as dave key lock release -m again ;;
	change-pending) as dave key unlock release -m "once more" >/dev/null || (($? == 3)) ;; # which cannot be known
	cut) refused 1 keeper.absent as dave key lock release -m "once more" ;;
	esac
	change=$(jq -r 'select(.proof == null) | input_filename' "$receipts"/*.json | sed 's,.*/,,; s,\.json$,,')
	[[ ${#change} == 64 ]] || die "not one receipt without a proof: $change"
	as dave receipts >list.txt
	grep -qE "^sent +keyadmin +${change:0:16} .*not recorded" list.txt || die "$(<list.txt)"
	echo honest >mode
	says kept keyadmin
	jq -e .proof "$receipts/$change.json" >/dev/null || die "$lie: no proof is kept"
	ok "a change that got no good receipt is asked for again: $lie"
done
# What a receipt proves, nobody takes back by a signature more.
change=$locked
echo change-pending >mode
refused 5 "may not have been recorded" as dave policy sign "$change" --yes
jq -e .proof "$receipts/$change.json" >/dev/null || die "the proof is gone"
echo honest >mode
says kept keyadmin
as dave key unlock release -m "all is well" >/dev/null

# A policy: it misses signatures, is recorded, is in force.
as dave policy show --json >first-policy
jq -cS '.version = 2 | .change.delay = 3600' policy.json | tr -d '\n' >policy2.json
change=$(as dave policy propose policy2.json --json --quiet | jq -er .id || true)
says pending policy "misses signatures"
as alice policy sign "$change" --yes >/dev/null
says kept policy
echo first-policy >mode
says hidden policy "another version in force than the log"
echo honest >mode
says kept policy
ok "a policy that is in force by the log must be shown in force"
# One that waits, and is objected to.
jq -cS '.version = 3 | .rules[0].max_uses = 2' policy2.json | tr -d '\n' >policy3.json
change=$(as dave policy propose policy3.json --json --quiet | jq -er .id || true)
as alice policy sign "$change" --yes >/dev/null || (($? == 3))
says kept policy
as dave policy pending --json >waiting
echo not-waiting >mode
says hidden policy "neither in force nor waiting, and the log has nothing"
echo honest >mode
third=$change
before=$(ls "$receipts") # what is refused leaves no receipt
refused 4 who.seat as carol policy object "$third" -m "not mine to say"
[[ $(ls "$receipts") == "$before" ]] || die "a receipt of what was refused: $(ls "$receipts")"
offer policy object "$third" -m "not this one"
says kept objection
echo still-waiting >mode
says hidden objection "as if it were to be in force"
change=$third
echo honest >mode
says kept policy # the log says what stopped it
echo no-objection >mode
says hidden policy "the log has nothing that stopped it"
echo honest >mode
says kept policy
ok "a policy that waits, or was objected to, is shown as that"
rm "$receipts"/*.json

# It shows a change, and nothing of what was asked for.
jq -cS '.version = 3 | .rules[0].max_uses = 3' policy2.json | tr -d '\n' >policy3.json
change=$(as dave policy propose policy3.json --json --quiet | jq -r .id || true)
as alice policy show-change "$change" | grep -qE '^[0-9]+ requests since .*: 0 would have' || die "nothing was decided again"
echo no-history >mode
as alice policy show-change "$change" >report.txt || die "$(<report.txt)"
grep -q "decisions that would change: unknown, the server's history cannot be read: there is no such thing" report.txt || die "$(<report.txt)"
as alice policy show-change "$change" --json | jq -e '.replay | keys == ["error"]' >/dev/null || die "no error in JSON"
echo long-history >mode
as alice policy show-change "$change" >report.txt || die "$(<report.txt)"
grep -q "^the newest 10000 requests since" report.txt && grep -q "^Older requests of that time were not looked at" report.txt ||
	die "$(<report.txt)"
echo honest >mode
as alice policy show-change "$change" >report.txt || die "$(<report.txt)"
! grep -q "not looked at" report.txt || die "$(<report.txt)"
ok "a history that is too long is said to be looked at in part"
ok "a history that is held back is no reason to see less of a change, and is said"
echo "receipts: $checks checks"
