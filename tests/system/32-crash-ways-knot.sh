# proves: no recorded way to crash, block or corrupt Knot can be reached through the agent
KIND=knot
. "$(dirname "$0")/crash.sh"

zones_of_knot() { knot_control zone-status +role | sed -n 's/^\[\([^]]*\)\].*/\1/p'; }
control_answers() { timeout 10 knotc -s "$SERVER_DIR/knot.sock" status >/dev/null; }
no_transaction() { knot_control conf-diff 2>&1 | grep -q 'no active transaction'; }
# Besides: the operator finds no transaction, and can do one of his own.
knot_sound() {
	sound "$@"
	until_ok 10 no_transaction || fail "$WAY: a transaction was left open"
	knot_control conf-begin >/dev/null && knot_control conf-commit >/dev/null ||
		fail "$WAY: the operator cannot commit"
}
hidden_up sec.example
crash_start
cp "$T/patterns/shared.ini" "$T/patterns/turning.ini"
reconfigured
add_many z 20 shared
knot_sound

# backend-knot.md 1.1, 2.3: knotd before 3.4 serves one control connection at a time,
# and an idle one for 5 s. The agent holds none between its orders.
way "an idle control connection"
for i in 1 2 3 4 5; do
	ctl add idle$i.example -p shared --wait=30 >/dev/null || fail "$WAY: add"
	ctl reload idle$i.example >/dev/null || fail "$WAY: reload"
	timeout 3 knotc -s "$SERVER_DIR/knot.sock" status >/dev/null || fail "$WAY: the socket is held"
done
# That of another is waited out.
$PYTHON - "$SERVER_DIR/knot.sock" <<'P' &
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
time.sleep(8)
P
holder=$!
sleep 0.3
case $(knotd -V) in *' '3.[0-3].*) # from 3.4 on it serves several
	timeout 2 knotc -s "$SERVER_DIR/knot.sock" status >/dev/null && fail "$WAY: the way is not one any more" ;;
esac
ctl add held.example -p shared >/dev/null || fail "$WAY: the agent does not take orders"
served held.example
wait $holder
knot_sound

# 2.4, 9: after an error in a block knotd dies at the commit; 4.1: neither an
# addition nor a removal that is done already is taken as done. Somebody else adds
# and removes the same zones meanwhile.
way "zones added and removed by somebody at the same time"
for i in 1 2 3 4 5 6 7 8; do
	add_many p 20 shared
	many p 20 | soa served 40 || fail "$WAY: not served"
	del_many p 20 &
	deleting=$!
	sleep 0.0$((i % 4))$i
	knot_control conf-begin >/dev/null 2>&1 && {
		knot_control conf-unset "zone[p$i.example]" >/dev/null 2>&1
		knot_control conf-unset "zone[p1$i.example]" >/dev/null 2>&1
		knot_control conf-commit >/dev/null 2>&1 || knot_control conf-abort >/dev/null 2>&1
	}
	wait $deleting
	many p 20 | soa absent 40 || fail "$WAY: not gone"
	kill -0 "$SAME_PID" || fail "$WAY: knotd died"
done
knot_sound

# 2.4, 5.2: whoever dies in a transaction leaves it open, perhaps poisoned, for
# anyone to commit. The next agent ends it and does not commit it.
way "the agent killed in a transaction"
seen=0
for i in $(seq 30); do
	[ $i -le 8 ] || [ $seen -eq 0 ] || break
	many "t$i-" 400 | sed 's/$/ shared/' >"$T/add"
	ctl add --from "$T/add" >/dev/null || fail "$WAY: add"
	sleep 0.0$((i * 7 % 10))$i
	agent_kill
	until_ok 10 control_answers || fail "$WAY: knotd does not answer"
	no_transaction || seen=$((seen + 1))
	agent_up
	many "t$i-" 400 >"$T/del"
	soa served 40 <"$T/del" || fail "$WAY: not served"
	ctl del --from "$T/del" >/dev/null || fail "$WAY: del"
	kill -0 "$SAME_PID" || fail "$WAY: knotd died"
done
printf 'transactions that were left open: %d\n' "$seen"
knot_sound 60
# 5.2: one of the operator's is neither committed nor aborted
way "the operator's transaction"
knot_control conf-begin >/dev/null && knot_control conf-set 'zone[op.example]' >/dev/null || fail "$WAY"
ctl add wait.example -p shared >/dev/null || fail "$WAY: add"
until_ok 30 status_has wait.example 'error=.*transaction' || fail "$WAY: $(status_of wait.example)"
agent_down
agent_up
sleep 1
knot_control conf-diff | grep -q '+zone.domain = op.example' || fail "$WAY: it was taken from him"
served_at "$SERVER_PORT" wait.example && fail "$WAY: committed with it"
knot_control conf-abort >/dev/null
served wait.example
knot_sound

