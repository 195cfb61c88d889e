# proves: programs of the exec driver, good and bad ones: the page is true, secrets stay in the pipe, nothing hangs
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
CHECK=$ROOT/patterns/exec/nsherd-exec-check
step() { printf -- "-- %3d s: %s\n" "$SECONDS" "$*"; }
ended() { ! kill -0 "$1" 2>/dev/null || ps -o stat= -p "$1" | grep -q Z; }

step the page, and a program that is checked
mkdir "$T/programs" "$T/memory"
$PYTHON "$ROOT/tests/system/exec_doc.py" "$ROOT/doc/exec-protocol.md" "$T/programs/memory" >"$T/doc.log" 2>&1 ||
	fail "exec-protocol.md: $(tail -n 3 "$T/doc.log")"
"$CHECK" -t 60 -f operators.example "$T/programs/memory" >"$T/check.log" 2>&1 || fail "the example is not good"
# faults are found: each by the case that is for it
wrong() { # CASE SED-EXPRESSION
	sed "$2" "$T/programs/memory" >"$T/programs/wrong"
	chmod 755 "$T/programs/wrong"
	cmp -s "$T/programs/memory" "$T/programs/wrong" && fail "$1: the same program"
	"$CHECK" -t 60 -f operators.example -n "$1" "$T/programs/wrong" >"$T/wrong.log" 2>&1 && fail "$1: not found"
	grep -q "^FAILED  $1" "$T/wrong.log" || fail "$1: not found"
}
wrong foreign 's/return "conflict"/return "ok"/'
wrong life 's/zones.pop(.*/pass/'
wrong batch 's/in results:/in results[:7]:/'
[ -n "${QUICK-}" ] || {
	wrong absent 's/if name in zones:/if True:/; s/zones\[name\])/"nsherd-x")/'
	wrong killed 's/^def save(zones):/&\n    global load\n    load = lambda: zones\n    return/'
	wrong unknown 's/    end = {"end": "unsupported"}/    end = {"end": "what"}/'
}

step "what may not be run is no configuration"
t() { ASAN_OPTIONS=log_path=$T/san UBSAN_OPTIONS=log_path=$T/san "$NSHERDD" -t -c "$T/nsherd.conf" >"$T/t.out" 2>&1; }
exec_backend() { # NAME [LINE...]
	printf '[backend %s]\ndriver = exec\ncommand = %s\n' "$1" "$T/programs/${PROGRAM-$1}"
	shift
	printf '%s\n' "$@"
}
write_patterns 127.0.0.1 9
write_agent "$(exec_backend memory)"
t || { cat "$T/t.out"; fail "a good one"; }
chmod o+w "$T/programs/memory"
t && fail "a program that others can write"
grep -q 'nsherd.conf:[0-9]*: .*command.*can be written by others' "$T/t.out" || { cat "$T/t.out"; fail "of others"; }
chmod 644 "$T/programs/memory"
t && fail "a program that is none"
grep -q 'nsherd.conf:[0-9]*: .*command.*Permission denied' "$T/t.out" || { cat "$T/t.out"; fail "no program"; }
chmod 755 "$T/programs/memory"

step a good program beside bad ones
program() { { printf '#!/bin/bash\necho $$ >>"%s.pid"\n' "$T/$1"; cat; } >"$T/programs/$1"; chmod 755 "$T/programs/$1"; }
program hangs <<'P'
trap '' TERM
while :; do sleep 600; done
P
program garbage <<'P'
echo 'Hello, world.'
exec sleep 600
P
program endless <<'P'
exec tr '\0' x </dev/zero
P
program ends <<'P'
echo 'there is no database' >&2
exit 3
P
program talks <<'P'
yes 'all is well' >&2
P
cat >"$T/programs/slow" <<P
#!/bin/bash
echo \$\$ >>"$T/slow.pid"
"$T/programs/memory" | while read -r line; do sleep 0.2; printf '%s\n' "\$line"; done
P
cat >"$T/programs/good" <<P
#!/bin/bash
echo \$\$ >>"$T/good.pid"
exec "$T/programs/memory" "\$@"
P
chmod 755 "$T/programs/slow" "$T/programs/good"
mkdir "$T/memory/good" "$T/memory/slow"
write_agent "$(exec_backend good "zone-dir = $T/memory/good" 'arguments = one two')
$(exec_backend slow "zone-dir = $T/memory/slow")
$(for b in hangs talks; do exec_backend $b 'timeout = 2'; done)
$(for b in garbage endless ends; do exec_backend $b; done)"
agent_up
state_is() { ask "$1._backend._status.$C" TXT | grep -q "$2"; }
ctl add a.example b.example c.example -p primary || fail add
at() { ask "$1._status.$C" TXT | grep "backend=$2\"" | grep -q "state=$3"; }
for b in good slow; do
	for z in a b c; do until_ok 30 at $z.example $b applied || fail "$b: $(status_of $z.example)"; done
