# SPDX-License-Identifier: BSD-2-Clause
"""relay.py CONTROL NAME=PORT...: the links between agents, which can be broken. For
each NAME a port of its own on 127.0.0.1, TCP and UDP, of which all goes on to PORT.
Prints NAME PORT for each, then obeys lines written to the pipe CONTROL:

    cut NAME...      connections are reset, new ones at once, datagrams are lost
    freeze NAME...   nothing passes and nothing is said: as a cable pulled out; what
                     was under way goes on when it is healed
    heal NAME...
    reset NAME...    connections are reset, and that is all

NAME may be a pattern as of the shell."""
import asyncio, fnmatch, os, socket, struct, sys

WHOLE = 65536


class Link:
    def __init__(self, name, target):
        self.name, self.target = name, target
        self.is_cut = False
        self.flows = asyncio.Event()
        self.flows.set()
        self.writers = set()
        self.peers = {}  # of UDP: who asked, and the socket that asks for him

    async def open(self):
        while True:
            self.server = await asyncio.start_server(self.connected, "127.0.0.1", 0, limit=WHOLE)
            self.port = self.server.sockets[0].getsockname()[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.udp.bind(("127.0.0.1", self.port))
                break
            except OSError:  # somebody has it for UDP
                self.udp.close()
                self.server.close()
        self.udp.setblocking(False)
        asyncio.get_running_loop().add_reader(self.udp, self.asked)

    # -- TCP

    async def connected(self, reader, writer):
        self.writers.add(writer)
        other = None
        try:
            await self.flows.wait()
            if self.is_cut:
                return
            back, other = await asyncio.open_connection("127.0.0.1", self.target, limit=WHOLE)
            self.writers.add(other)
            await asyncio.gather(self.pump(reader, other), self.pump(back, writer))
        except OSError:
            pass
        finally:
            for w in (writer, other):
                if w:
                    self.end(w)

    async def pump(self, reader, writer):
        while data := await reader.read(WHOLE):
            await self.flows.wait()
            writer.write(data)
            await writer.drain()
        await self.flows.wait()
        if writer.can_write_eof():
            writer.write_eof()

    def end(self, writer):
        sock = writer.get_extra_info("socket")
        if self.is_cut and sock and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        (writer.transport.abort if self.is_cut else writer.close)()
        self.writers.discard(writer)

    # -- UDP

    def asked(self):
        data, peer = self.udp.recvfrom(WHOLE)
        if self.is_cut or not self.flows.is_set():
            return
        if peer not in self.peers:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect(("127.0.0.1", self.target))
            s.setblocking(False)
            self.peers[peer] = s
            asyncio.get_running_loop().add_reader(s, self.answered, s, peer)
        try:
            self.peers[peer].send(data)
        except OSError:
            pass

    def answered(self, s, peer):
        try:
            data = s.recv(WHOLE)
        except OSError:  # nobody listens there
            return
        if not self.is_cut and self.flows.is_set():
            self.udp.sendto(data, peer)

    # -- orders

    def obey(self, what):
        if what == "freeze":
            self.flows.clear()
            return
        self.is_cut = what in ("cut", "reset")
        for writer in list(self.writers) if self.is_cut else []:
            self.end(writer)
        if what == "reset":
            self.is_cut = False
        self.flows.set()


async def main():
    links = []
    for arg in sys.argv[2:]:
        name, port = arg.split("=")
        links.append(Link(name, int(port)))
        await links[-1].open()
        print(name, links[-1].port)
    sys.stdout.close()
    fd = os.open(sys.argv[1], os.O_RDWR)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), open(fd, "rb", 0))
    while line := (await orders.readline()).decode().split():
        for link in links:
            if any(fnmatch.fnmatchcase(link.name, pattern) for pattern in line[1:]):
                link.obey(line[0])


asyncio.run(main())
