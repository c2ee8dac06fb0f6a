#!/usr/bin/env bash
# The examples for CI systems: linted as far as can be without these systems, and the commands of each run with
# the real programs.
source "$SRCDIR/tests/lib/world.sh"
source "$SRCDIR/tests/lib/issuer.sh"
source "$SRCDIR/tests/lib/ci.sh"
PATH=$BUILD/prog/agent:$PATH
ci_documents
world_keys alice carol dave build-07 ci-release
issuer_start
world_start
world_key
ci_issuer_keys

lint() { python3 "$SRCDIR/tests/support/ci_lint.py" "$@"; }
ci=$SRCDIR/examples/ci
for script in "$ci"/*.sh; do sh -n "$script" && shellcheck -s sh "$script" || die "$script"; done
yamllint -s -d '{extends: default, rules: {line-length: {max: 140}, truthy: {check-keys: false}}}' "$ci"/*.yml || die "yamllint"
lint github "$ci/github.yml" github.sh
lint gitlab "$ci/gitlab-ci.yml" gitlab.sh
lint jenkins "$ci/Jenkinsfile" jenkins.sh
for script in github.sh gitlab.sh jenkins.sh; do sh -n "$script" && shellcheck -s sh -e SC2154 "$script" || die "$script"; done
# What the linter is there for.
spoiled() { # SYSTEM FILE EXPRESSION
	sed -E "$3" "$ci/$2" >spoiled
	! cmp -s spoiled "$ci/$2" || die "nothing spoiled by $3"
	! lint "$1" spoiled spoiled.sh 2>spoiled.log || die "not noticed: $3"
}
spoiled gitlab gitlab-ci.yml 's/^  script:/  skript:/'
spoiled gitlab gitlab-ci.yml 's/stage: sign/stage: sing/'
spoiled gitlab gitlab-ci.yml 's/^  timeout: 3h/  stage: build/'
spoiled gitlab gitlab-ci.yml 's/^      aud:/      audience:/'
spoiled github github.yml 's/@11bd71901bbe5b1630ceea73d27597364c9af683/@v4/'
spoiled github github.yml '/id-token: write/d'
spoiled github github.yml 's/^permissions: .*/permissions: {contents: write}/'
spoiled github github.yml '/^    environment: release/d'
spoiled github github.yml 's/persist-credentials: false/persist-credentials: true/'
spoiled github github.yml 's/run: make dist/run: make ${{ github.ref_name }}/'
spoiled github github.yml 's/^    needs:/    need:/'
spoiled jenkins Jenkinsfile '$d'
spoiled jenkins Jenkinsfile 's/^( *)steps \{/\1stages {/'
spoiled jenkins Jenkinsfile "s/label 'greatseal'/label 'greatseal/"
spoiled jenkins Jenkinsfile "s/'GREATSEAL_SERVICE_KEY'\)\]/'GREATSEAL_SERVICE_KEY')/"
ok "scripts and files pass their linters, and spoiled ones do not"
DESTDIR=$work/installed meson install -C "$BUILD" --no-rebuild --quiet >install.log 2>&1 || die "$(tail -n 3 install.log)"
diff -r "$ci" "$(find installed -path '*/greatseal/examples/ci')" || die "not every example is installed"
ok "all of them are installed"

# An enrolled machine stands in for the runner: greatseal-agent with the key that the roster has for it.
greatseal-agent run --socket "$work/agent.sock" --state "$work/agent-state" --key-file "$work/build-07" \
	--server "https://$address" --pin "$pin" --host build-07 --origin log.example 2>agent.log &
pids+=($!)
until_true test -S agent.sock

