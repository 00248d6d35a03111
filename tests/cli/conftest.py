"""A fake operator on a real unix socket, and a terminal that remembers."""

from __future__ import annotations

import io
import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reconciler.cli.main import run
from reconciler.cli.terminal import Terminal
from reconciler.settings import Settings

RESOURCE = {
    "ref": "Process/web-0",
    "kind": "Process",
    "name": "web-0",
    "writtenAs": "Process/web",
    "origin": "specs/web.yaml:3",
    "labels": {"stack": "demo"},
    "suspend": False,
    "generation": 2,
    "observedGeneration": 2,
    "health": {"code": "Healthy", "reason": "Running", "message": "pid 42"},
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Running",
            "message": "pid 42",
            "since": "2026-01-01T10:00:00.000+00:00",
        }
    ],
    "vitals": {"pid": 42, "state": "running", "uptime": 187200},
    "system": False,
}
STATUS = {
    "verdict": {"ready": True, "inSync": True, "health": "Healthy", "message": ""},
    "revision": "4f2c1d9aa0",
    "appliedAt": "2026-01-01T11:59:22.000+00:00",
    "pending": [],
    "problems": [],
    "resources": [RESOURCE],
}
PLAN = {
    "revision": "4f2c1d9aa0",
    "source": "git",
    "inSync": True,
    "observedAt": "2026-01-01T12:03:07.000+00:00",
    "tookMs": 41,
    "summary": {"changes": 0, "restarts": 0, "deletions": 0, "creations": 0},
    "changes": [],
    "held": [],
    "blocked": [],
    "due": [],
    "order": [],
    "pending": [],
    "problems": [],
    "unknown": [],
}
EVENT = {
    "time": "2026-01-01T12:00:00.000+00:00",
    "ref": "Process/web-0",
    "type": "Warning",
    "reason": "Crashed",
    "message": "code 1",
    "count": 3,
}
PASS = {
    "time": "2026-01-01T12:00:00.000+00:00",
    "revision": "4f2c1d9aa0",
    "lane": "stack",
    "changes": 2,
    "result": "ok",
    "tookMs": 35,
    "summary": "updated Process/web-0",
}


REVISION = {
    "revision": "4f2c1d9aa0",
    "before": "11aa22bb33",
    "cause": "commit",
    "author": "Ada",
    "by": "",
    "subject": "more copies",
    "summary": "1 updated",
    "result": "failed",
    "began": "2026-01-01T12:00:00.000+00:00",
    "ended": "2026-01-01T12:05:00.000+00:00",
    "committed": "2026-01-01T11:59:00.000+00:00",
    "seconds": 300.0,
    "culprit": "Process/web-0",
    "message": "exit 1",
    "resources": [
        {
            "ref": "Process/web-0",
            "what": "updated",
            "ready": False,
            "reason": "CrashLoop",
            "message": "exit 1",
            "seconds": None,
        }
    ],
}
AWAY = {
    "from": "4f2c1d9aa0",
    "to": "11aa22bb33",
    "at": "2026-01-01T12:05:00.000+00:00",
    "by": "",
    "reason": "Process/web-0: exit 1",
    "culprit": "Process/web-0",
}


class FakeOperator:
    """Answers what a test puts into ``pages``; remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {
            "GET plan": PLAN,
            "GET status": deepcopy(STATUS),
            "GET events": {"items": [EVENT]},
            "GET history": {"items": [PASS]},
            "GET revisions": {"items": [REVISION]},
            "GET revisions/4f2c": {**REVISION, "passes": [PASS]},
            "POST rollback": {"revision": "11aa22bb33", "head": "4f2c1d9aa0", "rolledBack": AWAY},
            "DELETE rollback": {"revision": "4f2c1d9aa0", "head": "4f2c1d9aa0", "rolledBack": None},
            "POST reconcile": {"plan": PLAN, "after": PLAN, "failures": []},
        }
        self.asked: list[str] = []
        self.bodies: list[Any] = []

    def answer(self, method: str, target: str) -> tuple[int, Any]:
        """The page for a request; a page may be a callable, or a (status, body) pair."""
        self.asked.append(f"{method} {target}")
        name = target.removeprefix("/admin/api/v1/").partition("?")[0]
        page = self.pages.get(f"{method} {name}", (404, {"detail": "Not Found"}))
        page = page() if callable(page) else page
        refs = re.findall(r"[?&]ref=([^&]*)", target)
        if refs and isinstance(page, dict):
            page = {"items": [one for one in page["items"] if one["ref"] in refs]}
        return page if isinstance(page, tuple) else (200, page)


class Server(socketserver.ThreadingUnixStreamServer):
    """HTTP over a unix socket."""

    daemon_threads = True
    block_on_close = False
    fake: FakeOperator


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        self.reply()

    def do_POST(self) -> None:
        self.reply()

    def do_DELETE(self) -> None:
        self.reply()

    def reply(self) -> None:
        said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if said:
            self.server.fake.bodies.append(json.loads(said))
        code, body = self.server.fake.answer(self.command, self.path)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def operator(stack_dir: Path) -> Iterator[FakeOperator]:
    """A fake operator that answers on the stack's socket."""
    with Server(str(stack_dir / "run" / "operator.sock"), Handler) as server:
        server.fake = FakeOperator()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.fake
        server.shutdown()
        thread.join()


class Said(NamedTuple):
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


Reconciler = Callable[..., Said]


@pytest.fixture
def settings(stack_dir: Path) -> Settings:
    """A stack in a folder of its own."""
    return Settings(specs=stack_dir / "specs", state_dir=stack_dir)


@pytest.fixture
def reconciler(stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Reconciler:
    """Runs a command line in this process, for the stack in ``stack_dir``."""
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(stack_dir))
    monkeypatch.setenv("RECONCILER_SPECS", str(stack_dir / "specs"))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FORCE_COLOR", "NO_COLOR", "RECONCILER_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        code = run(arguments, Terminal(out=out, err=err))
        return Said(code, out.getvalue(), err.getvalue())

    return call
