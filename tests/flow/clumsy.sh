#!/usr/bin/env bash
# What people do who are in a hurry or new: odd files, keys with loose permissions, the same bytes under another
# name, fetching too early, signing more than once. Each mended finding has its case here.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-clumsy.XXXXXX")
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
boxed=${SANDBOXED_BUILD:-$BUILD}
export PATH=$BUILD/prog/cli:$BUILD/prog/server:$boxed/prog/keeper:$boxed/prog/worker:$PATH
export XDG_STATE_HOME=$work/state # receipts
export GREATSEAL_WORKER=$boxed/prog/worker/greatseal-worker
unset SSH_AUTH_SOCK SSH_ASKPASS
export LC_ALL=C
checks=0
ok() {
	checks=$((checks + 1))
	echo "ok $checks - ${*//[^[:print:]]/?}"
}
die() {
	echo "FAILED: ${*//[^[:print:]$'\n']/?}" >&2
	exit 1
}
source "$SRCDIR/tests/lib/until.sh"
as() {
	local who=$1
	shift
	GREATSEAL_CONFIG=$work/$who.json greatseal "$@"
}
# refused CODE TEXT command...
refused() {
	local want=$1 text=$2 code=0
	shift 2
	"$@" >refused.log 2>&1 </dev/null || code=$?
	((code == want)) || die "exit $code instead of $want: $*: $(cat refused.log)"
	grep -qF -- "$text" refused.log || die "no '$text' in: $(cat refused.log)"
	ok "exit $want, $text: ${*:2}"
}

for who in alice carol dave build-07; do ssh-keygen -q -t ecdsa -b 256 -N '' -C "$who" -f "$who"; done
public() { cut -d' ' -f1,2 "$1.pub"; }
jq -cnSja --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" '{version: 1,
	hosts: [{name: "build-07", groups: [], keys: [$h]}], people: [{name: "alice", groups: ["release"], keys: [$a]},
	{name: "carol", groups: [], keys: [$c]}, {name: "dave", groups: ["security"], keys: [$d]}]}' >roster.json
jq -cnSja '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
	change: {approve: ["1 of release", "1 of security"]},
	rules: [{name: "release", keys: ["release"], formats: ["cms", "pe"], request: ["carol"], from: ["build-07"],
	approve: ["1 of release"], max_uses: 3},
	{name: "nightly", keys: ["nightly"], formats: ["cms", "pe"], request: ["carol"], from: ["build-07"], unattended: true, max_uses: 3,
	upload: "optional"}]}' >policy.json
(umask 077 && echo "a passphrase for a test" >passphrase)
token=file:main,passphrase=$work/passphrase,scrypt=10
greatseal-keeper init --state "$work/keeper" --guard "$work/guard" --origin log.example --policy policy.json --roster roster.json \
	--token "$token" 2>init.log
touch server.log keeper.log # the children may be slower than the first look
greatseal-keeper run --state "$work/keeper" --guard "$work/guard" --socket "$work/k.sock" --token "$token" --self-sign yes 2>>keeper.log &
pids+=($!)
pin=$(greatseald init --data "$work/server")
greatseald run --data "$work/server" --keeper-socket "$work/k.sock" --public-log "$work/keeper/public" \
	--worker "$GREATSEAL_WORKER" --listen 127.0.0.1:0 2>server.log &
pids+=($!)
is_ready() {
	address=$(sed -n 's/.*listening on \([^,]*\),.*/\1/p' server.log)
	[[ -n $address ]] && curl -skf "https://$address/readyz" >/dev/null
}
until_true is_ready
client() { # name, person, key
	as "$1" init-client --server "https://$address" --pin "$pin" --person "$2" --key "$3" --host build-07 --host-key "$work/build-07" "${@:4}"
}
for who in alice carol dave; do client "$who" "$who" "$work/$who" >/dev/null; done
for key in release nightly; do
	as dave key create $key --token main --algorithm ecdsa-p256 >/dev/null
	as dave key self-sign $key --subject "CN=$key" >/dev/null
done
ok "keeper, server, clients, keys"

# ---- A file that is not there is that, for programs too, whichever command is to read it ----
for command in "list show" "list lint" "list record" "inspect --local" "diff --local $work/alice" "submit --key release" "policy test"; do
	# shellcheck disable=SC2086 # words
	refused 1 "no/file: No such file" as alice $command no/file
	grep -qx '  reason: not-found' refused.log || die "another reason: $(cat refused.log)"
