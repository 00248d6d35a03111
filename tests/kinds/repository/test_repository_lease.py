"""Two machines on one repository: one writes, the other says that it may not, and loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.git_folder import GitFolder
from reconciler.clients.git_remote import Remote
from reconciler.core.errors import Transient
from reconciler.core.model import Ref
from reconciler.kinds import repository
from reconciler.testing.backup_worlds import GitWorld
from reconciler.testing.git_server import Desk, git, serving

DATA = Ref("SyncTarget", "data")
LEASE = "refs/reconciler/lease/main"


@pytest.fixture
def worlds(request: pytest.FixtureRequest, stack_dir: Path) -> Iterator[tuple[GitWorld, GitWorld]]:
    """Two machines with one remote."""
    for name in ("one", "two"):
        (stack_dir / name).mkdir()
    with serving(Desk(stack_dir)) as server:
        first = GitWorld(
            stack_dir / "one", server if getattr(request, "param", "") == "http" else None
        )
        second = GitWorld(stack_dir / "two", None)
        second.bare, second.repository = first.bare, {**first.repository, "base": str(second.base)}
        yield first, second
        first.records.close()
        second.records.close()


def held_by(world: GitWorld) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(git(world.bare, "cat-file", "-p", LEASE))
    return told


def folder_of(world: GitWorld) -> GitFolder:
    found: GitFolder = world.drivers["SyncTarget"]._folders.open("store")
    return found


def age(world: GitWorld, **seconds: float) -> None:
    """As if what a lease note tells had been so many seconds earlier."""
    folder = folder_of(world)
    note = folder.read("lease")
    folder.write("lease", {**note, **{name: note[name] - by for name, by in seconds.items()}})


async def health(world: GitWorld) -> tuple[str, str]:
    seen = await world.drivers["Repository"].observe()
    judged = repository.KIND.health(seen["store"])
    return judged.code.value, judged.reason


@pytest.mark.parametrize("worlds", ["path", "http"], indirect=True)
async def test_second_machine_becomes_read_only(worlds: tuple[GitWorld, GitWorld]) -> None:
    """It restores, takes copies, pushes nothing and says why; the first goes on undisturbed."""
    one, two = worlds
    one.write("app/data/a", b"1")
    await one.back_up()
    await two.settle()
    assert two.files() == {"app/data/a": b"1"}
    two.write("app/data/a", b"of the second")
    outcome = await two.back_up()
    assert isinstance(outcome.failures[DATA], Transient)
    assert outcome.failures[DATA].reason == "ReadOnly"
    assert one.repository["url"] in str(outcome.failures[DATA])
    assert (await two.health(), await health(two)) == (("Degraded", "ReadOnly"),) * 2
    assert (await two.vitals())["unpushed"] == 1
    one.write("app/data/a", b"2")
    await one.back_up()
    assert one.remote_files() == {"app/data/a": b"2"}
    assert one.remote_branches() == ["main"]
    assert await one.health() == ("Healthy", "BackedUp")


@pytest.mark.parametrize("worlds", ["path", "http"], indirect=True)
async def test_machine_that_fell_silent_is_replaced(worlds: tuple[GitWorld, GitWorld]) -> None:
    """After its time a lease is anybody's; the one that lost it stops, and neither loses a file."""
    one, two = worlds
    one.write("app/data/a", b"1")
    await one.back_up()
    await two.settle()
    two.write("app/data/b", b"of the second")
    await two.back_up()
    age(two, since=1000)
    await two.back_up()
    assert two.remote_files() == {"app/data/a": b"1", "app/data/b": b"of the second"}
    one.write("app/data/c", b"of the first")
    outcome = await one.back_up()
    assert outcome.failures[DATA].reason == "ReadOnly"
    assert "app/data/c" not in one.remote_files()
    await Remote(folder_of(two), folder_of(two).demand_settings()).leave()
    await one.back_up()
    assert set(one.remote_files()) == {"app/data/a", "app/data/b", "app/data/c"}


