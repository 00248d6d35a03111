"""Restores that a person asks for: any version, any paths, in place or elsewhere."""

from __future__ import annotations

import asyncio
import os
import random
import stat
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import ReconcileError, Terminal, Waiting
from reconciler.kinds.synctarget import KIND, safety, staging, swap
from reconciler.kinds.synctarget.actions import Accept
from reconciler.kinds.synctarget.moments import parse_moment
from reconciler.testing.backup_world import written
from reconciler.testing.backup_worlds import GitWorld
from reconciler.testing.git_server import git

KILLS = 200 if os.environ.get("RECONCILER_SOAK") == "1" else 2

OPERATOR = """
import asyncio, sys
from pathlib import Path
from reconciler.core.errors import Waiting
from reconciler.testing.backup_worlds import GitWorld

async def main():
    world = GitWorld(Path(sys.argv[1]), None)
    print("ready", flush=True)
    while True:
        try:
            await world.order("restore", at=sys.argv[2])
            return
        except Waiting:
            continue

asyncio.run(main())
"""


async def restore(world: GitWorld, **arguments: Any) -> Mapping[str, Any]:
    """An order to its end: what it did. Raises what it failed with."""
    for _ in range(20):
        try:
            ended = await world.order("restore", **arguments)
        except Waiting:
            continue
        if isinstance(ended, ReconcileError):
            raise ended
        return ended
    raise AssertionError("it waits for ever")


async def versions(world: GitWorld) -> tuple[str, str]:
    """Two versions of some files; the ids of both commits."""
    world.write("app/data/a", b"old")
    world.write("app/data/sub/b", b"old b")
    await world.back_up()
    first = git(world.bare, "rev-parse", "main").decode().strip()
    world.write("app/data/a", b"new")
    world.write("app/data/c", b"only new")
    await world.back_up()
    return first, git(world.bare, "rev-parse", "main").decode().strip()


async def test_an_old_version_comes_back_and_becomes_the_newest(world: GitWorld) -> None:
    """All of it; what was here is a version too, and the next backup publishes the old state."""
    first, second = await versions(world)
    world.write("app/data/d", b"never backed up")
    did = await restore(world, at=first[:10])
    assert world.files() == {"app/data/a": b"old", "app/data/sub/b": b"old b"}
    assert did["commit"] == first
    await world.back_up()
    assert world.remote_files() == world.files()
    parents = git(world.bare, "log", "--format=%H", "main").decode().split()
    assert parents[1:] == [second, first]
    await restore(world, at=did["safety"])
    assert world.files() == {
        "app/data/a": b"new",
        "app/data/sub/b": b"old b",
        "app/data/c": b"only new",
        "app/data/d": b"never backed up",
    }
    assert (Path(did["putAside"]) / "d").read_bytes() == b"never backed up"


async def test_some_paths_leave_the_others_alone(world: GitWorld) -> None:
    """A file and a folder come back; what else was changed or made since stays."""
    first, _ = await versions(world)
    world.write("app/data/sub/b", b"newer b")
    world.write("app/data/sub/more", b"more")
    await restore(world, at=first, paths=["sub/"])
    assert world.files() == {
        "app/data/a": b"new",
        "app/data/c": b"only new",
        "app/data/sub/b": b"old b",
    }
    await restore(world, at="safety/last", paths=["sub/more"])
    assert world.files()["app/data/sub/more"] == b"more"
    with pytest.raises(Terminal, match="has no nothing"):
        await restore(world, at=first, paths=["nothing"])


async def test_elsewhere_touches_nothing_live(world: GitWorld) -> None:
    """Into a new folder, with permissions; a folder that holds something is refused."""
    world.write("app/data/run", b"#!/bin/sh\n")
    (world.base / "app" / "data" / "run").chmod(0o750)
    first, _ = await versions(world)
    before, to = world.files(), world.folder / "look here"
    did = await restore(world, at=first, to=str(to))
    found = {str(p.relative_to(to)): p.read_bytes() for p in to.rglob("*") if p.is_file()}
    assert found == {"a": b"old", "sub/b": b"old b", "run": b"#!/bin/sh\n"}
    assert stat.S_IMODE((to / "run").stat().st_mode) == 0o750
    assert did["files"] == 3
    assert world.files() == before
    assert (await world.vitals())["meets"]
    for wrong in (to, world.base / "app" / "data" / "x", world.folder / "stack" / "x"):
        with pytest.raises(Terminal):
            await restore(world, to=str(wrong))


