#!/usr/bin/env bash
# A host that is invited, enrols, signs through its agent, renews by a clock that is moved, is copied and noticed, and
# comes back with a new invitation: keeper, server, agent and command line as they are.
set -e
source "${SRCDIR:?}/tests/lib/world.sh"
PATH=$BUILD/prog/agent:$PATH
unset SSH_AUTH_SOCK
echo 0 >offset
export GS_CLOCK_OFFSET_FILE=$work/offset
preload=$BUILD/tests/libclock-shim.so
[[ -r $preload ]] || die "$preload is not built"
for p in greatseal greatseald greatseal-keeper greatseal-agent; do
	# The programs alone have the moved clock; workers are started without it.
	real=$(command -v "$p")
	mkdir -p moved
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$preload" "$real" >"moved/$p"
	chmod +x "moved/$p"
done
PATH=$work/moved:$PATH
world_keys alice carol dave build-07
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS '.hosts += [{name: "build-09", groups: ["farm"], enrol: true}]' roster.json | tr -d '\n' >roster.new
	mv roster.new roster.json
}
world_start
world_key ecdsa-p256

socket=$work/agent.sock
state=$work/state
agent() { greatseal-agent "$1" --socket "$socket" --state "$state" "${@:2}"; }
start_agent() {
	(exec greatseal-agent run --socket "$socket" --state "$state" 2>>agent.log) &
	agent=$!
	pids+=("$agent")
	until_true agent_runs
}
agent_runs() { [[ $(agent status --json 2>/dev/null | jq .running) == true ]]; }
stop_agent() {
	kill -TERM "$agent"
	wait "$agent" || die "the agent ended with $?"
}
host() { as dave host show build-09 --json | jq -r "$1"; }
invite() { as dave host add build-09 --json | jq -r .enrol | sed 's/.*--token \([^ ]*\) .*/\1/' >token; }

# ---- Enrolment ----
[[ $(host .state) == unenrolled ]] || die "before: $(host .)"
invite
[[ $(host .state) == invited ]] || die "invited: $(host .)"
refused 1 host.token agent enrol "https://$address" --pin "$pin" --token "build-09-$(printf 'A%.0s' {1..43})"
refused 1 who.host agent enrol "https://$address" --pin "$pin" --token "build-10-$(printf 'A%.0s' {1..43})"
grep -q "greatseal host add" refused.log || die "the host can do nothing before it is added: $(cat refused.log)"
agent enrol "https://$address" --pin "$pin" --token-file token >enrol.log
[[ $(host '.state + " " + .class') == "enrolled software" ]] || die "enrolled: $(host .)"
ok "invited and enrolled: $(head -n 1 enrol.log)"
cp -a state spent && rm spent/state.json spent/host.key
refused 1 host.token greatseal-agent enrol --socket "$socket" --state "$work/spent" "https://$address" --pin "$pin" --token-file token
rm -r spent

# ---- Signing as this host ----
start_agent
for who in alice carol dave; do
	cp "$who.json" "$who-direct.json"
	as "$who" init-client --agent "$socket" --person "$who" --key "$work/$who" >/dev/null
done
echo "a file" >app-1.0
first=$(submit "from build-09" app-1.0)
as alice approve "$first" --yes >/dev/null
as dave approve "$first" --yes >/dev/null
as carol fetch "$first" -o signed
cp app-1.0 signed/
as carol show "$first" --json | jq -e '.status.host == "build-09" and .claims.host == "build-09"' >/dev/null || die "the host"
greatseal verify signed/app-1.0 --vkey "$(jq -r .vkey carol.json)" --json | jq -e .verified >/dev/null
ok "the enrolled host's key vouches; signed and verified"

# ---- Renewal, and a copy ----
stop_agent
cp -a state copied
start_agent
end=$(host .certificate_end)
echo 50000 >offset # more than half a day
renewed() { [[ $(host .counter) == 1 && $(agent status --json | jq .renewals) == 1 ]]; }
until_true renewed
[[ $(host .certificate_end) > $end ]] || die "the certificate's end"
second=$(submit "after renewal" app-1.0 --new)
[[ ${#second} == 64 ]] || die "a request after the renewal"
ok "renewed at half of the certificate's life"
stop_agent
stop_server
start_server
start_agent
[[ $(submit "after restarts" app-1.0 --new) =~ ^[0-9a-f]{64}$ ]] || die "after restarts"
ok "server and agent were started anew"
code=0
greatseal-agent renew --socket "$work/none.sock" --state "$work/copied" >refused.log 2>&1 || code=$?
((code == 1)) && grep -q host.clone refused.log || die "the copy: $code $(cat refused.log)"
[[ $(host .state) == cloned ]] || die "cloned: $(host .)"
ok "a copy that renews is noticed, and the host is locked"
refused 4 host.locked as carol submit --key release -m "while it is locked" app-1.0 --new
ok "nothing is signed for a host that was copied"

# ---- A new invitation ----
as dave host forget build-09 >/dev/null
invite
stop_agent
agent enrol "https://$address" --pin "$pin" --again --token-file token >/dev/null
start_agent
[[ $(host .state) == enrolled ]] || die "again: $(host .)"
fourth=$(submit "with a new key" app-1.0 --new)
as alice approve "$fourth" --yes >/dev/null
as dave approve "$fourth" --yes >/dev/null
as carol fetch "$fourth" -o again 2>/dev/null
ok "enrolled again with a new key"
stop_agent
echo "$checks checks"
