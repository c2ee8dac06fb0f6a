#!/usr/bin/env bash
# greatseal-jwksd brings the keys of an issuer to the keeper, on a socket that is for nothing else: arrival,
# rotation, what a hostile issuer answers, what neither peer may send, and a keeper that is away.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/issuer.sh"
PATH=$BUILD/prog/jwksd:$PATH
# clock SECONDS: moved from the true one, for everybody; in place, for whoever reads it meanwhile.
clock() { printf '%-20d' "$1" 1<>"$work/clock"; }
clock 0
export GS_CLOCK_OFFSET_FILE=$work/clock LD_PRELOAD=$BUILD/tests/libclock-shim.so
[[ -r $LD_PRELOAD ]] || die "$LD_PRELOAD is not built"
world_documents() {
	jq -ncS --arg a "$(public alice)" --arg d "$(public dave)" --arg h "$(public build-07)" --arg i "$issuer" '{version: 1,
		hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
		people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "dave", groups: ["security"], keys: [$d]}],
		services: [{name: "ci", owners: ["dave"], oidc: {name: "ci", issuer: $i, audience: "seal",
			match: ["repository=acme/app"]}}]}' | tr -d '\n' >roster.json
	jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
		change: {approve: ["1 of release", "1 of security"]}, rules: [{name: "release", keys: ["release"],
		formats: ["cms"], request: ["service:ci"], from: ["group:farm"], approve: ["1 of release"]}]}' | tr -d '\n' >policy.json
}
# Its socket is there before its entry "start" is in the log.
serves() { (($(grep -c ': serving ' keeper.log || true) > $1)); }
start_keeper() {
	local before
	before=$(grep -c ': serving ' keeper.log 2>/dev/null || true)
	touch keeper.log
	exec_keeper run --socket "$work/k.sock" --jwks-socket "$work/j.sock" 2>>keeper.log &
	keeper=$!
	pids+=("$keeper")
	until_true serves "${before:-0}"
}
world_keys alice dave build-07
issuer_start
world_documents
(umask 077 && echo "a passphrase for a test" >passphrase)
token=file:main,passphrase=$work/passphrase,scrypt=10
keeper_is init --origin log.example --policy "$work/policy.json" --roster "$work/roster.json" 2>init.log
start_keeper
patience=120 # as long as there is: a good issuer on a busy machine must not count as a slow one
fetch() { greatseal-jwksd once --keeper-socket "$work/j.sock" --ca-file "$work/issuer/cert.pem" --timeout "$patience" --issuer "$issuer" "$@" 2>jwksd.log; }
is_stopped() { ! awk '{ print $3 }' /proc/"$keeper"/task/*/stat | grep -qv T; }
# The journal as it is on the disk; the keeper has it locked, so a copy is read, while it stands still.
rows() {
	rm -rf copy && mkdir copy
	kill -STOP "$keeper" && until_true is_stopped
	cp keeper/keeper.db* copy/
	kill -CONT "$keeper"
	sqlite3 copy/keeper.db "$1"
}
leaves() { rows 'select count(*) from leaf'; }
digest() { rows "select lower(hex(digest)) from issuer where issuer = '$issuer'"; }
served() { curl -sf --cacert issuer/cert.pem "$issuer/keys" | sha256sum | cut -d' ' -f1; }

# say SOCKET TYPE BODY: one frame; prints the reply's type.
say() {
	python3 - "$@" <<'END'
import socket, struct, sys
path, kind, body = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.sendall(struct.pack(">IHHQ", 12 + len(body), kind, 0, 7) + body)
s.shutdown(socket.SHUT_WR)
answer = b""
while True:
    part = s.recv(65536)
    if not part:
        break
    answer += part
print(struct.unpack(">H", answer[4:6])[0], answer[16:].decode("latin-1").replace("\0", ""))
END
}
string() { printf '%08x' "${#1}" && printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }

before=$(leaves)
fetch || die "not fetched: $(<jwksd.log)"
[[ $(digest) == "$(served)" ]] || die "another set"
[[ $(leaves) == $((before + 1)) ]] || die "no entry in the log"
entry=$(rows 'select body from leaf order by idx desc limit 1')
want=$(printf 'greatseal-jwks-v1\n%s\n%s' "$issuer" "$(curl -sf --cacert issuer/cert.pem "$issuer/keys")" | sha256sum | cut -d' ' -f1)
jq -e --arg s "$want" --arg o "$(served)" '.action == "jwks" and (.statement | endswith($s)) and (.object | endswith($o))' \
	<<<"$entry" >/dev/null || die "the entry: $entry"
ok "keys arrive, and the log has their digest"
fetch || die "$(<jwksd.log)"
[[ $(leaves) == $((before + 1)) ]] || die "a confirmation wrote an entry"
grep -q 'has its keys' jwksd.log || die "$(<jwksd.log)"
ok "the same keys again are no news"
issuer_keys
fetch || die "$(<jwksd.log)"
grep -q 'has new keys' jwksd.log || die "$(<jwksd.log)"
[[ $(digest) == "$(served)" && $(leaves) == $((before + 2)) ]] || die "rotation"
[[ $(rows 'select count(*) from jwks_set') == 2 ]] || die "old sets are not kept"
ok "rotation"

# What nobody confirms for a day does not count; what is confirmed does, though nothing of it is news.
echo '{"repository": "acme/app"}' >issuer/claims.json
day=86400
confirmed() { rows "select confirmed from issuer where issuer = '$issuer'"; }
jwks_leaves() { rows "select count(*) from leaf where cast(body as text) like '%\"action\":\"jwks\"%'"; }
ask_caller() { say k.sock 25 "$(string ci)$(string "$(issuer_token seal)")"; }
[[ $(ask_caller) == "133 "*'"service":"ci"'* ]] || die "a token is refused: $(ask_caller)"
first=$(confirmed)
clock $((day - 3600))
fetch || die "$(<jwksd.log)"
grep -q 'has its keys' jwksd.log || die "$(<jwksd.log)"
(($(confirmed) >= first + day - 3600)) || die "not confirmed: $first, $(confirmed)"
[[ $(jwks_leaves) == 2 ]] || die "a confirmation wrote an entry"
clock $((day + day / 2))
[[ $(ask_caller) == "133 "*'"service":"ci"'* ]] || die "not a day after it was confirmed: $(ask_caller)"
clock $((2 * day))
[[ $(ask_caller) == "128 "*token.keys* ]] || die "a day after it was confirmed: $(ask_caller)"
fetch || die "$(<jwksd.log)"
[[ $(ask_caller) == "133 "*'"service":"ci"'* && $(jwks_leaves) == 2 ]] || die "confirmed too late: $(ask_caller)"
ok "the same keys, confirmed after the pace, keep the issuer's tokens good"

# harmless MODE WORDS: refused with these words, and nothing has changed.
good=$(digest)
count=$(leaves)
harmless() {
	local code=0
	issuer_mode "$1"
	fetch || code=$?
	((code == 1)) || die "exit $code for $1: $(<jwksd.log)"
	grep -qF "$2" jwksd.log || die "no '$2' in $(<jwksd.log)"
	[[ $(digest) == "$good" && $(leaves) == "$count" ]] || die "$1 changed something"
	kill -0 "$keeper" || die "the keeper is gone"
	ok "harmless: $1"
}
harmless huge "over 65536 bytes"
patience=2
harmless slow "nothing whole within 2 s"
patience=120
harmless header "a header line of more than 100 KB"
harmless redirect "redirects"
harmless html "not a key set"
harmless twice "not a key set"
harmless duplicate token.keys
harmless plain "not an https:// address"
harmless other "another issuer"
harmless gone "answers 503"
issuer_mode good
for set in '{"keys":[]}' '{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}' '{"keys":[{"kty":"RSA","kid":"a","alg":"RS256","e":"AQAB","n":"AQAB"}]}'; do
	echo "$set" >issuer/set.json
	harmless good token.keys
done
rm issuer/set.json
code=0
greatseal-jwksd once --keeper-socket "$work/j.sock" --issuer "$issuer" --timeout "$patience" 2>jwksd.log || code=$?
((code == 1)) && grep -qi 'certificate' jwksd.log || die "an issuer of no known authority: $(<jwksd.log)"
ok "an issuer whose certificate nobody vouches for"
code=0
greatseal-jwksd once --keeper-socket "$work/j.sock" --ca-file "$work/issuer/cert.pem" \
	--issuer "https://other.example $issuer/keys" 2>jwksd.log || code=$?
((code == 1)) && grep -q token.issuer jwksd.log || die "an issuer the roster does not name: $(<jwksd.log)"
ok "an issuer that no service names: token.issuer"
for bad in "--issuer http://127.0.0.1/" "--issuer https://a@b/" "--issuer $issuer#x" "--interval 0" "--nonsense 1" "--ca-file"; do
	code=0
	# shellcheck disable=SC2086
	greatseal-jwksd check $bad >jwksd.log 2>&1 || code=$?
	((code == 2)) || die "exit $code for $bad"
done
ok "wrong settings end with 2"

# What may come by which door.
keys=$(string "$issuer")$(string "$(curl -sf --cacert issuer/cert.pem "$issuer/keys")")
[[ $(say j.sock 20 "$keys") == "133 "* ]] || die "the jwks socket refuses keys"
[[ $(say k.sock 20 "$keys") == "128 "*form.message* ]] || die "the server's socket takes keys"
[[ $(say k.sock 1 0001) == "129 "* ]] || die "hello on the server's socket"
for message in "1 0001" "8 00000000" "5 $(printf '%064d' 0)" "10 07" "14 $(printf '%032d' 0)" "2 00"; do
	# shellcheck disable=SC2086
	[[ $(say j.sock $message) == "128 "*form.message* ]] || die "the jwks socket answers $message"
done
for body in "" 00 "${keys}00" "$(string "$issuer")" "00000000$(string x)" "$(string 'a b')$(string x)" "ffffffff"; do
	[[ $(say j.sock 20 "$body") == "128 "*form.message* ]] || die "a broken message: $body"
done
[[ $(leaves) == "$count" ]] || die "something was written"
ok "keys come by their own socket alone, and nothing else by it"

# Its connections are its own: nobody there takes the server's.
python3 - <<'END'
import socket
held = []
for n in range(12):
    s = socket.socket(socket.AF_UNIX)
    s.connect("j.sock")
    held.append(s)
t = socket.socket(socket.AF_UNIX)
t.settimeout(60)
t.connect("k.sock")
t.sendall(bytes.fromhex("0000000e00010000" + "00" * 8 + "0001"))
assert t.recv(8)[4:6] == b"\x00\x81"
END
ok "who holds all connections of the jwks socket takes none of the server's"

# A flood of changes is paced: each stays in the log.
n=0
until ((n == 20)); do
	n=$((n + 1))
	curl -sf --cacert issuer/cert.pem "$issuer/keys" | jq -c --arg n "$n" '. + {n: $n}' >set.new
	[[ $(say j.sock 20 "$(string "$issuer")$(string "$(<set.new)")") == "133 "* ]] || break
done
((n < 20)) || die "20 changes in a row were taken"
say j.sock 20 "$(string "$issuer")$(string "$(<set.new)")" | grep -q keeper.busy || die "no keeper.busy"
[[ $(say j.sock 20 "$keys") == "128 "*keeper.busy* ]] || die "another change passed"
ok "changes are paced: $n in a row"

# The keeper goes and comes; greatseal-jwksd stays, and says so once.
greatseal-jwksd run --keeper-socket "$work/j.sock" --ca-file "$work/issuer/cert.pem" --interval 1 --issuer "$issuer" 2>jwksd.log &
jwksd=$!
pids+=("$jwksd")
stop_keeper
until_true grep -q 'the keeper at' jwksd.log
rm -f j.sock
# A keeper whose bucket of changes is full again: it is the journal that remembers, so another log.
rm -rf keeper guard copy
keeper_is init --origin log.example --policy "$work/policy.json" --roster "$work/roster.json" 2>init.log
start_keeper
until_true grep -q 'has new keys' jwksd.log
[[ $(digest) == "$(served)" ]] || die "not what is served"
[[ $(grep -c 'the keeper at' jwksd.log) == 1 ]] || die "a failure that lasts is said again: $(<jwksd.log)"
issuer_keys
is_rotated() { [[ $(digest) == "$(served)" ]]; }
until_true is_rotated
kill "$jwksd"
ok "the keeper goes and comes back"
stop_keeper
keeper_is fsck >/dev/null || die "fsck"
echo "1..$checks"
