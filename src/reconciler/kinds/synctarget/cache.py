"""Remembers how each file was when it was last read, so that an unchanged one is not read again.

A cache: whatever is lost of it is read again. A folder at a time is looked up, never the whole.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

from .stamp import Stamp

VERSION: Final = 2
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS about (line TEXT);
CREATE TABLE IF NOT EXISTS file (
    folder BLOB, name BLOB, size INTEGER, mode TEXT, blob TEXT, stamp TEXT,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (files INTEGER, bytes INTEGER);
INSERT INTO total SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM total);
CREATE TRIGGER IF NOT EXISTS came AFTER INSERT ON file BEGIN
    UPDATE total SET files = files + 1, bytes = bytes + new.size;
END;
CREATE TRIGGER IF NOT EXISTS went AFTER DELETE ON file BEGIN
    UPDATE total SET files = files - 1, bytes = bytes - old.size;
END;
"""


class Row(NamedTuple):
    """One file. Without a ``stamp`` nothing tells that it is still the one that was read."""

    size: int
    mode: str
    blob: str
    stamp: Stamp | None


class Cache(Protocol):
    """What a scan asks and tells."""

    def folder(self, path: str, /) -> dict[str, Row]: ...

    def row(self, path: str, /) -> Row | None: ...

    def folders(self, below: str, /) -> Iterable[str]: ...

    def put(self, path: str, row: Row, /) -> None: ...

    def drop(self, path: str, /) -> None: ...

    def drop_below(self, path: str, /) -> None: ...


class Nothing:
    """Remembers nothing."""

    def folder(self, _: str, /) -> dict[str, Row]:
        return {}

    def row(self, _: str, /) -> Row | None:
        return None

    def folders(self, _: str, /) -> Iterable[str]:
        return ()

    def put(self, _: str, __: Row, /) -> None:
        """Forget it."""

    def drop(self, _: str, /) -> None:
        """There is nothing to drop."""

    def drop_below(self, _: str, /) -> None:
        """There is nothing to drop."""


class FileCache:
    """One target's files, in a database of its own. A context: what is not committed is undone."""

    def __init__(self, path: Path, about: list[str]) -> None:
        self._path = path
        self._about = json.dumps([VERSION, *about])
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
            "SELECT name, size, mode, blob, stamp FROM file WHERE folder = ?", (os.fsencode(path),)
        )
        return {os.fsdecode(name): _row(rest) for name, *rest in found}

    def put(self, path: str, row: Row) -> None:
        stamp = " ".join(map(str, row.stamp)) if row.stamp is not None else None
        self._db.execute(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)",
            (*_parts(path), row.size, row.mode, row.blob, stamp),
        )

    def drop(self, path: str) -> None:
        self._db.execute("DELETE FROM file WHERE folder = ? AND name = ?", _parts(path))

    def drop_below(self, path: str) -> None:
        """Forget all files below a folder."""
        self._db.execute(
            "DELETE FROM file WHERE folder = ? OR (folder > ? AND folder < ?)", _range(path)
        )

    def row(self, path: str) -> Row | None:
        """One file."""
        found = self._db.execute(
            "SELECT size, mode, blob, stamp FROM file WHERE folder = ? AND name = ?", _parts(path)
        ).fetchone()
        return _row(found) if found is not None else None

    def folders(self, below: str) -> Iterable[str]:
        """Every folder that has files, below one and itself."""
        if below:
            found = self._db.execute(
                "SELECT DISTINCT folder FROM file WHERE folder = ? OR (folder > ? AND folder < ?)",
                _range(below),
            )
        else:
            found = self._db.execute("SELECT DISTINCT folder FROM file")
        return [os.fsdecode(folder) for (folder,) in found]

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Its users are threads one after the other, never two at once.
        self._db = sqlite3.connect(self._path, check_same_thread=False)
        try:
            self._db.execute("PRAGMA recursive_triggers = ON")  # what is replaced went, too
            self._db.executescript(_TABLES)
            told = self._db.execute("SELECT line FROM about").fetchone()
            if told != (self._about,):
                for table in ("file", "about"):
                    self._db.execute(f"DELETE FROM {table}")  # noqa: S608 (a literal above)
                self._db.execute("INSERT INTO about VALUES (?)", (self._about,))
        except BaseException:
            self._db.close()
            raise


def drop_cache(path: Path) -> None:
    """Begin with nothing remembered."""
    for suffix in ("", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _range(path: str) -> tuple[bytes, bytes, bytes]:
    top = os.fsencode(path)
    return top, top + b"/", top + b"0"  # the byte after the slash


def _parts(path: str) -> tuple[bytes, bytes]:
    folder, _, name = path.rpartition("/")
    return os.fsencode(folder), os.fsencode(name)


def _row(found: Sequence[Any]) -> Row:
    size, mode, blob, stamp = found
    return Row(size, mode, blob, None if stamp is None else tuple(map(int, stamp.split())))
