"""The one document beside a source that counts: the Stack which names it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from .tree import Blob, blob

_MARK: Final = re.compile(rb"^---(?=\s|$)", re.MULTILINE)
_KIND: Final = re.compile(rb"^kind:[ \t]*[\"']?Stack[\"']?[ \t]*(#.*)?\r?$", re.MULTILINE)


class Split(NamedTuple):
    """Files that hold a Stack, with nothing else in them; and the files that hold anything else."""

    stack: Mapping[str, Blob]
    others: tuple[str, ...]


def holds_stack(one: Blob) -> bool:
    """Whether a file may say anything about the stack as a whole."""
    return b"Stack" in one.data and _KIND.search(one.data) is not None


def split(files: Mapping[str, Blob]) -> Split:
    """Take the Stack out of local files; its lines keep their numbers."""
    stack: dict[str, Blob] = {}
    others: list[str] = []
    for name, one in files.items():
        parts = [*_documents(one.data)]
        own = [bool(_KIND.search(part)) for part in parts]
        if any(own):
            kept = (p if mine else _blank(p) for p, mine in zip(parts, own, strict=True))
            stack[name] = blob(b"".join(kept))
        if one.problem or any(_says(p) for p, mine in zip(parts, own, strict=True) if not mine):
            others.append(name)
    return Split(stack, tuple(sorted(others)))


def _documents(data: bytes) -> Iterator[bytes]:
    """The parts of a file, each but the first with the mark that begins it."""
    at = 0
    for mark in _MARK.finditer(data):
        if mark.start() > at:
            yield data[at : mark.start()]
            at = mark.start()
    yield data[at:]


def _blank(part: bytes) -> bytes:
    head = b"---" if part.startswith(b"---") else b""
    return head + b"\n" * part.count(b"\n")


def _says(part: bytes) -> bool:
    """Whether there is anything but comments in it."""
    lines = (line.strip() for line in part.removeprefix(b"---").splitlines())
    return any(line and not line.startswith(b"#") for line in lines)
