# A thief's tools, for scripts that begin with world.sh: keys out of a token's file, and signatures by them that Great Seal
# has not made; and the smallest PE image. Needs openssl, ssh-keygen and python3.

# thief_world: keeper and server with two keys of different kinds, release (RSA) and curve (P-256); skips where a tool is missing.
thief_world() {
	local tool
	for tool in openssl jq osslsigncode; do
		command -v "$tool" >/dev/null || {
			echo "SKIPPED: $tool is not here"
			exit 77
		}
	done
	world_keys alice carol dave build-07
	eval "plain_$(declare -f world_documents)"
	world_documents() {
		plain_world_documents
		jq -cS '.rules[0].keys = ["curve", "release"]' policy.json | tr -d '\n' >policy.new
		mv policy.new policy.json
	}
	world_start
	world_key rsa-3072
	as dave key create curve --token main --algorithm ecdsa-p256 >/dev/null
	as dave key self-sign curve --subject "CN=Curve" >/dev/null
}
# sign_properly KEY FILE: as the policy wants it; into signed/.
sign_properly() {
	local id
	id=$(as carol submit --key "$1" -m proper "$2" --json --quiet | jq -r .request)
	as alice approve "$id" --yes >/dev/null 2>&1 || die "alice cannot approve"
	as dave approve "$id" --yes >/dev/null 2>&1 || die "dave cannot approve"
	as carol fetch "$id" -o signed >/dev/null 2>&1 || die "no signature"
}
# steal N NAME: the token's N-th key; the first is the log's. Makes NAME.pem and NAME.pem.pub.
steal() {
	"$BUILD/tests/thief" "$(find keeper -name "main*" -type f | head -n 1)" "$work/passphrase" "$1" >"$2.p8" || die "no key $1"
	openssl pkcs8 -inform DER -nocrypt -in "$2.p8" -out "$2.pem"
	chmod 600 "$2.pem"
	ssh-keygen -y -f "$2.pem" >"$2.pem.pub"
}
# certificate FILE.p7s OUT: of who has signed it.
certificate() { openssl pkcs7 -inform DER -in "$1" -print_certs | openssl x509 -out "$2"; }
# cms KEY CERTIFICATE FILE OPTION...: FILE.p7s
cms() {
	openssl cms -sign -binary -signer "$2" -inkey "$1" -in "$3" -outform DER -out "$3.p7s" "${@:4}"
}
# append FILE OUT: FILE with FILE.p7s behind it, as a kernel module is signed.
append() {
	local size
	size=$(stat -c %s "$1.p7s")
	{
		cat "$1" "$1.p7s"
		printf '\0\0\2\0\0\0\0\0\0\0%b~Module signature appended~\n' "$(printf '\\x%02x\\x%02x' $((size / 256)) $((size % 256)))"
	} >"$2"
}
# make_pe FILE TEXT: an image with that text in it.
make_pe() {
	python3 - "$1" "$2" <<-'PYTHON'
		import struct, sys
		image = bytearray(0x400)
		image[:2] = b"MZ"
		struct.pack_into("<I", image, 0x3c, 0x80)
		image[0x80:0x84] = b"PE\0\0"
		struct.pack_into("<HHIIIHH", image, 0x84, 0x8664, 1, 0, 0, 0, 240, 0x22)
		struct.pack_into("<H", image, 0x98, 0x20b)
		struct.pack_into("<I", image, 0x98 + 60, 0x200)
		struct.pack_into("<I", image, 0x98 + 108, 16)
		image[0x188:0x18d] = b".text"
		struct.pack_into("<IIII", image, 0x190, 0x200, 0x1000, 0x200, 0x200)
		image[0x200:0x200 + len(sys.argv[2])] = sys.argv[2].encode()
		open(sys.argv[1], "wb").write(image)
	PYTHON
}
