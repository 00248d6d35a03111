"""Restore drills: what the remote has is restored and looked at, and what is wrong is named."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.errors import Transient, Waiting
from reconciler.core.status import Told
from reconciler.kinds import synctarget
from reconciler.kinds.synctarget import drill as drills
from reconciler.kinds.synctarget.actions import Verify
from reconciler.kinds.synctarget.sample import choose
from reconciler.testing.backup_worlds import GitWorld
from reconciler.testing.git_server import git


async def drill(world: GitWorld, share: float = 1.0) -> dict[str, Any]:
    """One drill to its end, and what is noted of it."""
    failed = ""
    for _ in range(1000):
        try:
            await world.drivers["SyncTarget"].apply(Verify("data", share))
            break
        except Waiting:
            continue
        except Transient as exc:
            failed = exc.reason
            break
    if not (await world.vitals())["drill"]["ok"]:
        assert failed == "DrillFailed"
    return dict((await world.vitals())["drill"])


async def told(world: GitWorld) -> list[Told]:
    """What the target tells beside what all tell."""
    seen = await world.drivers["SyncTarget"].observe()
    return list(synctarget.KIND.tells(seen["data"]))


def database(world: GitWorld, name: str, rows: int = 2000) -> Path:
    path = world.base / "app" / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [(f"row {n}",) for n in range(rows)])
        db.commit()
    return path


async def test_all_of_it_is_restored_and_looked_at(world: GitWorld) -> None:
    """Every file and database, from the remote; the scratch folder is gone afterwards."""
    database(world, "rows.db")
    world.write("app/data/a", b"one")
    (world.base / "app" / "data" / "link").symlink_to("a")
    await world.back_up()
    found = await drill(world)
    assert (found["ok"], found["files"], found["databases"]) == (True, 3, 1)
    assert found["bytes"] > 10_000
    assert (await told(world))[0][:3] == ("RestoreVerified", True, "Drilled")
    assert not list((world.store / "reconciler" / "scratch").iterdir())
    assert await world.health() == ("Healthy", "BackedUp")


async def test_what_lies_here_proves_nothing(world: GitWorld) -> None:
    """A file that only this machine still has is a failed drill, and its path is named."""
    world.write("app/data/kept", b"kept" * 100)
    world.write("app/data/lost", b"lost" * 100)
    await world.back_up()
    name = git(world.bare, "rev-parse", "main:app/data/lost").decode().strip()
    (world.bare / "objects" / name[:2] / name[2:]).unlink()
    found = await drill(world)
    assert not found["ok"]
    assert found["path"] == "lost"
    assert await world.health() == ("Degraded", "DrillFailed")
    assert (await told(world))[0][:3] == ("RestoreVerified", False, "DrillFailed")


async def test_damaged_database_is_named(world: GitWorld) -> None:
    """A database that cannot be read is found in what is restored, though its bytes are right."""
    path = database(world, "bad.db")
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.unlink()
    world.targets["data"]["snapshot"] = "copy"
    world.write("app/data/bad.db", bytes(content))
    world.write("app/data/good", b"fine")
    await world.back_up()
    found = await drill(world)
    assert (found["ok"], found["path"]) == (False, "bad.db")
    assert await world.health() == ("Degraded", "DrillFailed")
    (world.base / "app" / "data" / "bad.db").unlink()
    await world.back_up()
    assert (await drill(world))["ok"]
    assert await world.health() == ("Healthy", "BackedUp")


async def test_a_remote_that_is_away_proves_nothing(world: GitWorld) -> None:
    """It is tried again later; the last verdict stays, and the backup is not worse for it."""
    world.write("app/data/a", b"one")
    await world.back_up()
    before = await drill(world)
    world.reach(reachable=False)
    with pytest.raises(Waiting):
        await world.drivers["SyncTarget"].apply(Verify("data", 1.0))
    with pytest.raises(Transient):  # somebody waits for the answer
        await world.drivers["SyncTarget"].apply(Verify("data", 1.0, by_hand=True))
    after = dict((await world.vitals())["drill"])
    assert after.pop("tried") is not None
    assert after == {name: value for name, value in before.items() if name != "tried"}
    assert (await world.vitals())["error"] is None


async def test_hours_survive_the_operator(world: GitWorld) -> None:
    """When it is due next is known to a new operator; other hours begin anew."""
    world.targets["data"]["verify"] = {"schedule": "0 5 * * 0"}
    world.write("app/data/a", b"one")
    await world.back_up()
    armed = (await world.vitals())["drill"]["since"]
    assert (await told(world))[0][:3] == ("RestoreVerified", None, "NotDrilled")
    world.restart(stack=False)
    await world.settle()
    assert (await world.vitals())["drill"]["since"] == armed
    world.targets["data"]["verify"] = {"schedule": "0 6 * * 0"}
    await world.settle()
    assert (await world.vitals())["drill"]["since"] > armed


async def test_works_in_slices(world: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turn between two files, and each is looked at once."""
    monkeypatch.setattr(drills, "SLICE", -1.0)
    for number in range(5):
        world.write(f"app/data/{number}", b"x" * number)
    await world.back_up()
    assert (await drill(world))["files"] == 5


async def test_file_target_is_drilled(world: GitWorld) -> None:
    """A single file is restored as one."""
    world.targets = {"data": {"repository": "store", "path": "app/one.txt", "settle": "0s"}}
    world.write("app/one.txt", b"one")
    await world.back_up()
    found = await drill(world, 0.05)
    assert (found["ok"], found["files"]) == (True, 1)


@given(st.sets(st.text(min_size=1, max_size=5), min_size=1, max_size=40), st.floats(0.01, 1.0))
def test_some_drills_look_at_everything(paths: set[str], share: float) -> None:
    """Each takes up where the last one ended; so many as the share asks for have seen all."""
    count, last, seen = math.ceil(share * len(paths)), "", set[str]()
    for _ in range(math.ceil(len(paths) / count)):
        chosen, last = choose(paths, count, last)
        assert len(set(chosen)) == len(chosen) == count
        seen |= set(chosen)
    assert seen == paths
