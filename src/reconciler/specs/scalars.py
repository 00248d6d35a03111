"""What a plain YAML scalar means, by the core schema of YAML 1.2."""

from __future__ import annotations

import math
import re
from typing import Final

NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
YES: Final = frozenset({"true", "True", "TRUE"})
NO: Final = frozenset({"false", "False", "FALSE"})
LARGEST: Final = (1 << 63) - 1
LONGEST: Final = 40
_INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z", re.ASCII)
_BASED: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar. Raises ValueError for a number nobody can mean."""
    if text in NOTHING:
        return None
    if text in YES or text in NO:
        return text in YES
    if text[0] not in "+-.0123456789":
        return text
    return _number(text)


def _number(text: str) -> str | int | float:
    if _INTEGER.match(text):
        return _whole(text, 10)
    if _BASED.match(text):
        return _whole(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.match(text):
        raise ValueError("must be a finite number")
    if _FLOAT.match(text):
        value = float(text)
        if not math.isfinite(value):
            raise ValueError("the number is too large")
        return value
    return text


def _whole(digits: str, base: int) -> int:
    # Python refuses to convert very long numbers, and slowly before that.
    value = int(digits, base) if len(digits) <= LONGEST else LARGEST + 1
    if abs(value) > LARGEST:
        raise ValueError("the number is too large")
    return value
