# The issuer of tests/support/issuer.py, in $work/issuer, after world.sh. Sets $issuer, its address; its authority is
# issuer/cert.pem.
issuer_keys() { openssl genrsa -out issuer/signer.new 2048 2>/dev/null && mv issuer/signer.new issuer/signer.pem; }
issuer_mode() { echo "$1" >issuer/mode.new && mv issuer/mode.new issuer/mode; }
issuer_start() {
	mkdir issuer
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout issuer/key.pem -out issuer/cert.pem -days 9 \
		-subj /CN=issuer -addext subjectAltName=IP:127.0.0.1 2>/dev/null
	issuer_keys
	issuer_mode good
	mkfifo issuer/end
	python3 "$SRCDIR/tests/support/issuer.py" issuer <issuer/end >issuer/address 2>issuer.log &
	pids+=("$!")
	exec 8>issuer/end # it ends with this
	until_true test -s issuer/address
	issuer=$(<issuer/address)
}
issuer_claims() { echo "$1" >issuer/claims.new && mv issuer/claims.new issuer/claims.json; }
# issuer_token AUDIENCE: one, as a CI system would put it into a job's environment.
issuer_token() { curl -sf --cacert issuer/cert.pem -H "Authorization: bearer secret" -G --data-urlencode "audience=$1" "$issuer/token" | jq -r .value; }
