# SPDX-License-Identifier: BSD-2-Clause
"""pdns_half.py PORT API FILE: hands what is asked of PORT on to the HTTP API of a
PowerDNS at API, both on 127.0.0.1. When FILE is there it has a line

    half|before METHOD PATTERN

The first request of that method whose path matches PATTERN, a regular expression, is
not handed on; of `half`, as much of it as PowerDNS has in its database when it dies
in the midst of it. Then FILE is renamed to FILE.reached, and when that is gone the
connection is closed without an answer.

PowerDNS 4.7.3 makes a zone, with its kind, masters and account, and commits that; the
records are another transaction, which ends last. When it removes one, its metadata go
first, then its records, then the zone, each for itself."""
import http.client, http.server, json, os, re, sys, threading, time

port, api, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
lock = threading.Lock()


class Half(http.server.BaseHTTPRequestHandler):
    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", api, timeout=60)
        c.request(method, path, body, {"X-API-Key": self.headers["X-API-Key"],
            "Content-Type": "application/json"})
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, data

    def empty(self, path):
        sets = json.loads(self.ask("GET", path)[1])["rrsets"]
        gone = [{"name": s["name"], "type": s["type"], "changetype": "DELETE"} for s in sets]
        assert self.ask("PATCH", path, json.dumps({"rrsets": gone}))[0] == 204

    def half(self, body):
        if self.command == "POST":
            part = {k: v for k, v in json.loads(body).items()
                if k in ("name", "kind", "masters", "account")}
            status, zone = self.ask("POST", self.path, json.dumps(part))
            assert status == 201
            self.empty(self.path.split("?")[0] + "/" + json.loads(zone)["id"])
        elif self.command == "DELETE":
            for m in json.loads(self.ask("GET", self.path + "/metadata")[1]):
                self.ask("DELETE", self.path + "/metadata/" + m["kind"])
            self.empty(self.path)

    def is_reached(self):
        try:
            with open(file, encoding="utf-8") as f:
                self.how, method, pattern = f.read().split()
        except FileNotFoundError:
            return False
        return self.command == method and re.search(pattern, self.path)

    def any_method(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        self.close_connection = True
        with lock:
            if self.is_reached():
                if self.how == "half":
                    self.half(body)
                os.rename(file, file + ".reached")
                while os.path.exists(file + ".reached"):
                    time.sleep(0.02)
                return
        try:
            status, data = self.ask(self.command, self.path, body)
        except (OSError, http.client.HTTPException):
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = any_method

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", port), Half).serve_forever()
