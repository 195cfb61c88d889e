# proves: each verb does on every kind of server what it says there, by nsherdctl and by nsupdate, and where it cannot it says so
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

VERBS="refresh retransfer reload notify flush freeze thaw"
make_key xfr.example
make_key control.example
declare -A PORT_OF DIR_OF PID_OF
serial_at() { dig @127.0.0.1 -p "$1" +norec +time=1 +short "$2" SOA | cut -d' ' -f3; }
serial_is() { [ "$(serial_at "$1" "$2")" = "$3" ]; }
each() { # COMMAND KIND...: for every server
	local k
	for k in $SERVER_KINDS; do "$@" "$k" || fail "$* $k"; done
}

sections= requests=
NSD_EXTRA=
for kind in $SERVER_KINDS; do
	start_server $kind
	PORT_OF[$kind]=$SERVER_PORT DIR_OF[$kind]=$SERVER_DIR PID_OF[$kind]=$(server_pid)
	requests="$requests
	request-xfr: 127.0.0.1@$SERVER_PORT NOKEY"
	sections="$sections
$(server_backend | sed '/^\[key control/,/^$/d')
"
done
# before them the hidden primary of sec.example; behind them, it is notified of push.example
NSD_EXTRA="pattern:
	name: hidden
	zonefile: \"shared.zone\"
	provide-xfr: 127.0.0.0/8 xfr.example
zone:
	name: push.example
	zonefile: \"push.zone\"
	allow-notify: 127.0.0.1 NOKEY$requests
key:
	name: xfr.example
	algorithm: hmac-sha256
	secret: \"$(key_secret xfr.example)\""
start_nsd hidden
HIDDEN_PORT=$NSD_PORT HIDDEN_DIR=$NSD_DIR
shared_zone "$HIDDEN_DIR/zones/shared.zone"
nsd_control addzone sec.example hidden >/dev/null || fail "hidden primary"
hidden_serial() {
	sed -i "s/invalid\. [0-9]* 3600/invalid. $1 3600/" "$HIDDEN_DIR/zones/shared.zone"
	nsd-control -c "$HIDDEN_DIR/nsd.conf" reload sec.example >/dev/null
	until_ok 10 serial_is "$HIDDEN_PORT" sec.example "$1" || fail "the hidden primary has no serial $1"
}

write_patterns 127.0.0.1 "$HIDDEN_PORT"
cat >"$T/patterns/push.ini" <<P
[pattern]
extends = primary
notify  = 127.0.0.1@$HIDDEN_PORT
P
cat >"$T/patterns/dynamic.ini" <<P
[pattern]
extends = primary
[bind]
option = allow-update { key control.example; };
[yadifa]
option = allow-update key control.example
P
write_agent "[key control.example]
file = $T/control.example.key
$sections"
agent_up
for z in plain:primary sec:secondary push:push dyn:dynamic; do
	ctl add ${z%:*}.example -p ${z#*:} --wait=60 >/dev/null || fail "add: $(ctl status)"
done

# What is expected of a verb: the outcome on each kind of zone and server.
expected() { # VERB ZONE KIND
	case $1:$2:$3 in
	retransfer:*:yadifa) echo unsupported ;;
	refresh:sec:* | retransfer:sec:*) echo ok ;;
	refresh:* | retransfer:*) echo unsupported ;; # a primary
	freeze:*:nsd | thaw:*:nsd) echo unsupported ;;
	freeze:dyn:bind | thaw:dyn:bind | thaw:plain:bind | thaw:push:bind) echo ok ;;
	freeze:*:bind | thaw:*:bind) echo unsupported ;; # nothing to freeze
	flush:sec:knot) echo ok ;;
	flush:*:knot) echo unsupported ;; # not over the operator's file
	reload:dyn:bind) echo failed ;; # named takes no edits but after a freeze
	*) echo ok ;;
	esac
}
outcome_is() { # VERB ZONE KIND: in the status
	status_has "$2.example" "backend=$3.*last-command=$1:$(expected "$@")@"
}
by_nsupdate() { # VERB ZONE
	printf 'server 127.0.0.1 %s\nzone _command.%s\nupdate add %s.example._command.%s 0 TXT "%s"\nsend\nanswer\n' \
		"$AGENT_PORT" "$C" "$2" "$C" "$1" | nsupdate -k "$T/ctl.example.key" >"$T/out" 2>&1 &&
		grep -q 'status: NOERROR' "$T/out" || { cat "$T/out"; fail "$1 $2 by nsupdate"; }
}
by_ctl() { # VERB ZONE [KIND]: exit status, JSON and reason
	local rc=0
	ctl -o json "$1" "$2.example" ${3:+-b "$3"} --wait=30 >"$T/out" 2>"$T/err" || rc=$?
	for k in ${3:-$SERVER_KINDS}; do
		$PYTHON - "$T/out" "$k" "$(expected "$1" "$2" "$k")" <<'P' || { cat "$T/out" "$T/err"; fail "$1 $2 on $k"; }
import json, sys
o = [o for o in json.load(open(sys.argv[1]))["outcomes"] if o["backend"] == sys.argv[2]]
good = len(o) == 1 and o[0]["result"] == sys.argv[3] and (o[0]["result"] == "ok" or len(o[0]["text"] or "") > 8)
sys.exit(not good)
P
		outcome_is "$1" "$2" "$k" || fail "$1 $2 on $k: $(status_of "$2.example")"
	done
	return $rc
}

