# SPDX-License-Identifier: BSD-2-Clause
"""Zones per second until a server serves the last of them: through nsherdctl and
the agent, against the server's fastest native ways and a shell loop of its own
tool. In turn, in one run, with the same names and the same zone file, each time
on a server and an agent that begin anew and serve one zone.

    servers.py KIND COUNT...

When the last zone is served is asked of the server itself (served.c). What the
environment is to hold is in bench/run.
"""
import atexit, os, shutil, signal, statistics, subprocess, sys, time

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

    def __init__(self, server, zones):
        path = f"{work}/asked"
        with open(path, "w") as f:
            f.writelines(f"{z}\n" for z in zones)
        self.asker = subprocess.Popen([f"{build}/bench/served", str(server.port), path], stdout=subprocess.PIPE, text=True)
        running.append(self.asker)
        self.asker.stdout.readline()

    def served(self):
        """The time when the last was served, in ns."""
        out = self.asker.stdout.readline().split()
        self.asker.wait()
        running.remove(self.asker)
        if not out:
            sys.exit("bench: zones are not served")
        return int(out[0])


def timed(server, zones, act):
    watch = Watch(server, zones)
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
        return self.add

    def add(self, zones):
        path = f"{work}/list"
        with open(path, "w") as f:
            f.writelines(f"{z} shared\n" for z in zones)
        command = [f"{build}/nsherdctl", "add", "--from", path]
        return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        running.remove(self.child)


class Bare:
    def __init__(self, server, way):
        self.server, self.way = server, way

    def __enter__(self):
        timed(self.server, [WARM], self.way([WARM]))
        return self.way

    def __exit__(self, *_):
        pass


def session(server, n, samples, way=None, method=None):
    """Seconds of each sample, on a server that begins anew."""
    server.start(way)
    running.append(server.child)
    Watch(server, ["static.example"]).served()
    out = []
    with Bare(server, method) if method else Agent(server) as add:
        for i in range(samples):
            time.sleep(0.3)  # what the last sample left behind
            zones = names(n, i)
            out.append(timed(server, zones, add(zones)))
    running.remove(server.child)
    server.stop()
    return out


# -- the lines ---------------------------------------------------------------------


def line(server, n, what, ours, theirs, k):
    """ours: seconds for n zones; theirs: seconds for k. Those of a round are compared."""
    ratios = sorted(theirs[i * len(theirs) // len(ours)] / k * n / o for i, o in enumerate(ours))
    few = f" of {k}" if k != n else ""
    print(
        f"{f'{server.name}, {n} until served / {what}{few}':<76} {statistics.median(ratios):7.2f}"
        f"  ({ratios[0]:.2f} .. {ratios[-1]:.2f})  {n / statistics.median(ours):8.0f} zones/s"
        f" : {k / statistics.median(theirs):.0f}",
        flush=True,
    )


def compare(server, n):
    rounds = int(env.get("ROUNDS", 3))
    samples = 5 if n <= 10 else 3 if n <= 1000 else 1
    ours, native, loops = [], {way: [] for way in server.ways}, []
    k = min(n, LOOP_MAX)
    for _ in range(rounds):
        ours += session(server, n, samples)
        for way, method in server.ways.items():
            native[way] += session(server, n, samples, way, method)
        loops += session(server, k, samples if n <= 10 else 1, "loop", server.loop)
    for way in server.ways:
        line(server, n, way, ours, native[way], n)
    line(server, n, f"loop of {server.tool}", ours, loops, k)


def main():
    atexit.register(stop_all)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = KINDS[sys.argv[1]](env["SERVER_DIR"], int(env["SERVER_PORT"]), int(env["SERVER_CONTROL"]), env["CONTROL_SECRET"])
    for n in sys.argv[2:]:
        compare(server, int(n))


if __name__ == "__main__":
    main()
