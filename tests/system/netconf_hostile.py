# SPDX-License-Identifier: BSD-2-Clause
"""Clients that mean harm. The gateway may die of them, for its library does; then it is
started again, as its unit would. The agent is not to notice, and what was acknowledged stays."""
import logging, random, signal, struct, threading, warnings
from netconf import *

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import paramiko

N = int(os.environ["ZONES"])
QUICK = bool(os.environ.get("QUICK"))


def gateway():
    return int(open(f"{T}/netconfd.pid").read())


def ends():
    try:
        return len(open(f"{T}/netconfd.ends").readlines())
    except FileNotFoundError:
        return 0


def again(user="alice"):
    """A session, however often the gateway has to be started for it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return Session(user)
        except (OSError, Gone, TimeoutError, AssertionError, etree.XMLSyntaxError):
            assert time.monotonic() < end, "the gateway does not come back"
            time.sleep(0.1)


def is_well():
    want(os.path.exists(f"/proc/{os.environ['AGENT_PID']}"), True, "the agent")
    serial()
    end = time.monotonic() + PATIENCE
    while True:  # it may be dying just now
        try:
            with again() as s:
                return names(s.get_config(zones_filter("<domain>acked.example</domain>")))
        except (Gone, OSError):
            assert time.monotonic() < end


def killed(by):
    """by() ends the gateway, and it is started again."""
    before = gateway()
    by()
    end = time.monotonic() + PATIENCE
    while gateway() == before:
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.02)


def send(data, versions=("1.0", "1.1"), hello=True):
    """That, and what comes of it until the server lets go or nothing more comes."""
    got = b""
    try:
        with again() if versions == ("1.0", "1.1") and hello else Session(versions=versions, hello=hello) as s:
            s.raw(data)
            s.sock.settimeout(0.3)
            while piece := s.sock.recv(65536):
                got += piece
    except (OSError, Gone, TimeoutError):
        pass
    return got


def chunk(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"\n#%d\n%s\n##\n" % (len(data), data)


def rpc(body):
    return chunk(f'<rpc xmlns="{BASE}" message-id="1">{body}</rpc>')


LAUGHS = ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(9)) + f']><rpc xmlns="{BASE}" message-id="1">&j;</rpc>')
FRAMES = [b"\n##\n", b"\n#0\n", b"\n#4294967295\nx", b"\n#99999999999999999999\nx", b"\n#-1\n", b"\n#abc\n", b"\n#1", b"\n#00012\n",
          b"garbage", b"\0" * 100, b"\n#3\nabc", b"\n#3\nabc\n##\n", b"\n#3\nabc\n#", chunk("<rpc>"), chunk("<a/>"), chunk(b"\xff\xfe\0\xff"),
          chunk('<?xml version="1.0" encoding="UTF-16"?><rpc/>'), chunk(LAUGHS), chunk("<a>" * 50000), rpc("<get>" * 5000),
          rpc(f"<get>{subtree('<x/>' * 100000)}</get>"), chunk("]]>]]>"), chunk(f'<rpc xmlns="{BASE}"><get/></rpc>' * 2),
          rpc('<get><filter type="subtree"><dns-server xmlns=""><zones><zone/><zone/></zones></dns-server></filter></get>'),
          rpc(f"<edit-config><target><running/></target><config>{'x' * 1000000}</config></edit-config>"),
          rpc('<!-- --><?pi?><get/>'), b"\n#1000\n" + b"a" * 999, chunk(f'<hello xmlns="{BASE}"/>'),
          chunk(f'<rpc-reply xmlns="{BASE}" message-id="1"><ok/></rpc-reply>'),
          rpc("<get-config><source><running/></source><filter type='xpath' select='" + "(" * 100000 + "'/></get-config>"),
          rpc("<kill-session><session-id>99999999999999999999</session-id></kill-session>")]


def octets__of_any_kind__harm_the_gateway_at_most():
    rng = random.Random(int(os.environ.get("SEED", "5")))
    with again() as s:
        want_ok(s.edit(zone("acked.example", "primary")))
    deaths = ends()
    for i, frame in enumerate(FRAMES):
        send(frame)
        if i % 5 == 4:
            is_well()
    for _ in range(5 if QUICK else 20):  # good messages, with some octets changed
        data = bytearray(rpc(f"<get-config><source><running/></source>{zones_filter('<domain>a.example</domain>')}</get-config>"))
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        send(bytes(data))
    is_well()
    assert "acked.example" in catalog()
    print(f"{len(FRAMES)} malformed messages ended the gateway {ends() - deaths} times", flush=True)


def octets__in_base_1_0__harm_the_gateway_at_most():
    for data in (END, END * 100, b"<rpc/>" + END, b"\0" + END, b"x" * 100000 + END, f'<hello xmlns="{BASE}"/>'.encode() + END):
        try:
            send(data, versions=("1.0",))
        except (OSError, Gone, AssertionError, etree.XMLSyntaxError):
            pass
    is_well()
    for data in (b"", b"<hello", b"<hello/>" + END, END, b"\0" * 1000, f'<hello xmlns="{BASE}">'.encode() + END,
                 b"x" * 1000000 + END, f'<hello xmlns="{BASE}"><capabilities>'.encode() + b"<capability>urn:x</capability>" * 20000
                 + b"</capabilities></hello>" + END):
        try:
            send(data, hello=False)
        except OSError:
            pass
    is_well()


def octets__before_anyone_is_known__harm_nothing():
    before = gateway()
    for port in (TLS_PORT, SSH_PORT):
        for data in (b"", b"\0" * 1000, b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 5000, b"\x16\x03\x01\xff\xff" + b"\1" * 1000):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as c:
                try:
                    c.sendall(data)
                    c.shutdown(socket.SHUT_WR)
                    c.settimeout(15)
                    while c.recv(4096):
                        pass
                except OSError:
                    pass
    is_well()
    want(gateway(), before, "who has not authenticated kills nothing")


def ssh__with_the_same__harms_the_gateway_at_most():
    for data in (b"\n##\n", b"\n#0\n", chunk("<a>" * 100)):
        for attempt in range(20):
            try:
                t = paramiko.Transport(("127.0.0.1", SSH_PORT))
                t.connect(username="alice", pkey=paramiko.Ed25519Key.from_private_key_file(f"{T}/alice"))
                c = t.open_session()
                c.invoke_subsystem("netconf")
                break
            except (paramiko.SSHException, OSError, EOFError):
                time.sleep(0.5)
        c.settimeout(5)
        try:
            c.sendall(f'<hello xmlns="{BASE}"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability>'
                      "</capabilities></hello>]]>]]>".encode() + data)
            while c.recv(65536):
                pass
        except OSError:
            pass
        t.close()
        is_well()


def silent_peers__however_many__keep_nobody_out():
    def quiet(n, port, data=b""):
        peers = []
        for _ in range(n):
            c = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            c.sendall(data)
            peers.append(c)
        return peers
    before, peers = gateway(), []
    # fewer than there are acceptors, then more
    for n, port, data in ((2, SSH_PORT, b""), (1, TLS_PORT, b"\x16\x03\x01\x02\x00"), (3, SSH_PORT, b"SSH-2.0-quiet\r\n")):
        peers += quiet(n, port, data)
        start = time.monotonic()
        with again() as s:
            names(s.get_config())
        print(f"{len(peers)} silent peers: a session after {time.monotonic() - start:.1f} s", flush=True)
    authenticated = []
    for _ in range(4):  # a handshake, and no hello
        authenticated.append(tls("alice"))
    with again() as s:
        names(s.get_config())
    [p.close() for p in peers + authenticated]
    want(gateway(), before)


def slow_readers__however_many__keep_nobody_waiting():
    n = N // 4
    with again() as s:
        want_ok(s.edit("".join(zone(f"slow{i}.example", "primary") for i in range(n))))
    before, slow = gateway(), [again() for _ in range(5)]
    for s in slow:
        s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(200):
            s.ask("<get/>")
    with again() as s:
        start = time.monotonic()
        want(names(s.get_config(zones_filter("<domain>slow1.example</domain>"))), ["slow1.example"])
        print(f"with {len(slow)} slow readers: a reply after {time.monotonic() - start:.1f} s", flush=True)
        # one that subscribes and does not read
        lazy = again()
        want_ok(lazy.rpc(f'<create-subscription xmlns="{NS["ev"]}"/>'))
        other = again("bob")
        want_ok(other.rpc(f'<create-subscription xmlns="{NS["ev"]}"/>'))
        want_ok(s.edit(zone("noted.example", "primary")))
        other.notification(lambda e: leaves(e, "domain") == ["noted.example"])
        want_ok(s.edit("".join(zone(f"slow{i}.example", op="delete") for i in range(n))))
        other.notification(lambda e: leaves(e, "domain") == ["slow1.example"])
    end = time.monotonic() + PATIENCE
    while open(f"{T}/netconfd.log").read().count("cut=slow") < len(slow):
        assert time.monotonic() < end, "who does not read is not cut off"
        time.sleep(0.1)
    want(gateway(), before)
    [s.sock.close() for s in slow]


def locks__of_the_dead__are_released():
    def lock_again(s):
        end = time.monotonic() + PATIENCE
        while s.lock().find("nc:ok", NS) is None:
            assert time.monotonic() < end, "the lock outlives its holder"
            time.sleep(0.05)
    s = again()
    want_ok(s.lock())
    s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sock.close()  # a reset
    s = again()
    lock_again(s)
    killed(lambda: os.kill(gateway(), signal.SIGKILL))
    t = again()
    lock_again(t)
    killed(lambda: t.raw(b"\n##\n"))  # the library dies, with the lock
    with again() as u:
        lock_again(u)
        want_ok(u.unlock())
    t.sock.close()


def gateway__killed_in_an_edit__has_done_all_or_nothing():
    rng = random.Random(3)
    rounds, done = (3 if QUICK else 6), 0
    with again() as s:
        want_ok(s.rpc(f"<copy-config><target><running/></target><source><config>{server('')}</config></source></copy-config>"))
        start = time.monotonic()
        want_ok(s.edit("".join(zone(f"k{i}.example", "primary") for i in range(N))))
        whole = time.monotonic() - start
        want_ok(s.edit("".join(zone(f"k{i}.example", op="delete") for i in range(N))))
    for i in range(rounds):
        before = serial()
        with again() as s:
            s.ask(edit("".join(zone(f"k{j}.example", "primary") for j in range(N))))
            time.sleep(rng.random() * whole)
            killed(lambda: os.kill(gateway(), signal.SIGKILL))
            try:
                acknowledged = s.reply(patience=30).find("nc:ok", NS) is not None
            except (Gone, AssertionError, TimeoutError, OSError):
                acknowledged = False
        again().sock.close()
        time.sleep(0.3)
        there, now = len(catalog()), serial()
        assert there in (0, N), f"{there} of {N}"
        want(now, before + (there > 0), "one serial")
        assert there == N or not acknowledged, "acknowledged, and lost"
        done += there == N
        if there:
            with again() as s:
                want_ok(s.edit("".join(zone(f"k{j}.example", op="delete") for j in range(N))))
    print(f"killed {rounds} times in an edit of {N}: {done} done, the rest not begun", flush=True)


def acknowledged__while_the_gateway_dies__is_there():
    seconds = 5 if QUICK else 12
    end, acked, tried, deaths = time.monotonic() + seconds, [], 0, ends()

    def kill():
        while time.monotonic() < end:
            time.sleep(1.5)
            send(b"\n##\n")
    killer = threading.Thread(target=kill)
    killer.start()
    s = again()
    while time.monotonic() < end or not acked:
        pair = f"p{tried}a.example", f"p{tried}b.example"
        tried += 1
        try:
            want_ok(s.edit(zone(pair[0]) + zone(pair[1])))
            acked.append(pair)
        except (Gone, OSError, AssertionError):
            s = again()
    killer.join()
    there = set(catalog())
    lost = [p for p in acked if not set(p) <= there]
    want(lost, [], "acknowledged, and lost")
    halves = [i for i in range(tried) if (f"p{i}a.example" in there) != (f"p{i}b.example" in there)]
    want(halves, [], "half an edit")
    print(f"{len(acked)} of {tried} edits acknowledged while the gateway ended {ends() - deaths} times", flush=True)
    is_well()


run(octets__of_any_kind__harm_the_gateway_at_most, octets__in_base_1_0__harm_the_gateway_at_most,
    octets__before_anyone_is_known__harm_nothing, ssh__with_the_same__harms_the_gateway_at_most,
    silent_peers__however_many__keep_nobody_out, slow_readers__however_many__keep_nobody_waiting,
    locks__of_the_dead__are_released, gateway__killed_in_an_edit__has_done_all_or_nothing,
    acknowledged__while_the_gateway_dies__is_there)
