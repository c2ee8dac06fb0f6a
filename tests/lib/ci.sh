# Documents with services that stand for CI jobs; after world.sh. ci-release has a key.
ci_documents() {
	world_documents() {
		jq -ncS --arg a "$(public alice)" --arg c "$(public carol)" --arg d "$(public dave)" --arg h "$(public build-07)" \
			--arg s "$(public ci-release)" '{version: 1, hosts: [{name: "build-07", groups: ["farm"], keys: [$h]}],
			people: [{name: "alice", groups: ["release"], keys: [$a]}, {name: "carol", groups: ["engineers"], keys: [$c]},
			{name: "dave", groups: ["security"], keys: [$d]}],
			services: [{name: "ci-release", keys: [$s], owners: ["carol"]}]}' | tr -d '\n' >roster.json
		jq -ncS '{version: 1, admin: {approve: ["1 of security"]}, unlock: {approve: ["1 of security"]},
			change: {approve: ["1 of release", "1 of security"]}, rules: [{name: "release", keys: ["release"],
			formats: ["pe", "cms"], request: ["service:*"], from: ["group:farm"],
			approve: ["1 of release", "1 of security"]}]}' | tr -d '\n' >policy.json
	}
}
