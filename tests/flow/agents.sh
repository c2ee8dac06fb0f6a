#!/usr/bin/env bash
# Everybody's key in an agent, no private half on the disk: an RSA key, an ECDSA key, a host's Ed25519 key, and
# a security key behind stock ssh-agent and ssh-sk-helper, with the software authenticator of the tests. Calls,
# requests, approvals and key changes go through SSH_AUTH_SOCK.
source "$SRCDIR/tests/lib/world.sh"
provider=$BUILD/tests/sk-provider/sk_provider.so
unset SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS SSH_ASKPASS_REQUIRE DISPLAY
ssh-keygen -q -t rsa -b 3072 -N '' -C alice -f alice
ssh-keygen -q -t ecdsa -b 256 -N '' -C carol -f carol
ssh-keygen -q -t ed25519 -N '' -C build-07 -f build-07
ssh-keygen -q -t ed25519-sk -w "$provider" -N '' -C dave -f dave </dev/null >keygen.log 2>&1

# agent NAME [VARIABLE=VALUE...]: stock ssh-agent with a socket of that name.
agent() {
	local name=$1
	shift
	env "$@" ssh-agent -D -P "$BUILD/*" -a "$work/$name.sock" >"$name.log" 2>&1 &
	pids+=($!)
	until_true agent_answers "$name"
}
agent_answers() {
	local code=0
	SSH_AUTH_SOCK=$work/$1.sock ssh-add -l >/dev/null 2>&1 || code=$?
	((code < 2))
}
add() {
	local name=$1
	shift
	SSH_AUTH_SOCK=$work/$name.sock ssh-add -q "$@" 2>add.log || die "ssh-add $*: $(cat add.log)"
}
agent people
mkdir away
for who in alice carol build-07; do
	add people "$who"
	mv "$who" away/
done
add people -S "$provider" dave
mv dave away/
export SSH_AUTH_SOCK=$work/people.sock
[[ $(ssh-add -l | wc -l) == 4 ]] || die "the agent does not hold four keys"
[[ ! -e alice && ! -e carol && ! -e dave && ! -e build-07 ]] || die "a private key is still there"
ok "an agent with RSA, ECDSA, Ed25519 and a security key; no private half beside"

key_suffix=.pub

# ---- The main job through the agent ----
world_start
world_key ecdsa-p256
ok "dave's security key administers: a signing key with a certificate"
echo "a file" >app-1.0
first=$(submit "by agent" app-1.0)
[[ -n $first ]] || die "no request"
as carol show "$first" --json | jq -e '.status.state == "open"' >/dev/null || die "the request"
ok "ECDSA signs the request, the host's Ed25519 key vouches"
as alice approve "$first" --yes >/dev/null
as dave approve "$first" --yes >/dev/null
as carol fetch "$first" -o signed 2>/dev/null
cp app-1.0 signed/
GREATSEAL_CONFIG=/nonexistent greatseal verify signed/app-1.0 --vkey "$(jq -r .vkey carol.json)" --json | jq -e .verified >/dev/null
ok "RSA and the security key approve; the proof is verified offline"

# What stock ssh-keygen says of the approvals.
count=$(jq '.approvals | length' signed/app-1.0.greatseal)
((count == 2)) || die "$count approvals"
for ((i = 0; i < count; i++)); do
	jq -r ".approvals[$i].statement" signed/app-1.0.greatseal | base64 -d >approval.json
	{
		echo '-----BEGIN SSH SIGNATURE-----'
		jq -r ".approvals[$i].signature" signed/app-1.0.greatseal | base64 -d | base64 -w 70
		echo '-----END SSH SIGNATURE-----'
	} >approval.sig
	who=$(jq -r .predicate.approver approval.json)
	echo "$who $(public "$who")" >allowed
	ssh-keygen -Y verify -f allowed -I "$who" -n approval.v1@greatseal -s approval.sig <approval.json >/dev/null || die "$who"
	ok "stock ssh-keygen accepts $who's approval ($(public "$who" | cut -d' ' -f1))"
done

# ---- What must not work ----
echo "another file" >app-1.1
second=$(submit "by agent, again" app-1.1)
# A security key that was touched, but whose PIN nobody entered.
agent touched SK_TEST_FLAGS=1
add touched -S "$provider" away/dave
refused 4 sig.approver env SSH_AUTH_SOCK="$work/touched.sock" GREATSEAL_CONFIG="$work/dave.json" greatseal approve "$second" --yes
# An agent that asks its user, who says no.
agent asking SSH_ASKPASS=/bin/false SSH_ASKPASS_REQUIRE=force
add asking -c away/alice
refused 1 "has not signed" env SSH_AUTH_SOCK="$work/asking.sock" GREATSEAL_CONFIG="$work/alice.json" greatseal approve "$second" --yes
# An agent without the key, and none at all.
ssh-add -q -d alice.pub 2>/dev/null
refused 1 not-found as alice approve "$second" --yes
refused 1 not-found env SSH_AUTH_SOCK="$work/nobody.sock" GREATSEAL_CONFIG="$work/alice.json" greatseal approve "$second" --yes
as carol show "$second" --json | jq -e '.status.state == "open"' >/dev/null || die "nothing of this counts"
add people away/alice
as alice approve "$second" --yes >/dev/null
as dave approve "$second" --yes >/dev/null
as carol fetch "$second" -o signed2 2>/dev/null
ok "with the keys back in the agent it goes on"
echo "$checks checks passed"
