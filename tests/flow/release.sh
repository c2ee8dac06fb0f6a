#!/usr/bin/env bash
# `--release-at`: signed when the people have said yes, given out at its time; a "no" meanwhile stops it for good.
# And a rule's hold: the server signs by itself when it is over. Both proofs are verified. One clock is everybody's.
source "$SRCDIR/tests/lib/world.sh"
# clock SECONDS: moved from the true one; in place, for whoever reads it meanwhile.
clock() { printf '%-20d' "$1" 1<>"$work/clock"; }
clock 0
export GS_CLOCK_OFFSET_FILE=$work/clock LD_PRELOAD=$BUILD/tests/libclock-shim.so
# ld.so would only warn, and the time that is waited for would never come.
[[ -r $LD_PRELOAD ]] || die "$LD_PRELOAD is not built"
world_documents() {
	jq -ncS --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" \
		'{version: 1, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
		people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "carol", groups: ["engineers"], keys: [$c]},
		{name: "dave", groups: ["security"], keys: [$d]}]}' | tr -d '\n' >roster.json
	jq -ncS '{formats: ["pe", "cms"], request: ["group:engineers"], from: ["group:farm"],
		approve: ["1 of release", "1 of security"]} as $rule |
		{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
		change: {approve: ["1 of release", "1 of security"]}, rules: [$rule + {name: "release", keys: ["release"]},
		$rule + {name: "held", keys: ["held"], hold: 3600}]}' | tr -d '\n' >policy.json
}
world_keys alice carol dave build-07
world_start
world_key
as dave key create held --token main --algorithm ecdsa-p256 >/dev/null
as dave key self-sign held --subject "CN=Held Test" >/dev/null

# start_sign KEY ARGUMENT...: in the background; $signer, $id
start_sign() {
	: >wait.log
	GREATSEAL_CONFIG="$work/carol.json" greatseal sign --key "$1" -m "a job" "${@:2}" >wait.out 2>wait.log &
	signer=$!
	pids+=("$signer")
	until_true grep -q '^waiting for request' wait.log
	id=$(sed -n 's/^waiting for request //p' wait.log)
}
# ended CODE
ended() {
	local code=0
	wait "$signer" || code=$?
	((code == $1)) || die "exit $code instead of $1: $(cat wait.log)"
}
approve_by() {
	local who
	for who in "$@"; do as "$who" approve "$id" --yes >"$who.out" 2>&1 || die "$(<"$who.out")"; done
}

echo one >one.bin
refused 1 "release is not between not_before and the deadline" as carol sign --key release --release-at 2026-01-01T00:00:00Z one.bin
refused 1 "release is not between" as carol sign --key release --release-at 2h --deadline 1h one.bin
refused 2 "release-at soon: a time like" as carol sign --key release --release-at soon one.bin

start_sign release --release-at 2h one.bin
as alice show "$id" >show.out
grep -q '^  release     20' show.out && grep -q 'given out not before' show.out || die "$(<show.out)"
approve_by alice dave
grep -q 'signed, not given out' dave.out && grep -q 'time.release' dave.out || die "$(<dave.out)"
until_true grep -q '^signed, and held until 20.*(time.release)' wait.log
refused 3 "is not given out: signed, and held until" as carol fetch "$id"
code=0
as carol sign --key release -m "a job" --release-at 2h --no-wait one.bin >again.out 2>again.log || code=$?
((code == 3)) && grep -q "joining request $id" again.log || die "exit $code: $(<again.log)"
code=0
as carol sign --key release -m "a job" --release-at 5h --no-wait one.bin >again.out 2>again.log || code=$?
until=$(as carol show "$id" --json | jq -r .status.release)
((code == 3)) && grep -q "joining request $id" again.log &&
	grep -q "it is given out at $until, as it was asked for first, and not at 20" again.log || die "exit $code: $(<again.log)"
as carol show "$id" --json >show.json
jq -e '.status | .state == "committed" and .reason == "time.release" and .uses_done == 0 and .uses_spent == 1 and
	(.release | length) == 20' show.json >/dev/null || die "$(<show.json)"
as carol explain "$id" >explain.out
grep -q 'wait  time.release .*(passes at 20' explain.out || die "$(<explain.out)"
grep -q '^use 1 was authorised at .* by rule [a-z]* of policy version 1' explain.out || die "$(<explain.out)"
[[ ! -e signed/one.bin.p7s ]] || die "a signature came"
ok "approved, signed, and held: waiting, show, explain and fetch say until when"

as dave deny "$id" --yes >deny.out
grep -q '^denied' deny.out && grep -q closed deny.out || die "$(<deny.out)"
ended 4
refused 4 "denied" as carol fetch "$id"
[[ ! -e signed/one.bin.p7s ]] || die "a signature came"
as dave receipts --check >/dev/null || die "the receipt does not hold"
ok "a denial before the time: the one who waits is told, and nothing comes"

start_sign release --release-at 2h -o at one.bin
approve_by alice dave
until_true grep -q '^signed, and held until' wait.log
[[ ! -e at/one.bin.p7s ]] || die "a signature came"
clock 7260
ended 0
as carol verify one.bin --bundle at/one.bin.greatseal --signature at/one.bin.p7s >/dev/null || die "does not verify"
ok "given out at its time without anybody asking, and it verifies"

start_sign held -o kept one.bin
approve_by alice dave
grep -q 'time.hold' dave.out || die "$(<dave.out)"
clock 10920
ended 0
as carol verify one.bin --bundle kept/one.bin.greatseal --signature kept/one.bin.p7s >kept.txt || die "does not verify"
! grep -q "held since" kept.txt || die "the log's times of both approvals prove the hold: $(<kept.txt)"
jq -c 'del(.approvals[].entry, .approvals[].proof)' kept/one.bin.greatseal >undated.greatseal
as carol verify one.bin --bundle undated.greatseal --signature kept/one.bin.p7s >kept.txt || die "does not verify"
grep -q "that it was held since is the keeper's word" kept.txt || die "$(<kept.txt)"
given=$(as carol show "$id" --json | jq -r '[.status.approvals[].given] | max')
signed=$(jq -r .signed_at kept/one.bin.greatseal)
(($(date -u -d "$signed" +%s) - $(date -u -d "$given" +%s) >= 3600)) || die "approved at $given, signed at $signed"
ok "signed by the server itself when the rule's hold was over, and it verifies"
echo "$checks checks"
