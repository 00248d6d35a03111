"""Looks at a path and stores what is new in it. What did not change is not read again."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ...clients import sqlite
from ...clients.git_objects import (
    FILE,
    LINK,
    PROGRAM,
    TREE,
    Changed,
    Entry,
    ObjectStore,
    ReadFailed,
    encode_tree,
    object_id,
)
from ...clients.offload import check
from ...core.errors import Terminal
from .place import STAGE, Place
from .stamp import Stamp, is_same, is_sidecar, plain, stamp_of

LIMIT: Final = 100_000_000
"""Bytes of the largest file that common hosts accept."""
TRIES: Final = 3
DEPTH: Final = 200
RACY: Final = 2.0
"""A file changed this short ago may change again without its times showing it: look again."""

Cache = Mapping[str, tuple[Stamp, str, str]]


class Skipped(NamedTuple):
    """A path that is not, or not freshly, in the backup, and why."""

    path: str
    reason: str
    message: str


@dataclass(slots=True)
class Scan:
    """What was found. ``trees`` are stored only once somebody wants the whole."""

    entry: Entry | None = None
    listing: dict[str, Entry] = field(default_factory=dict)
    trees: dict[str, bytes] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    cache: dict[str, tuple[Stamp, str, str]] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    newest: float = 0.0
    """When the youngest of the changed files was changed."""

    def store(self, objects: ObjectStore) -> None:
        for content in self.trees.values():
            objects.content("tree", content)
        objects.settle()


@dataclass(frozen=True, slots=True)
class Means:
    """What a scan works with. ``previous`` tells what the last backup has at a path."""

    objects: ObjectStore
    scratch: Path
    stop: threading.Event
    snapshots: bool = True
    cache: Cache = field(default_factory=dict)
    previous: Callable[[str], Entry | None] = lambda _: None


class Scanner:
    """One walk over one place."""

    def __init__(self, place: Place, means: Means) -> None:
        self._place = place
        self._means = means
        self._found = Scan()

    def run(self) -> Scan:
        """Raises Transient when the path cannot be read; what is less is in ``skipped``."""
        if self._place.is_folder:
            self._found.entry = self._root()
        else:
            if self._place.path.is_dir() and not self._place.path.is_symlink():
                raise Terminal(
                    f"{self._place.path} is a folder; end its path in / to keep it",
                    reason="PathIsFolder",
                )
            name = self._place.path.name
            self._found.entry = self._child(name, self._place.path)
            if self._found.entry is not None:
                self._found.listing[name] = self._found.entry
        return self._found

    def _root(self) -> Entry | None:
        try:
            names = sorted(os.listdir(self._place.path))  # noqa: PTH208 (names, not paths)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._place.unreadable(exc) from exc
        return self._tree("", self._place.path, names)

    def _tree(self, relative: str, path: Path, names: list[str]) -> Entry:
        check(self._means.stop)
        children: dict[str, Entry] = {}
        for name in names:
            below = f"{relative}/{name}" if relative else name
            if self._left_out(below, path, name, names):
                continue
            entry = self._child(below, path / name)
            if entry is not None:
                children[name] = self._found.listing[below] = entry
        content = encode_tree(children)
        tree = object_id("tree", content)
        self._found.trees[tree] = content
        return Entry(TREE, tree)

    def _left_out(self, below: str, path: Path, name: str, names: list[str]) -> bool:
        if name.startswith(STAGE) or self._place.excluded(below):
            return True
        if name.lower() in {".git", "git~1"}:
            self._skip(below, "NestedGit", "git cannot keep a repository inside a repository")
            return True
        return self._means.snapshots and is_sidecar(path, name, names)

    def _child(self, below: str, path: Path) -> Entry | None:
        try:
            facts = path.lstat()
            if stat.S_ISDIR(facts.st_mode):
                return self._folder(below, path)
            if stat.S_ISLNK(facts.st_mode):
                target = os.fsencode(os.readlink(path))  # noqa: PTH115 (the text, not a path)
                return Entry(LINK, self._means.objects.content("blob", target))
            if stat.S_ISREG(facts.st_mode):
                return self._file(below, path, facts)
        except FileNotFoundError:
            return None  # gone since it was listed: that is what the backup shall say
        except (OSError, ReadFailed) as exc:
            return self._keep(below, "Unreadable", str(getattr(exc, "strerror", exc)))
        self._skip(below, "Special", "sockets, pipes and devices are not files")
        return None

    def _folder(self, below: str, path: Path) -> Entry | None:
        if below.count("/") >= DEPTH:
            return self._keep(below, "TooDeep", f"more than {DEPTH} folders deep")
        return self._tree(below, path, sorted(os.listdir(path)))  # noqa: PTH208 (names, not paths)

    def _file(self, below: str, path: Path, facts: os.stat_result) -> Entry | None:
        self._found.files += 1
        self._found.size += facts.st_size
        known = self._means.cache.get(below)
        if known is not None and is_same(known[0], path, facts):
            self._found.cache[below] = known
            return Entry(known[1], known[2])
        self._found.newest = max(self._found.newest, facts.st_mtime)
        if facts.st_size > LIMIT:
            return self._keep(
                below, "TooLarge", f"{facts.st_size} bytes; at most {LIMIT} can be kept"
            )
        return self._take(below, path)

    def _take(self, below: str, path: Path) -> Entry | None:
        """Read a file as it was at one moment; one that changes meanwhile is taken again."""
        for attempt in range(TRIES):
            check(self._means.stop)
            try:
                return self._take_once(below, path, last=attempt == TRIES - 1)
            except Changed:
                continue
        return self._keep(below, "Unstable", "changed each time while it was read")

    def _take_once(self, below: str, path: Path, *, last: bool) -> Entry | None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            if self._means.snapshots and sqlite.is_database(os.pread(descriptor, 16, 0)):
                return self._database(below, path, before)
            blob = self._means.objects.blob(file, before.st_size)
            after = os.fstat(descriptor)
        if plain(before) != plain(after):
            if not last or after.st_size < before.st_size:
                raise Changed
            self._skip(below, "StillChanging", "was written to while it was read")
        return self._remember(below, before, plain(before), blob)

    def _database(self, below: str, path: Path, facts: os.stat_result) -> Entry | None:
        stamp = stamp_of(path, facts, database=True)
        copy = self._means.scratch / f"{self._place.name}.{threading.get_ident()}.db"
        try:
            taken = sqlite.snapshot(path, copy)
            if not taken.taken:
                return self._keep(below, "DatabaseBusy", taken.problem)
            if taken.problem:
                self._skip(below, "DatabaseDamaged", taken.problem)
            with copy.open("rb", buffering=0) as file:
                blob = self._means.objects.blob(file, copy.stat().st_size)
        finally:
            copy.unlink(missing_ok=True)
        return self._remember(below, facts, stamp, blob)

    def _remember(self, below: str, facts: os.stat_result, stamp: Stamp, blob: str) -> Entry:
        mode = PROGRAM if facts.st_mode & stat.S_IXUSR else FILE
        if time.time() - max(stamp[1::3]) / 1e9 > RACY:
            self._found.cache[below] = (stamp, mode, blob)
        return Entry(mode, blob)

    def _keep(self, below: str, reason: str, message: str) -> Entry | None:
        """Leave in the backup what it has: an unreadable file is not a deleted one."""
        self._skip(below, reason, message)
        return self._means.previous(below)

    def _skip(self, below: str, reason: str, message: str) -> None:
        self._found.skipped.append(Skipped(below, reason, message))
