"""What the user writes for a SyncTarget."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ...core.dotgit import is_dotgit
from ...core.model import Apply, Ref, Spec
from ...core.probe_values import Program
from ...core.schedule import check_schedule, check_timezone
from ...core.units import NAME_PATTERN, Duration, Name
from .large.spec import LargeFiles

_share: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3})?) ?%")
_WHOLE: Final = 100


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


def _check_sample(text: str) -> str:
    if text == "all":
        return text
    match = _share.fullmatch(text.strip())
    if match is None or not 0 < float(match[1]) <= _WHOLE:
        raise ValueError("not a sample; write a share of the files, for example 5%, or all")
    return f"{float(match[1]):g}%"


Relative = Annotated[str, AfterValidator(_check_relative)]


class RestorePolicy(Spec):
    """What happens to the path when the stack starts."""

    on_start: Literal["require", "prefer", "skip"] = "require"
    """require: dependents wait until the backup is in place; prefer: no longer than ``timeout``,
    then they start without and nothing is backed up until it was restored or a person decided;
    skip: what lies there is the truth."""
    timeout: Annotated[Duration, Field(gt=0)] = 1800.0
    """How long ``prefer`` waits for a restore; ``require`` waits on, and is Degraded from then."""
    on_diverged: Literal["keepBoth"] = "keepBoth"
    """What lies here and differs is put aside, and the backup wins."""


class Verify(Spec):
    """A drill: the remote's content is restored into a scratch folder and looked through."""

    schedule: Annotated[str, AfterValidator(check_schedule)]
    """When, as a cron line: "0 5 * * 0"."""
    timezone: Annotated[str | None, AfterValidator(lambda text: text and check_timezone(text))] = (
        None
    )
    """The time zone of the schedule; without one, that of the machine."""
    sample: Annotated[str, AfterValidator(_check_sample)] = "5%"
    """A share of the files, others each time, or all."""

    @property
    def share(self) -> float:
        """The share as a number from 0 to 1."""
        return 1.0 if self.sample == "all" else float(self.sample.removesuffix("%")) / _WHOLE


Writer = Annotated[str, StringConstraints(pattern=r"^(Process/)?" + NAME_PATTERN[1:])]


class SnapshotBy(Spec):
    """A command that makes the copy."""

    exec: Annotated[Program, Apply.LIVE]
    """Leaves the copy in the folder $RECONCILER_SNAPSHOT; $RECONCILER_SOURCE is the path."""


class Secrets(Spec):
    """What happens when a file that is to be kept holds something that looks like a secret."""

    on_found: Literal["auto", "hold", "report", "ignore"] = "auto"
    """auto: a file with a private key, or a secret that this stack was given, is held: the backup
    keeps the version it has; others are kept and named. hold, report: so for all. ignore: look for
    none."""
    allow: tuple[Relative, ...] = ()
    """Files, and folders ending in a slash, that may hold secrets."""


class SyncTargetSpec(Spec):
    """A folder or file that is kept in a repository and restored before its users start."""

    not_yet: ClassVar[tuple[str, ...]] = ()

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
    large_files: Annotated[LargeFiles | None, Apply.LIVE] = None
    """Where files go that are too large for git; without it they are left out, and named."""
    restore: Annotated[RestorePolicy, Apply.LIVE] = Field(default_factory=RestorePolicy)
    """What happens when the stack starts."""
    secrets: Annotated[Secrets, Apply.LIVE] = Field(default_factory=Secrets)
    """What happens to files with secrets in them."""
    verify: Annotated[Verify | None, Apply.LIVE] = None
    """A restore drill on a schedule; without one, only by hand."""
    writers: Annotated[tuple[Writer, ...], Apply.LIVE] = ()
    """Processes that write here and do not wait for the restore: Process/bot. They are stopped
    while files under them are replaced, and started again after."""

    @property
    def writing(self) -> tuple[Ref, ...]:
        """The same as refs."""
        return tuple(Ref("Process", one.rpartition("/")[2]) for one in self.writers)
