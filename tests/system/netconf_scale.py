# SPDX-License-Identifier: BSD-2-Clause
"""Many zones, many sessions: counts, no times."""
import threading
from netconf import *

MEMBERS, SESSIONS = int(os.environ["MEMBERS"]), int(os.environ["SESSIONS"])
PID = int(os.environ["NETCONF_PID"])
SAN = "san" in os.readlink(f"/proc/{PID}/exe") or "thread" in os.readlink(f"/proc/{PID}/exe")


def counts():
    return [int(x) for x in open(f"{T}/count").read().split()]


def cost(call):
    """(messages to the agent, octets from it) of a call; the least of some, for the watch is counted, too."""
    best = None
    for _ in range(5):
        before = counts()
        call()
        time.sleep(0.05)  # the relay's last word
        after = counts()
        this = after[2] - before[2], after[3] - before[3]
        best = min(best or this, this)
    return best


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd"))


def memory():
    """kB that are its own."""
    return int(re.search(r"RssAnon:\s+(\d+)", open(f"/proc/{PID}/status").read())[1])


def by_key(s, z):
    return lambda: want(names(s.get(zones_filter(f"<domain>{z}</domain>"))), [z])


def settled_agent():
    """The states of the members are told to the gateway, too, which is not what is counted."""
    last, end = counts(), time.monotonic() + 10 * PATIENCE
    while time.monotonic() < end:
        time.sleep(2)
        now = counts()
        if now[3] - last[3] < 5000:
            return
        last = now


def lookup__by_key__costs_the_same_among_many():
    settled_agent()
    with Session() as s:
        z = f"m{MEMBERS // 2}.example"
        by_key(s, z)()
        forms = {
            "get": by_key(s, z),
            "get-config": lambda: want(names(s.get_config(zones_filter(f"<domain>{z}</domain>"))), [z]),
            "xpath": lambda: want(names(s.get_config(xpath(f"/d:dns-server/d:zones/d:zone[d:domain='{z}']"))), [z]),
            "absent": lambda: want(names(s.get_config(zones_filter("<domain>absent.example</domain>"))), []),
            "edit": lambda: want_ok(s.edit(zone(z, f"p{time.monotonic()}", op="replace"))),
            "candidate": lambda: want_ok(s.edit(zone(z, f"p{time.monotonic()}", op="replace"), target="candidate")),
        }
        for form, call in forms.items():
            messages, octets = cost(call)
            print(f"{form}: {messages} messages, {octets} octets", flush=True)
            # few questions, and answers of one zone: not of {MEMBERS}
            assert messages <= 8 and octets < 20000, (form, messages, octets)
        want_ok(s.rpc("<discard-changes/>"))
        start, n = time.monotonic(), 200
        for _ in range(n):
            forms["get-config"]()
        print(f"{(time.monotonic() - start) / n * 1000:.1f} ms a lookup of one in {MEMBERS}, client and all", flush=True)
        some = "".join(f"<zone><domain>m{i}.example</domain></zone>" for i in range(1, 101))
        messages, octets = cost(lambda: want(len(names(s.get_config(subtree(server(some))))), 100))
        assert messages <= 250 and octets < 200000, (messages, octets)


def all_of_it__more_than_a_reply_may_have__is_refused():
    with Session() as s:
        before = memory()
        for read in (s.get_config, s.get):
            if MEMBERS >= 100000 or read == s.get:
                e = error_of(read())
                assert e.tag in ("too-big", "resource-denied") and e.message, e
        e = error_of(s.get_config(xpath("//d:zone[contains(d:domain,'m77')]")))
        want(e.tag, "resource-denied")
        # what fits is given: by filter over all, and names
        found = names(s.get_config(zones_filter("<domain/>"))) if MEMBERS < 50000 else None
        assert found is None or len(found) == MEMBERS
        want(names(s.get_config(zones_filter("<pattern>nobody</pattern>"))), [])
        by_key(s, "m1.example")()
        print(f"memory: {before} kB before, {memory()} behind", flush=True)


def sessions__two_hundred_at_once__are_all_served():
    opened, wrong = [], []
    n = 60 if os.environ.get("QUICK") else 200

    def open_some(count):
        try:
            for _ in range(count):
                opened.append(Session())
        except Exception as e:
            wrong.append(repr(e))
    threads = [threading.Thread(target=open_some, args=(n // 4,)) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    want((wrong, len(opened)), ([], n))
    numbers = [(s, s.ask(f"<get-config><source><running/></source>{zones_filter(f'<domain>m{i + 1}.example</domain>')}</get-config>"))
               for i, s in enumerate(opened)]
    for i, (s, number) in enumerate(numbers):
        want(names(s.reply(number)), [f"m{i + 1}.example"])
    listed = data_of(opened[0].get(subtree(f'<netconf-state xmlns="{NS["m"]}"><sessions/></netconf-state>')))
    assert len(listed.findall(".//m:session", NS)) >= n
    [s.close_session() for s in opened]


def sessions__more_than_are_allowed__are_refused():
    if os.environ.get("QUICK"):
        return
    opened = [Session() for _ in range(250)]
    try:
        extra = Session()
        extra.get_config(subtree(""))
        raise AssertionError("one more than max-sessions")
    except (Gone, OSError):
        pass
    names(opened[0].get_config(zones_filter("<domain>m1.example</domain>")))
    [s.sock.close() for s in opened]


def sessions__that_come_and_go__leave_nothing():
    def some(n):
        for i in range(n):
            s = Session()
            by_key(s, f"m{i % 100 + 1}.example")()
            if i % 5 == 0:
                want_ok(s.rpc(f'<create-subscription xmlns="{NS["ev"]}"/>'))
            if i % 7 == 0:
                want_ok(s.edit(zone(f"m{i % 100 + 1}.example", f"p{i}")))
            if i % 11 == 0:
                want_ok(s.lock())
            if i % 2:
                s.sock.close()  # without a word
            else:
                s.close_session()
            if i % 11 == 0:
                end = time.monotonic() + PATIENCE
                with Session() as t:
                    while t.lock().find("nc:ok", NS) is None:
                        assert time.monotonic() < end

    def settled():
        end = time.monotonic() + PATIENCE
        last = descriptors()
        while time.monotonic() < end:
            time.sleep(1)
            now = descriptors()
            if now == last:
                return now
            last = now
        return last
    some(SESSIONS // 5)
    fds, kb = settled(), memory()
    some(SESSIONS)
    fds_then, kb_then = settled(), memory()
    print(f"{SESSIONS} sessions: descriptors {fds} -> {fds_then}, memory {kb} -> {kb_then} kB", flush=True)
    assert fds_then <= fds + 2, "descriptors"
    # less than 1 kB a session, over what allocators move about
    assert SAN or kb_then <= kb + 4096 + SESSIONS, "memory"


run(lookup__by_key__costs_the_same_among_many, all_of_it__more_than_a_reply_may_have__is_refused,
    sessions__two_hundred_at_once__are_all_served, sessions__more_than_are_allowed__are_refused,
    sessions__that_come_and_go__leave_nothing)