done
until_ok 20 state_is garbage 'state=down.*Hello, world' || fail "garbage: $(ask garbage._backend._status.$C TXT)"
until_ok 20 state_is endless 'state=down.*a line without an end' || fail "endless: $(ask endless._backend._status.$C TXT)"
until_ok 20 state_is ends 'state=down.*status 3: there is no database' || fail "ends: $(ask ends._backend._status.$C TXT)"
for b in hangs talks; do
	until_ok 20 state_is $b 'state=down.*no answer within 2 s' || fail "$b: $(ask $b._backend._status.$C TXT)"
done
[ "$(grep -c "all is well" "$T/nsherdd.log")" -lt 2000 ] || fail "what a program says fills the log"
grep -q 'backend=ends.*text="there is no database' "$T/nsherdd.log" || fail "what a program says is not logged"
# nothing of ours is where others see it
pid=$(tail -n 1 "$T/good.pid")
tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'memory one two' || fail "arguments: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
for k in ctl.example xfr.example; do
	cat "/proc/$pid/cmdline" "/proc/$pid/environ" "$T/nsherdd.log" | grep -aqF "$(key_secret $k)" && fail "the secret of $k"
done
# one that dies is started again, and nothing is lost
kill -KILL "$pid"
ctl add d.example -p primary || fail add
until_ok 30 at d.example good applied || fail "after its death: $(status_of d.example)"
at a.example good applied || fail "after its death: $(status_of a.example)"
ctl del a.example || fail del
removed() { ! grep -q '"a.example"' "$T/memory/good/zones.json"; }
until_ok 30 removed || fail "not removed: $(cat "$T/memory/good/zones.json")"
# with the agent all of them go
cat "$T"/*.pid | sort -u >"$T/pids"
agent_down
for p in $(cat "$T"/*.pid | sort -u); do until_ok 10 ended "$p" || fail "$p is left: $(ps -o args= -p "$p")"; done
write_agent "$(exec_backend good "zone-dir = $T/memory/good")"
agent_up
until_ok 20 state_is good state=up || fail "not up again"
pid=$(tail -n 1 "$T/good.pid")
agent_kill
until_ok 20 ended "$pid" || fail "it outlives the agent"

step PowerDNS: the program is checked
start_server powerdns
"$CHECK" -t 60 -c "$SERVER_DIR/nsherd/powerdns.conf" -f static.example -u check.example ${QUICK:+-n life} \
	"$ROOT/patterns/exec/powerdns" >"$T/pdns-check.log" 2>&1 || fail "nsherd-exec-check"

step PowerDNS: keys, marks, transfers
make_key other.example
powerdns_util import-tsig-key other.example hmac-sha256 "$(head -c 32 /dev/zero | base64)" || fail "pdnsutil"
cat >"$T/patterns/a-pattern-whose-name-is-rather-long.ini" <<P
[pattern]
extends        = primary
notify         = 127.0.0.1@9 key xfr.example
allow-transfer = 127.0.0.1 key xfr.example
P
cat >"$T/patterns/other.ini" <<P
[pattern]
role           = secondary
primaries      = 127.0.0.1@9 key other.example
P
write_agent "[key other.example]
file = $T/other.example.key

$(server_backend)"
agent_up
ctl add t.example -p a-pattern-whose-name-is-rather-long --wait=30 || fail "t.example: $(status_of t.example)"
axfr() { dig @127.0.0.1 -p "$SERVER_PORT" -k "$T/$1.key" t.example AXFR +onesoa | grep -q 'made by nsherd'; }
axfr xfr.example || fail "no transfer with the key"
axfr ctl.example && fail "a transfer with another key"
ctl add o.example -p other || fail add
until_ok 20 status_has o.example 'error=.*another key' || fail "o.example: $(status_of o.example)"
powerdns_api /tsigkeys/other.example. | grep -qF "$(head -c 32 /dev/zero | base64)" || fail "the operator's key was changed"
# another secret, and no zone changes
powerdns_api /tsigkeys/xfr.example. | grep -qF "$(key_secret xfr.example)" || fail "the key"
make_key xfr.example
agent_reload
renewed() { powerdns_api /tsigkeys/xfr.example. | grep -qF "$(key_secret xfr.example)"; }
until_ok 20 renewed || fail "the key was not renewed"
axfr xfr.example || fail "no transfer with the new key"
# a long mark is known again
ctl reconcile || fail reconcile
ctl set t.example -p primary --wait=30 || fail "set: $(status_of t.example)"
axfr xfr.example && fail "the transfer is still permitted"
# contents that PowerDNS does not take: those that it had stay
printf '[pattern]\nrole = primary\nzonefile = broken.shared\n' >"$T/patterns/broken.ini"
printf '@ 300 SOOA what is this\n' >"$SERVER_ZONES/broken.shared"
agent_reload
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key broken._pattern._status.$C TXT +short | grep -q usable" || fail "broken.ini"
ctl set t.example -p broken || fail "set"
until_ok 20 status_has t.example 'error=.*zonedata' || fail "broken contents: $(status_of t.example)"
dig @127.0.0.1 -p "$SERVER_PORT" t.example TXT +short | grep -q 'made by nsherd' || fail "broken contents are the end of the zone"
ctl set t.example -p primary --wait=30 || fail "set: $(status_of t.example)"
ctl del t.example --wait=30 || fail "del: $(status_of t.example)"
until_ok 20 refused_at "$SERVER_PORT" t.example || fail "t.example is still served"
served_at "$SERVER_PORT" static.example || fail "the operator's zone"
agent_down

step PowerDNS: it dies with a zone half made
start_hidden sec.example
write_patterns 127.0.0.1 "$HIDDEN_PORT"
shared_zone "$SERVER_ZONES/shared.zone"
relay=$(free_port)
$PYTHON "$(dirname "$0")/pdns_half.py" "$relay" "$SERVER_API" "$T/die" 2>"$T/pdns_half.log" &
PIDS+=($!)
sed -i "s/^url = .*/url = http:\/\/127.0.0.1:$relay/" "$SERVER_DIR/nsherd/powerdns.conf"
write_agent "$(server_backend)"
agent_up
until_ok 30 state_is powerdns state=up || fail "not up: $(ask powerdns._backend._status.$C TXT)"
dies() { # half|before METHOD PATTERN -- COMMAND of nsherdctl
	echo "$1 $2 $3" >"$T/die.new" && mv "$T/die.new" "$T/die"
	shift 4
	ctl "$@" || fail "$*"
	until_ok 30 test -e "$T/die.reached" || fail "$*: not what was asked of PowerDNS"
	server_kill
}
lives() { # WHAT COMMAND...: in the end that is so
	local what=$1
	shift
	rm "$T/die.reached"
	server_up
	until_ok 60 "$@" || fail "$what: $(status_of "$2") $(powerdns_api "/zones/$2." 2>&1 | tail -n 1)"
}
is_whole() { # ZONE TEXT
	dig @127.0.0.1 -p "$SERVER_PORT" +time=1 +tries=1 "$1" TXT +short | grep -q "$2" && status_has "$1" state=serving &&
		powerdns_api "/zones/$1./metadata/X-NSHERD" | grep -q nsherd-
}
# its transfer may wait for a minute: PowerDNS tried without the key, and failed
has_key() { powerdns_api "/zones/$1." | grep -q '"slave_tsig_key_ids": \["xfr.example'; }
dies half POST '/zones\?' -- add half.example -p shared
lives "no records yet" is_whole half.example shared
dies before PUT /metadata/X-NSHERD -- add file.example -p primary
lives "no metadata yet" is_whole file.example 'made by nsherd'
dies half POST '/zones\?' -- add sec.example -p secondary
lives "a secondary without its key" has_key sec.example
dies half DELETE /zones/file -- set file.example -p shared
lives "removed for other contents" is_whole file.example shared
# and what is asked for by then is what it was before
dies half DELETE /zones/file -- set file.example -p primary
ctl set file.example -p shared || fail "set"
lives "the former pattern again" is_whole file.example shared
served_at "$SERVER_PORT" static.example || fail "the operator's zone"
agent_down
