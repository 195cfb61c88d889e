# proves: no recorded way to crash, freeze or corrupt NSD can be reached through the agent
KIND=nsd
. "$(dirname "$0")/crash.sh"

zones_of_nsd() { nsd_control zonestatus | sed -n 's/^zone:[[:space:]]*//p'; }
control_answers() { timeout 5 nsd-control -c "$NSD_DIR/nsd.conf" status >/dev/null; }
# No zone may be under a pattern that the configuration has not (sheet 1.8, 3.2).
patterns_known() {
	local p
	for p in $(nsd_control zonestatus | sed -n 's/^[[:space:]]*pattern: //p' | sort -u); do
		nsd-checkconf -p "$p" -o zonefile "$NSD_DIR/nsd.conf" >/dev/null || {
			echo "pattern $p is gone, with zones under it"
			return 1
		}
	done
}
nsd_sound() {
	sound "$@"
	patterns_known || fail "$WAY"
	control_answers || fail "$WAY: xfrd does not answer"
}
hidden_up sec.example
crash_start
cp "$T/patterns/shared.ini" "$T/patterns/turning.ini"
reconfigured
add_many z 20 shared
nsd_sound

# backend-nsd.md 1.1, 2.1: xfrd stands still while a peer holds a connection
# that it does not write to. The agent holds none between its orders.
way "an idle control connection"
for i in 1 2 3 4 5; do
	ctl add idle$i.example -p shared --wait=30 >/dev/null || fail "$WAY: add"
	ctl reload idle$i.example >/dev/null || fail "$WAY: reload"
	control_answers || fail "$WAY: xfrd is held up"
done
# Another's connection does freeze it: the agent goes on, and says so.
$PYTHON - "$NSD_DIR/nsd.sock" <<'P' &
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(b"NSDCT1 sta")
time.sleep(6)
P
holder=$!
sleep 0.5
timeout 1 nsd-control -c "$NSD_DIR/nsd.conf" status >/dev/null && fail "$WAY: the way is not one any more"
ctl add held.example -p shared >/dev/null || fail "$WAY: the agent does not take orders"
status_has held.example state=serving && fail "$WAY: serving, with xfrd frozen"
printf 'static.example\nz1.example\n' | soa served 2 || fail "$WAY: zones"
wait $holder
served held.example
nsd_sound

# 1.3, 2.1: a client that writes a list and does not read the answers meanwhile
# locks up with xfrd, from a few hundred lines on.
way "a long list"
long=$(printf '%060d' 1)
seq 1500 | sed "s/.*/$long.$long.&.example shared/" >"$T/long"
ctl add --from "$T/long" >/dev/null || fail "$WAY: add"
for i in 1 2 3 4 5; do control_answers || fail "$WAY: xfrd is locked up"; done
cut -d' ' -f1 "$T/long" | soa served 60 || fail "$WAY: not served"
cut -d' ' -f1 "$T/long" >"$T/long.del"
ctl del --from "$T/long.del" >/dev/null || fail "$WAY: del"
nsd_sound

# 1.4, 2.4: a list without its end, from an agent that died in its midst: xfrd
# must neither loop nor wait, and the torn line become no zone.
way "the agent killed in the midst of a list"
size() { stat -c %s "$T/nsd-$SERVER_NAME.log"; }
kill -STOP "$SAME_PID"
ctl add --from "$T/long" >/dev/null || fail "$WAY: add"
sleep 1.5
agent_kill
before=$(size)
kill -CONT "$SAME_PID"
until_ok 10 control_answers || fail "$WAY: xfrd hangs"
sleep 1
[ $(($(size) - before)) -lt 1000000 ] || fail "$WAY: xfrd loops"
agent_up
cut -d' ' -f1 "$T/long" | soa served 60 || fail "$WAY: not served"
ctl del --from "$T/long.del" >/dev/null || fail "$WAY: del"
nsd_sound

# 2.4, 5: the connection lost in the midst of a list, the answers with it: what
# was done is looked up, and is done once.
way "nsd frozen, and killed, in the midst of a list"
kill -STOP "$SAME_PID"
ctl add --from "$T/long" >/dev/null || fail "$WAY: add"
sleep 1.5
server_kill
server_up
restarted
cut -d' ' -f1 "$T/long" | soa served 60 || fail "$WAY: not served"
ctl del --from "$T/long.del" >/dev/null || fail "$WAY: del"
nsd_sound

