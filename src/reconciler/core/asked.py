"""What is asked for the moment, in words: ``stopped by hand until 06:12 UTC, by root``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from .lines import Line, Span, Style, line, tame

View: TypeAlias = Mapping[str, Any]


def asked_lines(view: View) -> list[Line]:
    """The part of a plan that says what is asked; nothing when nothing is."""
    asked = view.get("overrides", ())
    if not asked:
        return []
    now = str(view.get("observedAt") or "")
    head = line(Span(f"asked: {len(asked)}", Style.STRONG))
    rows = [line(f"  · {entry['ref']}  ", tame(words(entry, now))) for entry in asked]
    return [(), head, *rows]


def words(entry: View, now: str) -> str:
    """One request; ``now`` is a time of the same form as its own, to leave out today's date."""
    what = str(entry.get("what") or "asked")
    until = _clock(str(entry.get("until") or ""), now)
    until = f" until {until}" if until else ""
    said = f": {entry['reason']}" if entry.get("reason") else ""
    by = f", by {entry['author']}" if entry.get("cause", "user") == "user" else ""
    return f"{what}{until}{by}{said}"


def _clock(time: str, now: str) -> str:
    """``06:12 UTC`` of ``2026-11-22T06:12:33.000+00:00``, with the date unless it is today's."""
    if not time:
        return ""
    day, clock = time[:10], time[11:16]
    return f"{clock} UTC" if day == now[:10] else f"{day} {clock} UTC"
