"""Times as people read them: ``2d4h``, ``38 s ago``."""

from __future__ import annotations

from datetime import UTC, datetime

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
