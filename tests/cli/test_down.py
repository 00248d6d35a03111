"""down: whatever was done to a stack, what is said to be stopped is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from reconciler.cli import checks
from reconciler.settings import Settings
from reconciler.stack.astray import astray
from reconciler.stack.place import Place, holder
from reconciler.testing import eventually

from .starting import Start, finish, running, start

__all__ = ["start"]
pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def supervisord_of(folder: Path) -> int:
    return int((folder / "run" / "supervisord.pid").read_text())


def test_down_ends_what_a_killed_stack_left(start: Start, stack_dir: Path) -> None:
    """That nothing runs is said when it is true: not while processes outlive their parent."""
    assert finish(start("up", "--detach"))[0] == 0
    place = Place(stack_dir, stack_dir / "specs")
    settings = Settings(specs=place.specs, state_dir=stack_dir)
    assert list(checks.left(settings)) == []
    parent, supervisord = psutil.Process(holder(place)), psutil.Process(supervisord_of(stack_dir))
    parent.suspend()  # or it ends the rest before it is killed
    supervisord.kill()
    parent.kill()
    eventually(lambda: holder(place) is None)
    left = running(stack_dir)
    assert left
    (found,) = checks.left(settings)
    assert (found.grade, found.fix) == (checks.Grade.WARNING, "reconciler down")

    code, _, err = finish(start("down"))
    assert (code, running(stack_dir)) == (0, [])
    assert re.search(r"ending [0-9]+ processes \(pids [0-9, …]+\) that a stack which was", err)
    assert "nothing runs" not in err
    assert list(checks.left(settings)) == []
    code, _, err = finish(start("down"))
    assert (code, "nothing runs" in err) == (0, True)


def remove(folder: Path) -> None:
    """As `rm -rf` does, though somebody may be writing there."""
    eventually(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists())


def test_down_ends_a_stack_whose_state_directory_was_taken_away(
    start: Start, stack_dir: Path
) -> None:
    """In order, and its parent too: it would begin anew as soon as it notices."""
    state = stack_dir / "state"
    flags = ("--state-dir", str(state))
    assert finish(start("up", "--detach", *flags))[0] == 0
    parent = psutil.Process(holder(Place(state, stack_dir / "specs")))
    parent.suspend()
    remove(state)
    assert astray(state) == parent.pid
    settings = Settings(specs=stack_dir / "specs", state_dir=state)
    assert [found.fix for found in checks.left(settings)] == ["reconciler down"]
    ends = start("down", *flags)
    parent.resume()
    code, _, err = finish(ends)
    assert (code, "stopped" in err) == (0, True), err
    assert running(stack_dir) == []
    assert not parent.is_running() or parent.status() == psutil.STATUS_ZOMBIE
    assert "nothing runs" in finish(start("down", *flags))[2]


def test_down_ends_under_a_lock(reconciler: Any, stack_dir: Path) -> None:
    """What is left without a `run` is ended while no `up` can begin."""
    tag = {"RECONCILER_STATE_DIR": str(stack_dir), "RECONCILER_STACK_START": "1-a"}
    place = Place(stack_dir, stack_dir / "specs")
    said = "import signal, sys; signal.signal(15, lambda *_: None); print(flush=True)"
    code = f"{said}; signal.pause(); open(sys.argv[1]).close()"
    shutil.rmtree(stack_dir / "run", ignore_errors=True)
    command = [sys.executable, "-c", code, str(stack_dir / "run" / "up.lock")]
    with subprocess.Popen(command, env=tag, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as left:
        assert left.stdout
        assert left.stderr
        left.stdout.readline()
        assert reconciler("down").code == 0
        assert left.stderr.read() == b""
    assert holder(place) is None
