"""A stack with something wrong in it, under load, watched by a real Prometheus."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.stack import Stack

from reconciler.dashboards.files import SCRAPE, rules
from reconciler.testing import eventually, free_port

APP = """
import http.server, os, sys, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(6 if self.path.endswith("slow") else 0)
        bad = self.path.endswith("fail")
        self.send_response(500 if bad else 200); self.end_headers(); self.wfile.write(b"hello")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""
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
  env: {PORT: "WEB"}
  ports: [{name: http, port: WEB}]
  probes:
    readiness: {http: {port: http, path: /}, period: 1s, failureThreshold: 1}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: crashes}
spec:
  shell: exit 3
  restart: {backoff: 100ms, maxBackoff: 1s, maxRetries: -1}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: leaves}
spec: {shell: "(setsid sleep 7777 &); exec sleep 8888"}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: gives-up}
spec:
  shell: exit 4
  restart: {backoff: 0s, maxRetries: 2}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: rests, suspend: true}
spec: {command: [sleep, "9999"]}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: app}
spec:
  match: {pathPrefix: /app/}
  proxy: {process: {name: web, port: http}}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: broken}
spec:
  match: {pathPrefix: /broken/}
  proxy: {backend: "http://127.0.0.1:1"}
---
apiVersion: reconciler.dev/v1
kind: Probe
metadata: {name: database}
spec:
  tcp: {host: 127.0.0.1, port: 1}
  period: 1s
  failureThreshold: 1
---
apiVersion: reconciler.dev/v1
kind: Repository
metadata: {name: backup}
spec: {url: remote.git, branch: main, base: ., interval: 1s}
---
apiVersion: reconciler.dev/v1
kind: SyncTarget
metadata: {name: data}
spec:
  repository: backup
  path: data/
  restore: {onStart: require}
  verify: {schedule: "* * * * *", sample: all}
"""


@contextmanager
def monitored(
    command: Sequence[str | Path] = (),
    *,
    specs: str = SPECS,
    files: Mapping[str, str] = {"app.py": APP},
    **env: str,
) -> Iterator[Stack]:
    """The stack, running (started by ``command`` unless as usual); its metrics can be read."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-mon-"))
    root = folder / "stack"
    (folder / "home").mkdir()
    (root / "specs").mkdir(parents=True)
    (root / "data").mkdir()
    stack = Stack(root, free_port(), folder / "home", env=env)
    for name, port in {"GATEWAY": stack.port, "WEB": free_port(), "API": free_port()}.items():
        specs = specs.replace(name, str(port))
    (root / "specs" / "all.yaml").write_text(specs)
    for name, text in files.items():
        (root / name).write_text(text)
    (root / "data" / "note").write_text("keep me")
    (root / ".gitignore").write_text("/.reconciler/\n/data/\n/remote.git/\n/up.log\n")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", root / "remote.git"], check=True)
    try:
        stack.begin()
        stack.start(*command)
        eventually(lambda: stack.fetch("/metrics")[0] == 200, 60, every=0.2)
        yield stack
    finally:
        stack.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def load(stack: Stack) -> Iterator[None]:
    """Visitors, and somebody who writes files that are backed up."""
    done = threading.Event()

    def visit() -> None:
        number = 0
        while not done.wait(0.02):
            number += 1
            with suppress(OSError):
                stack.fetch(("/app/", "/app/fail", "/broken/", "/nowhere")[number % 4])
            if number % 20 == 0:
                (stack.root / "data" / "note").write_text(str(number))

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@dataclass
class Prometheus:
    """A Prometheus that is asked over HTTP."""

    port: int

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer; an AssertionError says why there is none."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()) from error
        assert said["status"] == "success", said
        return said["data"]

    def found(self, expr: str) -> list[dict[str, Any]]:
        """The series that a query finds now."""
        return list(self.ask("query", query=expr)["result"])

    def drawn(self, expr: str) -> list[dict[str, Any]]:
        """The series that a query finds in the last minutes."""
        now = time.time()
        times = {"start": f"{now - 120:.3f}", "end": f"{now:.3f}", "step": "1"}
        return list(self.ask("query_range", query=expr, **times)["result"])

    def firing(self) -> set[str]:
        """The alerts that are told now."""
        told = self.ask("alerts")["alerts"]
        return {one["labels"]["alertname"] for one in told if one["state"] == "firing"}


@contextmanager
def prometheus(
    stack: Stack, text: str | None = None, direct: int | None = None
) -> Iterator[Prometheus]:
    """Scrapes the stack every second, by the configuration that is shipped.

    ``direct`` is a port of the operator's own, where it is asked besides.
    """
    folder = stack.root.parent / "prometheus"
    (folder / "alerts").mkdir(parents=True)
    (folder / "alerts" / "reconciler.yml").write_text(text or rules(patience="0s"))
    ports = [stack.port, *([direct] if direct else [])]
    targets = ", ".join(f"127.0.0.1:{one}" for one in ports)
    quick = SCRAPE.replace("15s", "1s").replace("127.0.0.1:7860", targets)
    (folder / "prometheus.yml").write_text(quick)
    port = free_port()
    words = ["prometheus", f"--config.file={folder}/prometheus.yml", "--log.level=warn"]
    words += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log, subprocess.Popen(words, stderr=log) as process:
        try:
            one = Prometheus(port)
            eventually(lambda: one.found('up{job="reconciler"} == 1'), 30, every=0.2)
            yield one
        finally:
            process.terminate()
