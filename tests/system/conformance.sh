# SPDX-License-Identifier: BSD-2-Clause
# The driver contract, unchanged for every kind of server. A test sets KIND and
# sources this. ODD: names that the server takes; REFUSED_NAMES: names that its
# driver must refuse with a reason. INCLUDE: the include that is ours, or empty.
# HOLD: the driver knows `reconfig = hold`. NO_FILES: the server has no configuration
# that it reads while it runs. MANY: zones of the batch.
# shellcheck shell=bash
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

BATCH=${QUICK:+300}; BATCH=${BATCH:-${MANY:-5000}}
step() { printf -- "-- %3d s: %s\n" "$SECONDS" "$*"; }
soa() { $PYTHON "$(dirname "$0")/soa.py" "$SERVER_PORT" "$@"; }
served() { printf '%s\n' "$@" | soa served 30; }
absent() { printf '%s\n' "$@" | soa absent 30; }
many() { # PREFIX COUNT
	seq "$2" | sed "s/.*/$1&.example/"
}
# The server has what is desired, and what is the operator's; the status says so.
exact() {
	ctl export | grep -v ' nosuch$' | cut -d' ' -f1 | grep -v -x -F -f "$T/expected-not-served" | soa served "${1:-30}" || fail "$2: not served"
	printf 'static.example\nhand.example\n' | soa served 5 || fail "$2: the operator's zones"
	if [ -s "$T/removed" ]; then
		sort -u "$T/removed" | soa absent "${1:-30}" || fail "$2: still served"
	fi
}
: >"$T/expected-not-served"
: >"$T/removed"
printf 'static.example\nhand.example\n' >"$T/expected-not-served"

# always an NSD
start_hidden
write_patterns 127.0.0.1 "$HIDDEN_PORT"
cat >"$T/patterns/dead.ini" <<P
[pattern]
role      = secondary
primaries = 127.0.0.1@$(free_port)
P
cat >"$T/patterns/param.ini" <<P
[pattern]
extends   = secondary
primaries = 127.0.0.1@$(free_port) key xfr.example
[param primaries]
type      = address-list
P
cat >"$T/patterns/missing.ini" <<P
[pattern]
role     = primary
zonefile = late.file
P
start_server "$KIND"
shared_zone "$SERVER_ZONES/shared.zone"
# newer than what an initial file gets: Knot takes no older file for a zone;
# YADIFA takes no serial of 2^31 or more
sed -i 's/ 1 3600/ 2000000000 3600/' "$SERVER_ZONES/shared.zone"
operator_zone hand.example || fail "the operator's zone"
served static.example hand.example || fail "the operator's zones"
make_key hold.example
write_agent "[key hold.example]
file = $T/hold.example.key

$(server_backend)"
agent_up
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $SERVER_NAME._backend._status.$C TXT +short | grep -q state=up" ||
	fail "the backend is not up: $(ask "$SERVER_NAME._backend._status.$C" TXT)"
pid=$(server_pid)

step add, change of pattern, remove
ctl add one.example -p primary --wait=30 || fail add
served one.example || fail "one.example"
ctl set one.example -p shared --wait=30 || fail "change of pattern"
until_ok 20 sh -c "dig @127.0.0.1 -p $SERVER_PORT one.example TXT +short | grep -q shared" || fail "the new pattern's file is not served"
ctl del one.example --wait=30 || fail remove
absent one.example || fail "one.example is still served"
echo one.example >>"$T/removed"

step below a zone that is served
ctl add below.static.example -p primary --wait=30 || fail "add: $(status_of below.static.example)"
served below.static.example static.example || fail "below.static.example"
ctl del below.static.example --wait=30 || fail "remove: $(status_of below.static.example)"
absent below.static.example || fail "below.static.example is still served"
echo below.static.example >>"$T/removed"

