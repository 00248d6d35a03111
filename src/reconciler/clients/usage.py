"""What processes use, with all they started: processor, memory, open files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..stack.reading import read_whole
from .proc import instance_of

TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """Of one process and all below it. ``files`` is None where another user owns one of them."""

    began: float
    cpu: float
    memory: int
    files: int | None
    members: int


class _Stat(NamedTuple):
    parent: int
    ticks: int
    born: int
    pages: int


class Meter:
    """Reads /proc once for many. Called from one thread at a time; blocks as a disk does not."""

    def __init__(self) -> None:
        self._most: dict[str, tuple[tuple[int, int], int]] = {}
        self._tags: dict[tuple[int, int], str] = {}
        self._booted = _booted()

    def read(self, roots: Mapping[str, int]) -> dict[str, Usage]:
        """What each named process uses now; those that are gone are left out."""
        stats = dict(_all_stats())
        below = _by_parent(stats)
        lost = self._lost(roots, stats, below)
        living = {name: pid for name, pid in roots.items() if pid in stats}
        most, self._most = self._most, {}
        return {
            name: self._sum(name, _tree((pid, *lost.get(name, ())), below), stats, most)
            for name, pid in living.items()
        }

    def _sum(
        self,
        name: str,
        members: list[int],
        stats: Mapping[int, _Stat],
        most: Mapping[str, tuple[tuple[int, int], int]],
    ) -> Usage:
        root = (members[0], stats[members[0]].born)
        ticks = sum(stats[pid].ticks for pid in members)
        life, before = most.get(name, (root, 0))
        # A child that ends elsewhere takes its time along; a counter must not go back for that.
        ticks = max(ticks, before) if life == root else ticks
        self._most[name] = (root, ticks)
        return Usage(
            self._booted + root[1] / TICKS,
            ticks / TICKS,
            sum(stats[pid].pages for pid in members) * PAGE,
            _files(members),
            len(members),
        )

    def _lost(
        self, roots: Mapping[str, int], stats: Mapping[int, _Stat], below: Mapping[int, list[int]]
    ) -> Mapping[str, list[int]]:
        """What left its parent and came to who started the roots, by the name it carries."""
        known = set(roots.values())
        above = {stats[pid].parent for pid in known if pid in stats} - {0, 1}
        found, tags = defaultdict(list), {}
        for pid in (pid for one in above for pid in below[one] if pid not in known):
            key = (pid, stats[pid].born)
            tags[key] = name = self._tags[key] if key in self._tags else instance_of(pid)
            found[name].append(pid)
        self._tags = tags
        return found


def _all_stats() -> Iterator[tuple[int, _Stat]]:
    for name in os.listdir("/proc"):  # noqa: PTH208 (names only, and there are many)
        if name.isdecimal():
            stat = _stat(name)
            if stat is not None:
                yield int(name), stat


def _stat(pid: str) -> _Stat | None:
    try:
        fields = read_whole(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None  # it has ended meanwhile
    if not fields:
        return None
    times = sum(int(one) for one in fields[11:15])
    return _Stat(int(fields[1]), times, int(fields[19]), int(fields[21]))


def _by_parent(stats: Mapping[int, _Stat]) -> defaultdict[int, list[int]]:
    below = defaultdict(list)
    for pid, stat in stats.items():
        below[stat.parent].append(pid)
    return below


def _tree(roots: Iterable[int], below: Mapping[int, list[int]]) -> list[int]:
    """``roots`` and all below them, the first of the roots first."""
    found = list(roots)
    for pid in found:  # it grows while it is walked
        found += below.get(pid, ())
    return found


def _files(members: Iterable[int]) -> int | None:
    try:
        return sum(_count_files(pid) for pid in members)
    except PermissionError:
        return None


def _count_files(pid: int) -> int:
    """Newer kernels say it by the size of a folder."""
    path = f"/proc/{pid}/fd"
    try:
        return os.stat(path).st_size or len(os.listdir(path))  # noqa: PTH116, PTH208 (the quick way)
    except FileNotFoundError:
        return 0


def _booted() -> float:
    text = Path("/proc/stat").read_text()
    return float(text.partition("\nbtime ")[2].split(maxsplit=1)[0])
