# SPDX-License-Identifier: BSD-2-Clause
"""The conductor: starts all, strikes at random, and every SOAK_LULL seconds stops and
looks whether everything comes to be what it should. Called by run."""
import os, random, signal, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from checks import Checker, Poller
from faults import ALL, SABOTAGE
from load import Client, Model, Script, Sync
from world import C, LOST, Violation, World, ask, keys_of, status_of

SETTLES_S = float(os.environ.get("SOAK_SETTLES", "300"))  # the longest that anything may take to come right, once left alone

world = World()
model = Model()
chance = random.Random(world.seed)


def until(what, fn, bound):
    """Waits until fn() gives nothing, or fails with the last it gave."""
    begun, wrong, told = time.time(), ["never looked"], False
    while time.time() < begun + bound:
        if world.over.is_set():
            raise Violation("elsewhere")
        try:
            wrong = fn()
        except LOST as e:
            wrong = [f"no answer: {e!r}"]
        if not wrong:
            return time.time() - begun
        if time.time() > begun + 20 and not told:
            told = True
            world.note(f"{what}: not yet: {wrong[:3]}")
        time.sleep(1)
    world.violated(f"{what}: not so after {bound} s", "\n".join(map(str, wrong[:15])))


def update_of(client, zone, owner, text):
    u = client.update(zone, world.keys["ctl.example"])
    u.add(owner, random.getrandbits(31), "TXT", text)
    return u


def apex(agent):
    r = ask(agent, world.keys["ctl.example"], f"_status.{C}", "TXT")
    return keys_of(r.answer[0][0])


def order(agent, verb):
    client = Script(world, model, [])
    client.world = type("", (), {"hub": agent, "count": world.count})()
    rcode, why = client.send(update_of(client, f"_command.{C}", "_all", verb))
    client.hang_up()
    world.note(f"{verb} at {agent.name}: {rcode} {why}")


def release(agent):
    """What this agent holds is let go."""
    if apex(agent).get("guard") == "open":
        return []
    with model.lock:
        model.released |= {z for z, e in model.zones.items() if None in e.allowed and not e.must_serve}
    order(agent, "release")
    world.count("releases")
    return [f"{agent.name} holds"]


def open_guards():
    for agent in world.agents.values():
        until(f"{agent.name}: guard open", lambda a=agent: release(a), SETTLES_S)


def caught_up(serial):
    """Followers that have that serial, at least."""
    wrong = []
    for a in world.agents.values():
        had = int(apex(a).get("catalog-serial", 0))
        if had < serial:
            wrong.append(f"{a.name} has {had}, not {serial}")
    return wrong


class Faults:
    def __init__(self):
        wanted = os.environ["SOAK_FAULTS"].split() or list(ALL)
        known = {**ALL, **SABOTAGE}
        self.kinds = [known[n] for n in wanted if known[n].places(world)]
        self.active = []
        self.begin_at = 0

    def step(self):
        now = time.time()
        for until_t, fault in [x for x in self.active if x[0] <= now]:
            self.end(fault)
        if now < self.begin_at or len(self.active) >= 3:
            return
        kind = chance.choice(self.kinds)
        node = chance.choice(kind.places(world))
        fault = kind(world, node, random.Random(chance.random()))
        lasts = chance.uniform(0.5, kind.longest)
        if any(f.node is node and f.what == fault.what for _, f in self.active):
            return
        self.begin_at = now + chance.uniform(0.5, 5)
        for n in fault.hits():
            n.active.add(fault)
            n.hit(kind.name)
        fault.begin()
        self.active.append((now + lasts, fault))
        world.count(f"fault {kind.name}")
        world.note(f"{kind.name} {node.name} {fault.detail} for {lasts:.1f} s")

    def end(self, fault):
        self.active = [x for x in self.active if x[1] is not fault]
        fault.end()
        world.note(f"{fault.name} {fault.node.name} ends")
        for n in fault.hits():
            n.active.discard(fault)
            n.hit(fault.name)

    def heal(self):
        for _, fault in list(self.active):
            self.end(fault)


faults = Faults()
pollers = {s.name: Poller(world, model, s) for s in world.served()}
checker = Checker(world, model, pollers)
small = float(os.environ["SOAK_TIME"]) < 120
n_zones = 12 if small else 50
clients = [Client(world, model, i, [f"c{i}z{n}.example" for n in range(n_zones)] +
                  [f"sec{n}.example" for n in range(i * 4, i * 4 + 4)]) for i in range(3)]
