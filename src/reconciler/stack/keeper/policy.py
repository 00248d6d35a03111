"""What follows when a process ends: settings in, decision out; no clock, no dice, no process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from signal import Signals
from typing import Any, Final, NamedTuple

_BRISK: Final = 0.1
"""Seconds waited after the second quick end where no back-off is wanted: never a spin."""

FAULTS: Final = frozenset({"memory", "liveness"})
"""Why we end a process as if it had failed; how it ended then says nothing."""


class Follow(NamedTuple):
    """What comes after an end: a start at once, or what the policy says."""

    cause: str
    detail: str
    at_once: bool = False
    good: bool = False

    @property
    def fault(self) -> str:
        """Why we ended it, where it was at fault."""
        return f"ended because of {self.cause}: {self.detail}" if self.cause in FAULTS else ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a program is kept; every field may change while it runs."""

    mode: str = "service"
    policy: str = "always"
    backoff: float = 1.0
    maxBackoff: float = 30.0  # noqa: N815 (named as on the wire)
    strategy: str = "exponential"
    healthyAfter: float = 10.0  # noqa: N815
    maxRetries: int = -1  # noqa: N815
    successExitCodes: tuple[int, ...] = (0,)  # noqa: N815
    stopSignal: str = "TERM"  # noqa: N815
    grace: float = 10.0
    preStop: tuple[str, ...] = ()  # noqa: N815
    memory: int = 0
    priority: int = 100
    after: tuple[str, ...] = ()
    family: str = ""
    logMaxBytes: int = 10_000_000  # noqa: N815
    logBackups: int = 5  # noqa: N815

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Settings:
        """The settings of the wire; what is missing or null is as usual. Raises ValueError."""
        known = _usual()
        given = {key: told[key] for key in known if told.get(key) is not None}
        try:
            settings = cls(**{key: _like(known[key], value) for key, value in given.items()})
            Signals[f"SIG{settings.stopSignal}"]
        except (TypeError, ValueError, LookupError) as exc:
            raise ValueError(f"settings: {exc}") from None
        return settings

    @property
    def stop_signal(self) -> Signals:
        """What asks a process to end."""
        return Signals[f"SIG{self.stopSignal}"]

    def delay(self, ends: int, dice: float = 0.0) -> float:
        """Seconds to wait after so many ends in a row; ``dice`` is a throw in [0, 1)."""
        if ends < 1:
            return 0.0
        first, most = self.backoff, self.maxBackoff
        if first <= 0.0 and ends > 1:
            most, ends = max(most, _BRISK), ends - 1
            first = 0.0 if self.strategy == "random" else _BRISK
        if self.strategy == "fixed":
            return min(most, first)
        if self.strategy == "random":
            least = min(most, first)
            return least + (most - least) * dice
        longest = min(most, _grown(first, ends))
        return longest * (0.5 + dice / 2) if self.strategy == "exponentialJitter" else longest

    def rests(self, phase: str) -> bool:
        """Whether one in ``phase`` is where it belongs, or is to do something."""
        if phase == "armed":
            return self.mode == "cron"
        if phase == "completed":
            return self.mode == "oneshot" or (self.mode == "service" and self.policy != "always")
        return phase != "failed"

    def verdict(self, failures: int, *, good: bool) -> str:
        """What a program is after an end: backoff, completed, armed or failed."""
        if good and self.mode == "service" and self.policy == "always":
            return "backoff"
        if good:
            return "armed" if self.mode == "cron" else "completed"
        if self.policy == "never" or -1 < self.maxRetries < failures:
            return "failed"
        return "backoff"


def _grown(first: float, ends: int) -> float:
    return float(first * 2.0 ** min(ends - 1, 1000))


def _like(usual: Any, value: Any) -> Any:
    """``value`` in the type of the usual one."""
    return tuple(value) if isinstance(usual, tuple) else type(usual)(value)


@cache
def _usual() -> Mapping[str, Any]:
    """How a program is kept of which nothing is told."""
    return {field.name: field.default for field in fields(Settings)}
