# SPDX-License-Identifier: BSD-2-Clause
"""NETCONF on one side, DNS on the other: nsupdate, transfers, and the name servers themselves.
netconf_dns.py SECRET-OF-ALICE, or --agent: what is seen when the agent is killed."""
from netconf import *

SERVERS = [int(p) for p in os.environ["PORTS"].split()]
BACKENDS = ["nsd", "knot"]


def until(what, seconds=60):
    end = time.monotonic() + seconds * int(os.environ.get("WAIT", "3"))
    while not what():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.05)


def served(z, port):
    out = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), "+norec", "+time=1", "+tries=2", z, "SOA"],
                         capture_output=True, text=True).stdout
    return "status: NOERROR" in out and " aa" in out


def everywhere(zones, yes=True):
    until(lambda: all(served(z, p) == yes for z in zones for p in SERVERS))


def nsupdate(*lines, key="ctl.example"):
    text = "\n".join([f"server 127.0.0.1 {os.environ['AGENT_PORT']}", f"zone {CATALOG}", *lines, "send", "answer"])
    p = subprocess.run(["nsupdate", "-k", f"{T}/{key}.key"], input=text, capture_output=True, text=True)
    return p.returncode == 0, p.stdout + p.stderr


def add(uid, z, pattern):
    ok, said = nsupdate(f"update add {uid}.zones.{CATALOG} 0 PTR {z}.", f'update add group.{uid}.zones.{CATALOG} 0 TXT "{pattern}"')
    assert ok, said


def states(s, z):
    e = zones_of(s.get(zones_filter(f"<domain>{z}</domain>"))).get(z)
    return {} if e is None else {b.findtext("n:backend", namespaces=NS): b for b in e.findall("n:backend-state", NS)}


def subscribe(s):
    want_ok(s.rpc(f'<create-subscription xmlns="{NS["ev"]}"/>'))


def becomes(z, backend, new):
    return lambda e: (etree.QName(e).localname == "zone-state-change" and leaves(e, "domain") == [z]
                      and leaves(e, "backend") == [backend] and (leaves(e, "new-state") or [None]) == [new])


def alarm(kind, cleared):
    return lambda e: (etree.QName(e).localname == "alarm" and leaves(e, "kind") == [kind]
                      and leaves(e, "cleared") == ["true" if cleared else "false"])


def action(s, z, verb, backend=""):
    inside = f"<backend>{backend}</backend>" if backend else ""
    return s.rpc(f'<action xmlns="{NS["y"]}">' + server(f"<zone><domain>{z}</domain><{verb}>{inside}</{verb}></zone>") + "</action>")


def entry(reply):
    n = reply.findtext(".//n:entry", namespaces=NS)
    assert n, shown(reply)
    return int(n)


def edited__by_netconf__is_in_the_catalog_and_served():
    zones = [f"n{i}.example" for i in range(20)] + ["0/25.2.0.192.in-addr.arpa"]
    with Session() as s, Session("bob") as b:
        subscribe(b)
        want_ok(s.edit("".join(zone(z, "shared") for z in zones)))
        in_dns = catalog()
        want({z: in_dns.get(z) for z in zones}, {z: {"group": ["shared"]} for z in zones})
        everywhere(zones)
        for backend in BACKENDS:
            b.notification(becomes(zones[3], backend, "serving"))
        until(lambda: [x.findtext("n:state", namespaces=NS) for x in states(s, zones[0]).values()] == ["serving"] * 2)
        for x in states(s, zones[0]).values():
            want((x.findtext("n:serial", namespaces=NS), x.findtext("n:changed-by", namespaces=NS)), ("1", "alice.key.example"))
        want_ok(s.edit(zone("n0.example", op="delete")))
        everywhere(["n0.example"], False)
        for backend in BACKENDS:
            b.notification(becomes("n0.example", backend, None))
        want(states(s, "n0.example"), {})


def updated__by_nsupdate__is_in_get_and_told():
    with Session() as s:
        subscribe(s)
        add("u1", "u1.example", "shared")
        for backend in BACKENDS:
            e = s.notification(becomes("u1.example", backend, "serving"))
            want(leaves(e, "pattern"), ["shared"])
        want(names(s.get_config(zones_filter("<domain>u1.example</domain>"))), ["u1.example"])
        found = zones_of(s.get(zones_filter("<domain>u1.example</domain>")))["u1.example"]
        want(leaves(found, "member-id"), ["u1"])
        ok, said = nsupdate(f'update add colour.nsherd.ext.u1.zones.{CATALOG} 0 TXT "red"')
        assert ok, said
        want(leaves(zones_of(s.get_config(zones_filter("<domain>u1.example</domain>")))["u1.example"], "parameter", "value"), ["red"])
        # what NETCONF has no word for stays as it is
        ok, said = nsupdate(f'update add other.ext.u1.zones.{CATALOG} 0 TXT "kept"')
        assert ok, said
        want_ok(s.edit(zone("u1.example", "primary", params=[("colour", "blue")], op="replace")))
        want(catalog()["u1.example"], {"group": ["primary"], "colour.nsherd.ext": ["blue"], "other.ext": ["kept"]})
        ok, said = nsupdate(f"update delete u1.zones.{CATALOG} PTR")
        assert ok, said
        for backend in BACKENDS:
            s.notification(becomes("u1.example", backend, None))
        want(zones_of(s.get(zones_filter("<domain>u1.example</domain>"))), {})


