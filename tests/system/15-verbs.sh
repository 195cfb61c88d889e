# proves: each verb does on NSD what it says, its outcome is in the status and the history, and only who may gives it
. "$(dirname "$0")/lib.sh"

start_hidden s1.example s2.example
hidden_serial() {
	sed -i "s/invalid\. [0-9]* 3600/invalid. $1 3600/" "$HIDDEN_DIR/zones/shared.zone"
	nsd-control -c "$HIDDEN_DIR/nsd.conf" reload >/dev/null
	until_ok 10 serial_is "$HIDDEN_PORT" s1.example "$1" || fail "the hidden primary has no serial $1"
}
serial_is() { [ "$(dig @127.0.0.1 -p "$1" +norec +time=1 +short "$2" SOA | cut -d' ' -f3)" = "$3" ]; }

write_patterns 127.0.0.1 "$HIDDEN_PORT"
start_nsd nsd1
shared_zone "$NSD_DIR/zones/shared.zone"
for k in verb.example admin.example team.example; do make_key $k; done
write_agent "[key verb.example]
file  = $T/verb.example.key
allow = read, command

[key admin.example]
file  = $T/admin.example.key
allow = admin

[key team.example]
file  = $T/team.example.key
allow = read, command
zones = team.example

$(nsd_backend)"
agent_up
NS1_PORT=$NSD_PORT NS1_DIR=$NSD_DIR

as() { # KEY COMMAND...: nsherdctl with that key
	local key=$1
	shift
	NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/$key.key NSHERD_CATALOG=$C HOME=$T patient "$@"
}
rc() { # STATUS COMMAND...
	local want=$1 got
	shift
	"$@" >"$T/out" 2>"$T/err"
	got=$?
	[ $got -eq "$want" ] || { cat "$T/out" "$T/err"; fail "$*: status $got, not $want"; }
}
json() { $PYTHON -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$T/out" "$1"; }
verb_up() { # KEY LINES...: by nsupdate; prints its output
	local key=$1
	shift
	{
		printf 'server 127.0.0.1 %s\nzone _command.%s\n' "$AGENT_PORT" "$C"
		printf '%s\n' "$@" send answer
	} | nsupdate -k "$T/$key.key" 2>&1
}
refused() { case $1 in *REFUSED*) ;; *) fail "not refused: $2: $1" ;; esac; }
nsd_saw() { grep -qF "$1" "$T/nsd-nsd1.log"; }

# nsupdate: accepted at once, done after the addition that stands before it
add_zone p1 p1.example primary || fail add
out=$(verb_up verb.example "update add p1.example._command.$C 0 TXT \"reload\"")
case $out in *REFUSED*|*FORMERR*|*NOTAUTH*) fail "reload by nsupdate: $out" ;; esac
until_ok 20 status_has p1.example "last-command=reload:ok@" || fail "reload: $(status_of p1.example)"
ask "_log.$C" AXFR +tcp | grep '"op=reload"' | grep '"key=verb.example"' | grep -q '"zone=p1.example" "id=p1"' || fail "no op=reload in the history"

# reload: an edited zone file is served
sed -i 's/made by nsherd/edited/' "$NS1_DIR/zones/p1.example.zone"
sed -i 's/SOA \([^ ]* [^ ]*\) [0-9]* /SOA \1 77 /' "$NS1_DIR/zones/p1.example.zone"
rc 0 as verb.example reload p1.example --wait=20
grep -q 'accepted for 1 zone' "$T/out" || fail "reload: $(cat "$T/out")"
grep -q 'p1.example.*nsd1.*ok' "$T/out" || fail "reload --wait: $(cat "$T/out")"
until_ok 10 serial_is "$NS1_PORT" p1.example 77 || fail "the edited file is not served"

# refresh and retransfer: a new serial arrives without waiting for the timers
rc 0 ctl add s1.example s2.example -p secondary --wait=30
hidden_serial 5
rc 0 as verb.example refresh s1.example --wait=20
until_ok 10 serial_is "$NS1_PORT" s1.example 5 || fail "refresh brought no new serial"
hidden_serial 3
rc 0 as verb.example -o json retransfer s1.example s2.example -b nsd1 --wait=20
[ "$(json '[(o["zone"],o["backend"],o["result"]) for o in d["outcomes"]]')" = \
	"[('s1.example', 'nsd1', 'ok'), ('s2.example', 'nsd1', 'ok')]" ] || fail "JSON: $(cat "$T/out")"
until_ok 10 serial_is "$NS1_PORT" s1.example 3 || fail "retransfer did not take the older serial"

# flush: the zone is written to its file; notify is taken
rm -f "$NS1_DIR/zones/s1.example.zone"
rc 0 as verb.example flush s1.example --wait=20
until_ok 20 test -s "$NS1_DIR/zones/s1.example.zone" || fail "flush wrote no file"
rc 0 as verb.example notify p1.example --wait=20

