#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Signed messages kept as bytes and sent again, with dnspython.

    replay.py PORT CATALOG KEY SECRET sign FILE ZONE LINE...   LINE: add|del OWNER TYPE [RDATA]
    replay.py PORT CATALOG KEY SECRET send FILE udp|tcp|tls [CAFILE]

`send` prints the rcode and the Extended DNS Error, after it has verified that the
answer is signed for this very request.
"""
import socket
import ssl
import struct
import sys
import time

import dns.edns
import dns.message
import dns.name
import dns.rcode
import dns.tsigkeyring
import dns.update

port, catalog, key, secret, what, path = sys.argv[1:7]
ring = dns.tsigkeyring.from_text({key: secret})

if what == "sign":
    update = dns.update.Update(sys.argv[7])
    for line in sys.argv[8:]:
        verb, owner, rdtype, *rdata = line.split(" ", 3)
        if verb == "add":
            update.add(owner, 0, rdtype, *rdata)
        else:
            update.delete(owner, rdtype, *rdata)
    update.use_tsig(ring, key, algorithm=dns.name.from_text("hmac-sha256"))
    update.use_edns(0, payload=1232)
    with open(path, "wb") as out:
        out.write(update.to_wire())
    sys.exit(0)

with open(path, "rb") as file:
    wire = file.read()
request_mac = dns.message.from_wire(wire, keyring=ring).mac
address = ("127.0.0.1", int(port))
if sys.argv[7] == "udp":
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.connect(address)
    sock.send(wire)
    answer = sock.recv(65535)
else:
    sock = socket.create_connection(address, 10)
    if sys.argv[7] == "tls":
        context = ssl.create_default_context(cafile=sys.argv[8])
        context.set_alpn_protocols(["dot"])
        sock = context.wrap_socket(sock, server_hostname="localhost")
    sock.sendall(struct.pack(">H", len(wire)) + wire)
    answer = b""
    while len(answer) < 2 or len(answer) < 2 + struct.unpack(">H", answer[:2])[0]:
        more = sock.recv(65535)
        if not more:
            sys.exit("the connection ended")
        answer += more
    answer = answer[2:]
reply = dns.message.from_wire(answer, keyring=ring, request_mac=request_mac)
if not reply.had_tsig or abs(reply.tsig[0].time_signed - time.time()) > 5:
    sys.exit("not signed anew")
why = [o.text for o in reply.options if isinstance(o, dns.edns.EDEOption)]
print(dns.rcode.to_text(reply.rcode()), *why)
