# proves: the agent's state is restored from a backup older than the servers, from nothing but them, and moved to another hub, with every zone answering all the time
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/cloud.sh"
. "$(dirname "$0")/doc.sh"
here=$(dirname "$0")
DOC=$(cd "$here/../.." && pwd)/doc/operations.md

# -- the commands of the guide, where they are of this test ---------------------------

doc() { # NAME: each line must succeed; in this shell, which knows what it started
	local line
	while read -r line; do
		eval "$line" </dev/null || { cat "$T/out"; fail "operations.md: $line"; }
	done < <(doc_block "$DOC" "$1" | here)
}
here() {
	sed "s#/var/lib/nsherd-backup#$T/backup#g; s#/var/lib/nsherd\\b#$T/state#g; s#/root/zones.txt#$T/zones.txt#g
		s#/etc/nsherd/keys/ctl.key#$T/ctl.example.key#g; s#-o nsherd -g nsherd#-o $(id -un) -g $(id -gn)#
		s#^nsd-control #&-c ${DIR[nsd]}/nsd.conf #; s#^knotc #&-s ${DIR[knot]}/knot.sock #
		s#/var/cache/bind#${DIR[bind]}/nzd#; s#/var/lib/bind/nsherd#${ZONES[bind]}#; s#/etc/yadifa/nsherd#${DIR[yadifa]}/nsherd#"
}
nsherdctl() { NSHERD_SERVER=127.0.0.1@$AGENT_PORT HOME=$T patient "$@"; }
nsherdd() { "$NSHERDD" -c "$T/nsherd.conf" "$@"; }
runuser() { [ "$1 $2 $3" = '-u nsherd --' ] && shift 3 && "$@"; }
systemctl() {
	case $* in
	'stop nsherdd') agent_down ;;
	'start nsherdd') agent_up ;;
	*) return 1 ;;
	esac
}

# -- an agent and four servers, with what was, came and went ----------------------------

start_cloud
for kind in $SERVER_KINDS; do shared_zone "${ZONES[$kind]}/shared.zone"; done
write_patterns
GUARD='5% min 10 in 600'
cloud_agent
agent_down
sed -i "s/^allow = read, update, command\$/&, admin/; /^file  *= .*xfr.example.key/a allow = read" "$T/nsherd.conf"
sed -i 's/^allow = read, update$/allow = read, update, command, admin/' "$T/nsherd.conf"
agent_up
doc settings
N=${QUICK:+30}
N=${N:-60}
lines() { sed "s/.*/$1&.example shared/"; }
seq "$N" | lines old >"$T/old"
seq 10 | lines during >"$T/during"
seq 20 | lines late >"$T/late"
seq 3 | lines gone >"$T/gone"
cat "$T/old" "$T/gone" | nsherdctl add --from - --wait=60 >/dev/null || fail "add: $(nsherdctl status --summary)"
# the backup is of one moment, while others write
nsherdctl add --from "$T/during" >/dev/null &
doc backup >"$T/out" 2>&1
wait $! || fail "add beside the backup"
[ "$(stat -c '%a %s' "$T/backup/catalog.mdb" | cut -d' ' -f1)" = 600 ] || fail "the backup is for others, too"
grep -q '^old1.example' "$T/backup/zones.txt" || fail "no list"
runuser -u nsherd -- nsherdd -b "$T/state" 2>"$T/out" && fail "a backup onto the state itself"
nsherdctl add --from "$T/late" --wait=60 >/dev/null || fail "add: $(nsherdctl status --summary)"
nsherdctl del gone1.example gone2.example gone3.example --wait=60 >/dev/null || fail "del"
nsherdctl wait --timeout 60 >/dev/null || fail "not served: $(nsherdctl status --summary)"
sort "$T/old" "$T/during" "$T/late" >"$T/wanted"

cut -d' ' -f1 "$T/wanted" | $PYTHON "$here/keep.py" "$T/stop" "${PORT[@]}" >"$T/keep.out" 2>&1 &
KEEP_PID=$!
PIDS+=($KEEP_PID)
kept() {
	kill -0 $KEEP_PID 2>/dev/null || { cat "$T/keep.out"; fail "$1: not served at all times"; }
	! grep -q 'port' "$T/keep.out" || { cat "$T/keep.out"; fail "$1: not served at all times"; }
}
all_well() { # all that is wanted, and nothing else, is in the catalog and served by all four
	nsherdctl wait --timeout 60 >"$T/out" || { cat "$T/out"; fail "$1: not served"; }
	nsherdctl export | cut -d' ' -f1,2 | sort | diff "$T/wanted" - >"$T/out" || { cat "$T/out"; fail "$1: the catalog"; }
	[ "$(nsherdctl status | grep -c ' serving ')" = $((4 * $(wc -l <"$T/wanted"))) ] || fail "$1: $(nsherdctl status --summary)"
	ask "_status.$C" TXT | grep -q 'guard=open' || fail "$1: $(ask "_status.$C" TXT)"
	kept "$1"
}

# -- the lists that servers give -----------------------------------------------------------

for kind in $SERVER_KINDS; do
	rm -f "$T/zones.txt"
	doc "list-$kind"
	sort "$T/zones.txt" | diff "$T/wanted" - >"$T/out" || { cat "$T/out"; fail "the list of $kind"; }
done

# -- from a backup older than the servers' state --------------------------------------------

