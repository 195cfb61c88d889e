# SPDX-License-Identifier: BSD-2-Clause
"""What an agent costs by the number of its members: one agent for each number, with
the driver `null`, side by side on one disk.

    scale.py N...        the first is what the others are compared with

What the environment is to hold is in bench/run.
"""
import os, shutil, socket, statistics, struct, subprocess, sys, time
import dns.message, dns.name, dns.rcode, dns.query, dns.rdatatype, dns.tsigkeyring, dns.update

env = os.environ
work, build, C, keyfile = env["T"] + "/scale", env["B"], env["NSHERD_CATALOG"], env["NSHERD_KEY"]
text = open(keyfile).read()
keyname = text.split('key "')[1].split('"')[0]
ring = dns.tsigkeyring.from_text({keyname: ("hmac-sha256", text.split('secret "')[1].split('"')[0])})
CHANGES = 100  # UPDATEs of a sample, one after the other
rounds = int(env.get("ROUNDS", "3"))


def line(what, values, rest=""):
    v = sorted(values)
    print(f"{what:<76} {statistics.median(v):7.2f}  ({v[0]:.2f} .. {v[-1]:.2f})  {rest}", flush=True)


class Agent:
    def __init__(self, n, port):
        self.n, self.port, self.dir, self.next = n, port, f"{work}/{n}", 0
        os.makedirs(self.dir)
        with open(f"{self.dir}/nsherd.conf", "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(
                f"[agent]\nname = n{n}\nlisten = 127.0.0.1@{port}\nstate-dir = {self.dir}/state\n"
                f"pattern-dir = {env['T']}/patterns\nlog = info\n\n[key {keyname}]\nfile = {keyfile}\n"
                f"allow = read, update, command\n\n[catalog main]\nname = {C}\nguard-remove = off\n\n"
                "[backend null]\ndriver = null\n"
            )

    def start(self):
        """Seconds until its first answer."""
        wire = self.question(C, "SOA")
        with open(f"{self.dir}/log", "a") as log:
            begun = time.monotonic()
            self.child = subprocess.Popen([f"{build}/nsherdd", "-c", f"{self.dir}/nsherd.conf"], stderr=log)
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("127.0.0.1", self.port))
        s.settimeout(0.0005)
        while True:
            try:
                s.send(wire)
                s.recv(4096)
                break
            except (ConnectionRefusedError, socket.timeout):
                if self.child.poll() is not None:
                    sys.exit(f"bench: nsherdd ended: {open(self.dir + '/log').read()[-500:]}")
        return time.monotonic() - begun

    def stop(self):
        self.child.terminate()
        self.child.wait()

    def question(self, name, kind):
        q = dns.message.make_query(name, kind, flags=0)
        q.use_tsig(ring, dns.name.from_text(keyname))
        return q.to_wire()

    def connect(self):
        self.s = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ctl(self, *args):
        e = dict(env, NSHERD_SERVER=f"127.0.0.1@{self.port}")
        t = time.monotonic()
        r = subprocess.run([f"{build}/nsherdctl", *args], env=e, capture_output=True, text=True)
        if r.returncode != 0:
            sys.exit(f"bench: nsherdctl {args[0]}: {(r.stdout + r.stderr)[-500:]}")
        return time.monotonic() - t, r.stdout

    def cpu(self):
        ns = 0
        for task in os.listdir(f"/proc/{self.child.pid}/task"):
            with open(f"/proc/{self.child.pid}/task/{task}/schedstat") as f:
                ns += int(f.read().split()[0])
        return ns / 1e9

    def resident(self):
        """MB that are no mapped file: RssAnon."""
        with open(f"/proc/{self.child.pid}/status") as f:
            return next(int(x.split()[1]) for x in f if x.startswith("RssAnon")) / 1024

    def load(self):
        path = f"{self.dir}/list"
        with open(path, "w") as f:
            f.writelines(f"m{i:07d}.scale.example shared\n" for i in range(self.n))
        seconds, _ = self.ctl("add", "--from", path)
        begun = time.monotonic()
        self.settle()
        print(f"# {self.n} members: added in {seconds:.1f} s, applied {time.monotonic() - begun:.1f} s later", flush=True)

    def settle(self):
        """Until the backend has applied what the catalog has, and the status is written."""
        last, end = None, time.monotonic() + 600
        while True:
            if time.monotonic() > end:
                sys.exit(f"bench: not applied: {last}")
            r = dns.query.udp(self.message(C, "SOA"), "127.0.0.1", 30, self.port)
            want = f"applied={r.answer[0][0].serial}"
            r = dns.query.udp(self.message(f"null._backend._status.{C}", "TXT"), "127.0.0.1", 30, self.port)
            now = r.answer[0].to_text() if r.answer else ""
            if want in now and now == last:
                return
            last = now
            time.sleep(0.3)

    def message(self, name, kind):
        q = dns.message.make_query(name, kind, flags=0)
        q.use_tsig(ring, dns.name.from_text(keyname))
        return q

    def changes(self, n=CHANGES):
        """Processor seconds of the agent and seconds, both for each of n UPDATEs."""
        self.connect()  # anew, as the agent closes one that is not used
        wires = []
        for _ in range(n):
            self.next += 1
            u = dns.update.UpdateMessage(C, keyring=ring, keyname=keyname)
            u.add(f"c{self.next}.zones", 0, "PTR", f"c{self.next}.changes.example.")
            u.add(f"group.c{self.next}.zones", 0, "TXT", "shared")
            w = u.to_wire()
            wires.append(struct.pack("!H", len(w)) + w)
        cpu, t = self.cpu(), time.monotonic()
        for w in wires:
            self.s.sendall(w)
            r = self.receive()
            if r[3] & 15:
                sys.exit(f"bench: an UPDATE is refused: {r[3] & 15}")
        t = time.monotonic() - t
        self.settle()  # the backend has its part in it
        return (self.cpu() - cpu) / n, t / n

    def receive(self):
        out = b""
        while len(out) < 2 or len(out) < 2 + struct.unpack("!H", out[:2])[0]:
            got = self.s.recv(65537)
            if not got:
                sys.exit("bench: the agent closed the connection")
            out += got
        return out[2:]

    def ixfr(self):
        """Seconds of a transfer of the last change."""
        self.connect()
        soa = dns.query.udp(self.message(C, "SOA"), "127.0.0.1", 30, self.port).answer[0][0]
        q = dns.message.make_query(C, "IXFR", flags=0)
        rr = dns.rrset.from_text(C + ".", 0, "IN", "SOA", f"invalid. invalid. {soa.serial - 1} 0 0 0 0")
        q.authority.append(rr)
        q.use_tsig(ring, dns.name.from_text(keyname))
        wire = q.to_wire()
        t = time.monotonic()
        self.s.sendall(struct.pack("!H", len(wire)) + wire)
        r = self.receive()
        t = time.monotonic() - t
        if struct.unpack("!H", r[6:8])[0] > 12:
            sys.exit("bench: this is no IXFR of one change")
        return t

    def serial(self, zone):
        return dns.query.udp(self.message(zone, "SOA"), "127.0.0.1", 30, self.port).answer[0][0].serial

    def ixfr_of(self, zone):
        """Seconds of a transfer, from the agent's own zone, of what one UPDATE changed there."""

        def ask(since):
            q = dns.message.make_query(zone, "IXFR", flags=0)
            q.authority.append(dns.rrset.from_text(zone + ".", 0, "IN", "SOA", f"invalid. invalid. {since} 0 0 0 0"))
            q.use_tsig(ring, dns.name.from_text(keyname))
            wire = q.to_wire()
            t = time.monotonic()
            self.s.sendall(struct.pack("!H", len(wire)) + wire)
            r = self.receive()
            return time.monotonic() - t, struct.unpack("!H", r[6:8])[0]

        self.connect()
        since = self.serial(zone)
        ask(since)  # from now on it keeps what was
        self.changes(1)
        self.connect()
        seconds, records = ask(since)
        if not 3 < records < 60:
            sys.exit(f"bench: {records} records are no IXFR of one change of {zone}")
        return seconds

    def reconcile(self):
        """Seconds, as the agent has them in its log."""

        def ended():
            with open(f"{self.dir}/log") as f:
                return [x for x in f if "reconcile=end" in x]

        before, end = len(ended()), time.monotonic() + 600
        self.ctl("reconcile")
        while len(ended()) == before:
            if time.monotonic() > end:
                sys.exit("bench: no reconcile")
            time.sleep(0.05)
        last = dict(x.split("=") for x in ended()[-1].split() if "=" in x)
        if int(last["zones"]) < self.n:
            sys.exit(f"bench: a reconcile of {last['zones']}")
        return int(last["ms"]) / 1000

    def sync(self):
        """Seconds of a sync that finds one difference."""
        _, out = self.ctl("export")
        rows = out.splitlines()
        self.next += 1
        path = f"{self.dir}/sync"
        with open(path, "w") as f:
            f.write("\n".join(rows + [f"s{self.next}.sync.example shared"]) + "\n")
        seconds, _ = self.ctl("sync", path, "--yes")
        return seconds

    def sizes(self):
        return [os.stat(f"{self.dir}/state/{x}.mdb").st_blocks / 2048 for x in ("catalog", "status")]


