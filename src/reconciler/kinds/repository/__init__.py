"""Repository: a git remote that keeps copies of data, and the local folder that talks to it."""

from __future__ import annotations

from ...core.kind import Kind
from .actions import RepositoryAction, due, parting, steps
from .health import health
from .spec import RepositorySpec
from .state import RepositoryState, render

KIND: Kind[RepositorySpec, RepositoryState, RepositoryAction] = Kind(
    name="Repository",
    Spec=RepositorySpec,
    State=RepositoryState,
    wave=0,
    render=render,
    steps=steps,
    health=health,
    needs=lambda _: (),
    due=due,
    parting=parting,
    elsewhere=True,
    plural="repositories",
    short="repo",
)