def verbs__by_action_and_rpc__are_done():
    with Session() as s, Session("bob") as b, Session("carol") as carol:
        want_ok(s.edit(zone("v.example", "shared") + zone("v.team.example", "shared")))
        everywhere(["v.example", "v.team.example"])
        n = entry(action(s, "v.example", "reload"))
        done = lambda z, what: lambda: all(what in (x.findtext("n:last-command", namespaces=NS) or "")
                                           for x in states(s, z).values())
        until(done("v.example", f"seq={n}"))
        assert done("v.example", "reload:ok@")(), [shown(x) for x in states(s, "v.example").values()]
        m = entry(action(s, "v.example", "notify", "knot"))
        until(lambda: f"seq={m}" in (states(s, "v.example")["knot"].findtext("n:last-command", namespaces=NS) or ""))
        assert f"seq={n}" in states(s, "v.example")["nsd"].findtext("n:last-command", namespaces=NS), "on Knot alone"
        command = lambda who, inside: who.rpc(f'<zone-command xmlns="{OURS}">{inside}</zone-command>')
        m = entry(command(s, "<verb>reload</verb><domain>v.example</domain><domain>v.team.example</domain>"))
        until(done("v.team.example", f"seq={m}"))
        entry(command(s, "<verb>notify</verb><all/>"))
        entry(s.rpc(f'<reconcile xmlns="{OURS}"/>'))
        entry(s.rpc(f'<reconfigure xmlns="{OURS}"/>'))
        want_error(action(s, "absent.example", "reload"), "data-missing", path="absent.example")
        want_error(action(s, "v.example", "reload", "nobody"), "invalid-value")
        want_error(action(b, "v.example", "reload"), "access-denied")
        want_error(action(carol, "v.example", "reload"), "access-denied")
        entry(action(carol, "v.team.example", "reload"))
        assert command(s, "<verb>explode</verb><all/>").find("nc:rpc-error", NS) is not None
        assert command(s, "<verb>reload</verb>").find("nc:rpc-error", NS) is not None
        assert command(s, "<domain>v.example</domain>").find("nc:rpc-error", NS) is not None
        for rpc in ("reconcile", "reconfigure", "guard-release"):
            want_error(b.rpc(f'<{rpc} xmlns="{OURS}"/>'), "access-denied")
        want_error(carol.rpc(f'<guard-release xmlns="{OURS}"/>'), "access-denied")
        want_error(command(carol, "<verb>reload</verb><all/>"), "access-denied")


def guard__that_holds__is_told_and_released():
    with Session() as s, Session("bob") as b:
        subscribe(b)
        going = [f"n{i}.example" for i in range(1, 20)]
        want_ok(s.edit("".join(zone(z, op="delete") for z in going)))
        b.notification(alarm("guard-holding", False))
        want(sorted(set(going) & set(catalog())), [], "the catalog changes, the servers do not")
        time.sleep(1)
        assert all(served(z, p) for z in going for p in SERVERS)
        guard = subtree(f'<dns-server xmlns="{OURS}"><catalogs><catalog><guard/></catalog></catalogs></dns-server>')
        want(leaves(data_of(s.get(guard)), "dns-server", "catalogs", "catalog", "guard", "state"), ["holding"])
        held = data_of(s.get(guard)).findtext(".//n:held", namespaces=NS)
        assert int(held) >= len(going), held
        want_error(b.rpc(f'<guard-release xmlns="{OURS}"/>'), "access-denied")
        entry(s.rpc(f'<guard-release xmlns="{OURS}"/>'))
        everywhere(going, False)
        b.notification(alarm("guard-holding", True))


