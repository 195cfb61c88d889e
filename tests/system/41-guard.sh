# proves: whatever empties a catalog, every backend keeps serving until the guard is released or the zones are back
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

N=${QUICK:+200}; N=${N:-1000}
SMALL=${QUICK:+200}; SMALL=${SMALL:-10000}
LIMIT=$((N * 5 / 100))
here=$(dirname "$0")

for k in admin.example k1.example k2.example k3.example k4.example k5.example k6.example k7.example k8.example; do
	make_key $k
done
sections="[key admin.example]
file  = $T/admin.example.key
allow = read, command, admin"
for i in 1 2 3 4 5 6 7 8; do
	sections="$sections

[key k$i.example]
file  = $T/k$i.example.key
allow = update"
done
ports=
for kind in nsd knot; do
	start_server $kind
	shared_zone "$SERVER_ZONES/shared.zone"
	sections="$sections

$(server_backend)"
	ports="$ports $SERVER_PORT"
done
write_patterns
cat >"$T/patterns/moved.ini" <<'P'
[pattern]
description = another role and another file
role        = secondary
primaries   = 127.0.0.1@9
zonefile    = moved/${zone}.zone
P
GUARD='5% min 10 in 1d'
CATALOG_EXTRA='purge-after = 1'
write_agent "$sections"
agent_up

seq "$N" | sed 's/.*/z&.example shared/' >"$T/all"
cut -d' ' -f1 "$T/all" >"$T/zones"
ctl add --from "$T/all" --wait=120 || fail "adding: $(ctl status --summary)"
ctl export | sort >"$T/export"

# -- helpers -------------------------------------------------------------------

keeping=
keep() { # every zone is asked for at every server from here on
	rm -f "$T/stop"
	$PYTHON "$here/keep.py" "$T/stop" $ports <"${1:-$T/zones}" >"$T/keep.out" 2>&1 &
	keeping=$!
	PIDS+=("$keeping")
}
kept() { # and all was well
	sleep 1
	touch "$T/stop"
	wait "$keeping" || { cat "$T/keep.out"; fail "$1: not served at all times"; }
	[ "$(sed -n 's/asked \([0-9]*\) .*/\1/p' "$T/keep.out")" -gt 20 ] || fail "$1: hardly asked"
}
agent_says() { ask _status.$C TXT | grep -q -- "$1"; }
n_alarms() { grep -c 'guard=holding' "$T/nsherdd.log"; }
held() { ask _status.$C TXT | sed -n 's/.*"held=\([0-9]*\)".*/\1/p'; }
used() { ask _status.$C TXT | sed -n 's/.*"guard-used=\([0-9]*\)".*/\1/p'; }
used_up() { [ "$(used)" = "$LIMIT" ]; }
settled() { # backends have read all of the log
	! ctl -o json backends | grep -q '"queue": *[1-9]'
}
calm() { until_ok 60 settled || fail "backends lag behind: $(ctl backends)"; }
admin() {
	NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/admin.example.key NSHERD_CATALOG=$C \
		HOME=$T patient "$@"
}
ids() {
	dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" $C AXFR +nostats |
	awk '$4 == "PTR" {sub(/\.zones\..*/, "", $1); print $1, $5}'
}
ids >"$T/ids" # id and zone, as they are to be
removals() { # of ids on stdin
	awk -v c=$C '{print "update delete " $1 ".zones." c " PTR"}'
}
put_back() { # the very members, with their ids, those that are missing
	awk -v c=$C '{print "update add " $1 ".zones." c " 0 PTR " $2; print "update add group." $1 ".zones." c " 0 TXT shared"}' \
		"$T/ids" | split -l 400 - "$T/back."
	for f in "$T"/back.*; do nsup -v <"$f" | grep -q NOERROR || fail "putting back"; done
	rm -f "$T"/back.*
}
all_back() {
	put_back
	until_ok 20 agent_says guard=open || fail "$1: the latch did not end: $(ask _status.$C TXT)"
	[ -z "$(held)" ] || fail "$1: still held: $(held)"
	calm
	ctl wait --timeout 60 >/dev/null || fail "$1: not serving again: $(ctl status | grep -v serving | head -5)"
}

# -- one UPDATE ------------------------------------------------------------------

