# SPDX-License-Identifier: BSD-2-Clause
"""A NETCONF client of our own for the tests: over TLS, bytes as they are, so that it can
be as wrong as it likes; and what to expect of replies. The servers that it finds are
those of netconf.sh: $NETCONF_TLS, $NETCONF_SSH, $T.

    with Session() as s:            # alice, base:1.1
        want_ok(s.edit(zone("a.example", "primary")))
        names(s.get_config(zones_filter("<domain/>")))
        want_error(s.rpc("<lock>...</lock>"), "lock-denied", session=4)
"""
import os, re, select, socket, ssl, subprocess, sys, time
from lxml import etree

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
OURS = "urn:nsherd:params:xml:ns:yang:nsherd"
NS = {"nc": BASE, "n": OURS, "y": "urn:ietf:params:xml:ns:yang:1",
      "m": "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
      "ev": "urn:ietf:params:xml:ns:netconf:notification:1.0",
      "l": "urn:ietf:params:xml:ns:yang:ietf-yang-library",
      "wd": "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"}
END = b"]]>]]>"
PATIENCE = 60 * int(os.environ.get("WAIT", "3"))
T = os.environ["T"]
TLS_PORT, SSH_PORT = int(os.environ["NETCONF_TLS"]), int(os.environ["NETCONF_SSH"])
PARSER = etree.XMLParser(huge_tree=True)


class Gone(Exception):
    """The server let go of the session."""


def tls(user, port=None, context=None):
    c = context or ssl.create_default_context(cafile=f"{T}/nc-ca.pem")
    if user:
        c.load_cert_chain(f"{T}/{user}.pem", f"{T}/{user}.tlskey")
    raw = socket.create_connection(("127.0.0.1", port or TLS_PORT), timeout=PATIENCE)
    return c.wrap_socket(raw, server_hostname="localhost")


