"""Another supervisord that runs something already, and a stack of ours beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.testing import eventually

BIN = Path(sys.executable).parent
DAEMON = """\
[unix_http_server]
file=%(here)s/s.sock

[supervisord]
nodaemon=true
logfile=%(here)s/s.log
pidfile=%(here)s/s.pid

[supervisorctl]
serverurl=unix://%(here)s/s.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

"""


@dataclass
class World:
    """Another supervisord, and a stack of ours beside it."""

    root: Path
    stack: subprocess.Popen[bytes] | None = None

    def environ(self) -> dict[str, str]:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("RECONCILER_")}
        return environ | {"STAGE": "test", "TOKEN": "canary", "COLUMNS": "200"}

    def up(self) -> None:
        """Start the stack; it never gets healthy while something is suspended."""
        argv = [str(BIN / "reconciler"), "up"]
        quiet = subprocess.DEVNULL
        self.stack = subprocess.Popen(
            argv, cwd=self.root, env=self.environ(), stdout=quiet, stderr=quiet
        )

    def end(self) -> None:
        """Stop the stack, if there is one."""
        if self.stack:
            self.stack.terminate()
            self.stack.wait(30)

    def socket(self) -> str:
        return str(self.root / "theirs" / "s.sock")

    def call(self, *arguments: str, code: int | None = 0) -> str:
        done = subprocess.run(
            [BIN / "reconciler", *arguments],
            cwd=self.root, env=self.environ(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert code is None or done.returncode == code, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    def theirs(self) -> dict[str, int]:
        """What the other supervisord keeps running."""
        conf = self.root / "theirs" / "s.conf"
        done = subprocess.run(
            [BIN / "supervisorctl", "-c", conf, "status"],
            capture_output=True, text=True, check=False,
            env={**os.environ, "STAGE": "test", "TOKEN": "canary"},
        )  # fmt: skip
        rows = (line.split() for line in done.stdout.splitlines())
        return {row[0]: int(row[3].rstrip(",")) for row in rows if row[1] == "RUNNING"}

    def status(self) -> Any:
        return json.loads(self.call("status", "-o", "json"))

    def ours(self) -> dict[str, int | None]:
        """What our status says runs."""
        resources = self.status()["resources"]
        return {one["name"]: one["vitals"].get("pid") for one in resources if not one["system"]}

    def commit(self) -> None:
        who = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
        subprocess.run(["git", "add", "specs"], cwd=self.root, check=True)
        subprocess.run(["git", *who, "commit", "-qm", "x"], cwd=self.root, check=True)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / "specs" / f"{name}.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@contextmanager
def beside(root: Path, programs: str, count: int) -> Iterator[World]:
    """A supervisord with ``programs``, of which ``count`` run, and a committed empty stack."""
    folder = root / "theirs"
    folder.mkdir(exist_ok=True)
    (folder / "s.conf").write_text(DAEMON + programs)
    (root / "specs").mkdir()
    (root / "specs" / ".keep").touch()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    environ = {**os.environ, "STAGE": "test", "TOKEN": "canary"}
    os.utime(folder / "s.conf", (1, 1))
    with subprocess.Popen(
        [BIN / "supervisord", "-c", folder / "s.conf"],
        cwd=folder, env=environ, stdout=subprocess.DEVNULL,
    ) as daemon:  # fmt: skip
        found = World(root)
        try:
            eventually(lambda: len(found.theirs()) == count, 30)
            yield found
        finally:
            found.end()
            daemon.terminate()
