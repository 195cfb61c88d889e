# proves: dig and kdig transfer the catalog and _status with TSIG, whole and by difference
. "$(dirname "$0")/lib.sh"

write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
agent_up

# 300 members in one UPDATE: goes over TCP by itself
for i in $(seq 300); do
	printf 'update add m%s.zones.%s 0 PTR z%s.example.\nupdate add group.m%s.zones.%s 0 TXT shared\n' \
		"$i" $C "$i" "$i" $C
done | nsup >/dev/null || fail "300 members in one UPDATE"
serial=$(ask $C SOA | awk '{print $3}')
[ "$serial" = 2 ] || fail "one UPDATE made serial $serial, not 2"

axfr() { # CLIENT ZONE TYPE
	case $1 in
	dig) dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" +nocmd "$2" "$3" +nostats ;;
	kdig) kdig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.knot" +tcp "$2" -t "$3" ;;
	esac
}
for client in dig kdig; do
	out=$(axfr $client $C AXFR 2>&1)
	n=$(grep -c 'IN[[:space:]]*PTR' <<<"$out")
	[ "$n" = 300 ] || { echo "$out" | tail; fail "$client AXFR shows $n members"; }
	grep -q "version.$C.*TXT.*\"2\"" <<<"$out" || fail "$client: no version"
	grep -q 'NS[[:space:]]*invalid' <<<"$out" || fail "$client: no NS"
	grep -qi 'tsig error\|verify failure\|failed to verify' <<<"$out" && fail "$client: TSIG"
	[ "$(grep -c 'IN[[:space:]]*SOA' <<<"$out")" = 2 ] || fail "$client: SOA first and last"
done

# IXFR: one step, deleted then added
del_zone m1 || fail "delete"
add_zone n1 new.example shared || fail "add"
for client in dig kdig; do
	out=$(axfr $client $C IXFR=2 2>&1)
	grep -q 'm1.zones.*PTR' <<<"$out" || { echo "$out"; fail "$client IXFR lacks the removal"; }
	grep -q 'n1.zones.*PTR' <<<"$out" || fail "$client IXFR lacks the addition"
	[ "$(grep -c 'PTR' <<<"$out")" = 2 ] || { echo "$out"; fail "$client IXFR is no difference"; }
	out=$(axfr $client $C IXFR=4 2>&1)
	[ "$(grep -c 'IN[[:space:]]*SOA' <<<"$out")" = 1 ] || fail "$client IXFR of the same serial"
	out=$(axfr $client $C IXFR=4000000 2>&1)
	[ "$(grep -c PTR <<<"$out")" = 0 ] || [ "$(grep -c PTR <<<"$out")" = 300 ] || fail "$client IXFR, unknown serial"
done

# _status: all serving
until_ok 30 sh -c "[ \$(dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key _status.$C AXFR +nostats | grep -c 'state=serving') = 300 ]" ||
	fail "not all zones are seen serving: $(axfr dig _status.$C AXFR | grep -v state=serving | head -5)"
out=$(axfr kdig _status.$C AXFR 2>&1)
grep -q "^$NSD_NAME._backend._status.$C.*driver=nsd.*state=up" <<<"$out" || fail "backend in _status"
grep -q "^shared._pattern._status.$C.*hash=" <<<"$out" || fail "pattern in _status"
grep -q "^_status.$C.*agent=ams1.*role=primary" <<<"$out" || fail "apex of _status"
out=$(axfr dig _log.$C AXFR 2>&1)
grep -q '"op=add".*"zone=z300.example' <<<"$out" || { tail -5 <<<"$out"; fail "_log lacks an addition"; }

# without a signature nothing is revealed
dig @127.0.0.1 -p "$AGENT_PORT" $C AXFR +nostats | grep -q PTR && fail "unsigned AXFR"
dig @127.0.0.1 -p "$AGENT_PORT" $C SOA | grep -q 'status: REFUSED' || fail "unsigned query"
agent_down
