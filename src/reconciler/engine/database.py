"""Opens the SQLite files of a stack: to write, or as a copy in memory that leaves no trace."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from ..clients.files import make_private


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection usable from any thread; the file is private to its owner.

    Raises sqlite3.Error or OSError when it cannot be read.
    """
    if read_only:
        return _copy(path)
    make_private(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(path, check_same_thread=False)


def _copy(path: Path) -> sqlite3.Connection:
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    if path.exists():
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
            file.backup(memory)
    return memory