done
refused 2 "all of --release, --keyring, --index and --pool" greatseal list from-vendor -o x

# ---- Keys of people ----
refused 1 "No such file" client x alice "$work/nothing"
[[ ! -e x.json ]] || die "a configuration that cannot work was written"
# The log that was trusted so far is not forgotten by accident; the same server again is no accident.
jq '.origin = "other.example" | .vkey = "other.example+5ad713af+ARfwCuHSgrdNj9ua4PTs4yI2uqExHlTCwkt2owb3k1mI"' alice.json >x.json
cp x.json before.json
refused 1 "trusts another log, other.example" client x alice "$work/alice"
cmp -s x.json before.json || die "the configuration was written over"
client x alice "$work/alice" --replace >/dev/null && cmp -s x.json alice.json || die "--replace did not write it anew"
echo '{' >x.json
refused 1 "x.json:" client x alice "$work/alice"
client x alice "$work/alice" --replace >/dev/null
client x alice "$work/alice" >/dev/null
rm x.json x.json.checkpoint 2>/dev/null || true
ok "init-client keeps the log that is trusted"
cp alice loose && chmod 640 loose
refused 1 "lets others at the private key" client x alice "$work/loose"
cp alice.json loose.json && jq --arg k "$work/loose" '.key = $k' alice.json >loose.json && chmod 600 loose.json
refused 1 "lets others at the private key" as loose inbox
cp alice locked && ssh-keygen -q -p -N 'secret words' -P '' -f locked >/dev/null && cp alice.pub locked.pub
client locked alice "$work/locked" >/dev/null
printf '#!/bin/sh\necho wrong\n' >wrong && printf '#!/bin/sh\necho secret words\n' >right && chmod +x wrong right
# A passphrase that is not typed right is nobody's denial: exit code 1, not 4.
refused 1 "the key has not signed" env SSH_ASKPASS="$work/wrong" SSH_ASKPASS_REQUIRE=force GREATSEAL_CONFIG="$work/locked.json" greatseal inbox
SSH_ASKPASS=$work/right SSH_ASKPASS_REQUIRE=force as locked inbox >/dev/null
ok "an encrypted key, with the right passphrase"

# ---- Configurations that cannot be read, and none ----
: >empty.json && echo '[]' >list.json
refused 1 "empty.json: the configuration is empty; greatseal init-client --replace" as empty inbox
refused 1 "list.json: the configuration is not a JSON object; greatseal init-client --replace" as list inbox
# shellcheck disable=SC2016 # the names are meant
refused 2 'neither --config, $GREATSEAL_CONFIG, $XDG_CONFIG_HOME nor $HOME' \
	env -u HOME -u XDG_CONFIG_HOME -u GREATSEAL_CONFIG greatseal inbox

# ---- Help ----
for words in --version --help 'key --help' 'inbox --help' 'help key'; do
	refused 1 "writing to stdout failed" sh -c "greatseal $words >/dev/full"
done
refused 0 "key self-sign" greatseal key --help
refused 0 "key self-sign" greatseal help key
refused 2 "key self-sign" greatseal key
! grep -q "no such command" refused.log || die "a group is a command: $(cat refused.log)"
refused 2 "no such command" greatseal bogus --help
! greatseal help --man | grep -n ' $' || die "a blank at the end of a line of the manual"
refused 2 "usage: greatseal access request --key NAME --for TIME -m TEXT" greatseal access request release
refused 2 "usage: greatseal key list" greatseal key list release
! grep -q ' $' refused.log || die "a blank at the end: $(cat refused.log)"
refused 0 "greatseal key list" greatseal key list --help
! grep -q '^greatseal.* $' refused.log || die "a blank at the end: $(cat refused.log)"

# ---- A server that is away: said once, with its address once ----
# Port 1 is nobody's here: below 1024, and no service of this script.
jq '.server = "https://127.0.0.1:1"' alice.json >away.json && chmod 600 away.json
refused 1 "https://127.0.0.1:1: " as away inbox
[[ $(grep -o 'https://127.0.0.1:1' refused.log | wc -l) == 1 ]] || die "said twice: $(cat refused.log)"

