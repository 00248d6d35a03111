"""When a new revision may become current: windows of a calendar that allow it, or deny it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .schedule import next_fire
from .units import format_duration


class Window(NamedTuple):
    """A time that comes again and again."""

    allows: bool
    schedule: str
    duration: float
    timezone: str | None = None

    def __str__(self) -> str:
        verb = "allow" if self.allows else "deny"
        return f'{verb} "{self.schedule}" for {format_duration(self.duration)}'


class Closed(NamedTuple):
    """Why nothing new may become current now, and until when."""

    until: float
    why: str


def closed(windows: Iterable[Window], now: float) -> Closed | None:
    """None when a new revision may become current: none denies it, and one allows it if any do."""
    every = tuple(windows)
    denying = [(end, one) for one in every if not one.allows and (end := _end(one, now))]
    if denying:
        end, one = max(denying, key=lambda pair: pair[0])
        return Closed(end, str(one))
    allowing = [one for one in every if one.allows]
    if not allowing or any(_end(one, now) for one in allowing):
        return None
    begins = [(next_fire(one.schedule, one.timezone, now), one) for one in allowing]
    begin, one = min(begins, key=lambda pair: pair[0])
    return Closed(begin, f"outside of {one}")


def _end(window: Window, now: float) -> float | None:
    """When the window that is open now closes; None when it is not open."""
    begin = next_fire(window.schedule, window.timezone, now - window.duration)
    return begin + window.duration if begin <= now else None
