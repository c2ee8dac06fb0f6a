#!/usr/bin/env bash
# A job of CI asks as a service, with a key of its own: submit, the people behind it, two seats, fetch, and
# the decision again from the file alone.
source "$SRCDIR/tests/lib/world.sh"
world_documents() {
	jq -ncS --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg s "$(public ci)" \
		--arg h "$(public build-07)" '{version: 1, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
		groups: [{name: "approvers", groups: ["release", "security"]}],
		people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "carol", groups: ["release"], keys: [$c]},
		{name: "dave", groups: ["security"], keys: [$d]}],
		services: [{name: "ci", keys: [$s], owners: ["carol"]}]}' | tr -d '\n' >roster.json
	jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
		change: {approve: ["2 of approvers"]}, rules: [{name: "release", keys: ["release"], formats: ["pe", "cms"],
		request: ["service:ci"], from: ["group:farm"], approve: ["2 of approvers (cli)"], synced: "false"}]}' |
		tr -d '\n' >policy.json
}
world_keys alice carol dave ci build-07
world_start
as ci init-client --server "https://$address" --pin "$pin" --person ci --key "$work/ci" --host build-07 \
	--host-key "$work/build-07" >/dev/null
world_key

echo "a release" >release.txt
refused 4 rule.requester as dave submit --key release -m mine release.txt
request=$(as ci submit --key release -m "from the pipeline" release.txt --json --quiet | jq -r .request)
[[ $request =~ ^[0-9a-f]{64}$ ]] || die "no request"
as dave show "$request" >show.txt
grep -qF 'ci asks for 1 signature' show.txt || die "$(<show.txt)"
grep -qF 'missing: 2 of approvers (cli)' show.txt || die "$(<show.txt)"
ok "a service asks, and what is missing names the channel"

# carol owns it: not in her list, and not hers to approve.
as carol inbox --json | jq -e '.requests == []' >/dev/null || die "carol is asked"
as alice inbox --json | jq -e '.requests | length == 1' >/dev/null || die "alice is not asked"
refused 4 who.behind as carol approve "$request" --yes
as ci inbox --json | jq -e '.requests == []' >/dev/null || die "a service is asked"
refused 4 who.person as ci approve "$request" --yes
as alice approve "$request" --yes >/dev/null
as dave approve "$request" --yes >/dev/null
as ci fetch "$request" -o out >/dev/null
cp release.txt out/
GREATSEAL_CONFIG=/nonexistent greatseal verify out/release.txt --vkey "$(jq -r .vkey ci.json)" --json >verified.json || true
jq -e '[.checks[]? | select(.check == "requester" or .check == "approvals") | .ok] == [true, true]' verified.json >/dev/null ||
	die "$(<verified.json)"
ok "signed, fetched by the job, verified with its requester"

# The job takes back what it asked for.
request=$(as ci submit --key release -m "by mistake" release.txt --json --quiet | jq -r .request)
refused 4 who.owner as alice cancel "$request"
as ci cancel "$request" >/dev/null
refused 4 state.cancelled as alice approve "$request" --yes
echo "service: $checks checks"
