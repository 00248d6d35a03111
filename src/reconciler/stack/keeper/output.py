"""What a program says: one file for both its streams, each line with its time and stream."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from supervisor.dispatchers import PDispatcher

if TYPE_CHECKING:
    from .policy import Settings

_LONGEST_WAIT: Final = 16 * 1024
"""A line that has grown so long is written in parts, so that nothing is kept in memory."""
_CHUNK: Final = 128 * 1024
_TAIL_LINES: Final = 50
_TAIL_BYTES: Final = 16 * 1024
_DRAIN_AT_MOST: Final = 64
"""Chunks read when a process has ended; what escaped it may write for ever."""


class LogFile:
    """The log of one program; open while it lives."""

    __slots__ = ("_file", "_path", "_settings", "_size", "_written")

    def __init__(self, path: str, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self._written = self._size = 0
        self._file = -1
        self._open_if_there()

    def write(self, lines: bytes) -> None:
        """Add ``lines``, and turn the file over when it is full; a full disk stops nobody."""
        with suppress(OSError):
            if self._file < 0:
                self._open()
            written = os.write(self._file, lines)
            while written < len(lines):
                written += os.write(self._file, lines[written:])
        self._written += len(lines)
        self._size += len(lines)
        if 0 < self._settings.logMaxBytes <= self._size:
            self._turn_over()

    def adapt(self, settings: Settings) -> None:
        """Turn over at another size from now on."""
        self._settings = settings

    def reopen(self) -> None:
        """Begin the file anew where somebody has moved it away; if not now, with the next line."""
        self.close()
        with suppress(OSError):
            self._open()

    def remove(self) -> None:
        """Empty it."""
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            self._size = 0

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def tail(self) -> bytes:
        """The last that was written since it was opened."""
        want = min(self._written, _TAIL_BYTES)
        data = _end_of(self._path, want)
        if len(data) < want:  # it has just been turned over
            data = _end_of(f"{self._path}.1", want - len(data)) + data
        return data

    def _open_if_there(self) -> None:
        """To make a file costs as much as to start a program; many never say a word."""
        try:
            self._open(0)
        except FileNotFoundError:
            if not os.access(os.path.dirname(self._path), os.W_OK | os.X_OK):  # noqa: PTH120
                self._open()  # and say why not

    def _open(self, more: int = os.O_CREAT) -> None:
        flags = os.O_WRONLY | more | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._file).st_size

    def _turn_over(self) -> None:
        """Number the older ones up and begin anew; what cannot be moved is emptied."""
        names = [
            self._path,
            *(f"{self._path}.{n}" for n in range(1, self._settings.logBackups + 1)),
        ]
        for older, newer in reversed(list(pairwise(names))):
            with suppress(OSError):
                os.replace(older, newer)  # noqa: PTH105 (names are text here)
        self.reopen()
        if self._size:
            self.remove()


def tail_lines(data: bytes) -> list[str]:
    """The text of the last lines in ``data``, a piece of a log."""
    lines = data.split(b"\n")[-_TAIL_LINES - 1 : -1]
    texts = [line.split(b" ", 3)[-1] for line in lines]
    return [text.decode(errors="replace") for text in texts]


def _end_of(path: str, size: int) -> bytes:
    if size <= 0:
        return b""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (a few µs of hundreds of them at once)
            file.seek(max(0, file.seek(0, 2) - size))
            return file.read(size)
    except OSError:
        return b""


class Stream(PDispatcher):  # type: ignore[misc]
    """One of a program's two streams, read by supervisord's loop."""

    def __init__(self, process: Any, channel: str, fd: int, log: LogFile) -> None:
        super().__init__(process, channel, fd)
        self._log = log
        self._mark = b" %s " % channel.encode()
        self._rest = b""
        self.closing: Callable[[int], None] | None = None
        """Told the descriptor before it is read no more."""

    def readable(self) -> bool:
        """Whether there may be more to come."""
        return not self.closed

    def writable(self) -> bool:
        """Never; a program speaks here."""
        return False

    def handle_read_event(self) -> None:
        """Take what is there."""
        data = self._read()
        if data:
            self._take(data)
        elif data is not None:
            self.close()

    def drain(self) -> None:
        """Take what is left when the process has ended."""
        with suppress(OSError):
            for _ in range(_DRAIN_AT_MOST):
                # Nothing yet reads like the end here; what escaped it may still hold the pipe.
                data = None if self.closed else self._read()
                if not data:
                    break
                self._take(data)
        self.flush()

    def flush(self) -> None:
        """Write a line whose end never came."""
        if self._rest:
            self._log.write(b"%s%sF %s\n" % (_now(), self._mark, self._rest))
            self._rest = b""

    def close(self) -> None:
        """Read no more."""
        if not self.closed:
            if self.closing:
                self.closing(self.fd)
            self.flush()
            super().close()

    def removelogs(self) -> None:
        """For ``supervisorctl clear``."""
        self._log.remove()

    def reopenlogs(self) -> None:
        """For ``supervisorctl`` and SIGUSR2."""
        self._log.reopen()

    def _read(self) -> bytes | None:
        try:
            return os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return None

    def _take(self, data: bytes) -> None:
        body, newline, rest = data.rpartition(b"\n")
        start = _now() + self._mark
        if newline:
            first = start + b"F "
            self._log.write(first + self._rest + body.replace(b"\n", b"\n" + first) + b"\n")
            self._rest = rest
        else:
            self._rest += rest
        if len(self._rest) > _LONGEST_WAIT:
            self._log.write(b"%sP %s\n" % (start, self._rest))
            self._rest = b""


def _now() -> bytes:
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{microseconds:06d}Z", time.gmtime(seconds)).encode()
