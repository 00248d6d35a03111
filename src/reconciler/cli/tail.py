"""The last words of a log, as other verbs quote them."""

from __future__ import annotations

from pathlib import Path

from ..clients.logfile import last_lines as read_end


def last_lines(path: Path, count: int) -> list[bytes]:
    """The text of the last lines; what was rotated away a moment ago counts."""
    return [line.text.encode("utf-8", "backslashreplace") for line in read_end(path, lines=count)]
