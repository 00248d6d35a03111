"""Tells whether a file is still the one that was read, and which files are logs of another."""

from __future__ import annotations

import os
from pathlib import Path

from ...clients import sqlite

Stamp = tuple[int, ...]
"""Size, time of change in nanoseconds and inode, once per file that counts."""


def plain(facts: os.stat_result) -> Stamp:
    return facts.st_size, facts.st_ctime_ns, facts.st_ino


def stamp_of(path: Path, facts: os.stat_result, *, database: bool) -> Stamp:
    """What tells that a file is the one already read; a database's log counts with it."""
    if not database:
        return plain(facts)
    return (*plain(facts), *(number for part in sqlite.stamp(path) for number in part))


def is_same(known: Stamp, path: Path, facts: os.stat_result) -> bool:
    now = plain(facts)
    return known == (now if len(known) == len(now) else stamp_of(path, facts, database=True))


def is_sidecar(path: Path, name: str, names: list[str]) -> bool:
    """A log of a database is part of its snapshot, and worse than useless without it."""
    for suffix in sqlite.SIDECARS:
        main = name.removesuffix(suffix)
        if main != name and main in names:
            return _starts_as_database(path / main)
    return False


def _starts_as_database(path: Path) -> bool:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return sqlite.is_database(file.read(16))
    except OSError:
        return False
