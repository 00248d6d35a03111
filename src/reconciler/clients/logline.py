"""One line of a log: as the keeper wrote it, with its time and stream, or as it came."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

LONGEST: Final = 1 << 20
"""Bytes of a line that are put together; what is longer comes in pieces."""

# 2026-11-22T05:00:00.123456Z stdout F text
_kept: Final = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP])(?: |$)"
)
# 2026-11-22 05:00:00,123 ERROR text: the stack's own programs, on the clock of this machine
_own: Final = re.compile(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (ERROR |CRIT)?")

# 2026/11/22 05:00:00 [error] 42#42: text: nginx, on the clock of this machine
_nginx: Final = re.compile(
    rb"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?:(error|crit|alert|emerg)|[a-z]+)\] "
)


class Line(NamedTuple):
    """What one process printed. ``time`` is Unix time, None where nobody wrote it down."""

    text: str
    time: float | None = None
    stream: str = "stdout"
    process: str = ""

    @property
    def level(self) -> str:
        """``info``, or ``error`` for what went to stderr."""
        return "error" if self.stream == "stderr" else "info"

    def view(self) -> dict[str, str | None]:
        """The line as collectors and clients of the API read it."""
        return {
            "time": None if self.time is None else stamp(self.time),
            "process": self.process,
            "stream": self.stream,
            "level": self.level,
            "message": self.text,
        }


def stamp(seconds: float) -> str:
    """Unix time as RFC 3339 has it."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


class Mark(NamedTuple):
    """What stands before the text of a row; ``whole`` unless the line goes on in another row."""

    time: float | None
    stream: str
    whole: bool
    end: int


def read_mark(row: bytes) -> Mark:
    """What a row says of itself; nothing but its text, when a program wrote it directly."""
    if found := _kept.match(row):
        return Mark(_seconds(found[1]), found[2].decode(), found[3] == b"F", found.end())
    if found := _own.match(row):
        return Mark(_seconds(found[1]), "stderr" if found[2] else "stdout", whole=True, end=0)
    if found := _nginx.match(row):
        time = _seconds(found[1].replace(b"/", b"-"))
        return Mark(time, "stderr" if found[2] else "stdout", whole=True, end=0)
    return Mark(None, "stdout", whole=True, end=0)


class Joiner:
    """Makes lines of rows; a long line was written as several, maybe between those of others."""

    def __init__(self, process: str) -> None:
        self.process = process
        self._begun: dict[str, bytearray] = {}
        self._time: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether the end of a line is still to come."""
        return bool(self._begun)

    def join(self, row: bytes) -> Line | None:
        """The line that ends with ``row``, with the time of its end; None when it goes on."""
        mark = read_mark(row)
        self._time = mark.time
        begun = self._begun.pop(mark.stream, bytearray())
        begun += row[mark.end :]
        if mark.whole or len(begun) >= LONGEST:
            return self._line(mark.stream, begun)
        self._begun[mark.stream] = begun
        return None

    def rest(self) -> Iterator[Line]:
        """The lines whose end never came."""
        begun, self._begun = self._begun, {}
        return (self._line(stream, text) for stream, text in begun.items())

    def _line(self, stream: str, text: bytearray) -> Line:
        return Line(text.decode("utf-8", "backslashreplace"), self._time, stream, self.process)


@lru_cache(maxsize=64)
def _seconds(text: bytes) -> float | None:
    try:
        return datetime.fromisoformat(text.decode()).timestamp()
    except ValueError:
        return None  # the 31st of February
