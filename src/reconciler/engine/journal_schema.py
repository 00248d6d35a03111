"""The tables of the journal, also where an older version has written them."""

from __future__ import annotations

import sqlite3
from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, time REAL, ref TEXT, type TEXT,
    reason TEXT, message TEXT, count INTEGER, lines TEXT, actor TEXT DEFAULT '',
    revision TEXT DEFAULT '');
CREATE INDEX IF NOT EXISTS event_of ON event (ref, id);
CREATE TABLE IF NOT EXISTS pass (id INTEGER PRIMARY KEY, time REAL, revision TEXT, lane TEXT,
    changes INTEGER, result TEXT, took_ms INTEGER, summary TEXT);
CREATE TABLE IF NOT EXISTS resource (ref TEXT PRIMARY KEY, digest TEXT, generation INTEGER,
    applied TEXT);
CREATE TABLE IF NOT EXISTS revision (began REAL, revision TEXT, told TEXT,
    PRIMARY KEY (began, revision));
"""

ADDED: Final = {"lines": "", "actor": " DEFAULT ''", "revision": " DEFAULT ''"}
"""Columns of events that an older version did not write."""


def prepared(db: sqlite3.Connection) -> sqlite3.Connection:
    """A journal that has all its tables and columns. Closed where that fails."""
    try:
        db.execute("PRAGMA synchronous=OFF")
        db.executescript(SCHEMA)
        there = {row[1] for row in db.execute("PRAGMA table_info(event)")}
        for name in ADDED.keys() - there:
            db.execute(f"ALTER TABLE event ADD COLUMN {name} TEXT{ADDED[name]}")
    except sqlite3.Error:
        db.close()
        raise
    return db
