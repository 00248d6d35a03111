"""Takes one path into the object store: a file as it was at one moment, a database by its API."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ...clients import sqlite
from ...clients.git_objects import FILE, LINK, PROGRAM, Changed, Entry, ObjectStore, ReadFailed
from ...clients.offload import check
from .place import Place
from .rows import Cache, Nothing, Row
from .stamp import Stamp, is_same, plain, stamp_of

LIMIT: Final = 100_000_000
"""Bytes of the largest file that common hosts accept."""
TRIES: Final = 3
RACY: Final = 2.0
"""A file changed this short ago may change again without its times showing it: look again."""
AGAIN: Final = frozenset({"Unreadable", "Unstable", "StillChanging", "DatabaseBusy"})
"""What may be otherwise next time, though nobody touches the path."""


class Skipped(NamedTuple):
    """A path that is not, or not freshly, in the backup, and why."""

    path: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Means:
    """What a scan works with. ``previous`` tells what the last backup has at a path."""

    objects: ObjectStore
    scratch: Path
    stop: threading.Event
    snapshots: bool = True
    cache: Cache = field(default_factory=Nothing)
    previous: Callable[[str], Entry | None] = lambda _: None


class Taker:
    """Takes paths of one target, one at a time."""

    def __init__(self, place: Place, means: Means) -> None:
        self._name = place.name
        self._top = os.path.realpath(place.folder)
        self._means = means
        self.skipped: list[Skipped] = []
        self.newest = 0.0
        """When the youngest of the changed files was changed."""

    def take(
        self, below: str, path: Path, facts: os.stat_result, known: Row | None
    ) -> Entry | None:
        """What stands at a path that is no folder; None when nothing does that git can keep."""
        if stat.S_ISLNK(facts.st_mode):
            target = os.fsencode(os.readlink(path))  # noqa: PTH115 (the text, not a path)
            return Entry(LINK, self._means.objects.content("blob", target))
        if stat.S_ISREG(facts.st_mode):
            return self._file(below, path, facts, known)
        self.skip(below, "Special", "sockets, pipes and devices are not files")
        return None

    def keep(self, below: str, reason: str, message: str) -> Entry | None:
        """Leave in the backup what it has: an unreadable file is not a deleted one."""
        self.skip(below, reason, message)
        return self._means.previous(below)

    def names(self, below: str, path: Path) -> list[str]:
        """What is in a folder. One that a link took the place of meanwhile is not there."""
        how = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, how)
        try:
            if not self.is_there(below, descriptor):
                raise FileNotFoundError(below)
            return sorted(os.listdir(descriptor))  # noqa: PTH208 (names, not paths)
        finally:
            os.close(descriptor)

    def is_there(self, below: str, descriptor: int) -> bool:
        """Whether what was opened lies where it was looked for, and not where a link leads.

        Somebody may put a link in the place of a folder after we looked at it: what lies behind
        that is not the target's, and perhaps not for everybody's eyes.
        """
        return os.readlink(f"/proc/self/fd/{descriptor}") == f"{self._top}/{below}"  # noqa: PTH115 (the text)

    def skip(self, below: str, reason: str, message: str) -> None:
        self.skipped.append(Skipped(below, reason, message))

    def _file(
        self, below: str, path: Path, facts: os.stat_result, known: Row | None
    ) -> Entry | None:
        if known is not None and known.stamp is not None and is_same(known.stamp, path, facts):
            return Entry(known.mode, known.blob)
        self._means.cache.put(below, Row(facts.st_size, "", "", _perm(facts), None))
        self.newest = max(self.newest, facts.st_mtime)
        if facts.st_size > LIMIT:
            return self.keep(
                below, "TooLarge", f"{facts.st_size} bytes; at most {LIMIT} can be kept"
            )
        for attempt in range(TRIES):
            check(self._means.stop)
            try:
                return self._once(below, path, last=attempt == TRIES - 1)
            except Changed:
                continue
            except ReadFailed as exc:
                return self.keep(below, "Unreadable", str(exc))
        return self.keep(below, "Unstable", "changed each time while it was read")

    def _once(self, below: str, path: Path, *, last: bool) -> Entry | None:
        """Read a file as it was at one moment. Raises Changed when it was not at one."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not self.is_there(below, descriptor):
                raise Changed
            before = os.fstat(descriptor)
            if self._means.snapshots and sqlite.is_database(os.pread(descriptor, 16, 0)):
                return self._database(below, path, before)
            blob = self._means.objects.blob(file, before.st_size)
            after = os.fstat(descriptor)
        if plain(before) != plain(after):
            if not last or after.st_size < before.st_size:
                raise Changed
            self.skip(below, "StillChanging", "was written to while it was read")
        return self._remember(below, before, plain(before), blob)

    def _database(self, below: str, path: Path, facts: os.stat_result) -> Entry | None:
        stamp = stamp_of(path, facts, database=True)
        copy = self._means.scratch / f"{self._name}.{threading.get_ident()}.db"
        try:
            taken = sqlite.snapshot(path, copy)
            if not taken.taken:
                return self.keep(below, "DatabaseBusy", taken.problem)
            if taken.problem:
                self.skip(below, "DatabaseDamaged", taken.problem)
            now = path.stat()
            if (now.st_dev, now.st_ino) != (facts.st_dev, facts.st_ino):
                raise Changed
            with copy.open("rb", buffering=0) as file:
                blob = self._means.objects.blob(file, copy.stat().st_size)
        finally:
            copy.unlink(missing_ok=True)
        return self._remember(below, facts, stamp, blob)

    def _remember(self, below: str, facts: os.stat_result, stamp: Stamp, blob: str) -> Entry:
        mode = PROGRAM if facts.st_mode & stat.S_IXUSR else FILE
        sure = time.time() - max(stamp[1::3]) / 1e9 > RACY
        self._means.cache.put(
            below, Row(facts.st_size, mode, blob, _perm(facts), stamp if sure else None)
        )
        return Entry(mode, blob)


def _perm(facts: os.stat_result) -> int:
    return stat.S_IMODE(facts.st_mode)