# 1.6: for a zone that is there NSD says "added", and leaves it under the pattern
# that it has. The agent has lost its state and its pattern was changed since.
way "the same zone under another pattern"
ctl add turn.example -p turning --wait=30 >/dev/null || fail "$WAY: add"
sed 's/shared/turned/' "$SERVER_ZONES/shared.zone" >"$SERVER_ZONES/turned.zone"
ctl export | grep -v ' nosuch$' >"$T/export"
agent_down
rm -rf "$T/state"
sed -i 's/shared.zone/turned.zone/' "$T/patterns/turning.ini"
agent_up
ctl add --from "$T/export" >/dev/null || fail "$WAY: add"
until_ok 40 sh -c "dig @127.0.0.1 -p $SERVER_PORT turn.example TXT +short | grep -q turned" ||
	fail "$WAY: the old pattern's file is served: $(status_of turn.example)"
# and a zone of the operator's, which NSD would call "added", too
ctl add hand.example static.example -p shared >/dev/null || fail "$WAY: add"
until_ok 20 status_has hand.example state=conflict || fail "$WAY: $(status_of hand.example)"
until_ok 20 status_has static.example state=conflict || fail "$WAY: $(status_of static.example)"
grep -qx 'add hand.example operators' "$NSD_DIR/zone.list" || fail "$WAY: the operator's zone was changed"
nsd_sound
ctl del hand.example static.example >/dev/null || fail "$WAY: del"
# 2.4, 2.5: a deletion of a zone of nsd.conf is an error, one of another's zone is not
nsd_sound

# 1.7, 2.2, 4.1: NSD keeps names as they are typed, a blank or a slash included;
# a list line of over 2047 octets loses the answers, one of over 1023 is lost at
# the next start, a file name of over 255 has no data.
way "names"
octet=$(printf '\\001%.0s' $(seq 60))
for name in 'sp\032ace.example' 'tab\009.example' 'sl\047ash.example' 'nul\000.example' 'UP.example' \
    '\255\128.example' '4\010x.example' 'eof\004.example' 'per%1%s.example' '*.w.example' \
    "$octet.$octet.$octet.$octet" "$octet.$octet.$octet.example" \
    "$(printf '%063d' 1).$(printf '%063d' 2).$(printf '%063d' 3).$(printf '%059d' 4).f"; do
	ctl add "$name" -p shared >/dev/null || fail "$WAY: the agent refuses $name"
done
add_many n 20 shared
served n1.example n20.example
nsd_sound 60
grep -qP '[^\x20-\x7e]|  | $' "$NSD_DIR/zone.list" && fail "$WAY: an odd line in zone.list"
awk 'length > 1023 {bad = 1} END {exit bad}' "$NSD_DIR/zone.list" || fail "$WAY: a line of zone.list is too long"
server_down
server_up
restarted
nsd_sound 60

# 1.8, 3.2: a pattern that goes while a zone is under it is used after it was
# freed, and its zones are lost at the next start.
way "patterns changed, removed, and lost"
ctl add used.example -p turning --wait=30 >/dev/null || fail "$WAY: add"
for i in 1 2 3; do
	sed -i "s/^description.*/description = $i/; s/^zonefile.*/zonefile = turned.zone/" "$T/patterns/turning.ini"
	[ $i = 2 ] && sed -i 's/^zonefile.*/zonefile = shared.zone/' "$T/patterns/turning.ini"
	reconfigured
	nsd_sound
