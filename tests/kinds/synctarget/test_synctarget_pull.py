"""What others changed on the remote comes here, and nothing else is touched."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import ReconcileError, Waiting
from reconciler.kinds.synctarget.actions import Pull, Restore
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

SOAK = os.environ.get("RECONCILER_SOAK") == "1"


@pytest.fixture(params=["path", "http"] if SOAK else ["http"])
def world(request: pytest.FixtureRequest, stack_dir: Path) -> Iterator[GitWorld]:
    with open_world(request.param, stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


async def begin(world: GitWorld, **files: bytes) -> None:
    """These lie here and on the remote."""
    for name, content in files.items():
        world.write(f"app/data/{name}", content)
    await world.back_up()


async def pull(world: GitWorld) -> Any:
    return await world.order("pull")


async def test_what_others_changed_comes_here(world: GitWorld) -> None:
    """New, changed and removed files; what they replace is put aside."""
    await begin(world, a=b"one", b=b"two", c=b"three")
    world.push_as_other("app/data/a", b"theirs")
    world.push_as_other("app/data/new/d", b"new")
    did = await pull(world)
    assert did["pulled"]
    assert world.files() == {
        "app/data/a": b"theirs",
        "app/data/b": b"two",
        "app/data/c": b"three",
        "app/data/new/d": b"new",
    }
    aside = [*(world.folder / "stack" / "state" / "quarantine").rglob("a")]
    assert [one.read_bytes() for one in aside] == [b"one"]
    again = await pull(world)
    assert (again["pulled"], again["notes"]) == (0, ["nothing new on the remote"])
    commits = world.commits()
    await world.back_up()
    assert world.commits() == commits, "what was pulled is not backed up again"
    assert not (await world.vitals())["remoteAhead"]


async def test_what_was_changed_here_is_pushed_first(world: GitWorld) -> None:
    """Both sides have both changes afterwards."""
    await begin(world, a=b"one", b=b"two")
    world.push_as_other("app/data/a", b"theirs")
    world.write("app/data/b", b"ours")
    await pull(world)
    wanted = {"app/data/a": b"theirs", "app/data/b": b"ours"}
    assert world.files() == world.remote_files() == wanted


async def test_what_both_changed_stays_here(world: GitWorld) -> None:
    """The clash stays one, the rest comes; and no later backup writes over theirs."""
    await begin(world, a=b"one", b=b"two")
    world.push_as_other("app/data/a", b"theirs")
    world.push_as_other("app/data/b", b"news")
    world.write("app/data/a", b"ours")
    did = await pull(world)
    assert did["conflict"].startswith("conflict/")
    assert world.files() == {"app/data/a": b"ours", "app/data/b": b"news"}
    world.write("app/data/c", b"later")
    await world.back_up()
    assert world.remote_files()["app/data/a"] == b"theirs"
    assert world.remote_files()["app/data/c"] == b"later"
    assert (await world.health())[1] == "Conflicted"


async def test_an_untouched_file_keeps_its_inode(world: GitWorld) -> None:
    """What others did not change is not written anew, whoever has it open."""
    await begin(world, a=b"one", b=b"two")
    before = (world.base / "app/data/b").stat().st_ino
    world.push_as_other("app/data/a", b"theirs")
    await pull(world)
    assert (world.base / "app/data/b").stat().st_ino == before


async def test_a_folder_that_went_goes(world: GitWorld) -> None:
    """What others deleted goes from here, into the quarantine."""
    await begin(world, a=b"one")
    world.write("app/data/old/x", b"x")
    await world.back_up()
    clone = world.folder / "clone"
    git(world.folder, "clone", "--quiet", str(world.bare), str(clone))
    git(clone, "rm", "--quiet", "app/data/old/x")
    git(clone, "commit", "--quiet", "-m", "without x")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    await pull(world)
    assert world.files() == {"app/data/a": b"one"}
    assert not (world.base / "app/data/old").exists()


async def test_unreachable_is_a_failure(world: GitWorld) -> None:
    """It says so, and nothing rests for it."""
    await begin(world, a=b"one")
    world.push_as_other("app/data/a", b"theirs")
    world.reach(reachable=False)
    assert isinstance(await pull(world), ReconcileError)
    assert world.files() == {"app/data/a": b"one"}
    assert (await world.vitals())["meets"] == ["restored", "started"]


async def test_writers_rest_meanwhile(world: GitWorld) -> None:
    """While files are to be replaced the target is not restored, so that its users stop."""
    await begin(world, a=b"one")
    world.push_as_other("app/data/a", b"theirs")
    driver = world.drivers["SyncTarget"]
    with pytest.raises(Waiting):
        await driver.apply(Pull("data"))
    vitals = await world.vitals()
    assert (vitals["swapping"], vitals["ordered"]) == (True, True)
    world.write("app/data/a2", b"written while they were being stopped")
    await driver.apply(Restore("data"))
    assert world.files()["app/data/a"] == b"theirs"
    assert world.remote_files()["app/data/a2"] == world.files()["app/data/a2"]
    assert (await world.vitals())["meets"] == ["restored", "started"]


async def test_a_killed_pull_goes_on(world: GitWorld) -> None:
    """The next operator finishes it."""
    await begin(world, a=b"one", b=b"two")
    world.push_as_other("app/data/a", b"theirs")
    world.push_as_other("app/data/b", b"theirs")
    with pytest.raises(Waiting):
        await world.drivers["SyncTarget"].apply(Pull("data"))
    (world.base / "app/data/a").unlink()
    world.write("app/data/a", b"theirs")  # one was in place already
    world.restart(stack=False)
    await world.settle()
    assert world.files() == {"app/data/a": b"theirs", "app/data/b": b"theirs"}


async def test_a_database_comes_without_the_old_log(world: GitWorld) -> None:
    """A new database with the log of the old one would be damaged."""
    folder = world.base / "app" / "data"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "x.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE t (v)")
        db.execute("INSERT INTO t VALUES ('ours')")
        db.commit()
        await world.back_up()
        with closing(sqlite3.connect(world.folder / "other.db")) as other:
            other.execute("CREATE TABLE t (v)")
            other.execute("INSERT INTO t VALUES ('theirs')")
            other.commit()
        world.push_as_other("app/data/x.db", (world.folder / "other.db").read_bytes())
        assert (folder / "x.db-wal").exists()
        await pull(world)
    with closing(sqlite3.connect(folder / "x.db")) as db:
        assert db.execute("SELECT v FROM t").fetchall() == [("theirs",)]
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_large_files_come_from_their_store(world: GitWorld) -> None:
    """One that others changed comes whole; one that nobody changed is not touched."""
    (world.base / "blobs").mkdir()
    store = {"threshold": "64Ki", "store": "directory", "directory": str(world.base / "blobs")}
    world.targets["data"]["largeFiles"] = store
    await begin(world, big=b"1" * 100_000, same=b"2" * 100_000, a=b"one")
    await world.order("backup")
    first = world.remote_files()["app/data/big"]
    world.write("app/data/big", b"3" * 100_000)
    await world.order("backup")
    inode = (world.base / "app/data/same").stat().st_ino
    world.push_as_other("app/data/a", b"theirs")
    await pull(world)
    files = world.files()
    assert files["app/data/a"] == b"theirs"
    assert files["app/data/big"] == b"3" * 100_000
    assert (world.base / "app/data/same").stat().st_ino == inode
    assert first != world.remote_files()["app/data/big"]
