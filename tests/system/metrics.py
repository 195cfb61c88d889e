# SPDX-License-Identifier: BSD-2-Clause
"""What the test of metrics needs of Python: Debian's parser of OpenMetrics, and of HTML.

  metrics.py names URL MAN         the manual page lists what is told, and nothing else
  metrics.py files URL FILE...     rules and dashboards name what is told, and nothing else
  metrics.py same URL LABEL JSON   the numbers of `status --summary -o json`
  metrics.py value URL NAME [LABEL=VALUE...]
  metrics.py page FILE TEXT...     a sound page, whose text has these
"""
import html.parser
import json
import re
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SUFFIX = {"counter": "_total", "info": "_info"}


def families(url):
    with urllib.request.urlopen(url, timeout=30) as r:
        assert r.headers["Content-Type"] == TYPE, r.headers["Content-Type"]
        text = r.read().decode("ascii")
    assert text.endswith("# EOF\n")
    found = list(text_string_to_metric_families(text))
    for f in found:
        assert f.documentation and f.type != "unknown", f
        if f.unit:
            assert f.name.endswith("_" + f.unit), f
        assert bool(f.unit) == bool(re.search("_(seconds|bytes)$", f.name)), f
        for s in f.samples:
            assert "zone" not in s.labels or f.name == "nsherd_catalog", s
    return found


def names(url, man):
    told = {f.name + SUFFIX.get(f.type, "") for f in families(url)}
    page = re.search(r'metrics: begin(.*)metrics: end', open(man).read(), re.S).group(1)
    listed = set(re.findall(r'^\.It Li (\w+)', page, re.M))
    assert told == listed, ("told alone", told - listed, "listed alone", listed - told)
    for f in families(url):  # the labels, of those that have samples
        line = re.search(r'^\.It Li %s( Pq Va (.*))?$' % (f.name + SUFFIX.get(f.type, "")), page, re.M)
        labels = set((line.group(2) or "").replace(" ", "").split(",")) - {""}
        for s in f.samples:
            assert set(s.labels) - {"le"} == labels, (s, labels)


def exprs(path):
    if path.endswith(".json"):
        board = json.load(open(path))
        ids = [p["id"] for p in board["panels"]]
        assert len(ids) == len(set(ids)) and board["uid"] and board["title"]
        found = [t["expr"] for p in board["panels"] for t in p["targets"]]
        assert all(p["title"] and p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in board["panels"])
        return found + [v["query"] for v in board["templating"]["list"]]
    import yaml
    found = []
    for group in yaml.safe_load(open(path))["groups"]:
        for rule in group["rules"]:
            assert re.fullmatch("Nsherd[A-Za-z]+", rule["alert"]), rule
            assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"], rule
            found.append(rule["expr"])
    return found


def files(url, *paths):
    told = {s.name: set(s.labels) for f in families(url) for s in f.samples}
    for path in paths:
        list_ = exprs(path)
        assert len(list_) > 10, path
        for e in list_:
            assert e.count("(") == e.count(")") and e.count("{") == e.count("}"), e
            for name, labels in re.findall(r'\b((?:nsherd|process)_\w+)(?:\{([^}]*)\})?', e):
                assert name in told, (path, name)
                for label in re.findall(r'(\w+)=~?"', labels):
                    assert label in told[name] | {"instance", "job"}, (path, e, label)


def value(url, name, *labels):
    want = dict(x.split("=", 1) for x in labels)
    found = [s.value for f in families(url) for s in f.samples
             if s.name == name and want.items() <= s.labels.items()]
    print(" ".join("%g" % v for v in found))


def same(url, catalog, path):
    said = json.load(open(path))
    told = {}
    for f in families(url):
        for s in f.samples:
            told[(s.name,) + tuple(sorted(s.labels.items()))] = s.value

    def get(name, **labels):
        return told[(name,) + tuple(sorted(labels.items()))]

    assert get("nsherd_agent_info", agent=said["agent"]) == 1
    assert get("nsherd_build_info", version=said["version"]) == 1
    assert get("nsherd_catalog_serial", catalog=catalog) == said["catalog_serial"]
    assert get("nsherd_catalog_state", catalog=catalog, state=said["catalog_state"]) == 1
    assert get("nsherd_health", state=said["health"]) == 1
    assert get("nsherd_guard_holding", catalog=catalog) == (said["guard"] == "holding")
    assert get("nsherd_guard_held", catalog=catalog) == (said["held"] or 0)
    assert said["backends"]
    for b in said["backends"]:
        at = {"backend": b["backend"], "catalog": catalog}
        assert get("nsherd_backend_info", backend=b["backend"], driver=b["driver"], server=b["server"]) == 1
        assert get("nsherd_backend_up", backend=b["backend"]) == (b["state"] == "up")
        assert get("nsherd_backend_queue", backend=b["backend"]) == b["queue"]
        assert get("nsherd_backend_applied_serial", **at) == b["applied"]
        for state in ("serving", "pending", "failed", "conflict", "unassigned", "held", "removing"):
            assert get("nsherd_backend_zones", state=state, **at) == (b[state] or 0), (b, state)


class Page(html.parser.HTMLParser):
    VOID = {"meta", "br", "hr"}

    def __init__(self):
        super().__init__()
        self.stack, self.seen, self.text, self.attrs = [], [], "", {}

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "iframe", "form", "input", "img", "link", "a", "base"), tag
        assert not any(a.startswith("on") or a in ("style", "src", "href") for a, _ in attrs), attrs
        self.seen.append(tag)
        self.attrs.setdefault(tag, []).append(dict(attrs))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack and self.stack.pop() == tag, (tag, self.stack)

    def handle_data(self, data):
        if self.stack and self.stack[-1] != "style":
            self.text += data if not data.isspace() else " "
        if self.stack and self.stack[-1] in ("td", "th", "dd", "dt"):
            self.text += " "

    def handle_decl(self, decl):
        assert decl.lower() == "doctype html"


def page(path, *texts):
    p = Page()
    p.feed(open(path).read())
    assert not p.stack, p.stack
    assert p.attrs["html"][0]["lang"] == "en" and p.seen.count("title") == 1 and p.seen.count("h1") == 1
    assert all(a["scope"] in ("col", "row") for a in p.attrs["th"])
    assert p.seen.count("caption") == p.seen.count("table") > 0
    for t in texts:
        assert t in p.text, (t, p.text)


if __name__ == "__main__":
    {"names": names, "files": files, "value": value, "same": same, "page": page}[sys.argv[1]](*sys.argv[2:])
