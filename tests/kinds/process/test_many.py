"""Many programs at once, under a real keeper: few calls, and each trouble stays its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.kinds.process.world import Stack, web

from reconciler.core.errors import Transient, Waiting
from reconciler.core.model import Ref
from reconciler.testing import eventually_async
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


async def test_a_wave_of_changes_is_a_few_calls(stack: Stack) -> None:
    """Each that was edited is another process afterwards, one that cannot start is what it was."""
    await stack.go(*(web(f"w{n}", command=SLEEP) for n in range(COUNT)), web("bad", command=SLEEP))
    before = await _pids(stack)
    edited = [web(f"w{n}", command=[*SLEEP, "1"]) for n in range(COUNT - 1)]
    rest = [web(f"w{COUNT - 1}", command=SLEEP), web("bad", command=["/no/such/program"])]
    stack.wire.methods.clear()
    failures = (await stack.once(*edited, *rest)).failures
    assert {ref for ref, why in failures.items() if not isinstance(why, Waiting)} == {
        Ref("Process", "bad-0")
    }
    assert stack.wire.methods.count("do") <= COUNT / 20
    await eventually_async(lambda: _changed(stack, before, COUNT - 1))
    kept = {name for name, pid in (await _pids(stack)).items() if pid == before[name]}
    assert kept == {f"w{COUNT - 1}-0", "bad-0"}


async def _pids(stack: Stack) -> dict[str, int]:
    """The process of each of ours."""
    seen = await stack.driver.observe()
    return {name: one.vitals["pid"] for name, one in seen.items() if one.owned}


async def _changed(stack: Stack, before: dict[str, int], count: int) -> bool:
    """Whether so many run as another process than before."""
    pids = await _pids(stack)
    return sum(bool(pid) and pid != before[name] for name, pid in pids.items()) == count


async def test_what_cannot_be_started_is_alone_in_that(stack: Stack) -> None:
    """A program that is not there fails by itself; it is kept, and not started."""
    good = [web(f"w{n}", command=SLEEP) for n in range(COUNT)]
    bad = [web("bad", command=["/no/such/program"]), web("lost", workingDir="/no/such/folder")]
    failures = (await stack.once(*good, *bad)).failures
    assert failures.keys() == {Ref("Process", "bad-0"), Ref("Process", "lost-0")}
    assert all(isinstance(why, Transient) for why in failures.values())
    seen = await stack.driver.observe()
    assert sum(bool(one.vitals.get("pid")) for one in seen.values() if one.owned) == COUNT
