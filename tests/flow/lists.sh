#!/usr/bin/env bash
# Allowlists and package records over real programs: made from packages and directories, submitted, read by two
# approvers as a difference, signed, fetched, verified offline; what is older, changed or no list is refused.
source "$SRCDIR/tests/lib/world.sh"
world_keys alice carol dave build-07
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS '.rules[0].formats = ["allowlist", "package-record", "pe"]' policy.json | tr -d '\n' >policy2.json
	mv policy2.json policy.json
}
sha() { sha256sum "$1" | cut -d' ' -f1; }

# ---- Making them: no server is asked.

# Two versions of a package with a real program, a script, data and a script that runs as root.
make_deb() { # VERSION PROGRAM
	rm -rf pkg
	mkdir -p pkg/DEBIAN pkg/usr/bin pkg/usr/share/doc/hello
	cp "$2" pkg/usr/bin/hello
	printf '#!/usr/bin/env python3\nprint("version %s")\n' "$1" >pkg/usr/bin/hello-script
	echo 'about hello' >pkg/usr/share/doc/hello/README
	printf '#!/bin/sh\nexit 0\n' >pkg/DEBIAN/postinst
	chmod 755 pkg/usr/bin/* pkg/DEBIAN/postinst
	printf 'Package: hello\nVersion: %s\nArchitecture: amd64\nMaintainer: A <a@example>\nDescription: x\n' "$1" >pkg/DEBIAN/control
	dpkg-deb --root-owner-group --build pkg "hello_$1_amd64.deb" >/dev/null
}
true=$(readlink -f "$(type -P true)")
false=$(readlink -f "$(type -P false)")
shell=$(readlink -f "$(type -P dash)")
make_deb 1.0 "$true"
make_deb 2.0 "$false"

mkdir -p tree/bin tree/lib
cp "$shell" tree/bin/dash
cp "$(ldd "$true" | sed -n 's/.*=> \(.*libc\.so[^ ]*\).*/\1/p')" tree/lib/libc.so.6
ln -s dash tree/bin/sh
printf '#!/bin/dash\n:\n' >tree/bin/tool
echo 'just a text' >tree/notes
common=(--name base --group farm --group desktops --origin log.example)
greatseal list build -o one.list "${common[@]}" --root "$work/tree" "$work/tree" hello_1.0_amd64.deb >/dev/null
greatseal list show one.list --all --json >one.json
jq -e '.serial == 1 and .list == "base" and .groups == ["desktops", "farm"] and .count == 7' one.json >/dev/null ||
	die "the list is another: $(cat one.json)"
has() { # FILE CONTENT CLASSES PATH
	jq -e --arg s "$(sha "$2")" --arg c "$3" --arg p "$4" \
		'.records | any(.sha256 == $s and .classes == $c and .path == $p)' "$1" >/dev/null || die "no $3 $4 in $(cat "$1")"
}
has one.json "$true" program /usr/bin/hello
has one.json "$shell" "program interpreter" /bin/dash
has one.json tree/bin/tool script /bin/tool
has one.json tree/lib/libc.so.6 "program library" /lib/libc.so.6
has one.json pkg/DEBIAN/postinst script DEBIAN/postinst
has one.json hello_1.0_amd64.deb archive hello_1.0_amd64.deb
ok "a list from a directory and a package: programs, libraries, interpreters, scripts, control scripts"

greatseal list build -o again.list --from "$(jq -r .not_before one.json)" "${common[@]}" --root "$work/tree" hello_1.0_amd64.deb \
	"$work/tree" >/dev/null
cmp one.list again.list || die "another order makes another list"
ok "the same contents make the same bytes, in whatever order they come"

mkdir -p pool/main
cp hello_2.0_amd64.deb pool/main/
printf 'Package: hello\nVersion: 2.0\nArchitecture: amd64\nFilename: main/hello_2.0_amd64.deb\nSHA256: %s\n\n' \
	"$(sha hello_2.0_amd64.deb)" >Packages
greatseal list build -o two.list --after one.list --index Packages --pool pool --root "$work/tree" "$work/tree" \
	--revoke "$(sha "$true")" --producer /bin/dash >/dev/null
code=0
greatseal list diff one.list two.list >list.diff || code=$?
((code == 1)) || die "diff ended with $code"
grep -q "^+ $(sha "$false")  program  hello 2.0 amd64  /usr/bin/hello$" list.diff &&
	grep -q "^~ $(sha "$true")  revoked" list.diff && grep -q '^      before: program$' list.diff &&
	grep -q 'before: program interpreter$' list.diff || die "the difference is not shown: $(cat list.diff)"
ok "the next list: from an index, one content revoked, one made a producer; diff says so"
sed "s/^SHA256: .*/SHA256: $(sha hello_1.0_amd64.deb)/" Packages >Packages.other
refused 5 mismatch greatseal list build -o bad.list --after one.list --index Packages.other --pool pool --json
cp hello_1.0_amd64.deb pool/main/hello_2.0_amd64.deb
refused 5 'not the file of the index' greatseal list build -o bad.list --after one.list --index Packages --pool pool
refused 1 'nothing that runs' greatseal list build -o bad.list "${common[@]}" tree/notes
refused 2 'no host group' greatseal list build -o bad.list --name base --origin log.example tree
refused 1 'nothing in the list lies there' greatseal list build -o bad.list "${common[@]}" --producer /bin/none tree
[[ ! -e bad.list ]] || die "a list was left behind"

# A vendor's repository: the key, the Release file, the index, the packages.
vendor() { greatseal list from-vendor -o vendor.list "${common[@]}" --release InRelease --keyring vendor.gpg --index "${1:-Packages}" --pool pool; }
if type -P gpg gpgv >/dev/null; then
	export GNUPGHOME=$work/gnupg
	mkdir -m 700 gnupg
	gpg --batch --quiet --passphrase '' --quick-gen-key vendor@example ed25519 sign never 2>gpg.log
	gpg --batch --quiet --passphrase '' --quick-gen-key other@example ed25519 sign never 2>>gpg.log
	gpg --export vendor@example >vendor.gpg
	cp hello_2.0_amd64.deb pool/main/
	release() { # KEY VALID-UNTIL FILE
		printf 'Origin: Vendor\nValid-Until: %s\nMD5Sum:\n %s %s main/Packages\nSHA256:\n %s %s main/Packages\n' "$2" \
			"$(sha Packages)" 1 "$(sha "$3")" "$(stat -c %s "$3")" |
			gpg --batch --quiet --yes --local-user "$1" --clearsign --output InRelease
	}
	release vendor@example 'Fri, 01 Jan 2100 09:00:00 UTC' Packages
	vendor >/dev/null
	greatseal list show vendor.list --all --json >vendor.json
	has vendor.json "$false" program /usr/bin/hello
	ok "a list of what a vendor has signed"
	refused 1 'names no such package' greatseal list build -o v.list "${common[@]}" --index Packages --pool pool --package other
	sed 's/^Package: hello/Package: hallo/' Packages >Packages.hallo
	refused 5 'not an index that InRelease names' vendor Packages.hallo
	release vendor@example 'Fri, 01 Jan 2100 09:00:00 UTC' Packages.hallo
	refused 5 'not an index that InRelease names' vendor
	release vendor@example 'Fri, 01 Jan 2010 09:00:00 UTC' Packages
	refused 1 'no longer valid' vendor
	release other@example 'Fri, 01 Jan 2100 09:00:00 UTC' Packages
	refused 5 'not signed by a key of vendor.gpg' vendor
	release vendor@example 'Fri, 01 Jan 2100 09:00:00 UTC' Packages
	sed -i 's/^Origin: Vendor/Origin: Nobody/' InRelease
	refused 5 'not signed by a key of vendor.gpg' vendor
	printf 'Origin: Vendor\n' >InRelease
	refused 5 'not signed by a key of vendor.gpg' vendor
	refused 2 'keyring is missing' greatseal list from-vendor -o v.list "${common[@]}" --release InRelease
	# An rpm repository likewise, from repomd.xml; createrepo_c made it.
	mkdir -p rpms/repodata
	cp "$SRCDIR/tests/vectors/rpm/sample.rpm" rpms/
	cp "$SRCDIR"/tests/vectors/rpm/repodata/* rpms/repodata/
	gunzip -k rpms/repodata/primary.xml.gz
	detached() { gpg --batch --quiet --yes --local-user "$1" --armor --detach-sign rpms/repodata/repomd.xml; }
	rpms() { greatseal list from-vendor -o rpms.list "${common[@]}" --release rpms/repodata/repomd.xml --keyring vendor.gpg --index "${1:-rpms/repodata/primary.xml.gz}" --pool rpms; }
	refused 5 'there is no rpms/repodata/repomd.xml.asc' rpms
	detached vendor@example
	for index in rpms/repodata/primary.xml.gz rpms/repodata/primary.xml; do
		rpms $index >/dev/null
		greatseal list show rpms.list --all --json >rpms.json
		has rpms.json rpms/sample.rpm archive sample.rpm
	done
	ok "a list of what an rpm repository has signed"
	sed 's/Sample_tool/Sample_tull/' rpms/repodata/primary.xml >other.xml
	refused 5 'not an index that rpms/repodata/repomd.xml names' rpms other.xml
	refused 5 'not an index that rpms/repodata/repomd.xml names' rpms rpms/repodata/repomd.xml
	detached other@example
	refused 5 'not signed by a key of vendor.gpg' rpms
	detached vendor@example
	sed -i 's/<revision>./<revision>/' rpms/repodata/repomd.xml
	refused 5 'not signed by a key of vendor.gpg' rpms
	# A package that carries its signature.
	signed_rpm() { greatseal list from-vendor -o signed.list "${common[@]}" --keyring vendor.gpg "$1"; }
	refused 5 'no signature in it' signed_rpm rpms/sample.rpm
	if type -P rpmsign >/dev/null; then
		addsign() { cp rpms/sample.rpm "$2" && rpmsign --define "__gpg $(type -P gpg)" --define "_gpg_name $1" --addsign "$2" >rpmsign.log 2>&1 || die "rpmsign: $(cat rpmsign.log)"; }
		addsign vendor@example signed.rpm
		signed_rpm signed.rpm >/dev/null
		greatseal list show signed.list --all --json >signed.json
		has signed.json signed.rpm archive signed.rpm
		addsign other@example strange.rpm
		refused 5 'strange.rpm: not signed by a key of vendor.gpg' signed_rpm strange.rpm
		# Another script in the header that was signed; another payload behind it.
		LC_ALL=C sed 's/echo files/echo fIles/' signed.rpm >changed.rpm
		refused 5 'changed.rpm: not signed by a key of vendor.gpg' signed_rpm changed.rpm
		printf 'x' | dd of=signed.rpm bs=1 seek=$(($(stat -c %s signed.rpm) - 3)) conv=notrunc status=none
		refused 1 'not all of it can be looked at' signed_rpm signed.rpm
		ok "an rpm that its vendor has signed"
	else
		echo "# no rpmsign: rpms that carry their signature are not tried"
	fi
	gpgconf --kill gpg-agent
	unset GNUPGHOME
else
	echo "# no gpg: from-vendor is not tried"
fi

# A dpkg database, below a root of its own whose links lead out.
mkdir -p root/var/lib/dpkg/info root/usr/bin
printf 'Package: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n' >root/var/lib/dpkg/status
printf '/.\n/usr\n/usr/bin\n/usr/bin/hello\n/usr/bin/out\n/usr/bin/missing\n' >root/var/lib/dpkg/info/hello.list
cp pkg/DEBIAN/postinst root/var/lib/dpkg/info/hello.postinst
cp "$true" root/usr/bin/hello
ln -s "$false" root/usr/bin/out
greatseal list build -o root.list "${common[@]}" --dpkg --root "$work/root" >/dev/null
greatseal list show --all --json root.list >root.json
jq -e '.count == 2' root.json >/dev/null || die "not what is installed: $(cat root.json)"
has root.json "$true" program /usr/bin/hello
has root.json pkg/DEBIAN/postinst script DEBIAN/postinst
ok "a list of what dpkg has installed, and of nothing outside of its root"
# Great Seal's own programs belong to no package; one of these is where this build would be installed.
mkdir -p root/usr/local/bin
for to in root/usr/bin root/usr/local/bin; do cp "$false" "$to/greatseal"; done
greatseal list build -o root.list "${common[@]}" --dpkg --root "$work/root" >/dev/null
greatseal list show --all --json root.list >root.json
jq -e '.count == 3' root.json >/dev/null || die "not Great Seal itself: $(cat root.json)"
ok "and of Great Seal itself"

# A host that would take the list: a shell, with what it needs.
mkdir -p host/bin
cp "$shell" host/bin/sh
printf '#!/usr/bin/env sh\n' >host/bin/tool
ldd "$shell" | grep -oE '/[^ ]+' | while read -r lib; do
	mkdir -p "host$(dirname "$lib")"
	cp -L "$lib" "host$lib"
done
greatseal list build -o host.list "${common[@]}" --root "$work/host" "$work/host" >/dev/null
greatseal list lint host.list --root host >lint.txt || die "lint: $(cat lint.txt)"
ok "lint: $(cat lint.txt)"
greatseal list build -o half.list "${common[@]}" --root "$work/host" host/bin >/dev/null
refused 1 'libc.so.6: not in the list, needed by /bin/sh' greatseal list lint half.list --root host
greatseal list build -o revoked.list "${common[@]}" host --revoke "$(sha "$shell")" >/dev/null
refused 1 '/bin/sh: revoked by the list, needed by every host' greatseal list lint revoked.list --root host
refused 1 '/usr/bin/sh: No such file or directory, needed by /bin/tool' greatseal list lint host.list /bin/tool --root host

greatseal list record hello_2.0_amd64.deb >/dev/null
jq -e --arg a "$(sha hello_2.0_amd64.deb)" '.package == "hello" and .version == "2.0" and .archive == $a and .count == 3' \
	<(greatseal list show --json hello_2.0_amd64.deb.record) >/dev/null || die "the record is another"
ok "the record of a package"

# An rpm: what rpm runs as a script, and both digests that it goes by.
rpm=$SRCDIR/tests/vectors/rpm/sample.rpm header=5c8024606a3b1c7628f21b422fbdd8dc3fef6e5ec309639944070dc2e9f9607b
greatseal list record -o . "$rpm" >/dev/null
greatseal list show --json --all sample.rpm.record >record.json
jq -e --arg a "$(sha "$rpm")" --arg h $header '.of == "rpm" and .package == "Sample_tool" and .version == "3:1.0~rc1-2" and
	.architecture == "noarch" and .archive == $a and .header == $h and
	([.records[].path] | sort == ["/usr/bin/sample", "RPM/filetrigger.0", "RPM/postin", "RPM/posttrans", "RPM/prein", "RPM/preun",
	"RPM/trigger.0", "RPM/trigger.1"])' record.json >/dev/null || die "the record of an rpm is another: $(cat record.json)"
printf 'echo pre' >prein
has record.json prein script RPM/prein
greatseal list build -o rpm.list "${common[@]}" "$rpm" >/dev/null
greatseal list show rpm.list --all --json >rpm.json
has rpm.json "$rpm" archive sample.rpm
jq -e --arg h $header '.records | any(.sha256 == $h and .classes == "archive" and .path == "sample.rpm (header)")' rpm.json >/dev/null ||
	die "the list does not have the header: $(cat rpm.json)"
for digest in $header "$(sha "$rpm")"; do
	greatseal list build -o rpm.list "${common[@]}" "$rpm" --revoke "$digest" >/dev/null
	[[ $(greatseal list show rpm.list --json | jq .counts.revoked,.counts.archive | xargs) == "2 0" ]] || die "half an rpm is revoked by $digest"
done
# One whose payload is another than its header names is approved by nobody.
cp "$rpm" other.rpm
printf 'x' | dd of=other.rpm bs=1 seek=$(($(stat -c %s other.rpm) - 3)) conv=notrunc status=none
refused 1 'not all of it can be looked at' greatseal list record other.rpm
ok "the record of an rpm, and a list that has it"
# What rpm expands on the host is approved as that only where somebody says so.
greatseal list record -o . "$rpm" 2>&1 >/dev/null | grep -q 'RPM/posttrans on the host: hosts refuse the package without --expanded' || die "nothing said of what is expanded"
printf '# greatseal: rpm expands this on the host\necho Sample_tool %%{_host}' >expanded
mkdir with
greatseal list record -o with --expanded "$rpm" >/dev/null
greatseal list show --json --all with/sample.rpm.record >with.json
has with.json expanded script 'RPM/posttrans (expanded by rpm)'
ok "a script that rpm expands is approved by name"

# The index of an rpm repository without a signature: each package must be the one that it names.
mkdir -p mirror
cp "$rpm" mirror/
primary=$SRCDIR/tests/vectors/rpm/repodata/primary.xml.gz
by_index() { greatseal list build -o mirror.list "${common[@]}" --index "$1" --pool mirror "${@:2}"; }
by_index "$primary" >/dev/null
greatseal list show mirror.list --all --json >mirror.json
has mirror.json "$rpm" archive sample.rpm
refused 1 'names no such package' by_index "$primary" --package other
zcat "$primary" | sed 's/"sample.rpm"/"..\/sample.rpm"/' >up.xml
refused 1 'has no usable Filename' by_index up.xml
zcat "$primary" | sed 's/"sha256"/"sha"/' >sha1.xml
refused 1 'the index has no SHA256 for it' by_index sha1.xml
zcat "$primary" | sed '2i <!DOCTYPE a [<!ENTITY a "b">]>' >entity.xml
refused 1 'it has a document type' by_index entity.xml
head -c 300 "$primary" >cut.gz
refused 1 'cannot be inspected' by_index cut.gz
refused 1 'names no packages' by_index "$SRCDIR/tests/vectors/rpm/repodata/repomd.xml"
cp other.rpm mirror/sample.rpm
refused 5 'not the file of the index' by_index "$primary"
ok "all packages of an rpm repository"

# What rpm has installed, below another root.
if type -P rpm >/dev/null && ((EUID == 0)); then
	mkdir rpmroot
	rpm --root "$work/rpmroot" --install --nodeps --noscripts "$rpm" 2>rpm.log || die "rpm: $(cat rpm.log)"
	greatseal list build -o installed.list "${common[@]}" --rpm --root "$work/rpmroot" >/dev/null
	greatseal list show installed.list --all --json >installed.json
	has installed.json rpmroot/usr/bin/sample script /usr/bin/sample
	has installed.json prein script RPM/prein
	jq -e '.records | any(.package == "Sample_tool 3:1.0~rc1-2 noarch" and .path == "RPM/preun")' installed.json >/dev/null || die "no script: $(cat installed.json)"
	mkdir rpmempty
	refused 1 'no package is installed' greatseal list build -o e.list "${common[@]}" --rpm --root "$work/rpmempty"
	ok "what rpm has installed"
else
	echo "# no rpm, or not root: what rpm has installed is not tried"
fi

# ---- Signing them.

world_start
world_key ecdsa-p256
printf 'greatseal-list-1 and no more' >broken.list
refused 1 'cut short' as carol submit --key release -m "broken" broken.list
refused 5 'does not begin with greatseal-list-1' as carol submit --key release --format allowlist -m "no list" hello_1.0_amd64.deb

sign() { # FILE PRODUCT
	id=$(submit "the list" --product "$2" "$1")
	for who in alice dave; do as "$who" approve "$id" --yes --quiet >approve.log || (($? == 3)); done
	as carol fetch "$id" --output signed1 >/dev/null
}
sign one.list base-list
sign hello_2.0_amd64.deb.record hello-record
id=$(submit "the next" --product base-list two.list)
as alice show "$id" >shown.txt
grep -q 'allowlist' shown.txt || die "the format is not shown: $(cat shown.txt)"
as alice diff "$id" >diff.txt
grep -q '+ program  hello 2.0 amd64  /usr/bin/hello' diff.txt && grep -q 'classes: program -> revoked' diff.txt &&
	grep -q 'list.serial: 1 -> 2' diff.txt && grep -q 'producers: what they write' diff.txt ||
	die "the difference is not shown: $(cat diff.txt)"
ok "an approver sees what the next list adds, revokes and makes a producer"
for who in alice dave; do as "$who" approve "$id" --yes --quiet >approve.log || (($? == 3)); done
as carol fetch "$id" --output signed2 >/dev/null

# ---- A package that a host refused: by its file, and by its name as apt knows it.
mkdir -p apt/state/lists/partial apt/cache/archives/partial
: >apt/status
printf 'Dir::Etc::sourcelist "%s/apt/sources.list";\nDir::Etc::sourceparts "/dev/null";\nDir::Etc::parts "/dev/null";\nDir::State "%s/apt/state";\nDir::State::status "%s/apt/status";\nDir::Cache "%s/apt/cache";\nAPT::Sandbox::User "";\nAPT::Architecture "amd64";\n' \
	"$work" "$work" "$work" "$work" >apt.conf
echo "deb [trusted=yes] file:$work/pool ./" >apt/sources.list
cp hello_2.0_amd64.deb pool/main/
printf 'Package: hello\nVersion: 2.0\nArchitecture: amd64\nMaintainer: A <a@example>\nDescription: x\nFilename: main/hello_2.0_amd64.deb\nSize: %s\nSHA256: %s\n\n' \
	"$(stat -c %s hello_2.0_amd64.deb)" "$(sha hello_2.0_amd64.deb)" >pool/Packages
export APT_CONFIG=$work/apt.conf
apt-get -qq update 2>apt.log || die "apt does not read our repository: $(cat apt.log)"
rm -rf wanted
as carol request-package --key release hello=2.0 --output wanted >request.txt 2>next.txt ||
	die "no request: $(cat request.txt next.txt)"
record=wanted/package-hello_2.0_amd64.record
cmp "$record" hello_2.0_amd64.deb.record || die "another record than that of list record"
grep -q "greatseal-guard take" next.txt && grep -q "$record" next.txt || die "nothing said of what comes next: $(cat next.txt)"
id=$(as carol request-package --key release hello --output wanted --json 2>/dev/null | jq -r '.[0].request')
as alice show "$id" >shown.txt
grep -q 'to install hello 2.0 amd64' shown.txt && grep -q 'package-hello' shown.txt || die "not the same request, or nothing of why: $(cat shown.txt)"
for who in alice dave; do as "$who" approve "$id" --yes --quiet >approve.log || (($? == 3)); done
# The same once more, by the file, joins it and fetches.
as carol request-package --key release --wait --output wanted ./hello_2.0_amd64.deb >request.txt 2>next.txt ||
	die "not fetched: $(cat request.txt next.txt)"
[[ -s $record.greatseal && -s $record.p7s ]] || die "no proof beside the record: $(ls wanted)"
as carol request-package --key release --output wanted "$rpm" --json >request.json 2>next.txt || die "no request for an rpm: $(cat next.txt)"
cmp "wanted/package-Sample_tool_3:1.0~rc1-2_noarch.record" sample.rpm.record || die "another record of an rpm: $(ls wanted)"
as alice show "$(jq -r '.[0].request' request.json)" >shown.txt
grep -q 'to install Sample_tool 3:1.0~rc1-2 noarch' shown.txt || die "the rpm is not named: $(cat shown.txt)"
refused 2 'neither a file nor a package' as carol request-package --key release -- --print-uris
refused 2 'neither a file nor a package' as carol request-package --key release '?installed'
refused 1 'apt-get download failed' as carol request-package --key release other
refused 1 'neither a Debian nor an rpm package' as carol request-package --key release ./one.list
[[ -z $(compgen -G '/tmp/greatseal-packages*' | while read -r d; do [[ -O $d && $d -nt apt.conf ]] && echo "$d"; done) ]] || die "archives were left behind"
unset APT_CONFIG
ok "a package is asked for by name and by file, approved, and its record comes with its proof"

# ---- Verifying them, without a server.
cp one.list hello_2.0_amd64.deb.record signed1/ # a detached signature comes without its file
cp two.list signed2/
vkey=$(jq -r .vkey carol.json)
stop_server
stop_keeper
check() { greatseal verify --config "$work/none.json" --vkey "$vkey" "$@"; }
check signed1/one.list >verify.txt && check signed2/two.list --after 1 >>verify.txt && check "$record" >>verify.txt && check signed1/hello_2.0_amd64.deb.record >>verify.txt ||
	die "not verified: $(cat verify.txt)"
grep -q 'list base, serial 2, 8 contents' verify.txt || die "the list is not told: $(cat verify.txt)"
ok "lists and record are verified offline"
refused 5 'serial 1 is not newer than 1' check signed1/one.list --after 1
refused 5 'serial 1 is not newer than 2' check signed1/one.list --after 2
cp -r signed2 tampered
printf '\x01' | dd of=tampered/two.list bs=1 seek=$(($(stat -c %s two.list) - 400)) conv=notrunc status=none
refused 5 FAILED check tampered/two.list
cp signed1/one.list tampered/two.list
refused 5 FAILED check tampered/two.list
# A signature over a list is none over a file, to anybody's tools.
openssl cms -verify -binary -inform DER -in signed2/two.list.p7s -content signed2/two.list -noverify -out /dev/null 2>cms.log ||
	die "OpenSSL does not verify the signature: $(cat cms.log)"
openssl asn1parse -inform DER -in signed2/two.list.p7s | grep -q 'OBJECT *:2.25.319039475065092147466616784747130619134' ||
	die "the content type is another"
ok "OpenSSL verifies the signature and names our content type"
echo "$checks checks passed"
