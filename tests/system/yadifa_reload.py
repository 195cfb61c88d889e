# SPDX-License-Identifier: BSD-2-Clause
"""yadifa_reload.py PORT KEYNAME SECRET: has the yadifad at 127.0.0.1 read its keys and
zones again, as `yadifa ctrl -t ZONECFGRELOAD` does: that one of 3.0.0 to 3.0.2 knows
no order at all (CONFIG_UNKNOWN_SETTING)."""
import socket, struct, sys
import dns.message, dns.name, dns.rcode, dns.tsigkeyring

OPCODE_CTRL, CLASS_CTRL, ZONECFGRELOAD = 9, 42, 0x2B0B
port, keyname, secret = int(sys.argv[1]), sys.argv[2], sys.argv[3]
m = dns.message.Message()
m.flags = OPCODE_CTRL << 11
m.find_rrset(m.question, dns.name.root, CLASS_CTRL, ZONECFGRELOAD, create=True, force_unique=True)
m.use_tsig(dns.tsigkeyring.from_text({keyname: ("hmac-sha256", secret)}))
wire = m.to_wire()
with socket.create_connection(("127.0.0.1", port), 30) as s, s.makefile("rb") as f:
    s.sendall(struct.pack("!H", len(wire)) + wire)
    reply = f.read(struct.unpack("!H", f.read(2))[0])
if len(reply) < 12 or reply[:2] != wire[:2]:
    sys.exit("no answer to that")
if reply[3] & 15:
    sys.exit(dns.rcode.to_text(reply[3] & 15))
