# proves: four agents with a server each, and one agent with all four, serve the same from the same catalog, and say so truly
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

N=${QUICK:+40}; N=${N:-200}
HERE=$(dirname "$0")
make_key xfr.example
make_key control.example
start_hidden sec1.example sec2.example
write_patterns 127.0.0.1 "$HIDDEN_PORT"

declare -A PORT_OF PID_OF SECTION_OF DIR_OF AGENT_OF
for kind in $SERVER_KINDS; do
	start_server $kind
	shared_zone "$SERVER_ZONES/shared.zone"
	# the same catalog, and on each machine what its own files say
	echo "here TXT \"$kind\"" >>"$SERVER_ZONES/shared.zone"
	PORT_OF[$kind]=$SERVER_PORT PID_OF[$kind]=$(server_pid) DIR_OF[$kind]=$SERVER_DIR
	SECTION_OF[$kind]=$(server_backend | sed '/^\[key control/,/^$/d')
done

# -- agents --------------------------------------------------------------------

# new_agent NAME SECTIONS...: its own configuration, state and port
new_agent() {
	local name=$1 own=$T/$1
	shift
	AGENT_PORT=
	write_agent "[key control.example]
file = $T/control.example.key

$*"
	sed "s,^name        = ams1,name        = $name,; s,^state-dir .*,state-dir = $own.state," \
		"$T/nsherd.conf" >"$own.conf"
	chmod 600 "$own.conf"
	ASAN_OPTIONS=log_path=$T/san:detect_leaks=1 UBSAN_OPTIONS=log_path=$T/san:print_stacktrace=1 \
		TSAN_OPTIONS=$TSAN "$NSHERDD" -c "$own.conf" 2>>"$own.agent.log" &
	AGENT_PID=$!
	PIDS+=("$AGENT_PID")
	until_ok 20 ask $C SOA || fail "the agent $name does not answer"
	AGENT_OF[$name]="$AGENT_PORT $AGENT_PID"
}
with() { # NAME COMMAND...: with that agent
	local of=${AGENT_OF[$1]}
	shift
	AGENT_PORT=${of% *} AGENT_PID=${of#* }
	"$@"
}
each_agent() {
	local a
	for a in "${!AGENT_OF[@]}"; do with "$a" "$@" || fail "agent $a: $*"; done
}

# One and the same file of UPDATEs for all.
{
	printf 'update add p1.zones.%s 0 PTR one.example.\nupdate add group.p1.zones.%s 0 TXT primary\n' $C $C
	for i in 1 2; do
		printf 'update add s%s.zones.%s 0 PTR sec%s.example.\nupdate add group.s%s.zones.%s 0 TXT secondary\n' $i $C $i $i $C
	done
	for i in $(seq "$N"); do
		[ $((i % 50)) -ne 0 ] || echo send
		printf 'update add m%s.zones.%s 0 PTR m%s.example.\nupdate add group.m%s.zones.%s 0 TXT shared\n' "$i" $C "$i" "$i" $C
	done
} >"$T/additions"
{ printf '%s.example\n' one sec1 sec2; seq "$N" | sed 's/.*/m&.example/'; } | sort >"$T/zones"
sed -n 's/update add \([a-z0-9]*\)\.zones.* PTR .*/update delete \1.zones.'$C' PTR/p' "$T/additions" >"$T/removals"
feed() { nsup -v <"$1" >"$T/out" 2>&1 && ! grep -q REFUSED "$T/out"; }
catalog_of() { ask $C AXFR +tcp >/dev/null && dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" $C AXFR | grep -E 'PTR|TXT' | grep -v TSIG | sort; }

# What an agent says of each zone, against what the server answers now:
# truth FILE-OF-ZONES KIND...
truth() {
	local zones=$1 ports= k
	shift
	for k in "$@"; do ports="$ports $k=${PORT_OF[$k]}"; done
	ctl -o json status >"$T/status.json" || return 1
	$PYTHON - "$T/status.json" "$zones" $ports <<'P'
import json, sys
import dns.flags, dns.message, dns.query, dns.rdatatype
rows = json.load(open(sys.argv[1]))["zones"]
zones = set(open(sys.argv[2]).read().split())
ports = dict(a.split("=") for a in sys.argv[3:])
have = {(r["zone"], r["backend"]) for r in rows}
want = {(z, b) for z in zones for b in ports}
bad = [f"no status: {x}" for x in want - have] + [f"status of what is not there: {x}" for x in have - want]
for r in rows:
    if r["backend"] not in ports:
        continue
    m = dns.query.udp(dns.message.make_query(r["zone"], "SOA", flags=0), "127.0.0.1", 5, int(ports[r["backend"]]))
    soa = [rd.serial for rs in m.answer if rs.rdtype == dns.rdatatype.SOA for rd in rs]
    served = m.rcode() == 0 and bool(m.flags & dns.flags.AA) and bool(soa)
    if served != (r["state"] == "serving") or (served and soa[0] != r["serial"]):
        bad.append(f"{r} but the answer is rcode={m.rcode()} serial={soa}")
print("\n".join(bad[:10]))
sys.exit(bool(bad))
P
}
all_ports() { # served|absent FILE
	local k
	for k in $SERVER_KINDS; do
		$PYTHON "$HERE/soa.py" "${PORT_OF[$k]}" "$1" 60 <"$2" || fail "$k: not $1"
	done
}
sites() { # each server answers from its own files
	local k
	for k in $SERVER_KINDS; do
		[ "$(dig @127.0.0.1 -p "${PORT_OF[$k]}" +norec +short here.m1.example TXT)" = "\"$k\"" ] || fail "$k: the file of another"
	done
}
is_healthy() { ask "_status.$C" TXT | grep "agent=site-$1" | grep -q health=ok; }
same_pids() {
	local k
	for k in $SERVER_KINDS; do kill -0 "${PID_OF[$k]}" || fail "$k was restarted"; done
}

# -- four agents, one server each ----------------------------------------------

for kind in $SERVER_KINDS; do new_agent "site-$kind" "${SECTION_OF[$kind]}"; done
each_agent feed "$T/additions"
each_agent ctl wait --timeout 90
all_ports served "$T/zones"
sites
for a in "${!AGENT_OF[@]}"; do with "$a" catalog_of >"$T/catalog.$a"; done
[ "$(grep -c PTR "$T/catalog.site-nsd")" = $((N + 3)) ] || fail "the catalog has $(grep -c PTR "$T/catalog.site-nsd") members"
for a in "${!AGENT_OF[@]}"; do cmp -s "$T/catalog.site-nsd" "$T/catalog.$a" || fail "$a has another catalog"; done
for kind in $SERVER_KINDS; do
	until_ok 15 with site-$kind truth "$T/zones" $kind || fail "site-$kind does not tell the truth: $(with site-$kind truth "$T/zones" $kind)"
	until_ok 20 with site-$kind is_healthy "$kind" || fail "site-$kind: health"
done
# a name that one of them cannot serve: only its agent says so
printf 'update add odd.zones.%s 0 PTR 0/25.2.0.192.in-addr.arpa.\nupdate add group.odd.zones.%s 0 TXT shared\n' $C $C >"$T/odd"
each_agent feed "$T/odd"
for kind in $SERVER_KINDS; do
	want=serving
	[ $kind != yadifa ] || want=failed
	until_ok 20 with site-$kind status_has 0/25.2.0.192.in-addr.arpa "backend=$kind.*state=$want" || fail "odd: $(with site-$kind status_of 0/25.2.0.192.in-addr.arpa)"
done
# which is no reason to take it away from those that it does serve
for kind in $SERVER_KINDS; do with site-$kind is_healthy "$kind" || fail "site-$kind: health"; done
# one site is away: its agent says so, the others work on, and it catches up
SERVER_KIND=bind SERVER_NAME=bind SERVER_DIR=${DIR_OF[bind]} SERVER_PORT=${PORT_OF[bind]}
SERVER_CONTROL=$(sed -n 's/^controls { inet 127.0.0.1 port \([0-9]*\) .*/\1/p' "$SERVER_DIR/named.conf")
server_down
printf 'update add late.zones.%s 0 PTR late.example.\nupdate add group.late.zones.%s 0 TXT shared\n' $C $C >"$T/late"
each_agent feed "$T/late"
for kind in nsd knot yadifa; do until_ok 20 with site-$kind status_has late.example state=serving || fail "late.example on $kind"; done
until_ok 20 with site-bind status_of late.example || fail "late.example is not in the status"
with site-bind status_has late.example state=serving && fail "site-bind says serving, and named is away"
until_ok 20 sh -c "dig @127.0.0.1 -p ${AGENT_OF[site-bind]% *} -k $T/ctl.example.key bind._backend._status.$C TXT +short | grep -q state=down" || fail "site-bind does not say that named is down"
until_ok 40 sh -c "dig @127.0.0.1 -p ${AGENT_OF[site-bind]% *} -k $T/ctl.example.key _status.$C TXT +short | grep -q 'health=degraded.*bind does not answer'" || fail "site-bind finds itself healthy"
with site-nsd is_healthy nsd || fail "site-nsd: health"
server_up
PID_OF[bind]=$(server_pid)
until_ok 40 with site-bind status_has late.example state=serving || fail "site-bind does not catch up"
# gone is gone, everywhere
{ cat "$T/removals"; printf 'update delete %s.zones.'$C' PTR\n' odd late; } >"$T/all-removals"
each_agent feed "$T/all-removals"
cat "$T/zones" - <<<'0/25.2.0.192.in-addr.arpa
late.example' >"$T/gone"
all_ports absent "$T/gone"
: >"$T/none"
for kind in $SERVER_KINDS; do
	until_ok 30 with site-$kind truth "$T/none" $kind || fail "site-$kind: $(with site-$kind truth "$T/none" $kind)"
done
printf 'static.example\n' >"$T/static"
all_ports served "$T/static"
same_pids
for a in "${!AGENT_OF[@]}"; do with "$a" agent_down; done

# -- one agent, four servers ----------------------------------------------------

AGENT_OF=()
sections=
for kind in $SERVER_KINDS; do sections="$sections
${SECTION_OF[$kind]}
"; done
new_agent hub "$sections"
each_agent feed "$T/additions"
ctl wait --timeout 90 >/dev/null || fail "not served: $(ctl status --summary)"
all_ports served "$T/zones"
sites
catalog_of >"$T/catalog.hub"
cmp -s "$T/catalog.site-nsd" "$T/catalog.hub" || fail "the one agent has another catalog"
until_ok 15 truth "$T/zones" $SERVER_KINDS || fail "not the truth: $(truth "$T/zones" $SERVER_KINDS)"
each_agent feed "$T/removals"
all_ports absent "$T/zones"
until_ok 30 truth "$T/none" $SERVER_KINDS || fail "removed: $(truth "$T/none" $SERVER_KINDS)"
all_ports served "$T/static"
same_pids
agent_down
