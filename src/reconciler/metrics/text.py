"""Writes series as Prometheus reads them. The library takes several times as long for many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from . import supervisord
from .families import FACTS, Family
from .rows import Row

_ESCAPES: Final = {"\\": r"\\", '"': r"\"", "\n": r"\n"}
_ESCAPED: Final = re.compile(r'[\\"\n]')

KNOWN: Final = 1 << 14
"""Of so many series the name and its labels need not be put together again."""

Lines = Sequence[tuple[str, str]]
"""Lines, each behind the short name of its family."""


def head(family: Family) -> str:
    """What stands before the series of a family."""
    return f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.type}\n"


FAMILIES: Final = {one.short: one for one in (*FACTS, *supervisord.FAMILIES)}
HEADS: Final = {short: head(one) for short, one in FAMILIES.items()}


def line(row: Row) -> str:
    """One series."""
    return f"{_name(row.family, row.labels)} {number(row.value)}\n"


@lru_cache(maxsize=KNOWN)
def _name(short: str, values: tuple[str, ...]) -> str:
    family = FAMILIES[short]
    return family.name + labels(family.labels, values)


def labels(names: Sequence[str], values: Sequence[str]) -> str:
    """The labels of a series in their braces; nothing when there are none."""
    pairs = [f'{name}="{escaped(value)}"' for name, value in zip(names, values, strict=True)]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def escaped(value: str) -> str:
    """The value of a label; names of resources never need it."""
    return _ESCAPED.sub(lambda hit: _ESCAPES[hit[0]], value)


def number(value: float) -> str:
    """As short as it is exact."""
    return repr(int(value)) if value == int(value) else repr(float(value))


def lines(rows: Iterable[Row]) -> Lines:
    """Each row as a line."""
    return [(row.family, line(row)) for row in rows]


def page(found: Mapping[str, list[str]]) -> str:
    """Families in their order, each with what was found of it; no word of the others."""
    parts: list[str] = []
    for short, text in HEADS.items():
        if own := found.get(short):
            parts += (text, *own)
    return "".join(parts)
