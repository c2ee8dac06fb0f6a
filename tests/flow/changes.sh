#!/usr/bin/env bash
# A policy that waits: what it would change is shown before it is signed, its tests travel with it, one person
# stops it, and recovery keys put a new roster in place when nobody objects.
source "$SRCDIR/tests/lib/world.sh"
world_keys alice carol dave build-07 safe1 safe2 safe3 spare
world_start
world_key

next_policy() { jq -cS --argjson v "$1" ".version = \$v | $2" policy.json | tr -d '\n' >"policy$1.json"; }
recovery() {
	jq -nc --arg a "$(public safe1)" --arg b "$(public safe2)" --arg c "$(public safe3)" '{delay: 3600, keys: [$a, $b, $c], need: 2}'
}
pending_is() { as alice policy pending --json | jq -e "$1" >/dev/null || die "pending is not $1: $(as alice policy pending --json)"; }
id_of() { jq -r .id "$1"; }
test_of() {
	jq -n --arg r "$1" --arg e "$2" '{policy: "policy.json", roster: $r, tests: [{name: "carol alone", expect: $e,
		request: {by: "carol", from: "build-07", key: "release", format: "pe"}}]}'
}

# Version 2 has a delay and recovery keys; version 1 had neither, so it is in force at once.
test_of roster.json wait >tests.json
next_policy 2 ".change.delay = 3600 | .recovery = $(recovery)"
as alice policy propose policy2.json --tests tests.json --json >change.json 2>/dev/null || true
as dave policy show-change "$(id_of change.json)" --json >report.json
jq -e '.kind == "policy" and .quorum.delay == 0 and .quorum_then.delay == 3600 and .quorum_then.recovery.need == 2 and
	(.rules | .added + .removed + .changed + .related) == [] and .void == [] and (.tests | map(.passed)) == [true] and
	(.diff | contains("+    \"delay\": 3600"))' report.json >/dev/null || die "$(cat report.json)"
as dave policy pending | grep -qF "DELAY now 0 s, then 3600 s; RECOVERY KEYS change" || die "not told in short: $(as dave policy pending)"
pending_is '.changes[0].about | startswith("DELAY now 0 s")'
as dave policy show-change "$(id_of change.json)" >report.log
grep -q "^in short: DELAY now 0 s, then 3600 s" report.log || die "not told in short: $(cat report.log)"
for line in 'QUORUMS CHANGE' 'delay     now:  0 s after its quorum' 'then: 3600 s after its quorum' 'then: 2 of 3 keys, 3600 s after'; do
	grep -qF -- "$line" report.log || die "no '$line' in: $(cat report.log)"
done
as dave policy sign "$(id_of change.json)" --yes >/dev/null
as alice policy show --json | jq -e '.version == 2' >/dev/null || die "version 2"
ok "a report of the change, and its tests, before it is signed"

# Tests that fail against the roster in force, whatever the proposer has run them against.
jq -cS '.people |= map(if .name == "carol" then .groups = ["release"] else . end)' roster.json | tr -d '\n' >other.json
test_of other.json deny >tests.json
next_policy 3 ".change.delay = 3600 | .recovery = $(recovery)"
refused 4 '"change.tests"' as alice policy propose policy3.json --tests tests.json --json
pending_is '.changes == [] and .waiting == []'

# Version 3 changes the rule under which a request has an approval.
head -c 4096 /dev/urandom >tool.bin
request=$(submit three tool.bin --format cms)
as alice approve "$request" --yes >/dev/null
next_policy 3 ".change.delay = 3600 | .recovery = $(recovery) | .rules[0].formats = [\"pe\"]"
as alice policy propose policy3.json --json >change.json 2>/dev/null || true
as dave policy show-change "$(id_of change.json)" >report.log
as dave policy pending | grep -q "^  rules that change: release$" || die "not told in short: $(as dave policy pending)"
grep -q "rules that change: release" report.log || die "$(cat report.log)"
grep -q "1 approval(s) of request ${request:0:16}, rule release" report.log || die "$(cat report.log)"
grep -q "no tests travel with it" report.log || die "$(cat report.log)"
grep -q "decisions that would change:" report.log && grep -qE "^1 requests since .*: 1 would have another outcome, 1 another" report.log &&
	grep -q "^${request:0:16} carol asks for release, .*; open" report.log &&
	grep -q "now wait  by rule release: approve.quorum" report.log && grep -q "new deny  by rule release: rule.format" report.log || die "$(cat report.log)"
as dave policy show-change "$(id_of change.json)" --replay 2w --json | jq -e --arg r "$request" '.replay | .decided == 1 and .outcomes == 1 and
	.cut == false and .changed[0].request == $r' >/dev/null || die "no replay in JSON"
