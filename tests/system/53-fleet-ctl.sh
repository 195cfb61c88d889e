# proves: nsherdctl fleet shows, changes and waits for all agents, says why they differ, and no dead or silent one keeps it
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/follow.sh"

write_patterns
# ${serial} is the second in which an agent makes a file: they would differ by chance
sed -i 's/\${serial}/1/' "$T/patterns/primary.template"
make_key stranger.example
# agent NAME [BACKEND]: of node, with patterns of its own and that backend, or none
agent() {
	sed -i '/^\[backend null\]/,$d; s#^pattern-dir = .*#pattern-dir = '"$T/$1.patterns"'#' "$T/$1.conf"
	cp -r "$T/patterns" "$T/$1.patterns"
	printf '%s\n' "${2-}" >>"$T/$1.conf"
}
declare -A NSD
for n in ams1 ams2 ams3; do
	start_nsd "nsd-$n"
	shared_zone "$NSD_DIR/zones/shared.zone"
	NSD[$n]=$(nsd_backend)
done
for n in hub ams1 ams2 ams3 relay; do # nothing listens there before all are chosen
	until PORT[$n]=$(free_port); [ "$(printf '%s\n' "${PORT[@]}" | sort | uniq -d)" = "" ]; do :; done
done
node hub primary "notify = $(for n in ams1 ams2 ams3 relay; do printf '%s127.0.0.1@%s key xfr.example' "${sep-}" "${PORT[$n]}"; sep=', '; done)"
agent hub
for n in ams1 ams2 ams3; do
	[ $n != ams3 ] || GUARD='1% min 2 in 1d'
	node $n follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
	agent $n "${NSD[$n]}"
done
GUARD=off
node relay follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
agent relay
rm "$T/ams2.patterns/shared.ini"
for n in hub ams1 ams2 ams3 relay; do up $n; done

# -- helpers -----------------------------------------------------------------------

fctl() {
	NSHERD_SERVER=${SERVER-127.0.0.1@${PORT[hub]}} NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T \
		ASAN_OPTIONS=log_path=$T/san "$CTL" "$@"
}
rc() { # STATUS COMMAND...
	local want=$1 got
	shift
	"$@" >"$T/out" 2>"$T/err"
	got=$?
	[ $got = "$want" ] || { cat "$T/out" "$T/err"; fail "status $got, not $want: $*"; }
}
says_out() { grep -q -- "$1" "$T/out" || { cat "$T/out" "$T/err"; fail "not said: $1"; }; }
says_err() { grep -q -- "$1" "$T/err" || { cat "$T/out" "$T/err"; fail "not said on stderr: $1"; }; }
json() { # PYTHON: about d, the document in $T/out
	$PYTHON -c "
import json, sys
d = json.load(open('$T/out'))
by = {r['agent']: r for r in d.get('agents', [])}
$1" || { cat "$T/out"; fail "JSON: $1"; }
}
zone_is() { of "$1" "$2._status.$C" TXT | grep -q "state=$3"; } # AGENT ZONE STATE
lines() { printf '%s\n' "$@"; }

# -- the inventory -------------------------------------------------------------------

lines '# the fleet' "hub 127.0.0.1@${PORT[hub]} hub" "ams1 127.0.0.1@${PORT[ams1]} key=$T/ctl.example.key" \
	"ams2 127.0.0.1@${PORT[ams2]}" "ams3 127.0.0.1@${PORT[ams3]}" "relay 127.0.0.1@${PORT[relay]}" >"$T/fleet"
rc 0 fctl fleet nodes --fleet "$T/fleet"
diff <(sed 1d "$T/fleet") "$T/out" || fail "fleet nodes --fleet"
while IFS='|' read -r line why; do
	lines "ams1 127.0.0.1@1" "$line" >"$T/bad"
	rc 2 fctl fleet status --fleet "$T/bad"
	says_err "$T/bad:2: $why"
done <<N
ams2|address ""
ams2 example.net|address "example.net"
ams1 127.0.0.1@2|name ams1 is there twice
a/b 127.0.0.1|name "a/b"
ams2 127.0.0.1 tls|"tls": neither hub nor name=value
ams2 127.0.0.1 tsl=x|unknown setting "tsl"
ams2 127.0.0.1 tls-ca=x|TLS with whom
ams2 127.0.0.1 catalog=a..b|catalog=: no domain name
ams2 127.0.0.1 "|a quote is not closed
N
rc 1 fctl fleet status --fleet "$T/none"
rc 1 fctl fleet status
says_err "which agents? --fleet FILE, or records at nodes.nsherd.ext.$C"
# into the catalog, by nsherdctl and by nsupdate
rc 0 fctl fleet nodes --from <(grep -v relay "$T/fleet")
printf 'update add nodes.nsherd.ext.%s 0 TXT "name=relay" "address=127.0.0.1@%s" "colour=red"\n' $C "${PORT[relay]}" | up_to hub ||
	fail "nsupdate of nodes"
