# guard.sh - chapter of tools/demo: a host that runs only what was approved, packages, a stolen key.
#
# Run in a mount namespace of its own: the "host" is a small tree on a tmpfs in it, nothing else of this machine is
# guarded, and it is gone when this ends. What the host runs has the machine's real clock, lists are made by it too.

host=$state/host
mkdir "$host"
mount -t tmpfs -o size=512M,mode=755 demo-host "$host"
stop_guard() {
	local pid
	for pid in ${agent:-} ${guard:-}; do { kill "$pid" && wait "$pid"; } 2>/dev/null || true; done
}
trap stop_guard EXIT
now() { env -u LD_PRELOAD "$@"; }
on_host() {
	printf '%shost$%s %s\n' "$bold" "$plain" "$(sed "s,$host/,/,g; s,$host,/,g" <<<"$*")"
	now "$@"
}
# Not run by the guard's word: bash says 126.
stopped() {
	local code=0
	on_host "$@" 2>stopped.log || code=$?
	sed "s,$host,,g; s/^.*: line [0-9]*: /  /" stopped.log
	((code == 126)) || die "it was not stopped, exit code $code: $*"
}
quorum() { # REQUEST: alice and dave
	quietly alice approve "$1" --yes
	shows '^  done' as dave approve "$1" --yes | sed -n '/^approved/,$p'
}
shown_guard() { printf '%shost$%s greatseal-guard %s\n' "$bold" "$plain" "$*"; }
on_guard() {
	shown_guard "$@"
	now greatseal-guard "$@" --config "$state/guard.conf"
}

mkdir -p "$host"/{usr/bin,lib,srv/build,tmp,var/lib/dpkg}
for program in dash cat ls ld; do cp "$(readlink -f "$(command -v $program)")" "$host/usr/bin/$program"; done
as dave key create lists --token main --algorithm ecdsa-p256
quietly dave key self-sign lists --subject "CN=Example approved lists"
say "the list of what runs on the build farm is a file like any other: carol asks, two others approve what it changes"
now env GREATSEAL_CONFIG="$state/carol.json" greatseal list build -o farm.list --name farm --group build-farm --root "$host" --producer /usr/bin/ld "$host" --origin log.example >built.log
sed 's/^/  /' built.log
as carol submit --key lists --product farm-list -m "what the farm runs" farm.list
list=$(request_of carol)
as alice inspect "$list" | sed -n '/^ /p' | sed -n '1,19p'
quorum "$list"
quietly carol fetch "$list" -o lists
cp farm.list lists/

cat >guard.conf <<END
list = $state/lists/farm.list
state = $state/guarded
records = $state/guarded/records
socket = $state/guard.sock
log-key = $vkey
list-key = $(GREATSEAL_CONFIG=$state/dave.json greatseal key list --json | jq -r '.keys[] | select(.name == "lists").fingerprint')
group = build-farm
mount = $host
zone = uid:$(id -u) $host/srv/build 1h
reports-socket = $state/guard-reports
certificates = $state/certificates.pem
watch = $state/downloads
watch-every = 1s
END
mkdir -p guarded downloads
env -u LD_PRELOAD greatseal-guard run --config "$state/guard.conf" 2>guard.log &
guard=$!
for _ in $(seq 300); do
	now greatseal-guard status --config "$state/guard.conf" 2>/dev/null | grep -q '"ready":true' && break
	kill -0 "$guard" 2>/dev/null || die "greatseal-guard ended: $(cat guard.log)"
	sleep 0.1
done
on_guard check | sed "s,$state/,,g"
on_guard enforce
shows Debian on_host "$host/usr/bin/cat" /etc/issue
say "a program from somewhere, one byte away from an approved one; and a script. Root is nobody special"
cp "$host/usr/bin/cat" "$host/tmp/cat"
printf 'x' >>"$host/tmp/cat"
stopped "$host/tmp/cat" /etc/issue
printf '#!/bin/sh\necho this must not run\n' >"$host/tmp/run-me"
chmod +x "$host/tmp/run-me"
stopped "$host/tmp/run-me"
grep -o '"event":"denied".*' guard.log | tail -n 1 | jq -R '"{" + . | fromjson | {event, path, uid, sha256}' -c | sed "s,$host,,"

