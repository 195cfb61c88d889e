# proves: killed by SIGKILL at random points under load, nothing acknowledged is lost, nothing refused appears, NSD converges
. "$(dirname "$0")/lib.sh"

ROUNDS=${QUICK:+5}; ROUNDS=${ROUNDS:-50}
write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
agent_up
for round in $(seq "$ROUNDS"); do
	SECRET=$(key_secret ctl.example) timeout 30 $PYTHON "$(dirname "$0")/load.py" "$AGENT_PORT" $C \
		"$T/acked" "$T/refused" "$round" >>"$T/load.log" 2>&1 &
	load=$!
	sleep "0.$((RANDOM % 90 + 10))"
	agent_kill
	wait $load
	agent_up
	SECRET=$(key_secret ctl.example) $PYTHON "$(dirname "$0")/load.py" --verify "$AGENT_PORT" $C \
		"$T/acked" "$T/refused" >>"$T/load.log" 2>&1 || { tail -5 "$T/load.log"; fail "round $round"; }
done
tail -n 1 "$T/load.log"
# NSD has exactly what the catalog has
want=$(dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" $C AXFR +nostats | awk '$4 == "PTR" {print $5}' | sed 's/\.$//' | sort)
have() { awk '$1 == "add" {print $2}' "$NSD_DIR/zone.list" | sort; }
same() { [ "$(have)" = "$want" ]; }
for _ in $(seq 300); do same && break; sleep 0.2; done
same || { diff <(have) <(echo "$want") | head; fail "NSD did not converge"; }
[ "$(echo "$want" | wc -l)" -gt "$ROUNDS" ] || fail "too little happened"
agent_down