# ---- --json: one value on standard output, whatever happens ----
json() { # exit code, jq filter that must hold, words
	local want=$1 filter=$2 code=0
	shift 2
	as alice "$@" --json >json.out 2>json.log </dev/null || code=$?
	((code == want)) || die "exit $code instead of $want: $* --json: $(cat json.out json.log)"
	jq -es "length == 1 and (.[0] | $filter)" json.out >/dev/null || die "$* --json: $(cat json.out)"
	ok "--json: $*"
}
json 2 '.error.code == "usage"' bogus
json 2 '.error.text | test("usage: greatseal show")' show
json 2 '.error.code == "usage"' inbox --nope
json 2 '.error.code == "usage"' inbox --limit many
json 0 '.fits' policy check policy.json roster.json
jq -c '.rules[0].approve = ["2 of security"]' policy.json >unfillable.json
json 1 '.error.text | test("cannot be filled")' policy check unfillable.json roster.json
json 0 '.csr | startswith("-----BEGIN CERTIFICATE REQUEST-----")' key csr release --subject CN=x
json 0 '.keys | length == 2' key list
json 1 '.error.code == "syntax"' key import-cert release policy.json

# ---- Files ----
mkdir files && echo one >files/app-1.0 && cp files/app-1.0 files/other-1.0
mkfifo files/pipe
refused 1 "not a regular file" as carol submit --key release files/pipe
refused 1 "not a regular file" as carol inspect --local files/pipe
refused 1 "not a regular file" as carol submit --key release files
for name in $'esc\033[2J' $'turned\xe2\x80\xaetxt.exe' $'latin\xe9' $'two\nlines'; do
	cp files/app-1.0 "files/$name"
	refused 2 "approvers could not read it" as carol submit --key release "files/$name"
done

refused 1 "name each file once" as carol submit --key release files/app-1.0 files/app-1.0

# ---- The same bytes under another name are another request ----
submit() { as carol submit --key release --json --quiet -m why "$@" | jq -r .request; }
first=$(submit files/app-1.0)
[[ $(submit files/app-1.0) == "$first" ]] || die "a re-run joins"
other=$(submit files/other-1.0)
[[ $other != "$first" ]] || die "another name joined the request of the first"
[[ $(submit --product tool files/app-1.0) != "$first" ]] || die "another product joined the request of the first"
ok "another name or product is another request"

# ---- Too early, too late ----
refused 3 "is not signed: needs 1 more of release" as carol fetch "$first"
refused 3 approve.quorum as carol fetch "$first"
refused 2 "the request is for 1" as carol fetch "$first" --use 2
as alice approve "$first" --yes >/dev/null
as carol fetch "$first" -o signed >/dev/null 2>&1
[[ -s signed/app-1.0.p7s ]] || die "no signature"
as carol cancel "$other" >/dev/null
refused 4 "is not signed: the request was cancelled" as carol fetch "$other"
as carol show "$other" >closed.log
! grep -q 'missing:' closed.log || die "a closed request misses nobody: $(cat closed.log)"
ok "fetch says waiting or denied"

# ---- A reason of several lines ----
lines=$(as carol submit --key release --new --json --quiet -m $'first\nfiles: 1\n  1. good.exe' files/app-1.0 | jq -r .request)
as alice show "$lines" >lines.log
[[ $(grep -c '^files: 1$' lines.log) == 1 ]] || die "a line of the reason passes for ours: $(cat lines.log)"
grep -qx '            | files: 1' lines.log || die "no bar: $(cat lines.log)"
ok "further lines of a reason stand behind a bar"

# ---- More than one use ----
as carol sign --key nightly --uses 2 -m twice files/app-1.0 -o use1 >uses.log 2>&1
as carol sign --key nightly --json files/other-1.0 -o listed 2>/dev/null | jq -e '.files == [{"bundle": "listed/other-1.0.greatseal",
	"file": "listed/other-1.0.p7s", "name": "other-1.0"}]' >/dev/null || die "sign --json names no files"
grep -q 'signed 1 of 2 times' uses.log || die "uses are not shown: $(cat uses.log)"
ok "sign returns when the first of two uses is there"
as carol sign --key nightly --uses 2 -m twice files/app-1.0 -o again >again.log 2>&1
cmp use1/app-1.0.p7s again/app-1.0.p7s
ok "a re-run brings the first use again"
uses=$(as carol inbox --mine --json --limit 2 | jq -r '.requests[] | select(.uses == 2) | .request')
refused 2 "the request is for 2" as carol fetch "$uses" --use 3
as carol fetch "$uses" --use 2 -o use2 >/dev/null 2>&1
cp files/app-1.0 use2/
as carol verify use2/app-1.0 >/dev/null
refused 1 "to mend it: --vkey KEY" env GREATSEAL_CONFIG=/nonexistent greatseal verify use2/app-1.0
jq -e '.use == 2' use2/app-1.0.greatseal >/dev/null
as carol show "$uses" --json | jq -e '.status.uses_done == 2 and .status.state == "done"' >/dev/null
ok "fetch --use 2 has the second use signed"

