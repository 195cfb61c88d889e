# proves: SIGHUP brings keys, rights, catalogs, backends, addresses and patterns into force on every server with no request, query or connection lost
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/cloud.sh"
HERE=$(dirname "$0")

step() { printf -- '-- %s (%d s)\n' "$*" $SECONDS; }

# -- the configuration, of parts that are changed one by one --------------------

for k in ctl.example ro.example xfr.example control.example roll.example; do make_key $k; done
start_cloud
NSD_EXTRA="pattern:
	name: hidden
	zonefile: \"shared.zone\"
	provide-xfr: 127.0.0.0/8 xfr.example
	provide-xfr: 127.0.0.0/8 next.example
key:
	name: xfr.example
	algorithm: hmac-sha256
	secret: \"$(key_secret xfr.example)\"
key:
	name: next.example
	algorithm: hmac-sha256
	secret: \"$(make_key next.example; key_secret next.example)\""
start_nsd hidden
HIDDEN_DIR=$NSD_DIR HIDDEN_PORT=$NSD_PORT
hidden_control() { nsd-control -c "$HIDDEN_DIR/nsd.conf" "$@"; }
hidden_serial() { # SERIAL
	sed "s/ 1 3600/ $1 3600/" "$T/hidden.zone" >"$HIDDEN_DIR/zones/shared.zone"
	hidden_control reload >/dev/null || fail "hidden primary"
}
shared_zone "$T/hidden.zone"
cp "$T/hidden.zone" "$HIDDEN_DIR/zones/shared.zone"
for z in sec.example late.example; do hidden_control addzone $z hidden >/dev/null || fail "hidden primary"; done
write_patterns 127.0.0.1 "$HIDDEN_PORT"

AGENT_PORT=$(free_port)
declare -A BACKEND
KEYS="ctl.example ro.example xfr.example control.example admin.example"
make_key admin.example
rights() {
	case $1 in
	ctl.example | roll.example) echo "allow = read, update, command" ;;
	ro.example) echo "allow = ${RO_ALLOW:-read}" ;;
	admin.example) echo "allow = read, admin" ;;
	esac
}
BACKENDS=$SERVER_KINDS
for kind in $SERVER_KINDS; do
	BACKEND[$kind]=$(awk -v kind="$kind]" '/^\[/ { is = $2 == kind } is' <<<"$CLOUD_SECTIONS")
