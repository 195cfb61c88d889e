# proves: a secondary with TSIG is transferred from its primary, parameters and pattern changes are applied, roles change
. "$(dirname "$0")/lib.sh"

start_hidden z1.example z2.example z3.example

write_patterns 127.0.0.1 "$HIDDEN_PORT"
cat >"$T/patterns/param.ini" <<P
[pattern]
extends = secondary
primaries = 127.0.0.1@1 key xfr.example
[param primaries]
type = address-list
P
start_nsd nsd1
write_agent "$(nsd_backend)"
agent_up
add_zone z1 z1.example secondary || fail add
until_ok 20 served_at "$NSD_PORT" z1.example || fail "z1.example was not transferred"
until_ok 10 status_has z1.example state=serving || fail "$(status_of z1.example)"
status_has z1.example serial=1 || fail "$(status_of z1.example)"
# a member with its own primaries
printf '%s\n' "update add z2.zones.$C 0 PTR z2.example." "update add group.z2.zones.$C 0 TXT param" \
	"update add primaries.nsherd.ext.z2.zones.$C 0 TXT \"127.0.0.1@$HIDDEN_PORT key xfr.example\"" | nsup >/dev/null || fail "parameter"
until_ok 20 served_at "$NSD_PORT" z2.example || fail "z2.example: $(status_of z2.example)"
# a parameter that does not parse is the state of that zone alone
printf '%s\n' "update add z3.zones.$C 0 PTR z3.example." "update add group.z3.zones.$C 0 TXT param" \
	"update add primaries.nsherd.ext.z3.zones.$C 0 TXT \"evil; } include\"" | nsup >/dev/null || fail "bad parameter refused"
until_ok 10 status_has z3.example error= || fail "bad parameter: $(status_of z3.example)"
status_has z3.example primaries || fail "the parameter is not named: $(status_of z3.example)"
grep -rq evil "$NSD_DIR/nsherd" && fail "text from the catalog reached the configuration"
# a NOTIFY and a new serial
sed -i 's/ 1 3600/ 2 3600/' "$HIDDEN_DIR/zones/shared.zone"
nsd-control -c "$HIDDEN_DIR/nsd.conf" reload >/dev/null
nsd_control transfer z1.example >/dev/null
until_ok 20 sh -c "dig @127.0.0.1 -p $NSD_PORT z1.example SOA +short | grep -q ' 2 3600'" || fail "serial 2 did not arrive"
# role changed: secondary to primary and back, by the group
printf '%s\n' "update delete group.z1.zones.$C TXT" "update add group.z1.zones.$C 0 TXT primary" | nsup >/dev/null
until_ok 20 status_has z1.example pattern=primary || fail "to primary: $(status_of z1.example)"
until_ok 20 served_at "$NSD_PORT" z1.example || fail "not served as primary: $(status_of z1.example)"
printf '%s\n' "update delete group.z1.zones.$C TXT" "update add group.z1.zones.$C 0 TXT secondary" | nsup >/dev/null
until_ok 20 status_has z1.example pattern=secondary || fail "back: $(status_of z1.example)"
until_ok 20 served_at "$NSD_PORT" z1.example || fail "not served as secondary again"

# a pattern file changed and read again: no gap, new settings
echo 'z1.example SOA' >"$T/q"
dnsperf -s 127.0.0.1 -p "$NSD_PORT" -d "$T/q" -Q 500 -l 6 -t 1 >"$T/dnsperf.out" 2>&1 &
perf=$!
sleep 1
sed -i "s/^primaries .*/primaries    = 127.0.0.2@$HIDDEN_PORT key xfr.example, 127.0.0.1@$HIDDEN_PORT key xfr.example/" "$T/patterns/secondary.ini"
agent_reload
until_ok 20 grep -q "127.0.0.2@$HIDDEN_PORT" "$NSD_DIR/nsherd/nsherd.conf" || fail "the new primary is not configured"
until_ok 20 sh -c "nsd-control -c $NSD_DIR/nsd.conf zonestatus z1.example | grep -q ." || fail zonestatus
wait $perf
grep -q 'Queries lost: *0 ' "$T/dnsperf.out" && grep -q 'NOERROR.*100.00%' "$T/dnsperf.out" ||
	{ cat "$T/dnsperf.out"; fail "a gap while the pattern changed"; }

# a pattern made invalid, then removed: what is served goes on being served, and says so
cp "$T/patterns/secondary.ini" "$T/secondary.good"
echo 'nonsense = 1' >>"$T/patterns/secondary.ini"
agent_reload
until_ok 20 status_has z1.example secondary.ini || fail "invalid pattern: $(status_of z1.example)"
status_has z1.example state=serving || fail "invalid pattern: $(status_of z1.example)"
served_at "$NSD_PORT" z1.example || fail "the zone went with its pattern"
rm "$T/patterns/secondary.ini" "$T/patterns/param.ini"
agent_reload
sleep 2
served_at "$NSD_PORT" z1.example || fail "the zone went with its pattern's file"
agent_down
agent_up
sleep 2
served_at "$NSD_PORT" z1.example || fail "the zone went at the restart"
cp "$T/secondary.good" "$T/patterns/secondary.ini"
agent_reload
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key z1.example._status.$C TXT +short | grep state=serving | grep -vq error=" ||
	fail "mended: $(status_of z1.example)"
agent_down
