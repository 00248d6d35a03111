"""Clears what dead writers left in a git folder: their processes, and the locks they held."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .proc import start_time


def sweep(folder: Path, incarnation: str, age: float) -> bool:
    """Whether nobody is at work there now; then no lock older than ``age`` seconds is left.

    A person's git is left alone, with its locks. One that works unseen has its locks while young.
    """
    _end_orphans(folder, incarnation)
    if any(True for _ in _users(folder)):
        return False
    for lock in _locks(folder):
        with suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime >= age:
                lock.unlink()
    drop_leftovers(folder)
    return True


def drop_leftovers(folder: Path) -> None:
    """Remove what transfers and writers that failed left half written, unless somebody is at it."""
    found = [*folder.glob("objects/pack/tmp_*"), *folder.glob("objects/tmp_*")]
    found += folder.glob("objects/[0-9a-f][0-9a-f]/tmp_*")
    if found and not any(True for _ in _users(folder)):
        for path in found:
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _end_orphans(folder: Path, ours: str) -> None:
    for pid, incarnation in _users(folder):
        if incarnation and incarnation != ours and not _lives(incarnation):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(mark for _, mark in _users(folder)):
        time.sleep(0.01)


def _users(folder: Path) -> Iterator[tuple[int, str]]:
    """Live processes that work on ``folder``, with the incarnation of the operator they serve."""
    wanted = b"GIT_DIR=" + os.fsencode(folder)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            variables = (entry / "environ").read_bytes().split(b"\0")
            if wanted in variables:
                marks = (v for v in variables if v.startswith(b"RECONCILER_INCARNATION="))
                yield int(entry.name), next(marks, b"=").split(b"=", 1)[1].decode()


def _lives(incarnation: str) -> bool:
    pid, _, started = incarnation.partition(":")
    return pid.isdigit() and str(start_time(int(pid))) == started


def _locks(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.lock")
    yield from (folder / "refs").rglob("*.lock")
    yield from (folder / "objects").glob("info/*.lock")
    yield folder / "gc.pid"
