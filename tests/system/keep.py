# SPDX-License-Identifier: BSD-2-Clause
"""keep.py STOP PORT...: reads zone names from standard input and asks 127.0.0.1 at
each port for their SOAs, in random order, until the file STOP exists. Every answer
has to be NOERROR and AA with an SOA of that very name. Prints how many were asked;
fails if one was answered otherwise, or not at all in three tries of a second."""
import os, random, socket, sys, time
import dns.exception, dns.flags, dns.message, dns.name, dns.rdatatype

stop, ports = sys.argv[1], [int(p) for p in sys.argv[2:]]
zones = [dns.name.from_text(l.strip()) for l in sys.stdin if l.strip()]
socks = []
for port in ports:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", port))
    s.settimeout(1)
    socks.append((port, s))


def ask(s, zone):
    for _ in range(3):
        q = dns.message.make_query(zone, "SOA", flags=0)
        try:
            s.send(q.to_wire())
            while True:
                r = dns.message.from_wire(s.recv(65535))
                if r.id == q.id:
                    return r
        except (OSError, dns.exception.DNSException):
            pass
    return None


n, faults = 0, 0
while not os.path.exists(stop):
    zone = random.choice(zones)
    for port, s in socks:
        r = ask(s, zone)
        n += 1
        good = (r is not None and r.rcode() == 0 and r.flags & dns.flags.AA
                and any(rs.rdtype == dns.rdatatype.SOA and rs.name == zone for rs in r.answer))
        if not good:
            faults += 1
            if faults <= 20:
                what = "no answer" if r is None else f"rcode {r.rcode()}, {len(r.answer)} answers"
                print(f"{time.time():.3f} port {port} {zone}: {what}", flush=True)
    time.sleep(0.001)
print(f"asked {n} faults {faults}")
sys.exit(faults > 0)
