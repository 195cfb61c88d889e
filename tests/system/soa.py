# SPDX-License-Identifier: BSD-2-Clause
"""soa.py PORT served|absent [SECONDS]: reads zone names from standard input and
asks 127.0.0.1 for the SOA of each until all are served (NOERROR, AA, an SOA of
that very name) or absent (REFUSED, or another's SOA). Prints those that are not
in time, and fails. The environment's WAIT makes that time so many times as long."""
import os, socket, sys, time
import dns.exception, dns.flags, dns.message, dns.name, dns.rdatatype

port, want = int(sys.argv[1]), sys.argv[2]
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 10
seconds *= float(os.environ.get("WAIT", "1"))
left = {dns.name.from_text(l.strip()) for l in sys.stdin if l.strip()}
end = time.monotonic() + seconds
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.connect(("127.0.0.1", port))
s.settimeout(0.2)


def state(zone):
    q = dns.message.make_query(zone, "SOA", flags=0)
    try:
        s.send(q.to_wire())
        while True:
            # yadifad 3.0.2 does not count the SOA of its NXDOMAIN
            r = dns.message.from_wire(s.recv(65535), ignore_trailing=True)
            if r.id == q.id:
                break
    except (OSError, dns.exception.DNSException):
        return None
    soa = [rs.name for rs in r.answer + r.authority if rs.rdtype == dns.rdatatype.SOA]
    if r.rcode() == 5 or (r.rcode() in (0, 3) and zone not in soa and r.flags & dns.flags.AA):
        return "absent"
    if r.rcode() == 0 and r.flags & dns.flags.AA and zone in [rs.name for rs in r.answer]:
        return "served"
    return "fault"


while True:
    left = {z for z in left if state(z) != want}
    if not left or time.monotonic() > end:
        break
    time.sleep(0.05)
for z in sorted(left)[:20]:
    print(f"{z} is not {want}: {state(z)}")
sys.exit(bool(left))
