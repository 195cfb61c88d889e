# SPDX-License-Identifier: BSD-2-Clause
"""Zones per second until a server serves the last of them: through nsherdctl and
the agent, against the server's fastest native ways and a shell loop of its own
tool. In turn, in one run, with the same names and the same zone file, each time
on a server and an agent that begin anew and serve one zone.

    servers.py KIND served COUNT...    COUNT zones until served
    servers.py KIND removed COUNT...   the same zones until they are gone
    servers.py KIND single COUNT       one more where so many are served
    servers.py KIND lost COUNT         so many added and removed amid 5,000 queries a second

When the last zone is served is asked of the server itself (served.c). What the
environment is to hold is in bench/run.
"""
import atexit, os, shutil, signal, socket, statistics, struct, subprocess, sys, time
import dns.tsigkeyring, dns.update

from native import KINDS

LOOP_MAX = 200  # zones of a shell loop
WARM = "warm.bench.example"

env = os.environ
build, work = env["B"], env["T"]
running = []  # what is to be stopped whatever happens


def stop_all():
    for process in running:
        if process.poll() is None:
            process.terminate()
            process.wait()


def names(n, sample):
    return [f"z{sample:02d}{i:06d}.bench.example" for i in range(n)]


class Watch:
    """Asks for zones from now on."""

    def __init__(self, server, zones, gone=False):
        path = f"{work}/asked"
        with open(path, "w") as f:
            f.writelines(f"{z}\n" for z in zones)
        self.asker = subprocess.Popen([f"{build}/bench/served", *(["-g"] if gone else []), str(server.port), path], stdout=subprocess.PIPE, text=True)
        running.append(self.asker)
        self.asker.stdout.readline()

    def served(self):
        """The time when the last was served, in ns."""
        out = self.asker.stdout.readline().split()
        self.asker.wait()
        running.remove(self.asker)
        if not out:
            sys.exit("bench: zones are not served, or not gone")
        return int(out[0])


def timed(server, zones, act, gone=False):
    watch = Watch(server, zones, gone)
    start = time.monotonic_ns()
    act()
    return max(watch.served() - start, 1) / 1e9


# -- the ways ----------------------------------------------------------------------


