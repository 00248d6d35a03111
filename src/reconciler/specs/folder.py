"""Specs from the files of a folder, as they are now."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..core.errors import Transient
from .nodes import USUAL, Limits
from .outside import OutsideError, Signature, is_settled, read_regular, sign
from .tree import SUFFIXES, Blob, Tree, blob, check_count, display, too_large, unreadable


class _Kept(NamedTuple):
    signature: Signature
    blob: Blob


class Files:
    """The files as they are now; their content is the revision."""

    def __init__(self, specs: Path, limits: Limits = USUAL, *, source: str = "files") -> None:
        self._specs = specs
        self.limits = limits
        self._source = source
        self._kept: dict[str, _Kept] = {}
        self._tree = Tree("", {}, source)

    def read(self) -> Tree:
        """Every spec of the folder; files that did not change are not read again."""
        kept: dict[str, _Kept] = {}
        files: dict[str, Blob] = {}
        skip = len(os.fspath(self._specs.parent).rstrip("/")) + 1
        for entry in self._walk(self._specs):
            one = self._look(entry, kept)
            if one is not None:
                files[display(entry.path[skip:])] = one
        self._kept = kept
        if files != self._tree.files or not self._tree.revision:
            self._tree = Tree(_revision(files), files, self._source)
        return self._tree

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

    def _look(self, entry: os.DirEntry[str], kept: dict[str, _Kept]) -> Blob | None:
        try:
            found = entry.stat()
        except FileNotFoundError:
            return unreadable("the link leads nowhere") if entry.is_symlink() else None
        except OSError as exc:
            return unreadable(f"cannot be read ({(exc.strerror or '').lower()})")
        signature, before = sign(found), self._kept.get(entry.path)
        if before is not None and before.signature == signature:
            kept[entry.path] = before
            return before.blob
        one = self._read(entry, found)
        if is_settled(signature, time.time_ns()):
            kept[entry.path] = _Kept(signature, one)
        return one

    def _read(self, entry: os.DirEntry[str], found: os.stat_result) -> Blob:
        if entry.is_symlink() and not self._is_inside(Path(entry.path)):
            return unreadable("the link leads out of the folder that holds the specs")
        if stat.S_ISREG(found.st_mode) and found.st_size > self.limits.file_bytes:
            return too_large(found.st_size, self.limits)
        try:
            return blob(read_regular(Path(entry.path), self.limits.file_bytes))
        except OutsideError as exc:
            return unreadable(str(exc))

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._specs.parent.resolve())


def _revision(files: Mapping[str, Blob]) -> str:
    whole = hashlib.sha256()
    for path, one in sorted(files.items()):
        whole.update(f"{path}\0{one.digest}\0".encode())
    return whole.hexdigest()[:40]


def _no_folder(exc: OSError) -> Transient:
    if isinstance(exc, (FileNotFoundError, NotADirectoryError)):
        message = f"the spec folder {exc.filename} does not exist; create it or point --specs at it"
        return Transient(message, reason="SpecsMissing")
    message = f"the spec folder {exc.filename} cannot be read ({(exc.strerror or '').lower()})"
    return Transient(message, reason="SpecsUnreadable")
