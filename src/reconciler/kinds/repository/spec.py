"""What the user writes for a Repository."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BeforeValidator, Field

from ...core.git_names import Auth, Line, check_branch, check_url, no_secret
from ...core.model import Apply, Spec
from ...core.units import Duration

_SHORTEST: Final = 1.0
_SHORTEST_LEASE: Final = 30.0


def _check_remote(url: str) -> str:
    return check_url(url) if url else url


def _check_interval(seconds: float) -> float:
    if seconds < _SHORTEST:
        raise ValueError("shorter than a second; write for example 180s")
    return seconds


def _check_lease(seconds: float) -> float:
    if 0 < seconds < _SHORTEST_LEASE:
        raise ValueError("shorter than 30s: a slow push would lose it; 0s for none")
    return seconds


class Committer(Spec):
    """Who the commits are by."""

    name: Line = "reconciler"
    email: Line = "reconciler@localhost"


class Lease(Spec):
    """Who may write: one stack per branch, the others wait."""

    ttl: Annotated[Duration, AfterValidator(_check_lease)] = 600.0
    """How long after the last sign of life another may take over; 0s: everybody writes."""
    holder: Line | None = None
    """A name that this stack has again after it was started anew, on whatever machine."""


class RepositorySpec(Spec):
    """A git repository that keeps copies of data."""

    not_yet: ClassVar[tuple[str, ...]] = ()

    url: Annotated[str, BeforeValidator(no_secret), AfterValidator(_check_remote), Apply.LIVE]
    """https, ssh or a path; never a password in it. Empty: there is none, so nothing is kept and
    what waits for a restore starts at once. ``${VAR}`` is filled in from the environment of
    ``reconciler up``."""
    branch: Annotated[str, AfterValidator(check_branch), Apply.LIVE] = "main"
    """The branch to write to. It must exist, unless the repository is empty."""
    auth: Annotated[Auth | None, Apply.LIVE] = None
    """Credentials for http and https."""
    committer: Annotated[Committer, Apply.LIVE] = Field(default_factory=Committer)
    """Author of the commits."""
    interval: Annotated[Duration, AfterValidator(_check_interval), Apply.LIVE] = 180.0
    """Time between two backups."""
    base: Annotated[str, AfterValidator(check_url), Apply.LIVE] = "/"
    """The folder that paths of sync targets are relative to; itself relative to the spec root."""
    lease: Annotated[Lease, Apply.LIVE] = Field(default_factory=Lease)
    """A note on the remote by which a second stack that would write there becomes read-only."""
