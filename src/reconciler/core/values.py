"""A JSON value as one line of text; a secret stays a word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .lines import ELLIPSIS, columns, cut, tame

HIDDEN: Final = "(secret)"
KEPT: Final = 8
"""How much of what two long texts share is shown before they part."""


def sealed(value: Any) -> bool:
    """Whether a value is a secret's digest."""
    return isinstance(value, Mapping) and value.keys() == {"sealed"}


def shown(value: Any) -> str:
    """Write a value as people read it: ``"8000"``, ``[a, b]``, ``(secret)``."""
    if value is None:
        return "none"
    if sealed(value):
        return HIDDEN
    if isinstance(value, str):
        return tame(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{tame(str(k))}: {shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    return tame(json.dumps(value, default=str))


def cut_around(text: str, start: int, room: int) -> str:
    """Shorten a text to ``room`` columns so that what follows ``start`` stays in sight."""
    if columns(text) <= room:
        return text
    skip = max(0, min(start - KEPT, len(text) - room + 1))
    return cut(ELLIPSIS + text[skip:] if skip else text, room)


def pair(before: Any, after: Any, room: int | None) -> tuple[str, str]:
    """Two values that differ, each within ``room`` columns, cut where they still look different."""
    old, new = shown(before), shown(after)
    if room is None:
        return old, new
    start = _parting(old, new)
    return cut_around(old, start, room), cut_around(new, start, room)


def _parting(one: str, other: str) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
