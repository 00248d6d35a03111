"""A small stack with all that can go wrong in it: a live database, a grandchild, a secret."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from reconciler.testing import eventually, free_port
from reconciler.testing.git_server import Desk, Server, make_bare, serving

from .stack import Stack

EXPECTED = {"brood-0": 2, "web-0": 1, "writer-0": 1}
"""How often each of the user's processes is there; the brood has a grandchild."""

# Tests kill the same one again and again, at no distance: it must not be sent to wait for long.
SPECS = {
    "web.yaml": """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: web}
spec:
  command: [python3, -m, http.server, "WEB", --bind, 127.0.0.1, --directory, site]
  restart: {maxBackoff: 2s}
  env:
    GREETING: hello
    API_KEY: {from: {env: CANARY}}
    SESSION_TOKEN: ${CANARY}
    FROM_FILE: {from: {file: token}}
  envFile: [secret.env]
---
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {name: gateway}
spec: {listen: PUBLIC, defaultBackend: "http://127.0.0.1:WEB"}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: old}
spec: {match: {pathEqual: /old}, redirect: {to: /, code: 301}}
""",
    "brood.yaml": """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: brood}
spec:
  # It takes its time to stop, and its child is in a session of its own.
  shell: >-
    trap 'sleep 2; exit 0' TERM; setsid sleep 86400 & while :; do read -t 60 <> <(:); done
  stop: {grace: 5s}
  restart: {maxBackoff: 2s}
""",
    "data.yaml": """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: writer}
spec:
  command: [python3, writer.py]
  restart: {maxBackoff: 2s}
  dependsOn:
    - {ref: SyncTarget/data, condition: restored}
---
apiVersion: reconciler.dev/v1
kind: Repository
metadata: {name: backup}
spec:
  url: http://127.0.0.1:REMOTE/backup.git
  auth: {username: me, password: {from: {env: BACKUP_PASSWORD}}}
  base: .
  interval: 1s
---
apiVersion: reconciler.dev/v1
kind: SyncTarget
metadata: {name: data}
spec: {repository: backup, path: data/, settle: 0s}
""",
}

WRITER = """\
import os, pathlib, sqlite3, time
pathlib.Path("data").mkdir(exist_ok=True)
database = sqlite3.connect("data/live.db", isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("CREATE TABLE IF NOT EXISTS lines (number INTEGER PRIMARY KEY, text TEXT)")
(found,) = database.execute("SELECT count(*) FROM lines").fetchone()
with open("found.log", "a") as log:
    log.write(f"{found}\\n")
while True:
    database.execute("INSERT INTO lines (text) VALUES (?)", (f"line by {os.getpid()}",))
    time.sleep(0.02)
"""

CANARY = "canary-5b1f9e-sings"
TOKEN = "canary-in-a-file-88c1"
PASSWORD = "canary-of-git-31d7"


@dataclass
class Small(Stack):
    """The stack, and the server that keeps its backup."""

    server: Server = field(kw_only=True)

    @property
    def remote(self) -> Path:
        return self.server.desk.root / "backup.git"

    @property
    def hold(self) -> Path:
        """While this file exists, the server does not end a push."""
        return self.server.desk.root / "hold"

    def found(self) -> list[int]:
        """How many lines the writer found at each of its starts."""
        return [int(line) for line in (self.root / "found.log").read_text().split()]

    def lines(self) -> int:
        """How many lines the live database has."""
        return count(self.root / "data" / "live.db")

    def kept_lines(self) -> int:
        """How many lines the database in the remote has; an AssertionError when it is none."""
        copy = self.home / "kept.db"
        copy.write_bytes(self.read_remote(self.remote, "show", "main:data/live.db"))
        return count(copy)

    def at_work(self, *words: str) -> list[psutil.Process]:
        """The stack's git processes that have one of these words in their command."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self.state) in process.environ().get("GIT_DIR", "") and (
                    set(words) & set(process.cmdline())
                ):
                    found.append(process)
        return found

    def whole(self) -> None:
        """All that is wanted is there, once, and in sync."""
        self.settle()
        eventually(lambda: self.tagged() == EXPECTED)

    def system(self, name: str) -> psutil.Process:
        """A program of the stack itself: reconciler, gateway, supervisord."""
        if name == "supervisord":
            return psutil.Process(int((self.state / "run" / "supervisord.pid").read_text()))
        pid = self.resource(f"Process/{name}")["vitals"].get("pid")
        assert pid, f"{name} does not run"
        assert psutil.pid_exists(int(pid)), f"{name} has just ended"
        return psutil.Process(int(pid))


def count(database: Path) -> int:
    """How many lines a database holds."""
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            (found,) = connection.execute("SELECT count(*) FROM lines").fetchone()
    except sqlite3.DatabaseError as error:
        raise AssertionError(error) from error
    return int(found)


@contextmanager
def make_small() -> Iterator[Small]:
    """The stack in a folder of its own, not running yet; nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-e2e-"))
    root, home, remotes = (folder / name for name in ("small", "home", "remotes"))
    for made in (root / "specs", root / "site", home, remotes):
        made.mkdir(parents=True)
    make_bare(remotes / "backup.git")
    hook = remotes / "backup.git" / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\nwhile [ -e {remotes}/hold ]; do sleep 0.05; done\n")
    hook.chmod(0o755)
    with serving(Desk(remotes, "me", PASSWORD)) as server:
        port = free_port()
        write_files(root, {"PUBLIC": port, "WEB": free_port(), "REMOTE": server.server_address[1]})
        stack = Small(root, port, home, server=server)
        stack.env = {"CANARY": CANARY, "BACKUP_PASSWORD": PASSWORD, "UNUSED_SECRET": CANARY}
        stack.begin()
        try:
            yield stack
        finally:
            stack.hold.unlink(missing_ok=True)
            stack.end()
    shutil.rmtree(folder, ignore_errors=True)


def write_files(root: Path, ports: dict[str, int]) -> None:
    for name, text in SPECS.items():
        written = text
        for word, port in ports.items():
            written = written.replace(word, str(port))
        (root / "specs" / name).write_text(written)
    (root / "site" / "index.html").write_text("the site\n")
    (root / "writer.py").write_text(WRITER)
    (root / "token").write_text(TOKEN)
    (root / "secret.env").write_text(f"ENV_FILE_SECRET={CANARY}\n")
    ignored = ("/.reconciler/", "/data/", "/up.log", "/found.log", "/token", "/secret.env")
    (root / ".gitignore").write_text("\n".join(ignored) + "\n")