# ---- A program that the server never had: the signature is put into it here ----
cp /usr/lib/mono/4.5/al.exe files/kept.exe
as carol sign --key nightly --no-upload files/kept.exe -o here 2>/dev/null >/dev/null
as carol verify here/kept.exe >/dev/null
cmp -s files/kept.exe /usr/lib/mono/4.5/al.exe || die "the source was changed"
kept=$(as carol inbox --mine --json --limit 1 | jq -r '.requests[0].request')
refused 1 "repeat greatseal sign" as carol fetch "$kept" -o there
[[ ! -e there/kept.exe && ! -e there/kept.exe.part ]] || die "fetch left something"
ok "a program signed without an upload"
# One that carries a signature is refused before anybody is asked, not when all have approved; the others wait for nothing.
refused 1 "here/kept.exe: pe: the image is signed already" as carol submit --key release files/kept.exe here/kept.exe
# Apart from it, as it is.
as carol submit --key release --format cms --json --quiet here/kept.exe >/dev/null || (($? == 3)) || die "not as cms"

# ---- A full disk is ours, and named ----
# Both kinds of output are written beside their name first; here that is a disk without room.
mkdir full
own=(unshare --mount)
((EUID == 0)) || own+=(--map-root-user)
in_full() {
	"${own[@]}" bash -c 'mount -t tmpfs -o size=4k greatseal full && head -c 4096 /dev/zero >full/filler && GREATSEAL_CONFIG=carol.json greatseal "$@"' - "$@"
}
refused 1 "full/app-1.0.p7s: write: No space left on device" in_full fetch "$first" -o full
grep -q 'to mend it: make room there' refused.log || die "no remedy: $(cat refused.log)"
cp /usr/lib/mono/4.5/al.exe files/roomy.exe
as carol sign --key nightly files/roomy.exe -o here >/dev/null 2>&1
roomy=$(as carol inbox --mine --json --limit 1 | jq -r '.requests[0].request')
refused 1 "full/roomy.exe.part: write: No space left on device" in_full fetch "$roomy" -o full
grep -q 'to mend it: make room there' refused.log || die "no remedy: $(cat refused.log)"
# So is what else a disk may say.
small() { (
	ulimit -f 64
	as carol "$@"
); }
refused 1 "small/roomy.exe.part: write: File too large" small fetch "$roomy" -o small
! grep -q "$address" refused.log || die "the server is said to have failed: $(cat refused.log)"
[[ ! -e small/roomy.exe.part ]] || die "a part was left"

# ---- Two outputs are never one file, and none is written through somebody's link ----
cp /usr/lib/mono/4.5/al.exe files/app-1.0.p7s
cp files/app-1.0.p7s files/app-1.0.greatseal
refused 1 "app-1.0 and app-1.0.p7s: when they are fetched, both would write app-1.0.p7s" as carol submit --key nightly files/app-1.0 files/app-1.0.p7s
grep -q 'to mend it: make a request for each' refused.log || die "no remedy: $(cat refused.log)"
refused 1 "both would write app-1.0.greatseal" as carol submit --key nightly files/app-1.0 files/app-1.0.greatseal
cp files/app-1.0.p7s files/one && cp files/app-1.0.p7s files/one.part
refused 1 "both would write one.part" as carol submit --key nightly files/one files/one.part
long=$(printf 'n%.0s' $(seq 242))
echo long >"files/$long"
refused 1 "a name of more than 241 bytes" as carol submit --key nightly "files/$long"
mv "files/$long" "files/${long:1}"
as carol sign --key nightly "files/${long:1}" -o here >/dev/null 2>&1
[[ -s here/${long:1}.greatseal ]] || die "no proof for a name of 241 bytes"
echo precious >precious
mkdir links
for name in roomy.exe.part roomy.exe.greatseal.tmp; do ln -s ../precious links/$name; done
as carol fetch "$roomy" -o links >/dev/null 2>&1
[[ $(<precious) == precious && ! -L links/roomy.exe ]] || die "fetch wrote through a link"
cmp -s links/roomy.exe here/roomy.exe || die "not the signed file"
ok "outputs that would be one file, long names, planted links"

