# SPDX-License-Identifier: BSD-2-Clause
"""Peers that mean no good, all on loopback, bounded in number and time."""
import os, random, socket, struct, sys, time
import dns.exception, dns.message, dns.query, dns.tsigkeyring, dns.update, dns.rcode

port, c = int(sys.argv[1]), sys.argv[2]
ring = dns.tsigkeyring.from_text({"ctl.example.": ("hmac-sha256", os.environ["SECRET"])})
random.seed(1)
peer = ("127.0.0.1", port)


def alive():
    q = dns.message.make_query(c, "SOA")
    q.use_tsig(ring)
    t = time.monotonic()
    try:
        r = dns.query.udp(q, peer[0], port=port, timeout=2)
    except dns.exception.Timeout:  # after a flood the kernel may drop one
        r = dns.query.udp(q, peer[0], port=port, timeout=5)
    assert r.rcode() == 0, r
    return time.monotonic() - t


def tcp():
    return socket.create_connection(peer, timeout=5)


u = dns.update.UpdateMessage(c, keyring=ring)
u.add("h1.zones", 0, "PTR", "hostile.example.")
good = u.to_wire()

# 1. mutations of a signed UPDATE, cut short, grown, bits turned
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(20000):
    b = bytearray(good)
    for _ in range(random.randint(1, 4)):
        k = random.random()
        if k < 0.5:
            b[random.randrange(len(b))] = random.randrange(256)
        elif k < 0.7:
            b = b[: random.randrange(len(b) + 1)] or bytearray(b"x")
        elif k < 0.9:
            b += bytes(random.randrange(256) for _ in range(random.randrange(40)))
        else:
            struct.pack_into("!H", b, random.choice([4, 6, 8, 10]) % max(1, len(b) - 1), 65535) if len(b) > 12 else None
    s.sendto(bytes(b), peer)
    if i % 500 == 0:
        time.sleep(0.005)
print("20,000 mutations; then", alive())

# 2. a chain of pointers in 64 kB, unsigned
chain = b"".join(struct.pack("!H", 0xC000 | (12 + 2 * (i - 1) if i else 12)) for i in range(8000))
body = struct.pack("!HHHHHH", 7, 0x2800, 1, 0, 4094, 0) + b"\x00\x00\x06\x00\x01" + chain
body += b"".join(struct.pack("!HHHIH", 0xC000 | (12 + 2 * 7000), 255, 255, 0, 0) for _ in range(4000))
with tcp() as t:
    t.sendall(struct.pack("!H", len(body[:65535])) + body[:65535])
    time.sleep(0.1)
print("pointer chains; then", alive())

# 3. one TXT record of 65,000 empty strings, unsigned and signed by nobody
body = struct.pack("!HHHHHH", 7, 0x2800, 1, 0, 1, 0) + b"\x00\x00\x06\x00\x01"
body += b"\x00" + struct.pack("!HHIH", 16, 1, 0, 65000) + b"\x00" * 65000
with tcp() as t:
    for _ in range(20):
        t.sendall(struct.pack("!H", len(body)) + body)
    time.sleep(0.1)
print("empty strings; then", alive())

# 4. idle connections beyond the limit, and half a message
idle = []
for i in range(1500):
    try:
        t = tcp()
        if i % 3 == 0:
            t.sendall(b"\x00")
        elif i % 3 == 1:
            t.sendall(struct.pack("!H", 500) + b"abc")
        idle.append(t)
    except OSError:
        break
print(len(idle), "idle connections; then", alive())
with tcp() as t:  # a newcomer is served
    q = dns.message.make_query(c, "SOA")
    q.use_tsig(ring)
    dns.query.send_tcp(t, q)
    r, _ = dns.query.receive_tcp(t, keyring=ring, request_mac=q.mac)
    assert r.rcode() == 0
for t in idle:
    t.close()

# 4a. connections that are never idle and never signed: who signs gets in all the same
busy, flood = [], struct.pack("!H", 17) + struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + b"\x00\x00\x06\x00\x01"
for i in range(1000):
    try:
        t = tcp()
        t.setblocking(False)
        busy.append(t)
    except OSError:
        break


def press():  # asks a lot, reads nothing
    for t in busy:
        try:
            t.send(flood * 100)
        except OSError:
            pass


press()
time.sleep(2.5)
press()
for _ in range(20):
    with tcp() as t:
        q = dns.message.make_query(c, "SOA")
        q.use_tsig(ring)
        dns.query.send_tcp(t, q)
        r, _ = dns.query.receive_tcp(t, time.time() + 10, keyring=ring, request_mac=q.mac)
        assert r.rcode() == 0
print(len(busy), "busy strangers; then", alive())
for t in busy:
    t.close()

# 5. a peer that asks and never reads
t = tcp()
t.setblocking(False)
q = dns.message.make_query(c, "AXFR")
q.use_tsig(ring)
w = q.to_wire()
sent = 0
try:
    for _ in range(200000):
        t.send(struct.pack("!H", len(w)) + w)
        sent += 1
except OSError:
    pass
print(sent, "transfers asked for and not read; then", alive())
t.close()

# 6. pipelined: 2,000 queries on one connection, all answered
with tcp() as t:
    data, ids = b"", set()
    for i in range(2000):
        q = dns.message.make_query(c, "SOA")
        q.id = i
        q.use_tsig(ring)
        w = q.to_wire()
        data += struct.pack("!H", len(w)) + w
    t.setblocking(False)
    got, off, end = b"", 0, time.monotonic() + 20
    while len(ids) < 2000 and time.monotonic() < end:
        try:
            if off < len(data):
                off += t.send(data[off : off + 65536])
        except BlockingIOError:
            pass
        try:
            got += t.recv(65536)
        except BlockingIOError:
            time.sleep(0.001)
        while len(got) >= 2 and len(got) >= 2 + int.from_bytes(got[:2], "big"):
            n = int.from_bytes(got[:2], "big")
            ids.add(int.from_bytes(got[2:4], "big"))
            got = got[2 + n :]
    assert len(ids) == 2000, len(ids)
print("2,000 pipelined queries; then", alive())
