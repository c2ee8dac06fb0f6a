#!/usr/bin/env bash
# The stolen-key alarm from the guard's side: what a thief has signed with a key of the keeper's lies on a host, a real
# guard meets it, the agent brings that to the server, and there is an alarm; what Great Seal has signed raises none.
# The guard is given a tmpfs in a mount namespace of this script's own.
if [[ -z ${GUARD_ALARM_INSIDE:-} ]]; then
	((EUID == 0)) && unshare -m true 2>/dev/null || {
		echo "SKIPPED: a mount namespace of our own needs root"
		exit 77
	}
	GUARD_ALARM_INSIDE=1 exec unshare -m --propagation private bash "$0" "$@"
fi
source "${SRCDIR:?}/tests/lib/world.sh"
source "$SRCDIR/tests/lib/thief.sh"
PATH=$BUILD/prog/agent:$BUILD/prog/guard:$BUILD/tests/flow:$PATH
unset SSH_AUTH_SOCK
thief_world
echo "a good file" >good.txt
make_pe good.exe good
make_pe evil.exe evil
sign_properly release good.exe
sign_properly curve good.txt
cp good.txt signed/
steal 2 stolen
steal 3 stolen-curve
certificate signed/good.txt.p7s curve.crt
as carol key certificates >certificates.pem
(($(grep -c BEGIN certificates.pem) == 2)) || die "certificates: $(cat certificates.pem)"
awk '/BEGIN/ { n++ } { print >"cert" n ".pem" }' certificates.pem
for c in cert1.pem cert2.pem; do cmp -s <(openssl x509 -in $c -noout -pubkey) <(openssl pkey -in stolen.pem -pubout) && cp $c release.crt; done
[[ -e release.crt ]] || die "no certificate of the stolen key"
ok "the certificates of all keys, for guards"

# ---- The host ----
mkdir host guard-state watched
mount -t tmpfs -o size=64M,mode=755 alarm-host host
clean_host() {
	local code=$?
	set +e
	umount -l "$work/host"
	(exit "$code")
	clean
}
trap clean_host EXIT
cat >guard.conf <<END
list = $work/allowlist
state = $work/guard-state
records = $work/guard-state/records
socket = $work/control
reports-socket = $work/reports
certificates = $work/certificates.pem
watch = $work/watched
watch-every = 1s
log-key = $(jq -r .vkey carol.json)
list-key = $(as carol key list --json | jq -r '.keys[] | select(.name == "release").fingerprint')
group = farm
mount = $work/host
END
status() { greatseal-guard status --config guard.conf 2>/dev/null | head -n 1; }
number() { status | jq ".$1"; }
is_guarding() { status | jq -e .ready >/dev/null; }
start_guard() {
	greatseal-guard run --config guard.conf 2>>guard.log &
	guard=$!
	pids+=("$guard")
	until_true is_guarding
}
start_guard
start_agent() { # SOCKET: of the guard's reports
	(exec greatseal-agent run --socket "$work/agent.sock" --key-file "$work/build-07" --server "https://$address" --pin "$pin" \
		--host build-07 --origin log.example --guard "$1" --guard-interval 1 2>>agent.log) &
	agent=$!
	pids+=("$agent")
}
start_agent "$work/reports"
alarms() { as carol alarms list --state open --json --quiet; }
is() { [[ $1 == "$2" ]] || die "'$1' is not '$2': $(alarms)"; }
# raised PATH KIND: there is one alarm of that path, told by this host.
raised() {
	alarms | jq -e --arg p "$1" --arg k "$2" '[.alarms[] | select(.name == $p)] |
		length == 1 and .[0].reporter == "build-07" and .[0].kind == $k' >/dev/null
}
told() { as alice guard events --kind signature --limit 1000 --json | jq -e --arg p "$1" '[.events[] | select(.path == $p)] | length == 1' >/dev/null; }

