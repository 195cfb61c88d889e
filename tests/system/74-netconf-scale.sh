# proves: one zone among a hundred thousand costs the gateway as few questions as one among ten, sessions leave nothing behind, too much is refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netconf.sh"

write_patterns
export MEMBERS=${QUICK:+20000}; MEMBERS=${MEMBERS:-100000}
export SESSIONS=${QUICK:+300}; SESSIONS=${SESSIONS:-1000}
[ -z "${LONG-}" ] || SESSIONS=10000
CATALOG_EXTRA="max-transaction = 1000000"
write_agent "$(netconf_keys)
[backend null1]
driver = null"
agent_up

# between gateway and agent, to count what is said
RELAY_PORT=$(free_port)
"$PYTHON" "$(dirname "$0")/netconf_count.py" "$RELAY_PORT" "$AGENT_PORT" "$T/count" &
PIDS+=($!)
until_ok 10 test -f "$T/count" || fail "the relay does not start"

for i in $(seq "$MEMBERS"); do printf 'm%d.example primary\n' "$i"; done >"$T/members"
ctl add --from "$T/members" >/dev/null || fail "members"

NETCONF_EXTRA="max-reply = 4
max-sessions = 250"
write_netconf
sed "s/^server .*/server = 127.0.0.1@$RELAY_PORT/" "$T/netconf.conf" >"$T/relayed.conf"
write_netconf() { cp "$T/relayed.conf" "$T/netconf.conf"; }
netconf_up
nc netconf_scale.py || fail "scale"
netconf_down
