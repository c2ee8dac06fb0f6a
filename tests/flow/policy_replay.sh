#!/usr/bin/env bash
# What another policy would have made of what was asked for, and what becomes of a request at another time.
source "$SRCDIR/tests/lib/world.sh"
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS --arg e "$(public erin)" '.people += [{name: "erin", groups: [], keys: [$e]}]' roster.json | tr -d '\n' >roster2.json
	mv roster2.json roster.json
	jq -cS '.keys = [{name: "release", owners: ["1 of release", "1 of security"]}]' policy.json | tr -d '\n' >policy2.json
	mv policy2.json policy.json
}
world_keys alice carol carol2 dave erin build-07
world_start
world_key
echo "a release" >release.txt
signed=$(submit "the release" release.txt)
as alice approve "$signed" --yes >/dev/null
as dave approve "$signed" --yes >/dev/null
as dave show "$signed" --json | jq -e '.status.state == "done"' >/dev/null || die "not signed"
waiting=$(submit "another" --new release.txt)
as alice approve "$waiting" --yes >/dev/null

# ---- explain --at
at() { date -u -d "$1" +%FT%TZ; }
code=0
as carol explain "$waiting" --at "$(at '+1 hour')" --json >at.json || code=$?
((code == 3)) || die "exit $code: $(<at.json)"
jq -e '.outcome == "wait" and .rule == "release" and .not_decided == [] and
	([.checks[] | select(.reason == "approve.quorum" and (.text | test("1 more of security; alice has approved")))] | length == 1)' at.json \
	>/dev/null || die "$(<at.json)"
ok "explain --at: who has approved now counts then"
refused 4 time.deadline as carol explain "$waiting" --at "$(at '+300 days')"
refused 3 approve.expired as carol explain "$waiting" --at "$(at '+73 hours')"
refused 2 "the request is done" as carol explain "$signed" --at "$(at '+1 hour')"
refused 2 "noon: like" as carol explain "$waiting" --at noon

refused 0 "what would make it pass: greatseal approve, by the people named" as carol explain "$waiting"

# ---- policy diff --replay
jq -cS '.version = 2' policy.json >same.json
as dave policy diff --replay 30d same.json >same.txt
grep -qF "2 requests since" same.txt && grep -qF ": 0 would have another outcome, 0 another" same.txt || die "$(<same.txt)"
ok "the same policy changes nothing"
jq -cS '.version = 2 | .rules[0].formats = ["pe"]' policy.json >strict.json
code=0
as dave policy diff --replay 2w strict.json --json >strict.out || code=$?
((code == 1)) || die "exit $code: $(<strict.out)"
jq -e --arg s "$signed" --arg w "$waiting" '.decided == 2 and .outcomes == 2 and (.changed | length == 2) and
	(.changed[] | select(.request == $s) | .logged == "signed" and .before.outcome == "allow" and .before.rule == "release" and
		.after.outcome == "deny" and .after.reason == "rule.format") and
	(.changed[] | select(.request == $w) | .logged == "open" and .before.reason == "approve.quorum" and .after.outcome == "deny")' strict.out \
	>/dev/null || die "$(<strict.out)"
refused 1 "deny  by rule release: rule.format, format cms" as dave policy diff --replay 12h strict.json
jq -cS '.version = 2 | .rules[0].approve = ["1 of release"]' policy.json >loose.json
refused 1 "1 would have another outcome, 1 another" as dave policy diff --replay 30d loose.json
refused 1 "new allow by rule release" as dave policy diff --replay 30d loose.json
# A roster without dave: his approval is none.
jq -cS '.version = 2 | .people |= map(if .name == "alice" then .groups = ["release", "security"] else . end)' roster.json >people.json
as dave policy diff --replay 30d same.json --roster people.json >people.txt || die "$(<people.txt)"
jq -cS '.version = 2 | .people |= map(if .name == "dave" then .groups = ["engineers"] elif .name == "carol" then .groups = ["security"] else . end)' \
	roster.json >people.json
refused 1 "rule.requester, carol may not request" as dave policy diff --replay 30d same.json --roster people.json

# ---- what is refused
refused 2 "say how far back" as dave policy diff same.json
refused 2 "30: like" as dave policy diff --replay 30 same.json
refused 2 "d: like" as dave policy diff --replay d same.json
jq -cS '.rules[0].approve = ["1 of nobody"]' same.json >broken.json
refused 2 "nobody" as dave policy diff --replay 30d broken.json
[[ $(as dave policy diff --replay 1s same.json --json | jq .decided) -le 2 ]] || die "since"

# ---- somebody who asked under a grant of access
as erin init-client --server "https://$address" --pin "$pin" --person erin --key "$work/erin" \
	--host build-07 --host-key "$work/build-07" >/dev/null
