# SPDX-License-Identifier: BSD-2-Clause
"""Zones acknowledged by the agent, and made in PowerDNS: by its HTTP API, and by
pdnsutil. What is sent is rendered before the clock starts, by both.

    pdns.py AGENT-PORT API-PORT PDNS-DIRECTORY KEYFILE CATALOG
"""
import json, socket, statistics, struct, subprocess, sys, threading, time
import dns.tsigkeyring, dns.update

agent_port, api_port, pdns_dir, keyfile, C = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
text = open(keyfile).read()
keyname = text.split('key "')[1].split('"')[0]
ring = dns.tsigkeyring.from_text({keyname: ("hmac-sha256", text.split('secret "')[1].split('"')[0])})
ROUNDS, CONNECTIONS = 5, 8
number = 0


def names(n):
    global number
    number += n
    return [f"p{number - i:07d}.pdns.example" for i in range(n)]


def update(zone):
    u = dns.update.UpdateMessage(C, keyring=ring, keyname=keyname)
    label = zone.split(".")[0]
    u.add(f"{label}.zones", 0, "PTR", zone + ".")
    u.add(f"group.{label}.zones", 0, "TXT", "bench")
    w = u.to_wire()
    return struct.pack("!H", len(w)) + w


def read_exactly(s, size):
    out = b""
    while len(out) < size:
        got = s.recv(size - len(out))
        if not got:
            sys.exit("bench: the agent closed the connection")
        out += got
    return out


def ours(zones, window):
    wires = [update(z) for z in zones]
    with socket.create_connection(("127.0.0.1", agent_port), timeout=60) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun, sent = time.monotonic(), 0
        for answered in range(len(wires)):
            while sent < len(wires) and sent - answered < window:
                s.sendall(wires[sent])
                sent += 1
            r = read_exactly(s, struct.unpack("!H", read_exactly(s, 2))[0])
            if r[3] & 15:
                sys.exit(f"bench: the agent says {r[3] & 15}")
        return time.monotonic() - begun


def request(zone):
    body = json.dumps({"name": zone + ".", "kind": "Native", "nameservers": ["ns.bench.example."]})
    head = "POST /api/v1/servers/localhost/zones HTTP/1.1\r\nHost: bench\r\nX-API-Key: bench\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def post(requests):
    """One after the other; it closes each connection."""
    for r in requests:
        with socket.create_connection(("127.0.0.1", api_port), timeout=60) as s:
            s.sendall(r)
            answer = b""
            while got := s.recv(65536):
                answer += got
        if b" 201 " not in answer[:20]:
            failed.append(answer[:200])


def api(zones, connections):
    requests = [request(z) for z in zones]
    threads = [threading.Thread(target=post, args=(requests[i::connections],)) for i in range(connections)]
    begun = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - begun
    if failed:
        sys.exit(f"bench: PowerDNS: {failed[0]}")
    return seconds


def tool(zones):
    begun = time.monotonic()
    for z in zones:
        r = subprocess.run(["pdnsutil", f"--config-dir={pdns_dir}", "create-zone", z], capture_output=True, text=True)
        if r.returncode != 0:
            sys.exit(f"bench: pdnsutil: {r.stderr[-300:]}")
    return time.monotonic() - begun


def line(what, against, mine, n, theirs, m):
    """n of ours against m of theirs, zone by zone."""
    a, b = [], []
    for _ in range(ROUNDS):
        a.append(mine(names(n)) / n)
        b.append(theirs(names(m)) / m)
    ratios = sorted(x / y for x, y in zip(a, b))
    print(
        f"{what + ' / ' + against:<76} {statistics.median(ratios):7.2f}  ({ratios[0]:.2f} .. {ratios[-1]:.2f})"
        f"  {1 / min(a):8.0f} zones/s : {1 / min(b):.0f}",
        flush=True,
    )


failed = []
line("one durable UPDATE", "pdns, one API call", lambda z: ours(z, 1), 50, lambda z: api(z, 1), 50)
line(
    "pipelined, window 32", f"pdns, API, {CONNECTIONS} connections",
    lambda z: ours(z, 32), 500, lambda z: api(z, CONNECTIONS), 100,
)
line("one durable UPDATE", "pdns, one pdnsutil create-zone", lambda z: ours(z, 1), 50, tool, 10)
