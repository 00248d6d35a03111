"""Where the gateway's next start finds its table: a document, and a line for each change since."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import Transient
from .document import Content, Document
from .files import write_atomic

ROOM: Final = 1 << 16
"""Bytes of changes that are never too many."""


class _Print(NamedTuple):
    """What tells a file that somebody else has written from the one we left."""

    inode: int
    size: int
    changed: int


class TableFile:
    """The file of one gateway. It blocks: call it in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._left: tuple[str, _Print] | None = None
        self._base = 0

    def replace(self, document: Document) -> None:
        """Have it hold this document and nothing else."""
        raw = Content(document).whole()
        self._left = None
        write_atomic(self.path, raw)
        self._remember(document.etag)
        self._base = len(raw)

    def append(self, before: str, etag: str, line: bytes) -> bool:
        """Write one change behind ``before``; False when that is not what the file ends with."""
        if self._left is None or self._left != (before, self._seen()):
            return False
        self._left = None  # until it is done
        try:
            _append(self.path, b"\n" + line)
        except OSError as exc:
            text = f"cannot write {self.path}: {exc.strerror}"
            raise Transient(text, reason="WriteFailed") from exc
        self._remember(etag)
        return True

    def holds(self, document: Document) -> bool:
        """Whether the next start would find this. Reads it only when another hand was there."""
        seen = self._seen()
        if self._left is not None and self._left == (document.etag, seen):
            return True
        raw = read_bytes(self.path)
        found = _read(raw or b"")
        if seen is None or found != (document, True):
            return False
        self._left = document.etag, seen
        self._base = len((raw or b"").partition(b"\n")[0])
        return True

    def read(self) -> Document | None:
        """What the next start would find; None when it would find no table."""
        return _read(read_bytes(self.path) or b"")[0]

    @property
    def is_long(self) -> bool:
        """Whether the changes are more than what they change."""
        return self._left is not None and self._left[1].size > 2 * self._base + ROOM

    def _remember(self, etag: str) -> None:
        seen = self._seen()
        self._left = (etag, seen) if seen else None

    def _seen(self) -> _Print | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return _Print(stat.st_ino, stat.st_size, stat.st_mtime_ns)


def read_bytes(path: Path) -> bytes | None:
    """The content of a file; None when there is none. Raises Transient when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Transient(f"cannot read {path}: {exc.strerror}", reason="ReadFailed") from exc


def _read(raw: bytes) -> tuple[Document | None, bool]:
    try:
        content, intact = Content.read(raw)
    except ValueError:
        return None, False
    return content.snapshot(), intact


def _append(path: Path, data: bytes) -> None:
    # Not synced: after a loss of power the specs are read anew anyway, and a torn line is seen.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)
