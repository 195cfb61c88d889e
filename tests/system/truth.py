# SPDX-License-Identifier: BSD-2-Clause
"""truth.py PORT STATUS.json LIST.json [ZONES]: does the status tell the truth?
Every member has a status of its own id and is at rest; what is `serving` is
answered by 127.0.0.1 with AA and an SOA of that very name, what is not says why,
and what is `failed` or `unassigned` is not answered so. ZONES is a file with the
zones of the server: those serving, the operator's (OPERATORS in the environment)
and no zone that is not in the catalog. Prints what is wrong."""
import json, os, socket, sys
import dns.exception, dns.flags, dns.message, dns.name, dns.rdatatype

port = int(sys.argv[1])
status = json.load(open(sys.argv[2]))["zones"]
members = {z["zone"]: z["id"] for z in json.load(open(sys.argv[3]))["zones"]}
names = {i: zone for zone, i in members.items()}
wrong = []
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", port))
s.settimeout(0.5)


def served(zone):
    q = dns.message.make_query(zone, "SOA", flags=0)
    for _ in range(4):
        try:
            s.send(q.to_wire())
            while True:
                r = dns.message.from_wire(s.recv(65535))
                if r.id == q.id:
                    break
        except (OSError, dns.exception.DNSException):
            continue
        return (r.rcode() == 0 and bool(r.flags & dns.flags.AA)
                and any(rs.rdtype == dns.rdatatype.SOA and rs.name == zone for rs in r.answer))
    return None


seen, serving = set(), set()
for z in status:
    # of a name that is too long for the status zone there is the id only
    name, state = names.get(z["id"], z["zone"]), z["state"]
    seen.add(name)
    if state == "serving":
        serving.add(dns.name.from_text(name))
    answer = served(dns.name.from_text(name))
    if name not in members:
        wrong.append(f"{name}: {state}, and not in the catalog")
    elif z["id"] != members[name]:
        wrong.append(f"{name}: of id {z['id']}, not {members[name]}")
    elif state not in ("serving", "failed", "conflict", "unassigned"):
        wrong.append(f"{name}: {state} {z['error']}")
    elif state != "serving" and not z["error"]:
        wrong.append(f"{name}: {state}, and not why")
    elif state == "serving" and not answer:
        wrong.append(f"{name}: serving, and the answer is {answer}")
    elif state in ("failed", "unassigned") and answer:
        wrong.append(f"{name}: {state} {z['error']}, and is served")
for name in members.keys() - seen:
    wrong.append(f"{name}: no status")
if len(sys.argv) > 4:
    own = {dns.name.from_text(n) for n in os.environ["OPERATORS"].split()}
    has = {dns.name.from_text(line.strip()) for line in open(sys.argv[4]) if line.strip()}
    may = {dns.name.from_text(n) for n in members} | own
    wrong += [f"the server has not {n}" for n in (serving | own) - has]
    wrong += [f"the server has {n}" for n in has - may]
for w in wrong[:20]:
    print(w)
sys.exit(bool(wrong))
