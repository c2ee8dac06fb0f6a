#!/usr/bin/env bash
# greatseal-agent between the command line and the server: a host whose key the roster holds. Requests, uploads,
# long polls and downloads go through its socket; it vouches for the host and nothing else.
set -e
source "${SRCDIR:?}/tests/lib/world.sh"
PATH=$BUILD/prog/agent:$PATH
unset SSH_AUTH_SOCK
world_keys alice carol dave build-07
world_start
world_key

socket=$work/agent.sock
agent_settings=(--socket "$socket" --server "https://$address" --pin "$pin" --host build-07 --origin log.example
	--key-file "$work/build-07")
start_agent() {
	: >agent.log
	(exec greatseal-agent run "${agent_settings[@]}" "$@" 2>>agent.log) &
	agent=$!
	pids+=("$agent")
	until_true agent_answers
}
agent_answers() { curl -sf --unix-socket "$socket" http://a/agent/v1/info >info.json; }
stop_agent() {
	kill -TERM "$agent"
	wait "$agent" || die "the agent ended with $?"
}
by() { curl -s --unix-socket "$socket" "$@"; }

# ---- Settings ----
refused 1 "no such setting" greatseal-agent -t --nonsense 1
refused 1 "octal" greatseal-agent -t --socket-mode 999
refused 1 "no user" greatseal-agent -t --allow-users nobody-of-that-name
refused 1 "needs server" greatseal-agent -t --key-file "$work/build-07"
refused 1 "not enrolled" greatseal-agent run --socket "$socket" --state "$work/nothing"
(umask 022 && cp build-07 readable && chmod 644 readable)
refused 1 "can be read by others" greatseal-agent run "${agent_settings[@]}" --key-file "$work/readable"
refused 1 "XDG_RUNTIME_DIR" env -u XDG_RUNTIME_DIR greatseal-agent -t --user
cat >agent.conf <<END
# comment
socket = $socket
server = https://$address
pin = $pin
host = build-07
origin = log.example
key-file = $work/build-07
END
greatseal-agent -t --config agent.conf >/dev/null
ok "settings are checked"

# ---- The main job through the agent ----
start_agent
jq -e --arg p "$pin" '.host == "build-07" and .pin == $p and .origin == "log.example" and .certificate_end == null' info.json >/dev/null ||
	die "info: $(cat info.json)"
refused 1 "another process listens" greatseal-agent run "${agent_settings[@]}"
[[ $(stat -c %a "$socket") == 660 ]] || die "the socket's mode"
for who in alice carol dave; do
	as "$who" init-client --agent "$socket" --person "$who" --key "$work/$who" >/dev/null
	jq -e '.agent and .host == "build-07" and (.host_key | not)' "$who.json" >/dev/null || die "$who.json"
done
ok "init-client learns server, pin and host from the agent"
refused 2 "the agent says" as carol2 init-client --agent "$socket" --person carol --key "$work/carol" --host build-08
refused 2 "beside it" as carol2 init-client --agent "$socket" --person carol --key "$work/carol" --host-key "$work/build-07"
refused 1 "the agent at" as carol2 init-client --agent "$work/none.sock" --person carol --key "$work/carol"
echo "a file" >app-1.0
first=$(submit "by agent" app-1.0)
[[ ${#first} == 64 ]] || die "no request"
as carol show "$first" --json | jq -e --arg p "$(realpath "$(command -v greatseal)")" --arg d "$(sha256sum "$(command -v greatseal)" | cut -d' ' -f1)" \
	--argjson u "$UID" '.claims | .host == "build-07" and .uid == $u and .program == $p and .sha256 == $d' >/dev/null ||
	die "claims: $(as carol show "$first" --json | jq -c .claims)"
as carol show "$first" | grep -q "claimed by the agent on build-07: uid $UID" || die "show: claims"
ok "the agent's word about the caller is beside the request"
as alice approve "$first" --yes >/dev/null
as dave approve "$first" --yes >/dev/null
as carol fetch "$first" -o signed 2>/dev/null
cp app-1.0 signed/
GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app-1.0 --vkey "$(jq -r .vkey carol.json)" --json | jq -e .verified >/dev/null
ok "submitted, approved, signed and fetched through the agent; verified offline"
refused 4 who.self as carol approve "$(submit "second" app-1.0 --new)" --yes
refused 1 state.unknown as carol show "$(printf '%064d' 0)"

# ---- The server's errors pass as they are ----
direct=$(curl -sk "https://$address/v1/requests" -o direct.json -w '%{http_code}')
through=$(by http://a/v1/requests -o through.json -w '%{http_code}')
[[ $direct == "$through" ]] && cmp direct.json through.json || die "$direct $through"
ok "an error of the server is the same through the agent"

# ---- Bytes in both directions, more than any buffer ----
head -c 40000000 /dev/urandom >large-1.0
large=$(submit "large" large-1.0)
as alice approve "$large" --yes --inspect >approve.log 2>&1 || die "approve --inspect: $(cat approve.log)"
ok "40 MB up and down again through the agent"
resident() { awk '/VmHWM/ {print $2}' "/proc/$agent/status"; }
(($(resident) < 120000)) || die "the agent used $(resident) KiB"
ok "its memory did not grow with the file: $(resident) KiB"

# ---- A long poll, and a client that goes away ----
as carol submit --key release -m large --wait large-1.0 -o waited >wait.log 2>&1 &
waiting=$!
until_true grep -q 'waiting for request' wait.log
as dave approve "$large" --yes >/dev/null
wait "$waiting" || die "submit --wait: $(cat wait.log)"
[[ -s waited/large-1.0.p7s ]] || die "no signature after waiting"
ok "a call that waits is answered when something happens"

# ---- The server goes and comes back; the agent stays ----
stop_server
refused 1 "https://$address" as carol inbox
start_server
as carol inbox >/dev/null
ok "a server that is started again is found again"

# ---- The agent goes in the middle of an upload ----
head -c 30000000 /dev/urandom >large-2.0
sum=$(sha256sum large-2.0 | cut -d' ' -f1)
mkfifo gate
(
	code=0
	as carol submit --key release -m broken large-2.0 --json --quiet >broken.log 2>&1 || code=$?
	echo "$code" >broken.code
) &
uploader=$!
part_is_there() { find "$work/server" -name "*${sum:2}*" -size +0 2>/dev/null | grep -q . || [[ -e broken.code ]]; }
until_true part_is_there
kill -KILL "$agent"
wait "$agent" 2>/dev/null || true
wait "$uploader"
start_agent # in place of the dead one's socket
again=$(submit "again" large-2.0)
[[ ${#again} == 64 ]] || die "the upload does not go on"
ok "an upload that was cut off ($(<broken.code)) goes on through the next agent"

# ---- Wrong pin ----
stop_agent
start_agent --pin "sha256:$(printf '%064d' 1)"
by http://a/v1/info | jq -e '.error.code == "agent.pin"' >/dev/null || die "wrong pin"
ok "a server with another key is not spoken to"
stop_agent
refused 1 "the agent at" as carol inbox

# ---- A user's own agent ----
mkdir -m 700 runtime home
XDG_RUNTIME_DIR=$work/runtime HOME=$work/home greatseal-agent run --user "${agent_settings[@]:2}" 2>>agent.log &
agent=$!
pids+=("$agent")
until_true curl -sf --unix-socket runtime/greatseal-agent.sock http://a/agent/v1/info -o /dev/null
[[ $(stat -c %a runtime/greatseal-agent.sock) == 600 ]] || die "the user's socket"
XDG_RUNTIME_DIR=$work/runtime HOME=$work/home greatseal-agent status --user "${agent_settings[@]:2}" --json | jq -e .running >/dev/null || die status
stop_agent
ok "a user's own agent"

# ---- Who may ----
if ((UID == 0)) && id nobody >/dev/null 2>&1; then
	chmod 711 "$work"
	start_agent --socket-mode 666 --allow-users daemon
	as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
	as_nobody curl -s --unix-socket "$socket" http://a/agent/v1/info | jq -e '.error.code == "agent.peer"' >/dev/null || die "nobody"
	as_nobody curl -s --unix-socket "$socket" http://a/v1/info | jq -e '.error.code == "agent.peer"' >/dev/null || die "nobody"
	setpriv --reuid daemon --regid daemon --clear-groups curl -s --unix-socket "$socket" http://a/agent/v1/info |
		jq -e '.host' >/dev/null || die "daemon"
	stop_agent
	start_agent --socket-mode 666 --allow-groups games
	as_nobody curl -s --unix-socket "$socket" http://a/agent/v1/info | jq -e '.error.code == "agent.peer"' >/dev/null || die "nobody"
	setpriv --reuid nobody --regid nogroup --groups games curl -s --unix-socket "$socket" http://a/agent/v1/info |
		jq -e '.host' >/dev/null || die "a supplementary group"
	stop_agent
	start_agent --socket-mode 600
	! as_nobody curl -sf --unix-socket "$socket" http://a/agent/v1/info || die "the socket's mode"
	ok "users and groups that are not named are refused"
	stop_agent
else
	echo "# no other user to test with"
fi
echo "$checks checks"
