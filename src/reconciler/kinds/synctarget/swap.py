"""Puts staged files in place, and what was there aside. Only renames touch live files."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from ...clients.git import Git
from ...clients.git_objects import LINK, TREE, Entry
from ...clients.git_reader import ObjectReader
from ...clients.offload import check
from ...core.errors import Transient
from .meter import Meter
from .modes import PRIVATE, PRIVATE_FILE, Modes, private
from .place import Place
from .vet import Listing

LONGEST: Final = 4095
"""Bytes of the longest path that a link may lead to."""


class Swap:
    """Moves staged files into place, and what was there aside. Only renames touch live files."""

    def __init__(
        self, place: Place, aside: Path, modes: Modes | None, meter: Meter | None = None
    ) -> None:
        self._place = place
        self._meter = meter or Meter()
        self._modes = modes
        self._root = place.folder
        self.aside = aside
        self.moved = 0

    def stage(self, git: Git, folder: Path, missing: Listing, stop: threading.Event) -> None:
        """Bring all that is missing next to where it belongs, checked by its id."""
        try:
            make_root(self._place)
            shutil.rmtree(self._place.stage, ignore_errors=True)
            if not missing:
                return
            self._place.stage.mkdir(mode=PRIVATE)
            with ObjectReader(folder, git.batch) as reader:
                for index, (path, entry) in enumerate(missing.items()):
                    check(stop)
                    staged = self._place.stage / str(index)
                    self._stage_one(reader, staged, entry, self._mode(path, entry))
                    self._meter.advance()
        except OSError as exc:
            raise self._failed(exc) from exc
        except Transient:
            shutil.rmtree(self._place.stage, ignore_errors=True)
            raise

    def run(self, wanted: Listing, here: Listing, missing: tuple[str, ...]) -> None:
        """Put the staged files in place."""
        try:
            for path, entry in sorted(here.items()):
                if entry.mode != TREE and wanted.get(path) != entry:
                    self._put_aside(path)
            for path, entry in wanted.items():
                if entry.mode == TREE and not self._place.excluded(path):
                    self._folder(path)
            for index, path in enumerate(missing):
                self._into_place(self._place.stage / str(index), path)
            self._remove_empty(wanted, here)
            self._give_modes(wanted)
            shutil.rmtree(self._place.stage, ignore_errors=True)
        except OSError as exc:
            raise self._failed(exc) from exc

    def _mode(self, path: str, entry: Entry) -> int:
        return self._modes.of(path, entry) if self._modes is not None else private(entry)

    def _give_modes(self, wanted: Listing) -> None:
        """Give folders, and files that were right already, the permissions they had.

        Folders come last and from below: one that nobody may write to is filled by now.
        """
        if self._modes is None:
            return
        for path, entry in sorted(wanted.items(), reverse=True):
            if entry.mode != LINK and not self._place.excluded(path):
                set_mode(self._root / path, self._modes.of(path, entry))
        if self._place.is_folder:
            set_mode(self._root, self._modes.of("", Entry(TREE, "")))

    def _stage_one(self, reader: ObjectReader, path: Path, entry: Entry, mode: int) -> None:
        if entry.mode == LINK:
            target = reader.small(entry.id, LONGEST)
            if b"\0" in target or not target:
                raise Transient("the backup holds a link to nowhere", reason="BadPath")
            path.symlink_to(os.fsdecode(target))
        else:
            how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(path, how, PRIVATE_FILE), "wb") as file:
                reader.copy(entry.id, file)
                os.fchmod(file.fileno(), mode)
        self._own(path)

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
            self._own(folder)

    def _put_aside(self, path: str) -> None:
        source, target = self._root / path, self.aside / path
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
        self.moved += 1

    def _remove_empty(self, wanted: Listing, here: Listing) -> None:
        for path, entry in sorted(here.items(), reverse=True):
            if entry.mode == TREE and path not in wanted:
                with suppress(OSError):  # not empty: something that no backup keeps lies there
                    (self._root / path).rmdir()

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            facts = self._root.stat()
            os.lchown(path, facts.st_uid, facts.st_gid)

    def _failed(self, exc: OSError) -> Transient:
        return Transient(
            f"cannot restore {exc.filename or self._root}: {exc.strerror}", reason="RestoreFailed"
        )


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


def make_root(place: Place) -> None:
    """The folder, owned as the one above it is; where nothing is kept yet it is simply made."""
    for folder in (*reversed(place.folder.parents), place.folder):
        if not folder.exists():
            folder.mkdir(mode=PRIVATE if folder == place.folder else 0o755)
            if os.geteuid() == 0:
                facts = folder.parent.stat()
                os.chown(folder, facts.st_uid, facts.st_gid)


def _carry(source: Path, target: Path) -> None:
    """Move to another file system: the copy is whole before the original goes."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
        shutil.rmtree(source)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
        source.unlink()
