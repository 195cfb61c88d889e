# SPDX-License-Identifier: BSD-2-Clause
"""A primary of a catalog that means well and does wrong: wrong_primary.py PORT FILE.
FILE is read for each question: a serial, a word, and the members' numbers, or nothing:
  right     as it should be, IXFR answered with the whole
  unfit     IXFR deletes what is not there; AXFR is right
  soa       a transfer is one SOA, and the connection ends
  cut       a transfer has the TC bit
  twice     each record is there twice
  bare      a transfer of nothing but the SOA, at its beginning and end
The questions go to standard output, one to a line."""
import socket, struct, sys, threading

import dns.flags, dns.message, dns.name, dns.rdatatype, dns.rrset

port, path = int(sys.argv[1]), sys.argv[2]
C = dns.name.from_text("catalog.example.")


def rr(name, kind, value):
    return dns.rrset.from_text("%s%s" % (name and name + ".", C), 0, "IN", kind, value)


def soa(serial):
    return rr("", "SOA", "invalid. invalid. %s 1 1 600 0" % serial)


def ptr(n):
    return rr("m%s.zones" % n, "PTR", "z%s.example." % n)


def transfer(kind, serial, how, members, have):
    whole = [rr("", "NS", "invalid."), rr("version", "TXT", '"2"')] + [ptr(n) for n in members]
    if how == "soa":
        return [soa(serial)]
    if how == "bare":
        whole = []
    if how == "twice":
        whole = whole + whole
    if how == "unfit" and kind == "IXFR":
        return [soa(serial), soa(have), ptr("absent"), soa(serial), soa(serial)]
    return [soa(serial)] + whole + [soa(serial)]


def answer(c, wire):
    q = dns.message.from_wire(wire)
    kind = dns.rdatatype.to_text(q.question[0].rdtype)
    serial, how, *members = open(path).read().split()
    have = q.authority[0][0].serial if q.authority else None
    r = dns.message.make_response(q)
    r.flags |= dns.flags.AA
    if kind == "SOA":
        r.answer = [soa(serial)]
    else:
        # one message for each record
        r.answer = transfer(kind, serial, how, members, have)
        r.flags |= dns.flags.TC if how == "cut" else 0
    print(kind, flush=True)
    sets, r.answer = r.answer, []
    for s in sets:
        r.answer = [s]
        wire = r.to_wire(max_size=65535)
        c.sendall(struct.pack("!H", len(wire)) + wire)
    if how == "soa" and kind != "SOA":
        raise EOFError


def read(c, n):
    data = b""
    while len(data) < n:
        more = c.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serve(c):
    try:
        while True:
            answer(c, read(c, struct.unpack("!H", read(c, 2))[0]))
    except (OSError, EOFError):
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