keep
head -n $((LIMIT + 1)) "$T/ids" | removals | nsup -v >"$T/answer"
grep -q NOERROR "$T/answer" || fail "one UPDATE: the catalog takes it"
[ "$(ids | wc -l)" = $((N - LIMIT - 1)) ] || fail "one UPDATE: the catalog changed"
agent_says guard=holding || fail "one UPDATE: $(ask _status.$C TXT)"
[ "$(held)" = $((LIMIT + 1)) ] || fail "one UPDATE: held $(held)"
[ "$(n_alarms)" = 1 ] || fail "one UPDATE: $(n_alarms) alarms"
z=$(head -n 1 "$T/ids" | awk '{sub(/\.$/, "", $2); print $2}')
[ "$(status_of "$z" | grep -c 'state=held.*held=removal.*step=1')" = 2 ] || fail "one UPDATE: $(status_of "$z")"
ctl status "$z" | grep -q held || fail "one UPDATE: nsherdctl status"
ctl status --summary | grep -q holding || fail "one UPDATE: summary"
ctl guard >"$T/guard" || fail "nsherdctl guard"
grep -q 'holding' "$T/guard" && [ "$(grep -c ' removal ' "$T/guard")" = $((LIMIT + 1)) ] || fail "guard: $(head -20 "$T/guard")"
ctl -o json guard | $PYTHON -c "
import json, sys
d = json.load(sys.stdin)
assert d['guard'] == 'holding' and d['held'] == $LIMIT + 1 == len(d['zones']), d
assert d['zones'][0]['held'] == 'removal' and d['zones'][0]['step'] == 1" || fail "guard -o json"
ctl history | grep -q 'guard=held' || ctl -o json history | grep -q held || fail "history: $(ctl history | tail -2)"
calm
# the rest of it, in one more: no second alarm
tail -n +$((LIMIT + 2)) "$T/ids" | removals | split -l 400 - "$T/rest."
for f in "$T"/rest.*; do nsup -v <"$f" | grep -q NOERROR || fail "the rest"; done
[ "$(held)" = "$N" ] && [ "$(n_alarms)" = 1 ] || fail "the rest: $(held) held, $(n_alarms) alarms"
calm
# servers that lose all they have get it back, though the catalog is empty
ctl reconcile --wait=60 >/dev/null || fail "reconcile"
# who may release
ctl guard --release 2>"$T/err" && fail "released without the right"
grep -q admin "$T/err" || fail "release: $(cat "$T/err")"
agent_down
agent_up
agent_says guard=holding || fail "the latch did not survive a restart"
sleep 2 # purge-after is long over
# nsherdctl knows the ids they had
ctl add --from "$T/all" >/dev/null || fail "one UPDATE: adding them again"
ids | sort >"$T/ids.back"
sort "$T/ids" | cmp - "$T/ids.back" || fail "one UPDATE: back under other ids"
all_back "one UPDATE"
kept "one UPDATE"
[ "$(n_alarms)" = 1 ] || fail "alarms: $(n_alarms)"
[ "$(used)" = 0 ] || fail "what was held is used up: $(used)"

# -- sync with an empty file, and with the right one again ------------------------

keep
ctl export >"$T/right"
: >"$T/empty"
ctl sync "$T/empty" --prune --yes >"$T/out" 2>"$T/err" || fail "sync: the catalog takes it"
grep -q "still serve .* holds $N," "$T/err" || fail "sync: it is not said that they are held: $(cat "$T/err")"
[ "$(held)" = "$N" ] || fail "sync: held $(held)"
agent_says guard=holding || fail "sync: $(ask _status.$C TXT)"
calm
ctl sync "$T/right" --yes >"$T/out" || fail "sync: back again"
ids | sort | cmp - "$T/ids.back" || fail "sync: back under other ids"
all_back "sync"
kept "sync"

# -- many small ones, by one and by eight, the agent killed between ---------------

