#!/usr/bin/env bash
# With client-ca = keeper the server talks to hosts: to those with the certificate that they have now, or with an SVID
# that the roster trusts; not to strangers, nor to a host that is locked, also on a connection that was open before.
set -e
source "${SRCDIR:?}/tests/lib/world.sh"
PATH=$BUILD/prog/agent:$PATH
unset SSH_AUTH_SOCK
echo 0 >offset
export GS_CLOCK_OFFSET_FILE=$work/offset
preload=$BUILD/tests/libclock-shim.so
[[ -r $preload ]] || die "$preload is not built"
for p in greatseal greatseald greatseal-keeper greatseal-agent; do
	real=$(command -v "$p")
	mkdir -p moved
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$preload" "$real" >"moved/$p"
	chmod +x "moved/$p"
done
PATH=$work/moved:$PATH
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt >"$1"; }
authority() { # NAME
	key "$1.key"
	openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 300 -out "$1.pem" -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
issue() { # NAME ID ISSUER USAGE [openssl option...]
	key "$1.key"
	printf 'subjectAltName=URI:%s\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$2" "$4" >extensions
	openssl req -new -key "$1.key" -subj /O=workload -out csr 2>/dev/null
	openssl x509 -req -in csr -CA "$3.pem" -CAkey "$3.key" -set_serial "0x$(openssl rand -hex 8)" -extfile extensions -out "$1.pem" \
		"${@:5}" 2>/dev/null
}
authority corp
authority people
authority stranger
world_keys alice carol dave build-07
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS --arg r "$(openssl x509 -in corp.pem -outform DER | base64 -w0)" '.hosts += [{name: "build-09", groups: ["farm"], enrol: true},
		{name: "build-10", groups: ["farm"], enrol: true}, {name: "pod", groups: ["farm"], spiffe: "spiffe://corp/ci/pod"}] |
		.spiffe = [{domain: "corp", roots: [$r]}]' roster.json | tr -d '\n' >roster.new
	mv roster.new roster.json
}
world_start
world_key ecdsa-p256
refused 1 "no file behind the comma" greatseald -t --data /d --keeper-socket /k --public-log /p --worker /w --client-ca keeper,

# ---- Before there is an authority; enrolment needs no certificate ----
stop_server
server_settings=(--client-ca keeper)
start_server
refused 1 call.certificate as carol submit --key release -m "without a certificate" "$0"
grep -qF -- "--agent SOCKET" refused.log || die "no remedy: $(cat refused.log)"
curl -skf "https://$address/v1/info" >/dev/null || die "what is open is for everybody"
curl -skf "https://$address/v1/log/checkpoint" >/dev/null || die "so is the log"
# why CERTIFICATE [curl option...]: the server's reason. call.auth: it may call, and has not signed.
why() {
	local shown=()
	[[ $1 == none ]] || shown=(--cert "$work/$1.pem" --key "$work/$1.key")
	curl -sk "${shown[@]}" "${@:2}" "https://$address/v1/hosts" | jq -r .error.code
}
is() { [[ $(why "$2") == "$1" ]] || die "$2: $(why "$2"), not $1"; }
issue forged spiffe://log.example/host/build-09 stranger clientAuth
is call.certificate forged
stop_server
server_settings=(--client-ca "keeper,$work/people.pem")
start_server
issue dave_tls spiffe://people/dave people clientAuth
for who in alice carol dave; do
	as "$who" init-client --server "https://$address" --pin "$pin" --person "$who" --key "$work/$who" --host build-07 \
		--host-key "$work/build-07" --client-cert "$work/dave_tls.pem" --client-key "$work/dave_tls.key" >/dev/null
done
line=$(as dave host add build-09 --json | jq -r .enrol)
$line --state "$work/agent" >enrol.log 2>&1 || die "enrol: $(cat enrol.log)"
ok "people come with the file's certificates, and a host enrols with none"

