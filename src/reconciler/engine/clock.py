"""Time, passed in: the real one here, the test's own in ``reconciler.testing``."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time."""

    def now(self) -> float:
        """Unix time in seconds: for people and schedules."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump: for delays."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
