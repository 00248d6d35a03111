"""Pushing without git: only where git would do no more, and never otherwise than git does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients import git_near
from reconciler.clients.git_near import near
from reconciler.core.model import Ref
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git, make_bare

DATA = Ref("SyncTarget", "data")


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that were started."""
    started: list[str] = []
    begin = subprocess.Popen.__init__

    def start(self: Any, command: Any, *more: Any, **how: Any) -> None:
        started.append(" ".join(map(str, command)))
        begin(self, command, *more, **how)

    monkeypatch.setattr(subprocess.Popen, "__init__", start)
    return started


def hook(bare: Path) -> None:
    (bare / "hooks" / "post-receive").write_text("#!/bin/sh\n")


def setting(bare: Path) -> None:
    git(bare, "config", "receive.denyDeletes", "true")


def shared(bare: Path) -> None:
    git(bare, "config", "core.sharedRepository", "group")


def log(bare: Path) -> None:
    (bare / "logs").mkdir()


def borrowed(bare: Path) -> None:
    (bare / "objects/info").mkdir(exist_ok=True)
    (bare / "objects/info/alternates").write_text("/elsewhere\n")


def work_tree(bare: Path) -> None:
    git(bare, "config", "core.bare", "false")


@pytest.mark.parametrize("what", [hook, setting, shared, log, borrowed, work_tree])
def test_what_is_not_plain_is_left_to_git(tmp_path: Path, what: Any) -> None:
    """Anything that git would heed in a repository makes it git's to push to."""
    bare = make_bare(tmp_path / "x.git")
    assert near(str(bare)) == near(f"file://{bare}") == bare
    what(bare)
    assert near(str(bare)) is None


@pytest.mark.parametrize(
    "url", ["https://example.com/x.git", "me@host:x.git", "/no/where", "x.git"]
)
def test_what_is_not_here_is_left_to_git(url: str) -> None:
    """Only a whole path of this disk is near."""
    assert near(url) is None


async def test_push_to_a_folder_starts_no_program(world: GitWorld, programs: list[str]) -> None:
    """A change goes from the file to the remote and is read back, all in the operator."""
    world.write("app/data/deep/a", b"1")
    world.write("app/data/b", b"same")
    await world.back_up()
    for content in (b"2", b"3"):
        world.write("app/data/deep/a", content)
        programs.clear()
        await world.back_up()
        assert programs == []
        assert world.remote_files() == {"app/data/deep/a": content, "app/data/b": b"same"}
    assert await world.health() == ("Healthy", "BackedUp")
    assert git(world.bare, "fsck", "--strict", "--full", "--no-dangling") == b""
    assert git(world.bare, "rev-list", "--count", "main") == b"3\n"
    assert not list(world.bare.rglob("*.lock"))


async def test_packed_remote(world: GitWorld) -> None:
    """What git packed in the remote, refs too, is no other repository."""
    world.write("app/data/a", b"1")
    await world.back_up()
    git(world.bare, "gc", "--quiet")
    git(world.bare, "pack-refs", "--all")
    for content in (b"2", b"3"):
        world.write("app/data/a", content)
        await world.back_up()
        assert world.remote_files() == {"app/data/a": content}
    git(world.bare, "fsck", "--strict", "--full")


async def test_remote_that_moved_in_between(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pushes at the last moment is first; nothing of theirs is lost."""
    world.write("app/data/a", b"1")
    await world.back_up()
    move = git_near._move
    others = iter([b"theirs"])

    def late(*arguments: Any) -> None:
        for content in others:
            world.push_as_other("elsewhere/x", content)
        move(*arguments)

    monkeypatch.setattr(git_near, "_move", late)
    world.write("app/data/a", b"2")
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"2", "elsewhere/x": b"theirs"}


async def test_lock_in_the_remote(world: GitWorld) -> None:
    """A held ref is waited for; one whose holder must be dead is no obstacle for ever."""
    world.write("app/data/a", b"1")
    await world.back_up()
    lock = world.bare / "refs/heads/main.lock"
    lock.touch()
    world.write("app/data/a", b"2")
    assert DATA in (await world.back_up()).failures
    assert world.remote_files() == {"app/data/a": b"1"}
    old = time.time() - 2 * git_near.DEAD
    os.utime(lock, (old, old))
    assert not (await world.back_up()).failures
    assert world.remote_files() == {"app/data/a": b"2"}


async def test_untidy_remote_is_packed_by_git(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch, programs: list[str]
) -> None:
    """Loose objects do not pile up for ever: now and then git pushes, and tidies afterwards."""
    world.write("app/data/a", b"1")
    await world.back_up()
    monkeypatch.setattr(git_near, "_is_untidy", lambda _: True)
    world.write("app/data/a", b"2")
    programs.clear()
    await world.back_up()
    assert any(" push " in program for program in programs)
    assert world.remote_files() == {"app/data/a": b"2"}


DIES = """
import os, signal, sys
from pathlib import Path
from reconciler.clients import git_near
git_near.read_ref = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
git_near._move(Path(sys.argv[1]), [git_near.Move("refs/heads/main", sys.argv[2], sys.argv[2])])
"""


def die(bare: Path, tip: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(bare), tip], check=False)
    assert done.returncode == -signal.SIGKILL


async def test_lock_of_one_of_ours_that_died(world: GitWorld) -> None:
    """A push that was killed while it held the remote's ref does not keep the next one waiting."""
    world.write("app/data/a", b"1")
    await world.back_up()
    tip = git(world.bare, "rev-parse", "main").decode().strip()
    die(world.bare, tip)
    assert (world.bare / "refs/heads/main.lock").exists()
    world.write("app/data/a", b"2")
    assert not (await world.back_up()).failures
    assert world.remote_files() == {"app/data/a": b"2"}
    assert not [*world.bare.rglob("*.lock"), *world.bare.glob("tmp_ref_*")]
