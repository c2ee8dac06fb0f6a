#!/bin/bash
# greatseal-worker as a user of the protocol drives it: real packages and programs, hostile ones, and
# the limits. Exits non-zero at the first thing that is not as it should be.
set -euo pipefail
worker=$BUILD/prog/worker/greatseal-worker
dir=$(mktemp -d "${TMPDIR:-/tmp}/worker.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"

die() { echo "FAILED: $*" >&2; exit 1; }
say() { echo "- $*"; }

# status FILE COMMAND...: runs with stdout in FILE, prints the exit status.
status() { local out=$1 s=0; shift; "$@" >"$out" || s=$?; echo "$s"; }
inspect() { "$worker" inspect --in 3 --name "$1" 3<"${2:-$1}"; }
# has FILE CODE: the report has a finding of that code.
has() { jq -e --arg c "$2" 'any(.findings[]; .code == $c)' "$1" >/dev/null || die "$1: no finding $2"; }
is() { local got; got=$(jq -r "$2" "$1"); [ "$got" = "$3" ] || die "$1: $2 is $got, not $3"; }

say "a Debian package made by dpkg-deb: control, scripts, tree"
mkdir -p d/DEBIAN d/usr/bin
printf 'Package: hello\nVersion: 1.0-1\nArchitecture: all\nMaintainer: A B <a@example.org>\nDescription: x\n' >d/DEBIAN/control
printf '#!/bin/sh\nset -e\necho one\n' >d/DEBIAN/postinst
echo content >d/usr/bin/hello
chmod 755 d/DEBIAN d/DEBIAN/postinst d/usr d/usr/bin
chmod 4755 d/usr/bin/hello
ln -s hello d/usr/bin/hi
for z in xz gzip zstd none; do
	dpkg-deb --root-owner-group -Z$z -b d hello.deb >/dev/null
	inspect hello.deb >deb.$z
	is deb.$z .type deb
	is deb.$z .complete true
	is deb.$z '.archive.entries[] | select(.path == "usr/bin/hello") | .sha256' \
		"$(sha256sum <d/usr/bin/hello | cut -d' ' -f1)"
done
is deb.xz .deb.control.Version 1.0-1
is deb.xz '.deb.scripts[0].text' "$(cat d/DEBIAN/postinst)"
is deb.xz '.archive.entries[] | select(.path == "usr/bin/hello") | .mode' 4755
is deb.xz '.archive.entries[] | select(.path == "usr/bin/hi") | .target' hello
is deb.none .sha256 "$(sha256sum <hello.deb | cut -d' ' -f1)"
is deb.none .sha512 "$(sha512sum <hello.deb | cut -d' ' -f1)"
has deb.xz setid
has deb.xz maintainer-script
[ "$(jq -cS . deb.xz)" = "$(cat deb.xz)" ] || die "the report is not canonical"

say "every archive kind shows the same tree"
mkdir -p t/sub
echo a >t/a
echo b >t/sub/b
tar -cf t.tar t
tar -czf t.tar.gz t
tar -cJf t.tar.xz t
tar -cjf t.tar.bz2 t
zstd -q -c t.tar >t.tar.zst
zip -q -r t.zip t
for a in t.tar t.tar.gz t.tar.xz t.tar.bz2 t.tar.zst t.zip; do
	inspect $a >r
	is r '[.archive.entries[] | select(.type == "file") | .path] | sort | join(" ")' "t/a t/sub/b"
	is r '.archive.entries[] | select(.path == "t/sub/b") | .sha256' \
		"$(sha256sum <t/sub/b | cut -d' ' -f1)"
	is r '.findings | length' 0
done

say "a Windows program: facts, digests"
exe=/usr/lib/mono/4.5/mcs.exe
inspect mcs.exe $exe >r
is r .pe.machine i386
is r .pe.dotnet true
is r '.pe.imports[0].dll' mscoree.dll
is r .pe.version.strings.InternalName mcs
"$worker" content --in 3 --format pe --digest sha256 --digest sha384 3<$exe >r
is r .sha256 "$(sha256sum <$exe | cut -d' ' -f1)"
is r .size "$(stat -Lc %s $exe)"

say "content digest, extract, insert and verify agree with osslsigncode"
cat >cnf <<'EOF'
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
EOF
ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config cnf)
openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.pem -subj /CN=CA -days 30 -extensions ca 2>/dev/null
openssl req "${ec[@]}" -keyout k.key -out k.csr -subj /CN=Leaf 2>/dev/null
openssl x509 -req -in k.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out k.pem -days 20 \
	-extfile cnf -extensions leaf 2>/dev/null
