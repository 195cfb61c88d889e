# SPDX-License-Identifier: BSD-2-Clause
"""moments.py READY SECONDS served|absent|has NAME [TEXT] PORT...: asks 127.0.0.1
at each port, all of them every 5 ms, until each has answered as wanted once;
creates the file READY when it has begun. Prints for each port the time of that
answer, in ms since 1970. served: NOERROR, AA and an SOA; absent: REFUSED; has: an
A record TEXT. Fails if one is not in time."""
import os, select, socket, sys, time
import dns.exception, dns.flags, dns.message, dns.rcode, dns.rdatatype

ready, seconds, want, name = sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4]
rest = sys.argv[5:]
text = rest.pop(0) if want == "has" else None
ports = [int(p) for p in rest]
rdtype = dns.rdatatype.A if want == "has" else dns.rdatatype.SOA


def as_wanted(r):
    if want == "absent":
        return r.rcode() == dns.rcode.REFUSED
    if r.rcode() != dns.rcode.NOERROR or not r.flags & dns.flags.AA:
        return False
    rdatas = [rd.to_text() for rs in r.answer if rs.rdtype == rdtype for rd in rs]
    return text in rdatas if text else bool(rdatas)


socks = {}
for port in ports:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", port))
    socks[s] = port
moment, left = {}, dict(socks)
end = time.monotonic() + seconds
open(ready, "w").close()
while left and time.monotonic() < end:
    for s in left:
        try:
            s.send(dns.message.make_query(name, rdtype, flags=0).to_wire())
        except OSError:
            pass
    for s in select.select(list(left), [], [], 0.005)[0]:
        try:
            r = dns.message.from_wire(s.recv(65535))
        except (OSError, dns.exception.DNSException):
            continue
        if as_wanted(r):
            moment[left.pop(s)] = int(time.time() * 1000)
    time.sleep(0.005)
for port in ports:
    print(moment.get(port, "-"))
sys.exit(bool(left))
