"""What happened: events, passes, and what was last in sync. A cache, never the truth.

A journal that makes no sense is put aside and begun anew; one that cannot be opened or written
costs history, not convergence.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ..core.model import Json, Ref
from .database import connect

log = logging.getLogger(__name__)

KEPT: Final = 5000
"""Events and passes beyond this many are forgotten, oldest first."""

REVISIONS: Final = 1000

WORDS: Final = 100
"""Last words of what ended are kept for so many events; the newest."""
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, time REAL, ref TEXT, type TEXT,
    reason TEXT, message TEXT, count INTEGER, lines TEXT);
CREATE INDEX IF NOT EXISTS event_of ON event (ref, id);
CREATE TABLE IF NOT EXISTS pass (id INTEGER PRIMARY KEY, time REAL, revision TEXT, lane TEXT,
    changes INTEGER, result TEXT, took_ms INTEGER, summary TEXT);
CREATE TABLE IF NOT EXISTS resource (ref TEXT PRIMARY KEY, digest TEXT, generation INTEGER,
    applied TEXT);
CREATE TABLE IF NOT EXISTS revision (began REAL, revision TEXT, told TEXT,
    PRIMARY KEY (began, revision));
"""


class Event(NamedTuple):
    """Something worth telling about a ref; ``type`` is Normal or Warning."""

    ref: Ref
    type: str
    reason: str
    message: str


class PassRecord(NamedTuple):
    """One pass that changed something."""

    time: float
    revision: str
    lane: str
    changes: int
    result: str
    took_ms: int
    summary: str


class Known(NamedTuple):
    """A resource as it was last loaded: its content, its count of edits, what was in sync."""

    digest: str
    generation: int
    applied: str


class Journal:
    """History in one SQLite file."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._db = self._open(read_only=read_only)
        self._known: dict[Ref, Known | None] = {}
        """What is to be written of resources: an edit is not to wait for that."""

    def record_events(self, events: Iterable[Event], now: float) -> None:
        """Add events; one that repeats the ref's last event only counts up."""
        for event in events:
            row = self._run(
                "SELECT id, reason, message FROM event WHERE ref = ? ORDER BY id DESC LIMIT 1",
                (str(event.ref),),
            )
            if row and row[0][1:] == (event.reason, event.message):
                sql = "UPDATE event SET count = count + 1, time = ? WHERE id = ?"
                self._run(sql, (now, row[0][0]))
            else:
                sql = "INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, 1, NULL)"
                self._run(sql, (now, str(event.ref), *event[1:]))
        self._run("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (KEPT,))

    def attach(self, ref: Ref, lines: Sequence[str]) -> None:
        """Add the last words of what ended to the last warning about it."""
        sql = """UPDATE event SET lines = ? WHERE id =
            (SELECT max(id) FROM event WHERE ref = ? AND type = 'Warning')"""
        self._run(sql, (json.dumps(list(lines)), str(ref)))
        forget = """UPDATE event SET lines = NULL WHERE id <= (SELECT id FROM event
            WHERE lines IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?)"""
        self._run(forget, (WORDS,))

    def record_pass(self, record: PassRecord) -> None:
        self._run("INSERT INTO pass VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", record)
        self._run("DELETE FROM pass WHERE id <= (SELECT max(id) FROM pass) - ?", (KEPT,))

    def record_revision(self, revision: str, began: float, told: Json) -> None:
        """Write, or write anew, what became of a revision."""
        values = (began, revision, json.dumps(told))
        self._run("INSERT OR REPLACE INTO revision VALUES (?, ?, ?)", values)
        self._run(
            """DELETE FROM revision WHERE began <
            (SELECT began FROM revision ORDER BY began DESC LIMIT 1 OFFSET ?)""",
            (REVISIONS,),
        )

    def revisions(self, limit: int, start: str = "") -> list[Json]:
        """What became of revisions, newest first; only of those that start so."""
        rows = self._run(
            "SELECT told FROM revision WHERE substr(revision, 1, ?) = ?"
            " ORDER BY began DESC, rowid DESC LIMIT ?",
            (len(start), start, limit),
        )
        return [json.loads(told) for (told,) in rows]

    def events(self, limit: int, refs: Collection[str] = ()) -> list[tuple[Json, ...]]:
        """Newest first: time, ref, type, reason, message, count, last words as JSON.

        Only those of ``refs``, where any are given.
        """
        return self._run(
            "SELECT time, ref, type, reason, message, count, lines FROM event"
            " WHERE ? OR ref IN (SELECT value FROM json_each(?))"
            " ORDER BY time DESC, id DESC LIMIT ?",
            (not refs, json.dumps(list(refs)), limit),
        )

    def passes(self, limit: int, revision: str = "") -> list[tuple[Json, ...]]:
        """Newest first, columns as in PassRecord; only those of a revision, where one is given."""
        sql = "SELECT time, revision, lane, changes, result, took_ms, summary FROM pass"
        sql += " WHERE ? IN ('', revision) ORDER BY id DESC LIMIT ?"
        return self._run(sql, (revision, limit))

    def known(self) -> dict[Ref, Known]:
        """Every resource that was ever loaded."""
        self._write_known()
        rows = self._run("SELECT ref, digest, generation, applied FROM resource", ())
        return {Ref(*str(ref).split("/", 1)): Known(*rest) for ref, *rest in rows}

    def remember(self, known: Mapping[Ref, Known], gone: Iterable[Ref] = ()) -> None:
        """Replace what is known of some resources, and forget the gone ones; not at once."""
        self._known.update(known)
        self._known.update(dict.fromkeys(gone))

    def commit(self) -> None:
        """Write what was recorded since the last call."""
        self._write_known()
        try:
            self._db.commit()
        except sqlite3.Error as exc:
            log.warning("the journal cannot be written: %s", exc)

    def _write_known(self) -> None:
        known, self._known = self._known, {}
        for ref, one in known.items():
            if one is None:
                self._run("DELETE FROM resource WHERE ref = ?", (str(ref),))
            else:
                self._run("INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?)", (str(ref), *one))

    def close(self) -> None:
        self.commit()
        self._db.close()

    def _run(self, sql: str, values: tuple[Json, ...]) -> list[tuple[Json, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as exc:
            log.warning("the journal cannot be used: %s", exc)
            return []

    def _open(self, *, read_only: bool) -> sqlite3.Connection:
        try:
            return _prepared(connect(self._path, read_only=read_only))
        except (sqlite3.DatabaseError, OSError) as exc:
            # Only content can be wrong for good: a lock or missing rights say nothing about it.
            if read_only or isinstance(exc, (sqlite3.OperationalError, OSError)):
                log.warning("the journal cannot be opened, history is not kept: %s", exc)
                return _prepared(sqlite3.connect(":memory:", check_same_thread=False))
            log.warning("the journal is put aside, it cannot be read: %s", exc)
            self._path.replace(self._path.with_suffix(".unreadable"))
            return _prepared(connect(self._path))


def _prepared(db: sqlite3.Connection) -> sqlite3.Connection:
    try:
        db.execute("PRAGMA synchronous=OFF")
        db.executescript(SCHEMA)
        if not any(row[1] == "lines" for row in db.execute("PRAGMA table_info(event)")):
            db.execute("ALTER TABLE event ADD COLUMN lines TEXT")  # written by an older version
    except sqlite3.Error:
        db.close()
        raise
    return db
