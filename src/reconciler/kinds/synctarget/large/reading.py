"""Reads the marks of a commit."""

from __future__ import annotations

from ....clients.git_objects import Entry
from ....clients.git_reader import ObjectReader, damaged
from .marks import NONE, Marks, decode


def read_marks(reader: ObjectReader, marked: Entry | None) -> Marks:
    """What a file of marks says. Raises Transient when nobody can read it: it is not nothing."""
    if marked is None:
        return NONE
    found = decode(reader.whole(marked.id).content)
    if found is None:
        raise damaged(marked.id)
    return found
