# proves: a transaction of 100,000 records is one serial or nothing, whoever dies in it, and a lock ends with its holder
. "$(dirname "$0")/lib.sh"

ZONES=${QUICK:+5000}; ZONES=${ZONES:-50000}
write_patterns
printf '[pattern]\nrole = primary\nzonefile = any.zone\n' >"$T/patterns/any.ini"
make_key adm.example
write_agent "[key adm.example]
file  = $T/adm.example.key
allow = read, update, command, admin

[backend null1]
driver = null"
agent_up
secret=$(sed -n 's/.*secret "\(.*\)".*/\1/p' "$T/adm.example.key")
TX=("$PYTHON" "$(dirname "$0")/transactions.py" "$AGENT_PORT" "$C" adm.example "$secret")
tx() { "${TX[@]}" "$@"; }
members() { dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" "$C" AXFR +nostats | awk '$4 == "PTR"' | wc -l; }
serial() { ask "$C" SOA | awk '{print $3}'; }

# -- one serial, one step
first=$(serial)
tx bulk "$ZONES" >"$T/bulk.log" 2>&1 || { cat "$T/bulk.log"; fail "bulk"; }
cat "$T/bulk.log"
[ "$(members)" = 0 ] || fail "members are left"
dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" "$C" "IXFR=$((first + 1))" +nostats >"$T/ixfr.out"
[ "$(grep -c SOA "$T/ixfr.out")" -le 4 ] || fail "more than one step"

# -- too much
sed "s/^role *= primary/&\nmax-transaction = 100/" "$T/nsherd.conf" >"$T/small.conf"
cp "$T/nsherd.conf" "$T/large.conf"; cp "$T/small.conf" "$T/nsherd.conf"
agent_down; agent_up
tx bulk 200 >"$T/small.log" 2>&1 && fail "a transaction larger than allowed"
grep -q transaction-too-large "$T/small.log" || { cat "$T/small.log"; fail "too large, not said"; }
[ "$(members)" = 0 ] || fail "half a transaction"
cp "$T/large.conf" "$T/nsherd.conf"
agent_down; agent_up

# -- the client goes; the agent is killed before the commit
"${TX[@]}" leave 1000 >"$T/leave.out" 2>"$T/leave.log" &
left=$!
until_ok 60 grep -q staged "$T/leave.out" || fail "nothing was staged"
kill -KILL $left
wait $left 2>/dev/null
[ "$(members)" = 0 ] || fail "what was left applied"
"${TX[@]}" leave 1000 >"$T/leave.out" 2>"$T/leave.log" &
left=$!
until_ok 60 grep -q staged "$T/leave.out" || fail "nothing was staged"
agent_kill; agent_up
kill -KILL $left 2>/dev/null
wait $left 2>/dev/null
[ "$(members)" = 0 ] || fail "what was staged outlived the agent"

# -- the agent is killed around the commit: all or nothing, and all if it was said
n=${QUICK:+2000}; n=${n:-10000}
rounds=${QUICK:+2}
for i in $(seq "${rounds:-5}"); do
	before=$(members)
	"${TX[@]}" flight "$n" >"$T/flight.out" 2>"$T/flight.log" &
	flight=$!
	until_ok 120 grep -q sent "$T/flight.out" || fail "nothing was sent"
	sleep "0.0$((RANDOM % 9))$((RANDOM % 9))"
	agent_kill
	wait $flight 2>/dev/null
	agent_up
	after=$(members)
	case $after in
	"$before") ! grep -q NOERROR "$T/flight.out" || fail "said, but not there" ;;
	"$n") ;;
	*) fail "round $i: $after of $n" ;;
	esac
	[ "$after" = 0 ] || { dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" "$C" AXFR +nostats |
		awk '$4 == "PTR" {print "update delete " $1 " ANY"}' | awk '{print} NR % 200 == 0 {print "send"}' |
		{ printf 'server 127.0.0.1 %s\nzone %s\n' "$AGENT_PORT" "$C"; cat; echo send; } |
		nsupdate -v -k "$T/ctl.example.key" || fail "cleaning up"; }
done

# -- two from the same serial
tx race >"$T/race.log" 2>&1 || { cat "$T/race.log"; fail "race"; }

# -- the lock
"${TX[@]}" lock >"$T/lock.out" 2>"$T/lock.log" &
holder=$!
until_ok 30 grep -q locked "$T/lock.out" || { cat "$T/lock.log"; fail "no lock"; }
printf 'update add q1.zones.%s 0 PTR q1.example.\n' "$C" | nsup 2>&1 | grep -q REFUSED ||
	fail "written in spite of the lock"
ctl add q1.example -p any 2>"$T/locked.err" && fail "added in spite of the lock"
grep -q "locked by=adm.example" "$T/locked.err" || { cat "$T/locked.err"; fail "who has the lock is not said"; }
kill -KILL $holder
wait $holder 2>/dev/null
until_ok 10 ctl add q1.example -p any || fail "the lock outlived its holder"
agent_down
