# One host beside world.sh: an agent, and a guard that fetches and guards a small file system of the test's own, in a mount
# namespace of its own. A script sources this first; guard_may_run says whether the kernel lets a guard run here.
# shellcheck disable=SC2154 # address, pin, work: world.sh
if [[ -z ${GUARD_HOST_INSIDE:-} ]]; then
	((EUID == 0)) || { echo "skipped: a mount namespace of our own needs root"; exit 77; }
	unshare --mount true 2>/dev/null || { echo "skipped: no mount namespace to be had"; exit 77; }
	# The guard ends with whoever started it, and all of it after a while.
	exec env GUARD_HOST_INSIDE=1 unshare --mount --propagation private timeout --kill-after=5 1700 bash "$0"
fi
source "${SRCDIR:?}/tests/lib/world.sh"
PATH=$BUILD/prog/agent:$BUILD/prog/guard:$PATH
unset SSH_AUTH_SOCK
world_keys alice carol dave build-07
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS '.rules[0].keys = ["lists", "other"] | .rules[0].formats = ["allowlist", "cms", "package-record"]' policy.json | tr -d '\n' >policy.new
	mv policy.new policy.json
}
world_start
for name in lists other; do
	as dave key create $name --token main --algorithm ecdsa-p256 >/dev/null
	as dave key self-sign $name --subject "CN=$name" >/dev/null
done
sha() { sha256sum "$1" | cut -d' ' -f1; }

# ---- The host ----
socket=$work/agent.sock
mkdir m guard-state in
leave() {
	local code=$?
	set +e
	umount -l "$work/m" "$work/small" 2>/dev/null
	(exit "$code")
	clean
}
trap leave EXIT
mount -t tmpfs -o size=64m,mode=0755 tmpfs "$work/m"
program() { { cat "$BUILD/tests/guard-prog"; echo "$1"; } >"$work/$1" && chmod 755 "$work/$1" && cp "$work/$1" "$work/m/$1"; }
for name in good second third stranger; do program $name; done
write_conf() { # AGENT STATE LOG-KEY
	cat >guard.conf <<-END
		log-key = $3
		list-key = $(as dave key show lists --json | jq -r .fingerprint)
		group = farm
		mount = $work/m
		list = $work/in/allowlist
		state = $2
		records = $work/records
		socket = $work/control
		reports-socket = $work/reports
		reader = 0
		backlog = 131072
		agent = $1
		fetch-interval = ${interval:-1s}
		fetch-max = ${fetch_max:-1000000}
	END
}
vkey=$(jq -r .vkey carol.json)
write_conf "$socket" "$work/guard-state" "$vkey"
guard() { greatseal-guard "$@" --config "$work/guard.conf"; }
status() { guard status 2>/dev/null | head -n 1; }
is_ready() { [[ $(status | jq -r .ready) == true ]]; }
start_guard() {
	setpriv --pdeathsig KILL greatseal-guard run --config "$work/guard.conf" 2>>guard.log &
	guard=$!
	pids+=("$guard")
	until_true is_ready
}
stop_guard() {
	kill -TERM "$guard"
	wait "$guard" || die "the guard ended with $?"
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
start_agent() {
	(exec greatseal-agent run --socket "$socket" --key-file "$work/build-07" --server "https://$address" --pin "$pin" \
		--host build-07 --origin log.example --guard "$work/reports" --guard-interval 1 --guard-heartbeat 5 2>>agent.log) &
	agent=$!
	pids+=("$agent")
	until_true test -S "$socket"
}
stop_agent() {
	kill -TERM "$agent"
	wait "$agent" || true
}
serial_is() { [[ $(status | jq -r '.list.serial') == "$1" ]]; }
runs() { "$work/m/$1" || die "$1 does not run: $?"; }
is_refused() {
	local code=0
	"$work/m/$1" 2>/dev/null || code=$?
	((code == 126)) || die "$1 ended with $code"
}
sign() { # KEY FILE...
	local id
	id=$(as carol submit --key "$1" --product "p-$(basename "$2" | tr -c 'a-z0-9\n' -)" -m proper "${@:2}" --json --quiet | jq -r .request)
	for who in alice dave; do as $who approve "$id" --yes --quiet >approve.log 2>&1 || (($? == 3)) || die "no approval: $(cat approve.log)"; done
	as carol show "$id" >/dev/null
}
fetch_failed() { [[ $(status | jq -r '.fetch.why') == *"$1"* ]]; }
# Skips where fanotify is not to be had.
guard_may_run() {
	if ! setpriv --pdeathsig KILL timeout 2 greatseal-guard run --config "$work/guard.conf" 2>first.log; then
		grep -q "fanotify" first.log && { echo "skipped: $(cat first.log)"; exit 77; }
	fi
	true
}
