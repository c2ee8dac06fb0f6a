# rows_agent.sh - part of tools/bench: what greatseal-agent between client and server costs.
# Direct and relayed runs take turns, AGENT_PAIRS (5) of each, so that what else the machine does meets both alike; the
# ratio is the median of the pairs. Direct clients keep TLS connections; the agent's speak plain HTTP to its socket.

agent_start() {
	(umask 077 && cp host agent-host.key)
	greatseal-agent run --socket "$state/agent.sock" --key-file "$state/agent-host.key" --server "https://$address" --pin "$pin" \
		--host host --origin log.example 2>agent.log &
	agent=$!
	pids+=("$agent")
	for ((i = 0; i < 600; i++)); do
		curl -sf --unix-socket "$state/agent.sock" http://a/agent/v1/info >/dev/null && return
		sleep 0.05
	done
	die "greatseal-agent does not listen"
}
# agent_run CLIENTS SERVER PREPARED: $rate requests a second, $p50 and $p99 in us, $spent processor us of a request: all four programs.
agent_run() {
	local out k s a
	k=$(cpu_ms "$keeper") s=$(cpu_ms "$server") a=$(cpu_ms "$agent")
	out=$(load --key ec --fingerprint "$agent_print" --items 1 --clients "$1" --seconds "$agent_seconds" --prepared "$3" --server "$2")
	k=$(($(cpu_ms "$keeper") - k)) s=$(($(cpu_ms "$server") - s)) a=$(($(cpu_ms "$agent") - a))
	rate=$(jq '.requests / .seconds | round' <<<"$out")
	p50=$(jq .p50_us <<<"$out")
	p99=$(jq .p99_us <<<"$out")
	spent=$(jq --argjson c $((k + s + a)) '($c * 1000 + .cpu_seconds * 1e6) / .requests | round' <<<"$out")
	agent_us=$(jq --argjson a "$a" '$a * 1000 / .requests | round' <<<"$out")
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# agent_pairs CLIENTS: $direct and $relayed are the pairs' values, a line each: rate p50 p99 spent agent.
agent_pairs() {
	local n=${AGENT_PAIRS:-5} prepared
	agent_run "$1" "https://$address" 64
	prepared=$(awk -v r="$rate" -v t="$agent_seconds" 'BEGIN { printf "%d", r * (t + 1) * 2 + 64 }')
	: >direct.txt
	: >relayed.txt
	for ((pair = 0; pair < n; pair++)); do
		agent_run "$1" "https://$address" "$prepared"
		echo "$rate $p50 $p99 $spent $agent_us" >>direct.txt
		agent_run "$1" "unix:$state/agent.sock" "$prepared"
		echo "$rate $p50 $p99 $spent $agent_us" >>relayed.txt
	done
}
# pair_ratio COLUMN: the median of relayed / direct.
pair_ratio() { paste -d' ' relayed.txt direct.txt | awk -v c="$1" '{ printf "%.4f\n", $c / $(c + 5) }' | median; }
column() { awk -v c="$2" '{ print $c }' "$1" | median; }

row_agent() {
	local agent agent_print agent_seconds=${SECONDS_EACH:-3} clients rate p50 p99 spent agent_us
	cd "$state"
	agent_start
	agent_print=$(fingerprint ec)
	for clients in 1 16; do
		agent_pairs "$clients"
		row "agent, $clients clients: requests" "$(column relayed.txt 1) /s" "without it, in turns" "$(column direct.txt 1) /s" \
			"$(awk -v r="$(pair_ratio 1)" 'BEGIN { printf "%.2f", r }')" "$(awk -v r="$(pair_ratio 4)" 'BEGIN { printf "%.2f", 1 / r }')" ">= 0.87"
		note "agent, $clients clients: p50 $(column relayed.txt 2) us with it, $(column direct.txt 2) us without; p99 $(column relayed.txt 3) and" \
			"$(column direct.txt 3) us; processor time of a request, all programs: $(column relayed.txt 4) and $(column direct.txt 4) us, of it the" \
			"agent's: $(column relayed.txt 5) us"
	done
	kill "$agent"
	wait "$agent" || true
}