class Agent:
    def __init__(self, server):
        self.server = server

    def __enter__(self):
        shutil.rmtree(f"{work}/state", ignore_errors=True)
        with open(f"{work}/nsherdd.log", "a") as log:
            self.child = subprocess.Popen([f"{build}/nsherdd", "-c", f"{work}/nsherd.conf"], stderr=log)
        running.append(self.child)
        warm = [f"{build}/nsherdctl", "add", WARM, "-p", "shared"]
        end = time.monotonic() + 30
        while subprocess.run(warm, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            if time.monotonic() > end:
                sys.exit("bench: the agent does not answer")
            time.sleep(0.05)
        Watch(self.server, [WARM]).served()
        subprocess.run([f"{build}/nsherdctl", "wait", WARM, "--timeout", "60"], check=True, stdout=subprocess.DEVNULL)
        return self

    def add(self, zones):
        return self.from_file("add", (f"{z} shared\n" for z in zones))

    def remove(self, zones):
        return self.from_file("del", (f"{z}\n" for z in zones))

    def from_file(self, verb, lines):
        path = f"{work}/list"
        with open(path, "w") as f:
            f.writelines(lines)
        command = [f"{build}/nsherdctl", verb, "--from", path]
        return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def settle(self, zones):
        """The agent has all of them confirmed by and by; meanwhile it has work."""
        command = [f"{build}/nsherdctl", "wait", zones[-1], "--timeout", "600"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        time.sleep(1)

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        running.remove(self.child)


class Bare:
    def __init__(self, server, way):
        self.server, (self.add, self.remove) = server, way

    def __enter__(self):
        timed(self.server, [WARM], self.add([WARM]))
        return self

    def settle(self, zones):
        pass

    def __exit__(self, *_):
        pass


def session(server, n, samples, way=None, method=None, gone=False):
    """Seconds of each sample, on a server that begins anew. gone: of the removals."""
    server.members = [WARM] + [z for i in range(samples) for z in names(n, i)]
    server.start(way)
    running.append(server.child)
    Watch(server, ["static.example"]).served()
    out = []
    with Bare(server, method) if method else Agent(server) as by:
        for i in range(samples):
            time.sleep(0.3)  # what the last sample left behind
            zones = names(n, i)
            seconds = timed(server, zones, by.add(zones))
            if gone:
                by.settle(zones)
                seconds = timed(server, zones, by.remove(zones), True)
            out.append(seconds)
    running.remove(server.child)
    server.stop()
    return out


# -- the lines ---------------------------------------------------------------------


def line(server, n, until, what, ours, theirs, k):
    """ours: seconds for n zones; theirs: seconds for k. Those of a round are compared."""
    ratios = sorted(theirs[i * len(theirs) // len(ours)] / k * n / o for i, o in enumerate(ours))
    few = f" of {k}" if k != n else ""
    print(
        f"{f'{server.name}, {n} until {until} / {what}{few}':<76} {statistics.median(ratios):7.2f}"
        f"  ({ratios[0]:.2f} .. {ratios[-1]:.2f})  {n / statistics.median(ours):8.0f} zones/s"
        f" : {k / statistics.median(theirs):.0f}",
        flush=True,
    )


def compare(server, n, gone=False):
    """WAYS: only those in whose name one of these words is."""
    rounds = int(env.get("ROUNDS", 3))
    samples = 5 if n <= 10 else 3 if n <= 1000 else 1
    words = env.get("WAYS", "").split()
    wanted = lambda way: not words or any(w in way for w in words)
    tool = server.tools[gone]
    ways = {w: m for w, m in server.ways.items() if wanted(w) and m[gone]}
    ours, native, loops = [], {way: [] for way in ways}, []
    k = min(n, LOOP_MAX)
    for _ in range(rounds):
        ours += session(server, n, samples, gone=gone)
        for way, method in ways.items():
            native[way] += session(server, n, samples, way, method, gone)
        if wanted("loop of " + tool):
            loop = (server.ways_first()[0] if gone else server.loop, server.unloop)
            loops += session(server, k, samples if n <= 10 else 1, "loop", loop, gone)
    until = "gone" if gone else "served"
    for way in ways:
        line(server, n, until, way, ours, native[way], n)
    if loops:
        line(server, n, until, f"loop of {tool}", ours, loops, k)


def removed(server, n):
    compare(server, n, True)


class Client:
    """One that is there already, with a connection to the agent."""

    def __init__(self):
        text = open(env["NSHERD_KEY"]).read()
        self.name = text.split('key "')[1].split('"')[0]
        self.ring = dns.tsigkeyring.from_text({self.name: ("hmac-sha256", text.split('secret "')[1].split('"')[0])})
        host, port = env["NSHERD_SERVER"].split("@")
        self.s = socket.create_connection((host, int(port)), timeout=30)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def add(self, zone):
        """Returns when it was sent and when it was accepted, in ns."""
        u = dns.update.UpdateMessage(env["NSHERD_CATALOG"], keyring=self.ring, keyname=self.name)
        node = zone.split(".")[0]
        u.add(f"{node}.zones", 0, "PTR", zone + ".")
        u.add(f"group.{node}.zones", 0, "TXT", "shared")
        wire = u.to_wire()
        sent = time.monotonic_ns()
        self.s.sendall(struct.pack("!H", len(wire)) + wire)
        reply = self.s.recv(4096)
        now = time.monotonic_ns()
        assert len(reply) > 14 and reply[5] & 15 == 0, reply
        return sent, now


def single(server, n):
    """One zone where n are served: from our NOERROR, or when the others begin, until it is served."""
    samples = int(env.get("SAMPLES", 15))
    ways = {f"one {server.tools[0]}": server.loop, "its bare protocol": server.single}
    ours, whole, theirs = [], [], {w: [] for w in ways}
    server.start()
    running.append(server.child)
    Watch(server, ["static.example"]).served()
    with Agent(server) as agent:
        zones = [f"s{i:07d}.bench.example" for i in range(n)]
        print(f"# {server.name}: {n} zones are served after {timed(server, zones, agent.add(zones)):.1f} s", flush=True)
        time.sleep(3)  # the agent has them confirmed by and by, as on any server
        client = Client()
        for i in range(samples):
            zone = f"one{i:04d}.bench.example"
            watch = Watch(server, [zone])
            sent, accepted = client.add(zone)
            served = watch.served()
            ours.append(max(served - accepted, 1) / 1e9)
            whole.append((served - sent) / 1e9)
            time.sleep(0.5)
            for nr, (way, method) in enumerate(ways.items()):
                zone = [f"by{nr}x{i:04d}.bench.example"]
                theirs[way].append(timed(server, zone, method(zone)))
                time.sleep(0.2)
    running.remove(server.child)
    server.stop()
    for way in ways:
        ratios = sorted(o / t for o, t in zip(ours, theirs[way]))
        print(
            f"{f'{server.name}, one zone where {n} are served, NOERROR to served / {way}':<76} {statistics.median(ratios):7.2f}"
            f"  ({ratios[0]:.2f} .. {ratios[-1]:.2f})  {statistics.median(ours) * 1e3:.1f} ms : {statistics.median(theirs[way]) * 1e3:.1f}"
            f", from the UPDATE on {statistics.median(whole) * 1e3:.1f}",
            flush=True,
        )


class Load:
    """5,000 queries a second for a zone that stays."""

    def __init__(self, server):
        path = f"{work}/queries"
        with open(path, "w") as f:
            f.write("static.example SOA\n")
        command = ["dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d", path]
        command += ["-Q", "5000", "-l", "3600", "-t", "1", "-c", "2"]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        running.append(self.child)
        time.sleep(1)

    def end(self):
        """How many had no answer within 1 s, of how many, and the slowest."""
        self.child.send_signal(signal.SIGINT)
        out = self.child.communicate()[0]
        running.remove(self.child)
        fields = dict((k.strip(), v) for k, _, v in (x.partition(":") for x in out.splitlines()))
        slowest = out.split("max ")[1].split(")")[0] if "max " in out else "?"
        return int(fields["Queries lost"].split()[0]), int(fields["Queries sent"].split()[0]), slowest


def lost(server, n):
    """Amid queries, through the agent; by the server's own way; and while nothing is done."""
    server.start()
    running.append(server.child)
    Watch(server, ["static.example"]).served()
    zones = names(n, 0)
    with Agent(server) as agent:
        act = agent.add(zones)
        load = Load(server)
        seconds = timed(server, zones, act)
        added = load.end()
        with open(f"{work}/gone", "w") as f:
            f.writelines(f"{z}\n" for z in zones)
        load = Load(server)
        begun = time.monotonic()
        subprocess.run([f"{build}/nsherdctl", "del", "--from", f"{work}/gone", "--wait=900"], check=True, stdout=subprocess.DEVNULL)
        gone = time.monotonic() - begun
        removed = load.end()
    load = Load(server)
    time.sleep(seconds + gone)
    nothing = load.end()
    more = names(n, 1)
    act = server.ways_first()[0](more)
    load = Load(server)
    timed(server, more, act)
    native = load.end()
    running.remove(server.child)
    server.stop()
    print(
        f"{f'{server.name}, queries lost at 5,000 q/s, {n} zones added and removed':<76} {added[0] + removed[0]:7d}"
        f"  (added in {seconds:.1f} s: {added[0]} of {added[1]}; removed in {gone:.1f} s: {removed[0]} of {removed[1]});"
        f" nothing done: {nothing[0]} of {nothing[1]}; {next(iter(server.ways))}, added only: {native[0]} of {native[1]}",
        flush=True,
    )


def main():
    atexit.register(stop_all)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = KINDS[sys.argv[1]](env["SERVER_DIR"], int(env["SERVER_PORT"]), int(env["SERVER_CONTROL"]), env["CONTROL_SECRET"])
    for n in sys.argv[3:]:
        modes = {"served": compare, "removed": removed, "single": single, "lost": lost}
        modes[sys.argv[2]](server, int(n))


if __name__ == "__main__":
    main()
