"""The spec files of one moment, and what every source of them must offer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from ..core.errors import Terminal
from .nodes import Limits

SUFFIXES: Final = (".yaml", ".yml")


class Blob(NamedTuple):
    """One spec file: its content, or why there is none to read."""

    digest: str
    data: bytes = b""
    problem: str = ""


class Tree(NamedTuple):
    """All spec files of one moment, by their path from the root (``specs/web.yaml``)."""

    revision: str
    files: Mapping[str, Blob]
    source: str
    since: str = ""
    """The revision that ``changed`` counts from; empty when nobody kept count."""
    changed: frozenset[str] = frozenset()
    """The files that may differ from those of the revision ``since``."""

    def differs_from(self, other: Tree) -> frozenset[str] | None:
        """The only files that may differ from ``other``'s; None when any may."""
        known = self.since and self.since == other.revision and self.source == other.source
        return self.changed if known else None


class Source(Protocol):
    """Where specs come from. Whatever cannot be read raises; it is never taken for empty."""

    @property
    def limits(self) -> Limits:
        """How much it reads."""
        ...

    def read(self, touched: Collection[str] | None = None) -> Tree:
        """The files to load now. ``touched`` are the paths where something happened, if known.

        It only says where to look first: what it leaves out is found by the next whole look.
        """
        ...

    def is_brief(self, touched: Collection[str]) -> bool:
        """Whether to read what was touched blocks no longer than a look at a file or two."""
        ...

    def pending(self) -> tuple[str, ...]:
        """Edits that are not loaded yet: ``specs/web.yaml modified``."""
        ...

    def watch_paths(self) -> tuple[Path, ...]:
        """Folders in which something happens when there is something new to read."""
        ...


def is_spec(path: str) -> bool:
    """Whether a file, by its path below the spec folder, is a spec: YAML and not hidden."""
    return path.endswith(SUFFIXES) and not path.startswith(".") and "/." not in path


def blob(data: bytes) -> Blob:
    """The file with this content."""
    return Blob(hashlib.blake2b(data, digest_size=20).hexdigest(), data)


def blob_of(data: bytes, limits: Limits) -> Blob:
    """The file with this content, unless it is too large to be read."""
    return too_large(len(data), limits) if len(data) > limits.file_bytes else blob(data)


def unreadable(why: str) -> Blob:
    """A file that cannot be loaded."""
    return Blob(f"unreadable: {why}", problem=why)


def too_large(size: int, limits: Limits) -> Blob:
    """A file over the limit, which stays unread."""
    return unreadable(f"the file has {size} bytes; {limits.file_bytes} is the most that is read")


def check_count(count: int, folder: Path, limits: Limits) -> None:
    """Refuse a folder with more files than anybody can mean."""
    if count > limits.files:
        message = f"more than {limits.files} spec files in {folder}; use a smaller folder"
        raise Terminal(message, reason="TooManyFiles")


def display(name: str) -> str:
    """A file's name as it can be printed anywhere."""
    clean = os.fsencode(name).decode("utf-8", "backslashreplace")
    if clean.isprintable():
        return clean
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in clean)
