"""Shows in which version the keeper is, so that nobody has to ask whether anything is new."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class Beacon:
    """A file with our life and version, locked for as long as we live.

    Where it cannot be written it is not locked either, and whoever reads it asks us instead.
    """

    def __init__(self, path: Path, life: str) -> None:
        self._life = life
        self._file = -1
        with suppress(OSError):
            self._file = _make(path)
        self.show(0)

    def show(self, version: int) -> None:
        """This is the version now."""
        if self._file < 0:
            return
        try:
            os.pwrite(self._file, f"{self._life} {version:020d}\n".encode(), 0)
        except OSError:
            os.close(self._file)  # what it says does not hold any more
            self._file = -1


def _make(path: Path) -> int:
    path.unlink(missing_ok=True)  # who reads that of an earlier life sees that nobody holds it
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file
