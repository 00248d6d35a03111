"""Follows logs that grow, are truncated, or are renamed away by rotation."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from .logfile import Paths, dates, not_before
from .logline import LONGEST, Joiner, Line
from .logscan import Room, Wanted, find_start, generations, unreadable

LOOK: Final = 4 << 20
"""Bytes of one log that are read at one look; the rest comes with the next one."""
PROOF: Final = 32
"""Bytes that are remembered to know a file by."""
SETTLED: Final = 2.0
"""Seconds after which a line without its end is taken for what it is: a prompt, a last word."""


class Spot(NamedTuple):
    """Up to where a file was read."""

    device: int
    inode: int
    offset: int
    before: bytes

    def same_file(self, status: os.stat_result) -> bool:
        return (self.device, self.inode) == (status.st_dev, status.st_ino)

    def holds(self, file: BinaryIO) -> bool:
        """Whether the file only grew; it was truncated, or is another with its number, if not."""
        file.seek(max(0, self.offset - len(self.before)))
        return file.read(len(self.before)) == self.before


class Tail:
    """One log. It holds no file open between two looks: there may be very many."""

    def __init__(
        self,
        path: Path,
        process: str,
        *,
        lines: int | None,
        since: float | None = None,
        room: Room | None = None,
    ) -> None:
        self.path = path
        self.behind = False
        """Whether there was more than one look takes in."""
        self._joiner = Joiner(process)
        self._rest = b""
        self._heard = time.monotonic()
        self._lines, self._since = lines, since
        with ExitStack() as opened:
            files = find_start(path, opened, Wanted(lines, since, room))
            self._spot = _spot(files[0]) if files else None

    def look(self) -> list[Line]:
        """What came since the last look; at the first one, what was asked for of the past."""
        asked, self._lines = self._lines, None
        # As much of the past as was asked for is read at once.
        fresh = self._read(LOOK if asked is None else -1)
        if not fresh:
            return self._settled()
        self._heard = time.monotonic()
        lines: Iterable[Line] = filter(None, map(self._joiner.join, self._rows(fresh)))
        if self._since is not None:
            lines = not_before(lines, self._since)
        return list(deque(lines, maxlen=asked) if asked else lines)

    def _settled(self) -> list[Line]:
        waits = self._rest or self._joiner.waiting
        if not waits or time.monotonic() - self._heard < SETTLED:
            return []
        rest, self._rest = self._rest, b""
        last = self._joiner.join(rest) if rest else None
        return [*([last] if last else ()), *self._joiner.rest()]

    def _rows(self, fresh: bytes) -> Iterator[bytes]:
        *rows, self._rest = (self._rest + fresh).split(b"\n")
        yield from rows
        if len(self._rest) >= LONGEST:
            rest, self._rest = self._rest, b""
            yield rest

    def _read(self, most: int) -> bytes:
        self.behind = False
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise unreadable(self.path, error) from error
        spot = self._spot
        if spot is not None and spot.same_file(status) and spot.offset == status.st_size:
            return b""
        with ExitStack() as opened:
            return b"".join(self._pieces(self._unread(opened), most))

    def _unread(self, opened: ExitStack) -> list[BinaryIO]:
        """The files with something new, oldest first, each where reading goes on."""
        files: list[BinaryIO] = []
        for file in generations(self.path, opened):
            files.insert(0, file)
            if self._spot is not None and self._spot.same_file(os.fstat(file.fileno())):
                if not self._spot.holds(file):
                    self._rest, self._joiner = b"", Joiner(self._joiner.process)
                    file.seek(0)
                return files
        # Where we were is gone, so only the newest file is surely new.
        return [file for file in files[-1:] if str(file.name) == str(self.path)]

    def _pieces(self, files: Iterable[BinaryIO], most: int) -> Iterator[bytes]:
        left = most
        for file in files:
            piece = file.read(left)
            left -= len(piece) if most > 0 else 0
            self._spot = _spot(file)
            yield piece
            if not left:
                self.behind = True
                return


class Follower:
    """Several logs as one, by time. ``paths`` (by process) are asked anew when they are a call."""

    def __init__(
        self,
        paths: Paths | Callable[[], Paths],
        *,
        lines: int | None,
        since: float | None = None,
        room: Room | None = None,
    ) -> None:
        self._room = room
        self._paths = paths if callable(paths) else lambda: paths
        self._tails: dict[str, Tail] = {}
        self._asked = (lines, since)
        self._began = False

    @property
    def behind(self) -> bool:
        """Whether there is more to read at once."""
        return any(tail.behind for tail in self._tails.values())

    def look(self) -> list[Line]:
        """What came since the last look."""
        now = time.time()
        found: list[tuple[float, Line]] = []
        for name, path in self._known().items():
            if lines := self._tail(name, path).look():
                found += dates(lines, now)
        began, self._began = self._began, True
        found.sort(key=lambda one: one[0])
        # What is read as it comes has the time at which it came, if nobody wrote one down.
        return [
            line._replace(time=now) if began and line.time is None else line for _, line in found
        ]

    def _known(self) -> Mapping[str, Path]:
        return self._paths()

    def _tail(self, name: str, path: Path) -> Tail:
        if name not in self._tails:
            # A log that appears later is new from its first line on.
            lines, since = (None, None) if self._began else self._asked
            self._tails[name] = Tail(path, name, lines=lines, since=since, room=self._room)
        return self._tails[name]


def _spot(file: BinaryIO) -> Spot:
    status, offset = os.fstat(file.fileno()), file.tell()
    file.seek(max(0, offset - PROOF))
    return Spot(status.st_dev, status.st_ino, offset, file.read(min(PROOF, offset)))
