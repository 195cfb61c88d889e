# SPDX-License-Identifier: BSD-2-Clause
"""The name servers without nsherd: how to start each one, its fastest native way
to be given many zones, and a shell loop of its own tool.

A native way is spoken in-process with the server's own protocol, all that it
sends is rendered before the clock starts, and it makes nothing durable itself.
"""
import base64, hashlib, hmac, os, random, select, shutil, signal, socket, struct, subprocess, time


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def read_exactly(s, size):
    out = b""
    while len(out) < size:
        got = s.recv(size - len(out))
        if not got:
            raise EOFError("the server closed the connection")
        out += got
    return out


CATALOG = "native catalog"


class Server:
    """One server in a directory of its own, which every start finds as it was
    at first. ways: {what the line says: (adding, removing)}, methods that get
    zones and return the function to be timed; removing may be None. tools: what
    the loops of the server's own tool call, for adding and for removing."""

    child = producer = None
    members = ()  # all that a catalog may come to hold

    def __init__(self, directory, port, control, secret):
        self.dir, self.port, self.control, self.secret = directory, port, control, secret
        self.zonefile = f"{directory}/zones/shared.zone"
        self.pristine = directory + ".pristine"
        if not os.path.exists(self.pristine):
            shutil.copytree(directory, self.pristine)

    def start(self, way=None):
        shutil.rmtree(self.dir)
        shutil.copytree(self.pristine, self.dir)
        time.sleep(0.05)  # a server is younger than its configuration
        with open(self.dir + ".log", "a") as log:
            if way == CATALOG:
                self.producer = Producer(self.dir, self.port, log)
                self.producer.start(self.members if self.feeds else [])
            self.child = subprocess.Popen(self.command(way), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self):
        if self.producer is not None:
            self.producer.stop()
            self.producer = None
        if self.child is None:
            return
        self.child.send_signal(signal.SIGKILL if self.kills else signal.SIGTERM)
        self.child.wait()
        self.child = None

    def ways_first(self):
        return next(iter(self.ways.values()))

    def single(self, zones):
        """The fastest way of all to add one."""
        return self.ways_first()[0](zones)

    def catalog_add(self, zones):
        return lambda: self.producer.change(zones, True)

    def catalog_remove(self, zones):
        return lambda: self.producer.change(zones, False)

    kills = False  # SIGKILL leaves no other process of it behind
    feeds = False  # members of a catalog are secondaries: the producer has them

    def script(self, lines):
        """The shell loop: a script of one command or more a zone."""
        path = self.dir + "/loop.sh"
        write(path, "set -e\n" + "".join(f"{x}\n" for x in lines))
        return lambda: subprocess.run(["sh", path], check=True, stdout=subprocess.DEVNULL, cwd=self.dir)


