# SPDX-License-Identifier: BSD-2-Clause
"""Faults: each a class with where it may strike, begin(), and end(), after which all is
as it was."""
import os, random, resource, shutil, signal, socket, struct, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))


class Fault:
    longest = 15  # seconds
    what = "process"  # of which a node has one fault at a time

    def __init__(self, world, node, rng):
        self.world, self.node, self.rng = world, node, rng
        self.detail = ""

    @classmethod
    def places(cls, world):
        return list(world.agents.values())

    def hits(self):
        return [self.node]

    def begin(self):
        pass

    def end(self):
        pass


class KillAgent(Fault):
    """SIGKILL, and started again after a while."""
    name, longest = "kill-agent", 6

    def begin(self):
        self.node.process.end(signal.SIGKILL)

    def end(self):
        self.node.process.start()


class StopAgent(KillAgent):
    """SIGTERM."""
    name = "stop-agent"

    def begin(self):
        p = self.node.process
        if not p.end(signal.SIGTERM):
            self.world.violated(f"{self.node.name} does not stop within 20 s")
        # just started, it has had no time to say what a signal is to do
        if p.child.returncode != 0 and time.time() > p.started_at + 5:
            self.world.violated(f"{self.node.name} stopped with status {p.child.returncode}",
                                self.world.tail(p.log, 30))


class Freeze(Fault):
    """SIGSTOP, then SIGCONT."""
    name = "freeze-agent"

    def begin(self):
        self.node.process.send(signal.SIGSTOP)

    def end(self):
        self.node.process.send(signal.SIGCONT)


class KillServer(KillAgent):
    name = "kill-server"

    @classmethod
    def places(cls, world):
        return list(world.servers.values())


class FreezeServer(Freeze):
    name = "freeze-server"

    @classmethod
    def places(cls, world):
        return list(world.servers.values())


class FullDisk(Fault):
    """No room where the agent's state is."""
    name, what = "disk-full", "disk"

    @classmethod
    def places(cls, world):
        return list(world.agents.values()) if os.path.exists(world.dir + "/has-mounts") else []

    def where(self):
        return f"{self.world.dir}/{self.node.name}.state"

    def begin(self):
        fd = os.open(self.where() + "/ballast", os.O_WRONLY | os.O_CREAT, 0o600)
        size = 1 << 16
        while size:  # to the last octet
            try:
                os.write(fd, bytes(size))
            except OSError:
                size //= 2
        os.close(fd)

    def end(self):
        os.unlink(self.where() + "/ballast")


class FullServerDisk(FullDisk):
    """No room where the server's own files are, those of the agent for it included."""
    name = "server-disk-full"

    @classmethod
    def places(cls, world):
        return world.served() if os.path.exists(world.dir + "/has-mounts") else []

    def hits(self):
        return [self.node, self.node.agent]

    def begin(self):
        self.node.had_no_room = True
        super().begin()

    def where(self):
        return self.node.dir


class Preloaded(Fault):
    what = "dials"

    @classmethod
    def places(cls, world):
        return list(world.agents.values()) if os.environ["SOAK_PRELOAD"] else []

    def end(self):
        self.node.dial(self.world)


class ClockJump(Preloaded):
    """The agent's clock is off, and back again."""
    name = "clock-jump"

    def begin(self):
        jump = self.rng.choice([-86400, -3600, -60, -5, 5, 60, 3600, 86400])
        self.detail = f"{jump:+d} s"
        self.node.clock_hit_at = time.time()
        self.node.dial(self.world, clock_s=jump)

    def end(self):
        self.node.dial(self.world)
        self.node.clock_hit_at = time.time()


class SlowDisk(Preloaded):
    """Each fsync and fdatasync of the agent takes so long."""
    name = "slow-disk"

    def begin(self):
        ms = self.rng.choice([50, 200, 1000])
        self.detail = f"{ms} ms"
        self.node.dial(self.world, sync_ms=ms)


class Partition(Fault):
    """Between hub and follower: connections reset, frozen, or reset now and then."""
    name, longest, what = "partition", 30, "link"

    @classmethod
    def places(cls, world):
        return [a for a in world.agents.values() if not a.is_hub]

    def begin(self):
        self.detail = self.rng.choice(["cut", "freeze", "reset"])
        self.world.relay(self.detail, f"*.{self.node.name}")

    def end(self):
        self.world.relay("heal", f"*.{self.node.name}")