# ---- What Great Seal has signed ----
cp signed/* watched/
until_true told "$work/watched/good.exe"
until_true told "$work/watched/good.txt"
is "$(alarms | jq '.alarms | length')" 0
ok "what Great Seal has signed is told, and raises nothing"
as alice guard events --kind signature | grep -q 'build-07 .*signature .*pe .*/watched/good.exe' || die "events: $(as alice guard events)"

# ---- The thief ----
cp "$(readlink -f "$(type -P true)")" host/tool
cms stolen-curve.pem curve.crt host/tool
host/tool || die "the guard observes only"
until_true raised "$work/host/tool" cms
ok "a program that is run, with a CMS signature beside it"
osslsigncode sign -certs release.crt -key stolen.pem -in evil.exe -out evil-signed.exe >/dev/null
mv evil-signed.exe watched/
until_true raised "$work/watched/evil-signed.exe" pe
ok "a PE image in a directory that is watched"
echo "malware module" >module.ko
cms stolen.pem release.crt module.ko -nocerts -noattr
append module.ko evil.ko
mv evil.ko watched/
until_true raised "$work/watched/evil.ko" appended
ok "a kernel module, whose signature brings no certificate"
echo "no archive" >host/hello.deb
cms stolen.pem release.crt host/hello.deb
greatseal-guard gate --config guard.conf "$work/host/hello.deb" >gate.log 2>&1 || die "the guard observes: $(cat gate.log)"
until_true raised "$work/host/hello.deb" cms
ok "an archive that the gate was asked about"
echo "malware ssh" >evil.txt
ssh-keygen -q -Y sign -f stolen-curve.pem -n file evil.txt 2>ssh.log
mv evil.txt.sig evil.txt watched/
until_true raised "$work/watched/evil.txt" sshsig
ok "a signature by ssh-keygen"

alarm=$(alarms | jq -r '.alarms[] | select(.kind == "pe").signature')
as carol alarms show "${alarm:0:16}" >shown.txt
grep -q "the signature verifies here" shown.txt && grep -q "told *by the guard of the host build-07" shown.txt &&
	grep -qF "$work/watched/evil-signed.exe" shown.txt || die "shown: $(cat shown.txt)"
grep -q "ALARM .*key release has signed something that is not in the log: pe.*told by the guard of build-07" server.log ||
	die "nothing in the server's log: $(cat server.log)"
ok "an alarm names host and path, and is proven"

# ---- Once ----
cp watched/evil-signed.exe watched/again.exe
cp host/tool watched/tool && cp host/tool.p7s watched/tool.p7s
kill "$guard" && wait "$guard" || die "the guard ended with $?"
start_guard
echo "malware last" >last && cms stolen.pem release.crt last
walks=$(number walks)
walked() { (($(number walks) >= walks + 2)); }
until_true walked
mv last.p7s last watched/
until_true raised "$work/watched/last" cms
is "$(alarms | jq '.alarms | length')" 6
is "$(alarms | jq '[.alarms[].count] | max')" 1
ok "copies, and the next guard, tell nothing again"

# ---- The server is away ----
stop_server
echo "malware unheard" >unheard && cms stolen.pem release.crt unheard
mv unheard.p7s unheard watched/
has_reported() { grep -q '"event":"signature".*/watched/unheard"' guard.log; }
until_true has_reported
start_server
until_true raised "$work/watched/unheard" cms
ok "what was met while the server was away raises its alarm when it is back"

# ---- An alarm that cannot be written now ----
sql() { python3 -c 'import sqlite3, sys; sqlite3.connect("server/greatseald.db", isolation_level=None, timeout=60).execute(sys.argv[1])' "$1"; }
sql "CREATE TRIGGER broken BEFORE INSERT ON alarm BEGIN SELECT RAISE(ABORT, 'broken'); END"
echo "malware unwritten" >unwritten && cms stolen.pem release.crt unwritten
mv unwritten.p7s unwritten watched/
is_refused() { grep -q "ALARM that cannot be kept: store: broken" server.log; }
until_true is_refused
sql "DROP TRIGGER broken"
until_true raised "$work/watched/unwritten" cms
ok "an alarm that the server could not write is told until it can"

