#!/usr/bin/env bash
# A list that was signed by mistake, as docs/guard.md says; then what fetching costs: a million contents by way of server and
# agent, in flat memory, also after an end in the middle; and many that ask at once.
unset MALLOC_PERTURB_ # meson's: memory that is filled when it is asked for counts, whether it is used or not
interval=1d fetch_max=200000000
source "${SRCDIR:?}/tests/lib/guard_host.sh"
guard_may_run
start_agent
start_guard
takes() { guard fetch | grep -q "a newer list is in force" || die "no newer list: $(status)"; }

# ---- Signed by mistake ----
greatseal list build -o one.list --name base --group farm --origin log.example good >/dev/null
sign lists one.list
guard fetch >/dev/null || die "no list: $(tail -n 3 guard.log)"
guard enforce || die "cannot enforce: $(tail guard.log)"
is_refused stranger
greatseal list build -o two.list --after one.list good stranger >/dev/null
sign lists two.list
takes
runs stranger
# It is held back at once, and what takes its place is approved meanwhile.
as dave key lock lists -m "list 2 has a stranger" >/dev/null
refused 1 "its key is locked" guard fetch
greatseal list build -o three.list --after two.list one.list --revoke "$(sha stranger)" >/dev/null
greatseal list diff two.list three.list >diff.txt || true
grep -q "^~ $(sha stranger)  revoked" diff.txt || die "the next list does not take it back: $(cat diff.txt)"
sign lists three.list
refused 1 "its key is locked" guard fetch
as dave key unlock lists -m "the next list is approved" >/dev/null
is_given() { [[ $(curl -s --unix-socket "$socket" "http://localhost/v1/guard/list?groups=farm" | jq -r .serial) == "$1" ]]; }
until_true is_given 3
takes
serial_is 3 || die "another list is in force: $(status)"
is_refused stranger
runs good
ok "a list that was signed by mistake: held back by its key, replaced by the next, and gone from a host within one fetch"

# ---- A million contents ----
python3 "$SRCDIR/tests/support/large_list.py" three.list four.list 1000000
size=$(stat -c %s four.list)
((size > 90000000)) || die "a small list: $size"
sign lists four.list
until_true is_given 4
peak_from() { for p in "$@"; do echo 5 >"/proc/$p/clear_refs"; done; }
kib() { awk -v f="$2:" '$1 == f {print $2}' "/proc/$1/status"; }
peak_from "$server" "$agent"
server_before=$(kib "$server" VmRSS) agent_before=$(kib "$agent" VmRSS)
# The agent dies on the way, wherever that is: the list in force is the one before, or the whole new one.
guard fetch >first.log 2>&1 &
first=$!
under_way() {
	local fd
	is_gone $first && return 0
	for fd in $(find "/proc/$guard/fd" -lname '*greatseal-fetched*' 2>/dev/null); do
		[[ $(stat -Lc %s "$fd" 2>/dev/null) -gt 0 ]] && return 0
	done
	return 1
}
until_true under_way
kill -KILL "$agent"
wait $first || grep -qE 'cut off|agent' first.log || die "it says something else: $(cat first.log)"
serial_is 3 || serial_is 4 || die "another list is in force: $(status)"
runs good
is_refused stranger
rm -f "$socket"
start_agent
agent_before=$(kib "$agent" VmRSS)
guard fetch >/dev/null || die "the list does not arrive: $(status)"
serial_is 4 || die "another list is in force: $(status)"
[[ $(status | jq .list.count) == 1000000 ]] || die "not all of it: $(status)"
runs good
is_refused stranger
server_more=$(($(kib "$server" VmHWM) - server_before)) agent_more=$(($(kib "$agent" VmHWM) - agent_before))
((server_more < 32768 && agent_more < 32768)) || die "a list of $size bytes takes memory: server $server_more KiB, agent $agent_more KiB"
ok "a list of a million contents ($size bytes), cut off once: server +$server_more KiB, agent +$agent_more KiB, guard $(kib "$guard" VmHWM) KiB"

# ---- The server dies on the way ----
file="http://localhost/v1/guard/list/$(sha four.list)"
curl -s --limit-rate 4M --unix-socket "$socket" "$file" -o part.list 2>/dev/null &
pid=$!
has_part() { [[ -s part.list ]] || is_gone $pid; }
until_true has_part
kill -KILL "$server"
wait "$server" 2>/dev/null || true
wait $pid && die "a list that was cut short looks whole"
cmp -s part.list four.list && die "all of it came"
start_server
curl -s --unix-socket "$socket" "$file" | cmp - four.list || die "the list is not given out any more"
guard fetch | grep -q "is the newest" || die "fetch"
ok "a server that dies on the way is seen as that, and the whole comes from the next one"

# ---- Many at once ----
peak_from "$server" "$agent"
server_before=$(kib "$server" VmRSS) agent_before=$(kib "$agent" VmRSS)
curl -sZ --no-progress-meter --parallel-max 6 --unix-socket "$socket" "$file?n=[1-6]" -o '/dev/null' -w '%{http_code} %{size_download}\n' >large.txt &
large=$!
curl -sZ --no-progress-meter --parallel-max 200 --parallel-immediate --unix-socket "$socket" "http://localhost/v1/guard/list?groups=farm&have=$(sha four.list)&n=[1-200]" \
	-o '#1.answer' -w '%{http_code} %{size_download}\n' >many.txt || die "some had no answer: $(sort many.txt | uniq -c)"
[[ $(grep -c '^200 ' many.txt) == 200 ]] || die "some had no answer: $(sort many.txt | uniq -c)"
[[ $(cat ./*.answer | jq -c '[.current, has("proof")]' | sort -u) == '[true,false]' ]] || die "what a host has is sent again"
(($(awk '{n += $2} END {print n}' many.txt) < 200 * 1024)) || die "many bytes for nothing new: $(tail -n 1 many.txt)"
as alice guard hosts >/dev/null || die "people get no answer"
wait $large || die "a list was cut: $(cat large.txt)"
[[ $(sort -u large.txt) == "200 $size" ]] || die "a list was cut: $(cat large.txt)"
server_more=$(($(kib "$server" VmHWM) - server_before)) agent_more=$(($(kib "$agent" VmHWM) - agent_before))
((server_more < 65536 && agent_more < 65536)) || die "many at once take memory: server $server_more KiB, agent $agent_more KiB"
ok "200 at once beside six that take all of it: each has its answer, and nothing is sent twice (server +$server_more KiB, agent +$agent_more KiB)"
