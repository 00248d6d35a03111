"""Many programs at once, under a real keeper: few calls, and each trouble stays its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.kinds.process.world import Stack, web

from reconciler.core.errors import Transient
from reconciler.core.model import Ref
from reconciler.testing.process import running_stack

pytestmark = pytest.mark.real

COUNT = 60
SLEEP = ["/bin/sleep", "1000"]


@pytest.fixture
async def stack(stack_dir: Path) -> AsyncIterator[Stack]:
    """A supervisord with our keeper in it."""
    with running_stack(stack_dir, keeper="full"):
        one = Stack(stack_dir)
        yield one
        await one.rpc.aclose()


async def test_a_wave_is_a_few_calls(stack: Stack) -> None:
    """They come up, change nothing on the next look, and go, in calls for many."""
    every = [web(f"w{n}", command=SLEEP) for n in range(COUNT)]
    await stack.once()
    stack.wire.methods.clear()
    outcome = await stack.once(*every)
    assert not outcome.failures
    assert stack.wire.methods.count("do") <= COUNT / 20
    assert (await stack.once(*every)).plan.in_sync
    seen = await stack.driver.observe()
    assert len({one.vitals["pid"] for one in seen.values() if one.owned}) == COUNT
    stack.wire.methods.clear()
    await stack.go()
    assert stack.wire.methods.count("do") <= 4
    assert not any(one.owned for one in (await stack.driver.observe()).values())
    assert not list((stack.state_dir / "state" / "processes").glob("*.json"))


async def test_what_cannot_be_started_is_alone_in_that(stack: Stack) -> None:
    """A program that is not there fails by itself; it is kept, and not started."""
    good = [web(f"w{n}", command=SLEEP) for n in range(COUNT)]
    bad = [web("bad", command=["/no/such/program"]), web("lost", workingDir="/no/such/folder")]
    failures = (await stack.once(*good, *bad)).failures
    assert failures.keys() == {Ref("Process", "bad-0"), Ref("Process", "lost-0")}
    assert all(isinstance(why, Transient) for why in failures.values())
    seen = await stack.driver.observe()
    assert sum(bool(one.vitals.get("pid")) for one in seen.values() if one.owned) == COUNT
