# SPDX-License-Identifier: BSD-2-Clause
"""What is asked of the hub, and what must be there for it. Each client has names of its
own, one request outstanding for each, and writes down what it was told: that is the
model. What had no answer may be done or not, and is left alone until the next time of
quiet tells."""
import os, random, socket, struct, subprocess, threading, time

import dns.edns, dns.message, dns.name, dns.query, dns.rcode, dns.tsig, dns.update

from world import C, LOST, Violation


class Entry:
    """A zone: every state it may be in, None or (id, group, contact); id None is any."""

    def __init__(self):
        self.allowed = {None}
        self.busy = False
        self.changed_at = time.time()
        self.must_serve = False  # the guard holds its removal
        self.version = 0

    def state(self):
        """(known, state)"""
        return (not self.busy and len(self.allowed) == 1, next(iter(self.allowed)))


class Model:
    def __init__(self):
        self.lock = threading.RLock()
        self.zones = {}
        self.never = {}  # ids that were refused, and why
        self.released = set()
        self.removals = []  # times, of the bucket
        self.per_window = int(os.environ["SOAK_LIMIT"]) * 3 // 5
        self.window = int(os.environ["SOAK_WINDOW"])

    def entry(self, zone):
        with self.lock:
            return self.zones.setdefault(zone, Entry())

    def begin(self, zone, new):
        with self.lock:
            e = self.entry(zone)
            e.busy = True
            e.version += 1
            e.changed_at = time.time()
            e.allowed = e.allowed | {new}

    def end(self, zone, outcome, old, new):
        """outcome: True it is done, False it is not, None unknown."""
        with self.lock:
            e = self.entry(zone)
            e.busy = False
            e.version += 1
            e.changed_at = time.time()
            if outcome is not None:
                e.allowed = {new if outcome else old}

    def may_remove(self, n=1):
        """So many do not bring the guard to hold, mostly."""
        with self.lock:
            now = time.time()
            self.removals = [t for t in self.removals if t > now - self.window * 1.2]
            if len(self.removals) + n > self.per_window:
                return False
            self.removals += [now] * n
            return True


