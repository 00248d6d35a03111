"""The end of a stack: what is pending is brought to safety, or named; and the end comes in time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from reconciler.core.model import Ref
from reconciler.engine.clock import SystemClock
from reconciler.engine.journal import Journal
from reconciler.engine.look import Stack
from reconciler.engine.parting import part
from reconciler.testing.backup_world import KINDS, MemoryWorld

DATA = Ref("SyncTarget", "data")


class Hangs:
    """A driver whose remote never answers."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def observe(self) -> Any:
        return await self._driver.observe()

    async def apply(self, _: Any) -> None:
        await asyncio.Event().wait()


def stack_of(world: MemoryWorld, folder: Path, *, read: bool = True) -> Stack:
    ledger = SimpleNamespace(
        snapshot=object() if read else None,
        desired=world.desired(),
        journal=Journal(folder / "journal.db"),
    )
    found = SimpleNamespace(kinds=KINDS, drivers=world.drivers, ledger=ledger, clock=SystemClock())
    return cast("Stack", found)


async def test_pending_is_pushed(tmp_path: Path) -> None:
    """What was written since the last backup is on the remote when the stack is gone."""
    world = MemoryWorld()
    await world.settle()
    world.write("app/data/a", b"last words")
    assert await part(stack_of(world, tmp_path)) == []
    assert world.remote_files() == {"app/data/a": b"last words"}


async def test_what_could_not_be_pushed_is_told(tmp_path: Path) -> None:
    """The event says it, with the reason; nothing is claimed."""
    world = MemoryWorld()
    await world.settle()
    world.write("app/data/a", b"last words")
    world.reach(reachable=False)
    stack = stack_of(world, tmp_path)
    (left,) = await part(stack)
    assert (left.ref, left.reason) == (DATA, "RemoteUnreachable")
    (event,) = [row for row in stack.ledger.journal.events(10) if "NotPushed" in map(str, row)]
    assert "RemoteUnreachable" in str(event)


async def test_the_end_comes_in_time(tmp_path: Path) -> None:
    """A remote that never answers is given up, and what it did not get is told."""
    world = MemoryWorld()
    await world.settle()
    world.drivers["SyncTarget"] = Hangs(world.drivers["SyncTarget"])
    (left,) = await part(stack_of(world, tmp_path), 0.2)
    assert (left.ref, left.reason) == (DATA, "OutOfTime")


async def test_nothing_is_pushed_before_it_is_restored(tmp_path: Path) -> None:
    """A stack that is stopped while it waits for its restore leaves the backup as it is."""
    world = MemoryWorld()
    world.push_as_other("app/data/a", b"precious")
    world.reach(reachable=False)
    await world.settle()
    world.write("app/data/a", b"default")
    world.reach(reachable=True)
    assert await part(stack_of(world, tmp_path)) == []
    assert world.remote_files() == {"app/data/a": b"precious"}
    assert await part(stack_of(world, tmp_path, read=False)) == []