class Descriptors(Fault):
    """The agent may open hardly any file more, and many clients connect and say nothing."""
    name = "descriptors"

    def begin(self):
        pid = self.node.process.child.pid
        self.before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        n = len(os.listdir(f"/proc/{pid}/fd"))
        room = self.rng.choice([0, 1, 3, 10, 1000])
        self.detail = f"{room} more"
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (n + room, self.before[1]))
        self.socks = []
        for _ in range(300):
            s = socket.socket()
            s.settimeout(0.2)
            self.socks.append(s)
            try:
                s.connect(("127.0.0.1", self.node.port))
            except OSError:
                break

    def end(self):
        for s in self.socks:
            s.close()
        resource.prlimit(self.node.process.child.pid, resource.RLIMIT_NOFILE, self.before)


class Hostile(Fault):
    """The follower's other primary is there, and does everything wrong."""
    name, longest, what = "hostile-primary", 25, "hostile"

    @classmethod
    def places(cls, world):
        return [a for a in world.agents.values() if not a.is_hub][:1]

    def hits(self):
        return []

    def begin(self):
        self.detail = self.rng.choice(["endless", "slow", "stops", "closes", "garbage", "otherid", "noend", "empty"])
        self.child = subprocess.Popen(
            [sys.executable, HERE + "/../system/hostile_primary.py", os.environ["SOAK_HOSTILE"], self.detail,
             self.world.dir + "/xfr.example.key"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # it has something newer
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for a in self.world.agents.values():
            if not a.is_hub:
                s.sendto(struct.pack("!6H", 1, 0x2000, 1, 0, 0, 0) + b"\x07catalog\x07example\x00\x00\x06\x00\x01",
                         ("127.0.0.1", a.port))

    def end(self):
        self.child.kill()
        self.child.wait()


class Hail(Fault):
    """Octets that are no DNS, and cut or flipped messages, by UDP and TCP."""
    name, longest, what = "hail", 5, "hail"

    def hits(self):
        return []

    def begin(self):
        rng = random.Random(self.rng.random())
        base = struct.pack("!6H", 7, 0x2800, 1, 0, 1, 0) + b"\x07catalog\x07example\x00\x00\x06\x00\x01" + bytes(40)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(500):
            b = bytearray(base[: rng.randrange(len(base) + 1)])
            for _ in range(rng.randrange(8)):
                if b:
                    b[rng.randrange(len(b))] = rng.randrange(256)
            try:
                udp.sendto(bytes(b), ("127.0.0.1", self.node.port))
            except OSError:
                pass
        for _ in range(20):
            try:
                with socket.create_connection(("127.0.0.1", self.node.port), 0.3) as s:
                    s.sendall(rng.randbytes(rng.randrange(1, 4000)))
            except OSError:
                pass


# -- what the agent cannot answer for: does the checker see it? Only by SOAK_FAULTS. --


class LoseState(Fault):
    """The hub's state is put back to what it was some seconds before."""
    name, longest = "sabotage-state", 8

    @classmethod
    def places(cls, world):
        return [world.hub]

    def begin(self):
        state = f"{self.world.dir}/hub.state"
        shutil.rmtree(state + "/old", ignore_errors=True)
        self.node.process.end(signal.SIGKILL)
        shutil.copytree(state + "/db", state + "/old")
        self.node.process.start()

    def end(self):
        state = f"{self.world.dir}/hub.state"
        self.node.process.end(signal.SIGKILL)
        shutil.rmtree(state + "/db")
        os.rename(state + "/old", state + "/db")
        self.node.process.start()


class LoseZone(Fault):
    """A member, none of those that a strike takes, is removed from NSD by hand."""
    name, longest = "sabotage-zone", 1

    @classmethod
    def places(cls, world):
        return [s for s in world.served() if s.name == "nsd"]

    def hits(self):
        return []

    def begin(self):
        subprocess.run(["nsd-control", "-c", self.node.dir + "/nsd.conf", "delzone",
                        f"s{self.rng.randrange(80, 100)}.example"], stdout=subprocess.DEVNULL)


SABOTAGE = {f.name: f for f in (LoseState, LoseZone)}
ALL = {f.name: f for f in (KillAgent, StopAgent, Freeze, KillServer, FreezeServer, FullDisk, FullServerDisk,
                           ClockJump, SlowDisk, Partition, Descriptors, Hostile, Hail)}