sync = Sync(world, model, [f"y{n}.example" for n in range(n_zones // 2)])
script = Script(world, model, [f"s{n}.example" for n in range(int(os.environ["SOAK_LIMIT"]) * 5 // 2)])


def quiet():
    """No faults, no load: all must come right."""
    if world.over.is_set():
        raise Violation("elsewhere")
    for t in [*clients, sync]:
        t.go.clear()
    faults.heal()
    healed = time.time()
    for t in [*clients, sync]:
        if not t.idle.wait(180):
            world.violated("a client does not come to an end")
    time.sleep(5)
    checker.pause.set()
    until("the hub's catalog", lambda: checker.look_at_hub(resolve=True) and [], SETTLES_S)
    end_strike(put_back=True)
    open_guards()
    state, ordered = {}, {}

    def settled():
        wrong, state["members"] = checker.not_settled()
        for agent in world.agents.values():
            # A yadifad that was killed three times looks like one that died of its zones.
            if (any(w.startswith(agent.name) and "nsherdctl reconcile" in w for w in wrong)
                    and time.time() > ordered.get(agent.name, 0) + 20):
                ordered[agent.name] = time.time()
                order(agent, "reconcile")
                world.count("reconciles that an agent asked for")
        return wrong

    until("after the faults", settled, SETTLES_S)
    took = time.time() - healed
    checker.look_at_hub()
    with model.lock:
        checker.settled = {z: m[0] for z, m in state["members"].items()}
        model.released = set()
    for server in world.servers.values():
        server.had_no_room = False
    checker.pause.clear()
    usage = " ".join("%s=%.0fMB,%dfd" % (a.name, *a.process_usage) for a in world.agents.values()
                     if setattr(a, "process_usage", a.usage()) is None)
    world.note(f"quiet: settled after {took:.1f} s, {len(state['members'])} members, {usage}")
    print(f"{time.time() - world.begun:7.0f} s: all right {took:5.1f} s after the faults; "
          f"{len(state['members'])} members; {usage}", flush=True)
    world.count("times of quiet")
    world.counts["longest until all was right (s)"] = max(
        round(took), world.counts.get("longest until all was right (s)", 0))
    for a in world.agents.values():
        rss, fds = a.process_usage
        if rss > 256 or fds > 400:
            world.violated(f"{a.name} has {rss:.0f} MB and {fds} descriptors")


def end_strike(put_back):
    if not script.held:
        return
    if put_back:
        if not script.put_back():
            world.violated("what was removed cannot be put back")
        serial = checker.serial
        serial = max(serial, int(apex(world.hub)["catalog-serial"]))
        until("all have what was put back", lambda: caught_up(serial), SETTLES_S)
        script.no_longer_held()
    else:
        script.no_longer_held()
        world.note("strike: to be released")
    open_guards()
    if not put_back:
        script.fill()


def chaos(seconds):
    """Faults and load for so long; in the midst of it, now and then, a strike."""
    end = time.time() + seconds
    for t in [*clients, sync]:
        t.go.set()
    strike_at = time.time() + chance.uniform(0.1, 0.5) * seconds if chance.random() < 0.7 else None
    while time.time() < end and not world.over.is_set():
        faults.step()
        if strike_at and time.time() > strike_at:
            strike_at = None
            ready = [z for z in script.names if z in checker.settled and model.entry(z).state()[1]]
            if len(ready) > 2 * script_least():
                threading.Thread(target=guarded, args=(script.strike, ready[: len(ready) * 4 // 5]), daemon=True).start()
        time.sleep(0.1)


def script_least():
    """More than the guard can let go: two windows of it."""
    return int(os.environ["SOAK_LIMIT"]) * 9 // 10


def guarded(fn, *args):
    try:
        fn(*args)
    except Violation:
        pass


def main():
    for s in world.servers.values():
        s.process.start()
    for a in world.agents.values():
        a.process.start()
    for t in [*pollers.values(), *clients, sync, checker]:
        t.start()
    until("the start", lambda: [] if apex(world.hub) else ["no"], 60)
    script.fill()
    quiet()
    end = world.begun + float(os.environ["SOAK_TIME"])
    lull = float(os.environ["SOAK_LULL"])
    rounds = 0
    while not world.over.is_set() and time.time() < end:
        chaos(min(lull, max(5, end - time.time())))
        rounds += 1
        if script.held and chance.random() < 0.3:  # somebody meant it, and lets it go
            faults.heal()
            end_strike(put_back=False)
        quiet()


def finish():
    world.over.set()
    for node in [*world.agents.values(), *world.servers.values()]:
        if node.process.child and node.process.child.poll() is None:
            node.process.end(signal.SIGTERM)


def told(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, told)
status = 1
try:
    main()
    status = 0
except Violation:
    pass
except KeyboardInterrupt:
    print("told to stop")
    status = 130
finally:
    for number in sorted(world.counts.items()):
        print("  %-50s %d" % number)
    if world.violation:
        print(world.violation)
        status = 1
    elif status == 0:
        print(f"soak: {time.time() - world.begun:.0f} s, seed {world.seed}: all held")
    sys.stdout.flush()
    finish()
sys.exit(status)
