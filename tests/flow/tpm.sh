#!/usr/bin/env bash
# A host with a TPM (swtpm) enrols, signs through its agent, renews, loses its TPM and has it back; hosts whose TPM is
# unknown, not named, another one or none are refused: keeper, server, agent and command line as they are.
set -e
for tool in swtpm swtpm_setup; do
	command -v "$tool" >/dev/null || {
		echo "$tool is not installed"
		exit 77
	}
done
source "${SRCDIR:?}/tests/lib/world.sh"
PATH=$BUILD/prog/agent:$PATH
unset SSH_AUTH_SOCK

# ---- TPMs ----
make_tpm() { # NAME CA [--create-ek-cert]
	mkdir -p "$1" "$2"
	printf 'statedir = %s\nsigningkey = %s/signkey.pem\nissuercert = %s/issuercert.pem\ncertserial = %s/certserial\n' \
		"$work/$2" "$work/$2" "$work/$2" "$work/$2" >"$2.conf"
	printf -- '--platform-manufacturer Test\n--platform-version 1\n--platform-model test\n' >options
	printf 'create_certs_tool=%s\ncreate_certs_tool_config=%s\ncreate_certs_tool_options=%s\n' \
		"$(command -v swtpm_localca)" "$work/$2.conf" "$work/options" >"$1.setup"
	swtpm_setup --tpm2 --tpmstate "$work/$1" --config "$1.setup" --pcr-banks sha256 "${@:3}" >"$1.log" 2>&1 || die "swtpm_setup"
}
start_tpm() {
	rm -f "$1.s" "$1.s.ctrl"
	swtpm socket --tpm2 --tpmstate dir="$work/$1" --server type=unixio,path="$work/$1.s" \
		--ctrl type=unixio,path="$work/$1.s.ctrl" --flags startup-clear,not-need-init >>"$1.log" 2>&1 &
	tpm=$!
	pids+=("$tpm")
	until_true test -S "$1.s" -a -S "$1.s.ctrl"
}
# shellcheck disable=SC2317
stop_tpm() {
	kill "$tpm"
	wait "$tpm" || true
}
make_tpm chip vendor --create-ek-cert
make_tpm odd stranger --create-ek-cert
make_tpm bare vendor
mkdir roots
cp vendor/*cert.pem roots

world_keys alice carol dave build-07
eval "plain_$(declare -f world_documents)"
world_documents() {
	plain_world_documents
	jq -cS '.hosts += [{name: "build-09", groups: ["farm"], enrol: true, class: "attested"},
		{name: "build-10", groups: ["farm"], enrol: true, class: "tpm"},
		{name: "build-11", groups: ["farm"], enrol: true}]' roster.json | tr -d '\n' >roster.new
	mv roster.new roster.json
}
exec_keeper() {
	exec greatseal-keeper "$1" --state "$work/keeper" --guard "$work/guard" --token "$token" --tpm-roots "$work/roots" "${@:2}"
}
world_start
world_key ecdsa-p256

socket=$work/agent.sock
# agent VERB TPM STATE...
agent() { greatseal-agent "$1" --socket "$socket" --state "$work/$3" --tpm-device "swtpm:path=$work/$2.s" "${@:4}"; }
start_agent() {
	(exec greatseal-agent run --socket "$socket" --state "$work/$2" --tpm-device "swtpm:path=$work/$1.s" 2>>agent.log) &
	agent=$!
	pids+=("$agent")
	until_true agent_runs
}
agent_runs() { [[ $(agent status chip state --json 2>/dev/null | jq .running) == true ]]; }
stop_agent() {
	kill -TERM "$agent"
	wait "$agent" || die "the agent ended with $?"
}
host() { as dave host show "$1" --json | jq -r "$2"; }
invite() { as dave host add "$@" --json | jq -r .enrol | sed 's/.*--token \([^ ]*\) .*/\1/' >token; }
enrol() { agent enrol "$1" "$2" "https://$address" --pin "$pin" --token-file token "${@:3}"; }

