# SPDX-License-Identifier: BSD-2-Clause
"""Clients of DNS over TLS that no tool is: tls.py WHAT PORT [ARGUMENT...]

  storm PORT CA NAME N      N handshakes at once, a question in each
  idle PORT CA NAME N       N connections without a word, then one that asks
  slow PORT                 a handshake of one octet a second: closed in time
  garbage PORT              octets that are no TLS; cut and odd ClientHellos
  half PORT CA NAME         our end is closed first: the answer still comes
  pipeline PORT CA NAME KEY CATALOG N   N updates without waiting, many in a
                            record and one in many; each is answered NOERROR
  paused PORT CA NAME KEY ZONE COMMAND  an AXFR; after its first message COMMAND
                            runs, and until it ends the AXFR is read only so fast
                            that it does not stall; prints the number of records
"""
import asyncio, re, socket, ssl, struct, subprocess, sys, time
import dns.message, dns.name, dns.query, dns.rcode, dns.tsig, dns.tsigkeyring, dns.update

HOST = "127.0.0.1"


def context(ca):
    c = ssl.create_default_context(cafile=ca)
    c.minimum_version = ssl.TLSVersion.TLSv1_3
    c.set_alpn_protocols(["dot"])
    return c


def question():
    return dns.message.make_query("catalog.example", "SOA").to_wire()


def framed(wire):
    return struct.pack("!H", len(wire)) + wire


def connect(port, ca, name, rcvbuf=None):
    s = socket.socket()
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(30)
    s.connect((HOST, port))
    return context(ca).wrap_socket(s, server_hostname=name)


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError("closed after %d of %d octets" % (len(data), n))
        data += more
    return data


def read_message(s):
    return read_exactly(s, struct.unpack("!H", read_exactly(s, 2))[0])


def rcode_of(wire):
    return wire[3] & 15


async def ask_async(port, ca, name, ready, go):
    r, w = await asyncio.open_connection(
        HOST, port, ssl=context(ca), server_hostname=name, ssl_handshake_timeout=60)
    w.write(framed(question()))
    size = struct.unpack("!H", await r.readexactly(2))[0]
    wire = await r.readexactly(size)
    w.close()
    return rcode_of(wire) == 5


async def storm(port, ca, name, n):
    results = await asyncio.gather(
        *(ask_async(port, ca, name, None, None) for _ in range(n)), return_exceptions=True)
    bad = [r for r in results if r is not True]
    if bad:
        sys.exit("%d of %d failed, such as %r" % (len(bad), n, bad[0]))


def idle(port, ca, name, n):
    held = []
    for _ in range(n):
        held.append(connect(port, ca, name))
    s = connect(port, ca, name)
    s.sendall(framed(question()))
    assert rcode_of(read_message(s)) == 5
    # and the last of those that were silent is still good
    held[-1].sendall(framed(question()))
    assert rcode_of(read_message(held[-1])) == 5


def client_hello():
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    c = ssl.create_default_context()
    c.set_alpn_protocols(["dot"])
    obj = c.wrap_bio(i, o, server_hostname="hub.example")
    try:
        obj.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return o.read()


def slow(port):
    hello, start = client_hello(), time.monotonic()
    s = socket.create_connection((HOST, port))
    s.settimeout(0.5)
    for octet in hello:
        try:
            s.sendall(bytes([octet]))
            if s.recv(1) == b"":
                break
        except TimeoutError:
            pass
        except OSError:
            break
        if time.monotonic() - start > 60:
            sys.exit("a slow handshake is not ended")
    else:
        sys.exit("the whole of a slow handshake was taken")


def garbage(port):
    hello = client_hello()
    odd = [b"", b"\x00" * 1000, b"GET / HTTP/1.1\r\n\r\n", framed(question()), b"\x16\x03\x01",
           hello[:40], b"\x16\x03\x01\xff\xff" + hello[5:], hello[:9] + b"\xff" * 200,
           b"\x16\x03\x03\x00\x04\x01\xff\xff\xff" * 50, b"\x15\x03\x03\x00\x02\x02\x00",
           b"\x17\x03\x03\x40\x00" + b"x" * 16384]
    odd += [hello[:i] + bytes([hello[i] ^ 0xff]) + hello[i + 1:] for i in range(0, len(hello), 7)]
    for data in odd:
        s = socket.create_connection((HOST, port))
        s.settimeout(30)
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass
        except ConnectionError:
            pass
        s.close()


def half(port, ca, name):
    # TCP is closed for writing, with no notice in TLS
    s = connect(port, ca, name)
    s.sendall(framed(question()))
    raw = socket.socket(fileno=socket.dup(s.fileno()))
    raw.shutdown(socket.SHUT_WR)
    assert rcode_of(read_message(s)) == 5
    try:
        assert s.recv(1) == b""
    except (ssl.SSLEOFError, ConnectionError) as e:
        sys.exit("no end of TLS was sent: %r" % e)


def keyring(path):
    text = open(path).read()
    name, secret = re.search(r'key "(.*?)"', text)[1], re.search(r'secret "(.*?)"', text)[1]
    return dns.tsigkeyring.from_text({name: secret})


def pipeline(port, ca, name, key, catalog, n):
    ring = keyring(key)
    s = connect(port, ca, name)
    wires, queries = [], {}
    for i in range(n):
        u = dns.update.UpdateMessage(catalog, keyring=ring)
        u.add("p%d.zones" % i, 0, "PTR", "p%d.pipe.example." % i)
        u.id = i + 1
        wires.append(framed(u.to_wire()))
        queries[u.id] = u
    data = b"".join(wires)
    third = len(data) // 3
    s.sendall(data[:third])
    at = third
    while at < 2 * third:
        s.sendall(data[at:at + 7])
        at += 7
    s.sendall(data[at:])
    for _ in range(n):
        wire = read_message(s)
        u = queries.pop(struct.unpack("!H", wire[:2])[0])
        r = dns.message.from_wire(wire, keyring=ring, request_mac=u.mac)
        assert r.rcode() == 0 and r.had_tsig, r


def paused(port, ca, name, key, zone, command):
    s = connect(port, ca, name, rcvbuf=4096)
    q = dns.message.make_query(zone, "AXFR")
    q.use_tsig(keyring(key))
    s.sendall(framed(q.to_wire()))
    n, child = 0, None
    zone = dns.name.from_text(zone)
    tsig_ctx, ends = None, 0
    while ends < 2:
        m = dns.message.from_wire(read_message(s), keyring=q.keyring, request_mac=q.mac,
                                  xfr=True, origin=zone, tsig_ctx=tsig_ctx,
                                  multi=True, one_rr_per_rrset=True)
        tsig_ctx = m.tsig_ctx
        assert m.rcode() == 0, m
        n += len(m.answer)
        ends += sum(1 for rs in m.answer if rs.rdtype == 6)
        if child is None:
            child = subprocess.Popen(command, shell=True)
        if child.poll() is None:
            assert ends < 2, "the transfer was over first"
            time.sleep(0.2)
    assert child.wait() == 0, "the command failed"
    assert m.had_tsig
    print(n)


what, port, args = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
args = [int(a) if a.isdigit() else a for a in args]
if what == "storm":
    asyncio.run(storm(port, *args))
else:
    {f.__name__: f for f in (idle, slow, garbage, half, pipeline, paused)}[what](port, *args)
