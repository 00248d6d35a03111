"""A rule as it is looked for: its paths in their one form, its conditions in one list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from .matching import Match
from .paths import normalise
from .regex import matches
from .state import Rule


class Asked(Protocol):
    """What a rule asks of a request besides its host and path."""

    @property
    def method(self) -> str: ...
    def header(self, name: str) -> bytes | None: ...


class Condition(NamedTuple):
    """What one header must say; the Referer too."""

    name: str
    equals: bytes | None = None
    contains: bytes | None = None
    regex: str | None = None

    def holds(self, value: bytes | None) -> bool:
        """Whether a header with this value, or without any, fulfils it."""
        return (
            value is not None
            and (self.equals is None or value == self.equals)
            and (self.contains is None or self.contains in value)
            and (self.regex is None or matches(self.regex, value))
        )


class Entry(NamedTuple):
    """One rule. ``host`` and ``prefix`` are empty for any; the lowest ``rank`` wins."""

    name: str
    rank: tuple[int, int, int, int, bytes]
    host: str
    prefix: str
    equal: str | None
    methods: frozenset[str] | None
    conditions: tuple[Condition, ...]

    def fits(self, request: Asked) -> bool:
        """Whether a request of the right host and path is served by it."""
        return (self.methods is None or request.method in self.methods) and all(
            one.holds(request.header(one.name)) for one in self.conditions
        )


def prepare(name: str, rule: Rule) -> Entry:
    """The entry of a rule."""
    match = rule.match
    prefix = normalise(match.path_prefix) if match.path_prefix else ""
    referer = len((match.referer_substr or "").encode())
    return Entry(
        name,
        (-rule.priority, -len(prefix), -referer, rule.order, name.encode()),
        match.host or "",
        prefix,
        normalise(match.path_equal) if match.path_equal else None,
        None if match.methods is None else frozenset(match.methods),
        tuple(_conditions(match)),
    )


def _conditions(match: Match) -> Iterable[Condition]:
    if match.referer_substr or match.referer_regex:
        yield Condition("referer", None, _bytes(match.referer_substr), match.referer_regex)
    for one in match.headers or ():
        yield Condition(one.name.lower(), _bytes(one.equals), _bytes(one.contains), one.regex)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
