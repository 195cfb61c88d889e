# proves: every NETCONF operation, by ncclient, libnetconf2's own client and octets by hand, over SSH and TLS, and all filters of RFC 6241
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netconf.sh"

write_patterns
write_agent "$(netconf_keys)
[backend null1]
driver = null"
agent_up
netconf_up

# libnetconf2's own client, which learns the modules from us
cc -o "$T/netconf-client" "$(dirname "$0")/netconf_client.c" -lnetconf2 -lyang -lssh ||
	fail "libnetconf2's client cannot be built"
for by in tls ssh; do
	[ $by = tls ] && port=$NETCONF_TLS || port=$NETCONF_SSH
	timeout 300 "$T/netconf-client" $by "$port" "$T" || fail "libnetconf2's client over $by"
done
nc netconf_operations.py || fail "operations"
nc netconf_filters.py || fail "filters"
netconf_down
