from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.stack.kernel import children
from reconciler.testing import eventually

from .world import World

pytestmark = pytest.mark.real

SCRIPTS = (
    "exec sleep 1000",
    "exit 1",
    "exit 0",
    "sleep 0.05; exit 2",
    "setsid sleep 1000 & exec sleep 1000",
    "trap '' TERM; sleep 0.2 & wait; sleep 1000",
    "(setsid sh -c 'sleep 1000 & sleep 1000' &); exec sleep 1000",
)
CONCURRENCY = ("forbid", "allow", "replace")
NAMES = tuple(f"p-{number}" for number in range(6))


def one_thing(world: World, dice: random.Random, epochs: dict[str, int]) -> None:
    """Ask for something, or break something."""
    name, cause = dice.choice(NAMES), dice.choice(["spec", "user", "drift", "liveness"])
    epochs[name] += dice.random() < 0.3
    given = {"epoch": epochs[name], "cause": cause, "detail": ""}
    mode = dice.choice(["service", "service", "oneshot", "cron"])
    pre = ["/bin/sh", "-c", "sleep 0.05"] if dice.random() < 0.3 else None
    settings = {"mode": mode, "backoff": 0.05, "grace": 0.2, "maxRetries": 3, "preStop": pre}
    match dice.randrange(8):
        case 0 | 1:
            quick = {} if dice.random() < 0.7 else {"limits": {"noNewPrivileges": True}}
            world.record("/bin/sh", "-c", dice.choice(SCRIPTS), name=name, **quick)
        case 2:
            world.ask("do", [["keep", name, {"stamp": mode, "settings": settings}]])
        case 3:
            world.ask("do", [["start", name, given]])
        case 4:
            world.ask("do", [["replace", name, given]])
        case 5:
            world.ask("do", [["stop", name, {}]])
        case 6:
            due = {"detail": str(dice.random()), "concurrency": dice.choice(CONCURRENCY)}
            world.ask("do", [["run", name, {"cause": "schedule", **due}]])
        case _:
            pid = world.entries().get(name, {}).get("pid")
            with suppress(ProcessLookupError):
                if pid:
                    os.kill(pid, dice.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP]))


def storm(world: World, seed: int, count: int) -> None:
    """Many things at once, and then silence: nothing is left, nothing leaks."""
    assert world.process is not None
    pid = world.process.pid
    files = Path(f"/proc/{pid}/fd")
    before = len(list(files.iterdir()))
    dice, epochs = random.Random(seed), dict.fromkeys(NAMES, 0)
    for name in NAMES:
        world.record("/bin/sh", "-c", dice.choice(SCRIPTS), name=name)
        world.keep(name, backoff=0.05, grace=0.2)
    for _ in range(count):
        one_thing(world, dice, epochs)
    world.ask("do", [["remove", name, {}] for name in NAMES])
    eventually(lambda: world.entries() == {}, 20)
    assert [world.kin(name) for name in NAMES] == [set()] * len(NAMES), seed
    assert children(pid) == set(), seed
    assert len(list(files.iterdir())) <= before + 2, seed
    said = (world.state_dir / "log/supervisord.log").read_text()
    assert "CRIT keeper" not in said, (seed, said)


@pytest.mark.parametrize("mode", ["full", "plain"])
def test_a_storm_leaves_nothing_behind(make_world: Callable[..., World], mode: str) -> None:
    """Whatever is asked in whatever order, removed programs leave no process and no open file."""
    world = make_world(RECONCILER_KEEPER=mode)
    storm(world, random.randrange(2**32), 150)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_many_storms(world: World) -> None:
    """The same, thousands of times."""
    for _ in range(20):
        storm(world, random.randrange(2**32), 500)
