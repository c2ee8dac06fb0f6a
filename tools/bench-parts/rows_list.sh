# rows_list.sh - part of tools/bench: how long a host needs to take an allowlist.

list_one() { # COUNT WORDS LIMIT-MS
	local out ms
	out=$(list_ready "$1" "$state/bench.list")
	rm -f "$state/bench.list"
	ms=$(jq '(.hash_us + .open_us) / 1000 | . * 10 | round / 10' <<<"$out")
	row "allowlist of $2 contents: ready" "$ms ms" "limit" "$3 ms" "$(ratio "$ms" "$3")" - "<= 1"
	note "list: $(jq -r '"\(.count) contents, \(.bytes) bytes with names: SHA-256 \(.hash_us) us, open \(.open_us) us; a look-up \(.find_ns) ns, in vain \(.miss_ns) ns"' <<<"$out")"
}
row_list() {
	list_one 45000 45,000 500
	list_one 1000000 1,000,000 2000
}