# ---- A large batch: what the proofs have in common is one file, not one in each ----
mkdir many && for i in $(seq 40); do printf '%s\n' "$i" >"many/n$i"; done
as carol sign --key nightly many/* -o batch >batch.log 2>&1
shared=$(cd batch && ls -- *.greatseal-batch)
[[ $(ls batch/*.greatseal | wc -l) == 40 && $(wc -l <<<"$shared") == 1 ]] || die "$(ls batch)"
(($(cat batch/*.greatseal | wc -c) < 40 * 2500)) || die "the proofs repeat what they have in common"
cp many/* batch/
for i in 1 17 40; do as carol verify "batch/n$i" >/dev/null; done
ok "a batch of 40, verified one by one"
cp many/n2 batch/n1
refused 5 "NOT VERIFIED" as carol verify batch/n1
cp batch/n3.greatseal batch/n4.greatseal
refused 5 "NOT VERIFIED" as carol verify batch/n4
sed 's/"use": 1/"use": 2/' "batch/$shared" >changed && cp "batch/$shared" kept && cp changed "batch/$shared"
refused 5 "the batch is not the one that the proof names" as carol verify batch/n5
rm "batch/$shared"
refused 1 "No such file" as carol verify batch/n5
for name in ../kept /etc/passwd .. '' a/b; do
	jq --arg n "$name" '.batch.file = $n' batch/n5.greatseal >batch/n6.greatseal
	refused 1 '"batch" is not a file and its sha256' as carol verify batch/n6
done
cp kept "batch/$shared"
jq '.use = 1' batch/n5.greatseal >batch/n6.greatseal
refused 1 "members of a proof beside a batch" as carol verify batch/n6 --signature batch/n5.p7s

# ---- Changes: signing twice, refused ones ----
as alice policy show 2>/dev/null | jq '.version = 2' >policy2.json
as alice policy propose policy2.json --json >change.json 2>/dev/null && die "one of two signatures is not enough"
change=$(jq -r .id change.json)
# An ECDSA signature is another one each time: the same person twice must not stand in the way of the next.
refused 3 "1 of security" as alice policy sign "$change" --yes
refused 3 "1 of security" as alice policy sign "$change" --yes
refused 3 "1 of security" as carol policy sign "$change" --yes
as dave policy sign "$change" >diff.log 2>&1 && die "nothing is signed without --yes"
grep -qx -- '-  "version": 1' diff.log && grep -qx -- '+  "version": 2' diff.log || die "what changes is not shown: $(cat diff.log)"
! grep -q nightly diff.log || die "what stays is shown"
ok "policy sign shows what changes"
as dave policy sign "$change" --yes >/dev/null
refused 0 "is in force already" as dave policy sign "$change" --yes
as alice policy show --json | jq -e '.version == 2' >/dev/null || die "the change is stuck"
ok "a change signed twice by one person goes through"
refused 4 change.invalid as dave key unlock nightly
as alice key lock nightly >/dev/null
as alice key lock nightly >/dev/null # anew
refused 4 key.locked as dave key self-sign nightly --subject "CN=Nightly"
as alice policy pending --json | jq -e '.changes == []' >/dev/null || die "a refused change is pending: $(as alice policy pending)"
ok "a refused change leaves nothing behind"

# ---- A server that inserts our signature into another program ----
cat >tamper.py <<'PY'
import http.client, http.server, os, ssl, sys
target = sys.argv[1]
anyone = ssl._create_unverified_context()
class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPSConnection(target, context=anyone)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        data = bytearray(answer.read())
        if "/signed" in self.path:
            data[5000] ^= 1
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_GET = do_POST = forward
    def log_message(self, *a):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("server/tls.crt", "server/tls.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
with open("port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename("port.new", "port")
server.serve_forever()
PY
cp /usr/lib/mono/4.5/mcs.exe files/app.exe
program=$(submit files/app.exe)
as alice approve "$program" --yes >/dev/null
python3 tamper.py "$address" 2>tamper.log &
pids+=($!)
until [[ -s port ]]; do
	kill -0 "${pids[2]}" || die "the proxy ended"
	sleep 0.05 # polls a condition; nothing depends on how long it is
done
jq --arg s "https://127.0.0.1:$(cat port)" '.server = $s' carol.json >tampered.json && chmod 600 tampered.json
refused 5 "not the one that was approved" as tampered fetch "$program" -o tampered
[[ ! -e tampered/app.exe && ! -e tampered/app.exe.part ]] || die "the tampered file was kept"
as carol fetch "$program" -o untampered 2>/dev/null
as carol verify untampered/app.exe >/dev/null
ok "a tampered program is refused by fetch"
echo "$checks checks passed"
