# proves: 500 additions, changes and removals on each server leave its process alone and lose no query on served zones
# alone
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

N=${QUICK:+100}; N=${N:-500}
write_patterns
cat >"$T/patterns/shared2.ini" <<P
[pattern]
extends        = shared
allow-transfer = 127.0.0.1
P
axfr_at() { # PORT ZONE
	dig @127.0.0.1 -p "$1" +time=2 +tries=2 "$2" AXFR | grep -c SOA
}
for kind in $SERVER_KINDS; do
	start_server $kind
	shared_zone "$SERVER_ZONES/shared.zone"
	unset AGENT_PORT
	write_agent "$(server_backend)"
	agent_up
	pid=$(server_pid)
	ctl add keep.example -p shared --wait=30 || fail "$kind: add"
	printf 'keep.example SOA\nstatic.example SOA\n' >"$T/queries"
	dnsperf -s 127.0.0.1 -p "$SERVER_PORT" -d "$T/queries" -Q 2000 -l 300 -t 1 -c 2 >"$T/dnsperf.out" 2>&1 &
	perf=$!
	PIDS+=($perf)
	sleep 1
	# in parts, so that there are many changes and not one
	for part in $(seq 5); do
		seq $((N / 5)) | sed "s/.*/p${part}x&.example/" >"$T/zones$part"
		sed 's/$/ shared/' "$T/zones$part" >"$T/add"
		ctl add --from "$T/add" >/dev/null || fail "$kind: add"
	done
	ctl wait --timeout 120 >/dev/null || fail "$kind: not served: $(ctl status --summary)"
	for part in $(seq 5); do ctl set --from "$T/zones$part" -p shared2 >/dev/null || fail "$kind: set"; done
	ctl wait --timeout 120 >/dev/null || fail "$kind: not changed: $(ctl status --summary)"
	[ "$(ctl status | grep -c 'serving.*shared2')" = "$N" ] || fail "$kind: not all are changed: $(ctl status --summary)"
	[ "$(axfr_at "$SERVER_PORT" p3x1.example)" = 2 ] || fail "$kind: the change is not in effect"
	for part in $(seq 5); do ctl del --from "$T/zones$part" --wait=120 >/dev/null || fail "$kind: del"; done
	kill -INT $perf
	wait $perf
	printf 'p1x1.example\np5x1.example\n' | $PYTHON "$(dirname "$0")/soa.py" "$SERVER_PORT" absent 5 || fail "$kind: still served"
	sed -n 's/ *Queries sent: */sent: /p; s/ *Queries lost: */lost: /p' "$T/dnsperf.out" | sed "s/^/$kind /"
	sent=$(sed -n 's/ *Queries sent: *//p' "$T/dnsperf.out")
	[ "${sent:-0}" -gt 2000 ] || { cat "$T/dnsperf.out"; fail "$kind: the load did not run"; }
	grep -q 'Queries lost: *0 ' "$T/dnsperf.out" && grep -q 'NOERROR.*100.00%' "$T/dnsperf.out" || { cat "$T/dnsperf.out"; fail "$kind: queries lost"; }
	[ "$(server_pid)" = "$pid" ] && kill -0 "$pid" || fail "$kind was restarted"
	agent_down
	rm -rf "$T/state"
	server_down
done