step a duplicate
ctl add two.example -p primary --wait=30 || fail add
id=$(status_of two.example | sed -n 's/.*"id=\([^"]*\)".*/\1/p')
ctl add two.example -p shared && fail "a zone that is there was added"
printf '%s\n' "update add twice.zones.$C 0 PTR two.example." | nsup | grep -q REFUSED || fail "a zone under two ids"
status_has two.example "id=$id" && status_has two.example pattern=primary || fail "duplicate: $(status_of two.example)"
exact 10 duplicate

step "a batch of $BATCH"
many b "$BATCH" | sed 's/$/ shared/' >"$T/batch"
ctl add --from "$T/batch" --wait=300 || fail "batch"
many b "$BATCH" | soa served 60 || fail "batch: not served"

step the operator\'s zones are conflicts
ctl add hand.example static.example -p shared || fail "add"
until_ok 20 status_has hand.example state=conflict || fail "hand.example: $(status_of hand.example)"
until_ok 20 status_has static.example state=conflict || fail "static.example: $(status_of static.example)"
exact 30 conflict

step odd names
long63=$(printf '%063d' 7)
for name in '0/25.2.0.192.in-addr.arpa' "$long63.$long63.example" 'UPPER.Example' '*.wild.example' '_under.example' \
    'esc\046aped.example' 'sp\032ace.example' 'quo\034te.example' 'semi\059x.example' 'per%1cent.example' \
    "$long63.$long63.$long63.$(printf '%059d' 3).f"; do
	ctl add "$name" -p shared >/dev/null || fail "the agent refuses $name"
done
# each is served, or failed with a reason, on this backend alone
odd_done() {
	! ctl status 2>/dev/null | grep -E 'pending|applied' | grep -q .
}
until_ok 40 odd_done || fail "odd names: $(ctl status | grep -E 'pending|applied')"
ctl -o json status >"$T/odd.json"
$PYTHON - "$T/odd.json" <<'P' || fail "odd names"
import json, sys
def walk(d):
    if isinstance(d, dict):
        if "state" in d and "zone" in d: yield d
        for v in d.values(): yield from walk(v)
    elif isinstance(d, list):
        for v in d: yield from walk(v)
bad = [d for d in walk(json.load(open(sys.argv[1]))) if d["state"] not in ("serving", "conflict") and not d.get("error")]
for d in bad: print(d)
sys.exit(bool(bad))
P
ctl -o json list >"$T/list.json"
$PYTHON - "$T/odd.json" "$T/list.json" >"$T/failed" <<'P' || fail "odd names"
import json, sys
def walk(d):
    if isinstance(d, dict):
        yield d
        for v in d.values(): yield from walk(v)
    elif isinstance(d, list):
        for v in d: yield from walk(v)
zones = {d["id"]: d["zone"] for d in walk(json.load(open(sys.argv[2]))) if "id" in d and "zone" in d}
for d in walk(json.load(open(sys.argv[1]))):
    if d.get("state") == "failed":
        print(zones[d["id"]])
P
wc -l <"$T/failed" | sed 's/^/names that the server cannot take: /'
cat "$T/failed" >>"$T/expected-not-served"
[ -z "${MAX_FAILED-}" ] || [ "$(wc -l <"$T/failed")" -le "$MAX_FAILED" ] || fail "too many: $(ctl status | grep failed)"
exact 30 "odd names"

step a missing file, an unreachable primary
ctl add missing.example -p missing && ctl add dead.example -p dead || fail add
printf 'missing.example\ndead.example\n' >>"$T/expected-not-served"
until_ok 30 status_has missing.example error= || fail "missing file: $(status_of missing.example)"
until_ok 30 status_has dead.example error= || fail "unreachable primary: $(status_of dead.example)"
status_has missing.example state=serving && fail "serving, without a file"
exact 30 "missing"
ctl del missing.example dead.example || fail del
printf 'missing.example\ndead.example\n' >>"$T/removed"
exact 30 "missing removed"

