#!/usr/bin/env bash
# Certificates of keys whose signatures a guard looks for arrive by themselves; a server that lies adds none and takes none away.
interval=1d
source "${SRCDIR:?}/tests/lib/guard_host.sh"
guard_may_run
pem=$work/in/certificates.pem
echo "certificates = $pem" >>guard.conf
count() { { [[ ! -f $pem ]] || cat "$pem"; } | grep -c 'BEGIN CERTIFICATE' || true; }
refused 1 "no agent is running" guard certificates
start_agent
start_guard
[[ $(status | jq .certificates) == 0 ]] || die "certificates from nowhere: $(status)"

# ---- They arrive ----
[[ $(guard certificates) == "0 certificates are new" && ! -e $pem ]] || die "of keys that have signed nothing: $(count)"
greatseal list build -o one.list --name base --group farm --origin log.example good >/dev/null
sign lists one.list
[[ $(guard certificates) == "1 certificates are new" && $(count) == 1 ]] || die "none came: $(count)"
openssl x509 -in "$pem" -noout -subject | grep -q 'CN = lists' || die "another certificate"
looks_for() { [[ $(status | jq .certificates) == "$1" ]]; }
until_true looks_for 1
[[ $(guard certificates) == "0 certificates are new" ]] || die "the same once more"
asked() { curl -s --unix-socket "$socket" "http://localhost/v1/guard/certificates$1"; }
asked "" >true.json
[[ $(asked "?have=$(openssl x509 -in "$pem" -outform DER | sha256sum | cut -d' ' -f1)" | jq -c .) == '{"certificates":[]}' ]] || die "what it has is sent again"
[[ $(asked "?have=1" | jq -r .error.code) == call.form ]] || die "any query"
contract_kept alice "/v1/guard/certificates?have=$(sha one.list)"
cp one.list two.list
sign other two.list
as dave key lock other -m "stolen, perhaps" >/dev/null
[[ $(guard certificates) == "1 certificates are new" && $(count) == 2 ]] || die "that of a locked key is wanted most: $(count)"
until_true looks_for 2
ok "certificates of keys that have signed something arrive, each once, and the guard looks for them"

# ---- What an administrator has brought stays ----
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout brought.key -out brought.pem -subj /CN=brought -days 30 2>/dev/null
cat brought.pem "$pem" >both && mv both "$pem"
[[ $(guard certificates) == "0 certificates are new" && $(count) == 3 ]] || die "what was brought is gone: $(count)"
ok "what somebody has brought stays"

# ---- A server that lies ----
stop_agent
rm -f "$socket"
cat >liar.py <<'END'
import http.server, os, socketserver, sys
class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def address_string(self): return "guard"
    def log_message(self, *a): pass
    def do_GET(self):
        with open("says", "rb") as f: body = f.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(sys.argv[1], Liar).serve_forever()
END
echo '{}' >says
python3 liar.py "$socket" 2>liar.log &
pids+=("$!")
until_true test -S "$socket"
is_up() { curl -s --unix-socket "$socket" http://localhost/ >/dev/null; }
until_true is_up
cp "$pem" before
lies() { # TEXT: what is said; the file stays as it was
	refused 1 "$1" guard certificates
	cmp -s "$pem" before || die "$1: the file is another"
}
lies "no certificates"
stranger=$(openssl x509 -in brought.pem -outform DER | base64 -w0)
jq -c --arg c "$stranger" '.certificates |= [.[0] + {certificate: $c}]' true.json >says
lies "the log entry is of another key"
jq -c '.certificates |= [.[0] | del(.issue_proof)]' true.json >says
lies "it is not whole"
jq -c '.certificates |= [.[0] + {issue_entry: ({a: 1} | tojson | @base64)}]' true.json >says
lies "a certificate is refused"
echo '{"certificates":[]}' >says
[[ $(guard certificates) == "0 certificates are new" ]] && cmp -s "$pem" before || die "a server takes certificates away"
# A good one among bad ones is taken.
mv "$pem" aside
jq -c --arg c "$stranger" '.certificates |= [(.[0] + {certificate: $c}), .[0]]' true.json >says
guard certificates >some.txt 2>some.log || die "none was taken: $(cat some.log)"
grep -q "1 certificates are new" some.txt && grep -q "a certificate is refused" some.log || die "it says something else: $(cat some.txt some.log)"
echo "no certificate" >"$pem"
refused 1 "certificates in PEM" guard certificates
[[ $(cat "$pem") == "no certificate" ]] || die "a file that is none was written over"
ok "a server that lies adds no stranger's certificate, and takes none away"
