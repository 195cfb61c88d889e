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

# users by the names in their certificates, and TLS to the agent, too
AGENT_TLS=$(free_port)
sed -i "s|^listen .*|&\nlisten-tls = 127.0.0.1@$AGENT_TLS\ntls-cert = $T/nc-server.pem\ntls-key = $T/nc-server.tlskey|" "$T/nsherd.conf"
agent_down
agent_up
netconf_cert mallory "mallory user=alice"
NETCONF_BY_NAME=1
NETCONF_SERVER="server = 127.0.0.1@$AGENT_TLS
server-tls = localhost
server-tls-ca = $T/nc-ca.pem"
for name in common-name san-dns; do
	NETCONF_EXTRA="cert-to-name = $name"
	netconf_up
	nc netconf_names.py || fail "users by $name"
	netconf_down
done
# what stands in a certificate passes for nothing else in the log
[ "$(grep -c 'user="mallory user=alice" refused=no-such-user' "$T/netconfd.log")" -eq 2 ] ||
	fail "mallory: $(grep mallory "$T/netconfd.log")"
NETCONF_SERVER="${NETCONF_SERVER/= localhost/= other.example}"
netconf_up
nc netconf_names.py --other && fail "an agent by another name"
netconf_down