done
LISTEN="127.0.0.1@$AGENT_PORT" CATALOGS="main load" SERVED=main PATTERN_DIR=$T/patterns STATE_DIR=$T/state
configure() {
	{
		cat <<N
[agent]
name        = ams1
listen      = $LISTEN
state-dir   = $STATE_DIR
pattern-dir = $PATTERN_DIR
log         = info

N
		for k in $KEYS; do printf '[key %s]\nfile = %s\n%s\n' "$k" "$T/$k.key" "$(rights "$k")"; done
		for c in $CATALOGS; do
			case $c in main) n=$C ;; *) n=$c.example ;; esac
			printf '[catalog %s]\nname = %s\nguard-remove = off\n' "$c" "$n"
		done
		for b in $BACKENDS; do printf '%s\ncatalogs = %s\n\n' "${BACKEND[$b]}" "$SERVED"; done
	} >"$T/new.conf"
	chmod 600 "$T/new.conf"
	mv "$T/new.conf" "$T/nsherd.conf"
}
said() { tail -n +"$((MARK + 1))" "$T/nsherdd.log" | grep -q -- "$1"; }
mark() { MARK=$(wc -l <"$T/nsherdd.log"); }
reload() { # configure, and HUP, which must take it
	configure
	"$NSHERDD" -t -c "$T/nsherd.conf" >"$T/t.out" 2>&1 || fail "nsherdd -t: $(cat "$T/t.out")"
	mark
	agent_reload
	said 'reload: keys=' || fail "the reload was not taken"
}
agent_soa() { # KEY [CATALOG] [dig options]: the rcode
	local key=$1 name=${2:-$C}
	shift
	[ $# -eq 0 ] || shift
	dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/$key.key" +norec +time=3 +tries=1 "$name" SOA "$@" |
		sed -n 's/.*status: \([A-Z]*\),.*/\1/p'
}

configure
agent_up
each 30 "not up" backend_is_up
ctl add own.example -p primary >/dev/null && ctl add sec.example -p secondary >/dev/null || fail "add"
ctl wait --timeout 60 >/dev/null || fail "not served: $(ctl status)"

# -- what must not notice any of it ---------------------------------------------

printf 'own.example SOA\nsec.example SOA\n' >"$T/queries"
for kind in $SERVER_KINDS; do
	dnsperf -s 127.0.0.1 -p "${PORT[$kind]}" -d "$T/queries" -Q 200 -l 1200 -t 10 -c 2 >"$T/dnsperf-$kind.out" 2>&1 &
	DNSPERF="${DNSPERF-} $!"
	PIDS+=($!)
done
SECRET=$(key_secret ctl.example)
export SECRET
# UPDATEs one after the other on one connection, into a catalog that no backend has
PAUSE=0.02 $PYTHON "$HERE/load.py" "$AGENT_PORT" load.example "$T/acked" "$T/refused" 1 2>>"$T/load.log" &
LOAD_PID=$!
PIDS+=($LOAD_PID)
load_goes_on() {
	local n
	n=$(wc -l <"$T/acked")
	until_ok 10 sh -c "[ \$(wc -l <$T/acked) -gt $n ]" || fail "the UPDATEs came to an end: $(cat "$T/load.log")"
}
coproc HOLD { $PYTHON "$HERE/reload.py" hold 127.0.0.1 "$AGENT_PORT" $C 2>>"$T/hold.log"; }
PIDS+=("$HOLD_PID")
held() { # the connection is there, and answers
	local rcode
	[ "${1-}" = first ] || echo >&"${HOLD[1]}"
	read -r -t 20 rcode <&"${HOLD[0]}" || fail "the connection is gone: $(cat "$T/hold.log")"
	[ "$rcode" = NOERROR ] || fail "the connection says $rcode"
}
held first
until_ok 10 test -s "$T/acked" || fail "no UPDATEs: $(cat "$T/load.log")"

# -- keys of clients ---------------------------------------------------------------

step a key for clients is rolled over
[ "$(agent_soa roll.example)" = NOTAUTH ] || fail "a key nobody has"
KEYS="$KEYS roll.example"
reload
for k in ctl.example roll.example ro.example; do [ "$(agent_soa $k)" = NOERROR ] || fail "old and new: $k"; done
KEYS=${KEYS/ roll.example/}
reload
[ "$(agent_soa roll.example)" = NOTAUTH ] || fail "a key that is gone"
said 'reload: key=roll.example removed' || fail "not in the log"
held

step rights and limits
ro_update() { KEY=$T/ro.example.key nsup <<<"update add o1.zones.$C 0 PTR other.example." 2>&1; }
ro_update | grep -q REFUSED || fail "ro.example may update"
RO_ALLOW='read, update
zones = other.example' reload
ro_update | grep -q REFUSED && fail "ro.example may not update"
del_zone o1
RO_ALLOW='read
max-rate = 1' reload
for _ in 1 2 3 4; do agent_soa ro.example; done | grep -q SERVFAIL || fail "no limit of rate"
reload
ro_update | grep -q REFUSED || fail "ro.example may update again"

# -- keys of servers ---------------------------------------------------------------

step another key for transfers, by name
hidden_serial 2
has_serial() { at_has "$1" sec.example SOA " $2 3600"; }
refreshed() { ctl refresh sec.example >/dev/null; sleep 0.3; has_serial "$@"; }
each 30 "no transfer" refreshed 2
KEYS="$KEYS next.example"
sed -i 's/xfr\.example/next.example/' "$T/patterns/secondary.ini"
reload
keys_are() { grep -qs next.example "${DIR[$1]}"/nsherd/* || [ "$1" = knot ]; }
each 30 "does not know the key" keys_are
each 60 "not as the pattern" is_serving sec.example
hidden_serial 3
each 60 "no transfer with the new key" refreshed 3

step the same name with another secret
make_key next.example
hidden_control update_tsig next.example "$(key_secret next.example)" >/dev/null || fail "update_tsig"
agent_reload
hidden_serial 4
each 60 "no transfer with the new secret" refreshed 4
held
load_goes_on

step a key goes that zones have
KEYS=${KEYS/ next.example/}
configure # with a pattern that cannot be used now, which is no fault of the whole
mark
agent_reload
said 'reload: keys=' || fail "the reload was not taken"
each 30 "not said" state_has sec.example 'error=pattern secondary is not usable'
ctl add keyless.example -p primary --wait=60 >/dev/null || fail "add: $(status_of keyless.example)"
hidden_serial 5
each 60 "no transfer with the key that is no more" refreshed 5
KEYS="$KEYS next.example"
reload
state_well() { is_serving "$1" "$2" && ! state_has "$1" "$2" error=; }
each 30 "not well again" state_well sec.example

step the key of a control channel
SERVER_KIND=bind SERVER_NAME=bind SERVER_DIR=${DIR[bind]}
tail -n +5 "$SERVER_DIR/named.conf" >"$T/named.base" # without its key
named_keys() { # KEY...: those that named takes orders with
	{
		for k; do cat "$T/$k.key"; done
		sed "s/keys { .*; }; };/keys { $(printf '%s; ' "$@")}; };/" "$T/named.base"
	} >"$SERVER_DIR/named.conf"
	bind_control reconfig || fail "named does not take its keys"
}
make_key other.example
named_keys control.example other.example
# by another name: the backend is closed and opened again
BACKEND[bind]=${BACKEND[bind]/control.example/other.example}
KEYS="$KEYS other.example"
reload
said 'deploy: backend=bind changed' || fail "not in the log"
until_ok 30 said 'deploy: backend=bind reconcile=end' || fail "bind was not reconciled"
until_ok 30 backend_is_up bind || fail "not up with the other key"
# and the same name with another secret: the backend runs on with that
make_key other.example
named_keys control.example other.example
mark
agent_reload
said 'reload: key=other.example changed' || fail "not in the log"
said 'deploy: backend=bind changed' && fail "bind was opened again for a secret"
ctl add rndc.example -p primary --wait=60 >/dev/null || fail "after the new secret: $(status_of rndc.example)"
# of yadifa: it hears of another secret by the agent's include, and of the operator
# when it is started
old=$(key_secret control.example)
make_key control.example
sed -i "s|$old|$(key_secret control.example)|" "${DIR[yadifa]}/yadifad.conf"
agent_reload
ctl add yad.example -p primary --wait=60 >/dev/null || fail "after the new secret: $(status_of yad.example)"
held
load_goes_on

# -- catalogs ----------------------------------------------------------------------

step a new catalog
second() { NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=second.example HOME=$T patient "$@"; }
[ "$(agent_soa ctl.example second.example)" = REFUSED ] || fail "a catalog nobody has"
CATALOGS="main load second" SERVED="main, second"
reload
[ "$(agent_soa ctl.example second.example)" = NOERROR ] || fail "the new catalog"
second add two.example -p primary >/dev/null && second add late.example -p secondary >/dev/null || fail "add to the new catalog"
second wait --timeout 60 >/dev/null || fail "not served: $(second status)"
served() { served_at "${PORT[$1]}" "$2"; }
gone() { refused_at "${PORT[$1]}" "$2"; }
for z in two late; do each 10 "not served" served $z.example; done

step it is removed, and its zones stay
second add three.example -p primary --wait=60 >/dev/null || fail add
CATALOGS="main load" SERVED=main
reload
said 'catalog=second removed text="its zones go on being served' || fail "not in the log"
for z in second.example _status.second.example _log.second.example; do
	[ "$(agent_soa ctl.example $z)" = REFUSED ] || fail "$z is answered still"
done
mark
ctl reconcile >/dev/null || fail reconcile
for kind in $SERVER_KINDS; do until_ok 30 said "backend=$kind reconcile=end" || fail "no reconcile"; done
sleep 1
for z in two late three; do each 3 "removed with its catalog" served $z.example; done

step it comes back
CATALOGS="main load second" SERVED="main, second"
reload
[ "$(agent_soa ctl.example second.example)" = NOERROR ] || fail "the catalog is not answered again"
second wait --timeout 60 >/dev/null || fail "not serving: $(second status)"
second del three.example --wait=60 >/dev/null || fail "del"
each 10 "not removed" gone three.example
held
load_goes_on

# -- backends ----------------------------------------------------------------------

serial() { ask "_status.$C" SOA | cut -d' ' -f3; }
grown() { [ "$(serial)" -gt "$1" ]; }
step a backend is removed
before=$(serial)
BACKENDS=${BACKENDS/bind/}
reload
said 'deploy: backend=bind removed' || fail "not in the log"
state_at bind own.example && fail "its record of a zone is there"
[ -z "$(ask "bind._backend._status.$C" TXT)" ] || fail "its own record is there"
until_ok 10 grown "$before" || fail "the status has no other serial"
SERVER_KINDS="nsd knot yadifa"
ctl add while.example -p primary --wait=60 >/dev/null || fail "add without bind"
SERVER_KINDS="nsd knot bind yadifa"
for z in own sec two late; do each 3 "removed with its backend" served $z.example; done
refused_at "${PORT[bind]}" while.example || fail "bind got a zone"

step it comes back
BACKENDS="$BACKENDS bind"
reload
said 'deploy: backend=bind new' || fail "not in the log"
for z in own sec while; do each 60 "not serving" is_serving $z.example; done

step one is changed that does not answer
kill -STOP "$(cat "${DIR[knot]}/started.pid")"
ctl add frozen.example -p primary >/dev/null || fail add
sleep 1
BACKEND[knot]="${BACKEND[knot]}
apply-rate = 400"
BACKEND[nsd]="${BACKEND[nsd]}
probe-interval = 1800"
start=$SECONDS
configure
mark
n=$(reloads)
kill -HUP "$AGENT_PID"
slow=0
until reloaded_after "$n"; do # the agent answers all the time
	s=$(date +%s%N)
	[ "$(agent_soa ctl.example)" = NOERROR ] || fail "no answer while it reloads"
	[ $((($(date +%s%N) - s) / 1000000)) -lt 1500 ] || slow=1
	[ $((SECONDS - start)) -lt 60 ] || fail "no reload"
done
until_ok 20 said 'deploy: backend=nsd state=up' || fail "nsd waits for knot"
[ $slow = 0 ] || fail "the loop waits for a backend"
kill -CONT "$(cat "${DIR[knot]}/started.pid")"
for kind in nsd knot; do said "deploy: backend=$kind changed" || fail "not in the log"; done
each 60 "not serving" is_serving frozen.example
held
load_goes_on

# -- addresses ---------------------------------------------------------------------

soa_of() { # ADDRESS
	dig "@$1" -p "$AGENT_PORT" -k "$T/ctl.example.key" +norec +time=1 +tries=1 "${@:2}" $C SOA |
		sed -n 's/.*status: \([A-Z]*\),.*/\1/p'
}
step another address
LISTEN="127.0.0.1@$AGENT_PORT, 127.0.0.2@$AGENT_PORT"
reload
for t in +notcp +tcp; do [ "$(soa_of 127.0.0.2 $t)" = NOERROR ] || fail "the new address: $t"; done
coproc OTHER { $PYTHON "$HERE/reload.py" hold 127.0.0.2 "$AGENT_PORT" $C 2>>"$T/hold.log"; }
PIDS+=("$OTHER_PID")
read -r rcode <&"${OTHER[0]}"
LISTEN="127.0.0.1@$AGENT_PORT, 127.0.0.3@$AGENT_PORT"
reload
for t in +notcp +tcp; do
	[ "$(soa_of 127.0.0.3 $t)" = NOERROR ] || fail "the new address: $t"
	[ -z "$(soa_of 127.0.0.2 $t)" ] || fail "an address that is gone: $t"
done
echo >&"${OTHER[1]}"
read -r -t 20 rcode <&"${OTHER[0]}" || fail "the connection went with its address: $(cat "$T/hold.log")"
[ "$rcode" = NOERROR ] || fail "the connection says $rcode"
exec {OTHER[1]}>&-

step all addresses, and one again
LISTEN="0.0.0.0@$AGENT_PORT"
reload
for a in 127.0.0.1 127.0.0.2 127.0.0.3; do [ "$(soa_of $a)" = NOERROR ] || fail "0.0.0.0: $a"; done
LISTEN="127.0.0.1@$AGENT_PORT"
reload
[ -z "$(soa_of 127.0.0.2)" ] || fail "0.0.0.0 is listened on still"
held
load_goes_on

# -- what cannot be ------------------------------------------------------------------

unchanged() { # WHAT TEXT: the reload of this file is refused as a whole, and says why
	local list
	mark
	agent_reload
	said "reload: file=$T/nsherd.conf text=\"has faults: nothing is changed\"" || fail "$1: taken"
	said "reload: fault=\"$T/nsherd.conf:[0-9]*: $2" || fail "$1: $(tail -n 5 "$T/nsherdd.log")"
	[ "$(agent_soa roll.example)" = NOTAUTH ] || fail "$1: a new key"
	[ "$(agent_soa ctl.example third.example)" = REFUSED ] || fail "$1: a new catalog"
	[ -z "$(soa_of 127.0.0.4)" ] || fail "$1: a new address"
	list=$(ask "_status.$C" AXFR +tcp | grep -c '^"driver=') # of this catalog's backends
	[ "$list" = 4 ] || fail "$1: $list backends"
}
check_says() { # TEXT: nsherdd -t says the same of the file
	"$NSHERDD" -t -c "$T/nsherd.conf" >"$T/t.out" 2>&1 && fail "nsherdd -t takes it: $1"
	grep -q "^$T/nsherd.conf:[0-9]*: $1" "$T/t.out" || fail "nsherdd -t: $(cat "$T/t.out")"
}
with_all() { # COMMAND...: in a configuration where all else is new, and good
	(
		KEYS="$KEYS roll.example" CATALOGS="$CATALOGS third" BACKENDS=${BACKENDS/nsd/}
		LISTEN="$LISTEN, 127.0.0.4@$AGENT_PORT"
		"$@"
	)
}
step a fault
with_all configure
sed -i 's/^guard-remove = off$/guard-remove = of/' "$T/nsherd.conf"
check_says 'guard-remove: '
unchanged "a value" 'guard-remove: '
with_all configure
sed -i "s|^zone-dir *= ${ZONES[knot]}|zone-dir = $T/absent|" "$T/nsherd.conf"
check_says 'backend knot: zone-dir .*absent'
unchanged "a directory" 'backend knot: zone-dir .*absent'
with_all configure
sed -i 's/^\[key control.example\]/[key nobody.example]/' "$T/nsherd.conf"
sed -i "s|$T/control.example.key|$T/nobody.example.key|" "$T/nsherd.conf"
make_key nobody.example
check_says 'backend yadifa: key control.example'
unchanged "a key that a backend needs" 'backend yadifa: key control.example'
PATTERN_DIR=$T/absent with_all configure
check_says 'pattern-dir: '
unchanged "no patterns" 'pattern-dir: '
$PYTHON - "$(free_port)" >"$T/taken" <<'P' &
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.4", int(sys.argv[1])))
s.listen()
print(sys.argv[1], flush=True)
time.sleep(600)
P
PIDS+=($!)
until_ok 10 test -s "$T/taken" || fail "no port to take"
LISTEN="$LISTEN, 127.0.0.4@$(cat "$T/taken")" with_all configure
unchanged "an address that is taken" 'listen: cannot listen on 127.0.0.4@'
rm "$T/nsherd.conf"
mark
agent_reload
said 'nothing is changed' || fail "no file"
held
load_goes_on

step what needs a restart
STATE_DIR=$T/state2 reload
said "reload: fault=\"$T/nsherd.conf:[0-9]*: state-dir: needs a restart" || fail "state-dir: not said"
[ "$(agent_soa ctl.example)" = NOERROR ] || fail "state-dir: no answer"
reload

step another directory of patterns, by the verb
mkdir "$T/patterns2" && cp "$T"/patterns/* "$T/patterns2"
printf '[pattern]\nextends = primary\n' >"$T/patterns2/fresh.ini"
PATTERN_DIR=$T/patterns2
configure
n=$(reloads)
reconfigure
until_ok 20 reloaded_after "$n" || fail "no reload"
ctl add fresh.example -p fresh --wait=60 >/dev/null || fail "a new pattern: $(status_of fresh.example)"

# -- a transfer that is under way -----------------------------------------------------

step a transfer
seq 20000 | sed 's/.*/m&.example primary/' >"$T/many"
CATALOGS="main load second big"
reload
NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=big.example HOME=$T \
	"$CTL" sync "$T/many" --yes >/dev/null || fail "sync"
coproc AXFR { $PYTHON "$HERE/reload.py" axfr 127.0.0.1 "$AGENT_PORT" big.example 2>>"$T/hold.log"; }
PIDS+=("$AXFR_PID")
read -r -t 30 begun <&"${AXFR[0]}" || fail "no transfer: $(cat "$T/hold.log")"
CATALOGS="main load second"
reload
[ "$(agent_soa ctl.example big.example)" = REFUSED ] || fail "a catalog that is gone"
CATALOGS="main load second big"
reload
echo >&"${AXFR[1]}"
read -r -t 60 n <&"${AXFR[0]}" || fail "the transfer ended: $(cat "$T/hold.log")"
[ "$n" = 20000 ] || fail "$n of 20000 members transferred"

# -- many ------------------------------------------------------------------------------

step many, under load
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$AGENT_PID/status"; }
N=${QUICK:+40}; N=${N:-200}
turn() { # N: every other one is of this kind
	case $(($1 % 2)) in
	0) with_all configure ;;
	1) configure ;;
	esac
}
for i in 0 1; do turn $i; cp "$T/nsherd.conf" "$T/turn.$i"; done
many() { # FROM TO
	local i
	for i in $(seq "$1" "$2"); do
		cp "$T/turn.$((i % 2))" "$T/new.conf" && mv "$T/new.conf" "$T/nsherd.conf"
		agent_reload
		[ $((i % 20)) -ne 0 ] || held
	done
}
many 1 $((N / 4))
first=$(rss)
held
many $((N / 4 + 1)) "$N"
held
load_goes_on
last=$(rss)
echo "resident after $((N / 4)) reloads $first kB, after $N $last kB"
[ $((last - first)) -lt 8192 ] || [ -n "${QUICK-}" ] || fail "memory grows: $first kB, then $last kB"
configure
agent_reload
for z in own sec while fresh; do each 60 "not serving" is_serving $z.example; done

