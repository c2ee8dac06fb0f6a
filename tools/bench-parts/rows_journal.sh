# rows_journal.sh - part of tools/bench: a keeper with a large journal: its start, its memory, its proofs. The keeper is
# one of its own, whose journal journal_fill has filled and left as a crash leaves it.

# Takes journal and tiles out of the page cache, as after a boot of the machine.
journal_forget() {
	local file
	sync -f big
	for file in big/keeper.db*; do dd if="$file" iflag=nocache count=0 status=none; done
	find big/public/tile/0 -type f -exec dd if={} iflag=nocache count=0 status=none \;
}

# journal_start WHICH: starts the keeper and measures; $asked is what keeper_ask says.
journal_start() {
	asked=$(keeper_ask "$state/big.sock" 2000 greatseal-keeper run --state "$state/big" --guard "$state/big-guard" \
		--socket "$state/big.sock" --token "$token" 2>>"$state/big.log")
	journal_keeper=$(jq .pid <<<"$asked")
	pids+=("$journal_keeper")
	row "journal of $(jq .entries <<<"$asked") entries: start, $1" "$(jq '.answered_us / 1000 | round' <<<"$asked") ms" "limit" "2000 ms" \
		"$(ratio "$(jq .answered_us <<<"$asked")" 2000000)" - "<= 1"
}

# journal_proof FROM: a row, and what the slow ones took as a note.
journal_proof() {
	row "journal: proof of inclusion $1, p50" "$(jq .p50_us <<<"$asked") us" "limit" "1000 us" "$(ratio "$(jq .p50_us <<<"$asked")" 1000)" - "<= 1"
	note "journal: 2000 proofs $1: p50 $(jq .p50_us <<<"$asked") us, p99 $(jq .p99_us <<<"$asked") us, slowest $(jq .max_us <<<"$asked") us"
}

journal_stop() {
	kill "-$1" "$journal_keeper"
	while kill -0 "$journal_keeper" 2>/dev/null; do sleep 0.05; done
}

row_journal() {
	local entries=${ENTRIES:-1000000} print asked journal_keeper began ended
	need_disk $((entries * 5 / 2 + 1048576))
	cd "$state"
	print=$(fingerprint rsa)
	head -c 32 /dev/urandom >big.credential
	chmod 600 big.credential
	# As the manual recommends for a service: a passphrase would be stretched at the start, on purpose.
	local token=file:main,credential=$state/big.credential
	greatseal-keeper init --state "$state/big" --guard "$state/big-guard" --origin big.example --policy "$state/policy.json" \
		--roster "$state/roster.json" --token "$token" 2>big.log
	began=$(date +%s)
	journal_fill "$entries" rsa "$print" --state "$state/big" --guard "$state/big-guard" --token "$token" >/dev/null 2>>big.log
	ended=$(date +%s)
	journal_forget
	journal_start "after a crash"
	journal_proof "from the disk"
	cat big/keeper.db >/dev/null
	find big/public/tile/0 -type f -exec cat {} + >/dev/null
	asked=$(keeper_ask "$state/big.sock" 2000)
	journal_proof "from memory"
	memory_row greatseal-keeper "$(peak_kib "$journal_keeper")" "journal"
	journal_stop TERM
	journal_forget
	journal_start "after an orderly end"
	note "journal: $(stat -c %s big/keeper.db | awk '{ printf "%d", $1 / 1048576 }') MiB, filled in $((ended - began)) s;" \
		"both starts with nothing of the journal in memory"
	journal_stop TERM
	greatseal-keeper fsck --state "$state/big" --guard "$state/big-guard" --token "$token" >>"$state/notes" 2>>big.log ||
		die "fsck refuses the journal that was measured: $(tail -n 2 big.log)"
	rm -rf "$state/big" "$state/big-guard"
}
