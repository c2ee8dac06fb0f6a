#!/usr/bin/env bash
# A use that broke the glass, and its review, as people do it: inbox, the key that waits, the review, its receipt, what a
# verifier is told, and an incident.
source "$SRCDIR/tests/lib/world.sh"
# clock TEXT: seconds from the true time, or =N, at which it stands still; in place, for whoever reads it meanwhile.
clock() { printf '%-20s' "$1" 1<>"$work/clock"; }
clock 0
export GS_CLOCK_OFFSET_FILE=$work/clock LD_PRELOAD=$BUILD/tests/libclock-shim.so
source "$SRCDIR/tests/lib/between.sh"
world_documents() {
	jq -ncS --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" \
		'{version: 1, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
		people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "carol", groups: ["engineers", "security"], keys: [$c]},
		{name: "dave", groups: ["security"], keys: [$d]}]}' | tr -d '\n' >roster.json
	jq -ncS '{version: 1, admin: {approve: ["1 of @dave"]}, unlock: {approve: ["1 of security"]},
		change: {approve: ["1 of release", "1 of security"]}, rules: [{name: "hotfix", keys: ["release"], formats: ["cms"],
		request: ["group:engineers"], from: ["group:farm"], approve: ["1 of release"], break_glass: true, max_uses: 2, ticket: "INC-*",
		windows: ["past"], review: {approve: ["1 of security"], within: 1}}],
		windows: [{name: "past", open: "2001-01-01", length: 60, zone: "UTC"}]}' | tr -d '\n' >policy.json
}
world_keys alice carol dave build-07
world_start
world_key ecdsa-p256
echo "a fix" >app
echo "another" >other
echo "a third" >third
has() { # has WHO FILTER command...: what the command answers
	local who=$1 filter=$2
	as "$who" "${@:3}" --json | jq -e "$filter" >/dev/null
}

# ---- Two uses of one request ----
clock "=$(date +%s)" # neither is overdue before the other is made
twice=$(as carol submit --key release -m "INC-6: two of them" --uses 2 third --json --quiet | jq -r .request)
as alice approve "$twice" --yes >/dev/null
as carol fetch "$twice" --use 2 -o twice >/dev/null 2>fetch.log || die "fetch: $(cat fetch.log)"
has dave '[.reviews[].use] == [1, 2]' inbox || die "$(as dave inbox --json)"
refused 2 "without --use and --json" as dave review "$twice" --every --json -m "both looked at" --yes
as dave review "$twice" --every -m "both looked at" --yes >reviewed.txt || die "$(cat reviewed.txt)"
(($(grep -cE '^reviewed; recorded in the log at [0-9]+$' reviewed.txt) == 2)) || die "$(cat reviewed.txt)"
has dave '.reviews == []' inbox || die "$(as dave inbox --json)"
refused 1 "no review is owed" as dave review "$twice" --every -m "once more" --yes
clock 0
ok "one command reviews every use, with a statement for each"

# ---- Breaking it ----
refused 4 rule.ticket submit "it burns" app
request=$(submit "INC-7: it burns" app)
as alice approve "$request" --yes >approved.txt
grep -q "broke the glass" approved.txt || die "alice is not told: $(cat approved.txt)"
as carol fetch "$request" -o signed >/dev/null 2>fetch.log || die "fetch: $(cat fetch.log)"
cp app signed/
GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app --vkey "$(jq -r .vkey carol.json)" >verify.txt || die "$(cat verify.txt)"
grep -q 'glass .*rule hotfix passed a closed window or a freeze; a review by "1 of security" is due 1 s after' verify.txt ||
	die "verify: $(cat verify.txt)"
ok "the verifier is told that the glass was broken"

# ---- Owed ----
has dave '.reviews | length == 1 and .[0].missing == ["1 of security"] and .[0].never == ["carol"]' inbox || die "$(as dave inbox --json)"
as dave inbox | grep -q "^${request:0:16} .*use 1 of release broke the glass" || die "inbox: $(as dave inbox)"
has alice '.reviews == []' inbox || die "alice holds no seat: $(as alice inbox --json)"
has carol '.reviews == []' inbox || die "carol asked: $(as carol inbox --json)"
until_true has dave '.reviews[0].state == "overdue"' inbox
second=$(submit "INC-8: it burns on" other)
as alice approve "$second" --yes >/dev/null
has carol '.reason == "key.review" and .outcome == "wait"' explain "$second" || die "$(as carol explain "$second" --json)"
as carol explain "$second" | grep -q "the review of use 1 of request ${request:0:16}, which broke the glass, was due" ||
	die "explain: $(as carol explain "$second")"