async def test_new_start_of_the_same_stack_takes_over_at_once(
    worlds: tuple[GitWorld, GitWorld],
) -> None:
    """A stack that was killed and started anew does not wait for its own lease."""
    one, _ = worlds
    one.write("app/data/a", b"1")
    await one.back_up()
    before = held_by(one)
    one.restart(stack=True)
    one.write("app/data/a", b"2")
    await one.back_up()
    assert one.remote_files() == {"app/data/a": b"2"}
    now = held_by(one)
    assert now["holder"] == before["holder"]
    assert now["start"] != before["start"]


async def test_named_stack_takes_over_from_another_machine(
    worlds: tuple[GitWorld, GitWorld],
) -> None:
    """With a name of its own a stack is the same on any machine; the old one stops."""
    one, two = worlds
    for world in worlds:
        world.repository["lease"] = {"holder": "bot"}
    one.write("app/data/a", b"1")
    await one.back_up()
    two.write("app/data/a", b"default")
    await two.back_up()
    two.write("app/data/a", b"2")
    await two.back_up()
    assert two.remote_files() == {"app/data/a": b"2"}
    one.write("app/data/a", b"too late")
    for _ in range(2):
        outcome = await one.back_up()
        assert outcome.failures[DATA].reason == "ReadOnly"
    assert two.remote_files() == {"app/data/a": b"2"}


async def test_lease_is_renewed_in_time(worlds: tuple[GitWorld, GitWorld]) -> None:
    """A stack with nothing to push says now and then that it is still there, and not more often."""
    one, two = worlds
    one.write("app/data/a", b"1")
    await one.back_up()
    first = git(one.bare, "rev-parse", LEASE)
    await one.look(due=True)
    assert git(one.bare, "rev-parse", LEASE) == first
    age(one, renewed=400)
    await one.look(due=True)
    assert git(one.bare, "rev-parse", LEASE) != first
    await two.settle()
    two.write("app/data/b", b"x")
    assert (await two.back_up()).failures[DATA].reason == "ReadOnly"


@pytest.mark.parametrize("how", ["hidden", "hook", "not atomic"])
async def test_remote_that_takes_no_leases(worlds: tuple[GitWorld, GitWorld], how: str) -> None:
    """A host that allows no refs of ours gets backups all the same."""
    one, _ = worlds
    if how == "hidden":
        git(one.bare, "config", "receive.hideRefs", "refs/reconciler")
    elif how == "not atomic":
        git(one.bare, "config", "receive.advertiseAtomic", "false")
    else:
        hook = one.bare / "hooks" / "update"
        hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/*) exit 0;; esac\nexit 1\n')
        hook.chmod(0o755)
    one.write("app/data/a", b"1")
    for content in (b"1", b"2"):
        one.write("app/data/a", content)
        assert not (await one.back_up()).failures
        assert one.remote_files() == {"app/data/a": content}


async def test_without_a_lease_everybody_writes(worlds: tuple[GitWorld, GitWorld]) -> None:
    """With a ttl of 0s nothing is noted on the remote."""
    one, two = worlds
    for world in worlds:
        world.repository["lease"] = {"ttl": "0s"}
    one.write("app/data/a", b"1")
    await one.back_up()
    await two.settle()
    two.write("app/data/b", b"2")
    await two.back_up()
    assert two.remote_files() == {"app/data/a": b"1", "app/data/b": b"2"}
    assert git(one.bare, "for-each-ref", "refs/reconciler") == b""


NEVER = b'{"holder": "x", "start": "y", "host": "z", "lasts": NaN}'
FAR = b'{"holder": "x", "start": "y", "host": "z", "lasts": 1e400, "count": 1e400}'


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"lasts": 1e9}', b"\xff" * 9000, NEVER, FAR]
)
async def test_lease_that_nobody_can_read_runs_out(
    worlds: tuple[GitWorld, GitWorld], content: bytes
) -> None:
    """A note of whatever content holds us up for a time, never for ever."""
    one, _ = worlds
    (one.folder / "note").write_bytes(content)
    name = git(one.bare, "hash-object", "-w", str(one.folder / "note")).decode().strip()
    git(one.bare, "update-ref", LEASE, name)
    one.write("app/data/a", b"1")
    assert (await one.back_up()).failures[DATA].reason == "ReadOnly"
    age(one, since=90_000)
    await one.back_up()
    assert one.remote_files() == {"app/data/a": b"1"}
    assert held_by(one)["at"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
