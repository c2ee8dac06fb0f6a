# until_true, for scripts that keep the processes they have started in pids.

# As many of pids as run.
# shellcheck disable=SC2154 # the script has them
until_running() {
	local pid n=0
	for pid in "${pids[@]}"; do
		kill -0 "$pid" 2>/dev/null && n=$((n + 1))
	done
	echo "$n"
}
# until_true command...: polls a condition for as long as it takes; the run's own limit is the end of what hangs. Where a
# process of this script ends meanwhile, what was to come of it may never come: then for 1200 looks more.
until_true() {
	local until_looks=0 until_ended=0 until_now=0 until_before # named so that the command's own are not hidden
	until "$@"; do
		until_before=$until_now
		until_now=$(until_running)
		((until_now >= until_before)) || until_ended=1
		((until_ended == 0 || until_looks++ < 1200)) || die "a process has ended, and this is not true: $*"
		sleep 0.05
	done
}
