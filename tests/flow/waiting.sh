#!/usr/bin/env bash
# `greatseal sign` waits for people: it can be told not to, for how long, be interrupted by either signal, and
# be run again, which joins; restarts of the server pass. Files that were approved beforehand are signed at once.
source "$SRCDIR/tests/lib/world.sh"
world_keys alice carol dave build-07
world_start
world_key

count() { as carol inbox --mine --all --json | jq '.requests | length'; }
# LOG: it waits, and has said so.
says_waiting() { grep -q '^waiting for request' "$1"; }
# ended PID CODE
ended() {
	local code=0
	wait "$1" || code=$?
	((code == $2)) || die "exit $code instead of $2: $(cat wait.log)"
}
# The shell ignores SIGINT in what it runs in the background; a terminal's foreground does not.
start_sign() {
	: >wait.log
	env --default-signal=INT,TERM GREATSEAL_CONFIG="$work/carol.json" greatseal sign --key release -m "a job" "$@" \
		>wait.out 2>wait.log &
	signer=$!
	pids+=("$signer")
	until_true says_waiting wait.log
}

echo one >one.bin
for bad in 0 1x '' 2d3 400d -1; do
	refused 2 "timeout $bad" as carol sign --key release --timeout "$bad" one.bin
done
refused 2 "wait and --no-wait" as carol sign --key release --wait --no-wait one.bin
[[ $(count) == 0 ]] || die "a wrong option made a request"
ok "wrong times ask for nothing"

code=0
as carol sign --key release -m "a job" --no-wait one.bin >id.out 2>wait.log || code=$?
((code == 3)) || die "exit $code of --no-wait"
id=$(<id.out)
[[ $id =~ ^[0-9a-f]{64}$ ]] || die "--no-wait printed: $id"
grep -q "greatseal fetch ${id:0:16}" wait.log || die "$(<wait.log)"
code=0
as carol sign --key release -m "a job" --no-wait --json --quiet one.bin >id.json || code=$?
((code == 3)) && [[ $(jq -r .request id.json) == "$id" ]] || die "--no-wait --json: $code, $(<id.json)"
ok "--no-wait prints the id, exits 3, and joins when it is run again"

code=0
as carol sign --key release -m "a job" --wait --timeout 1s one.bin >wait.out 2>wait.log || code=$?
((code == 3)) || die "exit $code of --timeout"
grep -q '^not signed yet: the request stands' wait.log || die "$(<wait.log)"
ok "--timeout ends with 3"

for signal in INT TERM; do
	start_sign --timeout 2h one.bin
	kill "-$signal" "$signer"
	ended "$signer" 3
	grep -q '^interrupted: the request stands' wait.log || die "$(<wait.log)"
	grep -q 'run the same command again' wait.log || die "$(<wait.log)"
	grep -q "^request ${id:0:16}" wait.out || die "$(<wait.out)"
	ok "SIG$signal ends the wait with 3, and says how to go on"
done
[[ $(count) == 1 ]] || die "$(count) requests instead of one"

# Not the signals of others: ignored ones stay ignored.
: >wait.log
(trap '' INT && exec env GREATSEAL_CONFIG="$work/carol.json" greatseal sign --key release -m "a job" -o out one.bin \
	>wait.out 2>wait.log) &
signer=$!
pids+=("$signer")
until_true says_waiting wait.log
kill -INT "$signer"
stop_server
until_true grep -q 'trying again' wait.log
start_server
as alice approve "$id" --yes >/dev/null
as dave approve "$id" --yes >/dev/null
ended "$signer" 0
as carol verify one.bin --bundle out/one.bin.greatseal --signature out/one.bin.p7s >/dev/null || die "does not verify"
[[ $(count) == 1 ]] || die "$(count) requests instead of one"
ok "an ignored signal and a restart of the server pass; one request in all, signed"

# While the server is away it can be interrupted, too.
echo two >two.bin
start_sign two.bin
stop_server
until_true grep -q 'trying again' wait.log
kill -INT "$signer"
ended "$signer" 3
start_server
ok "SIGINT while the server is away"

start_sign two.bin
id=$(as carol sign --key release -m "a job" --no-wait --quiet two.bin) || true
as alice deny "$id" --yes -m no >/dev/null
ended "$signer" 4
ok "a denial ends the wait with 4"

# The request's own deadline ends the wait.
echo three >three.bin
code=0
as carol sign --key release --deadline "$(date -u -d '+2 seconds' +%FT%TZ)" three.bin >wait.out 2>wait.log || code=$?
((code == 4)) || die "exit $code after the deadline: $(<wait.log)"
grep -q state.expired wait.out || die "$(<wait.out)"
ok "so does the deadline"
echo "1..$checks"