step secondary, parameters, to primary and back
for z in sec par; do hidden_zone $z.example; done
ctl add sec.example -p secondary --wait=40 || fail "secondary: $(status_of sec.example)"
ctl add par.example -p param -P "primaries=127.0.0.1@$HIDDEN_PORT key xfr.example" --wait=40 || fail "parameters: $(status_of par.example)"
ctl set sec.example -p primary --wait=40 || fail "to primary: $(status_of sec.example)"
served sec.example || fail "as primary"
ctl set sec.example -p secondary --wait=40 || fail "back: $(status_of sec.example)"
served sec.example || fail "as secondary again"

step an id replaced: old data must not be served again
ctl add idz.example -p primary --wait=30 || fail "add"
id=$(status_of idz.example | sed -n 's/.*"id=\([^"]*\)".*/\1/p')
server_edit idz.example 'made by nsherd' edited || fail "no contents of idz.example"
printf '%s\n' "update delete $id.zones.$C PTR" "update add new1.zones.$C 0 PTR idz.example." \
	"update add group.new1.zones.$C 0 TXT primary" | nsup >/dev/null || fail "replace"
until_ok 40 status_has idz.example id=new1 || fail "id: $(status_of idz.example)"
until_ok 40 status_has idz.example state=serving || fail "id: $(status_of idz.example)"
dig @127.0.0.1 -p "$SERVER_PORT" idz.example TXT +short | grep -q edited && fail "old data is served"
[ "$(server_pid)" = "$pid" ] && kill -0 "$pid" || fail "the server was restarted"
exact 30 "id replaced"

step the server restarted, killed in mid-batch, frozen
server_down
server_up
exact 60 "restart"
many k 400 | sed 's/$/ shared/' >"$T/killbatch"
ctl add --from "$T/killbatch" || fail "add"
sleep 0.05
server_kill
many d 100 | sed 's/$/ shared/' >"$T/down"
ctl add --from "$T/down" || fail "add while the server is down"
server_up
exact 90 "killed in mid-batch"
kill -STOP "$(server_pid)"
many f 50 | sed 's/$/ shared/' >"$T/frozen"
ctl add --from "$T/frozen" || fail "add while the server is frozen"
sleep 3
kill -CONT "$(server_pid)"
exact 90 "frozen"

step an unknown outcome: commands sent, and no answer
many u 300 | sed 's/$/ shared/' >"$T/unknown"
kill -STOP "$(server_pid)"
ctl add --from "$T/unknown" || fail "add"
many f 50 >"$T/frozen.del"
ctl del --from "$T/frozen.del" || fail "del"
sleep 1.5
server_kill
server_up
cat "$T/frozen.del" >>"$T/removed"
exact 90 "unknown outcome"

step down for long, and much happens meanwhile
server_down
for i in 1 2 3 4 5; do
	many h 40 | sed 's/$/ shared/' >"$T/hour"
	ctl add --from "$T/hour" >/dev/null || fail "add while the server is down"
	many h 40 >"$T/hour.del"
	ctl del --from "$T/hour.del" >/dev/null || fail "del while the server is down"
done
many h 20 | sed 's/$/ primary/' >"$T/hour"
ctl add --from "$T/hour" >/dev/null || fail "add while the server is down"
comm -13 <(many h 20 | sort) <(many h 40 | sort) >>"$T/removed"
many d 50 >"$T/hour.del"
ctl del --from "$T/hour.del" >/dev/null || fail "del while the server is down"
cat "$T/hour.del" >>"$T/removed"
many u 100 >"$T/hour.set"
ctl set --from "$T/hour.set" -p primary >/dev/null || fail "set while the server is down"
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $SERVER_NAME._backend._status.$C TXT +short | grep -q state=down" ||
	fail "down, and not said so: $(ask "$SERVER_NAME._backend._status.$C" TXT)"
# it waits and does not work meanwhile, nor tell it again and again
used() { awk '{print $14 + $15}' "/proc/$AGENT_PID/stat"; }
before=$(used) lines=$(wc -l <"$T/nsherdd.log")
sleep 5
[ $(($(used) - before)) -lt 100 ] || fail "busy while the server is down: $(($(used) - before)) ticks in 5 s"
[ $(($(wc -l <"$T/nsherdd.log") - lines)) -lt 20 ] || fail "talkative while the server is down"
server_up
exact 90 "down for long"

