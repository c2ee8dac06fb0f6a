#!/usr/bin/env bash
# A host with a SPIFFE ID: an authority of openssl, a request with an SVID that rotates, its proof offline, evidence;
# SVIDs that expired, of another workload, of a stranger, or stolen by their certificate alone.
source "$SRCDIR/tests/lib/world.sh"
PATH=$BUILD/prog/agent:$PATH
world_keys alice carol dave build-07 mallory
world_start
world_key ecdsa-p256

# ---- The authority: root, intermediate, SVIDs ----
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt >"$1"; }
chmod_key() { chmod 600 "$1"; }
authority() { # NAME
	key "$1.key"
	openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem" \
		-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
issue() { # DIR ID ISSUER [openssl option...]
	mkdir -p "$1"
	key "$1/svid_key.pem"
	chmod_key "$1/svid_key.pem"
	printf 'subjectAltName=URI:%s\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "$2" >extensions
	openssl req -new -key "$1/svid_key.pem" -subj /O=workload -out csr 2>/dev/null
	openssl x509 -req -in csr -CA "$3.pem" -CAkey "$3.key" -set_serial "0x$(openssl rand -hex 8)" -extfile extensions \
		-out "$1/leaf.pem" "${@:4}" 2>/dev/null
	cat "$1/leaf.pem" "$3.pem" >"$1/svid.pem"
}
authority root
authority stranger
key middle.key
openssl req -new -key middle.key -subj /CN=middle -out csr 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectAltName=URI:spiffe://corp\n' >extensions
openssl x509 -req -in csr -CA root.pem -CAkey root.key -set_serial 7 -days 30 -extfile extensions -out middle.pem 2>/dev/null
issue svid spiffe://corp/ci/pod middle -days 1

# ---- The roster lists it ----
root=$(openssl x509 -in root.pem -outform DER | base64 -w0)
jq -cS --arg r "$root" '.version = 2 | .hosts += [{name: "pod", groups: ["farm"], spiffe: "spiffe://corp/ci/pod"}] |
	.spiffe = [{domain: "corp", roots: [$r]}]' roster.json | tr -d '\n' >roster2.json
change=$(as dave roster propose roster2.json --json | jq -r .id || true)
as alice roster sign "$change" --yes >/dev/null
as dave host list --json | jq -e '.hosts | map(.name + ":" + .state) == ["build-07:static", "pod:spiffe"]' >/dev/null ||
	die "$(as dave host list --json)"
as dave host show pod --json | jq -e '.spiffe == "spiffe://corp/ci/pod"' >/dev/null
ok "the roster knows a host by its SPIFFE ID"

# ---- A request ----
client() { # NAME DIR
	as "$1" init-client --server "https://$address" --pin "$pin" --person carol --key "$work/carol" --host pod \
		--svid-dir "$work/$2" >/dev/null
}
client robot svid
refused 2 "either --host-key or --svid-dir" as other init-client --server "https://$address" --pin "$pin" --person carol \
	--host pod --svid-dir "$work/svid" --host-key "$work/build-07"
echo "a file" >app
ask() { as "$1" submit --key release -m "$2" app --json --quiet | jq -r .request; }
request=$(ask robot "from a workload")
as alice approve "$request" --yes >/dev/null
# It rotates: the next request is by the new key, the former one is no worse for it.
issue svid spiffe://corp/ci/pod middle -days 1
as dave approve "$request" --yes >/dev/null
as robot fetch "$request" -o signed >fetch.log 2>&1 || die "fetch: $(cat fetch.log)"
cp app signed/
verify() { GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app --vkey "$(jq -r .vkey carol.json)" "$@"; }
verify --json | jq -e .verified >/dev/null || die "not verified: $(verify 2>&1)"
# The same proof with one certificate less, and with the chain of a stranger.
python3 - signed/app.greatseal <<'EOF' >without
import base64, json, struct, sys
b = json.load(open(sys.argv[1]))
raw = base64.b64decode(b["host_signature"])
assert raw[:8] == b"GSSVID1\n"
at, parts = 8, []
while at < len(raw):
    n = struct.unpack(">I", raw[at:at + 4])[0]
    parts.append(raw[at:at + 4 + n])
    at += 4 + n
assert len(parts) == 3
b["host_signature"] = base64.b64encode(raw[:8] + parts[0] + parts[1]).decode()
print(json.dumps(b))
EOF
code=0
verify --bundle without >refused.log 2>&1 || code=$?
((code != 0)) || die "verified without the intermediate"
ok "an SVID's request is signed, verified offline, and survives the SVID"

# ---- Evidence ----
as robot attest scan --verdict clean --scanner 'clamav 1' app >/dev/null
as carol evidence list app --json | jq -e '[.. | objects | select(.by? == "pod")] | length == 1 and .[0].live' >/dev/null ||
	die "$(as carol evidence list app --json)"
ok "it says what it has scanned"

# ---- Locked ----
waiting=$(ask robot "before the lock")
as dave host lock pod -m "a strange pod" >/dev/null
as dave host show pod --json | jq -e '.state == "locked" and .locked and .spiffe == "spiffe://corp/ci/pod"' >/dev/null || die "not locked"
refused 4 host.locked as robot submit --key release -m "while it is locked" app
refused 4 host.locked as robot attest scan --verdict clean --scanner 'clamav 1' app
as carol evidence list app --json | jq -e '[.. | objects | select(.by? == "pod")] | length == 1 and (.[0].live | not)' >/dev/null || die "live"
as alice approve "$waiting" --yes >/dev/null || true
as dave approve "$waiting" --yes >/dev/null || true
refused 3 host.locked as robot fetch "$waiting"
as dave host unlock pod >/dev/null
as dave host show pod --json | jq -e '.state == "spiffe" and (.locked | not)' >/dev/null || die "not unlocked"
as robot fetch "$waiting" -o signed-after >fetch.log 2>&1 || die "fetch: $(cat fetch.log)"
refused 4 change.invalid as dave host unlock pod
ok "a host with a SPIFFE ID is locked and unlocked"

# ---- Through the agent, which shows the SVID to a server that asks for it ----
socket=$work/agent.sock
cp -r svid pod
printf '%s\n' "socket = $socket" "svid-dir = $work/pod" "server = https://$address" "pin = $pin" "host = pod" "origin = log.example" >pod.conf
agent() { greatseal-agent "$1" --config pod.conf "${@:2}"; } # VERB [option...]
refused 1 "key-file or svid-dir" agent -t --key-file /k
refused 1 "svid-dir, an absolute path" greatseal-agent -t --svid-dir pod
refused 1 "without enrolment" agent enrol "https://$address" --pin "$pin" --token x
mkdir empty
refused 1 "svid.pem" agent run --svid-dir "$work/empty"
cp stranger.pem pod/svid_bundle.pem
refused 1 "svid.pem and svid_bundle.pem" agent run
cp root.pem pod/svid_bundle.pem
stop_server
server_settings=(--client-ca keeper)
start_server
refused 1 call.certificate as robot submit --key release -m "no SVID on the connection" app
(exec greatseal-agent run --config pod.conf 2>>agent.log) &
agent=$!
pids+=("$agent")
info() { curl -sf --unix-socket "$socket" http://a/agent/v1/info | jq -r "$1"; }
until_true info .host -o /dev/null
as local init-client --agent "$socket" --person carol --key "$work/carol" >/dev/null
ask_here() { as local submit --key release -m "$1" app --new --json --quiet | jq -e .request >/dev/null || die "$1"; }
ask_here "through the agent"
ends() { date -u -d "$(openssl x509 -in "$1/svid.pem" -noout -enddate | cut -d= -f2)" +%Y-%m-%dT%H:%M:%SZ; }
[[ $(info '.certificate_end') == "$(ends pod)" ]] || die "the end: $(info .)"
[[ $(curl -s --unix-socket "$socket" "http://a/v1/guard/records?archives=$(printf %064d 0)" | jq -c .) == '{"later":[],"records":[]}' ]] || die "its guard cannot fetch"
ok "an agent with an SVID signs requests, opens the connection, and fetches for its guard"
# rotate DIR: the files of that directory, one after the other, as an SVID's keeper does it.
rotate() {
	cp "$1/svid_key.pem" new_key
	chmod_key new_key
	mv new_key pod/svid_key.pem
	cp "$1/svid.pem" new_pem
	mv new_pem pod/svid.pem
}
issue next spiffe://corp/ci/pod middle -days 2
rotate next
ask_here "with the next SVID"
[[ $(info '.certificate_end') == "$(ends next)" ]] || die "the next end: $(info .)"
grep -q "the SVID is a new one" agent.log || die "not told"
issue elsewhere spiffe://corp/ci/elsewhere middle -days 1
rotate elsewhere
refused 1 call.certificate as local submit --key release -m "another workload's" app --new
cp next/svid.pem pod/svid.pem # the key is still the other's
refused 1 call.certificate as local submit --key release -m "half of a rotation" app --new
grep -q "is not the key of svid.pem" agent.log || die "half of a rotation is not told"
rotate next
ask_here "rotated back"
cp stranger.pem pod/svid_bundle.pem
ask_here "a bundle that it does not lead to"
grep -q "stays as it was: svid.pem and svid_bundle.pem" agent.log || die "the bundle is not told"
refused 1 "renewed elsewhere" agent renew
kill -TERM "$agent"
wait "$agent" || die "the agent ended with $?"
stop_server
server_settings=()
start_server
ok "what rotates is noticed, and what does not fit together is not shown"

# ---- SVIDs that are none of the host's ----
hostile() { # REASON WHAT DIR
	client evil "$3"
	refused 4 "$1" as evil submit --key release -m "$2" app
}
issue expired spiffe://corp/ci/pod middle -days 1
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\n' >ca.cnf
touch index
openssl ca -batch -notext -config ca.cnf -cert middle.pem -keyfile middle.key -rand_serial -in csr -extfile extensions \
	-startdate 20200101000000Z -enddate 20200102000000Z -out expired/leaf.pem 2>ca.log
cat expired/leaf.pem middle.pem >expired/svid.pem
hostile host.expired "yesterday" expired
issue other spiffe://corp/ci/other middle -days 1
hostile sig.host "another workload" other
issue path spiffe://corp/ci/../ci/pod middle -days 1
hostile sig.host "a path with dots" path
issue domain spiffe://evil/ci/pod middle -days 1
hostile sig.host "another domain" domain
issue false spiffe://corp/ci/pod stranger -days 1
hostile sig.host "an authority that nobody trusts" false
mkdir bare
cp svid/svid_key.pem bare/
cp svid/leaf.pem bare/svid.pem
hostile sig.host "without the intermediate" bare
mkdir stolen
cp svid/svid.pem stolen/
key stolen/svid_key.pem
chmod_key stolen/svid_key.pem
client evil stolen
refused 1 "is not the key of svid.pem" as evil submit --key release -m "the certificate alone" app
chmod 644 svid/svid_key.pem
refused 1 "can be read by others" as robot submit --key release -m "open to all" app
chmod_key svid/svid_key.pem
as evil init-client --server "https://$address" --pin "$pin" --person carol --key "$work/carol" --host pod --host-key "$work/mallory" >/dev/null
refused 4 sig.host as evil submit --key release -m "a bare SSH signature" app
as evil init-client --server "https://$address" --pin "$pin" --person carol --key "$work/carol" --host build-07 --svid-dir "$work/svid" >/dev/null
refused 4 sig.host as evil submit --key release -m "in the name of a host with keys" app

# ---- The roots are taken away ----
request=$(ask robot "while it is trusted")
jq -cS --arg r "$(openssl x509 -in stranger.pem -outform DER | base64 -w0)" '.version = 3 | .spiffe[0].roots = [$r]' \
	roster2.json | tr -d '\n' >roster3.json
change=$(as dave roster propose roster3.json --json | jq -r .id || true)
as alice roster sign "$change" --yes >/dev/null
as alice approve "$request" --yes >/dev/null || true
as dave approve "$request" --yes >/dev/null || true
as carol explain "$request" --json | jq -e '[.. | .reason? // empty] | index("sig.requester") != null' >/dev/null ||
	die "explain: $(as carol explain "$request" --json)"
refused 4 sig.requester as robot fetch "$request"
ok "roots that left the roster take their requests along"
echo "svid: $checks checks passed"
