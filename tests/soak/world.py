# SPDX-License-Identifier: BSD-2-Clause
"""What runs, and how it is: processes that can be killed and frozen, since when each
has been left alone, what was done to it, and how the soak ends."""
import os, random, signal, struct, subprocess, threading, time

import dns.exception, dns.message, dns.query, dns.rcode, dns.tsigkeyring

C = "catalog.example"
LOST = (OSError, EOFError, dns.exception.DNSException, ValueError)


def key_of(path):
    """Name and keyring."""
    text = open(path).read()
    name = text.split('key "')[1].split('"')[0]
    return name, dns.tsigkeyring.from_text({name: ("hmac-sha256", text.split('secret "')[1].split('"')[0])})


class Process:
    """In a group of its own, since servers have children."""

    def __init__(self, name, argv, log, env=None):
        self.name, self.argv, self.log, self.env = name, argv, log, env
        self.child = None
        self.ours = True  # it is down because we will it
        self.started_at = 0.0

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env={**os.environ, **(self.env or {})}, start_new_session=True)
        self.ours = False
        self.started_at = time.time()

    def send(self, what):
        try:
            os.killpg(self.child.pid, what)
        except ProcessLookupError:
            pass

    def end(self, what=signal.SIGKILL):
        self.ours = True
        self.send(what)
        self.send(signal.SIGCONT)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.child.wait()
            return False
        self.send(signal.SIGKILL)  # its children
        return True

    def died(self):
        """Its exit status, if it ended by itself."""
        return None if self.ours or not self.child else self.child.poll()


class Node:
    """An agent or a server."""

    def __init__(self, name, port, process):
        self.name, self.port, self.process = name, port, process
        self.active = set()  # faults that last
        self.hit_at = time.time()
        self.hit_by = "start"
        self.clock_hit_at = 0.0

    def hit(self, what):
        self.hit_at, self.hit_by = time.time(), what

    def calm(self):
        """Seconds since it was last left alone."""
        return 0.0 if self.active else time.time() - self.hit_at


class Agent(Node):
    def __init__(self, world, name, server, port):
        conf = f"{world.dir}/{name}.conf"
        env = {"SOAK_DIALS": f"{world.dir}/{name}.dials", "ASAN_OPTIONS": f"log_path={world.dir}/san",
               "UBSAN_OPTIONS": f"log_path={world.dir}/san"}
        if os.environ["SOAK_PRELOAD"]:
            env["LD_PRELOAD"] = os.environ["SOAK_PRELOAD"]
        argv = [os.environ["B"] + "/nsherdd", "-c", conf]
        super().__init__(name, int(port), Process(name, argv, f"{world.dir}/agent-{name}.log", env))
        self.backend = server
        self.is_hub = name == "hub"

    def dial(self, world, clock_s=0, sync_ms=0):
        with open(f"{world.dir}/{self.name}.dials", "r+b") as f:
            f.write(struct.pack("=qQ", clock_s * 1000, sync_ms))

    def usage(self):
        """Resident memory in MB, without mapped files, and descriptors."""
        pid = self.process.child.pid
        with open(f"/proc/{pid}/status") as f:
            rss = next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) / 1024
        return rss, len(os.listdir(f"/proc/{pid}/fd"))


class Server(Node):
    def __init__(self, world, name, agent, port, directory, argv):
        log = f"{world.dir}/{name}.log"
        super().__init__(name, int(port), Process(name, argv, log))
        self.agent, self.dir = agent, directory
        self.had_no_room = False  # since the last time of quiet
        self.deaths = 0


class Violation(Exception):
    pass


