"""A look that begins while an edit is being read: as good as a later one, or not used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.test_loop import Bench
from tests.toys import app, running

from reconciler.engine.early import FRESH


class Counted(Bench):
    """A lane over a toy world that counts how often it is looked at."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.looks = 0
        see = self.apps.observe

        async def observe() -> object:
            self.looks += 1
            return await see()

        self.apps.observe = observe  # type: ignore[method-assign, assignment]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Counted]:
    """A lane over a toy world that counts how often it is looked at."""
    made = Counted(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_one_look_serves_the_edit(bench: Counted) -> None:
    """It began after the edit was noticed, so the pass need not look again."""
    bench.lane.expect()
    bench.write(app("web"))
    bench.lane.wake(complete=True)
    await bench.lane.pass_once()
    assert bench.looks == 1
    assert "web-0" in bench.apps.things
    await bench.lane.pass_once()
    assert bench.looks == 2


async def test_news_of_the_world_make_it_worthless(bench: Counted) -> None:
    """What rang the bell may have happened after it."""
    bench.write(app("web"))
    bench.lane.expect()
    bench.apps.things["web-0"] = running()
    bench.lane.wake()
    await bench.lane.pass_once()
    assert bench.looks == 2
    assert bench.apps.done == []


async def test_an_old_one_is_not_used(bench: Counted) -> None:
    """Reading took its time, and the world may have moved."""
    bench.write(app("web"))
    bench.lane.expect()
    bench.clock.time += FRESH
    await bench.lane.pass_once()
    assert bench.looks == 2


async def test_a_kind_of_which_there_is_nothing_is_spared(bench: Counted) -> None:
    """Until an edit wants one."""
    bench.write()
    await bench.lane.pass_once()
    assert bench.looks == 1
    bench.lane.expect()
    await bench.lane.pass_once()
    assert bench.looks == 1
    bench.lane.expect()
    bench.write(app("web"))
    bench.lane.wake(complete=True)
    await bench.lane.pass_once()
    assert bench.looks == 2
    assert "web-0" in bench.apps.things
    bench.lane.expect()
    await bench.lane.pass_once()
    assert bench.looks == 3
