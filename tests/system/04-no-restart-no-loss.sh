# proves: 1,000 additions and removals leave NSD's process id alone and lose no query on a served zone
# alone
. "$(dirname "$0")/lib.sh"

N=${QUICK:+200}; N=${N:-1000}
write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
agent_up
add_zone keep keep.example shared || fail "add"
until_ok 10 served_at "$NSD_PORT" keep.example || fail "keep.example is not served"
xfrd=$(cat "$NSD_DIR/nsd.pid") main=$(nsd_control serverpid)

echo "keep.example SOA" >"$T/queries"
dnsperf -s 127.0.0.1 -p "$NSD_PORT" -d "$T/queries" -Q 2000 -l 120 -t 1 -c 2 >"$T/dnsperf.out" 2>&1 &
perf=$!
PIDS+=($perf)
sleep 1
# one UPDATE for each zone, as a script would
for i in $(seq "$N"); do
	printf 'update add b%s.zones.%s 0 PTR b%s.example.\nupdate add group.b%s.zones.%s 0 TXT shared\nsend\n' \
		"$i" $C "$i" "$i" $C
done | nsup >/dev/null || fail "additions"
until_ok 60 served_at "$NSD_PORT" "b$N.example" || fail "the last zone is not served"
for i in $(seq "$N"); do
	printf 'update delete b%s.zones.%s PTR\nsend\n' "$i" $C
done | nsup >/dev/null || fail "removals"
until_ok 60 refused_at "$NSD_PORT" "b$N.example" || fail "the last zone is still served"
until_ok 60 sh -c "[ \$(grep -c '^add' $NSD_DIR/zone.list) = 1 ]" || fail "zones are left: $(grep -c ^add "$NSD_DIR/zone.list")"
kill -INT $perf
wait $perf
sent=$(sed -n 's/ *Queries sent: *//p' "$T/dnsperf.out")
lost=$(sed -n 's/ *Queries lost: *\([0-9]*\).*/\1/p' "$T/dnsperf.out")
echo "queries sent $sent, lost $lost"
[ "${sent:-0}" -gt 2000 ] || { cat "$T/dnsperf.out"; fail "the load did not run"; }
# dnsperf counts what was in flight when it was interrupted as lost or not at all
[ "$lost" = 0 ] || { cat "$T/dnsperf.out"; fail "$lost queries lost"; }
grep -q 'NOERROR.*100.00%' "$T/dnsperf.out" || { cat "$T/dnsperf.out"; fail "answers other than NOERROR"; }
[ "$(cat "$NSD_DIR/nsd.pid")" = "$xfrd" ] || fail "the pid file changed"
[ "$(nsd_control serverpid)" = "$main" ] || fail "the server's pid changed"
kill -0 "$xfrd" || fail "nsd is gone"
agent_down
