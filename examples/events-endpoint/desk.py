#!/usr/bin/env python3
"""A stand-in for the help desk, to try this folder: prints every call it gets and answers that it was done."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Desk(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        print(self.command, self.path, body, flush=True)
        reply = json.dumps({"reply": {"id": "r-1"}, "note": {"id": "n-1"}, "messages": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST = do_PUT = do_PATCH = answer

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", 9082), Desk).serve_forever()