# ---- The certificate of now ----
socket=$work/agent.sock
agent() { greatseal-agent "$1" --socket "$socket" --state "$work/agent" "${@:2}"; }
runs() { [[ $(agent status --json 2>/dev/null | jq .running) == true ]]; }
run_agent() {
	(exec greatseal-agent run --socket "$socket" --state "$work/agent" 2>>agent.log) &
	agent=$!
	pids+=("$agent")
	until_true runs
}
show() { # NAME: the agent's pair
	jq -r .certificate agent/state.json >"$1.pem"
	openssl pkey -inform DER -in agent/host.key -out "$1.key"
}
run_agent
as robot init-client --agent "$socket" --person carol --key "$work/carol" >/dev/null
echo "a file" >app
ask() { as robot submit --key release -m "$1" app --new --json --quiet; }
ask "from an enrolled host" | jq -e .request >/dev/null || die "the agent's certificate"
show first
serial=$(openssl x509 -in first.pem -noout -serial | cut -d= -f2 | tr 'A-F' 'a-f')
as dave host show build-09 --json | jq -e --arg s "$serial" '.serial == $s and (has("serial_before") | not)' >/dev/null || die "the serial"
is call.auth first
is call.certificate none
is call.certificate forged
issue nobody spiffe://log.example/host/build-11 stranger clientAuth
is call.certificate nobody
cp forged.key swapped.key
cp first.pem swapped.pem
[[ $(curl -sk --cert swapped.pem --key swapped.key "https://$address/v1/hosts" -w '%{http_code}') == 000 ]] || die "the certificate alone"
[[ $(curl -s --unix-socket "$socket" "http://a/v1/guard/records?archives=$(printf %064d 0)" | jq -c .) == '{"later":[],"records":[]}' ]] || die "its guard cannot fetch"
ok "an enrolled host's certificate opens the connection, also for what its guard fetches; another authority's, none, or one without its key do not"

