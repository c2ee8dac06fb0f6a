# rows_guard.sh - part of tools/bench: what greatseal-guard costs the programs that it lets run, and fapolicyd beside it.
#
# Three file systems (tmpfs) with the same small Debian in them: compiler, make, shell. Nothing guards the first; our guard
# enforces a signed list on the second; fapolicyd watches the third, in a mount namespace of its own, permissive, as in
# its best case. Two of them take turns, GUARD_ROUNDS (60) times, GUARD_BUILDS (60) for builds. Nothing else of the machine is marked.

guard_packages=(make dash bash coreutils sed grep gcc gcc-12 cpp cpp-12 binutils binutils-common binutils-x86-64-linux-gnu libbinutils
	libc6 libc6-dev libc-bin libgcc-12-dev libgcc-s1 libcrypt-dev libnsl-dev libtirpc-dev linux-libc-dev libssl3 libacl1 libattr1 libgmp10
	libmpfr6 libmpc3 libisl23 libselinux1 libpcre2-8-0 libtinfo6 libzstd1 zlib1g libctf0 libctf-nobfd0 libgprofng0 libjansson4)
guard_bench_mount() { # DIRECTORY
	mkdir -p "$1"
	mount -t tmpfs -o size=3G,mode=755 greatseal-bench "$1"
	guard_mounts+=("$1")
}
guard_bench_end() {
	local dir
	[[ -z ${fapolicyd:-} ]] || kill "$fapolicyd" 2>/dev/null || true
	[[ -z ${guard:-} ]] || kill "$guard" 2>/dev/null || true
	wait "${fapolicyd:-}" "${guard:-}" 2>/dev/null || true
	for dir in "${guard_mounts[@]}"; do umount -l "$dir"; done
	guard_mounts=()
}
# The files of the packages, and a project to build: some of our own libraries, which need libc's headers alone.
guard_tree() { # DIRECTORY
	mkdir -p "$1"/usr/{bin,sbin,lib,lib64} "$1"/{tmp,dev,proc,etc,src}
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$1/$dir"; done
	{ dpkg -L "${guard_packages[@]}" 2>/dev/null || true; } | grep -vE '^/usr/share/(doc|man|locale|info|lintian)|^/etc' | sort -u |
		while read -r f; do [[ ! -f $f ]] || echo "$f"; done | tar -c -T - -P --transform 's,^/\(bin\|sbin\|lib\|lib64\)/,/usr/\1/,S' 2>/dev/null |
		tar -x -P --transform 's,^/,,S' --keep-directory-symlink -C "$1"
	cp -L /usr/bin/gcc "$1/usr/bin/cc"
	ln -sf dash "$1/usr/bin/sh"
	mknod -m 666 "$1/dev/null" c 1 3
	cp "$build/tests/guard-prog" "$1/usr/bin/tiny"
	tar -c -C "$src" lib | tar -x -C "$1/src"
	{
		printf 'O := %s\n' "$(cd "$src" && printf '%s\n' lib/{base,codec}/*.c | grep -v sandbox | sed 's,\.c$,.o,' | tr '\n' ' ')"
		printf 'all: liball.so\nliball.so: $(O)\n\t$(CC) -shared -o $@ $(O)\n%%.o: %%.c\n\t$(CC) -D_GNU_SOURCE -I. -O1 -fPIC -c -o $@ $<\nclean:\n\trm -f $(O) liball.so\n'
	} >"$1/src/Makefile"
	ldconfig -r "$1"
}
guard_list() { # FILE: signs it; its proof comes beside it
	greatseal sign --key lists --product base-list --output "$state/guard-in" --message "for the benchmark" "$1" >/dev/null
	[[ -f "$state/guard-in/$(basename "$1").greatseal" ]] || die "no proof for $1"
	mv "$1" "$state/guard-in"
}
# guard_run LIST GROUP: $ready_ms until it answers that it is ready.
guard_run() {
	local from to
	printf '%s\n' "list = $state/guard-in/$1" "state = $state/guard-state" "socket = $state/guard.sock" "log-key = $(jq -r .vkey "$state/dave.json")" \
		"list-key = $(fingerprint lists)" "group = $2" "mount = $ours" "${level[@]}" >"$state/guard.conf"
	from=$(date +%s%N)
	greatseal-guard run --config "$state/guard.conf" 2>>"$state/guard-run.log" &
	guard=$!
	until guard_says '"ready":true.*"serial":1'; do
		kill -0 "$guard" 2>/dev/null || die "greatseal-guard has ended: $(tail -n 3 "$state/guard-run.log")"
		sleep 0.01
	done
	to=$(date +%s%N)
	ready_ms=$(((to - from) / 1000000))
}
guard_ask() { greatseal-guard "$1" --config "$state/guard.conf"; }
guard_says() { guard_ask status 2>/dev/null | grep -q "$1"; }
guard_end() {
	kill "$guard"
	wait "$guard" || true
	guard=
	rm -rf "$state/guard-state"
	mkdir "$state/guard-state"
}
guard_fapolicyd() { # DIRECTORY
	local deb
	mkdir -p "$state/debs"
	(cd "$state/debs" && apt-get download -q fapolicyd libcap-ng0 liblmdb0 libmagic1 libseccomp2 libudev1 libssl3 liblzma5 libbz2-1.0 zlib1g >"$state/fapolicyd.log" 2>&1) || return 1
	for deb in "$state"/debs/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$1"; done
	ldconfig -r "$1"
	echo 'root:x:0:0::/:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
	mkdir -p "$1/etc/fapolicyd" "$1/var/lib/fapolicyd" "$1/run/fapolicyd" "$1/var/log" "$1/var/run/fapolicyd"
	printf '%s\n' 'permissive = 1' 'nice_val = 0' 'q_size = 800' 'uid = root' 'gid = root' 'do_stat_report = 0' 'detailed_report = 0' \
		'db_max_size = 50' 'subj_cache_size = 1549' 'obj_cache_size = 8191' 'watch_fs = tmpfs' 'trust = file' 'integrity = none' \
		'syslog_format = rule,dec,perm,pid,exe,:,path' >"$1/etc/fapolicyd/fapolicyd.conf"
	printf '%s\n' 'allow perm=any all : trust=1' 'deny_audit perm=any all : all' >"$1/etc/fapolicyd/fapolicyd.rules"
	cp "$1/etc/fapolicyd/fapolicyd.rules" "$1/etc/fapolicyd/compiled.rules"
	(cd "$1" && find usr/bin usr/lib src -type f -size +0 -printf '%p\n' | while read -r f; do
		printf '/%s %s %s\n' "$f" "$(stat -c %s "$f")" "$(sha256sum "$f" | cut -d' ' -f1)"
	done) >"$state/trust" && mv "$state/trust" "$1/etc/fapolicyd/fapolicyd.trust"
	unshare -m --propagation private sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" /usr/sbin/fapolicyd --debug-deny --permissive' sh "$1" 2>"$state/fapolicyd.log" >&2 &
	fapolicyd=$!
	for ((i = 0; i < 1200; i++)); do
		grep -q 'Starting to listen for events' "$state/fapolicyd.log" && return
		kill -0 "$fapolicyd" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}
