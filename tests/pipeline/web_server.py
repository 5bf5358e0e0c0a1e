# SPDX-License-Identifier: MIT
"""A small web server: web_server.py PORT

GET and PUT are of files in the working directory; POST answers each line with one that ends in `!`.
"""

import http.server
import re
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, status, content=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.answer(200, Path(Path(self.path).name).read_bytes())

    def do_PUT(self):
        Path(Path(self.path).name).write_bytes(self.body())
        self.answer(201)

    def do_POST(self):
        self.answer(200, re.sub(rb"\n", b"!\n", self.body()))

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("listening", file=sys.stderr, flush=True)
server.serve_forever()
