# SPDX-License-Identifier: BSD-2-Clause
"""edit-config: what is changed, what is refused and how it is said, and that it is all or nothing."""
import threading
from netconf import *

N = int(os.environ["ZONES"])
ZONE = "/nsherd:dns-server/nsherd:zones/nsherd:zone"


def at(z):
    return f"{ZONE}[nsherd:domain='{z}']"


def fresh(s, zones=""):
    """These zones alone."""
    want_ok(s.rpc(f"<copy-config><target><running/></target><source><config>{server(zones)}</config></source></copy-config>"))


def unchanged(call, tag, **how):
    """Refused, and neither catalog nor serial is another."""
    before = serial(), catalog()
    e = want_error(call(), tag, **how)
    want((serial(), catalog()), before, "unchanged")
    return e


# -- the matrix

def operations__on_zones__by_existence_and_default():
    exists, missing = "exists.example", "missing.example"
    before = {"group": ["old"], "x.nsherd.ext": ["1"]}
    new = {"group": ["new"]}
    merged = {"group": ["new", "old"], "x.nsherd.ext": ["1"]}
    none = "data-missing"
    table = {  # default: operation: (existing, missing)
        "merge": {"create": ("data-exists", new), "merge": (merged, new), "replace": (new, new), "delete": (None, none),
                  "remove": (None, None), None: (merged, new)},
        "none": {"create": ("data-exists", new), "merge": (merged, new), "replace": (new, new), "delete": (None, none),
                 "remove": (None, None), None: (none, none)},
        # all there was is gone, and operations are of what is left of it
        "replace": {"create": (new, new), "delete": (none, none), "merge": (new, new), "replace": (new, new),
                    "remove": (None, None), None: (new, new)},
    }
    with Session() as s:
        for default, rows in table.items():
            for op, results in rows.items():
                for z, result in zip((exists, missing), results):
                    fresh(s, zone(exists, "old", params=[("x", "1")]) + zone("bystander.example"))
                    what = f"{op} of {z} by {default}"
                    call = lambda: s.edit(zone(z, *([] if op in ("delete", "remove") else ["new"]), op=op), op=default)
                    if isinstance(result, str):
                        e = unchanged(call, result)
                        assert at(z) in (e.path or ""), f"{what}: {e}"
                        continue
                    start = serial()
                    want_ok(call())
                    now = catalog()
                    found = {k: sorted(v) for k, v in now[z].items()} if z in now else None
                    want(found, result, what)
                    want("bystander.example" in now, default != "replace", f"{what}: another zone")
                    want(exists in now, found is not None if z == exists else default != "replace", what)
                    assert serial() - start <= 1, what