if [ -z "${NO_FILES-}" ]; then
	step the operator in the midst of his configuration
	cat >"$T/patterns/reread.ini" <<P
[pattern]
extends        = primary
allow-transfer = 127.0.0.1 key ro.example
P
	operator_busy || fail "operator_busy"
	agent_reload
	ctl add reread.example -p reread || fail "add"
	until_ok 30 status_has reread.example "error=.*${HOLD:+operator-config-changed}" ||
		fail "half edited: $(status_of reread.example)"
	served static.example hand.example b1.example || fail "half edited: what was served"
	operator_done || fail "operator_done"
	until_ok 60 status_has reread.example state=serving || fail "half edited: $(status_of reread.example)"
	exact 60 "half edited"
fi
if [ -n "${HOLD-}" ]; then
	step reconfig = hold
	agent_down
	cp "$T/nsherd.conf" "$T/auto.conf"
	sed -i 's/^driver .*/&\nreconfig = hold/' "$T/nsherd.conf"
	sed 's/ro.example/hold.example/' "$T/patterns/reread.ini" >"$T/patterns/held.ini"
	sleep 1.1
	operator_edits
	agent_up
	ctl add held.example -p held || fail "add"
	until_ok 30 status_has held.example operator-config-changed || fail "hold: $(status_of held.example)"
	served static.example b1.example || fail "hold: what was served"
	# as long as the agent says that he has not
	held_is_served() {
		status_has held.example state=serving && return
		operator_loads || fail "operator_loads"
		sleep 3
		status_has held.example state=serving
	}
	until_ok 90 held_is_served || fail "hold: $(status_of held.example)"
	agent_down
	cp "$T/auto.conf" "$T/nsherd.conf"
	agent_up
	exact 60 hold
fi

step the agent killed in mid-batch
many a 400 | sed 's/$/ shared/' >"$T/agentbatch"
ctl add --from "$T/agentbatch" || fail "add"
agent_kill
agent_up
exact 90 "agent killed"

if [ -n "${INCLUDE-}" ]; then
	step the include edited, and deleted, by somebody
	for edit in '1,/^/s/^/# edited /' '$d' '3,$d'; do
		sed -i "$edit" "$SERVER_DIR/nsherd/$INCLUDE"
		sed "s/shared, //; s/^description.*/description = ${#edit}/" "$T/patterns/reread.ini" >"$T/patterns/edited.ini"
		agent_reload
		ctl add edited.example -p edited --wait=60 || fail "include edited: $(status_of edited.example)"
		ctl reconcile || fail "reconcile"
		exact 60 "include edited by $edit"
		ctl del edited.example --wait=60 || fail "del"
	done
	cp "$SERVER_DIR/nsherd/$INCLUDE" "$T/include.before"
	rm "$SERVER_DIR/nsherd/$INCLUDE"
	cp "$T/patterns/shared.ini" "$T/patterns/shared2.ini"
	agent_reload
	ctl add inc.example -p shared2 --wait=60 || fail "include deleted: $(status_of inc.example)"
	ctl reconcile || fail "reconcile"
	exact 60 "include deleted"
	until_ok 30 test -f "$SERVER_DIR/nsherd/$INCLUDE" || fail "the include was not made again"
fi

step permissions lost
if ! setpriv --reuid=65534 --regid=65534 --clear-groups "$NSHERDD" -V >/dev/null 2>&1; then
	echo "skipped: the agent cannot be run as another user here"
