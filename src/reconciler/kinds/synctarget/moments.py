"""Reads a moment of the past as people write it: ``2026-11-20``, ``2 days ago``."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_ago: Final = re.compile(
    r"(\d{1,6}) ?(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)(?: ago)?", re.IGNORECASE
)
_day: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_moment(text: str, now: datetime) -> float | None:
    """Unix seconds; None when it is no moment. A day means its end, in the zone of ``now``."""
    try:
        return _parse(text.strip(), now)
    except (ValueError, OverflowError):
        return None


def _parse(text: str, now: datetime) -> float:
    if match := _ago.fullmatch(text):
        return (now - timedelta(seconds=int(match[1]) * _SECONDS[match[2][0].lower()])).timestamp()
    if text.lower() in {"now", "yesterday", "today"}:
        day = now.date() - timedelta(days=text.lower() == "yesterday")
        return now.timestamp() if text.lower() == "now" else _end(day.isoformat(), now)
    if _day.fullmatch(text):
        return _end(text, now)
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=now.tzinfo)
    return found.timestamp()


def _end(day: str, now: datetime) -> float:
    found = datetime.combine(datetime.fromisoformat(day), time.max, tzinfo=now.tzinfo)
    return found.timestamp()
