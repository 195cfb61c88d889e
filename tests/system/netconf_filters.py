# SPDX-License-Identifier: BSD-2-Clause
"""Filters: those of RFC 6241 section 6.4 on our module, and any at random against an
evaluation that knows only the text of the RFC, and lxml's of XPath."""
import random
from netconf import *

KEYS = {"zone": ["domain"], "parameter": ["name"], "backend-state": ["backend"], "backend": ["name"],
        "pattern": ["name"], "catalog": ["name"], "usable": ["backend"]}
ZONES = (zone("shop.example", "primary", params=[("address", "192.0.2.1", "192.0.2.2"), ("ttl", "300")])
         + zone("mail.example", "shared") + zone("bare.example")
         + zone("two.example", "primary", "shared", params=[("ttl", "60")])
         + zone("0/25.2.0.192.in-addr.arpa", "primary")
         + zone(r"a\.b\;c\255.example", "primary") + zone("amp&amp;lt.example", "shared"))
ALL = ["0/25.2.0.192.in-addr.arpa", "amp&lt.example", r"a\.b\;c\255.example", "bare.example", "mail.example",
       "shop.example", "two.example"]


def q(e):
    return etree.QName(e)


def text(e):
    return (e.text or "").strip() if len(e) == 0 else ""


def canon(e):
    """An element as something that can be compared; the order of children is not looked at."""
    return (q(e).namespace, q(e).localname, text(e), tuple(sorted(map(canon, e))))


def canon_data(reply):
    return tuple(sorted(map(canon, data_of(reply))))


# -- RFC 6241 section 6.2, word by word. Marks: "whole", or "part" with its children's.

def fits(f, d):
    wild = q(f).namespace is None
    return q(f).localname == q(d).localname and (wild or q(f).namespace == q(d).namespace) and not f.attrib


def select(f, d, marks):
    """Does filter f, which fits by name, select d or something in it?"""
    if not fits(f, d):
        return False
    if text(f):
        if len(d) or text(d) != text(f):
            return False
        marks[d] = "whole"
        return True
    if len(f) == 0:
        marks[d] = "whole"
        return True
    matches = [c for c in f if text(c)]
    for m in matches:
        if not any(fits(m, x) and len(x) == 0 and text(x) == text(m) for x in d):
            return False
    if len(matches) == len(f):
        marks[d] = "whole"
        return True
    got = bool(matches)
    for c in f:
        for x in d:
            got = select(c, x, marks) or got
    if got:
        marks.setdefault(d, "part")
    return got


def kept(d, marks, whole=False):
    whole = whole or marks.get(d) == "whole"
    children = tuple(sorted(
        kept(x, marks, whole) for x in d
        if whole or x in marks or (d in marks and q(x).localname in KEYS.get(q(d).localname, ()))))
    return (q(d).namespace, q(d).localname, text(d), children)


def by_subtree(full, filter_text):
    f = etree.fromstring(f"<filter>{filter_text}</filter>")
    marks = {}
    for c in f:
        for d in full:
            select(c, d, marks)
    return tuple(sorted(kept(d, marks) for d in full if d in marks))


def by_xpath(full, expression):
    marks = {}
    tree = etree.fromstring(etree.tostring(full))  # its own root
    root = etree.ElementTree(tree)
    # the data's children are roots: "/" is their parent
    for d in root.xpath(re.sub(r"(^|[|(]\s*)/(?!/)", r"\1/nc:data/", expression), namespaces={"d": OURS, "nc": BASE}):
        marks[d] = "whole"
        for a in d.iterancestors():
            marks.setdefault(a, "part")
    return tuple(sorted(kept(d, marks) for d in tree if d in marks))


def same(s, full, filter_text, read):
    got, should = canon_data(read(subtree(filter_text))), by_subtree(full, filter_text)
    assert got == should, f"{filter_text}\ngot    {got}\nshould {should}"
    return got


def setup():
    with Session() as s:
        want_ok(s.config(server(ZONES), op="replace"))
        want(names(s.get_config()), sorted(ALL))
        end = time.monotonic() + PATIENCE
        while "pending" in leaves(data_of(s.get()), "dns-server", "zones", "zone", "backend-state", "state"):
            assert time.monotonic() < end


# -- cases

