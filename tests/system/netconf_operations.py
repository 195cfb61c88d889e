# SPDX-License-Identifier: BSD-2-Clause
"""Every operation: by ncclient over SSH, and by our own client over TLS."""
import logging, warnings
from netconf import *

warnings.simplefilter("ignore")  # paramiko's, of old ciphers
logging.disable(logging.CRITICAL)
import paramiko
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.xml_ import to_ele

EVENTS = NS["ev"]


def server_config(*zones):
    return f'<config xmlns="{BASE}">{server("".join(zones))}</config>'


def connect(user="alice", **more):
    return manager.connect_ssh("127.0.0.1", port=SSH_PORT, username=user, key_filename=f"{T}/{user}",
                               hostkey_verify=False, allow_agent=False, look_for_keys=False, timeout=PATIENCE, **more)


def refused(tag, call, *args, **kwds):
    try:
        call(*args, **kwds)
    except RPCError as e:
        want(e.tag, tag, str(e))
        return e
    raise AssertionError(f"not refused: {args}")


def names_at(m, store="running", **kwds):
    reply = m.get_config(store, **kwds)
    return sorted(e.text for e in reply.data.iterfind(".//n:zone/n:domain", NS))


def ncclient__over_ssh__runs_every_operation():
    m, other = connect(), connect()
    m.edit_config(server_config(zone("a.example", "primary")), target="running", error_option="rollback-on-error",
                  test_option="test-then-set", default_operation="replace")
    want(names_at(m), ["a.example"])
    want(names_at(m, filter=("subtree", server("<zone><domain>a.example</domain></zone>"))), ["a.example"])
    want(names_at(m, filter=("xpath", ({"d": OURS}, "//d:zone[d:domain='b.example']"))), [])
    want(names_at(m, with_defaults="report-all"), ["a.example"])
    assert m.get().data.find("n:dns-server/n:backends/n:backend", NS) is not None
    with m.locked("candidate"):
        refused("lock-denied", other.lock, "candidate")
        m.edit_config(server_config(zone("b.example", op="create")), target="candidate")
        want((names_at(m), names_at(m, "candidate")), (["a.example"], ["a.example", "b.example"]))
        m.validate("candidate")
        m.discard_changes()
        want(names_at(m, "candidate"), ["a.example"])
        m.edit_config(server_config(zone("c.example")), target="candidate")
        m.commit()
    want(names_at(m), ["a.example", "c.example"])
    m.copy_config("running", "candidate")
    with m.locked("running"):
        refused("in-use", other.edit_config, server_config(zone("d.example")), target="running")
    refused("operation-failed", m.delete_config, "running")
    assert "module nsherd {" in m.get_schema("nsherd").data
    reply = m.dispatch(to_ele(f'<action xmlns="urn:ietf:params:xml:ns:yang:1">'
                              f'{server("<zone><domain>a.example</domain><reload/></zone>")}</action>'))
    assert int(etree.fromstring(reply.xml.encode()).findtext("n:entry", namespaces=NS)) > 0, reply.xml
    m.dispatch(to_ele(f'<reconcile xmlns="{OURS}"/>'))
    m.create_subscription()
    m.edit_config(server_config(zone("noted.example", "primary")), target="running")
    while "noted.example" not in (n := m.take_notification(timeout=PATIENCE)).notification_xml:
        pass
    m.kill_session(other.session_id)
    m.close_session()
    want(m.connected, False)


def ncclient__as_any_device__connects():
    for device in ("default", "junos", "nexus", "huaweiyang", "csr"):
        with connect(device_params={"name": device}) as m:
            assert "noted.example" in str(m.get_config("running")), device


def ssh__without_the_right_key__is_refused():
    def attempt(user, **how):
        c = paramiko.Transport(("127.0.0.1", SSH_PORT))
        try:
            c.start_client(timeout=PATIENCE)
            if "password" in how:
                c.auth_password(user, how["password"])
            else:
                c.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(f"{T}/{how['key']}"))
            return c
        except (paramiko.AuthenticationException, paramiko.SSHException):
            c.close()
            return None
    assert attempt("alice", key="bob") is None
    assert attempt("nobody", key="alice") is None
    assert attempt("root", password="") is None
    assert attempt("alice", password="alice") is None
    c = attempt("alice", key="alice")
    assert c is not None
    for start in (lambda ch: ch.exec_command("id"), lambda ch: ch.invoke_shell(), lambda ch: ch.invoke_subsystem("sftp")):
        channel = c.open_session()
        try:
            start(channel)
            raise AssertionError("an exec, a shell or sftp was granted")
        except paramiko.SSHException:
            pass
    c.close()