class Client(threading.Thread):
    def __init__(self, world, model, number, zones):
        super().__init__(daemon=True)
        self.world, self.model, self.number, self.names = world, model, number, zones
        self.rng = random.Random(world.seed * 7919 + number)
        self.key = world.keys[f"k{number}.example"]
        self.sock = None
        self.n = 0
        self.go = threading.Event()
        self.idle = threading.Event()
        self.idle.set()
        self.played = []  # (wire, zone), of additions that were acknowledged

    # -- requests

    def update(self, zone=C, key=None):
        name, ring = key or self.key
        u = dns.update.UpdateMessage(zone, keyring=ring, keyname=name)
        u.use_edns(0, payload=1232, request_payload=65535)
        return u

    def connect(self):
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.world.hub.port), 5)
            self.sock.settimeout(10)
        return self.sock

    def hang_up(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def send(self, u):
        """The rcode and the reason; None, None if there was no answer."""
        try:
            s = self.connect()
            u.sent = u.to_wire()  # signs
            dns.query.send_tcp(s, u.sent, time.time() + 10)
            r = dns.query.receive_tcp(s, time.time() + 10, keyring=u.keyring, request_mac=u.mac)[0]
        except dns.tsig.PeerError as e:  # its answer, signed or not, is that it was not taken
            self.world.count(f"answer {type(e).__name__}")
            return dns.rcode.NOTAUTH, type(e).__name__
        except LOST as e:
            self.hang_up()
            self.world.count(f"answer lost: {type(e).__name__}")
            return None, None
        why = [o.text or "" for o in r.options if isinstance(o, dns.edns.EDEOption)]
        return r.rcode(), " ".join(why)

    def did(self, what, rcode, why):
        """True, False or None, of an UPDATE that should be taken."""
        if rcode is None:
            return None
        self.world.count(f"{what} {dns.rcode.to_text(rcode)}")
        if rcode == dns.rcode.NOERROR:
            return True
        reason = why.split(" ")[0]
        if rcode != dns.rcode.NOTAUTH or "Peer" not in why:
            self.world.count(f"reason {dns.rcode.to_text(rcode)} {reason}")
        if rcode == dns.rcode.REFUSED and not reason.startswith("reason=signed-"):
            self.world.violated(f"{what} was refused: {why}", f"client {self.number}")
        return False

    # -- what is done

    def known(self, there):
        with self.model.lock:
            out = []
            for z in self.names:
                known, state = self.model.entry(z).state()
                if known and (state is not None) == there:
                    out.append((z, state))
        return out

    def records(self, state):
        i, group, contact = state
        return [(f"group.{i}.zones", "TXT", f'"{group}"')] + (
            [(f"contact.ext.{i}.zones", "TXT", f'"{contact}"')] if contact else [])

    def group_of(self, zone):
        if zone.startswith("sec"):
            return "secondary"
        return self.rng.choice(["shared", "shared", "shared2", "primary"])

    def put(self, u, zone, state):
        u.add(f"{state[0]}.zones", 0, "PTR", f"{zone}.")
        for owner, rdtype, text in self.records(state):
            u.add(owner, 0, rdtype, text)

    def fresh_id(self):
        self.n += 1
        return f"c{self.number}n{self.n}"

    def one(self, what, zone, old, new, fill):
        u = self.update()
        fill(u)
        self.model.begin(zone, new)
        outcome = None
        try:
            outcome = self.did(what, *self.send(u))
        finally:
            self.model.end(zone, outcome, old, new)
        return outcome, u

    def add(self):
        free = self.known(False)
        if not free:
            return
        zone, _ = self.rng.choice(free)
        new = (self.fresh_id(), self.group_of(zone), self.rng.choice([None, f"t{self.n}"]))
        outcome, u = self.one("add", zone, None, new, lambda u: self.put(u, zone, new))
        if outcome:
            self.played = self.played[-50:] + [(u.sent, zone)]

    def delete(self):
        have = self.known(True)
        if len(have) < 5 or not self.model.may_remove():
            return
        zone, old = self.rng.choice(have)
        self.one("del", zone, old, None, lambda u: u.delete(f"{old[0]}.zones", "PTR"))

    def set(self):
        have = [(z, s) for z, s in self.known(True)]
        if not have:
            return
        zone, old = self.rng.choice(have)
        # between patterns that need no gap
        group = {"shared": "shared2", "shared2": "shared"}.get(old[1], old[1])
        new = (old[0], group, f"t{self.rng.randrange(1000)}")

        def fill(u):
            u.delete(f"group.{old[0]}.zones", "TXT")
            u.delete(f"contact.ext.{old[0]}.zones", "TXT")
            for owner, rdtype, text in self.records(new):
                u.add(owner, 0, rdtype, text)

        self.one("set", zone, old, new, fill)

    def reset(self):
        """The same zone under another id."""
        have = self.known(True)
        if len(have) < 5 or not self.model.may_remove():
            return
        zone, old = self.rng.choice(have)
        new = (self.fresh_id(), old[1], old[2])

        def fill(u):
            u.delete(f"{old[0]}.zones", "PTR")
            self.put(u, zone, new)

        self.one("reset", zone, old, new, fill)

    def verb(self):
        have = self.known(True)
        zone = self.rng.choice(have)[0] if have and self.rng.random() < 0.8 else "_all"
        verb = self.rng.choice(["refresh", "reload", "notify", "flush"])
        if zone == "_all":
            verb = "reconcile"
        u = self.update("_command." + C)
        u.add(zone if zone == "_all" else dns.name.from_text(f"{zone}._command.{C}."),
              self.rng.getrandbits(31), "TXT", verb)
        rcode, _ = self.send(u)
        if rcode is not None:
            self.world.count(f"verb {dns.rcode.to_text(rcode)}")

    def command(self, verb):
        u = self.update("_command." + C)
        u.add("_all", self.rng.getrandbits(31), "TXT", verb)
        return self.send(u)

    def transaction(self):
        """All of it, or none."""
        free, have = self.known(False), self.known(True)
        self.rng.shuffle(free)
        self.rng.shuffle(have)
        plan = [(z, None, (self.fresh_id(), self.group_of(z), None)) for z, _ in free[: self.rng.randrange(1, 5)]]
        if len(have) > 10 and self.model.may_remove(2):
            plan += [(z, old, None) for z, old in have[:2]]
        end = self.rng.choice(["commit", "commit", "commit", "abort", "hang up"])
        if not plan or self.command("begin")[0] != dns.rcode.NOERROR:
            self.hang_up()  # it may have begun
            return
        for zone, old, new in plan:
            self.model.begin(zone, new)
        outcome, staged = False, True  # until commit is sent nothing can be done
        try:
            for zone, old, new in plan:
                u = self.update()
                if new:
                    self.put(u, zone, new)
                else:
                    u.delete(f"{old[0]}.zones", "PTR")
                staged = staged and self.send(u)[0] == dns.rcode.NOERROR
            if staged and self.sock and end != "hang up":
                rcode, why = self.command(end)
                if end == "commit":
                    outcome = self.did("commit", rcode, why)
                elif rcode is not None:
                    self.world.count(f"abort {dns.rcode.to_text(rcode)}")
            if outcome is not True:
                self.hang_up()
        finally:
            for zone, old, new in plan:
                self.model.end(zone, outcome, old, new)

    def refused(self):
        """What must not be taken."""
        have = self.known(True)
        if not have:
            return
        zone, state = self.rng.choice(have)
        i, u = self.fresh_id(), self.update()
        kind = self.rng.choice(["duplicate", "owner", "control", "prerequisite", "narrow", "status"])
        if kind == "duplicate":
            u.add(f"{i}.zones", 0, "PTR", f"{zone}.")
        elif kind == "owner":
            u.add(f"{i}.zones", 0, "A", "192.0.2.1")
        elif kind == "control":
            u.add(f"{i}.zones", 0, "PTR", f"x.{C}.")
        elif kind == "prerequisite":
            u.present(f"{i}.zones", "PTR")
            u.add(f"{i}.zones", 0, "PTR", f"{i}.refused.example.")
        elif kind == "narrow":
            u = self.update(key=self.world.keys["narrow.example"])
            u.add(f"{i}.zones", 0, "PTR", f"{i}.refused.example.")
        else:
            u = self.update("_status." + C)
            u.add("x", 0, "TXT", "x")
        with self.model.lock:
            self.model.never[i] = kind
        rcode, _ = self.send(u)
        if rcode is None:
            return
        self.world.count(f"to be refused {dns.rcode.to_text(rcode)}")
        if rcode == dns.rcode.NOERROR:
            self.world.violated(f"NOERROR to what is to be refused: {kind}", str(u))

    def replay(self):
        """What was recorded, once more: it changes nothing, whatever was done since."""
        if not self.played:
            return
        wire, _ = self.rng.choice(self.played)
        try:
            s = self.connect()
            s.sendall(struct.pack("!H", len(wire)) + wire)
            size = s.recv(2, socket.MSG_WAITALL)
            if len(size) < 2:
                raise EOFError
            answer = s.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL)
            self.world.count("replay " + dns.rcode.to_text(answer[3] & 15))
        except LOST:
            self.hang_up()

    def run(self):
        acts = [(self.add, 34), (self.delete, 12), (self.set, 16), (self.reset, 3), (self.verb, 8),
                (self.transaction, 8), (self.refused, 10), (self.replay, 6)]
        while not self.world.over.is_set():
            if not self.go.is_set():
                self.hang_up()
                self.idle.set()
                self.go.wait(0.2)
                continue
            self.idle.clear()
            try:
                self.rng.choices([a for a, _ in acts], [w for _, w in acts])[0]()
            except Violation:
                break
            except LOST as e:  # of ours, such as no port to connect from
                self.world.count(f"client {type(e).__name__}")
                self.hang_up()
            time.sleep(self.rng.uniform(0.02, 0.5))
        self.idle.set()


