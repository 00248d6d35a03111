"""How a verb ends: its exit code, or a failure that says how to mend it."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import Final

NAMED: Final = 5


class Exit(IntEnum):
    """The exit codes; they never change."""

    OK = 0
    DIFFERENCES = 1
    FAILED = 2
    UNHEALTHY = 3
    INTERRUPTED = 130


class Failure(Exception):  # noqa: N818 - read as "raise Failure"
    """A verb could not do its work; ``hint`` says how to mend it."""

    def __init__(self, message: str, *, hint: str = "", code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


def spoken(error: OSError) -> str:
    """What the system refused, without its numbers; empty when it did not say."""
    said = (error.strerror or "").lower()
    return f"{os.fsdecode(error.filename)}: {said}" if said and error.filename else said


def whose(error: OSError) -> str:
    """Where this user may not do what was asked: who may; empty when that is not the reason."""
    if not isinstance(error, PermissionError) or not error.filename:
        return ""
    path = Path(os.fsdecode(error.filename))
    for place in (path, *path.parents):
        with suppress(OSError):
            owner = place.stat().st_uid
            if owner == os.geteuid():
                return ""
            return f"{place} belongs to {called(owner)}; run the command as that user"
    return ""


def called(uid: int) -> str:
    """The name of a user, or its number as ``sudo -u`` takes it."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def processes(pids: Collection[int]) -> str:
    """Some processes in words."""
    named = ", ".join(map(str, sorted(pids)[:NAMED])) + ", …" * (len(pids) > NAMED)
    return f"1 process (pid {named})" if len(pids) == 1 else f"{len(pids)} processes (pids {named})"