# -- nothing was lost ------------------------------------------------------------------

step nothing was lost
kill -0 $LOAD_PID || fail "the UPDATEs came to an end: $(cat "$T/load.log")"
kill $LOAD_PID
wait $LOAD_PID 2>/dev/null
$PYTHON "$HERE/load.py" --verify "$AGENT_PORT" load.example "$T/acked" "$T/refused" || fail "an UPDATE was lost"
kill -INT $DNSPERF
for kind in $SERVER_KINDS; do
	until_ok 20 grep -q 'Queries lost' "$T/dnsperf-$kind.out" || fail "$kind: dnsperf"
	sed -n "s/ *Queries sent: */$kind queries: /p; s/ *Queries lost: */$kind lost: /p" "$T/dnsperf-$kind.out"
	grep -q 'NOERROR.*100.00%' "$T/dnsperf-$kind.out" || { cat "$T/dnsperf-$kind.out"; fail "$kind: other answers"; }
	[ "$kind" = knot ] || grep -q 'Queries lost: *0 ' "$T/dnsperf-$kind.out" ||
		{ cat "$T/dnsperf-$kind.out"; fail "$kind: queries lost"; }
done

step a removed catalog, over a restart
CATALOGS="main" SERVED=main
configure
agent_down
agent_up
each 30 "not up" backend_is_up
for kind in $SERVER_KINDS; do until_ok 30 said "backend=$kind reconcile=end" || fail "no reconcile"; done
for z in two late; do each 3 "removed with its catalog" served $z.example; done
agent_down
