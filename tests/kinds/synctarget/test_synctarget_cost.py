"""What a backup costs follows what changed; what it finds is what a look at everything finds."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients import git_tidy
from reconciler.clients.git import Git
from reconciler.core.errors import Transient
from reconciler.kinds.synctarget import sight, take, watch
from reconciler.kinds.synctarget.actions import Backup
from reconciler.kinds.synctarget.scan import Scanner
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

MOST = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
ROUNDS = 400 if os.environ.get("RECONCILER_SOAK") == "1" else 12


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that a backup looked through."""
    seen: list[str] = []
    walk = Scanner._tree

    def tree(self: Scanner, relative: str, path: Path, names: list[str]) -> Any:
        seen.append(relative)
        return walk(self, relative, path, names)

    monkeypatch.setattr(Scanner, "_tree", tree)
    return seen


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The git commands that were run."""
    seen: list[str] = []
    attempt = Git.attempt

    async def run(self: Git, folder: Path, *arguments: str, **how: Any) -> Any:
        seen.append(arguments[0])
        return await attempt(self, folder, *arguments, **how)

    monkeypatch.setattr(Git, "attempt", run)
    return seen


def kept_by_git(world: GitWorld) -> bytes:
    """What git itself would keep of the base, as ``ls-tree -r`` says it."""
    plain = world.folder / "plain.git"
    shutil.rmtree(plain, ignore_errors=True)
    git(world.folder, "init", "--quiet", "--bare", str(plain))
    there = {"GIT_DIR": str(plain), "GIT_WORK_TREE": str(world.base)}
    git(world.base, "add", "-A", environ=there)
    tree = git(world.base, "write-tree", environ=there).decode().strip()
    return git(plain, "ls-tree", "-r", "-z", tree)


async def test_idle_interval_costs_nothing(
    world: GitWorld, listed: list[str], commands: list[str]
) -> None:
    """When nothing changed nothing is looked at, no git is run, nothing is written."""
    world.write("app/data/deep/a", b"one")
    await world.back_up()
    listed.clear()
    commands.clear()
    notes = {path: path.stat().st_mtime_ns for path in world.store.rglob("*") if path.is_file()}
    before = (await world.vitals())["backed"]
    for _ in range(3):
        await world.drivers["SyncTarget"].apply(Backup("data"))
    assert (listed, commands) == ([], [])
    now = {path: path.stat().st_mtime_ns for path in world.store.rglob("*") if path.is_file()}
    assert now == notes
    assert (await world.vitals())["backed"] > before


async def test_one_change_looks_at_one_path(world: GitWorld, listed: list[str]) -> None:
    """Folders beside a changed file are not looked through, in however large a tree."""
    for name in "abc":
        world.write(f"app/data/{name}/{name}", b"x")
    await world.back_up()
    listed.clear()
    world.write("app/data/b/b", b"changed")
    (world.base / "app/data/c/c").unlink()
    await world.back_up()
    assert listed == []
    assert world.remote_files() == {"app/data/a/a": b"x", "app/data/b/b": b"changed"}
    vitals = await world.vitals()
    assert (vitals["files"], vitals["bytes"]) == (2, 8)
    world.write("app/data/new/deep/d", b"whole")
    await world.back_up()
    assert set(listed) == {"new", "new/deep"}


def _change(at: Path, dice: random.Random) -> None:
    """One thing that people and programs do to files."""
    folders = [at, *(path for path in at.rglob("*") if path.is_dir() and not path.is_symlink())]
    files = [path for path in at.rglob("*") if path.is_file() and not path.is_symlink()]
    new = dice.choice(folders) / f"n{dice.randrange(30)}"
    deeds: list[Callable[[], object]] = [
        lambda: new.write_bytes(dice.randbytes(20)) if not new.is_dir() else None,
        lambda: (new / "below").mkdir(parents=True) if not os.path.lexists(new) else None,
        lambda: new.symlink_to("somewhere") if not os.path.lexists(new) else None,
        lambda: shutil.copytree(dice.choice(folders[1:]), at.parent / "spare"),
        lambda: (at.parent / "spare").rename(new) if not os.path.lexists(new) else None,
        lambda: shutil.rmtree(dice.choice(folders[1:])),
        lambda: dice.choice(files).unlink(),
        lambda: dice.choice(files).chmod(dice.choice([0o644, 0o755])),
        lambda: dice.choice(files).replace(dice.choice(files)),
        lambda: dice.choice(folders[1:]).rename(new) if not os.path.lexists(new) else None,
    ]
    try:
        dice.choice(deeds)()
    except (OSError, IndexError, shutil.Error):
        return


async def test_touched_paths_give_what_a_full_look_gives(world: GitWorld) -> None:
    """After any changes the copy is, name by name and mode by mode, what git itself would keep."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    at = world.base / "app" / "data"
    world.write("app/data/first", b"x")
    for _ in range(ROUNDS):
        for _ in range(dice.randrange(6)):
            _change(at, dice)
        shutil.rmtree(at.parent / "spare", ignore_errors=True)
        world.write("app/data/first", dice.randbytes(4))
        await world.back_up()
        assert git(world.bare, "ls-tree", "-r", "-z", "main", "app") == kept_by_git(world), (
            f"seed {seed}"
        )
    files = [path for path in at.rglob("*") if path.is_file() and not path.is_symlink()]
    assert (await world.vitals())["files"] == len(files), f"seed {seed}"


