# SPDX-License-Identifier: BSD-2-Clause
"""A cloud of agents and servers, looked at from outside. INVENTORY has a line
"NAME LEVEL KIND PORT SERVER-PORT" for each agent, the hub first; KIND and SERVER-PORT
are "-" where it has no server. NSHERD_KEY is the key file.

    converge.py equal INVENTORY SECONDS NAMES [AGENT...]
        until each agent (or those named, and the hub) has the hub's catalog, its
        server answers for every member and refuses every other zone of the file
        NAMES, and its status says just that; prints what is not so.
    converge.py keep INVENTORY NAMES AGENT...
        now: the servers of those agents answer for every zone of the file NAMES.
    converge.py times INVENTORY ROUNDS [ZONES]
        adds a zone at the hub, then removes it, ROUNDS times, and prints how long
        until each agent has it and each server answers, or no longer: smallest,
        median and largest by level and by kind of server.
"""
import os, select, socket, statistics, sys, time
import dns.exception, dns.flags, dns.message, dns.name, dns.query, dns.rcode, dns.rdatatype, dns.tsigkeyring
import dns.update

C = "catalog.example"
text = open(os.environ["NSHERD_KEY"]).read()
keyname = text.split('key "')[1].split('"')[0]
ring = dns.tsigkeyring.from_text({keyname: ("hmac-sha256", text.split('secret "')[1].split('"')[0])})


class Agent:
    def __init__(self, line):
        self.name, self.level, self.kind, port, server = line.split()
        self.port, self.server = int(port), int(server) if server != "-" else None


agents = [Agent(line) for line in open(sys.argv[2])]
hub = agents[0]


def zone_of(agent, name):
    """All records, as text."""
    out = set()
    for m in dns.query.xfr("127.0.0.1", name, port=agent.port, keyring=ring, keyname=keyname,
                           relativize=False, lifetime=10):
        for rrset in m.answer:
            out |= {(rrset.name.to_text(), rrset.rdtype, rd.to_text()) for rd in rrset}
    return out


def members_of(zone):
    return {rdata for _, rdtype, rdata in zone if rdtype == dns.rdatatype.PTR}


def state_of(port, zones):
    """served, absent or what else, for each zone, asked all at once and again."""
    states, left = {}, {dns.name.from_text(z): z for z in zones}
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", port))
    for _ in range(4 * int(os.environ.get("WAIT", "1"))):
        ids = {}
        for name in left:
            q = dns.message.make_query(name, "SOA", flags=0)
            ids[q.id] = name
            try:
                s.send(q.to_wire())
            except OSError:
                pass
            if len(ids) % 50 == 0:
                time.sleep(0.01)
        until = time.monotonic() + 0.5
        while ids and (pause := until - time.monotonic()) > 0:
            if not select.select([s], [], [], pause)[0]:
                break
            try:
                r = dns.message.from_wire(s.recv(65535))
            except (OSError, dns.exception.DNSException):
                continue
            name = ids.pop(r.id, None)
            if name is None:
                continue
            own = any(rs.rdtype == dns.rdatatype.SOA and rs.name == name for rs in r.answer)
            states[left.pop(name)] = ("served" if r.rcode() == 0 and r.flags & dns.flags.AA and own
                                      else "absent" if r.rcode() == dns.rcode.REFUSED
                                      else dns.rcode.to_text(r.rcode()))
        if not left:
            break
    return states


def status_of(agent):
    """The state of each zone, by its name, and what the apex says."""
    zones, apex = {}, ""
    for name, rdtype, rdata in zone_of(agent, f"_status.{C}"):
        if rdtype != dns.rdatatype.TXT:
            continue
        values = dict(v.split("=", 1) for v in rdata.strip('"').split('" "'))
        owner = name[: -len(f"_status.{C}.")]
        if owner == "":
            apex = values
        elif "state" in values and "id" in values:
            zones[owner] = values
    return zones, apex


def faults(agent, catalog, names):
    """What is wrong with it, against the hub's catalog."""
    mine = zone_of(agent, C)
    wrong = [f"has not {r}" for r in catalog - mine] + [f"has {r}" for r in mine - catalog]
    status, apex = status_of(agent)
    want = members_of(catalog) if agent.server else set()
    if apex.get("catalog") != "valid" or (agent.server and apex.get("health") != "ok"):
        wrong.append(f"says {apex}")
    wrong += [f"{z}: no status" for z in want - status.keys()] if agent.server else []
    if not agent.server or wrong:
        return wrong
    answers = state_of(agent.server, want | names)
    for zone in want | names:
        is_served, said = answers.get(zone, "nothing"), status.get(zone, {}).get("state", "gone")
        if (is_served, said) != (("served", "serving") if zone in want else ("absent", "gone")):
            wrong.append(f"{zone}: the answer is {is_served}, the status {status.get(zone, 'gone')}")
    return wrong


