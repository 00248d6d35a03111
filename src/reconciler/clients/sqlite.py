"""Takes a consistent copy of a SQLite database that may be in use."""

from __future__ import annotations

import filecmp
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
_LOGS: Final = ("-wal", "-journal")
_BUSY: Final = 5.0
_HELD: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
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
    for name in (path, *(_beside(path, suffix) for suffix in _LOGS)):
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
    """What is wrong with a database that nobody has open; empty when nothing is.

    That a database uses what only its own program brings (an order of text, a kind of table) is no
    damage; it cannot be looked at further, here.
    """
    try:
        with closing(sqlite3.connect(f"{_url(copy)}?immutable=1", uri=True)) as db:
            said = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as exc:
        return "" if _code(exc) == sqlite3.SQLITE_ERROR else str(exc)
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
    code = _code(exc)
    return "locked" in str(exc) if code is None else code in _HELD


def _code(exc: sqlite3.Error) -> int | None:
    """What SQLite says is the matter, without the details; None when Python says it."""
    code = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _take_copy(source: Path, target: Path) -> None:
    """Recover an interrupted transaction in a copy; the original is its owner's to mend."""
    folder = target.with_name(target.name + ".recovery")
    folder.mkdir(mode=0o700)
    try:
        _copy_files(source, folder / "copy")
        _copy(_url(folder / "copy"), target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_files(source: Path, copy: Path) -> None:
    """Copy a database and its logs as they are at one moment, or raise that it is locked.

    What is the same before and after was like that all the time between. The times of files alone
    do not tell: on many systems they stand still for some milliseconds.
    """
    before = stamp(source)
    filecmp.clear_cache()
    there = [suffix for suffix in ("", *_LOGS) if _beside(source, suffix).exists()]
    try:
        for suffix in there:
            shutil.copyfile(_beside(source, suffix), _beside(copy, suffix))
        same = all(
            filecmp.cmp(_beside(source, suffix), _beside(copy, suffix), shallow=False)
            for suffix in there
        )
    except FileNotFoundError:  # its owner has just mended it
        same = False
    if not same or stamp(source) != before:
        raise sqlite3.OperationalError("database is locked")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


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
        if status in _HELD and time.monotonic() > end:
            raise sqlite3.OperationalError("database is locked")

    return look


def _keeps_log(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(_VERSION_AT + 1)
    return len(header) > _VERSION_AT and header[_VERSION_AT] == _WAL


def _url(path: Path) -> str:
    return "file:" + quote(str(path).encode("utf-8", "surrogateescape"))
