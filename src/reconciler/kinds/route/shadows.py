"""Routes that never serve a request, or win only by their names. Each claim is certain.

Entries are taken in the order of who wins. So what was filed before wins over what comes, and a
route is shadowed when something filed for all of its hosts and paths asks no more than it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Final, NamedTuple

from .entry import Condition, Entry
from .implies import contradict, implied
from .match import hosts_above

MOST_COMPARED: Final = 32
"""Others of the same host and path that one is compared with; a thousand routes that differ only
by their headers must not cost a million comparisons."""
ANY_PATH: Final = "/"


class Shadow(NamedTuple):
    """``entry`` serves nothing: ``by`` take it all; nobody, when it asks for what cannot be."""

    entry: Entry
    by: tuple[Entry, ...] = ()


class Tie(NamedTuple):
    """Both could serve a request, and only its name makes the first do it."""

    first: Entry
    second: Entry


def find_shadows(entries: Iterable[Entry]) -> Iterator[Shadow]:
    """Every route that serves no request. ``entries`` are in the order of who wins."""
    hosts: dict[str, _Shelf] = {}
    for entry in entries:
        if _is_vain(entry):
            yield Shadow(entry)
            continue
        by = next(filter(None, (place.cover(entry) for place in _places(hosts, entry))), ())
        if by:
            yield Shadow(entry, by)
        else:
            hosts.setdefault(entry.host, _Shelf()).file(entry)


def find_ties(entries: Iterable[Entry]) -> Iterator[Tie]:
    """Routes of one rank and path, among those that serve something; one tie for each at most."""
    for _, group in groupby(entries, key=lambda entry: (entry.rank[:-1], entry.prefix)):
        seen: dict[tuple[str, str | None], list[Entry]] = {}
        alike = list(group)
        if len(alike) == 1:
            continue
        for entry in alike:
            seen.setdefault((entry.host, entry.equal), []).append(entry)
        for entry in alike:
            if tie := next(_ties(entry, seen), None):
                yield tie


def _ties(entry: Entry, seen: dict[tuple[str, str | None], list[Entry]]) -> Iterator[Tie]:
    """With others for the same hosts and paths, or for more of them."""
    for host in dict.fromkeys(hosts_above(entry.host)):
        for equal in dict.fromkeys((entry.equal, None)):
            for other in seen.get((host, equal), ())[:MOST_COMPARED]:
                if other is entry or not _meet(entry, other):
                    continue
                if (host, equal) != (entry.host, entry.equal) or other.rank < entry.rank:
                    yield Tie(*sorted((entry, other), key=lambda one: one.rank))


def _meet(one: Entry, other: Entry) -> bool:
    """Whether a request may fulfil both, whose hosts and paths have something in common."""
    methods = one.methods is None or other.methods is None or bool(one.methods & other.methods)
    return methods and not any(contradict(a, b) for a in one.conditions for b in other.conditions)


def _is_vain(entry: Entry) -> bool:
    if entry.equal is not None and not entry.equal.startswith(entry.prefix):
        return True
    pairs = ((a, b) for a in entry.conditions for b in entry.conditions if a is not b)
    return any(contradict(a, b) for a, b in pairs)


def _places(hosts: dict[str, _Shelf], entry: Entry) -> Iterator[_Place]:
    """Where those are filed that serve all of an entry's hosts and paths."""
    for host in dict.fromkeys(hosts_above(entry.host)):
        if shelf := hosts.get(host):
            yield from shelf.above(entry)


class _Methods:
    """Entries that ask the same but for their methods."""

    def __init__(self) -> None:
        self._every: Entry | None = None
        self._each: dict[str, Entry] = {}

    def file(self, entry: Entry) -> None:
        if entry.methods is None:
            self._every = self._every or entry
        for method in entry.methods or ():
            self._each.setdefault(method, entry)

    def cover(self, entry: Entry) -> tuple[Entry, ...]:
        if self._every is not None:
            return (self._every,)
        if entry.methods is None or not entry.methods <= self._each.keys():
            return ()
        return tuple(dict.fromkeys(self._each[method] for method in sorted(entry.methods)))


class _Place:
    """Entries of one host and path, by what they ask of headers."""

    def __init__(self) -> None:
        self._asking: dict[frozenset[Condition], _Methods] = {}

    def file(self, entry: Entry) -> None:
        self._asking.setdefault(frozenset(entry.conditions), _Methods()).file(entry)

    def cover(self, entry: Entry) -> tuple[Entry, ...]:
        """Who together take every request that ``entry`` could."""
        asked = frozenset(entry.conditions)
        for known in (frozenset[Condition](), asked):
            if (methods := self._asking.get(known)) and (by := methods.cover(entry)):
                return by
        if not asked:
            return ()
        some = islice(self._asking.items(), MOST_COMPARED)
        covers = (
            methods.cover(entry)
            for known, methods in some
            if all(implied(one, entry.conditions) for one in known)
        )
        return next(filter(None, covers), ())


class _Shelf:
    """What is filed for one host."""

    def __init__(self) -> None:
        self._equal: dict[str, _Place] = {}
        self._prefix: dict[str, _Place] = {}
        self._lengths: set[int] = set()

    def file(self, entry: Entry) -> None:
        if entry.equal is not None:
            self._equal.setdefault(entry.equal, _Place()).file(entry)
            return
        prefix = entry.prefix or ANY_PATH
        self._lengths.add(len(prefix))
        self._prefix.setdefault(prefix, _Place()).file(entry)

    def above(self, entry: Entry) -> Iterator[_Place]:
        path = entry.equal or entry.prefix or ANY_PATH
        if entry.equal is not None and (place := self._equal.get(entry.equal)):
            yield place
        for length in self._lengths:
            if length <= len(path) and (place := self._prefix.get(path[:length])):
                yield place