else
	agent_down
	mine="$T/state $T/patterns $T/nsherd.conf $T/*.key $SERVER_DIR/nsherd $SERVER_ZONES"
	[ "$KIND" = yadifa ] && mine="$mine $SERVER_DIR/xfr"
	sockets=$(find "$SERVER_DIR" -type s)
	# shellcheck disable=SC2086
	chown -R 65534:0 $mine $sockets && chmod 2770 "$SERVER_DIR/nsherd" "$SERVER_ZONES" || fail chown
	AGENT_AS=65534
	agent_up
	ctl add own1.example -p primary --wait=60 || fail "as another user: $(status_of own1.example) $(ask "$SERVER_NAME._backend._status.$C" TXT)"
	exact 60 "as another user"
	# the zone files: as installed, the directories are the agent's, in the group
	# of the server, which may well read nobody's files without it
	chown 0:0 "$SERVER_ZONES" && chmod 755 "$SERVER_ZONES"
	ctl add own2.example -p primary || fail add
	until_ok 40 status_has own2.example error= || fail "zone-dir: $(status_of own2.example)"
	status_has own2.example state=serving && fail "zone-dir: serving"
	ctl add own3.example -p shared --wait=40 || fail "zone-dir: another pattern: $(status_of own3.example)"
	chown 65534:0 "$SERVER_ZONES" && chmod 2770 "$SERVER_ZONES"
	until_ok 100 status_has own2.example state=serving || fail "zone-dir given back: $(status_of own2.example)"
	# the include
	if [ -n "${INCLUDE-}" ]; then
		chown 0:0 "$SERVER_DIR/nsherd" && chmod 755 "$SERVER_DIR/nsherd"
		sed 's/ro.example/ctl.example/' "$T/patterns/reread.ini" >"$T/patterns/later.ini"
		agent_reload
		ctl add own4.example -p later || fail add
		until_ok 40 status_has own4.example error= || fail "config-dir: $(status_of own4.example)"
		served static.example hand.example b1.example own1.example || fail "config-dir: what was served"
		chown 65534:0 "$SERVER_DIR/nsherd" && chmod 2770 "$SERVER_DIR/nsherd"
		until_ok 100 status_has own4.example state=serving || fail "config-dir given back: $(status_of own4.example)"
	fi
	# the socket
	if [ -n "$sockets" ]; then
		chown 0:0 $sockets && chmod 600 $sockets
		ctl add own5.example -p shared || fail add
		until_ok 40 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $SERVER_NAME._backend._status.$C TXT +short | grep -q 'error=.*ermission'" ||
			fail "socket: $(ask "$SERVER_NAME._backend._status.$C" TXT)"
		status_has own5.example state=serving && fail "socket: serving"
		chown 65534:65534 $sockets
		until_ok 100 status_has own5.example state=serving || fail "socket given back: $(status_of own5.example)"
	fi
	# the keys and the patterns, which are read again: what was read stays in force
	chown 0:0 "$T/control.example.key" "$T/ro.example.key" "$T/patterns" && chmod 600 "$T/control.example.key" "$T/ro.example.key"
	chmod 700 "$T/patterns"
	agent_reload
	ctl add own6.example -p shared || fail "keys: the agent takes no orders"
	served b1.example static.example own1.example || fail "keys: what was served"
	chown 65534:65534 "$T/control.example.key" "$T/ro.example.key" "$T/patterns"
	agent_reload
	until_ok 100 status_has own6.example state=serving || fail "keys given back: $(status_of own6.example)"
	exact 60 "permissions given back"
	agent_down
	AGENT_AS=
	chown -R 0:0 $mine $sockets
	agent_up
fi

step the state lost: marked zones are adopted, nothing else is touched
ctl export | grep -v -x -F -f <(sed 's/$/ shared/' "$T/expected-not-served") >"$T/export"
agent_down
rm -rf "$T/state"
agent_up
sleep 1
absent one.example || fail "one.example came back"
served static.example hand.example b1.example || fail "what was served went with the agent's state"
ctl add --from "$T/export" --wait=300 >"$T/again.log" 2>&1 || { head -5 "$T/again.log"; }
exact 90 "state lost"

step remove the batch
many b "$BATCH" >"$T/batch.del"
ctl del --from "$T/batch.del" --wait=300 || fail "removal of the batch"
cat "$T/batch.del" >>"$T/removed"
exact 60 "batch removed"
agent_down