def operations__on_patterns_and_values__by_existence():
    with Session() as s:
        start = zone("a.example", "one", params=[("p", "v1", "v2"), ("q", "w")])
        pattern = lambda v, op: f'<pattern nc:operation="{op}">{v}</pattern>'
        param = lambda op, inside: f'<parameter nc:operation="{op}"><name>p</name>{inside}</parameter>'
        value = lambda v, op: f'<parameter><name>p</name><value nc:operation="{op}">{v}</value></parameter>'
        state = {"group": ["one"], "p.nsherd.ext": ["v1", "v2"], "q.nsherd.ext": ["w"]}

        def is_now(**changes):
            result = {k: v for k, v in {**state, **{k.replace("_", "."): v for k, v in changes.items()}}.items() if v}
            return lambda: want({k: sorted(v) for k, v in catalog()["a.example"].items()}, result)
        both, less = is_now(group=["one", "two"]), is_now(group=None)
        cases = [
            (pattern("two", "create"), both), (pattern("one", "create"), "data-exists"), (pattern("two", "merge"), both),
            (pattern("one", "merge"), is_now()), (pattern("two", "replace"), both), (pattern("one", "delete"), less),
            (pattern("two", "delete"), "data-missing"), (pattern("one", "remove"), less), (pattern("two", "remove"), is_now()),
            (value("v3", "create"), is_now(p_nsherd_ext=["v1", "v2", "v3"])), (value("v1", "create"), "data-exists"),
            (value("v3", "merge"), is_now(p_nsherd_ext=["v1", "v2", "v3"])), (value("v1", "delete"), is_now(p_nsherd_ext=["v2"])),
            (value("v3", "delete"), "data-missing"), (value("v3", "remove"), is_now()),
            (value("v1", "remove"), is_now(p_nsherd_ext=["v2"])),
            (param("create", "<value>v3</value>"), "data-exists"), (param("replace", "<value>v3</value>"), is_now(p_nsherd_ext=["v3"])),
            (param("merge", "<value>v3</value>"), is_now(p_nsherd_ext=["v1", "v2", "v3"])),
            (param("delete", ""), is_now(p_nsherd_ext=None)), (param("remove", ""), is_now(p_nsherd_ext=None)),
            (param("delete", "").replace(">p<", ">none<"), "data-missing"), (param("remove", "").replace(">p<", ">none<"), is_now()),
            (param("create", "<value>v</value>").replace(">p<", ">r<"), is_now(r_nsherd_ext=["v"])),
            (param("replace", ""), "operation-failed"), (value("v1", "remove") + value("v2", "remove"), "operation-failed"),
        ]
        for inside, result in cases:
            fresh(s, start)
            call = lambda: s.edit(zone("a.example", rest=inside))
            if isinstance(result, str):
                e = unchanged(call, result)
                assert at("a.example") in (e.path or ""), f"{inside}: {e}"
                if result == "operation-failed":
                    want(e.app_tag, "too-few-elements", inside)
            else:
                want_ok(call())
                try:
                    result()
                except AssertionError as e:
                    raise AssertionError(f"{inside}: {e}")


def operations__on_the_containers__are_of_all_zones():
    with Session() as s:
        for attribute in ("replace", "delete", "remove"):
            for depth in (0, 1):
                fresh(s, zone("a.example") + zone("b.example"))
                start = serial()
                text = f' nc:operation="{attribute}"'
                inside = zone("c.example") if attribute == "replace" else ""
                want_ok(s.config(server(inside, *(["", text] if depth else [text]))))
                want((sorted(catalog()), serial()), (["c.example"] if inside else [], start + 1), f"{attribute} {depth}")
        fresh(s, zone("a.example"))
        want_ok(s.config("", op="replace"))
        want_ok(s.config(f'<dns-server xmlns="{OURS}"/>', op="merge"))


# -- errors

