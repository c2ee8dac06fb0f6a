#!/bin/sh
# sign.sh FILE... - asks for signatures, waits for people, and leaves signed files and proofs in ./signed.
#
#   GREATSEAL_KEY      the key to sign with
#   GREATSEAL_MESSAGE  what approvers read; say where this comes from
#   GREATSEAL_TIMEOUT  how long to wait for them (2h); keep it below the job's own limit
#
# Ends with 0 signed, 3 not signed yet: the request stands, and the same files in a job that is run again join it;
# 4 denied; anything else is an error.
set -eu
: "${GREATSEAL_KEY:?the name of the key}"
[ $# -gt 0 ] || {
	echo "usage: sign.sh FILE..." >&2
	exit 2
}
code=0
greatseal sign --key "$GREATSEAL_KEY" --message "${GREATSEAL_MESSAGE:-}" --wait --timeout "${GREATSEAL_TIMEOUT:-2h}" \
	--output signed "$@" || code=$?
case $code in
3) echo "sign.sh: nobody has approved yet; run this job again with the same files to go on waiting" >&2 ;;
4) echo "sign.sh: denied; the reason is above" >&2 ;;
esac
exit $code
