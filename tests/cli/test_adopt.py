"""adopt: what another supervisord runs becomes ours without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.cli.theirs import World, beside

from reconciler.testing import eventually

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

CONF = """\
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


@pytest.fixture
def world(stack_dir: Path) -> Iterator[World]:
    """Six processes under a supervisord that knows nothing of us, and a committed empty stack."""
    folder = stack_dir / "theirs"
    folder.mkdir()
    (folder / "run.sh").write_text(SCRIPT)
    (folder / "run.sh").chmod(0o755)
    with beside(stack_dir, CONF, 7) as found:
        yield found


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


RESTING = """\
[program:plain]
command=sleep 5011
directory=%(here)s

[program:two]
command=sleep 5012
process_name=%(program_name)s_%(process_num)s
numprocs=2
directory=%(here)s

[program:idle]
command=sleep 5013
directory=%(here)s
autostart=false
"""


def test_a_move_with_a_program_that_rests_raises_no_alarm(stack_dir: Path) -> None:
    """One with autostart=false is named by its spec, and what is suspended is not judged."""
    with beside(stack_dir, RESTING, 3) as world:
        world.call("import", str(world.root / "theirs" / "s.conf"), "--write", "--suspend")
        world.commit()
        said = world.call("adopt", "--socket", world.socket())
        assert [row.split()[0] for row in said.splitlines()[:4]] == [
            "idle-0", "plain-0", "two-0", "two-1",
        ]  # fmt: skip
        assert "idle is stopped there" in said
        assert "left alone" not in said
        world.up()
        eventually(lambda: set(world.ours()) >= {"plain-0", "idle-0"}, 30)
        said = world.call("up", "--detach")
        assert "Healthy" in said
        assert "not healthy" not in said
        assert "Process/idle-0" in world.call("diff", code=1)
        for name in ("plain", "two", "idle"):
            world.edit(name, "  suspend: true\n", "")
        world.commit()
        world.call("apply", "--wait")
        before = world.theirs()["plain"]
        world.call("restart", "plain", "--wait")
        assert world.ours()["plain-0"] not in {None, before}
        assert "UnknownProgram" not in world.call("events")
        said = world.call("adopt", "--socket", world.socket())
        assert "plain-0" in said
        assert "left alone" not in said
