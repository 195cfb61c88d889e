# SPDX-License-Identifier: BSD-2-Clause
"""busy.py PORT SERIAL PID [TITLE]: while the agent at 127.0.0.1 PORT takes a version
of catalog.example with that SERIAL, it is asked, one question after the other, and
given UPDATEs of other.example, one outstanding. Fails if an answer takes 30 s, or the
version 300; prints the longest waits, and the largest resident memory of process
PID. NSHERD_KEY is the key file."""
import os, select, socket, sys, threading, time
import dns.message, dns.name, dns.query, dns.rcode, dns.tsigkeyring, dns.update

port, serial, pid = (int(a) for a in sys.argv[1:4])
title = sys.argv[4] if len(sys.argv) > 4 else "the version"
text = open(os.environ["NSHERD_KEY"]).read()
keyname = text.split('key "')[1].split('"')[0]
ring = dns.tsigkeyring.from_text({keyname: ("hmac-sha256", text.split('secret "')[1].split('"')[0])})
updates, fault, done = [], [], threading.Event()


def signed(name):
    q = dns.message.make_query(name, "SOA", flags=0)
    q.use_tsig(ring, dns.name.from_text(keyname))
    return q


def update():
    try:
        s = socket.create_connection(("127.0.0.1", port), timeout=30)
        while not done.is_set():
            u = dns.update.UpdateMessage("other.example", keyring=ring, keyname=keyname)
            u.add(f"u{serial}x{len(updates)}.zones", 0, "PTR", f"u{serial}x{len(updates)}.example.net.")
            t = time.monotonic()
            dns.query.send_tcp(s, u)
            r = dns.query.receive_tcp(s, keyring=ring, request_mac=u.mac)[0]
            assert r.rcode() == dns.rcode.NOERROR, r
            updates.append(time.monotonic() - t)
            done.wait(0.01)
    except Exception as e:
        fault.append(e)


def resident_mb():
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) / 1024


thread = threading.Thread(target=update)
thread.start()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", port))
begun = time.monotonic()
queries, memory, looked, q = [], 0, 0, None
try:
    while True:
        now = time.monotonic()
        ours = now - looked > 0.1  # now and then for the catalog itself
        if ours:
            looked, memory = now, max(memory, resident_mb())
        m = signed("catalog.example" if ours else "other.example")
        s.send(m.to_wire())
        if not select.select([s], [], [], 30)[0]:
            sys.exit("no answer in 30 s")
        r = dns.message.from_wire(s.recv(65535), keyring=ring, request_mac=m.mac)
        queries.append(time.monotonic() - now)
        if ours and r.answer and r.answer[0][0].serial == serial:
            break
        assert ours or r.rcode() == dns.rcode.NOERROR, r
        if now - begun > 300:
            sys.exit("it has not the version in 300 s")
        time.sleep(0.0005)
finally:
    done.set()
    thread.join()
if fault:
    sys.exit(f"UPDATE: {fault[0]!r}")
print(f"{title}: {time.monotonic() - begun:.1f} s; longest wait of {len(queries)} queries {1000 * max(queries):.0f} ms, "
      f"of {len(updates)} UPDATEs of another catalog {1000 * max(updates, default=0):.0f} ms; at most {memory:.0f} MB")
