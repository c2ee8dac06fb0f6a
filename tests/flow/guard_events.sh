#!/usr/bin/env bash
# What a guard has seen, from its backlog through the agent to the server and the people who ask: with the guard's own
# backlog and socket, and a source of events in place of fanotify (tests/support/feed_source.c).
source "${SRCDIR:?}/tests/lib/world.sh"
PATH=$BUILD/prog/agent:$BUILD/tests/flow:$PATH
unset SSH_AUTH_SOCK
server_settings=(--guard-silence 10)
world_keys alice carol dave build-07
eval "plain_$(declare -f world_documents)"
world_documents() { # the same, and a rule that asks for a guard
	plain_world_documents
	jq -cS '.rules += [{name: "guarded", keys: ["guarded"], formats: ["cms"], request: ["group:engineers"], from: ["group:farm"],
		guard: "enforcing", unattended: true}]' policy.json | tr -d '\n' >policy.new
	mv policy.new policy.json
}
world_start

socket=$work/agent.sock
start_source() {
	: >source.log
	feed-source "$work/guard-state" "$work/reports" "${1:-8388608}" <&7 >>source.log 2>&1 7<&- 8>&- &
	source=$!
	pids+=("$source")
}
tell() { echo "$*" >&8; }
# What was told is done when its line is answered.
say() {
	tell "$*"
	tell "mark $((++told))"
	until_true grep -qx "done mark $told" source.log
}
told=0
event() { tell "$(line_of "$@")"; }
line_of() { # KIND CONTENT
	echo "event {\"event\":\"$1\",\"time\":\"$(date -u +%FT%TZ)\",\"reason\":\"unapproved\",\"path\":\"/tmp/$2\",\"pid\":7,\"uid\":1000,\"by\":\"/bin/sh\",\"sha256\":\"$(digest "$2")\"}"
}
digest() { echo "$1" | sha256sum | cut -d' ' -f1; }
start_agent() {
	(exec greatseal-agent run --socket "$socket" --key-file "$work/build-07" --server "https://$address" --pin "$pin" \
		--host build-07 --origin log.example --guard "$work/reports" --guard-interval 1 --guard-heartbeat 5 2>>agent.log) &
	agent=$!
	pids+=("$agent")
}
guard() { as alice guard "$@" --json; }
mode_is() { [[ $(guard hosts | jq -r '.hosts[0].mode') == "$1" ]]; }
count() { guard events --limit 1000 "$@" | jq '.events | length'; }
has_events() { [[ $(count --kind "$1") == "$2" ]]; }

mkdir guard-state
mkfifo commands
exec 7<>commands 8>commands
start_source
start_agent

# ---- State and events ----
until_true mode_is observe
say "list base 4"
say "mode enforce"
until_true mode_is enforce
[[ $(guard hosts | jq -c '.hosts[0] | [.host, .list, .serial, .level, .silent]') == '["build-07","base",4,"base",false]' ]] ||
	die "the state: $(guard hosts)"
ok "the guard's mode and list are known"
event denied malware
event first-seen make
until_true has_events denied 1
until_true has_events first-seen 1
echo malware >file
as alice guard who file >who.txt
grep -q '^build-07 .* 1 /tmp/malware$' who.txt || die "who ran it: $(cat who.txt)"
as alice guard who "sha256:$(digest other)" | grep -q 'no guard has reported it' || die "nobody ran that"
as alice guard events --kind denied | grep -q 'build-07 .*denied .*unapproved /tmp/malware by /bin/sh uid 1000' || die "events"
as alice guard hosts | grep -q '^build-07 .*enforce .*base 4' || die "hosts: $(as alice guard hosts)"
refused 2 "a host's name" as alice guard hosts 'A B'
ok "who ran a program, by file and by digest"

# ---- A rule that asks for a guard ----

as dave key create guarded --token main --algorithm ecdsa-p256 >/dev/null
as dave key self-sign guarded --subject "CN=World Test" >/dev/null
cp carol.json carol-direct.json
as carol init-client --agent "$socket" --person carol --key "$work/carol" >/dev/null
echo "a program" >app
id=$(as carol submit --key guarded -m "built here" app --json --quiet | jq -r .request)
as carol fetch "$id" -o signed >/dev/null 2>&1
cp app signed/
greatseal verify signed/app --vkey "$(jq -r .vkey carol.json)" --json | jq -e .verified >/dev/null || die "the proof"
as carol show "$id" | grep -q 'guard       enforce, level base' || die "show: $(as carol show "$id")"
say "mode observe"
refused 4 host.guard as carol sign --key guarded -m "no longer" --new app
refused 4 host.guard as carol-direct sign --key guarded -m "without the agent" --new app
say "mode enforce"
ok "only a host whose guard enforces is signed for"

# ---- The server is away, and then the guard ----
stop_server
for i in {1..300}; do event would-deny "tool-$i"; done
say "mode enforce"
kill -KILL "$source"
wait "$source" 2>/dev/null || true
printf '999 00000000 {"event":"den' >>guard-state/reports/0 # what a crash has left of a line
start_source
event would-deny tool-301
start_server
until_true has_events would-deny 301
event denied "after all"
until_true has_events denied 2
[[ $(guard events --limit 1000 | jq '[.events[] | select(.kind != "silent") | .seq] | (length == (unique | length))') == true ]] || die "some came twice"
[[ $(guard hosts | jq '.hosts[0].dropped') == 0 ]] || die "dropped"
ok "what happened while the server was away is there, each once, after a guard that was killed and a torn line"
kill -KILL "$agent"
wait "$agent" 2>/dev/null || true
event denied "no agent"
start_agent
until_true has_events denied 3
ok "an agent that was killed goes on where it was"

# ---- More than the backlog holds ----
stop_server
say "mode enforce"
kill "$source"
wait "$source" 2>/dev/null || true
start_source 16384
for i in {1..200}; do event would-deny "more-$i"; done
say "mode observe"
start_server
arrived() { guard who "$(digest more-200)" | jq -e '.hosts | length == 1' >/dev/null; }
until_true arrived
dropped=$(guard hosts | jq '.hosts[0].dropped')
((dropped > 0 && dropped < 200)) || die "dropped: $dropped"
has_events would-deny $((501 - dropped)) || die "$(count --kind would-deny) and $dropped dropped"
ok "a full backlog drops the oldest and counts them: $dropped"

# ---- Nothing to be heard ----
say "mode enforce"
until_true mode_is enforce
kill "$source"
wait "$source" 2>/dev/null || true
until_true mode_is absent
grep -q 'ALARM guard of build-07 does not enforce any more: absent' server.log || die "no alarm: $(cat server.log)"
ok "a guard that is not there is said to be absent"
kill "$agent"
wait "$agent" || true
is_silent() { [[ $(guard hosts | jq '.hosts[0].silent') == true ]]; }
until_true is_silent
grep -q 'ALARM guard of build-07 is silent since' server.log || die "no alarm of silence"
(($(count --kind silent) >= 1)) || die "no event of silence"
ok "a host that says nothing any more is noticed"
contract_kept alice
echo "$checks checks"