keep
rounds=$(((SMALL + N - 1) / N))
for round in $(seq "$rounds"); do
	# single messages, pipelined by eight keys at once
	for i in 1 2 3 4 5 6 7 8; do
		awk -v i=$i 'NR % 8 == i % 8' "$T/ids" | removals | sed 's/$/\nsend/' |
			(printf 'server 127.0.0.1 %s\nzone %s\n' "$AGENT_PORT" $C; cat) |
			nsupdate -v -k "$T/k$i.example.key" >"$T/k$i.out" 2>&1 &
		pids[i]=$!
	done
	if [ "$round" = 1 ]; then
		sleep 0.5
		until_ok 20 used_up || fail "round 1: $(used) of $LIMIT" # none may go later
		agent_kill # some are cut off, and are not sent again
		agent_up
	fi
	for i in 1 2 3 4 5 6 7 8; do wait "${pids[i]}"; done
	ids | removals | split -l 400 - "$T/rest."
	for f in "$T"/rest.*; do [ ! -s "$f" ] || nsup -v <"$f" >/dev/null; rm -f "$f"; done
	[ "$(ids | wc -l)" = 0 ] || fail "round $round: not empty"
	agent_says guard=holding || fail "round $round: $(ask _status.$C TXT)"
	# what went before the latch is no more than the limit, once a day
	[ "$(used)" -le "$LIMIT" ] || fail "round $round: $(used) of $LIMIT"
	[ $(($(held) + LIMIT)) -ge "$N" ] || fail "round $round: held $(held)"
	calm
	if [ "$round" = 1 ]; then
		touch "$T/stop" # those within the limit are gone, as they may be
		wait "$keeping"
		for p in $ports; do
			gone=$(for z in $(cat "$T/zones"); do echo "$z"; done |
				WAIT=1 $PYTHON "$here/soa.py" "$p" served 5 | grep -c 'not served')
			[ "$gone" -le "$LIMIT" ] || fail "port $p: $gone gone"
		done
	fi
	all_back "small, round $round"
	[ "$round" != 1 ] || keep
done
kept "small ones"
[ "$(used)" -le "$LIMIT" ] || fail "more than one limit in a day: $(used)"

# -- other ids, another pattern, another list of zones ------------------------------

keep
awk -v c=$C '{print "update delete " $1 ".zones." c " PTR"; print "update add x" $1 ".zones." c " 0 PTR " $2; print "update add group.x" $1 ".zones." c " 0 TXT shared"}' \
	"$T/ids" | head -n 600 | nsup -v | grep -q NOERROR || fail "other ids"
calm
agent_says guard=holding || fail "other ids: $(ask _status.$C TXT)"
[ "$(status_of "$z" | grep -c 'state=held.*held=reset.*')" = 2 ] || fail "other ids: $(status_of "$z")"
status_has "$z" "id=$(head -n 1 "$T/ids" | cut -d' ' -f1)" || fail "other ids: not the old one: $(status_of "$z")"
# what is in the catalog can be named
ctl set "$z" -p shared >/dev/null || fail "other ids: set"
ctl show "$z" | grep -q "x$(head -n 1 "$T/ids" | cut -d' ' -f1)" || fail "other ids: show: $(ctl show "$z")"
ids | grep '^x' | removals | nsup -v | grep -q NOERROR
all_back "other ids"
kept "other ids"

keep
before=$(n_alarms)
awk -v c=$C '{print "update delete group." $1 ".zones." c " TXT"; print "update add group." $1 ".zones." c " 0 TXT moved"}' \
	"$T/ids" | head -n 400 | nsup -v | grep -q NOERROR || fail "another pattern"
until_ok 30 agent_says guard=holding || fail "another pattern: $(ask _status.$C TXT)"
calm
until_ok 30 status_has "$z" 'held=change' || fail "another pattern: $(status_of "$z")"
[ "$(n_alarms)" = $((before + 1)) ] || fail "another pattern: alarms"
agent_kill
agent_up
calm
agent_says guard=holding || fail "another pattern: after a restart"
awk -v c=$C '{print "update delete group." $1 ".zones." c " TXT"; print "update add group." $1 ".zones." c " 0 TXT shared"}' \
	"$T/ids" | head -n 400 | nsup -v | grep -q NOERROR || fail "the pattern of before"
until_ok 60 agent_says guard=open || fail "the pattern of before: $(ask _status.$C TXT)"
# and the pattern itself, on disk
cp "$T/patterns/shared.ini" "$T/shared.ini"
sed 's/^description.*/description = was the same for all/' "$T/patterns/moved.ini" >"$T/patterns/shared.ini"
agent_reload
until_ok 60 agent_says guard=holding || fail "the pattern on disk: $(ask _status.$C TXT)"
until_ok 60 sh -c "[ \"\$(dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key _status.$C TXT +short | sed -n 's/.*\"held=\([0-9]*\)\".*/\1/p')\" -ge $((N - LIMIT)) ]" ||
	fail "the pattern on disk: held $(held)"
cp "$T/shared.ini" "$T/patterns/shared.ini"
agent_reload
until_ok 60 agent_says guard=open || fail "the pattern on disk as before: $(ask _status.$C TXT)"
kept "another pattern"

keep
agent_down
sed -i 's/^\[catalog main\]/&\naccept-zones = elsewhere.test/' "$T/nsherd.conf"
agent_up
calm
ctl reconcile --wait=60 >/dev/null
agent_down
sed -i '/^accept-zones/d' "$T/nsherd.conf"
agent_up
kept "accept-zones"

