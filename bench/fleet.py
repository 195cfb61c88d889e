# SPDX-License-Identifier: BSD-2-Clause
"""A hub and N followers on one machine, each an agent of its own with a backend that
takes everything: how long until one change, and then many at once, are applied by
all of them, and what an agent costs.

    fleet.py DIRECTORY [N [ZONES]]    states and logs go below DIRECTORY

Time is taken here, from the moment before the UPDATE is sent to the moment when the
last agent says that its backend has applied the serial. All agents have one key, so
that one signed question does for all: asking costs them little, and this next to
nothing. What the environment is to hold is in bench/run.
"""
import os, select, shutil, socket, statistics, struct, subprocess, sys, time
import dns.exception, dns.message, dns.name, dns.query, dns.rcode, dns.rdatatype, dns.tsigkeyring, dns.update

work, n_agents = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
n_zones = int(sys.argv[3]) if len(sys.argv) > 3 else 10000
env = os.environ
C = env["NSHERD_CATALOG"]
keyfile = env["NSHERD_KEY"]
secret = open(keyfile).read().split('secret "')[1].split('"')[0]
keyname = open(keyfile).read().split('key "')[1].split('"')[0]
ring = dns.tsigkeyring.from_text({keyname: ("hmac-sha256", secret)})
fstype = subprocess.run(["df", "--output=fstype", work], capture_output=True, text=True).stdout.split()[-1]
processes = []  # the hub is the first


def free_ports(n):
    """Free for UDP and TCP now."""
    base = int(env.get("FLEET_PORT", "24000"))
    ports = []
    for p in range(base, 32000):
        socks = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        try:
            for s in socks:
                s.bind(("127.0.0.1", p))
            ports.append(p)
        except OSError:
            pass
        for s in socks:
            s.close()
        if len(ports) == n:
            return ports
    sys.exit("bench: no ports left")


def start(i, ports):
    name = "hub" if i == 0 else f"f{i}"
    here = f"{work}/{name}"
    role = "primary" if i == 0 else f"follower\nprimaries = 127.0.0.1@{ports[0]} key {keyname}"
    told = "".join(f"notify = 127.0.0.1@{p} key {keyname}\n" for p in ports[1:]) if i == 0 else ""
    with open(f"{here}.conf", "w") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(
            f"[agent]\nname = {name}\nlisten = 127.0.0.1@{ports[i]}\nstate-dir = {here}.state\n"
            f"pattern-dir = {work}/patterns\nlog = warn\n\n[key {keyname}]\nfile = {keyfile}\n"
            f"allow = read, update\n\n[catalog main]\nname = {C}\nrole = {role}\nguard-remove = off\n{told}\n"
            "[backend null]\ndriver = null\n"
        )
    with open(f"{here}.log", "w") as log:
        processes.append(subprocess.Popen([f"{env['B']}/nsherdd", "-c", f"{here}.conf"], stderr=log))


# -- asking -----------------------------------------------------------------------

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)


def wait_for(ports, serial, seconds):
    """Until the backend of each has applied it; the times of all, in s since start."""
    what = f"applied={serial}".encode()
    left, times, start = set(ports), {}, time.monotonic()
    while left:
        # asked again every 20 ms, signed anew each time
        q = dns.message.make_query(f"null._backend._status.{C}", "TXT", flags=0)
        q.use_tsig(ring, dns.name.from_text(keyname))
        wire = q.to_wire()
        for p in left:
            sock.sendto(wire, ("127.0.0.1", p))
        until = time.monotonic() + 0.02
        while (pause := until - time.monotonic()) > 0 and left:
            if not select.select([sock], [], [], pause)[0]:
                break
            answer, (_, p) = sock.recvfrom(65535)
            if p in left and what in answer:
                times[p] = time.monotonic() - start
                left.discard(p)
        if time.monotonic() - start > seconds:
            sys.exit(f"bench: {len(left)} of {len(ports)} agents have not applied {serial} in {seconds} s")
    return times


def read_serial(port):
    q = dns.message.make_query(C, "SOA", flags=0)
    q.use_tsig(ring, dns.name.from_text(keyname))
    for _ in range(60):  # the hub is one of 200 that want two processors
        try:
            return dns.query.udp(q, "127.0.0.1", 2, port).answer[0][0].serial
        except dns.exception.Timeout:
            pass
    sys.exit("bench: the hub does not answer")