osslsigncode sign -certs k.pem -key k.key -h sha256 -in $exe -out signed.exe >/dev/null
now=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
: >object
"$worker" extract --format pe --in 3 --out 4 3<signed.exe 4<>object >x
is x .sha256 "$(sha256sum <object | cut -d' ' -f1)"
: >out.exe
"$worker" insert --format pe --in 3 --object 4 --out 5 3<$exe 4<object 5<>out.exe >i
cmp -s signed.exe out.exe || die "insert does not give back what was signed"
is i .sha256 "$(sha256sum <out.exe | cut -d' ' -f1)"
is i .content "$(jq -r .formats.pe.sha256 r)"
osslsigncode verify -in out.exe -CAfile ca.pem >/dev/null || die "osslsigncode refuses our output"
"$worker" verify --format pe --in 3 --roots 4 --at "$now" 3<out.exe 4<ca.pem >v
is v .trusted true
is v .subject CN=Leaf
is v .certificate "$(openssl x509 -in k.pem -outform DER | sha256sum | cut -d' ' -f1)"
"$worker" verify --format pe --in 3 --object 4 3<$exe 4<object >v
is v .trusted false

say "a changed byte, a foreign object, an unsigned file: exit 5"
cp out.exe bad.exe
printf '\377' | dd of=bad.exe bs=1 seek=5000 conv=notrunc status=none
[ "$(status e "$worker" verify --format pe --in 3 3<bad.exe)" = 5 ] || die "tampered file verified"
is e .error.code mismatch
[ "$(status e "$worker" verify --format pe --in 3 3<$exe)" = 5 ] || die "unsigned file verified"
is e .error.code not-found
other=/usr/lib/mono/4.5/sqlmetal.exe
: >out2.exe
[ "$(status e "$worker" insert --format pe --in 3 --object 4 --out 5 3<$other 4<object 5<>out2.exe)" = 5 ] ||
	die "an object for another file was inserted"
openssl req -x509 "${ec[@]}" -keyout /dev/null -out stranger.pem -subj /CN=X -days 30 -extensions ca 2>/dev/null
[ "$(status e "$worker" verify --format pe --in 3 --roots 4 --at "$now" 3<out.exe 4<stranger.pem)" = 5 ] ||
	die "a stranger's root is trusted"

say "wrong arguments and descriptors: exit 2"
usage() { local want=$1; shift; [ "$(status e "$@")" = "$want" ] || die "not exit $want: $*"; jq -e .error.code e >/dev/null; }
usage 2 "$worker"
usage 2 "$worker" nothing --in 3
usage 2 "$worker" inspect --in 3 3<t.tar
usage 2 "$worker" inspect --in 3 --name x 3<&-
usage 2 "$worker" inspect --in 2 --name x
usage 2 "$worker" inspect --in 3 --name x --name y 3<t.tar
usage 2 "$worker" inspect --in 3 --name x --digest sha256 3<t.tar
usage 2 "$worker" inspect --in 3 --name x 3< <(cat t.tar)
usage 2 "$worker" inspect --in 3 --name x 3>w
usage 2 "$worker" content --in 3 --digest md5 3<t.tar
usage 2 "$worker" content --in 3 --digest sha256 --digest sha256 3<t.tar
usage 2 "$worker" extract --format pe --in 3 --out 4 3<out.exe 4<>signed.exe
usage 1 "$worker" content --in 3 --format nothing --digest sha256 3<t.tar
# What carries a signature cannot be given another: that is said before people approve it.
usage 1 "$worker" content --in 3 --format pe --digest sha256 3<signed.exe
usage 1 "$worker" verify --format cms --in 3 3<t.tar
usage 1 "$worker" verify --format pe --in 3 --roots 4 3<out.exe 4<ca.pem