tiny=(/usr/bin/tiny)
dynamic=(/usr/bin/true)
guard_data=(src etc usr/include usr/lib/gcc usr/lib/locale usr/lib/x86_64-linux-gnu/gconv)
project=(/usr/bin/sh -c 'cd /src && make -s clean && make -s -j2')
# guard_pair NAME GOAL ROUNDS BLOCK ROOT LEVEL-WORD WHAT: $pair is the JSON.
guard_pair() {
	local name=$1 goal=$2 rounds=$3 block=$4 root=$5 what=$6
	shift 6
	pair=$(pairs "$rounds" "$block" "$plain" "$root" "$@")
	row "$what: $name" "$(jq .b_us <<<"$pair") us" "without, in turns" "$(jq .a_us <<<"$pair") us" \
		"$(jq -r '.ratio * 1000 | round / 1000' <<<"$pair")" - "$goal"
	note "guard, $what, $name: ratio $(jq -r '"\(.ratio), with 95 % from \(.from) to \(.to), quartiles \(.low) and \(.high)"' <<<"$pair")"
}
added() { jq -r '(.ratio - 1) * 1000 | round / 1000 | if . < 0 then 0 else . end' <<<"$pair"; }
guard_first() { # LEVEL: what remains of the first exec when that without a guard, in turns, and the digest are taken away
	local out left
	out=$(first_exec "$build/tests/guard-prog" "$plain/tmp" "$ours/tmp" 400)
	left=$(jq '.added_us - .digest_us | . * 10 | round / 10' <<<"$out")
	row "guard, $1: first exec, added beyond the digest" "$left us" limit "200 us" "$(ratio "$left" 200)" - "<= 1"
	note "guard, $1, first exec, a without and b with the guard: $out"
	rm -f "$ours"/tmp/first-*
}
guard_memory() { # processes' and kernel's, for each file that is held
	local held kernel own
	slab() { awk '/^(fsnotify_mark|file_lock_cache|file_lease_cache|filp|fasync_cache) / { n += $2 * $4 } END { print n }' /proc/slabinfo; }
	rss() { awk '/^VmRSS/ { n += $2 } END { print n * 1024 }' $(for p in $(guard_pids); do echo "/proc/$p/status"; done); }
	guard_pids() { echo "$guard" && pgrep -P "$guard"; }
	held=$(guard_ask status | grep -oE '"held":[0-9]+' | cut -d: -f2)
	kernel=$(slab) own=$(rss)
	first_exec "$build/tests/guard-prog" "$plain/tmp" "$ours/tmp" 1000 >/dev/null
	held=$(($(guard_ask status | grep -oE '"held":[0-9]+' | cut -d: -f2) - held))
	note "guard, memory for each of $held held files: processes $((($(rss) - own) / held)) bytes, kernel $((($(slab) - kernel) / held)) bytes (slabs, whatever used them);" \
		"all processes of the guard: $(($(rss) / 1048576)) MiB"
	rm -f "$ours"/tmp/first-*
}
guard_ready() { # COUNT WORDS LIMIT-MS
	list_ready "$1" "$state/ready-$1.list" >/dev/null
	guard_list "$state/ready-$1.list"
	guard_run "ready-$1.list" build
	row "guard: ready with $2 contents" "$ready_ms ms" limit "$3 ms" "$(ratio "$ready_ms" "$3")" - "<= 1"
	guard_end
}
row_guard() {
	local plain=$state/plain ours=$state/ours theirs=$state/theirs dir pair ready_ms our_tiny our_true
	local guard_rounds=${GUARD_ROUNDS:-60} guard_builds=${GUARD_BUILDS:-60} refused
	local -a level=() levels=(base)
	((EUID == 0)) || { note "guard: not measured, it needs root" && return; }
	cd "$state"
	mkdir -p guard-in guard-state
	greatseal key create lists --token main --algorithm ecdsa-p256 >/dev/null
	greatseal key self-sign lists --subject "CN=Bench lists" >/dev/null
	for dir in "$plain" "$ours" "$theirs"; do
		guard_bench_mount "$dir"
		guard_tree "$dir"
	done
	guard_ready 45000 45,000 500
	guard_ready 1000000 1,000,000 2000
	greatseal list build -o trees.list --name base --group farm --origin log.example --root "$ours" "$ours" >/dev/null
	guard_list trees.list
	guard_pair "tiny static, nothing anywhere" - "$guard_rounds" 40 "$ours" "A/A" "${tiny[@]}"
	guard_pair "make -j2, nothing anywhere" - "$guard_builds" 1 "$ours" "A/A" "${project[@]}"
	if greatseal-guard --help | grep -q -- --level; then levels+=(strict); fi
	for l in "${levels[@]}"; do
		# What the guard takes for directories of data by itself, of this tree, and that of the project: make reads its Makefile.
		[[ $l == base ]] || level=("level = $l" "${guard_data[@]/#/data = $ours/}")
		guard_run trees.list farm
		guard_ask enforce >/dev/null || die "the guard does not enforce: $(guard_ask check 2>&1 | tail -n 3)"
		guard_pair "a tiny static program" "<= 1.02" "$guard_rounds" 40 "$ours" "guard, $l" "${tiny[@]}"
		[[ $l != base ]] || our_tiny=$(added)
		guard_pair "/bin/true" "<= 1.01" "$guard_rounds" 40 "$ours" "guard, $l" "${dynamic[@]}"
		[[ $l != base ]] || our_true=$(added)
		guard_pair "make -j2" "$([[ $l == base ]] && echo '<= 1.02' || echo '<= 1.05')" "$guard_builds" 1 "$ours" "guard, $l" "${project[@]}"
		guard_first "$l"
		[[ $l != base ]] || guard_memory
		note "guard, $l: $(guard_ask status | grep -oE '"(allowed|denied|hashed|held|opens)":[0-9]+' | tr '\n' ' ')"
		# All of the tree is on the list, or data: what was refused is a mistake of the guard's or of this file.
		refused=$(sed -n 's/^{"event":"denied".*"path":"\([^"]*\)".*/\1/p' "$state/guard-run.log" | sort | uniq -c | head -n 5)
		[[ -z $refused ]] || die "guard, $l: it has refused: $refused"
		guard_end
	done
	if guard_fapolicyd "$theirs"; then
		guard_pair "a tiny static program" - "$guard_rounds" 40 "ns:$fapolicyd:$theirs" "fapolicyd" "${tiny[@]}"
		row "added to a tiny static program" "$our_tiny" "fapolicyd" "$(added)" "$(ratio "$our_tiny" "$(added)")" - "<= 0.10"
		guard_pair "/bin/true" - "$guard_rounds" 40 "ns:$fapolicyd:$theirs" "fapolicyd" "${dynamic[@]}"
		row "added to /bin/true" "$our_true" "fapolicyd" "$(added)" "$(ratio "$our_true" "$(added)")" - "<= 0.10"
		guard_pair "make -j2" - "$guard_builds" 1 "ns:$fapolicyd:$theirs" "fapolicyd" "${project[@]}"
	else
		note "guard: fapolicyd did not start: $(tail -n 2 "$state/fapolicyd.log" 2>/dev/null)"
	fi
	guard_bench_end
}