class Hub:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.n = 0

    def message(self, count):
        u = dns.update.UpdateMessage(C, keyring=ring, keyname=keyname)
        for _ in range(count):
            self.n += 1
            u.add(f"m{self.n}.zones", 0, "PTR", f"m{self.n}.fleet.example.")
            u.add(f"group.m{self.n}.zones", 0, "TXT", "shared")
        return u

    def send(self, messages):
        """All at once, then their replies."""
        wires = [u.to_wire() for u in messages]
        t = time.monotonic()
        self.s.sendall(b"".join(struct.pack("!H", len(w)) + w for w in wires))
        for u in messages:
            r = dns.query.receive_tcp(self.s, keyring=ring, request_mac=u.mac)[0]
            assert r.rcode() == dns.rcode.NOERROR, r
        return t


# -- what they cost ------------------------------------------------------------------


def cpu_ms(p):
    ns = 0
    for task in os.listdir(f"/proc/{p.pid}/task"):
        with open(f"/proc/{p.pid}/task/{task}/schedstat") as f:
            ns += int(f.read().split()[0])
    return ns / 1e6


def memory_kb(p, key="RssAnon"):
    with open(f"/proc/{p.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key))


def switches(p):
    n = 0
    for task in os.listdir(f"/proc/{p.pid}/task"):
        with open(f"/proc/{p.pid}/task/{task}/status") as f:
            n += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
    return n


def median(values):
    return statistics.median(values)


# -- the lines ------------------------------------------------------------------------


def line(what, times, rest):
    print(f"{what:<76} {median(times):7.3f}  ({min(times):.3f} .. {max(times):.3f})  {rest}", flush=True)


def change(hub, ports, messages):
    """Seconds until applied by the first, half, and all; CPU of the followers and the hub."""
    before = [cpu_ms(p) for p in processes]
    serial = read_serial(ports[0])
    t = hub.send(messages)
    sent = time.monotonic() - t
    serial = read_serial(ports[0])
    times = sorted(x + sent for x in wait_for(ports[1:], serial, 120).values())
    after = [cpu_ms(p) for p in processes]
    cost = [b - a for a, b in zip(before, after)]
    return times[-1], times[0], median(times), median(cost[1:]), cost[0]


def main():
    os.makedirs(f"{work}/patterns", exist_ok=True)
    shutil.copy(f"{env['T']}/patterns/shared.ini", f"{work}/patterns")
    ports = free_ports(n_agents + 1)
    begun = time.monotonic()
    for i in range(len(ports)):
        start(i, ports)
    up = time.monotonic()
    hub = None
    while hub is None:
        try:
            hub = Hub(ports[0])
        except OSError:
            time.sleep(0.05)
    hub.send([hub.message(1)])
    wait_for(ports, read_serial(ports[0]), 300)
    what = f"{n_agents} agents, {fstype}"
    print(f"# {what}: started in {time.monotonic() - begun:.1f} s", flush=True)

    time.sleep(5)
    before, woken = [cpu_ms(p) for p in processes], [switches(p) for p in processes]
    time.sleep(10)
    idle = [(b - a) / 10 for a, b in zip(before, [cpu_ms(p) for p in processes])]
    wakes = [(b - a) / 10 for a, b in zip(woken, [switches(p) for p in processes])]
    rss = [memory_kb(p) / 1024 for p in processes[1:]]
    fds = [len(os.listdir(f"/proc/{p.pid}/fd")) for p in processes[1:]]
    line(f"{what}, idle: CPU of an agent, ms a second", idle[1:], f"{median(wakes[1:]):.1f} wakes a second")
    line(f"{what}, idle: resident memory of its own, MB", rss, f"{median(fds):.0f} descriptors, hub {memory_kb(processes[0]) / 1024:.1f} MB")

    rounds = []
    for _ in range(int(env.get("ROUNDS", "3")) * 3):
        rounds.append(change(hub, ports, [hub.message(1)]))
        time.sleep(0.5)
    last, first, half, cost, of_hub = zip(*rounds)
    line(f"{what}, one change: seconds until all have applied it", last, f"first {median(first):.3f}, half {median(half):.3f}")
    line(f"{what}, one change: CPU of an agent, ms", cost, f"hub {median(of_hub):.0f} ms")

    last, first, half, cost, of_hub = change(hub, ports, [hub.message(100) for _ in range(n_zones // 100)])
    line(f"{what}, {n_zones} zones: seconds until all have applied them", [last], f"first {first:.3f}, half {half:.3f}")
    rss = [memory_kb(p) / 1024 for p in processes[1:]]
    line(f"{what}, {n_zones} zones: resident memory of its own, MB", rss, f"CPU {cost:.0f} ms, hub {of_hub:.0f} ms")


try:
    main()
finally:
    for p in processes:
        p.terminate()
    for p in processes:
        p.wait()
