"""What happened: events, passes, and what was last in sync. A cache, never the truth.

A journal that makes no sense is put aside and begun anew; one that cannot be opened or written
costs history, not convergence.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ..core.model import Json, Ref
from .database import connect
from .journal_schema import prepared

log = logging.getLogger(__name__)

KEPT: Final = 5000
"""Events and passes beyond this many are forgotten, oldest first."""

REVISIONS: Final = 1000

WORDS: Final = 100
"""Last words of what ended are kept for so many events; the newest."""


class Event(NamedTuple):
    """Something worth telling about a ref; ``type`` is Normal or Warning.

    ``actor`` is who did it, where that was somebody. Without a ``revision`` it is of the current.
    """

    ref: Ref
    type: str
    reason: str
    message: str
    actor: str = ""
    revision: str = ""


class Picked(NamedTuple):
    """Which events are asked for; of those named only, where any are."""

    refs: Collection[str] = ()
    reasons: Collection[str] = ()
    since: float = 0.0


ALL: Final = Picked()


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
        self.revision = ""
        """The one that is current."""
        self.on_news: Callable[[], object] = lambda: None
        self._known: dict[Ref, Known | None] = {}
        """What is to be written of resources: an edit is not to wait for that."""

    def record_events(self, events: Iterable[Event], now: float) -> None:
        """Add events; one that repeats the ref's last event of its revision only counts up."""
        is_new = False
        for event in events:
            is_new |= self._record(event, now)
        if is_new:
            self.on_news()
            self._run("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (KEPT,))

    def _record(self, event: Event, now: float) -> bool:
        revision = event.revision or self.revision
        row = self._run(
            "SELECT id, reason, message, revision FROM event WHERE ref = ?"
            " ORDER BY id DESC LIMIT 1",
            (str(event.ref),),
        )
        if row and row[0][1:] == (event.reason, event.message, revision):
            sql = "UPDATE event SET count = count + 1, time = ?, actor = ? WHERE id = ?"
            self._run(sql, (now, event.actor, row[0][0]))
            return False
        # Whoever has read up to an id goes on behind it, though the journal be begun anew.
        sql = """INSERT INTO event (id, time, ref, type, reason, message, count, actor, revision)
            VALUES (coalesce((SELECT max(id) + 1 FROM event), ?), ?, ?, ?, ?, ?, 1, ?, ?)"""
        told = (str(event.ref), *event[1:4], event.actor, revision)
        self._run(sql, (int(now * 1000), now, *told))
        return True

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

    def events(self, limit: int, picked: Picked = ALL) -> list[tuple[Json, ...]]:
        """Newest first: time, ref, type, reason, message, count, actor, revision, last words.

        The last words are JSON.
        """
        refs, reasons, since = picked
        return self._run(
            "SELECT time, ref, type, reason, message, count, actor, revision, lines FROM event"
            " WHERE (? OR ref IN (SELECT value FROM json_each(?)))"
            " AND (? OR reason IN (SELECT value FROM json_each(?))) AND time >= ?"
            " ORDER BY time DESC, id DESC LIMIT ?",
            (not refs, json.dumps([*refs]), not reasons, json.dumps([*reasons]), since, limit),
        )

    def events_after(self, position: int, limit: int) -> list[tuple[Json, ...]]:
        """Oldest first: id, time, ref, type, reason, message, actor, revision."""
        return self._run(
            "SELECT id, time, ref, type, reason, message, actor, revision FROM event"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (position, limit),
        )

    def bounds(self) -> tuple[int, int]:
        """The ids of the oldest and the newest event; zeros where there is none."""
        rows = self._run("SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM event", ())
        return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)

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
            return prepared(connect(self._path, read_only=read_only))
        except (sqlite3.DatabaseError, OSError) as exc:
            # Only content can be wrong for good: a lock or missing rights say nothing about it.
            if read_only or isinstance(exc, (sqlite3.OperationalError, OSError)):
                log.warning("the journal cannot be opened, history is not kept: %s", exc)
                return prepared(sqlite3.connect(":memory:", check_same_thread=False))
            log.warning("the journal is put aside, it cannot be read: %s", exc)
            self._path.replace(self._path.with_suffix(".unreadable"))
            return prepared(connect(self._path))
