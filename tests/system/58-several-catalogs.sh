# proves: with several catalogs, own and followed, a zone is one's alone; it moves by coo with no query lost and nothing reset, in any order, and else is removed first
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/follow.sh"

KINDS=${QUICK:+nsd bind}
KINDS=${KINDS:-$SERVER_KINDS}
step() { printf -- '-- %s (%d s)\n' "$*" $SECONDS; }
write_patterns

# -- two hubs, and an agent with two catalogs of its own that follows one of each -------

# follow.sh's names are of one catalog each, so these are of this test
declare -A PORTS
hub() { # NAME CATALOG [LINE...]: a primary of that catalog alone
	local name=$1 catalog=$2
	shift 2
	C=$catalog node "$name" primary "$@"
}
for n in east west node; do PORT[$n]=$(free_port); done
hub east east.example "notify = 127.0.0.1@${PORT[node]} key xfr.example"
hub west west.example "notify = 127.0.0.1@${PORT[node]} key xfr.example"
SECTIONS=
for kind in $KINDS; do
	start_server "$kind"
	PORTS[$kind]=$SERVER_PORT
	SECTIONS="$SECTIONS
$(server_backend | sed '/^\[key control/,/^$/d')"
done
cat >"$T/node.conf" <<N
[agent]
name = node
listen = 127.0.0.1@${PORT[node]}
state-dir = $T/node.state
pattern-dir = $T/patterns
log = debug

[key ctl.example]
file = $T/ctl.example.key
allow = read, update, command, admin

[key xfr.example]
file = $T/xfr.example.key
allow = read

[key control.example]
file = $T/control.example.key

[catalog one]
name = one.example
role = primary
guard-remove = 5% min 3 in 600

[catalog two]
name = two.example
role = primary
guard-remove = 5% min 3 in 600

[catalog east]
name = east.example
role = follower
primaries = 127.0.0.1@${PORT[east]} key xfr.example
guard-remove = 5% min 3 in 600

[catalog west]
name = west.example
role = follower
primaries = 127.0.0.1@${PORT[west]} key xfr.example
guard-remove = 5% min 3 in 600
$SECTIONS
N
chmod 600 "$T/node.conf"
"$NSHERDD" -t -c "$T/node.conf" || fail "nsherdd -t"
start() { # NAME CATALOG
	C=$2 up "$1"
}
start east east.example
start west west.example
start node one.example

