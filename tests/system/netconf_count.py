# SPDX-License-Identifier: BSD-2-Clause
"""A TCP relay that counts: netconf_count.py PORT TO FILE. The file has, after every
piece that went through: connections, octets and DNS messages there, and back."""
import selectors, socket, sys

port, to, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
listener = socket.create_server(("127.0.0.1", port), backlog=256)
poll = selectors.DefaultSelector()
poll.register(listener, selectors.EVENT_READ)
other, way, rest = {}, {}, {}
counts = [0, 0, 0, 0, 0]  # connections, octets and messages there, octets and messages back


def tell():
    with open(path, "r+" if told else "w") as f:
        f.write(" ".join(f"{c:>15}" for c in counts))


told = False
tell()
told = True
while True:
    for key, _ in poll.select():
        s = key.fileobj
        if s is listener:
            a, _ = listener.accept()
            b = socket.create_connection(("127.0.0.1", to))
            other[a], other[b], way[a], way[b], rest[a], rest[b] = b, a, 1, 3, b"", b""
            poll.register(a, selectors.EVENT_READ)
            poll.register(b, selectors.EVENT_READ)
            counts[0] += 1
            tell()
            continue
        if s not in other:
            continue
        try:
            data = s.recv(1 << 16)
            if data:
                other[s].sendall(data)
        except OSError:
            data = b""
        if not data:
            for x in (s, other[s]):
                poll.unregister(x)
                x.close()
            b = other.pop(s)
            other.pop(b)
            continue
        counts[way[s]] += len(data)
        rest[s] += data
        while len(rest[s]) >= 2 and len(rest[s]) >= (n := 2 + int.from_bytes(rest[s][:2], "big")):
            rest[s] = rest[s][n:]
            counts[way[s] + 1] += 1
        tell()