# what NSD does not have is said, and the zone goes on being served
rc 1 as verb.example freeze p1.example --wait=20
grep -q 'freeze unsupported: nsd has no dynamic updates' "$T/err" || fail "freeze: $(cat "$T/err")"
status_has p1.example "last-command=freeze:unsupported@" || fail "freeze: $(status_of p1.example)"
status_has p1.example state=serving || fail "freeze: $(status_of p1.example)"
rc 3 as verb.example refresh p1.example s1.example --wait=20
grep -q 'p1.example: nsd1: refresh unsupported' "$T/err" || fail "refresh of a primary: $(cat "$T/err")"
rc 0 ctl show p1.example
grep -q 'refresh:unsupported' "$T/out" || fail "show: $(cat "$T/out")"

# every zone
verb_up verb.example "update add _all._command.$C 0 TXT \"reload\" \"backend=nsd1\"" | grep -q REFUSED && fail "_all"
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key nsd1._backend._status.$C TXT +short | grep -q 'last-command=reload:ok@.*zones=3 failed=0'" ||
	fail "_all: $(ask "nsd1._backend._status.$C" TXT)"

# reconcile: what somebody took away is put back at once
nsd_control delzone s2.example >/dev/null
until_ok 5 refused_at "$NS1_PORT" s2.example || fail "delzone"
rc 0 as verb.example reconcile --wait=30
grep -q 'nsd1.*ok' "$T/out" || fail "reconcile: $(cat "$T/out")"
until_ok 10 served_at "$NS1_PORT" s2.example || fail "reconcile did not put the zone back"

# reconfigure: patterns and keys are read again, by admin alone
echo 'allow-transfer = 127.0.0.3 key xfr.example' >>"$T/patterns/primary.ini"
rc 1 as verb.example reconfigure
grep -q 'takes the right admin' "$T/err" || fail "reconfigure without admin: $(cat "$T/err")"
rc 0 as admin.example reconfigure
until_ok 20 grep -q 'provide-xfr:.*127.0.0.3' "$NS1_DIR/nsherd/nsherd.conf" || fail "reconfigure: the new setting is not in use"
grep -q 'cause=reconfigure' "$T/nsherdd.log" || fail "no line in the log"
rc 1 as admin.example reconcile
rc 1 as admin.example refresh s1.example

# a key without the right, a narrowed one, and no oracle
rc 1 as ro.example refresh s1.example
grep -q 'may not command' "$T/err" || fail "no right: $(cat "$T/err")"
rc 0 ctl add a.team.example -p primary --wait=20
rc 0 as team.example reload a.team.example --wait=20
for z in s1.example absent.example absent.team.example _all; do
	out=$(verb_up team.example "update add $z._command.$C 0 TXT reload")
	refused "$out" "team commands $z"
done
rc 3 as verb.example reload p1.example absent.example s1.example
grep -q 'absent.example: reload not accepted: not in the catalog' "$T/err" || fail "absent: $(cat "$T/err")"
rc 1 as verb.example reload p1.example -b nosuch
grep -q 'no such backend' "$T/err" || fail "backend: $(cat "$T/err")"
rc 2 as verb.example reload
for v in release begin commit abort lock unlock nosuch; do
	refused "$(verb_up verb.example "update add _all._command.$C 0 TXT $v")" "$v"
done
refused "$(verb_up verb.example "update delete p1.example._command.$C TXT")" "a deletion"
refused "$(verb_up verb.example "prereq yxdomain p1.example._command.$C" "update add p1.example._command.$C 0 TXT reload")" "a prerequisite"
dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/verb.example.key" "p1.example._command.$C" TXT +time=2 | grep -q 'status: REFUSED' || fail "_command is queried"

# NSD down: the verb is kept, also over a restart of the agent, and done when it is back
nsd_down
until_ok 10 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key nsd1._backend._status.$C TXT +short | grep -q state=down" || fail "down is not seen"
rc 4 as verb.example reload p1.example --wait=2
grep -q 'p1.example: nsd1: reload not done yet' "$T/err" || fail "down: $(cat "$T/err")"
agent_kill
agent_up
nsd_up
until_ok 30 status_has p1.example "last-command=reload:ok@" || fail "after the outage: $(status_of p1.example)"

# many at once
seq 300 | sed 's/.*/m&.example shared/' >"$T/many"
rc 0 ctl add --from "$T/many" --wait=60
cut -d' ' -f1 "$T/many" >"$T/names"
rc 0 as verb.example -o json reload --from "$T/names" --wait=60
[ "$(json 'sum(o["result"]=="ok" for o in d["outcomes"])')" = 300 ] || fail "300 zones: $(tail -c 300 "$T/out")"
agent_down