# 2.3, 4.2: a reload by the operator is refused in our transaction, and drops none
way "reloads by the operator"
add_many r 300 shared
for _ in 1 2 3 4 5 6 7 8; do knot_control reload >/dev/null 2>&1; done
kill -HUP "$SAME_PID"
many r 300 | soa served 60 || fail "$WAY: not served"
del_many r 300
knot_sound 60

# 4.2: a commit that fails its check leaves the transaction open; 3.2: a template
# that is in use cannot go, and what goes has all zones loaded again.
way "patterns refused, changed, and removed"
printf '[pattern]\nrole = primary\nzonefile = ${zone}.zone\ninitial-file = primary.template\ndnssec = nosuch\n' >"$T/patterns/bad.ini"
reconfigured
ctl add bad.example used.example -p bad >/dev/null || fail "$WAY: add"
until_ok 30 status_has bad.example error= || fail "$WAY: $(status_of bad.example)"
until_ok 10 no_transaction || fail "$WAY: a transaction was left open"
ctl set used.example -p turning --wait=30 >/dev/null || fail "$WAY: $(status_of used.example)"
for i in 1 2 3; do
	sed "s/shared/turned $i/; s/ 2000000000 / 200000000$i /" "$SERVER_ZONES/shared.zone" >"$SERVER_ZONES/turned$i.zone"
	sed -i "s/^zonefile.*/zonefile = turned$i.zone/" "$T/patterns/turning.ini"
	reconfigured
	until_ok 40 sh -c "dig @127.0.0.1 -p $SERVER_PORT used.example TXT +short | grep -q 'turned $i'" || fail "$WAY: $(status_of used.example)"
done
mv "$T/patterns/turning.ini" "$T/turning.ini"
reconfigured
until_ok 20 status_has used.example error= || fail "$WAY: $(status_of used.example)"
served used.example
ctl del bad.example >/dev/null
knot_sound
# somebody takes away a template of ours that no zone is under
mv "$T/turning.ini" "$T/patterns/turning.ini"
ctl del used.example --wait=30 >/dev/null || fail "$WAY: del"
for t in $(knot_control conf-read template.id | sed -n 's/.*= \(nsherd-turning.*\)/\1/p'); do
	knot_control conf-begin >/dev/null && knot_control conf-unset "template[$t]" >/dev/null && knot_control conf-commit >/dev/null || knot_control conf-abort
done
reconfigured
ctl add used.example -p turning --wait=40 >/dev/null || fail "$WAY: $(status_of used.example)"
knot_sound

# 1.7, 5.4: a zone added that a catalog has as its member, which knotd interprets,
# is the end of knotd.
way "a member of knotd's own catalog"
cat >"$SERVER_DIR/own/cat.zone" <<'Z'
@ 60 SOA invalid. invalid. 1 3600 600 86400 60
@ 60 NS invalid.
version 60 TXT "2"
m1.zones 60 PTR member.example.
Z
until_ok 20 no_transaction || fail "$WAY: a transaction is open"
knot_control conf-begin >/dev/null || fail "$WAY: conf-begin"
for c in "zone[cat.own]" "zone[cat.own].file $SERVER_DIR/own/cat.zone" "zone[cat.own].catalog-role interpret" \
    "zone[cat.own].catalog-template operators"; do
	# shellcheck disable=SC2086
	knot_control conf-set $c >/dev/null || fail "$WAY: $c"
done
knot_control conf-commit >/dev/null || fail "$WAY: conf-commit"
OPERATORS="$OPERATORS member.example cat.own"
has_member() {
	served_at "$SERVER_PORT" member.example && return
	knot_control zone-reload cat.own >/dev/null # it may miss its own signal
	sleep 1
	served_at "$SERVER_PORT" member.example
}
until_ok 40 has_member || fail "$WAY: knotd did not take up its catalog: $(knot_control zone-status) $(knot_control conf-read zone)"
ctl add member.example cat.own -p shared >/dev/null || fail "$WAY: add"
until_ok 30 status_has member.example state=conflict || fail "$WAY: $(status_of member.example)"
until_ok 30 status_has cat.own state=conflict || fail "$WAY: $(status_of cat.own)"
control_answers && served member.example
knot_sound
# The catalog lets go of it: then it is ours to add. (A catalog that comes to name a
# zone that is configured kills knotd without our help.)
sed -i '/PTR/d; s/ 1 3600/ 2 3600/' "$SERVER_DIR/own/cat.zone"
knot_control zone-reload cat.own >/dev/null
absent member.example
OPERATORS="static.example hand.example cat.own"
ctl reconcile >/dev/null || fail "$WAY: reconcile"
served member.example
control_answers || fail "$WAY: knotd died"
ctl del member.example cat.own >/dev/null || fail "$WAY: del"
absent member.example
knot_control conf-begin >/dev/null && knot_control conf-unset 'zone[cat.own]' >/dev/null && knot_control conf-commit >/dev/null || fail "$WAY: conf-unset"
OPERATORS="static.example hand.example"
knot_sound

