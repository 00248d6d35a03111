"""Reads what the keeper shows of itself; that takes no word with supervisord."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def shows(path: Path, life: str, version: int) -> bool:
    """Whether the keeper lives, and is in just this version of this life."""
    line = f"{life} {version:020d}\n".encode()
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:  # a keeper that shows nothing is asked
        return False
    try:
        return os.pread(file, len(line) + 1, 0) == line and _is_held(file)
    except OSError:
        return False
    finally:
        os.close(file)


def _is_held(file: int) -> bool:
    """Whether somebody has it locked, as the keeper does for as long as it lives."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False  # to close it gives the lock back
