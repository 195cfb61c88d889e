# proves: plan shows what sync does, sync does all of it or nothing, and after a kill in its middle the next one ends in the same state
. "$(dirname "$0")/lib.sh"

ZONES=${QUICK:+5000}; ZONES=${ZONES:-100000}
write_patterns 127.0.0.1 5
CATALOG_EXTRA="max-transaction = 300000"
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
agent_up
serial() { ask "$C" SOA | awk '{print $3}'; }
file=$T/zones
rc() { # STATUS COMMAND...
	local want=$1 got
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	[ $got -eq "$want" ] || { cat "$T/out" "$T/err"; fail "status $got, not $want: $*"; }
}

# -- plan changes nothing, and sync does what it said
printf 'a.example primary\nb.example shared\nc.example shared\n' >"$file"
before=$(serial)
rc 0 ctl plan "$file"
grep -q '3 to add, 0 to change, 0 to remove' "$T/out" || fail "plan: $(cat "$T/out")"
[ "$(serial)" = "$before" ] || fail "plan changed the catalog"
rc 2 ctl sync "$file"
grep -q 'nobody to ask' "$T/err" || fail "it did not ask"
[ "$(serial)" = "$before" ] || fail "unconfirmed, and done"
rc 0 ctl sync "$file" --yes --wait=30
[ "$(serial)" = $((before + 1)) ] || fail "not one serial"
for z in a b c; do served_at "$NSD_PORT" $z.example || fail "$z.example is not served"; done
rc 0 ctl export
grep -v '^#' "$T/out" | diff - "$file" || fail "export is not what was synced"
rc 0 ctl sync "$file" --yes
[ "$(serial)" = $((before + 1)) ] || fail "a second sync changed something"

# -- who is asked may think: the connection is not there any more then
cp "$file" "$T/more"
echo 'd.example shared' >>"$T/more"
NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T \
	$PYTHON - "$T" "$CTL" sync "$T/more" >"$T/asked.log" 2>&1 <<'P' &
import os, pty, sys, time
t, args = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(args[0], args)
seen = b""
try:
    while True:
        seen += os.read(fd, 4096)
        if b"Apply?" in seen and not os.path.exists(t + "/asked"):
            open(t + "/asked", "w").close()
            while not os.path.exists(t + "/think"):
                time.sleep(0.05)
            os.write(fd, b"y\n")
except OSError:
    pass
print(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
asked=$!
PIDS+=("$asked")
until_ok 30 test -e "$T/asked" || fail "nobody was asked: $(cat "$T/asked.log")"
agent_down; agent_up
touch "$T/think"
wait $asked || fail "confirmed late: $(cat "$T/asked.log")"
ctl list d.example | grep -q d.example || fail "confirmed, and not done"
rc 0 ctl sync "$file" --prune --yes --wait=30

# -- what was exported comes back, whatever the names
rc 0 ctl add '#hash.example' -p 'a=b,shared'
ctl export >"$T/more"
rc 0 ctl sync "$T/more" --prune --yes
grep -q '0 to add, 0 to change, 0 to remove' "$T/out" || fail "export and sync: $(cat "$T/out")"
ctl list '#*' | grep -q '^#hash.example' || fail "#hash.example was lost"
rc 0 ctl sync "$file" --prune --yes --wait=30

# -- changes, removals, what interrupts; ids stay
id=$(status_of b.example | sed 's/.*"id=\([^"]*\)".*/\1/')
printf 'a.example secondary\nb.example primary\n' >"$file"
rc 0 ctl plan "$file"
grep -q '1 not in the file stay' "$T/out" || fail "what stays is not said"
grep -q '^change *a.example.*interrupting' "$T/out" || fail "a change of role is not called interrupting"
rc 0 ctl -o json plan --prune "$file"
$PYTHON -c 'import json,sys
p = json.load(sys.stdin)
assert (p["add"], p["change"], p["remove"], p["interrupting"]) == (0, 2, 1, 2), p
assert {z["zone"]: z["action"] for z in p["zones"]} == {"a.example": "change", "b.example": "change", "c.example": "remove"}, p' <"$T/out" || fail "plan as JSON"
printf 'b.example primary\n' >"$file"
rc 0 ctl sync "$file" --prune --yes --wait=30
refused_at "$NSD_PORT" c.example || fail "c.example is still served"
status_has b.example "id=$id" || fail "a changed zone has another id"

# -- one bad zone, and nothing is done; it is named
before=$(serial)
printf 'good.example shared\nbad.%s shared\n' "$C" >"$file"
rc 1 ctl sync "$file" --yes
grep -q "bad.$C: .*control-zone" "$T/err" || fail "the bad zone is not named: $(cat "$T/err")"
[ "$(serial)" = "$before" ] || fail "half a sync"
printf 'good.example shared\ngood.example primary\n' >"$file"
rc 2 ctl plan "$file"
printf 'x..y shared\n' >"$file"
rc 2 ctl plan "$file"
grep -q ":1: " "$T/err" || fail "no line: $(cat "$T/err")"
rc 1 ctl plan "$T/absent"

# -- from here on many zones, which no server needs
agent_down
rm -r "$T/state"
write_agent "[backend null1]
driver = null"
agent_up
rc 0 ctl add b.example -p shared

# -- the catalog changes meanwhile
seq 20000 | sed 's/.*/race&.example shared/' >"$file"
for i in $(seq 20); do
	(while :; do ctl set b.example -P "n$i=$RANDOM" >/dev/null 2>&1; done) &
	changer=$!
	before=$(serial)
	ctl sync "$file" --yes >"$T/out" 2>"$T/err"
	got=$?
	kill $changer; wait $changer 2>/dev/null
	[ $got -eq 1 ] && break
	sed -i "s/race/race$i/" "$file"
done
[ $got -eq 1 ] || fail "no sync met a change in $i tries"
grep -q 'not any more what this was made from' "$T/err" || { cat "$T/err"; fail "why, is not said"; }
ctl list 'race*' >"$T/out"
grep -q "^$(head -n 1 "$file" | cut -d' ' -f1) " "$T/out" && fail "a refused sync did something"
# the last change may be on its way still
until_ok 20 ctl sync "$file" --yes || fail "no sync after the changes"

# -- killed in the middle, client or agent: run again, the same state
seq "$ZONES" | sed 's/.*/big&.example shared/' >"$file"
sort "$file" >"$T/want"
for victim in client agent client agent; do
	ctl sync "$file" --prune --yes >"$T/out" 2>"$T/err" &
	client=$!
	sleep "0.$((RANDOM % 9))"
	if [ $victim = client ]; then
		kill -KILL $client
	else
		agent_kill
		agent_up
	fi
	wait $client 2>/dev/null
	n=$(ctl list 'big*' | grep -c '^big')
	[ "$n" = 0 ] || [ "$n" = "$ZONES" ] || fail "half a sync: $n"
	# the commit of who was killed may be in the works
	until_ok 60 ctl sync "$file" --prune --yes || fail "sync after $victim was killed"
	ctl export | sort | cmp - "$T/want" || fail "not the same state after $victim was killed"
	: >"$T/none"
	rc 0 ctl sync "$T/none" --prune --yes
done

# -- more than one transaction may have
sed -i 's/^max-transaction = .*/max-transaction = 10/' "$T/nsherd.conf"
agent_down; agent_up
rc 1 ctl sync "$file" --yes
grep -q 'transaction-too-large' "$T/err" || fail "too large is not said: $(cat "$T/err")"
agent_down