class Session:
    def __init__(self, user="alice", versions=("1.0", "1.1"), hello=True, connect=tls):
        self.chunked, self.buffer, self.n, self.notifications = False, b"", 0, []
        self.received = self.sent = 0
        self.sock = connect(user)
        if hello:
            self.hello(versions)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def hello(self, versions=("1.0", "1.1"), capabilities=()):
        caps = [f"urn:ietf:params:netconf:base:{v}" for v in versions] + list(capabilities)
        self.send(f'<hello xmlns="{BASE}"><capabilities>' + "".join(
            f"<capability>{c}</capability>" for c in caps) + "</capabilities></hello>")
        self.server = self.receive()
        self.capabilities = [c.text for c in self.server.iterfind(".//nc:capability", NS)]
        self.id = int(self.server.findtext("nc:session-id", namespaces=NS))
        self.chunked = "1.1" in versions and "urn:ietf:params:netconf:base:1.1" in self.capabilities

    # -- octets

    def raw(self, data):
        self.sent += len(data)
        self.sock.sendall(data)

    def send(self, text, chunk=None):
        data = text.encode()
        if not self.chunked:
            return self.raw(data + END)
        size = chunk or len(data)
        parts = [data[i:i + size] for i in range(0, len(data), size)]
        self.raw(b"".join(b"\n#%d\n%s" % (len(p), p) for p in parts) + b"\n##\n")

    def more(self, patience=PATIENCE):
        if not getattr(self.sock, "pending", lambda: 0)():
            if not select.select([self.sock], [], [], patience)[0]:
                raise TimeoutError("nothing came")
        try:
            data = self.sock.recv(1 << 16)
        except (ConnectionError, ssl.SSLError) as e:
            raise Gone(str(e))
        if not data:
            raise Gone("closed")
        self.received += len(data)
        self.buffer += data

    def octets(self, patience=PATIENCE):
        if not self.chunked:
            while END not in self.buffer:
                self.more(patience)
            message, self.buffer = self.buffer.split(END, 1)
            return message
        message, at = [], 0
        while True:
            while not (m := re.compile(rb"\n#(#|[1-9][0-9]*)\n").match(self.buffer, at)):
                assert len(self.buffer) - at < 14, f"no chunk: {self.buffer[at:at + 60]}"
                self.more(patience)
            at = m.end()
            if m[1] == b"#":
                self.buffer = self.buffer[at:]
                return b"".join(message)
            while len(self.buffer) < at + int(m[1]):
                self.more(patience)
            message.append(self.buffer[at:at + int(m[1])])
            at += int(m[1])

    def receive(self, patience=PATIENCE):
        return etree.fromstring(self.octets(patience), PARSER)

    # -- operations

    def ask(self, body, attributes=""):
        self.n += 1
        self.send(f'<rpc xmlns="{BASE}" message-id="{self.n}"{attributes}>{body}</rpc>')
        return str(self.n)

    def reply(self, number=None, patience=PATIENCE):
        while True:
            e = self.receive(patience)
            if e.tag == f"{{{NS['ev']}}}notification":
                self.notifications.append(e)
                continue
            assert e.tag == f"{{{BASE}}}rpc-reply", e.tag
            assert number is None or e.get("message-id") == number, etree.tostring(e)
            return e

    def rpc(self, body, attributes="", patience=PATIENCE):
        return self.reply(self.ask(body, attributes), patience)

    def notification(self, found, seconds=60):
        """The first one for which found(event) is true; events are without envelope."""
        end = time.monotonic() + seconds * int(os.environ.get("WAIT", "3"))
        while True:
            while self.notifications:
                e = self.notifications.pop(0)
                assert e[0].tag == f"{{{NS['ev']}}}eventTime", etree.tostring(e)
                if found(e[1]):
                    return e[1]
            try:
                e = self.receive(max(end - time.monotonic(), 0.01))
            except TimeoutError:
                raise AssertionError("no such notification came")
            self.notifications.append(e)

    def get(self, filter=""):
        return self.rpc(f"<get>{filter}</get>")

    def get_config(self, filter="", source="running"):
        return self.rpc(f"<get-config><source><{source}/></source>{filter}</get-config>")

    def edit(self, zones, op=None, target="running", test=None, error=None):
        return self.rpc(edit(zones, op, target, test, error))

    def config(self, text, op=None, target="running"):
        default = f"<default-operation>{op}</default-operation>" if op else ""
        return self.rpc(f"<edit-config><target><{target}/></target>{default}"
                        f"<config>{text}</config></edit-config>")

    def lock(self, store="running"):
        return self.rpc(f"<lock><target><{store}/></target></lock>")

    def unlock(self, store="running"):
        return self.rpc(f"<unlock><target><{store}/></target></unlock>")

    def close_session(self):
        want_ok(self.rpc("<close-session/>"))
        self.sock.close()


# -- what is sent

def zone(name, *patterns, op=None, params=(), rest=""):
    attribute = f' nc:operation="{op}"' if op else ""
    return (f"<zone{attribute}><domain>{name}</domain>"
            + "".join(f"<pattern>{p}</pattern>" for p in patterns)
            + "".join(f"<parameter><name>{k}</name>" + "".join(
                f"<value>{v}</value>" for v in values) + "</parameter>"
                for k, *values in params) + f"{rest}</zone>")


def server(zones, attributes="", zones_attributes=""):
    return (f'<dns-server xmlns="{OURS}" xmlns:nc="{BASE}"{attributes}>'
            f"<zones{zones_attributes}>{zones}</zones></dns-server>")


def edit(zones, op=None, target="running", test=None, error=None):
    return (f"<edit-config><target><{target}/></target>"
            + (f"<default-operation>{op}</default-operation>" if op else "")
            + (f"<test-option>{test}</test-option>" if test else "")
            + (f"<error-option>{error}</error-option>" if error else "")
            + f"<config>{server(zones)}</config></edit-config>")


def subtree(text):
    return f'<filter type="subtree">{text}</filter>'


def zones_filter(inside=""):
    return subtree(server(f"<zone>{inside}</zone>"))


def xpath(select):
    return f'<filter type="xpath" xmlns:d="{OURS}" select="{select}"/>'