# -- an old state directory, and none -----------------------------------------------

agent_down
sed -i 's/^purge-after.*/purge-after = 7d/' "$T/nsherd.conf"
cp -a "$T/state" "$T/state.old"
agent_up
seq $((2 * LIMIT)) | sed 's/.*/late&.example shared/' >"$T/late"
cut -d' ' -f1 "$T/late" >"$T/late.zones"
ctl add --from "$T/late" --wait=60 || fail "late ones"
agent_down
cp -a "$T/state" "$T/state.new"
rm -rf "$T/state"
mv "$T/state.old" "$T/state"
cat "$T/zones" "$T/late.zones" >"$T/both"
keep "$T/both"
agent_up
calm
ctl reconcile --wait=60 >/dev/null || fail "old state: reconcile"
# those whom somebody wants are taken over as they are
ctl add --from "$T/late" --wait=60 || fail "old state: late ones: $(ctl status late1.example)"
kept "an old state"
# one in which they were removed, and were given back since
ctl del --from "$T/late.zones" || fail "old state: del"
admin guard --release || fail "old state: release"
for p in $ports; do
	$PYTHON "$here/soa.py" "$p" absent 60 <"$T/late.zones" || fail "released: port $p"
done
calm
agent_down
cp -a "$T/state" "$T/state.old"
agent_up
ctl add --from "$T/late" --wait=60 || fail "late ones again"
agent_down
rm -rf "$T/state"
mv "$T/state.old" "$T/state"
keep "$T/both"
agent_up
until_ok 60 agent_says guard=holding || fail "older state: $(ask _status.$C TXT)"
calm
[ "$(held)" = $((2 * LIMIT)) ] || fail "older state: held $(held)"
until_ok 20 status_has late1.example 'state=held' || fail "older state: $(status_of late1.example)"
[ "$(ctl guard | grep -c ' stray ')" = $((2 * LIMIT)) ] || fail "older state: $(ctl guard)"
# that one is taken over as it is; or, if what the server has it as is not known by
# then, held as a change, and served all the same
if WAIT=1 ctl add late1.example -p shared --wait=20; then
	[ "$(held)" = $((2 * LIMIT - 1)) ] || fail "older state: held $(held)"
else
	status_has late1.example 'held=change' || fail "older state: late1: $(ctl status late1.example)"
	[ "$(held)" = $((2 * LIMIT)) ] || fail "older state: held $(held)"
fi
kept "an older state"
admin guard --release || fail "release"
agent_says guard=open || fail "release: $(ask _status.$C TXT)"
for p in $ports; do
	grep -v '^late1\.' "$T/late.zones" | $PYTHON "$here/soa.py" "$p" absent 60 || fail "released: port $p"
	(cat "$T/zones"; echo late1.example) | $PYTHON "$here/soa.py" "$p" served 20 || fail "released too much: port $p"
done
ctl history | grep -q release || fail "history: no release"

agent_down
keep
rm -rf "$T/state"
agent_up
ctl add fresh.example -p shared --wait=60 || fail "fresh"
calm
agent_down
agent_up # now there is a ledger
calm
ctl reconcile --wait=60 >/dev/null || fail "no state: reconcile"
ctl add --from "$T/all" --wait=120 >/dev/null || fail "no state: adding all again: $(ctl status --summary)"
kept "no state"

# -- release, and what it does not ---------------------------------------------------

ids | grep -v fresh >"$T/ids"
head -n 400 "$T/ids" | removals | nsup -v | grep -q NOERROR || fail "all again"
agent_says guard=holding || fail "all again: $(ask _status.$C TXT)"
admin guard --release || fail "release"
agent_says guard=open || fail "released: $(ask _status.$C TXT)"
ctl add k.example -p shared --wait=60 || fail "after the release"
for p in $ports; do
	head -n 400 "$T/ids" | awk '{print $2}' | $PYTHON "$here/soa.py" "$p" absent 120 || fail "released: port $p"
done
# what comes later is weighed anew
ids | removals | nsup -v | grep -q NOERROR || fail "the last ones"
[ "$(ids | wc -l)" = 0 ] || fail "the last ones are in the catalog"
if [ "$N" -gt 420 ]; then
	agent_says guard=holding || fail "a release is not for later steps"
	echo k.example | $PYTHON "$here/soa.py" "$SERVER_PORT" served 5 || fail "held, and gone"
fi
agent_down
