"""What is ordered of a target, with real git."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import ReconcileError, Terminal
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

SOAK = os.environ.get("RECONCILER_SOAK") == "1"


@pytest.fixture(params=["path", "http"] if SOAK else ["http"])
def world(request: pytest.FixtureRequest, stack_dir: Path) -> Iterator[GitWorld]:
    with open_world(request.param, stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


async def test_a_backup_now(world: GitWorld) -> None:
    """It is taken whatever the hour, and says what there is of it now."""
    world.write("app/data/a.txt", b"one")
    did: Any = await world.order("backup")
    assert (did["files"], did["bytes"], did["skipped"]) == (1, 3, 0)
    assert did["commit"] == git(world.bare, "rev-parse", "main").decode().strip()
    world.write("app/data/b.txt", b"two")
    did = await world.order("backup")
    assert did["files"] == 2
    assert world.remote_files()["app/data/b.txt"] == b"two"


async def test_a_push_takes_nothing_new(world: GitWorld) -> None:
    """What was taken while the remote was away goes there; what changed since does not."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.reach(reachable=False)
    world.write("app/data/a.txt", b"two")
    assert isinstance(await world.order("backup"), ReconcileError)
    world.write("app/data/a.txt", b"three")
    world.reach(reachable=True)
    did: Any = await world.order("push")
    assert did["changed"]
    assert world.remote_files()["app/data/a.txt"] == b"two"
    did = await world.order("push")
    assert not did["changed"]


async def test_the_log(world: GitWorld) -> None:
    """Versions that touched the target, newest first: when, where, how much, and if pushed."""
    world.targets["more"] = {"repository": "store", "path": "app/more/", "settle": "0s"}
    world.write("app/more/x", b"x")
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.write("app/data/a.txt", b"two")
    world.write("app/data/sp ace\n", b"odd")
    await world.back_up()
    driver = world.drivers["SyncTarget"]
    log = await driver.log("data", 10)
    assert [one["files"] for one in log] == [2, 1]
    assert {one["host"] for one in log} == {"here"}
    assert all(one["pushed"] for one in log)
    assert log[0]["commit"].startswith(log[0]["short"])
    world.reach(reachable=False)
    world.write("app/data/c.txt", b"three")
    await world.order("backup")
    log = await driver.log("data", 10)
    assert [one["pushed"] for one in log] == [False, True, True]
    assert len(await driver.log("data", 1)) == 1


async def test_what_a_backup_lacks_is_told(world: GitWorld) -> None:
    """Who orders one learns what is not in it."""
    key = b"-----BEGIN PRIVATE KEY-----\n" + b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 8
    world.write("app/data/key.pem", key + b"\n-----END PRIVATE KEY-----\n")
    world.write("app/data/a.txt", b"one")
    did: Any = await world.order("backup")
    assert did["lacks"] == 1
    assert "key.pem" in did["notes"][0]
    (world.base / "app/data/key.pem").unlink()
    did = await world.order("backup")
    assert (did["lacks"], did["notes"]) == (0, [])


async def test_the_log_of_a_clash(world: GitWorld) -> None:
    """What clashes is on the remote too, in a branch of its own."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.push_as_other("app/data/a.txt", b"theirs")
    world.write("app/data/a.txt", b"ours")
    await world.order("backup")
    assert await world.health() == ("Degraded", "Conflicted")
    log = await world.drivers["SyncTarget"].log("data", 10)
    assert len(log) > 2
    assert all(one["pushed"] for one in log)


async def test_the_log_of_another_machine(world: GitWorld) -> None:
    """A new machine knows the newest version only, until it asks the remote for older ones."""
    for content in (b"one", b"two", b"three"):
        world.write("app/data/a.txt", content)
        await world.back_up()
    world.wipe()
    world.restart(stack=True)
    import shutil

    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    await world.settle()
    driver = world.drivers["SyncTarget"]
    assert [one["files"] for one in await driver.log("data", 10)] == [None]
    assert len(await driver.log("data", 10, fetch=True)) == 3


async def test_the_files_of_a_version(world: GitWorld) -> None:
    """Paths and sizes of the newest version, or of the one that is named."""
    driver = world.drivers["SyncTarget"]
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    first = (await driver.log("data", 1))[0]["short"]
    world.write("app/data/b b.txt", b"two!")
    await world.back_up()
    found = await driver.files("data", 10)
    assert found["files"] == [
        {"path": "app/data/a.txt", "size": 3, "large": None},
        {"path": "app/data/b b.txt", "size": 4, "large": None},
    ]
    assert (await driver.files("data", 1))["total"] == 2
    assert (await driver.files("data", 10, first))["total"] == 1
    with pytest.raises(Terminal, match="no version"):
        await driver.files("data", 10, "abcdef12")


async def test_large_files_are_listed_by_their_own_size(world: GitWorld) -> None:
    """Git has but a pointer to them, and nobody wants to know how long that is."""
    (world.base / "blobs").mkdir()
    store = {"threshold": "64Ki", "store": "directory", "directory": str(world.base / "blobs")}
    world.targets["data"]["largeFiles"] = store
    world.write("app/data/big", b"x" * 100_000)
    world.write("app/data/small", b"y")
    await world.back_up()
    await world.order("backup")
    driver = world.drivers["SyncTarget"]
    found = (await driver.files("data", 10))["files"]
    assert [(one["path"], one["size"]) for one in found] == [
        ("app/data/big", 100_000),
        ("app/data/small", 1),
    ]
    large = await driver.files("data", 10, large=True)
    assert (large["total"], large["files"]) == (1, [found[0]])
    assert found[0]["large"].keys() == {"sha256", "asset"}


async def test_without_a_remote(world: GitWorld) -> None:
    """Nothing can be ordered where nothing is kept, and that is no fault of the target."""
    world.repository = {"url": "", "base": str(world.base)}
    for verb in ("backup", "push", "pull"):
        said = await world.order(verb)
        assert isinstance(said, ReconcileError)
        assert said.reason == "Disabled"
    assert (await world.vitals())["error"] is None
