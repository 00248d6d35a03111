"""How late the loop is, is told as it is."""

from __future__ import annotations

import pytest

from reconciler.engine.pulse import EVERY, beat


class Late:
    """A clock that wakes its sleepers late, and ends the third time."""

    def __init__(self) -> None:
        self.time, self.late = 100.0, iter([0.0, 0.25])

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds + next(self.late)


async def test_a_late_wake_is_told() -> None:
    """By how many seconds, and nothing when it is in time."""
    told: list[float] = []
    with pytest.raises(RuntimeError):  # the clock has ended
        await beat(Late(), told.append)
    assert told == [0.0, 0.25]
    assert EVERY == 1.0