# ---- Others, and bad ones ----
openssl req -x509 -newkey rsa:3072 -nodes -keyout their.pem -subj "/CN=Others" -days 1 -out their.crt 2>/dev/null
echo theirs >theirs && cms their.pem their.crt theirs
echo tampered >tampered && cms stolen.pem release.crt tampered
printf '\0' | dd of=tampered.p7s bs=1 seek=$(($(stat -c %s tampered.p7s) - 1)) conv=notrunc 2>/dev/null
bad=$(number signatures_bad)
mv theirs.p7s theirs tampered.p7s tampered watched/
found_bad() { (($(number signatures_bad) > bad)); }
until_true found_bad
walks=$(number walks)
until_true walked
is "$(alarms | jq '.alarms | length')" 8
grep -q '"event":"signature".*/watched/\(theirs\|tampered\)"' guard.log && die "told: $(cat guard.log)"
ok "others' signatures and bad ones are not told"

# ---- A host that lies ----
# In the guard's place: whatever a taken-over host could say. What its key has not made is no alarm; of what could be made
# up without the key (ECDSA over a digest) there are so many and no more, and they are in nobody's way.
kill "$guard" "$agent" && wait "$guard" "$agent" || die "they ended with $?"
mkdir lying-state
mkfifo commands
exec 7<>commands 8>commands
feed-source "$work/lying-state" "$work/lies" 8388608 <&7 >lies.log 2>&1 7<&- 8>&- &
pids+=("$!")
start_agent "$work/lies"
curve_spki=$(openssl pkey -in stolen-curve.pem -pubout -outform DER | base64 -w0)
rsa_spki=$(openssl pkey -in stolen.pem -pubout -outform DER | base64 -w0)
lie() { # NAME DIGEST SPKI SIGNATURE
	echo "event {\"event\":\"signature\",\"time\":\"$(date -u +%FT%TZ)\",\"reason\":\"ima\",\"path\":\"/lies/$1\",\"sha256\":\"$2\",\"fits\":1,\"hash\":\"sha256\",\"digest\":\"$2\",\"spki\":\"$3\",\"signature\":\"$4\"}" >&8
}
digest_of() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
by_curve() { printf %s "$1" | openssl dgst -sha256 -binary | openssl pkeyutl -sign -inkey stolen-curve.pem | base64 -w0; }
lie forged "$(digest_of forged)" "$curve_spki" "$(by_curve "something else")"
lie nonsense "$(digest_of nonsense)" "AAAA" "AAAA"
lie stranger "$(digest_of stranger)" "$(openssl pkey -in their.pem -pubout -outform DER | base64 -w0)" "$(printf stranger | openssl dgst -sha256 -sign their.pem | base64 -w0)"
echo "event {\"event\":\"signature\",\"time\":\"$(date -u +%FT%TZ)\",\"path\":\"/lies/bare\"}" >&8
for i in {1..110}; do lie "word-$i" "$(digest_of "word $i")" "$curve_spki" "$(by_curve "word $i")"; done
lie proven "$(digest_of proven)" "$rsa_spki" "$(printf proven | openssl dgst -sha256 -sign stolen.pem | base64 -w0)"
until_true raised /lies/proven ima
is "$(alarms | jq '[.alarms[] | select(.reporter == "build-07" and (.name | startswith("/lies/word-")))] | length')" 92
is "$(alarms | jq '[.alarms[] | select(.name | test("/lies/(forged|nonsense|stranger|bare)"))] | length')" 0
ok "a host that lies raises no alarm without the key, and of what rests on its word no more than 100"
grep -q "ALARM that cannot be kept: 100 alarms that build-07 has told are open" server.log || die "not said: $(tail server.log)"
alarm=$(alarms | jq -r 'first(.alarms[] | select(.name == "/lies/word-1")).signature')
as carol alarms show "$alarm" | grep -q "only the reporter's word" || die "shown as proven"
echo "$checks checks"