rc 0 fctl fleet nodes
[ "$(cut -d' ' -f1 "$T/out" | xargs)" = "ams1 ams2 ams3 hub relay" ] || { cat "$T/out"; fail "fleet nodes"; }
grep -q key= "$T/out" && fail "a path went into the catalog"
rc 0 fctl fleet nodes --from "$T/fleet"
rc 2 fctl fleet nodes --from <(echo '# nobody')
before=$(serial hub)
rc 0 fctl fleet nodes --from "$T/fleet"
[ "$(serial hub)" = "$before" ] || fail "the same nodes are a change"
printf 'update add nodes.nsherd.ext.%s 0 TXT "name=odd" "address=nowhere"\n' $C | up_to hub || fail "nsupdate of odd"
rc 3 fctl fleet nodes
says_err 'a record is left out: address "nowhere"'
rc 0 fctl fleet nodes --from "$T/fleet"

# -- all is well ----------------------------------------------------------------------

rc 0 fctl fleet add a.example b.example c.example d.example e.example -p primary --wait=60
says_out 'added 5 zones'
for n in ams1 ams2 ams3; do of $n "a.example._status.$C" TXT | grep -q state=serving || fail "$n does not serve a.example"; done
rc 0 fctl fleet wait --timeout 60
rc 0 fctl fleet status
says_out '^AGENT .*BACKEND .*SERVER .*SERIAL .*LAG .*SERVING .*PENDING .*FAILED .*GUARD .*HEALTH'
[ "$(wc -l <"$T/out")" = 6 ] || { cat "$T/out"; fail "fleet status: not 6 lines"; }
rc 0 fctl -o json fleet status --diff
s=$(serial hub)
json "
assert d['catalog'] == '$C' and d['serial'] == $s and d['serial_of'] == 'hub', d
assert sorted(by) == ['ams1', 'ams2', 'ams3', 'hub', 'relay'], by
assert all(by[n]['lag'] == 0 and by[n]['catalog_serial'] == $s and by[n]['error'] is None for n in by), by
assert all(by[n]['serving'] == 5 and by[n]['server'].startswith('NSD') for n in ('ams1', 'ams2', 'ams3')), by
assert by['hub']['backend'] is None and by['relay']['role'] == 'follower', by
assert d['differences'] == [], d"
rc 0 fctl fleet status --diff
says_out '^no differences'
rc 0 fctl fleet status a.example
[ "$(grep -c '^a.example .*serving' "$T/out")" = 3 ] || { cat "$T/out"; fail "fleet status ZONE"; }
grep -q pending "$T/out" && { cat "$T/out"; fail "pending where nobody will ever serve it"; }
says_out '^a.example  *hub .*has no backends'
rc 0 fctl fleet status a.example --wait=60
# without -s, the file knows the hub
SERVER='' rc 0 fctl fleet set a.example -p primary --fleet "$T/fleet" --wait=60
sed -i 's/ hub$//' "$T/fleet"
SERVER='' rc 2 fctl fleet del a.example --fleet "$T/fleet"
says_err 'which agent is the hub?'
SERVER='' rc 0 fctl fleet status --fleet "$T/fleet"
# what cannot be had is not done, though all serve the zone as it was
rc 4 fctl fleet set a.example -p nosuch --wait=3
says_err '^nsherdctl: ams1: a.example: not changed by nsd-ams1: serving, no such pattern: nosuch'
rc 0 fctl fleet set a.example -p primary --wait=60
rc 0 fctl fleet del e.example --wait=60
for n in ams1 ams2 ams3; do of $n "e.example._status.$C" TXT | grep -q . && fail "$n has e.example yet"; done
rc 0 fctl health
says_out '^ok$'

# -- a pattern is missing, a guard holds ------------------------------------------------

fctl export >"$T/zones"
echo "f.example shared" >>"$T/zones"
rc 4 fctl fleet sync "$T/zones" --yes --wait=1
for n in ams1:serving ams2:unassigned ams3:serving; do
	until_ok 60 zone_is "${n%:*}" f.example "${n#*:}" || fail "$n: $(of "${n%:*}" "f.example._status.$C" TXT)"
done
rc 4 fctl fleet wait f.example --timeout 4
says_err '^nsherdctl: ams2: f.example: not served by nsd-ams2: unassigned'
grep -q 'ams1' "$T/err" && { cat "$T/err"; fail "ams1 does not serve f.example"; }
rc 0 fctl -o json fleet status --diff
json "
x, = d['differences']
assert (x['agent'], x['why'], x['pattern'], x['count'], x['examples']) == ('ams2', 'pattern-missing', 'shared', 1, ['f.example']), x
assert 'pattern shared is missing there' in x['text'], x"
rc 4 fctl fleet status --wait=4
says_out '^ams2 '
says_err 'ams2: nsd-ams2: 1 unassigned'
rc 0 fctl fleet del b.example c.example d.example
until_ok 30 sh -c "dig @127.0.0.1 -p ${PORT[ams3]} -k $T/ctl.example.key _status.$C TXT +short | grep -q guard=holding" ||
	fail "no guard holds at ams3"
