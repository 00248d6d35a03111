"""What one header condition says about another: certainly both, certainly not both, or neither."""

from __future__ import annotations

from collections.abc import Sequence

from .entry import Condition
from .regex import matches


def implied(wanted: Condition, given: Sequence[Condition]) -> bool:
    """Whether whatever fulfils all of ``given`` certainly fulfils ``wanted``."""
    same = [one for one in given if one.name == wanted.name]
    return (
        bool(same)
        and (wanted.equals is None or any(one.equals == wanted.equals for one in same))
        and (wanted.contains is None or any(_contains(one, wanted.contains) for one in same))
        and (wanted.regex is None or any(_matches(one, wanted.regex) for one in same))
    )


def _contains(given: Condition, text: bytes) -> bool:
    return any(text in said for said in (given.equals, given.contains) if said is not None)


def _matches(given: Condition, regex: str) -> bool:
    return given.regex == regex or (given.equals is not None and matches(regex, given.equals))


def contradict(one: Condition, other: Condition) -> bool:
    """Whether no header's value fulfils both."""
    if one.name != other.name:
        return False
    return _excludes(one, other) or _excludes(other, one)


def _excludes(one: Condition, other: Condition) -> bool:
    """Whether the value that ``one`` names is none for ``other``."""
    return one.equals is not None and not other.holds(one.equals)
