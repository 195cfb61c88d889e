# proves: the agent's verdict on its health: a server that does not answer or loses its zones makes it degraded, an upstream that is away never does; it outlasts restarts, and BIRD and ExaBGP can go by it
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/follow.sh"

HERE=$(cd "$(dirname "$0")/../../packaging/health" && pwd)
kinds=${QUICK:+nsd knot}
kinds=${kinds:-nsd knot bind yadifa}
ZONES=20

# -- a hub, an edge that follows it with real servers, and the primary of some zones --

start_hidden
# it may be away for three seconds
sed -i 's/ 1 3600 600 86400 300/ 1 1 1 3 300/' "$HIDDEN_DIR/zones/shared.zone"
for i in 1 2 3; do hidden_zone s$i.example; done

write_patterns 127.0.0.1 "$HIDDEN_PORT"
F=$T/run/health
mkdir -m 755 "$T/run"
for n in hub edge; do PORT[$n]=$(free_port); done
node hub primary "notify = 127.0.0.1@${PORT[edge]}"
AGENT_LINES="health-file = $F
health-down-after = 2s
health-up-after = 2s" node edge follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
sed -i '/^\[backend null\]/,$d' "$T/edge.conf"
declare -A DNS DIR
for kind in $kinds; do
	start_server $kind
	DNS[$kind]=$SERVER_PORT DIR[$kind]=$SERVER_DIR
	server_backend >"$T/section"
	# a key may be there only once
	! grep -q '^\[key control' "$T/edge.conf" || sed -i '/^\[key/,/^$/d' "$T/section"
	{ cat "$T/section"; echo "probe-interval = 2s"; } >>"$T/edge.conf"
done
here() { SERVER_DIR=${DIR[$1]} SERVER_KIND=$1 SERVER_NAME=$1 SERVER_PORT=${DNS[$1]}; }

file_says() { head -n 1 "$F" | grep -q -- "$1"; }
backend_says() { grep "^backend=$1 " "$F" | grep -q -- "$2"; }
field() { head -n 1 "$F" | sed -n "s/.*\b$1=\([0-9]*\).*/\1/p"; }
health() { "$HERE/nsherd-health" -f "$F" "$@"; }

[ ! -e "$F" ] || fail "a verdict before the first start"
up hub
up edge
{
	for i in $(seq $ZONES); do printf 'update add p%d.zones.%s 0 PTR p%d.example.\nupdate add group.p%d.zones.%s 0 TXT primary\n' "$i" $C "$i" "$i" $C; done
	for i in 1 2 3; do printf 'update add s%d.zones.%s 0 PTR s%d.example.\nupdate add group.s%d.zones.%s 0 TXT secondary\n' "$i" $C "$i" "$i" $C; done
} | up_to hub || fail "adding zones"
for kind in $kinds; do
	until_ok 60 backend_says $kind "answers=yes control=up serving=$((ZONES + 3)) lost=0 expired=0" || fail "$kind: $(cat "$F")"
done
file_says '^health=ok since=[0-9]* at=[0-9]* agent=edge reason=$' || fail "file: $(cat "$F")"
[ "$(stat -c %a "$F")" = 644 ] || fail "mode $(stat -c %a "$F")"
until_ok 10 says edge '"health=ok" "health-since=[0-9]*"' || fail "status: $(of edge _status.$C TXT)"
[ "$(health)" = ok ] || fail "nsherd-health: $(health)"

# -- those who go by it ---------------------------------------------------------------

sh -n "$HERE/nsherd-health" && sh -n "$HERE/nsherd-health-bird" && sh -n "$HERE/nsherd-health-exabgp" || fail "sh -n"
bird=
if command -v bird >/dev/null && command -v birdc >/dev/null; then
	bird -p -c "$HERE/bird.conf" || fail "bird.conf"
	# without its neighbour
	sed '/^protocol bgp/,/^}/d' "$HERE/bird.conf" >"$T/bird.conf"
	bird -f -c "$T/bird.conf" -s "$T/bird.ctl" -P "$T/bird.pid" >"$T/bird.log" 2>&1 &
	PIDS+=($!)
	until_ok 10 birdc -s "$T/bird.ctl" show status || fail "bird does not start"
	"$HERE/nsherd-health-bird" -p "anycast anycast6" -i 1 -s "$T/bird.ctl" -- -f "$F" >"$T/by-bird" 2>&1 &
	PIDS+=($!)
	bird=1
fi
bird_has() { [ -z "$bird" ] || [ "$(birdc -s "$T/bird.ctl" show route | grep -c '53/')" = "$1" ]; }
"$HERE/nsherd-health-exabgp" -i 1 192.0.2.53/32 2001:db8::53/128 -- -f "$F" >"$T/by-exabgp" 2>&1 &
PIDS+=($!)
exabgp_said() { [ "$(tail -n 2 "$T/by-exabgp" | tr '\n' ' ')" = "$1 route 192.0.2.53/32 next-hop self $1 route 2001:db8::53/128 next-hop self " ]; }
until_ok 10 bird_has 2 || fail "BIRD: $(birdc -s "$T/bird.ctl" show protocols; cat "$T/by-bird")"
until_ok 10 exabgp_said announce || fail "ExaBGP: $(cat "$T/by-exabgp")"

# -- upstreams are away: hub and primary ------------------------------------------------

