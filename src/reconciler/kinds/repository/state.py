"""What a Repository looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

from pathlib import PurePath
from posixpath import normpath

from ...core.git_names import is_path
from ...core.model import Resource, State
from ...core.sealed import Sealed
from .spec import RepositorySpec


class RepositoryState(State):
    """Where copies go, as who, how often."""

    url: str
    branch: str
    base: str
    committer_name: str
    committer_email: str
    interval: float
    username: str | None = None
    password: Sealed | None = None
    lease: float = 0.0
    holder: str | None = None


def render(resource: Resource[RepositorySpec]) -> RepositoryState:
    spec = resource.spec
    return RepositoryState(
        url=_absolute(resource.root, spec.url) if spec.url and is_path(spec.url) else spec.url,
        branch=spec.branch,
        base=_absolute(resource.root, spec.base),
        committer_name=spec.committer.name,
        committer_email=spec.committer.email,
        interval=spec.interval,
        username=spec.auth.username if spec.auth else None,
        password=spec.auth.password if spec.auth else None,
        # It is renewed once an interval: it must outlast two.
        lease=max(spec.lease.ttl, 2.5 * spec.interval) if spec.lease.ttl else 0.0,
        holder=spec.lease.holder,
    )


def _absolute(root: PurePath, path: str) -> str:
    return normpath(str(root / path))
