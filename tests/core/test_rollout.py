"""What each of two instances is for."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.rollout import LOOK_EVERY, turn
from reconciler.core.turns import (
    DRAINING,
    FAILED,
    ROLLING,
    Memory,
    Note,
    Pair,
    Policy,
    Role,
    Slot,
    Turn,
)

NOW = 1000.0
POLICY = Policy(min_healthy=10.0, deadline=100.0, drain=30.0)
OLD = Slot(there=True, alive=True, ready=True, since=100.0, born=90.0)
FRESH = Slot(there=True, alive=True, fits=True, born=985.0)
PROVEN = FRESH._replace(ready=True, since=990.0)
NOTHING = Slot()
BEGAN = Memory("d", 980.0)
TOOK = BEGAN._replace(took_over=995.0)
LOST = BEGAN._replace(failed=999.0, message="it crashed")


def judge(first: Slot, second: Slot, memory: Memory | None = BEGAN, **more: Any) -> Turn:
    return turn(Pair(("web-0", "web-0b"), (first, second), POLICY, memory, NOW, **more))


A, K, W, C, L = Role.ABSENT, Role.KEPT, Role.WRITTEN, Role.COMING, Role.LEAVING


@pytest.mark.parametrize(
    ("first", "second", "memory", "roles"),
    [
        (NOTHING, NOTHING, None, (W, A)),
        (NOTHING, OLD._replace(fits=True), None, (A, W)),
        (OLD, NOTHING, None, (K, C)),
        (NOTHING, OLD, None, (C, K)),
        (OLD._replace(alive=False), NOTHING, None, (W, A)),
        (OLD._replace(alive=False), NOTHING, BEGAN, (K, C)),
        (OLD._replace(alive=False), NOTHING, TOOK, (W, A)),
        (OLD._replace(alive=False), NOTHING, LOST, (K, A)),
        (OLD, FRESH, BEGAN, (K, C)),
        (OLD, FRESH._replace(ready=True, since=991.0), BEGAN, (K, C)),
        (OLD, PROVEN, BEGAN, (L, W)),
        (OLD, PROVEN._replace(since=995.0), TOOK, (L, W)),
        (OLD, FRESH._replace(unjudged=True), TOOK, (L, W)),
        (OLD, FRESH, TOOK, (K, C)),
        (OLD, PROVEN, LOST, (K, A)),
        (OLD, FRESH._replace(fits=False), None, (K, C)),
        (OLD, PROVEN._replace(fits=False), None, (C, K)),
        (OLD, FRESH._replace(fits=False, unjudged=True), None, (K, K)),
        (OLD._replace(fits=True), FRESH._replace(fits=False), None, (W, L)),
        (OLD._replace(fits=True), FRESH, None, (W, L)),
        (OLD._replace(alive=False), FRESH, None, (L, W)),
    ],
)
def test_roles(first: Slot, second: Slot, memory: Memory | None, roles: tuple[Role, Role]) -> None:
    """Who serves goes on until the other one has proven itself."""
    assert judge(first, second, memory).roles == roles


def test_what_is_not_to_run_is_not_replaced() -> None:
    """Switched off is as written; stopped by hand in the midst of it, it begins again as it was."""
    assert judge(OLD, NOTHING, None, runs=False).roles == (W, A)
    assert judge(OLD, FRESH, BEGAN, runs=False).roles == (K, L)
    assert judge(OLD, FRESH, BEGAN, runs=False).waits == (None, None)


def test_it_says_why_and_when_to_look_again() -> None:
    """In plain words, with the soonest time that may change anything."""
    waits = judge(OLD, FRESH._replace(ready=True, since=991.0)).waits[0]
    assert waits == (ROLLING, "serves until web-0b has been ready for 10s", 1.0)
    waits = judge(OLD, NOTHING, LOST).waits[0]
    assert waits == (FAILED, "goes on as it was: it crashed", None)
    busy = OLD._replace(busy="2 open requests")
    waits = judge(busy, PROVEN, TOOK).waits[0]
    assert waits is not None
    assert waits == (DRAINING, waits.message, LOOK_EVERY)
    assert waits.message.endswith("2 open requests")
    assert judge(busy, PROVEN, TOOK._replace(took_over=960.0)).waits == (None, None)
    assert judge(OLD, PROVEN, TOOK).waits == (None, None)


def test_that_it_has_taken_over_is_told_before_anything_ends() -> None:
    """The pass that finds it sends nobody away yet."""
    found = judge(OLD, PROVEN, BEGAN)
    assert found.note is Note.TOOK_OVER
    assert found.waits[0] is not None


def test_notes() -> None:
    """When it began is remembered once, and forgotten when it is over."""
    assert judge(OLD, NOTHING, None).note is Note.BEGAN
    assert judge(OLD, FRESH, BEGAN).note is None
    assert judge(NOTHING, PROVEN, TOOK).note is Note.SETTLED
    assert judge(NOTHING, PROVEN, None).note is None


def test_the_time_of_a_stop_does_not_count() -> None:
    """What was stopped by hand before it could take over gets its whole time when it goes on."""
    assert judge(OLD, FRESH, BEGAN, runs=False).note is Note.PAUSED
    assert judge(OLD, FRESH, LOST, runs=False).note is None
    paused = BEGAN._replace(began=0.0)
    assert judge(OLD, FRESH, paused, runs=False).note is None
    found = judge(OLD._replace(alive=False), NOTHING, paused)
    assert (found.roles, found.note, found.failure) == ((K, C), Note.BEGAN, "")


@pytest.mark.parametrize(
    ("new", "began", "fails"),
    [
        (FRESH, 980.0, False),
        (FRESH, 899.0, True),
        (FRESH._replace(unjudged=True), 899.0, False),
        (FRESH._replace(ready=True, since=999.0), 899.0, False),
        (FRESH._replace(stuck="exit code 3"), 999.0, True),
        (FRESH._replace(stuck="exit code 3", fits=False), 999.0, False),
        (NOTHING, 899.0, True),
    ],
)
def test_it_is_given_up_only_for_certain(new: Slot, began: float, fails: bool) -> None:
    """Past its time and not ready, or when it has given up itself."""
    assert bool(judge(OLD, new, BEGAN._replace(began=began)).failure) is fails


def test_a_new_one_that_serves_is_not_begun_anew_under_its_requests() -> None:
    """What drains when the next edit comes is let finish first."""
    draining = OLD._replace(busy="1 open request")
    serving = PROVEN._replace(fits=False)
    found = judge(draining, serving, BEGAN._replace(began=990.0))
    assert found.roles == (C, K)
    assert found.waits[0] is not None
    assert found.waits[0].reason == DRAINING
