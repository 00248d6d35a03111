"""What the user writes for a SyncTarget."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ...core.dotgit import is_dotgit
from ...core.model import Apply, Spec
from ...core.probe_values import Program
from ...core.units import Duration, Name


def _check_relative(path: str) -> str:
    parts = path.removesuffix("/").split("/")
    if path.startswith("/"):
        raise ValueError("must be relative to the repository's base, without a leading /")
    if path.startswith("-") or "\0" in path:
        raise ValueError("must not start with a dash nor hold NUL")
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError("must name a place below the base, without empty parts, . and ..")
    if any(map(is_dotgit, parts)):
        raise ValueError("git cannot keep a path with .git in it")
    return path


def _check_place(path: str) -> str:
    if path.split("/", maxsplit=1)[0] == ".reconciler":
        raise ValueError("in a repository .reconciler/ holds what is written about the others")
    return path


Relative = Annotated[str, AfterValidator(_check_relative)]


class RestorePolicy(Spec):
    """What happens to the path when the stack starts."""

    on_start: Literal["require", "skip"] = "require"
    """require: dependents wait until the backup is in place; skip: what lies there is the truth."""


class SnapshotBy(Spec):
    """A command that makes the copy."""

    exec: Annotated[Program, Apply.LIVE]
    """Leaves the copy in the folder $RECONCILER_SNAPSHOT; $RECONCILER_SOURCE is the path."""


class SyncTargetSpec(Spec):
    """A folder or file that is kept in a repository and restored before its users start."""

    not_yet: ClassVar[tuple[str, ...]] = (
        "largeFiles",
        "verify",
        "writers",
        "restore.timeout",
        "restore.onDiverged",
        "restore.onStart=prefer",
    )

    repository: Annotated[Name, Apply.LIVE]
    """The Repository that keeps it."""
    path: Annotated[Relative, AfterValidator(_check_place), Apply.LIVE]
    """Relative to the repository's base; a folder ends in /, a file does not."""
    excludes: Annotated[tuple[Relative, ...], Apply.LIVE] = ()
    """Paths below the folder that are neither kept nor touched."""
    settle: Annotated[Duration, Apply.LIVE] = 2.0
    """Quiet time before a copy is taken; a path that is never quiet is copied all the same."""
    snapshot: Annotated[Literal["auto", "copy"] | SnapshotBy, Apply.LIVE] = "auto"
    """auto: SQLite databases are taken by their backup API; copy: as the files they are.

    {exec: [...]}: what a command leaves in $RECONCILER_SNAPSHOT, asked at each interval.
    """
    restore: Annotated[RestorePolicy, Apply.LIVE] = Field(default_factory=RestorePolicy)
    """What happens when the stack starts."""
