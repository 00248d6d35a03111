"""The smallest stack that a revision can break: one process with a probe, one route."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.testing import eventually, free_port

from .stack import Stack

WEB = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: web}
spec:
  command: [python3, -m, http.server, "WEB", --bind, 127.0.0.1, --directory, site]
  restart: {maxBackoff: 1s}
  stop: {grace: 2s}
  probes: {readiness: {http: {port: WEB, path: /}, period: 200ms}}
  env: {COLOUR: green}
---
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {name: gateway}
spec: {listen: PUBLIC, defaultBackend: "http://127.0.0.1:WEB"}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: mark}
spec: {match: {pathEqual: /mark}, redirect: {to: /green, code: 302}}
"""


class Plain(Stack):
    """The stack, and how its revisions stand."""

    @property
    def web(self) -> Path:
        return self.root / "specs" / "web.yaml"

    def edit(self, before: str, after: str, message: str = "an edit") -> str:
        """Change a text of the spec and commit it; the new revision."""
        text = self.web.read_text()
        assert before in text, text
        self.web.write_text(text.replace(before, after))
        return self.commit(message)

    def colour(self) -> str:
        """What the process was started with."""
        pid = self.pids().get("web-0", 0)
        assert pid
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return next(pair for pair in pairs if pair.startswith("COLOUR=")).removeprefix("COLOUR=")

    def settle_at(self, revision: str) -> None:
        """Wait until all that runs is in sync and healthy at that revision, be it HEAD or not."""

        def settled() -> bool:
            status = self.look()
            verdict = status["verdict"]
            assert status["revision"] == revision, status["revision"]
            assert verdict["inSync"], verdict
            own = [one for one in status["resources"] if one["kind"] != "Stack"]
            assert all(one["health"]["code"] == "Healthy" for one in own), verdict
            return True

        eventually(settled, 40)

    def crash(self) -> None:
        """Kill the operator as the kernel does, and wait until another one answers."""
        pid = int(self.look()["operator"]["pid"])
        os.kill(pid, signal.SIGKILL)

        def is_new() -> bool:
            status = self.look()
            return bool(status["operator"]["pid"] != pid and status["observedAt"])

        eventually(is_new, 30)

    def mark(self) -> str:
        """Where the route leads."""
        return self.fetch("/mark")[1]

    def wait(self, revision: str, result: str, deadline: float = 40) -> None:
        """Until a revision has come to that."""

        def came() -> bool:
            rollout = self.look()["rollout"]
            assert rollout, "nothing was current yet"
            assert (rollout["revision"], rollout["result"]) == (revision, result), rollout
            return True

        eventually(came, deadline)


@contextmanager
def make_plain() -> Iterator[Plain]:
    """The stack in a folder of its own, not running yet; nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-e2e-"))
    root, home = folder / "plain", folder / "home"
    for made in (root / "specs", root / "site", home):
        made.mkdir(parents=True)
    port = free_port()
    text = WEB.replace("PUBLIC", str(port)).replace("WEB", str(free_port()))
    (root / "specs" / "web.yaml").write_text(text)
    (root / "site" / "index.html").write_text("the site\n")
    (root / ".gitignore").write_text("/.reconciler/\n/up.log\n")
    stack = Plain(root, port, home)
    stack.begin()
    try:
        yield stack
    finally:
        stack.end()
    shutil.rmtree(folder, ignore_errors=True)