# -- what comes

def shown(e):
    return etree.tostring(e, encoding="unicode")[:1500]


def data_of(reply):
    found = reply.find("nc:data", NS)
    assert found is not None, shown(reply)
    return found


def zones_of(reply):
    """{domain: element} of a get; no zone comes twice."""
    all = data_of(reply).findall("n:dns-server/n:zones/n:zone", NS)
    found = {z.findtext("n:domain", namespaces=NS): z for z in all}
    assert len(found) == len(all), f"a zone came twice: {shown(reply)}"
    return found


def names(reply):
    return sorted(zones_of(reply))


def leaves(e, *path):
    return [x.text for x in e.iterfind("/".join(f"n:{p}" for p in path), NS)]


def want(is_, should, what=""):
    assert is_ == should, f"{what}: {is_!r}, not {should!r}"


def want_ok(reply):
    assert reply.find("nc:ok", NS) is not None, shown(reply)


class Error:
    def __init__(self, e):
        text = lambda tag: e.findtext(f"nc:{tag}", namespaces=NS)
        self.type, self.tag, self.severity = text("error-type"), text("error-tag"), text("error-severity")
        self.path, self.message, self.app_tag = text("error-path"), text("error-message"), text("error-app-tag")
        info = e.find("nc:error-info", NS)
        self.info = {} if info is None else {etree.QName(i).localname: i.text for i in info}

    def __repr__(self):
        return f"<{self.tag} path={self.path} message={self.message!r} app-tag={self.app_tag} {self.info}>"


def error_of(reply):
    found = reply.findall("nc:rpc-error", NS)
    assert len(found) == 1, shown(reply)
    assert reply.find("nc:ok", NS) is None, shown(reply)
    return Error(found[0])


def want_error(reply, tag, path=None, message=None, element=None, app_tag=None, session=None):
    """path and message: a part of it."""
    e = error_of(reply)
    want(e.tag, tag, str(e))
    want(e.severity, "error")
    assert e.message, f"without a message: {e}"
    assert path is None or path in (e.path or ""), f"{e}: path without {path}"
    assert message is None or message in e.message, f"{e}: message without {message}"
    assert app_tag is None or app_tag == e.app_tag, e
    assert element is None or e.info.get("bad-element") == element, e
    assert session is None or e.info.get("session-id") == str(session), e
    return e


# -- the agent, as DNS shows it

def dig(*args):
    return subprocess.run(
        ["dig", "@127.0.0.1", "-p", os.environ["AGENT_PORT"], "-k", f"{T}/alice.key.example.key",
         "+time=5", "+tries=2", *args], capture_output=True, text=True, check=True).stdout


CATALOG = os.environ["C"]


def serial():
    return int(dig("+short", CATALOG, "SOA").split()[2])


def catalog():
    """{zone: {owner below the member: [values]}}, by AXFR."""
    nodes, names = {}, {}
    for line in dig("+nostats", "+nocmd", "+nocomments", CATALOG, "AXFR").splitlines():
        owner, _, _, kind, *rest = line.split(None, 4)
        under = owner.removesuffix(f".{CATALOG}.").split(".")
        if under[-1] != "zones" or kind not in ("PTR", "TXT"):
            continue
        node = under[-2]
        if kind == "PTR" and len(under) == 2:
            names[node] = rest[0].rstrip(".")
        else:
            nodes.setdefault(node, {}).setdefault(".".join(under[:-2]), []).append(rest[0].strip('"'))
    return {z: nodes.get(n, {}) for n, z in names.items()}


# -- running the cases of a test

def run(*cases):
    """Each case is a function; all are run, and all that fail are told."""
    import traceback
    failed = []
    only = os.environ.get("CASE", "")
    for case in cases:
        if only and only not in case.__name__:
            continue
        start = time.monotonic()
        try:
            case()
            print(f"ok {case.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception:
            failed.append(case.__name__)
            print(f"FAILED {case.__name__}: {traceback.format_exc()}", flush=True)
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")
