"""What the kernel writes down about a watched folder."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MODIFY: Final = 0x2
ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
UNMOUNT: Final = 0x2000
OVERFLOW: Final = 0x4000
IGNORED: Final = 0x8000
FOLDER: Final = 0x4000_0000
DONT_FOLLOW: Final = 0x0200_0000

GONE: Final = DELETE | MOVED_FROM
OF_ITSELF: Final = DELETE_SELF | MOVE_SELF | UNMOUNT
ASKED: Final = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_TO | CREATE | GONE | OF_ITSELF
"""All that is worth a note."""
_HEAD: Final = struct.Struct("iIII")


class Note(NamedTuple):
    """Something happened to ``name`` in a watched folder, or to that folder itself."""

    watch: int
    mask: int
    name: str


def notes_of(raw: bytes) -> Iterator[Note]:
    """The notes in what was read of a watch (``man 7 inotify``)."""
    at = 0
    while at < len(raw):
        watch, mask, _, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size + length
        yield Note(watch, mask, os.fsdecode(raw[at - length : at].rstrip(b"\0")))