say "bombs: an answer within the limits"
head -c 300000000 /dev/zero | gzip -9 >zeros.gz
inspect zeros.gz >r
is r .complete false
head -c 300000000 /dev/zero | tr '\0' 'x' | gzip -9 >same.gz
inspect same.gz >r
has r expands-too-far
is r .complete false
python3 - <<'EOF'
import tarfile, io, zipfile
with tarfile.open("many.tar", "w", format=tarfile.USTAR_FORMAT) as t:
    for i in range(1000000 // 4):
        t.addfile(tarfile.TarInfo("f%d" % i))
with tarfile.open("tricks.tar", "w") as t:
    def add(name, kind=tarfile.REGTYPE, link=""):
        i = tarfile.TarInfo(name); i.type = kind; i.linkname = link; t.addfile(i)
    add("/abs"); add("../up"); add("a\x1b[2Jb"); add("twice"); add("twice")
    add("l", tarfile.SYMTYPE, "/etc"); add("l/passwd")
    add("self", tarfile.SYMTYPE, "self"); add("h", tarfile.LNKTYPE, "../../etc/shadow")
    add("dev", tarfile.CHRTYPE); add("x/" * 100 + "y")
b = io.BytesIO(b"")
data = b"\0" * 1000
for i in range(20):
    o = io.BytesIO()
    with zipfile.ZipFile(o, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("inner.zip", data)
    data = o.getvalue()
open("nested.zip", "wb").write(data)
with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(10):
        z.writestr("z%d" % i, b"\0" * 50000000)
EOF
gzip -1 -c many.tar >many.tar.gz
inspect many.tar.gz >r
has r too-many-entries
is r '.archive.entries | length' 200000
inspect bomb.zip >r
has r expands-too-far
inspect nested.zip >r
is r '.archive.entries | length' 1
gzip -c t.tar >layers.gz
for _ in 1 2 3; do gzip -c layers.gz >l && mv l layers.gz; done
inspect layers.gz >r
has r compressed-twice
inspect tricks.tar >r
for code in path-absolute path-up path-hidden-characters path-duplicate path-through-link \
	link-escapes device path-too-deep; do has r $code; done
LC_ALL=C grep -q $'\033' r && die "an escape character in the report"

say "cut files: an answer, and not a complete one"
for f in t.zip t.tar.xz hello.deb mcs.exe; do
	[ -e $f ] || cp $exe mcs.exe
	size=$(stat -c %s $f)
	for part in 3 2; do
		head -c $((size / part)) $f >cut
		inspect $f cut >r
		is r .complete false
	done
done

say "the CPU limit ends a job"
[ "$(status e timeout 60 "$worker" content --in 3 --digest sha256 --digest sha384 --digest sha512 \
	--cpu-seconds 1 3< <(:) 2>/dev/null)" = 2 ] || die "a pipe was read"
truncate -s 8G huge
[ "$(status e "$worker" content --in 3 --digest sha256 --digest sha384 --digest sha512 \
	--cpu-seconds 1 3<huge 2>/dev/null)" -ge 128 ] || die "no CPU limit"

say "what the process gives up, seen from outside"
if command -v strace >/dev/null && strace -o trace -f true 2>/dev/null; then
	strace -f -o trace "$worker" inspect --in 3 --name hello.deb 3<hello.deb >/dev/null
	grep -q 'landlock_restrict_self.*= 0' trace || grep -q 'landlock_create_ruleset.*ENOSYS\|EOPNOTSUPP' trace ||
		die "no Landlock"
	filter=$(grep -n 'SECCOMP_SET_MODE_FILTER.*{len=' trace | tail -1 | cut -d: -f1)
	first=$(grep -n 'read(3,\|pread64(3,' trace | head -1 | cut -d: -f1)
	[ "$filter" -lt "$(grep -n 'pread64(3, "!<arch>' trace | head -1 | cut -d: -f1)" ] ||
		die "read before the sandbox"
	tail -n +"$filter" trace | grep -E 'openat?\(|socket\(|execve\(|clone' && die "calls after the sandbox"
	: "$first"
fi
say "every finding is documented"
for code in $(grep -ohE '"(pe|path|archive|deb|npm|link|script|report|too|expands|type|compressed|nested|unreadable|world|maintainer|trailing|leading)-[a-z-]+"' \
	"$SRCDIR"/lib/format/inspect*.c "$SRCDIR"/lib/format/pe_{inspect,tables,resource}.c | tr -d '"' | sort -u); do
	grep -qw -- "$code" "$SRCDIR/docs/inspection.md" || die "docs/inspection.md: $code"
done
echo "worker: all as it should be"
