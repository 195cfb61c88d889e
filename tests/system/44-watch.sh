# proves: who follows _status and _log by IXFR has what an AXFR gives; nsherdctl watch tells each change
. "$(dirname "$0")/lib.sh"

write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
agent_up
HERE=$(cd "$(dirname "$0")" && pwd)
SECRET=$(key_secret ctl.example)
seq 40 | sed 's/.*/base&.example shared/' >"$T/base"
ctl add --from "$T/base" --wait=60 || fail "add the first zones"

# -- named as a secondary of _status -------------------------------------------

BP=$(free_port)
mkdir "$T/bind"
cat >"$T/bind/named.conf" <<N
$(cat "$T/ctl.example.key")
options {
	directory "$T/bind";
	pid-file "$T/bind/named.pid";
	session-keyfile "$T/bind/session.key";
	listen-on port $BP { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no;
	min-refresh-time 1; max-refresh-time 1; min-retry-time 1; max-retry-time 1;
};
controls { };
zone "_status.$C" { type secondary; file "status.db"; masterfile-format text;
	primaries { 127.0.0.1 port $AGENT_PORT key ctl.example; }; };
N
named -g -d 3 -n 1 -c "$T/bind/named.conf" >"$T/named.log" 2>&1 &
PIDS+=($!)
at_named() { dig @127.0.0.1 -p "$BP" +norec +time=2 +tries=1 "$1._status.$C" TXT +short; }
named_has() { at_named "$1" | grep -q -- "$2"; }
until_ok 30 named_has base1.example state=serving || fail "named has no status"

# -- followers while much changes ------------------------------------------------

follow() { # ZONE OUT
	$PYTHON "$HERE/follow.py" "$AGENT_PORT" "$1" ctl.example "$SECRET" "$T/enough" >"$T/$2" 2>&1 &
	FOLLOW+=($!)
	PIDS+=($!)
}
FOLLOW=()
follow "_status.$C" followed.1
follow "_status.$C" followed.2
follow "_log.$C" followed.log
# in the background, as the process itself
watch() {
	NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C \
		HOME=$T exec "$CTL" watch "$@"
}
watch >"$T/watch.out" 2>"$T/watch.err" &
WATCH=$!
PIDS+=($WATCH)
watch -o json change3.example change4.example >"$T/watch.json" 2>"$T/watch-json.err" &
WATCH_JSON=$!
PIDS+=($WATCH_JSON)
sleep 1
n=8
[ -n "${QUICK:-}" ] && n=4
for round in $(seq $n); do
	ctl add change$round.example -p shared >/dev/null || fail "add"
	seq 6 | sed "s/.*/r$round-&.example primary/" | ctl add --from - --wait=60 >/dev/null || fail "add many"
	ctl set base$round.example -p primary >/dev/null || fail "set"
	ctl add nowhere$round.example -p nosuch >/dev/null
	[ "$round" -lt 3 ] || ctl del "r$((round - 1))-1.example" "r$((round - 2))-2.example" >/dev/null || fail "del"
	ctl refresh base2.example >/dev/null
done
ctl del change3.example --wait=60 || fail "del change3.example"
touch "$T/enough"
for i in 0 1 2; do
	wait "${FOLLOW[i]}" || { tail -20 "$T"/followed.*; fail "a follower is lost"; }
done
grep -h . "$T"/followed.*
for f in 1 2; do
	eval "$(cat "$T/followed.$f")"
	[ "$steps" -ge 5 ] || fail "few differences: $(cat "$T/followed.$f")"
	# one before the agent knew that someone follows
	[ "$full" -le 1 ] || fail "all of it where differences would do: $(cat "$T/followed.$f")"
done
eval "$(cat "$T/followed.log")"
[ "$steps" -ge 5 ] && [ "$full" -eq 0 ] || fail "_log: $(cat "$T/followed.log")"

# named follows too, and by IXFR
until_ok 30 named_has change4.example state=serving || fail "named does not follow"
until_ok 30 sh -c "! dig @127.0.0.1 -p $BP +norec change3.example._status.$C TXT +short | grep -q ." ||
	fail "named still has change3.example"
grep -q "_status.$C/IN.*got incremental response" "$T/named.log" || fail "named took no IXFR"
grep -E "(zone|transfer of) .*_status.$C.*(not exact|failed|FORMERR|malformed)" "$T/named.log" && fail "named complains"

# -- nsherdctl watch -------------------------------------------------------------

watched() { grep -Eq "$1" "$T/watch.out"; }
until_ok 20 watched ' change3.example [^ ]* .*-> -$' || { cat "$T/watch.out"; fail "watch: change3.example is not gone"; }
watched '^20[0-9-]*T[0-9:]*Z change1.example nsd1 (- -> )?.*serving serial=1' ||
	{ cat "$T/watch.out"; fail "watch: change1.example is not told"; }
watched ' nowhere1.example [^ ]* .*unassigned.* error=' || fail "watch: no error is told"
watched '(base5|base6).example' && [ "$n" -lt 5 ] && fail "watch: a zone that did not change"
$PYTHON - "$T/watch.json" <<'P' || { cat "$T"/watch-json.err "$T/watch.json"; fail "watch: JSON"; }
import json
import sys

events = [json.loads(line) for line in open(sys.argv[1])]
assert {e["zone"] for e in events} == {"change3.example", "change4.example"}, events
last = {}
for e in events:
    assert set(e) == {"at", "time", "zone", "backend", "was", "state", "serial", "id", "pattern",
                      "last_command", "error"}, e
    assert last.get(e["zone"]) == e["was"], (e, last)
    last[e["zone"]] = e["state"]
assert last == {"change3.example": None, "change4.example": "serving"}, last
P

# the agent goes away and comes back, changed meanwhile
agent_down
until_ok 20 grep -q 'trying again' "$T/watch.err" || fail "watch does not say that the agent is gone"
agent_up
until_ok 20 grep -q 'here again' "$T/watch.err" || fail "watch does not say that the agent is back"
[ "$(grep -c 'trying again' "$T/watch.err")" -eq 1 ] || fail "watch repeats itself: $(cat "$T/watch.err")"
: >"$T/watch.out"
ctl add later.example -p shared --wait=60 || fail "add later.example"
until_ok 20 watched ' later.example .*serving' || { cat "$T/watch.out"; fail "watch does not go on"; }
watched ' base[0-9]+.example .*(- ->|-> -)' && fail "watch: a restart is no change: $(cat "$T/watch.out")"
agent_kill # and uncleanly: the status is made anew
agent_up
ctl add last.example -p shared --wait=60 || fail "add last.example"
until_ok 20 watched ' last.example .*serving' || { cat "$T/watch.out"; fail "watch does not go on after a kill"; }
until_ok 30 named_has last.example state=serving || fail "named does not follow after a kill"

# ends: SIGINT with 0; with the one who reads
kill -INT $WATCH
wait $WATCH
rc=$?
[ $rc -eq 0 ] || fail "watch: SIGINT ends it with $rc"
kill -TERM $WATCH_JSON
wait $WATCH_JSON || fail "watch: SIGTERM ends it with $?"
ctl watch 2>"$T/pipe.err" | true
[ "${PIPESTATUS[0]}" -eq 0 ] && [ ! -s "$T/pipe.err" ] || fail "watch: nobody reads: $(cat "$T/pipe.err")"
ctl watch --interval 0 2>/dev/null
[ $? -eq 2 ] || fail "watch: --interval 0"
ctl watch 'bad..name' 2>/dev/null
[ $? -eq 2 ] || fail "watch: a bad name"
agent_down