def history__of_an_edit__names_key_and_user():
    with Session() as s, Session("carol") as carol:
        want_ok(s.edit(zone("h.example", "shared")))
        want_ok(carol.edit(zone("h.team.example", "shared")))
        want_error(carol.edit(zone("forbidden.example")), "access-denied")
        log = dig("+nostats", "+nocmd", f"_log.{CATALOG}", "AXFR")
        line = [x for x in log.splitlines() if '"zone=h.example"' in x][-1]
        assert '"origin=alice"' in line and '"key=alice.key.example"' in line and '"op=add"' in line, line
        line = [x for x in log.splitlines() if '"zone=h.team.example"' in x][-1]
        assert '"origin=carol"' in line and '"key=carol.key.example"' in line, line
        audit = data_of(s.get(subtree(f'<dns-server xmlns="{OURS}"><audit/></dns-server>')))
        found = [e for e in audit.iterfind(".//n:entry", NS) if leaves(e, "domain") == ["h.team.example"]]
        want((leaves(found[-1], "origin"), leaves(found[-1], "key"), leaves(found[-1], "operation")),
             (["carol"], ["carol.key.example"], ["add"]))
        assert any(leaves(e, "operation") == ["refused"] and leaves(e, "origin") == ["carol"]
                   for e in audit.iterfind(".//n:entry", NS)), shown(audit)
        assert data_of(s.get()).find(".//n:audit", NS) is None, "not in a get that does not name it"


def users__of_two_keys__have_their_rights():
    with Session("carol") as carol, Session("bob") as b:
        want_ok(carol.edit(zone("r.team.example", "shared")))
        want_error(carol.edit(zone("r.example", "shared")), "access-denied")
        want_error(b.edit(zone("r.example")), "access-denied")
        want(names(carol.get(zones_filter("<domain>r.team.example</domain>"))), ["r.team.example"])
        assert carol.get(zones_filter("<domain>v.example</domain>")).find(".//n:zone", NS) is None
        assert carol.get_config().find(".//n:zone", NS) is None, "all of the catalog is not for a narrowed key"
        want_error(carol.rpc(f'<create-subscription xmlns="{NS["ev"]}"/>'), "access-denied")
        assert "r.team.example" in names(b.get())


def lock__of_either_side__stops_the_other():
    with Session() as s, Session() as other:
        want_ok(s.lock())
        ok, said = nsupdate(f"update add k1.zones.{CATALOG} 0 PTR k1.example.")
        assert not ok and "REFUSED" in said, said
        want_ok(s.edit(zone("k2.example", "shared")))
        want_ok(s.unlock())
        ok, said = nsupdate(f"update add k1.zones.{CATALOG} 0 PTR k1.example.")
        assert ok, said
        sys.argv = ["transactions.py", os.environ["AGENT_PORT"], CATALOG, "alice.key.example", SECRET, "none"]
        source = open(os.path.join(os.path.dirname(__file__), "transactions.py")).read().split("\ndef expect")[0]
        names_there = {}
        exec(compile(source, "transactions.py", "exec"), names_there)
        dns_client = names_there["Connection"]()
        want(dns_client.order("lock")[0], "NOERROR")
        want_error(s.lock(), "lock-denied", session=0)
        want_error(s.edit(zone("k3.example")), "in-use")
        want_error(other.edit(zone("k3.example")), "in-use")
        dns_client.sock.close()
        until(lambda: s.lock().find("nc:ok", NS) is not None)
        want_ok(s.unlock())


def backend__that_is_down__is_an_alarm():
    with Session("bob") as b:
        subscribe(b)
        pid = int(open(f"{T}/nsd/nsd.pid").read())
        os.kill(pid, 15)
        e = b.notification(alarm("backend-down", False))
        want(leaves(e, "resource"), ["nsd"])
        got = data_of(b.get(subtree(f'<dns-server xmlns="{OURS}"><backends/></dns-server>')))
        shown_states = dict(zip(leaves(got, "dns-server", "backends", "backend", "name"),
                                leaves(got, "dns-server", "backends", "backend", "state")))
        want((shown_states["knot"], shown_states["nsd"] != "up"), ("up", True))


def agent__that_is_killed__is_missed_and_found_again():
    with Session("bob") as b, Session() as s, Session() as holder:
        subscribe(b)
        want_ok(holder.lock())
        print("ready", flush=True)
        b.notification(alarm("agent-unreachable", False))
        print("lost", flush=True)
        b.notification(alarm("agent-unreachable", True))
        until(lambda: s.edit(zone("again.example", "shared")).find("nc:ok", NS) is not None)
        assert "again.example" in catalog()
        # who had the lock has lost it, and his session with it
        try:
            reply = holder.edit(zone("believes.example"))
            assert reply.find("nc:rpc-error", NS) is not None, shown(reply)
            while True:
                holder.octets()
        except Gone:
            pass
        assert "believes.example" not in catalog()
        until(lambda: s.lock().find("nc:ok", NS) is not None)


if sys.argv[1] == "--agent":
    run(agent__that_is_killed__is_missed_and_found_again)
else:
    SECRET = sys.argv[1]
    run(edited__by_netconf__is_in_the_catalog_and_served, updated__by_nsupdate__is_in_get_and_told,
        verbs__by_action_and_rpc__are_done, guard__that_holds__is_told_and_released, history__of_an_edit__names_key_and_user,
        users__of_two_keys__have_their_rights, lock__of_either_side__stops_the_other, backend__that_is_down__is_an_alarm)
