#!/usr/bin/env bash
# Lists and package records that arrive by themselves: a keeper, a server, an agent and a guard together.
source "${SRCDIR:?}/tests/lib/guard_host.sh"
# ---- A list by itself ----
guard_may_run
start_guard
until_true fetch_failed "no agent is running"
start_agent
until_true fetch_failed "call.not-found: no list for these groups is signed"
[[ $(grep -c '"event":"fetch-failed".*no list for these groups' guard.log) == 1 ]] || die "said more than once: $(cat guard.log)"
[[ $(status | jq -r .fetch.last) == null ]] || die "fetched something: $(status)"
ok "without an agent, and without a list, it says so once and goes on"

greatseal list build -o one.list --name base --group farm --origin log.example good second >/dev/null
sign lists one.list
until_true serial_is 1
[[ $(status | jq -r '.list.name') == base && $(status | jq -r '.fetch.last') == 20* && $(status | jq -r '.fetch.failures') == 0 ]] || die "status: $(status)"
guard fetch | grep -q "the list in force is the newest" || die "fetch"
guard enforce || die "cannot enforce: $(tail guard.log)"
runs good
is_refused stranger
ok "a list that was approved arrives by itself and is enforced"
curl -s --unix-socket "$socket" "http://localhost/v1/guard/list?groups=farm&name=base" >offer1.json
[[ $(jq -r .serial offer1.json) == 1 && $(jq -r .sha256 offer1.json) == "$(sha one.list)" ]] || die "the offer: $(cat offer1.json)"
curl -s --unix-socket "$socket" "http://localhost/v1/guard/list/$(sha one.list)" | cmp - one.list || die "another list"
[[ $(curl -s --unix-socket "$socket" "http://localhost/v1/guard/list?have=$(sha one.list)" | jq -c '[.current, has("proof")]') == '[true,false]' ]] ||
	die "asked for again, it is all sent again"
ok "whoever has the newest list is told so in a few bytes"

# ---- The next one takes a program back ----
greatseal list build -o two.list --after one.list second third >/dev/null
sign lists two.list
until_true serial_is 2
is_refused good
runs third
ok "the next list arrives by itself, and what it withdraws is refused"

# ---- Who may read ----
code_of() { curl -sk -o answer.json -w '%{http_code}' "$@"; }
[[ $(code_of "https://$address/v1/guard/list?groups=farm") == 401 ]] || die "strangers may read lists"
[[ $(code_of "https://$address/v1/guard/list/$(sha two.list)") == 401 ]] || die "strangers may read lists"
[[ $(code_of -H "Authorization: Greatseal-Host h=build-07,t=$(date -u +%FT%TZ),n=$(printf '%032d' 0),b=$(sha /dev/null),s=AAAA" "https://$address/v1/guard/list") == 403 ]] ||
	die "a host that signs nothing may read: $(cat answer.json)"
[[ $(jq -r .error.code answer.json) == sig.host ]] || die "another reason: $(cat answer.json)"
[[ $(code_of -H "Authorization: Greatseal-Host h=other,t=$(date -u +%FT%TZ),n=$(printf '%032d' 0),b=$(sha /dev/null),s=AAAA" "https://$address/v1/guard/list") == 403 ]] &&
	[[ $(jq -r .error.code answer.json) == who.host ]] || die "an unknown host: $(cat answer.json)"
[[ $(code_of -H "Authorization: Greatseal-Host h=build-07,t=$(date -u +%FT%TZ),n=$(printf '%032d' 0),b=$(sha /dev/null),s=AAAA" "https://$address/v1/keys") == 401 ]] ||
	die "a host may make any call"
[[ $(code_of --unix-socket "$socket" "http://localhost/v1/keys") == 401 ]] || die "the agent signs what it should not"
[[ $(code_of --unix-socket "$socket" "http://localhost/v1/guard/hosts") == 401 ]] || die "the agent signs what it should not"
for target in 'list?groups=A' 'list?have=1' 'list?name=A' 'records' 'records?archives=1' "records?archives=$(sha one.list),"; do
	[[ $(code_of --unix-socket "$socket" "http://localhost/v1/guard/$target") == 400 ]] || die "$target: $(cat answer.json)"
done
[[ $(code_of --unix-socket "$socket" "http://localhost/v1/guard/list/$(sha stranger)") == 404 ]] || die "any file is a list"
grep -q 'GET /v1/guard/records by host build-07: 400$' server.log || die "the log does not say whose call it was: $(grep 'GET /v1/guard' server.log)"
ok "lists are given to hosts and people, and to nobody else"

# ---- The server is away ----
stop_server
refused 1 "agent.server" guard fetch
grep -q '{' refused.log && die "no reason, but the answer as it came: $(cat refused.log)"
runs third
is_refused good
stop_guard
start_guard
serial_is 2 || die "the last good list is not in force: $(status)"
runs third
is_refused good
until_true fetch_failed "agent.server"
start_server
guard fetch | grep -q "the list in force is the newest" || die "fetch"
[[ $(status | jq -r '.fetch.failures') == 0 ]] || die "status: $(status)"
ok "without the server it goes on with the last good list, also over a restart"

