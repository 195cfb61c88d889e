# SPDX-License-Identifier: BSD-2-Clause
"""Zones per second until NSD serves the last of them: nsherdctl and the agent
against nsd-control in a shell loop, and against NSD's own bulk command
(addzones, one list, written and read at once). All in one run, in turn, on the
same NSD; every zone is served from one small file.

    nsd.py CTL NSD.CONF NSD-SOCKET NSD-PORT PATTERN WORKDIR COUNT...
"""
import os, select, socket, statistics, struct, subprocess, sys, time

ctl, conf, sock, port, pattern, work = sys.argv[1:7]
port = int(port)
counts = [int(n) for n in sys.argv[7:]]


def names(tag, n):
    return [f"{tag}{i:06d}.bench.example" for i in range(n)]


def soa(zone, tries=1):
    q = struct.pack("!HHHHHH", os.getpid() & 0xFFFF, 0, 1, 0, 0, 0)
    q += b"".join(bytes([len(l)]) + l.encode() for l in zone.split(".")) + b"\0\0\6\0\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect(("127.0.0.1", port))
    try:
        s.send(q)
        r = s.recv(4096)
        return r[3] & 15, bool(r[2] & 4)
    except OSError:
        return None, False
    finally:
        s.close()


def wait_served(zone):
    while soa(zone) != (0, True):
        time.sleep(0.001)


def wait_gone(zone):
    while soa(zone)[0] != 5:
        time.sleep(0.001)


def duplex(command, lines):
    """One NSD bulk command on its socket, writing and reading at once."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(sock)
    out = f"NSDCT1 {command}\n".encode() + "".join(l + "\n" for l in lines).encode() + b"\x04\n"
    s.setblocking(False)
    off, tail = 0, b""
    while True:
        r, w, _ = select.select([s], [s] if off < len(out) else [], [])
        if r:
            data = s.recv(65536)
            if not data:
                break
            tail = (tail + data)[-200:]
        if w:
            off += s.send(out[off : off + 65536])
    assert f"{len(lines)} zones".encode() in tail, tail


def timed(add, last):
    start = time.monotonic()
    add()
    wait_served(last)
    return time.monotonic() - start


def ours(tag, n):
    z = names(tag, n)
    path = os.path.join(work, tag)
    with open(path, "w") as f:
        f.writelines(f"{x} {pattern}\n" for x in z)
    t = timed(lambda: subprocess.run([ctl, "add", "--from", path], check=True, stdout=subprocess.DEVNULL), z[-1])
    # the others too: the last of the list need not be the last served
    for x in z[:: max(1, n // 50)]:
        wait_served(x)
    with open(path, "w") as f:
        f.writelines(f"{x}\n" for x in z)
    subprocess.run([ctl, "del", "--from", path, "--wait=300"], check=True, stdout=subprocess.DEVNULL)
    return t


def bulk(tag, n):
    z = names(tag, n)
    t = timed(lambda: duplex("addzones", [f"{x} bench" for x in z]), z[-1])
    duplex("delzones", z)
    wait_gone(z[-1])
    return t


def loop(tag, n):
    z = names(tag, n)
    script = os.path.join(work, "loop.sh")
    with open(script, "w") as f:
        f.writelines(f"nsd-control -c {conf} addzone {x} bench >/dev/null\n" for x in z)
    t = timed(lambda: subprocess.run(["sh", script], check=True), z[-1])
    duplex("delzones", z)
    wait_gone(z[-1])
    return t


def line(what, ratios, rate):
    ratios.sort()
    print(f"{what:<58} {statistics.median(ratios):6.2f}  ({ratios[0]:.2f} .. {ratios[-1]:.2f})  {rate:8.0f} zones/s", flush=True)


for n in counts:
    rounds = 3
    rows = [(ours(f"o{n}r{r}x", n), bulk(f"b{n}r{r}x", n)) for r in range(rounds)]
    best = n / min(o for o, _ in rows)
    line(f"NSD, {n} zones until served / bulk addzones", [b / o for o, b in rows], best)
    k = min(n, 300)  # the loop's rate hardly depends on the count
    per_zone = [loop(f"l{n}r{r}x", k) / k for r in range(rounds)]
    line(f"NSD, {n} zones until served / loop of nsd-control", [p * n / o for p, (o, _) in zip(per_zone, rows)], best)
