"""What people write and programs count: durations, sizes, names."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
LONGEST_NAME: Final = 63
DURATION_PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
SIZE_PATTERN: Final = r"^[0-9]+(\.[0-9]+)? ?([kKMGT]i?)?B?$"

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final[dict[str, int]] = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_LONGEST: Final = 100 * 365 * 86400.0
_LARGEST: Final = 2**60
_THOUSAND: Final = 999.95  # it would be written as 1000.0
_SHORT: Final = 40  # digits of a number anybody means

_duration_part: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_size_parts: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kKMGT])(i)?)?B?")


def parse_duration(text: str) -> float:
    """Seconds of ``500ms``, ``10s``, ``1h30m``. Raises ValueError with an example."""
    parts = _duration_part.findall(text) if len(text) <= _SHORT else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("not a duration; write for example 500ms, 10s, 5m or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST:
        raise ValueError("a duration of more than a hundred years")
    return seconds


def format_duration(seconds: float) -> str:
    """Write ``seconds`` as people do: ``1h30m``."""
    rest = round(seconds * 1000)
    if rest == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_SECONDS[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def parse_size(text: str) -> int:
    """Bytes of ``50Mi``, ``100MB``, ``4096``. Raises ValueError with an example."""
    match = _size_parts.fullmatch(text) if len(text) <= _SHORT else None
    if match is None:
        raise ValueError("not a size; write for example 50Mi, 100MB or a number of bytes")
    number, unit, binary = match.groups()
    base = 1024 if binary else 1000
    size = round(float(number) * float(base ** _BYTES[(unit or "").upper()]))
    if size > _LARGEST:
        raise ValueError("a size of more than an exbibyte")
    return size


def format_size(size: int) -> str:
    """Write ``size`` with the largest unit that loses nothing: ``50Mi``, ``10MB``, ``4097``."""
    if size == 0:
        return "0"
    for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "K")):
        for base, suffix in ((1024, "i"), (1000, "B")):
            if size % base**power == 0:
                return f"{size // base**power}{letter}{suffix}"
    return str(size)


def format_bytes(count: int) -> str:
    """Write a number of bytes for people: ``512 B``, ``3.1 MB``."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= _THOUSAND and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def as_written(number: float, *, like: str) -> str:
    """``number`` in the units that another text is written in, where it is in any."""
    if like.strip()[-1:].isalpha():
        with suppress(ValueError):
            parse_duration(like.strip())
            return format_duration(number)
        with suppress(ValueError):
            parse_size(like.strip())
            return format_size(int(number))
    return str(number)


def _duration(value: Any) -> float:
    if isinstance(value, str):
        return parse_duration(value.strip())
    raise ValueError("not a duration; write it with a unit, for example 10s")


def _size(value: Any) -> int:
    if isinstance(value, str):
        return parse_size(value.strip())
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    raise ValueError("not a size; write for example 50Mi, 100MB or a number of bytes")


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["500ms", "1h30m"]}),
]
"""Seconds, written as ``10s``; a default is a float."""

Size: TypeAlias = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": SIZE_PATTERN},
                {"type": "integer", "minimum": 0},
            ],
            "examples": ["50Mi", "100MB", 4096],
        }
    ),
]
"""Bytes, written as ``50Mi`` (binary), ``100MB`` (decimal) or a number."""

Name: TypeAlias = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A DNS label: what every resource is called."""


def legal_name(text: str, otherwise: str) -> str:
    """The nearest name that is one: ``My_App`` becomes ``my-app``; ``otherwise`` for none."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return name or otherwise
