"""adopt: what another supervisord runs becomes ours without a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from reconciler.testing import eventually

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

BIN = Path(sys.executable).parent
CONF = """\
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

[program:plain]
command=sleep 5001
directory=%(here)s
environment=STAGE="%(ENV_STAGE)s",TOKEN="%(ENV_TOKEN)s"

[program:many]
command=sleep 5002
process_name=%(program_name)s_%(process_num)02d
numprocs=2
directory=%(here)s

[program:renamed]
command=/bin/bash -lc 'cd / && exec -a other sleep 5003'
directory=%(here)s

[program:script]
command=%(here)s/run.sh 5004
stdout_logfile=%(here)s/script.log
directory=%(here)s

[program:odd]
command=sleep 5005
directory=%(here)s

[program:lost]
command=sleep 5006

[group:pair]
programs=odd
"""
NAMES = {
    "plain-0": "plain",
    "many-0": "many:many_00",
    "many-1": "many:many_01",
    "renamed-0": "renamed",
    "script-0": "script",
    "odd-0": "pair:odd",
}


SCRIPT = """\
#!/bin/sh
echo hello from there
mkfifo wait.$$
read word < wait.$$
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


@pytest.fixture
def world(stack_dir: Path) -> Iterator[World]:
    """Six processes under a supervisord that knows nothing of us, and a committed empty stack."""
    folder = stack_dir / "theirs"
    folder.mkdir()
    (folder / "s.conf").write_text(CONF)
    (folder / "run.sh").write_text(SCRIPT)
    (folder / "run.sh").chmod(0o755)
    (stack_dir / "specs").mkdir()
    (stack_dir / "specs" / ".keep").touch()
    subprocess.run(["git", "init", "-q"], cwd=stack_dir, check=True)
    environ = {**os.environ, "STAGE": "test", "TOKEN": "canary"}
    os.utime(folder / "s.conf", (1, 1))
    with subprocess.Popen(
        [BIN / "supervisord", "-c", folder / "s.conf"],
        cwd=folder, env=environ, stdout=subprocess.DEVNULL,
    ) as daemon:  # fmt: skip
        found = World(stack_dir)
        try:
            eventually(lambda: len(found.theirs()) == 7, 30)
            yield found
        finally:
            if found.stack:
                found.stack.terminate()
                found.stack.wait(30)
            daemon.terminate()


def test_a_running_stack_moves_process_by_process(world: World) -> None:
    """Nothing that is equal restarts; what differs is shown first; a change moves only that one."""
    before, socket = world.theirs(), str(world.root / "theirs" / "s.sock")
    pids = {ours: before[theirs] for ours, theirs in NAMES.items()}
    world.call("import", str(world.root / "theirs" / "s.conf"), "--write", "--suspend")
    (world.root / "specs" / "lost.yaml").unlink()
    world.edit("odd", "5005", "5055")
    world.commit()
    said = world.call("adopt", "--socket", socket, "--dry-run", code=1)
    assert "restarts when applied: argv" in said
    assert not (world.root / ".reconciler").exists()
    assert world.call("adopt", "--socket", socket, code=1).count("✔ nothing differs") == 5
    records = (world.root / ".reconciler" / "state" / "adopted").iterdir()
    assert "canary" not in "".join(path.read_text() for path in records)

    world.up()
    eventually(lambda: world.ours() == pids, 30)
    plan = world.call("diff", code=1)
    assert "Process/odd-0" in plan
    assert "Process/plain-0" not in plan
    assert world.theirs() == before

    for name in ("plain", "many", "renamed", "script", "odd"):
        world.edit(name, "  suspend: true\n", "")
    world.commit()
    eventually(lambda: world.ours()["odd-0"] not in {None, pids["odd-0"]}, 30)
    after = world.ours()
    assert {name for name in pids if pids[name] != after[name]} == {"odd-0"}
    assert "hello from there" in world.call("logs", "script")
    assert psutil.Process(after["odd-0"]).cmdline() == ["sleep", "5055"]
    assert not psutil.pid_exists(before["pair:odd"])

    world.edit("many", "replicas: 2", "replicas: 1")
    world.edit("plain", "5001", "5051")
    world.commit()
    eventually(lambda: "many-1" not in world.ours(), 30)
    eventually(lambda: world.ours()["plain-0"] not in {None, pids["plain-0"]}, 30)
    last, theirs = world.ours(), world.theirs()
    assert (last["many-0"], last["script-0"]) == (pids["many-0"], pids["script-0"])
    assert psutil.Process(last["plain-0"]).cmdline() == ["sleep", "5051"]
    assert psutil.Process(last["plain-0"]).environ()["TOKEN"] == "canary"
    assert set(theirs) == {"many:many_00", "renamed", "script", "lost"}
    _restarts_there(world, theirs["script"])


def _restarts_there(world: World, pid: int) -> None:
    """A process that ends is started by its own supervisord, and is the same."""
    psutil.Process(pid).kill()
    eventually(lambda: world.theirs().get("script") not in {None, pid}, 30)
    world.call("apply", code=None)
    assert world.ours()["script-0"] == world.theirs()["script"]
    assert world.status()["verdict"]["inSync"]


OTHER = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: other}
spec: {command: x}
"""


def test_nobody_there_is_said(world: World) -> None:
    """A socket without a supervisord, and specs that match nothing, are told."""
    said = world.call("adopt", "--socket", str(world.root / "none.sock"), code=2)
    assert "no supervisord can be asked" in said
    (world.root / "specs" / "other.yaml").write_text(OTHER)
    socket = str(world.root / "theirs" / "s.sock")
    said = world.call("adopt", "--worktree", "--socket", socket, code=1)
    assert "other is not known there" in said
    assert "left alone, for no spec names them: lost, many:many_00" in said
