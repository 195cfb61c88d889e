# proves: PowerDNS feeds a follower, and consumes the catalog of a primary and of a follower, as BIND and Knot do
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/follow.sh"
. "$(dirname "$0")/pdns.sh"

PORT[node]=$(free_port)
PORT[hub]=$(free_port)
write_patterns

# -- PowerDNS produces, we follow -----------------------------------------------------

start_pdns producer "also-notify=127.0.0.1:${PORT[node]}" "allow-axfr-ips="
# Its serial is the second in which it found a change: of two in one second, the
# second one makes no new serial. So this waits.
pdns_serial() { dig @127.0.0.1 -p "$PDNS_PORT" +short $C SOA | awk '{print $3}'; }
late_enough() { [ "$(date +%s)" -gt "$(pdns_serial)" ]; }
set_member() { # ARGUMENTS of pdnsutil
	until_ok 5 late_enough
	pdnsu "$@" >>"$T/pdnsutil.log" 2>&1 || fail "pdnsutil $*"
}
member() { # ZONE [GROUP...]: one of the catalog
	local z=$1
	shift
	pdnsu create-zone "$z" "ns.$z" && pdnsu set-kind "$z" primary &&
		{ [ $# -eq 0 ] || pdnsu set-option "$z" producer group "$@"; } &&
		pdnsu set-catalog "$z" $C
}
{
	pdnsu create-zone $C && pdnsu set-kind $C producer && pdnsu activate-tsig-key $C xfr.example primary &&
	member p1.example primary
} >"$T/pdnsutil.log" 2>&1 || fail "pdnsutil"
start_nsd nsd1
node node follower "primaries = 127.0.0.1@$PDNS_PORT key xfr.example"
sed -i '/^\[backend null\]/,$d' "$T/node.conf"
nsd_backend >>"$T/node.conf"
up node
until_ok 20 served_at "$NSD_PORT" p1.example || fail "p1.example: $(of node _status.$C TXT)"
# its serial is a time, of a moment after its contents
settled() { [ "$(serial node)" -gt 1000000000 ] && [ "$(serial node)" = "$(pdns_serial)" ]; }
until_ok 20 settled || fail "serial $(serial node)"
until_ok 5 late_enough
member p2.example primary other >>"$T/pdnsutil.log" 2>&1 || fail "pdnsutil"
until_ok 20 served_at "$NSD_PORT" p2.example || fail "p2.example: $(of node _status.$C TXT)"
[ "$(axfr node | grep -c 'TXT "primary"\|TXT "other"')" = 3 ] || fail "groups: $(axfr node)"
# no group, then one; a change of groups alone makes no new serial there (4.7.3), and a
# serial of the operator's no NOTIFY
until_ok 5 late_enough
member p3.example >>"$T/pdnsutil.log" 2>&1 || fail "pdnsutil"
until_ok 20 sh -c "dig @127.0.0.1 -p ${PORT[node]} -k $T/ctl.example.key p3.example._status.$C TXT +short | grep -q state=unassigned" ||
	fail "p3.example: $(of node p3.example._status.$C TXT)"
set_member set-option p3.example producer group primary
set_member increase-serial $C
pdns_control --config-dir="$PDNS_DIR" notify $C >>"$T/pdnsutil.log" 2>&1 || fail "pdns_control notify"
until_ok 20 served_at "$NSD_PORT" p3.example || fail "p3.example: $(of node _status.$C TXT)"
set_member set-option p3.example producer coo other-catalog.example
coo() { axfr node | grep -q '^coo\..*PTR other-catalog.example'; }
until_ok 20 coo || fail "coo: $(axfr node)"
served_at "$NSD_PORT" p3.example || fail "p3.example is gone for a coo"
# another id
set_member set-option p3.example producer unique mine
other_id() { axfr node | grep -q '^mine.zones.*PTR p3.example' && of node "p3.example._status.$C" TXT | grep id=mine | grep -q state=serving; }
until_ok 20 other_id || fail "unique: $(axfr node) $(of node "p3.example._status.$C" TXT)"
# two zones under one id are no valid catalog
broken() { says node "catalog=broken" && says node "error=.*$1"; }
set_member set-option p2.example producer unique mine
until_ok 20 broken two-zones-at-one-node || fail "two at one node: $(of node _status.$C TXT)"
served_at "$NSD_PORT" p2.example && served_at "$NSD_PORT" p3.example || fail "broken, and a zone is gone"
set_member set-option p2.example producer unique ""
until_ok 20 says node catalog=valid || fail "not mended: $(of node _status.$C TXT)"
# out of the catalog, and deleted
set_member set-catalog p1.example ""
set_member delete-zone p2.example
until_ok 20 refused_at "$NSD_PORT" p1.example || fail "p1.example stays: $(axfr node)"
until_ok 20 refused_at "$NSD_PORT" p2.example || fail "p2.example stays: $(axfr node)"
served_at "$NSD_PORT" p3.example || fail "p3.example is gone"
# it goes away, and comes back
until_ok 5 late_enough
pdns_down
down node
up node
served_at "$NSD_PORT" p3.example || fail "p3.example is gone with PowerDNS"
member p4.example primary >>"$T/pdnsutil.log" 2>&1 || fail "pdnsutil"
pdns_up
until_ok 30 served_at "$NSD_PORT" p4.example || fail "p4.example: $(of node _status.$C TXT)"
# without a key its SOA is had, but not its contents
down node
cp "$T/node.conf" "$T/node.good"
sed -i '/^primaries/s/ key xfr.example//' "$T/node.conf"
up node
until_ok 5 late_enough
member p5.example primary >>"$T/pdnsutil.log" 2>&1 || fail "pdnsutil"
until_ok 20 says node 'error=.*\(REFUSED\|NOTAUTH\)' || fail "unsigned: $(of node _status.$C TXT)"
down node
mv "$T/node.good" "$T/node.conf"
up node
until_ok 20 served_at "$NSD_PORT" p5.example || fail "p5.example: $(of node _status.$C TXT)"

# written by hand: as records of a zone, turned invalid and mended
pdnsu delete-zone $C >>"$T/pdnsutil.log" 2>&1
hand() { # SERIAL VERSION
	cat >"$T/hand.zone" <<Z
$C. 300 IN SOA invalid. invalid. $1 2 1 1209600 0
$C. 300 IN NS invalid.
version.$C. 300 IN TXT "$2"
h1.zones.$C. 300 IN PTR h1.example.
group.h1.zones.$C. 300 IN TXT "primary"
mine.zones.$C. 300 IN PTR p3.example.
group.mine.zones.$C. 300 IN TXT "primary"
Z
	pdnsu load-zone $C "$T/hand.zone" >>"$T/pdnsutil.log" 2>&1 && pdnsu set-kind $C primary >/dev/null 2>&1 &&
		pdnsu activate-tsig-key $C xfr.example primary >/dev/null 2>&1 || fail "pdnsutil load-zone"
}
now=$(date +%s)
hand $((now + 1000)) 2
until_ok 20 served_at "$NSD_PORT" h1.example || fail "by hand: $(of node _status.$C TXT)"
until_ok 20 refused_at "$NSD_PORT" p4.example || fail "p4.example stays: $(axfr node)"
hand $((now + 1001)) 1
until_ok 20 broken unknown-version || fail "by hand, version 1: $(of node _status.$C TXT)"
served_at "$NSD_PORT" h1.example && served_at "$NSD_PORT" p3.example || fail "broken, and a zone is gone"
hand $((now + 1002)) 2
until_ok 20 says node catalog=valid || fail "by hand, not mended: $(of node _status.$C TXT)"
pdns_down
down node

# -- we produce; PowerDNS consumes from a primary, BIND and Knot from a follower --------

# PowerDNS asks for the members where it has the catalog from. So one has it from the
# agent, and another one from the NSD that serves the members, as an ordinary zone.
PDNS_PORT=
PORT[follower]=$(free_port)
BP=$(free_port) KP=$(free_port) DIRECT=$(free_port) BEHIND=$(free_port)
echo 'allow-transfer = 127.0.0.1' >>"$T/patterns/primary.ini"
NSD_EXTRA="key:
	name: xfr.example
	algorithm: hmac-sha256
	secret: \"$(key_secret xfr.example)\"
zone:
	name: $C
	zonefile: \"$T/nsd2/catalog.zone\"
	request-xfr: 127.0.0.1@${PORT[hub]} xfr.example
	allow-notify: 127.0.0.1 NOKEY
	allow-notify: 127.0.0.1 xfr.example
	notify: 127.0.0.1@$BEHIND xfr.example
	provide-xfr: 127.0.0.1 xfr.example"
start_nsd nsd2
shared_zone "$NSD_DIR/zones/shared.zone"
node hub primary "notify = 127.0.0.1@$DIRECT key xfr.example, 127.0.0.1@$NSD_PORT, 127.0.0.1@${PORT[follower]} key xfr.example"
sed -i '/^\[backend null\]/,$d' "$T/hub.conf"
nsd_backend >>"$T/hub.conf"
node follower follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example" \
	"notify = 127.0.0.1@$BP, 127.0.0.1@$KP key xfr.example"
up hub
up follower
add hub a1 one.example || fail "add one.example"
until_ok 20 served_at "$NSD_PORT" one.example || fail "one.example is not served"

consume() { # NAME PORT PRIMARY: a PowerDNS, whose files it has in $T/NAME
	PDNS_PORT=$2 start_pdns "$1"
	pdnsu create-secondary-zone $C "127.0.0.1:$3" >>"$T/pdnsutil.log" 2>&1 &&
		pdnsu set-kind $C consumer >>"$T/pdnsutil.log" 2>&1 &&
		pdnsu activate-tsig-key $C xfr.example consumer >>"$T/pdnsutil.log" 2>&1 || fail "pdnsutil: $1"
}
consume direct "$DIRECT" "${PORT[hub]}"
consume behind "$BEHIND" "$NSD_PORT"

mkdir "$T/bind"
cat >"$T/bind/named.conf" <<N
$(cat "$T/xfr.example.key")
options {
	directory "$T/bind";
	pid-file "$T/bind/named.pid";
	session-keyfile "$T/bind/session.key";
	listen-on port $BP { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no;
	allow-new-zones yes;
	min-retry-time 1; max-retry-time 1;
	catalog-zones { zone "$C" default-primaries { 127.0.0.1 port $NSD_PORT; } in-memory yes min-update-interval 1; };
};
controls { };
zone "$C" { type secondary; file "catalog.db"; primaries { 127.0.0.1 port ${PORT[follower]} key xfr.example; }; };
N
named -g -n 1 -c "$T/bind/named.conf" >"$T/named.log" 2>&1 &
PIDS+=($!)
mkdir "$T/knot"
cat >"$T/knot/knot.conf" <<K
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
- id: agent
  address: 127.0.0.1@${PORT[follower]}
  key: xfr.example
- id: nsd
  address: 127.0.0.1@$NSD_PORT
acl:
- id: notify
  address: 127.0.0.1
  key: xfr.example
  action: notify
template:
- id: default
  storage: $T/knot
- id: primary
  storage: $T/knot
  master: nsd
- id: other
  storage: $T/knot
zone:
- domain: $C
  master: agent
  acl: notify
  catalog-role: interpret
  catalog-template: [ primary, other ]
K
knotd -c "$T/knot/knot.conf" >"$T/knotd.log" 2>&1 &
PIDS+=($!)

shown() { pdnsutil --config-dir="$T/direct" show-zone "$1" 2>/dev/null; }
direct_has() { shown "$1" | grep -q '^This is a Slave zone'; } # also before it is transferred
direct_has_not() { ! direct_has "$1"; }
everywhere() { # COMMAND-AT-PORT ZONE
	local k
	for k in BIND:$BP Knot:$KP "PowerDNS:$BEHIND"; do
		until_ok 40 "$1" "${k#*:}" "$2" || fail "${k%:*}: not $1 $2"
	done
}
until_ok 30 direct_has one.example || fail "PowerDNS, from the agent: no member"
until_ok 30 sh -c "pdnsutil --config-dir=$T/direct show-zone one.example 2>&1 | grep -q '\"group\": \\[\"primary\"\\].*a1'" || fail "PowerDNS: no group"
everywhere served_at one.example
# more of them, one without, and another group; PowerDNS has the last one, too
add hub a2 two.example || fail "add two.example"
printf 'update delete a1.zones.%s\n' $C | up_to hub || fail "delete one.example"
everywhere served_at two.example
everywhere refused_at one.example
until_ok 30 direct_has two.example || fail "PowerDNS, from the agent: no second member"
until_ok 30 direct_has_not one.example || fail "PowerDNS, from the agent: the first member stays"
printf 'update delete group.a2.zones.%s\nupdate add group.a2.zones.%s 0 TXT shared\n' $C $C | up_to hub || fail "group"
regrouped() { shown two.example | grep -q '"group": \["shared"\]'; }
until_ok 30 regrouped || fail "PowerDNS: no other group: $(shown two.example)"
printf 'update delete group.a2.zones.%s\nupdate add group.a2.zones.%s 0 TXT primary\n' $C $C | up_to hub || fail "group"
# another id: a reset
printf 'update delete a2.zones.%s\nupdate add b2.zones.%s 0 PTR two.example.\nupdate add group.b2.zones.%s 0 TXT primary\n' $C $C $C |
	up_to hub || fail "another id"
reset() { shown two.example | grep -q '"unique": "b2'; }
until_ok 30 reset || fail "PowerDNS: no other id: $(shown two.example)"
for i in $(seq 20); do printf 'update add n%s.zones.%s 0 PTR n%s.example.\nupdate add group.n%s.zones.%s 0 TXT primary\n' "$i" $C "$i" "$i" $C; done |
	up_to hub || fail "20 more"
for k in $BP $BEHIND; do until_ok 40 served_at "$k" n20.example || fail "n20.example at $k"; done
everywhere served_at two.example
until_ok 30 same hub follower || fail "the follower differs"
grep -Eq "catalog.example.*(broken|malformed)" "$T/named.log" && fail "BIND complains"
grep 'IXFR, incoming' "$T/knotd.log" | grep -q $C || fail "Knot took no IXFR of the follower"
down follower
down hub
