#!/usr/bin/env bash
# A host from the roster to its first signature, as people do it: roster, invitation, the one line on the host,
# a request through its agent; lock, unlock, list, renewal, a copied state directory, forget.
source "$SRCDIR/tests/lib/world.sh"
export PATH=$BUILD/prog/agent:$PATH
world_keys alice carol dave build-07
world_start
world_key ecdsa-p256

# ---- The roster lists it ----
refused 1 "the roster lists no host build-08" as dave host add build-08
refused 1 "it needs no invitation" as dave host add build-07
jq -cS '.version = 2 | .hosts += [{name: "build-08", groups: ["farm"], enrol: true}]' roster.json | tr -d '\n' >roster2.json
change=$(as dave roster propose roster2.json --json | jq -r .id || true)
as alice roster sign "$change" --yes >/dev/null
as dave host list --json | jq -e '.hosts | map(.name + ":" + .state) == ["build-07:static", "build-08:unenrolled"]' >/dev/null
ok "the roster lists build-08, which has no key"
code=0
curl -skf "https://$address/v1/hosts/ca" >/dev/null || code=$?
((code == 22)) || die "an authority before the first invitation"

for span in 299s 31d 24 1w -1h 99999999999d; do
	refused 2 "host-cert-life: a number and s, m, h or d" keeper_is check --host-cert-life "$span"
done
refused 2 "host-cert-grace" keeper_is check --host-cert-grace 367d
keeper_is check --host-cert-life 30d --host-cert-grace 0s >/dev/null 2>&1 || die "life and grace at their limits"
ok "life and grace of certificates have limits"

# ---- Invitation and enrolment ----
line=$(as dave host add build-08 --json | jq -r .enrol)
[[ $line == "greatseal-agent enrol https://$address --token build-08-"*" --pin $pin" ]] || die "the line: $line"
as dave host list | grep -q 'build-08 .*invited' || die "not invited"
$line --state "$work/agent" >enrol.log 2>&1 || die "enrol: $(cat enrol.log)"
as dave host show build-08 --json | jq -e '.state == "enrolled" and .class == "software" and .counter == 0' >/dev/null
ok "one line enrols it"
refused 1 "" $line --state "$work/thief"
grep -q "no open invitation" refused.log || die "a spent token: $(cat refused.log)"
curl -skf "https://$address/v1/hosts/ca" >ca.pem
openssl x509 -in ca.pem -noout -text >ca.txt
grep -q "CA:TRUE, pathlen:0" ca.txt || die "the authority's certificate"
! grep -rqF "${line#*--token build-08-}" keeper server server.log keeper.log agent || die "the token is on a disk"
ok "the token is spent, and nowhere on a disk"

# ---- A request in its name ----
run_agent() {
	greatseal-agent run --socket "$work/agent.sock" --state "$work/agent" "$@" 2>>agent.log &
	agent=$!
	pids+=("$agent")
	until_true curl -sf --unix-socket "$work/agent.sock" http://agent/agent/v1/info -o /dev/null
}
stop_agent() {
	kill -TERM "$agent"
	wait "$agent" || die "the agent ended with $?"
}
run_agent
GREATSEAL_CONFIG=$work/robot.json greatseal init-client --agent "$work/agent.sock" --person carol --key "$work/carol" >/dev/null
echo "a file" >app
request=$(as robot submit --key release -m "from an enrolled host" app --json --quiet | jq -r .request)
as alice approve "$request" --yes >/dev/null
as dave host lock build-08 -m "is it ours?" >/dev/null
refused 3 host.locked as dave fetch "$request"
as dave approve "$request" --yes >/dev/null || true
as carol explain "$request" --json | jq -e '.reason == "host.locked" or (.status.reason == "host.locked")' >/dev/null ||
	die "explain: $(as carol explain "$request" --json)"
as dave host unlock build-08 >/dev/null
as robot fetch "$request" -o signed 2>fetch.log || die "fetch: $(cat fetch.log)"
verify() { GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app --vkey "$(jq -r .vkey carol.json)" "$@"; }
cp app signed/
verify --json | jq -e .verified >/dev/null || die "not verified"
for member in host_enrolment host_enrolment_entry host_enrolment_signature; do
	jq "del(.$member)" signed/app.greatseal >without
	code=0
	verify --bundle without >refused.log 2>&1 || code=$?
	((code != 0)) || die "verified without $member"
done
ok "an enrolled host's request is signed and verified offline; not while the host is locked"

# ---- What it says of files, by the key that it enrolled with ----
openssl pkey -inform DER -in agent/host.key -out host.pem
ssh-keygen -q -p -N '' -f host.pem >/dev/null
scan() { as carol attest scan --verdict clean --scanner 'clamav 1' --by build-08 --by-key host.pem app; }
live() { as carol evidence list app --json | jq -e --argjson want "$1" \
	'[.. | objects | select(.by? == "build-08") | .live] == $want' >/dev/null || die "$(as carol evidence list app --json)"; }
scan >/dev/null
as carol attest provenance --builder-id https://ci.example/acme --source git+https://git.example/acme --by-key host.pem app >/dev/null 2>&1 ||
	die "an enrolled host's provenance"
