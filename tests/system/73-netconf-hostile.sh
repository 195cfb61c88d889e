# proves: whoever sends what kills libnetconf2, says nothing, or does not read, harms the gateway at most, and nothing acknowledged is lost
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netconf.sh"

write_patterns
export ZONES=${QUICK:+2000}; ZONES=${ZONES:-10000}
CATALOG_EXTRA="max-transaction = 100000"
write_agent "$(netconf_keys)
[backend null1]
driver = null"
agent_up
NETCONF_EXTRA="hello-timeout = 3s
auth-timeout  = 3s
write-timeout = 3s
acceptors     = 4
workers       = 4"
# What is lethal here is so in the library: no reports of that.
NETCONF_ASAN=handle_segv=0:handle_abort=0
netconf_keep
agent=$AGENT_PID
nc netconf_hostile.py || fail "hostile clients"
[ "$agent" = "$AGENT_PID" ] && kill -0 "$agent" || fail "the agent is gone"
cat "$T/netconfd.ends" 2>/dev/null | sort | uniq -c