def tls__without_the_right_certificate__is_refused():
    def attempt(user, context=None):
        try:
            with Session(user, connect=lambda u: tls(u, context=context)) as s:
                return s.id
        except (ssl.SSLError, Gone, OSError):
            return None
    assert attempt("alice") is not None
    want(attempt(None), None, "no certificate")
    run_openssl = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True)
    run_openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=alice", "-keyout", f"{T}/self.tlskey",
                "-out", f"{T}/self.pem", "-days", "2")
    want(attempt("self"), None, "signed by itself")
    for name, days in (("unknown", "2"), ("expired", "-1")):
        run_openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=alice", "-keyout", f"{T}/{name}.tlskey",
                    "-out", f"{T}/{name}.csr")
        run_openssl("x509", "-req", "-in", f"{T}/{name}.csr", "-CA", f"{T}/nc-ca.pem", "-CAkey", f"{T}/nc-ca.key",
                    "-days", days, "-out", f"{T}/{name}.pem")
        want(attempt(name), None, f"{name}, of our authority, and with the name of alice")
    old = ssl.create_default_context(cafile=f"{T}/nc-ca.pem")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    want(attempt("alice", old), None, "TLS 1.1")


def hello__of_any_version__is_true_and_is_kept_to():
    for versions, chunked in ((("1.0",), False), (("1.1",), True), (("1.0", "1.1"), True)):
        with Session(versions=versions) as s:
            want(s.chunked, chunked)
            want_ok(s.edit(zone("hello.example")))
            assert "hello.example" in names(s.get_config())
            s.close_session()
    with Session() as s:
        caps = {c.split("?")[0]: c for c in s.capabilities}
        for name in ("base:1.0", "base:1.1"):
            assert f"urn:ietf:params:netconf:{name}" in caps, name
        for name in ("writable-running:1.0", "candidate:1.0", "rollback-on-error:1.0", "validate:1.1", "xpath:1.0",
                     "notification:1.0", "interleave:1.0", "with-defaults:1.0", "yang-library:1.1"):
            assert f"urn:ietf:params:netconf:capability:{name}" in caps, name
        for absent in ("startup", "url", "confirmed-commit"):
            assert not any(f":{absent}:" in c for c in caps), absent
        assert "basic-mode=explicit" in caps["urn:ietf:params:netconf:capability:with-defaults:1.0"]
        shown_caps = [c.text for c in data_of(s.get(subtree(
            f'<netconf-state xmlns="{NS["m"]}"><capabilities/></netconf-state>'))).iterfind(".//m:capability", NS)]
        want(sorted(shown_caps), sorted(s.capabilities), "those of netconf-state")
        library = data_of(s.get(subtree(f'<yang-library xmlns="{NS["l"]}"/>')))
        content = library.findtext("l:yang-library/l:content-id", namespaces=NS)
        want(f"content-id={content}" in caps["urn:ietf:params:netconf:capability:yang-library:1.1"], True, content)
        found = {m.findtext("l:name", namespaces=NS): m.findtext("l:revision", namespaces=NS)
                 for m in library.iterfind("l:yang-library/l:module-set/l:module", NS)}
        assert found["nsherd"] and found["ietf-netconf"] and found["ietf-netconf-monitoring"], found
    s = Session(hello=False)
    s.send(f'<hello xmlns="{BASE}"><capabilities><capability>urn:x</capability></capabilities></hello>')
    try:
        while True:
            s.octets(30)
    except Gone:
        pass


def framing__in_any_pieces__is_one_message():
    with Session() as s:
        s.send(f'<rpc xmlns="{BASE}" message-id="1"><get-config><source><running/></source></get-config></rpc>', chunk=1)
        data_of(s.reply("1"))
        for piece in (1, 7):
            text = f'<rpc xmlns="{BASE}" message-id="p{piece}"><get><filter type="subtree"/></get></rpc>'.encode()
            wire = b"\n#%d\n%s\n##\n" % (len(text), text)
            for i in range(0, len(wire), piece):
                s.raw(wire[i:i + piece])
            data_of(s.reply(f"p{piece}"))
        numbers = [s.ask(f"<get>{subtree('')}</get>") for _ in range(50)]
        for n in numbers:  # in their order
            data_of(s.reply(n))