hub_pid=${PID[hub]}
kill -STOP "$hub_pid"
tree() { # PID: it and all below it
	local p
	echo "$1"
	for p in $(pgrep -P "$1"); do tree "$p"; done
}
hidden=$(tree "$(cat "$HIDDEN_DIR/nsd.pid")")
# shellcheck disable=SC2206
PIDS+=($hidden)
# shellcheck disable=SC2086
kill -STOP $hidden

# -- each server in turn says nothing -----------------------------------------------------

stop_all() { # SIGNAL KIND: all of its processes
	local p
	here "$2"
	p=$(tree "$(server_pid)")
	# shellcheck disable=SC2206
	PIDS+=($p)
	# shellcheck disable=SC2086
	kill "-$1" $p
}
for kind in $kinds; do
	stop_all STOP $kind
	until_ok 30 backend_says $kind answers=no || fail "$kind: $(cat "$F")"
	if [ $kind = nsd ]; then
		until_ok 30 file_says "^health=degraded .*reason=backend $kind does not answer$" || fail "$kind is silent: $(cat "$F")"
		health >"$T/out"
		[ $? -eq 1 ] || fail "nsherd-health: $(cat "$T/out")"
		until_ok 10 says edge "health=degraded.*health-reason=backend $kind does not answer" || fail "status: $(of edge _status.$C TXT)"
		until_ok 10 bird_has 0 || fail "BIRD: $(cat "$T/by-bird")"
		until_ok 10 exabgp_said withdraw || fail "ExaBGP: $(cat "$T/by-exabgp")"
	fi
	stop_all CONT $kind
	until_ok 30 backend_says $kind answers=yes || fail "$kind: $(cat "$F")"
done
until_ok 60 file_says '^health=ok' || fail "all are back: $(cat "$F")"
until_ok 10 bird_has 2 || fail "BIRD: $(cat "$T/by-bird")"
until_ok 10 exabgp_said announce || fail "ExaBGP: $(cat "$T/by-exabgp")"

# -- the secondaries have expired with their primary meanwhile: no fault of this machine ----

expired() { [ "$(dig @127.0.0.1 -p "${DNS[$1]}" +norec +time=2 s1.example SOA | sed -n 's/.*status: \([A-Z]*\),.*/\1/p')" = SERVFAIL ]; }
for kind in nsd knot; do
	until_ok 60 expired $kind || fail "$kind: s1.example does not expire"
	until_ok 90 backend_says $kind "serving=$ZONES lost=0 expired=3" || fail "$kind: $(cat "$F")"
done
file_says '^health=ok' || fail "degraded because an upstream is away: $(cat "$F")"
grep "health=degraded.*serves" "$T/edge.log" && { grep -hE "REFUSED|another zone|without auth|lost" "$T/edge.log" | head -20; fail "degraded because an upstream is away: $(cat "$F")"; }

# -- the agent is away: nobody knows, and nothing changes ----------------------------------

down edge
file_says '^health=ok' || fail "a stop changed the file: $(cat "$F")"
sleep 2
health -m 1 >"$T/out"
[ $? -eq 2 ] || fail "an old file: $(cat "$T/out")"
health -m 60 >/dev/null || fail "not old yet"
bird_has 2 || fail "BIRD withdraws because the agent is away"
up edge

# -- a server loses what it served -----------------------------------------------------------

here knot
lose() { knot_control -f zone-purge "$1" >/dev/null; }
for i in 1 2 3; do
	mv "${DIR[knot]}/zones/p$i.example.zone" "$T/p$i.kept" || fail "$(ls "${DIR[knot]}/zones")"
	lose p$i.example || fail "zone-purge"
done
until_ok 60 backend_says knot "serving=$((ZONES - 3)) lost=3" || fail "three are lost: $(cat "$F")"
until_ok 20 file_says "^health=degraded .*reason=backend knot serves $((ZONES - 3)) of the $ZONES zones that it served$" || fail "three are lost: $(cat "$F")"
# also after a stop and a start
down edge
up edge
sleep 4
file_says '^health=degraded' || fail "forgotten: $(cat "$F")"
for i in 1 2 3; do
	cp "$T/p$i.kept" "${DIR[knot]}/zones/p$i.example.zone"
done
reloaded() { # zone-reload has nothing to do with a zone that expired
	knot_control reload && for i in 1 2 3; do served_at "${DNS[knot]}" p$i.example || return 1; done
}
until_ok 30 reloaded || fail "knotd does not load them again"
until_ok 90 file_says '^health=ok' || fail "they are back: $(cat "$F")"

# -- a reload: another place, and another measure ----------------------------------------------

sed -i "s#^health-file.*#health-file = $T/run/other#; s/^health-down-after.*/&\nhealth-min-serving = 0%/" "$T/edge.conf"
kill -HUP "${PID[edge]}"
F=$T/run/other
until_ok 20 file_says '^health=ok' || fail "no other file"

# -- a kill and a start in bad times say nothing else in between ---------------------------------

stop_all STOP knot
until_ok 30 file_says '^health=degraded' || fail "knot is silent: $(cat "$F")"
since=$(field since)
drop edge
up edge
says edge health=ok && fail "after a kill: $(of edge _status.$C TXT)"
file_says "^health=degraded since=$since " || fail "after a kill: $(cat "$F")"
sleep 4
file_says "^health=degraded since=$since " || fail "after a kill: $(cat "$F")"
stop_all CONT knot
kill -CONT "$hub_pid"
# shellcheck disable=SC2086
kill -CONT $hidden
until_ok 90 file_says '^health=ok' || fail "all are back: $(cat "$F")"
exit 0
