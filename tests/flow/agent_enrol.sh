#!/usr/bin/env bash
# The agent's side of enrolment: token, key, certificate; renewal at half of its life, by a clock that is moved;
# answers that are lost, refusals, crashes between the steps, a cloned state directory. The server's side is
# tests/support/host_ca.c.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-enrol.XXXXXX")
pids=()
clean() {
	local code=$?
	((code == 0)) || { tail -n 20 "$work"/*.log "$work"/calls || true; }
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$work"
	exit "$code"
}
trap clean EXIT
cd "$work"
PATH=$BUILD/prog/agent:$BUILD/tests/flow:$PATH
checks=0
ok() {
	checks=$((checks + 1))
	echo "ok $checks - $*"
}
die() {
	echo "FAILED: $*" >&2
	exit 1
}
# refused TEXT command...
refused() {
	local text=$1 code=0
	shift
	"$@" >refused.log 2>&1 || code=$?
	((code == 1)) || die "exit $code: $*: $(cat refused.log)"
	grep -qF -e "$text" refused.log || die "no '$text' in: $(cat refused.log)"
	ok "refused with $text"
}
source "$SRCDIR/tests/lib/until.sh"

echo ok >mode
touch calls
host-ca "$work" 2>ca.log &
ca=$!
pids+=("$ca")
until_true test -s address
server=https://$(<address)
pin=$(<pin)
socket=$work/agent.sock
state=$work/state
echo 0 >offset
# Only agents have the moved clock.
agent() { GS_CLOCK_OFFSET_FILE=$work/offset LD_PRELOAD=$BUILD/tests/libclock-shim.so greatseal-agent "$1" --socket "$socket" --state "$state" "${@:2}"; }
enrol() { agent enrol "$server" --pin "$pin" --name build-07 "$@"; }
status() { agent status --json | jq -r "$1"; }
start_agent() {
	(exec env GS_CLOCK_OFFSET_FILE="$work/offset" LD_PRELOAD="$BUILD/tests/libclock-shim.so" greatseal-agent run --socket "$socket" \
		--state "$state" 2>>agent.log) &
	agent=$!
	pids+=("$agent")
	until_true running
}
running() { [[ $(status .running) == true ]]; }
stop_agent() {
	kill -TERM "$agent"
	wait "$agent" || die "the agent ended with $?"
}
calls_are() { [[ $(tail -n "$#" calls | tr '\n' ';') == "$(printf '%s;' "$@")" ]]; }

# ---- Enrolment ----
refused "not enrolled" agent status
refused "not enrolled" agent run
refused "enrol URL" agent enrol
refused "--pin must be" agent enrol "$server" --pin x --token t
token=$(<token)
other=build-07-$(printf 'A%.0s' {1..43})
refused "not the pinned one" agent enrol "$server" --pin "sha256:$(printf '%064d' 1)" --token "$token"
refused "there is no token" enrol --token - </dev/null
refused "this is no token" enrol --token token-1
refused "the token is for build-07" agent enrol "$server" --pin "$pin" --name build-08 --token "$token"
refused "host.token" enrol --token "$other"
[[ ! -e state/pending.json ]] || die "a refusal is an answer"
# The answer is lost; the same bytes again are answered the same.
echo lose >mode
refused "the server answered 500" enrol --token - <<<"$token"
echo ok >mode
[[ -e state/pending.json ]] || die "what was sent is forgotten"
key=$(sha256sum state/host.key)
agent enrol >enrol.log
calls_are "enrol build-07 0" again || die "calls: $(cat calls)"
[[ $(sha256sum state/host.key) == "$key" && ! -e state/pending.json ]] || die "the key, or what was pending"
[[ $(stat -c %a state) == 700 && $(stat -c %a state/host.key) == 600 && $(stat -c %a state/state.json) == 600 ]] || die "modes"
[[ $(status '.host + " " + .class + " " + (.renewals | tostring) + " " + (.running | tostring)') == "build-07 software 0 false" ]] || die status
! grep -rq -e "${token#build-07-}" state || die "the token is still there"
ok "enrolled; a lost answer is asked for again with the same bytes"
refused "enrolled already" enrol --token-file token

# ---- Renewal ----
start_agent
[[ $(status .running) == true ]] || die "running"
refused "another greatseal-agent" agent run
curl -sf --unix-socket "$socket" http://a/agent/v1/info | jq -e '.class == "software" and .certificate_end' >/dev/null || die info
first_end=$(status .certificate_end)
lines=$(wc -l <calls)
echo 40000 >offset # less than half a day
curl -sf --unix-socket "$socket" http://a/agent/v1/info >/dev/null
[[ $(wc -l <calls) == "$lines" ]] || die "renewed too early"
echo 44000 >offset # more than half a day
until_true calls_are "renew build-07 1"
renewed() { [[ $(status .renewals) == "$1" && ! -e state/pending.json ]]; }
until_true renewed 1
[[ $(status .certificate_end) > $first_end ]] || die "the certificate's end"
ok "renewed at half of its life"
agent renew | grep -q renewed
renewed 2 || die "renew through the running agent"
ok "renewed when told to"
# The server is away, then loses its answer; the agent tries again with the same bytes.
echo lose >mode
echo 90000 >offset
until_true calls_are "renew build-07 3"
until_true test -e state/pending.json
echo ok >mode
echo 90061 >offset
until_true calls_are "renew build-07 3" again
until_true renewed 3
ok "a lost answer of a renewal is asked for again"
echo refuse >mode
echo 140000 >offset
until_true calls_are host.locked
until_true grep -q "host.locked: no; ask" agent.log
echo ok >mode
echo 140061 >offset
until_true renewed 4
ok "a refusal is told, and later tries are new ones"
# Killed at any time of a renewal: the next start goes on.
cp -a state copied
kill -KILL "$agent"
wait "$agent" 2>/dev/null || true
start_agent
running || die "after kill"
stop_agent

# ---- Between the steps ----
agent renew >/dev/null
renewed 5 || die "renew without an agent that runs"
cp state/state.json saved.json
echo lose >mode
refused "answered 500" agent renew
echo ok >mode
cp state/pending.json saved-pending.json
agent renew >/dev/null
renewed 6 || die "after a crash before the answer"
cp saved-pending.json state/pending.json # a crash between storing the state and forgetting the bytes
agent renew >/dev/null
renewed 7 || die "after a crash behind the answer"
calls_are "renew build-07 6" again "renew build-07 7" || die "calls: $(tail -n 4 calls)"
ok "a crash before or behind the answer costs nothing"

# ---- A copy of the state directory ----
mv state original
mv copied state # it was taken two renewals ago and more
refused "host.clone" agent renew
ok "a cloned state directory is noticed"
rm -r state
mv original state

# ---- Once more, with a new invitation ----
rm token
kill -USR1 "$ca"
until_true test -s token
key=$(sha256sum <state/host.key)
refused "host.token" enrol --again --token "$other"
[[ ! -e state/state.json && -e state/state.json.old ]] || die "what was there is put aside"
enrol --again --token-file token >/dev/null
[[ $(sha256sum <state/host.key) != "$key" && ! -e state/host.key.old && ! -e state/state.json.old ]] || die "the old key"
[[ $(status .renewals) == 0 ]] || die status
ok "enrolled again, with a new key"

# ---- Broken state ----
cp state/state.json good.json
echo '{' >state/state.json
refused "is not what the agent has written" agent status
jq '.counter = -1' good.json >state/state.json
refused "cannot be read" agent run
jq '.certificate = "x"' good.json >state/state.json
refused "certificate cannot be read" agent run
jq 'del(.host)' good.json >state/state.json
refused "the state has no host" agent run
cp good.json state/state.json
chmod 755 state
refused "is open to others" agent run
chmod 700 state
head -c 20 /dev/zero >state/host.key
refused "the host key host.key" agent run
ok "a state that is broken is refused"
echo "$checks checks"