# in_job NAME FILE: the commands of an example in a directory of their own, with the environment that it sets and
# that its system would add.
in_job() {
	mkdir -p "job-$1/dist" "job-$1/ci"
	cp "$ci"/*.sh "job-$1/ci/"
	echo "made by $1" >"job-$1/dist/app-1.0.bin"
	(
		cd "job-$1"
		while IFS= read -r line; do export "${line?}"; done <"../$2.env"
		export GREATSEAL_CONFIG=$PWD/.greatseal/client.json GREATSEAL_MESSAGE="$1 job"
		case $1 in
		github)
			export GREATSEAL_SERVER=https://$address GREATSEAL_PIN=$pin GREATSEAL_OIDC_CA=$work/issuer/cert.pem
			export ACTIONS_ID_TOKEN_REQUEST_URL="$issuer/token?api-version=2.0" ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret
			;;
		gitlab)
			GREATSEAL_TOKEN=$(cd .. && issuer_token "$(sed -nE 's/^ *aud: ([^ ]*).*/\1/p' "$ci/gitlab-ci.yml")")
			export GREATSEAL_AGENT=$work/agent.sock GREATSEAL_TOKEN CI_PROJECT_DIR=$PWD
			;;
		jenkins) export GREATSEAL_AGENT=$work/agent.sock GREATSEAL_SERVICE_KEY=$work/ci-release.pasted ;;
		esac
		[[ -z ${3:-} ]] || export GREATSEAL_TIMEOUT=$3
		exec sh -e "../$2"
	)
}
install -m 666 ci-release ci-release.pasted # secret files of CI systems have modes of their own
approve_all() {
	local id
	id=$(as alice inbox --json | jq -r '.requests[0].request')
	[[ $id =~ ^[0-9a-f]{64}$ ]] || return 1
	as alice approve "$id" --yes >/dev/null && as dave approve "$id" --yes >/dev/null
}
declare -A claims=(
	[github]='{"repository_id":"1234","environment":"release","ref_protected":"true","actor":"octocat"}'
	[gitlab]='{"project_id":"77","ref_protected":"true","user_login":"tanuki"}' [jenkins]='{}')
declare -A service=([github]=ci-github [gitlab]=ci-gitlab [jenkins]=ci-release)
for system in github gitlab jenkins; do
	host=build-07
	[[ $system != github ]] || host=
	issuer_claims "${claims[$system]}"
	code=0
	in_job "$system" "$system.sh" 1s >"$system.log" 2>&1 || code=$?
	((code == 3)) || die "exit $code of $system: $(<"$system.log")"
	grep -q 'run this job again' "$system.log" || die "$(<"$system.log")"
	in_job "$system" "$system.sh" >"$system.log" 2>&1 &
	job=$!
	pids+=("$job")
	until_true grep -q 'joining request' "$system.log"
	until_true approve_all
	wait "$job" || die "$system: $(<"$system.log")"
	as carol verify "job-$system/dist/app-1.0.bin" --bundle "job-$system/signed/app-1.0.bin.greatseal" \
		--signature "job-$system/signed/app-1.0.bin.p7s" >/dev/null || die "$system: does not verify"
	[[ ! -e job-$system/.greatseal ]] || die "$system leaves the key behind"
	as carol show "$(jq -r '.request' <(as alice inbox --all --json | jq '.requests[0]'))" --json |
		jq -e --arg s "${service[$system]}" --arg h "$host" '.status | .requester == $s and .host == $h' >/dev/null || die "who asked"
	ok "$system: the job waits with 3, joins when it is run again, and is signed"
done

# A run of a branch that nothing protects, and of another environment.
for wrong in '.ref_protected = "false"' '.environment = "test"' '.repository_id = "1235"'; do
	issuer_claims "$(jq -c "$wrong" <<<"${claims[github]}")"
	code=0
	in_job github github.sh 1s >github.log 2>&1 || code=$?
	((code == 4)) && grep -q 'token.match' github.log || die "exit $code: $(<github.log)"
	rm -rf job-github
done
ok "github: another repository, environment or ref is denied"

# Plain shell, on a machine without agent: host key and service key in files.
mkdir plain
echo "made by hand" >plain/tool.bin
(
	cd plain
	export GREATSEAL_CONFIG=$PWD/client.json GREATSEAL_SERVICE=ci-release GREATSEAL_SERVICE_KEY=$work/ci-release GREATSEAL_HOST=build-07
	export GREATSEAL_HOST_KEY=$work/build-07 GREATSEAL_SERVER=https://$address GREATSEAL_PIN=$pin GREATSEAL_KEY=release
	"$ci/setup.sh" >/dev/null
	[[ $(stat -c %a service.key host.key client.json | sort -u) == 600 ]] || die "modes"
	"$ci/sign.sh" tool.bin
) >plain.log 2>&1 &
job=$!
pids+=("$job")
until_true grep -q '^waiting for request' plain.log
id=$(as alice inbox --json | jq -r '.requests[0].request')
as alice deny "$id" --yes -m no >/dev/null
code=0
wait "$job" || code=$?
((code == 4)) && grep -q 'sign.sh: denied' plain.log || die "exit $code: $(<plain.log)"
code=0
GREATSEAL_KEY=release "$ci/sign.sh" >/dev/null 2>&1 || code=$?
((code == 2)) || die "no files"
ok "plain shell: denied is 4"
echo "1..$checks"