def filters__of_rfc_6241__select_what_it_says():
    with Session() as s:
        want(len(data_of(s.get_config(subtree("")))), 0, "6.4.2 an empty filter")
        want(len(data_of(s.get(subtree("")))), 0, "an empty filter of get")
        want(names(s.get_config()), sorted(ALL), "6.4.1 no filter")
        want(names(s.get_config(subtree(f'<dns-server xmlns="{OURS}"/>'))), sorted(ALL), "6.4.3 the whole")
        want(names(s.get_config(subtree(f'<dns-server xmlns="{OURS}"><zones/></dns-server>'))), sorted(ALL))
        found = zones_of(s.get_config(zones_filter("<domain/>")))  # 6.4.4
        want(sorted(found), sorted(ALL))
        assert all(len(z) == 1 for z in found.values()), "names only"
        found = zones_of(s.get_config(zones_filter("<domain>shop.example</domain>")))  # 6.4.5
        want(list(found), ["shop.example"])
        want(leaves(found["shop.example"], "parameter", "value"), ["192.0.2.1", "192.0.2.2", "300"])
        found = zones_of(s.get_config(zones_filter("<domain>shop.example</domain><pattern/>")))  # 6.4.6
        want([[q(x).localname for x in z] for z in found.values()], [["domain", "pattern"]])
        found = zones_of(s.get_config(subtree(server(  # 6.4.7, several subtrees
            "<zone><domain>shop.example</domain><pattern/></zone><zone><domain>mail.example</domain></zone>"
            "<zone><domain>two.example</domain><parameter/></zone><zone><domain>none.example</domain></zone>"))))
        want(sorted(found), ["mail.example", "shop.example", "two.example"])
        want(len(found["shop.example"].findall("n:parameter", NS)), 0)
        want(len(found["two.example"].findall("n:pattern", NS)), 0)
        # 6.4.8, elements with attributes: none of the module has any
        want(len(data_of(s.get_config(zones_filter('<domain nc:name="x"/>')))), 0)


def filters__of_namespaces__are_told_apart_and_wild():
    with Session() as s:
        want(len(data_of(s.get_config(subtree("<dns-server/>")))), 0, "that of NETCONF itself")
        want(len(data_of(s.get_config(subtree('<dns-server xmlns="urn:other"/>')))), 0)
        want(names(s.get_config(subtree('<dns-server xmlns=""/>'))), sorted(ALL), "a wildcard (6.2.1)")
        want(names(s.get_config(subtree('<dns-server xmlns=""><zones><zone><domain>shop.example</domain>'
                                        "</zone></zones></dns-server>"))), ["shop.example"])
        got = data_of(s.get(subtree('<netconf-state xmlns=""><datastores/></netconf-state>')))
        want([q(e).localname for e in got], ["netconf-state"])


def filters__with_blanks_and_content__are_matched_as_said():
    with Session() as s:
        want(names(s.get_config(zones_filter("\n <domain>\n shop.example </domain>\n"))), ["shop.example"])
        want(names(s.get_config(zones_filter("<pattern>shared</pattern>"))),
             ["amp&lt.example", "mail.example", "two.example"], "one of a leaf-list")
        want(names(s.get_config(zones_filter("<pattern>shared</pattern><pattern>primary</pattern>"))),
             ["two.example"], "both")
        want(names(s.get_config(zones_filter("<domain>shop.example</domain><pattern>shared</pattern>"))), [])
        want(names(s.get_config(zones_filter("<parameter><name>ttl</name><value>60</value></parameter>"))),
             ["two.example"])
        want(names(s.get_config(zones_filter("<domain>amp&amp;lt.example</domain>"))), ["amp&lt.example"])
        want(names(s.get_config(zones_filter(r"<domain>a\.b\;c\255.example</domain>"))), [r"a\.b\;c\255.example"])
        for other in ("SHOP.example", "shop.example.", "absent.example", "..", "shop.example.." , "x" * 2000):
            want(names(s.get_config(zones_filter(f"<domain>{other}</domain>"))), [], other)
        found = names(s.get(zones_filter("<backend-state><state>unassigned</state></backend-state>")))
        assert "bare.example" in found and "mail.example" not in found, found
        want(names(s.get(zones_filter("<backend-state><backend>nobody</backend></backend-state>"))), [])


def twins(text):
    """libyang 2.1 dies of two elements side by side with one name and no namespace."""
    return any(len({x.tag for x in e}) < len(e) for e in etree.fromstring(f"<x>{text}</x>").iter())


def random_filter(rng, full, depth=0, within=None):
    """A filter made of names and values that are there, mostly."""
    within = within if within is not None else list(full)
    out = ""
    for e in rng.sample(within, min(len(within), rng.choice((1, 1, 2, 3)))):
        name, kind = q(e).localname, rng.random()
        if len(e) == 0:
            inside = "" if kind < 0.5 else (e.text or "").replace("&", "&amp;")
            inside += "x" if kind > 0.95 else ""
        elif kind < 0.1:
            inside = ""
        else:
            inside = random_filter(rng, full, depth + 1, list(e))
        ns = q(e).namespace if rng.random() < 0.8 or twins(inside) else ""
        out += f"<{name}>{inside}</{name}>" if depth else f'<{name} xmlns="{ns}">{inside}</{name}>'
    return out