# ---- Attested ----
invite build-09
refused 1 "there is no TPM" enrol chip none --tpm require
refused 1 host.class enrol chip soft --tpm none
rm -r none soft
start_tpm chip
enrol chip state --tpm require >enrol.log
[[ -f state/host.tpm && ! -f state/host.key ]] || die "the key's file"
[[ $(host build-09 '.state + " " + .class') == "enrolled attested" ]] || die "enrolled: $(host build-09 .)"
[[ $(host build-09 .ek) == "$(agent tpm chip state --json | jq -r .ek)" ]] || die "the ek"
ok "enrolled: $(head -n 2 enrol.log | tail -n 1)"
start_agent chip state
as carol init-client --agent "$socket" --person carol --key "$work/carol" >/dev/null
echo "a file" >app-1.0
first=$(submit "from build-09" app-1.0)
as alice approve "$first" --yes >/dev/null
as dave approve "$first" --yes >/dev/null
as carol fetch "$first" -o signed
cp app-1.0 signed/
greatseal verify signed/app-1.0 --vkey "$(jq -r .vkey carol.json)" --json | jq -e .verified >/dev/null
[[ $(curl -s --unix-socket "$socket" "http://a/v1/guard/records?archives=$(printf %064d 0)" | jq -c .) == '{"later":[],"records":[]}' ]] || die "its guard cannot fetch"
ok "the key in the TPM vouches, shows the certificate to the server, and fetches for its guard; signed and verified"
agent renew chip state >/dev/null
[[ $(host build-09 '.class + " " + (.counter|tostring)') == "attested 1" ]] || die "renewed: $(host build-09 .)"
ok "renewed with the same key, and of the same class"

# ---- The TPM goes and comes ----
stop_tpm
code=0
submit "without TPM" app-1.0 --new >gone.log 2>&1 || code=$?
((code != 0)) && grep -q "TPM" gone.log || die "without TPM: $code $(cat gone.log)"
start_tpm chip
[[ $(submit "with it again" app-1.0 --new) =~ ^[0-9a-f]{64}$ ]] || die "after the TPM came back"
ok "a TPM that is away is an error with its name, and the agent goes on when it is back"
stop_agent
start_agent chip state
[[ $(submit "after a restart" app-1.0 --new) =~ ^[0-9a-f]{64}$ ]] || die "after a restart"
stop_agent
stop_tpm

# ---- Another TPM, an unknown vendor, one without certificate ----
start_tpm odd
code=0
agent renew odd state >copy.log 2>&1 || code=$?
((code != 0)) && grep -q "made in this TPM" copy.log || die "the key in another TPM: $code $(cat copy.log)"
ok "the key's file is of no use to another TPM"
invite build-09
refused 1 host.class enrol odd oddstate
stop_tpm
start_tpm bare
ek=$(agent tpm bare barestate --json | jq -r .ek)
invite build-10
refused 1 "ek $ek" enrol bare barestate
stop_tpm
start_tpm odd
invite build-10 --ek "000b$ek"
refused 1 "names another TPM" enrol odd other
stop_tpm
start_tpm bare
enrol bare barestate >/dev/null
[[ $(host build-10 '.state + " " + .class + " " + .ek') == "enrolled tpm $ek" ]] || die "enrolled: $(host build-10 .)"
ok "a TPM without certificate that the invitation names is of class tpm"

# ---- A rule for hosts of that class ----
jq -cS '.version = 2 | .rules[0].classes = ["tpm"]' policy.json | tr -d '\n' >policy2.json
change=$(as dave policy propose policy2.json --json | jq -r .id || true)
as alice policy sign "$change" --yes >/dev/null
agent_of() { # TPM STATE
	start_agent "$1" "$2"
	as carol init-client --agent "$socket" --person carol --key "$work/carol" >/dev/null
}
agent_of bare barestate
request=$(submit "of a host with a TPM" app-1.0 --new)
as alice approve "$request" --yes >/dev/null
as dave approve "$request" --yes >/dev/null
rm -r signed
as carol fetch "$request" -o signed 2>fetch.log || die "fetch: $(cat fetch.log)"
[[ -s signed/app-1.0.greatseal ]] || die "not signed: $(ls signed)"
stop_agent
invite build-11
enrol bare soft --tpm none >/dev/null
[[ $(host build-11 '.state + " " + .class') == "enrolled software" ]] || die "enrolled: $(host build-11 .)"
agent_of bare soft
refused 4 host.class as carol submit --key release -m "of a software host" app-1.0 --new
stop_agent
as other init-client --server "https://$address" --pin "$pin" --person carol --key "$work/carol" --host build-07 --host-key "$work/build-07" >/dev/null
refused 4 host.class as other submit --key release -m "of a host with a key in the roster" app-1.0 --new
stop_tpm
start_tpm chip
agent_of chip state
refused 4 host.class as carol submit --key release -m "attested, and the rule says tpm" app-1.0 --new
stop_agent
jq -cS '.version = 3 | .rules[0].classes = ["attested", "tpm"]' policy.json | tr -d '\n' >policy3.json
change=$(as dave policy propose policy3.json --json | jq -r .id || true)
as alice policy sign "$change" --yes >/dev/null
agent_of chip state
[[ $(submit "attested" app-1.0 --new) =~ ^[0-9a-f]{64}$ ]] || die "attested"
stop_agent
ok "a rule's classes let hosts of these ask, and nobody else"
echo "$checks checks"
