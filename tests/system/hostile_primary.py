# SPDX-License-Identifier: BSD-2-Clause
# A primary of a catalog that does not do as it should: hostile_primary.py PORT HOW [KEYFILE]. Answers
# the SOA query, signed if that was, with a serial that grows, and then transfers:
#   endless   the same member, for ever
#   slow      a record now and then
#   stops     half of it, and nothing more
#   closes    half of it, and the connection ends
#   garbage   octets
#   otherid   replies to something else
#   noend     all but the last SOA, then another zone's records
#   empty     messages with nothing in them, for ever
#   gap       all of it, of which the first and the last message are signed (RFC 8945 section 5.3.1)
#   open      the same, and the last is not
import re, socket, struct, sys, threading, time

import dns.message, dns.name, dns.rdatatype, dns.rrset, dns.tsigkeyring

port, how = int(sys.argv[1]), sys.argv[2]
keyring = None
if len(sys.argv) > 3:
    text = open(sys.argv[3]).read()
    keyring = dns.tsigkeyring.from_text({re.search(r'key "?([^" ]+)', text)[1]: (
        "hmac-sha256", re.search(r'secret "([^"]+)', text)[1])})
C = dns.name.from_text("catalog.example.")


def soa(serial):
    return dns.rrset.from_text(C, 0, "IN", "SOA", "invalid. invalid. %d 1 1 600 0" % serial)


def head():
    return [dns.rrset.from_text(C, 0, "IN", "NS", "invalid."),
            dns.rrset.from_text("version." + str(C), 0, "IN", "TXT", '"2"')]


def ptr(n):
    return dns.rrset.from_text("m%d.zones.%s" % (n, C), 0, "IN", "PTR", "z%d.example." % n)


def reply(query, sets, question=True):
    r = dns.message.make_response(query)
    r.flags |= 0x0400
    r.answer = sets
    if not question:
        r.question = []
    return r


def send(c, wire):
    c.sendall(struct.pack("!H", len(wire)) + wire)


def wire_of(r):
    return r.to_wire(max_size=65535)


def transfer_in_part_signed(c, q):
    serial = soa(int(time.time()) & 0x7FFFFFFF)
    parts = [[serial] + head()] + [[ptr(n)] for n in range(1, 50)] + [[serial]]
    ctx = None
    for n, sets in enumerate(parts):
        r = reply(q, sets)
        if n == 0 or (n == len(parts) - 1 and how == "gap"):
            wire = r.to_wire(max_size=65535, multi=True, tsig_ctx=ctx)
            ctx = r.tsig_ctx
        else:
            r.tsig = None
            wire = wire_of(r)
            ctx.update(wire)
        send(c, wire)


def transfer(c, q):
    if how in ("gap", "open"):
        transfer_in_part_signed(c, q)
        return
    serial = int(time.time()) & 0x7FFFFFFF
    first = reply(q, [soa(serial)] + head() + [ptr(0)])
    if how == "garbage":
        send(c, b"\x5a" * 3000)
        return
    if how == "otherid":
        first.id ^= 1
    send(c, wire_of(first))
    if how == "closes":
        return
    if how == "stops":
        time.sleep(600)
    if how == "noend":
        send(c, wire_of(reply(q, [dns.rrset.from_text("a.example.org.", 0, "IN", "A", "192.0.2.1")])))
        time.sleep(600)
    if how == "slow":
        for n in range(1, 100000):
            send(c, wire_of(reply(q, [ptr(n)])))
            time.sleep(2)
    if how == "empty":
        wire = wire_of(reply(q, []))
        while True:
            send(c, wire)
    if how == "endless":
        wire = wire_of(reply(q, [ptr(n) for n in range(1, 500)]))
        while True:
            send(c, wire)


def serve(c):
    try:
        data = b""
        while True:
            more = c.recv(65536)
            if not more:
                return
            data += more
            while len(data) >= 2 and len(data) >= 2 + struct.unpack("!H", data[:2])[0]:
                size = struct.unpack("!H", data[:2])[0]
                q = dns.message.from_wire(data[2:2 + size], keyring=keyring)
                data = data[2 + size:]
                if q.question[0].rdtype == dns.rdatatype.SOA:
                    send(c, wire_of(reply(q, [soa(int(time.time()) & 0x7FFFFFFF)])))
                else:
                    transfer(c, q)
                    return
    except OSError:
        pass
    finally:
        c.close()


s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", port))
s.listen(64)
print("ready", flush=True)
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
