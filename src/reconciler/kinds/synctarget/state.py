"""What a SyncTarget looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

from ...core.model import Resource, State
from .spec import SyncTargetSpec


class SyncTargetState(State):
    """What is kept where, and whether what lies at the path may be used."""

    repository: str
    path: str
    excludes: tuple[str, ...]
    settle: float
    snapshot: str
    on_start: str
    restored: bool


def render(resource: Resource[SyncTargetSpec]) -> SyncTargetState:
    spec = resource.spec
    return SyncTargetState(
        repository=spec.repository,
        path=spec.path,
        excludes=tuple(sorted({path.removesuffix("/") for path in spec.excludes})),
        settle=spec.settle,
        snapshot=spec.snapshot,
        on_start=spec.restore.on_start,
        restored=True,
    )
