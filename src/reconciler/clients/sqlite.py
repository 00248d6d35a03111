"""Takes a consistent copy of a SQLite database that may be in use."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

HEADER: Final = b"SQLite format 3\0"
SIDECARS: Final = ("-wal", "-shm", "-journal")
_BUSY: Final = 5.0
_WAL: Final = 2
_VERSION_AT: Final = 18

Stamp = tuple[tuple[int, int, int], ...]


class Snapshot(NamedTuple):
    """Whether a copy could be made, and what is wrong with it (empty: nothing)."""

    taken: bool
    problem: str = ""


def is_database(header: bytes) -> bool:
    return header.startswith(HEADER)


def stamp(path: Path) -> Stamp:
    """What changes whenever the database does: size, time and inode of it and its logs."""
    found = []
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")):
        try:
            facts = name.stat()
            found.append((facts.st_size, facts.st_mtime_ns, facts.st_ino))
        except FileNotFoundError:
            found.append((-1, 0, 0))
    return tuple(found)


def snapshot(source: Path, target: Path) -> Snapshot:
    """Copy ``source`` to ``target`` by the backup API, and check the copy.

    The source's folder is left as it was: no log is made, none is removed.
    """
    try:
        _take(source, target)
        return Snapshot(taken=True, problem=check(target))
    except sqlite3.Error as exc:
        return Snapshot(taken=False, problem=str(exc))


def check(copy: Path) -> str:
    """What is wrong with a database that nobody has open; empty when nothing is."""
    try:
        with closing(sqlite3.connect(f"{_url(copy)}?immutable=1", uri=True)) as db:
            said = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as exc:
        return str(exc)
    return "" if said == "ok" else said


def _take(source: Path, target: Path) -> None:
    before = stamp(source)
    quiet = all(size <= 0 for size, _, _ in before[1:])
    if quiet and _keeps_log(source):
        # Opening it the normal way would leave an empty log beside it.
        _copy(f"{_url(source)}?immutable=1", target)
        if stamp(source) == before:
            return
    try:
        _copy(f"{_url(source)}?mode=ro", target)
    except sqlite3.OperationalError as exc:
        if _is_busy(exc):  # somebody writes: its files are no copy, however they are read
            raise
        _take_copy(source, target)


def _is_busy(exc: sqlite3.Error) -> bool:
    code = getattr(exc, "sqlite_errorcode", None)
    if code is None:
        return "locked" in str(exc)
    return code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _take_copy(source: Path, target: Path) -> None:
    """Recover an interrupted transaction in a copy; the original is its owner's to mend."""
    folder = target.with_name(target.name + ".recovery")
    folder.mkdir(mode=0o700)
    try:
        before = stamp(source)
        for suffix in ("", "-wal", "-journal"):
            part = source.with_name(source.name + suffix)
            if part.exists():
                shutil.copyfile(part, folder / ("copy" + suffix))
        if stamp(source) != before:
            raise sqlite3.OperationalError("database is locked")
        _copy(_url(folder / "copy"), target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(url: str, target: Path) -> None:
    target.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(url, uri=True, timeout=_BUSY)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy, progress=_patience())


def _patience() -> Callable[[int, int, int], None]:
    """Give up on a database that stays locked; sqlite3 itself would try for ever."""
    end = time.monotonic() + _BUSY

    def look(status: int, _remaining: int, _total: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > end:
            raise sqlite3.OperationalError("database is locked")

    return look


def _keeps_log(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(_VERSION_AT + 1)
    return len(header) > _VERSION_AT and header[_VERSION_AT] == _WAL


def _url(path: Path) -> str:
    return "file:" + quote(str(path).encode("utf-8", "surrogateescape"))
