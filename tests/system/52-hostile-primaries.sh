# proves: a follower takes 100,000 members whole or not at all, killed at any moment, and no primary makes it hold or lose anything
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/follow.sh"

N=$([ -n "$QUICK" ] && echo 5000 || echo 100000)
hctl() {
	NSHERD_SERVER=127.0.0.1@${PORT[hub]} NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T patient "$@"
}
for n in hub node; do PORT[$n]=$(free_port); done
node hub primary
node node follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
sed -i 's/^log = debug/log = info/' "$T/hub.conf"
up hub
for i in $(seq "$N"); do echo "z$i.example"; done >"$T/zones"
hctl add -p primary --from "$T/zones" >/dev/null || fail "adding $N zones"

# killed while it receives, while it writes, and afterwards
for pause in 0.05 0.2 0.5 0.8 1.2; do
	"$NSHERDD" -c "$T/node.conf" 2>>"$T/node.log" &
	pid=$!
	PIDS+=($pid)
	sleep $pause
	kill -KILL $pid
	wait $pid 2>/dev/null
done
up node
until_ok 120 same hub node || fail "not the same: $(of node _status.$C TXT)"
[ "$(members node)" = "$N" ] || fail "$(members node) members"
deployed() { of node "null._backend._status.$C" TXT | grep -q 'pending=0'; }
until_ok 180 deployed || fail "not deployed: $(of node "null._backend._status.$C" TXT)"
ls "$T/node.state" | grep -q scratch && fail "left: $(ls "$T/node.state")"

# most of it is new at once: no IXFR, and again whole or not at all
was=$(serial node)
kill -STOP "${PID[node]}"
sed 's/^z/y/' "$T/zones" >"$T/more"
hctl add -p primary --from "$T/more" >/dev/null || fail "adding $N more"
kill -CONT "${PID[node]}"
printf 'update add late.zones.%s 0 PTR late.example.\n' $C | up_to hub
dig @127.0.0.1 -p "${PORT[node]}" +opcode=notify $C SOA >/dev/null
until_ok 120 same hub node || fail "not the same after the second half: was $was, $(of node _status.$C TXT)"
hctl del --from "$T/more" >/dev/null || fail "removing"
dig @127.0.0.1 -p "${PORT[node]}" +opcode=notify $C SOA >/dev/null
until_ok 120 same hub node || fail "not the same after the removal"
[ "$(members node)" = $((N + 1)) ] || fail "$(members node) members left"
down hub

# -- primaries that mean ill ------------------------------------------------------------

was=$(axfr node | md5sum) serial=$(serial node)
down node
sed -i 's/ key xfr.example$//' "$T/node.conf"
echo "# " >>"$T/node.conf"
sed -i "/^\[catalog main\]/a max-records = 400000" "$T/node.conf"
hostile() { # HOW SECONDS ERROR [KEYFILE]
	$PYTHON "$(dirname "$0")/hostile_primary.py" "${PORT[hub]}" "$1" ${4+"$4"} >"$T/hostile.log" 2>&1 &
	local pid=$! rss
	PIDS+=($pid)
	until_ok 20 grep -q ready "$T/hostile.log" || fail "hostile_primary.py"
	up node
	until_ok "$2" says node "error=.*$3" || fail "$1: $(of node _status.$C TXT)"
	[ "$(serial node)" = "$serial" ] || fail "$1: serial $(serial node)"
	rss=$(awk '/RssAnon/ { print $2 }' "/proc/${PID[node]}/status")
	[ -n "$QUICK" ] || [ "$rss" -lt 200000 ] || fail "$1: $rss kB of memory"
	[ "$(axfr node | md5sum)" = "$was" ] || fail "$1: it has lost its catalog"
	down node
	kill -KILL $pid
	wait $pid 2>/dev/null
	ls "$T/node.state" | grep -q scratch && fail "$1 left: $(ls "$T/node.state")"
	return 0
}
hostile garbage 20 'not a reply'
hostile otherid 20 'not a reply'
hostile closes 20 'connection was closed'
hostile noend 20 'malformed'
hostile stops 60 'no answer in'
hostile endless 120 'max-records'

# signed, but for what is between the first message and the last
sed -i 's/^primaries = .*/& key xfr.example/' "$T/node.conf"
hostile open 20 'last message is not signed' "$T/xfr.example.key"
$PYTHON "$(dirname "$0")/hostile_primary.py" "${PORT[hub]}" gap "$T/xfr.example.key" >"$T/hostile.log" 2>&1 &
PIDS+=($!)
until_ok 20 grep -q ready "$T/hostile.log" || fail "hostile_primary.py"
up node
all_49() { [ "$(members node)" = 49 ]; }
until_ok 20 all_49 || fail "in part signed: $(of node _status.$C TXT)"
