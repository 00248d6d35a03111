"""Reads logs from their end, and follows them through rotation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

from .outcome import Failure

BLOCK: Final = 1 << 16


def last_lines(path: Path, count: int) -> list[bytes]:
    """The last lines of a log; what was rotated away a moment ago counts."""
    lines = _end_of(path, count)
    if len(lines) < count:
        lines = _end_of(path.with_name(f"{path.name}.1"), count - len(lines)) + lines
    return lines


def _end_of(path: Path, count: int) -> list[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(start_of_tail(file, count))
            data = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error
    return data.removesuffix(b"\n").split(b"\n") if data else []


def start_of_tail(file: BinaryIO, count: int) -> int:
    """Where the last ``count`` lines begin; reads no more of the file than these."""
    left = end = file.seek(0, os.SEEK_END)
    while left and count > 0:
        step = min(BLOCK, left)
        left -= step
        file.seek(left)
        block = file.read(step)
        # The newline that ends the file ends its last line; it begins no other.
        stop = len(block) - (left + len(block) == end)
        while (found := block.rfind(b"\n", 0, stop)) >= 0:
            count -= 1
            if not count:
                return left + found + 1
            stop = found
    return 0 if count > 0 else end


class Tail:
    """One file that grows, is truncated, or is renamed away by rotation."""

    def __init__(self, path: Path, *, count: int) -> None:
        self.path = path
        self._rest = b""
        self._file = self._open()
        if self._file:
            self._file.seek(start_of_tail(self._file, count))

    def news(self) -> bytes:
        """Whole lines that came since the last look."""
        fresh = self._read()
        if self._rotated():
            fresh += self._read()  # what was written between the look and the rename
            self.close()
            self._file = self._open()
            fresh += self._read()
        whole, parted, self._rest = (self._rest + fresh).rpartition(b"\n")
        return whole + parted

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def _open(self) -> BinaryIO | None:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failure(f"{self.path} cannot be read: {error.strerror}") from error

    def _read(self) -> bytes:
        if not self._file:
            return b""
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)
        return self._file.read()

    def _rotated(self) -> bool:
        try:
            now = self.path.stat()
        except OSError:
            return False
        if not self._file:
            return True
        then = os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino)
