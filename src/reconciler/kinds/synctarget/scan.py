"""Looks through a path, and stores what is new in it. What did not change is not read again."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ...clients.git_objects import TREE, Entry, ObjectStore, encode_tree, object_id
from ...clients.offload import check
from ...core.dotgit import is_dotgit
from ...core.errors import Terminal
from .large.marks import Mark
from .place import STAGE, Place
from .rows import Row
from .stamp import is_sidecar
from .take import Means, Skipped, Taker

DEPTH: Final = 200


class Copy(NamedTuple):
    """What a repository has of a target: its files, and the files that tell about them."""

    entry: Entry | None
    modes: Entry | None
    marks: Entry | None = None
    """Which files are pointers to large ones."""


@dataclass(slots=True)
class Scan:
    """What was found. ``trees`` are stored only once somebody wants the whole.

    ``covers``: the paths that were looked at with all below them; the empty one is everything.
    """

    entry: Entry | None = None
    listing: dict[str, Entry] = field(default_factory=dict)
    trees: dict[str, bytes] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    covers: set[str] = field(default_factory=set)
    newest: float = 0.0
    modes: Entry | None = None
    """The file that holds the permissions."""
    marks: Entry | None = None
    pointers: dict[str, Mark] = field(default_factory=dict)
    odd: int = -1

    @property
    def copy(self) -> Copy:
        return Copy(self.entry, self.modes, self.marks)

    def store(self, objects: ObjectStore) -> None:
        """Hand over the trees as well; it is for the caller to settle."""
        for content in self.trees.values():
            objects.content("tree", content)


class Scanner:
    """One walk over one place, or over parts of it. ``listed`` asks for a list of all."""

    def __init__(self, place: Place, means: Means, *, listed: bool = False) -> None:
        self._place = place
        self._means = means
        self._taker = Taker(place, means)
        self._listed = listed
        self._visited: set[str] = set()
        self._found = Scan()

    def run(self) -> Scan:
        """Raises Transient when the path cannot be read; what is less is in ``skipped``."""
        if self._place.is_folder:
            self._found.entry = self._root()
        else:
            self._found.entry = self._alone()
        self._found.covers = {""}
        return self._finish()

    def _finish(self) -> Scan:
        self._found.skipped = self._taker.skipped
        self._found.newest = self._taker.newest
        self._found.pointers = self._taker.pointers
        return self._found

    def _alone(self) -> Entry | None:
        path, name = self._place.path, self._place.path.name
        if path.is_dir() and not path.is_symlink():
            raise Terminal(
                f"{path} is a folder; end its path in / to keep it", reason="PathIsFolder"
            )
        entry = self._child(name, path, self._means.cache.row(name))
        if entry is not None and self._listed:
            self._found.listing[name] = entry
        return entry

    def _root(self) -> Entry | None:
        try:
            perm = stat.S_IMODE(self._place.path.stat().st_mode)
            names = sorted(os.listdir(self._place.path))  # noqa: PTH208 (names, not paths)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._place.unreadable(exc) from exc
        self._means.cache.put_folder("", perm)
        entry = self._tree("", self._place.path, names)
        self._forget_gone("")
        return entry

    def _tree(self, relative: str, path: Path, names: list[str]) -> Entry:
        check(self._means.stop)
        self._visited.add(relative)
        known = self._means.cache.folder(relative)
        children: dict[str, Entry] = {}
        for name in names:
            below = f"{relative}/{name}" if relative else name
            if self._left_out(below, path, name, names):
                continue
            entry = self._child(below, path / name, known.pop(name, None))
            if entry is not None:
                children[name] = entry
                if self._listed:
                    self._found.listing[below] = entry
        for name in known:
            self._means.cache.drop(f"{relative}/{name}" if relative else name)
        content = encode_tree(children)
        tree = object_id("tree", content)
        self._found.trees[tree] = content
        return Entry(TREE, tree)

    def _left_out(self, below: str, path: Path, name: str, names: list[str]) -> bool:
        if name.startswith(STAGE) or self._place.excluded(below):
            return True
        if is_dotgit(name):
            message = "git keeps no repository inside a repository, whatever way it is written"
            self._taker.skip(below, "NestedGit", message)
            return True
        return self._means.snapshots and is_sidecar(path, name, names)

    def _child(self, below: str, path: Path, known: Row | None) -> Entry | None:
        try:
            facts = path.lstat()
            if known is not None and not stat.S_ISREG(facts.st_mode):
                self._means.cache.drop(below)
            if stat.S_ISDIR(facts.st_mode):
                return self._folder(below, path, stat.S_IMODE(facts.st_mode))
            return self._taker.take(below, path, facts, known)
        except FileNotFoundError:
            self._means.cache.drop(below)
            return None  # gone since it was listed: that is what the backup shall say
        except OSError as exc:
            return self._taker.keep(below, "Unreadable", str(exc.strerror))

    def _folder(self, below: str, path: Path, perm: int) -> Entry | None:
        if below.count("/") >= DEPTH:
            return self._taker.keep(below, "TooDeep", f"more than {DEPTH} folders deep")
        self._means.cache.put_folder(below, perm)
        return self._tree(below, path, self._taker.spot.names(below, path))

    def _forget_gone(self, top: str) -> None:
        for folder in self._means.cache.folders(top):
            if folder not in self._visited:
                self._means.cache.drop_below(folder)
