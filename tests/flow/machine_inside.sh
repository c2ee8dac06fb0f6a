# What machine.sh has done inside of its machine, in order of the README. /root/boot says which start this is.
set -euo pipefail
cd /root
boot=$(cat boot) # cat is no interpreter: at level strict bash itself may not read it
ok() { echo "ok - $*"; }
die() {
	echo "FAILED: $*"
	systemctl --failed --no-pager --no-legend
	journalctl -b --no-pager -n 60
	exit 1
}
trap 'die "line $LINENO"' ERR
as() {
	local who=$1
	shift
	GREATSEAL_CONFIG=/root/$who.json greatseal "$@"
}
guard() { greatseal-guard "$@" --config /etc/greatseal/guard.conf; }
until_true() { # the test's own limit ends what hangs; what it waits for is in the log then
	echo "waiting: $*"
	until "$@"; do sleep 0.05; done
}
guard_says() { guard status 2>/dev/null | head -n 1 | jq -e "$1" >/dev/null; }
start() { systemctl enable --now "$@" >/dev/null 2>&1 || die "$*"; }
asks() { as carol sign "$@" --no-wait >asked.log 2>&1 || (($? == 3)) || die "$(cat asked.log)"; }
request_of() { as carol search "$1" --json | jq -r '.requests[0].request'; }
refused() {
	if "$@" >refused.log 2>&1; then die "not refused: $*"; fi
}
proper() { # KEY FILE [ARGUMENT...]: asked for and approved; nobody fetches it
	asks --key "$1" -m "machine" "${@:3}" "$2"
	for who in alice dave; do as "$who" approve "$(request_of "$2")" --yes >/dev/null; done
}
stolen_signature() { # FILE: by the key "release", and not by Great Seal
	openssl cms -sign -binary -signer release.pem -inkey stolen.pem -in "$1" -outform DER -out "$1.p7s"
}
raised() { as carol alarms list --state open --json --quiet | jq -e --arg p "$1" '[.alarms[] | select(.name == $p and .reporter == "build-08")] | length == 1' >/dev/null; }
certified() { # KEY: by a CA of this test, as a company's would
	as dave key csr "$1" --subject "CN=Example $1,O=Example Ltd,C=FI" >"$1.csr"
	openssl x509 -req -in "$1.csr" -CA root.pem -CAkey ca.key -CAcreateserial -days 365 -extfile ext -out "$1.pem" 2>/dev/null
	cat root.pem >>"$1.pem"
	as dave key import-cert "$1" "$1.pem" >/dev/null
}

