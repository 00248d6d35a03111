"""A small shop that has a bad day: what its dashboards show is worth a look."""

from __future__ import annotations

import math
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.e2e.stack import Stack

APP = """
import http.server, os, pathlib, random, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(random.expovariate(float(os.environ["PER_SECOND"])))
        bad = self.path.startswith("/api") and pathlib.Path("bad").exists()
        self.send_response(500 if bad and random.random() < 0.4 else 200); self.end_headers()
        self.wfile.write(b"hello " * 200)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""
WORKER = """
import itertools, math, time
kept = []
for n in itertools.count():
    end = time.monotonic() + 0.08 + 0.06 * math.sin(n / 40)
    while time.monotonic() < end: pass
    kept = kept + [bytes(300_000)] if len(kept) < 120 else []
    time.sleep(0.9)
"""
PATHS, OFTEN = ("/", "/cart", "/api/items", "/api/prices", "/reports/"), (30, 20, 25, 20, 1)
SPECS = """\
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {name: gateway}
spec: {listen: GATEWAY}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: web}
spec:
  command: [python3, app.py]
  env: {PORT: "WEB", PER_SECOND: "400"}
  ports: [{name: http, port: WEB}]
  probes: {readiness: {http: {port: http, path: /}, period: 2s}}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: api}
spec:
  command: [python3, app.py]
  env: {PORT: "API", PER_SECOND: "60"}
  ports: [{name: http, port: API}]
  probes: {readiness: {http: {port: http, path: /}, period: 2s}}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: worker}
spec: {command: [python3, worker.py]}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: mailer}
spec:
  shell: sleep 20; exit 3
  restart: {backoff: 1s, maxBackoff: 5s, maxRetries: -1}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: importer, suspend: true}
spec: {command: [sleep, "9999"]}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: shop}
spec:
  match: {pathPrefix: /}
  proxy: {process: {name: web, port: http}}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: api}
spec:
  match: {pathPrefix: /api/}
  proxy: {process: {name: api, port: http}}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: reports}
spec:
  match: {pathPrefix: /reports/}
  proxy: {backend: "http://127.0.0.1:1"}
---
apiVersion: reconciler.dev/v1
kind: Probe
metadata: {name: database}
spec: {tcp: {host: 127.0.0.1, port: 1}, period: 2s}
---
apiVersion: reconciler.dev/v1
kind: Repository
metadata: {name: backup}
spec: {url: remote.git, branch: main, base: ., interval: 15s}
---
apiVersion: reconciler.dev/v1
kind: SyncTarget
metadata: {name: uploads}
spec: {repository: backup, path: data/}
"""


@contextmanager
def visitors(stack: Stack, many: int = 6) -> Iterator[None]:
    """They come in waves, half of them ask the API, and some upload what is backed up."""
    done = threading.Event()

    def visit() -> None:
        while not done.wait(random.expovariate(5 + 3.5 * math.sin(time.time() / 25))):
            with suppress(OSError):
                stack.fetch(random.choices(PATHS, OFTEN)[0])
            if random.random() < 0.005:
                (stack.root / "data" / "upload").write_text(str(time.time()))

    threads = [threading.Thread(target=visit) for _ in range(many)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def bad_day(stack: Stack, seconds: float) -> None:
    """After a quiet while the API is killed, later it fails for some, and is well again."""
    time.sleep(seconds * 0.35)
    os.kill(stack.pids()["api-0"], signal.SIGKILL)
    time.sleep(seconds * 0.2)
    bad = stack.root / "bad"
    bad.touch()
    time.sleep(seconds * 0.15)
    bad.unlink()
    time.sleep(seconds * 0.3)
