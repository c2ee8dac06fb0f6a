# rows_peers.sh - part of tools/bench: what others reach on this machine, beside ours, and the tokens alone.

# peer WHAT JSON PROCESSOR-SECONDS: a row of what a peer reached, against openssl speed.
peer() {
	local rate
	rate=$(jq '.signatures / .seconds | round' <<<"$2")
	row "$1" "$rate /s" "openssl speed -multi $(nproc) $alg" "$limit /s" "$(ratio "$rate" "$limit")" \
		"$(ratio "$(jq --argjson c "$3" '.signatures / $c' <<<"$2")" "$core")" -
}

gpg_agent() {
	local home=$state/gnupg keygrip agent_socket agent before n out
	mkdir -m 700 "$home"
	export GNUPGHOME=$home
	gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-gen-key bench rsa3072 sign never 2>/dev/null
	keygrip=$(gpg --batch --with-colons --with-keygrip -K 2>/dev/null | awk -F: '$1 == "grp" { print $10; exit }')
	agent_socket=$(gpgconf --list-dirs agent-socket)
	agent=$(gpg-connect-agent 'GETINFO pid' /bye | awk '$1 == "D" { print $2 }')
	pids+=("$agent")
	for n in 1 4; do
		before=$(cpu_ms "$agent")
		out=$(assuan_sign "$agent_socket" "$keygrip" "$n" "$seconds")
		peer "gpg-agent PKSIGN, $n connection$( ((n > 1)) && echo s)" "$out" \
			"$(jq --argjson a $(($(cpu_ms "$agent") - before)) '.cpu_seconds + $a / 1000' <<<"$out")"
	done
	gpgconf --kill gpg-agent
	unset GNUPGHOME
}

softhsm_token() {
	export SOFTHSM2_CONF=$state/softhsm2.conf
	softhsm=/usr/lib/softhsm/libsofthsm2.so
	[[ -f $SOFTHSM2_CONF ]] && return
	mkdir "$state/softhsm"
	(umask 077 && echo 1234 >"$state/pin")
	printf 'directories.tokendir = %s/softhsm\nlog.level = ERROR\n' "$state" >"$SOFTHSM2_CONF"
	softhsm2-util --init-token --free --label bench --so-pin 12345678 --pin 1234 >/dev/null
}

# softhsm_loop ALGORITHM: C_SignInit and C_Sign and nothing else.
softhsm_loop() {
	local n out
	for n in 1 2; do
		out=$(pkcs11_sign "$softhsm" "$state/pin" bench "$1" "$n" "$seconds")
		peer "SoftHSM C_Sign loop, $1, $n thread$( ((n > 1)) && echo s)" "$out" "$(jq .cpu_seconds <<<"$out")"
	done
}

row_peers() {
	local alg
	alg=rsa3072
	limits $alg
	gpg_agent
	softhsm_token
	softhsm_loop rsa-3072
	signing rsa 1 1
	peer "ours, one file a request, 1 client" "$(jq -n --argjson r "$rate" '{signatures: $r, seconds: 1}')" "$(jq -n "$rate * $spent")"
	signing rsa 1 4
	peer "ours, one file a request, 4 clients" "$(jq -n --argjson r "$rate" '{signatures: $r, seconds: 1}')" "$(jq -n "$rate * $spent")"
	alg=ecdsap256
	limits $alg
	softhsm_loop ecdsa-p256
}

# Our own code of the tokens, one thread, by that thread's processor time: openssl speed before and after.
row_token() {
	local name one two rate spec what token_rate=()
	local hsm=pkcs11:h,module=/usr/lib/softhsm/libsofthsm2.so,label=bench,pin=$state/pin,verify=rsa
	softhsm_token
	for name in rsa-3072:rsa3072 ecdsa-p256:ecdsap256 ecdsa-p384:ecdsap384 ed25519:ed25519; do
		limits_core "${name#*:}"
		one=$core
		for what in "file token" "file token, verify=all" "SoftHSM, verify=rsa"; do
			case $what in
			"file token") spec=file:b,passphrase=$state/pin,scrypt=10 ;;
			"file token, verify=all") spec=file:b,passphrase=$state/pin,scrypt=10,verify=all ;;
			*) spec=$hsm ;;
			esac
			rate=$(token_sign "$spec" "$state" 1 "${name%:*}")
			token_rate+=("${rate#* }")
		done
		limits_core "${name#*:}"
		two=$core
		core=$(((one + two) / 2))
		for what in "file token" "file token, verify=all" "SoftHSM, verify=rsa"; do
			row "token, ${name%:*}: $what" "${token_rate[0]} /s" "openssl speed ${name#*:}, one core" "$core /s" - \
				"$(ratio "${token_rate[0]}" "$core")" -
			token_rate=("${token_rate[@]:1}")
		done
	done
}
