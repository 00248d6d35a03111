"""Takes one path into the object store: a file as it was at one moment, a database by its API."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from ...clients import sqlite
from ...clients.blobs import Shrunk
from ...clients.git_objects import FILE, LINK, PROGRAM, Changed, Entry, ObjectStore, ReadFailed
from ...clients.offload import check
from .large.marks import NONE, Mark, Marks
from .large.pointer import SUFFIX, Pointer
from .place import Place
from .rows import Cache, Nothing, Row
from .secrets import NO_GUARD, Guard
from .spot import Spot
from .stamp import Stamp, is_same, plain, stamp_of

LIMIT: Final = 100_000_000
"""Bytes of the largest file that common hosts accept."""
TRIES: Final = 3
RACY: Final = 2.0
"""A file changed this short ago may change again without its times showing it: look again."""
LATER: Final = "Uploading"
"""Why a large file is left out of a look that is for the others."""
AGAIN: Final = frozenset(
    {"Unreadable", "Unstable", "StillChanging", "DatabaseBusy", LATER, "UploadFailed"}
)
"""What may be otherwise next time, though nobody touches the path."""


class Skipped(NamedTuple):
    """A path that is not, or not freshly, in the backup, and why."""

    path: str
    reason: str
    message: str


class Stored(NamedTuple):
    """What git has of a file; ``name`` is the blob's that it is a pointer to, if it is one."""

    blob: str
    name: str = ""


class NotTaken(Exception):  # noqa: N818 (an answer: what the backup has stays)
    """A file is left as the backup has it, for a reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Large(Protocol):
    """What is done with files above a threshold."""

    threshold: int
    ready: bool
    """Whether they are taken at all this time."""

    def take(self, below: str, file: BinaryIO, size: int, /) -> Stored:
        """Keep a file's content. Raises NotTaken, and Changed when it is another by now."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a scan works with. ``previous`` tells what the last backup has at a path."""

    objects: ObjectStore
    scratch: Path
    stop: threading.Event
    snapshots: bool = True
    cache: Cache = field(default_factory=Nothing)
    previous: Callable[[str], Entry | None] = lambda _: None
    large: Large | None = None
    marks: Marks = NONE
    """Which files of the last backup are pointers."""
    marked: Entry | None = None
    """The file that says so."""
    pointer: Callable[[Entry], Pointer | None] = lambda _: None
    """What a file of the last backup says, if it is a pointer."""
    guard: Guard = NO_GUARD
    """Tells which files hold secrets."""


