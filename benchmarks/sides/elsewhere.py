"""A stack of ours whose specs are in a repository elsewhere, behind a git server over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.testing import eventually, free_port
from reconciler.testing.git_server import git

from .ours import Ours
from .side import process, write

SECRET: Final = "of-the-bench"  # noqa: S105 (nobody's)
STACK: Final = """\
apiVersion: reconciler.dev/v1
kind: Stack
metadata: {{name: main}}
spec:
  source:
    url: {url}/specs.git
    interval: {interval}
    auth: {{username: me, password: {{from: {{env: SOURCE_PASSWORD}}}}}}
    webhook: {{secret: {{from: {{env: HOOK_SECRET}}}}}}
"""


class Elsewhere(Ours):
    """Follows what is pushed; it asks every ``interval``, and whenever it is told."""

    def __init__(self, place: Path, program: Path, url: str, *, interval: str) -> None:
        super().__init__(place, program, commit=True)
        self.work = place / "work"
        self.remote = url.replace("://", f"://me:{SECRET}@") + "/specs.git"
        (self.work / "specs").mkdir(parents=True)
        git(self.work, "init", "--quiet", "--initial-branch=main")
        write(self.specs / "stack.yaml", STACK.format(url=url, interval=interval))
        self._environ = {"SOURCE_PASSWORD": SECRET, "HOOK_SECRET": SECRET}

    def edit(self, programs: Mapping[str, str]) -> None:
        for name, value in programs.items():
            text = self.spec.format(
                program=self.program, log=self.ticks.path, name=name, value=value
            )
            write(self.work / "specs" / f"{name}.yaml", text)

    def apply(self) -> None:
        """Commit and push."""
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--message", "change")
        git(self.work, "push", "--quiet", self.remote, "HEAD:refs/heads/main")

    def ring(self) -> None:
        """The call by which a host tells of a push."""
        body = b"{}"
        signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            "POST /admin/api/v1/hook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\nX-Hub-Signature-256: sha256={signed}\r\n\r\n"
        )
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self.operator.path))
            wire.sendall(head.encode() + body)
            answer = wire.recv(1 << 16)
        if b" 202 " not in answer:
            raise RuntimeError(f"the webhook was answered {answer[:200]!r}")

    def call(self) -> None:
        """What ``reconciler reconcile`` does first."""
        self.operator.fetch()

    def pushed(self, value: str, how: str) -> float:
        """Milliseconds from the edit to the new life of the program, told ``how``."""
        began = time.monotonic_ns()
        self.edit({"p0000": value})
        self.apply()
        {"webhook": self.ring, "reconcile": self.call}.get(how, lambda: None)()
        return (self.ticks.wait({"p0000": value}) - began) / 1e6

    def fetched(self, mirror: Path, value: str) -> float:
        """The least that following costs: commit, push, and fetch it elsewhere."""
        began = time.monotonic_ns()
        write(self.work / "README", f"{value}\n")
        self.apply()
        git(mirror, "fetch", "--quiet", self.remote, "main")
        return (time.monotonic_ns() - began) / 1e6


@contextmanager
def served(place: Path) -> Iterator[str]:
    """The url of a git server with a password, in a process of its own."""
    port, password = free_port(), place / "password"
    password.write_text(SECRET)
    words = [sys.executable, "-m", "reconciler.testing.git_server", "--root", str(place / "git")]
    words += ["--port", str(port), "--password-file", str(password)]
    (place / "git").mkdir()
    git(place, "init", "--quiet", "--bare", "--initial-branch=main", str(place / "git/specs.git"))

    def answers() -> bool:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True

    with process(words):
        eventually(answers, 20)
        yield f"http://127.0.0.1:{port}"
