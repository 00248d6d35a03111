"""What is read while an edit goes on, for the read that comes when it is complete."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.errors import Transient
from reconciler.engine.reading import Reading
from reconciler.specs.snapshot import Snapshot
from reconciler.testing import eventually_async


class Disk:
    """Files, and a loader that looks only where it is told that something happened."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.known: dict[str, int] = {}
        self.fails = 0
        self.loads = 0
        self.threads: set[int] = set()
        self.brief = False

    def write(self, name: str, value: int) -> None:
        """Put ``value`` there; 0 takes the file away."""
        self.files.pop(name, None)
        if value:
            self.files[name] = value

    def load(self, touched: Collection[str] | None = None) -> Snapshot:
        """As the real one."""
        self.loads += 1
        self.threads.add(threading.get_ident())
        if self.fails:
            self.fails -= 1
            raise Transient("the disk is busy", reason="Busy")
        for name in self.files.keys() | self.known.keys() if touched is None else touched:
            self.known.pop(name, None)
            if name in self.files:
                self.known[name] = self.files[name]
        return Snapshot(str(sorted(self.known.items())), {})

    def is_brief(self, _touched: Collection[str]) -> bool:
        """As it is set."""
        return self.brief

    def outside(self) -> frozenset[Path]:
        """None."""
        return frozenset()


class Ledger:
    """What was taken in last."""

    snapshot: Snapshot | None = None

    def take_snapshot(self, snapshot: Snapshot) -> bool:
        """Whether it is another one."""
        before, self.snapshot = self.snapshot, snapshot
        return before is None or before.revision != snapshot.revision


class Stack:
    """The little of it that reading needs."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.confirmation = SimpleNamespace(covers=bool)  # every revision is confirmed


def _reading(disk: Any) -> Reading:
    stack: Any = Stack()
    return Reading(stack, disk)


notes = st.tuples(st.just("note"), st.sampled_from("abc"), st.integers(0, 3))
steps = st.one_of(
    notes,
    st.tuples(st.sampled_from(["turn", "fail", "beside", "full", "end"]), st.just(""), st.just(0)),
)


@given(st.lists(steps, max_size=25), st.booleans())
def test_nothing_that_was_noted_is_missed(script: list[tuple[str, str, int]], brief: bool) -> None:
    """However parts of edits, reads of others and failures follow each other, brief or not."""
    asyncio.run(_play(script, brief=brief))


async def _play(script: list[tuple[str, str, int]], *, brief: bool) -> None:
    disk = Disk()
    disk.brief = brief
    reading = _reading(disk)
    burst: set[str] = set()
    for verb, name, value in [*script, ("end", "", 0)]:
        match verb:
            case "note":
                disk.write(name, value)
                burst.add(name)
                reading.read_ahead({name})
            case "turn":
                await asyncio.sleep(0.0005)
            case "fail":
                disk.fails = 1
            case "beside" | "full":
                await reading.read(() if verb == "beside" else None)
            case _:
                await _end(reading, disk, frozenset(burst))
                burst.clear()


async def _end(reading: Reading, disk: Disk, burst: frozenset[str]) -> None:
    """The edit is complete: what is known now is what is on the disk."""
    await reading.read_noted(burst)
    if reading.error:  # then everything is looked at, as the operator does
        await reading.read()
    ledger: Any = reading.stack.ledger
    assert disk.known == disk.files
    assert ledger.snapshot.revision == str(sorted(disk.files.items()))


async def test_what_was_read_ahead_is_not_read_again() -> None:
    """The read that comes then takes it as it is."""
    disk = Disk()
    reading = _reading(disk)
    disk.files["a"] = 1
    reading.read_ahead({"a"})
    assert reading.is_ahead
    await eventually_async(lambda: disk.loads)
    assert await reading.read_noted({"a"})
    assert disk.loads == 1
    assert not reading.is_ahead
    assert not await reading.read_noted({"a"})  # nothing was noted since, but nothing was kept
    assert disk.loads == 2


async def test_when_count_is_lost_all_is_read() -> None:
    """What was read ahead is not everything then."""
    disk = Disk()
    reading = _reading(disk)
    disk.files |= {"a": 1, "b": 2}
    reading.read_ahead({"a"})
    await reading.read_noted(None)
    assert disk.known == disk.files


@pytest.mark.parametrize("brief", [True, False])
async def test_only_what_is_brief_is_read_without_a_thread(brief: bool) -> None:
    """What may take a while keeps nobody else from being answered."""
    disk = Disk()
    disk.brief = brief
    reading = _reading(disk)
    reading.read_ahead({"a"})
    await eventually_async(lambda: disk.loads)
    await reading.read({"a"})
    assert (disk.threads == {threading.get_ident()}) is brief
    disk.threads.clear()
    await reading.read()
    assert threading.get_ident() not in disk.threads