class World:
    def __init__(self):
        self.dir = os.environ["SOAK_DIR"]
        self.seed = int(os.environ["SOAK_SEED"])
        self.rng = random.Random(self.seed)
        self.begun = time.time()
        self.keys = {k: key_of(f"{self.dir}/{k}.key")
                     for k in ("ctl.example", "xfr.example", "narrow.example", "k0.example", "k1.example",
                               "k2.example", "k3.example")}
        self.agents = {}
        for line in open(f"{self.dir}/agents"):
            name, server, port = line.split()
            self.agents[name] = Agent(self, name, server, port)
        self.servers = {}
        for line in open(f"{self.dir}/servers"):
            name, agent, port, directory, *argv = line.split()
            self.servers[name] = Server(self, name, self.agents.get(agent), port, directory, argv)
        self.hub = self.agents["hub"]
        self.lock = threading.RLock()
        self.log = open(f"{self.dir}/events", "a", buffering=1)
        self.over = threading.Event()
        self.violation = None
        self.counts = {}
        self.recent = []

    def served(self):
        """The servers that have an agent."""
        return [s for s in self.servers.values() if s.agent]

    def count(self, what, n=1):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + n

    def note(self, text):
        line = f"{time.time() - self.begun:8.1f} {text}"
        self.log.write(line + "\n")
        with self.lock:
            self.recent = self.recent[-60:] + [line]

    def violated(self, what, evidence=""):
        """The first is what counts; all threads end."""
        with self.lock:
            if self.violation is None:
                recent = "\n".join(self.recent[-40:])
                self.violation = (f"VIOLATION after {time.time() - self.begun:.1f} s, seed {self.seed}: {what}\n"
                                  f"{evidence}\n--- what was done before\n{recent}")
                self.note(f"VIOLATION {what}")
        self.over.set()
        raise Violation(what)

    def tail(self, path, n=12):
        try:
            return "".join(open(path, errors="replace").readlines()[-n:])
        except OSError:
            return ""

    def look_at_processes(self):
        """An agent that ends by itself is a violation; a server that does is started again."""
        for a in self.agents.values():
            rc = a.process.died()
            if rc == 1 and time.time() < a.process.started_at + 30 and "storage is full" in self.tail(a.process.log, 3):
                # as its unit would: it is started until there is room
                self.count("starts that failed for a full disk")
                a.hit("a full disk at the start")
                a.process.start()
            elif rc is not None:
                self.violated(f"the agent {a.name} ended by itself with status {rc}", self.tail(a.process.log, 40))
        for s in self.servers.values():
            rc = s.process.died()
            if rc is not None:
                s.deaths += 1
                s.hit("it died")
                self.count(f"server died: {s.name}")
                self.note(f"{s.name} died with status {rc}: " + self.tail(s.process.log, 3).replace("\n", " | "))
                s.process.end()
                s.process.start()

    def relay(self, *order):
        fd = os.open(f"{self.dir}/relay", os.O_RDWR | os.O_NONBLOCK)
        os.write(fd, (" ".join(order) + "\n").encode())
        os.close(fd)


def ask(agent, key, name, rdtype, timeout=5.0):
    keyname, ring = key
    q = dns.message.make_query(name, rdtype, flags=0)
    q.use_tsig(ring, keyname)
    return dns.query.tcp(q, "127.0.0.1", port=agent.port, timeout=timeout)


def transfer(agent, key, name, lifetime=15.0):
    """(serial, [(owner, type, rdata)]) of an AXFR."""
    keyname, ring = key
    serial, out = None, []
    for m in dns.query.xfr("127.0.0.1", name, port=agent.port, keyring=ring, keyname=keyname,
                           relativize=False, lifetime=lifetime):
        for rrset in m.answer:
            for rd in rrset:
                if rrset.rdtype == 6:
                    serial = rd.serial
                else:
                    out.append((rrset.name.to_text(), rrset.rdtype, rd))
    return serial, out


def keys_of(rd):
    """A TXT of key=value."""
    return dict(s.decode(errors="replace").split("=", 1) for s in rd.strings if b"=" in s)


def status_of(agent, key):
    """({(zone, backend): values}, values of the apex)."""
    zones, apex = {}, {}
    for owner, rdtype, rd in transfer(agent, key, f"_status.{C}")[1]:
        if rdtype != 16:
            continue
        values = keys_of(rd)
        name = owner[: -len(f"_status.{C}.")].rstrip(".")
        if name == "":
            apex = values
        elif "state" in values and "id" in values:
            zones[name, values.get("backend")] = values
    return zones, apex
