#!/usr/bin/env bash
# What is left of a CI job's token in the memory of the processes that it went through, once they are done with it:
# keeper, server, agent, and a command line that waits. What is searched is their memory (/proc/PID/mem).
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/issuer.sh"
PATH=$BUILD/prog/jwksd:$BUILD/prog/agent:$PATH
world_documents() {
	jq -ncS --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" --arg i "$issuer" \
		'{version: 1, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
		people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "carol", groups: ["engineers"], keys: [$c]},
		{name: "dave", groups: ["security"], keys: [$d]}],
		services: [{name: "ci", oidc: {name: "github", issuer: $i, bind: "audience", match: ["repository_id=1234"]}}]}' | tr -d '\n' >roster.json
	jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
		change: {approve: ["1 of security"]}, rules: [{name: "release", keys: ["release"], formats: ["cms"],
		request: ["service:*"], from: ["issuer:github"], approve: ["1 of release"]}]}' | tr -d '\n' >policy.json
}
start_keeper() {
	exec_keeper run --socket "$work/k.sock" --jwks-socket "$work/j.sock" --self-sign yes 2>>keeper.log &
	keeper=$!
	pids+=("$keeper")
}
world_keys alice carol dave build-07
issuer_start
issuer_claims '{"repository_id":"1234"}'
world_start
world_key ecdsa-p256
until_true test -S j.sock
greatseal-jwksd once --keeper-socket "$work/j.sock" --ca-file "$work/issuer/cert.pem" --issuer "$issuer" 2>jwksd.log
greatseal-agent run --socket "$work/agent.sock" --server "https://$address" --pin "$pin" --host build-07 --origin log.example \
	--key-file "$work/build-07" 2>agent.log &
agent=$!
pids+=("$agent")
agent_answers() { curl -sf --unix-socket "$work/agent.sock" http://a/agent/v1/info >info.json; }
until_true agent_answers

# Of copies in libraries' buffers nothing is promised while a connection lives, and nobody wipes them when they free them: they are
# the text of a header, or of the issuer's answer. Ours are without that: parts of messages, and what was decoded from JSON.
gone() { # PID TOKEN [BEFORE..]
	local count code=0
	count=$(python3 "$SRCDIR/tests/support/in_memory.py" "$@") || code=$?
	((code != 77)) || {
		echo "SKIP: this user may not look into these processes"
		exit 77
	}
	[[ $count == 0 ]]
}
held() { ! gone "$@"; }
call() { # TOKEN ARGS..: prints the status
	printf 'header = "Authorization: Bearer %s"\nheader = "Greatseal-Service: ci"\n' "$1" >call.conf
	curl -sk -K call.conf -o call.json -w '%{http_code}' "${@:2}"
}

token=$(issuer_token https://log.example/api)
TOKEN=$token sleep 600 &
pids+=("$!")
until_true held "$!" "$token"
gone "$!" "$token" "TOKEN=" || die "what stands before a copy is not looked at"
ok "what a process was told is found"

[[ $(call "$token" "https://$address/v1/keys") == 200 ]] || die "$(<call.json)"
until_true gone "$server" "$token" "Bearer "
until_true gone "$keeper" "$token"
ok "a call by token leaves nothing of it in what is ours of the server, and in the keeper"
token=$(issuer_token https://log.example/api)
[[ $(call "$token" --unix-socket "$work/agent.sock" http://a/v1/keys) == 200 ]] || die "$(<call.json)"
until_true gone "$agent" "$token"
until_true gone "$server" "$token" "Bearer "
ok "nor in the agent that relayed it"

export ACTIONS_ID_TOKEN_REQUEST_URL="$issuer/token?api-version=2.0" ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret
as job init-client --server "https://$address" --pin "$pin" --service ci --oidc github --oidc-ca "$work/issuer/cert.pem" >/dev/null
echo "made by a job" >app.bin
: >issuer/asked
GREATSEAL_CONFIG=$work/job.json greatseal sign --key release -m "release 1.0" --timeout 1h app.bin >id.out 2>job.log &
job=$!
pids+=("$job")
is_waiting() { as alice inbox --json | jq -e '.requests | length == 1' >/dev/null; }
until_true is_waiting
token=$(grep -m 1 request/sha256 issuer/asked | cut -d' ' -f2)
until_true gone "$server" "$token"
until_true gone "$keeper" "$token"
ok "a token for a request is gone when it was taken"
until_true gone "$job" "$token" '"value": "' '"value":"'
ok "nor does the command line keep it while it waits"
echo "tokens_gone: $checks checks"
