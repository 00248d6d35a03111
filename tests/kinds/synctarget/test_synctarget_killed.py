"""SyncTarget when things are killed: the operator, git, the machine. Nothing is lost, all heals."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.model import Ref
from reconciler.testing import eventually, eventually_async
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

DATA = Ref("SyncTarget", "data")
KILLS = 150 if os.environ.get("RECONCILER_SOAK") == "1" else 2

OPERATOR = """
import asyncio, itertools, sys
from pathlib import Path
from reconciler.testing.backup_worlds import GitWorld

async def main():
    world = GitWorld(Path(sys.argv[1]), None)
    await world.settle()
    print("ready", flush=True)
    for count in itertools.count():
        world.write("app/data/count", f"{sys.argv[2]}.{count}".encode())
        world.write(f"app/data/files/{count % 7}", bytes([count % 256]) * 5000)
        await world.look(due=True)

asyncio.run(main())
"""


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def working_on(folder: Path) -> list[int]:
    """Processes whose variables name a git folder."""
    mark, found = f"GIT_DIR={folder}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def test_git_killed_in_the_middle_of_a_push(world: GitWorld) -> None:
    """A git that is killed while it pushes costs one attempt; the next one gets through."""
    await world.settle()
    hook = world.bare / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\ntouch {world.folder}/pushing\nsleep 300\n")
    hook.chmod(0o755)
    world.write("app/data/a", b"one")
    attempt = asyncio.create_task(world.look(due=True))
    await eventually_async((world.folder / "pushing").exists)
    for pid in working_on(world.store):
        os.kill(pid, signal.SIGKILL)
    outcome = await attempt
    assert DATA in outcome.failures
    hook.unlink()
    await world.look(due=True)
    assert world.remote_files() == {"app/data/a": b"one"}
    assert await world.health() == ("Healthy", "BackedUp")


async def test_stale_locks_stop_no_backup(world: GitWorld) -> None:
    """Locks that dead writers left behind do not freeze backups."""
    world.write("app/data/a", b"one")
    await world.back_up()
    for name in ("index", "packed-refs", "shallow", "refs/reconciler/saved/data", "HEAD"):
        (world.store / f"{name}.lock").touch()
    world.restart(stack=False)
    world.write("app/data/a", b"two")
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"two"}


async def test_damaged_local_folder_heals(world: GitWorld) -> None:
    """A local git folder that the disk damaged is begun anew; the remote keeps its history."""
    world.write("app/data/a", b"one")
    await world.back_up()
    for path in (world.store / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"")
    world.write("app/data/a", b"two")
    for _ in range(3):
        await world.look(due=True)
    assert world.remote_files() == {"app/data/a": b"two"}
    assert world.remote_branches() == ["main"]
    assert int(git(world.bare, "rev-list", "--count", "main")) == 2
    git(world.bare, "fsck", "--strict", "--full")


@pytest.mark.timeout(600)
def test_operator_killed_at_any_moment(world: GitWorld) -> None:
    """However often and whenever the operator is killed, what it took is right and it goes on."""
    world.push_as_other("app/data/precious", b"restored")
    dice = random.Random()
    for round_ in range(KILLS):
        _run_and_kill(world, str(round_), dice.uniform(0.0, 0.4))
        eventually(lambda: _ended(world))
        _check_reachable(world)
    world.restart(stack=False)
    asyncio.run(world.settle())
    # After so many pushes the remote may be cleaning itself up, and refuse one meanwhile.
    eventually(lambda: not asyncio.run(world.look(due=True)).failures, 30)
    assert world.remote_files() == world.files()
    assert world.files()["app/data/precious"] == b"restored"
    assert world.remote_branches() == ["main"]
    assert not list(world.store.rglob("*.lock"))
    git(world.store, "--git-dir", str(world.store), "fsck", "--connectivity-only")


def _check_reachable(world: GitWorld) -> None:
    """All that the remote's branches reach is there and right.

    A push that is killed while the server takes its objects in may leave a tree without its files;
    no branch speaks of it, so it is no loss: what a clone gets is what counts.
    """
    clone = world.folder / "clone.git"
    git(world.folder, "clone", "--quiet", "--bare", "--no-local", str(world.bare), str(clone))
    git(clone, "fsck", "--strict", "--full")
    shutil.rmtree(clone)


def _run_and_kill(world: GitWorld, label: str, after: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OPERATOR, str(world.folder), label], stdout=subprocess.PIPE
    ) as operator:
        assert operator.stdout is not None
        assert operator.stdout.readline() == b"ready\n"
        try:
            operator.wait(after)
        except subprocess.TimeoutExpired:
            operator.kill()
        assert operator.wait() == -signal.SIGKILL


def _ended(world: GitWorld) -> bool:
    """Whether the orphans are gone: those that ended by themselves, or that a sweep ends."""
    folders = world.drivers["Repository"]._folders
    folders.open("store").sweep()
    return not working_on(world.store)
