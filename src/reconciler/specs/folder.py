"""Specs from the files of a folder, as they are now."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ..clients.mounts import are_local
from ..core.errors import Transient
from ..core.moved import Version
from .nodes import USUAL, Limits
from .outside import OutsideError, Signature, is_settled, read_regular, sign
from .tree import (
    SUFFIXES,
    Blob,
    Tree,
    blob,
    check_count,
    display,
    is_spec,
    too_large,
    unreadable,
)

FEW: Final = 2
SMALL: Final = 4096
"""Files of so many bytes are parsed in a moment."""


class _Kept(NamedTuple):
    signature: Signature
    blob: Blob


class Files:
    """The files as they are now; their content is the revision."""

    def __init__(self, specs: Path, limits: Limits = USUAL, *, source: str = "files") -> None:
        self._specs = specs
        self._top = f"{specs}{os.sep}"
        self._peeked: dict[str, tuple[Signature, bytes]] = {}
        """What was just read of a few files, to see whether they are brief."""
        self._above = len(os.fspath(specs.parent).rstrip("/")) + 1
        self.limits = limits
        self._source = source
        self._kept: dict[str, _Kept] = {}
        self._tree = Tree("", {}, source)
        self._is_local = False

    def is_brief(self, touched: Collection[str]) -> bool:
        """A few small files of a disk of this machine that refer to no other."""
        self._peeked.clear()
        is_known = self._is_local and bool(self._tree.revision)
        return is_known and len(touched) <= FEW and all(map(self._peek, touched))

    def read(self, touched: Collection[str] | None = None) -> Tree:
        """Every spec of the folder; files that did not change are not read again.

        ``touched`` are the paths where something happened: nothing else is looked at.
        """
        paths = self._specs_of(touched) if touched is not None and self._tree.revision else None
        if paths is None:
            self._look_at_all()
        else:
            self._look_at(paths)
        return self._tree

    def _look_at_all(self) -> None:
        self._is_local = are_local([self._specs])
        before, self._kept = self._kept, {}
        files: dict[str, Blob] = {}
        for entry in self._walk(self._specs):
            one = self._look(entry.path, before.get(entry.path))
            if one is not None:
                files[self._name(entry.path)] = one
        if files != self._tree.files or not self._tree.revision:
            whole = sum(_worth(name, one) for name, one in files.items())
            self._tree = Tree(_revision(whole), files, self._source)

    def _look_at(self, paths: Collection[str]) -> None:
        tree, changes = self._tree, dict[str, Blob | None]()
        whole = int(tree.revision, 16)
        for path in paths:
            name = self._name(path)
            before, now = tree.files.get(name), self._look(path, self._kept.pop(path, None))
            if before != now:
                changes[name] = now
                whole += _worth(name, now) - _worth(name, before)
        if changes:
            files = Version.edited(tree.files, changes)
            check_count(len(files), self._specs, self.limits)
            self._tree = Tree(
                _revision(whole), files, self._source, tree.revision, frozenset(changes)
            )

    def _specs_of(self, touched: Collection[str]) -> set[str] | None:
        """The spec files among ``touched``; None when a whole folder may have come or gone."""
        found = set()
        for path in touched:
            inside = path.removeprefix(self._top)
            if inside == path or os.path.isdir(path):  # noqa: PTH112 (it never raises)
                return None
            if is_spec(inside):
                found.add(path)
            elif not os.path.lexists(path):
                return None  # it may have been a folder
        return found

    def _name(self, path: str) -> str:
        return display(path[self._above :])

    def pending(self) -> tuple[str, ...]:
        """Nothing is ever pending: what is written is what is wanted."""
        return ()

    def watch_paths(self) -> tuple[Path, ...]:
        return (self._specs,)

    def _walk(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        stack, count = [os.fspath(folder)], 0
        while stack:
            try:
                with os.scandir(stack.pop()) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as exc:
                raise _no_folder(exc) from exc
            for entry in found:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                elif entry.name.endswith(SUFFIXES):
                    count += 1
                    check_count(count, folder, self.limits)
                    yield entry

    def _look(self, path: str, before: _Kept | None) -> Blob | None:
        is_link = False
        try:  # plain calls: there may be thousands of files
            found = os.lstat(path)
            if is_link := stat.S_ISLNK(found.st_mode):
                found = os.stat(path)  # noqa: PTH116 (the same)
        except FileNotFoundError:
            return unreadable("the link leads nowhere") if is_link else None
        except OSError as exc:
            return unreadable(f"cannot be read ({(exc.strerror or '').lower()})")
        signature = sign(found)
        if before is not None and before.signature == signature:
            self._kept[path] = before
            return before.blob
        peeked = self._peeked.pop(path, None)
        if peeked is not None and peeked[0] == signature:
            one = blob(peeked[1])
        else:
            one = self._read(path, found, is_link=is_link)
        if is_settled(signature, time.time_ns()):
            self._kept[path] = _Kept(signature, one)
        return one

    def _read(self, path: str, found: os.stat_result, *, is_link: bool) -> Blob:
        if is_link and not self._is_inside(Path(path)):
            return unreadable("the link leads out of the folder that holds the specs")
        if stat.S_ISREG(found.st_mode) and found.st_size > self.limits.file_bytes:
            return too_large(found.st_size, self.limits)
        try:
            return blob(read_regular(path, self.limits.file_bytes))
        except OutsideError as exc:
            return unreadable(str(exc))

    def _peek(self, path: str) -> bool:
        """Whether a file is small, and refers to no other."""
        try:
            found = os.lstat(path)
            if not stat.S_ISREG(found.st_mode):
                return False
            data = read_regular(path, SMALL)
        except FileNotFoundError:
            return is_spec(path[path.rfind(os.sep) + 1 :])
        except (OSError, OutsideError):
            return False
        self._peeked[path] = sign(found), data
        # Every field that names a file to be read with the specs (envFile, from.file, reload.files)
        # says so; that file may be large, and lie anywhere.
        return b"file" not in data.lower()

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._specs.parent.resolve())


def _worth(name: str, one: Blob | None) -> int:
    """What a file adds to the revision: a sum, so that one edit is two numbers, not all files."""
    if one is None:
        return 0
    digest = hashlib.blake2b(f"{name}\0{one.digest}".encode(), digest_size=20).digest()
    return int.from_bytes(digest)


def _revision(whole: int) -> str:
    return f"{whole % (1 << 160):040x}"


def _no_folder(exc: OSError) -> Transient:
    if isinstance(exc, (FileNotFoundError, NotADirectoryError)):
        message = f"the spec folder {exc.filename} does not exist; create it or point --specs at it"
        return Transient(message, reason="SpecsMissing")
    message = f"the spec folder {exc.filename} cannot be read ({(exc.strerror or '').lower()})"
    return Transient(message, reason="SpecsUnreadable")
