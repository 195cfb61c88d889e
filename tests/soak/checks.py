# SPDX-License-Identifier: BSD-2-Clause
"""What must hold, looked at from outside: the catalog by transfer, the status by
transfer, the servers by questions, against the model of load.py. Nothing here asks an
agent whether another of its answers is right."""
import collections, os, select, socket, struct, threading, time

import dns.message, dns.name, dns.rdatatype

from world import C, LOST, Violation, status_of, transfer

SERVED, ABSENT = "served", "absent"
OPERATORS = "static.example"  # on every server, and no member


class Seen:
    """A server's answer: asked between begun and ended."""

    __slots__ = ("begun", "ended", "state")

    def __init__(self, begun, ended, state):
        self.begun, self.ended, self.state = begun, ended, state

    def __repr__(self):
        return f"{self.state}@{self.begun:.1f}"


def judge(wire, name_wire):
    """What an answer to an SOA question for that name says."""
    rcode, answers = wire[3] & 15, struct.unpack("!H", wire[6:8])[0]
    if rcode == 5:
        return ABSENT
    if rcode == 0 and wire[2] & 4 and answers and wire[12:12 + len(name_wire)].lower() == name_wire:
        owner = wire[12 + len(name_wire) + 4:][:2]
        if owner == b"\xc0\x0c" or wire[12 + len(name_wire) + 4:].lower().startswith(name_wire):
            return SERVED
    return f"rcode {rcode}" if rcode else "no answer in it"


class Poller(threading.Thread):
    """Asks one server for every zone there ever was, round and round."""

    def __init__(self, world, model, server):
        super().__init__(daemon=True)
        self.world, self.model, self.server = world, model, server
        self.seen = collections.defaultdict(lambda: collections.deque(maxlen=8))
        self.went = collections.deque()  # (time, zone): served, then absent
        self.absent_since = {}
        self.wires, self.rounds = {}, 0
        self.lock = threading.Lock()

    def wire(self, zone):
        if zone not in self.wires:
            name = dns.name.from_text(zone)
            q = dns.message.make_query(name, "SOA", flags=0).to_wire()
            self.wires[zone] = (q[2:], name.to_wire())
        return self.wires[zone]

    def ask(self, s, zones):
        waiting = {}
        for zone in zones:
            rest, name_wire = self.wire(zone)
            i = len(waiting)
            begun = time.time()
            try:
                s.send(struct.pack("!H", i) + rest)
            except OSError:
                continue
            waiting[i] = (zone, name_wire, begun)
        until = time.monotonic() + 1
        while waiting and (left := until - time.monotonic()) > 0:
            if not select.select([s], [], [], left)[0]:
                break
            try:
                wire = s.recv(65535)
            except OSError:
                continue
            if len(wire) < 12 or (item := waiting.pop(struct.unpack("!H", wire[:2])[0], None)) is None:
                continue
            zone, name_wire, begun = item
            self.saw(zone, Seen(begun, time.time(), judge(wire, name_wire)))

    def saw(self, zone, seen):
        self.world.counts["answers looked at"] = self.world.counts.get("answers looked at", 0) + 1
        with self.lock:
            before = self.seen[zone]
            if before and before[-1].state == SERVED and seen.state == ABSENT:
                self.went.append((seen.ended, zone))
            if seen.state != ABSENT:
                self.absent_since.pop(zone, None)
            elif not before or before[-1].state != ABSENT:
                self.absent_since[zone] = seen.begun
            before.append(seen)

    def history(self, zone):
        with self.lock:
            return list(self.seen[zone])

    def run(self):
        s = None
        while not self.world.over.is_set():
            if s is None:  # a new one each round: late answers are none of the next
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.connect(("127.0.0.1", self.server.port))
            with self.model.lock:
                zones = [OPERATORS, *self.model.zones]
            for at in range(0, len(zones), 25):
                self.ask(s, zones[at:at + 25])
                s.close()
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.connect(("127.0.0.1", self.server.port))
                time.sleep(0.1)
            self.rounds += 1
            time.sleep(0.5)


