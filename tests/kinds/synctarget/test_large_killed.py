"""A backup of a large file that is killed at each boundary: any prefix restores, and all heals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.testing.backup_worlds import GitWorld, open_world

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
from reconciler.testing.backup_worlds import GitWorld

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
    world = GitWorld(Path(folder), None)
    world.targets["data"]["largeFiles"] = {"threshold": "4Ki", "store": "directory",
        "directory": folder + "/blobs", "keepVersions": 1}
    await world.settle()
    world.write("app/data/big", content.encode() * 5000)
    world.write("app/data/small", content.encode())
    setattr(owner, name, killed)
    await world.look(due=True)

asyncio.run(main())
"""


def open_large(folder: Path) -> GitWorld:
    """A world whose large files go to a folder."""
    world = GitWorld(folder, None)
    how = {"threshold": "4Ki", "store": "directory", "directory": str(folder / "blobs")}
    world.targets["data"]["largeFiles"] = {**how, "keepVersions": 1}
    return world


@pytest.mark.parametrize(("name", "when"), CASES if SOAK else USUAL)
async def test_killed_at_a_boundary(stack_dir: Path, name: str, when: str) -> None:
    """What was acknowledged restores byte for byte, and the next backup finishes what is left."""
    with open_world("path", stack_dir):
        pass
    (stack_dir / "blobs").mkdir()
    world = open_large(stack_dir)
    world.write("app/data/big", b"1" * 5000)
    world.write("app/data/small", b"1")
    await world.back_up()
    world.records.close()
    kill_at(stack_dir, BOUNDARIES[name], when)
    files = await restored(stack_dir)
    assert files["app/data/big"] in {b"1" * 5000, b"2" * 5000}
    assert files["app/data/small"] in {b"1", b"2"}
    world = open_large(stack_dir)
    assert not (await world.back_up()).failures
    await world.look(due=True)
    assert await world.health() == ("Healthy", "BackedUp")
    world.records.close()
    assert await restored(stack_dir) == {"app/data/big": b"2" * 5000, "app/data/small": b"2"}
    assert len([one for one in (stack_dir / "blobs").rglob("*") if one.is_file()]) == 1


def kill_at(folder: Path, target: str, when: str) -> None:
    """Have an operator back up other content, until it comes to a function."""
    words = [sys.executable, "-c", OPERATOR, str(folder), target, when, "2"]
    assert subprocess.run(words, check=False, timeout=50).returncode == -signal.SIGKILL


async def restored(folder: Path) -> dict[str, bytes]:
    """What another machine has, that knows only the remote and the store."""
    other = folder / "other"
    for part in ("remote", "blobs"):
        shutil.copytree(folder / part, other / part)
    world = open_large(other)
    world.targets["data"]["largeFiles"]["directory"] = str(other / "blobs")
    assert (await world.settle(8)).plan.in_sync
    found = world.files()
    world.records.close()
    shutil.rmtree(other)
    return found
