"""Databases backed up while a program writes to them as fast as it can: all come back whole.

What is copied as a file in the same harness does not: so the harness would see it.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reconciler.kinds.synctarget.actions import Backup, Restore, Stage
from reconciler.testing import eventually
from reconciler.testing.backup_worlds import GitWorld, open_world

ROUNDS = 250 if os.environ.get("RECONCILER_SOAK") == "1" else 3
KEPT = 1500
"""Rows that the writer keeps, of about a kilobyte each."""
BUSY = "DatabaseBusy"
"""It was locked all the time: that is said, and what the backup has stays. Nothing else may be."""

WRITER = """
import os, sqlite3, struct, sys
path, mode, counter, kept = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
told = os.open(counter, os.O_RDWR)
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute(f"PRAGMA journal_mode={mode}")
db.execute("PRAGMA synchronous=OFF")
db.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, text BLOB)")
db.execute("CREATE TABLE money (who TEXT PRIMARY KEY, has INTEGER)")
db.execute("INSERT INTO money VALUES ('a', 500), ('b', 500)")
number = 0
while True:
    number += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO log VALUES (?, ?)", (number, os.urandom(900)))
    db.execute("DELETE FROM log WHERE id <= ?", (number - kept,))
    db.execute("UPDATE money SET has = has - 1 WHERE who = 'a'")
    db.execute("UPDATE money SET has = has + 1 WHERE who = 'b'")
    db.execute("COMMIT")
    os.pwrite(told, struct.pack("q", number), 0)
"""


class Writer:
    """A program that never stops writing."""

    def __init__(self, counter: Path) -> None:
        self._counter = counter

    def committed(self) -> int:
        """The newest row that was surely committed by now."""
        return int(struct.unpack("q", self._counter.read_bytes())[0])


@contextmanager
def writing(folder: Path, database: Path, mode: str) -> Iterator[Writer]:
    counter = folder / f"counter-{mode}"
    counter.write_bytes(bytes(8))
    database.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", WRITER, str(database), mode, str(counter), str(KEPT)]
    with subprocess.Popen(command) as process:
        try:
            writer = Writer(counter)
            eventually(lambda: writer.committed() > KEPT // 5, 30)
            yield writer
        finally:
            process.kill()


def flaw(path: Path, before: int) -> str:
    """What is wrong with a copy that was begun when ``before`` rows were committed."""
    try:
        with closing(sqlite3.connect(path)) as db:
            said = db.execute("PRAGMA integrity_check").fetchone()[0]
            rows = [row for (row,) in db.execute("SELECT id FROM log ORDER BY id")]
            (money,) = db.execute("SELECT sum(has) FROM money").fetchone()
    except sqlite3.DatabaseError as exc:
        return str(exc)
    if said != "ok":
        return str(said)
    last = rows[-1] if rows else 0
    if last < before:
        return f"row {before} was committed, the last is {last}"
    whole = [*range(max(1, last - KEPT + 1), last + 1)]
    return "" if (rows, money) == (whole, 1000) else "half a transaction"


def copy_naively(source: Path, target: Path) -> None:
    """As a program copies that knows nothing of databases, from a disk that takes its time."""
    for suffix in ("", "-wal"):
        part, copy = source.with_name(source.name + suffix), target.with_name(target.name + suffix)
        copy.unlink(missing_ok=True)
        if part.exists():
            with part.open("rb") as read, copy.open("wb") as written:
                for chunk in iter(lambda file=read: file.read(1 << 16), b""):
                    written.write(chunk)
                    time.sleep(0.0005)


async def back_up(world: GitWorld) -> list[str]:
    """Take a copy, and tell the reasons why that took more than one try."""
    said: list[str] = []
    while True:
        await world.drivers["SyncTarget"].apply(Backup("data"))
        skipped = (await world.vitals())["skipped"]
        if not skipped:
            return said
        said += [one["reason"] for one in skipped]


def torn(writer: Writer, source: Path, target: Path) -> list[str]:
    """What is wrong with a naive copy."""
    before = writer.committed()
    copy_naively(source, target)
    wrong = flaw(target, before)
    return [wrong] if wrong else []


@pytest.fixture
def worlds(stack_dir: Path) -> Iterator[tuple[GitWorld, GitWorld]]:
    """The machine that writes, and one that restores from the same remote."""
    (stack_dir / "one").mkdir()
    (stack_dir / "two").mkdir()
    with (
        open_world("path", stack_dir / "one") as one,
        open_world("path", stack_dir / "two") as two,
    ):
        assert isinstance(one, GitWorld)
        assert isinstance(two, GitWorld)
        two.repository["url"] = one.repository["url"]
        two.repository["lease"] = one.repository["lease"] = {"ttl": "0s"}
        yield one, two


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_every_backup_under_a_writer_is_whole(
    worlds: tuple[GitWorld, GitWorld], mode: str
) -> None:
    """Each of many backups restores with integrity ok and every row that was committed before."""
    one, two = worlds
    database, restored = (world.base / "app/data/app.db" for world in worlds)
    bad, naive, copies = [], [], one.folder / "naive.db"
    with writing(one.folder, database, mode) as writer:
        for world in worlds:
            assert not (await world.settle()).failures
        for round_ in range(ROUNDS):
            before = writer.committed()
            bad += [f"round {round_}: {said}" for said in await back_up(one) if said != BUSY]
            two.wipe()
            await two.drivers["SyncTarget"].apply(Stage("data"))
            await two.drivers["SyncTarget"].apply(Restore("data"))
            beside = [path.name for path in restored.parent.iterdir() if path != restored]
            if wrong := flaw(restored, before) or ", ".join(beside):
                bad.append(f"round {round_}: {wrong}")
            naive += torn(writer, database, copies)
        for _ in range(ROUNDS * 10):  # few rounds may be lucky ones
            if not naive:
                naive += torn(writer, database, copies)
    sys.stdout.write(
        f"{mode}: {ROUNDS - len(bad)} of {ROUNDS} whole; naive {ROUNDS - len(naive)}\n"
    )
    assert not bad
    assert naive, "the harness would not notice a torn copy"
