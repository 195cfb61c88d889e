# proves: whatever is wrong upstream, serials that flap, wrap or go back, stale primaries, transfers that do not fit or are cut, storms of NOTIFY, a follower keeps the newest valid version, says what is wrong, and goes on
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/follow.sh"
HERE=$(dirname "$0")

step() { printf -- '-- %s (%d s)\n' "$*" $SECONDS; }
for n in node a b; do PORT[$n]=$(free_port); done
write_patterns
node node follower "primaries = 127.0.0.1@${PORT[a]}, 127.0.0.1@${PORT[b]}" "default-pattern = primary"
has() { # NAME SERIAL HOW MEMBER...: what that primary has from now on
	local n=$1
	shift
	echo "$*" >"$T/$n.new" && mv "$T/$n.new" "$T/$n.zone"
}
run() { # NAME: it runs
	$PYTHON "$HERE/wrong_primary.py" "${PORT[$1]}" "$T/$1.zone" >"$T/$1.out" 2>>"$T/$1.log" &
	PID[$1]=$!
	PIDS+=($!)
	until_ok 20 grep -q ready "$T/$1.out" || fail "wrong_primary.py"
}
taken() { # SERIAL MEMBER...
	local want=$1
	shift
	[ "$(serial node)" = "$want" ] && [ "$(axfr node | sed -n 's/^m\([^.]*\)\.zones.* PTR .*/\1/p' | sort | tr '\n' ' ')" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ]
}
await() { # WHAT SERIAL MEMBER...
	local what=$1
	shift
	until_ok 30 taken "$@" || fail "$what: $(serial node), $(members node) members: $(of node _status.$C TXT)"
}
await_error() { until_ok 30 says node "error=.*$1" || fail "no error $1: $(of node _status.$C TXT)"; }
well() { ! says node error= && says node catalog=valid; }

has a 10 right 1 2 3
run a
up node
await "first" 10 1 2 3

step a transfer that does not fit, is cut, is nothing, has all twice
has a 11 unfit 1 2
await "unfit: no AXFR" 11 1 2
grep -q 'do not fit' "$T/node.log" || fail "unfit: not said"
for how in soa cut; do
	has a 12 $how 7
	await_error "$([ $how = cut ] && echo truncated || echo 'connection was closed')"
	taken 11 1 2 || fail "$how: taken"
done
has a 12 twice 1 2 4
await "twice" 12 1 2 4
until_ok 20 well || fail "not well: $(of node _status.$C TXT)"
has a 13 bare
await_error 'broken serial=13: no-'
taken 12 1 2 4 || fail "bare: taken"
has a 14 right 1 2 4 5
await "mended" 14 1 2 4 5

step a serial that wraps, and one that goes back
for s in 2147483000 4294966000 5; do
	has a $s right 1 2 $s
	await "wrap" $s 1 2 $s
done
has a 4 right 9
await_error 'serial-behind'
taken 5 1 2 5 || fail "it went back"
has a 4294967000 right 9
sleep 1.2
taken 5 1 2 5 || fail "it went back"
has a 6 right 1 6
await "forward again" 6 1 6
until_ok 20 well || fail "not well: $(of node _status.$C TXT)"

step a primary that is stale
has b 5 right 9 8
run b
kill -KILL "${PID[a]}"; wait "${PID[a]}" 2>/dev/null
await_error 'serial-behind'
taken 6 1 6 || fail "a stale one is taken"
has a 7 right 1 7
run a
await "the other one is back" 7 1 7
until_ok 20 well || fail "not well beside a stale one: $(of node _status.$C TXT)"

step two primaries with different contents, in turns
for s in $(seq 10 2 30); do
	has a $s right 1 $s
	has b $((s + 1)) right 1 2 $((s + 1))
	sleep 0.4
	now=$(serial node)
	[ "$now" -ge "${was:-7}" ] || fail "from $was back to $now"
	was=$now
done
await "at the end" 31 1 2 31

step a primary that comes and goes each second
kill -KILL "${PID[b]}"; wait "${PID[b]}" 2>/dev/null
for s in $(seq 40 "$([ -n "$QUICK" ] && echo 43 || echo 47)"); do
	kill -KILL "${PID[a]}"; wait "${PID[a]}" 2>/dev/null
	sleep 0.5
	has a "$s" right 1 2 "$s"
	run a
	sleep 0.5
done
await "at the end" "$s" 1 2 "$s"
until_ok 40 well || fail "not well: $(of node _status.$C TXT)"

