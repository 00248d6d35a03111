"""The nodes of a YAML text, each with its place, and how many of them there may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias


class Limits(NamedTuple):
    """How much a spec may ask of the loader. What is larger is refused."""

    file_bytes: int = 1 << 20
    files: int = 20_000
    total: int = 128 << 20
    """Bytes of all files of a commit together: a few sent bytes can be very many."""
    documents: int = 5_000
    nodes: int = 5_000
    """Keys and values of one document."""
    depth: int = 32
    scalar: int = 1 << 17
    flaws: int = 40
    """Of one document; the rest is not reported."""


USUAL: Final = Limits()


class Mark(NamedTuple):
    """A place: 1-based line and column."""

    line: int
    column: int


START: Final = Mark(1, 1)


class Flaw(NamedTuple):
    """What is wrong at a place of one document; ``freezes``: not the text, but the world."""

    mark: Mark
    message: str
    hint: str = ""
    freezes: bool = False


@dataclass(slots=True)
class Scalar:
    """One value as written; ``plain`` when it stands without quotes."""

    mark: Mark
    text: str
    plain: bool


@dataclass(slots=True)
class Sequence:
    mark: Mark
    items: list[Node] = field(default_factory=list)


class Entry(NamedTuple):
    key: Mark
    value: Node


@dataclass(slots=True)
class Mapping:
    mark: Mark
    entries: dict[str, Entry] = field(default_factory=dict)


Node: TypeAlias = Scalar | Sequence | Mapping