def envelopes__of_any_kind__are_answered_as_the_rfc_says():
    with Session() as s:
        s.send(f'<rpc xmlns="{BASE}" message-id="urn:uuid:&lt;&amp;&gt;\'" a="1" xmlns:x="urn:x" x:b="2">'
               "<get-config><source><running/></source></get-config></rpc>")
        e = s.reply()
        want((e.get("message-id"), e.get("a"), e.get("{urn:x}b")), ("urn:uuid:<&>'", "1", "2"), "echoed (4.1)")
        s.send(f'<rpc xmlns="{BASE}"><get/></rpc>')
        s.reply()  # libnetconf2 2.0 runs it: missing-attribute would be right
        error_of(s.rpc('<unheard-of xmlns="urn:unheard-of"/>'))
        error_of(s.rpc("<unheard-of/>"))
        for absent in ("<cancel-commit/>", "<commit><confirmed/></commit>", "<validate><source><startup/></source></validate>",
                       "<get-config><source><startup/></source></get-config>", "<get-config/>",
                       "<edit-config><target><running/></target></edit-config>",
                       "<edit-config><target><running/></target><url>http://x</url></edit-config>",
                       "<copy-config><target><url>x</url></target><source><running/></source></copy-config>",
                       "<lock><target><startup/></target></lock>", "<lock/>", "<kill-session/>"):
            assert s.rpc(absent).find("nc:rpc-error", NS) is not None, absent
        data_of(s.get_config())  # and the session goes on


def schemas__all_that_are_listed__can_be_had():
    with Session() as s:
        listed = data_of(s.get(subtree(f'<netconf-state xmlns="{NS["m"]}"><schemas/></netconf-state>')))
        schemas = [tuple(x.findtext(f"m:{k}", namespaces=NS) for k in ("identifier", "version", "format"))
                   for x in listed.iterfind(".//m:schema", NS)]
        assert len(schemas) >= 10 and len(set(schemas)) == len(schemas), schemas
        for name, version, form in schemas:
            for v in (f"<version>{version}</version>", ""):
                reply = s.rpc(f'<get-schema xmlns="{NS["m"]}"><identifier>{name}</identifier>{v}'
                              f'<format>{form.split(":")[1]}</format></get-schema>')
                data = reply.find("m:data", NS)
                assert data is not None, (name, v, form, shown(reply))
                text = data.text if form.endswith(":yang") else etree.tostring(data[0] if len(data) else etree.fromstring(
                    data.text.encode()), encoding="unicode")
                assert re.search(rf'\bmodule (.*name=")?{name}\b', text), (name, form, text[:200])
        text = s.rpc(f'<get-schema xmlns="{NS["m"]}"><identifier>nsherd</identifier></get-schema>').findtext("m:data", namespaces=NS)
        with open(f"{T}/nsherd-of-server.yang", "w") as f:
            f.write(text)
        subprocess.run(["yanglint", "-p", os.environ["YANG"], "-p", os.environ["YANG"] + "/ietf",
                        f"{T}/nsherd-of-server.yang"], check=True)
        get = lambda inside: s.rpc(f'<get-schema xmlns="{NS["m"]}">{inside}</get-schema>')
        want_error(get("<identifier>nobody</identifier>"), "invalid-value")
        want_error(get("<identifier>nsherd</identifier><version>1999-01-01</version>"), "invalid-value")
        assert error_of(get("<identifier>nsherd</identifier><format>xsd</format>")).tag == "invalid-value"


def with_defaults__in_every_mode__is_taken():
    with Session() as s:
        mode = lambda m: s.rpc(f'<get-config><source><running/></source><with-defaults xmlns="{NS["wd"]}">{m}'
                               "</with-defaults></get-config>")
        for m in ("explicit", "trim", "report-all", "report-all-tagged"):
            want(names(mode(m)), names(s.get_config()), m)
        assert error_of(mode("none-such")).tag in ("invalid-value", "operation-failed")


