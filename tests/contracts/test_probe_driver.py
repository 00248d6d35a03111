"""What every driver of Probes must do: the real one, and the fake that stands in for it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import pytest

from reconciler.clients.prober import Prober
from reconciler.core.kind import Driver
from reconciler.core.model import HealthCode, Origin, Ref, Resource
from reconciler.core.verdict import Verdict
from reconciler.kinds.probe import KIND
from reconciler.kinds.probe.actions import Follow, Forget, ProbeAction
from reconciler.kinds.probe.driver import ProbeDriver
from reconciler.kinds.probe.spec import ProbeSpec
from reconciler.kinds.probe.state import Watched, render
from reconciler.testing import eventually_async
from reconciler.testing.probe import FakeProbes

AnyDriver: TypeAlias = Driver[Watched, ProbeAction]


class World:
    """A driver, and the database it looks at."""

    def __init__(self, driver: AnyDriver, begin_anew: Callable[[], AnyDriver]) -> None:
        self.driver = driver
        self.begin_anew = begin_anew
        self.database = socket.create_server(("127.0.0.1", 0))
        self.port = self.database.getsockname()[1]

    def go_away(self) -> None:
        self.database.close()
        if isinstance(self.driver, FakeProbes):
            self.driver.verdicts["db"] = Verdict.FAILURE

    def watched(self, **more: Any) -> Watched:
        said = {"tcp": {"port": self.port}, "period": "100ms", "failureThreshold": 1, **more}
        spec = ProbeSpec.model_validate(said)
        origin = Origin(PurePath("specs/p.yaml"), 1)
        return render(Resource(Ref("Probe", "db"), spec, origin, root=PurePath("/")))

    async def health(self) -> HealthCode:
        return KIND.health((await self.driver.observe())["db"]).code


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, stack_dir: Path) -> AsyncIterator[World]:
    fake, probers = FakeProbes(), []

    def begin() -> AnyDriver:
        if request.param == "fake":
            fake.verdicts["db"] = Verdict.SUCCESS
            return fake
        probers.append(Prober(lambda: None))
        return ProbeDriver(stack_dir / "state" / "probes", probers[-1], os.environ)

    one = World(begin(), begin)
    yield one
    one.database.close()
    for prober in probers:
        await prober.aclose()


async def test_nothing_is_followed_at_first(world: World) -> None:
    """A new stack looks at nothing."""
    assert await world.driver.observe() == {}


async def test_each_action_is_done_once_however_often(world: World) -> None:
    """Also by an operator that was killed right after it."""
    first, second = world.watched(), world.watched(timeout="2s")
    for watched in (first, second):
        for _ in range(2):
            await world.driver.apply(Follow("db", watched))
            world.driver = world.begin_anew()
            seen = await world.driver.observe()
            assert {name: one.state for name, one in seen.items()} == {"db": watched}
            assert seen["db"].owned
    for _ in range(2):
        await world.driver.apply(Forget("db"))
        world.driver = world.begin_anew()
        assert await world.driver.observe() == {}


async def test_the_verdict_is_told(world: World) -> None:
    """Ready while it answers, and only then."""
    await world.driver.apply(Follow("db", world.watched()))

    async def answers() -> bool:
        return await world.health() is HealthCode.HEALTHY

    await eventually_async(answers)
    assert KIND.meets((await world.driver.observe())["db"], "ready")
    world.go_away()

    async def is_gone() -> bool:
        return await world.health() is HealthCode.DEGRADED

    await eventually_async(is_gone)
    assert not KIND.meets((await world.driver.observe())["db"], "ready")
