# proves: NSD is driven over TLS with a client certificate, and a wrong certificate is a clear error
. "$(dirname "$0")/lib.sh"

write_patterns
NSD_TLS=1 start_nsd
NSD_TLS=1
write_agent "$(nsd_backend)"
agent_up
add_zone a1 tls.example primary || fail add
until_ok 20 served_at "$NSD_PORT" tls.example || fail "not served: $(status_of tls.example)"
for i in $(seq 500); do
	printf 'update add m%s.zones.%s 0 PTR m%s.example.\nupdate add group.m%s.zones.%s 0 TXT primary\n' "$i" $C "$i" "$i" $C
done | nsup >/dev/null || fail "500 zones"
until_ok 60 served_at "$NSD_PORT" m500.example || fail "m500.example"
agent_down
# the certificate of somebody else
mkdir "$T/other"
nsd-control-setup -d "$T/other" >/dev/null 2>&1
sed -i "s|^tls-cert.*|tls-cert = $T/other/nsd_control.pem|; s|^tls-key.*|tls-key = $T/other/nsd_control.key|" "$T/nsherd.conf"
agent_up
add_zone a2 second.example primary || fail "add"
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $NSD_NAME._backend._status.$C TXT +short | grep -q 'state=down.*error='" ||
	fail "wrong certificate: $(ask "$NSD_NAME._backend._status.$C" TXT)"
agent_down
