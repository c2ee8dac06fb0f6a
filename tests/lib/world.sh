# A keeper, a server and clients in a directory of their own, for scripts that begin with
#	source "$SRCDIR/tests/lib/world.sh"
# Sets $work (the current directory); ends what it has started and removes the directory at the end.
# People: carol asks; alice (release) and dave (security) approve; dave administers. Host: build-07.
# A script makes $who and $who.pub of each before world_start, or leaves it to world_keys.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-world.XXXXXX")
pids=()
clean() {
	local code=$?
	((code == 0)) || { tail -n 20 "$work"/*.log || true; }
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$work"
	exit "$code"
}
trap clean EXIT
cd "$work"
export PATH=$BUILD/prog/cli:$BUILD/prog/server:$BUILD/prog/keeper:$BUILD/prog/worker:$PATH
export XDG_STATE_HOME=$work/state # receipts
export GREATSEAL_WORKER=$BUILD/prog/worker/greatseal-worker
key_suffix= # of the key files that clients are told; .pub: the private halves are in an agent
server_settings=() # more of the server's, from the next start on
checks=0
ok() {
	checks=$((checks + 1))
	echo "ok $checks - $*"
}
die() {
	echo "FAILED: $*" >&2
	exit 1
}
as() {
	local who=$1
	shift
	GREATSEAL_CONFIG=$work/$who.json greatseal "$@"
}
# refused CODE REASON command...: exit code and reason are both checked.
refused() {
	local want=$1 reason=$2 code=0
	shift 2
	"$@" >refused.log 2>&1 || code=$?
	((code == want)) || die "exit $code instead of $want: $*: $(cat refused.log)"
	grep -qF "$reason" refused.log || die "no '$reason' in: $(cat refused.log)"
	ok "refused with $reason: ${*:2}"
}
source "$SRCDIR/tests/lib/until.sh"

# contract_kept WHO [TARGET...]: all that the server tells this person is as docs/openapi.yaml describes it.
contract_kept() {
	/usr/bin/python3 "$SRCDIR/tests/support/contract.py" "$work/$1.json" "$SRCDIR/docs/openapi.yaml" "${@:2}" >contract.log || die "$(cat contract.log)"
	ok "docs/openapi.yaml describes it: $(tail -n 1 contract.log)"
}
public() { cut -d' ' -f1,2 "$1.pub"; }
world_keys() {
	local who
	for who in "$@"; do ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$who"; done
}
world_documents() {
	jq -ncS --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" \
		'{version: 1, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
		people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "carol", groups: ["engineers"], keys: [$c]},
		{name: "dave", groups: ["security"], keys: [$d]}]}' | tr -d '\n' >roster.json
	jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
		change: {approve: ["1 of release", "1 of security"]}, rules: [{name: "release", keys: ["release"],
		formats: ["pe", "cms"], request: ["group:engineers"], from: ["group:farm"],
		approve: ["1 of release", "1 of security"]}]}' | tr -d '\n' >policy.json
}
# keeper_is VERB: the keeper's program on this world's state.
keeper_is() {
	greatseal-keeper "$1" --state "$work/keeper" --guard "$work/guard" --token "$token" "${@:2}"
}
# The same in place of a subshell, so that $! is the keeper itself.
exec_keeper() {
	exec greatseal-keeper "$1" --state "$work/keeper" --guard "$work/guard" --token "$token" "${@:2}"
}
start_keeper() {
	exec_keeper run --socket "$work/k.sock" --self-sign yes 2>>keeper.log &
	keeper=$!
	pids+=("$keeper")
}
stop_keeper() {
	kill -TERM "$keeper"
	wait "$keeper" || die "the keeper ended with $?"
}
is_ready() {
	address=$(sed -n 's/.*listening on \([^,]*\),.*/\1/p' server.log)
	[[ -n $address ]] && curl -skf "https://$address/readyz" >/dev/null
}
start_server() {
	: >server.log
	greatseald run --data "$work/server" --keeper-socket "$work/k.sock" --public-log "$work/keeper/public" \
		--worker "$GREATSEAL_WORKER" --listen "${address:-127.0.0.1:0}" "${server_settings[@]}" 2>>server.log &
	server=$!
	pids+=("$server")
	until_true is_ready
}
stop_server() {
	kill -TERM "$server"
	wait "$server" || die "the server ended with $?"
}
# world_start: documents, keeper, server; one client for each of alice, carol and dave.
world_start() {
	local who
	world_documents
	(umask 077 && echo "a passphrase for a test" >passphrase)
	token=file:main,passphrase=$work/passphrase,scrypt=10
	keeper_is init --origin log.example --policy "$work/policy.json" --roster "$work/roster.json" 2>init.log
	touch server.log keeper.log # the children may be slower than the first look
	start_keeper
	pin=$(greatseald init --data "$work/server")
	start_server
	for who in alice carol dave; do
		as "$who" init-client --server "https://$address" --pin "$pin" --person "$who" \
			--key "$work/$who$key_suffix" --host build-07 --host-key "$work/build-07$key_suffix" >/dev/null
	done
}
# world_key: the signing key "release" with a certificate of its own.
world_key() {
	as dave key create release --token main --algorithm "${1:-rsa-3072}" >/dev/null
	as dave key self-sign release --subject "CN=World Test" >/dev/null
}
submit() { as carol submit --key release -m "$1" "${@:2}" --json --quiet | jq -r .request; }