refused 2 "30: like" as dave policy show-change "$(id_of change.json)" --replay 30
ok "decisions that it would change are shown before it is signed"
as dave policy sign "$(id_of change.json)" --yes --json >accepted.json 2>/dev/null || true
jq -e '.state == "accepted" and .reason == "change.delay" and (.due | length) == 20' accepted.json >/dev/null || die "$(cat accepted.json)"
pending_is '.changes == [] and (.waiting | length) == 1 and .waiting[0].version == 3 and .waiting[0].kind == "policy"'
contract_kept alice
as carol inbox | grep -q "policy version 3 is accepted and in force at" || die "the inbox says nothing"
as alice policy show --json | jq -e '.version == 2' >/dev/null || die "version 3 is in force too early"
stop_keeper
start_keeper
until_true is_ready
pending_is '(.waiting | length) == 1'
ok "accepted, shown to everybody, and waiting over a restart"
refused 4 "carol holds no seat of change" as carol policy object "$(id_of change.json)" -m "I do not like it"
as alice policy object "$(id_of change.json)" -m "not before the release" >/dev/null
pending_is '.waiting == []'
refused 4 "stopped before it was in force" as dave policy sign "$(id_of change.json)" --yes
as dave approve "$request" --yes >/dev/null
ok "one person of the quorum stops it, and the approval still counts"

# A roster in short, and access.
jq -cS --arg k "$(public spare)" '.version = 2 | .people |= map(if .name == "carol" then .groups = ["engineers", "release"]
	elif .name == "dave" then .keys += [$k] else . end)' roster.json | tr -d '\n' >moved.json
next_policy 3 ".change.approve = [\"1 of security\"] | .change.delay = 3600 | .rules += [.rules[0] | .name = \"more\"]"
as dave roster propose moved.json --json >change.json 2>/dev/null || true
as alice policy propose policy3.json --json >other.json 2>/dev/null || true
as alice policy pending >pending.log
grep -qx "  people with other keys: dave; people in other groups: carol" pending.log || die "the roster in short: $(cat pending.log)"
grep -qx "  QUORUM change now 1 of release and 1 of security, then 1 of security; RECOVERY KEYS change; new rules: more" pending.log ||
	die "the policy in short: $(cat pending.log)"
ok "what waits is told in a line each"

# Recovery: two of three keys, one after the other.
jq -cS '.version = 2' roster.json | tr -d '\n' >roster2.json
refused 4 "by no recovery key of the policy" as carol roster recover roster2.json --recovery-key dave
as carol roster recover roster2.json --recovery-key safe1 --statement rescue --json >first.json 2>/dev/null || true
jq -e '.state == "pending" and .missing == ["1 of recovery-keys"]' first.json >/dev/null || die "$(cat first.json)"
refused 5 "brings another roster" as carol roster recover roster.json --recovery-key safe2 --statement rescue
as carol roster recover roster2.json --recovery-key safe3 --statement rescue --json >second.json 2>/dev/null || true
jq -e '.state == "accepted"' second.json >/dev/null || die "$(cat second.json)"
as carol inbox | grep -q "ROSTER RECOVERY: roster version 2" || die "the inbox says nothing of the recovery"
as carol inbox | grep -qF "signed by recovery key $(ssh-keygen -lf safe3.pub | cut -d' ' -f2)" || die "the inbox does not say whose keys"
waits='.waiting | length == 1 and .[0].kind == "recovery" and .[0].version == 2 and (.[0].due | length) == 20 and (.[0].signed_by | length) == 2'
for what in "policy show" "roster show" "inbox" "policy pending" "show $request"; do
	# shellcheck disable=SC2086 # words
	as carol $what --json | jq -e "$waits" >/dev/null || die "$what --json says nothing of the recovery"
	# shellcheck disable=SC2086
	as carol $what >said.log 2>&1
	grep -q "ROSTER RECOVERY: roster version 2.* is accepted and in force at" said.log &&
		grep -q "greatseal policy object, if it must not be; that takes all of the quorum change" said.log || die "$what: $(cat said.log)"
done
as carol roster show 2>/dev/null | jq -e '.version == 1' >/dev/null || die "a warning among the roster's lines"
ok "a recovery is told wherever people look: who, until when, and what to do"
as alice policy object "$(id_of second.json)" -m "we have our keys" --json >object.json 2>/dev/null || true
jq -e '.state == "pending" and .missing == ["1 of security"]' object.json >/dev/null || die "$(cat object.json)"
as dave policy sign "$(id_of object.json)" --yes >/dev/null
pending_is '.waiting == []'
as carol log fsck >/dev/null
ok "recovery keys wait, and the whole quorum objects"
echo "1..$checks"
