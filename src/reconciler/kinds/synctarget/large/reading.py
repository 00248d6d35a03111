"""Reads marks and pointers from git."""

from __future__ import annotations

from ....clients.git_objects import Entry
from ....clients.git_reader import ObjectReader, damaged
from ....core.errors import Transient
from .marks import NONE, Marks, decode
from .pointer import LARGEST, Pointer
from .pointer import decode as decode_pointer


def read_marks(reader: ObjectReader, marked: Entry | None) -> Marks:
    """What a file of marks says. Raises Transient when nobody can read it: it is not nothing."""
    if marked is None:
        return NONE
    found = decode(reader.whole(marked.id).content)
    if found is None:
        raise damaged(marked.id)
    return found


def read_pointer(reader: ObjectReader, entry: Entry) -> Pointer | None:
    """What a file says, if it is a pointer; a large one is none."""
    try:
        return decode_pointer(reader.small(entry.id, LARGEST))
    except Transient as exc:
        if exc.reason != "TooLarge":
            raise
        return None
