"""Looks only at paths that were touched, and edits the last copy's tree accordingly."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...clients import sqlite
from ...clients.git_objects import TREE, Entry
from ...clients.git_trees import Trees
from ...clients.offload import check
from .place import Place
from .scan import Scan, Scanner
from .take import Means


class Toucher(Scanner):
    """One look at some paths of a folder. What it finds is what a walk over all would find."""

    def __init__(self, place: Place, means: Means, trees: Trees) -> None:
        super().__init__(place, means)
        self._trees = trees
        self._folders: set[str] = {""}

    def look(self, tree: str, touched: Iterable[str]) -> Scan:
        """``tree`` is the last copy's; ``touched`` are paths relative to the place."""
        edits: dict[str, Entry | None] = {}
        for path in sorted(self._with_sidecars(touched)):
            check(self._means.stop)
            top = self._topmost(path)
            if not self._is_covered(top):
                self._found.covers.add(top)
                edits[top] = self._look_at(top)
        edited = self._trees.edit(tree, edits)
        self._found.trees.update(edited.fresh)
        self._found.entry = Entry(TREE, edited.id)
        return self._finish()

    def _look_at(self, top: str) -> Entry | None:
        path, cache = self._place.path / top, self._means.cache
        entry = None
        # What is not there now is gone, though it come back before the next line: a log that does,
        # as each transaction has one, would be taken for a file like others.
        if not os.path.lexists(path) or self._is_left_out(top, path):
            cache.drop(top)
        else:
            entry = self._child(top, path, cache.row(top))
        if entry is not None and entry.mode == TREE:
            self._forget_gone(top)
        else:
            cache.drop_below(top)
        return entry

    def _is_left_out(self, below: str, path: Path) -> bool:
        beside = [name for name in _mains(path.name) if os.path.lexists(path.with_name(name))]
        return self._left_out(below, path.parent, path.name, beside)

    def _with_sidecars(self, touched: Iterable[str]) -> Iterator[str]:
        """A log belongs to its database, and what a file is decides what lies beside it."""
        for path in {*touched}:
            if any(self._place.hides(part) for part in _above(path)):
                continue
            yield path
            folder, _, name = path.rpartition("/")
            beside = [*_mains(name), *(name + suffix for suffix in sqlite.SIDECARS)]
            for other in beside if self._means.snapshots else ():
                found = f"{folder}/{other}" if folder else other
                if os.path.lexists(self._place.path / found):
                    yield found

    def _topmost(self, path: str) -> str:
        """The path, or what took the place of a folder above it."""
        for above in _above(path):
            if above not in self._folders:
                if not _is_folder(self._place.path / above):
                    return above
                self._folders.add(above)
        return path

    def _is_covered(self, path: str) -> bool:
        return path in self._found.covers or not self._found.covers.isdisjoint(_above(path))


def _above(path: str) -> Iterator[str]:
    """The folders above a path, the highest first."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _mains(name: str) -> list[str]:
    ends = (suffix for suffix in sqlite.SIDECARS if name.endswith(suffix) and name != suffix)
    return [name.removesuffix(suffix) for suffix in ends]


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
