# proves: an NSD restart, a wiped NSD and a wiped agent are noticed and mended, and nothing else is touched
. "$(dirname "$0")/lib.sh"

write_patterns
NSD_EXTRA="pattern:
	name: operators
	zonefile: \"operators-%s.zone\"
zone:
	name: static.example
	zonefile: \"static.zone\""
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
shared_zone "$NSD_DIR/zones/static.zone"
shared_zone "$NSD_DIR/zones/operators-hand.example.zone"
nsd_control reload >/dev/null
nsd_control addzone hand.example operators >/dev/null || fail "the operator's zone"
write_agent "$(nsd_backend)"
agent_up
for i in $(seq 20); do
	printf 'update add m%s.zones.%s 0 PTR m%s.example.\nupdate add group.m%s.zones.%s 0 TXT shared\n' "$i" $C "$i" "$i" $C
done | nsup >/dev/null || fail "20 zones"
# the operator's own zones are conflicts
add_zone c1 hand.example shared || fail "add hand.example"
add_zone c2 static.example shared || fail "add static.example"
until_ok 10 status_has hand.example state=conflict || fail "hand.example: $(status_of hand.example)"
until_ok 10 status_has static.example state=conflict || fail "static.example: $(status_of static.example)"
until_ok 20 served_at "$NSD_PORT" m20.example || fail "m20.example"

# the agent's own zones only; the mark of the operator's is as it was
untouched() {
	grep -q '^add hand.example operators' "$NSD_DIR/zone.list" || fail "hand.example was touched"
	served_at "$NSD_PORT" hand.example || fail "hand.example is not served"
	served_at "$NSD_PORT" static.example || fail "static.example is not served"
}
untouched
# removed from the catalog: the operator's stay
del_zone c1 && del_zone c2 || fail "delete the conflicts"
sleep 1
untouched

# NSD restarted; while it is down nothing is said to be served there
nsd_down
nsd_is() { ask nsd1._backend._status.$C TXT | grep -q "state=$1"; }
until_ok 20 nsd_is down || fail "it is down, and nobody noticed"
for zones in m7.example ""; do
	# shellcheck disable=SC2086
	ctl wait $zones --timeout 1 2>"$T/err"
	[ $? -eq 4 ] && grep -q '^nsherdctl: nsd1: .*does not answer' "$T/err" || fail "wait $zones: $(cat "$T/err")"
done
nsd_up
ctl wait m7.example --timeout 20 || fail "wait: it is up again"
until_ok 20 served_at "$NSD_PORT" m7.example || fail "m7.example after the restart"
# NSD restarted with its list of zones gone: the agent sees it by itself
nsd_down
sed -i '/ nsherd-/d' "$NSD_DIR/zone.list"
grep -q ' nsherd-' "$NSD_DIR/zone.list" && fail "the list was not wiped"
nsd_up
until_ok 40 served_at "$NSD_PORT" m7.example || fail "m7.example was not restored"
until_ok 40 served_at "$NSD_PORT" m20.example || fail "m20.example was not restored"
until_ok 20 status_has m7.example state=serving || fail "$(status_of m7.example)"
untouched

# a zone that somebody deleted by hand, behind our back, and the agent restarted
nsd_control delzone m3.example >/dev/null
agent_down
agent_up
until_ok 20 served_at "$NSD_PORT" m3.example || fail "m3.example was not restored"

# the agent's status wiped (as after an unclean stop)
agent_kill
agent_up
until_ok 20 status_has m9.example state=serving || fail "status after kill: $(status_of m9.example)"

# the agent's whole state lost: what bears its mark is adopted when the catalog
# has it again, and what is in no catalog and not marked stays
agent_down
rm -rf "$T/state"
agent_up
for i in $(seq 19); do
	printf 'update add m%s.zones.%s 0 PTR m%s.example.\nupdate add group.m%s.zones.%s 0 TXT shared\n' "$i" $C "$i" "$i" $C
done | nsup >/dev/null || fail "19 zones again"
until_ok 20 status_has m5.example state=serving || fail "adopted: $(status_of m5.example)"
untouched

# NSD frozen: the agent answers, and catches up
kill -STOP "$(cat "$NSD_DIR/nsd.pid")"
add_zone f1 frozen.example shared || fail "an UPDATE while NSD is frozen"
status_has frozen.example state=serving && fail "serving, with a frozen server"
ask $C SOA >/dev/null || fail "the agent does not answer while NSD is frozen"
sleep 2
kill -CONT "$(cat "$NSD_DIR/nsd.pid")"
until_ok 60 served_at "$NSD_PORT" frozen.example || fail "frozen.example is not served"
until_ok 60 status_has frozen.example state=serving || fail "$(status_of frozen.example)"
# and stops in time while NSD is frozen
kill -STOP "$(cat "$NSD_DIR/nsd.pid")"
add_zone f2 frozen2.example shared
start=$SECONDS
agent_down
kill -CONT "$(cat "$NSD_DIR/nsd.pid")"
[ $((SECONDS - start)) -le 8 ] || fail "a stop took $((SECONDS - start)) s"