class Checker(threading.Thread):
    def __init__(self, world, model, pollers):
        super().__init__(daemon=True)
        self.world, self.model, self.pollers = world, model, pollers
        self.key = world.keys["ctl.example"]
        self.serial = 0  # of the hub, never less
        self.versions = {}  # catalog by serial
        self.settled = {}  # zone -> id, as all had it at the last time of quiet
        self.limit, self.window = int(os.environ["SOAK_LIMIT"]), int(os.environ["SOAK_WINDOW"])
        self.pause = threading.Event()

    # -- the catalog

    def members(self, records):
        """zone -> (id, group, contact), and every id."""
        groups, contacts, ids = {}, {}, {}
        for owner, rdtype, rd in records:
            labels = owner[: -len("." + C + ".")].split(".")
            if rdtype == dns.rdatatype.PTR and labels[-1] == "zones" and len(labels) == 2:
                ids[labels[0]] = rd.target.to_text().rstrip(".")
            elif labels[0] == "group":
                groups[labels[1]] = " ".join(sorted([*groups.get(labels[1], "").split(), rd.strings[0].decode()]))
            elif labels[:2] == ["contact", "ext"]:
                contacts[labels[2]] = contacts.get(labels[2], "") + rd.strings[0].decode()
        return {z: (i, groups.get(i), contacts.get(i)) for i, z in ids.items()}, ids

    @staticmethod
    def fits(have, allowed):
        return any(have == a or (have and a and a[0] is None and have[1:] == a[1:]) for a in allowed)

    def look_at_hub(self, resolve=False):
        """The catalog is what was acknowledged; resolve: and what is not known is what it has."""
        with self.model.lock:
            before = {z: (e.version, set(e.allowed)) for z, e in self.model.zones.items() if not e.busy}
            never = dict(self.model.never)
        serial, records = transfer(self.world.hub, self.key, C)
        members, ids = self.members(records)
        if serial < self.serial:
            self.world.violated(f"the serial of the hub went back from {self.serial} to {serial}")
        self.serial = serial
        self.remember(serial, records, "hub")
        with self.model.lock:
            for zone, (version, allowed) in before.items():
                e = self.model.zones[zone]
                if e.version != version:
                    continue  # changed meanwhile
                have = members.get(zone)
                if not self.fits(have, allowed):
                    self.world.violated(f"the catalog of the hub (serial {serial}) has {have} for {zone}, "
                                        f"and what was acknowledged is {allowed}")
                if resolve or len(allowed) == 1:
                    e.allowed = {have}
            unknown = set(members) - set(self.model.zones)
        if unknown:
            self.world.violated(f"the catalog has what nobody asked for: {sorted(unknown)[:5]}")
        there = [i for i in never if i in ids]
        if there:
            self.world.violated(f"refused, and in the catalog: {there[0]} ({never[there[0]]})")
        self.world.count("catalogs compared with what was acknowledged")
        return members

    def remember(self, serial, records, who):
        text = frozenset((o, t, rd.to_text()) for o, t, rd in records)
        if self.versions.setdefault(serial, text) != text:
            diff = sorted(self.versions[serial] ^ text)[:6]
            self.world.violated(f"{who} has another catalog of serial {serial}: {diff}")
        if len(self.versions) > 400:
            del self.versions[min(self.versions)]

    def look_at_follower(self, agent):
        """What it has under a serial is what the hub had."""
        serial, records = transfer(agent, self.key, C)
        self.remember(serial, records, agent.name)
        self.world.count("catalogs of followers compared")
        return serial

    # -- the status

    def look_at_status(self, agent):
        asked = time.time()
        zones, apex = status_of(agent, self.key)
        server = self.world.servers[agent.backend]
        history = self.pollers[agent.backend].history
        self.world.count("statuses compared with answers")
        if agent.calm() < 20 or asked - agent.clock_hit_at < 60:
            return zones, apex
        for (zone, backend), said in zones.items():
            if backend != agent.backend or said["state"] != "serving":
                continue
            answers = [s for s in history(zone) if s.begun > server.hit_at]
            if server.active:
                continue
            seen = int(said.get("seen", 0))
            around = [s for s in answers if s.state == ABSENT]
            for a, b in zip(around, around[1:]):
                between = [s for s in answers if a.begun < s.begun < b.begun and s.state != ABSENT]
                if a.ended < seen - 1 and b.begun > seen + 2 and not between and b.begun - a.ended < 15:
                    self.world.violated(f"{agent.name} says {zone} was seen serving at {seen}, and the server "
                                        f"did not before and after: {answers}", str(said))
            since = max(seen, self.pollers[agent.backend].absent_since.get(zone, asked))
            if asked - since > 60 and min(agent.calm(), server.calm()) > 90:
                self.world.violated(f"{agent.name} still says {zone} serving, which it is not for "
                                    f"{asked - since:.0f} s: {answers}", str(said))
        return zones, apex

    # -- the servers

    def look_at_server(self, server):
        poller = self.pollers[server.name]
        with self.model.lock:
            must = {OPERATORS: "the operator's own"}
            for zone, e in self.model.zones.items():
                known, state = e.state()
                if e.must_serve and zone in self.settled:
                    must[zone] = "its removal is to be held by the guard"
                elif known and state and zone in self.settled and self.settled[zone] == state[0]:
                    must[zone] = f"member since long, {state}"
                elif zone in self.settled and not e.must_serve and (not known or state is None or
                                                                   state[0] != self.settled[zone]):
                    del self.settled[zone]  # and what comes later is not what it was
            gone = {z for z, e in self.model.zones.items() if e.state() == (True, None) and not e.must_serve}
            released = set(self.model.released)
        since = server.hit_at + 20
        if server.active or server.had_no_room:
            return
        for zone, why in must.items():
            last = [s for s in poller.history(zone) if s.begun > since][-2:]
            if len(last) == 2 and all(s.state == ABSENT for s in last):
                self.world.violated(f"{server.name} does not serve {zone}: {why}",
                                    f"{poller.history(zone)}; last hit by {server.hit_by} {server.calm():.0f} s ago")
        now, agent = time.time(), server.agent
        with poller.lock:
            while poller.went and poller.went[0][0] < now - self.window:
                poller.went.popleft()
            went = {z for t, z in poller.went if z in gone and z not in released}
        if min(server.calm(), agent.calm()) > self.window + 30 and now - agent.clock_hit_at > 2 * self.window:
            self.world.counts["most removals in a window"] = max(
                len(went), self.world.counts.get("most removals in a window", 0))
            if len(went) > 2 * self.limit:
                self.world.violated(f"{len(went)} zones went from {server.name} in {self.window} s, unreleased: "
                                    f"{sorted(went)[:5]}")

    def round(self):
        serials = {}
        for agent in self.world.agents.values():
            if agent.active or agent.calm() < 1:
                continue
            try:
                if agent.is_hub:
                    self.look_at_hub()
                else:
                    serials[agent.name] = self.look_at_follower(agent)
                self.look_at_status(agent)
            except LOST as e:
                self.world.count(f"transfer {type(e).__name__} ({agent.name})")
                if agent.calm() > 90:
                    self.world.violated(f"{agent.name} does not answer: {e!r}", self.world.tail(agent.process.log))
        for server in self.world.served():
            self.look_at_server(server)

    def run(self):
        while not self.world.over.is_set():
            try:
                self.world.look_at_processes()
                if not self.pause.is_set():
                    self.round()
            except Violation:
                return
            time.sleep(2)

    # -- the time of quiet

    def not_settled(self):
        """What is not yet as it should be: lines of text."""
        wrong = []
        hub_serial, hub_records = transfer(self.world.hub, self.key, C)
        members, _ = self.members(hub_records)
        with self.model.lock:
            names = set(self.model.zones)
        begun = time.time()
        for agent in self.world.agents.values():
            serial, records = transfer(agent, self.key, C)
            if serial != hub_serial or {r[:2] + (r[2].to_text(),) for r in records} != {
                    r[:2] + (r[2].to_text(),) for r in hub_records}:
                wrong.append(f"{agent.name}: serial {serial}, the hub {hub_serial}")
                continue
            zones, apex = status_of(agent, self.key)
            if apex.get("catalog") != "valid" or apex.get("guard") != "open" or apex.get("error"):
                wrong.append(f"{agent.name} says {apex}")
            for zone, state in members.items():
                said = zones.get((zone, agent.backend), {})
                if said.get("state") != "serving" or said.get("error") or said.get("id") != state[0]:
                    wrong.append(f"{agent.name} says of {zone}: {said or 'nothing'}")
            wrong += [f"{agent.name} says of {z}, which is no member: {s}" for (z, _), s in zones.items()
                      if z not in members]
        for server in self.world.served():
            poller = self.pollers[server.name]
            for zone in names | {OPERATORS}:
                want = SERVED if zone in members or zone == OPERATORS else ABSENT
                last = [s for s in poller.history(zone) if s.begun > begun - 8][-1:]
                if not last or last[0].state != want:
                    wrong.append(f"{server.name}: {zone} is to be {want}: {last or 'not asked yet'}")
        return wrong, members
