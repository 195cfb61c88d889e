# SPDX-License-Identifier: BSD-2-Clause
"""Connections to the agent that outlive its reloads; SECRET of ctl.example in the
environment. Each goes on when a line comes on standard input, and ends with it.
  reload.py hold ADDRESS PORT ZONE   one TCP connection: the rcode of an SOA query
                                     at once, and of one more for each line
  reload.py axfr ADDRESS PORT ZONE   a transfer: its first message at once, the rest
                                     after a line; prints how many PTR it had"""
import os, socket, struct, sys
import dns.message, dns.query, dns.rcode, dns.rdatatype, dns.tsigkeyring

what, address, port, zone = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
ring = dns.tsigkeyring.from_text({"ctl.example.": ("hmac-sha256", os.environ["SECRET"])})


def say(text):
    print(text, flush=True)


def query(kind):
    q = dns.message.make_query(zone, kind, flags=0)
    q.use_tsig(ring, "ctl.example.", algorithm="hmac-sha256")
    return q


def exchange():
    q = query("SOA")
    dns.query.send_tcp(s, q)
    r = dns.query.receive_tcp(s, keyring=ring, request_mac=q.mac)[0]
    return dns.rcode.to_text(r.rcode())


def read(n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def message():
    return read(struct.unpack("!H", read(2))[0])


# A small window, so that the transfer waits in the agent and not in the kernel.
s = socket.socket()
if what == "axfr":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
s.settimeout(30)
s.connect((address, port))
if what == "hold":
    say(exchange())
    for line in sys.stdin:
        say(exchange())
else:
    q = query("AXFR")
    dns.query.send_tcp(s, q)
    tsig, soas, ptrs, wire = None, 0, 0, message()
    say("begun")
    sys.stdin.readline()
    while True:
        m = dns.message.from_wire(wire, keyring=ring, request_mac=q.mac, xfr=True,
                                  tsig_ctx=tsig, multi=True, one_rr_per_rrset=True)
        tsig = m.tsig_ctx
        assert m.rcode() == 0, m
        soas += sum(rs.rdtype == dns.rdatatype.SOA for rs in m.answer)
        ptrs += sum(rs.rdtype == dns.rdatatype.PTR for rs in m.answer)
        if soas == 2:
            break
        wire = message()
    say(ptrs)