async def test_nobody_writes_meanwhile(near: GitWorld) -> None:
    """Once all is here it is no longer restored, until it was put in place; not before that."""
    first, _ = await versions(near)
    order = KIND.obeys["restore"].actions(
        written("SyncTarget", "data", near.targets["data"]), {"at": first}
    )
    driver = near.drivers["SyncTarget"]
    with pytest.raises(Waiting):
        await driver.apply(order[0])
    seen = (await driver.observe())["data"]
    assert (seen.state.restored, seen.state.staged) == (False, True)
    assert not seen.vitals["meets"]
    assert seen.vitals["swapping"]
    assert seen.vitals["ordered"]
    assert near.files()["app/data/a"] == b"new"
    near.restart(stack=True)  # whatever ends in between, what was asked for is done
    await near.settle()
    assert near.files()["app/data/a"] == b"old"
    did = await near.drivers["SyncTarget"].apply(order[0])
    assert did["commit"] == first
    assert (await near.vitals())["meets"]


async def test_killed_in_the_swap(near: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The safety snapshot is taken once, of what lay there before; and the swap is finished."""
    first, _ = await versions(near)
    into = swap.Swap._into_place

    def die(self: Any, *arguments: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(swap.Swap, "_into_place", die)
    for _ in range(2):
        with pytest.raises(ReconcileError):
            await restore(near, at=first)
    monkeypatch.setattr(swap.Swap, "_into_place", into)
    near.restart(stack=False)
    did = await restore(near, at=first)
    assert near.files() == {"app/data/a": b"old", "app/data/sub/b": b"old b"}
    await restore(near, at=did["safety"])
    assert near.files()["app/data/a"] == b"new"


async def test_snapshots_do_not_pile_up(near: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay; and elsewhere is written in slices as well."""
    monkeypatch.setattr(safety, "KEPT", 2)
    first, second = await versions(near)
    for moment, at in enumerate((first, second, first, second)):
        stamp = f"20260101-00000{moment}"
        monkeypatch.setattr(safety.time, "strftime", lambda *_, stamp=stamp: stamp)
        await restore(near, at=at)
    refs = git(near.store, "--git-dir", str(near.store), "for-each-ref", "--format=%(refname)")
    found = [one for one in refs.decode().split() if "/safety-" in one]
    assert [one[-1] for one in found] == ["2", "3"]
    monkeypatch.setattr(staging, "SLICE", -1.0)
    did = await restore(near, at=first, to=str(near.folder / "slow"))
    assert (near.folder / "slow" / "sub" / "b").read_bytes() == b"old b"
    assert did["files"] == 2


async def test_snapshots_of_one_second(near: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two restores within a second keep both of what lay there; the same again is kept once."""
    monkeypatch.setattr(safety.time, "strftime", lambda *_: "20260101-000000")
    near.write("app/data/a", b"one")
    await near.back_up()
    told = []
    for content in (b"two", b"three", b"three"):
        near.write("app/data/a", content)
        told.append((await restore(near))["safety"])
        assert near.files() == {"app/data/a": b"one"}
    assert len({*told}) == 2
    for name, content in zip(told, (b"two", b"three", b"three"), strict=True):
        await restore(near, at=name)
        assert near.files() == {"app/data/a": content}


async def test_what_is_held_twice_goes_first(
    near: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restores of the same again and again do not push out the one snapshot that matters."""
    monkeypatch.setattr(safety, "KEPT", 3)
    near.write("app/data/a", b"one")
    await near.back_up()
    near.write("app/data/a", b"precious")
    first = (await restore(near))["safety"]
    for number in range(6):
        near.write("app/data/a", b"even" if number % 2 else b"odd")
        await restore(near)
    await restore(near, at=first)
    assert near.files() == {"app/data/a": b"precious"}


@pytest.mark.timeout(600)
def test_killed_at_any_moment(near: GitWorld) -> None:
    """However often, what was asked for is done in the end, and what was there can be had again."""
    for number in range(200):
        near.write(f"app/data/{number % 5}/{number}", f"old {number}".encode() * 100)
    asyncio.run(near.back_up())
    old, first = near.files(), git(near.bare, "rev-parse", "main").decode().strip()
    for number in range(0, 200, 2):
        near.write(f"app/data/{number % 5}/{number}", b"new")
    near.write("app/data/more", b"more")
    asyncio.run(near.back_up())
    new, dice = near.files(), random.Random()
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", OPERATOR, str(near.folder), first], stdout=subprocess.PIPE
        ) as operator:
            assert operator.stdout is not None
            assert operator.stdout.readline() == b"ready\n"
            try:
                operator.wait(dice.uniform(0.0, 0.5))
            except subprocess.TimeoutExpired:
                operator.kill()
            operator.wait()
    near.restart(stack=False)
    asyncio.run(restore(near, at=first))
    assert near.files() == old
    refs = git(near.store, "--git-dir", str(near.store), "for-each-ref", "--format=%(refname)")
    names = [one for one in refs.decode().split() if "/kept/data/safety-" in one]
    assert any(_files_of(near, name) == new for name in names)
    asyncio.run(near.look(due=True))
    assert near.remote_files() == old


def _files_of(world: GitWorld, ref: str) -> dict[str, bytes]:
    """What a snapshot in the local git folder holds."""
    to = world.folder / "look" / ref.rpartition("/")[2]
    to.mkdir(parents=True, exist_ok=True)
    archive = git(world.store, "--git-dir", str(world.store), "archive", ref, "app")
    subprocess.run(["tar", "-x", "-C", str(to)], input=archive, check=True)
    return {str(p.relative_to(to)): p.read_bytes() for p in to.rglob("*") if p.is_file()}


async def test_versions_by_time(world: GitWorld) -> None:
    """A moment means the newest version that was there then, also one the remote alone has."""
    then = "2020-01-01T00:00:00Z"
    early = {"GIT_COMMITTER_DATE": then, "GIT_AUTHOR_DATE": then}
    tree = world.folder / "early"
    git(world.folder, "init", "--quiet", "--initial-branch=main", str(tree))
    (tree / "app" / "data").mkdir(parents=True)
    (tree / "app" / "data" / "a").write_bytes(b"of 2020")
    git(tree, "add", "-A", environ=early)
    git(tree, "commit", "--quiet", "-m", "early", environ=early)
    git(tree, "push", "--quiet", str(world.bare), "main", environ=early)
    await world.settle()
    world.write("app/data/a", b"of today")
    await world.back_up()
    await restore(world, at="2021-06-01")
    assert world.files()["app/data/a"] == b"of 2020"
    for wrong in ("2019-06-01", "deadbeef", "no idea", "safety/no"):
        with pytest.raises(Terminal):
            await restore(world, at=wrong)
    assert await world.health() != ("Degraded", "NotFound")


async def test_accept_ends_the_wait(near: GitWorld) -> None:
    """What lies there is the truth because a person said so: it is backed up, nothing is lost."""
    near.push_as_other("app/data/a", b"precious")
    near.push_as_other("app/data/b", b"only there")
    near.write("app/data/a", b"mine")
    near.reach(reachable=False)
    await near.settle()
    assert not (await near.vitals())["meets"]
    await near.drivers["SyncTarget"].apply(Accept("data"))
    assert (await near.vitals())["meets"]
    near.reach(reachable=True)
    await near.back_up()
    assert near.files() == {"app/data/a": b"mine"}
    assert near.remote_files() == {"app/data/a": b"precious", "app/data/b": b"only there"}
    (beside,) = [one for one in near.remote_branches() if one.startswith("conflict/")]
    assert near.remote_files(beside)["app/data/a"] == b"mine"


async def test_offline_what_was_taken_here_comes_back(near: GitWorld) -> None:
    """While the remote is away a version that is here can be restored all the same."""
    first, _ = await versions(near)
    near.reach(reachable=False)
    await restore(near, at=first)
    assert near.files()["app/data/a"] == b"old"
    with pytest.raises(ReconcileError):
        await restore(near)


@pytest.mark.parametrize(
    "arguments",
    [
        {"at": "-x"},
        {"to": "relative"},
        {"paths": ["../x"]},
        {"paths": ["/etc"]},
        {"paths": "a"},
        {"more": 1},
        {"at": 5},
    ],
)
def test_orders_without_sense_are_refused(arguments: dict[str, Any]) -> None:
    """Before anything is done."""
    one = written("SyncTarget", "data", {"repository": "store", "path": "a/"})
    with pytest.raises(ValueError, match=r"must|takes|relative"):
        KIND.obeys["restore"].actions(one, arguments)


NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 days ago", "2026-11-18T12:00:00+00:00"),
        ("90m", "2026-11-20T10:30:00+00:00"),
        ("1 week ago", "2026-11-13T12:00:00+00:00"),
        ("2026-11-19", "2026-11-19T23:59:59.999999+00:00"),
        ("yesterday", "2026-11-19T23:59:59.999999+00:00"),
        ("2026-11-19 08:30", "2026-11-19T08:30:00+00:00"),
        ("2026-11-19T08:30:00+02:00", "2026-11-19T06:30:00+00:00"),
        ("now", "2026-11-20T12:00:00+00:00"),
        ("2026-13-40", None),
        ("main", None),
        ("999999 weeks ago", None),
    ],
)
def test_moments(text: str, expected: str | None) -> None:
    """As people write them; a day is its end."""
    wanted = datetime.fromisoformat(expected).timestamp() if expected else None
    assert parse_moment(text, NOW) == wanted