def subtrees__at_random__are_what_the_rfc_says():
    rng = random.Random(int(os.environ.get("SEED", "1")))
    with Session() as s:
        for read, rounds in ((s.get_config, 120), (s.get, 120)):
            full = data_of(read())
            if read == s.get:
                # what does not change from one reply to the next
                ours = full.find("n:dns-server", NS)
                full = etree.fromstring(f'<data xmlns="{BASE}"/>')
                full.append(ours)
            for _ in range(rounds if not os.environ.get("QUICK") else 40):
                same(s, full, random_filter(rng, full), read)


PATHS = ["/d:dns-server", "/d:dns-server/d:zones", "/d:dns-server/d:zones/d:zone", "/d:dns-server/d:zones/d:zone/d:domain",
         "/d:dns-server/d:zones/d:zone[d:domain='shop.example']",
         "/d:dns-server/d:zones/d:zone[d:domain = &quot;shop.example&quot;]/d:parameter",
         "/d:dns-server/d:zones/d:zone[d:domain='shop.example']/d:parameter[d:name='ttl']/d:value",
         "/d:dns-server/d:zones/d:zone[d:domain='absent.example']", "/d:dns-server/d:nothing",
         "/d:dns-server/d:zones/d:zone[d:pattern='shared']/d:domain",
         "/d:dns-server/d:zones/d:zone[d:pattern='shared'][d:pattern='primary']",
         "/d:dns-server/d:zones/d:zone[d:domain='mail.example'] | /d:dns-server/d:zones/d:zone[d:domain='two.example']/d:pattern",
         "/d:dns-server/d:zones/d:zone[d:domain='mail.example' or d:domain='two.example']",
         "//d:zone[contains(d:domain,'a')]/d:pattern", "//d:domain", "//d:parameter[d:name='ttl']/..",
         "/d:dns-server/d:zones/d:zone[2]/d:domain", "/d:dns-server/d:zones/d:zone[last()]",
         "/d:dns-server/d:zones/d:zone[count(d:pattern)=2]/d:domain", "/d:dns-server/d:zones/d:zone[not(d:pattern)]",
         "/d:dns-server/d:zones/d:zone[d:parameter/d:name='ttl']/d:domain", "/d:dns-server/*/*/d:domain",
         "/d:dns-server/d:zones/d:zone[starts-with(d:domain,'0/25')]", "/d:dns-server/child::d:zones/d:zone/d:pattern",
         "/d:dns-server/d:zones/d:zone[d:domain!='shop.example']/d:domain"]


def xpath__of_any_kind__selects_what_lxml_selects():
    with Session() as s:
        full = data_of(s.get_config())
        for path in PATHS:
            reply = s.get_config(xpath(path))
            should = by_xpath(full, path.replace("&quot;", '"'))
            assert canon_data(reply) == should, f"{path}\ngot    {canon_data(reply)}\nshould {should}"
        for path in ("/d:dns-server/d:backends/d:backend[d:name='null1']/d:state", "//d:backend-state[d:state='unassigned']",
                     "/d:dns-server/d:catalogs/d:catalog/d:serial", "/d:dns-server/d:patterns/d:pattern/d:name"):
            got = canon_data(s.get(xpath(path)))
            assert got and got == by_xpath(data_of(s.get()), path), path


def xpath__that_is_none__is_refused():
    with Session() as s:
        for path in ("/d:dns-server[", "/d:dns-server/d:zones/d:zone[d:domain=", "][", "/x:unknown", "d:zones/!",
                     "/d:dns-server/d:zones/d:zone[" + "(" * 2000, "'text'", "1 + 1"):
            reply = s.get_config(xpath(path))
            assert error_of(reply).tag in ("invalid-value", "operation-failed", "bad-attribute"), shown(reply)
        assert s.get_config('<filter type="xpath"/>').find("nc:rpc-error", NS) is not None
        assert s.get_config('<filter type="unheard-of"/>').find("nc:rpc-error", NS) is not None
        want(names(s.get_config()), sorted(ALL), "and the session goes on")


setup()
run(filters__of_rfc_6241__select_what_it_says, filters__of_namespaces__are_told_apart_and_wild,
    filters__with_blanks_and_content__are_matched_as_said, subtrees__at_random__are_what_the_rfc_says,
    xpath__of_any_kind__selects_what_lxml_selects, xpath__that_is_none__is_refused)
