"""A backup of a large file that is killed at each boundary: any prefix restores, and all heals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.testing.backup_worlds import LargeWorld

SOAK = os.environ.get("RECONCILER_SOAK") == "1"
BOUNDARIES = {
    "upload": "reconciler.clients.blobs_directory.DirectoryStore.put",
    "pointer": "reconciler.kinds.synctarget.large.upload.Uploads.take",
    "commit": "reconciler.clients.git_history.History.commit",
    "push": "reconciler.clients.git_remote.Remote.push",
    "agree": "reconciler.kinds.synctarget.job.Job.agree",
    "collect": "reconciler.clients.blobs_directory.DirectoryStore.delete",
}
CASES = [(name, when) for name in BOUNDARIES for when in ("before", "after")]
USUAL = [("upload", "after"), ("pointer", "after"), ("push", "after"), ("collect", "before")]

OPERATOR = """
import asyncio, inspect, os, pkgutil, signal, sys
from pathlib import Path
from reconciler.testing.backup_worlds import LargeWorld

folder, target, when, content = sys.argv[1:]
owner = pkgutil.resolve_name(":".join(target.rsplit(".", 2)[:2]))
name = target.rsplit(".", 1)[1]
original = getattr(owner, name)
left = [0]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def killed(*args, **kwargs):
    if when == "before":
        die()
    done = original(*args, **kwargs)
    if not inspect.isawaitable(done):
        die()
    async def wait():
        await done
        die()
    return wait()

async def main():
    world = LargeWorld(Path(folder))
    await world.settle()
    world.write("app/data/big", content.encode() * 5000)
    world.write("app/data/small", content.encode())
    setattr(owner, name, killed)
    await world.look(due=True)

asyncio.run(main())
"""


@pytest.mark.parametrize(("name", "when"), CASES if SOAK else USUAL)
async def test_killed_at_a_boundary(stack_dir: Path, name: str, when: str) -> None:
    """What was acknowledged restores byte for byte, and the next backup finishes what is left."""
    world = LargeWorld(stack_dir)
    world.write("app/data/big", b"1" * 5000)
    world.write("app/data/small", b"1")
    await world.back_up()
    world.records.close()
    kill_at(stack_dir, BOUNDARIES[name], when)
    world = LargeWorld(stack_dir)
    files = await world.files_elsewhere()
    assert files["app/data/big"] in {b"1" * 5000, b"2" * 5000}
    assert files["app/data/small"] in {b"1", b"2"}
    assert not (await world.back_up()).failures
    await world.look(due=True)
    assert await world.health() == ("Healthy", "BackedUp")
    after = {"app/data/big": b"2" * 5000, "app/data/small": b"2"}
    assert await world.files_elsewhere() == after
    assert world.stored() == [b"2" * 5000]
    world.records.close()


def kill_at(folder: Path, target: str, when: str) -> None:
    """Have an operator back up other content, until it comes to a function."""
    words = [sys.executable, "-c", OPERATOR, str(folder), target, when, "2"]
    assert subprocess.run(words, check=False, timeout=50).returncode == -signal.SIGKILL
