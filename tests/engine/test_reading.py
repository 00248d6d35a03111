"""Warnings about the specs come beside everything else, and never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_operator import Whole
from tests.toys import app

from reconciler.core.errors import Transient
from reconciler.core.model import Ref, Resource
from reconciler.core.remark import Remark
from reconciler.specs.load import Snapshot
from reconciler.specs.remarks import Places, Reviewed, as_warnings
from reconciler.specs.tree import Tree
from reconciler.testing import eventually_async
from reconciler.testing.clock import FakeClock


class Odd(Whole):
    """A stack whose apps are odd, and a loader that counts how often it was asked about them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked = 0
        self.broken = False
        loader: Any = self.specs
        loader.review, loader.place = self.review, self.place
        kinds = {name: replace(kind, review=self._say) for name, kind in self.stack.kinds.items()}
        object.__setattr__(self.stack, "kinds", kinds)

    def _say(self, resources: Mapping[Ref, Resource[Any]]) -> Iterator[Remark]:
        return (Remark(ref, f"{ref} is odd") for ref in resources)

    def review(self, snapshot: Snapshot) -> list[Remark]:
        self.asked += 1
        if self.broken:
            raise ZeroDivisionError
        return [*self._say(snapshot.resources)]

    def place(self, snapshot: Snapshot, remarks: list[Remark]) -> Reviewed:
        reader: Any = None
        return as_warnings(remarks, Places(snapshot.resources, Tree("", {}, ""), reader))


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Odd]:
    """A stack whose apps are odd."""
    made = Odd(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_a_warning_is_on_the_resource_and_in_the_whole(odd: Odd) -> None:
    """Worked out once for the specs in use, however often somebody looks."""
    odd.specs.write(app("web"), revision="r1")
    await odd.operator.reload()
    for _ in range(3):
        status = await odd.operator.status()
    assert [one["message"] for one in status["warnings"]] == ["App/web is odd"]
    assert status["resources"][0]["warnings"] == ["App/web is odd"]
    assert (await odd.operator.plan())["warnings"] == status["warnings"]
    assert odd.asked == 1


class Still(FakeClock):
    """Where a second is nothing, and the time of a resync never comes."""

    resting = False

    async def sleep(self, seconds: float) -> None:
        self.resting = seconds >= 30
        await (asyncio.Event().wait() if self.resting else asyncio.sleep(0))


async def test_what_cannot_be_read_is_looked_at_again_soon(odd: Odd) -> None:
    """Whoever finds that out first: it does not wait for the next resync."""
    clock = Still()
    object.__setattr__(odd.stack, "clock", clock)
    reading, following = odd.operator.reading, odd.operator.following
    odd.specs.write(app("web"), revision="r1")
    running = asyncio.create_task(following.run())
    try:
        await eventually_async(lambda: not reading.failed() and clock.resting)
        odd.specs.now = Transient("not a git repository", reason="GitUnreadable")
        await odd.operator.plan()
        assert (await odd.operator.status())["verdict"]["message"] == "not a git repository"
        odd.specs.write(app("web"), revision="r1")
        await eventually_async(lambda: not reading.failed())
        assert (await odd.operator.status())["unknown"] == []
    finally:
        running.cancel()


async def test_a_review_that_fails_hides_nothing_else(odd: Odd) -> None:
    """The status is there without warnings, and nothing is tried again and again."""
    odd.broken = True
    odd.specs.write(app("web"), revision="r1")
    await odd.operator.reload()
    for _ in range(2):
        assert (await odd.operator.status())["warnings"] == []
    assert odd.asked == 1
