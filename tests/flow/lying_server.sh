#!/usr/bin/env bash
# A server in the wrong hands answers with escape sequences, C1 controls and characters that turn text round:
# none of them reaches the terminal of the person who decides by what it shows.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-lying.XXXXXX")
server=
clean() {
	[[ -z $server ]] || kill "$server" 2>/dev/null || true
	rm -rf "$work"
}
trap clean EXIT
cd "$work"
export PATH=$BUILD/prog/cli:$PATH
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

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -subj /CN=seal.example 2>/dev/null
pin=$(openssl x509 -in tls.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)
ssh-keygen -q -t ed25519 -N '' -f alice
cat >serve.py <<'PY'
import http.server, json, ssl
EVIL = "\x1b[2J\x1b[1;1Hgood\u009b31m\u202etxt\u200b\x07\r\nrequest 0000: verified"
HEX = "ab" * 32
ANSWERS = {
    "/v1/keys/k": (409, {"error": {"code": EVIL, "text": EVIL, "remedy": EVIL}}),
    "/v1/keys": (200, {"keys": [{k: EVIL for k in ("name", "algorithm", "state", "token", "token_state", "fingerprint")}
                                | {"certificate": {k: EVIL for k in ("subject", "issuer", "not_before", "not_after")}}]}),
    "/v1/changes": (200, {"changes": [{"id": EVIL, "kind": EVIL, "state": EVIL, "missing": [EVIL]}],
        "waiting": [{"id": EVIL, "kind": EVIL, "due": EVIL, "version": 2}]}),
    "/v1/reviews": (200, {"next": 1, "reviews": [{"request": EVIL, "state": EVIL, "use": 1, "key": EVIL, "due": EVIL}]}), # without end
    "/v1/changes/abababab": (200, {"id": HEX, "kind": "policy", "state": "pending", "statement": "e30="}),
    "/v1/requests": (200, {"next": EVIL, "requests": [{"request": EVIL, "state": "open", "outcome": EVIL, "requester": EVIL,
        "key": EVIL, "names": [EVIL], "text": EVIL, "deadline": EVIL, "items": 3}, {"request": HEX, "names": []}]}),
    "/v1/policy": (200, {"document": {EVIL: EVIL}, "version": 1, "digest": EVIL}),
}
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        path = self.path.split("?")[0]
        code, answer = ANSWERS.get(path, (404, "not \x1b[31m json"))
        body = json.dumps(answer, ensure_ascii=False).encode() if not isinstance(answer, str) else answer.encode()
        if path == "/v1/keys/k/csr":
            code, body = 200, b"-----BEGIN CERTIFICATE REQUEST-----\n\x1b[2J\n-----END CERTIFICATE REQUEST-----\n"
        if path == "/v1/roster":
            code, body = 200, b'{"a": \x1b[2J}'
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"id": HEX, "kind": "keyadmin", "leaf": 1, "reason": EVIL, "state": "done"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("tls.pem", "tls.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
with open("port.new", "w") as f:
    f.write(str(server.server_address[1]))
import os
os.rename("port.new", "port")
server.serve_forever()
PY
python3 serve.py &
server=$!
until [[ -s port ]]; do
	kill -0 "$server" || die "the test's server ended"
	sleep 0.05 # polls a condition; nothing depends on how long it is
done
jq -n --arg s "https://127.0.0.1:$(cat port)" --arg p "sha256:$pin" --arg k "$work/alice" '{server: $s, pin: $p, person: "alice", key: $k,
	origin: "log.example", vkey: "log.example+df126857+ATzdPTtu8mgGJ+hI+nl3OP8VQydZMWvZPbqCpO4nBYv3"}' >client.json
chmod 600 client.json

# Bytes that are not printable ASCII, a line end or UTF-8 of a printable character.
steers() {
	python3 -c 'import sys, unicodedata
text = sys.stdin.buffer.read().decode()
sys.exit(0 if any(c not in "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in text) else 1)' <"$1"
}
shown() { # text that must be there, command
	local want=$1
	shift
	GREATSEAL_CONFIG=$work/client.json greatseal "$@" >out 2>&1 || true
	grep -qF -- "$want" out || die "no '$want' in what $* shows: $(cat -v out)"
	! steers out || die "$* steers the terminal: $(cat -v out)"
	! grep -q '^request 0000: verified' out || die "$* shows a line of the server's making"
	ok "${*//[^[:print:]]/?}"
}
shown '\x1b[2J\x1b[1;1Hgood\u{009b}31m\u{202e}txt\u{200b}\x07\x0d\x0a' inbox
shown '\x1b[2J' key list
shown '\x1b[2J' policy pending
shown '\x1b[2J' key show k
shown '\x1b[2J' policy show
shown "the server gave no receipt: the change may not have been recorded" key lock k -m gone
shown 'the server shows another change than abababab' policy show-change abababab
shown 'the server shows another change than abababab' policy sign abababab --yes
shown 'the server shows another change than abababab' policy object abababab -m no
shown "the server's answer" key csr k --subject CN=x
shown "the server's answer is not JSON" roster show
shown '"text": "\u001B[2J' inbox --json
jq -e '.requests[0].text | startswith("\u001b[2J")' out >/dev/null || die "--json must hold the exact text"
ok "programs get the exact text"
shown '\x1b[31mname' inspect --local "$(printf '/nowhere/\033[31mname')"
echo "$checks checks passed"
