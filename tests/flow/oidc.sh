#!/usr/bin/env bash
# A CI job that asks by tokens of its issuer: greatseal on the runner, greatseald, the keeper, greatseal-jwksd, and an
# issuer in GitHub's shape. What the job gets, what it is refused, and what is left of its tokens: nothing.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/issuer.sh"
PATH=$BUILD/prog/jwksd:$PATH
roster() { # VERSION MATCH..: with the claims of ci
	local version=$1
	shift
	jq -ncS --argjson v "$version" --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" \
		--arg i "$issuer" '{version: $v, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
		people: [{name: "alice", groups: ["release"], keys: [$a], accounts: ["github:alice-dev"]},
		{name: "carol", groups: ["engineers"], keys: [$c]}, {name: "dave", groups: ["release", "security"], keys: [$d]}],
		services: [{name: "ci", owners: ["carol"], oidc: {name: "github", issuer: $i, bind: "audience", actor: "actor",
			match: $ARGS.positional}},
		{name: "ci-file", owners: ["carol"], oidc: {name: "lab", issuer: $i, audience: "https://seal.example", match: ["project_id=77"]}},
		{name: "ci-other", owners: ["carol"], oidc: {name: "github", issuer: $i, bind: "audience", match: ["repository_id=9999"]}}]}' \
		--args "$@" | tr -d '\n'
}
world_documents() {
	roster 1 ref_protected=true repository_id=1234 >roster.json
	jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
		change: {approve: ["1 of security"]}, rules: [{name: "release", keys: ["release"], formats: ["pe", "cms"],
		request: ["service:*"], from: ["group:farm", "issuer:github"], approve: ["1 of release"], preapproved: {max_age: 3600}}]}' | tr -d '\n' >policy.json
}
start_keeper() {
	exec_keeper run --socket "$work/k.sock" --jwks-socket "$work/j.sock" --self-sign yes 2>>keeper.log &
	keeper=$!
	pids+=("$keeper")
}
claims() { issuer_claims "$1"; }
good='{"repository_id":"1234","ref_protected":"true","actor":"alice-dev"}'
world_keys alice carol dave build-07
issuer_start
claims "$good"
world_start
world_key
until_true test -S j.sock
greatseal-jwksd once --keeper-socket "$work/j.sock" --ca-file "$work/issuer/cert.pem" --issuer "$issuer" 2>jwksd.log

# A runner: no key, no host, and what GitHub puts into the environment of a job.
job() {
	GREATSEAL_CONFIG=$work/job.json ACTIONS_ID_TOKEN_REQUEST_URL="$issuer/token?api-version=2.0" \
		ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret greatseal "$@"
}
job init-client --server "https://$address" --pin "$pin" --service ci --oidc github --oidc-ca "$work/issuer/cert.pem" >/dev/null
jq -e '.person == "ci" and .oidc == "github" and (has("key") or has("host") | not)' job.json >/dev/null || die "$(<job.json)"
mkdir dist
echo "made by a job" >dist/app-1.0.bin

