#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""An IXFR client of a zone, with dnspython, which takes away and adds exactly.

    follow.py PORT ZONE KEY SECRET UNTIL

Follows until the file UNTIL is there, and then once more. Whenever an AXFR shows
the same serial it must show the same records. Prints how often it was given
differences, all of the zone, nothing, and how often it compared.
"""
import os
import sys
import time

import dns.name
import dns.query
import dns.tsigkeyring
import dns.xfr
import dns.zone

PORT, ZONE, KEY, SECRET, UNTIL = int(sys.argv[1]), *sys.argv[2:6]
RING = dns.tsigkeyring.from_text({KEY: SECRET})
transfers = []


class Inbound(dns.xfr.Inbound):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.first = args[1] if len(args) > 1 else kwargs.get("rdtype")
        transfers.append(self)


dns.xfr.Inbound = Inbound


def fetch(zone, serial):
    query, _ = dns.xfr.make_query(zone, serial=serial, keyring=RING, keyname=dns.name.from_text(KEY),
                                  keyalgorithm="hmac-sha256.")
    dns.query.inbound_xfr("127.0.0.1", zone, query, port=PORT, lifetime=60)
    return serial_of(zone)


def new():
    return dns.zone.Zone(dns.name.from_text(ZONE), relativize=False)


def serial_of(zone):
    return zone.find_rdataset(zone.origin, "SOA")[0].serial


def records(zone):
    return {(str(n), str(r)) for n, s in zone.iterate_rdatasets() for r in s}


def compare(zone):
    """Returns whether there was anything to compare."""
    whole = new()
    if fetch(whole, None) != serial_of(zone):
        return False
    if records(whole) != records(zone):
        print("has, and should not have:", sorted(records(zone) - records(whole))[:5])
        print("should have:", sorted(records(whole) - records(zone))[:5])
        sys.exit(1)
    return True


zone = new()
fetch(zone, None)
steps = full = same = compared = 0
last = False
while not last or compared == 0:
    last = last or os.path.exists(UNTIL)
    before = serial_of(zone)
    after = fetch(zone, before)
    t = transfers[-1]
    if before == after:
        same += 1
    elif t.rdtype == dns.rdatatype.IXFR:
        steps += 1
    else:
        full += 1
    compared += compare(zone)
    time.sleep(0.05)
print(f"steps={steps} full={full} same={same} compared={compared} serial={serial_of(zone)}")
