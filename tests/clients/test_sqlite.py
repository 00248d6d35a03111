"""Copies of SQLite databases: whole, checked, and without a trace beside the original."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.clients import sqlite


def make(path: Path, mode: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode={mode}")
        db.execute("CREATE TABLE t (a)")
        db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(100)])
        db.commit()


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM t").fetchone()[0])


@pytest.fixture
def live(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database in use, with changes that only its log holds."""
    make(tmp_path / "a.db", "wal")
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("INSERT INTO t VALUES (100)")
        db.commit()
        yield db


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A database whose program died in the middle of a transaction, at a place of its own."""
    make(tmp_path / "a.db", "delete")
    found = tmp_path / "crashed" / "b.db"
    found.parent.mkdir()
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as db:
        db.execute("PRAGMA cache_size=1")
        db.execute("PRAGMA cache_spill=1")
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO t VALUES (?)", [("x" * 4000,) for _ in range(50)])
        for suffix in ("", "-journal"):
            (found.parent / f"b.db{suffix}").write_bytes((tmp_path / f"a.db{suffix}").read_bytes())
        db.execute("ROLLBACK")
    return found


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_copy_leaves_no_trace(tmp_path: Path, mode: str) -> None:
    """A database nobody uses is copied without a log appearing beside it."""
    make(tmp_path / "a.db", mode)
    before = sorted(tmp_path.iterdir())
    copy = tmp_path / "copy"
    assert sqlite.snapshot(tmp_path / "a.db", copy) == (True, "")
    assert count(copy) == 100
    assert sorted(tmp_path.iterdir()) == sorted([*before, copy])


def test_copy_holds_what_only_the_log_has(tmp_path: Path, live: sqlite3.Connection) -> None:
    """What was committed is in the copy, also while it is still in the log."""
    assert sqlite.snapshot(tmp_path / "a.db", tmp_path / "copy").taken
    assert count(tmp_path / "copy") == 101


def test_same_content_same_bytes(tmp_path: Path) -> None:
    """A copy of a copy is the same file: a restore is no change."""
    make(tmp_path / "a.db", "wal")
    sqlite.snapshot(tmp_path / "a.db", tmp_path / "one")
    sqlite.snapshot(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_locked_database_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that stays locked does not hold up the rest for ever."""
    monkeypatch.setattr(sqlite, "_BUSY", 0.2)
    make(tmp_path / "a.db", "delete")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("INSERT INTO t VALUES (100)")
        taken = sqlite.snapshot(tmp_path / "a.db", tmp_path / "copy")
        db.execute("ROLLBACK")
    assert not taken.taken or count(tmp_path / "copy") == 100


def test_interrupted_transaction_is_undone_in_the_copy(tmp_path: Path, crashed: Path) -> None:
    """A log that a crash left behind is applied to the copy; the original is not touched."""
    before = {path: path.read_bytes() for path in crashed.parent.iterdir()}
    assert sqlite.snapshot(crashed, tmp_path / "copy") == (True, "")
    assert count(tmp_path / "copy") == 100
    assert {path: path.read_bytes() for path in crashed.parent.iterdir()} == before


def test_damage_is_noticed(tmp_path: Path) -> None:
    """A copy of a damaged database is taken, and said to be damaged."""
    make(tmp_path / "a.db", "delete")
    content = bytearray((tmp_path / "a.db").read_bytes())
    content[4096:4200] = b"\xff" * 104
    (tmp_path / "a.db").write_bytes(content)
    assert sqlite.snapshot(tmp_path / "a.db", tmp_path / "copy").problem


def test_stamp_follows_the_log(tmp_path: Path, live: sqlite3.Connection) -> None:
    """A change that only the log has changes the stamp."""
    before = sqlite.stamp(tmp_path / "a.db")
    live.execute("INSERT INTO t VALUES (101)")
    live.commit()
    assert sqlite.stamp(tmp_path / "a.db") != before


def test_locked_database_is_not_copied_as_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody holds a database for long there is no copy: its files are half of one."""
    monkeypatch.setattr(sqlite, "_BUSY", 0.05)
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE t (a)")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("INSERT INTO t VALUES (1)")
        taken = sqlite.snapshot(path, tmp_path / "copy.db")
    assert not taken.taken
    assert "locked" in taken.problem


def test_log_that_goes_while_it_is_copied_is_no_lost_database(
    tmp_path: Path, crashed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner mends a database while it is copied: it is busy, not gone from the backup."""
    real = shutil.copyfile

    def copy_late(source: Path, target: Path) -> None:
        if source.name.endswith("-journal"):
            with closing(sqlite3.connect(crashed)) as owner:
                owner.execute("SELECT count(*) FROM t").fetchone()
        real(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_late)
    assert sqlite.snapshot(crashed, tmp_path / "copy") == (False, "database is locked")
    monkeypatch.undo()
    assert sqlite.snapshot(crashed, tmp_path / "copy") == (True, "")


def test_change_within_one_tick_of_the_clock_is_seen(
    tmp_path: Path, crashed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every file system's times tell two writes apart: what was copied is compared."""
    real = shutil.copyfile

    def copy_and_change(source: Path, target: Path) -> None:
        real(source, target)
        if source == crashed:
            with crashed.open("r+b") as file:
                file.seek(5000)
                file.write(b"another page by now")

    monkeypatch.setattr(shutil, "copyfile", copy_and_change)
    monkeypatch.setattr(sqlite, "stamp", lambda _: ())
    assert sqlite.snapshot(crashed, tmp_path / "copy") == (False, "database is locked")
