"""Where large files lie: what a store of blobs can do, whichever kind it is.

Made for a worker thread: everything streams, nothing is held whole, and ``stop`` ends it early.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from ..core.errors import Transient
from .offload import check

PART: Final = 256 << 10
"""Bytes that are in memory at a time."""
_name: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z")
_LONGEST: Final = 1024


class Blob(NamedTuple):
    """What a store has. ``sha256`` is empty when it does not say."""

    name: str
    size: int
    sha256: str = ""


class Shrunk(Exception):  # noqa: N818 (an answer, not a failure: the file is taken again)
    """A file is not what it was when it was hashed."""


class Source(NamedTuple):
    """The content to store: the first ``size`` bytes of an open file, with their hash."""

    descriptor: int
    size: int
    sha256: str

    def parts(self, stop: threading.Event, start: int = 0, size: int = -1) -> Iterator[bytes]:
        """Some of the content, or all. Raises Shrunk when the file is another by now.

        Of all of it the last part is not given away before the whole is known to be right.
        """
        at, end = start, self.size if size < 0 else min(start + size, self.size)
        known = hashlib.sha256() if self.sha256 and end - at == self.size else None
        while at < end:
            check(stop)
            part = os.pread(self.descriptor, min(PART, end - at), at)
            at += len(part)
            if known is not None:
                known.update(part)
            if not part or (at == end and known and known.hexdigest() != self.sha256):
                raise Shrunk
            yield part


class BlobStore(Protocol):
    """Keeps blobs by name. Every method raises Transient with a reason when the store refuses."""

    largest: int
    """Bytes of the largest blob it takes."""

    def find(self, name: str, /) -> Blob | None:
        """The blob of that name; None when there certainly is none."""
        ...

    def put(self, name: str, source: Source, /) -> None:
        """Store a blob; afterwards it is there whole, or there is none.

        What has the name already is left, and is an error when it is another content.
        """
        ...

    def fetch(self, name: str, start: int = 0, /) -> Generator[bytes, None, None]:
        """The content from a byte on. To be closed (``contextlib.closing``)."""
        ...

    def blobs(self) -> Iterator[Blob]:
        """Every blob. Raises when not all can be told: what is unknown is not nothing."""
        ...

    def delete(self, name: str, /) -> None:
        """Remove a blob; one that is gone already is no error."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def hash_of(parts: Iterable[bytes]) -> str:
    """The SHA-256 of a content that streams by."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def is_name(name: str) -> bool:
    """Whether a store takes a blob of that name: it comes from a pointer that anybody may write."""
    return len(name) <= _LONGEST and _name.match(name) is not None


def is_same(blob: Blob, source: Source) -> bool:
    """Whether a blob has this content, as far as its store tells."""
    return blob.size == source.size and blob.sha256 in {"", source.sha256}


def missing(name: str, where: str) -> Transient:
    return Transient(f"{where} has no blob {name}", reason="BlobMissing")


def taken(name: str, where: str) -> Transient:
    return Transient(f"{where} has another content under {name}", reason="NameTaken")