rm "$T/zones.txt"
doc restore-list
doc restore >"$T/out" 2>&1
kept "after the restore"
nsherdctl export | grep -q '^late1.example' && fail "the backup has what came later"
nsherdctl export | grep -q '^gone1.example' || fail "the backup has not what went later"
for kind in $SERVER_KINDS; do served_at "${PORT[$kind]}" late1.example || fail "$kind: late1.example"; done
doc restore-plan >"$T/out" 2>&1
grep -q '^remove *gone1.example' "$T/out" && grep -q '^add *late1.example' "$T/out" || { cat "$T/out"; fail "the plan"; }
all_well "a backup"

# -- from nothing ------------------------------------------------------------------------------

rm -f "$T/zones.txt"
doc list-knot
doc nothing >"$T/out" 2>&1
all_well "nothing"

# -- to another hub, with ids and serial --------------------------------------------------------

ids() { nsherdctl list -o json | $PYTHON -c 'import json, sys
for z in json.load(sys.stdin)["zones"]: print(z["zone"], z["id"])' | sort; }
serial() { ask $C SOA | cut -d' ' -f3; }
ids >"$T/ids"
NODE_PORT=$AGENT_PORT HUB_PORT=$(free_port)
hub_conf() { # BLOCK
	printf '[agent]\nname = hub2\nlisten = 127.0.0.1@%s\nstate-dir = %s\n[key ctl.example]\nfile = %s\nallow = read, update, command, admin\n[key xfr.example]\nfile = %s\nallow = read\n' \
		"$HUB_PORT" "$T/hub.state" "$T/ctl.example.key" "$T/xfr.example.key"
	doc_block "$DOC" "$1" | sed "s/192.0.2.11@5300/127.0.0.1@$NODE_PORT/"
}
at_hub() { NSHERD_SERVER=127.0.0.1@$HUB_PORT HOME=$T patient "$@"; }
hub_conf hub-follows >"$T/hub.conf"
chmod 600 "$T/hub.conf"
"$NSHERDD" -c "$T/hub.conf" 2>>"$T/nsherdd-hub.log" &
HUB_PID=$!
PIDS+=($HUB_PID)
hub_serial() { AGENT_PORT=$HUB_PORT serial; }
hub_has_all() { [ -n "$(hub_serial)" ] && [ "$(hub_serial)" = "$(serial)" ]; }
until_ok 30 hub_has_all || fail "the new hub does not follow: $(tail -n 5 "$T/nsherdd-hub.log")"
before=$(serial)
sed -i "s/^role = primary/role = follower\nprimaries = 127.0.0.1@$HUB_PORT key xfr.example/" "$T/nsherd.conf"
kill -HUP "$AGENT_PID"
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key _status.$C TXT +short | grep -q role=follower" || fail "no follower"
hub_conf hub-is >"$T/hub.conf"
kill -HUP "$HUB_PID"
until_ok 20 sh -c "dig @127.0.0.1 -p $HUB_PORT -k $T/ctl.example.key _status.$C TXT +short | grep -q role=primary" || fail "no hub"
nsherdctl add moved.example -p shared --wait=60 >"$T/out" 2>&1 || { cat "$T/out"; fail "at the new hub"; }
[ "$(serial)" = $((before + 1)) ] || fail "serial $before, then $(serial)"
ids | grep -v '^moved.example ' | diff "$T/ids" - >"$T/out" || { cat "$T/out"; fail "other ids"; }
echo 'moved.example shared' >>"$T/wanted"
sort -o "$T/wanted" "$T/wanted"
all_well "another hub"

# -- the rest of the guide ----------------------------------------------------------------------

printf 'hub2 127.0.0.1@%s hub\nams1 127.0.0.1@%s\n' "$HUB_PORT" "$AGENT_PORT" >"$T/fleet.txt"
at_hub fleet nodes --from "$T/fleet.txt" >"$T/out" 2>&1 || { cat "$T/out"; fail "nodes"; }
# waits at the one that follows: removed before they came there they would be nothing to it
seq 20 | lines junk | nsherdctl add --from - --wait=60 >"$T/out" 2>&1 || { cat "$T/out"; fail "junk"; }
for kind in $SERVER_KINDS; do until_ok 30 served_at "${PORT[$kind]}" junk20.example || fail "$kind: junk"; done
seq 20 | lines junk | cut -d' ' -f1 | at_hub del --from - >"$T/out" || fail "del"
until_ok 30 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key _status.$C TXT +short | grep -q guard=holding" || fail "the guard does not hold"
for kind in $SERVER_KINDS; do served_at "${PORT[$kind]}" junk20.example || fail "$kind: not held"; done
doc guard >"$T/out" 2>&1
grep -q 'junk20.example' "$T/out" || { cat "$T/out"; fail "guard"; }
doc release >"$T/out" 2>&1
for kind in $SERVER_KINDS; do until_ok 30 refused_at "${PORT[$kind]}" junk20.example || fail "$kind: not released"; done
n=0
while read -r command; do
	case $command in *nsherdd*) continue ;; esac
	eval "${command//shop.example/old1.example}" >"$T/out" 2>&1 </dev/null || { cat "$T/out"; fail "operations.md: $command"; }
	n=$((n + 1))
done < <(sed -n '/^<!-- table -->/,/^$/s/^|[^|]*| `\(nsherdctl [^`]*\)` |.*/\1/p' "$DOC")
[ $n -ge 9 ] || fail "only $n commands in the table"
all_well "all of it"
touch "$T/stop"
wait $KEEP_PID || { cat "$T/keep.out"; fail "not served at all times"; }
cat "$T/keep.out"
kill "$HUB_PID"
wait "$HUB_PID" || fail "the hub ended with status $?"
agent_down
