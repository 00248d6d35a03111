"""What can be done about a SyncTarget, and which change or hour calls for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ...core.model import Change, Due, Observed, Resource
from ...core.ordered import Arguments, Obeys, takes_nothing
from .spec import SyncTargetSpec
from .state import SyncTargetState

RETRY: Final = 30.0
"""Seconds after which a backup that failed is tried again, however rare they are."""


class Track(NamedTuple):
    """Write down what is kept where."""

    name: str
    state: SyncTargetState


class Untrack(NamedTuple):
    """Keep it no longer; neither the files nor the remote change."""

    name: str


class Restore(NamedTuple):
    """Put the backup in place, unless what lies there already is newer than it."""

    name: str


class Backup(NamedTuple):
    """Take what differs from the last backup, and push it.

    ``last``: there is no later; whether the path is quiet does not matter.
    """

    name: str
    last: bool = False


class Push(NamedTuple):
    """Bring to the remote what was taken already; nothing is read anew."""

    name: str


SyncTargetAction: TypeAlias = Track | Untrack | Restore | Backup | Push


def steps(change: Change[SyncTargetState]) -> tuple[SyncTargetAction, ...]:
    name, before, after = change.ref.name, change.before, change.after
    if after is None:
        return (Untrack(name),)
    seen = before.model_copy(update={"restored": True}) if before is not None else None
    track = (Track(name, after),) if seen != after else ()
    return (*track, Restore(name)) if _restores(before, after) else track


def disturbs(change: Change[SyncTargetState]) -> bool:
    """A restore replaces files: it waits until nobody has them open."""
    return any(isinstance(step, Restore) for step in steps(change))


def due(resource: Resource[SyncTargetSpec], seen: Observed[SyncTargetState], now: float) -> Due:
    """A backup once per interval, but never of what was not restored: that is not the truth yet."""
    interval = seen.vitals.get("interval")
    if not seen.state.restored or interval is None:
        return Due()
    if seen.vitals.get("error"):
        interval = min(interval, RETRY)
    attempt = seen.vitals.get("attempt")
    if attempt is None or not attempt <= now < attempt + interval:
        return Due((Backup(resource.ref.name),), after=interval)
    return Due(after=attempt + interval - now)


def _backup(resource: Resource[Any], arguments: Arguments) -> tuple[SyncTargetAction, ...]:
    takes_nothing(arguments)
    return (Backup(resource.ref.name),)


def _push(resource: Resource[Any], arguments: Arguments) -> tuple[SyncTargetAction, ...]:
    takes_nothing(arguments)
    return (Push(resource.ref.name),)


OBEYS: Final[Mapping[str, Obeys]] = {
    "backup": Obeys(_backup),
    "push": Obeys(_push),
}
"""What may be ordered to be done once."""


def parting(
    resource: Resource[SyncTargetSpec], seen: Observed[SyncTargetState]
) -> tuple[SyncTargetAction, ...]:
    """What is pending is pushed before the stack goes."""
    return (Backup(resource.ref.name, last=True),) if seen.state.restored else ()


def _restores(before: SyncTargetState | None, after: SyncTargetState) -> bool:
    if after.on_start == "skip":
        return False
    if before is None or not before.restored:
        return True
    place = (before.repository, before.path, before.on_start)
    return place != (after.repository, after.path, after.on_start)