class Taker:
    """Takes paths of one target, one at a time."""

    def __init__(self, place: Place, means: Means) -> None:
        self._name = place.name
        self.spot = Spot(place)
        self._means = means
        self.skipped: list[Skipped] = []
        self.pointers: dict[str, Mark] = {}
        """Which of what was taken are pointers to large files."""
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
        entry, marked = self._means.previous(below), self._means.marks.files.get(below)
        if entry is None:
            return self._adopted(below)
        if marked is not None and marked.pointer == entry.id:
            self.pointers[below] = Mark(entry.id, marked.names[0])
        return entry

    def _adopted(self, below: str) -> Entry | None:
        """An earlier tool's pointer, in the place of the file that is not in the store yet."""
        means = self._means
        entry = means.previous(below + SUFFIX) if means.marked is None else None
        pointer = means.pointer(entry) if entry is not None and entry.mode == FILE else None
        if entry is None or pointer is None:
            return None
        self.pointers[below] = Mark(entry.id, pointer.name)
        return entry

    def skip(self, below: str, reason: str, message: str) -> None:
        self.skipped.append(Skipped(below, reason, message))

    def _file(
        self, below: str, path: Path, facts: os.stat_result, known: Row | None
    ) -> Entry | None:
        if known is not None and known.stamp is not None and is_same(known.stamp, path, facts):
            return self._entry(below, known.mode, Stored(known.blob, known.name))
        self._means.cache.put(below, Row(facts.st_size, "", "", _perm(facts), None))
        self.newest = max(self.newest, facts.st_mtime)
        if (refused := self._refused(facts.st_size)) is not None:
            return self.keep(below, refused.reason, str(refused))
        for attempt in range(TRIES):
            check(self._means.stop)
            try:
                return self._once(below, path, last=attempt == TRIES - 1)
            except (Changed, Shrunk):
                continue
            except NotTaken as exc:
                return self.keep(below, exc.reason, str(exc))
            except ReadFailed as exc:
                return self.keep(below, "Unreadable", str(exc))
        return self.keep(below, "Unstable", "changed each time while it was read")

    def _once(self, below: str, path: Path, *, last: bool) -> Entry | None:
        """Read a file as it was at one moment. Raises Changed when it was not at one."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not self.spot.has(below, descriptor):
                raise Changed
            before = os.fstat(descriptor)
            if self._means.snapshots and sqlite.is_database(os.pread(descriptor, 16, 0)):
                return self._database(below, path, before)
            found = self._means.guard.look(below, descriptor)
            if found is not None and found.held:
                raise NotTaken("SecretHeld", str(found))
            stored = self._store(below, file, before.st_size)
            after = os.fstat(descriptor)
        if plain(before) != plain(after):
            if not last or after.st_size < before.st_size:
                raise Changed
            self.skip(below, "StillChanging", "was written to while it was read")
        if found is not None:
            self.skip(below, "SecretFound", str(found))
        return self._remember(below, before, plain(before), stored, again=found is not None)

    def _database(self, below: str, path: Path, facts: os.stat_result) -> Entry | None:
        stamp = stamp_of(path, facts, database=True)
        copy = self._means.scratch / f"{self._name}.{threading.get_ident()}.db"
        try:
            taken = sqlite.snapshot(path, copy)
            if not taken.taken:
                return self.keep(below, "DatabaseBusy", taken.problem)
            if taken.problem and (kept := self.keep(below, "DatabaseDamaged", taken.problem)):
                return kept  # it may be the last good version; a damaged one is better than none
            now = path.stat()
            if (now.st_dev, now.st_ino) != (facts.st_dev, facts.st_ino):
                raise Changed
            with copy.open("rb", buffering=0) as file:
                stored = self._store(below, file, copy.stat().st_size)
        finally:
            copy.unlink(missing_ok=True)
        return self._remember(below, facts, stamp, stored, again=bool(taken.problem))

    def _refused(self, size: int) -> NotTaken | None:
        """Why a file of this size is not even opened."""
        large = self._means.large
        if large is not None and size > large.threshold:
            return None if large.ready else NotTaken(LATER, "is uploaded after the others")
        if size > LIMIT:
            return NotTaken("TooLarge", f"{size} bytes; at most {LIMIT} can be kept")
        return None

    def _store(self, below: str, file: BinaryIO, size: int) -> Stored:
        if (refused := self._refused(size)) is not None:
            raise refused
        large = self._means.large
        if large is not None and size > large.threshold:
            return large.take(below, file, size)
        return Stored(self._means.objects.blob(file, size))

    def _entry(self, below: str, mode: str, stored: Stored) -> Entry:
        if stored.name:
            self.pointers[below] = Mark(stored.blob, stored.name)
        return Entry(mode, stored.blob)

    def _remember(
        self,
        below: str,
        facts: os.stat_result,
        stamp: Stamp,
        stored: Stored,
        *,
        again: bool = False,
    ) -> Entry:
        """``again``: to be read anew with every look at all, for something is to be said of it."""
        mode = PROGRAM if facts.st_mode & stat.S_IXUSR else FILE
        sure = time.time() - max(stamp[1::3]) / 1e9 > RACY
        known = stamp if sure and not again else None
        row = Row(facts.st_size, mode, stored.blob, _perm(facts), known, stored.name)
        self._means.cache.put(below, row)
        return self._entry(below, mode, stored)


def _perm(facts: os.stat_result) -> int:
    return stat.S_IMODE(facts.st_mode)
