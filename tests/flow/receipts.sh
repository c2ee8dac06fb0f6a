#!/usr/bin/env bash
# What people say of requests is answered with the log's receipt. A server in the wrong hands stands between them and
# the real one, with its very TLS key: it hides denials, answers with proofs of something else, loses acts later.
source "$SRCDIR/tests/lib/world.sh"
world_keys alice carol dave build-07
world_start
world_key

cat >between.py <<'PY'
import http.client, http.server, json, os, ssl, sys
REAL = sys.argv[1]
CLIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) # no default one for each call: it reads all of the system's roots
CLIENT.check_hostname, CLIENT.verify_mode = False, ssl.CERT_NONE
def real(method, path, headers, body):
    c = http.client.HTTPSConnection(REAL, context=CLIENT)
    c.request(method, path, body, {k: v for k, v in headers.items() if k.lower() not in ("host", "connection", "content-length")})
    r = c.getresponse()
    return r.status, r.read()
def lies(mode, method, path, headers, body):
    act = method == "POST" and path.endswith("/acts")
    request = method == "GET" and path.startswith("/v1/requests/") and path.count("/") == 3
    if mode == "swallow" and act: # the act goes nowhere
        return 200, json.dumps({"status": {"state": "closed", "reason": "state.denied"}}).encode()
    if mode == "unknown" and request:
        return 404, b'{"error":{"code":"state.unknown","remedy":"","text":"no such request"}}'
    if mode == "no-history" and path.startswith("/v1/history"):
        return 404, b'{"error":{"code":"call.unknown","remedy":"","text":"there is no such thing"}}'
    if mode == "small" and path == "/v1/log/checkpoint":
        return 200, open("old-checkpoint", "rb").read()
    status, answer = real(method, path, headers, body)
    if act and mode == "cut": # it is recorded, and nobody is told
        return 503, b'{"error":{"code":"keeper.absent","remedy":"","text":"try again"}}'
    if act and status == 200 and mode in ("strip", "another", "first"):
        value = json.loads(answer)
        if mode == "strip":
            del value["receipt"]
        if mode == "another": # of an act before
            value["receipt"] = json.load(open("old-receipt"))
        if mode == "first":   # a proof of the right log and of no act
            value["receipt"]["proof"] = real("GET", "/v1/log/proof?index=0", {}, None)[1].decode()
        answer = json.dumps(value).encode()
    if request and mode == "open":
        value = json.loads(answer)
        value["status"].update(state="open", reason="approve.quorum", approvals=[])
        answer = json.dumps(value).encode()
    if mode == "rewritten" and "/tile/entries/" in path: # an entry is another
        answer = answer.replace(b'"kind":"denial"', b'"kind":"cancel"')
    return status, answer
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True # head and body are two writes: the second would wait for the first's delayed ACK
    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = lies(open("mode").read().strip(), self.command, self.path, self.headers, body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    do_GET = do_POST = do_PATCH = handle_any
    def log_message(self, *a):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("server/tls.crt", "server/tls.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
with open("port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename("port.new", "port")
server.serve_forever()
PY
echo honest >mode
python3 between.py "$address" 2>between.log &
pids+=($!)
until_true test -s port
for who in alice dave; do
	as "$who" init-client --server "https://127.0.0.1:$(<port)" --pin "$pin" --person "$who" --key "$work/$who" \
		--host build-07 --host-key "$work/build-07" >/dev/null
done
receipts=$XDG_STATE_HOME/greatseal/receipts
# fresh: one more request.
fresh() { echo "$*" >some.txt && submit "$*" --new some.txt; }
# tells WORD COUNT: `receipts --check` calls so many of alice's acts that.
tells() {
	as alice receipts --check --json >check.json 2>check.err || true
	jq -e --arg s "$1" --argjson n "$2" '[.receipts[] | select(.state == $s)] | length == $n' check.json >/dev/null ||
		die "not $2 $1: $(cat check.json check.err)"
}

# Honest: four kinds of acts, each with a receipt that is kept.
first=$(fresh one)
as alice approve "$first" --yes --json --quiet >approved.json || (($? == 3))
as alice withdraw "$first" >withdrawn.txt
grep -qE '^withdrawn; recorded in the log at [0-9]+$' withdrawn.txt || die "$(<withdrawn.txt)"
as alice deny "$first" --yes >denied.txt 2>&1 || (($? == 4))
grep -qE '^denied; recorded in the log at [0-9]+$' denied.txt || die "$(<denied.txt)"
second=$(fresh two)
as carol cancel "$second" >/dev/null
[[ $(find "$receipts" -name '*.json' | wc -l) == 4 && $(stat -c %a "$receipts") == 700 ]] || die "$(ls -l "$receipts")"
[[ -z $(find "$receipts" -not -perm 600 -type f) ]] || die "others may read receipts"
as alice receipts >list.txt
[[ $(grep -cE '^recorded +(approval|withdrawal|denial|cancellation) .* entry [0-9]+$' list.txt) == 4 ]] || die "$(<list.txt)"
as alice receipts --check >list.txt
[[ $(grep -c '^kept ' list.txt) == 4 ]] || die "$(<list.txt)"
ok "approval, withdrawal, denial and cancellation have receipts, and the server keeps to them"
jq -c .receipt approved.json >old-receipt
curl -skf "https://$address/v1/log/checkpoint" >old-checkpoint

# One that does not answer with a receipt, or with another's.
for lie in swallow strip another first; do
	request=$(fresh "$lie")
	echo "$lie" >mode
	refused 5 "may not have been recorded" as alice deny "$request" --yes
	[[ $lie != another ]] || grep -q 'is of another kind than the act' refused.log || die "$(<refused.log)"
	[[ $lie != first ]] || grep -q 'is of another kind than the act' refused.log || die "$(<refused.log)"
	echo honest >mode
done
tells sent 0 # each was sent again, which was the first time for the one that was swallowed
tells kept 8
jq -e '[.receipts[] | select(.kind == "denial")] | length == 5' check.json >/dev/null || die "$(<check.json)"
ok "what got no good receipt is sent again, and gets one"
# The same kind, another request.
jq -c .receipt <(request=$(fresh again) && as alice deny "$request" --yes --json --quiet || true) >old-receipt
request=$(fresh "another denial")
echo another >mode
refused 5 "is about another request" as alice deny "$request" --yes
refused 5 "another kind" as alice approve "$(fresh approve)" --yes
echo honest >mode
tells kept 11

# It acts, and says nothing.
request=$(fresh cut)
echo cut >mode
refused 1 keeper.absent as alice deny "$request" --yes
as alice receipts >list.txt
grep -qE '^sent +denial .*without an answer$' list.txt || die "$(<list.txt)"
echo honest >mode
tells kept 12
ok "an act without an answer is known, and is found recorded"
# The keeper refuses: there is nothing to keep.
refused 4 state.denied as alice deny "$request" --yes
tells kept 12

# Later: a status without the act, a request that is gone, a shorter log, another entry in its place.
echo open >mode
tells hidden 12
as alice receipts --check >list.txt 2>&1 && die "hidden, and no alarm"
(($? == 5)) || die "hidden: exit $?"
grep -q 'hides or has lost 12 of your acts' list.txt || die "$(<list.txt)"
echo unknown >mode
tells hidden 12
echo small >mode
tells lost 12
rm alice.json.checkpoint # the client forgot what it had seen; the receipts did not
tells lost 8
echo rewritten >mode
tells lost 8
ok "a server that hides or loses acts later is noticed"
echo honest >mode
tells kept 12
# Files that are no receipts are told apart.
one=$(find "$receipts" -name '*.json' | sort | head -n 1)
cp "$one" "$one.kept"
jq '.proof |= sub("index [0-9]+"; "index 1")' "$one.kept" >"$one"
tells unreadable 1
jq '.more = 1' "$one.kept" >"$one"
tells unreadable 1
head -c 100 "$one.kept" >"$one"
tells unreadable 1
mv "$one.kept" "$one"
tells kept 12
# A "no" does not wait for a place to keep its receipt.
request=$(fresh "no room")
XDG_STATE_HOME=/proc/nowhere as alice deny "$request" --yes >denied.txt 2>&1 || (($? == 4))
grep -q 'the receipt is not kept' denied.txt && grep -q 'recorded in the log at' denied.txt || die "$(<denied.txt)"
ok "without a place for receipts the act is recorded all the same"

# It shows a change, and nothing of what was asked for.
jq -cS '.version = 2 | .rules[0].max_uses = 2' policy.json | tr -d '\n' >policy2.json
change=$(as dave policy propose policy2.json --json --quiet | jq -r .id || true)
as alice policy show-change "$change" | grep -qE '^[0-9]+ requests since .*: 0 would have' || die "nothing was decided again"
echo no-history >mode
as alice policy show-change "$change" >report.txt || die "$(<report.txt)"
grep -q "decisions that would change: unknown, the server's history cannot be read: there is no such thing" report.txt || die "$(<report.txt)"
as alice policy show-change "$change" --json | jq -e '.replay | keys == ["error"]' >/dev/null || die "no error in JSON"
echo honest >mode
ok "a history that is held back is no reason to see less of a change, and is said"
echo "receipts: $checks checks"
