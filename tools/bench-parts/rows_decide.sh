# rows_decide.sh - part of tools/bench: how long a decision takes under the policy of a large organisation.

row_decide() {
	local out
	out=$(decide 50000)
	row "decision, 1,000 rules, 1,000 people: p99" "$(jq .p99_us <<<"$out") us" "limit" "200 us" "$(ratio "$(jq .p99_us <<<"$out")" 200)" - "<= 1"
	row "replay of 100,000 requests by two such policies" "$(jq '.replay_us / 10 | round' <<<"$out") s" "limit" "60 s" \
		"$(ratio "$(jq '.replay_us / 10' <<<"$out")" 60)" - "<= 1"
	note "decide: $(jq -r '"p50 \(.p50_us) us, slowest \(.max_us) us; \(.allow) allowed, \(.wait) wait, \(.deny) denied; policy of \(.policy_bytes) bytes",
		"read in \(.parse_us) us, checked against the roster in \(.check_us) us"' <<<"$out" | tr '\n' ' ')"
}
