from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.stack.kernel import environ, start_time
from reconciler.stack.leftovers import end_strays
from reconciler.testing import eventually
from reconciler.testing.process import running_stack

from .test_up import family, start_family

pytestmark = pytest.mark.real


@pytest.mark.parametrize("keeper", ["full", "plain", "off"])
def test_an_end_leaves_no_stray(stack_dir: Path, keeper: str) -> None:
    """A killed process takes along what left its session, and is there again, once."""
    with running_stack(stack_dir, keeper=keeper):
        before = start_family(stack_dir, keeper)
        os.kill(min(before, key=lambda pid: (start_time(pid) or 0, pid)), signal.SIGKILL)
        eventually(lambda: len(now := family(stack_dir)) == 6 and not now & before, 20)


@contextmanager
def child(tag: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child of this process that says which process of the stack it is of."""
    with subprocess.Popen(["sleep", "86400"], env={"RECONCILER_PROCESS": tag}) as process:
        try:
            # The kernel lets go of the starter a moment before the environment can be read.
            eventually(lambda: b"RECONCILER_PROCESS" in environ(process.pid))
            yield process
        finally:
            process.kill()


def write_record(stack_dir: Path, pid: int, began: int | None) -> None:
    folder = stack_dir / "run" / "processes"
    folder.mkdir(exist_ok=True)
    (folder / "web-0.json").write_text(json.dumps({"pid": pid, "start_time": began}))


def test_what_its_process_started_stays(stack_dir: Path) -> None:
    """A daemon lives as long as the process that started it, and no longer."""
    with child("web-0") as daemon:
        mine = start_time(os.getpid())
        write_record(stack_dir, os.getpid(), mine)
        assert end_strays(stack_dir, ()) == []
        write_record(stack_dir, os.getpid(), (mine or 0) + 1)  # another process of that number
        assert end_strays(stack_dir, ()) == [daemon.pid]


def test_what_is_not_of_a_process_stays(stack_dir: Path) -> None:
    """What carries no name, or is spared, is not looked at again."""
    with child("") as unnamed, child("gone-0") as spared, child("gone-0") as stray:
        assert end_strays(stack_dir, {spared.pid}) == [stray.pid]
        assert unnamed.poll() is None
        assert spared.poll() is None