as carol show "$request" | grep -q "broke the glass: the key waits, overdue since" || die "show: $(as carol show "$request")"
ok "until it is reviewed the key waits, and everybody is told why"

# ---- Reviewing ----
refused 2 "a review says why" as dave review "$request" --yes
refused 4 who.self as carol review "$request" -m "fine by me" --yes
refused 4 who.seat as alice review "$request" -m "fine by me" --yes
refused 1 "no review is owed" as dave review "$second" -m "nothing yet" --yes
as dave review "${request:0:16}" -m "the diff is what INC-7 says" --yes >reviewed.txt
grep -qE '^reviewed; recorded in the log at [0-9]+$' reviewed.txt || die "$(cat reviewed.txt)"
as carol show "$request" | grep -q "broke the glass; it was reviewed" || die "show: $(as carol show "$request")"
until_true has carol '.status.state == "done"' show "$second"
ok "the review frees the key, and what waited is signed"
as dave receipts --check >receipts.txt || die "$(cat receipts.txt)"
grep -qE "^kept +review +${request:0:16}" receipts.txt || die "$(cat receipts.txt)"
ok "the review has a receipt, and the server keeps to it"

# ---- A server that lies ----
cat >lies.py <<'PY'
import json
from between import real, serve
def lies(mode, method, path, headers, body):
    if mode == "swallow" and path.endswith("/acts"): # the review goes nowhere
        return 200, json.dumps({"status": {"state": "done", "review": {"owed": 0, "state": "done"}}}).encode()
    status, text = real(method, path, headers, body)
    if path.startswith("/v1/reviews") and status == 200:
        value = json.loads(text)
        for row in value["reviews"]:
            if mode == "elsewhere": # an entry that is another's
                row["authorize"] -= 1
            if mode == "hides":
                row["given"] = []
        text = json.dumps(value).encode()
    return status, text
serve(lies)
PY
echo elsewhere >mode
between_start
cp dave.json honest.json
between_for dave
refused 5 "broke the glass" as dave review "$second" -m "looked at" --yes
echo swallow >mode
refused 5 "the review may not have been recorded" as dave review "$second" -m "looked at" --yes
rm -f "$XDG_STATE_HOME"/greatseal/receipts/"$(grep -l '"review"' "$XDG_STATE_HOME"/greatseal/receipts/* | xargs grep -L '"proof"' | xargs -n 1 basename)"
echo hides >mode
as dave receipts --check >receipts.txt 2>/dev/null && die "the hidden review is not missed: $(cat receipts.txt)"
grep -qE "^hidden +review +${request:0:16}" receipts.txt || die "$(cat receipts.txt)"
cp honest.json dave.json
ok "who hides, swallows or moves a review is told so to the face"

# ---- An incident ----
as dave review "$second" --incident -m "nobody knows this file" --yes | grep -q "^an incident: the key is locked; recorded" || die "incident"
has dave '.state == "locked"' key show release || die "not locked: $(as dave key show release --json)"
third=$(submit "INC-9: once more" third)
as alice approve "$third" --yes >/dev/null
has carol '.reason == "key.locked"' explain "$third" || die "$(as carol explain "$third" --json)"
has dave '.reviews == []' inbox || die "still owed: $(as dave inbox --json)"
as dave key unlock release -m "looked into" >/dev/null
ok "an incident locks the key, and the quorum unlocks it"
as dave log fsck --json | jq -e '.entries.review == 4' >/dev/null || die "fsck: $(as dave log fsck --json)"
contract_kept alice
stop_keeper
keeper_is fsck 2>fsck.log || die "fsck: $(cat fsck.log)"
ok "the log counts the reviews, and the journal agrees"

# ---- A journal that somebody has been at ----
for sql in "delete from review_owed where use=1" "update review_owed set done=0"; do
	cp -r keeper keeper.good
	python3 -c 'import sqlite3, sys
db = sqlite3.connect("keeper/keeper.db")
db.execute(sys.argv[1])
db.commit()' "$sql"
	! keeper_is fsck 2>fsck.log || die "fsck finds nothing after: $sql"
	grep -qE "no review of it is owed|the review is another" fsck.log || die "fsck: $(cat fsck.log)"
	rm -rf keeper
	mv keeper.good keeper
done
keeper_is fsck 2>/dev/null >&2 || die "the good one"
ok "fsck finds a review that is no longer owed, and one that is owed again"