# ---- Reports, by the same agent ----
has_denied() { [[ $(as alice guard events --kind denied --json | jq '[.events[] | select(.path == "'"$work"'/m/good")] | length') -ge 1 ]]; }
until_true has_denied
[[ $(as alice guard hosts --json | jq -c '.hosts[0] | [.host, .mode, .list, .serial]') == '["build-07","enforce","base",2]' ]] || die "hosts"
ok "what was refused arrives at the server"

# ---- Packages ----
package() { # NAME: a package with a program that nobody has approved
	mkdir -p "pkg-$1/DEBIAN" "pkg-$1/usr/bin"
	{ cat "$BUILD/tests/guard-prog"; echo "package $1"; } >"pkg-$1/usr/bin/$1"
	chmod 755 "pkg-$1/usr/bin/$1"
	printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example>\nDescription: x\n' "$1" >"pkg-$1/DEBIAN/control"
	dpkg-deb --root-owner-group --build "pkg-$1" "$1.deb" >/dev/null
}
record() { # NAME...: its record is asked for and approved; nobody brings it anywhere
	local name
	greatseal list record "${@/%/.deb}" >/dev/null
	sign "${key:-lists}" "${@/%/.deb.record}"
}
hook() { # NAME...: as apt's hook
	{
		printf 'VERSION 3\nAPT::Architecture=amd64\n\n'
		for name in "$@"; do echo "$name - - none < 1 all none $work/$name.deb"; done
	} | APT_HOOK_INFO_FD=0 guard gate apt
}
for name in alpha beta gamma delta epsilon; do package $name; done
refused 1 "not approved: alpha.deb" guard gate alpha.deb
grep -q "To ask for it: greatseal request-package alpha.deb" refused.log || die "no word of how to go on"
record alpha
guard gate alpha.deb >gate.log 2>&1 || die "its record is there: $(cat gate.log)"
cp pkg-alpha/usr/bin/alpha m/
runs alpha
ok "a record is fetched when the package is about to be installed, before its files exist"
refused 1 "not approved: beta 1 all" hook beta gamma
grep -qF "To ask for them: greatseal request-package $work/beta.deb $work/gamma.deb" refused.log || die "no word of how to ask: $(cat refused.log)"
key=other record beta
refused 1 "a record is refused" hook beta gamma
record beta gamma
hook beta gamma >gate.log 2>&1 || die "their records are there: $(cat gate.log)"
compgen -G 'records/gamma_*.record' >/dev/null || die "no record is kept"
guard gate dpkg -q beta.deb || die "dpkg's door is shut"
[[ $(compgen -G 'records/beta_*.record' | wc -l) == 1 ]] || die "the one by another key was kept: $(ls records)"
ok "apt's hook fetches the records of all packages at once, and takes none by another key"
contract_kept alice "/v1/guard/records?archives=$(sha alpha.deb),$(sha stranger)"
[[ $(find /proc/"$guard"/fd -lname '*greatseal-fetched*' | wc -l) == 0 ]] || die "descriptors are left"
cp "$SRCDIR/tests/vectors/rpm/sample.rpm" .
greatseal list record sample.rpm >/dev/null
header=$(grep -aoP '"header":"\K[0-9a-f]{64}' sample.rpm.record)
rpm_hook() { printf 'greatseal-rpm-2\n%s Sample_tool 3:1.0~rc1-2 noarch\n' "$header" | guard gate rpm; } # as the plugin in rpm
refused 1 "not approved: Sample_tool" rpm_hook
sign lists sample.rpm.record
rpm_hook >gate.log 2>&1 || die "its record is there: $(cat gate.log)"
compgen -G 'records/Sample_tool_*.record' >/dev/null || die "no record is kept"
guard gate sample.rpm >/dev/null || die "the archive is another door"
contract_kept alice "/v1/guard/records?archives=$header,$(sha sample.rpm)"
ok "rpm's plugin asks by the header, and the record of that is fetched, too"
stop_agent
record delta
refused 1 "not approved: delta 1 all" hook delta
grep -q "no record was brought: .*no agent is running" refused.log && grep -q "greatseal-guard take" refused.log ||
	die "no word of how to go on: $(cat refused.log)"
guard gate dpkg -q alpha.deb || die "what is loaded does not count any more"
ok "without the agent what is loaded counts, and the refusal says how to go on"

