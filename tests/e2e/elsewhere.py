"""A stack whose specs are in a repository elsewhere, behind a real git server with a password."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.testing import eventually, free_port
from reconciler.testing.git_server import Desk, Server, git, make_bare, serving

from .plain import WEB, Plain

PASSWORD = "canary-of-the-source-77"
HOOK = "canary-of-the-hook-12"
STACK = """\
apiVersion: reconciler.dev/v1
kind: Stack
metadata: {name: main}
spec:
  source:
    url: http://127.0.0.1:REMOTE/specs.git
    interval: INTERVAL
    auth: {username: me, password: {from: {env: SOURCE_PASSWORD}}}
    webhook: {secret: {from: {env: HOOK_SECRET}}}
  autoRevert: {enabled: true, deadline: 10s, minHealthyTime: 1s}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: beside}
spec: {command: [sleep, "86400"]}
"""


@dataclass
class Elsewhere(Plain):
    """The stack, the server, and a work tree of somebody who pushes to it."""

    server: Server = field(kw_only=True)
    work: Path = field(kw_only=True)

    @property
    def web(self) -> Path:
        return self.work / "specs" / "web.yaml"

    @property
    def bare(self) -> Path:
        return self.server.desk.root / "specs.git"

    def commit(self, message: str) -> str:
        """Commit what is in the work tree and push it; the new commit."""
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", message)
        self.push()
        return self.tip()

    def push(self, *how: str) -> None:
        git(self.work, "push", "-q", *how, str(self.bare), "HEAD:refs/heads/main")

    def tip(self) -> str:
        """The newest commit of who pushes."""
        return git(self.work, "rev-parse", "HEAD").decode().strip()

    def remote(self) -> Any:
        """What the stack knows of its source."""
        return self.look()["remote"]

    def until(self, **wanted: Any) -> Any:
        """Wait until that is known of the source."""

        def known() -> Any:
            found = self.remote()
            for name, value in wanted.items():
                assert found[name] == value, found
            return found

        return eventually(known, 40)


@contextmanager
def make_elsewhere(interval: str = "1s") -> Iterator[Elsewhere]:
    """The stack in a folder of its own, not running yet; nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-e2e-"))
    root, home, work, remotes = (folder / name for name in ("stack", "home", "work", "remotes"))
    for made in (root / "specs", root / "site", home, work / "specs", remotes):
        made.mkdir(parents=True)
    make_bare(remotes / "specs.git")
    port = free_port()
    text = WEB.replace("PUBLIC", str(port)).replace("WEB", str(free_port()))
    (work / "specs" / "web.yaml").write_text(text)
    (root / "site" / "index.html").write_text("the site\n")
    (root / ".gitignore").write_text("/.reconciler/\n/up.log\n")
    git(work, "init", "-q", "-b", "main")
    with serving(Desk(remotes, "me", PASSWORD)) as server:
        written = STACK.replace("REMOTE", str(server.server_address[1]))
        (root / "specs" / "stack.yaml").write_text(written.replace("INTERVAL", interval))
        stack = Elsewhere(root, port, home, server=server, work=work)
        stack.env = {"SOURCE_PASSWORD": PASSWORD, "HOOK_SECRET": HOOK}
        stack.begin()
        stack.commit("the first specs")
        try:
            yield stack
        finally:
            stack.end()
    shutil.rmtree(folder, ignore_errors=True)
