"""Prints what Alertmanager tells it: a line for each alert, when it begins and when it ends."""

from __future__ import annotations

import http.server
import json
import sys


class Bell(http.server.BaseHTTPRequestHandler):
    """Answers webhooks of Alertmanager."""

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for one in told["alerts"]:
            name, note = one["labels"]["alertname"], one["annotations"]
            print(one["status"], name, note["summary"], note["runbook_url"], sep=" · ", flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: what it prints is the alerts."""


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Bell).serve_forever()