class Producer:
    """A knotd that has a catalog as an ordinary zone (RFC 9432), and where the
    consumer transfers its members, those as well."""

    def __init__(self, directory, consumer, log):
        self.dir, self.consumer, self.log = directory + "/producer", consumer, log
        self.port = int(os.environ["PRODUCER_PORT"])
        self.zonefile = f"{directory}/zones/shared.zone"
        self.zones, self.serial = [], 1

    def write_catalog(self):
        write(
            self.dir + "/catalog.zone",
            f"@ 0 SOA invalid. invalid. {self.serial} 3600 600 2147483646 0\n@ 0 NS invalid.\n"
            'version 0 TXT "2"\n' + "".join(f"m-{z.split('.')[0]}.zones 0 PTR {z}.\n" for z in self.zones),
        )

    def start(self, members):
        os.mkdir(self.dir)
        self.write_catalog()
        write(
            self.dir + "/knot.conf",
            f"""server:
  rundir: {self.dir}
  listen: 127.0.0.1@{self.port}
control:
  listen: {self.dir}/knot.sock
database:
  storage: {self.dir}
log:
- target: stderr
  any: warning
remote:
- id: consumer
  address: 127.0.0.1@{self.consumer}
acl:
- id: transfers
  address: 127.0.0.1
  action: transfer
template:
- id: default
  storage: {self.dir}
  acl: transfers
- id: member
  file: {self.zonefile}
  zonefile-sync: -1
  journal-content: none
  acl: transfers
zone:
- domain: catalog.bench
  file: {self.dir}/catalog.zone
  notify: consumer
  zonefile-sync: -1
  zonefile-load: difference
"""
            + "".join(f"- domain: {z}\n  template: member\n" for z in members),
        )
        self.child = subprocess.Popen(["knotd", "-c", self.dir + "/knot.conf"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        while not os.path.exists(self.dir + "/knot.sock"):
            time.sleep(0.02)
        Knot.talk(self.dir + "/knot.sock", [Knot.unit("status")])

    def change(self, zones, add):
        gone = set(zones)
        self.zones = self.zones + list(zones) if add else [z for z in self.zones if z not in gone]
        self.serial += 1
        self.write_catalog()
        Knot.talk(self.dir + "/knot.sock", [Knot.unit("zone-reload", zone="catalog.bench")])

    def stop(self):
        self.child.kill()
        self.child.wait()


class Nsd(Server):
    name, tools = "NSD", ("nsd-control addzone", "nsd-control delzone")

    def __init__(self, *args):
        super().__init__(*args)
        self.ways = {
            "bulk addzones / delzones": (self.addzones, self.delzones),
            "bulk addzones, a pattern name of our length": (self.addzones_long, None),
        }

    def command(self, way):
        return ["nsd", "-d", "-c", self.dir + "/nsd.conf"]

    def addzones_long(self, zones):
        return self.addzones(zones, "bench--shared.9f4c255e.0")

    def addzones(self, zones, pattern="bench"):
        out = b"NSDCT1 addzones\n" + "".join(f"{z} {pattern}\n" for z in zones).encode() + b"\x04\n"
        return lambda: self.duplex(out, f"added {len(zones)} zones")

    def delzones(self, zones):
        out = b"NSDCT1 delzones\n" + "".join(f"{z}\n" for z in zones).encode() + b"\x04\n"
        return lambda: self.duplex(out, f"deleted {len(zones)} zones")

    def duplex(self, out, end):
        """One list, written and read at once: nsd answers while it reads."""
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.dir + "/nsd.sock")
        s.setblocking(False)
        off, tail = 0, b""
        while True:
            r, w, _ = select.select([s], [s] if off < len(out) else [], [])
            if r:
                data = s.recv(65536)
                if not data:
                    break
                tail = (tail + data)[-200:]
            if w:
                off += s.send(out[off : off + 65536])
        assert end.encode() in tail, tail

    def loop(self, zones):
        return self.script(f"nsd-control -c {self.dir}/nsd.conf addzone {z} bench" for z in zones)

    def unloop(self, zones):
        return self.script(f"nsd-control -c {self.dir}/nsd.conf delzone {z}" for z in zones)


class Knot(Server):
    name, tools = "Knot", ("knotc conf-set", "knotc conf-unset")
    kills = True

    def __init__(self, *args):
        super().__init__(*args)
        self.ways = {
            "one conf transaction": (self.transaction, self.untransaction),
            "include + reload": (self.include, self.uninclude),
            CATALOG: (self.catalog_add, self.catalog_remove),
        }

    def command(self, way):
        # an include is of no use to a server with a configuration database
        texts = {"include + reload": "/knot.conf", CATALOG: "/catalog.conf"}
        return ["knotd", "-m", "512"] + (["-c", self.dir + texts[way]] if way in texts else ["-C", self.dir + "/confdb"])

    @staticmethod
    def unit(cmd, **fields):
        codes = {"section": 0x13, "item": 0x14, "id": 0x15, "zone": 0x16, "data": 0x1A}
        out = b"\x01" + struct.pack("!BH", 0x10, len(cmd)) + cmd.encode()
        for name, text in fields.items():
            out += struct.pack("!BH", codes[name], len(text)) + text.encode()
        return out

    def exchange(self, blocks):
        self.talk(self.dir + "/knot.sock", blocks)

    @staticmethod
    def talk(path, blocks):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(300)
        s.connect(path)
        for block in blocks:
            s.sendall(block + b"\x03")
            reply = s.recv(65536)
            assert reply == b"\x03", reply
        s.sendall(b"\x00")
        s.close()

    def transaction(self, zones):
        sets = b"".join(
            self.unit("conf-set", section="zone", id=z)
            + self.unit("conf-set", section="zone", item="template", id=z, data="bench")
            for z in zones
        )
        blocks = [self.unit("conf-begin"), sets, self.unit("conf-commit")]
        return lambda: self.exchange(blocks)

    def untransaction(self, zones):
        unsets = b"".join(self.unit("conf-unset", section="zone", id=z) for z in zones)
        blocks = [self.unit("conf-begin"), unsets, self.unit("conf-commit")]
        return lambda: self.exchange(blocks)

    def include(self, zones):
        path = self.dir + "/bench.conf"
        new = "".join(f"  - domain: {z}\n    template: bench\n" for z in zones)

        def run():
            with open(path) as f:
                old = f.read() or "zone:\n"
            write(path, old + new)
            self.exchange([self.unit("reload")])

        return run

    def uninclude(self, zones):
        """Of all that were included but the one that was first."""

        def run():
            write(self.dir + "/bench.conf", "zone:\n  - domain: warm.bench.example\n    template: bench\n")
            self.exchange([self.unit("reload")])

        return run

    def unloop(self, zones):
        knotc = f"knotc -s {self.dir}/knot.sock"
        return self.script([f"{knotc} conf-begin"] + [f"{knotc} conf-unset 'zone[{z}]'" for z in zones] + [f"{knotc} conf-commit"])

    def loop(self, zones):
        knotc = f"knotc -s {self.dir}/knot.sock"
        lines = [f"{knotc} conf-begin"]
        for z in zones:
            lines += [f"{knotc} conf-set 'zone[{z}]'", f"{knotc} conf-set 'zone[{z}].template' bench"]
        return self.script(lines + [f"{knotc} conf-commit"])


class Bind(Server):
    name, tools = "BIND", ("rndc addzone", "rndc delzone")
    kills = feeds = True

    def __init__(self, *args):
        super().__init__(*args)
        self.ways = {
            "persistent rndc client": (self.addzone, self.delzone),
            CATALOG: (self.catalog_add, self.catalog_remove),
        }
        self.key = base64.b64decode(self.secret)

    def command(self, way):
        return ["named", "-g", "-c", self.dir + ("/catalog.conf" if way == CATALOG else "/named.conf")]

    def body(self):
        # what ours is, but for the mark
        return f'{{ type primary; file "{self.zonefile}"; allow-transfer {{ none; }}; notify no; zone-statistics terse; }};'

    def call(self, s, command, nonce):
        """One message of the rndc protocol and its answer, which holds a nonce."""

        def entry(name, kind, value):
            return bytes([len(name)]) + name + bytes([kind]) + struct.pack("!I", len(value)) + value

        now = int(time.time())
        self.serial = getattr(self, "serial", random.getrandbits(30)) + 1
        ctrl = entry(b"_ser", 1, b"%d" % self.serial) + entry(b"_tim", 1, b"%d" % now) + entry(b"_exp", 1, b"%d" % (now + 60))
        if nonce:
            ctrl += entry(b"_nonce", 1, nonce)
        rest = entry(b"_ctrl", 2, ctrl) + entry(b"_data", 2, entry(b"type", 1, command))
        mac = base64.b64encode(hmac.digest(self.key, rest, "sha256")).ljust(88, b"\0")
        out = struct.pack("!I", 1) + entry(b"_auth", 2, entry(b"hsha", 1, b"\xa3" + mac)) + rest
        s.sendall(struct.pack("!I", len(out)) + out)
        reply = read_exactly(s, struct.unpack("!I", read_exactly(s, 4))[0])
        assert b"\x06result\x01\0\0\0\x010" in reply, reply
        at = reply.index(b"\x06_nonce\x01") + 8
        return reply[at + 4 : at + 4 + struct.unpack("!I", reply[at : at + 4])[0]]

    def converse(self, commands):
        with socket.create_connection(("127.0.0.1", self.control)) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            nonce = self.call(s, b"null", None)
            for c in commands:
                self.call(s, c, nonce)

    def addzone(self, zones):
        commands = [f'addzone "{z}" {self.body()}'.encode() for z in zones]
        return lambda: self.converse(commands)

    def delzone(self, zones):
        return lambda: self.converse([f'delzone "{z}"'.encode() for z in zones])

    def unloop(self, zones):
        return self.script(f"rndc -c {self.dir}/rndc.conf delzone {z}" for z in zones)

    def loop(self, zones):
        return self.script(f"rndc -c {self.dir}/rndc.conf addzone '\"{z}\" {self.body()}'" for z in zones)


class BindBulk(Bind):
    name = "BIND (bulk = reconfig)"

    def __init__(self, *args):
        super().__init__(*args)
        self.ways = {"include + reconfig": (self.include, self.uninclude)}

    def single(self, zones):
        return self.addzone(zones)

    def include(self, zones):
        path = self.dir + "/bench.conf"
        new = "".join(f'zone "{z}" {self.body()}\n' for z in zones)

        def run():
            with open(path) as f:
                old = f.read()
            write(path, old + new)
            self.converse([b"reconfig"])

        return run

    def uninclude(self, zones):
        def run():
            write(self.dir + "/bench.conf", "")
            self.converse([b"reconfig"])

        return run


class Yadifa(Server):
    name, tools = "YADIFA", ("yadifa ctrl -t ZONECFGRELOAD", "yadifa ctrl -t ZONECFGRELOAD")
    kills = True

    def __init__(self, *args):
        super().__init__(*args)
        self.ways = {"include + ZONECFGRELOAD": (self.include, self.uninclude)}

    def command(self, way):
        return ["yadifad", "-c", self.dir + "/yadifad.conf"]

    def block(self, zone):
        return f'<zone>\n\tdomain {zone}\n\tfile "{self.zonefile}"\n\ttype primary\n\tnotify-auto false\n</zone>\n'

    def reload(self):
        """ZONECFGRELOAD of all: opcode 9, class 42, signed (RFC 8945)."""
        key = b"\7control\7example\0"
        algorithm = b"\x0bhmac-sha256\0"
        when = struct.pack("!HIH", 0, int(time.time()), 300)
        question = b"\0" + struct.pack("!HH", 0x2B0B, 42)
        ident = random.getrandbits(16)
        signed = struct.pack("!HHHHHH", ident, 0x4800, 1, 0, 0, 0) + question
        variables = key + struct.pack("!HI", 255, 0) + algorithm + when + b"\0\0\0\0"
        mac = hmac.digest(base64.b64decode(self.secret), signed + variables, hashlib.sha256)
        rdata = algorithm + when + struct.pack("!H", len(mac)) + mac + struct.pack("!HHH", ident, 0, 0)
        out = struct.pack("!HHHHHH", ident, 0x4800, 1, 0, 0, 1) + question
        out += key + struct.pack("!HHIH", 250, 255, 0, len(rdata)) + rdata
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(struct.pack("!H", len(out)) + out)
            reply = read_exactly(s, struct.unpack("!H", read_exactly(s, 2))[0])
        return reply[3] & 15

    def include(self, zones):
        path = self.dir + "/bench.conf"
        new = "".join(self.block(z) for z in zones)

        def run():
            with open(path) as f:
                old = f.read()
            write(path, old + new)
            while self.reload() != 0:  # 2: busy with the last one
                time.sleep(0.005)

        return run

    def uninclude(self, zones):
        def run():
            write(self.dir + "/bench.conf", "")
            while self.reload() != 0:
                time.sleep(0.005)

        return run

    def unloop(self, zones):
        """The file without a zone, and a reload, zone by zone."""
        with open(self.dir + "/bench.conf") as f:
            all_of_it = f.read()
        size = len(self.block(zones[0]))
        at = all_of_it.index(self.block(zones[0]))
        lines = []
        for i, z in enumerate(zones):
            write(f"{self.dir}/without-{i}", all_of_it[:at] + all_of_it[at + size * (i + 1) :])
            lines.append(f"mv {self.dir}/without-{i} {self.dir}/bench.conf")
            lines.append(f"until {self.tool_line()} 2>/dev/null; do sleep 0.05; done")
        return self.script(lines)

    def tool_line(self):
        return f'yadifa ctrl -s "127.0.0.1 port {self.port}" -y hmac-sha256:control.example:{self.secret} -t ZONECFGRELOAD'

    def loop(self, zones):
        tool = self.tool_line()
        lines = []
        for z in zones:
            lines.append(f"cat >>{self.dir}/bench.conf <<'Z'\n{self.block(z)}Z")
            lines.append(f"until {tool} 2>/dev/null; do sleep 0.05; done")
        return self.script(lines)


KINDS = {"nsd": Nsd, "knot": Knot, "bind": Bind, "bind-bulk": BindBulk, "yadifa": Yadifa}