def faults__of_the_config__say_what_and_where():
    with Session() as s:
        fresh(s, zone("a.example", "primary"))
        bad = lambda text, tag, **how: unchanged(lambda: s.config(text), tag, **how)
        in_zone = lambda inside: server(zone("a.example", rest=inside))
        bad(in_zone("<member-id>x</member-id>"), "unknown-element", path=at("a.example"), element="member-id", message="state")
        bad(in_zone("<backend-state><backend>x</backend></backend-state>"), "unknown-element", element="backend-state")
        bad(in_zone("<colour>red</colour>"), "unknown-element", path=at("a.example"), element="colour")
        e = bad(in_zone('<pattern xmlns="urn:x">y</pattern>'), "unknown-namespace", path=at("a.example"), element="pattern")
        want(e.info.get("bad-namespace"), "urn:x")
        bad(f'<dns-server xmlns="{OURS}"><patterns/></dns-server>', "unknown-element", element="patterns")
        bad(f'<dns-server xmlns="{OURS}"><shop/></dns-server>', "unknown-element", element="shop")
        bad('<other xmlns="urn:x"/>', "unknown-namespace", element="other")
        bad(f'<netconf-state xmlns="{NS["m"]}"/>', "unknown-namespace", element="netconf-state")
        bad(server("<zone><pattern>x</pattern></zone>"), "missing-element", path=ZONE, element="domain")
        bad(in_zone("<parameter><value>x</value></parameter>"), "missing-element", path=at("a.example"), element="name")
        bad(in_zone("<parameter><name>Upper</name><value>x</value></parameter>"), "invalid-value", path="parameter")
        bad(in_zone(f"<parameter><name>{'x' * 64}</name><value>x</value></parameter>"), "invalid-value", path="parameter")
        bad(in_zone("<parameter><name>x</name></parameter>"), "operation-failed", path="parameter", app_tag="too-few-elements")
        bad(in_zone("<parameter><name>x</name><value>y</value><extra/></parameter>"), "unknown-element", element="extra")
        bad(in_zone("<pattern/>"), "invalid-value", path="pattern")
        bad(in_zone("<pattern>café</pattern>"), "invalid-value", path="pattern")
        bad(in_zone("<pattern>a\\b</pattern>"), "invalid-value", path="pattern")
        bad(in_zone(f"<pattern>{'x' * 256}</pattern>"), "invalid-value", path="pattern")
        bad(in_zone(f"<parameter><name>x</name><value>{'x' * 8193}</value></parameter>"), "invalid-value", path="value")
        for op in ("destroy", "", "MERGE", "none"):
            reply = s.edit(zone("a.example", op=op or "x"))
            assert error_of(reply).tag in ("bad-attribute", "operation-failed", "invalid-value"), shown(reply)
        for option in ("<default-operation>create</default-operation>", "<test-option>maybe</test-option>",
                       "<error-option>shrug</error-option>"):
            reply = s.rpc(edit(zone("z.example")).replace("<config>", f"{option}<config>"))
            assert reply.find("nc:rpc-error", NS) is not None, option
        want(names(s.get_config()), ["a.example"])


def names__of_every_form__are_taken_or_refused():
    with Session() as s:
        fresh(s)
        label = "x" * 63
        longest = ".".join([label] * 3 + ["y" * 53 + ".example"])
        good = ["0/25.2.0.192.in-addr.arpa", "_tcp.example", r"a\.b.example", r"\000\255\\.example", r"\(\)\;\$\@\".example",
                f"{label}.example", "*.example", "xn--caf-dma.example", longest, "a&amp;b&lt;c.example"]
        for z in good:
            want_ok(s.edit(zone(z)))
        plain = [z.replace("&amp;", "&").replace("&lt;", "<") for z in good]
        want(names(s.get_config()), sorted(plain))
        for z, p in zip(good, plain):
            want(names(s.get(zones_filter(f"<domain>{z}</domain>"))), [p])
            want_ok(s.edit(zone(z, op="delete")))
        for z, canonical in (("UPPER.example", "upper.example"), ("dot.example.", "dot.example"), (r"\097.example", "a.example"),
                             (r"a\046b.example", r"a\.b.example"), (r"\a.example", "a.example")):
            unchanged(lambda: s.edit(zone(z)), "invalid-value", path="domain", message=canonical)
        for z in (".", "", "..", ".a.example", "a..example", f"{label}x.example", f"a.{longest}", "café.example", r"a\256.example",
                  "a\\", "a b.example", "x" * 1200):
            unchanged(lambda: s.edit(zone(z)), "invalid-value", path="domain")
        for z in (CATALOG, f"_status.{CATALOG}", f"x.{CATALOG}"):
            unchanged(lambda: s.edit(zone(z)), "invalid-value", path=at(z))


