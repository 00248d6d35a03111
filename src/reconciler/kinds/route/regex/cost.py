"""How long a search for a regex may take at worst, told from its parts.

A search goes wrong where the same text can be taken in several ways: each has to be tried before
the search may fail. So a repeat is free where the next character tells whether it goes on; where it
does not, every length it could have multiplies the work for what follows. Inside a repeat nothing
may be undecided, for there the ways would multiply without end.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final, NamedTuple

from .parts import Choice, Edge, Node, One, RegexError, Repeat, Row

LONGEST_SUBJECT: Final = 2048
"""Bytes of a header's value: a longer one fulfils no regex."""
LARGEST: Final = 1000
"""Characters of a regex once its counts are written out."""
MOST_WORK: Final = 16 * LONGEST_SUBJECT**2
"""Steps of one search at worst: a few milliseconds."""

_END: Final = 1 << 256
_DONE: Final = 1 << 257
"""Nothing has to follow: what comes so far cannot fail any more."""


class _First(NamedTuple):
    """What a part can begin with, and whether it can be nothing."""

    codes: int
    is_empty: bool


class _Cost(NamedTuple):
    """In how many ways a part can be taken, and the work of trying all of them."""

    ways: int
    work: int


def check(node: Node) -> None:
    """Raises RegexError for a regex that a hostile text could make slow."""
    if _size(node) > LARGEST:
        raise RegexError(f"its counts make it longer than {LARGEST} characters", 1)
    cost = _cost(node, _DONE)
    starts = 1 if _is_anchored(node) else LONGEST_SUBJECT
    if starts * (cost.work + cost.ways) > MOST_WORK:
        text = "it could be tried in too many ways; begin it with ^, or say what comes between"
        raise RegexError(text, _first_repeat(node))


def _size(node: Node) -> int:
    match node:
        case Row(parts) | Choice(parts, _):
            return sum(map(_size, parts)) + 1
        case Repeat(part, least, most, _):
            return _size(part) * max(1, least, most or 0) + 1
    return 1


def _first(node: Node) -> _First:
    match node:
        case One(codes):
            return _First(codes, is_empty=False)
        case Edge(is_end):
            return _First(_END if is_end else 0, is_empty=not is_end)
        case Row(parts):
            codes = 0
            for part in parts:
                first = _first(part)
                codes |= first.codes
                if not first.is_empty:
                    return _First(codes, is_empty=False)
            return _First(codes, is_empty=True)
        case Choice(parts, _):
            firsts = [*map(_first, parts)]
            codes = _joined(one.codes for one in firsts)
            return _First(codes, is_empty=any(one.is_empty for one in firsts))
        case Repeat(part, least, _, _):
            first = _first(part)
            return _First(first.codes, is_empty=first.is_empty or least == 0)


def _joined(sets: Iterable[int]) -> int:
    codes = 0
    for one in sets:
        codes |= one
    return codes


def _cost(node: Node, follow: int) -> _Cost:
    """``follow``: what can come after this part."""
    match node:
        case One() | Edge():
            return _Cost(1, 1)
        case Row(parts):
            return _cost_of_row(parts, follow)
        case Choice(parts, _):
            return _cost_of_choice(parts, follow)
        case Repeat():
            return _cost_of_repeat(node, follow)


def _cost_of_row(parts: tuple[Node, ...], follow: int) -> _Cost:
    follows = [follow]
    for part in reversed(parts[1:]):
        first = _first(part)
        follows.append(first.codes | (follows[-1] if first.is_empty else 0))
    ways, work = 1, 0
    pairs = zip(parts, reversed(follows), strict=True) if parts else ()
    for is_plain, run in groupby(pairs, key=lambda pair: isinstance(pair[0], One)):
        if is_plain:
            work += ways * _cost_of_run([part.codes for part, _ in run if isinstance(part, One)])
            continue
        for part, after in run:
            cost = _cost(part, after)
            work += ways * cost.work
            ways *= cost.ways
    return _Cost(ways, work)


def _cost_of_run(run: list[int]) -> int:
    """At each character of a text at most so many attempts at these characters are under way."""
    return sum(bool(codes & run[0]) for codes in run)


def _cost_of_choice(parts: tuple[Node, ...], follow: int) -> _Cost:
    costs = [_cost(part, follow) for part in parts]
    taken, is_decided = 0, True
    for part in parts:
        first = _first(part)
        codes = first.codes | (follow if first.is_empty else 0)
        is_decided = is_decided and not codes & taken
        taken |= codes
    ways = [cost.ways for cost in costs]
    return _Cost(max(ways) if is_decided else sum(ways), sum(cost.work for cost in costs))


def _cost_of_repeat(node: Repeat, follow: int) -> _Cost:
    part, least, most, at = node
    first, again = _first(part), most is None or most > 1
    after = (first.codes | follow) & ~_DONE if again else follow
    inner = _cost(part, after)
    if again and first.is_empty:
        raise RegexError("a repeat of what may be nothing", at)
    if again and inner.ways > 1:
        raise RegexError("what repeats could take the same text in several ways", at)
    if follow & _DONE:  # once there are enough, the search has found
        return _Cost(1, max(least, 1) * inner.work)
    times = LONGEST_SUBJECT if most is None else most
    ways = 1 if least == most or not first.codes & follow else times - least + 1
    # What one round reads, the next does not read again.
    return _Cost(ways * inner.ways, times * min(_size(part), inner.work) + inner.work)


def _is_anchored(node: Node) -> bool:
    """Whether a search need not begin anew at each character."""
    match node:
        case Edge(is_end):
            return not is_end
        case Row(parts):
            return bool(parts) and _is_anchored(parts[0])
        case Choice(parts, _):
            return all(map(_is_anchored, parts))
    return False


def _first_repeat(node: Node) -> int:
    """Where a person should look."""
    match node:
        case Repeat(_, _, _, at):
            return at
        case Row(parts) | Choice(parts, _):
            return min(filter(None, map(_first_repeat, parts)), default=0)
    return 0
