# proves: a real BIND and a real Knot consume the catalog, by AXFR and then by IXFR
. "$(dirname "$0")/lib.sh"

write_patterns
echo 'allow-transfer = 127.0.0.1' >>"$T/patterns/primary.ini"
start_nsd
write_agent "$(nsd_backend)"
agent_up
add_zone a1 one.example primary || fail "add one.example"
until_ok 10 served_at "$NSD_PORT" one.example || fail "one.example is not served"

KEY_BODY=$(cat "$T/ctl.example.key")
# BIND: members come from NSD
BP=$(free_port)
mkdir "$T/bind"
cat >"$T/bind/named.conf" <<N
$KEY_BODY
options {
	directory "$T/bind";
	pid-file "$T/bind/named.pid";
	session-keyfile "$T/bind/session.key";
	listen-on port $BP { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no;
	allow-new-zones yes;
	min-refresh-time 1; max-refresh-time 2; min-retry-time 1; max-retry-time 1;
	catalog-zones { zone "$C" default-primaries { 127.0.0.1 port $NSD_PORT; }
		in-memory yes min-update-interval 1; };
};
controls { };
zone "$C" { type secondary; file "catalog.db"; primaries { 127.0.0.1 port $AGENT_PORT key ctl.example; }; };
N
named -g -n 1 -c "$T/bind/named.conf" >"$T/named.log" 2>&1 &
PIDS+=($!)

# Knot
KP=$(free_port)
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
- id: ctl.example
  algorithm: hmac-sha256
  secret: $(key_secret ctl.example)
remote:
- id: agent
  address: 127.0.0.1@$AGENT_PORT
  key: ctl.example
- id: nsd
  address: 127.0.0.1@$NSD_PORT
template:
- id: default
  storage: $T/knot
- id: member
  storage: $T/knot
  master: nsd
zone:
- domain: $C
  master: agent
  refresh-min-interval: 2
  refresh-max-interval: 2
  catalog-role: interpret
  catalog-template: member
K
knotd -c "$T/knot/knot.conf" >"$T/knotd.log" 2>&1 &
PIDS+=($!)

until_ok 30 served_at "$BP" one.example || fail "BIND does not serve the member"
until_ok 30 served_at "$KP" one.example || fail "Knot does not serve the member"
grep -q 'transfer of.*catalog.example/IN.*Transfer completed' "$T/named.log" || fail "BIND: no transfer"

add_zone a2 two.example primary || fail "add two.example"
del_zone a1 || fail "delete one.example"
until_ok 40 served_at "$BP" two.example || fail "BIND does not serve the second member"
until_ok 40 served_at "$KP" two.example || fail "Knot does not serve the second member"
until_ok 40 refused_at "$BP" one.example || fail "BIND still has the first member"
until_ok 40 refused_at "$KP" one.example || fail "Knot still has the first member"
grep -q 'IXFR, incoming' "$T/knotd.log" || fail "Knot took no IXFR"
grep -q "AXFR, incoming" "$T/knotd.log" || fail "Knot took no AXFR first"
grep -Eq "catalog.example.*(broken|malformed|REFUSED|NOTAUTH)" "$T/named.log" && fail "BIND complains"
agent_down