def values__of_any_octets__come_back_as_they_were():
    with Session() as s:
        fresh(s)
        texts = ["plain", 'say "this" &amp; &lt;that&gt;', r"back\\slash", r"\000\010\255", "x" * 8192, " lead and trail "]
        for t in texts:
            want_ok(s.edit(zone("v.example", params=[("x", t)], op="replace")))
            want(leaves(zones_of(s.get_config())["v.example"], "parameter", "value"),
                 [t.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")])
        want_ok(s.edit(zone("v.example", params=[("x", *texts), ("y", "1")], op="replace")))
        got = leaves(zones_of(s.get_config())["v.example"], "parameter", "value")
        want(len(got), len(texts) + 1)


# -- all or nothing

def many(n=N, op=None, pattern="primary"):
    return "".join(zone(f"z{i}.example", *([pattern] if op not in ("delete", "remove") else []), op=op) for i in range(n))


def edits__of_thousands__are_one_serial_or_nothing():
    with Session() as s, Session("carol") as carol:
        fresh(s, zone("there.example"))
        for last, tag, where in ((zone("BAD.example"), "invalid-value", "domain"),
                                 (zone("there.example", op="create"), "data-exists", at("there.example")),
                                 (zone("absent.example", op="delete"), "data-missing", at("absent.example")),
                                 (zone(CATALOG), "invalid-value", at(CATALOG)),
                                 (zone("x.example", rest="<colour/>"), "unknown-element", at("x.example"))):
            for error in (None, "stop-on-error", "rollback-on-error"):
                start = serial(), sorted(catalog())
                want_error(s.edit(many() + last, error=error), tag, path=where)
                want((serial(), sorted(catalog())), start, last)
                if N > 2000 and error is None:
                    break
        want_error(s.edit(many(), error="continue-on-error"), "operation-not-supported")
        start = serial()
        want_ok(s.edit(many(), test="test-only"))
        want(serial(), start)
        want_ok(s.edit(many()))
        want((serial(), len(catalog())), (start + 1, N + 1), "one serial")
        steps = dig("+nostats", "+nocmd", "+nocomments", CATALOG, f"IXFR={start}")
        assert len(re.findall(r"\sSOA\s", steps)) in (2, 4), "one step"  # 2: all of it was shorter
        want_error(s.edit("".join(zone(f"m{i}.example", "primary") for i in range(2 * N))), "too-big")
        want_ok(s.edit(many(op="delete") + zone("new.example")))
        want((serial(), sorted(catalog())), (start + 2, ["new.example", "there.example"]))


def rights__of_the_key__bound_the_edit():
    with Session() as s, Session("bob") as bob, Session("carol") as carol, Session("dave") as dave:
        fresh(s, zone("shop.example", "primary") + zone("a.team.example", "primary"))
        unchanged(lambda: bob.edit(zone("b.example")), "access-denied")
        unchanged(lambda: bob.edit(zone("shop.example", op="remove")), "access-denied")
        want_error(bob.lock(), "access-denied")
        want_error(carol.lock(), "access-denied")
        unchanged(lambda: carol.edit(zone("shop.example", "shared")), "access-denied", path=at("shop.example"))
        unchanged(lambda: carol.edit(zone("ok.team.example") + zone("new.example")), "access-denied", path=at("new.example"))
        unchanged(lambda: carol.edit("".join(zone(f"t{i}.team.example") for i in range(1000)) + zone("last.example")),
                  "access-denied", path=at("last.example"))
        unchanged(lambda: carol.config(server(zone("x.team.example"), "", ' nc:operation="replace"')), "access-denied")
        want_ok(carol.edit(zone("a.team.example", "shared") + zone("b.team.example", "primary")))
        want(names(carol.get_config(zones_filter("<domain>b.team.example</domain>"))), ["b.team.example"])
        assert carol.get_config(zones_filter("<domain>shop.example</domain>")).find(".//n:zone", NS) is None
        unchanged(lambda: dave.edit(zone("d.example", "primary")), "access-denied", path=at("d.example"))
        want_ok(dave.edit(zone("d.example", "secondary") + zone("e.example", "secondary")))
        for op in ("delete", "remove", "merge", "replace", "create"):
            unchanged(lambda: dave.edit(zone("shop.example", *([] if op in ("delete", "remove") else ["secondary"]), op=op)), "access-denied",
                      path=at("shop.example"))
            unchanged(lambda: carol.edit(zone("shop.example", op=op)), "access-denied", path=at("shop.example"))
        unchanged(lambda: dave.edit(zone("none.example"), op="none"), "access-denied")
        want_ok(dave.edit(zone("e.example", op="delete")))
        want_ok(s.edit(zone("zone.test", "primary")))  # outside of accept-zones: a state, no refusal
        end = time.monotonic() + PATIENCE
        while not any("accept" in (t or "") for t in leaves(zones_of(s.get(zones_filter(
                "<domain>zone.test</domain>")))["zone.test"], "backend-state", "error")):
            assert time.monotonic() < end


def refusals__of_many_questions__leave_no_answers_behind():
    """The next operation once took an answer that was still to come for its own."""
    with Session() as s, Session("carol") as carol:
        fresh(s, zone("a.team.example", "primary"))
        of_others = subtree(server("".join(f"<zone><domain>t{i}.example</domain></zone>" for i in range(300))))
        for _ in range(3):
            want_ok(carol.edit(zone("c.team.example"), target="candidate"))
            want_error(carol.get_config(of_others), "access-denied")
            want_ok(carol.rpc("<commit/>"))
            want(sorted(catalog()), ["a.team.example", "c.team.example"])
            want_error(carol.get_config(of_others), "access-denied")
            want_error(carol.rpc(f'<action xmlns="{NS["y"]}">{server("<zone><domain>a.team.example</domain><notify/></zone>")}'
                                 "</action>"), "access-denied")
            want_ok(carol.edit(zone("c.team.example", op="delete")))
            want(sorted(catalog()), ["a.team.example"])


def zones__too_large_for_a_message__are_refused_and_nothing_else():
    with Session() as s:
        fresh(s, zone("a.example"))
        large = zone("large.example", params=[("x", *(f"{i}" + "x" * 8000 for i in range(10)))])
        for edit in (large, many(1000) + large, many(1000) + large + zone("z.example")):
            unchanged(lambda: s.edit(edit), "too-big", path=at("large.example"))
            want_ok(s.edit(zone("b.example")))
            want(sorted(catalog()), ["a.example", "b.example"])
            want_ok(s.edit(zone("b.example", op="delete")))
            want(sorted(catalog()), ["a.example"])


# -- the candidate

def candidate__of_two_sessions__is_one_and_is_committed_at_once():
    with Session() as a, Session() as b:
        fresh(a, zone("a.example", "primary"))
        cand = lambda s: names(s.get_config(source="candidate"))
        want_ok(a.edit(zone("b.example"), target="candidate"))
        want_ok(b.edit(zone("c.example") + zone("a.example", op="delete"), target="candidate"))
        want((cand(a), cand(b), names(a.get_config())), (["b.example", "c.example"],) * 2 + (["a.example"],))
        want_error(a.edit(zone("b.example", op="create"), target="candidate"), "data-exists", path=at("b.example"))
        want_error(a.edit(zone("ok.example") + zone("a.example", op="delete"), target="candidate"), "data-missing")
        want(cand(a), ["b.example", "c.example"], "all or nothing")
        want_error(a.edit(zone("Bad.example"), target="candidate"), "invalid-value")
        start = serial()
        want_ok(b.rpc("<commit/>"))
        want((serial(), sorted(catalog())), (start + 1, ["b.example", "c.example"]))
        want_ok(a.rpc("<commit/>"))
        want(serial(), start + 1, "nothing to commit")
        want_ok(a.edit(many(N // 5), target="candidate"))
        want_ok(a.rpc("<discard-changes/>"))
        want(cand(a), ["b.example", "c.example"])
        want_ok(a.edit(many(N // 5), target="candidate"))
        want_ok(a.rpc("<commit/>"))
        want((serial(), len(catalog())), (start + 2, N // 5 + 2))
        want_ok(a.edit(many(N // 5, op="remove"), target="candidate"))
        want_ok(a.rpc("<commit/>"))
        want(serial(), start + 3)


def candidate__and_who_may_not_update__are_kept_apart():
    with Session("bob") as b, Session() as s, Session() as k:
        fresh(s)
        want_ok(s.edit(zone("y.example"), target="candidate"))
        copy = "<copy-config><target><candidate/></target><source><running/></source></copy-config>"
        for refused in (lambda: b.edit(zone("x.example"), target="candidate"), lambda: b.lock("candidate"),
                        lambda: b.rpc("<discard-changes/>"), lambda: b.rpc("<commit/>"), lambda: b.rpc(copy)):
            want_error(refused(), "access-denied")
        want(names(s.get_config(source="candidate")), ["y.example"])
        want_ok(s.rpc("<discard-changes/>"))
        for store in ("running", "candidate"):
            want_ok(s.lock(store))
        # who kills a session for its locks has them at once
        want_ok(k.rpc(f"<kill-session><session-id>{s.id}</session-id></kill-session>"))
        for store in ("running", "candidate"):
            want_ok(k.lock(store))


def lists__with_more_than_the_module_has__are_refused():
    with Session() as s:
        fresh(s)
        unchanged(lambda: s.edit(zone("m.example", *(f"p{i}" for i in range(1001)))), "operation-failed",
                  path=at("m.example"))
        unchanged(lambda: s.edit(zone("m.example", "p", params=[("k", *(f"v{i}" for i in range(1001)))])),
                  "operation-failed", path=at("m.example"))


def candidate__on_what_others_changed__is_not_committed():
    with Session() as a, Session() as b:
        fresh(a, zone("a.example", "primary") + zone("b.example", "primary"))
        want_ok(a.edit(zone("a.example", "shared") + zone("n.example"), target="candidate"))
        want_ok(b.edit(zone("b.example", "shared")))  # another zone: no conflict
        want_ok(b.edit(zone("a.example", "other")))
        start = serial()
        want_error(a.rpc("<commit/>"), "operation-failed", path=at("a.example"))
        want((serial(), "n.example" in catalog()), (start, False))
        want_ok(a.rpc("<discard-changes/>"))
        want_ok(a.edit(zone("a.example", "shared"), target="candidate"))
        want_ok(a.rpc("<commit/>"))
        want(sorted(catalog()["a.example"]["group"]), ["other", "primary", "shared"])
        want_ok(a.edit(zone("c.example", op="create"), target="candidate"))
        want_ok(b.edit(zone("c.example", op="create")))
        want_error(a.rpc("<commit/>"), "operation-failed", path=at("c.example"))
        want_ok(a.rpc("<discard-changes/>"))


def writers__of_one_zone_at_once__lose_nothing():
    with Session() as s:
        fresh(s, zone("a.example", params=[("p", "start")]))
    rounds, wrong = 12, []

    def write(who):
        try:
            with Session() as s:
                for i in range(rounds):
                    while True:
                        reply = s.edit(zone("a.example", params=[("p", f"w{who}-{i}")]))
                        if reply.find("nc:ok", NS) is not None:
                            break
                        want(error_of(reply).tag, "in-use")
        except Exception as e:
            wrong.append(repr(e))
    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    want(wrong, [])
    want(len(catalog()["a.example"]["p.nsherd.ext"]), 4 * rounds + 1)


run(operations__on_zones__by_existence_and_default, operations__on_patterns_and_values__by_existence,
    operations__on_the_containers__are_of_all_zones, faults__of_the_config__say_what_and_where,
    names__of_every_form__are_taken_or_refused, values__of_any_octets__come_back_as_they_were,
    edits__of_thousands__are_one_serial_or_nothing, rights__of_the_key__bound_the_edit,
    refusals__of_many_questions__leave_no_answers_behind, zones__too_large_for_a_message__are_refused_and_nothing_else,
    lists__with_more_than_the_module_has__are_refused, candidate__and_who_may_not_update__are_kept_apart,
    candidate__of_two_sessions__is_one_and_is_committed_at_once, candidate__on_what_others_changed__is_not_committed,
    writers__of_one_zone_at_once__lose_nothing)
