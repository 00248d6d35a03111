"""Remembers how each file was when it was last read, so that an unchanged one is not read again.

A cache: whatever is lost of it is read again. A folder at a time is looked up, never the whole.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from .modes import Modes
from .rows import Row

VERSION: Final = 4
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS file (
    folder BLOB, name BLOB, size INTEGER, mode TEXT, blob TEXT, perm INTEGER, stamp TEXT,
    large TEXT,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folder (path BLOB PRIMARY KEY, perm INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (files INTEGER, bytes INTEGER, odd INTEGER);
CREATE TABLE IF NOT EXISTS usual (files INTEGER, programs INTEGER, folders INTEGER);
CREATE TRIGGER IF NOT EXISTS came AFTER INSERT ON file BEGIN
    UPDATE total SET files = files + 1, bytes = bytes + new.size,
        odd = odd + (SELECT new.perm NOT IN (files, programs) FROM usual);
END;
CREATE TRIGGER IF NOT EXISTS went AFTER DELETE ON file BEGIN
    UPDATE total SET files = files - 1, bytes = bytes - old.size,
        odd = odd + (SELECT old.perm NOT IN (files, programs) FROM usual);
END;
CREATE TRIGGER IF NOT EXISTS made AFTER INSERT ON folder BEGIN
    UPDATE total SET odd = odd + (SELECT new.perm <> folders FROM usual);
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON folder BEGIN
    UPDATE total SET odd = odd + (SELECT old.perm <> folders FROM usual);
END;
"""
_USUAL: Final = (
    "SELECT perm FROM file WHERE mode = '100644' GROUP BY perm ORDER BY count(*) DESC, perm",
    "SELECT perm FROM file WHERE mode = '100755' GROUP BY perm ORDER BY count(*) DESC, perm",
    "SELECT perm FROM folder GROUP BY perm ORDER BY count(*) DESC, perm",
)


class FileCache:
    """One target's files, in a database of its own. A context: what is not committed is undone."""

    def __init__(self, path: Path, about: list[str]) -> None:
        self._path = path
        self._about = json.dumps([VERSION, _boot(), *about])
        try:
            self._open()
        except sqlite3.DatabaseError:
            drop_cache(path)
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def commit(self) -> None:
        """Keep what was told: everything it names is in the object store by now."""
        self._db.commit()

    def totals(self) -> tuple[int, int]:
        """How many files there are, and how many bytes they have."""
        files, size = self._db.execute("SELECT files, bytes FROM total").fetchone()
        return files, size

    def folder(self, path: str) -> dict[str, Row]:
        """The files right in a folder, by name."""
        found = self._db.execute(
            "SELECT name, size, mode, blob, perm, stamp, large FROM file WHERE folder = ?",
            (os.fsencode(path),),
        )
        return {os.fsdecode(name): _row(rest) for name, *rest in found}

    def put(self, path: str, row: Row) -> None:
        stamp = " ".join(map(str, row.stamp)) if row.stamp is not None else None
        self._db.execute(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*_parts(path), row.size, row.mode, row.blob, row.perm, stamp, row.name),
        )

    def put_folder(self, path: str, perm: int) -> None:
        """A folder, and its permissions."""
        known = (os.fsencode(path),)
        told = self._db.execute("SELECT perm FROM folder WHERE path = ?", known).fetchone()
        if told != (perm,):
            self._db.execute("INSERT OR REPLACE INTO folder VALUES (?, ?)", (*known, perm))

    def drop(self, path: str) -> None:
        self._db.execute("DELETE FROM file WHERE folder = ? AND name = ?", _parts(path))

    def drop_below(self, path: str) -> None:
        """Forget a folder and all below it."""
        self._db.execute(
            "DELETE FROM folder WHERE path = ? OR (path > ? AND path < ?)", _range(path)
        )
        self._db.execute(
            "DELETE FROM file WHERE folder = ? OR (folder > ? AND folder < ?)", _range(path)
        )

    def row(self, path: str) -> Row | None:
        """One file."""
        found = self._db.execute(
            "SELECT size, mode, blob, perm, stamp, large FROM file WHERE folder = ? AND name = ?",
            _parts(path),
        ).fetchone()
        return _row(found) if found is not None else None

    def folders(self, below: str) -> Iterable[str]:
        """Every folder that was told, below one and itself."""
        if below:
            found = self._db.execute(
                "SELECT path FROM folder WHERE path = ? OR (path > ? AND path < ?)", _range(below)
            )
        else:
            found = self._db.execute("SELECT path FROM folder")
        return [os.fsdecode(path) for (path,) in found]

    def odd(self) -> int:
        """A number that is another one whenever unusual permissions came or went."""
        return int(self._db.execute("SELECT odd FROM total").fetchone()[0])

    def learn_usual(self) -> None:
        """Which permissions most have, after all was looked through."""
        found = [self._db.execute(asked).fetchone() or (0,) for asked in _USUAL]
        self._db.execute("DELETE FROM usual")
        self._db.execute("INSERT INTO usual VALUES (?, ?, ?)", [one for (one,) in found])

    def modes(self) -> Modes:
        """The permissions of everything."""
        files, programs, folders = self._db.execute("SELECT * FROM usual").fetchone()
        others = self._db.execute(
            "SELECT folder, name, perm FROM file WHERE perm NOT IN (?, ?)", (files, programs)
        )
        odd = {_path(folder, name): perm for folder, name, perm in others}
        others = self._db.execute("SELECT path, perm FROM folder WHERE perm <> ?", (folders,))
        odd |= {os.fsdecode(path) + "/": perm for path, perm in others}
        return Modes(files, programs, folders, odd)

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Its users are threads one after the other, never two at once.
        self._db = sqlite3.connect(self._path, check_same_thread=False)
        try:
            self._db.execute("PRAGMA recursive_triggers = ON")  # what is replaced went, too
            # A crash of ours loses nothing; after one of the machine we begin anew (see _boot).
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute("CREATE TABLE IF NOT EXISTS about (line TEXT)")
            told = self._db.execute("SELECT line FROM about").fetchone()
            if told is not None and told != (self._about,):
                _refuse()
            if told is None:
                self._db.executescript(_TABLES)
                self._db.execute("INSERT INTO about VALUES (?)", (self._about,))
                self._db.execute("INSERT INTO total VALUES (0, 0, 0)")
                self._db.execute("INSERT INTO usual VALUES (0, 0, 0)")
        except BaseException:
            self._db.close()
            raise


def drop_cache(path: Path) -> None:
    """Begin with nothing remembered."""
    for suffix in ("", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _refuse() -> NoReturn:
    raise sqlite3.DatabaseError("it speaks of another place")


def _range(path: str) -> tuple[bytes, bytes, bytes]:
    top = os.fsencode(path)
    return top, top + b"/", top + b"0"  # the byte after the slash


def _path(folder: bytes, name: bytes) -> str:
    return os.fsdecode(folder + b"/" + name if folder else name)


def _parts(path: str) -> tuple[bytes, bytes]:
    folder, _, name = path.rpartition("/")
    return os.fsencode(folder), os.fsencode(name)


def _row(found: Sequence[Any]) -> Row:
    size, mode, blob, perm, stamp, name = found
    known = None if stamp is None else tuple(map(int, stamp.split()))
    return Row(size, mode, blob, perm, known, name)
