"""How long to wait after the n-th failure in a row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never


class Strategy(StrEnum):
    """How the wait grows from one failure to the next."""

    EXPONENTIAL = "exponential"
    EXPONENTIAL_JITTER = "exponentialJitter"
    FIXED = "fixed"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Backoff:
    """A wait that grows with failures: 1, 2, 4, 8, 16, 30, 30… seconds unless told otherwise."""

    first: float = 1.0
    longest: float = 30.0
    strategy: Strategy = Strategy.EXPONENTIAL

    def delay(self, attempts: int, *, jitter: float = 0.0) -> float:
        """Seconds to wait after ``attempts`` failures in a row; none before the first.

        ``jitter`` is a throw of dice in [0, 1); only the two random strategies look at it.
        """
        if attempts < 1:
            return 0.0
        match self.strategy:
            case Strategy.FIXED:
                return self._capped(1)
            case Strategy.EXPONENTIAL:
                return self._capped(attempts)
            case Strategy.EXPONENTIAL_JITTER:
                # At least half, so that a crash loop never spins however the dice fall.
                return self._capped(attempts) * (0.5 + jitter / 2)
            case Strategy.RANDOM:
                least = self._capped(1)
                return least + (self.longest - least) * jitter
            case _ as never:
                assert_never(never)

    def _capped(self, attempts: int) -> float:
        # 2.0 ** 1024 overflows; a process may well have crashed that often.
        return min(self.longest, self.first * 2.0 ** min(attempts - 1, 1000))
