"""What a SyncTarget looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

from posixpath import normpath

from ...core.model import Resource, State
from .large.state import LargeState, render_large
from .spec import SnapshotBy, SyncTargetSpec


class SyncTargetState(State):
    """What is kept where, and whether what lies at the path may be used."""

    repository: str
    path: str
    excludes: tuple[str, ...]
    settle: float
    snapshot: str
    on_start: str
    restored: bool
    staged: bool = True
    """Whether all that is to be put in place lies ready beside it, or in place."""
    timeout: float = 0.0
    schedule: str = ""
    """When it is verified, with the time zone; empty for never."""
    command: tuple[str, ...] = ()
    """What makes the copy, when ``snapshot`` is exec."""
    large: LargeState | None = None
    """Where files go that are too large for git."""
    secrets: str = "ignore"
    allowed: tuple[str, ...] = ()
    """Paths that may hold secrets."""


def render(resource: Resource[SyncTargetSpec]) -> SyncTargetState:
    spec, verify = resource.spec, resource.spec.verify
    return SyncTargetState(
        repository=spec.repository,
        path=spec.path,
        excludes=tuple(sorted({path.removesuffix("/") for path in spec.excludes})),
        settle=spec.settle,
        snapshot="exec" if isinstance(spec.snapshot, SnapshotBy) else spec.snapshot,
        on_start=spec.restore.on_start,
        restored=True,
        timeout=spec.restore.timeout,
        schedule=f"{verify.schedule} {verify.timezone or ''}".strip() if verify else "",
        command=_command(resource),
        secrets=spec.secrets.on_found,
        allowed=tuple(sorted({path.removesuffix("/") for path in spec.secrets.allow})),
        large=render_large(spec.large_files, resource.root) if spec.large_files else None,
    )


def _command(resource: Resource[SyncTargetSpec]) -> tuple[str, ...]:
    """The command, its program as a whole path where it is written as a path."""
    how = resource.spec.snapshot
    if not isinstance(how, SnapshotBy):
        return ()
    program, *arguments = how.exec
    if "/" in program:
        program = normpath(str(resource.root / program))
    return (program, *arguments)
