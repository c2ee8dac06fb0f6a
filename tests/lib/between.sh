# A server between people and the real one; after world.sh. What it answers is for the test to say, in lies.py
# (tests/support/between.py), and the word in the file "mode".
between_start() {
	PYTHONPATH=$SRCDIR/tests/support PYTHONDONTWRITEBYTECODE=1 python3 lies.py "$address" 2>between.log &
	pids+=($!)
	until_true test -s port
}
# between_for WHO...: whom it stands in front of.
between_for() {
	local who
	for who in "$@"; do
		as "$who" init-client --server "https://127.0.0.1:$(<port)" --pin "$pin" --person "$who" --key "$work/$who" \
			--host build-07 --host-key "$work/build-07" >/dev/null
	done
}