# 4.4: what a removed zone leaves: its file, journal and timers
way "old data"
old_data
knot_sound

# 5.3: a commit waits for the background workers, and nobody else is served on the
# socket meanwhile; secondaries of a primary that takes connections and never
# answers keep them busy.
way "silent primaries"
knot_control conf-begin >/dev/null && knot_control conf-set server.tcp-remote-io-timeout 20000 >/dev/null &&
	knot_control conf-set server.remote-retry-delay 0 >/dev/null && knot_control conf-commit >/dev/null || fail "$WAY"
mute_port=$(free_port)
$PYTHON - "$mute_port" <<'P' &
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(500)
time.sleep(300)
P
mute=$!
PIDS+=("$mute")
printf '[pattern]\nrole = secondary\nprimaries = 127.0.0.1@%s\n' "$mute_port" >"$T/patterns/mute.ini"
reconfigured
add_many mute 40 mute
until_ok 30 status_has mute40.example error= || fail "$WAY: $(status_of mute40.example)"
ctl add own.example -p shared >/dev/null || fail "$WAY: add"
for _ in 1 2 3 4 5 6; do
	timeout 5 knotc -s "$SERVER_DIR/knot.sock" status >/dev/null || fail "$WAY: the operator is locked out"
	sleep 0.5
done
printf '%s\n' $OPERATORS z2.example | soa served 5 || fail "$WAY: zones"
status_has own.example state=serving || backend_of | grep -q error= || status_has own.example error= ||
	fail "$WAY: not served, and not why: $(status_of own.example) $(backend_of)"
kill "$mute"
knot_control conf-begin >/dev/null && knot_control conf-set server.tcp-remote-io-timeout 500 >/dev/null &&
	knot_control conf-set server.remote-retry-delay 5000 >/dev/null && knot_control conf-commit >/dev/null
served own.example
del_many mute 40
knot_sound 60

# 1.4, 3.1: without a confdb all works, and is forgotten at the next reload
way "knotd without a confdb"
server_down
knotd -c "$SERVER_DIR/knot.conf" >>"$T/knot-text.log" 2>&1 &
text=$!
PIDS+=("$text")
until_ok 15 control_answers || fail "$WAY: knotd does not answer"
ctl add text.example -p shared >/dev/null || fail "$WAY: add"
until_ok 30 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $SERVER_NAME._backend._status.$C TXT +short | grep -q 'error=.*confdb'" ||
	fail "$WAY: $(backend_of)"
printf 'text.example\n' | soa absent 5 || fail "$WAY: it was added"
status_has text.example state=serving && fail "$WAY: serving"
stop_pid $text
server_up
restarted
served text.example
knot_sound 60
agent_down

# 5.5: the map of the confdb is full: additions wait, with the reason, removals work
way "a full confdb"
server_down
rm -rf "$T/state"
SERVER_KIND=knot
KNOT_MAP=1 start_server knot small
shared_zone "$SERVER_ZONES/shared.zone"
sed -i 's/ 1 3600/ 2000000000 3600/' "$SERVER_ZONES/shared.zone"
operator_zone hand.example || fail "$WAY: the operator's zone"
write_agent "$(server_backend)"
agent_up
restarted
long=$(printf '%060d' 1)
seq 4000 | sed "s/.*/f&.$long.$long.$long.example shared/" >"$T/full"
ctl add --from "$T/full" >/dev/null || fail "$WAY: add"
until_ok 60 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key f4000.$long.$long.$long.example._status.$C TXT +short | grep -q 'error='" ||
	fail "$WAY: $(ctl status --summary) $(status_of "f4000.$long.$long.$long.example")"
control_answers && no_transaction || fail "$WAY: knotd does not answer, or a transaction was left open"
printf '%s\n' $OPERATORS | soa served 5 || fail "$WAY: the operator's zones"
cut -d' ' -f1 "$T/full" >"$T/full.del"
ctl del --from "$T/full.del" >/dev/null || fail "$WAY: del"
ctl add after.example -p shared >/dev/null || fail "$WAY: add"
served after.example
knot_sound 60
agent_down
