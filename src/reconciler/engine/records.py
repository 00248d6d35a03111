"""What must survive a restart of the operator: few facts, each written through to the disk."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..clients.files import write_atomic
from ..core.errors import Terminal, Transient
from ..core.model import Json
from .database import connect

KEY_BYTES: Final = 32
SCHEMA: Final = """CREATE TABLE IF NOT EXISTS record
    (topic TEXT, name TEXT, value TEXT, PRIMARY KEY (topic, name))"""


class Records:
    """A small table of facts by topic and name.

    A closed list of topics: latch, confirmation, override, order, port, cron, rollout,
    revision, quarantine, notified, sink.

    Unlike the journal it is no cache: a file that cannot be read stops the operator.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self.read_only = read_only
        """Whether what is written is forgotten with this object."""
        try:
            self._db = connect(path, read_only=read_only)
            self._db.isolation_level = None
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(SCHEMA)
        except (sqlite3.Error, OSError) as exc:
            raise Terminal(
                f"cannot read {path}: {exc}; move it aside to start without its records",
                reason="RecordsUnreadable",
            ) from exc

    def read(self, topic: str, name: str) -> Json | None:
        """The recorded value, or None when nothing was ever recorded."""
        row = self._db.execute(
            "SELECT value FROM record WHERE topic = ? AND name = ?", (topic, name)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def all(self, topic: str) -> dict[str, Json]:
        """Every recorded value of a topic, by name."""
        rows = self._db.execute("SELECT name, value FROM record WHERE topic = ?", (topic,))
        return {str(name): json.loads(value) for name, value in rows.fetchall()}

    def write(self, topic: str, name: str, value: Json) -> None:
        """Record a value; it is on the disk when this returns."""
        self._do("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", topic, name, json.dumps(value))

    def clear(self, topic: str, name: str) -> None:
        """Forget a value."""
        self._do("DELETE FROM record WHERE topic = ? AND name = ?", topic, name)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is recorded in here is on the disk altogether afterwards, or not at all."""
        self._do("BEGIN")
        try:
            yield
            self._do("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # it was undone already
                self._db.execute("ROLLBACK")
            raise

    def _do(self, sql: str, *values: str) -> None:
        try:
            self._db.execute(sql, values)
        except sqlite3.Error as exc:
            text = f"cannot write {self._path}: {exc}; is the disk full?"
            raise Transient(text, reason="RecordsUnwritable") from exc

    def close(self) -> None:
        self._db.close()


def digest_key(path: Path, *, read_only: bool = False) -> bytes:
    """The key secrets are digested with: 32 random bytes, made once, kept in a 0600 file."""
    key = _read_key(path)
    if key is None:
        key = secrets.token_bytes(KEY_BYTES)
        if not read_only:
            write_atomic(path, key)
    return key


def _read_key(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Terminal(f"cannot read {path}: {exc.strerror}", reason="KeyUnreadable") from exc
    if len(key) != KEY_BYTES:
        # Under a short key anybody could find out what a digest stands for.
        text = f"{path} is damaged; move it aside: what uses secrets is then restarted once"
        raise Terminal(text, reason="KeyDamaged")
    return key
