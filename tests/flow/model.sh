#!/usr/bin/env bash
# model - runs the request machine (tests/model/request.pml) through spin: no error in any interleaving, each of the
# seeded bugs found, the goal reached, and a committed request finished in the end.
set -euo pipefail

if ! command -v spin >/dev/null; then
	echo "model: spin is not installed"
	exit 77
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/gs-model-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# check EXPECTED(0 or 1 errors) WHAT SPIN-FLAGS CC-FLAGS PAN-FLAGS
check() {
	spin $3 -a "$SRCDIR/tests/model/request.pml" >spin.out
	cc -O1 -w $4 -o pan pan.c
	./pan -m100000 $5 >pan.out
	if grep -q 'error: max search depth\|out of memory' pan.out; then
		cat pan.out
		exit 1
	fi
	local errors states
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out)
	states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out)
	echo "model: $2: errors $errors, states $states"
	if [[ $errors != "$1" ]]; then
		cat pan.out
		exit 1
	fi
}

check 0 "every interleaving" "" "-DSAFETY -DCOLLAPSE" ""
check 1 "bug: approvals of a former rule counted" "-DBUG=1" "-DSAFETY" ""
check 1 "bug: the requester's own approval counted" "-DBUG=2" "-DSAFETY" ""
check 1 "bug: look and act in two steps" "-DBUG=3" "-DSAFETY" ""
check 1 "bug: a commit forgotten after a power cut" "-DBUG=4" "-DSAFETY" ""
check 0 "every interleaving, with a release" "-DHOLD" "-DSAFETY -DCOLLAPSE" ""
check 1 "bug: given out after a look in another step" "-DHOLD -DBUG=6" "-DSAFETY" ""
check 1 "the goal is reached" "-DBUG=5" "-DSAFETY" ""
check 1 "the goal is reached, with a release" "-DHOLD -DBUG=5" "-DSAFETY" ""
check 0 "a committed request is finished" "-DLIVE" "-DNFAIR=4" "-a -f"
