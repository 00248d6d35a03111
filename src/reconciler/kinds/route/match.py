"""Which route serves a request. The same decision as the gateway's, in Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .entry import Entry, prepare
from .paths import normalise
from .state import Rule


class Request(NamedTuple):
    """What of a request decides. ``path`` is as the client sent it, without the query."""

    path: str
    host: str = "localhost"
    method: str = "GET"
    referer: str | None = None
    headers: Mapping[str, str] = {}
    """By their names in lower case; several of one name are one, joined by ``", "``."""

    def header(self, name: str) -> bytes | None:
        """What a header says."""
        text = self.headers.get(name)
        if text is None and name == "referer":
            text = self.referer
        return None if text is None else text.encode("utf-8", "surrogateescape")


class Table:
    """Rules, filed so that a request looks only at those that may serve it."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.entries = tuple(sorted((prepare(*item) for item in rules.items()), key=_rank))
        self._cabinets: dict[str, Cabinet] = {}
        for entry in self.entries:
            self._cabinets.setdefault(entry.host, Cabinet()).file(entry)

    def winner(self, request: Request) -> str | None:
        """Name the rule that serves ``request``. Raises ValueError when its path is refused."""
        path = normalise(request.path)
        fitting = (one for one in self.candidates(request.host, path) if one.fits(request))
        best = min(fitting, key=_rank, default=None)
        return None if best is None else best.name

    def candidates(self, host: str, path: str) -> Iterator[Entry]:
        """The entries whose host and path fit, in no order."""
        for key in hosts_above(host.lower()):
            if cabinet := self._cabinets.get(key):
                yield from cabinet.on_the_way(path)


class Cabinet:
    """The entries of one host: by their exact path, or by their prefix."""

    def __init__(self) -> None:
        self._equal: dict[str, list[Entry]] = {}
        self._prefix: dict[str, list[Entry]] = {}
        self._lengths: list[int] = []

    def file(self, entry: Entry) -> None:
        """Take an entry in, after those that win over it."""
        if entry.equal is not None:
            if entry.equal.startswith(entry.prefix):  # nothing fulfils both otherwise
                self._equal.setdefault(entry.equal, []).append(entry)
            return
        if entry.prefix not in self._prefix and len(entry.prefix) not in self._lengths:
            self._lengths = sorted((*self._lengths, len(entry.prefix)))
        self._prefix.setdefault(entry.prefix, []).append(entry)

    def on_the_way(self, path: str) -> Iterator[Entry]:
        """The entries whose path is, or whose prefix begins, this one."""
        yield from self._equal.get(path, ())
        yield from self.above(path)

    def above(self, path: str) -> Iterator[Entry]:
        """The entries of prefixes of this path."""
        for length in self._lengths:
            if length > len(path):
                return
            yield from self._prefix.get(path[:length], ())


def winner(rules: Mapping[str, Rule], request: Request) -> str | None:
    """Name the rule that serves ``request``. Raises ValueError when its path is refused."""
    return Table(rules).winner(request)


def hosts_above(host: str) -> Iterator[str]:
    """What a host may be written as: any, itself, ``*.`` for each name it is below."""
    yield ""
    if host:
        yield host
    dot = host.find(".", 1)
    while dot >= 0:
        yield f"*{host[dot:]}"
        dot = host.find(".", dot + 1)


def _rank(entry: Entry) -> tuple[int, int, int, int, bytes]:
    return entry.rank