# ---- Locked: at the next call, on open connections too ----
cat >kept.py <<'EOP'
import http.client, json, ssl, sys
address, cert, key = sys.argv[1:4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.load_cert_chain(cert, key)
connection = http.client.HTTPSConnection(address, context=context)
connection.connect()
port = connection.sock.getsockname()[1]
for line in sys.stdin:
    connection.request("GET", "/v1/hosts")
    code = json.load(connection.getresponse())["error"]["code"]
    same = connection.sock is not None and connection.sock.getsockname()[1] == port
    print(code if same else "another connection", flush=True)
EOP
coproc kept { exec python3 kept.py "$address" first.pem first.key 2>kept.log; }
kept_says() {
	local answer
	echo >&"${kept[1]}"
	read -r answer <&"${kept[0]}"
	[[ $answer == "$1" ]] || die "kept connection: $answer, not $1: $(cat kept.log)"
}
kept_says call.auth
# Another server of the keeper hears of no change, and asks anew within seconds.
greatseald init --data "$work/server2" >/dev/null
: >second.log
greatseald run --data "$work/server2" --keeper-socket "$work/k.sock" --public-log "$work/keeper/public" \
	--worker "$GREATSEAL_WORKER" --listen 127.0.0.1:0 "${server_settings[@]}" 2>>second.log &
second=$!
pids+=("$second")
at_second() { # CODE NAME
	local address
	address=$(sed -n 's/.*listening on \([^,]*\),.*/\1/p' second.log)
	[[ -n $address && $(why "$2") == "$1" ]]
}
until_true at_second call.auth first
kept_says call.auth
as dave host lock build-09 -m "is it ours?" >/dev/null
until_true at_second host.locked first
kept_says host.locked
is host.locked first
refused 4 host.locked ask "from a locked host"
as dave host unlock build-09 >/dev/null
until_true at_second call.auth first
kill "$second"
wait "$second" || die "the second server: $(cat second.log)"
kept_says call.auth
ask "from a host that is free again" | jq -e .request >/dev/null || die "unlocked"
ok "a locked host is refused at its next call, on a connection of before too, and at another server"

# ---- Renewed, while the clock stands still ----
start=$(date +%s)
echo "=$start" >offset
agent renew >/dev/null
show second
is call.auth second
is call.auth first # calls that are on their way
kept_says call.auth
ask "with the next certificate" | jq -e .request >/dev/null || die "renewed"
echo "=$((start + 60))" >offset
is call.auth first
echo "=$((start + 61))" >offset
is host.certificate first
kept_says host.certificate
is call.auth second
agent renew >/dev/null
agent renew >/dev/null
show third
is host.certificate second
is call.auth third
ok "after a renewal the certificate of before counts for a minute, and the one before that not at all"

# ---- Expired, and renewed without ----
kill -TERM "$agent"
wait "$agent" || die "the agent ended with $?"
echo 90000 >offset
is host.expired third
agent renew >/dev/null
run_agent
ask "after a day" | jq -e .request >/dev/null || die "after a day"
show third
ok "an expired certificate is refused, and the host renews without one"

# ---- A copy ----
cp -a agent copy
agent renew >/dev/null
refused 1 host.clone greatseal-agent renew --state "$work/copy" --socket "$work/none"
show fourth
is host.locked third
is host.locked fourth
refused 4 host.locked ask "from a host with a copy"
as dave host forget build-09 >/dev/null
is host.unenrolled fourth
ok "a copy that shows itself, and the host, are refused"

# ---- SVIDs ----
issue pod spiffe://corp/ci/pod corp clientAuth,serverAuth -days 30
is call.auth pod
issue other spiffe://corp/ci/other corp clientAuth
is call.certificate other
issue server spiffe://corp/ci/pod corp serverAuth
is call.certificate server
issue false spiffe://corp/ci/pod stranger clientAuth
is call.certificate false
# Names with a NUL in them, of letters that look alike, or in another form, by the right authority.
named() { # NAME BYTES in hex of the URI
	local n=$((${#2} / 2))
	key "$1.key"
	printf 'subjectAltName=DER:%02x%02x%02x%02x%s\nkeyUsage=critical,digitalSignature\n' 48 $((n + 2)) 134 "$n" "$2" >extensions
	openssl req -new -key "$1.key" -subj /O=workload -out csr 2>/dev/null
	openssl x509 -req -in csr -CA corp.pem -CAkey corp.key -set_serial "0x$(openssl rand -hex 8)" -extfile extensions -out "$1.pem" 2>/dev/null
}
hex() { printf "$1" | od -An -v -tx1 | tr -d ' \n'; }
named same "$(hex spiffe://corp/ci/pod)"
is call.auth same
for uri in 'spiffe://corp/ci/pod\0' 'spiffe://corp/ci/pod\0.evil' 'spiffe://corp/ci/p\xd0\xbed' 'spiffe://corp/ci/pod/' 'spiffe://CORP/ci/pod' \
	'SPIFFE://corp/ci/pod' 'spiffe://corp/ci/%%70od' 'spiffe://corp/ci/./pod' 'spiffe://corp/ci/pod?x' 'spiffe://corp/ci/po'; do
	named alike "$(hex "$uri")"
	is call.certificate alike
done
ok "a SPIFFE ID counts byte for byte"
# The roots of a domain make no certificates of the keeper's hosts.
line=$(as dave host add build-10 --json | jq -r .enrol)
$line --state "$work/ten" >/dev/null
issue crossed spiffe://corp/host/build-10 corp clientAuth
is call.certificate crossed
as dave host lock pod >/dev/null
is host.locked pod
as dave host unlock pod >/dev/null
is call.auth pod
issue old spiffe://corp/ci/pod corp clientAuth -days 1
echo 200000 >offset
is host.expired old
is call.auth pod
ok "SVIDs of the roster's trust domains count, for their hosts alone and not while these are locked"
echo "host_tls: $checks checks passed"
