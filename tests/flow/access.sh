#!/usr/bin/env bash
# Access for a while, as people do it: ask, read, approve, sign with it, verify offline, deny, revoke; and a
# proof without its grant, or with another one.
source "$SRCDIR/tests/lib/world.sh"
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS --arg e "$(public erin)" '.people += [{name: "erin", groups: [], keys: [$e]}]' roster.json | tr -d '\n' >roster2.json
	mv roster2.json roster.json
	jq -cS '.keys = [{name: "release", owners: ["1 of release", "1 of security"]}]' policy.json | tr -d '\n' >policy2.json
	mv policy2.json policy.json
}
world_keys alice carol dave erin build-07
world_start
world_key ecdsa-p256
as erin init-client --server "https://$address" --pin "$pin" --person erin --key "$work/erin" \
	--host build-07 --host-key "$work/build-07" >/dev/null

# ---- Asking ----
echo "a file" >app
refused 4 rule.requester as erin submit --key release -m "carol is away" app
grep -q "greatseal access request --key release" refused.log || die "no remedy: $(cat refused.log)"
refused 2 "for is missing" as erin access request --key release -m x
refused 2 "message is missing" as erin access request --key release --for 30d
refused 2 "the one role is requester" as erin access request --key release --for 30d -m x --role approver
refused 4 access.life as erin access request --key release --for 91d -m "carol is away"
refused 4 access.owner as erin access request --key nightly --for 1d -m "carol is away"
code=0
id=$(as erin access request --key release --for 30d -m "carol is away" --json | jq -r .id) || code=$?
[[ $id =~ ^[0-9a-f]{64}$ ]] || die "no id: $id"
as alice access list --json | jq -e '.access | length == 1 and .[0].state == "pending" and .[0].person == "erin" and .[0].missing ==
	["1 of release", "1 of security"]' >/dev/null || die "list: $(as alice access list --json)"
as alice access list | grep -q "pending.*erin asks for release" || die "list: $(as alice access list)"
ok "an access request waits for the owners"

# ---- Approving ----
refused 2 "not signed yet" as alice access approve "${id:0:16}"
as alice access show "${id:0:16}" | grep -q "because carol is away" || die "show: $(as alice access show "${id:0:16}")"
as carol access approve "${id:0:16}" --yes >carol.log || true # she owns nothing: it counts for nothing
grep -q "fills no seat: the signature of carol: carol holds none of the seats: 1 of release, 1 of security (who.seat)" carol.log ||
	die "not told: $(cat carol.log)"
as alice access approve "${id:0:16}" --yes >/dev/null || true
refused 4 rule.requester as erin submit --key release -m "carol is away" app
as dave access approve "${id:0:16}" --yes | grep -q done || die "not granted"
as erin access list --key release --json | jq -e --arg id "$id" '.access | map(select(.grant == $id)) | length == 1 and .[0].state == "live"' >/dev/null ||
	die "list: $(as erin access list --json)"
as erin access list --person carol --json | jq -e '.access == []' >/dev/null || die "another person's"
as alice access approve "${id:0:16}" --yes | grep -q "nothing was signed" || die "signed what is given already"
as alice receipts --json | jq -e '[.. | .state? // empty | select(. == "pending")] == []' >/dev/null || die "signed in vain"
ok "the owners let her in"

# ---- Signing ----
request=$(as erin submit --key release -m "carol is away" app --json --quiet | jq -r .request)
as alice explain "$request" --json | jq -e '[.. | .text? // empty | select(type == "string" and contains("by grant"))] | length > 0' >/dev/null ||
	die "explain: $(as alice explain "$request" --json)"
as alice approve "$request" --yes >/dev/null
as dave approve "$request" --yes >/dev/null
as erin fetch "$request" -o signed >/dev/null 2>fetch.log || die "fetch: $(cat fetch.log)"
cp app signed/
verify() { GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app --vkey "$(jq -r .vkey carol.json)" "$@"; }
verify --json >verify.json || die "not verified: $(cat verify.json)"
grep -q "access was granted" verify.json || die "the grant is not named: $(cat verify.json)"
ok "the proof of a request that was let in is verified offline"
bad() {
	code=0
	verify --bundle without >refused.log 2>&1 || code=$?
	((code != 0)) || die "verified $*"
}
for member in grant grant_entry grant_proof grant_signatures; do
	jq "del(.$member)" signed/app.greatseal >without
	bad "without $member"
done
jq --slurpfile o signed/app.greatseal '.grant = .request' signed/app.greatseal >without
bad "with another statement"
jq '.grant_entry = .authorize_entry | .grant_proof = .authorize_proof' signed/app.greatseal >without
bad "with another entry"
jq '.grant_signatures |= (@base64d | "")' signed/app.greatseal >without
bad "without signatures"
ok "not without its grant, nor with another"

# ---- No ----
refused 4 access.owner as carol access revoke "${id:0:16}" -m "she is back"
as dave access revoke "${id:0:16}" -m "she is back" | grep -q "the log has it" || die "not revoked"
refused 4 rule.requester as erin submit --key release -m "once more" app
verify >/dev/null || die "what was signed before is no longer verified"
refused 4 access.revoked as erin access revoke "${id:0:16}"
refused 4 access.revoked as alice access approve "${id:0:16}" --yes
grep -q "was revoked by dave at 20.*: nothing was signed" refused.log || die "not by whom and when: $(cat refused.log)"
as alice access show "${id:0:16}" | grep -q "ended .* by dave" || die "show: $(as alice access show "${id:0:16}")"
second=$(as erin access request --key release --for 2h --from build-07 -m "again" --json | jq -r .id || true)
as dave access deny "${second:0:16}" -m "no" >/dev/null
refused 4 access.revoked as alice access approve "${second:0:16}" --yes
grep -q "was denied by dave at 20" refused.log || die "not by whom and when: $(cat refused.log)"
as alice access list --json | jq -e --arg id "$second" '.access | map(select(.grant == $id)) | length == 1 and .[0].state == "denied"' >/dev/null ||
	die "list: $(as alice access list --json)"
ok "revoked and denied"
stop_server
stop_keeper
start_keeper
start_server
refused 4 rule.requester as erin submit --key release -m "once more" app
ok "over a restart too"
contract_kept alice