async def test_lost_count_is_made_up(world: GitWorld, listed: list[str]) -> None:
    """When more happens than the kernel notes, everything is looked through once."""
    for name in "ab":
        world.write(f"app/data/{name}", b"x")
    await world.back_up()
    listed.clear()
    for _ in range(MOST // 2 + 10):
        for name in "ab":
            os.utime(world.base / "app/data" / name)
    world.write("app/data/late", b"unnoted")
    await world.back_up()
    assert world.remote_files()["app/data/late"] == b"unnoted"
    assert listed == [""]


async def test_unnoted_change_is_found_by_the_slow_look(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written through a mapping is noted by nobody: the slow look finds it."""
    world.write("app/data/a", b"old!")
    await world.back_up()
    with (world.base / "app/data/a").open("r+b") as file:
        await world.back_up()
        with mmap.mmap(file.fileno(), 4) as mapped:
            mapped[:] = b"new!"
            mapped.flush()
        monkeypatch.setattr(sight, "LOOK_THROUGH", -1.0)
        await world.back_up()
    assert world.remote_files() == {"app/data/a": b"new!"}


async def test_too_many_folders_are_looked_through(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more folders than may be watched backups go on by looking, and the target says so."""
    monkeypatch.setattr(watch, "_share", lambda: 2)
    for name in "abc":
        world.write(f"app/data/{name}/x", b"x")
    await world.back_up()
    world.write("app/data/c/x", b"y")
    await world.back_up()
    assert world.remote_files()["app/data/c/x"] == b"y"
    assert await world.health() == ("Healthy", "Scanning")
    assert "max_user_watches" in (await world.vitals())["watch"]


async def test_too_many_folders_later(world: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that come while the target is watched may be the ones too many."""
    monkeypatch.setattr(watch, "_share", lambda: 3)
    world.write("app/data/x", b"x")
    await world.back_up()
    for name in "abc":
        world.write(f"app/data/{name}/x", b"x")
    await world.back_up()
    world.write("app/data/c/x", b"y")
    await world.back_up()
    assert world.remote_files()["app/data/c/x"] == b"y"
    assert await world.health() == ("Healthy", "Scanning")


async def test_log_of_a_database_touches_the_database(world: GitWorld) -> None:
    """A write that reaches only the write-ahead log is a new version of its database."""
    path = world.base / "app/data/app.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=wal")
        db.execute("CREATE TABLE t (a)")
        await world.back_up()
        main = path.stat().st_mtime_ns
        db.execute("INSERT INTO t VALUES ('in the log')")
        assert path.stat().st_mtime_ns == main
        await world.back_up()
        assert set(world.remote_files()) == {"app/data/app.db"}
        copy = world.folder / "copy.db"
        copy.write_bytes(world.remote_files()["app/data/app.db"])
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT a FROM t").fetchall() == [("in the log",)]


async def test_what_could_not_be_read_is_tried_again(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that kept changing is taken by the next backup, though nobody touches it again."""
    world.write("app/data/a", b"one")
    monkeypatch.setattr(take, "TRIES", 0)
    await world.back_up()
    assert (await world.vitals())["skipped"][0]["reason"] == "Unstable"
    monkeypatch.setattr(take, "TRIES", 3)
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"one"}
    assert not (await world.vitals())["skipped"]


async def test_replaced_folder_is_followed(world: GitWorld) -> None:
    """A folder that was renamed away and back is followed again."""
    world.write("app/data/a", b"one")
    await world.back_up()
    data = world.base / "app/data"
    data.rename(world.base / "app/away")
    (world.base / "app/away").rename(data)
    world.write("app/data/a", b"two")
    await world.back_up()
    world.write("app/data/a", b"three")
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"three"}


async def test_packing_that_fails_is_no_failed_backup(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the remote has is backed up, however long tidying up here takes."""
    attempt, packing = Git.attempt, []

    async def run(self: Git, folder: Path, *arguments: str, **how: Any) -> Any:
        if "gc" in arguments or "repack" in arguments:
            packing.append(how["terms"].deadline)
            raise Transient("took too long", reason="TimedOut")
        return await attempt(self, folder, *arguments, **how)

    monkeypatch.setattr(Git, "attempt", run)
    monkeypatch.setattr(git_tidy, "LOOSE", -1)
    world.write("app/data/a", b"one")
    assert not (await world.back_up()).failures
    assert packing
    assert min(packing) > 600
    assert await world.health() == ("Healthy", "BackedUp")