# The same through the agent, which signs for the one builder of its settings and in nobody else's name.
through() { as robot attest provenance --builder-id "$1" --source git+https://git.example/acme app; }
refused 2 "this agent signs no provenance" through https://ci.example/acme
stop_agent
run_agent --builder-id https://ci.example/acme
refused 2 "builder https://ci.example/other, and this host is https://ci.example/acme" through https://ci.example/other
through https://ci.example/acme >/dev/null || die "provenance by the agent"
python3 - app.intoto.jsonl <<'EOP' >payload
import base64, json, sys
e = json.load(open(sys.argv[1]))
sys.stdout.buffer.write(b"DSSEv1 %d %s %d " % (len(e["payloadType"]), e["payloadType"].encode(), len(base64.b64decode(e["payload"]))) + base64.b64decode(e["payload"]))
open("signature", "wb").write(base64.b64decode(e["signatures"][0]["sig"]))
EOP
openssl pkey -in host.pem -pubout -out host.pub.pem 2>/dev/null || openssl pkey -inform DER -in agent/host.key -pubout -out host.pub.pem
openssl dgst -sha256 -verify host.pub.pem -signature signature payload >/dev/null || die "openssl does not verify the envelope"
ask() { curl -s --unix-socket "$work/agent.sock" -H 'Content-Type: application/json' -d "$1" http://agent/agent/v1/provenance | jq -r .error.code; }
[[ $(ask '{}') == agent.form && $(ask '{"payload":"!"}') == agent.form && $(ask '{"payload":"e30="}') == agent.statement ]] || die "bad payloads"
as carol evidence list app --json | jq -e '[.. | objects | select(.by? == "build-08" and .kind? == "provenance" and .live)] | length >= 1' >/dev/null ||
	die "$(as carol evidence list app --json)"
ok "the agent's host signs provenance of its builder, and stock openssl verifies it"
live '[true, true]'
as dave host lock build-08 >/dev/null
live '[false, false]'
refused 4 host.locked scan
refused 4 evidence.signer as carol attest rebuild --builder build-08 --builder-key host.pem --source a --version 1 app
as dave host unlock build-08 >/dev/null
refused 4 evidence.signer as carol attest scan --verdict clean --scanner 'clamav 1' --by build-08 --by-key carol app
live '[true, true]'
ok "an enrolled host vouches for files, not while it is locked, and builds nothing"

# ---- In one step ----
as dave host show build-08 | grep -q "next .*init-client --agent" || die "no next step: $(as dave host show build-08)"
refused 2 "is not a name" as dave host add build-09 --group 'farm
x'
refused 2 "software, vtpm, tpm or attested" as dave host add build-09 --group farm --class golden
refused 2 "not in group other" as dave host add build-08 --group other
added=$(as dave host add build-09 --group farm --class software --json || true)
jq -e '.state == "pending" and .next == "greatseal host add build-09"' <<<"$added" >/dev/null || die "added: $added"
as alice roster sign "$(jq -r .id <<<"$added")" --yes >/dev/null
as dave host show build-09 | grep -q "next .*greatseal host add build-09" || die "no next step: $(as dave host show build-09)"
as dave host add build-09 --group farm --json | jq -e '.enrol | test("--token build-09-")' >/dev/null
as dave roster show --json | jq -e '.version == 3 and (.document.hosts | length == 3)' >/dev/null
ok "a host is added by its name and group"

# ---- Renewal, and a copy of the disk ----
cp -a agent copy
stop_agent
greatseal-agent renew --state "$work/agent" --socket "$work/none" >/dev/null
as dave host show build-08 --json | jq -e '.counter == 1' >/dev/null || die "the counter"
refused 1 "" greatseal-agent renew --state "$work/copy" --socket "$work/none"
as dave host show build-08 --json | jq -e '.state == "cloned" and .locked' >/dev/null || die "not cloned"
refused 1 "" greatseal-agent renew --state "$work/agent" --socket "$work/none"
as dave host list >list.txt
grep -q "build-08 .*cloned" list.txt && grep -q "has a copy somewhere" list.txt || die "the list: $(cat list.txt)"
ok "a copy that renews locks both, and the list says so"
code=0
as dave host unlock build-08 >refused.log 2>&1 || code=$?
((code != 0)) && grep -q change.invalid refused.log || die "unlocked after a clone alarm"
as dave host forget build-08 -m "reinstalled" >/dev/null
as dave host list --json | jq -e '.hosts[1].state == "unenrolled"' >/dev/null
live '[false, false]'
line=$(as dave host add build-08 --json | jq -r .enrol)
$line --state "$work/anew" >/dev/null
as dave host show build-08 --json | jq -e '.state == "enrolled"' >/dev/null
ok "forgotten, invited and enrolled anew"

contract_kept alice

# ---- A flood of what nobody signs ----
for ((i = 0; i < 130; i++)); do
	echo "url = \"https://$address/v1/hosts/renew\""
	echo 'output = "flood.out"'
done >flood.conf
curl -sk -X POST -H 'Content-Type: application/json' -d '{}' -D flood.headers -w '%{http_code}\n' -K flood.conf >flood.codes
grep -q '^429$' flood.codes || die "no limit: $(sort flood.codes | uniq -c)"
(($(grep -c '^400$' flood.codes) >= 100)) || die "a limit too early: $(sort flood.codes | uniq -c)"
grep -qi '^retry-after: 1' flood.headers || die "no Retry-After: $(tail -20 flood.headers)"
is_taken() { [[ $(curl -sk -o flood.out -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d '{}' "https://$address/v1/hosts/renew") == 400 ]]; }
sed 's,hosts/renew,recovery,' flood.conf >recovery.conf
curl -sk -X POST -H 'Content-Type: application/json' -d '{}' -w '%{http_code}\n' -K recovery.conf >flood.codes
grep -q '^429$' flood.codes || die "no limit of recoveries: $(sort flood.codes | uniq -c)"
until_true is_taken
ok "one address has so many enrolments, renewals and recoveries, and no more"
echo "hosts: $checks checks passed"
