# proves: catalogs of named and Knot are followed; of versions that are broken or expired nothing comes, the last valid one stays, and the guard holds what an empty one would remove
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/follow.sh"

KEY_BODY=$(cat "$T/xfr.example.key")
PORT[node]=$(free_port)

# -- a zone written by hand, on named ---------------------------------------------------

BP=$(free_port)
mkdir "$T/bind"
cat >"$T/bind/named.conf" <<N
$KEY_BODY
key "rndc" { algorithm hmac-sha256; secret "$(key_secret other.example)"; };
options {
	directory "$T/bind";
	pid-file "$T/bind/named.pid";
	session-keyfile "$T/bind/session.key";
	listen-on port $BP { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no; dnssec-validation no;
	notify explicit; also-notify { 127.0.0.1 port ${PORT[node]}; };
	notify-delay 0; startup-notify-rate 1000;
	check-names primary ignore; check-integrity no; check-mx ignore; check-srv-cname ignore;
	ixfr-from-differences yes;
	allow-transfer { key xfr.example; };
};
controls { };
zone "$C" { type primary; file "catalog.db"; };
N
zone_file() { # SERIAL [EXPIRE]: the records on stdin
	{
		printf '$TTL 300\n@ SOA invalid. invalid. %s 2 1 %s 0\n' "$1" "${2:-1209600}"
		cat
	} >"$T/bind/catalog.db.new"
	mv "$T/bind/catalog.db.new" "$T/bind/catalog.db"
}
GOOD='@ NS invalid.
version TXT "2"
u1.zones PTR one.example.
group.u1.zones TXT "operator-y" "bar"
u2.zones PTR two.example.
a.ext.u2.zones TXT "mine"
strange.u2.zones A 192.0.2.1
coo.u2.zones PTR other-catalog.example.
x.ext AAAA 2001:db8::1
unknown TYPE65280 \# 4 0A000001
UPPER.zones PTR THREE.Example.'
zone_file 10 <<<"$GOOD"
named_up() {
	named -g -n 1 -c "$T/bind/named.conf" >>"$T/named.log" 2>&1 &
	NAMED=$!
	PIDS+=("$NAMED")
	until_ok 20 dig @127.0.0.1 -p "$BP" +time=1 +tries=1 "$C" SOA || fail "named"
}
reload() { kill -HUP "$NAMED"; }
dig_serial() { [ "$(dig @127.0.0.1 -p "$BP" +short $C SOA | awk '{print $3}')" = "$1" ]; }
named_up
node node follower "primaries = 127.0.0.1@$BP key xfr.example"
up node
until_ok 20 has_serial node 10 || fail "named: no first version: $(of node _status.$C TXT)"
axfr_of() { # PORT
	dig @127.0.0.1 -p "$1" -k "$T/xfr.example.key" $C AXFR +nocmd +nocomments +nostats +onesoa |
		grep -v '^;' | grep -v TSIG | sed 's/[[:space:]][[:space:]]*/ /g' | sort
}
lower() { tr 'A-Z' 'a-z' | sort; } # names are kept in lower case
as_served() { [ "$(axfr_of "$BP" | lower)" = "$(axfr node | lower)" ]; }
as_served || { diff <(axfr_of "$BP" | lower) <(axfr node | lower); fail "not as received"; }
axfr node | grep -q 'strange.u2' || fail "a record that nobody knows is lost"
until_ok 10 sh -c "dig @127.0.0.1 -p ${PORT[node]} -k $T/ctl.example.key three.example._status.$C TXT +short | grep -q state=" ||
	fail "three.example is not deployed"

# IXFR of named
zone_file 12 <<<"$GOOD
u4.zones PTR four.example."
reload
until_ok 20 has_serial node 12 || fail "named: no second version"
grep -q 'ixfr from=10' "$T/node.log" || fail "no IXFR of named"
as_served || fail "not as received, by IXFR"

# broken versions, of every kind
serial=20
broken() { # REASON: the records on stdin
	serial=$((serial + 1))
	zone_file $serial
	reload
	until_ok 20 says node "catalog=broken" || fail "$1: $(of node _status.$C TXT)"
	until_ok 20 says node "error=broken serial=$serial: $1" || fail "$1: $(of node _status.$C TXT)"
	has_serial node 12 || fail "$1: serial $(serial node)"
}
broken no-version <<<"$(grep -v '^version' <<<"$GOOD")"
broken two-versions <<<"$GOOD
version TXT \"3\""
broken unknown-version <<<"${GOOD/\"2\"/\"1\"}"
broken no-version <<<"${GOOD/version TXT \"2\"/version A 192.0.2.2}"
broken two-zones-at-one-node <<<"$GOOD
u1.zones PTR five.example."
broken duplicate-zone <<<"$GOOD
u5.zones PTR one.EXAMPLE."
broken two-coo <<<"$GOOD
coo.u2.zones PTR a-third.example."
broken property-without-member <<<"$GOOD
group.u9.zones TXT \"x\""
broken root-zone <<<"$GOOD
u5.zones PTR ."
broken control-zone <<<"$GOOD
u5.zones PTR a.$C."
as_good() { axfr node | grep -q 'u4.zones' && axfr node | grep -q 'group.u1' && [ "$(members node)" = 5 ]; }
as_good || { axfr node; fail "the last valid version is not whole"; }
# ... which stays across a restart
down node
up node
until_ok 20 says node catalog=broken || fail "broken after a restart: $(of node _status.$C TXT)"
has_serial node 12 && as_good || fail "the last valid version is lost by a restart"
# ... and a version that is mended is taken
zone_file 50 <<<"$GOOD"
reload
until_ok 20 has_serial node 50 || fail "not mended: $(of node _status.$C TXT)"
until_ok 10 says node catalog=valid || fail "still broken"
as_served || fail "not as received, after all"

# another id is a reset, a zone may change places with another
zone_file 51 <<<"$(sed 's/one.example/swap.example/; s/two.example/one.example/; s/swap.example/two.example/' <<<"$GOOD")"
reload
until_ok 20 has_serial node 51 || fail "swapped: $(of node _status.$C TXT)"
as_served || fail "swapped, not as received"

# an empty one, by IXFR and by AXFR: the catalog changes, the backends do not
many() { echo '@ NS invalid.'; echo 'version TXT "2"'; for i in $(seq "$1"); do echo "g$i.zones PTR g$i.example."; done; }
PORT[guarded]=$(free_port)
GUARD="5% min 10 in 600" node guarded follower "primaries = 127.0.0.1@$BP key xfr.example" \
	"default-pattern = primary"
write_patterns
poke() { dig @127.0.0.1 -p "${PORT[$1]}" +opcode=notify $C SOA >/dev/null; }
deployed() { of "$1" "g1.example._status.$C" TXT | grep -q state=applied &&
	of "$1" "g100.example._status.$C" TXT | grep -q state=applied; }
serial=52
for way in ixfr axfr; do
	zone_file $((++serial)) < <(many 100)
	reload
	until_ok 20 dig_serial $serial
	[ -n "${PID[guarded]-}" ] || up guarded
	poke guarded
	until_ok 20 has_serial guarded $serial || fail "guarded, $way: $(of guarded _status.$C TXT)"
	until_ok 20 deployed guarded || fail "guarded: not deployed: $(of guarded g1.example._status.$C TXT)"
	if [ $way = axfr ]; then
		kill "$NAMED"; wait "$NAMED" 2>/dev/null
		rm -f "$T"/bind/*.jnl
		zone_file $((++serial)) < <(many 0)
		named_up
	else
		zone_file $((++serial)) < <(many 0)
		reload
	fi
	until_ok 20 dig_serial $serial
	poke guarded
	until_ok 20 has_serial guarded $serial || fail "empty, $way: $(of guarded _status.$C TXT)"
	[ "$(members guarded)" = 0 ] || fail "empty, $way: $(members guarded) members"
	until_ok 10 says guarded guard=holding || fail "empty, $way: $(of guarded _status.$C TXT)"
	until_ok 10 says guarded '"held=100"' || fail "empty, $way: $(of guarded _status.$C TXT)"
	sleep 1
	for z in g1 g50 g100; do
		of guarded "$z.example._status.$C" TXT | grep -q state=held || fail "empty, $way: $z: $(of guarded "$z.example._status.$C" TXT)"
	done
	[ $way = axfr ] && break
	# back, and the guard lets go by itself
	zone_file $((++serial)) < <(many 100)
	reload
	until_ok 20 dig_serial $serial
	poke guarded
	until_ok 20 says guarded guard=open || fail "back, $way: $(of guarded _status.$C TXT)"
done
grep -q 'axfr.*removed=100' "$T/guarded.log" || fail "no AXFR: $(grep removed= "$T/guarded.log")"
NSHERD_SERVER=127.0.0.1@${PORT[guarded]} NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T "$CTL" guard --release >/dev/null ||
	fail "release"
gone() { ! of guarded "g1.example._status.$C" TXT | grep -q state=; }
until_ok 20 gone || fail "not gone after release: $(of guarded "g1.example._status.$C" TXT)"
down guarded

# expired: nobody is answered, nothing is removed
serial=$((serial + 1))
zone_file $serial 3 <<<"$GOOD"
reload
until_ok 20 has_serial node $serial || fail "serial $serial"
kill "$NAMED"; wait "$NAMED" 2>/dev/null
until_ok 20 says node catalog=expired || fail "not expired: $(of node _status.$C TXT)"
case $(rcode_of node $C SOA) in *SERVFAIL*expired*) ;; *) fail "expired, but $(rcode_of node $C SOA)" ;; esac
dig @127.0.0.1 -p "${PORT[node]}" -k "$T/ctl.example.key" $C AXFR | grep -q PTR && fail "expired, but transferred"
of node "two.example._status.$C" TXT | grep -q 'state=' || fail "two.example is gone"
of node "two.example._status.$C" TXT | grep -q 'removing' && fail "two.example is removed"
down node
up node
until_ok 10 says node catalog=expired || fail "no longer expired after a restart"
named_up
until_ok 30 has_serial node $serial || fail "still expired: $(of node _status.$C TXT)"
until_ok 10 says node catalog=valid || fail "still expired"
kill "$NAMED"; wait "$NAMED" 2>/dev/null
down node

# -- Knot generates one ------------------------------------------------------------------

KP=$(free_port)
mkdir "$T/knot"
knot_conf() { # MEMBER...
	cat <<K
server:
  rundir: $T/knot
  listen: 127.0.0.1@$KP
database:
  storage: $T/knot
log:
- target: stderr
  any: info
key:
- id: xfr.example
  algorithm: hmac-sha256
  secret: $(key_secret xfr.example)
remote:
- id: node
  address: 127.0.0.1@${PORT[node]}
  key: xfr.example
acl:
- id: node
  address: 127.0.0.1
  key: xfr.example
  action: transfer
template:
- id: default
  storage: $T/knot
- id: member
  storage: $T/knot
  catalog-role: member
  catalog-zone: $C
  catalog-group: primary
zone:
- domain: $C
  catalog-role: generate
  acl: node
  notify: node
K
	for z; do printf -- '- domain: %s\n  template: member\n' "$z"; done
}
rm -r "$T/node.state"
knot_conf k1.example k2.example >"$T/knot/knot.conf"
knotd -c "$T/knot/knot.conf" >"$T/knotd.log" 2>&1 &
KNOT=$!
PIDS+=($KNOT)
node node follower "primaries = 127.0.0.1@$KP key xfr.example"
up node
until_ok 30 sh -c "[ \$(dig @127.0.0.1 -p ${PORT[node]} -k $T/ctl.example.key $C AXFR | grep -c 'zones.*PTR') = 2 ]" ||
	fail "Knot: no first version: $(of node _status.$C TXT)"
axfr node | grep -q 'group.*TXT "primary"' || fail "Knot: no group"
knot_conf k1.example k3.example k4.example >"$T/knot/knot.conf"
kill -HUP $KNOT
until_ok 30 sh -c "[ \$(dig @127.0.0.1 -p ${PORT[node]} -k $T/ctl.example.key $C AXFR | grep -c 'zones.*PTR') = 3 ]" ||
	fail "Knot: no second version: $(of node _status.$C TXT)"
axfr node | grep -q k2.example && fail "Knot: k2.example is still there"
grep -q 'ixfr from=' "$T/node.log" || fail "no IXFR of Knot"
serial=$(($(serial node) + 10))
down node

# ... and serves one that is written by hand
by_hand() { # SERIAL VERSION
	cat >"$T/knot/hand.zone" <<Z
$C. 300 SOA invalid. invalid. $1 2 1 1209600 0
$C. 300 NS invalid.
version.$C. 300 TXT "$2"
h1.zones.$C. 300 PTR h1.example.
Z
}
by_hand $serial 2
knot_conf | sed "s|^  catalog-role: generate|  file: $T/knot/hand.zone\n  zonefile-sync: -1\n  journal-content: none|" >"$T/knot/hand.conf"
kill $KNOT; wait $KNOT 2>/dev/null
knotd -c "$T/knot/hand.conf" >>"$T/knotd.log" 2>&1 &
KNOT=$!
PIDS+=($KNOT)
up node
until_ok 30 has_serial node $serial || fail "Knot, by hand: $(of node _status.$C TXT)"
[ "$(members node)" = 1 ] || fail "Knot, by hand: $(members node) members"
by_hand $((serial + 1)) 1
kill -HUP $KNOT
until_ok 20 says node "error=broken serial=$((serial + 1)): unknown-version" || fail "Knot, by hand: $(of node _status.$C TXT)"
has_serial node $serial && [ "$(members node)" = 1 ] || fail "Knot, by hand: broken, and lost"
by_hand $((serial + 2)) 2
kill -HUP $KNOT
until_ok 20 has_serial node $((serial + 2)) || fail "Knot, by hand, mended: $(of node _status.$C TXT)"
until_ok 10 says node catalog=valid || fail "Knot, by hand, mended"
down node