done
mv "$T/patterns/turning.ini" "$T/turning.ini"
reconfigured
until_ok 20 status_has used.example error= || fail "$WAY: $(status_of used.example)"
served used.example turn.example
cp "$T/patterns/shared.ini" "$T/patterns/more1.ini"
reconfigured
ctl add more1.example -p more1 --wait=30 >/dev/null || fail "$WAY: add"
nsd_sound
# the include emptied, cut and deleted by somebody, and then a reconfig needed
for how in "truncate -s 0" "truncate -s 200" rm; do
	$how "$NSD_DIR/nsherd/nsherd.conf"
	cp "$T/patterns/shared.ini" "$T/patterns/more2.ini"
	sed -i "s/^description.*/description = after $how/; \$a [nsd]\noption = size-limit-xfr: 10000${#how}" "$T/patterns/more2.ini"
	reconfigured
	ctl add more2.example -p more2 --wait=60 >/dev/null || fail "$WAY: $how: $(status_of more2.example)"
	nsd_sound
	ctl del more2.example --wait=30 >/dev/null || fail "$WAY: del"
done
# the operator takes away a pattern of his that a zone is under
cp "$NSD_DIR/nsd.conf" "$T/nsd.conf.before"
sed -i 's/name: operators/name: others/' "$NSD_DIR/nsd.conf"
cp "$T/patterns/shared.ini" "$T/patterns/more3.ini"
echo 'allow-transfer = 127.0.0.3' >>"$T/patterns/more3.ini"
reconfigured
ctl add more3.example -p more3 >/dev/null || fail "$WAY: add"
until_ok 30 status_has more3.example 'error=.*operators' || fail "$WAY: $(status_of more3.example)"
printf 'static.example\nhand.example\n' | soa served 5 || fail "$WAY: the operator's zones"
cp "$T/nsd.conf.before" "$NSD_DIR/nsd.conf"
until_ok 60 status_has more3.example state=serving || fail "$WAY: $(status_of more3.example)"
nsd_sound
# and is in the midst of writing it: a reconfig would fail
printf 'server:\n\tthis is half\n' >>"$NSD_DIR/nsd.conf"
cp "$T/patterns/more3.ini" "$T/patterns/more4.ini"
sed -i 's/127.0.0.3/127.0.0.4/' "$T/patterns/more4.ini"
reconfigured
ctl add more4.example -p more4 >/dev/null || fail "$WAY: add"
until_ok 30 status_has more4.example 'error=.*operator-config-changed' || fail "$WAY: $(status_of more4.example)"
cp "$T/nsd.conf.before" "$NSD_DIR/nsd.conf"
until_ok 60 status_has more4.example state=serving || fail "$WAY: $(status_of more4.example)"
cp "$T/turning.ini" "$T/patterns/turning.ini"
reconfigured
nsd_sound
server_down
server_up
restarted
nsd_sound 60

# 1.9, 4.2, 4.4: the file of a removed zone stays, and is served when the zone is
# added again; a pending write makes it anew.
way "an old zone file"
old_data
nsd_sound

# 3.3: del_tsig of a key in use, assoc_tsig: the agent sends neither (keys are in
# the include, nsd_prepare__keys__are_written_and_follow_the_ring). 4.1: junk such
# as \300 is no name to the agent either.

# 4.3: what NSD appends to a torn line of zone.list is one line with it: at the
# next start that zone is lost, and another is there of the two names in one.
way "zone.list torn by a crash"
last=$(awk '$1 == "add" && $2 ~ /^n/ {print $2}' "$NSD_DIR/zone.list" | tail -n 1)
for left in "add ${last%ple}" "add $last" "add $last nsherd-sha"; do
	server_kill
	sed -i "/^add $last /d" "$NSD_DIR/zone.list"
	printf %s "$left" >>"$NSD_DIR/zone.list"
	server_up
	restarted
	nsd_sound 60
	server_down
	server_up
	restarted
	nsd_sound 60
done

# 5, 6.1: probes above NSD's response rate limit are not answered.
way "a response rate limit"
server_down
sed -i 's/rrl-ratelimit: 0/rrl-ratelimit: 5/' "$NSD_DIR/nsd.conf"
server_up
restarted
add_many rate 300 shared
until_ok 60 sh -c "[ \$(dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $SERVER_NAME._backend._status.$C TXT +short | grep -c '\"pending=0\"') = 1 ]" ||
	fail "$WAY: $(backend_of)"
server_down
sed -i 's/rrl-ratelimit: 5/rrl-ratelimit: 0/' "$NSD_DIR/nsd.conf"
server_up
restarted
nsd_sound 60
agent_down