until_ok 60 zone_is ams3 d.example held || fail "d.example is not held at ams3"
rc 0 fctl fleet status --diff
says_out 'ams3 .*3 zones held by the guard on nsd-ams3 (b.example, c.example, d.example)'
says_out 'ams3 .*its guard holds 3 zones'
rc 4 fctl fleet wait b.example --timeout 4
rc 0 fctl fleet guard
grep -q '^ams3 .*holding .* 3 ' "$T/out" && grep -q '^ams1 .*open' "$T/out" || { cat "$T/out"; fail "fleet guard"; }
rc 2 fctl fleet guard --release ams3
says_err 'release needs --fleet'
rc 2 fctl fleet guard --release --fleet "$T/fleet"
rc 2 fctl fleet guard nobody
rc 0 fctl -o json fleet guard --release ams3 --fleet "$T/fleet"
json "assert d['agents'] == [{'agent': 'ams3', 'result': 'accepted', 'reason': None}], d"
cp "$T/patterns/shared.ini" "$T/ams2.patterns/" && kill -HUP "${PID[ams2]}"
rc 0 fctl fleet wait --timeout 60
rc 0 fctl fleet status --diff
says_out '^no differences'

# -- a server is down: its zones keep the state that they were seen in last ------------------

nsd_down # that of ams3
until_ok 30 sh -c "dig @127.0.0.1 -p ${PORT[ams3]} -k $T/ctl.example.key nsd-ams3._backend._status.$C TXT +short | grep -q state=down" ||
	fail "the server of ams3 is down, and nobody noticed"
rc 4 fctl fleet wait a.example --timeout 2
says_err '^nsherdctl: ams3: nsd-ams3: the server does not answer the agent'
grep -q 'ams[12]' "$T/err" && { cat "$T/err"; fail "others are said to be down"; }
rc 4 fctl fleet status a.example --wait=2
nsd_up
rc 0 fctl fleet wait a.example --timeout 60

# -- one dead, one silent, one that trickles ---------------------------------------------

drop ams1
kill -STOP "${PID[relay]}"
start=$SECONDS
rc 3 fctl fleet status --timeout 5
[ $((SECONDS - start)) -lt 60 ] || fail "a dead agent blocks the others: $((SECONDS - start)) s"
says_out '^ams1 .*onnection refused'
says_out '^relay .*no answer'
says_out '^ams3 .*serving\|^ams3 .*up'
rc 3 fctl -o json fleet status --timeout 5 --diff
json "
assert by['ams1']['health'] is None and 'refused' in by['ams1']['error'], by
assert by['relay']['catalog_serial'] is None and by['relay']['error'], by
assert by['ams3']['lag'] == 0, by
assert sorted((x['agent'], x['why']) for x in d['differences']) == [('ams1', 'not-compared'), ('relay', 'not-compared')], d"
rc 4 fctl -o json fleet add g.example -p primary --wait=3 --timeout 2
json "
assert [z['result'] for z in d['zones']] == ['done'], d
assert {'ams1', 'relay'} <= {m['agent'] for m in d['missing']}, d"
for n in ams2 ams3; do until_ok 60 zone_is $n g.example serving || fail "$n does not serve g.example"; done
rc 3 fctl fleet status g.example --timeout 5
[ "$(grep -c '^g.example .*serving' "$T/out")" = 2 ] || { cat "$T/out"; fail "g.example is not served at two"; }
rc 1 fctl -s "127.0.0.1@${PORT[ams1]}" health --quiet --timeout 2
[ ! -s "$T/out" ] || fail "health --quiet says something"
kill -CONT "${PID[relay]}"
$PYTHON - "${PORT[ams1]}" <<'P' & # what it sends is an octet a time
import socket, sys, threading, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def one(c):
    try:
        c.sendall(b"\xff\xff")
        while True:
            c.sendall(b"\0")
            time.sleep(0.05)
    except OSError:
        pass
while True:
    threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()
P
PIDS+=($!)
trickler=$!
until_ok 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/${PORT[ams1]}" ||
	fail "no trickler"
start=$SECONDS
rc 3 fctl fleet status --timeout 5
[ $((SECONDS - start)) -lt 60 ] || fail "a trickling agent blocks the others: $((SECONDS - start)) s"
says_out '^ams1 .*no answer'
kill "$trickler"

# -- the hub is away: from a file, with the newest serial that any has ---------------------

wait "$trickler" 2>/dev/null
up ams1
until_ok 30 same hub ams1 || fail "ams1 has not come back"
drop hub
rc 3 fctl fleet status --fleet "$T/fleet"
says_out '^hub .*refused'
says_out 'the hub did not answer: lag is counted from'
rc 1 fctl fleet status
cp "$T/stranger.example.key" "$T/other.key"
sed "s#\$# key=$T/other.key#" <(grep -v key= "$T/fleet" | grep -v hub) >"$T/strangers"
rc 1 fctl fleet status --fleet "$T/strangers" -s "127.0.0.1@${PORT[hub]}"
says_out 'BADKEY'