def state__of_the_server__is_told():
    with Session() as s, Session("bob") as b:
        ask = lambda part: data_of(s.get(subtree(f'<netconf-state xmlns="{NS["m"]}"><{part}/></netconf-state>')))
        sessions = {x.findtext("m:session-id", namespaces=NS): x for x in ask("sessions").iterfind(".//m:session", NS)}
        want(sessions[str(b.id)].findtext("m:username", namespaces=NS), "bob")
        want(sessions[str(s.id)].findtext("m:source-host", namespaces=NS), "127.0.0.1")
        want(sessions[str(s.id)].findtext("m:transport", namespaces=NS).split(":")[1], "netconf-tls")
        count = lambda what: int(ask("statistics").findtext(f".//m:{what}", namespaces=NS))
        before = count("out-rpc-errors"), count("in-rpcs"), count("in-sessions")
        want_error(s.rpc(f"<kill-session><session-id>{s.id}</session-id></kill-session>"), "invalid-value")
        Session().close_session()
        after = count("out-rpc-errors"), count("in-rpcs"), count("in-sessions")
        assert after[0] == before[0] + 1 and after[1] > before[1] and after[2] == before[2] + 1, (before, after)
        want_ok(s.lock())
        holder = [(d.findtext("m:name", namespaces=NS), d.findtext(".//m:locked-by-session", namespaces=NS))
                  for d in ask("datastores").iterfind(".//m:datastore", NS)]
        want(sorted(holder), [("candidate", None), ("running", str(s.id))])
        want_ok(s.unlock())


def locks__of_both_stores__hold_until_their_holder_is_gone():
    with Session() as a, Session() as b:
        want_error(a.unlock(), "operation-failed")
        for store in ("running", "candidate"):
            want_ok(a.lock(store))
            want_error(a.lock(store), "lock-denied", session=a.id)
            want_error(b.lock(store), "lock-denied", session=a.id)
            want_error(b.unlock(store), "operation-failed")
            want_error(b.edit(zone("locked.example"), target=store), "in-use")
            want_ok(a.edit(zone(f"mine-{store}.example"), target=store))
            names(b.get_config())
        want_error(b.rpc("<commit/>"), "in-use")
        want_error(b.rpc("<discard-changes/>"), "in-use")
        want_error(b.rpc(f"<copy-config><target><running/></target><source><config>{server('')}</config></source>"
                         "</copy-config>"), "in-use")
        want_ok(a.rpc("<commit/>"))
        want_ok(a.edit(zone("left.example"), target="candidate"))
        a.close_session()
        end = time.monotonic() + PATIENCE
        while b.lock("running").find("nc:ok", NS) is None:
            assert time.monotonic() < end, "the lock outlives its session"
        want_ok(b.lock("candidate"))
        assert "left.example" not in names(b.get_config(source="candidate")), "what was left undone is gone"
        want_ok(b.unlock("running"))
        want_ok(b.unlock("candidate"))
        want_ok(b.edit(zone("dirty.example"), target="candidate"))
        want_error(b.lock("candidate"), "lock-denied", session=0)
        want_ok(b.rpc("<discard-changes/>"))
        want_ok(b.lock("candidate"))


def sessions__that_are_killed__are_gone_and_only_by_who_may():
    kill = lambda s, n: s.rpc(f"<kill-session><session-id>{n}</session-id></kill-session>")
    with Session() as a, Session() as other, Session("bob") as b:
        want_error(kill(a, a.id), "invalid-value")
        want_error(kill(a, 4000000), "invalid-value")
        want_error(kill(b, a.id), "access-denied")
        want_ok(other.lock())
        want_ok(kill(a, other.id))
        try:
            while True:
                other.octets()
        except Gone:
            pass
        end = time.monotonic() + PATIENCE
        while a.lock().find("nc:ok", NS) is None:
            assert time.monotonic() < end, "the lock of the killed one"
        want_ok(kill(a, b.id))