step storms of NOTIFY
storm() { # ADDRESS SECONDS: as fast as can be, and each with another serial
	$PYTHON - "$1" "$2" "${PORT[node]}" <<'P'
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
name = b"\7catalog\7example\0"
end, n = time.time() + float(sys.argv[2]), 0
while time.time() < end:
    soa = name + struct.pack("!HHIH", 6, 1, 0, 22) + b"\0\0" + struct.pack("!IIIII", n + 1000, 1, 1, 1, 0)
    s.sendto(struct.pack("!HHHHHH", n & 0xffff, 0x2400, 1, 1, 0, 0) + name + struct.pack("!HH", 6, 1) + soa,
             ("127.0.0.1", int(sys.argv[3])))
    n += 1
print(n)
P
}
asked() { grep -c SOA "$T/a.out"; }
for from in 127.0.0.9 127.0.0.1; do
	before=$(asked)
	storm $from 4 >"$T/n.$from" &
	PIDS+=($!)
	storm=$!
	start=$SECONDS
	n=0
	while kill -0 $storm 2>/dev/null; do
		[ -n "$(of node $C SOA +tcp)" ] && n=$((n + 1))
	done
	[ $n -ge 3 ] || fail "no answers in the storm of $from"
	questions=$(($(asked) - before)) most=$(((SECONDS - start + 2) * ($([ $from = 127.0.0.1 ] && echo 6 || echo 2))))
	echo "$(cat "$T/n.$from") NOTIFYs of $from: $questions questions to the primary, $n answers meanwhile"
	[ $questions -le $most ] || fail "$questions questions in a storm of $from"
done
has a 60 right 1 60
await "after the storms" 60 1 60

step roles, primaries and catalogs by SIGHUP
grep -v '^guard' "$T/node.conf" >"$T/node.base"
n_loads() { grep -c 'reload: keys=' "$T/node.log"; }
more_loads() { [ "$(n_loads)" -gt "$1" ]; }
hup() { # ROLE [LINE]
	local n
	n=$(n_loads)
	sed "s/^role = .*/role = $1\nguard-remove = off/; s/^primaries = .*/${2-}/" "$T/node.base" >"$T/node.new"
	chmod 600 "$T/node.new"
	mv "$T/node.new" "$T/node.conf"
	kill -HUP "${PID[node]}"
	until_ok 20 more_loads "$n" || fail "no reload: $(tail -n 3 "$T/node.log")"
}
applied() { of node "$1._status.$C" TXT | grep -q state=applied; }
until_ok 20 applied z60.example || fail "z60.example: $(of node z60.example._status.$C TXT)"
asked_of() { grep -c . "$T/$1.out"; }
hup primary
says node role=primary || fail "no primary: $(of node _status.$C TXT)"
before=$(asked_of a)
add node own own.example || fail "UPDATE at what is a primary now"
[ "$(serial node)" = 61 ] && [ "$(members node)" = 3 ] || fail "as a primary: $(axfr node)"
until_ok 20 applied own.example || fail "own.example is not applied"
sleep 1.5
[ "$(asked_of a)" = "$before" ] || fail "a primary asks its old one"
applied z60.example || fail "z60.example is gone with the role"
# a follower again, of the other one, whose serial is older: it begins anew
has b 50 right 1 50
run b
hup follower "primaries = 127.0.0.1@${PORT[b]}"
await "follower again" 50 1 50
says node role=follower || fail "no follower: $(of node _status.$C TXT)"
add node x x.example >/dev/null 2>&1 && fail "UPDATE at a follower"
gone() { ! of node "$1._status.$C" TXT | grep -q state=; }
until_ok 20 gone own.example || fail "own.example stays"
# another primary
has a 62 right 1 62
hup follower "primaries = 127.0.0.1@${PORT[a]}"
await "another primary" 62 1 62
before=$(asked_of b)
sleep 1.5
[ "$(asked_of b)" = "$before" ] || fail "it asks the one that is no more"
# the catalog goes, and comes back
cp "$T/node.conf" "$T/node.kept"
sed '/^\[catalog main\]/,/^$/d' "$T/node.conf" >"$T/node.new"
printf '[catalog other]\nname = other.example\nrole = primary\n' >>"$T/node.new"
chmod 600 "$T/node.new" && mv "$T/node.new" "$T/node.conf"
n=$(n_loads)
kill -HUP "${PID[node]}"
until_ok 20 more_loads "$n" || fail "no reload: $(tail -n 3 "$T/node.log")"
[ "$(rcode_of node $C SOA | cut -d' ' -f1)" = REFUSED ] || fail "a catalog that is gone: $(rcode_of node $C SOA)"
has a 63 right 1 62 63
n=$(n_loads)
mv "$T/node.kept" "$T/node.conf"
kill -HUP "${PID[node]}"
until_ok 20 more_loads "$n" || fail "no reload"
await "the catalog is back" 63 1 62 63
until_ok 20 applied z62.example || fail "z62.example: $(of node z62.example._status.$C TXT)"
grep -q 'zone=z62.example.*op=remove' "$T/node.log" && fail "z62.example was removed with its catalog"
down node
