# proves: new secondaries do not storm their primary: no more than max-transfers-pending of them wait for it on a server, those of another primary go past, and all come when it is back
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

MANY=${QUICK:+90}
MANY=${MANY:-240}
FEW=30 MAX=20

# -- two primaries: one that will be away (Knot, one process), one that is there (NSD) --

make_key xfr.example
SLOW_PORT=$(free_port)
mkdir -p "$T/slow"
shared_zone "$T/slow/shared.zone"
{
	cat <<K
server:
  rundir: $T/slow
  listen: 127.0.0.1@$SLOW_PORT
  tcp-max-clients: 500
control:
  listen: $T/slow/knot.sock
database:
  storage: $T/slow
log:
- target: stderr
  any: info
key:
- id: xfr.example
  algorithm: hmac-sha256
  secret: $(key_secret xfr.example)
acl:
- id: all
  address: 127.0.0.0/8
  key: xfr.example
  action: transfer
template:
- id: default
  file: $T/slow/shared.zone
  zonefile-sync: -1
  journal-content: none
  acl: all
zone:
K
	for i in $(seq "$MANY"); do echo "- domain: a$i.example"; done
} >"$T/slow/knot.conf"
knotd -c "$T/slow/knot.conf" >"$T/slow.log" 2>&1 &
SLOW_PID=$!
PIDS+=("$SLOW_PID")

start_hidden
LIVE_PORT=$HIDDEN_PORT
for i in $(seq $FEW); do echo "b$i.example hidden"; done | nsd_control addzones >/dev/null || fail "addzones"
until_ok 20 served_at "$LIVE_PORT" b$FEW.example || fail "the live primary"
until_ok 20 served_at "$SLOW_PORT" "a$MANY.example" || fail "the slow primary"

# -- three servers behind one agent ---------------------------------------------------

write_patterns 127.0.0.1 "$LIVE_PORT"
sed "s/@$LIVE_PORT/@$SLOW_PORT/" "$T/patterns/secondary.ini" >"$T/patterns/slow.ini"
declare -A DNS DIR CONTROL STATS
backends=
for kind in nsd knot bind; do
	start_server $kind
	DNS[$kind]=$SERVER_PORT DIR[$kind]=$SERVER_DIR CONTROL[$kind]=$SERVER_CONTROL STATS[$kind]=$SERVER_STATS
	backends="$backends
$(server_backend)
max-transfers-pending = $MAX
transfer-patience = 10m"
done
AGENT_LOG=debug write_agent "$backends"
agent_up
here() { SERVER_DIR=${DIR[$1]} SERVER_KIND=$1 SERVER_NAME=$1 SERVER_PORT=${DNS[$1]}; }
zones_of() { # KIND: those of the slow primary that the server has
	here "$1"
	case $1 in
	nsd) use_nsd; nsd_control zonestatus | grep '^zone:' ;;
	knot) knot_control zone-status ;;
	bind) $PYTHON -c 'import json, sys, urllib.request
for v in json.load(urllib.request.urlopen("http://127.0.0.1:%s/json/v1/zones" % sys.argv[1]))["views"].values():
	print(*[z["name"] for z in v.get("zones", [])], sep="\n")' "${STATS[bind]}" ;;
	esac | grep -oE '\ba[0-9]+\.example' | sort -u
}
n_of() { zones_of "$1" | wc -l; }
bounded() { # LIMIT
	local kind
	for kind in nsd knot bind; do
		[ "$(n_of $kind)" -le "$1" ] || fail "$kind was given $(n_of $kind) zones of a primary that is away, not $1"
	done
}
add_all() { # LETTER COUNT PATTERN
	for i in $(seq "$2"); do
		printf 'update add %s%d.zones.%s 0 PTR %s%d.example.\nupdate add group.%s%d.zones.%s 0 TXT %s\n' \
			"$1" "$i" $C "$1" "$i" "$1" "$i" $C "$3"
	done | nsup -v >/dev/null || fail "adding $2 zones"
}
all_served() { # PORT LETTER COUNT
	$PYTHON - "$@" <<'P'
import sys, dns.message, dns.query, dns.flags
port, letter, n = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for i in range(1, n + 1):
    r = dns.query.udp(dns.message.make_query("%s%d.example" % (letter, i), "SOA", flags=0),
                      "127.0.0.1", port=port, timeout=2)
    if r.rcode() != 0 or not r.flags & dns.flags.AA:
        sys.exit(1)
P
}

# -- away -----------------------------------------------------------------------------

kill -STOP $SLOW_PID
add_all a "$MANY" slow
add_all b $FEW secondary
for kind in nsd knot bind; do
	until_ok 60 all_served "${DNS[$kind]}" b $FEW || fail "$kind: zones of the live primary wait for those of the other"
done
bounded $MAX
# what passes is not in the way: a primary zone, a removal, a zone once more
add_zone p1 p1.example primary || fail p1
printf 'update delete b1.zones.%s PTR\n' $C | nsup >/dev/null || fail "delete b1"
for kind in nsd knot bind; do
	until_ok 30 served_at "${DNS[$kind]}" p1.example || fail "$kind: a primary zone waits"
	until_ok 30 refused_at "${DNS[$kind]}" b1.example || fail "$kind: a removal waits"
done
status_has "a$MANY.example" state=pending || fail "a$MANY: $(status_of "a$MANY.example")"
ctl backends >"$T/backends" 2>&1
for kind in nsd knot bind; do
	[ "$(n_of $kind)" -ge $((MAX / 2)) ] || fail "$kind has $(n_of $kind) zones only: $(cat "$T/backends")"
done
# neither a kill nor a start gives the servers more
agent_kill
agent_up
until_ok 30 grep -q 'backend=bind reconcile=begin' "$T/nsherdd.log"
until_ok 30 served_at "${DNS[nsd]}" b2.example
sleep 2
bounded $MAX

# -- those that take too long are not counted any more -----------------------------------

sed -i 's/^transfer-patience.*/transfer-patience = 2s/' "$T/nsherd.conf"
kill -HUP "$AGENT_PID"
for kind in nsd knot bind; do
	end=$(($(date +%s) + 60))
	until [ "$(n_of $kind)" -gt $((MAX + MAX / 2)) ]; do
		[ "$(date +%s)" -lt $end ] || fail "$kind: those that wait for ever hold up all others: $(n_of $kind)"
		sleep 0.2
	done
done

# -- back ----------------------------------------------------------------------------------

: >"$T/mark"
kill -CONT $SLOW_PID
refresh() { # what a server was told to do while the primary was away it may try again in an hour
	local z
	here nsd; use_nsd
	nsd_control transfer >/dev/null
	here knot
	knot_control zone-refresh >/dev/null
	here bind
	for z in $(zones_of bind); do bind_control refresh "$z" 2>/dev/null >&2; done
}
come() {
	refresh
	for kind in nsd knot bind; do all_served "${DNS[$kind]}" a "$MANY" || return 1; done
}
until_ok 120 come || fail "not all came: $(for kind in nsd knot bind; do echo "$kind $(n_of $kind)"; done)"
settled() { ! ctl backends -o json 2>/dev/null | grep -qE '"(pending|failed)": *[1-9]'; }
until_ok 120 settled || fail "not all are seen: $(ctl backends)"
# the primary's own view: how many it had at a time
most=$(grep -E 'outgoing.*(started|finished)' "$T/slow.log" |
	awk '/started/ { if (++n > m) m = n } /finished/ { n-- } END { print m + 0 }')
echo "the primary had $most transfers at a time at most"
[ "$most" -le $((3 * MAX)) ] || fail "the primary had $most transfers at a time"
agent_down
exit 0
