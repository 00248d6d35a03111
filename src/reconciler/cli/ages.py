"""Times as people read them: ``2d4h``, ``38 s ago``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MINUTE, HOUR, DAY = 60, 3600, 86400


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    whole = max(int(seconds), 0)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return _two(whole, MINUTE, "m", 1, "s")
    if whole < DAY:
        return _two(whole, HOUR, "h", MINUTE, "m")
    return _two(whole, DAY, "d", HOUR, "h")


def _two(seconds: int, large: int, name: str, small: int, other: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large}{name}" + (f"{rest}{other}" if rest else "")


def moment(text: str | None) -> datetime | None:
    """Read a time of the API; None where there is none."""
    if not text:
        return None
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def ago(text: str | None, now: datetime) -> str:
    """How long since a time of the API."""
    then = moment(text)
    return "never" if then is None else f"{span((now - then).total_seconds())} ago"


def local(text: str | None) -> str:
    """A time of the API on the clock of the person who reads it."""
    then = moment(text)
    return "—" if then is None else then.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def running_for(vitals: Mapping[str, Any], now: datetime) -> float | None:
    """For how many seconds a process runs; what was seen may be old, and the clock goes on."""
    if "state" in vitals and not vitals.get("pid"):
        return None
    if (since := vitals.get("since")) is not None:
        return now.timestamp() - float(since)
    uptime = vitals.get("uptime")
    return None if uptime is None else float(uptime)
