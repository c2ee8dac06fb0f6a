#!/usr/bin/env bash
# The first steps of an administrator: what greatseal-keeper init refuses leaves nothing behind, so that the
# next try starts clean; a passphrase may come from standard input; the log's key is shown where it was made.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-init.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
boxed=${SANDBOXED_BUILD:-$BUILD}
export PATH=$BUILD/prog/cli:$boxed/prog/keeper:$PATH
export XDG_STATE_HOME=$work/state # receipts
checks=0
ok() {
	checks=$((checks + 1))
	echo "ok $checks - $*"
}
die() {
	echo "FAILED: $*" >&2
	exit 1
}

for who in alice dave build-07; do ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$who"; done
public() { cut -d' ' -f1,2 "$1.pub"; }
jq -n --arg a "$(public alice)" --arg d "$(public dave)" --arg h "$(public build-07)" '{version: 1,
	hosts: [{name: "build-07", groups: [], keys: [$h]}],
	people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "dave", groups: ["security"], keys: [$d]}]}' >roster.pretty
jq -n '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]}, change: {approve: ["1 of security"]},
	rules: [{name: "release", keys: ["release"], formats: ["cms"], request: ["alice"], from: ["build-07"],
	approve: ["1 of security"]}]}' >policy.pretty
for f in roster policy; do jq -cSja . $f.pretty >$f.json; done
jq -cSja '.rules[0].approve = ["2 of security"]' policy.pretty >policy.unfillable
(umask 077 && head -c 32 /dev/urandom >credential && head -c 31 /dev/urandom >short)
token=file:main,credential=$work/credential

# init WORDS... -> exit code 1 or 2, this text, and no trace of it
refused() {
	local want=$1 text=$2 code=0
	shift 2
	greatseal-keeper init --state state --guard guard "$@" >out 2>&1 </dev/null || code=$?
	((code == want)) || die "exit $code instead of $want: init $*: $(cat out)"
	grep -qF -- "$text" out || die "no '$text' in: $(cat out)"
	[[ ! -e state && ! -e guard ]] || die "something was left behind by: init $*"
	ok "refused, nothing made: $text"
}
documents=(--policy policy.json --roster roster.json)
refused 1 'not a host name in lower case' --origin Seal.Example "${documents[@]}" --token "$token"
refused 1 'not a host name in lower case' --origin 'seal example' "${documents[@]}" --token "$token"
refused 1 'policy.pretty: not canonical JSON (greatseal policy compile writes it)' --origin seal.example --policy policy.pretty \
	--roster roster.json --token "$token"
refused 1 'roster.pretty: not canonical JSON' --origin seal.example --policy policy.json --roster roster.pretty --token "$token"
refused 1 'cannot be filled' --origin seal.example --policy policy.unfillable --roster roster.json --token "$token"
refused 1 'its secret has 31 bytes' --origin seal.example "${documents[@]}" --token "file:main,credential=$work/short"
refused 1 'No such file' --origin seal.example "${documents[@]}" --token "$token" --token "file:b,credential=$work/none"
refused 2 'two tokens are named main' --origin seal.example "${documents[@]}" --token "$token" --token "$token"
refused 2 'no token other' --origin seal.example "${documents[@]}" --token "$token" --log-token other
refused 1 'its secret has 0 bytes' --origin seal.example "${documents[@]}" --token file:main # standard input is empty

echo 'a passphrase typed by a person' |
	greatseal-keeper init --state state --guard guard --origin seal.example "${documents[@]}" --token file:main,scrypt=10 2>init.log
ok "init with a passphrase from standard input"
key=$(sed -n 's/.*its key is //p' init.log)
[[ $key == seal.example+* ]] || die "init does not show the log's key: $(cat init.log)"
greatseal log fsck state/public --vkey "$key" >/dev/null
ok "the key that init shows is the log's"
echo 'a passphrase typed by a person' | greatseal-keeper fsck --state state --guard guard --token file:main,scrypt=10 >/dev/null
ok "journal, guard and public log agree"
echo "$checks checks passed"
