"""What the user writes for a SyncTarget."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ...core.model import Apply, Spec
from ...core.units import Duration, Name


def _check_relative(path: str) -> str:
    parts = path.removesuffix("/").split("/")
    if path.startswith("/"):
        raise ValueError("must be relative to the repository's base, without a leading /")
    if path.startswith("-") or "\0" in path:
        raise ValueError("must not start with a dash nor hold NUL")
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError("must name a place below the base, without empty parts, . and ..")
    if any(part.lower() in {".git", "git~1"} for part in parts):
        raise ValueError("git cannot keep a path with .git in it")
    return path


Relative = Annotated[str, AfterValidator(_check_relative)]


class RestorePolicy(Spec):
    """What happens to the path when the stack starts."""

    on_start: Literal["require", "skip"] = "require"
    """require: dependents wait until the backup is in place; skip: what lies there is the truth."""


class SyncTargetSpec(Spec):
    """A folder or file that is kept in a repository and restored before its users start."""

    not_yet: ClassVar[tuple[str, ...]] = (
        "largeFiles",
        "verify",
        "writers",
        "snapshot.exec",
        "restore.timeout",
        "restore.onDiverged",
        "restore.onStart=prefer",
    )

    repository: Annotated[Name, Apply.LIVE]
    """The Repository that keeps it."""
    path: Annotated[Relative, Apply.LIVE]
    """Relative to the repository's base; a folder ends in /, a file does not."""
    excludes: Annotated[tuple[Relative, ...], Apply.LIVE] = ()
    """Paths below the folder that are neither kept nor touched."""
    settle: Annotated[Duration, Apply.LIVE] = 2.0
    """Quiet time before a copy is taken; a path that is never quiet is copied all the same."""
    snapshot: Annotated[Literal["auto", "copy"], Apply.LIVE] = "auto"
    """auto: SQLite databases are taken by their backup API; copy: as the files they are."""
    restore: Annotated[RestorePolicy, Apply.LIVE] = Field(default_factory=RestorePolicy)
    """What happens when the stack starts."""
