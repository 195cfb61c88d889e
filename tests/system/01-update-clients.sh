# proves: nsupdate (UDP, TCP), knsupdate and dnspython add, change and remove zones that NSD serves
. "$(dirname "$0")/lib.sh"

write_patterns
start_nsd
write_agent "$(nsd_backend)"
agent_up

# nsupdate over UDP
add_zone u1 udp.example primary || fail "nsupdate over UDP"
until_ok 10 served_at "$NSD_PORT" udp.example || fail "udp.example is not served"
until_ok 5 status_has udp.example '"state=serving"' || fail "status of udp.example"
status_has udp.example '"id=u1"' || fail "no id in the status"
status_has udp.example '"by=ctl.example"' || fail "no by= in the status"
status_has udp.example '"pattern=primary"' || fail "no pattern in the status"

# nsupdate over TCP, with a prerequisite that holds and one that does not
printf '%s\n' "prereq nxrrset t1.zones.$C PTR" "update add t1.zones.$C 0 PTR tcp.example." \
	"update add group.t1.zones.$C 0 TXT primary" | nsup -v >/dev/null || fail "nsupdate -v"
until_ok 10 served_at "$NSD_PORT" tcp.example || fail "tcp.example is not served"
out=$(printf '%s\n' "prereq nxrrset t1.zones.$C PTR" "update delete t1.zones.$C PTR" | nsup -v 2>&1)
case $out in *YXRRSET*) ;; *) fail "prerequisite: $out" ;; esac

# knsupdate
printf '%s\n' "server 127.0.0.1 $AGENT_PORT" "zone $C." \
	"add k1.zones.$C. 0 PTR knot.example." "add group.k1.zones.$C. 0 TXT primary" send |
	knsupdate -k "$T/ctl.example.knot" >"$T/knsupdate.log" 2>&1 || fail "knsupdate"
until_ok 10 served_at "$NSD_PORT" knot.example || fail "knot.example is not served"

# both change the pattern of their zone, and nothing else
shared_zone "$NSD_DIR/zones/shared.zone"
printf '%s\n' "update delete group.u1.zones.$C TXT" "update add group.u1.zones.$C 0 TXT shared" | nsup >/dev/null ||
	fail "nsupdate, change"
printf '%s\n' "server 127.0.0.1 $AGENT_PORT" "zone $C." "del group.k1.zones.$C. TXT" \
	"add group.k1.zones.$C. 0 TXT shared" send |
	knsupdate -k "$T/ctl.example.knot" >>"$T/knsupdate.log" 2>&1 || fail "knsupdate, change"
until_ok 10 status_has udp.example '"pattern=shared"' || fail "nsupdate's change: $(status_of udp.example)"
until_ok 10 status_has knot.example '"pattern=shared"' || fail "knsupdate's change: $(status_of knot.example)"

# dnspython: add over TCP, change by replace, remove over UDP
SECRET=$(key_secret ctl.example) $PYTHON - "$AGENT_PORT" $C >"$T/dnspython.log" 2>&1 <<'P' || fail dnspython
import os, sys, dns.query, dns.tsig, dns.tsigkeyring, dns.update, dns.rcode, dns.name
port, c = int(sys.argv[1]), sys.argv[2]
ring = dns.tsigkeyring.from_text({"ctl.example.": ("hmac-sha256", os.environ["SECRET"])})
def send(u, q):
    r = q(u, "127.0.0.1", port=port, timeout=5)
    assert r.rcode() == dns.rcode.NOERROR, r
    assert r.had_tsig
def upd():
    return dns.update.UpdateMessage(c, keyring=ring, keyalgorithm="hmac-sha256")
u = upd(); u.add("p1.zones", 0, "PTR", "python.example."); u.add("group.p1.zones", 0, "TXT", "primary")
send(u, dns.query.tcp)
u = upd(); u.present("p1.zones", "PTR"); u.replace("group.p1.zones", 0, "TXT", "shared")
send(u, dns.query.udp)
P
until_ok 15 status_has python.example '"pattern=shared"' || fail "the change of pattern is not seen"
until_ok 20 sh -c "dig @127.0.0.1 -p $NSD_PORT python.example TXT +short | grep -q shared" ||
	fail "the new pattern's file is not served"

# removal: refused by NSD, gone from the status
SECRET=$(key_secret ctl.example) $PYTHON - "$AGENT_PORT" $C >>"$T/dnspython.log" 2>&1 <<'P' || fail "dnspython delete"
import os, sys, dns.query, dns.tsigkeyring, dns.update
port, c = int(sys.argv[1]), sys.argv[2]
ring = dns.tsigkeyring.from_text({"ctl.example.": ("hmac-sha256", os.environ["SECRET"])})
u = dns.update.UpdateMessage(c, keyring=ring, keyalgorithm="hmac-sha256")
u.delete("p1.zones", "PTR")
assert dns.query.udp(u, "127.0.0.1", port=port, timeout=5).rcode() == 0
P
for id in u1 t1; do del_zone $id || fail "nsupdate delete $id"; done
printf '%s\n' "server 127.0.0.1 $AGENT_PORT" "zone $C." "del k1.zones.$C. PTR" send |
	knsupdate -k "$T/ctl.example.knot" >>"$T/knsupdate.log" 2>&1 || fail "knsupdate del"
for z in udp tcp knot python; do
	until_ok 10 refused_at "$NSD_PORT" $z.example || fail "$z.example is still served"
	until_ok 10 sh -c "! dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $z.example._status.$C TXT +short | grep -q ." ||
		fail "$z.example is still in the status"
done
# the properties went with their member
[ -z "$(ask group.u1.zones.$C TXT)" ] || fail "an orphan property is left"
agent_down