def against(what, agents, measure, scale, unit, n=None):
    """In turn, round by round; each against the first."""
    values = {a.n: [] for a in agents}
    for _ in range(n or rounds):
        for a in agents:
            values[a.n].append(measure(a))
    first = values[agents[0].n]
    for a in agents[1:]:
        ratios = [x / y for x, y in zip(values[a.n], first)]
        line(
            f"{what}: {a.n} members / {agents[0].n}", ratios,
            f"{statistics.median(values[a.n]) * scale:.2f} {unit} : {statistics.median(first) * scale:.2f}",
        )


def main():
    shutil.rmtree(work, ignore_errors=True)
    agents = []
    for i, n in enumerate(sys.argv[1:]):
        agents.append(Agent(int(n), int(env["SCALE_PORTS"].split()[i])))
    try:
        for a in agents:
            a.start()
            a.load()
        for a in agents:
            line(f"{a.n} members: resident memory that is no mapped file, MB", [a.resident()], "after they were added")
        costs = {a.n: [] for a in agents}
        for _ in range(rounds):
            for a in agents:
                costs[a.n].append(a.changes())
        for nr, what, unit in ((0, "processor time of one UPDATE, deployed", "us"), (1, "one UPDATE, answered", "us")):
            for a in agents[1:]:
                first = costs[agents[0].n]
                ratios = [x[nr] / y[nr] for x, y in zip(costs[a.n], first)]
                line(
                    f"{what}: {a.n} members / {agents[0].n}", ratios,
                    f"{statistics.median(x[nr] for x in costs[a.n]) * 1e6:.0f} {unit} : {statistics.median(x[nr] for x in first) * 1e6:.0f}",
                )
        against("IXFR of one change", agents, Agent.ixfr, 1000, "ms", 5 * rounds)
        for zone in ("_status", "_log"):
            against(f"IXFR of one change of {zone}", agents, lambda a: a.ixfr_of(f"{zone}.{C}"), 1000, "ms", 2 * rounds)
        def again(a):
            a.stop()
            return a.start()

        against("start until the first answer", agents, again, 1000, "ms")
        for a in agents:
            a.settle()
        for a in agents:
            line(f"{a.n} members: resident memory that is no mapped file, MB", [a.resident()], "after a start")
        for a in agents:
            seconds = [a.reconcile() for _ in range(rounds)]
            rate = f"{a.n / max(statistics.median(seconds), 0.001):.0f} zones/s, {a.resident():.1f} MB that are no mapped file"
            line(f"{a.n} members: reconcile with a list of as many, s", seconds, rate)
        for a in agents:
            catalog, status = a.sizes()
            line(f"{a.n} members: files, MB", [catalog + status], f"catalog.mdb {catalog:.1f}, status.mdb {status:.1f}")
        against("sync with one difference", agents, Agent.sync, 1, "s", 1)
        for a in agents[1:]:
            for what, zone in (("AXFR", C), ("AXFR of _status", f"_status.{C}")):
                subprocess.run([f"{build}/bench/axfr", f"{what}, {a.n} members", str(rounds), str(a.port), keyfile, zone], check=True)
        for a in agents:
            line(f"{a.n} members: resident memory that is no mapped file, MB", [a.resident()], "after transfers")
    finally:
        for a in agents:
            if hasattr(a, "child"):
                a.stop()


main()
