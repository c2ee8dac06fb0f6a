# Documents with services that stand for CI jobs; after world.sh and issuer.sh, whose issuer is the one of both systems.
# ci-release has a key, ci-github tokens for each request, ci-gitlab tokens that a host stands beside.
ci_documents() {
	world_documents() {
		jq -ncS --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" \
			--arg s "$(public ci-release)" --arg i "$issuer" '{version: 1, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
			people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "carol", groups: ["engineers"], keys: [$c]},
			{name: "dave", groups: ["security"], keys: [$d]}],
			services: [{name: "ci-release", keys: [$s], owners: ["carol"]},
			{name: "ci-github", owners: ["carol"], oidc: {name: "github", issuer: $i, bind: "audience", actor: "actor",
			match: ["environment=release", "ref_protected=true", "repository_id=1234"]}},
			{name: "ci-gitlab", owners: ["carol"], oidc: {name: "gitlab", issuer: $i, audience: "https://seal.example.org",
			actor: "user_login", match: ["project_id=77", "ref_protected=true"]}}]}' | tr -d '\n' >roster.json
		jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
			change: {approve: ["1 of release", "1 of security"]}, rules: [{name: "release", keys: ["release"],
			formats: ["pe", "cms"], request: ["service:*"], from: ["group:farm", "issuer:github"],
			approve: ["1 of release", "1 of security"]}]}' | tr -d '\n' >policy.json
	}
	start_keeper() {
		exec_keeper run --socket "$work/k.sock" --jwks-socket "$work/j.sock" --self-sign yes 2>>keeper.log &
		keeper=$!
		pids+=("$keeper")
	}
}
# The issuer's keys to the keeper, after world_start.
ci_issuer_keys() {
	until_true test -S j.sock
	"$BUILD/prog/jwksd/greatseal-jwksd" once --keeper-socket "$work/j.sock" --ca-file "$work/issuer/cert.pem" --issuer "$issuer" 2>jwksd.log
}