step "17. A build: what the approved linker makes runs there, what is dropped there does not"
say "the list has the linker as a producer, and the host's settings say: $(grep '^zone' guard.conf | sed "s,$host,,")"
printf '#include <stdio.h>\nint main(void) { return puts("built and run a moment later") < 0; }\n' >"$host/srv/build/main.c"
on_host gcc -B"$host/usr/bin/" -o "$host/srv/build/program" "$host/srv/build/main.c"
shows 'built and run' on_host "$host/srv/build/program"
say "somebody in the build brings a program along; it was linked elsewhere"
sed 's/built and run a moment later/malware/' "$host/srv/build/main.c" >malware.c
gcc -o malware malware.c
on_host cp "$state/malware" "$host/srv/build/malware" | sed "s,$state/,,"
stopped "$host/srv/build/malware"
say "or puts it into the place of what was just built"
cat malware >"$host/srv/build/program"
stopped "$host/srv/build/program"

step "18. A package that nobody has approved: refused, asked for, approved, installed"
cp "$state/new/hello.deb" hello.deb
refused 1 on_guard gate hello.deb
on_host dpkg-deb -x hello.deb "$host"
stopped "$host/usr/bin/hello"
say "its record names all that runs in it; carol asks, two approve, the host takes it"
as carol request-package --key lists --output lists -m "hello for the farm" hello.deb
record=$(request_of carol)
quorum "$record"
quietly carol fetch "$record" -o lists
on_guard take lists/package-hello_*.record
on_guard gate hello.deb
shows 'Hello, world' on_host "$host/usr/bin/hello"

step "19. A stolen key: a signature that is not in the log"
say "somebody has copied the token's file and its passphrase, and signs with openssl what nobody has approved"
"$build/tests/thief" "$(find keeper -name 'main*' -type f | head -n 1)" "$state/passphrase" 2 >thief.p8
openssl pkcs8 -inform DER -nocrypt -in thief.p8 -out thief.pem
say "the guard of the host knows the organisation's certificates, and the agent brings to the server what it meets"
printf '%sdave$%s greatseal key certificates >certificates.pem\n' "$bold" "$plain"
GREATSEAL_CONFIG=$state/dave.json greatseal key certificates >certificates.pem
greatseal-agent run --socket "$state/guarded/agent.sock" --key-file "$state/build-07" --server "https://$address" --pin "$pin" \
	--host build-07 --origin "${vkey%%+*}" --guard "$state/guard-reports" --guard-interval 1 2>guard-agent.log &
agent=$!
cp signed/hello.deb signed/hello.deb.p7s downloads/
echo "an update that nobody has asked for" >downloads/update.bin
run openssl cms -sign -binary -signer cert.pem -inkey thief.pem -in downloads/update.bin -outform DER -out downloads/update.bin.p7s
say "everybody's openssl believes it:"
openssl cms -verify -binary -inform DER -in downloads/update.bin.p7s -content downloads/update.bin -CAfile cert.pem -purpose any -out /dev/null
say "the host has looked at it by itself: an alarm with its name and the path. What was signed properly is none"
for _ in $(seq 600); do
	GREATSEAL_CONFIG=$state/dave.json greatseal alarms list --state open --json --quiet | jq -e '.alarms | length > 0' >/dev/null && break
	kill -0 "$agent" 2>/dev/null || die "greatseal-agent ended: $(cat guard-agent.log)"
	sleep 0.1
done
shows 'by build-07' as dave alarms list
as dave guard events --kind signature
say "where no guard runs, anybody of the roster can look, too"
refused 6 as dave watch downloads
alarm=$(GREATSEAL_CONFIG=$state/dave.json greatseal alarms list --state open --json --quiet | jq -r '.alarms[0].signature[:16]')
as dave alarms show "$alarm"
as dave key lock release -m "stolen: alarm $alarm"
