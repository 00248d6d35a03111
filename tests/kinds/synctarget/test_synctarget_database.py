"""Databases that are damaged, or that only their own program can read, in the backup."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.kinds.synctarget import take
from reconciler.testing.backup_worlds import GitWorld, open_world


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def database(world: GitWorld, rows: int) -> Path:
    path = world.base / "app" / "data" / "app.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [(f"row {n}",) for n in range(rows)])
        db.commit()
    return path


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)


async def reasons(world: GitWorld) -> dict[str, str]:
    return {one["path"]: one["reason"] for one in (await world.vitals())["skipped"]}


async def test_damage_does_not_take_the_place_of_the_last_good_version(world: GitWorld) -> None:
    """A database that gets damaged is reported, its last good version stays, the rest goes on."""
    path = database(world, 2000)
    await world.back_up()
    good = world.remote_files()["app/data/app.db"]
    damage(path)
    world.write("app/data/a", b"two")
    await world.back_up()
    assert world.remote_files() == {"app/data/app.db": good, "app/data/a": b"two"}
    assert await reasons(world) == {"app.db": "DatabaseDamaged"}
    assert await world.health() == ("Degraded", "Incomplete")
    database(world, 3000)
    await world.back_up()
    assert world.remote_files()["app/data/app.db"] != good
    assert await world.health() == ("Healthy", "BackedUp")


async def test_damage_is_still_said_by_a_new_operator(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no good version is kept as it is; that it was read before does not make it whole."""
    monkeypatch.setattr(take, "RACY", 0.0)
    damage(database(world, 2000))
    world.write("app/data/a", b"one")
    for _ in range(2):
        await world.back_up()
        assert await reasons(world) == {"app.db": "DatabaseDamaged"}
        assert set(world.remote_files()) == {"app/data/app.db", "app/data/a"}
        world.restart(stack=False)


async def test_order_that_only_its_program_knows_is_no_damage(world: GitWorld) -> None:
    """A database sorted by rules of its program cannot be checked here; it is kept all the same."""
    path = database(world, 10)
    for text in ("one", "two"):
        with closing(sqlite3.connect(path)) as db:
            db.create_collation("own", lambda one, other: (one > other) - (one < other))
            db.execute("CREATE TABLE IF NOT EXISTS own (x TEXT COLLATE own)")
            db.execute("CREATE INDEX IF NOT EXISTS ordered ON own (x)")
            db.execute("INSERT INTO own VALUES (?)", (text,))
            db.commit()
        await world.back_up()
        assert text.encode() in world.remote_files()["app/data/app.db"]
        assert await world.health() == ("Healthy", "BackedUp")


async def test_log_that_comes_while_it_is_looked_at_is_not_kept(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log beside a copy of another moment would destroy it when it is opened after a restore."""
    database(world, 10)
    await world.back_up()
    world.write("app/data/app.db-journal", b"began")
    there = os.path.lexists

    def look_too_early(path: Path) -> bool:
        if not path.name.endswith("-journal"):
            return there(path)
        path.write_bytes(b"came right after the look")
        return False

    monkeypatch.setattr(os.path, "lexists", look_too_early)
    await world.back_up()
    assert set(world.remote_files()) == {"app/data/app.db"}
