# SPDX-License-Identifier: BSD-2-Clause
"""rollover.py STOP KEYFILE CATALOG USED PORT...: the first agent takes UPDATEs, and
all are asked, one request after the other, by UDP and TCP in turn, signed with the
key that is in KEYFILE at the time, until the file STOP exists. Every answer has to be
NOERROR and well signed. USED says the key of the last round and its number. Prints
how many requests there were; fails if one was answered otherwise, or not in a
minute."""
import os, re, sys, time
import dns.message, dns.query, dns.rcode, dns.tsigkeyring, dns.update

stop, keyfile, catalog, used = sys.argv[1:5]
ports = [int(p) for p in sys.argv[5:]]
asked, rounds = 0, 0


def read_key():
    text = open(keyfile).read()
    name = re.search(r'key "?([^" ]+)"?', text).group(1)
    secret = re.search(r'secret "([^"]+)"', text).group(1)
    return name, dns.tsigkeyring.from_text({name + ".": ("hmac-sha256", secret)})


def send(message, port, what):
    global asked
    asked += 1
    if asked % 2:
        r = dns.query.tcp(message, "127.0.0.1", port=port, timeout=60)
    else: # lost on the way is not refused: twice more
        for left in (2, 1, 0):
            try:
                r = dns.query.udp(message, "127.0.0.1", port=port, timeout=20)
                break
            except dns.exception.Timeout:
                if left == 0:
                    raise
    if r.rcode() != dns.rcode.NOERROR:
        sys.exit(f"{time.time():.3f} {what} at {port}: {dns.rcode.to_text(r.rcode())} {r.options}")


while not os.path.exists(stop):
    name, ring = read_key()
    rounds += 1
    u = dns.update.UpdateMessage(catalog, keyring=ring, keyname=name + ".", keyalgorithm="hmac-sha256")
    u.replace("beat.ext", 0, "TXT", str(rounds))
    send(u, ports[0], f"UPDATE with {name}")
    for port in ports:
        for zone in (catalog, "_status." + catalog):
            q = dns.message.make_query(zone, "SOA", flags=0)
            q.use_tsig(ring, name + ".", algorithm="hmac-sha256")
            send(q, port, f"{zone} with {name}")
    with open(used + ".new", "w") as f:
        print(name, rounds, file=f)
    os.rename(used + ".new", used)
    time.sleep(0.02)
print(f"asked {asked}")
