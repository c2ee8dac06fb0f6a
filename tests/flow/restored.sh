#!/usr/bin/env bash
# A whole installation set back to an older copy: the journal alone, which the guard shows; journal and guard
# together, which nobody on that machine can see, but everybody who has seen more of the log.
source "$SRCDIR/tests/lib/world.sh"
world_keys alice carol dave build-07
world_start
world_key ecdsa-p256
echo "a release" >app-1.0
echo "another release" >app-1.1
echo "a third one" >app-1.2

# The server's descriptor is that of the directory that was there when it started.
swap() {
	stop_server
	rm -rf keeper guard
	cp -a "$1" keeper
	cp -a "$2" guard
}
first=$(submit "release 1.0" app-1.0)
as alice approve "$first" --yes >/dev/null
stop_keeper
cp -a keeper keeper.old
cp -a guard guard.old
start_keeper
until_true is_ready

# Signed, fetched, seen: all of it after the copy.
as dave approve "$first" --yes >/dev/null
as carol fetch "$first" -o signed 2>/dev/null
for who in alice carol dave; do as "$who" log fsck >/dev/null; done
vkey=$(jq -r .vkey carol.json)
cp app-1.0 signed/
GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app-1.0 --vkey "$vkey" --json >verified.json || true
jq -e .verified verified.json >/dev/null || die "$(cat verified.json)"
ok "a release is signed, and three people have seen the log"
stop_keeper
cp -a keeper keeper.new
cp -a guard guard.new

# ---- The journal alone ----
swap keeper.old guard.new
refused 1 keeper.restored keeper_is run --socket "$work/k.sock"
refused 1 "head.guard" keeper_is fsck
ok "an older journal does not start: the guard has seen more"

# ---- Journal and guard ----
rm -rf guard && cp -a guard.old guard
start_keeper
start_server
ok "both together do start: nothing on the machine says otherwise"
as carol show "$first" --json | jq -e '.status.state == "open"' >/dev/null || die "the request is open again"
refused 5 "not an extension of what this client has seen" as carol log fsck
refused 5 "not an extension of what this client has seen" as alice log fsck
# Whoever has seen more does not approve in this log (and the keeper would not take it: tests/flow/evil.c).
refused 5 "not an extension of what this client has seen" as dave approve "$first" --yes
second=$(submit "release 1.1" app-1.1 || true)
[[ -n $second ]] || die "a request needs no knowledge of the log"
refused 5 "not an extension of what this client has seen" as alice approve "$second" --yes

# The log grows past what they have seen: another history of the same length, and they see that, too.
n=0
while (($(sed -n 2p keeper/public/checkpoint) <= $(sed -n 2p keeper.new/public/checkpoint))); do
	n=$((n + 1))
	echo "filler $n" >"filler-$n"
	submit "filler $n" "filler-$n" >/dev/null
done
refused 5 "not an extension of what this client has seen" as carol log fsck
refused 5 "not an extension of what this client has seen" as alice log fsck
refused 5 "not an extension of what this client has seen" as alice approve "$second" --yes
# What was signed before stays provable: its proof carries its own checkpoint.
GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app-1.0 --vkey "$vkey" --json | jq -e .verified >/dev/null
ok "what was signed in the lost part is still verified offline"
stop_keeper

# ---- The newest copy ----
swap keeper.new guard.new
start_keeper
start_server
for who in alice carol dave; do as "$who" log fsck >/dev/null; done
third=$(submit "release 1.2" app-1.2)
as alice approve "$third" --yes >/dev/null
as dave approve "$third" --yes >/dev/null
as carol fetch "$third" -o signed3 2>/dev/null
ok "the newest copy goes on, and everybody follows"
echo "$checks checks passed"
