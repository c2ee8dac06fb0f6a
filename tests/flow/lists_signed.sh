#!/bin/bash
# A list by rule: what was signed with a key through Great Seal, and nothing else, is approved.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/thief.sh"
world_keys alice carol dave build-07
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS '.rules[0].keys = ["other", "release"] | .rules[0].formats = ["allowlist", "cms", "guard-token", "package-record", "pe"]' policy.json |
		tr -d '\n' >policy.new
	mv policy.new policy.json
}
world_start
world_key rsa-3072
as dave key create other --token main --algorithm ecdsa-p256 >/dev/null
as dave key self-sign other --subject "CN=Other" >/dev/null
sha() { sha256sum "$1" | cut -d' ' -f1; }
sign() { # KEY FILE...
	local id
	id=$(as carol submit --key "$1" -m proper "${@:2}" --json --quiet | jq -r .request)
	as alice approve "$id" --yes >/dev/null 2>&1 || die "alice cannot approve"
	as dave approve "$id" --yes >/dev/null 2>&1 || die "dave cannot approve"
}
cp "$(readlink -f "$(type -P true)")" one
cp "$(readlink -f "$(type -P false)")" two
cp "$(readlink -f "$(type -P echo)")" theirs
cp "$(readlink -f "$(type -P cat)")" waiting
printf '#!/bin/sh\n:\n' >script
mkdir -p pkg/DEBIAN pkg/usr/bin
cp "$(readlink -f "$(type -P ls)")" pkg/usr/bin/ours
printf 'Package: ours\nVersion: 1\nArchitecture: amd64\nMaintainer: A <a@example>\nDescription: x\n' >pkg/DEBIAN/control
dpkg-deb --root-owner-group --build pkg ours.deb >/dev/null
sign release one script
sign release two ours.deb
sign other theirs
as carol submit --key release -m waits waiting --quiet >/dev/null

build() { as carol list build -o "$1" --signed-with release "${@:2}" >build.log 2>&1; }
build one.list --name ours --group farm || die "no list: $(cat build.log)"
greatseal list show one.list --all --json >one.json
contents() { jq -r '.records[].sha256' "$1" | sort; }
want() { for f in "$@"; do sha "$f"; done | sort; }
[[ $(contents one.json) == "$(want one two script ours.deb pkg/usr/bin/ours)" ]] || die "another list: $(cat one.json)"
ok "what was signed with the key is on the list, also what is in its packages; what waits or has another key is not"
[[ -z $(find /tmp "${TMPDIR:-/tmp}" -maxdepth 1 -name 'greatseal-??????' -user "$(id -u)" -newer one.list 2>/dev/null) ]] || die "files are left behind"

cp "$(readlink -f "$(type -P head)")" third
sign release third
build two.list --after one.list || die "no next list: $(cat build.log)"
greatseal list show two.list --all --json >two.json
[[ $(jq .serial two.json) == 2 && $(jq -r .list two.json) == ours ]] || die "not the next list"
[[ $(contents two.json) == "$(want one two script ours.deb pkg/usr/bin/ours third)" ]] || die "another list: $(cat two.json)"
ok "the next one has what was signed since"
sign release two.list
build three.list --after two.list || die "no list: $(cat build.log)"
greatseal list show three.list --all --json >three.json
[[ $(contents three.json) == "$(contents two.json)" ]] || die "a list approves more than it says"
ok "a list that was signed with the same key adds nothing"

# A break-glass token is signed like any other file.
as carol guard token --host build-07 --for 2h -m "the package manager is broken" -o token.json >/dev/null
id=$(as carol submit --key other -m "ticket 4711" token.json --json --quiet | jq -r .request)
as alice inspect "$id" >inspected.txt
grep -q build-07 inspected.txt && grep -q "the package manager is broken" inspected.txt || die "approvers do not see it: $(cat inspected.txt)"
as alice approve "$id" --yes >/dev/null 2>&1 && as dave approve "$id" --yes >/dev/null 2>&1 || die "no approval"
as carol fetch "$id" -o signed >/dev/null 2>&1 || die "no signature"
cp token.json signed/
as carol verify signed/token.json >/dev/null || die "the token does not verify"
[[ $(jq -r '.request | @base64d | fromjson | .predicate.items[0].format' signed/token.json.greatseal) == guard-token ]] || die "signed as something else"
ok "a token for a guard: made, read by approvers, signed, in the log, verified"
{ cat token.json; echo; } >tail.json
as carol submit --key other -m x tail.json >refused.log 2>&1 && die "a token with something behind it was taken"
refused 2 "at most 7 days" as carol guard token --host build-07 --for 8d -m x -o no.json
refused 2 "say why" as carol guard token --host build-07 -o no.json

# A server in other hands gives out another file under the request's name.
file=$(find server -type f -name "$(sha one)*" | head -n 1)
[[ -n $file ]] || die "where is the upload?"
cp theirs "$file"
build four.list --after three.list && die "a file that is not the one of the request was taken"
grep -q "gives out another file\|artifact" build.log || die "another reason: $(cat build.log)"
[[ ! -e four.list ]] || die "a list was written"
ok "a file that is not the one that was approved ends it"

# ---- What a vendor signed ----
fresh=(--name vendor --group farm --origin log.example)
if type -P gpg >/dev/null && type -P gpgv >/dev/null; then
	mkdir -m 700 gnupg
	gpg() { command gpg --homedir "$work/gnupg" --batch --quiet --no-tty "$@"; }
	gpg --passphrase '' --quick-generate-key vendor@example ed25519 sign never 2>/dev/null
	gpg --export >vendor.gpg
	gpg --armor --detach-sign -o one.asc one
	greatseal list from-vendor -o v1.list "${fresh[@]}" --keyring vendor.gpg one >/dev/null || die "a signed file was refused"
	[[ $(greatseal list show v1.list --all --json | contents /dev/stdin) == "$(want one)" ]] || die "another list"
	cp one.asc two.asc
	refused 5 "not signed by a key" greatseal list from-vendor -o v2.list "${fresh[@]}" --keyring vendor.gpg one two
	refused 5 "there is no script.asc" greatseal list from-vendor -o v2.list "${fresh[@]}" --keyring vendor.gpg script
	gpgconf --homedir "$work/gnupg" --kill all 2>/dev/null || true
	ok "files with an OpenPGP signature beside them, and no others"
fi
if type -P osslsigncode >/dev/null; then
	make_pe plain.exe ""
	for ca in their other; do
		openssl req -x509 -newkey rsa:3072 -nodes -keyout $ca.key -out $ca.crt -days 30 -subj "/CN=$ca" \
			-addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=codeSigning -addext basicConstraints=critical,CA:FALSE 2>/dev/null
	done
	osslsigncode sign -certs their.crt -key their.key -in plain.exe -out their.exe >/dev/null
	greatseal list from-vendor -o v3.list "${fresh[@]}" --roots their.crt their.exe >/dev/null || die "a signed image was refused"
	[[ $(greatseal list show v3.list --all --json | contents /dev/stdin) == "$(want their.exe)" ]] || die "another list"
	refused 5 "no Authenticode signature" greatseal list from-vendor -o v4.list "${fresh[@]}" --roots other.crt their.exe
	refused 5 "no Authenticode signature" greatseal list from-vendor -o v4.list "${fresh[@]}" --roots their.crt their.exe plain.exe
	[[ ! -e v4.list && ! -e v2.list ]] || die "a list was written"
	ok "PE images signed under a vendor's certificate, and no others"
fi
refused 2 "release is missing" greatseal list from-vendor -o v5.list "${fresh[@]}" one
echo "$checks checks"