# -- every verb, zone and server: the outcome -----------------------------------

for zone in plain sec push dyn; do
	for verb in $VERBS; do
		by_nsupdate $verb $zone
		for kind in $SERVER_KINDS; do
			until_ok 30 outcome_is $verb $zone $kind || fail "$verb $zone on $kind: $(status_of $zone.example)"
		done
	done
	for verb in $VERBS; do by_ctl $verb $zone; done
	[ "$(status_of $zone.example | grep -c state=serving)" = "$(echo $SERVER_KINDS | wc -w)" ] || fail "$(status_of $zone.example)"
done
ask "_log.$C" AXFR +tcp | grep '"op=freeze"' | grep -q '"zone=dyn.example"' || fail "no op=freeze in the history"

# -- what can be seen on the server ---------------------------------------------

one() { by_ctl "$2" "$3" "$1"; } # KIND VERB ZONE
works() { one "$@" || fail "$2 $3 on $1: $(cat "$T/err")"; }

serial=10
for kind in $SERVER_KINDS; do
	port=${PORT_OF[$kind]} zones=${DIR_OF[$kind]}/zones

	# refresh: the new serial comes, without NOTIFY and long before the timer
	serial=$((serial + 10))
	hidden_serial $serial
	works $kind refresh sec
	until_ok 15 serial_is $port sec.example $serial || fail "$kind: refresh brought no new serial"
	until_ok 15 status_has sec.example "backend=$kind.*serial=$serial" || fail "$kind: serial in the status"

	# retransfer: the older serial, too
	hidden_serial $((serial - 5))
	if [ "$(expected retransfer sec $kind)" = ok ]; then
		works $kind retransfer sec
		until_ok 15 serial_is $port sec.example $((serial - 5)) || fail "$kind: retransfer did not take the older serial"
	else
		one $kind retransfer sec && fail "$kind: retransfer has status 0"
		grep -q "sec.example: $kind: retransfer unsupported: [a-z]" "$T/err" || fail "$kind: $(cat "$T/err")"
		serial_is $port sec.example $serial || fail "$kind: the zone changed"
	fi

	# reload: the edited file is served
	file=$zones/plain.example.zone
	new=$(($(serial_at $port plain.example) + 7))
	sed -i "s/[0-9]* 3600 600/$new 3600 600/; s/made by nsherd/edited/" "$file"
	works $kind reload plain
	until_ok 15 serial_is $port plain.example $new || fail "$kind: the edited file is not served"

	# notify: who is to be notified hears it
	heard() { grep -c 'notify for push.example' "$T/nsd-hidden.log"; }
	before=$(heard)
	works $kind notify push
	until_ok 15 sh -c "[ \$(grep -c 'notify for push.example' $T/nsd-hidden.log) -gt $before ]" || fail "$kind: no NOTIFY came"

	update() {
		printf 'server 127.0.0.1 %s\nzone dyn.example\nupdate add %s.dyn.example 60 TXT x\nsend\n' "$port" "$1" |
			nsupdate -k "$T/control.example.key" >"$T/out" 2>&1
	}
	# flush: the zone is written to its file; named does so where it has news, and
	# so does yadifad, which may have written it by itself a moment ago
	flushes() {
		serial=$((serial + 1))
		hidden_serial $serial
		ctl refresh sec.example -b $kind --wait=30
		until_ok 5 serial_is $port sec.example $serial || return 1
		ctl flush sec.example -b $kind --wait=30
		until_ok 1 grep -q shared "$zones/sec.example.zone"
	}
	if [ $kind = bind ]; then
		until_ok 10 update flushed || fail "$kind takes no update: $(cat "$T/out")"
		grep -q flushed "$zones/dyn.example.zone" && fail "$kind had written it already"
		works $kind flush dyn
		until_ok 15 grep -q flushed "$zones/dyn.example.zone" || fail "$kind: flush wrote no file"
	else
		rm -f "$zones/sec.example.zone"
		works $kind flush sec
		until_ok 5 grep -q shared "$zones/sec.example.zone" || until_ok 30 flushes ||
			fail "$kind: flush wrote no file"
	fi

	# freeze, thaw: updates are refused, and taken again
	case $kind in
	nsd)
		one $kind freeze dyn && fail "$kind: freeze has status 0"
		grep -q "dyn.example: nsd: freeze unsupported: nsd has no dynamic updates" "$T/err" || fail "$(cat "$T/err")"
		;;
	knot)
		frozen() { knotc -s "${DIR_OF[knot]}/knot.sock" zone-status dyn.example +freeze | grep -q 'freeze: yes'; }
		works $kind freeze dyn
		until_ok 10 frozen || fail "$kind is not frozen"
		works $kind thaw dyn
		until_ok 10 sh -c "! knotc -s ${DIR_OF[knot]}/knot.sock zone-status dyn.example +freeze | grep -q 'freeze: yes'" || fail "$kind is still frozen"
		;;
	bind | yadifa)
		until_ok 10 update before || fail "$kind takes no update: $(cat "$T/out")"
		works $kind freeze dyn
		until_ok 10 sh -c "! printf 'server 127.0.0.1 $port\nzone dyn.example\nupdate add f.dyn.example 60 TXT x\nsend\n' | nsupdate -k $T/control.example.key 2>/dev/null" || fail "$kind is not frozen"
		update during && fail "$kind: an update of a frozen zone"
		works $kind thaw dyn
		until_ok 10 update after || fail "$kind is still frozen: $(cat "$T/out")"
		[ "$(dig @127.0.0.1 -p "$port" +short before.dyn.example TXT)" = '"x"' ] || fail "$kind: an update is lost"
		;;
	esac
	kill -0 "${PID_OF[$kind]}" || fail "$kind was restarted"
done

# -- all zones of one server -----------------------------------------------------

for kind in $SERVER_KINDS; do
	printf 'server 127.0.0.1 %s\nzone _command.%s\nupdate add _all._command.%s 0 TXT "notify" "backend=%s"\nsend\n' \
		"$AGENT_PORT" $C $C $kind | nsupdate -k "$T/ctl.example.key" || fail "_all on $kind"
	until_ok 30 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $kind._backend._status.$C TXT +short | grep -q 'last-command=notify:ok@.*zones=4 failed=0'" ||
		fail "_all on $kind: $(ask "$kind._backend._status.$C" TXT)"
done
agent_down