if ((boot == 1)); then
	systemd-sysusers && systemd-tmpfiles --create 2>/dev/null || true
	for who in alice carol dave host; do ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$who"; done
	cat >roster.yaml <<-END
		version: 1
		people:
		  - name: alice
		    groups: [release-managers]
		    keys: [$(cat alice.pub)]
		  - name: carol
		    groups: [developers]
		    keys: [$(cat carol.pub)]
		  - name: dave
		    groups: [security]
		    keys: [$(cat dave.pub)]
		hosts:
		  - name: build-07
		    groups: [build-farm]
		    keys: [$(cut -d' ' -f1,2 host.pub)]
		  - name: build-08
		    groups: [build-farm]
		    enrol: true
	END
	cat >policy.yaml <<-END
		version: 1
		change:
		  approve: [1 of release-managers, 1 of security]
		admin:
		  approve: [1 of security]
		unlock:
		  approve: [1 of release-managers, 1 of security]
		rules:
		  - name: release
		    keys: [release, from-hsm]
		    formats: [cms, pe]
		    request: [group:developers]
		    from: [group:build-farm]
		    approve: [1 of release-managers, 1 of security]
		  - name: lists
		    keys: [lists, packages]
		    formats: [allowlist, package-record]
		    request: [group:developers]
		    from: [group:build-farm]
		    approve: [1 of release-managers, 1 of security]
	END
	greatseal policy compile policy.yaml roster.yaml --quiet
	mkdir -p /etc/greatseal
	(umask 077 && head -c 32 /dev/urandom >/etc/greatseal/main.credential)
	cp "$(dirname "$(dirname "$(command -v greatseal)")")"/share/greatseal/examples/*.conf /etc/greatseal/
	greatseal-keeper init --origin seal.example.org --policy policy.json --roster roster.json \
		--token file:main,credential=/etc/greatseal/main.credential 2>/dev/null
	# SoftHSM in place of an HSM: its token is a directory, which the unit has to be told.
	install -d -m 700 /var/lib/greatseal-keeper/hsm
	echo "directories.tokendir = /var/lib/greatseal-keeper/hsm" >/etc/greatseal/softhsm.conf
	SOFTHSM2_CONF=/etc/greatseal/softhsm.conf softhsm2-util --init-token --free --label greatseal --pin 123456 --so-pin 12345678 >/dev/null
	(umask 077 && echo 123456 >/etc/greatseal/pin)
	chown greatseal-keeper: /etc/greatseal/pin
	echo "token = pkcs11:hsm,module=/usr/lib/softhsm/libsofthsm2.so,label=greatseal,pin=/etc/greatseal/pin" >>/etc/greatseal/keeper.conf
	mkdir -p /etc/systemd/system/greatseal-keeper.service.d
	printf '[Service]\nEnvironment=SOFTHSM2_CONF=/etc/greatseal/softhsm.conf\n' >/etc/systemd/system/greatseal-keeper.service.d/hsm.conf
	systemctl daemon-reload
	chown -R greatseal-keeper: /var/lib/greatseal-keeper /var/lib/greatseal-guard
	start greatseal-keeper.socket greatseal-keeper.service
	pin=$(setpriv --reuid greatseald --regid greatseald --init-groups greatseald init --data /var/lib/greatseald --name seal.example.org)
	start greatseald
	echo "127.0.0.1 seal.example.org" >>/etc/hosts
	for who in alice carol dave; do
		as "$who" init-client --server https://seal.example.org:8443 --pin "$pin" --person "$who" --key "/root/$who" \
			--host build-07 --host-key /root/host >/dev/null
	done
	ok "keeper and server run as their units, under their own users"

	openssl req -x509 -newkey rsa:3072 -nodes -keyout ca.key -out root.pem -days 3650 -subj "/CN=Example Root" 2>/dev/null
	printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n' >ext
	as dave key create release --token main --algorithm rsa-3072 >/dev/null
	as dave key create from-hsm --token hsm --algorithm ecdsa-p256 >/dev/null
	as dave key create lists --token main --algorithm ecdsa-p256 >/dev/null
	as dave key create packages --token main --algorithm ecdsa-p256 >/dev/null
	for key in release from-hsm lists packages; do certified "$key"; done
	./thief /var/lib/greatseal-keeper/tokens/main.token /etc/greatseal/main.credential 2 | openssl pkcs8 -inform DER -nocrypt -out stolen.pem
	cmp <(openssl pkey -in stolen.pem -pubout) <(openssl x509 -in release.pem -noout -pubkey) || die "another key was stolen"
	for key in release from-hsm; do
		echo "made with $key" >"$key.bin"
		asks --key "$key" -m "release 1.0" "$key.bin"
		for who in alice dave; do as "$who" approve "$(request_of "$key.bin")" --inspect --yes >/dev/null; done
		as carol fetch "$(request_of "$key.bin")" >/dev/null 2>&1
		as carol verify "$key.bin" --roots root.pem --json | jq -e .verified >/dev/null
		openssl cms -verify -binary -inform DER -in "signed/$key.bin.p7s" -content "$key.bin" -CAfile root.pem -purpose any -out /dev/null 2>/dev/null
	done
	ok "a key of the file token and one of a PKCS#11 module sign what two have approved"

	token=$(as dave host add build-08 2>/dev/null | grep -o 'build-08-[A-Za-z0-9_-]*')
	install -d -m 700 -o greatseal-agent -g greatseal-agent /var/lib/greatseal-agent
	setpriv --reuid greatseal-agent --regid greatseal-agent --init-groups greatseal-agent enrol https://seal.example.org:8443 \
		--pin "$pin" --token "$token" >/dev/null
	start greatseal-agent
	GREATSEAL_CONFIG=/root/agent.json greatseal init-client --agent /run/greatseal/agent.sock --person carol --key /root/carol >/dev/null
	echo two >two.bin
	GREATSEAL_CONFIG=/root/agent.json greatseal sign --key release -m "through the agent" --no-wait two.bin >/dev/null 2>&1 || (($? == 3))
	as carol show "$(request_of two.bin)" --json | jq -e '.status.host == "build-08"' >/dev/null
	ok "a host enrols, its agent runs as its unit and signs requests for it"

	cp /bin/ls withdrawn && echo withdrawn >>withdrawn
	as carol list build --name base --group build-farm --dpkg /root/machine_inside.sh withdrawn -o base-1.list >/dev/null 2>&1
	greatseal list lint base-1.list >/dev/null
	proper lists base-1.list --product base-list
	cat >>/etc/greatseal/guard.conf <<-END
		log-key = $(jq -r .vkey carol.json)
		list-key = $(as dave key list --json | jq -r '.keys[] | select(.name == "lists").fingerprint')
		record-key = $(as dave key list --json | jq -r '.keys[] | select(.name == "packages").fingerprint')
		group = build-farm
		mount = all
		agent = /run/greatseal/agent.sock
		fetch-interval = 1s
		watch = /srv/mirror
		watch-every = 1s
	END
	echo "guard = /run/greatseal-guard/reports" >>/etc/greatseal/agent.conf
	systemctl restart greatseal-agent
	mkdir -p /srv/mirror
	start greatseal-guard
	until_true guard_says '.list.serial == 1 and .fetch.failures == 0'
	as carol key certificates >/var/lib/greatseal-approved/incoming/certificates.pem
	guard check >check.log || die "$(cat check.log)"
	guard setup >/dev/null
	cp /bin/ls unapproved && echo >>unapproved
	./unapproved >/dev/null
	guard enforce >/dev/null
	ok "the first list came through the agent; the guard has watched the whole machine, and enforces"
	./withdrawn >/dev/null
	as carol list build --after base-1.list --dpkg /root/machine_inside.sh -o base-2.list >/dev/null 2>&1
	proper lists base-2.list --product base-list
	until_true guard_says '.list.serial == 2'
	refused ./withdrawn
	ok "the next list arrives by itself, and takes a program back"
else
	guard status | head -n 1 | jq -e '.mode == "enforce" and .list.serial == 2' >/dev/null || die "$(guard status)"
	for unit in greatseal-keeper greatseald greatseal-agent greatseal-guard; do systemctl is-active --quiet "$unit" || die "$unit"; done
	[[ -z $(systemctl --failed --no-legend --no-pager) ]] || die "units have failed"
	ok "everything starts under the guard, which enforces from the first moment"
	guard_says '.level == "strict"'
	refused ./withdrawn
	refused bash script
	guard fetch | grep -q 'the list in force is the newest' || die "$(guard fetch 2>&1)"
	ok "level strict: no interpreter reads an unapproved script; what was taken back stays so, and the agent answers again"
fi
cp /bin/ls copied
./copied >/dev/null
refused ./unapproved
printf '#!/bin/sh\necho no\n' >script && chmod 755 script
refused ./script
ok "what is approved runs from anywhere; what is not is refused to root"
# In a directory of data, as apt has them in its cache.
mkdir -p pkg/DEBIAN pkg/usr/bin
printf 'Package: stranger\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\nDescription: test\n' >pkg/DEBIAN/control
cp unapproved pkg/usr/bin/stranger
dpkg-deb --root-owner-group --build pkg /var/cache/stranger.deb >/dev/null
refused dpkg -i /var/cache/stranger.deb
grep -q 'not approved' refused.log || die "$(cat refused.log)"
[[ ! -e /usr/bin/stranger ]]
ok "dpkg takes no package that is not approved"
mkdir -p "wanted/DEBIAN" wanted/usr/bin
printf 'Package: wanted\nVersion: %s\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\nDescription: test\n' "$boot" >wanted/DEBIAN/control
{ cat /bin/ls && echo "wanted $boot"; } >wanted/usr/bin/wanted && chmod 755 wanted/usr/bin/wanted
dpkg-deb --root-owner-group --build wanted "/var/cache/wanted-$boot.deb" >/dev/null
refused apt-get -y install "/var/cache/wanted-$boot.deb"
grep -q 'greatseal request-package' refused.log || die "$(cat refused.log)"
request=$(as carol request-package "/var/cache/wanted-$boot.deb" --json 2>asked.log | jq -r '.[0].request') || die "$(cat asked.log)"
for who in alice dave; do as "$who" approve "$request" --yes >/dev/null; done
apt-get -y install "/var/cache/wanted-$boot.deb" >apt.log 2>&1 || die "$(cat apt.log)"
wanted / >/dev/null
ok "a package that is asked for and approved is installed: apt fetches its record"
cp /bin/true "tool$boot"
stolen_signature "tool$boot"
"./tool$boot"
until_true raised "/root/tool$boot"
echo "release $boot" >"release-$boot.tar"
stolen_signature "release-$boot.tar"
mv "release-$boot.tar.p7s" "release-$boot.tar" /srv/mirror/
until_true raised "/srv/mirror/release-$boot.tar"
as carol guard hosts --json | jq -e '.hosts[] | select(.host == "build-08") | .mode == "enforce" and .list == "base" and .serial == 2' >/dev/null
ok "signatures by a stolen key, of a program that runs and in a directory, are alarms at the server"
echo "after $boot" >"after$boot.bin"
asks --key release -m "release 1.$boot" "after$boot.bin"
for who in alice dave; do as "$who" approve "$(request_of "after$boot.bin")" --yes >/dev/null; done
as carol fetch "$(request_of "after$boot.bin")" >/dev/null 2>&1
as carol verify "after$boot.bin" --roots root.pem --json | jq -e .verified >/dev/null
main_pid() { systemctl show --property MainPID --value greatseal-guard; }
before=$(main_pid)
systemctl reload greatseal-guard || die "$(journalctl -u greatseal-guard -n 20 --no-pager)"
[[ $(main_pid) != "$before" ]] || die "the guard is the same process"
systemctl is-active --quiet greatseal-guard
guard_says ".pid == $(main_pid) and .mode == \"enforce\" and .restarts == 0" || die "$(guard status)"
refused ./unapproved
./copied >/dev/null
program=$(command -v greatseal-guard)
before=$(main_pid)
{ cat "$program" && echo; } >unapproved-guard && chmod 755 unapproved-guard
mv "$program" approved-guard && mv unapproved-guard "$program"
refused systemctl reload greatseal-guard
mv -f approved-guard "$program"
[[ $(main_pid) == "$before" ]] || die "an unapproved guard has taken over"
systemctl reload greatseal-guard
refused ./unapproved
ok "the guard's unit reloads: another process guards on; one that is not approved does not"
systemctl restart greatseal-keeper greatseald greatseal-agent greatseal-guard
guard status | head -n 1 | jq -e '.mode == "enforce"' >/dev/null
refused ./unapproved
as carol log fsck >/dev/null
ok "signing goes on under the guard, and all units restart"
journalctl -b --no-pager | grep -iE 'greatseal.*(segfault|core dump|assert)' && die "a program broke"
((boot == 2)) || echo "level = strict" >>/etc/greatseal/guard.conf # from the next start on
touch "passed.$boot"
