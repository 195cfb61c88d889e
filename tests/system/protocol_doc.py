#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What doc/protocol.md says, held against the program.

    protocol_doc.py write DOC 5300=PORT 8853=PORT
        Writes the blocks that are marked with a file name to the current directory.
    protocol_doc.py run DOC 5300=PORT 8853=PORT
        Runs those marked `run`, in their order, and compares what they print with
        the block marked `shows` behind, in which `...` stands for anything, alone on
        a line for any lines. The port numbers of the document are replaced.
    protocol_doc.py words DOC ROOT
        Tables of words: the document and the sources have the same.
"""
import re
import subprocess
import sys

# -- the examples ----------------------------------------------------------------


def blocks(doc):
    """(line, words of the info string, text) of each fenced block."""
    inside = None
    for number, line in enumerate(open(doc), 1):
        if line.startswith("```") and inside is None:
            inside, info, text = number, line[3:].split(), []
        elif line.startswith("```"):
            yield inside, info, "".join(text)
            inside = None
        elif inside is not None:
            text.append(line)


def squeeze(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def like(wanted, line):
    return re.fullmatch(".*".join(map(re.escape, wanted.split("..."))), line)


def matches(wanted, got):
    """Lines against lines; "..." alone takes as few as it can, and tries more."""
    if not wanted:
        return not got
    if wanted[0] == "...":
        return any(matches(wanted[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and bool(like(wanted[0], got[0])) and matches(wanted[1:], got[1:])


def local(text, ports):
    for old, new in ports:
        text = re.sub(r"\b%s\b" % old, new, text)
    return text


def write(doc, ports):
    n = 0
    for _, info, text in blocks(doc):
        if len(info) == 2 and info[1] not in ("run", "shows"):
            with open(info[1], "w") as f:
                f.write(local(text, ports))
            n += 1
    if n < 2:
        sys.exit("no files in " + doc)


def run_one(where, kind, text):
    program = {"sh": ["bash", "-eo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    r = subprocess.run(program[kind] + [text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=120)
    if r.returncode != 0:
        sys.exit("%s: ended with %d:\n%s" % (where, r.returncode, r.stdout))
    return r.stdout


def run(doc, ports):
    done, shown, output = 0, 0, None
    for line, info, text in blocks(doc):
        text, where, mark = local(text, ports), "%s:%d" % (doc, line), info[1:2]
        if mark == ["run"]:
            output, done = run_one(where, info[0], text), done + 1
        elif mark == ["shows"]:
            if output is None:
                sys.exit(where + ": shows, but nothing was run")
            if not matches(squeeze(text), squeeze(output)):
                sys.exit("%s: not what is shown, but:\n%s" % (where, output))
            shown += 1
        else:
            output = None
    print("%d examples run, %d outputs compared" % (done, shown))
    if done < 15 or shown < 15:
        sys.exit("too few examples")


# -- the words ----------------------------------------------------------------------


def calls(source, names):
    """The text of the arguments of each call of one of the functions."""
    for m in re.finditer(r"\b(?:%s)\(" % "|".join(names), source):
        depth, at, quoted = 1, m.end(), False
        while depth > 0:
            c = source[at]
            if c == "\\":
                at += 1
            elif c == '"':
                quoted = not quoted
            elif not quoted:
                depth += (c == "(") - (c == ")")
            at += 1
        yield source[m.end():at - 1]


def literals(text):
    return [re.sub(r'"\s*"', "", s)[1:-1]
            for s in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text)]


def first_words(strings):
    out = set()
    for s in strings:
        m = re.match(r"(?:reason=)?([a-z][a-z-]+)(?= |$)", s)
        if m:
            out.add(m.group(1))
    return out


def reasons(root):
    read = lambda name: open("%s/agent/%s.c" % (root, name)).read()
    out = set()
    deciding = ["decide", "update_refuse", "refuse_message", "deny", "edit_deny"]
    for name in ("update update_run change command control transaction query transfer proto"
                 " ixfr reply view follow notify").split():
        source = read("proto/" + name)
        for text in calls(source, deciding):
            out |= first_words(literals(text))
        for text in calls(source, ["snprintf"]):
            if re.match(r"\s*(?:u->why\.|u->early_why\.|c->u->why\.)?reason\b", text):
                out |= first_words(literals(text))
        out |= first_words(s for s in literals(source) if s.startswith("reason=") and len(s) > 9)
    # functions that return a reason
    returning = {"proto/control": None, "proto/command": "command_scan",
                 "proto/transaction": "make_room", "catalog/edit_apply": "why_unwritable"}
    for name, only in returning.items():
        source = read(name)
        for m in re.finditer(r"^(?:static )?const char \*\n(\w+)\(.*?^}", source, re.M | re.S):
            if only is None or m.group(1) == only:
                for text in re.findall(r"return ([^;]*);", m.group(0)):
                    out |= first_words(literals(text))
                for text in re.findall(r"\?([^;]*);", m.group(0)):
                    out |= first_words(literals(text))
    for name in ("edit_apply", "edit_check"):
        for text in calls(read("catalog/" + name), ["edit_deny"]):
            out |= first_words(s for s in literals(text) if not s.startswith("%"))
    return out


def keys(root, name):
    """KEY of every "KEY=..." that a source prints into a record."""
    source = open("%s/agent/%s.c" % (root, name)).read()
    out = set()
    for text in calls(source, ["txt_printf"]):
        out |= set(re.findall(r'"([a-z][a-z-]*)=', text))
    for text in calls(source, ["put_name", "put_long", "put_detail", "put_id"]):
        out |= set(re.findall(r'^\s*\w+,\s*"([a-z][a-z-]*)"', text))
    return out


def strings_after(root, name, start):
    source = open("%s/agent/%s.c" % (root, name)).read()
    return set(literals(source[source.index(start):].split("\n}", 1)[0]))


def table(doc, heading):
    """Words in backquotes in the first column of the first table below a heading."""
    text = open(doc).read()
    parts = re.split(r"^#+ (.*)$", text, flags=re.M)
    for title, body in zip(parts[1::2], parts[2::2]):
        if re.sub(r"^[\d.]+ ", "", title) == heading:
            rows = re.findall(r"^\| (.*?) \|", body.split("\n|---", 1)[1], re.M)
            return {w.rstrip("=") for row in rows for w in re.findall(r"`([a-z][a-z+-]*=?)`", row)}
    sys.exit("%s: no heading: %s" % (doc, heading))


def numbers(doc, root):
    """The table of limits names values; the sources have them."""
    rows = re.findall(r"^\| .*? \| ([^|]*) \| `([\w/.]+)` (\w+) \|$", open(doc).read(), re.M)
    for value, name, constant in rows:
        source = open("%s/%s" % (root, name)).read()
        m = re.search(r"\b%s = ([^,;}/]+)" % constant, source)
        if m is None:
            sys.exit("%s has no %s" % (name, constant))
        real = eval(m.group(1).strip(), {})
        if not re.search(r"\b%d\b" % real, value.replace(",", "")):
            sys.exit("%s of %s is %d, not %s" % (constant, name, real, value))
    if len(rows) < 10:
        sys.exit("%s: too few limits" % doc)


def words(doc, root):
    status = keys(root, "proto/status_text")
    states = strings_after(root, "store/status", "zone_state_str(enum zone_state state)\n{")
    source = open(root + "/agent/proto/status_text.c").read()
    status |= {s.lower() for s in re.findall(r"put_count\(rdata, &\w, ZONE_(\w+)\)", source)}
    source = open(root + "/agent/pattern/pattern.c").read()
    status |= set(re.findall(r"([a-z]+)=%", re.search(r'"role=[^"]*"', source).group(0).replace("\\n", " ")))
    log = keys(root, "proto/log_text")
    # of entries whose text is made of words, and of refusals
    log |= {"rcode", "reason", "msg", "rr", "muted", "zones", "cause"}
    verbs = strings_after(root, "store/verb", "names[VERB_KINDS] = {")
    verbs = {v for v in verbs if re.fullmatch("[a-z]+", v)}
    ops = strings_after(root, "proto/log_text", "single_op(enum work_kind kind)\n{")
    expected = {
        "Reasons": reasons(root),
        "Keys of a status record": status,
        "States": states - {"unknown"},
        "Kinds of holds": strings_after(root, "store/holds", "hold_kind_str(enum hold_kind kind)\n{")
        - {"unknown"},
        "Verbs": verbs,
        "Operations": (ops - {"unknown", "command"}) | {"add", "del"} | (verbs - {"begin", "commit", "abort"}),
        "Keys of a history record": log,
    }
    bad = False
    for heading, wanted in expected.items():
        got = {w for w in table(doc, heading)}
        for w in sorted(wanted - got):
            print("%s: not in the document: %s" % (heading, w))
        for w in sorted(got - wanted):
            print("%s: not in the sources: %s" % (heading, w))
        bad |= got != wanted
        if not wanted:
            sys.exit("nothing found in the sources: " + heading)
    numbers(doc, root)
    if bad:
        sys.exit(1)


ports = [a.split("=") for a in sys.argv[3:] if "=" in a]
if sys.argv[1] == "write":
    write(sys.argv[2], ports)
elif sys.argv[1] == "run":
    run(sys.argv[2], ports)
else:
    words(sys.argv[2], sys.argv[3])