def copies__of_stores__are_whole():
    with Session() as s:
        copy = lambda target, source: s.rpc(f"<copy-config><target><{target}/></target><source>{source}</source></copy-config>")
        inline = lambda zones: f"<config>{server(zones)}</config>"
        before = serial()
        want_ok(copy("running", inline(zone("one.example", "primary") + zone("two.example"))))
        want(names(s.get_config()), ["one.example", "two.example"])
        want(serial(), before + 1, "one serial")
        want_ok(copy("candidate", inline(zone("three.example"))))
        want(names(s.get_config(source="candidate")), ["three.example"])
        want(names(s.get_config()), ["one.example", "two.example"])
        want_ok(copy("candidate", "<running/>"))
        want(names(s.get_config(source="candidate")), ["one.example", "two.example"])
        want_ok(s.edit(zone("two.example", op="delete"), target="candidate"))
        want_ok(copy("running", "<candidate/>"))
        want(names(s.get_config()), ["one.example"])
        want_error(copy("running", "<running/>"), "invalid-value")
        for store in ("<running/>", "<candidate/>", "<startup/>", "<url>file:///x</url>"):
            assert error_of(s.rpc(f"<delete-config><target>{store}</target></delete-config>")).tag
        validate = lambda source: s.rpc(f"<validate><source>{source}</source></validate>")
        before = serial()
        for good in ("<running/>", "<candidate/>", inline(zone("new.example"))):
            want_ok(validate(good))
        want_error(validate(inline(zone("BAD.example"))), "invalid-value", path="domain")
        want_error(validate(inline("<zone><pattern>x</pattern></zone>")), "missing-element", element="domain")
        want((serial(), names(s.get_config())), (before, ["one.example"]), "nothing is changed by it")


def subscriptions__with_filters__get_what_they_ask_for():
    subscribe = lambda inside="": f'<create-subscription xmlns="{EVENTS}">{inside}</create-subscription>'
    with Session() as s, Session() as all_, Session() as by_xpath, Session("bob") as b:
        assert error_of(s.rpc(subscribe("<stream>none-such</stream>"))).tag == "invalid-value"
        assert s.rpc(subscribe("<startTime>2026-01-01T00:00:00Z</startTime>")).find("nc:rpc-error", NS) is not None
        assert s.rpc(subscribe("<stopTime>2036-01-01T00:00:00Z</stopTime>")).find("nc:rpc-error", NS) is not None
        want_ok(s.rpc(subscribe(f'<stream>NETCONF</stream><filter type="subtree"><zone-state-change xmlns="{OURS}">'
                                "<domain>wanted.example</domain></zone-state-change></filter>")))
        want_ok(all_.rpc(subscribe()))
        want_ok(b.rpc(subscribe()))
        want_ok(by_xpath.rpc(subscribe(f'<filter type="xpath" xmlns:d="{OURS}" '
                                       "select=\"/d:zone-state-change[d:domain='wanted.example']\"/>")))
        want_error(all_.rpc(subscribe()), "operation-failed")
        streams = data_of(s.get(subtree('<netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"/>')))
        want([e.text for e in streams.iter("{*}name")], ["NETCONF"])
        want_ok(s.edit(zone("other.example", "primary")))  # interleaved
        want_ok(s.edit(zone("wanted.example", "primary")))
        is_of = lambda z: lambda e: leaves(e, "domain") == [z]
        for who in (s, by_xpath, all_, b):
            e = who.notification(is_of("wanted.example"))
            want((etree.QName(e).localname, leaves(e, "backend"), leaves(e, "pattern")),
                 ("zone-state-change", ["null1"], ["primary"]))
        for who in (s, by_xpath):
            assert not any(leaves(n[1], "domain") != ["wanted.example"] for n in who.notifications), "filtered"
        want_ok(s.edit(zone("wanted.example", op="delete")))
        e = all_.notification(lambda e: is_of("wanted.example")(e) and not leaves(e, "new-state"))
        assert leaves(e, "old-state"), shown(e)


run(ncclient__over_ssh__runs_every_operation, ncclient__as_any_device__connects, ssh__without_the_right_key__is_refused,
    tls__without_the_right_certificate__is_refused, hello__of_any_version__is_true_and_is_kept_to,
    framing__in_any_pieces__is_one_message, envelopes__of_any_kind__are_answered_as_the_rfc_says,
    schemas__all_that_are_listed__can_be_had, with_defaults__in_every_mode__is_taken, state__of_the_server__is_told,
    locks__of_both_stores__hold_until_their_holder_is_gone, sessions__that_are_killed__are_gone_and_only_by_who_may,
    copies__of_stores__are_whole, subscriptions__with_filters__get_what_they_ask_for)
