#!/usr/bin/env bash
# A TPM (swtpm) and tpm2-tools against lib/crypt/tpm: the vendor's certificate leads to its root, the TPM opens our
# credential and nobody else's, and its certification of a key is taken, but not one with other words.
set -euo pipefail
for tool in swtpm swtpm_setup tpm2_createek; do
	command -v "$tool" >/dev/null || {
		echo "$tool is not installed"
		exit 77
	}
done
d=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-tpm.XXXXXX")
pid=
clean() {
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || true
	[[ -z $pid ]] || wait "$pid" 2>/dev/null || true
	rm -rf "$d"
}
trap clean EXIT
cd "$d"
tool=$BUILD/tests/interop/tpm_tool
mkdir state ca
cat >localca.conf <<C
statedir = $d/ca
signingkey = $d/ca/signkey.pem
issuercert = $d/ca/issuercert.pem
certserial = $d/ca/certserial
C
printf -- '--platform-manufacturer Test\n--platform-version 1\n--platform-model test\n' >options
cat >setup.conf <<C
create_certs_tool=$(command -v swtpm_localca)
create_certs_tool_config=$d/localca.conf
create_certs_tool_options=$d/options
C
swtpm_setup --tpm2 --tpmstate "$d/state" --create-ek-cert --config setup.conf --pcr-banks sha256 >setup.log 2>&1 || {
	cat setup.log
	exit 1
}
# Its clients find the control socket by the name; this side is ready when it answers.
swtpm socket --tpm2 --tpmstate dir="$d/state" --server type=unixio,path="$d/s" --ctrl type=unixio,path="$d/s.ctrl" \
	--flags startup-clear,not-need-init >swtpm.log 2>&1 &
pid=$!
while [[ ! -S $d/s || ! -S $d/s.ctrl ]]; do
	kill -0 "$pid" || exit 1
	sleep 0.05
done
export TPM2TOOLS_TCTI=swtpm:path=$d/s
quiet() { "$@" >>tools.log 2>&1 || { tail -n 5 tools.log; echo "FAIL: $*"; exit 1; }; }
refused() {
	local want=$1 out
	shift
	if out=$("$@"); then
		echo "FAIL: accepted: $*"
		exit 1
	fi
	[[ $out == "$want"* ]] || {
		echo "FAIL: $out, not $want: $*"
		exit 1
	}
}
bound='fixedtpm|fixedparent|sensitivedataorigin|userwithauth'
quiet tpm2_nvread 0x1c00002 -o ek.der
quiet tpm2_createek -G rsa -c ek.ctx -u ek.pub
quiet tpm2_createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name
quiet tpm2_flushcontext -t
quiet tpm2_createprimary -C o -G ecc -g sha256 -c prim.ctx -a "$bound|restricted|decrypt"
quiet tpm2_create -C prim.ctx -G ecc256:ecdsa-sha256 -g sha256 -a "$bound|sign" -u id.pub -r id.priv
quiet tpm2_flushcontext -t
quiet tpm2_create -C prim.ctx -G ecc256:ecdsa-sha256 -g sha256 -a 'sensitivedataorigin|userwithauth|sign' -u loose.pub -r loose.priv
quiet tpm2_flushcontext -t
quiet tpm2_load -C prim.ctx -u id.pub -r id.priv -c id.ctx
quiet tpm2_flushcontext -t
quiet tpm2_certify -c id.ctx -C ak.ctx -g sha256 -o attest -s sig

for pem in ca/*cert.pem; do openssl x509 -in "$pem" -outform der -out "$(basename "$pem" .pem).der"; done
now=$(date +%s)
"$tool" vendor ek.pub ek.der swtpm-localca-rootca-cert.der issuercert.der "$now"
refused denied "$tool" vendor ek.pub ek.der issuercert.der issuercert.der "$((now - 86400))"
echo "ok  the vendor's certificate leads to its root"

printf '%s' 0123456789abcdef0123456789abcdef >secret
activate() {
	quiet tpm2_flushcontext -t
	quiet tpm2_startauthsession --policy-session -S session
	quiet tpm2_policysecret -S session -c e
	tpm2_activatecredential -c "$1" -C ek.ctx -i "$2" -o opened -P session:session >>tools.log 2>&1 || return 1
	tpm2_flushcontext session >>tools.log 2>&1 || true
}
"$tool" challenge ek.pub ak.pub secret credential
activate ak.ctx credential || { tail -n 5 tools.log; echo "FAIL: the TPM does not open our credential"; exit 1; }
cmp secret opened
echo "ok  the TPM opens our credential"

# One that names another key, and one for another TPM's endorsement key.
quiet tpm2_flushcontext -t
quiet tpm2_flushcontext -s
quiet tpm2_createak -C ek.ctx -c other.ctx -G ecc -g sha256 -s ecdsa -u other.pub -n other.name
rm -f opened
if activate other.ctx credential; then
	echo "FAIL: a credential for one key was opened for another"
	exit 1
fi
[[ ! -s opened ]]
echo "ok  it opens it for the key that it names alone"

out=$("$tool" certified ak.pub id.pub attest sig "words" || true)
[[ $out == *"made for something else"* ]] || {
	echo "FAIL: $out"
	exit 1
}
refused bad-signature "$tool" certified other.pub id.pub attest sig words
refused denied "$tool" certified ak.pub loose.pub attest sig words
refused denied "$tool" certified id.pub id.pub attest sig words
echo "ok  certifications with other words, by other keys and of keys that can leave are refused"
