# SPDX-License-Identifier: BSD-2-Clause
"""The example of doc/exec-protocol.md, and what the page says is spoken with it.

exec_doc.py PAGE PROGRAM   writes the example to PROGRAM, starts it, says each `> `
line of the page to it, and wants the `< ` lines as answers, member for member.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile

page, program = open(sys.argv[1]).read(), sys.argv[2]
(source,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
with open(program, "w") as f:
    f.write("#!/usr/bin/python3\n" + source)
os.chmod(program, 0o755)

spoken = [l for l in page.splitlines() if re.match(r"[<>] \{", l)]
assert len(spoken) >= 20, "the page shows too little"
with tempfile.TemporaryDirectory() as d:
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    p = subprocess.Popen([program], stdin=theirs, stdout=theirs)
    theirs.close()
    stream = ours.makefile("rwb")
    last = None
    for line in spoken:
        text = json.loads(line[2:])
        if line[0] == ">":
            assert last is None or "end" in last, "no end before %s" % line
            said = json.dumps(text).replace("DIR", d)
            stream.write(said.encode() + b"\n")
            stream.flush()
            last = None
        else:
            last = json.loads(stream.readline())
            assert last == text, "the page: %s\nit says: %s" % (text, last)
    ours.shutdown(socket.SHUT_WR)
    assert stream.read() == b"", "it says more"
    assert p.wait(60) == 0, "it ends with %d" % p.returncode
print("%d lines are spoken as the page says" % len(spoken))