code=0
job sign --key release -m "release 1.0" --no-wait dist/app-1.0.bin >id.out 2>job.log || code=$?
((code == 3)) && id=$(<id.out) && [[ $id =~ ^[0-9a-f]{64}$ ]] || die "exit $code: $(<job.log)"
[[ $(cut -d' ' -f1 issuer/asked) == "https://log.example/api
https://log.example/request/sha256:$id" ]] || die "audiences: $(cut -d' ' -f1 issuer/asked)"
code=0
job sign --key release -m "release 1.0" --no-wait dist/app-1.0.bin >again.out 2>job.log || code=$?
((code == 3)) && [[ $(<again.out) == "$id" ]] && grep -q 'joining request' job.log || die "exit $code: $(<job.log)"
[[ $(cut -d' ' -f1 issuer/asked | sort | uniq -c | tr -s ' ') == " 2 https://log.example/api
 1 https://log.example/request/sha256:$id" ]] || die "audiences: $(cut -d' ' -f1 issuer/asked)"
ok "a job without key and host asks, and joins when it is run again"
job show "$id" --json | jq -e '.status | .requester == "ci" and .host == "" and .reason == "approve.quorum"' >/dev/null || die "show"
refused 4 who.behind as alice approve "$id" --yes
ok "who started the job is behind it"
says() { # CODE WORDS command..
	local code=0
	"${@:3}" >says.log 2>&1 || code=$?
	((code == $1)) && grep -qF "$2" says.log || die "exit $code: ${*:3}: $(<says.log)"
}
says 0 'a job of github is accepted' job explain "$id"
says 3 'a job of github is accepted' as carol explain "$id" --at "$(date -u -d '+1 hour' +%FT%TZ)"
says 0 'none: a job, by a token for this request' as carol show "$id"
says 3 'a job of github is accepted' as carol explain --who service:ci --key release --from issuer:github
says 4 'the roster has no person or service' as carol explain --who service:ci-file --key release --from issuer:github
ok "explain and show know jobs"

# It waits: by tokens that are got anew, over an issuer that is away for a while.
: >job.log
env --default-signal=TERM GREATSEAL_CONFIG="$work/job.json" ACTIONS_ID_TOKEN_REQUEST_URL="$issuer/token" ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret \
	greatseal sign --key release -m "release 1.0" dist/app-1.0.bin >job.out 2>job.log &
signer=$!
pids+=("$signer")
until_true grep -q '^waiting for request' job.log
kill -TERM "$signer"
code=0
wait "$signer" || code=$?
((code == 3)) && grep -q '^interrupted: the request stands' job.log || die "exit $code: $(<job.log)"
ok "SIGTERM ends the wait with 3"
# Each of these has so little left that it serves for one call.
claims "$(jq -c --argjson e "$(($(date +%s) + 58))" '. + {exp: $e}' <<<"$good")"
: >job.log # the one before has waited, too
job sign --key release -m "release 1.0" dist/app-1.0.bin >job.out 2>job.log &
signer=$!
pids+=("$signer")
until_true grep -q '^waiting for request' job.log
issuer_mode away
stop_server # the poll ends, and the next one wants a token
start_server
until_true grep -q "token service answers 503; trying again" job.log
before=$(grep -c '/api ' issuer/asked)
claims "$good"
issuer_mode good
asked_again() { (($(grep -c '/api ' issuer/asked) > before)); }
until_true asked_again
as dave approve "$id" --yes >/dev/null
code=0
wait "$signer" || code=$?
((code == 0)) || die "exit $code: $(<job.log)"
ok "a job waits through an issuer that is away, and gets its signature"
job verify dist/app-1.0.bin --bundle signed/app-1.0.bin.greatseal --signature signed/app-1.0.bin.p7s >verify.out 2>&1 || die "$(<verify.out)"
grep -q 'token' verify.out || die "verify does not say how it was asked for: $(<verify.out)"
jq -r '.certificates[0]' signed/app-1.0.bin.greatseal | base64 -d | openssl x509 -inform DER -out cert.pem
openssl cms -verify -binary -inform DER -in signed/app-1.0.bin.p7s -content dist/app-1.0.bin -CAfile cert.pem -purpose any \
	-out /dev/null 2>openssl.log || die "$(<openssl.log)"
rm -r signed
job fetch "$id" >/dev/null 2>&1 && [[ -s signed/app-1.0.bin.p7s ]] || die "fetch"
ok "verify, openssl and fetch agree"

echo early >dist/early.bin
as dave preapprove --key release --yes dist/early.bin >/dev/null 2>early.log || die "$(<early.log)"
job sign --key release --no-wait dist/early.bin >/dev/null 2>early.log || die "not at once: $(<early.log)"
[[ -s signed/early.bin.p7s ]] || die "early"
ok "files that were approved beforehand are signed at once"

# A server that lets in the hosts of the roster takes jobs by their tokens, and nobody else without a certificate.
stop_server
listening=$address
: >server.log
greatseald run --data "$work/server" --keeper-socket "$work/k.sock" --public-log "$work/keeper/public" --worker "$GREATSEAL_WORKER" \
	--listen "$listening" --client-ca keeper 2>>server.log &
server=$!
pids+=("$server")
until_true is_ready
job show "$id" --json | jq -e '.status.state == "done"' >/dev/null || die "a job at a server for hosts"
refused 1 call.certificate as carol show "$id"
claims "$(jq -c '.repository_id = "4321"' <<<"$good")"
refused 4 token.match job show "$id"
claims "$good"

# The server's store is lost: it learns from the keeper what there is, by records in place of tokens.
stop_server
mv server/greatseald.db lost.db
rm -f server/greatseald.db-*
start_server
job show "$id" --json | jq -e '.status | .requester == "ci" and .state == "done"' >/dev/null || die "after the loss of the store"
ok "the server's store can be lost"

# Refusals say what is wrong.
echo two >dist/two.bin
ask() { job sign --key release --no-wait dist/two.bin "$@"; }
claims "$(jq -c '.repository_id = "4321"' <<<"$good")"
refused 4 "its repository_id is 4321, not 1234" ask
claims "$(jq -c '.ref_protected = "false"' <<<"$good")"
refused 4 "its ref_protected is false, not true" ask
claims "$(jq -c 'del(.actor)' <<<"$good")"
refused 4 "it does not say who its actor is" ask
claims "$(jq -c '.iss = "https://other.example"' <<<"$good")"
refused 4 token.issuer ask
claims "$(jq -c --argjson e "$(($(date +%s) - 100))" '. + {exp: $e}' <<<"$good")"
refused 4 token.time ask
claims "$good"
refused 4 token.match ask --service ci-other
refused 4 "the roster has no such service" ask --service nobody
refused 2 "oidc jenkins: there is github" ask --oidc jenkins
refused 2 "either " ask --oidc github --token-file x
refused 4 state.committed job cancel "$id"
refused 2 "must be signed by a key" job deny "$id" --yes
issuer_mode empty
refused 1 "answers no token" ask
issuer_mode good
GREATSEAL_CONFIG=$work/job.json refused 2 "id-token: write" greatseal sign --key release dist/two.bin
http() { ACTIONS_ID_TOKEN_REQUEST_URL=${issuer/https/http}/token ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret GREATSEAL_CONFIG=$work/job.json greatseal "$@"; }
refused 2 "not an https:// address" http sign --key release dist/two.bin
secretless() { ACTIONS_ID_TOKEN_REQUEST_URL=$issuer/token ACTIONS_ID_TOKEN_REQUEST_TOKEN=guess GREATSEAL_CONFIG=$work/job.json greatseal "$@"; }
refused 2 "token service answers 401" secretless sign --key release dist/two.bin
[[ $(as alice inbox --all --json | jq '.requests | length') == 2 ]] || die "a refusal made a request"

# What a job has asked for it can take back, by a token for that alone.
code=0
taken_back=$(ask 2>taken.log) || code=$?
((code == 3)) && grep -q "greatseal cancel ${taken_back:0:16}" taken.log || die "exit $code: $(<taken.log)"
job cancel "$taken_back" -m "the wrong branch" >cancel.out 2>&1 || die "$(<cancel.out)"
grep -qE '^cancelled; recorded in the log at [0-9]+$' cancel.out || die "$(<cancel.out)"
as alice show "$taken_back" --json | jq -e '.status | .state == "closed" and .reason == "state.cancelled"' >/dev/null || die "it stands"
[[ $(tail -n 1 issuer/asked) != *"/request/sha256:$taken_back "* ]] || die "the token for the request cancels it"
! grep -rqs '"cancellation"' "$XDG_STATE_HOME" || die "a token is in a file"
ok "a job cancels its own request"

# The server's side of a call, by hand.
token() { issuer_token "$1"; }
call() { # SERVICE TOKEN ARGS..: prints the status; the answer is in call.json
	printf 'header = "Authorization: Bearer %s"\nheader = "Greatseal-Service: %s"\n' "$2" "$1" >call.conf
	curl -sk -K call.conf -o call.json -w '%{http_code}' "${@:3}"
}
base=https://$address
api=$(token https://log.example/api)
[[ $(call ci "$api" "$base/v1/requests?requester=me") == 200 ]] && jq -e '.requests | length == 3' call.json >/dev/null || die "$(<call.json)"
ask_first() { # STATUS REASON SERVICE TOKEN ARGS..
	local got
	got=$(call "${@:3}")
	[[ $got == "$1" && $(jq -r .error.code call.json) == "$2" ]] || die "$got, $(<call.json): ${*:3:1} ${*:5}"
	ok "$2: ${3} $(sed -E 's/Bearer [^ ]*/Bearer TOKEN/' <<<"${*:5}")"
}
ask_first 403 token.audience ci "$(token "https://log.example/request/sha256:$id")" "$base/v1/keys"
ask_first 403 token.audience ci "$(token https://seal.example)" "$base/v1/keys"
ask_first 403 token.match ci-other "$api" "$base/v1/keys"
ask_first 403 who.person alice "$api" "$base/v1/keys"
ask_first 401 call.auth ci "" "$base/v1/keys"
ask_first 401 call.auth "Not A Name" "$api" "$base/v1/keys"
ask_first 401 call.auth ci "$api" -H "Greatseal-Service: ci-other" "$base/v1/keys"
ask_first 401 call.auth ci "$api" -H "Authorization: Bearer $api" "$base/v1/keys"
ask_first 403 token.form ci "eyJ" "$base/v1/keys"
ask_first 403 token.signature ci "${api%????}AAAA" "$base/v1/keys"
[[ $(curl -sk -o call.json -w '%{http_code}' -H "Authorization: Bearer $api" "$base/v1/keys") == 401 ]] || die "no service: $(<call.json)"

# Requests: what another one's token, a token for calls, or the token of another service's call is worth.
call ci "$api" "$base/v1/requests/$id" >/dev/null
jq -r .statement call.json | base64 -d >first.statement
another() { # NONCE [REQUESTER]: a request like the first one
	sed -E "s/\"nonce\":\"[0-9a-f]{32}\"/\"nonce\":\"$1\"/; s/\"requester\":\"ci\"/\"requester\":\"${2:-ci}\"/" first.statement
}
post() { # NONCE TOKEN [REQUESTER]
	another "$1" "${3:-}" >post.statement
	jq -ncS --arg s "$(base64 -w0 post.statement)" --arg t "$(printf %s "$2" | base64 -w0)" \
		'{statement: $s, requester_signature: $t, host_signature: "", sign: true}' >post.json
}
id_of() { another "$1" "${2:-}" | sha256sum | cut -d' ' -f1; }
nonce=$(printf '%032x' 77)
[[ $(id_of "$nonce") != "$id" ]] || die "no other request"
other=$(token "https://log.example/request/sha256:$(id_of "$(printf '%032x' 78)")")
post "$nonce" "$other"
ask_first 403 token.audience ci "$api" --data-binary @post.json "$base/v1/requests"
post "$nonce" "$api"
ask_first 403 token.audience ci "$api" --data-binary @post.json "$base/v1/requests"
post "$nonce" "$(token "https://log.example/request/sha256:$(id_of "$nonce" ci-other)")" ci-other
ask_first 403 who.owner ci "$api" --data-binary @post.json "$base/v1/requests"
post "$nonce" "$(token "https://log.example/request/sha256:$(id_of "$nonce")")"
[[ $(call ci "$api" --data-binary @post.json "$base/v1/requests") == 200 ]] || die "its own token: $(<call.json)"
ok "its own token is taken"

# A token in a file, for calls and for one request, beside the signature of a machine that is known.
claims '{"project_id":"77"}'
(umask 077 && token https://seal.example >lab.token)
file_job() { GREATSEAL_CONFIG=$work/lab.json greatseal "$@"; }
file_job init-client --server "https://$address" --pin "$pin" --person ci-file --token-file lab.token --host build-07 \
	--host-key "$work/build-07" >/dev/null
echo three >dist/three.bin
code=0
file_job sign --key release --no-wait dist/three.bin >lab.id 2>lab.log || code=$?
((code == 3)) || die "exit $code: $(<lab.log)"
file_job show "$(<lab.id)" --json | jq -e '.status | .requester == "ci-file" and .host == "build-07"' >/dev/null || die "show"
refused 4 token.replay file_job sign --key release --no-wait dist/two.bin
(umask 077 && token https://seal.example >lab.token)
jq 'del(.host, .host_key)' lab.json >lab.new && mv lab.new hostless.json
hostless() { GREATSEAL_CONFIG=$work/hostless.json greatseal "$@"; }
refused 4 who.host hostless sign --key release --no-wait dist/two.bin
refused 2 "cannot be opened" hostless sign --key release --token-file no.token dist/two.bin
echo "no token" >bad.token
refused 2 "not a token that is taken" hostless sign --key release --token-file bad.token dist/two.bin
: >bad.token
refused 2 "it is empty" hostless sign --key release --token-file bad.token dist/two.bin
as dave approve "$(<lab.id)" --yes >/dev/null
file_job sign --key release dist/three.bin -o lab >/dev/null 2>lab.log || die "$(<lab.log)"
ok "a job with a token in a file joins, waits and fetches"
# Its token ends while it waits, and there is no newer one: as if the time were over.
claims "{\"project_id\":\"77\",\"exp\":$(($(date +%s) + 58))}"
(umask 077 && token https://seal.example >lab.token)
echo four >dist/four.bin
: >lab.log
file_job sign --key release dist/four.bin >lab.out 2>lab.log &
signer=$!
pids+=("$signer")
until_true grep -q '^waiting for request' lab.log
claims "{\"project_id\":\"77\",\"exp\":$(($(date +%s) - 100))}"
(umask 077 && token https://seal.example >lab.new && mv lab.new lab.token)
stop_server # the poll ends, and the next one reads the file again
start_server
code=0
wait "$signer" || code=$?
((code == 3)) && grep -q '^not signed yet: the request stands' lab.log || die "exit $code: $(<lab.log)"
! grep -q 'greatseal cancel' lab.log || die "a job is told to do what it cannot: $(<lab.log)"
claims '{"project_id":"77"}'
(umask 077 && token https://seal.example >lab.new && mv lab.new lab.token)
refused 4 token.audience file_job cancel "$(as alice inbox --json | jq -r '.requests[0].request')"
claims "{\"project_id\":\"77\",\"exp\":$(($(date +%s) - 100))}"
(umask 077 && token https://seal.example >lab.new && mv lab.new lab.token)
refused 4 token.time file_job show "$(as alice inbox --json | jq -r '.requests[0].request')"
ok "a token that has ended ends the wait with 3"

# The keeper's word is under a roster: a stricter one ends it at once.
claims "$good"
api=$(token https://log.example/api)
[[ $(call ci "$api" "$base/v1/keys") == 200 ]] || die "$(<call.json)"
roster 2 environment=release ref_protected=true repository_id=1234 >roster2.json
as dave roster propose roster2.json >/dev/null 2>roster.log || die "$(<roster.log)"
as alice roster show --json | jq -e '.version == 2' >/dev/null || die "roster 2"
ask_first 403 token.match ci "$api" "$base/v1/keys"

# Who has no good token makes the keeper verify so often and no more.
printf 'header = "Authorization: Bearer %sAAAA"\nheader = "Greatseal-Service: ci"\n' "${api%????}" >call.conf
curl -sk -K call.conf -o /dev/null -w '%{http_code}\n' "$base/v1/keys?n=[1-600]" >statuses
[[ $(sort -u statuses | tr '\n' ' ') == "403 429 " ]] || die "statuses: $(sort statuses | uniq -c)"
(($(grep -c 403 statuses) >= 60 && $(grep -c 429 statuses) > 0)) || die "statuses: $(sort statuses | uniq -c)"
as dave key list >/dev/null || die "signed calls"
ok "tokens that are not good are counted by address"

# Nothing of any token is anywhere but where we have it ourselves.
stop_server
stop_keeper
cut -d' ' -f2 issuer/asked | while IFS= read -r line; do
	echo "${line##*.}"
	printf %s "$line" | base64 -w0 | cut -c 400-480 # as a request carries it
done | sort -u >signatures
(($(wc -l <signatures) > 20)) || die "tokens: $(wc -l <signatures)"
grep -qaFf signatures post.json && grep -qaFf signatures issuer/asked || die "what is left would not be found"
rm -f lab.token call.conf post.json call.json # ours
mv issuer issuer.gone
if grep -rlaFf signatures --exclude=signatures --exclude-dir=issuer.gone . >found; then die "tokens are left in: $(<found)"; fi
ok "no log, no output, no store and no journal has a token"
keeper_is fsck >/dev/null || die "fsck"
echo "1..$checks"
