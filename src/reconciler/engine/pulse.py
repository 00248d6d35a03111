"""How late the loop is: what every other promise about time rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .clock import Clock

EVERY: Final = 1.0


async def beat(clock: Clock, tell: Callable[[float], None]) -> None:
    """For ever: ask to be woken, and tell by how many seconds that was missed."""
    while True:
        due = clock.monotonic() + EVERY
        await clock.sleep(EVERY)
        tell(max(0.0, clock.monotonic() - due))
