"""Puts staged files in place, and what was there aside. Only renames touch live files."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ...clients.git_objects import LINK, TREE, Entry
from .gathered import Gathered
from .modes import PRIVATE, Modes
from .place import Place
from .staging import failed, own
from .vet import Listing


class Swap:
    """Moves staged files into place, and what was there aside. Only renames touch live files."""

    def __init__(self, place: Place, aside: Path, modes: Modes | None) -> None:
        self._place = place
        self._modes = modes
        self._root = place.folder
        self._aside = aside

    def run(self, found: Gathered, staged: Mapping[str, Path]) -> None:
        """Put the ``staged`` files in place, by the paths they belong to."""
        wanted, here = found.wanted, found.here
        try:
            for path, entry in sorted(here.items()):
                if entry.mode != TREE and wanted.get(path) != entry:
                    self._put_aside(path)
            for path, entry in found.given.items():
                if entry.mode == TREE and not self._place.excluded(path):
                    self._folder(path)
            for path, source in staged.items():
                self._into_place(source, path)
            self._remove_empty(wanted, here)
            self._give_modes(found)
            shutil.rmtree(self._place.stage, ignore_errors=True)
        except OSError as exc:
            raise failed(exc, self._place) from exc

    def put_aside(self) -> bool:
        """Whether anything was, by this swap or by one that was killed before its end."""
        return self._aside.exists()

    def _give_modes(self, found: Gathered) -> None:
        """Give folders, and files that were right already, the permissions they had.

        Folders come last and from below: one that nobody may write to is filled by now.
        """
        if self._modes is None:
            return
        for path, entry in sorted(found.given.items(), reverse=True):
            if entry.mode != LINK and not self._place.excluded(path):
                set_mode(self._root / path, self._modes.of(path, entry))
        if self._place.is_folder and found.whole:
            set_mode(self._root, self._modes.of("", Entry(TREE, "")))

    def _into_place(self, staged: Path, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent:
            self._folder(parent)
        final = self._root / path
        if os.path.lexists(final):
            self._put_aside(path)
        staged.rename(final)

    def _folder(self, path: str) -> None:
        """See that every part of ``path`` is a real folder: a link could lead elsewhere."""
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            folder = self._root / part
            if folder.is_dir() and not folder.is_symlink():
                continue
            self._put_aside(part)
            folder.mkdir(mode=PRIVATE)
            own(folder, self._place)

    def _put_aside(self, path: str) -> None:
        source, target = self._root / path, self._aside / path
        if not os.path.lexists(source):
            return
        target.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        while os.path.lexists(target):
            target = target.with_name(target.name + ".again")
        try:
            source.rename(target)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            _carry(source, target)

    def _remove_empty(self, wanted: Listing, here: Listing) -> None:
        for path, entry in sorted(here.items(), reverse=True):
            if entry.mode == TREE and path not in wanted:
                with suppress(OSError):  # not empty: something that no backup keeps lies there
                    (self._root / path).rmdir()


def set_mode(path: Path, mode: int) -> None:
    """Set the permissions of a file or folder that is ours; a link is not followed."""
    try:
        how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, how)
    except OSError:  # not readable: then its owner made it so, after it was restored
        return
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            os.fchmod(descriptor, mode)
    except PermissionError:
        return
    finally:
        os.close(descriptor)


def _carry(source: Path, target: Path) -> None:
    """Move to another file system: the copy is whole before the original goes."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
        shutil.rmtree(source)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
        source.unlink()
