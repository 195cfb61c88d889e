# proves: what NETCONF edits is in the catalog and served by NSD and Knot, what nsupdate changes is in get and told at once, and rights, guard, locks and history are one
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/netconf.sh"

write_patterns
NETCONF_USERS="carol"
sections=$(netconf_keys
	netconf_user carol "allow = read, update, command
zones = team.example")
ports=
for kind in nsd knot; do
	start_server $kind
	shared_zone "$SERVER_ZONES/shared.zone"
	sections="$sections
$(server_backend)"
	ports="$ports $SERVER_PORT"
done
GUARD='20% min 3 in 1d'
write_agent "$sections"
agent_up
netconf_up
export PORTS=${ports# } CTL_KEY=$T/ctl.example.key
nc netconf_dns.py "$(key_secret alice.key.example)" || fail "NETCONF and DNS"

# -- the agent goes and comes back: sessions stay, and are told

nc netconf_dns.py --agent >"$T/agent.out" 2>&1 &
client=$!
PIDS+=("$client")
until_ok 60 grep -q '^ready' "$T/agent.out" || { cat "$T/agent.out"; fail "no session"; }
agent_kill
until_ok 60 grep -q '^lost' "$T/agent.out" || { cat "$T/agent.out"; fail "the agent was not missed"; }
agent_up
wait "$client" || { cat "$T/agent.out"; fail "after the agent's restart"; }
netconf_down