def equal(seconds, file, only):
    left = [a for a in agents if not only or a.name in only]
    names = {line.strip().rstrip(".") + "." for line in open(file)}
    end = time.monotonic() + seconds
    while left:
        catalog, bad = zone_of(hub, C), []
        for a in left:
            try:
                wrong = faults(a, catalog, names)
            except (OSError, EOFError, dns.exception.DNSException) as e:
                wrong = [f"cannot be asked: {type(e).__name__} {e}"]
            if wrong:
                bad.append((a, wrong))
        left = [a for a, _ in bad]
        if left and time.monotonic() > end:
            for a, wrong in bad:
                print(f"{a.name}: {len(wrong)} faults")
                for w in wrong[:5]:
                    print(f"  {w}")
            sys.exit(1)
        if left:
            time.sleep(0.1)


def keep(file, names):
    zones = [line.strip().rstrip(".") + "." for line in open(file)]
    bad = 0
    for a in agents:
        for zone, state in state_of(a.server, zones).items() if a.name in names and a.server else ():
            if state != "served":
                print(f"{a.name}: {zone} is {state}")
                bad += 1
    sys.exit(bad > 0)


# -- times ------------------------------------------------------------------------------


def send(build):
    u = dns.update.UpdateMessage(C, keyring=ring, keyname=keyname)
    build(u)
    r = dns.query.tcp(u, "127.0.0.1", 5, hub.port)
    assert r.rcode() == 0, r


def serial_of(agent):
    q = dns.message.make_query(C, "SOA", flags=0)
    q.use_tsig(ring, dns.name.from_text(keyname))
    return dns.query.udp(q, "127.0.0.1", 5, agent.port).answer[0][0].serial


def watch(zone, serial, want, start):
    """Times of ("agent", NAME) and ("server", NAME); all are asked every 5 ms."""
    at = {}
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ports = {a.port: ("agent", a.name) for a in agents[1:]}
    ports.update({a.server: ("server", a.name) for a in agents if a.server})
    agent_ports = {a.port for a in agents}
    # The same bytes again and again: late answers count, too.
    plain = dns.message.make_query(zone, "SOA", flags=0).to_wire()
    q = dns.message.make_query(C, "SOA", flags=0)
    q.use_tsig(ring, dns.name.from_text(keyname))
    signed = q.to_wire()
    left, end = set(ports), start + 60
    while left and time.monotonic() < end:
        for p in left:
            s.sendto(signed if p in agent_ports else plain, ("127.0.0.1", p))
        until = time.monotonic() + 0.005
        while (pause := until - time.monotonic()) > 0 and select.select([s], [], [], pause)[0]:
            wire, (_, p) = s.recvfrom(65535)
            if p not in left:
                continue
            if p in agent_ports:
                m = dns.message.from_wire(wire, keyring=ring, request_mac=q.mac)
                good = m.answer and m.answer[0][0].serial == serial
            else:
                m = dns.message.from_wire(wire)
                good = (m.rcode() == 0 and bool(m.answer)) if want else m.rcode() == dns.rcode.REFUSED
            if good:
                at[ports[p]] = time.monotonic() - start
                left.discard(p)
    if left:
        sys.exit(f"{zone}: after 60 s not at {[ports[p] for p in left]}")
    return at


def line(what, times):
    times = [1000 * t for t in times]
    print(f"{what:<44} {min(times):8.0f} {statistics.median(times):8.0f} {max(times):8.0f}", flush=True)


def table(title, rounds):
    levels = sorted({a.level for a in agents[1:]})
    kinds = sorted({a.kind for a in agents if a.server})
    for level in levels:
        line(f"{title}: agents of level {level} have it",
             [t[("agent", a.name)] for t in rounds for a in agents[1:] if a.level == level])
    for kind in kinds:
        line(f"{title}: {kind} answers", [t[("server", a.name)] for t in rounds for a in agents if a.kind == kind])
    line(f"{title}: the last of {len(agents) - 1} agents", [max(v for (w, _), v in t.items() if w == "agent") for t in rounds])
    line(f"{title}: the last of {sum(a.server is not None for a in agents)} servers", [max(v for (w, _), v in t.items() if w == "server") for t in rounds])


def times(n):
    added, removed = [], []
    for i in range(n):
        zone, node = f"times{i}.example.", f"times{i}.zones"
        for rounds, want in (added, True), (removed, False):
            serial = serial_of(hub) + 1
            start = time.monotonic()
            if want:
                send(lambda u: (u.add(node, 0, "PTR", zone), u.add(f"group.{node}", 0, "TXT", "shared")))
            else:
                send(lambda u: u.delete(node, "PTR"))
            rounds.append(watch(zone, serial, want, start))
            time.sleep(0.3)
    print(f"{'milliseconds from the UPDATE at the hub':<44} {'smallest':>8} {'median':>8} {'largest':>8}")
    table("a zone added", added)
    table("a zone removed", removed)


if sys.argv[1] == "equal":
    equal(float(sys.argv[3]), sys.argv[4], sys.argv[5:])
elif sys.argv[1] == "keep":
    keep(sys.argv[3], sys.argv[4:])
else:
    times(int(sys.argv[3]))