# Where a catalog is changed.
declare -A AT=([one.example]=node [two.example]=node [east.example]=east [west.example]=west)
change() { # CATALOG: commands of nsupdate on stdin
	C=$1 up_to "${AT[$1]}" || fail "UPDATE of $1"
}
member() { # CATALOG ID ZONE [COO]
	printf 'update add %s.zones.%s 0 PTR %s.\nupdate add group.%s.zones.%s 0 TXT primary\n' "$2" "$1" "$3" "$2" "$1"
	[ $# -lt 4 ] || coo "$1" "$2" "$4"
}
coo() { printf 'update add coo.%s.zones.%s 0 PTR %s.\n' "$2" "$1" "$3"; } # CATALOG ID NEW
gone() { printf 'update delete %s.zones.%s\n' "$2" "$1"; }            # CATALOG ID
status() { of node "$2._status.$1" TXT; }                             # CATALOG ZONE
state() { # CATALOG ZONE STATE [TEXT]: on every backend
	local n
	n=$(status "$1" "$2" | grep -- "\"state=$3\"" | grep -c -- "${4-}")
	[ "$n" = "$(wc -w <<<"$KINDS")" ]
}
none() { [ -z "$(status "$1" "$2")" ]; } # CATALOG ZONE
await() { # WHAT COMMAND...
	local what=$1
	shift
	until_ok 40 "$@" || fail "$what: $(of node "$3._status.$2" TXT; for c in "${!AT[@]}"; do echo "$c:"; of node "$3._status.$c" TXT; done)"
}
soa() { dig @127.0.0.1 -p "${PORTS[$1]}" +norec +short +time=2 +tries=2 "$2" SOA; } # KIND ZONE
remember() { # ZONE: the serials of its data
	for kind in $KINDS; do soa "$kind" "$1"; done >"$T/soa.$1"
}
kept() { for kind in $KINDS; do soa "$kind" "$1"; done | cmp -s - "$T/soa.$1"; }
# Each has a serial of the time it was made, so one that is made again has another.
anew() { for kind in $KINDS; do [ "$(soa "$kind" "$1" | awk '{print $3}')" -gt "$(awk 'NR == 1 {print $3}' "$T/soa.$1")" ] || return 1; done; }
guard_is_open() { of node "_status.$1" TXT | grep -q guard=open; }
later() { sleep 1.1; } # so that a zone made anew has another serial

step a zone is one catalogs alone
{ member one.example a1 a.example; for i in $(seq 5); do member one.example "s$i" "s$i.example"; done; } | change one.example
await "serving" state one.example a.example serving
remember a.example
member two.example x1 a.example | change two.example
member east.example a1 a.example | change east.example
for c in two.example east.example; do
	await "clash" state $c a.example conflict "another catalog of this backend has the zone: one"
done
grep -q 'warn deploy: .*catalog=two zone=a.example state=conflict' "$T/node.log" || fail "the clash is not logged"
# theirs goes, and nothing happens
gone two.example x1 | change two.example
await "no clash any more" none two.example a.example
state one.example a.example serving && kept a.example || fail "a.example was touched"
# coo in the wrong direction, and one to a catalog that does not have it
coo east.example a1 one.example | change east.example
coo one.example a1 two.example | change one.example
# over a restart
down node
start node one.example
await "conflict after a restart" state east.example a.example conflict
await "serving after a restart" state one.example a.example serving
kept a.example || fail "a.example was touched"
gone one.example s1 | change one.example # a removal that is none of these
await "removed" none one.example s1.example
guard_is_open one.example || fail "one removal, and the guard holds: $(of node _status.one.example TXT)"

step the owner lets go: the other one has it, under the same id, but anew
printf 'update delete coo.a1.zones.one.example\n' | change one.example
later
gone one.example a1 | change one.example
await "taken over" state east.example a.example serving
anew a.example || fail "the data of another catalog was taken over"
await "old state" none one.example a.example

# -- moves -------------------------------------------------------------------------------

printf '%s SOA\n' m1.example m2.example m3.example m4.example m5.example m6.example >"$T/queries"
{ for i in 1 2 3; do member one.example "m$i" "m$i.example"; done; for i in $(seq 9); do member one.example "p$i" "p$i.example"; done; } | change one.example
for i in 4 5 6; do member east.example "m$i" "m$i.example"; done | change east.example
for i in 1 2 3; do await "serving" state one.example "m$i.example" serving; done
for i in 4 5 6; do await "serving" state east.example "m$i.example" serving; done
for i in 1 2 3 4 5 6; do remember "m$i.example"; done
later
declare -A LOAD
for kind in $KINDS; do
	dnsperf -s 127.0.0.1 -p "${PORTS[$kind]}" -d "$T/queries" -Q 200 -l 1200 -t 10 -c 2 >"$T/dnsperf-$kind.out" 2>&1 &
	LOAD[$kind]=$!
	PIDS+=("$!")
done

moved() { # ZONE FROM TO
	await "moved" state "$3" "$1" serving
	kept "$1" || fail "$1: its data was not kept"
	await "left" none "$2" "$1"
}
step primary to primary, in both orders
coo one.example m1 two.example | change one.example
member two.example m1 m1.example | change two.example
await "new owner" state two.example m1.example serving
await "old owner" state one.example m1.example conflict
gone one.example m1 | change one.example
moved m1.example one.example two.example
member two.example m2 m2.example | change two.example
await "clash" state two.example m2.example conflict
coo one.example m2 two.example | change one.example
await "new owner" state two.example m2.example serving
gone one.example m2 | change one.example
moved m2.example one.example two.example

step follower to follower, in both orders, over a restart
coo east.example m4 west.example | change east.example
member west.example m4 m4.example | change west.example
await "new owner" state west.example m4.example serving
member west.example m5 m5.example | change west.example
await "clash" state west.example m5.example conflict
down node
coo east.example m5 west.example | change east.example
start node one.example
await "new owner" state west.example m5.example serving
{ gone east.example m4; gone east.example m5; } | change east.example
moved m4.example east.example west.example
moved m5.example east.example west.example

step primary to follower, and back, and all of it while the agent is away
coo one.example m3 west.example | change one.example
member west.example m3 m3.example one.example | change west.example # a circle
await "known" state one.example m3.example serving
await "a circle" state west.example m3.example conflict
printf 'update delete coo.m3.zones.west.example\n' | change west.example
await "new owner" state west.example m3.example serving
gone one.example m3 | change one.example
moved m3.example one.example west.example
coo west.example m3 two.example | change west.example
member two.example m3 m3.example | change two.example
await "back" state two.example m3.example serving
gone west.example m3 | change west.example
moved m3.example west.example two.example
down node
# the new one has it before the old one lets go, but the agent sees only the end
coo east.example m6 west.example | change east.example
member west.example m6 m6.example | change west.example
start node one.example
await "new owner" state west.example m6.example serving
gone east.example m6 | change east.example
moved m6.example east.example west.example
for c in one.example two.example east.example west.example; do
	guard_is_open $c || fail "moves are held: $(of node _status.$c TXT)"
done

for kind in $KINDS; do
	kill -INT "${LOAD[$kind]}"
	until_ok 20 grep -q 'Queries lost' "$T/dnsperf-$kind.out" || fail "$kind: dnsperf"
	grep -q 'NOERROR.*100.00%' "$T/dnsperf-$kind.out" || { cat "$T/dnsperf-$kind.out"; fail "$kind: other answers"; }
	grep -q 'Queries lost: *0 ' "$T/dnsperf-$kind.out" || { cat "$T/dnsperf-$kind.out"; fail "$kind: queries lost"; }
done

step another id: the state is reset, and the guard counts it
coo two.example m1 one.example | change two.example
later
member one.example other m1.example | change one.example
await "new owner" state one.example m1.example serving
until_ok 20 anew m1.example || fail "another id, and the data was kept"

step the guard counts what is not handed over
for i in $(seq 4); do gone one.example "p$i"; done | change one.example
held() { of node _status.one.example TXT | grep -q guard=holding; }
until_ok 10 held || fail "four removals of 3: $(of node _status.one.example TXT)"
await "held" state one.example p1.example held
# one that another catalog has: it is held, and served, all the same
member two.example p2 p2.example | change two.example
await "held, and another one has it" state two.example p2.example conflict
later
remember p2.example
NSHERD_SERVER=127.0.0.1@${PORT[node]} NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=one.example HOME=$T \
	"$CTL" guard --release >/dev/null || fail "release"
await "released" none one.example p1.example
await "released, and taken" state two.example p2.example serving
until_ok 20 anew p2.example || fail "let go, and the data was kept"
down node; down east; down west
