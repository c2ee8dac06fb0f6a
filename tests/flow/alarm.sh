#!/bin/bash
# The stolen-key alarm: a thief has the keeper's token file and its passphrase, and signs with other
# tools. What Great Seal signed raises nothing, whatever form it has; what the thief signed does.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/thief.sh"
thief_world

# watched EXIT ALARMS PATH...: what `watch` says of these files.
watched() {
	local want=$1 alarms=$2 code=0
	shift 2
	as carol watch --json "$@" >watch.json 2>watch.err || code=$?
	((code == want)) || die "watch $*: exit $code instead of $want: $(cat watch.json watch.err)"
	[[ $(jq .alarms watch.json) == "$alarms" ]] || die "watch $*: not $alarms alarms: $(cat watch.json)"
}
verdicts() { jq -r '[.signatures[].verdict] | join(" ")' watch.json; }
is() { [[ $1 == "$2" ]] || die "'$1' is not '$2'"; }
open_alarms() { as carol alarms list --state open --json --quiet | jq '.alarms | length'; }
alarm_of() { jq -r 'first(.signatures[] | select(.verdict == "alarm")).signature' watch.json; }
make_pe good.exe good
make_pe evil.exe evil
echo "a good file" >good.txt
echo "a second good file" >curve.txt

# ---- What Great Seal signed ----
watched 0 0 good.txt good.exe
is "$(jq '.signatures | length' watch.json)" 0
ok "files without a signature raise nothing"
watched 1 0 good.txt no-such-directory
ln -s no-such-directory dangling
watched 1 0 dangling
ok "a path that is not there is no all-clear"
sign_properly release good.exe
sign_properly release good.txt
sign_properly curve curve.txt
cp good.txt curve.txt signed/
watched 0 0 signed
is "$(verdicts)" "issued issued issued"
is "$(jq '.bad + .unreadable + .unjudged' watch.json)" 0
ok "signatures of both keys and formats are found in the log"
rm -rf again && cp -r signed again && : >again/curve.txt
watched 0 0 again/curve.txt
is "$(verdicts)" issued
ok "a file that was changed afterwards: its signature is in the log still"
# Longer than what is told of a name, so that one of the two is cut within a character if that is where the bytes end.
accents=$(printf 'é%.0s' {1..120})
for top in n nn; do
	deep=$top/$(printf '\a%.0s' {1..60})/$accents/$accents/$accents/$accents
	mkdir -p "$deep"
	cp signed/curve.txt signed/curve.txt.p7s "$deep/"
	watched 0 0 $top
	is "$(verdicts)" issued
done
ok "names that do not fit keep nobody from looking on"

# ---- The thief ----
steal 2 stolen
steal 3 stolen-curve
certificate signed/good.txt.p7s release.crt
certificate signed/curve.txt.p7s curve.crt
mkdir loot
raises() { # FILE HOW
	watched 6 1 "$1"
	ok "alarm: $2"
}
echo "malware loot/plain" >loot/plain && cms stolen.pem release.crt loot/plain
raises loot/plain "a CMS signature by the stolen key"
first=$(alarm_of)
cp good.txt loot/same && cms stolen.pem release.crt loot/same
raises loot/same "over a file that Great Seal has signed too, but in a signature of the thief's"
echo "malware loot/bare" >loot/bare && cms stolen.pem release.crt loot/bare -noattr
raises loot/bare "without signed attributes"
echo "malware loot/nocert" >loot/nocert && cms stolen.pem release.crt loot/nocert -nocerts
raises loot/nocert "without a certificate in it"
echo "malware loot/keyid" >loot/keyid && cms stolen.pem release.crt loot/keyid -keyid -nocerts
raises loot/keyid "that names its signer by key id"
echo "malware loot/pem" >loot/pem && cms stolen.pem release.crt loot/pem -outform PEM
raises loot/pem "in PEM"
openssl req -x509 -new -key stolen.pem -subj "/CN=Somebody" -days 1 -out other.crt
echo "malware loot/other" >loot/other && cms stolen.pem other.crt loot/other
raises loot/other "with another certificate for the same key"
echo "malware loot/curve" >loot/curve && cms stolen-curve.pem curve.crt loot/curve
raises loot/curve "by the ECDSA key"
osslsigncode sign -certs release.crt -key stolen.pem -in evil.exe -out loot/evil.exe >/dev/null
raises loot/evil.exe "Authenticode"
osslsigncode sign -nest -certs release.crt -key stolen.pem -in signed/good.exe -out loot/nested.exe >/dev/null
raises loot/nested.exe "a signature nested in one of ours"
is "$(jq -r '[.signatures[].verdict] | sort | join(" ")' watch.json)" "alarm issued"
echo "malware module.ko" >module.ko && cms stolen.pem release.crt module.ko -nocerts -noattr
append module.ko loot/module.ko
raises loot/module.ko "a kernel module"
echo "malware loot/ssh" >loot/ssh && ssh-keygen -q -Y sign -f stolen.pem -n file loot/ssh 2>ssh.log
raises loot/ssh "ssh-keygen with the RSA key"
echo "malware loot/sshcurve" >loot/sshcurve && ssh-keygen -q -Y sign -f stolen-curve.pem -n file loot/sshcurve 2>ssh.log
raises loot/sshcurve "ssh-keygen with the ECDSA key"
all=$(open_alarms)
is "$all" 13

