#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Transactions and locks over one TCP connection, with dnspython.

    transactions.py PORT CATALOG KEY SECRET SCENARIO [ARGUMENT...]

Prints what came of it; exits with 1 where an answer is not what it has to be.
"""
import socket
import sys
import time

import dns.edns
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import dns.update

PORT, CATALOG, KEY, SECRET = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
RING = dns.tsigkeyring.from_text({KEY: SECRET})
ALGORITHM = dns.name.from_text("hmac-sha256")


class Connection:
    def __init__(self):
        self.sock = socket.create_connection(("127.0.0.1", PORT), 60)

    def send(self, message):
        message.use_tsig(RING, KEY, algorithm=ALGORITHM)
        message.use_edns(0, payload=65535)
        dns.query.send_tcp(self.sock, message)
        return message

    def receive(self, message):
        reply, _ = dns.query.receive_tcp(self.sock, time.time() + 120, keyring=RING,
                                         request_mac=message.mac)
        why = [o.text for o in reply.options if isinstance(o, dns.edns.EDEOption)]
        return dns.rcode.to_text(reply.rcode()), (why[0] or "") if why else ""

    def ask(self, message):
        return self.receive(self.send(message))

    def order(self, verb):
        update = dns.update.Update("_command." + CATALOG)
        update.add("_all", 0, "TXT", verb)
        return self.ask(update)


def expect(got, rcode, why=""):
    if got[0] != rcode or why not in got[1]:
        print("got", got, "expected", rcode, why)
        sys.exit(1)


def additions(first, count, pattern="any"):
    update = dns.update.Update(CATALOG)
    for i in range(first, first + count):
        update.add("z%06d.zones" % i, 0, "PTR", "z%d.example." % i)
        update.add("group.z%06d.zones" % i, 0, "TXT", pattern)
    return update


def removals(first, count):
    update = dns.update.Update(CATALOG)
    for i in range(first, first + count):
        update.delete("z%06d.zones" % i)
    return update


def serial(connection=None):
    query = dns.message.make_query(CATALOG, "SOA")
    query.use_tsig(RING, KEY, algorithm=ALGORITHM)
    reply = dns.query.tcp(query, "127.0.0.1", port=PORT, timeout=30)
    return reply.answer[0][0].serial


def stage(connection, make, total, a_message=250):
    """Pipelined: all are sent, then all answers are read."""
    sent = [connection.send(make(i, min(a_message, total - i)))
            for i in range(0, total, a_message)]
    for message in sent:
        expect(connection.receive(message), "NOERROR")


def bulk(total):
    """begin, everything, commit; then the same away again."""
    for make, verb in ((additions, "added"), (removals, "removed")):
        connection, before, start = Connection(), serial(), time.time()
        expect(connection.order("begin"), "NOERROR")
        stage(connection, make, total)
        if serial() != before:
            sys.exit("the serial grew before the commit")
        staged = time.time()
        expect(connection.order("commit"), "NOERROR")
        end = time.time()
        if serial() != before + 1:
            sys.exit("not one serial")
        print("%s %d zones: %.2f s to stage, %.2f s to commit" %
              (verb, total, staged - start, end - staged))


def leave(total):
    """Begin, stage, and go without a word."""
    connection = Connection()
    expect(connection.order("begin"), "NOERROR")
    stage(connection, additions, total)
    print("staged")
    sys.stdout.flush()
    time.sleep(60)


def all_in_one_flight(total):
    """Sends everything with the commit, tells, and waits for the answers."""
    connection = Connection()
    sent = [connection.order("begin")]
    expect(sent[0], "NOERROR")
    stage(connection, additions, total)
    update = dns.update.Update("_command." + CATALOG)
    update.add("_all", 0, "TXT", "commit")
    message = connection.send(update)
    print("sent")
    sys.stdout.flush()
    try:
        print(connection.receive(message)[0])
    except (EOFError, OSError):
        print("lost")


def lock():
    connection = Connection()
    expect(connection.order("lock"), "NOERROR")
    expect(connection.ask(additions(900000, 1)), "NOERROR")
    print("locked")
    sys.stdout.flush()
    time.sleep(60)


def race():
    """Two that were made from the same serial: the second must not apply."""
    was, first, second = serial(), Connection(), Connection()
    soa = "invalid. invalid. %d 3600 600 2147483646 0" % was
    for connection, start in ((first, 800000), (second, 810000)):
        expect(connection.order("begin"), "NOERROR")
        guard = dns.update.Update(CATALOG)
        query = dns.message.make_query(CATALOG, "SOA")
        query.use_tsig(RING, KEY, algorithm=ALGORITHM)
        answer = dns.query.tcp(query, "127.0.0.1", port=PORT, timeout=30).answer[0]
        guard.present("@", answer[0])
        expect(connection.ask(guard), "NOERROR")
        expect(connection.ask(additions(start, 10)), "NOERROR")
    expect(first.order("commit"), "NOERROR")
    expect(second.order("commit"), "NXRRSET", "reason=prerequisite msg=1 rr=1")
    if serial() != was + 1:
        sys.exit("not one serial")


SCENARIOS = {"bulk": bulk, "leave": leave, "flight": all_in_one_flight, "lock": lock,
             "race": race}
SCENARIOS[sys.argv[5]](*map(int, sys.argv[6:]))