class Sync(threading.Thread):
    """nsherdctl, with a file of what is to be there."""

    def __init__(self, world, model, zones):
        super().__init__(daemon=True)
        self.world, self.model, self.names = world, model, zones
        self.rng = random.Random(world.seed * 104729)
        self.go, self.idle = threading.Event(), threading.Event()
        self.idle.set()

    def ctl(self, *args):
        env = {**os.environ, "NSHERD_SERVER": f"127.0.0.1@{self.world.hub.port}",
               "NSHERD_KEY": f"{self.world.dir}/k0.example.key", "NSHERD_CATALOG": C, "HOME": self.world.dir}
        p = subprocess.run([os.environ["B"] + "/nsherdctl", *args], env=env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        self.world.count(f"nsherdctl {args[0]}: {p.returncode}")
        return p.returncode == 0

    def once(self):
        with self.model.lock:
            known = {z: s for z in self.names for k, s in [self.model.entry(z).state()] if k}
        free = [z for z, s in known.items() if s is None]
        have = [z for z, s in known.items() if s is not None]
        self.rng.shuffle(free)
        if have and self.rng.random() < 0.4 and self.model.may_remove(2):
            todo, args = {z: None for z in have[:2]}, ["del", *have[:2]]
        else:
            todo = {z: (None, "shared", None) for z in free[: self.rng.randrange(1, 4)]}
            with open(f"{self.world.dir}/sync.list", "w") as f:
                f.writelines(f"{z} shared\n" for z in todo)
            args = ["sync", f"{self.world.dir}/sync.list", "--yes"]
        if not todo:
            return
        old = {z: known[z] for z in todo}
        for z, new in todo.items():
            self.model.begin(z, new)
        outcome = None
        try:
            outcome = True if self.ctl(*args) else None
        finally:
            for z, new in todo.items():
                self.model.end(z, outcome, old[z], new)

    def run(self):
        while not self.world.over.is_set():
            if not self.go.is_set():
                self.idle.set()
                self.go.wait(0.2)
                continue
            self.idle.clear()
            try:
                self.once()
            except (OSError, subprocess.SubprocessError) as e:
                self.world.count(f"nsherdctl {type(e).__name__}")
            time.sleep(self.rng.uniform(1, 8))
        self.idle.set()


class Script(Client):
    """A faulty script that removes most of what there is, at once. All of that must
    be served until somebody releases it, or it is put back."""

    GROUP = "shared"

    def __init__(self, world, model, zones):
        super().__init__(world, model, 3, zones)
        self.held = []
        self.serial = None

    def run(self):  # the conductor calls
        pass

    def until_done(self, make, bound=120):
        """Sent again until it is acknowledged: each time anew, and doing no more than once."""
        end = time.time() + bound
        while time.time() < end and not self.world.over.is_set():
            rcode, why = self.send(make())
            if rcode == dns.rcode.NOERROR:
                return True
            time.sleep(1)
        return False

    def fill(self):
        for zone in self.names:
            known, state = self.model.entry(zone).state()
            if known and state is None:
                new = (self.fresh_id(), self.GROUP, None)
                self.model.begin(zone, new)

                def make():
                    u = self.update()
                    self.put(u, zone, new)
                    return u

                done = self.until_done(make)
                self.model.end(zone, True if done else None, None, new)

    def strike(self, zones):
        """Those zones go from the catalog, in one message."""
        self.held = [(z, self.model.entry(z).state()[1]) for z in zones]
        with self.model.lock:
            for z, s in self.held:
                self.model.begin(z, None)
                self.model.entry(z).must_serve = True

        def make():
            u = self.update()
            for _, s in self.held:
                u.delete(f"{s[0]}.zones", "PTR")
            return u

        done = self.until_done(make)
        for z, s in self.held:
            self.model.end(z, True if done else None, s, None)
        self.world.note(f"strike: {len(self.held)} zones removed at once, {done}")
        self.world.count("strikes")
        return done

    def put_back(self):
        def make():
            u = self.update()
            for z, s in self.held:
                self.put(u, z, s)
            return u

        with self.model.lock:
            for z, s in self.held:
                self.model.begin(z, s)
        done = self.until_done(make)
        for z, s in self.held:
            self.model.end(z, True if done else None, None, s)
        self.world.note(f"strike: put back, {done}")
        return done

    def no_longer_held(self):
        with self.model.lock:
            for z, _ in self.held:
                self.model.entry(z).must_serve = False
                self.model.entry(z).changed_at = time.time()
        self.held = []
