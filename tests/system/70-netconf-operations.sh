# proves: every NETCONF operation, by ncclient, libnetconf2's own client and octets by hand, over SSH and TLS, and all filters of RFC 6241
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netconf.sh"

write_patterns
write_agent "$(netconf_keys)
[backend null1]
driver = null"
agent_up
netconf_up
nc netconf_filters.py || fail "filters"
netconf_down
