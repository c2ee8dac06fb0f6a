# rows_upload.sh - part of tools/bench: one large file through the CLI, mutual TLS, greatseald, worker and keeper.
# The transfer is the time from the birth of the server's partial file to its last change of name, as the file system
# has it; memory is the peak that the kernel kept of each process (VmHWM), read until the process is gone.

MEMORY_LIMIT_KIB=65536

peak_kib() { awk '$1 == "VmHWM:" { print $2 }' "/proc/$1/status" 2>/dev/null || true; }
# memory_row WHO KIB "OF WHAT"
memory_row() {
	row "$1: peak memory, $3" "$(awk -v k="$2" 'BEGIN { printf "%.1f MiB", k / 1024 }')" "limit" "64 MiB" \
		"$(ratio "$2" "$MEMORY_LIMIT_KIB")" - "<= 1"
}
need_disk() { # KIB
	local free
	free=$(df --output=avail -k "$state" | tail -n 1)
	((free > $1)) || die "$state has ${free} KiB free, $1 are needed"
}

upload_certificates() {
	local who
	for who in ca client; do
		openssl ecparam -name prime256v1 -genkey -noout -out "$who.key"
	done
	openssl req -x509 -new -key ca.key -subj "/CN=Bench client CA" -days 2 -out ca.pem
	openssl req -new -key client.key -subj "/CN=dave" -out client.csr
	openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out client.pem 2>/dev/null
}

# A greatseald of its own that wants client certificates, and a configuration that has one.
upload_server() {
	local pin address
	pin=$(greatseald init --data "$state/server-tls")
	: >server-tls.log
	greatseald run --data "$state/server-tls" --keeper-socket "$state/k.sock" --public-log "$state/keeper/public" \
		--worker "$worker" --client-ca "$state/ca.pem" --listen 127.0.0.1:0 2>server-tls.log &
	upload_server=$!
	pids+=("$upload_server")
	for ((i = 0; i < 600; i++)); do
		address=$(sed -n 's/.*listening on \([^,]*\),.*/\1/p' server-tls.log)
		[[ -n $address ]] && curl -skf --cert client.pem --key client.key "https://$address/readyz" >/dev/null && break
		sleep 0.05
	done
	curl -skf "https://$address/readyz" >/dev/null && die "greatseald answers without a client certificate"
	jq --arg s "https://$address" --arg p "$pin" --arg c "$state/client.pem" --arg k "$state/client.key" \
		'.server = $s | .pin = $p | .client_cert = $c | .client_key = $k' dave.json >dave-tls.json
}

# upload_watch PID: follows the CLI until it ends; fills the peaks, and the processor times when the transfer began and
# when it ended.
upload_watch() {
	local pid child name kib whole=$state/server-tls/artifacts/$upload_sha256
	cli_peak=0 worker_peak=0 worker_ran=0 cli_from="" cli_to=""
	while kill -0 "$1" 2>/dev/null; do
		kib=$(peak_kib "$1")
		cli_peak=${kib:-$cli_peak}
		if [[ -z $cli_from ]] && compgen -G "${whole%/*}/*.part" >/dev/null; then
			cli_from=$(cpu_ms "$1") server_from=$(cpu_ms "$upload_server")
		elif [[ -z $cli_to && -e $whole ]]; then
			cli_to=$(cpu_ms "$1") server_to=$(cpu_ms "$upload_server")
		fi
		for child in $(cat /proc/"$upload_server"/task/*/children 2>/dev/null); do
			kib=$(peak_kib "$child")
			((${kib:-0} > worker_peak)) && worker_peak=$kib
			worker_ran=$(cpu_ms "$child" 2>/dev/null || echo "$worker_ran")
		done
		sleep 0.05
	done
	wait "$1" || die "the upload failed: $(tail -n 3 "$state/upload.log")"
}

row_upload() {
	local mib=${UPLOAD_MIB:-4096} file=$state/large.bin began ended took speed cpu cli upload_server upload_sha256
	need_disk $((mib * 2048 + 1048576))
	cd "$state"
	upload_certificates
	upload_server
	head -c "${mib}M" /dev/zero | openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0 -nosalt >"$file" 2>/dev/null
	sync "$file"
	upload_sha256=$(sha256sum "$file" | cut -d' ' -f1)
	speed=$(openssl speed -elapsed -seconds 3 -bytes 65536 -mr -evp sha256 2>/dev/null | awk -F: '/^\+F:/ { printf "%.0f", $NF / 1e6 }')
	core=$(openssl speed -seconds 3 -bytes 65536 -mr -evp sha256 2>/dev/null | awk -F: '/^\+F:/ { printf "%.0f", $NF / 1e6 }')
	began=$(date +%s.%N)
	GREATSEAL_CONFIG=$state/dave-tls.json greatseal submit --new --key ec -m "a large file" "$file" >upload.log 2>&1 &
	cli=$!
	pids+=("$cli")
	upload_watch "$cli"
	ended=$(date +%s.%N)
	read -r born named < <(stat -c '%.6W %.6Z' "$state/server-tls/artifacts/$upload_sha256")
	took=$(awk -v a="$born" -v b="$named" 'BEGIN { printf "%.3f", b - a }')
	cpu=$(awk -v c=$((cli_to - cli_from)) -v s=$((server_to - server_from)) 'BEGIN { printf "%.3f", (c + s) / 1000 }')
	row "upload of $mib MiB, mutual TLS: transfer" "$(awk -v m="$mib" -v t="$took" 'BEGIN { printf "%d MB/s", m * 1.048576 / t }')" \
		"SHA-256, one core" "$speed MB/s" "$(awk -v m="$mib" -v t="$took" -v s="$speed" 'BEGIN { printf "%.2f", m * 1.048576 / t / s }')" \
		"$(awk -v m="$mib" -v t="$cpu" -v s="$core" 'BEGIN { printf "%.2f", m * 1.048576 / t / s }')" ">= 0.35"
	memory_row greatseal "$cli_peak" "upload"
	memory_row greatseald "$(peak_kib "$upload_server")" "upload"
	memory_row greatseal-worker "$worker_peak" "upload"
	memory_row greatseal-keeper "$(peak_kib "$keeper")" "upload"
	note "upload: before the transfer $(awk -v a="$began" -v b="$born" 'BEGIN { printf "%.1f", b - a }') s (the CLI hashes)," \
		"transfer $took s (processor: greatseal $((cli_to - cli_from)) ms, greatseald $((server_to - server_from)) ms)," \
		"then $(awk -v a="$named" -v b="$ended" 'BEGIN { printf "%.1f", b - a }') s (last worker: $worker_ran ms of processor)"
	kill "$upload_server"
	wait "$upload_server" || true
	rm -rf "$file" "$state/server-tls"
}
