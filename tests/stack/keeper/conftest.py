"""A keeper for each test, and nothing of it afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .world import World


@pytest.fixture
def make_world(stack_dir: Path) -> Iterator[Callable[..., World]]:
    """Starts keepers in one stack's folder."""
    worlds: list[World] = []

    def make(**options: str) -> World:
        world = World(stack_dir, **options)
        worlds.append(world)
        world.start()
        return world

    yield make
    for world in worlds:
        if world.process is None:
            continue
        world.process.kill()
        world.process.wait(10)
        while left := world.kin(""):  # what has just begun may still begin another
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A keeper in full mode."""
    return make_world()


@pytest.fixture(params=["full", "plain"])
def any_world(request: pytest.FixtureRequest, make_world: Callable[..., World]) -> World:
    """A keeper with and without patches."""
    return make_world(RECONCILER_KEEPER=request.param)
