"""Finds where the end of a log begins: from the last row up, through what was rotated away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

from ..core.errors import Transient
from .logline import Mark, read_mark

BLOCK: Final = 1 << 16
PREFIX: Final = 128
COARSE: Final = 0.1
"""Seconds that a file may seem older than its last row: the kernel's clock for files is coarse."""
FURTHER: Final = 1 << 18
"""How far above the lines that were asked for the beginning of one of them may lie."""


class Room:
    """How many bytes some logs may take together; ``cut`` once there was more than that."""

    def __init__(self, size: int, logs: int = 1) -> None:
        self.each = size // max(1, logs)
        self.cut = False


class Wanted:
    """How much of a log's end was asked for; it is shown the rows from the last one up."""

    def __init__(self, lines: int | None, since: float | None, room: Room | None = None) -> None:
        self.since = since
        self._left = lines
        self._room = room
        self._size = 0
        self._headless: set[str] = set()
        self._further = 0

    @property
    def nothing(self) -> bool:
        """Whether no line at all was asked for."""
        return self._left == 0

    def is_after(self, written: float) -> bool:
        """Whether all of a file that was last written at that time is too old."""
        return self.since is not None and written + COARSE < self.since

    def ends_at(self, row: bytes) -> bool:
        """Whether nothing above ``row`` is needed."""
        mark = read_mark(row)
        old = mark.time is not None and self.since is not None and mark.time < self.since
        return mark.whole and (old or self._counted(mark))

    def _counted(self, mark: Mark) -> bool:
        """A line is whole once another of the same stream ends above it."""
        if self._left is None:
            return False
        if self._left:
            self._left -= 1
            self._headless.add(mark.stream)
            return False
        self._headless.discard(mark.stream)
        return not self._headless

    def fits(self, length: int) -> int:
        """How much of a row of ``length`` there is room for; all of it, or the end of the last."""
        if self._room is None:
            return length
        free, self._size = self._room.each - self._size, self._size + length
        if length <= free:
            return length
        self._room.cut = True
        return free if self._size == length else 0

    def gives_up(self, length: int) -> bool:
        """Whether the beginnings of the lines are too far up; ``length`` more was looked at."""
        self._further += length if self._left == 0 else 0
        return self._further > FURTHER


def find_start(path: Path, opened: ExitStack, wanted: Wanted) -> list[BinaryIO]:
    """The files of a log that must be read, oldest first, each where reading begins."""
    files: list[BinaryIO] = []
    for file in generations(path, opened):
        file.seek(0, os.SEEK_END)
        if wanted.is_after(os.fstat(file.fileno()).st_mtime) or (wanted.nothing and not files):
            # Nothing is wanted of it, but whoever follows must know from where on.
            return files or [file]
        start = _start(file, wanted)
        file.seek(start or 0)
        files.insert(0, file)
        if start is not None:
            break
    return files


def _start(file: BinaryIO, wanted: Wanted) -> int | None:
    """Where the wanted part begins; None when above this file."""
    last = file.seek(0, os.SEEK_END)
    for start, row in _rows_back(file):
        if (fit := wanted.fits(last - start)) < last - start:
            return last - fit
        if wanted.ends_at(row) or wanted.gives_up(last - start):
            return start
        last = start
    return None


def _rows_back(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Where each row begins, and what it begins with, from the last one up."""
    left = size = file.seek(0, os.SEEK_END)
    rest = b""
    while left:
        step = min(BLOCK, left)
        left -= step
        file.seek(left)
        block = file.read(step)
        stop = len(block)
        while (cut := block.rfind(b"\n", 0, stop)) >= 0:
            start = left + cut + 1
            if start < size:  # the newline that ends the file begins no row
                yield start, (block[cut + 1 : min(stop, cut + 1 + PREFIX)] + rest)[:PREFIX]
            rest, stop = b"", cut
        rest = (block[: min(stop, PREFIX)] + rest)[:PREFIX]
    if size:
        yield 0, rest


def generations(path: Path, opened: ExitStack) -> Iterator[BinaryIO]:
    """A log and what was rotated away of it, newest first."""
    seen, gap = set(), -1
    for number in count():
        name = path.with_name(f"{path.name}.{number}") if number else path
        try:
            file = opened.enter_context(name.open("rb"))
        except FileNotFoundError:
            # Whoever rotates moves the oldest first: for a moment one number is nobody's.
            if number and gap == number - 1:
                return
            gap = number
            continue
        except OSError as error:
            raise unreadable(name, error) from error
        status = os.fstat(file.fileno())
        # Rotated while we looked: then one file is met twice.
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            yield file


def unreadable(path: Path, error: OSError) -> Transient:
    """The failure of a log that is there and cannot be read."""
    return Transient(
        f"{path} cannot be read: {(error.strerror or '').lower()}", reason="Unreadable"
    )