# ---- An agent, or a server, that lies ----
stop_guard
interval=1d
write_conf "$socket" "$work/guard-state" "$vkey"
python3 "$SRCDIR/tests/support/fake_agent.py" "$socket" "$work/mode" "$work/offer1.json" "$work/one.list" 2>>fake.log &
fake=$!
pids+=("$fake")
echo other >mode
is_up() { curl -s --unix-socket "$socket" http://localhost/v1/guard/list >/dev/null; }
until_true is_up
start_guard
lies() { # MODE TEXT
	echo "$1" >mode
	refused 1 "$2" guard fetch
	serial_is 2 || die "$1: another list is in force: $(status)"
	fetch_failed "$2" || die "$1: the status says something else: $(status)"
	runs third
	is_refused good
}
lies other "nobody is there"
lies older "serial 1, this host has had 2"
lies newer "serial 1, this host has had 2"
lies no-proof "proof"
lies flipped "another file"
lies huge "fetch-max"
lies cut "cut off"
lies longer "were named"
lies garbage "no list"
lies chunked "unknown length"
lies endless "a head of more than"
lies silent-end "cut off"
grep -q '"event":"list-refused"' guard.log && grep -q '"event":"fetch-failed"' guard.log || die "nothing was told"
# Who asks while the loader looks at what came for another hears the same. Records that are none keep it busy.
printf '[0%s]' "$(printf ',%s' {1..20000})" >none
for ((i = 0; i < 500; i++)); do
	name=$(printf 'records/none_%064d.record' $i)
	ln none "$name"
	ln none "$name.greatseal"
done
echo flipped >mode
guard fetch >first.log 2>&1 &
first=$!
looks() { ! is_ready || is_gone $first; }
until_true looks
refused 1 "another file" guard fetch
wait $first && die "it was taken"
rm records/none_*
echo records >mode
refused 1 "not approved: delta.deb" guard gate delta.deb
echo garbage >mode
refused 1 "no records" guard gate delta.deb
ok "what is older, changed, cut, too large or no list at all leaves the last good list in force"
kill "$fake"
wait "$fake" 2>/dev/null || true
rm -f "$socket"

# ---- Another log; a disk that is full ----
start_agent
stop_guard
greatseal-keeper init --origin other.example --state "$work/keeper2" --guard "$work/keeper2-guard" --policy "$work/policy.json" --roster "$work/roster.json" \
	--token "file:main,passphrase=$work/passphrase,scrypt=10" 2>init2.log
mkdir other-state
write_conf "$socket" "$work/other-state" "$(grep -oE 'other\.example\+[0-9a-f]+\+[A-Za-z0-9+/=]+' init2.log | head -n 1)"
start_guard
refused 1 "no signature by a known key" guard fetch
[[ $(status | jq -r .list) == null ]] || die "a list of another log is in force: $(status)"
stop_guard
ok "a list of another log is refused"
mkdir small
mount -t tmpfs -o size=1m,mode=0700 tmpfs "$work/small"
write_conf "$socket" "$work/small" "$vkey"
start_guard
guard fetch >/dev/null || die "no list: $(tail -n 3 guard.log)"
greatseal list build -o three.list --after two.list good third >/dev/null
sign lists three.list
dd if=/dev/zero of=small/filler bs=4096 2>/dev/null || true
refused 1 "no-space" guard fetch
serial_is 2 || die "another list is in force: $(status)"
rm small/filler
guard fetch | grep -q "a newer list is in force" || die "fetch"
serial_is 3 || die "the status: $(status)"
ok "a list that cannot be kept is not taken, and is when there is room"

# ---- A list that is held back, and a store that is made again ----
as dave key lock lists -m "who has it?" >/dev/null
refused 1 "its key is locked" guard fetch
serial_is 3 || die "another list is in force: $(status)"
as dave key unlock lists -m "nobody" >/dev/null
# Signed by two keys, it is given out with the proof by the one that is not locked.
greatseal list build -o four.list --after three.list good third >/dev/null
sign other four.list
sign lists four.list
as dave key lock other -m "who has it?" >/dev/null
guard fetch | grep -q "a newer list is in force" || die "fetch"
serial_is 4 || die "the status: $(status)"
as dave key unlock other -m "nobody" >/dev/null
# What cannot be read now is given out later.
greatseal list build -o five.list --after four.list good third >/dev/null
sign lists five.list
mv "server/artifacts/$(sha five.list)" kept
ln -s "$(sha five.list)" "server/artifacts/$(sha five.list)"
guard fetch | grep -q "is the newest" || die "fetch"
serial_is 4 || die "the status: $(status)"
mv kept "server/artifacts/$(sha five.list)"
guard fetch | grep -q "a newer list is in force" || die "what could not be read once is never given out"
serial_is 5 || die "the status: $(status)"
stop_server
rm server/greatseald.db*
start_server
asked() { curl -s --unix-socket "$socket" "http://localhost/v1/guard/$1"; }
is_back() { [[ $(asked "list?groups=farm" | jq -r '.serial') == 5 ]]; }
until_true is_back
[[ $(asked "list?groups=other" | jq -r .error.code) == call.not-found ]] || die "for any group"
[[ $(asked "list?name=other" | jq -r .error.code) == call.not-found ]] || die "of any name"
[[ $(asked "list" | jq -r .serial) == 5 ]] || die "by the groups of the roster: $(asked list)"
has_records() { [[ $(asked "records?archives=$(sha alpha.deb),$(sha epsilon.deb),$(sha beta.deb),$header" | jq -c '[(.records | length), (.later | length)]') == '[4,0]' ]]; }
until_true has_records
guard fetch | grep -q "is the newest" || die "fetch"
ok "what a locked key has signed is held back; a store that is made from the log has lists and records again"
stop_guard
echo "$checks checks"
