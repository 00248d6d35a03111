"""Brings files beside the place they belong to, each checked by its id.

Killed at any point, the next one goes on: what lies there whole and right is not brought again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ...clients.git_objects import CHUNK, LINK, Entry, header, object_id
from ...clients.git_reader import ObjectReader
from ...clients.offload import check
from ...core.errors import Transient
from .large.download import Downloads
from .meter import Meter
from .modes import PRIVATE, PRIVATE_FILE, Modes, private
from .place import Place
from .vet import Listing

LONGEST: Final = 4095
"""Bytes of the longest path that a link may lead to."""
SLICE: Final = 10.0
"""Seconds of work after which others get their turn."""
_UNFINISHED: Final = ".part"


class Means(NamedTuple):
    """What files are brought with. ``sure`` remembers what this operator itself has checked."""

    modes: Modes | None
    sizes: Mapping[str, int]
    sure: set[str]
    meter: Meter
    large: Downloads
    """The files that lie in a store and not in git."""


class Staging:
    """The folder beside one place that files are brought to."""

    def __init__(self, place: Place, means: Means) -> None:
        self._place = place
        self._means = means

    @property
    def place(self) -> Place:
        """What it is brought for."""
        return self._place

    @property
    def modes(self) -> Modes | None:
        """The permissions of it all."""
        return self._means.modes

    def path(self, path: str) -> Path:
        """Where the file that belongs to ``path`` lies until then."""
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:40]
        return self._place.stage / name

    def holds(self, path: str) -> bool:
        return os.path.lexists(self.path(path))

    def bring(self, reader: ObjectReader, missing: Listing, stop: threading.Event) -> bool:
        """Bring what is missing; False when time was up first, and it is to be called again."""
        meter, ends = self._means.meter, time.monotonic() + SLICE
        sizes = self._means.sizes
        total = sum(sizes.get(entry.id, 0) for entry in missing.values())
        meter.begin("restore", len(missing), size=total)
        try:
            make_root(self._place)
            self._place.stage.mkdir(mode=PRIVATE, exist_ok=True)
            self._sweep(missing)
            large = {path: entry for path, entry in missing.items() if not self.holds(path)}
            if not self._means.large.bring(self._place.stage, large, stop, ends):
                return False
            for number, (path, entry) in enumerate(missing.items(), 1):
                check(stop)
                known = _mark(path, entry) in self._means.sure
                if not self._is_there(path, entry):
                    self._bring_one(reader, path, entry)
                meter.advance(size=sizes.get(entry.id, 0))
                if time.monotonic() > ends and not known and number < len(missing):
                    return False
        except OSError as exc:
            raise failed(exc, self._place) from exc
        except Transient:
            self.drop()
            raise
        return True

    def drop(self) -> None:
        """Nothing of this version is to be put in place; what costs much to bring is kept."""
        if self._place.stage.is_dir():
            self._sweep({})
            with suppress(OSError):
                self._place.stage.rmdir()

    def one(self, reader: ObjectReader, path: str, entry: Entry, stop: threading.Event) -> Path:
        """Bring one file, and look at what the disk has of it. Raises Transient if that differs."""
        try:
            make_root(self._place)
            self._place.stage.mkdir(mode=PRIVATE, exist_ok=True)
            self._means.large.bring(self._place.stage, {path: entry}, stop)
            self._bring_one(reader, path, entry)
            self._means.sure.clear()
            if not self._is_there(path, entry):
                raise Transient(f"{path} is not what was written", reason="RestoreFailed")
        except OSError as exc:
            raise failed(exc, self._place) from exc
        return self.path(path)

    def _sweep(self, missing: Listing) -> None:
        """What an older version brought, or a killed writer left, is in nobody's way."""
        wanted = {self.path(path).name for path in missing} | self._means.large.leftovers()
        for entry in self._place.stage.iterdir():
            if entry.name not in wanted:
                shutil.rmtree(entry) if _is_folder(entry) else entry.unlink()

    def _is_there(self, path: str, entry: Entry) -> bool:
        """Whether it was brought before, and is right: by its content, not by its name."""
        staged, mark = self.path(path), _mark(path, entry)
        if not os.path.lexists(staged):
            return False
        if mark in self._means.sure or self._is_right(path, staged, entry):
            if entry.mode != LINK:
                staged.chmod(self._mode(path, entry))
            self._means.sure.add(mark)
            return True
        staged.unlink()
        return False

    def _is_right(self, path: str, staged: Path, entry: Entry) -> bool:
        if path in self._means.large:
            return self._means.large.is_right(path, staged)
        return blob_id(staged) == (entry.id, entry.mode == LINK)

    def _bring_one(self, reader: ObjectReader, path: str, entry: Entry) -> None:
        staged = self.path(path)
        part = staged.with_name(staged.name + _UNFINISHED)
        part.unlink(missing_ok=True)
        if path in self._means.large:
            self._means.large.hand_over(self._place.stage, path, part)
            part.chmod(self._mode(path, entry))
        elif entry.mode == LINK:
            target = reader.small(entry.id, LONGEST)
            if b"\0" in target or not target:
                raise Transient("the backup holds a link to nowhere", reason="BadPath")
            part.symlink_to(os.fsdecode(target))
        else:
            how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(part, how, PRIVATE_FILE), "wb") as file:
                reader.copy(entry.id, file)
                os.fchmod(file.fileno(), self._mode(path, entry))
        own(part, self._place)
        part.rename(staged)
        self._means.sure.add(_mark(path, entry))

    def _mode(self, path: str, entry: Entry) -> int:
        modes = self._means.modes
        return modes.of(path, entry) if modes is not None else private(entry)


def blob_id(path: Path) -> tuple[str, bool]:
    """Git's id of a file as it lies there, and whether it is a link."""
    if path.is_symlink():
        text = os.fsencode(os.readlink(path))  # noqa: PTH115 (the text, not a path)
        return object_id("blob", text), True
    how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, how), "rb") as file:
        digest = hashlib.sha1(
            header("blob", os.fstat(file.fileno()).st_size), usedforsecurity=False
        )
        for part in _parts(file.fileno()):
            digest.update(part)
    return digest.hexdigest(), False


def make_root(place: Place) -> None:
    """The folder, owned as the one above it is; where nothing is kept yet it is simply made."""
    for folder in (*reversed(place.folder.parents), place.folder):
        if not folder.exists():
            folder.mkdir(mode=PRIVATE if folder == place.folder else 0o755)
            if os.geteuid() == 0:
                facts = folder.parent.stat()
                os.chown(folder, facts.st_uid, facts.st_gid)


def own(path: Path, place: Place) -> None:
    """What is restored belongs to whom the folder belongs to."""
    if os.geteuid() == 0:
        facts = place.folder.stat()
        os.lchown(path, facts.st_uid, facts.st_gid)


def failed(exc: OSError, place: Place) -> Transient:
    return Transient(
        f"cannot restore {exc.filename or place.folder}: {exc.strerror}", reason="RestoreFailed"
    )


def _mark(path: str, entry: Entry) -> str:
    return f"{path}\0{entry.mode}\0{entry.id}"


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _parts(descriptor: int) -> Iterator[bytes]:
    while part := os.read(descriptor, CHUNK):
        yield part
