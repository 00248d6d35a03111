"""Backups as the original's clients know them: its status, its log, its progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from .view import View

SHORT: Final = 8
MIB: Final = 1 << 20
LIMIT: Final = 100_000_000
"""Bytes of the largest file that goes to git."""
WHOLE: Final = 100
STAGES: Final[Mapping[str, tuple[str, int, int]]] = {
    "fetch": ("git", 10, 25),
    "restore": ("linking", 30, 50),
    "download": ("lfs_download", 50, 95),
}
"""What is being done -> the original's word for it, and the part of a hundred it stands for."""

Shape: TypeAlias = dict[str, Any]


class SyncStatus(BaseModel):
    """The original's status."""

    base: str
    hist_dir: str
    branch: str
    repo: str
    targets: list[str]
    excludes: list[str]
    ready: bool
    git_initialized: bool
    dirty: bool
    head: str
    remote_head: str


class SyncDone(BaseModel):
    """What was asked is done, or is being done still."""

    ok: bool
    note: str = ""
    pending: list[str] = []


class SyncTracked(SyncDone):
    """How many marks of empty folders were written: none, they are kept without."""

    written: int


class SyncTargets(BaseModel):
    """Paths that are kept; a folder ends in ``/``."""

    targets: list[str]


class SyncExcludes(BaseModel):
    """Paths that are not."""

    excludes: list[str]


class SyncLogs(BaseModel):
    """The newest versions."""

    ok: bool
    logs: list[dict[str, str]]


class SyncFiles(BaseModel):
    """What the newest version holds."""

    ok: bool
    files: list[str]
    total: int
    limit: int


class SyncLarge(BaseModel):
    """Files too large for git."""

    ok: bool
    files: list[str]
    count: int
    threshold_mb: float


class SyncProgress(BaseModel):
    """How far the restore is."""

    stage: str
    progress: int
    message: str = ""
    current: int = 0
    total: int = 0


def status_shape(repositories: Sequence[View], targets: Sequence[View], head: str) -> Shape:
    """All targets as one repository; of several the first is told."""
    first: View = next(iter(repositories), {})
    tip = str(first.get("tip") or "")
    return {
        "base": first.get("base") or "",
        "hist_dir": first.get("path") or "",
        "branch": first.get("branch") or "",
        "repo": first.get("url") or "",
        "targets": paths(targets),
        "excludes": excludes(targets),
        "ready": all(one["restored"] for one in targets),
        "git_initialized": bool(first.get("path")),
        "dirty": any(one["unpushed"] or one["error"] for one in targets),
        "head": head or tip,
        "remote_head": tip,
    }


def paths(targets: Iterable[View]) -> list[str]:
    """What is kept."""
    return [one["path"] for one in targets if not one["suspend"]]


def excludes(targets: Iterable[View]) -> list[str]:
    """What is not kept of it."""
    return [f"{one['path']}{path}" for one in targets for path in one["excludes"]]


def log_shape(versions: Iterable[View]) -> list[dict[str, str]]:
    """Each version once, though it may have touched several targets."""
    found = {one["commit"]: one for one in versions}
    rows = sorted(found.values(), key=lambda one: str(one["time"]), reverse=True)
    return [
        {
            "hash": one["commit"][:SHORT],
            "message": one["message"],
            "date": one["time"],
            "author": one["author"],
        }
        for one in rows
    ]


def progress_shape(targets: Sequence[View], *, disabled: bool) -> Shape:
    """How far the restore of all is; complete where there is none to wait for."""
    waiting = [one for one in targets if not one["restored"] and not one["suspend"]]
    if not waiting:
        said = "no repository is set, so nothing is restored" if disabled else ""
        return {"stage": "complete", "progress": WHOLE, "message": said}
    first = next((one for one in waiting if one["progress"]), waiting[0])
    far = first["progress"] or {}
    stage, begin, end = STAGES.get(far.get("stage", ""), ("starting", 0, 0))
    done, total = far.get("done", 0), far.get("total", 0)
    part = begin + (end - begin) * done // total if total else begin
    whole = (WHOLE * (len(targets) - len(waiting)) + part) // len(targets)
    message = f"{first['name']}: {first['health']['message']}".rstrip(": ")
    return {
        "stage": stage,
        "progress": min(whole, WHOLE - 1),
        "message": message,
        "current": done,
        "total": total,
    }
