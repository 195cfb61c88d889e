# SPDX-License-Identifier: BSD-2-Clause
"""Load for the crash test: UPDATEs, additions, removals and refused ones, one
outstanding, each acknowledgement written down; PAUSE seconds (environment) after
each. With --verify: compare."""
import os, random, socket, sys, time
import dns.exception, dns.query, dns.rcode, dns.rdatatype, dns.tsigkeyring, dns.update

verify = sys.argv[1] == "--verify"
args = sys.argv[2:] if verify else sys.argv[1:]
port, c, acked_file, refused_file = int(args[0]), args[1], args[2], args[3]
ring = dns.tsigkeyring.from_text({"ctl.example.": ("hmac-sha256", os.environ["SECRET"])})


def update():
    return dns.update.UpdateMessage(c, keyring=ring, keyalgorithm="hmac-sha256")


def read(name):
    try:
        with open(name) as f:
            return [line.split() for line in f if line.endswith("\n")]
    except FileNotFoundError:
        return []


if not verify:
    r = args[4]
    s = socket.create_connection(("127.0.0.1", port), timeout=5)
    acked = open(acked_file, "a", buffering=1)
    refused = open(refused_file, "a", buffering=1)
    mine = []
    for i in range(100000):
        uid, kind = f"r{r}x{i}", random.random()
        u = update()
        if kind < 0.2 and mine:
            uid = mine.pop(random.randrange(len(mine)))
            what = "del"
            u.delete(f"{uid}.zones", "PTR")
            acked.write(f"maybe {uid}\n")
        elif kind < 0.3 and mine:
            what = "refused"  # the zone of another id
            u.add(f"{uid}.zones", 0, "PTR", f"{mine[0]}.example.")
            refused.write(f"{uid}\n")
        else:
            what = "add"
            u.add(f"{uid}.zones", 0, "PTR", f"{uid}.example.")
            u.add(f"group.{uid}.zones", 0, "TXT", "shared")
        try:
            dns.query.send_tcp(s, u)
            reply = dns.query.receive_tcp(s, keyring=ring, request_mac=u.mac)[0]
        except (OSError, EOFError, dns.exception.DNSException):
            break
        want = dns.rcode.REFUSED if what == "refused" else dns.rcode.NOERROR
        assert reply.rcode() == want, reply
        if what != "refused":
            acked.write(f"{what} {uid}\n")
        time.sleep(float(os.environ.get("PAUSE", "0")))
        if what == "add":
            mine.append(uid)
    sys.exit(0)

state = {}  # True: must be there, False: must not, None: either
for what, uid in read(acked_file):
    state[uid] = {"add": True, "del": False, "maybe": None}[what]
have, serial = set(), None
for m in dns.query.xfr("127.0.0.1", c, port=port, keyring=ring, keyname="ctl.example.",
                       keyalgorithm="hmac-sha256", relativize=False, lifetime=30):
    for rrset in m.answer:
        if rrset.rdtype == dns.rdatatype.SOA:
            serial = rrset[0].serial
        elif rrset.rdtype == dns.rdatatype.PTR:
            have.add(rrset.name.labels[0].decode())
for uid, want in state.items():
    if want is True:
        assert uid in have, f"acknowledged and lost: {uid}"
    if want is False:
        assert uid not in have, f"acknowledged removal, and still there: {uid}"
for (uid,) in read(refused_file):
    assert uid not in have, f"refused, and there: {uid}"
mark = acked_file + ".serial"
before = int(open(mark).read()) if os.path.exists(mark) else 0
assert serial >= before, f"serial went back from {before} to {serial}"
open(mark, "w").write(str(serial))
print(f"{len(state)} zones acknowledged, {len(have)} present, serial {serial}")