# ---- What is no alarm ----
openssl req -x509 -newkey rsa:3072 -nodes -keyout their.pem -subj "/CN=Others" -days 1 -out their.crt 2>/dev/null
echo "malware theirs" >theirs && cms their.pem their.crt theirs
watched 0 0 theirs
is "$(verdicts)" ""
ok "another organisation's signature is none of ours"
cp loot/plain tampered && cp loot/plain.p7s tampered.p7s
python3 - tampered.p7s <<-'PYTHON'
	import sys
	b = bytearray(open(sys.argv[1], "rb").read())
	b[-1] ^= 1
	open(sys.argv[1], "wb").write(b)
PYTHON
watched 0 0 tampered
is "$(verdicts)" bad
is "$(as carol alarms list --json --quiet | jq .bad)" 1
ok "a signature that does not verify is counted, and no alarm"

# ---- Told again and again ----
for _ in 1 2 3; do watched 6 13 loot; done
is "$(open_alarms)" 13
is "$(as carol alarms list --json --quiet | jq --arg a "$first" '.alarms[] | select(.signature == $a).count')" 4
ok "what is told again is counted, and no new alarm"
grep -q "ALARM .*key release has signed something that is not in the log" server.log || die "nothing in the server's log"

# ---- Looked at and closed ----
as carol alarms show "${first:0:16}" >shown.txt
grep -q "the signature verifies here" shown.txt || die "no proof: $(cat shown.txt)"
grep -q "entries searched now.*it has 2 signatures by this key" shown.txt || die "no search: $(cat shown.txt)"
ok "an alarm shows its proof and how far was searched"
refused 4 who.seat as carol alarms close "$first" -m "it was me"
refused 2 "say why" as dave alarms close "$first"
as dave alarms close "$first" -m "made by the old build server in 2024" --known --quiet
watched 0 0 loot/plain
is "$(verdicts)" known
ok "one that is known raises nothing any more"
is "$(open_alarms)" 12
as carol alarms list | grep -q "closed .* by dave: made by the old build server" || die "no comment"

# What is no file is not opened, whatever a name beside one leads to: to open some devices is to use them.
mkdir loot/beside
echo app >loot/beside/app
mkfifo device
ln -s ../../device loot/beside/app.sig
{ : >device; touch opened; } &
pids+=($!)
watched 0 0 loot/beside
[[ ! -e opened ]] || die "what app.sig leads to was opened"
ok "a name beside a file that leads to something else is left alone"

contract_kept alice
# ---- The server's index is a projection ----
stop_server
rm -f server/greatseald.db*
start_server
watched 0 0 signed
is "$(verdicts)" "issued issued issued"
ok "an index that is lost is made from the log again"
echo "$checks checks"
