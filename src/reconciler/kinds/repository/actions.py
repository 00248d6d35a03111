"""What can be done about a Repository, and which change or hour calls for what."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ...core.model import Change, Due, Observed, Resource
from .spec import RepositorySpec
from .state import RepositoryState


class Configure(NamedTuple):
    """Write down where to and as who; nothing goes over the network."""

    name: str
    state: RepositoryState


class Forget(NamedTuple):
    """Remove what is local and already pushed. The remote is never touched."""

    name: str


class Check(NamedTuple):
    """Ask the remote whether it is there and what it holds."""

    name: str


class Leave(NamedTuple):
    """Let whoever comes next write at once."""

    name: str


RepositoryAction: TypeAlias = Configure | Forget | Check | Leave


def steps(change: Change[RepositoryState]) -> tuple[RepositoryAction, ...]:
    name = change.ref.name
    return (Forget(name),) if change.after is None else (Configure(name, change.after),)


def due(resource: Resource[RepositorySpec], seen: Observed[RepositoryState], now: float) -> Due:
    """A look at the remote once per interval, so that trouble shows before it is needed."""
    interval = resource.spec.interval
    if not resource.spec.url:
        return Due()
    checked = seen.vitals.get("checked")
    if checked is None or not checked <= now < checked + interval:
        return Due((Check(resource.ref.name),), after=interval)
    return Due(after=checked + interval - now)


def parting(
    resource: Resource[RepositorySpec], _: Observed[RepositoryState]
) -> tuple[RepositoryAction, ...]:
    """The lease is given back."""
    return (Leave(resource.ref.name),)