grant=$(as erin access request --key release --for 30d -m "carol is away" --json | jq -r .id || true)
as alice access approve "${grant:0:16}" --yes >/dev/null || true
as dave access approve "${grant:0:16}" --yes >/dev/null
let_in=$(as erin submit --key release -m "carol is away" release.txt --json --quiet | jq -r .request)
as alice approve "$let_in" --yes >/dev/null
code=0
as erin explain "$let_in" --at "$(at '+1 hour')" >at.txt || code=$?
((code == 3)) && grep -q "by grant ${grant:0:16}" at.txt || die "exit $code: $(<at.txt)"
refused 4 rule.requester as erin explain "$let_in" --at "$(at '+31 days')"
as dave approve "$let_in" --yes >/dev/null
as dave policy diff --replay 30d same.json >same.txt || die "$(<same.txt)"
grep -qF "3 requests since" same.txt && grep -qF ": 0 would have another outcome, 0 another" same.txt || die "$(<same.txt)"
ok "a request under a grant is decided as it was"
# said of her request alone
hers() { jq -e --arg r "$let_in" "[.changed[] | select(.request == \$r)] | $1" "$2" >/dev/null || die "$(<"$2")"; }
jq -cS '.version = 2 | del(.keys[0].owners)' policy.json >unowned.json
as dave policy diff --replay 30d unowned.json --json >grants.out && die "no other outcome"
hers 'length == 1 and .[0].logged == "signed" and .[0].before.outcome == "allow" and .[0].after.reason == "rule.requester"' grants.out
jq -cS '.version = 2 | .keys[0].owners = ["1 of @carol"]' policy.json >owned.json
as dave policy diff --replay 30d owned.json --json >grants.out && die "no other outcome"
hers 'length == 1 and .[0].after.reason == "rule.requester"' grants.out
# dave has another key: his yes to the grant counts no more in the new world.
jq -cS --arg s "$(public carol2)" '.version = 2 | .people |= map(if .name == "dave" then .keys = [$s] else . end)' roster.json >people.json
as dave policy diff --replay 30d same.json --roster people.json --json >grants.out && die "no other outcome"
hers 'length == 1 and .[0].after.reason == "rule.requester"' grants.out
as alice access revoke "${grant:0:16}" -m "carol is back" >/dev/null
as dave policy diff --replay 30d same.json >same.txt || die "$(<same.txt)"
ok "with its owners, its life and its signers in the new world; and as of then, when it has ended since"

# ---- what decided, when policy is another by now
as alice explain "$signed" >then.txt
grep -qE '^use 1 was authorised at 20.* by rule release of policy version 1, roster version 1, log entry [0-9]+$' then.txt || die "$(<then.txt)"
grep -q 'approvals that counted: .*alice' then.txt && grep -q '^  ok    approve.quorum ' then.txt || die "$(<then.txt)"
! grep -q "otherwise\|not decided\|^rule " then.txt || die "$(<then.txt)"
as alice policy propose strict.json --json >change.json 2>/dev/null || true
as dave policy sign "$(jq -r .id change.json)" --yes >/dev/null
for verb in show explain; do
	as alice $verb "$signed" >then.txt
	grep -qE 'by rule release of policy version 1, roster version 1, log entry [0-9]+$' then.txt || die "$(<then.txt)"
	! grep -q "does not count" then.txt || die "$(<then.txt)"
	grep -q "today's policy (version 2, roster 1) would decide otherwise: deny by rule release: rule.format, format cms" then.txt || die "$(<then.txt)"
	as alice $verb "$signed" --json >then.json
	jq -e '.authorized | .rule == "release" and .policy_version == 1 and .use == 1 and .evidence == [] and
		([.approvals[].person] | sort) == ["alice", "dave"] and .today.differs and .today.outcome == "deny" and .today.policy_version == 2 and
		([.checks[].outcome] | unique) == ["ok"]' then.json >/dev/null || die "$(<then.json)"
	jq -e '(.status // .) | (.rule, .rule_digest, .checks) == null and .authorize > 0 and .state == "done"' then.json >/dev/null || die "$(<then.json)"
done
# The rule of an open one is that of now.
as alice explain "$waiting" --json | jq -e '.rule == "release" and .reason == "rule.format" and .authorize == null' >/dev/null || die "open"
as alice explain "$let_in" --json | jq -e --arg g "$grant" '.authorized | .grant == $g and .today.differs' >/dev/null ||
	die "$(as alice explain "$let_in")"
ok "show and explain name what decided, and what today's policy would say"

# ---- a grant that no statement about access has ended: its person has left
again=$(as erin access request --key release --for 20d -m "carol is away again" --json | jq -r .id || true)
as alice access approve "${again:0:16}" --yes >/dev/null || true
as dave access approve "${again:0:16}" --yes >/dev/null
as alice access list --json | jq -e --arg g "$again" 'any(.. | objects; .grant? == $g and .state == "live")' >/dev/null || die "$(as alice access list --json)"
jq -cS '.version = 2 | .people |= map(select(.name != "erin"))' roster.json | tr -d '\n' >without.json
as alice roster propose without.json --json >change.json 2>/dev/null || true
as dave roster sign "$(jq -r .id change.json)" --yes >/dev/null
as alice access list --json | jq -e --arg g "$again" 'any(.. | objects; .grant? == $g and .state == "revoked")' >/dev/null || die "$(as alice access list --json)"
as alice explain "$let_in" >left.txt || die "$(<left.txt)"
grep -q "by grant of access ${grant:0:16}" left.txt && grep -q "would decide otherwise: deny by rule release: who.person" left.txt || die "$(<left.txt)"
as dave policy diff --replay 30d strict.json >left.txt || die "$(<left.txt)"
ok "what a grant let in is told when its person has left, which ended another"
echo "policy_replay: $checks checks"
